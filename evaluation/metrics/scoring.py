"""Score one answer: are title, category and price of a prediction right?

A field that is missing, unreadable or outside the closed set is wrong, never dropped and never guessed. Each field has
exactly one reason, so the shares of the reasons of a field add up to one. An `Outcome` holds everything that metrics
need: reasons, title overlap, attribute words and both prices.
"""

import functools
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics.titles import Vocabulary, chrf, normalize_title, title_words, token_f1
from generator.fit.vocabulary import find_silhouette
from generator.upper_bound import ScoringRules
from schemas.answer import Answer, parse
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Posterior, Prediction
from schemas.product import Product

OK = "ok"
FIELDS = ("category", "title", "price")
REFUSED = "refused"
ROUNDING = 1e-9
"""Tolerance of limits: a value this close below a limit reaches it."""
_PATH = re.compile(r"\s*[>/|\u203a\u00bb\u2192]\s*|\s-\s")
_REMARK = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_SEVERAL = re.compile(r",|;|\b(?:or|and|und|oder|et|ou)\b|&")
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|sorry,? (?:but )?i|as an ai|unable to|"
    r"i (?:can't|cannot|can not|couldn't|could not|won't|will not|don't have|do not have))\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One scored prediction."""

    product_code: str
    family: str
    split: str
    protocol: str
    category: str
    """The row's category3_code; where the data spells it in several ways, the first one sorted."""
    answered_category: str | None
    """The category answered, as the data spells it; None when it is missing or out of the set."""
    category_strict: bool
    """Whether the answer spells the true category as the data does, apart from case, blanks, _, / and -."""
    inferable: bool
    control: str
    text: str
    """The answer as the model wrote it."""
    answer: Answer
    reasons: Mapping[str, str]
    """For category, title and price: ok, wrong, missing, truncated (missing because the answer was cut), refused
    (missing because the whole answer is a refusal), for a title contradiction (near enough, but another colour,
    material, pattern or type), for a category out-of-set, for a price unreadable or not-positive."""
    title_exact: bool
    """Equal after NFKC and without outer white space; case counts."""
    title_f1: float
    true_title: str
    true_price: float
    price_error: float
    """|answer - truth| / truth; infinite without a price."""
    truncated: bool
    top3: bool | None
    """Protocol rank: whether the true category is among the first three."""
    posterior: Posterior | None
    """Protocol price: summary of the price distribution."""
    words: Vocabulary
    """Reads titles for `agrees`; the same for all outcomes that were scored together."""

    def right(self, field: str) -> bool:
        """Return whether category, title or price is right."""
        return self.reasons[field] == OK

    def agrees(self, slot: str) -> bool | None:
        """Return whether the answered title names the same values of a slot; None where the true title names none."""
        return self.words.agrees(slot, self.answer.title, self.true_title)

    @property
    def title_chrf(self) -> float:
        """chrF2 of the answered title, from 0 to 1."""
        return chrf(self.answer.title or "", self.true_title)

    @property
    def refused(self) -> bool:
        """Whether the answer is a refusal, with no field in it."""
        return REFUSED in self.reasons.values()


class ClosedSet:
    """The existing categories under every spelling: NFKC, case folded, blanks, _, / and - alike, then aliases.

    `recognize` also accepts what a person would: singular or plural, the last part of a path, a remark in brackets, and
    another word for the garment that one category of the set sells.
    """

    def __init__(self, categories: Iterable[str], aliases: Mapping[str, str]) -> None:
        self._aliases = {category_key(name): category_key(target) for name, target in aliases.items()}
        self._labels = {self.key(name): name for name in sorted(set(categories), reverse=True)}
        self._by_singular = _invert_unique((_to_singular(key), name) for key, name in self._labels.items())
        garments = ((find_silhouette((name,)), name) for name in self._labels.values())
        self._by_silhouette = _invert_unique((found[0], name) for found, name in garments if found[1])

    def key(self, name: str) -> str:
        """Return the key that all spellings of one category share."""
        return self._aliases.get(category_key(name), category_key(name))

    def label(self, name: str) -> str | None:
        """Return the representative spelling of a category (the first one sorted); None outside the set."""
        return self._labels.get(self.key(name))

    def recognize(self, answer: str) -> str | None:
        """Return the one category of the set that an answer names; None where it names none or several."""
        found = self.label(answer) or self._by_singular.get(_to_singular(category_key(answer)))
        if found is not None:
            return found
        bare = _REMARK.sub("", answer).strip()
        parts = [part for part in _PATH.split(bare) if part.strip()]
        if len(parts) > 1:
            named = {self.label(part) or self._by_singular.get(_to_singular(category_key(part))) for part in parts[:-1]}
            last = self.recognize(parts[-1])
            return last if named <= {None, last} else None
        if bare != answer.strip():
            return self.recognize(bare) if bare else None
        if _SEVERAL.search(bare):
            return None
        silhouette, is_known = find_silhouette((bare,))
        return self._by_silhouette.get(silhouette) if is_known else None

    def labels(self) -> tuple[str, ...]:
        """Return the representative spelling of every category, sorted."""
        return tuple(sorted(self._labels.values()))


class AnswerScorer:
    """Scores answers about the given rows; `categories` are all that exist in the data, of any split."""

    def __init__(self, products: Iterable[Product], spec: EvaluationSpec, categories: Iterable[str]) -> None:
        self._spec = spec
        self._by_code = {product.product_code: product for product in products}
        rows = self._by_code.values()
        self._closed = ClosedSet([*categories, *(p.category3_code for p in rows if p.category3_code)], spec.aliases)
        self._words = Vocabulary(rows)

    def score(self, prediction: Prediction) -> Outcome:
        """Return the outcome of a prediction. Raises a ToileError without its row: they do not belong together."""
        row = _find_row(self._by_code, prediction)
        return _score_answer(row, prediction, self._spec, self._closed, self._words)


def score_answers(
    products: Iterable[Product], predictions: Sequence[Prediction], spec: EvaluationSpec, categories: Iterable[str]
) -> list[Outcome]:
    """Return one outcome per prediction, in their order, as `AnswerScorer` gives it."""
    scorer = AnswerScorer(products, spec, categories)
    return [scorer.score(prediction) for prediction in predictions]


def scoring_rules(spec: EvaluationSpec, products: Iterable[Product]) -> ScoringRules:
    """Return what counts as a right answer about these products, in the form that the best achievable score needs."""
    words = Vocabulary(products)
    return ScoringRules(
        category_key=ClosedSet((), spec.aliases).key,
        exact_title=normalize_title,
        title_words=title_words,
        title_f1=spec.title_f1 + ROUNDING,
        named_values=words.named_values,
        value_phrases=words.phrases,
        shown_values=lambda product: words.shown_values(product).values,
        price_tolerance=spec.price_tolerance + ROUNDING,
    )


@functools.lru_cache(maxsize=65536)
def category_key(name: str) -> str:
    """Return NFKC, case folded, with runs of blanks, underscores, slashes and hyphens of any kind as one blank."""
    return re.sub(r"[\s_/\u2010-\u2015\u2212-]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


@functools.lru_cache(maxsize=65536)
def _to_singular(key: str) -> str:
    """Return a category key with the English plural endings of its words removed; a key for look-ups, not a word."""
    return " ".join(_singular_word(word) for word in key.split())


def _singular_word(word: str) -> str:
    for ending, replacement in (
        ("ies", "y"),
        ("ves", "f"),
        ("sses", "ss"),
        ("shes", "sh"),
        ("ches", "ch"),
        ("xes", "x"),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + replacement
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) and len(word) > 3 else word


def _invert_unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the pairs as a dictionary without the keys that several names have."""
    names: dict[str, set[str]] = {}
    for key, name in pairs:
        names.setdefault(key, set()).add(name)
    return {key: found.pop() for key, found in names.items() if len(found) == 1}


def is_refusal(text: str) -> bool:
    """Return whether an answer declines or cannot answer; meant for answers without any field."""
    return bool(_REFUSAL.search(text.casefold().replace("\u2019", "'")))


def _find_row(by_code: Mapping[str, Product], prediction: Prediction) -> Product:
    if prediction.product_code not in by_code:
        raise ToileError(
            f"prediction of product {prediction.product_code}",
            "the data has no such row that can be evaluated",
            "score predictions with the data they were made from",
        )
    return by_code[prediction.product_code]


def _score_answer(
    product: Product, prediction: Prediction, spec: EvaluationSpec, closed: ClosedSet, words: Vocabulary
) -> Outcome:
    title, category, price = product.title, product.category3_code, product.full_price
    assert title is not None, product.product_code
    assert category is not None, product.product_code
    assert price is not None, product.product_code
    answer = parse(prediction.answer, truncated=prediction.truncated)
    f1 = token_f1(answer.title, title) if answer.title else 0.0
    error = math.inf if answer.price is None else abs(answer.price - price) / price
    verdicts = {
        "category": _category_reason(answer.category, category, closed),
        "title": _title_reason(answer.title, product, f1 > spec.title_f1 + ROUNDING, words),
        "price": _unreadable_price_reason(answer) or (OK if error <= spec.price_tolerance + ROUNDING else "wrong"),
    }
    refused = not any((answer.title, answer.category, answer.price)) and is_refusal(prediction.answer)
    return Outcome(
        product_code=product.product_code,
        family=product.family,
        split=prediction.split,
        protocol=prediction.protocol,
        category=closed.label(category) or category,
        answered_category=closed.recognize(answer.category) if answer.category else None,
        category_strict=bool(answer.category) and closed.key(answer.category or "") == closed.key(category),
        inferable=product.inferable,
        control=prediction.control,
        text=prediction.answer,
        answer=answer,
        reasons={field: _refine_missing(reason, refused, prediction.truncated) for field, reason in verdicts.items()},
        title_exact=bool(answer.title) and normalize_title(answer.title or "") == normalize_title(title),
        title_f1=f1,
        true_title=title,
        true_price=price,
        price_error=error,
        truncated=prediction.truncated,
        top3=_is_among(prediction.ranking[:3], category, closed) if prediction.ranking else None,
        posterior=prediction.posterior,
        words=words,
    )


def _category_reason(answer: str | None, truth: str, closed: ClosedSet) -> str:
    if not answer or not answer.strip():
        return "missing"
    found = closed.recognize(answer)
    if found is None:
        return "out-of-set"
    return OK if found == closed.label(truth) else "wrong"


def _title_reason(answer: str | None, product: Product, near: bool, words: Vocabulary) -> str:
    if not answer:
        return "missing"
    if not near:
        return "wrong"
    return OK if words.matches(answer, product.title or "", words.shown_values(product)) else "contradiction"


def _unreadable_price_reason(answer: Answer) -> str | None:
    if answer.price is not None:
        return None
    return next((problem.removeprefix("price:") for problem in answer.problems if problem.startswith("price:")), None)


def _is_among(names: Iterable[str], truth: str, closed: ClosedSet) -> bool:
    return closed.key(truth) in {closed.key(name) for name in names}


def _refine_missing(reason: str, refused: bool, truncated: bool) -> str:
    if reason != "missing":
        return reason
    return REFUSED if refused else "truncated" if truncated else reason
