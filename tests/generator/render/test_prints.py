"""Patterns differ between designs; the print of a top is one motif on its chest."""

from typing import Any

import numpy as np
import pytest

from generator.render import build_scene, render_appearance
from generator.render.clothes.prints import NUMBERS, SMALL_WORDS, STROKES, WORDS
from generator.render.engine.cloths import PLACED_PRINTS, build_cloths, has_placed_print, sample_pattern_style
from schemas.appearance import Appearance


def appearance(silhouette: str = "t-shirt", **changes: Any) -> Appearance:
    usual: dict[str, Any] = {"colour": "#20304a", "material": "jersey", "design_seed": 4, "shot_seed": 2}
    return Appearance(silhouette=silhouette, **(usual | {"presentation": "flat"} | changes))


def test_every_letter_of_the_words_has_strokes() -> None:
    letters = set("".join((*WORDS, *SMALL_WORDS, *NUMBERS))) - {" "}
    assert letters <= STROKES.keys()
    corners = [
        point for strokes in STROKES.values() for stroke in strokes.split() for point in (stroke[:2], stroke[2:])
    ]
    assert all(len(point) == 2 and int(point[0]) <= 4 and int(point[1]) <= 6 for point in corners)


@pytest.mark.parametrize("silhouette", PLACED_PRINTS)
@pytest.mark.parametrize("design_seed", [1, 2, 3])
def test_print_is_on_the_chest_only(silhouette: str, design_seed: int) -> None:
    plain, printed = (
        np.asarray(render_appearance(appearance(silhouette, pattern=word, design_seed=design_seed), 128), np.int16)
        for word in ("plain", "print")
    )
    changed = np.abs(plain - printed).max(axis=2) > 10
    scene = build_scene(appearance(silhouette, design_seed=design_seed), 128)
    assert 0.01 < changed.sum() / (scene.alpha > 0.5).sum() < 0.5
    rows, columns = np.nonzero(changed)
    assert np.abs(scene.x[rows, columns]).max() < 0.2
    assert scene.y[rows, columns].min() > 0


def test_folded_and_other_clothes_repeat_the_print() -> None:
    assert has_placed_print(appearance(pattern="print"))
    assert not has_placed_print(appearance(pattern="print", presentation="folded"))
    assert build_cloths(appearance("dress", pattern="print"))["main"].pattern == "print"
    assert build_cloths(appearance(pattern="print"))["main"].pattern == "plain"


def test_colourways_share_the_style_of_a_pattern_and_designs_differ() -> None:
    first = sample_pattern_style(appearance())
    other = sample_pattern_style(appearance(colour="#f0efeb", shot_seed=9, pattern="dots"))
    assert (first.scale, first.strength, first.width) == (other.scale, other.strength, other.width)
    scales = {sample_pattern_style(appearance(design_seed=n)).scale for n in range(20)}
    assert len(scales) == 20
    assert max(scales) > 1.6 * min(scales)
