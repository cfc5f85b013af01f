"""Contamination check: which evaluated rows the model may have met in training, and in which way they are the same.

Evaluated rows are compared with the train split of their catalog, and with `seen.parquet` of the adapter or of the
model folder, which lists every row that `toile train` could sample, also in earlier trainings of the base. A row is
touched when its code, its family, its image file or the pixels of its image occur there too, when its image is that of
a training row re-saved, resized or cropped (`schemas.fingerprints`), or when the same generated product is drawn. A
title alone does not touch it, because shops sell many a `Cotton Shirt`.

A code of `seen.parquet` counts within its shop only: generated catalogs of one seed share their codes, whatever they
sell. The shop is the family's name without its last part, as `demo-0` of `demo-0-17`.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from evaluation.metrics.titles import title_tokens
from evaluation.rows import Rows, decode_image
from evaluation.run_dir import LEAKS, write_text
from finetune.run_dir import RUN, SEEN, earlier_runs, read_seen
from schemas.appearance import appearance_sha256
from schemas.errors import ToileError
from schemas.fingerprints import (
    COLOUR_BYTES,
    COPY,
    Bytes,
    Fingerprint,
    Query,
    Shortlist,
    compare,
    fingerprint,
    pixel_sha256,
)
from schemas.manifest import read_manifest
from schemas.product import Product, read
from schemas.result import Leak
from schemas.util.console import progress_bar

TRAIN = "train"
IN_SEEN = ("code", "family", "picture", "pixels", "drawn", "copy")
IN_TRAIN = (*IN_SEEN, "title")
TOUCHING = frozenset(IN_SEEN)
MAX_DECODED = 10_000
"""Train images that are decoded, 7 ms each at 336 px; of more rows those whose hash of the code comes first."""
MAX_LISTED = 3
"""Rows that a message names."""
PLACEHOLDER_FAMILIES = 5
"""An image of so many families of training says nothing about a product: a shop's "no image" placeholder."""
EVIDENCE = {
    "code": "has the code of",
    "family": "is of the family of",
    "picture": "has the image file of",
    "pixels": "has the pixels of",
    "drawn": "draws the same product as",
    "copy": "has a re-saved or cropped image of",
    "title": "has the title of",
}
KIND_NAMES = {"picture": "image", "drawn": "what is drawn", "copy": "re-saved or cropped image"}
METHODS = {
    "leaks": "code, family: the same text; image: the same file; pixels: the same decoded image; drawn: the same "
    "generated product; copy: the same photograph re-saved, resized or cropped by up to 10 % a side: fine detail "
    f"correlates by at least {COPY} in the window that fits best, and colours agree; title: the same words; touched "
    "rows share anything but a title with training, clean rows do not",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One evaluated row and a training row that is the same in one way."""

    product_code: str
    source: str
    """train, adapter or model."""
    kind: str
    trained_code: str
    """The first such training row."""
    training: str | None = None
    """Of `seen.parquet`: the run that trained on it, which may be one of the base's."""
    data: str | None = None
    """The folder or spec of the training row."""
    similarity: float | None = None
    """Of a copy."""

    def __str__(self) -> str:
        """Return which row, by what evidence, from which training."""
        where = "" if self.training is None else f" in {self.training}" + (f" from {self.data}" if self.data else "")
        near = "" if self.similarity is None else f" (similarity {self.similarity:.3f})"
        return f"{self.product_code} {EVIDENCE[self.kind]} {self.trained_code}{near}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A training row that an evaluated row is the same as."""

    code: str
    training: str | None = None
    data: str | None = None
    similarity: float | None = None


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
    ours = _OwnRows(rows)
    found: list[_Comparison] = []
    if split != TRAIN:
        found.append(_compare_with_train(ours, max_decoded, quiet=quiet))
    unknown = []
    for source, folder in trained.items():
        if (folder / SEEN).is_file():
            found.append(_compare_with_seen(ours, source, folder / SEEN))
            silent = (run.name for run in earlier_runs(folder) if not run.rows_listed)
            unknown += [f"{name}, an earlier training of {folder}," for name in silent]
        elif source == "adapter" or (folder / RUN).is_file():
            unknown.append(str(folder))
    products, num = rows.products, len(rows.products)
    return Contamination(
        leaks=tuple(
            Leak(kind=kind, source=each.source, rows=len(same), share=len(same) / num, compared=each.compared[kind])
            for each in found
            for kind, same in each.same.items()
        ),
        matches=tuple(
            Match(
                product_code=product.product_code,
                source=each.source,
                kind=kind,
                trained_code=seen.code,
                training=seen.training,
                data=seen.data,
                similarity=seen.similarity,
            )
            for each in found
            for kind, same in each.same.items()
            for product in products
            if (seen := same.get(product.product_code)) is not None
        ),
        unknown=tuple(unknown),
    )


def refuse_seen(found: Contamination | Path, leaks: Sequence[Leak], num_rows: int, trained: Mapping[str, Path]) -> None:
    """Raise a ToileError where a model would be tested on what it was trained on.

    The message names some of the rows, by what evidence, and from which training; `found` has the matches, or is the
    folder whose `leaks.jsonl` lists them.
    """
    for source, folder in trained.items():
        same = {leak.kind: leak.rows for leak in leaks if leak.source == source and leak.rows}
        if not same:
            continue
        matches = read_matches(found) if isinstance(found, Path) else found.matches
        mine = [match for match in matches if match.source == source]
        listed = ", ".join(f"{number} by {KIND_NAMES.get(kind, kind)}" for kind, number in same.items())
        most = max(same.values(), default=0)
        touched = len({match.product_code for match in mine}) or most
        number = f"all {num_rows}" if touched == num_rows else f"{touched} of the {num_rows}"
        named = list({match.product_code: match for match in reversed(mine)}.values())[::-1]
        examples = "".join(f"; {match}" for match in named[:MAX_LISTED])
        left = len(named) - MAX_LISTED
        more = f"; and {left} more row{'s' if left > 1 else ''}" if left > 0 else ""
        raise ToileError(
            str(folder),
            f"was trained on {number} rows to evaluate ({listed}){examples}{more}",
            "evaluate other rows (--split test, or another --data); --allow-seen evaluates them with a note and lists "
            f"all of them in {LEAKS}",
        )


def contamination_notes(
    overlap: Contamination, num_rows: int, trained: Mapping[str, Path], server: str | None = None
) -> tuple[str, ...]:
    """Return what a reader must know about rows that training has met."""
    found = []
    for source, folder in trained.items():
        seen = overlap.seen(source)
        if seen:
            trainings = sorted(
                {match.training for match in overlap.matches if match.source == source and match.training}
            )
            by = f" in {', '.join(trainings)}" if trainings else ""
            found.append(f"{folder} was trained on {len(seen)} of the {num_rows} rows{by} (--allow-seen)")
        compared = {leak.kind: leak.compared for leak in overlap.leaks if leak.source == source}
        if compared.get("code") and not compared["pixels"]:
            found.append(
                f"no image of the {compared['code']} training rows of {folder} could be compared by its pixels: "
                + ("they were rendered while training" if compared["drawn"] else "its list has no hashes of them")
            )
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


def read_matches(out: Path) -> tuple[Match, ...]:
    """Read what `write_matches` wrote; nothing where there is no file."""
    path = out / LEAKS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return tuple(Match(**json.loads(line)) for line in lines)


class _OwnRows:
    """The evaluated rows by what they can be the same in."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.by: dict[str, dict[str, list[str]]] = {kind: defaultdict(list) for kind in IN_TRAIN}
        for product in rows.products:
            code = product.product_code
            pixels = pixel_sha256(decode_image(product, rows.folder))
            for kind, key in (*_text_keys(product), ("pixels", pixels)):
                self.by[kind][key].append(code)

    def queries(self, except_for: Iterable[str]) -> dict[str, Query]:
        """Return the images to look for; not those of rows whose pixels were found already."""
        known = set(except_for)
        left = (product for product in self.rows.products if product.product_code not in known)
        return {product.product_code: Query.of(decode_image(product, self.rows.folder)) for product in left}


class _Comparison:
    """What evaluated rows share with one list of training rows."""

    def __init__(self, source: str, kinds: Sequence[str]) -> None:
        self.source = source
        self.same: dict[str, dict[str, _Seen]] = {kind: {} for kind in kinds}
        self.compared = dict.fromkeys(kinds, 0)
        self.placeholders: set[str] = set()
        """Codes of evaluated rows that show one."""
        self._families: dict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, kind: str, codes: Iterable[str], seen: _Seen, family: str = "") -> None:
        for code in codes:
            self.same[kind].setdefault(code, seen)
            if kind in {"picture", "pixels"}:
                self._families[kind, code].add(family)

    def drop_placeholders(self) -> None:
        """Forget images that products of many families show."""
        for (kind, code), families in self._families.items():
            if len(families) >= PLACEHOLDER_FAMILIES:
                del self.same[kind][code]
                self.placeholders.add(code)


def _compare_with_train(ours: _OwnRows, max_decoded: int, *, quiet: bool) -> _Comparison:
    """Compare with the train split of the catalog; within one catalog a code is that of the same product."""
    folder, found = ours.rows.folder, _Comparison(TRAIN, IN_TRAIN)
    total = sum(file.num_rows for file in read_manifest(folder).files if file.split == TRAIN)
    codes: list[str] = []
    known: list[Fingerprint] = []
    with progress_bar("comparing with train rows", total, quiet=quiet) as advance:
        for product in read(folder, split=TRAIN, columns=("title", "image", "attributes")):
            keys = list(_text_keys(product))
            if product.image and _is_sampled(product.product_code, max_decoded, total):
                image = _decode_or_none(product, folder)  # `compared` does not count a broken train image
                keys += [] if image is None else [("pixels", pixel_sha256(image))]
                print_of = None if image is None else fingerprint(image)
                if print_of is not None:
                    codes.append(product.product_code)
                    known.append(print_of)
            for kind, key in keys:
                found.compared[kind] += 1
                found.add(kind, ours.by[kind].get(key, ()), _Seen(code=product.product_code), product.family)
            advance(1)
    found.compared["copy"] = len(known)
    batches = [_as_array([each.colours for each in known])] if known else []
    _find_copies(ours, found, batches, lambda places: {each: (known[each], _Seen(code=codes[each])) for each in places})
    return found


def _compare_with_seen(ours: _OwnRows, source: str, path: Path) -> _Comparison:
    """Compare with the rows of a `seen.parquet`, in batches: it may have millions."""
    found = _Comparison(source, IN_SEEN)
    shops = {_shop_name(product.family) for product in ours.rows.products}
    columns = {
        "code": ("product_code", pa.array([product.product_code for product in ours.rows.products], pa.string())),
        **{
            kind: (name, pa.array(list(ours.by[kind]), pa.string()))
            for kind, name in (
                *(("family", "family"), ("picture", "picture_sha256")),
                *(("pixels", "pixels_sha256"), ("drawn", "drawn_sha256")),
            )
        },
    }
    names = [*(name for name, _ in columns.values()), "training", "data"]
    own_codes = {
        f"{_shop_name(product.family)} {product.product_code}": product.product_code for product in ours.rows.products
    }
    for batch in read_seen(path, names, fallback=path.parent.name):
        hits = pa.array(np.zeros(batch.num_rows, bool))
        for kind, (name, values) in columns.items():
            found.compared[kind] += batch.num_rows - batch[name].null_count
            hits = pc.or_(hits, pc.is_in(batch[name], value_set=values))
        for row in batch.filter(hits).to_pylist():
            seen = _Seen(code=row["product_code"], training=row["training"] or None, data=row["data"])
            shop = _shop_name(row["family"])
            code = own_codes.get(f"{shop} {row['product_code']}") if shop in shops else None
            found.add("code", [code] if code is not None else [], seen)
            for kind, (name, _) in columns.items():
                if kind != "code" and row[name] is not None:
                    found.add(kind, ours.by[kind].get(row[name], ()), seen, row["family"])

    def colours() -> Iterator[Bytes]:
        for batch in read_seen(path, ["product_code", "family", "picture_sha256", "colours"]):
            column = batch["colours"]
            found.compared["copy"] += batch.num_rows - column.null_count
            yield _as_array(pc.fill_null(column, bytes(COLOUR_BYTES)).to_pylist())

    _find_copies(ours, found, colours(), lambda places: _fetch_fingerprints(path, places))
    return found


def _fetch_fingerprints(path: Path, places: Sequence[int]) -> dict[int, tuple[Fingerprint, _Seen]]:
    """Return fingerprint and description of the rows with these numbers, in one pass through the file."""
    wanted, fetched, first = np.unique(np.array(places, np.int64)), {}, 0
    names = ["product_code", "family", "picture_sha256", "detail", "colours", "training", "data"]
    for batch in read_seen(path, names, fallback=path.parent.name):
        inside = wanted[(wanted >= first) & (wanted < first + batch.num_rows)]
        for place, row in zip(inside.tolist(), batch.take(pa.array(inside - first)).to_pylist(), strict=True):
            if row["detail"] is not None and row["colours"] is not None:
                seen = _Seen(code=row["product_code"], training=row["training"] or None, data=row["data"])
                fetched[place] = (Fingerprint(levels=row["detail"], colours=row["colours"]), seen)
        first += batch.num_rows
    return fetched


def _find_copies(
    ours: _OwnRows,
    found: _Comparison,
    batches: Iterable[Bytes],
    fetch: Callable[[Sequence[int]], Mapping[int, tuple[Fingerprint, _Seen]]],
) -> None:
    """Look for the evaluated images among the training images, whose colours come in batches, (N, COLOUR_BYTES)."""
    found.drop_placeholders()
    queries = ours.queries(except_for=found.same["pixels"].keys() | found.placeholders)
    shortlist, first = Shortlist(queries.values()), 0
    for batch in batches:
        shortlist.add(batch, first)
        first += len(batch)
    candidates = [shortlist.candidates(number) for number in range(len(queries))]
    known = fetch(sorted({place for places in candidates for place in places}))
    for (code, query), places in zip(queries.items(), candidates, strict=True):
        near = [(compare(query, known[place][0]), -place) for place in places if place in known]
        similarity, place = max(near, default=(0.0, 0))
        if similarity >= COPY:
            seen = known[-place][1]
            found.add("copy", [code], replace(seen, similarity=round(similarity, 4)))


def _as_array(colours: Sequence[bytes]) -> Bytes:
    return np.frombuffer(b"".join(colours), np.uint8).reshape(len(colours), COLOUR_BYTES)


def _decode_or_none(product: Product, folder: Path) -> Image.Image | None:
    try:
        return decode_image(product, folder)
    except ToileError:
        return None


def _text_keys(product: Product) -> Iterator[tuple[str, str]]:
    yield "code", product.product_code
    yield "family", product.family
    if product.title:
        yield "title", " ".join(title_tokens(product.title)) or product.title
    if product.image:
        yield "picture", hashlib.sha256(product.image).hexdigest()
    drawn = appearance_sha256(product.attributes)
    if drawn is not None:
        yield "drawn", drawn


def _is_sampled(code: str, most: int, total: int) -> bool:
    """Return whether a row is among the `most` of about `total` rows whose hash comes first."""
    if total <= most:
        return True
    head = hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(head, "big") < (most << 64) // total


def _shop_name(family: str) -> str:
    return family.rpartition("-")[0]
