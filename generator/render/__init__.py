"""Product pictures: `draw(product, size)` renders what a product record describes, same bytes for same input.

A silhouette is a pattern sheet: a function that lays panels, seams and fittings on a `Scene`; one light shades all.

    bag = Appearance(silhouette="tote-bag", colour="#7a4a2b", material="leather", design_seed=1, shot_seed=2)
    draw_appearance(bag, 336).save("bag.png")
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, overload

from PIL import Image

from generator.render import clothes, shoes, things
from generator.render.camera.pose import PHOTOS, STUDIO
from generator.render.camera.snapshot import seen_parts, snapshot
from generator.render.camera.snapshot_views import other_view
from generator.render.clothes.body_turn import rounded_off
from generator.render.engine.canvas import Scene
from generator.render.engine.cloth_names import cloths
from generator.render.engine.light import photograph
from generator.render.engine.parts import PARTS, DrawnParts, separated
from generator.render.engine.silhouette_registry import sheets_in
from schemas.appearance import Appearance, drop_invisible
from schemas.errors import ToileError, suggest

__all__ = ["PARTS", "PHOTOS", "DrawnParts", "draw", "draw_appearance", "draw_parts"]

PATTERN_SHEETS = sheets_in(clothes, shoes, things)
"""Silhouette -> the function that draws it."""


class Drawable(Protocol):
    """A product record; imported rows have no attributes."""

    @property
    def attributes(self) -> Mapping[str, Any] | None: ...


@overload
def draw(product: Drawable, size: int, photo: str = STUDIO, *, parts: Literal[False] = False) -> Image.Image: ...


@overload
def draw(product: Drawable, size: int, photo: str = STUDIO, *, parts: Literal[True]) -> DrawnParts: ...


def draw(product: Drawable, size: int, photo: str = STUDIO, *, parts: bool = False) -> Image.Image | DrawnParts:
    """The picture of a generated product, RGB, size x size pixels; `photo` is one of `PHOTOS`.

    With `parts`, the same picture and the part of the product at each pixel. A product without attributes
    is a ToileError.
    """
    if product.attributes is None:
        where = f"product {getattr(product, 'product_code', '?')}"
        raise ToileError(
            where, "has no attributes to draw", "only generated products can be drawn; real ones have a picture"
        )
    appearance = Appearance.from_attributes(product.attributes)
    return draw_parts(appearance, size, photo) if parts else draw_appearance(appearance, size, photo)


def draw_appearance(appearance: Appearance, size: int, photo: str = STUDIO) -> Image.Image:
    """The picture of an appearance, RGB, size x size pixels; what its silhouette does not show is ignored."""
    scene = lay_out(appearance, size, photo)
    return photograph(scene) if photo == STUDIO else snapshot(scene)


def draw_parts(appearance: Appearance, size: int, photo: str = STUDIO) -> DrawnParts:
    """The picture of `draw_appearance`, and what is where in it."""
    scene = lay_out(appearance, size, photo)
    if photo == STUDIO:
        return separated(photograph(scene), scene.alpha, scene.part)
    return separated(snapshot(scene), *seen_parts(scene))


def lay_out(appearance: Appearance, size: int, photo: str = STUDIO) -> Scene:
    """The scene before the light is switched on; its `alpha` is the mask of the product (on its sheet, if a snapshot).

    A `photo` that is none of `PHOTOS` is a ToileError.
    """
    if photo not in PHOTOS:
        raise ToileError("photo", f"{photo!r} is not a way to photograph", suggest(photo, PHOTOS))
    seen = drop_invisible(appearance)
    scene = Scene(seen, size, cloths(seen), photo)
    view = None if photo == STUDIO else other_view(scene)
    (view or PATTERN_SHEETS[seen.silhouette])(scene)
    rounded_off(scene)
    return scene
