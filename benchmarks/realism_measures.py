"""Statistics of the realism benchmark: accuracies, their ratio, the classifier two-sample test, shapes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.realism_masks import Shape

Numbers = npt.NDArray[np.floating[Any]]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NUM_RESAMPLES = 2000


def balanced_accuracy(hits: Numbers, labels: npt.NDArray[np.int64]) -> float:
    """Return the mean over classes of the share of correct predictions; `hits` may be means over seeds."""
    return float(np.mean([hits[labels == label].mean() for label in np.unique(labels)]))


def ratio_above_chance(
    synthetic: Numbers, real: Numbers, labels: npt.NDArray[np.int64], seed: int = 0
) -> dict[str, Any]:
    """Return the accuracy above chance of the synthetic arm over that of the real arm, with a 95% bootstrap interval.

    Images are resampled within each class, the same ones for both arms. Training noise is averaged over seeds, not
    resampled.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    draws = [group[rng.integers(0, len(group), (NUM_RESAMPLES, len(group)))] for group in members]
    chance = 1 / len(members)

    def ratio(groups: list[npt.NDArray[np.int64]]) -> Numbers:
        above = [
            np.mean([hits[group].mean(axis=-1) for group in groups], axis=0) - chance for hits in (synthetic, real)
        ]
        return np.asarray(above[0] / np.maximum(above[1], 1e-9))

    low, high = np.quantile(ratio(draws), (0.025, 0.975))
    return {"ratio": round(float(ratio(members)), 3), "interval_95": [round(float(low), 3), round(float(high), 3)]}


def two_sample_auc(first: Numbers, second: Numbers, seed: int = 0) -> float:
    """Return the AUC of a linear classifier between two groups of images on held-out ones: 0.5 none, 1 perfect."""
    values = np.concatenate([first, second])
    labels = np.repeat([0, 1], [len(first), len(second)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=400))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    scores = cross_val_predict(model, values, labels, cv=folds, method="decision_function")
    return float(roc_auc_score(labels, scores))


def shape_table(shapes: list[Shape | None], labels: npt.NDArray[np.int64], names: list[str]) -> dict[str, Any]:
    """Return quantiles of aspect, fill and solidity per class; failed masks (None) are counted and excluded."""
    table: dict[str, Any] = {}
    for label, name in enumerate(names):
        found = [shape for shape, own in zip(shapes, labels, strict=True) if own == label]
        kept = [shape for shape in found if shape is not None]
        table[name] = {"pictures": len(found), "masks": len(kept)}
        for measure in ("aspect", "fill", "solidity"):
            values = [getattr(shape, measure) for shape in kept]
            table[name][measure] = [round(float(q), 2) for q in np.quantile(values, QUANTILES)] if values else None
    return table
