"""Limp cloth, light and highlights: folds of a shot, set-ups of a studio, threads that follow folds."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import label

from generator.render import PARTS, build_scene
from generator.render.camera.snapshot import project_mask
from generator.render.engine.drape import lay_drape, shift_points
from generator.render.engine.kernels import gather_threads
from generator.render.engine.lamps import STUDIOS, choose_studio, studio_lamp, window_lamp
from generator.render.engine.materials import FINISHES
from generator.render.engine.shading import extend, shade_pixels, slope_between
from generator.render.engine.variation import Variation
from schemas.appearance import Appearance

Plane = npt.NDArray[np.float32]
SIDE, ZOOM = 160, 150.0


def grid() -> tuple[Plane, Plane]:
    """Return the garment coordinates of a flat square sheet."""
    t = ((np.arange(SIDE) + 0.5) / ZOOM - 0.5).astype(np.float32)
    return np.tile(t, (SIDE, 1)), np.tile(t[:, None], (1, SIDE))


def shade_relief(relief: Plane, alpha: Plane, look: dict[int, float], lamp: Any = None) -> Plane:
    """Shade a height field of one grey surface; `look` sets further channels of `shade_pixels`."""
    surface = np.zeros((*relief.shape, 9), np.float32)
    surface[..., :3] = 0.4
    for channel, value in look.items():
        surface[..., channel] = value
    light = np.zeros((*relief.shape, 3), np.float32)
    row = (lamp or studio_lamp(Variation("shot", 3))).as_row()
    shade_pixels(relief, alpha, np.ones_like(relief), np.zeros_like(relief), surface, row, np.inf, light)
    return light[..., 0]


# -- drape -----------------------------------------------------------------------------------------------------------


def test_drape_covers_the_product_and_its_rim_only() -> None:
    x, y = grid()
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[50:110, 40:120] = 1
    drape = lay_drape(x, y, alpha, 2, ZOOM, Variation("shot", 5), 1.0)
    assert drape.height[50:110, 40:120].std() > 0.001
    assert np.abs(drape.height[:30]).max() == 0
    assert np.abs(np.diff(drape.height[50:110, 40:120], axis=1)).max() * ZOOM < 1.5  # no steps


def test_creased_cloth_is_rougher_than_ironed_cloth() -> None:
    x, y = grid()
    alpha = np.ones((SIDE, SIDE), np.float32)
    slopes = [
        np.mean(
            [np.abs(lay_drape(x, y, alpha, 2, ZOOM, Variation("shot", n), creased).slope_x).mean() for n in range(6)]
        )
        for creased in (0.0, 0.5, 1.5)
    ]
    assert slopes[0] < 0.92 * slopes[1] < 0.8 * slopes[2]


def test_slopes_are_those_of_the_height() -> None:
    x, y = grid()
    drape = lay_drape(x, y, np.ones((SIDE, SIDE), np.float32), 2, ZOOM, Variation("shot", 8), 1.0)
    true = np.gradient(drape.height, axis=1)[1::2, 1::2] * ZOOM
    assert np.corrcoef(true[8:-8, 8:-8].ravel(), drape.slope_x[8:-8, 8:-8].ravel())[0, 1] > 0.95


def test_shifts_are_small_and_keep_order() -> None:
    x, y = grid()
    sheet = x + 0.5, y + 0.5
    for seed in range(6):
        shot = Variation("shot", seed)
        drape = lay_drape(x, y, np.ones((SIDE, SIDE), np.float32), 2, ZOOM, shot, 1.0)
        dx, dy = shift_points(*sheet, drape, shot)
        assert 0.001 < np.abs(dx).mean() < 0.04
        assert np.diff(sheet[0] + dx, axis=1).min() > -0.002  # cloth is nowhere turned over by more than a pixel
        assert np.diff(sheet[1] + dy, axis=0).min() > -0.002


@pytest.mark.parametrize(
    ("design_seed", "shot_seed", "size"), [(1883167126, 110273358, "small"), (825601945, 1757774307, "medium")]
)
def test_no_speck_of_the_product_lies_beside_it(design_seed: int, shot_seed: int, size: str) -> None:
    appearance = Appearance(
        silhouette="swim-shorts",
        colour="#17181a",
        material="nylon",
        size=size,
        design_seed=design_seed,
        shot_seed=shot_seed,
    )
    scene = build_scene(appearance, 336, "snapshot")
    assert label(scene.alpha > 0.3)[1] == 1
    parts, number = label(project_mask(scene) > 0.3, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())[1:]
    assert number == 1, sizes


def test_drape_depends_on_the_shot_only() -> None:
    usual = Appearance(silhouette="t-shirt", colour="#8090a0", material="cotton", design_seed=1, shot_seed=4)
    scenes = [
        build_scene(one, 96, "snapshot")
        for one in (usual, dataclasses.replace(usual, colour="#203040", material="linen", pattern="stripes"))
    ]
    assert np.array_equal(scenes[0].drape.height, scenes[1].drape.height)
    other = build_scene(dataclasses.replace(usual, shot_seed=5), 96, "snapshot")
    assert np.corrcoef(scenes[0].drape.height.ravel(), other.drape.height.ravel())[0, 1] < 0.9


# -- light -----------------------------------------------------------------------------------------------------------


def test_every_set_up_is_used_and_lights_from_its_side() -> None:
    sides: dict[str, set[bool]] = {}
    for seed in range(60):
        shot = Variation("shot", seed)
        lamp = studio_lamp(shot)
        assert np.hypot(np.hypot(lamp.x, lamp.y), lamp.z) == pytest.approx(1)
        assert lamp.y < 0  # above
        name = next(name for name, studio in STUDIOS.items() if studio == choose_studio(shot))
        sides.setdefault(name, set()).add(lamp.x < 0)
    assert sides == {"white": {True}, "grey": {True}, "warm": {False}}


def test_windows_are_at_all_sides() -> None:
    lamps = [window_lamp(Variation("shot", seed)) for seed in range(40)]
    assert {(lamp.x > 0, lamp.y > 0) for lamp in lamps} == set(itertools.product((False, True), repeat=2))


def test_shadows_fall_away_from_the_light() -> None:
    for seed in range(5):
        lamp = window_lamp(Variation("shot", seed))
        right, down = lamp.shadow_direction
        assert right * lamp.x + down * lamp.y == pytest.approx(-np.hypot(lamp.x, lamp.y))


@pytest.mark.parametrize("seed", range(4))
def test_slope_towards_the_light_is_brighter(seed: int) -> None:
    lamp = window_lamp(Variation("shot", seed))
    x, y = np.meshgrid(np.arange(40, dtype=np.float32), np.arange(40, dtype=np.float32))
    towards = np.asarray(-0.3 * (lamp.x * x + lamp.y * y), np.float32)
    alpha = np.ones_like(x)
    facing, averted = (shade_relief(relief, alpha, {}, lamp)[20, 20] for relief in (towards, -towards))
    assert facing > averted * 1.1


def test_outline_of_flat_cloth_has_no_line() -> None:
    """What is beyond an outline has no height: the rim of a flat raised panel is as bright as its middle."""
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:30, 10:30] = 1
    light = shade_relief(6 * alpha, alpha, {})
    assert np.ptp(light[10:30, 10:30]) < 1e-5


def test_slope_between_is_the_central_difference_without_steps() -> None:
    assert np.allclose(slope_between(1.0, 1.2, 1.4, np.inf), (0.2, 0.0))
    slope, bend = slope_between(0.0, 0.0, 1.0, np.inf)
    assert (slope < 0.5, bend) == (True, 1.0)
    assert slope_between(0.0, 0.1, 9.0, 1.2)[0] == pytest.approx(0.04)  # the step belongs to a nearer part
    assert extend(np.float32(1.0), np.float32(1.2)) == pytest.approx(1.4)
    assert extend(np.float32(0.0), np.float32(5.0)) == pytest.approx(5.5)


def test_brushed_highlight_is_a_streak_along_the_threads() -> None:
    """A dome of satin shines in a tall narrow streak, one of leather in a round spot."""
    y, x = np.mgrid[-40:41, -40:41].astype(np.float32)
    dome = np.asarray(np.sqrt(np.maximum(60.0**2 - x * x - y * y, 0)), np.float32)
    alpha = np.ones_like(dome)

    def extent(brush: float) -> tuple[float, float]:
        glossy = shade_relief(dome, alpha, {4: 0.8, 7: 60.0, 8: brush}) - shade_relief(dome, alpha, {})
        weight = np.maximum(glossy - 0.5 * glossy.max(), 0)
        wide, tall = (np.sqrt(np.average((t - np.average(t, weights=weight)) ** 2, weights=weight)) for t in (x, y))
        return float(wide), float(tall)

    wide, tall = extent(0.0)
    assert tall == pytest.approx(wide, rel=0.5)
    wide, tall = extent(0.9)
    assert tall > 1.6 * wide


def test_glossy_materials_differ_in_their_highlights() -> None:
    u, v = np.random.default_rng(2).uniform(-0.5, 0.5, (2, 50)).astype(np.float32)
    finishes = {name: FINISHES[name](u, v, 0.003) for name in ("satin", "nylon", "leather", "patent-leather")}
    assert finishes["satin"].brush > 0.5
    assert max(finishes[name].brush for name in ("nylon", "leather", "patent-leather")) == 0
    assert finishes["patent-leather"].tightness > 2 * finishes["satin"].tightness


def test_threads_follow_folds_and_stay_on_flat_cloth() -> None:
    u, v = (plane.copy() for plane in grid())
    ridge = np.asarray(0.02 * np.exp(-((u - 0.1) ** 2) / 0.002), np.float32)
    before, cover = u.copy(), np.ones_like(u)
    gather_threads(u, v, ridge, cover, (ZOOM, 0.03))
    moved = u - before
    flat = np.abs(before - 0.1) > 0.25
    assert np.abs(moved[flat]).max() < 1e-6
    assert moved[80][before[80] < 0.1].max() > 0.003
    assert moved[80][before[80] > 0.1].min() < -0.003


def test_pattern_of_sleeves_does_not_continue_that_of_the_body() -> None:
    """The texture coordinates of body and sleeve differ by a rotation and by where the sleeve was cut out."""
    look = Appearance(
        silhouette="t-shirt",
        colour="#8090a0",
        material="cotton",
        sleeve="long",
        presentation="flat",
        design_seed=1,
        shot_seed=4,
    )
    offsets = []
    for seed in range(3):
        scene = build_scene(dataclasses.replace(look, design_seed=seed), 160)
        body, sleeve = ((scene.part_ids == PARTS.index(name)) & (scene.alpha == 1) for name in ("body", "sleeve"))
        assert np.abs(scene.u[body] - scene.x[body]).max() < 1e-5
        far = np.hypot(scene.u[sleeve], scene.v[sleeve]) - np.hypot(scene.x[sleeve], scene.y[sleeve])
        offsets.append(float(np.abs(far).mean()))
    assert min(offsets) > 0.01
    assert np.ptp(offsets) > 0.005
