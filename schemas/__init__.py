"""Documents and records that the packages share, the answer text, and the one error.

Names are imported when they are first used: most commands need few of them, and only those that read products need
Arrow.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.answer import Answer, parse, render
    from schemas.catalog import CatalogSpec
    from schemas.errors import ToileError
    from schemas.evaluation import EvaluationSpec, Prediction
    from schemas.manifest import Manifest
    from schemas.product import Product, read
    from schemas.training import TrainingSpec
    from schemas.validation import load

_HOMES = {
    "Answer": "answer",
    "CatalogSpec": "catalog",
    "EvaluationSpec": "evaluation",
    "Manifest": "manifest",
    "Prediction": "evaluation",
    "Product": "product",
    "ToileError": "errors",
    "TrainingSpec": "training",
    "load": "validation",
    "parse": "answer",
    "read": "product",
    "render": "answer",
}

__all__ = [
    "Answer",
    "CatalogSpec",
    "EvaluationSpec",
    "Manifest",
    "Prediction",
    "Product",
    "ToileError",
    "TrainingSpec",
    "load",
    "parse",
    "read",
    "render",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"schemas.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'schemas' has no attribute {name!r}")
