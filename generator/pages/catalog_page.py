"""Write catalogs as one page to browse: rows, thumbnails and the parts of each price, of one or several folders.

    from generator.pages.catalog_page import write_catalog_page
    write_catalog_page([Path("data/luxury")], Path("luxury.html"))

The page contains everything it shows, so it opens from the file system and sends nothing anywhere. Rows are selected
evenly over a folder, by their number in file order. A row is never left out because something in it is broken or
missing.
"""

import base64
import bisect
import dataclasses
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from generator.faults.scoring import FAULTS_FILE, read_faults
from generator.sampling.prices import base_median
from generator.sampling.products import compile_catalog, parse_family, sample_kinds
from schemas.appearance import ANY, visible_attributes
from schemas.catalog import (
    CatalogSpec,
    ProductKind,
    list_kinds,
    possible_values,
    price_factor,
    rendered_attribute,
    rendered_word,
)
from schemas.images import BadImageError, count_frames, decode_rgb, open_image, orientation_of
from schemas.manifest import Manifest
from schemas.product import COLUMNS, Product, from_batch, open_shard, shard_files
from schemas.util.pages import embed_json, refuse_existing, render_page, write_page
from schemas.validation import from_document

SHOWN_COLUMNS = tuple(name for name in COLUMNS if name not in {"image", "attributes"})
WORDS = {"generate": "synthetic", "import": "imported", "fetch": "fetched"}
"""The kind of a folder's manifest -> the word for its rows."""
_BATCH = 100
_JPEG_QUALITY = 80
_MOST_PIXELS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSummary:
    """What is in a page."""

    products: int
    of: int
    """Products of the folders together."""
    without_image: int
    num_bytes: int


def write_catalog_page(
    folders: Sequence[Path],
    page: Path,
    *,
    limit: int = 2000,
    image_size: int = 256,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> PageSummary:
    """Write the page of one or several folders side by side, with at most `limit` products together.

    `image_size` is the longest edge of an image in the page, in pixels. `progress` is called with 1 for each product.
    Raises ToileError for an existing page without `force`.
    """
    refuse_existing(page, force=force)
    totals = [sum(entry.num_rows for entry in shard_files(folder)[0].files) for folder in folders]
    counts = split_limit(totals, limit)
    products: list[dict[str, Any]] = []
    images: list[str] = []
    ratios: list[float] = []
    sides = []
    for number, (folder, name, count) in enumerate(zip(folders, labels(folders), counts, strict=True)):
        manifest = shard_files(folder)[0]
        spec = spec_of(manifest, folder)
        faulty = faults_by_row(folder)
        for row, product, extra in read_rows(folder, spread_evenly(totals[number], count)):
            small = make_thumbnail(product.image, image_size)
            if small.ratio is not None:
                ratios.append(small.ratio)
            products.append(
                {
                    "folder": number,
                    "row": row,
                    "values": [_json_safe(getattr(product, name)) for name in SHOWN_COLUMNS],
                    "image": small.jpeg is not None,
                    "facts": small.facts,
                    "appearance": _appearance(product),
                    "parts": _price_parts_of(spec, product),
                    "extra": {key: _json_safe(value) for key, value in extra.items()},
                    "faults": faulty.get(row, []),
                }
            )
            images.append("" if small.jpeg is None else base64.b64encode(small.jpeg).decode("ascii"))
            progress(1)
        word = WORDS.get(manifest.kind, manifest.kind)
        sides.append({"label": name, "word": word, "shown": count, "total": totals[number]})
    document = {
        "folders": sides,
        "columns": SHOWN_COLUMNS,
        "ratio": _box_ratio(ratios),
        "products": products,
    }
    html = render_page(
        Path(__file__).parent,
        "show.html.j2",
        styles=("base.css.j2", "page.css.j2", "show.css.j2"),
        scripts=("show_state.js.j2", "show_prices.js.j2", "show_product.js.j2", "show.js.j2"),
        sides=sides,
        title=" and ".join(labels(folders)),
        document=embed_json(document),
        images="\n".join(images),  # base64, one line a product
    )
    write_page(page, html)
    without = sum(not product["image"] for product in products)
    return PageSummary(products=len(products), of=sum(totals), without_image=without, num_bytes=page.stat().st_size)


def split_limit(totals: Sequence[int], limit: int) -> list[int]:
    """Return how many products of each folder are shown: equally many, as far as every folder has them."""
    counts = [0] * len(totals)
    for place, number in enumerate(sorted(range(len(totals)), key=lambda k: totals[k])):
        counts[number] = min(totals[number], (limit - sum(counts)) // (len(totals) - place))
    return counts


def spread_evenly(total: int, count: int) -> list[int]:
    """Return `count` of the numbers 0 ... total - 1, ascending, without repeats, spread over the whole range."""
    return [k * total // count for k in range(count)]


def read_rows(folder: Path, numbers: Sequence[int]) -> Iterator[tuple[int, Product, dict[str, Any]]]:
    """Yield the rows with these ascending numbers in file order, and their extra columns; read no other row groups."""
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
    """Return the spec that a folder was generated from; None for imported rows."""
    document = manifest.inputs.get("spec_document")
    return None if document is None else from_document(document, "catalog", f"{folder}: spec_document")


def labels(folders: Sequence[Path]) -> list[str]:
    """Return a short name for each folder: its last parts, as many as make the names different."""
    parts = [folder.resolve().parts[1:] or ("/",) for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number + 1})" for number, name in enumerate(names)]


def _appearance(product: Product) -> dict[str, Any]:
    """Return the input of the renderer, without the choices (they are in the price parts)."""
    return {key: _json_safe(value) for key, value in (product.attributes or {}).items() if key != "choices"}


def _price_parts_of(spec: CatalogSpec | None, product: Product) -> dict[str, Any] | None:
    found = None if spec is None else price_parts(spec, product)
    return None if found is None else dataclasses.asdict(found)


def _json_safe(value: Any) -> Any:
    """Return the value, with text in place of what JSON has no value for: NaN, infinity, dates."""
    if isinstance(value, dict):
        return {str(key): _json_safe(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_json_safe(inside) for inside in value]
    known = value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    return value if known else str(value)


def _box_ratio(ratios: list[float]) -> float:
    """Return width / height of the image boxes: the most common one, clipped to what suits a grid."""
    if not ratios:
        return 1.0
    most_common: float = Counter(round(ratio, 2) for ratio in ratios).most_common(1)[0][0]
    return min(max(most_common, 0.66), 1.25)


def faults_by_row(folder: Path) -> dict[int, list[dict[str, Any]]]:
    """Return row number in file order -> the intended faults of the row; empty for a folder without a list of faults.

    A row that was added as a copy may have the same code as the original: it is the later one.
    """
    if not (folder / FAULTS_FILE).is_file():
        return {}
    lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in sorted(read_faults(folder / FAULTS_FILE), key=lambda line: line["row"]):
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
    """Return a fault as the page shows it; of images the values are file hashes, which are not shown."""
    shown = {key: line[key] for key in ("kind", "form", "column")}
    if line["column"] == "image":
        return {**shown, "true": None, "faulty": None, "values": False}
    true, faulty = (_json_safe(json.loads(line[key])) for key in ("true_value", "faulty_value"))
    return {**shown, "true": true, "faulty": faulty, "values": True}


# --- price parts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One chosen value and its effect on the price."""

    attribute: str
    value: str
    draws: str | None
    """The word that the renderer receives (colours: #rrggbb); None for an attribute without effect on the image."""
    visible: bool
    """Whether the image shows it."""
    factor: float
    amount: float
    """In the row's currency, after the parts before it; negative for a factor below 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceParts:
    """What each attribute of a generated product adds to its price, computed from one row and the factors of the spec.

    A family costs the median of its category, times the factor of each chosen value, times a rest: the spread of the
    family and the step to a legal price (`generator.sampling.prices`). So median x factors x rest = full price, and
    median + amounts + rest_amount = full price, with the amounts taken in the order of the spec.
    """

    path: tuple[str, ...]
    """Path of the category entry; known also where the row has a navigation label."""
    median: float
    parts: tuple[Part, ...]
    """All attributes of the category, in the order of the spec; those without effect have factor 1."""
    rest: float
    """The spread of this family and the step to the nearest legal price, > 0."""
    rest_amount: float
    full_price: float


def price_parts(spec: CatalogSpec, product: Product) -> PriceParts | None:
    """Return the parts of one row's full price, or None where they are unknown.

    They are unknown for a row without choices or price, and for one that the spec cannot have produced: rows may be
    changed afterwards.
    """
    choices = (product.attributes or {}).get("choices")
    if not isinstance(choices, dict) or product.full_price is None or not 0 < product.full_price < float("inf"):
        return None
    kind = _find_kind(spec, product, choices)
    if kind is None:
        return None
    presentation = str((product.attributes or {}).get("presentation", ANY))
    shown = visible_attributes(kind.silhouette, presentation) | {"colour"}
    median = base_median(kind.price)
    running, parts = median, []
    for name, attribute in spec.attributes.items():
        if name not in kind.attributes:
            continue
        value, factor = attribute.values[choices[name]], price_factor(spec, kind, name, choices[name])
        drawn = rendered_attribute(name, attribute)
        parts.append(
            Part(
                attribute=name,
                value=choices[name],
                draws=None if drawn is None else rendered_word(choices[name], value),
                visible=drawn in shown,
                factor=factor,
                amount=running * factor - running,
            )
        )
        running *= factor
    return PriceParts(
        path=kind.path,
        median=median,
        parts=tuple(parts),
        rest=product.full_price / running,
        rest_amount=product.full_price - running,
        full_price=product.full_price,
    )


def _find_kind(spec: CatalogSpec, product: Product, choices: dict[str, str]) -> ProductKind | None:
    """Return the kind of a row, which its design decides; None where the row was changed so that it does not fit."""
    family = parse_family(product.family)
    if family is None or family[0] != spec.name:
        return None
    kind = list_kinds(spec)[int(sample_kinds(compile_catalog(spec), family[1], np.array([family[2]]))[0])]
    named = product.category3_code == kind.path[2] or not product.inferable
    drawn = (product.attributes or {}).get("silhouette") == kind.silhouette
    return kind if named and drawn and _allows(spec, kind, choices) else None


def _allows(spec: CatalogSpec, kind: ProductKind, choices: dict[str, str]) -> bool:
    """Return whether the kind allows these choices: the same attributes, each with a value of positive weight."""
    return kind.attributes.keys() == choices.keys() and all(
        choices[name] in possible_values(spec, kind, name) for name in kind.attributes
    )


# --- thumbnails -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small image, or why there is none."""

    jpeg: bytes | None
    facts: str
    """About the original file: size, format, conversions; or what is wrong with it."""
    ratio: float | None = None
    """Width / height as shown."""


def make_thumbnail(encoded: bytes | None, edge: int) -> Thumbnail:
    """Return an upright RGB JPEG of at most `edge` pixels a side, never enlarged, with white behind transparency.

    Broken, empty and huge files give a reason in place of an image: catalogs may contain them on purpose.
    """
    if encoded is None:
        return Thumbnail(jpeg=None, facts="no image")
    if not encoded:
        return Thumbnail(jpeg=None, facts="the image is an empty file")
    try:
        with open_image(encoded) as image:
            facts = _facts(image, encoded)
        small = decode_rgb(encoded, max_pixels=_MOST_PIXELS, draft_px=edge * 2)
    except BadImageError as error:
        return Thumbnail(jpeg=None, facts=f"the image {error.problem}")
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return Thumbnail(jpeg=file.getvalue(), facts=", ".join(facts), ratio=small.width / small.height)


def _facts(image: Image.Image, encoded: bytes) -> list[str]:
    frames = count_frames(image)
    facts = [f"{image.width}x{image.height} {image.format}", _format_bytes(len(encoded))]
    facts += [] if image.mode == "RGB" else [f"mode {image.mode}"]
    facts += [f"first of {frames} frames"] if frames > 1 else []
    return facts + (["turned upright"] if orientation_of(image) != 1 else [])


def _format_bytes(count: int) -> str:
    return (
        f"{count:,} bytes" if count < 1000 else f"{count / 1000:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"
    )
