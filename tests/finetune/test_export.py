"""Adapters record the base they fit; merged and exported, they are a checkpoint like any other."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from peft import (
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PrefixTuningConfig,
    get_peft_model,
)
from peft.tuners.lora import Linear as LoraLinear
from safetensors.torch import load_file, save_file
from torch import Tensor

from finetune.adapters import describe_base, load_model, merge_adapter
from finetune.export import export
from finetune.phi3v import Phi3VForCausalLM, save_model
from finetune.run_dir import load_run
from finetune.train import train
from schemas.errors import ToileError
from schemas.training import LoraSpec, MixSource, OptimiserSpec, TrainingSpec
from schemas.util.files import file_sha256
from tests.finetune.phi3v.test_processing import PROMPT
from tests.finetune.phi3v.test_tiling import make_image
from toile.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by a name on its way out
AUTO_MAP = {"AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM"}


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in bfloat16 with the other files of published folders."""
    folder = tmp_path_factory.mktemp("models") / "base"
    model, processor = load_model("tiny", seed=3)
    save_model(model.to(torch.bfloat16), processor, folder)
    change_json(folder / "config.json", auto_map=AUTO_MAP, _attn_implementation="flash_attention_2")
    (folder / "LICENSE").write_text("MIT\n")
    (folder / "modeling_phi3_v.py").write_text("raise SystemExit('this must never run')\n")
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of decoder and tower after three large steps."""
    out = tmp_path_factory.mktemp("runs") / "adapter"
    spec = TrainingSpec(
        mix=(MixSource(data=str(catalog)),), model=str(base), max_steps=3, batch_size=4, num_crops=2,
        lora=LoraSpec(rank=4, targets=("qkv_proj", "down_proj", "fc1")), optimiser=OptimiserSpec(learning_rate=0.05),
    )  # fmt: skip
    train(spec, out, device="cpu")
    return out


@pytest.fixture
def copied_adapter(adapter: Path, tmp_path: Path) -> Path:
    """A copy of the adapter."""
    return Path(shutil.copytree(adapter, tmp_path / "copied_adapter"))


def stored_dtype(folder: Path) -> torch.dtype:
    """The type of the head's weights in a checkpoint of one file."""
    return load_file(folder / "model.safetensors")["lm_head.weight"].dtype


@torch.no_grad()
def logits(model: Any, processor: Any) -> Tensor:
    found: Tensor = model(**processor([PROMPT], [[make_image(90, 60)]])).logits
    return found


def test_run_records_base_fingerprint(adapter: Path, base: Path) -> None:
    assert load_run(adapter / "run.json").inputs["base"] == describe_base(str(base), 0)
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)


def test_moved_base_is_accepted_and_another_is_refused(adapter: Path, base: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(base, tmp_path / "moved"))
    tensors = load_file(moved / "model.safetensors")
    names = sorted(tensors)
    weight_map = {name: f"model-{index % 3}.safetensors" for index, name in enumerate(names)}
    for shard in set(weight_map.values()):
        save_file({name: tensors[name] for name in names if weight_map[name] == shard}, moved / shard)
    (moved / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (moved / "model.safetensors").unlink()
    assert torch.equal(logits(*load_model(moved, adapter=adapter)), logits(*load_model(base, adapter=adapter)))

    other = tmp_path / "other"
    model, processor = load_model("tiny", seed=4)
    save_model(model, processor, other)
    with pytest.raises(ToileError, match=r"was trained on '.*base', not on '.*other'"):
        load_model(other, adapter=adapter)
    with pytest.raises(ToileError, match="not on 'tiny'"):
        load_model("tiny", adapter=adapter)


def test_other_base_under_same_name_is_refused(base: Path, copied_adapter: Path) -> None:
    change_json(copied_adapter / "run.json", inputs=json.loads((copied_adapter / "run.json").read_text())["inputs"] | {
        "base": {"sha256": "0" * 64, "revision": None}})  # fmt: skip
    with pytest.raises(ToileError, match="which holds other weights now") as caught:
        load_model(base, adapter=copied_adapter)
    assert "when the adapter was trained" in caught.value.hint


def test_foreign_adapter_is_checked_by_base_name(base: Path, copied_adapter: Path, tmp_path: Path) -> None:
    (copied_adapter / "run.json").unlink()
    expected = logits(load_model(base, adapter=copied_adapter)[0], load_model(base)[1])
    assert not torch.equal(expected, logits(*load_model(base)))
    with pytest.raises(ToileError, match=r"was trained on '.*base', not on 'tiny'"):
        load_model("tiny", adapter=copied_adapter)


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, folder / "adapter_model.safetensors")


def drop_one(tensors: dict[str, Tensor]) -> None:
    tensors.pop(next(name for name in sorted(tensors) if "qkv_proj" in name))


def rename_one(tensors: dict[str, Tensor]) -> None:
    tensors["base_model.model.elsewhere.lora_A.weight"] = tensors.pop(sorted(tensors)[0])


def reshape_one(tensors: dict[str, Tensor]) -> None:
    tensors[sorted(tensors)[0]] = torch.zeros(4, 7)


ADAPTER_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a tensor is missing": (lambda folder: change_tensors(folder, drop_one), "does not fit: lacks .*qkv_proj"),
    "a tensor fits nowhere": (lambda folder: change_tensors(folder, rename_one), "has the unknown .*elsewhere"),
    "a tensor of another shape": (lambda folder: change_tensors(folder, reshape_one), "does not fit: .*size mismatch"),
    "no weights": (
        lambda folder: (folder / "adapter_model.safetensors").unlink(),
        "holds no adapter_model.safetensors",
    ),
    "a pickle": (
        lambda folder: (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin"),
        "holds no adapter_model.safetensors",
    ),
    "half a file": (
        lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"\x10\0\0\0"),
        "is not a readable safetensors file",
    ),
    "no configuration": (lambda folder: (folder / "adapter_config.json").unlink(), "holds no adapter_config.json"),
    "another method": (lambda folder: change_json(folder / "adapter_config.json", peft_type="WARP"), "does not fit"),
    "other layers": (
        lambda folder: change_json(folder / "adapter_config.json", target_modules=["no_such_proj"]),
        "does not fit: .*no_such_proj",
    ),
    "an unfinished run": (lambda folder: change_json(folder / "run.json", finished=False), "is unfinished"),
}


@pytest.mark.parametrize("fault", ADAPTER_FAULTS)
def test_faulty_adapter_is_refused(base: Path, copied_adapter: Path, fault: str) -> None:
    spoil, message = ADAPTER_FAULTS[fault]
    spoil(copied_adapter)
    with pytest.raises(ToileError, match=message) as caught:
        load_model(base, adapter=copied_adapter)
    assert str(copied_adapter) in caught.value.where
    assert "\n" not in caught.value.problem
    assert caught.value.hint


def test_exported_model_equals_merged_model_exactly(base: Path, adapter: Path, tmp_path: Path) -> None:
    before = (base / "model.safetensors").read_bytes()
    laid_over, processor = load_model(base, dtype=None, adapter=adapter)
    merged = merge_adapter(laid_over)
    out = export(str(base), tmp_path / "merged", adapter=adapter)
    assert (base / "model.safetensors").read_bytes() == before, "merging wrote through the mapped file"
    again, found = load_model(out, dtype=None)
    assert isinstance(again, Phi3VForCausalLM)
    assert torch.equal(logits(again, found), logits(merged, processor))
    assert not torch.equal(logits(again, found), logits(*load_model(base, dtype=None)))
    assert stored_dtype(out) == torch.bfloat16
    assert (found.num_crops, json.loads((out / "preprocessor_config.json").read_text())["num_crops"]) == (2, 2)
    single, _ = load_model(base, dtype=torch.float32, adapter=adapter)
    for name, tensor in single.merge_and_unload().state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.to(torch.bfloat16)), f"{name} was rounded more than once"


LAYERS = ["qkv_proj", "down_proj", "fc1"]
KINDS: dict[str, Any] = {
    "rank pattern": lambda: LoraConfig(r=4, target_modules=LAYERS, rank_pattern={"fc1": 2}, alpha_pattern={"fc1": 32}),
    "rsLoRA": lambda: LoraConfig(r=4, target_modules=LAYERS, use_rslora=True),
    "DoRA": lambda: LoraConfig(r=4, target_modules=LAYERS, use_dora=True),
    "lora_bias": lambda: LoraConfig(r=4, target_modules=["fc1", "out_proj"], lora_bias=True),
    "biases": lambda: LoraConfig(r=4, target_modules=LAYERS, bias="all"),
    "modules_to_save": lambda: LoraConfig(
        r=4, target_modules=LAYERS, modules_to_save=["lm_head", "img_projection", "post_attention_layernorm"]
    ),
    "embedding and convolution": lambda: LoraConfig(r=4, target_modules=["embed_tokens", "patch_embedding"]),
    "IA3": lambda: IA3Config(target_modules=LAYERS, feedforward_modules=["down_proj"]),
    "LoHa": lambda: LoHaConfig(r=4, target_modules=LAYERS),
    "LoKr": lambda: LoKrConfig(r=4, target_modules=LAYERS),
    "OFT": lambda: OFTConfig(r=0, oft_block_size=32, target_modules=["qkv_proj"]),
    "layer norms": lambda: LNTuningConfig(target_modules=["input_layernorm", "layer_norm1"]),
}
"""Kinds of adapters by what is special about them."""


def write_peft(base: Path, config: Any, out: Path) -> Path:
    """Write an adapter of PEFT whose trained tensors were moved at random."""
    model, _ = load_model(base)
    adapted = get_peft_model(model, config)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=noise))
    adapted.save_pretrained(out)
    return out


@pytest.mark.filterwarnings("ignore::peft.utils.warning.PeftWarning", "ignore:Unsupported layer", "ignore:Setting")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_adapter_is_merged_by_peft(base: Path, kind: str, tmp_path: Path) -> None:
    folder = write_peft(base, KINDS[kind](), tmp_path / "peft")
    adapted, processor = load_model(base, adapter=folder)
    expected = logits(adapted, processor)
    assert not torch.allclose(expected, logits(*load_model(base)), atol=0.05)
    single = export(str(base), tmp_path / "single", adapter=folder, dtype=torch.float32)
    torch.testing.assert_close(logits(*load_model(single)), expected, atol=2e-5, rtol=1e-4)

    export(str(base), tmp_path / "merged", adapter=folder)
    exported, merged = load_file(tmp_path / "merged" / "model.safetensors"), adapted.merge_and_unload().state_dict()
    for name, tensor in exported.items():
        assert torch.equal(tensor, merged[name].to(torch.bfloat16)), f"{name} was rounded more than once"


@pytest.mark.filterwarnings("ignore::peft.utils.warning.PeftWarning")
@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (lambda: LoraConfig(r=4, target_modules=["qkv_proj"], lora_bias=True), "the base layer has no bias"),
        (
            lambda: LoraConfig(r=4, target_modules=["qkv_proj"], alora_invocation_tokens=[5], task_type="CAUSAL_LM"),
            "LORA: cannot be merged into its base: .*qkv_proj",
        ),
        (
            lambda: PrefixTuningConfig(
                task_type="CAUSAL_LM", num_virtual_tokens=3, token_dim=128, num_layers=3, num_attention_heads=4
            ),
            "adds virtual tokens",
        ),
    ],
    ids=["bias without a place", "activated LoRA", "prefix tuning"],
)
def test_adapter_that_cannot_be_merged_is_refused(base: Path, config: Any, problem: str, tmp_path: Path) -> None:
    folder = write_peft(base, config(), tmp_path / "peft")
    with pytest.raises(ToileError, match=problem) as caught:
        export(str(base), tmp_path / "merged", adapter=folder)
    assert caught.value.hint
    assert not (tmp_path / "merged").exists()


def test_layer_that_computes_something_else_once_merged_is_refused(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoraLinear, "get_delta_weight", lambda self, name: torch.zeros_like(self.weight))
    with pytest.raises(ToileError, match="computes something else once merged"):
        export(str(base), tmp_path / "merged", adapter=adapter)


def test_adapter_folder_as_the_model_means_its_base(adapter: Path, base: Path, tmp_path: Path) -> None:
    expected = logits(*load_model(base, adapter=adapter))
    assert torch.equal(logits(*load_model(adapter)), expected)
    named, given = export(str(adapter), tmp_path / "named"), export(str(base), tmp_path / "given", adapter=adapter)
    assert (named / "model.safetensors").read_bytes() == (given / "model.safetensors").read_bytes()
    assert (named / "seen.parquet").read_bytes() == (adapter / "seen.parquet").read_bytes()
    with pytest.raises(ToileError, match="is an adapter itself"):
        export(str(adapter), tmp_path / "twice", adapter=base)


def continued(adapter: Path, catalog: Path, **changes: Any) -> TrainingSpec:
    """A run that begins with an adapter and hardly changes it."""
    still = OptimiserSpec(learning_rate=1e-12)
    mix = (MixSource(data=str(catalog)),)
    return TrainingSpec(mix=mix, model=str(adapter), max_steps=1, batch_size=1, optimiser=still, **changes)


def test_training_continues_an_adapter(adapter: Path, base: Path, catalog: Path, tmp_path: Path) -> None:
    spec, out = continued(adapter, catalog), tmp_path / "further"
    run, _ = train(spec, out, device="cpu")
    start, end = (load_file(folder / "adapter_model.safetensors") for folder in (adapter, out))
    assert start.keys() == end.keys()
    for name, tensor in start.items():
        torch.testing.assert_close(end[name], tensor.float(), atol=1e-6, rtol=1e-6)
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    assert (run.inputs["spec"]["model"], run.inputs["spec"]["num_crops"]) == (str(base), 2)
    assert load_model(out)[1].num_crops == 2
    assert (run.inputs["spec"]["lora"]["rank"], run.inputs["base"]["adapter"]) == (
        4, file_sha256(adapter / "adapter_model.safetensors")
    )  # fmt: skip
    assert [each.num_steps for each in load_run(out / "run.json").trained_before] == [3]
    names = set(pq.read_table(out / "seen.parquet")["training"].to_pylist())
    assert {name.split()[0] for name in names} == {"adapter", "further"}
    torch.testing.assert_close(logits(*load_model(out)), logits(*load_model(adapter)), atol=1e-4, rtol=1e-4)
    assert train(spec, out, device="cpu")[1] is False, "the run is known again"
    moving = replace(spec, optimiser=OptimiserSpec(learning_rate=0.01))
    train(moving, tmp_path / "moved", device="cpu")
    assert not torch.allclose(logits(*load_model(tmp_path / "moved")), logits(*load_model(adapter)), atol=1e-3)


def test_full_fine_tune_from_an_adapter_begins_with_the_merged_model(
    adapter: Path, catalog: Path, tmp_path: Path
) -> None:
    train(continued(adapter, catalog, method="full"), tmp_path / "full", device="cpu")
    merged = export(str(adapter), tmp_path / "merged", dtype=torch.float32)
    torch.testing.assert_close(
        logits(*load_model(tmp_path / "full")), logits(*load_model(merged)), atol=1e-4, rtol=1e-4
    )
    assert load_model(tmp_path / "full")[1].num_crops == 2
    assert [each.num_steps for each in load_run(tmp_path / "full" / "run.json").trained_before] == [3]


def test_adapter_of_another_tool_is_continued_as_a_training_of_unknown_rows(
    base: Path, catalog: Path, tmp_path: Path
) -> None:
    folder = write_peft(base, LoraConfig(r=2, target_modules=["qkv_proj"]), tmp_path / "peft")
    train(continued(folder, catalog), tmp_path / "out", device="cpu")
    (before,) = load_run(tmp_path / "out" / "run.json").trained_before
    assert (before.name, before.rows_listed) == ("peft", False)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"lora": LoraSpec(rank=7)}, "asks for rank 7"), ({"lora": LoraSpec(alpha=3.0)}, "and alpha 3")],
)
def test_settings_that_the_continued_adapter_contradicts(
    adapter: Path, catalog: Path, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ToileError, match=problem) as caught:
        train(continued(adapter, catalog, **changes), tmp_path / "out", device="cpu")
    assert "rank: 4" in caught.value.hint


def test_other_adapters_and_other_seeds_are_not_continued(base: Path, catalog: Path, tmp_path: Path) -> None:
    folder = write_peft(base, KINDS["IA3"](), tmp_path / "ia3")
    with pytest.raises(ToileError, match="IA3; only LoRA is trained") as caught:
        train(continued(folder, catalog), tmp_path / "out", device="cpu")
    assert "toile export" in caught.value.hint
    of_tiny = TrainingSpec(mix=(MixSource(data=str(catalog)),), max_steps=1, batch_size=1, lora=LoraSpec(rank=2))
    train(of_tiny, tmp_path / "first", device="cpu")
    with pytest.raises(ToileError, match="is 5, but the weights of tiny come from the seed 0") as caught:
        train(continued(tmp_path / "first", catalog, seed=5), tmp_path / "out", device="cpu")
    assert caught.value.hint == "set seed: 0"
    train(continued(tmp_path / "first", catalog), tmp_path / "second", device="cpu")
    assert load_model("tiny", adapter=tmp_path / "second")


@pytest.mark.parametrize(
    ("base_name", "problem"),
    [
        (None, "does not name its base"),
        ("no/such/base/anywhere", "which is neither a folder nor a hub name"),
        (".", "so is its base"),
    ],
)
def test_adapter_whose_base_is_not_there(base_name: str | None, problem: str, copied_adapter: Path) -> None:
    name = str(copied_adapter) if base_name == "." else base_name
    change_json(copied_adapter / "adapter_config.json", base_model_name_or_path=name)
    with pytest.raises(ToileError, match=problem) as caught:
        load_model(copied_adapter)
    assert f"--adapter {copied_adapter}" in caught.value.hint


def test_export_keeps_layout_of_base(base: Path, adapter: Path, tmp_path: Path) -> None:
    out = export(str(base), tmp_path / "merged", adapter=adapter)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "LICENSE", "modeling_phi3_v.py"):
        assert (out / name).read_bytes() == (base / name).read_bytes(), name
    assert (out / "seen.parquet").read_bytes() == (adapter / "seen.parquet").read_bytes()
    ours, theirs = (json.loads((folder / "run.json").read_text()) for folder in (out, adapter))
    assert {**ours, "files": None} == {**theirs, "files": None}
    assert "model.safetensors" in ours["files"]
    assert set(load_file(out / "model.safetensors")) == set(load_file(base / "model.safetensors"))
    assert not list(out.glob("adapter_*"))
    assert not list(tmp_path.glob("*.part"))


def test_export_changes_dtype_or_copies(base: Path, tmp_path: Path) -> None:
    copy = export(str(base), tmp_path / "copy")
    assert describe_base(str(copy), 0) == describe_base(str(base), 0)
    single = export(str(base), tmp_path / "single", dtype=torch.float32)
    assert stored_dtype(single) == torch.float32
    assert json.loads((single / "config.json").read_text())["torch_dtype"] == "float32"
    assert json.loads((single / "config.json").read_text())["auto_map"] == AUTO_MAP
    assert torch.equal(logits(*load_model(single)), logits(*load_model(base)))


def test_export_replaces_only_checkpoints_with_force(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export("tiny", out, seed=1)
    with pytest.raises(ToileError, match=r"holds config\.json") as caught:
        export(str(base), out)
    assert "--force" in caught.value.hint
    export(str(base), out, force=True)
    assert stored_dtype(out) == torch.bfloat16
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(ToileError, match=r"holds thesis\.txt") as caught:
        export("tiny", out, force=True)
    assert "--force" not in caught.value.hint
    assert (out / "thesis.txt").read_text() == "mine"
    with pytest.raises(ToileError, match="is what would be exported"):
        export(str(base), base, force=True)
    with pytest.raises(ToileError, match="is a file"):
        export("tiny", out / "thesis.txt")


def test_export_command(adapter: Path, base: Path, tmp_path: Path) -> None:
    arguments = ["export", "--model", str(base), "--adapter", str(adapter), "--out", str(tmp_path / "merged")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "parameters in bfloat16" in done.output
    wrong = CliRunner().invoke(main, [*arguments, "--force", "--model", "tiny"])
    assert wrong.exit_code == 1
    assert f"use --model {base}" in wrong.output
