"""Planted leaks fail the check that is made for them; an honest twin passes; the statistics are what they claim."""

import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scipy import stats
from sklearn.metrics import roc_auc_score

from generator.audit import membership, refits, replay
from generator.audit import verbatim as ledger
from generator.audit.image_distance import Looks, bounding_box, copies_above, looks, nearest
from generator.audit.image_privacy import pictures_privacy
from generator.audit.privacy import rows_privacy, spec_privacy
from generator.audit.rarity import surprise
from generator.audit.record_distance import surroundings
from generator.audit.rows import Real, encoded, real_of
from generator.render import draw
from schemas.audit import Bounds, Check
from schemas.catalog import CatalogSpec, Provenance
from schemas.errors import ToileError
from schemas.product import Product
from tests.helpers.audit_tables import copied, jpeg, rarest, sample, shop_document, spec_of, table

BOUNDS = Bounds()
PIXELS = 96


@pytest.fixture(scope="module")
def real_rows() -> list[Product]:
    return table(0)


@pytest.fixture(scope="module")
def real(real_rows: list[Product]) -> Real:
    return real_of(real_rows)


@pytest.fixture(scope="module")
def twin() -> list[Product]:
    return table(1)


def failed(checks: Sequence[Check]) -> set[str]:
    return {check.name for check in checks if check.passed is False}


def test_an_honest_twin_passes_every_check_of_rows(real: Real, twin: list[Product]) -> None:
    found = rows_privacy(real, encoded(twin), BOUNDS)
    assert failed(found.checks) == set()
    assert {check.passed for check in found.checks} == {True}
    assert all(check.real_against_real is not None for check in found.checks)


@pytest.mark.parametrize(
    ("leak", "check"),
    [
        ("five percent of the rows", "replayed_rows"),
        ("the fifty rarest", "replayed_rare_rows"),
        ("near copies", "replayed_near_rows"),
    ],
)
def test_a_planted_leak_fails_its_check(
    real: Real, real_rows: list[Product], twin: list[Product], leak: str, check: str
) -> None:
    planted = {
        "five percent of the rows": lambda: copied(twin, sample(real_rows, 0.05)),
        "the fifty rarest": lambda: copied(twin, rarest(real_rows, 50)),
        "near copies": lambda: copied(twin, sample(real_rows, 0.1), price_noise=0.01),
    }[leak]()
    found = rows_privacy(real, encoded(planted), BOUNDS)
    assert check in failed(found.checks)
    assert not {"shared_codes", "verbatim_urls"} & failed(found.checks)  # the codes were renamed


def test_a_whole_copy_is_seen_by_membership_inference(real: Real) -> None:
    found = rows_privacy(real, real.members, BOUNDS)
    assert {"membership_auc", "membership_tpr", "verbatim_products", "verbatim_urls"} <= failed(found.checks)


def test_one_verbatim_product_and_one_moved_url_are_found(
    real: Real, real_rows: list[Product], twin: list[Product]
) -> None:
    stolen = replace(twin[0], product_code=real_rows[3].product_code, title=real_rows[3].title)
    moved = (real_rows[5].imageurl or "").split("//")[1].split("/", 1)[1]
    hosted = replace(twin[1], imageurl=f"https://elsewhere.example/{moved}")
    found = rows_privacy(real, encoded([stolen, hosted, *twin[2:]]), BOUNDS)
    assert failed(found.checks) == {"verbatim_products", "verbatim_urls"}
    assert real_rows[3].product_code in {hit.text for hit in found.hits}


def test_codes_of_eight_digits_may_meet_by_chance_but_not_by_the_dozen(
    real: Real, real_rows: list[Product], twin: list[Product]
) -> None:
    one = [replace(twin[0], product_code=real_rows[0].product_code), *twin[1:]]
    many = [replace(new, product_code=old.product_code) for new, old in zip(twin[:12], real_rows, strict=False)]
    for rows, is_chance in ((one, True), ([*many, *twin[12:]], False)):
        found = ledger.shared(real.rows, encoded(rows))
        assert found.codes_by_chance == pytest.approx(2500 * 2500 / 9e7, rel=0.01)
        assert (len(found.codes) <= ledger.chance_bound(found.codes_by_chance, BOUNDS.codes_p)) is is_chance


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_the_replay_test_is_fishers(m: int, h: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, m)), data.draw(st.integers(0, h))
    member = np.array([True] * m + [False] * h)
    hit = np.array([True] * a + [False] * (m - a) + [True] * b + [False] * (h - b))
    test = replay.excess("x", member, np.ones(m + h, bool), hit)
    expected = stats.fisher_exact([[a, m - a], [b, h - b]], alternative="greater").pvalue
    assert test.p == pytest.approx(expected, abs=1e-12)


def test_the_smallest_leak_is_seen_four_times_out_of_five() -> None:
    test = replay.Excess(name="x", members=1200, members_hit=40, holdout=300, holdout_hit=9, p=0.5)
    alpha = 0.002
    leak = replay.smallest_leak(test, alpha)
    assert leak is not None
    draw_ = np.random.default_rng(0)
    chance = 9.5 / 301
    hits = draw_.binomial(1200, chance + leak * (1 - chance), 4000), draw_.binomial(300, chance, 4000)
    seen = stats.hypergeom.sf(hits[0] - 1, 1500, hits[0] + hits[1], 1200) <= alpha
    assert seen.mean() == pytest.approx(0.8, abs=0.03)


def test_auc_and_the_exact_p_of_true_positives() -> None:
    draw_ = np.random.default_rng(1)
    member = draw_.random(700) < 0.7
    score = draw_.normal(size=700) + 0.3 * member
    found = membership.attack("x", score, member, level=0.95)
    assert found.auc == pytest.approx(roc_auc_score(member, score))
    assert found.low < found.auc < found.high
    m, h = int(member.sum()), int((~member).sum())
    flat = []
    for _ in range(2000):
        order = draw_.permutation(m + h) < m  # True where a member stands
        flat.append(membership._rank_p(int(order[: np.flatnonzero(~order)[int(0.01 * h)]].sum()), m, h))
    assert 0.03 <= np.mean(np.array(flat) <= 0.05) <= 0.065  # valid, and not useless
    bound = membership.chance_tpr(m, h, 0.01)
    k = int(0.01 * h)
    assert stats.hypergeom.cdf(k, m + h, h, round(bound * m) + k) >= 0.01
    assert stats.hypergeom.cdf(k, m + h, h, round(bound * m) + 1 + k) < 0.01


def test_distances_are_those_of_a_slow_definition() -> None:
    rows, others = encoded(table(0, 30)), encoded(table(1, 40))
    found = surroundings(rows, others)

    def distance(i: int, j: int) -> float:
        union = rows.words[i] | others.words[j]
        title = 1 - len(rows.words[i] & others.words[j]) / len(union) if union else 0.0
        price = min(abs(rows.log_price[i] - others.log_price[j]) / math.log(1.5), 1)
        differ = (rows.leaves[i] != others.leaves[j]) * 0.1 + (rows.branches[i] != others.branches[j]) * 0.1
        return float(0.45 * title + 0.3 * price + differ + 0.05 * (rows.discount[i] != others.discount[j]))

    for i in range(len(rows)):
        every = [distance(i, j) for j in range(len(others))]
        assert found.nearest[i] == pytest.approx(min(every), abs=1e-5)
        assert found.density[i] == pytest.approx(np.exp(-0.5 * (np.array(every) / 0.08) ** 2).mean(), abs=1e-4)


def test_a_real_catalog_without_holdout_is_refused(real_rows: list[Product]) -> None:
    with pytest.raises(ToileError, match="validation and test together"):
        real_of([row for row in real_rows if row.split == "train"])


# --- the spec


@pytest.fixture(scope="module")
def spec() -> CatalogSpec:
    provenance = Provenance(
        fitted_from="rows", num_rows=1, num_families=1, private=False, statement="counted", min_support=5
    )
    return replace(spec_of(shop_document()), provenance=provenance)


def fitted(rows: Sequence[Product], *, leaks: bool) -> CatalogSpec:
    """A small fit: leaves with their shares and one title; with `leaks` the first word of every title gets in."""
    document = shop_document()
    counts = Counter(row.title.split()[0] for row in {r.family: r for r in rows}.values() if row.title)
    kept = {word: count for word, count in counts.items() if count >= (1 if leaks else 5)}
    document["attributes"]["line"] = {"values": {word: {"weight": 1} for word in sorted(kept)}}
    total = sum(kept.values())
    for category in document["categories"]:
        category["attributes"]["line"] = {word: count / total for word, count in kept.items()}
    return spec_of(document)


def test_a_fit_that_lets_single_families_through_is_caught_from_both_sides(real: Real, spec: CatalogSpec) -> None:
    safe = spec_privacy(
        real, spec, BOUNDS, lambda rows: fitted(rows, leaks=False), num_refits=3, progress=lambda text: None
    )
    assert not {"canaries", "refit_strings", "refit_shares"} & failed(safe.checks)
    leaky = spec_privacy(
        real, spec, BOUNDS, lambda rows: fitted(rows, leaks=True), num_refits=3, progress=lambda text: None
    )
    assert "canaries" in failed(leaky.checks)
    assert {hit.detail for hit in leaky.hits if hit.check == "canaries"} == {"a word of one planted family"}


def test_a_word_of_one_family_vanishes_with_it(real_rows: list[Product]) -> None:
    rows = [row for row in real_rows if row.split == "train"][:300]
    rows[0] = replace(rows[0], title=f"Unheard {rows[0].title}", family="alone")
    members = encoded(rows)
    found = refits.leave_one_out(lambda some: fitted(some, leaks=True), members, [0], 5)
    assert [hit.text for hit in found.lost] == ["unheard"]
    assert refits.leave_one_out(lambda some: fitted(some, leaks=False), members, [0], 5).lost == []
    assert 0 in refits.most_telling(surprise(members), 40)


def weighed(weights: dict[str, float]) -> CatalogSpec:
    """A spec with these weights of one attribute in every leaf."""
    document = shop_document()
    document["attributes"]["line"] = {"values": {word: {"weight": 1} for word in ("one", "two")}}
    for category in document["categories"]:
        category["attributes"]["line"] = weights
    return spec_of(document)


@pytest.mark.parametrize(
    ("before", "after", "share", "regrouped"),
    [
        (weighed({"one": 6, "two": 12}), weighed({"one": 5, "two": 12}), (6 / 18) / (5 / 17), 1),
        (weighed({"one": 2, "two": 12}), weighed({"one": 1, "two": 12}), (2 / 14) / (1 / 13), 1),
        (weighed({"one": 5, "two": 6}), weighed({"two": 6}), 1, 11 / 6),
        (weighed({"two": 6}), weighed({"one": 5, "two": 6}), 1, 11 / 6),
        (weighed({"one": 1, "two": 6}), weighed({"two": 6}), 7 / 6, 1),
        (weighed({"one": 1, "two": 1}), weighed({"two": 1}), 2, 1),
    ],
)
def test_a_share_may_move_more_where_a_value_went(
    real_rows: list[Product], before: CatalogSpec, after: CatalogSpec, share: float, regrouped: float
) -> None:
    members = encoded(real_rows[:60])
    specs = iter([before, after])
    found = refits.leave_one_out(lambda rows: next(specs), members, [0], 5)
    assert (found.share, found.regrouped) == pytest.approx((math.log(share), math.log(regrouped)))


def test_a_share_may_move_more_where_a_leaf_went(real_rows: list[Product], spec: CatalogSpec) -> None:
    gone, *others = spec.categories
    left = replace(spec, categories=tuple(replace(each, share=each.share / (1 - gone.share)) for each in others))
    specs = iter([spec, left])
    found = refits.leave_one_out(lambda rows: next(specs), encoded(real_rows[:60]), [0], 5)
    assert found.share == 0
    assert found.regrouped == pytest.approx(-math.log(1 - gone.share))


def test_strings_that_few_families_hold_are_listed(real: Real, real_rows: list[Product], spec: CatalogSpec) -> None:
    rare = min(
        (word for word in {(row.title or "").split()[0] for row in real_rows}),
        key=lambda word: len({row.family for row in real_rows if (row.title or "").startswith(f"{word} ")}),
    )
    few = [row for row in real_rows if not (row.title or "").startswith(f"{rare} ")]
    few += [row for row in real_rows if (row.title or "").startswith(f"{rare} ") and row.split == "train"][:1]
    held = real_of(few)
    hits, num_real = ledger.too_rare(spec, held.members, held.holdout, 5, ledger.public_words())
    assert rare.lower() in {hit.text for hit in hits}
    assert num_real > 40
    assert "wool" not in {hit.text for hit in hits}


def test_the_real_brand_may_not_be_in_a_spec(real: Real, spec: CatalogSpec) -> None:
    hits, _ = ledger.too_rare(spec, real.members, real.holdout, 5)
    assert {hit.text for hit in hits if "own name" in hit.detail} == {"ashlar & wren"}


# --- pictures


@pytest.fixture(scope="module")
def pictures() -> tuple[Looks, Looks, list[tuple[str, str, bytes]], list[tuple[str, str, bytes]]]:
    """Real train, real holdout and an honest twin's pictures, 70 each at most."""

    def files(seed: int, num: int) -> list[tuple[str, str, bytes]]:
        return [(row.product_code, row.family, jpeg(draw(row, PIXELS), 90)) for row in table(seed, num)]

    own = files(0, 110)
    families = sorted({family for _, family, _ in own})
    held = set(families[::3])
    train = [each for each in own if each[1] not in held]
    return looks(train), looks(each for each in own if each[1] in held), files(1, 50), train


def decoded(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def test_honest_pictures_pass_and_one_copy_in_disguise_does_not(
    pictures: tuple[Looks, Looks, list[tuple[str, str, bytes]], list[tuple[str, str, bytes]]],
) -> None:
    train, holdout, honest, files = pictures
    assert failed(pictures_privacy(train, holdout, looks(honest), BOUNDS).checks) == set()
    victim = decoded(files[7][2])
    larger = victim.resize((PIXELS * 2, PIXELS * 2), Image.Resampling.BICUBIC)
    for disguise in (victim, ImageOps.mirror(victim), larger):
        planted = [*honest, ("copy", "copy", jpeg(disguise, 70))]
        found = pictures_privacy(train, holdout, looks(planted), BOUNDS)
        assert failed(found.checks) == {"copied_pictures"}
        assert [hit.text for hit in found.hits] == [files[7][0]]


def test_identical_files_and_identical_pixels_are_told_apart(
    pictures: tuple[Looks, Looks, list[tuple[str, str, bytes]], list[tuple[str, str, bytes]]],
) -> None:
    train, holdout, honest, files = pictures
    again = io.BytesIO()
    decoded(files[3][2]).save(again, "PNG")
    pixels = pictures_privacy(train, holdout, looks([*honest, ("copy", "copy", again.getvalue())]), BOUNDS)
    assert "identical_pictures" in failed(pixels.checks)
    assert "identical_picture_files" not in failed(pixels.checks)
    file = pictures_privacy(train, holdout, looks([*honest, ("copy", "copy", files[3][2])]), BOUNDS)
    assert {"identical_pictures", "identical_picture_files"} <= failed(file.checks)


def test_families_never_stand_for_each_other_and_bounds_follow_real_pairs() -> None:
    noise = np.random.default_rng(0)
    square = [Image.fromarray(noise.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(2)]
    files = [jpeg(each, 95) for each in square]
    found = looks([("a", "one", files[0]), ("b", "one", files[0]), ("c", "two", files[1])])
    assert nearest(found, found).which.tolist()[:2] == [2, 2]
    assert nearest(found, found).likeness.max() < 0.3
    assert copies_above(np.array([0.2, 0.8, 0.999], np.float32)) == pytest.approx(0.88)
    box = Image.new("RGB", (40, 40), "white")
    box.paste((10, 20, 30), (8, 5, 30, 33))
    assert bounding_box(box) == (8, 5, 30, 33)


def test_folders_without_pictures_are_not_asked() -> None:
    found = pictures_privacy(looks([]), looks([]), looks([]), BOUNDS)
    assert [check.passed for check in found.checks] == [None] * 4
