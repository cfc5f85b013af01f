"""Fit the spec again without single families, and with invented ones (canaries), and measure what changes.

Without noise, a fit protects a family only because every word and share has at least k families behind it. Fitting
again without a family tests this. Canaries, families whose words exist nowhere else, test that nothing of a single
family gets into the spec. With epsilon the noise hides the difference of one family, so only canaries are planted.
"""

import hashlib
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generator.audit.copies import find_products, has_prices
from generator.audit.rows import AuditTable, Floats, Mask, RealCatalog, encode_products, normalise_text, tokenize
from generator.audit.verbatim import contains_words, list_names, list_public_words, list_title_strings
from generator.fit.families import find_fixed
from generator.fit.fit_spec import FitOptions, fit
from generator.sampling.products import TITLES_IN_BLOCK, products
from schemas.audit import Hit
from schemas.catalog import SLOT, CatalogSpec, ProductKind, Provenance, list_kinds
from schemas.errors import ToileError
from schemas.manifest import Manifest, ShardFile
from schemas.product import Product, to_table
from schemas.util.files import as_document, write_json
from schemas.validation import from_document

_FOLDS = 3
_KIND = 7
"""Parts of the place of a kind of products: path, silhouette, material, pattern, number."""
_FIT_TWIN = 40_000
"""Products of the twin of a fit to train, at most."""
_TIMES_REAL = 50
"""And at most so many for each real row."""
_BLOCKS = 40
"""Largest number of blocks of titles (`distinct_titles`) that they are taken from."""
Refit = Callable[[Sequence[Product]], CatalogSpec]
"""Fit train rows with the settings of the audited spec."""
_ONE_PRICE = 100.0
"""Of all rows of a catalog without prices."""
OwnCells = Mapping[str, Mapping[str, Any]]
"""Product code -> column of the user's own -> value."""
CANARIES = ("Zorvath", "Quibbrel", "Plenthix", "Drusmoor", "Wexilby", "Yarnwold", "Ombrisk", "Fluvane")
"""Words that are in no catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """The changes of the spec without single families."""

    num_refits: int
    lost: Sequence[Hit]
    """Strings that vanish with a family although fewer than k families have them: they came from it."""
    at_threshold: int
    """Number of strings that vanish because exactly k families have them; allowed."""
    rare: Sequence[Hit]
    """Counted weights below k that become smaller with a family: fewer than k families are behind them."""
    moved: float
    """Largest share of a twin's products that get another kind, or another title or attribute of one kind."""
    price: float
    """Largest change of a price median or factor, as |log ratio|."""


def leave_one_out(refit: Refit, members: AuditTable, families: Sequence[int], min_support: int) -> Influence:
    """Fit again without each of the families (indices in `members`) and measure the changes.

    How many products change is no test: where a value of exactly k families loses one, all k are counted with what is
    nearest to it, and with them what follows their proportions.
    """
    whole = refit(members.products)
    strings = _strings(whole) - list_public_words()
    lost: dict[str, Hit] = {}
    rare: dict[str, Hit] = {}
    edge: set[str] = set()
    moved, price = 0.0, 0.0
    for left_out in families:
        kept = [row for row, family in zip(members.products, members.family, strict=True) if family != left_out]
        found = refit(kept)
        for text in sorted(strings - _strings(found)):
            num_families = len(_find_holders(members, text))
            if num_families >= min_support:
                edge.add(text)
            elif num_families:  # a string in no row comes from elsewhere
                lost[text] = Hit(check="refit_strings", text=text, detail=f"in {num_families} real families")
        rare |= {hit.text: hit for hit in _find_rare_weights(whole, found, min_support)}
        moved = max(moved, *_measure_moves(whole, found), 0.0)
        price = max(price, *_measure_price_changes(whole, found), 0.0)
    return Influence(
        num_refits=len(families),
        lost=list(lost.values()),
        at_threshold=len(edge),
        rare=list(rare.values()),
        moved=moved,
        price=price,
    )


def _find_rare_weights(before: CatalogSpec, after: CatalogSpec, min_support: int) -> Iterator[Hit]:
    """Yield the counted weights below k from which a family was subtracted.

    Weights of an exact fit are numbers of designs if they are whole; others are in the proportions of other records.
    Where any weight of the distribution grew, something else happened than that a family left it.
    """
    weights, others = dict(_weights(before)), dict(_weights(after))
    for place in weights.keys() & others.keys() - {()}:
        here, there = weights[place], others[place]
        if any(weight > here.get(key, 0.0) for key, weight in there.items()):
            continue
        for key, weight in here.items():
            left = there.get(key, 0.0)
            if left < weight < min_support and weight % 1 == left % 1 == 0:
                text = f"{' > '.join(part for part in place if part)}: {key}"
                yield Hit(check="refit_shares", text=text, detail=f"has a weight of {weight:g} designs")


def _measure_moves(before: CatalogSpec, after: CatalogSpec) -> Iterator[float]:
    """Yield for every distribution of both specs the share of all products that get another value (total variation).

    Words that are only in titles count as often as titles have them.
    """
    sides = [(dict(_weights(spec)), _kinds_by_place(spec), spec) for spec in (before, after)]
    for place in sides[0][0].keys() & sides[1][0].keys():
        shares, parts = [], []
        for weights, kinds, spec in sides:
            total = sum(weights[place].values()) or 1.0
            shares.append({key: weight / total for key, weight in weights[place].items()})
            kind = kinds.get(place[:_KIND])
            parts.append(1.0 if kind is None else kind.share)
            if kind is not None and place[_KIND] == "attribute" and spec.attributes[place[-1]].hidden:
                used = sum(w for title, w in kind.titles.items() if place[-1] in SLOT.findall(title))
                parts[-1] *= used / (sum(kind.titles.values()) or 1.0)
        every = shares[0].keys() | shares[1].keys()
        yield max(parts) * sum(abs(shares[0].get(key, 0.0) - shares[1].get(key, 0.0)) for key in every) / 2


def _measure_price_changes(before: CatalogSpec, after: CatalogSpec) -> Iterator[float]:
    """Yield the size of every change of a price that both specs have, as |log ratio|."""
    prices, others = dict(_prices(before)), dict(_prices(after))
    for place in prices.keys() & others.keys():
        if prices[place] and others[place]:
            yield abs(math.log(others[place] / prices[place]))


def plant_canaries(refit: Refit, members: AuditTable, *, seed: int = 0) -> tuple[list[Hit], int]:
    """Fit with planted families; return their words that are in the spec, and the number of planted families.

    A random half of the canaries is planted. Each is one family with its own word in title and category and its own
    price. The other half is searched for too; finding one means that the search is wrong.

    Raises ToileError if the rows cannot be fitted.
    """
    rng = np.random.default_rng(seed)
    planted = sorted(rng.permutation(len(CANARIES))[: len(CANARIES) // 2].tolist())
    model = [row for row in members.products if row.title and row.full_price and row.inferable]
    if not model:
        raise ToileError("real", "has no product with a title and a price", "audit a catalog with titles and prices")
    rows = list(members.products)
    for number in planted:
        word, row = CANARIES[number], model[int(rng.integers(len(model)))]
        price = 1317.0 + 611 * number
        rows.append(
            replace(
                row,
                product_code=f"canary{number}",
                family=f"canary-{number}",
                title=f"{word} {row.title}",
                category3_code=f"{word.upper()} {row.category3_code}",
                full_price=price,
                price=price,
            )
        )
    found = _strings(refit(rows))
    known = {word for text in found for word in tokenize(text)}
    hits = [
        Hit(check="canaries", text=word, detail="a word of one planted family" if k in planted else "was not planted")
        for k, word in enumerate(CANARIES)
        if normalise_text(word) in known
    ]
    return hits, len(planted)


def list_cells(table: AuditTable, extra: Mapping[str, Sequence[Any]]) -> OwnCells:
    """Return the cells of the user's own columns for each product code; `extra` has one value a row."""
    return {
        row.product_code: {name: values[place] for name, values in extra.items()}
        for place, row in enumerate(table.products)
        if extra
    }


def generate_fit_twin(
    real: RealCatalog, min_support: int, own: OwnCells | None = None, *, num: int = _FIT_TWIN, seed: int = 0
) -> AuditTable | None:
    """Generate a large twin of an exact fit to the members; None if they cannot be fitted.

    A fit that keeps what a single family has would excuse copies, so `min_support` is at least 2. Products of a block
    may avoid the titles of those before them: as many of each block are taken as a catalog of the size of the real one
    has.
    """
    spec = _fit_exact(real, real.members.products, max(min_support, 2), own)
    if spec is None:
        return None
    num, of_block = min(num, _TIMES_REAL * len(real.table)), min(len(real.table), TITLES_IN_BLOCK)
    parts = [(0, num)]
    if spec.distinct_titles and of_block < TITLES_IN_BLOCK:
        parts = [(k * TITLES_IN_BLOCK, of_block) for k in range(min(math.ceil(num / of_block), _BLOCKS))]
    return _encode_twin(real, (row for start, size in parts for row in products(spec, seed, start, size)))


def generate_unseen_twins(
    real: RealCatalog, min_support: int, own: OwnCells | None = None, *, seed: int = 0
) -> list[tuple[Mask, AuditTable]] | None:
    """Generate catalogs whose exact fit has not seen some real families; None if the rows cannot be fitted.

    The products, of train or not, are divided into `_FOLDS` folds with all of their families. For each fold a spec
    is fitted to all others, which are about as many as train has; `min_support` is scaled by the difference.
    Returns the families of each fold, and a catalog with as many designs as there are real rows.
    """
    product = find_products(real.table)
    fold = (np.random.default_rng(seed).permutation(int(product.max()) + 1) % _FOLDS)[product]
    found = []
    for number in range(_FOLDS):
        unseen = fold == number
        rows = [
            row
            for row, hidden in zip(real.table.products, unseen[real.table.family].tolist(), strict=True)
            if not hidden
        ]
        spec = _fit_exact(real, rows, max(1, round(min_support * (~unseen).sum() / max(real.member.sum(), 1))), own)
        if spec is None:
            return None
        single = replace(spec.colourways, repeat_share=0.0)
        leaves = tuple(replace(category, colourways=None) for category in spec.categories)
        spec = replace(spec, colourways=single, categories=leaves)  # one row a design
        found.append((unseen, _encode_twin(real, products(spec, seed + number, 0, len(real.table)))))
    return found


def _fit_exact(
    real: RealCatalog, rows: Sequence[Product], min_support: int, own: OwnCells | None
) -> CatalogSpec | None:
    """Fit rows of the real catalog without noise; None if they cannot be fitted.

    Catalogs without prices are fitted with one price.
    """
    first = next((row for row in real.table.products if row.currency_code and row.country_code), None)
    options = FitOptions(
        min_support=min_support,
        currency="USD" if first is None else first.currency_code,
        country="USA" if first is None else first.country_code,
        images=False,
    )
    rows = [replace(row, split="train") for row in rows]
    if not has_prices(real.table):
        rows = [replace(row, full_price=_ONE_PRICE, price=_ONE_PRICE) for row in rows]
    try:
        return _fit_rows(rows, options, own or {})
    except ToileError:
        return None


def _encode_twin(real: RealCatalog, twin: Iterable[Product]) -> AuditTable:
    """Encode a twin, without prices if the real catalog has none."""
    if has_prices(real.table):
        return encode_products(list(twin))
    return encode_products([replace(row, full_price=None, price=None) for row in twin])


def most_influential(information: Floats, num: int, seed: int = 0) -> list[int]:
    """Choose families to leave out: half of them with most self-information, half at random among the others."""
    order = np.argsort(-information, kind="stable")
    rare = order[: (num + 1) // 2].tolist()
    rest = order[(num + 1) // 2 :]
    others = np.random.default_rng(seed).permutation(rest)[: num - len(rare)].tolist()
    return [*rare, *others]


def has_public_categories(provenance: Provenance) -> bool:
    """Return whether the categories of a private fit were given as public: its ledger spends nothing on them."""
    return any(entry.statistic == "categories" and not entry.epsilon for entry in provenance.ledger)


def make_refit(spec: CatalogSpec, own: OwnCells | None = None) -> Refit:
    """Return a function that fits rows with the settings in the spec's provenance; images are not read.

    `own` are the user's own columns, which a fit reads too; those of the spec are kept. Where the categories of a
    private spec were given as public, its own categories are that list.
    """
    assert spec.provenance is not None, "only a fitted spec can be fitted again"
    public = {entry.statistic for entry in spec.provenance.ledger if not entry.epsilon}
    given = has_public_categories(spec.provenance)
    paths = tuple(dict.fromkeys((first, second, leaf) for first, second, leaf in (c.path for c in spec.categories)))
    prices = spec.provenance.price_range
    keep = tuple(name for name in spec.extra if any(name in cells for cells in (own or {}).values()))
    options = FitOptions(
        epsilon=spec.provenance.epsilon if spec.provenance.private else None,
        delta=spec.provenance.delta or 1e-6,
        min_support=spec.provenance.min_support,
        categories=paths if spec.provenance.private and given else None,
        price_range=(prices[0], prices[1]) if prices else None,
        unit="row" if spec.provenance.unit == "row" else "family",
        name=spec.name,
        currency=spec.shop.currency_code,
        country=spec.shop.country_code,
        images=False,
        keep=keep,
        keep_values={name: _list_values(spec, name) for name in keep if f"values of {name}" in public},
    )

    return lambda rows: _fit_rows(rows, options, own or {})


def _list_values(spec: CatalogSpec, column: str) -> tuple[str, ...]:
    """Return the values of a column that was kept, as far as the spec has them."""
    attribute = spec.extra[column].attribute
    return () if attribute is None else tuple(spec.attributes[attribute].values)


def _fit_rows(rows: Sequence[Product], options: FitOptions, own: OwnCells) -> CatalogSpec:
    with tempfile.TemporaryDirectory() as folder:
        document = fit(_write_train_folder(Path(folder), rows, own), options).document
    plain = as_document(_Whole(document=document))["document"]
    found: CatalogSpec = from_document(plain, "catalog", "refit")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    document: Mapping[str, Any]


def _write_train_folder(folder: Path, rows: Sequence[Product], own: OwnCells) -> Path:
    """Write rows, with the user's own columns, as the train split of a catalog folder, which is what a fit reads."""
    table = to_table(list(rows))
    for name in dict.fromkeys(name for cells in own.values() for name in cells):
        cells = (own.get(row.product_code, {}).get(name) for row in rows)
        table = table.append_column(
            name, pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
        )
    path = folder / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    pq.write_table(table, path)
    file = ShardFile(
        path=path.relative_to(folder).as_posix(),
        split="train",
        num_rows=len(rows),
        num_bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    manifest = Manifest(
        kind="import",
        finished=True,
        inputs={},
        files=(file,),
        num_products=len(rows),
        num_shards=1,
        versions={},
        seconds=0.0,
    )
    write_json(folder / "manifest.json", as_document(manifest))
    return folder


def _strings(spec: CatalogSpec) -> set[str]:
    return {*list_title_strings(spec), *list_names(spec)}


def _find_holders(rows: AuditTable, text: str) -> set[int]:
    """Find the families with a row whose title or category contains the text."""
    found = set()
    for row, title, family in zip(rows.products, rows.titles, rows.family.tolist(), strict=True):
        names = [normalise_text(n) for n in (row.category1_code, row.category2_code, row.category3_code) if n]
        if text in names or contains_words(tokenize(title), text.split()):
            found.add(family)
    return found


def _weights(spec: CatalogSpec) -> Iterator[tuple[tuple[str, ...], Mapping[Any, float]]]:
    """Yield the place and the weights of every distribution: of the kinds of products, at (), and in each kind."""
    kinds = _kinds_by_place(spec)
    yield (), {place: kind.share for place, kind in kinds.items()}
    for place, kind in kinds.items():
        yield (*place, "titles"), kind.titles
        yield from (((*place, "attribute", name), own or {}) for name, own in kind.attributes.items())


def _kinds_by_place(spec: CatalogSpec) -> dict[tuple[str, ...], ProductKind]:
    """Return the kinds of products by path, silhouette, what their type words name beside it, and number among those.

    A fit makes a kind of its own of the products whose type words name a material or pattern: Lederjacke, Karohemd.
    """
    found: dict[tuple[str, ...], ProductKind] = {}
    levels: Counter[tuple[str, ...]] = Counter()
    for kind in list_kinds(spec):
        named = {find_fixed(tuple(word for word in title.split() if "{" not in word)) for title in kind.titles}
        only = named.pop() if len(named) == 1 else (None, None)
        place = (*kind.path, kind.silhouette, *(word or "" for word in only))
        found[*place, str(levels[place])] = kind
        levels[place] += 1
    return found


def _prices(spec: CatalogSpec) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the place and the value of every released median and factor."""
    for place, kind in _kinds_by_place(spec).items():
        prices = kind.price.quantiles or (kind.price.median or 0.0,)
        yield from (((*place, "price", str(number)), price) for number, price in enumerate(prices))
        for name, factors in kind.price.factors.items():
            yield from (((*place, name, key), factor) for key, factor in factors.items())
    for name, attribute in spec.attributes.items():
        yield from (((name, key), value.price) for key, value in attribute.values.items())
