"""Comparisons across protocols: like with like, the best of each model, and the format share of a gain."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from evaluation import compare
from evaluation.metrics.differences import compute_differences, compute_format_shares
from evaluation.metrics.scoring import Outcome, score_answers
from evaluation.models.base import ModelUnderTest
from evaluation.run import evaluate
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product
from schemas.result import BEST, RESULT, Difference, read_comparison, read_result, write_result
from tests.evaluation.metrics.test_scores import answered, planted
from tests.helpers.shard_fixture import guessing, in_split, products, table_model, truth, write_shards

ROWS = in_split(products(150))
SPEC = EvaluationSpec(protocols=("generate", "rank"), controls=())


def under(protocol: str, right: float, seed: int, rows: Sequence[Product] = ROWS) -> list[Prediction]:
    """Category right as often as planted, the rest always."""
    answers = planted(rows, {"category": right, "title": 1.0, "price": 1.0}, seed)
    return [dataclasses.replace(prediction, protocol=protocol) for prediction in answered(rows, answers)]


def scored(*predictions: list[Prediction], rows: Sequence[Product] = ROWS) -> list[Outcome]:
    return score_answers(rows, [prediction for part in predictions for prediction in part], SPEC, ())


def of(rows: Sequence[Difference], protocol: str, metric: str = "category") -> Difference:
    wanted = (protocol, metric, "none", "all", None, None)
    found = [d for d in rows if (d.protocol, d.metric, d.control, d.rows, d.category, d.baseline) == wanted]
    assert len(found) == 1, (protocol, metric, len(found))
    return found[0]


def test_each_protocol_is_compared_with_its_like() -> None:
    base = scored(under("generate", 0.2, 1), under("rank", 0.6, 2), under("examples", 0.4, 3))
    tuned = scored(under("rank", 0.7, 4), under("generate", 0.9, 5))
    found = compute_differences(base, tuned, SPEC)
    assert list(dict.fromkeys(d.protocol for d in found)) == ["generate", "rank"]
    assert of(found, "generate").difference == pytest.approx(0.7, abs=0.1)
    assert of(found, "rank").difference == pytest.approx(0.1, abs=0.1)
    assert not [d for d in found if d.protocol == "rank" and not d.metric.startswith("category")]


def test_the_best_of_each_is_base_and_tuned_under_their_own_protocols() -> None:
    base = scored(under("generate", 0.2, 1), under("examples", 0.5, 2))
    tuned = scored(under("generate", 0.9, 3))
    found = compute_differences(base, tuned, SPEC, ("examples", "generate"))
    best = of(found, BEST)
    assert best.base == pytest.approx(0.5, abs=0.12)
    assert best.tuned == of(found, "generate").tuned
    assert (best.difference or 1) < (of(found, "generate").difference or 0)
    assert best.p_mcnemar is not None
    assert BEST not in {d.protocol for d in compute_differences(base, tuned, SPEC)}


def test_validation_rows_are_no_evidence() -> None:
    seen = in_split(products(180)[150:], "validation")
    more = [*ROWS, *seen]
    base = scored(under("generate", 0.2, 1), under("generate", 0.9, 2, seen), rows=more)
    tuned = scored(under("generate", 0.9, 3), under("generate", 0.1, 4, seen), rows=more)
    assert {
        (d.split, d.n) for d in compute_differences(base, tuned, SPEC) if d.metric == "joint" and d.category is None
    } == {("test", 150)}


def test_touched_rows_are_compared_apart() -> None:
    touched = {row.product_code for row in ROWS[:60]}
    base = scored(under("generate", 0.5, 1))
    known, unknown = under("generate", 1.0, 2), under("generate", 0.5, 1)
    tuned = scored([p if p.product_code in touched else q for p, q in zip(known, unknown, strict=True)])
    found = {
        d.rows: d
        for d in compute_differences(base, tuned, SPEC, touched=touched)
        if d.metric == "joint" and not d.category
    }
    assert (found["touched"].n, found["clean"].n, found["all"].n) == (60, 90, 150)
    assert found["clean"].difference == 0
    assert (found["touched"].low or 0) > 0


def test_what_is_gone_when_categories_are_ranked_was_form() -> None:
    base = scored(under("generate", 0.1, 1), under("rank", 0.7, 2))
    tuned = scored(under("generate", 0.9, 3), under("rank", 0.9, 4))
    found = compute_format_shares(base, tuned, SPEC)
    assert [share.rows for share in found] == ["all", "inferable"]
    whole = found[0]
    right = {
        (name, o.protocol, o.product_code): float(o.right("category"))
        for name, side in (("base", base), ("tuned", tuned))
        for o in side
    }
    by_family: dict[str, list[float]] = {}
    for row in ROWS:
        gain, ranked = (
            right["tuned", protocol, row.product_code] - right["base", protocol, row.product_code]
            for protocol in ("generate", "rank")
        )
        by_family.setdefault(row.family, []).append(gain - ranked)
    gaps = [gap for own in by_family.values() for gap in own]
    assert (whole.n, whole.families) == (150, len(by_family))
    assert whole.difference == pytest.approx(np.mean(gaps))
    assert whole.gain - whole.gain_ranked == pytest.approx(whole.difference)
    assert whole.share == pytest.approx(whole.difference / whole.gain)
    draw, groups = np.random.default_rng(0), list(by_family.values())
    resampled = [
        np.mean(np.concatenate([groups[place] for place in draw.integers(0, len(groups), len(groups))]))
        for _ in range(2000)
    ]
    assert whole.low == pytest.approx(np.quantile(resampled, 0.025), abs=0.025)
    assert whole.high == pytest.approx(np.quantile(resampled, 0.975), abs=0.025)


def test_a_gain_that_ranking_finds_too_is_no_form() -> None:
    base = scored(under("generate", 0.4, 1), under("rank", 0.4, 2))
    tuned = scored(under("generate", 0.9, 3), under("rank", 0.9, 4))
    whole = compute_format_shares(base, tuned, SPEC)[0]
    assert (whole.low or 1) < 0 < (whole.high or -1)
    same = compute_format_shares(base, base, SPEC)[0]
    assert (same.gain, same.difference, same.low, same.share) == (0.0, 0.0, None, None)


def test_without_both_protocols_on_both_sides_nothing_is_said_of_form() -> None:
    both, free = scored(under("generate", 0.4, 1), under("rank", 0.4, 2)), scored(under("generate", 0.4, 1))
    assert compute_format_shares(both, free, SPEC) == compute_format_shares(free, both, SPEC) == ()


def evaluated(folder: Path, data: Path, protocols: tuple[str, ...], right: float, seed: int) -> Path:
    model = guessing(ROWS, {"category": right, "title": right, "price": right}, seed)
    candidate = ModelUnderTest(model=folder.name, adapter=None, device="cpu", dtype="float32", load=lambda: model)
    spec = EvaluationSpec(protocols=protocols, controls=("blank",))
    evaluate(candidate, data, folder, spec, quiet=True)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("data"), [*ROWS[:60], *in_split(products(90)[60:], "train")])


def test_folders_are_compared_under_the_protocols_that_both_have(tmp_path: Path, data: Path) -> None:
    base = evaluated(tmp_path / "base", data, ("instructed", "generate"), 0.3, 1)
    tuned = evaluated(tmp_path / "tuned", data, ("generate", "examples"), 0.9, 2)
    write_result(base, dataclasses.replace(read_result(base), chosen="instructed"))
    compare(base, tuned, tmp_path / "out")
    found = read_comparison(tmp_path / "out")
    assert list(dict.fromkeys(d.protocol for d in found.scores if d.baseline is None)) == ["generate", BEST]
    assert (found.base.chosen, found.tuned.chosen, found.format_share) == ("instructed", None, ())
    assert (tmp_path / "out" / "report.html").is_file()


def test_folders_without_a_common_protocol_are_refused(tmp_path: Path, data: Path) -> None:
    base = evaluated(tmp_path / "base", data, ("generate",), 0.3, 1)
    tuned = evaluated(tmp_path / "tuned", data, ("instructed",), 0.9, 2)
    with pytest.raises(ToileError, match="has no protocol in common") as caught:
        compare(base, tuned, tmp_path / "out")
    assert "in common" in caught.value.hint
    assert not (tmp_path / "out" / RESULT).exists()


def test_a_perfect_model_gains_what_was_left(tmp_path: Path, data: Path) -> None:
    base = evaluated(tmp_path / "base", data, ("generate",), 0.3, 1)
    model = table_model(ROWS, truth)
    candidate = ModelUnderTest(model="perfect", adapter=None, device="cpu", dtype="float32", load=lambda: model)
    evaluate(candidate, data, tmp_path / "tuned", EvaluationSpec(controls=("blank",)), quiet=True)
    found = compare(base, tmp_path / "tuned", tmp_path / "out")
    joint = of(found.scores, "generate", "joint")
    assert joint.tuned == 1.0
    assert joint.difference == pytest.approx(1 - (joint.base or 0), abs=1e-5)
