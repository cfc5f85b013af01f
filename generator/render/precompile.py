"""Has every loop of the renderer compiled, so that no picture waits for it: `python -m generator.render.precompile`.

A loop is compiled for each kind of arrays that it meets, and snapshots meet most; half a minute at first.
"""

import itertools

from generator.render import PHOTOS, draw
from generator.sampling.products import products
from schemas.specs import load

_PRESET, _NUM_PRODUCTS = "marketplace", 100
"""It sells everything that can be drawn."""
_SIZES = (32, 64)
"""At the second the light of a snapshot is used as it is, without being resized."""


def warm() -> None:
    """Draw products of everything, small, in each way to photograph them."""
    sizes = itertools.cycle(_SIZES)
    for product in products(load(_PRESET, "catalog"), 0, 0, _NUM_PRODUCTS):
        size = next(sizes)
        for photo in PHOTOS:
            draw(product, size, photo)


if __name__ == "__main__":
    warm()
