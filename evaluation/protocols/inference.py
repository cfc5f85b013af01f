"""Run one batch of images under every protocol of a run, and turn log-probabilities into rankings and price posteriors.

Images are decoded and tiled once for all protocols. The answer to the training prompt is written once: it is the answer
of `generate`, and the prefix of `rank` and `price` is taken from it.

Protocol `rank` has three measures of a category c given an image: raw, ln P(c | image, prompt, prefix), summed over its
tokens; per_token, raw divided by the number of tokens; calibrated, raw minus ln P(c | blank image), which is pointwise
mutual information, so that names which a model prefers anyway gain nothing. Source: Holtzman et al. 2021, arXiv
2104.08315, with two deviations. The condition without evidence is a blank image of the same shape. It is followed not
by the row's own prefix but in turn by one title of each category, and P(c | blank image) is the mean over these: the
own title is evidence, and subtracting what it says leaves noise.

Protocol `price` weighs price points, each closed by the end of the answer; probabilities divided by their sum are the
posterior. Scores follow Gneiting and Raftery 2007, "Strictly Proper Scoring Rules, Prediction, and Estimation", section
4.2 (CRPS), and Czado, Gneiting and Held 2009, "Predictive Model Assessment for Count Data" (PIT of a discrete
distribution). CRPS is in ln price: it has no currency, a factor counts the same for cheap and expensive products, and
for a single certain price it is |ln answer - ln truth|.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.models.base import AnswerForm, ConstrainedModel, Generated, LogProbs, RankingModel, VisionModel
from evaluation.protocols.protocols import (
    RANKING_PROTOCOLS,
    DatasetStats,
    category_candidates,
    category_prefix,
    make_prompt,
    price_candidates,
    price_prefix,
    reference_prefixes,
)
from schemas.answer import PROMPT
from schemas.evaluation import EvaluationSpec, Posterior

MEASURES = ("raw", "per_token", "calibrated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The closed set, best first, and the three measures in this order."""

    categories: tuple[str, ...]
    log_probs: Mapping[str, tuple[float, ...]]

    def answer(self) -> str:
        """Return the first category as `schemas.answer.parse` reads it, whatever characters it has."""
        return json.dumps({"category": self.categories[0]})


def rank_categories(categories: Sequence[str], found: LogProbs, prior: Sequence[float], rank_by: str) -> Ranking:
    """Rank by one of the measures; ties by raw, then by name. Nothing depends on the order of the categories.

    `prior` is ln P(category | blank image).
    """
    of_category = {
        name: {"raw": round(raw, 5), "per_token": round(raw / tokens, 5), "calibrated": round(raw - log_prior, 5)}
        for name, raw, tokens, log_prior in zip(categories, found.values, found.num_tokens, prior, strict=True)
    }
    order = sorted(of_category, key=lambda name: (-of_category[name][rank_by], -of_category[name]["raw"], name))
    return Ranking(
        categories=tuple(order),
        log_probs={measure: tuple(of_category[name][measure] for name in order) for measure in MEASURES},
    )


def content_free_prior(under_references: Sequence[LogProbs], with_title: Sequence[bool]) -> list[float]:
    """Return ln of the mean of P(c | blank image, prefix) over the reference prefixes, for each category.

    A category without a title of its own (`with_title`) never followed a suitable prefix and would look rarer than it
    is. It counts as the least likely of the others.
    """
    logs = np.array([found.values for found in under_references], dtype=np.float64)
    mean = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    own = np.array(with_title, dtype=bool)
    if len(logs) > 1 and own.any():
        mean = np.where(own, mean, np.maximum(mean, mean[own].min()))
    return [float(value) for value in mean]


Values = NDArray[np.float64]
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDistribution:
    """Probabilities of price points; `points` ascend and both have shape (P,)."""

    points: Values
    probabilities: Values

    def quantile(self, level: float) -> float:
        """Return the smallest point at or below which at least `level` of the probability is."""
        return float(self.points[np.searchsorted(np.cumsum(self.probabilities), level - _ROUNDING)])

    def crps(self, truth: float) -> float:
        """Return E|X - y| - E|X - X'| / 2 in ln price, X and X' sampled from this distribution: 0 is perfect."""
        logs, weights = np.log(self.points), self.probabilities
        below = np.cumsum(weights)[:-1]
        spread = float(np.sum(np.diff(logs) * below * (1 - below)))  # half of E|X - X'|
        return max(0.0, float(weights @ np.abs(logs - np.log(truth))) - spread)

    def pit(self, truth: float) -> float:
        """Return P(X < truth) + P(X = truth) / 2."""
        below, at = self.points < truth, self.points == truth
        return min(1.0, float(self.probabilities[below].sum() + self.probabilities[at].sum() / 2))

    def against(self, truth: float) -> Posterior:
        """Return the summary of the posterior as it is recorded, with scores against the row's full price."""
        low, middle, high = (self.quantile(level) for level in (0.1, 0.5, 0.9))
        return Posterior(
            q10=low,
            q50=middle,
            q90=high,
            crps=round(self.crps(truth), 6),
            covered=low <= truth <= high,
            pit=round(self.pit(truth), 6),
        )

    def answer(self) -> str:
        """Return the median as `schemas.answer.parse` reads it."""
        return json.dumps({"full_price": self.quantile(0.5)})


def price_distribution(points: Sequence[float], log_probs: Sequence[float]) -> PriceDistribution:
    """Normalise log-probabilities that need not sum to one to a distribution over ascending points."""
    logs: Any = np.asarray(log_probs, dtype=np.float64)
    weights = np.exp(logs - logs.max())
    return PriceDistribution(points=np.asarray(points, dtype=np.float64), probabilities=weights / weights.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model answered to one image under one protocol."""

    text: str
    truncated: bool
    prefix: str | None = None
    ranking: Ranking | None = None
    prices: PriceDistribution | None = None


class ProtocolRunner:
    """Ask a model under all protocols; the content-free prior is cached, it is equal for all images of a shape.

    `dataset_stats` may be None where no protocol needs them.
    """

    def __init__(self, model: VisionModel, spec: EvaluationSpec, dataset_stats: DatasetStats | None) -> None:
        self._model = model
        self._spec = spec
        self._dataset_stats = dataset_stats
        self._prompts = {protocol: make_prompt(protocol, dataset_stats) for protocol in spec.protocols}
        self._priors: dict[tuple[tuple[int, int], tuple[str, ...]], list[float]] = {}

    def replies(
        self, images: Sequence[Image.Image], shows_product: Sequence[bool], blank: Image.Image
    ) -> dict[str, list[Reply]]:
        """Return for each protocol one reply per image; some images are blank, all have the shape of `blank`."""
        found: dict[str, list[Reply]] = {}
        own: Sequence[str] = ()
        if "generate" in self._spec.protocols or set(RANKING_PROTOCOLS) & set(self._spec.protocols):
            written = self._model.generate(images, [PROMPT] * len(images))
            own = [answer.text for answer in written]
            found["generate"] = [Reply(text=answer.text, truncated=answer.truncated) for answer in written]
        for protocol in self._spec.protocols:
            match protocol:
                case "generate":
                    continue
                case "rank":
                    found[protocol] = self._ranked(images, own, shows_product, blank)
                case "price":
                    found[protocol] = self._priced(images, own)
                case _:
                    answers = self._written(protocol, images)
                    found[protocol] = [Reply(text=answer.text, truncated=answer.truncated) for answer in answers]
        return {protocol: found[protocol] for protocol in self._spec.protocols}

    def _written(self, protocol: str, images: Sequence[Image.Image]) -> list[Generated]:
        prompts = [self._prompts[protocol]] * len(images)
        if protocol != "constrained":
            return self._model.generate(images, prompts)
        form = AnswerForm(categories=self._known.categories)
        return cast(ConstrainedModel, self._model).generate(images, prompts, constraint=form)

    def _ranked(
        self, images: Sequence[Image.Image], own: Sequence[str], shows_product: Sequence[bool], blank: Image.Image
    ) -> list[Reply]:
        categories = self._known.categories
        prefixes = [category_prefix(answer) for answer in own]
        scored = self._logprobs(images, prefixes, category_candidates(categories))
        found = []
        for prefix, log_probs, sees in zip(prefixes, scored, shows_product, strict=True):
            references = reference_prefixes(prefix, self._known)
            nothing_new = not sees and references == (prefix,)  # only rounding would distinguish it from the prior
            expected = log_probs.values if nothing_new else self._prior(references, blank)
            ranked = rank_categories(categories, log_probs, expected, self._spec.rank_by)
            found.append(Reply(text=ranked.answer(), truncated=False, prefix=prefix, ranking=ranked))
        return found

    def _prior(self, references: tuple[str, ...], blank: Image.Image) -> Sequence[float]:
        """Return ln P(category | blank image), asked in separate batches, so that a continued run has the same."""
        key = (blank.size, references)
        if key not in self._priors:
            candidates = category_candidates(self._known.categories)
            found: list[LogProbs] = []
            for start in range(0, len(references), self._spec.batch_size):
                part = references[start : start + self._spec.batch_size]
                found += self._logprobs([blank] * len(part), part, candidates)
            titled = dict(self._known.references)
            self._priors[key] = content_free_prior(found, [name in titled for name in self._known.categories])
        return self._priors[key]

    def _priced(self, images: Sequence[Image.Image], own: Sequence[str]) -> list[Reply]:
        points = self._known.price_points
        prefixes = [price_prefix(answer) for answer in own]
        scored = self._logprobs(images, prefixes, price_candidates(points), ended=True)
        prices = [price_distribution(points, log_probs.values) for log_probs in scored]
        return [
            Reply(text=one.answer(), truncated=False, prefix=prefix, prices=one)
            for prefix, one in zip(prefixes, prices, strict=True)
        ]

    def _logprobs(
        self,
        images: Sequence[Image.Image],
        prefixes: Sequence[str],
        candidates: Sequence[str],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        prompts, answers = [PROMPT] * len(images), [candidates] * len(images)
        return cast(RankingModel, self._model).logprob(images, prompts, prefixes, answers, ended=ended)

    @property
    def _known(self) -> DatasetStats:
        assert self._dataset_stats is not None, self._spec.protocols
        return self._dataset_stats
