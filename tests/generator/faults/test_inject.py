"""Faulty titles and images, in every variant."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from generator.faults import inject
from generator.render.engine.variation import Variation
from tests.generator.faults.test_scenarios import read_rows_of


@given(st.text(min_size=1, max_size=60), st.integers(0, 2**31))
@example("\r", 0)
@example("a" + 58 * " " + "b", 0)
def test_every_title_is_changed(title: str, seed: int) -> None:
    """Arrow stores UTF-8, so no lone surrogates come in or go out."""
    title = title.encode("utf-8", "ignore").decode()
    for make in (*inject.TITLE_MAKERS.values(), inject.add_typo):
        worse, form = make(title, Variation("test", seed))
        assert worse != title
        assert form
        assert worse.encode().decode() == worse
        if make is inject.repeat_title:
            assert len(worse) >= 2 * len(title)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_mojibake_is_undone_by_the_right_encoding(title: str) -> None:
    def byte(letter: str) -> bytes:
        try:
            return letter.encode("cp1252")
        except UnicodeEncodeError:
            return letter.encode("latin-1")

    assert b"".join(byte(letter) for letter in inject.misread_utf8(title)).decode() == title


@pytest.fixture(scope="module")
def jpeg(catalog: Path) -> bytes:
    content: bytes = read_rows_of(catalog)[0]["image"]["bytes"]
    return content


def open_image(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)).mean())


@pytest.mark.parametrize("seed", range(6))
def test_odd_images_show_the_product_to_a_correct_reader(jpeg: bytes, seed: int) -> None:
    clean, draws = open_image(jpeg), Variation("test", seed)
    printed = open_image(inject.convert_to_cmyk(jpeg, draws)[0])
    assert printed.mode == "CMYK"
    assert difference(printed, clean) < 6
    deep = open_image(inject.convert_to_16_bit(jpeg, draws)[0])
    grey = Image.fromarray((np.asarray(deep) >> 8).astype(np.uint8))
    assert (deep.mode, np.asarray(deep).max() > 255) == ("I;16", True)
    assert difference(grey, clean.convert("L")) < 1
    content, suffix, form = inject.animate_image(jpeg, draws)
    moving = open_image(content)
    assert getattr(moving, "n_frames", 1) == 3
    assert (suffix, form) == (f".{str(moving.format).lower()}", f"animated {moving.format}")
    assert difference(moving, clean) < 8
    content, _, form = inject.rotate_with_exif(jpeg, draws)
    turned = open_image(content)
    assert form == f"orientation {turned.getexif()[0x0112]}"
    assert difference(ImageOps.exif_transpose(turned), clean) < 4 < difference(turned, clean)
    assert difference(open_image(inject.recompress(jpeg, draws)[0]), clean) < 8


def test_huge_image_is_small_on_disk_and_opens_without_a_warning(jpeg: bytes) -> None:
    content, suffix, _ = inject.enlarge_image(jpeg, Variation("test", 0))
    assert (len(content) < 500_000, suffix) == (True, ".png")
    image = open_image(content)
    assert image.width * image.height > 50_000_000
    assert Image.MAX_IMAGE_PIXELS is not None
    assert image.width * image.height < Image.MAX_IMAGE_PIXELS
    left, top = (image.width - 64) // 2, (image.height - 64) // 2
    assert difference(image.crop((left, top, left + 64, top + 64)), open_image(jpeg)) < 4
    assert image.convert("RGB").crop((0, 0, left, top)).getcolors() is not None


def test_broken_images_do_not_decode_unchanged(jpeg: bytes) -> None:
    forms = set()
    for seed in range(20):
        content, _, form = inject.break_image(jpeg, Variation("test", seed))
        forms.add(form)
        try:
            decoded = open_image(content)
        except OSError:
            continue
        assert form == "flipped bytes"
        assert difference(decoded, open_image(jpeg)) > 1
    assert forms == {"truncated", "flipped bytes", "web page", "empty"}
