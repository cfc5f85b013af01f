"""How many designs each category has, and at what price level, from a small noisy table category x price bin.

Every cell of the table is a Poisson count plus Laplace noise. The counts follow from the size of a category, its price
level and one spread that all categories share; sizes and levels in turn follow distributions that the table itself
teaches (empirical Bayes). The answers are posterior means: a category of which the noise leaves little to see moves to
what is usual. Without noise (scale 0) the same model holds with the counts as they are. Everything here happens after
the noise, so it costs no privacy.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr

from generator.sampling.streams import Floats

_NUM_LEVELS, _NUM_SIZES, _NUM_RATES, _ROUNDS = 41, 40, 71, 15
_SPREADS = (0.12, 0.25, 0.5, 0.8, 1.2, 2.0)
"""Candidates for the shared spread, in units of the distance between the outer bin edges."""
_LOWEST_RATE = 0.02


@dataclass(frozen=True, slots=True)
class Levels:
    """What the table says."""

    num_K: Floats
    """Designs of each category, not below 0."""
    log_price_K: Floats
    """Log of the median price of each category."""
    spread: float
    """Standard deviation of the log price within a category."""


def levels(counts_KB: Floats, log_edges: Floats, scale: float) -> Levels:
    """Sizes and price levels; `scale` is that of the Laplace noise on each cell, `log_edges` the inner bin edges."""
    rates, like_KBR, mean_KBR = _cells(counts_KB, scale)
    width = max(float(log_edges[-1] - log_edges[0]), 1e-3)
    levels_M = np.linspace(log_edges[0] - 3 * width, log_edges[-1] + 3 * width, _NUM_LEVELS)
    sizes_S = np.geomspace(0.3, max(float(counts_KB.sum()), 20.0) / 2, _NUM_SIZES)
    answers = [
        _given_spread(like_KBR, mean_KBR, rates, levels_M, sizes_S, log_edges, step * width) for step in _SPREADS
    ]
    scores = np.array([score for score, _, _ in answers])
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return Levels(
        num_K=np.tensordot(weights, np.array([num_K for _, num_K, _ in answers]), 1),
        log_price_K=np.tensordot(weights, np.array([level_K for _, _, level_K in answers]), 1),
        spread=float(weights @ (np.array(_SPREADS) * width)),
    )


def _cells(counts_KB: Floats, scale: float) -> tuple[Floats, Floats, Floats]:
    """Rates on a grid; log likelihood of every cell for each of them; expected true count of the cell, if so."""
    rates = np.concatenate([[_LOWEST_RATE], np.geomspace(0.1, max(float(counts_KB.sum()), 20.0), _NUM_RATES - 1)])
    true_T = np.arange(int(max(counts_KB.max(), 0) + 12 * scale) + 5)
    poisson_TR = np.exp(true_T[:, None] * np.log(rates) - rates - gammaln(true_T + 1)[:, None])
    distance_KBT = np.abs(counts_KB[..., None] - true_T)
    noise_KBT = -distance_KBT / scale if scale > 0 else np.where(distance_KBT == 0, 0.0, -np.inf)
    highest_KB1 = noise_KBT.max(axis=-1, keepdims=True)
    weight_KBT = np.exp(noise_KBT - highest_KB1)
    total_KBR = weight_KBT @ poisson_TR + 1e-300
    mean_KBR = (weight_KBT * true_T) @ poisson_TR / total_KBR
    return rates, np.log(total_KBR) + highest_KB1, mean_KBR


def _given_spread(
    like_KBR: Floats,
    mean_KBR: Floats,
    rates: Floats,
    levels_M: Floats,
    sizes_S: Floats,
    log_edges: Floats,
    spread: float,
) -> tuple[float, Floats, Floats]:
    """Log evidence for a spread, and the posterior means under it."""
    below_MB = ndtr((log_edges[None, :] - levels_M[:, None]) / spread)
    ends = np.zeros((len(levels_M), 1)), np.ones((len(levels_M), 1))
    share_MB = np.maximum(np.diff(np.concatenate([ends[0], below_MB, ends[1]], axis=1), axis=1), 1e-9)
    rate_MSB = np.maximum(sizes_S[None, :, None] * share_MB[:, None, :], _LOWEST_RATE)
    at_MSB = np.interp(np.log(rate_MSB), np.log(rates), np.arange(len(rates)))
    low_MSB = np.minimum(at_MSB.astype(np.int64), len(rates) - 2)
    part_MSB = at_MSB - low_MSB

    def looked_up(table_KR: Floats, b: int) -> Floats:
        low, part = low_MSB[..., b], part_MSB[..., b]
        found: Floats = table_KR[:, low] * (1 - part) + table_KR[:, low + 1] * part
        return found

    num_bins = share_MB.shape[1]
    log_KMS = np.sum([looked_up(like_KBR[:, b], b) for b in range(num_bins)], axis=0)
    highest_K11 = log_KMS.max(axis=(1, 2), keepdims=True)
    like_KMS = np.exp(log_KMS - highest_K11)
    level_M, size_S = np.full(len(levels_M), 1 / len(levels_M)), np.full(len(sizes_S), 1 / len(sizes_S))
    for _ in range(_ROUNDS):
        joint_KMS = like_KMS * level_M[None, :, None] * size_S[None, None, :]
        evidence_K = joint_KMS.sum(axis=(1, 2))
        joint_KMS /= evidence_K[:, None, None]
        level_M = _bell(joint_KMS.sum(axis=2).mean(axis=0), levels_M)
        size_S = _smooth(joint_KMS.sum(axis=1).mean(axis=0))
    num_K = np.sum([(joint_KMS * looked_up(mean_KBR[:, b], b)).sum(axis=(1, 2)) for b in range(num_bins)], axis=0)
    score = float(np.log(evidence_K).sum() + highest_K11.sum())
    return score, num_K, joint_KMS.sum(axis=2) @ levels_M


def _bell(weight_M: Floats, levels_M: Floats) -> Floats:
    """The normal distribution with the mean and the variance of the weights."""
    mean = weight_M @ levels_M
    deviation = max(float(np.sqrt(weight_M @ (levels_M - mean) ** 2)), float(levels_M[1] - levels_M[0]) / 2)
    bell_M: Floats = np.exp(-0.5 * ((levels_M - mean) / deviation) ** 2)
    bell_M /= bell_M.sum()
    return bell_M


def _smooth(weight_S: Floats) -> Floats:
    """Neighbouring sizes are about equally usual; none is impossible."""
    mixed_S = weight_S * 0.98 + 0.02 / len(weight_S)
    smooth_S: Floats = np.convolve(np.pad(mixed_S, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    smooth_S /= smooth_S.sum()
    return smooth_S
