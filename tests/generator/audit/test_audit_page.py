"""The command `toile audit`: files, exit codes, errors; the page agrees with the document and escapes real text."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from generator.audit.run import (
    audit,
    display_name,
    format_audit,
    format_number,
    plot_boxes,
    plot_prices,
    plot_roc,
    plot_shares,
)
from generator.catalog.generate import generate
from generator.catalog.shards import GenerateInputs, write_shards
from generator.fit import FitOptions
from generator.fit.fit_spec import fit, write_spec
from generator.render import draw
from schemas.audit import AUDIT, MARGINS, Check, load_audit
from schemas.errors import ToileError
from schemas.product import Product
from schemas.validation import load
from tests.helpers.audit_tables import encode_jpeg, generate_rows, plant_copies, sample_train_rows, shop_document
from tests.helpers.browser import find_chromium, open_browser
from tests.helpers.shard_fixture import write_shards as write_rows
from toile.cli import main

NUM = 400


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def real_rows() -> list[Product]:
    rows = generate_rows(0, NUM)
    rows[0] = replace(rows[0], title="<script>alert(1)</script> & Coat")
    return rows


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, real_rows: list[Product]) -> Path:
    return write_rows(tmp_path_factory.mktemp("audit") / "real", real_rows)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory, real: Path) -> tuple[Path, Result]:
    """The audit of an independent synthetic catalog."""
    out = tmp_path_factory.mktemp("audit") / "out"
    synthetic = write_rows(out.with_name("twin"), generate_rows(1, NUM))
    return out, run("audit", "--real", real, "--synthetic", synthetic, "--out", out)


def test_audit_of_an_honest_catalog_passes_and_writes_a_valid_document(honest: tuple[Path, Result]) -> None:
    out, result = honest
    assert result.exit_code == 0, result.output
    document = load_audit(out / AUDIT)
    assert document.passed
    assert document.num_real == NUM
    assert [check.name for check in document.checks if check.kind == "fidelity"] == list(MARGINS)
    assert all(isinstance(check, Check) for check in document.checks)
    for check in document.checks:
        described = re.search("(lower|higher) is better.* real (against|train)", check.meaning, re.IGNORECASE)
        assert check.status == "not applicable" or described, check
    assert "Privacy: all" in result.output
    assert result.stdout.startswith("Quality: 0.")


def test_terminal_shows_the_headline_then_failed_checks_in_columns(honest: tuple[Path, Result]) -> None:
    document = load_audit(honest[0] / AUDIT)
    bad = replace(document.checks[-1], passed=False)
    lines = format_audit(replace(document, passed=False, checks=(*document.checks[:-1], bad)))
    assert lines[0].startswith("Quality: ")
    assert max(map(len, lines)) <= 100
    table = lines[lines.index("") :]
    assert table[1].split() == ["check", "value", "passes", "real"]
    assert table[2].startswith("FAIL          fidelity  price error")
    assert " ".join(" ".join(table[3:]).split()).startswith(bad.meaning)
    rows = [line for line in table[2:] if line.startswith(("FAIL", "ok", "inconclusive"))]
    assert len(rows) == sum(check.status != "not applicable" for check in document.checks)
    assert len({len(line) for line in rows}) == 1
    assert lines[-1].strip().endswith(".")


def test_page_agrees_with_the_document_and_refers_to_nothing_else(honest: tuple[Path, Result]) -> None:
    out, _ = honest
    page = (out / "report.html").read_text()
    document = load_audit(out / AUDIT)
    for check in document.checks:
        assert f"<b>{display_name(check.name)}</b>" in page
        assert check.meaning.split("'")[0].split("<")[0] in page.replace("&#39;", "'")
        if check.value is not None:
            assert f">{format_number(check.value)}<" in page
    assert not re.search(r"""href=|src=(?!"data:image/jpeg;base64,)|@import|url\(|<script""", page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert page.count('class="bar side0"') == page.count('class="bar side1"') > 40
    assert page.count('class="median side1"') == 12
    assert page.count("<figure>") == 9  # quality, prices, boxes, shares of five columns, ROC
    assert document.quality is not None
    assert f"{document.quality.score:.3f}" in page
    assert page.count('class="pair"') == 8
    assert "2312.05114" in page


def test_audit_of_a_leak_exits_one_and_escapes_the_title(tmp_path: Path, real: Path, real_rows: list[Product]) -> None:
    stolen = real_rows[:1] + plant_copies(generate_rows(1, NUM), sample_train_rows(real_rows, 0.2))[1:]
    synthetic = write_rows(tmp_path / "twin", stolen)
    result = run("audit", "--real", real, "--synthetic", synthetic, "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    document = load_audit(tmp_path / "out" / AUDIT)
    assert not document.passed
    assert {"replayed_rows", "verbatim_products"} <= {check.name for check in document.checks if check.passed is False}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    again = run("audit", "--real", real, "--synthetic", synthetic, "--out", tmp_path / "out")
    assert again.exit_code == 1
    assert "exists already" in again.output


def test_small_catalog_is_inconclusive_and_says_what_is_excluded(tmp_path: Path) -> None:
    real, twin = (write_rows(tmp_path / name, generate_rows(seed, 110)) for seed, name in ((0, "real"), (1, "twin")))
    result = run("audit", "--real", real, "--synthetic", twin, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    document = load_audit(tmp_path / "out" / AUDIT)
    assert (document.verdict, document.passed) == ("inconclusive", True)
    assert document.smallest_verbatim_leak is not None
    assert document.smallest_verbatim_leak > document.bounds.smallest_verbatim_leak
    size = f"{document.smallest_verbatim_leak:.1%} of the real rows"
    assert size in " ".join(result.output.split())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h1>Inconclusive: privacy" in page
    assert size in page


def test_private_twin_does_not_fail_and_wrong_input_is_told_apart_from_a_leak(tmp_path: Path) -> None:
    rows = generate_rows(0, 300)
    real = write_rows(tmp_path / "real", rows)
    paths = sorted({(row.category1_code, row.category2_code, row.category3_code) for row in rows}, key=str)
    (tmp_path / "menu.yaml").write_text("".join(f"- {' > '.join(map(str, path))}\n" for path in paths))
    spec, twin = tmp_path / "private.yaml", tmp_path / "twin"
    fitted = run(
        *("fit", real, "--out", spec, "--epsilon", 2, "--categories", tmp_path / "menu.yaml"),
        *("--price-range", "50:9000", "--currency", "USD", "--no-images"),
    )
    assert fitted.exit_code == 0, fitted.output
    generate(spec, twin, num_products=300, seed=5, image_size=None, num_workers=1)
    audited = ("audit", "--real", real, "--synthetic", twin)
    result = run(*audited, "--spec", spec, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert load_audit(tmp_path / "out" / AUDIT).verdict != "fail"
    assert run(*audited).exit_code == 2  # no --out
    assert run(*audited, "--out", tmp_path / "out2", "--gate", "none").exit_code == 2
    train = [row for row in rows if row.split == "train"]
    for name, bad, hint in (
        ("no holdout", train, "in validation and test together"),
        ("one row", rows[:1], "an audit needs 8 or more"),
    ):
        folder = write_rows(tmp_path / name, bad)
        result = run("audit", "--real", folder, "--synthetic", twin, "--out", tmp_path / "out3")
        assert (result.exit_code, (tmp_path / "out3" / AUDIT).exists()) == (1, False)
        assert hint in " ".join(result.output.split())


@pytest.mark.parametrize("lost", [("title",), ("full_price", "price"), ("category1_code", "category3_code")])
def test_catalogs_without_a_column_are_audited(tmp_path: Path, lost: tuple[str, ...]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(lost)
    for sides in ((0, 1), (1,)):
        folders = []
        for seed in (0, 1):
            rows = generate_rows(seed, 120)
            kept = [replace(row, **nothing) for row in rows] if seed in sides else rows
            folders.append(write_rows(tmp_path / f"{len(sides)}-{seed}", kept))
        assert audit(*folders, num_splits=2).passed


def test_gate_selects_the_checks_that_decide(tmp_path: Path, real: Path) -> None:
    dear = [
        replace(row, full_price=(row.full_price or 1) * 3, price=(row.price or 1) * 3) for row in generate_rows(1, NUM)
    ]
    synthetic = write_rows(tmp_path / "twin", dear)
    both = audit(real, synthetic, gate="both", num_splits=6)
    assert not both.passed
    assert {check.kind for check in both.checks if check.status == "fail"} == {"fidelity"}
    by_default = replace(both, gate="privacy", passed=True)
    assert "this does not decide the exit code" in " ".join(" ".join(format_audit(by_default)).split())
    assert "this does not decide" not in " ".join(" ".join(format_audit(both)).split())


def test_fitted_spec_is_fitted_again_and_another_spec_is_refused(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "real", generate_rows(0, NUM))
    write_spec(fit(folder, FitOptions(images=False)), tmp_path / "twin.yaml")
    spec = load(tmp_path / "twin.yaml", "catalog")
    generate(tmp_path / "twin.yaml", tmp_path / "twin", num_products=NUM, seed=5, image_size=None, num_workers=1)
    found = audit(folder, tmp_path / "twin", spec=spec, num_refits=3, num_splits=3)
    assert found.passed
    checks = {check.name: check for check in found.checks}
    for name in ("string_support", "canaries", "refit_strings", "refit_shares"):
        assert checks[name].passed is True
    assert checks["string_support"].figures["real_strings"] > 10
    assert 0 < checks["refit_shares"].figures["moved"] < 0.5
    edited = replace(spec, prices=replace(spec.prices, bands=()))
    for other, why in ((load("sportswear", "catalog"), "was generated from twin"), (edited, ": prices differ")):
        with pytest.raises(ToileError, match=why) as caught:
            audit(folder, tmp_path / "twin", spec=other, spec_name="twin.yaml")
        assert caught.value.where == "--spec twin.yaml"


def test_images_are_compared_if_both_folders_have_some(tmp_path: Path) -> None:
    document: dict[str, Any] = shop_document()
    for seed, num, folder in ((0, 130, "real"), (1, 30, "twin")):
        inputs = GenerateInputs(spec_document=document, seed=seed, start=0, num_products=num, image_size=64)
        write_shards(inputs, tmp_path / folder)
    out = tmp_path / "out"
    found = audit(tmp_path / "real", tmp_path / "twin", out=out, num_splits=3)
    assert found.passed
    checks = {check.name: check for check in load_audit(out / AUDIT).checks}
    assert checks["copied_pictures"].passed is True
    assert checks["copied_pictures"].figures["threshold"] > 0.6
    page = (out / "report.html").read_text()
    assert "opens no image file" in page
    assert page.count('src="data:image/jpeg;base64,') == 2 * page.count('class="pair"') == 32


def test_texts_in_image_files_are_searched(tmp_path: Path) -> None:
    """The title of a real product in a comment, and a real code in EXIF."""
    rows = [replace(row, image=encode_jpeg(draw(row, 32), 80)) for row in generate_rows(0, 130)]
    titles = [row.title for row in rows]
    alone = [row for row in rows if titles.count(row.title) == 1 and len((row.title or "").split()) > 3]
    twin = [replace(row, image=encode_jpeg(draw(row, 32), 80)) for row in generate_rows(1, 30)]
    exif = Image.Exif()
    exif[0x010E] = f"shot of {alone[1].product_code}"
    metadata: tuple[dict[str, Any], ...] = ({"comment": f"{alone[0].title}, front".encode()}, {"exif": exif})
    for place, options in enumerate(metadata):
        file = io.BytesIO()
        Image.open(io.BytesIO(twin[place].image or b"")).save(file, "JPEG", **options)
        twin[place] = replace(twin[place], image=file.getvalue())
    found = audit(write_rows(tmp_path / "real", rows), write_rows(tmp_path / "twin", twin), num_splits=2)
    hits = {(hit.check, hit.text) for hit in found.hits if hit.check.startswith("embedded")}
    assert hits == {("embedded_titles", alone[0].title), ("embedded_codes", alone[1].product_code)}


@pytest.mark.system
@pytest.mark.parametrize(("width", "height"), [(1200, 900), (400, 800)])
def test_page_fits_its_window(tmp_path: Path, honest: tuple[Path, Result], width: int, height: int) -> None:
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium")
    with open_browser(binary, tmp_path) as window:
        window.size(width, height)
        window.open((honest[0] / "report.html").resolve())
        assert window.js("document.documentElement.scrollWidth") == width
        assert window.errors() == []


def test_plots_without_values_are_empty() -> None:
    assert plot_prices([], [1.0]) == ""
    assert plot_roc(()) == ""
    assert "polyline" in plot_prices([10.0, 20.0], [15.0])
    assert plot_shares("words", []) == ""
    assert plot_boxes("prices", [("coats", np.zeros(0), np.array([np.nan]))]) == ""


def test_charts_show_what_they_compare() -> None:
    bars = plot_shares("words", [("<b>", 0.5, 0.25), ("a very long name of a category", 0.0, 0.02)])
    assert "&lt;b&gt;" in bars
    assert "a very long name of…" in bars
    widths = [
        float(points.split()[1].split(",")[0]) - float(points.split()[0].split(",")[0])
        for points in re.findall(r'class="bar side[01]" points="([^"]*)"', bars)
    ]
    assert widths == pytest.approx([242, 121, 0, 9.7], abs=0.2)
    prices = np.exp(np.linspace(0, 4, 101))
    boxes = plot_boxes("prices", [("coats", prices, prices * 2), ("bags", prices, np.zeros(0))])
    edges = [float(points.split(",")[0]) for points in re.findall(r'class="box side[01]" points="([^"]*)"', boxes)]
    assert len(edges) == 3
    assert edges[0] == edges[2] < edges[1]
