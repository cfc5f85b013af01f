"""The two small drawings of the audit page, as SVG text: prices of both catalogs, and the ROC of the best attack."""

import math
from bisect import bisect_right
from collections.abc import Sequence

WIDTH, HEIGHT = 420, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 40
_STEPS = 120


def price_curves(real: Sequence[float], synthetic: Sequence[float]) -> str:
    """Share of prices up to each price, on a logarithmic axis; both lists sorted, above 0. Empty where one is."""
    if not real or not synthetic:
        return ""
    low = min(_quantile(real, 0.005), _quantile(synthetic, 0.005)) / 1.1
    high = max(_quantile(real, 0.995), _quantile(synthetic, 0.995)) * 1.1
    steps = [low * (high / low) ** (k / _STEPS) for k in range(_STEPS + 1)]
    curves = [
        _line([(k / _STEPS, bisect_right(prices, step) / len(prices)) for k, step in enumerate(steps)], f"side{side}")
        for side, prices in enumerate((real, synthetic))
    ]
    ticks = [10.0**d * f for d in range(math.floor(math.log10(low)), math.ceil(math.log10(high))) for f in (1, 3)]
    inside = [(math.log(t / low) / math.log(high / low), f"{t:g}") for t in ticks if low <= t <= high]
    return _svg("price distributions", inside, [*curves], "full price", "share of rows up to it")


def roc_curve(roc: Sequence[tuple[float, float]]) -> str:
    """True against false positive rate; the dotted line is guessing, the upright one 1 % false positives."""
    if not roc:
        return ""
    ticks = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    marks = [_line([(0, 0), (1, 1)], "guess"), _line([(0.01, 0), (0.01, 1)], "guess")]
    return _svg("ROC of the best attack", ticks, [*marks, _line(list(roc), "side1")], "holdout named", "train named")


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _x(share: float) -> float:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _line(points: Sequence[tuple[float, float]], name: str) -> str:
    return f'<polyline class="curve {name}" points="{" ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)}"/>'


def _svg(label: str, ticks: Sequence[tuple[float, str]], lines: Sequence[str], below: str, beside: str) -> str:
    bottom, middle = HEIGHT - _BOTTOM, (_TOP + HEIGHT - _BOTTOM) / 2
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">']
    for share in (0.0, 0.5, 1.0):
        parts.append(f'<path class="axis" d="M{_LEFT} {_y(share):.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for share, text in ticks:
        parts.append(f'<text x="{_x(share):.1f}" y="{bottom + 16}" text-anchor="middle">{text}</text>')
    parts += lines
    parts.append(f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{below}</text>')
    turned = f'transform="rotate(-90 10 {middle})"'
    parts.append(f'<text x="10" y="{middle}" text-anchor="middle" {turned}>{beside}</text></svg>')
    return "".join(parts)
