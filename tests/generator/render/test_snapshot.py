"""Snapshots obey the rules of the renderer: pure, counterfactual; the studio image is unaffected."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from generator.render import build_scene, draw, render_appearance, render_parts
from generator.render.camera.handheld import frame_size
from generator.render.camera.snapshot import is_hung, project_mask
from generator.render.engine.pose import Pose, sample_pose
from generator.render.engine.scene import Scene
from generator.render.engine.variation import Variation
from schemas.appearance import SILHOUETTES, Appearance
from schemas.errors import ToileError

SIZE = 96
Pixels = npt.NDArray[np.int16]


def appearance(silhouette: str = "shirt", **changes: Any) -> Appearance:
    usual = Appearance(silhouette=silhouette, colour="#7a5a48", material="cotton", design_seed=1, shot_seed=7)
    return dataclasses.replace(usual, **changes)


def pixels(wanted: Appearance, size: int = SIZE) -> Pixels:
    return np.asarray(render_appearance(wanted, size, "snapshot"), np.int16)


def scene_of(wanted: Appearance, size: int = SIZE) -> Scene:
    return build_scene(wanted, size, "snapshot")


def test_same_appearance_gives_same_bytes_in_any_order() -> None:
    wanted = [appearance(name, shot_seed=3) for name in ("dress", "sneaker", "cap")]
    first = [render_appearance(one, 64, "snapshot").tobytes() for one in wanted]
    assert first == [render_appearance(one, 64, "snapshot").tobytes() for one in reversed(wanted)][::-1]


def test_most_frames_are_upright_and_depend_on_the_shot_only() -> None:
    def frame(shot: int, **changes: Any) -> tuple[int, int]:
        return render_appearance(appearance(shot_seed=shot, **changes), 48, "snapshot").size

    frames = [frame(shot) for shot in range(40)]
    assert frames == [frame(shot, pattern="stripes", size="child", design_seed=9) for shot in range(40)]
    upright = np.mean([wide < high for wide, high in frames])
    assert 0.6 < upright < 0.98
    assert frames.count((36, 48)) > 20


def test_mask_and_parts_have_the_frame_of_the_image() -> None:
    shot = next(n for n in range(50) if frame_size(scene_of(appearance(shot_seed=n), 64))[0] > 64 * 0.9)
    found = render_parts(appearance(shot_seed=shot), 64, "snapshot")
    assert found.image.size[::-1] == found.mask.shape == found.part_ids.shape
    assert found.image.width < found.image.height


def test_photo_argument_changes_image() -> None:
    wanted = appearance()
    studio = render_appearance(wanted, SIZE)
    assert studio.tobytes() == render_appearance(wanted, SIZE, "studio").tobytes()
    assert studio.tobytes() != render_appearance(wanted, SIZE, "snapshot").tobytes()


def test_product_renders_like_its_appearance() -> None:
    class Record:
        attributes = appearance().to_attributes()

    assert draw(Record(), 48, photo="snapshot").tobytes() == render_appearance(appearance(), 48, "snapshot").tobytes()


def test_unknown_photo_has_hint() -> None:
    with pytest.raises(ToileError) as caught:
        render_appearance(appearance(), 32, "snapshots")
    assert "snapshot" in caught.value.hint


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_every_silhouette_is_visible_in_snapshot(silhouette: str) -> None:
    wanted = appearance(silhouette, hardware="silver")
    cover = project_mask(scene_of(wanted, 64))
    image = pixels(wanted, 64)
    assert max(image.shape[:2]) == 64
    assert image.shape == (*cover.shape, 3)
    assert 0.02 < cover.mean() < 0.95


def test_hidden_attributes_do_not_change_snapshot() -> None:
    plain = pixels(appearance("shirt"))
    hidden = appearance("shirt", hardware="gold", quilting="diamond", lining="check")
    assert np.array_equal(plain, pixels(hidden))


@pytest.mark.parametrize("shot_seed", [2, 5, 11])
def test_other_colour_keeps_snapshot_background(shot_seed: int) -> None:
    brown, blue = (appearance(colour=code, shot_seed=shot_seed) for code in ("#7a5a48", "#2f4f9f"))
    near = ndimage.binary_dilation(project_mask(scene_of(brown)) > 0, iterations=6)
    changed = np.abs(pixels(brown) - pixels(blue)).max(axis=2) > 0
    assert changed[near].mean() > 0.3
    assert not changed[~near].any()


@pytest.mark.parametrize("name", ["material", "pattern", "size", "sleeve"])
def test_attributes_are_visible_in_snapshot(name: str) -> None:
    values: dict[str, Any] = {"material": "denim", "pattern": "check", "size": "child", "sleeve": "short"}
    usual = appearance(sleeve="long")
    cover = project_mask(scene_of(usual)) > 0.5
    other = dataclasses.replace(usual, **{name: values[name]})
    cover |= project_mask(scene_of(other)) > 0.5
    difference = np.abs(pixels(usual) - pixels(other)).max(axis=2)[cover]
    assert (difference > 10).mean() > 0.10


def test_child_size_fills_less_of_frame() -> None:
    extents = {}
    for size in ("child", "large"):
        covers = [project_mask(scene_of(appearance(size=size, shot_seed=shot), 48)) for shot in range(4)]
        extents[size] = np.mean([cover.mean() for cover in covers])
    assert extents["child"] < 0.95 * extents["large"]


def test_snapshot_products_are_rotated_and_off_centre() -> None:
    middles, turns = [], []
    for shot in range(24):
        y, x = np.nonzero(project_mask(scene_of(appearance("trousers", shot_seed=shot), 64)) > 0.5)
        middles.append((x.mean(), y.mean()))
        turns.append(np.abs(np.linalg.eigh(np.cov(x, y))[1][0, 1]))  # 0 vertical, 1 horizontal
        assert max(np.ptp(x), np.ptp(y)) > 0.33 * 64
    assert np.std(middles, axis=0).min() > 1.0
    assert np.median(turns) < 0.35
    assert max(turns) > 0.15


def test_backgrounds_differ_between_shots() -> None:
    corners = [pixels(appearance(shot_seed=shot), 64)[:6, :6].mean(axis=(0, 1)) for shot in range(12)]
    assert np.std(corners, axis=0).min() > 12


def test_some_shirts_are_hung_but_no_shoes() -> None:
    def share(silhouette: str) -> float:
        scenes = [scene_of(appearance(silhouette, shot_seed=shot), 32) for shot in range(30)]
        return float(np.mean([is_hung(scene) for scene in scenes]))

    assert 0.05 < share("shirt") < 0.5
    assert share("sneaker") == 0


def test_studio_pose_keeps_sleeves() -> None:
    assert sample_pose("studio", Variation("shot", 3)) == Pose()
    assert Pose().sleeve(0.24, 0.42, 1) == 0.24
    lying, spread = (Pose(spread=value).sleeve(0.24, 0.42, 1) for value in (0.02, 1.0))
    assert lying < 0.24 < spread


@pytest.mark.parametrize("silhouette", ["cap", "sneaker", "boot", "loafer", "pump", "sandal"])
def test_views_from_above_keep_product_colour(silhouette: str) -> None:
    """A red product is the reddest object from every side: the median over shots."""
    redness = []
    for shot in range(6):
        wanted = appearance(silhouette, colour="#c01818", shot_seed=shot)
        levels, cover = pixels(wanted, 64), project_mask(scene_of(wanted, 64)) > 0.9
        redness.append(float((levels[cover][:, 0] - levels[cover][:, 1:].mean(axis=1)).mean()))
    assert np.median(redness) > 20
