"""What is in a shard folder: counts, prices, titles, picture sizes, missing values."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from schemas.errors import ToileError
from schemas.product import COLUMNS, SPLITS, Product, read, shard_files

_QUANTILES = {"min": 0, "p10": 10, "median": 50, "p90": 90, "max": 100}


def describe(folder: Path) -> dict[str, Any]:
    """Figures of a whole folder as plain numbers and text, one pass, pictures measured by their header only."""
    manifest, _ = shard_files(folder)
    prices: dict[str, list[float]] = {}
    titles, sizes, splits, missing = [], Counter[str](), Counter[str](), Counter[str]()
    num, num_inferable, currencies, families = 0, 0, Counter[str](), set()
    for product in read(folder):
        num += 1
        num_inferable += product.inferable
        splits[product.split] += 1
        currencies[product.currency_code or "none"] += 1
        families.add(product.family)
        missing.update(name for name in COLUMNS if getattr(product, name) is None)
        sizes[_size(product, folder)] += 1
        if product.title is not None:
            titles.append(product.title)
        prices.setdefault(product.category3_code or "(none)", []).append(product.full_price or np.nan)
    every = [price for group in prices.values() for price in group]
    return {
        "folder": str(folder),
        "kind": manifest.kind,
        "num_products": num,
        "num_rejected": manifest.rejected,
        "num_families": len(families),
        "num_inferable": num_inferable,
        "splits": {split: splits[split] for split in SPLITS},
        "currencies": dict(currencies),
        "full_price": _quantiles(every),
        "title_characters": _quantiles([len(title) for title in titles]),
        "num_distinct_titles": len(set(titles)),
        "picture_sizes": dict(sizes.most_common()),
        "missing": {name: missing[name] for name in COLUMNS if missing[name]},
        "categories": {
            name: {"n": len(group), **_quantiles(group)}
            for name, group in sorted(prices.items(), key=lambda item: (-len(item[1]), item[0]))
        },
    }


def _quantiles(values: list[float] | list[int]) -> dict[str, float | None]:
    known = np.array([value for value in values if value == value], np.float64)
    return {name: float(np.percentile(known, q)) if known.size else None for name, q in _QUANTILES.items()}


def _size(product: Product, folder: Path) -> str:
    if product.image is None:
        return "no picture"
    try:
        with Image.open(io.BytesIO(product.image)) as picture:
            return f"{picture.width}x{picture.height} {picture.format}"
    except OSError as error:
        where = f"{folder}: product {product.product_code}"
        raise ToileError(where, "has a broken picture", "make the folder again with --force") from error


def printed(figures: dict[str, Any]) -> None:
    """The figures as tables on stdout."""
    console = Console(markup=False, highlight=False, soft_wrap=True)  # what users wrote is text, not markup
    n = figures["num_products"]
    splits = ", ".join(f"{name} {count:,}" for name, count in figures["splits"].items())
    console.print(f"{figures['folder']}: {n:,} products ({figures['kind']}), {splits}")
    console.print(
        f"{figures['num_families']:,} families, {figures['num_distinct_titles']:,} different titles, "
        f"{figures['num_inferable']:,} leaves a picture can tell, {figures['num_rejected']:,} rows rejected"
    )
    for label, key in (("full price", "full_price"), ("title characters", "title_characters")):
        console.print(f"{label}: " + ", ".join(f"{name} {_number(value)}" for name, value in figures[key].items()))
    console.print("currencies: " + _counts(figures["currencies"]))
    console.print("pictures: " + _counts(figures["picture_sizes"]))
    console.print("missing: " + (_counts(figures["missing"]) or "nothing"))
    table = Table("category", *(Column(name, justify="right") for name in ("n", *_QUANTILES)), title="full price")
    for name, row in figures["categories"].items():
        table.add_row(Text(name), f"{row['n']:,}", *(_number(row[quantile]) for quantile in _QUANTILES))
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.10g}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
