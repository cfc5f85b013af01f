"""Render the contact sheets of the gallery: python -m benchmarks.gallery [--out docs/gallery]

Each row of a sheet is one silhouette with random designs, shots, materials, patterns, cuts and colours. More sheets
show every material, every pattern, flat, turned and folded clothes, and snapshots.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from generator.render import render_appearance
from schemas.appearance import (
    ANY,
    CUTS,
    CUTS_OF,
    HARDWARE,
    LININGS,
    MATERIALS,
    PATTERNS,
    SHOWN,
    SILHOUETTES,
    Appearance,
    cut_words,
)
from schemas.silhouettes import SILHOUETTE_GROUPS

GROUPS = {name: tuple(each.name for each in group) for name, group in SILHOUETTE_GROUPS.items()}
MATERIALS_OF = {
    "coats-and-jackets": ("gabardine", "wool", "cotton", "leather", "nylon", "suede"),
    "tops": ("cotton", "jersey", "wool", "knit", "silk", "denim"),
    "dresses-and-bottoms": ("cotton", "wool", "denim", "silk", "jersey", "leather"),
    "bags": ("leather", "canvas", "suede", "nylon", "leather", "leather"),
    "shoes": ("leather", "suede", "canvas", "leather", "leather", "nylon"),
    "accessories": ("leather", "wool", "cotton", "leather", "acetate", "silk"),
    "beauty-and-home": ("cotton", "wool", "ceramic", "stoneware", "glass", "linen"),
}
COLOURS = ("#c19a6b", "#1f3a5f", "#7a2f35", "#3d4a3a", "#d8d0c0", "#2b2b2e", "#a0522d", "#5c7a99")
VARIED_CUTS = frozenset(CUTS) - {"presentation"}
EDGE, COLUMNS = 168, 7
PRESENTED = (
    *("trench-coat", "coat", "blazer", "puffer-jacket", "sweater", "cardigan", "hoodie", "shirt", "t-shirt"),
    *("polo-shirt", "dress", "skirt", "trousers", "jeans", "shorts", "scarf"),
)
"""The rows of the sheet of presentations."""


def sample_appearance(silhouette: str, group: str, number: int, presentation: str = ANY) -> Appearance:
    """Return appearance `number` of a row."""
    rng = np.random.default_rng([SILHOUETTES.index(silhouette), number])
    material = MATERIALS_OF[group][number % len(MATERIALS_OF[group])]
    patterned = number % 3 == 2
    return Appearance(
        silhouette=silhouette,
        colour=COLOURS[(number * 3 + SILHOUETTES.index(silhouette)) % len(COLOURS)],
        material=material if material in MATERIALS else "cotton",
        pattern=str(rng.choice(PATTERNS)) if patterned else "plain",
        size=("medium", "large", "small", "medium", "child", "medium", "large")[number % 7],
        hardware=HARDWARE[number % 3],
        lining=LININGS[number % 3],
        quilting="diamond" if number % 5 == 4 and "quilting" in SHOWN[silhouette] else "none",
        **{name: str(rng.choice(words)) for name, words in CUTS_OF.get(silhouette, {}).items() if name in VARIED_CUTS},
        presentation=presentation,
        design_seed=number,
        shot_seed=number,
    )


def render_sheet(rows: list[list[Appearance]], names: list[str], photo: str = "studio") -> Image.Image:
    """Return an image of appearances in rows, each row under its name."""
    width = max(len(row) for row in rows)
    image = Image.new("RGB", (width * EDGE, len(rows) * (EDGE + 14)), "white")
    pen = ImageDraw.Draw(image)
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        top = number * (EDGE + 14)
        pen.text((4, top + 1), name, fill="#444444")
        for column, appearance in enumerate(row):
            image.paste(render_appearance(appearance, EDGE, photo), (column * EDGE, top + 14))
    return image


def render_values(words: tuple[str, ...], name: str, silhouettes: tuple[str, ...]) -> Image.Image:
    """Return a sheet with every value of a style attribute on the same few silhouettes."""
    rows, names = [], []
    for first in range(0, len(words), COLUMNS):
        some = words[first : first + COLUMNS]
        for silhouette in silhouettes:
            rows.append(
                [
                    Appearance(
                        **{"silhouette": silhouette, "colour": "#8a5a44", "material": "cotton", name: word},
                        design_seed=2,
                        shot_seed=3,
                    )
                    for word in some
                ]
            )
            names.append(f"{silhouette}: {', '.join(some)}")
    return render_sheet(rows, names)


def sample_presentations(silhouette: str, group: str) -> list[Appearance]:
    """Return designs of a silhouette in all of its presentations."""
    words = cut_words(silhouette, "presentation")
    return [sample_appearance(silhouette, group, n // len(words), words[n % len(words)]) for n in range(COLUMNS)]


def main() -> None:
    """Render all sheets."""
    parser = argparse.ArgumentParser(description="Draw the contact sheets of the gallery.")
    parser.add_argument("--out", type=Path, default=Path("docs/gallery"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    sheets = {
        group: render_sheet(
            [[sample_appearance(each, group, n) for n in range(COLUMNS)] for each in names], list(names)
        )
        for group, names in GROUPS.items()
    }
    sheets["materials"] = render_values(MATERIALS, "material", ("coat", "tote-bag"))
    sheets["patterns"] = render_values(PATTERNS, "pattern", ("shirt",))
    chosen = ("coat", "sweater", "shirt", "t-shirt", "dress", "trousers", "sneaker", "cap", "tote-bag")
    group_of = {each: group for group, names in GROUPS.items() for each in names}
    rows = [[sample_appearance(each, group_of[each], n) for n in range(COLUMNS)] for each in chosen]
    sheets["snapshots"] = render_sheet(rows, list(chosen), "snapshot")
    sheets["presentations"] = render_sheet(
        [sample_presentations(each, group_of[each]) for each in PRESENTED], list(PRESENTED)
    )
    for name, image in sheets.items():
        image.save(out / f"{name}.jpg", quality=85)


if __name__ == "__main__":
    main()
