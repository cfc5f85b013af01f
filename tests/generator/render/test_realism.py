"""The realism benchmark measures what it claims, tested on embeddings with known answers; its catalogs are valid."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.realism import (
    SPECS,
    STUDIO_CLASSES,
    Embedded,
    balanced_accuracy,
    compare_names,
    halves,
    measure_transfer,
    read_photographs,
    two_sample_auc,
    worth_in_photographs,
)
from benchmarks.realism_network import ACCEPTED, PretrainedNetwork, is_accepted
from generator.sampling.products import products
from schemas.catalog import list_kinds
from schemas.errors import ToileError
from schemas.validation import load

CLASSES = ("hat", "pants", "shirt")
CHANNELS = 12


class Planted(PretrainedNetwork):
    """A network whose embedding is written in the image: a noisy point near the centre of its class."""

    def __init__(self) -> None:
        self.labels = ["cowboy hat, ten-gallon hat", "jean, blue jean, denim", "jersey, t-shirt, tee shirt", "banana"]

    def evaluate(self, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        embedding = np.asarray(image, np.float32).mean(axis=(0, 2))[:CHANNELS]
        scores = np.zeros(len(self.labels))
        scores[int(np.argmax(embedding[: len(CLASSES)]))] = 1
        return scores, embedding


def planted_images(per_class: int, seed: int, *, noise: float = 25, shift: int = 0) -> list[tuple[str, Image.Image]]:
    """Return images of three classes; `shift` moves the bright column that tells them apart."""
    rng, found = np.random.default_rng(seed), []
    for number, name in enumerate(CLASSES):
        for _ in range(per_class):
            levels = 100 + rng.normal(0, noise, CHANNELS)
            levels[(number + shift) % len(CLASSES)] += 80
            row = np.clip(levels, 0, 255).astype(np.uint8)
            found.append((name, Image.fromarray(np.repeat(row[None, :, None], 3, axis=2).repeat(4, axis=0))))
    return found


def embedded(per_class: int, seed: int, **changes: float) -> Embedded:
    return Embedded(Planted(), planted_images(per_class, seed, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "class_name", "right"),
    [
        ("jean, blue jean, denim", "jeans", True),
        ("Loafer", "loafer", True),
        ("sunglasses, dark glasses, shades", "sunglasses", True),
        ("cup", "mug", True),
        ("cupboard", "mug", False),
        ("trench coat", "outwear", True),
        ("trench coat", "shirt", False),
    ],
)
def test_accepted_names_are_whole_words(name: str, class_name: str, right: bool) -> None:
    assert is_accepted(name, class_name) is right


def test_naming_counts_first_and_first_five_names() -> None:
    made = embedded(4, 1, noise=1)
    table = compare_names(made, made)
    assert table["synthetic"]["hat"] == {"n": 4, "top1": 1.0, "top5": 1.0, "says": {"cowboy hat": 4}}
    wrong = compare_names(embedded(4, 1, noise=1, shift=1), made)
    assert wrong["synthetic"]["hat"]["top1"] == 0
    assert wrong["synthetic"]["hat"]["top5"] == 1
    assert (wrong["real_mean_top1"], wrong["synthetic_mean_top1"]) == (1.0, 0.0)


def test_transfer_of_same_distribution_is_as_good_as_real_images() -> None:
    found = measure_transfer(embedded(20, 1), embedded(40, 2))
    assert found["synthetic"] > 0.9
    assert found["real"] > 0.9
    assert found["worth"]["per_class"] > 6
    assert 0.3 < found["auc_synthetic_against_real"] < 0.7


def test_transfer_of_wrong_labels_is_worth_nothing() -> None:
    found = measure_transfer(embedded(20, 1), embedded(40, 2, shift=1))
    assert found["synthetic"] < 0.1
    assert found["worth"]["per_class"] == 3
    assert found["answers"]["hat"] == {"shirt": 20}
    assert found["real_and_synthetic"]["3"] < found["real_alone"]["3"]


def test_worth_is_interpolated_over_logarithm_of_count() -> None:
    classes = np.repeat(["hat", "pants"], 50)
    few, many, between = (np.tile(np.arange(50) < count, 2).astype(float) for count in (20, 40, 30))
    found = worth_in_photographs(between, [few, many], [4, 16], classes)
    assert found["per_class"] == 8
    low, high = found["interval_95"]
    assert 4 <= low <= 8 <= high <= 16
    assert worth_in_photographs(np.ones(100), [few, many], [4, 16], classes)["per_class"] == 16


def test_balanced_accuracy_weighs_classes_equally() -> None:
    classes = np.array(["hat"] * 9 + ["pants"])
    assert balanced_accuracy(np.array([1.0] * 9 + [0.0]), classes) == 0.5


def test_two_sample_auc_detects_differences_only() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (80, 6)), rng.normal(0, 1, (80, 6))
    assert 0.3 < two_sample_auc(first, second) < 0.7
    assert two_sample_auc(first, second + 3) > 0.95


def test_halves_split_every_class() -> None:
    classes = np.repeat(["hat", "pants"], 5)
    parts = halves(classes)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(10))
    assert [int((classes[parts["looked_at"]] == name).sum()) for name in ("hat", "pants")] == [3, 3]


def test_photographs_are_read_by_folder_and_by_category(tmp_path: Path) -> None:
    image = Image.new("RGB", (12, 16), "#335577")
    for name in ("hat", "no-such-class"):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "1.jpg")
    assert [name for name, _ in read_photographs(tmp_path)] == ["hat"]
    rows = [("hat/1.jpg", "Caps"), ("hat/1.jpg", "Furniture")]
    with (tmp_path / "products.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "category3_code"), *rows])
    assert [(name, photo.size) for name, photo in read_photographs(tmp_path)] == [("hat", (12, 16))]


def test_folder_without_known_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="no photograph"):
        list(read_photographs(tmp_path))


def test_missing_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="is not a file"):
        PretrainedNetwork(tmp_path / "none.tflite", tmp_path / "none.txt")


def test_missing_library_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    (tmp_path / "model").write_bytes(b"")
    with pytest.raises(ToileError, match="is not installed") as caught:
        PretrainedNetwork(tmp_path / "model", tmp_path / "model")
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize("photo", SPECS)
def test_leaves_of_measured_catalogs_are_classes(photo: str) -> None:
    spec = load(SPECS[photo], "catalog")
    leaves = {category.path[2].lower() for category in spec.categories}
    assert leaves <= ACCEPTED.keys()
    assert {row.category3_code.lower() for row in products(spec, 3, 0, 400) if row.category3_code} == leaves
    if photo == "studio":
        assert set(STUDIO_CLASSES.values()) <= leaves
    else:
        assert len(leaves) == 10


def test_measured_snapshots_name_the_cuts_that_decide_the_class() -> None:
    spec = load(SPECS["snapshot"], "catalog")
    sleeves: dict[str, set[str]] = {}
    for kind in list_kinds(spec):
        sleeves.setdefault(kind.path[2], set()).update(kind.attributes.get("sleeve") or ())
    assert sleeves["T-SHIRT"] == {"short"}
    assert sleeves["LONGSLEEVE"] == {"long"}
