"""A result or comparison in a few lines, for programs and for people who read pull requests: JSON, Markdown, JUnit XML.

JUnit (the form that CI servers read) has one test case a floor, failed where the figure is below, and one that says
whether the model uses the picture.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from evaluation.report import page
from evaluation.report.thresholds import below_floors
from schemas.errors import ToileError
from schemas.result import COMPARISON, Comparison, Difference, Result, Score, read_comparison, read_result
from schemas.util.files import storage_errors

KINDS = (".json", ".md", ".xml")
FIGURES = ("joint", "category", "title", "price", "reasoning")


def check_kind(path: Path) -> None:
    """ToileError for a file whose ending names no kind of summary."""
    if path.suffix not in KINDS:
        raise ToileError(str(path), "names no kind of summary", f"end it in {', '.join(KINDS)}")


def write_summary(folder: Path, path: Path, floors: Mapping[str, float]) -> None:
    """The summary of a finished evaluation or comparison folder, in the form that the ending of `path` names."""
    check_kind(path)
    record = read_comparison(folder) if (folder / COMPARISON).is_file() else read_result(folder)
    below = below_floors(floors, record) if isinstance(record, Result) else []
    if floors and not isinstance(record, Result):
        raise ToileError(str(folder), "is a comparison, which has no floors", "leave out --fail-under")
    text = {".json": _json, ".md": _markdown, ".xml": _junit}[path.suffix](record, floors, below)
    with storage_errors(path):
        path.write_text(text, encoding="utf-8")


def _rows(record: Result | Comparison) -> str:
    return page.headline_rows(record.counts)


def _figures(record: Result | Comparison) -> dict[str, Score | Difference]:
    """The headline figures of all categories together, by their names."""
    scores: Sequence[Any] = record.scores  # of one kind; the checker sees two
    found: Mapping[Any, Any] = page.by_key(scores)
    return {name: row for name in FIGURES if (row := found.get((name, _rows(record), "none", None, None))) is not None}


def _json(record: Result | Comparison, floors: Mapping[str, float], below: list[str]) -> str:
    document: dict[str, object] = {"rows": _rows(record), "evaluated": record.counts.evaluated}
    if isinstance(record, Result):
        document |= {"model": record.inputs.model, "uses_picture": record.uses_picture, "verdict": record.verdict}
        document |= {"floors": dict(floors), "below": below}
    else:
        document |= {"base": record.base.inputs.model, "tuned": record.tuned.inputs.model}
    document["figures"] = {name: _fields(row) for name, row in _figures(record).items()}
    return json.dumps(document, indent=1) + "\n"


def _fields(row: Score | Difference) -> dict[str, float | None]:
    if isinstance(row, Score):
        return {"n": row.n, "value": row.value, "low": row.low, "high": row.high}
    names = ("n", "base", "tuned", "difference", "low", "high", "p")
    return {name: getattr(row, name) for name in names}


def _markdown(record: Result | Comparison, floors: Mapping[str, float], below: list[str]) -> str:
    lines = []
    if isinstance(record, Result):
        lines += [f"**{_escaped(record.inputs.model)}**: {_escaped(record.verdict)}", ""]
        lines += ["| figure | n | value | 95 % |", "| --- | ---: | ---: | ---: |"]
        lines[-2] = lines[-2].replace("95 %", f"{100 * record.inputs.spec.confidence:g} %")
    else:
        for side, name in ((record.base, "base"), (record.tuned, "tuned")):
            lines.append(f"- {name} **{_escaped(side.inputs.model)}**: {_escaped(side.verdict)}")
        lines += ["", "| figure | n | base | tuned | difference | p |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, row in _figures(record).items():
        lines.append("| " + " | ".join([name, str(row.n), *_cells(row)]) + " |")
    lines += [f"\nBelow its floor: {text}." for text in below]
    return "\n".join([*lines, "", f"{record.counts.evaluated} products, {_rows(record)} rows."]) + "\n"


def _cells(row: Score | Difference) -> list[str]:
    if isinstance(row, Score):
        return [_percent(row.value), f"{_percent(row.low)} to {_percent(row.high)}"]
    difference = f"{_percent(row.difference)} ({_percent(row.low)} to {_percent(row.high)})"
    return [_percent(row.base), _percent(row.tuned), difference, "-" if row.p is None else f"{row.p:.3g}"]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _escaped(text: str) -> str:
    """Names and sentences as plain characters of Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>|#" else c for c in " ".join(text.split()))


def _junit(record: Result | Comparison, floors: Mapping[str, float], below: list[str]) -> str:
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name="toile")
    failures = 0
    for metric, floor in floors.items():
        case = ElementTree.SubElement(suite, "testcase", classname="toile.floor", name=f"{metric} >= {floor:g}")
        for text in below:
            if text.startswith(f"{metric} "):
                failures += 1
                ElementTree.SubElement(case, "failure", message=text)
    sides = [record] if isinstance(record, Result) else [record.base, record.tuned]
    for side in sides:
        case = ElementTree.SubElement(suite, "testcase", classname="toile.picture", name=side.inputs.model)
        if side.uses_picture is not True:
            failures += 1
            ElementTree.SubElement(case, "failure", message=side.verdict)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    for name, row in _figures(record).items():
        ElementTree.SubElement(_properties(suite), "property", name=name, value=json.dumps(_fields(row)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _properties(suite: ElementTree.Element) -> ElementTree.Element:
    """Stands first in the suite, as the form asks."""
    found = suite.find("properties")
    if found is None:
        found = ElementTree.Element("properties")
        suite.insert(0, found)
    return found
