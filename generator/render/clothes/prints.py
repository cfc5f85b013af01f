"""Draw a print on the chest of a garment: lettering in invented words, numbers, frames, blots, discs, bars and hills.

Letters are strokes on a grid of 4 by 6. No word is a known name, and no motif a known mark.
"""

import numpy as np

from generator.render.clothes.garment import GarmentMeasures
from generator.render.engine import Float32Array
from generator.render.engine.cloths import has_placed_print
from generator.render.engine.height_field import smooth_noise
from generator.render.engine.scene import Scene, Window

STROKES: dict[str, str] = {
    "A": "0620 2046 1434",
    "D": "0006 0020 2042 4244 4426 2606",
    "E": "0006 0040 0333 0646",
    "I": "2026",
    "K": "0006 0440 1346",
    "L": "0006 0646",
    "M": "0006 0023 2340 4046",
    "N": "0006 0046 4046",
    "O": "1030 3041 4145 4536 3616 1605 0501 0110",
    "R": "0006 0030 3041 4132 3203 1346",
    "S": "4110 1001 0112 1233 3344 4436 3605",
    "T": "0040 2026",
    "U": "0005 0516 1636 3645 4540",
    "V": "0026 2640",
    "0": "1030 3041 4145 4536 3616 1605 0501 0110",
    "2": "0110 1030 3041 4132 3206 0646",
    "7": "0040 4016",
    "9": "4122 2213 1301 0110 1030 3041 4136 3616",
}
"""Letter -> strokes; each is the column and row of its start and of its end."""
WORDS = ("TOVELA", "ARNUMI", "KESTORO", "OLMEVA", "SURINDA", "RIMOSA", "ELTAVO", "NORUMI", "DASERO", "OVANTI", "LUMERO")
SMALL_WORDS = ("ORE LUMA", "UNI TALO", "SEA ORANU", "NOVA ELIS", "TIR ODEA")
NUMBERS = ("72", "29", "07", "92", "20")


def draw_chest_print(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw the print of a garment whose pattern is `print`; the design decides what it shows."""
    if not has_placed_print(scene.appearance):
        return
    d = scene.design
    wide = 2 * measures.chest * d.uniform("print width", 0.42, 0.72)
    top = max(measures.scoop, 0.05) + d.uniform("print top", 0.030, 0.065)
    kinds = (
        "word",
        "words",
        "words",
        "words",
        "number",
        "frame",
        "block",
        "picture",
        "picture",
        "disc",
        "hills",
        "bars",
    )
    kind = d.choice("print kind", kinds)
    word = d.choice("print word", WORDS)
    if kind in ("frame", "block", "picture"):
        _draw_placed_rectangle(scene, kind, word, top, 0.78 * wide)
        return
    if kind == "number":
        draw_text(scene, d.choice("print number", NUMBERS), (0.0, top + 0.045), 0.55 * wide, 0.16, "print")
        draw_text(scene, word, (0.0, top), wide, 0.15, "print accent")
        return
    if kind in ("disc", "hills", "bars"):
        _draw_motif(scene, kind, (0.0, top + 0.28 * wide), 0.28 * wide)
        draw_text(scene, word, (0.0, top + 0.62 * wide), wide, 0.15, "print")
        return
    depth = draw_text(scene, word, (0.0, top), wide, d.uniform("print bold", 0.16, 0.34), "print")
    if kind == "words":
        for line in range(d.choice("print lines", (1, 2, 3))):
            text = SMALL_WORDS[(WORDS.index(word) + line) % len(SMALL_WORDS)]
            share = d.uniform(f"print line {line}", 0.5, 1.0)
            cloth = "print accent" if line == 1 else "print"
            depth += 0.018 + draw_text(scene, text, (0.0, top + depth + 0.018), share * wide, 0.15, cloth)


def _window(scene: Scene, centre: tuple[float, float], half: tuple[float, float]) -> Window | None:
    """Return the pixels around a rectangle of the garment, or None where it leaves the image."""
    corners = np.array([[centre[0] + a * half[0], centre[1] + b * half[1]] for a in (-1, 1) for b in (-1, 1)])
    low, high = (np.array(f(scene.to_pixels(corners), axis=0)) for f in (np.min, np.max))
    x0, y0 = np.maximum(np.floor(low - 2), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high + 2), scene.side).astype(int)
    return (slice(y0, y1), slice(x0, x1)) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _stamp(scene: Scene, window: Window, mask: Float32Array, cloth: str) -> None:
    mask = np.asarray(np.clip(mask, 0, 1) * scene.alpha[window], np.float32)
    scene.add_stamp(window, mask, np.float32(0.0006) * mask, cloth)


def draw_text(scene: Scene, text: str, at: tuple[float, float], wide: float, bold: float, cloth: str) -> float:
    """Draw a line of letters of a total width around x, below y; return its height. `bold` is the share of a stroke."""
    advance = wide / (len(text) * 1.25 - 0.25)
    high = min(1.5 * advance, 0.16)
    window = _window(scene, (at[0], at[1] + 0.5 * high), (0.5 * wide, 0.5 * high))
    if window is None:
        return high
    x, y = scene.x[window], scene.y[window]
    distance = np.full(x.shape, 9.0, np.float32)
    pen = 0.5 * bold * advance
    for number, letter in enumerate(text):
        left = at[0] - 0.5 * wide + number * 1.25 * advance
        near = np.abs(x - np.float32(left + 0.5 * advance)) < 0.5 * advance + 2 * pen
        if letter == " " or not near.any():
            continue
        columns = np.flatnonzero(near.any(axis=0))
        part = slice(int(columns[0]), int(columns[-1]) + 1)
        for stroke in STROKES[letter].split():
            a, b = ((left + int(stroke[i]) / 4 * advance, at[1] + int(stroke[i + 1]) / 6 * high) for i in (0, 2))
            _near_segment(distance[:, part], x[:, part], y[:, part], a, b)
    pixel = 1 / scene.zoom
    _stamp(scene, window, np.asarray((pen - distance) / pixel + 0.5, np.float32), cloth)
    return high


def _near_segment(
    distance: Float32Array, x: Float32Array, y: Float32Array, a: tuple[float, float], b: tuple[float, float]
) -> None:
    """Lower `distance` to that of each point to the segment from a to b, in place."""
    dx, dy = np.float32(b[0] - a[0]), np.float32(b[1] - a[1])
    px, py = x - np.float32(a[0]), y - np.float32(a[1])
    t = np.clip((px * dx + py * dy) / (dx * dx + dy * dy + np.float32(1e-12)), 0, 1)
    np.minimum(distance, np.hypot(px - t * dx, py - t * dy), out=distance)


def _draw_placed_rectangle(scene: Scene, kind: str, word: str, top: float, wide: float) -> None:
    """Draw a word in a frame, a word left out of a block of colour, or a picture of soft blots above a word."""
    d = scene.design
    tall = wide * d.uniform("print height", 0.55, 1.2) if kind != "block" else 0.34 * wide
    centre = (0.0, top + 0.5 * tall)
    window = _window(scene, centre, (0.5 * wide, 0.5 * tall))
    if window is None:
        return
    x, y = scene.x[window] - np.float32(centre[0]), scene.y[window] - np.float32(centre[1])
    inside = np.minimum(0.5 * wide - np.abs(x), 0.5 * tall - np.abs(y))
    mask = np.clip(inside * scene.zoom + 0.5, 0, 1)
    if kind == "frame":
        line = np.clip((np.float32(0.006) - np.abs(inside - np.float32(0.006))) * scene.zoom + 0.5, 0, 1)
        _stamp(scene, window, np.asarray(line, np.float32), "print")
        draw_text(scene, word, (0.0, centre[1] - 0.10 * wide), 0.80 * wide, 0.24, "print")
        return
    if kind == "block":
        _stamp(scene, window, np.asarray(mask, np.float32), "print")
        draw_text(scene, word, (0.0, centre[1] - 0.11 * wide), 0.84 * wide, 0.26, "self")
        return
    place = np.float32(d.uniform("print blots", 0.0, 9.0))
    coarse = smooth_noise(x + place, y, 0.22 * wide) + 0.6 * smooth_noise(x, y + place, 0.08 * wide, layer=1)
    _stamp(scene, window, np.asarray(mask * np.clip(12 * coarse + 8, 0, 1), np.float32), "print")
    _stamp(scene, window, np.asarray(mask * np.clip(14 * (coarse - 0.25), 0, 1), np.float32), "print accent")
    blots = smooth_noise(x - place, y, 0.12 * wide, layer=2)
    _stamp(scene, window, np.asarray(mask * np.clip(14 * (blots - 0.5), 0, 1), np.float32), "tape")
    draw_text(scene, word, (0.0, top + tall + 0.012), wide, 0.20, "print")


def _draw_motif(scene: Scene, kind: str, centre: tuple[float, float], radius: float) -> None:
    """Draw a ring, a disc with hills in front of it, or bars in a disc."""
    window = _window(scene, centre, (radius, radius))
    if window is None:
        return
    x, y = (scene.x[window] - np.float32(centre[0])) / radius, (scene.y[window] - np.float32(centre[1])) / radius
    edge = scene.zoom * radius
    away = np.hypot(x, y)
    disc = np.clip((1 - away) * edge + 0.5, 0, 1)
    if kind == "disc":
        inner = np.clip((np.abs(away - 0.78) - 0.06) * edge + 0.5, 0, 1)
        _stamp(scene, window, np.asarray(disc * inner, np.float32), "print")
        _stamp(scene, window, np.asarray(np.clip((0.4 - away) * edge + 0.5, 0, 1), np.float32), "print accent")
    elif kind == "bars":
        rows = np.clip((np.abs((y * 3.5) % 1 - 0.5) - 0.16) * edge / 3.5 + 0.5, 0, 1)
        _stamp(scene, window, np.asarray(disc * rows, np.float32), "print")
    else:
        hills = np.maximum(0.25 - 0.9 * np.abs(x + 0.3), 0.05 - 0.8 * np.abs(x - 0.45)) + 0.05
        below = np.clip((y + hills - 0.15) * edge + 0.5, 0, 1)
        _stamp(scene, window, np.asarray(disc * (1 - below), np.float32), "print accent")
        _stamp(scene, window, np.asarray(disc * below, np.float32), "print")
