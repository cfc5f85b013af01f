"""The evaluation spec: which rows, protocols and controls, and which answers count as right.

Sources: the price tolerance of 20 % is the "static adoption rate" of LLP (arXiv 2510.09347); blank and shuffled images
as controls follow MMStar (arXiv 2403.20330).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from schemas.documents import OneOf, Text, Unique

SPLITS = ("train", "validation", "test")
PROTOCOLS = ("generate", "instructed", "examples", "constrained", "rank", "price")
CONTROLS = ("blank", "shuffled", "shuffled_in_category")
EVERY_CONTROL = ("none", *CONTROLS)
"""`none` is the product's own image."""
Split = Annotated[str, OneOf(SPLITS)]
Protocol = Annotated[str, OneOf(PROTOCOLS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """How an evaluation is done: everything but model and data that decides the scores, and `batch_size`."""

    split: Split = "test"
    """Rows that are evaluated: train, validation or test. Baselines are always fitted on train."""
    protocols: Annotated[tuple[Protocol, ...], MinLen(1), Unique()] = ("generate",)
    """How the model is asked; the first protocol is the headline. generate: the training prompt, greedy decoding.
    instructed: with the form of the answer, the closed list of categories and the currency. examples: instructed, with
    answers of train rows. constrained: instructed, and only that form can be generated. rank: category by
    log-probability over the closed set. price: the posterior over the prices of the train rows."""
    controls: Annotated[tuple[Annotated[str, OneOf(CONTROLS)], ...], Unique()] = ("blank", "shuffled")
    """Control images that replace the true one. blank: one colour. shuffled: the image of a product of another family.
    shuffled_in_category: the same within the category."""
    num_examples: Annotated[int, Ge(1), Le(16)] = 3
    """Answers of train rows in the prompt of `examples`, each of another category."""
    rank_by: Annotated[str, OneOf(("raw", "per_token", "calibrated"))] = "calibrated"
    """Which log-probability `rank` answers by: raw, per_token (raw by number of tokens) or calibrated (raw minus that
    under a blank image). All three are recorded."""
    price_points: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(2), MaxLen(512), Unique()] | None = None
    """Prices that `price` compares, in the catalog's currency; null means the prices of the train rows, at most 512."""
    choose_prompt: bool = False
    """Evaluate generate, instructed and examples on validation rows first, and add the best one to the protocols."""
    validation_limit: Annotated[int, Ge(1)] = 200
    """Validation rows for that choice, at most; sampled as under `limit`."""
    limit: Annotated[int, Ge(1)] | None = None
    """Evaluate this many rows, sampled by `seed` and product code so that a larger limit keeps them; null means all."""
    batch_size: Annotated[int, Ge(1)] = 8
    """Images per model call. It only decides memory, so an unfinished run may continue with another value."""
    max_new_tokens: Annotated[int, Ge(1)] = 96
    """A longer answer is cut and marked as truncated; a real one has 28 to 50 tokens."""
    price_tolerance: Annotated[float, Ge(0)] = 0.2
    """A price is right when |answer - truth| / truth is at most this."""
    title_f1: Annotated[float, Ge(0), Lt(1)] = 0.8
    """A title is right when the F1 of its words is above this, and it contradicts no attribute."""
    confidence: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Confidence level of every interval; two-sided."""
    min_category_rows: Annotated[int, Ge(1)] = 20
    """Categories with fewer rows are pooled in macro figures and get no p-value."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the sample under `limit`, the shuffled images, the examples and the bootstrap."""
    aliases: Mapping[str, Text] = field(default_factory=dict)
    """Other names of categories, such as `{"trenches": "Trench Coats"}`; compared without regard to case."""

    @property
    def protocol(self) -> str:
        """The protocol of the headline."""
        return self.protocols[0]
