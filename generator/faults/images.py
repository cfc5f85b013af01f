"""Picture files as they go wrong: broken ones, and sound ones of a sort that pipelines forget.

Each function takes the clean JPEG file and draws of its row, and returns another file, its suffix, and the name of the
form it chose. Everything but a broken file decodes; the same input gives the same bytes.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from generator.render.engine.variation import Variation

Spoiled = tuple[bytes, str, str]
"""The file, its suffix with the dot, and the form of the fault."""

HUGE = (10_000, 8_000)
"""Pixels: more than the 50 million that `toile import` takes, fewer than the 89 million at which Pillow warns."""
_ORIENTATION = 0x0112
_STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""Value of the EXIF tag Orientation -> how the pixels are turned that it turns back (Exif 2.32, section 4.6.4 A)."""
_HTML = (
    b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>\n"
    b"<body><h1>Not Found</h1><p>The picture is not here.</p></body></html>\n"
)
_FLIPPED = 64
"""Bytes in the middle of a file."""


def broken(jpeg: bytes, draws: Variation) -> Spoiled:
    """A file cut off, with flipped bytes in its middle, a web page, or nothing at all.

    Flipped bytes are inside the compressed pixels: some decoders refuse them, others show nonsense from there on.
    """
    form = draws.choice("form", ["truncated", "flipped bytes", "web page", "empty"])
    match form:
        case "truncated":
            spoiled = jpeg[: int(len(jpeg) * draws.uniform("length", 0.2, 0.8))]
        case "flipped bytes":
            start = _middle_of_pixels(jpeg)
            flipped = bytes(255 - byte for byte in jpeg[start : start + _FLIPPED])
            spoiled = jpeg[:start] + flipped + jpeg[start + _FLIPPED :]
        case "web page":
            spoiled = _HTML
        case _:
            spoiled = b""
    return spoiled, ".jpg", form


def huge(jpeg: bytes, draws: Variation) -> Spoiled:
    """A PNG of 80 million pixels and few bytes: the picture in the middle of one colour, in 255 colours altogether."""
    small = _decoded(jpeg).quantize(colors=255, dither=Image.Dither.NONE)
    corner = small.getpixel((0, 0))
    large = Image.new("P", HUGE, corner)
    large.putpalette(small.getpalette() or [])
    large.paste(small, ((HUGE[0] - small.width) // 2, (HUGE[1] - small.height) // 2))
    return _encoded(large, "PNG", compress_level=9), ".png", f"{HUGE[0]}x{HUGE[1]}"


def cmyk(jpeg: bytes, draws: Variation) -> Spoiled:
    """A JPEG in the four colours of print."""
    return _encoded(_decoded(jpeg).convert("CMYK"), "JPEG", quality=90, subsampling=0), ".jpg", "CMYK"


def sixteen_bit(jpeg: bytes, draws: Variation) -> Spoiled:
    """A grey PNG with 16 bits a pixel, which many readers cut to white or to black."""
    grey = np.asarray(_decoded(jpeg).convert("L"), np.uint16) * np.uint16(257)
    return _encoded(Image.fromarray(grey), "PNG"), ".png", "16-bit grey"


def animated(jpeg: bytes, draws: Variation) -> Spoiled:
    """A GIF, WebP or PNG of three frames; the first is the picture, then comes its mirror image, then its negative."""
    first = _decoded(jpeg)
    others = [ImageOps.mirror(first), ImageOps.invert(first)]
    form = draws.choice("form", ["GIF", "WEBP", "PNG"])
    content = _encoded(first, form, save_all=True, append_images=others, duration=200, loop=0)
    return content, f".{form.lower()}", f"animated {form}"


def exif_rotated(jpeg: bytes, draws: Variation) -> Spoiled:
    """Pixels turned, and an EXIF orientation that turns them back: upright only for readers who look."""
    orientation = draws.choice("form", list(_STORED))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    turned = _decoded(jpeg).transpose(_STORED[orientation])
    return _encoded(turned, "JPEG", quality=90, subsampling=0, exif=exif), ".jpg", f"orientation {orientation}"


def recompressed(jpeg: bytes, draws: Variation) -> Spoiled:
    """The same picture saved once more at a lower JPEG quality."""
    quality = int(draws.uniform("quality", 60, 86))
    return _encoded(_decoded(jpeg), "JPEG", quality=quality), ".jpg", f"quality {quality}"


SPOILERS: dict[str, Callable[[bytes, Variation], Spoiled]] = {
    "broken-picture": broken,
    "huge-picture": huge,
    "cmyk-picture": cmyk,
    "16-bit-picture": sixteen_bit,
    "animated-picture": animated,
    "exif-rotated-picture": exif_rotated,
}


def _decoded(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _middle_of_pixels(jpeg: bytes) -> int:
    """Halfway between the start-of-scan marker (ITU-T T.81, table B.1) and the end of the file."""
    scan = jpeg.find(b"\xff\xda")
    return (max(scan, 0) + len(jpeg)) // 2
