"""Results for terminals and CI: tables on stdout, thresholds (`--fail-under`), summaries as JSON, Markdown, JUnit.

A JUnit summary has one test case per threshold, failed where the figure is below, and one that says whether the model
uses the image.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluation.metrics.baselines import NEAREST_IMAGE
from evaluation.metrics.metrics import HEADLINE, metric_names
from evaluation.report import page
from schemas.errors import ToileError, suggest
from schemas.evaluation import EvaluationSpec
from schemas.result import (
    COMPARISON,
    Cell,
    Comparison,
    Contrast,
    Difference,
    Matrix,
    Result,
    Score,
    document_of,
    read_comparison,
    read_result,
)
from schemas.util.console import strip_control_chars
from schemas.util.files import storage_errors


def check_thresholds(thresholds: Mapping[str, float], spec: EvaluationSpec) -> None:
    """Raise a ToileError for a metric that the headline protocol does not have, before the model runs."""
    names = {*metric_names(spec.protocol, "none"), *(f"{name}_macro" for name in HEADLINE)}
    for metric in thresholds:
        if metric not in names:
            problem = f"the protocol {spec.protocol} has no figure {metric!r}"
            raise ToileError("--fail-under", problem, suggest(metric, names))


def enforce_thresholds(thresholds: Mapping[str, float], result: Result, out: Path) -> None:
    """Raise a ToileError when a headline figure on all rows, with their own images, is below its threshold."""
    below = find_below_thresholds(thresholds, result)
    if below:
        raise ToileError(str(out), "; ".join(below), "--fail-under asks for more; the result itself is complete")


def find_below_thresholds(thresholds: Mapping[str, float], result: Result) -> list[str]:
    """Return one sentence per threshold that is not reached; a figure without a value reaches none."""
    figures = {score.metric: score for score in result.scores if _is_headline(score, result.inputs.spec)}
    below = []
    for metric, threshold in thresholds.items():
        value, n = figures[metric].value, figures[metric].n
        if value is None or value < threshold:
            below.append(f"{metric} is {'without value' if value is None else value} on {n} rows, below {threshold:g}")
    return below


def _is_headline(score: Score, spec: EvaluationSpec) -> bool:
    place = (score.protocol, score.split, score.control, score.rows, score.category, score.baseline)
    return place == (spec.protocol, spec.split, "none", "all", None, None)


SUMMARY_SUFFIXES = (".json", ".md", ".xml")
SUMMARY_METRICS = ("joint", "category", "title", "title_exact", "price", "reasoning")


def check_suffix(path: Path) -> None:
    """Raise a ToileError for a file whose suffix names no kind of summary."""
    if path.suffix not in SUMMARY_SUFFIXES:
        raise ToileError(str(path), "names no kind of summary", f"end it in {', '.join(SUMMARY_SUFFIXES)}")


def write_summary(folder: Path, path: Path, thresholds: Mapping[str, float]) -> None:
    """Write the summary of a finished evaluation or comparison folder in the form that the suffix of `path` names."""
    check_suffix(path)
    record = read_comparison(folder) if (folder / COMPARISON).is_file() else read_result(folder)
    below = find_below_thresholds(thresholds, record) if isinstance(record, Result) else []
    if thresholds and not isinstance(record, Result):
        raise ToileError(str(folder), "is a comparison, which has no thresholds", "leave out --fail-under")
    text = {".json": _json, ".md": _markdown, ".xml": _junit}[path.suffix](record, thresholds, below)
    with storage_errors(path):  # JSON has escapes of its own; XML may not have control characters
        path.write_text(text if path.suffix == ".json" else strip_control_chars(text), "utf-8", "backslashreplace")


def headline_summary(record: Result | Comparison, out: Path) -> dict[str, Any]:
    """Return the headline figures for one line of JSON: {"joint": [value, low, high], ..., "nearest_image": {...}}.

    `nearest_image` has the figures of that baseline; of a comparison, those of the tuned model minus the baseline.
    """
    rows = page.headline_rows(record.counts)
    n = record.counts.inferable if rows == "inferable" else record.counts.evaluated
    figures, nearest = (
        {
            name: [row.difference if isinstance(row, Difference) else row.value, row.low, row.high]
            for name, row in _headline_figures(record, baseline).items()
        }
        for baseline in (None, NEAREST_IMAGE)
    )
    beside = {"nearest_image": nearest} if nearest else {}
    summary: dict[str, Any] = document_of({"out": str(out), "rows": rows, "n": n, **figures, **beside})
    return summary


def _kind_of_rows(record: Result | Comparison) -> str:
    return page.headline_rows(record.counts)


def _headline_figures(record: Result | Comparison, baseline: str | None = None) -> dict[str, Score | Difference]:
    """Return the headline figures of all categories together, by name: the model's, or those of a baseline."""
    scores: Sequence[Any] = record.scores  # of one kind; the checker sees two
    found: Mapping[Any, Any] = page.by_key(scores)
    return {
        name: row
        for name in SUMMARY_METRICS
        if (row := found.get((name, _kind_of_rows(record), "none", None, baseline))) is not None
    }


def _json(record: Result | Comparison, thresholds: Mapping[str, float], below: list[str]) -> str:
    document: dict[str, object] = {"rows": _kind_of_rows(record), "evaluated": record.counts.evaluated}
    if isinstance(record, Result):
        document |= {"model": record.inputs.model, "uses_picture": record.uses_picture, "verdict": record.verdict}
        document |= {"floors": dict(thresholds), "below": below}
    else:
        document |= {"base": record.base.inputs.model, "tuned": record.tuned.inputs.model}
    document["figures"] = {name: _fields(row) for name, row in _headline_figures(record).items()}
    nearest = {name: _fields(row, NEAREST_IMAGE) for name, row in _headline_figures(record, NEAREST_IMAGE).items()}
    document |= {"nearest_image": nearest} if nearest else {}
    return json.dumps(document, indent=1) + "\n"


def _fields(row: Score | Difference, baseline: str | None = None) -> dict[str, float | None]:
    if isinstance(row, Score):
        return {"n": row.n, "value": row.value, "low": row.low, "high": row.high}
    names = ("n", "base", "tuned", "difference", "low", "high", "p")
    return {"value" if baseline and name == "base" else name: getattr(row, name) for name in names}


def _markdown(record: Result | Comparison, thresholds: Mapping[str, float], below: list[str]) -> str:
    lines = []
    if isinstance(record, Result):
        verdict = _escape_markdown(_verdict_line(record.verdict))
        lines += [f"**{_escape_markdown(record.inputs.model)}**: {verdict}", ""]
        lines += ["| figure | n | value | 95 % |", "| --- | ---: | ---: | ---: |"]
        lines[-2] = lines[-2].replace("95 %", f"{100 * record.inputs.spec.confidence:g} %")
    else:
        for side, name in ((record.base, "base"), (record.tuned, "tuned")):
            verdict = _escape_markdown(_verdict_line(side.verdict))
            lines.append(f"- {name} **{_escape_markdown(side.inputs.model)}**: {verdict}")
        lines += ["", "| figure | n | base | tuned | difference | p |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for baseline, suffix in ((None, ""), (NEAREST_IMAGE, ", nearest training image")):
        for name, row in _headline_figures(record, baseline).items():
            label = page.TITLES[name].lower()
            lines.append("| " + " | ".join([f"{label}{suffix}", str(row.n), *_markdown_cells(row)]) + " |")
    lines += [f"\nBelow its threshold: {text}." for text in below]
    kind = _kind_of_rows(record)
    rows = "visually identifiable" if kind == "inferable" else kind
    return "\n".join([*lines, "", f"{record.counts.evaluated} products, {rows} rows."]) + "\n"


def _markdown_cells(row: Score | Difference) -> list[str]:
    if isinstance(row, Score):
        return [_format_percent(row.value), f"{_format_percent(row.low)} to {_format_percent(row.high)}"]
    difference = f"{_format_percent(row.difference)} ({_format_percent(row.low)} to {_format_percent(row.high)})"
    return [_format_percent(row.base), _format_percent(row.tuned), difference, "-" if row.p is None else f"{row.p:.3g}"]


def _format_percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _escape_markdown(text: str) -> str:
    """Return names and sentences with Markdown's special characters escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>|#" else c for c in " ".join(text.split()))


def _junit(record: Result | Comparison, thresholds: Mapping[str, float], below: list[str]) -> str:
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name="toile")
    failures = 0
    for metric, threshold in thresholds.items():
        case = ElementTree.SubElement(suite, "testcase", classname="toile.floor", name=f"{metric} >= {threshold:g}")
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
    for baseline, prefix in ((None, ""), (NEAREST_IMAGE, "nearest_image.")):
        for name, row in _headline_figures(record, baseline).items():
            fields = json.dumps(_fields(row, baseline))
            ElementTree.SubElement(_properties(suite), "property", name=f"{prefix}{name}", value=fields)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _properties(suite: ElementTree.Element) -> ElementTree.Element:
    """Return the properties element, which comes first in the suite as the format requires."""
    found = suite.find("properties")
    if found is None:
        found = ElementTree.Element("properties")
        suite.insert(0, found)
    return found


_COLUMNS = {
    "category": "category",
    "title": "title",
    "title_exact": "title exact",
    "price": "price",
    "joint": "exact match",
}
"""Metric -> heading."""
_MIN_WIDTH = 132


def print_result(result: Result) -> None:
    """Print table and verdict of a result; grey rows have fewer products than `min_category_rows`.

    Below the totals is the baseline that looks without understanding: the nearest training image.
    """
    figures = page.by_key(result.scores)
    table = _table("category", "n", *_COLUMNS.values())
    lines: list[_Line] = [(kind, name, None) for kind, name in page.table_lines(result.scores, result.counts)]
    for kind, name, baseline in _with_nearest(lines):
        row = [figures.get((metric, kind, "none", name, baseline)) for metric in _COLUMNS]
        n = next((score.n for score in row if score is not None), None)
        if n is not None:
            few = n < result.inputs.spec.min_category_rows
            cells = [_format_score(score) for score in row]
            table.add_row(_row_name(name, kind, baseline), str(n), *cells, style=_row_style(few))
    console = _make_console()
    console.print(table)
    if result.ceiling is not None:
        console.print(Text(_best_achievable_line(result)), soft_wrap=True)
    console.print(Text(_verdict_line(result.verdict), style=_verdict_style(result.uses_picture)), soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """Print base -> tuned by category, with the paired interval of the difference in exact match.

    Below the totals is nearest training image -> tuned. A protocol that answers one field has that field's difference.
    """
    figures = page.by_key(comparison.scores)
    table = _table("category", "n", *_COLUMNS.values(), "difference", "p (Holm)")
    least = comparison.tuned.inputs.spec.min_category_rows
    main = page.headline_metric(comparison.scores)
    lines: list[_Line] = [(kind, name, None) for kind, name in page.table_lines(comparison.scores, comparison.counts)]
    for kind, name, baseline in _with_nearest(lines):
        found = {metric: figures.get((metric, kind, "none", name, baseline)) for metric in _COLUMNS}
        headline = found[main]
        if headline is not None:
            cells = [*map(_format_change, found.values()), _format_gain(headline), _format_p(headline)]
            style = _row_style(headline.n < least)
            table.add_row(_row_name(name, kind, baseline), str(headline.n), *cells, style=style)
    console = _make_console()
    console.print(table)
    for label, side in (("base", comparison.base), ("tuned", comparison.tuned)):
        line = f"{label}: {_verdict_line(side.verdict)}"
        console.print(Text(line, style=_verdict_style(side.uses_picture)), soft_wrap=True)


_Line = tuple[str, str | None, str | None]
"""Kind of rows, category, baseline."""


def _with_nearest(lines: Sequence[_Line]) -> list[_Line]:
    """Return the lines of a table with that of the nearest training image after each total."""
    found: list[_Line] = []
    for kind, name, _ in lines:
        found.append((kind, name, None))
        found += [(kind, None, NEAREST_IMAGE)] if name is None else []
    return found


def print_matrix(matrix: Matrix) -> None:
    """Print exact match, a row per mix and a column per test set, then what each mix brings beyond another."""
    cells = {(cell.mix, cell.test): cell for cell in matrix.cells if cell.metric == "joint"}
    table = _table("trained on", *(f"on {test}" for test in matrix.tests))
    for mix in matrix.mixes:
        table.add_row(mix, *(_format_score(cells[mix, test]) for test in matrix.tests))
    console = _make_console()
    console.print(table)
    brought = _table("on the rows of", "instead of", "training on", "points", "p (Holm)")
    for contrast in matrix.contrasts:
        if contrast.metric == "joint":
            p = "-" if contrast.p_holm is None else f"{contrast.p_holm:.3g}"
            brought.add_row(contrast.test, contrast.before, contrast.after, _format_gain(contrast), p)
    console.print(brought)


def _best_achievable_line(result: Result) -> str:
    """Return one line: the best achievable scores on the headline rows, and the share that this model reaches."""
    rows = page.headline_rows(result.counts)
    parts = []
    for metric, name in _COLUMNS.items():
        best = page.best_achievable(result, rows, metric)
        if best is not None:
            share = "" if best[1] is None else f" ({100 * best[1]:.0f} % of it)"
            parts.append(f"{name} {100 * best[0]:.0f} %{share}")
    kind = "visually identifiable" if rows == "inferable" else rows
    return f"best achievable score of {kind} rows: {', '.join(parts)}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=number > 0)
    return table


def _make_console() -> Console:
    """Return a console on stdout; in a pipe, lines are wide enough not to break."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(_MIN_WIDTH, console.width))


def _row_name(name: str | None, kind: str, baseline: str | None = None) -> Text:
    if baseline is not None:
        return Text(page.BASELINES[baseline])
    if name is None:
        return Text("visually identifiable rows" if kind == "inferable" else f"{kind} rows", style="bold")
    if name == "(other)":
        return Text("(other) small categories together")
    return Text(strip_control_chars(name))


def _row_style(few: bool) -> str:
    return "dim" if few else ""


def _verdict_line(verdict: str) -> str:
    """Return a verdict that can stand alone: what was not tested is whether the model uses the image."""
    return verdict.replace("not tested:", "whether the model uses the image was not tested:", 1)


def _verdict_style(uses_picture: bool | None) -> str:
    return "green" if uses_picture else "yellow"


def _format_score(score: Score | Cell | None) -> str:
    if score is None or score.value is None or score.low is None or score.high is None:
        return "-"
    return f"{100 * score.value:3.0f} % ({100 * score.low:.0f}-{100 * score.high:.0f})"


def _format_change(row: Difference | None) -> str:
    if row is None or row.base is None or row.tuned is None:
        return "-"
    return f"{100 * row.base:.0f} -> {100 * row.tuned:.0f} %"


def _format_gain(row: Difference | Contrast) -> str:
    if row.difference is None or row.low is None or row.high is None:
        return "-"
    return f"{100 * row.difference:+.0f} ({100 * row.low:+.0f} to {100 * row.high:+.0f})"


def _format_p(row: Difference) -> str:
    if row.insufficient:
        return "too few"
    value = row.p if row.category is None else row.p_holm
    return "" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.2g}"
