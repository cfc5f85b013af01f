"""How well a model reads title, category and price from the picture alone, category by category.

The four public functions are loaded on first use, so that the command line starts without scipy and jinja2.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.comparing import compare
    from evaluation.generate import predict
    from evaluation.metrics import score
    from evaluation.reporting import report

__all__ = ["compare", "predict", "report", "score"]

_HOMES = {"compare": "comparing", "predict": "generate", "report": "reporting", "score": "metrics"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"evaluation.{_HOMES[name]}"), name)
