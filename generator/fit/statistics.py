"""What `toile fit` counts: every statistic sees one representative of each family, so one family moves it by one.

The representative of a family is its first row by product code. Cells are fixed before anybody looks: nothing here
lets a row decide which cells exist, except the names of categories, which are released above a threshold.
"""

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from generator.fit.mechanisms import KeyedStatistic, Path3, Statistic, Values
from generator.fit.vocabulary import (
    COLOUR_WORDS,
    MATERIAL_WORDS,
    NAVIGATION,
    PALETTE,
    PATTERN_WORDS,
    first_known,
    words_of,
)
from generator.sampling.streams import Floats
from schemas.appearance import MATERIALS, PATTERNS
from schemas.catalog import MISSING_LABEL
from schemas.errors import BROKEN_PICTURE, ToileError
from schemas.product import COLUMNS, Product, read

LONGEST_FAMILY = 64
"""Families of more colourways count as this many; no spec may have longer ones."""
PERCENTS = (10, 20, 30, 40, 50, 60, 70)
_LOW_PRICES = tuple(step * 10.0**power for power in range(-1, 8) for step in (1, 1.5, 2, 3, 5, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is counted of one design."""

    path: Path3 | None
    """Of its first row whose leaf a picture can tell; None where none has one."""
    full_price: float | None
    """Of that row, in the currency of the fit."""
    reduced: int
    """Reduction of its first row to the nearest ten percent; 0 for none."""
    label: str | None
    """The navigation label of its first row (N.A. where the leaf is missing); None for a real leaf."""
    size: int
    """Colourways."""
    words: tuple[str, ...]
    """Of the title of that row."""
    colour: str | None
    """A name of the public palette, by the title or else by the picture."""
    eur_rate: float | None


def families(folder: Path, currency: str, *, pictures: bool) -> tuple[list[Family], int]:
    """The families of the train split in no order that means anything, and the number of rows."""
    columns = COLUMNS if pictures else tuple(name for name in COLUMNS if name != "image")
    groups: dict[str, tuple[Product, Product | None, str | None, int]] = {}
    num_rows = 0
    for row in read(folder, split="train", columns=columns):
        num_rows += 1
        first, leaf, colour, size = groups.get(row.family, (row, None, None, 0))
        is_first = size == 0 or row.product_code < first.product_code
        if _path(row) is not None and (leaf is None or row.product_code < leaf.product_code):
            leaf = _without_picture(row)
        if is_first:
            first, colour = _without_picture(row), colour_of(row)
        groups[row.family] = first, leaf, colour, size + 1
    return [_family(*group, currency) for _, group in sorted(groups.items())], num_rows


def category_list(members: Iterable[Family]) -> KeyedStatistic:
    """Designs by the path of their category."""
    counts = Counter(member.path for member in members if member.path is not None)
    return KeyedStatistic(name="categories", counts=dict(counts), bins="paths of the tree, released above a threshold")


def price_values(members: Iterable[Family], paths: Sequence[Path3]) -> Values:
    """Full prices of the designs in the listed categories."""
    known = set(paths)
    numbers = tuple(m.full_price for m in members if m.full_price is not None and m.path in known)
    bins = "price points 1, 1.5, 2, 3, 5, 7 and their tenfolds: public"
    return Values(name="price scale", numbers=numbers, candidates=_LOW_PRICES, bins=bins)


def category_by_price(members: Iterable[Family], paths: Sequence[Path3], edges: Sequence[float]) -> Statistic:
    """Designs by category and price bin, row by row; one of the listed categories and one bin for each family."""
    number = {path: index for index, path in enumerate(paths)}
    table = np.zeros((len(paths), len(edges) + 1), np.int64)
    for member in members:
        if member.path in number and member.full_price is not None:
            table[number[member.path], int(np.searchsorted(edges, member.full_price, side="right"))] += 1
    bins = f"the listed categories x {len(edges) + 1} price bins between released quantiles"
    return Statistic(name="categories by price", counts=tuple(table.ravel().tolist()), bins=bins)


def cell_counts(name: str, cells: Sequence[str], found: Iterable[str | None], bins: str) -> Statistic:
    """How many families lie in each cell; what is None or in no cell is not counted."""
    counts = Counter(found)
    return Statistic(name=name, counts=tuple(counts[cell] for cell in cells), bins=bins)


def materials(members: Iterable[Family]) -> Statistic:
    """Designs by the first material word of their title."""
    found = (first_known(member.words, MATERIAL_WORDS) for member in members)
    return cell_counts("materials", MATERIALS, found, "what the renderer draws, by words of a public list")


def patterns(members: Iterable[Family]) -> Statistic:
    """Designs by the first pattern word of their title; plain for none."""
    found = (first_known(member.words, PATTERN_WORDS) or "plain" for member in members)
    return cell_counts("patterns", PATTERNS, found, "what the renderer draws, by words of a public list")


def colours(members: Iterable[Family]) -> Statistic:
    """Designs by the colour of their first row."""
    found = (member.colour for member in members)
    return cell_counts("colours", tuple(PALETTE), found, f"{len(PALETTE)} named colours: public")


def discounts(members: Iterable[Family]) -> Statistic:
    """Designs by the reduction of their first row."""
    cells = tuple(str(percent) for percent in (0, *PERCENTS))
    bins = "none, or the nearest of 10, 20 ... 70 percent: public"
    return cell_counts("discounts", cells, (str(member.reduced) for member in members), bins)


def navigation(members: Iterable[Family], labels: Sequence[str]) -> Statistic:
    """Designs by the navigation label of their first row; the first cell is a real leaf, the last another label."""
    cells = ("", *labels, "other")
    found = ("" if m.label is None else m.label if m.label in labels else "other" for m in members)
    return cell_counts("navigation labels", cells, found, "a real leaf, or one of the listed labels: public")


def colourways(members: Iterable[Family]) -> Statistic:
    """Designs of one colour, and designs of more."""
    found = ("one" if member.size == 1 else "more" for member in members)
    return cell_counts("colourways of a design", ("one", "more"), found, "one colour, or more: public")


def labels_in(members: Iterable[Family], min_support: int) -> tuple[str, ...]:
    """The navigation labels that enough families stand under. Looks at the rows: not for a private fit."""
    counts = Counter(member.label for member in members if member.label is not None)
    return tuple(label for label, count in sorted(counts.items()) if count >= min_support)


def colour_of(product: Product) -> str | None:
    """The public name of a product's colour: the first colour word of its title, else the picture's centre."""
    named = first_known(words_of(product.title or ""), COLOUR_WORDS)
    if named is not None or product.image is None:
        return named
    return picture_colour(product.image)


def picture_colour(picture: bytes) -> str | None:
    """The palette colour nearest (in CIELAB) to the median of the middle of a picture, its background left out.

    The background is what resembles the median of the border; None where nothing else is in the middle.
    """
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            pixels = np.asarray(opened.convert("RGB").resize((48, 48)), np.float64) / 255
    except (*BROKEN_PICTURE, Image.DecompressionBombError) as error:
        # which one is not said: a private fit may not tell
        raise ToileError("a picture", "is broken", "import the rows again; `toile import` lists broken ones") from error
    lab = _lab(pixels)
    border = np.concatenate([lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3), lab[:, :3].reshape(-1, 3)])
    middle = lab[12:36, 12:36].reshape(-1, 3)
    distinct = middle[np.linalg.norm(middle - np.median(border, axis=0), axis=1) > 12]
    if len(distinct) < 30:
        return None
    codes = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in PALETTE.values()], np.float64) / 255
    distance = np.linalg.norm(_lab(codes) - np.median(distinct, axis=0), axis=1)
    return list(PALETTE)[int(np.argmin(distance))]


def known_labels(extra: Iterable[str] = ()) -> tuple[str, ...]:
    """The labels that a private fit may name."""
    return tuple(dict.fromkeys((MISSING_LABEL, *NAVIGATION, *extra)))


def weights_of(statistic: Statistic, cells: Sequence[str], counts: Sequence[int], least: float) -> Mapping[str, int]:
    """The cells that hold at least so many."""
    assert len(cells) == len(counts) == len(statistic.counts), statistic.name
    return {cell: count for cell, count in zip(cells, counts, strict=True) if count >= max(least, 1)}


def _family(first: Product, leaf: Product | None, colour: str | None, size: int, currency: str) -> Family:
    shown = leaf or first
    in_currency = shown.currency_code in (None, currency)
    full, eur = shown.full_price, shown.full_price_eur
    return Family(
        path=_path(shown),
        full_price=full if in_currency else None,
        reduced=_reduced(first),
        label=None if first.inferable else (first.category3_code or MISSING_LABEL),
        size=min(size, LONGEST_FAMILY),
        words=tuple(words_of(shown.title or "")),
        colour=colour,
        eur_rate=eur / full if in_currency and eur and full else None,
    )


def _path(row: Product) -> Path3 | None:
    if not row.inferable or not row.category3_code or any(ord(char) < 32 for char in row.category3_code):
        return None
    first, second = (" ".join((name or "ALL").replace(",", " &").split()) for name in _parents(row))
    return first or "ALL", second or "ALL", " ".join(row.category3_code.replace(",", " &").split()) or "ALL"


def _parents(row: Product) -> tuple[str | None, str | None]:
    return row.category1_code, row.category2_code


def _reduced(row: Product) -> int:
    if not row.full_price or row.price is None or row.price >= row.full_price:
        return 0
    percent = 100 * (1 - row.price / row.full_price)
    return min(PERCENTS, key=lambda each: abs(each - percent))


def _without_picture(row: Product) -> Product:
    values = {name: getattr(row, name) for name in COLUMNS if name != "image"}
    return Product(**values)


def _lab(rgb: Floats) -> Floats:
    """CIELAB (D65) of sRGB in 0..1, by the formulas of CIE 15 and IEC 61966-2-1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lab: Floats = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )
    return lab
