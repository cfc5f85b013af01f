"""A page as a tree of elements, to test its structure: tables with their cells, bars, headings."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "input", "hr"}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = ET.Element("page")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = ET.SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ET.SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open[-1].tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        inside = self.open[-1]
        if len(inside):
            inside[-1].tail = (inside[-1].tail or "") + data
        else:
            inside.text = (inside.text or "") + data


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its element, its caption, its header cells, and the cells of its body."""

    element: ET.Element
    caption: str
    head: list[ET.Element]
    rows: list[list[ET.Element]]

    def column(self, name: str) -> int:
        """Return the place of the column with this heading."""
        return [text(cell) for cell in self.head].index(name)


def parse(page: Path | str) -> ET.Element:
    """Return the tree of a page, given as a path or as HTML; an element that is not closed fails."""
    builder = _Builder()
    builder.feed(page.read_text(encoding="utf-8") if isinstance(page, Path) else page)
    builder.close()
    assert builder.open == [builder.root], f"<{builder.open[-1].tag}> is not closed"
    return builder.root


def text(element: ET.Element) -> str:
    """Return the text in an element with single blanks, without that of scripts."""
    return " ".join("".join(_texts(element)).split())


def tables(element: ET.Element, css_class: str | None = None) -> list[Table]:
    """Return the tables below an element, of one class where it is given."""
    return [
        Table(
            element=table,
            caption="".join(text(caption) for caption in table.iter("caption")),
            head=[cell for head in table.iter("thead") for row in head.iter("tr") for cell in row],
            rows=[list(row) for body in table.iter("tbody") for row in body.iter("tr")],
        )
        for table in element.iter("table")
        if css_class is None or css_class in table.get("class", "").split()
    ]


def bars(element: ET.Element) -> list[tuple[str, float, float | None, float | None]]:
    """Return class, value and interval of the bars below an element, in percent."""
    found = []
    for svg in (each for each in element.iter("svg") if each.get("class", "").startswith("share")):
        value = next((_percent(rect.get("width")) for rect in svg.iter("rect") if rect.get("class") == "value"), 0.0)
        line = next((each for each in svg.iter("line") if each.get("class") == "interval"), None)
        low, high = (None, None) if line is None else (_percent(line.get("x1")), _percent(line.get("x2")))
        found.append((svg.get("class", "").removeprefix("share "), value, low, high))
    return found


def _percent(value: str | None) -> float:
    assert value is not None
    assert value.endswith("%")
    return float(value[:-1])


def _texts(element: ET.Element) -> list[str]:
    if element.tag in {"script", "style"}:
        return [element.tail or ""]
    inner = [part for child in element for part in _texts(child)]
    space = " " if element.tag in {"td", "th", "p", "div", "li", "small", "dt", "dd", "br"} else ""
    return [space, element.text or "", *inner, space, element.tail or ""]
