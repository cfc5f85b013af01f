"""How an evaluation is done: which rows, which protocol and controls, and what counts as right.

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
    protocol: str = "generate"
    """generate: the model writes its answer to the question of `schemas.answer`, greedily."""
    controls: tuple[str, ...] = ("blank", "shuffled")
    """Beside the true picture: blank (one colour) and shuffled (the picture of another family's product)."""
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
    """Of the sample under `limit`, the shuffled pictures and the bootstrap."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of categories: `{"trenches": "Trench Coats"}`; compared like categories, so case does not matter."""
