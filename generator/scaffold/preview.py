"""The content of `toile check`: sample products, expected category shares and price ranges, tables, images.

from generator.scaffold.preview import kind_stats, sample_products
from schemas import load

spec = load("demo", "catalog")
for number, product in sample_products(spec, seed=0):
    print(number, product.title, product.full_price)
print(kind_stats(spec, seed=0)[0].median)
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from babel import Locale
from babel.numbers import format_currency
from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from generator.sampling.prices import sample_full_prices
from generator.sampling.products import compile_catalog, family_start, row_shares, rows, sample_kinds, sample_values
from generator.sampling.streams import integers
from schemas.catalog import MISSING_LABEL, CatalogSpec, list_kinds, rendered_attribute
from schemas.errors import ToileError, json_path
from schemas.markets import MARKETS
from schemas.product import Product, from_batch
from schemas.util.console import strip_control_chars
from schemas.util.files import storage_errors

HALF_BLOCK = "\u2580"
"""The upper half of a cell has the foreground colour, the lower half the background colour: two pixels per cell."""

_NUM_SHOWN = 8
_NUM_CANDIDATES = 400
"""The products shown are chosen among so many."""
_NUM_PRICES = 20_000
"""Sampled prices for the price ranges, all categories together."""
_MIN_PRICES_PER_KIND = 400
"""With 400 prices, the 5th percentile is mostly between the true 3rd and 7th percentiles."""
_PIPED_WIDTH = 120
"""Columns of the tables where no terminal gives its width."""
_MIN_EDGE = 24
"""Smallest useful width of an image in a terminal, in pixels."""
_NO_GLYPH = "\uffff"
_WIDE_YEN, _YEN = "\uffe5", "\u00a5"

NumberedProducts = Sequence[tuple[int, Product]]


# -- statistics of a spec ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KindStats:
    """Expected share and price range of one kind of products."""

    path: tuple[str, ...]
    silhouette: str
    share: float
    """Expected share of all products, of those that show their leaf category, exact."""
    low: float
    """5th percentile of its full prices."""
    median: float
    high: float
    """95th percentile."""


def check_renderable(spec: CatalogSpec, where: str) -> None:
    """Raise a ToileError for a kind without a material: its rows can be sampled, its images not rendered."""
    for kind in list_kinds(spec):
        drawn = {rendered_attribute(name, spec.attributes[name]) for name in kind.attributes}
        if "material" not in drawn:
            at, hint = json_path(where, [*kind.at, "attributes"]), "list the attribute that draws `material`"
            raise ToileError(at, f"no material, without which no {kind.silhouette} can be rendered", hint)


def sample_products(spec: CatalogSpec, seed: int) -> list[tuple[int, Product]]:
    """Return eight products with their indices: the first of each kind, then the first of further designs."""
    index_N = np.arange(_NUM_CANDIDATES)
    catalog = compile_catalog(spec)
    design_N = family_start(spec, seed, index_N)
    kind_N = sample_kinds(catalog, seed, design_N)
    first_N = np.flatnonzero(design_N == index_N)
    new = [int(first_N[k]) for k in np.sort(np.unique(kind_N[first_N], return_index=True)[1])]
    others = [number for number in first_N.tolist() if number not in new]
    numbers = sorted([*new, *others][:_NUM_SHOWN])
    return list(zip(numbers, from_batch(rows(spec, seed, np.array(numbers))), strict=True))


def kind_stats(spec: CatalogSpec, seed: int) -> list[KindStats]:
    """Return shares (exact) and price ranges (sampled) of all kinds of products.

    Rare kinds get as many sampled prices as common ones: designs are sampled anywhere in an unlimited catalog, with
    uniformly distributed kinds, and the first product of each counts.
    """
    spec = replace(spec, distinct_titles=0.0)  # the titles of designs anywhere would need all designs before them
    catalog, kinds = compile_catalog(spec), list_kinds(spec)
    num = len(kinds)
    design_N = integers(seed, "check/number", np.arange(max(_NUM_PRICES, _MIN_PRICES_PER_KIND * num)))
    kind_N = integers(seed, "check/category", design_N) % num
    chosen = sample_values(catalog, seed, design_N, design_N, kind_N)
    prices_N = sample_full_prices(catalog.prices, seed, kind_N, chosen, design_N)
    found = []
    for number, (kind, share) in enumerate(zip(kinds, row_shares(catalog).tolist(), strict=True)):
        low, middle, high = np.percentile(prices_N[kind_N == number], [5, 50, 95], method="nearest").tolist()
        found.append(
            KindStats(
                path=kind.path,
                silhouette=kind.silhouette,
                share=share * (1 - spec.navigation.share),
                low=low,
                median=middle,
                high=high,
            )
        )
    return found


def label_shares(spec: CatalogSpec) -> dict[str, float]:
    """Return the expected share of all products for each navigation label; N.A. is a missing leaf category."""
    total = sum(spec.navigation.labels.values())
    shares = {label: spec.navigation.share * w / total for label, w in spec.navigation.labels.items()}
    return {label: share for label, share in shares.items() if share > 0}


def to_document(spec: CatalogSpec, shown: NumberedProducts, categories: Sequence[KindStats]) -> dict[str, Any]:
    """Return everything as one JSON document (`toile check --json`)."""
    return {
        "name": spec.name,
        "market": spec.shop.market,
        "currency_code": spec.shop.currency_code,
        "attributes": {name: list(attribute.values) for name, attribute in spec.attributes.items()},
        "extra": {name: column.provider or column.attribute for name, column in spec.extra.items()},
        "products": [
            {
                "number": number,
                "title": product.title,
                "category": product.category3_code,
                "full_price": product.full_price,
                "price": product.price,
                "choices": _choices(product),
            }
            for number, product in shown
        ],
        "categories": [asdict(each) for each in categories],
        "labels": label_shares(spec),
    }


def _choices(product: Product) -> dict[str, str]:
    """Return attribute name -> value of a product, as the spec spells them."""
    found: dict[str, str] = dict((product.attributes or {}).get("choices", {}))
    return found


# -- prices as text ----------------------------------------------------------------------------------------------------


_CODE_FORMAT = "¤¤ #,##0.00"
"""USD 17.50, with as many decimals as the currency has."""


def format_price(price: float, currency: str, market: str | None = None) -> str:
    """Return a price as people of `market` write it, such as 1.290,00 € or ₹1,29,999; American form by default.

    The formats are those of the Unicode CLDR (via Babel); the market decides whether a whole price shows its two zero
    decimals. For tables and images only: rows and answers hold plain numbers.
    """
    habits = MARKETS[market or "US"]
    pattern: str = Locale.parse(habits.locale).currency_formats["standard"].pattern
    if price == int(price) and not habits.writes_zero_cents:
        text = format_currency(price, currency, pattern.replace(".00", ""), locale=habits.locale, currency_digits=False)
    else:
        text = format_currency(price, currency, pattern, locale=habits.locale)
    text = re.sub(r"([^\W\d_])(?=\d)", "\\1\u00a0", str(text))  # KWD 2.500: the pattern of the locale has no space
    return text.replace(_WIDE_YEN, _YEN)  # few fonts have the wide sign


def _spec_price(spec: CatalogSpec, amount: float | None) -> str:
    return format_price(amount or 0.0, spec.shop.currency_code, spec.shop.market)


# -- terminal ----------------------------------------------------------------------------------------------------------


def make_console(columns: str | None) -> Console:
    """Return the console for the tables; `columns` is the environment variable COLUMNS."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal and not columns:
        console.width = _PIPED_WIDTH
    return console


def supports_images(console: Console) -> bool:
    """Return whether the console is a terminal with at least 256 colours, and NO_COLOR is not set."""
    return console.is_terminal and not console.no_color and console.color_system in {"256", "truecolor", "windows"}


def print_summary(console: Console, spec: CatalogSpec) -> None:
    """Print one line about the whole spec."""
    market = f"market {spec.shop.market}, " if spec.shop.market else ""
    attributes = ", ".join(spec.attributes)
    extra = f"; extra columns: {', '.join(spec.extra)}" if spec.extra else ""
    many = f"{len(spec.categories)} categories" if len(spec.categories) > 1 else "1 category"
    console.print(f"{spec.name}: valid; {market}{spec.shop.currency_code}, {many}; attributes: {attributes}{extra}")


def print_products(console: Console, spec: CatalogSpec, shown: NumberedProducts) -> None:
    """Print the table of sample products, numbered from 1 as the images are."""
    table = Table(
        Column("", justify="right", no_wrap=True),
        Column("title", ratio=5, overflow="fold"),
        Column("category", ratio=3, overflow="fold"),
        Column("price", justify="right", no_wrap=True),
        Column("attributes", ratio=5, overflow="fold"),
        expand=True,
    )
    for number, (_, product) in enumerate(shown, 1):
        values = ", ".join(value for value in _choices(product).values() if value not in {"none", "plain"})
        category = Text(strip_control_chars(product.category3_code or "(missing)"))
        title = Text(strip_control_chars(product.title or ""))
        table.add_row(str(number), title, category, _spec_price(spec, product.price), Text(values))
    console.print(table)


def print_categories(console: Console, spec: CatalogSpec, categories: Sequence[KindStats]) -> None:
    """Print share and price range of each category, then the navigation labels."""
    names = ("5 % below", "median", "5 % above")
    prices = (Column(name, justify="right", no_wrap=True) for name in names)
    table = Table(
        Column("category", overflow="fold"), "garment type", Column("share", justify="right", no_wrap=True), *prices
    )
    for each in categories:
        amounts = (_spec_price(spec, amount) for amount in (each.low, each.median, each.high))
        path = " > ".join(name for name in each.path if name != MISSING_LABEL)
        table.add_row(Text(strip_control_chars(path)), each.silhouette, f"{each.share:.1%}", *amounts)
    for label, share in label_shares(spec).items():
        table.add_row(Text(strip_control_chars(f"({label})")), "any", f"{share:.1%}", "", "", "")
    console.print(table)


def print_images(console: Console, images: Sequence[Image.Image]) -> None:
    """Print the images across the width of the terminal, numbered as in the table of products."""
    for line in half_block_lines(images, console.width):
        console.print(Segments([*line, Segment.line()]), end="", soft_wrap=True)


def half_block_lines(images: Sequence[Image.Image], width: int) -> Iterator[list[Segment]]:
    """Yield lines of at most `width` cells that show each image above its number (from 1).

    There are eight images in a row where each gets at least 24 pixels, else four, else two.
    """
    columns = next((n for n in (8, 4) if (width + 1) // n - 1 >= _MIN_EDGE or n == 4 <= width // 12), 2)
    edge = max(2, (width + 1) // columns - 1)
    for first in range(0, len(images), columns):
        row = images[first : first + columns]
        yield from _half_blocks(row, edge)
        numbers = [str(first + number).center(edge) for number in range(1, len(row) + 1)]
        yield [Segment(" ".join(numbers))]


def _half_blocks(images: Sequence[Image.Image], edge: int) -> Iterator[list[Segment]]:
    """Yield one row of images, separated by a column of spaces, each `edge` cells wide and half as many high."""
    height = edge + edge % 2
    pixels = [list(image.resize((edge, height), Image.Resampling.BOX).getdata()) for image in images]
    for y in range(0, height, 2):
        line: list[Segment] = []
        for number, colours in enumerate(pixels):
            upper, lower = colours[y * edge : (y + 1) * edge], colours[(y + 1) * edge : (y + 2) * edge]
            if number:
                line.append(Segment(" "))
            line += [Segment(HALF_BLOCK, _style(*pair)) for pair in zip(upper, lower, strict=True)]
        yield line


@lru_cache(maxsize=100_000)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


# -- contact sheet -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An image and the two lines of its caption."""

    image: Image.Image
    title: str
    subtitle: str


def check_sheet(file: Path) -> None:
    """Raise a ToileError for a file name that is not that of a JPEG or PNG image."""
    if file.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise ToileError(str(file), "is no JPEG or PNG file", "name it sheet.jpg")


def write_sheet(file: Path, spec: CatalogSpec, shown: NumberedProducts, images: Sequence[Image.Image]) -> None:
    """Write the images with titles and prices as one JPEG or PNG file.

    The built-in font has few letters beyond ASCII. A title that it cannot write is replaced by the words of the
    product's URL, a price by the one with the currency code.
    """
    cards = [
        Card(image=image, title=_title(product), subtitle=_subtitle(spec, product))
        for image, (_, product) in zip(images, shown, strict=True)
    ]
    with storage_errors(file):
        contact_sheet(cards, columns=4).save(file, quality=90)


def contact_sheet(cards: Sequence[Card], *, columns: int) -> Image.Image:
    """Return the cards in rows on white, images at their own size; captions that are too wide are truncated."""
    edge = cards[0].image.width
    title_size, subtitle_size, margin = max(9, round(edge / 20)), max(8, edge // 24), edge // 33
    caption = 2 * title_size + subtitle_size + margin
    num_rows = -(-len(cards) // columns)
    sheet = Image.new("RGB", (columns * edge, num_rows * (edge + caption)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, card in enumerate(cards):
        x, y = number % columns * edge, number // columns * (edge + caption)
        sheet.paste(card.image, (x, y))
        left, top, room = x + margin, y + edge + title_size // 2, edge - 2 * margin
        pen.text((left, top), _truncate(card.title, title_size, room), "#222222", _font(title_size))
        below = top + title_size * 7 // 5
        pen.text((left, below), _truncate(card.subtitle, subtitle_size, room), "#777777", _font(subtitle_size))
    return sheet


def font_supports(text: str) -> bool:
    """Return whether Pillow's built-in font has all letters of the text."""
    font = _font(12)
    missing = bytes(font.getmask(_NO_GLYPH))
    return all(letter == " " or bytes(font.getmask(letter)) != missing for letter in set(text))


def _title(product: Product) -> str:
    title = product.title or ""
    if font_supports(title):
        return title
    return (product.itemurl or "").rpartition("/")[2].rpartition("-p")[0].replace("-", " ")


def _subtitle(spec: CatalogSpec, product: Product) -> str:
    category = product.category3_code or ""
    price = _spec_price(spec, product.price)
    if not font_supports(price):
        price = format_currency(product.price or 0.0, spec.shop.currency_code, _CODE_FORMAT, locale="en_US")
    return f"{category}   {price}" if font_supports(category) else price


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _truncate(text: str, size: int, room: int) -> str:
    """Return as much of the text as fits into `room` pixels, with three dots where something is missing."""
    font = _font(size)
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}...") > room:
        text = text[:-1]
    return f"{text}..."
