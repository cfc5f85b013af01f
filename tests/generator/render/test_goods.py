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
from generator.render.shoes.soles import RISE, Foot
from generator.render.things.perspective import View
from schemas.appearance import CUTS_OF, SIZES, Appearance

SHOES = ("sneaker", "boot", "loafer", "pump", "sandal")
BAGS = ("tote-bag", "shoulder-bag", "crossbody-bag", "clutch", "backpack")
SMALL = ("wallet", "card-case", "belt", "watch", "sunglasses", "scarf", "gloves", "tie", "cap", "beanie", "bucket-hat")


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


def test_higher_heel_is_nearer_to_ball() -> None:
    feet = [Foot(rise=RISE[word], toe=0.35, spring=0.01, thick=0.01) for word in ("flat", "block", "high")]
    assert feet[0].heel < feet[1].heel < feet[2].heel
    for foot in feet:
        assert foot.under()[0][1] == pytest.approx(foot.floor - foot.thick - foot.rise)
        heights = [foot.at(x) for x in np.linspace(foot.heel, foot.toe - 0.05, 20)]
        assert all(b >= a - 0.012 for a, b in itertools.pairwise(heights)), "it runs down to the toe"


@pytest.mark.parametrize("silhouette", SHOES + BAGS + SMALL)
def test_designs_differ_in_shape(silhouette: str) -> None:
    masks = [build_scene(goods(silhouette, design_seed=seed), 48).alpha > 0.5 for seed in range(8)]
    overlaps = [float((a & b).sum() / (a | b).sum()) for a, b in itertools.combinations(masks, 2)]
    assert min(overlaps) < 0.88


@pytest.mark.parametrize("silhouette", SHOES + BAGS + SMALL)
def test_product_stays_inside_image_for_all_sizes_and_cuts(silhouette: str) -> None:
    words = [{name: word} for name, all_words in CUTS_OF.get(silhouette, {}).items() for word in all_words] or [{}]
    for (number, word), size in itertools.product(enumerate(words), SIZES):
        for seed in range(2):
            wanted = goods(silhouette, size=size, design_seed=3 * seed + number, shot_seed=seed, **word)
            alpha = build_scene(wanted, 48).alpha
            border = max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max())
            assert border < 0.5, (size, word, seed)
