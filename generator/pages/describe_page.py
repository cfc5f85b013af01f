"""Write the figures of `generator.pages.describe`, of one folder or of two side by side, as a page with charts.

    write_describe_page([describe(Path("data/real")), describe(Path("data/synthetic"))], Path("both.html"))

All charts are inline SVG. Price axes are logarithmic, one for each currency. Two folders have the same axes and bins;
their heights are shares of their own rows, so that folders of different size can be compared.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.pages.catalog_page import WORDS, labels
from generator.pages.describe import BINS_PER_DECADE, MOST_WORDS
from schemas.evaluation import SPLITS
from schemas.util.pages import Axis, embed_json, render_page, write_page

WIDTH, HEIGHT, FLOOR = 640.0, 200.0, 176.0
_BOX = 300.0
_TICK_FACTORS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
"""Tick labels within a power of ten, from dense to sparse."""
_MOST_TICKS = 8
_MOST_SIZES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One label below a chart."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bin of one folder."""

    x: float
    width: float
    y: float
    words: str
    """Its tooltip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A histogram: the bars of one folder, or the outlines of two."""

    sides: Mapping[int, Sequence[Bar]]
    outlines: Mapping[int, str]
    """Number of the folder -> its SVG path; empty for one folder."""
    ticks: Sequence[Tick]
    label: str


def write_describe_page(every: Sequence[Mapping[str, Any]], page: Path) -> None:
    """Write the page of the figures of one folder or two, as `describe` returns them."""
    sides = [
        {**figures, "label": label, "word": WORDS.get(figures["kind"], figures["kind"])}
        for label, figures in zip(labels([Path(figures["folder"]) for figures in every]), every, strict=True)
    ]
    html = render_page(
        Path(__file__).parent,
        "describe.html.j2",
        styles=("base.css.j2", "page.css.j2", "describe.css.j2"),
        title=" and ".join(side["label"] for side in sides),
        sides=sides,
        counts=_counts(sides),
        currencies=[_currency(sides, code) for code in _keys(sides, "currencies")],
        lengths=_lengths(sides),
        words=_shares(sides, "title_words", "num_products", most=20),
        missing=_shares(sides, "missing", "num_products"),
        sizes=_shares(sides, "picture_sizes", "num_products", most=_MOST_SIZES),
        num_sizes=len(_keys(sides, "picture_sizes")),
        families=_shares(sides, "family_sizes", "num_families"),
        document=embed_json([dict(figures) for figures in every]),
    )
    write_page(page, html)


def price_axis(bins: Iterable[int], width: float) -> Axis:
    """Return a logarithmic axis from the lowest bin's lower edge to the highest one's upper edge."""
    present = sorted(bins)
    return Axis(low=bin_edge(present[0]), high=bin_edge(present[-1] + 1), start=0.0, end=width, log=True)


def price_ticks(axis: Axis, most: int = _MOST_TICKS) -> list[Tick]:
    """Return round prices as labels, at most `most`; the two ends where no round price is between them."""
    for factors in _TICK_FACTORS:
        values = axis.ticks(most=10**6, factors=factors)
        if len(values) <= most:
            break
    while len(values) > most:
        values = values[::2]
    values = values or [float(f"{value:.3g}") for value in (axis.low, axis.high)]
    return [Tick(x=_pixel(axis, value), text=f"{value:,.10g}") for value in values]


def bin_edge(price_bin: int) -> float:
    """Return the lower edge of a price bin."""
    return float(10 ** (price_bin / BINS_PER_DECADE))


def histogram(counts: Sequence[Mapping[int, int]], edges: Mapping[int, tuple[float, float, str]], label: str) -> Chart:
    """Return the histogram of one folder or two; `edges` is bin -> (x, width, name). Heights are shares of a folder."""
    totals = [max(sum(side.values()), 1) for side in counts]
    highest = max((side[k] / total for side, total in zip(counts, totals, strict=True) for k in side), default=1.0)
    sides, outlines = {}, {}
    for number, (side, total) in enumerate(zip(counts, totals, strict=True)):
        height = {k: FLOOR - (FLOOR - 6) * side.get(k, 0) / total / highest for k in edges}
        bars = [
            Bar(x=x, width=width, y=round(height[k], 1), words=f"{words}: {side[k]:,}")
            for k, (x, width, words) in sorted(edges.items())
            if side.get(k)
        ]
        sides[number] = bars
        if len(counts) > 1 and bars:
            steps = "".join(f"H{x:.1f}V{height[k]:.1f}H{x + width:.1f}" for k, (x, width, _) in sorted(edges.items()))
            outlines[number] = f"M0 {FLOOR}{steps}V{FLOOR}"
    return Chart(sides=sides, outlines=outlines, ticks=(), label=label)


def _currency(sides: Sequence[Mapping[str, Any]], code: str) -> dict[str, Any]:
    """Return histogram and box plots of one currency; folders without it have none."""
    found = [side["prices"].get(code) for side in sides]
    counts = [{int(k): n for k, n in (each or {"bins": {}})["bins"].items()} for each in found]
    present = sorted({k for side in counts for k in side})
    if not present:
        return {"code": code, "found": found, "chart": None, "rows": [], "ticks": []}
    axis, box = price_axis(present, WIDTH), price_axis(present, _BOX)
    edges = {
        k: (
            _pixel(axis, bin_edge(k)),
            _pixel(axis, bin_edge(k + 1)) - _pixel(axis, bin_edge(k)),
            f"{bin_edge(k):,.4g} to {bin_edge(k + 1):,.4g}",
        )
        for k in range(present[0], present[-1] + 1)
    }
    chart = histogram(counts, edges, f"Full prices in {code}")
    names = dict.fromkeys(name for each in found if each for name in each["categories"])
    rows = [_category(name, [each["categories"].get(name) if each else None for each in found], box) for name in names]
    rows.sort(key=lambda row: -max(figures["n"] if figures else 0 for figures in row["figures"]))
    return {
        "code": code,
        "found": found,
        "chart": chart,
        "chart_ticks": price_ticks(axis),
        "rows": rows,
        "ticks": price_ticks(box, 4),
        "folders": [number for number, each in enumerate(found) if each and each["num_priced"]],
    }


def _category(name: str, figures: Sequence[Mapping[str, Any] | None], axis: Axis) -> dict[str, Any]:
    """Return a category's figures in each folder, their box plots, and the ratio of the medians."""
    boxes = {
        number: {key: _pixel(axis, each[key]) for key in ("min", "p10", "median", "p90", "max")}
        for number, each in enumerate(figures)
        if each and each["num_priced"]
    }
    medians = [each["median"] for each in figures if each and each["num_priced"]]
    return {
        "name": name,
        "figures": figures,
        "boxes": boxes,
        "factor": medians[1] / medians[0] if len(medians) == 2 else None,
    }


def _lengths(sides: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the histogram of title lengths in at most 60 bins; a few very long titles share the last bin."""
    counts = [{int(k): n for k, n in side["title_lengths"].items()} for side in sides]
    if not any(counts):
        return None
    longest = max(k for side in counts for k in side)
    last = min(longest, 2 * max(_quantile_99(side) for side in counts))
    step = next(s * 10**power for power in range(9) for s in (1, 2, 5) if (last + 1) / (s * 10**power) <= 60)
    num_bins = last // step + 1
    binned = [Counter[int]() for _ in counts]
    for side, into in zip(counts, binned, strict=True):
        for length, n in side.items():
            into[min(length // step, num_bins - 1)] += n
    width = WIDTH / num_bins
    name = {k: f"{k * step}" if step == 1 else f"{k * step} to {(k + 1) * step - 1}" for k in range(num_bins)}
    edges = {k: (k * width, width, f"{name[k]} characters") for k in range(num_bins)}
    ticks = [Tick(x=(k + 0.5) * width, text=f"{k * step:,}") for k in range(0, num_bins, max(1, num_bins // 8))]
    return {
        "chart": histogram(binned, edges, "Characters of titles"),
        "ticks": ticks,
        "longest": longest,
        "beyond": sum(n for side in counts for length, n in side.items() if length >= num_bins * step),
    }


def _quantile_99(lengths: Mapping[int, int]) -> int:
    """Return the length that 99 % of the titles do not exceed."""
    seen, total = 0, sum(lengths.values())
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= 0.99 * total:
            return length
    return 0


def _counts(sides: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of the first table: for each folder the number and, where it says more, its share."""
    lines: list[tuple[str, list[int], list[int] | None]] = [
        ("products", [side["num_products"] for side in sides], None),
        ("rows rejected at import", [side["num_rejected"] for side in sides], None),
        ("families (designs)", [side["num_families"] for side in sides], None),
        ("different titles", [side["num_distinct_titles"] for side in sides], None),
        ("categories", [len(side["categories"]) for side in sides], None),
    ]
    whole = [side["num_products"] for side in sides]
    lines += [(f"{split} split", [side["splits"][split] for side in sides], whole) for split in SPLITS]
    lines += [
        ("category visible in the image (inferable)", [side["num_inferable"] for side in sides], whole),
        ("discounted", [side["num_discounted"] for side in sides], whole),
    ]
    lines += [
        (f"source {name}", [side["sources"].get(name, 0) for side in sides], whole) for name in _keys(sides, "sources")
    ]
    lines += [
        (f"currency {name}", [side["currencies"].get(name, 0) for side in sides], whole)
        for name in _keys(sides, "currencies")
    ]
    return [
        {
            "name": name,
            "values": [{"n": n, "share": _share(n, of[k] if of else None)} for k, n in enumerate(values)],
            "gap": _gap(values, of) if of else None,
        }
        for name, values, of in lines
    ]


def _shares(sides: Sequence[Mapping[str, Any]], key: str, of: str, most: int | None = None) -> list[dict[str, Any]]:
    """Return the lines of a table of counts: the most common first, with shares in each folder and their difference."""
    whole = [side[of] for side in sides]
    names = sorted(
        _keys(sides, key),
        key=lambda name: -max(side[key].get(name, 0) / max(n, 1) for side, n in zip(sides, whole, strict=True)),
    )
    lines = []
    for name in names[:most]:
        values = [side[key].get(name, _least(side, key)) for side in sides]
        shares = [{"n": n, "share": _share(n, total)} for n, total in zip(values, whole, strict=True)]
        lines.append({"name": name, "values": shares, "gap": _gap(values, whole)})
    return lines


def _keys(sides: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    """Return every key of any folder, in the order of the first folder that has it."""
    return list(dict.fromkeys(name for side in sides for name in side[key]))


def _least(side: Mapping[str, Any], key: str) -> int | None:
    """Return the count of a name that is not listed: 0, or None (unknown) where only the most common are listed."""
    return None if key == "title_words" and len(side[key]) >= MOST_WORDS else 0


def _pixel(axis: Axis, value: float) -> float:
    return round(axis.position(value), 1)


def _share(n: int | None, whole: int | None) -> float | None:
    return n / whole if n is not None and whole else None


def _gap(values: Sequence[int | None], whole: Sequence[int]) -> float | None:
    """Return the share in the second folder minus that in the first; None for one folder, or where one is unknown."""
    shares = [_share(n, total) for n, total in zip(values, whole, strict=True)]
    if len(shares) != 2 or shares[0] is None or shares[1] is None:
        return None
    return shares[1] - shares[0]
