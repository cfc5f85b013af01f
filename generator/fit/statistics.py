"""Count product families: the statistics that `toile fit` releases.

Every statistic counts one representative of each family, its first row by product code. One family therefore changes
one count by one. The cells are fixed in advance, so no row decides which cells exist. The names of categories are the
exception; they are released above a threshold.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator.fit.mechanisms import CategoryPath, KeyedStatistic, QuantileStatistic, Statistic
from generator.fit.vocabulary import (
    COLOUR_WORDS,
    MATERIAL_WORDS,
    PALETTE,
    PATTERN_WORDS,
    find_first,
    split_words,
)
from generator.sampling.streams import Floats
from schemas.appearance import MATERIALS, PATTERNS
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS
from schemas.errors import ToileError
from schemas.images import BadImageError, decode_rgb
from schemas.product import COLUMNS, Product, read

MAX_FAMILY_SIZE = 64
"""Larger families count as this many colourways; no spec may have more."""
PERCENTS = (10, 20, 30, 40, 50, 60, 70)
_PRICE_CANDIDATES = tuple(step * 10.0**power for power in range(-1, 8) for step in (1, 1.5, 2, 3, 5, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is counted of one product family."""

    path: CategoryPath | None
    """Of its first inferable row (a leaf category that an image can show); None if it has none."""
    full_price: float | None
    """Of that row, in the currency of the fit."""
    discount_percent: int
    """Discount of its first row, rounded to ten percent; 0 for none."""
    label: str | None
    """The navigation label of its first row (N.A. if the category is missing); None for a real category."""
    num_colourways: int
    """Rows of the family, at most `MAX_FAMILY_SIZE`."""
    words: tuple[str, ...]
    """Words of the title of the row that `path` is from."""
    colour: str | None
    """A name of the public palette, from the title or else from the image."""
    eur_rate: float | None


def read_families(folder: Path, currency: str, *, images: bool) -> tuple[list[Family], int]:
    """Read the families of the train split, sorted by family name. Returns them and the number of rows."""
    columns = COLUMNS if images else tuple(name for name in COLUMNS if name != "image")
    groups: dict[str, tuple[Product, Product | None, str | None, int]] = {}
    num_rows = 0
    for row in read(folder, split="train", columns=columns):
        num_rows += 1
        first, inferable, colour, size = groups.get(row.family, (row, None, None, 0))
        is_first = size == 0 or row.product_code < first.product_code
        if _path(row) is not None and (inferable is None or row.product_code < inferable.product_code):
            inferable = _drop_image(row)
        if is_first:
            first, colour = _drop_image(row), detect_colour(row)
        groups[row.family] = first, inferable, colour, size + 1
    return [_family(*group, currency) for _, group in sorted(groups.items())], num_rows


def count_categories(members: Iterable[Family]) -> KeyedStatistic:
    """Count families by the path of their category."""
    counts = Counter(member.path for member in members if member.path is not None)
    return KeyedStatistic(name="categories", counts=dict(counts), bins="paths of the tree, released above a threshold")


def collect_prices(members: Iterable[Family], paths: Sequence[CategoryPath]) -> QuantileStatistic:
    """Collect the full prices of the families in the listed categories."""
    known = set(paths)
    numbers = tuple(m.full_price for m in members if m.full_price is not None and m.path in known)
    bins = "price points 1, 1.5, 2, 3, 5, 7 and their tenfolds: public"
    return QuantileStatistic(name="price scale", numbers=numbers, candidates=_PRICE_CANDIDATES, bins=bins)


def count_categories_by_price(
    members: Iterable[Family], paths: Sequence[CategoryPath], edges: Sequence[float]
) -> Statistic:
    """Count families by category and price bin, in row-major order. `edges` are the inner bin edges."""
    number = {path: index for index, path in enumerate(paths)}
    table = np.zeros((len(paths), len(edges) + 1), np.int64)
    for member in members:
        if member.path in number and member.full_price is not None:
            table[number[member.path], int(np.searchsorted(edges, member.full_price, side="right"))] += 1
    bins = f"the listed categories x {len(edges) + 1} price bins between released quantiles"
    return Statistic(name="categories by price", counts=tuple(table.ravel().tolist()), bins=bins)


def count_cells(name: str, cells: Sequence[str], found: Iterable[str | None], bins: str) -> Statistic:
    """Count the families in each cell; None and values in no cell are not counted."""
    counts = Counter(found)
    return Statistic(name=name, counts=tuple(counts[cell] for cell in cells), bins=bins)


def count_materials(members: Iterable[Family]) -> Statistic:
    """Count families by the first material word of their title."""
    found = (find_first(member.words, MATERIAL_WORDS) for member in members)
    return count_cells("materials", MATERIALS, found, "what the renderer draws, by words of a public list")


def count_patterns(members: Iterable[Family]) -> Statistic:
    """Count families by the first pattern word of their title; plain for none."""
    found = (find_first(member.words, PATTERN_WORDS) or "plain" for member in members)
    return count_cells("patterns", PATTERNS, found, "what the renderer draws, by words of a public list")


def count_colours(members: Iterable[Family]) -> Statistic:
    """Count families by the colour of their first row."""
    found = (member.colour for member in members)
    return count_cells("colours", tuple(PALETTE), found, f"{len(PALETTE)} named colours: public")


def count_discounts(members: Iterable[Family]) -> Statistic:
    """Count families by the discount of their first row."""
    cells = tuple(str(percent) for percent in (0, *PERCENTS))
    bins = "none, or the nearest of 10, 20 ... 70 percent: public"
    return count_cells("discounts", cells, (str(member.discount_percent) for member in members), bins)


def count_navigation_labels(members: Iterable[Family], labels: Sequence[str]) -> Statistic:
    """Count families by the navigation label of their first row.

    The first cell counts families with a real category, the last cell families with a label that is not listed.
    """
    cells = ("", *labels, "other")
    found = ("" if m.label is None else m.label if m.label in labels else "other" for m in members)
    return count_cells("navigation labels", cells, found, "a real leaf, or one of the listed labels: public")


def count_colourways(members: Iterable[Family]) -> Statistic:
    """Count families of one colourway, and families of several."""
    found = ("one" if member.num_colourways == 1 else "more" for member in members)
    return count_cells("colourways of a design", ("one", "more"), found, "one colour, or more: public")


def find_common_labels(members: Iterable[Family], min_support: int) -> tuple[str, ...]:
    """Return the navigation labels of at least `min_support` families. Reads the rows: not for a private fit."""
    counts = Counter(member.label for member in members if member.label is not None)
    return tuple(label for label, count in sorted(counts.items()) if count >= min_support)


def detect_colour(product: Product) -> str | None:
    """Return the palette name of a product's colour: the first colour word of its title, else the image's centre."""
    named = find_first(split_words(product.title or ""), COLOUR_WORDS)
    if named is not None or product.image is None:
        return named
    return detect_image_colour(product.image)


def detect_image_colour(image: bytes) -> str | None:
    """Return the palette colour nearest (in CIELAB) to the median colour of an image's centre without its background.

    Pixels that resemble the median of the border are background. Returns None if the centre has nothing else. Raises
    ToileError if the image does not decode.
    """
    try:
        pixels = np.asarray(decode_rgb(image).resize((48, 48)), np.float64) / 255
    except BadImageError as error:
        # the message names no product: that would not be private
        raise ToileError(
            "an image", "is broken", "import the rows again; `toile import` lists broken images"
        ) from error
    lab = _to_lab(pixels)
    border = np.concatenate([lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3), lab[:, :3].reshape(-1, 3)])
    middle = lab[12:36, 12:36].reshape(-1, 3)
    distinct = middle[np.linalg.norm(middle - np.median(border, axis=0), axis=1) > 12]
    if len(distinct) < 30:
        return None
    codes = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in PALETTE.values()], np.float64) / 255
    distance = np.linalg.norm(_to_lab(codes) - np.median(distinct, axis=0), axis=1)
    return list(PALETTE)[int(np.argmin(distance))]


def list_public_labels(extra: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the labels that a private fit may name."""
    return tuple(dict.fromkeys((MISSING_LABEL, *NAVIGATION_LABELS, *extra)))


def keep_large_cells(
    statistic: Statistic, cells: Sequence[str], counts: Sequence[int], least: float
) -> Mapping[str, int]:
    """Return the cells with a count of at least `least`."""
    assert len(cells) == len(counts) == len(statistic.counts), statistic.name
    return {cell: count for cell, count in zip(cells, counts, strict=True) if count >= max(least, 1)}


def _family(first: Product, inferable: Product | None, colour: str | None, size: int, currency: str) -> Family:
    shown = inferable or first
    in_currency = shown.currency_code in (None, currency)
    full, eur = shown.full_price, shown.full_price_eur
    return Family(
        path=_path(shown),
        full_price=full if in_currency else None,
        discount_percent=_discount_percent(first),
        label=None if first.inferable else (first.category3_code or MISSING_LABEL),
        num_colourways=min(size, MAX_FAMILY_SIZE),
        words=tuple(split_words(shown.title or "")),
        colour=colour,
        eur_rate=eur / full if in_currency and eur and full else None,
    )


def _path(row: Product) -> CategoryPath | None:
    if not row.inferable or not row.category3_code or any(ord(char) < 32 for char in row.category3_code):
        return None
    first, second = (" ".join((name or "ALL").replace(",", " &").split()) for name in _parents(row))
    return first or "ALL", second or "ALL", " ".join(row.category3_code.replace(",", " &").split()) or "ALL"


def _parents(row: Product) -> tuple[str | None, str | None]:
    return row.category1_code, row.category2_code


def _discount_percent(row: Product) -> int:
    if not row.full_price or row.price is None or row.price >= row.full_price:
        return 0
    percent = 100 * (1 - row.price / row.full_price)
    return min(PERCENTS, key=lambda each: abs(each - percent))


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
