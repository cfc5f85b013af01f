"""Measure whether classifiers trained only on synthetic images can classify real photographs.

    python -m benchmarks.realism --real DIR --out FILE [--photo snapshot] [--pictures 2000] [--seeds 5] [--cnn 0]
        [--whole 0]

DIR has a folder of JPEG files for each class of `realism_images.CLASSES`, or a catalog (products.csv). The same
classifier is trained on real photographs (5-fold cross-validation) and on synthetic images, and tested on the same real
photographs. The figure is the ratio of both accuracies above chance.

Every image is segmented first (`realism_masks.py`); at 64 pixels that measures shapes more than surfaces. `--whole`
trains the same network on whole images with their background; white bands make them square. The result also has shape
statistics of the masks, and the AUC of a linear classifier between synthetic and real images.

`late` in the result is the half of the real photographs that was not used while the renderer was improved.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from sklearn.model_selection import StratifiedKFold

from benchmarks import realism_features
from benchmarks.realism_images import CLASSES, RealPhotos, render_sample
from benchmarks.realism_masks import Shape, is_plausible, measure_shape, normalize, segment
from benchmarks.realism_measures import balanced_accuracy, ratio_above_chance, shape_table, two_sample_auc

Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8]
Predict = Callable[[Images, Labels, Images, int], Labels]
"""Training images and labels, test images, seed -> predicted labels."""
RENDER_SIDE = 96
"""Pixels of a synthetic image; a segmented product has 64 of them or fewer."""
NUM_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImages:
    """Images with and without their background."""

    images: Images
    """Segmented: RGB and mask, shape (n, side, side, 4)."""
    whole: Images
    """Unchanged RGB images, padded to squares with white, shape (n, side, side, 3)."""
    labels: Labels
    shapes: list[Shape | None]
    cpu_s: float = 0.0
    """CPU seconds of rendering and segmentation, in this run or an earlier one."""


def main() -> None:
    """Measure, print a table and write the result."""
    parser = argparse.ArgumentParser(description="Accuracy on real photographs after training on synthetic images.")
    parser.add_argument("--real", type=Path, required=True, help="real photographs, a folder for each class")
    parser.add_argument("--out", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--photo", default="snapshot", help="photo setting of the synthetic images")
    parser.add_argument("--pictures", type=int, default=2000, help="synthetic images to train on")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of the HOG classifier")
    parser.add_argument("--cnn", type=int, default=0, help="trainings of the convolutional classifier")
    parser.add_argument("--whole", type=int, default=0, help="trainings of that network on whole images")
    parser.add_argument("--cache", type=Path, help="folder that caches synthetic images and predictions between runs")
    options = parser.parse_args()
    photographs = RealPhotos(options.real)
    real = prepare(photographs.images(), photographs.labels)
    synthetic = load_or_render(options.cache, options.pictures, options.photo)
    named = f"--real {options.real.name} --photo {options.photo} --pictures {options.pictures}"
    trainings = f"--seeds {options.seeds} --cnn {options.cnn} --whole {options.whole}"
    command = f"python -m benchmarks.realism {named} {trainings} --out {options.out.name}"
    result = {"what": "realism", "command": command, "photo": options.photo, "python": sys.version.split()[0]}
    result |= {"real_pictures": len(real.labels), "synthetic_pictures": len(synthetic.labels)}
    memory, late = PredictionCache(options.cache), photographs.second_half()
    result |= measure(real, synthetic, late, (options.seeds, options.cnn, options.whole), memory)
    result["cpu_s"] = {"pictures": round(real.cpu_s + synthetic.cpu_s), "classifiers": round(memory.cpu_s)}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: result[name] for name in result if name.startswith("classifier")}, indent=1))


def prepare(photos: Iterable[Image.Image], labels: Labels) -> PreparedImages:
    """Segment every product and centre it on white; keep the whole image too."""
    start, side = time.process_time(), realism_features.SIDE
    images, whole, shapes = [], [], []
    for photo in photos:
        mask = segment(photo)
        images.append(normalize(photo, mask, side))
        whole.append(np.asarray(ImageOps.pad(photo, (side, side), Image.Resampling.BOX, color="white")))
        shapes.append(measure_shape(mask) if is_plausible(mask) else None)
    spent = time.process_time() - start
    return PreparedImages(images=np.array(images), whole=np.array(whole), labels=labels, shapes=shapes, cpu_s=spent)


def load_or_render(folder: Path | None, num_pictures: int, photo: str) -> PreparedImages:
    """Return synthetic images of all classes in turn, from the cache folder where they are in it."""
    labels = np.arange(num_pictures) % len(CLASSES)
    file = folder / f"{photo}-{num_pictures}.npz" if folder else None
    if file and file.exists():
        with np.load(file) as stored:
            shapes = [Shape(aspect=a, fill=f, solidity=s) if a > 0 else None for a, f, s in stored["shapes"]]
            found = stored["images"], stored["whole"], float(stored["cpu_s"])
        return PreparedImages(images=found[0], whole=found[1], labels=labels, shapes=shapes, cpu_s=found[2])
    made = prepare((render_sample(int(label), i, RENDER_SIDE, photo) for i, label in enumerate(labels)), labels)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [(s.aspect, s.fill, s.solidity) if s else (0, 0, 0) for s in made.shapes]
        np.savez(file, images=made.images, whole=made.whole, shapes=np.array(rows), cpu_s=np.array(made.cpu_s))
    return made


class PredictionCache:
    """Predictions of trained classifiers in a folder, keyed by a hash of all inputs."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.cpu_s = 0.0
        """CPU seconds of all trainings, in this run or an earlier one."""

    def wrap(self, predict: Predict, source: str) -> Predict:
        """Return `predict` with caching; `source` is the file with its code."""
        code = Path(__file__).with_name(source).read_bytes()

        def cached(images: Images, labels: Labels, test: Images, seed: int) -> Labels:
            digest = hashlib.sha256(code + f"{predict.__name__} {seed} {images.shape} {test.shape}".encode())
            for array in (images, labels, test):
                digest.update(np.ascontiguousarray(array).tobytes())
            file = self.folder / f"answers-{digest.hexdigest()[:32]}.npz" if self.folder else None
            if file and file.exists():
                with np.load(file) as stored:
                    self.cpu_s += float(stored["cpu_s"])
                    return np.asarray(stored["answers"], np.int64)
            start = time.process_time()
            answers = predict(images, labels, test, seed)
            spent = time.process_time() - start
            self.cpu_s += spent
            if file:
                np.savez(file, answers=answers, cpu_s=np.array(spent))
            return answers

        return cached


def measure(
    real: PreparedImages,
    synthetic: PreparedImages,
    late: npt.NDArray[np.bool_],
    trainings: tuple[int, int, int],
    memory: PredictionCache,
) -> dict[str, Any]:
    """Return all figures; `trainings` is the number of trainings of HOG, CNN, and CNN on whole images."""
    cnn = memory.wrap(predict_with_cnn, "realism_classifier.py")
    kinds = {
        "gradients": (trainings[0], memory.wrap(predict_with_hog, "realism_features.py"), real, synthetic),
        "cnn": (trainings[1], cnn, real, synthetic),
        "cnn_whole": (trainings[2], cnn, use_whole_images(real), use_whole_images(synthetic)),
    }
    result: dict[str, Any] = {
        f"classifier_{kind}": compare_arms(first, second, late, predict, count)
        for kind, (count, predict, first, second) in kinds.items()
        if count
    }
    names = list(CLASSES)
    for name, group in (("real", real), ("synthetic", synthetic)):
        result[f"shapes_{name}"] = shape_table(group.shapes, group.labels, names)
    first, second = (
        realism_features.hog_features(real.images),
        realism_features.hog_features(synthetic.images[: len(late)]),
    )
    half = np.random.default_rng(0).permutation(len(first)) % 2 == 0
    result["auc_synthetic_against_real"] = round(two_sample_auc(first, second), 3)
    result["auc_real_against_real"] = round(two_sample_auc(first[half], first[~half]), 3)
    return result


def use_whole_images(group: PreparedImages) -> PreparedImages:
    """Return the group with the whole images in place of the segmented ones."""
    return replace(group, images=group.whole)


def compare_arms(
    real: PreparedImages, synthetic: PreparedImages, late: npt.NDArray[np.bool_], predict: Predict, num_seeds: int
) -> dict[str, Any]:
    """Return accuracies of both arms on all real photographs and on each half, and their ratio above chance."""
    labels, hits = real.labels, {"real": np.zeros(len(real.labels)), "synthetic": np.zeros(len(real.labels))}
    by_seed: dict[str, list[float]] = {"real": [], "synthetic": []}
    for seed in range(num_seeds):
        answers = {"real": cross_validate(real, predict, seed)}
        answers["synthetic"] = predict(synthetic.images, synthetic.labels, real.images, seed)
        for arm, answer in answers.items():
            right = (answer == labels).astype(float)
            hits[arm] += right / num_seeds
            by_seed[arm].append(round(balanced_accuracy(right, labels), 3))
    table: dict[str, Any] = {"seeds": num_seeds, "chance": 1 / len(np.unique(labels)), "by_seed": by_seed}
    for part, chosen in (("all", np.ones(len(labels), bool)), ("early", ~late), ("late", late)):
        accuracies = {arm: round(balanced_accuracy(hits[arm][chosen], labels[chosen]), 3) for arm in hits}
        table[part] = accuracies | ratio_above_chance(hits["synthetic"][chosen], hits["real"][chosen], labels[chosen])
    names = list(CLASSES)
    table["by_class"] = {
        names[label]: {arm: round(float(hits[arm][labels == label].mean()), 2) for arm in hits}
        for label in np.unique(labels)
    }
    return table


def cross_validate(real: PreparedImages, predict: Predict, seed: int) -> Labels:
    """Predict every real photograph by a classifier that was trained on the other folds."""
    answers = np.zeros(len(real.labels), np.int64)
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(real.images, real.labels):
        answers[test] = predict(real.images[train], real.labels[train], real.images[test], seed)
    return answers


def predict_with_hog(images: Images, labels: Labels, test: Images, seed: int) -> Labels:
    """Train and predict with the HOG classifier (`realism_features.py`)."""
    model = realism_features.train(images, labels, seed)
    both = [model.decision_function(realism_features.hog_features(view)) for view in (test, test[:, :, ::-1])]
    scores = both[0] + both[1]
    if scores.ndim == 1:  # two classes have one score
        scores = np.stack([-scores, scores], axis=1)
    return np.asarray(model.classes_[scores.argmax(axis=1)], np.int64)


def predict_with_cnn(images: Images, labels: Labels, test: Images, seed: int) -> Labels:
    """Train and predict with the small convolutional network (`realism_classifier.py`)."""
    from benchmarks import realism_classifier

    model = realism_classifier.train(images, labels, seed, len(CLASSES))
    return np.asarray(realism_classifier.predict_probabilities(model, test).argmax(axis=1), np.int64)


if __name__ == "__main__":
    main()
