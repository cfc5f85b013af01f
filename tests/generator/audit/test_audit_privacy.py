"""Planted leaks fail their checks, an independent synthetic catalog passes, and the statistics are correct."""

import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import stats
from sklearn.metrics import roc_auc_score

from generator.audit import Findings, membership, refits, verbatim
from generator.audit.images import (
    ImageControl,
    ImageFeatures,
    check_images,
    copy_threshold,
    extract_features,
    find_nearest,
    measure_image_control,
)
from generator.audit.privacy import RealReference, check_rows, check_spec, measure_reference
from generator.audit.rows import RealCatalog, encode_products, measure_neighbours, self_information, split_members
from generator.fit import FitOptions
from schemas.audit import Bounds, Check
from schemas.catalog import CatalogSpec, Provenance, Release
from schemas.errors import ToileError
from schemas.fingerprints import bounding_box
from schemas.product import Product
from schemas.validation import from_document
from tests.helpers.audit_tables import (
    DISGUISES,
    ImageFile,
    draw_files,
    encode_jpeg,
    find_rarest_rows,
    generate_rows,
    invent_sports_rows,
    plant_copies,
    plant_image_copies,
    sample_train_rows,
    shop_document,
    spec_of,
)
from tests.helpers.kinds_spec import kinds_document

BOUNDS = Bounds()


@pytest.fixture(scope="module")
def real_rows() -> list[Product]:
    return generate_rows(0, 1500)


@pytest.fixture(scope="module")
def real(real_rows: list[Product]) -> RealCatalog:
    return split_members(real_rows)


@pytest.fixture(scope="module")
def reference(real: RealCatalog) -> RealReference:
    return measure_reference(real, BOUNDS)


@pytest.fixture(scope="module")
def synthetic() -> list[Product]:
    return generate_rows(1, 1500)


def failed(checks: Sequence[Check]) -> set[str]:
    return {check.name for check in checks if check.passed is False}


def test_honest_catalog_passes_every_check_of_rows(
    real: RealCatalog, reference: RealReference, synthetic: list[Product]
) -> None:
    found = check_rows(real, encode_products(synthetic), BOUNDS, reference=reference)
    assert failed(found.checks) == set()
    applied = [check for check in found.checks if check.name != "rare_values"]  # there are no further columns
    assert {check.status for check in applied} <= {"pass", "inconclusive"}
    assert all(check.real_against_real is not None for check in applied)


@pytest.mark.parametrize(
    ("leak", "check"),
    [
        ("five percent of the rows", "copied_rows"),
        ("the fifty rarest", "replayed_rare_near_rows"),
        ("near copies", "copied_near_rows"),
    ],
)
def test_planted_leak_fails_its_check(
    real: RealCatalog,
    reference: RealReference,
    real_rows: list[Product],
    synthetic: list[Product],
    leak: str,
    check: str,
) -> None:
    planted = {
        "five percent of the rows": lambda: plant_copies(synthetic, sample_train_rows(real_rows, 0.05)),
        "the fifty rarest": lambda: plant_copies(synthetic, find_rarest_rows(real_rows, 50)),
        "near copies": lambda: plant_copies(synthetic, sample_train_rows(real_rows, 0.1), price_noise=0.01),
    }[leak]()
    found = check_rows(real, encode_products(planted), BOUNDS, reference=reference)
    assert check in failed(found.checks)
    assert not {"shared_codes", "verbatim_urls"} & failed(found.checks)  # the codes were renamed


def test_copy_of_all_members_fails_membership_inference(real: RealCatalog, reference: RealReference) -> None:
    found = check_rows(real, real.members, BOUNDS, reference=reference)
    assert {"membership_auc", "membership_tpr", "verbatim_products", "verbatim_urls"} <= failed(found.checks)


def test_verbatim_product_and_url_on_another_host_are_found(
    real: RealCatalog, reference: RealReference, real_rows: list[Product], synthetic: list[Product]
) -> None:
    stolen = replace(synthetic[0], product_code=real_rows[3].product_code, title=real_rows[3].title)
    moved = (real_rows[5].imageurl or "").split("//")[1].split("/", 1)[1]
    hosted = replace(synthetic[1], imageurl=f"https://elsewhere.example/{moved}")
    found = check_rows(real, encode_products([stolen, hosted, *synthetic[2:]]), BOUNDS, reference=reference)
    assert failed(found.checks) == {"verbatim_products", "verbatim_urls"}
    assert real_rows[3].product_code in {hit.text for hit in found.hits}


def test_rare_real_values_in_a_kept_column_are_found(real: RealCatalog, reference: RealReference) -> None:
    num = len(real.table)
    codes = [f"{k % 7} cm" for k in range(num)]
    colours = ["cotton" if real.table.family[k] == 3 else "blue" for k in range(num)]  # cotton is a public word
    owners = ["Ms Quillmere" if real.table.family[k] == 5 else "shop" for k in range(num)]
    real_extra: dict[str, Sequence[Any]] = {"owner": owners, "colour": colours, "size": codes, "note": [None] * num}
    twin = real.table.products[:4]

    def find(**extra: list[object]) -> set[str]:
        found = check_rows(real, encode_products(twin), BOUNDS, extra, real_extra, reference=reference)
        return {hit.text for hit in found.hits if hit.check == "rare_values"}

    assert find(owner=["shop", "ms  quillmere", None, "invented"], colour=["cotton"] * 4) == {"ms quillmere"}
    assert find(owner=["shop"] * 4, size=["1 cm", "2 cm", "3", "2026-01-01"], other=["Ms Quillmere"] * 4) == set()


def test_shared_codes_by_chance(real: RealCatalog, real_rows: list[Product], synthetic: list[Product]) -> None:
    one = [replace(synthetic[0], product_code=real_rows[0].product_code), *synthetic[1:]]
    many = [replace(new, product_code=old.product_code) for new, old in zip(synthetic[:12], real_rows, strict=False)]
    for rows, is_chance in ((one, True), ([*many, *synthetic[12:]], False)):
        found = verbatim.find_shared(real.table, encode_products(rows))
        assert found.codes_by_chance == pytest.approx(2 * 1500 * 1500 / 9e7, rel=0.02)  # also backwards
        assert (len(found.codes) <= verbatim.max_shared_by_chance(found.codes_by_chance, BOUNDS.codes_p)) is is_chance


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_replay_test_is_fishers_exact_test(m: int, h: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, m)), data.draw(st.integers(0, h))
    member = np.array([True] * m + [False] * h)
    hit = np.array([True] * a + [False] * (m - a) + [True] * b + [False] * (h - b))
    test = membership.run_leakage_test("x", member, np.ones(m + h, bool), hit)
    expected = stats.fisher_exact([[a, m - a], [b, h - b]], alternative="greater").pvalue
    assert test.p == pytest.approx(expected, abs=1e-12)


def test_smallest_detectable_leak_has_power_0_8() -> None:
    test = membership.LeakageTest(
        name="x", members=1200, members_hit=40, holdout=300, holdout_hit=9, p=0.5, holdout_p=0.5, share=1.0
    )
    alpha = 0.002
    leak = membership.smallest_detectable_leak(test, alpha)
    assert leak is not None
    rng = np.random.default_rng(0)
    chance = 9.5 / 301
    hits = rng.binomial(1200, chance + leak * (1 - chance), 4000), rng.binomial(300, chance, 4000)
    seen = stats.hypergeom.sf(hits[0] - 1, 1500, hits[0] + hits[1], 1200) <= alpha
    assert seen.mean() == pytest.approx(0.8, abs=0.03)


def test_auc_and_exact_p_of_the_true_positive_rate() -> None:
    rng = np.random.default_rng(1)
    member = rng.random(700) < 0.7
    score = rng.normal(size=700) + 0.3 * member
    found = membership.run_attack("x", score, member, level=0.95)
    assert found.auc == pytest.approx(roc_auc_score(member, score))
    assert found.low < found.auc < found.high
    m, h = int(member.sum()), int((~member).sum())
    flat = []
    for _ in range(2000):
        order = rng.permutation(m + h) < m  # True for a member
        flat.append(membership._rank_p(int(order[: np.flatnonzero(~order)[int(0.01 * h)]].sum()), m, h))
    assert 0.03 <= np.mean(np.array(flat) <= 0.05) <= 0.065  # valid, and not useless
    bound = membership.max_tpr_by_chance(m, h, 0.01)
    k = int(0.01 * h)
    assert stats.hypergeom.cdf(k, m + h, h, round(bound * m) + k) >= 0.01
    assert stats.hypergeom.cdf(k, m + h, h, round(bound * m) + 1 + k) < 0.01


def test_row_distances_against_a_slow_definition() -> None:
    rows, others = encode_products(generate_rows(0, 30)), encode_products(generate_rows(1, 40))
    found = measure_neighbours(rows, others)

    def distance(i: int, j: int) -> float:
        union = rows.words[i] | others.words[j]
        title = 1 - len(rows.words[i] & others.words[j]) / len(union) if union else 0.0
        price = min(abs(rows.log_price[i] - others.log_price[j]) / math.log(1.5), 1)
        differ = (rows.categories[i] != others.categories[j]) * 0.1 + (rows.parents[i] != others.parents[j]) * 0.1
        return float(0.45 * title + 0.3 * price + differ + 0.05 * (rows.discount[i] != others.discount[j]))

    for i in range(len(rows)):
        every = [distance(i, j) for j in range(len(others))]
        assert found.nearest[i] == pytest.approx(min(every), abs=1e-5)
        assert found.density[i] == pytest.approx(np.exp(-0.5 * (np.array(every) / 0.08) ** 2).mean(), abs=1e-4)


def test_real_catalog_without_holdout_is_refused(real_rows: list[Product]) -> None:
    with pytest.raises(ToileError, match="validation and test together"):
        split_members([row for row in real_rows if row.split == "train"])


# --- the spec


@pytest.fixture(scope="module")
def spec() -> CatalogSpec:
    provenance = Provenance(
        fitted_from="rows", num_rows=1, num_families=1, private=False, statement="counted", min_support=5
    )
    return replace(spec_of(shop_document()), provenance=provenance)


def fitted(rows: Sequence[Product], *, leaks: bool) -> CatalogSpec:
    """A small fit of the first words of titles; with `leaks` also words of a single family get in."""
    document = shop_document()
    counts = Counter(row.title.split()[0] for row in {r.family: r for r in rows}.values() if row.title)
    kept = {word: count for word, count in counts.items() if count >= (1 if leaks else 5)}
    document["attributes"]["line"] = {"values": {word: {"weight": 1} for word in sorted(kept)}}
    total = sum(kept.values())
    for category in document["categories"]:
        category["attributes"]["line"] = {word: count / total for word, count in kept.items()}
    return spec_of(document)


def test_fit_that_leaks_single_families_fails_the_canaries(real: RealCatalog, spec: CatalogSpec) -> None:
    safe = check_spec(
        real, spec, BOUNDS, lambda rows: fitted(rows, leaks=False), num_refits=3, progress=lambda text: None
    )
    assert not {"canaries", "refit_strings", "refit_shares"} & failed(safe.checks)
    leaky = check_spec(
        real, spec, BOUNDS, lambda rows: fitted(rows, leaks=True), num_refits=3, progress=lambda text: None
    )
    assert "canaries" in failed(leaky.checks)
    assert {hit.detail for hit in leaky.hits if hit.check == "canaries"} == {"a word of one planted family"}


def test_private_spec_is_fitted_again_with_its_public_categories(
    real: RealCatalog, spec: CatalogSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitOptions] = []

    def refuse(folder: object, options: FitOptions) -> object:
        asked.append(options)
        raise ToileError("rows", "the noise hides every category", "fit more rows")

    monkeypatch.setattr(refits, "fit", refuse)
    for statistic, epsilon in (("categories", 0.0), ("category names", 0.35)):
        ledger = (Release(statistic=statistic, mechanism="public", bins="x", epsilon=epsilon),)
        assert spec.provenance is not None
        private = replace(spec, provenance=replace(spec.provenance, private=True, epsilon=1.0, ledger=ledger))
        refit = refits.make_refit(private)
        found = check_spec(real, private, BOUNDS, refit, num_refits=1, progress=lambda text: None)
        by_name = {check.name: check for check in found.checks}
        assert by_name["canaries"].status == "not applicable"
        assert "noise hides every category" in by_name["canaries"].meaning
    assert asked[0].categories == tuple(dict.fromkeys(category.path for category in spec.categories))
    assert asked[1].categories is None


@pytest.mark.parametrize("num_fits", [0, 1, 2])
def test_a_refit_that_is_refused_is_no_leak(real: RealCatalog, spec: CatalogSpec, num_fits: int) -> None:
    """The fit is refused from the beginning, after the one with canaries, and while families are left out."""
    made = iter([fitted(real.members.products, leaks=False)] * num_fits)

    def refit(rows: Sequence[Product]) -> CatalogSpec:
        found = next(made, None)
        if found is None:
            raise ToileError("rows", "are too few", "fit more rows")
        return found

    found = check_spec(real, spec, BOUNDS, refit, num_refits=2, progress=lambda text: None)
    by_name = {check.name: check for check in found.checks}
    assert by_name["canaries"].status == ("pass" if num_fits else "not applicable")
    for name in ("refit_strings", "refit_shares"):
        assert by_name[name].status == "not applicable"
        assert "are too few" in by_name[name].meaning
    assert failed(found.checks) <= {"string_support"}  # of the fixture itself


def test_catalog_without_prices_has_no_canaries(real: RealCatalog, spec: CatalogSpec) -> None:
    members = encode_products([replace(row, full_price=None, price=None) for row in real.members.products[:50]])
    with pytest.raises(ToileError, match="no product with a title and a price"):
        refits.plant_canaries(lambda rows: spec, members)


def test_word_of_one_family_vanishes_without_it(real_rows: list[Product]) -> None:
    rows = [row for row in real_rows if row.split == "train"][:300]
    rows[0] = replace(rows[0], title=f"Unheard {rows[0].title}", family="alone")
    members = encode_products(rows)
    found = refits.leave_one_out(lambda some: fitted(some, leaks=True), members, [0], 5)
    assert [hit.text for hit in found.lost] == ["unheard"]
    assert refits.leave_one_out(lambda some: fitted(some, leaks=False), members, [0], 5).lost == []
    assert 0 in refits.most_influential(self_information(members), 40)


def spec_with_weights(weights: dict[str, float]) -> CatalogSpec:
    """A spec with these weights of one attribute in every category."""
    document = shop_document()
    document["attributes"]["line"] = {"values": {word: {"weight": 1} for word in ("one", "two")}}
    for category in document["categories"]:
        category["attributes"]["line"] = weights
    return spec_of(document)


@pytest.mark.parametrize(
    ("before", "after", "rare", "moved"),
    [
        ({"one": 6, "two": 12}, {"one": 5, "two": 12}, set(), 6 / 18 - 5 / 17),
        ({"one": 2, "two": 12}, {"one": 1, "two": 12}, {"one"}, 2 / 14 - 1 / 13),
        ({"one": 1, "two": 6}, {"two": 6}, {"one"}, 1 / 7),
        ({"one": 1, "two": 1}, {"two": 1}, {"one"}, 1 / 2),
        ({"one": 5, "two": 6}, {"two": 6}, set(), 5 / 11),  # exactly k families had it
        ({"two": 6}, {"one": 5, "two": 6}, set(), 5 / 11),
        ({"one": 1.5, "two": 6}, {"one": 0.5, "two": 6}, set(), 1.5 / 7.5 - 0.5 / 6.5),  # in the proportions of others
        ({"one": 1, "two": 6}, {"two": 7}, set(), 1 / 7),  # a title is written in another way
    ],
)
def test_counted_weights_of_few_families_are_found(
    real_rows: list[Product], before: dict[str, float], after: dict[str, float], rare: set[str], moved: float
) -> None:
    members = encode_products(real_rows[:60])
    specs = iter([spec_with_weights(before), spec_with_weights(after)])
    found = refits.leave_one_out(lambda rows: next(specs), members, [0], 5)
    assert {hit.text.rsplit(": ", 1)[1] for hit in found.rare} == rare
    largest = max(category.share for category in spec_with_weights(before).categories)
    assert found.moved == pytest.approx(largest * moved)


def test_products_that_change_with_a_category_are_counted(real_rows: list[Product], spec: CatalogSpec) -> None:
    gone, *others = spec.categories
    left = replace(spec, categories=tuple(replace(each, share=each.share / (1 - gone.share)) for each in others))
    specs = iter([spec, left])
    found = refits.leave_one_out(lambda rows: next(specs), encode_products(real_rows[:60]), [0], 5)
    assert found.moved == pytest.approx(gone.share)
    assert found.rare == []


def test_fit_that_counts_single_families_fails_and_an_honest_one_passes() -> None:
    rows = [row for row in invent_sports_rows(3, 400) if row.split == "train"]
    members = encode_products(rows)
    chosen = refits.most_influential(self_information(members), 4)
    for min_support, is_honest in ((5, True), (1, False)):
        provenance = Provenance(
            fitted_from="x", num_rows=1, num_families=1, private=False, statement="x", min_support=min_support
        )
        refit = refits.make_refit(replace(spec_of(shop_document()), provenance=provenance))
        found = refits.leave_one_out(refit, members, chosen, 5)
        assert (found.rare == []) is is_honest
        assert (found.lost == []) is is_honest


def test_price_levels_of_one_garment_type_are_compared_with_their_own_kind(real_rows: list[Product]) -> None:
    document = kinds_document()
    before = from_document(document, "catalog")
    changed = document["categories"][0]["kinds"]
    changed[2]["price"]["median"] *= 2
    changed[1]["share"], changed[2]["share"] = 0.25, 0.25
    specs = iter([before, from_document(document, "catalog")])
    found = refits.leave_one_out(lambda rows: next(specs), encode_products(real_rows[:60]), [0], 5)
    assert found.price == pytest.approx(math.log(2))
    share = before.categories[0].share
    assert found.moved == pytest.approx(share * 0.05)


def test_rare_strings_are_found(real: RealCatalog, real_rows: list[Product], spec: CatalogSpec) -> None:
    rare = min(
        (word for word in {(row.title or "").split()[0] for row in real_rows}),
        key=lambda word: len({row.family for row in real_rows if (row.title or "").startswith(f"{word} ")}),
    )
    few = [row for row in real_rows if not (row.title or "").startswith(f"{rare} ")]
    few += [row for row in real_rows if (row.title or "").startswith(f"{rare} ") and row.split == "train"][:1]
    held = split_members(few)
    hits, num_real = verbatim.find_rare_strings(spec, held.members, held.holdout, 5, verbatim.list_public_words())
    assert rare.lower() in {hit.text for hit in hits}
    assert num_real > 40
    assert "wool" not in {hit.text for hit in hits}


def test_real_brand_may_not_be_in_a_spec(real: RealCatalog, spec: CatalogSpec) -> None:
    hits, _ = verbatim.find_rare_strings(spec, real.members, real.holdout, 5)
    assert {hit.text for hit in hits if "own name" in hit.detail} == {"ashlar & wren"}


# --- images


class Images(NamedTuple):
    """Images of real train and holdout, and of an independent synthetic catalog."""

    train: ImageFeatures
    holdout: ImageFeatures
    control: ImageControl
    honest: list[ImageFile]
    files: list[ImageFile]
    """Of real train."""

    def check(self, files: Sequence[ImageFile]) -> Findings:
        return check_images(self.train, self.holdout, extract_features(files), BOUNDS, control=self.control)

    def list_copies(self, found: Findings) -> dict[str, str]:
        """Return the code of each copy that was found -> the family of the real image."""
        family = {code: name for code, name, _ in self.files}
        hits = (hit for hit in found.hits if hit.check == "copied_pictures")
        return {hit.detail.rsplit(" of ", 1)[1]: family[hit.text] for hit in hits}


@pytest.fixture(scope="module")
def images() -> Images:
    own = draw_files(generate_rows(0, 110))
    held = set(sorted({family for _, family, _ in own})[::3])
    files = [each for each in own if each[1] not in held]
    train, holdout = extract_features(files), extract_features(each for each in own if each[1] in held)
    control = measure_image_control(train, holdout)
    return Images(train, holdout, control, draw_files(generate_rows(1, 50)), files)


def decoded(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def test_disguised_copies_of_images_fail(images: Images) -> None:
    assert failed(images.check(images.honest).checks) == set()
    victims = images.files[:: len(images.files) // len(DISGUISES)][: len(DISGUISES)]
    copies = [
        (disguise, disguise, plant_image_copies([], [victim], disguise)[0][2])
        for victim, disguise in zip(victims, DISGUISES, strict=True)
    ]
    found = images.check(copies)
    assert "copied_pictures" in failed(found.checks)
    wanted = {disguise: name for disguise, (_, name, _) in zip(DISGUISES, victims, strict=True)}
    hits = images.list_copies(found)
    assert hits.items() <= wanted.items()
    assert wanted.keys() - hits.keys() <= {"half the size", "brighter"}  # some of such copies have lost their detail


@pytest.mark.slow
@pytest.mark.parametrize("disguise", DISGUISES)
def test_five_percent_of_the_images_are_found_however_they_are_hidden(images: Images, disguise: str) -> None:
    victims = images.files[5::20][:3]
    found = images.check(plant_image_copies(images.honest, victims, disguise))
    assert failed(found.checks) == {"copied_pictures"}
    assert images.list_copies(found).items() <= {f"copy {k}": name for k, (_, name, _) in enumerate(victims)}.items()


def test_identical_files_and_identical_pixels_are_distinguished(images: Images) -> None:
    again = io.BytesIO()
    decoded(images.files[3][2]).save(again, "PNG")
    pixels = images.check([*images.honest[:5], ("copy", "copy", again.getvalue())])
    assert "identical_pictures" in failed(pixels.checks)
    assert "identical_picture_files" not in failed(pixels.checks)
    file = images.check([*images.honest[:5], ("copy", "copy", images.files[3][2])])
    assert {"identical_pictures", "identical_picture_files"} <= failed(file.checks)


def test_nearest_image_is_of_another_family_and_threshold_follows_real_pairs() -> None:
    noise = np.random.default_rng(0)
    square = [Image.fromarray(noise.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(2)]
    files = [encode_jpeg(each, 95) for each in square]
    found = extract_features([("a", "one", files[0]), ("b", "one", files[0]), ("c", "two", files[1])])
    assert find_nearest(found, found).which.tolist()[:2] == [2, 2]
    assert find_nearest(found, found).similarity.max() < 0.3
    assert copy_threshold(np.array([0.2, 0.8, 0.999], np.float32)) == pytest.approx(0.88)
    box = Image.new("RGB", (40, 40), "white")
    box.paste((10, 20, 30), (8, 5, 30, 33))
    assert bounding_box(box) == (8, 5, 30, 33)


def test_folders_without_images_skip_the_checks() -> None:
    found = check_images(extract_features([]), extract_features([]), extract_features([]), BOUNDS)
    assert [check.passed for check in found.checks] == [None] * 4
