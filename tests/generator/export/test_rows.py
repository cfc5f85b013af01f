"""Names of exported files: safe on every system and distinct, for any product code."""

import itertools
import os

from hypothesis import given
from hypothesis import strategies as st

from generator.export.rows import MAX_STEM, FileNames
from schemas.images import image_suffix
from tests.helpers.nasty_catalog import CODES, difficult_images


@given(st.lists(st.one_of(st.text(max_size=200), st.sampled_from(CODES), st.from_regex(r"\A[a-cA-C.]{1,2}\Z"))))
def test_stems_are_safe_and_distinct_on_any_system(codes: list[str]) -> None:
    names = FileNames()
    stems = [names.make_stem(code) for code in codes]
    assert len({stem.lower() for stem in stems}) == len(codes)
    for stem in stems:
        assert stem.isascii()
        assert 0 < len(stem) <= MAX_STEM
        assert stem.replace("-", "").replace("_", "").isalnum()
        assert stem[0].isalnum()
        assert not os.path.isabs(stem)
        assert stem.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    again = FileNames()
    assert [again.make_stem(code) for code in codes] == stems


def test_plain_code_is_its_own_name_and_a_repeat_gets_another() -> None:
    names = FileNames()
    assert names.make_stem("12345678") == "12345678"
    first, taken = names.make_stem("a/b"), FileNames()
    assert first.startswith("a-b-")
    assert taken.make_stem(first) == first  # a code may equal the name made for another code
    assert taken.make_stem("a/b") != first


def test_image_suffix() -> None:
    kinds = [image_suffix(content) for content in itertools.islice(difficult_images(), 8) if content is not None]
    assert kinds == [".png", ".jpg", ".jpg", ".gif", ".webp", ".bin", ".bin"]
