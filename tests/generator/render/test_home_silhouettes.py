"""Vessels, textiles and lipsticks: bodies of revolution are round, prints wrap around them, attributes are visible."""

import functools
import itertools

import numpy as np
import pytest

from generator.render import build_scene, render_appearance
from generator.render.engine import Float32Array
from generator.render.engine.lighting import shade
from generator.render.engine.revolve import FACING, TILT, RevolvedBody
from generator.render.engine.scene import Scene
from tests.generator.render.test_render import appearance, overlap

HOME = ("lipstick", "candle", "cushion", "throw", "vase", "mug")
VESSELS = ("vase", "mug", "candle")
BODY = RevolvedBody(profile=[(0.10, 0.20), (0.09, 0.30), (0.22, 0.55), (0.12, 0.90)], axis=0.05)
Y, X = (plane.astype(np.float32) for plane in np.mgrid[0.0:1.0:200j, -0.5:0.5:200j])


def cover(scene: Scene, cloth: str) -> Float32Array:
    """Return the share of each pixel that a cloth covers."""
    number = scene.cloth_names.index(cloth) + 1
    upper = np.where(scene.top_cloth == number, scene.top_share, 0) + np.where(
        scene.second_cloth == number, 1 - scene.top_share, 0
    )
    return np.asarray(scene.alpha * upper, np.float32)


@functools.cache
def luma(silhouette: str, size: int = 168, **changes: str | int) -> np.ndarray:
    """Return the brightness of an image, 0 to 255."""
    return np.asarray(render_appearance(appearance(silhouette, **changes), size).convert("L"), np.float32)


# -- bodies of revolution --------------------------------------------------------------------------------------------


def test_revolved_body_sections_are_circles() -> None:
    inside, height = BODY.inside(X, Y), BODY.height(X, Y)
    below = inside & (Y > 0.20 + TILT * 0.11)
    from_axis, half = (X - 0.05)[below] * FACING, BODY.half_width(Y)[below]
    assert below.mean() > 0.15
    assert np.allclose((height[below] / BODY.depth) ** 2 + from_axis**2, half**2, atol=1e-5)


def test_revolved_body_top_rises_towards_camera() -> None:
    tube = RevolvedBody(profile=[(0.20, 0.40), (0.20, 0.90)])
    top = np.hypot(X / 0.20, (Y - 0.40) / (TILT * 0.20)) < 0.9
    slope = np.diff(tube.height(X, Y), axis=0) / np.diff(Y, axis=0)
    assert top.sum() > 200
    assert np.allclose(slope[top[1:] & top[:-1]], 1, atol=1e-3)


def test_revolved_body_covers_its_outline() -> None:
    outline = BODY.outline()
    inside = BODY.inside(X, Y)
    assert X[inside].min() == pytest.approx(outline[:, 0].min(), abs=0.006)
    assert X[inside].max() == pytest.approx(outline[:, 0].max(), abs=0.006)
    assert Y[inside].min() == pytest.approx(outline[:, 1].min(), abs=0.006)
    assert Y[inside].max() == pytest.approx(outline[:, 1].max(), abs=0.006)


@pytest.mark.parametrize("silhouette", VESSELS)
def test_prints_wrap_around_vessel(silhouette: str) -> None:
    """At one height of the body the texture coordinate follows the arc, not the image column."""
    scene = build_scene(appearance(silhouette, shot_seed=3), 224)
    row = np.flatnonzero(cover(scene, "main").sum(axis=1) > 30)
    level = row[len(row) * 7 // 10]
    across = np.flatnonzero(cover(scene, "main")[level] > 0.99)
    u, v = scene.u[level, across], scene.v[level, across]
    steps = np.diff(u)[np.diff(across) == 1]
    tenth = max(2, len(steps) // 10)
    assert steps[:tenth].mean() > 1.25 * np.median(steps)
    middle = len(v) // 2
    assert v[middle] < v[[2, -3]].min() - 0.3 * TILT * 0.2


@pytest.mark.parametrize("silhouette", VESSELS)
@pytest.mark.parametrize("size", [112, 336])
def test_vessel_edge_has_no_dark_line(silhouette: str, size: int) -> None:
    """Partly covered pixels are as high as their neighbours; otherwise shading draws a dark line there."""
    scene = build_scene(appearance(silhouette, design_seed=2), size)
    rows = np.flatnonzero(scene.alpha.max(axis=1) > 0)
    for row in rows[len(rows) // 3 : -len(rows) // 3]:
        edge = np.flatnonzero(scene.alpha[row] > 0.05)[0]
        assert scene.height[row, edge] > 0.35 * scene.height[row, edge + 2]


# -- light -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silhouette", ["vase", "mug"])
@pytest.mark.parametrize("shot_seed", [0, 1, 2, 3, 7])
def test_side_towards_softbox_is_brighter(silhouette: str, shot_seed: int) -> None:
    look = appearance(silhouette, colour="#e8e4da", hardware="none", design_seed=4, shot_seed=shot_seed)
    scene = build_scene(look, 168)
    image = np.asarray(shade(scene).convert("L"), np.float32)
    body = (cover(scene, "main")[:168, :168] > 0.9) & (scene.y[:168, :168] > 0.55) & (scene.y[:168, :168] < 0.75)
    x = scene.x[:168, :168]
    left, right = image[body & (x < -0.10)].mean(), image[body & (x > 0.10) & (x < 0.25)].mean()
    assert (left > right + 8) == (scene.lamp.x < 0)
    assert abs(left - right) > 8


@pytest.mark.parametrize("silhouette", HOME)
def test_product_touches_floor(silhouette: str) -> None:
    """The backdrop just below the lowest part is darker than at half height beside the product."""
    scene = build_scene(appearance(silhouette), 168)
    image = np.asarray(shade(scene).convert("L"), np.float32)
    inside = scene.alpha[:168, :168] > 0.02
    columns = np.flatnonzero(inside.any(axis=0))
    middle = slice(columns[len(columns) // 3], columns[-len(columns) // 3])
    lowest = np.flatnonzero(inside[:, middle].any(axis=1))[-1]
    floor = image[lowest + 2 : lowest + 5, middle].mean()
    assert floor < image[lowest // 2 : lowest, :4].mean() - 4


def test_inside_of_mug_is_in_shade() -> None:
    scene = build_scene(appearance("mug", colour="#d8d4ca", hardware="none"), 224)
    image = np.asarray(shade(scene).convert("L"), np.float32)
    within, outside = (cover(scene, cloth)[:224, :224] > 0.9 for cloth in ("lining", "main"))
    assert within.sum() > 400
    assert image[within].mean() < image[outside].mean() - 15


# -- what is said is seen --------------------------------------------------------------------------------------------


def test_only_glass_jar_shows_wax() -> None:
    glass, glazed = (build_scene(appearance("candle", material=material), 112) for material in ("glass", "ceramic"))
    assert cover(glass, "fill").sum() > 0.2 * glass.alpha.sum()
    assert not cover(glazed, "fill").any()
    assert cover(glazed, "wax").sum() > 0.02 * glazed.alpha.sum()


def test_lipstick_has_requested_colour() -> None:
    scene = build_scene(appearance("lipstick", colour="#b3202c"), 224)
    pixels = np.asarray(shade(scene), np.float32)[cover(scene, "bullet")[:224, :224] > 0.95]
    assert np.abs(np.median(pixels, axis=0) - (0xB3, 0x20, 0x2C)).max() < 40


def test_metal_hardware_adds_gilt_band() -> None:
    for silhouette in ("vase", "mug"):
        plain, gilt = (build_scene(appearance(silhouette, hardware=hardware), 112) for hardware in ("none", "gold"))
        assert not cover(plain, "fitting").any()
        assert 0.02 < cover(gilt, "fitting").sum() / gilt.alpha.sum() < 0.25


def test_throw_corner_shows_lining() -> None:
    scene = build_scene(appearance("throw", lining="check"), 112)
    assert 0.01 < cover(scene, "lining").sum() / scene.alpha.sum() < 0.12


@pytest.mark.parametrize("silhouette", HOME)
def test_designs_differ_in_shape(silhouette: str) -> None:
    masks = [build_scene(appearance(silhouette, design_seed=seed), 64).alpha > 0.5 for seed in range(12)]
    unlike = [overlap(a, b) < 0.85 for a, b in itertools.combinations(masks, 2)]
    assert np.mean(unlike) > 0.15


@pytest.mark.parametrize("silhouette", HOME)
def test_large_image_matches_small_image(silhouette: str) -> None:
    large = render_appearance(appearance(silhouette, pattern="stripes"), 336).convert("L").reduce(3)
    assert np.abs(np.asarray(large, np.float32) - luma(silhouette, 112, pattern="stripes")).mean() < 6


@pytest.mark.parametrize("silhouette", HOME)
def test_product_stays_inside_image_for_all_designs(silhouette: str) -> None:
    for seed in range(24):
        alpha = build_scene(appearance(silhouette, size="large", design_seed=seed, shot_seed=seed), 48).alpha
        assert max(edge.max() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])) < 0.5, seed
