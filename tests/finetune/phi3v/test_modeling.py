"""The model compared with transformers' own parts and with itself in other batches, and the inputs it must refuse."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPVisionModel, Phi3Config
from transformers.models.phi3.modeling_phi3 import Phi3ForCausalLM

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.loading import assemble
from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import Phi3VProcessor
from finetune.phi3v.tiny import tiny_processor
from schemas.errors import ToileError
from tests.finetune.phi3v.test_tiling import make_image, toy_config

ONE = "<|user|>\n<|image_1|>\nA?<|end|>\n<|assistant|>\n"
TWO = "<|image_1|> <|image_2|> same?"


def assert_close(found: Tensor, expected: Tensor, atol: float = 2e-5, rtol: float = 1e-4) -> None:
    """Equal up to the order of additions in float32."""
    torch.testing.assert_close(found, expected, atol=atol, rtol=rtol)


def random_weights(config: Phi3VConfig, seed: int = 0, size: float = 0.3) -> dict[str, Tensor]:
    """Weights large enough that every part matters, biases and norms included."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Phi3VForCausalLM(config).state_dict().items()}
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) * size for name, shape in sorted(shapes.items())}


def toy_model(**changes: Any) -> Phi3VForCausalLM:
    """A small model whose rows switch to the long factors at 48 positions."""
    config = toy_config(**changes)
    return assemble(config, random_weights(config), dtype=torch.float32, device="cpu")


def toy_processor(num_crops: int = 4) -> Phi3VProcessor:
    """The tiny tokenizer with tiles of 56 px, which are 4 vectors each."""
    return Phi3VProcessor(tiny_processor().tokenizer, num_crops=num_crops, tile_px=56, lines_per_tile=2)


@pytest.fixture
def model() -> Phi3VForCausalLM:
    return toy_model(vocab_size=2048)


@pytest.fixture(scope="module")
def processor() -> Phi3VProcessor:
    return toy_processor()


def rows_of_logits(model: Phi3VForCausalLM, batch: dict[str, Tensor]) -> list[Tensor]:
    """Logits of the real positions of each row."""
    with torch.no_grad():
        logits = model(**batch).logits
    return [logits[row][batch["attention_mask"][row].bool()] for row in range(len(logits))]


@pytest.mark.parametrize("length", [20, 48, 49])
def test_text_only_logits_equal_phi3(length: int) -> None:
    model = toy_model()
    config = model.config
    fields = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    lengths = ("max_position_embeddings", "original_max_position_embeddings", "pad_token_id")
    same = {name: getattr(config, name) for name in (*fields, *lengths)}
    reference = Phi3ForCausalLM(Phi3Config(**same, rope_parameters=dict(config.rope_parameters))).eval()
    words = {name: t for name, t in model.state_dict().items() if "vision_embed_tokens" not in name}
    reference.load_state_dict(words, strict=True)
    ids = torch.randint(0, 300, (2, length), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference(input_ids=ids).logits
        assert_close(model(input_ids=ids).logits, expected)
        assert_close(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits, expected)


def test_tower_returns_penultimate_clip_layer() -> None:
    tower = toy_model().model.vision_embed_tokens.img_processor.vision_model
    reference = CLIPVisionModel(tower.encoder.config).eval()
    missing, unexpected = reference.load_state_dict(tower.state_dict(), strict=False)
    assert not unexpected
    assert not missing
    crops = torch.randn(3, 3, 56, 56)
    with torch.no_grad():
        states = reference(crops, output_hidden_states=True).hidden_states
        assert_close(tower(crops), states[-2][:, 1:])


def test_projection_uses_exact_gelu() -> None:
    projection = toy_model().model.vision_embed_tokens.img_projection
    x = torch.randn(50, 64, generator=torch.Generator().manual_seed(0))
    inner = projection[0](x).double()
    gelu = inner * (1 + torch.special.erf(inner / 2**0.5)) / 2
    assert_close(projection(x), projection[2](gelu.float()))


@pytest.mark.parametrize("padding_side", ["right", "left"])
def test_row_has_same_logits_in_any_batch(
    model: Phi3VForCausalLM, processor: Phi3VProcessor, padding_side: str
) -> None:
    """Rows with one, two and no image; the longer ones are beyond the rope switch of 48, the shortest is not."""
    texts = [ONE, TWO + " and more" * 9, "no image"]
    images = [[make_image(50, 40)], [make_image(60, 20, 1), make_image(20, 60, 2)], []]
    alone = [rows_of_logits(model, processor([t], [p]))[0] for t, p in zip(texts, images, strict=True)]
    assert len(alone[1]) > 48 > len(alone[2])
    for order in ([0, 1, 2], [2, 0, 1], [1, 0], [2, 1]):
        batch = processor([texts[i] for i in order], [images[i] for i in order], padding_side=padding_side)
        for place, found in zip(order, rows_of_logits(model, batch), strict=True):
            assert_close(found, alone[place])


def test_different_image_changes_logits(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    blank = make_image().point(lambda value: 255)
    images = [make_image(seed=1), make_image(seed=2), blank]
    last = [rows_of_logits(model, processor([ONE], [[image]]))[0][-1] for image in images]
    assert all((last[i] - last[j]).abs().max() > 0.1 for i, j in ((0, 1), (0, 2), (1, 2)))


def test_forward_does_not_modify_input_ids(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    first, second = (processor([ONE], [[make_image(seed=seed)]]) for seed in (1, 2))
    before = first["input_ids"].clone()
    rows_of_logits(model, first)
    assert torch.equal(first["input_ids"], before)
    mixed = rows_of_logits(model, {**first, "pixel_values": second["pixel_values"]})
    assert_close(mixed[0], rows_of_logits(model, second)[0])


def test_empty_crops_do_not_change_logits(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE], [[make_image(60, 20)]])
    used = 1 + int(batch["image_sizes"].prod()) // 56**2
    assert used < 5
    noisy = batch["pixel_values"].clone()
    noisy[:, used:] = 9.0
    found = rows_of_logits(model, {**batch, "pixel_values": noisy})
    assert_close(found[0], rows_of_logits(model, batch)[0])


def test_single_tile_may_differ_from_overview(model: Phi3VForCausalLM) -> None:
    """The tower runs once where both are the same crop; other crops of a caller are not taken for it."""
    batch = toy_processor(num_crops=1)([ONE], [[make_image()]])
    shared = rows_of_logits(model, batch)[0]
    for crop in (0, 1):
        pixels = batch["pixel_values"].clone()
        pixels[0, crop, 0, 0, 0] += 1e-6
        assert_close(rows_of_logits(model, {**batch, "pixel_values": pixels})[0], shared)
        pixels[0, crop] += 1
        assert (rows_of_logits(model, {**batch, "pixel_values": pixels})[0] - shared).abs().max() > 1e-3


def labelled(processor: Phi3VProcessor) -> dict[str, Tensor]:
    """Two rows, one with an image, whose last three and four real ids are labels."""
    batch = processor([ONE + "Bag", "Hello there, bag"], [[make_image()], []])
    labels = torch.full_like(batch["input_ids"], -100)
    for row, count in ((0, 3), (1, 4)):
        end = int(batch["attention_mask"][row].sum())
        labels[row, end - count : end] = batch["input_ids"][row, end - count : end]
    return {**batch, "labels": labels}


def test_loss_is_mean_over_supervised_ids(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = labelled(processor)
    output = model(**batch)
    losses = [
        F.cross_entropy(output.logits[row, place - 1].double(), batch["labels"][row, place])
        for row, place in (batch["labels"] >= 0).nonzero().tolist()
    ]
    assert len(losses) == 7
    assert_close(output.loss.double(), torch.stack(losses).mean())
    ignored = torch.where(batch["labels"] < 0, -7, batch["labels"])
    assert_close(model(**{**batch, "labels": ignored}).loss, output.loss)


def test_supervised_only_gives_same_loss_and_gradient(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = labelled(processor)
    whole, part = model(**batch), model(**batch, supervised_only=True)
    assert part.logits.shape == (7, 2048)
    assert_close(part.loss, whole.loss)
    shifted = torch.zeros_like(batch["labels"], dtype=torch.bool)
    shifted[:, :-1] = batch["labels"][:, 1:] >= 0
    assert_close(part.logits, whole.logits[shifted])
    (expected,) = torch.autograd.grad(whole.loss, model.model.embed_tokens.weight)
    (found,) = torch.autograd.grad(part.loss, model.model.embed_tokens.weight)
    assert_close(found, expected)


def test_loss_does_not_depend_on_the_split_into_micro_batches(
    model: Phi3VForCausalLM, processor: Phi3VProcessor
) -> None:
    batch = labelled(processor)
    parts = [
        {name: batch[name][row : row + 1] for name in ("input_ids", "attention_mask", "labels")} for row in range(2)
    ]
    parts[0] |= {name: batch[name] for name in ("pixel_values", "image_sizes")}
    losses = [model(**part, supervised_only=True, num_supervised=7).loss for part in parts]
    assert_close(losses[0] + losses[1], model(**batch).loss)


def test_logits_to_keep_returns_last_positions(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE], [[make_image()]])
    assert_close(model(**batch, logits_to_keep=2).logits, model(**batch).logits[:, -2:])


@pytest.mark.filterwarnings("ignore::FutureWarning")  # renamed in transformers 5.23, not yet there in 5.17
def test_gradient_checkpointing_changes_no_gradient(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = labelled(processor)
    model.train()
    record_shapes = [
        model.model.layers[0].mlp.down_proj.weight,
        model.model.vision_embed_tokens.img_processor.vision_model.encoder.layers[0].mlp.fc1.weight,
    ]
    plain = torch.autograd.grad(model(**batch).loss, record_shapes)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    again = torch.autograd.grad(model(**batch).loss, record_shapes)
    for expected, found in zip(plain, again, strict=True):
        assert expected.abs().max() > 0
        assert_close(found, expected)


def test_half_precision_stays_close(processor: Phi3VProcessor) -> None:
    config = toy_config(vocab_size=2048)
    weights = random_weights(config, size=0.1)
    single, half = (assemble(config, weights, dtype=dtype, device="cpu") for dtype in (torch.float32, torch.bfloat16))
    batch = labelled(processor)
    found = half(**batch)
    assert found.logits.dtype == torch.bfloat16
    assert found.loss.dtype == torch.float32
    assert abs(found.loss - single(**batch).loss) < 0.05


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by a name that is being renamed
def test_new_adapters_and_merging_change_nothing(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    from peft import LoraConfig, get_peft_model

    batch = processor([ONE, TWO], [[make_image()], [make_image(60, 20, 1)] * 2])
    before = rows_of_logits(model, batch)
    targets = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM")).eval()
    for found, expected in zip(rows_of_logits(adapted, batch), before, strict=True):
        assert torch.equal(found, expected)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(0))
    trained = rows_of_logits(adapted, batch)
    assert (trained[0] - before[0]).abs().max() > 0.1
    merged = adapted.merge_and_unload()
    assert isinstance(merged, Phi3VForCausalLM)
    for found, expected in zip(rows_of_logits(merged, batch), trained, strict=True):
        assert_close(found, expected, atol=2e-4, rtol=1e-3)


Change = Callable[[dict[str, Tensor]], dict[str, Any]]
FAULTS: dict[str, tuple[Change, str]] = {
    "ids of the tokenizer": (
        lambda batch: {**batch, "input_ids": batch["input_ids"].clamp(min=0)},
        "input_ids: holds no image position for 3 images",
    ),
    "no pixels": (
        lambda batch: {name: batch[name] for name in ("input_ids", "attention_mask")},
        "pixel_values: are missing, but input_ids has 3 images",
    ),
    "no sizes": (
        lambda batch: {name: batch[name] for name in batch if name != "image_sizes"},
        "image_sizes: are missing, but pixel_values are given",
    ),
    "one image too few": (
        lambda batch: {**batch, **{name: batch[name][:2] for name in ("pixel_values", "image_sizes")}},
        "input_ids: has positions for 3 images, but pixel_values holds 2",
    ),
    "sizes of two images": (
        lambda batch: {**batch, "image_sizes": batch["image_sizes"][:2]},
        "image_sizes: has 2 rows for 3 images",
    ),
    "images swapped": (
        lambda batch: {**batch, **{name: batch[name].flip(0) for name in ("pixel_values", "image_sizes")}},
        "input_ids, row 0, image 1: has 17 positions for an image of 27 vectors",
    ),
    "truncated ids": (
        lambda batch: {name: value[:, :-9] if value.dim() == 2 and name != "image_sizes" else value
                       for name, value in batch.items()},
        "input_ids, row 1, image 2: has 2[0-6] positions for an image of 27 vectors",
    ),
    "numbers out of order": (
        lambda batch: {**batch, "input_ids": torch.where(batch["input_ids"] == -2, -3, batch["input_ids"])},
        "input_ids, row 1: has image 3 where 2 is due",
    ),
    "sizes of something else": (
        lambda batch: {**batch, "image_sizes": batch["image_sizes"] + 1},
        r"image_sizes\[0\]: is 57 x 113, which is not 1 to 4 tiles of 56 px",
    ),
    "no ids at all": (lambda batch: {"attention_mask": batch["attention_mask"]}, "input_ids: is missing"),
    "nothing to learn": (
        lambda batch: {**batch, "labels": torch.full_like(batch["input_ids"], -100)},
        "labels: supervise no position",
    ),
    "head without labels": (lambda batch: {**batch, "supervised_only": True}, "labels: are missing"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_image_mismatch_is_refused(model: Phi3VForCausalLM, processor: Phi3VProcessor, fault: str) -> None:
    wide, square = make_image(60, 30), make_image(50, 50)
    batch = processor([ONE, TWO], [[wide], [make_image(60, 30, 1), square]])
    change, message = FAULTS[fault]
    with pytest.raises(ToileError, match=message) as caught:
        model(**change(batch))
    assert caught.value.hint


def test_pixels_with_embeddings_are_refused(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE], [[make_image()]])
    embeddings = model.get_input_embeddings()(batch.pop("input_ids").clamp(min=0))
    with pytest.raises(ToileError, match="pixel_values: come with inputs_embeds"):
        model(inputs_embeds=embeddings, **batch)


def test_published_tutorial_mistakes_are_refused(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    """Its script tokenises the text without the processor, or reuses ids whose image positions were set to 0.

    Either way the published code goes on without the image, gives the same logits to any image, and trains.
    """
    batch = processor([ONE], [[make_image()]])
    as_text = processor.tokenizer(ONE, return_tensors="pt").input_ids
    clamped = batch["input_ids"].clamp(min=0)
    for ids in (as_text, clamped):
        mask = torch.ones_like(ids)
        for inputs in (
            {"input_ids": ids, "attention_mask": mask, "labels": ids, "pixel_values": batch["pixel_values"]},
            {**batch, "input_ids": ids, "attention_mask": mask, "labels": ids},
        ):
            with pytest.raises(ToileError) as caught:
                model(**inputs)
            assert caught.value.where in ("input_ids", "image_sizes")
            assert "processor(texts, images)" in caught.value.hint
            with pytest.raises(ToileError):
                model.generate(**{name: inputs[name] for name in inputs if name != "labels"}, max_new_tokens=2)
