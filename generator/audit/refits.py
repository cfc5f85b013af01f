"""Refits: the same rows without one family, and with families that were made up; what changes in the spec?

Without noise, a fit protects a family only by the company it is in: every word and share stands on at least k families.
Refitting without a family shows that from the other side, and canaries, families whose words exist nowhere else, show
that nothing of a single family gets through. Under epsilon the bound is the noise's, and one-family differences drown
in it; then only canaries are asked for.
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from generator.audit.rows import Floats, Rows, normalised, tokens
from generator.audit.verbatim import emitted, names_emitted, public_words
from generator.fit.categories import OTHER
from schemas.audit import Hit
from schemas.catalog import CatalogSpec
from schemas.manifest import Manifest, ShardFile
from schemas.product import Product, to_table
from schemas.util.files import as_document, write_json
from schemas.validation import from_document

Refit = Callable[[Sequence[Product]], CatalogSpec]
"""Train rows -> the spec that the audited one was fitted as."""
CANARIES = ("Zorvath", "Quibbrel", "Plenthix", "Drusmoor", "Wexilby", "Yarnwold", "Ombrisk", "Fluvane")
"""Words that no catalog holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What leaving single families out changes."""

    num_refits: int
    lost: Sequence[Hit]
    """Strings that vanish with a family although fewer than k families hold them: they came from it."""
    at_the_edge: int
    """Strings that vanish because exactly k families held them: allowed, and counted."""
    share: float
    """Largest change of any share or weight, as |log ratio|; k families behind it allow log(k / (k - 1))."""
    regrouped: float
    """The same where a value beside it came or went: up to k families joined others then, which log(2) allows."""
    price: float
    """Largest change of any price median or factor, as |log ratio|."""


def leave_one_out(refit: Refit, members: Rows, families: Sequence[int], min_support: int) -> Influence:
    """Refit once without each of the families (numbers in `members`)."""
    whole = refit(members.products)
    strings = _strings(whole) - public_words()
    lost: dict[str, Hit] = {}
    edge: set[str] = set()
    changes = {"share": 0.0, "regrouped": 0.0, "price": 0.0}
    for left_out in families:
        kept = [row for row, family in zip(members.products, members.family, strict=True) if family != left_out]
        found = refit(kept)
        for text in sorted(strings - _strings(found)):
            held = len(_holders(members, text))
            if held >= min_support:
                edge.add(text)
            elif held:  # what no row holds comes from elsewhere
                lost[text] = Hit(check="refit_strings", text=text, detail=f"held by {held} real families")
        for kind, change in _changes(whole, found, min_support):
            changes[kind] = max(changes[kind], change)
    return Influence(num_refits=len(families), lost=list(lost.values()), at_the_edge=len(edge), **changes)


def _changes(before: CatalogSpec, after: CatalogSpec, min_support: int) -> Iterator[tuple[str, float]]:
    """The kind, a field of `Influence`, and the size of every change of a number that both specs have.

    Weights of an exact fit are numbers of families: what came or went with fewer than k excuses no other change.
    """
    weights, others = dict(_weights(before)), dict(_weights(after))
    grown = {(*leaf[:2], OTHER) for leaf in set(weights[()]) ^ set(others[()])}  # rare leaves came to stand there
    for place in weights.keys() & others.keys():
        here, there = weights[place], others[place]
        moved = [here.get(key, there.get(key, 0)) for key in here.keys() ^ there.keys()]
        regrouped = place[:3] in grown or (moved and (place == () or min(moved) >= min_support))
        totals = sum(here.values()), sum(there.values())
        for key in here.keys() & there.keys():
            if here[key] and there[key]:
                change = abs(math.log((there[key] / totals[1]) / (here[key] / totals[0])))
                yield "regrouped" if regrouped else "share", change
    prices, others_prices = dict(_prices(before)), dict(_prices(after))
    for place in prices.keys() & others_prices.keys():
        if prices[place] and others_prices[place]:
            yield "price", abs(math.log(others_prices[place] / prices[place]))


def canaries_in(refit: Refit, members: Rows, *, seed: int = 0) -> tuple[list[Hit], int]:
    """Strings of planted families that a refit lets through, and how many families were planted.

    Half of the canaries, drawn at random, are planted (one family each: a word of its own in title and category, a
    price of its own); the others are looked for as well, and can only be found where the search itself is wrong.
    """
    draw = np.random.default_rng(seed)
    planted = sorted(draw.permutation(len(CANARIES))[: len(CANARIES) // 2].tolist())
    model = [row for row in members.products if row.title and row.full_price and row.inferable]
    rows = list(members.products)
    for number in planted:
        word, row = CANARIES[number], model[int(draw.integers(len(model)))]
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
    known = {word for text in found for word in tokens(text)}
    hits = [
        Hit(check="canaries", text=word, detail="a word of one planted family" if k in planted else "was not planted")
        for k, word in enumerate(CANARIES)
        if normalised(word) in known
    ]
    return hits, len(planted)


def most_telling(surprise: Floats, num: int, seed: int = 0) -> list[int]:
    """Families to leave out: half of them the rarest, half drawn at random among the others."""
    order = np.argsort(-surprise, kind="stable")
    rare = order[: (num + 1) // 2].tolist()
    rest = order[(num + 1) // 2 :]
    drawn = np.random.default_rng(seed).permutation(rest)[: num - len(rare)].tolist()
    return [*rare, *drawn]


def refit_as(spec: CatalogSpec) -> Refit:
    """`toile fit` with the settings that the spec's provenance names; pictures are not read."""
    from generator.fit.fit_spec import fit
    from generator.fit.mechanisms import FitOptions

    assert spec.provenance is not None, "only a fitted spec can be fitted again"
    options = FitOptions(
        epsilon=spec.provenance.epsilon if spec.provenance.private else None,
        delta=spec.provenance.delta or 1e-6,
        min_support=spec.provenance.min_support,
        name=spec.name,
        currency=spec.shop.currency_code,
        country=spec.shop.country_code,
        images=False,
    )

    def refit(rows: Sequence[Product]) -> CatalogSpec:
        with tempfile.TemporaryDirectory() as folder:
            document = fit(_train_folder(Path(folder), rows), options).document
        plain = as_document(_Whole(document=document))["document"]
        found: CatalogSpec = from_document(plain, "catalog", "refit")
        return found

    return refit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    document: Mapping[str, Any]


def _train_folder(folder: Path, rows: Sequence[Product]) -> Path:
    """The rows as the train split of a shard folder, which is what a fit reads."""
    path = folder / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    pq.write_table(to_table(list(rows)), path)
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
    return {*emitted(spec), *names_emitted(spec)}


def _holders(rows: Rows, text: str) -> set[int]:
    """Families with a row whose title or category holds the text."""
    found = set()
    for row, title, family in zip(rows.products, rows.titles, rows.family.tolist(), strict=True):
        names = [normalised(n) for n in (row.category1_code, row.category2_code, row.category3_code) if n]
        if text in names or f" {text} " in f" {' '.join(tokens(title))} ":
            found.add(family)
    return found


def _weights(spec: CatalogSpec) -> Iterator[tuple[tuple[str, ...], Mapping[Any, float]]]:
    """Where, and the weights that are shared out there: among the leaves, under (), and in each leaf."""
    yield (), {(*category.path, category.silhouette): category.share for category in spec.categories}
    for category in spec.categories:
        place = (*category.path, category.silhouette)
        yield (*place, "titles"), category.titles
        yield from (((*place, "attribute", name), own or {}) for name, own in category.attributes.items())


def _prices(spec: CatalogSpec) -> Iterator[tuple[tuple[str, ...], float]]:
    """Where, and every released median and factor."""
    yield from (((*each.path, each.silhouette), each.price.median) for each in spec.categories)
    for name, attribute in spec.attributes.items():
        yield from (((name, key), value.price) for key, value in attribute.values.items())
