"""The protocol `rank`: every category of the closed set by how likely the model takes it to be.

Three figures of a category c behind a picture: raw, ln P(c | picture, prompt, prefix), summed over its tokens;
per_token, raw divided by the number of tokens; calibrated, raw minus ln P(c | blank picture), which is pointwise mutual
information: names that a model likes to write anyway gain nothing. Source: Holtzman et al. 2021, arXiv 2104.08315. We
deviate in two places. The condition without evidence is a blank picture of the same shape. And behind it stands not
the row's own prefix but, in turn, a title of each category, P(c | blank picture) being the mean over these: the own
title is evidence, and to subtract what it says leaves noise.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.models.base import LogProbs

MEASURES = ("raw", "per_token", "calibrated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The closed set, best first, and the three figures in this order."""

    categories: tuple[str, ...]
    log_probs: Mapping[str, tuple[float, ...]]

    def answer(self) -> str:
        """The first category, as `schemas.answer.parse` reads it, whatever characters it holds."""
        return json.dumps({"category": self.categories[0]})


def ranking(categories: Sequence[str], found: LogProbs, habit: Sequence[float], rank_by: str) -> Ranking:
    """Ranked by one of the measures; equal ones by raw, then by name.

    `habit` is ln P(category | blank picture). Nothing depends on the order of the categories.
    """
    of_category = {
        name: {"raw": round(raw, 5), "per_token": round(raw / tokens, 5), "calibrated": round(raw - prior, 5)}
        for name, raw, tokens, prior in zip(categories, found.values, found.num_tokens, habit, strict=True)
    }
    order = sorted(of_category, key=lambda name: (-of_category[name][rank_by], -of_category[name]["raw"], name))
    return Ranking(
        categories=tuple(order),
        log_probs={measure: tuple(of_category[name][measure] for name in order) for measure in MEASURES},
    )


def habit(under_references: Sequence[LogProbs], with_title: Sequence[bool]) -> list[float]:
    """ln of the mean of P(c | blank picture, prefix) over the reference prefixes, for each category.

    A category without a title of its own (`with_title`) was never behind a prefix that suits it, and would look rarer
    than it is; it counts as the least likely of the others.
    """
    logs = np.array([found.values for found in under_references], dtype=np.float64)
    mean = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    own = np.array(with_title, dtype=bool)
    if len(logs) > 1 and own.any():
        mean = np.where(own, mean, np.maximum(mean, mean[own].min()))
    return [float(value) for value in mean]
