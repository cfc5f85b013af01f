"""The generated JSON Schemas are current, and `from_dict` accepts exactly the documents that they accept."""

import copy
import dataclasses
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.documents import SCHEMA_FOLDER, from_dict, read_document, schema
from schemas.errors import ToileError
from schemas.manifest import Manifest
from schemas.util.files import as_document
from schemas.validation import list_presets
from scripts.make_schemas import DOCUMENTS, field_docstrings, json_schema, schema_text

WRONG: tuple[Any, ...] = (None, True, False, -1, 0, 1, 1.0, 1.5, 1e9, "", "x", "a" * 300, [], [1, 1], {}, {"x": 1})
LONGEST = 4
"""Elements of a random array."""
SHA256 = "0123456789abcdef" * 4


def accepts(document: Any, kind: str) -> bool:
    try:
        from_dict(DOCUMENTS[kind], document, "here")
    except ToileError:
        return False
    return True


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_checked_in_schema_is_current(kind: str) -> None:
    text = (SCHEMA_FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8")
    assert text == schema_text(DOCUMENTS[kind]), "run `make schemas`"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_every_schema_file_has_a_record() -> None:
    assert {path.name for path in SCHEMA_FOLDER.glob("*.schema.json")} == {f"{k}.schema.json" for k in DOCUMENTS}


@pytest.mark.parametrize("kind", ["catalog", "training", "evaluation"])
def test_every_key_that_people_write_is_described(kind: str) -> None:
    root = schema(kind)
    for node in (root, *root.get("$defs", {}).values()):
        assert node["additionalProperties"] is False
        for name, about in node["properties"].items():
            assert about["description"], (node["description"], name)


def test_descriptions_are_the_docstrings_of_the_fields() -> None:
    @dataclasses.dataclass(frozen=True)
    class Record:
        """A record."""

        first: int
        """The first
        field."""
        second: str = "x"
        third: float = 1.0
        """The third."""

    assert field_docstrings(Record) == {"first": "The first field.", "third": "The third."}
    assert json_schema(Record)["properties"] == {
        "first": {"type": "integer", "description": "The first field."},
        "second": {"type": "string", "default": "x"},
        "third": {"type": "number", "description": "The third.", "default": 1.0},
    }


@pytest.mark.parametrize("kind", ["training", "evaluation", "run", "manifest", "conversion"])
def test_defaults_in_the_schema_are_those_of_the_record(kind: str) -> None:
    for field in dataclasses.fields(DOCUMENTS[kind]):
        node = schema(kind)["properties"][field.name]
        if field.default_factory is not dataclasses.MISSING:
            assert node["default"] == as_document(field.default_factory())
        elif field.default is not dataclasses.MISSING and not dataclasses.is_dataclass(field.default):
            assert node["default"] == as_document(field.default), field.name
        else:
            assert "default" not in node


class RandomDocument:
    """Documents that mostly conform: sampled from the schema itself, with another value here and there."""

    def __init__(self, root: Mapping[str, Any], seed: int, wrong: float) -> None:
        self.root, self.random, self.wrong = root, random.Random(seed), wrong

    def value(self, part: Any, level: int = 0) -> Any:
        if isinstance(part, bool) or not part.keys() - {"description", "default"}:
            return "anything"
        if self.random.random() < self.wrong:
            return self.random.choice(WRONG)
        if "$ref" in part:
            return self.value(self.root["$defs"][part["$ref"].split("/")[-1]], level)
        if "anyOf" in part:
            return self.value(self.random.choice(part["anyOf"]), level)
        if "enum" in part:
            return self.random.choice(part["enum"])
        kind = part.get("type", "object" if "properties" in part else "string")
        make: Callable[[Any, int], Any] = getattr(self, kind if isinstance(kind, str) else self.random.choice(kind))
        return make(part, level)

    def null(self, part: Any, level: int) -> None:
        return None

    def boolean(self, part: Any, level: int) -> bool:
        return self.random.random() < 0.5

    def integer(self, part: Any, level: int) -> float:
        whole = round(self.number(part, level)) + ("exclusiveMinimum" in part)
        return float(whole) if self.random.random() < 0.1 else whole

    def number(self, part: Any, level: int) -> float:
        low = part.get("minimum", part.get("exclusiveMinimum", 0))
        high = part.get("maximum", part.get("exclusiveMaximum", low + 100))
        return float(self.random.choice([low, high, (low + high) / 2]))

    def string(self, part: Any, level: int) -> str:
        texts = ["a", "word", "ab cd", "a" * 64, "0" * 40, "#a0b0c0", "2026-01-01", "1.5", "../x", "shop.example", ""]
        return self.random.choice(texts[: -1 - 3 * ("pattern" in part)])

    def array(self, part: Any, level: int) -> list[Any]:
        size = self.random.randint(part.get("minItems", 0), min(part.get("maxItems", LONGEST), LONGEST))
        return [self.value(part.get("items", {}), level + 1) for _ in range(size)]

    def object(self, part: Any, level: int) -> dict[str, Any]:
        known, chance = part.get("properties", {}), self.random.random
        needed = set(part.get("required", ()))
        names = [name for name in known if name in needed or chance() < 0.5 / (1 + level)]
        found = {name: self.value(known[name], level + 1) for name in names if chance() > self.wrong}
        others = part.get("additionalProperties", True)
        if chance() < (self.wrong if others is False else 0.7):
            found[self.random.choice(["extra", "N.A.", "a b"])] = self.value(others, level + 1)
        return found


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_random_documents_are_accepted_as_jsonschema_accepts_them(kind: str) -> None:
    validator = jsonschema.Draft202012Validator(schema(kind))
    judged = [0, 0]
    for seed in range(60):
        for wrong in (0.0, 0.01, 0.1):
            document = RandomDocument(schema(kind), seed, wrong).value(schema(kind))
            expected = validator.is_valid(document)
            assert accepts(document, kind) is expected, document
            judged[expected] += 1
    assert judged[False] > 10


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a document."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


@pytest.mark.parametrize(("kind", "preset"), [("catalog", "sportswear"), ("catalog", "demo"), ("training", "demo-run")])
def test_changed_presets_are_accepted_as_jsonschema_accepts_them(kind: str, preset: str) -> None:
    valid = read_document(list_presets(kind)[preset])
    assert accepts(valid, kind)
    validator, chosen = jsonschema.Draft202012Validator(schema(kind)), random.Random(preset)
    every = [path for path in places(valid) if path]
    judged = [0, 0]
    for _ in range(200):
        document = copy.deepcopy(valid)
        *steps, last = chosen.choice(every)
        parent = document
        for step in steps:
            parent = parent[step]
        if isinstance(parent, dict) and chosen.random() < 0.3:
            parent[chosen.choice([f"{last}x", last.upper()])] = parent.pop(last)
        elif chosen.random() < 0.2:
            del parent[last]
        else:
            parent[last] = chosen.choice(WRONG)
        expected = validator.is_valid(document)
        assert accepts(document, kind) is expected, (steps, last)
        judged[expected] += 1
    assert min(judged) > 10


EVALUATION = {"split": "test", "protocols": ["rank", "generate"], "price_points": [10, 20.5], "limit": None}
PREDICTION = {
    "product_code": "1",
    "family": "f",
    "split": "test",
    "source": "s",
    "inferable": True,
    "protocol": "rank",
    "control": "none",
    "shown": None,
    "answer": "",
    "truncated": False,
    "ranking": ["a", "b"],
    "log_probs": {"raw": [-1.0, -2], "per_token": [-1.0, -2], "calibrated": [0.5, -2]},
}
FILE = {"path": "data/test-00000-of-00001.parquet", "split": "test", "num_rows": 1, "num_bytes": 9, "sha256": SHA256}
MANIFEST = {
    "kind": "generate",
    "finished": True,
    "inputs": {"anything": [None, {"x": 1}]},
    "files": [FILE],
    "num_products": 1,
    "num_shards": 1,
    "versions": {"python": "3"},
    "seconds": 1,
}
RUN = {
    "finished": False,
    "inputs": {
        "spec": {"max_steps": 3},
        "base": {"sha256": SHA256, "revision": None},
        "data": [{"folder": "x", "content_sha256": SHA256, "weight": 1}],
    },
    "num_steps": 0,
    "num_examples": {},
    "num_skipped": {},
    "versions": {},
}
PRODUCT = {"product_code": "1", "family": "f", "split": "test", "source": "s", "inferable": True, "flg_discount": 1}
VALID = {"evaluation": EVALUATION, "prediction": PREDICTION, "manifest": MANIFEST, "run": RUN, "product": PRODUCT}
TABLE: list[tuple[str, tuple[Any, ...], Any, bool]] = [
    ("evaluation", ("protocols",), ["rank", "rank"], False),
    ("evaluation", ("protocols",), [], False),
    ("evaluation", ("price_points",), [10], False),
    ("evaluation", ("price_points",), [10, 10.0], False),
    ("evaluation", ("price_points",), None, True),
    ("evaluation", ("confidence",), 1, False),
    ("evaluation", ("limit",), 2.0, True),
    ("evaluation", ("limit",), 2.5, False),
    ("evaluation", ("limit",), True, False),
    ("evaluation", ("aliases",), {"a": ""}, False),
    ("evaluation", ("aliases",), {"": "a"}, True),
    ("prediction", ("log_probs",), None, True),
    ("prediction", ("log_probs", "raw"), [], False),
    ("prediction", ("log_probs", "other"), [1], False),
    ("prediction", ("ranking",), ["a", "a"], False),
    ("prediction", ("posterior",), {"q10": 1}, False),
    ("prediction", ("control",), "blnk", False),
    ("manifest", ("kind",), "made", False),
    ("manifest", ("files", 0, "path"), "../test-00000-of-00001.parquet", False),
    ("manifest", ("files", 0, "path"), "data/../x.parquet", False),
    ("manifest", ("files", 0, "sha256"), SHA256.upper(), False),
    ("manifest", ("files", 0, "sha256"), SHA256[1:], False),
    ("manifest", ("files", 0, "num_rows"), 0, False),
    ("manifest", ("files", 0, "extra"), 0, False),
    ("manifest", ("files",), {}, False),
    ("manifest", ("versions",), {"python": 3}, False),
    ("manifest", ("seconds",), -1, False),
    ("manifest", ("extra",), [{**FILE, "path": "extra/faults.parquet"}], False),
    ("run", ("inputs", "base", "sha256"), "x", False),
    ("run", ("inputs", "data"), [{}], False),
    ("run", ("files",), {"a": SHA256}, True),
    ("run", ("files",), {"a": "b"}, False),
    ("product", ("category3_code",), "a, b", False),
    ("product", ("currency_code",), "usd", False),
    ("product", ("full_price",), 0, False),
    ("product", ("flg_discount",), 2, False),
    ("product", ("flg_discount",), None, True),
]


@pytest.mark.parametrize("kind", VALID)
def test_documents_that_are_accepted(kind: str) -> None:
    assert accepts(VALID[kind], kind)
    assert jsonschema.Draft202012Validator(schema(kind)).is_valid(VALID[kind])


@pytest.mark.parametrize(("kind", "path", "value", "accepted"), TABLE)
def test_a_changed_value_is_accepted_or_refused(kind: str, path: tuple[Any, ...], value: Any, accepted: bool) -> None:
    document = copy.deepcopy(VALID[kind])
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    assert accepts(document, kind) is accepted
    assert jsonschema.Draft202012Validator(schema(kind)).is_valid(document) is accepted


def refusal(document: Any, kind: str) -> ToileError:
    with pytest.raises(ToileError) as caught:
        from_dict(DOCUMENTS[kind], document, "x.json")
    return caught.value


@pytest.mark.parametrize(
    ("change", "where", "problem", "hint"),
    [
        ({"kinds": 1}, "x.json", "unknown key 'kinds'", "did you mean 'kind'?"),
        ({"kind": "generte"}, "x.json: kind", "'generte' is not a valid value", "did you mean 'generate'?"),
        ({"files": [FILE, {**FILE, "num_rows": "1"}]}, "x.json: files[1].num_rows", "expected integer, found", ""),
        ({"files": [{**FILE, "num_rows": -1}]}, "x.json: files[0].num_rows", "-1 is out of range", "1 or more"),
        ({"files": [{"split": "test"}]}, "x.json: files[0]", "the key 'path' is missing", "add it"),
        ({"files": [{**FILE, "sha256": "x"}]}, "x.json: files[0].sha256", "not 64 hexadecimal digits", ""),
        ({"files": [{**FILE, "sha256": f"{SHA256}\n"}]}, "x.json: files[0].sha256", "not 64 hexadecimal digits", ""),
        ({"seconds": float("nan")}, "x.json: seconds", "is nan or infinite", "finite"),
        ({"seconds": 10**400}, "x.json: seconds", "is nan or infinite", "finite"),
        ({"num_shards": float("inf")}, "x.json: num_shards", "is nan or infinite", "finite"),
        ({"inputs": {"a": [1, float("inf")]}}, "x.json: inputs.a[1]", "is nan or infinite", "finite"),
        ({"inputs": {"a": {3: 1}}}, "x.json: inputs.a", "expected string, found integer 3", ""),
        ({"versions": {3: "x"}}, "x.json: versions[3]", "expected string, found integer 3", ""),
        ({"finished": 1}, "x.json: finished", "expected boolean, found integer 1", ""),
    ],
)
def test_a_refusal_names_place_and_remedy(change: dict[str, Any], where: str, problem: str, hint: str) -> None:
    error = refusal({**MANIFEST, **change}, "manifest")
    assert error.where == where
    assert problem in error.problem
    assert hint in error.hint


def test_document_that_is_no_mapping_is_refused() -> None:
    documents: tuple[Any, ...] = (None, [], "x", 3)
    for document in documents:
        assert "expected object" in refusal(document, "manifest").problem


def test_a_document_that_nests_too_deeply_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "nested too deeply" in refusal({**MANIFEST, "inputs": {"a": deep}}, "manifest").problem
    while deep:  # else its own destructor recurses
        deep = deep.pop()


def test_numbers_get_the_type_of_their_field() -> None:
    manifest = from_dict(Manifest, {**MANIFEST, "num_shards": 2.0, "seconds": 3}, "x.json")
    assert (type(manifest.num_shards), manifest.num_shards) == (int, 2)
    assert (type(manifest.seconds), manifest.seconds) == (float, 3.0)
    assert manifest.files[0].path == FILE["path"]


def test_manifest_of_20000_shards(tmp_path: Path) -> None:
    files = [{**FILE, "path": f"data/train-{n:05d}-of-20000.parquet", "split": "train"} for n in range(20_000)]
    manifest = from_dict(Manifest, {**MANIFEST, "files": files}, "x.json")
    assert len(manifest.files) == 20_000
    assert manifest.files[-1].path == "data/train-19999-of-20000.parquet"
