"""Scenarios: clean rows are unchanged, every faulty row is listed with its true values, in any number of processes."""

import difflib
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

import generator.catalog.shards
from evaluation.run import upper_bound
from finetune.data_mix import find_source
from generator.catalog.shards import GenerateInputs, write_shards
from generator.catalog.storage import Folder
from generator.faults.scenarios import (
    GROUPS,
    KINDS,
    FaultPlan,
    make_plan,
    merge_scenarios,
    resolve_shares,
)
from generator.faults.scoring import FAULTS_FILE, read_faults
from generator.pages.describe import describe
from generator.sampling.counterfactuals import make_renderer
from generator.sampling.prices import list_price_points
from generator.sampling.products import rows
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import load_manifest, read_manifest
from schemas.product import COLUMNS
from schemas.validation import from_document
from tests.helpers import small_shards

Row = dict[str, Any]
NAMES = [kind.name for kind in KINDS]
MANY = 3000
NO_IMAGES = [kind.name for kind in KINDS if kind.column != "image"]


def read_rows_of(folder: Path) -> list[Row]:
    """Read all rows in the order of their files."""
    files = sorted((folder / "data").iterdir(), key=lambda path: (path.name.split("-")[1], path.name))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def json_value(value: Any) -> Any:
    """Return a value as the list of faults has it."""
    return hashlib.sha256(value["bytes"]).hexdigest() if isinstance(value, dict) else value


def digests(folder: Path) -> dict[str, str]:
    files = [*(folder / "data").iterdir(), folder / FAULTS_FILE]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def with_scenarios(document: Row, shares: dict[str, float]) -> Row:
    return {**document, "scenarios": shares}


def inputs(document: Row, num_products: int, image_size: int | None = None, **changes: Any) -> GenerateInputs:
    values: dict[str, Any] = {"seed": 3, "start": 0, **changes}
    return GenerateInputs(spec_document=document, num_products=num_products, image_size=image_size, **values)


def plan_for(
    document: Row, shares: dict[str, float], num_products: int, start: int = 0
) -> tuple[CatalogSpec, FaultPlan]:
    spec = from_document(with_scenarios(document, shares), "catalog")
    plan = make_plan(spec, seed=3, start=start, num_products=num_products, images=False)
    assert plan is not None
    return spec, plan


@pytest.fixture(scope="module")
def with_images(tmp_path_factory: pytest.TempPathFactory, demo_document: Row) -> Path:
    """Generate the catalog of the fixture `catalog` with every scenario."""
    out = tmp_path_factory.mktemp("scenarios") / "with_images"
    shares = {"all": 0.015, "pictures": 0.035, "huge-picture": 0.015, "duplicates": 0.04}
    write_shards(inputs(with_scenarios(demo_document, shares), 120, 64), out)
    return out


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, demo_document: Row) -> tuple[Path, Path]:
    """Generate many rows without images in several shards, clean and with every scenario that needs no image."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", {True: 40, False: 250})
        write_shards(inputs(demo_document, MANY, start=70), folder / "clean")
        document = with_scenarios(demo_document, {"all": 0.025, "drift": 0.05, "category-split": 0.1})
        write_shards(inputs(document, MANY, start=70), folder / "faulty")
    return folder / "clean", folder / "faulty"


def check_against_clean(clean_folder: Path, folder: Path, start: int, num_products: int) -> Counter[str]:
    """Compare a faulty catalog with the clean one row by row; return the number of faults of each kind."""
    clean, faulty, faults = read_rows_of(clean_folder), read_rows_of(folder), read_faults(folder / FAULTS_FILE)
    codes = [product["product_code"] for product in clean]
    of_code = {row["product_code"]: row for row in clean}
    added = [line for line in faults if line["of_row"] is not None]
    changed = {line["product_code"]: line for line in faults if line["of_row"] is None}
    assert len(faults) == len(added) + len(changed)
    assert len(faulty) == len(clean) + len(added)
    for row in faulty[: len(clean)]:
        line, original = changed.get(row["product_code"]), of_code[row["product_code"]]
        if line is None:
            assert row == original
            continue
        truth = {line["column"]: line["true_value"], "": line["other_true_values"]}
        truth = {line["column"]: json.loads(truth[line["column"]]), **json.loads(truth[""] or "{}")}
        assert {column: json_value(value) for column, value in {**row, **truth}.items()} == {
            column: json_value(value) for column, value in original.items()
        }
        assert json.loads(line["faulty_value"]) == json_value(row[line["column"]]) != json.loads(line["true_value"])
        assert {name for name in row if row[name] != original[name]} == set(truth)
    assert codes == [row["product_code"] for row in faulty[: len(clean)]]
    copies = faulty[len(clean) :]
    by_number = {line["row"]: line for line in faults}
    assert len(by_number) == len(faults)
    assert sorted(by_number) == [line["row"] for line in faults]
    for row in copies:
        (line,) = [line for line in added if line["product_code"] == row["product_code"]]
        assert line["row"] == line["of_row"] + num_products >= start + num_products
        assert line["of_row"] not in by_number
        original = of_code[json.loads(line["true_value"])]
        assert (row["family"], row["split"]) == (original["family"], original["split"])
        if line["kind"] == "duplicate":
            assert row == original
        else:
            assert row["product_code"] not in of_code
            assert row["itemurl"].endswith(f"-p{row['product_code']}")
            assert row["title"] != original["title"]
            alike = difflib.SequenceMatcher(None, row["title"].casefold(), original["title"].casefold())
            assert alike.ratio() > 0.85
            assert 0 < abs(row["full_price"] - original["full_price"]) <= 0.0101 * original["full_price"]
    for line in faults:
        assert any(
            row["product_code"] == line["product_code"] for row in pq.read_table(folder / line["file"]).to_pylist()
        )
        if line["file"] != faults[0]["file"] and len(faults) > 300:
            break  # the others have the same names
    return Counter(line["kind"] for line in faults)


def test_images_and_rows_that_are_not_listed_are_unchanged(catalog: Path, with_images: Path) -> None:
    kinds = check_against_clean(catalog, with_images, 0, 120)
    assert {name for name in GROUPS["pictures"] if kinds[name]} >= {*GROUPS["pictures"]} - {"huge-picture"}


def test_rows_that_are_not_listed_are_unchanged_in_many_shards(many: tuple[Path, Path]) -> None:
    kinds = check_against_clean(*many, 70, MANY)
    assert set(kinds) == set(NO_IMAGES)


def test_copies_follow_the_last_product(many: tuple[Path, Path]) -> None:
    manifest = read_manifest(many[1])
    own = [entry for entry in manifest.files if int(Path(entry.path).name.split("-")[1]) < 12]
    assert sum(entry.num_rows for entry in own) == MANY
    num_copies = sum(line["of_row"] is not None for line in read_faults(many[1] / FAULTS_FILE))
    assert manifest.num_products == MANY + num_copies


def test_every_kind_selects_its_share_of_eligible_rows(demo_document: Row) -> None:
    """The expectation does not depend on the kinds tried before; here within five standard deviations."""
    number = 60_000
    shares = resolve_shares({"all": 0.03, "drift": 0.02}, "test", images=False)
    spec, plan = plan_for(demo_document, shares, number)
    index_N = np.arange(number)
    batch = rows(spec, 3, index_N)
    kind_N = plan.select_rows(batch, index_N)
    for k, kind in enumerate(KINDS):
        if kind.name in shares:
            possible = int(plan._eligible_rows(kind, batch, index_N).sum())
            expected, spread = shares[kind.name] * possible, (shares[kind.name] * possible) ** 0.5
            assert abs(int((kind_N == k).sum()) - expected) < 5 * spread, kind.name


def test_selection_does_not_depend_on_the_range_of_rows(demo_document: Row) -> None:
    spec, plan = plan_for(demo_document, {"all": 0.02, "pictures": 0}, 900)
    index_N = np.arange(900)
    whole = plan.select_rows(rows(spec, 3, index_N), index_N)
    order_N = np.random.default_rng(0).permutation(900)
    parts = [plan.select_rows(rows(spec, 3, part), part) for part in np.array_split(order_N, 7)]
    assert np.array_equal(np.concatenate(parts), whole[order_N])


def test_added_scenario_does_not_change_rows_of_earlier_ones(demo_document: Row) -> None:
    index_N = np.arange(4000)
    few, more = (
        plan_for(demo_document, shares, 4000)
        for shares in ({"missing-title": 0.1, "mojibake": 0.1}, {"missing-title": 0.1, "mojibake": 0.1, "emoji": 0.2})
    )
    before, after = (plan.select_rows(rows(spec, 3, index_N), index_N) for spec, plan in (few, more))
    selected = before >= 0
    assert selected.sum() > 600
    assert np.array_equal(before[selected], after[selected])


def test_processes_and_interruptions_do_not_change_bytes(
    tmp_path: Path, demo_document: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", small_shards.HUNDREDS)
    wanted = inputs(with_scenarios(demo_document, {"missing": 0.02, "duplicates": 0.02, "drift": 0.01}), 900)
    assert (wanted.num_product_shards, wanted.num_shards) == (2, 3)
    with monkeypatch.context() as patched:
        patched.setattr(generator.catalog.shards, "write_shard", small_shards.write_shard_of_hundreds)
        write_shards(wanted, tmp_path / "two", num_workers=2)
    real = generator.catalog.shards.write_shard
    written: list[int] = []

    def failing(wanted: GenerateInputs, shard: int, out: Folder) -> int:
        if len(written) == 2:
            raise ToileError("test", "stopped", "go on")
        written.append(real(wanted, shard, out))
        return shard

    with monkeypatch.context() as patched:
        patched.setattr(generator.catalog.shards, "write_shard", failing)
        with pytest.raises(ToileError, match="stopped"):
            write_shards(wanted, tmp_path / "one")
    assert not (tmp_path / "one" / FAULTS_FILE).exists()
    (tmp_path / "one" / ".receipts" / "00000.faults.parquet").unlink()  # as if the disk had lost it
    write_shards(wanted, tmp_path / "one")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not (tmp_path / "one" / ".receipts").exists()


def test_catalog_without_scenarios_is_unchanged(tmp_path: Path, demo_document: Row) -> None:
    assert merge_scenarios(demo_document, (), images=True) is demo_document
    keys = {"spec_document", "seed", "start", "num_products", "image_size", "spec_sha256"}
    assert inputs(demo_document, 20).as_manifest().keys() == keys
    for name, document in (("plain", demo_document), ("none", with_scenarios(demo_document, {"all": 0}))):
        write_shards(inputs(document, 20), tmp_path / name)
        assert not (tmp_path / name / "extra").exists()
        assert read_manifest(tmp_path / name).extra == ()
    assert read_rows_of(tmp_path / "plain") == read_rows_of(tmp_path / "none")


def test_manifest_without_scenarios_still_loads(catalog: Path, tmp_path: Path) -> None:
    document = json.loads((catalog / "manifest.json").read_text())
    del document["extra"]
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    assert load_manifest(tmp_path / "manifest.json") == load_manifest(catalog / "manifest.json")


def test_manifest_lists_the_faults_file_and_its_loss_is_noticed(tmp_path: Path, demo_document: Row) -> None:
    wanted = inputs(with_scenarios(demo_document, {"missing": 0.1}), 40)
    manifest, _ = write_shards(wanted, tmp_path / "out")
    content = (tmp_path / "out" / FAULTS_FILE).read_bytes()
    (entry,) = manifest.extra
    assert (entry.path, entry.num_bytes) == (FAULTS_FILE, len(content))
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    assert entry.num_rows == len(read_faults(tmp_path / "out" / FAULTS_FILE)) > 0
    assert f"lists the {entry.num_rows} rows that are faulty on purpose" in (tmp_path / "out" / "README.md").read_text()
    (tmp_path / "out" / FAULTS_FILE).unlink()
    with pytest.raises(ToileError, match="is missing, although") as caught:
        write_shards(wanted, tmp_path / "out")
    assert caught.value.where.endswith(FAULTS_FILE)
    write_shards(wanted, tmp_path / "out", force=True)
    assert (tmp_path / "out" / FAULTS_FILE).read_bytes() == content
    write_shards(inputs(demo_document, 40), tmp_path / "out", force=True)
    assert not (tmp_path / "out" / FAULTS_FILE).exists()


def test_drift_changes_the_last_third_and_keeps_price_points(many: tuple[Path, Path], demo_document: Row) -> None:
    spec: CatalogSpec = from_document(demo_document, "catalog")
    legal = set(list_price_points(spec.prices, 1e5).tolist())
    by_code = {row["product_code"]: row for row in read_rows_of(many[1])}
    drifted = [line for line in read_faults(many[1] / FAULTS_FILE) if line["kind"] in GROUPS["drift"]]
    assert min(line["row"] for line in drifted) >= 70 + 2000
    for line in drifted:
        row, old = by_code[line["product_code"]], json.loads(line["true_value"])
        match line["kind"]:
            case "price-rise":
                assert row["full_price"] in legal
                assert row["price"] in legal
                assert old < row["full_price"]
                assert row["price"] <= row["full_price"]
                assert row["competence_date"] == "2027-04-01"
            case "new-season":
                assert row["title"] == f"Spring {old}"
                assert row["competence_date"] == "2027-04-01"
            case "category-split":
                leaves = {old.split()[-1], row["category3_code"].split()[-1]}
                assert len(leaves) == 1
                value = json.loads(row["attributes"])["choices"]["material"].upper()
                assert row["category3_code"].split()[0] in (value, "OTHER")
                assert "," not in row["category3_code"]
    assert {line["faulty_value"] for line in drifted if line["kind"] == "category-split"} == {
        f'"{word} {old}"'
        for line in drifted
        if line["kind"] == "category-split"
        for old in [json.loads(line["true_value"])]
        for word in ("COTTON", "OTHER")
    }


def test_outlier_prices_and_currency_slips(many: tuple[Path, Path]) -> None:
    by_code = {row["product_code"]: row for row in read_rows_of(many[1])}
    for line in read_faults(many[1] / FAULTS_FILE):
        row = by_code[line["product_code"]]
        if line["kind"] == "outlier-price":
            ratio = row["full_price"] / json.loads(line["true_value"])
            assert min(abs(ratio / factor - 1) for factor in (0.01, 0.1, 10, 100)) < 0.01
            assert abs(row["full_price_eur"] - row["full_price"] * 0.92251) <= 0.011
        if line["kind"] == "currency-slip":
            assert row["currency_code"] == "USD"
            true_euros = json.loads(line["true_value"]) * 0.92251
            assert abs(row["full_price_eur"] - true_euros) <= 0.011
            assert abs(row["full_price"] / json.loads(line["true_value"]) - 1) > 0.03


def test_title_faults_in_every_form(many: tuple[Path, Path]) -> None:
    lines = [line for line in read_faults(many[1] / FAULTS_FILE) if line["kind"] in GROUPS["text"]]
    forms = {line["kind"]: {each["form"] for each in lines if each["kind"] == line["kind"]} for line in lines}
    assert forms["mojibake"] == {"sign", "no-break space", "accent", "replacement character"}
    assert forms["right-to-left"] == {"arabic", "hebrew", "mark", "override"}
    assert len(forms["emoji"]) == 6
    lengths = [len(json.loads(line["faulty_value"])) for line in lines if line["kind"] == "long-title"]
    assert min(lengths) >= 490
    assert max(lengths) <= 5000


def test_datasets_and_describe_read_a_faulty_catalog(with_images: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(with_images), cache_dir=str(tmp_path))
    assert sum(len(part) for part in loaded.values()) == read_manifest(with_images).num_products
    assert list(loaded["train"].features) == list(COLUMNS)
    sizes = describe(with_images)["picture_sizes"]
    lines = [line for line in read_faults(with_images / FAULTS_FILE) if line["kind"] == "broken-picture"]
    assert sizes["broken"] == sum(line["form"] in ("empty", "web page") for line in lines) > 0
    assert any(size.endswith(("GIF", "PNG")) for size in sizes)


def test_training_skips_missing_values_and_names_broken_images(with_images: Path) -> None:
    source = find_source(with_images, "train")
    assert source is not None
    train = [row for row in read_rows_of(with_images) if row["split"] == "train"]
    whole = [
        bool(row["title"] and row["category3_code"] and row["full_price"] and row["image"] and row["image"]["bytes"])
        for row in train
    ]
    assert (source.num_examples, source.num_skipped) == (sum(whole), len(whole) - sum(whole))
    faults = read_faults(with_images / FAULTS_FILE)
    codes = {line["product_code"] for line in faults if line["kind"] == "broken-picture"}
    kept = [row["product_code"] for row, there in zip(train, whole, strict=True) if there]
    refused: dict[str, ToileError] = {}
    for k in range(source.num_examples):
        try:
            source.example(k)
        except ToileError as error:
            refused[error.where.removeprefix(f"{with_images}: product ")] = error
    assert refused
    assert refused.keys() <= codes & set(kept)
    assert all(
        "has an image that is broken" in error.problem and "scenario" in error.hint for error in refused.values()
    )


def test_commands_that_rely_on_the_spec_refuse_faulty_rows(
    with_images: Path, tmp_path: Path, demo_document: Row
) -> None:
    with pytest.raises(ToileError, match="faulty on purpose"):
        make_renderer(with_images, 0)
    (tmp_path / "spec.json").write_text(json.dumps(with_scenarios(demo_document, {"emoji": 0.1})))
    with pytest.raises(ToileError, match="not rendered while training"):
        find_source(tmp_path / "spec.json", "train")
    said: list[str] = []
    assert upper_bound(with_images, EvaluationSpec(), [], said.append) is None
    assert "faulty on purpose" in said[0]


def test_memory_and_order_of_added_shards(demo_document: Row) -> None:
    """Copies of ten shards share one shard, and their numbers follow those of the products."""
    wanted = inputs(with_scenarios(demo_document, {"duplicate": 0.1}), 4_010_000)
    assert (wanted.num_product_shards, wanted.num_shards) == (21, 24)
    ranges = [wanted.copied_ranges(shard) for shard in range(21, 24)]
    assert [len(each) for each in ranges] == [10, 10, 1]
    assert [each for part in ranges for each in part] == [wanted.shard_range(shard) for shard in range(21)]
    assert inputs(with_scenarios(demo_document, {"emoji": 0.1}), 4_010_000).num_shards == 21
