"""The question, the answer text that a model learns, and its parser, the inverse of `render`.

    parse(render("Wool Coat", "COATS", 1290.0)).price    # 1290.0

The wording is that of the published walk-through for DBQ/Burberry.Product.prices.United.States. `parse` also reads what
models write that were not trained on this form: other labels, languages, Markdown, tables, JSON, YAML, sentences.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.prices import NotAPriceError, other_mark, read_number

QUESTION = "What is shown in this image?"
PROMPT = f"<|user|>\n<|image_1|>\n{QUESTION}<|end|>\n<|assistant|>\n"

RANGE_TOLERANCE = 1.1
"""A range of prices is read as its first price if the last one is at most this multiple of it."""
_FIELDS = ("title", "category", "price")
_MARK = ", Category: "
_PLAIN_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"
_STRICT = re.compile(
    rf"Product: (?P<title>(?:(?!{_MARK}).)*){_MARK}(?P<category>[^,]*), Full Price: (?P<price>{_PLAIN_NUMBER})",
    re.DOTALL,
)

_LABELS: tuple[tuple[str, int, str], ...] = (
    ("title", 0, r"product[ _-]?(?:name|title)|product|title|item[ _-]?(?:name|title)|item|name"),
    ("title", 0, r"produkt(?:name|titel|bezeichnung)?|artikel(?:name|bezeichnung)?|bezeichnung|titel"),
    ("title", 0, r"nom(?: du produit| de l'article)?|produit|titre|article|商品名|製品名|商品|製品|品名|タイトル"),
    ("title", 0, r"产品名称|商品名称|产品|名称|标题"),
    ("category", 0, r"(?:product |item )?category(?:[ _-]?name)?|product_category|(?:produkt)?kategorie|warengruppe"),
    ("category", 0, r"catégorie(?: de produit)?|categorie|カテゴリー|カテゴリ|分類|类别|分类|品类"),
    ("category", 1, r"(?:product|item|garment|clothing)[ _-]?type|type(?: de produit)?|produktart|種類|类型"),
    (
        "price",
        0,
        r"(?:full|original|regular|list|retail|normal|undiscounted)[ _-]?price|mrp|msrp|rrp|uvp|定価|通常価格",
    ),
    ("price", 0, r"(?:voller |original|normal|voll)preis|prix (?:plein|d'origine|initial|normal)|原价"),
    ("price", 1, r"(?:estimated |approximate |approx\.? |unit |total )?price(?:[ _-]?(?:tag|range|estimate))?|cost"),
    ("price", 1, r"preis|prix(?: estimé)?|税込価格|価格|値段|价格|售价"),
    ("price", 2, r"(?:sale|discount(?:ed)?|current|offer|reduced|special|final|now)[ _-]?price|angebotspreis"),
    ("price", 2, r"(?:prix (?:soldé|réduit|promo)|セール価格|现价|折扣价)"),
)
"""(field, rank, pattern): of several labels of a field in one answer, the lowest rank counts, then the first."""
_ANY_LABEL = "|".join(f"(?P<l{number}>{pattern})" for number, (_, _, pattern) in enumerate(_LABELS))
_BARE_LABEL = "|".join(pattern for _, _, pattern in _LABELS)
_MARKUP = r"[*_`\"'#]{0,4}"
_SENTENCE_VERB = (
    r"(?:is|are|was|would be|could be|might be|appears to be|seems to be|looks to be|ist|lautet|wäre|est|serait)"
)
_LABELLED = re.compile(
    rf"(?<![^\W_])(?<![_-])(?:{_ANY_LABEL})(?:[ _-](?:in[ _-])?(?:usd|eur|gbp|jpy|inr|us dollars?))?(?![^\W_])"
    rf"(?:[ \t]?{_MARKUP}[ \t]{{0,2}}(?:\([^()\n]{{0,24}}\))?{_MARKUP}[ \t]{{0,3}}"
    r"(?:(?P<sign>[:=])|(?P<dash>[–—-])(?=[ \t]))"
    rf"|[ \t](?:shown |here |of this (?:product|item) )?(?P<verb>{_SENTENCE_VERB})(?=[ \t]))",
    re.IGNORECASE,
)
_PRICED = re.compile(
    r"\b(?:priced (?:at|around)|costs?|retail(?:s|ing) (?:for|at)|s(?:ells|elling|old) (?:for|at)|"
    r"(?:price|price tag) of|kostet|zum preis von|coûte|au prix de)"
    r"(?=[ \t][^\n]{0,24}\d)",
    re.IGNORECASE,
)
_IN_CATEGORY = re.compile(
    r"\b(?:in|under|into|to|from) the (?:category (?:of )?)?[\"'*]*(?P<value>[^,.\n\"'*]{2,40}?)[\"'*]* category\b",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"\b(?:this is|it is|it's|the (?:image|picture|photo) (?:shows|depicts)|shown is)[ \t]+(?:an?|the)[ \t]+"
    r"(?P<value>[^,.\n]{2,120}?)(?=[ \t]+(?:in the|from the|priced|costing|retailing|that|which|under the)\b|[,.\n]|$)",
    re.IGNORECASE,
)
_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning|analysis)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"\A.*</(?:think|thinking|thought|reasoning|analysis)>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(rf"<(?P<tag>{_BARE_LABEL})>\s*(?P<value>[^<]*?)\s*</(?P=tag)>", re.IGNORECASE)
_BREAK = re.compile(r"<br[ \t]*/?>|</?(?:p|div|li|ul|ol|b|i|strong|em)>", re.IGNORECASE)
_HEADING = re.compile(
    rf"^[ \t]*(?:#{{1,6}}[ \t]*|\*\*)\**(?P<label>{_BARE_LABEL})\**[ \t]*$", re.IGNORECASE | re.MULTILINE
)
_LINE_START = re.compile(
    r"(?:^|\n)[ \t]*(?:[-*•>#|]+|\d{1,2}[.)])?[ \t*_`\"']*(?:the |die |der |le |la )?$", re.IGNORECASE
)
_SENTENCE_START = re.compile(
    r"(?:^|[\n.!?;:,\"*]|\s(?=(?:and|und|et) ))[ \t*]*(?:and |und |et |while |with )?"
    r"(?:the |its |this |my |die |der |das |le |la |son )?(?:estimated |likely |approximate )?$",
    re.IGNORECASE,
)
_EDGES = " \n\t,;|/*_`\"'#\u2022>\u3001-"
_LAST_WORDS = re.compile(
    r"(?:[ .](?:and|und|et|with|while)(?: (?:the|its|an?|die|der|das|le|la))?| (?:the|its|die|der|das|le|la)"
    r"|(?<=\s)\d{1,2}[.)])$",
    re.IGNORECASE,
)
"""Words and list numbers that belong to the next label."""
_CUT_LABEL = re.compile(r",\s*f(?:u(?:l(?:l(?: (?:p(?:r(?:i(?:ce?)?)?)?)?)?)?)?)?\s*$", re.IGNORECASE)
"""The label of the price, cut off by the limit of new tokens."""
_APPROXIMATELY = (
    r"(?:likely|probably|approximately|approx\.?|about|around|roughly|circa|ca\.?|etwa|ungefähr|environ|env\.?|from|ab|"
    r"estimated(?: at)?|at|only|just|is|was|mrp|約)"
)
_SIGNS = r"[$€£¥₹₽₩₺₪฿₫₱￥円元]"
_CURRENCY = rf"(?:{_SIGNS}|(?:us|hk|au|c|a|r)\$|rs\.?|inr|usd|eur|gbp|jpy|s?fr\.?|chf|cad|aud|cny|rmb|kr\.?|zł|euros?)"
_DIGITS = r"\d{1,3}(?:[  ]\d{3})+(?!\d)(?:[.,]\d{1,2}(?!\d))?|\d[\d.,']*\d|\d"
_AMOUNT = re.compile(
    rf"(?P<before>{_CURRENCY}[ \t]?)?(?P<minus>-[ \t]?)?(?P<before2>{_CURRENCY}[ \t]?)?"
    rf"(?P<number>{_DIGITS})(?P<exponent>e[-+]?\d{{1,3}}(?!\w))?"
    r"[ \t]?(?P<unit>k(?![a-z])|万|萬|千|lakhs?\b|lacs?\b|crores?\b|thousand\b|tsd\.?|mille\b)?"
    rf"[ \t]?(?P<after>{_CURRENCY}(?![a-z]))?",
    re.IGNORECASE,
)
_UNITS = {"k": 1e3, "千": 1e3, "thousand": 1e3, "tsd": 1e3, "mille": 1e3, "万": 1e4, "萬": 1e4, "la": 1e5, "crore": 1e7}
_LEAD = re.compile(rf"[\s~≈<>(\[\"'*]*(?:{_APPROXIMATELY}[\s~:]*)*", re.IGNORECASE)
_RANGE_MARK = re.compile(r"[ \t]*(?:-|–|—|~|to|or|bis|oder|à|ou|and|und|et)[ \t]*(?:about |around )?", re.IGNORECASE)
_RANGE_LEAD = re.compile(r"[\s~]*(?:between|zwischen|entre|from|von|ranges? from|in the range of)\s+", re.IGNORECASE)
_WAS_LEAD = re.compile(
    r"\b(?:was|originally|original|regularly|full price|list price|statt|au lieu de|mrp)[\s:(]*$", re.IGNORECASE
)
_JSON_WORDS = {
    "title": ("title", "name", "product", "item", "titel", "produkt", "produit", "nom"),
    "category": ("category", "kategorie", "catégorie", "categorie", "type"),
    "price": ("price", "preis", "prix", "mrp", "amount", "value", "cost"),
}
_JSON_DEPTH = 6


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


@dataclass(frozen=True, slots=True)
class _Part:
    """A labelled value in an answer."""

    field: str
    rank: int
    value: str


def bare_question(prompt: str) -> str:
    """Return the text of a prompt without the markup around it, for a model that has a chat template of its own."""
    before, after = PROMPT.split(QUESTION)
    return prompt.removeprefix(before).removesuffix(after)


def render(title: str, category: str, full_price: float) -> str:
    """Return the answer text. The category has no comma (import replaces them).

    A title keeps every character, except that the comma of `, Category: ` is left out: it would end the title.
    """
    assert "," not in category, category
    while _MARK in title:
        title = title.replace(_MARK, _MARK.removeprefix(","))
    return f"Product: {title}, Category: {category}, Full Price: {float(full_price)!r}"


def parse(text: str, *, truncated: bool = False) -> Answer:
    """Parse an answer: the exact training form, else JSON, else labelled parts or sentences.

    Of several answers in one text, the first complete one counts. A list of categories stays one text, which names no
    category. A price is the first amount of its value; a year, and a range wider than `RANGE_TOLERANCE`, are not a
    price. With `truncated`, a number at the very end of the text is unreadable, because digits may be missing.
    `parse(render(t, c, p))` returns exactly t, c and p for every t without `, Category: `.
    """
    match = _STRICT.fullmatch(text)
    if match and not truncated:
        price, _ = _to_positive(match["price"])
        if price is not None:
            return Answer(title=match["title"], category=match["category"], price=price, strict=True)
    readable = _clean(text)
    found = _parse_json(readable) or _parse_parts(readable)
    price, problem = _parse_price(found.get("price"))
    if truncated and price is not None and re.search(r"[\d.,]$", readable):
        price, problem = None, "unreadable"
    title, category = (str(found[name]) if found.get(name) else None for name in ("title", "category"))
    missing = [f"{name}:missing" for name, value in (("title", title), ("category", category)) if not value]
    problems = (*missing, *([f"price:{problem}"] if problem else []))
    return Answer(title=title, category=category, price=price, strict=False, problems=problems)


def _clean(text: str) -> str:
    """Remove thoughts and mark-up, and fold full-width signs, special blanks, hyphens and apostrophes."""
    text = _END_OF_THOUGHT.sub("", _THOUGHT.sub("", text), count=1)
    text = text.replace("\\$", "$").replace("{,}", ",").replace("<|end|>", "")
    text = unicodedata.normalize("NFKC", text).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub("[\u2010\u2011\u2212]", "-", re.sub("[\u2018\u2019\u02bc\u00b4]", "'", text))
    text = re.sub("[\u201c\u201d\u201e]", '"', re.sub(r"[^\S\n]", " ", text))
    text = _TAG.sub(lambda found: f"\n{found['tag']}: {found['value']}\n", text)
    text = _HEADING.sub(lambda found: f"{found['label']}:", _BREAK.sub("\n", text))
    return _flatten_tables(text)


def _flatten_tables(text: str) -> str:
    """Turn the rows of Markdown tables whose cells are labels into `label: value` lines."""
    if "|" not in text:
        return text
    lines: list[str] = []
    header: list[str] = []
    for line in text.split("\n"):
        cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
        if not line.strip().startswith("|") or len(cells) < 2:
            lines.append(line)
            header = []
        elif all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            continue
        elif sum(_is_label(cell) for cell in cells) >= 2:
            header = cells
        elif header:
            lines += [f"{name}: {cell}" for name, cell in zip(header, cells, strict=False) if _is_label(name)]
        else:
            lines.append(f"{cells[0]}: {cells[1]}")
    return "\n".join(lines)


def _is_label(text: str) -> bool:
    return re.fullmatch(rf"(?:{_BARE_LABEL})(?: ?\([^()]*\))?", text, re.IGNORECASE) is not None


# -- JSON --------------------------------------------------------------------------------------------------------------


def _parse_json(text: str) -> dict[str, str | float] | None:
    """Return the fields of the first JSON object that has any, repaired where it is broken or cut off."""
    start = text.find("{")
    if start < 0 or not re.match(r"\{\s*[\"'\w]", text[start:]):
        return None
    import json_repair  # not needed for answers in the training form

    try:
        document = json_repair.loads(text[start:], skip_json_loads=False)
    except RecursionError:
        return None
    found: dict[str, tuple[int, str | float]] = {}
    _collect(document, (), found)
    return {field: value for field, (_, value) in found.items()} or None


def _collect(value: Any, path: tuple[str, ...], found: dict[str, tuple[int, str | float]]) -> None:
    """Add the best value of each field below a JSON value; of a list, the first entry that has a field."""
    if len(path) > _JSON_DEPTH:
        return
    if isinstance(value, list):
        for entry in value:
            before = len(found)
            _collect(entry, path, found)
            if len(found) > before:
                return
    elif isinstance(value, Mapping):
        for key, each in value.items():
            _collect(each, (*path, _split_key(str(key))), found)
    elif value is not None and not isinstance(value, bool):
        field, rank = _json_field(path)
        if field and (field not in found or rank < found[field][0]):
            found[field] = (
                rank,
                float(value) if field == "price" and isinstance(value, int | float) else str(value).strip(),
            )


def _split_key(key: str) -> str:
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key)).strip().lower()


def _json_field(path: tuple[str, ...]) -> tuple[str | None, int]:
    """Return the field that a path of keys names, and its rank."""
    own = path[-1] if path else ""
    words = own.split()
    if any(word in ("price", "preis", "prix", "mrp", "cost") for word in words) or (
        own in ("amount", "value") and len(path) > 1 and "price" in path[-2]
    ):
        whole = " ".join(path[-2:])
        if any(word in whole for word in ("full", "original", "regular", "list", "retail", "mrp")):
            return "price", 0
        return "price", 2 if any(word in whole for word in ("sale", "discount", "current", "offer", "now")) else 1
    if any(word in _JSON_WORDS["category"] for word in words):
        return "category", 1 if "type" in words else 0
    if own in ("category name",) or (own == "name" and len(path) > 1 and "category" in path[-2]):
        return "category", 0
    if any(word in _JSON_WORDS["title"] for word in words) and not {"brand", "code", "id", "url"} & set(words):
        return "title", 0 if "title" in words or "name" in words else 1
    return None, 0


# -- labels and sentences ----------------------------------------------------------------------------------------------


def _parse_parts(text: str) -> dict[str, str | float]:
    """Return the fields of the first complete answer, or of the one with most fields."""
    answers: list[list[_Part]] = [[]]
    for part in _find_parts(text):
        if part.field == "title" and any(each.field == "title" for each in answers[-1]):
            answers.append([])
        answers[-1].append(part)
    found = [_choose(parts) for parts in answers]
    best = max(found, key=len)  # the first of them
    if best and "category" not in best and (match := _IN_CATEGORY.search(text)):
        best["category"] = _tidy(match["value"])
    if best and "title" not in best and (match := _SHOWN.search(text)):
        best["title"] = _tidy(match["value"])
    return best


def _choose(parts: list[_Part]) -> dict[str, str | float]:
    """Return the value of the best label of each field; empty values only where there is nothing else."""
    found: dict[str, str | float] = {}
    for part in sorted(parts, key=lambda part: (not part.value, part.rank)):  # stable: first of equals
        found.setdefault(part.field, part.value)
    return {field: value for field, value in found.items() if value or field == "price"}


def _find_parts(text: str) -> Iterator[_Part]:
    """Yield the labelled values of a text in their order."""
    marks: list[tuple[int, int, str, int, bool]] = []
    for match in _LABELLED.finditer(text):
        number = next(n for n in range(len(_LABELS)) if match[f"l{n}"] is not None)
        field, rank, _ = _LABELS[number]
        before = text[max(0, match.start() - 60) : match.start()]
        if match["dash"] and not _LINE_START.search(before):
            continue
        if match["verb"] and not _SENTENCE_START.search(before):
            continue
        if (
            marks
            and not match["verb"]
            and text[marks[-1][1] : match.start()].strip(" *_`\"'") == ""
            and "\n" not in (text[marks[-1][1] : match.start()])
        ):
            continue  # the value of the label before begins with this word
        marks.append((match.start(), match.end(), field, rank, match["verb"] is not None))
    for match in _PRICED.finditer(text):
        marks.append((match.start(), match.end(), "price", 1, True))
    marks.sort()
    for number, (_, start, field, rank, is_sentence) in enumerate(marks):
        end = marks[number + 1][0] if number + 1 < len(marks) else len(text)
        yield _Part(field, rank, _value(text[start:end], field, is_sentence))


def _value(text: str, field: str, is_sentence: bool) -> str:
    """Return the value that follows a label: one line, without the words that lead to the next label."""
    value = text.lstrip(" \n*_`\"'").partition("\n")[0]
    value = value.partition(";")[0]
    if is_sentence:
        value = re.sub(
            r"^(?:likely |probably |called |named )?(?:an? |the |ein(?:e[rsmn]?)? |une? )", "", value.lstrip()
        )
        if field != "price":
            value = re.split(r"[.,](?:\s|$)", value, maxsplit=1)[0]
    if field == "category":
        value = _CUT_LABEL.sub("", value)
    return _tidy(value)


def _tidy(value: str) -> str:
    """Remove what leads to the next label, quotes, mark-up, and a full stop at the end."""
    value = value.rstrip(_EDGES)
    while match := _LAST_WORDS.search(value, max(0, len(value) - 16)):
        value = value[: match.start()].rstrip(_EDGES)
    if re.search(r"[^\W\d_]\.$", value[-2:]):
        value = value[:-1]
    return value.rstrip(_EDGES).strip(" \"'*_`")


# -- numbers -----------------------------------------------------------------------------------------------------------


def _parse_price(text: str | float | None) -> tuple[float | None, str | None]:
    """Return the price in a value and a problem code; 1,290.00, 1.290,00, 1.290, 1 290 and 1.29k are 1290.

    A number counts at the start of the value, after words such as "about", or where a currency stands beside it. Dots
    or commas that separate anything but groups and one decimal part make it unreadable.
    """
    if isinstance(text, float):
        return _to_positive(repr(text))
    if text is None or not text.strip():
        return None, "missing"
    text = text.strip()
    amounts = [match for match in _AMOUNT.finditer(text) if not re.search(r"\w$", text[: match.start()])]
    if not amounts:
        return None, "unreadable"
    lead = _RANGE_LEAD.match(text) or _LEAD.match(text)
    at = lead.end() if lead else 0
    first = next((m for m in amounts if m.start() == at), None) or next((m for m in amounts if _has_currency(m)), None)
    if first is None:
        return None, "unreadable"
    later = amounts[amounts.index(first) + 1 :]
    original = next((m for m in later if _WAS_LEAD.search(text[first.end() : m.start()])), None)
    if original is not None:
        first, later = original, []
    value, problem = _read_amount(first)
    between = text[first.end() : later[0].start()] + (later[0]["minus"] or "") if later else ""
    if value is not None and _RANGE_MARK.fullmatch(between):
        last, _ = _read_amount(later[0], sign_matters=False)
        if last is None or not value / RANGE_TOLERANCE <= last <= value * RANGE_TOLERANCE:
            return None, "unreadable"
    return value, problem


def _has_currency(match: re.Match[str]) -> bool:
    return any(match[name] for name in ("before", "before2", "after"))


def _read_amount(match: re.Match[str], *, sign_matters: bool = True) -> tuple[float | None, str | None]:
    if match["minus"] and sign_matters:
        return None, "not-positive"
    digits, lone = match["number"], "," if "," in match["number"] else "."
    try:  # 1.290 is 1290, and 1.290k is 1.29 thousand
        number = read_number(digits, lone if match["unit"] else other_mark(lone))
    except NotAPriceError:
        return None, "unreadable"
    value, problem = _to_positive(f"{number!r}{match['exponent'] or ''}")
    if value is not None and match["unit"]:
        unit = match["unit"].lower()
        value *= next(factor for name, factor in _UNITS.items() if unit.startswith(name))
    return value, problem


def _to_positive(text: str) -> tuple[float | None, str | None]:
    try:
        value = float(text)
    except ValueError:
        return None, "unreadable"
    if not math.isfinite(value):
        return None, "unreadable"
    return (value, None) if value > 0 else (None, "not-positive")
