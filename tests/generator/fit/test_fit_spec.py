"""Fit a spec to real rows: the twin has the shop's kinds, shares, prices and words; titles name what is drawn."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from generator.catalog.shards import GenerateInputs, write_shards
from generator.fit import FitOptions
from generator.fit.categories import load_categories
from generator.fit.families import Family, detect_image_colour
from generator.fit.fit_spec import Fit, fit, to_yaml
from generator.fit.prices import infer_price_bands
from generator.fit.vocabulary import (
    COLOUR_TERMS,
    MATERIAL_TERMS,
    PALETTE,
    PATTERN_TERMS,
    SILHOUETTE_WORDS,
    find_silhouette,
)
from generator.sampling.prices import list_price_points
from schemas.appearance import MATERIALS, PATTERNS, SILHOUETTES
from schemas.catalog import CatalogSpec, Prices, list_kinds
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.product import Product, read
from schemas.validation import list_presets, load
from tests.helpers import fit_table
from toile.cli import main

EXAMPLE_SHOP = Path(__file__).parents[3] / "examples" / "shop"


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


@pytest.mark.parametrize(
    ("prices", "legal"),
    [
        ([4.99, 9.99, 14.99, 29.99, 54.99], {4.99, 9.99, 19.99, 94.99}),
        ([120.0, 250.0, 390.0, 990.0, 480.0], {120, 350, 690, 180}),
        ([1250.0, 1290.0, 2950.0, 3490.0], {1250, 1290, 2150, 8990}),
        ([649.0, 899.0, 999.0, 129.0], {109, 649, 989}),
        ([12.0, 17.0], {2, 7, 12, 27}),
    ],
)
def test_price_points_include_the_observed_endings(prices: list[float], legal: set[float]) -> None:
    members = [member(full_price=price) for price in prices for _ in range(6)]
    points = set(list_price_points(Prices(bands=infer_price_bands(members, 5)), 10_000.0).tolist())
    assert {*prices, *legal} <= points
    assert 101.01 not in points
    assert 8.0 not in points or min(prices) > 100  # no price ended like this


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


def test_vocabulary_names_only_what_can_be_rendered() -> None:
    assert {silhouette for silhouette, _ in SILHOUETTE_WORDS} == set(SILHOUETTES)
    lists = ((MATERIAL_TERMS, MATERIALS), (PATTERN_TERMS, PATTERNS), (COLOUR_TERMS, PALETTE))
    for terms, known in lists:
        assert set(re.findall(r"^ {4}([a-z-]+):", terms, re.MULTILINE)) == set(known)


@pytest.mark.parametrize(
    ("path", "silhouette"),
    [
        (("WOMAN", "OUTERWEAR", "TRENCH COATS"), "trench-coat"),
        (("Men", "Footwear", "Flip Flops"), "sandal"),
        (("WOMAN", "READY-TO-WEAR", "SWEATSHIRTS"), "hoodie"),
        (("WOMAN", "BAGS", "N.A."), "tote-bag"),
        (("MAN", "成衣", "连衣裙"), "dress"),
        (("MEN", "CLOTHING", "POLO SHIRTS"), "polo-shirt"),
        (("DAMEN", "SCHUHE", "STIEFEL"), "boot"),
        (("HOME", "LIVING", "JAR CANDLES"), "candle"),
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
    menu = tmp_path / "menu.yaml"
    menu.write_text("".join(f"- {' > '.join(path)}\n" for path in fit_table.PATHS[:10]))
    out = tmp_path / "twin.yaml"
    for more in ([],):
        command = ["fit", str(place), "--out", str(out), "--force", *more]
        done = CliRunner().invoke(main, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        generate = ["generate", str(out), "--num-products", "12", "--image-size", "48", "--workers", "1"]
        done = CliRunner().invoke(main, [*generate, "--out", str(tmp_path / f"{len(more)}")], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        first: Product = next(read(tmp_path / f"{len(more)}"))
        assert first.image is not None
        assert first.brand == "TWIN"


def test_fit_command_refuses_invalid_arguments(tmp_path: Path) -> None:
    place = fit_table.write_folder(tmp_path / "shards", fit_table.sample_rows(3, 2))
    for arguments, complaint in (
        (["--out", "a.txt"], "is not a YAML file"),
        (["--out", str(tmp_path / "a.yaml"), "--name", "A B"], "is not lower-case words"),
        (["--out", str(tmp_path / "a.yaml"), "--currency", "usd"], "is not three capital letters"),
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
