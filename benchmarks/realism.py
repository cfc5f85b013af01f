"""Do classifiers trained on synthetic pictures alone read real photographs?

    python -m benchmarks.realism --real DIR --out FILE [--photo snapshot] [--pictures 2000] [--seeds 5] [--cnn 0]
        [--whole 0]

DIR holds a folder of JPEG files for each class of `realism_pictures.CLASSES`, or a catalogue (products.csv). The same
classifier is trained on real photographs (5-fold cross-validation) and on synthetic ones, and tested on the same real
photographs; the figure is the ratio of both accuracies above chance. Every picture passes the same cut-out
(`realism_masks.py`) first; at 64 pixels that measures shapes above all, not surfaces. `--whole` trains the same network
on whole pictures instead, with whatever lies around the product; oblong ones get white bands, not another shape. Beside
it stand shape statistics of the masks, and how well a linear classifier tells synthetic from real pictures.

`late` in the result is the half of the real photographs that nobody looked at while the drawings were mended.
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
    """Pictures, with and without what lies around the product."""

    images: Images
    """After the cut-out: RGB and mask."""
    whole: Images
    """As they are, the longer side fitted into a square, the rest white: RGB."""
    labels: Labels
    shapes: list[Shape | None]
    cpu_s: float = 0.0
    """Seconds that drawing and cutting out took, in whichever run."""


def main() -> None:
    """Measures, prints a table and writes the result."""
    parser = argparse.ArgumentParser(description="Accuracy on real photographs after training on synthetic pictures.")
    parser.add_argument("--real", type=Path, required=True, help="real photographs, a folder for each class")
    parser.add_argument("--out", type=Path, required=True, help="file for the result (JSON)")
    parser.add_argument("--photo", default="snapshot", help="how the synthetic products are photographed")
    parser.add_argument("--pictures", type=int, default=2000, help="synthetic pictures to train on")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of the quick classifier")
    parser.add_argument("--cnn", type=int, default=0, help="trainings of the convolutional classifier")
    parser.add_argument("--whole", type=int, default=0, help="trainings of that network on whole pictures")
    parser.add_argument("--cache", type=Path, help="folder that keeps synthetic pictures and trainings between runs")
    options = parser.parse_args()
    photographs = Photographs(options.real)
    real = prepared(photographs.pictures(), photographs.labels)
    synthetic = cached(options.cache, options.pictures, options.photo)
    named = f"--real {options.real.name} --photo {options.photo} --pictures {options.pictures}"
    trainings = f"--seeds {options.seeds} --cnn {options.cnn} --whole {options.whole}"
    command = f"python -m benchmarks.realism {named} {trainings} --out {options.out.name}"
    result = {"what": "realism", "command": command, "photo": options.photo, "python": sys.version.split()[0]}
    result |= {"real_pictures": len(real.labels), "synthetic_pictures": len(synthetic.labels)}
    memory, late = Memory(options.cache), photographs.second_half()
    result |= measured(real, synthetic, late, (options.seeds, options.cnn, options.whole), memory)
    result["cpu_s"] = {"pictures": round(real.cpu_s + synthetic.cpu_s), "classifiers": round(memory.cpu_s)}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: result[name] for name in result if name.startswith("classifier")}, indent=1))


def prepared(pictures: Iterable[Image.Image], labels: Labels) -> Prepared:
    """Cuts every product out and sets it on white; keeps the whole picture beside it."""
    start, side = time.process_time(), realism_features.SIDE
    images, whole, shapes = [], [], []
    for picture in pictures:
        mask = cut_out(picture)
        images.append(normalised(picture, mask, side))
        whole.append(np.asarray(ImageOps.pad(picture, (side, side), Image.Resampling.BOX, color="white")))
        shapes.append(shape_of(mask) if works(mask) else None)
    spent = time.process_time() - start
    return Prepared(images=np.array(images), whole=np.array(whole), labels=labels, shapes=shapes, cpu_s=spent)


def cached(folder: Path | None, num_pictures: int, photo: str) -> Prepared:
    """Synthetic pictures of all classes in turn, read from the folder where an earlier run left them."""
    labels = np.arange(num_pictures) % len(CLASSES)
    file = folder / f"{photo}-{num_pictures}.npz" if folder else None
    if file and file.exists():
        with np.load(file) as stored:
            shapes = [Shape(aspect=a, fill=f, solidity=s) if a > 0 else None for a, f, s in stored["shapes"]]
            found = stored["images"], stored["whole"], float(stored["cpu_s"])
        return Prepared(images=found[0], whole=found[1], labels=labels, shapes=shapes, cpu_s=found[2])
    made = prepared((drawn(int(label), i, DRAWN_SIDE, photo) for i, label in enumerate(labels)), labels)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [(s.aspect, s.fill, s.solidity) if s else (0, 0, 0) for s in made.shapes]
        np.savez(file, images=made.images, whole=made.whole, shapes=np.array(rows), cpu_s=np.array(made.cpu_s))
    return made


class Memory:
    """Trainings that an earlier run left in a folder, found again by all that went into them."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.cpu_s = 0.0
        """Seconds that all trainings took, in whichever run."""

    def of(self, predict: Predict, source: str) -> Predict:
        """The same predictions, not computed twice; `source` is the module that says how."""
        code = Path(__file__).with_name(source).read_bytes()

        def remembered(images: Images, labels: Labels, test: Images, seed: int) -> Labels:
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

        return remembered


def measured(
    real: Prepared, synthetic: Prepared, late: npt.NDArray[np.bool_], trainings: tuple[int, int, int], memory: Memory
) -> dict[str, Any]:
    """All figures of the probe; `trainings` of the quick classifier, the network, and the network on whole pictures."""
    cnn = memory.of(by_cnn, "realism_classifier.py")
    kinds = {
        "gradients": (trainings[0], memory.of(by_gradients, "realism_features.py"), real, synthetic),
        "cnn": (trainings[1], cnn, real, synthetic),
        "cnn_whole": (trainings[2], cnn, as_whole(real), as_whole(synthetic)),
    }
    result: dict[str, Any] = {
        f"classifier_{kind}": arms(first, second, late, predict, count)
        for kind, (count, predict, first, second) in kinds.items()
        if count
    }
    names = list(CLASSES)
    for name, group in (("real", real), ("synthetic", synthetic)):
        result[f"shapes_{name}"] = shape_table(group.shapes, group.labels, names)
    first, second = realism_features.features(real.images), realism_features.features(synthetic.images[: len(late)])
    half = np.random.default_rng(0).permutation(len(first)) % 2 == 0
    result["auc_synthetic_against_real"] = round(two_sample_auc(first, second), 3)
    result["auc_real_against_real"] = round(two_sample_auc(first[half], first[~half]), 3)
    return result


def as_whole(group: Prepared) -> Prepared:
    """The pictures as they are in the place of the cut-out ones."""
    return replace(group, images=group.whole)


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
