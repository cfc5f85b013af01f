"""The drawing vocabulary: what a catalog spec may ask of the renderer, and which of it a picture shows.

Spec validation and the renderer read the same names from here; what differs from silhouette to silhouette stands in
the records of `schemas/silhouettes`. `SHOWN` is the promise behind every price: an attribute that is shown changes the
picture of that silhouette visibly, one that is not shown does not change a single byte.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import ToileError, suggest
from schemas.silhouettes import RECORDS
from schemas.silhouettes.record import EVERY_FIT, FOLDABLE

SILHOUETTES = tuple(RECORDS)
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
FITS = (ANY, *EVERY_FIT)
PRESENTATIONS = (ANY, *FOLDABLE)
"""How clothes lie in a studio picture. The shot, not the design, decides what `any` is: flat or, at times, turned."""

CUTS: dict[str, tuple[str, ...]] = {
    "neckline": NECKLINES,
    "sleeve": SLEEVES,
    "closure": CLOSURES,
    "heel": HEELS,
    "strap": STRAPS,
    "fit": FITS,
    "presentation": PRESENTATIONS,
}
"""How a product is made up, and how it lies. A silhouette may know fewer of the words: `CUTS_OF`."""
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

CUTS_OF: dict[str, dict[str, tuple[str, ...]]] = {name: each.cuts for name, each in RECORDS.items() if each.cuts}
"""The words, beside `any`, that a silhouette knows of each cut it shows; a spec may ask it for no other."""
SHOWN: dict[str, frozenset[str]] = {name: each.shows | each.cuts.keys() for name, each in RECORDS.items()}
"""The attributes, beside colour, that change the picture of a silhouette; a price may depend only on these."""


def visible_attributes(silhouette: str, presentation: str = ANY) -> frozenset[str]:
    """The attributes, beside colour, that a picture in this presentation shows: fewer where the product is folded."""
    folded = presentation == "folded" and "folded" in cut_words(silhouette, "presentation")
    return RECORDS[silhouette].folded_shows if folded else SHOWN[silhouette]


def cut_words(silhouette: str, cut: str) -> tuple[str, ...]:
    """The words of a cut, beside `any`, that a silhouette draws; what knows no other presentation lies flat."""
    usual = ("flat",) if cut == "presentation" else ()
    return CUTS_OF.get(silhouette, {}).get(cut, usual)


def visible_values(silhouette: str, name: str) -> tuple[str, ...]:
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
    presentation: str = ANY
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


def drop_invisible(appearance: Appearance) -> Appearance:
    """The appearance with every attribute that its picture does not show set to its neutral value."""
    cuts = CUTS_OF.get(appearance.silhouette, {})
    hidden = STYLE_VALUES.keys() - visible_attributes(appearance.silhouette, appearance.presentation)
    hidden |= {name for name, words in cuts.items() if getattr(appearance, name) not in words}
    neutral: dict[str, Any] = {**_OPTIONAL, "material": "cotton"}
    return dataclasses.replace(appearance, **{name: neutral[name] for name in hidden})


def _named(attributes: Mapping[str, Any], name: str, values: tuple[str, ...], where: str) -> str:
    value = attributes.get(name, _OPTIONAL.get(name))
    if value is None:
        raise ToileError(f"{where}.{name}", "is missing", f"one of: {', '.join(values)}")
    if value not in values:
        raise ToileError(f"{where}.{name}", f"{value!r} is not a valid {name}", suggest(value, values))
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
