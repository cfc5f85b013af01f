"""Write published/: numbers that the published Phi-3-Vision code gives for a small random model.

Needs an environment of its own, with the transformers of 2024, and a copy of the published files; see README.md.

    python -m tests.golden.phi3v.make_published phi-3.5 --remote-code DIR
    python -m tests.golden.phi3v.make_published phi-3 --remote-code DIR

The first command makes tokenizer and weights; the second uses the same weights with other settings.
"""

import argparse
import ast
import dataclasses
import importlib
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import PIL
import tokenizers
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.golden.phi3v.drawing import draw
from tests.golden.phi3v.published_cases import BATCHES, CASES, FILLING, MAX_LENGTH, SIZES, SWITCH_LENGTH, Case
from tests.golden.phi3v.small_model import (
    CLIP,
    IGNORED,
    STOP_TOKENS,
    sample_weights,
    small_config,
    tokenizer_documents,
)

PUBLISHED = Path(__file__).with_name("published")
WEIGHTS = PUBLISHED / "phi-3.5" / "model.safetensors"
TOKENIZER = PUBLISHED / "phi-3.5" / "tokenizer.json"
NEW_TOKENS = 12
SMALLEST_MARGIN = 0.005
"""Greedy ids are rejected where the second-best logit is nearer than this."""

NO_IMAGE = {"pixel_values": torch.zeros(1, 2, 3, 336, 336), "image_sizes": torch.tensor([[336, 336]])}
"""Passed with text alone, which has no position for it and ignores it.

One public copy of the code otherwise runs a blank image of the full size, which does not fit the small tower.
"""


class WithoutAssertions(ast.NodeTransformer):
    """Remove assertions: one names the width of the full-size tower; all other sizes come from the configuration."""

    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.Pass()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=sorted(CASES))
    parser.add_argument("--remote-code", type=Path, required=True, help="Folder of the published files.")
    arguments = parser.parse_args()
    out = PUBLISHED / arguments.variant
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        package = import_published(arguments.remote_code, Path(scratch))
        Maker(arguments.variant, arguments.remote_code, package, out).run(Path(scratch))


def import_published(remote_code: Path, scratch: Path) -> dict[str, ModuleType]:
    """Import the needed published modules without assertions, with the small tower in place of CLIP ViT-L."""
    import_torchvision()
    folder = scratch / "published_phi3v"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for path in remote_code.glob("*_phi3_v.py"):
        tree = WithoutAssertions().visit(ast.parse(path.read_text(encoding="utf-8")))
        (folder / path.name).write_text(ast.unparse(tree), encoding="utf-8")
    sys.path.insert(0, str(scratch))
    names = ["configuration", "modeling", "processing", *(["image_embedding"] if _has_embedding(folder) else [])]
    package = {name: importlib.import_module(f"published_phi3v.{name}_phi3_v") for name in names}
    holder = package.get("image_embedding", package["modeling"])
    vars(holder)["CLIP_VIT_LARGE_PATCH14_336_CONFIG"] = transformers.CLIPVisionConfig(**CLIP)
    return package


def _has_embedding(folder: Path) -> bool:
    """Return whether the image embedding is in a file of its own (Phi-3) and not with the model (Phi-3.5)."""
    return (folder / "image_embedding_phi3_v.py").exists()


def import_torchvision() -> None:
    """Import torchvision for its functions on Pillow images; declare its operators where compiled code is missing."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("torchvision")


class Maker:
    """The published model and processor of one variant, and their inputs."""

    def __init__(self, variant: str, remote_code: Path, package: dict[str, ModuleType], out: Path) -> None:
        self.variant, self.remote_code, self.package, self.out = variant, remote_code, package, out
        self.arrays: dict[str, Tensor] = {}
        self.rows: dict[str, dict[str, Any]] = {}

    def run(self, scratch: Path) -> None:
        """Write configuration, weights and tokenizer, then the numbers of all cases and batches."""
        published = json.loads((self.remote_code / "config.json").read_text(encoding="utf-8"))
        config = small_config(published, SWITCH_LENGTH[self.variant], MAX_LENGTH[self.variant])
        images = json.loads((self.remote_code / "preprocessor_config.json").read_text(encoding="utf-8"))
        if self.variant == "phi-3.5":
            write_json(TOKENIZER, tokenizer_documents()[0])
        write_json(self.out / "config.json", config)
        write_json(self.out / "preprocessor_config.json", images)
        self.model = self.build_model(config)
        self.processor = self.build_processor(scratch, images)
        if self.variant == "phi-3":
            written = json.loads((PUBLISHED / "phi-3.5" / "cases.json").read_text(encoding="utf-8"))
            assert self.parameters() == written["parameters"]
        cases = [self.ask(case) for case in CASES[self.variant]]
        batches = [self.ask_batch(name, of) for name, of in BATCHES[self.variant].items()]
        document = {
            "made_with": {each.__name__: each.__version__ for each in (torch, transformers, tokenizers, PIL)},
            "parameters": self.parameters() if self.variant == "phi-3.5" else [],
            "cases": cases,
            "batches": batches,
            "sizes": list(self.sizes()) if self.variant == "phi-3.5" else [],
        }
        write_json(self.out / "cases.json", document)
        save_tensors(self.out / "cases.safetensors", self.arrays)

    def parameters(self) -> list[str]:
        """Return the names in the order of the `grad_norms`, for both variants."""
        return [name for name, _ in self.model.named_parameters()]

    def build_model(self, document: dict[str, Any]) -> Any:
        """Return the published model with the small weights, in float32, with eager attention."""
        fields = {name: value for name, value in document.items() if name not in ("_attn_implementation", "auto_map")}
        config = self.package["configuration"].Phi3VConfig(**fields, attn_implementation="eager")
        model = self.package["modeling"].Phi3VForCausalLM(config).eval()
        shapes = {n: tuple(t.shape) for n, t in model.state_dict().items() if not IGNORED.search(n)}
        if self.variant == "phi-3.5":
            save_tensors(WEIGHTS, sample_weights(shapes))
        weights = {name: tensor.float() for name, tensor in load_file(WEIGHTS).items()}
        assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == shapes
        missing, unexpected = model.load_state_dict(weights, strict=False)
        assert not unexpected
        assert all(IGNORED.search(name) for name in missing)
        return model

    def build_processor(self, scratch: Path, images: dict[str, Any]) -> Any:
        """Return the published processor with the small tokenizer, loaded like the published one."""
        folder = scratch / "tokenizer"
        folder.mkdir()
        shutil.copy(TOKENIZER, folder / "tokenizer.json")
        write_json(folder / "tokenizer_config.json", tokenizer_documents()[1])
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        assert type(tokenizer).__name__ == "LlamaTokenizerFast"
        processing = self.package["processing"]
        fields = {name: value for name, value in images.items() if name != "auto_map"}
        return processing.Phi3VProcessor(processing.Phi3VImageProcessor(**fields), tokenizer)

    def ask(self, case: Case) -> dict[str, Any]:
        """Return all numbers of one case; add its arrays to `arrays`."""
        case = self.fill(case)
        batch, prompt = self.inputs(case, case.prompt + case.answer), self.inputs(case, case.prompt)
        ids, start = batch["input_ids"][0].tolist(), prompt["input_ids"].shape[1]
        labels = batch["input_ids"].clone()
        labels[:, :start] = -100
        self.rows[case.name] = {"batch": batch, "prompt": prompt, "labels": labels, "case": case}
        found: dict[str, Any] = {
            **{name: getattr(case, name) for name in ("name", "prompt", "answer", "num_crops")},
            "drawings": [dataclasses.asdict(drawing) for drawing in case.drawings],
            "prompt_length": start,
            "length": len(ids),
            "input_ids": list(runs(ids)),
        }
        if case.drawings:
            found |= self.image_numbers(case.name, batch)
        output = self.forward(batch, labels)
        self.arrays[f"{case.name}.logits"] = output.logits[0, -4:].detach().contiguous().clone()
        found["loss"] = output.loss.item()
        self.gradient_norms(case.name, output.loss)
        generated, margin = self.greedy(prompt)
        self.check_without_cache(case, prompt, generated[0])
        print(f"{case.name}: {start} + {len(ids) - start} ids, loss {found['loss']:.3f}, margin {margin:.3f}")
        return found | {"generated_ids": generated[0], "generated_min_margin": round(margin, 4)}

    def fill(self, case: Case) -> Case:
        """Return the case with enough digits to make it `filled_to` ids long; a digit is one id."""
        if case.filled_to is None:
            return case

        def filled(count: int) -> Case:
            return dataclasses.replace(case, prompt=case.prompt.replace(FILLING, digits(count)))

        def length(count: int) -> int:
            each = filled(count)
            return int(self.inputs(each, each.prompt + each.answer)["input_ids"].shape[1])

        count = 10 + case.filled_to - length(10)
        assert length(count) == case.filled_to
        return filled(count)

    def inputs(self, case: Case, text: str) -> dict[str, Any]:
        """Return the published processor's output for a text and the images of the case."""
        self.processor.image_processor.num_crops = case.num_crops
        images = [draw(**dataclasses.asdict(drawing)) for drawing in case.drawings]
        return dict(self.processor(text, images or None, return_tensors="pt"))

    def forward(self, batch: dict[str, Any], labels: Tensor | None = None) -> Any:
        """Return the model's output; it may overwrite its ids, so it gets a copy."""
        inputs = NO_IMAGE | batch | {"input_ids": batch["input_ids"].clone()}
        return self.model(**inputs, labels=labels, use_cache=False)

    def image_numbers(self, name: str, batch: dict[str, Any]) -> dict[str, Any]:
        """Return sizes of the images, and some of their pixels and vectors."""
        pixels, sizes = batch["pixel_values"], batch["image_sizes"].tolist()
        crops = [1 + (height // 336) * (width // 336) for height, width in sizes]
        used = torch.cat([image[:count] for image, count in zip(pixels, crops, strict=True)])
        unused = torch.cat([image[count:] for image, count in zip(pixels, crops, strict=True)])
        assert not unused.any()
        with torch.no_grad():
            embedded = self.image_vectors(batch)
        rows = [*range(0, len(embedded), 67), len(embedded) - 1]
        # Around the separator of the first image: the last line end, the separator itself, and what follows.
        separator = int((batch["input_ids"] == -1).sum()) - 157
        rows = sorted({*rows, 12, separator - 1, separator, separator + 1, separator + 13})
        self.arrays[f"{name}.pixels"] = used[:, :, 7::61, 5::59].contiguous()
        self.arrays[f"{name}.pixel_moments"] = torch.stack([used.mean(dim=(1, 2, 3)), used.std(dim=(1, 2, 3))], dim=1)
        self.arrays[f"{name}.vectors"] = embedded[rows].contiguous()
        counts = [int((batch["input_ids"] == -number).sum()) for number in range(1, len(sizes) + 1)]
        shape = list(pixels.shape)
        return {"pixel_values_shape": shape, "image_sizes": sizes, "num_image_tokens": counts, "vector_rows": rows}

    def image_vectors(self, batch: dict[str, Any]) -> Tensor:
        """Return (vectors, width): the decoder's inputs at the image positions."""
        kept: list[Tensor] = []
        hook = self.model.model.layers[0].register_forward_pre_hook(
            lambda layer, args, kwargs: kept.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
        )
        self.forward(batch)
        hook.remove()
        return kept[0][batch["input_ids"] < 0]

    def gradient_norms(self, name: str, loss: Tensor) -> None:
        """Store the L2 norm of the gradient of every parameter, NaN where there is none."""
        self.model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        norms = [float("nan") if p.grad is None else p.grad.norm().item() for p in self.model.parameters()]
        self.arrays[f"{name}.grad_norms"] = torch.tensor(norms)

    def greedy(self, batch: dict[str, Any]) -> tuple[list[list[int]], float]:
        """Return twelve new ids of each row without stop tokens, and the smallest distance to a second-best logit."""
        stop = [self.processor.tokenizer.convert_tokens_to_ids(token) for token in STOP_TOKENS]
        inputs = NO_IMAGE | batch | {"input_ids": batch["input_ids"].clone()}
        with torch.no_grad():
            output = self.model.generate(
                **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False, use_cache=True,
                eos_token_id=stop, pad_token_id=stop[1], return_dict_in_generate=True, output_scores=True,
            )  # fmt: skip
        best = torch.stack(output.scores).topk(2).values
        margin = (best[..., 0] - best[..., 1]).min().item()
        assert margin > SMALLEST_MARGIN, margin
        return output.sequences[:, -NEW_TOKENS:].tolist(), margin

    def check_without_cache(self, case: Case, prompt: dict[str, Any], generated: Sequence[int]) -> None:
        """Check that each generated id is also the best one without the cache."""
        stop = [self.processor.tokenizer.convert_tokens_to_ids(token) for token in STOP_TOKENS]
        start = prompt["input_ids"].shape[1]
        crosses = start <= SWITCH_LENGTH[self.variant] < start + NEW_TOKENS - 1
        for count in range(NEW_TOKENS) if crosses else [NEW_TOKENS - 1]:
            ids = torch.cat([prompt["input_ids"], torch.tensor([list(generated[:count])], dtype=torch.long)], dim=1)
            with torch.no_grad():
                logits = self.forward(prompt | {"input_ids": ids, "attention_mask": torch.ones_like(ids)}).logits[0]
            logits[:, stop] = float("-inf")
            best = logits[start - 1 :].argmax(dim=-1).tolist()
            assert best[-1] == generated[count], (case.name, count)
            assert crosses or best == list(generated), case.name

    def ask_batch(self, name: str, of: Sequence[str]) -> dict[str, Any]:
        """Return loss and gradients of rows padded on the right, greedy ids of prompts padded on the left."""
        rows = [self.rows[row] for row in of]
        pad = self.processor.tokenizer.pad_token_id
        batch = join([row["batch"] for row in rows], pad, left=False)
        labels = pad_rows([row["labels"][0] for row in rows], -100, left=False)
        output = self.forward(batch, labels)
        self.gradient_norms(name, output.loss)
        for logits, row, one in zip(output.logits, rows, of, strict=True):
            length = row["batch"]["input_ids"].shape[1]
            drift = (logits[length - 4 : length] - self.arrays[f"{one}.logits"]).abs().max().item()
            assert drift < 1e-4, (name, one, drift)
        generated, margin = self.greedy(join([row["prompt"] for row in rows], pad, left=True))
        print(f"{name}: loss {output.loss.item():.3f}, margin {margin:.3f}")
        return {
            "name": name,
            "of": list(of),
            "loss": output.loss.item(),
            "generated_ids": generated,
            "generated_min_margin": round(margin, 4),
        }

    def sizes(self) -> Iterator[list[int]]:
        """Yield rows of width, height, num_crops, padded height, padded width, number of image tokens."""
        for width, height, num_crops in SIZES:
            self.processor.image_processor.num_crops = num_crops
            found = self.processor.image_processor(Image.new("RGB", (width, height)), return_tensors="pt")
            yield [width, height, num_crops, *found["image_sizes"][0].tolist(), int(found["num_img_tokens"][0])]


def join(batches: Sequence[dict[str, Any]], pad: int, left: bool) -> dict[str, Any]:
    """Join rows to one batch, with the images of all rows concatenated."""
    ids = [batch["input_ids"][0] for batch in batches]
    joined = {
        "input_ids": pad_rows(ids, pad, left=left),
        "attention_mask": pad_rows([torch.ones_like(row) for row in ids], 0, left=left),
    }
    for name in ("pixel_values", "image_sizes"):
        if found := [batch[name] for batch in batches if name in batch]:
            joined[name] = torch.cat(found)
    return joined


def pad_rows(rows: Sequence[Tensor], fill: int, left: bool) -> Tensor:
    """Pad rows of any length to shape (B, T)."""
    length = max(len(row) for row in rows)
    padded = []
    for row in rows:
        filler = torch.full((length - len(row),), fill)
        padded.append(torch.cat([filler, row] if left else [row, filler]))
    return torch.stack(padded)


def runs(ids: Sequence[int]) -> Iterator[int | list[int]]:
    """Yield single ids, and repeated ones as a pair of id and count."""
    for token, run in itertools.groupby(ids):
        count = len(list(run))
        yield token if count == 1 else [token, count]


def digits(count: int) -> str:
    """Return pseudo-random digits, always the same."""
    state, found = 1, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        found.append(str((state >> 16) % 10))
    return "".join(found)


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file that all users may read."""
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write indented JSON with lists of numbers on one line."""
    entries = []
    for name, value in document.items():
        nested = isinstance(value, list) and value and isinstance(value[0], dict)
        text = json.dumps(value, ensure_ascii=False)
        if nested:
            text = "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in value) + "\n]"
        entries.append(f"{json.dumps(name)}: {text}")
    path.write_text("{\n" + ",\n".join(entries) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
