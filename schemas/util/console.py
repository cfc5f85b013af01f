"""Text of other people's data on a terminal: control characters are shown as codes, never obeyed."""

import re

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""All but the line feed: escape sequences begin with one, and marks of direction turn what follows around."""


def plain(text: str) -> str:
    r"""The text as one may print it.

    >>> plain("COATS\x1b[2J")
    'COATS\\x1b[2J'
    """
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)
