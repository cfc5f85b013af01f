"""One batch of pictures under every protocol of a run.

The pictures are decoded and tiled once for all protocols, and the answer to the training prompt is written once: it is
the answer of `generate`, and the prefix of `rank` and `price` is cut from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from PIL import Image

from evaluation.models.base import AnswerForm, ConstrainedModel, Generated, LogProbs, RankingModel, VisionModel
from evaluation.protocols.dataset_stats import Facts
from evaluation.protocols.price_posterior import PriceDistribution, distribution
from evaluation.protocols.prompts import (
    category_candidates,
    category_prefix,
    price_candidates,
    price_prefix,
    prompt_of,
    reference_prefixes,
)
from evaluation.protocols.protocols import SCORED
from evaluation.protocols.rank import Ranking, habit, ranking
from schemas.answer import PROMPT
from schemas.evaluation import EvaluationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model said to one picture under one protocol."""

    text: str
    truncated: bool
    prefix: str | None = None
    ranking: Ranking | None = None
    prices: PriceDistribution | None = None


class Asker:
    """Asks a model; remembers what it writes by habit, which is the same for all pictures of a shape.

    `facts` may be None where no protocol needs them.
    """

    def __init__(self, model: VisionModel, spec: EvaluationSpec, facts: Facts | None) -> None:
        self._model = model
        self._spec = spec
        self._facts = facts
        self._prompts = {protocol: prompt_of(protocol, facts) for protocol in spec.protocols}
        self._habits: dict[tuple[tuple[int, int], tuple[str, ...]], list[float]] = {}

    def replies(
        self, pictures: Sequence[Image.Image], shows_product: Sequence[bool], blank: Image.Image
    ) -> dict[str, list[Reply]]:
        """For each protocol a reply to each of the pictures, of which some are blank; all have the shape of `blank`."""
        found: dict[str, list[Reply]] = {}
        own: Sequence[str] = ()
        if "generate" in self._spec.protocols or set(SCORED) & set(self._spec.protocols):
            written = self._model.generate(pictures, [PROMPT] * len(pictures))
            own = [answer.text for answer in written]
            found["generate"] = [Reply(text=answer.text, truncated=answer.truncated) for answer in written]
        for protocol in self._spec.protocols:
            match protocol:
                case "generate":
                    continue
                case "rank":
                    found[protocol] = self._ranked(pictures, own, shows_product, blank)
                case "price":
                    found[protocol] = self._priced(pictures, own)
                case _:
                    answers = self._written(protocol, pictures)
                    found[protocol] = [Reply(text=answer.text, truncated=answer.truncated) for answer in answers]
        return {protocol: found[protocol] for protocol in self._spec.protocols}

    def _written(self, protocol: str, pictures: Sequence[Image.Image]) -> list[Generated]:
        prompts = [self._prompts[protocol]] * len(pictures)
        if protocol != "constrained":
            return self._model.generate(pictures, prompts)
        form = AnswerForm(categories=self._known.categories)
        return cast(ConstrainedModel, self._model).generate(pictures, prompts, constraint=form)

    def _ranked(
        self, pictures: Sequence[Image.Image], own: Sequence[str], shows_product: Sequence[bool], blank: Image.Image
    ) -> list[Reply]:
        categories = self._known.categories
        prefixes = [category_prefix(answer) for answer in own]
        scored = self._logprobs(pictures, prefixes, category_candidates(categories))
        found = []
        for prefix, log_probs, sees in zip(prefixes, scored, shows_product, strict=True):
            references = reference_prefixes(prefix, self._known)
            nothing_new = not sees and references == (prefix,)  # then only rounding would tell it from its habit
            expected = log_probs.values if nothing_new else self._habit(references, blank)
            ranked = ranking(categories, log_probs, expected, self._spec.rank_by)
            found.append(Reply(text=ranked.answer(), truncated=False, prefix=prefix, ranking=ranked))
        return found

    def _habit(self, references: tuple[str, ...], blank: Image.Image) -> Sequence[float]:
        """ln P(category | blank picture); asked in batches of its own, so that it is the same in a continued run."""
        key = (blank.size, references)
        if key not in self._habits:
            candidates = category_candidates(self._known.categories)
            found: list[LogProbs] = []
            for start in range(0, len(references), self._spec.batch_size):
                part = references[start : start + self._spec.batch_size]
                found += self._logprobs([blank] * len(part), part, candidates)
            titled = dict(self._known.references)
            self._habits[key] = habit(found, [name in titled for name in self._known.categories])
        return self._habits[key]

    def _priced(self, pictures: Sequence[Image.Image], own: Sequence[str]) -> list[Reply]:
        points = self._known.price_points
        prefixes = [price_prefix(answer) for answer in own]
        scored = self._logprobs(pictures, prefixes, price_candidates(points), ended=True)
        prices = [distribution(points, log_probs.values) for log_probs in scored]
        return [
            Reply(text=one.answer(), truncated=False, prefix=prefix, prices=one)
            for prefix, one in zip(prefixes, prices, strict=True)
        ]

    def _logprobs(
        self,
        pictures: Sequence[Image.Image],
        prefixes: Sequence[str],
        candidates: Sequence[str],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        prompts, answers = [PROMPT] * len(pictures), [candidates] * len(pictures)
        return cast(RankingModel, self._model).logprob(pictures, prompts, prefixes, answers, ended=ended)

    @property
    def _known(self) -> Facts:
        assert self._facts is not None, self._spec.protocols
        return self._facts
