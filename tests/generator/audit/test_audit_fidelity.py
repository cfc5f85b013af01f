"""Fidelity figures agree with reference libraries, are 0 for a catalog against itself, and detect changes."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from generator.audit import fidelity
from generator.audit.fidelity import FIGURES, check_fidelity
from generator.audit.rows import AuditTable, encode_products, normalise_text
from schemas.audit import MARGINS, Bounds
from schemas.errors import ToileError
from tests.helpers.audit_tables import generate_rows


@pytest.fixture(scope="module")
def real() -> AuditTable:
    return encode_products(generate_rows(0, 1600))


@pytest.fixture(scope="module")
def synthetic() -> AuditTable:
    return encode_products(generate_rows(1, 1600))


def test_honest_catalog_is_within_every_margin(real: AuditTable, synthetic: AuditTable) -> None:
    checks, categories = check_fidelity(real, synthetic, Bounds())
    assert [check.name for check in checks] == list(MARGINS)
    assert {check.passed for check in checks} == {True}
    assert sum(row.num_real for row in categories) == len(real)
    assert sum(row.share_synthetic for row in categories) == pytest.approx(1)
    for check in checks:
        assert "lower is better; real against real gives" in check.meaning
        assert check.value is not None
        assert check.real_against_real is not None
        assert check.value < check.real_against_real + 0.1  # far from the bounds, too


@pytest.mark.parametrize(
    "name",
    [name for name, figure in FIGURES.items() if not figure.trains and name not in {"told_apart", "off_lattice"}],
)
def test_distance_of_a_catalog_from_itself_is_zero(real: AuditTable, name: str) -> None:
    assert FIGURES[name].compute(real, real) == pytest.approx(0, abs=1e-12)


def changed(rows: AuditTable, **changes: object) -> AuditTable:
    """Replace fields of all rows; a callable is called with each row."""
    return encode_products(
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
def test_changed_catalog_fails_its_check(
    real: AuditTable, synthetic: AuditTable, name: str, changes: dict[str, object]
) -> None:
    figure = FIGURES[name]
    other = changed(synthetic, **changes)
    first, second = fidelity.split_in_halves(real, 0)
    value = figure.compute(other, second) if figure.trains else figure.compute(real, other)
    control = figure.compute(first, second)
    assert value is not None
    assert control is not None
    assert value > control + MARGINS[name]


def test_prices_permuted_over_categories_fail_the_category_check(real: AuditTable, synthetic: AuditTable) -> None:
    prices = np.random.default_rng(0).permutation([row.full_price or 0.0 for row in synthetic.products]).tolist()
    mixed = encode_products(
        [replace(row, full_price=price) for row, price in zip(synthetic.products, prices, strict=True)]
    )
    first, second = fidelity.split_in_halves(real, 0)
    overall, control = fidelity.price_distance(real, mixed), fidelity.price_distance(first, second)
    assert overall is not None
    assert control is not None
    assert overall < control + MARGINS["price_distance"]  # over all, nothing has changed
    inside, ceiling = (
        fidelity.category_price_distance(real, mixed),
        fidelity.category_price_distance(first, second),
    )
    assert inside is not None
    assert ceiling is not None
    assert inside > ceiling + MARGINS["category_price_distance"]


def test_cramers_v_against_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, 500).tolist(), rng.integers(0, 3, 500).tolist()
    second = [a % 3 if k % 2 else b for k, (a, b) in enumerate(zip(first, second, strict=True))]
    counts = stats.contingency.crosstab(first, second).count
    plain = stats.contingency.association(counts, method="cramer")
    corrected = fidelity.cramers_v(first, second)
    assert corrected is not None
    assert plain - 0.03 < corrected < plain  # the correction subtracts the expectation by chance
    independent = fidelity.cramers_v(rng.integers(0, 9, 400).tolist(), rng.integers(0, 9, 400).tolist())
    assert independent == pytest.approx(0, abs=0.12)


def test_classifier_auc_is_high_for_a_changed_title_and_half_for_none(real: AuditTable, synthetic: AuditTable) -> None:
    value = fidelity.classifier_auc(real, synthetic)
    assert value == fidelity.classifier_auc(real, synthetic)  # deterministic
    assert value == pytest.approx(0.5, abs=0.06)
    marked = changed(synthetic, title=lambda row: f"Zebrano {row.title}")
    assert (fidelity.classifier_auc(real, marked) or 0) > 0.999


def test_category_error_against_a_slow_naive_bayes() -> None:
    train, test = encode_products(generate_rows(0, 200)), encode_products(generate_rows(1, 60))

    def features(rows: AuditTable, k: int) -> set[str]:
        return {*rows.words[k], f"price {int(rows.log_price[k] / 0.25)}" if rows.log_price[k] > 0 else ""}

    labelled = [k for k, name in enumerate(train.categories) if name]
    vocabulary = {word for k in labelled for word in features(train, k)}
    scores: dict[str, tuple[float, dict[str, float]]] = {}
    for name in {train.categories[k] for k in labelled}:
        own = [k for k in labelled if train.categories[k] == name]
        counts = {word: 0.5 + sum(word in features(train, k) for k in own) for word in vocabulary}
        total = sum(counts.values())
        scores[name] = math.log(len(own)), {word: math.log(count / total) for word, count in counts.items()}

    def predict(k: int) -> str:
        known = features(test, k) & vocabulary
        return max(scores, key=lambda name: scores[name][0] + sum(scores[name][1][word] for word in known))

    asked = [k for k, name in enumerate(test.categories) if name]
    expected = np.mean([predict(k) != test.categories[k] for k in asked])
    assert fidelity.category_error(train, test) == pytest.approx(expected)


def test_price_error_of_prices_that_follow_the_category() -> None:
    """Without noise the error is that of the ridge penalty alone; a constant factor adds its logarithm."""
    rows = encode_products(generate_rows(0, 900))
    level = {name: 50.0 * (k + 1) for k, name in enumerate(sorted(set(rows.categories)))}
    exact = changed(rows, full_price=lambda row: level[normalise_text(row.category3_code or "")])
    error = fidelity.price_error(exact, exact)
    assert error is not None
    assert error < 0.05
    dearer = changed(exact, full_price=lambda row: row.full_price * 2)
    assert fidelity.price_error(exact, dearer) == pytest.approx(math.log(2), abs=0.02)


def test_missing_scikit_learn_names_the_extra(
    real: AuditTable, synthetic: AuditTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ToileError, match=r"toile\[privacy\]"):
        check_fidelity(real, synthetic, Bounds())


def test_halves_have_whole_families_and_small_catalogs_give_no_value(real: AuditTable) -> None:
    first, second = fidelity.split_in_halves(real, 4)
    assert not {row.family for row in first.products} & {row.family for row in second.products}
    assert len(first) + len(second) == len(real)
    few = encode_products(generate_rows(0, 5))
    assert fidelity.category_price_distance(few, few) is None
    assert fidelity.classifier_auc(few, few) is None
    empty = changed(few, full_price=None, title=None, category3_code=None)
    for name, figure in FIGURES.items():
        value = figure.compute(real, empty)
        assert value is None or 0 <= value <= 1, name
