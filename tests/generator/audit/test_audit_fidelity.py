"""Fidelity figures agree with reference libraries; honest catalogs pass all of them, and damaged ones fail."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from generator.audit import fidelity
from generator.audit.fidelity import FIGURES, EncodedRows, check_fidelity, encode_rows, measure_quality
from generator.audit.rows import AuditTable, encode_products
from schemas.audit import INCONCLUSIVE, MARGINS, NOT_APPLICABLE, Bounds, Check
from schemas.documents import from_dict
from schemas.product import Product
from tests.helpers.audit_tables import (
    DAMAGES,
    damage_rows,
    generate_designer_rows,
    generate_rows,
    generate_sports_rows,
    invent_designer_rows,
)

SHOPS: dict[str, Callable[[int, int], list[Product]]] = {
    "sports": generate_sports_rows,
    "designer": generate_designer_rows,
    "luxury": generate_rows,
}
WITHOUT_EFFECT = {
    ("designer", "discounts dropped"),  # the shop has none
    ("designer", "discounts moved to other categories"),
    ("luxury", "discounts moved to other categories"),  # they do not depend on the category
}
EXPECTED = {
    "prices times 1.25": "category_price_level",
    "prices times 1.25, rounded as before": "title_price_level",
    "prices shuffled within categories": "title_price_link",
    "titles of 30 % shuffled": "title_price_link",
    "a third of the leaves missing": "missing_leaf_rows",
    "prices of two categories swapped": "worst_category_price",
    "discounts dropped": "discount_distance",
    "discounts moved to other categories": "association_difference",
    "category shares flattened": "leaf_distance",
}


@pytest.fixture(scope="module")
def real() -> AuditTable:
    return encode_products(generate_rows(0, 1000))


@pytest.fixture(scope="module")
def synthetic() -> AuditTable:
    return encode_products(generate_rows(1, 1000))


def run_checks(real: AuditTable, rows: list[Product], num_splits: int) -> dict[str, Check]:
    found = check_fidelity(real, encode_products(rows), Bounds(), num_splits=num_splits)[0]
    return {check.name: check for check in found}


def failed(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if check.passed is False]


def test_honest_catalog_passes_every_check(real: AuditTable, synthetic: AuditTable) -> None:
    checks, categories = check_fidelity(real, synthetic, Bounds(), num_splits=12)
    assert [check.name for check in checks] == list(MARGINS)
    assert [check.name for check in checks if not check.passed] == ["extra_column_distance"]  # there are none
    checks = [check for check in checks if check.status != NOT_APPLICABLE]
    assert sum(row.num_real for row in categories) == len(real)
    assert sum(row.share_synthetic for row in categories) == pytest.approx(1)
    for check in checks:
        assert "lower is better; real against real" in check.meaning
        assert check.bound is not None
        assert check.real_against_real is not None
        assert check.bound >= check.real_against_real + MARGINS[check.name]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_of_a_small_table_is_found(damage: str) -> None:
    real, rows = encode_products(generate_sports_rows(5, 845)), generate_sports_rows(6, 800)
    assert EXPECTED[damage] in failed(run_checks(real, damage_rows(rows, damage), 12))


@pytest.mark.slow
@pytest.mark.parametrize("num_synthetic", [400, 2000])
@pytest.mark.parametrize("num_real", [845, 3000])
@pytest.mark.parametrize("shop", SHOPS)
def test_damages_are_found_at_every_size(shop: str, num_real: int, num_synthetic: int) -> None:
    real, rows = encode_products(SHOPS[shop](5, num_real)), SHOPS[shop](6, num_synthetic)
    assert failed(run_checks(real, rows, 20)) == []
    missed = [
        damage
        for damage in DAMAGES
        if (shop, damage) not in WITHOUT_EFFECT and not failed(run_checks(real, damage_rows(rows, damage), 20))
    ]
    assert missed == []


@pytest.mark.slow
def test_honest_samples_hardly_ever_fail() -> None:
    """Of 20 audits of three shops, half of them of a held-out half, at most one has a failed figure."""
    alarms = []
    for number in range(20):
        shop = SHOPS[list(SHOPS)[number % 3]]
        if number % 2:
            rows = shop(100 + number, 1690)
            families = list(dict.fromkeys(row.family for row in rows))
            half = set(np.random.default_rng(number).permutation(families)[: len(families) // 2].tolist())
            ours, theirs = ([row for row in rows if (row.family in half) == side] for side in (True, False))
        else:
            ours, theirs = shop(200 + number, 845), shop(300 + number, 400 + 800 * (number % 3))
        found = failed(run_checks(encode_products(ours), theirs, 20))
        alarms += [found] if found else []
    assert len(alarms) <= 1, alarms


def test_failed_figure_says_what_changes_it_in_a_fitted_twin(real: AuditTable) -> None:
    rows = [replace(row, title=(row.title or "").split()[-1]) for row in generate_rows(1, 1000)]
    checks = run_checks(real, rows, 6)
    assert checks["title_repeat_difference"].passed is False
    assert "--min-support" in checks["title_repeat_difference"].meaning
    assert checks["leaf_distance"].passed
    assert not any("A fit " in check.meaning for check in checks.values() if check.passed)


def test_rare_words_are_exchanged_in_whole_families() -> None:
    real = encode_products(invent_designer_rows(0, 500))
    found = fidelity.exchange_rare_words(real, 5)
    holders: dict[str, set[int]] = {}
    for row, words, family in zip(real.products, real.words, real.family.tolist(), strict=True):
        for word in words if row.split == "train" else ():
            holders.setdefault(word, set()).add(family)
    rare = {word for words in real.words for word in words if len(holders.get(word, ())) < 5}
    changed: dict[tuple[int, frozenset[str]], frozenset[str]] = {}
    for old, new, family in zip(real.words, found.words, real.family.tolist(), strict=True):
        assert old - rare <= new
        assert not new & rare
        assert changed.setdefault((family, old), new) == new
    invented = {word for words in found.words for word in words if " " in word}
    assert 0.4 < len(invented) / sum(len(old & rare) for _, old in changed) < 0.6
    assert invented.isdisjoint(word for words in real.words for word in words)
    usual = encode_products([replace(row, title="Black Coat", split="train") for row in real.products])
    assert fidelity.exchange_rare_words(usual, 5) is usual


def test_bound_of_title_figures_allows_for_words_that_a_fit_must_exchange() -> None:
    """Real rows whose rare words are exchanged pass every figure; half of all titles shuffled do not."""
    rows = [replace(row, split="train") for row in invent_designer_rows(1, 1500)]
    families = list(dict.fromkeys(row.family for row in rows))
    half = set(np.random.default_rng(0).permutation(families)[: len(families) // 2].tolist())
    ours, theirs = ([row for row in rows if (row.family in half) == side] for side in (True, False))
    real = encode_products(ours)
    blurred = fidelity.exchange_rare_words(encode_products(theirs), 10)
    twin = [replace(row, title=title) for row, title in zip(theirs, blurred.titles, strict=True)]
    strict = Bounds(min_support=1)

    def list_failed(catalog: list[Product], bounds: Bounds) -> list[str]:
        return [
            check.name
            for check in check_fidelity(real, encode_products(catalog), bounds, num_splits=20)[0]
            if check.passed is False
        ]

    assert list_failed(twin, Bounds(min_support=10)) == []
    assert "vocabulary_distance" in list_failed(twin, strict)
    assert "title_category_link" in list_failed(damage_rows(twin, "titles of 30 % shuffled"), Bounds(min_support=10))


def test_families_of_a_twin_are_made_as_an_import_makes_them() -> None:
    """Where real rows of one title are one family, rows of one title are one in the twin too."""
    rows = [replace(row, family=f"title {row.title}") for row in generate_sports_rows(0, 600)]
    apart = [replace(row, family=row.product_code) for row in rows]
    checks = run_checks(encode_products(rows), apart, 6)
    assert checks["colourway_distance"].passed
    assert checks["title_repeat_difference"].passed
    assert not fidelity.has_families_of_titles(encode_products(apart))
    assert run_checks(encode_products(generate_sports_rows(0, 600)), apart, 6)["colourway_distance"].passed is False


def test_titles_that_say_nothing_about_prices_are_not_compared() -> None:
    def mix(rows: list[Product], seed: int) -> list[Product]:
        titles = np.random.default_rng(seed).permutation([row.title or "" for row in rows]).tolist()
        return [replace(row, title=title) for row, title in zip(rows, titles, strict=True)]

    real = encode_products(mix(generate_designer_rows(0, 500), 0))
    checks = run_checks(real, mix(generate_designer_rows(1, 500), 1), 6)
    assert checks["title_price_link"].status == NOT_APPLICABLE
    assert checks["title_category_link"].status == NOT_APPLICABLE
    assert "say too little" in checks["title_price_link"].meaning
    few = encode_products(generate_sports_rows(0, 40))
    assert run_checks(few, generate_sports_rows(1, 40), 12)["title_price_link"].status in {
        INCONCLUSIVE,
        NOT_APPLICABLE,
    }


def test_upper_bound_is_passed_by_chance_as_often_as_stated() -> None:
    """For half-normal and nearly normal figures; a tail of 0.05 over all figures."""
    rng = np.random.default_rng(0)
    tail = fidelity.FALSE_ALARMS / len(MARGINS)
    for mean in (0, 10):
        bounds = [fidelity.upper_bound(np.abs(rng.normal(mean, 1, 60)).tolist()) for _ in range(400)]
        beyond = float(np.mean(np.abs(rng.normal(mean, 1, 4000))[:, None] > np.array(bounds)[None, :]))
        assert tail / 3 < beyond < 2.5 * tail
    assert fidelity.upper_bound([0.0, 0.0, 0.0]) == 0
    assert fidelity.upper_bound([0.2, 0.2]) == pytest.approx(0.2)


def test_missing_leaves_against_permutations_of_the_families(real: AuditTable) -> None:
    ours, theirs = encode_rows([real, encode_products(generate_rows(1, 1500))])
    found = fidelity.check_missing_leaves(ours, theirs)
    assert found.passed
    leaves = np.concatenate([rows.leaf[rows.families()] for rows in (ours, theirs)])
    count, rng, lacking = len(ours.families()), np.random.default_rng(0), []
    for _ in range(300):
        mixed = rng.permutation(leaves)
        lacking.append(len(set(mixed[:count]) - set(mixed[count:])))
    assert found.real_against_real == pytest.approx(np.mean(lacking), abs=0.3)
    kept = theirs.take(np.flatnonzero(theirs.leaf % 3 > 0))
    assert fidelity.check_missing_leaves(ours, kept).passed is False


def test_margins_are_optional_and_old_documents_are_read(real: AuditTable, synthetic: AuditTable) -> None:
    wide = from_dict(Bounds, {"margins": {"told_apart": 0.4}}, "bounds")
    checks = {check.name: check for check in check_fidelity(real, synthetic, wide, num_splits=3)[0]}
    usual = {check.name: check for check in check_fidelity(real, synthetic, Bounds(), num_splits=3)[0]}
    assert checks["told_apart"].bound == pytest.approx((usual["told_apart"].bound or 0) + 0.4 - MARGINS["told_apart"])
    assert checks["wrong_prices"].bound == usual["wrong_prices"].bound


@pytest.mark.parametrize("count", [3, 700])
def test_size_of_the_synthetic_catalog_does_not_matter(real: AuditTable, count: int) -> None:
    """The control has as many rows as the synthetic side, so that honest catalogs of any size pass."""
    assert failed(run_checks(real, generate_rows(2, count), 8)) == []


def test_missing_parents_are_equal_to_all() -> None:
    rows = generate_sports_rows(0, 300)
    assert all(row.category2_code is None for row in rows)
    with_all = [replace(row, category2_code="ALL") for row in rows]
    ours, theirs = encode_rows([encode_products(rows), encode_products(with_all)])
    for name in ("first_level_distance", "branch_distance", "leaf_distance", "missing_difference", "missing_leaf_rows"):
        assert FIGURES[name].compute(ours, theirs) == 0
    quality = measure_quality(encode_products(rows), encode_products(with_all))
    assert quality is not None
    assert quality.shapes["category2_code"] == 1


@pytest.mark.parametrize(
    "name",
    [
        *("price_distance", "category_price_distance", "price_level", "category_price_level", "worst_category_price"),
        *("ending_distance", "discount_distance", "category_discount_distance", "first_level_distance"),
        *("branch_distance", "leaf_distance", "missing_leaf_rows", "title_length_distance"),
        *("vocabulary_distance", "unknown_words", "title_repeat_difference", "colourway_distance"),
        *("missing_difference", "association_difference"),
    ],
)
def test_distance_of_a_catalog_from_itself_is_zero(real: AuditTable, name: str) -> None:
    rows = encode_rows([real])[0]
    assert FIGURES[name].compute(rows, rows) == pytest.approx(0, abs=1e-12)


def changed(rows: AuditTable, **changes: object) -> AuditTable:
    """Replace fields of all rows; a callable is called with each row."""
    return encode_products(
        [
            replace(row, **{name: value(row) if callable(value) else value for name, value in changes.items()})  # type: ignore[arg-type]
            for row in rows.products
        ]
    )


@pytest.fixture(scope="module")
def usual(real: AuditTable, synthetic: AuditTable) -> dict[str, Check]:
    return {check.name: check for check in check_fidelity(real, synthetic, Bounds(), num_splits=12)[0]}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("price_distance", {"full_price": lambda row: row.full_price * 1.6}),
        ("off_lattice", {"full_price": lambda row: row.full_price + 0.37}),
        ("ending_distance", {"full_price": lambda row: row.full_price + 7}),
        ("price_level", {"full_price": lambda row: row.full_price * 2}),
        ("discount_distance", {"price": lambda row: row.full_price * 0.7}),
        ("first_level_distance", {"category1_code": "WOMAN"}),
        ("branch_distance", {"category2_code": "BAGS"}),
        ("leaf_distance", {"category3_code": "COATS"}),
        ("missing_leaf_rows", {"category3_code": "COATS"}),
        ("title_length_distance", {"title": lambda row: f"{row.title} from the spring collection"}),
        ("vocabulary_distance", {"title": lambda row: f"Neu aus {row.title.split()[-1]}"}),
        ("unknown_words", {"title": lambda row: " ".join(f"x{word}" for word in row.title.split())}),
        ("title_repeat_difference", {"title": lambda row: row.title.split()[-1]}),
        ("title_category_link", {"title": lambda row: row.title[::-1]}),
        ("colourway_distance", {"family": lambda row: row.product_code}),
        ("missing_difference", {"category3_code": None}),
        ("association_difference", {"full_price": lambda row: 100.0 + int(row.product_code) % 4000}),
        ("told_apart", {"full_price": lambda row: row.full_price + 0.37}),
        ("wrong_categories", {"title": lambda row: row.title[::-1]}),
        ("wrong_prices", {"full_price": lambda row: row.full_price * 2}),
    ],
)
def test_changed_catalog_fails_its_check(
    real: AuditTable, synthetic: AuditTable, usual: dict[str, Check], name: str, changes: dict[str, object]
) -> None:
    ours, theirs = encode_rows([real, changed(synthetic, **changes)])
    reference, _, sample = fidelity.split_families(ours.family, theirs.family, np.random.default_rng(0))
    value = FIGURES[name].compute(ours.take(reference), theirs.take(sample))
    assert value is not None
    assert value > (usual[name].bound or 0)


def test_ks_distance_against_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 80).round(1), rng.normal(0.4, 2, 130).round(1)
    assert fidelity.ks_distance(first, second) == pytest.approx(stats.ks_2samp(first, second).statistic)


def test_cramers_v_against_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, 500), rng.integers(0, 3, 500)
    second[::2] = first[::2] % 3
    counts = stats.contingency.crosstab(first, second).count
    plain = stats.contingency.association(counts, method="cramer")
    corrected = fidelity.cramers_v(first, second)
    assert corrected is not None
    assert plain - 0.03 < corrected < plain  # the correction subtracts the expectation by chance
    independent = fidelity.cramers_v(rng.integers(0, 9, 400), rng.integers(0, 9, 400))
    assert independent == pytest.approx(0, abs=0.12)


def test_told_apart_is_high_for_a_changed_title_and_half_for_none(real: AuditTable, synthetic: AuditTable) -> None:
    ours, theirs = encode_rows([real, synthetic])
    value = fidelity.told_apart(ours, theirs)
    assert value == fidelity.told_apart(ours, theirs)  # deterministic
    assert value == pytest.approx(0.5, abs=0.06)
    marked = encode_rows([real, changed(synthetic, title=lambda row: f"Zebrano {row.title}")])
    assert (fidelity.told_apart(*marked) or 0) > 0.999


def test_category_error_against_a_slow_naive_bayes() -> None:
    tables = [encode_products(generate_rows(0, 200)), encode_products(generate_rows(1, 60))]
    train, test = tables
    paths = [list(zip(table.parents, table.categories, strict=True)) for table in tables]

    def features(rows: AuditTable, k: int) -> set[str]:
        return {*rows.words[k], f"price {int(rows.log_price[k] / 0.25)}" if rows.log_price[k] > 0 else ""}

    labelled = [k for k, (_, name) in enumerate(paths[0]) if name]
    vocabulary = {word for k in labelled for word in features(train, k)}
    scores: dict[Any, tuple[float, dict[str, float]]] = {}
    for path in {paths[0][k] for k in labelled}:
        own = [k for k in labelled if paths[0][k] == path]
        counts = {word: 0.5 + sum(word in features(train, k) for k in own) for word in vocabulary}
        total = sum(counts.values())
        scores[path] = math.log(len(own)), {word: math.log(count / total) for word, count in counts.items()}

    def predict(k: int) -> Any:
        known = features(test, k) & vocabulary
        return max(scores, key=lambda path: scores[path][0] + sum(scores[path][1][word] for word in known))

    asked = [k for k, (_, name) in enumerate(paths[1]) if name]
    expected = np.mean([predict(k) != paths[1][k] for k in asked])
    sample, reference = encode_rows(tables)
    assert fidelity.wrong_categories(reference, sample) == pytest.approx(expected)


def test_price_figures_of_prices_that_follow_the_category() -> None:
    """Without noise the error is that of the ridge penalty alone; a constant factor is the price level."""
    rows = encode_products(generate_rows(0, 900))
    names = sorted(set(zip(rows.parents, rows.categories, strict=True)))
    codes = [row.product_code for row in rows.products]
    paths = dict(zip(codes, zip(rows.parents, rows.categories, strict=True), strict=True))
    exact = changed(rows, full_price=lambda row: 50.0 * (1 + names.index(paths[row.product_code])))
    dearer = changed(exact, full_price=lambda row: row.full_price * 2)
    ours, theirs = encode_rows([exact, dearer])
    error = fidelity.wrong_prices(ours, ours)
    assert error is not None
    assert error < 0.08
    assert fidelity.wrong_prices(ours, theirs) == pytest.approx(math.log(2), abs=0.02)
    for level in (fidelity.price_level, fidelity.category_price_level, fidelity.title_price_level):
        assert level(ours, theirs) == pytest.approx(1, abs=0.02)
        assert level(theirs, ours) == pytest.approx(1, abs=0.02)


def test_quality_is_that_of_the_report_and_has_a_limit(real: AuditTable, synthetic: AuditTable) -> None:
    found = measure_quality(real, synthetic)
    assert found is not None
    assert 0.85 < found.score < 1
    assert found.share_of_limit == pytest.approx(1, abs=0.04)
    assert list(found.shapes) == list(fidelity.QUALITY_COLUMNS)
    assert found.pairs is not None
    assert found.score == pytest.approx((np.mean(list(found.shapes.values())) + found.pairs) / 2, abs=1e-6)
    cheap = changed(synthetic, full_price=lambda row: row.full_price / 3, price=lambda row: row.price / 3)
    assert (measure_quality(real, cheap) or found).share_of_limit < 0.9


def test_quality_compares_columns_that_both_catalogs_have(real: AuditTable, synthetic: AuditTable) -> None:
    seasons = [["summer", "winter"][k % 2] for k in range(1000)]
    weights = [f"{100 + k / 7:.2f}" for k in range(1000)]
    found = measure_quality(
        real,
        synthetic,
        (
            {"season": seasons, "own": seasons, "grams": weights, "code": [f"c{k}" for k in range(1000)]},
            {"season": seasons, "grams": weights, "code": seasons},
        ),
    )
    assert found is not None
    assert set(found.shapes) == {*fidelity.QUALITY_COLUMNS, "season", "grams"}
    assert found.shapes["season"] > 0.9
    other = measure_quality(real, synthetic, ({"season": seasons}, {"season": ["spring"] * 1000}))
    assert other is not None
    assert other.shapes["season"] < 1e-6


def test_further_columns_are_compared() -> None:
    """A column that follows the category: an honest twin passes; other shares fail, and so does a shuffled column."""
    tables = [generate_sports_rows(seed, 600) for seed in (0, 1)]
    columns = [
        {
            "fit": ["loose" if row.category3_code == "SHOES" else "tight" for row in rows],
            "grams": [str(100 + k % 250) for k in range(len(rows))],
            "ean": [f"{seed}{k}" for k in range(len(rows))],
        }
        for seed, rows in enumerate(tables)
    ]
    real, synthetic = (encode_products(rows) for rows in tables)

    def run(extra: dict[str, list[Any]]) -> list[str]:
        checks = check_fidelity(real, synthetic, Bounds(), extra=(columns[0], extra), num_splits=8)[0]
        assert [check.name for check in checks] == list(MARGINS)
        return [check.name for check in checks if check.passed is False]

    assert run(columns[1]) == []
    assert "extra_column_distance" in run(columns[1] | {"fit": ["tight"] * 600})
    assert "extra_column_distance" in run(columns[1] | {"grams": [str(100 + k % 125) for k in range(600)]})
    mixed = np.random.default_rng(0).permutation(columns[1]["fit"]).tolist()
    assert run(columns[1] | {"fit": mixed}) == ["association_difference"]


def test_quality_of_rows_without_prices(real: AuditTable, synthetic: AuditTable) -> None:
    found = measure_quality(real, changed(synthetic, full_price=None, price=None))
    assert found is None or not {"full_price", "price"} & set(found.shapes)


def test_halves_have_whole_families_and_equal_sizes(real: AuditTable, synthetic: AuditTable) -> None:
    parts = fidelity.split_families(real.family, synthetic.family, np.random.default_rng(4))
    first, second, sample = parts
    assert not set(real.family[first]) & set(real.family[second])
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(len(real)))
    assert len(sample) == pytest.approx(len(second), abs=8)
    assert not set(synthetic.family[sample]) & set(np.delete(synthetic.family, sample))


def test_small_and_empty_catalogs_give_no_value(real: AuditTable) -> None:
    few = encode_products(generate_rows(0, 3))
    empty = changed(few, full_price=None, price=None, title=None, category3_code=None)
    ours, small, without = encode_rows([real, few, empty])
    assert fidelity.category_price_distance(small, small) is None
    assert fidelity.told_apart(small, small) is None
    for other in (small, without, without.take(np.zeros(0, np.int64))):
        for name, figure in FIGURES.items():
            for value in (figure.compute(ours, other), figure.compute(other, ours)):
                assert value is None or math.isfinite(value), name


def test_figures_do_not_depend_on_the_order_of_encoding(real: AuditTable, synthetic: AuditTable) -> None:
    ours, theirs = encode_rows([real, synthetic])
    other_theirs, other_ours = encode_rows([synthetic, real])
    for name in ("leaf_distance", "off_lattice", "vocabulary_distance", "missing_leaf_rows", "title_price_link"):
        expected: EncodedRows | float | None = FIGURES[name].compute(ours, theirs)
        assert FIGURES[name].compute(other_ours, other_theirs) == pytest.approx(expected), name
