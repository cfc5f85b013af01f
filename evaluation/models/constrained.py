"""Constrain a decoder to the form of `evaluation.models.grammar`: token bytes and the masking of logits.

Works for the two kinds of tokenizer that there are here, byte-level BPE and SentencePiece's BPE with byte fallback.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from evaluation.models.base import AnswerForm
from evaluation.models.grammar import Grammar, State
from schemas.errors import ToileError

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_BLANK = "\u2581"


def grammar_of(processor: Any, form: AnswerForm, *, end: int, max_tokens: int) -> Grammar:
    """The form in the tokens of a processor."""
    pieces = token_bytes(processor.tokenizer)
    start = b"".join(pieces[token] for token in processor.encode_plain("x"))
    return Grammar(pieces, form.categories, first=start.removesuffix(b"x"), end=end, max_tokens=max_tokens)


def token_bytes(tokenizer: Any) -> dict[int, bytes]:
    """What each token writes, special ones left out; whole pieces stand before bytes that spell the same."""
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = json.dumps(document["decoder"])
    special = {token["id"] for token in document["added_tokens"]}
    named = {token: name for name, token in tokenizer.get_vocab().items() if name and token not in special}
    if '"ByteLevel"' in kind:
        of_sign = {sign: byte for byte, sign in enumerate(_byte_level_signs())}
        return {token: bytes(of_sign[sign] for sign in named[token]) for token in sorted(named)}
    if '"ByteFallback"' in kind:
        bare = {token: match for token, name in named.items() if (match := _BYTE.fullmatch(name))}
        whole = {token: named[token].replace(_BLANK, " ").encode() for token in sorted(named) if token not in bare}
        return whole | {token: bytes([int(match[1], 16)]) for token, match in sorted(bare.items())}
    raise ToileError("tokenizer", "is neither byte-level nor one with byte fallback", "leave constrained out")


class FormProcessor:
    """A logits processor for `generate`: all but the allowed tokens of each row become -inf; for one call of it."""

    def __init__(self, grammar: Grammar, cache: dict[tuple[int, ...], Any]) -> None:
        self._grammar = grammar
        self._cache = cache
        self._states: list[State] = []
        self._written = 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores (B, V) of the next token, after ids (B, T): the prompts at the first call, a token more at each."""
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


def _byte_level_signs() -> Sequence[str]:
    """The visible sign of every byte: printable Latin-1 as it is, the others from U+0100 on in their order."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) if byte in shown else chr(0x100 + hidden.index(byte)) for byte in range(256)]
