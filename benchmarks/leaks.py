r"""Are re-saved, resized, re-encoded and cropped training images found, and innocent look-alikes not?

Each collection of images is halved by family. One half is "trained on": only its fingerprints are kept, as in
`seen.parquet`. Each of its images is then re-saved in several ways and looked for: the recall. The other half, other
products, is looked for as it is and re-saved: every match is a false one. Collections are folders of photographs and
catalogs generated from presets; those of one garment type and one colour are the hardest. Last, the time to look for
images among many. The output is a table for people, then one JSON line; `--out FILE` writes it.

    python -m benchmarks.leaks --images PHOTOS --images STUDIO --num 50 \
        --out benchmarks/results/leaks_2cores_2026-12-01.json
"""

import argparse
import io
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.certify import commit
from evaluation.analysis.contamination import find_contamination
from evaluation.rows import Rows
from finetune.data_mix import SeenRow
from finetune.run_dir import SEEN, write_seen
from generator.catalog.shards import encode_jpeg
from generator.render import draw
from generator.sampling.products import product
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.fingerprints import COLOUR_BYTES, COPY, Fingerprint, Query, Shortlist, compare, fingerprint
from schemas.images import IMAGE_SUFFIXES, BadImageError, decode_rgb, encode_portable
from schemas.manifest import versions
from schemas.product import Product
from schemas.util.files import sha256_of
from schemas.validation import from_document, list_presets

PRESETS = ("demo", "fashion-luxury", "marketplace", "home-beauty")
IMAGE_SIZE = 336
ONE_KIND = ("trench-coat", "dress", "shirt")
"""Garment types of catalogs that sell one type, in one material and one colour: only the designs differ."""


def one_kind(silhouette: str) -> CatalogSpec:
    """Return the demo's spec with the only category that has this garment type, plain, in black cotton."""
    document = read_document(list_presets("catalog")["demo"])
    (category,) = [each for each in document["categories"] if each["silhouette"] == silhouette]
    only = {"material": "cotton", "pattern": "plain", "quilting": "none", "colour": "black"}
    attributes = {name: {value: 1} for name, value in only.items() if name in category["attributes"]}
    document |= {
        "name": "one-kind",
        "categories": [category | {"share": 1, "attributes": category["attributes"] | attributes}],
    }
    document["colourways"] = {"repeat_share": 0.0, "max_per_family": 1}
    document["navigation"] = {"share": 0.0, "labels": {"N.A.": 1}}
    spec: CatalogSpec = from_document(document, "catalog", silhouette)
    return spec


def save(image: Image.Image, form: str, quality: int) -> Image.Image:
    """Return what an encoder leaves of an image."""
    file = io.BytesIO()
    image.save(file, form, quality=quality)
    return decode_rgb(file.getvalue())


def crop(image: Image.Image, above: float, below: float, left: float, right: float) -> Image.Image:
    """Return an image without these shares of its height and width."""
    width, height = image.size
    return image.crop(
        (round(left * width), round(above * height), round((1 - right) * width), round((1 - below) * height))
    )


Change = Callable[[Image.Image, np.random.Generator], Image.Image]
CHANGES: Mapping[str, Change] = {
    "as it is": lambda image, rng: image,
    "JPEG 85": lambda image, rng: save(image, "JPEG", 85),
    "JPEG 40": lambda image, rng: save(image, "JPEG", 40),
    "WebP 60": lambda image, rng: save(image, "WEBP", 60),
    "half size, JPEG 70": lambda image, rng: save(image.resize((image.width // 2, image.height // 2)), "JPEG", 70),
    "2 pixels cropped": lambda image, rng: image.crop((2, 2, image.width - 2, image.height - 2)),
    "2.5 % a side cropped": lambda image, rng: save(crop(image, *[0.025] * 4), "JPEG", 85),
    "5 % a side cropped": lambda image, rng: save(crop(image, *[0.05] * 4), "JPEG", 85),
    "10 % a side cropped": lambda image, rng: save(crop(image, *[0.1] * 4), "JPEG", 85),
    "one side 10 % cropped": lambda image, rng: save(crop(image, 0, 0, 0.1, 0), "JPEG", 85),
    "0 to 10 % cropped, JPEG 75": lambda image, rng: save(crop(image, *rng.uniform(0, 0.1, 4)), "JPEG", 75),
}


def read_folder(folder: Path) -> list[tuple[str, Image.Image]]:
    """Return (name, image) of the images in a folder; each is its own family."""
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.suffix.lower() in IMAGE_SUFFIXES):
        try:
            found.append((str(path), decode_rgb(path.read_bytes())))
        except BadImageError:
            continue
    return found


def render(spec: CatalogSpec, num: int) -> list[tuple[str, Image.Image]]:
    """Return (family, image) of the first products of a catalog."""
    sampled = (product(spec, 0, number) for number in range(num))
    return [(each.family, decode_rgb(encode_jpeg(draw(each, IMAGE_SIZE)))) for each in sampled]


def measure(images: list[tuple[str, Image.Image]]) -> dict[str, Any]:
    """Return recall of each change, and how many of the other half's images match falsely."""
    families = sorted({family for family, _ in images})
    seen = set(families[::2])
    trained = [(family, image) for family, image in images if family in seen]
    others = [(family, image) for family, image in images if family not in seen]
    known = [(family, each) for family, image in trained if (each := fingerprint(image)) is not None]
    recall: dict[str, float] = {}
    found, false, innocent = 0, 0, 0
    highest = 0.0
    for number, (name, change) in enumerate(CHANGES.items()):
        rng = np.random.default_rng(number)
        matches = look_for([change(image, rng) for _, image in trained], known)
        right = sum(
            match is not None and match[0] == family for match, (family, _) in zip(matches, trained, strict=True)
        )
        false += sum(
            match is not None and match[0] != family for match, (family, _) in zip(matches, trained, strict=True)
        )
        recall[name], found = round(right / len(trained), 4), found + right
        if number % 3 == 0:
            matches = look_for([change(image, rng) for _, image in others], known, least=0.0)
            innocent += len(matches)
            highest = max([highest, *(match[1] for match in matches if match)])
            false += sum(match is not None and match[1] >= COPY for match in matches)
    return {
        "trained": len(trained),
        "innocent": innocent,
        "recall": recall,
        "found": found,
        "false": false,
        "precision": round(found / (found + false), 5) if found else None,
        "highest_innocent_similarity": round(highest, 4),
    }


def look_for(
    images: list[Image.Image], known: list[tuple[str, Fingerprint]], least: float = COPY
) -> list[tuple[str, float] | None]:
    """Return for each image the family and the similarity of the nearest known image, where it is near enough."""
    queries = [Query.of(image) for image in images]
    shortlist = Shortlist(queries)
    shortlist.add(np.stack([np.frombuffer(each.colours, np.uint8) for _, each in known]), 0)
    found: list[tuple[str, float] | None] = []
    for number, query in enumerate(queries):
        near = [(compare(query, known[place][1]), place) for place in shortlist.candidates(number)]
        best, place = max(near, default=(-1.0, 0))
        found.append((known[place][0], best) if best >= least and near else None)
    return found


def measure_time(images: list[Image.Image], num_known: int) -> dict[str, Any]:
    """Return the seconds in which an evaluation compares its rows with a `seen.parquet` of `num_known` rows.

    The list has the fingerprints of the images, with noise in their colours, so that every row has candidates.
    """
    rng = np.random.default_rng(0)
    began = time.process_time()
    real = [each for each in map(fingerprint, images) if each is not None]
    fingerprint_ms = (time.process_time() - began) / len(images) * 1000
    colours = np.stack([np.frombuffer(each.colours, np.uint8) for each in real]).astype(np.int16)

    def seen() -> Iterator[SeenRow]:
        for number in range(num_known):
            noisy = np.clip(colours[number % len(real)] + rng.integers(-9, 10, COLOUR_BYTES), 0, 255).astype(np.uint8)
            row: SeenRow = {"product_code": f"t{number}", "family": f"known-{number}", "data": "known"}
            row |= {name: sha256_of([name, number]) for name in ("picture_sha256", "pixels_sha256")}
            yield {**row, "detail": real[number % len(real)].levels, "colours": noisy.tobytes()}

    files = [encode_portable(image)[0] for image in images]
    products = [
        Product(product_code=str(n), family=f"own-{n}", split="train", source="own", inferable=True, image=file)
        for n, file in enumerate(files)
    ]
    rows = Rows(
        folder=Path("own"), num_rows=len(images), products=tuple(products), skipped=(), sizes={}, mean_colour=(0, 0, 0)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_seen(folder, itertools.islice(seen(), len(real)), training="once each")
        row_bytes = (folder / SEEN).stat().st_size / len(real)
        write_seen(folder, seen(), training="known")
        began = time.process_time()
        find_contamination(rows, "train", {"model": folder}, quiet=True)
        seconds = time.process_time() - began
    return {
        "known": num_known,
        "looked_for": len(images),
        "cpu_seconds": round(seconds, 2),
        "fingerprint_ms": round(fingerprint_ms, 2),
        "bytes_per_row": round(row_bytes),
    }


def main() -> None:
    """Measure every collection, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, action="append", default=[], help="folder of photographs; repeatable")
    parser.add_argument("--num", type=int, default=300, help="products of each generated catalog")
    parser.add_argument("--known", type=int, default=100_000, help="training images of the timing")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    began = time.process_time()
    collections: dict[str, list[tuple[str, Image.Image]]] = {}
    for folder in arguments.images:
        if not folder.is_dir():
            print(f"{folder}: no such folder, left out")
            continue
        collections[folder.name] = read_folder(folder)
    for name in PRESETS:
        spec: CatalogSpec = from_document(read_document(list_presets("catalog")[name]), "catalog", name)
        collections[name] = render(spec, arguments.num)
    for silhouette in ONE_KIND:
        collections[f"one {silhouette}, black cotton"] = render(one_kind(silhouette), arguments.num // 2)
    results: dict[str, Any] = {}
    for name, images in collections.items():
        results[name] = measure(images)
        show(name, results[name])
    timing = measure_time([image for _, image in collections["demo"]], arguments.known)
    print(
        f"{timing['looked_for']} rows compared with {timing['known']:,}: {timing['cpu_seconds']} s of CPU; "
        f"{timing['fingerprint_ms']} ms and {timing['bytes_per_row']} bytes for each training row"
    )
    document = {
        "benchmark": "leaks",
        "collections": results,
        "timing": timing,
        "cpu_seconds": round(time.process_time() - began, 1),
        "num_cores": os.cpu_count(),
        "versions": versions("numpy", "pillow", "scipy"),
        "commit": commit(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def show(name: str, result: Mapping[str, Any]) -> None:
    """Print one collection."""
    print(
        f"{name}: {result['trained']} trained, {result['innocent']} innocent images; false matches "
        f"{result['false']}, precision {result['precision']}, "
        f"highest similarity of an innocent one {result['highest_innocent_similarity']}"
    )
    for change, share in result["recall"].items():
        print(f"  {change:<28}{share:>7.3f}")


if __name__ == "__main__":
    main()
