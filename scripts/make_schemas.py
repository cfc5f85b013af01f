"""Generate schemas/*.schema.json from the dataclasses of the documents.

    make schemas        # or: python -m scripts.make_schemas

Types, bounds, choices and defaults come from the annotations (`schemas.documents`), descriptions from the docstrings of
the fields. The files are checked in, for editors and other languages; a test fails while they are not current.
"""

import ast
import dataclasses
import functools
import inspect
import json
import sys
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.report.evidence import Evidence
from generator.export.convert import Conversion
from schemas.audit import Audit
from schemas.catalog import CatalogSpec
from schemas.counterfactual import Counterfactual
from schemas.documents import SCHEMA_FOLDER, Keys, Pattern, Shape, constraints
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.manifest import Manifest
from schemas.product import Product
from schemas.result import Comparison, Matrix, Result
from schemas.training import RunRecord, TrainingSpec
from schemas.util.files import as_document, write_atomic

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS: dict[str, type[Any]] = {
    "audit": Audit,
    "catalog": CatalogSpec,
    "comparison": Comparison,
    "conversion": Conversion,
    "counterfactual": Counterfactual,
    "evaluation": EvaluationSpec,
    "evidence": Evidence,
    "manifest": Manifest,
    "matrix": Matrix,
    "prediction": Prediction,
    "product": Product,
    "result": Result,
    "run": RunRecord,
    "training": TrainingSpec,
}
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
Node = dict[str, Any]


def json_schema(record: type[Any]) -> Node:
    """Return the JSON Schema (2020-12) of a document's dataclass; the records in it are under `$defs`."""
    definitions: dict[str, Node] = {}
    root = _record_node(record, definitions)
    return {"$schema": DIALECT, "title": record.__name__, **root, **({"$defs": definitions} if definitions else {})}


def schema_text(record: type[Any]) -> str:
    """Return the content of a schema file; nodes that fit into 120 characters are on one line."""
    return _layout(json_schema(record), 0) + "\n"


def field_docstrings(record: type[Any]) -> dict[str, str]:
    """Return the docstring after each field of a dataclass, on one line, by field name; inherited ones included."""
    found: dict[str, str] = {}
    for base in reversed([each for each in record.__mro__ if dataclasses.is_dataclass(each)]):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef), base
        for field, after in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                text = after.value if isinstance(after, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[field.target.id] = " ".join(text.value.split())
    return found


def _record_node(record: type[Any], definitions: dict[str, Node]) -> Node:
    hints, texts = (
        typing.get_type_hints(record, include_extras=True),
        _cached_docstrings(typing.cast(typing.Hashable, record)),
    )
    properties, required = {}, []
    for field in dataclasses.fields(record):
        node = _node(hints[field.name], (), definitions)
        if field.name in texts:
            node = {**node, "description": texts[field.name]}
        has_default, default = _default(field)
        if has_default:
            node |= {} if _has_records(default) else {"default": as_document(default)}
        else:
            required.append(field.name)
        properties[field.name] = node
    found: Node = {"type": "object", "description": " ".join((inspect.getdoc(record) or "").split())}
    found["additionalProperties"] = False
    return found | ({"required": required} if required else {}) | {"properties": properties}


@functools.cache
def _cached_docstrings(record: Any) -> dict[str, str]:
    return field_docstrings(record)


def _default(field: "dataclasses.Field[Any]") -> tuple[bool, Any]:
    if field.default_factory is not dataclasses.MISSING:
        return True, field.default_factory()
    return (False, None) if field.default is dataclasses.MISSING else (True, field.default)


def _has_records(default: Any) -> bool:
    """Return whether a default has nested records, whose own schemas state their defaults."""
    return dataclasses.is_dataclass(default) or (isinstance(default, tuple) and any(map(_has_records, default)))


def _node(hint: Any, metadata: tuple[object, ...], definitions: dict[str, Node]) -> Node:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _node(arguments[0], (*hint.__metadata__, *metadata), definitions)
    if origin in (typing.Union, types.UnionType):
        inner, *others = (each for each in arguments if each is not type(None))
        if others:
            return {"type": [_TYPES[each] for each in (inner, *others)]}
        return _nullable(_node(inner, metadata, definitions))
    if hint is Any or hint is bytes:
        return {}
    if dataclasses.is_dataclass(hint):
        return _reference(typing.cast(type[Any], hint), definitions)
    if hint in _TYPES:
        return {"type": _TYPES[hint], **constraints(metadata, _TYPES[hint]), **_meaning(metadata)}
    if issubclass(origin, Mapping):
        return _mapping_node(arguments, metadata, definitions)
    assert issubclass(origin, Sequence), hint
    items = _node(arguments[0], (), definitions)
    return {"type": "array", **constraints(metadata, "array"), **({"items": items} if items else {})}


def _mapping_node(arguments: tuple[Any, ...], metadata: tuple[object, ...], definitions: dict[str, Node]) -> Node:
    for each in metadata:
        if isinstance(each, Shape):
            return _reference(each.record, definitions)
    key = _node(arguments[0], (), definitions)
    value = _node(arguments[1], (), definitions)
    for each in metadata:
        if isinstance(each, Keys):
            required = {"required": list(each.names)} if each.required else {}
            properties = dict.fromkeys(each.names, value)
            return {"type": "object", "additionalProperties": False, **required, "properties": properties}
    del key["type"]
    parts = {"propertyNames": key, "additionalProperties": value}
    return {"type": "object", **constraints(metadata, "object"), **{name: part for name, part in parts.items() if part}}


def _reference(record: type[Any], definitions: dict[str, Node]) -> Node:
    name = record.__name__
    if name not in definitions:
        definitions[name] = {}  # so that a record may contain itself
        definitions[name] = _record_node(record, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _nullable(node: Node) -> Node:
    if "$ref" in node:
        return {"anyOf": [{"type": "null"}, node]}
    if "enum" in node:
        node = {**node, "enum": [*node["enum"], None]}
    return {**node, "type": [node["type"], "null"]} if node else node


def _meaning(metadata: tuple[object, ...]) -> Node:
    """Return what a pattern means, as the description where the field has no docstring of its own."""
    found = [each.meaning for each in metadata if isinstance(each, Pattern)]
    return {"description": found[0]} if found else {}


def _layout(node: Any, indent: int) -> str:
    flat = json.dumps(node, ensure_ascii=False)
    if not isinstance(node, dict | list) or not node or len(flat) + indent <= 100:
        return flat
    opening, closing = "{}" if isinstance(node, dict) else "[]"
    inside = (
        [f"{json.dumps(key)}: {_layout(value, indent + 1)}" for key, value in node.items()]
        if isinstance(node, dict)
        else [_layout(value, indent + 1) for value in node]
    )
    space = "\n" + " " * (indent + 1)
    return f"{opening}{space}{(',' + space).join(inside)}\n{' ' * indent}{closing}"


def main(folder: Path) -> None:
    """Write all schema files into a folder."""
    for kind, record in DOCUMENTS.items():
        write_atomic(folder / f"{kind}.schema.json", schema_text(record))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else SCHEMA_FOLDER)
