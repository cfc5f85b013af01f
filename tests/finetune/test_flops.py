"""The count of operations compared with torch's counter, with sums by hand, and with known rules."""

import dataclasses
from typing import Any

import pytest
from PIL import Image
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from finetune.benchmark import row_shapes
from finetune.data_loader import collate, encode_example
from finetune.data_mix import Example
from finetune.distributed import Ranks
from finetune.flops import Flops, RowShape, executed_flops, useful_flops
from finetune.model_setup import forward_kwargs, load_trainable
from finetune.phi3v.configuration import full_size_config
from finetune.phi3v.tiny import tiny_config
from schemas.training import LoraSpec, SpeedSpec, TrainingSpec

NUM_CROPS = 4
PLAIN = SpeedSpec(fused_lora=False, causal_attention=False)
"""Switches under which torch's counter is complete: it counts no `addmm_` and no fused attention on a CPU."""
OFF = dataclasses.replace(PLAIN, answer_logits=False, real_tiles=False)
SQUARE = RowShape(grid=(2, 2), num_tokens=817, num_supervised=30)


def counted(spec: TrainingSpec) -> tuple[float, list[RowShape]]:
    """Torch's count of a forward and a backward pass of three images, padded to one length."""
    model, _, processor = load_trainable(spec, Ranks(device="cpu"))
    examples = [
        Example(title=title, category="Coats", full_price=990.0, image=Image.effect_noise(size, 50).convert("RGB"))
        for title, size in (("Belted cotton coat", (200, 100)), ("Cap", (100, 100)), ("Silk scarf", (100, 300)))
    ]
    batch = collate([encode_example(example, processor) for example in examples], processor)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(**batch, **forward_kwargs(spec)).loss.backward()
    return float(counter.get_total_flops()), row_shapes(batch, processor.tile_px)


def spec_of(**choices: Any) -> TrainingSpec:
    return TrainingSpec(mix=(), max_steps=1, num_crops=NUM_CROPS, **choices)


@pytest.mark.parametrize(
    "choices",
    [
        {"method": "full"},
        {"method": "full", "freeze": ("vision",)},
        {"method": "full", "freeze": ("vision", "projector")},
        {"method": "lora"},
        {"lora": LoraSpec(rank=5, targets=("o_proj",))},
        {"lora": LoraSpec(targets=("projector",))},
        {"lora": LoraSpec(targets=("vision", "down_proj"))},
    ],
    ids=["full", "frozen tower", "frozen tower and projector", "lora", "o_proj", "projector", "vision and down_proj"],
)
def test_executed_flops_equal_torch_counter(choices: dict[str, Any]) -> None:
    check_count(spec_of(**choices, speed=PLAIN))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_executed_flops_without_switches_equal_torch_counter(method: str) -> None:
    check_count(spec_of(method=method, speed=OFF))


def check_count(spec: TrainingSpec) -> None:
    total, rows = counted(spec)
    assert executed_flops(tiny_config(), spec, [rows], NUM_CROPS, 1).total == total


def test_checkpointing_recomputes_trained_layers() -> None:
    spec = spec_of(method="lora", speed=dataclasses.replace(PLAIN, checkpointing=True))
    total, rows = counted(spec)
    found = executed_flops(tiny_config(), spec, [rows], NUM_CROPS, 1)
    assert total <= found.total <= 1.01 * total
    for part in ("decoder", "attention"):
        assert found.parts[part].recomputed == found.parts[part].forward
    assert found.parts["vision"].recomputed == found.parts["head"].recomputed == 0


def by_hand(length: int, tiles: int, vectors: int, answer: int, rank: int) -> dict[str, float]:
    """The published model's operations for one row, from its weights: 2 a weight and position for one pass."""
    layers = 32 * (3072 * 9216 + 3072 * 3072 + 3072 * 16384 + 8192 * 3072)
    adapters = 32 * rank * ((3072 + 9216) + (3072 + 3072) + (3072 + 16384) + (8192 + 3072))
    clip = tiles * (2 * 576 * 588 * 1024 + 23 * (2 * 577 * 12 * 1024**2 + 4 * 577**2 * 1024))
    projector = vectors * 2 * (4096 * 3072 + 3072 * 3072)
    attention = 32 * 4 * length * (length + 1) / 2 * 3072
    first = 2 * length * 3072 * 9216
    head = 2 * answer * 3072 * 32064
    decoder = 2 * layers * length
    first_down = 2 * length * rank * 3072
    lora = 2 * decoder - first + 6 * adapters * length - first_down
    return {
        "lora": lora + 3 * attention + 2 * head + clip + projector,
        "full": 3 * (decoder + attention + head + clip + projector),
    }


@pytest.mark.parametrize(("grid", "length", "vectors"), [((2, 2), 817, 757), ((4, 4), 2569, 2509), ((3, 1), 700, 625)])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_useful_flops_of_published_size_by_hand(grid: tuple[int, int], length: int, vectors: int, method: str) -> None:
    row = RowShape(grid=grid, num_tokens=length, num_supervised=30)
    hand = by_hand(length, 1 + grid[0] * grid[1], vectors, 30, 16)[method]
    patches = (1 + grid[0] * grid[1]) * 2 * 576 * 588 * 1024
    first_input = patches if method == "full" else 0  # nobody needs the gradient of the pixels
    assert useful_flops(full_size_config(), spec_of(method=method), [row]).total == pytest.approx(hand - first_input)


@pytest.mark.parametrize(
    ("method", "grid", "length", "teraflop"),
    [
        ("lora", (2, 2), 817, 14.05),
        ("full", (2, 2), 817, 23.8),
        ("lora", (4, 4), 2569, 46.8),
        ("full", (4, 4), 2569, 78.8),
    ],
)
def test_flops_follow_4n_and_6n_rules(method: str, grid: tuple[int, int], length: int, teraflop: float) -> None:
    """3.62 G weights in linear layers, 0.366 TFLOP a crop; adapters and the second half of attention left out."""
    row = RowShape(grid=grid, num_tokens=length, num_supervised=30)
    total = useful_flops(full_size_config(), spec_of(method=method), [row]).total
    assert total / 1e12 == pytest.approx(teraflop, rel=0.025)


def test_frozen_tower_has_no_backward_flops() -> None:
    parts = useful_flops(full_size_config(), spec_of(method="lora"), [SQUARE]).parts
    assert parts["vision"].backward == parts["projector"].backward == 0
    trained = useful_flops(full_size_config(), spec_of(method="full"), [SQUARE])
    without = trained.total - trained.parts["vision"].backward
    assert without / 1e12 == pytest.approx(20.1, rel=0.01)


def test_useful_flops_do_not_depend_on_speed() -> None:
    found = {useful_flops(tiny_config(), spec_of(speed=speed), [SQUARE]).total for speed in (SpeedSpec(), PLAIN, OFF)}
    assert len(found) == 1


def test_every_waste_adds_executed_flops() -> None:
    rows = [SQUARE, dataclasses.replace(SQUARE, num_tokens=800, grid=(1, 2))]

    def executed(multiple: int = 1, **changes: bool) -> Flops:
        spec = spec_of(speed=dataclasses.replace(SpeedSpec(), **changes))
        return executed_flops(full_size_config(), spec, [rows], NUM_CROPS, multiple)

    useful = useful_flops(full_size_config(), spec_of(), rows)
    apart = executed_flops(full_size_config(), spec_of(), [rows[:1], rows[1:]], NUM_CROPS, 1)
    assert apart.total == pytest.approx(useful.total)
    base = executed()
    assert base.parts["decoder"].total == pytest.approx(useful.parts["decoder"].total * 2 * 817 / (817 + 800))
    assert executed(multiple=16).parts["decoder"].total == pytest.approx(base.parts["decoder"].total * 832 / 817)
    assert executed(real_tiles=False).parts["vision"].total == pytest.approx(
        base.parts["vision"].total * 10 / 8 * 24 / 23, rel=0.002
    )
    assert executed(causal_attention=False).parts["attention"].total == pytest.approx(
        base.parts["attention"].total * 2 * 817 / 818
    )
    assert executed(answer_logits=False).parts["head"].total == pytest.approx(base.parts["head"].total * 2 * 817 / 60)


def test_one_tile_image_passes_tower_once() -> None:
    one = useful_flops(tiny_config(), spec_of(), [dataclasses.replace(SQUARE, grid=(1, 1))])
    three = useful_flops(tiny_config(), spec_of(), [dataclasses.replace(SQUARE, grid=(1, 2))])
    assert three.parts["vision"].total == 3 * one.parts["vision"].total


def test_fused_lora_has_same_flops() -> None:
    spec = spec_of(speed=dataclasses.replace(PLAIN, fused_lora=True))
    total, rows = counted(spec)
    length, config = max(row.num_tokens for row in rows), tiny_config()
    widths = 3 * config.hidden_size + config.hidden_size + 2 * config.intermediate_size + config.hidden_size
    in_place = config.num_hidden_layers * 2 * len(rows) * length * spec.lora.rank * widths
    found = executed_flops(config, spec, [rows], NUM_CROPS, 1).total
    assert found == total + in_place  # the counter overlooks products that are added in place
