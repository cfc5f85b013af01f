"""Compute the best achievable score of any model on rows of a catalog spec (an oracle upper bound).

    found = best_scores(spec, rules, products)   # {"all": Ceiling(...), "inferable": Ceiling(...)}

The oracle knows the spec and reads, without error, the silhouette and every attribute that an image of it shows
(`schemas.appearance.SHOWN`). It does not know the spread of a price, the title template, hidden attributes, a
navigation label, or which of several kinds with the same products was chosen. For each row it gives the answer
with the highest probability of being right, given what the image shows and that the row can be evaluated (its category
is not missing). The best achievable score is the mean of these probabilities over the rows. It is an expectation: on
few rows a lucky model may score above it.

Exact, up to floating point: category; price; title over all possible answers, including those that hedge between two
titles (see `largest_matched_sets`); joint over all triples of one category, one title and one price, because the three
are independent given the kind and the attributes. The mean accuracy takes the best answer to each part separately,
while joint needs one answer for all three.

Only an upper bound, and counted as such: titles where an answer may name what the image shows and several values look
like it, a title search that was cut short, an image with more than MOST_STATES
possible hidden states (all probabilities are then 1), and price windows where too many legal prices are in reach.

Rows are treated as a random sample of an endless catalog: the number of colourways before a product is averaged. This
matters only where kinds differ in their colours.

Letters of array shapes: S states, C category labels, M sets of titles, J price windows, R ranks within a family,
V values of an attribute, T points in time.
"""

import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from generator.sampling.attributes import CompiledAttribute
from generator.sampling.prices import CompiledPrices, snap_to_points
from generator.sampling.products import CompiledColourways, compile_catalog, row_shares
from generator.sampling.streams import Floats, Index
from schemas.appearance import SHOWN, Appearance, drop_invisible, visible_attributes
from schemas.catalog import (
    MISSING_LABEL,
    CatalogSpec,
    ProductKind,
    list_kinds,
    rendered_attribute,
    rendered_word,
    title_word,
)
from schemas.errors import ToileError
from schemas.product import Product
from schemas.result import Ceiling

MOST_STATES = 3000
"""Most combinations of kind and hidden attributes behind one image; above it every probability is 1."""
_MOST_WINDOW_PROBABILITIES = 400_000  # of all states of an image together: some hundredths of a second
_FURTHEST_Z = 7.2  # beyond every normal number that streams.normal gives
_MOST_SEARCH_STEPS = 5000
_MOST_TITLES = 100
_DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(Appearance) if field.default is not dataclasses.MISSING
}

Words = tuple[str, ...]
"""The words of a title as they are compared, sorted; a word that occurs twice is there twice."""
Value = tuple[str, str]
"""What a title names: slot and value, such as material and wool."""
Values = frozenset[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRules:
    """What counts as a right answer, as the evaluation defines it."""

    category_key: Callable[[str], str]
    """Map all spellings of one category to one key."""
    exact_title: Callable[[str], str]
    """Map all spellings of a title that are equal to the letter to one."""
    title_words: Callable[[str], Words]
    """Split a title into the words that are compared."""
    title_f1: float
    """A title is right when twice the shared words over all words reaches this, and its values agree: in each slot it
    names those of the true title, or where that names none, only values that the image shows."""
    named_values: Callable[[str], Values]
    """Return what a title names."""
    value_phrases: Callable[[Value], Sequence[Words]]
    """Return every phrase that names a value."""
    shown_values: Callable[[Product], Values]
    """Return what the image of a synthetic product shows."""
    price_tolerance: float
    """A price is right when |answer - truth| / truth is at most this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probabilities:
    """Probabilities that the best answer to one row is right."""

    category: float
    title: float
    title_exact: float
    price: float
    joint: float
    exact: bool
    """False where at least one of them is only an upper bound."""


_UNKNOWN = Probabilities(category=1.0, title=1.0, title_exact=1.0, price=1.0, joint=1.0, exact=False)


@dataclass(frozen=True, slots=True)
class Title:
    """One title, as it is compared."""

    words: Words
    values: Values = frozenset()
    """What it names."""


@dataclass(frozen=True, slots=True)
class _State:
    """One combination of what an image does not show, as far as category, title and price depend on it."""

    kind: int
    """Number of the kind in `list_kinds` of the spec."""
    titles: tuple[tuple[Title, float], ...]
    """Every possible title with its probability."""
    texts: tuple[tuple[str, float], ...]
    """The same to the letter."""
    scale: float
    """The median, or 1 for a kind with quantiles, times all price factors."""


def best_scores(
    spec: CatalogSpec, rules: ScoringRules, products: Sequence[Product], *, most_states: int = MOST_STATES
) -> dict[str, Ceiling]:
    """Return the best achievable scores on these rows: of "all", and of the "inferable" ones where there are any.

    Raises ToileError for a row that the spec cannot have produced.
    """
    oracle = Oracle(spec, rules, most_states=most_states)
    kinds = {"all": list(products), "inferable": [product for product in products if product.inferable]}
    return {
        kind: _mean([oracle.probabilities(product, inferable=kind == "inferable") for product in rows])
        for kind, rows in kinds.items()
        if rows
    }


class Oracle:
    """Give the best answers to images of a spec; results are cached by what an image shows."""

    def __init__(self, spec: CatalogSpec, rules: ScoringRules, *, most_states: int = MOST_STATES) -> None:
        self._catalog = compile_catalog(spec)
        self._rules = rules
        self._most_states = most_states
        self._radix = {attribute.name: len(attribute.values) + 1 for attribute in self._catalog.attributes}
        self._kinds = list_kinds(spec)
        self._row_shares = row_shares(self._catalog)
        self._relevant = [self._relevant_attributes(number) for number in range(len(self._kinds))]
        self._states = functools.cache(self._find_states)
        self._probabilities = functools.cache(self._find_probabilities)
        self._matched_sets = functools.cache(
            functools.partial(largest_matched_sets, phrases=rules.value_phrases, least_f1=rules.title_f1)
        )
        self._ranks = [rank_shares(self._catalog.colourways, number) for number in range(len(self._kinds))]
        self._colour_shares = functools.cache(colour_shares)

    def probabilities(self, product: Product, *, inferable: bool) -> Probabilities:
        """Return the probabilities given the image and that the category is known (with `inferable`: is visible)."""
        where = f"product {product.product_code}"
        if product.attributes is None:
            raise ToileError(where, "does not say what its image shows", "its folder was not made by `toile generate`")
        seen = drop_invisible(Appearance.from_attributes(product.attributes, f"{where}: attributes"))
        states = self._states(dataclasses.replace(seen, design_seed=0, shot_seed=0))
        if states is None:
            return _UNKNOWN
        if not states:
            problem = f"shows a {seen.silhouette} that its catalog spec never renders"
            raise ToileError(where, problem, "its folder and its manifest do not belong together; generate it again")
        shown = self._rules.shown_values(product) & _sometimes_named(states)
        found = self._probabilities(states, shown, inferable)
        return dataclasses.replace(found, exact=False) if shown and self._is_ambiguous(seen) else found

    def _find_states(self, seen: Appearance) -> tuple[tuple[_State, float], ...] | None:
        """Return every state behind an image with its probability (the sum is 1); None for too many."""
        found: dict[_State, float] = {}
        for number, kind in enumerate(self._kinds):
            if kind.silhouette != seen.silhouette or not self._has_defaults_elsewhere(kind, seen):
                continue
            choices = self._possible_choices(number, seen)
            if choices is None:
                return None
            for share, chosen in choices:
                scale = float(self._catalog.prices.median_K[number])
                for name, value in chosen.items():
                    scale = scale * float(self._catalog.prices.factor_KV[name][number, value])
                state = _State(number, *self._titles(kind, chosen), scale)
                found[state] = found.get(state, 0.0) + share * float(self._row_shares[number])
        total = sum(found.values())
        # rounded: images that differ only in a colour without influence then share one cache entry
        return tuple((state, round(share / total, 13)) for state, share in found.items() if share > 0)

    def _has_defaults_elsewhere(self, kind: ProductKind, seen: Appearance) -> bool:
        """Return whether everything that no attribute of the kind controls has its default in the image."""
        controlled = {rendered_attribute(name, self._catalog.spec.attributes[name]) for name in kind.attributes}
        return all(getattr(seen, word) == _DEFAULTS.get(word) for word in SHOWN[kind.silhouette] - controlled)

    def _possible_choices(self, kind: int, seen: Appearance) -> list[tuple[float, dict[str, int]]] | None:
        """Return values of every relevant attribute, in the order of the spec, with their probability."""
        choices: list[tuple[float, dict[str, int]]] = [(1.0, {})]
        for attribute in self._catalog.attributes:
            if attribute.name not in self._relevant[kind]:
                continue
            possible = [v for v in range(len(attribute.values) + 1) if self._is_consistent(attribute, v, seen)]
            extended = []
            for share, chosen in choices:
                shares = self._value_shares(attribute, kind, chosen)
                extended += [(share * shares[v], {**chosen, attribute.name: v}) for v in possible if shares[v] > 0]
            if len(extended) > self._most_states:
                return None
            choices = extended
        return choices

    def _value_shares(self, attribute: CompiledAttribute, kind: int, chosen: Mapping[str, int]) -> Floats:
        key = kind
        for parent in attribute.parents:
            key = key * self._radix[parent] + chosen[parent]
        weights = attribute.weights_KV[key]
        if attribute.name in self._catalog.colours:
            return self._colour_shares(tuple(weights.tolist()), self._ranks[kind])
        shares: Floats = weights / weights.sum()
        return shares

    def _is_consistent(self, attribute: CompiledAttribute, value: int, seen: Appearance) -> bool:
        """Return whether the value agrees with the image; an attribute that the image does not show always does."""
        spec = self._catalog.spec.attributes[attribute.name]
        drawn = rendered_attribute(attribute.name, spec)
        if (
            value == attribute.absent
            or drawn is None
            or drawn not in visible_attributes(seen.silhouette, seen.presentation) | {"colour"}
        ):
            return True
        name = attribute.values[value]
        return bool(rendered_word(name, spec.values[name]) == getattr(seen, drawn))

    def _is_ambiguous(self, seen: Appearance) -> bool:
        """Return whether several values of an attribute look like this, so that another one may be shown."""
        visible = visible_attributes(seen.silhouette, seen.presentation) | {"colour"}
        return any(
            sum(self._is_consistent(attribute, value, seen) for value in range(len(attribute.values))) > 1
            for attribute in self._catalog.attributes
            if rendered_attribute(attribute.name, self._catalog.spec.attributes[attribute.name]) in visible
        )

    def _relevant_attributes(self, number: int) -> set[str]:
        """Return the attributes of a kind that change its image, title or price, and all that they depend on."""
        found: set[str] = set()
        kind = self._kinds[number]
        named = {word[1:-1] for template in kind.titles for word in template.split() if word.startswith("{")}
        for attribute in reversed(self._catalog.attributes):
            spec = self._catalog.spec.attributes[attribute.name]
            shown = rendered_attribute(attribute.name, spec) in SHOWN[kind.silhouette] | {"colour"}
            priced = (self._catalog.prices.factor_KV[attribute.name][number] != 1).any()
            has_effect = attribute.name in kind.attributes and (shown or priced or attribute.name in named)
            if has_effect or attribute.name in found:
                found |= {attribute.name, *attribute.parents}
        return found

    def _titles(
        self, kind: ProductKind, chosen: Mapping[str, int]
    ) -> tuple[tuple[tuple[Title, float], ...], tuple[tuple[str, float], ...]]:
        """Return every title of these choices with its probability, as it is compared and to the letter."""
        total = sum(kind.titles.values())
        shares: dict[Title, float] = {}
        texts: dict[str, float] = {}
        for template, weight in kind.titles.items():
            if weight > 0:
                text = " ".join(word for token in template.split() if (word := self._word(token, chosen)))
                words = tuple(sorted(self._rules.title_words(text))) or (text,)
                title = Title(words, self._rules.named_values(text))
                shares[title] = shares.get(title, 0.0) + weight / total
                exact = self._rules.exact_title(text)
                texts[exact] = texts.get(exact, 0.0) + weight / total
        return tuple(sorted(shares.items(), key=lambda share: _sort_key(share[0]))), tuple(sorted(texts.items()))

    def _word(self, token: str, chosen: Mapping[str, int]) -> str:
        if not token.startswith("{"):
            return token
        values = list(self._catalog.spec.attributes[token[1:-1]].values.items())
        number = chosen[token[1:-1]]
        return "" if number == len(values) else title_word(*values[number])

    def _find_probabilities(
        self, states: tuple[tuple[_State, float], ...], shown: Values, inferable: bool
    ) -> Probabilities:
        """Return the highest probabilities over all answers; `shown`: what an answer may name where titles do not."""
        label_CS = self._label_shares(states, inferable)
        total = label_CS.sum()
        weight_S = label_CS.sum(axis=0)
        titles = sorted({title for state, _ in states for title, _ in state.titles}, key=_sort_key)
        matched = self._matched_sets(tuple(titles), shown)
        title_SM = np.array([[_share_of_titles(state, titles, one) for one in matched.sets] for state, _ in states])
        window_SJ, all_starts = price_window_probabilities(
            self._catalog.prices,
            np.array([state.kind for state, _ in states]),
            np.array([state.scale for state, _ in states]),
            self._rules.price_tolerance,
        )
        joint_CMS = label_CS[:, None, :] * title_SM.T[None, :, :]
        best = {
            "category": label_CS.sum(axis=1).max(),
            "title": (weight_S @ title_SM).max(),
            "title_exact": _largest_share([state.texts for state, _ in states], weight_S),
            "price": (weight_S @ window_SJ).max(),
            "joint": (joint_CMS.reshape(-1, len(states)) @ window_SJ).max(),
        }
        # rounding may leave a sum of probabilities just above 1
        return Probabilities(
            **{name: min(float(value / total), 1.0) for name, value in best.items()},
            exact=matched.exact and all_starts,
        )

    def _label_shares(self, states: tuple[tuple[_State, float], ...], inferable: bool) -> Floats:
        """Return the probability of each (label, state), shape (C, S), among rows that can be evaluated."""
        spec = self._catalog.spec
        navigation = 0.0 if inferable else spec.navigation.share
        total = sum(spec.navigation.labels.values())
        shares: dict[str, Floats] = {}

        def add(name: str, state: int, share: float) -> None:
            if name != MISSING_LABEL and share > 0:
                row = shares.setdefault(self._rules.category_key(name), np.zeros(len(states)))
                row[state] += share

        for number, (state, share) in enumerate(states):
            add(self._kinds[state.kind].path[2], number, share * (1 - navigation))
            for name, weight in spec.navigation.labels.items():
                add(name, number, share * navigation * weight / total)
        assert shares, "a row that is evaluated has a category"
        return np.array(list(shares.values()))


def _sometimes_named(states: tuple[tuple[_State, float], ...]) -> set[Value]:
    """Return the values that a title names in a slot that another title leaves open."""
    titles = {title for state, _ in states for title, _ in state.titles}
    slots = [{slot for slot, _ in title.values} for title in titles]
    always = set.intersection(*slots) if slots else set()
    return {value for title in titles for value in title.values if value[0] not in always}


def _largest_share(shares: Sequence[tuple[tuple[str, float], ...]], weight_S: Floats) -> float:
    """Return the largest total share of one text."""
    totals: dict[str, float] = {}
    for texts, weight in zip(shares, weight_S.tolist(), strict=True):
        for text, share in texts:
            totals[text] = totals.get(text, 0.0) + share * weight
    return max(totals.values())


def _share_of_titles(state: _State, titles: list[Title], matched: frozenset[int]) -> float:
    """Return how often the state's title is one of those matched."""
    among = {titles[i] for i in matched}
    return sum(share for title, share in state.titles if title in among)


def _sort_key(title: Title) -> tuple[Words, list[Value]]:
    return title.words, sorted(title.values)


def _mean(rows: list[Probabilities]) -> Ceiling:
    parts = ("category", "title", "title_exact", "price", "joint")
    means = {name: sum(getattr(row, name) for row in rows) / len(rows) for name in parts}
    return Ceiling(
        n=len(rows),
        bounded=sum(not row.exact for row in rows),
        reasoning=(means["category"] + means["title"] + means["price"]) / 3,
        **means,
    )


# --- prices -----------------------------------------------------------------------------------------------------------


def price_window_probabilities(
    prices: CompiledPrices,
    kind_S: Index,
    scale_S: Floats,
    tolerance: float,
    most_probabilities: int = _MOST_WINDOW_PROBABILITIES,
) -> tuple[Floats, bool]:
    """Return the probability, shape (S, J), that answer j is near enough to the price, and whether it is exact.

    An answer a is right for prices p with |a - p| <= tolerance * p, from a / (1 + tolerance) to a / (1 - tolerance).
    Some best answer has a window that begins at a legal price. Where more than `most_probabilities` values would be
    needed, each window is widened to contain those that begin before the next one: an upper bound, and not exact.
    """
    points = prices.points
    bounds_S2 = np.array([_price_bounds(prices, kind) for kind in kind_S.tolist()]) * scale_S[:, None]
    low = np.searchsorted(points, bounds_S2[:, 0].min(), side="left") - 1
    high = np.searchsorted(points, bounds_S2[:, 1].max(), side="right")
    low, high = max(int(low), 0), min(int(high), len(points) - 1)
    step = -(-(high - low + 1) * len(kind_S) // most_probabilities)
    start_J = np.arange(low, high + 1, step)
    ratio = (1 + tolerance) / (1 - tolerance) if tolerance < 1 else np.inf
    last_J = np.minimum(start_J + step - 1, high)
    end_J = np.searchsorted(points, points[last_J] * ratio, side="right") - 1
    upper_SJ = _price_cdf(prices, end_J, kind_S, scale_S)
    lower_SJ = np.where(start_J > 0, _price_cdf(prices, start_J - 1, kind_S, scale_S), 0.0)
    return upper_SJ - lower_SJ, step == 1


def _price_bounds(prices: CompiledPrices, kind: int) -> tuple[float, float]:
    """Return two prices between which every price of a kind is, at a scale of 1."""
    quantiles = _log_quantiles(prices, kind)
    if len(quantiles):
        return float(np.exp(quantiles[0])), float(np.exp(quantiles[-1]))
    furthest = float(np.exp(_FURTHEST_Z * prices.spread_K[kind]))
    return 1 / furthest, furthest


def _log_quantiles(prices: CompiledPrices, kind: int) -> Floats:
    first = prices.first_quantile_K[kind]
    return prices.log_quantiles_Q[first : first + prices.num_quantiles_K[kind]]


def _price_cdf(prices: CompiledPrices, index_J: Index, kind_S: Index, scale_S: Floats) -> Floats:
    """Return the probability, shape (S, J), of a price no higher than legal price number `index_J`.

    A price goes to a legal one when it is at most halfway to the next one; one without spread goes to one of them.
    """
    points = prices.points
    log_upper_J = np.log(np.append((points[1:] + points[:-1]) / 2, np.inf)[index_J])
    found_SJ = np.empty((len(kind_S), len(index_J)))
    for state, (kind, scale) in enumerate(zip(kind_S.tolist(), scale_S.tolist(), strict=True)):
        quantiles = _log_quantiles(prices, kind)
        spread = float(prices.spread_K[kind])
        if len(quantiles):
            found_SJ[state] = _quantile_cdf(points, quantiles, scale, index_J, log_upper_J)
        elif spread > 0:
            found_SJ[state] = ndtr((log_upper_J - np.log(scale)) / spread)
        else:
            found_SJ[state] = snap_to_points(points, scale_S[[state]]) <= points[index_J]
    return found_SJ


def _quantile_cdf(points: Floats, log_quantiles: Floats, scale: float, index_J: Index, log_upper_J: Floats) -> Floats:
    """Return the same for one kind with quantiles: between two of them the price is log-linear, or all at one price."""
    found_J = np.zeros(len(index_J))
    for low, high in itertools.pairwise(log_quantiles.tolist()):
        if high > low:
            found_J += np.clip((log_upper_J - np.log(scale) - low) / (high - low), 0.0, 1.0)
        else:
            found_J += snap_to_points(points, np.array([np.exp(low) * scale])) <= points[index_J]
    return found_J / (len(log_quantiles) - 1)


# --- colours ----------------------------------------------------------------------------------------------------------


def rank_shares(colourways: CompiledColourways, kind: int) -> tuple[float, ...]:
    """Return, for each r, the share of a kind's products with r earlier products of their family."""
    longest, repeats = int(colourways.longest_K[kind]), float(colourways.repeats_K[kind])
    has_room = np.cumsum(colourways.starts_P)[::-1]  # share of families that start early enough for r more
    sizes = [repeats**rank * float(has_room[rank]) for rank in range(longest)]
    return tuple(size / sum(sizes) for size in sizes)


def colour_shares(weights: tuple[float, ...], ranks: tuple[float, ...]) -> Floats:
    """Return the share of each value among products whose family samples its colours without replacement, by weight.

    Weighted sampling without replacement has the same order as independent exponential clocks whose rates are the
    weights. Value v has rank r when r other clocks have rung before its own: an integral over the time of v. It is
    computed by the trapezoidal rule in log time; the integrand falls off fast enough on both sides for an error below
    1e-9. After the last value all values are available again.
    """
    positive = np.flatnonzero(np.array(weights) > 0)
    rate_V = np.array(weights)[positive] / sum(weights)
    if len(positive) == 1 or sum(ranks[1:]) == 0:
        pick_V = rate_V
    else:
        wanted_R = [sum(ranks[r :: len(positive)]) for r in range(min(len(positive), len(ranks)))]
        log_time, step = np.linspace(-30.0, np.log(45.0 / rate_V.min()), 4000, retstep=True)
        rung_VT = -np.expm1(-rate_V[:, None] * np.exp(log_time))
        pick_V = np.empty(len(rate_V))
        for v in range(len(rate_V)):
            before_RT = np.zeros((len(wanted_R), len(log_time)))
            before_RT[0] = 1.0
            for other in range(len(rate_V)):
                if other != v:
                    one_more = before_RT[:-1] * rung_VT[other]
                    before_RT *= 1 - rung_VT[other]
                    before_RT[1:] += one_more
            density_T = rate_V[v] * np.exp(log_time) * (1 - rung_VT[v])
            pick_V[v] = step * (np.array(wanted_R) @ before_RT @ density_T)
    found = np.zeros(len(weights))
    found[positive] = pick_V
    return found


# --- titles -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MatchedSets:
    """The largest sets of titles that one answer matches."""

    sets: tuple[frozenset[int], ...]
    """Indices into the list of titles."""
    exact: bool
    """False where the search was cut short: some sets are then larger than what any answer matches."""


@dataclass(frozen=True, slots=True)
class _WordGroup:
    """Words that occur in the same titles: only how many of them an answer contains matters."""

    size: int
    titles: frozenset[int]


def largest_matched_sets(
    titles: Sequence[Title],
    shown: Values,
    phrases: Callable[[Value], Sequence[Words]],
    least_f1: float,
    most_steps: int = _MOST_SEARCH_STEPS,
) -> MatchedSets:
    """Return every largest set of titles that one answer matches, by branch and bound.

    An answer matches a title when their F1 is at least `least_f1` and its values agree with the title's. It need not be
    a title of the shop: at 0.75, "Wool Crew Sweater" matches both "Wool Sweater" and "Wool Crew-neck Sweater". For
    every combination of values that an answer may name, and of `phrases` that name them, the titles that agree are
    found, and words are decided group by group; a title is out of reach when even all undecided words of its own would
    not be enough. Words in no title only lower F1, and the second copy of a word is never better than the first, so no
    answer is missed. After `most_steps` steps the titles within reach are returned, an upper bound. The same holds for
    more than a hundred titles, unless the words that they share are enough.
    """
    found: list[frozenset[int]] = []
    steps = 0
    for values in _answerable_values(titles):
        agreeing = [i for i, title in enumerate(titles) if _agree(values, title, shown)]
        if not values <= frozenset().union(*(titles[i].values for i in agreeing)):
            continue  # fewer values agree with the same titles
        words = [titles[i].words for i in agreeing]
        for needed in _needed_words(words, values, phrases):
            if agreeing and not any(known.issuperset(agreeing) for known in found):
                sets, taken = _search_sets(words, needed, least_f1, max(most_steps - steps, 0))
                steps += taken
                found += [frozenset(agreeing[i] for i in one) for one in sets]
    largest = dict.fromkeys(one for one in found if one and not any(one < other for other in found))
    return MatchedSets(tuple(largest), steps <= most_steps)


def _answerable_values(titles: Sequence[Title]) -> list[Values]:
    """Return every combination of what an answer may name: in each slot what some title names there, most first."""
    slots = sorted({slot for title in titles for slot, _ in title.values})
    options = [{frozenset(value for value in title.values if value[0] == slot) for title in titles} for slot in slots]
    found = {frozenset[Value]().union(*one) for one in itertools.product(*options)}
    return sorted(found, key=lambda values: (-len(values), sorted(values)))


def _agree(values: Values, title: Title, shown: Values) -> bool:
    """Return whether an answer that names `values` agrees with a title."""
    slots = {slot for slot, _ in title.values}
    return title.values <= values and values <= title.values | {value for value in shown if value[0] not in slots}


def _needed_words(
    titles: Sequence[Words], values: Values, phrases: Callable[[Value], Sequence[Words]]
) -> list[Counter[str]]:
    """Return the fewest words with which an answer names the values, for every choice of phrases from the titles."""
    available = functools.reduce(lambda one, other: one | other, map(Counter, titles), Counter[str]())
    ways = []
    for value in sorted(values):
        possible = [words for phrase in phrases(value) if (words := Counter(phrase)) <= available]
        ways.append([one for one in possible if not any(other < one for other in possible)])
    return [functools.reduce(lambda one, other: one | other, way, Counter[str]()) for way in itertools.product(*ways)]


def _search_sets(
    titles: Sequence[Words], needed: Counter[str], least_f1: float, most_steps: int
) -> tuple[list[frozenset[int]], int]:
    """Return the largest sets of titles by words alone, where an answer holds the needed words, and the steps taken.

    More steps than `most_steps` mean that the search was cut short.
    """
    everything = frozenset(range(len(titles)))
    search = _TitleSearch(titles, needed, least_f1, most_steps)
    start = [(Counter(title) & needed).total() for title in titles]
    group = search.groups[0] if search.groups else None
    free = group.size if group is not None and group.titles == everything else 0
    taken = needed.total() + free
    if all(2 * (n + free) >= least_f1 * (taken + len(words)) for n, words in zip(start, titles, strict=True)):
        return [everything], 0
    if len(titles) > _MOST_TITLES:
        return [everything], most_steps + 1
    search.decide(0, needed.total(), start)
    return search.found, search.steps


class _TitleSearch:
    """Depth-first search over the groups, most words of a group first."""

    def __init__(self, titles: Sequence[Words], needed: Counter[str], least_f1: float, most_steps: int) -> None:
        self.lengths = [len(words) for words in titles]
        self.least_f1 = least_f1
        self.most_steps = most_steps
        self.steps = 0
        self.found: list[frozenset[int]] = []
        self.groups = _word_groups([tuple((Counter(words) - needed).elements()) for words in titles])
        self.undecided = [[0] * len(titles)]
        for group in reversed(self.groups):
            last = self.undecided[0]
            self.undecided.insert(0, [n + group.size * (i in group.titles) for i, n in enumerate(last)])

    def decide(self, number: int, num_words: int, shared: list[int]) -> None:
        """Take 0 to all words of group `number`; `shared` counts each title's words among the `num_words` so far."""
        self.steps += 1
        reach = frozenset(i for i in range(len(shared)) if self._is_within_reach(i, number, num_words, shared[i]))
        if not reach or any(reach <= known for known in self.found):
            return
        if number == len(self.groups) or self.steps > self.most_steps:
            self.found.append(reach)
            return
        group = self.groups[number]
        in_all = len(group.titles) == len(shared)  # such a word raises every F1
        for taken in range(group.size, group.size - 1 if in_all else -1, -1):
            more = [n + taken * (i in group.titles) for i, n in enumerate(shared)]
            self.decide(number + 1, num_words + taken, more)

    def _is_within_reach(self, i: int, number: int, num_words: int, shared: int) -> bool:
        undecided = self.undecided[number][i]
        return 2 * (shared + undecided) >= self.least_f1 * (num_words + undecided + self.lengths[i])


def _word_groups(titles: Sequence[Words]) -> list[_WordGroup]:
    """Group the words of all titles by the titles they occur in, those in the most titles first."""
    titles_of: dict[tuple[str, int], set[int]] = {}
    for i, words in enumerate(titles):
        for word, count in Counter(words).items():
            for copy in range(count):
                titles_of.setdefault((word, copy), set()).add(i)
    sizes = Counter(frozenset(where) for where in titles_of.values())
    groups = [_WordGroup(size, where) for where, size in sizes.items()]
    return sorted(groups, key=lambda group: (-len(group.titles), sorted(group.titles)))
