"""A table model with given log-probabilities, to test rankings and price posteriors without a network."""

from collections.abc import Callable, Mapping, Sequence

from PIL import Image

from evaluation.models.base import AnswerForm, Generated, LogProbs
from schemas.product import Product
from tests.helpers.shard_fixture import TableModel, colour_of, truth

Colour = tuple[int, int, int]


class ScoringModel(TableModel):
    """Answer from a table; the log-probability of a candidate is `log_prob(colour, prefix, candidate)`."""

    constrains = True

    def __init__(
        self,
        answers: Mapping[Colour, str],
        log_prob: Callable[[Colour, str, str], float],
        otherwise: str = "I see one colour.",
    ) -> None:
        super().__init__(answers, otherwise)
        self.log_prob = log_prob
        self.asked: list[tuple[str, AnswerForm | None, Colour]] = []
        """Prompt, form and colour of every generated answer, in order."""
        self.forms: list[AnswerForm] = []
        self.scored: list[tuple[Colour, str]] = []
        """Colour and prefix of every row whose candidates were scored."""
        self.ended: dict[str, bool] = {}
        """Per candidate, whether the end of the answer was scored with it."""

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], *, constraint: AnswerForm | None = None
    ) -> list[Generated]:
        self.asked += [(prompt, constraint, colour(image)) for prompt, image in zip(prompts, images, strict=True)]
        self.forms += [constraint] if constraint else []
        return super().generate(images, prompts)

    def logprob(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str],
        prefixes: Sequence[str],
        answers: Sequence[Sequence[str]],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        self.batches.append(len(images))
        self.prompts.update(prompts)
        self.ended |= {answer: ended for of_row in answers for answer in of_row}
        self.scored += [(colour(image), prefix) for image, prefix in zip(images, prefixes, strict=True)]
        return [
            LogProbs(
                values=tuple(self.log_prob(colour(image), prefix, answer) for answer in of_row),
                num_tokens=tuple(len(answer.split()) for answer in of_row),
            )
            for image, prefix, of_row in zip(images, prefixes, answers, strict=True)
        ]


def colour(image: Image.Image) -> Colour:
    """Return the colour of an image that has only one."""
    found = image.getpixel((0, 0))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


def scoring_model(
    rows: Sequence[Product],
    log_prob: Callable[[Colour, str, str], float] = lambda colour, prefix, candidate: -float(len(candidate)),
    answer: Callable[[Product], str] = truth,
) -> ScoringModel:
    """Return a model that answers `answer(product)` to the product's image."""
    return ScoringModel({colour_of(row.product_code): answer(row) for row in rows}, log_prob)
