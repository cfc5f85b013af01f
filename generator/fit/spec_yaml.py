"""A fitted spec as YAML that a person reads and edits: a heading for each part, a remark where a line needs one."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from generator.fit.fit_spec import Fit
from schemas.catalog import Provenance

_HEADINGS = {
    "shop": "An invented shop: no name of the real one is here.",
    "colourways": "How many products share a design.",
    "navigation": "Products that stand under a label of the site instead of their leaf.",
    "prices": "The endings of full prices, and what is reduced by how many percent -> how often.",
    "attributes": "What a design has. `draws` is the renderer's word, `title` the word in titles, `price` a factor.",
    "categories": "Shares are of designs; `median` is the price of a design whose factors are all 1.",
    "provenance": "Where all this comes from. Keep it with the spec.",
}


def as_yaml(fit: Fit) -> str:
    """The text of the file."""
    document, notes = fit.document, fit.notes
    lines = ["# A catalog spec fitted from real rows by `toile fit`. Edit it, then: toile check THIS_FILE"]
    lines += [f"# {line}" for line in _wrapped(document["provenance"].statement)]
    lines += [f"name: {_text(document['name'])}", f"description: {_text(document['description'])}"]
    for key, heading in _HEADINGS.items():
        lines += ["", f"# {heading}", *_part(key, document[key], notes)]
    return "\n".join(lines) + "\n"


def _part(key: str, value: Any, notes: Mapping[str, str]) -> Iterable[str]:
    match key:
        case "attributes":
            return _attributes(value, notes)
        case "categories":
            return _categories(value, notes)
        case "prices":
            bands = [f"    - {_flow(_plain_band(band))}" for band in value["bands"]]
            return ["prices:", "  bands:", *bands, f"  discounts: {_flow(value['discounts'])}"]
        case "provenance":
            return _provenance(value)
        case "shop":
            return ["shop:", *(f"  {name}: {_flow(each)}" for name, each in value.items())]
    return [f"{key}: {_flow(value)}"]


def _plain_band(band: Any) -> dict[str, Any]:
    values = dataclasses.asdict(band)
    return {name: each for name, each in values.items() if each is not None}


def _attributes(attributes: Mapping[str, Any], notes: Mapping[str, str]) -> Iterable[str]:
    yield "attributes:"
    for name, attribute in attributes.items():
        yield _with_note(f"  {name}:", notes.get(name))
        yield "    values:"
        for value, facts in attribute["values"].items():
            yield _with_note(f"      {_text(value)}: {_flow(facts)}", notes.get(f"{name} {value}"))


def _categories(categories: Iterable[Mapping[str, Any]], notes: Mapping[str, str]) -> Iterable[str]:
    yield "categories:"
    for number, category in enumerate(categories):
        yield _with_note(f"  - path: {_flow(category['path'])}", notes.get(f"category {number}"))
        yield from (f"    {name}: {_flow(category[name])}" for name in ("share", "silhouette", "price"))
        yield _with_note("    titles:", notes.get(f"titles {number}"))
        yield from (f"      {_text(template)}: {weight}" for template, weight in category["titles"].items())
        yield "    attributes:"
        for name, weights in category["attributes"].items():
            yield f"      {name}:" if weights is None else f"      {name}: {_flow(weights)}"


def _provenance(record: Provenance) -> Iterable[str]:
    yield "provenance:"
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "ledger" or value is None:
            continue
        yield f"  {field.name}: {_flow(value)}"
    if record.ledger:
        yield "  ledger:"
        yield from (f"    - {_flow(dataclasses.asdict(row))}" for row in record.ledger)


def _with_note(line: str, note: str | None) -> str:
    return f"{line}  # {note}" if note else line


def _flow(value: Any) -> str:
    """YAML on one line: numbers as they are, text quoted, empty mappings kept."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(name))}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    if isinstance(value, float):
        return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """A word as it is where YAML takes it for text, else in quotes."""
    plain = value.replace(" ", "a").replace("-", "a").replace("_", "a")
    reserved = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
    is_bare = plain.isascii() and plain.isalpha() and value[:1].isalpha() and value.strip() == value
    return value if is_bare and value.casefold() not in reserved else json.dumps(value, ensure_ascii=False)


def _wrapped(text: str, width: int = 110) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]
