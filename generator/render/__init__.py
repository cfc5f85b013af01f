"""Render product images: `draw(product, size)` returns the same pixels for the same product.

Each silhouette is a function that adds panels, seams and fittings to a `Scene`; lighting shades the whole scene once.

    bag = Appearance(silhouette="tote-bag", colour="#7a4a2b", material="leather", design_seed=1, shot_seed=2)
    render_appearance(bag, 336).save("bag.png")
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, overload

from PIL import Image

from generator.render import clothes, shoes, things
from generator.render.camera.snapshot import project_parts, render_snapshot
from generator.render.clothes.turned import bevel
from generator.render.engine.cloths import build_cloths
from generator.render.engine.lighting import shade
from generator.render.engine.parts import PARTS, RenderedParts, segment_parts
from generator.render.engine.pose import PHOTOS, STUDIO
from generator.render.engine.registry import collect_silhouettes
from generator.render.engine.scene import Scene
from schemas.appearance import Appearance, drop_invisible
from schemas.errors import ToileError, suggest

__all__ = ["PARTS", "PHOTOS", "STUDIO", "RenderedParts", "draw", "render_appearance", "render_parts"]

DRAW_FUNCTIONS = collect_silhouettes(clothes, shoes, things)
"""Silhouette -> the function that draws it."""


class Drawable(Protocol):
    """A product record; the attributes of imported rows are None."""

    @property
    def attributes(self) -> Mapping[str, Any] | None: ...


@overload
def draw(product: Drawable, size: int, photo: str = STUDIO, *, parts: Literal[False] = False) -> Image.Image: ...


@overload
def draw(product: Drawable, size: int, photo: str = STUDIO, *, parts: Literal[True]) -> RenderedParts: ...


def draw(product: Drawable, size: int, photo: str = STUDIO, *, parts: bool = False) -> Image.Image | RenderedParts:
    """Render a generated product as an RGB image whose longer edge has `size` pixels.

    Studio images are square; snapshots have the frames of phones, most of them upright. `photo` is one of `PHOTOS`
    ("studio" or "snapshot"). With `parts`, return `RenderedParts`: the same image and the part of the product at each
    pixel. A product without attributes is a ToileError.
    """
    if product.attributes is None:
        where = f"product {getattr(product, 'product_code', '?')}"
        raise ToileError(
            where, "has no attributes to render", "only generated products can be rendered; imported ones have an image"
        )
    appearance = Appearance.from_attributes(product.attributes)
    return render_parts(appearance, size, photo) if parts else render_appearance(appearance, size, photo)


def render_appearance(appearance: Appearance, size: int, photo: str = STUDIO) -> Image.Image:
    """Render an appearance as an RGB image whose longer edge has `size` pixels; ignore what its silhouette hides."""
    scene = build_scene(appearance, size, photo)
    return shade(scene) if photo == STUDIO else render_snapshot(scene)


def render_parts(appearance: Appearance, size: int, photo: str = STUDIO) -> RenderedParts:
    """Render the image of `render_appearance` with its mask and part labels."""
    scene = build_scene(appearance, size, photo)
    if photo == STUDIO:
        return segment_parts(shade(scene), scene.alpha, scene.part_ids)
    return segment_parts(render_snapshot(scene), *project_parts(scene))


def build_scene(appearance: Appearance, size: int, photo: str = STUDIO) -> Scene:
    """Return the scene before shading; `scene.alpha` is the product mask, in a snapshot that on the flat sheet.

    A `photo` that is not one of `PHOTOS` is a ToileError.
    """
    if photo not in PHOTOS:
        raise ToileError("photo", f"{photo!r} is not a kind of photograph", suggest(photo, PHOTOS))
    seen = drop_invisible(appearance)
    scene = Scene(seen, size, build_cloths(seen), photo)
    DRAW_FUNCTIONS[seen.silhouette](scene)
    bevel(scene)
    return scene
