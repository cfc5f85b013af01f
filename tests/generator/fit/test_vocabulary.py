"""What titles, leaves and cells of other columns mean."""

import pytest

from generator.fit.vocabulary import (
    PALETTE,
    find_attribute_columns,
    find_kind,
    read_colour,
    read_material,
    read_pattern,
)

TITLES = """
    shirt: Denim Shirt | Dress Shirt | Shirt Jacket | Hooded denim shirt | Jeanshemd für Herren | Camicia in lino
    dress: Shirt Dress | Jersey Dress | Robe chemise | Robe longue en soie | シャツワンピース | Kleid mit Gürtel
    jeans: Boot Cut Jeans | D519 Zipper Flare Denim | Jeanshose Damen | Jean slim bleu | デニムパンツ
    t-shirt: T-Shirt | Home Jersey 23/24 | Running Tee | Tシャツ | Langarmshirt aus Baumwolle
    polo-shirt: Polo Shirt | Polo en coton | ポロシャツ
    bomber-jacket: Track Jacket | Lederjacke | Suede Blouson
    coat: Coat with Belt | Mantel aus Wolle | Manteau en laine | ウールコート | Wollmantel | ベルト付きコート
    card-case: Card Case in Leather
    sweater: Strickpullover | Crew-neck Sweater | Pull en laine
    -: Jacket and Trousers Set | Hat & Scarf | Black Socks | Robe | Single-breasted wool suit | コートハンガー
"""


def _cases(listed: str) -> list[tuple[str, str | None]]:
    lines = (line.strip().split(":", 1) for line in listed.strip().splitlines())
    return [(title.strip(), None if kind == "-" else kind) for kind, titles in lines for title in titles.split("|")]


@pytest.mark.parametrize(("title", "kind"), _cases(TITLES))
def test_the_head_noun_of_a_title_names_the_silhouette(title: str, kind: str | None) -> None:
    found = find_kind(title)
    assert (found and found.silhouette) == kind
    if found is not None:
        assert title[found.start : found.end] == found.word


@pytest.mark.parametrize(
    ("cell", "material"),
    [
        ("100% Lambskin", "leather"),
        ("Outer: 100% polyamide; Lining: 100% cotton", "nylon"),
        ("30% cashmere 70% virgin wool", "wool"),
        ("綿60% ポリエステル40%", "cotton"),
        ("aus Baumwolle", "cotton"),
        ("laine mérinos", "wool"),
        ("mystery", None),
    ],
)
def test_a_cell_names_a_material(cell: str, material: str | None) -> None:
    assert read_material(cell) == material


@pytest.mark.parametrize(
    ("cell", "colour"),
    [
        ("Core Black / Cloud White", "black"),
        ("Washed Black", "black"),
        ("Light Blue", "sky"),
        ("Dark Navy", "navy"),
        ("Aubergine", "purple"),
        ("bleu marine", "navy"),
        ("Dunkelblau", "navy"),
        ("ネイビー", "navy"),
        ("#1f3a5f", "navy"),
        ("Multi", None),
    ],
)
def test_a_cell_names_a_colour(cell: str, colour: str | None) -> None:
    assert read_colour(cell) == colour
    assert colour is None or colour in PALETTE


def test_a_cell_names_a_pattern() -> None:
    assert [read_pattern(cell) for cell in ("Polka Dots", "Fischgrat", "花柄", "Solid", "x")] == [
        *("dots", "herringbone", "floral", "plain"),
        None,
    ]


def test_columns_of_a_table_are_found_by_their_names() -> None:
    names = ["ID", "baseColour", "Fabric_Composition", "Print", "Farbe"]
    found = find_attribute_columns(names)
    assert found == {"colour": "baseColour", "material": "Fabric_Composition", "pattern": "Print"}
    assert find_attribute_columns(["code", "title"]) == {}
