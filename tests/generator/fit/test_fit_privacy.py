"""Privacy of a fit: one family changes one record, epsilon and delta are right, and nothing of a family gets out."""

import io
import itertools
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generator.audit.refits import make_refit
from generator.fit import FitOptions
from generator.fit.attributes import PUBLIC_COLUMNS, SIZES, list_size_shares
from generator.fit.categories import list_partitions
from generator.fit.families import PERCENTS, Family, read_families
from generator.fit.fit_spec import _private_provenance, _say_guesses, build_fit, fit, to_yaml, write_spec
from generator.fit.prices import PriceGrid, find_ending, find_range, sample_prices, usual_rate
from generator.fit.private import (
    KEPT_SHARE,
    MANY_LEAVES,
    NAMES_SHARE,
    SHARES,
    Accountant,
    divide_budget,
    drop_tables,
    estimate,
    laplace_measurement,
    measured,
    project,
    sample_cells,
    shrink,
    synthesize,
    threshold_delta,
    threshold_measurement,
)
from generator.sampling.streams import Floats
from schemas.documents import parse_document
from schemas.errors import ToileError
from schemas.product import Product
from schemas.silhouettes import RECORDS
from schemas.validation import from_document
from tests.helpers import fit_table
from toile.cli import main

PATHS = fit_table.PATHS[:4]
OPTIONS = FitOptions(epsilon=1.0, categories=PATHS, price_range=(10.0, 5000.0), keep=("season",))
SECRETS = ("Zyxomma", "Vicuna", "Q7X-4411", "SECRETS", "quillmere", "Quillmere", "QUILLMERE", "70000000", "HIDDEN")

_families = st.builds(
    Family,
    path=st.sampled_from([*PATHS, ("A", "B", "NOT LISTED"), None]),
    kind=st.sampled_from(["coat", "t-shirt", "sneaker", None]),
    full_price=st.none() | st.floats(-5, 1e300) | st.just(math.nan) | st.just(math.inf) | st.floats(5, 900),
    discount_percent=st.sampled_from([0, *PERCENTS]),
    label=st.sampled_from([None, "N.A.", "VIEW ALL", "HIDDEN"]),
    num_colourways=st.integers(1, 64),
    material=st.sampled_from([None, "cotton", "leather"]),
    pattern=st.sampled_from([None, "stripes"]),
    colour=st.sampled_from([None, "red", "navy"]),
    kept=st.fixed_dictionaries({"season": st.sampled_from([None, "summer", 4.0, "winter"])}),
)


@dataclass(slots=True)
class ConstantAnswers(Accountant):
    """Releases the same counts whatever the rows are, and remembers the exact counts that it was given."""

    seen: list[tuple[str, Any]] = field(default_factory=list)

    def release_counts(self, name: str, counts: Any, share: float, bins: str) -> tuple[Floats, float]:
        scale = Accountant.release_counts(self, name, counts, share, bins)[1]
        self.seen.append((name, counts.copy()))
        answers = [100.0 + 37 * (cell % 3) for cell in range(counts.size)]
        return np.array(answers).reshape(counts.shape), scale

    def release_names(self, name: str, found: Iterable[str], share: float, delta: float, least: int) -> list[str]:
        known = list(found)
        Accountant.release_names(self, name, known, share, delta, least)
        self.seen.append((name, Counter(known)))
        return ['["MAN", "CLOTHING", "COATS"]'] if name == "categories" else ['"summer"', "4.0"]


def make_book(options: FitOptions) -> ConstantAnswers:
    return ConstantAnswers(epsilon=options.epsilon or 0.0, delta=options.delta)


def count_changes(one: Any, other: Any) -> int:
    if isinstance(one, Counter):
        return sum(((one - other) + (other - one)).values())
    return int(np.abs(one - other).sum())


@pytest.mark.parametrize("categories", [PATHS, None])
@settings(max_examples=3)
@given(families=st.lists(_families, min_size=1, max_size=8), at=st.integers(0, 7))
def test_one_family_changes_one_count_of_each_table(categories: Any, families: list[Family], at: int) -> None:
    options = replace(OPTIONS, categories=categories)
    fewer = families[: at % len(families)] + families[at % len(families) + 1 :]
    books = make_book(options), make_book(options)
    made = [
        synthesize(each, options, book=b, rng=np.random.default_rng(1))
        for each, b in zip((families, fewer), books, strict=True)
    ]
    assert [name for name, _ in books[0].seen] == [name for name, _ in books[1].seen]
    for (name, whole), (_, without) in zip(books[0].seen, books[1].seen, strict=True):
        assert count_changes(whole, without) <= 1, name
    # what is made, said and spent follows from the answers alone
    assert made[0] == made[1]


def test_family_of_many_rows_is_one_record(tmp_path: Path) -> None:
    rows = fit_table.sample_rows(60, 3)
    many = [replace(rows[0], product_code=f"{10 + n}", family="many", full_price=9.0 + n) for n in range(12)]
    folders = [fit_table.write_folder(tmp_path / f"{n}", each) for n, each in enumerate((rows, [*rows, *many]))]
    for unit, added in (("family", 1), ("row", 12)):
        without, whole = (read_families(each, "USD", images=False, unit=unit)[0] for each in folders)  # type: ignore[arg-type]
        assert len(whole) == len(without) + added
        assert not Counter(map(repr, without)) - Counter(map(repr, whole))


@pytest.mark.parametrize("epsilon", [0.003, 0.1, 0.85, 7.0])
def test_epsilon_of_the_noise_is_that_of_opendp(epsilon: float) -> None:
    measurement, spent, scale = laplace_measurement(epsilon)
    assert measurement.map(1) == spent
    assert epsilon * (1 - 1e-9) <= spent <= epsilon
    assert 1 / scale <= epsilon


def test_two_neighbouring_counts_are_as_likely_as_epsilon_says() -> None:
    """The mechanism's own output, 100,000 times each for a count of 3 and of 4."""
    epsilon, num = 0.8, 100_000
    book = Accountant(epsilon=epsilon, delta=0.0)
    found = []
    for count in (3, 4):
        measurement, _, _ = laplace_measurement(epsilon)
        found.append(Counter(measurement([count] * num)))
    worst = max(math.log(found[0][v] / found[1][v]) for v in found[0] if found[0][v] > 2000 and found[1][v] > 2000)
    assert epsilon * 0.8 < worst < epsilon + 0.12
    assert not book.ledger


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.35, 1.0, 3.0])
@pytest.mark.parametrize("delta", [1e-15, 1e-9, 1e-6, 1e-2])
def test_stated_delta_covers_the_exact_tail(epsilon: float, delta: float) -> None:
    """Against the sum of the noise's probabilities: 1 + noise >= threshold, values at the threshold included."""
    _, spent, scale, threshold = threshold_measurement(epsilon, delta, 2)
    ratio = math.exp(-1 / scale)
    tail = math.fsum(
        (1 - ratio) / (1 + ratio) * ratio**z for z in range(threshold - 1, threshold + int(60 * scale) + 60)
    )
    assert tail <= threshold_delta(scale, threshold) <= delta
    assert threshold_delta(scale, threshold) <= tail * (1 + 1e-6)
    assert spent <= epsilon
    if threshold > 2:
        assert threshold_delta(scale, threshold - 1) > delta  # no higher than it has to be


@pytest.mark.parametrize(("scale", "threshold"), [(1.0, 3), (2.0, 4), (0.5, 2)])
def test_delta_is_what_the_mechanism_does(scale: float, threshold: int) -> None:
    """Of 100,000 names with one record each, the share that OpenDP releases; its own map says less."""
    from generator.fit.private import load_opendp

    dp, num = load_opendp(), 100_000
    domain = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T=int))
    metric = dp.l01inf_distance(dp.absolute_distance(T=int))
    measurement = dp.m.make_laplace_threshold(domain, metric, scale=scale, threshold=threshold)
    share = len(measurement({f"name {n}": 1 for n in range(num)})) / num
    expected = threshold_delta(scale, threshold)
    assert abs(share - expected) < 5 * math.sqrt(expected / num)
    assert measurement.map((1, 1, 1))[1] < expected


@pytest.mark.parametrize(("epsilon", "delta"), [(0.3, 1e-9), (8.0, 1e-3)])
def test_delta_of_the_ledger_covers_all_releases(epsilon: float, delta: float) -> None:
    """The exact tail of every release of names, from its threshold and the privacy map of its noise alone."""
    options = FitOptions(epsilon=epsilon, delta=delta, keep=("season", "size", "cut"), keep_values={"cut": ("a",)})
    book = Accountant(epsilon=epsilon, delta=delta)
    synthesize([], options, book=book, rng=np.random.default_rng(0))
    named = [row for row in book.ledger if "dropped" in row.mechanism]
    assert {row.statistic for row in named} == {"categories", "values of season", "values of size"}
    for row in book.ledger:
        if row not in named:
            assert row.delta == 0, row
            continue
        threshold = int(row.mechanism.split("below ")[1].split()[0])
        ratio = math.exp(-row.epsilon)  # the noise is P(z) proportional to ratio ** |z|
        tail = math.fsum((1 - ratio) / (1 + ratio) * ratio**z for z in range(threshold - 1, threshold + 4000))
        assert tail <= row.delta <= delta / 3, row
    assert math.fsum(row.delta for row in book.ledger) <= delta


def test_shares_of_epsilon_sum_to_one() -> None:
    assert all(math.isclose(sum(shares.values()), 1) for shares in SHARES.values())
    for num, keep in ((3, ()), (MANY_LEAVES, ("a",)), (9, tuple(map(str, range(30))))):
        for categories in (None, PATHS):
            options = replace(OPTIONS, categories=categories, keep=keep)
            for name in (None, "coat"):
                rest = sum(divide_budget(options, [name] * num).values())
                names = NAMES_SHARE if categories is None else 0.0
                assert math.isclose(rest + names + min(KEPT_SHARE * len(keep), 0.4), 1)


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


@pytest.mark.parametrize("categories", [None, PATHS])
def test_nothing_rare_and_no_name_of_the_real_shop_gets_in(shards: Path, categories: Any) -> None:
    found = fit(shards, FitOptions(epsilon=8.0, categories=categories))
    text = to_yaml(found) + "".join(found.messages)
    assert not [secret for secret in SECRETS if secret in text]
    assert "123457" not in text
    assert any(path[2] in text for path in PATHS)  # the spec is not empty
    record = found.document["provenance"]
    assert record.private
    assert math.fsum(row.epsilon for row in record.ledger) == record.epsilon <= 8.0
    assert math.isclose(record.epsilon, 8.0)
    assert math.fsum(row.delta for row in record.ledger) == record.delta <= 1e-6
    assert (record.delta > 0) == (categories is None)
    from_document(parse_document(to_yaml(found), "x", is_json=False), "catalog")  # the ledger is checked


def test_only_the_train_split_is_read(tmp_path: Path, rows: list[Product]) -> None:
    held = [replace(rows[n], product_code=f"5{n}", family=f"t{n}", split="test") for n in range(9)]
    both, train = (fit_table.write_folder(tmp_path / f"{len(each)}", each) for each in ([*rows, *held], rows))
    assert read_families(both, "USD", images=False) == read_families(train, "USD", images=False)


def test_ledger_with_a_wrong_sum_is_refused(shards: Path) -> None:
    document: dict[str, Any] = parse_document(to_yaml(fit(shards, FitOptions(epsilon=2.0))), "x", is_json=False)
    document["provenance"]["epsilon"] = 1.0
    with pytest.raises(ToileError, match="not what the ledger sums to"):
        from_document(document, "catalog")
    document["provenance"] |= {"private": False}
    with pytest.raises(ToileError, match="has a ledger"):
        from_document(document, "catalog")


def _palette_png() -> bytes:
    """A PNG with a palette and transparency as bytes, of which Pillow warns."""
    image = Image.new("P", (8, 8))
    image.putpalette([0, 0, 0, 255, 0, 0] + [0] * 762)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes([0, 128]))
    return buffer.getvalue()


def test_a_nasty_family_changes_nothing_that_is_seen(tmp_path: Path, rows: list[Product]) -> None:
    """Neither an error, nor a warning, nor another kind of message, with or without it."""
    nasty = [
        replace(rows[0], product_code="1", family="n", image=b"\x89PNG broken", full_price=1e12, price=-3.0),
        replace(rows[0], product_code="2", family="n", title="Coat " * 2000, currency_code="XXX", category1_code=None),
        replace(rows[0], product_code="3", family="n", image=_palette_png(), category3_code="\x07"),
        replace(rows[0], product_code="4", family="n", full_price=math.nan, price=math.inf, title=None),
    ]
    menu = tmp_path / "menu.yaml"
    menu.write_text("".join(f"- {' > '.join(path)}\n" for path in PATHS))
    said = []
    for number, each in enumerate((rows, [*rows, *nasty])):
        place = fit_table.write_folder(tmp_path / f"shards{number}", each)
        out = tmp_path / f"spec{number}.yaml"
        command = ["fit", str(place), "--out", str(out), "--epsilon", "8", "--categories", str(menu), "--price-range"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = CliRunner().invoke(main, [*command, "10:9000"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        text = done.output.replace(str(out), "")
        said.append([line.split(":")[0] for line in text.splitlines() if "about" not in line and "hides" not in line])
        assert "1000000000000" not in out.read_text()
    assert said[0] == said[1]


@pytest.mark.parametrize("num", [0, 1, 30])
@pytest.mark.parametrize("categories", [None, PATHS])
def test_small_shop_is_never_refused(num: int, categories: Any, tmp_path: Path) -> None:
    """An empty table and one of a single family have the outcome of a small one: toile's usual shop, and a warning."""
    place = fit_table.write_folder(
        tmp_path / "few", fit_table.sample_rows(max(num, 1), 2, paths=PATHS)[:num] or _no_train()
    )
    found = fit(place, FitOptions(epsilon=0.05, categories=categories))
    from_document(parse_document(to_yaml(found), "x", is_json=False), "catalog")
    text = "\n".join(found.messages)
    assert "warning: the noise hides the prices" in text
    assert ("hides the name of every category" in text) == (categories is None)
    # noise is no statistic of the shop: few products under labels of the site, few colours, most at full price
    assert found.document["navigation"]["share"] < 0.2
    assert found.document["colourways"]["repeat_share"] < 0.7
    assert all("median" in kind["price"] for leaf in found.document["categories"] for kind in leaf.get("kinds", [leaf]))


@pytest.mark.parametrize(("epsilon", "currency", "is_priced"), [(0.01, "IDR", True), (50.0, "USD", False)])
def test_shop_without_known_prices_has_usual_ones(
    epsilon: float, currency: str, is_priced: bool, tmp_path: Path
) -> None:
    """Whether noise hides the prices or no family has one: the spec compiles, with prices of the currency's level."""
    rows = fit_table.sample_rows(60, 2, paths=PATHS[:2])
    if not is_priced:
        rows = [replace(row, full_price=None, price=None) for row in rows]
    place = fit_table.write_folder(tmp_path / "rows", rows, currency=currency)
    found = fit(place, FitOptions(epsilon=epsilon, categories=PATHS[:2], currency=currency))
    write_spec(found, tmp_path / "spec.yaml")
    assert "warning: the noise hides the prices" in "\n".join(found.messages)
    medians = [kind["price"]["median"] for leaf in found.document["categories"] for kind in leaf.get("kinds", [leaf])]
    assert all(10 <= median / usual_rate(currency) <= 1000 for median in medians)


def _no_train() -> list[Product]:
    return [replace(row, split="test") for row in fit_table.sample_rows(3, 2, paths=PATHS)]


def test_kept_columns_and_rows_as_the_unit(tmp_path: Path) -> None:
    products, own = fit_table.sample_sports_rows(600)
    place = fit_table.write_folder(tmp_path / "sports", products, own)
    paths = tuple(sorted({(p.category1_code or "", p.category2_code or "", p.category3_code or "") for p in products}))
    found = fit(place, FitOptions(epsilon=20.0, categories=paths, keep=("season", "colour"), unit="row"))
    document = found.document
    assert document["provenance"].unit == "row"
    assert abs(document["provenance"].num_families - 600) < 40
    assert set(document["extra"]) == {"season", "colour"}
    assert {"summer", "all year"} <= set(document["attributes"]["season"]["values"])
    statistics = {row.statistic for row in document["provenance"].ledger if row.delta > 0}
    assert statistics == {"values of season", "values of colour"}
    kinds = {kind["silhouette"] for leaf in document["categories"] for kind in leaf.get("kinds", [leaf])}
    assert {"t-shirt", "sneaker"} & kinds


def test_public_values_of_a_kept_column_cost_no_delta(tmp_path: Path) -> None:
    place = fit_table.write_folder(tmp_path / "sports", *fit_table.sample_sports_rows(300))
    paths = tuple(
        ("SPORT", branch, leaf)
        for branch in ("WOMEN", "MEN", "KIDS", "TRAIL")
        for leaf in ("CLOTHING", "SHOES", "ACCESSORIES")
    )
    menu, values = tmp_path / "menu.yaml", tmp_path / "values.yaml"
    menu.write_text("".join(f"- {' > '.join(path)}\n" for path in paths))
    values.write_text("season: [SUMMER, All  Year, never, nobody, nowhere]\n")  # in the rows: small letters
    command = ["fit", str(place), "--out", str(tmp_path / "a.yaml"), "--epsilon", "100", "--categories", str(menu)]
    done = CliRunner().invoke(main, [*command, "--keep", "season", "--keep-values", str(values)])
    assert done.exit_code == 0, done.output
    spec: Any = from_document(parse_document((tmp_path / "a.yaml").read_text(), "a", is_json=False), "catalog")
    assert {"SUMMER", "All Year"} <= set(spec.attributes["season"].values)
    named = re.search(r"by noisy counts hardly any design has these values of season: (.*)", done.output)
    assert named is not None, done.output  # noise may let one or two of three values look present
    assert set(named[1].split(", ")) <= {"never", "nobody", "nowhere"}
    assert "have no value of the list" not in done.output
    assert spec.provenance.delta == 0
    assert {row.statistic for row in spec.provenance.ledger if not row.epsilon} >= {"values of season", "categories"}
    again = make_refit(spec, {"1": {"season": "summer"}})(fit_table.sample_sports_rows(300)[0])
    assert "season" in again.extra
    assert again.provenance is not None
    assert again.provenance.delta == 0
    for text, said in (
        ("- a\n", "is not a mapping"),
        ("season: red\n", "is not a list"),
        ("size: [1]\n", "no column of"),
    ):
        values.write_text(text)
        done = CliRunner().invoke(main, [*command, "--force", "--keep", "season", "--keep-values", str(values)])
        assert done.exit_code == 1
        assert said in done.output


def test_list_without_the_names_of_the_shop_is_warned_of(shards: Path) -> None:
    other = tuple(("X", "Y", name) for name in ("COATS", "SHOES"))
    said = "are of no category on the list"
    assert said in "".join(fit(shards, FitOptions(epsilon=2.0, categories=other)).messages)
    assert said not in "".join(fit(shards, FitOptions(epsilon=2.0, categories=PATHS)).messages)
    unpriced = [replace(family, full_price=None) for family in read_families(shards, "USD", images=False)[0]]
    messages = synthesize(unpriced, FitOptions(epsilon=2.0, categories=PATHS)).messages
    assert "have no price" in "".join(messages)


def test_private_fit_says_what_it_knows_of_groups_of_categories_only() -> None:
    """From released counts and the public list: types that are a guess, and tables of several categories together."""
    paths = tuple(("A", "B", name) for name in ("CLOTHING", "MODE", "STYLE", "COATS", "BOOTS", "HATS"))
    families = [member(path=path, kind="coat", full_price=90.0) for path in paths[:3] for _ in range(15)]
    options = FitOptions(epsilon=1.0, categories=paths)
    made = synthesize(families, options)
    lenient = build_fit(made.families, _private_provenance(made, options), options, "USD", None)
    said = "\n".join(_say_guesses(lenient, made, options))
    assert "names do not say what they sell" in said
    release = next(row for row in made.ledger if row.statistic == "categories by price")
    by_group = replace(release, statistic="colours", bins="2 groups of categories x named colours")
    said = "\n".join(_say_guesses(lenient, replace(made, ledger=(by_group,)), options))
    assert "colours are those of 2 groups of categories, not of each category" in said


def member(**facts: Any) -> Family:
    usual: dict[str, Any] = {
        "discount_percent": 0, "label": None, "num_colourways": 1, "material": None, "pattern": None, "colour": None,
    }  # fmt: skip
    return Family(**{**usual, **facts})


def test_kinds_stay_within_what_the_name_of_their_leaf_says() -> None:
    paths = tuple(("SPORT", "DAMEN", name) for name in ("BEKLEIDUNG", "SCHUHE", "ZUBEHÖR"))
    kinds = (("coat", "t-shirt", "trousers"), ("sneaker", "boot"), ("cap", "backpack"))
    families = [
        Family(path=path, kind=kind, full_price=50.0, discount_percent=0, label=None, num_colourways=1,
               material=None, pattern=None, colour=None)
        for path, each in zip(paths, kinds, strict=True) for kind in each for _ in range(120)
    ]  # fmt: skip
    made = synthesize(families, FitOptions(epsilon=3.0, categories=paths)).families
    found = Counter((family.path, family.kind) for family in made if family.kind is not None)
    groups = ({"clothing", "outerwear"}, {"shoes"}, {"accessories", "bags"})
    assert found
    for (path, kind), _ in found.items():
        assert RECORDS[str(kind)].group in groups[paths.index(path)], (path, kind)


def test_usual_prices_move_into_the_public_range(tmp_path: Path) -> None:
    """The noise hides the prices of so few families."""
    place = fit_table.write_folder(tmp_path / "few", fit_table.sample_rows(12, 3, paths=PATHS))
    found = fit(place, FitOptions(epsilon=0.01, categories=PATHS, price_range=(4000.0, 5000.0)))
    kinds = [kind for leaf in found.document["categories"] for kind in leaf.get("kinds", [leaf])]
    prices = [price for kind in kinds for price in kind["price"].get("quantiles", [kind["price"].get("median")])]
    assert prices
    assert all(4000 <= price <= 5000 for price in prices)


@pytest.mark.parametrize("price_range", [(1000.0, 1e7), None])
def test_prices_stay_within_their_bounds(price_range: Any, tmp_path: Path) -> None:
    """Also where noise or extrapolated quantiles say more: such a spec would be refused after the budget is spent."""
    rows = fit_table.sample_rows(150, 4, paths=PATHS[:1], repeat=0.0)
    prices = (9e6, 1e9, 1e12)
    rows = [replace(row, full_price=prices[n % 3], price=prices[n % 3]) for n, row in enumerate(rows)]
    place = fit_table.write_folder(tmp_path / "dear", rows)
    found = fit(place, FitOptions(epsilon=3.0, categories=PATHS[:1], price_range=price_range))
    from_document(parse_document(to_yaml(found), "x", is_json=False), "catalog")
    kinds = [kind for leaf in found.document["categories"] for kind in leaf.get("kinds", [leaf])]
    assert 6e6 < max(price for kind in kinds for price in kind["price"]["quantiles"]) <= 1e7


def test_fit_that_is_refused_after_the_release_says_that_the_budget_is_spent(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ToileError("the catalog", "cannot be fitted", "fit another")

    monkeypatch.setattr("generator.fit.fit_spec.build_fit", refuse)
    with pytest.raises(ToileError, match="cannot be fitted; the privacy budget is spent"):
        fit(shards, FitOptions(epsilon=1.0, categories=PATHS))
    with pytest.raises(ToileError, match="cannot be fitted\n"):
        fit(shards, FitOptions())


def test_private_spec_is_fitted_again_with_its_public_facts(shards: Path, rows: list[Product]) -> None:
    options = FitOptions(epsilon=8.0, categories=PATHS, price_range=(10.0, 9000.0))
    spec: Any = from_document(parse_document(to_yaml(fit(shards, options)), "x", is_json=False), "catalog")
    again = make_refit(spec)(rows)
    assert again.provenance is not None
    assert again.provenance.price_range == (10.0, 9000.0)
    assert {each.path for each in again.categories} <= set(PATHS)
    assert {row.statistic for row in again.provenance.ledger} >= {"categories by price", "prices", "discounts"}


def test_accuracy_at_a_large_epsilon(tmp_path: Path) -> None:
    rows = fit_table.sample_rows(3000, 5, paths=PATHS)
    place = fit_table.write_folder(tmp_path / "shards", rows)
    made = synthesize(
        read_families(place, "USD", images=False, unit="family")[0], replace(OPTIONS, epsilon=50.0, keep=())
    )
    shares, prices = fit_table.category_shares(rows), fit_table.category_prices(rows)
    for path in PATHS:
        own = [family for family in made.families if family.path == path]
        assert len(own) / len(made.families) == pytest.approx(shares[path], abs=0.01)
        got = [family.full_price or 0.0 for family in own]
        for part in (0.2, 0.5, 0.8):
            assert np.quantile(got, part) == pytest.approx(np.quantile(prices[path], part), rel=0.15)
    assert np.mean([family.num_colourways for family in made.families]) == pytest.approx(1.6, abs=0.15)
    assert np.mean([family.discount_percent > 0 for family in made.families]) == pytest.approx(0.3, abs=0.05)


def test_leaves_of_one_parent_have_their_own_prices() -> None:
    prices = {path: 20.0 * 2**number for number, path in enumerate(fit_table.PATHS[:8])}
    families = [
        Family(
            path=path, kind=None, full_price=price, discount_percent=0, label=None, num_colourways=1, material=None,
            pattern=None, colour=None,
        )
        for path, price in prices.items() for _ in range(60)
    ]  # fmt: skip
    made = synthesize(families, replace(OPTIONS, categories=tuple(prices), keep=()), rng=np.random.default_rng(1))
    for path, price in prices.items():
        found = [family.full_price or 0.0 for family in made.families if family.path == path]
        assert price / 2 < np.median(found) < price * 2


def test_shrinking_keeps_sums_and_lessens_the_error() -> None:
    """James-Stein: nearer to the true counts than the noisy ones, however far the base is from the true counts."""
    rng = np.random.default_rng(0)
    base = rng.uniform(5, 20, (5, 6))
    for spread in (0.0, 1.0, 4.0, 12.0):
        errors = np.zeros(2)
        for _ in range(60):
            changed = base + rng.normal(0, spread, base.shape)
            true = np.array([project(row, total) for row, total in zip(changed, base.sum(axis=1), strict=True)])
            noisy = true + rng.laplace(0, 3, base.shape)
            found, weight = shrink(noisy, base, 3.0)
            assert np.allclose(found.sum(axis=1), base.sum(axis=1))
            assert (found >= 0).all()
            assert 0 <= weight <= 1
            projected = np.array([project(row, total) for row, total in zip(noisy, base.sum(axis=1), strict=True)])
            errors += [((each - true) ** 2).sum() for each in (found, projected)]
        assert errors[0] < errors[1], spread
    assert shrink(base + 1000 * np.eye(5, 6), base, 3.0)[1] > 0.9
    assert shrink(base, base, 3.0)[1] == 0


def test_projection_is_the_nearest_point_of_the_simplex() -> None:
    """Against a search."""
    values = np.array([3.0, -1.0, 0.5])
    grid = np.array([[a, b, 2 - a - b] for a in np.linspace(0, 2, 201) for b in np.linspace(0, 2, 201) if a + b <= 2])
    best = grid[np.argmin(((grid - values) ** 2).sum(axis=1))]
    assert np.allclose(project(values, 2.0), best, atol=0.011)


def test_estimate_fits_overlapping_tables() -> None:
    """Against the counts that the tables were made of, and against independence where no table says otherwise."""
    rng = np.random.default_rng(0)
    joint = rng.uniform(1, 9, (4, 6, 3))
    leaf_groups, price_groups = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    grouped = np.eye(2)[leaf_groups].T @ joint.sum(axis=2) @ np.eye(3)[price_groups]
    tables = [
        measured(grouped, ("leaf", "price"), 0.1, (leaf_groups, price_groups)),
        measured(joint.sum(axis=(1, 2)), ("leaf",), 0.1),
        measured(joint.sum(axis=1), ("leaf", "kind"), 0.1),
        measured(joint.sum(axis=0).T, ("kind", "price"), 0.1, (np.arange(3), np.arange(6))),
    ]
    found = estimate(tables, {"leaf": 4, "price": 6, "kind": 3}, float(joint.sum()))
    assert found.shape == joint.shape
    assert found.sum() == pytest.approx(joint.sum(), rel=1e-3)
    assert np.allclose(np.eye(2)[leaf_groups].T @ found.sum(axis=2) @ np.eye(3)[price_groups], grouped, rtol=0.02)
    for axis in (0, 1):
        assert np.allclose(found.sum(axis=axis), joint.sum(axis=axis), rtol=0.03 if axis else 0.2)
    independent = estimate(tables[1:3], {"leaf": 4, "kind": 3, "price": 6}, float(joint.sum()))
    assert np.allclose(independent[1] / independent[1].sum(axis=1, keepdims=True), 1 / 6, rtol=0.01)


def test_estimate_with_a_prior_is_the_mode_of_the_posterior() -> None:
    """Counts of one leaf and two prices: against a search over all of them with the same total."""
    noisy, prior = np.array([[30.0, 10.0]]), np.array([[10.0, 30.0]])
    found = estimate([measured(noisy, ("leaf", "price"), 3.0)], {"leaf": 1, "price": 2}, 40.0, prior)[0]
    tried = np.linspace(0.01, 39.99, 4000)
    counts = np.stack([tried, 40 - tried])
    losses = ((counts - noisy.T) ** 2).sum(axis=0) / (2 * 18) + (counts * np.log(counts / prior.T)).sum(axis=0)
    assert found[0] == pytest.approx(tried[np.argmin(losses)], abs=0.1)


def test_estimate_of_noise_free_tables_is_not_moved_by_one_of_much_noise() -> None:
    counts = np.array([[5.0, 20.0], [40.0, 10.0]])
    tables = [measured(counts, ("leaf", "price"), 0.5), measured(np.array([400.0, 0.0]), ("price",), 300.0)]
    assert np.allclose(estimate(tables, {"leaf": 2, "price": 2}, 75.0), counts, atol=0.5)


def test_groups_of_leaves_follow_the_names_of_leaves() -> None:
    few = [("A", branch, leaf) for branch in "BCDE" for leaf in ("SHOES", "CLOTHING")]
    assert [int(each.max()) + 1 for each in list_partitions(few)] == [8, 2, 1, 1]
    assert (list_partitions(few)[1] == [0, 1] * 4).all()
    own = [("A", "B", f"LEAF {n}") for n in range(3)] + [("A", "C", f"LEAF {n}") for n in range(3, 6)]
    assert [int(each.max()) + 1 for each in list_partitions(own)] == [6, 2, 1, 1]
    assert [int(each.max()) + 1 for each in list_partitions(own, [True, False] * 3)] == [6, 4, 2, 2]


@pytest.mark.parametrize("budget", [0.0, 100.0, 230.0, 700.0, 1e6])
def test_epsilon_of_tables_that_noise_hides_goes_to_the_core(budget: float) -> None:
    for is_many in (False, True):
        shares = dict(SHARES[is_many])
        dropped = drop_tables(shares, budget)
        assert math.isclose(sum(shares.values()), 1)
        assert not set(dropped) & set(shares)
        assert {"core", "prices"} <= set(shares)
    assert bool(dropped) == (budget < 1e6)


def test_column_of_more_noise_than_allowed_is_dropped() -> None:
    column = next(each for each in PUBLIC_COLUMNS if each.name == "patterns")
    for most_noise in (1.0, 0.5):
        budget = math.sqrt(2 * column.num_cells) / most_noise / SHARES[True]["patterns"]  # families times epsilon
        assert "patterns" in drop_tables(dict(SHARES[True]), budget * 0.99, most_noise)
        assert "patterns" not in drop_tables(dict(SHARES[True]), budget * 1.01, most_noise)


def test_sizes_of_families_do_not_move_the_prices_of_their_leaf() -> None:
    rng = np.random.default_rng(5)
    joint_LPK = rng.gamma(0.5, size=(30, 10, 2))
    table_LC = np.tile(list_size_shares(0.4), (30, 1))
    tables = {"colourways of a design": table_LC, "discounts": np.tile([0.7, 0.3], (30, 1))}
    cells = sample_cells(joint_LPK, tables, 600, rng)
    moved, by_chance = [], []
    for leaf, kind in itertools.product(range(30), range(2)):
        rows = (cells["leaf"] == leaf) & (cells["kind"] == kind)
        if rows.sum() > 4:
            price_N, size_N = cells["price"][rows], np.array(SIZES)[cells["colourways of a design"][rows]]
            moved.append(np.average(price_N, weights=size_N) - price_N.mean())
            by_chance.append(np.average(price_N, weights=rng.permutation(size_N)) - price_N.mean())
    assert len(moved) > 30
    assert np.std(moved) < np.std(by_chance) / 3
    for name, table in tables.items():  # and each leaf has the shares of its cells, to one row
        for leaf in range(30):
            found = np.bincount(cells[name][cells["leaf"] == leaf], minlength=table.shape[1])
            assert np.abs(found - found.sum() * table[leaf]).max() < 1


def test_prices_of_each_kind_are_spread_over_their_cell() -> None:
    grid = PriceGrid(edges=np.log([100.0, 200.0, 400.0]))
    cell_N, kind_N = np.repeat([0, 1], 40), np.tile([7, 9], 40)
    prices = np.array(sample_prices(cell_N, kind_N, grid, [np.zeros(0)] * 3, np.random.default_rng(2)), np.float64)
    for cell, kind in itertools.product((0, 1), (7, 9)):
        at = np.sort(np.log2(prices[(cell_N == cell) & (kind_N == kind)] / 100) - cell)
        # 20 prices, one in each twentieth of the cell, but for rounding to two digits
        assert np.abs(at - (np.arange(20) + 0.5) / 20).max() < 0.025 + 0.05
        assert np.ptp(at) > 0.85


def test_price_range_is_where_the_counts_are() -> None:
    rng = np.random.default_rng(3)
    counts = np.zeros(50)
    counts[10:14], counts[30:38] = 60.0, 80.0
    found = find_range(counts + rng.laplace(0, 4.0, 50), 4.0)
    assert 8 <= found.start <= 11
    assert 37 <= found.stop <= 40


@pytest.mark.parametrize(
    ("price", "ending"),
    [
        (300.0, "00/00"), (350.0, "00/50"), (190.0, "00/9x"), (60.0, "00/x0"), (45.0, "00/5"), (19.99, "99/9"),
        (12.95, "95/x"), (7.5, "50"), (8.13, "other"),
    ],
)  # fmt: skip
def test_endings_of_prices(price: float, ending: str) -> None:
    assert find_ending(price) == ending


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


@pytest.mark.parametrize("text", ["10", "500:10", "0:5", "a:b", "1:1e400", "1:2e12"])
def test_price_range_that_is_none_is_refused(text: str, shards: Path, tmp_path: Path) -> None:
    command = ["fit", str(shards), "--out", str(tmp_path / "a.yaml"), "--epsilon", "1", "--price-range", text]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "two prices" in done.output
