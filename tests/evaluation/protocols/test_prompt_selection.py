"""The prompt is chosen on validation rows; test rows do not influence it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from evaluation.models.base import Generated
from evaluation.protocols.answers import answer
from evaluation.protocols.protocols import make_prompt, read_dataset_stats
from evaluation.rows import Rows, read_rows
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product
from tests.helpers.scoring_model import Colour, colour
from tests.helpers.shard_fixture import colour_of, products, truth, write_shards

SPEC = EvaluationSpec(choose_prompt=True, batch_size=4)


class Moody:
    """Right about a split's rows under the prompts that are planted for it, else silent; keeps the order of asking."""

    def __init__(self, rows: Sequence[Product], prompts: Mapping[str, str], knows: Mapping[str, set[str]]) -> None:
        self.rows = {colour_of(row.product_code): row for row in rows}
        self.protocols = {text: name for name, text in prompts.items()}
        self.knows = knows
        self.asked: list[tuple[str, str]] = []

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        return [self.say(self.rows.get(colour(seen)), prompt) for seen, prompt in zip(images, prompts, strict=True)]

    def say(self, row: Product | None, prompt: str) -> Generated:
        protocol = self.protocols[prompt]
        self.asked.append((row.split if row else "blank", protocol))
        right = row is not None and protocol in self.knows.get(row.split, set())
        return Generated(text=truth(row) if right and row else "?", truncated=False)


def shop(folder: Path, num: int = 90) -> tuple[Rows, list[Product], dict[str, str]]:
    rows = products(num)
    seen = read_rows(write_shards(folder, rows), EvaluationSpec())
    facts = read_dataset_stats(folder, EvaluationSpec())
    return seen, rows, {name: make_prompt(name, facts) for name in ("generate", "instructed", "examples")}


def test_prompt_choice_uses_validation_rows_only(tmp_path: Path) -> None:
    rows, catalog, prompts = shop(tmp_path)
    model = Moody(catalog, prompts, {"validation": {"instructed"}, "test": {"generate", "examples"}})
    found = answer(model, rows, tmp_path / "p.jsonl", SPEC)
    assert found.choice is not None
    assert found.choice.protocol == "instructed", "generate and examples would win on test"
    assert found.spec.protocols == ("generate", "instructed")
    assert found.spec.protocol == "generate", "the headline stays"
    first_test = model.asked.index(("test", "generate"))
    assert {split for split, _ in model.asked[:first_test]} == {"validation"}
    assert {protocol for split, protocol in model.asked if split == "test"} == {"generate", "instructed"}
    assert {p.protocol for p in found.predictions} == {"generate", "instructed"}
    assert {p.split for p in found.predictions} == {"test"}
    assert [prompt.protocol for prompt in found.prompts] == ["generate", "instructed"]


def test_validation_answers_are_kept_in_the_same_file(tmp_path: Path) -> None:
    rows, catalog, prompts = shop(tmp_path)
    model = Moody(catalog, prompts, {"validation": {"examples"}})
    found = answer(model, rows, tmp_path / "p.jsonl", SPEC)
    assert found.choice is not None
    written = [p for p in read_predictions(tmp_path / "p.jsonl") if p.split == "validation"]
    validation = sorted(row.product_code for row in catalog if row.split == "validation")
    assert len(validation) > 3
    for protocol in ("generate", "instructed", "examples"):
        assert sorted(p.product_code for p in written if p.protocol == protocol) == validation
    assert {p.control for p in written} == {"none"}
    assert sorted(found.choice.predictions, key=lambda p: p.key) == sorted(written, key=lambda p: p.key)
    assert sorted(product.product_code for product in found.choice.products) == validation


@pytest.mark.parametrize(
    ("right", "chosen"),
    [
        (set(), "generate"),
        ({"generate", "instructed", "examples"}, "generate"),
        ({"examples", "instructed"}, "instructed"),
        ({"examples"}, "examples"),
    ],
)
def test_equal_prompts_are_settled_by_their_order(tmp_path: Path, right: set[str], chosen: str) -> None:
    rows, catalog, prompts = shop(tmp_path)
    spec = replace(SPEC, protocols=("examples",))
    found = answer(Moody(catalog, prompts, {"validation": right}), rows, tmp_path / "p.jsonl", spec)
    assert found.choice is not None
    assert found.choice.protocol == chosen
    assert found.spec.protocols == (("examples",) if chosen == "examples" else ("examples", chosen))


def test_a_finished_file_asks_nothing_again_and_chooses_the_same(tmp_path: Path) -> None:
    rows, catalog, prompts = shop(tmp_path)
    model = Moody(catalog, prompts, {"validation": {"instructed"}})
    first = answer(model, rows, tmp_path / "p.jsonl", SPEC)
    asked = len(model.asked)
    assert answer(model, rows, tmp_path / "p.jsonl", SPEC) == first
    assert len(model.asked) == asked


def test_at_most_so_many_validation_rows_are_asked(tmp_path: Path) -> None:
    rows, catalog, prompts = shop(tmp_path)
    model = Moody(catalog, prompts, {})
    found = answer(model, rows, tmp_path / "p.jsonl", replace(SPEC, validation_limit=3))
    assert found.choice is not None
    assert len(found.choice.products) == 3
    assert [split for split, _ in model.asked].count("validation") == 9


def test_rows_related_to_evaluated_ones_or_to_examples_do_not_choose(tmp_path: Path) -> None:
    rows = products(90)
    test = next(row for row in rows if row.split == "test")
    first, second, *rest = [row for row in rows if row.split == "validation"]
    twins = {first.product_code: replace(first, family=test.family), second.product_code: replace(second, family="own")}
    rows = [twins.get(row.product_code, row) for row in rows]
    seen = read_rows(write_shards(tmp_path, rows), EvaluationSpec())
    prompts = {
        name: make_prompt(name, read_dataset_stats(tmp_path, EvaluationSpec())) for name in ("instructed", "examples")
    }
    prompts["generate"] = make_prompt("generate", None)
    found = answer(Moody(rows, prompts, {}), seen, tmp_path / "p.jsonl", SPEC)
    assert found.choice is not None
    codes = {product.product_code for product in found.choice.products}
    assert codes == {row.product_code for row in (second, *rest)}


def test_a_model_without_logprob_may_choose(tmp_path: Path) -> None:
    rows, catalog, prompts = shop(tmp_path)
    model = Moody(catalog, prompts, {})
    with pytest.raises(ToileError, match="log-probabilities"):
        answer(model, rows, tmp_path / "p.jsonl", replace(SPEC, protocols=("generate", "rank")))
    assert model.asked == []


def test_validation_rows_cannot_choose_for_themselves(tmp_path: Path) -> None:
    _, catalog, prompts = shop(tmp_path)
    spec = replace(SPEC, split="validation")
    rows = read_rows(tmp_path, spec)
    model = Moody(catalog, prompts, {})
    with pytest.raises(ToileError, match="the split is validation") as caught:
        answer(model, rows, tmp_path / "p.jsonl", spec)
    assert caught.value.where == "choose_prompt"
    assert model.asked == []


def test_without_validation_rows_nothing_is_chosen(tmp_path: Path) -> None:
    rows = [row for row in products(90) if row.split != "validation"]
    seen = read_rows(write_shards(tmp_path, rows), EvaluationSpec())
    facts = read_dataset_stats(tmp_path, EvaluationSpec())
    prompts = {name: make_prompt(name, facts) for name in ("generate", "instructed", "examples")}
    model = Moody(rows, prompts, {})
    with pytest.raises(ToileError, match="no validation row to choose a prompt on"):
        answer(model, seen, tmp_path / "p.jsonl", SPEC)
    assert model.asked == []


def test_the_prompt_is_the_same_for_both_splits(tmp_path: Path) -> None:
    rows, catalog, prompts = shop(tmp_path)
    colours: set[Colour] = {colour_of(row.product_code) for row in catalog}
    assert len(colours) == len(catalog)
    model = Moody(catalog, prompts, {"validation": {"examples"}})
    answer(model, rows, tmp_path / "p.jsonl", replace(SPEC, protocols=("examples", "generate")))
    assert ("test", "examples") in model.asked
    assert ("validation", "examples") in model.asked
