"""Models with a planted behaviour, asked through `evaluate`: each gets the verdict that is true of it."""

import dataclasses
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.models.base import Generated, ModelUnderTest
from evaluation.rows import ENCODED_FILE
from evaluation.run import evaluate
from schemas.answer import render
from schemas.evaluation import EvaluationSpec
from schemas.images import decode_rgb
from schemas.product import Product
from schemas.result import Result
from tests.helpers.shard_fixture import CATEGORIES, in_split, products, truth, write_shards

NUM_ROWS = 90


def photograph(number: int, comment: str) -> bytes:
    """A noisy JPEG, of one of two sizes, whose comment says what it shows."""
    size = (32, 24) if number % 3 else (24, 32)
    noise = np.random.default_rng(number).integers(0, 256, (*reversed(size), 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", comment=comment.encode(), quality=90)
    return file.getvalue()


ROWS = [
    dataclasses.replace(row, image=photograph(number, truth(row)))
    for number, row in enumerate(in_split(products(NUM_ROWS)))
]
BY_PIXELS = {decode_rgb(row.image or b"").tobytes(): row for row in ROWS}
CONSTANT = render("Cotton Bag", "Bags", 800.0)


def seen(image: Image.Image) -> Product | None:
    """The product of an image, known by its pixels alone; None for a blank one."""
    return BY_PIXELS.get(image.tobytes())


class Planted:
    """A model that answers by a rule from image, place in the batch, and number of images before."""

    def __init__(self, rule: Callable[[Image.Image, int, int], str]) -> None:
        self._rule = rule
        self._asked = 0

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        start, self._asked = self._asked, self._asked + len(images)
        return [Generated(text=self._rule(each, k, start + k), truncated=False) for k, each in enumerate(images)]


def read_oracle(image: Image.Image, place: int, number: int) -> str:
    row = seen(image)
    return "I see nothing." if row is None else truth(row)


def read_title_and_price(image: Image.Image, place: int, number: int) -> str:
    row = seen(image)
    return "I see nothing." if row is None else render(row.title or "", "Clothing", row.full_price or 0)


def read_price(image: Image.Image, place: int, number: int) -> str:
    row = seen(image)
    return CONSTANT if row is None else render("Cotton Bag", "Bags", row.full_price or 0)


def answer_constantly(image: Image.Image, place: int, number: int) -> str:
    return CONSTANT


def refuse_blank(image: Image.Image, place: int, number: int) -> str:
    return CONSTANT if np.asarray(image).std() > 1 else "I am sorry, I see no product."


def answer_by_place(image: Image.Image, place: int, number: int) -> str:
    return render("Cotton Bag", CATEGORIES[place % len(CATEGORIES)], 200.0 + 300 * (place % len(CATEGORIES)))


def answer_by_mean_colour(image: Image.Image, place: int, number: int) -> str:
    return answer_by_place(image, round(float(np.asarray(image).mean()) * 7), number)


def answer_by_size(image: Image.Image, place: int, number: int) -> str:
    return answer_by_place(image, image.width, number)


def recall_order(image: Image.Image, place: int, number: int) -> str:
    return truth(ROWS[number]) if number < len(ROWS) else CONSTANT


def read_metadata(image: Image.Image, place: int, number: int) -> str:
    """Take the comment of the image, or of the file that it was decoded from."""
    stored = image.info.get(ENCODED_FILE)
    found = Image.open(io.BytesIO(stored)).info.get("comment") if stored else image.info.get("comment")
    return found.decode() if isinstance(found, bytes) else str(found or CONSTANT)


def evaluated(rule: Callable[[Image.Image, int, int], str], folder: Path, *controls: str) -> Result:
    data = write_shards(folder / "data", ROWS)
    model = ModelUnderTest(
        model=getattr(rule, "__name__", "rule"), adapter=None, device="cpu", dtype="float32", load=lambda: Planted(rule)
    )
    spec = EvaluationSpec(controls=controls, batch_size=7)
    return evaluate(model, data, folder / "out", spec, quiet=True, noise_check=False)


@pytest.mark.parametrize("rule", [read_oracle, read_title_and_price, read_price])
def test_a_model_that_reads_any_field_uses_the_image(rule: Callable[..., str], tmp_path: Path) -> None:
    result = evaluated(rule, tmp_path, "blank", "shuffled")
    assert result.uses_picture is True, result.verdict
    assert "price +" in result.verdict


@pytest.mark.parametrize(
    "rule",
    [
        answer_constantly,
        refuse_blank,
        answer_by_place,
        answer_by_mean_colour,
        answer_by_size,
        recall_order,
        read_metadata,
    ],
)
def test_a_model_that_does_not_look_is_told_so(rule: Callable[..., str], tmp_path: Path) -> None:
    result = evaluated(rule, tmp_path, "blank", "shuffled")
    assert result.uses_picture is False, result.verdict
    assert "does not use the image" in result.verdict


def test_refusing_blank_images_alone_proves_nothing(tmp_path: Path) -> None:
    result = evaluated(refuse_blank, tmp_path, "blank")
    assert result.uses_picture is None
    assert "run the control shuffled" in result.verdict


def test_against_another_image_alone_a_reader_is_believed(tmp_path: Path) -> None:
    assert evaluated(read_title_and_price, tmp_path, "shuffled").uses_picture is True


def test_a_blank_image_that_changes_nothing_is_enough_to_say_no(tmp_path: Path) -> None:
    assert evaluated(answer_constantly, tmp_path, "blank").uses_picture is False


def test_images_are_asked_about_in_a_random_order_that_repeats(tmp_path: Path) -> None:
    """Images of one size come in an order that has nothing to do with that of the rows, the same in every run."""
    place_of = {row.product_code: place for place, row in enumerate(ROWS)}
    orders = []
    for run in ("first", "second"):
        asked: list[int] = []

        def remember(image: Image.Image, place: int, number: int, asked: list[int] = asked) -> str:
            row = seen(image)
            if row is not None and image.size == (32, 24):
                asked.append(place_of[row.product_code])
            return CONSTANT

        evaluated(remember, tmp_path / run, "shuffled")
        orders.append(asked)
    assert orders[0] == orders[1]
    assert len(orders[0]) == NUM_ROWS * 2 // 3
    assert abs(np.corrcoef(orders[0], np.arange(len(orders[0])))[0, 1]) < 0.4
