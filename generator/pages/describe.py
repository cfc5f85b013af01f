"""Compute and print the figures of a catalog: counts, prices, titles, image sizes, missing values.

print_figures(describe(Path("data/luxury")))
"""

import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from schemas.evaluation import SPLITS
from schemas.images import BadImageError, open_image
from schemas.product import COLUMNS, Product, read, shard_files
from schemas.util.console import strip_control_chars
from schemas.util.pages import format_tick

_QUANTILES = {"min": 0, "p10": 10, "median": 50, "p90": 90, "max": 100}
BINS_PER_DECADE = 12
"""Price bin k is from 10 ** (k / 12) to 10 ** ((k + 1) / 12): the same bins for every folder and currency."""
MOST_WORDS = 100
_MANY_DIGITS = 1e7
"""A column of the terminal has no room for longer numbers."""
_Groups = Iterable["array[float]"]
_Prices = dict[tuple[str, str], "array[float]"]
"""(Category, currency) -> full prices, NaN where there is none."""
_WORD = re.compile(r"[^\W\d_]{2,}")


def describe(folder: Path) -> dict[str, Any]:
    """Return the figures of a whole folder as plain numbers and text (the document of `toile describe --json`).

    One pass; of images only the header is read. Memory: eight bytes a price, the names of families, and each different
    title and word once.
    """
    manifest, _ = shard_files(folder)
    prices: _Prices = {}
    counts = {name: Counter[str]() for name in ("splits", "currencies", "sources", "sizes", "missing", "words")}
    families, titles, lengths, paths = Counter[str](), set[str](), Counter[int](), Counter[tuple[str | None, ...]]()
    weights, num_inferable, num_discounted = array("d"), 0, 0
    for product in read(folder):
        num_inferable += product.inferable
        num_discounted += product.flg_discount == 1
        counts["splits"][product.split] += 1
        counts["currencies"][product.currency_code or "none"] += 1
        counts["sources"][product.source] += 1
        families[product.family] += 1
        paths[product.category1_code, product.category2_code, product.category3_code] += 1
        counts["missing"].update(name for name in COLUMNS if getattr(product, name) is None)
        counts["sizes"][_size(product)] += 1
        if product.image is not None:
            weights.append(len(product.image))
        if product.title is not None:
            titles.add(product.title)
            lengths[len(product.title)] += 1
            counts["words"].update(set(_WORD.findall(product.title.lower())))
        key = product.category3_code or "(none)", product.currency_code or "none"
        prices.setdefault(key, array("d")).append(product.full_price or math.nan)
    return {
        "folder": str(folder),
        "kind": manifest.kind,
        "num_products": families.total(),
        "num_rejected": manifest.rejected,
        "num_families": len(families),
        "num_inferable": num_inferable,
        "num_discounted": num_discounted,
        "splits": {split: counts["splits"][split] for split in SPLITS},
        "currencies": dict(counts["currencies"]),
        "sources": dict(counts["sources"].most_common()),
        "full_price": _quantiles(prices.values()),
        "title_characters": _quantiles([array("d", lengths.elements())]),
        "title_lengths": {str(length): lengths[length] for length in sorted(lengths)},
        "title_words": dict(sorted(counts["words"].items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]),
        "num_distinct_titles": len(titles),
        "family_sizes": {str(size): n for size, n in sorted(Counter(families.values()).items())},
        "picture_sizes": dict(counts["sizes"].most_common()),
        "picture_bytes": _quantiles([weights]),
        "missing": {name: counts["missing"][name] for name in COLUMNS if counts["missing"][name]},
        "paths": [{"path": list(path), "n": n} for path, n in paths.most_common()],
        "categories": _by_category(prices),
        "prices": {
            currency: {
                **_priced(group for (_, of), group in prices.items() if of == currency),
                "categories": _by_category(
                    {key: group for key, group in prices.items() if key[1] == currency}, _priced
                ),
            }
            for currency in counts["currencies"]
        },
    }


def _by_category(
    prices: _Prices,
    figures: Callable[[_Groups], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the figures of each category, the largest first; n counts rows without a price too."""
    groups: dict[str, list[array[float]]] = {}
    for (category, _), group in prices.items():
        groups.setdefault(category, []).append(group)
    order = sorted(groups.items(), key=lambda item: (-sum(map(len, item[1])), item[0]))
    return {name: {"n": sum(map(len, group)), **(figures or _quantiles)(group)} for name, group in order}


def _priced(groups: _Groups) -> dict[str, Any]:
    """Return the quantiles of the prices above 0, how many there are, and how many are in each bin."""
    values = np.concatenate([np.frombuffer(group, np.float64) for group in groups if group] or [np.zeros(0)])
    values = values[np.isfinite(values) & (values > 0)]
    bins, counts = np.unique(np.floor(np.log10(values) * BINS_PER_DECADE + 1e-9).astype(np.int64), return_counts=True)
    return {
        "num_priced": int(values.size),
        **_quantiles([values]),
        "bins": {str(k): int(n) for k, n in zip(bins, counts, strict=True)},
    }


def _quantiles(groups: Iterable[Any]) -> dict[str, float | None]:
    """Return the quantiles of all numbers of some arrays together, without NaN."""
    values = np.concatenate([np.asarray(group, np.float64) for group in groups] or [np.zeros(0)])
    known = values[~np.isnan(values)]
    return {name: float(np.percentile(known, q)) if known.size else None for name, q in _QUANTILES.items()}


def _size(product: Product) -> str:
    if product.image is None:
        return "no image"
    try:
        with open_image(product.image) as picture:
            return f"{picture.width}x{picture.height} {picture.format}"
    except BadImageError:
        return "broken"


def print_figures(figures: dict[str, Any]) -> None:
    """Print the figures as tables on stdout."""
    console = Console(markup=False, highlight=False, soft_wrap=True)  # text of users is not markup
    n = figures["num_products"]
    splits = ", ".join(f"{name} {count:,}" for name, count in figures["splits"].items())
    console.print(f"{figures['folder']}: {n:,} products ({figures['kind']}), {splits}")
    console.print(
        f"{figures['num_families']:,} families, {figures['num_distinct_titles']:,} different titles, "
        f"{figures['num_inferable']:,} with a category visible in the image, {figures['num_rejected']:,} rows rejected"
    )
    for label, key in (("full price", "full_price"), ("title characters", "title_characters")):
        console.print(f"{label}: " + ", ".join(f"{name} {_number(value)}" for name, value in figures[key].items()))
    console.print("currencies: " + _counts(figures["currencies"]))
    console.print("images: " + _counts(figures["picture_sizes"]))
    console.print("missing: " + (_counts(figures["missing"]) or "nothing"))
    table = Table("category", *(Column(name, justify="right") for name in ("n", *_QUANTILES)), title="full price")
    for name, row in figures["categories"].items():
        table.add_row(
            Text(strip_control_chars(name)), f"{row['n']:,}", *(_short_number(row[quantile]) for quantile in _QUANTILES)
        )
    console.print(table)


def _short_number(value: float | None) -> str:
    """Return a number for a narrow column: 175M where all digits of 175,292,000 have no room."""
    return format_tick(value) if value is not None and value >= _MANY_DIGITS else _number(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.10g}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
