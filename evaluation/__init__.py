"""How well a model reads title, category and price from the picture alone, category by category.

The four public functions are loaded on first use, so that the command line starts without scipy and jinja2.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.analysis.comparison import compare
    from evaluation.metrics.metrics import score
    from evaluation.protocols.generate import predict
    from evaluation.report.write import report

__all__ = ["compare", "predict", "report", "score"]

_HOMES = {
    "compare": "analysis.comparison",
    "predict": "protocols.generate",
    "report": "report.write",
    "score": "metrics.metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"evaluation.{_HOMES[name]}"), name)
