"""The best score that any model could reach on rows of a catalog spec: what a perfect reader of pictures would get.

The perfect reader knows the spec and sees, without error, the silhouette and every attribute that the silhouette shows
(`schemas.appearance.SHOWN`). It cannot see the spread of a price, which template named the product, what is hidden,
which of several leaves sells just this, or a navigation label. For each row it gives the answer with the best chance,
given what the row shows and that the row can be evaluated (its leaf is not missing). The mean of these chances over the
rows is the ceiling: an expectation, so on few rows a lucky model may lie above it.

Exact (to the last few digits of floating point): category, price, title over all answers that can be written at all
(hedged ones too, see `title_answers`), joint over all triples of one category, one title and one price, since category,
title and price of a row are independent given its category entry and attributes. Reasoning is the mean of the three
best chances: each part of an answer can be chosen for itself there, while joint needs one answer for all.
An upper bound instead: a title search that was cut short, an appearance with more than MOST_STATES hidden states (all
chances 1), and price windows where too many legal prices are in reach; such rows are counted. Rows are
taken as a random sample of an endless catalog: how many colourways lie before a product is averaged, which matters only
where leaves differ in their colours.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from generator.sampling.attributes import CompiledAttribute
from generator.sampling.products import compile_catalog
from generator.sampling.streams import Floats
from generator.upper_bound_colours import colour_shares, rank_shares
from generator.upper_bound_prices import price_windows
from generator.upper_bound_titles import Words, matched_together
from schemas.appearance import SHOWN, Appearance, shown_as, visible_part
from schemas.catalog import MISSING_LABEL, CatalogSpec, Category, drawing_word, drawn_attribute, title_word
from schemas.errors import ToileError
from schemas.product import Product
from schemas.result import Ceiling

MOST_STATES = 3000
"""Of what a picture leaves open: entry, hidden attributes."""
_NEUTRAL: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(Appearance) if field.default is not dataclasses.MISSING
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What counts as right, as the evaluation has it."""

    category_key: Callable[[str], str]
    """What all spellings of one category have in common."""
    title_words: Callable[[str], Words]
    title_f1: float
    """A title is right when twice the shared words over all words reaches this."""
    price_tolerance: float
    """A price is right when |answer - truth| / truth is at most this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Of the best answer to one row, to be right."""

    category: float
    title: float
    price: float
    joint: float
    exact: bool
    """False where at least one of them is only an upper bound."""


_UNKNOWN = Chances(category=1.0, title=1.0, price=1.0, joint=1.0, exact=False)


@dataclass(frozen=True, slots=True)
class _State:
    """One way in which a product with a given appearance can have come about."""

    entry: int
    """Number of the category entry."""
    titles: tuple[tuple[Words, float], ...]
    """Every title it can have, with its share."""
    median: float
    """Of its price, all factors included."""


def ceilings(spec: CatalogSpec, judge: Judge, products: Sequence[Product]) -> dict[str, Ceiling]:
    """The ceiling of these rows, all and inferable ones (left out where there are none).

    Raises ToileError for a row that the spec cannot have drawn.
    """
    reader = PerfectReader(spec, judge)
    kinds = {"all": list(products), "inferable": [product for product in products if product.inferable]}
    return {
        kind: _mean([reader.chances(product, inferable=kind == "inferable") for product in rows])
        for kind, rows in kinds.items()
        if rows
    }


class PerfectReader:
    """Knows a spec and how answers are judged; remembers what it has worked out."""

    def __init__(self, spec: CatalogSpec, judge: Judge) -> None:
        self._catalog = compile_catalog(spec)
        self._judge = judge
        self._radix = {attribute.name: len(attribute.values) + 1 for attribute in self._catalog.attributes}
        self._mattering = [self._matter(category) for category in spec.categories]
        self._states = functools.cache(self._find_states)
        self._chances = functools.cache(self._find_chances)
        self._together = functools.cache(functools.partial(matched_together, least_f1=judge.title_f1))
        self._colour_shares = functools.cache(functools.partial(colour_shares, ranks=rank_shares(spec)))

    def chances(self, product: Product, *, inferable: bool) -> Chances:
        """Given what the row shows and that its category is there or, with `inferable`, a leaf that can be told."""
        where = f"product {product.product_code}"
        if product.attributes is None:
            raise ToileError(where, "does not say what is drawn", "its folder was not made by `toile generate`")
        seen = visible_part(Appearance.from_attributes(product.attributes, f"{where}: attributes"))
        states = self._states(dataclasses.replace(seen, design_seed=0, shot_seed=0))
        if states is None:
            return _UNKNOWN
        if not states:
            problem = f"shows a {seen.silhouette} that its catalog spec never draws"
            raise ToileError(where, problem, "its folder and its manifest do not belong together; make it again")
        return self._chances(states, inferable)

    def _find_states(self, seen: Appearance) -> tuple[tuple[_State, float], ...] | None:
        """Every state behind an appearance with its share (together 1); None for too many."""
        found: dict[_State, float] = {}
        for entry, category in enumerate(self._catalog.spec.categories):
            if category.silhouette != seen.silhouette or not self._neutral_elsewhere(category, seen):
                continue
            ways = self._ways(entry, seen)
            if ways is None:
                return None
            for share, chosen in ways:
                median = self._catalog.prices.median_C[entry]
                for name, value in chosen.items():
                    median = median * self._catalog.prices.factor[name][value]
                state = _State(entry, self._titles(category, chosen), float(median))
                found[state] = found.get(state, 0.0) + share * category.share
        total = sum(found.values())
        # rounded: what differs in a colour that tells nothing is then worked out once
        return tuple((state, round(share / total, 13)) for state, share in found.items() if share > 0)

    def _neutral_elsewhere(self, category: Category, seen: Appearance) -> bool:
        """Whether what no attribute of the entry draws looks as it then must."""
        drawn = {drawn_attribute(name, self._catalog.spec.attributes[name]) for name in category.attributes}
        return all(getattr(seen, word) == _NEUTRAL.get(word) for word in SHOWN[category.silhouette] - drawn)

    def _ways(self, entry: int, seen: Appearance) -> list[tuple[float, dict[str, int]]] | None:
        """Values of every attribute that matters, in the order of the spec, with their probability."""
        ways: list[tuple[float, dict[str, int]]] = [(1.0, {})]
        for attribute in self._catalog.attributes:
            if attribute.name not in self._mattering[entry]:
                continue
            fitting = [v for v in range(len(attribute.values) + 1) if self._fits(attribute, v, seen)]
            further = []
            for share, chosen in ways:
                shares = self._shares(attribute, entry, chosen)
                further += [(share * shares[v], {**chosen, attribute.name: v}) for v in fitting if shares[v] > 0]
            if len(further) > MOST_STATES:
                return None
            ways = further
        return ways

    def _shares(self, attribute: CompiledAttribute, entry: int, chosen: Mapping[str, int]) -> Floats:
        key = entry
        for parent in attribute.parents:
            key = key * self._radix[parent] + chosen[parent]
        weights = attribute.weights_KV[key]
        if attribute.name in self._catalog.colours:
            return self._colour_shares(tuple(weights.tolist()))
        shares: Floats = weights / weights.sum()
        return shares

    def _fits(self, attribute: CompiledAttribute, value: int, seen: Appearance) -> bool:
        """Whether the value looks like what is seen; what the picture does not show always does."""
        spec = self._catalog.spec.attributes[attribute.name]
        drawn = drawn_attribute(attribute.name, spec)
        if (
            value == attribute.absent
            or drawn is None
            or drawn not in shown_as(seen.silhouette, seen.presentation) | {"colour"}
        ):
            return True
        name = attribute.values[value]
        return bool(drawing_word(name, spec.values[name]) == getattr(seen, drawn))

    def _matter(self, category: Category) -> set[str]:
        """The attributes of an entry that change its picture, title or price, and those that these depend on."""
        found: set[str] = set()
        named = {word[1:-1] for template in category.titles for word in template.split() if word.startswith("{")}
        for attribute in reversed(self._catalog.attributes):
            spec = self._catalog.spec.attributes[attribute.name]
            shown = drawn_attribute(attribute.name, spec) in SHOWN[category.silhouette] | {"colour"}
            priced = any(value.price != 1 for value in spec.values.values())
            told = attribute.name in category.attributes and (shown or priced or attribute.name in named)
            if told or attribute.name in found:
                found |= {attribute.name, *attribute.parents}
        return found

    def _titles(self, category: Category, chosen: Mapping[str, int]) -> tuple[tuple[Words, float], ...]:
        total = sum(category.titles.values())
        shares: dict[Words, float] = {}
        for template, weight in category.titles.items():
            if weight > 0:
                title = " ".join(word for token in template.split() if (word := self._word(token, chosen)))
                words = tuple(sorted(self._judge.title_words(title))) or (title,)
                shares[words] = shares.get(words, 0.0) + weight / total
        return tuple(sorted(shares.items()))

    def _word(self, token: str, chosen: Mapping[str, int]) -> str:
        if not token.startswith("{"):
            return token
        values = list(self._catalog.spec.attributes[token[1:-1]].values.items())
        number = chosen[token[1:-1]]
        return "" if number == len(values) else title_word(*values[number])

    def _find_chances(self, states: tuple[tuple[_State, float], ...], inferable: bool) -> Chances:
        """The best chances over all answers; S states, K labels, M sets of titles, J windows of prices."""
        label_KS = self._labels(states, inferable)
        total = label_KS.sum()
        weight_S = label_KS.sum(axis=0)
        titles = sorted({words for state, _ in states for words, _ in state.titles})
        together = self._together(tuple(titles))
        title_SM = np.array([[_share_of(state, titles, matched) for matched in together.sets] for state, _ in states])
        window_SJ, all_starts = price_windows(
            self._catalog.prices,
            np.array([state.median for state, _ in states]),
            np.array([self._catalog.prices.spread_C[state.entry] for state, _ in states]),
            self._judge.price_tolerance,
        )
        joint_KMS = label_KS[:, None, :] * title_SM.T[None, :, :]
        best = {
            "category": label_KS.sum(axis=1).max(),
            "title": (weight_S @ title_SM).max(),
            "price": (weight_S @ window_SJ).max(),
            "joint": (joint_KMS.reshape(-1, len(states)) @ window_SJ).max(),
        }
        # rounding may leave a sum of chances just above 1
        return Chances(
            **{name: min(float(value / total), 1.0) for name, value in best.items()},
            exact=together.exact and all_starts,
        )

    def _labels(self, states: tuple[tuple[_State, float], ...], inferable: bool) -> Floats:
        """Label, state -> the chance of both, for rows that can be evaluated (inferable ones)."""
        spec = self._catalog.spec
        navigation = 0.0 if inferable else spec.navigation.share
        total = sum(spec.navigation.labels.values())
        shares: dict[str, Floats] = {}

        def add(name: str, state: int, share: float) -> None:
            if name != MISSING_LABEL and share > 0:
                row = shares.setdefault(self._judge.category_key(name), np.zeros(len(states)))
                row[state] += share

        for number, (state, share) in enumerate(states):
            add(spec.categories[state.entry].path[2], number, share * (1 - navigation))
            for name, weight in spec.navigation.labels.items():
                add(name, number, share * navigation * weight / total)
        assert shares, "a row that is evaluated has a category"
        return np.array(list(shares.values()))


def _share_of(state: _State, titles: list[Words], matched: frozenset[int]) -> float:
    """How often the state's title is one of those matched."""
    among = {titles[i] for i in matched}
    return sum(share for words, share in state.titles if words in among)


def _mean(rows: list[Chances]) -> Ceiling:
    parts = ("category", "title", "price", "joint")
    means = {name: sum(getattr(row, name) for row in rows) / len(rows) for name in parts}
    return Ceiling(
        n=len(rows),
        bounded=sum(not row.exact for row in rows),
        reasoning=(means["category"] + means["title"] + means["price"]) / 3,
        **means,
    )
