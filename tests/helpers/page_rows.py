"""Rows for tests of pages, hostile and broken ones among them, and a parser of pages."""

import dataclasses
import html.parser
import json
import math
from pathlib import Path
from typing import Any

from schemas.product import Product
from tests.helpers.shard_fixture import products

HOSTILE = "</script><img src=x onerror=alert(1)><!--<script>"


def other_rows() -> list[Product]:
    """Forty rows in other categories: hostile, accented, missing and broken ones first, two currencies, two sources."""
    changes: list[dict[str, Any]] = [
        {"title": HOSTILE, "category3_code": HOSTILE, "brand": HOSTILE},
        {"title": "Crème Brûlée ROBE"},
        {"title": None},
        {"category3_code": None, "inferable": False},
        {"full_price": None},
        {"full_price": math.nan},
        {"full_price": -5.0},
        {"image": None},
        {"image": b"not an image at all"},
        {"image": b""},
        {"title": "$& {{ 7 * 7 }} ${1} \u2028 \u202e"},
        {"currency_code": "JPY", "full_price": 90000.0, "price": 45000.0},
        {"currency_code": "not a currency", "full_price": 12.5},
        {"source": "elsewhere"},
    ]
    rows = [
        dataclasses.replace(row, category1_code="WOMAN", category2_code="A/B > ~", product_code=f"9{k:07d}")
        for k, row in enumerate(products(40))
    ]
    return [dataclasses.replace(row, **change) for row, change in zip(rows, changes, strict=False)] + rows[
        len(changes) :
    ]


class PageParser(html.parser.HTMLParser):
    """Tags with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = f"{tag} {dict(attrs).get('id', '')}".strip() if tag in {"script", "style"} else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


def parse_page(page: Path) -> PageParser:
    return PageParser(page.read_text(encoding="utf-8"))


def embedded_document(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parse_page(page).texts["script toile"])
    return found
