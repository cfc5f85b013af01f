"""Make the extra columns of a spec: names, companies and places with Faker, or what an attribute says.

    table = add_extra_columns(table, spec, seed=0, index_N=np.arange(table.num_rows))

Value i of a column is a pure function of (spec, seed, i, name of the column). Faker's generator of the locale is seeded
with 64 bits of the column's own stream before each value, so order, range and number of workers change nothing. A
unique value ends in (or is) a number that a keyed permutation assigns to product i, as for product codes: no two values
are equal, and no set of used values is needed. Faker takes 10 to 70 microseconds a value; a pool is made once.

A column that repeats an attribute has the name of its value, or a number or date within the range of the value.

The library functions that can be called are fixed here; a spec names one of them and can reach no other. E-mail
addresses end in `.example` and EANs begin with a 2 (numbers for use inside a shop). A name, an address or a telephone
number is random and may exist by coincidence.
"""

import datetime
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from generator.sampling.arrow_columns import dictionary_column
from generator.sampling.codes import product_codes
from generator.sampling.products import compile_catalog, family_start, sample_kinds, sample_values
from generator.sampling.streams import Index, bits, integers, uniform
from schemas.catalog import EAN_DIGITS, MISSING_LABEL, CatalogSpec, ExtraColumn, column_dtype, range_steps
from schemas.errors import ToileError, suggest
from schemas.markets import MARKETS
from schemas.product import append_columns

_KINDS = ("address", "color", "company", "internet", "job", "lorem", "misc", "person", "phone_number")
"""The parts of Faker that the providers need; a generator with all parts takes five times as long to build."""
_DAYS = 3 * 365
_MOST_TRIES = 50
"""Tries for each value of a pool; a provider that gives no new value in that many tries has too few."""
_SPREAD = 0x5DEECE66D1234567 | 1
"""Odd, so that multiplication permutes the 60-bit numbers."""

Maker = Callable[[Any, datetime.date], str]


def _date(fake: Any, today: datetime.date) -> str:
    """Return a day of the three years before the catalog's; Faker's own dates depend on the clock."""
    return (today - datetime.timedelta(days=fake.random.randrange(_DAYS))).isoformat()


def _state(fake: Any, today: datetime.date) -> str:
    return str(fake.state() if hasattr(fake, "state") else fake.prefecture())


def _street_address(fake: Any, today: datetime.date) -> str:
    """Return the address in one line; Japan numbers blocks, and Faker's street names for it are half English."""
    if hasattr(fake, "chome"):
        return f"{fake.town()}{fake.chome()}{fake.ban()}{fake.gou()}"
    return ", ".join(fake.street_address().splitlines())


MAKERS: dict[str, Maker] = {
    "color_name": lambda fake, today: fake.color_name(),
    "company": lambda fake, today: fake.company(),
    "country": lambda fake, today: fake.country(),
    "city": lambda fake, today: fake.city(),
    "date": _date,
    "ean13": lambda fake, today: ean13(fake.random.randrange(10**EAN_DIGITS)),
    "email": lambda fake, today: f"{fake.user_name()}@{fake.domain_word()}.example",
    "first_name": lambda fake, today: fake.first_name(),
    "job": lambda fake, today: fake.job(),
    "last_name": lambda fake, today: fake.last_name(),
    "name": lambda fake, today: fake.name(),
    "paragraph": lambda fake, today: fake.paragraph(),
    "phone_number": lambda fake, today: fake.phone_number(),
    "postcode": lambda fake, today: fake.postcode(),
    "sentence": lambda fake, today: fake.sentence(),
    "state": _state,
    "street_address": _street_address,
    "user_name": lambda fake, today: fake.user_name(),
    "uuid4": lambda fake, today: fake.uuid4(),
    "word": lambda fake, today: fake.word(),
}
"""Provider -> function that makes one value with a freshly seeded generator."""


def check_extra_columns(spec: CatalogSpec, where: str = "catalog") -> None:
    """Raise ToileError for a locale that Faker lacks or that lacks the provider, and for a pool that is too large."""
    for name, column in spec.extra.items():
        if column.provider is None:
            continue
        _find_generator(name, column, _locale(spec, column), where)
        _today(spec, where)
        if column.pool is not None:
            _pool(spec, name, 0, where)


def add_extra_columns(table: pa.Table, spec: CatalogSpec, seed: int, index_N: Index) -> pa.Table:
    """Append the spec's extra columns to the rows of these product numbers; a spec without any returns the table.

    The features that `datasets` reads from the file include them.
    """
    if not spec.extra:
        return table
    repeated = any(column.attribute is not None for column in spec.extra.values())
    chosen = _sample_attributes(spec, seed, index_N) if repeated else {}
    columns = {
        name: pa.array(_column_values(spec, name, seed, index_N), pa.string())
        if column.attribute is None
        else _repeat_attribute(spec, name, seed, index_N, chosen[column.attribute])
        for name, column in spec.extra.items()
    }
    return append_columns(table, columns, {name: column_dtype(column) for name, column in spec.extra.items()})


def _sample_attributes(spec: CatalogSpec, seed: int, index_N: Index) -> dict[str, Index]:
    """Return, by attribute, the value number of each product; the number after the last means that it has none."""
    catalog, design_N = compile_catalog(spec), family_start(spec, seed, index_N)
    return sample_values(catalog, seed, index_N, design_N, sample_kinds(catalog, seed, design_N))


def _repeat_attribute(spec: CatalogSpec, name: str, seed: int, index_N: Index, value_N: Index) -> pa.Array:
    """Return the column that says what the attribute's values of these products say."""
    column = spec.extra[name]
    assert column.attribute is not None
    values = list(spec.attributes[column.attribute].values)
    if column.type == "text":
        texts = (*(None if value == MISSING_LABEL else value for value in values), None)
        return dictionary_column(texts, value_N).dictionary_decode()
    steps = [range_steps(column, value) if value in column.ranges else (0, -1) for value in values]
    first_V, last_V = np.array([*steps, (0, -1)]).T  # where nothing is between the bounds, the value is missing
    num_V = last_V - first_V + 1
    key_N = family_start(spec, seed, index_N) if column.per == "design" else index_N
    step_N = first_V[value_N] + (uniform(seed, f"extra/{name}", key_N) * num_V[value_N]).astype(np.int64)
    missing_N = num_V[value_N] == 0
    if column.type == "date":
        return pa.array(step_N.astype("datetime64[D]"), pa.date32(), mask=missing_N)
    numbers_N = step_N / 10**column.decimals if column.decimals else step_N
    return pa.array(numbers_N, mask=missing_N)


def ean13(number: int) -> str:
    """Return 2, eleven digits and the check digit (weights 1, 3, 1, ... to ten; GS1 General Specifications)."""
    digits = f"2{number:0{EAN_DIGITS}d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _column_values(spec: CatalogSpec, name: str, seed: int, index_N: Index) -> list[str]:
    column = spec.extra[name]
    key_N = family_start(spec, seed, index_N) if column.per == "design" else index_N
    if column.pool is not None:
        pool = _pool(spec, name, seed, "catalog")
        return [pool[k] for k in (bits(seed, f"extra/{name}/pool", key_N) % np.uint64(column.pool)).tolist()]
    values = _make_values(spec, name, bits(seed, f"extra/{name}", key_N).tolist())
    if not column.unique or column.provider is None:
        return values
    own_seed = int(integers(seed, f"extra/{name}/unique", np.zeros(1, np.int64))[0])
    codes = product_codes(spec.name, own_seed, index_N, spec.code_digits).tolist()
    return [_with_code(column.provider, value, code) for value, code in zip(values, codes, strict=True)]


def _make_values(spec: CatalogSpec, name: str, seeds: list[int], where: str = "catalog") -> list[str]:
    """Make one value for each seed."""
    column = spec.extra[name]
    assert column.provider is not None
    fake, make = _find_generator(name, column, _locale(spec, column), where), MAKERS[column.provider]
    today = _today(spec, where)
    values = []
    for each in seeds:
        fake.random.seed(each)
        values.append(make(fake, today))
    return values


@functools.lru_cache(maxsize=64)
def _pool(spec: CatalogSpec, name: str, seed: int, where: str) -> tuple[str, ...]:
    """Return the first unique values of the column's stream."""
    size = spec.extra[name].pool
    assert size is not None
    found: dict[str, None] = {}
    tried = 0
    while len(found) < size:
        numbers = np.arange(tried, tried + size)
        found |= dict.fromkeys(_make_values(spec, name, bits(seed, f"extra/{name}/value", numbers).tolist(), where))
        tried += size
        if tried > _MOST_TRIES * size:
            problem = f"{tried} tries gave only {len(found)} different values, not {size}"
            raise ToileError(f"{where}: extra.{name}.pool", problem, f"a pool of {len(found)}, or another provider")
    return tuple(found)[:size]


def _with_code(provider: str, value: str, code: int) -> str:
    """Return the value with the product's number in it, in a form that its provider allows."""
    match provider:
        case "email":
            user, _, host = value.partition("@")
            return f"{user}.{code}@{host}"
        case "user_name":
            return f"{value}{code}"
        case "phone_number":
            return f"{value} x{code}"
        case "ean13":
            return ean13(code)
        case "uuid4":
            digits = f"{code * _SPREAD % 2**60:015x}"
            return f"{value[:20]}{digits[:3]}-{digits[3:]}"
    return f"{value} {code}"


def _locale(spec: CatalogSpec, column: ExtraColumn) -> str:
    return column.locale or MARKETS[spec.shop.market or "US"].locale


def _today(spec: CatalogSpec, where: str) -> datetime.date:
    day = spec.shop.competence_date
    try:
        return datetime.date.fromisoformat(day)
    except ValueError as error:
        raise ToileError(
            f"{where}: shop.competence_date", f"{day} is not a date", "write a date such as 2026-10-01"
        ) from error


def _find_generator(name: str, column: ExtraColumn, locale: str, where: str) -> Any:
    """Return the generator of the locale, or raise ToileError."""
    from faker.config import AVAILABLE_LOCALES

    if locale not in AVAILABLE_LOCALES:
        at = f"{where}: extra.{name}.locale"
        raise ToileError(at, f"Faker has no locale {locale!r}", suggest(locale, AVAILABLE_LOCALES))
    fake = _generator(locale)
    if column.provider == "state" and not (hasattr(fake, "state") or hasattr(fake, "prefecture")):
        at = f"{where}: extra.{name}.provider"
        raise ToileError(at, f"{locale} has no states", "choose city or country, or another locale")
    return fake


@functools.lru_cache(maxsize=16)
def _generator(locale: str) -> Any:
    """Return Faker's generator of a locale, with its own random numbers."""
    from faker import Factory  # here, because most catalogs have no extra columns

    fake = Factory.create(locale, [f"faker.providers.{kind}" for kind in _KINDS])
    fake.seed_instance(0)
    return fake
