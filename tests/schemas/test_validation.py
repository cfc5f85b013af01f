"""Every mistake in a spec is one ToileError with its place, the problem, and what to write instead."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.appearance import SILHOUETTES, STYLE_VALUES
from schemas.documents import from_dict, read_document, schema
from schemas.errors import ToileError
from schemas.product import COLUMNS, Product
from schemas.validation import from_document, load, preset_path
from tests.conftest import PRESETS

Change = Callable[[dict[str, Any]], None]


def _set(*path: Any) -> Change:
    """A change that puts the last item at the path of the others."""
    *steps, last, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in steps:
            place = place[step]
        place[last] = value

    return change


def _drop(*path: Any) -> Change:
    *steps, last = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in steps:
            place = place[step]
        del place[last]

    return change


BAD_SPECS: list[tuple[str, Change, str, str, str]] = [
    ("unknown key", _set("categorys", []), "", "unknown key 'categorys'", "'categories'"),
    ("unknown key inside", _set("shop", "brnad", "X"), "shop", "unknown key 'brnad'", "'brand'"),
    ("wrong type", _set("categories", 2, "share", "much"), "categories[2].share", "expected number, found string", ""),
    ("missing key", _drop("categories", 0, "price"), "categories[0]", "'price' is missing", "add it"),
    ("shares that do not sum", _set("categories", 0, "share", 0.2), "categories", "sum to 1.1, not 1", "divide"),
    (
        "unknown silhouette",
        _set("categories", 1, "silhouette", "shrit"),
        "categories[1].silhouette",
        "'shrit'",
        "'shirt'",
    ),
    ("empty categories", _set("categories", []), "categories", "empty", "at least 1"),
    ("category without title", _set("categories", 0, "titles", {}), "categories[0].titles", "empty", "at least 1"),
    (
        "comma in a category",
        _set("categories", 0, "path", ["A", "B", "C, D"]),
        "categories[0].path[2]",
        "C, D",
        "comma",
    ),
    (
        "NaN price",
        _set("categories", 0, "price", "median", float("nan")),
        "categories[0].price.median",
        "nan or infinite",
        "finite",
    ),
    ("negative price", _set("categories", 0, "price", "median", -5), "categories[0].price.median", "-5", "above 0"),
    (
        "infinite price",
        _set("categories", 0, "price", "median", float("inf")),
        "categories[0].price.median",
        "infinite",
        "finite",
    ),
    ("negative weight", _set("categories", 0, "titles", {"Coat": -1}), "categories[0].titles.Coat", "-1", "0 or more"),
    (
        "unknown attribute",
        _set("categories", 0, "attributes", "materiel", None),
        "attributes.materiel",
        "unknown",
        "'material'",
    ),
    ("unknown value", _set("categories", 0, "attributes", "material", {"woll": 1}), "material", "'woll'", "'wool'"),
    ("unknown slot", _set("categories", 0, "titles", {"{materal} Coat": 1}), "titles", "'materal'", "'material'"),
    ("slot glued to text", _set("categories", 0, "titles", {"{material}-Coat": 1}), "titles", "joins", "spaces"),
    ("only slots", _set("categories", 0, "titles", {"{material}": 1}), "titles", "no fixed word", "name the product"),
    ("loose brace", _set("categories", 0, "titles", {"{material Coat": 1}), "titles", "unmatched brace", ""),
    (
        "not drawable",
        _set("attributes", "material", "values", "tweed", {}),
        "values.tweed",
        "unknown to the renderer",
        "",
    ),
    ("no colour word", _set("attributes", "colour", "values", "black", {}), "black.draws", "'black'", "#1f3a5f"),
    ("host that exists", _set("shop", "host", "burberry.com"), "shop.host", "burberry.com", ".example"),
    ("no colour", _drop("categories", 0, "attributes", "colour"), "categories[0].attributes", "no colour", "colour"),
    (
        "price nobody can see",
        _set("categories", 1, "attributes", "quilting", None),
        "categories[1].attributes.quilting",
        "a shirt does not show",
        "hidden: true",
    ),
    (
        "hidden price without saying so",
        _set("attributes", "line", {"values": {"alto": {"price": 2}, "basso": {}}}),
        "attributes.line",
        "not rendered",
        "hidden: true",
    ),
    (
        "two prices for one drawing",
        _set("attributes", "material", "values", "cotton", {"draws": "leather"}),
        "categories[0].attributes.material",
        "look the same ('leather')",
        "one price",
    ),
    ("labels without weight", _set("navigation", "labels", {"A": 0}), "navigation.labels", "all weights", "weight"),
    (
        "rule on a later attribute",
        _set("attributes", "material", "rules", [{"when": {"pattern": ["plain"]}, "multiply": {"wool": 2}}]),
        "attributes.material.rules[0].when",
        "not an attribute listed before",
        "before",
    ),
    (
        "bands in disorder",
        _set("prices", "bands", [{"below": 50}, {"below": 20}, {}]),
        "bands[1]",
        "does not follow",
        "low",
    ),
    (
        "ending beyond its step",
        _set("prices", "bands", [{"per": 10, "endings": [12]}]),
        "bands[0]",
        "ending",
        "between",
    ),
    ("too many repeats", _set("colourways", {"repeat_share": 0.9, "max_per_family": 2}), "repeat_share", "0.9", "0.5"),
    (
        "label that is a leaf",
        _set("navigation", "labels", {"TOTES": 1}),
        "navigation.labels",
        "'TOTES' is also a leaf",
        "rename",
    ),
]


@pytest.mark.parametrize(
    ("change", "where", "problem", "hint"), [bad[1:] for bad in BAD_SPECS], ids=[b[0] for b in BAD_SPECS]
)
def test_a_bad_spec_is_refused_with_place_and_hint(
    spec_document: dict[str, Any], tmp_path: Path, change: Change, where: str, problem: str, hint: str
) -> None:
    change(spec_document)
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(spec_document))
    with pytest.raises(ToileError) as caught:
        load(file, "catalog")
    assert caught.value.where.startswith(str(file))
    assert where in caught.value.where
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: a\nname: b\n", "appears twice"),
        ("name: [", "not valid YAML"),
        ("name: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("- just\n- a list\n", "holds no mapping"),
        ("", "holds no mapping"),
    ],
)
def test_document_that_is_no_spec_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(ToileError, match=problem):
        load(file, "catalog")


def test_a_yaml_error_names_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("name: a\nshop:\n  brand: x\n  brand: y\n")
    with pytest.raises(ToileError) as caught:
        load(file, "catalog")
    assert caught.value.where == f"{file}:4:3"


def test_a_spec_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes("name: caf\xe9".encode("latin-1"))
    with pytest.raises(ToileError, match="UTF-8"):
        load(file, "catalog")


def test_dates_stay_text_and_exponents_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("a: 2026-10-01\nb: 1e-4\nc: 2E3\nd: 0.5\ne: no")
    assert read_document(file) == {"a": "2026-10-01", "b": 1e-4, "c": 2000.0, "d": 0.5, "e": False}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_document_raises_only_toile_errors(document: Any) -> None:
    for kind in ("catalog", "training"):
        with pytest.raises(ToileError):
            from_document(document, kind, "fuzz")


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_preset_is_valid(preset: Path) -> None:
    load(preset, "training" if preset.stem.endswith("-run") else "catalog")


def test_yaml_keys_stay_text(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("50: 1\nno: 2\nnull: 3\n2024: 4\nx: 5")
    assert read_document(file) == {"50": 1, "no": 2, "N.A.": 3, "2024": 4, "x": 5}


LAUGHS = "\n".join(["a0: &a0 [1, 1]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))])
"""Thirty lines that stand for 9 ** 29 values."""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 5000, "nested too deeply"),
        ("a: " + "[" * 101 + "]" * 101, "nested too deeply"),
        ("{a: " * 50_000, "nested too deeply"),
        (LAUGHS, "more than 200,000 values"),
        ("a: &a [1, *a]", "is used inside its own value"),
        ("a: *b", "undefined alias"),
        ("[" + "1, " * 200_001 + "]", "more than 200,000 values"),
    ],
    ids=["open", "levels", "flow", "laughs", "itself", "nowhere", "long"],
)
def test_huge_or_recursive_yaml_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(ToileError, match=problem):
        read_document(file)


def test_few_yaml_aliases_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("a: &a {x: 1}\nb: [*a, *a]\nc:" + " [" * 50 + "*a" + "]" * 50)
    assert read_document(file)["b"] == [{"x": 1}, {"x": 1}]


def test_a_preset_is_found_by_name_and_a_typo_is_explained(tmp_path: Path) -> None:
    assert preset_path("demo", "catalog") == PRESETS / "demo.yaml"
    (tmp_path / "own.yaml").write_text("name: x")
    assert preset_path(str(tmp_path / "own.yaml"), "catalog") is None
    with pytest.raises(ToileError, match="no such file"):
        preset_path(str(tmp_path / "missing.yaml"), "catalog")
    with pytest.raises(ToileError) as caught:
        preset_path("fashion-luxry", "catalog")
    assert "fashion-luxury" in caught.value.hint


def test_the_schemas_vocabulary_is_what_the_renderer_draws() -> None:
    catalog = schema("catalog")
    assert tuple(catalog["$defs"]["Kind"]["properties"]["silhouette"]["enum"]) == SILHOUETTES
    assert set(catalog["$defs"]["Attribute"]["properties"]["draws"]["enum"]) == {"colour", *STYLE_VALUES, None}


def test_generated_products_conform_to_the_product_schema(catalog: Path) -> None:
    from schemas.product import read

    assert set(schema("product")["properties"]) == set(COLUMNS)
    for product in read(catalog):
        document = {name: getattr(product, name) for name in COLUMNS if name != "image"}
        from_dict(Product, document, product.product_code)


def test_errors_survive_pickling() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(ToileError("a", "b", "c")))
    assert (error.where, error.problem, error.hint) == ("a", "b", "c")
