"""Extra columns: pure functions of the product number, unique where asked, from a fixed list of providers."""

import copy
import dataclasses
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import generator.catalog.shards
from generator.catalog.shards import GenerateInputs, write_shards
from generator.export.convert import ConvertOptions, convert
from generator.export.rows import read_columns, read_rows
from generator.sampling.extra_columns import MAKERS, add_extra_columns, check_extra_columns, ean13
from generator.sampling.products import rows
from schemas.catalog import CAN_BE_UNIQUE, PROVIDERS, CatalogSpec
from schemas.errors import ToileError
from schemas.product import COLUMNS, read
from schemas.validation import from_document

ROOT = Path(__file__).parents[3]
EVERYTHING = {name: {"provider": name} for name in PROVIDERS}
ALL_UNIQUE = {name: {"provider": name, "unique": True} for name in CAN_BE_UNIQUE}


def spec_of(document: dict[str, Any], extra: dict[str, Any], **shop: Any) -> CatalogSpec:
    own = {**document, "extra": extra, "shop": {**document["shop"], **shop}}
    spec: CatalogSpec = from_document(own, "catalog", "shop.yaml")
    return spec


def column(spec: CatalogSpec, name: str, index_N: Any, seed: int = 3) -> list[Any]:
    """Return the values of one extra column for these product numbers."""
    alone = dataclasses.replace(spec, extra={name: spec.extra[name]})
    empty = pa.table({"product_code": pa.nulls(len(index_N), pa.string())})
    values: list[Any] = add_extra_columns(empty, alone, seed, np.asarray(index_N))[name].to_pylist()
    return values


def test_every_provider_has_a_function() -> None:
    assert tuple(MAKERS) == PROVIDERS
    assert set(CAN_BE_UNIQUE) <= set(PROVIDERS)


def test_a_value_depends_on_its_number_alone(demo_document: dict[str, Any]) -> None:
    spec = spec_of(demo_document, {**EVERYTHING, "maker": {"provider": "company", "pool": 7}}, market="DE")
    shuffled = np.random.default_rng(0).permutation(60) + 40
    for name in spec.extra:
        together = column(spec, name, np.arange(40, 100))
        assert [together[i - 40] for i in shuffled] == column(spec, name, shuffled)
        assert column(spec, name, [70]) == [together[30]]
        assert all(value and "\n" not in value for value in together)


def test_a_value_depends_on_no_other_column_and_on_the_seed(demo_document: dict[str, Any]) -> None:
    alone, among = spec_of(demo_document, {"city": {"provider": "city"}}), spec_of(demo_document, EVERYTHING)
    table = add_extra_columns(pa.table({"number": pa.array(range(50))}), among, 3, np.arange(50))
    assert table.column_names == ["number", *EVERYTHING]
    assert column(alone, "city", np.arange(50)) == table["city"].to_pylist()
    assert column(alone, "city", np.arange(50)) != column(alone, "city", np.arange(50), seed=4)
    twins = spec_of(demo_document, {"one": {"provider": "city"}, "two": {"provider": "city"}})
    assert column(twins, "one", np.arange(50)) != column(twins, "two", np.arange(50))


def test_another_process_with_other_hashes_gives_the_same_values(demo_document: dict[str, Any]) -> None:
    spec = spec_of(demo_document, EVERYTHING, market="IN")
    code = (
        "import json, sys\nimport numpy as np\nimport pyarrow as pa\n"
        "from generator.sampling.extra_columns import add_extra_columns\n"
        "from schemas.validation import from_document\n"
        "spec = from_document(json.loads(sys.argv[1]), 'catalog')\n"
        "table = add_extra_columns(pa.table({'n': pa.array(range(20))}), spec, 3, np.arange(20))\n"
        "print(json.dumps(table.drop_columns(['n']).to_pydict()))"
    )
    document = {**demo_document, "extra": EVERYTHING, "shop": {**demo_document["shop"], "market": "IN"}}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(document)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"},
        cwd=ROOT,
    )
    assert json.loads(done.stdout) == {name: column(spec, name, range(20)) for name in spec.extra}


@pytest.mark.parametrize("name", CAN_BE_UNIQUE)
def test_unique_values_are_unique_although_faker_repeats_values(
    demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    spec = spec_of(demo_document, ALL_UNIQUE)
    (usual,) = column(spec, name, [5])
    monkeypatch.setitem(MAKERS, name, lambda fake, today: usual)
    numbers = np.concatenate([np.arange(10_000), np.arange(30_000_000, 30_010_000)])
    assert len(set(column(spec, name, numbers))) == len(numbers)


def test_unique_values_keep_the_form_of_their_kind(demo_document: dict[str, Any]) -> None:
    spec = spec_of({**demo_document, "code_digits": 11}, ALL_UNIQUE)
    values = {name: column(spec, name, np.arange(300)) for name in CAN_BE_UNIQUE}
    assert all(re.fullmatch(r"[a-z0-9_.]+@[a-z0-9-]+\.example", value) for value in values["email"])
    assert all(uuid.UUID(value).version == 4 and uuid.UUID(value).variant == uuid.RFC_4122 for value in values["uuid4"])
    assert all(re.fullmatch(r"[a-z0-9_.]+", value) for value in values["user_name"])
    assert all(len(value) == 13 and value[0] == "2" and is_ean(value) for value in values["ean13"])


def is_ean(digits: str) -> bool:
    """Return whether all thirteen digits, weighted 1 and 3 from the left, sum to a multiple of ten."""
    return sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10 == 0


def test_ean_check_digit_is_valid() -> None:
    assert ean13(0) == "2000000000008"
    assert ean13(99_999_999_999)[:12] == "299999999999"
    assert all(is_ean(ean13(number)) for number in range(0, 10**11, 777_777_777))


def test_pool_values_are_uniform_and_complete(demo_document: dict[str, Any]) -> None:
    spec = spec_of(demo_document, {"supplier": {"provider": "company", "pool": 40}})
    values = column(spec, "supplier", np.arange(4000))
    assert len(set(values)) == 40
    assert set(column(spec, "supplier", np.arange(10**9, 10**9 + 4000))) == set(values)
    counts = np.unique(np.array(values), return_counts=True)[1]
    assert counts.min() > 50
    assert counts.max() < 160


def test_the_colourways_of_a_design_share_what_is_per_design(demo_document: dict[str, Any]) -> None:
    spec = spec_of(demo_document, {"mill": {"provider": "city", "per": "design"}, "bin": {"provider": "city"}})
    index_N = np.arange(300)
    families = rows(spec, 3, index_N)["family"].to_pylist()
    for name, shared in (("mill", True), ("bin", False)):
        pairs = set(zip(families, column(spec, name, index_N), strict=True))
        assert (len(pairs) == len(set(families))) == shared


def test_dates_come_before_the_catalog_and_not_from_the_clock(demo_document: dict[str, Any]) -> None:
    spec = spec_of(demo_document, {"since": {"provider": "date"}}, competence_date="1999-05-01")
    values = column(spec, "since", np.arange(2000))
    assert "1996-05-01" <= min(values) < "1996-06-01"
    assert "1999-04-01" < max(values) <= "1999-05-01"


def test_the_market_gives_the_locale_where_the_column_gives_none(demo_document: dict[str, Any]) -> None:
    extra = {"who": {"provider": "name"}, "where": {"provider": "city", "locale": "de_DE"}}
    spec = spec_of(demo_document, extra, market="JP")
    assert all(re.search(r"[\u3040-\u9fff]", value) for value in column(spec, "who", np.arange(20)))
    assert column(spec, "where", np.arange(20)) == column(spec_of(demo_document, extra), "where", np.arange(20))


BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "unknown provider": ({"x": {"provider": "compny"}}, "extra.x.provider", "'compny'", "'company'"),
    "a method": ({"x": {"provider": "seed_instance"}}, "extra.x.provider", "'seed_instance'", "'sentence'"),
    "a dunder": ({"x": {"provider": "__class__"}}, "extra.x.provider", "'__class__'", "valid names: city"),
    "no provider": ({"x": {}}, "extra.x", "'provider' is missing", "company, name"),
    "unknown locale": ({"x": {"provider": "city", "locale": "xx_XX"}}, "extra.x.locale", "'xx_XX'", "de_DE"),
    "locale with hyphen": ({"x": {"provider": "city", "locale": "de-DE"}}, "extra.x.locale", "de-DE", "as in de_DE"),
    "no states": ({"x": {"provider": "state", "locale": "en_GB"}}, "extra.x.provider", "en_GB has no states", "city"),
    "unique pool": (
        {"x": {"provider": "company", "pool": 9, "unique": True}},
        "extra.x.unique",
        "a pool of 9",
        "leave out",
    ),
    "unique design": (
        {"x": {"provider": "company", "per": "design", "unique": True}},
        "extra.x.unique",
        "share",
        "leave out",
    ),
    "unique country": ({"x": {"provider": "country", "unique": True}}, "extra.x.unique", "'country'", "company"),
    "too large a pool": (
        {"x": {"provider": "state", "locale": "de_DE", "pool": 40}},
        "extra.x.pool",
        "only 16 different",
        "a pool of 16",
    ),
    "taken name": ({"title": {"provider": "city"}}, "extra.title", "column of every catalog", "own_title"),
    "capital letter": ({"City": {"provider": "city"}}, "extra", "City", "small letters"),
    "empty pool": ({"x": {"provider": "city", "pool": 0}}, "extra.x.pool", "0", "1 to 10,000"),
    "unknown key": ({"x": {"provider": "city", "seed": 1}}, "extra.x", "'seed'", "decimals"),
    "range for a provider": (
        {"x": {"provider": "city", "ranges": {"a": [1, 2]}}},
        "extra.x.ranges",
        "repeats an attribute",
        "leave it out",
    ),
    "number from a provider": ({"x": {"provider": "city", "type": "number"}}, "extra.x.type", "a number", "attribute"),
    "provider and attribute": (
        {"x": {"provider": "city", "attribute": "material"}},
        "extra.x.provider",
        "beside `attribute`",
        "leave out",
    ),
    "unknown attribute": ({"x": {"attribute": "materiel"}}, "extra.x.attribute", "'materiel'", "'material'"),
    "range of text": ({"x": {"attribute": "quilting", "ranges": {"none": [1, 2]}}}, "extra.x.ranges", "text", "number"),
    "unknown value": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"nonne": [1, 2]}}},
        "extra.x.ranges",
        "'nonne'",
        "'none'",
    ),
    "value without a range": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"none": [1, 2]}}},
        "extra.x.ranges",
        "no range for 'diamond'",
        "add one",
    ),
    "range in disorder": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"none": [2, 1]}}},
        "extra.x.ranges.none",
        "nothing is between",
        "low to high",
    ),
    "range without a whole number": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"none": [1.2, 1.8]}}},
        "extra.x.ranges.none",
        "nothing is between",
        "low to high",
    ),
    "range of three": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"none": [1, 2, 3]}}},
        "extra.x.ranges.none",
        "too long",
        "a list",
    ),
    "date as number": (
        {"x": {"attribute": "quilting", "type": "date", "ranges": {"none": [20260101, 20260201]}}},
        "extra.x.ranges.none",
        "a bound is no date",
        "YYYY-MM-DD",
    ),
    "day that is none": (
        {"x": {"attribute": "quilting", "type": "date", "ranges": {"none": ["2026-02-01", "2026-02-30"]}}},
        "extra.x.ranges.none",
        "day is out of range",
        "YYYY-MM-DD",
    ),
    "number as text": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"none": ["1", "2"]}}},
        "extra.x.ranges.none",
        "a bound is no number",
        "low to high",
    ),
    "too large a number": (
        {"x": {"attribute": "quilting", "type": "number", "ranges": {"none": [1, 1e300]}}},
        "extra.x.ranges.none",
        "too large",
        "low to high",
    ),
    "decimals of a date": (
        {"x": {"attribute": "quilting", "type": "date", "decimals": 2}},
        "extra.x.decimals",
        "a date has no decimals",
        "number",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_column_is_refused_with_place_and_hint(demo_document: dict[str, Any], name: str) -> None:
    extra, where, problem, hint = BAD[name]
    with pytest.raises(ToileError) as caught:
        check_extra_columns(spec_of(demo_document, extra), "shop.yaml")
    assert caught.value.where == f"shop.yaml: {where}"
    assert problem in caught.value.problem
    assert hint in caught.value.hint


def test_extra_column_cannot_have_the_name_of_a_catalog_column(demo_document: dict[str, Any]) -> None:
    for name in COLUMNS:
        if name != "image":
            with pytest.raises(ToileError, match="column of every catalog"):
                spec_of(demo_document, {name: {"provider": "city"}})


def test_too_many_unique_eans_are_refused(demo_document: dict[str, Any]) -> None:
    with pytest.raises(ToileError, match="room for 11 digits"):
        spec_of({**demo_document, "code_digits": 12}, {"x": {"provider": "ean13", "unique": True}})


def test_invalid_date_is_refused(demo_document: dict[str, Any]) -> None:
    with pytest.raises(ToileError, match="is not a date"):
        check_extra_columns(spec_of(demo_document, {"x": {"provider": "date"}}, competence_date="2026-02-30"))


WEIGHTS: dict[str, list[float]] = {"light": [100, 250], "heavy": [250.5, 900.4]}
WEIGHT: dict[str, Any] = {"attribute": "weight", "type": "number", "ranges": WEIGHTS}
DAYS = {"summer": ["2025-05-01", "2025-07-31"], "winter": ["2024-02-28", "2024-03-01"]}
ARRIVAL: dict[str, Any] = {"attribute": "season", "type": "date", "ranges": DAYS}


def repeating(document: dict[str, Any]) -> dict[str, Any]:
    """Return the spec with a season and a weight, which only extra columns show; bags have no season."""
    own: dict[str, Any] = copy.deepcopy(document)
    own["attributes"] |= {
        "season": {"hidden": True, "values": {"summer": {}, "winter": {"weight": 3}, "N.A.": {}}},
        "weight": {"hidden": True, "values": {"light": {}, "heavy": {}}},
    }
    for number, category in enumerate(own["categories"]):
        category["attributes"] |= {"weight": {"light": 1 + number % 3, "heavy": 1}}
        category["attributes"] |= {} if category["silhouette"] == "tote-bag" else {"season": None}
    own["extra"] = {
        "season": {"attribute": "season"},
        "weight_g": WEIGHT,
        "weight_kg": {**WEIGHT, "decimals": 3, "ranges": {"light": [0.1, 0.25], "heavy": [0.25, 0.9]}, "per": "design"},
        "arrival": ARRIVAL,
        "dye": {"attribute": "colour"},
    }
    return own


@pytest.fixture
def repeated(demo_document: dict[str, Any]) -> CatalogSpec:
    spec: CatalogSpec = from_document(repeating(demo_document), "catalog")
    return spec


def test_a_column_that_repeats_an_attribute_agrees_with_the_row(repeated: CatalogSpec) -> None:
    index_N = np.arange(4000)
    batch = rows(repeated, 3, index_N)
    table = add_extra_columns(pa.Table.from_batches([batch]), repeated, 3, index_N)
    assert [table.schema.field(name).type for name in repeated.extra] == [
        *(pa.string(), pa.int64(), pa.float64(), pa.date32(), pa.string()),
    ]
    seen = Counter[Any]()
    for row in table.to_pylist():
        choices = json.loads(row["attributes"])["choices"]
        season, weight = choices.get("season", "N.A."), choices["weight"]
        assert row["season"] == (None if season == "N.A." else season)
        assert row["dye"] == choices["colour"]
        low, high = WEIGHTS[weight]
        assert low <= row["weight_g"] <= high
        assert low / 1000 - 1e-3 < row["weight_kg"] <= high / 1000
        assert row["weight_kg"] == round(row["weight_kg"], 3)
        if season == "N.A.":
            assert row["arrival"] is None
        else:
            first, last = (datetime.date.fromisoformat(day) for day in DAYS[season])
            assert first <= row["arrival"] <= last
        seen[row["arrival"] if season == "winter" else season] += 1
        assert "season" not in row["title"].lower()
        assert weight not in row["title"].lower()
    assert {datetime.date(2024, 2, 28), datetime.date(2024, 2, 29), datetime.date(2024, 3, 1), "N.A."} <= seen.keys()


def test_numbers_and_dates_are_uniform_in_their_range_and_bounds_belong_to_it(repeated: CatalogSpec) -> None:
    index_N = np.arange(60_000)
    choices = [json.loads(text)["choices"] for text in rows(repeated, 3, index_N)["attributes"].to_pylist()]
    light = np.array([each["weight"] == "light" for each in choices])
    numbers = np.array(column(repeated, "weight_g", index_N))[light]
    counts = np.bincount(numbers.astype(np.int64) - 100, minlength=151)
    assert len(counts) == 151
    assert counts.min() > 0.7 * counts.mean()
    winter = np.array([each.get("season") == "winter" for each in choices])
    days = Counter(np.array(column(repeated, "arrival", index_N))[winter].tolist())
    assert min(days.values()) > 0.95 * max(days.values())


def test_a_repeating_column_depends_on_its_number_alone(repeated: CatalogSpec) -> None:
    shuffled = np.random.default_rng(0).permutation(60) + 40
    for name in repeated.extra:
        together = column(repeated, name, np.arange(40, 100))
        assert [together[i - 40] for i in shuffled] == column(repeated, name, shuffled)
        assert column(repeated, name, [70]) == [together[30]]
    families = rows(repeated, 3, np.arange(300))["family"].to_pylist()
    pairs = set(zip(families, column(repeated, "weight_kg", range(300)), strict=True))
    assert len(pairs) == len(set(families)), "per design"


def test_repeating_columns_keep_their_types_on_disk(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    manifest, _ = write_shards(inputs(repeating(demo_document), 120), tmp_path / "out")
    assert "faker" not in manifest.versions
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    found = {name: loaded["train"].features[name].dtype for name in repeating(demo_document)["extra"]}
    dtypes = {"season": "string", "weight_g": "int64", "weight_kg": "float64", "arrival": "date32", "dye": "string"}
    assert found == dtypes
    card = (tmp_path / "out" / "README.md").read_text()
    assert all(f"  - name: {name}\n    dtype: {dtype}\n" in card for name, dtype in dtypes.items())
    spec: CatalogSpec = from_document(repeating(demo_document), "catalog")
    wanted = add_extra_columns(pa.Table.from_batches([rows(spec, 3, np.arange(120))]), spec, 3, np.arange(120))
    parts = [pq.read_table(path) for path in sorted((tmp_path / "out" / "data").iterdir())]
    names = ["product_code", *dtypes]
    assert pa.concat_tables(parts).select(names).sort_by("product_code") == wanted.select(names).sort_by("product_code")


@pytest.mark.parametrize("form", ["csv", "jsonl", "webdataset", "sql"])  # imagefolder has the lines of jsonl
def test_exports_write_repeating_columns(tmp_path: Path, demo_document: dict[str, Any], form: str) -> None:
    write_shards(inputs(repeating(demo_document), 40), tmp_path / "out")
    convert(tmp_path / "out", tmp_path / "export", ConvertOptions(form=form))
    texts = [p.read_bytes().decode("utf-8", "replace") for p in (tmp_path / "export").rglob("*") if p.is_file()]
    (row, *_) = read_rows(tmp_path / "out", read_columns(tmp_path / "out", None), Counter())
    for name in ("weight_g", "weight_kg", "arrival", "dye"):
        assert any(name in text and str(row.values[name]) in text for text in texts), name


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "data").iterdir())}


@pytest.fixture
def with_extra(demo_document: dict[str, Any]) -> dict[str, Any]:
    columns = {"supplier": {"provider": "company", "pool": 5}, "contact": {"provider": "email", "unique": True}}
    return {**demo_document, "extra": columns}


def inputs(document: dict[str, Any], num_products: int) -> GenerateInputs:
    return GenerateInputs(spec_document=document, seed=3, start=0, num_products=num_products, image_size=None)


def test_files_are_the_same_for_any_number_of_workers(
    tmp_path: Path, with_extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", {True: 20, False: 40})
    write_shards(inputs(with_extra, 100), tmp_path / "one")
    one = {path.stem: pq.read_table(path) for path in (tmp_path / "one" / "data").iterdir()}
    assert len(one) > 5
    command = [sys.executable, "-m", "toile", "--quiet", "generate", str(tmp_path / "spec.json"), "--no-images"]
    (tmp_path / "spec.json").write_text(json.dumps(with_extra))
    for workers in ("1", "2"):
        out = ["--out", str(tmp_path / workers), "--num-products", "100", "--seed", "3", "--workers", workers]
        subprocess.run([*command, *out], check=True)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    whole = pa.concat_tables(pq.read_table(path) for path in (tmp_path / "1" / "data").iterdir())
    parts = pa.concat_tables(one.values())
    assert whole.sort_by("product_code").equals(parts.sort_by("product_code"))


def test_datasets_data_card_and_reader_accept_extra_columns(tmp_path: Path, with_extra: dict[str, Any]) -> None:
    manifest, _ = write_shards(inputs(with_extra, 60), tmp_path / "out")
    assert "faker" in manifest.versions
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded["train"].features) == [*COLUMNS, "supplier", "contact"]
    assert len({row["supplier"] for part in loaded.values() for row in part}) == 5
    assert len({row["contact"] for part in loaded.values() for row in part}) == 60
    card = (tmp_path / "out" / "README.md").read_text()
    assert "  - name: contact\n    dtype: string\n" in card
    assert len(list(read(tmp_path / "out"))) == 60


def test_catalog_without_extra_columns_does_not_mention_them(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    manifest, _ = write_shards(inputs(demo_document, 20), tmp_path / "out")
    assert "faker" not in manifest.versions
    table = pa.table({"a": [1]})
    assert add_extra_columns(table, spec_of(demo_document, {}), 0, np.arange(1)) is table
    code = (
        "import sys; sys.modules['faker'] = None\nfrom generator.catalog.shards import GenerateInputs, write_shards\n"
        "from schemas.validation import read_document\nfrom pathlib import Path\n"
        "document = read_document(Path('schemas/presets/demo.yaml'))\n"
        "write_shards(GenerateInputs(spec_document=document, seed=3, start=0, num_products=20, image_size=None), "
        "Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, cwd=ROOT)
    assert digests(tmp_path / "other") == digests(tmp_path / "out")
