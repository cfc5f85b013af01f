"""The renderer's vocabulary: which values it accepts, and the hints for those it refuses."""

import dataclasses
from typing import Any

import pytest

from schemas.appearance import ANY, CUTS, DRAWN, HARDWARE, SHOWN, SILHOUETTES, STYLE_VALUES, Appearance, drop_invisible
from schemas.errors import ToileError

ATTRIBUTES: dict[str, Any] = {
    "silhouette": "coat",
    "colour": "#c19a6b",
    "material": "wool",
    "pattern": "check",
    "size": "large",
    "hardware": "gold",
    "lining": "plain",
    "quilting": "diamond",
    **dict.fromkeys(CUTS, ANY),
    "design_seed": 3,
    "shot_seed": 4,
}


def test_attributes_survive_the_round_trip() -> None:
    assert Appearance.from_attributes(ATTRIBUTES).to_attributes() == ATTRIBUTES


def test_optional_attributes_are_neutral_when_missing() -> None:
    needed = {name: ATTRIBUTES[name] for name in ("silhouette", "colour", "material", "design_seed", "shot_seed")}
    appearance = Appearance.from_attributes(needed)
    assert (appearance.pattern, appearance.size) == ("plain", "medium")
    assert (appearance.hardware, appearance.lining, appearance.quilting) == ("none", "none", "none")


def test_attributes_that_are_not_rendered_are_ignored() -> None:
    assert Appearance.from_attributes({**ATTRIBUTES, "season": "winter"}) == Appearance.from_attributes(ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("silhouette", "trenchcoat", "trench-coat"),
        ("material", "leathr", "leather"),
        ("pattern", "stripe", "stripes"),
        ("size", "Medium", "medium"),
        ("hardware", "golden", "gold"),
        ("lining", "plian", "plain"),
        ("quilting", "diamonds", "diamond"),
        ("colour", "beige", "#rrggbb"),
        ("colour", "#12345", "#rrggbb"),
        ("design_seed", -1, ">= 0"),
        ("shot_seed", "7", "whole number"),
        ("shot_seed", True, "whole number"),
    ],
)
def test_a_bad_value_is_refused_with_its_place_and_a_hint(name: str, value: object, hint: str) -> None:
    with pytest.raises(ToileError) as caught:
        Appearance.from_attributes({**ATTRIBUTES, name: value}, where="row 5")
    assert caught.value.where == f"row 5.{name}"
    assert repr(value) in caught.value.problem
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["silhouette", "colour", "material", "design_seed", "shot_seed"])
def test_a_needed_attribute_must_be_there(name: str) -> None:
    with pytest.raises(ToileError, match=f"attributes.{name}"):
        Appearance.from_attributes({key: value for key, value in ATTRIBUTES.items() if key != name})


def test_every_silhouette_has_shown_attributes() -> None:
    assert SHOWN.keys() == set(SILHOUETTES)
    assert frozenset({"colour"}).union(*SHOWN.values()) == DRAWN


def test_every_style_attribute_is_a_field_with_a_valid_neutral_value() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(Appearance)}
    for name, values in STYLE_VALUES.items():
        assert name == "material" or defaults[name] in values


def test_drop_invisible_keeps_shown_attributes_only() -> None:
    coat = drop_invisible(Appearance.from_attributes(ATTRIBUTES))
    shirt = drop_invisible(Appearance.from_attributes({**ATTRIBUTES, "silhouette": "shirt"}))
    assert coat == Appearance.from_attributes(ATTRIBUTES)
    assert (shirt.material, shirt.pattern, shirt.size) == ("wool", "check", "large")
    assert (shirt.hardware, shirt.lining, shirt.quilting) == (HARDWARE[0], "none", "none")
