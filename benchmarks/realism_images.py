"""The images of the realism benchmark: real photographs by class, and synthetic images of the same classes."""

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from generator.render import render_appearance
from schemas.appearance import CUTS, CUTS_OF, Appearance
from schemas.errors import ToileError

MAX_SIDE = 320
"""Real photographs are reduced to this longer side; synthetic ones are smaller."""
CLASSES: dict[str, dict[str, float]] = {
    "dress": {"dress:none": 0.55, "dress:short": 0.25, "dress:long": 0.2},
    "hat": {"cap": 0.6, "beanie": 0.37, "bucket-hat": 0.03},
    "longsleeve": {"sweater": 0.55, "cardigan": 0.06, "hoodie": 0.05, "t-shirt:long": 0.34},
    "outwear": {
        "coat": 0.1,
        "trench-coat": 0.04,
        "car-coat": 0.05,
        "duffle-coat": 0.02,
        "quilted-jacket": 0.14,
        "puffer-jacket": 0.25,
        "gilet": 0.1,
        "bomber-jacket": 0.15,
        "blazer": 0.05,
        "hoodie": 0.1,
    },
    "pants": {"trousers": 0.45, "jeans": 0.55},
    "shirt": {"shirt:long": 0.65, "shirt:short": 0.35},
    "shoes": {"sneaker": 0.32, "boot": 0.14, "loafer": 0.12, "pump": 0.14, "sandal": 0.28},
    "shorts": {"shorts": 0.85, "swim-shorts": 0.15},
    "skirt": {"skirt": 1.0},
    "t-shirt": {"t-shirt:short": 0.9, "polo-shirt:short": 0.1},
}
"""Class -> silhouettes and their shares; after a colon, the value of the cut that decides."""
STUDIO_CLASSES = {
    "Tshirts": "t-shirt",
    "Sports Shoes": "shoes",
    "Sandals": "shoes",
    "Flip Flops": "shoes",
    "Shorts": "shorts",
    "Track Pants": "pants",
    "Skirts": "skirt",
    "Dresses": "dress",
    "Shirts": "shirt",
    "Caps": "hat",
    "Jackets": "outwear",
    "Sweatshirts": "longsleeve",
}
"""Third category of a catalog of studio photographs -> class; other rows are skipped."""
NEUTRALS = (
    *("#15161a", "#15161a", "#1d2230", "#24293d", "#3a3d42", "#55585c", "#8b8d90", "#b9bbbd"),
    *("#eeeeec", "#f6f4ef", "#e8dfcf", "#cbb894", "#a98a63", "#74543a", "#4a3527"),
)
BRIGHTS = (
    *("#2f3f6b", "#3f5f94", "#6f93bd", "#a7c1dc", "#7a1f2a", "#b32632", "#d9606c", "#e3a4ac", "#d98fb6"),
    *("#7b3f73", "#55703f", "#2f5a45", "#7fae9a", "#2d8a94", "#e0b33a", "#dd7a2c"),
)
DENIM = ("#22304a", "#33476b", "#4b6790", "#7d9cc0", "#a9bfd6", "#1e2229", "#3d3f44")
NEUTRAL = 0.6
"""Share of black, white, grey, navy and brown among products that are not denim."""
_COTTONS = ("cotton", "cotton", "jersey", "linen")
_KNITS = ("knit", "knit", "rib-knit", "cable-knit", "wool", "cashmere")
_LEATHERS = ("leather", "leather", "grained-leather", "patent-leather", "suede")
MATERIALS_OF: dict[str, tuple[str, ...]] = {
    "dress": (*_COTTONS, "jersey", "silk", "satin", "wool", "denim", "velvet", "knit"),
    "cap": ("cotton", "twill", "twill", "canvas", "denim", "wool", "corduroy", "suede", "nylon"),
    "beanie": (*_KNITS, "boucle"),
    "bucket-hat": ("cotton", "canvas", "denim", "nylon"),
    "sweater": (*_KNITS, "knit", "jersey", "jersey", "cotton"),
    "cardigan": (*_KNITS, "boucle"),
    "hoodie": ("jersey", "jersey", "cotton", "nylon"),
    "coat": ("wool", "wool", "boucle", "cashmere", "gabardine", "nylon", "twill", "leather", "shearling"),
    "trench-coat": ("gabardine", "twill", "cotton", "nylon", "leather"),
    "car-coat": ("gabardine", "cotton", "wool", "twill", "corduroy"),
    "duffle-coat": ("wool", "boucle"),
    "quilted-jacket": ("nylon", "nylon", "cotton", "leather", "denim", "velvet"),
    "puffer-jacket": ("nylon", "nylon", "nylon", "satin", "patent-leather"),
    "gilet": ("nylon", "nylon", "wool", "denim", "shearling"),
    "bomber-jacket": ("nylon", "leather", "denim", "denim", "satin", "suede", "jersey", "corduroy"),
    "blazer": ("wool", "cotton", "linen", "gabardine", "corduroy", "velvet"),
    "trousers": ("cotton", "wool", "jersey", "jersey", "linen", "gabardine", "twill", "corduroy", "leather"),
    "jeans": ("denim",),
    "shorts": ("denim", "denim", "denim", *_COTTONS, "twill", "nylon", "corduroy"),
    "swim-shorts": ("nylon", "cotton"),
    "skirt": ("denim", "denim", "denim", *_COTTONS, "wool", "satin", "leather", "corduroy", "suede", "twill", "velvet"),
    "shirt": ("cotton", "cotton", "cotton", "linen", "denim", "silk", "satin", "twill", "jersey"),
    "t-shirt": ("jersey", "jersey", "cotton", "linen"),
    "polo-shirt": ("cotton", "jersey"),
    "sneaker": ("canvas", "canvas", *_LEATHERS, "nylon", "jersey"),
    "boot": _LEATHERS,
    "loafer": (*_LEATHERS, "velvet", "canvas"),
    "pump": (*_LEATHERS, "satin", "velvet", "exotic-leather"),
    "sandal": (*_LEATHERS, "satin", "canvas"),
}
"""Usual materials; a material named twice is twice as frequent."""
PLAIN_MATERIALS = ("denim", "leather", "grained-leather", "patent-leather", "exotic-leather", "suede", "corduroy")
"""Materials that are rarely printed or woven in colours."""
PRINTS = ("stripes", "stripes", "dots", "floral", "floral", "check", "camouflage", "print", "leopard", "colour-block")
PRINTS_OF: dict[str, tuple[str, ...]] = {
    "shirt": (
        *("check", "check", "tartan", "tartan", "gingham", "windowpane"),
        *("stripes", "stripes", "pinstripe", "pinstripe", "dots", "floral", "print"),
    ),
    "dress": ("floral", "floral", "dots", "dots", "stripes", "check", "gingham", "print", "leopard", "colour-block"),
    "shorts": ("camouflage", "check", "tartan", "gingham", "stripes", "floral", "print", "dots"),
    "skirt": ("floral", "dots", "tartan", "check", "stripes", "houndstooth", "leopard", "print"),
    "trousers": ("pinstripe", "check", "tartan", "floral", "dots", "camouflage", "stripes", "houndstooth"),
    "sweater": ("stripes", "stripes", "argyle", "colour-block", "dots", "print", "floral", "camouflage"),
    "cardigan": ("stripes", "argyle", "colour-block"),
    "beanie": ("stripes", "stripes", "colour-block", "argyle"),
    "cap": ("camouflage", "check", "stripes", "monogram", "leopard"),
    "coat": ("herringbone", "houndstooth", "check", "tartan", "windowpane"),
    "blazer": ("herringbone", "houndstooth", "pinstripe", "windowpane", "check"),
}
"""Patterns other than plain; `PRINTS` for all other silhouettes."""
PATTERNED = {
    "shirt": 0.6,
    "dress": 0.45,
    "shorts": 0.5,
    "swim-shorts": 0.6,
    "skirt": 0.4,
    "sweater": 0.35,
    "t-shirt": 0.3,
    "beanie": 0.4,
    "cap": 0.2,
    "trousers": 0.25,
}
"""Share with a pattern, among materials that can have one."""
RARELY_PATTERNED = 0.12
METAL_AT_WAIST = {"dress": 0.15, "skirt": 0.15}
"""Share with metal at the waist, where an image shows a belt or buckles; elsewhere `METAL`."""
METAL = 0.7
CUT_VALUES = {
    "size": ("child", "child", "small", "medium", "medium", "medium", "medium", "large"),
    "fit": ("slim", "straight", "straight", "loose", "loose"),
    "neckline": ("round", "round", "round", "v", "roll"),
}
"""Frequency of values, where they are not all equally frequent."""


class RealPhotos:
    """Real photographs, with their classes as numbers, and their names."""

    def __init__(self, folder: Path) -> None:
        found = sorted(_by_category(folder) if (folder / "products.csv").exists() else _by_folder(folder))
        if not found:
            raise ToileError(str(folder), "holds no photograph of a known class", f"folders {', '.join(CLASSES)}")
        self.paths = [path for path, _ in found]
        self.labels = np.array([list(CLASSES).index(name) for _, name in found])

    def images(self) -> Iterator[Image.Image]:
        """Yield upright RGB images, at most `MAX_SIDE` pixels long."""
        for path in self.paths:
            with Image.open(path) as file:
                photo = ImageOps.exif_transpose(file).convert("RGB")
            photo.thumbnail((MAX_SIDE, MAX_SIDE))
            yield photo

    def second_half(self) -> npt.NDArray[np.bool_]:
        """Return True for the half of each class (by a hash of the names) that was not used during improvements."""
        late = np.zeros(len(self.paths), bool)
        for label in np.unique(self.labels):
            members = np.flatnonzero(self.labels == label)
            order = sorted(members, key=lambda i: zlib.crc32(self.paths[i].name.encode()))
            late[order[1::2]] = True
        return late


def _by_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    for name in CLASSES:
        for path in (folder / name).glob("*.jpg"):
            yield path, name


def _by_category(folder: Path) -> Iterator[tuple[Path, str]]:
    with (folder / "products.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["category3_code"] in STUDIO_CLASSES:
                yield folder / row["image"], STUDIO_CLASSES[row["category3_code"]]


def sample_appearance(label: int, number: int) -> Appearance:
    """Sample a plausible product of a class: silhouette, size and cuts by share, usual colours and materials."""
    name = list(CLASSES)[label]
    rng = np.random.default_rng([label, number, 2026])

    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    meanings = list(CLASSES[name])
    chosen = meanings[int(rng.choice(len(meanings), p=list(CLASSES[name].values())))]
    silhouette, _, word = chosen.partition(":")
    material = pick(MATERIALS_OF[silhouette])
    printed = material not in PLAIN_MATERIALS and rng.random() < PATTERNED.get(silhouette, RARELY_PATTERNED)
    colours = DENIM if material == "denim" else NEUTRALS if rng.random() < NEUTRAL else BRIGHTS
    colour = pick(colours)
    metal = rng.random() < METAL_AT_WAIST.get(silhouette, METAL)
    known = {cut: words for cut, words in CUTS_OF.get(silhouette, {}).items() if cut != "presentation"}
    cuts = {cut: pick(tuple(w for w in CUT_VALUES.get(cut, words) if w in words)) for cut, words in known.items()}
    cuts |= {cut: word for cut in CUTS if word and word in known.get(cut, ())}
    return Appearance(
        silhouette=silhouette,
        colour=_jitter_colour(colour, rng),
        material=material,
        pattern=pick(PRINTS_OF.get(silhouette, PRINTS)) if printed else "plain",
        size=pick(CUT_VALUES["size"]),
        hardware=pick(("silver", "silver", "gold")) if metal else "none",
        lining=pick(("none", "plain", "check")),
        quilting=pick(("none", "none", "none", "diamond", "channel")) if name == "outwear" else "none",
        design_seed=int(rng.integers(1 << 31)),
        shot_seed=int(rng.integers(1 << 31)),
        **cuts,
    )


def _jitter_colour(colour: str, rng: np.random.Generator) -> str:
    """Return the colour, changed by a few levels per channel."""
    levels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) + rng.normal(0, 10, 3)
    return "#" + "".join(f"{int(level):02x}" for level in np.clip(levels, 4, 250))


def render_sample(label: int, number: int, size: int, photo: str) -> Image.Image:
    """Render the synthetic image of one sampled product."""
    return render_appearance(sample_appearance(label, number), size, photo)
