"""Product pictures: `draw(product, size)` renders what a product record describes, same bytes for same input.

A silhouette is a pattern sheet: a function that lays panels, seams and fittings on a `Scene`; one light shades all.

    bag = Appearance(silhouette="tote-bag", colour="#7a4a2b", material="leather", design_seed=1, shot_seed=2)
    draw_appearance(bag, 336).save("bag.png")
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from PIL import Image

from generator.render import accessories, bags, beauty, bottoms, hats, home, outerwear, shoes, tops
from generator.render.canvas import Scene
from generator.render.light import photograph
from generator.render.wardrobe import cloths
from schemas.appearance import Appearance, visible_part
from schemas.errors import ToileError

__all__ = ["draw", "draw_appearance"]

PATTERN_SHEETS: dict[str, Callable[[Scene], None]] = {
    "trench-coat": outerwear.trench_coat,
    "coat": outerwear.coat,
    "quilted-jacket": outerwear.quilted_jacket,
    "puffer-jacket": outerwear.puffer_jacket,
    "sweater": tops.sweater,
    "hoodie": tops.hoodie,
    "shirt": tops.shirt,
    "t-shirt": tops.t_shirt,
    "polo-shirt": tops.polo_shirt,
    "dress": bottoms.dress,
    "skirt": bottoms.skirt,
    "trousers": bottoms.trousers,
    "shorts": bottoms.shorts,
    "tote-bag": bags.tote_bag,
    "shoulder-bag": bags.shoulder_bag,
    "backpack": bags.backpack,
    "sneaker": shoes.sneaker,
    "boot": shoes.boot,
    "wallet": accessories.wallet,
    "belt": accessories.belt,
    "sunglasses": accessories.sunglasses,
    "scarf": accessories.scarf,
    "cap": hats.cap,
    "bucket-hat": hats.bucket_hat,
    "perfume-bottle": accessories.perfume_bottle,
    "lipstick": beauty.lipstick,
    "candle": beauty.candle,
    "cushion": home.cushion,
    "throw": home.throw,
    "vase": home.vase,
    "mug": home.mug,
}


class Drawable(Protocol):
    """A product record; imported rows have no attributes."""

    @property
    def attributes(self) -> Mapping[str, Any] | None: ...


def draw(product: Drawable, size: int) -> Image.Image:
    """The picture of a generated product, RGB, size x size pixels. A product without attributes is a ToileError."""
    if product.attributes is None:
        where = f"product {getattr(product, 'product_code', '?')}"
        raise ToileError(
            where, "has no attributes to draw", "only generated products can be drawn; real ones have a picture"
        )
    return draw_appearance(Appearance.from_attributes(product.attributes), size)


def draw_appearance(appearance: Appearance, size: int) -> Image.Image:
    """The picture of an appearance, RGB, size x size pixels; what its silhouette does not show is ignored."""
    return photograph(lay_out(appearance, size))


def lay_out(appearance: Appearance, size: int) -> Scene:
    """The scene before the light is switched on; its `alpha` is the mask of the product."""
    seen = visible_part(appearance)
    scene = Scene(seen, size, cloths(seen))
    PATTERN_SHEETS[seen.silhouette](scene)
    return scene
