"""Register the function that draws a silhouette, and collect all of them.

@register_silhouette("coat")
def draw_coat(scene: Scene) -> None: ...
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from generator.render.engine.scene import Scene
from schemas.appearance import SILHOUETTES


@dataclass(frozen=True, slots=True)
class SilhouetteRenderer:
    """A function that adds the panels, seams and fittings of one silhouette to a scene."""

    silhouette: str
    draw: Callable[[Scene], None]

    def __call__(self, scene: Scene) -> None:
        self.draw(scene)


def register_silhouette(silhouette: str) -> Callable[[Callable[[Scene], None]], SilhouetteRenderer]:
    """Return a decorator for the function that draws `silhouette`; no other place has to name the function."""
    return lambda draw: SilhouetteRenderer(silhouette, draw)


def collect_silhouettes(*packages: ModuleType) -> dict[str, SilhouetteRenderer]:
    """Return silhouette -> its function, from every module of the packages, in the order of the records.

    Each record of `schemas/silhouettes` must have exactly one function, and each function a record; otherwise an
    AssertionError names the silhouette.
    """
    found: dict[str, SilhouetteRenderer] = {}
    names = [
        each.name for package in packages for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    for name in names:
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, SilhouetteRenderer):
                first = found.setdefault(value.silhouette, value)
                assert first is value, f"{name} has a second @register_silhouette({value.silhouette!r})"
    missing, unknown = set(SILHOUETTES) - found.keys(), found.keys() - set(SILHOUETTES)
    assert not missing, f"no function under @register_silhouette draws {sorted(missing)}"
    assert not unknown, f"schemas/silhouettes has no record of {sorted(unknown)}, which a function draws"
    return {silhouette: found[silhouette] for silhouette in SILHOUETTES}
