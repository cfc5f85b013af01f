"""What is in one shard folder, or in two beside each other, as a page: every figure of `describing`, drawn.

All charts are inline SVG. Prices lie on logarithmic axes, one for each currency; two folders share axes and bins, and
are drawn as shares of their own rows, so that folders of different size can be compared.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.pages.catalog_page import WORDS, labels
from generator.pages.describe import BINS_PER_DECADE, MOST_WORDS
from generator.pages.html import embedded, rendered, write_page
from schemas.product import SPLITS

WIDTH, HEIGHT, FLOOR = 640.0, 200.0, 176.0
_BOX = 300.0
_STEPS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
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
    """What it holds, for a pointer that rests on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A histogram: bars of one folder, or the outline of each of two."""

    sides: Mapping[int, Sequence[Bar]]
    outlines: Mapping[int, str]
    """Number of the folder -> its SVG path; empty for one folder."""
    ticks: Sequence[Tick]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAxis:
    """Where prices lie on an axis of a given width."""

    low: float
    high: float
    width: float

    def at(self, price: float) -> float:
        """From 0 to the width; prices beyond either end lie at it."""
        share = (math.log(price) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return round(self.width * min(max(share, 0.0), 1.0), 1)

    def ticks(self, most: int = _MOST_TICKS) -> list[Tick]:
        """Round prices, as many as can be read; the two ends where none lies between them."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for steps in _STEPS:
            values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
            inside = [value for value in values if self.low <= value <= self.high]
            if len(inside) <= most:
                break
        while len(inside) > most:
            inside = inside[::2]
        inside = inside or [float(f"{value:.3g}") for value in (self.low, self.high)]
        return [Tick(x=self.at(value), text=f"{value:,.10g}") for value in inside]


def write(every: Sequence[Mapping[str, Any]], page: Path) -> None:
    """Write the page of the figures of one folder or two."""
    sides = [
        {**figures, "label": label, "word": WORDS.get(figures["kind"], figures["kind"])}
        for label, figures in zip(labels([Path(figures["folder"]) for figures in every]), every, strict=True)
    ]
    html = rendered(
        "describe.html.j2",
        styles=("pages.css.j2", "describe.css.j2"),
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
        document=embedded([dict(figures) for figures in every]),
    )
    write_page(page, html)


def price_axis(bins: Iterable[int], width: float) -> LogAxis:
    """From the lowest bin's lower edge to the highest one's upper edge."""
    present = sorted(bins)
    return LogAxis(low=edge(present[0]), high=edge(present[-1] + 1), width=width)


def edge(price_bin: int) -> float:
    """The lower edge of a price bin."""
    return float(10 ** (price_bin / BINS_PER_DECADE))


def histogram(counts: Sequence[Mapping[int, int]], edges: Mapping[int, tuple[float, float, str]], label: str) -> Chart:
    """Of one folder or two; `edges` says where a bin lies and what it is called. Heights are shares of a folder."""
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
    """Histogram and boxes of one currency; folders without it have nothing there."""
    found = [side["prices"].get(code) for side in sides]
    counts = [{int(k): n for k, n in (each or {"bins": {}})["bins"].items()} for each in found]
    present = sorted({k for side in counts for k in side})
    if not present:
        return {"code": code, "found": found, "chart": None, "rows": [], "ticks": []}
    axis, box = price_axis(present, WIDTH), price_axis(present, _BOX)
    edges = {
        k: (axis.at(edge(k)), axis.at(edge(k + 1)) - axis.at(edge(k)), f"{edge(k):,.4g} to {edge(k + 1):,.4g}")
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
        "chart_ticks": axis.ticks(),
        "rows": rows,
        "ticks": box.ticks(4),
        "folders": [number for number, each in enumerate(found) if each and each["num_priced"]],
    }


def _category(name: str, figures: Sequence[Mapping[str, Any] | None], axis: LogAxis) -> dict[str, Any]:
    """One leaf: its figures in each folder, their boxes, and by how much the medians differ."""
    boxes = {
        number: {key: axis.at(each[key]) for key in ("min", "p10", "median", "p90", "max")}
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
    """Histogram of the characters of titles in 60 bins at most; a few very long ones share the last bin."""
    counts = [{int(k): n for k, n in side["title_lengths"].items()} for side in sides]
    if not any(counts):
        return None
    longest = max(k for side in counts for k in side)
    last = min(longest, 2 * max(_common(side) for side in counts))
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


def _common(lengths: Mapping[int, int]) -> int:
    """The length that 99 % of the titles do not exceed."""
    seen, total = 0, sum(lengths.values())
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= 0.99 * total:
            return length
    return 0


def _counts(sides: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines of the first table: what, and for each folder the number and, where it says more, its share."""
    lines: list[tuple[str, list[int], list[int] | None]] = [
        ("products", [side["num_products"] for side in sides], None),
        ("rows rejected at import", [side["num_rejected"] for side in sides], None),
        ("families (designs)", [side["num_families"] for side in sides], None),
        ("different titles", [side["num_distinct_titles"] for side in sides], None),
        ("leaves", [len(side["categories"]) for side in sides], None),
    ]
    whole = [side["num_products"] for side in sides]
    lines += [(f"{split} split", [side["splits"][split] for side in sides], whole) for split in SPLITS]
    lines += [
        ("leaf that a picture can tell", [side["num_inferable"] for side in sides], whole),
        ("reduced", [side["num_discounted"] for side in sides], whole),
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
    """The lines of a table of counts: the commonest first, with the share in each folder and their difference."""
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
    """Every key of any folder, in the order of the first that has it."""
    return list(dict.fromkeys(name for side in sides for name in side[key]))


def _least(side: Mapping[str, Any], key: str) -> int | None:
    """What a name that is not listed stands for: nothing, or unknown where only the commonest are listed."""
    return None if key == "title_words" and len(side[key]) >= MOST_WORDS else 0


def _share(n: int | None, whole: int | None) -> float | None:
    return n / whole if n is not None and whole else None


def _gap(values: Sequence[int | None], whole: Sequence[int]) -> float | None:
    """Share of the second folder minus that of the first; None for one folder, an empty one, or an unknown count."""
    shares = [_share(n, total) for n, total in zip(values, whole, strict=True)]
    if len(shares) != 2 or shares[0] is None or shares[1] is None:
        return None
    return shares[1] - shares[0]
