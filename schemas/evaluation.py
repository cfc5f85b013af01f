"""How an evaluation is done: which rows, which protocols and controls, and what counts as right.

Sources: the price tolerance of 20 % is the "static adoption rate" of LLP (arXiv 2510.09347); blank and shuffled
pictures as controls follow MMStar (arXiv 2403.20330).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """Everything but the model and the data that decides the scores, and `batch_size`, which should not."""

    split: str = "test"
    """Rows that are evaluated: train, validation or test. Baselines are always fitted on train."""
    protocols: tuple[str, ...] = ("generate",)
    """How the model is asked, the first being the headline. generate: the training prompt, answered greedily;
    instructed: with the form of the answer, the closed list of categories and the currency; examples: instructed, and
    answers of train rows; constrained: instructed, and nothing but the form can be written; rank: category by
    log-probability over the closed set; price: the posterior over the prices of the train rows."""
    controls: tuple[str, ...] = ("blank", "shuffled")
    """Beside the true picture: blank (one colour), shuffled (the picture of another family's product) and
    shuffled_in_category (of another family's product of the same category)."""
    num_examples: int = 3
    """Answers of train rows in the prompt of `examples`, each of another category."""
    rank_by: str = "calibrated"
    """Which log-probability `rank` answers by: raw, per_token (raw by number of tokens) or calibrated (raw minus that
    under a blank picture). All three are kept."""
    price_points: tuple[float, ...] | None = None
    """Prices that `price` weighs against each other, in the catalog's currency; None is those of the train rows."""
    choose_prompt: bool = False
    """Ask generate, instructed and examples of validation rows first and put the best one among the protocols."""
    validation_limit: int = 200
    """Validation rows behind that choice, at most; drawn as under `limit`."""
    limit: int | None = None
    """Evaluate this many rows, drawn by `seed` and product code so that a larger limit keeps them; None is all."""
    batch_size: int = 8
    """Pictures a model call; a matter of memory, so an unfinished run may continue with another."""
    max_new_tokens: int = 96
    """An answer longer than this is cut and marked as truncated; a real one takes 28 to 50 tokens."""
    price_tolerance: float = 0.2
    """A price is right when |answer - truth| / truth is at most this."""
    title_f1: float = 0.8
    """A title is right when the F1 of its token multiset reaches this."""
    confidence: float = 0.95
    """Of every interval; two-sided."""
    min_category_rows: int = 20
    """Categories with fewer rows are pooled in macro figures and get no p-value."""
    seed: int = 0
    """Of the sample under `limit`, the shuffled pictures, the examples and the bootstrap."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of categories: `{"trenches": "Trench Coats"}`; compared like categories, so case does not matter."""

    @property
    def protocol(self) -> str:
        """The protocol of the headline."""
        return self.protocols[0]
