"""The training spec: which model, which mix of shard folders, which parameters move, how far.

Read with `schemas.load(path, "training")`; `schemas/presets/demo-run.yaml` is a commented example.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSpec:
    """Which products of a catalog spec: those that `toile generate` writes with the same options."""

    num_products: int = 1000
    """Of all splits together; of these, about 80 % are training rows."""
    seed: int = 0
    """Another seed, another catalog."""
    image_size: int = 336
    """Edge of the square pictures in pixels."""
    photo: str = "studio"
    """studio or snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSource:
    """One shard folder, or one catalog spec, of the mix."""

    data: str
    """Folder made by `toile generate` or `toile import`, or a catalog spec whose products are drawn when they are
    needed; relative to the run file. What is not there may be the name of a shipped preset."""
    weight: float = 1.0
    """Share of the drawn examples, beside the other sources' weights; > 0."""
    draw: DrawSpec | None = None
    """For a catalog spec: which of its products; None means what `toile generate SPEC` writes without options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSpec:
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685)."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("decoder",)
    """decoder, projector and vision are all linear layers of a part; single layers go by their own names: qkv_proj,
    o_proj, gate_up_proj, down_proj in the decoder, q_proj, k_proj, v_proj, out_proj, fc1, fc2 in the vision tower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserSpec:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with a warm-up and a schedule."""

    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.95
    warmup_steps: int = 0
    schedule: str = "cosine"
    """constant, linear or cosine; the latter two end at 0."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this L2 norm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSpec:
    """Ways to train faster, each of which can be switched off alone and changes losses by rounding at most.

    What each one brings is measured by `benchmarks/ladder.py`; docs/training.md explains them.
    """

    answer_logits: bool = True
    """Head and cross-entropy at the answer's positions only."""
    causal_attention: bool = True
    """No attention mask: rows are padded on the right, where nothing is seen by what counts."""
    real_tiles: bool = True
    """The vision tower sees no empty crops, and its unused last layer does not run."""
    cast_once: bool = True
    """What is trained is cast to `dtype` once a step, from float32 masters that AdamW moves; else at every use."""
    fused_lora: bool = True
    """The adapter's product is added in place to that of its base."""
    fused_optimiser: bool = True
    """One kernel for all parameters."""
    picture_bytes: bool = True
    """Pictures travel as bytes and are cut and normalised on the device."""
    copy_ahead: bool = True
    """The next step's batch is fetched and copied while this one computes."""
    compile: bool = False
    """torch.compile, layer by layer; lengths become multiples of 16."""
    checkpointing: bool = False
    """Activations are computed again instead of kept: slower, for a larger batch or a smaller device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpec:
    """One run."""

    mix: tuple[MixSource, ...]
    max_steps: int
    model: str = "tiny"
    """A hub name, a folder, or tiny."""
    method: str = "lora"
    """lora (an adapter) or full (a whole checkpoint)."""
    freeze: tuple[str, ...] = ()
    """Parts that a full fine-tune leaves as they are: vision, projector."""
    lora: LoraSpec = LoraSpec()
    optimiser: OptimiserSpec = OptimiserSpec()
    batch_size: int = 32
    """Examples that make one step."""
    micro_batch_size: int | None = None
    """Examples that one process computes at once; None means its whole share. The loss does not depend on it."""
    num_crops: int | None = None
    """Tiles a picture may be cut into; None keeps the model's own setting."""
    dtype: str = "float32"
    """Of the arithmetic and of the frozen weights: float32 or bfloat16. What is trained keeps float32 masters."""
    quantise: str = "none"
    """nf4 keeps the decoder's frozen weights in 4 bits (Dettmers et al. 2023, arXiv 2305.14314); needs bitsandbytes."""
    speed: SpeedSpec = SpeedSpec()
    seed: int = 0
    """Decides initial adapters, the order of examples, and tiny's weights."""
    validate_every: int = 0
    """Steps between losses on the validation split; 0 means only at the end."""
    patience: int = 0
    """Stop after so many validations in a row without a lower loss; 0 never stops early."""
    keep: str = "last"
    """last or best: the weights of the end, or those with the lowest validation loss."""
    checkpoint_every: int = 200
    """Steps between resumable checkpoints."""
    tracking: str = "none"
    """none or wandb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`run.json` beside an adapter or a checkpoint: what was trained on what. An unfinished one can be continued."""

    finished: bool
    inputs: Mapping[str, Any]
    """Everything that decides the weights: the spec, and for each folder of the mix the sha256 of its content."""
    num_steps: int
    num_examples: Mapping[str, int]
    """Folder -> rows that can be learned from."""
    num_skipped: Mapping[str, int]
    """Folder -> rows without title, category, price or picture."""
    versions: Mapping[str, str]
    seconds: float = 0.0
    samples_per_second: float | None = None
    first_loss: float | None = None
    last_loss: float | None = None
    """Means over the first and last 10 steps, in nats a token."""
    validation_loss: float | None = None
    """Of the weights that were kept."""
    best_step: int | None = None
    """After which step the kept weights were taken, where the best are kept."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Weights, settings and seen rows that the run has left -> sha256; loading them compares it."""
