"""Small pictures side by side: as one image with captions, and as half blocks in a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

HALF_BLOCK = "\u2580"
"""The upper half of a cell in the colour of the letter, the lower in that of its ground: two pixels a cell."""
_NO_GLYPH = "\uffff"
_SMALLEST_EDGE = 24
"""Of a picture in a terminal, in pixels: with less nothing can be made out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A picture and the two lines below it."""

    picture: Image.Image
    title: str
    about: str


def contact_sheet(cards: Sequence[Card], *, columns: int) -> Image.Image:
    """The cards in rows on white, in the size of their pictures; lines that are too wide are cut."""
    edge = cards[0].picture.width
    title_size, about_size, margin = max(9, round(edge / 20)), max(8, edge // 24), edge // 33
    caption = 2 * title_size + about_size + margin
    rows = -(-len(cards) // columns)
    sheet = Image.new("RGB", (columns * edge, rows * (edge + caption)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, card in enumerate(cards):
        x, y = place % columns * edge, place // columns * (edge + caption)
        sheet.paste(card.picture, (x, y))
        left, top, room = x + margin, y + edge + title_size // 2, edge - 2 * margin
        pen.text((left, top), _cut(card.title, title_size, room), "#222222", _font(title_size))
        below = top + title_size * 7 // 5
        pen.text((left, below), _cut(card.about, about_size, room), "#777777", _font(about_size))
    return sheet


def can_be_written(text: str) -> bool:
    """Whether the font that comes with Pillow has all its letters: it has few beyond those of ASCII."""
    font = _font(12)
    missing = bytes(font.getmask(_NO_GLYPH))
    return all(letter == " " or bytes(font.getmask(letter)) != missing for letter in set(text))


def terminal_sheet(pictures: Sequence[Image.Image], width: int) -> Iterator[list[Segment]]:
    """The lines of a sheet as wide as the terminal, each picture above its number (from 1).

    Eight in a row where that leaves each at least 24 pixels, else four, else two.
    """
    columns = next((n for n in (8, 4) if (width + 1) // n - 1 >= _SMALLEST_EDGE or n == 4 <= width // 12), 2)
    edge = max(2, (width + 1) // columns - 1)
    for first in range(0, len(pictures), columns):
        row = pictures[first : first + columns]
        yield from _half_blocks(row, edge)
        numbers = [str(first + number).center(edge) for number in range(1, len(row) + 1)]
        yield [Segment(" ".join(numbers))]


def _half_blocks(pictures: Sequence[Image.Image], edge: int) -> Iterator[list[Segment]]:
    """The pictures side by side with a column between them, each `edge` cells wide and half as many high."""
    height = edge + edge % 2
    pixels = [list(picture.resize((edge, height), Image.Resampling.BOX).getdata()) for picture in pictures]
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


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _cut(text: str, size: int, room: int) -> str:
    """As much of the text as fits into so many pixels, with three dots where something is missing."""
    font = _font(size)
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}...") > room:
        text = text[:-1]
    return f"{text}..."
