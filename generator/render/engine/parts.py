"""The parts of a product: a fixed vocabulary, so that a number means the same part in every mask."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas.errors import ToileError

PARTS = (
    *("background", "body", "sleeve", "collar", "cuff", "pocket", "lining", "trim", "strap"),
    *("sole", "heel", "lace", "fitting", "content"),
)
"""The name of each number in a part mask."""
NO_PART = "same"
"""The part below: a row of stitches belongs to what it is sewn on."""
_CLOTHS_OF = {
    "body": ("main", "paper", "case", "clear", "bullet", "lens"),
    "lining": ("lining", "insole"),
    "trim": ("self", "trim", "accent", "rib", "rib main", "tape", "label"),
    "sole": ("sole", "dark", "gum", "bumper", "cork"),
    "heel": ("heel",),
    "lace": ("lace", "cord"),
    "fitting": ("fitting", "teeth", "shell", "hand", "rivet"),
    "content": ("note", "card", "liquid", "fill", "wax", "flame", "glow"),
    NO_PART: ("thread", "stitch"),
}
_OF_CLOTH = {cloth: part for part, cloths in _CLOTHS_OF.items() for cloth in cloths}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedParts:
    """An image with the product mask and the part of each pixel."""

    image: Image.Image
    mask: npt.NDArray[np.uint8]
    """Coverage by the product, 0 to 255, shape (h, w)."""
    part_ids: npt.NDArray[np.uint8]
    """The number of the part at each pixel that is more than half covered, 0 elsewhere; shape (h, w)."""
    names: tuple[str, ...]
    """The name of each number in `part_ids`."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels around `part_ids` (x1 and y1 exclusive); all 0 where no pixel is half covered."""


def part_id(part: str | None, cloth: str) -> int:
    """Return the number of a part, by default the part of its cloth; 0 is the part below."""
    name = part or _OF_CLOTH.get(cloth, "body")
    if name == NO_PART:
        return 0
    if name not in PARTS:
        raise ToileError(f"part {name!r}", "is not in the vocabulary of parts", f"one of: {', '.join(PARTS[1:])}")
    return PARTS.index(name)


def segment_parts(image: Image.Image, alpha: npt.NDArray[np.float32], part: npt.NDArray[np.uint8]) -> RenderedParts:
    """Build the parts of an image from the coverage (0-1) and the part number at each pixel, shape (h, w) each."""
    mask = np.asarray(np.clip(alpha * 255 + 0.5, 0, 255), np.uint8)
    ids = np.where(mask > 127, part, 0).astype(np.uint8)
    rows, columns = np.flatnonzero(ids.any(axis=1)), np.flatnonzero(ids.any(axis=0))
    box = (0, 0, 0, 0)
    if rows.size:
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return RenderedParts(image=image, mask=mask, part_ids=ids, names=PARTS, box=box)
