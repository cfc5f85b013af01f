"""A price as people of a market write it: 1.290,00 before its euro sign, 1,29,999 behind its rupee sign.

Rows and answers hold plain numbers; this is for tables and pictures, for people. The forms are those of the Unicode
CLDR, by way of Babel; whether a whole price shows its two zeros is the market's habit.
"""

from babel import Locale
from babel.numbers import format_currency

from schemas.markets import MARKETS

_WIDE_YEN, _YEN = "\uffe5", "\u00a5"


def price_text(price: float, currency: str, market: str | None = None) -> str:
    """The price with its currency sign, cents where it has any; without a market in the American form."""
    habits = MARKETS[market or "US"]
    pattern: str = Locale.parse(habits.locale).currency_formats["standard"].pattern
    if price == int(price) and not habits.writes_zero_cents:
        text = format_currency(price, currency, pattern.replace(".00", ""), locale=habits.locale, currency_digits=False)
    else:
        text = format_currency(price, currency, pattern, locale=habits.locale)
    return str(text).replace(_WIDE_YEN, _YEN)  # the wide sign is in few fonts
