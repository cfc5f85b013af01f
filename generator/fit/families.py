"""Read the product families of a catalog's train split as records: everything that a fit looks at.

    families, num_rows = read_families(Path("data/real"), "USD", images=True)

Colour, material and pattern come from the user's own columns where the table has them, else from the title; a colour
that neither names comes from the image. A private fit replaces the records by synthetic ones (`private.synthesize`) and
is then the same fit.
"""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from generator.fit import CategoryPath
from generator.fit.vocabulary import (
    PALETTE,
    choose_cloth,
    convert_to_lab,
    find_attribute_columns,
    find_kind,
    find_silhouette,
    find_undrawn,
    read_colour,
    read_material,
    read_pattern,
    read_title_colour,
    read_type_word,
    split_words,
)
from schemas.catalog import MISSING_LABEL
from schemas.errors import ToileError
from schemas.images import BadImageError, decode_rgb
from schemas.product import COLUMNS, Product, from_batch, open_shard, shard_files

MAX_FAMILY_SIZE = 64
"""Larger families count as this many colourways; no spec may have more."""
PERCENTS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80)
"""The discounts that a fit tells apart, in percent."""
_SMALLEST_DISCOUNT = 2.0
"""A price that is less than this many percent below the full price is not discounted."""


Unit = Literal["design", "family", "row"]
"""What one record stands for: rows of a family with the same category and full price, a whole family, or one row."""
PREPOSITIONS = frozenset({"aus", "in", "en", "de", "di"})
"""Words that belong to the name of a material after them."""


@dataclass(frozen=True, slots=True)
class Colourway:
    """What may differ between the rows of a design."""

    colour: str | None
    """A name of the public palette, from the user's own column, else the title, else the image."""
    discount_percent: int
    """0, or the nearest of `PERCENTS`."""
    label: str | None
    """Its navigation label (N.A. if the category is missing); None for a real category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a fit knows of one product family, or of one of its designs."""

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
    """Its rows, at most `MAX_FAMILY_SIZE`."""
    material: str | None
    """The renderer's word, from the user's own column, else the title; None if neither names one."""
    pattern: str | None
    """The same."""
    colour: str | None
    """Colour of its first row, a name of the public palette."""
    eur_rate: float | None = None
    """Euros for one unit of its currency; None for private synthetic families."""
    kept: Mapping[str, str | float | None] = field(default_factory=dict)
    """The user's own columns that are kept -> value of the first row."""
    others: tuple[Colourway, ...] = ()
    """Its further rows; none where the first stands for all of them."""
    name: str = ""
    """The family, which several designs may share; empty where each record is a family of its own."""
    undrawn: str = ""
    """The word of its title, else of its leaf, for something that no silhouette looks like."""

    @property
    def rows(self) -> tuple[Colourway, ...]:
        """Return all rows that are known, the first one first."""
        return (Colourway(self.colour, self.discount_percent, self.label), *self.others)

    @property
    def row_weight(self) -> float:
        """Return how many rows each of `rows` stands for."""
        return self.num_colourways / (1 + len(self.others))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What is needed of a row, without its image."""

    code: str
    path: CategoryPath | None
    title: str
    full_price: float | None
    eur_rate: float | None
    colourway: Colourway
    cells: Mapping[str, Any]


def list_own_columns(folder: Path) -> tuple[str, ...]:
    """List the columns of a catalog that are the user's own: those after the ones that every catalog has."""
    for entry in shard_files(folder, "train")[1]:
        with open_shard(folder, entry) as parquet:
            return tuple(name for name in parquet.schema_arrow.names if name not in COLUMNS)
    return ()


def read_families(
    folder: Path, currency: str, *, images: bool, keep: Sequence[str] = (), unit: Unit = "design"
) -> tuple[list[Family], int]:
    """Read the records of the train split, sorted by family, category and price. Returns them and the number of rows.

    `keep` are columns of the user's own. A private fit takes `unit` family or row, so that one family (or row) changes
    one record. Raises ToileError if the catalog has no column of a name in `keep`.
    """
    own = list_own_columns(folder)
    for name in keep:
        if name not in own:
            hint = f"it has {', '.join(own)}" if own else "it has only the columns of every catalog"
            raise ToileError(f"--keep {name}", f"{folder} has no such column of its own", hint)
    columns = find_attribute_columns(own)
    groups: dict[str, list[_Row]] = {}
    num_rows = 0
    for product, cells in _read_rows(folder, own, images=images):
        num_rows += 1
        name = product.family if unit != "row" else f"{product.family}/{product.product_code}"
        groups.setdefault(name, []).append(_row(product, cells, currency, columns))
    found: list[Family] = []
    for name, rows in sorted(groups.items()):
        rows.sort(key=lambda each: each.code)
        for design in _split_designs(rows) if unit == "design" else [rows]:
            found.append(_family(name, design, columns, keep))
    return found, num_rows


@functools.lru_cache(maxsize=65_536)
def read_title_word(slot: str, word: str) -> str | None:
    """Return what one word of a title says of a material, pattern or colour; None for other words."""
    read = {"material": read_material, "pattern": read_pattern, "colour": read_title_colour}
    return read[slot](word)


@functools.lru_cache(maxsize=65_536)
def find_type(words: tuple[str, ...]) -> tuple[str, int, int] | None:
    """Return the silhouette that a title names, and the first word and the end of its type words; None for none."""
    match = find_kind(" ".join(words))
    if match is None:
        return None
    starts = [sum(len(word) + 1 for word in words[:number]) for number in range(len(words))]
    inside = [k for k, word in enumerate(words) if starts[k] < match.end and starts[k] + len(word) > match.start]
    return match.silhouette, inside[0], inside[-1] + 1


@functools.lru_cache(maxsize=65_536)
def find_fixed(words: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the material and the pattern that the type words of a title name (Lederjacke, Karohemd, Denim)."""
    found = find_type(words)
    type_words = words[found[1] : found[2]] if found else ()
    material, pattern = (
        next((named for word in type_words if (named := read_type_word(slot, word)) is not None), None)
        for slot in ("material", "pattern")
    )
    return choose_cloth(material, found[0] if found else None), pattern


def find_title_word(slot: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the first word of a title, beside its type words, that names a material or pattern, and what it names.

    A preposition before a material belongs to the word: `aus Wolle`, `en soie`.
    """
    found = find_type(words)
    type_words = range(found[1], found[2]) if found else range(0)
    for number, word in enumerate(words):
        named = read_title_word(slot, word) if number not in type_words else None
        if named is not None:
            before = words[number - 1] if number and slot == "material" else ""
            return (f"{before} {word}" if before.casefold() in PREPOSITIONS else word), named
    return None


def count_families(members: Iterable[Family]) -> int:
    """Count the families that these records are of."""
    return len({member.name or index for index, member in enumerate(members)})


def detect_image_colour(image: bytes) -> str | None:
    """Return the palette colour nearest (in CIELAB) to the median colour of an image's centre without its background.

    Pixels that resemble the median of the border are background. Returns None if the centre has nothing else, or if
    the image does not decode: an error about one image would tell something of it in a private fit.
    """
    try:
        pixels = np.asarray(decode_rgb(image).resize((48, 48)), np.float64) / 255
    except BadImageError:
        return None
    lab = convert_to_lab(pixels)
    border = np.concatenate([lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3), lab[:, :3].reshape(-1, 3)])
    middle = lab[12:36, 12:36].reshape(-1, 3)
    distinct = middle[np.linalg.norm(middle - np.median(border, axis=0), axis=1) > 12]
    if len(distinct) < 30:
        return None
    codes = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in PALETTE.values()], np.float64) / 255
    distance = np.linalg.norm(convert_to_lab(codes) - np.median(distinct, axis=0), axis=1)
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


def _row(product: Product, cells: Mapping[str, Any], currency: str, columns: Mapping[str, str]) -> _Row:
    in_currency = product.currency_code in (None, currency)
    full, eur = product.full_price, product.full_price_eur
    return _Row(
        code=product.product_code,
        path=_path(product),
        title=product.title or "",
        full_price=full if in_currency else None,
        eur_rate=eur / full if in_currency and eur and full else None,
        colourway=Colourway(
            _find_colour(product, cells.get(columns.get("colour", ""))),
            _discount_percent(product),
            None if product.inferable else (product.category3_code or MISSING_LABEL),
        ),
        cells=cells,
    )


def _split_designs(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Split the rows of a family by category and full price; rows without a category join those of their price."""
    designs: dict[tuple[CategoryPath | str, float], list[_Row]] = {}
    for row in rows:
        if row.path is not None:
            designs.setdefault((row.path, row.full_price or 0.0), []).append(row)
    for row in rows:
        if row.path is None:
            same = [key for key in designs if key[-1] == (row.full_price or 0.0)] or list(designs)
            designs.setdefault(same[0] if same else ("", 0.0), []).append(row)
    return [
        sorted(rows, key=lambda each: each.code) for _, rows in sorted(designs.items(), key=lambda item: str(item[0]))
    ]


def _family(name: str, rows: Sequence[_Row], columns: Mapping[str, str], keep: Sequence[str]) -> Family:
    first, shown = rows[0], next((row for row in rows if row.path is not None), rows[0])
    words = tuple(split_words(shown.title))
    kind = _find_kind(words, shown.path)
    material, pattern = (str(shown.cells.get(columns.get(each, "")) or "") for each in ("material", "pattern"))
    fixed = find_fixed(words)
    return Family(
        name=name,
        path=shown.path,
        kind=kind,
        words=words,
        full_price=shown.full_price,
        discount_percent=first.colourway.discount_percent,
        label=first.colourway.label,
        num_colourways=min(len(rows), MAX_FAMILY_SIZE),
        material=fixed[0] or choose_cloth(_choose_material(read_material(material), _say("material", words)), kind),
        pattern=fixed[1] or read_pattern(pattern) or _say("pattern", words),
        colour=first.colourway.colour,
        eur_rate=shown.eur_rate,
        kept={each: _kept_value(first.cells.get(each)) for each in keep},
        others=tuple(row.colourway for row in rows[1:MAX_FAMILY_SIZE]),
        undrawn=_find_undrawn(words, shown.path, kind),
    )


def _find_kind(words: tuple[str, ...], path: CategoryPath | None) -> str | None:
    found = find_type(words)
    if found is not None:
        return found[0]
    silhouette, named = find_silhouette(path or ())
    return silhouette if named else None


def _find_undrawn(words: tuple[str, ...], path: CategoryPath | None, kind: str | None) -> str:
    if find_type(words) is not None:
        return ""
    return find_undrawn(" ".join(words)) or (find_undrawn(path[2]) if path and kind is None else None) or ""


def _say(slot: str, words: Sequence[str]) -> str | None:
    return next((named for word in words if (named := read_title_word(slot, word)) is not None), None)


def _choose_material(column: str | None, title: str | None) -> str | None:
    """Choose between the materials that the table's column and the title name: no title contradicts its image."""
    if column is not None and column.endswith(f"-{title}"):
        return column  # the column says more: grained leather, where the title says leather
    return title or column


def _find_colour(product: Product, cell: Any) -> str | None:
    named = read_colour(str(cell)) if cell is not None else None
    named = named or _say("colour", split_words(product.title or ""))
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
