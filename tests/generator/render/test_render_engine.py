"""The drawing engine: parts, asymmetry, edges, kernels and their cache."""

import dataclasses
import functools
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generator.render import PARTS, RenderedParts, build_scene, draw, render_appearance, render_parts
from generator.render.engine import njit_cached
from generator.render.engine.curves import Curve, box, disc, outline, ribbon, smooth_line, smooth_loop
from generator.render.engine.height_field import Crease, Flutes, smooth_noise_tile, sum_folds
from generator.render.engine.kernels import gaussian_blur, sample_tile, worley_distances
from generator.render.engine.materials import Cloth
from generator.render.engine.parts import segment_parts
from generator.render.engine.rasterize import coverage, line_distance
from generator.render.engine.scene import Scene
from schemas.appearance import SILHOUETTES, Appearance
from schemas.errors import ToileError
from tests.generator.render.test_render import Record, appearance

ROOT = Path(__file__).parents[3]


@functools.cache
def cached_parts(wanted: Appearance, size: int = 112) -> RenderedParts:
    return render_parts(wanted, size)


def run_code(code: str) -> str:
    """Return what a program prints in a new process."""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return answer.stdout


def empty_scene(size: int = 120, **changes: Any) -> Scene:
    """A scene of a limp product with two cloths, one unit wide."""
    wanted = appearance("dress", **changes)
    grey = np.full(3, 0.4, np.float32)
    scene = Scene(wanted, size, {"main": Cloth(grey), "trim": Cloth(grey), "thread": Cloth(grey)})
    scene.set_camera(1.0)
    return scene


# -- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_parts_cover_product_only(silhouette: str) -> None:
    made = cached_parts(appearance(silhouette), 64)
    assert made.mask.dtype == made.part_ids.dtype == np.uint8
    assert np.array_equal(made.part_ids > 0, made.mask > 127)
    assert int(made.part_ids.max()) < len(made.names)
    x0, y0, x1, y1 = made.box
    rows, columns = np.nonzero(made.part_ids)
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_parts_do_not_change_image() -> None:
    wanted = appearance("trench-coat", lining="check")
    assert cached_parts(wanted).image.tobytes() == render_appearance(wanted, 112).tobytes()
    record = Record(wanted.to_attributes())
    made = draw(record, 48, parts=True)
    assert made.image.tobytes() == draw(record, 48).tobytes()


@pytest.mark.parametrize("silhouette", ["trench-coat", "tote-bag", "sneaker", "mug"])
def test_other_cloth_has_same_parts(silhouette: str) -> None:
    before = cached_parts(appearance(silhouette, lining="plain"))
    after = cached_parts(appearance(silhouette, lining="plain", colour="#f0e020", material="leather", pattern="check"))
    assert np.array_equal(before.part_ids, after.part_ids)
    assert np.array_equal(before.mask, after.mask)


def test_part_names() -> None:
    coat = cached_parts(appearance("trench-coat", hardware="gold", lining="check"))
    names = {coat.names[number] for number in np.unique(coat.part_ids)}
    assert {"background", "body", "lining", "fitting"} <= names
    share = (coat.part_ids == PARTS.index("body")).sum() / (coat.part_ids > 0).sum()
    assert 0.3 < share < 0.95
    shoe = cached_parts(appearance("sneaker"))
    assert (shoe.part_ids == PARTS.index("sole")).any()


def test_stitches_belong_to_part_below() -> None:
    scene = empty_scene()
    scene.add_panel(box(-0.3, 0.2, 0.3, 0.8), part="pocket")
    before = scene.part_ids.copy()
    scene.add_topstitch([(-0.2, 0.5), (0.2, 0.5)], width=0.02)
    assert np.array_equal(scene.part_ids, before)
    assert (scene.top_cloth == scene.cloth_names.index("thread") + 1).any()


def test_unknown_part_is_refused() -> None:
    with pytest.raises(ToileError, match="not in the vocabulary"):
        empty_scene().add_panel(box(-0.3, 0.2, 0.3, 0.8), part="flange")


def test_parts_of_empty_image() -> None:
    nothing = np.zeros((8, 8), np.float32)
    assert segment_parts(render_appearance(appearance("mug"), 8), nothing, np.zeros((8, 8), np.uint8)).box == (
        0,
        0,
        0,
        0,
    )


# -- shape -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silhouette", ["shirt", "trousers", "dress"])
def test_halves_are_not_mirror_images(silhouette: str) -> None:
    scene = build_scene(appearance(silhouette), 224)
    turned = build_scene(appearance(silhouette), 224)
    alpha, mirrored = scene.alpha, turned.alpha[:, ::-1]
    shifts = [np.roll(mirrored, shift, axis=1) for shift in range(-8, 9)]
    best = max(float(np.minimum(alpha, other).sum() / np.maximum(alpha, other).sum()) for other in shifts)
    assert best < 0.985


def test_folds_of_halves_differ() -> None:
    scene = build_scene(appearance("shirt"), 224)
    x = np.linspace(0.02, 0.12, 40)
    y = np.linspace(0.20, 0.40, 40)
    here, there = (
        scene.to_pixels(np.array([(side * a, b) for a, b in itertools.product(x, y)])).astype(int) for side in (-1, 1)
    )
    left, right = scene.height[here[:, 1], here[:, 0]], scene.height[there[:, 1], there[:, 0]]
    assert np.corrcoef(left, right)[0, 1] < 0.9


def test_limp_products_are_warped_and_rigid_ones_not() -> None:
    square = box(-0.3, 0.2, 0.3, 0.8)
    for limpness, straight in ((0.0, True), (1.0, False)):
        scene = empty_scene(400)
        scene.set_camera(1.0, limpness=limpness)
        scene.add_panel(square)
        corners = scene.to_pixels(square)
        true_area = 0.36 * scene.zoom**2
        middle = scene.to_pixels(np.array([[0.3, 0.5]]))[0]
        (ax, ay), (bx, by) = corners[2] - corners[1], middle - corners[1]
        assert bool(abs(ax * by - ay * bx) / np.hypot(ax, ay) < 1e-6) is straight
        assert float(scene.alpha.sum()) == pytest.approx(true_area, rel=0.03)


def test_from_pixels_inverts_to_pixels() -> None:
    scene = empty_scene(336)
    points = np.array([(0.1, 0.3), (-0.2, 0.6), (0.31, 0.71)])
    for (px, py), (x, y) in zip(scene.to_pixels(points), points, strict=True):
        row, column = int(py), int(px)
        slope = 1 / scene.zoom
        assert scene.x[row, column] == pytest.approx(x + (column + 0.5 - px) * slope, abs=0.0006)
        assert scene.y[row, column] == pytest.approx(y + (row + 0.5 - py) * slope, abs=0.0006)


def test_panel_edge_has_rim_and_contact_shadow() -> None:
    def profile(edge: float, shadow: float) -> tuple[Any, Any]:
        scene = empty_scene(600)
        scene.set_camera(1.0, limpness=0.0)
        scene.limpness = 1.0  # flat outline, cloth rim
        scene.add_panel(box(-0.4, 0.1, 0.4, 0.9), puff=0.001, shadow=0.0, edge=0.0)
        scene.add_panel(box(-0.2, 0.3, 0.2, 0.7), "trim", puff=0.001, shadow=shadow, edge=edge)
        column = int(scene.to_pixels(np.array([[0.0, 0.7]]))[0, 0])
        return scene.height[:, column] - scene.crumple[:, column], scene.shade[:, column]

    plain, _ = profile(0.0, 0.0)
    rolled, shade = profile(1.0, 0.5)
    assert (rolled - plain).max() > 0.0004
    assert np.flatnonzero(rolled - plain > 0.0004).size < 20
    below = np.flatnonzero(shade < 0.8)
    assert below.size
    assert shade[below].min() < 0.65


# -- loops -----------------------------------------------------------------------------------------------------------


def test_coverage_is_area_inside_each_pixel() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        middle, radius = rng.uniform(8, 12, 2), rng.uniform(3, 7)
        shape = disc(middle[0], middle[1], radius, radius * rng.uniform(0.5, 1.2))
        mask = coverage(shape, 20, 21)
        x, y = shape.T
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert mask.sum() == pytest.approx(area, rel=1e-5)
    half = coverage(np.array([(2.0, 2.25), (6.5, 2.25), (6.5, 5.0), (2.0, 5.0)]), 8, 9)
    assert half[2, 2:7].tolist() == [0.75, 0.75, 0.75, 0.75, 0.375]
    assert half[3, 1:8].tolist() == [0, 1, 1, 1, 1, 0.5, 0]


def test_coverage_is_clipped_to_window() -> None:
    mask = coverage(np.array([(-5.0, -5.0), (50.0, -5.0), (50.0, 4.5), (-5.0, 4.5)]), 8, 6)
    assert mask[:4].min() == 1
    assert np.allclose(mask[4], 0.5)
    assert mask[5:].max() == 0


@pytest.mark.parametrize("sigma", [1.0, 2.6, 6.0, 14.0])
def test_gaussian_blur_is_nearly_gaussian(sigma: float) -> None:
    plane = np.zeros((121, 121), np.float32)
    plane[56:66, 50:70] = 1
    distance = np.arange(-60, 61)
    kernel = np.exp(-(distance**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    slow = np.apply_along_axis(np.convolve, 0, plane, kernel, "same")
    slow = np.apply_along_axis(np.convolve, 1, slow, kernel, "same")
    found = gaussian_blur(plane, sigma, 0.0, 0.0)
    assert np.abs(found - slow).max() < 0.07
    assert found.sum() == pytest.approx(plane.sum(), rel=0.02)


def test_gaussian_blur_shift() -> None:
    plane = np.zeros((60, 60), np.float32)
    plane[20:30, 20:30] = 1
    here, there = gaussian_blur(plane, 3.0, 0.0, 0.0), gaussian_blur(plane, 3.0, 6.0, 3.0)
    assert np.abs(there[6:, 3:] - here[:-6, :-3]).max() < 0.02


def test_line_distance_and_arc_length() -> None:
    line = np.array([(2.5, 5.5), (12.5, 5.5), (12.5, 15.5)])
    away, place = line_distance(line, False, 20, 20, 4.0)
    assert away[7, 6] == pytest.approx(2)
    assert place[7, 6] == pytest.approx(4)
    assert place[12, 13] == pytest.approx(17)
    assert away[19, 2] > 1e5


def test_worley_distances_match_definition() -> None:
    rng = np.random.default_rng(4)
    jitter = rng.uniform(-0.42, 0.42, (5, 6, 2)).astype(np.float32)
    found = worley_distances(np.pad(jitter, ((1, 1), (1, 1), (0, 0)), mode="wrap"), 30)
    row, column = np.mgrid[-5:10, -6:12]  # the tile three times in each direction
    points = np.stack([row, column], axis=-1) + 0.5 + np.tile(jitter, (3, 3, 1))
    for i, j in [(0, 0), (29, 29), (0, 29), *rng.integers(0, 30, (40, 2)).tolist()]:
        here = (i + 0.5) * 5 / 30, (j + 0.5) * 6 / 30
        nearest, second = np.sort(np.linalg.norm(points - here, axis=-1), axis=None)[:2]
        assert found[i, j] == pytest.approx(second - nearest, abs=1e-9)


def test_noise_tiles_are_seamless() -> None:
    plate = smooth_noise_tile()
    u = np.linspace(0, 3 * plate.shape[0], 4001, dtype=np.float32)
    found = sample_tile(u, np.full_like(u, 7.25), plate, (1.0, 1.0), (8192.0, 8192.0))
    assert np.abs(np.diff(found)).max() < 0.25
    assert found[0] == pytest.approx(found[-1], abs=1e-4)


def test_crease_is_between_its_ends_with_a_steep_side() -> None:
    x, y = (plane.astype(np.float32) for plane in np.meshgrid(np.linspace(-0.2, 0.2, 161), np.linspace(0, 0.4, 161)))
    relief = Crease((0.0, 0.1), (0.0, 0.3), 0.01, 0.02).height(x, y)
    assert relief.max() == pytest.approx(0.01, rel=0.05)
    assert relief[:39].max() == relief[121:].max() == 0
    row = relief[80]
    assert np.abs(np.diff(row[:80])).max() != pytest.approx(np.abs(np.diff(row[80:])).max(), rel=0.2)
    whole = sum_folds([Crease((0.0, 0.1), (0.0, 0.3), 0.01, 0.02)], x, y)
    window = sum_folds([Crease((0.0, 0.1), (0.0, 0.3), 0.01, 0.02)], x[60:110, 50:140].copy(), y[60:110, 50:140].copy())
    assert np.allclose(window, whole[60:110, 50:140], atol=1e-7)


def test_flutes_get_deeper_towards_hem() -> None:
    x, y = (plane.astype(np.float32) for plane in np.meshgrid(np.linspace(-0.2, 0.2, 201), np.linspace(0, 0.5, 101)))
    relief = Flutes(0.1, 0.5, 0.2, 0.1, 6.0, 0.01, 1.3).height(x, y)
    assert relief[:20].any() == np.False_
    assert relief[95].std() > 2 * relief[40].std() > 0
    crests = relief[95][1:-1][(relief[95][1:-1] > relief[95][:-2]) & (relief[95][1:-1] >= relief[95][2:])]
    assert 3 <= crests.size <= 12
    assert crests.std() > 0.0005


@pytest.mark.parametrize(
    "shape",
    [
        outline([(0.0, 0.0), (0.5, 0.1), (1.0, 0.0)], (1.0, 1.0), (0.0, 1.0)),
        smooth_loop([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]),
        ribbon([(0.0, 0.0), (0.5, 0.2), (1.0, 0.0)], 0.1, 0.05),
    ],
)
def test_outlines_are_finite(shape: Any) -> None:
    assert np.isfinite(shape).all()
    assert np.ptp(shape, axis=0).min() > 0.1


def test_smooth_line_passes_through_points() -> None:
    points: Curve = [(0.0, 0.0), (0.3, 0.2), (0.5, -0.1), (1.0, 0.0)]
    line = smooth_line(points)
    for point in points:
        assert np.linalg.norm(line - np.array(point), axis=1).min() < 1e-12


COMPILED_KERNELS = """
import importlib, pkgutil
import generator.render as renderer
from generator import products
from generator.render.precompile import precompile
from schemas.validation import load, list_presets

def signatures():
    names = [each.name for each in pkgutil.walk_packages(renderer.__path__, renderer.__name__ + ".")]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    kernels = [value for value in values if hasattr(value, "py_func")]
    return {(kernel.py_func.__name__, str(types)) for kernel in kernels for types in kernel.signatures}

precompile()
before = signatures()
for name in list_presets("catalog"):
    for number, product in enumerate(products(load(name, "catalog"), 3, 0, 40)):
        for photo in renderer.PHOTOS:
            renderer.draw(product, 40 + number, photo)
print(len(before) > 20, sorted(signatures() - before))
"""


def test_precompile_covers_every_signature() -> None:
    assert run_code(COMPILED_KERNELS).strip() == "True []"


RENDER_DRESS = """
import hashlib
from generator.render import render_appearance
from generator.render.engine import kernels
from tests.generator.render.test_render import appearance
print(hashlib.sha256(render_appearance(appearance("dress"), 64).tobytes()).hexdigest())
print(sum(kernels.gaussian_blur.stats.cache_hits.values()))
"""


def copy_of_packages(folder: Path) -> Path:
    for name in ("generator", "schemas", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_njit_cached_compiles_where_numba_has_no_cache() -> None:
    """numba caches no function whose source is not in a file."""
    namespace: dict[str, Any] = {}
    exec(compile("def double(x):\n    return 2 * x", "<string>", "exec"), namespace)
    double = njit_cached(namespace["double"])
    assert double(21) == 42
    assert double is not namespace["double"]


@pytest.mark.slow
def test_same_bytes_without_writable_numba_cache(tmp_path: Path) -> None:
    """numba can write neither beside the sources nor to the user's cache: each process compiles for itself."""
    installation = copy_of_packages(tmp_path)
    for package in ("generator/render/engine", "generator/render/camera"):
        (installation / package / "__pycache__").write_text(
            "not a folder: nothing can be written here, not even by root"
        )
    environment = {**os.environ, "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "PYTHONPATH": str(installation)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-B", "-c", RENDER_DRESS]
    done = subprocess.run(command, cwd=installation, env=environment, capture_output=True, text=True, check=True)
    here = hashlib.sha256(render_appearance(appearance("dress"), 64).tobytes()).hexdigest()
    assert done.stdout.split() == [here, "0"]
    assert not list(tmp_path.rglob("*.nbi"))


def test_second_process_loads_cached_kernels() -> None:
    render_appearance(appearance("dress"), 64)
    here = hashlib.sha256(render_appearance(appearance("dress"), 64).tobytes()).hexdigest()
    digest, hits = run_code(RENDER_DRESS).split()
    assert digest == here
    assert int(hits) > 0


def test_size_keeps_proportions() -> None:
    small, large = (build_scene(appearance("coat", shot_seed=2), size).alpha for size in (112, 336))
    reduced = large.reshape(112, 3, 112, 3).mean(axis=(1, 3))
    assert np.abs(reduced - small).mean() < 0.01


def test_rendering_does_not_change_appearance() -> None:
    wanted = appearance("cap")
    before = dataclasses.replace(wanted)
    render_appearance(wanted, 32)
    assert wanted == before
