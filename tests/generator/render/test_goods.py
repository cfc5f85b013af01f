"""Bags, shoes and small goods: pairs, views from above, heels, and variety of designs."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from generator.render import build_scene
from generator.render.engine.cloths import build_cloths
from generator.render.engine.curves import box
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Placement, SolidBody, Viewpoint, rasterize_grid
from generator.render.shoes.last import LENGTH, Last
from generator.render.things.perspective import View
from schemas.appearance import CUTS_OF, SIZES, Appearance

SHOES = ("sneaker", "boot", "loafer", "pump", "sandal", "slide", "flip-flop")
BAGS = ("tote-bag", "shoulder-bag", "crossbody-bag", "clutch", "backpack")
SMALL = ("wallet", "card-case", "belt", "watch", "sunglasses", "scarf", "gloves", "tie", "cap", "beanie", "bucket-hat")
HATS = ("flat-cap", "fedora", "sun-hat")


def goods(silhouette: str, **changes: Any) -> Appearance:
    usual = Appearance(
        silhouette=silhouette, colour="#7a5a48", material="leather", hardware="gold", design_seed=1, shot_seed=7
    )
    return dataclasses.replace(usual, **changes)


def small_square() -> Scene:
    """A scene with one square patch at the lower left."""
    wanted = goods("wallet")
    scene = Scene(wanted, 96, build_cloths(wanted))
    scene.set_camera(1.0, limpness=0.0)
    scene.add_panel(box(-0.35, 0.5, -0.05, 0.8), puff=0.02)
    return scene


def test_copy_behind_does_not_change_front() -> None:
    scene, alone = small_square(), small_square()
    scene.add_copy_behind(0.12, -0.10)
    front = alone.alpha == 1
    for name in ("alpha", "height", "shade", "u", "v", "top_share", "top_cloth", "part_ids"):
        assert np.array_equal(getattr(scene, name)[front], getattr(alone, name)[front]), name
    assert 1.4 < float(scene.alpha.sum() / alone.alpha.sum()) < 1.8


def test_copy_behind_is_moved_and_darker() -> None:
    scene, alone = small_square(), small_square()
    scene.add_copy_behind(0.5, -0.4)
    right, down = round(0.5 * scene.zoom), round(-0.4 * scene.zoom)
    rows, columns = np.nonzero(alone.alpha == 1)
    assert (scene.alpha[rows + down, columns + right] == 1).all()
    assert np.array_equal(scene.part_ids[rows + down, columns + right], alone.part_ids[rows, columns])
    assert np.allclose(scene.height[rows + down, columns + right], alone.height[rows, columns], atol=1e-6)
    assert (scene.shade[rows + down, columns + right] < 0.9 * alone.shade[rows, columns]).all()


def test_copy_behind_flip_mirrors() -> None:
    scene, alone = small_square(), small_square()
    scene.add_copy_behind(0.0, 0.0, flip=True)
    added = scene.alpha - alone.alpha
    assert np.allclose(added, alone.alpha[:, ::-1] * (1 - alone.alpha), atol=1e-6)


def test_shots_show_one_shoe_or_a_pair() -> None:
    covers = [float((build_scene(goods("pump", shot_seed=seed), 48).alpha > 0.5).mean()) for seed in range(12)]
    assert max(covers) > 1.15 * min(covers)


@pytest.mark.parametrize("yaw", [-0.3, 0.3])
def test_view_shows_near_side_and_top(yaw: float) -> None:
    view = View(yaw=yaw, pitch=0.2)
    near, far = (view.point(view.side * 0.3, 0.5, z)[0] for z in (0.1, -0.1))
    assert view.side * far > view.side * near, "the far edge of the visible side is further out"
    assert view.point(0.0, 0.4, -0.1)[1] < view.point(0.0, 0.4, 0.1)[1], "the far rim is higher"
    front, back = (view.point(0.3, 0.5, z)[0] - view.point(-0.3, 0.5, z)[0] for z in (0.1, -0.1))
    assert front > back, "what is further away looks smaller"


def test_raised_heel_shortens_a_shoe_and_keeps_the_length_of_its_sole() -> None:
    f = np.linspace(0, 1, 400)
    spans = []
    for rise in (0.0, 0.12, 0.22):
        last = Last(rise=rise)
        x, bed = last.points(f, np.zeros_like(f), 0.0)[:, :2].T
        assert bed[0] - bed[280] == pytest.approx(rise, abs=1e-3)
        assert np.hypot(np.diff(x), np.diff(bed)).sum() == pytest.approx(LENGTH, rel=0.02)
        spans.append(x[-1] - x[0])
    assert spans[0] > spans[1] > spans[2]


def test_near_surface_hides_far_one_and_sides_differ() -> None:
    """Two squares, one before the other; the second is seen from behind."""
    square = np.array([[(-0.2, 0.2, 0.0), (-0.2, -0.2, 0.0)], [(0.2, 0.2, 0.0), (0.2, -0.2, 0.0)]])
    wanted = goods("wallet")
    for yaw, seen in ((0.0, "trim"), (np.pi, "lining")):
        scene = Scene(wanted, 96, build_cloths(wanted))
        body = SolidBody(scene, Viewpoint(yaw=yaw, pitch=0.0))
        body.add(square + np.array([0.0, 0.0, 0.1]), "trim", back="self")
        body.add(square, "main", back="lining")
        body.fit_camera(0.5, limpness=0.0)
        body.draw()
        label = (scene.top_cloth if scene.top_share[48, 48] > 0.5 else scene.second_cloth)[48, 48]
        assert scene.cloth_names[label - 1] == seen
        assert scene.alpha[48, 48] == 1
        assert body.visible(square.reshape(-1, 3) * 0.5).all() == (yaw > 0)


@pytest.mark.parametrize("seed", range(4))
def test_rasterized_grid_is_that_of_testing_every_sample(seed: int) -> None:
    """Large, narrow and tiny triangles, front and back, some of them outside the image."""
    rng = np.random.default_rng(seed)
    side, reach = 48, (70.0, 70.0, 6.0, 1.5)[seed]
    place = np.stack([*rng.uniform(-0.2, 1.0, (2, 5, 5)) * reach + 10, rng.uniform(0, 1, (5, 5))], axis=-1)
    depth, owner = np.full((side, side), -1e9, np.float32), np.zeros((side, side), np.uint8)
    shown = np.zeros((side // 2, side // 2, 3), np.float32)
    rasterize_grid(place, np.zeros((5, 5, 3)), (1, 2), depth, owner, shown)
    y, x = np.mgrid[:side, :side] + 0.5
    nearest, names = np.full((side, side), -1e9), np.zeros((side, side), np.uint8)
    for i, j, half in itertools.product(range(4), range(4), range(2)):
        a, b, c = place[i, j], place[i + 1, j + half], place[i + 1 - half, j + 1]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        z = a[2] + v * (b[2] - a[2]) + w * (c[2] - a[2])
        inside = (v >= 0) & (w >= 0) & (v + w <= 1) & (z > nearest)
        nearest[inside], names[inside] = z[inside], 1 if area > 0 else 2
    assert np.array_equal(owner, names)
    assert (owner > 0).sum() > 20 or reach < 2
    assert np.allclose(depth[owner > 0], nearest[owner > 0], atol=1e-5)


def test_copies_of_a_body_are_mirrored() -> None:
    wanted = goods("sneaker")
    scene = Scene(wanted, 96, build_cloths(wanted))
    pair = [Placement(z=0.2), Placement(z=-0.2, mirrored=True)]
    body = SolidBody(scene, Viewpoint(yaw=0.3, pitch=0.5), pair)
    points = np.array([[0.1, 0.2, 0.3]])
    right, left = body.placed(points)
    assert np.allclose(right, [[0.1, 0.2, 0.5]])
    assert np.allclose(left, [[0.1, 0.2, -0.5]])


@pytest.mark.parametrize("silhouette", SHOES + BAGS + SMALL + HATS)
def test_designs_differ_in_shape(silhouette: str) -> None:
    masks = [build_scene(goods(silhouette, design_seed=seed), 48).alpha > 0.5 for seed in range(8)]
    overlaps = [float((a & b).sum() / (a | b).sum()) for a, b in itertools.combinations(masks, 2)]
    assert min(overlaps) < 0.88


@pytest.mark.parametrize("silhouette", SHOES + BAGS + SMALL + HATS)
def test_product_stays_inside_image_for_all_sizes_and_cuts(silhouette: str) -> None:
    words = [{name: word} for name, all_words in CUTS_OF.get(silhouette, {}).items() for word in all_words] or [{}]
    for (number, word), size in itertools.product(enumerate(words), SIZES):
        for seed in range(2):
            wanted = goods(silhouette, size=size, design_seed=3 * seed + number, shot_seed=seed, **word)
            alpha = build_scene(wanted, 48).alpha
            border = max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max())
            assert border < 0.5, (size, word, seed)


@pytest.mark.parametrize("seed", range(6))
def test_sides_of_cushions_are_pinched_between_the_corners(seed: int) -> None:
    wanted = goods("cushion", design_seed=seed, shot_seed=seed)
    mask = build_scene(wanted, 96).alpha > 0.5
    rows = np.flatnonzero(mask.any(axis=1))
    widths = mask.sum(axis=1)[rows]
    tenth, middle = len(rows) // 10, len(rows) // 2
    assert widths[middle] < 0.97 * max(widths[tenth : 2 * tenth].max(), widths[-2 * tenth : -tenth].max())


def test_buckles_of_belts_are_inside_the_image_and_metal() -> None:
    for seed, size in itertools.product(range(6), SIZES):
        scene = build_scene(goods("belt", design_seed=seed, shot_seed=seed, size=size), 96)
        top = np.where(scene.top_share > 0.5, scene.top_cloth, scene.second_cloth)
        metal = top == scene.cloth_names.index("fitting") + 1
        assert metal.sum() > 40, (seed, size)
        assert not any(edge.any() for edge in (metal[0], metal[-1], metal[:, 0], metal[:, -1])), (seed, size)
