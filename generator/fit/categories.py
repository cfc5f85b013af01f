"""Which categories a fitted spec has, their shares, and (with noise) their price levels."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator.fit import statistics
from generator.fit.mechanisms import Path3, Releases
from generator.fit.options import KEYS_SHARE, QUARTILE_FACTOR, SHARES, FitOptions
from generator.fit.price_table import levels
from generator.fit.prices import PriceModel
from generator.fit.statistics import Family
from generator.sampling.streams import Floats
from schemas.documents import read_document
from schemas.errors import ToileError

OTHER = "OTHER"
"""The leaf under which rare leaves of the same parents stand together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    paths: list[Path3]
    shares: list[float]
    num: float
    """Designs in all of them."""
    prices: PriceModel | None
    """None where prices are not read from the noisy table."""


def category_paths(
    members: list[Family], options: FitOptions, releases: Releases
) -> tuple[list[Path3], int, list[Family]]:
    """The categories that may appear; exact counts put rare leaves together under OTHER."""
    if options.categories is not None:
        releases.public("categories", "the list of categories was given as public; what is not on it was left out")
        return list(options.categories), 0, members
    if releases.private:
        return list(releases.keys(statistics.category_list(members), KEYS_SHARE, options.min_support)), 0, members
    counts = Counter(member.path for member in members if member.path is not None)
    rare = {path for path, count in counts.items() if count < options.min_support}
    moved = [
        _replaced(m, (m.path[0], m.path[1], OTHER)) if m.path in rare and m.path is not None else m for m in members
    ]
    kept = releases.keys(statistics.category_list(moved), 0.0, options.min_support)
    return list(kept), sum(counts[path] for path in rare), moved


def _replaced(member: Family, path: Path3) -> Family:
    values = {name: getattr(member, name) for name in Family.__dataclass_fields__}
    return Family(**{**values, "path": path})


def leaves_of(members: list[Family], paths: list[Path3], options: FitOptions, releases: Releases) -> Leaves:
    if not paths:
        return Leaves(paths=[], shares=[], num=0.0, prices=None)
    if not releases.private:
        counts = Counter(member.path for member in members)
        kept = [path for path in paths if counts[path] >= options.min_support]
        return _leaf_shares(kept, [float(counts[path]) for path in kept], None)
    share = SHARES["table"] - (KEYS_SHARE if options.categories is None else 0.0)
    middle = releases.quantile(statistics.price_values(members, paths), 0.5, SHARES["median"])
    edges = (middle / QUARTILE_FACTOR, middle, middle * QUARTILE_FACTOR)
    table = releases.counts(statistics.category_by_price(members, paths, edges), share)
    counts_KB = np.array(table, np.float64).reshape(len(paths), len(edges) + 1)
    found = levels(counts_KB, np.log(np.array(edges)), releases.scale(share))
    num_K, level_K = _pooled(found.num_K, found.log_price_K, options.min_support)
    shown = [k for k in range(len(paths)) if num_K[k] > 0]
    prices = PriceModel(
        median={paths[k]: float(np.exp(level_K[k])) for k in shown},
        spread={paths[k]: found.spread for k in shown},
        factor={},
    )
    return _leaf_shares([paths[k] for k in shown], [float(num_K[k]) for k in shown], prices)


def _pooled(num_K: Floats, level_K: Floats, min_support: int) -> tuple[Floats, Floats]:
    """Rare leaves at like price levels share one number and one level, as many as have `min_support` designs together.

    So no share and no price has fewer designs behind it; where all rare leaves together have too few, none is kept.
    """
    num_K, level_K = num_K.copy(), level_K.copy()
    rare = [int(k) for k in np.argsort(level_K, kind="stable") if num_K[k] < min_support]
    groups: list[list[int]] = [[]]
    for k in rare:
        groups[-1].append(k)
        if num_K[groups[-1]].sum() >= min_support:
            groups.append([])
    rest = groups.pop()
    if groups:
        groups[-1] += rest
    else:
        num_K[rest] = 0.0
    for group in groups:
        level_K[group] = np.average(level_K[group], weights=num_K[group] + 1e-9)
        num_K[group] = num_K[group].mean()
    return num_K, level_K


def _leaf_shares(paths: list[Path3], counts: list[float], prices: PriceModel | None) -> Leaves:
    """Shares rounded to six digits that sum to 1."""
    total = sum(counts)
    shares = [round(count / total, 6) for count in counts]
    if shares:
        largest = shares.index(max(shares))
        shares[largest] = round(shares[largest] + 1 - sum(shares), 6)
    return Leaves(paths=paths, shares=shares, num=total, prices=prices)


def load_categories(path: Path) -> tuple[Path3, ...]:
    """A public list of categories: YAML, each a list of three names or `A > B > C`."""
    document = read_document(path)
    hint = "write lines such as `- WOMAN > OUTERWEAR > COATS` or `- [WOMAN, OUTERWEAR, COATS]`"
    if not isinstance(document, list) or not document:
        raise ToileError(str(path), "is no list of categories", hint)
    found = []
    for number, entry in enumerate(document):
        names = [str(name) for name in entry] if isinstance(entry, list) else str(entry).split(" > ")
        names = [" ".join(name.replace(",", " &").split()) for name in names]
        if len(names) != 3 or not all(names):
            raise ToileError(f"{path}: [{number}]", f"{entry!r} is no path of three names", hint)
        found.append((names[0], names[1], names[2]))
    return tuple(dict.fromkeys(found))
