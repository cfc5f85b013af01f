"""The question, the answer text that a model learns, and its parser, the inverse of `render`.

    parse(render("Wool Coat", "COATS", 1290.0)).price    # 1290.0

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
    """One parsed answer; a field is None where it is absent or unreadable, never guessed."""

    title: str | None
    category: str | None
    price: float | None
    """Full price in the catalog's currency; finite and above 0."""
    strict: bool
    """Whether the whole text has exactly the training form."""
    problems: tuple[str, ...] = ()
    """Reason codes: `title:missing`, `category:missing`, `price:missing`, `price:unreadable`, `price:not-positive`."""


def render(title: str, category: str, full_price: float) -> str:
    """Return the answer text. The category has no comma (import replaces them); the title may have any character."""
    assert "," not in category, category
    return f"Product: {title}, Category: {category}, Full Price: {float(full_price)!r}"


def parse(text: str) -> Answer:
    """Parse an answer: the exact training form, else JSON, else `key: value` parts in any order and case.

    The first match of a field counts. Outside the training form, surrounding quotes, asterisks and white space are
    removed, and a comma ends a category, because no category has one. `parse(render(t, c, p))` returns exactly t, c
    and p, whatever characters t has.
    """
    match = _STRICT.fullmatch(text)
    if match:
        price, _ = _parse_positive(match["price"])
        if price is not None:
            return Answer(title=match["title"], category=match["category"], price=price, strict=True)
    found = _parse_json(text) or _parse_labels(text)
    price, price_problem = _parse_price(found["price"])
    problems = [f"{name}:missing" for name in ("title", "category") if not found[name]]
    return Answer(
        title=found["title"] or None,
        category=found["category"] or None,
        price=price,
        strict=False,
        problems=(*problems, *([f"price:{price_problem}"] if price_problem else [])),
    )


def _parse_positive(text: str) -> tuple[float | None, str | None]:
    try:
        value = float(text)
    except ValueError:
        return None, "unreadable"
    if not math.isfinite(value):
        return None, "unreadable"
    return (value, None) if value > 0 else (None, "not-positive")


def _parse_json(text: str) -> dict[str, str | None] | None:
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


def _parse_labels(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for field, label in _FIELDS.items():
        pattern = rf"\b{label}\*{{0,3}}\s*[:=]\s*(?P<value>.*?)\s*(?=$|\n|;|,\s*\*{{0,3}}{_LABELS}\*{{0,3}}\s*[:=])"
        match = re.search(pattern, text, re.IGNORECASE)
        value = match["value"] if match else None
        if value and field == "category":
            value = value.partition(",")[0]
        found[field] = value.strip().strip("\"'*`").strip() if value is not None else None
    return found


def _parse_price(text: str | None) -> tuple[float | None, str | None]:
    """Return the first number and a problem code; 1,290.00, 1.290,00 and 1 290 are 1290, and 1.290 is 1.29.

    Spaces join only groups of three digits. A number after a minus sign is not-positive. Dots or commas that separate
    anything but thousands and one decimal part make it unreadable.
    """
    if not text:
        return None, "missing"
    if re.fullmatch(_PLAIN_NUMBER, text):
        return _parse_positive(text)
    match = _NUMBER.search(text)
    if not match:
        return None, "unreadable"
    if _MINUS_BEFORE.search(text[: match.start()]):
        return None, "not-positive"
    return _parse_positive(_normalize_separators(re.sub(r"[' \u00a0\u202f]", "", match[0])))


def _normalize_separators(digits: str) -> str:
    """Remove thousands separators: the earlier kind of dot and comma, or a lone comma before three digits."""
    if "," in digits and "." in digits:
        thousands, decimal = (",", ".") if digits.rfind(".") > digits.rfind(",") else (".", ",")
        whole, _, part = digits.rpartition(decimal)
        return f"{_remove_grouping(whole, thousands)}.{part}"
    if "," in digits:
        return _remove_grouping(digits, ",") if re.fullmatch(r"\d{1,3}(,\d{3})+", digits) else digits.replace(",", ".")
    return _remove_grouping(digits, ".") if digits.count(".") > 1 else digits


def _remove_grouping(digits: str, separator: str) -> str:
    """Remove separators between groups of three digits; otherwise return the text, which `float` refuses."""
    grouped = re.fullmatch(rf"\d{{1,3}}(?:{re.escape(separator)}\d{{3}})+", digits)
    return digits.replace(separator, "") if grouped else digits
