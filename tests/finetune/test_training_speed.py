"""Every speed switch keeps the losses, and each has an effect."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from finetune.adapters import FusedLoraLinear, fuse_lora, unfuse_lora
from finetune.data_loader import Prefetcher, step_batches
from finetune.data_mix import open_source
from finetune.distributed import Ranks
from finetune.model_setup import MasterWeights, load_trainable
from finetune.optimizer import backward, make_optimizer
from finetune.train import train
from schemas.errors import ToileError
from schemas.training import LoraSpec, MixSource, OptimiserSpec, SpeedSpec, TrainingSpec

ALONE = Ranks(device="cpu")
SWITCHES = [field.name for field in dataclasses.fields(SpeedSpec) if field.name != "compile"]
OF_WEIGHTS = ("cast_once", "checkpointing", "fused_optimiser")
"""Switches that depend on which weights are trained; the others are tested with adapters everywhere."""


def spec_for(catalog: Path, **changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {
        "mix": (MixSource(data=str(catalog)),),
        "max_steps": 2,
        "batch_size": 4,
        "micro_batch_size": 3,
        "lora": LoraSpec(rank=4, targets=("decoder", "projector", "vision")),
        "optimiser": OptimiserSpec(learning_rate=1e-3),
        **changes,
    }
    return TrainingSpec(**values)


def losses(spec: TrainingSpec, out: Path) -> list[float]:
    train(spec, out, device="cpu")
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def default_losses(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Method -> losses with the default switches."""
    place = tmp_path_factory.mktemp("default_losses")
    return {method: losses(spec_for(catalog, method=method), place / method) for method in ("lora", "full")}


@pytest.mark.parametrize(
    ("method", "switch"), [*(("lora", name) for name in SWITCHES), *(("full", name) for name in OF_WEIGHTS)]
)
def test_speed_switch_changes_losses_only_by_rounding(
    method: str, switch: str, default_losses: dict[str, list[float]], catalog: Path, tmp_path: Path
) -> None:
    expected = default_losses[method]
    speed = dataclasses.replace(SpeedSpec(), **{switch: not getattr(SpeedSpec(), switch)})
    found = losses(spec_for(catalog, method=method, speed=speed), tmp_path / "out")
    assert found == pytest.approx(expected, rel=3e-5)
    assert expected[-1] < expected[0]


def compiled_losses(catalog: Path, tmp_path: Path) -> tuple[list[float], list[float]]:
    spec = spec_for(catalog, max_steps=1, batch_size=2, lora=LoraSpec(rank=4))
    expected = losses(spec, tmp_path / "default_losses")
    torch._dynamo.reset()
    return losses(dataclasses.replace(spec, speed=SpeedSpec(compile=True)), tmp_path / "compiled"), expected


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_traced_compile_gives_same_losses(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace without code generation, which takes a minute; the graphs are the same."""
    compiled = []
    real = torch.nn.Module.compile

    def traced(module: torch.nn.Module) -> None:
        compiled.append(type(module).__name__)
        real(module, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    found, expected = compiled_losses(catalog, tmp_path)
    assert found == pytest.approx(expected, rel=1e-4)
    assert set(compiled) == {"Phi3DecoderLayer", "CLIPEncoderLayer"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compile_gives_same_losses(catalog: Path, tmp_path: Path) -> None:
    found, expected = compiled_losses(catalog, tmp_path)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("method", "switch"), [("lora", "cast_once"), ("lora", "fused_lora"), ("full", "cast_once")])
def test_speed_switches_in_bfloat16_agree_within_rounding(
    switch: str, method: str, catalog: Path, tmp_path: Path
) -> None:
    values: dict[str, Any] = {"dtype": "bfloat16", "max_steps": 2, "batch_size": 2, "num_crops": 1}
    spec = spec_for(catalog, method=method, lora=LoraSpec(rank=4), **values)
    expected = losses(spec, tmp_path / "on")
    off = dataclasses.replace(spec, speed=dataclasses.replace(SpeedSpec(), **{switch: False}))
    assert losses(off, tmp_path / "off") == pytest.approx(expected, rel=5e-3)


def first_batch(spec: TrainingSpec, processor: Any) -> dict[str, torch.Tensor]:
    sources = [open_source(Path(spec.mix[0].data), "train")]
    return next(step_batches(spec, sources, processor, 0, 0, ALONE))[0]


def test_each_speed_switch_has_its_effect(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check masks, head positions, crops and layers of the tower from inside the model."""
    seen: dict[str, Any] = {}
    sdpa = F.scaled_dot_product_attention

    def attention(*arguments: Any, **settings: Any) -> Any:
        mask = settings.get("attn_mask", arguments[3] if len(arguments) > 3 else None)
        seen.setdefault("masks", []).append(None if mask is None else mask.ndim)
        return sdpa(*arguments, **settings)

    monkeypatch.setattr(F, "scaled_dot_product_attention", attention)
    for name, on in (("on", True), ("off", False)):
        speed = SpeedSpec(answer_logits=on, causal_attention=on, real_tiles=on, picture_bytes=on)
        spec = spec_for(catalog, speed=speed, num_crops=3)
        model, masters, processor = load_trainable(spec, ALONE)
        batch = first_batch(spec, processor)
        assert ("pixel_bytes" in batch) is on
        prefetcher = Prefetcher(
            step_batches(spec, [open_source(catalog, "train")], processor, 0, 0, ALONE), processor, "cpu", False
        )
        batches = prefetcher.next_step()
        bare = model.get_base_model()
        shapes: dict[str, Any] = {}
        tower = bare.model.vision_embed_tokens.img_processor.vision_model

        def note(name: str, found: dict[str, Any] = shapes) -> Any:
            return lambda _, inputs: found.update({name: inputs[0].shape})

        hooks = [
            bare.lm_head.register_forward_pre_hook(note("head")),
            tower.embeddings.register_forward_pre_hook(note("crops")),
            tower.encoder.layers[-1].register_forward_pre_hook(note("last")),
        ]
        seen.clear()
        backward(model, masters, batches, prefetcher.num_supervised, spec, ALONE)
        for hook in hooks:
            hook.remove()
        decoder_masks = {mask for mask in seen["masks"] if mask is not None}
        assert decoder_masks == (set() if on else {4})
        rows, length = batches[-1]["input_ids"].shape
        assert (shapes["head"].numel() == rows * length * bare.config.hidden_size) is not on
        assert ("last" in shapes) is not on
        assert (shapes["crops"][0] == rows * 4) is not on, name


def test_fused_lora_gradients_equal_definition() -> None:
    draw = torch.Generator().manual_seed(0)

    def tensor(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64, requires_grad=True)

    x, a, b = tensor(2, 3, 5), tensor(2, 5), tensor(7, 2)
    weight, bias = tensor(7, 5).detach(), tensor(7).detach()
    fused = FusedLoraLinear.apply(x, weight, bias, a, b, 0.7)  # type: ignore[no-untyped-call]
    unfused = F.linear(x, weight, bias) + 0.7 * (x @ a.T) @ b.T
    torch.testing.assert_close(fused, unfused)
    upstream = torch.randn(2, 3, 7, generator=draw, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad(fused, (x, a, b), upstream),
        torch.autograd.grad(unfused, (x, a, b), upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert torch.autograd.gradcheck(lambda *t: FusedLoraLinear.apply(t[0], weight, bias, t[1], t[2], 0.7), (x, a, b))  # type: ignore[no-untyped-call]


def test_fuse_lora_skips_adapters_with_dropout(catalog: Path) -> None:
    model, _, _ = load_trainable(spec_for(catalog), ALONE)
    unfuse_lora(model)
    layers = sum(
        type(module).__module__ == "peft.tuners.lora.layer"
        for module in model.modules()
        if "Linear" in type(module).__name__
    )
    assert fuse_lora(model) == layers > 10
    model, _, _ = load_trainable(spec_for(catalog, lora=LoraSpec(rank=4, dropout=0.1)), ALONE)
    assert fuse_lora(model) == 0


def test_lora_targets_select_layers(catalog: Path) -> None:
    def places(*targets: str) -> set[str]:
        _, masters, _ = load_trainable(spec_for(catalog, lora=LoraSpec(rank=2, targets=targets)), ALONE)
        return {name for name in masters.by_name if "lora_A" in name}

    decoder, projector, vision = places("decoder"), places("projector"), places("vision")
    assert all(".layers." in name and "vision_embed" not in name for name in decoder)
    assert len(projector) == 2
    assert all("img_projection" in name for name in projector)
    assert all("img_processor" in name for name in vision)
    assert not any(".encoder.layers.3." in name for name in vision), "tiny's tower has 4 layers; the last is not used"
    assert len(vision) == 3 * 6
    assert places("decoder", "projector", "vision") == decoder | projector | vision
    assert places("qkv_proj") < decoder
    with pytest.raises(ToileError, match="no layer called head") as caught:
        places("head")
    assert "decoder, projector, vision" in caught.value.hint


def test_master_weights_keep_small_updates_in_bfloat16() -> None:
    layer = torch.nn.Linear(4, 4, bias=False)
    torch.nn.init.constant_(layer.weight, 0.26)
    masters = MasterWeights(layer, torch.bfloat16)
    assert layer.weight.dtype == torch.bfloat16
    optimiser = make_optimizer(masters, OptimiserSpec(learning_rate=1e-6, weight_decay=0.0))
    before = masters.by_name["weight"].detach().clone()
    rounded = layer.weight.detach().clone()
    for _ in range(3):
        (layer(torch.ones(2, 4, dtype=torch.bfloat16)).float().sum() * 3).backward()
        masters.collect_gradients()
        assert layer.weight.grad is None
        optimiser.step()
        masters.copy_to_model()
    assert torch.equal(layer.weight, rounded), "steps too small for bfloat16"
    assert bool((masters.by_name["weight"] != before).all()), "and not lost"
    masters.restore_full_precision()
    assert layer.weight.dtype == torch.float32
    assert torch.equal(layer.weight, masters.by_name["weight"])


def test_micro_batch_gradients_are_summed_in_float32() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    masters = MasterWeights(layer, torch.bfloat16)
    for value in (256.0, 0.5):
        layer.weight.grad = torch.full((1, 1), value, dtype=torch.bfloat16)
        masters.collect_gradients()
    assert masters.by_name["weight"].grad is not None
    assert float(masters.by_name["weight"].grad) == 256.5, "bfloat16 would say 256"


def test_quantization_is_refused_for_full_fine_tune(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)
    with pytest.raises(ToileError) as caught:
        load_trainable(spec_for(catalog, quantise="nf4"), ALONE)
    assert "pip install bitsandbytes" in caught.value.hint
    with pytest.raises(ToileError, match="cannot be trained"):
        load_trainable(spec_for(catalog, quantise="nf4", method="full"), ALONE)


def test_quantized_base_trains_adapters(catalog: Path, tmp_path: Path) -> None:
    bnb = pytest.importorskip("bitsandbytes")
    spec = spec_for(catalog, quantise="nf4", dtype="bfloat16", lora=LoraSpec(rank=4))
    model, masters, _ = load_trainable(spec, ALONE)
    small = [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]
    assert len(small) == 4 * len(model.get_base_model().model.layers)
    assert all("lora_" in name for name in masters.by_name)
    found = losses(spec, tmp_path / "four")
    whole = losses(dataclasses.replace(spec, quantise="none"), tmp_path / "sixteen")
    assert found == pytest.approx(whole, rel=0.05)
    assert found != whole


def test_freeze_leaves_parts_unchanged(catalog: Path, tmp_path: Path) -> None:
    model, masters, _ = load_trainable(spec_for(catalog, method="full", freeze=("vision",)), ALONE)
    whole = load_trainable(spec_for(catalog, method="full"), ALONE)[1]
    left = set(whole.by_name) - set(masters.by_name)
    assert left
    assert all("img_processor" in name for name in left)
    assert not any("img_processor" in name for name in masters.by_name)
    unused = [name for name, p in model.named_parameters() if name not in whole.by_name]
    assert all(".encoder.layers.3." in name or "post_layernorm" in name for name in unused)
    train(spec_for(catalog, method="full", freeze=("vision", "projector"), max_steps=1), tmp_path / "out", device="cpu")
    with pytest.raises(ToileError, match="is of a full fine-tune"):
        train(spec_for(catalog, freeze=("vision",)), tmp_path / "lora", device="cpu")


def test_frozen_weights_are_cast_and_saved_unrounded() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    model[0].requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    masters = MasterWeights(model, torch.bfloat16)
    model(torch.ones(1, 3, dtype=torch.bfloat16)).sum().backward()
    assert set(masters.by_name) == {"1.weight", "1.bias"}
    assert {value.dtype for value in model.state_dict().values()} == {torch.bfloat16}
    masters.restore_full_precision()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
