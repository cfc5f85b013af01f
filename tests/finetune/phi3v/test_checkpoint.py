"""Checkpoints: published names, strict reading with a message for every fault, and round trips."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import finetune.phi3v
from finetune.phi3v import load_model, save_model
from finetune.phi3v.configuration import CLIP_LARGE, EMBEDDING_LAYER, Phi3VConfig, config_from_json, config_to_json
from finetune.phi3v.loading import assemble, fingerprint, resolve_folder
from finetune.phi3v.modeling import Phi3VForCausalLM, init_weights
from finetune.phi3v.tiny import tiny_config, tiny_processor
from schemas.errors import ToileError
from tests.finetune.phi3v.test_processing import PROMPT
from tests.finetune.phi3v.test_tiling import make_image

PUBLISHED_NAMES = [
    r"lm_head\.weight",
    r"model\.(embed_tokens|norm)\.weight",
    r"model\.layers\.\d+\.(self_attn\.(qkv|o)_proj|mlp\.(gate_up|down)_proj)\.weight",
    r"model\.layers\.\d+\.(input|post_attention)_layernorm\.weight",
    r"model\.vision_embed_tokens\.(glb_GN|sub_GN|img_projection\.[02]\.(weight|bias))",
    r"model\.vision_embed_tokens\.img_processor\.vision_model\.embeddings\.(class_embedding|(patch|position)_embedding\.weight)",
    r"model\.vision_embed_tokens\.img_processor\.vision_model\.(pre_layrnorm|post_layernorm)\.(weight|bias)",
    r"model\.vision_embed_tokens\.img_processor\.vision_model\.encoder\.layers\.\d+\."
    r"(self_attn\.(q|k|v|out)_proj|layer_norm[12]|mlp\.fc[12])\.(weight|bias)",
]
PUBLISHED_CONFIG = {
    "_attn_implementation": "flash_attention_2",
    "auto_map": {"AutoConfig": "configuration_phi3_v.Phi3VConfig"},
    "embd_layer": EMBEDDING_LAYER,
    "model_type": "phi3_v",
    "hidden_size": 3072,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096,
    "rope_scaling": {"type": "su", "short_factor": [1.05] * 48, "long_factor": [2.5] * 48},
    "rope_theta": 10000.0,
    "sliding_window": 131072,
    "torch_dtype": "bfloat16",
    "vocab_size": 32064,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in a folder; read-only by convention."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    save_model(*load_model("tiny", seed=3), folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to be copied_adapter."""
    return Path(shutil.copytree(saved, tmp_path / "checkpoint"))


def logits(model: Phi3VForCausalLM, processor: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(**processor([PROMPT], [[make_image()]])).logits
    return found


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_saved_model_round_trip(saved: Path) -> None:
    original, processor = load_model("tiny", seed=3)
    model, again = load_model(saved)
    assert torch.equal(logits(model, again), logits(original, processor))
    assert model.generation_config.eos_token_id == again.stop_token_ids == processor.stop_token_ids
    assert (again.num_crops, again.tile_px, again.lines_per_tile) == (1, 112, 4)
    assert again.encode_plain("Crème 1") == processor.encode_plain("Crème 1")
    assert not model.training


def test_written_tensor_names_equal_published(saved: Path) -> None:
    with safe_open(saved / "model.safetensors", framework="pt") as file:
        names = list(file.keys())
    strange = [name for name in names if not any(re.fullmatch(pattern, name) for pattern in PUBLISHED_NAMES)]
    assert not strange
    assert (saved / "model.safetensors").stat().st_mode == (saved / "config.json").stat().st_mode


def test_published_sizes_give_published_parameter_count() -> None:
    config = config_from_json(PUBLISHED_CONFIG, "config.json")
    with torch.device("meta"):
        tensors = Phi3VForCausalLM(config).state_dict()
    assert len(tensors) == 592
    assert sum(tensor.numel() for tensor in tensors.values()) == 4_146_621_440
    tower = [name for name in tensors if ".img_processor.vision_model." in name]
    assert len(tower) == 391
    assert all(any(re.fullmatch(pattern, name) for pattern in PUBLISHED_NAMES) for name in tensors)


def test_configuration_is_written_in_published_layout() -> None:
    config = config_from_json(PUBLISHED_CONFIG, "config.json")
    document = config_to_json(config, "bfloat16")
    for name in ("rope_scaling", "rope_theta", "hidden_size", "sliding_window", "torch_dtype", "embd_layer"):
        assert document[name] == PUBLISHED_CONFIG[name], name
    assert "vision_config" not in document
    assert document["img_processor"]["num_img_tokens"] == 144
    assert config_to_json(config_from_json(document, "again"), "bfloat16") == document


def test_transformers_reads_written_configuration(saved: Path) -> None:
    """PEFT does this to see whether the vocabulary has grown."""
    config = Phi3VConfig.from_pretrained(saved)
    assert (config.vocab_size, config.tile_px, config.rope_parameters["rope_type"]) == (2048, 112, "longrope")


def test_weight_dtype_round_trip(folder: Path, tmp_path: Path) -> None:
    save_model(*load_model(folder, dtype=torch.bfloat16), tmp_path / "half")
    with safe_open(tmp_path / "half" / "model.safetensors", framework="pt") as file:
        assert file.get_tensor("lm_head.weight").dtype == torch.bfloat16
    assert json.loads((tmp_path / "half" / "config.json").read_text())["torch_dtype"] == "bfloat16"
    model, _ = load_model(tmp_path / "half", dtype=torch.float32)
    assert model.lm_head.weight.dtype == torch.float32


def test_shards_are_read_and_aliases_ignored(folder: Path, saved: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.vision_embed_tokens.wte.weight"] = tensors["lm_head.weight"].clone()
    tensors["model.vision_embed_tokens.img_processor.vision_model.embeddings.position_ids"] = torch.arange(65)[None]
    split_into_shards(folder, tensors)
    assert torch.equal(logits(*load_model(folder)), logits(*load_model(saved)))


def split_into_shards(folder: Path, tensors: dict[str, Tensor]) -> None:
    names = sorted(tensors)
    weight_map = {name: f"model-0000{1 + index % 2}-of-00002.safetensors" for index, name in enumerate(names)}
    for shard in set(weight_map.values()):
        save_file({name: tensors[name] for name in names if weight_map[name] == shard}, folder / shard)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def drop_shard(folder: Path) -> None:
    split_into_shards(folder, load_file(folder / "model.safetensors"))
    (folder / "model-00002-of-00002.safetensors").unlink()


def repeat_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    split_into_shards(folder, tensors)
    second = folder / "model-00002-of-00002.safetensors"
    save_file({**load_file(second), "lm_head.weight": tensors["lm_head.weight"]}, second)


def another_size(folder: Path) -> None:
    change_json(folder / "config.json", hidden_size=64, num_attention_heads=2, num_key_value_heads=2)


def corrupt_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("<|end|>", "<|fin|>"))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing tensor": (
        lambda folder: change_weights(folder, lambda tensors: tensors.pop("model.vision_embed_tokens.glb_GN")),
        r"missing: model.vision_embed_tokens.glb_GN \(1, 1, 384\)",
    ),
    "unknown tensor": (
        lambda folder: change_weights(folder, lambda tensors: tensors.update(extra=torch.zeros(2, 3))),
        r"unknown: extra \(2, 3\)",
    ),
    "misshapen tensor": (
        lambda folder: change_weights(folder, lambda tensors: tensors.update({"model.norm.weight": torch.zeros(7)})),
        r"misshapen: model.norm.weight \(7,\), expected \(128,\)",
    ),
    "many missing tensors": (
        lambda folder: change_weights(folder, lambda tensors: [tensors.pop(name) for name in sorted(tensors)[:20]]),
        "missing: .* and 8 more",
    ),
    "quantised tensor": (
        lambda folder: change_weights(
            folder, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(2048, 128, dtype=torch.int8)})
        ),
        r"of a type that is not read: lm_head\.weight I8",
    ),
    "tensor in two shards": (repeat_a_tensor, r"repeats the tensor lm_head\.weight"),
    "configuration of another size": (another_size, r"misshapen: lm_head.weight \(2048, 128\), expected \(2048, 64\)"),
    "truncated file": (
        lambda folder: truncate(folder / "model.safetensors"),
        "model.safetensors: is not a readable safetensors file",
    ),
    "text instead of weights": (
        lambda folder: (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1"),
        "model.safetensors: is not a readable safetensors file",
    ),
    "missing shard": (drop_shard, "lacks the shards model-00002-of-00002.safetensors"),
    "empty index": (
        lambda folder: (folder / "model.safetensors.index.json").write_text("{}"),
        "index.json: weight_map: is missing or empty",
    ),
    "pickles only": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "holds no model.safetensors, only pytorch_model.bin",
    ),
    "another model": (
        lambda folder: change_json(folder / "config.json", model_type="llava"),
        "config.json: model_type: is 'llava', not 'phi3_v'",
    ),
    "another image layout": (
        lambda folder: change_json(folder / "config.json", embd_layer={"hd_transform_order": "glb_sub"}),
        "config.json: embd_layer: is .*glb_sub",
    ),
    "another rope": (
        lambda folder: change_json(folder / "config.json", rope_scaling={"type": "yarn", "factor": 4}),
        "config.json: rope_scaling: is of type 'yarn'",
    ),
    "rope lists of another head": (
        lambda folder: change_json(
            folder / "config.json", rope_scaling={"type": "su", "short_factor": [1.0], "long_factor": [1.0]}
        ),
        "short_factor and long_factor must be lists of 16 numbers",
    ),
    "words for sizes": (
        lambda folder: change_json(folder / "config.json", hidden_size="large"),
        "config.json: does not describe a model: .*hidden_size",
    ),
    "pad token beyond the vocabulary": (
        lambda folder: change_json(folder / "config.json", pad_token_id=32000),
        "pad_token_id 32000 is beyond vocab_size",
    ),
    "crops of odd size": (
        lambda folder: change_json(folder / "config.json", vision_config=CLIP_LARGE | {"image_size": 100}),
        "image_size 100 is not a multiple of 2 x patch_size 14",
    ),
    "tied head": (
        lambda folder: change_json(folder / "config.json", tie_word_embeddings=True),
        "tie_word_embeddings is true",
    ),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "config.json: is missing"),
    "broken configuration": (
        lambda folder: truncate(folder / "config.json"),
        "config.json: is not a readable JSON",
    ),
    "configuration is a list": (
        lambda folder: (folder / "config.json").write_text("[]"),
        "config.json: holds a list, not an object",
    ),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json: is missing"),
    "broken tokenizer": (
        lambda folder: truncate(folder / "tokenizer.json"),
        "tokenizer.json: is not a readable tokenizer",
    ),
    "another tokenizer": (corrupt_tokenizer, r"tokenizer.json: lacks <\|end\|>"),
    "too large a tokenizer": (
        lambda folder: change_json(folder / "config.json", vocab_size=1000),
        "tokenizer.json: has 20[0-9]+ tokens, the model 1000 rows",
    ),
    "no crops": (
        lambda folder: change_json(folder / "preprocessor_config.json", num_crops=0),
        "preprocessor_config.json: num_crops: is 0",
    ),
    "no image settings": (
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        "preprocessor_config.json: is missing",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_checkpoint_is_refused(folder: Path, fault: str) -> None:
    spoil, message = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ToileError, match=message) as caught:
        load_model(folder)
    assert str(folder) in caught.value.where
    assert "\n" not in caught.value.problem
    assert caught.value.hint


def test_save_model_refuses_adapters(tmp_path: Path) -> None:
    model, processor = load_model("tiny")
    model.lm_head.register_parameter("lora_A", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(ToileError, match=r"unknown: lm_head\.lora_A") as caught:
        save_model(model, processor, tmp_path / "out")
    assert "merge adapters" in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["no/such/folder", "./nowhere", "tinny", "/tmp/none/at/all"])
def test_invalid_model_name_is_refused_offline(name: str) -> None:
    with pytest.raises(ToileError, match="is neither a folder nor a hub name") as caught:
        load_model(name)
    assert '"tiny"' in caught.value.hint


def test_hub_cache_folder_resolves_to_snapshot(saved: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--house--model"
    shutil.copytree(saved, repository / "snapshots" / ("a" * 40))
    assert torch.equal(logits(*load_model(repository)), logits(*load_model(saved)))
    shutil.copytree(saved, repository / "snapshots" / ("b" * 40))
    with pytest.raises(ToileError, match=r"is a hub cache with 2 snapshots and no refs/main"):
        load_model(repository)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("b" * 40)
    assert resolve_folder(repository).name == "b" * 40
    (repository / "refs" / "main").write_text("c" * 40)
    with pytest.raises(ToileError, match=r"is missing, but refs/main names it"):
        load_model(repository)


def test_fingerprint_does_not_depend_on_sharding(folder: Path, saved: Path) -> None:
    expected = fingerprint(saved)
    assert fingerprint(load_file(saved / "model.safetensors")) == expected
    split_into_shards(folder, load_file(folder / "model.safetensors"))
    assert fingerprint(folder) == expected
    change = {"lm_head.weight": load_file(saved / "model.safetensors")["lm_head.weight"].nextafter(torch.tensor(9.0))}
    assert fingerprint({**load_file(saved / "model.safetensors"), **change}) != expected


MEMORY = """
import resource, sys, torch
from pathlib import Path
import finetune.phi3v
from finetune.phi3v import load_model
def peak(): return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
load_model("tiny")
before = peak()
model, _ = load_model(Path(sys.argv[1]), dtype=torch.float32)
print(peak() - before, sum(p.numel() for p in model.parameters()) * 4 / 2**20)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_loading_holds_one_copy_in_memory(tmp_path: Path) -> None:
    """From bfloat16 to float32: one float32 copy and the mapped file, half its size, whose pages may be dropped."""
    config = tiny_config()
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 512, 4096, 6
    config.num_attention_heads = config.num_key_value_heads = 16
    model = assemble(config, init_weights(config, 0), dtype=torch.bfloat16, device="cpu")
    save_model(model, tiny_processor(), tmp_path / "wide")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "wide")]
    grown, size = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert size > 150
    assert size * 0.9 < grown < size * 1.7, (grown, size)


def test_missing_device_is_refused() -> None:
    with pytest.raises(ToileError, match="device warp: cannot be used"):
        load_model("tiny", device="warp")


def test_public_names_are_sorted_and_there() -> None:
    assert finetune.phi3v.__all__ == sorted(finetune.phi3v.__all__)
    assert all(hasattr(finetune.phi3v, name) for name in finetune.phi3v.__all__)
