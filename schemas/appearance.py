"""The renderer's vocabulary: the values that a catalog spec can ask for, and which of them an image shows.

Spec validation and the renderer use the same names. What differs between silhouettes is in the records of
`schemas/silhouettes`. Prices depend on `SHOWN`: an attribute that is shown changes the image of that silhouette
visibly, and one that is not shown does not change a single byte.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import ToileError, suggest
from schemas.silhouettes import RECORDS
from schemas.silhouettes.record import EVERY_FIT, FOLDABLE
from schemas.util.files import sha256_of

SILHOUETTES = tuple(RECORDS)
MATERIALS = (
    *("gabardine", "twill", "cotton", "linen", "jersey", "denim", "canvas", "corduroy", "velvet", "nylon"),
    *("wool", "cashmere", "boucle", "shearling", "knit", "rib-knit", "cable-knit", "silk", "satin"),
    *("leather", "grained-leather", "patent-leather", "exotic-leather", "suede"),
    *("acetate", "glass", "metal", "ceramic", "stoneware", "straw"),
)
PATTERNS = (
    *("plain", "check", "tartan", "gingham", "windowpane", "houndstooth", "herringbone", "stripes", "pinstripe"),
    *("dots", "argyle", "floral", "leopard", "camouflage", "monogram", "print", "colour-block"),
)
SIZES = ("child", "small", "medium", "large")
"""small to large: length of a garment, height of a shoe, size of anything else. child: shorter, boxier, smaller."""
HARDWARE = ("none", "silver", "gold")
LININGS = ("none", "plain", "check")
QUILTINGS = ("none", "diamond", "channel")
ANY = "any"
"""The value of a cut that the design decides: one design has a V-neck, another a round one."""
NECKLINES = (ANY, "round", "v", "roll")
SLEEVES = (ANY, "none", "short", "long")
CLOSURES = (ANY, "open", "buttons", "zip", "belt", "laces")
HEELS = (ANY, "flat", "block", "high")
STRAPS = (ANY, "none", "short", "long", "chain")
FITS = (ANY, *EVERY_FIT)
PRESENTATIONS = (ANY, *FOLDABLE)
"""How clothes are placed in a studio image. For `any` the shot, not the design, decides: flat or sometimes turned."""

CUTS: dict[str, tuple[str, ...]] = {
    "neckline": NECKLINES,
    "sleeve": SLEEVES,
    "closure": CLOSURES,
    "heel": HEELS,
    "strap": STRAPS,
    "fit": FITS,
    "presentation": PRESENTATIONS,
}
"""How a product is cut and how it is placed. A silhouette may have fewer of the words: `CUTS_OF`."""
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
"""Every attribute that some silhouette shows; all show `colour`."""

CUTS_OF: dict[str, dict[str, tuple[str, ...]]] = {name: each.cuts for name, each in RECORDS.items() if each.cuts}
"""Silhouette -> cut that it shows -> its words, without `any`; a spec may use no other."""
SHOWN: dict[str, frozenset[str]] = {name: each.shows | each.cuts.keys() for name, each in RECORDS.items()}
"""Silhouette -> attributes, without colour, that change its image; a price may depend only on these."""


def visible_attributes(silhouette: str, presentation: str = ANY) -> frozenset[str]:
    """Return the attributes, without colour, that an image in this presentation shows: fewer for a folded product."""
    folded = presentation == "folded" and "folded" in cut_words(silhouette, "presentation")
    return RECORDS[silhouette].folded_shows if folded else SHOWN[silhouette]


def cut_words(silhouette: str, cut: str) -> tuple[str, ...]:
    """Return the words of a cut, without `any`, that a silhouette has; without presentations of its own it is flat."""
    usual = ("flat",) if cut == "presentation" else ()
    return CUTS_OF.get(silhouette, {}).get(cut, usual)


def visible_values(silhouette: str, name: str) -> tuple[str, ...]:
    """Return the values of a style attribute that look different for this silhouette, without `any`."""
    return CUTS_OF[silhouette][name] if name in CUTS else STYLE_VALUES[name]


_OPTIONAL = {"pattern": "plain", "size": "medium", "hardware": "none", "lining": "none", "quilting": "none"}
_OPTIONAL |= dict.fromkeys(CUTS, ANY)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Everything that an image depends on, except its size in pixels."""

    silhouette: str
    colour: str
    """#rrggbb, sRGB: the base colour of the main material under neutral light."""
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
    """Decides the shape; all colourways of a design share it; >= 0."""
    shot_seed: int
    """Decides camera, light, folds and background of this image; >= 0."""

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any], where: str = "attributes") -> "Appearance":
        """Return the appearance that a product's attributes describe; other keys are ignored.

        Missing style attributes are plain, medium or none. Raises a `ToileError` at `where`.<key>, with the nearest
        valid name, for a missing or unknown value.
        """
        facts: dict[str, Any] = {
            name: _named(attributes, name, values, where)
            for name, values in {"silhouette": SILHOUETTES, **STYLE_VALUES}.items()
        }
        facts |= {name: _seed(attributes, name, where) for name in ("design_seed", "shot_seed")}
        return cls(colour=_colour(attributes, where), **facts)

    def to_attributes(self) -> dict[str, Any]:
        """Return the attributes; the inverse of `from_attributes`."""
        return dataclasses.asdict(self)


def drop_invisible(appearance: Appearance) -> Appearance:
    """Return the appearance with neutral values for all attributes that its image does not show."""
    cuts = CUTS_OF.get(appearance.silhouette, {})
    hidden = STYLE_VALUES.keys() - visible_attributes(appearance.silhouette, appearance.presentation)
    hidden |= {name for name, words in cuts.items() if getattr(appearance, name) not in words}
    neutral: dict[str, Any] = {**_OPTIONAL, "material": "cotton"}
    return dataclasses.replace(appearance, **{name: neutral[name] for name in hidden})


def appearance_sha256(attributes: Mapping[str, Any] | None) -> str | None:
    """Return a hash of what an image with these attributes shows; None for attributes that cannot be rendered.

    Products with the same hash have the same image, whatever they are called and whichever catalog they are in.
    """
    if not attributes or "shot_seed" not in attributes:
        return None
    try:
        shown = drop_invisible(Appearance.from_attributes(attributes))
    except ToileError:
        return None
    return sha256_of(shown.to_attributes())


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
