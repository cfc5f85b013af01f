"""Fuzz every parser of untrusted bytes: a ToileError or a result, never another exception.

    python -m tests.helpers.fuzzing [--seconds 60] [TARGET ...]     needs `pip install atheris`

The tests run the same targets on mutated examples, without atheris.
"""

import argparse
import hashlib
import json
import math
import random
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.catalog.shards import read_masks
from generator.faults.scoring import read_faults
from generator.ingest import ImportOptions
from generator.ingest.columns import arrange
from generator.ingest.rows import BadRowError, parse_product
from generator.ingest.tables import read_table
from generator.pages.catalog_page import make_thumbnail
from schemas.answer import parse
from schemas.documents import parse_document
from schemas.errors import ToileError
from schemas.evaluation import read_predictions
from schemas.images import BadImageError, check_image
from schemas.manifest import MANIFEST, ShardFile, load_manifest
from schemas.product import read
from schemas.util.files import as_document
from schemas.validation import from_document

Target = Callable[[bytes], object]
_OPTIONS = ImportOptions(columns={}, source="fuzz")
_MOST_PIXELS = 4_000_000
RECORD = json.dumps(
    {
        "kind": "generate",
        "finished": True,
        "inputs": {"seed": 1},
        "files": [
            {
                "path": "data/train-00000-of-00001.parquet",
                "split": "train",
                "num_rows": 1,
                "num_bytes": 2,
                "sha256": "0" * 64,
            }
        ],
        "num_products": 1,
        "num_shards": 1,
        "versions": {"python": "3", "machine": "x", "toile": "0", "numpy": "2", "pillow": "1", "pyarrow": "1"},
        "seconds": 1.0,
        "rejected": 0,
    }
).encode()
"""A valid manifest."""


@contextmanager
def _file(content: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def catalog_spec(content: bytes) -> None:
    """Parse a catalog spec in YAML."""
    from_document(parse_document(content.decode("utf-8", "replace"), "fuzz", is_json=False), "catalog")


def training_spec(content: bytes) -> None:
    """Parse a training spec in YAML."""
    from_document(parse_document(content.decode("utf-8", "replace"), "fuzz", is_json=False), "training")


def json_spec(content: bytes) -> None:
    """Parse a catalog spec in JSON."""
    from_document(parse_document(content.decode("utf-8", "replace"), "fuzz", is_json=True), "catalog")


def _table(suffix: str) -> Target:
    def read(content: bytes) -> None:
        with _file(content, f"table.{suffix}") as path:
            arranged = arrange(read_table(path), _OPTIONS, "fuzz")
            for row in arranged.rows[:50]:
                try:
                    parse_product(row.number, row.values, _OPTIONS, arranged.decimals, arranged.currency)
                except BadRowError:
                    continue

    return read


def image(content: bytes) -> None:
    """Check an image as an import does."""
    try:
        check_image(content, _MOST_PIXELS)
    except BadImageError as error:
        raise ToileError("fuzz", error.problem, "use another image") from error


def thumbnail(content: bytes) -> None:
    """Make a thumbnail as a page does; a broken image is not an error."""
    make_thumbnail(content, 32)


def manifest(content: bytes) -> None:
    """Load the manifest of a folder."""
    with _file(content, "manifest.json") as path:
        load_manifest(path)


def shard(content: bytes) -> None:
    """Read an untrusted shard whose manifest matches it."""
    entry = ShardFile(
        path="data/train-00000-of-00001.parquet",
        split="train",
        num_rows=1,
        num_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    document = {**json.loads(RECORD), "files": [as_document(entry)]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / entry.path).write_bytes(content)
        (folder / MANIFEST).write_text(json.dumps(document))
        list(read(folder))


def faults(content: bytes) -> None:
    """Read the list of faulty rows of a catalog."""
    with _file(content, "faults.parquet") as path:
        read_faults(path)


def masks(content: bytes) -> None:
    """Read the masks of a catalog."""
    with _file(content, "masks.parquet") as path:
        list(read_masks(path))


def predictions(content: bytes) -> None:
    """Read the predictions of a model."""
    with _file(content, "predictions.jsonl") as path:
        read_predictions(path)


def answer(content: bytes) -> None:
    """Parse the answer of a model, which may be anything."""
    found = parse(content.decode("utf-8", "replace"))
    assert found.price is None or (math.isfinite(found.price) and found.price > 0), found


TARGETS: dict[str, Target] = {
    "catalog-spec": catalog_spec,
    "training-spec": training_spec,
    "json-spec": json_spec,
    "csv": _table("csv"),
    "tsv": _table("tsv"),
    "jsonl": _table("jsonl"),
    "parquet": _table("parquet"),
    "image": image,
    "thumbnail": thumbnail,
    "manifest": manifest,
    "shard": shard,
    "faults": faults,
    "masks": masks,
    "predictions": predictions,
    "answer": answer,
}


def accepts(target: str, content: bytes) -> bool:
    """Return whether the parser of a target accepts the bytes; errors other than ToileError are raised."""
    refusal = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TARGETS[target](content)
    except ToileError as error:
        refusal = error
    assert refusal is None or (refusal.problem and refusal.hint), refusal
    return refusal is None


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Return the bytes with one to eight small changes: flipped, removed, doubled, swapped, or an odd value added."""
    changed = bytearray(content)
    odd = (b"\0", b"\xff\xfe", b"{", b"[" * 200, b"*a", b"&a", b"1e999", b"-1", b"NaN", b'"', b"\r", b"9" * 40, b"!!x ")
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(changed) + 1)
        size = min(draw.choice((1, 2, 8, 64)), len(changed) - at)
        way = draw.randrange(5)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << draw.randrange(8)
        elif way == 1:
            del changed[at : at + size]
        elif way == 2:
            changed[at:at] = changed[at : at + size]
        elif way == 3:
            changed[at:at] = draw.choice(odd)
        else:
            to = draw.randrange(len(changed) + 1)
            changed[to:to] = changed[at : at + size]
    return bytes(changed)


def main() -> None:
    """Fuzz each target in a process of its own; exit code 1 where one failed."""
    from tests.project.test_fuzz import examples

    parser = argparse.ArgumentParser(description="Search for bytes that a parser fails on.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    failed = {}
    for target in options.targets or TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            for number, content in enumerate(examples(target)):
                (Path(folder) / str(number)).write_bytes(content)
            command = [sys.executable, "-m", "tests.helpers.fuzz_coverage", target, folder, str(options.seconds)]
            failed[target] = subprocess.run(command, check=False).returncode
    print(json.dumps(failed))
    sys.exit(any(failed.values()))


if __name__ == "__main__":
    main()
