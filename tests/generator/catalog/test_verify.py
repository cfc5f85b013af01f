"""Verify a catalog against its manifest and spec: all planted damage is found, an intact folder has no findings."""

import dataclasses
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from generator import GenerateInputs, write_shards
from generator.catalog.verify import verify
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, load_manifest
from schemas.util.files import write_json
from tests.conftest import PRESETS
from tests.helpers import shard_fixture
from toile.cli import main

NUM_PRODUCTS = 20


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("verify") / "intact"
    write_shards(inputs(), out)
    return out


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "copy"))


def inputs(**changes: Any) -> GenerateInputs:
    document = read_document(PRESETS / "demo.yaml")
    facts = {"spec_document": document, "seed": 4, "start": 7, "num_products": NUM_PRODUCTS, "image_size": 48}
    return GenerateInputs(**{**facts, **changes})


def problems(folder: Path, **options: Any) -> list[str]:
    return [f"{each.where}: {each.problem}" for each in verify(folder, **options).findings]


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table], split: str = "train") -> str:
    """Change the rows of a file, update the manifest to match, and return the file's name."""
    document = json.loads((folder / MANIFEST).read_text())
    entry = next(each for each in document["files"] if each["split"] == split)
    path = folder / entry["path"]
    table = change(pq.read_table(path))
    pq.write_table(table, path, row_group_size=100, write_page_checksum=True)
    entry |= {
        "num_rows": table.num_rows,
        "num_bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    write_json(folder / MANIFEST, document)
    return str(entry["path"])


def with_column(table: pa.Table, name: str, change: Callable[[list[Any]], list[Any]]) -> pa.Table:
    values = pa.array(change(table[name].to_pylist()), table.schema.field(name).type)
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)


def test_intact_folder_has_no_findings(intact: Path) -> None:
    found = verify(intact, sample=NUM_PRODUCTS + 1)
    assert found.findings == ()
    assert (found.num_rows, found.num_redrawn, found.byte_for_byte) == (NUM_PRODUCTS, NUM_PRODUCTS, True)


def test_rows_without_images_and_of_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.catalog.shards.PRODUCTS_PER_SHARD", {True: 500, False: 70})
    write_shards(inputs(num_products=300, image_size=None), tmp_path / "rows")
    found = verify(tmp_path / "rows", sample=300)
    assert (found.findings, found.num_redrawn) == ((), 300)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), "bytes, not"),
        (lambda path: path.write_bytes(flip(path.read_bytes())), "sha256 differs"),
    ],
    ids=["missing", "cut", "flipped"],
)
def test_a_damaged_file_is_found(folder: Path, damage: Callable[[Path], object], said: str) -> None:
    (path,) = folder.glob("data/validation-*")
    damage(path)
    (problem,) = problems(folder)
    assert problem.startswith(f"data/{path.name}: ")
    assert said in problem


def test_catalog_with_scenarios_has_no_findings(tmp_path: Path) -> None:
    document = {**read_document(PRESETS / "demo.yaml"), "scenarios": {"all": 0.02}}
    write_shards(inputs(spec_document=document, num_products=200, image_size=None), tmp_path / "faulty")
    found = verify(tmp_path / "faulty", sample=200)
    assert found.findings == ()
    assert found.num_rows > 200
    assert found.num_redrawn == 200


def flip(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_unlisted_file_is_found(folder: Path) -> None:
    (path,) = folder.glob("data/validation-*")
    shutil.copy(path, folder / "data" / "train-00007-of-00008.parquet")
    assert problems(folder) == [
        "data/train-00007-of-00008.parquet: is not in the manifest, although it is in the data folder"
    ]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("full_price", lambda prices: [prices[0] + 10, *prices[1:]], "full_price is"),
        ("title", lambda titles: [titles[0].upper(), *titles[1:]], "title is"),
        ("product_code", lambda codes: ["1" + codes[0], *codes[1:]], "is missing"),
        ("attributes", lambda texts: [texts[0].replace("}", " }"), *texts[1:]], "attributes is"),
    ],
)
def test_a_changed_row_is_found(folder: Path, name: str, change: Callable[[Any], Any], said: str) -> None:
    path = rewrite(folder, lambda table: with_column(table, name, change))
    (problem,) = problems(folder, sample=NUM_PRODUCTS)
    assert problem.startswith(f"{path}: product ")
    assert said in problem


def brighten(images: list[dict[str, Any]], by: int) -> list[dict[str, Any]]:
    """Change the first image by some grey levels, losslessly."""
    pixels = np.asarray(Image.open(io.BytesIO(images[0]["bytes"])).convert("RGB"), np.int16)
    changed = Image.fromarray(np.where(pixels > 127, pixels - by, pixels + by).astype(np.uint8))
    buffer = io.BytesIO()
    changed.save(buffer, "PNG")
    return [{**images[0], "bytes": buffer.getvalue()}, *images[1:]]


@pytest.mark.parametrize(("by", "same_versions", "num_found"), [(1, True, 1), (1, False, 0), (9, False, 1)])
def test_images_are_compared_as_versions_allow(folder: Path, by: int, same_versions: bool, num_found: int) -> None:
    rewrite(folder, lambda table: with_column(table, "image", lambda images: brighten(images, by)))
    if not same_versions:
        document = json.loads((folder / MANIFEST).read_text())
        document["versions"]["pillow"] = "1.0"
        write_json(folder / MANIFEST, document)
    found = verify(folder, sample=NUM_PRODUCTS)
    assert found.byte_for_byte is same_versions
    assert len(found.findings) == num_found
    assert all("image" in each.problem for each in found.findings)


def test_undecodable_image_differs_under_any_version(folder: Path) -> None:
    rewrite(folder, lambda t: with_column(t, "image", lambda all_: [{**all_[0], "bytes": b"none"}, *all_[1:]]))
    document = json.loads((folder / MANIFEST).read_text())
    document["versions"]["numpy"] = "1.0"
    write_json(folder / MANIFEST, document)
    assert len(problems(folder, sample=NUM_PRODUCTS)) == 1


def test_columns_and_types_equal_the_schema(folder: Path) -> None:
    path = rewrite(folder, lambda table: table.drop_columns(["brand"]))
    assert any(problem.startswith(f"{path}: has the columns") for problem in problems(folder, sample=0))


def test_a_family_in_the_wrong_split_is_found(folder: Path) -> None:
    stranger = pq.read_table(next(folder.glob("data/test-*")))["family"][0].as_py()
    path = rewrite(folder, lambda t: with_column(t, "family", lambda all_: [stranger, *all_[1:]]))
    assert f"{path}: contains 1 families of another split, such as {stranger}" in problems(folder, sample=0)


@pytest.mark.parametrize("codes", [["20", "9", "20", "11"], ["x-1", "007", "x-1", "7"]], ids=["numbers", "words"])
def test_a_code_used_twice_is_found_among_numbers_and_words(
    codes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.catalog.verify._CODES_IN_MEMORY", 1)
    rows = [dataclasses.replace(p, product_code=c) for p, c in zip(shard_fixture.products(4), codes, strict=True)]
    shards = shard_fixture.write_shards(tmp_path / "shards", rows)
    repeated = [problem for problem in problems(shards) if problem.startswith("product ")]
    assert repeated == [f"product {codes[0]}: appears 2 times"]


def test_the_command_lists_findings_and_fails(folder: Path) -> None:
    good = CliRunner().invoke(main, ["verify", str(folder), "--sample", "3"])
    assert (good.exit_code, good.stdout.strip()) == (
        0,
        f"3 files, {NUM_PRODUCTS} rows read, 3 products generated again and compared byte for byte: 0 findings",
    )
    (path,) = folder.glob("data/test-*")
    path.unlink()
    bad = CliRunner().invoke(main, ["verify", str(folder), "--json"])
    assert bad.exit_code == 1
    (finding,) = json.loads(bad.stdout)["findings"]
    assert finding == {"where": f"data/{path.name}", "problem": "is missing"}
    assert "1 findings, the first" in bad.stderr


def test_an_unfinished_folder_is_an_error(folder: Path) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    write_json(folder / MANIFEST, {**document, "finished": False})
    with pytest.raises(ToileError, match="is unfinished"):
        verify(folder)
    assert not load_manifest(folder / MANIFEST).finished
