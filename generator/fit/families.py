"""Read one record for each product family of a catalog's train split: everything that a fit looks at.

    families, num_rows = read_families(Path("data/real"), "USD", images=True)

A family's record is that of its first row by product code, except that category, title and price come from its first
row whose category an image can show. Colour, material and pattern come from the user's own columns where the table has
them, else from the title; a colour that neither names comes from the image. A private fit replaces the records by
synthetic ones (`private.synthesize`) and is then the same fit.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from generator.fit import CategoryPath
from generator.fit.vocabulary import (
    COLOUR_WORDS,
    MATERIAL_WORDS,
    PALETTE,
    PATTERN_WORDS,
    find_first,
    find_silhouette,
    split_words,
)
from generator.sampling.streams import Floats
from schemas.catalog import MISSING_LABEL
from schemas.errors import ToileError, suggest
from schemas.images import BadImageError, decode_rgb
from schemas.product import COLUMNS, Product, from_batch, open_shard, shard_files

MAX_FAMILY_SIZE = 64
"""Larger families count as this many colourways; no spec may have more."""
PERCENTS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80)
"""The discounts that a fit tells apart, in percent."""
_SMALLEST_DISCOUNT = 2.0
"""A price that is less than this many percent below the full price is not discounted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a fit knows of one product family."""

    path: CategoryPath | None
    """Of its first inferable row (a leaf category that an image can show); None if it has none."""
    kind: str | None
    """The silhouette: from the type word of the title, else from the names of the category; None if nothing says it."""
    words: tuple[str, ...] = ()
    """Words of the title of the row that `path` is from; none for private synthetic families."""
    full_price: float | None
    """Of that row, in the currency of the fit."""
    discount_percent: int
    """Discount of its first row: 0, or the nearest of `PERCENTS`."""
    label: str | None
    """The navigation label of its first row (N.A. if the category is missing); None for a real category."""
    num_colourways: int
    """Rows of the family, at most `MAX_FAMILY_SIZE`."""
    material: str | None
    """The renderer's word, from the user's own column, else the title; None if neither names one."""
    pattern: str | None
    """The same."""
    colour: str | None
    """A name of the public palette, from the user's own column, else the title, else the image of the first row."""
    eur_rate: float | None = None
    """Euros for one unit of its currency; None for private synthetic families."""
    kept: Mapping[str, str | float | None] = field(default_factory=dict)
    """The user's own columns that are kept -> value of the first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row without its image, with its colour and the cells of the user's own columns."""

    product: Product
    colour: str | None
    cells: Mapping[str, Any]


@dataclass(slots=True)
class _Group:
    """The rows of a family, as far as they are read."""

    first: _Row
    inferable: _Row | None = None
    num_rows: int = 0


def list_own_columns(folder: Path) -> tuple[str, ...]:
    """List the columns of a catalog that are the user's own: those after the ones that every catalog has."""
    for entry in shard_files(folder, "train")[1]:
        with open_shard(folder, entry) as parquet:
            return tuple(name for name in parquet.schema_arrow.names if name not in COLUMNS)
    return ()


def read_families(folder: Path, currency: str, *, images: bool, keep: Sequence[str] = ()) -> tuple[list[Family], int]:
    """Read the families of the train split, sorted by family name. Returns them and the number of rows.

    `keep` are columns of the user's own. Raises ToileError if the catalog has no such column.
    """
    own = list_own_columns(folder)
    for name in keep:
        if name not in own:
            hint = suggest(name, own) if own else "it has only the columns of every catalog"
            raise ToileError(f"--keep {name}", f"{folder} has no such column of its own", hint)
    groups: dict[str, _Group] = {}
    num_rows = 0
    for product, cells in _read_rows(folder, own, images=images):
        num_rows += 1
        group = groups.get(product.family)
        is_first = group is None or product.product_code < group.first.product.product_code
        is_inferable = _path(product) is not None and (
            group is None or group.inferable is None or product.product_code < group.inferable.product.product_code
        )
        if is_first or is_inferable:
            row = _Row(product=_drop_image(product), colour=_find_colour(product) if is_first else None, cells=cells)
            if group is None:
                group = groups[product.family] = _Group(first=row)
            group.first = row if is_first else group.first
            group.inferable = row if is_inferable else group.inferable
        assert group is not None
        group.num_rows += 1
    return [_family(group, currency, keep) for _, group in sorted(groups.items())], num_rows


def detect_image_colour(image: bytes) -> str | None:
    """Return the palette colour nearest (in CIELAB) to the median colour of an image's centre without its background.

    Pixels that resemble the median of the border are background. Returns None if the centre has nothing else, or if
    the image does not decode: an error about one image would tell something of it in a private fit.
    """
    try:
        pixels = np.asarray(decode_rgb(image).resize((48, 48)), np.float64) / 255
    except BadImageError:
        return None
    lab = _to_lab(pixels)
    border = np.concatenate([lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3), lab[:, :3].reshape(-1, 3)])
    middle = lab[12:36, 12:36].reshape(-1, 3)
    distinct = middle[np.linalg.norm(middle - np.median(border, axis=0), axis=1) > 12]
    if len(distinct) < 30:
        return None
    codes = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in PALETTE.values()], np.float64) / 255
    distance = np.linalg.norm(_to_lab(codes) - np.median(distinct, axis=0), axis=1)
    return list(PALETTE)[int(np.argmin(distance))]


def _read_rows(folder: Path, own: Sequence[str], *, images: bool) -> Iterator[tuple[Product, Mapping[str, Any]]]:
    """Yield the rows of the train split with the cells of the user's own columns, 100 rows in memory at a time."""
    columns = [name for name in COLUMNS if images or name != "image"]
    for entry in shard_files(folder, "train")[1]:
        with open_shard(folder, entry) as parquet:
            here = [name for name in own if name in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(batch_size=100, columns=[*columns, *here]):
                cells = batch.select(here).to_pylist() if here else [{}] * batch.num_rows
                yield from zip(from_batch(batch.select(columns)), cells, strict=True)


def _family(group: _Group, currency: str, keep: Sequence[str]) -> Family:
    first, shown = group.first.product, (group.inferable or group.first).product
    in_currency = shown.currency_code in (None, currency)
    full, eur = shown.full_price, shown.full_price_eur
    path, words = _path(shown), tuple(split_words(shown.title or ""))
    return Family(
        path=path,
        kind=_find_kind(shown.title or "", path),
        words=words,
        full_price=full if in_currency else None,
        discount_percent=_discount_percent(first),
        label=None if first.inferable else (first.category3_code or MISSING_LABEL),
        num_colourways=min(group.num_rows, MAX_FAMILY_SIZE),
        material=find_first(words, MATERIAL_WORDS),
        pattern=find_first(words, PATTERN_WORDS),
        colour=group.first.colour,
        eur_rate=eur / full if in_currency and eur and full else None,
        kept={name: _kept_value(group.first.cells.get(name)) for name in keep},
    )


def _find_kind(title: str, path: CategoryPath | None) -> str | None:
    silhouette, named = find_silhouette((title,))
    if named:
        return silhouette
    silhouette, named = find_silhouette(path or ())
    return silhouette if named else None


def _find_colour(product: Product) -> str | None:
    named = find_first(split_words(product.title or ""), COLOUR_WORDS)
    return named if named is not None or product.image is None else detect_image_colour(product.image)


def _kept_value(cell: Any) -> str | float | None:
    """Return a cell as text or number; None where it is missing."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        return float(cell)
    return " ".join(str(cell).split()) or None


def _path(row: Product) -> CategoryPath | None:
    if not row.inferable or not row.category3_code or any(ord(char) < 32 for char in row.category3_code):
        return None
    first, second, leaf = (
        " ".join((name or "ALL").replace(",", " &").split()) or "ALL"
        for name in (row.category1_code, row.category2_code, row.category3_code)
    )
    return first, second, leaf


def _discount_percent(row: Product) -> int:
    if not row.full_price or row.price is None:
        return 0
    percent = 100 * (1 - row.price / row.full_price)
    return min(PERCENTS, key=lambda each: abs(each - percent)) if percent >= _SMALLEST_DISCOUNT else 0


def _drop_image(row: Product) -> Product:
    values = {name: getattr(row, name) for name in COLUMNS if name != "image"}
    return Product(**values)


def _to_lab(rgb: Floats) -> Floats:
    """Convert sRGB in 0..1 to CIELAB (D65). Sources: CIE 15 and IEC 61966-2-1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lab: Floats = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )
    return lab
