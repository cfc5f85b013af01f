"""Measure how a network that has only seen photographs reads synthetic images.

    python -m benchmarks.realism --model MODEL.tflite --labels NAMES.txt --snapshots DIR [--studio DIR] --out FILE
        [--pictures 1000] [--seed 11] [--cache DIR]

`--snapshots` and `--studio` are folders of real photographs, one folder of JPEG files for each class, or a catalog
(products.csv). Images are read whole: nothing is segmented. The synthetic ones are the catalogs
`benchmarks/realism/snapshots.yaml` and `studio.yaml`, whose leaf categories are the classes. See realism_network.py for
the network.

Naming is the share of images whose first (or one of the first five) names a person would accept for the class.
Transfer is the balanced accuracy on real snapshots of a logistic regression on the network's embeddings, trained on
synthetic snapshots only, on k real ones of each class, or on both. Real arms are cross-validated in five folds. `worth`
is the number k of real ones that are worth as much as the synthetic ones.

Without a model the benchmark stops and says so.
"""

import argparse
import collections
import csv
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.realism_network import ACCEPTED, PretrainedNetwork, is_accepted
from generator.render import draw
from generator.sampling.products import products
from schemas.errors import ToileError
from schemas.validation import load

Numbers = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.str_]
SPECS = {
    photo: Path(__file__).parent / "realism" / f"{name}.yaml"
    for photo, name in (("snapshot", "snapshots"), ("studio", "studio"))
}
RENDER_SIDE = 336
NUM_FOLDS = 5
REAL_COUNTS = (3, 6, 10, 15, 24, 30, 80)
"""Numbers of real photographs of each class to train on, where there are so many."""
NUM_SUBSETS = 4
"""Random subsets of that many real photographs, in each fold."""
NUM_RESAMPLES = 1000
STUDIO_CLASSES = {
    "Tshirts": "t-shirt",
    "Sports Shoes": "sneaker",
    "Sandals": "sandal",
    "Flip Flops": "sandal",
    "Shorts": "shorts",
    "Track Pants": "pants",
    "Skirts": "skirt",
    "Dresses": "dress",
    "Shirts": "shirt",
    "Caps": "hat",
    "Jackets": "outwear",
    "Sweatshirts": "sweatshirt",
    "Watches": "watch",
    "Backpacks": "backpack",
    "Handbags": "handbag",
    "Wallets": "wallet",
    "Belts": "belt",
    "Sunglasses": "sunglasses",
    "Jeans": "jeans",
}
"""Third category of a catalog of studio photographs -> class; other rows are skipped."""


class Embedded:
    """What the network sees in a set of images: classes, names and embeddings."""

    def __init__(self, network: PretrainedNetwork, images: Iterable[tuple[str, Image.Image]]) -> None:
        classes, names, embeddings = [], [], []
        for class_name, image in images:
            scores, embedding = network.evaluate(image)
            classes.append(class_name)
            names.append(network.top_names(scores))
            embeddings.append(embedding)
        self.classes, self.names = np.array(classes), names
        self.embeddings = np.stack(embeddings)
        """Shape (number of images, channels)."""


def main() -> None:
    """Measure, print the main figures and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="image classifier, .tflite")
    parser.add_argument("--labels", type=Path, required=True, help="names of its classes, one a line")
    parser.add_argument("--snapshots", type=Path, help="real snapshots, a folder for each class")
    parser.add_argument("--studio", type=Path, help="real studio photographs, a folder for each class or a catalog")
    parser.add_argument("--pictures", type=int, default=1000, help="synthetic images of each kind")
    parser.add_argument("--seed", type=int, default=11, help="seed of the synthetic catalogs")
    parser.add_argument("--cache", type=Path, help="folder that keeps what the network said about an image")
    parser.add_argument("--out", type=Path, required=True, help="file for the result (JSON)")
    options = parser.parse_args()
    network = PretrainedNetwork(options.model, options.labels, options.cache)
    real = {
        photo: Embedded(network, read_photographs(folder))
        for photo, folder in (("snapshot", options.snapshots), ("studio", options.studio))
        if folder is not None
    }
    folders = "".join(f" --{name} DIR" for name in ("snapshots", "studio") if getattr(options, name))
    command = f"python -m benchmarks.realism --model {options.model.name} --labels {options.labels.name}{folders}"
    result: dict[str, Any] = {
        "what": "realism",
        "command": f"{command} --pictures {options.pictures} --seed {options.seed} --out {options.out.name}",
        "python": sys.version.split()[0],
        "pictures": options.pictures,
    }
    synthetic = {photo: Embedded(network, render_catalog(photo, options.seed, options.pictures)) for photo in SPECS}
    result["naming"] = {photo: compare_names(made, real.get(photo)) for photo, made in synthetic.items()}
    if "snapshot" in real:
        result["transfer"] = measure_transfer(real["snapshot"], synthetic["snapshot"])
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print_result(result)


def render_catalog(photo: str, seed: int, num_products: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield class and image of the first products of a catalog of `SPECS`."""
    for product in products(load(SPECS[photo], "catalog"), seed, 0, num_products):
        yield str(product.category3_code).lower(), draw(product, RENDER_SIDE, photo)


def read_photographs(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield class and upright RGB image of real photographs, in a fixed order."""
    found = sorted(_by_category(folder) if (folder / "products.csv").exists() else _by_folder(folder))
    if not found:
        raise ToileError(str(folder), "holds no photograph of a known class", f"folders such as {', '.join(ACCEPTED)}")
    for path, class_name in found:
        with Image.open(path) as file:
            yield class_name, ImageOps.exif_transpose(file).convert("RGB")


def _by_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    for class_name in ACCEPTED:
        for path in (folder / class_name).glob("*.jp*g"):
            yield path, class_name


def _by_category(folder: Path) -> Iterator[tuple[Path, str]]:
    with (folder / "products.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["category3_code"] in STUDIO_CLASSES:
                yield folder / row["image"], STUDIO_CLASSES[row["category3_code"]]


def count_right_names(made: Embedded) -> dict[str, dict[str, Any]]:
    """Return for each class the number of images, shares that are named right, and the most frequent first names."""
    table: dict[str, dict[str, Any]] = {}
    for class_name in np.unique(made.classes).tolist():
        rows = np.flatnonzero(made.classes == class_name)
        right = [[is_accepted(name, class_name) for name in made.names[i]] for i in rows]
        says = collections.Counter(made.names[i][0].split(",")[0] for i in rows).most_common(3)
        table[class_name] = {
            "n": len(rows),
            "top1": round(float(np.mean([row[0] for row in right])), 3),
            "top5": round(float(np.mean([any(row) for row in right])), 3),
            "says": dict(says),
        }
    return table


def compare_names(synthetic: Embedded, real: Embedded | None) -> dict[str, Any]:
    """Return naming of synthetic images, of real ones, and the means over the classes that both have."""
    table: dict[str, Any] = {"synthetic": count_right_names(synthetic)}
    if real is not None:
        table["real"] = count_right_names(real)
        shared = [name for name in table["real"] if name in table["synthetic"]]
        for arm in ("real", "synthetic"):
            for top in ("top1", "top5"):
                table[f"{arm}_mean_{top}"] = round(float(np.mean([table[arm][name][top] for name in shared])), 3)
        table["shared_classes"] = len(shared)
    return table


def train(embeddings: Numbers, classes: Labels) -> Any:
    """Return a regularised logistic regression on standardised embeddings; classes weigh equally."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=400, class_weight="balanced"))
    return model.fit(embeddings, classes)


def balanced_accuracy(hits: Numbers, classes: Labels) -> float:
    """Return the mean over classes of the share of correct predictions; `hits` may be means over trainings."""
    return float(np.mean([hits[classes == name].mean() for name in np.unique(classes)]))


def measure_transfer(real: Embedded, synthetic: Embedded) -> dict[str, Any]:
    """Return accuracies on the real snapshots of all training sets, and what the synthetic ones are worth."""
    classes = real.classes
    made = np.isin(synthetic.classes, np.unique(classes))
    more = synthetic.embeddings[made], synthetic.classes[made]
    answers = train(*more).predict(real.embeddings)
    hits = (answers == classes).astype(float)
    folds = list(StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0).split(real.embeddings, classes))
    smallest = min(int(np.unique(classes[train_rows], return_counts=True)[1].min()) for train_rows, _ in folds)
    counts = [count for count in REAL_COUNTS if count <= smallest]
    alone = {count: cross_validate(real, folds, count, None) for count in counts}
    mixed = {count: cross_validate(real, folds, count, more) for count in counts}
    all_real = cross_validate(real, folds, None, None)
    names, sums = np.unique(classes).tolist(), {"synthetic": hits, "real": all_real}
    result: dict[str, Any] = {
        "n_real": len(classes),
        "n_synthetic": len(more[1]),
        "synthetic": round(balanced_accuracy(hits, classes), 3),
        "real": round(balanced_accuracy(all_real, classes), 3),
        "both": round(balanced_accuracy(cross_validate(real, folds, None, more), classes), 3),
        "real_alone": {str(count): round(balanced_accuracy(each, classes), 3) for count, each in alone.items()},
        "real_and_synthetic": {str(k): round(balanced_accuracy(each, classes), 3) for k, each in mixed.items()},
        "synthetic_by_half": {
            half: round(balanced_accuracy(hits[rows], classes[rows]), 3) for half, rows in halves(classes).items()
        },
        "worth": worth_in_photographs(hits, list(alone.values()), counts, classes),
        "by_class": {
            name: {arm: round(float(each[classes == name].mean()), 2) for arm, each in sums.items()} for name in names
        },
        "answers": {
            name: dict(collections.Counter(answers[classes == name].tolist()).most_common(4)) for name in names
        },
    }
    chance = 1 / len(names)
    result["share_above_chance"] = round((result["synthetic"] - chance) / (result["real"] - chance), 3)
    result["auc_synthetic_against_real"] = round(two_sample_auc(real.embeddings, more[0]), 3)
    return result


def halves(classes: Labels) -> dict[str, npt.NDArray[np.intp]]:
    """Return the rows of the half that was looked at while the renderer was improved, and of the other half."""
    order = np.concatenate([np.arange(np.sum(classes == name)) for name in dict.fromkeys(classes.tolist())])
    return {"looked_at": np.flatnonzero(order % 2 == 0), "other": np.flatnonzero(order % 2 == 1)}


def cross_validate(
    real: Embedded,
    folds: Sequence[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]],
    count: int | None,
    more: tuple[Numbers, Labels] | None,
) -> Numbers:
    """Return how often each real image is recognised after training on the other folds.

    Args:
        count: real images of each class to train on, in `NUM_SUBSETS` random subsets; None trains on all.
        more: embeddings and classes of images that every training has too.
    """
    hits, subsets = np.zeros(len(real.classes)), 1 if count is None else NUM_SUBSETS
    for fold, (rows, test) in enumerate(folds):
        for subset in range(subsets):
            chosen = rows if count is None else _some_of_each(real.classes, rows, count, [fold, subset])
            x, y = real.embeddings[chosen], real.classes[chosen]
            if more is not None:
                x, y = np.concatenate([x, more[0]]), np.concatenate([y, more[1]])
            hits[test] += (train(x, y).predict(real.embeddings[test]) == real.classes[test]) / subsets
    return hits


def _some_of_each(classes: Labels, rows: npt.NDArray[np.intp], count: int, seed: Sequence[int]) -> npt.NDArray[np.intp]:
    rng = np.random.default_rng([zlib.crc32(b"realism"), *seed])
    members = [rows[classes[rows] == name] for name in np.unique(classes)]
    return np.concatenate([rng.permutation(group)[:count] for group in members])


def worth_in_photographs(
    hits: Numbers, alone: Sequence[Numbers], counts: Sequence[int], classes: Labels
) -> dict[str, Any]:
    """Return the number of real photographs per class that give the accuracy of `hits`, with a 95% interval.

    The accuracies of `counts` real ones are made ascending and interpolated over the logarithm of the count; beyond the
    last one the figure is that count (at least so many). The bootstrap resamples real images within each class; it
    leaves out which images were rendered.
    """
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(classes == name) for name in np.unique(classes)]

    def worth(rows: npt.NDArray[np.intp]) -> float:
        levels = np.maximum.accumulate([balanced_accuracy(each[rows], classes[rows]) for each in alone])
        levels = levels + np.arange(len(levels)) * 1e-9
        return float(np.exp(np.interp(balanced_accuracy(hits[rows], classes[rows]), levels, np.log(counts))))

    values = [worth(np.concatenate([rng.choice(group, len(group)) for group in members])) for _ in range(NUM_RESAMPLES)]
    low, high = np.quantile(values, (0.025, 0.975))
    figure = worth(np.concatenate(members))
    return {
        "per_class": round(figure, 1),
        "interval_95": [round(float(low), 1), round(float(high), 1)],
        "at_most_measured": counts[-1],
    }


def two_sample_auc(first: Numbers, second: Numbers) -> float:
    """Return the AUC of a linear classifier between two groups of images on held-out ones: 0.5 none, 1 perfect."""
    values, labels = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=400, class_weight="balanced"))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, values, labels, cv=folds, method="decision_function")
    return float(roc_auc_score(labels, scores))


def print_result(result: dict[str, Any]) -> None:
    """Print naming by class, transfer by class, and the summary figures."""
    for photo, table in result["naming"].items():
        for name, found in table["synthetic"].items():
            real = table.get("real", {}).get(name)
            beside = f"   real {real['top1']:.2f} / {real['top5']:.2f}" if real else " " * 19
            print(f"{photo:9} {name:12} {found['top1']:.2f} / {found['top5']:.2f}{beside}   {found['says']}")
        print({key: value for key, value in table.items() if key not in ("synthetic", "real")})
    for name, found in result.get("transfer", {}).get("by_class", {}).items():
        print(
            f"{name:12} synthetic {found['synthetic']:.2f}  real {found['real']:.2f}"
            f"  {result['transfer']['answers'][name]}"
        )
    print({key: value for key, value in result.get("transfer", {}).items() if key not in ("by_class", "answers")})


if __name__ == "__main__":
    main()
