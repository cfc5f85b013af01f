"""Fingerprints: copies are found whatever was done to the file, look-alikes of one outline and colour are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from schemas import fingerprints
from schemas.fingerprints import COPY, Query, compare, fingerprint

EDGE = 224


def garment(design: int) -> Image.Image:
    """Draw a dark skirt on grey: all designs have one outline and colour, and differ by the folds inside."""
    image = Image.new("RGB", (EDGE, EDGE), (228, 228, 226))
    draw = ImageDraw.Draw(image)
    draw.polygon([(70, 40), (154, 40), (176, 184), (48, 184)], fill=(70, 110, 92))
    pixels = np.asarray(image, float)
    folds = ndimage.gaussian_filter(np.random.default_rng(design).normal(0, 1, (EDGE, EDGE)), 2.5)
    folds = np.where(pixels[..., 0] < 100, 22 * folds / folds.std(), 0)
    return Image.fromarray(np.clip(pixels + folds[..., None], 0, 255).astype(np.uint8))


def similarity(query: Image.Image, known: Image.Image) -> float:
    kept = fingerprint(known)
    assert kept is not None
    return compare(Query.of(query), kept)


def test_one_outline_and_colour_with_other_folds_is_no_copy() -> None:
    kept = fingerprint(garment(1))
    assert kept is not None
    found = [compare(Query.of(garment(design)), kept) for design in range(2, 12)]
    assert max(found) < COPY


def test_folds_decide_where_outlines_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a smaller share of detail in the folds the outline alone would call them copies."""
    kept = fingerprint(faded(garment(1)))
    assert kept is not None
    assert compare(Query.of(faded(garment(2))), kept) < COPY
    monkeypatch.setattr(fingerprints, "FAINT_COPY", -1.0)
    assert compare(Query.of(faded(garment(2))), kept) >= COPY


@pytest.mark.parametrize("design", [1, 2])
@pytest.mark.parametrize("crop", [0, 10, 20])
@pytest.mark.parametrize(("edge", "quality"), [(EDGE, 60), (150, 85)])
def test_changed_files_are_copies(design: int, crop: int, edge: int, quality: int) -> None:
    known = garment(design)
    changed = known.crop((crop, crop // 2, EDGE - crop // 2, EDGE - crop)).resize((edge, edge))
    file = io.BytesIO()
    changed.save(file, "JPEG", quality=quality)
    assert similarity(Image.open(file).convert("RGB"), known) >= COPY


def faded(image: Image.Image) -> Image.Image:
    """Return the image with flatter folds and the same outline."""
    pixels = np.asarray(image, float)
    inside = pixels[..., :1] < 190
    mean = pixels[inside[..., 0]].mean(axis=0)
    return Image.fromarray(np.where(inside, mean + (pixels - mean) * 0.25, pixels).astype(np.uint8))
