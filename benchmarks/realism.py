"""Do classifiers trained on synthetic pictures alone read real photographs?

    python -m benchmarks.realism --real DIR --out FILE [--photo snapshot] [--pictures 2000] [--seeds 5] [--cnn 0]

DIR holds a folder of JPEG files for each class of `realism_pictures.CLASSES`, or a catalogue (products.csv). The same
classifier is trained on real photographs (5-fold cross-validation) and on synthetic ones, and tested on the same real
photographs; the figure is the ratio of both accuracies above chance. Every picture passes the same cut-out
(`realism_masks.py`) first. Beside it stand shape statistics of the masks, and how well a linear classifier tells
synthetic from real pictures. At 64 pixels all this measures shapes above all, not surfaces.

`late` in the result is the half of the real photographs that nobody looked at while the drawings were mended.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.model_selection import StratifiedKFold

from benchmarks import realism_features
from benchmarks.realism_masks import Shape, cut_out, normalised, shape_of, works
from benchmarks.realism_measures import above_chance, balanced_accuracy, shape_table, two_sample_auc
from benchmarks.realism_pictures import CLASSES, Photographs, drawn

Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8]
Predict = Callable[[Images, Labels, Images, int], Labels]
"""Training images and labels, test images, seed -> predicted labels."""
DRAWN_SIDE = 96
"""Pixels of a synthetic picture; a cut-out product fills 64 of them or fewer."""
NUM_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Pictures after the cut-out."""

    images: Images
    labels: Labels
    shapes: list[Shape | None]


def main() -> None:
    """Measures, prints a table and writes the result."""
    parser = argparse.ArgumentParser(description="Accuracy on real photographs after training on synthetic pictures.")
    parser.add_argument("--real", type=Path, required=True, help="real photographs, a folder for each class")
    parser.add_argument("--out", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--photo", default="snapshot", help="how the synthetic products are photographed")
    parser.add_argument("--pictures", type=int, default=2000, help="synthetic pictures to train on")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of the quick classifier")
    parser.add_argument("--cnn", type=int, default=0, help="trainings of the convolutional classifier")
    parser.add_argument("--cache", type=Path, help="folder that keeps prepared synthetic pictures between runs")
    options = parser.parse_args()
    start = time.process_time()
    photographs = Photographs(options.real)
    real = prepared(photographs.pictures(), photographs.labels)
    synthetic = cached(options.cache, options.pictures, options.photo)
    named = f"--real {options.real.name} --photo {options.photo} --pictures {options.pictures}"
    command = (
        f"python -m benchmarks.realism {named} --seeds {options.seeds} --cnn {options.cnn} --out {options.out.name}"
    )
    result = {"what": "realism", "command": command, "photo": options.photo, "python": sys.version.split()[0]}
    result |= {"real_pictures": len(real.labels), "synthetic_pictures": len(synthetic.labels)}
    result |= measured(real, synthetic, photographs.second_half(), options.seeds, options.cnn)
    result["cpu_s"] = round(time.process_time() - start)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: result[name] for name in result if name.startswith("classifier")}, indent=1))


def prepared(pictures: Iterable[Image.Image], labels: Labels) -> Prepared:
    """Cuts every product out and sets it on white."""
    images, shapes = [], []
    for picture in pictures:
        mask = cut_out(picture)
        images.append(normalised(picture, mask, realism_features.SIDE))
        shapes.append(shape_of(mask) if works(mask) else None)
    return Prepared(images=np.array(images), labels=labels, shapes=shapes)


def cached(folder: Path | None, num_pictures: int, photo: str) -> Prepared:
    """Synthetic pictures of all classes in turn, read from the folder where an earlier run left them."""
    labels = np.arange(num_pictures) % len(CLASSES)
    file = folder / f"{photo}-{num_pictures}.npz" if folder else None
    if file and file.exists():
        with np.load(file) as stored:
            shapes = [Shape(aspect=a, fill=f, solidity=s) if a > 0 else None for a, f, s in stored["shapes"]]
            return Prepared(images=stored["images"], labels=labels, shapes=shapes)
    made = prepared((drawn(int(label), i, DRAWN_SIDE, photo) for i, label in enumerate(labels)), labels)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [(s.aspect, s.fill, s.solidity) if s else (0, 0, 0) for s in made.shapes]
        np.savez(file, images=made.images, shapes=np.array(rows))
    return made


def measured(
    real: Prepared, synthetic: Prepared, late: npt.NDArray[np.bool_], num_seeds: int, num_cnn: int
) -> dict[str, Any]:
    """All figures of the probe."""
    result: dict[str, Any] = {"classifier_gradients": arms(real, synthetic, late, by_gradients, num_seeds)}
    if num_cnn:
        result["classifier_cnn"] = arms(real, synthetic, late, by_cnn, num_cnn)
    names = list(CLASSES)
    for name, group in (("real", real), ("synthetic", synthetic)):
        result[f"shapes_{name}"] = shape_table(group.shapes, group.labels, names)
    first, second = realism_features.features(real.images), realism_features.features(synthetic.images[: len(late)])
    half = np.random.default_rng(0).permutation(len(first)) % 2 == 0
    result["auc_synthetic_against_real"] = round(two_sample_auc(first, second), 3)
    result["auc_real_against_real"] = round(two_sample_auc(first[half], first[~half]), 3)
    return result


def arms(
    real: Prepared, synthetic: Prepared, late: npt.NDArray[np.bool_], predict: Predict, num_seeds: int
) -> dict[str, Any]:
    """Accuracies of both arms on all real photographs and on each half, and their ratio above chance."""
    labels, hits = real.labels, {"real": np.zeros(len(real.labels)), "synthetic": np.zeros(len(real.labels))}
    by_seed: dict[str, list[float]] = {"real": [], "synthetic": []}
    for seed in range(num_seeds):
        answers = {"real": cross_validated(real, predict, seed)}
        answers["synthetic"] = predict(synthetic.images, synthetic.labels, real.images, seed)
        for arm, answer in answers.items():
            right = (answer == labels).astype(float)
            hits[arm] += right / num_seeds
            by_seed[arm].append(round(balanced_accuracy(right, labels), 3))
    table: dict[str, Any] = {"seeds": num_seeds, "chance": 1 / len(np.unique(labels)), "by_seed": by_seed}
    for part, chosen in (("all", np.ones(len(labels), bool)), ("early", ~late), ("late", late)):
        accuracies = {arm: round(balanced_accuracy(hits[arm][chosen], labels[chosen]), 3) for arm in hits}
        table[part] = accuracies | above_chance(hits["synthetic"][chosen], hits["real"][chosen], labels[chosen])
    names = list(CLASSES)
    table["by_class"] = {
        names[label]: {arm: round(float(hits[arm][labels == label].mean()), 2) for arm in hits}
        for label in np.unique(labels)
    }
    return table


def cross_validated(real: Prepared, predict: Predict, seed: int) -> Labels:
    """For every real photograph the answer of a classifier that was trained on the other four fifths."""
    answers = np.zeros(len(real.labels), np.int64)
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(real.images, real.labels):
        answers[test] = predict(real.images[train], real.labels[train], real.images[test], seed)
    return answers


def by_gradients(images: Images, labels: Labels, test: Images, seed: int) -> Labels:
    """Predictions of the quick classifier (`realism_features.py`)."""
    model = realism_features.trained(images, labels, seed)
    both = [model.decision_function(realism_features.features(view)) for view in (test, test[:, :, ::-1])]
    scores = both[0] + both[1]
    if scores.ndim == 1:  # two classes have one score
        scores = np.stack([-scores, scores], axis=1)
    return np.asarray(model.classes_[scores.argmax(axis=1)], np.int64)


def by_cnn(images: Images, labels: Labels, test: Images, seed: int) -> Labels:
    """Predictions of the small convolutional network (`realism_classifier.py`)."""
    from benchmarks import realism_classifier

    model = realism_classifier.trained(images, labels, seed, len(CLASSES))
    return np.asarray(realism_classifier.probabilities(model, test).argmax(axis=1), np.int64)


if __name__ == "__main__":
    main()
