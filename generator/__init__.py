"""Products as a pure function, their pictures, their shards. The public surface; the rest may change any day."""

from importlib import import_module
from typing import Any

_HOMES = {
    "GenerateInputs": "generator.catalog.shards",
    "draw": "generator.render",
    "product": "generator.sampling.products",
    "products": "generator.sampling.products",
    "write_shards": "generator.catalog.shards",
}
__all__ = ["GenerateInputs", "draw", "product", "products", "write_shards"]


def __getattr__(name: str) -> Any:
    """Load numpy and Arrow only when something of them is used."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'generator' has no attribute {name!r}")
