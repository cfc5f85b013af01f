"""Real shards -> a catalog spec: what is counted, what it costs in privacy, and how counts become a spec.

Only the train split is read. Without epsilon the counts are exact, and what has fewer than k families behind it is left
out. With epsilon every number passes through `noise` before anything else sees it; titles are then made of public
words. `docs/fit.md` says what that means.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.fit import statistics
from generator.fit.attributes import Sold, attributes_of
from generator.fit.categories import Leaves, category_paths, leaves_of
from generator.fit.mechanisms import Exact, Path3, Private, Releases
from generator.fit.options import ENDING_WIDTHS, NOISE_WIDTHS, SHARES, USUAL_LONGEST, FitOptions
from generator.fit.prices import CELLS, PriceModel, bands, endings, price_model
from generator.fit.statistics import PERCENTS, Family
from generator.fit.title_templates import grammar
from generator.fit.vocabulary import MATERIAL_WORDS, PATTERN_WORDS, first_known, silhouette_of
from schemas.catalog import MISSING_LABEL, Provenance
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.markets import MARKETS
from schemas.product import read

__all__ = ["Fit", "FitOptions", "fit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A spec as a document, and what to tell whoever reads it."""

    document: dict[str, Any]
    notes: dict[str, str]
    """`category 0`, `material cashmere`, ... -> a remark for the line."""
    messages: tuple[str, ...]
    """For people; with epsilon they are functions of noisy numbers only."""


def fit(shards: Path, options: FitOptions, releases: Releases | None = None) -> Fit:
    """A catalog spec for the rows of a shard folder.

    `releases` stands in for the noise (for tests); by default it follows from the options. Raises ToileError where
    there is nothing to fit, or nothing stands out of the noise.
    """
    if releases is None:
        releases = Exact() if options.epsilon is None else Private(options.epsilon, options.delta)
    currency, country = _market(shards, options, releases)
    members, num_rows = statistics.families(shards, currency, pictures=options.pictures)
    paths, num_merged, members = category_paths(members, options, releases)
    leaves = leaves_of(members, paths, options, releases)
    if not leaves.paths:
        raise _nothing(shards, options, releases)
    sold = [_sold(path, share) for path, share in zip(leaves.paths, leaves.shares, strict=True)]
    words = None if releases.private else grammar(members, options.min_support, _names(shards))
    prices = leaves.prices or _exact_prices(members, sold, options)
    attributes, categories, notes = attributes_of(
        members, sold, prices, words, releases, options.min_support, SHARES, leaves.num
    )
    _note_leaves(notes, sold, members, releases)
    sizes = _sizes(members, releases, options)
    provenance, messages = _provenance(members, num_rows, leaves, sizes, options, releases)
    shop = _shop(options.name, currency, country, members, releases, options.min_support)
    document = {
        "name": options.name,
        "description": f"Fitted by toile fit. {provenance.statement}",
        "shop": shop,
        "colourways": sizes,
        "navigation": _navigation(members, leaves.paths, releases, options),
        "prices": _habits(members, leaves.paths, releases, options),
        "attributes": attributes,
        "categories": categories,
        "provenance": provenance,
    }
    if num_merged:
        messages = (*messages, f"{num_merged} designs of rare leaves stand under OTHER or were left out")
    return Fit(document=_with_ledger(document, options, releases), notes=notes, messages=messages)


def _sold(path: Path3, share: float) -> Sold:
    silhouette, named = silhouette_of(path)
    return Sold(path=path, share=share, silhouette=silhouette, named=named)


def _exact_prices(members: list[Family], sold: list[Sold], options: FitOptions) -> PriceModel:
    by_path = {each.path: each for each in sold}
    drawn = []
    for member in members:
        words: dict[str, str] = {}
        leaf = by_path.get(member.path) if member.path is not None else None
        if leaf is not None and leaf.shows("material"):
            words["material"] = first_known(member.words, MATERIAL_WORDS) or leaf.usual_material
        pattern = first_known(member.words, PATTERN_WORDS)
        if leaf is not None and leaf.shows("pattern") and pattern is not None:
            words["pattern"] = pattern
        drawn.append(words)
    return price_model(members, [each.path for each in sold], drawn, options.min_support)


def _note_leaves(notes: dict[str, str], sold: Sequence[Sold], members: Sequence[Family], releases: Releases) -> None:
    counts = Counter(member.path for member in members)
    for number, each in enumerate(sold):
        guess = "" if each.named else "no word says what it sells: choose a silhouette"
        support = "" if releases.private else f"{counts[each.path]} designs"
        notes[f"category {number}"] = "; ".join(text for text in (support, guess) if text)


def _sizes(members: list[Family], releases: Releases, options: FitOptions) -> dict[str, Any]:
    """Exact: from the sizes of families. Noisy: as if each colour were followed by another with one same chance."""
    if releases.private:
        one, more = releases.counts(statistics.colourways(members), SHARES["sizes"])
        repeat = max(more, 0) / max(one + more, 1)
        return {"repeat_share": round(min(repeat, 0.8), 4), "max_per_family": USUAL_LONGEST}
    counts = Counter(member.size for member in members)
    kept = {size: count for size, count in sorted(counts.items()) if count >= options.min_support} or {1: 1}
    longest = max(kept)
    mean = sum(size * count for size, count in kept.items()) / sum(kept.values())
    repeat = min(1 - 1 / mean, 1 - 1 / longest, 0.95) - 5e-5
    return {"repeat_share": round(max(repeat, 0.0), 4), "max_per_family": longest}


def _navigation(
    members: list[Family], paths: Sequence[Path3], releases: Releases, options: FitOptions
) -> dict[str, Any]:
    known = statistics.known_labels() if releases.private else statistics.labels_in(members, options.min_support)
    leaves = {path[2] for path in paths}
    labels = tuple(label for label in known if label not in leaves and "," not in label)
    counts = releases.counts(statistics.navigation(members, labels), SHARES["navigation"])
    least = max(options.min_support, NOISE_WIDTHS * releases.scale(SHARES["navigation"]))
    kept = {label: count for label, count in zip(labels, counts[1:-1], strict=True) if count >= least}
    elsewhere = sum(kept.values()) + (counts[-1] if counts[-1] >= least else 0)
    real = max(counts[0], 1)
    share = round(elsewhere / (elsewhere + real), 4)
    return {"share": share, "labels": kept or {MISSING_LABEL: 1}}


def _habits(members: list[Family], paths: Sequence[Path3], releases: Releases, options: FitOptions) -> dict[str, Any]:
    counts = releases.counts(endings(members, paths), SHARES["endings"])
    assert len(counts) == len(CELLS), len(counts)
    least = max(options.min_support, ENDING_WIDTHS * releases.scale(SHARES["endings"]))
    reduced = releases.counts(statistics.discounts(members), SHARES["discounts"])
    enough = max(options.min_support, NOISE_WIDTHS / 2 * releases.scale(SHARES["discounts"]))
    percents = {str(p): count for p, count in zip(PERCENTS, reduced[1:], strict=True) if count >= enough}
    total = sum(percents.values())
    return {
        "bands": bands(counts, least, 0.02 if releases.private else 0.005),
        "discounts": {
            "share": round(total / (total + max(reduced[0], 1)), 4),
            "percents": percents or {"20": 1},
        },
    }


def _shop(
    name: str, currency: str, country: str, members: Sequence[Family], releases: Releases, min_support: int
) -> dict[str, Any]:
    """Invented names; the rate to euros is that of toile's markets, or the rows' own where enough agree."""
    rate = next((market.eur_rate for market in MARKETS.values() if market.currency_code == currency), 1.0)
    rates = Counter(round(m.eur_rate, 3) for m in members if m.eur_rate is not None)
    if not releases.private and rates and rates.most_common(1)[0][1] >= min_support:
        near = rates.most_common(1)[0][0]
        exact = [m.eur_rate for m in members if m.eur_rate is not None and round(m.eur_rate, 3) == near]
        rate = round(float(np.median(exact)), 4)
    words = name.replace("-", " ")
    return {
        "website_name": words.title(),
        "brand": words.upper(),
        "host": f"www.{name}.example",
        "country_code": country,
        "currency_code": currency,
        "eur_rate": rate,
    }


def _market(shards: Path, options: FitOptions, releases: Releases) -> tuple[str, str]:
    """Currency and country: given, or what the folder says of itself, or (exact counts only) what most rows say."""
    inputs = read_manifest(shards).inputs
    shop = (inputs.get("spec_document") or {}).get("shop", {})
    currency = options.currency or inputs.get("currency") or shop.get("currency_code")
    country = options.country or shop.get("country_code")
    if releases.private:
        if currency is None:
            hint = "name it, as in --currency USD: looking it up in the rows would not be private"
            raise ToileError(str(shards), "does not say which currency its prices are in", hint)
        releases.public("currency and country", "given, or named by the manifest of the folder")
        return str(currency), str(country or "USA")
    rows = Counter[str](), Counter[str]()
    if currency is None or country is None:
        for row in read(shards, split="train", columns=("currency_code", "country_code")):
            rows[0].update([row.currency_code] if row.currency_code else [])
            rows[1].update([row.country_code] if row.country_code else [])
    found = [
        given or next((code for code, count in counts.most_common(1) if _is_code(code, count, options)), usual)
        for given, counts, usual in ((currency, rows[0], "USD"), (country, rows[1], "USA"))
    ]
    return str(found[0]), str(found[1])


def _is_code(code: str, count: int, options: FitOptions) -> bool:
    return count >= options.min_support and len(code) == 3 and code.isascii() and code.isupper()


def _names(shards: Path) -> set[str]:
    """The names of brands and sites in the rows: their words may not become words of the spec."""
    found: set[str] = set()
    for row in read(shards, split="train", columns=("brand", "website_name")):
        found |= {name for name in (row.brand, row.website_name) if name}
    return found


def _nothing(shards: Path, options: FitOptions, releases: Releases) -> ToileError:
    if releases.private:
        hint = "give a public list with --categories FILE, a larger --epsilon, or more rows"
        return ToileError(str(shards), f"no category stands out of the noise of epsilon {options.epsilon:g}", hint)
    problem = f"no category has {options.min_support} product families in its train split"
    return ToileError(str(shards), problem, "fit more rows, or lower --min-support")


def _provenance(
    members: Sequence[Family],
    num_rows: int,
    leaves: Leaves,
    sizes: dict[str, Any],
    options: FitOptions,
    releases: Releases,
) -> tuple[Provenance, tuple[str, ...]]:
    make: Callable[..., Provenance] = Provenance
    if not releases.private:
        statement = (
            "This spec is NOT private: shares, prices and words were counted in real rows without noise. Words and "
            f"values with fewer than {options.min_support} product families behind them were left out."
        )
        record = make(
            fitted_from="the train split of a shard folder",
            num_rows=num_rows,
            num_families=len(members),
            private=False,
            statement=statement,
            min_support=options.min_support,
        )
        return record, (statement,)
    num_families = round(leaves.num)
    statement = (
        f"What this spec says of real rows is differentially private: epsilon {options.epsilon:g} in all, delta at "
        f"most {options.delta:g}, for one product family more or less in the train split. The ledger lists all "
        "of it."
    )
    record = make(
        fitted_from="the train split of a shard folder",
        num_rows=round(num_families / (1 - sizes["repeat_share"])),
        num_families=num_families,
        private=True,
        statement=statement,
        min_support=options.min_support,
        epsilon=options.epsilon,
        delta=options.delta,
    )
    messages = [statement, f"about {num_families:,} designs in {len(leaves.paths)} categories, by noisy counts"]
    if num_families * (options.epsilon or 0) < 20 * len(leaves.paths):
        messages.append("that is little for so much noise: prices and small shares are hardly more than guesses")
    if options.categories is None:
        messages.append("rare categories were left out; a public list (--categories FILE) keeps them")
    return record, tuple(messages)


def _with_ledger(document: dict[str, Any], options: FitOptions, releases: Releases) -> dict[str, Any]:
    """The provenance with every release, and with the sums of what was really spent."""
    if not isinstance(releases, Private):
        return document
    rows = tuple(releases.ledger)
    values = {name: getattr(document["provenance"], name) for name in Provenance.__dataclass_fields__}
    spent = math.fsum(row.epsilon for row in rows), math.fsum(row.delta for row in rows)
    assert options.epsilon is not None
    assert abs(spent[0] - options.epsilon) < 1e-9 * options.epsilon + 1e-12, spent
    values |= {"ledger": rows, "epsilon": spent[0], "delta": spent[1]}
    return {**document, "provenance": Provenance(**values)}
