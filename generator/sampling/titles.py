"""Sample titles, vectorised: templates whose slots are filled with the words of the attributes, as Arrow arrays.

No Python string is made for a row. Every word is an entry of one vocabulary, a title is a row of entry numbers, and
Arrow joins them.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from generator.sampling.arrow_columns import join_non_null, to_arrow, to_strings
from generator.sampling.attributes import Choice
from generator.sampling.streams import Index, uniform
from schemas.catalog import CatalogSpec, list_kinds, title_word
from schemas.markets import to_english

_NO_WORD = 0


@dataclass(frozen=True, slots=True)
class CompiledTitles:
    """The templates of all kinds as one table of word numbers."""

    words: pa.StringArray
    """Entry 0 is null: no word."""
    slugs: pa.StringArray
    """The same words as in a URL: known Japanese words in English, other Japanese words left out."""
    choice: Choice
    """Kind -> template number in `literal_TS`."""
    literal_TS: Index
    """Template, position -> word number, or -1 - k where attribute k fills the position."""
    attribute_names: tuple[str, ...]
    word_of_value_AV: Index
    """Attribute, value number -> word number; the entry after an attribute's last value (absent) is no word."""


def compile_titles(spec: CatalogSpec) -> CompiledTitles:
    """Compile the templates and words of a spec that `check_catalog` has accepted."""
    vocabulary: dict[str, int] = {"": _NO_WORD}

    def number(word: str) -> int:
        return vocabulary.setdefault(word, len(vocabulary))

    names = tuple(spec.attributes)
    most = max((len(attribute.values) for attribute in spec.attributes.values()), default=0)
    word_of_value_AV = np.full((len(names), most + 1), _NO_WORD, np.int64)
    for place, attribute in enumerate(spec.attributes.values()):
        for value, (key, record) in enumerate(attribute.values.items()):
            word_of_value_AV[place, value] = number(title_word(key, record))
    templates = list(dict.fromkeys(template for kind in list_kinds(spec) for template in kind.titles))
    rows = [
        [-1 - names.index(token[1:-1]) if token.startswith("{") else number(token) for token in template.split()]
        for template in templates
    ]
    width = max(len(row) for row in rows)
    weights = [[kind.titles.get(template, 0.0) for template in templates] for kind in list_kinds(spec)]
    words = list(vocabulary)
    return CompiledTitles(
        words=to_strings([None, *words[1:]]),
        slugs=to_strings([slugify(to_english(word) or word) or None for word in words]),
        choice=Choice.of(np.array(weights, np.float64)),
        literal_TS=np.array([row + [_NO_WORD] * (width - len(row)) for row in rows], np.int64),
        attribute_names=names,
        word_of_value_AV=word_of_value_AV,
    )


def slugify(text: str) -> str:
    """Return the text in lower case, accents folded, everything but letters and digits replaced by hyphens."""
    folded = unicodedata.normalize("NFKD", text.replace("\u00df", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")


def sample_templates(titles: CompiledTitles, seed: int, kind_N: Index, design_N: Index) -> Index:
    """Sample the number of each design's title template."""
    return titles.choice.pick(kind_N, uniform(seed, "title", design_N))


def fill_templates(titles: CompiledTitles, template_N: Index, chosen: Mapping[str, Index]) -> Index:
    """Return the word numbers of each title, one column for each position."""
    words_NS = titles.literal_TS[template_N]
    rows, columns = np.nonzero(words_NS < 0)
    attribute = -1 - words_NS[rows, columns]
    value_AN = np.stack([chosen[name] for name in titles.attribute_names])
    words_NS[rows, columns] = titles.word_of_value_AV[attribute, value_AN[attribute, rows]]
    return words_NS


def join_words(words: pa.StringArray, words_NS: Index, separator: str) -> pa.StringArray:
    """Join the words of each row, positions without a word left out; empty for a row without any."""
    columns = [words.take(to_arrow(words_NS[:, position])) for position in range(words_NS.shape[1])]
    return join_non_null(columns, separator)
