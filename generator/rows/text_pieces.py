"""The addresses and attributes of rows as steps: which piece of text follows which, for `piece_loops`."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator.rows.piece_loops import CONSTANT, NUMBER_OF_GROUP, NUMBER_OF_ROW, OF_GROUP, OF_ROW
from generator.rows.row_loops import Small, Small2
from generator.rows.text_loops import Letters
from generator.sampling.arrow_columns import texts
from generator.sampling.looks import SHOT_SEED, value_texts
from generator.sampling.titles import compile_titles
from schemas.catalog import CatalogSpec

_MOST_DIGITS = 19
_Step = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSteps:
    """How the texts of one column are put together, as `piece_loops.compressed_texts` takes it."""

    begin_T: Small
    """The first step of each template, and the end of all."""
    step_E4: Small2
    offset_Q: Small
    letters_Q: Letters
    most_letters: int
    """That one text can have."""


class _Pieces:
    """Texts that steps refer to, each sequence of them once."""

    def __init__(self) -> None:
        self.bases: dict[tuple[str, ...], int] = {}
        self.texts: list[str] = []

    def base(self, values: Sequence[str | None], before: str = "", after: str = "") -> int:
        """The number of the first of these pieces, each with what always stands around it; None is no piece."""
        wanted = tuple("" if value is None else f"{before}{value}{after}" for value in values)
        if wanted not in self.bases:
            self.bases[wanted] = len(self.texts)
            self.texts += wanted
        return self.bases[wanted]

    def made(self, steps: Sequence[_Step], begins: Sequence[int], most_pieces: int) -> TextSteps:
        found = texts(self.texts)
        offset_Q = np.frombuffer(found.buffers()[1], np.int32, len(found) + 1)
        return TextSteps(
            begin_T=np.array(begins, np.int32),
            step_E4=np.array(with_stretches(steps, begins), np.int32).reshape(-1, 4),
            offset_Q=offset_Q,
            letters_Q=np.frombuffer(found.buffers()[2], np.uint8),
            most_letters=int(np.diff(offset_Q).max()) * most_pieces + 2 * _MOST_DIGITS,
        )


def with_stretches(steps: Sequence[_Step], begins: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """The steps, each with the end of the stretch of steps without anything of the row that begins there, or 0."""
    found = [(*step, 0) for step in steps]
    for first, last in itertools.pairwise(begins):
        at = first
        while at < last:
            begin = at
            while at < last and steps[at][0] not in {OF_ROW, NUMBER_OF_ROW}:
                at += 1
            if at > begin:
                found[begin] = (*steps[begin], at)
            at += 1
    return found


@functools.lru_cache(maxsize=8)
def attribute_steps(spec: CatalogSpec, colours: tuple[str, ...]) -> TextSteps:
    """`looks.look_texts`, the JSON of the attributes, and the two seeds in it; a template for each category entry.

    Columns of the group: each attribute that is no colour; of the row: the colours. Numbers: the seed of the design of
    the group, that of the shot of the row.
    """
    silhouettes, drawn, named = value_texts(spec)
    columns, pieces, steps, begins = _columns(spec, colours), _Pieces(), [], [0]
    for category, silhouette in zip(spec.categories, silhouettes, strict=True):
        here = [name for name in spec.attributes if name in category.attributes]
        shown = [(*columns[name], drawn[name]) for name in here if name in drawn]
        if silhouette is not None:
            shown.insert(0, (CONSTANT, 0, (silhouette,)))
        steps += _listed(pieces, shown, "{", ', "design_seed": ')
        steps += [(NUMBER_OF_GROUP, 0, 0), (CONSTANT, 0, pieces.base([SHOT_SEED])), (NUMBER_OF_ROW, 0, 0)]
        steps += _listed(pieces, [(*columns[name], named[name]) for name in here], ', "choices": {', "}}")
        begins.append(len(steps))
    return pieces.made(steps, begins, max(np.diff(begins).tolist()))


@functools.lru_cache(maxsize=8)
def address_steps(spec: CatalogSpec, colours: tuple[str, ...]) -> TextSteps:
    """The addresses of products' pages, and their codes; a template for each of titles.

    Columns as in `attribute_steps`. Number of the row: the code.
    """
    titles, columns = compile_titles(spec), _columns(spec, colours)
    slugs = [f"{slug}-" if slug else "" for slug in titles.slugs.to_pylist()]
    values = [tuple(slugs[word] for word in words) for words in titles.word_of_value]
    pieces, steps, begins = _Pieces(), [], [0]
    for literals in titles.literal_TS.tolist():
        begin = waiting = f"https://{spec.shop.host}/"
        for word in literals:
            if word >= 0:
                waiting += slugs[word]
                continue
            before = begin if waiting == begin else ""
            if waiting != before:
                steps.append((CONSTANT, 0, pieces.base([waiting])))
            steps.append((*columns[titles.attribute_names[-1 - word]], pieces.base(values[-1 - word], before)))
            waiting = ""
        steps += [(CONSTANT, 0, pieces.base([waiting + "p"])), (NUMBER_OF_ROW, 0, 0)]
        begins.append(len(steps))
    return pieces.made(steps, begins, max(np.diff(begins).tolist()))


def _columns(spec: CatalogSpec, colours: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Where the value of each attribute stands."""
    columns = {name: (OF_GROUP, k) for k, name in enumerate(name for name in spec.attributes if name not in colours)}
    return columns | {name: (OF_ROW, k) for k, name in enumerate(colours)}


def _listed(
    pieces: _Pieces, items: Sequence[tuple[int, int, Sequence[str | None]]], before: str, after: str
) -> list[_Step]:
    """The steps of a list with commas, and of the texts around it."""
    if not items:
        return [(CONSTANT, 0, pieces.base([before + after]))]
    last = len(items) - 1
    return [
        (what, column, pieces.base(values, before if k == 0 else ", ", after if k == last else ""))
        for k, (what, column, values) in enumerate(items)
    ]
