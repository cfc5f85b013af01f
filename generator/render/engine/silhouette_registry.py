"""The mark that makes a function the drawing of a silhouette, and the table of all functions that bear it."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from generator.render.engine.canvas import Scene
from schemas.appearance import SILHOUETTES


@dataclass(frozen=True, slots=True)
class PatternSheet:
    """A function that lays the panels, seams and fittings of one silhouette on a scene."""

    silhouette: str
    lay_out: Callable[[Scene], None]

    def __call__(self, scene: Scene) -> None:
        self.lay_out(scene)


def pattern_sheet(silhouette: str) -> Callable[[Callable[[Scene], None]], PatternSheet]:
    """Stands above the function that draws `silhouette`; nothing else has to name the function."""
    return lambda lay_out: PatternSheet(silhouette, lay_out)


def sheets_in(*packages: ModuleType) -> dict[str, PatternSheet]:
    """Silhouette -> its sheet, from every module of the packages; in the order of the records.

    Each record of `schemas/silhouettes` has one sheet, and each sheet a record.
    """
    found: dict[str, PatternSheet] = {}
    names = [
        each.name for package in packages for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    for name in names:
        for sheet in vars(importlib.import_module(name)).values():
            if isinstance(sheet, PatternSheet):
                first = found.setdefault(sheet.silhouette, sheet)
                assert first is sheet, f"{name} has a second @pattern_sheet({sheet.silhouette!r})"
    undrawn, unknown = set(SILHOUETTES) - found.keys(), found.keys() - set(SILHOUETTES)
    assert not undrawn, f"no function under @pattern_sheet draws {sorted(undrawn)}"
    assert not unknown, f"schemas/silhouettes has no record of {sorted(unknown)}, which a function draws"
    return {silhouette: found[silhouette] for silhouette in SILHOUETTES}
