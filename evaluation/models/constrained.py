"""Constrained decoding: keep every answer in the form of `schemas.answer.render`, and finish it in time.

    Product: TITLE, Category: CATEGORY, Full Price: PRICE

TITLE is one line of free text that starts with neither a blank nor a comma, CATEGORY is one of a closed set, PRICE is a
decimal number of at most seven digits and two decimals, larger than 0. `Grammar` works on bytes: a token is allowed
when the text so far plus the token can still become such an answer within the tokens that are left. `ConstrainedLogits`
masks the logits. Two kinds of tokenizer are supported: byte-level BPE, and SentencePiece BPE with byte fallback.
"""

import codecs
import contextlib
import functools
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation.models.base import AnswerForm
from schemas.errors import ToileError

_HEAD = b"Product:"
_CLOSING = b", Category:"
_TAIL = ", Full Price:"
_PRICE = re.compile(rb" (?:0|[1-9][0-9]{0,6})\.[0-9]{1,2}")
_PRICE_TOKENS = 14
"""A space, seven digits, a point, two digits and the end, with a margin: the longest price must fit."""
_CHARACTER_TOKENS = 3
"""Tokens that complete a character after its first byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The progress of one answer."""

    stage: str
    """head, title, category, price or done."""
    rest: tuple[bytes, ...] = ()
    """In head and category: the possible continuations of this stage."""
    title_phase: int = 0
    """0 before the space, 1 after it, 2 once the title has a character."""
    matched: int = 0
    """Number of bytes of `, Category:` at the end of the title so far."""
    pending: bytes = b""
    """The bytes of an unfinished character of the title."""
    price: bytes = b""


class Grammar:
    """The answer form for one closed set and one vocabulary.

    `pieces` maps token ids to the bytes of every usable token. `first` is how the tokenizer begins a text (with a blank
    or without). Raises ToileError where `max_tokens` cannot hold the longest answer with a title of one word.
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
        """Return the ids that may follow after `written` tokens; never empty."""
        left = self.max_tokens - written
        match state.stage:
            case "head":
                return self._tokens_of(state.rest, left - self._title_and_after)
            case "title" if left > self._title_and_after:
                return self._title_tokens(state.title_phase, state.matched, state.pending)
            case "title":
                return self._closing_tokens(state)
            case "category":
                return self._tokens_of(state.rest, left - _PRICE_TOKENS)
            case "price":
                return self._tokens_of_price(state.price)
        return (self.end,)

    def advance(self, state: State, token: int) -> State:
        """Return the state after an allowed token."""
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
        """Return ids that begin one of `rests` such that the whole rest fits into `room` tokens."""
        found: dict[int, None] = {}
        for rest in rests:
            for length in range(1, min(self._longest, len(rest)) + 1):
                token = self._ids.get(rest[:length])
                if token is not None and 1 + self._cost(rest[length:]) <= room:
                    found[token] = None
        return tuple(found)

    def _fewest_tokens(self, text: bytes) -> int:
        """Return the smallest number of tokens that spell `text`."""
        costs = [0] * (len(text) + 1)
        for start in reversed(range(len(text))):
            ends = range(start + 1, min(start + self._longest, len(text)) + 1)
            costs[start] = 1 + min((costs[end] for end in ends if text[start:end] in self._ids), default=len(text) ** 2)
        return costs[0]

    def _tokens_of_title(self, phase: int, matched: int, pending: bytes) -> tuple[int, ...]:
        state = State(stage="title", title_phase=phase, matched=matched, pending=pending)
        return tuple(token for token, piece in self._pieces.items() if self._title_after(state, piece) is not None)

    def _title_after(self, state: State, piece: bytes) -> State | None:
        """Return the state after one more piece of the title, or the category; None where the piece cannot follow."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(state.pending + piece)
        except UnicodeDecodeError:
            return None
        phase, matched = state.title_phase, state.matched
        for place, character in enumerate(text):
            if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
                return None
            if phase < 2:
                if character != " " if phase == 0 else character.isspace() or character == ",":
                    return None
                phase += 1
                continue
            matched = _advance_match(matched, character)
            if matched == len(_CLOSING):
                ended = place + 1 == len(text) and not decoder.getstate()[0]
                return State(stage="category", rest=self._categories) if ended else None
        pending = decoder.getstate()[0]
        if pending and (phase == 0 or not _is_utf8_prefix(pending)):
            return None
        return State(stage="title", title_phase=phase, matched=matched, pending=pending)

    def _closing_tokens(self, state: State) -> tuple[int, ...]:
        """Return tokens when few tokens are left: finish the character or start an empty title, then close it."""
        if state.title_phase == 2 and not state.pending:
            rest = _CLOSING[state.matched :]
            return self._tokens_of([rest], self._cost(rest))
        tokens = self._title_tokens(state.title_phase, state.matched, state.pending)
        shortest = min(len(self._pieces[token]) for token in tokens)
        return tuple(token for token in tokens if len(self._pieces[token]) == shortest)

    def _tokens_of_price(self, price: bytes) -> tuple[int, ...]:
        found = tuple(token for token, piece in self._numeric.items() if _is_price_prefix(price + piece))
        return (*found, self.end) if _PRICE.fullmatch(price) and float(price) > 0 else found


def _advance_match(matched: int, character: str) -> int:
    """Return the length of the longest prefix of `, Category:` that ends in `character`, after `matched` bytes."""
    if character.encode() == _CLOSING[matched : matched + 1]:
        return matched + 1
    return int(character.encode() == _CLOSING[:1])


@functools.cache
def _is_utf8_prefix(pending: bytes) -> bool:
    """Return whether a character starts with these bytes: an incremental decoder accepts half a surrogate too."""
    for ending in (b"\x80", b"\xbf"):
        for length in (1, 2, 3):
            with contextlib.suppress(UnicodeDecodeError):
                return len((pending + ending * length).decode()) == 1
    return False


def _is_price_prefix(text: bytes) -> bool:
    """Return whether some price starts with this text."""
    endings = (b"", b" 1.1", b"1.1", b".1", b"1")
    return any(_PRICE.fullmatch(text + ending) and float(text + ending) > 0 for ending in endings)


_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_BLANK = "\u2581"
_BYTE_DECODER = re.compile('"ByteLevel"|"ByteFallback"')


def build_grammar(processor: Any, form: AnswerForm, *, end: int, max_tokens: int) -> Grammar:
    """Return the grammar of a form in the tokens of a processor."""
    pieces = token_bytes(processor.tokenizer)
    start = b"".join(pieces[token] for token in processor.encode_plain("x"))
    return Grammar(pieces, form.categories, first=start.removesuffix(b"x"), end=end, max_tokens=max_tokens)


def has_known_bytes(tokenizer: Any) -> bool:
    """Return whether `token_bytes` can read a tokenizer."""
    return hasattr(tokenizer, "backend_tokenizer") and _BYTE_DECODER.search(_decoder(tokenizer)) is not None


def _decoder(tokenizer: Any) -> str:
    return json.dumps(json.loads(tokenizer.backend_tokenizer.to_str())["decoder"])


def token_bytes(tokenizer: Any) -> dict[int, bytes]:
    """Return the bytes of each token without special ones; whole pieces come before bytes that spell the same."""
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = _decoder(tokenizer)
    special = {token["id"] for token in document["added_tokens"]}
    named = {token: name for name, token in tokenizer.get_vocab().items() if name and token not in special}
    if '"ByteLevel"' in kind:
        of_sign = {sign: byte for byte, sign in enumerate(_byte_level_characters())}
        return {token: bytes(of_sign[sign] for sign in named[token]) for token in sorted(named)}
    if '"ByteFallback"' in kind:
        bare = {token: match for token, name in named.items() if (match := _BYTE.fullmatch(name))}
        whole = {token: named[token].replace(_BLANK, " ").encode() for token in sorted(named) if token not in bare}
        return whole | {token: bytes([int(match[1], 16)]) for token, match in sorted(bare.items())}
    raise ToileError(
        "tokenizer", "is neither byte-level nor one with byte fallback", "leave out the protocol constrained"
    )


class ConstrainedLogits:
    """A logits processor for one call of `generate`: all but the allowed tokens of each row become -inf."""

    def __init__(self, grammar: Grammar, cache: dict[tuple[int, ...], Any]) -> None:
        self._grammar = grammar
        self._cache = cache
        self._states: list[State] = []
        self._written = 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Mask scores (B, V) of the next token after ids (B, T): the prompts first, then one token more per call."""
        if not self._states:
            self._states = [self._grammar.start] * len(input_ids)
        else:
            self._written += 1
            pairs = zip(self._states, input_ids[:, -1].tolist(), strict=True)
            self._states = [self._grammar.advance(state, token) for state, token in pairs]
        kept = scores.new_full(scores.shape, -float("inf"))
        for row, state in enumerate(self._states):
            ids = self._tensor(self._grammar.allowed(state, self._written), scores)
            kept[row, ids] = scores[row, ids]
        return kept

    def _tensor(self, ids: tuple[int, ...], scores: Any) -> Any:
        import torch

        if ids not in self._cache:
            self._cache[ids] = torch.tensor(ids, dtype=torch.long, device=scores.device)
        return self._cache[ids]


def _byte_level_characters() -> Sequence[str]:
    """Return the character of every byte: printable Latin-1 as it is, the others from U+0100 on in order."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) if byte in shown else chr(0x100 + hidden.index(byte)) for byte in range(256)]
