"""Read and write the configuration of a Phi-3-Vision model in the published config.json layout.

The published files differ from what transformers expects in three points, which are resolved here. The rope type "su"
is "longrope" in transformers; `auto_map` and `_attn_implementation` (flash attention) are dropped; and the vision
tower, always CLIP ViT-L/14 at 336 px, has no entry. A smaller tower is written as `vision_config`. Source: config.json
of microsoft/Phi-3-vision-128k-instruct and microsoft/Phi-3.5-vision-instruct.
"""

import math
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import CLIPVisionConfig
from transformers.models.phi3.configuration_phi3 import Phi3Config

from schemas.errors import ToileError

CLIP_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
"""The tower of both published models (openai/clip-vit-large-patch14-336)."""

EMBEDDING_LAYER = {
    "embedding_cls": "image",
    "hd_transform_order": "sub_glb",
    "projection_cls": "mlp",
    "use_hd_transform": True,
    "with_learnable_separator": True,
}
"""The only image layout that is implemented (and that was ever published)."""

SHARED_FIELDS = (
    "attention_dropout",
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "original_max_position_embeddings",
    "pad_token_id",
    "rms_norm_eps",
    "sliding_window",
    "tie_word_embeddings",
    "use_cache",
    "vocab_size",
)
"""Fields with the same name in the published file and in transformers."""

DROPPED = ("_attn_implementation", "_name_or_path", "auto_map", "transformers_version", "torch_dtype", "dtype")


class Phi3VConfig(Phi3Config):  # type: ignore[misc]  # transformers is untyped
    """Phi-3's own configuration plus the vision tower's."""

    model_type = "phi3_v"
    vision_config: Any = None
    """A CLIPVisionConfig, or its fields as a dict; None is CLIP ViT-L/14 at 336 px."""

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if not isinstance(self.vision_config, CLIPVisionConfig):
            self.vision_config = CLIPVisionConfig(**(self.vision_config or CLIP_LARGE))
        # The scaled_dot_product kernels of torch: no attention weights in memory, and no package to install.
        self.vision_config._attn_implementation = "sdpa"
        self._attn_implementation = "sdpa"

    @property
    def tile_px(self) -> int:
        """Height and width of one crop in pixels: 336 in the published models."""
        return int(self.vision_config.image_size)

    @property
    def lines_per_tile(self) -> int:
        """Lines (and columns) of vectors of one crop: 12 at 336 px with patches of 14 px."""
        return self.tile_px // int(self.vision_config.patch_size) // 2

    @property
    def join_size(self) -> int:
        """Width of one merged vector: 2x2 neighbouring patches side by side."""
        return 4 * int(self.vision_config.hidden_size)


def config_from_json(document: dict[str, Any], where: str) -> Phi3VConfig:
    """Return the configuration in a parsed config.json; `where` names the file in errors.

    Raises ToileError for another model_type, another image layout, another rope type, or values that do not fit.
    """
    model_type = document.get("model_type")
    if model_type != Phi3VConfig.model_type:
        raise ToileError(
            f"{where}: model_type",
            f"is {model_type!r}, not 'phi3_v'",
            "Give a Phi-3-Vision checkpoint; `toile evaluate --backend transformers` asks other models.",
        )
    layer = EMBEDDING_LAYER | (document.get("embd_layer") or {})
    if layer != EMBEDDING_LAYER:
        raise ToileError(f"{where}: embd_layer", f"is {layer}", f"Only {EMBEDDING_LAYER} is implemented.")
    fields = {name: value for name, value in document.items() if name not in DROPPED}
    fields["rope_parameters"] = _rope_parameters(fields, where)
    for name in ("rope_scaling", "rope_theta", "embd_layer", "img_processor", "model_type", "architectures"):
        fields.pop(name, None)
    try:
        config = Phi3VConfig(**fields)
    except (StrictDataclassError, TypeError, ValueError, AttributeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ToileError(where, f"does not describe a model: {reason}", "Fetch the file again.") from error
    _check_sizes(config, where)
    return config


def config_to_json(config: Phi3VConfig, dtype: str) -> dict[str, Any]:
    """Return a configuration in the published layout; `dtype` is the name of the weights' type, such as "bfloat16"."""
    rope = config.rope_parameters
    document = {name: getattr(config, name) for name in SHARED_FIELDS}
    document |= {
        "architectures": ["Phi3VForCausalLM"],
        "embd_layer": dict(EMBEDDING_LAYER),
        "img_processor": {
            "image_dim_out": config.vision_config.hidden_size,
            "model_name": "openai/clip-vit-large-patch14-336",
            "name": "clip_vision_model",
            "num_img_tokens": config.lines_per_tile**2,
        },
        "model_type": config.model_type,
        "rope_scaling": {
            "long_factor": rope["long_factor"],
            "short_factor": rope["short_factor"],
            "type": "su",
        },
        "rope_theta": rope["rope_theta"],
        "torch_dtype": dtype,
    }
    tower = {name: getattr(config.vision_config, name) for name in CLIP_LARGE}
    if tower != CLIP_LARGE:
        document["vision_config"] = tower
    return dict(sorted(document.items()))


def attention_scaling(config: Phi3VConfig) -> float:
    """Return the factor on cosines and sines of all rows, sqrt(1 + ln(max / original) / ln(original)).

    Source: LongRoPE, arXiv 2402.13753, and modeling_phi3_v.py of the published models.
    """
    ratio = config.max_position_embeddings / config.original_max_position_embeddings
    if ratio <= 1:
        return 1.0
    return math.sqrt(1 + math.log(ratio) / math.log(config.original_max_position_embeddings))


def full_size_config() -> Phi3VConfig:
    """Return the published sizes, 4,146,621,440 parameters; the rope factors are smooth, not the published lists."""
    return Phi3VConfig(
        vocab_size=32064,
        hidden_size=3072,
        intermediate_size=8192,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0 + 2.0 * pair / 48 for pair in range(48)],
            "long_factor": [1.0 + 63.0 * pair / 47 for pair in range(48)],
        },
        sliding_window=131072,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )


def _rope_parameters(fields: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the rope entry as transformers expects it: type "longrope", with the base frequency in the same dict."""
    rope = dict(fields.get("rope_scaling") or fields.get("rope_parameters") or {})
    kind = rope.pop("type", None) or rope.get("rope_type")
    if kind not in ("su", "longrope") or not {"long_factor", "short_factor"} <= rope.keys():
        raise ToileError(
            f"{where}: rope_scaling",
            f"is of type {kind!r} with {sorted(rope)}",
            "Phi-3-Vision has type 'su' (or 'longrope') with a long_factor and a short_factor list.",
        )
    rope["rope_type"] = "longrope"
    rope.setdefault("rope_theta", fields.get("rope_theta", 10000.0))
    return rope


def _check_sizes(config: Phi3VConfig, where: str) -> None:
    """Raise ToileError unless the sizes fit together as the rest of the code expects."""
    tower, rope = config.vision_config, config.rope_parameters
    head_size, left_over = divmod(config.hidden_size, config.num_attention_heads)
    wanted = {
        f"hidden_size {config.hidden_size} is not a multiple of num_attention_heads": left_over == 0,
        f"rope_scaling: short_factor and long_factor must be lists of {head_size // 2} numbers": all(
            isinstance(rope[name], list) and len(rope[name]) == head_size // 2
            for name in ("short_factor", "long_factor")
        ),
        f"vision_config: image_size {config.tile_px} is not a multiple of 2 x patch_size {tower.patch_size}": (
            config.tile_px % (2 * tower.patch_size) == 0
        ),
        "vision_config: num_hidden_layers must be 2 or more, as the last one is not run": tower.num_hidden_layers > 1,
        "tie_word_embeddings is true, but lm_head.weight is a tensor of its own": not config.tie_word_embeddings,
        f"pad_token_id {config.pad_token_id} is beyond vocab_size": (config.pad_token_id or 0) < config.vocab_size,
    }
    problems = [problem for problem, holds in wanted.items() if not holds]
    if problems:
        raise ToileError(where, "; ".join(problems), "Correct the sizes, or fetch the file again.")
