"""Planted copies of real rows fail the audit, whatever was changed to hide them; honest twins pass."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from generator.audit.copies import (
    CopyTest,
    encode_designs,
    find_pairs,
    fold_titles,
    fold_words,
    make_repair,
    match_catalogs,
    run_copy_tests,
)
from generator.audit.privacy import check_rows
from generator.audit.refits import make_refit
from generator.audit.rows import RealCatalog, encode_products, split_members
from generator.audit.verbatim import find_embedded
from generator.sampling.products import products
from schemas.audit import Bounds, Check
from schemas.catalog import Provenance
from schemas.documents import read_document
from schemas.product import Product
from tests.helpers.audit_tables import (
    PRESET,
    find_rarest_rows,
    generate_rows,
    plant_copies,
    sample_train_rows,
    shop_document,
    spec_of,
)

BOUNDS = Bounds()
NUM = 1500
Change = Callable[[Product], Product]


@pytest.fixture(scope="module")
def real_rows() -> list[Product]:
    return generate_rows(3, NUM)


@pytest.fixture(scope="module")
def real(real_rows: list[Product]) -> RealCatalog:
    return split_members(real_rows)


@pytest.fixture(scope="module")
def honest() -> list[Product]:
    return generate_rows(4, NUM)


def failed(checks: Sequence[Check]) -> set[str]:
    return {check.name for check in checks if check.status == "fail"}


def sample_rows(rows: Sequence[Product], share: float) -> list[Product]:
    """Sample a share of the rows, whatever their split."""
    return random.Random(1).sample(list(rows), round(share * len(rows)))


def titled(change: Callable[[str], str]) -> Change:
    return lambda row: replace(row, title=change(row.title or ""))


def moved(row: Product) -> Product:
    return replace(row, full_price=round((row.full_price or 1) * 1.01, 2), price=round((row.price or 1) * 1.01, 2))


CHANGES: dict[str, Change] = {
    "verbatim": lambda row: row,
    "prices moved by 1 %": moved,
    "one letter added": titled(lambda title: f"{title[: len(title) // 2]}q{title[len(title) // 2 :]}"),
    "accents": titled(lambda title: title.replace("a", "á").replace("e", "é").upper()),
    "hyphens for blanks": titled(lambda title: title.replace(" ", "-")),
    "a hyphen in a word": titled(lambda title: f"{title[:3]}-{title[3:]}"),
    "words reversed": titled(lambda title: "  ".join(reversed(title.split()))),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_copies_of_both_sides_fail_however_they_are_hidden(
    real: RealCatalog, real_rows: list[Product], honest: list[Product], change: str, share: float
) -> None:
    copies = [CHANGES[change](row) for row in sample_rows(real_rows, share)]
    tests = run_copy_tests(match_catalogs(real.table, encode_products(plant_copies(honest, copies))))
    assert min(test.p for test in tests) < BOUNDS.copies_p / len(tests)


def test_a_tenth_of_the_rows_with_one_word_added_fails(
    real: RealCatalog, real_rows: list[Product], honest: list[Product]
) -> None:
    copies = [titled(lambda title: f"{title} Zephyr")(row) for row in sample_train_rows(real_rows, 0.1)]
    found = check_rows(real, encode_products(plant_copies(honest, copies)), BOUNDS)
    assert {"replayed_altered_rows", "copied_altered_rows"} & failed(found.checks)


def test_the_rarest_rows_with_one_word_added_fail(
    real: RealCatalog, real_rows: list[Product], honest: list[Product]
) -> None:
    copies = [titled(lambda title: f"New {title}")(row) for row in find_rarest_rows(real_rows, 50)]
    found = check_rows(real, encode_products(plant_copies(honest, copies)), BOUNDS)
    assert "replayed_rare_altered_rows" in failed(found.checks)


def test_planted_holdout_fails(real: RealCatalog, real_rows: list[Product], honest: list[Product]) -> None:
    holdout = [row for row in real_rows if row.split != "train"]
    found = check_rows(real, encode_products(plant_copies(honest, holdout)), BOUNDS)
    assert {"replayed_rows", "replayed_near_rows", "membership_auc", "membership_tpr"} <= failed(found.checks)


def test_one_percent_of_verbatim_rows_from_the_holdout_fails(honest: list[Product]) -> None:
    rows = generate_rows(3, 2500)
    copies = sample_rows([row for row in rows if row.split != "train"], 25 / 500)
    found = check_rows(split_members(rows), encode_products(plant_copies(generate_rows(4, 2500), copies)), BOUNDS)
    assert failed(found.checks)


def test_independent_catalogs_pass(real: RealCatalog) -> None:
    for seed in range(4, 9):
        tests = run_copy_tests(match_catalogs(real.table, encode_products(generate_rows(seed, NUM))))
        assert min(test.p for test in tests) > BOUNDS.copies_p / len(tests)


MEMBERSHIP = {"membership_auc", "membership_tpr"}


def fit_twins(rows: Sequence[Product], num: int) -> list[list[Product]]:
    """Fit a spec to the train rows, and generate as many catalogs as are asked for."""
    provenance = Provenance(
        fitted_from="rows", num_rows=1, num_families=1, private=False, statement="counted", min_support=5
    )
    refit = make_refit(replace(spec_of(shop_document("twin")), provenance=provenance))
    spec = refit([row for row in rows if row.split == "train"])
    return [list(products(spec, seed, 0, len(rows))) for seed in range(20, 20 + num)]


def find_alarms(twins: Sequence[int]) -> list[set[str]]:
    """Audit so many honest twins of each of three tables; return the checks that fail, without the membership attacks.

    An exact fit of a small table knows its shares and price levels, and a membership attack can see that.
    """
    tables = [generate_rows(3, 900), generate_rows(5, 600), generate_rows(6, 900, dict(read_document(PRESET)))]
    return [
        found
        for rows, num in zip(tables, twins, strict=True)
        for twin in fit_twins(rows, num)
        if (found := failed(check_rows(split_members(rows), encode_products(twin), BOUNDS).checks) - MEMBERSHIP)
    ]


def test_honest_twins_of_three_tables_pass() -> None:
    assert find_alarms((1, 1, 1)) == []


@pytest.mark.slow
def test_at_most_one_of_twenty_honest_twins_of_three_tables_fails() -> None:
    alarms = find_alarms((7, 6, 7))
    assert len(alarms) <= 1, alarms


def test_small_catalog_is_inconclusive_and_says_why() -> None:
    rows = generate_rows(3, 150)
    found = check_rows(split_members(rows), encode_products(generate_rows(4, 150)), BOUNDS)
    unclear = [check for check in found.checks if check.status == "inconclusive"]
    assert {"replayed_rows", "replayed_titles"} <= {check.name for check in unclear}
    for check in unclear:
        assert check.passed is None
        assert "Above 5 % the result is inconclusive" in check.meaning.replace("5%", "5 %")
        assert check.figures.get("smallest_leak", 1.0) > BOUNDS.smallest_leak


def test_smallest_leak_of_the_copy_test_has_power_0_8() -> None:
    test = CopyTest(name="x", families=1000, hits=50, shuffled=50.0, link=1.1, spread=7.0)
    leak = test.smallest_leak(0.001)
    assert leak is not None
    rng = random.Random(0)
    seen = 0
    for _ in range(2000):
        hits = round(rng.gauss(50, 7)) + sum(rng.random() < leak for _ in range(950))
        seen += replace(test, hits=hits).p <= 0.001
    assert seen / 2000 == pytest.approx(0.8, abs=0.06)


def test_titles_are_folded_and_repaired() -> None:
    assert fold_words("  Élan T-Shirt, Men’s ") == ("elan", "t", "shirt", "mens")
    repair = make_repair(["leather", "trench", "coat", "wool"])
    assert repair(("leathher", "trenchcoat")) == ("leather", "trench", "coat")
    assert repair(("lea", "ther", "coat")) == ("leather", "coat")
    assert repair(("silk", "coats")) == ("silk", "coat")
    assert repair(("wool", "coat")) == ("wool", "coat")


def test_pairs_are_equal_or_one_word_apart_and_never_of_one_family() -> None:
    base = replace(generate_rows(3, 1)[0], full_price=100.0)
    names = ["Red Wool Coat", "coat wool red", "Red Wool Coat Long", "Red Silk Coat", "Red Long Wool Hat", "Red Coat"]
    rows = [replace(base, title=title, family=f"f{k}") for k, title in enumerate(names)]
    table = encode_products([*rows, replace(rows[0], title="Red Wool Coat", product_code="other")])
    designs = encode_designs(table, fold_titles(table))
    pairs = find_pairs(designs, designs)
    found = {
        (int(a), int(b), bool(equal)) for a, b, equal in zip(pairs.own, pairs.their, pairs.equal, strict=True) if a < b
    }
    assert found == {
        (0, 1, True),
        (0, 2, False),
        (0, 5, False),
        (1, 2, False),
        (1, 5, False),
        (2, 4, False),
        (3, 5, False),
    }


def test_codes_and_titles_in_any_column_are_found(real: RealCatalog, honest: list[Product]) -> None:
    victims = [row for row in real.table.products if len((row.title or "").split()) >= 4]
    titles = [row.title for row in victims]
    lone = [row for row in victims if titles.count(row.title) == 1][:3]
    rows = list(honest)
    rows[0] = replace(rows[0], attributes={"notes": ["see", lone[0].product_code]})
    rows[1] = replace(rows[1], brand=(lone[1].title or "").upper())
    extra = {
        "comment": [
            None,
            None,
            f"like {(lone[2].title or '').replace(' ', '-')} ref {lone[2].product_code[:4]}-{lone[2].product_code[4:]}",
            *[None] * (len(rows) - 3),
        ]
    }
    found = find_embedded(real.table, encode_products(rows), extra)
    assert {(hit.text, hit.detail.split()[3]) for hit in found.codes} == {
        (lone[0].product_code, "attributes"),
        (lone[2].product_code, "comment"),
    }
    assert {(hit.text, hit.detail.split()[3]) for hit in found.titles} == {
        (lone[1].title, "brand"),
        (lone[2].title, "comment"),
    }
    clean = find_embedded(real.table, encode_products(honest))
    assert (clean.codes, clean.titles) == ([], [])
    assert failed(check_rows(real, encode_products(rows), BOUNDS, extra).checks) == {
        "embedded_codes",
        "embedded_titles",
    }
