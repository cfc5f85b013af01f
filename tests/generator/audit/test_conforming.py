"""What is accepted quickly is what jsonschema accepts, for every schema and whatever is wrong."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest

from schemas.documents import SCHEMA_FOLDER, schema
from schemas.errors import ToileError
from schemas.validation import validate

KINDS = sorted(path.name.removesuffix(".schema.json") for path in SCHEMA_FOLDER.glob("*.schema.json"))
WRONG: tuple[Any, ...] = (None, True, False, -1, 0, 1, 1.0, 1.5, 1e9, "", "x", "a" * 300, [], [1, 1], {}, {"x": 1})
LONGEST = 4
"""Elements of a drawn array."""


class Drawn:
    """Documents that mostly conform: drawn from the schema itself, with something else here and there."""

    def __init__(self, root: Mapping[str, Any], seed: int, wrong: float) -> None:
        self.root, self.random, self.wrong = root, random.Random(seed), wrong

    def value(self, part: Any, level: int = 0) -> Any:
        draw = self.random
        if isinstance(part, bool) or not part:
            return "anything"
        if draw.random() < self.wrong:
            return draw.choice(WRONG)
        if "$ref" in part:
            return self.value(self.root["$defs"][part["$ref"].split("/")[-1]], level)
        if "anyOf" in part:
            return self.value(draw.choice(part["anyOf"]), level)
        if "enum" in part:
            return draw.choice(part["enum"])
        kind = part.get("type", "object" if "properties" in part else "string")
        make: Callable[[Any, int], Any] = getattr(self, kind if isinstance(kind, str) else draw.choice(kind))
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
        texts = ["a", "word", "ab cd", "a" * 64, "0" * 40, "#a0b0c0", "2026-01-01", "1.5", "../x", "x\n", ""]
        return self.random.choice(texts[: -1 - 3 * ("pattern" in part)])

    def array(self, part: Any, level: int) -> list[Any]:
        size = self.random.randint(part.get("minItems", 0), min(part.get("maxItems", LONGEST), LONGEST))
        return [self.value(part.get("items", {}), level + 1) for _ in range(size)]

    def object(self, part: Any, level: int) -> dict[str, Any]:
        known, draw = part.get("properties", {}), self.random
        needed = set(part.get("required", ()))
        names = [name for name in known if name in needed or draw.random() < 0.5 / (1 + level)]
        found = {name: self.value(known[name], level + 1) for name in names if draw.random() > self.wrong}
        others = part.get("additionalProperties", True)
        if draw.random() < (self.wrong if others is False else 0.7):
            found[draw.choice(["extra", "N.A.", "a b"])] = self.value(others, level + 1)
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_documents_drawn_from_a_schema_are_judged_as_jsonschema_judges_them(kind: str) -> None:
    judge = jsonschema.Draft202012Validator(schema(kind))
    judged = [0, 0]
    for seed in range(60):
        for wrong in (0.0, 0.01, 0.1):
            document = Drawn(schema(kind), seed, wrong).value(schema(kind))
            expected = judge.is_valid(document)
            assert accepted(document, kind) is expected, document
            judged[expected] += 1
    assert judged[False] > 10


def accepted(document: Any, kind: str) -> bool:
    try:
        validate(document, kind, "here")
    except ToileError:
        return False
    return True
