"""Light: the lamps of three studio set-ups, and the window of a room. All of it depends on the shot only."""

import math
from dataclasses import astuple, dataclass

import numpy as np

from generator.render.engine import Float64Array
from generator.render.engine.variation import Variation


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A large key light, a weak fill light opposite to it, and light from all around."""

    x: float
    """Direction to the key light: to the right, down, and towards the camera; a unit vector."""
    y: float
    z: float
    key: float
    """Light of the key lamp on a surface that faces the camera."""
    fill: float
    ambient: float
    lean: float = 0.0
    """Slope of the softbox: moves its reflection sideways."""

    @property
    def shadow_direction(self) -> tuple[float, float]:
        """The direction in which shadows fall: to the right, down; a unit vector."""
        flat = math.hypot(self.x, self.y) + 1e-9
        return -self.x / flat, -self.y / flat

    def as_row(self) -> Float64Array:
        """Return the fields in the order that `shading.shade_pixels` reads."""
        return np.array(astuple(self), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """A studio set-up: backdrop, light and lens."""

    paper: tuple[float, float]
    """Lowest and highest reflectance of the backdrop."""
    warm: float
    """How much redder than neutral it is."""
    azimuth: tuple[float, float]
    """Direction of the key light in degrees: 0 is above, -90 at the left."""
    elevation: tuple[float, float]
    """Angle of the key light above the plane of the product, in degrees."""
    power: tuple[float, float, float]
    """Light of key, fill and surroundings on a surface that faces the camera."""
    shadow: float
    """Darkness of the shadow on the backdrop."""
    falloff: float
    """How unevenly the backdrop is lit."""


STUDIOS = {
    "white": Studio(
        paper=(0.95, 1.25),
        warm=0.0,
        azimuth=(-58, -26),
        elevation=(38, 48),
        power=(0.74, 0.12, 0.25),
        shadow=0.36,
        falloff=0.5,
    ),
    "grey": Studio(
        paper=(0.64, 0.86),
        warm=0.0,
        azimuth=(-72, -40),
        elevation=(33, 42),
        power=(0.78, 0.10, 0.22),
        shadow=0.6,
        falloff=1.0,
    ),
    "warm": Studio(
        paper=(0.80, 0.97),
        warm=0.022,
        azimuth=(18, 52),
        elevation=(36, 46),
        power=(0.73, 0.13, 0.25),
        shadow=0.5,
        falloff=0.8,
    ),
}
"""The set-ups; two of four shots use the first."""
SHARES = ("white", "white", "grey", "warm")


def choose_studio(shot: Variation) -> Studio:
    """Return the set-up of a shot."""
    return STUDIOS[shot.choice("studio", SHARES)]


def studio_lamp(shot: Variation) -> Lamp:
    """Sample the light of a studio image."""
    studio = choose_studio(shot)
    key, fill, ambient = studio.power
    return _aim(
        shot.uniform("azimuth", *studio.azimuth),
        shot.uniform("elevation", *studio.elevation),
        key=key,
        fill=fill,
        ambient=ambient,
        lean=shot.uniform("softbox", -0.05, 0.05),
    )


def window_lamp(shot: Variation) -> Lamp:
    """Sample the light of a room: a window at any side, high or low, and light from walls and ceiling."""
    soft = shot.uniform("diffuse", 0.0, 1.0)
    return _aim(
        shot.uniform("azimuth", -180, 180),
        shot.uniform("elevation", 26, 62),
        key=0.84 - 0.34 * soft,
        fill=0.05 + 0.10 * soft,
        ambient=0.16 + 0.24 * soft,
        lean=0.0,
    )


def _aim(azimuth: float, elevation: float, *, key: float, fill: float, ambient: float, lean: float) -> Lamp:
    """Return a lamp at angles in degrees."""
    turn, high = math.radians(azimuth), math.radians(elevation)
    flat = math.cos(high)
    return Lamp(
        x=flat * math.sin(turn),
        y=-flat * math.cos(turn),
        z=math.sin(high),
        key=key,
        fill=fill,
        ambient=ambient,
        lean=lean,
    )
