"""Records of silhouettes: each is whole, each has one drawing, and every table follows."""

import importlib
import re
import textwrap
from pathlib import Path

import pytest

from generator.fit.vocabulary import SILHOUETTE_WORDS, find_silhouette
from generator.render.engine.registry import SilhouetteRenderer, collect_silhouettes
from generator.scaffold.starter_spec import GROUPS, tree_path
from schemas.appearance import ANY, CUTS, MATERIALS, SILHOUETTES, STYLE_VALUES
from schemas.silhouettes import RECORDS, SILHOUETTE_GROUPS, Silhouette
from schemas.silhouettes.record import MARKET_CODES


def test_silhouette_names_are_unique() -> None:
    names = [each.name for group in SILHOUETTE_GROUPS.values() for each in group]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("each", RECORDS.values(), ids=lambda each: each.name)
def test_records_use_known_words_only(each: Silhouette) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", each.name)
    assert each.shows <= STYLE_VALUES.keys() - CUTS.keys()
    for cut, words in each.cuts.items():
        assert set(words) <= set(CUTS[cut]) - {ANY}
        assert len(words) == len(set(words)) >= 2, "one word alone is no choice"
    assert each.materials
    assert set(each.materials) <= set(MATERIALS)
    assert each.group in GROUPS
    assert each.usual_usd > 0
    assert each.category_pattern == each.category_pattern.casefold(), "names are compared in small letters"
    assert len(each.nouns) == len(each.category) == len(MARKET_CODES)
    assert not any("," in name for name in each.category)


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_category_name_of_any_market_matches_its_silhouette(silhouette: str) -> None:
    for market in MARKET_CODES:
        assert find_silhouette(tree_path(silhouette, market)) == (silhouette, True), market


def test_match_priorities_are_unique() -> None:
    places = [each.match_priority for each in RECORDS.values()]
    assert len(places) == len(set(places))
    assert [RECORDS[name].match_priority for name, _ in SILHOUETTE_WORDS] == sorted(places)


# -- drawings ----------------------------------------------------------------------------------------------------------


def drawn_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, **modules: str
) -> dict[str, SilhouetteRenderer]:
    """The sheets of a package of these modules, each of which draws one silhouette; there is a record of kimonos."""
    monkeypatch.setattr("generator.render.engine.registry.SILHOUETTES", ("kimono",))
    monkeypatch.syspath_prepend(folder)
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    for module, silhouette in modules.items():
        code = f"""
            from generator.render.engine.registry import register_silhouette

            @register_silhouette({silhouette!r})
            def drawing(scene):
                scene.set_camera(1.0)
        """
        (folder / package / f"{module}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    return collect_silhouettes(importlib.import_module(package))


def test_registered_function_is_found_in_any_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn_in(tmp_path, monkeypatch, "one_sheet", robes="kimono")
    assert [(name, sheet.silhouette) for name, sheet in found.items()] == [("kimono", "kimono")]


@pytest.mark.parametrize(
    ("package", "modules", "problem"),
    [
        ("no_sheet", {}, r"no function under @register_silhouette draws \['kimono'\]"),
        ("too_many", {"robes": "kimono", "hats": "bonnet"}, r"no record of \['bonnet'\], which a function draws"),
        ("twice", {"robes": "kimono", "wraps": "kimono"}, r"twice.wraps has a second @register_silhouette\('kimono'\)"),
    ],
)
def test_missing_record_or_rendering_function_is_named(
    package: str, modules: dict[str, str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match=problem):
        drawn_in(tmp_path, monkeypatch, package, **modules)
