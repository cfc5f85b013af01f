"""Which real families are rare: those a leak would hurt, and chance would hardly ever repeat."""

from collections import Counter

import numpy as np

from generator.audit.record_distance import Surroundings, by_family
from generator.audit.rows import Floats, Mask, Rows

RARE = 0.05
"""Share of families that each of the two ways calls rare."""
_PRICE_STEP = 0.25
"""Width of the price classes of `surprise`, in log price: a factor 1.28."""


def rare(rows: Rows, around: Surroundings, kept: Mask) -> Mask:
    """Among the families `kept`: the twentieth with the most surprising parts and the twentieth farthest from all
    others.

    `around` holds each row's surroundings in the same catalog, its own family apart. Neither looks at membership.
    """
    loneliness = -by_family(-around.nearest, rows)
    parts = surprise(rows)
    found = loneliness >= np.quantile(loneliness[kept], 1 - RARE)
    found |= parts >= np.quantile(parts[kept], 1 - RARE)
    return found & kept


def surprise(rows: Rows) -> Floats:
    """Self-information of each family's parts as if they were independent: title words, leaf, price class; in nats."""
    classes = np.floor(np.nan_to_num(rows.log_price, nan=-1.0) / _PRICE_STEP).astype(int).tolist()
    parts = [
        {*((0, word) for word in words), (1, leaf), (2, price)}
        for words, leaf, price in zip(rows.words, rows.leaves, classes, strict=True)
    ]
    holders = Counter[tuple[int, object]]()
    for part in {(family, part) for family, each in zip(rows.family.tolist(), parts, strict=True) for part in each}:
        holders[part[1]] += 1
    total = rows.num_families
    values = [sum(np.log(total / holders[part]) for part in sorted(each, key=str)) for each in parts]
    return by_family(np.array(values, np.float64), rows)
