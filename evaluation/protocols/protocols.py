"""The ways of asking, what each of them measures and needs, and whether a model can be asked so.

A base model loses points for not knowing the form of the answer, and a tuned one wins them for it; asked in several
ways, a gain falls apart into form and sight:

    generate     the training prompt, answered greedily
    instructed   the same question with the form of the answer, the closed list of categories and the currency
    examples     instructed, and answers of a few train rows
    constrained  instructed, and nothing but the form can be written
    rank         log-probability of every category of the closed set behind the model's own title
    price        probability of every price point behind the model's own title and category
"""

from collections.abc import Iterable

from evaluation.models.base import ConstrainedModel, RankingModel, VisionModel
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec

FREE_TEXT = ("generate", "instructed", "examples")
"""The model writes what it likes; among these a prompt is chosen, the earlier one where they are equal."""
SCORED = ("rank", "price")
"""Candidates are scored behind a prefix from the model's own answer to the training prompt."""
FIELDS_ANSWERED = {"rank": ("category",), "price": ("price",)}
"""What an answer of such a protocol can be right about; of every other protocol it is category, title and price."""
METHODS = {
    "generate": "the training prompt, greedy; for every protocol, equal questions about equal pictures are asked once",
    "instructed": "greedy; the prompt adds the form of the answer, the closed list of categories and the currency",
    "examples": "instructed, and answers of num_examples train rows of different categories, drawn by hash of seed and "
    "code among families that no other split holds",
    "constrained": "instructed, and of the tokens that keep the answer in the training form (title of one line, "
    "category of the closed set, decimal price) the likeliest is taken",
    "rank": "ln P(category | picture, training prompt, `Product: {the model's own title}, Category:`), closed by what "
    "follows a category; per_token: over its tokens; calibrated: less ln of the mean of P under a blank picture behind "
    "one train title of each category. An answer without a title: behind `Category:`, blank picture and all",
    "price": "P(price | picture, training prompt, the model's own title and category), closed by the end token, over "
    "the distinct full prices of the train rows (at most 512: at equally spaced quantiles of the rows, then the "
    "commonest), divided by its sum; the answer is the median. Unreadable answers: behind `Full Price:`",
}
"""How each protocol asks, for results."""
CHOICE = "the free-text protocol with the most right categories, titles and prices on validation rows; test is not seen"
_ALTERNATIVE = "use --protocol generate, instructed or examples, or evaluate the model itself, without a server"


def needs_facts(protocols: Iterable[str]) -> bool:
    """Whether prompts, forms or candidates come from the data."""
    return set(protocols) != {"generate"}


def check(model: VisionModel, spec: EvaluationSpec) -> None:
    """Raise a ToileError for a protocol that the model cannot be asked under; before anything runs."""
    scored = [protocol for protocol in spec.protocols if protocol in SCORED]
    if scored and not isinstance(model, RankingModel):
        raise ToileError(
            f"protocol {', '.join(scored)}", "needs log-probabilities, which this model does not tell", _ALTERNATIVE
        )
    if "constrained" in spec.protocols and not can_constrain(model):
        raise ToileError("protocol constrained", "needs a model whose tokens can be constrained", _ALTERNATIVE)


def can_constrain(model: VisionModel) -> bool:
    """Whether `generate` takes a constraint."""
    return isinstance(model, ConstrainedModel) and model.constrains


def with_protocol(spec: EvaluationSpec, protocol: str) -> tuple[str, ...]:
    """The protocols of a run, `protocol` added at the end where it is not among them."""
    return spec.protocols if protocol in spec.protocols else (*spec.protocols, protocol)
