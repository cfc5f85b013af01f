"""How often a product has each colour, when the colourways of a design are drawn without replacement."""

import numpy as np

from generator.sampling.streams import Floats
from schemas.catalog import CatalogSpec


def rank_shares(spec: CatalogSpec) -> tuple[float, ...]:
    """How many products of its design lie before a product: share by number (see `first_of_design`)."""
    longest = spec.colourways.max_per_family
    repeats = spec.colourways.repeat_share / max(1 - 1 / longest, 1e-9)
    shares = [0.0] * longest
    for place in range(longest):
        for rank in range(place):
            shares[rank] += repeats**rank * (1 - repeats) / longest
        shares[place] += repeats**place / longest
    return tuple(shares)


def colour_shares(weights: tuple[float, ...], ranks: tuple[float, ...]) -> Floats:
    """The share of each value among products whose design draws its colours without replacement, by weight.

    Such draws come in the order of independent exponential clocks with the weights as rates. Value v is number r when
    r others have rung before it: an integral over the time of v, here by the trapezoidal rule in log time, whose
    integrand falls off fast enough on both sides for an error below 1e-9. After the last value all start over.
    """
    positive = np.flatnonzero(np.array(weights) > 0)
    rate_V = np.array(weights)[positive] / sum(weights)
    if len(positive) == 1 or sum(ranks[1:]) == 0:
        pick_V = rate_V
    else:
        wanted_R = [sum(ranks[r :: len(positive)]) for r in range(min(len(positive), len(ranks)))]
        log_time, step = np.linspace(-30.0, np.log(45.0 / rate_V.min()), 4000, retstep=True)
        rung_VT = -np.expm1(-rate_V[:, None] * np.exp(log_time))
        pick_V = np.empty(len(rate_V))
        for v in range(len(rate_V)):
            before_RT = np.zeros((len(wanted_R), len(log_time)))
            before_RT[0] = 1.0
            for other in range(len(rate_V)):
                if other != v:
                    one_more = before_RT[:-1] * rung_VT[other]
                    before_RT *= 1 - rung_VT[other]
                    before_RT[1:] += one_more
            density_T = rate_V[v] * np.exp(log_time) * (1 - rung_VT[v])
            pick_V[v] = step * (np.array(wanted_R) @ before_RT @ density_T)
    found = np.zeros(len(weights))
    found[positive] = pick_V
    return found
