"""What a fault does to a title or a picture, each in every form."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from generator.faults import inject
from generator.render.engine.variation import Variation
from tests.generator.faults.test_scenarios import table_of


@given(st.text(min_size=1, max_size=60), st.integers(0, 2**31))
@example("\r", 0)
@example("a" + 58 * " " + "b", 0)
def test_any_title_is_spoiled_into_another_one(title: str, seed: int) -> None:
    """UTF-8 is what Arrow can hold: no lone surrogates come in, none go out."""
    title = title.encode("utf-8", "ignore").decode()
    for spoil in (*inject.TITLE_MAKERS.values(), inject.add_typo):
        worse, form = spoil(title, Variation("test", seed))
        assert worse != title
        assert form
        assert worse.encode().decode() == worse
        if spoil is inject.repeat_title:
            assert len(worse) >= 2 * len(title)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_mojibake_is_undone_by_reading_the_bytes_rightly(title: str) -> None:
    def byte(letter: str) -> bytes:
        try:
            return letter.encode("cp1252")
        except UnicodeEncodeError:
            return letter.encode("latin-1")

    assert b"".join(byte(letter) for letter in inject.misread_utf8(title)).decode() == title


@pytest.fixture(scope="module")
def jpeg(catalog: Path) -> bytes:
    content: bytes = table_of(catalog)[0]["image"]["bytes"]
    return content


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)).mean())


@pytest.mark.parametrize("seed", range(6))
def test_odd_pictures_show_the_product_to_whoever_reads_them_well(jpeg: bytes, seed: int) -> None:
    clean, draws = opened(jpeg), Variation("test", seed)
    printed = opened(inject.convert_to_cmyk(jpeg, draws)[0])
    assert printed.mode == "CMYK"
    assert difference(printed, clean) < 6
    deep = opened(inject.convert_to_16_bit(jpeg, draws)[0])
    grey = Image.fromarray((np.asarray(deep) >> 8).astype(np.uint8))
    assert (deep.mode, np.asarray(deep).max() > 255) == ("I;16", True)
    assert difference(grey, clean.convert("L")) < 1
    content, suffix, form = inject.animate_image(jpeg, draws)
    moving = opened(content)
    assert getattr(moving, "n_frames", 1) == 3
    assert (suffix, form) == (f".{str(moving.format).lower()}", f"animated {moving.format}")
    assert difference(moving, clean) < 8
    content, _, form = inject.rotate_with_exif(jpeg, draws)
    turned = opened(content)
    assert form == f"orientation {turned.getexif()[0x0112]}"
    assert difference(ImageOps.exif_transpose(turned), clean) < 4 < difference(turned, clean)
    assert difference(opened(inject.recompress(jpeg, draws)[0]), clean) < 8


def test_a_huge_picture_is_small_on_disk_and_opens_without_a_warning(jpeg: bytes) -> None:
    content, suffix, _ = inject.enlarge_image(jpeg, Variation("test", 0))
    assert (len(content) < 500_000, suffix) == (True, ".png")
    picture = opened(content)
    assert picture.width * picture.height > 50_000_000
    assert Image.MAX_IMAGE_PIXELS is not None
    assert picture.width * picture.height < Image.MAX_IMAGE_PIXELS
    left, top = (picture.width - 64) // 2, (picture.height - 64) // 2
    assert difference(picture.crop((left, top, left + 64, top + 64)), opened(jpeg)) < 4
    assert picture.convert("RGB").crop((0, 0, left, top)).getcolors() is not None


def test_broken_pictures_do_not_decode_as_they_were(jpeg: bytes) -> None:
    forms = set()
    for seed in range(20):
        content, _, form = inject.break_image(jpeg, Variation("test", seed))
        forms.add(form)
        try:
            decoded = opened(content)
        except OSError:
            continue
        assert form == "flipped bytes"
        assert difference(decoded, opened(jpeg)) > 1
    assert forms == {"truncated", "flipped bytes", "web page", "empty"}
