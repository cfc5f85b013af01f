"""The handheld camera of a snapshot: where each pixel looks on the product's sheet and on the floor."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.render.camera.surfaces import FloorPoints
from generator.render.engine import Float32Array
from generator.render.engine.drape import shift_points
from generator.render.engine.height_field import resize, smooth_noise
from generator.render.engine.scene import Scene
from generator.render.engine.variation import Variation

Matrix = npt.NDArray[np.floating[Any]]
HUNG_TOPS = frozenset({"sweater", "cardigan", "hoodie", "shirt", "t-shirt", "polo-shirt", "dress"})
HUNG_COATS = frozenset(
    {"trench-coat", "coat", "car-coat", "duffle-coat", "cape", "quilted-jacket", "puffer-jacket"}
    | {"gilet", "bomber-jacket", "blazer", "denim-jacket", "windbreaker", "track-jacket", "fleece-jacket", "parka"}
)
CLIPPED = frozenset(
    {"skirt", "trousers", "jeans", "shorts", "swim-shorts", "leggings", "track-pants", "cargo-trousers"}
)
FRAME_FILL = 0.79, 1.02
"""Extent of most products of ordinary size in the frame, as a share of the image."""
UPRIGHT, SIDEWAYS, SQUARE = (3, 4), (4, 3), (1, 1)
LANDSCAPE = {
    **dict.fromkeys(HUNG_COATS | {"dress", "trousers", "jeans", "leggings", "track-pants", "scarf", "tie"}, 0.04),
    **dict.fromkeys(("sweater", "cardigan", "hoodie"), 0.30),
    **dict.fromkeys(("skirt", "shorts", "swim-shorts", "belt", "sunglasses"), 0.22),
    **dict.fromkeys(("sneaker", "boot", "loafer", "pump", "sandal", "slide", "flip-flop"), 0.25),
}
"""Share of the shots of a silhouette that are taken with the phone held sideways; 0.15 for all others."""


def frame_size(scene: Scene) -> tuple[int, int]:
    """Return height and width in pixels of the frame of a shot; the longer edge is the size of the scene."""
    shot, size = scene.shot, scene.size
    wide, high = UPRIGHT
    if shot.chance("held sideways", LANDSCAPE.get(scene.appearance.silhouette, 0.15)):
        wide, high = SIDEWAYS
    form = shot.uniform("frame", 0.0, 1.0)
    if form < 0.04:
        wide, high = SQUARE
    elif form < 0.10:  # the whole sensor of a wide screen
        wide, high = (9, 16) if wide < high else (16, 9)
    return round(size * min(1.0, high / wide)), round(size * min(1.0, wide / high))


@dataclass(frozen=True, slots=True)
class PixelMap:
    """What every pixel of the image sees."""

    x: Float32Array
    """Column of the sheet on which the product is drawn, in pixels of the sheet."""
    y: Float32Array
    """Row of the sheet."""
    floor: FloorPoints


def sample_camera(scene: Scene, hung: bool) -> PixelMap:
    """Sample the view of one shot: rotation, offset, distance, tilt; cloth is slightly displaced."""
    shot, size = scene.shot, scene.size
    turn = _sample_turn(shot, hung)
    tilted: Matrix = np.eye(3)
    tilted[2, :2] = -shot.uniform("lean x", -0.08, 0.08), -shot.uniform("lean y", -0.16, 0.22)
    rows, columns = (np.asarray((np.arange(edge) + 0.5 - 0.5 * edge) / size, np.float32) for edge in frame_size(scene))
    x, y = _project(np.linalg.inv(tilted @ _sheet_to_image(scene, turn)), rows, columns)
    x, y = _displace(x, y, shot, scene)
    floor = _floor_points(shot, turn, np.linalg.inv(tilted), rows, columns, 1 / size)
    return PixelMap(x * scene.side - 0.5, y * scene.side - 0.5, floor)


def _sheet_to_image(scene: Scene, turn: float) -> Matrix:
    """Return the matrix from the sheet (0 to 1) to the image (-0.5 to 0.5 along the longer edge), before the tilt.

    The distance makes the product fill about as much of the frame as people choose; a small product fills less.
    """
    shot = scene.shot
    stretch, shear = np.exp(shot.uniform("stretch", -0.07, 0.05)), shot.uniform("shear", -0.06, 0.06)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = spin @ np.array([[stretch, shear], [0, 1 / stretch]])
    step = max(1, scene.side // 56)
    rows, columns = np.nonzero(scene.alpha[::step, ::step] > 0.5)
    flat = linear @ ((np.stack([columns, rows]) + 0.5) * step / scene.side - 0.5)
    if not rows.size:  # nothing is visible, such as a product smaller than a pixel
        flat = linear @ np.array([[-0.3, 0.3], [-0.3, 0.3]])
    low, high = flat.min(axis=1), flat.max(axis=1)
    half = 0.5 * np.array(frame_size(scene))[::-1] / scene.size
    extent, limit = float((high - low).max()), float(((high - low) / (2 * half)).max())
    fill = shot.uniform("near", *FRAME_FILL)
    if shot.chance("close", 0.08):
        fill *= shot.uniform("nearer", 1.05, 1.25)
    near = fill / limit * min(1.0, extent / 0.85) ** 0.10
    room = np.maximum(0.03, half - 0.5 * near * (high - low))
    middle = room * np.array([shot.uniform("right", -0.6, 0.6), shot.uniform("down", -0.55, 0.65)])
    to_picture: Matrix = np.eye(3)
    to_picture[:2, :2] = near * linear
    to_picture[:2, 2] = middle - near * 0.5 * (low + high) - near * linear @ np.array([0.5, 0.5])
    return to_picture


def _floor_points(
    shot: Variation, turn: float, to_floor: Matrix, rows: Float32Array, columns: Float32Array, pixel: float
) -> FloorPoints:
    """Return the points on the floor; boards and tiles are rarely aligned with the product."""
    x, y = _project(to_floor, rows, columns)
    turn += shot.choice("floor turn", (0.0, 0.0, np.pi / 2, np.pi / 4)) + shot.uniform("floor", -0.2, 0.2)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    zoom, place = np.float32(shot.uniform("floor scale", 0.75, 1.4)), shot.generator("floor place").uniform(0, 5, 2)
    right, down = (np.float32(value) for value in place)
    return FloorPoints((c * x - s * y) * zoom + right, (s * x + c * y) * zoom + down, float(zoom) * pixel)


def _sample_turn(shot: Variation, hung: bool) -> float:
    """Sample the rotation: most are small; a few photographs are taken from the side or from the far end."""
    if hung:
        return shot.uniform("held", -0.06, 0.06)
    if shot.chance("turned far", 0.012):
        return shot.choice("quarter", (-np.pi / 2, np.pi / 2, np.pi)) + shot.uniform("held", -0.15, 0.15)
    turn = shot.uniform("held", -0.07, 0.07) + shot.uniform("held askew", -0.07, 0.07)
    return turn + (shot.uniform("held far", -0.25, 0.25) if shot.chance("askew", 0.10) else 0.0)


def _project(matrix: Matrix, rows: Float32Array, columns: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Return where a homography maps the pixels at the heights `rows` and the places `columns`."""
    m = matrix.astype(np.float32)
    x, y = columns[None, :], rows[:, None]
    w = 1 / (m[2, 0] * x + m[2, 1] * y + m[2, 2])
    return (m[0, 0] * x + m[0, 1] * y + m[0, 2]) * w, (m[1, 0] * x + m[1, 1] * y + m[1, 2]) * w


def _displace(x: Float32Array, y: Float32Array, shot: Variation, scene: Scene) -> tuple[Float32Array, Float32Array]:
    """Displace the points of the sheet (0 to 1) and bend the whole: cloth is never perfectly flat."""
    soft = scene.appearance.silhouette in HUNG_TOPS | HUNG_COATS | CLIPPED
    step = max(1, scene.size // 112)
    cx, cy = (np.ascontiguousarray(plane[step // 2 :: step, step // 2 :: step]) for plane in (x, y))
    if soft:
        dx, dy = shift_points(cx, cy, scene.drape, shot)
        bend, lean = shot.uniform("bend", -0.10, 0.10), shot.uniform("taper", -0.10, 0.10)
        dx, dy = dx + bend * (cy - 0.5) ** 2 + lean * (cx - 0.5) * (cy - 0.5), dy
    else:
        dx, dy = (np.float32(0.001) * smooth_noise(cx, cy, 0.22, layer=layer) for layer in (0, 2))
    height, width = x.shape
    grown = [resize(np.asarray(d, np.float32), width, height, Image.Resampling.BILINEAR) for d in (dx, dy)]
    return x + grown[0], y + grown[1]
