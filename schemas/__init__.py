"""What two packages share: the records, the specs, the border, the answer text, the error."""

from schemas.answer import Answer, parse, render
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import Manifest
from schemas.prediction import Prediction
from schemas.specs import load
from schemas.training import TrainingSpec

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
    """Load Arrow only when products are read."""
    if name in {"Product", "read"}:
        from schemas import product

        return getattr(product, name)
    raise AttributeError(f"module 'schemas' has no attribute {name!r}")
