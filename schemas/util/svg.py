"""Parts of SVG plots: axes with linear or logarithmic scale, ticks, lines and text, as strings.

The same input gives the same bytes. Coordinates are pixels of the `viewBox`; styles come from the page's CSS classes.

>>> plot = Plot(width=420, height=280, left=44, right=12, top=12, bottom=40)
>>> x, y = plot.x_axis(10, 1000, log=True), plot.y_axis(0, 1)
>>> plot.svg("prices", [polyline([(x.position(100), y.position(0.5))], "curve")])[:45]
'<svg viewBox="0 0 420 280" role="img" aria-lab'
"""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale from values to pixels."""

    low: float
    """Value at `start`; above 0 on a logarithmic axis."""
    high: float
    """Value at `end`; above `low`."""
    start: float
    """Pixel of `low`."""
    end: float
    """Pixel of `high`."""
    log: bool = False

    def share(self, value: float) -> float:
        """Return where `value` is between `low` (0) and `high` (1); values outside are moved to the nearer end."""
        if self.log:
            value = max(value, math.ulp(0.0))
            share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def position(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + self.share(value) * (self.end - self.start)

    def ticks(self, *, most: int = 9, factors: Sequence[float] = (1, 2, 5)) -> list[float]:
        """Return round values for labels.

        A logarithmic axis has `factors` of every decade, or only the decades where those are more than `most`. A linear
        axis has multiples of 1, 2 or 5 times a power of ten, the smallest step that gives at most `most` of them.
        """
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for chosen in (factors, (1,)):
                found = [factor * 10.0**decade for decade in decades for factor in chosen]
                inside = [tick for tick in found if self.low <= tick <= self.high]
                if len(inside) <= most:
                    break
            return inside
        magnitude = 10.0 ** math.floor(math.log10((self.high - self.low) / most))
        step = next(f * magnitude for f in (1, 2, 5, 10, 20) if (self.high - self.low) / (f * magnitude) <= most - 1)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The size of a plot and its margins, in pixels."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def x_axis(self, low: float, high: float, *, log: bool = False) -> Axis:
        """Return the horizontal axis: `low` at the left margin, `high` at the right one."""
        return Axis(low=low, high=high, start=self.left, end=self.width - self.right, log=log)

    def y_axis(self, low: float, high: float, *, log: bool = False) -> Axis:
        """Return the vertical axis: `low` at the bottom margin, `high` at the top one."""
        return Axis(low=low, high=high, start=self.height - self.bottom, end=self.top, log=log)

    def x_ticks(self, axis: Axis, labels: Iterable[tuple[float, str]], *, grid: str | None = None) -> list[str]:
        """Return the labels below the plot, and a vertical line of class `grid` at each where `grid` is given."""
        bottom, parts = self.height - self.bottom, []
        for value, label in labels:
            x = axis.position(value)
            if grid is not None:
                parts.append(line((x, self.top), (x, bottom), grid))
            parts.append(text(x, bottom + 16, label, anchor="middle"))
        return parts

    def y_ticks(self, axis: Axis, labels: Iterable[tuple[float, str]], *, grid: str | None = None) -> list[str]:
        """Return the labels left of the plot, and a horizontal line of class `grid` at each where `grid` is given."""
        parts = []
        for value, label in labels:
            y = axis.position(value)
            if grid is not None:
                parts.append(line((self.left, y), (self.width - self.right, y), grid))
            parts.append(text(self.left - 6, y + 4, label, anchor="end"))
        return parts

    def axis_titles(self, below: str, beside: str) -> list[str]:
        """Return the titles of the two axes; the vertical one is rotated."""
        across = (self.left + self.width - self.right) / 2
        down = (self.top + self.height - self.bottom) / 2
        return [
            text(across, self.height - 6, below, anchor="middle"),
            text(12, down, beside, anchor="middle", rotate=-90),
        ]

    def svg(self, label: str, parts: Iterable[str]) -> str:
        """Return the whole element; `label` describes the plot to screen readers."""
        head = f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(label)}">'
        return "".join([head, *parts, "</svg>"])


def escape(value: str) -> str:
    """Return text that is safe in an element and in a quoted attribute."""
    return html.escape(value, quote=True)


def number(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def line(start: tuple[float, float], end: tuple[float, float], css_class: str) -> str:
    """Return a straight line between two points."""
    (x1, y1), (x2, y2) = start, end
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line class="{escape(css_class)}" {ends}/>'


def polyline(points: Iterable[tuple[float, float]], css_class: str) -> str:
    """Return a line through points."""
    return f'<polyline class="{escape(css_class)}" points="{_pairs(points)}"/>'


def polygon(points: Iterable[tuple[float, float]], css_class: str) -> str:
    """Return a closed area."""
    return f'<polygon class="{escape(css_class)}" points="{_pairs(points)}"/>'


def circles(centres: Iterable[tuple[float, float]], radius: float, css_class: str) -> str:
    """Return a group of circles of one class."""
    drawn = (f'<circle cx="{number(x)}" cy="{number(y)}" r="{radius:g}"/>' for x, y in centres)
    return f'<g class="{escape(css_class)}">{"".join(drawn)}</g>'


def text(x: float, y: float, value: str, *, anchor: str = "start", rotate: float | None = None) -> str:
    """Return escaped text at a point; `anchor` is start, middle or end, `rotate` degrees around the point."""
    turn = f' transform="rotate({rotate:g} {number(x)} {number(y)})"' if rotate is not None else ""
    return f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}"{turn}>{escape(value)}</text>'


def _pairs(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)
