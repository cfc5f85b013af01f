"""The realism benchmark measures what it claims, tested on synthetic shapes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from benchmarks import realism_features
from benchmarks.realism import (
    Images,
    Labels,
    PredictionCache,
    PreparedImages,
    compare_arms,
    load_or_render,
    predict_with_hog,
    prepare,
    use_whole_images,
)
from benchmarks.realism_images import (
    CLASSES,
    MATERIALS_OF,
    PLAIN_MATERIALS,
    PRINTS,
    PRINTS_OF,
    RealPhotos,
    sample_appearance,
)
from benchmarks.realism_masks import Mask, is_plausible, measure_shape, normalize, segment, to_lab
from benchmarks.realism_measures import balanced_accuracy, ratio_above_chance, shape_table, two_sample_auc
from schemas.appearance import CUTS_OF, MATERIALS, PATTERNS, SILHOUETTES
from schemas.errors import ToileError


def synthetic_image(kind: str, seed: int, size: tuple[int, int] = (120, 160)) -> tuple[Image.Image, Mask]:
    """Return a blue shape on a mottled brown floor, and its mask."""
    rng = np.random.default_rng(seed)
    width, height = size
    mask = Image.new("L", size)
    x, y = rng.uniform(0.45, 0.55) * width, rng.uniform(0.45, 0.55) * height
    a, b = (0.34 * width, 0.16 * height) if kind == "bar" else (0.22 * width, 0.34 * height)
    draw = ImageDraw.Draw(mask)
    (draw.rectangle if kind == "bar" else draw.ellipse)((x - a, y - b, x + a, y + b), fill=255)
    inside = np.asarray(mask) > 127
    floor = np.array([150, 110, 70]) + rng.normal(0, 12, (height, width, 3))
    cloth = np.array([40, 60, 130]) + rng.normal(0, 12, (height, width, 3))
    levels = np.clip(np.where(inside[..., None], cloth, floor), 0, 255).astype(np.uint8)
    return Image.fromarray(levels), inside


def group(num: int, start: int) -> PreparedImages:
    labels = np.arange(num) % 2
    photos = [synthetic_image(("bar", "disc")[label], start + i)[0] for i, label in enumerate(labels)]
    return prepare(photos, labels)


@pytest.mark.parametrize("kind", ["bar", "disc"])
def test_segmentation_finds_shape(kind: str) -> None:
    photo, inside = synthetic_image(kind, 3)
    found = segment(photo)
    true = np.asarray(Image.fromarray(inside).resize(found.shape[::-1]))
    assert is_plausible(found)
    assert (found & true).sum() / (found | true).sum() > 0.9


def test_segmentation_of_empty_image_fails() -> None:
    assert not is_plausible(np.zeros((40, 40), bool))
    assert not is_plausible(np.ones((40, 40), bool))


def test_shapes_of_known_masks() -> None:
    mask = np.zeros((60, 60), bool)
    mask[10:50, 20:40] = True
    whole = measure_shape(mask)
    assert (whole.aspect, whole.fill) == (0.5, 1.0)
    assert whole.solidity == pytest.approx(1.0, abs=0.01)
    mask[10:30, 30:40] = False  # an L: 600 of 800 pixels, and a hull that spans half of the missing quarter
    bent = measure_shape(mask)
    assert bent.fill == pytest.approx(0.75)
    assert bent.solidity == pytest.approx(600 / 700, abs=0.01)


def test_normalised_products_are_centred_on_white() -> None:
    photo, _ = synthetic_image("bar", 5)
    image = normalize(photo, segment(photo), 64)
    assert image.shape == (64, 64, 4)
    assert (image[:3, :, :3] == 255).all()
    assert (image[:3, :, 3] == 0).all()
    rows, columns = np.nonzero(image[..., 3] > 127)
    assert np.ptp(columns) > 52
    assert abs((rows.min() + rows.max()) / 2 - 31.5) < 1.5


def test_lab_of_known_colours() -> None:
    """White, mid grey and sRGB red (CIE, D65)."""
    levels = np.array([[1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0]], np.float32)
    assert to_lab(levels) == pytest.approx(np.array([[100, 0, 0], [53.39, 0, 0], [53.24, 80.09, 67.20]]), abs=0.15)


def test_ratio_is_one_for_equal_arms_and_zero_at_chance() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 30)
    real = (rng.random(300) < 0.7).astype(float)
    same = ratio_above_chance(real, real, labels)
    assert same == {"ratio": 1.0, "interval_95": [1.0, 1.0]}
    guess = np.full(300, 0.1)
    assert ratio_above_chance(guess, real, labels)["ratio"] == 0
    half = ratio_above_chance((rng.random(300) < 0.4).astype(float), real, labels)
    low, high = half["interval_95"]
    assert low < half["ratio"] < high
    assert 0.1 < high - low < 0.5


def test_balanced_accuracy_weights_classes_equally() -> None:
    labels = np.array([0, 0, 0, 1])
    assert balanced_accuracy(np.array([1.0, 1.0, 1.0, 0.0]), labels) == 0.5


def test_two_sample_auc_detects_differences_only() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, (200, 12)), rng.normal(0, 1, (200, 12))
    assert two_sample_auc(first, second) == pytest.approx(0.5, abs=0.1)
    assert two_sample_auc(first, second + 1) > 0.95


def test_failed_masks_are_counted_and_excluded() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    table = shape_table([measure_shape(mask), None], np.array([0, 0]), ["square"])
    assert (table["square"]["pictures"], table["square"]["masks"]) == (2, 1)
    assert table["square"]["aspect"] == [1.0] * 5


def test_classifiers_learn_different_shapes() -> None:
    real, synthetic = group(20, 100), group(20, 500)
    late = np.arange(20) % 4 < 2
    table = compare_arms(real, synthetic, late, predict_with_hog, 1)
    assert table["all"]["real"] > 0.9
    assert table["all"]["synthetic"] > 0.9
    assert table["chance"] == 0.5
    swapped = replace(synthetic, labels=1 - synthetic.labels)
    assert compare_arms(real, swapped, late, predict_with_hog, 1)["all"]["synthetic"] < 0.1


def test_features_do_not_depend_on_other_images() -> None:
    images = group(4, 9).images
    alone = realism_features.hog_features(images[2:3])
    assert np.allclose(realism_features.hog_features(images)[2:3], alone, atol=1e-5)


def test_sampled_products_match_class_and_are_deterministic() -> None:
    for label, (name, meanings) in enumerate(CLASSES.items()):
        assert sum(meanings.values()) == pytest.approx(1), name
        known = {meaning.partition(":")[0] for meaning in meanings}
        assert known <= set(SILHOUETTES)
        assert known <= set(MATERIALS_OF)
        for number in range(20):
            one = sample_appearance(label, number)
            assert one.silhouette in known
            assert one == sample_appearance(label, number)
    words = {meaning.partition(":")[2] for meanings in CLASSES.values() for meaning in meanings} - {""}
    assert words <= set(CUTS_OF["dress"]["sleeve"])
    assert {sample_appearance(9, n).sleeve for n in range(30)} == {"short"}


def test_sampled_products_have_usual_materials() -> None:
    assert {material for materials in MATERIALS_OF.values() for material in materials} <= set(MATERIALS)
    assert {*PRINTS, *(print_ for prints in PRINTS_OF.values() for print_ in prints)} <= set(PATTERNS) - {"plain"}
    many = [sample_appearance(number % 10, number) for number in range(1500)]
    assert all(one.material in MATERIALS_OF[one.silhouette] for one in many)
    assert {one.pattern for one in many if one.material in PLAIN_MATERIALS} == {"plain"}
    shirts = [one for one in many if one.silhouette == "shirt" and one.material not in PLAIN_MATERIALS]
    assert 0.45 < sum(one.pattern != "plain" for one in shirts) / len(shirts) < 0.75
    assert len({one.material for one in many}) > 20
    t_shirts = [one.neckline for one in many if one.silhouette == "t-shirt"]
    assert set(t_shirts) == {"round", "v"}
    assert t_shirts.count("round") > 2 * t_shirts.count("v")
    dresses = [one.hardware for one in many if one.silhouette == "dress"]
    assert dresses.count("none") > 0.7 * len(dresses)


def test_whole_images_keep_aspect_ratio() -> None:
    photo, _ = synthetic_image("bar", 5, (120, 160))
    group = prepare([photo], np.array([0]))
    white = (group.whole[0] == 255).all(axis=(0, 2))
    assert white.tolist() == [True] * 8 + [False] * 48 + [True] * 8
    assert (use_whole_images(group).images == group.whole).all()


def test_rendered_images_are_cached(tmp_path: Path) -> None:
    render_sample, again = load_or_render(tmp_path, 4, "snapshot"), load_or_render(tmp_path, 4, "snapshot")
    assert len(list(tmp_path.iterdir())) == 1
    assert again.shapes == render_sample.shapes
    assert again.cpu_s == render_sample.cpu_s > 0
    for name in ("images", "whole", "labels"):
        assert (getattr(again, name) == getattr(render_sample, name)).all()


def counting(calls: list[int]) -> Callable[[Images, Labels, Images, int], Labels]:
    def predict(_images: Images, labels: Labels, test: Images, seed: int) -> Labels:
        calls.append(seed)
        return np.full(len(test), labels[0] + seed)

    return predict


def test_training_cache_key_covers_all_inputs(tmp_path: Path) -> None:
    calls: list[int] = []
    images, labels = np.zeros((4, 8, 8, 3), np.uint8), np.array([3, 1, 2, 3])
    predict = PredictionCache(tmp_path).wrap(counting(calls), "realism_features.py")
    first = predict(images, labels, images[:2], 5)
    later = PredictionCache(tmp_path).wrap(counting(calls), "realism_features.py")
    assert (later(images, labels, images[:2], 5) == first).all()
    assert calls == [5]
    later(images, labels, images[:2], 6)
    later(images + 1, labels, images[:2], 5)
    later(images, labels + 1, images[:2], 5)
    later(images, labels, images[:2] + 1, 5)
    PredictionCache(tmp_path).wrap(counting(calls), "realism_classifier.py")(images, labels, images[:2], 5)
    assert calls == [5, 6, 5, 5, 5, 5]
    forgetful = PredictionCache(None).wrap(counting(calls), "realism_features.py")
    forgetful(images, labels, images[:2], 5)
    assert len(calls) == 7


def test_network_learns_shapes_with_and_without_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import realism_classifier

    monkeypatch.setattr(realism_classifier, "NUM_STEPS", 30)
    train, test = group(20, 100), group(12, 500)
    for first, second in ((train, test), (use_whole_images(train), use_whole_images(test))):
        model = realism_classifier.train(first.images, first.labels, 0, 2)
        share = realism_classifier.predict_probabilities(model, second.images)
        assert share.sum(axis=1) == pytest.approx(np.ones(12), abs=1e-5)
        assert (share.argmax(axis=1) == test.labels).mean() > 0.85
        mirrored = realism_classifier.predict_probabilities(model, second.images[:, :, ::-1].copy())
        assert mirrored == pytest.approx(share, abs=1e-3)


def test_network_input_does_not_depend_on_image_size() -> None:
    from benchmarks import realism_classifier

    small = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 4), np.uint8)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    same = realism_classifier.to_tensor(large) - realism_classifier.to_tensor(small)
    assert float(same.abs().max()) < 1e-5


def photograph_files(folder: Path, names: tuple[str, ...], each: int) -> None:
    for name in names:
        (folder / name).mkdir()
        for i in range(each):
            synthetic_image("bar", i, (400, 300))[0].save(folder / name / f"{name}{i}.jpg")


def test_photos_have_classes_and_two_halves(tmp_path: Path) -> None:
    photograph_files(tmp_path, ("dress", "hat", "unknown"), 4)
    found = RealPhotos(tmp_path)
    assert found.labels.tolist() == [0] * 4 + [1] * 4
    assert [max(photo.size) for photo in found.images()] == [320] * 8
    late: npt.NDArray[np.bool_] = found.second_half()
    assert [late[found.labels == label].sum() for label in (0, 1)] == [2, 2]


def test_photo_catalog_is_read_by_category(tmp_path: Path) -> None:
    synthetic_image("disc", 1)[0].save(tmp_path / "a.jpg")
    rows = "category3_code,image\nTshirts,a.jpg\nWatches,b.jpg\n"
    (tmp_path / "products.csv").write_text(rows, encoding="utf-8")
    assert RealPhotos(tmp_path).labels.tolist() == [list(CLASSES).index("t-shirt")]


def test_folder_without_known_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToileError) as caught:
        RealPhotos(tmp_path)
    assert "dress" in caught.value.hint
