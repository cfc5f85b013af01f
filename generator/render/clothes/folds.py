"""Folds of worn cloth: pulls where it is held, gathers where it is squeezed, flutes where it hangs freely.

The shot samples all folds, separately for the left and the right side.
"""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from generator.render.engine.curves import Point, interpolate
from generator.render.engine.height_field import Crease, Flutes, Fold
from generator.render.engine.scene import Scene

SleevePoint = Callable[[float, float], Point]
"""Returns the point at a share of the length of a sleeve, from -1 at its inner to +1 at its outer edge."""


class BodyMeasures(Protocol):
    """The measures of an upper garment that its folds need: half widths, and heights below the neck point (units)."""

    @property
    def shoulder(self) -> float: ...
    @property
    def slope(self) -> float: ...
    @property
    def chest(self) -> float: ...
    @property
    def armhole(self) -> float: ...
    @property
    def waist(self) -> float: ...
    @property
    def waist_at(self) -> float: ...
    @property
    def hem(self) -> float: ...
    @property
    def length(self) -> float: ...


def pull_folds(
    rng: np.random.Generator, a: Point, b: Point, depth: float, width: float, *, sharp: float = 0.6, fork: float = 0.35
) -> list[Fold]:
    """Return a pull from a, where the cloth is held, that fades towards b, with a hollow; it may fork."""
    bow, waver = float(rng.normal(0, 0.07)), float(rng.uniform(0.5, 6))
    folds: list[Fold] = [Crease(a, b, depth, width, bow, sharp, 1.0, waver)]
    dx, dy = b[0] - a[0], b[1] - a[1]
    aside = 2.0 * width / (math.hypot(dx, dy) + 1e-9) * (1 if rng.random() < 0.5 else -1)
    hollow_end = interpolate(a, (b[0] - aside * dy, b[1] + aside * dx), rng.uniform(0.6, 0.9))
    hollow = (a[0] - 0.8 * aside * dy, a[1] + 0.8 * aside * dx)
    folds.append(Crease(hollow, hollow_end, -0.6 * depth, 1.2 * width, bow, 0.5 * sharp, 0.8, waver))
    if rng.random() < fork:
        start, turn = interpolate(a, b, rng.uniform(0.25, 0.5)), rng.choice((-1, 1)) * rng.uniform(0.3, 0.6)
        c, s, long = math.cos(turn), math.sin(turn), rng.uniform(0.4, 0.7)
        end = (start[0] + long * (c * dx - s * dy), start[1] + long * (s * dx + c * dy))
        folds.append(Crease(start, end, 0.7 * depth, 0.8 * width, -bow, sharp, 0.9, waver + 2))
    return folds


def body_folds(scene: Scene, measures: BodyMeasures, name: str = "body") -> list[Fold]:
    """Return pulls from armpits and shoulders, gathers at a waist or sags above a hem, and drapes."""
    rng = scene.shot.generator(f"folds {name}")
    heavy = float(rng.uniform(-0.45, 0.45))  # one side is pulled harder than the other
    folds: list[Fold] = []
    for side in (-1, 1):
        pull, pit = 1 + heavy * side, (side * (measures.chest - 0.006), measures.armhole + 0.004)
        num_pulls = int(rng.integers(2, 4))
        for i in range(num_pulls):
            angle = -0.45 + 1.55 * (i + rng.uniform(0.15, 0.85)) / num_pulls
            long = rng.uniform(0.09, 0.20) * pull
            end = (pit[0] - side * long * math.cos(angle), pit[1] + long * math.sin(angle))
            folds += pull_folds(rng, pit, end, rng.uniform(0.0035, 0.0065) * pull, rng.uniform(0.006, 0.011))
    for side in (-1, 1):
        tip = (side * (measures.shoulder - 0.022), measures.slope + 0.022)
        end = (side * rng.uniform(0.25, 0.55) * measures.chest, rng.uniform(0.75, 1.15) * measures.armhole)
        folds += pull_folds(rng, tip, end, rng.uniform(0.002, 0.0035), rng.uniform(0.010, 0.016), sharp=0.4, fork=0.2)
    waisted = measures.waist < measures.chest - 0.015 and measures.waist_at < measures.length - 0.05
    folds += _gather_folds(rng, measures) if waisted else _sag_folds(rng, measures)
    num_drapes = int(rng.integers(3, 6))
    for i in range(num_drapes):
        x = (2 * (i + rng.uniform(0.2, 0.8)) / num_drapes - 1) * 0.85 * measures.waist
        top = rng.uniform(measures.armhole, max(measures.armhole + 0.02, 0.6 * measures.length))
        end = (x * 1.12 + rng.normal(0, 0.02), min(measures.length + 0.02, top + rng.uniform(0.14, 0.32)))
        depth = rng.uniform(0.0025, 0.006) * (1 if rng.random() < 0.6 else -1)
        width, bow, waver = rng.uniform(0.011, 0.022), rng.normal(0, 0.05), rng.uniform(0.5, 6)
        folds.append(Crease((x, top), end, depth, width, bow, 0.45, 0.0, waver))
    return folds


def _gather_folds(rng: np.random.Generator, measures: BodyMeasures) -> list[Fold]:
    """Return short folds that start at the side of a waist."""
    folds: list[Fold] = []
    for side in (-1, 1):
        for _ in range(int(rng.integers(2, 5))):
            y = measures.waist_at + rng.normal(0, 0.012)
            long = rng.uniform(0.03, 0.085)
            end = (side * (measures.waist - long), y + long * rng.uniform(-0.55, 0.55))
            a = (side * (measures.waist + 0.002), y)
            folds += pull_folds(rng, a, end, rng.uniform(0.0025, 0.005), rng.uniform(0.005, 0.008))
    return folds


def _sag_folds(rng: np.random.Generator, measures: BodyMeasures) -> list[Fold]:
    """Return long slanting folds of slack cloth above a straight hem."""
    folds: list[Fold] = []
    for side in (-1, 1):
        for _ in range(int(rng.integers(1, 4))):
            y = measures.armhole + (measures.length - measures.armhole) * rng.uniform(0.30, 0.85)
            a = (side * 0.98 * measures.hem, y)
            b = (side * measures.hem * rng.uniform(-0.1, 0.5), y + rng.uniform(-0.09, 0.05))
            folds += pull_folds(rng, a, b, rng.uniform(0.002, 0.0045), rng.uniform(0.010, 0.016), sharp=0.5)
    return folds


def hem_folds(
    scene: Scene, top: float, measures: BodyMeasures, count: float, depth: float, name: str = "hem"
) -> list[Fold]:
    """Return flutes from `top` to the hem; where `top` is the waist, the cloth is gathered above and below it."""
    folds: list[Fold] = [
        Flutes(
            top,
            measures.length,
            measures.hem,
            measures.waist,
            count,
            depth,
            scene.shot.uniform(f"flutes {name}", 0.0, 6.28),
        )
    ]
    if abs(top - measures.waist_at) > 0.02:
        return folds
    rng = scene.shot.generator(f"gathers {name}")
    for down in (1, -1):
        for _ in range(round(count) + 3):
            x, long = rng.uniform(-0.92, 0.92) * measures.waist, rng.uniform(0.03, 0.09)
            end = (x * (1.25 if down > 0 else 1.1) + rng.normal(0, 0.008), top + down * (0.016 + long))
            deep = rng.uniform(0.0025, 0.0055)
            a = (x, top + down * 0.012)
            folds.append(Crease(a, end, deep, rng.uniform(0.0045, 0.008), rng.normal(0, 0.05), 0.8, 1.0, 1 + 5 * x))
    return folds


def sleeve_folds(scene: Scene, side: int, edge: SleevePoint, length: float) -> list[Fold]:
    """Return pulls from the armpit, folds around the elbow, and gathers above the cuff."""
    rng = scene.shot.generator(f"folds sleeve {side}")
    folds: list[Fold] = []
    for _ in range(2):
        a = edge(rng.uniform(0.02, 0.10), -0.95)
        b = edge(rng.uniform(0.10, 0.40), rng.uniform(0.2, 0.9))
        folds += pull_folds(rng, a, b, rng.uniform(0.003, 0.0055), rng.uniform(0.007, 0.011))
    if length < 0.25:
        folds.append(Crease(edge(0.2, 0.3), edge(1.0, 0.0), 0.004, 0.018, rng.normal(0, 0.1), 0.4))
        return folds
    crook = rng.uniform(0.44, 0.56)
    num_fans = int(rng.integers(2, 5))
    for i in range(num_fans):
        spread = (i + rng.uniform(0.2, 0.8)) / num_fans - 0.5
        a = edge(crook + 0.14 * spread, -0.98)
        b = edge(min(max(crook + 0.70 * spread, 0.15), 0.92), rng.uniform(0.3, 0.95))
        folds += pull_folds(rng, a, b, rng.uniform(0.003, 0.006), rng.uniform(0.007, 0.012), fork=0.35)
    outer = crook + rng.uniform(-0.06, 0.06)
    b = edge(outer + rng.uniform(0.08, 0.20), -0.2)
    folds += pull_folds(rng, edge(outer, 0.98), b, rng.uniform(0.002, 0.0045), rng.uniform(0.008, 0.012))
    out = 1 if rng.random() < 0.5 else -1
    for i in range(int(rng.integers(1, 4))):
        share = 0.93 - 0.085 * i - rng.uniform(0, 0.03)
        a, b = edge(share, 0.97 * out), edge(share + rng.uniform(-0.07, 0.03), -0.7 * out)
        folds += pull_folds(rng, a, b, rng.uniform(0.002, 0.0045), rng.uniform(0.007, 0.010), fork=0.15)
        out = -out
    folds.append(Crease(edge(0.08, 0.3), edge(0.96, -0.1), 0.0045, 0.020, rng.normal(0, 0.04), 0.3, 0.0, crook))
    return folds
