"""Test a data-quality pipeline: make a catalog whose faults are known, let checks find them, and score the checks.

A shop's rows are never known to be clean, so nobody can say what a pipeline misses. Here the faults are planted, and
`toile score-faults` compares findings with the truth. The checks below are small; they read the rows and images that a
shop would deliver, never the list of faults. Replace them by your own pipeline.

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
"""Groups of faults. `drift` is left out, because it is not a fault of a single row."""
COLUMNS = ["product_code", "title", "category3_code", "full_price", "full_price_eur", "image"]
MAX_TITLE_LENGTH = 150
MAX_PIXELS = 20_000_000
MAX_PRICE_FACTOR = 4.0  # factor above or below the median price of the category
PRICE_TOLERANCE = 0.02
THUMBNAIL_TOLERANCE = 0.75  # levels of 255, a mean over 64 places

Finding = tuple[str, str]
"""Product code and suspected kind of fault."""


def missing(rows: pd.DataFrame) -> Iterator[Finding]:
    """Find missing values. The shop itself leaves some categories empty: those are false alarms."""
    for kind, column in (("missing-title", "title"), ("missing-category", "category3_code")):
        empty = rows[column].isna() | rows[column].fillna("").str.strip().str.upper().isin(["", "N.A.", "N/A", "NULL"])
        yield from ((code, kind) for code in rows.loc[empty, "product_code"])
    yield from ((code, "missing-price") for code in rows.loc[~(rows["full_price"] > 0), "product_code"])
    yield from ((code, "missing-picture") for code in rows.loc[rows["image"].isna(), "product_code"])


def duplicates(rows: pd.DataFrame) -> Iterator[Finding]:
    """Find repeated codes, and pairs of codes with nearly the same image and price, whatever the title."""
    yield from ((code, "duplicate") for code in rows.loc[rows["product_code"].duplicated(), "product_code"])
    once = rows.drop_duplicates("product_code")
    thumbnails = [_thumbnail(image) for image in once["image"]]
    seen = once[np.array([small is not None for small in thumbnails]) & (once["full_price"] > 0)]
    thumbnail_N64 = np.array(
        [small for small, price in zip(thumbnails, once["full_price"], strict=True) if small and price > 0]
    )
    price_N = seen["full_price"].to_numpy()
    for number, code in enumerate(seen["product_code"]):
        alike = np.abs(thumbnail_N64[:number] - thumbnail_N64[number]).mean(axis=1) < THUMBNAIL_TOLERANCE
        if (alike & (np.abs(price_N[:number] / price_N[number] - 1) < PRICE_TOLERANCE)).any():
            yield code, "near-duplicate"


def categories(rows: pd.DataFrame) -> Iterator[Finding]:
    """Find categories that rarely contain what the last word of the title names; skip navigation categories."""
    known = rows.dropna(subset=["title", "category3_code"])
    noun = known["title"].str.split().str[-1].str.casefold()
    counts = pd.crosstab(noun, known["category3_code"])
    counts = counts[counts.sum(axis=1) >= 10]
    if counts.empty:
        return
    shares = counts.div(counts.sum(axis=1), axis=0)
    anything = (counts > 0).mean() > 0.5  # VIEW ALL, NEW IN
    for code, word, category in zip(known["product_code"], noun, known["category3_code"], strict=True):
        if word in shares.index and not anything[category] and shares.loc[word, category] < 0.05:
            yield code, "wrong-category"


def prices(rows: pd.DataFrame) -> Iterator[Finding]:
    """Find prices far from the median of the category, or with another rate to the euro than the rest."""
    priced = rows[rows["full_price"] > 0]
    middle = priced.groupby(priced["category3_code"].fillna(""))["full_price"].transform("median")
    far = np.abs(np.log(priced["full_price"] / middle)) > np.log(MAX_PRICE_FACTOR)
    rate = priced["full_price_eur"] / priced["full_price"]
    slipped = np.abs(rate / rate.median() - 1) > 0.02
    yield from ((code, "currency-slip") for code in priced.loc[slipped, "product_code"])
    yield from ((code, "outlier-price") for code in priced.loc[far & ~slipped, "product_code"])


def text(rows: pd.DataFrame) -> Iterator[Finding]:
    """Find wrongly decoded letters, right-to-left text, emoji and very long titles."""
    for code, title in rows[["product_code", "title"]].dropna().itertuples(index=False):
        if len(title) > MAX_TITLE_LENGTH:
            yield code, "long-title"
        if "\ufffd" in title or re.search("[\u00c2\u00c3\u00e2][\u0080-\u00bf\u20ac\u201a-\u201e\u2122]", title):
            yield code, "mojibake"
        if any(unicodedata.bidirectional(letter) in {"R", "AL", "RLE", "RLO", "RLI"} for letter in title):
            yield code, "right-to-left"
        if any(unicodedata.category(letter) in {"So", "Sk"} and ord(letter) > 0x2300 for letter in title):
            yield code, "emoji"


def pictures(rows: pd.DataFrame) -> Iterator[Finding]:
    """Find images that do not open, and images of a form that a model does not expect."""
    for code, image in rows[["product_code", "image"]].dropna().itertuples(index=False):
        try:
            with Image.open(io.BytesIO(image["bytes"])) as opened:
                yield from ((code, kind) for kind in _unusual_formats(opened))
                if opened.width * opened.height <= MAX_PIXELS:
                    opened.load()
        except (OSError, ValueError):
            yield code, "broken-picture"


CHECKS = (missing, duplicates, categories, prices, text, pictures)


def main(out: Path, num_products: int = 1500, image_size: int = 112) -> None:
    """Write a faulty catalog to out/faulty and the findings to out/found.csv; print the score."""
    faults = [word for group in GROUPS for word in ("--scenario", f"{group}=0.015")]
    size = ["--num-products", str(num_products), "--image-size", str(image_size)]
    toile(["generate", "sportswear", *size, *faults, "--out", str(out / "faulty")], standalone_mode=False)

    rows = pq.read_table(out / "faulty" / "data", columns=COLUMNS).to_pandas()
    found = [finding for check in CHECKS for finding in check(rows)]
    pd.DataFrame(found, columns=["product_code", "kind"]).to_csv(out / "found.csv", index=False)

    truth = out / "faulty" / "extra" / "faults.parquet"
    toile(["score-faults", str(out / "found.csv"), "--truth", str(truth)], standalone_mode=False)


def _thumbnail(image: dict[str, bytes] | None) -> list[float] | None:
    """Return 8 x 8 grey levels, which re-encoding hardly changes; None where the image does not open."""
    try:
        with Image.open(io.BytesIO((image or {"bytes": b""})["bytes"])) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            small = opened.convert("L").resize((8, 8), Image.Resampling.BOX)
            return [float(level) for level in np.asarray(small).ravel()]
    except (OSError, ValueError):
        return None


def _unusual_formats(image: Image.Image) -> Iterator[str]:
    if image.width * image.height > MAX_PIXELS:
        yield "huge-picture"
    if image.mode == "CMYK":
        yield "cmyk-picture"
    if image.mode.startswith("I"):
        yield "16-bit-picture"
    if getattr(image, "n_frames", 1) > 1:
        yield "animated-picture"
    if image.getexif().get(0x0112, 1) != 1:
        yield "exif-rotated-picture"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
