"""The report: one HTML file without references outside itself, for a result, a comparison or a matrix of mixes.

Layout and text are in `report.html.j2`; everything that needs arithmetic is here. Titles and answers are untrusted
text: all values are escaped, embedded JSON cannot close its element, and a content security policy admits only our
script (`schemas.util.pages`).
"""

import itertools
import shlex
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from markupsafe import Markup

from evaluation.metrics.metrics import FAILURES
from evaluation.metrics.score_matrix import headline_outcomes
from evaluation.metrics.scoring import Outcome
from evaluation.report.evidence import (
    Evidence,
    pack_evidence,
    read_evaluation,
    read_evidence,
    read_paired_evidence,
    refuse_unpaired,
)
from evaluation.report.plots import Points, plot_prices, select_gallery
from evaluation.run_dir import REPORT, find_data, write_text
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS, EvaluationSpec
from schemas.product import Product
from schemas.result import (
    COMPARISON,
    OTHER,
    Comparison,
    Counts,
    Difference,
    Inputs,
    Matrix,
    Result,
    Score,
    Side,
    document_of,
    read_comparison,
    read_result,
)
from schemas.util.files import file_sha256
from schemas.util.pages import embed_json, render_page

TEMPLATES = Path(__file__).parent
CONFUSED = 12
"""Categories in the confusion table; the others share a row and a column."""
GROUPS = 5
LEAST_IN_GROUP = 5
"""Answers per calibration group."""
NO_CATEGORY = "no such category"
CONTROLS = {
    "none": "own image",
    "blank": "blank image",
    "shuffled": "another image",
    "shuffled_in_category": "another one of its category",
}
PROTOCOLS = {
    "generate": "the training prompt, answered freely",
    "instructed": "with form, categories and currency in the prompt",
    "examples": "instructed, with answers about other images",
    "constrained": "instructed, and only the form can be written",
    "rank": "categories by log-probability",
    "price": "prices by log-probability",
    "best": "each model under its own prompt",
}


Key = tuple[str, str, str, str | None, str | None]
"""Metric, rows, control, category, baseline."""
Row = TypeVar("Row", Score, Difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One model on the page."""

    label: str
    """model, base or tuned."""
    inputs: Inputs
    uses_picture: bool | None
    verdict: str
    figures: Mapping[Key, Score]
    """As `by_key` makes them."""
    outcomes: Sequence[Outcome]
    asked: Mapping[tuple[str, str, str], Score]
    """As `by_protocol` makes them."""

    def figure(
        self,
        metric: str,
        rows: str,
        control: str = "none",
        category: str | None = None,
        baseline: str | None = None,
    ) -> Score | None:
        """Return the score with these keys, if there is one."""
        return self.figures.get((metric, rows, control, category, baseline))

    @property
    def name(self) -> str:
        """The model, and its adapter where it has one."""
        return self.inputs.model if self.inputs.adapter is None else f"{self.inputs.model} + {self.inputs.adapter}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often rows of a true category were answered as each category."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[int, ...]], ...]
    """True category, its number of rows, and the counts in the order of `columns`."""


def headline_rows(counts: Counts) -> str:
    """Return `inferable` where there are visually identifiable rows, else `all`."""
    return "inferable" if counts.inferable else "all"


def table_lines(rows: Sequence[Score] | Sequence[Difference], counts: Counts) -> list[tuple[str, str | None]]:
    """Return the lines of a table by category as (kind of rows, category): all together, then by size.

    Categories are judged on visually identifiable rows; those that no image shows follow, on all rows. `(other)` is
    last.
    """
    sizes: dict[tuple[str, str | None], int] = {}
    for row in rows:
        if row.metric == "joint" and _is_own_image(row):
            sizes.setdefault((row.rows, row.category), row.n)  # the headline protocol comes first
    first = headline_rows(counts)
    kinds = [first] if counts.inferable in {0, counts.evaluated} else [first, "all"]
    lines: list[tuple[str, str | None]] = [(kind, None) for kind in kinds]
    listed: set[str | None] = {None, OTHER}
    for kind in kinds:
        names = [name for rows_of, name in sizes if rows_of == kind and name not in listed]
        lines += [(kind, name) for name in sorted(names, key=lambda name: (-sizes[(kind, name)], str(name)))]
        listed |= set(names)
    return [*lines, *([(first, OTHER)] if (first, OTHER) in sizes else [])]


def baseline_names(panel: Panel) -> list[str]:
    """Return the baselines in the order of the scores."""
    return list(dict.fromkeys(s.baseline for s in panel.figures.values() if s.baseline is not None))


def failures(panel: Panel, rows: str) -> dict[str, list[Score]]:
    """Return by field the shares of the reasons that occurred, the largest first."""
    found = {}
    for field, reasons in FAILURES.items():
        shares = [panel.figure(f"{field}:{reason}", rows) for reason in reasons]
        found[field] = sorted((s for s in shares if s is not None and s.value), key=lambda s: -(s.value or 0))
    return found


def confusion(panel: Panel, rows: str) -> Confusion:
    """Count true against answered categories; missing, unreadable and unknown categories share a column."""
    judged = [o for o in panel.outcomes if o.control == "none" and (rows == "all" or o.inferable)]
    sizes = Counter(outcome.category for outcome in judged)
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:CONFUSED]
    seen = Counter((_column_name(o.category, largest), _column_name(o.answered_category, largest)) for o in judged)
    truths = [*largest, *([OTHER] if len(sizes) > CONFUSED else [])]
    columns = [*largest, OTHER, NO_CATEGORY]
    used = [column for column in columns if column in largest or any(seen[(truth, column)] for truth in truths)]
    return Confusion(
        columns=tuple(used),
        rows=tuple(
            (truth, sum(seen[(truth, column)] for column in used), tuple(seen[(truth, column)] for column in used))
            for truth in truths
        ),
    )


def collect_prices(panel: Panel, truths: dict[str, float], rows: str) -> Points:
    """Return true and answered price of every answer with a price."""
    judged = [o for o in panel.outcomes if o.control == "none" and (rows == "all" or o.inferable)]
    return Points(
        name=panel.label,
        pairs=[(o.product_code, truths[o.product_code], o.answer.price) for o in judged if o.answer.price is not None],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationGroup:
    """Products with similar answered prices."""

    n: int
    answered: float
    """Median of the answered prices."""
    true: float
    """Median of the true prices."""
    ratio: float
    """Median of true / answered: the factor by which an answer of this size should be multiplied."""


def calibrate(points: Points) -> list[CalibrationGroup]:
    """Group answers by answered price into up to five groups of one size; no group for few answers.

    A calibrated model has a ratio of 1 in each. One that answers the same everywhere has a single group, which is right
    on the whole and says nothing.
    """
    ordered = sorted((answered, true) for _, true, answered in points.pairs)
    groups = min(GROUPS, len(ordered) // LEAST_IN_GROUP)
    ends = [len(ordered) * number // groups for number in range(groups + 1)] if groups else []
    found = []
    for first, last in itertools.pairwise(ends):
        part = ordered[first:last]
        found.append(
            CalibrationGroup(
                n=len(part),
                answered=statistics.median(answered for answered, _ in part),
                true=statistics.median(true for _, true in part),
                ratio=statistics.median(true / answered for answered, true in part),
            )
        )
    return found


def by_key(rows: Sequence[Row]) -> dict[Key, Row]:
    """Index scores or differences by key; those of the headline protocol, which come first, win."""
    found: dict[Key, Row] = {}
    for row in rows:
        found.setdefault((row.metric, row.rows, row.control, row.category, row.baseline), row)
    return found


def by_protocol(rows: Sequence[Row], split: str) -> dict[tuple[str, str, str], Row]:
    """Index scores or differences of all categories, own image, this split, by (protocol, metric, rows)."""
    return {
        (row.protocol, row.metric, row.rows): row
        for row in rows
        if _is_own_image(row) and row.category is None and row.split == split
    }


def shown_protocols(
    asked: Mapping[tuple[str, str, str], Score] | Mapping[tuple[str, str, str], Difference],
) -> list[str]:
    """Return the protocols in the order of their figures; nothing where there is only one."""
    found = list(dict.fromkeys(protocol for protocol, _, _ in asked))
    return found if len(found) > 1 else []


def best_achievable(result: Result, rows: str, metric: str) -> tuple[float, float | None] | None:
    """Return the best achievable score of any model, and the share of it that this model reaches, above 1 with luck.

    None where it is not known. The share is None where the best achievable score is 0 or the model has no score.
    """
    if result.ceiling is None or rows not in result.ceiling:
        return None
    best: float = getattr(result.ceiling[rows], metric)
    score = by_key(result.scores).get((metric, rows, "none", None, None))
    reached = None if score is None or score.value is None or best == 0 else score.value / best
    return best, reached


def shown_controls(panel: Panel, rows: str) -> list[str]:
    """Return the controls that were used, the own image first."""
    found = dict.fromkeys(control for metric, of_rows, control, *_ in panel.figures if of_rows == rows)
    return [control for control in CONTROLS if control in found]


def _is_own_image(row: Score | Difference) -> bool:
    return row.control == "none" and row.baseline is None


def _column_name(name: str | None, largest: Sequence[str]) -> str:
    return NO_CATEGORY if name is None else name if name in largest else OTHER


def write_report(folder: Path, *, data: Path | None = None) -> Path:
    """Write the page of a finished evaluation or comparison folder again; return its path.

    `data` is where the catalog is now, if it was moved. A comparison also needs its two evaluation folders.
    """
    if (folder / COMPARISON).is_file():
        comparison = read_comparison(folder)
        places = [folder / side.from_here for side in (comparison.base, comparison.tuned)]
        shards = find_data(places[0], read_result(places[0]), data)
        for place, side in zip(places, (comparison.base, comparison.tuned), strict=True):
            _refuse_changed_predictions(place, side)
        sides = [read_evaluation(place) for place in places]
        evidence = read_paired_evidence(sides, refuse_unpaired(sides[0], sides[1]), shards)
        first, second = evidence.outcomes()
        results = (sides[0].result, sides[1].result)
        html = render_comparison_page(comparison, results, evidence.products, (first, second), shards, evidence)
    else:
        result = read_result(folder)
        shards = find_data(folder, result, data)
        evidence = read_evidence(folder, shards)
        (scored,) = evidence.outcomes()
        judged = [product for product in evidence.products if product.split == result.inputs.spec.split]
        html = render_result_page(result, judged, scored, shards, evidence)
    write_text(folder / REPORT, html)
    return folder / REPORT


def render_result_page(
    result: Result, products: Sequence[Product], scored: Sequence[Outcome], data: Path, evidence: Evidence
) -> str:
    """Return the page of one model; images that `products` do not hold are read from the catalog `data`."""
    panel = Panel(
        label="model",
        inputs=result.inputs,
        uses_picture=result.uses_picture,
        verdict=result.verdict,
        figures=by_key(result.scores),
        outcomes=headline_outcomes(scored, result.inputs.spec),
        asked=by_protocol(result.scores, result.inputs.spec.split),
    )
    validated = by_protocol(result.scores, "validation") if result.chosen else {}
    return _render_report(
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


def render_comparison_page(
    comparison: Comparison,
    results: tuple[Result, Result],
    products: Sequence[Product],
    scored: tuple[Sequence[Outcome], Sequence[Outcome]],
    data: Path,
    evidence: Evidence,
) -> str:
    """Return the page of two models; `results` are theirs, products and outcomes those compared."""
    panels = [
        Panel(
            label=label,
            inputs=side.inputs,
            uses_picture=side.uses_picture,
            verdict=side.verdict,
            figures=by_key(result.scores),
            outcomes=headline_outcomes(of_side, side.inputs.spec),
            asked=by_protocol(result.scores, side.inputs.spec.split),
        )
        for label, side, result, of_side in zip(
            ("base", "tuned"), (comparison.base, comparison.tuned), results, scored, strict=True
        )
    ]
    split = comparison.tuned.inputs.spec.split
    return _render_report(
        comparison,
        panels,
        products,
        data,
        evidence,
        differences=by_key(comparison.scores),
        gains=by_protocol(comparison.scores, split),
        reached=results[1],
    )


def render_matrix_page(matrix: Matrix) -> str:
    """Return the page of a mix x test matrix."""
    asked: dict[str, list[tuple[str, str]]] = {}
    for contrast in matrix.contrasts:
        pairs = asked.setdefault(contrast.test, [])
        if (contrast.before, contrast.after) not in pairs:
            pairs.append((contrast.before, contrast.after))
    return render_page(
        TEMPLATES,
        "matrix.html.j2",
        styles=("base.css.j2", "report.css.j2"),
        filters=FILTERS,
        matrix=matrix,
        cells={(cell.mix, cell.test, cell.metric): cell for cell in matrix.cells},
        contrasts={(c.test, c.before, c.after, c.metric): c for c in matrix.contrasts},
        asked=asked,
        questions=sum(len(pairs) for pairs in asked.values()),
        document=embed_json(document_of(matrix)),
    )


def _render_report(
    record: Result | Comparison,
    panels: list[Panel],
    products: Sequence[Product],
    data: Path,
    evidence: Evidence,
    **more: Any,
) -> str:
    rows = headline_rows(record.counts)
    prices = {product.product_code: product.full_price or 0.0 for product in products}
    currency = next((f" ({product.currency_code})" for product in products if product.currency_code), "")
    spec = panels[-1].inputs.spec
    series = [collect_prices(panel, prices, rows) for panel in panels]
    context: dict[str, Any] = {
        "record": record,
        "panels": panels,
        "last": panels[-1],
        "rows": rows,
        "lines": table_lines(record.scores, record.counts),
        "spec": spec,
        "differences": {},
        "gains": {},
        "validated": {},
        "skipped": (),
        "run": None,
        "page": _TEMPLATE_HELPERS,
        "scatter": Markup(plot_prices(series, spec.price_tolerance, currency)),  # escaped by schemas.util.pages
        "calibrations": {points.name: calibrate(points) for points in series},
        "price_counts": {points.name: len(points.pairs) for points in series},
        "cards": select_gallery(products, [p.outcomes for p in panels], data, _encoded_images(products)),
        "commands": _commands(record),
        "document": embed_json(document_of(record)),
        "evidence": Markup(pack_evidence(evidence)),  # base64
        **more,
    }
    return render_page(
        TEMPLATES,
        "report.html.j2",
        styles=("base.css.j2", "report.css.j2"),
        scripts=("report.js.j2",),
        style_attributes=True,  # bars and cells are sized by them
        filters=FILTERS,
        **context,
    )


def _refuse_changed_predictions(folder: Path, side: Side) -> None:
    log = folder / PREDICTIONS
    if not log.is_file() or file_sha256(log) != side.predictions_sha256:
        problem = "does not exist any more" if not log.is_file() else "has changed since it was compared"
        raise ToileError(str(log), problem, "run `toile compare` again")


def _encoded_images(products: Sequence[Product]) -> dict[str, bytes]:
    return {product.product_code: product.image for product in products if product.image}


_TEMPLATE_HELPERS = {
    "CONTROLS": CONTROLS,
    "PROTOCOLS": PROTOCOLS,
    "baseline_names": baseline_names,
    "ceiling": best_achievable,
    "confusion": confusion,
    "controls": shown_controls,
    "failures": failures,
    "ways_of_asking": shown_protocols,
}
"""What `report.html.j2` calls as `page.NAME`."""


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
    if inputs.answers:
        files = [file.partition("=") for file in inputs.answers]
        own = ["".join(parts) for parts in files if parts[0] not in CONTROLS]
        given = [word for parts in files if parts[0] in CONTROLS for word in ("--control", "".join(parts))]
        words = ["toile", "score", *own, "--data", inputs.data, "--out", out, "--split", spec.split, *given]
        words += ["--protocol", spec.protocol, *(["--limit", str(spec.limit)] if spec.limit else [])]
        return shlex.join([*words, "--name", inputs.model])
    words = ["toile", "evaluate", "--model", inputs.model]
    words += ["--adapter", inputs.adapter] if inputs.adapter else []
    words += ["--data", inputs.data, "--out", out, "--split", spec.split]
    words += [word for protocol in spec.protocols for word in ("--protocol", protocol)]
    words += ["--choose-prompt"] if spec.choose_prompt else []
    if spec.controls != EvaluationSpec().controls:
        words += [word for control in spec.controls or ("none",) for word in ("--control", control)]
    words += ["--backend", "openai", "--url", inputs.server] if inputs.server else []
    words += ["--limit", str(spec.limit)] if spec.limit else []
    if spec.max_new_tokens != EvaluationSpec().max_new_tokens:
        words += ["--max-new-tokens", str(spec.max_new_tokens)]
    return shlex.join([*words, "--batch-size", str(spec.batch_size)])


def _format_percent(value: float | None, n: int = 0) -> str:
    """Return a share in percent; with a decimal only where n supports it."""
    return "\u2013" if value is None else f"{100 * value:.{1 if n >= 1000 else 0}f}\u202f%"


def _format_interval(score: Any) -> str:
    """Return an interval in percent."""
    if score.low is None or score.high is None:
        return "no interval"
    digits = 1 if score.n >= 1000 else 0
    return f"{100 * score.low:.{digits}f}\u2013{100 * score.high:.{digits}f}"


def _format_points(value: float | None, n: int = 0) -> str:
    """Return a difference in percentage points, with its sign."""
    return "\u2013" if value is None else f"{100 * value:+.{1 if n >= 1000 else 0}f}".replace("-", "\u2212")


def _format_p(value: float | None) -> str:
    return "\u2013" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.2g}"


FILTERS: Mapping[str, Callable[..., str]] = {
    "pct": _format_percent,
    "span": _format_interval,
    "points": _format_points,
    "p": _format_p,
}
"""Jinja filters of the templates."""
