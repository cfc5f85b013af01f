"""Exports, read by independent readers where there are any, give back the rows and images."""

import dataclasses
import gc
import itertools
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from generator.export import FORMATS
from generator.export.convert import ConvertOptions, convert
from generator.ingest import ImportOptions
from generator.ingest.import_table import import_table
from schemas.errors import ToileError
from schemas.evaluation import SPLITS
from schemas.images import image_suffix
from schemas.manifest import MANIFEST
from schemas.product import read, to_table
from tests.helpers.nasty_catalog import Rows, expected, file_bytes, write_nasty
from tests.helpers.shard_fixture import image_bytes, in_split, products, relist, write_shards
from toile.cli import main


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a catalog with difficult values; tests must not change it."""
    return write_nasty(tmp_path_factory.mktemp("nasty") / "shards")


def with_objects(rows: Rows) -> Rows:
    """Return the rows with attributes parsed where they are JSON."""
    for row in rows:
        text = row["attributes"]
        row["attributes"] = json.loads(text) if text and text not in ("{broken", "NaN") else text
    return rows


def read_csv(out: Path, source: Path) -> Rows:
    """Read with Arrow, whose CSV reader distinguishes empty from missing text."""
    kinds = {f.name: f.type for f in pq.read_schema(next((source / "data").iterdir())) if f.name != "image"}
    table = pyarrow.csv.read_csv(
        out / "products.csv",
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={**kinds, "image": pa.string()},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return [{**row, "image": file_bytes(out, row["image"])} for row in table.to_pylist()]


def read_jsonl(out: Path, source: Path) -> Rows:
    lines = (out / "products.jsonl").read_text(encoding="utf-8").splitlines()  # splits at every kind of line end
    return [{**row, "image": file_bytes(out, row["image"])} for row in map(json.loads, lines)]


def read_tars(out: Path, source: Path) -> Rows:
    """Read with the standard library: a sample is everything with the same name before the first dot."""
    rows = []
    for split in SPLITS:
        for path in sorted(out.glob(f"{split}-*.tar")):
            with tarfile.open(path) as archive:
                assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in archive} == {(0, 0, 0, "", 0o644)}
                members = [(m.name, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
            for key, sample in itertools.groupby(members, lambda member: member[0].partition(".")[0]):
                content = dict(sample)
                row = json.loads(content.pop(f"{key}.json"))
                assert list(content) == ([] if row["image"] is None else [row["image"]])
                rows.append({**row, "image": content.get(row["image"])})
    return rows


def read_imagefolder(out: Path, source: Path) -> Rows:
    """Read with `datasets`, without decoding images."""
    import datasets

    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(out.parent / "cache"))
    rows = []
    for split in SPLITS:
        for row in loaded[split].cast_column("image", datasets.Image(decode=False)):
            rows.append({**row, "image": row["image"] and Path(row["image"]["path"]).read_bytes()})
    return rows


READERS: dict[str, Callable[[Path, Path], Rows]] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "webdataset": read_tars,
    "imagefolder": read_imagefolder,
}


def run(shards: Path, out: Path, form: str, **options: Any) -> Path:
    convert(shards, out, ConvertOptions(form=form, **options))
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("form", READERS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # datasets leaves files of its cache open
def test_difficult_rows_and_images_are_read_back(nasty: Path, tmp_path: Path, form: str) -> None:
    out = run(nasty, tmp_path / form, form)
    found, wanted = READERS[form](out, nasty), expected(nasty)
    if form in ("jsonl", "webdataset"):
        wanted = with_objects(wanted)
    assert len(found) == len(wanted) > 200
    for row, true in zip(found, wanted, strict=True):
        assert row == true
    assert (out / "extra/faults.parquet").read_bytes() == b"as it is"


@pytest.mark.parametrize("form", READERS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_generated_catalog_is_read_back(catalog: Path, tmp_path: Path, form: str) -> None:
    found, wanted = READERS[form](run(catalog, tmp_path / form, form), catalog), expected(catalog)
    if form == "imagefolder":
        assert (tmp_path / form / "train/metadata.jsonl").is_file()
        for row in found:
            row["competence_date"] = row["competence_date"].date().isoformat()  # datasets parses such text as a date
    assert found == (with_objects(wanted) if form in ("jsonl", "webdataset") else wanted)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves archives open
def test_webdataset_reads_the_archives(nasty: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    out = run(nasty, tmp_path / "out", "webdataset")
    urls = [str(path) for split in SPLITS for path in sorted(out.glob(f"{split}-*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    gc.collect()
    wanted = with_objects(expected(nasty))
    assert len({sample["__key__"] for sample in samples}) == len(samples) == len(wanted)
    for sample, true in zip(samples, wanted, strict=True):
        row = json.loads(sample["json"])
        name = row["image"]
        assert {**row, "image": None} == {**true, "image": None}
        assert (None if name is None else sample[name.rpartition(".")[2]]) == true["image"]


@pytest.mark.parametrize("form", FORMATS)
def test_files_stay_in_the_folder_and_have_distinct_names(nasty: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "deep" / "er" / "out"
    run(nasty, out, form)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    names = [name.lower() for name in contents(out)]
    assert len(names) == len(set(names))
    assert all(not path.is_symlink() for path in out.rglob("*"))


def test_changes_are_counted(nasty: Path, tmp_path: Path) -> None:
    done, _ = convert(nasty, tmp_path / "out", ConvertOptions(form="sql"))
    rows, raw = expected(nasty), [row for row in read_raw_prices(nasty) if row is not None]
    assert done.counts["rows without an image"] == sum(row["image"] is None for row in rows)
    kinds = [image_suffix(row["image"]) for row in rows if row["image"] is not None]
    assert done.counts["images of an unknown kind, named .bin"] == kinds.count(".bin")
    assert done.counts["numbers that were not finite, now empty"] == sum(abs(x) == float("inf") or x != x for x in raw)
    nul = sum("\0" in text for row in rows for text in row.values() if isinstance(text, str))
    assert done.counts["texts with a NUL, which is U+FFFD for PostgreSQL"] == nul > 0
    assert done.num_pictures == len(kinds)
    assert done.picture_bytes == sum(len(row["image"]) for row in rows if row["image"])


def read_raw_prices(shards: Path) -> list[float | None]:
    return [value for row in read_files(shards) for value in (row["full_price"], row["price"])]


def read_files(shards: Path) -> Rows:
    return [row for path in sorted((shards / "data").iterdir()) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_can_be_imported(catalog: Path, tmp_path: Path, form: str) -> None:
    out = run(catalog, tmp_path / form, form)
    options = ImportOptions(columns={}, source="again")
    import_table(out / f"products.{form}", tmp_path / "back", options)
    names = ("title", "category1_code", "category3_code", "full_price", "price", "currency_code", "image")
    before = {row.product_code: [getattr(row, name) for name in names] for row in read(catalog)}
    after = {row.product_code: [getattr(row, name) for name in names] for row in read(tmp_path / "back")}
    assert before == after


def test_pandas_reads_the_csv(catalog: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(run(catalog, tmp_path / "out", "csv") / "products.csv", dtype={"product_code": str})
    assert frame["full_price"].tolist() == [row["full_price"] for row in expected(catalog)]
    assert frame["title"].tolist() == [row["title"] for row in expected(catalog)]
    assert frame["inferable"].dtype == bool


def test_spreadsheet_safe_leaves_no_formula(nasty: Path, tmp_path: Path) -> None:
    plain, safe = run(nasty, tmp_path / "a", "csv"), run(nasty, tmp_path / "b", "csv", spreadsheet_safe=True)
    assert (safe / "products.csv").read_bytes().startswith(b"\xef\xbb\xbfwebsite_name,")
    dangerous = 0
    for before, after in zip(read_csv(plain, nasty), read_csv(safe, nasty), strict=True):
        for name, value in before.items():
            formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} and value != ""
            dangerous += formula
            assert after[name] == (f"'{value}" if formula else value)
    assert dangerous > 20


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_rows_give_the_same_bytes_also_after_a_kill(catalog: Path, tmp_path: Path, form: str) -> None:
    def killed(number: int) -> None:
        if next(count) == 70:
            raise KeyboardInterrupt

    count, options = itertools.count(), ConvertOptions(form=form)
    with pytest.raises(KeyboardInterrupt):
        convert(catalog, tmp_path / "out", options, progress=killed)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.part").is_dir()
    _, written = convert(catalog, tmp_path / "out", options)
    assert written
    run(catalog, tmp_path / "other", form)
    assert contents(tmp_path / "out") == contents(tmp_path / "other")
    assert not (tmp_path / "out.part").exists()
    assert not convert(catalog, tmp_path / "out", options)[1]


def test_finished_export_is_reused_and_another_is_refused(catalog: Path, nasty: Path, tmp_path: Path) -> None:
    out = run(catalog, tmp_path / "out", "csv")
    with pytest.raises(ToileError, match="contains another export"):
        run(nasty, out, "csv")
    with pytest.raises(ToileError, match="contains another export"):
        run(catalog, out, "csv", limit=3)
    next((out / "pictures").iterdir()).unlink()
    with pytest.raises(ToileError, match="missing or new"):
        run(catalog, out, "csv")
    convert(catalog, out, ConvertOptions(form="jsonl"), force=True)
    assert not (out / "products.csv").exists()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ToileError, match=r"mine\.txt, which toile did not write"):
        convert(catalog, out, ConvertOptions(form="csv"), force=True)
    assert (out / "mine.txt").exists()


@pytest.mark.parametrize("force", [False, True])
def test_folder_that_toile_did_not_make_is_never_changed(catalog: Path, tmp_path: Path, force: bool) -> None:
    for name in ("out", "other.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "letter.txt").write_text("dear")
    before = contents(tmp_path)
    for out in (tmp_path / "out", tmp_path / "other", catalog):
        with pytest.raises(ToileError, match="was not made by toile"):
            convert(catalog, out, ConvertOptions(form="csv"), force=force)
    assert contents(tmp_path) == before


def test_split_limit_and_no_images(catalog: Path, tmp_path: Path) -> None:
    out = run(catalog, tmp_path / "a", "jsonl", split="test")
    assert read_jsonl(out, catalog) == with_objects(expected(catalog, "test"))
    out = run(catalog, tmp_path / "b", "jsonl", limit=5)
    assert read_jsonl(out, catalog) == with_objects(expected(catalog))[:5]
    out = run(catalog, tmp_path / "c", "jsonl", pictures=False)
    assert not (out / "pictures").exists()
    assert read_jsonl(out, catalog) == [{**row, "image": None} for row in with_objects(expected(catalog))]
    out = run(catalog, tmp_path / "d", "imagefolder", split="test", limit=2)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "convert.json", "test"]
    assert re.findall("path: (.*)", (out / "README.md").read_text()) == ["test/**"]


@pytest.mark.parametrize(
    ("split", "column", "values"),
    [
        ("test", "title", lambda number: [None] * number),
        ("train", "competence_date", lambda number: ["2026-10-01"] * (number - 1) + ["some day"]),
    ],
)
def test_columns_whose_type_datasets_would_guess_differently_are_read(
    tmp_path: Path, split: str, column: str, values: Callable[[int], list[str | None]]
) -> None:
    rows = [dataclasses.replace(row, competence_date="2026-10-01") for row in products(150, seed=2)]
    shards = write_shards(tmp_path / "shards", rows)
    (path,) = (shards / "data").glob(f"{split}-*")
    table = pq.read_table(path)
    changed = pa.array(values(len(table)), pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, changed), path)
    relist(shards)
    out = run(shards, tmp_path / "out", "imagefolder")
    assert {p.name for p in out.glob("*/metadata.*")} == {"metadata.parquet"}
    assert read_imagefolder(out, shards) == expected(shards)


def test_a_split_without_rows_is_refused(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", in_split(products(3), "train"))
    with pytest.raises(ToileError, match="no rows of the split test"):
        run(shards, tmp_path / "out", "imagefolder", split="test")


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [("row_number", ["x"], "exports use themselves"), ("size", ["x", 1, 1], "in an earlier file")],
)
def test_columns_that_cannot_be_exported_are_refused(
    tmp_path: Path, column: str, values: list[Any], problem: str
) -> None:
    shards = write_shards(tmp_path / "shards", products(60))
    for path, value in zip(sorted((shards / "data").iterdir()), itertools.cycle(values), strict=False):
        table = pq.read_table(path)
        pq.write_table(table.append_column(column, pa.array([value] * len(table))), path)
    relist(shards)
    with pytest.raises(ToileError, match=problem):
        run(shards, tmp_path / "out", "csv")
    assert not (tmp_path / "out.part").exists()


def test_archives_are_split_by_number_and_size(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.export.formats.MAX_ARCHIVE_SAMPLES", 7)
    out = run(catalog, tmp_path / "a", "webdataset", split="train")
    num = len(expected(catalog, "train"))
    assert len(list(out.glob("train-*.tar"))) == -(-num // 7)
    assert read_tars(out, catalog) == with_objects(expected(catalog, "train"))
    monkeypatch.setattr("generator.export.formats.MAX_ARCHIVE_BYTES", 1)
    assert len(list(run(catalog, tmp_path / "b", "webdataset", split="train").glob("*.tar"))) == num


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["convert", *map(str, arguments)])
    return result.exit_code, result.output


def test_command_output_and_errors(nasty: Path, catalog: Path, tmp_path: Path) -> None:
    code, said = invoke(nasty, "--to", "csv", "--out", tmp_path / "a")
    assert code == 0
    assert "numbers that were not finite, now empty" in said
    assert f"{len(expected(nasty))} products" in said
    assert "already there" in invoke(nasty, "--to", "csv", "--out", tmp_path / "a")[1]
    assert invoke(catalog, "--to", "xml", "--out", tmp_path / "b")[0] == 2
    assert invoke(tmp_path / "none", "--to", "csv", "--out", tmp_path / "b")[0] == 2
    for wrong, words in (
        (["--to", "jsonl", "--spreadsheet-safe"], "use it with --to csv"),
        (["--to", "imagefolder", "--no-images"], "choose csv or jsonl"),
    ):
        code, said = invoke(catalog, *wrong, "--out", tmp_path / "b")
        assert code == 1
        assert words in said
    document = json.loads((catalog / MANIFEST).read_text())
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / MANIFEST).write_text(json.dumps({**document, "finished": False}))
    code, said = invoke(tmp_path / "half", "--to", "csv", "--out", tmp_path / "b")
    assert code == 1
    assert "is unfinished" in said
    assert not (tmp_path / "b").exists()


def test_a_failed_export_leaves_nothing_behind(catalog: Path, tmp_path: Path) -> None:
    rows = products(30)
    shards = write_shards(tmp_path / "shards", rows)
    damaged = next((shards / "data").glob("train-*"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    damaged.write_bytes(content)
    with pytest.raises(ToileError, match="is damaged"):
        run(shards, tmp_path / "out", "csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(ToileError, match=r"cannot be written|was not made by toile"):
        run(catalog, tmp_path / "file" / "out", "csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "shards"]


def test_image_bytes_are_those_of_the_row(tmp_path: Path) -> None:
    rows = products(3)
    out = run(write_shards(tmp_path / "shards", rows), tmp_path / "out", "csv")
    assert to_table(rows).num_rows == 3
    for row in rows:
        assert (out / "pictures" / f"{row.product_code}.png").read_bytes() == image_bytes(row.product_code) == row.image
