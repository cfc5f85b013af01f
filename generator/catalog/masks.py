"""Write and read ground truth of images: the mask, the parts and the box of each product, one Parquet file a shard.

    for masks in read_masks(Path("data/luxury/extra/masks-00000-of-00001.parquet")):
        print(masks.product_code, masks.box)

`read_masks` returns arrays; other readers of Parquet find two PNG images in each row.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from generator.render.engine.parts import RenderedParts
from schemas.errors import BROKEN_IMAGE_ERRORS, ToileError
from schemas.manifest import check_extra
from schemas.product import IMAGE_TYPE

Pixels = npt.NDArray[np.uint8]
SCHEMA = pa.schema(
    [
        ("product_code", pa.string()),
        ("mask", IMAGE_TYPE),  # grey: cover of the product, 0 to 255
        ("parts", IMAGE_TYPE),  # grey: the number of the part, 0 is the background
        ("names", pa.list_(pa.string())),  # of the numbers
        ("box", pa.list_(pa.int32(), 4)),  # x0, y0, x1, y1 in pixels, x1 and y1 just outside
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """Where a product is in its image."""

    product_code: str
    mask: Pixels
    """Cover of the product, 0 to 255, shape (h, w)."""
    part_ids: Pixels
    """The number of the part at each pixel, 0 is the background; shape (h, w)."""
    names: tuple[str, ...]
    """The name of each number."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels, x1 and y1 just outside."""


def masks_file(shard: int, num_shards: int) -> str:
    """Return the name of the file of one shard, relative to the folder."""
    return f"extra/masks-{shard:05d}-of-{num_shards:05d}.parquet"


def encode_masks(drawn: Iterable[tuple[str, RenderedParts]]) -> bytes:
    """Return the Parquet file of some products, given with their product codes."""
    rows = [
        {
            "product_code": code,
            "mask": {"bytes": _encode_png(parts.mask), "path": f"{code}.png"},
            "parts": {"bytes": _encode_png(parts.part_ids), "path": f"{code}-parts.png"},
            "names": list(parts.names),
            "box": list(parts.box),
        }
        for code, parts in drawn
    ]
    file = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows, SCHEMA), file, row_group_size=100, compression="zstd", write_page_checksum=True
    )
    return file.getvalue()


def read_masks(path: Path) -> Iterator[Masks]:
    """Yield the masks of a file from `toile generate --masks`; raise ToileError for a damaged or another file."""
    check_extra(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(100, columns=SCHEMA.names):
                for row in batch.to_pylist():
                    yield Masks(
                        product_code=row["product_code"],
                        mask=_decode_png(row["mask"]["bytes"]),
                        part_ids=_decode_png(row["parts"]["bytes"]),
                        names=tuple(row["names"]),
                        box=tuple(row["box"]),
                    )
    except (pa.ArrowException, *BROKEN_IMAGE_ERRORS, Image.DecompressionBombError) as error:
        raise ToileError(str(path), f"contains no masks: {error}", "make the catalog again with --masks") from error


def _encode_png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    return file.getvalue()


def _decode_png(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image.convert("L"), np.uint8)
