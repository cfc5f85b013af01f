"""Turned, worn and folded clothes obey the rules of flat ones, and folded ones have no price that the image hides.

Golden images are in tests/golden/render; render them again with `PYTHONPATH=. python
tests/generator/render/test_presentation.py`.
"""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation.metrics.scoring import scoring_rules
from generator.pages.catalog_page import price_parts
from generator.render import PARTS, build_scene, render_appearance, render_parts
from generator.render.camera.snapshot import is_hung
from generator.render.clothes.turned import WRAP, bend_table
from generator.render.engine import rasterize
from generator.render.engine.cloths import build_cloths
from generator.render.engine.curves import box, disc
from generator.render.engine.fittings import draw_button
from generator.render.engine.pose import FORM_SHARE, TURNED_SHARE
from generator.render.engine.scene import Scene
from generator.sampling.counterfactuals import counterfactuals
from generator.sampling.products import products
from generator.upper_bound import Oracle
from schemas.appearance import CUTS_OF, SHOWN, SILHOUETTES, STYLE_VALUES, Appearance, visible_attributes, visible_values
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.validation import from_document
from tests.generator.render.test_render import GOLDEN, appearance, assert_distinct, drawn, overlap

WORDS = {name: CUTS_OF.get(name, {}).get("presentation", ()) for name in SILHOUETTES}
TURNED = [name for name in SILHOUETTES if "turned" in WORDS[name]]
WORN = [name for name in SILHOUETTES if "ghost-mannequin" in WORDS[name]]
FOLDED = [name for name in SILHOUETTES if "folded" in WORDS[name]]
BENT = [(name, "turned") for name in TURNED] + [(name, "ghost-mannequin") for name in WORN]
EACH = BENT + [(name, "folded") for name in FOLDED]
GOLDENS = (
    *(("trench-coat", "turned"), ("trousers", "turned"), ("shirt", "ghost-mannequin"), ("dress", "ghost-mannequin")),
    *(("shirt", "folded"), ("sweater", "folded"), ("jeans", "folded"), ("scarf", "folded")),
)
NUM_COMPARED = {"turned": 4, "ghost-mannequin": 4, "folded": 7}
"""Number of materials and patterns that are compared with each other; flat clothes compare more."""


def plain_scene(wanted: Appearance, photo: str = "studio") -> Scene:
    """A scene without panels."""
    return Scene(wanted, 16, build_cloths(wanted), photo)


# -- legible ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("silhouette", "word"), EACH)
def test_every_visible_value_changes_image(silhouette: str, word: str) -> None:
    for name in sorted(visible_attributes(silhouette, word) - {"presentation"}):
        values = visible_values(silhouette, name)
        if len(values) > NUM_COMPARED[word]:
            rng = np.random.default_rng([SILHOUETTES.index(silhouette), len(name)])
            values = tuple(rng.choice(values, NUM_COMPARED[word], replace=False).tolist())
        lined = {"lining": "check"} if "lining" in SHOWN[silhouette] and name != "lining" else {}
        looks = {v: drawn(appearance(silhouette, presentation=word, **{**lined, name: v}), 112) for v in values}
        for (a, look_a), (b, look_b) in itertools.combinations(looks.items(), 2):
            assert_distinct(look_a, look_b, f"{word} {silhouette} {name} {a}/{b}")


@pytest.mark.parametrize("silhouette", FOLDED)
def test_values_hidden_by_fold_do_not_change_image(silhouette: str) -> None:
    assert visible_attributes(silhouette, "folded") < SHOWN[silhouette]
    assert not {"size", "fit", "sleeve"} & visible_attributes(silhouette, "folded")
    usual = render_appearance(appearance(silhouette, presentation="folded"), 48).tobytes()
    for name in STYLE_VALUES.keys() - visible_attributes(silhouette, "folded"):
        other = appearance(silhouette, presentation="folded", **{name: STYLE_VALUES[name][-1]})
        assert render_appearance(other, 48).tobytes() == usual, name


@pytest.mark.parametrize("silhouette", FOLDED)
def test_stack_outline_depends_on_design(silhouette: str) -> None:
    looks = {word: drawn(appearance(silhouette, presentation=word), 112) for word in WORDS[silhouette]}
    most = {"flat": 0.75, "turned": 0.75, "ghost-mannequin": 0.80}  # sleeves of a ghost mannequin hang beside the body
    if silhouette == "shorts":
        most = dict.fromkeys(most, 0.88)  # short legs fold to about the box that they fill
    assert all(overlap(looks["folded"].inside, looks[word].inside) < most[word] for word in WORDS[silhouette][:-1])
    designs = [drawn(appearance(silhouette, presentation="folded", design_seed=seed), 112) for seed in range(3)]
    for a, b in itertools.combinations(designs, 2):
        assert_distinct(a, b, f"folded {silhouette}")


def test_fold_under_clips_panels() -> None:
    wanted = appearance("shirt", presentation="folded")
    scene = Scene(wanted, 64, build_cloths(wanted))
    scene.set_camera(1.0, (0.0, 0.5))
    scene.fold_under(disc(0.0, 0.5, 0.3))
    assert scene.fold_mask is not None
    scene.add_panel(box(-0.45, 0.1, 0.45, 0.9), shadow=0.0)
    assert np.allclose(scene.alpha, scene.fold_mask, atol=1e-6)
    before = scene.alpha.copy()
    scene.add_topstitch([(-0.45, 0.5), (0.45, 0.5)])
    draw_button(scene, 0.29, 0.5, 0.02)
    assert np.array_equal(scene.alpha, before)


@pytest.mark.parametrize(("silhouette", "word"), BENT)
def test_garment_on_a_body_keeps_its_parts(silhouette: str, word: str) -> None:
    flat, bent = (drawn(appearance(silhouette, presentation=each), 112) for each in ("flat", word))
    assert (0.55 if word == "turned" else 0.45) < overlap(flat.inside, bent.inside) < 0.97


# -- counterfactual --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("silhouette", "word"), [("coat", "turned"), ("trousers", "turned"), *EACH[-10:]])
def test_other_cloth_keeps_edges_folds_and_background(silhouette: str, word: str) -> None:
    plain = appearance(silhouette, presentation=word)
    other = appearance(silhouette, presentation=word, colour="#2f6b4a", pattern="check")
    before, after = build_scene(plain, 112), build_scene(other, 112)
    assert np.array_equal(before.height, after.height)
    assert np.array_equal(before.u, after.u)
    seen, changed = drawn(plain, 112), drawn(other, 112)
    near = seen.touched
    near = near | np.roll(near, 1, 0) | np.roll(near, -1, 0) | np.roll(near, 1, 1) | np.roll(near, -1, 1)  # sharpening
    assert np.array_equal(seen.pixels[~near], changed.pixels[~near])
    assert_distinct(seen, changed, f"{word} {silhouette}")


def test_any_presentation_depends_on_shot_and_is_never_folded() -> None:
    shots = range(600)
    picked = {shot: plain_scene(appearance("shirt", presentation="any", shot_seed=shot)).pose for shot in shots}
    assert not any(pose.folded for pose in picked.values())
    worn, turned = ([pose.worn == word for pose in picked.values() if pose.yaw].count(True) for word in (True, False))
    for count, share in ((worn, FORM_SHARE), (turned, TURNED_SHARE)):
        assert abs(count / len(picked) - share) < 4 * math.sqrt(share * (1 - share) / len(picked))
    assert not any(plain_scene(appearance("jeans", presentation="any", shot_seed=shot)).pose.worn for shot in shots)
    for shot in range(40):
        for changes in ({"design_seed": 9}, {"colour": "#000000"}, {"material": "silk"}, {"size": "child"}):
            again = plain_scene(appearance("shirt", presentation="any", shot_seed=shot, **changes)).pose
            assert again == picked[shot]
        assert plain_scene(appearance("tote-bag", presentation="any", shot_seed=shot)).pose.yaw == 0


def test_turned_garments_face_both_sides() -> None:
    turns = [
        math.degrees(plain_scene(appearance("coat", presentation="turned", shot_seed=shot)).pose.yaw)
        for shot in range(60)
    ]
    assert {turn > 0 for turn in turns} == {True, False}
    assert all(10 <= abs(turn) <= 25 for turn in turns)


# -- geometry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("yaw", [-0.44, -0.2, 0.2, 0.44])
def test_unbend_point_inverts_bend_point(yaw: float) -> None:
    sides = [(0.17, 0.18), (0.15, 0.36), (0.25, 0.7)]
    legs = [(0.08, 0.08, 0.21), (0.10, 0.06, 0.75)]
    for bend in (
        bend_table(yaw, sides, 0.15),
        bend_table(0.3 * yaw, sides, 0.15, wrap=WRAP),
        bend_table(yaw, [(0.13, 0.0), (0.16, 0.15), (0.17, 0.75)], 0.0, legs),
    ):
        for x, y in itertools.product(np.linspace(-0.3, 0.3, 25), np.linspace(-0.1, 0.8, 19)):
            px, py = rasterize.unbend_point(*rasterize.bend_point(x, y, bend), bend)
            assert math.hypot(px - x, py - y) < 2e-3, (x, y)


def test_turned_front_edge_moves_to_far_side() -> None:
    for shot in range(8):
        scene = build_scene(appearance("cardigan", presentation="turned", shot_seed=shot), 112)
        row = np.array([[-0.15, 0.3], [0.0, 0.3], [0.15, 0.3]])
        left, middle, right = scene.to_pixels(row)[:, 0]
        near, far = (middle - left, right - middle) if scene.pose.yaw > 0 else (right - middle, middle - left)
        assert near > 1.15 * far


def test_worn_garment_is_narrower_than_flat_and_square_to_camera() -> None:
    for name, shot in itertools.product(("t-shirt", "coat", "dress", "skirt"), range(4)):
        widths = {}
        for word in ("flat", "ghost-mannequin"):
            scene = build_scene(appearance(name, presentation=word, shot_seed=shot), 112)
            assert scene.pose.worn is (word != "flat")
            assert abs(math.degrees(scene.pose.yaw)) < 10
            places = scene.to_pixels(np.array([[-0.12, 0.3], [0.0, 0.2], [0.0, 0.3], [0.12, 0.3]]))
            widths[word] = (places[3, 0] - places[0, 0]) / (places[2, 1] - places[1, 1])
        assert widths["ghost-mannequin"] < 0.97 * widths["flat"], (name, shot)


def test_worn_pattern_is_compressed_at_sides() -> None:
    scene = build_scene(appearance("sweater", presentation="ghost-mannequin", fit="straight"), 112)
    columns = scene.to_pixels(np.array([[x, 0.35] for x in (-0.17, -0.12, -0.03, 0.03, 0.12, 0.17)]))[:, 0]
    left, middle, right = np.diff(columns)[[0, 2, 4]] / (0.05, 0.06, 0.05)
    assert middle > 1.3 * left
    assert middle > 1.3 * right


def test_near_sleeve_is_in_front_of_body() -> None:
    for shot in range(6):
        wanted = appearance("coat", presentation="turned", shot_seed=shot, closure="buttons")
        near_left = plain_scene(wanted).pose.yaw > 0
        ids = render_parts(wanted, 224).part_ids
        sleeves = np.isin(ids, [PARTS.index("sleeve"), PARTS.index("cuff")])
        columns = np.arange(224) < np.flatnonzero(ids.any(axis=0)).mean()
        left, right = int((sleeves & columns).sum()), int((sleeves & ~columns).sum())
        assert (left > 1.1 * right) if near_left else (right > 1.1 * left), shot


@pytest.mark.parametrize(("silhouette", "word"), EACH)
def test_presentations_stay_inside_image(silhouette: str, word: str) -> None:
    for seed, size in itertools.product(range(3), STYLE_VALUES["size"]):
        wanted = appearance(silhouette, presentation=word, size=size, design_seed=seed, shot_seed=seed)
        alpha = build_scene(wanted, 64).alpha
        assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) < 0.5, (size, seed)
        assert 0.04 < float((alpha > 0.5).mean()) < 0.75, (size, seed)


# -- masks and snapshots ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silhouette", FOLDED)
def test_stack_mask_has_visible_parts_only(silhouette: str) -> None:
    found = render_parts(appearance(silhouette, presentation="folded"), 112)
    present = {PARTS[n] for n in np.unique(found.part_ids)} - {"background"}
    assert "body" in present
    assert not {"sleeve", "cuff"} & present
    rows, columns = np.nonzero(found.part_ids)
    assert found.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.array_equal(found.part_ids > 0, found.mask > 127)


def test_folded_collar_is_in_the_middle() -> None:
    for name in ("shirt", "polo-shirt", "sweater", "t-shirt", "cardigan"):
        found = render_parts(appearance(name, presentation="folded", neckline="round", closure="buttons"), 112)
        rows, columns = np.nonzero(found.part_ids == PARTS.index("collar"))
        x0, y0, x1, y1 = found.box
        assert abs(columns.mean() - 0.5 * (x0 + x1)) < 0.06 * (x1 - x0), name
        assert rows.mean() < y0 + 0.3 * (y1 - y0), name


def test_snapshot_folded_is_not_hung_and_nothing_is_turned_or_worn() -> None:
    for shot in range(30):
        wanted = appearance("shirt", presentation="folded", shot_seed=shot)
        scene = plain_scene(wanted, "snapshot")
        assert scene.pose.folded
        assert not is_hung(scene)
    flat, turned, worn, folded = (
        render_appearance(appearance("shirt", presentation=word), 64, "snapshot").tobytes() for word in WORDS["shirt"]
    )
    assert flat == turned == worn
    assert flat != folded


# -- prices ----------------------------------------------------------------------------------------------------------


def spec_of(presentation: dict[str, float] | None, *, hidden: bool = False, silhouette: str = "sweater") -> CatalogSpec:
    """A spec of sweaters priced by size, some of them folded."""
    shop = {"website_name": "Calico Row", "brand": "CALICO", "host": "shop.calico.example"}
    sizes = {"short": {"draws": "small"}, "long": {"draws": "large", "price": 2}}
    document = {
        "name": "folding",
        "shop": shop,
        "attributes": {
            "material": {"values": {"wool": {}}},
            "size": {"values": sizes, "hidden": hidden},
            "presentation": {"values": {word: {"title": ""} for word in ("flat", "turned", "folded")}},
            "colour": {"values": {"grey": {"draws": "#777777"}, "red": {"draws": "#aa2233"}}},
        },
        "categories": [
            {
                "path": ["A", "B", "SWEATERS"],
                "share": 1,
                "silhouette": silhouette,
                "price": {"median": 300, "spread": 0},
                "titles": {"Sweater": 1},
                "attributes": {"material": None, "size": None, "presentation": presentation, "colour": None},
            }
        ],
    }
    spec: CatalogSpec = from_document(document, "catalog")
    return spec


@pytest.mark.parametrize("presentation", [None, {"folded": 1}, {"flat": 9, "folded": 0.1}])
def test_price_hidden_by_fold_is_refused(presentation: dict[str, float] | None) -> None:
    with pytest.raises(ToileError) as caught:
        spec_of(presentation)
    assert caught.value.where == "document: categories[0].attributes.size"
    assert caught.value.problem == "prices by 'size', which a folded sweater does not show"
    assert "`hidden: true`, or give `folded` no weight" in caught.value.hint
    assert "colour, material, neckline, pattern" in caught.value.hint


@pytest.mark.parametrize("presentation", [{"flat": 3, "turned": 2}, {"flat": 1, "folded": 0}, {"turned": 1}])
def test_price_is_accepted_without_folding(presentation: dict[str, float]) -> None:
    spec_of(presentation)


def test_unknown_presentation_is_refused() -> None:
    for silhouette, words in (("tote-bag", "flat"), ("coat", "flat, turned, ghost-mannequin")):
        with pytest.raises(ToileError) as caught:
            spec_of({"folded": 1}, silhouette=silhouette)
        assert caught.value.problem == f"a {silhouette} has no presentation 'folded'"
        assert caught.value.hint == f"it has {words}, or any"
    spec_of({"flat": 1}, silhouette="tote-bag")
    with pytest.raises(ToileError, match="folded"):
        Appearance.from_attributes(appearance("shirt", presentation="fold").to_attributes())


def test_colourways_share_presentation() -> None:
    found = list(products(spec_of({"flat": 3, "turned": 2, "folded": 1}, hidden=True), 1, 0, 1200))
    words = [(row.attributes or {})["presentation"] for row in found]
    assert abs(words.count("folded") / 1200 - 1 / 6) < 0.05
    assert abs(words.count("turned") / 1200 - 1 / 3) < 0.06
    assert all("Folded" not in (row.title or "") for row in found)


def test_upper_bound_excludes_price_hidden_by_fold() -> None:
    rules = scoring_rules(EvaluationSpec(title_f1=0.5, price_tolerance=0.1), [])
    spec = spec_of({"flat": 1, "folded": 1}, hidden=True)
    reader = Oracle(spec, rules)
    for row in products(spec, 1, 0, 20):
        folded = (row.attributes or {})["presentation"] == "folded"
        assert reader.probabilities(row, inferable=True).price == pytest.approx(0.5 if folded else 1.0)
        changed = {change.attribute for change in counterfactuals(spec, row, 0)}
        assert ("size" in changed) is not folded
        parts = price_parts(spec, row)
        assert parts is not None
        assert {part.attribute: part.visible for part in parts.parts}["size"] is not folded


# -- golden ----------------------------------------------------------------------------------------------------------


def golden_image(silhouette: str, word: str) -> Image.Image:
    """Render an image with every visible attribute set, reduced to 48 x 48 pixels."""
    dressed: dict[str, Any] = {"material": "wool", "pattern": "check", "hardware": "gold", "lining": "plain"}
    return render_appearance(appearance(silhouette, presentation=word, **dressed), 144).reduce(3)


@pytest.mark.parametrize(("silhouette", "word"), GOLDENS)
def test_golden_images_are_unchanged(silhouette: str, word: str) -> None:
    with Image.open(GOLDEN / f"{silhouette}-{word}.png") as image:
        kept = np.asarray(image, np.float32)
    difference = np.abs(np.asarray(golden_image(silhouette, word), np.float32) - kept)
    assert difference.mean() < 1.0, f"{difference.mean():.2f} levels"
    assert difference.max() < 60


if __name__ == "__main__":
    for name, presentation in GOLDENS:
        golden_image(name, presentation).save(GOLDEN / f"{name}-{presentation}.png")
