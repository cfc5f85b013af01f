"""Products as a pure function, their pictures, their shards. The public surface; the rest may change any day."""

from importlib import import_module
from typing import Any

_HOMES = {
    "GenerateInputs": "generator.shards",
    "draw": "generator.render",
    "product": "generator.product_function",
    "products": "generator.product_function",
    "write_shards": "generator.shards",
}
__all__ = ["GenerateInputs", "draw", "product", "products", "write_shards"]


def __getattr__(name: str) -> Any:
    """Load numpy and Arrow only when something of them is used."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'generator' has no attribute {name!r}")
