"""A catalog with difficult values: titles, codes, numbers and images that could break an export.

`expected` says what an export of it must give back.
"""

import io
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from schemas.evaluation import SPLITS
from schemas.manifest import MANIFEST, load_manifest
from schemas.product import Product
from tests.helpers.shard_fixture import relist, write_shards

Rows = list[dict[str, Any]]
TITLES = (
    *('a "quoted" title', "it's", "back\\slash \\n \\", "line\nfeed", "carriage\r\nreturn", "\r", "tab\tin", "a,b;c|d"),
    *(
        "",
        " ",
        " spaces around ",
        "NULL",
        "N.A.",
        "nan",
        "null",
        "\\N",
        "'",
        "''",
        '"',
        '""',
        "$$",
        "--",
        "/* */",
        ":x",
    ),
    *(
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\u05de\u05e2\u05d9\u05dc",
        "\u0645\u0639\u0637\u0641 RTL",
        "caf\u00c3\u00a9",
    ),
    *(
        "\U0001f9e5\U0001f9e3 coat",
        "e\u0301",
        "\ufeffbom",
        "a\u2028b\u2029c\x85d",
        "nul\0inside",
        "\x1b[31mred",
        "2026-10-01",
    ),
    *("x" * 70_000, "<script>alert(1)</script>", "1e5", "007", "True"),
)
CODES = (
    *("../../etc/passwd", "/etc/passwd", "CON", "com1", "a/b", "a\\b", "", "", ".", "..", ".hidden", "-rf", "x.y.z"),
    *("dup", "dup", "DUP", "Dup", "k" * 5000, "caf\u00e9", "cafe\u0301", "train", "test-1", "nul\0l", "12345678", "~"),
)
FLOATS = (0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 123456789.12, 1490.0, 2 / 3, 1e-7, 9007199254740993.0)


def difficult_images() -> Iterator[bytes | None]:
    """Yield PNG, JPEG, GIF, WebP, half a JPEG, a web page, empty bytes and None, repeatedly, each file different."""
    for seed in itertools.count():
        colour = (seed % 256, seed // 256, 7)
        for kind in ("PNG", "JPEG", "GIF", "WEBP"):
            file = io.BytesIO()
            Image.new("RGB", (8, 9), colour).save(file, kind)
            yield file.getvalue()
            if kind == "JPEG":
                yield file.getvalue()[: len(file.getvalue()) // 2]
        yield b"<html>404</html>"
        yield b""
        yield None


def nasty_products() -> list[Product]:
    """Return products with every title, code and number of the lists above, and random combinations, in all splits."""
    draw, images = random.Random(5), difficult_images()
    titles = [*TITLES, *(draw.choice(TITLES[:40]) + draw.choice(TITLES[:40]) for _ in range(160))]
    found = []
    for number, title in enumerate(titles):
        finite = draw.choice(FLOATS)
        found.append(
            Product(
                product_code=CODES[number] if number < len(CODES) else f"{number:08d}",
                title=None if number % 9 == 4 else title,
                brand=draw.choice([None, *TITLES[:40]]),
                category3_code=None if number % 7 == 3 else draw.choice(["BAGS", "TRENCH COATS"]),
                competence_date=draw.choice(["2026-10-01", "2026-13-45", None]),
                full_price=draw.choice([None, float("nan"), float("inf"), -float("inf"), finite]),
                price=finite,
                flg_discount=draw.choice([None, 0, 1, -(2**63), 2**63 - 1]),
                image=next(images),
                family=f"family {number}",
                split=SPLITS[number % 3],
                source="nasty",
                inferable=number % 2 == 0,
                attributes=draw.choice([None, {"colour": "na\u00efve", "size": 1.5, "deep": {"list": [1, None]}}]),
            )
        )
    return found


def write_nasty(folder: Path) -> Path:
    """Write the difficult rows, with broken attributes and unknown columns."""
    write_shards(folder, nasty_products())
    for path in sorted((folder / "data").iterdir()):
        table = pq.read_table(path)
        attributes = table["attributes"].to_pylist()
        attributes[:4] = ["{broken", "", "[1, 2]", "NaN"]
        table = table.set_column(table.schema.get_field_index("attributes"), "attributes", pa.array(attributes))
        faker = pa.array([f"Mme {k}\nLille" if k % 3 else None for k in range(len(table))])
        ratings = pa.array([k % 5 if k % 4 else None for k in range(len(table))], pa.int32())
        table = table.append_column('seller "name"', faker).append_column("rating", ratings)
        pq.write_table(table, path)
    relist(folder)
    (folder / "extra").mkdir()
    (folder / "extra" / "faults.parquet").write_bytes(b"as it is")
    return folder


def expected(shards: Path, split: str | None = None) -> Rows:
    """Read the rows with Arrow, `image` as bytes; numbers that are not finite are missing."""
    files = [shards / e.path for e in load_manifest(shards / MANIFEST).files if split in (None, e.split)]
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    for row in rows:
        row["image"] = row["image"] and row["image"]["bytes"]
        for name in ("full_price", "price"):
            row[name] = None if row[name] in (float("inf"), -float("inf")) or row[name] != row[name] else row[name]
    return rows


def file_bytes(out: Path, name: str | None) -> bytes | None:
    return None if name is None else (out / name).read_bytes()
