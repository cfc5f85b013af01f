"""Models of the transformers library: tiny ones of several families, made on the spot, and what others lack."""

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor, Florence2Config, LlamaConfig, LlamaForCausalLM

from evaluation.models.base import AnswerForm, RankingModel, ShapedModel, TokenModel
from evaluation.models.transformers_model import TransformersBackend, load_pretrained, transformers_model
from evaluation.protocols.protocols import can_constrain
from schemas.answer import PROMPT, QUESTION, bare_question, parse
from schemas.errors import ToileError
from schemas.evaluation import read_predictions
from tests.helpers.vision_models import FAMILIES, write_qwen25vl
from toile.cli import main

LONGER = PROMPT.replace(QUESTION, f"{QUESTION} Answer in one line, please.")
PREFIX = "Product: Red Coat, Category:"
CANDIDATES = (" COATS, Full Price:", " TRENCH COATS, Full Price:", " HATS, Full Price:")
FORM = AnswerForm(categories=("COATS", "TRENCH COATS"))
ROOM = 60


def has_torchvision() -> bool:
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):  # RuntimeError: made for another torch
        return False
    return True


QWEN = pytest.param("qwen25vl", marks=pytest.mark.skipif(not has_torchvision(), reason="needs torchvision"))
EVERY_FAMILY = [*FAMILIES, QWEN]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a family's model, written once; do not change it."""
    parent = tmp_path_factory.mktemp("families")

    def find(family: str) -> Path:
        folder = parent / family
        return folder if folder.exists() else (FAMILIES | {"qwen25vl": write_qwen25vl})[family](folder)

    return find


@pytest.fixture(scope="session")
def backend_of(folder_of: Callable[[str], Path]) -> Callable[[str], TransformersBackend]:
    loaded: dict[str, TransformersBackend] = {}

    def find(family: str) -> TransformersBackend:
        if family not in loaded:
            model = transformers_model(str(folder_of(family)), device="cpu", max_new_tokens=ROOM)
            backend = model.load()
            assert isinstance(backend, TransformersBackend)
            loaded[family] = backend
        return loaded[family]

    return find


@pytest.fixture
def folder(tmp_path: Path, folder_of: Callable[[str], Path]) -> Path:
    """A copy of the LLaVA that a test may damage."""
    return Path(shutil.copytree(folder_of("llava"), tmp_path / "model"))


def random_images(*sizes: tuple[int, int]) -> list[Image.Image]:
    rng = np.random.default_rng(4)
    return [Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in sizes]


def change_json(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))


def load(folder: Path, **settings: Any) -> TransformersBackend:
    backend = transformers_model(str(folder), device="cpu", max_new_tokens=ROOM, **settings).load()
    assert isinstance(backend, TransformersBackend)
    return backend


@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_a_batch_answers_as_one_by_one(family: str, backend_of: Callable[[str], TransformersBackend]) -> None:
    backend = backend_of(family)
    images = random_images((64, 48), (48, 64), (150, 40), (64, 48))
    prompts = [PROMPT, LONGER, PROMPT, LONGER]
    for constraint in (None, FORM):
        together = backend.generate(images, prompts, constraint=constraint)
        alone = [backend.generate([i], [p], constraint=constraint)[0] for i, p in zip(images, prompts, strict=True)]
        assert together == alone
        if constraint:
            assert all(parse(answer.text).strict for answer in together)
            assert {parse(answer.text).category for answer in together} <= set(FORM.categories)


@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_log_probabilities_are_those_of_the_whole_text(
    family: str, folder_of: Callable[[str], Path], backend_of: Callable[[str], TransformersBackend]
) -> None:
    backend, (image,) = backend_of(family), random_images((64, 48))
    (found,) = backend.logprob([image], [PROMPT], [PREFIX], [CANDIDATES])
    processor = AutoProcessor.from_pretrained(folder_of(family))
    model = AutoModelForImageTextToText.from_pretrained(folder_of(family), dtype=torch.float32).eval()
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}
    head = processor.apply_chat_template([asked], add_generation_prompt=True)
    blank = " " if head.endswith(":") else ""  # as these templates write in front of an answer
    add = {} if head.startswith(processor.tokenizer.bos_token) else {"add_special_tokens": True}
    whole = [
        processor(images=[[image]], text=[f"{head}{blank}{PREFIX}{text}"], return_tensors="pt", **add)
        for text in CANDIDATES
    ]
    prompt = processor(images=[[image]], text=[f"{head}{blank}{PREFIX}"], return_tensors="pt", **add)
    for value, number, batch in zip(found.values, found.num_tokens, whole, strict=True):
        start = batch["input_ids"].shape[1] - number
        assert start <= prompt["input_ids"].shape[1]
        with torch.no_grad():
            logits = model(**batch).logits[0, start - 1 : -1]
        expected = logits.log_softmax(dim=-1).gather(1, batch["input_ids"][0, start:, None]).sum()
        assert value == pytest.approx(float(expected), abs=2e-3)
    assert backend._shares_prefill, "the fast way was taken"


@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_log_probabilities_of_a_batch_and_the_end(
    family: str, backend_of: Callable[[str], TransformersBackend]
) -> None:
    backend, images = backend_of(family), random_images((64, 48), (150, 40))
    found = backend.logprob(images, [PROMPT, LONGER], [PREFIX] * 2, [CANDIDATES] * 2)
    assert found[1] == backend.logprob(images[1:], [LONGER], [PREFIX], [CANDIDATES])[0]
    assert found[0].values != found[1].values
    (ended,) = backend.logprob(images[:1], [PROMPT], [PREFIX], [CANDIDATES], ended=True)
    assert [a - b for a, b in zip(ended.num_tokens, found[0].num_tokens, strict=True)] == [1] * 3
    assert all(a < b for a, b in zip(ended.values, found[0].values, strict=True))


@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_images_count_and_tokens_are_shown(family: str, backend_of: Callable[[str], TransformersBackend]) -> None:
    backend = backend_of(family)
    assert isinstance(backend, RankingModel)
    assert isinstance(backend, ShapedModel)
    assert isinstance(backend, TokenModel)
    assert can_constrain(backend)
    one, other = random_images((64, 48), (64, 48))
    found = backend.logprob([one, other], [PROMPT] * 2, [PREFIX] * 2, [CANDIDATES] * 2)
    assert found[0].values != pytest.approx(found[1].values, abs=1e-3)
    ids = backend.token_ids(one, PROMPT, PREFIX)
    assert -1 in ids
    text = backend.tokenizer.decode([token for token in ids if token >= 0])
    assert QUESTION in text
    assert text.endswith(PREFIX)
    cost, *size = backend.shape((64, 48))
    assert backend.shape((64, 48)) == (cost, *size)
    assert backend.shape((640, 480)) == (cost, *size) or family == "qwen25vl", "one shape, named by its first size"


def test_candidates_are_computed_one_by_one_where_a_cache_does_not_work(
    folder_of: Callable[[str], Path], backend_of: Callable[[str], TransformersBackend]
) -> None:
    said: list[str] = []
    model, processor = load_pretrained(str(folder_of("idefics3")), dtype=torch.float32, device="cpu")
    forward = model.forward

    def forgetful(*args: Any, past_key_values: Any = None, **settings: Any) -> Any:
        return forward(*args, **settings)

    model.forward = forgetful
    backend = TransformersBackend(model, processor, max_new_tokens=ROOM, say=said.append)
    (image,) = random_images((64, 48))
    (slow,) = backend.logprob([image], [PROMPT], [PREFIX], [CANDIDATES])
    (fast,) = backend_of("idefics3").logprob([image], [PROMPT], [PREFIX], [CANDIDATES])
    assert slow.values == pytest.approx(fast.values, abs=1e-3)
    assert len(said) == 1
    assert "one by one" in said[0]


def test_decoding_is_greedy_whatever_the_model_asks_for(
    folder: Path, backend_of: Callable[[str], TransformersBackend]
) -> None:
    sampling: dict[str, Any] = {
        "do_sample": True,
        "temperature": 9.0,
        "top_k": 5,
        "repetition_penalty": 3.0,
        "no_repeat_ngram_size": 2,
    }
    sampling |= {"return_dict_in_generate": True, "output_scores": True, "use_cache": False, "num_beams": 3}
    change_json(folder / "generation_config.json", **sampling, max_length=7, min_length=50, suppress_tokens=[1, 2])
    images = random_images((64, 48), (30, 40))
    expected = backend_of("llava").generate(images, [PROMPT] * 2)
    assert load(folder).generate(images, [PROMPT] * 2) == expected


def test_tokenizer_without_padding(folder: Path, backend_of: Callable[[str], TransformersBackend]) -> None:
    change_json(folder / "tokenizer_config.json", pad_token=None)
    images, prompts = random_images((64, 48), (30, 40)), [PROMPT, LONGER]
    backend = load(folder)
    assert backend.tokenizer.pad_token == backend.tokenizer.eos_token
    assert backend.generate(images, prompts) == backend_of("llava").generate(images, prompts)


def test_chat_template_of_the_tokenizer_alone(folder: Path, backend_of: Callable[[str], TransformersBackend]) -> None:
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    change_json(folder / "tokenizer_config.json", chat_template=template)
    assert load(folder).prompt_text(LONGER) == backend_of("llava").prompt_text(LONGER)


@pytest.mark.parametrize("family", FAMILIES)
def test_images_of_odd_sizes(family: str, backend_of: Callable[[str], TransformersBackend]) -> None:
    backend, images = backend_of(family), random_images((1, 1), (3, 3), (1, 3), (3, 1), (1, 200), (400, 2))
    assert len(backend.generate(images, [PROMPT] * len(images))) == len(images)
    assert all(cost > 0 for cost, *_ in map(backend.shape, (image.size for image in images)))


def test_special_tokens_in_an_answer_are_plain_text(backend_of: Callable[[str], TransformersBackend]) -> None:
    for family in FAMILIES:
        backend = backend_of(family)
        eos = backend.tokenizer.eos_token
        ids = backend._chat.encode_plain(f"Product: {eos} <image>")
        assert not set(ids) & set(backend.tokenizer.all_special_ids)
        assert backend.tokenizer.decode(ids).strip() == f"Product: {eos} <image>"


def test_bare_question_is_the_text_between_the_markup() -> None:
    assert bare_question(PROMPT) == QUESTION
    assert bare_question(LONGER) == f"{QUESTION} Answer in one line, please."


@pytest.fixture(scope="session")
def adapter(folder_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the LLaVA, with random weights."""
    out = tmp_path_factory.mktemp("adapter") / "lora"
    base = AutoModelForImageTextToText.from_pretrained(folder_of("llava"), dtype=torch.float32)
    adapted = get_peft_model(base, LoraConfig(r=4, target_modules=r".*language_model.*(q_proj|up_proj)"))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.3)
    adapted.save_pretrained(out)
    return out


def test_adapter_is_applied_and_an_adapter_folder_loads_its_base(
    folder_of: Callable[[str], Path], adapter: Path, tmp_path: Path
) -> None:
    (image,) = random_images((64, 48))
    question = ([image], [PROMPT], [PREFIX], [CANDIDATES])
    said: list[str] = []
    bare = load(folder_of("llava")).logprob(*question)[0]
    given = load(folder_of("llava"), adapter=adapter, say=said.append).logprob(*question)[0]
    assert len(said) == 1, "the base is the one that the adapter names"
    moved = Path(shutil.copytree(folder_of("llava"), tmp_path / "moved"))
    assert load(moved, adapter=adapter, say=said.append).logprob(*question)[0] == given
    assert "was trained on" in said[-1]
    with pytest.raises(ToileError, match="does not fit"):
        load(folder_of("idefics3"), adapter=adapter)
    named = transformers_model(str(adapter), device="cpu", max_new_tokens=ROOM)
    assert named.model == str(folder_of("llava"))
    assert named.trained_folders == {"model": folder_of("llava"), "adapter": adapter}
    assert named.load().logprob(*question)[0] == given  # type: ignore[attr-defined]
    model, processor = load_pretrained(str(folder_of("llava")), dtype=torch.float32, device="cpu")
    from peft import PeftModel

    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    expected = TransformersBackend(merged, processor, max_new_tokens=ROOM).logprob(*question)[0]
    assert given.values == pytest.approx(expected.values, abs=1e-3)
    assert given.values != pytest.approx(bare.values, abs=0.1)


def evaluate(model: Path, data: Path, out: Path, *more: object) -> Result:
    command = ["evaluate", "--backend", "transformers", "--model", model, "--data", data, "--out", out, *more]
    return CliRunner().invoke(main, [str(each) for each in command], catch_exceptions=False)


def test_every_protocol_and_control_through_the_command(adapter: Path, catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    protocols = ("generate", "instructed", "constrained", "rank", "price")
    options = [each for protocol in protocols for each in ("--protocol", protocol)]
    ran = evaluate(adapter, catalog, out, *options, "--limit", 4, "--no-noise-check", "--device", "cpu")
    assert ran.exit_code == 0, ran.output
    predictions = read_predictions(out / "predictions.jsonl")
    asked = {(each.protocol, each.control) for each in predictions}
    assert asked == {(p, c) for p in protocols for c in ("none", "blank", "shuffled")}
    assert all(parse(each.answer).strict for each in predictions if each.protocol == "constrained")
    blank = {each.ranking for each in predictions if (each.protocol, each.control) == ("rank", "blank")}
    assert blank
    result = json.loads((out / "result.json").read_text())
    assert result["prompts"][0]["text"] == f"USER: <image>\n{QUESTION} ASSISTANT:"
    assert result["inputs"]["adapter"] == str(adapter)
    assert result["inputs"]["model_sha256"]
    assert (result["device"], result["dtype"]) == ("cpu", "float32")
    again = evaluate(adapter, catalog, out, *options, "--limit", 4, "--no-noise-check", "--device", "cpu")
    assert "already there and finished" in again.output


def no_chat_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def template_of_texts(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ 'USER: ' + m['content'] }}{% endfor %}")


def template_that_ignores_images(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}USER: {{ m['content'][-1]['text'] }}{% endfor %}"
    )


def no_image_processor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def text_only(folder: Path) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=64, **sizes)).save_pretrained(folder)


def unknown_type(folder: Path) -> None:
    change_json(folder / "config.json", model_type="vision_of_tomorrow")


def own_code(folder: Path) -> None:
    write_code(folder)
    references = {"AutoConfig": "code.Config", "AutoModel": "code.Model"}
    change_json(folder / "config.json", model_type="vision_of_tomorrow", auto_map=references)


def own_processor_code(folder: Path) -> None:
    write_code(folder)
    change_json(folder / "processor_config.json", processor_class="Other", auto_map={"AutoProcessor": "code.Processor"})


def write_code(folder: Path) -> None:
    (folder / "code.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")


def foreign_kernel(folder: Path) -> None:
    change_json(folder / "config.json", attn_implementation="somebody/kernels")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled_weights(folder: Path) -> None:
    no_weights(folder)
    torch.save({}, folder / "pytorch_model.bin")


def lost_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in sorted(tensors) if "q_proj" in name)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def other_shape(folder: Path) -> None:
    document = json.loads((folder / "config.json").read_text())
    change_json(folder / "config.json", text_config=document["text_config"] | {"intermediate_size": 48})


def damaged_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])


def encoder_decoder(folder: Path) -> None:
    Florence2Config().save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (no_chat_template, "has no chat template"),
        (template_of_texts, "cannot ask about an image"),
        (template_that_ignores_images, "takes no image next to the question"),
        (no_image_processor, "has no image processor"),
        (no_tokenizer, "has no tokenizer"),
        (text_only, "a text-only model: it takes no image"),
        (unknown_type, "'vision_of_tomorrow', which transformers .* does not know"),
        (own_code, "needs code from its repository .* never run"),
        (own_processor_code, "never run"),
        (foreign_kernel, "takes attention from the repository 'somebody/kernels'"),
        (no_weights, "holds no model.safetensors"),
        (pickled_weights, "only pytorch_model.bin"),
        (lost_tensor, "lacks the weights .*q_proj"),
        (other_shape, "has weights of another shape .*mlp"),
        (damaged_weights, "cannot be loaded"),
        (encoder_decoder, "an encoder-decoder"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_a_model_lacks_is_said(folder: Path, damage: Callable[[Path], None], problem: str) -> None:
    damage(folder)
    with pytest.raises(ToileError, match=problem) as caught:
        load(folder)
    assert caught.value.hint
    assert not (folder / "ran").exists()
    assert "code" not in sys.modules or sys.modules["code"].__file__ != str(folder / "code.py")


@pytest.mark.skipif(has_torchvision(), reason="is about a processor that lacks torchvision")
def test_processor_that_needs_another_package_names_it(folder: Path) -> None:
    video = {"video_processor_type": "Qwen2VLVideoProcessor"}
    change_json(folder / "processor_config.json", processor_class="Qwen2_5_VLProcessor", video_processor=video)
    with pytest.raises(ToileError, match="needs torchvision for its processor") as caught:
        load(folder)
    assert "torchvision" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "problem"),
    [("tiny", "not a model of the transformers library"), ("no/such/folder", "neither a folder nor a hub name")],
)
def test_names_of_no_model_are_refused_before_anything_is_loaded(name: str, problem: str) -> None:
    with pytest.raises(ToileError, match=problem):
        transformers_model(name)


def test_hub_name_without_a_network_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ToileError, match="cannot be fetched from the hub") as caught:
        transformers_model("somebody/vision-model", device="cpu").load()
    assert "folder" in caught.value.hint


def test_prompt_that_does_not_fit_is_refused(folder: Path) -> None:
    document = json.loads((folder / "config.json").read_text())
    change_json(folder / "config.json", text_config=document["text_config"] | {"max_position_embeddings": 80})
    with pytest.raises(ToileError, match="has 80 positions; image, question and answer need"):
        load(folder).generate(random_images((64, 48)), [PROMPT])


def test_prompt_tuning_is_refused(folder_of: Callable[[str], Path], tmp_path: Path) -> None:
    from peft import PromptTuningConfig

    base = AutoModelForImageTextToText.from_pretrained(folder_of("llava"), dtype=torch.float32)
    sizes = {"token_dim": 32, "num_layers": 2, "num_attention_heads": 4}
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, **sizes)
    get_peft_model(base, config).save_pretrained(tmp_path / "soft")
    with pytest.raises(ToileError, match="virtual tokens"):
        load(folder_of("llava"), adapter=tmp_path / "soft")
