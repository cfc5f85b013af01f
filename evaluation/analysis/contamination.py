"""Contamination check: which evaluated rows the model may have met in training, and in which way they are the same.

Evaluated rows are compared with the train split of their catalog, and with `seen.parquet` of the adapter or of the
model folder, which lists code, family and image hash of every row that `toile train` could sample. A row is touched
when its code, its family or its image occurs there too; a title alone does not touch it, because shops sell many a
`Cotton Shirt`.

A code of `seen.parquet` counts within its shop only: generated catalogs of one seed share their codes, whatever they
sell. The shop is the family's name without its last part, as `demo-0` of `demo-0-17`.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from evaluation.metrics.titles import title_tokens
from evaluation.rows import Rows, decode_image
from evaluation.run_dir import LEAKS, write_text
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.product import Product, read
from schemas.result import Leak
from schemas.util.console import progress_bar

SEEN = "seen.parquet"
RUN = "run.json"
TRAIN = "train"
IN_TRAIN = ("code", "family", "picture", "pixels", "title", "look_alike")
IN_SEEN = ("code", "family", "picture")
TOUCHING = frozenset({"code", "family", "picture", "pixels"})
MAX_DECODED = 10_000
"""Train images that are decoded, 4 ms each at 336 px; of more rows those whose hash of the code comes first."""
ALIKE_BITS = 4
"""Of 64: images whose difference hashes are this close look alike."""
METHODS = {
    "leaks": "code, family: the same text; image: the same file; pixels: the same decoded image; title: the same "
    "words; look_alike: difference hashes at most 4 of 64 bits apart, which most images of one garment on white are, "
    "leak or not; touched rows share code, family, image or pixels with training, clean rows do not",
}

Hashes = npt.NDArray[np.uint64]
_BITS_SET = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One evaluated row and a training row that is the same in one way."""

    product_code: str
    source: str
    """train, adapter or model."""
    kind: str
    trained_code: str
    """The first such training row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """What evaluated rows share with training."""

    leaks: tuple[Leak, ...]
    matches: tuple[Match, ...]
    """In the order of the leaks, then of the rows."""
    unknown: tuple[str, ...]
    """Folders of toile or PEFT that do not say which rows they were trained on."""

    @property
    def touched(self) -> frozenset[str]:
        """Codes of the rows that training has touched."""
        return frozenset(match.product_code for match in self.matches if match.kind in TOUCHING)

    def seen(self, source: str) -> frozenset[str]:
        """Return codes of the rows that `adapter` or `model` was trained on."""
        return frozenset(match.product_code for match in self.matches if match.source == source)


def find_contamination(
    rows: Rows, split: str, trained: Mapping[str, Path], *, quiet: bool = False, max_decoded: int = MAX_DECODED
) -> Contamination:
    """Compare the evaluated rows with the train split of their catalog and with what `trained` folders have seen.

    `trained` maps adapter and model to their folders. An evaluation of the train split is not compared with itself. At
    most `max_decoded` train images are decoded. Raises ToileError for a damaged `seen.parquet`.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    compared: dict[tuple[str, str], int] = {}
    if split != TRAIN:
        _compare_with_train(rows, found, compared, max_decoded, quiet=quiet)
    unknown = []
    for source, folder in trained.items():
        if (folder / SEEN).is_file():
            _compare_with_seen(rows.products, source, folder / SEEN, found, compared)
        elif source == "adapter" or (folder / RUN).is_file():
            unknown.append(str(folder))
    return Contamination(
        leaks=tuple(
            Leak(
                kind=kind,
                source=source,
                rows=len(same),
                share=len(same) / len(rows.products),
                compared=compared[source, kind],
            )
            for (source, kind), same in found.items()
        ),
        matches=tuple(
            Match(product_code=product.product_code, source=source, kind=kind, trained_code=same[product.product_code])
            for (source, kind), same in found.items()
            for product in rows.products
            if product.product_code in same
        ),
        unknown=tuple(unknown),
    )


def refuse_seen(leaks: Sequence[Leak], num_rows: int, trained: Mapping[str, Path]) -> None:
    """Raise a ToileError where a model would be tested on what it was trained on."""
    for source, folder in trained.items():
        same = {leak.kind: leak.rows for leak in leaks if leak.source == source and leak.rows}
        if same:
            listed = ", ".join(f"{number} by {'image' if kind == 'picture' else kind}" for kind, number in same.items())
            most = max(same.values())
            number = f"all {num_rows}" if most == num_rows else f"at least {most} of the {num_rows}"
            raise ToileError(
                str(folder),
                f"was trained on {number} rows to evaluate ({listed})",
                "evaluate other rows (--split test, or another --data); --allow-seen evaluates them with a note",
            )


def contamination_notes(
    overlap: Contamination, num_rows: int, trained: Mapping[str, Path], server: str | None = None
) -> tuple[str, ...]:
    """Return what a reader must know about rows that training has met."""
    found = [
        f"{folder} was trained on {len(overlap.seen(source))} of the {num_rows} rows (--allow-seen)"
        for source, folder in trained.items()
        if overlap.seen(source)
    ]
    if overlap.touched:
        found.append(
            f"training touched {len(overlap.touched)} of {num_rows} rows ({LEAKS}); clean rows are scored separately"
        )
    silent = (*overlap.unknown, *([server] if server else []))
    return (*found, *(f"{one} does not say which rows it was trained on" for one in silent))


def write_matches(out: Path, overlap: Contamination) -> None:
    """Write `leaks.jsonl`, one line per match; no file where there is none."""
    (out / LEAKS).unlink(missing_ok=True)
    if overlap.matches:
        write_text(out / LEAKS, "".join(json.dumps(asdict(match)) + "\n" for match in overlap.matches))


def difference_hash(image: Image.Image) -> int:
    """Return 64 bits: where brightness grows from one of 9 x 8 cells to its right neighbour (dHash of image search)."""
    cells = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX))
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes(), "big")


def _compare_with_train(
    rows: Rows,
    found: dict[tuple[str, str], dict[str, str]],
    compared: dict[tuple[str, str], int],
    max_decoded: int,
    *,
    quiet: bool,
) -> None:
    ours: dict[tuple[str, str | bytes], list[str]] = defaultdict(list)
    hashes: dict[str, int] = {}
    for product in rows.products:
        keys, hashes[product.product_code] = _pixel_keys(product, rows.folder)
        for key in (*_text_keys(product), *keys):
            ours[key].append(product.product_code)
    same: dict[str, dict[str, str]] = {kind: {} for kind in IN_TRAIN}
    number, of_images = dict.fromkeys(IN_TRAIN, 0), {}
    total = sum(file.num_rows for file in read_manifest(rows.folder).files if file.split == TRAIN)
    with progress_bar("comparing with train rows", total, quiet=quiet) as advance:
        for product in read(rows.folder, split=TRAIN, columns=("title", "image")):
            keys = list(_text_keys(product))
            if product.image and _is_sampled(product.product_code, max_decoded, total):
                try:
                    pixels, of_images[product.product_code] = _pixel_keys(product, rows.folder)
                except ToileError:
                    pixels = []  # `compared` does not count a broken train image
                keys += pixels
            for key in keys:
                number[key[0]] += 1
                for code in ours.get(key, ()):
                    same[key[0]].setdefault(code, product.product_code)
            advance(1)
    number["look_alike"] = len(of_images)
    same["look_alike"] = _find_look_alikes(hashes, of_images)
    for kind in IN_TRAIN:
        found[TRAIN, kind], compared[TRAIN, kind] = same[kind], number[kind]


def _compare_with_seen(
    products: Sequence[Product],
    source: str,
    path: Path,
    found: dict[tuple[str, str], dict[str, str]],
    compared: dict[tuple[str, str], int],
) -> None:
    ours: dict[tuple[str, str], list[str]] = defaultdict(list)
    for product in products:
        ours["code", f"{_shop_name(product.family)} {product.product_code}"].append(product.product_code)
        ours["family", product.family].append(product.product_code)
        ours["picture", hashlib.sha256(product.image or b"").hexdigest()].append(product.product_code)
    columns = {
        "product_code": pa.array([product.product_code for product in products]),
        "family": pa.array([name for kind, name in ours if kind == "family"]),
        "picture_sha256": pa.array([name for kind, name in ours if kind == "picture"]),
    }
    same: dict[str, dict[str, str]] = {kind: {} for kind in IN_SEEN}
    number = dict.fromkeys(IN_SEEN, 0)
    for batch in _read_seen(path, tuple(columns)):
        for kind, name in zip(IN_SEEN, ("product_code", "family", "picture_sha256"), strict=True):
            number[kind] += batch.num_rows - batch[name].null_count  # an image rendered while training has no hash
        isin = [pc.is_in(batch[name], value_set=values) for name, values in columns.items()]
        for row in batch.filter(pc.or_(pc.or_(isin[0], isin[1]), isin[2])).to_pylist():
            code = row["product_code"]
            keys = {
                "code": f"{_shop_name(row['family'])} {code}",
                "family": row["family"],
                "picture": row["picture_sha256"],
            }
            for kind, name in keys.items():
                for each in ours.get((kind, name), ()):
                    same[kind].setdefault(each, code)
    for kind in IN_SEEN:
        found[source, kind], compared[source, kind] = same[kind], number[kind]


def _read_seen(path: Path, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            missing = set(columns) - set(parquet.schema_arrow.names)
            if missing:
                raise ToileError(str(path), f"lacks the column {min(missing)}", "train again")
            yield from parquet.iter_batches(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise ToileError(str(path), f"is damaged: {error}", "train again, or restore the file") from error


def _text_keys(product: Product) -> Iterator[tuple[str, str | bytes]]:
    yield "code", product.product_code
    yield "family", product.family
    if product.title:
        yield "title", " ".join(title_tokens(product.title)) or product.title
    if product.image:
        yield "picture", hashlib.sha256(product.image).digest()


def _pixel_keys(product: Product, folder: Path) -> tuple[list[tuple[str, str | bytes]], int]:
    """Return the hash of the pixels, and the difference hash."""
    image = decode_image(product, folder)
    pixels = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest()
    return [("pixels", pixels)], difference_hash(image)


def _is_sampled(code: str, most: int, total: int) -> bool:
    """Return whether a row is among the `most` of about `total` rows whose hash comes first."""
    if total <= most:
        return True
    head = hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(head, "big") < (most << 64) // total


def _find_look_alikes(ours: Mapping[str, int], trained: Mapping[str, int]) -> dict[str, str]:
    """Return each evaluated code with the first nearest train code, where that is near enough."""
    if not trained:
        return {}
    codes = list(trained)
    theirs_N: Hashes = np.array(list(trained.values()), np.uint64)
    found = {}
    for code, number in ours.items():
        apart_N4 = _BITS_SET[(theirs_N ^ np.uint64(number)).view(np.uint16).reshape(-1, 4)]
        apart_N = apart_N4.sum(axis=1)
        nearest = int(np.argmin(apart_N))
        if apart_N[nearest] <= ALIKE_BITS:
            found[code] = codes[nearest]
    return found


def _shop_name(family: str) -> str:
    return family.rpartition("-")[0]
