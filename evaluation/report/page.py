"""The report: one HTML file without references outside itself, for a result, a comparison or a matrix of mixes.

Layout and text are in `report.html.j2`; figures and sentences are prepared here, what follows from single answers in
`evaluation.report.plots`. `write_index` lists the pages below a folder. Titles and answers are untrusted text: all
values are escaped, embedded JSON cannot close its element, and a content security policy admits only our style and
script (`schemas.util.pages`).
"""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from markupsafe import Markup

from evaluation.metrics.baselines import CATEGORY_MEDIAN, NEAREST_IMAGE, make_baselines, score_baseline
from evaluation.metrics.metrics import FAILURES, METRICS
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
from evaluation.report.plots import (
    calibrate,
    collect_prices,
    count_confusions,
    group_errors,
    plot_prices,
    read_attributes,
    select_gallery,
)
from evaluation.run_dir import INPUTS, REPORT, find_data, relative, write_text
from evaluation.stats.intervals import Estimate
from finetune.tracking import TrainingCurve, find_training, read_training
from schemas.documents import from_dict, read_document
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS, EvaluationSpec
from schemas.product import Product
from schemas.result import (
    COMPARISON,
    MATRIX,
    OTHER,
    RESULT,
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
from schemas.util.pages import embed_json, format_amount, render_page, share_bar

TEMPLATES = Path(__file__).parent
STYLES = ("base.css.j2", "page.css.j2", "report.css.j2")
INDEX = "index.html"
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
TITLES = {
    "joint": "Exact match (all fields)",
    "category": "Category",
    "title": "Title",
    "title_exact": "Title to the letter",
    "price": "Price",
    "reasoning": "Mean accuracy",
}
"""Headline metric -> its name on the page."""
BASELINES = {
    NEAREST_IMAGE: "nearest training image",
    CATEGORY_MEDIAN: "median price of the true category",
    "majority-category": "most common category",
    "category-prior": "random category, as often as in training",
    "commonest-title": "most common title",
    "category-commonest-title": "most common title of the true category",
    "median-price": "median price",
    "majority-category-median": "median price of the most common category",
    "predicted-category-median": "median price of the answered category",
    "constant": "most common answer to everything",
}
REASONS = {
    "ok": "right",
    "wrong": "wrong",
    "missing": "missing",
    "truncated": "cut off",
    "refused": "refused",
    "out-of-set": "no such category",
    "unreadable": "unreadable",
    "not-positive": "not positive",
    "contradiction": "contradicts",
}
"""Reason of an outcome -> words of the page, where they are not the reason's own."""
_SEVERAL = "each in its own currency"
_RIGHT = {"joint": "products exactly right", "category": "categories right", "price": "prices right"}
_ROWS = {
    "all": "all rows",
    "inferable": "visually identifiable rows",
    "clean": "rows that training has not touched",
    "touched": "rows that training has touched",
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
    """Of the headline protocol."""
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

    def own_image(self, rows: str) -> list[Outcome]:
        """Return the outcomes about the products' own images."""
        return [o for o in self.outcomes if o.control == "none" and (rows == "all" or o.inferable)]

    @property
    def name(self) -> str:
        """The model, and its adapter where it has one."""
        return self.inputs.model if self.inputs.adapter is None else f"{self.inputs.model} + {self.inputs.adapter}"


def headline_rows(counts: Counts) -> str:
    """Return `inferable` where there are visually identifiable rows, else `all`."""
    return "inferable" if counts.inferable else "all"


def headline_metric(rows: Sequence[Score] | Sequence[Difference]) -> str:
    """Return the metric that sums a protocol up: exact match, or the one field that it answers."""
    first = rows[0]
    found = {
        row.metric for row in rows if (row.protocol, row.split) == (first.protocol, first.split) and _is_own_image(row)
    }
    return next(metric for metric in ("joint", "category", "price") if metric in found)


def table_lines(rows: Sequence[Score] | Sequence[Difference], counts: Counts) -> list[tuple[str, str | None]]:
    """Return the lines of a table by category as (kind of rows, category): all together, then by size.

    Categories are judged on visually identifiable rows; those that no image shows follow, on all rows. `(other)` is
    last.
    """
    sizes: dict[tuple[str, str | None], int] = {}
    metric = headline_metric(rows)
    for row in rows:
        if row.metric == metric and _is_own_image(row):
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
    """Return the baselines that answer what the model answers, in the order of the scores, the nearest image first."""
    answered = {s.metric for s in panel.figures.values() if s.baseline is None}
    found = dict.fromkeys(
        s.baseline for s in panel.figures.values() if s.baseline is not None and s.metric in answered & TITLES.keys()
    )
    return sorted(found, key=lambda name: name != NEAREST_IMAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """How often a field was wrong for one reason."""

    field: str
    reason: str
    shares: tuple[Score | None, ...]
    """By model."""


def failure_rows(panels: Sequence[Panel], rows: str) -> list[FailureRow]:
    """Return the reasons that occurred, by field, the most frequent of the last model first."""
    found = []
    for field, reasons in FAILURES.items():
        lines = [
            FailureRow(
                field=field,
                reason=reason,
                shares=tuple(panel.figure(f"{field}:{reason}", rows) for panel in panels),
            )
            for reason in reasons
        ]
        lines = [each for each in lines if any(share is not None and share.value for share in each.shares)]
        found += sorted(lines, key=lambda each: -(each.shares[-1].value or 0) if each.shares[-1] else 0)
    return found


def by_key(rows: Sequence[Row], protocol: str | None = None) -> dict[Key, Row]:
    """Index scores or differences of one protocol by key, in the split of the headline protocol, which comes first.

    `protocol` None means the headline protocol.
    """
    found: dict[Key, Row] = {}
    for row in rows:
        if (row.protocol, row.split) == (protocol or rows[0].protocol, rows[0].split):
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


def headline_sentences(
    panels: Sequence[Panel], rows: str, metric: str, differences: Mapping[Key, Difference]
) -> list[str]:
    """Return what the page says first: how much is right, whether that is a gain, and whether it beats looking up."""
    last, words = panels[-1], _RIGHT[metric]
    spec = last.inputs.spec
    found = []
    for panel in reversed(panels):
        score = panel.figure(metric, rows)
        if score is None or score.value is None:
            continue
        who = "The model" if len(panels) == 1 else f"The {panel.label} model"
        right = round(score.value * score.n)
        interval = f"{100 * spec.confidence:g} % interval {_format_interval(score)} %"
        if right:
            share = _format_percent(score.value, score.n)
            found.append(f"{who} gets {right:,} of {score.n:,} {words}: {share} ({interval}).")
        else:
            found.append(f"{who} gets none of {score.n:,} {words} ({interval}).")
    difference = differences.get((metric, rows, "none", None, None))
    if difference is not None and difference.difference is not None:
        found.append(_gain_sentence("Fine-tuning", difference))
    nearest = last.figure(metric, rows, baseline=NEAREST_IMAGE)
    if nearest is not None and nearest.value is not None:
        share = _format_percent(nearest.value, nearest.n)
        text = f"The answer of the nearest training image, which needs no understanding, is right in {share}"
        against = differences.get((metric, rows, "none", None, NEAREST_IMAGE))
        if against is not None and against.difference is not None:
            text += f": {_beats(against)}"
        found.append(f"{text}.")
    return found


def _gain_sentence(what: str, row: Difference) -> str:
    points, limits = _format_points(row.difference, row.n), _format_limits(row)
    p = "" if row.p is None else f", p{'' if row.p < 0.0001 else ' ='} {_format_p(row.p)}".replace(" ", "\u00a0")
    p = p.replace("\u00a0", " ", 1)  # a line may break before the p
    if row.low is not None and row.low > 0:
        return f"{what} gains {points} points ({limits}{p})."
    if row.high is not None and row.high < 0:
        return f"{what} loses {points} points ({limits}{p})."
    if not row.difference:
        return f"{what} makes no difference on these rows ({limits} points{p})."
    return f"{what} changes it by {points} points ({limits}{p}), which may be chance."


def _beats(row: Difference) -> str:
    change = f"{_format_points(row.difference, row.n)} points, {_format_limits(row)}"
    if row.low is not None and row.low > 0:
        return f"the tuned model is above it ({change})"
    if row.high is not None and row.high < 0:
        return f"the tuned model is below it ({change})"
    return f"the difference may be chance ({change})" if row.difference else f"so is the tuned model ({change})"


def _format_limits(row: Difference) -> str:
    if row.low is None or row.high is None:
        return "no interval"
    return f"{_format_points(row.low, row.n)} to {_format_points(row.high, row.n)}"


def image_sentence(panel: Panel, rows: str) -> str:
    """Return whether a model uses the image, with the largest of its gains over images without evidence."""
    who = "The model" if panel.label == "model" else f"The {panel.label} model"
    if panel.uses_picture is None:
        reason = panel.verdict.removeprefix("not tested: ").partition("gain over blind baselines")[0].rstrip(" (;")
        closing = ")" * (reason.count("(") - reason.count(")"))
        return _format_sentence(f"Whether {who[0].lower()}{who[1:]} uses the image is not known: {reason}{closing}")
    gains = [
        (TITLES[metric].lower(), gain)
        for metric in TITLES
        if (gain := panel.figure(f"{metric}_visual_gain", rows)) is not None and gain.value is not None
    ]
    verb = "uses the image" if panel.uses_picture else "does not use the image, as far as these rows can tell"
    if not gains or not panel.uses_picture:
        return f"{who} {verb}."
    name, gain = max(gains, key=lambda pair: pair[1].low if pair[1].low is not None else -1.0)
    low, high = _format_points(gain.low, gain.n), _format_points(gain.high, gain.n)
    change = f"{_format_points(gain.value, gain.n)} points in {name} ({low} to {high})"
    return f"{who} {verb}: its own image instead of a blank or another one brings {change}."


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
        html = render_comparison_page(
            comparison, results, evidence.products, (first, second), shards, evidence, near=folder
        )
    else:
        result = read_result(folder)
        shards = find_data(folder, result, data)
        evidence = read_evidence(folder, shards)
        (scored,) = evidence.outcomes()
        judged = [product for product in evidence.products if product.split == result.inputs.spec.split]
        html = render_result_page(result, judged, scored, shards, evidence, near=folder)
    write_text(folder / REPORT, html)
    return folder / REPORT


def render_result_page(
    result: Result,
    products: Sequence[Product],
    scored: Sequence[Outcome],
    data: Path,
    evidence: Evidence,
    *,
    near: Path | None = None,
) -> str:
    """Return the page of one model; images that `products` do not hold are read from the catalog `data`.

    `near` is the folder of the result: a training run is found relative to it too.
    """
    spec = result.inputs.spec
    panel = _make_panel("model", result, scored, spec)
    validated = by_protocol(result.scores, "validation") if result.chosen else {}
    return _render_report(
        result,
        [panel],
        products,
        data,
        evidence,
        near,
        run=result,
        reached=result,
        skipped=result.skipped,
        validated=validated,
    )


def render_comparison_page(
    comparison: Comparison,
    results: tuple[Result, Result],
    products: Sequence[Product],
    scored: tuple[Sequence[Outcome], Sequence[Outcome]],
    data: Path,
    evidence: Evidence,
    *,
    near: Path | None = None,
) -> str:
    """Return the page of two models; `results` are theirs, products and outcomes those compared.

    `near` is the folder of the comparison: a training run is found relative to it too.
    """
    panels = [
        _make_panel(label, result, of_side, replace(side.inputs.spec, protocols=evidence.spec.protocols))
        for label, side, result, of_side in zip(
            ("base", "tuned"), (comparison.base, comparison.tuned), results, scored, strict=True
        )
    ]
    return _render_report(
        comparison,
        panels,
        products,
        data,
        evidence,
        near,
        differences=by_key(comparison.scores),
        gains=by_protocol(comparison.scores, comparison.scores[0].split),
        reached=results[1],
    )


def _make_panel(label: str, result: Result, scored: Sequence[Outcome], spec: EvaluationSpec) -> Panel:
    return Panel(
        label=label,
        inputs=replace(result.inputs, spec=spec),
        uses_picture=result.uses_picture,
        verdict=result.verdict,
        figures=by_key(result.scores, spec.protocol),
        outcomes=headline_outcomes(scored, spec),
        asked=by_protocol(result.scores, spec.split),
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
        styles=STYLES,
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
    near: Path | None,
    **more: Any,
) -> str:
    rows, metric = headline_rows(record.counts), headline_metric(record.scores)
    last = panels[-1]
    spec = last.inputs.spec
    own = [panel.own_image(rows) for panel in panels]
    series = [collect_prices(panel.label, outcomes) for panel, outcomes in zip(panels, own, strict=True)]
    asked = {outcome.product_code for outcome in own[-1]}
    unit = _price_unit(product for product in products if product.product_code in asked)
    curves = [(panel, curve) for panel in panels if (curve := _training_curve(panel.inputs, near)) is not None]
    context: dict[str, Any] = {
        "record": record,
        "panels": panels,
        "last": last,
        "rows": rows,
        "metric": metric,
        "lines": table_lines(record.scores, record.counts),
        "spec": spec,
        "unit": unit,
        "differences": {},
        "gains": {},
        "validated": {},
        "skipped": (),
        "run": None,
        "page": _TEMPLATE_HELPERS,
        "prices": plot_prices(series, spec.price_tolerance, f" ({unit})" if unit else ""),
        "calibrations": {points.name: [] if unit == _SEVERAL else calibrate(points) for points in series},
        "confusions": count_confusions(own),
        "attributes": group_errors(own, read_attributes(data, spec.split, asked), spec, metric),
        "galleries": select_gallery(
            products,
            [panel.own_image("all") for panel in panels],
            _nearest_outcomes(evidence, spec),
            data,
            _encoded_images(products),
        ),
        "curves": curves,
        "commands": _commands(record),
        "document": embed_json(document_of(record)),
        "evidence": Markup(pack_evidence(evidence)),  # base64
        **more,
    }
    context["sentences"] = headline_sentences(panels, rows, metric, context["differences"])
    return render_page(
        TEMPLATES,
        "report.html.j2",
        styles=STYLES,
        scripts=("sort.js.j2",),
        filters=FILTERS,
        **context,
    )


def _price_unit(products: Iterator[Product]) -> str:
    """Return the currency of the prices; of several currencies that each row has its own, "" where none is known."""
    found = sorted({product.currency_code for product in products if product.currency_code})
    return found[0] if len(found) == 1 else _SEVERAL if found else ""


def _nearest_outcomes(evidence: Evidence, spec: EvaluationSpec) -> list[Outcome]:
    """Score the answer of the nearest training image to each row; nothing where the catalog has no train rows."""
    if evidence.habits is None:
        return []
    judged = [product for product in evidence.products if product.split == spec.split]
    baselines = make_baselines(evidence.habits, {}, spec.seed)
    nearest = next((each for each in baselines if each.name == NEAREST_IMAGE), None)
    return [] if nearest is None else score_baseline(nearest, judged, spec, evidence.habits.categories)


def _training_curve(inputs: Inputs, near: Path | None) -> TrainingCurve | None:
    """Return the curve of the run that trained a model; None where its folder is not near or holds another model."""
    name, sha256 = (inputs.adapter, inputs.adapter_sha256) if inputs.adapter else (inputs.model, inputs.model_sha256)
    folder = None if sha256 is None else find_training(name, near, sha256)
    return None if folder is None else read_training(folder)


def _refuse_changed_predictions(folder: Path, side: Side) -> None:
    log = folder / PREDICTIONS
    if not log.is_file() or file_sha256(log) != side.predictions_sha256:
        problem = "does not exist any more" if not log.is_file() else "has changed since it was compared"
        raise ToileError(str(log), problem, "run `toile compare` again")


def _encoded_images(products: Sequence[Product]) -> dict[str, bytes]:
    return {product.product_code: product.image for product in products if product.image}


def _bar(label: str, score: Score | Estimate | None, css_class: str, *marks: float) -> Markup:
    """Return the bar of a share with its interval; empty without a value."""
    if score is None or score.value is None:
        return Markup()
    words = f"{label} {_format_percent(score.value, score.n)}, interval {_format_interval(score)} %"
    return Markup(share_bar(words, score.value, score.low, score.high, css_class, marks))  # escaped there


def _heat(count: int, total: int) -> str:
    """Return the class that shades a cell by its share of a row, from h1 to h9; "" for an empty cell."""
    return f"h{max(1, round(9 * count / total))}" if count and total else ""


_TEMPLATE_HELPERS = {
    "BASELINES": BASELINES,
    "CONTROLS": CONTROLS,
    "NEAREST": NEAREST_IMAGE,
    "PROTOCOLS": PROTOCOLS,
    "reason": lambda reason: REASONS.get(reason, reason.replace("-", " ")),
    "ROWS": _ROWS,
    "TITLES": TITLES,
    "bar": _bar,
    "baseline_names": baseline_names,
    "ceiling": best_achievable,
    "controls": shown_controls,
    "failures": failure_rows,
    "heat": _heat,
    "image_sentence": image_sentence,
    "protocols": shown_protocols,
    "rates": {name for name, figure in METRICS.items() if figure.kind == "rate"},
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
        words += [word for ours, theirs in inputs.columns.items() for word in ("--column", f"{ours}={theirs}")]
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


def _format_sentence(text: str, names: Sequence[str] = ()) -> str:
    """Return a note as a sentence: a capital letter first, unless it begins with one of `names`, and a full stop."""
    text = text.strip()
    first = text[:1] if text.startswith(tuple(name for name in names if name)) else text[:1].upper()
    return first + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _format_about(value: float) -> str:
    """Return an amount without decimals from 10 on."""
    return format_amount(float(round(value)) if abs(value) >= 10 else value)


FILTERS: Mapping[str, Callable[..., str]] = {
    "about": _format_about,
    "amount": format_amount,
    "limits": _format_limits,
    "pct": _format_percent,
    "span": _format_interval,
    "points": _format_points,
    "p": _format_p,
    "sentence": _format_sentence,
}
"""Jinja filters of the templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One finished or unfinished folder below the folder of an index."""

    name: str
    """Its path below the folder of the index."""
    href: str | None
    """The relative address of its page, where there is one."""
    record: Any
    """What it holds: a `Result`, `Comparison`, `Matrix` or `TrainingCurve`; a sentence for what cannot be read."""

    figures: Mapping[str, Score | Difference]
    """The headline figures of a result or a comparison, by metric; empty for others."""


def write_index(folder: Path, *, force: bool = False) -> tuple[Path, int]:
    """Write one page that lists all evaluations, comparisons, matrices and training runs below a folder.

    Returns the page and the number of folders in it. Raises ToileError where there is nothing to list, and for an
    `index.html` that was not made here, unless `force`.
    """
    page = folder / INDEX
    if page.is_file() and not force and _INDEX_MARK not in page.read_bytes()[:2000]:
        raise ToileError(str(page), "was not made by toile", "move it away, or replace it with --force")
    rows = [row for place in _folders(folder) for row in _index_rows(place, folder)]
    if not rows:
        raise ToileError(
            str(folder), "holds no evaluation, comparison, matrix or training run", "name the folder above the results"
        )
    kinds: dict[str, list[IndexRow]] = {"Comparison": [], "Result": [], "Matrix": [], "TrainingCurve": [], "str": []}
    for row in rows:
        kinds[type(row.record).__name__].append(row)
    html = render_page(
        TEMPLATES,
        "index.html.j2",
        styles=STYLES,
        scripts=("sort.js.j2",),
        filters=FILTERS,
        top=folder.resolve().name or str(folder),
        kinds=kinds,
        total=len(rows),
        headline_rows=headline_rows,
        page=_TEMPLATE_HELPERS,
    )
    write_text(page, html)
    return page, len(rows)


_UNFINISHED = "is an unfinished evaluation; the same command continues it"
_INDEX_MARK = b'<meta name="generator" content="toile report index">'


def _folders(top: Path) -> Iterator[Path]:
    """Yield a folder and all below it in the order of their paths, without hidden ones; links are not followed."""
    for place, names, _ in os.walk(top):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield Path(place)


def _index_rows(place: Path, top: Path) -> Iterator[IndexRow]:
    """Yield what a folder holds; nothing for most."""
    name = relative(place, top)
    page = place / REPORT
    href = quote(relative(page, top)) if page.is_file() else None
    readers: dict[str, Callable[[Path], Any]] = {
        COMPARISON: read_comparison,
        RESULT: read_result,
        MATRIX: lambda where: from_dict(Matrix, read_document(where / MATRIX), str(where / MATRIX)),
        "run.json": read_training,
    }
    found = [file for file in readers if (place / file).is_file()]
    if not found and (place / INPUTS).is_file():
        yield IndexRow(name=name, href=None, record=_UNFINISHED, figures={})
    for file in found:
        try:
            record = readers[file](place)
        except ToileError as error:
            record = f"cannot be read: {error.problem}"
        yield IndexRow(name=name, href=href, record=record, figures=_headline_figures(record))


def _headline_figures(record: Any) -> dict[str, Score | Difference]:
    if not isinstance(record, Result | Comparison):
        return {}
    scores: Sequence[Any] = record.scores  # of one kind; the checker sees two
    found: Mapping[Key, Any] = by_key(scores)
    rows = headline_rows(record.counts)
    return {name: row for name in TITLES if (row := found.get((name, rows, "none", None, None))) is not None}
