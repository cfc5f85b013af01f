"""Fit a spec to real rows: the twin has the shop's kinds, shares, prices and words; titles name what is drawn."""

import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generator.catalog.shards import GenerateInputs, write_shards
from generator.fit import FitOptions
from generator.fit.categories import ValueCounter, assign_shares, list_possible_kinds, load_categories, select_leaves
from generator.fit.families import Family, detect_image_colour, read_families
from generator.fit.fit_spec import Fit, fit, to_yaml
from generator.fit.prices import fit_kind_price, infer_price_bands, prefer_type_prices
from generator.fit.title_templates import infer_titles
from generator.fit.vocabulary import (
    COLOUR_TERMS,
    MATERIAL_TERMS,
    PALETTE,
    PATTERN_TERMS,
    SILHOUETTE_WORDS,
    find_kind,
    find_silhouette,
    invent_names,
    read_colour,
)
from generator.ingest import ImportOptions
from generator.ingest.import_table import import_table
from generator.pages.describe import describe
from generator.sampling.extra_columns import add_extra_columns
from generator.sampling.prices import list_price_points
from generator.sampling.products import products as sample_products
from generator.sampling.products import rows as sample_rows
from generator.scaffold.preview import format_price
from generator.scaffold.starter_spec import GROUPS
from schemas.appearance import MATERIALS, PATTERNS, SILHOUETTES
from schemas.catalog import CatalogSpec, Prices, list_kinds
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.markets import NOUNS
from schemas.product import Product, read
from schemas.silhouettes import RECORDS
from schemas.validation import list_presets, load
from tests.helpers import audit_tables, fit_table
from tests.helpers.shard_fixture import write_shards as write_shard_folder
from toile.cli import main

EXAMPLE_SHOP = Path(__file__).parents[3] / "examples" / "shop"


def member(**facts: Any) -> Family:
    usual: dict[str, Any] = {
        "path": ("A", "B", "C"),
        "kind": None,
        "full_price": None,
        "discount_percent": 0,
        "label": None,
        "num_colourways": 1,
        "material": None,
        "pattern": None,
        "colour": None,
    }
    return Family(**{**usual, **facts})


@pytest.fixture(scope="module")
def known() -> CatalogSpec:
    return load("sportswear", "catalog")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 rows of the sportswear preset, without images."""
    out = tmp_path_factory.mktemp("round") / "catalog"
    document = read_document(list_presets("catalog")["sportswear"])
    write_shards(GenerateInputs(spec_document=document, seed=5, start=0, num_products=3000, image_size=None), out)
    return out


@pytest.fixture(scope="module")
def fitted(catalog: Path) -> Fit:
    return fit(catalog, FitOptions())


def as_spec(found: Fit, place: Path) -> CatalogSpec:
    place.write_text(to_yaml(found), encoding="utf-8")
    return load(place, "catalog")


def test_fit_recovers_the_spec_of_a_generated_catalog(known: CatalogSpec, fitted: Fit, tmp_path: Path) -> None:
    """Shares within three standard errors of about 1,150 designs, prices within 10 %."""
    spec = as_spec(fitted, tmp_path / "spec.yaml")
    shares = {category.path: category.share for category in known.categories}
    found = {category.path: category for category in spec.categories}
    assert found.keys() == shares.keys()
    for path, category in found.items():
        assert abs(category.share - shares[path]) < 3 * (shares[path] / 1150) ** 0.5
    assert spec.prices.bands == known.prices.bands
    assert abs(spec.prices.discounts.share - known.prices.discounts.share) < 0.05
    assert abs(spec.navigation.share - known.navigation.share) < 0.03
    assert set(spec.navigation.labels) == set(known.navigation.labels)
    assert abs(spec.colourways.repeat_share - known.colourways.repeat_share) < 0.04
    assert spec.colourways.max_per_family == known.colourways.max_per_family
    assert spec.shop.currency_code == "USD"
    assert abs(spec.shop.eur_rate - known.shop.eur_rate) < 2e-3
    trainers = next(kind for kind in list_kinds(spec) if kind.path == ("MEN", "SHOES", "SNEAKERS"))
    assert trainers.silhouette == "sneaker"
    assert {title.replace("{pattern} ", "") for title in trainers.titles} == {
        "{colour} {material} Trainers",
        "{colour} {material} Court Trainers",  # of so few designs that not each title has enough with a pattern
    }
    assert set(trainers.attributes["material"] or ()) == {"canvas", "suede", "leather", "knit"}


def test_generated_catalog_has_the_median_prices_of_the_real_one(catalog: Path, fitted: Fit, tmp_path: Path) -> None:
    """Median price of each category, in a catalog generated from the fitted spec, within 15 %."""
    (tmp_path / "spec.yaml").write_text(to_yaml(fitted), encoding="utf-8")
    document = read_document(tmp_path / "spec.yaml")
    out = tmp_path / "twin"
    write_shards(GenerateInputs(spec_document=document, seed=1, start=0, num_products=3000, image_size=None), out)
    real, twin = medians(catalog), medians(out)
    assert real.keys() == twin.keys()
    for path, price in real.items():
        assert abs(np.log(twin[path] / price)) < 0.15, path
    assert "The spec was fitted to real rows. This spec is NOT private" in (out / "README.md").read_text()


def medians(folder: Path) -> dict[tuple[str | None, ...], float]:
    found: dict[tuple[str | None, ...], list[float]] = {}
    for row in read(folder, columns=("category1_code", "category2_code", "category3_code", "full_price")):
        if row.inferable and row.full_price:
            path = (row.category1_code, row.category2_code, row.category3_code)
            found.setdefault(path, []).append(row.full_price)
    return {path: float(np.median(prices)) for path, prices in found.items()}


# --- kinds: a title names what is drawn


def import_example_shop(place: Path) -> Path:
    table = EXAMPLE_SHOP / "products.csv"
    import_table(table, place, ImportOptions(currency="USD", images=EXAMPLE_SHOP))
    return place


def write_sports(place: Path) -> Path:
    return fit_table.write_folder(place, *fit_table.sample_sports_rows())


def write_designer(place: Path) -> Path:
    return fit_table.write_folder(place, *fit_table.sample_designer_rows())


def write_lines(place: Path) -> Path:
    """A shop with many line names that few designs have."""
    return fit_table.write_folder(place, audit_tables.invent_sports_rows(0))


def write_market(place: Path) -> Path:
    """A shop of messy titles and rare leaves, some of which sell what is not drawn."""
    return fit_table.write_folder(place, *fit_table.sample_market_rows())


@pytest.mark.parametrize(
    "write",
    [import_example_shop, write_sports, write_designer, write_lines, write_market],
    ids=["shop", "sports", "designer", "lines", "market"],
)
def test_type_word_of_every_title_is_the_silhouette(write: Callable[[Path], Path], tmp_path: Path) -> None:
    k = 2 if write is import_example_shop else 5
    spec = as_spec(fit(write(tmp_path / "rows"), FitOptions(min_support=k)), tmp_path / "spec.yaml")
    titles = {(row.title or "", (row.attributes or {})["silhouette"]) for row in sample_products(spec, 0, 0, 1500)}
    assert len(titles) > (4 if write is import_example_shop else 30)
    assert {drawn for _, drawn in titles} == {kind.silhouette for kind in list_kinds(spec)}
    wrong = [
        (title, drawn) for title, drawn in titles if (match := find_kind(title)) is None or match.silhouette != drawn
    ]
    assert not wrong


def test_titles_are_for_the_people_of_their_category_and_end_before_what_comes_with_it(tmp_path: Path) -> None:
    """No women's cap in KIDS, no `Coat pockets` of `Coat with pockets`, no size or brand; colours are the column's."""
    rows, own = fit_table.sample_market_rows()
    spec = as_spec(fit(fit_table.write_folder(tmp_path / "rows", rows, own), FitOptions()), tmp_path / "spec.yaml")
    made = list(sample_products(spec, 0, 0, 1000))
    assert len({row.title for row in made}) > 100
    words = {
        "MEN": {"women", "women's", "kids"},
        "WOMEN": {"men", "men's", "kids"},
        "KIDS": {"men", "women", "women's"},
    }
    for row in made:
        said = (row.title or "").casefold().split()
        assert not words[row.category1_code or ""] & set(said), (row.category1_code, row.title)
        assert not {"norvik", "kassen", "trilume"} & set(said)
        for detail in {"pockets", "logo"} & set(said):
            assert said[said.index(detail) - 1] == "with", row.title
    assert any("women" in (row.title or "").casefold() for row in made)
    known = {read_colour(cells["colour"]) for cells in own.values()}
    assert set(spec.attributes["colour"].values) <= known
    hers = {(row.attributes or {})["silhouette"] for row in made if row.category1_code == "MEN"}
    assert not hers & {"dress", "skirt", "pump"}


def test_titles_vary_as_those_of_the_shop_with_invented_names_for_rare_words(tmp_path: Path) -> None:
    """Distinct titles of each leaf, repeated ones and words per title, in as many rows; no rare word is in the spec."""
    rows = audit_tables.invent_sports_rows(0)
    found = fit(write_lines(tmp_path / "rows"), FitOptions())
    spec = as_spec(found, tmp_path / "spec.yaml")
    first = [{row.family: row for row in each} for each in (rows, sample_products(spec, 0, 0, len(rows)))]
    titles = [[row.title or "" for row in each.values()] for each in first]
    repeated = [sum(n for n in Counter(each).values() if n > 1) / len(each) for each in titles]
    assert repeated[1] < repeated[0] + 0.05
    assert 0 < spec.distinct_titles < 1
    lengths = [sum(len(title.split()) for title in each) / len(each) for each in titles]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.1)
    distinct = [Counter(leaf for leaf, _ in {(r.category3_code, r.title) for r in each.values()}) for each in first]
    assert all(distinct[1][leaf] > 0.6 * num for leaf, num in distinct[0].items())
    holders: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.split == "train":
            for word in (row.title or "").casefold().split():
                holders[word].add(row.family)
    names = set(spec.attributes["name"].values)
    assert names <= set(invent_names("latin"))
    rare = {word for word, families in holders.items() if len(families) < 5}
    public = {word for nouns in NOUNS.values() for noun in nouns for word in noun.casefold().split()}
    assert len(rare) > 50
    assert not rare & (set(re.findall(r"[\w'-]+", to_yaml(found).casefold())) - public)
    assert any("an invented one is there" in text for text in found.messages)


@pytest.mark.parametrize("spell", [str.upper, str.lower, str.title])
def test_invented_names_are_spelled_as_the_words_that_they_stand_for(spell: Callable[[str], str]) -> None:
    words = [(name, "Coat") for name in invent_names("latin")[100:140]]
    spelled = [Family(kind="coat", words=(spell(name), "Coat"), **FAMILY) for name, _ in words]
    kinds = [kind for leaf in select_leaves(spelled, FitOptions())[0] for kind in leaf.kinds]
    titles = infer_titles(kinds, 5, (), "US")
    assert titles.templates[0].keys() == {"{name} Coat", "{style} Coat"}
    assert all(name == spell(name) for name in titles.stand_ins["name"])


FAMILY: dict[str, Any] = {
    "path": ("A", "B", "COATS"), "full_price": 90.0, "discount_percent": 0, "label": None, "num_colourways": 1,
    "material": None, "pattern": None, "colour": None,
}  # fmt: skip

FOREIGN = {
    "DEU": (
        "Wollmantel mit Gürtel",
        "Kleid aus Leinen",
        "Hemd aus Baumwolle",
        "Hemd",
        "Ledertasche",
        "Sneaker aus Leder",
    ),
    "FRA": ("Robe en soie", "Manteau en laine", "Chemise en coton", "Jupe plissée", "Pantalon large", "Sac en cuir"),
    "JPN": ("ウールコート", "コットンシャツ", "デニムジーンズ", "ニットセーター", "レザーバッグ", "スニーカー"),
}


@pytest.mark.parametrize("country", FOREIGN)
def test_titles_of_other_languages(country: str, tmp_path: Path) -> None:
    """Titles are those of the shop, as it spells them: no preposition is left alone, no type word becomes a slot."""
    rows = fit_table.sample_rows(300, 2, paths=(("A", "MODE", "MODE"),), repeat=0.0)
    given = [
        replace(row, title=FOREIGN[country][k % 6], family=f"{k}", country_code=country) for k, row in enumerate(rows)
    ]
    spec = as_spec(fit(write_shard_folder(tmp_path / "rows", given), FitOptions()), tmp_path / "spec.yaml")
    made = {(row.title or "", (row.attributes or {})["silhouette"]) for row in sample_products(spec, 0, 0, 1000)}
    wanted = {title.replace(" ", "") for title in FOREIGN[country]}
    titles = {title.replace(" ", "") for title, _ in made}  # Japanese titles are split around the words that are known
    assert wanted <= titles <= wanted | {"Sneaker"}
    assert all((match := find_kind(title)) is not None and match.silhouette == drawn for title, drawn in made)


def test_lines_after_the_type_word_are_kept_with_few_designs_each(tmp_path: Path) -> None:
    """French titles name the line and the material after the type word: Robe Marlo en soie."""
    lines, words = ("Marlo", "Vento", "Kira"), ("Robe", "Manteau", "Bonnet", "Jupe")
    rows = fit_table.sample_rows(120, 2, paths=(("A", "MODE", "MODE"),), repeat=0.0)
    materials = ("en laine", "en cachemire", "en soie", "en coton", "en lin")
    given = [
        replace(row, title=f"{words[k % 4]} {lines[k // 4 % 3]} {materials[k // 12 % 5]}", family=f"{k}",
                country_code="FRA", inferable=True, brand="B", category3_code="MODE")
        for k, row in enumerate(rows)
    ]  # fmt: skip
    spec = as_spec(fit(fit_table.write_folder(tmp_path / "rows", given), FitOptions()), tmp_path / "spec.yaml")
    made = [(row.title or "").split() for row in sample_products(spec, 0, 0, 300)]
    assert all(len(title) == 4 for title in made)
    assert {title[1] for title in made} == set(lines)
    assert {title[3] for title in made} == {text.split()[1] for text in materials}


NAMED = {
    "DEU": (
        *("Lederjacke", "Jeansjacke", "Bomberjacke", "Wollmantel", "Mantel", "Seidenkleid", "Sommerkleid"),
        *("Karohemd", "Leinenhemd", "Hemd", "Cordhose", "Stoffhose", "Ledergürtel", "Gürtel", "Socken", "Anzug"),
    ),
    "USA": (
        *("Leather Jacket", "Denim Jacket", "Bomber Jacket", "Zip Fleece", "Jersey", "Tee", "Wide Leg Denim", "Jeans"),
        *("Wool Cashmere Coat", "Coat", "Leather Belt", "Belt", "Knit", "Cashmere Sweater", "Socks", "Suit"),
    ),
    "FRA": (
        *("Blouson en cuir", "Veste en jean", "Pantalon en velours côtelé", "Pantalon", "Robe en soie", "Robe longue"),
        *("Ceinture en cuir", "Ceinture", "Manteau en laine", "Manteau", "Chaussettes", "Costume"),
    ),
}


@pytest.mark.parametrize("country", NAMED)
def test_a_material_in_a_title_is_drawn_and_what_cannot_be_drawn_is_said(country: str, tmp_path: Path) -> None:
    rows = fit_table.sample_rows_of_words(NAMED[country], country, "EUR")
    found = fit(fit_table.write_folder(tmp_path / "rows", rows, currency="EUR"), FitOptions())
    spec = as_spec(found, tmp_path / "spec.yaml")
    made = list(sample_products(spec, 0, 0, 1500))
    assert fit_table.list_contradictions(made) == []
    assert fit_table.list_untrue_words(made) == []
    undrawn = NAMED[country][-2:]
    share = sum((row.title or "").endswith(undrawn) for row in rows) / len(rows)
    said = next(text for text in found.messages if "toile cannot draw" in text)
    assert all(word.casefold() in said for word in undrawn)
    assert float(said.split("%")[0]) == pytest.approx(100 * share, abs=0.1)
    titles = {row.title for row in made}
    wanted = {"DEU": "Lederjacke", "USA": "Denim Jacket", "FRA": "Robe en soie"}[country]
    assert any((title or "").endswith(wanted) for title in titles)


def test_words_of_many_types_are_those_of_the_whole_shop_and_small_kinds_have_the_templates_of_their_type(
    tmp_path: Path,
) -> None:
    """Line names come with every type, also with those that few designs combine; Trench only with coats."""
    lines, types = ("Marlo", "Vento", "Kira", "Sorel"), ("Coat", "Belt", "Backpack", "Beanie")
    rows = fit_table.sample_rows(200, 2, paths=(("A", "MODE", "MODE"),), repeat=0.0)
    given = []
    for number, row in enumerate(rows):
        leaf = "SMALL" if number < 8 else "MODE"
        kind = "Coat" if number < 8 else "Skirt" if number < 16 else types[number // 4 % 4]
        word = "Trench" if kind == "Coat" and number % 2 else lines[number % 4]
        given.append(
            replace(row, title=f"{word} {kind}", family=f"f{number}", category3_code=leaf, inferable=True, brand="B")
        )
    spec = as_spec(fit(fit_table.write_folder(tmp_path / "rows", given), FitOptions()), tmp_path / "spec.yaml")
    said: dict[str, set[str]] = defaultdict(set)
    for made in sample_products(spec, 0, 0, 2000):
        *before, kind = (made.title or "").split()
        said[kind] |= set(before)
    assert set(lines) <= said["Skirt"]  # two designs each
    assert [kind for kind in said if "Trench" in said[kind]] == ["Coat"]
    small = next(kind for kind in list_kinds(spec) if kind.path[2] == "SMALL")
    assert all(len(title.split()) > 1 for title in small.titles)  # not Coat alone


def test_type_words_of_few_designs_make_no_kind_of_their_own(tmp_path: Path) -> None:
    """Four leather jackets among sixty others: fewer than k, so that no title says leather."""
    words = ["Lederjacke"] * 4 + ["Bomberjacke"] * 60
    rows = fit_table.sample_rows_of_words(["Bomberjacke"], "DEU", "EUR", len(words))
    rows = [replace(row, title=word) for row, word in zip(rows, words, strict=True)]
    spec = as_spec(
        fit(fit_table.write_folder(tmp_path / "rows", rows, currency="EUR"), FitOptions()), tmp_path / "spec.yaml"
    )
    assert [kind.silhouette for kind in list_kinds(spec)] == ["bomber-jacket"]
    assert not any("Leder" in title for kind in list_kinds(spec) for title in kind.titles)


def test_currency_of_the_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="has no price in GBP, but in USD") as caught:
        fit(write_sports(tmp_path / "rows"), FitOptions(currency="GBP"))
    assert "--currency USD" in caught.value.hint


@pytest.fixture(scope="module")
def sports(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Product], dict[str, dict[str, str]], Fit, CatalogSpec]:
    place = tmp_path_factory.mktemp("sports")
    rows, own = fit_table.sample_sports_rows()
    found = fit(fit_table.write_folder(place / "rows", rows, own), FitOptions(keep=("season",)))
    return rows, own, found, as_spec(found, place / "spec.yaml")


Sports = tuple[list[Product], dict[str, dict[str, str]], Fit, CatalogSpec]


def distance(one: Counter[Any], other: Counter[Any]) -> float:
    """Total variation between two distributions."""
    return sum(abs(one[key] / one.total() - other[key] / other.total()) for key in {*one, *other}) / 2


def leaf(row: Product) -> tuple[str | None, str | None]:
    return row.category2_code, row.category3_code


def test_broad_leaf_sells_what_its_titles_name(sports: Sports) -> None:
    clothes = [kind for kind in list_kinds(sports[3]) if kind.path[1:] == ("WOMEN", "CLOTHING")]
    assert {"t-shirt", "trousers", "shorts", "hoodie"} <= {kind.silhouette for kind in clothes}
    assert all(
        len({kind.silhouette for kind in list_kinds(sports[3]) if kind.path == each.path}) > 1 for each in clothes
    )


def test_shares_of_rows_and_of_designs_are_right(sports: Sports) -> None:
    """Shoes have more colours than clothes. Bounds are what halves of the table reach among themselves."""
    rows, _, _, spec = sports
    made = list(sample_products(spec, 0, 0, 12_000))
    assert distance(Counter(map(leaf, rows)), Counter(map(leaf, made))) < 0.05
    designs = [
        Counter(leaf(row) for row in {(each.family, *leaf(each)): each for each in some}.values())
        for some in (rows, made)
    ]
    assert distance(*designs) < 0.06
    sizes = [len(some) / len({(row.family, *leaf(row)) for row in some}) for some in (rows, made)]
    assert abs(math.log(sizes[0] / sizes[1])) < 0.1


def test_colours_and_seasons_are_those_of_the_own_columns(sports: Sports) -> None:
    rows, own, _, spec = sports
    made = list(sample_products(spec, 0, 0, 4000))
    names = {code: name for name, code in PALETTE.items()}
    colours = Counter(names[(row.attributes or {})["colour"]] for row in made)
    assert distance(colours, Counter(read_colour(own[row.product_code]["colour"]) for row in rows)) < 0.08
    summer = Counter(
        (row.attributes or {})["choices"]["season"] for row in made if (row.title or "").endswith("Shorts")
    )
    assert set(summer) == {"summer"}


def test_discounts_and_prices_follow_the_kind(sports: Sports) -> None:
    rows, _, _, spec = sports
    made = list(sample_products(spec, 0, 0, 8000))
    for word in ("Shoes", "Backpack", "Tee", "Pants"):
        real, twin = ([row for row in some if (row.title or "").endswith(word)] for some in (rows, made))
        medians = [float(np.median([row.full_price or 0.0 for row in some])) for some in (real, twin)]
        assert abs(math.log(medians[0] / medians[1])) < 0.2, word
        shares = [float(np.mean([row.flg_discount or 0 for row in some])) for some in (real, twin)]
        assert abs(shares[0] - shares[1]) < 0.12, word
    real_points = {row.full_price for row in rows}
    assert np.mean([row.full_price in real_points for row in made]) > 0.5


def test_material_decides_the_price_where_the_rows_show_it(tmp_path: Path) -> None:
    spec = as_spec(fit(write_designer(tmp_path / "rows"), FitOptions()), tmp_path / "spec.yaml")
    kinds = {kind.silhouette: kind for kind in list_kinds(spec) if kind.path[0] == "ORSAVI"}
    factors = kinds["trench-coat"].price.factors["material"]
    assert factors["leather"] > 1.2
    assert factors["nylon"] < 0.9
    sweaters = kinds["sweater"].price.factors["material"]
    assert sweaters["cashmere"] > sweaters["wool"]
    assert sweaters["wool"] == sweaters["unnamed wool"]  # they look alike
    assert not kinds["jeans"].price.factors
    assert set(spec.attributes["material"].values) >= {"denim", "cashmere", "leather", "unnamed leather", "wool"}


def test_a_line_of_the_shop_has_its_price_with_every_type(tmp_path: Path) -> None:
    rows, own = fit_table.sample_sports_rows(1600)
    dear = [
        replace(row, full_price=2 * (row.full_price or 0), price=2 * (row.price or 0))
        if (row.title or "").startswith("Vantor")
        else row
        for row in rows
    ]
    spec = as_spec(fit(fit_table.write_folder(tmp_path / "rows", dear, own), FitOptions()), tmp_path / "spec.yaml")
    assert spec.attributes["lead"].hidden
    factors = [kind.price.factors["lead"] for kind in list_kinds(spec) if "lead" in kind.price.factors]
    assert len(factors) > 10
    assert all(each["vantor"] == pytest.approx(2, rel=0.2) for each in factors)
    plain = as_spec(fit(fit_table.write_folder(tmp_path / "plain", rows, own), FitOptions()), tmp_path / "p.yaml")
    assert not any("lead" in kind.price.factors for kind in list_kinds(plain))


# --- nothing of fewer than k families


@pytest.mark.parametrize("k", [3, 8])
def test_words_and_leaves_have_at_least_k_families(k: int, tmp_path: Path) -> None:
    """Words of titles that are not toile's own, names of leaves and branches, and kinds: counted in the rows."""
    rows, own = fit_table.sample_sports_rows()
    spec = as_spec(
        fit(fit_table.write_folder(tmp_path / "rows", rows, own), FitOptions(min_support=k)), tmp_path / "s.yaml"
    )
    holders: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for word in (*(row.title or "").casefold().split(), row.category2_code or "", row.category3_code or ""):
            holders[word].add(row.family)
    public = {word.casefold() for nouns in NOUNS.values() for noun in nouns for word in noun.split()}
    words = {
        word.casefold()
        for kind in list_kinds(spec)
        for title in kind.titles
        for word in title.split()
        if "{" not in word
    }
    words |= {word for slot in ("style", "lead") if slot in spec.attributes for word in spec.attributes[slot].values}
    words |= {name for kind in list_kinds(spec) for name in kind.path[1:]}
    assert all(len(holders[word]) >= k for word in words - public), {w: len(holders[w]) for w in words - public}


def test_small_shop_keeps_its_leaves_and_words(tmp_path: Path) -> None:
    """300 rows in 26 leaves: what is rare is counted with what is next to it, and the command says so."""
    rows = fit_table.sample_rows(300, 1, paths=fit_table.PATHS[:26])
    place = fit_table.write_folder(tmp_path / "rows", rows)
    found = fit(place, FitOptions())
    spec = as_spec(found, tmp_path / "spec.yaml")
    made = list(sample_products(spec, 0, 0, 300))
    names = {path[2] for path in fit_table.PATHS}
    assert all((row.category3_code or "N.A.") in {*names, "VIEW ALL"} for row in made)
    assert len({row.category3_code for row in made}) >= 8
    assert len({row.title for row in made}) >= 40
    assert any(
        "leaf categories with fewer than 5 designs" in text and "--min-support" in text for text in found.messages
    )
    real = Counter((row.category1_code, row.category3_code) for row in rows if row.inferable)
    assert distance(real, Counter((row.category1_code, row.category3_code) for row in made if row.inferable)) < 0.35


def test_rare_leaf_goes_to_the_nearest_one() -> None:
    """To one of the same parent that sells its kind, then to the same name elsewhere, then to its parent."""
    path = {
        "tote": ("W", "BAGS", "TOTES"),
        "sac": ("W", "BAGS", "SACS"),
        "cap": ("W", "HATS", "CAPS"),
        "gift": ("W", "GIFTS", "CAPS"),
    }
    rows = [member(path=path["tote"], kind="tote-bag")] * 6 + [member(path=path["sac"], kind="tote-bag")] * 2
    rows += [member(path=path["cap"], kind="cap")] * 5 + [member(path=path["gift"], kind="cap")] * 2
    rows += [member(path=("M", "SHOES", name), kind="loafer") for name in ("A", "B", "C", "D", "E")]
    leaves, remarks = select_leaves(rows, FitOptions())
    assert {leaf.path: leaf.weight for leaf in leaves} == {path["tote"]: 8, path["cap"]: 7, ("M", "SHOES", "SHOES"): 5}
    assert remarks[0].num_rows == 9


_BRANCHES = (("WOMEN", "MEN"), ("WOMENSWEAR", "MENSWEAR"), ("DAMEN", "HERREN"), ("FEMME", "HOMME"),
             ("レディース", "メンズ"), ("WOMEN", "MEN"))  # fmt: skip
"""Names of two branches in each market."""
_HERS = ("dress", "skirt", "pump", "clutch", "lipstick")


def sample_rare_leaves(paths: Sequence[tuple[str, str, str]], hers: str, his: str) -> list[Family]:
    """A shop that sells five types to women and two to men; each of the other leaves has one design of every type."""
    women = [member(path=(hers, kind, kind), kind=kind, name=f"{kind} {n}") for kind in _HERS for n in range(9)]
    men = [member(path=(his, "X1", "X1"), kind=k, name=f"{k} {n}") for k in ("jeans", "scarf") for n in range(6)]
    return [*women, *men, *(member(path=path, kind=kind, name=f"{path} {kind}") for path in paths for kind in _HERS)]


@pytest.mark.parametrize("market", range(6))
def test_guessed_kinds_are_what_the_names_of_the_leaf_allow(market: int) -> None:
    """Every type and group of toile as a leaf for men in which no type has k designs, and leaves of other names."""
    hers, his = _BRANCHES[market]
    types = {(his, GROUPS[each.group][1][market], each.category[market]): each for each in RECORDS.values()}
    groups = {(his, words[market], f"N{group}"): group for group, (_, words) in GROUPS.items()}
    unknown = [(his, "NEW", "A12"), (f"{his} 2", "SALE", "SALE"), ("ALL", "X", "X")]
    rows = sample_rare_leaves([*types, *groups, *unknown], hers, his)
    found = {leaf.path: leaf for leaf in select_leaves(rows, FitOptions())[0]}
    kinds = {path: {kind.silhouette for kind in leaf.kinds} for path, leaf in found.items()}
    for path, record in types.items():
        silhouette, is_named = find_silhouette(path[2:])
        assert is_named
        assert silhouette in kinds[path] or len(kinds[path]) > 1, path
        assert {RECORDS[kind].group for kind in kinds[path]} == {RECORDS[silhouette].group}, path
        assert kinds[path] == {silhouette} or not kinds[path] & set(_HERS), (path, kinds[path])
        assert found[path].is_guess == (len(kinds[path]) > 1), record.name
    near = {"clothing": {"clothing", "outerwear"}, "accessories": {"accessories", "bags"}}
    for path, group in groups.items():
        assert {RECORDS[kind].group for kind in kinds[path]} <= near.get(group, {group}), path
        assert group == "make-up" or not kinds[path] & set(_HERS), path
    assert kinds[unknown[0]] >= {"jeans", "scarf"}
    assert not (kinds[unknown[0]] | kinds[unknown[1]]) & set(_HERS)
    assert kinds[unknown[2]] == set(_HERS)
    assert all(found[path].is_guess for path in unknown[:2])


def test_a_leaf_that_is_not_released_gives_no_word_to_the_guess() -> None:
    """Two sneakers of one design each under rare leaves: their leaf is MAN, which sells what MAN sells elsewhere."""
    rows = [member(path=("MAN", "CLOTHES", "JEANS"), kind="jeans")] * 9
    rows += [member(path=("WOMAN", "CLOTHES", "SKIRTS"), kind="skirt")] * 9
    rows += [member(path=("MAN", f"S{n}", "SNEAKERS"), kind="sneaker", material="leather") for n in range(2)]
    rows += [member(path=("MAN", f"H{n}", "HATS"), kind="bucket-hat", material="leather") for n in range(3)]
    found = {leaf.path: leaf for leaf in select_leaves(rows, FitOptions())[0]}
    guessed = {kind.silhouette for kind in found["MAN", "MAN", "MAN"].kinds}
    assert "jeans" in guessed
    assert not guessed & {"sneaker", "bucket-hat", "skirt", "dress"}
    assert all(m.material is None for kind in found["MAN", "MAN", "MAN"].kinds for m in kind.members)
    possible = list_possible_kinds([("MAN", "NEW", "NEW"), ("WOMAN", "NEW", "NEW")], ["skirt", "jeans", "tie"])
    assert possible.tolist() == [[1, 0, 1, 1], [1, 1, 1, 0]]


def test_leaves_that_are_all_rare_find_a_place() -> None:
    parents = (("W", "COATS"), ("W", "BAGS"), ("M", "HATS"))
    rows = [member(path=(*parent, f"{parent[1]} {n}"), kind="coat") for parent in parents for n in range(2)]
    rows += [member(path=("W", "COATS", f"COATS {n}"), kind="coat") for n in range(2, 6)]
    leaves, _ = select_leaves(rows, FitOptions())
    assert sum(leaf.weight for leaf in leaves) == len(rows)
    assert all(leaf.weight >= 5 for leaf in leaves)


@pytest.mark.parametrize(
    ("rows", "problem", "hint"),
    [
        ([member(path=None)] * 9, "no product in the train split of a category", "--category NAME"),
        ([member(name="x", num_colourways=40)], "1 product family with a category in the train split, of 40", "titles"),
        (
            [member(name=f"{n}") for n in range(3)],
            "3 product families with a category in the train split",
            "min-support",
        ),
    ],
)
def test_too_few_families_are_said_with_what_helps(rows: list[Family], problem: str, hint: str) -> None:
    with pytest.raises(ToileError) as caught:
        select_leaves(rows, FitOptions())
    assert problem in caught.value.problem
    assert hint in caught.value.hint


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40), min_size=1),
    st.lists(st.sampled_from("abcdx"), max_size=30),
)
def test_shares_are_assigned_in_proportion(sizes: dict[str, int], own: list[str]) -> None:
    found = assign_shares(dict(enumerate(own)), {name: float(size) for name, size in sizes.items()})
    assert found.keys() == set(range(len(own)))
    counts = Counter(found.values())
    for name, size in sizes.items():
        assert abs(counts[name] - len(own) * size / sum(sizes.values())) < 1
    assert all(found[i] == name for i, name in enumerate(own) if counts[name] >= Counter(own)[name] and name in sizes)


def test_values_of_few_families_have_the_proportions_of_the_next_level() -> None:
    def colours(*names: str) -> list[Family]:
        return [member(colour=name) for name in names]

    counter = ValueCounter(lambda each: [(each.colour, 1.0)], 3)
    own, shop = colours(*"aaaabbccd"), colours(*"aaaabbbbbbccc")
    assert counter.weigh(own, shop) == {"a": 4.0, "b": round(5 * 6 / 9, 2), "c": round(5 * 3 / 9, 2)}
    part = counter.weigh(colours(*"aaaab"), shop)  # one family is too few to be counted: at most k - 1
    assert part == {"a": 4.0, "b": round(2 * 6 / 9, 2), "c": round(2 * 3 / 9, 3)}
    even = counter.weigh(colours(*"aaaabb"), colours(*"bbbccc"))  # borrowed weights never look counted
    assert even["a"] == 4.0
    assert all(even[name] % 1 for name in "bc")
    assert counter.weigh(colours(*"aaaa"), shop) == {"a": 4.0}
    one_family = [replace(each, name="same") for each in colours(*"aaaa")]
    assert counter.weigh(one_family, one_family) == {}


# --- prices


_CURRENCIES = {
    "EUR": (0.05, 0.01), "USD": (25, 1), "JPY": (6000, 100), "KWD": (8, 0.125), "CHF": (40, 0.05), "HUF": (9000, 10),
    "INR": (1800, 100), "IDR": (4_500_000, 1000), "KRW": (90_000, 100), "VND": (25_000_000, 1000),
    "IRR": (3e9, 10_000), "XTS": (120, 0.001),
}  # fmt: skip
"""Currency -> (median price, step of its prices); XTS is ISO 4217's code for tests, of no known rate."""


@pytest.mark.parametrize("currency", _CURRENCIES)
def test_prices_of_every_currency_go_the_whole_way(currency: str, tmp_path: Path) -> None:
    """From text in a table to rows, a spec, a generated catalog and its text: with the decimals of the currency."""
    median, step = _CURRENCIES[currency]
    decimals = {"XTS": 2, "KWD": 3}.get(currency, 0 if step >= 1 else 2)
    rng = np.random.default_rng(1)
    numbers = np.maximum(np.round(median * np.exp(rng.normal(0, 0.6, 150)) / step), 1) * step
    lines = ["product_code,title,category1_code,category3_code,full_price,image"]
    lines += [f"P{n},Kira {n} Shirt,MEN,SHIRTS,{price:.{decimals}f},a.png" for n, price in enumerate(numbers)]
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    import_table(tmp_path / "t.csv", tmp_path / "rows", ImportOptions(currency=currency))
    read_back = sorted(row.full_price or 0.0 for row in read(tmp_path / "rows"))
    assert read_back == sorted(float(f"{price:.{decimals}f}") for price in numbers)
    found = fit(tmp_path / "rows", FitOptions(images=False))
    spec = as_spec(found, tmp_path / "spec.yaml")
    rows = sample_rows(spec, 0, np.arange(2000))
    prices = rows.column("full_price").to_numpy()
    assert abs(math.log(np.median(prices) / np.median(numbers))) < 0.1
    assert not any("warning" in message for message in found.messages)
    assert (np.round(prices, decimals) == prices).all()
    if currency not in ("KWD", "XTS"):
        assert np.abs(prices / step - np.round(prices / step)).max() < 1e-6
    assert (prices > 0).all()
    euros = rows.column("full_price_eur").to_numpy()
    assert np.abs(euros - prices * spec.shop.eur_rate).max() <= 0.01 + 1e-4 * euros.max()
    assert ("shop.eur_rate" in " ".join(found.messages)) == (currency == "XTS")
    text = format_price(float(prices[0]), currency)
    assert re.sub(r"\D", "", text) in {re.sub(r"\D", "", f"{prices[0]:.{d}f}") for d in (0, 1, 2, 3)}, text
    describe(tmp_path / "rows")


def test_prices_far_above_those_of_the_shop_make_no_endless_price_points() -> None:
    """A type of few prices has a spread: seven standard deviations above it there may be thousand times dearer ones."""
    members = [member(full_price=float(price)) for price in range(1000, 10_000, 7)]
    bands = infer_price_bands(members, 5)
    points = list_price_points(Prices(bands=bands), 3e8)
    assert len(points) < 1_000_000
    assert set(range(1000, 10_000)) <= set(points.tolist())


def write_priced(place: Path, prices: Sequence[float | None], currency: str = "USD") -> Path:
    rows = fit_table.sample_rows(len(prices), 3, paths=fit_table.PATHS[:4], repeat=0.0)
    priced = [
        replace(row, full_price=price, price=price, currency_code=currency)
        for row, price in zip(rows, prices, strict=True)
    ]
    return write_shard_folder(place, priced, {"currency": currency})


@pytest.mark.parametrize(
    ("prices", "currency"),
    [
        ([0.0508, 0.0912, 0.1311, 0.25] * 60, "USD"),
        ([2990.0, 3990.0, 12900.0, 19800.0, 49800.0] * 48, "JPY"),
        ([4.95, 9.95, 12.95, 24.95, 149.0] * 48, "EUR"),
        ([68.0] * 240, "USD"),
    ],
    ids=["tiny", "yen", "cents", "one"],
)
def test_price_points_come_out(prices: list[float], currency: str, tmp_path: Path) -> None:
    found = fit(write_priced(tmp_path / "rows", prices, currency), FitOptions())
    assert not [text for text in found.messages if "warning" in text]
    spec = as_spec(found, tmp_path / "spec.yaml")
    made = [row.full_price or 0.0 for row in sample_products(spec, 0, 0, 2000)]
    wanted = {round(price, 2) for price in prices}
    assert np.mean([price in wanted for price in made]) > 0.6
    assert wanted <= set(made)


def write_expensive(place: Path, level: float, currency: str, dresses: Sequence[tuple[str, float | None]]) -> Path:
    """Write twelve designs each of four kinds at `level` times toile's usual prices; `dresses` are (area, price)s."""
    sold = [
        (area, word, level * RECORDS[kind].usual_usd * (0.85 + number / 40))
        for area, word, kind in (
            ("WOMAN", "Shirt", "shirt"), ("WOMAN", "Coat", "coat"), ("WOMAN", "Sweater", "sweater"),
            ("MAN", "Belt", "belt"),
        )
        for number in range(12)
    ]  # fmt: skip
    given = [*sold, *((first, "Dress", price) for first, price in dresses)]
    given += [("WOMAN", "Belt", level * 50.0)] * 3
    rows = [
        replace(row, title=word, family=f"f{number}", category1_code=first, category3_code=f"{word.upper()}S",
                full_price=price, price=price, currency_code=currency, inferable=True)
        for number, (row, (first, word, price)) in enumerate(
            zip(fit_table.sample_rows(len(given), 3, repeat=0.0, paths=fit_table.PATHS[:1]), given, strict=True)
        )
    ]  # fmt: skip
    return fit_table.write_folder(place, rows, currency=currency)


def dress_prices(place: Path) -> list[Any]:
    spec = as_spec(fit(place, FitOptions()), place.with_suffix(".yaml"))
    found = [kind.price for kind in list_kinds(spec) if kind.silhouette == "dress"]
    assert found
    return found


@pytest.mark.parametrize(("level", "currency"), [(20.0, "USD"), (0.2, "EUR"), (3000.0, "JPY")])
def test_rare_kind_costs_what_the_level_of_the_shop_implies(level: float, currency: str, tmp_path: Path) -> None:
    """Three of eight dresses have a price: no dress decides the price of dresses."""
    usual = level * RECORDS["dress"].usual_usd
    prices = []
    for number, rare in enumerate((usual, usual * 1.5, usual * 40, usual / 40)):
        dresses = [("WOMAN", usual), ("WOMAN", usual), ("WOMAN", rare), *[("WOMAN", None)] * 5]
        prices.append(dress_prices(write_expensive(tmp_path / f"{number}", level, currency, dresses)))
    assert all(each == prices[0] for each in prices)
    assert all(0.5 < (price.median or 0.0) / usual < 2 for price in prices[0])


def test_spread_of_a_rare_kind_is_that_of_the_shop_and_is_said(tmp_path: Path) -> None:
    usual = 20.0 * RECORDS["dress"].usual_usd
    found = fit(write_expensive(tmp_path / "rows", 20.0, "USD", [("WOMAN", usual)] * 3), FitOptions())
    prices = [
        kind["price"]
        for leaf in found.document["categories"]
        for kind in leaf.get("kinds", [leaf])
        if "spread" in kind["price"]
    ]
    wanted = np.std([math.log(0.85 + number / 40) for number in range(12)], ddof=1)
    assert all(price["spread"] == pytest.approx(wanted, rel=0.1) for price in prices)
    assert bool(prices) == any("toile's usual ones, at the level" in text for text in found.messages)


@pytest.mark.parametrize("depends_on_type", [True, False])
def test_price_of_a_rare_kind_comes_from_what_tells_prices_in_this_shop(depends_on_type: bool, tmp_path: Path) -> None:
    """From the same type in other categories, or from other types of its leaf: whichever is nearer for other kinds."""
    types = {"Coat": 400.0, "Shirt": 100.0, "Belt": 40.0}
    rows, number = [], 0
    for first, level in (("WOMAN", 1.0), ("MAN", 8.0)):
        for word, usual in types.items():
            price = usual if depends_on_type else level * 3 * RECORDS[word.lower()].usual_usd
            few = first == "MAN" and word == "Belt"
            for k in range(4 if few else 12):
                row = fit_table.sample_rows(1, number, repeat=0.0, paths=fit_table.PATHS[:1])[0]
                rows.append(
                    replace(row, title=f"{word} {k}", family=f"f{number}", product_code=f"{number}", inferable=True,
                            category1_code=first, category2_code="ALL", category3_code="MODE", full_price=price)
                )  # fmt: skip
                number += 1
    families = read_families(fit_table.write_folder(tmp_path / "rows", rows), "USD", images=False)[0]
    kinds = [kind for leaf in select_leaves(families, FitOptions())[0] for kind in leaf.kinds]
    assert prefer_type_prices(kinds, 5) is depends_on_type
    rare = next(kind for kind in kinds if kind.path[0] == "MAN" and kind.silhouette == "coat")
    small = replace(rare, members=rare.members[:4], levels=(rare.members[:4], rare.members[:4], rare.levels[2]))
    found = fit_kind_price(small, {}, {}, (-math.inf, math.inf), {}, 0.1, 5, prefer_type=depends_on_type)
    usual = 400.0 if depends_on_type else 24 * RECORDS["coat"].usual_usd
    assert found.document["quantiles"][1] == pytest.approx(usual, rel=0.2)


def test_rare_leaves_of_several_parents_have_the_price_of_their_kind(tmp_path: Path) -> None:
    """Five dresses in all: their leaf shares the records of rare leaves with belts, and keeps fewer than k of them."""
    price = 60 * RECORDS["dress"].usual_usd
    dresses = [*[("WOMAN", price)] * 3, *[("KIDS", price * 0.8)] * 2]
    for found in dress_prices(write_expensive(tmp_path / "rows", 20.0, "USD", dresses)):
        assert 0.75 < found.quantiles[1] / price < 1.05


def test_table_without_prices_is_said(tmp_path: Path) -> None:
    found = fit(write_priced(tmp_path / "rows", [None] * 200, "EUR"), FitOptions())
    assert any("no row has a price in EUR" in text for text in found.messages)
    made = [row.full_price or 0.0 for row in sample_products(as_spec(found, tmp_path / "s.yaml"), 0, 0, 200)]
    assert 20 < np.median(made) < 500


def test_prices_that_differ_are_a_warning(tmp_path: Path) -> None:
    """Prices below a cent cannot be generated."""
    found = fit(write_priced(tmp_path / "rows", [0.0004, 0.0011, 0.0016] * 70), FitOptions())
    assert any("generated prices differ" in text for text in found.messages)


# --- columns that are kept


def test_columns_are_kept(tmp_path: Path) -> None:
    """Numbers and dates within their range, missing cells, and a value of one family is left out."""
    rows = fit_table.sample_rows(400, 5, paths=fit_table.PATHS[:3])
    rng = np.random.default_rng(0)
    own: dict[str, dict[str, str | float | None]] = {
        row.product_code: {
            "Weight (g)": None if rng.random() < 0.2 else float(rng.integers(100, 900)),
            "launched": f"2026-{rng.integers(1, 7):02d}-15",
            "fit": str(rng.choice(["slim", "wide"])),
            "maker": "Unheard & Sons" if number == 0 else "Kestrel",
        }
        for number, row in enumerate(rows)
    }
    place = fit_table.write_folder(tmp_path / "rows", rows, own)
    spec = as_spec(fit(place, FitOptions(keep=("Weight (g)", "launched", "fit", "maker"))), tmp_path / "spec.yaml")
    table = sample_rows(spec, 0, np.arange(1500))
    made = add_extra_columns(pa.Table.from_batches([table]), spec, seed=0, index_N=np.arange(1500)).to_pydict()
    weights = [each for each in made["weight_g"] if each is not None]
    assert 80 <= min(weights) < 200
    assert 800 < max(weights) <= 920
    assert abs(1 - len(weights) / 1500 - 0.2) < 0.1
    assert {each.month for each in made["launched"]} == {1, 2, 3, 4, 5, 6}
    assert set(made["fit"]) == {"slim", "wide"}  # and not the cut of this name
    assert set(made["maker"]) == {"Kestrel"}
    for column, complaint in (("weight", "has no such column"), ("title", "has no such column")):
        with pytest.raises(ToileError, match=complaint):
            fit(place, FitOptions(keep=(column,)))


def test_column_of_codes_is_refused(tmp_path: Path) -> None:
    rows = fit_table.sample_rows(100, 5, paths=fit_table.PATHS[:3])
    own = {row.product_code: {"sku": row.product_code, "note": f"note {row.product_code}"} for row in rows}
    place = fit_table.write_folder(tmp_path / "rows", rows, own)
    for column, complaint in (("sku", "as codes are"), ("note", "no value of it has 5 product families")):
        with pytest.raises(ToileError, match=complaint):
            fit(place, FitOptions(keep=(column,)))


# --- price points


@pytest.mark.parametrize(
    ("prices", "illegal"),
    [
        ([4.99, 9.99, 14.99, 29.99, 54.99], 8.0),
        ([120.0, 250.0, 390.0, 990.0, 480.0], 125.0),
        ([1250.0, 1290.0, 2950.0, 3490.0], 1251.0),
        ([649.0, 899.0, 999.0, 129.0], 650.0),
        ([12.0, 17.0], 12.5),
    ],
)
def test_price_points_include_the_observed_prices(prices: list[float], illegal: float) -> None:
    members = [member(full_price=price) for price in prices for _ in range(6)]
    points = set(list_price_points(Prices(bands=infer_price_bands([*members, member(full_price=101.01)], 5)), 5000.0))
    assert set(prices) <= points
    assert not {illegal, 101.01} & points


def test_many_prices_share_their_endings() -> None:
    """Of prices that few families have each, the endings are found: no price point is that of a single family."""
    members = [member(full_price=5.0 * k + 4.95) for k in range(20, 180)]
    bands = infer_price_bands(members, 5)
    assert [(band.per, band.endings) for band in bands] == [(5.0, (4.95,))]
    assert [band.per for band in infer_price_bands([member(full_price=10.0 * k) for k in range(100, 900, 7)], 5)] == [
        10.0
    ]


def test_vocabulary_names_only_what_can_be_rendered() -> None:
    assert {silhouette for silhouette, _ in SILHOUETTE_WORDS} == set(SILHOUETTES)
    lists = ((MATERIAL_TERMS, MATERIALS), (PATTERN_TERMS, PATTERNS), (COLOUR_TERMS, PALETTE))
    for terms, known in lists:
        assert set(re.findall(r"^ {4}([a-z-]+):", terms, re.MULTILINE)) == set(known)


@pytest.mark.parametrize(
    ("path", "silhouette"),
    [
        (("WOMAN", "OUTERWEAR", "TRENCH COATS"), "trench-coat"),
        (("Men", "Footwear", "Flip Flops"), "flip-flop"),
        (("WOMAN", "READY-TO-WEAR", "SWEATSHIRTS"), "hoodie"),
        (("WOMAN", "BAGS", "N.A."), "tote-bag"),
        (("MAN", "成衣", "连衣裙"), "dress"),
        (("MEN", "CLOTHING", "POLO SHIRTS"), "polo-shirt"),
        (("DAMEN", "SCHUHE", "STIEFEL"), "boot"),
        (("HOME", "LIVING", "JAR CANDLES"), "candle"),
        (("HERREN", "BADEMODE", "SALE"), "swim-shorts"),
        (("WOMEN", "NEW", "SWIMWEAR"), "swimsuit"),
    ],
)
def test_find_silhouette_from_category_names(path: tuple[str, str, str], silhouette: str) -> None:
    assert find_silhouette(path) == (silhouette, True)


def test_find_silhouette_agrees_with_the_presets() -> None:
    pairs = [
        (category.silhouette, find_silhouette(category.path)[0])
        for name in ("fashion-luxury", "sportswear", "home-beauty")
        for category in load(name, "catalog").categories
    ]
    assert sum(a == b for a, b in pairs) >= 0.8 * len(pairs), [pair for pair in pairs if pair[0] != pair[1]]


@pytest.mark.parametrize("name", sorted(PALETTE))
def test_image_colour_is_that_of_its_centre(name: str) -> None:
    if name in {"white", "silver", "ivory"}:
        pytest.skip("too similar to the background")
    file = io.BytesIO()
    image = Image.new("RGB", (120, 160), "#f0f0f0")
    image.paste(Image.new("RGB", (70, 100), PALETTE[name]), (25, 30))
    image.save(file, "PNG")
    assert detect_image_colour(file.getvalue()) == name


def test_plain_background_has_no_colour() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "#ffffff").save(file, "PNG")
    assert detect_image_colour(file.getvalue()) is None


def test_fit_command_writes_a_spec_that_generates(tmp_path: Path) -> None:
    place = fit_table.write_folder(tmp_path / "shards", fit_table.sample_rows(500, 2, paths=fit_table.PATHS[:10]))
    out = tmp_path / "twin.yaml"
    command = ["fit", str(place), "--out", str(out), "--force"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    generate = ["generate", str(out), "--num-products", "12", "--image-size", "48", "--workers", "1"]
    done = CliRunner().invoke(main, [*generate, "--out", str(tmp_path / "twin")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    first: Product = next(read(tmp_path / "twin"))
    assert first.image is not None
    assert first.brand == "TWIN"


def test_fit_command_refuses_invalid_arguments(tmp_path: Path) -> None:
    place = fit_table.write_folder(tmp_path / "shards", fit_table.sample_rows(3, 2))
    for arguments, complaint in (
        (["--out", "a.txt"], "is not a YAML file"),
        (["--out", str(tmp_path / "a.yaml"), "--name", "A B"], "is not lower-case words"),
        (["--out", str(tmp_path / "a.yaml"), "--currency", "usd"], "is not three capital letters"),
        (["--out", str(tmp_path / "a.yaml"), "--price-range", "1:9"], "is for a private fit"),
        (["--out", str(tmp_path / "a.yaml")], "3 product families"),
    ):
        done = CliRunner().invoke(main, ["fit", str(place), *arguments])
        assert done.exit_code == 1
        assert complaint in done.output
    (tmp_path / "b.yaml").write_text("mine")
    assert "exists already" in CliRunner().invoke(main, ["fit", str(place), "--out", str(tmp_path / "b.yaml")]).output
    (tmp_path / "bad.yaml").write_text("- A > B\n")
    with pytest.raises(ToileError, match="not a path of three names"):
        load_categories(tmp_path / "bad.yaml")
