"""Make selected rows faulty: their values, titles and images; and describe each fault for `faults.parquet`.

    table, lines = inject_faults(plan, table, index_N, plan.select_rows(batch, index_N))

Functions of titles and images take the clean value and the random source of its row. They return the faulty value and
the name of the variant. The same input gives the same bytes. Every image but a broken file decodes.
"""

import hashlib
import io
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps

from generator.faults.scenarios import COPY_KINDS, KINDS, FaultPlan
from generator.render.engine.variation import Variation
from generator.sampling.codes import product_codes
from generator.sampling.prices import convert_to_euros, snap_to_points
from generator.sampling.products import compile_catalog
from generator.sampling.streams import Floats, Index
from schemas.images import decode_rgb

Row = dict[str, Any]
"""All columns of a product as in its shard; `image` is {"bytes", "path"} or None."""
FaultyTitle = tuple[str, str]
"""The new title and the variant of the fault."""
FaultyImage = tuple[bytes, str, str]
"""The new file, its suffix with the dot, and the variant of the fault."""

PRICE_RISE = 1.08
_ABSENT = {"null": None, "empty text": "", "N.A.": "N.A."}
_DECIMAL_SHIFTS = {"times 0.01": 0.01, "times 0.1": 0.1, "times 10": 10.0, "times 100": 100.0}
_PER_EURO = {"EUR": 1.0, "USD": 1.1, "GBP": 0.85, "CHF": 0.95, "JPY": 160.0, "CNY": 7.8}
"""Units for one euro, rounded. They only decide how wrong a price is that is read in another currency."""
_MIN_CHANGE = 0.03
"""A factor closer than this to 1 makes a price that nobody could find."""
LONG_TITLE = (500, 5000)
"""Characters of a very long title, at least and at most."""
_NO_BREAK_SPACE = "\u00a0"
_ACUTE = "\u0301"
_TRADE_MARK = "\u2122"
_NEW_IN_ARABIC, _NEW_IN_HEBREW = "\u062c\u062f\u064a\u062f", "\u05d7\u05d3\u05e9"
_RIGHT_TO_LEFT_MARK, _OVERRIDE, _POP = "\u200f", "\u202e", "\u202c"
_EMOJI = {
    "one sign": "\U0001f9e5",
    "variation selector": "\u2764\ufe0f",
    "skin tone": "\U0001f44d\U0001f3fd",
    "joined signs": "\U0001f469\u200d\U0001f4bb",
    "flag": "\U0001f1eb\U0001f1f7",
    "keycap": "1\ufe0f\u20e3",
}
"""Emoji by what they consist of (Unicode Technical Standard 51, section 1.4)."""
_SEASONS = ("Winter", "Spring", "Summer", "Autumn")
HUGE_IMAGE = (10_000, 8_000)
"""Width and height: more than the 50 million pixels that `toile import` takes, fewer than the 89 million at which
Pillow warns."""
_ORIENTATION = 0x0112
_TRANSPOSE = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""EXIF orientation -> the rotation of the pixels that it undoes (Exif 2.32, section 4.6.4 A)."""
_HTML = (
    b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>\n"
    b"<body><h1>Not Found</h1><p>The picture is not here.</p></body></html>\n"
)
_NUM_FLIPPED = 64
"""Bytes in the middle of a file."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The changes that a fault makes to a row."""

    changes: Row
    """Column -> its new value."""
    form: str
    """Which variant of this kind of fault."""


def inject_faults(plan: FaultPlan, table: pa.Table, index_N: Index, kind_N: Index) -> tuple[pa.Table, list[Row]]:
    """Return the table with its selected rows made faulty, and their lines for `faults.parquet`.

    Rows of which only a copy is added (`scenarios.COPY_KINDS`) stay as they are.

    Args:
        plan: The plan that selected the rows.
        table: N clean rows.
        index_N: Their product numbers.
        kind_N: The result of `plan.select_rows`.
    """
    rows = [row for row in np.flatnonzero(kind_N >= 0).tolist() if KINDS[kind_N[row]].name not in COPY_KINDS]
    if not rows:
        return table, []
    faulty, lines = _make_faulty(plan, table.take(rows), index_N[rows], kind_N[rows])
    order_N = np.arange(table.num_rows)
    order_N[rows] = table.num_rows + np.arange(len(rows))
    return pa.concat_tables([table, faulty]).take(order_N), lines


def make_copies(plan: FaultPlan, table: pa.Table, index_N: Index, kind_N: Index) -> tuple[pa.Table, list[Row]]:
    """Return a copy of each row, and their lines for `faults.parquet`.

    The copy of product i is product i + num_products.
    """
    return _make_faulty(plan, table, index_N, kind_N)


def has_copy(kind_N: Index) -> Any:
    """Return where a row gets a copy, as a mask of N rows."""
    return np.isin(kind_N, [number for number, kind in enumerate(KINDS) if kind.name in COPY_KINDS])


def _make_faulty(plan: FaultPlan, table: pa.Table, index_N: Index, kind_N: Index) -> tuple[pa.Table, list[Row]]:
    rows, lines = [], []
    for row, number, kind in zip(table.to_pylist(), index_N.tolist(), kind_N.tolist(), strict=True):
        name = KINDS[kind].name
        fault = _MAKERS[name](row, number, Variation(f"fault/{name}/{number}", plan.seed), plan)
        rows.append({**row, **fault.changes})
        lines.append(_describe_fault(row, rows[-1], number, kind, fault, plan))
    return pa.Table.from_pylist(rows, schema=table.schema), lines


def _describe_fault(row: Row, faulty: Row, number: int, kind: int, fault: Fault, plan: FaultPlan) -> Row:
    name, main = KINDS[kind].name, KINDS[kind].column
    changed = [column for column in fault.changes if faulty[column] != row[column]]
    others = {column: _json_value(row[column]) for column in changed if column != main}
    return {
        "row": number + plan.num_products if name in COPY_KINDS else number,
        "product_code": faulty["product_code"],
        "split": row["split"],
        "kind": name,
        "form": fault.form,
        "column": main,
        "true_value": json.dumps(_json_value(row[main]), ensure_ascii=False),
        "faulty_value": json.dumps(_json_value(faulty[main]), ensure_ascii=False),
        "other_true_values": json.dumps(others, ensure_ascii=False) if others else None,
        "of_row": number if name in COPY_KINDS else None,
    }


def _json_value(value: Any) -> Any:
    """Return a value as JSON can represent it: of an image the sha256 of its file."""
    return hashlib.sha256(value["bytes"]).hexdigest() if isinstance(value, Mapping) else value


def _remove_text(column: str) -> Callable[[Row, int, Variation, FaultPlan], Fault]:
    def make(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
        form = variation.choice("form", list(_ABSENT))
        also = {"inferable": False} if column == "category3_code" else {}
        return Fault({column: _ABSENT[form], **also}, form)

    return make


def _remove_price(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    form = variation.choice("form", ["null", "zero"])
    value = None if form == "null" else 0.0
    prices = dict.fromkeys(("full_price", "price", "full_price_eur", "price_eur"), value)
    return Fault({**prices, "flg_discount": None if form == "null" else 0}, form)


def _remove_image(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    return Fault({"image": None}, "null")


def _copy_row(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    return Fault({}, "every column")


def _copy_almost(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    code = str(
        product_codes(plan.spec.name, plan.seed, np.array([number + plan.num_products]), plan.spec.code_digits)[0]
    )
    title, form = add_typo(row["title"], variation)
    step = variation.choice("price", [0.01, -0.01, 0.01 * row["full_price"], -0.01 * row["full_price"]])
    image, forms = row["image"], [form]
    if image is not None:
        content, suffix, quality = recompress(image["bytes"], variation)
        image, forms = {"bytes": content, "path": f"{code}{suffix}"}, [form, quality]
    changes = {
        "product_code": code,
        "title": title,
        "itemurl": row["itemurl"].removesuffix(row["product_code"]) + code,
        **_move_prices(row, step, plan),
        "image": image,
    }
    return Fault(changes, ", ".join(forms))


def _change_category(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    path = variation.choice("path", [path for path in plan.category_paths if path[2] != row["category3_code"]])
    return Fault(dict(zip(("category1_code", "category2_code", "category3_code"), path, strict=True)), path[2])


def _shift_decimal(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    forms = [form for form, factor in _DECIMAL_SHIFTS.items() if _is_notable(row["full_price"], factor)]
    form = variation.choice("form", forms)
    return Fault(_scale_prices(row, _DECIMAL_SHIFTS[form], plan, euros_too=True), form)


def _change_currency(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    factors = {name: plan.spec.shop.eur_rate * rate for name, rate in _PER_EURO.items() if name != row["currency_code"]}
    currencies = [name for name, factor in factors.items() if _is_notable(row["full_price"], factor)]
    currency = variation.choice("form", currencies or ["JPY"])
    return Fault(_scale_prices(row, factors[currency], plan, euros_too=False), f"amount in {currency}")


def _change_title(name: str) -> Callable[[Row, int, Variation, FaultPlan], Fault]:
    def make(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
        title, form = TITLE_MAKERS[name](row["title"], variation)
        return Fault({"title": title}, form)

    return make


def _change_image(name: str) -> Callable[[Row, int, Variation, FaultPlan], Fault]:
    def make(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
        content, suffix, form = IMAGE_MAKERS[name](row["image"]["bytes"], variation)
        return Fault({"image": {"bytes": content, "path": f"{row['product_code']}{suffix}"}}, form)

    return make


def _drift_title(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    title, form = add_season(row["title"], plan.drift_date)
    return Fault({"title": title, "competence_date": plan.drift_date}, form)


def _drift_price(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    points = compile_catalog(plan.spec).prices.points
    above = points[min(int(np.searchsorted(points, row["full_price"], side="right")), len(points) - 1)]
    full = max(float(snap_to_points(points, np.array([row["full_price"] * PRICE_RISE]))[0]), float(above))
    share = row["price"] / row["full_price"]
    asked = min(float(snap_to_points(points, np.array([full * share]))[0]), full)
    changes = _price_columns(full, asked, plan)
    return Fault({**changes, "flg_discount": int(asked < full), "competence_date": plan.drift_date}, "times 1.08")


def _split_category(row: Row, number: int, variation: Variation, plan: FaultPlan) -> Fault:
    assert plan.split is not None, number
    value = json.loads(row["attributes"])["choices"].get(plan.split.attribute)
    word = plan.split.value.replace(",", "") if value == plan.split.value else "other"
    category = f"{word.upper() if plan.split.category.isupper() else word.capitalize()} {plan.split.category}"
    return Fault({"category3_code": category}, category)


def _is_notable(price: float, factor: float) -> bool:
    """Return whether a price times a factor is a valid and different price."""
    return abs(factor - 1) > _MIN_CHANGE and price * factor >= 0.01 and round(price * factor, 2) != price


def _scale_prices(row: Row, factor: float, plan: FaultPlan, *, euros_too: bool) -> Row:
    """Multiply both prices by a factor, rounded to cents; `euros_too` changes the euro columns as well."""
    full, asked = (max(round(row[name] * factor, 2), 0.01) for name in ("full_price", "price"))
    changes = _price_columns(full, asked, plan)
    return changes if euros_too else {name: changes[name] for name in ("full_price", "price")}


def _move_prices(row: Row, step: float, plan: FaultPlan) -> Row:
    """Add the same step to both prices, rounded to cents: at least one cent, and no price falls below one cent."""
    cents = round(step * 100) or 1
    if round(min(row["price"], row["full_price"]) * 100) + cents < 1:
        cents = -cents
    return _price_columns(round(row["full_price"] + cents / 100, 2), round(row["price"] + cents / 100, 2), plan)


def _price_columns(full: float, asked: float, plan: FaultPlan) -> Row:
    in_euros: Floats = convert_to_euros(compile_catalog(plan.spec).prices.eur_rate, np.array([full, asked]))
    return {
        "full_price": full,
        "price": asked,
        "full_price_eur": float(in_euros[0]),
        "price_eur": float(in_euros[1]),
    }


def add_mojibake(title: str, variation: Variation) -> FaultyTitle:
    """Return the title as UTF-8 read as Windows-1252, or with a letter replaced by U+FFFD.

    Plain ASCII is not changed by that, so such a title first gets a character that people type unnoticed: a no-break
    space, an accent, or a trade-mark sign.
    """
    vowels = [place for place, letter in enumerate(title) if letter in "aeiouAEIOU"]
    forms = ["sign"] if title.isascii() else ["as it is"]
    forms += ["no-break space"] * (" " in title) + ["accent", "replacement character"] * bool(vowels)
    form = variation.choice("form", forms)
    place = variation.choice("place", vowels or [0])
    match form:
        case "replacement character":
            return title[:place] + "\ufffd" + title[place + 1 :], form
        case "no-break space":
            title = title.replace(" ", _NO_BREAK_SPACE, 1)
        case "accent":
            title = title[:place] + unicodedata.normalize("NFC", title[place] + _ACUTE) + title[place + 1 :]
        case "sign":
            title += _TRADE_MARK
    return misread_utf8(title), form


def add_right_to_left(title: str, variation: Variation) -> FaultyTitle:
    """Add the Hebrew or Arabic word for "new", or an invisible character that reverses the direction of the text."""
    forms = {
        "arabic": f"{_NEW_IN_ARABIC} {title}",
        "hebrew": f"{title} {_NEW_IN_HEBREW}",
        "mark": f"{_RIGHT_TO_LEFT_MARK}{title}",
        "override": f"{_OVERRIDE}{title}{_POP}",
    }
    form = variation.choice("form", list(forms))
    return forms[form], form


def add_emoji(title: str, variation: Variation) -> FaultyTitle:
    """Add an emoji before or after the title; half of the kinds need more than one code point."""
    form = variation.choice("form", list(_EMOJI))
    sign = _EMOJI[form]
    return variation.choice("place", [f"{sign} {title}", f"{title} {sign}", f"{sign}{title}{sign}"]), form


def repeat_title(title: str, variation: Variation) -> FaultyTitle:
    """Repeat the title, up to a length that is equally likely in every order of magnitude."""
    shortest, longest = LONG_TITLE
    length = max(round(shortest * (longest / shortest) ** variation.uniform("length", 0.0, 1.0)), 2 * len(title) + 1)
    return (f"{title} " * (length // (len(title) + 1) + 1))[:length].removesuffix(" "), f"up to {length} characters"


def add_typo(title: str, variation: Variation) -> FaultyTitle:
    """Make one small mistake that leaves the title readable."""
    place = int(variation.uniform("place", 0, max(len(title) - 1, 1)))
    forms = {
        "capitals": title.upper(),
        "small letters": title.lower(),
        "doubled space": title.replace(" ", "  ", 1),
        "swapped letters": title[:place] + title[place + 1 : place + 2] + title[place : place + 1] + title[place + 2 :],
        "dropped letter": title[:place] + title[place + 1 :],
    }
    changed = {form: text for form, text in forms.items() if text.strip() and text != title}
    form = variation.choice("form", list(changed) or ["space behind"])
    return changed.get(form, f"{title} "), form


def add_season(title: str, day: str) -> FaultyTitle:
    """Put the season of a day (YYYY-MM-DD, northern hemisphere) before the title."""
    season = _SEASONS[int(day[5:7]) % 12 // 3]
    return f"{season} {title}", season


TITLE_MAKERS: dict[str, Callable[[str, Variation], FaultyTitle]] = {
    "mojibake": add_mojibake,
    "right-to-left": add_right_to_left,
    "emoji": add_emoji,
    "long-title": repeat_title,
}
"""Kind of fault -> function of title and random source."""


def misread_utf8(title: str) -> str:
    """Return the UTF-8 bytes read as Windows-1252.

    Its five unused bytes are control characters (WHATWG Encoding Standard, section 9).
    """
    raw = (bytes([byte]) for byte in title.encode())
    return "".join(byte.decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else "cp1252") for byte in raw)


def break_image(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return a file that is cut off, has flipped bytes in its middle, is a web page, or is empty.

    Flipped bytes are inside the compressed pixels. Some decoders refuse them, others show wrong pixels after them.
    """
    form = variation.choice("form", ["truncated", "flipped bytes", "web page", "empty"])
    match form:
        case "truncated":
            content = jpeg[: int(len(jpeg) * variation.uniform("length", 0.2, 0.8))]
        case "flipped bytes":
            start = _middle_of_pixels(jpeg)
            flipped = bytes(255 - byte for byte in jpeg[start : start + _NUM_FLIPPED])
            content = jpeg[:start] + flipped + jpeg[start + _NUM_FLIPPED :]
        case "web page":
            content = _HTML
        case _:
            content = b""
    return content, ".jpg", form


def enlarge_image(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return a PNG of 80 million pixels and few bytes: the image in the middle of one colour, in 255 colours in all."""
    small = _decode(jpeg).quantize(colors=255, dither=Image.Dither.NONE)
    corner = small.getpixel((0, 0))
    large = Image.new("P", HUGE_IMAGE, corner)
    large.putpalette(small.getpalette() or [])
    large.paste(small, ((HUGE_IMAGE[0] - small.width) // 2, (HUGE_IMAGE[1] - small.height) // 2))
    return _encode(large, "PNG", compress_level=9), ".png", f"{HUGE_IMAGE[0]}x{HUGE_IMAGE[1]}"


def convert_to_cmyk(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return a JPEG in CMYK."""
    return _encode(_decode(jpeg).convert("CMYK"), "JPEG", quality=90, subsampling=0), ".jpg", "CMYK"


def convert_to_16_bit(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return a grey PNG with 16 bits a pixel, which many readers clip to white or black."""
    grey = np.asarray(_decode(jpeg).convert("L"), np.uint16) * np.uint16(257)
    return _encode(Image.fromarray(grey), "PNG"), ".png", "16-bit grey"


def animate_image(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return a GIF, WebP or PNG of three frames: the image, its mirror image, its negative."""
    first = _decode(jpeg)
    others = [ImageOps.mirror(first), ImageOps.invert(first)]
    form = variation.choice("form", ["GIF", "WEBP", "PNG"])
    content = _encode(first, form, save_all=True, append_images=others, duration=200, loop=0)
    return content, f".{form.lower()}", f"animated {form}"


def rotate_with_exif(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return rotated pixels with an EXIF orientation that undoes it: upright only for readers that use EXIF."""
    orientation = variation.choice("form", list(_TRANSPOSE))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    rotated = _decode(jpeg).transpose(_TRANSPOSE[orientation])
    return _encode(rotated, "JPEG", quality=90, subsampling=0, exif=exif), ".jpg", f"orientation {orientation}"


def recompress(jpeg: bytes, variation: Variation) -> FaultyImage:
    """Return the image saved again at a lower JPEG quality."""
    quality = int(variation.uniform("quality", 60, 86))
    return _encode(_decode(jpeg), "JPEG", quality=quality), ".jpg", f"quality {quality}"


IMAGE_MAKERS: dict[str, Callable[[bytes, Variation], FaultyImage]] = {
    "broken-picture": break_image,
    "huge-picture": enlarge_image,
    "cmyk-picture": convert_to_cmyk,
    "16-bit-picture": convert_to_16_bit,
    "animated-picture": animate_image,
    "exif-rotated-picture": rotate_with_exif,
}
"""Kind of fault -> function of JPEG file and random source."""


def _decode(jpeg: bytes) -> Image.Image:
    return decode_rgb(jpeg)


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _middle_of_pixels(jpeg: bytes) -> int:
    """Return the position halfway between the start-of-scan marker (ITU-T T.81, table B.1) and the end of the file."""
    scan = jpeg.find(b"\xff\xda")
    return (max(scan, 0) + len(jpeg)) // 2


_MAKERS: dict[str, Callable[[Row, int, Variation, FaultPlan], Fault]] = {
    "missing-title": _remove_text("title"),
    "missing-category": _remove_text("category3_code"),
    "missing-price": _remove_price,
    "missing-picture": _remove_image,
    "duplicate": _copy_row,
    "near-duplicate": _copy_almost,
    "wrong-category": _change_category,
    "outlier-price": _shift_decimal,
    "currency-slip": _change_currency,
    **{name: _change_title(name) for name in TITLE_MAKERS},
    **{name: _change_image(name) for name in IMAGE_MAKERS},
    "new-season": _drift_title,
    "price-rise": _drift_price,
    "category-split": _split_category,
}
"""Kind of fault -> function of row, product number, random source and plan."""
