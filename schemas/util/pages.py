"""HTML pages in one file, with no reference outside themselves, safe for untrusted text; parts of SVG plots.

Templates are Jinja files (`*.j2`) in the folder of the package that owns the page. All values are escaped, embedded
JSON cannot close its element, and a content security policy admits only the page's own style and script.

Plots are strings: axes with linear or logarithmic scale, ticks, lines and text. The same input gives the same bytes.
Coordinates are pixels of the `viewBox`; styles come from the page's CSS classes. A `share_bar` has no `viewBox`: it is
as wide as its place in a table or a tile, with the numbers as text beside it.

>>> plot = Plot(width=420, height=280, left=44, right=12, top=12, bottom=40)
>>> x, y = plot.x_axis(10, 1000, log=True), plot.y_axis(0, 1)
>>> plot.svg("prices", [polyline([(x.position(100), y.position(0.5))], "curve")])[:45]
'<svg viewBox="0 0 420 280" role="img" aria-lab'
"""

import base64
import functools
import hashlib
import html
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import ToileError
from schemas.util.files import storage_errors, write_atomic

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_NOT_IN_HTML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


@functools.cache
def environment(folder: Path) -> "jinja2.Environment":
    """Return the Jinja environment of a folder of templates: autoescape on, undefined names are errors.

    Templates of this module's folder (`base.css.j2`, the style that all pages share) are found too.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_show_control_chars,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _show_control_chars(value: object) -> object:
    """Replace characters that no page may have, such as NUL, by their codes; markup of our own has none."""
    return _NOT_IN_HTML.sub(lambda found: ascii(found.group())[1:-1], value) if type(value) is str else value


def render_page(
    folder: Path,
    template: str,
    *,
    styles: tuple[str, ...] = (),
    scripts: tuple[str, ...] = (),
    style_attributes: bool = False,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **context: Any,
) -> str:
    """Return the page of a template.

    Args:
        folder: where the templates are.
        template: file name of the page's template. It receives `style`, `script` and `policy` (the value of its
            Content-Security-Policy) in addition to `context`.
        styles: templates that make up the page's one style element, in order.
        scripts: templates that make up the page's one script element, in order.
        style_attributes: admit `style` attributes in the page, for sizes that are data.
        filters: further Jinja filters by name.
    """
    from markupsafe import Markup

    templates = environment(folder)
    templates.filters.update(filters or {})
    style = "".join(templates.get_template(name).render() for name in styles)
    script = "".join(templates.get_template(name).render() for name in scripts)
    assert "</" not in style + script, "would end its element"
    return templates.get_template(template).render(
        style=Markup(style),  # ours, and it holds no markup
        script=Markup(script),
        policy=Markup(security_policy(style, script, style_attributes=style_attributes)),  # quotes and base64
        **context,
    )


def security_policy(style: str, script: str, *, style_attributes: bool = False) -> str:
    """Return a Content-Security-Policy that admits exactly this style and this script, and `data:` images.

    An empty script admits none.
    """
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{_base64_sha256(style)}'",
        **({"style-src-attr": "'unsafe-inline'"} if style_attributes else {}),
        "script-src": f"'sha256-{_base64_sha256(script)}'" if script else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def embed_json(document: Any) -> "Markup":
    """Return JSON that is safe inside a script element: no character of it can end or open one.

    Raises a `ValueError` for NaN and infinity.
    """
    from markupsafe import Markup

    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # escaped above


def refuse_existing(page: Path, *, force: bool) -> None:
    """Raise a `ToileError` where `page` exists and may not be replaced, or is a folder."""
    if page.is_dir():
        raise ToileError(str(page), "is a folder", "name the page, such as page.html")
    if page.exists() and not force:
        raise ToileError(str(page), "exists already", "choose another name, or --force")


def write_page(page: Path, text: str) -> None:
    """Write a page atomically in UTF-8 and make its folder; lone surrogates, which UTF-8 cannot hold, become `?`."""
    with storage_errors(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, text.encode("utf-8", "replace"))


def _base64_sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


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
            parts.append(text(x, bottom + 20, label, anchor="middle"))
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


def share_bar(
    label: str, value: float, low: float | None, high: float | None, css_class: str, marks: Iterable[float] = ()
) -> str:
    """Return a bar from 0 to a share of 1, with its interval as a line between two caps.

    Args:
        label: describes the bar to screen readers.
        value: the share; values outside of 0 to 1 are moved to the nearer end.
        low: lower limit of the interval, or None.
        high: upper limit of the interval, or None.
        css_class: class of the element; `value`, `interval`, `track` and `mark` are those of its parts.
        marks: shares to compare with, drawn as vertical lines.
    """
    parts = ['<rect class="track" width="100%" height="100%" rx="3"/>']
    if value > 0:
        parts.append(f'<rect class="value" width="{_percent(value)}" height="100%" rx="3"/>')
    if low is not None and high is not None:
        left, right = _percent(low), _percent(high)
        ends = ((left, "50%", right, "50%"), (left, "20%", left, "80%"), (right, "20%", right, "80%"))
        parts += [f'<line class="interval" x1="{a}" y1="{b}" x2="{c}" y2="{d}"/>' for a, b, c, d in ends]
    parts += [f'<line class="mark" x1="{_percent(mark)}" y1="0" x2="{_percent(mark)}" y2="100%"/>' for mark in marks]
    head = f'<svg class="share {escape(css_class)}" role="img" aria-label="{escape(label)}">'
    return "".join([head, *parts, "</svg>"])


def format_amount(value: float) -> str:
    """Return a price or another amount with thousands separators, and two decimals unless it is a whole number."""
    if not math.isfinite(value) or abs(value) >= 1e12 or 0 < abs(value) < 0.005:
        return f"{value:.3g}"
    return f"{value:,.2f}".removesuffix(".00")


def format_tick(value: float) -> str:
    """Return a round number for an axis: `0.2`, `1,000`, `2M`."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if size <= abs(value) < 1000 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value:,.10g}" if 1e-4 <= abs(value) < 1e6 or not value else f"{value:.3g}"


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


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}".rstrip("0").rstrip(".") + "%"


def _pairs(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)
