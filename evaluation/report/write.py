"""The report: one HTML file without a single reference outside itself, for a result or a comparison.

Titles and answers are untrusted text: everything is escaped, the embedded JSON cannot close its element, and a content
security policy lets no script run but ours.
"""

import base64
import functools
import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from evaluation.metrics.scoring import Outcome
from evaluation.metrics.slices import headline
from evaluation.report import page
from evaluation.report.evidence import Evidence, pack
from evaluation.report.gallery import gallery
from evaluation.report.page import Panel
from evaluation.report.pairing import evidence_of_one, evidence_of_pair, read_evaluated, refuse_unpaired
from evaluation.report.scatter import scatter
from evaluation.run_dir import REPORT, find_data, write_text
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.prediction import PREDICTIONS
from schemas.product import Product
from schemas.result import (
    COMPARISON,
    Comparison,
    Inputs,
    Matrix,
    Result,
    Side,
    document_of,
    read_comparison,
    read_result,
)
from schemas.util.files import file_sha256


def report(folder: Path, *, data: Path | None = None) -> Path:
    """Write the page of a finished evaluation or comparison folder once more; its path.

    `data` says where the shards lie now, if they moved. A comparison also needs its two evaluation folders.
    """
    if (folder / COMPARISON).is_file():
        comparison = read_comparison(folder)
        places = [folder / side.from_here for side in (comparison.base, comparison.tuned)]
        shards = find_data(places[0], read_result(places[0]), data)
        for place, side in zip(places, (comparison.base, comparison.tuned), strict=True):
            _refuse_changed(place, side)
        sides = [read_evaluated(place) for place in places]
        evidence = evidence_of_pair(sides, refuse_unpaired(sides[0], sides[1]), shards)
        first, second = evidence.outcomes()
        results = (sides[0].result, sides[1].result)
        html = comparison_page(comparison, results, evidence.products, (first, second), shards, evidence)
    else:
        result = read_result(folder)
        shards = find_data(folder, result, data)
        evidence = evidence_of_one(folder, shards)
        (scored,) = evidence.outcomes()
        judged = [product for product in evidence.products if product.split == result.inputs.spec.split]
        html = result_page(result, judged, scored, shards, evidence)
    write_text(folder / REPORT, html)
    return folder / REPORT


def result_page(
    result: Result, products: Sequence[Product], scored: Sequence[Outcome], data: Path, evidence: Evidence
) -> str:
    """The page of one model; `data` is the shard folder, for the pictures that `products` do not hold."""
    panel = Panel(
        label="model",
        inputs=result.inputs,
        uses_picture=result.uses_picture,
        verdict=result.verdict,
        figures=page.by_key(result.scores),
        outcomes=headline(scored, result.inputs.spec),
        asked=page.by_protocol(result.scores, result.inputs.spec.split),
    )
    validated = page.by_protocol(result.scores, "validation") if result.chosen else {}
    return _rendered(
        result,
        [panel],
        products,
        data,
        evidence,
        skipped=result.skipped,
        run=result,
        reached=result,
        validated=validated,
    )


def comparison_page(
    comparison: Comparison,
    results: tuple[Result, Result],
    products: Sequence[Product],
    scored: tuple[Sequence[Outcome], Sequence[Outcome]],
    data: Path,
    evidence: Evidence,
) -> str:
    """The page of two models; `results` are theirs, products and outcomes those that were compared."""
    panels = [
        Panel(
            label=label,
            inputs=side.inputs,
            uses_picture=side.uses_picture,
            verdict=side.verdict,
            figures=page.by_key(result.scores),
            outcomes=headline(of_side, side.inputs.spec),
            asked=page.by_protocol(result.scores, side.inputs.spec.split),
        )
        for label, side, result, of_side in zip(
            ("base", "tuned"), (comparison.base, comparison.tuned), results, scored, strict=True
        )
    ]
    split = comparison.tuned.inputs.spec.split
    return _rendered(
        comparison,
        panels,
        products,
        data,
        evidence,
        differences=page.by_key(comparison.scores),
        gains=page.by_protocol(comparison.scores, split),
        reached=results[1],
    )


def matrix_page(matrix: Matrix) -> str:
    """The page of a mix x test matrix."""
    asked: dict[str, list[tuple[str, str]]] = {}
    for contrast in matrix.contrasts:
        pairs = asked.setdefault(contrast.test, [])
        if (contrast.before, contrast.after) not in pairs:
            pairs.append((contrast.before, contrast.after))
    return (
        page_templates()
        .get_template("matrix.html.j2")
        .render(
            matrix=matrix,
            cells={(cell.mix, cell.test, cell.metric): cell for cell in matrix.cells},
            contrasts={(c.test, c.before, c.after, c.metric): c for c in matrix.contrasts},
            asked=asked,
            questions=sum(len(pairs) for pairs in asked.values()),
            document=embedded(document_of(matrix)),
        )
    )


def embedded(document: Any) -> Markup:
    """JSON that is safe inside a script element: no character of it can end or open one."""
    text = json.dumps(document, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # escaped by hand above


def _rendered(
    record: Result | Comparison,
    panels: list[Panel],
    products: Sequence[Product],
    data: Path,
    evidence: Evidence,
    **more: Any,
) -> str:
    rows = page.headline_rows(record.counts)
    prices = {product.product_code: product.full_price or 0.0 for product in products}
    currency = next((f" ({escape(product.currency_code)})" for product in products if product.currency_code), "")
    spec = panels[-1].inputs.spec
    series = [page.price_points(panel, prices, rows) for panel in panels]
    environment = page_templates()
    context = {
        "record": record,
        "panels": panels,
        "last": panels[-1],
        "rows": rows,
        "lines": page.table_lines(record.scores, record.counts),
        "spec": spec,
        "differences": {},
        "gains": {},
        "validated": {},
        "skipped": (),
        "run": None,
        "page": page,
        "scatter": Markup(scatter(series, spec.price_tolerance, currency)),  # numbers, and an escaped currency
        "calibrations": {points.name: page.calibration(points) for points in series},
        "price_counts": {points.name: len(points.pairs) for points in series},
        "cards": gallery(products, [p.outcomes for p in panels], data, _encoded(products)),
        "commands": _commands(record),
        "document": embedded(document_of(record)),
        "evidence": Markup(pack(evidence)),  # base64
        "script_hash": _script_hash(environment),
        **more,
    }
    return environment.get_template("report.html.j2").render(context)


def _refuse_changed(folder: Path, side: Side) -> None:
    log = folder / PREDICTIONS
    if not log.is_file() or file_sha256(log) != side.predictions_sha256:
        problem = "is not there any more" if not log.is_file() else "has changed since it was compared"
        raise ToileError(str(log), problem, "run `toile compare` again")


def _encoded(products: Sequence[Product]) -> dict[str, bytes]:
    return {product.product_code: product.image for product in products if product.image}


@functools.cache
def page_templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(pct=_pct, span=_span, points=_points, p=_p)
    return environment


def _script_hash(environment: jinja2.Environment) -> str:
    """For the content security policy: the digest of the one script that may run."""
    script = environment.get_template("report.js.j2").render()
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _commands(record: Result | Comparison) -> list[str]:
    if isinstance(record, Result):
        return [_evaluate_command(record.inputs, "RESULT")]
    return [
        _evaluate_command(record.base.inputs, "BASE"),
        _evaluate_command(record.tuned.inputs, "TUNED"),
        "toile compare BASE TUNED --out COMPARISON",
    ]


def _evaluate_command(inputs: Inputs, out: str) -> str:
    spec = inputs.spec
    words = ["toile", "evaluate", "--model", inputs.model]
    words += ["--adapter", inputs.adapter] if inputs.adapter else []
    words += ["--data", inputs.data, "--out", out, "--split", spec.split]
    words += [word for protocol in spec.protocols for word in ("--protocol", protocol)]
    words += ["--choose-prompt"] if spec.choose_prompt else []
    if spec.controls != EvaluationSpec().controls:
        words += [word for control in spec.controls or ("none",) for word in ("--control", control)]
    words += ["--backend", "openai", "--url", inputs.server] if inputs.server else []
    words += ["--limit", str(spec.limit)] if spec.limit else []
    return shlex.join([*words, "--batch-size", str(spec.batch_size)])


def _pct(value: float | None, n: int = 0) -> str:
    """A share in percent; a decimal only where n carries it."""
    return "\u2013" if value is None else f"{100 * value:.{1 if n >= 1000 else 0}f}\u202f%"


def _span(score: Any) -> str:
    """An interval in percent."""
    if score.low is None or score.high is None:
        return "no interval"
    digits = 1 if score.n >= 1000 else 0
    return f"{100 * score.low:.{digits}f}\u2013{100 * score.high:.{digits}f}"


def _points(value: float | None, n: int = 0) -> str:
    """A difference in percentage points, with its sign."""
    return "\u2013" if value is None else f"{100 * value:+.{1 if n >= 1000 else 0}f}".replace("-", "\u2212")


def _p(value: float | None) -> str:
    return "\u2013" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.2g}"
