"""The pictures of the realism probe: real photographs by class, and synthetic ones of what the classes mean."""

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from generator.render import draw_appearance
from schemas.appearance import CUTS, CUTS_OF, Appearance
from schemas.errors import ToileError

LONGEST = 320
"""Real photographs are reduced to this side at most; synthetic ones are drawn smaller still."""
CLASSES: dict[str, dict[str, float]] = {
    "dress": {"dress:none": 0.55, "dress:short": 0.25, "dress:long": 0.2},
    "hat": {"cap": 0.6, "beanie": 0.4},
    "longsleeve": {"sweater": 0.6, "cardigan": 0.05, "hoodie": 0.1, "t-shirt:long": 0.25},
    "outwear": {
        "coat": 0.1,
        "trench-coat": 0.05,
        "car-coat": 0.05,
        "quilted-jacket": 0.15,
        "puffer-jacket": 0.25,
        "gilet": 0.1,
        "bomber-jacket": 0.15,
        "blazer": 0.05,
        "hoodie": 0.1,
    },
    "pants": {"trousers": 0.4, "jeans": 0.6},
    "shirt": {"shirt:long": 0.7, "shirt:short": 0.3},
    "shoes": {"sneaker": 0.4, "boot": 0.2, "loafer": 0.1, "pump": 0.15, "sandal": 0.15},
    "shorts": {"shorts": 0.85, "swim-shorts": 0.15},
    "skirt": {"skirt": 1.0},
    "t-shirt": {"t-shirt:short": 0.85, "polo-shirt:short": 0.15},
}
"""What each class of real photographs means: silhouettes, with the word of a cut that decides, and their shares."""
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
"""Third category of a catalogue of studio photographs, to class; other rows are left out."""
COLOURS = (
    *("#15161a", "#1d2230", "#24293d", "#3a3d42", "#55585c", "#8b8d90", "#b9bbbd", "#eeeeec", "#f6f4ef", "#e8dfcf"),
    *("#cbb894", "#a98a63", "#74543a", "#4a3527", "#2f3f6b", "#3f5f94", "#6f93bd", "#a7c1dc", "#7a1f2a", "#b32632"),
    *("#d9606c", "#e3a4ac", "#d98fb6", "#7b3f73", "#55703f", "#2f5a45", "#7fae9a", "#2d8a94", "#e0b33a", "#dd7a2c"),
)
DENIM = ("#22304a", "#33476b", "#4b6790", "#7d9cc0", "#a9bfd6", "#1e2229")
MATERIALS_OF: dict[str, tuple[str, ...]] = {
    "dress": ("cotton", "jersey", "silk", "wool", "denim"),
    "cap": ("cotton", "canvas", "denim", "wool"),
    "beanie": ("knit", "wool"),
    "sweater": ("knit", "knit", "wool", "jersey", "cotton"),
    "cardigan": ("knit", "wool"),
    "hoodie": ("jersey", "cotton"),
    "coat": ("wool", "gabardine", "nylon"),
    "trench-coat": ("gabardine", "cotton", "nylon"),
    "car-coat": ("gabardine", "cotton", "wool"),
    "quilted-jacket": ("nylon", "cotton", "leather", "denim"),
    "puffer-jacket": ("nylon", "nylon", "silk"),
    "gilet": ("nylon", "nylon", "wool"),
    "bomber-jacket": ("nylon", "leather", "denim", "silk"),
    "blazer": ("wool", "cotton", "gabardine"),
    "trousers": ("cotton", "wool", "jersey", "gabardine"),
    "jeans": ("denim",),
    "shorts": ("denim", "denim", "cotton", "jersey"),
    "swim-shorts": ("nylon", "cotton"),
    "skirt": ("denim", "denim", "cotton", "wool", "silk", "leather"),
    "shirt": ("cotton", "cotton", "denim", "silk"),
    "t-shirt": ("jersey", "cotton"),
    "polo-shirt": ("cotton", "jersey"),
    "sneaker": ("canvas", "leather", "suede", "nylon"),
    "boot": ("leather", "suede"),
    "loafer": ("leather", "suede"),
    "pump": ("leather", "suede", "silk"),
    "sandal": ("leather", "suede"),
}
PRINTS = ("check", "stripes", "stripes", "dots", "houndstooth", "argyle", "floral", "floral", "camouflage")
PATTERNED = {"shirt": 0.5, "dress": 0.45, "shorts": 0.35, "sneaker": 0.06, "pump": 0.05, "trousers": 0.15}
PLAIN_OTHERWISE = 0.25
"""Share of printed or woven patterns where `PATTERNED` names none."""


class Photographs:
    """Real photographs, with their classes as numbers and their names."""

    def __init__(self, folder: Path) -> None:
        found = sorted(_catalogue(folder) if (folder / "products.csv").exists() else _by_folder(folder))
        if not found:
            raise ToileError(str(folder), "holds no photograph of a known class", f"folders {', '.join(CLASSES)}")
        self.paths = [path for path, _ in found]
        self.labels = np.array([list(CLASSES).index(name) for _, name in found])

    def pictures(self) -> Iterator[Image.Image]:
        """Upright RGB pictures, at most `LONGEST` pixels long."""
        for path in self.paths:
            with Image.open(path) as file:
                picture = ImageOps.exif_transpose(file).convert("RGB")
            picture.thumbnail((LONGEST, LONGEST))
            yield picture

    def second_half(self) -> npt.NDArray[np.bool_]:
        """True for the half of each class, by a hash of the names, that nobody looked at while shapes were mended."""
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


def _catalogue(folder: Path) -> Iterator[tuple[Path, str]]:
    with (folder / "products.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["category3_code"] in STUDIO_CLASSES:
                yield folder / row["image"], STUDIO_CLASSES[row["category3_code"]]


def imagined(label: int, number: int) -> Appearance:
    """A plausible product of a class: its silhouettes, sizes and cuts by share, colours and cloths people wear."""
    name = list(CLASSES)[label]
    rng = np.random.default_rng([label, number, 2026])

    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    meanings = list(CLASSES[name])
    chosen = meanings[int(rng.choice(len(meanings), p=list(CLASSES[name].values())))]
    silhouette, _, word = chosen.partition(":")
    material = pick(MATERIALS_OF[silhouette])
    share = PATTERNED.get(silhouette, PLAIN_OTHERWISE)
    printed = material not in ("denim", "leather", "suede") and rng.random() < share
    colour = pick(DENIM if material == "denim" else COLOURS)
    cuts = {cut: pick(words) for cut, words in CUTS_OF.get(silhouette, {}).items()}
    cuts |= {cut: word for cut in CUTS if word and word in CUTS_OF.get(silhouette, {}).get(cut, ())}
    return Appearance(
        silhouette=silhouette,
        colour=_shifted(colour, rng),
        material=material,
        pattern=pick(PRINTS) if printed else "plain",
        size=pick(("child", "small", "medium", "medium", "medium", "large", "large", "large")),
        hardware=pick(("none", "silver", "silver", "gold")),
        lining=pick(("none", "plain", "check")),
        quilting=pick(("none", "none", "none", "diamond", "channel")) if name == "outwear" else "none",
        design_seed=int(rng.integers(1 << 31)),
        shot_seed=int(rng.integers(1 << 31)),
        **cuts,
    )


def _shifted(colour: str, rng: np.random.Generator) -> str:
    """The colour, a few levels to each side."""
    levels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) + rng.normal(0, 10, 3)
    return "#" + "".join(f"{int(level):02x}" for level in np.clip(levels, 4, 250))


def drawn(label: int, number: int, size: int, photo: str) -> Image.Image:
    """The synthetic picture of one imagined product."""
    return draw_appearance(imagined(label, number), size, photo)
