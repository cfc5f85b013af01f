"""Native Phi-3-Vision and its training on any mix of catalogs.

    from finetune.train import train
    from finetune.adapters import load_model

`toile` re-exports `train` and `load_model`. `load_model`, `measure_throughput` and `mix` are also attributes of this
package; torch is imported when one of them is used.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "load_model": "finetune.adapters",
    "measure_throughput": "finetune.benchmark",
    "mix": "finetune.data_mix",
}
__all__ = ["load_model", "measure_throughput", "mix"]


def __getattr__(name: str) -> Any:
    """Import the module of a public name. `train` is not one: it would hide the module of that name."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'finetune' has no attribute {name!r}")
