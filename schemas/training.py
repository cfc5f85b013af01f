"""The training spec: which model, which mix of catalogs, which parameters are trained, for how many steps.

Read with `schemas.load(path, "training")`; `schemas/presets/demo-run.yaml` is an example with comments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MinLen

from schemas.documents import Count, OneOf, Sha256, Shape, Text, Unique

MAX_PRODUCTS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSpec:
    """Which products of a catalog spec: those that `toile generate` writes with the same options."""

    num_products: Annotated[int, Ge(1), Le(MAX_PRODUCTS)] = 1000
    """Of all splits together; about 80 % of them are training rows."""
    seed: Annotated[int, Ge(0)] = 0
    """Another seed gives another catalog."""
    image_size: Annotated[int, Ge(32), Le(2048)] = 336
    """Edge of the square images in pixels."""
    photo: Annotated[str, OneOf(("studio", "snapshot"))] = "studio"
    """studio or snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSource:
    """One catalog folder, or one catalog spec, of the mix."""

    data: Text
    """Folder made by `toile generate` or `toile import`, or a catalog spec whose products are generated when they are
    needed; relative to the run file. A name that is no file may be that of a shipped preset."""
    weight: Annotated[float, Gt(0)] = 1.0
    """Share of the sampled examples, relative to the other sources' weights."""
    draw: DrawSpec | None = None
    """Of a catalog spec: which products; null means what `toile generate SPEC` writes without options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSpec:
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685)."""

    rank: Annotated[int, Ge(1)] = 16
    """Rank of the two factors."""
    alpha: Annotated[float, Gt(0)] = 32.0
    """The adapter's output is multiplied by alpha / rank."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Probability that an input of the adapter is dropped in training."""
    targets: Annotated[tuple[str, ...], MinLen(1)] = ("decoder",)
    """decoder, projector and vision mean all linear layers of that part. Single layers have their own names: qkv_proj,
    o_proj, gate_up_proj, down_proj in the decoder, q_proj, k_proj, v_proj, out_proj, fc1, fc2 in the vision tower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserSpec:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with a warm-up and a schedule."""

    learning_rate: Annotated[float, Gt(0)] = 1e-4
    """The highest learning rate, after the warm-up."""
    weight_decay: Annotated[float, Ge(0)] = 0.0
    """Decoupled weight decay."""
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Decay of the first moment."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.95
    """Decay of the second moment."""
    warmup_steps: Annotated[int, Ge(0)] = 0
    """Steps in which the learning rate rises linearly from 0."""
    schedule: Annotated[str, OneOf(("constant", "linear", "cosine"))] = "cosine"
    """constant, linear or cosine; the latter two end at 0."""
    max_grad_norm: Annotated[float, Gt(0)] = 1.0
    """Gradients are scaled down to this L2 norm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSpec:
    """Optimizations; each can be switched off alone and changes losses by rounding at most.

    `benchmarks/ladder.py` measures what each one brings; docs/training.md explains them.
    """

    answer_logits: bool = True
    """Compute head and cross-entropy at the answer's positions only."""
    causal_attention: bool = True
    """Use no attention mask: rows are padded on the right, where no token that counts attends."""
    real_tiles: bool = True
    """Skip empty crops in the vision tower, and its unused last layer."""
    cast_once: bool = True
    """Cast trained weights to `dtype` once a step from the float32 master weights; otherwise at every use."""
    fused_lora: bool = True
    """Add the adapter's product in place to that of its base layer."""
    fused_optimiser: bool = True
    """Update all parameters in one kernel."""
    picture_bytes: bool = True
    """Transfer images as bytes; crop and normalise them on the device."""
    copy_ahead: bool = True
    """Load and copy the next step's batch while this one computes."""
    compile: bool = False
    """Use torch.compile, layer by layer; lengths become multiples of 16."""
    checkpointing: bool = False
    """Recompute activations instead of storing them: slower, for a larger batch or a smaller device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpec:
    """One training run."""

    mix: Annotated[tuple[MixSource, ...], MinLen(1)]
    """The catalogs to learn from."""
    max_steps: Annotated[int, Ge(1)]
    """Number of optimizer steps."""
    model: Text = "tiny"
    """A hub name, a folder, or tiny. An adapter's folder means that it is continued; full trains the merged model."""
    method: Annotated[str, OneOf(("lora", "full"))] = "lora"
    """lora (train an adapter) or full (train all weights)."""
    freeze: Annotated[tuple[Annotated[str, OneOf(("vision", "projector"))], ...], Unique()] = ()
    """Parts that a full fine-tune does not train: vision, projector."""
    lora: LoraSpec = LoraSpec()
    """The adapter, where the method is lora."""
    optimiser: OptimiserSpec = OptimiserSpec()
    """Optimizer and schedule."""
    batch_size: Annotated[int, Ge(1)] = 32
    """Examples per step."""
    micro_batch_size: Annotated[int, Ge(1)] | None = None
    """Examples that one process computes at once; null means its whole share. The loss does not depend on it."""
    num_crops: Annotated[int, Ge(1), Le(64)] | None = None
    """Most tiles an image is cut into; null means the model's own setting."""
    dtype: Annotated[str, OneOf(("float32", "bfloat16"))] = "float32"
    """Of the arithmetic and the frozen weights: float32 or bfloat16. Trained weights have float32 masters."""
    quantise: Annotated[str, OneOf(("none", "nf4"))] = "none"
    """nf4 stores the decoder's frozen weights in 4 bits (Dettmers et al. 2023, arXiv 2305.14314); needs
    bitsandbytes."""
    speed: SpeedSpec = SpeedSpec()
    """Optimizations that can be switched off."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides initial adapters, the order of examples, and tiny's weights."""
    validate_every: Annotated[int, Ge(0)] = 0
    """Steps between losses on the validation split; 0 means only at the end."""
    patience: Annotated[int, Ge(0)] = 0
    """Stop after this many validations in a row without a lower loss; 0 never stops early."""
    keep: Annotated[str, OneOf(("last", "best"))] = "last"
    """last or best: the final weights, or those with the lowest validation loss."""
    checkpoint_every: Annotated[int, Ge(1)] = 200
    """Steps between resumable checkpoints."""
    checkpoint_minutes: Annotated[float, Gt(0)] | None = 5.0
    """Most minutes between resumable checkpoints, whatever the number of steps; null: only by steps."""
    tracking: Annotated[str, OneOf(("none", "wandb", "tensorboard"))] = "none"
    """none, wandb, or tensorboard (event files in the folder `tensorboard` of the run)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """Which model a run began with."""

    sha256: Sha256
    """Of its configuration and weights."""
    revision: str | None
    """Commit of a hub repository; null for a folder."""
    adapter: Sha256 | None = None
    """Of the weights of the adapter that the run continues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """One source of a run's mix, by content."""

    folder: str
    content_sha256: str
    weight: float
    draw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """Everything that decides the weights of a run."""

    spec: Mapping[str, Any]
    """The training spec without its mix."""
    base: BaseModel
    data: tuple[RunData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A training that a model went through before."""

    name: str
    """Of the run, as in `seen.parquet`."""
    model: str
    """What was trained."""
    data: Mapping[str, Sha256]
    """Folder or spec of the mix -> sha256 of its content."""
    num_examples: Mapping[str, Count]
    """Folder or spec -> rows that could be learned from."""
    num_steps: Count
    rows_listed: bool = True
    """Whether `seen.parquet` lists its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`run.json` next to an adapter or a checkpoint: what was trained on what. An unfinished run can be continued."""

    finished: bool
    inputs: Annotated[Mapping[str, Any], Shape(RunInputs)]
    """Everything that decides the weights: the spec, and for each folder of the mix the sha256 of its content."""
    num_steps: Count
    num_examples: Mapping[str, Count]
    """Folder -> rows that can be learned from."""
    num_skipped: Mapping[str, Count]
    """Folder -> rows without title, category, price or image."""
    versions: Mapping[str, str]
    seconds: Annotated[float, Ge(0)] = 0.0
    """Wall time."""
    samples_per_second: float | None = None
    first_loss: float | None = None
    """Mean over the first 10 steps, in nats per token; over the first half of a run of fewer than 20."""
    last_loss: float | None = None
    """Mean over the last 10 steps, in nats per token; over the last half of a run of fewer than 20."""
    validation_loss: float | None = None
    """Of the weights that were kept."""
    best_step: int | None = None
    """Step of the kept weights, where the best ones are kept."""
    files: Mapping[str, Sha256] = field(default_factory=dict)
    """Weights, settings and seen rows that the run wrote -> sha256; loading compares it."""
    name: str = ""
    """Of this run, as in `seen.parquet`."""
    trained_before: tuple[EarlierRun, ...] = ()
    """The trainings of the base model, the first one first."""
