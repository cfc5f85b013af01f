"""Which tokens may come next when an answer must have the form of `schemas.answer.render` and end in time.

    Product: TITLE, Category: CATEGORY, Full Price: PRICE

TITLE is free text of one line that starts with neither blank nor comma, CATEGORY one of a closed set, PRICE a decimal
number of at most seven digits and two behind the point, larger than 0. Works on bytes, so any tokenizer whose tokens
are pieces of UTF-8 will do: a token is allowed when what is written plus the token can still become such an answer
within the tokens that are left. Nothing here knows about tensors.
"""

import codecs
import contextlib
import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.errors import ToileError

_HEAD = b"Product:"
_CLOSING = b", Category:"
_TAIL = ", Full Price:"
_PRICE = re.compile(rb" (?:0|[1-9][0-9]{0,6})\.[0-9]{1,2}")
_PRICE_TOKENS = 14
"""A blank, seven digits, a point, two digits and the end, with some to spare; the longest price must never be cut."""
_CHARACTER_TOKENS = 3
"""Tokens that complete a character whose first byte is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far an answer has come."""

    stage: str
    """head, title, category, price or done."""
    rest: tuple[bytes, ...] = ()
    """In head and category: what may still be written of this stage."""
    title_begun: int = 0
    """0 before the blank, 1 behind it, 2 when the title holds a character."""
    matched: int = 0
    """How many bytes of `, Category:` end what is written of the title."""
    pending: bytes = b""
    """The bytes of an unfinished character of the title."""
    price: bytes = b""


class Grammar:
    """The form for one closed set and one vocabulary.

    `pieces` are the bytes of every token that may be used, by id; `first` is how the tokenizer begins a text (with a
    blank or without). Raises ToileError where `max_tokens` cannot hold the longest answer with a title of one word.
    """

    def __init__(
        self, pieces: Mapping[int, bytes], categories: Sequence[str], *, first: bytes, end: int, max_tokens: int
    ) -> None:
        self.end = end
        self.max_tokens = max_tokens
        self._ids: dict[bytes, int] = {}
        for token, piece in pieces.items():
            self._ids.setdefault(piece, token)
        self._pieces = {token: piece for piece, token in self._ids.items()}
        self._longest = max(map(len, self._ids))
        self._numeric = {token: piece for token, piece in self._pieces.items() if re.fullmatch(rb" ?[0-9.]*", piece)}
        self._categories = tuple(f" {category}{_TAIL}".encode() for category in categories)
        self._cost = functools.cache(self._fewest_tokens)
        self._title_tokens = functools.cache(self._tokens_of_title)
        self.start = State(stage="head", rest=(first + _HEAD,))
        closing = max(self._cost(_CLOSING[matched:]) for matched in range(len(_CLOSING)))
        self._after_title = closing + max(map(self._cost, self._categories)) + _PRICE_TOKENS
        self._title_and_after = 2 * _CHARACTER_TOKENS + self._after_title
        least = self._cost(first + _HEAD) + self._title_and_after
        if least > max_tokens:
            raise ToileError(
                "max_new_tokens",
                f"is {max_tokens}, but an answer in the training form takes up to {least}",
                f"allow at least {least}",
            )

    def allowed(self, state: State, written: int) -> tuple[int, ...]:
        """The ids that may follow after `written` tokens; never empty."""
        left = self.max_tokens - written
        match state.stage:
            case "head":
                return self._tokens_of(state.rest, left - self._title_and_after)
            case "title" if left > self._title_and_after:
                return self._title_tokens(state.title_begun, state.matched, state.pending)
            case "title":
                return self._closing_tokens(state)
            case "category":
                return self._tokens_of(state.rest, left - _PRICE_TOKENS)
            case "price":
                return self._tokens_of_price(state.price)
        return (self.end,)

    def advance(self, state: State, token: int) -> State:
        """The state after a token that was allowed."""
        if state.stage == "done" or token == self.end:
            return State(stage="done")
        piece = self._pieces[token]
        if state.stage == "price":
            return replace(state, price=state.price + piece)
        if state.stage == "title":
            after = self._title_after(state, piece)
            assert after is not None, (state, piece)
            return after
        rest = tuple(one[len(piece) :] for one in state.rest if one.startswith(piece))
        if rest != (b"",):
            return replace(state, rest=rest)
        return State(stage="title" if state.stage == "head" else "price")

    def _tokens_of(self, rests: Iterable[bytes], room: int) -> tuple[int, ...]:
        """Ids that begin one of `rests` and leave so much of it that the whole fits into `room` tokens."""
        found: dict[int, None] = {}
        for rest in rests:
            for length in range(1, min(self._longest, len(rest)) + 1):
                token = self._ids.get(rest[:length])
                if token is not None and 1 + self._cost(rest[length:]) <= room:
                    found[token] = None
        return tuple(found)

    def _fewest_tokens(self, text: bytes) -> int:
        """How many tokens spell `text` at the least."""
        costs = [0] * (len(text) + 1)
        for start in reversed(range(len(text))):
            ends = range(start + 1, min(start + self._longest, len(text)) + 1)
            costs[start] = 1 + min((costs[end] for end in ends if text[start:end] in self._ids), default=len(text) ** 2)
        return costs[0]

    def _tokens_of_title(self, begun: int, matched: int, pending: bytes) -> tuple[int, ...]:
        state = State(stage="title", title_begun=begun, matched=matched, pending=pending)
        return tuple(token for token, piece in self._pieces.items() if self._title_after(state, piece) is not None)

    def _title_after(self, state: State, piece: bytes) -> State | None:
        """The title with a piece more, the category where that ends it; None where it cannot follow."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(state.pending + piece)
        except UnicodeDecodeError:
            return None
        begun, matched = state.title_begun, state.matched
        for place, character in enumerate(text):
            if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
                return None
            if begun < 2:
                if character != " " if begun == 0 else character.isspace() or character == ",":
                    return None
                begun += 1
                continue
            matched = _matched(matched, character)
            if matched == len(_CLOSING):
                ended = place + 1 == len(text) and not decoder.getstate()[0]
                return State(stage="category", rest=self._categories) if ended else None
        pending = decoder.getstate()[0]
        if pending and (begun == 0 or not _can_be_finished(pending)):
            return None
        return State(stage="title", title_begun=begun, matched=matched, pending=pending)

    def _closing_tokens(self, state: State) -> tuple[int, ...]:
        """Room is short: finish the character, or a title that has none yet, and close."""
        if state.title_begun == 2 and not state.pending:
            rest = _CLOSING[state.matched :]
            return self._tokens_of([rest], self._cost(rest))
        tokens = self._title_tokens(state.title_begun, state.matched, state.pending)
        shortest = min(len(self._pieces[token]) for token in tokens)
        return tuple(token for token in tokens if len(self._pieces[token]) == shortest)

    def _tokens_of_price(self, price: bytes) -> tuple[int, ...]:
        found = tuple(token for token, piece in self._numeric.items() if _begins_price(price + piece))
        return (*found, self.end) if _PRICE.fullmatch(price) and float(price) > 0 else found


def _matched(matched: int, character: str) -> int:
    """Length of the longest beginning of `, Category:` that ends in `character`, after `matched` bytes of it."""
    if character.encode() == _CLOSING[matched : matched + 1]:
        return matched + 1
    return int(character.encode() == _CLOSING[:1])


@functools.cache
def _can_be_finished(pending: bytes) -> bool:
    """Whether a character starts with these bytes: an incremental decoder waits for the rest of a surrogate too."""
    for ending in (b"\x80", b"\xbf"):
        for length in (1, 2, 3):
            with contextlib.suppress(UnicodeDecodeError):
                return len((pending + ending * length).decode()) == 1
    return False


def _begins_price(text: bytes) -> bool:
    """Whether some price starts with this text."""
    endings = (b"", b" 1.1", b"1.1", b".1", b"1")
    return any(_PRICE.fullmatch(text + ending) and float(text + ending) > 0 for ending in endings)
