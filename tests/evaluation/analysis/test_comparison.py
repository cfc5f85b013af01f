"""Base against tuned: pairs, differences, exact tests, and what is refused."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from evaluation import compare
from evaluation.metrics.baselines import fit_baselines
from evaluation.metrics.scoring import score_answers
from evaluation.models.base import ModelUnderTest, VisionModel
from evaluation.run import evaluate
from evaluation.stats.paired import detectable_rate
from schemas.answer import parse
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product
from schemas.result import Comparison, Difference, read_comparison
from tests.helpers.shard_fixture import guessing, products, table_model, write_shards

SPEC = EvaluationSpec(split="train", min_category_rows=15)


def evaluated(folder: Path, data: Path, model: VisionModel, name: str = "m", spec: EvaluationSpec = SPEC) -> Path:
    candidate = ModelUnderTest(model=name, adapter=None, device="cpu", dtype="float32", load=lambda: model)
    evaluate(candidate, data, folder, spec)
    return folder


@pytest.fixture(scope="module")
def rows() -> list[Product]:
    return products(150, 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, rows: Sequence[Product]) -> Path:
    return write_shards(tmp_path_factory.mktemp("data"), rows)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, data: Path, rows: Sequence[Product]) -> Path:
    model = guessing(rows, {"category": 0.5, "title": 0.1, "price": 0.3}, 1)
    return evaluated(tmp_path_factory.mktemp("base"), data, model, "base-model")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, data: Path, rows: Sequence[Product]) -> Path:
    model = guessing(rows, {"category": 0.9, "title": 0.7, "price": 0.8}, 2)
    return evaluated(tmp_path_factory.mktemp("tuned"), data, model, "tuned-model")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory, base: Path, tuned: Path) -> Comparison:
    return compare(base, tuned, tmp_path_factory.mktemp("comparison"))


def find(comparison: Comparison, metric: str, **where: object) -> Difference:
    wanted = {"control": "none", "rows": "all", "category": None, "baseline": None, "metric": metric, **where}
    found = [d for d in comparison.scores if all(getattr(d, key) == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]


def test_a_planted_gain_is_found_in_every_figure(comparison: Comparison) -> None:
    for metric, gain in {"category": 0.4, "title": 0.6, "price": 0.5}.items():
        found = find(comparison, metric)
        assert found.difference == pytest.approx((found.tuned or 0) - (found.base or 0), abs=1e-5)
        assert (found.low or 0) - 0.02 <= gain <= (found.high or 0) + 0.02
        assert (found.p or 1) < 1e-5
    assert (find(comparison, "joint_macro").low or 0) > 0
    assert (find(comparison, "reasoning").low or 0) > 0
    assert (find(comparison, "price_median_ape").high or 0) < 0


def test_p_values_are_those_of_the_pairs_on_disk(
    comparison: Comparison, base: Path, tuned: Path, rows: Sequence[Product]
) -> None:
    sides = []
    for folder in (base, tuned):
        scored = score_answers(rows, read_predictions(folder / "predictions.jsonl"), SPEC, ())
        sides.append({o.product_code: o for o in scored if o.control == "none"})
    for category in {row.category3_code for row in rows}:
        table = np.zeros((2, 2), dtype=int)
        gains: dict[str, int] = {}
        for code, first in sides[0].items():
            if first.category == category:
                right = first.right("title"), sides[1][code].right("title")
                table[int(not right[0]), int(not right[1])] += 1
                gains[first.family] = gains.get(first.family, 0) + right[1] - right[0]
        found = find(comparison, "title", category=category)
        assert (found.n, found.families) == (table.sum(), len(gains))
        assert found.p_mcnemar == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-5)
        assert found.p == pytest.approx(flipped_one_by_one([gain for gain in gains.values() if gain]), rel=1e-5)


def flipped_one_by_one(gains: Sequence[int]) -> float:
    """Every way of flipping the signs, counted sum by sum."""
    reached = {0: 1}
    for gain in gains:
        reached = {
            total: reached.get(total - gain, 0) + reached.get(total + gain, 0)
            for total in {total + sign * gain for total in reached for sign in (1, -1)}
        }
    as_far: int = sum(ways for total, ways in reached.items() if abs(total) >= abs(sum(gains)))
    return float(as_far / 2 ** len(gains))


def test_holm_runs_over_the_categories_of_one_metric(comparison: Comparison) -> None:
    of_metric = [d for d in comparison.scores if (d.metric, d.rows, d.control) == ("category", "all", "none")]
    family = [d for d in of_metric if d.p_holm is not None]
    assert len(family) == 4
    expected = list(multipletests([d.p for d in family], method="holm")[1])
    assert [d.p_holm for d in family] == pytest.approx(expected, rel=1e-5)
    assert [d.p_bh for d in family] == pytest.approx(
        list(multipletests([d.p for d in family], method="fdr_bh")[1]), rel=1e-5
    )
    assert find(comparison, "category").p_holm is None
    assert find(comparison, "category").p_bh is None


def test_small_categories_get_no_p_value(tmp_path: Path, data: Path, rows: Sequence[Product]) -> None:
    spec = dataclasses.replace(SPEC, limit=60, min_category_rows=17)
    folders = [
        evaluated(tmp_path / name, data, table_model(rows, answer), name, spec)
        for name, answer in (("a", lambda row: "?"), ("b", lambda row: "Category: Bags"))
    ]
    found = [d for d in compare(folders[0], folders[1], tmp_path / "c").scores if d.metric == "category" and d.category]
    small = {d.category for d in found if d.n < 17}
    assert small
    assert all((d.p is None) is (d.n < 17) is d.insufficient for d in found)
    assert all(d.p_holm is None for d in found if d.n < 17)


def test_detectable_grows_where_alpha_is_shared(comparison: Comparison) -> None:
    whole, part = find(comparison, "joint"), find(comparison, "joint", category="Bags")
    assert whole.detectable is not None
    assert part.detectable is not None
    assert part.detectable > whole.detectable > 0
    for found, alpha in ((whole, 0.05), (part, 0.05 / 4)):
        fewest, most = (detectable_rate(rows, alpha) or 1.0 for rows in (found.n, found.families))
        assert fewest <= found.detectable <= most, "as of so many rows as tell as much, not more than there are"  # type: ignore[operator]


def test_the_tuned_price_is_paired_with_the_baseline_that_knows_the_category(comparison: Comparison) -> None:
    found = find(comparison, "price", baseline="category-median", rows="inferable")
    assert found.base is not None
    assert 0.1 < found.base < 0.5
    assert found.tuned == find(comparison, "price").tuned
    assert (found.low or 0) > 0
    names = {d.baseline for d in comparison.scores} - {None}
    assert names == {
        "majority-category",
        "category-prior",
        "commonest-title",
        "category-commonest-title",
        "median-price",
        "predicted-category-median",
        "nearest-picture",
        "majority-category-median",
        "category-median",
        "constant",
    }


def test_the_tuned_model_is_paired_with_the_nearest_image(
    comparison: Comparison, tuned: Path, data: Path, rows: Sequence[Product]
) -> None:
    """Tuned minus nearest image, on the same rows, counted by hand."""
    judged = [row for row in rows if row.split == "train"]
    nearest = {code: parse(answer) for code, answer in fit_baselines(data, judged).nearest.items()}  # type: ignore[union-attr]
    answers = {
        p.product_code: parse(p.answer) for p in read_predictions(tuned / "predictions.jsonl") if p.control == "none"
    }
    for metric in ("category", "title_exact"):
        field = "category" if metric == "category" else "title"
        true = {row.product_code: row.category3_code if metric == "category" else row.title for row in judged}
        gains = [(getattr(answers[c], field) == true[c]) - (getattr(nearest[c], field) == true[c]) for c in true]
        found = find(comparison, metric, baseline="nearest-picture")
        assert found.n == len(judged)
        assert found.difference == pytest.approx(np.mean(gains), abs=1e-5)
        assert found.p is not None
        assert (found.low or 0) <= (found.difference or 0) <= (found.high or 0)
    for metric in ("title", "price", "joint", "reasoning"):
        found = find(comparison, metric, baseline="nearest-picture")
        assert found.tuned == find(comparison, metric).tuned
        assert found.difference == pytest.approx((found.tuned or 0) - (found.base or 0), abs=2e-5)


def test_a_model_compared_with_itself_differs_nowhere(tmp_path: Path, base: Path) -> None:
    found = compare(base, base, tmp_path / "aa")
    own = [d for d in found.scores if d.baseline is None and d.difference is not None]
    assert {d.difference for d in own} == {0.0}
    assert {d.p for d in own} <= {1.0, None}
    assert all((d.low or 0) <= 0 <= (d.high or 0) for d in own)


def test_what_is_written_is_valid_and_reads_back(tmp_path: Path, base: Path, tuned: Path) -> None:
    compare(base, tuned, tmp_path)
    found = read_comparison(tmp_path)
    document = json.loads((tmp_path / "comparison.json").read_text())
    assert len(found.scores) == len(document["scores"])
    assert (tmp_path / found.base.from_here).resolve() == base.resolve()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.json", "report.html"]


def test_again_is_read_back_and_another_pair_is_refused(tmp_path: Path, base: Path, tuned: Path) -> None:
    compare(base, tuned, tmp_path)
    before = (tmp_path / "comparison.json").stat().st_mtime_ns
    compare(base, tuned, tmp_path)
    assert (tmp_path / "comparison.json").stat().st_mtime_ns == before
    with pytest.raises(ToileError, match="holds another comparison") as caught:
        compare(tuned, base, tmp_path)
    assert "--force" in caught.value.hint
    compare(tuned, base, tmp_path, force=True)
    assert find(read_comparison(tmp_path), "joint").difference < 0  # type: ignore[operator]


def test_an_evaluation_folder_is_never_overwritten_by_a_comparison(base: Path, tuned: Path) -> None:
    for force in (False, True):
        with pytest.raises(ToileError, match="contains other files"):
            compare(base, tuned, base, force=force)
    assert read_predictions(base / "predictions.jsonl")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda spec: dataclasses.replace(spec, title_f1=0.5), "title_f1"),
        (lambda spec: dataclasses.replace(spec, split="test"), "split"),
        (lambda spec: dataclasses.replace(spec, limit=50), "limit"),
    ],
)
def test_another_way_of_evaluating_is_refused(
    tmp_path: Path,
    base: Path,
    data: Path,
    rows: Sequence[Product],
    change: Callable[[EvaluationSpec], EvaluationSpec],
    named: str,
) -> None:
    other = evaluated(tmp_path / "other", data, table_model(rows), spec=change(SPEC))
    with pytest.raises(ToileError, match=f"another .*{named}"):
        compare(base, other, tmp_path / "out")


def test_other_data_is_refused(tmp_path: Path, base: Path, rows: Sequence[Product]) -> None:
    changed = [dataclasses.replace(row, title="x") for row in rows]
    other = evaluated(tmp_path / "other", write_shards(tmp_path / "data", changed), table_model(rows))
    with pytest.raises(ToileError, match="another data than"):
        compare(base, other, tmp_path / "out")


def test_equal_data_elsewhere_is_the_same_data(tmp_path: Path, base: Path, rows: Sequence[Product]) -> None:
    other = evaluated(tmp_path / "other", write_shards(tmp_path / "copy", rows), table_model(rows))
    assert find(compare(base, other, tmp_path / "out"), "joint").tuned == 1.0


def test_rows_without_a_partner_are_refused(tmp_path: Path, base: Path, data: Path, rows: Sequence[Product]) -> None:
    other = evaluated(tmp_path / "other", data, table_model(rows))
    log = other / "predictions.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(ToileError, match="1 have no partner, such as product"):
        compare(base, other, tmp_path / "out")


def test_a_result_without_its_predictions_is_refused(tmp_path: Path, data: Path, rows: Sequence[Product]) -> None:
    other = evaluated(tmp_path / "other", data, table_model(rows))
    (other / "predictions.jsonl").unlink()
    with pytest.raises(ToileError, match="contains no prediction"):
        compare(other, other, tmp_path / "out")


def test_an_unfinished_evaluation_is_refused(tmp_path: Path, base: Path) -> None:
    (tmp_path / "half").mkdir()
    with pytest.raises(ToileError, match=r"holds no result\.json") as caught:
        compare(base, tmp_path / "half", tmp_path / "out")
    assert "toile evaluate" in caught.value.hint


def test_data_that_moved_is_found_beside_the_results_or_named(tmp_path: Path, rows: Sequence[Product]) -> None:
    demo = tmp_path / "demo"
    shards = write_shards(demo / "catalog", rows)
    folders = [evaluated(demo / name, shards, table_model(rows), name) for name in ("base", "tuned")]
    moved = demo.rename(tmp_path / "moved")
    folders = [moved / folder.name for folder in folders]
    assert find(compare(folders[0], folders[1], moved / "comparison"), "joint").tuned == 1.0
    elsewhere = (moved / "catalog").rename(tmp_path / "elsewhere")
    with pytest.raises(ToileError, match="its data was not found") as caught:
        compare(folders[0], folders[1], tmp_path / "again")
    assert "--data" in caught.value.hint
    compare(folders[0], folders[1], tmp_path / "again", data=elsewhere)
    with pytest.raises(ToileError, match="is not the data of"):
        compare(folders[0], folders[1], tmp_path / "third", data=write_shards(tmp_path / "wrong", rows[:20]))
