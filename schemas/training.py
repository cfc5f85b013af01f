"""The training spec: which model, which mix of shard folders, which parameters move, how far.

Read with `schemas.load(path, "training")`; `schemas/presets/demo-run.yaml` is a commented example.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSource:
    """One shard folder of the mix."""

    data: str
    """Folder made by `toile generate` or `toile import`; relative to the run file."""
    weight: float = 1.0
    """Share of the drawn examples, beside the other sources' weights; > 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSpec:
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685)."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")
    """Names of linear layers; these four are the language model's, q_proj, k_proj, v_proj, out_proj, fc1, fc2 the
    vision tower's."""


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
class TrainingSpec:
    """One run."""

    mix: tuple[MixSource, ...]
    max_steps: int
    model: str = "tiny"
    """A hub name, a folder, or tiny."""
    method: str = "lora"
    """lora (an adapter) or full (a whole checkpoint)."""
    lora: LoraSpec = LoraSpec()
    optimiser: OptimiserSpec = OptimiserSpec()
    batch_size: int = 32
    """Examples that make one step."""
    micro_batch_size: int | None = None
    """Examples computed at once; None means all of the step. The loss does not depend on it."""
    num_crops: int | None = None
    """Tiles a picture may be cut into; None keeps the model's own setting."""
    dtype: str = "float32"
    """Of the frozen weights: float32 or bfloat16. What is trained stays float32."""
    seed: int = 0
    """Decides initial adapters, the order of examples, and tiny's weights."""
    validate_every: int = 0
    """Steps between losses on the validation split; 0 means only at the end."""
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
