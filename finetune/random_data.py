"""Pictures and answers made in memory from a seed: data for measuring speed, of any size and without a disk.

They cost a loader what real ones cost: a picture lies there as JPEG bytes of a photograph's size and is decoded each
time. There is nothing to learn from them.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from finetune.data_mix import Example
from schemas.errors import ToileError

SYNTHETIC = "synthetic"
"""What the mix of a measurement without data names."""
NUM_PICTURES = 64
"""Different pictures, which the rows share."""
SMALLEST_PX, LARGEST_PX = 16, 8192
_GRAIN = 6.0
"""Standard deviation of the noise over a picture's colours: about 0.3 bytes a pixel, as in catalog photographs."""
_QUALITY = 90
_WORDS = (
    "belted", "checked", "cotton", "silk", "wool", "leather", "quilted", "cashmere", "trench", "coat", "shirt",
    "scarf", "tote", "bag", "sneakers", "dress", "jacket", "with", "in", "and", "stripe", "logo", "classic", "mini",
)  # fmt: skip
_CATEGORIES = ("Coats", "Dresses", "Bags", "Shoes", "Scarves & Shawls", "Knitwear", "Trousers", "Small Accessories")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSource:
    """Rows of made-up products; a `finetune.data_mix.Source`."""

    folder: Path
    num_examples: int
    num_skipped: int
    content_sha256: str
    seed: int
    jpegs: tuple[bytes, ...]

    def currencies(self) -> set[str | None]:
        """They are all in US dollars."""
        return {"USD"}

    def example(self, row: int) -> Example:
        """Titles of 4 to 9 words, as in the shops this tool was made for."""
        rng = np.random.default_rng([self.seed, 1, row])
        words = rng.choice(_WORDS, size=int(rng.integers(4, 10)))
        return Example(
            title=" ".join(words).capitalize(),
            category=str(rng.choice(_CATEGORIES)),
            full_price=float(rng.integers(50, 5000)),
            picture=Image.open(io.BytesIO(self.jpegs[row % len(self.jpegs)])).convert("RGB"),
        )

    def seen(self) -> Iterator[dict[str, str | None]]:
        """Nothing that a model could be tested on."""
        return iter(())


def synthetic_source(width_px: int, height_px: int, seed: int = 0, num_examples: int = 4096) -> SyntheticSource:
    """Pictures of one size; ToileError for a size that is no picture's."""
    if not all(SMALLEST_PX <= side <= LARGEST_PX for side in (width_px, height_px)):
        problem = f"is {width_px}x{height_px} px"
        raise ToileError("picture size", problem, f"choose sides of {SMALLEST_PX} to {LARGEST_PX} px")
    jpegs = tuple(_jpeg(width_px, height_px, seed, number) for number in range(NUM_PICTURES))
    digest = hashlib.sha256(b"".join(jpegs)).hexdigest()
    return SyntheticSource(
        folder=Path(SYNTHETIC),
        num_examples=num_examples,
        num_skipped=0,
        content_sha256=digest,
        seed=seed,
        jpegs=jpegs,
    )


def _jpeg(width_px: int, height_px: int, seed: int, number: int) -> bytes:
    """Soft patches of colour under some grain."""
    rng = np.random.default_rng([seed, 0, number])
    patches = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((width_px, height_px), Image.Resampling.BICUBIC), dtype=np.float32)
    grain = rng.normal(0, _GRAIN, (height_px, width_px, 1)).astype(np.float32)
    picture = Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=_QUALITY)
    return file.getvalue()
