"""The renderer is pure and counterfactual; its images are legible and complete.

Golden images are in tests/golden/render; render them again with `PYTHONPATH=. python
tests/generator/render/test_render.py`.
"""

import dataclasses
import functools
import hashlib
import itertools
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from generator.render import DRAW_FUNCTIONS, build_scene, draw, render_appearance
from generator.render.engine.colour import linear
from generator.render.engine.lighting import shade
from generator.render.engine.materials import FINISHES, Cloth, evaluate_surface
from generator.render.engine.patterns import PATTERN_FUNCTIONS
from schemas.appearance import (
    CUTS,
    MATERIALS,
    PATTERNS,
    SHOWN,
    SILHOUETTES,
    SIZES,
    STYLE_VALUES,
    Appearance,
    drop_invisible,
    visible_values,
)
from schemas.errors import ToileError

Pixels = npt.NDArray[np.float32]
GOLDEN = Path(__file__).parents[2] / "golden" / "render"
GOLDEN_SILHOUETTES = ("trench-coat", "hoodie", "skirt", "tote-bag", "sneaker", "perfume-bottle", "mug", "cushion")

ALL_COMPARED, NUM_COMPARED = ("coat", "tote-bag", "sandal"), 7
"""Silhouettes that compare all materials and patterns pairwise, and how many the other silhouettes compare."""
SEEN_LEVELS = 0.6
"""Mean absolute difference over the product, in 8-bit levels, above which an attribute counts as visible.

Two images of one shot share their sensor noise, so every difference is drawn. The smallest marks are metal fittings:
they cover 2 to 5 % of a product and differ by 30 to 60 levels between silver and gold.
"""
SEEN_SHARE = 0.015
"""At least this share of the product differs by more than 10 levels, four times the visible step on a screen.

At 112 pixels, at least 20 pixels of the smallest products.
"""


def appearance(silhouette: str, **changes: Any) -> Appearance:
    """A brown cotton product with silver fittings, flat; `changes` replace values."""
    usual = Appearance(
        silhouette=silhouette,
        colour="#7a5a48",
        material="cotton",
        hardware="silver",
        presentation="flat",
        design_seed=1,
        shot_seed=7,
    )
    return dataclasses.replace(usual, **changes)


@dataclass(frozen=True)
class Drawn:
    """An image, the mask of its product, and every pixel that the product affects."""

    pixels: Pixels
    inside: npt.NDArray[np.bool_]
    touched: npt.NDArray[np.bool_]


@functools.cache
def drawn(wanted: Appearance, size: int) -> Drawn:
    scene = build_scene(wanted, size)
    return Drawn(np.asarray(shade(scene), np.float32), scene.alpha > 0.5, scene.alpha > 0)


def random_appearance(rng: np.random.Generator) -> Appearance:
    return Appearance(
        silhouette=str(rng.choice(SILHOUETTES)),
        colour=f"#{int(rng.integers(1 << 24)):06x}",
        design_seed=int(rng.integers(1 << 31)),
        shot_seed=int(rng.integers(1 << 31)),
        **{name: str(rng.choice(values)) for name, values in STYLE_VALUES.items()},
    )


def overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Return the intersection over union of two masks."""
    return float((a & b).sum() / (a | b).sum())


# -- pure ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 112, 171, 336])
def test_image_is_rgb_of_requested_size(size: int) -> None:
    image = render_appearance(appearance("tote-bag"), size)
    assert (image.mode, image.size) == ("RGB", (size, size))


def test_same_appearance_gives_same_bytes_in_any_order() -> None:
    wanted = [appearance(silhouette, shot_seed=3) for silhouette in ("shirt", "boot", "scarf")]
    first = [render_appearance(one, 64).tobytes() for one in wanted]
    again = [render_appearance(one, 64).tobytes() for one in reversed(wanted)][::-1]
    assert first == again


def test_another_process_renders_same_bytes() -> None:
    code = (
        "import hashlib; from generator.render import render_appearance;"
        "from tests.generator.render.test_render import appearance;"
        "print(hashlib.sha256(render_appearance(appearance('dress', pattern='floral'), 112).tobytes()).hexdigest())"
    )
    root = Path(__file__).parents[3]
    there = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    here = render_appearance(appearance("dress", pattern="floral"), 112).tobytes()
    assert there.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_rendering_keeps_global_random_state() -> None:
    before = np.random.get_state()[1]  # type: ignore[index]
    render_appearance(appearance("trousers"), 48)
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]


# -- counterfactual --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("colour", "#2f6b4a"), ("material", "leather"), ("pattern", "check"), ("colour", "#000000")]
)
@pytest.mark.parametrize("silhouette", ["coat", "t-shirt", "tote-bag", "sneaker", "belt"])
def test_other_cloth_keeps_shape_and_background(silhouette: str, name: str, value: str) -> None:
    before, after = drawn(appearance(silhouette), 112), drawn(appearance(silhouette, **{name: value}), 112)
    assert np.array_equal(before.inside, after.inside)
    near = before.touched
    near = near | np.roll(near, 1, 0) | np.roll(near, -1, 0) | np.roll(near, 1, 1) | np.roll(near, -1, 1)  # sharpening
    assert np.array_equal(before.pixels[~near], after.pixels[~near])
    assert not np.array_equal(before.pixels, after.pixels)


def test_other_cloth_keeps_folds() -> None:
    before = build_scene(appearance("dress"), 112)
    after = build_scene(appearance("dress", colour="#102030", material="silk", pattern="dots"), 112)
    assert np.array_equal(before.height, after.height)
    assert np.array_equal(before.u, after.u)


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_hidden_attribute_does_not_change_image(silhouette: str) -> None:
    usual = render_appearance(appearance(silhouette), 48).tobytes()
    for name in STYLE_VALUES.keys() - SHOWN[silhouette]:
        for value in STYLE_VALUES[name]:
            assert drop_invisible(appearance(silhouette, **{name: value})) == drop_invisible(appearance(silhouette))
        assert render_appearance(appearance(silhouette, **{name: STYLE_VALUES[name][-1]}), 48).tobytes() == usual


def test_other_shot_moves_camera_folds_and_background() -> None:
    first, second = drawn(appearance("skirt"), 112), drawn(appearance("skirt", shot_seed=8), 112)
    assert 0.8 < overlap(first.inside, second.inside) < 0.999
    assert np.abs(first.pixels - second.pixels)[~(first.inside | second.inside)].mean() > 0.5


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_other_design_changes_shape(silhouette: str) -> None:
    masks = [build_scene(appearance(silhouette, design_seed=seed), 64).alpha > 0.5 for seed in range(5)]
    assert min(overlap(a, b) for a, b in itertools.combinations(masks, 2)) < 0.97


# -- legible ---------------------------------------------------------------------------------------------------------


def assert_distinct(a: Drawn, b: Drawn, what: str) -> None:
    difference = np.abs(a.pixels - b.pixels)[a.inside | b.inside].mean(axis=1)
    share = float((difference > 10).mean())
    assert difference.mean() > SEEN_LEVELS, f"{what}: {difference.mean():.2f} levels"
    assert share > SEEN_SHARE, f"{what}: {share:.3f} of the product"


def compared(silhouette: str, name: str) -> tuple[str, ...]:
    """Return the values of a silhouette to compare pairwise: all of a short list; seven materials and patterns.

    Three silhouettes compare them all. The others each take their own seven, so that together they cover most pairs.
    """
    values = visible_values(silhouette, name)
    if len(values) <= NUM_COMPARED or silhouette in ALL_COMPARED:
        return values
    rng = np.random.default_rng([*silhouette.encode(), len(name)])
    return tuple(rng.choice(values, NUM_COMPARED, replace=False).tolist())


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_every_value_differs_from_every_other_at_112_pixels(silhouette: str) -> None:
    for name in sorted(SHOWN[silhouette]):
        lined = {"lining": "check"} if "lining" in SHOWN[silhouette] and name != "lining" else {}
        values = compared(silhouette, name)
        looks = {value: drawn(appearance(silhouette, **{**lined, name: value}), 112) for value in values}
        for (a, look_a), (b, look_b) in itertools.combinations(looks.items(), 2):
            assert_distinct(look_a, look_b, f"{silhouette} {name} {a}/{b}")


@pytest.mark.parametrize(
    "silhouette", ["coat", "hoodie", "skirt", "shoulder-bag", "boot", "wallet", "perfume-bottle", "mug"]
)
def test_every_attribute_is_visible_at_336_pixels(silhouette: str) -> None:
    other = {"material": "jersey", "pattern": "floral", "size": "large", "hardware": "gold", "lining": "plain"}
    for name in sorted(SHOWN[silhouette]):
        words = visible_values(silhouette, name)
        usual = drawn(appearance(silhouette, **({name: words[0]} if name in CUTS else {})), 336)
        value = words[-1] if name in CUTS else {**other, "quilting": "channel"}[name]
        assert_distinct(usual, drawn(appearance(silhouette, **{name: value}), 336), f"{silhouette} {name}")


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#cdb488", "#a01c2c"])
@pytest.mark.parametrize("silhouette", ["quilted-jacket", "sneaker", "tote-bag"])
def test_fittings_and_lining_are_visible_on_any_colour(silhouette: str, colour: str) -> None:
    for name in ("hardware", "lining"):
        looks = [drawn(appearance(silhouette, colour=colour, **{name: value}), 112) for value in STYLE_VALUES[name]]
        for a, b in itertools.combinations(looks, 2):
            assert_distinct(a, b, f"{silhouette} {colour} {name}")


@pytest.mark.parametrize("colour", ["#c0392b", "#2d6cb3", "#e8e4da", "#3c3c40", "#5c8a4a"])
def test_cloth_has_requested_colour(colour: str) -> None:
    look = drawn(appearance("t-shirt", colour=colour), 112)
    asked = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    assert np.abs(np.median(look.pixels[look.inside], axis=0) - asked).max() < 24
    assert linear(colour).dtype == np.float32


def test_small_image_is_downsampled_large_image() -> None:
    for silhouette in ("trench-coat", "backpack", "cap"):
        large = render_appearance(appearance(silhouette, pattern="stripes"), 336).reduce(3)
        small = render_appearance(appearance(silhouette, pattern="stripes"), 112)
        assert np.abs(np.asarray(large, np.float32) - np.asarray(small, np.float32)).mean() < 5


# -- complete --------------------------------------------------------------------------------------------------------


def test_whole_vocabulary_can_be_rendered() -> None:
    assert DRAW_FUNCTIONS.keys() == set(SILHOUETTES)
    assert PATTERN_FUNCTIONS.keys() == set(PATTERNS)
    assert FINISHES.keys() >= set(MATERIALS)


def test_material_depends_only_on_texture_coordinates() -> None:
    rng = np.random.default_rng(5)
    u, v = rng.uniform(-0.5, 0.5, (2, 400)).astype(np.float32)
    order = rng.permutation(u.size)
    cloths = [Cloth(linear("#7a5a48"), material) for material in FINISHES]
    cloths += [Cloth(linear("#7a5a48"), "cotton", pattern) for pattern in PATTERNS]
    for cloth in cloths:
        one, other = evaluate_surface(cloth, u, v, 0.003), evaluate_surface(cloth, u[order], v[order], 0.003)
        assert np.allclose(one.albedo[order], other.albedo, atol=1e-4), cloth
        assert np.allclose(np.asarray(one.finish.height)[order], other.finish.height, atol=1e-6), cloth
        assert one.albedo.min() >= 0, cloth


@pytest.mark.parametrize("number", range(10))
def test_any_combination_of_valid_values_is_rendered(number: int) -> None:
    rng = np.random.default_rng(number)
    for _ in range(10):
        wanted = random_appearance(rng)
        scene = build_scene(wanted, 64)
        pixels = np.asarray(shade(scene), np.float32)
        assert np.isfinite(scene.height).all(), wanted
        assert pixels[scene.alpha > 0.5].std() > 2, wanted


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_product_fills_image_and_stays_inside(silhouette: str) -> None:
    for size, seed in itertools.product(SIZES, range(2)):
        alpha = build_scene(appearance(silhouette, size=size, design_seed=seed, shot_seed=seed), 64).alpha
        assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) < 0.5, (size, seed)
        assert 0.04 < float((alpha > 0.5).mean()) < 0.75, (size, seed)


@pytest.mark.parametrize("silhouette", ["shorts", "swim-shorts"])
def test_legs_of_shorts_lie_apart_and_end_at_an_angle(silhouette: str) -> None:
    for seed in range(12):
        scene = build_scene(appearance(silhouette, design_seed=seed, shot_seed=seed), 112, "snapshot")
        rows, columns = np.nonzero(scene.alpha > 0.5)
        waist, half = columns[rows == rows.min() + 3], 0.5 * (columns.min() + columns.max())
        assert np.ptp(waist) < 0.92 * np.ptp(columns), seed  # shorts are widest at the ends of the legs
        left = [rows[columns == column].max() for column in range(columns.min() + 4, round(half) - 6)]
        assert max(left) - left[0] >= 2, seed  # the outer corner of an end is higher than its inner one
        assert np.diff(np.flatnonzero(scene.alpha[max(left) - 3] > 0.5)).max() > 1, seed  # a gap between the legs


def test_silhouettes_differ_in_outline() -> None:
    masks = {silhouette: build_scene(appearance(silhouette), 64).alpha > 0.5 for silhouette in SILHOUETTES}
    for (a, mask_a), (b, mask_b) in itertools.combinations(masks.items(), 2):
        assert overlap(mask_a, mask_b) < 0.90, (a, b)


# -- borders ---------------------------------------------------------------------------------------------------------


@dataclass
class Record:
    """A minimal product row."""

    attributes: Mapping[str, Any] | None
    product_code: str = "41000017"


def test_product_is_rendered_from_attributes() -> None:
    wanted = appearance("polo-shirt")
    assert draw(Record(wanted.to_attributes()), 48).tobytes() == render_appearance(wanted, 48).tobytes()


def test_product_without_attributes_is_refused() -> None:
    with pytest.raises(ToileError, match="only generated products") as caught:
        draw(Record(None), 48)
    assert "41000017" in caught.value.where


def test_unknown_silhouette_has_hint() -> None:
    with pytest.raises(ToileError, match="did you mean 'sneaker'"):
        draw(Record({**appearance("sneaker").to_attributes(), "silhouette": "sneakers"}), 48)


# -- golden ----------------------------------------------------------------------------------------------------------


def golden_image(silhouette: str) -> Image.Image:
    """Render an image with every visible attribute set, reduced to 48 x 48 pixels."""
    dressed = {"material": "wool", "pattern": "check", "hardware": "gold", "lining": "plain", "quilting": "diamond"}
    return render_appearance(appearance(silhouette, **dressed), 144).reduce(3)


@pytest.mark.parametrize("silhouette", GOLDEN_SILHOUETTES)
def test_golden_images_are_unchanged(silhouette: str) -> None:
    with Image.open(GOLDEN / f"{silhouette}.png") as image:
        kept = np.asarray(image, np.float32)
    difference = np.abs(np.asarray(golden_image(silhouette), np.float32) - kept)
    assert difference.mean() < 1.0, f"{difference.mean():.2f} levels"
    assert difference.max() < 60


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in GOLDEN_SILHOUETTES:
        golden_image(name).save(GOLDEN / f"{name}.png")
