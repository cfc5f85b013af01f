"""Compile every kernel of the renderer once, so that no image waits for numba: `python -m generator.render.precompile`.

numba compiles a kernel for each combination of argument types; snapshots use most of them. The first run takes half a
minute. The machine code is kept in numba's cache.
"""

import itertools

from generator.render import PHOTOS, draw
from generator.sampling.products import products
from schemas.validation import load

_PRESET, _NUM_PRODUCTS = "marketplace", 100
"""This preset has every silhouette."""
_SIZES = (32, 64)
"""At 64 pixels the light map of a snapshot is used without resizing."""


def precompile() -> None:
    """Render small images of all silhouettes, in the studio and as snapshots."""
    sizes = itertools.cycle(_SIZES)
    for product in products(load(_PRESET, "catalog"), 0, 0, _NUM_PRODUCTS):
        size = next(sizes)
        for photo in PHOTOS:
            draw(product, size, photo)


if __name__ == "__main__":
    precompile()
