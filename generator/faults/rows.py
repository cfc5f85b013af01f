"""A clean row -> the same row with one fault, and its line of `faults.parquet`: what is wrong, what is true."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from generator.faults import images as faulty_pictures
from generator.faults import text as faulty_text
from generator.faults.scenarios import ADDED, KINDS, Plan
from generator.render.engine.variation import Variation
from generator.sampling.codes import product_codes
from generator.sampling.prices import convert_to_euros, snap_to_points
from generator.sampling.products import compile_catalog
from generator.sampling.streams import Floats, Index

Row = dict[str, Any]
"""All columns of a product as they lie in its shard; `image` is {"bytes", "path"} or None."""

PRICE_RISE = 1.08
_ABSENT = {"null": None, "empty text": "", "N.A.": "N.A."}
_SLIPS = {"times 0.01": 0.01, "times 0.1": 0.1, "times 10": 10.0, "times 100": 100.0}
_PER_EURO = {"EUR": 1.0, "USD": 1.1, "GBP": 0.85, "CHF": 0.95, "JPY": 160.0, "CNY": 7.8}
"""Units for one euro, rounded: they only set how far a price is off when it is read in another currency."""
_ALIKE = 0.03
"""A factor closer than this to 1 makes no slip that anybody could find."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a fault makes of a row."""

    changes: Row
    """Column -> its new value."""
    form: str
    """Which of the ways to have this kind of fault."""


def with_faults(plan: Plan, table: pa.Table, index_N: Index, kind_N: Index) -> tuple[pa.Table, list[Row]]:
    """The table with its struck rows made faulty, in the same order, and their lines for `faults.parquet`.

    Rows that are only struck by a copy of themselves (`scenarios.ADDED`) stay as they are.
    """
    places = [place for place in np.flatnonzero(kind_N >= 0).tolist() if KINDS[kind_N[place]].name not in ADDED]
    if not places:
        return table, []
    faulty, lines = _spoiled(plan, table.take(places), index_N[places], kind_N[places])
    order_N = np.arange(table.num_rows)
    order_N[places] = table.num_rows + np.arange(len(places))
    return pa.concat_tables([table, faulty]).take(order_N), lines


def copies(plan: Plan, table: pa.Table, index_N: Index, kind_N: Index) -> tuple[pa.Table, list[Row]]:
    """The copies of struck rows, one each, and their lines: the copy of product i is product i + num_products."""
    return _spoiled(plan, table, index_N, kind_N)


def is_copied(kind_N: Index) -> Any:
    """Where a row gets a copy."""
    return np.isin(kind_N, [number for number, kind in enumerate(KINDS) if kind.name in ADDED])


def _spoiled(plan: Plan, table: pa.Table, index_N: Index, kind_N: Index) -> tuple[pa.Table, list[Row]]:
    rows, lines = [], []
    for row, number, kind in zip(table.to_pylist(), index_N.tolist(), kind_N.tolist(), strict=True):
        name = KINDS[kind].name
        fault = _MAKERS[name](row, number, Variation(f"fault/{name}/{number}", plan.seed), plan)
        rows.append({**row, **fault.changes})
        lines.append(_line(row, rows[-1], number, kind, fault, plan))
    return pa.Table.from_pylist(rows, schema=table.schema), lines


def _line(row: Row, faulty: Row, number: int, kind: int, fault: Fault, plan: Plan) -> Row:
    name, main = KINDS[kind].name, KINDS[kind].column
    changed = [column for column in fault.changes if faulty[column] != row[column]]
    others = {column: _told(row[column]) for column in changed if column != main}
    return {
        "row": number + plan.num_products if name in ADDED else number,
        "product_code": faulty["product_code"],
        "split": row["split"],
        "kind": name,
        "form": fault.form,
        "column": main,
        "true_value": json.dumps(_told(row[main]), ensure_ascii=False),
        "faulty_value": json.dumps(_told(faulty[main]), ensure_ascii=False),
        "other_true_values": json.dumps(others, ensure_ascii=False) if others else None,
        "of_row": number if name in ADDED else None,
    }


def _told(value: Any) -> Any:
    """A value as JSON can hold it: of a picture the sha256 of its file."""
    return hashlib.sha256(value["bytes"]).hexdigest() if isinstance(value, Mapping) else value


def _missing_text(column: str) -> Callable[[Row, int, Variation, Plan], Fault]:
    def make(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
        form = draws.choice("form", list(_ABSENT))
        also = {"inferable": False} if column == "category3_code" else {}
        return Fault({column: _ABSENT[form], **also}, form)

    return make


def _missing_price(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    form = draws.choice("form", ["null", "zero"])
    value = None if form == "null" else 0.0
    prices = dict.fromkeys(("full_price", "price", "full_price_eur", "price_eur"), value)
    return Fault({**prices, "flg_discount": None if form == "null" else 0}, form)


def _missing_picture(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    return Fault({"image": None}, "null")


def _duplicate(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    return Fault({}, "every column")


def _near_duplicate(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    code = str(product_codes(plan.seed, np.array([number + plan.num_products]), plan.spec.code_digits)[0])
    title, form = faulty_text.slipped(row["title"], draws)
    step = draws.choice("price", [0.01, -0.01, 0.01 * row["full_price"], -0.01 * row["full_price"]])
    image, forms = row["image"], [form]
    if image is not None:
        content, suffix, quality = faulty_pictures.recompressed(image["bytes"], draws)
        image, forms = {"bytes": content, "path": f"{code}{suffix}"}, [form, quality]
    changes = {
        "product_code": code,
        "title": title,
        "itemurl": row["itemurl"].removesuffix(row["product_code"]) + code,
        **_moved(row, step, plan),
        "image": image,
    }
    return Fault(changes, ", ".join(forms))


def _wrong_category(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    path = draws.choice("path", [path for path in plan.paths if path[2] != row["category3_code"]])
    return Fault(dict(zip(("category1_code", "category2_code", "category3_code"), path, strict=True)), path[2])


def _outlier_price(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    form = draws.choice("form", [form for form, factor in _SLIPS.items() if _notable(row["full_price"], factor)])
    return Fault(_scaled(row, _SLIPS[form], plan, euros_too=True), form)


def _currency_slip(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    factors = {name: plan.spec.shop.eur_rate * rate for name, rate in _PER_EURO.items() if name != row["currency_code"]}
    slips = [name for name, factor in factors.items() if _notable(row["full_price"], factor)]
    currency = draws.choice("form", slips or ["JPY"])
    return Fault(_scaled(row, factors[currency], plan, euros_too=False), f"amount in {currency}")


def _spoiled_title(name: str) -> Callable[[Row, int, Variation, Plan], Fault]:
    def make(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
        title, form = faulty_text.SPOILERS[name](row["title"], draws)
        return Fault({"title": title}, form)

    return make


def _spoiled_picture(name: str) -> Callable[[Row, int, Variation, Plan], Fault]:
    def make(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
        content, suffix, form = faulty_pictures.SPOILERS[name](row["image"]["bytes"], draws)
        return Fault({"image": {"bytes": content, "path": f"{row['product_code']}{suffix}"}}, form)

    return make


def _new_season(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    title, form = faulty_text.of_season(row["title"], plan.later_date)
    return Fault({"title": title, "competence_date": plan.later_date}, form)


def _price_rise(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    points = compile_catalog(plan.spec).prices.points
    above = points[min(int(np.searchsorted(points, row["full_price"], side="right")), len(points) - 1)]
    full = max(float(snap_to_points(points, np.array([row["full_price"] * PRICE_RISE]))[0]), float(above))
    share = row["price"] / row["full_price"]
    asked = min(float(snap_to_points(points, np.array([full * share]))[0]), full)
    changes = _priced(full, asked, plan)
    return Fault({**changes, "flg_discount": int(asked < full), "competence_date": plan.later_date}, "times 1.08")


def _category_split(row: Row, number: int, draws: Variation, plan: Plan) -> Fault:
    assert plan.split is not None, number
    value = json.loads(row["attributes"])["choices"].get(plan.split.attribute)
    word = plan.split.value.replace(",", "") if value == plan.split.value else "other"
    leaf = f"{word.upper() if plan.split.leaf.isupper() else word.capitalize()} {plan.split.leaf}"
    return Fault({"category3_code": leaf}, leaf)


_MAKERS: dict[str, Callable[[Row, int, Variation, Plan], Fault]] = {
    "missing-title": _missing_text("title"),
    "missing-category": _missing_text("category3_code"),
    "missing-price": _missing_price,
    "missing-picture": _missing_picture,
    "duplicate": _duplicate,
    "near-duplicate": _near_duplicate,
    "wrong-category": _wrong_category,
    "outlier-price": _outlier_price,
    "currency-slip": _currency_slip,
    **{name: _spoiled_title(name) for name in faulty_text.SPOILERS},
    **{name: _spoiled_picture(name) for name in faulty_pictures.SPOILERS},
    "new-season": _new_season,
    "price-rise": _price_rise,
    "category-split": _category_split,
}


def _notable(price: float, factor: float) -> bool:
    """Whether a price times a factor is still a price, and another one."""
    return abs(factor - 1) > _ALIKE and price * factor >= 0.01 and round(price * factor, 2) != price


def _scaled(row: Row, factor: float, plan: Plan, *, euros_too: bool) -> Row:
    """Both prices times a factor, in cents; the euro columns too, or left with the true amounts."""
    full, asked = (max(round(row[name] * factor, 2), 0.01) for name in ("full_price", "price"))
    changes = _priced(full, asked, plan)
    return changes if euros_too else {name: changes[name] for name in ("full_price", "price")}


def _moved(row: Row, step: float, plan: Plan) -> Row:
    """Both prices moved by the same step, in cents, at least one cent and never to nothing."""
    cents = round(step * 100) or 1
    if round(min(row["price"], row["full_price"]) * 100) + cents < 1:
        cents = -cents
    return _priced(round(row["full_price"] + cents / 100, 2), round(row["price"] + cents / 100, 2), plan)


def _priced(full: float, asked: float, plan: Plan) -> Row:
    in_euros: Floats = convert_to_euros(compile_catalog(plan.spec).prices.rate_millionths, np.array([full, asked]))
    return {
        "full_price": full,
        "price": asked,
        "full_price_eur": float(in_euros[0]),
        "price_eur": float(in_euros[1]),
    }
