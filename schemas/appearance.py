"""The drawing vocabulary: what a catalog spec may ask of the renderer, and which of it a picture shows.

Spec validation and the renderer read the same names from here. `SHOWN` is the promise behind every price: an attribute
that is shown changes the picture of that silhouette visibly, one that is not shown does not change a single byte.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.border import nearest
from schemas.errors import ToileError

SILHOUETTES = (
    *("trench-coat", "coat", "car-coat", "duffle-coat", "cape"),
    *("quilted-jacket", "puffer-jacket", "gilet", "bomber-jacket", "blazer"),
    *("sweater", "cardigan", "hoodie", "shirt", "t-shirt", "polo-shirt"),
    *("dress", "skirt", "trousers", "jeans", "shorts", "swimsuit", "swim-shorts"),
    *("tote-bag", "shoulder-bag", "crossbody-bag", "clutch", "backpack"),
    *("sneaker", "boot", "loafer", "pump", "sandal"),
    *("wallet", "card-case", "belt", "watch", "sunglasses", "scarf", "gloves", "tie"),
    *("cap", "beanie", "bucket-hat"),
    *("perfume-bottle", "lipstick", "candle", "cushion", "throw", "vase", "mug"),
)
MATERIALS = (
    *("gabardine", "twill", "cotton", "linen", "jersey", "denim", "canvas", "corduroy", "velvet", "nylon"),
    *("wool", "cashmere", "boucle", "shearling", "knit", "rib-knit", "cable-knit", "silk", "satin"),
    *("leather", "grained-leather", "patent-leather", "exotic-leather", "suede"),
    *("acetate", "glass", "metal", "ceramic", "stoneware"),
)
PATTERNS = (
    *("plain", "check", "tartan", "gingham", "windowpane", "houndstooth", "herringbone", "stripes", "pinstripe"),
    *("dots", "argyle", "floral", "leopard", "camouflage", "monogram", "print", "colour-block"),
)
SIZES = ("child", "small", "medium", "large")
"""small to large: length of a garment, height of a shoe, size of anything else; child: shorter, boxier, smaller."""
HARDWARE = ("none", "silver", "gold")
LININGS = ("none", "plain", "check")
QUILTINGS = ("none", "diamond", "channel")
ANY = "any"
"""The word of a cut that leaves it to the design: one design has a V-neck, another a round one."""
NECKLINES = (ANY, "round", "v", "roll")
SLEEVES = (ANY, "none", "short", "long")
CLOSURES = (ANY, "open", "buttons", "zip", "belt", "laces")
HEELS = (ANY, "flat", "block", "high")
STRAPS = (ANY, "none", "short", "long", "chain")
FITS = (ANY, "slim", "straight", "loose")

CUTS: dict[str, tuple[str, ...]] = {
    "neckline": NECKLINES,
    "sleeve": SLEEVES,
    "closure": CLOSURES,
    "heel": HEELS,
    "strap": STRAPS,
    "fit": FITS,
}
"""How a product is made up. A silhouette may know fewer of the words: `CUTS_OF`."""
STYLE_VALUES: dict[str, tuple[str, ...]] = {
    "material": MATERIALS,
    "pattern": PATTERNS,
    "size": SIZES,
    "hardware": HARDWARE,
    "lining": LININGS,
    "quilting": QUILTINGS,
    **CUTS,
}
DRAWN = frozenset({"colour", *STYLE_VALUES})
"""Every attribute that some silhouette shows; `colour` is shown by all of them."""

_CLOTH = frozenset({"material", "pattern", "size"})
_STYLE_SHOWN: dict[str, frozenset[str]] = {
    "trench-coat": _CLOTH | {"hardware", "lining"},
    "coat": _CLOTH | {"hardware", "lining", "quilting"},
    "car-coat": _CLOTH | {"hardware"},
    "duffle-coat": _CLOTH | {"hardware", "lining"},
    "cape": _CLOTH,
    "quilted-jacket": _CLOTH | {"hardware", "lining", "quilting"},
    "puffer-jacket": _CLOTH | {"hardware", "lining", "quilting"},
    "gilet": _CLOTH | {"hardware", "lining", "quilting"},
    "bomber-jacket": _CLOTH | {"hardware"},
    "blazer": _CLOTH | {"lining"},
    "sweater": _CLOTH,
    "cardigan": _CLOTH,
    "hoodie": _CLOTH | {"hardware", "lining"},
    "shirt": _CLOTH,
    "t-shirt": _CLOTH,
    "polo-shirt": _CLOTH,
    "dress": _CLOTH | {"hardware"},
    "skirt": _CLOTH | {"hardware"},
    "trousers": _CLOTH,
    "jeans": _CLOTH,
    "shorts": _CLOTH,
    "swimsuit": _CLOTH,
    "swim-shorts": _CLOTH,
    "tote-bag": _CLOTH | {"hardware", "lining", "quilting"},
    "shoulder-bag": _CLOTH | {"hardware", "quilting"},
    "crossbody-bag": _CLOTH | {"hardware", "quilting"},
    "clutch": _CLOTH | {"hardware", "quilting"},
    "backpack": _CLOTH | {"hardware", "quilting"},
    "sneaker": _CLOTH | {"hardware", "lining"},
    "boot": _CLOTH | {"hardware", "lining", "quilting"},
    "loafer": _CLOTH | {"hardware"},
    "pump": _CLOTH | {"hardware"},
    "sandal": _CLOTH | {"hardware"},
    "wallet": _CLOTH | {"hardware", "quilting"},
    "card-case": _CLOTH | {"hardware"},
    "belt": _CLOTH | {"hardware"},
    "watch": frozenset({"material", "size", "hardware"}),
    "sunglasses": frozenset({"material", "size", "hardware"}),
    "scarf": _CLOTH,
    "gloves": _CLOTH | {"hardware"},
    "tie": _CLOTH | {"hardware"},
    "cap": _CLOTH,
    "beanie": _CLOTH,
    "bucket-hat": _CLOTH,
    "perfume-bottle": frozenset({"pattern", "size", "hardware"}),
    "lipstick": frozenset({"pattern", "size", "hardware"}),
    "candle": _CLOTH | {"hardware"},
    "cushion": _CLOTH | {"quilting"},
    "throw": _CLOTH | {"lining"},
    "vase": _CLOTH | {"hardware"},
    "mug": _CLOTH | {"hardware", "lining"},
}
_FITS = FITS[1:]
CUTS_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "coat": {"closure": ("buttons", "zip", "belt"), "fit": _FITS},
    "car-coat": {"closure": ("buttons", "zip"), "fit": _FITS},
    "duffle-coat": {"fit": _FITS},
    "cape": {"closure": ("open", "buttons")},
    "quilted-jacket": {"closure": ("buttons", "zip")},
    "gilet": {"closure": ("buttons", "zip")},
    "bomber-jacket": {"fit": _FITS},
    "blazer": {"fit": _FITS},
    "sweater": {"neckline": ("round", "v", "roll"), "fit": _FITS},
    "cardigan": {"neckline": ("round", "v"), "closure": ("open", "buttons", "zip"), "fit": _FITS},
    "hoodie": {"fit": _FITS},
    "shirt": {"sleeve": ("short", "long"), "fit": _FITS},
    "t-shirt": {"neckline": ("round", "v"), "sleeve": ("short", "long"), "fit": _FITS},
    "polo-shirt": {"sleeve": ("short", "long"), "fit": _FITS},
    "dress": {"neckline": ("round", "v"), "sleeve": ("none", "short", "long")},
    "skirt": {"fit": _FITS},
    "trousers": {"fit": _FITS},
    "jeans": {"fit": _FITS},
    "shorts": {"fit": _FITS},
    "swimsuit": {"neckline": ("round", "v")},
    "shoulder-bag": {"strap": ("short", "long", "chain")},
    "crossbody-bag": {"strap": ("long", "chain")},
    "clutch": {"strap": ("none", "chain")},
    "backpack": {"closure": ("zip", "belt")},
    "sneaker": {"closure": ("laces", "zip", "open")},
    "boot": {"heel": ("flat", "block", "high"), "closure": ("zip", "laces", "belt")},
    "wallet": {"closure": ("zip", "buttons", "open")},
    "loafer": {"heel": ("flat", "block")},
    "pump": {"heel": ("flat", "block", "high")},
    "sandal": {"heel": ("flat", "block", "high"), "strap": ("none", "long")},
}
"""The words, beside `any`, that a silhouette knows of each cut it shows; a spec may ask it for no other."""
SHOWN: dict[str, frozenset[str]] = {name: shown | CUTS_OF.get(name, {}).keys() for name, shown in _STYLE_SHOWN.items()}
"""The attributes, beside colour, that change the picture of a silhouette; a price may depend only on these."""


def values_shown(silhouette: str, name: str) -> tuple[str, ...]:
    """The values of a style attribute that this silhouette draws each in its own way (`any` is none of them)."""
    return CUTS_OF[silhouette][name] if name in CUTS else STYLE_VALUES[name]


_OPTIONAL = {"pattern": "plain", "size": "medium", "hardware": "none", "lining": "none", "quilting": "none"}
_OPTIONAL |= dict.fromkeys(CUTS, ANY)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Everything that a picture depends on, apart from its size in pixels."""

    silhouette: str
    colour: str
    """#rrggbb, sRGB: the ground colour of the main cloth under neutral light."""
    material: str
    pattern: str = "plain"
    size: str = "medium"
    hardware: str = "none"
    lining: str = "none"
    quilting: str = "none"
    neckline: str = ANY
    sleeve: str = ANY
    closure: str = ANY
    heel: str = ANY
    strap: str = ANY
    fit: str = ANY
    design_seed: int
    """Shape variation, shared by all colourways of one design; >= 0."""
    shot_seed: int
    """Variation of this one picture: camera, light, folds, background; >= 0."""

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any], where: str = "attributes") -> "Appearance":
        """The appearance that a product record describes; keys that are not drawn are left alone.

        Missing style attributes are plain, medium or none. A missing or unknown value raises a ToileError at
        `where`.<key> with the nearest valid name as its hint.
        """
        facts: dict[str, Any] = {
            name: _named(attributes, name, values, where)
            for name, values in {"silhouette": SILHOUETTES, **STYLE_VALUES}.items()
        }
        facts |= {name: _seed(attributes, name, where) for name in ("design_seed", "shot_seed")}
        return cls(colour=_colour(attributes, where), **facts)

    def to_attributes(self) -> dict[str, Any]:
        """The inverse of `from_attributes`."""
        return dataclasses.asdict(self)


def visible_part(appearance: Appearance) -> Appearance:
    """The appearance with every attribute that its silhouette does not show set to its neutral value."""
    cuts = CUTS_OF.get(appearance.silhouette, {})
    hidden = STYLE_VALUES.keys() - SHOWN[appearance.silhouette]
    hidden |= {name for name, words in cuts.items() if getattr(appearance, name) not in words}
    neutral: dict[str, Any] = {**_OPTIONAL, "material": "cotton"}
    return dataclasses.replace(appearance, **{name: neutral[name] for name in hidden})


def _named(attributes: Mapping[str, Any], name: str, values: tuple[str, ...], where: str) -> str:
    value = attributes.get(name, _OPTIONAL.get(name))
    if value is None:
        raise ToileError(f"{where}.{name}", "is missing", f"one of: {', '.join(values)}")
    if value not in values:
        raise ToileError(f"{where}.{name}", f"{value!r} is not a valid {name}", nearest(value, values))
    return str(value)


def _colour(attributes: Mapping[str, Any], where: str) -> str:
    value = attributes.get("colour")
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise ToileError(
            f"{where}.colour", f"{value!r} is not an sRGB colour", "write it as #rrggbb, such as '#c19a6b'"
        )
    return value.lower()


def _seed(attributes: Mapping[str, Any], name: str, where: str) -> int:
    value = attributes.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ToileError(f"{where}.{name}", f"{value!r} is not a seed", "give a whole number >= 0")
    return value
