"""Sample titles, vectorised: templates whose slots are filled with the words of the attributes, as Arrow arrays.

`unique_text_keys` builds the title, the URL and the JSON of the attributes once for each combination that occurs.

No Python string is made for a row. Every word is an entry of one vocabulary, a title is a row of entry numbers, and
Arrow joins them.
"""

import functools
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generator.sampling.arrow_columns import (
    concat_strings,
    dictionary_column,
    factorize_columns,
    join_non_null,
    string_scalar,
    take_entries,
    to_arrow,
    to_strings,
)
from generator.sampling.attributes import Choice
from generator.sampling.streams import Index, uniform, uniform_again
from schemas.catalog import CatalogSpec, list_kinds, rendered_attribute, rendered_word, title_word
from schemas.markets import to_english

_NO_WORD = 0
_SAME_TEMPLATE = 3
"""So many attempts at another title keep its template."""


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


@dataclass(frozen=True, slots=True)
class SharedTexts:
    """The texts that products with the same kind, title template and values share; one entry for each."""

    title: pa.DictionaryArray
    page_url: pa.StringArray
    """The URL of the product's page, up to its code."""
    attributes_head: pa.StringArray
    """The JSON of the attributes before the design's seed."""
    attributes_tail: pa.StringArray
    """The JSON of the attributes after the shot's seed."""


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


def sample_templates(
    titles: CompiledTitles, seed: int, kind_N: Index, design_N: Index, attempt_N: Index | None = None
) -> Index:
    """Sample the number of each design's title template; the first attempts have the same one."""
    if attempt_N is None:
        return titles.choice.pick(kind_N, uniform(seed, "title", design_N))
    later_N = np.maximum(attempt_N - _SAME_TEMPLATE, 0)
    return titles.choice.pick(kind_N, uniform_again(seed, "title", design_N, later_N))


def list_title_attributes(spec: CatalogSpec) -> frozenset[str]:
    """List the attributes that only titles show, such as the name of a line: nothing else depends on them."""
    used = {column.attribute for column in spec.extra.values()}
    used |= {name for attribute in spec.attributes.values() for rule in attribute.rules for name in rule.when}
    return frozenset(
        name
        for name, attribute in spec.attributes.items()
        if name not in used
        and rendered_attribute(name, attribute) is None
        and any(title_word(key, value) for key, value in attribute.values.items())
    )


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


# -- texts of a row ----------------------------------------------------------------------------------------------------


def unique_text_keys(
    spec: CatalogSpec,
    titles: CompiledTitles,
    run_N: Index,
    kind_D: Index,
    template_D: Index,
    chosen_D: Mapping[str, Index],
    colours_N: Mapping[str, Index],
) -> tuple[Index, SharedTexts]:
    """Return the number of each row's combination of kind, title template and values, and their texts.

    A catalog of millions of products has some thousand combinations. Titles, addresses and the JSON of the attributes
    are built once for each.
    """
    bound = {name: len(attribute.values) + 1 for name, attribute in spec.attributes.items()}
    design_parts = [(kind_D, len(list_kinds(spec))), (template_D, len(titles.literal_TS))]
    key_D, row_C = factorize_columns([*design_parts, *((values, bound[name]) for name, values in chosen_D.items())])
    colour_parts = [(values, bound[name]) for name, values in colours_N.items()]
    key_N, row_U = factorize_columns([(key_D[run_N], len(row_C)), *colour_parts])
    design_U = run_N[row_U]
    chosen_U = {name: values[design_U] for name, values in chosen_D.items()}
    chosen_U |= {name: values[row_U] for name, values in colours_N.items()}
    return key_N, _shared_texts(spec, titles, kind_D[design_U], template_D[design_U], chosen_U)


def _shared_texts(
    spec: CatalogSpec, titles: CompiledTitles, kind_U: Index, template_U: Index, chosen: Mapping[str, Index]
) -> SharedTexts:
    """Build the texts of combinations of a kind, a title template and the value of each attribute."""
    words_US = fill_templates(titles, template_U, chosen)
    title_U, row_W = factorize_columns([(words_U, len(titles.words)) for words_U in words_US.T])
    slugs = join_words(titles.slugs, words_US[row_W], "-")
    before_code = pc.if_else(pc.equal(slugs, string_scalar("")), string_scalar("p"), string_scalar("-p"))
    page_url = concat_strings(f"https://{spec.shop.host}/", slugs, before_code)
    silhouettes, rendered_values, named_values = _attribute_texts(spec)
    rendered = [_look_up(silhouettes, kind_U), *(_look_up(rendered_values[n], chosen[n]) for n in rendered_values)]
    rendered.append(string_scalar('"design_seed": '))
    named = [_look_up(named_values[name], chosen[name]) for name in named_values]
    return SharedTexts(
        title=take_entries(join_words(titles.words, words_US[row_W], " ").dictionary_encode(), title_U),
        page_url=page_url.take(to_arrow(title_U)),
        attributes_head=join_non_null(rendered, ", "),
        attributes_tail=concat_strings(', "choices": {', join_non_null(named, ", "), "}}"),
    )


_Texts = tuple[str | None, ...]


@functools.lru_cache(maxsize=8)
def _attribute_texts(spec: CatalogSpec) -> tuple[_Texts, dict[str, _Texts], dict[str, _Texts]]:
    """Return the JSON of each kind's silhouette and, by attribute, of each value as it is rendered and as named.

    The JSON of a silhouette is preceded by the brace that opens the object.
    The entry after an attribute's last value means that there is none.
    """
    rendered, named = {}, {}
    for name, attribute in spec.attributes.items():
        word, values = rendered_attribute(name, attribute), attribute.values.items()
        named[name] = (*(_json_pair(name, key) for key in attribute.values), None)
        if word is not None:
            rendered[name] = (*(_json_pair(word, rendered_word(key, value)) for key, value in values), None)
    silhouettes = tuple("{" + _json_pair("silhouette", kind.silhouette) for kind in list_kinds(spec))
    return silhouettes, rendered, named


def _json_pair(name: str, value: str) -> str:
    return json.dumps({name: value})[1:-1]


def _look_up(values: _Texts, index_N: Index) -> pa.StringArray:
    return dictionary_column(values, index_N).dictionary_decode()
