"""Extra columns of a spec: names, companies, places, seeded per product, from Faker.

Value i of a column is a pure function of (spec, seed, i, name of the column): the generator of the locale is seeded
with 64 bits of that column's own stream before every value, so order, range and number of workers change nothing. A
unique value ends in (or consists of) a number that a keyed permutation gives to product i, as for product codes: no two
are alike, and nobody has to remember which were used. Faker takes 10 to 70 microseconds a value; a pool is made once.

Which library functions can be called is fixed here; a spec names one of them and can reach no other. E-mail addresses
end in `.example` and EANs begin with a 2 (numbers for use inside a shop); a name, an address or a telephone number is
put together at random and may exist by chance.
"""

import datetime
import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from generator.sampling.codes import product_codes
from generator.sampling.products import family_start
from generator.sampling.streams import Index, bits, integers
from schemas.catalog import EAN_DIGITS, CatalogSpec, ExtraColumn
from schemas.errors import ToileError, suggest
from schemas.markets import MARKETS
from schemas.product import features_with

_KINDS = ("address", "color", "company", "internet", "job", "lorem", "misc", "person", "phone_number")
"""Those parts of Faker that the providers need; building a generator of all would take five times as long."""
_DAYS = 3 * 365
_MOST_TRIES = 50
"""For each value of a pool: a provider that gives no new one in that many tries has too few."""
_SPREAD = 0x5DEECE66D1234567 | 1
"""Odd, so multiplying by it maps the 60-bit numbers one to one onto themselves."""

Maker = Callable[[Any, datetime.date], str]


def _date(fake: Any, today: datetime.date) -> str:
    """A day of the three years before the catalog's; Faker's own dates hang on the clock."""
    return (today - datetime.timedelta(days=fake.random.randrange(_DAYS))).isoformat()


def _state(fake: Any, today: datetime.date) -> str:
    return str(fake.state() if hasattr(fake, "state") else fake.prefecture())


def _street_address(fake: Any, today: datetime.date) -> str:
    """In one line; Japan numbers blocks, and Faker's street names for it are half English."""
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
"""Provider -> how one value is made by a generator that was just seeded."""


def check_extra_columns(spec: CatalogSpec, where: str = "catalog") -> None:
    """Raise a ToileError for a locale that Faker lacks, or that lacks the provider, and for a pool beyond its reach."""
    for name, column in spec.extra.items():
        _checked(name, column, _locale(spec, column), where)
        _today(spec, where)
        if column.pool is not None:
            _pool(spec, name, 0, where)


def add_extra_columns(table: pa.Table, spec: CatalogSpec, seed: int, index_N: Index) -> pa.Table:
    """The rows of these product numbers with the spec's extra columns behind the others; the table itself without any.

    The features that `datasets` reads from the file name them too.
    """
    if not spec.extra:
        return table
    for name in spec.extra:
        table = table.append_column(name, pa.array(_values(spec, name, seed, index_N), pa.string()))
    features = json.dumps({"info": {"features": features_with(spec.extra)}})
    return table.replace_schema_metadata({**(table.schema.metadata or {}), b"huggingface": features.encode()})


def ean13(number: int) -> str:
    """2, eleven digits, and the check digit: weights 1, 3, 1, ... up to the next ten (GS1 General Specifications)."""
    digits = f"2{number:0{EAN_DIGITS}d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _values(spec: CatalogSpec, name: str, seed: int, index_N: Index) -> list[str]:
    column = spec.extra[name]
    key_N = family_start(spec, seed, index_N) if column.per == "design" else index_N
    if column.pool is not None:
        pool = _pool(spec, name, seed, "catalog")
        return [pool[k] for k in (bits(seed, f"extra/{name}/pool", key_N) % np.uint64(column.pool)).tolist()]
    values = _made(spec, name, bits(seed, f"extra/{name}", key_N).tolist())
    if not column.unique:
        return values
    own_seed = int(integers(seed, f"extra/{name}/unique", np.zeros(1, np.int64))[0])
    codes = product_codes(own_seed, index_N, spec.code_digits).tolist()
    return [_with_code(column.provider, value, code) for value, code in zip(values, codes, strict=True)]


def _made(spec: CatalogSpec, name: str, seeds: list[int], where: str = "catalog") -> list[str]:
    """One value for each seed."""
    column = spec.extra[name]
    fake, make = _checked(name, column, _locale(spec, column), where), MAKERS[column.provider]
    today = _today(spec, where)
    values = []
    for each in seeds:
        fake.random.seed(each)
        values.append(make(fake, today))
    return values


@functools.lru_cache(maxsize=64)
def _pool(spec: CatalogSpec, name: str, seed: int, where: str) -> tuple[str, ...]:
    """The first different values of the column's stream."""
    size = spec.extra[name].pool
    assert size is not None
    found: dict[str, None] = {}
    tried = 0
    while len(found) < size:
        numbers = np.arange(tried, tried + size)
        found |= dict.fromkeys(_made(spec, name, bits(seed, f"extra/{name}/value", numbers).tolist(), where))
        tried += size
        if tried > _MOST_TRIES * size:
            problem = f"{tried} tries gave only {len(found)} different values, not {size}"
            raise ToileError(f"{where}: extra.{name}.pool", problem, f"a pool of {len(found)}, or another provider")
    return tuple(found)[:size]


def _with_code(provider: str, value: str, code: int) -> str:
    """The value with the product's number in it, in a way that its kind allows."""
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
        raise ToileError(f"{where}: shop.competence_date", f"{day} is no day", "write a day as 2026-10-01") from error


def _checked(name: str, column: ExtraColumn, locale: str, where: str) -> Any:
    """The generator of the locale, or a ToileError."""
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
    """Faker's generator of a locale, with random numbers of its own."""
    from faker import Factory  # here, so that a catalog without extra columns does without

    fake = Factory.create(locale, [f"faker.providers.{kind}" for kind in _KINDS])
    fake.seed_instance(0)
    return fake
