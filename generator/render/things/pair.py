"""A second piece behind the first: the other shoe of a pair, the other glove, as one shot shows it and another not."""

from typing import Any

import numpy as np
import numpy.typing as npt

from generator.render.engine import kernels
from generator.render.engine.canvas import Scene

Pixels = npt.NDArray[Any]


def behind(scene: Scene, dx: float, dy: float, *, flip: bool = False, dim: float = 0.86, shadow: float = 0.55) -> None:
    """Puts a copy of what is drawn `dx`, `dy` units away, under it; `flip` shows the other hand of it.

    The copy is a little darker (`dim`), and darker still along the edge of what covers it (`shadow`).
    """
    right, down = round(dx * scene.zoom), round(dy * scene.zoom)
    alpha = scene.alpha.copy()
    other = _moved(alpha, right, down, flip)
    seen, edge = other * (1 - alpha), (alpha > 0) & (alpha < 1) & (other > 0)
    bare = (alpha <= 0) & (other > 0)
    soft = kernels.softened(scene.alpha, 0.014 * scene.zoom, 0.0, 0.0)
    near = np.float32(dim) * (1 - np.float32(shadow) * np.clip(soft, 0, 1))
    top = _moved(scene.top, right, down, flip)
    for plane in (scene.height, scene.shade, scene.quilt):
        copy = _moved(plane, right, down, flip)
        value = copy * near if plane is scene.shade else copy
        plane += seen / np.maximum(alpha + seen, np.float32(1e-6)) * (value - plane)
    for plane in (scene.u, scene.v, scene.share, scene.top, scene.under, scene.part):
        np.copyto(plane, _moved(plane, right, down, flip), where=bare)
    np.copyto(scene.under, top, where=edge)
    np.copyto(scene.share, alpha / np.maximum(alpha + seen, np.float32(1e-6)), where=edge)
    scene.alpha[:] = alpha + seen


def _moved(plane: Pixels, right: int, down: int, flip: bool) -> Pixels:
    """The plane shifted, empty where nothing comes in; flipped about the middle of the picture before that."""
    source = plane[:, ::-1] if flip else plane
    side = plane.shape[0]
    moved = np.zeros_like(plane)
    moved[max(down, 0) : side + min(down, 0), max(right, 0) : side + min(right, 0)] = source[
        max(-down, 0) : side - max(down, 0), max(-right, 0) : side - max(right, 0)
    ]
    return moved
