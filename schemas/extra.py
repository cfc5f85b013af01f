"""Extra columns of a catalog: names, companies, places and the like, as a spec asks for them.

Only the providers listed here exist; a spec can name no other function of the library that makes the values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.validation import schema

PROVIDERS = (
    *("color_name", "company", "country", "city", "date", "ean13", "email", "first_name", "job", "last_name", "name"),
    *("paragraph", "phone_number", "postcode", "sentence", "state", "street_address", "user_name", "uuid4", "word"),
)
CAN_BE_UNIQUE = ("company", "ean13", "email", "name", "phone_number", "user_name", "uuid4")
"""Providers whose values can carry the number that makes them unique and still look like what they are."""
EAN_DIGITS = 11
"""An EAN-13 is a 2 (numbers for use inside a shop), these digits, and a check digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraColumn:
    """One more column of text."""

    provider: str
    """What kind of text; one of PROVIDERS."""
    locale: str | None = None
    """Language and country, as in de_DE; by default the market's, or en_US."""
    per: str = "product"
    """`product` or `design`: whether the colourways of a design share the value."""
    pool: int | None = None
    """Draw from this many different values, as a shop has so many suppliers; None for a value of its own each time."""
    unique: bool = False
    """No two products have the same value."""


def extra_complaints(extra: Mapping[str, ExtraColumn], code_digits: int) -> Iterator[tuple[list[object], str, str]]:
    """Path inside the spec, problem and hint for everything about the columns that a JSON Schema cannot say."""
    for name, column in extra.items():
        at: list[object] = ["extra", name]
        if name in schema("product")["properties"]:
            yield at, f"{name!r} is a column of every catalog", f"choose another name, such as 'own_{name}'"
        if not column.unique:
            continue
        if column.provider not in CAN_BE_UNIQUE:
            problem = f"{column.provider!r} cannot be unique"
            yield [*at, "unique"], problem, f"these can: {', '.join(CAN_BE_UNIQUE)}"
        if column.pool is not None:
            yield [*at, "unique"], f"a pool of {column.pool} values repeats them", "leave out `unique` or `pool`"
        if column.per == "design":
            yield [*at, "unique"], "the products of a design share the value", "leave out `unique` or `per`"
        if column.provider == "ean13" and code_digits > EAN_DIGITS:
            problem = f"an EAN-13 has room for {EAN_DIGITS} digits, not {code_digits}"
            yield [*at, "unique"], problem, f"code_digits of at most {EAN_DIGITS}, or leave out `unique`"
