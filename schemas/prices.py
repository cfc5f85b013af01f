"""Read prices as people write them: which mark is the decimal one in a whole column, then the number and its currency.

    decimal = find_decimal(["890", "1.290", "2.150"])      # ","
    read_price("From EUR 1.290 *", decimal)                # Price(value=1290.0, currency="EUR")

A lone `1.290` can be both 1.29 and 1290, so `find_decimal` looks at all values of a column. A value that fits one
reading only (`1.290,00`, `89.90`) is read that way, whatever the rest of its column says.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


def _names(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


CURRENCY_SIGNS = {
    "€": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "£": "GBP",
    "pound": "GBP",
    "pounds": "GBP",
    "$": "USD",
    "us$": "USD",
    "$us": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "c$": "CAD",
    "ca$": "CAD",
    "a$": "AUD",
    "au$": "AUD",
    "nz$": "NZD",
    "hk$": "HKD",
    "s$": "SGD",
    "nt$": "TWD",
    "mx$": "MXN",
    "r$": "BRL",
    "¥": "JPY",
    "円": "JPY",
    "yen": "JPY",
    "cn¥": "CNY",
    "rmb": "CNY",
    "元": "CNY",
    "₹": "INR",
    "rs": "INR",
    "rupee": "INR",
    "rupees": "INR",
    "₽": "RUB",
    "руб": "RUB",
    "р": "RUB",
    "рублей": "RUB",
    "₩": "KRW",
    "원": "KRW",
    "₺": "TRY",
    "tl": "TRY",
    "₴": "UAH",
    "грн": "UAH",
    "₪": "ILS",
    "₫": "VND",
    "đ": "VND",
    "฿": "THB",
    "₱": "PHP",
    "₦": "NGN",
    "₸": "KZT",
    "zł": "PLN",
    "zl": "PLN",
    "kč": "CZK",
    "ft": "HUF",
    "lei": "RON",
    "лв": "BGN",
    "fr": "CHF",
    "sfr": "CHF",
    "dhs": "AED",
    "rm": "MYR",
    "rp": "IDR",
    "r": "ZAR",
    "s/": "PEN",
}
"""What stands beside a price, in lower case and without its full stop -> the currency it means."""
CURRENCY_CODES = frozenset(
    _names(
        """
    AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GEL HKD HUF IDR ILS INR IQD ISK JOD JPY
    KES KRW KWD KZT LKR LYD MAD MXN MYR NGN NOK NPR NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND
    TRY TWD UAH USD UYU UZS VND ZAR
    """
    )
)
THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies whose smallest unit is a thousandth: `1.290` has decimals there."""
NO_DECIMALS = frozenset(
    _names(
        """
    BIF CLP COP DJF GNF HUF IDR IRR ISK JPY KHR KMF KRW LAK LBP MMK PYG RWF TZS UGX UZS VND VUV XAF XOF XPF
    """
    )
)
"""Currencies whose prices are whole numbers: a lone `12.990` is 12990 there."""
EUR_RATES: dict[str, float] = {
    code: float(rate)
    for code, rate in (
        each.split("=")
        for each in _names(
            """
    AED=.25 ALL=.0101 AMD=.0024 ARS=.0009 AUD=.59 AZN=.54 BAM=.511 BDT=.0076 BGN=.511 BHD=2.45 BND=.69 BOB=.135
    BRL=.16 BWP=.068 BYN=.28 CAD=.66 CHF=1.06 CLP=.00096 CNY=.128 COP=.00022 CRC=.0018 CZK=.04 DKK=.134 DOP=.015
    DZD=.0069 EGP=.0185 ETB=.007 EUR=1 FJD=.39 GBP=1.16 GEL=.33 GHS=.08 GTQ=.12 HKD=.118 HUF=.0025 IDR=.000056 ILS=.25
    INR=.0105 IQD=.0007 IRR=.000022 ISK=.0069 JMD=.0058 JOD=1.3 JPY=.0061 KES=.0071 KGS=.0106 KHR=.00023 KRW=.00063
    KWD=3 KZT=.0018 LAK=.000043 LBP=.00001 LKR=.0031 LYD=.17 MAD=.095 MDL=.051 MKD=.0163 MMK=.00044 MNT=.00026 MOP=.115
    MUR=.02 MVR=.06 MXN=.047 MYR=.21 NAD=.049 NGN=.0006 NOK=.085 NPR=.0066 NZD=.53 OMR=2.4 PEN=.25 PHP=.016 PKR=.0033
    PLN=.235 PYG=.00012 QAR=.25 RON=.2 RSD=.0085 RUB=.0105 RWF=.00064 SAR=.245 SEK=.09 SGD=.69 THB=.027 TJS=.09 TMT=.26
    TND=.3 TRY=.023 TTD=.137 TWD=.029 TZS=.00035 UAH=.022 UGX=.00025 USD=.92251 UYU=.022 UZS=.000073 VND=.000035
    XAF=.0015 XOF=.0015 XPF=.0084 ZAR=.049 ZMW=.037
    """
        )
    )
}
"""Euros for one unit of a currency: round figures of about 2025, not the exchange rates of any day."""
DECIMALS = (".", ",")
_MOST_CHARS = 200
"""A longer text is no price."""
_SCIENTIFIC = re.compile(r"[-+]?\d+(?:\.\d+)?[eE][-+]?\d+")
_DIGITS = re.compile(r"(?:(?<![\w.,])\.)?\d+(?:[ '.,]\d+)*")
_RANGE = re.compile(r"(?:-|~|to|bis|a|à|до|al)", re.IGNORECASE)
_ENDING = re.compile(r"^[.,:](?:-+|(?=\s|$))-*")
"""What follows a whole number in `1290.-`, `49,--` and `290:-`."""
_LETTER = r"[^\W\d_]"
_CURRENCY = "|".join(
    (rf"(?<!{_LETTER})" if name[0].isalpha() else "")
    + re.escape(name).replace(r"\$", r" ?\$")
    + (rf"(?!{_LETTER})" if name[-1].isalpha() else "")
    for name in sorted({*CURRENCY_SIGNS, *map(str.lower, CURRENCY_CODES)}, key=len, reverse=True)
)
_BEFORE = re.compile(rf"(?P<currency>{_CURRENCY})(?: ?[$£¥€])?\.?[\s:-]*$", re.IGNORECASE)
_AFTER = re.compile(rf"[\s/-]*(?P<currency>{_CURRENCY})", re.IGNORECASE)
_WORDS = frozenset(
    _names(
        """
    from ab ca da de des desde dès partir à du le la von an now only just at as low starting start price prices
    was sale regular special list retail full original our your final current offer each per pair piece pieces
    item stück unit pc pcs set pack incl inkl excl exkl including plus vat mwst ust tax taxes ttc ht iva inc ex
    gst of all mrp rrp msrp uvp statt nur jetzt preis prix prezzo precio от цена за approx circa about around +
    and und tva shipping off save deal kr jusqu'à solo desconto por к
    """
    )
)
"""Words that say nothing about the number beside them."""
_APOSTROPHES = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u00b4`\u066c"), "'")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\u301c\uff5e"), "-")


@dataclass(frozen=True, slots=True)
class Price:
    """A number and the currency that stands beside it."""

    value: float
    """It may be negative or 0, as written."""
    currency: str | None


class NotAPriceError(ValueError):
    """The text names no price, or several."""


def find_decimal(texts: Iterable[str], currency: str | None = None) -> str:
    """Return the decimal mark of a column of prices, `.` or `,`.

    Values that fit only one reading decide by their number. Without any, a mark that always stands before three digits
    separates thousands, except in currencies with three decimals.
    """
    votes = {".": 0, ",": 0}
    ambiguous = {".": 0, ",": 0}
    for text in texts:
        for found in _DIGITS.findall(_normalize(text[:_MOST_CHARS])):
            mark, certain = _decimal_of(found)
            if mark is not None:
                (votes if certain else ambiguous)[mark] += 1
    if votes["."] != votes[","]:
        return max(votes, key=lambda mark: votes[mark])
    if votes["."] == 0 and any(ambiguous.values()):
        lone = max(ambiguous, key=lambda mark: ambiguous[mark])
        return lone if currency in THREE_DECIMALS else other_mark(lone)
    return "."


def read_price(text: str, decimal: str = ".") -> Price:
    """Return the price in a text; of a range (`$90 - $120`) the first.

    Args:
        text: A number with marks between thousands, a currency on either side, and words such as "From".
        decimal: The decimal mark of its column, for a number that has two readings.

    Raises:
        NotAPriceError: There is no number, several that are no range, or words that are not about prices.
    """
    if len(text) > _MOST_CHARS:
        raise NotAPriceError("is not a number")
    plain = _normalize(text)
    if _SCIENTIFIC.fullmatch(plain):
        return Price(float(plain), None)
    numbers = [each for each in _DIGITS.finditer(plain) if not re.match(r"\s*%", plain[each.end() :])]
    if not numbers:
        raise NotAPriceError("is not a number")
    first, last = numbers[0], numbers[0]
    for following in numbers[1:]:
        between = plain[last.end() : following.start()]
        if not _joins_range(between):
            first = last = _only_with_currency(plain, numbers)
            break
        last = following
    before, after = plain[: first.start()], plain[first.end() :]
    after = _ENDING.sub(" ", after)
    currency = _currency_beside(before, after) or _currency_beside("", plain[last.end() :])
    if currency is None:
        _check_words(before, plain[last.end() :])
    negative = bool(re.search(r"-\s*[^\w\s]?\s*$", before)) or bool(re.search(r"\(\W*$", before) and ")" in after[:6])
    mark, certain = _decimal_of(first[0])
    if mark is not None and not certain and currency in NO_DECIMALS:
        decimal = other_mark(mark)
    value = read_number(first[0], decimal)
    return Price(-value if negative and value else value, currency)


def read_number(digits: str, decimal: str = ".") -> float:
    """Return the value of digits with marks between them; `decimal` decides where there are two readings.

    Raises:
        NotAPriceError: The marks neither group thousands nor begin decimals.
    """
    compact = re.sub(r"[\s']", "", digits)
    mark, certain = _decimal_of(digits)
    if mark is not None and not certain:
        mark = decimal
    if mark is None:
        whole, part = compact, ""
    else:
        whole, _, part = compact.rpartition(mark) if mark in compact else (compact, "", "")
    if not re.fullmatch(
        r"\d*|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})*,\d{3}", whole
    ) or not re.fullmatch(r"\d*", part):
        raise NotAPriceError("has marks that neither group thousands nor begin decimals")
    value = float(re.sub(r"[.,]", "", whole or "0") + ("." + part if part else ""))
    if not math.isfinite(value):
        raise NotAPriceError("is too large")
    return value


def find_currency(text: str) -> str | None:
    """Return the currency that a code, sign or word names (`usd`, `$`, `Euro`), None for any other text."""
    word = _normalize(text).rstrip(".").replace(" ", "").lower()
    return word.upper() if word.upper() in CURRENCY_CODES else CURRENCY_SIGNS.get(word)


def _normalize(text: str) -> str:
    """Return the text with ASCII digits, one kind of space, dash and apostrophe."""
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).translate(_DASHES).replace("\u066b", ".")
    digits = {ord(each): str(unicodedata.decimal(each)) for each in set(text) if each.isdecimal() and each > "9"}
    return " ".join(text.translate(digits).split())


def _decimal_of(digits: str) -> tuple[str | None, bool]:
    """Return the mark that begins the decimals and whether that is certain; (None, True) for a number without marks."""
    digits = re.sub(r"[\s']", "", digits)
    marks = [each for each in digits if not each.isdecimal()]
    if not marks:
        return None, True
    last, kinds = marks[-1], set(marks)
    if len(kinds) == 2:
        return (last if marks.count(last) == 1 else other_mark(last)), True
    if len(marks) > 1:
        return other_mark(last), True  # it occurs twice, so it separates thousands
    whole, _, part = digits.partition(last)
    if len(part) == 3 and len(whole) <= 3 and not whole.startswith("0"):
        return last, False
    return last, True


def other_mark(mark: str) -> str:
    """Return the comma for the point, and the point for the comma."""
    return "," if mark == "." else "."


def _joins_range(between: str) -> bool:
    """Return whether the text between two numbers makes them a range; a currency is allowed on both sides."""
    words = [word for word in re.findall(r"[-~]|[^\s~-]+", between) if not find_currency(word)]
    return len(words) == 1 and bool(_RANGE.fullmatch(words[0]))


def _only_with_currency(plain: str, numbers: list[re.Match[str]]) -> re.Match[str]:
    """Return the one number of a text that has a currency beside it."""
    priced = [each for each in numbers if _currency_beside(plain[: each.start()], plain[each.end() :])]
    if len(priced) != 1:
        raise NotAPriceError("names several numbers")
    return priced[0]


def _currency_beside(before: str, after: str) -> str | None:
    """Return the currency that ends the text before a number, or begins the one after it."""
    found = [match for match in (_AFTER.match(after), _BEFORE.search(before)) if match]
    if len(found) == 2 and found[0]["currency"].upper() not in CURRENCY_CODES:
        found.reverse()  # `$45 CAD` are Canadian dollars, of `CA$45 $` the first counts
    return find_currency(found[0]["currency"]) if found else None


def _check_words(*parts: str) -> None:
    """Raise NotAPriceError for words that are not about prices: `Size 42` is none."""
    for part in parts:
        for word in re.findall(r"[\w']+", part):
            if word.lower() not in _WORDS and not find_currency(word) and not word.isdecimal():
                raise NotAPriceError("is not a number")
        if any(unicodedata.category(each) == "Sc" for each in part):
            raise NotAPriceError("has an unknown currency")
