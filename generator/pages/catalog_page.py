"""The catalog as one page that a person browses: rows, small pictures and price parts of one or several shard folders.

The page holds everything it shows, so it opens from the file system and sends nothing anywhere. Rows are picked evenly
over a folder, by their number in file order; a row is never left out because something in it is broken or missing.
"""

import base64
import bisect
import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from generator.faults.table import FAULTS, read_faults
from generator.pages.html import embedded, refuse_existing, rendered, write_page
from generator.pages.price_parts import PriceParts, price_parts
from generator.pages.thumbnails import thumbnail
from schemas.catalog import CatalogSpec
from schemas.manifest import Manifest
from schemas.product import COLUMNS, Product, from_batch, open_shard, shard_files
from schemas.validation import from_document

SHOWN_COLUMNS = tuple(name for name in COLUMNS if name not in {"image", "attributes"})
WORDS = {"generate": "synthetic", "import": "imported", "fetch": "fetched"}
"""What a folder is called by the command that made it."""
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What went into a page."""

    products: int
    of: int
    without_picture: int
    num_bytes: int


def show(
    folders: Sequence[Path],
    page: Path,
    *,
    limit: int = 2000,
    picture_size: int = 256,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> Shown:
    """Write the page of one or several folders beside each other; at most `limit` products in all.

    `picture_size` is the longest edge of the pictures in the page, in pixels. `progress` is told of each product done.
    An existing page is refused without `force`.
    """
    refuse_existing(page, force=force)
    totals = [sum(entry.num_rows for entry in shard_files(folder)[0].files) for folder in folders]
    counts = shares(totals, limit)
    products: list[dict[str, Any]] = []
    pictures: list[str] = []
    ratios: list[float] = []
    sides = []
    for number, (folder, name, count) in enumerate(zip(folders, labels(folders), counts, strict=True)):
        manifest = shard_files(folder)[0]
        spec = spec_of(manifest, folder)
        wrong = faults(folder)
        for row, product, extra in picked(folder, evenly(totals[number], count)):
            small = thumbnail(product.image, picture_size)
            if small.ratio is not None:
                ratios.append(small.ratio)
            products.append(
                {
                    "folder": number,
                    "row": row,
                    "values": [_plain(getattr(product, name)) for name in SHOWN_COLUMNS],
                    "picture": small.jpeg is not None,
                    "facts": small.facts,
                    "drawn": _drawn(product),
                    "parts": None if spec is None else _parts(price_parts(spec, product)),
                    "extra": {key: _plain(value) for key, value in extra.items()},
                    "faults": wrong.get(row, []),
                }
            )
            pictures.append("" if small.jpeg is None else base64.b64encode(small.jpeg).decode("ascii"))
            progress(1)
        word = WORDS.get(manifest.kind, manifest.kind)
        sides.append({"label": name, "word": word, "shown": count, "total": totals[number]})
    document = {
        "folders": sides,
        "columns": SHOWN_COLUMNS,
        "ratio": _ratio(ratios),
        "products": products,
    }
    html = rendered(
        "show.html.j2",
        styles=("pages.css.j2", "show.css.j2"),
        scripts=("show_state.js.j2", "show_prices.js.j2", "show_product.js.j2", "show.js.j2"),
        sides=sides,
        title=" and ".join(labels(folders)),
        document=embedded(document),
        pictures="\n".join(pictures),  # base64, one line a product
    )
    write_page(page, html)
    without = sum(not product["picture"] for product in products)
    return Shown(products=len(products), of=sum(totals), without_picture=without, num_bytes=page.stat().st_size)


def shares(totals: Sequence[int], limit: int) -> list[int]:
    """How many products each folder may show: alike, and what a small folder leaves over goes to the others."""
    counts = [0] * len(totals)
    for place, number in enumerate(sorted(range(len(totals)), key=lambda k: totals[k])):
        counts[number] = min(totals[number], (limit - sum(counts)) // (len(totals) - place))
    return counts


def evenly(total: int, count: int) -> list[int]:
    """`count` of the numbers 0 ... total - 1, ascending, without repeats, spread over the whole range."""
    return [k * total // count for k in range(count)]


def picked(folder: Path, numbers: Sequence[int]) -> Iterator[tuple[int, Product, dict[str, Any]]]:
    """The rows with these ascending numbers in file order, and their extra columns; reads no other row groups."""
    start = 0
    for entry in shard_files(folder)[1]:
        with open_shard(folder, entry) as parquet:
            for group in range(parquet.num_row_groups):
                end = start + parquet.metadata.row_group(group).num_rows
                here = numbers[bisect.bisect_left(numbers, start) : bisect.bisect_left(numbers, end)]
                batches = parquet.iter_batches(_BATCH, row_groups=[group]) if here else ()
                for batch in batches:
                    inside = [number for number in here if start <= number < start + batch.num_rows]
                    rows = batch.take(pa.array([number - start for number in inside], pa.int64()))
                    extra = rows.select([name for name in rows.schema.names if name not in COLUMNS]).to_pylist()
                    known = rows.select([name for name in rows.schema.names if name in COLUMNS])
                    yield from zip(inside, from_batch(known), extra, strict=True)
                    start += batch.num_rows
                start = end


def spec_of(manifest: Manifest, folder: Path) -> CatalogSpec | None:
    """The spec a folder was drawn from; None for imported rows."""
    document = manifest.inputs.get("spec_document")
    return None if document is None else from_document(document, "catalog", f"{folder}: spec_document")


def labels(folders: Sequence[Path]) -> list[str]:
    """A short name for each folder: its last parts, as many as tell it from the others."""
    parts = [folder.resolve().parts[1:] or ("/",) for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number + 1})" for number, name in enumerate(names)]


def _drawn(product: Product) -> dict[str, Any]:
    """What the renderer was told, without the choices (they are among the parts)."""
    return {key: _plain(value) for key, value in (product.attributes or {}).items() if key != "choices"}


def _parts(found: PriceParts | None) -> dict[str, Any] | None:
    return None if found is None else dataclasses.asdict(found)


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become the words that people know them by."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _ratio(ratios: list[float]) -> float:
    """Width / height of the picture boxes: the commonest shape, within what a grid can bear."""
    if not ratios:
        return 1.0
    commonest: float = Counter(round(ratio, 2) for ratio in ratios).most_common(1)[0][0]
    return min(max(commonest, 0.66), 1.25)


def faults(folder: Path) -> dict[int, list[dict[str, Any]]]:
    """Row number in file order -> what is wrong there on purpose; empty where the folder has no list of faults.

    A row that was added as a copy may share its code with the original: it is the later one.
    """
    if not (folder / FAULTS).is_file():
        return {}
    lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in sorted(read_faults(folder / FAULTS), key=lambda line: line["row"]):
        lines.setdefault((line["file"], line["product_code"]), []).append(line)
    found: dict[int, list[dict[str, Any]]] = {}
    start = 0
    for entry in shard_files(folder)[1]:
        with open_shard(folder, entry) as parquet:
            codes = parquet.read(["product_code"])["product_code"].to_pylist()
        places: dict[str, list[int]] = {}
        for place, code in enumerate(codes):
            places.setdefault(code, []).append(start + place)
        for code, here in places.items():
            own = lines.get((entry.path, code), [])
            added = [line for line in own if line["of_row"] is not None]
            for line in own:
                place = here[len(here) - len(added) + added.index(line)] if line in added else here[0]
                found.setdefault(place, []).append(_fault(line))
        start += len(codes)
    return found


def _fault(line: dict[str, Any]) -> dict[str, Any]:
    """As the page shows it; of a picture the values are hashes of files, which tell nobody anything."""
    told = {key: line[key] for key in ("kind", "form", "column")}
    if line["column"] == "image":
        return {**told, "true": None, "faulty": None, "values": False}
    true, faulty = (_plain(json.loads(line[key])) for key in ("true_value", "faulty_value"))
    return {**told, "true": true, "faulty": faulty, "values": True}
