"""Titles as they go wrong on their way: misread bytes, other directions of writing, emoji, far too many words, slips.

Each function takes a title and draws of its row, and returns another title with the name of the form it chose.
"""

import unicodedata
from collections.abc import Callable

from generator.render.engine.variation import Variation

Spoiled = tuple[str, str]
"""The new title and the form of the fault."""

LONG = (500, 5000)
"""Characters of a very long title."""
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
"""What one visible sign can consist of (Unicode Technical Standard 51, section 1.4)."""
_SEASONS = ("Winter", "Spring", "Summer", "Autumn")


def mojibake(title: str, draws: Variation) -> Spoiled:
    """UTF-8 read as Windows-1252, or a letter lost to U+FFFD.

    A title of plain ASCII survives that, so it first gets what people type without seeing it: a no-break space, an
    accent, a trade-mark sign.
    """
    vowels = [place for place, letter in enumerate(title) if letter in "aeiouAEIOU"]
    forms = ["sign"] if title.isascii() else ["as it is"]
    forms += ["no-break space"] * (" " in title) + ["accent", "replacement character"] * bool(vowels)
    form = draws.choice("form", forms)
    place = draws.choice("place", vowels or [0])
    match form:
        case "replacement character":
            return title[:place] + "\ufffd" + title[place + 1 :], form
        case "no-break space":
            title = title.replace(" ", _NO_BREAK_SPACE, 1)
        case "accent":
            title = title[:place] + unicodedata.normalize("NFC", title[place] + _ACUTE) + title[place + 1 :]
        case "sign":
            title += _TRADE_MARK
    return _misread(title), form


def right_to_left(title: str, draws: Variation) -> Spoiled:
    """Hebrew or Arabic ("new") beside the title, or an invisible character that turns the direction of all of it."""
    forms = {
        "arabic": f"{_NEW_IN_ARABIC} {title}",
        "hebrew": f"{title} {_NEW_IN_HEBREW}",
        "mark": f"{_RIGHT_TO_LEFT_MARK}{title}",
        "override": f"{_OVERRIDE}{title}{_POP}",
    }
    form = draws.choice("form", list(forms))
    return forms[form], form


def emoji(title: str, draws: Variation) -> Spoiled:
    """An emoji before or behind the title; half of the kinds need more than one code point."""
    form = draws.choice("form", list(_EMOJI))
    sign = _EMOJI[form]
    return draws.choice("place", [f"{sign} {title}", f"{title} {sign}", f"{sign}{title}{sign}"]), form


def long_title(title: str, draws: Variation) -> Spoiled:
    """The title again and again, up to a length that is equally likely in every order of magnitude of LONG."""
    length = max(round(LONG[0] * (LONG[1] / LONG[0]) ** draws.uniform("length", 0.0, 1.0)), 2 * len(title) + 1)
    return (f"{title} " * (length // (len(title) + 1) + 1))[:length].removesuffix(" "), f"up to {length} characters"


def slipped(title: str, draws: Variation) -> Spoiled:
    """One small slip that leaves the title readable."""
    place = int(draws.uniform("place", 0, max(len(title) - 1, 1)))
    forms = {
        "capitals": title.upper(),
        "small letters": title.lower(),
        "doubled space": title.replace(" ", "  ", 1),
        "swapped letters": title[:place] + title[place + 1 : place + 2] + title[place : place + 1] + title[place + 2 :],
        "dropped letter": title[:place] + title[place + 1 :],
    }
    changed = {form: text for form, text in forms.items() if text.strip() and text != title}
    form = draws.choice("form", list(changed) or ["space behind"])
    return changed.get(form, f"{title} "), form


def of_season(title: str, day: str) -> Spoiled:
    """The title with the season of a day (YYYY-MM-DD, northern half of the world) before it."""
    season = _SEASONS[int(day[5:7]) % 12 // 3]
    return f"{season} {title}", season


SPOILERS: dict[str, Callable[[str, Variation], Spoiled]] = {
    "mojibake": mojibake,
    "right-to-left": right_to_left,
    "emoji": emoji,
    "long-title": long_title,
}


def _misread(title: str) -> str:
    """The UTF-8 bytes as Windows-1252; its five gaps are control characters (WHATWG Encoding Standard, section 9)."""
    raw = (bytes([byte]) for byte in title.encode())
    return "".join(byte.decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else "cp1252") for byte in raw)
