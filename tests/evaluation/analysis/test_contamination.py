"""Contamination: every way a row can equal a training row, what touches it, and what is refused."""

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmarks.leaks import one_kind
from evaluation.analysis import contamination as leaks
from evaluation.analysis.contamination import (
    IN_SEEN,
    IN_TRAIN,
    Contamination,
    contamination_notes,
    find_contamination,
    refuse_seen,
)
from evaluation.rows import read_rows
from finetune.data_mix import describe_row
from finetune.run_dir import write_seen
from generator.catalog.shards import encode_jpeg
from generator.render import draw
from generator.sampling.products import product
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from tests.helpers.shard_fixture import in_split, products, write_shards


def noise(seed: int, form: str = "PNG") -> bytes:
    """An image like no other: 40 x 30 random pixels."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, form, **({"compress_level": seed % 10} if form == "PNG" else {}))
    return file.getvalue()


def repacked(png: bytes) -> bytes:
    """The same pixels in another file."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "BMP")
    return file.getvalue()


@pytest.fixture
def rows() -> list[Product]:
    """Ten test rows and thirty train rows, every image, title, code and family its own."""
    made = [dataclasses.replace(row, family=f"{row.family}-{n}") for n, row in enumerate(products(40))]
    made = [dataclasses.replace(row, image=noise(n)) for n, row in enumerate(made)]
    return [*in_split(made[:10]), *in_split(made[10:], "train")]


def ledger(
    folder: Path,
    rows: Sequence[Product],
    seen: Sequence[dict[str, str]] | None = None,
    split: str = "test",
    **options: int,
) -> Contamination:
    data = write_shards(folder / "data", rows)
    trained = {}
    if seen is not None:
        trained["adapter"] = folder / "adapter"
        write_seen(make(folder / "adapter"), seen, training="first (1)")
    return find_contamination(read_rows(data, EvaluationSpec(split=split)), split, trained, **options)  # type: ignore[arg-type]  # max_decoded


def make(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def counted(found: Contamination) -> dict[tuple[str, str], int]:
    return {(leak.source, leak.kind): leak.rows for leak in found.leaks if leak.rows}


def seen_row(code: str = "1", family: str = "elsewhere-1", image: bytes = b"") -> dict[str, str]:
    return {"product_code": code, "family": family, "picture_sha256": hashlib.sha256(image).hexdigest()}


def test_a_clean_split_is_clean_and_says_what_it_was_compared_with(tmp_path: Path, rows: list[Product]) -> None:
    found = ledger(tmp_path, rows, [seen_row()])
    assert counted(found) == {}
    assert found.touched == frozenset()
    assert [(leak.source, leak.kind) for leak in found.leaks] == [
        *(("train", kind) for kind in IN_TRAIN),
        *(("adapter", kind) for kind in IN_SEEN),
    ]
    compared = {(leak.source, leak.kind): leak.compared for leak in found.leaks}
    assert {compared["train", kind] for kind in IN_TRAIN if kind != "drawn"} == {30}
    assert {kind for kind in IN_SEEN if compared["adapter", kind]} == {"code", "family", "picture"}
    refuse_seen(found, found.leaks, 10, {"adapter": tmp_path / "adapter"})


@pytest.mark.parametrize(
    ("kind", "change", "touches"),
    [
        ("code", lambda mine, theirs: {"product_code": mine.product_code}, True),
        ("family", lambda mine, theirs: {"family": mine.family}, True),
        ("picture", lambda mine, theirs: {"image": mine.image}, True),
        ("pixels", lambda mine, theirs: {"image": repacked(mine.image)}, True),
        ("title", lambda mine, theirs: {"title": f"  {mine.title.upper()}! "}, False),
    ],
)
def test_each_way_of_being_the_same_is_found_in_the_train_split(
    tmp_path: Path, rows: list[Product], kind: str, change: object, touches: bool
) -> None:
    rows[25] = dataclasses.replace(rows[25], **change(rows[4], rows[25]))  # type: ignore[operator]
    found = ledger(tmp_path, rows)
    implied = {"picture": {"pixels"}}.get(kind, set())
    assert counted(found) == {("train", name): 1 for name in {kind, *implied}}
    match = next(match for match in found.matches if match.kind == kind)
    assert (match.product_code, match.trained_code) == (rows[4].product_code, rows[25].product_code)
    assert found.touched == ({rows[4].product_code} if touches else frozenset())


def photo(seed: int) -> Image.Image:
    """A photograph of nothing: soft shapes, edges and grain, 240 x 180 pixels."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
        (240, 180), Image.Resampling.BICUBIC
    )
    fine = Image.fromarray(draw.integers(0, 256, (45, 60, 3), dtype=np.uint8)).resize(
        (240, 180), Image.Resampling.BICUBIC
    )
    return Image.blend(coarse, fine, 0.3)


def saved(image: Image.Image, form: str = "PNG", quality: int = 85) -> bytes:
    file = io.BytesIO()
    image.save(file, form, quality=quality)
    return file.getvalue()


@pytest.mark.parametrize(
    ("copied", "similar"),
    [
        (lambda image: saved(image, "JPEG", 60), True),
        (lambda image: saved(image.resize((120, 90)), "JPEG"), True),
        (lambda image: saved(image.crop((2, 2, 238, 178))), True),
        (lambda image: saved(image.crop((24, 18, 216, 162)), "JPEG"), True),
        (lambda image: saved(image.point(lambda value: 255 - value)), False),
        (lambda image: saved(Image.merge("RGB", image.split()[::-1])), False),
        (lambda image: saved(image.crop((60, 45, 180, 135))), False),
    ],
    ids=["JPEG", "half size", "2 pixels cropped", "10 % a side cropped", "negative", "other colours", "quarter"],
)
def test_a_resaved_or_cropped_image_is_found_in_train_and_in_the_list(
    tmp_path: Path, rows: list[Product], copied: Callable[[Image.Image], bytes], similar: bool
) -> None:
    rows[4] = dataclasses.replace(rows[4], image=copied(photo(1)))
    rows[25] = dataclasses.replace(rows[25], image=saved(photo(1)))
    listed = describe_row("9", "elsewhere-9", saved(photo(1)), None, "data/real")
    found = ledger(tmp_path, rows, [seen_row(), listed])
    assert counted(found) == ({("train", "copy"): 1, ("adapter", "copy"): 1} if similar else {})
    assert found.touched == ({rows[4].product_code} if similar else frozenset())
    if similar:
        match = found.matches[-1]
        assert (match.trained_code, match.training, match.data) == ("9", "first (1)", "data/real")
        assert match.similarity is not None
        assert match.similarity > 0.955


def test_products_of_one_silhouette_and_colour_are_not_one_image(tmp_path: Path) -> None:
    """Forty black coats of forty designs, on white: only copies of the same image match."""
    spec = one_kind("trench-coat")
    drawn = [dataclasses.replace(product(spec, 0, n), split="train" if n >= 20 else "test") for n in range(40)]
    made = [dataclasses.replace(row, image=encode_jpeg(draw(row, 128)), attributes=None) for row in drawn]
    assert not ledger(tmp_path, made).touched
    again = saved(Image.open(io.BytesIO(made[30].image or b"")).crop((6, 6, 122, 122)), "JPEG")
    made[3] = dataclasses.replace(made[3], image=again)
    found = ledger(tmp_path, made)
    assert counted(found)["train", "copy"] == 1
    assert [match.trained_code for match in found.matches if match.kind == "copy"] == [made[30].product_code]


def test_a_product_drawn_under_another_name_is_found_without_its_image(tmp_path: Path, rows: list[Product]) -> None:
    spec = one_kind("trench-coat")
    mine, other = product(spec, 0, 0), product(spec, 0, 1)
    rows[7] = dataclasses.replace(rows[7], attributes=mine.attributes)
    listed = [
        describe_row(f"n{n}", f"copied-{n}", None, each.attributes, "copied.yaml")
        for n, each in enumerate((mine, other))
    ]
    found = ledger(tmp_path, rows, listed)
    assert counted(found) == {("adapter", "drawn"): 1}
    assert str(found.matches[0]) == f"{rows[7].product_code} draws the same product as n0 in first (1) from copied.yaml"
    (note,) = [note for note in contamination_notes(found, 10, {"adapter": tmp_path}) if "could be compared" in note]
    assert "they were rendered while training" in note


def test_blank_images_are_like_nothing(tmp_path: Path, rows: list[Product]) -> None:
    white, paper = Image.new("RGB", (80, 60), "white"), Image.new("RGB", (90, 60), "white")
    rows[4] = dataclasses.replace(rows[4], image=saved(white))
    rows[25] = dataclasses.replace(rows[25], image=saved(paper))
    assert counted(ledger(tmp_path, rows)) == {}


@pytest.mark.parametrize("kind", ["code", "family", "picture", "pixels"])
def test_rows_that_an_adapter_has_seen_are_found_and_refused(tmp_path: Path, rows: list[Product], kind: str) -> None:
    mine = rows[7]
    same = {
        "code": seen_row(code=mine.product_code, family="family-of another"),
        "family": seen_row(family=mine.family),
        "picture": seen_row(image=mine.image or b""),
        "pixels": {**describe_row("1", "elsewhere-1", repacked(mine.image or b""), None, "data")},
    }[kind]
    same["family"] = mine.family.rpartition("-")[0] + "-x" if kind == "code" else same["family"]
    found = ledger(tmp_path, rows, [seen_row(), same])
    assert counted(found) == {("adapter", kind): 1}
    assert found.touched == found.seen("adapter") == {mine.product_code}
    with pytest.raises(
        ToileError,
        match=rf"was trained on 1 of the 10 rows to evaluate \(1 by {kind.replace('picture', 'image')}\); "
        rf"{mine.product_code} .* in first \(1\)",
    ) as caught:
        refuse_seen(found, found.leaks, 10, {"adapter": tmp_path / "adapter"})
    assert caught.value.where == str(tmp_path / "adapter")
    assert "--allow-seen" in caught.value.hint
    with pytest.raises(ToileError, match="was trained on all 1 rows"):
        refuse_seen(found, found.leaks, 1, {"adapter": tmp_path / "adapter"})


def test_rows_rendered_while_training_have_no_image_hash(tmp_path: Path, rows: list[Product]) -> None:
    unhashed: Any = {"product_code": rows[7].product_code, "family": rows[7].family, "picture_sha256": None}
    found = ledger(tmp_path, rows, [seen_row(), unhashed])
    assert counted(found) == {("adapter", "code"): 1, ("adapter", "family"): 1}
    compared = {leak.kind: leak.compared for leak in found.leaks if leak.source == "adapter"}
    assert compared == {"code": 2, "family": 2, "picture": 1, "pixels": 0, "drawn": 0, "copy": 0}


def test_seen_code_counts_within_its_shop_only(tmp_path: Path, rows: list[Product]) -> None:
    """Catalogs of one seed share codes: training on one shop and testing on another is no leak."""
    found = ledger(tmp_path, rows, [seen_row(row.product_code, "another-shop-1") for row in rows[:10]])
    assert counted(found) == {}
    shop = rows[0].family.rpartition("-")[0]
    found = ledger(tmp_path, rows, [seen_row(row.product_code, f"{shop}-new") for row in rows[:1]])
    assert counted(found) == {("adapter", "code"): 1}


def test_the_train_split_is_not_compared_with_itself(tmp_path: Path, rows: list[Product]) -> None:
    assert ledger(tmp_path, rows, split="train").leaks == ()
    found = ledger(tmp_path, rows, [seen_row(family=row.family) for row in rows[10:]], split="train")
    assert counted(found) == {("adapter", "family"): 30}


def test_a_broken_train_image_is_not_counted_as_compared(tmp_path: Path, rows: list[Product]) -> None:
    rows[20] = dataclasses.replace(rows[20], image=b"broken")
    rows[21] = dataclasses.replace(rows[21], image=None)
    rows[22] = dataclasses.replace(rows[22], title=None)
    compared = {leak.kind: leak.compared for leak in ledger(tmp_path, rows).leaks}
    assert compared == {"code": 30, "family": 30, "picture": 29, "pixels": 28, "title": 29, "copy": 28, "drawn": 0}


def test_of_many_train_images_some_are_decoded(tmp_path: Path, rows: list[Product]) -> None:
    compared = {leak.kind: leak.compared for leak in ledger(tmp_path, rows, max_decoded=10).leaks}
    assert 3 <= compared["pixels"] <= 17
    assert compared["picture"] == 30
    sampled = [leaks._is_sampled(str(code), 100, 1000) for code in range(1000)]
    assert 60 < sum(sampled) < 140


def test_a_folder_that_does_not_tell_is_named(tmp_path: Path, rows: list[Product]) -> None:
    data = read_rows(write_shards(tmp_path / "data", rows), EvaluationSpec())
    adapter, trained, published = (make(tmp_path / name) for name in ("adapter", "trained", "published"))
    (trained / "run.json").write_text("{}")
    assert find_contamination(data, "test", {"adapter": adapter}).unknown == (str(adapter),)
    assert find_contamination(data, "test", {"model": trained}).unknown == (str(trained),)
    assert find_contamination(data, "test", {"model": published}).unknown == (), (
        "nobody expects it of a published model"
    )


@pytest.mark.parametrize("fault", ["no parquet", "a column lacks", "cut"])
def test_a_damaged_list_is_an_error(tmp_path: Path, rows: list[Product], fault: str) -> None:
    data = read_rows(write_shards(tmp_path / "data", rows), EvaluationSpec())
    path = make(tmp_path / "adapter") / "seen.parquet"
    write_seen(path.parent, [seen_row()])
    match fault:
        case "no parquet":
            path.write_bytes(b"nothing")
        case "a column lacks":
            pq.write_table(pa.table({"product_code": ["1"], "picture_sha256": ["1"]}), path)
        case "cut":
            path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ToileError, match="lacks the column family" if "column" in fault else "is damaged") as caught:
        find_contamination(data, "test", {"adapter": path.parent})
    assert caught.value.where == str(path)


def test_the_rows_behind_the_counts_are_listed_in_a_file(tmp_path: Path, rows: list[Product]) -> None:
    leaks.write_matches(tmp_path, ledger(tmp_path, rows))
    assert not (tmp_path / "leaks.jsonl").exists()
    rows[25] = dataclasses.replace(rows[25], family=rows[4].family)
    leaks.write_matches(tmp_path, ledger(tmp_path, rows))
    (line,) = (tmp_path / "leaks.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "product_code": rows[4].product_code,
        "source": "train",
        "kind": "family",
        "trained_code": rows[25].product_code,
        "training": None,
        "data": None,
        "similarity": None,
    }
    assert leaks.read_matches(tmp_path) == ledger(tmp_path, rows).matches


def test_a_placeholder_of_many_families_is_no_evidence(tmp_path: Path, rows: list[Product]) -> None:
    placeholder = saved(photo(5))
    for place in (3, 4, *range(20, 26)):
        rows[place] = dataclasses.replace(rows[place], image=placeholder)
    listed = [describe_row(str(n), f"elsewhere-{n}", placeholder, None, "data") for n in range(6)]
    assert counted(ledger(tmp_path, rows, listed)) == {}
    few = ledger(tmp_path, [*rows[:22], *rows[26:]], listed[:2])
    assert counted(few) == {(side, kind): 2 for side in ("train", "adapter") for kind in ("picture", "pixels")}
