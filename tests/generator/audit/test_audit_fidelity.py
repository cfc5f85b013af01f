"""Fidelity figures agree with reference libraries, are 0 for a catalog against itself, and see what was changed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from generator.audit import fidelity, two_samples
from generator.audit.rows import Rows, encoded
from generator.audit.run import fidelity_checks
from schemas.audit import MARGINS, Bounds
from tests.helpers.audit_tables import table


@pytest.fixture(scope="module")
def real() -> Rows:
    return encoded(table(0, 1600))


@pytest.fixture(scope="module")
def twin() -> Rows:
    return encoded(table(1, 1600))


def test_every_figure_has_a_margin_and_an_honest_twin_is_within_it(real: Rows, twin: Rows) -> None:
    checks, categories = fidelity_checks(real, twin, Bounds())
    assert [check.name for check in checks] == list(MARGINS)
    assert {check.passed for check in checks} == {True}
    assert sum(row.num_real for row in categories) == len(real)
    assert sum(row.share_synthetic for row in categories) == pytest.approx(1)
    for check in checks:
        assert "lower is better; real against real gives" in check.meaning
        assert check.value is not None
        assert check.real_against_real is not None
        assert check.value < check.real_against_real + 0.1  # far from the bounds, too


@pytest.mark.parametrize("name", [name for name in fidelity.METRICS if name not in {"told_apart", "off_lattice"}])
def test_a_catalog_is_at_no_distance_from_itself(real: Rows, name: str) -> None:
    assert fidelity.METRICS[name](real, real) == pytest.approx(0, abs=1e-12)


def changed(rows: Rows, **changes: object) -> Rows:
    """The rows with some fields replaced; a callable is asked for each row."""
    return encoded(
        [
            replace(row, **{name: value(row) if callable(value) else value for name, value in changes.items()})  # type: ignore[arg-type]
            for row in rows.products
        ]
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("price_distance", {"full_price": lambda row: row.full_price * 1.6}),
        ("off_lattice", {"full_price": lambda row: row.full_price + 0.37}),
        ("ending_distance", {"full_price": lambda row: row.full_price + 7}),
        ("discount_distance", {"price": lambda row: row.full_price * 0.7}),
        ("first_level_distance", {"category1_code": "WOMAN"}),
        ("branch_distance", {"category2_code": "BAGS"}),
        ("leaf_distance", {"category3_code": "COATS"}),
        ("title_length_distance", {"title": lambda row: f"{row.title} from the spring collection"}),
        ("vocabulary_distance", {"title": lambda row: f"Neu aus {row.title.split()[-1]}"}),
        ("unknown_words", {"title": lambda row: " ".join(f"x{word}" for word in row.title.split())}),
        ("title_repeat_difference", {"title": lambda row: row.title.split()[-1]}),
        ("colourway_distance", {"family": lambda row: row.product_code}),
        ("missing_difference", {"category3_code": None}),
        ("association_difference", {"full_price": lambda row: 100.0 + int(row.product_code) % 4000}),
        ("told_apart", {"full_price": lambda row: row.full_price + 0.37}),
        ("wrong_categories", {"title": lambda row: row.title[::-1]}),
        ("wrong_prices", {"full_price": lambda row: row.full_price * 2}),
    ],
)
def test_a_change_fails_its_own_check(real: Rows, twin: Rows, name: str, changes: dict[str, object]) -> None:
    metric = fidelity.METRICS.get(name)
    other = changed(twin, **changes)
    first, second = fidelity.halves(real, 0)
    value = metric(real, other) if metric else fidelity.TASKS[name](other, second)
    control = metric(first, second) if metric else fidelity.TASKS[name](first, second)
    assert value is not None
    assert control is not None
    assert value > control + MARGINS[name]


def test_prices_that_no_longer_go_with_their_category_are_seen_within_categories(real: Rows, twin: Rows) -> None:
    prices = np.random.default_rng(0).permutation([row.full_price or 0.0 for row in twin.products]).tolist()
    mixed = encoded([replace(row, full_price=price) for row, price in zip(twin.products, prices, strict=True)])
    first, second = fidelity.halves(real, 0)
    alike, control = fidelity.price_distance(real, mixed), fidelity.price_distance(first, second)
    assert alike is not None
    assert control is not None
    assert alike < control + MARGINS["price_distance"]  # over all, nothing has changed
    inside, ceiling = (
        fidelity.category_price_distance(real, mixed),
        fidelity.category_price_distance(first, second),
    )
    assert inside is not None
    assert ceiling is not None
    assert inside > ceiling + MARGINS["category_price_distance"]


def test_associations_are_those_of_scipy() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.integers(0, 4, 500).tolist(), draw.integers(0, 3, 500).tolist()
    second = [a % 3 if k % 2 else b for k, (a, b) in enumerate(zip(first, second, strict=True))]
    counts = stats.contingency.crosstab(first, second).count
    plain = stats.contingency.association(counts, method="cramer")
    corrected = fidelity.cramers_v(first, second)
    assert corrected is not None
    assert plain - 0.03 < corrected < plain  # the correction takes off what chance adds
    independent = fidelity.cramers_v(draw.integers(0, 9, 400).tolist(), draw.integers(0, 9, 400).tolist())
    assert independent == pytest.approx(0, abs=0.12)


def test_the_logistic_regression_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 5))
    y = (x @ np.arange(5) + draw.normal(size=300) > 0).astype(float)
    own = two_samples._logistic(sparse.csr_matrix(x), y)
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8).fit(x, y).coef_[0]
    assert own == pytest.approx(theirs, abs=2e-3)
    score = x @ own
    assert two_samples.auc(score[y == 1], score[y == 0]) == pytest.approx(roc_auc_score(y, score))


def test_halves_keep_families_whole_and_small_catalogs_give_no_value(real: Rows) -> None:
    first, second = fidelity.halves(real, 4)
    assert not {row.family for row in first.products} & {row.family for row in second.products}
    assert len(first) + len(second) == len(real)
    few = encoded(table(0, 5))
    assert fidelity.category_price_distance(few, few) is None
    assert two_samples.told_apart(few, few) is None
    empty = changed(few, full_price=None, title=None, category3_code=None)
    for name, metric in {**fidelity.METRICS, **fidelity.TASKS}.items():
        value = metric(real, empty)
        assert value is None or 0 <= value <= 1, name
