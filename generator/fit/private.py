"""Replace the families of a shop by differentially private synthetic ones, which the exact fit then reads as if real.

    made = synthesize(families, options)
    made.families, made.ledger, made.messages

Every family is one record of small integers under keys that are public: the list of leaves, a grid of prices, the
silhouettes, discounts, materials ... A family more or less changes one record. A few marginal tables of the records are
counted with OpenDP's noise; which ones follows from public facts and from counts that were released before. Names that
only the rows contain are released above a threshold. Everything after the noise is free: tables are shrunk towards
simpler ones (empirical Bayes), joined by iterative proportional fitting, and families are sampled from the result.

Letters of array shapes: L leaves (with one row more for families of no leaf), P price cells, B price groups (unions of
price cells), G groups of leaves, C cells of a column, R rates, M price levels, S sizes, T true counts.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from generator.fit import CategoryPath, FitOptions
from generator.fit.families import PERCENTS, Family
from generator.fit.vocabulary import PALETTE, find_silhouette
from generator.sampling.streams import Floats
from schemas.appearance import MATERIALS, PATTERNS
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS, Release
from schemas.errors import ToileError
from schemas.silhouettes import RECORDS

Integers = NDArray[np.int64]

MANY_LEAVES = 40
"""From this many leaves on, nearly all of epsilon goes to the table of leaves by price."""
SHARES: dict[bool, dict[str, float]] = {
    False: {
        "core": 0.44, "prices": 0.18, "kinds": 0.02, "leaf kinds": 0.04, "kind prices": 0.04, "discounts": 0.08,
        "discount percents": 0.03, "colourways of a design": 0.06, "materials": 0.02, "patterns": 0.01,
        "colours": 0.03, "navigation labels": 0.01, "endings": 0.04,
    },
    True: {
        "core": 0.86, "prices": 0.04, "kinds": 0.01, "leaf kinds": 0.005, "kind prices": 0.005, "discounts": 0.012,
        "discount percents": 0.004, "colourways of a design": 0.016, "materials": 0.012, "patterns": 0.006,
        "colours": 0.014, "navigation labels": 0.004, "endings": 0.012,
    },
}  # fmt: skip
"""Share of epsilon of each table, for few and for many leaves; each sums to 1. Leaves and prices get most."""
NAMES_SHARE = 0.3
"""Share of epsilon that finds the names of leaves where they are not public; the tables share the rest."""
KEPT_SHARE = 0.04
"""Share of epsilon of a column that is kept: a half for the names of its values, a half for its table."""
WIDE_RANGE = (0.25, 2.0**24)
"""Lowest and highest price where no bounds are given."""
PRICE_RATIO = math.sqrt(2)
"""Ratio of the bounds of a price cell."""
MOST_KEPT = 0.4
"""Most of epsilon for all columns that are kept."""
SIZES = (1, 2, 3, 4, 5, 8, 12)
"""Classes of the number of colourways, by their usual member."""
NUM_SYNTHETIC = 4000
"""Least number of synthetic families; more of them than real ones round shares and prices less."""
_SIZE_BOUNDS = (1, 2, 3, 4, 6, 9)
_LABELS = tuple(dict.fromkeys((MISSING_LABEL, *NAVIGATION_LABELS)))
_SILHOUETTES = tuple(RECORDS)
_NO_LEAF: CategoryPath = ("ALL", "ALL", "PRODUCTS")
"""The only leaf where no name could be released."""
_NO_VALUE = "other"
_SNAP = 0.08
"""A price moves to an ending by at most this part of it."""
_HIGHEST_PRICE = 1e9
_ENDING_LEVELS = (100.0, 1000.0)
_DIGITS = tuple(range(10))
_ENDINGS: dict[str, tuple[int, tuple[float, ...]]] = {
    "00/00": (100, (0,)), "00/50": (100, (50,)), "00/9x": (100, (90,)), "00/x0": (10, (0,)), "00/5": (10, (5,)),
    "00/9": (10, (9,)), "00/8": (10, (8,)), "00/x": (10, (1, 2, 3, 4, 6, 7)),
    "99/9": (10, (9.99,)), "99/x": (10, tuple(d + 0.99 for d in _DIGITS[:9])),
    "95/9": (10, (9.95,)), "95/x": (10, tuple(d + 0.95 for d in _DIGITS[:9])),
    "90/9": (10, (9.9,)), "90/x": (10, tuple(d + 0.9 for d in _DIGITS[:9])),
    "50": (1, (0.5,)), "49": (1, (0.49,)), "other": (1, ()),
}  # fmt: skip
"""Endings of prices (cents, then the last digits before the point) -> the step between such prices, and their rests."""
_NUM_LEVELS, _NUM_SIZES, _NUM_RATES, _ROUNDS = 41, 40, 71, 15
_SPREADS = (0.12, 0.25, 0.5, 0.8, 1.2, 2.0)
_LOWEST_RATE = 0.02
_CLEAR = 5.0
"""A cell of at least this many noise scales is more than noise."""
_LEAST_PRICES = 6.0
"""Prices are more than noise with at least this many noise scales of families."""
_LEAST_CELLS = 12
_LEAST_PER_GROUP = 4.0
"""Families of a price group in a usual leaf, times the epsilon of the table."""
_USUAL_REPEAT = (0.25, 0.2)
"""Mean and standard deviation, over shops, of the probability of a further colour."""
_USUAL_CELLS, _LEAST_SIGNAL = 4, 0.5
_ITERATIONS = 30
"""Rounds of proportional fitting."""


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
        import opendp.prelude as dp
    except ImportError as error:
        raise ToileError("--epsilon", f"needs OpenDP: {error}", "pip install 'toile[privacy]'") from error
    dp.enable_features("contrib")
    return dp


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceGrid:
    """The price cells: P + 1 ascending edges of log prices. Prices outside count as those of the outermost cells."""

    edges: Floats

    def find_cell(self, price: float | None) -> int:
        """Return the cell of a price; -1 for none, and for what is no price."""
        if price is None or not price > 0:
            return -1
        log_price = math.log(price) if price < math.inf else math.inf
        return int(np.clip(np.searchsorted(self.edges, log_price, side="right") - 1, 0, len(self.edges) - 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Families by leaf and price, estimated from released counts."""

    table_LB: Floats
    """Expected families of each leaf and price group."""
    fine_LP: Floats
    """The same for each price cell."""
    cuts: tuple[int, ...]
    """First price cell of each group, and the number of cells."""
    num_L: Floats
    noise: float
    """Standard deviation of the noise of the number of families."""
    knows_prices: bool
    """Whether the price table is more than noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A further column of the records: its cells are public, or were released."""

    name: str
    bins: str
    num_cells: int
    usual: int | None
    """The cell that is taken where noise hides the counts; None for all alike."""
    cell_of: Callable[[Family], int]
    """The cell of a family; -1 for none."""
    is_geometric: bool = False
    """Whether the cells are the size classes, of which a geometric distribution is fitted."""
    is_partial: bool = False
    """Whether many families have no cell."""


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
    kinds = _release_kinds(families, leaf_N, named, shares["kinds"], book) if "kinds" in shares else []
    if "kinds" in shares and not kinds:
        shares["core"] += shares["leaf kinds"] + shares["kind prices"]
    grid = _make_grid(options, book)
    cell_N = np.array([grid.find_cell(f.full_price) for f in families], np.int64)
    core = _release_core(leaf_N, cell_N, paths, grid, shares, book)
    kind_column = Column(
        name="kinds by leaf", bins=f"{len(kinds)} kinds that were released, or as the leaf says", usual=0,
        num_cells=1 + len(kinds), cell_of=lambda f: 0,
    )  # fmt: skip
    kind_N = np.array([_kind_cell(f, leaf, named, kinds) for f, leaf in zip(families, leaf_N, strict=True)], np.int64)
    is_named = np.array([each is not None for each in named])
    columns = {"kind": (kind_column, shares["leaf kinds"])} if kinds else {}
    columns |= {each.name: (each, shares[each.name]) for each in _PUBLIC_COLUMNS}
    kept = _release_kept_names(families, options, book, messages)
    columns |= {f"kept {name}": (_kept_column(name, keys), _kept_share(options) / 2) for name, keys in kept.items()}
    tables: dict[str, Floats] = {}
    hidden: list[str] = []
    for name, (column, share) in columns.items():
        cells = kind_N if name == "kind" else np.array([column.cell_of(f) for f in families], np.int64)
        split = is_named if name == "kind" else np.zeros(len(paths), bool)
        tables[name], found = _release_column(column, cells, leaf_N, core, list_partitions(paths, split), share, book)
        hidden += [] if found else [column.name]
    kinds_LK = tables.pop("kind", core.num_L[:, None])
    kind_prices = None
    if kinds:
        kind_prices = _release_kind_prices(kind_N, cell_N, leaf_N, kinds_LK, core, shares, book)
    endings = _release_endings(families, leaf_N, shares["endings"], book)
    num_families = max(round(float(core.num_L.sum())), 1)
    num_rows = max(NUM_SYNTHETIC, num_families)
    cells_by_name = sample_cells(join(core.table_LB, kinds_LK, kind_prices), tables, num_rows, rng)
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

    Where many leaves all say their kind, none is spent on kinds. The shares sum to 1 with those of names.
    """
    shares = dict(SHARES[len(named) >= MANY_LEAVES])
    if len(named) >= MANY_LEAVES and all(named):
        for name in ("kinds", "leaf kinds", "kind prices"):
            shares["core"] += shares.pop(name)
    rest = 1.0 - (NAMES_SHARE if options.categories is None else 0.0) - _kept_share(options) * len(options.keep)
    return {name: share * rest for name, share in shares.items()}


def _kept_share(options: FitOptions) -> float:
    return min(KEPT_SHARE, MOST_KEPT / max(len(options.keep), 1))


def list_partitions(paths: Sequence[CategoryPath], split: NDArray[np.bool_] | None = None) -> list[Integers]:
    """List groupings of the leaves, from the finest to one group: an array of L group numbers each.

    `split` keeps apart leaves of which it differs.
    """
    split = np.zeros(len(paths), bool) if split is None else split
    keys: list[list[Any]] = [
        list(paths),
        [path[:2] for path in paths],
        [path[2] for path in paths],
        [path[:1] for path in paths],
        [()] * len(paths),
    ]
    found = []
    for each in keys:
        pairs = list(zip(each, split.tolist(), strict=True))
        order = {pair: index for index, pair in enumerate(dict.fromkeys(pairs))}
        found.append(np.array([order[pair] for pair in pairs], np.int64))
    return sorted(found, key=lambda groups: -int(groups.max()))


def shrink(noisy: Floats, base: Floats, scale: float) -> tuple[Floats, Floats]:
    """Shrink each row of noisy counts towards its base (positive-part James-Stein); returns rows with the base's sums.

    `scale` is that of the Laplace noise. Also returns the weight of the counts in each row, 0 for nothing but noise.
    """
    change = noisy - base
    noise = 2 * scale**2 * noisy.shape[-1]
    weight = np.maximum(0.0, 1 - noise / np.maximum((change**2).sum(axis=-1), 1e-9))
    most = base.sum(axis=-1) ** 2  # no true counts with this sum differ by more
    weight = np.minimum(weight, most / (most + noise))
    mixed = base + weight[..., None] * change
    return np.array([project(row, total) for row, total in zip(mixed, base.sum(axis=-1), strict=True)]), weight


def project(values: Floats, total: float) -> Floats:
    """Return the nearest counts that are not negative and sum to `total`."""
    if total <= 0:
        return np.zeros_like(values)
    ordered = np.sort(values)[::-1]
    over = (np.cumsum(ordered) - total) / np.arange(1, len(ordered) + 1)
    last = int(np.nonzero(ordered > over)[0][-1])
    found: Floats = np.maximum(values - over[last], 0.0)
    return found


def join(leaf_price_LB: Floats, leaf_kind_LK: Floats, kind_price_KB: Floats | None) -> Floats:
    """Join tables of leaf, price group and kind by iterative proportional fitting; returns an array L x B x K.

    It is the distribution of largest entropy with these tables: what no table says is independent.
    """
    share_LK = leaf_kind_LK / leaf_kind_LK.sum(axis=1, keepdims=True)
    joint: Floats = leaf_price_LB[:, :, None] * share_LK[:, None, :]
    for _ in range(_ITERATIONS if kind_price_KB is not None else 0):
        assert kind_price_KB is not None
        joint *= (kind_price_KB.T / np.maximum(joint.sum(axis=0), 1e-12))[None]
        joint *= (leaf_kind_LK / np.maximum(joint.sum(axis=1), 1e-12))[:, None, :]
        joint *= (leaf_price_LB / np.maximum(joint.sum(axis=2), 1e-12))[:, :, None]
    return joint


def spread(weights: Floats, num: int) -> Integers:
    """Return `num` cells in ascending order, each as often as its weight says, to less than one."""
    below = np.cumsum(weights.ravel() + 1e-12)
    found: Integers = np.searchsorted(below, (np.arange(num) + 0.5) / num * below[-1])
    return found


def sample_cells(
    joint_LBK: Floats, tables: Mapping[str, Floats], num_rows: int, rng: np.random.Generator
) -> dict[str, Integers]:
    """Make rows of the joint table, and the further columns given the leaf. Returns column -> cell of each row."""
    leaf, group, kind = np.unravel_index(spread(joint_LBK, num_rows), joint_LBK.shape)
    cells: dict[str, Integers] = {"leaf": leaf, "group": group, "kind": kind}
    for name, table_LC in tables.items():
        cells[name] = np.zeros(num_rows, np.int64)
        for number, weights in enumerate(table_LC):
            rows = np.nonzero(leaf == number)[0]
            cells[name][rows] = rng.permutation(spread(weights, len(rows)))
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
    delta = options.delta / (1 + len(options.keep))
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
        low, high = WIDE_RANGE
        book.record_public("price range", f"{low:g} to {high:,.0f}: toile's own")
    num_cells = max(math.ceil(math.log(high / low) / math.log(PRICE_RATIO)), _LEAST_CELLS)
    return PriceGrid(edges=np.linspace(math.log(low), math.log(high), num_cells + 1))


def _release_core(
    leaf_N: Integers,
    cell_N: Integers,
    paths: Sequence[CategoryPath],
    grid: PriceGrid,
    shares: Mapping[str, float],
    book: Accountant,
) -> Core:
    """Release families by price cell, group the cells by the released quantiles, then release leaf x price group."""
    num_cells, num_leaves = len(grid.edges) - 1, len(paths)
    counted = (leaf_N >= 0) & (cell_N >= 0)
    bins = f"{num_cells} cells of equal ratio in the price range: public"
    noisy_P, price_scale = book.release_counts(
        "prices", np.bincount(cell_N[counted], minlength=num_cells), shares["prices"], bins
    )
    shown = find_range(noisy_P, price_scale)
    price_P = np.zeros(num_cells)
    price_P[shown] = project(noisy_P[shown], max(float(noisy_P[shown].sum()), 1.0))
    per_leaf = price_P.sum() * book.epsilon * shares["core"] / num_leaves
    num_groups = 4 if num_leaves >= MANY_LEAVES else int(np.clip(per_leaf / _LEAST_PER_GROUP, 6, 16))
    cuts = _cut_at_quantiles(price_P, num_groups)
    group_of = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
    table = np.zeros((num_leaves, len(cuts) - 1), np.int64)
    np.add.at(table, (leaf_N[counted], group_of[cell_N[counted]]), 1)
    bins = f"the categories x {len(cuts) - 1} groups of price cells, between released quantiles"
    noisy_LB, scale = book.release_counts("categories by price", table, shares["core"], bins)
    found = estimate_price_levels(noisy_LB, grid.edges[list(cuts[1:-1])], scale)
    bell_LP = _bell(found, grid.edges)
    if num_leaves >= MANY_LEAVES:
        base_LB = np.maximum(found.num_K, 1e-3)[:, None] * np.add.reduceat(bell_LP, cuts[:-1], axis=1)
        table_LB, _ = shrink(noisy_LB, base_LB, scale)
    else:
        table_LB = refine(noisy_LB, list_partitions(paths)[::-1], scale) + 1e-3
    num_L = table_LB.sum(axis=1)
    return Core(
        table_LB=table_LB,
        fine_LP=_spread_prices(table_LB, bell_LP, price_P, shown, cuts, price_scale),
        cuts=cuts,
        num_L=num_L,
        noise=scale * math.sqrt(2 * table.size),
        knows_prices=float(num_L.sum()) > max(_LEAST_PRICES * price_scale, 2 * scale * math.sqrt(2 * table.size)),
    )


def refine(noisy_LB: Floats, partitions: Sequence[Integers], scale: float) -> Floats:
    """Estimate a table of leaves from its noisy counts, from the coarsest grouping of the leaves to the finest.

    At each grouping, sums and shapes of the groups move from the last estimate to the counts as far as the counts
    differ by more than their noise (positive-part James-Stein).
    """
    num_leaves, num_groups = noisy_LB.shape
    total = max(float(noisy_LB.sum()), 1.0)
    shop_B = project(noisy_LB.sum(axis=0), total)
    estimate: Floats = np.tile(shop_B / num_leaves, (num_leaves, 1)) + 1e-9
    for group_L in partitions:
        sizes_G = np.bincount(group_L).astype(np.float64)
        sums = [np.zeros((len(sizes_G), num_groups)) for _ in range(2)]
        for each, table in zip(sums, (noisy_LB, estimate), strict=True):
            np.add.at(each, group_L, table)
        noisy_GB, old_GB = sums
        change_G = noisy_GB.sum(axis=1) - old_GB.sum(axis=1)
        noise_G = 2 * scale**2 * num_groups * sizes_G
        weight = max(0.0, 1 - noise_G.sum() / max(float((change_G**2).sum()), 1e-9))
        total_G = project(old_GB.sum(axis=1) + weight * change_G, total)
        base_GB = old_GB * (total_G / old_GB.sum(axis=1))[:, None]
        new_GB = np.array(
            [
                shrink(noisy[None], base[None], scale * math.sqrt(size))[0][0]
                for noisy, base, size in zip(noisy_GB, base_GB, sizes_G, strict=True)
            ]
        )
        estimate *= ((new_GB + 1e-9) / (old_GB + 1e-9))[group_L]
    return estimate


def _spread_prices(
    table_LB: Floats, bell_LP: Floats, price_P: Floats, shown: slice, cuts: Sequence[int], scale: float
) -> Floats:
    """Spread each leaf's price groups over their cells: as its `bell_LP`, and as the prices of the whole shop."""
    found = bell_LP.copy()
    outside = np.ones(bell_LP.shape[1], bool)
    outside[shown] = False
    expected_P = table_LB.sum(axis=1) @ (bell_LP / bell_LP.sum(axis=1, keepdims=True))
    for b, (first, last) in enumerate(itertools.pairwise(cuts)):
        inside = slice(first, last)
        base = np.where(outside[inside], 1e-6, 1.0) * expected_P[inside]
        base *= price_P[inside].sum() / base.sum()
        better, _ = shrink(price_P[None, inside], base[None], scale)
        found[:, inside] *= (better[0] + 0.05 * base + 1e-9) / (expected_P[inside] + 1e-9)
        found[:, inside] *= (table_LB[:, b] / found[:, inside].sum(axis=1))[:, None]
    return found


def find_range(noisy_P: Floats, scale: float) -> slice:
    """Return the range of cells that holds the prices: the hull of all stretches that are clearly more than noise.

    A stretch is worth its noisy counts less one noise scale a cell.
    """

    def best_stretch(first: int, last: int) -> tuple[float, int, int]:
        best, start, total = (0.0, first, last), first, 0.0
        for cell in range(first, last):
            if total <= 0:
                start, total = cell, 0.0
            total += noisy_P[cell] - scale
            best = max(best, (total, start, cell + 1))
        return best

    _, low, high = best_stretch(0, len(noisy_P))
    while low > 0 and (found := best_stretch(0, low))[0] > _CLEAR * scale:
        low = found[1]
    while high < len(noisy_P) and (found := best_stretch(high, len(noisy_P)))[0] > _CLEAR * scale:
        high = found[2]
    return slice(low, high)


def _cut_at_quantiles(price_P: Floats, num_groups: int) -> tuple[int, ...]:
    """Return the first cells of groups with about equal counts, and the number of cells."""
    below = np.cumsum(price_P) / price_P.sum()
    inner = [int(np.argmin(np.abs(below - part))) + 1 for part in np.arange(1, num_groups) / num_groups]
    middle = sorted({cut for cut in inner if 0 < cut < len(price_P)}) or [len(price_P) // 2]
    return (0, *middle, len(price_P))


def _bell(found: "PriceLevels", edges: Floats) -> Floats:
    """Return for each leaf the shares of the price cells under a normal distribution of log prices."""
    below = ndtr((edges[1:-1] - found.log_price_K[:, None]) / found.spread)
    ends = np.zeros((len(below), 1)), np.ones((len(below), 1))
    shares: Floats = np.diff(np.concatenate([ends[0], below, ends[1]], axis=1), axis=1) + 1e-9
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


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
    return [kind for kind, count in zip(_SILHOUETTES, noisy, strict=True) if count >= _CLEAR * scale]


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
    usual_cells = 2 if column.is_geometric else min(column.num_cells, _USUAL_CELLS)
    if column.is_partial:
        partitions = partitions[-1:]
    fine = [p for p in partitions if total / ((int(p.max()) + 1) * usual_cells) >= noise * _LEAST_SIGNAL]
    group_L = (fine or [partitions[-1]])[0]
    num_groups = int(group_L.max()) + 1
    table = np.zeros((num_groups, column.num_cells), np.int64)
    counted = (leaf_N >= 0) & (cell_N >= 0)
    np.add.at(table, (group_L[leaf_N[counted]], cell_N[counted]), 1)
    bins = f"{num_groups} groups of categories x {column.bins}"
    noisy_GC, scale = book.release_counts(column.name, table, share, bins)
    num_G = np.bincount(group_L, core.num_L, minlength=num_groups)
    if column.is_geometric:
        everyone = _fit_repeat(noisy_GC.sum(axis=0), total, scale * math.sqrt(num_groups), *_USUAL_REPEAT)
        repeats = [_fit_repeat(row, num, scale, everyone, 0.2) for row, num in zip(noisy_GC, num_G, strict=True)]
        seen = total > 2 * scale * math.sqrt(2 * num_groups)
        return np.array([_size_shares(repeat) for repeat in repeats])[group_L] * core.num_L[:, None], seen
    counts_C = noisy_GC.sum(axis=0)
    if column.is_partial:
        total = max(float(counts_C.sum()), 1.0)
    cells = column.num_cells
    usual_C = np.full(cells, 1 / cells) if column.usual is None else np.eye(cells)[column.usual]
    everyone_C, weight = shrink(counts_C[None], total * usual_C[None], scale * math.sqrt(num_groups))
    if column.is_partial:
        return np.tile(everyone_C, (len(group_L), 1)), bool(weight[0] > 0.05)
    table_GC, _ = shrink(noisy_GC, num_G[:, None] * (everyone_C[0] / total), scale)
    table_LC = (table_GC / num_G[:, None])[group_L] * core.num_L[:, None]
    return table_LC, bool(weight[0] > 0.05)


def _size_shares(repeat: float) -> Floats:
    """Return the shares of the size classes if each further colour has the probability `repeat`."""
    at_least = repeat ** np.array([0, *_SIZE_BOUNDS], np.float64)
    shares: Floats = -np.diff(np.append(at_least, 0.0))
    return shares


def _fit_repeat(noisy_C: Floats, total: float, scale: float, usual: float, width: float) -> float:
    """Fit the probability of a further colour to noisy counts of size classes, with a normal prior."""
    tried = np.arange(0.0, 0.9, 0.02)
    errors = np.array([float(((noisy_C - total * _size_shares(repeat)) ** 2).sum()) for repeat in tried])
    losses = errors / (4 * scale**2) + (tried - usual) ** 2 / (2 * width**2)
    return float(tried[np.argmin(losses)])


def _release_kind_prices(
    kind_N: Integers,
    cell_N: Integers,
    leaf_N: Integers,
    kinds_LK: Floats,
    core: Core,
    shares: Mapping[str, float],
    book: Accountant,
) -> Floats:
    """Release kind x price group; return it shrunk to what follows if price depends on the leaf only."""
    group_of = np.repeat(np.arange(len(core.cuts) - 1), np.diff(core.cuts))
    counted = (leaf_N >= 0) & (cell_N >= 0)
    table = np.zeros((kinds_LK.shape[1], len(core.cuts) - 1), np.int64)
    np.add.at(table, (kind_N[counted], group_of[cell_N[counted]]), 1)
    bins = "kinds that were released x groups of price cells"
    noisy, scale = book.release_counts("kinds by price", table, shares["kind prices"], bins)
    base = (kinds_LK / core.num_L[:, None]).T @ core.table_LB
    return shrink(noisy, base, scale)[0]


def _release_kept_names(
    families: Sequence[Family], options: FitOptions, book: Accountant, messages: list[str]
) -> dict[str, list[str]]:
    """Return for each kept column the values (as JSON) that enough families have."""
    found = {}
    delta = options.delta / (len(options.keep) + (options.categories is None)) if options.keep else 0.0
    for name in options.keep:
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
        usual=None,
        cell_of=lambda family: number.get(family.kept.get(name), len(keys)),
    )


def _release_endings(families: Sequence[Family], leaf_N: Integers, share: float, book: Accountant) -> list[Floats]:
    """Return for each price level the weights of the endings that clearly more prices have than noise explains."""
    table = np.zeros((len(_ENDING_LEVELS) + 1, len(_ENDINGS)), np.int64)
    for family, leaf in zip(families, leaf_N, strict=True):
        price = family.full_price
        if leaf >= 0 and price is not None and 0 < price < _HIGHEST_PRICE:
            level = int(np.searchsorted(_ENDING_LEVELS, price, side="right"))
            table[level, list(_ENDINGS).index(find_ending(price))] += 1
    bins = f"{table.shape[0]} price levels x {table.shape[1]} endings: public"
    noisy, scale = book.release_counts("price endings", table, share, bins)
    clear = np.where(noisy >= _CLEAR * scale, noisy, 0.0)
    overall = clear.sum(axis=0)
    return [row if row.any() else overall for row in clear]


def find_ending(price: float) -> str:
    """Return the ending of a price, one of `_ENDINGS`."""
    units, cents = divmod(round(price * 100), 100)
    if cents == 0:
        tail = units % 100
        if units >= 100 and units % 10 == 0:
            return "00/00" if tail == 0 else "00/50" if tail == 50 else "00/9x" if tail == 90 else "00/x0"
        return {0: "00/x0", 5: "00/5", 9: "00/9", 8: "00/8"}.get(units % 10, "00/x")
    if cents in (99, 95, 90):
        return f"{cents}/9" if units % 10 == 9 else f"{cents}/x"
    return str(cents) if cents in (50, 49) else "other"


def _nearest_price(price: float, ending: str) -> float:
    """Return the price with this ending that is nearest to a price; the price, rounded, if none is near."""
    step, rests = _ENDINGS[ending]
    tried = [rest + step * round((price - rest) / step) for rest in rests]
    near = min((each for each in tried if each > 0), key=lambda each: abs(each - price), default=0.0)
    return round(near, 2) if abs(near - price) <= _SNAP * price else _round_price(price)


def _round_price(price: float) -> float:
    step = 10.0 ** math.floor(math.log10(price) - 0.7)
    return round(max(round(price / step), 1) * step, 2)


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
    prices = _sample_prices(cells["leaf"], cells["group"], grid, core, endings, rng)
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
                label=(None, *_LABELS)[cells["navigation labels"][n]],
                num_colourways=SIZES[cells["colourways of a design"][n]],
                material=material,
                pattern=(*PATTERNS, None)[cells["patterns"][n]],
                colour=(*PALETTE, None)[cells["colours"][n]],
                kept=values,
            )
        )
    return found


def _sample_prices(
    leaf_N: Integers,
    group_N: Integers,
    grid: PriceGrid,
    core: Core,
    endings: Sequence[Floats],
    rng: np.random.Generator,
) -> list[float | None]:
    """Return a price for each row: spread evenly over its price group as its leaf's prices are, with a legal ending."""
    if not core.knows_prices:
        return [None] * len(leaf_N)
    log_N = np.zeros(len(leaf_N))
    for leaf, group in sorted(set(zip(leaf_N.tolist(), group_N.tolist(), strict=True))):
        rows = rng.permutation(np.nonzero((leaf_N == leaf) & (group_N == group))[0])
        first, last = core.cuts[group], core.cuts[group + 1]
        below = np.concatenate([[0.0], np.cumsum(core.fine_LP[leaf, first:last] + 1e-12)])
        at = (np.arange(len(rows)) + 0.5) / len(rows) * below[-1]
        log_N[rows] = np.interp(at, below, grid.edges[first : last + 1])
    found: list[float | None] = []
    for log_price in log_N.tolist():
        price = math.exp(log_price)
        weights = endings[int(np.searchsorted(_ENDING_LEVELS, price, side="right"))]
        if weights.any():
            found.append(_nearest_price(price, list(_ENDINGS)[rng.choice(len(weights), p=weights / weights.sum())]))
        else:
            found.append(_round_price(price))
    return found


def _judge(core: Core, num_leaves: int, hidden: Sequence[str]) -> list[str]:
    """Say how much the noise hides, from released counts only."""
    total = float(core.num_L.sum())
    found = [f"about {round(total):,} designs in {num_leaves} categories, by noisy counts"]
    if total < 2 * core.noise:
        found.append("warning: so few designs cannot be told from noise; the privacy budget is spent all the same")
    if not core.knows_prices:
        found.append("warning: the noise hides the prices; the spec has toile's usual prices of each type")
    if hidden:
        found.append(f"the noise hides these, which are toile's usual ones: {', '.join(hidden)}")
    return found


def _size_class(family: Family) -> int:
    return int(np.searchsorted(_SIZE_BOUNDS, family.num_colourways))


def _index(values: Sequence[str], value: str | None) -> int:
    """Return the place of a value, and the number of values for one that is not listed."""
    return values.index(value) if value in values else len(values)


_PUBLIC_COLUMNS = (
    Column(
        name="discounts", bins="full price, or a discount: public", num_cells=2, usual=0,
        cell_of=lambda f: int(f.discount_percent > 0),
    ),
    Column(
        name="discount percents", bins="the nearest of listed percents: public", num_cells=len(PERCENTS), usual=None,
        is_partial=True, cell_of=lambda f: PERCENTS.index(f.discount_percent) if f.discount_percent else -1,
    ),
    Column(
        name="colourways of a design", bins="classes of the number of colours: public", num_cells=len(SIZES), usual=0,
        is_geometric=True, cell_of=_size_class,
    ),
    Column(
        name="materials", bins="what the renderer draws, or none: public", num_cells=1 + len(MATERIALS),
        usual=len(MATERIALS), cell_of=lambda f: _index(MATERIALS, f.material),
    ),
    Column(
        name="patterns", bins="what the renderer draws, or none: public", num_cells=1 + len(PATTERNS),
        usual=len(PATTERNS), cell_of=lambda f: _index(PATTERNS, f.pattern),
    ),
    Column(
        name="colours", bins="named colours, or none: public", num_cells=1 + len(PALETTE), usual=len(PALETTE),
        cell_of=lambda f: _index(tuple(PALETTE), f.colour),
    ),
    Column(
        name="navigation labels", bins="none, or a label of a public list: public", num_cells=1 + len(_LABELS), usual=0,
        cell_of=lambda f: 1 + _LABELS.index(f.label) if f.label in _LABELS else 0,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceLevels:
    """Estimates from the table."""

    num_K: Floats
    """Families of each category, at least 0."""
    log_price_K: Floats
    """Log of the median price of each category."""
    spread: float
    """Standard deviation of the log price within a category."""


def estimate_price_levels(counts_KB: Floats, log_edges: Floats, scale: float) -> PriceLevels:
    """Estimate sizes and price levels.

    `counts_KB` is the noisy table, `log_edges` the log prices of the B - 1 inner bin edges, `scale` the scale of the
    Laplace noise on each cell.
    """
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
    return PriceLevels(
        num_K=np.tensordot(weights, np.array([num_K for _, num_K, _ in answers]), 1),
        log_price_K=np.tensordot(weights, np.array([level_K for _, _, level_K in answers]), 1),
        spread=float(weights @ (np.array(_SPREADS) * width)),
    )


def _cells(counts_KB: Floats, scale: float) -> tuple[Floats, Floats, Floats]:
    """Return a grid of rates, the log likelihood of every cell at each rate, and the expected true count there."""
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
    """Return the log evidence of a spread, and the posterior means of sizes and levels under it."""
    below_MB = ndtr((log_edges[None, :] - levels_M[:, None]) / spread)
    ends = np.zeros((len(levels_M), 1)), np.ones((len(levels_M), 1))
    share_MB = np.maximum(np.diff(np.concatenate([ends[0], below_MB, ends[1]], axis=1), axis=1), 1e-9)
    rate_MSB = np.maximum(sizes_S[None, :, None] * share_MB[:, None, :], _LOWEST_RATE)
    at_MSB = np.interp(np.log(rate_MSB), np.log(rates), np.arange(len(rates)))
    low_MSB = np.minimum(at_MSB.astype(np.int64), len(rates) - 2)
    part_MSB = at_MSB - low_MSB

    def interpolate(table_KR: Floats, b: int) -> Floats:
        low, part = low_MSB[..., b], part_MSB[..., b]
        found: Floats = table_KR[:, low] * (1 - part) + table_KR[:, low + 1] * part
        return found

    num_bins = share_MB.shape[1]
    log_KMS = np.sum([interpolate(like_KBR[:, b], b) for b in range(num_bins)], axis=0)
    highest_K11 = log_KMS.max(axis=(1, 2), keepdims=True)
    like_KMS = np.exp(log_KMS - highest_K11)
    level_M, size_S = np.full(len(levels_M), 1 / len(levels_M)), np.full(len(sizes_S), 1 / len(sizes_S))
    for _ in range(_ROUNDS):
        joint_KMS = like_KMS * level_M[None, :, None] * size_S[None, None, :]
        evidence_K = joint_KMS.sum(axis=(1, 2))
        joint_KMS /= evidence_K[:, None, None]
        level_M = _normal_like(joint_KMS.sum(axis=2).mean(axis=0), levels_M)
        size_S = _smooth(joint_KMS.sum(axis=1).mean(axis=0))
    num_K = np.sum([(joint_KMS * interpolate(mean_KBR[:, b], b)).sum(axis=(1, 2)) for b in range(num_bins)], axis=0)
    score = float(np.log(evidence_K).sum() + highest_K11.sum())
    return score, num_K, joint_KMS.sum(axis=2) @ levels_M


def _normal_like(weight_M: Floats, levels_M: Floats) -> Floats:
    """Return the normal distribution with the mean and the variance of the weights."""
    mean = weight_M @ levels_M
    deviation = max(float(np.sqrt(weight_M @ (levels_M - mean) ** 2)), float(levels_M[1] - levels_M[0]) / 2)
    bell_M: Floats = np.exp(-0.5 * ((levels_M - mean) / deviation) ** 2)
    bell_M /= bell_M.sum()
    return bell_M


def _smooth(weight_S: Floats) -> Floats:
    """Smooth the distribution over neighbouring sizes; no size becomes impossible."""
    mixed_S = weight_S * 0.98 + 0.02 / len(weight_S)
    smooth_S: Floats = np.convolve(np.pad(mixed_S, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    smooth_S /= smooth_S.sum()
    return smooth_S
