"""The baseline nearest-picture: the answer that belongs to the most similar train picture, by colours and edges alone.

A picture is an 8 x 8 thumbnail of its colours, and how much edge of which direction each of 4 x 4 cells has (as in
Dalal & Triggs 2005, coarser and unnormalised). What it gets right needs no understanding; where it is very good, test
pictures are copies of train pictures.
"""

import hashlib
import heapq
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation.metrics.baselines import Habits, fit
from evaluation.rows import encoded_pictures, train_rows
from evaluation.stats.clusters import Values, numbered
from schemas.answer import render
from schemas.errors import BROKEN_PICTURE
from schemas.product import Product, from_batch, open_shard, shard_files

MOST_PICTURES = 2000
"""Train pictures looked at: those whose hash of the code comes first."""
_UNREADABLE = (*BROKEN_PICTURE, Image.DecompressionBombError)
_THUMBNAIL, _GREY, _CELLS, _DIRECTIONS = 8, 32, 4, 8


def habits_of(folder: Path, judged: Sequence[Product]) -> Habits | None:
    """The habits of a folder's train split, with the nearest train picture of each of the `judged` rows.

    Pictures that `judged` do not hold are read from the folder.
    """
    habits = fit(train_rows(folder))
    if habits is None:
        return None
    pictures = {product.product_code: product.image for product in judged if product.image}
    for split in sorted({product.split for product in judged}):
        missing = {p.product_code for p in judged if p.split == split} - set(pictures)
        pictures |= encoded_pictures(folder, split, missing) if missing else {}
    seen = [replace(product, image=pictures.get(product.product_code)) for product in judged]
    return replace(habits, nearest=nearest_answers(_drawn(folder), seen))


def nearest_answers(train: Iterable[Product], judged: Iterable[Product]) -> dict[str, str]:
    """For each code of `judged` the true answer to the most similar picture of `train`, the first of equals.

    A row's own family never counts as similar, which matters where train rows themselves are judged. Rows without a
    picture that can be read are left out, and train rows without title, category or price too.
    """
    whole = (row for row in train if row.title and row.category3_code and row.full_price)
    known, asked = _with_features(whole), _with_features(judged)
    if not known or not asked:
        return {}
    known_NF, asked_MF = (np.stack([seen for _, seen in rows]) for rows in (known, asked))
    colours = _THUMBNAIL * _THUMBNAIL * 3
    for block in (slice(0, colours), slice(colours, None)):  # both parts weigh the same
        spread = float(known_NF[:, block].std(axis=0).mean()) or 1.0
        for table in (known_NF, asked_MF):
            table[:, block] /= spread * math.sqrt(table[:, block].shape[1])
    family_of = numbered([row.family for row, _ in (*known, *asked)])
    found = []
    for places in np.array_split(np.arange(len(asked)), len(asked) // 1000 + 1):
        apart_MN = (known_NF**2).sum(axis=1)[None, :] - 2 * asked_MF[places] @ known_NF.T
        apart_MN[family_of[len(known) + places][:, None] == family_of[None, : len(known)]] = np.inf
        found += apart_MN.argmin(axis=1).tolist()
    return {row.product_code: _true_answer(known[place][0]) for (row, _), place in zip(asked, found, strict=True)}


def features(encoded: bytes) -> Values | None:
    """Colours of an 8 x 8 thumbnail in [0, 1], then the edges of 4 x 4 cells by 8 directions; None if not decodable."""
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            picture.draft("RGB", (2 * _GREY, 2 * _GREY))
            plain = (picture.convert("RGBA") if picture.mode == "P" else picture).convert("RGB")
            small = plain.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
            grey = np.asarray(plain.convert("L").resize((_GREY, _GREY), Image.Resampling.BOX), np.float64) / 255
    except _UNREADABLE:
        return None
    down, right = np.gradient(grey)
    direction = ((np.arctan2(down, right) + np.pi) / (2 * np.pi) * _DIRECTIONS).astype(int) % _DIRECTIONS
    row, column = np.indices(grey.shape) * _CELLS // _GREY
    place = (row * _CELLS + column) * _DIRECTIONS + direction
    edges = np.bincount(place.ravel(), weights=np.hypot(down, right).ravel(), minlength=_CELLS**2 * _DIRECTIONS)
    return np.concatenate([np.asarray(small, np.float64).ravel() / 255, edges])


def _with_features(products: Iterable[Product]) -> list[tuple[Product, Values]]:
    looked = ((replace(product, image=None), features(product.image)) for product in products if product.image)
    return [(product, seen) for product, seen in looked if seen is not None]


def _true_answer(product: Product) -> str:
    return render(product.title or "", product.category3_code or "", product.full_price or 0.0)


def _drawn(folder: Path) -> Iterator[Product]:
    """At most 2,000 train rows with their pictures, in file order; only row groups that hold one are read whole."""
    codes = (product.product_code for product in train_rows(folder))
    chosen = set(heapq.nsmallest(MOST_PICTURES, codes, key=_place))
    columns = ["product_code", "family", "split", "source", "inferable", "title", "category3_code", "full_price"]
    for entry in shard_files(folder, "train")[1]:
        with open_shard(folder, entry) as parquet:
            for number in range(parquet.num_row_groups):
                named = parquet.read_row_group(number, ["product_code"])["product_code"].to_pylist()
                if chosen.isdisjoint(named):
                    continue
                for batch in parquet.read_row_group(number, [*columns, "image"]).to_batches():
                    yield from (product for product in from_batch(batch) if product.product_code in chosen)


def _place(code: str) -> bytes:
    return hashlib.sha256(f"nearest:{code}".encode("utf-8", "surrogatepass")).digest()
