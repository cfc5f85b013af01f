"""The question, the sentence the model learns, and the parsers that read it back: inverses, side by side.

The wording is that of the published walk-through for DBQ/Burberry.Product.prices.United.States.
"""

import json
import math
import re
from dataclasses import dataclass

QUESTION = "What is shown in this image?"
PROMPT = f"<|user|>\n<|image_1|>\n{QUESTION}<|end|>\n<|assistant|>\n"

_PLAIN_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"
_STRICT = re.compile(
    rf"Product: (?P<title>.*), Category: (?P<category>[^,]*), Full Price: (?P<price>{_PLAIN_NUMBER})", re.DOTALL
)
_LABELS = r"(?:product(?:\s+name)?|title|name|category|type|full\s+price|price)"
_FIELDS = {
    "title": r"(?:product(?:\s+name)?|title|name)",
    "category": r"(?:category|type)",
    "price": r"(?:full\s+price|price)",
}
_JSON_KEYS = {
    "title": ("title", "product", "name", "product_name"),
    "category": ("category", "category3_code", "type"),
    "price": ("full_price", "price", "full price"),
}
_NUMBER = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d[\d.,']*\d|\d")
_MINUS_BEFORE = re.compile(r"[-\u2212]\s*(?:[A-Za-z]{3}|[^\w\s])?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was understood of one answer; a field is None when it is absent or unreadable, never guessed."""

    title: str | None
    category: str | None
    price: float | None
    """Full price in the catalog's currency; finite and > 0."""
    strict: bool
    """True when the whole text has exactly the training form."""
    problems: tuple[str, ...] = ()
    """Reason codes: `title:missing`, `category:missing`, `price:missing`, `price:unreadable`, `price:not-positive`."""


def render(title: str, category: str, full_price: float) -> str:
    """The sentence to learn. The category must hold no comma (the border replaces them), the title any character."""
    assert "," not in category, category
    return f"Product: {title}, Category: {category}, Full Price: {float(full_price)!r}"


def parse(text: str) -> Answer:
    """Read an answer: the exact training form first, else JSON, else `key: value` pieces in any order and case.

    Policy: the first match of a field counts; surrounding quotes, asterisks and white space are removed from tolerant
    matches only; a comma ends a tolerant category, for no category holds one. `parse(render(t, c, p))` gives back
    exactly t, c and p, whatever characters t holds.
    """
    match = _STRICT.fullmatch(text)
    if match:
        price, _ = _positive(match["price"])
        if price is not None:
            return Answer(title=match["title"], category=match["category"], price=price, strict=True)
    found = _from_json(text) or _from_labels(text)
    price, price_problem = _price(found["price"])
    problems = [f"{name}:missing" for name in ("title", "category") if not found[name]]
    return Answer(
        title=found["title"] or None,
        category=found["category"] or None,
        price=price,
        strict=False,
        problems=(*problems, *([f"price:{price_problem}"] if price_problem else [])),
    )


def _positive(text: str) -> tuple[float | None, str | None]:
    try:
        value = float(text)
    except ValueError:
        return None, "unreadable"
    if not math.isfinite(value):
        return None, "unreadable"
    return (value, None) if value > 0 else (None, "not-positive")


def _from_json(text: str) -> dict[str, str | None] | None:
    start, end = text.find("{"), text.rfind("}")
    if not 0 <= start < end:
        return None
    try:
        document = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    lowered = {str(key).lower(): value for key, value in document.items() if not isinstance(value, dict | list)}

    def first(names: tuple[str, ...]) -> str | None:
        return next((str(lowered[name]) for name in names if lowered.get(name) is not None), None)

    found = {field: first(names) for field, names in _JSON_KEYS.items()}
    return found if any(found.values()) else None


def _from_labels(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for field, label in _FIELDS.items():
        pattern = rf"\b{label}\*{{0,3}}\s*[:=]\s*(?P<value>.*?)\s*(?=$|\n|;|,\s*\*{{0,3}}{_LABELS}\*{{0,3}}\s*[:=])"
        match = re.search(pattern, text, re.IGNORECASE)
        value = match["value"] if match else None
        if value and field == "category":
            value = value.partition(",")[0]
        found[field] = value.strip().strip("\"'*`").strip() if value is not None else None
    return found


def _price(text: str | None) -> tuple[float | None, str | None]:
    """The first number, with currency signs and separators: 1,290.00, 1.290,00 and 1 290 are 1290; 1.290 alone is 1.29.

    Spaces join only groups of three digits. A minus sign before the number makes it not-positive; dots or commas that
    separate anything but thousands and one decimal part make it unreadable.
    """
    if not text:
        return None, "missing"
    if re.fullmatch(_PLAIN_NUMBER, text):
        return _positive(text)
    match = _NUMBER.search(text)
    if not match:
        return None, "unreadable"
    if _MINUS_BEFORE.search(text[: match.start()]):
        return None, "not-positive"
    return _positive(_without_separators(re.sub(r"[' \u00a0\u202f]", "", match[0])))


def _without_separators(digits: str) -> str:
    """The decimal mark is the later of a dot and a comma; a lone comma before three digits separates thousands."""
    if "," in digits and "." in digits:
        thousands, decimal = (",", ".") if digits.rfind(".") > digits.rfind(",") else (".", ",")
        whole, _, part = digits.rpartition(decimal)
        return f"{_ungrouped(whole, thousands)}.{part}"
    if "," in digits:
        return _ungrouped(digits, ",") if re.fullmatch(r"\d{1,3}(,\d{3})+", digits) else digits.replace(",", ".")
    return _ungrouped(digits, ".") if digits.count(".") > 1 else digits


def _ungrouped(digits: str, separator: str) -> str:
    """Without the separators where they stand before groups of three; else unchanged, which no float() accepts."""
    grouped = re.fullmatch(rf"\d{{1,3}}(?:{re.escape(separator)}\d{{3}})+", digits)
    return digits.replace(separator, "") if grouped else digits
