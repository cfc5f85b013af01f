"""Replace the families of a shop by differentially private synthetic ones, which the exact fit then reads as if real.

    made = synthesize(families, options)
    made.families, made.ledger, made.messages

Every family is one record of small integers under keys that are public: the list of leaves, a grid of prices, the
silhouettes, discounts, materials ... A family more or less changes one record. A few marginal tables of the records are
counted with OpenDP's noise; which ones follows from public facts and from counts that were released before. Names that
only the rows contain are released above a threshold. Everything after the noise is free: the tables of leaves, prices
and kinds are joined by Private-PGM (`mbi`, which OpenDP's own contingency tables use), the other columns are shrunk
towards what is usual (empirical Bayes), and families are sampled from the result.

Letters of array shapes: L leaves, P price cells, B price groups (unions of price cells), G groups of leaves, K kinds,
C cells of a column.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.fit import CategoryPath, FitOptions
from generator.fit.attributes import LABELS, PUBLIC_COLUMNS, SIZES, USUAL_REPEAT, Column, list_size_shares
from generator.fit.categories import list_partitions, list_possible_kinds
from generator.fit.families import PERCENTS, Family
from generator.fit.prices import (
    CLEAR,
    ENDING_LEVELS,
    ENDINGS,
    HIGHEST_PRICE,
    PriceGrid,
    cut_at_quantiles,
    estimate_price_levels,
    find_ending,
    find_range,
    find_wide_range,
    sample_prices,
    spread_levels,
)
from generator.fit.vocabulary import PALETTE, find_silhouette
from generator.sampling.streams import Floats
from schemas.appearance import MATERIALS, PATTERNS
from schemas.catalog import Release
from schemas.errors import ToileError
from schemas.silhouettes import RECORDS

Integers = NDArray[np.int64]

MANY_LEAVES = 40
"""From this many leaves on, nearly all of epsilon goes to the table of leaves by price."""
SHARES: dict[bool, dict[str, float]] = {
    False: {
        "core": 0.50, "prices": 0.14, "kinds": 0.02, "leaf kinds": 0.02, "kind prices": 0.03, "discounts": 0.08,
        "discount percents": 0.02, "colourways of a design": 0.11, "materials": 0.01, "patterns": 0.01,
        "colours": 0.02, "navigation labels": 0.01, "endings": 0.03,
    },
    True: {
        "core": 0.86, "prices": 0.04, "kinds": 0.01, "leaf kinds": 0.005, "kind prices": 0.005, "discounts": 0.012,
        "discount percents": 0.004, "colourways of a design": 0.016, "materials": 0.012, "patterns": 0.006,
        "colours": 0.014, "navigation labels": 0.004, "endings": 0.012,
    },
}  # fmt: skip
"""Share of epsilon of each table, for few and for many leaves; each sums to 1. Leaves and prices get most."""
MOST_NOISE = {False: 1.0, True: 0.5}
"""A column is counted if its noise is at most so many times the families, for few and for many leaves.

With as much noise as families, shrinkage leaves about a seventh of the weight to counts of which four in ten families
differ from what is usual. With half of it, two fifths. Where leaves are many, they need epsilon more than that.
"""
NAMES_SHARE = 0.3
"""Share of epsilon that finds the names of leaves where they are not public; the tables share the rest."""
KEPT_SHARE = 0.04
"""Share of epsilon of a column that is kept: a half for the names of its values, a half for its table."""
PRICE_RATIO = math.sqrt(2)
"""Ratio of the bounds of a price cell."""
MOST_KEPT = 0.4
"""Most of epsilon for all columns that are kept."""
NUM_SYNTHETIC = 4000
"""Least number of synthetic families; more of them than real ones round shares and prices less."""
_SILHOUETTES = tuple(RECORDS)
_NO_LEAF: CategoryPath = ("ALL", "ALL", "PRODUCTS")
"""The only leaf where no name could be released."""
_NO_VALUE = "other"
_LEAST_EXPECTED = 0.05
"""Least families that a prior expects of a leaf."""
_LEAST_PRICES = 6.0
"""Prices are more than noise with at least this many noise scales of families."""
_LEAST_CELLS, _LEAST_SHOWN = 12, 4
_LEAST_PER_GROUP = 4.0
"""Families of a price group in a usual leaf, times the epsilon of the table."""
_FEW_GROUPS, _MANY_GROUPS = 4, 12
"""Fewest and most price groups. More than quartiles tell less of leaves of few families than their noise costs."""
_USUAL_CELLS, _SIZE_CELLS = 4, 5
"""Cells that usually hold most families; sizes of families count as more, because their mean depends on rare ones."""
_ITERATIONS = 500
"""Steps of mirror descent."""
_SIZE_COLUMN = next(column.name for column in PUBLIC_COLUMNS if column.is_geometric)
_NUM_ORDERS = 32
"""Random orders of a column's cells that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """Private synthetic families and what was spent on them."""

    families: list[Family]
    scale: float
    """Synthetic families for one real family."""
    num_families: int
    """Real families, by noisy counts."""
    ledger: tuple[Release, ...]
    messages: tuple[str, ...]
    """For people; they depend on released counts only."""


@dataclass(slots=True)
class Accountant:
    """Spends epsilon and delta through OpenDP, and keeps the ledger."""

    epsilon: float
    delta: float
    ledger: list[Release] = field(default_factory=list)

    def release_counts(self, name: str, counts: Integers, share: float, bins: str) -> tuple[Floats, float]:
        """Return counts with discrete Laplace noise for a share of epsilon, and the scale of the noise.

        One record more or less must change one count by one.
        """
        measurement, spent, scale = laplace_measurement(self.epsilon * share)
        noisy = np.array(measurement([int(count) for count in counts.ravel()]), np.float64).reshape(counts.shape)
        self._record(name, "discrete Laplace noise", spent, 0.0, 1, bins)
        return noisy, scale

    def release_names(self, name: str, found: Iterable[str], share: float, delta: float, least: int) -> list[str]:
        """Return the names with enough records, sorted. Each record has at most one name."""
        measurement, spent, scale, threshold = threshold_measurement(self.epsilon * share, delta, least)
        released = measurement(dict(Counter(found)))
        how = f"discrete Laplace noise, then names below {threshold} are dropped"
        self._record(name, how, spent, threshold_delta(scale, threshold), 1, "names that only the rows contain")
        return sorted(released)

    def record_public(self, name: str, bins: str) -> None:
        """List in the ledger what is public and was not taken from the rows."""
        self._record(name, "public", 0.0, 0.0, 0, bins)

    def _record(self, name: str, how: str, epsilon: float, delta: float, sensitivity: int, bins: str) -> None:
        row = Release(statistic=name, mechanism=how, epsilon=epsilon, delta=delta, sensitivity=sensitivity, bins=bins)
        self.ledger.append(row)
        assert math.fsum(each.epsilon for each in self.ledger) <= self.epsilon * (1 + 1e-9), self.ledger
        assert math.fsum(each.delta for each in self.ledger) <= self.delta, self.ledger


def laplace_measurement(epsilon: float) -> tuple[Any, float, float]:
    """Return OpenDP's measurement of integer counts, its epsilon by its privacy map, and the scale of its noise."""
    dp = load_opendp()
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    scale = 1 / epsilon
    measurement = space >> dp.m.then_laplace(scale=scale)
    while measurement.map(1) > epsilon:  # the map rounds up
        scale = math.nextafter(scale, math.inf)
        measurement = space >> dp.m.then_laplace(scale=scale)
    return measurement, float(measurement.map(1)), scale


def threshold_measurement(epsilon: float, delta: float, least: int) -> tuple[Any, float, float, int]:
    """Return OpenDP's measurement of names with their counts, its epsilon, the scale of its noise, and its threshold.

    The threshold is ours, because the delta of OpenDP's map (0.16) leaves out counts at the threshold, which are
    released.
    """
    dp = load_opendp()
    domain = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T=int))
    metric = dp.l01inf_distance(dp.absolute_distance(T=int))
    scale = 1 / epsilon
    while True:
        threshold = max(least, 2)
        while threshold_delta(scale, threshold) > delta:
            threshold += 1
        measurement = dp.m.make_laplace_threshold(domain, metric, scale=scale, threshold=threshold)
        spent = float(measurement.map((1, 1, 1))[0])
        if spent <= epsilon:
            return measurement, spent, scale, threshold
        scale = math.nextafter(scale, math.inf)  # the map rounds up


def threshold_delta(scale: float, threshold: int) -> float:
    """Return the probability that the name of a single record is released: that 1 + noise is at least the threshold.

    The noise is discrete Laplace, P(z) proportional to exp(-|z| / scale); the last factor is more than rounding errors.
    """
    return math.exp(-(threshold - 1) / scale) / (1 + math.exp(-1 / scale)) * (1 + 1e-9)


def load_opendp() -> Any:
    """Import OpenDP and enable the mechanisms used here. Raises ToileError if it is not installed."""
    try:
        import mbi  # noqa: F401  # used after the budget is spent: better to miss it now
        import opendp.prelude as dp
    except ImportError as error:
        raise ToileError("--epsilon", f"needs OpenDP and mbi: {error}", "pip install 'toile[privacy]'") from error
    dp.enable_features("contrib")
    return dp


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Families by leaf and price, estimated from released counts."""

    table_LP: Floats
    """Expected families of each leaf and price cell."""
    num_L: Floats
    """The same of each leaf."""
    tables: tuple[Any, ...]
    """What was released: mbi's measurements."""
    prior_LP: Floats
    """What is expected of the table besides."""
    cuts: tuple[int, ...]
    """First price cell of each group, and the number of cells."""
    noise: float
    """Standard deviation of the noise of the number of families."""
    knows_prices: bool
    """Whether the prices are more than noise."""


def synthesize(
    families: Sequence[Family],
    options: FitOptions,
    *,
    book: Accountant | None = None,
    rng: np.random.Generator | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Synthesis:
    """Release private tables of families within the budget of the options, and make synthetic families from them.

    `book` releases the tables; by default it has the budget of the options. `rng` makes rows of what was released; it
    has nothing to do with the noise. Every message depends on released counts only. Raises ToileError if OpenDP is not
    installed.
    """
    assert options.epsilon is not None
    book = book or Accountant(epsilon=options.epsilon, delta=options.delta)
    rng = rng or np.random.default_rng()
    book.record_public("currency and country", "given, or named by the manifest of the folder")
    messages: list[str] = []
    progress("counting with noise")
    paths = _release_leaves(families, options, book, messages)
    named = [_own_kind(path) for path in paths]
    shares = divide_budget(options, named)
    number = {path: index for index, path in enumerate(paths)}
    everything = 0 if paths == [_NO_LEAF] else -1
    leaf_N = np.array([number.get(f.path, everything) if f.path else everything for f in families], np.int64)
    grid = _make_grid(options, book)
    cell_N = np.array([grid.find_cell(f.full_price) for f in families], np.int64)
    counted = (leaf_N >= 0) & (cell_N >= 0)
    reason_N = np.where(leaf_N < 0, 1, 2)  # what is left out: no category of the list, or no price
    price_P, price_scale, grid, left_out = _release_prices(
        np.where(counted, cell_N, -reason_N), grid, shares["prices"], book
    )
    messages += _judge_left_out(left_out, float(price_P.sum()), price_scale, options)
    cell_N = np.array([grid.find_cell(f.full_price) for f in families], np.int64)
    hidden = drop_tables(shares, float(price_P.sum()) * book.epsilon, MOST_NOISE[len(paths) >= MANY_LEAVES])
    kinds = _release_kinds(families, leaf_N, named, shares["kinds"], book) if "kinds" in shares else []
    if "kinds" in shares and not kinds:
        shares["core"] += shares.pop("leaf kinds") + shares.pop("kind prices")
    core = _release_core(leaf_N[counted], cell_N[counted], price_P, price_scale, paths, grid, shares["core"], book)
    kind_column = Column(
        name="kinds by leaf", bins=f"{len(kinds)} kinds that were released, or as the leaf says", usual=(1.0,),
        num_cells=1 + len(kinds), cell_of=lambda f: 0,
    )  # fmt: skip
    kind_N = np.array([_kind_cell(f, leaf, named, kinds) for f, leaf in zip(families, leaf_N, strict=True)], np.int64)
    is_named = [each is not None for each in named]
    columns = {"kind": (kind_column, shares["leaf kinds"])} if kinds else {}
    columns |= {each.name: (each, shares[each.name]) for each in PUBLIC_COLUMNS if each.name in shares}
    kept = _release_kept_names(families, options, book, messages)
    for name, keys in kept.items():
        share = _kept_share(options) * (1.0 if name in options.keep_values else 0.5)
        columns[f"kept {name}"] = (_kept_column(name, keys), share)
    tables = {each.name: core.num_L[:, None] * each.usual_shares for each in PUBLIC_COLUMNS}
    for name, (column, share) in columns.items():
        cells = kind_N if name == "kind" else np.array([column.cell_of(f) for f in families], np.int64)
        partitions = list_partitions(paths, is_named if name == "kind" else ())
        tables[name], found = _release_column(column, cells[counted], leaf_N[counted], core, partitions, share, book)
        hidden += [] if found else [column.name]
    joint_LPK = core.table_LP[:, :, None]
    if kinds:
        tables_of_kinds = [
            measured(tables.pop("kind"), ("leaf", "kind"), 1 / (book.epsilon * shares["leaf kinds"])),
            _release_kind_prices(
                kind_N[counted], cell_N[counted], 1 + len(kinds), core.cuts, shares["kind prices"], book
            ),
        ]
        sizes = dict(zip(("leaf", "price", "kind"), (*core.table_LP.shape, 1 + len(kinds)), strict=True))
        joint_LPK = estimate([*core.tables, *tables_of_kinds], sizes, float(core.num_L.sum()), core.prior_LP) + 1e-9
        joint_LPK *= list_possible_kinds(paths, kinds)[:, None, :]
        joint_LPK *= (core.table_LP / joint_LPK.sum(axis=2))[:, :, None]
    endings = [np.zeros(len(ENDINGS))] * (len(ENDING_LEVELS) + 1)
    if "endings" in shares:
        endings = _release_endings(families, leaf_N, shares["endings"], book)
    num_families = max(round(float(core.num_L.sum())), 1)
    num_rows = max(NUM_SYNTHETIC, num_families)
    cells_by_name = sample_cells(joint_LPK, tables, num_rows, rng)
    made = _decode(cells_by_name, paths, named, kinds, kept, grid, core, endings, rng)
    messages += _judge(core, len(paths), hidden)
    return Synthesis(
        families=made,
        scale=num_rows / num_families,
        num_families=num_families,
        ledger=tuple(book.ledger),
        messages=tuple(messages),
    )


def divide_budget(options: FitOptions, named: Sequence[str | None]) -> dict[str, float]:
    """Divide epsilon between the tables, from public facts: the number of leaves, and whether their names say a kind.

    Where many leaves all say their kind, none is spent on kinds. The shares sum to 1 with those of names, less what
    adding them may round up.
    """
    shares = dict(SHARES[len(named) >= MANY_LEAVES])
    if len(named) >= MANY_LEAVES and all(named):
        for name in ("kinds", "leaf kinds", "kind prices"):
            shares["core"] += shares.pop(name)
    rest = 1.0 - 2e-15 - (NAMES_SHARE if options.categories is None else 0.0) - _kept_share(options) * len(options.keep)
    return {name: share * rest for name, share in shares.items()}


def drop_tables(shares: dict[str, float], budget: float, most_noise: float = 1.0) -> list[str]:
    """Drop the tables that noise would hide, from released numbers; their epsilon goes to the core. Returns them.

    `budget` is the number of families times epsilon. Noise hides a column whose cells have more of it together than
    `most_noise` times the families, and names or endings of which none would be clear unless a quarter of the families
    had it.
    """
    num_cells = {each.name: 2 if each.is_geometric else each.num_cells for each in PUBLIC_COLUMNS}
    least = {name: math.sqrt(2 * num) / most_noise for name, num in num_cells.items()}
    least |= {"kinds": 4 * CLEAR, "endings": 4 * CLEAR}
    found = [name for name, limit in least.items() if name in shares and shares[name] * budget < limit]
    for name in (*found, *(("leaf kinds", "kind prices") if "kinds" in found else ())):
        shares["core"] += shares.pop(name)
    return found


def _kept_share(options: FitOptions) -> float:
    return min(KEPT_SHARE, MOST_KEPT / max(len(options.keep), 1))


def shrink(noisy_GC: Floats, base_GC: Floats, scale: float) -> tuple[Floats, float]:
    """Shrink a noisy table towards a base (positive-part James-Stein); return rows with the base's sums.

    `scale` is that of the Laplace noise. Also returns the weight of the counts, 0 for nothing but noise: it is one for
    all rows, because the changes of all of them tell more surely than those of one how much is noise.
    """
    change_GC = noisy_GC - base_GC
    noise = 2 * scale**2 * change_GC.size
    weight = max(0.0, 1 - noise / max(float((change_GC**2).sum()), 1e-9))
    most = float((base_GC.sum(axis=1) ** 2).sum())  # no true counts with these sums differ by more
    weight = min(weight, most / (most + noise))
    mixed_GC = base_GC + weight * change_GC
    return np.array([project(row, total) for row, total in zip(mixed_GC, base_GC.sum(axis=1), strict=True)]), weight


def project(values: Floats, total: float) -> Floats:
    """Return the nearest counts that are not negative and sum to `total`."""
    if total <= 0:
        return np.zeros_like(values)
    ordered = np.sort(values)[::-1]
    over = (np.cumsum(ordered) - total) / np.arange(1, len(ordered) + 1)
    last = int(np.nonzero(ordered > over)[0][-1])
    found: Floats = np.maximum(values - over[last], 0.0)
    return found


def spread(weights: Floats, num: int) -> Integers:
    """Return `num` cells in ascending order, each as often as its weight says, to less than one."""
    below = np.cumsum(weights.ravel() + 1e-12)
    found: Integers = np.searchsorted(below, (np.arange(num) + 0.5) / num * below[-1])
    return found


def sample_cells(
    joint_LPK: Floats, tables: Mapping[str, Floats], num_rows: int, rng: np.random.Generator
) -> dict[str, Integers]:
    """Make rows of the joint table, and the further columns given the leaf. Returns column -> cell of each row.

    Given the leaf, these columns are independent of the price. Among few rows a random order relates them by chance,
    and sizes of families that are related to prices move the price level, because the exact fit weighs families by
    size. So of several random orders each column has the one that is least related to the prices of each kind.
    """
    leaf, price, kind = np.unravel_index(spread(joint_LPK, num_rows), joint_LPK.shape)
    cells: dict[str, Integers] = {"leaf": leaf, "price": price, "kind": kind}
    cells |= {name: np.zeros(num_rows, np.int64) for name in tables}
    for number in range(len(joint_LPK)):
        rows = np.nonzero(leaf == number)[0]
        of_kind_KN = kind[rows] == np.unique(kind[rows])[:, None]
        price_KN = of_kind_KN * (price[rows] - (of_kind_KN @ price[rows] / of_kind_KN.sum(axis=1))[:, None])
        for name, table_LC in tables.items():
            orders = rng.permuted(np.tile(spread(table_LC[number], len(rows)), (_NUM_ORDERS, 1)), axis=1)
            values = np.array(SIZES)[orders] if name == _SIZE_COLUMN else orders
            cells[name][rows] = orders[np.argmin(np.abs(price_KN @ values.T).sum(axis=0))]
    return cells


def _own_kind(path: CategoryPath) -> str | None:
    silhouette, is_named = find_silhouette(path)
    return silhouette if is_named else None


def _release_leaves(
    families: Sequence[Family], options: FitOptions, book: Accountant, messages: list[str]
) -> list[CategoryPath]:
    """Return the public list of leaves, or the names that enough families have; one leaf for all if there is none."""
    if options.categories is not None:
        book.record_public("categories", "the list of categories was given as public; what is not on it was left out")
        return list(options.categories)
    delta = options.delta / (1 + len(set(options.keep) - set(options.keep_values)))
    found = (json.dumps(each.path) for each in families if each.path is not None)
    names = book.release_names("categories", found, NAMES_SHARE, delta, options.min_support)
    paths = [json.loads(name) for name in names]
    if paths:
        messages.append("rare categories were left out; a public list (--categories FILE) keeps them")
        return [(first, second, leaf) for first, second, leaf in paths]
    messages.append(
        "warning: the noise hides the name of every category, so all products are under one; "
        "give a public list with --categories FILE"
    )
    return [_NO_LEAF]


def _make_grid(options: FitOptions, book: Accountant) -> PriceGrid:
    if options.price_range is not None:
        low, high = options.price_range
        book.record_public("price range", "given as public; prices outside count as the nearest inside")
    else:
        low, high = find_wide_range(options.currency)
        book.record_public("price range", f"{low:g} to {high:,.0f}: toile's own")
    num_cells = max(math.ceil(math.log(high / low) / math.log(PRICE_RATIO)), _LEAST_CELLS)
    return PriceGrid(edges=np.linspace(math.log(low), math.log(high), num_cells + 1))


def _release_prices(
    cell_N: Integers, grid: PriceGrid, share: float, book: Accountant
) -> tuple[Floats, float, PriceGrid, Floats]:
    """Release families by price cell, and what is left out (cells -2: of a category, but without a price, and -1).

    Returns the families in the range that holds the prices, the scale of the noise, the range, and what is left out.
    """
    num_cells = len(grid.edges) - 1
    bins = f"{num_cells} cells of equal ratio in the price range, no price, no category: public"
    counts = np.bincount(cell_N % (num_cells + 2), minlength=num_cells + 2)
    noisy, scale = book.release_counts("prices", counts, share, bins)
    noisy_P, left_out = noisy[:-2], noisy[-2:]
    shown = find_range(noisy_P, scale)
    first = max(min(shown.start, num_cells - _LEAST_SHOWN), 0)
    last = max(shown.stop, first + _LEAST_SHOWN)
    price_P = project(noisy_P[first:last], max(float(noisy_P[shown].sum()), 1.0))
    return price_P, scale, PriceGrid(edges=grid.edges[first : last + 1]), left_out


def _judge_left_out(left_out: Floats, total: float, scale: float, options: FitOptions) -> list[str]:
    """Warn if clearly more families are left out than are counted, by released counts."""
    unpriced, unlisted = (round(float(num)) if num > max(total, CLEAR * scale) else 0 for num in left_out)
    found = []
    if unlisted and options.categories is not None:
        found.append(
            f"warning: about {unlisted:,} designs are of no category on the list, {round(total):,} of one: compare its "
            "names with those of the rows (after toile import); the privacy budget is spent all the same"
        )
    if unpriced:
        found.append(f"warning: about {unpriced:,} designs have no price in the currency; they are left out")
    return found


def _release_core(
    leaf_N: Integers,
    cell_N: Integers,
    price_P: Floats,
    price_scale: float,
    paths: Sequence[CategoryPath],
    grid: PriceGrid,
    share: float,
    book: Accountant,
) -> Core:
    """Release leaves by price groups, which lie between quantiles of the released prices, and estimate all cells."""
    num_leaves = len(paths)
    per_leaf = float(price_P.sum()) * book.epsilon * share / num_leaves
    most = _FEW_GROUPS if num_leaves >= MANY_LEAVES else _MANY_GROUPS
    cuts = cut_at_quantiles(price_P, int(np.clip(per_leaf / _LEAST_PER_GROUP, _FEW_GROUPS, most)))
    price_group_P = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
    counts_LB = np.zeros((num_leaves, len(cuts) - 1), np.int64)
    np.add.at(counts_LB, (leaf_N, price_group_P[cell_N]), 1)
    bins = f"the categories x {len(cuts) - 1} groups of price cells, between released quantiles"
    noisy_LB, scale = book.release_counts("categories by price", counts_LB, share, bins)
    tables = [
        measured(noisy_LB, ("leaf", "price"), scale, (np.arange(num_leaves), price_group_P)),
        measured(price_P, ("price",), price_scale),
    ]
    found = estimate_price_levels(noisy_LB, grid.edges[list(cuts[1:-1])], scale)
    prior_LP = np.maximum(found.num_K, _LEAST_EXPECTED)[:, None] * spread_levels(found, grid.edges)
    total = max(float(found.num_K.sum()), 1.0)
    precision = 1 / (noisy_LB.size * scale**2) + 1 / (len(price_P) * price_scale**2)
    table_LP = estimate(tables, {"leaf": num_leaves, "price": len(price_P)}, total, prior_LP) + 1e-6
    return Core(
        table_LP=table_LP,
        num_L=table_LP.sum(axis=1),
        tables=tuple(tables),
        prior_LP=prior_LP,
        cuts=cuts,
        noise=math.sqrt(2 / precision),
        knows_prices=total > max(_LEAST_PRICES * price_scale, 2 * math.sqrt(2 / precision), 1.0),
    )


def measured(counts: Floats, clique: tuple[str, ...], scale: float, groups: Sequence[Integers] | None = None) -> Any:
    """Return noisy counts as mbi's measurement of columns, or of unions of their cells: an array of groups for each."""
    from mbi import LinearMeasurement

    if groups is None:
        return LinearMeasurement(counts.ravel(), clique, math.sqrt(2) * scale)
    left, right = (np.eye(int(group.max()) + 1)[group] for group in groups)
    return LinearMeasurement(
        counts.ravel(), clique, math.sqrt(2) * scale, lambda factor: (left.T @ factor.values @ right).ravel()
    )


def estimate(tables: Sequence[Any], sizes: Mapping[str, int], total: float, prior_LP: Floats | None = None) -> Floats:
    """Estimate the joint table of columns from noisy tables of some of them, by Private-PGM's mirror descent.

    Of all joint tables that fit the noisy ones best, it is that of largest entropy. With a prior, counts of leaves and
    prices are taken as Poisson draws of it: the estimate is the mode of their posterior distribution. `sizes` are the
    numbers of cells of each column; the array has one axis for each.
    """
    from jax import numpy as jnp
    from mbi import Domain, MarginalLossFn, estimation, marginal_loss

    domain = Domain.fromdict(dict(sizes))
    error = marginal_loss.from_linear_measurements(list(tables), domain=domain)

    def loss(marginals: Any) -> Any:
        table_LP = marginals.project(("leaf", "price")).values
        return error(marginals) + (table_LP * (jnp.log(jnp.maximum(table_LP, 1e-9)) - jnp.log(prior_LP))).sum()

    found = estimation.mirror_descent(
        domain,
        error if prior_LP is None else MarginalLossFn(error.cliques, loss, error.lipschitz),
        known_total=total,
        iters=_ITERATIONS,
    )
    return np.asarray(found.project(tuple(sizes)).values, np.float64)


def _kind_cell(family: Family, leaf: int, named: Sequence[str | None], kinds: Sequence[str]) -> int:
    """Return 0 for a family of the kind that its leaf says, or of none that was released; else the kind's number."""
    if leaf < 0 or family.kind is None or family.kind == named[leaf] or family.kind not in kinds:
        return 0
    return 1 + kinds.index(family.kind)


def _release_kinds(
    families: Sequence[Family], leaf_N: Integers, named: Sequence[str | None], share: float, book: Accountant
) -> list[str]:
    """Return the kinds that clearly more families have than noise explains, apart from those that their leaf says."""
    numbers = [
        _SILHOUETTES.index(f.kind)
        for f, leaf in zip(families, leaf_N, strict=True)
        if leaf >= 0 and f.kind is not None and f.kind != named[leaf]
    ]
    counts = np.bincount(np.array(numbers, np.int64), minlength=len(_SILHOUETTES))
    bins = f"{len(_SILHOUETTES)} silhouettes, where the leaf does not say it: public"
    noisy, scale = book.release_counts("kinds", counts, share, bins)
    return [kind for kind, count in zip(_SILHOUETTES, noisy, strict=True) if count >= CLEAR * scale]


def _release_column(
    column: Column,
    cell_N: Integers,
    leaf_N: Integers,
    core: Core,
    partitions: Sequence[Integers],
    share: float,
    book: Accountant,
) -> tuple[Floats, bool]:
    """Release a column's cells by groups of leaves; return families by leaf and cell, and whether counts are seen.

    The groups are the finest in which a usual cell is not much smaller than its noise.
    """
    total = float(core.num_L.sum())
    noise = math.sqrt(2) / (book.epsilon * share)
    usual_cells = _SIZE_CELLS if column.is_geometric else min(column.num_cells, _USUAL_CELLS)
    if column.is_partial:
        partitions = partitions[-1:]
    fine = [p for p in partitions if total / ((int(p.max()) + 1) * usual_cells) >= noise]
    group_L = (fine or [partitions[-1]])[0]
    num_groups = int(group_L.max()) + 1
    table = np.zeros((num_groups, column.num_cells), np.int64)
    known = cell_N >= 0
    np.add.at(table, (group_L[leaf_N[known]], cell_N[known]), 1)
    bins = f"{num_groups} groups of categories x {column.bins}"
    noisy_GC, scale = book.release_counts(column.name, table, share, bins)
    num_G = np.bincount(group_L, core.num_L, minlength=num_groups)
    if column.is_geometric:
        everyone = _fit_repeat(noisy_GC.sum(axis=0), total, scale * math.sqrt(num_groups), *USUAL_REPEAT)
        repeats = [_fit_repeat(row, num, scale, everyone, 0.2) for row, num in zip(noisy_GC, num_G, strict=True)]
        seen = total > 2 * scale * math.sqrt(2 * num_groups)
        return np.array([list_size_shares(repeat) for repeat in repeats])[group_L] * core.num_L[:, None], seen
    counts_C = noisy_GC.sum(axis=0)
    if column.is_partial:
        total = max(float(counts_C.sum()), 1.0)
    everyone_C, weight = shrink(counts_C[None], total * column.usual_shares[None], scale * math.sqrt(num_groups))
    if column.is_partial:
        return np.tile(everyone_C, (len(group_L), 1)), weight > 0.05
    table_GC, _ = shrink(noisy_GC, num_G[:, None] * (everyone_C[0] / total), scale)
    table_LC = (table_GC / num_G[:, None])[group_L] * core.num_L[:, None]
    return table_LC, weight > 0.05


def _fit_repeat(noisy_C: Floats, total: float, scale: float, usual: float, width: float) -> float:
    """Fit the probability of a further colour to noisy counts of size classes, with a normal prior."""
    tried = np.arange(0.0, 0.9, 0.02)
    errors = np.array([float(((noisy_C - total * list_size_shares(repeat)) ** 2).sum()) for repeat in tried])
    losses = errors / (4 * scale**2) + (tried - usual) ** 2 / (2 * width**2)
    return float(tried[np.argmin(losses)])


def _release_kind_prices(
    kind_N: Integers, cell_N: Integers, num_kinds: int, cuts: Sequence[int], share: float, book: Accountant
) -> Any:
    """Release kind x price group; return mbi's measurement."""
    price_group_P = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
    counts_KB = np.zeros((num_kinds, len(cuts) - 1), np.int64)
    np.add.at(counts_KB, (kind_N, price_group_P[cell_N]), 1)
    bins = "kinds that were released x groups of price cells"
    noisy_KB, scale = book.release_counts("kinds by price", counts_KB, share, bins)
    return measured(noisy_KB, ("kind", "price"), scale, (np.arange(num_kinds), price_group_P))


def _release_kept_names(
    families: Sequence[Family], options: FitOptions, book: Accountant, messages: list[str]
) -> dict[str, list[str]]:
    """Return for each kept column the values (as JSON) that enough families have."""
    found = {}
    hidden = [name for name in options.keep if name not in options.keep_values]
    delta = options.delta / (len(hidden) + (options.categories is None)) if hidden else 0.0
    for name in options.keep:
        if name in options.keep_values:
            book.record_public(f"values of {name}", "given as public; others count as another")
            found[name] = [json.dumps(value) for value in options.keep_values[name]]
            continue
        values = (json.dumps(f.kept.get(name)) for f in families if f.kept.get(name) is not None)
        found[name] = book.release_names(
            f"values of {name}", values, _kept_share(options) / 2, delta, options.min_support
        )
        if not found[name]:
            messages.append(f"warning: the noise hides every value of {name}; it says {_NO_VALUE} everywhere")
    return found


def _kept_column(name: str, keys: Sequence[str]) -> Column:
    number = {json.loads(key): index for index, key in enumerate(keys)}
    return Column(
        name=f"column {name}",
        bins=f"{len(keys)} values that were released, or another",
        num_cells=len(keys) + 1,
        cell_of=lambda family: number.get(family.kept.get(name), len(keys)),
    )


def _release_endings(families: Sequence[Family], leaf_N: Integers, share: float, book: Accountant) -> list[Floats]:
    """Return for each price level the weights of the endings that clearly more prices have than noise explains."""
    table = np.zeros((len(ENDING_LEVELS) + 1, len(ENDINGS)), np.int64)
    for family, leaf in zip(families, leaf_N, strict=True):
        price = family.full_price
        if leaf >= 0 and price is not None and 0 < price < HIGHEST_PRICE:
            level = int(np.searchsorted(ENDING_LEVELS, price, side="right"))
            table[level, list(ENDINGS).index(find_ending(price))] += 1
    bins = f"{table.shape[0]} price levels x {table.shape[1]} endings: public"
    noisy, scale = book.release_counts("price endings", table, share, bins)
    clear = np.where(noisy >= CLEAR * scale, noisy, 0.0)
    overall = clear.sum(axis=0)
    return [row if row.any() else overall for row in clear]


def _decode(
    cells: Mapping[str, Integers],
    paths: Sequence[CategoryPath],
    named: Sequence[str | None],
    kinds: Sequence[str],
    kept: Mapping[str, Sequence[str]],
    grid: PriceGrid,
    core: Core,
    endings: Sequence[Floats],
    rng: np.random.Generator,
) -> list[Family]:
    """Turn cells into families."""
    prices: Sequence[float | None] = [None] * len(cells["leaf"])
    if core.knows_prices:
        prices = sample_prices(cells["price"], cells["leaf"] * (1 + len(kinds)) + cells["kind"], grid, endings, rng)
    found = []
    for n, leaf in enumerate(cells["leaf"].tolist()):
        number = int(cells["kind"][n])
        kind = kinds[number - 1] if number else named[leaf]
        material = (*MATERIALS, None)[cells["materials"][n]]
        if kind is not None and material is not None and material not in RECORDS[kind].materials:
            material = None
        values = {name: (*map(json.loads, keys), _NO_VALUE)[cells[f"kept {name}"][n]] for name, keys in kept.items()}
        found.append(
            Family(
                path=paths[leaf],
                kind=kind,
                full_price=prices[n],
                discount_percent=PERCENTS[cells["discount percents"][n]] if cells["discounts"][n] else 0,
                label=(None, *LABELS)[cells["navigation labels"][n]],
                num_colourways=SIZES[cells[_SIZE_COLUMN][n]],
                material=material,
                pattern=(*PATTERNS, None)[cells["patterns"][n]],
                colour=(*PALETTE, None)[cells["colours"][n]],
                kept=values,
            )
        )
    return found


def _judge(core: Core, num_leaves: int, hidden: Sequence[str]) -> list[str]:
    """Say how much the noise hides, from released counts only."""
    total = float(core.num_L.sum())
    leaves = "one category" if num_leaves == 1 else f"{num_leaves} categories"
    found = [f"about {round(total):,} designs in {leaves}, by noisy counts"]
    if total < 2 * core.noise:
        found.append("warning: so few designs cannot be told from noise; the privacy budget is spent all the same")
    if not core.knows_prices:
        found.append("warning: the noise hides the prices; the spec has toile's usual prices of each type")
    if hidden:
        found.append(f"the noise hides these, which are toile's usual ones: {', '.join(hidden)}")
    return found
