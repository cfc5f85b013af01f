"""`toile new` and `toile check`: starter specs are valid, and the preview shows what the catalog will have."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.cells import cell_len

from generator import draw, products
from generator.commands import specs as spec_cli
from generator.sampling.products import _count_attempts, compile_catalog, family_start, rows, sample_kinds
from generator.scaffold.preview import (
    Card,
    contact_sheet,
    font_supports,
    half_block_lines,
    kind_stats,
    label_shares,
    sample_products,
)
from generator.scaffold.starter_spec import AREAS, GROUPS, KINDS, LEVELS, starter_spec, tree_path
from schemas.appearance import MATERIALS, SILHOUETTES
from schemas.catalog import CatalogSpec, list_kinds
from schemas.documents import parse_document, read_document
from schemas.silhouettes import RECORDS
from schemas.silhouettes.record import MARKET_CODES
from schemas.validation import from_document, load
from tests.conftest import PRESETS
from tests.helpers.kinds_spec import kinds_document
from toile.cli import main

ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> Any:
    """Run a command at a width of 120 columns, without a terminal."""
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, [str(argument) for argument in arguments])


def starter(tmp_path: Path, **changes: Any) -> CatalogSpec:
    given: dict[str, Any] = {"market": "US", "silhouettes": (), "kind": "luxury", "price": "middle", **changes}
    file = tmp_path / "starter.yaml"
    file.write_text(starter_spec("corner-shop", **given), encoding="utf-8")
    return load(file, "catalog")


@pytest.mark.parametrize("market", MARKET_CODES)
@pytest.mark.parametrize("kind", KINDS)
def test_starter_spec_is_valid_and_renders(tmp_path: Path, kind: str, market: str) -> None:
    for price in (*LEVELS, "0.01", "333.3", "500000"):
        spec = starter(tmp_path, kind=kind, market=market, price=price)
        assert [category.silhouette for category in spec.categories] == list(KINDS[kind].silhouettes)
        for each in products(spec, 0, 0, 3):
            assert each.title
            assert each.full_price
    assert draw(each, 32).size == (32, 32)


@pytest.mark.parametrize("silhouette", SILHOUETTES)
def test_starter_spec_of_one_silhouette(tmp_path: Path, silhouette: str) -> None:
    spec = starter(tmp_path, silhouettes=(silhouette,), market="FR")
    (category,) = spec.categories
    assert category.path == tree_path(silhouette, "FR")
    each = next(products(spec, 0, 0, 1))
    assert each.title
    assert draw(each, 32).size == (32, 32)


def test_a_starter_spec_names_the_installed_schema_for_editors() -> None:
    for kind in KINDS:
        text = starter_spec("corner-shop", market="JP", silhouettes=(), kind=kind, price="middle")
        first = text.splitlines()[0]
        uri = first.removeprefix("# yaml-language-server: $schema=")
        assert first != uri
        assert urlsplit(uri).scheme == "file"
        file = Path(url2pathname(urlsplit(uri).path))
        assert file.is_absolute()
        published = json.loads(file.read_text(encoding="utf-8"))
        jsonschema.validate(parse_document(text, "starter.yaml", is_json=False), published)  # as an editor does


def test_starter_words_cover_silhouettes_and_markets() -> None:
    assert set(RECORDS) == set(SILHOUETTES)
    for silhouette, goods in RECORDS.items():
        assert set(goods.materials) <= set(MATERIALS)
        assert goods.materials, silhouette
        for market in MARKET_CODES:
            assert all(re.fullmatch(r"[^,]+", name) for name in tree_path(silhouette, market))
    assert {goods.group for goods in RECORDS.values()} == set(GROUPS)
    assert {area for area, _ in GROUPS.values()} == set(AREAS)
    assert {s for kind in KINDS.values() for s in kind.silhouettes} <= set(SILHOUETTES)
    assert tuple(KINDS) == spec_cli._KINDS


def test_price_levels_and_median(tmp_path: Path) -> None:
    def medians(level: str) -> list[float]:
        return [kind.price.median or 0.0 for kind in list_kinds(starter(tmp_path, price=level))]

    totals = [sum(medians(level)) for level in LEVELS]
    assert totals == sorted(set(totals))
    prices = medians("480")
    assert np.median(prices) == pytest.approx(480, rel=0.05)


def test_new_writes_valid_spec_and_prints_next_command(tmp_path: Path) -> None:
    file = tmp_path / "tea-house.yaml"
    done = run("new", file, "--market", "JP", "--kind", "home-beauty")
    assert done.exit_code == 0, done.output
    assert f"next: toile check {file}" in done.stderr
    spec = load(file, "catalog")
    assert (spec.name, spec.shop.website_name, spec.shop.currency_code) == ("tea-house", "Tea House", "JPY")
    checked = run("check", file)
    assert checked.exit_code == 0, checked.output
    assert checked.stdout.startswith("tea-house: valid; market JP, JPY, 7 categories; attributes: volume, material")
    assert "¥" in checked.stdout


def test_new_refuses_to_overwrite_without_force(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("mine")
    refused = run("new", file)
    assert refused.exit_code == 1
    assert "exists" in refused.stderr
    assert "--force" in refused.stderr
    assert file.read_text() == "mine"
    assert run("new", file, "--force").exit_code == 0
    assert load(file, "catalog").name == "a"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--name", "Corner Shop"], 1, "joined by hyphens"),
        (["--silhouette", "trench-cot"], 1, "did you mean 'trench-coat'?"),
        (["--price", "luxurious"], 1, "did you mean 'luxury'?"),
        (["--price", "-5"], 1, "from 0.01"),
        (["--price", "nan"], 1, "from 0.01"),
        (["--market", "XX"], 2, "Invalid value for '--market'"),
        (["--kind", "zoo"], 2, "Invalid value for '--kind'"),
    ],
)
def test_new_refuses_invalid_option(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = run("new", tmp_path / "a.yaml", *arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert not (tmp_path / "a.yaml").exists()


def test_new_names_file_that_cannot_be_written(tmp_path: Path) -> None:
    assert "name it a.yaml" in run("new", tmp_path / "a.json").stderr
    missing = run("new", tmp_path / "none" / "a.yaml")
    assert missing.exit_code == 1
    assert "cannot be written" in missing.stderr


def test_new_prompts_in_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec_cli, "_is_terminal", lambda: True)
    answers = "tea-house\nUK\nhome-beauty\n45\n"
    done = CliRunner().invoke(main, ["new", str(tmp_path / "x.yaml")], input=answers)
    assert done.exit_code == 0, done.output
    spec = load(tmp_path / "x.yaml", "catalog")
    assert (spec.name, spec.shop.market, len(spec.categories)) == ("tea-house", "UK", 7)
    assert "in GBP" in done.stderr


def test_check_invalid_spec_names_path(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text((PRESETS / "demo.yaml").read_text().replace("silhouette: skirt", "silhouette: skrit"))
    done = run("check", file)
    assert done.exit_code == 1
    assert f"{file}: categories[5].silhouette: 'skrit'" in done.stderr
    assert "did you mean 'skirt'?" in done.stderr
    assert done.stdout == ""


def test_check_requires_material(tmp_path: Path, spec_document: dict[str, Any]) -> None:
    del spec_document["categories"][3]["attributes"]["material"]
    spec_document["categories"][3]["titles"] = {"Trousers": 1}
    (tmp_path / "spec.json").write_text(json.dumps(spec_document))
    done = run("check", tmp_path / "spec.json")
    assert done.exit_code == 1
    assert "categories[3].attributes: no material" in done.stderr


def test_check_json(demo_document: dict[str, Any]) -> None:
    spec: CatalogSpec = from_document(demo_document, "catalog")
    done = run("check", "demo", "--seed", 4, "--json")
    figures = json.loads(done.stdout)
    assert [each["number"] for each in figures["products"]] == [number for number, _ in sample_products(spec, 4)]
    assert len(figures["categories"]) == 10
    total = sum(each["share"] for each in figures["categories"]) + sum(figures["labels"].values())
    assert total == pytest.approx(1)
    assert set(figures["labels"]) == {"VIEW ALL", "NEW IN", "N.A."}


def test_sample_products_are_catalog_products_of_different_designs(demo_document: dict[str, Any]) -> None:
    spec: CatalogSpec = from_document(demo_document, "catalog")
    shown = sample_products(spec, 4)
    assert len(shown) == 8
    every = list(products(spec, 4, 0, shown[-1][0] + 1))
    assert all(every[number] == each for number, each in shown)
    assert len({each.family for _, each in shown}) == 8
    assert len({(each.attributes or {})["silhouette"] for _, each in shown}) == 8


def test_shares_and_price_ranges_match_large_catalog(demo_document: dict[str, Any]) -> None:
    document = {**demo_document, "categories": [dict(each) for each in demo_document["categories"]]}
    document["categories"][0]["share"], document["categories"][1]["share"] = 0.18, 0.02
    spec: CatalogSpec = from_document(document, "catalog")
    batch = rows(spec, 1, np.arange(150_000)).to_pandas()
    for figures in kind_stats(spec, 9):
        leaf = batch[batch["category3_code"] == figures.path[2]]
        assert len(leaf) / len(batch) == pytest.approx(figures.share, rel=0.08)
        found = leaf["full_price"].to_numpy()
        for price, percent in ((figures.low, 5), (figures.median, 50), (figures.high, 95)):
            around = np.percentile(found, [max(percent - 3, 0), min(percent + 3, 100)])
            assert around[0] <= price <= around[1], (figures.path, percent)
    assert len(kind_stats(spec, 9)) == len(spec.categories)
    for label, share in label_shares(spec).items():
        named = batch["category3_code"].isna() if label == "N.A." else batch["category3_code"] == label
        assert named.mean() == pytest.approx(share, rel=0.1)


def test_price_ranges_of_a_spec_with_distinct_titles_need_no_titles() -> None:
    """They are of designs anywhere: the titles of each would need those of all designs before it."""
    spec = load("sportswear", "catalog")
    before = _count_attempts.cache_info().misses
    distinct = kind_stats(replace(spec, distinct_titles=0.5), 9)
    assert distinct == kind_stats(spec, 9)
    assert _count_attempts.cache_info().misses == before


def test_shares_of_kinds_are_those_of_rows(tmp_path: Path) -> None:
    spec: CatalogSpec = from_document(kinds_document(), "catalog")
    index_N = np.arange(100_000)
    kind_N = sample_kinds(compile_catalog(spec), 1, family_start(spec, 1, index_N))
    figures = kind_stats(spec, 9)
    assert [each.silhouette for each in figures] == ["jeans", "shorts", "jeans", "sneaker", "boot", "tote-bag"]
    assert [each.share for each in figures] == pytest.approx((np.bincount(kind_N) / 100_000).tolist(), rel=0.05)
    assert figures[0].low < figures[0].median < 60 < 300 < figures[2].low
    (tmp_path / "kinds.json").write_text(json.dumps(kinds_document()))
    done = run("check", tmp_path / "kinds.json")
    assert done.exit_code == 0, done.output
    for word in ("jeans", "shorts", "sneaker", "boot", "tote-bag", "3 categories"):
        assert word in done.stdout


def test_sheet_has_two_rows_of_four_with_captions(tmp_path: Path) -> None:
    done = run("check", "demo", "--sheet", tmp_path / "sheet.jpg")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        pixels = np.asarray(sheet.convert("L"))
    height, width = pixels.shape
    assert width == 4 * 224
    caption = pixels[height // 2 - 20 : height // 2, :224]
    assert caption.max() > 250
    assert caption.min() < 140, "nothing is written below the picture"


def test_sheet_must_be_jpeg_or_png(tmp_path: Path) -> None:
    done = run("check", "demo", "--sheet", tmp_path / "sheet.gif")
    assert done.exit_code == 1
    assert "name it sheet.jpg" in done.stderr


def test_font_supports() -> None:
    assert font_supports("Black Wool Coat, $1,290")
    assert not font_supports("ウール コート")
    assert not font_supports("\u20b91,29,999")


def test_long_captions_are_truncated(tmp_path: Path) -> None:
    card = Card(image=Image.new("RGB", (112, 112), "red"), title="very long " * 20, subtitle="short")
    sheet = np.asarray(contact_sheet([card], columns=2))
    assert (sheet[112:, 109:] == 255).all(), "the caption runs into its neighbour"


def read_back(lines: Iterator[list[Any]], edge: int) -> list[Any]:
    """Return the colours of half blocks as rows of pixels, two per line; skip lines of text."""
    pixels = []
    for line in lines:
        cells = [segment for segment in line if segment.text == "\u2580"]
        if cells:
            pixels.append([tuple(cell.style.color.triplet) for cell in cells])
            pixels.append([tuple(cell.style.bgcolor.triplet) for cell in cells])
    return pixels


def test_half_blocks_match_image() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    picture = Image.fromarray(noise)
    edge = (80 + 1) // 4 - 1
    shown = np.array(read_back(half_block_lines([picture] * 4, 80), edge))
    small = np.asarray(picture.resize((19, 20), Image.Resampling.BOX))
    assert shown.shape == (20, 4 * edge, 3)
    for place in range(4):
        assert np.abs(shown[:, place * edge : (place + 1) * edge] - small.astype(int)).max() == 0


@pytest.mark.parametrize(("width", "columns"), [(20, 2), (80, 4), (150, 4), (210, 8)])
def test_half_block_lines_fit_terminal_width(width: int, columns: int) -> None:
    pictures = [Image.new("RGB", (112, 112), (number, 0, 0)) for number in range(8)]
    lines = ["".join(segment.text for segment in line) for line in half_block_lines(pictures, width)]
    assert max(cell_len(line) for line in lines) <= width
    numbered = [line.split() for line in lines if line.split()[0].isdigit()]
    assert numbered[0] == [str(number) for number in range(1, columns + 1)]
    assert len(numbered) == 8 // columns


def in_terminal(*arguments: str, **environment: str) -> str:
    """Return what a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    own = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
    own |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LINES": "40", **environment}
    command = [sys.executable, "-c", "import os; os.environ['COLUMNS'] = '80'; from toile.cli import main; main()"]
    process = subprocess.Popen([*command, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=own, cwd=ROOT)
    os.close(theirs)
    written = b""
    while chunk := _read(ours):
        written += chunk
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return written.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other end is closed
        return b""


def test_terminal_shows_images_within_width(tmp_path: Path) -> None:
    file = tmp_path / "tea.yaml"
    file.write_text(starter_spec("tea", market="JP", silhouettes=(), kind="home-beauty", price="middle"))
    written = in_terminal("check", str(file))
    assert "\u2580" in written
    assert re.search(r"\x1b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m\u2580", written)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert max(cell_len(line) for line in plain.splitlines()) <= 80
    uncoloured = in_terminal("check", str(file), NO_COLOR="1")
    assert "\u2580" not in uncoloured
    assert "--sheet" in uncoloured


def test_without_terminal_prints_tables_and_hint() -> None:
    done = run("check", "sportswear")
    assert "\u2580" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "--sheet FILE.jpg" in done.stderr


@pytest.mark.parametrize("preset", sorted(p.stem for p in PRESETS.glob("*.yaml") if not p.stem.endswith("-run")))
def test_every_preset_passes_check(preset: str) -> None:
    done = run("check", preset, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["name"]


def test_specs_in_docs_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "catalog-spec.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block, encoding="utf-8")
        done = run("check", tmp_path / f"{number}.yaml", "--json")
        assert done.exit_code == 0, done.output


def test_docs_show_titles_of_markets(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "catalog-spec.md").read_text(encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0])
    document = read_document(tmp_path / "spec.yaml")
    for market in MARKET_CODES:
        spec = from_document({**document, "shop": {**document["shop"], "market": market}}, "catalog")
        wanted = {"material": "wool", "pattern": "check", "colour": "black"}
        found = next(p for p in products(spec, 0, 0, 2000) if (p.attributes or {})["choices"] == wanted)
        assert re.search(rf"^\| {market} \|.*\| {re.escape(str(found.title))} \|$", page, re.MULTILINE), found.title
