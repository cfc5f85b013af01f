"""`toile check` in a terminal or a file: the figures of a spec as tables, its products as small pictures."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.segment import Segment, Segments
from rich.table import Column, Table
from rich.text import Text

from generator.scaffold.contact_sheet import Card, can_be_written, contact_sheet, terminal_sheet
from generator.scaffold.preview import CategoryFigures, choices, label_shares, leaf_name
from generator.scaffold.price_text import price_text
from schemas.catalog import CatalogSpec
from schemas.product import Product
from schemas.util.console import strip_control_chars
from schemas.util.files import storage_errors

_PIPED_WIDTH = 120
"""Columns of the tables where no terminal says how wide it is."""

Shown = Sequence[tuple[int, Product]]


def console_of(columns: str | None) -> Console:
    """The one to print on; `columns` is what the environment says of its width."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal and not columns:
        console.width = _PIPED_WIDTH
    return console


def has_colour(console: Console) -> bool:
    """Whether pictures can be shown: a terminal with at least 256 colours, and no wish for none."""
    return console.is_terminal and not console.no_color and console.color_system in {"256", "truecolor", "windows"}


def print_summary(console: Console, spec: CatalogSpec) -> None:
    """One line on the spec as a whole."""
    market = f"market {spec.shop.market}, " if spec.shop.market else ""
    attributes = ", ".join(spec.attributes)
    extra = f"; extra columns: {', '.join(spec.extra)}" if spec.extra else ""
    many = f"{len(spec.categories)} categories" if len(spec.categories) > 1 else "1 category"
    console.print(f"{spec.name}: valid; {market}{spec.shop.currency_code}, {many}; attributes: {attributes}{extra}")


def print_pictures(console: Console, pictures: Sequence[Image.Image]) -> None:
    """The pictures as wide as the terminal, numbered as in the table."""
    for line in terminal_sheet(pictures, console.width):
        console.print(Segments([*line, Segment.line()]), end="", soft_wrap=True)


def print_products(console: Console, spec: CatalogSpec, shown: Shown) -> None:
    """The table of products."""
    table = Table(
        Column("", justify="right", no_wrap=True),
        Column("title", ratio=5, overflow="fold"),
        Column("category", ratio=3, overflow="fold"),
        Column("price", justify="right", no_wrap=True),
        Column("what it is", ratio=5, overflow="fold"),
        expand=True,
    )
    for place, (_, product) in enumerate(shown, 1):
        having = ", ".join(value for value in choices(product).values() if value not in {"none", "plain"})
        leaf = product.category3_code or "(missing)"
        title = Text(strip_control_chars(product.title or ""))
        table.add_row(str(place), title, Text(strip_control_chars(leaf)), _price(spec, product), Text(having))
    console.print(table)


def print_categories(console: Console, spec: CatalogSpec, categories: Sequence[CategoryFigures]) -> None:
    """Share and price range of every leaf, then the labels of the site."""
    names = ("5 % below", "median", "5 % above")
    prices = (Column(name, justify="right", no_wrap=True) for name in names)
    table = Table(
        Column("category", overflow="fold"), "silhouette", Column("share", justify="right", no_wrap=True), *prices
    )
    for each in categories:
        amounts = (_text(spec, amount) for amount in (each.low, each.median, each.high))
        table.add_row(Text(strip_control_chars(leaf_name(each.path))), each.silhouette, f"{each.share:.1%}", *amounts)
    for label, share in label_shares(spec).items():
        table.add_row(Text(strip_control_chars(f"({label})")), "any", f"{share:.1%}", "", "", "")
    console.print(table)


def write_sheet(file: Path, spec: CatalogSpec, shown: Shown, pictures: Sequence[Image.Image]) -> None:
    """The pictures with titles and prices as a file of those that `check_sheet` lets pass.

    A title or price that the font at hand cannot write is shown in the words of its address, or with the currency's
    code.
    """
    cards = [
        Card(picture=picture, title=_title(product), about=_about(spec, product))
        for picture, (_, product) in zip(pictures, shown, strict=True)
    ]
    with storage_errors(file):
        contact_sheet(cards, columns=4).save(file, quality=90)


def _title(product: Product) -> str:
    title = product.title or ""
    if can_be_written(title):
        return title
    return (product.itemurl or "").rpartition("/")[2].rpartition("-p")[0].replace("-", " ")


def _about(spec: CatalogSpec, product: Product) -> str:
    leaf = product.category3_code or ""
    price = _price(spec, product)
    if not can_be_written(price):
        price = f"{product.currency_code} {product.price:,.10g}"
    return f"{leaf}   {price}" if can_be_written(leaf) else price


def _price(spec: CatalogSpec, product: Product) -> str:
    return _text(spec, product.price or 0.0)


def _text(spec: CatalogSpec, amount: float) -> str:
    return price_text(amount, spec.shop.currency_code, spec.shop.market)
