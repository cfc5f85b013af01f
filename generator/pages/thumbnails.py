"""A product picture made small for a page, whatever file it came as; where that fails, words that say why."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from schemas.errors import BROKEN_PICTURE

QUALITY = 80
MOST_PIXELS = 50_000_000
_WIDE = ("I", "F")
"""First letters of the modes with more than 8 bits a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture, or why there is none."""

    jpeg: bytes | None
    facts: str
    """Of the original file: size, format, what was done to show it; or what is wrong with it."""
    ratio: float | None = None
    """Width / height as shown."""


def thumbnail(encoded: bytes | None, edge: int) -> Thumbnail:
    """An upright RGB JPEG of at most `edge` pixels a side, never enlarged; transparency lies on white.

    Broken, empty and huge files give no picture but a reason: catalogs may hold them on purpose.
    """
    if encoded is None:
        return Thumbnail(jpeg=None, facts="no picture")
    if not encoded:
        return Thumbnail(jpeg=None, facts="broken picture: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a page can show is shown, remarks about the file are not for it
            with Image.open(io.BytesIO(encoded)) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    return Thumbnail(jpeg=None, facts=f"picture too large to show: {picture.width}x{picture.height}")
                return _small(picture, encoded, edge)
    except Image.DecompressionBombError:
        return Thumbnail(jpeg=None, facts="picture too large to show")
    except UnidentifiedImageError:
        return Thumbnail(jpeg=None, facts="broken picture: not a picture file")
    except BROKEN_PICTURE as error:
        return Thumbnail(jpeg=None, facts=f"broken picture: {error}")


def _small(picture: Image.Image, encoded: bytes, edge: int) -> Thumbnail:
    width, height, frames = picture.width, picture.height, getattr(picture, "n_frames", 1)
    facts = [f"{width}x{height} {picture.format}", _bytes(len(encoded))]
    facts += [] if picture.mode == "RGB" else [f"mode {picture.mode}"]
    facts += [f"first of {frames} frames"] if frames > 1 else []
    picture.draft("RGB", (edge * 2, edge * 2))
    upright = ImageOps.exif_transpose(picture)
    facts += ["turned upright"] if picture.getexif().get(0x0112, 1) != 1 else []
    small = _rgb(upright)
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY, optimize=True)
    return Thumbnail(jpeg=file.getvalue(), facts=", ".join(facts), ratio=small.width / small.height)


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode[0] in _WIDE:
        picture = _eight_bits(picture)
    if picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info:
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        return paper.convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit (and wider) grey to 8 bits; Pillow's own conversion would cut everything above 255 to white."""
    samples = np.nan_to_num(np.asarray(picture).astype(np.float64))
    white = 65535.0 if picture.mode.startswith("I") else max(1.0, float(samples.max(initial=0.0)))
    if picture.mode == "I" and samples.max(initial=0.0) <= 255:
        white = 255.0
    return Image.fromarray(np.clip(samples * (255 / white), 0, 255).round().astype(np.uint8))


def _bytes(count: int) -> str:
    return (
        f"{count:,} bytes" if count < 1000 else f"{count / 1000:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"
    )
