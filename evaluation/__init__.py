"""Measure per category how well a model reads title, category and price from a product image.

    from evaluation import compare, evaluate, predict, score, score_file

`evaluate` asks a model about the rows of a catalog and writes `result.json` with its page; `compare` pairs two such
folders; `predict` only asks the model; `score` computes figures from predictions without any file, `score_file` does
what `evaluate` does with answers that another tool wrote. They are loaded on first use, so that the command line starts
without scipy and jinja2.

Where to add what:

- a metric: `evaluation.metrics.metrics` (one entry in `METRICS`, one in `MEANINGS`);
- a protocol (a way to ask the model): `evaluation.protocols.protocols`, and its answers in
  `evaluation.protocols.inference`;
- a control (another image than the product's own): `evaluation.protocols.generate`;
- a model backend: a class with the methods of `evaluation.models.base`, and a function that returns a `ModelUnderTest`;
- a format of answers of other tools: `evaluation.answer_files`; a harness: `evaluation.export_task`;
- a baseline: `evaluation.metrics.baselines`;
- a section of the page: `evaluation/report/report.html.j2`, its figures in `evaluation.report.page` and `.plots`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.analysis.comparison import compare
    from evaluation.metrics.scores import score
    from evaluation.protocols.generate import predict
    from evaluation.run import evaluate, score_file

__all__ = ["compare", "evaluate", "predict", "score", "score_file"]

_MODULES = {
    "compare": "analysis.comparison",
    "evaluate": "run",
    "predict": "protocols.generate",
    "score": "metrics.scores",
    "score_file": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"evaluation.{_MODULES[name]}"), name)
