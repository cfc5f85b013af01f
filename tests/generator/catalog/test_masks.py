"""Masks of images: they match the images, are read back unchanged, and change nothing else."""

import dataclasses
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from generator.catalog.shards import GenerateInputs, read_masks, write_shards
from generator.render import PARTS
from schemas.errors import ToileError
from schemas.product import Product, read
from toile.cli import main


@pytest.fixture(scope="module")
def inputs(demo_document: dict[str, Any]) -> GenerateInputs:
    return GenerateInputs(
        spec_document=demo_document, seed=3, start=0, num_products=40, image_size=64, photo="studio", masks=True
    )


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory, inputs: GenerateInputs) -> Path:
    out = tmp_path_factory.mktemp("masks") / "catalog"
    write_shards(inputs, out)
    return out


def products(folder: Path) -> dict[str, Product]:
    return {row.product_code: row for row in read(folder)}


def files(folder: Path) -> list[Path]:
    return sorted((folder / "extra").glob("masks-*.parquet"))


def test_every_product_has_a_mask_that_fits_its_image(masked: Path) -> None:
    rows = products(masked)
    masks = [mask for path in files(masked) for mask in read_masks(path)]
    assert {mask.product_code for mask in masks} == set(rows)
    for mask in masks:
        image = rows[mask.product_code].image
        assert image is not None
        photo = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), np.float32)
        assert mask.mask.shape == mask.part_ids.shape == photo.shape[:2]
        inside = mask.part_ids > 0
        assert (inside == (mask.mask > 127)).all()
        assert mask.names == PARTS
        x0, y0, x1, y1 = mask.box
        ys, xs = np.nonzero(inside)
        assert (x0, y0, x1, y1) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        background = np.median(photo[mask.mask == 0], axis=0)
        distance = np.abs(photo - background).mean(axis=2)
        assert distance[inside].mean() > 1.5 * distance[mask.mask == 0].mean(), mask.product_code


def test_masks_change_no_row_and_no_image(masked: Path, inputs: GenerateInputs, tmp_path: Path) -> None:
    plain = dataclasses.replace(inputs, masks=False)
    write_shards(plain, tmp_path / "plain")
    assert products(tmp_path / "plain") == products(masked)
    document = json.loads((tmp_path / "plain" / "manifest.json").read_text())
    assert not {"masks", "photo"} & document["inputs"].keys(), "a plain catalog keeps the manifest it had"
    assert document["extra"] == []


def test_manifest_lists_masks_and_verify_reads_them(masked: Path, tmp_path: Path) -> None:
    document = json.loads((masked / "manifest.json").read_text())
    assert [entry["path"] for entry in document["extra"]] == [
        path.relative_to(masked).as_posix() for path in files(masked)
    ]
    assert sum(entry["num_rows"] for entry in document["extra"]) == 40
    assert CliRunner().invoke(main, ["verify", str(masked), "--sample", "3"]).exit_code == 0
    spoiled = tmp_path / "spoiled"
    shutil.copytree(masked, spoiled)
    content = bytearray(files(spoiled)[0].read_bytes())
    content[len(content) // 2] ^= 1
    files(spoiled)[0].write_bytes(content)
    result = CliRunner().invoke(main, ["verify", str(spoiled), "--sample", "1"])
    assert result.exit_code == 1
    assert "masks-00000" in result.output


def test_missing_mask_file_is_written_again(masked: Path, inputs: GenerateInputs, tmp_path: Path) -> None:
    from generator.catalog.shards import write_shard
    from generator.catalog.storage import resolve_folder

    unfinished = resolve_folder(tmp_path / "unfinished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.catalog.shards.finalize", lambda *a: pytest.fail("stopped here"))
        with pytest.raises(pytest.fail.Exception):
            write_shards(inputs, unfinished)
    path = files(tmp_path / "unfinished")[0]
    whole = path.read_bytes()
    path.unlink()
    write_shards(inputs, unfinished)
    assert path.read_bytes() == whole == files(masked)[0].read_bytes()
    assert write_shard(inputs, 0, unfinished) == 0


def test_masks_with_scenarios_are_refused(inputs: GenerateInputs, tmp_path: Path) -> None:
    faulty = dataclasses.replace(inputs, spec_document={**inputs.spec_document, "scenarios": {"missing-title": 0.1}})
    with pytest.raises(ToileError, match="--masks"):
        write_shards(faulty, tmp_path / "out")


@pytest.mark.parametrize("options", [["--masks"], ["--photo", "snapshot"]])
def test_masks_and_photo_need_images(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(main, ["generate", "demo", "--no-images", "--out", str(tmp_path / "x"), *options])
    assert result.exit_code == 2
    assert "renders nothing" in result.output


def test_snapshots_have_other_images_and_masks(masked: Path, inputs: GenerateInputs, tmp_path: Path) -> None:
    snapshots = dataclasses.replace(inputs, photo="snapshot", num_products=12)
    write_shards(snapshots, tmp_path / "snapshots")
    rows, studio = products(tmp_path / "snapshots"), products(masked)
    for mask in read_masks(files(tmp_path / "snapshots")[0]):
        before, after = studio[mask.product_code], rows[mask.product_code]
        assert dataclasses.replace(before, image=None) == dataclasses.replace(after, image=None)
        assert before.image != after.image
        assert 0.02 < (mask.part_ids > 0).mean() < 0.95
        assert set(np.unique(mask.part_ids)) <= set(range(len(PARTS)))


def test_file_without_masks_is_an_error(tmp_path: Path, masked: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    for path in (tmp_path / "x.parquet", next((masked / "data").iterdir())):
        with pytest.raises(ToileError, match="contains no masks"):
            next(read_masks(path))
    assert pq.ParquetFile(files(masked)[0]).metadata.num_rows == 40
