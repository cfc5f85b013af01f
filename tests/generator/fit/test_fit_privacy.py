"""Privacy of a fit: nothing rare gets in, sensitivities and epsilon are correct, and the ledger sums to epsilon."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from generator.fit import statistics
from generator.fit.fit_spec import fit, to_yaml
from generator.fit.mechanisms import (
    BUDGET_SHARES,
    CATEGORY_LIST_SHARE,
    FitOptions,
    OpenDPMechanism,
    QuantileStatistic,
    Statistic,
)
from generator.fit.prices import count_price_endings
from generator.fit.statistics import Family
from schemas.errors import ToileError
from schemas.product import Product, split_of
from schemas.validation import from_document
from tests.helpers import fit_table
from toile.cli import main

PATHS = fit_table.PATHS[:4]
SECRETS = ("Zyxomma", "Vicuna", "Q7X-4411", "SECRETS", "quillmere", "Quillmere", "QUILLMERE", "70000000", "HIDDEN")

_members = st.builds(
    Family,
    path=st.sampled_from([*PATHS, ("A", "B", "NOT LISTED"), None]),
    full_price=st.none() | st.floats(0.01, 1e7),
    discount_percent=st.sampled_from([0, *statistics.PERCENTS]),
    label=st.sampled_from([None, "N.A.", "VIEW ALL", "HIDDEN"]),
    num_colourways=st.integers(1, 64),
    words=st.lists(st.sampled_from(["Cotton", "wool", "Striped", "Check", "Coat", "Red"]), max_size=5).map(tuple),
    colour=st.sampled_from([None, "red", "navy"]),
    eur_rate=st.none(),
)
STATISTICS: dict[str, Callable[[list[Family]], Statistic]] = {
    "table": lambda members: statistics.count_categories_by_price(members, PATHS, (100.0, 300.0, 900.0)),
    "materials": statistics.count_materials,
    "patterns": statistics.count_patterns,
    "colours": statistics.count_colours,
    "discounts": statistics.count_discounts,
    "navigation": lambda members: statistics.count_navigation_labels(members, statistics.list_public_labels()),
    "sizes": statistics.count_colourways,
    "endings": lambda members: count_price_endings(members, PATHS),
}


@pytest.mark.parametrize("name", STATISTICS)
@given(members=st.lists(_members, min_size=1, max_size=12), at=st.integers(0, 11))
def test_sensitivity_of_each_statistic(name: str, members: list[Family], at: int) -> None:
    whole = STATISTICS[name](members)
    without = STATISTICS[name](members[: at % len(members)] + members[at % len(members) + 1 :])
    moved = sum(abs(a - b) for a, b in zip(whole.counts, without.counts, strict=True))
    assert moved <= whole.sensitivity


@given(members=st.lists(_members, min_size=1, max_size=12), at=st.integers(0, 11))
def test_sensitivity_of_category_list_and_prices(members: list[Family], at: int) -> None:
    fewer = members[: at % len(members)] + members[at % len(members) + 1 :]
    whole, without = statistics.count_categories(members).counts, statistics.count_categories(fewer).counts
    assert sum(abs(whole.get(key, 0) - without.get(key, 0)) for key in {*whole, *without}) <= 1
    prices = statistics.collect_prices(members, PATHS).numbers, statistics.collect_prices(fewer, PATHS).numbers
    assert len(prices[0]) - len(prices[1]) in {0, 1}


def test_family_of_many_rows_counts_once(tmp_path: Path) -> None:
    """The privacy unit is the family: twelve rows count once, and removing them changes no other family."""
    rows = fit_table.sample_rows(60, 3)
    many = [replace(rows[0], product_code=f"{10 + number}", family="many") for number in range(12)]
    whole, num_rows = statistics.read_families(
        fit_table.write_folder(tmp_path / "a", [*rows, *many]), "USD", images=False
    )
    without, _ = statistics.read_families(fit_table.write_folder(tmp_path / "b", rows), "USD", images=False)
    assert num_rows == 72
    assert len(whole) == len(without) + 1
    rest = list(whole)
    for member in without:
        rest.remove(member)
    assert [member.num_colourways for member in rest] == [12]


def test_cost_of_each_release_by_opendp() -> None:
    """By OpenDP's privacy maps, for one family more or less."""
    mechanism = OpenDPMechanism(0.7, 1e-6)
    for share in (0.85, 0.3, 0.01):
        for sensitivity in (1, 4):
            measurement, spent = mechanism.laplace_measurement(sensitivity, share)
            assert measurement.map(sensitivity) == spent
            assert 0.7 * share * (1 - 1e-9) <= spent <= 0.7 * share
        keyed, (epsilon, delta), threshold = mechanism.threshold_measurement(share, 5)
        assert keyed.map((1, 1, 1)) == (epsilon, delta)
        assert epsilon <= 0.7 * share
        assert delta <= 1e-6
        assert threshold >= 5
        quantile, cost = mechanism.quantile_measurement((1.0, 2.0, 3.0), 0.5, share)
        assert quantile.map(1) == cost <= 0.7 * share


@pytest.fixture(scope="module")
def rows() -> list[Product]:
    """400 rows of four categories, one planted family with everything rare, and a rare navigation label."""
    found = fit_table.sample_rows(400, 1, paths=PATHS)
    odd = replace(
        found[0],
        product_code="66000000",
        family="odd",
        category1_code="SECRETS",
        category3_code="HIDDEN LEAF",
        inferable=True,
        title="Zyxomma Vicuna Q7X-4411 Coat",
        full_price=123457.0,
        price=123457.0,
    )
    label = replace(found[0], product_code="66000001", family="odd 2", category3_code="HIDDEN", inferable=False)
    return [*found, odd, replace(odd, product_code="66000002", family="odd 3", title="Zyxomma Boot"), label]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, rows: list[Product]) -> Path:
    return fit_table.write_folder(tmp_path_factory.mktemp("fit") / "shards", rows)


@pytest.mark.parametrize("epsilon", [None, 3.0, 30.0])
def test_no_rare_string_and_no_name_of_the_real_shop_gets_in(shards: Path, epsilon: float | None) -> None:
    for _ in range(1 if epsilon is None else 4):
        found = fit(shards, FitOptions(epsilon=epsilon))
        text = to_yaml(found) + "".join(found.messages)
        assert not [secret for secret in SECRETS if secret in text]
        assert "123457" not in text
        assert any(path[2] in text for path in PATHS)  # the spec is not empty


def test_word_gets_in_with_its_fifth_family(tmp_path: Path, rows: list[Product]) -> None:
    def with_word(num: int) -> str:
        changed = [
            replace(rows[0], product_code=f"5{n}", family=f"new {n}", title="Cotton Zebrano Coat") for n in range(num)
        ]
        return to_yaml(fit(fit_table.write_folder(tmp_path / str(num), [*rows, *changed]), FitOptions()))

    assert "Zebrano" not in with_word(4)
    assert "Zebrano" in with_word(5)
    assert "Zebrano" not in to_yaml(fit(tmp_path / "5", FitOptions(min_support=6)))


def test_rare_categories_move_to_other(tmp_path: Path, rows: list[Product]) -> None:
    rare = [
        replace(rows[0], product_code=f"5{n}", family=f"r{n}", category3_code=f"RARE{n}", inferable=True)
        for n in range(6)
    ]
    found = fit(fit_table.write_folder(tmp_path / "a", [*rows, *rare]), FitOptions())
    assert (rows[0].category1_code, "CLOTHING", "OTHER") in {each["path"] for each in found.document["categories"]}
    assert "RARE" not in to_yaml(found)


def test_rows_of_one_family_are_no_support(tmp_path: Path, rows: list[Product]) -> None:
    many = [replace(rows[0], product_code=f"5{n}", family="one", title="Zebrano Coat") for n in range(20)]
    assert "Zebrano" not in to_yaml(fit(fit_table.write_folder(tmp_path / "a", [*rows, *many]), FitOptions()))


def test_only_the_train_split_is_read(tmp_path: Path, rows: list[Product]) -> None:
    held = [
        replace(rows[n], product_code=f"5{n}", family=f"t{n}", split="test", title="Zebrano Coat") for n in range(9)
    ]
    both = fit(fit_table.write_folder(tmp_path / "a", [*rows, *held]), FitOptions())
    assert to_yaml(both) == to_yaml(fit(fit_table.write_folder(tmp_path / "b", rows), FitOptions()))
    assert {split_of(row.family) for row in rows} == {"train", "validation", "test"}  # the fixture says train of all


def test_ledger_lists_every_release_and_sums_to_the_totals(shards: Path) -> None:
    for categories in (None, PATHS):
        record = fit(shards, FitOptions(epsilon=2.0, categories=categories)).document["provenance"]
        assert record.private
        assert math.isclose(math.fsum(row.epsilon for row in record.ledger), 2.0, abs_tol=1e-9)
        assert math.fsum(row.delta for row in record.ledger) == record.delta <= 1e-6
        assert (record.delta > 0) == (categories is None)
        spent = {row.statistic for row in record.ledger if row.epsilon > 0}
        assert len(spent) == len(BUDGET_SHARES) + (categories is None)
    assert math.isclose(sum(BUDGET_SHARES.values()), 1)
    assert 0 < CATEGORY_LIST_SHARE < BUDGET_SHARES["table"]


def test_ledger_with_a_wrong_sum_is_refused(tmp_path: Path, shards: Path) -> None:
    from schemas.documents import read_document

    path = tmp_path / "spec.yaml"
    path.write_text(to_yaml(fit(shards, FitOptions(epsilon=2.0))), encoding="utf-8")
    document: dict[str, Any] = read_document(path)
    document["provenance"]["epsilon"] = 1.0
    with pytest.raises(ToileError, match="not what the ledger sums to"):
        from_document(document, "catalog")
    document["provenance"] |= {"private": False}
    with pytest.raises(ToileError, match="has a ledger"):
        from_document(document, "catalog")


def test_two_private_fits_differ_and_two_exact_fits_do_not(shards: Path) -> None:
    private = FitOptions(epsilon=1.0, categories=PATHS)
    assert to_yaml(fit(shards, private)) != to_yaml(fit(shards, private))
    assert to_yaml(fit(shards, FitOptions())) == to_yaml(fit(shards, FitOptions()))


def test_output_of_a_private_fit_depends_on_noisy_counts_only(
    tmp_path: Path, rows: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With constant answers in place of the noise, very different rows give the same file and the same messages."""
    fixed = {"measurements": 0}

    class ConstantAnswers(OpenDPMechanism):
        def release_counts(self, statistic: Statistic, share: float) -> list[int]:
            super().release_counts(statistic, share)
            fixed["measurements"] += 1
            return [100 + 7 * cell for cell in range(len(statistic.counts))]

        def release_quantile(self, values: QuantileStatistic, alpha: float, share: float) -> float:
            super().release_quantile(values, alpha, share)
            return 500.0

    outputs = []
    monkeypatch.setattr("generator.fit.fit_spec.OpenDPMechanism", ConstantAnswers)
    (tmp_path / "menu.yaml").write_text("".join(f"- {' > '.join(path)}\n" for path in PATHS))
    for number, chosen in enumerate((rows, rows[:30], [])):
        odd = replace(rows[0], family="x", product_code="1", title="x", currency_code="EUR", category3_code="UNHEARD")
        place = fit_table.write_folder(tmp_path / f"shards{number}", [*chosen, odd])
        out = tmp_path / "spec.yaml"
        command = ["fit", str(place), "--out", str(out), "--epsilon", "1", "--categories", str(tmp_path / "menu.yaml")]
        done = CliRunner().invoke(main, [*command, "--force"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        outputs.append((done.output, out.read_text()))
    assert outputs[0] == outputs[1] == outputs[2]
    assert fixed["measurements"] == 3 * (len(BUDGET_SHARES) - 1)


def test_error_for_too_few_rows_reveals_no_count(tmp_path: Path) -> None:
    place = fit_table.write_folder(tmp_path / "few", fit_table.sample_rows(30, 2, paths=PATHS))
    done = CliRunner().invoke(main, ["fit", str(place), "--out", str(tmp_path / "a.yaml"), "--epsilon", "0.5"])
    assert done.exit_code == 1
    assert "the noise of epsilon 0.5 hides every category" in done.output
    assert "30" not in done.output.replace(str(place), "")
    assert not (tmp_path / "a.yaml").exists()


def test_missing_opendp_names_the_extra(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opendp.prelude", None)
    with pytest.raises(ToileError, match="toile\\[privacy\\]"):
        fit(shards, FitOptions(epsilon=1.0))
    assert fit(shards, FitOptions()).document["categories"]


def test_private_fit_needs_a_currency(tmp_path: Path, rows: list[Product]) -> None:
    from tests.helpers.shard_fixture import write_shards

    place = write_shards(tmp_path / "shards", rows)
    with pytest.raises(ToileError, match="does not say which currency"):
        fit(place, FitOptions(epsilon=1.0))
    assert (
        fit(place, FitOptions(epsilon=1.0, currency="USD", categories=PATHS)).document["shop"]["currency_code"] == "USD"
    )
