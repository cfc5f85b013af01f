"""Run an audit: compare a synthetic catalog with a real one, write `audit.json` and the page `report.html`.

from generator.audit.run import audit
passed = audit(Path("data/real"), Path("data/twin"), out=Path("results/audit")).passed
"""

import base64
import math
import textwrap
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from markupsafe import Markup

from generator.audit import Findings, skip_check
from generator.audit.fidelity import NUM_SPLITS, ExtraColumns, check_fidelity, measure_quality
from generator.audit.images import ImageFeatures, check_images, concatenate, find_nearest, read_image_features
from generator.audit.privacy import Progress, check_rows, check_spec
from generator.audit.refits import list_cells, make_refit
from generator.audit.rows import (
    ALL,
    AuditTable,
    Floats,
    measure_neighbours,
    read_extra_columns,
    read_real_catalog,
    read_synthetic,
)
from generator.fit.vocabulary import find_attribute_columns, read_colour, read_material
from generator.pages.catalog_page import make_thumbnail, spec_of
from schemas.audit import (
    AUDIT,
    COPIED_ROWS,
    FAIL,
    FIDELITY,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    PASS,
    PRIVACY,
    Audit,
    Bounds,
    Quality,
)
from schemas.catalog import CatalogSpec
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.product import Product, read
from schemas.util.files import as_document, storage_errors, write_json
from schemas.util.pages import Plot, format_tick, line, polygon, polyline, render_page, text, write_page

PAGE = "report.html"
_DISPLAY_NAMES = {
    "membership_auc": "membership (AUC)",
    "membership_tpr": "membership at 1 %",
    "identical_picture_files": "identical image files",
    "identical_pictures": "identical images",
    "copied_pictures": "copied images",
    "replayed_pictures": "replayed images",
    "off_lattice": "off price points",
    "branch_distance": "first two levels distance",
    "leaf_distance": "category distance",
    "told_apart": "classifier two-sample test (AUC)",
    "category_price_level": "price level within categories",
    "title_price_level": "price level by title",
    "worst_category_price": "most different category price",
    "missing_leaf_rows": "rows of missing categories",
    "missing_leaves": "missing categories",
    "missing_difference": "missing values",
    "wrong_categories": "category error",
    "wrong_prices": "price error",
}
"""Names in audit.json that people read as something else."""
_HEADLINES = {PASS: "Passed", FAIL: "Failed", INCONCLUSIVE: "Inconclusive"}
_STATUS_WORDS = {PASS: "ok", FAIL: "FAIL", INCONCLUSIVE: INCONCLUSIVE, NOT_APPLICABLE: "-"}
_LINE = 100
"""Characters of a line of the terminal."""
_PLOT = Plot(width=420, height=280, left=52, right=18, top=12, bottom=40)
_PRICE_STEPS = 120
_BARS = Plot(width=420, height=0, left=134, right=44, top=4, bottom=4)
_BAR_STEP = 31
"""Height in pixels of the two bars of a name."""
_MOST_BARS = 12
_LABEL = 20
"""Characters of a name in a chart."""
_MOST_PAIRS = 8
_EDGE = 160
"""Of a small image of a pair, in pixels."""
_NAMED_SHARE = 0.2
"""Share of rows on both sides that must name a colour or material for it to be shown."""
_FEW_CATEGORIES = 6


Share = tuple[str, float, float]
"""A name, and its shares of the real and of the synthetic rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A real product and the synthetic one that is nearest to it."""

    distance: str
    products: tuple[Product, Product]
    """Real, synthetic; without images."""
    images: tuple[str, str] = ("", "")
    """`data:` URLs of small images; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageData:
    """What the page shows in addition to the audit document."""

    real: AuditTable
    synthetic: AuditTable
    attributes: Mapping[str, Sequence[Share]]
    """Colour, material -> the shares of their values."""
    near_rows: Sequence[Pair]
    """Nearest by title, price, categories and discount."""
    near_images: Sequence[Pair]
    roc: Sequence[tuple[float, float]]
    """Of the best membership attack: false and true positive rates."""
    rendered: bool
    """Whether `toile generate` rendered the images; its renderer reads no image file."""


def audit(
    real_folder: Path | str,
    synthetic_folder: Path | str,
    *,
    out: Path | str | None = None,
    spec: CatalogSpec | None = None,
    spec_name: str | None = None,
    bounds: Bounds | None = None,
    gate: str = PRIVACY,
    num_refits: int = 8,
    num_splits: int = NUM_SPLITS,
    progress: Progress = lambda text: None,
) -> Audit:
    """Audit the privacy and fidelity of a synthetic catalog against a real one.

    Args:
        real_folder: real catalog; its train split is what a fit may have read, the other splits are the holdout.
        synthetic_folder: catalog to audit.
        out: folder for `audit.json` and `report.html`; None writes nothing.
        spec: the spec that the synthetic catalog was generated from; None skips the checks of the spec.
        spec_name: name of the spec in the document.
        bounds: bounds of the checks; default bounds if None.
        gate: kind of checks that decide `passed`: both, privacy or fidelity.
        num_refits: number of families that are left out, one a refit.
        num_splits: random halves of the real families that fidelity figures are averaged over.
        progress: called with a text at the start of each part.

    Raises:
        ToileError: if a folder cannot be audited, or the synthetic catalog was generated from another spec.
    """
    real_folder, synthetic_folder, out = Path(real_folder), Path(synthetic_folder), None if out is None else Path(out)
    bounds = bounds or Bounds()
    if spec is not None:
        _require_own_spec(spec, spec_name or spec.name, synthetic_folder)
    progress("reading rows")
    real, synthetic = read_real_catalog(real_folder), read_synthetic(synthetic_folder)
    progress("reading images")
    train, holdout = read_image_features(real_folder)
    images = concatenate(*read_image_features(synthetic_folder)) if len(train) else train
    progress("checking rows")
    extra, real_extra = read_extra_columns(synthetic_folder), read_extra_columns(real_folder)
    texts = dict(zip(images.names, images.texts, strict=True))
    in_files = {"text in the image file": [texts.get(row.product_code) for row in synthetic.products]}
    found = check_rows(real, synthetic, bounds, {**extra, **in_files}, real_extra)
    progress("comparing images")
    found += check_images(train, holdout, images, bounds)
    if spec is None:
        why = "does not apply: no spec was given (--spec)"
        names = ("string_support", "canaries", "refit_strings", "refit_shares")
        found += Findings(checks=[skip_check(name, PRIVACY, why) for name in names])
    else:
        refit = make_refit(spec, list_cells(real.table, real_extra)) if spec.provenance is not None else None
        found += check_spec(real, spec, bounds, refit, num_refits=num_refits, progress=progress)
    progress("measuring quality")
    quality = measure_quality(real.table, synthetic, (real_extra, extra))
    fidelity, categories = check_fidelity(
        real.table,
        synthetic,
        bounds,
        extra=(real_extra, extra),
        min_support=None if spec is None or spec.provenance is None else spec.provenance.min_support,
        num_splits=num_splits,
        progress=progress,
    )
    checks = (*found.checks, *fidelity)
    result = Audit(
        passed=all(check.passed is not False for check in checks if gate in ("both", check.kind)),
        gate=gate,
        real=str(real_folder),
        synthetic=str(synthetic_folder),
        spec=spec_name,
        num_members=int(real.member.sum()),
        num_holdout=int((~real.member).sum()),
        num_real=len(real.table),
        num_synthetic=len(synthetic),
        bounds=bounds,
        checks=checks,
        diagnostics=tuple(found.diagnostics),
        hits=tuple(found.hits),
        categories=tuple(categories),
        quality=quality,
    )
    if out is not None:
        progress("finding nearest pairs")
        features = concatenate(train, holdout) if len(train) else train
        data = PageData(
            real=real.table,
            synthetic=synthetic,
            attributes=_compare_attributes((real.table, synthetic), (real_extra, extra)),
            near_rows=_add_images(_find_near_rows(real.table, synthetic), real_folder, synthetic_folder),
            near_images=_add_images(
                _find_near_images((real.table, features), (synthetic, images)), real_folder, synthetic_folder
            ),
            roc=found.roc,
            rendered=read_manifest(synthetic_folder).kind == "generate",
        )
        write_audit(result, data, out)
    return result


def _require_own_spec(spec: CatalogSpec, name: str, folder: Path) -> None:
    """Raise ToileError if a catalog was generated from another spec; scenarios may be given on the command line.

    An imported catalog does not know its spec.
    """
    made_from = spec_of(read_manifest(folder), folder)
    if made_from is None:
        return
    given, own = (as_document(replace(each, scenarios={}, description="")) for each in (spec, made_from))
    if given == own:
        return
    if spec.name != made_from.name:
        problem = f"is the spec {spec.name}; {folder} was generated from {made_from.name}"
    else:
        changed = ", ".join(key for key in own if given[key] != own[key])
        problem = f"is not the spec that {folder} was generated from: {changed} differ"
    hint = "give the spec of that catalog, generate it again from this one, or leave --spec out"
    raise ToileError(f"--spec {name}", problem, hint)


def write_audit(audit: Audit, data: PageData, out: Path) -> None:
    """Write `audit.json` and `report.html` into a folder."""
    document = as_document(audit)
    from_dict(Audit, document, str(out / AUDIT))
    with storage_errors(out / AUDIT):
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / AUDIT, document)
    write_page(out / PAGE, render_report(audit, data))


def render_report(audit: Audit, data: PageData) -> str:
    """Return the audit as one HTML page with no reference outside itself; real strings in it are escaped."""
    return render_page(
        Path(__file__).parent,
        "audit.html.j2",
        styles=("base.css.j2", "page.css.j2", "audit.css.j2"),
        audit=audit,
        headline=_HEADLINES[audit.verdict],
        verdict=summarize(audit),
        groups=[(kind, [check for check in audit.checks if check.kind == kind]) for kind in (PRIVACY, FIDELITY)],
        name=display_name,
        number=format_number,
        quality="" if audit.quality is None else summarize_quality(audit.quality),
        charts=[(title, Markup(svg)) for title, svg in plot_distributions(audit, data) if svg],  # escaped where made
        roc=Markup(plot_roc(data.roc)),
        pairs=[
            ("title, price and category", data.near_rows),
            ("image", data.near_images),
        ],
        rendered=data.rendered,
    )


def summarize(audit: Audit) -> list[str]:
    """Return the verdict: sentences on privacy, on the size of a leak that is excluded, and on fidelity."""
    return [_summarize_kind(audit, PRIVACY), *_summarize_copies(audit), _summarize_kind(audit, FIDELITY)]


def format_audit(audit: Audit) -> list[str]:
    """Return the audit for a terminal in lines of at most 100 characters.

    First come the quality score and the verdicts, then failed checks with their meaning, then all others.
    """
    headline = [summarize_quality(audit.quality)] if audit.quality is not None else []
    lines = [line for text in (*headline, *summarize(audit)) for line in textwrap.wrap(text, _LINE)]
    order = (FAIL, INCONCLUSIVE, PASS)
    ordered = sorted(
        (check for check in audit.checks if check.status in order),
        key=lambda check: (order.index(check.status), check.kind == FIDELITY),
    )
    width = max((len(display_name(check.name)) for check in ordered), default=5)
    row = f"{{:12}}  {{:8}}  {{:{width}}}  {{:>8}}  {{:>10}}  {{:>8}}"
    lines += ["", row.format("", "", "check", "value", "passes", "real").rstrip()]
    for check in ordered:
        bound = f"{'<=' if check.better == 'lower' else '>='} {format_number(check.bound)}"
        words = (_STATUS_WORDS[check.status], check.kind, display_name(check.name))
        lines.append(row.format(*words, format_number(check.value), bound, format_number(check.real_against_real)))
        if check.status == FAIL:
            indent = " " * 14
            lines += textwrap.wrap(check.meaning, _LINE, initial_indent=indent, subsequent_indent=indent)
    skipped = [display_name(check.name) for check in audit.checks if check.status == NOT_APPLICABLE]
    if skipped:
        lines += textwrap.wrap(f"Do not apply: {', '.join(skipped)}.", _LINE, subsequent_indent=" " * 14)
    return lines


def summarize_quality(quality: Quality) -> str:
    """Return the quality score and its limit in a sentence."""
    return (
        f"Quality: {quality.score:.3f}, {quality.share_of_limit:.0%} of the {quality.limit:.3f} that real rows reach "
        "against other real rows (SDMetrics' quality report)."
    )


def display_name(name: str) -> str:
    """Return the name of a check as people read it."""
    return _DISPLAY_NAMES.get(name, name.replace("_", " "))


def format_number(value: float | None) -> str:
    """Format a figure with three significant digits; None as a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.3g}"


def plot_distributions(audit: Audit, data: PageData) -> list[tuple[str, str]]:
    """Return caption and SVG of every chart that has the real and the synthetic rows side by side."""
    real, synthetic = data.real, data.synthetic
    names = tuple(_leaf_names(table, len(audit.categories)) for table in (real, synthetic))
    boxes = [
        (name, real.log_price[_places(names[0], name)], synthetic.log_price[_places(names[1], name)])
        for name, _ in Counter(names[0]).most_common(_MOST_BARS)
    ]
    scores: list[Share] = []
    if audit.quality is not None:
        limits = audit.quality.shapes_limit
        scores = [
            (name.removesuffix("_code"), limits.get(name, 0.0), score) for name, score in audit.quality.shapes.items()
        ]
        if audit.quality.pairs is not None:
            scores.append(("pairs of columns", audit.quality.pairs_limit or 0.0, audit.quality.pairs))
    discounts = _shares(_name_discounts(real), _name_discounts(synthetic))
    words = [[word for row in table.words for word in row] for table in (real, synthetic)]
    return [
        (
            "Quality score of each column, of real rows and of synthetic rows against other real rows",
            plot_shares("quality of columns", scores),
        ),
        ("Full prices: share of rows up to each price", plot_prices(_sort_prices(real), _sort_prices(synthetic))),
        (
            "Full prices of the largest categories: 5, 25, 50, 75 and 95 % of the rows are below",
            plot_boxes("prices by category", [(name, np.exp(a), np.exp(b)) for name, a, b in boxes]),
        ),
        ("Share of rows in the largest categories", plot_shares("categories", _shares(names[0], names[1]))),
        (
            "Share of rows with each discount",
            plot_shares("discounts", sorted(discounts, key=lambda share: int(share[0].split()[0]))),
        ),
        (
            "Share of titles with each word",
            plot_shares("title words", _shares(words[0], words[1], totals=(len(real), len(synthetic)))),
        ),
        *(
            (f"Share of each {name} among the rows that name one", plot_shares(name, shares))
            for name, shares in data.attributes.items()
        ),
    ]


def plot_shares(label: str, shares: Sequence[Share]) -> str:
    """Plot two horizontal bars for each name, of the real and of the synthetic rows, as SVG; empty without names."""
    if not shares:
        return ""
    plot = replace(_BARS, height=_BARS.top + _BARS.bottom + _BAR_STEP * len(shares))
    x = plot.x_axis(0, max(max(share[1:]) for share in shares) or 1.0)
    parts = []
    for k, (name, *both) in enumerate(shares):
        top = plot.top + k * _BAR_STEP
        parts.append(text(plot.left - 7, top + 18, _shorten(name), anchor="end"))
        for side, share in enumerate(both):
            y, end = top + 3 + 12 * side, x.position(share)
            parts.append(polygon([(plot.left, y), (end, y), (end, y + 10), (plot.left, y + 10)], f"bar side{side}"))
            parts.append(text(end + 4, y + 9, f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"))
    return plot.svg(label, parts)


def plot_boxes(label: str, groups: Sequence[tuple[str, Floats, Floats]]) -> str:
    """Plot two horizontal boxes of prices for each group, with the median and whiskers at 5 and 95 %, as SVG."""
    found = [(name, [_box_quantiles(real), _box_quantiles(synthetic)]) for name, real, synthetic in groups]
    every = [value for _, both in found for side in both for value in side]
    if not every:
        return ""
    plot = replace(_BARS, height=_BARS.top + 26 + _BAR_STEP * len(found), right=14)
    plot = replace(plot, bottom=26)
    x = plot.x_axis(min(every) / 1.1, max(every) * 1.1, log=True)
    parts = plot.x_ticks(x, [(tick, format_tick(tick)) for tick in x.ticks(most=6)], grid="axis")
    for k, (name, both) in enumerate(found):
        top = plot.top + k * _BAR_STEP
        parts.append(text(plot.left - 7, top + 18, _shorten(name), anchor="end"))
        for side, values in enumerate(both):
            if values:
                y = top + 3 + 12 * side
                low, left, middle, right, high = (x.position(value) for value in values)
                parts.append(line((low, y + 5), (high, y + 5), f"whisker side{side}"))
                parts.append(polygon([(left, y), (right, y), (right, y + 10), (left, y + 10)], f"box side{side}"))
                parts.append(line((middle, y), (middle, y + 10), f"median side{side}"))
    return plot.svg(label, parts)


def plot_prices(real: Sequence[float], synthetic: Sequence[float]) -> str:
    """Plot the distribution functions of two ascending lists of prices above 0 as SVG; empty if a list is empty."""
    if not real or not synthetic:
        return ""
    low = min(_quantile(real, 0.005), _quantile(synthetic, 0.005)) / 1.1
    high = max(_quantile(real, 0.995), _quantile(synthetic, 0.995)) * 1.1
    x, y = _PLOT.x_axis(low, high, log=True), _PLOT.y_axis(0, 1)
    steps = [low * (high / low) ** (k / _PRICE_STEPS) for k in range(_PRICE_STEPS + 1)]
    curves = [
        polyline(
            [(x.position(step), y.position(bisect_right(prices, step) / len(prices))) for step in steps],
            f"curve side{side}",
        )
        for side, prices in enumerate((real, synthetic))
    ]
    labels = [(tick, format_tick(tick)) for tick in x.ticks(factors=(1, 3))]
    parts = [*_PLOT.y_ticks(y, _percents(0, 0.5, 1), grid="axis"), *_PLOT.x_ticks(x, labels), *curves]
    return _PLOT.svg("price distributions", [*parts, *_PLOT.axis_titles("full price", "share of rows up to it")])


def plot_roc(roc: Sequence[tuple[float, float]]) -> str:
    """Plot true against false positive rate as SVG, with dotted lines for guessing and for 1 % false positives."""
    if not roc:
        return ""
    x, y = _PLOT.x_axis(0, 1), _PLOT.y_axis(0, 1)
    curves = (([(0, 0), (1, 1)], "curve guess"), ([(0.01, 0), (0.01, 1)], "curve guess"), (roc, "curve side1"))
    lines = [polyline([(x.position(a), y.position(b)) for a, b in points], name) for points, name in curves]
    ticks = [*_PLOT.y_ticks(y, _percents(0, 0.5, 1), grid="axis"), *_PLOT.x_ticks(x, _percents(0, 0.25, 0.5, 0.75, 1))]
    titles = _PLOT.axis_titles("holdout identified", "train identified")
    return _PLOT.svg("ROC of the best attack", [*ticks, *lines, *titles])


def _box_quantiles(prices: Floats) -> list[float]:
    """Return the 5, 25, 50, 75 and 95 % quantiles of known prices; empty if there are none."""
    known = prices[~np.isnan(prices)]
    return [float(value) for value in np.quantile(known, (0.05, 0.25, 0.5, 0.75, 0.95))] if len(known) else []


def _find_near_rows(real: AuditTable, synthetic: AuditTable) -> list[Pair]:
    found = measure_neighbours(synthetic, real)
    order = np.argsort(found.nearest, kind="stable").tolist()
    return _pick_pairs(
        (real.products[found.which[k]], synthetic.products[k], f"distance {found.nearest[k]:.2f}") for k in order
    )


def _find_near_images(*sides: tuple[AuditTable, ImageFeatures]) -> list[Pair]:
    """Return the pairs of the nearest images; of the real and the synthetic rows and the features of their images."""
    (real, real_images), (synthetic, images) = sides
    if not len(real_images) or not len(images):
        return []
    found = find_nearest(images, real_images, compare_detail=False)
    ours, theirs = ({row.product_code: row for row in table.products} for table in (real, synthetic))
    return _pick_pairs(
        (ours[real_images.names[found.which[k]]], theirs[images.names[k]], f"{found.distance[k]:.1f} grey levels")
        for k in np.argsort(found.distance, kind="stable").tolist()
    )


def _pick_pairs(pairs: Iterable[tuple[Product, Product, str]]) -> list[Pair]:
    """Return the first pairs, each real and each synthetic family once."""
    seen: tuple[set[str], set[str]] = (set(), set())
    found: list[Pair] = []
    for real, synthetic, distance in pairs:
        if len(found) == _MOST_PAIRS:
            break
        if real.family not in seen[0] and synthetic.family not in seen[1]:
            found.append(Pair(distance=distance, products=(real, synthetic)))
            seen[0].add(real.family)
            seen[1].add(synthetic.family)
    return found


def _add_images(pairs: Sequence[Pair], real_folder: Path, synthetic_folder: Path) -> list[Pair]:
    """Read the images of the products of both folders and make them small."""
    if not pairs:
        return []
    real, synthetic = (
        _read_thumbnails(folder, {pair.products[side].product_code for pair in pairs})
        for side, folder in enumerate((real_folder, synthetic_folder))
    )
    return [
        replace(
            pair,
            images=(real.get(pair.products[0].product_code, ""), synthetic.get(pair.products[1].product_code, "")),
        )
        for pair in pairs
    ]


def _read_thumbnails(folder: Path, codes: set[str]) -> dict[str, str]:
    """Return product code -> `data:` URL of its image, made small."""
    found = {}
    for row in read(folder, columns=("image",)):
        if row.product_code in codes and row.image:
            small = make_thumbnail(row.image, _EDGE).jpeg
            if small is not None:
                found[row.product_code] = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
    return found


def _compare_attributes(
    tables: tuple[AuditTable, AuditTable], extra: tuple[ExtraColumns, ExtraColumns]
) -> dict[str, list[Share]]:
    """Return the shares of colours and materials that attributes, own columns or titles name, where many rows do."""
    found = {}
    for name, reader in (("colour", read_colour), ("material", read_material)):
        real, synthetic = (_read_attribute(name, reader, table, own) for table, own in zip(tables, extra, strict=True))
        if min(len(real) / len(tables[0]), len(synthetic) / len(tables[1])) >= _NAMED_SHARE:
            found[name] = _shares(real, synthetic)
    return found


def _read_attribute(
    name: str, reader: Callable[[str], str | None], table: AuditTable, extra: ExtraColumns
) -> list[str]:
    """Return the values that rows name, in their attributes, an own column or the title; none for other rows."""
    column = extra.get(find_attribute_columns(extra).get(name, ""), [None] * len(table))
    found = []
    for row, cell in zip(table.products, column, strict=True):
        texts = ((row.attributes or {}).get(name), cell, row.title)
        found.append(next((value for text in texts if text and (value := reader(str(text)))), None))
    return [value for value in found if value is not None]


def _shares(real: Sequence[str], synthetic: Sequence[str], totals: tuple[int, int] | None = None) -> list[Share]:
    """Return the most frequent values with their shares on both sides; `totals` if not the numbers of values."""
    counts = Counter(real), Counter(synthetic)
    n, m = (max(total, 1) for total in totals or (len(real), len(synthetic)))
    every = [(name, counts[0][name] / n, counts[1][name] / m) for name in counts[0].keys() | counts[1].keys()]
    return sorted(every, key=lambda share: (-share[1] - share[2], share[0]))[:_MOST_BARS]


def _leaf_names(table: AuditTable, num_categories: int) -> list[str]:
    """Return the third category level of each row, after the levels above it where there are few categories."""
    if num_categories > _FEW_CATEGORIES:
        return [name or "(none)" for name in table.categories]
    levels = [
        [name for name in branch.split(" > ") if name != ALL] + [category or "(none)"]
        for branch, category in zip(table.parents, table.categories, strict=True)
    ]
    return [" > ".join(names) for names in levels]


def _name_discounts(table: AuditTable) -> list[str]:
    return [f"{5 * round(max(share, 0.0) * 20)} %" for share in table.discount.tolist()]


def _sort_prices(table: AuditTable) -> list[float]:
    return sorted(np.exp(table.log_price[~np.isnan(table.log_price)]).tolist())


def _places(names: Sequence[str], name: str) -> list[int]:
    return [k for k, each in enumerate(names) if each == name]


def _shorten(name: str) -> str:
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"


def _summarize_kind(audit: Audit, kind: str) -> str:
    checks = [check for check in audit.checks if check.kind == kind and check.status != NOT_APPLICABLE]
    failed, unclear = (
        ", ".join(display_name(check.name) for check in checks if check.status == status)
        for status in (FAIL, INCONCLUSIVE)
    )
    counts = Counter(check.status for check in checks)
    decides = "" if audit.gate in ("both", kind) else " (this does not decide the exit code)"
    what = "leak" if kind == PRIVACY else "loss"
    end = f" {counts[INCONCLUSIVE]} inconclusive, too few rows to see a {what}: {unclear}." if unclear else ""
    if not failed:
        which = f"all {counts[PASS]} checks that apply and can see a small {what}" if unclear else ""
        return f"{kind.capitalize()}: {which or f'all {len(checks)} checks that apply'} pass{decides}.{end}"
    return f"{kind.capitalize()}: {counts[FAIL]} of {len(checks)} checks fail{decides}: {failed}.{end}"


def _summarize_copies(audit: Audit) -> list[str]:
    """Say how small a leak of whole rows is excluded, if the check for it applies and does not fail."""
    check = next((check for check in audit.checks if check.name == COPIED_ROWS), None)
    if check is None or check.status not in (PASS, INCONCLUSIVE):
        return []
    leak, wanted = audit.smallest_verbatim_leak, f"{audit.bounds.smallest_verbatim_leak:.0%}"
    if leak is None:
        return ["Copied rows: inconclusive. This table is so small that copies of its rows cannot be told from chance."]
    size = f"verbatim copies of {leak:.1%} of the real rows ({math.ceil(leak * audit.num_real):,}) or more are excluded"
    if check.status == PASS:
        return [f"Copied rows: {size} (with power 0.8)."]
    return [f"Copied rows: inconclusive. Only {size} (with power 0.8), and a pass excludes {wanted}."]


def _percents(*shares: float) -> list[tuple[float, str]]:
    return [(share, f"{share:.0%}") for share in shares]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
