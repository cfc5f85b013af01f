"""Test a data-quality pipeline: make a catalog whose faults are known, let checks find them, and score the checks.

A shop's rows are never known to be clean, so nobody can say what a pipeline overlooks. Here the faults are planted, and
`toile score-faults` compares what was found with what was done. The checks below are small and honest: they see the
rows and pictures that a shop would deliver, never the list of faults. Put your own pipeline in their place.

python examples/test_a_pipeline.py out/pipeline
"""

import io
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from toile.cli import main as toile

GROUPS = ("missing", "duplicates", "categories", "prices", "text", "pictures")
"""Of faults; `drift` is left out, for it is no fault of a single row."""
COLUMNS = ["product_code", "title", "category3_code", "full_price", "full_price_eur", "image"]
LONGEST_TITLE = 150
MOST_PIXELS = 20_000_000
FURTHEST_PRICE = 4.0  # times or parts of the middle price of the leaf
SAME_PRICE = 0.02
SAME_LOOK = 0.75  # levels of 255, a mean over 64 places

Finding = tuple[str, str]
"""Product code, and the kind of fault that it seems to have."""


def missing(rows: pd.DataFrame) -> Iterator[Finding]:
    """Nothing, or what stands for nothing. The shop itself leaves some leaves empty: those will be false alarms."""
    for kind, column in (("missing-title", "title"), ("missing-category", "category3_code")):
        empty = rows[column].isna() | rows[column].fillna("").str.strip().str.upper().isin(["", "N.A.", "N/A", "NULL"])
        yield from ((code, kind) for code in rows.loc[empty, "product_code"])
    yield from ((code, "missing-price") for code in rows.loc[~(rows["full_price"] > 0), "product_code"])
    yield from ((code, "missing-picture") for code in rows.loc[rows["image"].isna(), "product_code"])


def duplicates(rows: pd.DataFrame) -> Iterator[Finding]:
    """The same code twice; or under two codes about the same picture and price, whatever the title."""
    yield from ((code, "duplicate") for code in rows.loc[rows["product_code"].duplicated(), "product_code"])
    once = rows.drop_duplicates("product_code")
    looks = [_look(image) for image in once["image"]]
    seen = once[np.array([look is not None for look in looks]) & (once["full_price"] > 0)]
    look_N64 = np.array([look for look, price in zip(looks, once["full_price"], strict=True) if look and price > 0])
    price_N = seen["full_price"].to_numpy()
    for number, code in enumerate(seen["product_code"]):
        alike = np.abs(look_N64[:number] - look_N64[number]).mean(axis=1) < SAME_LOOK
        if (alike & (np.abs(price_N[:number] / price_N[number] - 1) < SAME_PRICE)).any():
            yield code, "near-duplicate"


def categories(rows: pd.DataFrame) -> Iterator[Finding]:
    """A leaf that hardly ever holds what the last word of the title names; leaves for everything are left alone."""
    known = rows.dropna(subset=["title", "category3_code"])
    noun = known["title"].str.split().str[-1].str.casefold()
    counts = pd.crosstab(noun, known["category3_code"])
    counts = counts[counts.sum(axis=1) >= 10]
    if counts.empty:
        return
    shares = counts.div(counts.sum(axis=1), axis=0)
    anything = (counts > 0).mean() > 0.5  # VIEW ALL, NEW IN
    for code, word, leaf in zip(known["product_code"], noun, known["category3_code"], strict=True):
        if word in shares.index and not anything[leaf] and shares.loc[word, leaf] < 0.05:
            yield code, "wrong-category"


def prices(rows: pd.DataFrame) -> Iterator[Finding]:
    """Far from the middle of the leaf; or in another proportion to its euros than everywhere else."""
    priced = rows[rows["full_price"] > 0]
    middle = priced.groupby(priced["category3_code"].fillna(""))["full_price"].transform("median")
    far = np.abs(np.log(priced["full_price"] / middle)) > np.log(FURTHEST_PRICE)
    rate = priced["full_price_eur"] / priced["full_price"]
    slipped = np.abs(rate / rate.median() - 1) > 0.02
    yield from ((code, "currency-slip") for code in priced.loc[slipped, "product_code"])
    yield from ((code, "outlier-price") for code in priced.loc[far & ~slipped, "product_code"])


def text(rows: pd.DataFrame) -> Iterator[Finding]:
    """Letters that went through a wrong encoding, letters from right to left, pictures in words, endless titles."""
    for code, title in rows[["product_code", "title"]].dropna().itertuples(index=False):
        if len(title) > LONGEST_TITLE:
            yield code, "long-title"
        if "\ufffd" in title or re.search("[\u00c2\u00c3\u00e2][\u0080-\u00bf\u20ac\u201a-\u201e\u2122]", title):
            yield code, "mojibake"
        if any(unicodedata.bidirectional(letter) in {"R", "AL", "RLE", "RLO", "RLI"} for letter in title):
            yield code, "right-to-left"
        if any(unicodedata.category(letter) in {"So", "Sk"} and ord(letter) > 0x2300 for letter in title):
            yield code, "emoji"


def pictures(rows: pd.DataFrame) -> Iterator[Finding]:
    """What does not open, and what opens but is none of the pictures that a model expects."""
    for code, image in rows[["product_code", "image"]].dropna().itertuples(index=False):
        try:
            with Image.open(io.BytesIO(image["bytes"])) as picture:
                yield from ((code, kind) for kind in _oddities(picture))
                if picture.width * picture.height <= MOST_PIXELS:
                    picture.load()
        except (OSError, ValueError):
            yield code, "broken-picture"


CHECKS = (missing, duplicates, categories, prices, text, pictures)


def main(out: Path, num_products: int = 1500, image_size: int = 112) -> None:
    """A faulty catalog in out/faulty, what the checks found in out/found.csv, and the score on stdout."""
    faults = [word for group in GROUPS for word in ("--scenario", f"{group}=0.015")]
    size = ["--num-products", str(num_products), "--image-size", str(image_size)]
    toile(["generate", "sportswear", *size, *faults, "--out", str(out / "faulty")], standalone_mode=False)

    rows = pq.read_table(out / "faulty" / "data", columns=COLUMNS).to_pandas()
    found = [finding for check in CHECKS for finding in check(rows)]
    pd.DataFrame(found, columns=["product_code", "kind"]).to_csv(out / "found.csv", index=False)

    truth = out / "faulty" / "extra" / "faults.parquet"
    toile(["score-faults", str(out / "found.csv"), "--truth", str(truth)], standalone_mode=False)


def _look(image: dict[str, bytes] | None) -> list[float] | None:
    """Eight by eight grey levels: hardly changed when a picture is saved once more; None where nothing opens."""
    try:
        with Image.open(io.BytesIO((image or {"bytes": b""})["bytes"])) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            small = picture.convert("L").resize((8, 8), Image.Resampling.BOX)
            return [float(level) for level in np.asarray(small).ravel()]
    except (OSError, ValueError):
        return None


def _oddities(picture: Image.Image) -> Iterator[str]:
    if picture.width * picture.height > MOST_PIXELS:
        yield "huge-picture"
    if picture.mode == "CMYK":
        yield "cmyk-picture"
    if picture.mode.startswith("I"):
        yield "16-bit-picture"
    if getattr(picture, "n_frames", 1) > 1:
        yield "animated-picture"
    if picture.getexif().get(0x0112, 1) != 1:
        yield "exif-rotated-picture"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
