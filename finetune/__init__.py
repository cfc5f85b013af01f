"""Native Phi-3-Vision and its training on any mix of shard folders: the public surface, all else may change."""

from importlib import import_module
from typing import Any

_HOMES = {
    "load_model": "finetune.adapters",
    "measure_throughput": "finetune.benchmark",
    "mix": "finetune.data_mix",
    "train": "finetune.train",
}
__all__ = ["load_model", "measure_throughput", "mix", "train"]


def __getattr__(name: str) -> Any:
    """Load torch only when something of it is used."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'finetune' has no attribute {name!r}")
