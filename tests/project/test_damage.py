"""Read damaged files: truncated, or with one bit flipped, at positions that a seed decides.

Every reader names the file in an error, or gives the result of the intact file. None shows a traceback.
"""

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from finetune.data_mix import find_source
from generator.catalog.shards import GenerateInputs, masks_file, read_masks, write_shards
from generator.export.rows import read_columns
from generator.faults.scenarios import merge_scenarios
from generator.faults.scoring import FAULTS_FILE, read_faults
from generator.pages.catalog_page import read_rows
from schemas.errors import ToileError
from schemas.manifest import MANIFEST
from schemas.product import read
from tests.helpers.flows import Flow, convert_flow, evaluate_flow, fit_flow, hash_files, train_flow, write_run_file
from tests.helpers.killing import ForkServer, Interruption, ProcessResult, start_fork_server
from tests.helpers.shard_fixture import relist
from tests.project.test_architecture import PACKAGES, ROOT

pytestmark = pytest.mark.timeout(1800)  # dozens of commands per test, on a busy machine
SEED = 20261121
OPENING_PARQUET = {
    "schemas/product.py",
    "generator/catalog/verify.py",  # compares the hashes itself and continues
    "generator/faults/scoring.py",
    "generator/catalog/shards.py",  # files that it has just written, and masks
    "generator/ingest/tables.py",  # tables of other origin
    "generator/export/formats.py",  # metadata beside exported images
    "finetune/run_dir.py",
}
READERS = ("describe", "show", "convert", "fit", "train", "evaluate")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with start_fork_server(
        "generator.catalog.shards", "generator.ingest.downloads", "finetune.train", "peft", "jsonschema", "pandas"
    ) as found:
        yield found


def reader_flow(name: str, folder: Path, catalog: Path) -> Flow:
    """Return a command that reads the catalog."""
    match name:
        case "describe":
            return Flow(arguments=lambda out: ["describe", str(catalog), "--json"])
        case "show":
            return Flow(arguments=lambda out: ["--quiet", "show", str(catalog), "--out", str(out)], out="page.html")
        case "convert":
            return convert_flow(catalog, "imagefolder")
        case "fit":
            return fit_flow(catalog)
        case "train":
            return train_flow(write_run_file(folder, catalog, max_steps=1, checkpoint_every=9))
        case _:
            return evaluate_flow(catalog, "--no-noise-check", "--control", "none")


def flip_bit(path: Path, dice: random.Random) -> str:
    """Flip one random bit of a file; return its position in words."""
    content = bytearray(path.read_bytes())
    place, bit = dice.randrange(len(content)), dice.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"{path.name}, byte {place} of {len(content)}, bit {bit}"


def truncate(path: Path, dice: random.Random) -> str:
    """Truncate a file at a random position; return the position in words."""
    size = dice.randrange(path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(size)
    return f"{path.name}, cut at {size}"


def is_refused(ended: ProcessResult, folder: Path) -> bool:
    """Return whether the command failed; its error must have a hint and a path in the folder, and no traceback."""
    assert "Traceback" not in ended.output, ended.output
    if ended.code == 0:
        return False
    assert ended.code == 1, ended.output
    assert "hint: " in ended.output, ended.output
    assert str(folder) in ended.output, ended.output
    return True


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_damaged_shard_is_an_error_or_changes_nothing(
    server: ForkServer, tmp_path: Path, catalog: Path, name: str
) -> None:
    dice, copy = random.Random(f"{SEED} {name}"), tmp_path / "copy"
    shutil.copytree(catalog, copy)
    flow = reader_flow(name, tmp_path, copy)
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    num_refused = 0
    for number in range(12):
        victim = dice.choice(sorted((copy / "data").iterdir()))
        content = victim.read_bytes()
        where = truncate(victim, dice) if number % 4 == 3 else flip_bit(victim, dice)
        ended = flow.run(server, tmp_path / f"{number:05d}")
        if is_refused(ended, copy):
            num_refused += 1
        else:
            assert hash_files(tmp_path / f"{number:05d}") == wanted, where
            assert name != "describe" or ended.output == whole.output, where
        victim.write_bytes(content)
    assert num_refused >= 3  # every truncated file


OPENERS: dict[str, Callable[[Path], object]] = {
    "records": lambda folder: list(read(folder / "faulty")),
    "training": lambda folder: find_source(folder / "masked", "train"),
    "an export": lambda folder: read_columns(folder / "masked", None),
    "a page": lambda folder: list(read_rows(folder / "masked", range(1000))),
    "faults": lambda folder: read_faults(folder / "faulty" / FAULTS_FILE),
    "masks": lambda folder: list(read_masks(folder / "masked" / masks_file(0, 1))),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, demo_document: dict[str, Any]) -> Path:
    """Two catalogs that together have every kind of table."""
    folder = tmp_path_factory.mktemp("tables")
    masked = GenerateInputs(
        spec_document=demo_document, seed=3, start=0, num_products=20, image_size=32, photo="studio", masks=True
    )
    write_shards(masked, folder / "masked")
    document = merge_scenarios(demo_document, ("all",), images=False)
    faulty = GenerateInputs(spec_document=document, seed=3, start=0, num_products=60, image_size=None)
    write_shards(faulty, folder / "faulty")
    return folder


@pytest.mark.parametrize("name", OPENERS)
def test_bit_that_only_a_hash_detects_is_damage(tmp_path: Path, tables: Path, name: str) -> None:
    """Change the name of the writer in the footer, which every Parquet reader accepts."""
    copy = tmp_path / "copy"
    shutil.copytree(tables, copy)
    OPENERS[name](copy)
    for victim in copy.rglob("*.parquet"):
        whole, content = pq.read_table(victim), bytearray(victim.read_bytes())
        content[content.rindex(b"parquet-cpp-arrow")] ^= 1
        victim.write_bytes(content)
        assert pq.read_table(victim, page_checksum_verification=True).equals(whole)
    with pytest.raises(ToileError, match="is damaged: its sha256") as caught:
        OPENERS[name](copy)
    assert Path(caught.value.where).is_relative_to(copy)
    assert "toile verify" in caught.value.hint


def test_tables_in_no_manifest_are_read_unchecked(tmp_path: Path, tables: Path) -> None:
    path = tmp_path / FAULTS_FILE
    path.parent.mkdir()
    lines = read_faults(tables / "faulty" / FAULTS_FILE)
    pq.write_table(pq.read_table(tables / "faulty" / FAULTS_FILE).slice(1), path)
    assert read_faults(path) == lines[1:]  # in a folder without a manifest
    document = json.loads((tables / "faulty" / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(document | {"extra": []}))
    assert read_faults(path) == lines[1:]
    (tmp_path / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(ToileError, match="is damaged"):
        read_faults(path)


def test_file_is_hashed_once_until_it_changes(tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(catalog, tmp_path / "copy")
    hashed: list[str] = []
    digest = hashlib.file_digest

    def record(file: Any, kind: str) -> Any:
        hashed.append(file.name)
        return digest(file, kind)

    monkeypatch.setattr("schemas.util.files.hashlib.file_digest", record)
    files = sorted(str(path.resolve()) for path in (tmp_path / "copy" / "data").iterdir())
    next(read(tmp_path / "copy", split="test"))
    assert hashed == [path for path in files if "/test-" in path]  # files that are not read are not hashed
    for _ in range(3):
        list(read(tmp_path / "copy"))
    assert sorted(hashed) == files
    os.utime(files[0], ns=(1, 1))
    list(read(tmp_path / "copy"))
    assert sorted(hashed) == sorted([*files, files[0]])


def test_shards_are_opened_by_one_module() -> None:
    """Another way to open a shard would miss some damage; the other modules listed open no shards."""
    opening = re.compile(r"\bpq\.(ParquetFile|ParquetDataset|read_\w+)\(")
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in files if opening.search(path.read_text())}
    assert found == OPENING_PARQUET


@pytest.mark.parametrize("column", ["product_code", "title", "full_price", "family", "inferable", "attributes"])
def test_renamed_column_is_damage_and_not_missing_values(tmp_path: Path, catalog: Path, column: str) -> None:
    """Arrow ignores an absent column. The manifest gets the new sha256, which would otherwise reveal the damage."""
    shutil.copytree(catalog, tmp_path / "copy")
    victim = sorted((tmp_path / "copy" / "data").iterdir())[0]
    content = bytearray(victim.read_bytes())
    first = content.index(bytes([len(column)]) + column.encode(), len(content) - _footer(content))
    content[first + 1] ^= 1
    victim.write_bytes(content)
    relist(tmp_path / "copy")
    with pytest.raises(ToileError, match=f"is damaged: its footer has no column '{column}'"):
        list(read(tmp_path / "copy"))


def _footer(content: bytearray) -> int:
    """Return the size in bytes of a Parquet file's footer: metadata, its length in 4 bytes, then PAR1."""
    return int.from_bytes(content[-8:-4], "little") + 8


@pytest.mark.slow
def test_verify_finds_every_flipped_bit(server: ForkServer, tmp_path: Path, catalog: Path) -> None:
    dice, copy = random.Random(f"{SEED} verify"), tmp_path / "copy"
    shutil.copytree(catalog, copy)
    flow = Flow(arguments=lambda out: ["verify", str(copy), "--sample", "5"])
    assert flow.run(server, tmp_path / "whole").code == 0
    for number in range(12):
        victim = dice.choice(sorted((copy / "data").iterdir()))
        content = victim.read_bytes()
        where = truncate(victim, dice) if number % 4 == 3 else flip_bit(victim, dice)
        ended = flow.run(server, tmp_path / f"{number:05d}")
        assert is_refused(ended, copy), where
        assert victim.name in ended.output, where
        victim.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_flipped_bit_in_model_is_an_error_or_changes_nothing(
    server: ForkServer, tmp_path: Path, catalog: Path, method: str
) -> None:
    dice, model = random.Random(f"{SEED} {method}"), tmp_path / "run" / "out"
    trained = train_flow(write_run_file(tmp_path, catalog, max_steps=1, checkpoint_every=9, method=method))
    assert trained.run(server, tmp_path / "run").code == 0
    words = ["--model", str(model)] if method == "full" else ["--model", "tiny", "--adapter", str(model)]
    more = ["--limit", "2", "--control", "none", "--no-noise-check", "--device", "cpu", "--data", str(catalog)]
    flow = Flow(arguments=lambda out: ["--quiet", "evaluate", *words, *more, "--out", str(out)])
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    weights = next(iter(model.glob("*.safetensors")))
    for number in range(10):
        victim = weights if number % 2 == 0 else dice.choice(sorted(each for each in model.iterdir() if each.is_file()))
        content = victim.read_bytes()
        where = flip_bit(victim, dice)
        ended = flow.run(server, tmp_path / f"{number:05d}")
        if is_refused(ended, model):
            assert victim.name in ended.output or victim.name == "run.json", f"{where}: {ended.output}"
        else:
            assert victim != weights, where
            assert hash_files(tmp_path / f"{number:05d}") == wanted, where
        victim.write_bytes(content)


@pytest.mark.slow
def test_flipped_bit_in_checkpoint_is_an_error_or_changes_nothing(
    server: ForkServer, tmp_path: Path, catalog: Path
) -> None:
    dice = random.Random(f"{SEED} state")
    flow = train_flow(write_run_file(tmp_path, catalog, max_steps=3, checkpoint_every=1))
    whole = flow.run(server, tmp_path / "whole")
    wanted = hash_files(tmp_path / "whole")
    assert flow.run(server, tmp_path / "killed", Interruption(kind="write", at=whole.num_writes // 2)).killed
    (state,) = (tmp_path / "killed" / "out" / "resume").glob("*.pt")
    for number in range(6):
        place = tmp_path / f"{number:05d}"
        shutil.copytree(tmp_path / "killed", place)
        where = flip_bit(place / "out" / "resume" / state.name, dice)
        ended = flow.run(server, place)
        if not is_refused(ended, place):
            assert hash_files(place) == wanted, where
