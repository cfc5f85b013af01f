"""Load and validate spec documents: catalogs, training runs and evaluations, as files or parsed values.

    spec = load("my-catalog.yaml", "catalog")

Which function to call:

- `load(path, kind)`: a file or a shipped preset of any kind.
- `load_spec(spec)`: a catalog spec in whatever form a Python caller has it: path, preset, document or record.
- `from_document(document, kind)`: a document that is parsed already. The two above end here.
- `validate(document, kind, where)`: only check a document, without building the record.
- `list_presets(kind)`: the names and files of the shipped presets.

A spec is read, checked against its record (`schemas.documents.from_dict`) and built. Where it does not conform,
`jsonschema` finds the most telling violation of the generated JSON Schema, and the message names the file, the path
inside it, what is expected, and the nearest valid name.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, overload

from schemas.catalog import CatalogSpec, check_catalog
from schemas.documents import NOT_FINITE, expectation, from_dict, read_document, schema, shown, type_name
from schemas.errors import ToileError, json_path, suggest
from schemas.evaluation import EvaluationSpec
from schemas.markets import apply_market_defaults
from schemas.training import TrainingSpec

PRESETS = Path(__file__).parent / "presets"
_RECORDS: dict[str, type[Any]] = {"catalog": CatalogSpec, "training": TrainingSpec, "evaluation": EvaluationSpec}


@overload
def load(path: Path | str, kind: Literal["catalog"]) -> CatalogSpec: ...
@overload
def load(path: Path | str, kind: Literal["training"]) -> TrainingSpec: ...
@overload
def load(path: Path | str, kind: Literal["evaluation"]) -> EvaluationSpec: ...
def load(path: Path | str, kind: str) -> Any:
    """Return the spec in a YAML or JSON file.

    Args:
        path: the file, or the name of a shipped preset.
        kind: catalog, training or evaluation.

    Raises:
        ToileError: names the file, the place inside it, and what to write.
    """
    path = preset_path(str(path), kind) or Path(path)
    return from_document(read_document(path), kind, str(path))


def load_spec(spec: CatalogSpec | Mapping[str, Any] | Path | str) -> CatalogSpec:
    """Return a catalog spec, given the path of a YAML or JSON file, the name of a preset, or a document.

    Raises a `ToileError` for an invalid document; it names the file, the path in it, and what is expected.
    """
    if isinstance(spec, CatalogSpec):
        return spec
    if isinstance(spec, Mapping):
        found: CatalogSpec = from_document(dict(spec), "catalog")
        return found
    return load(spec, "catalog")


def from_document(document: Any, kind: str, where: str = "document") -> Any:
    """Return the spec in a document that is already parsed; `where` is its name in error messages."""
    if not isinstance(document, dict):
        raise ToileError(where, "holds no mapping", f"write `key: value` lines; see schemas/{kind}.schema.json")
    validate(document, kind, where)
    spec = from_dict(_RECORDS[kind], apply_market_defaults(document) if kind == "catalog" else document, where)
    if kind == "catalog":
        check_catalog(spec, where)
    return spec


def validate(document: object, kind: str, where: str) -> None:
    """Raise a `ToileError` where a spec document does not conform; `kind` is catalog, training or evaluation.

    The record's own check decides, because it takes a hundredth of the time; `jsonschema` explains.
    """
    try:
        from_dict(_RECORDS[kind], document, where)
    except ToileError as error:
        if error.problem == NOT_FINITE:  # it compares false with every bound, so jsonschema cannot see it
            raise
        raise _explain(document, kind, where) or error from None


def list_presets(kind: str) -> dict[str, Path]:
    """Return the shipped presets of a kind, name to file."""
    files = sorted(PRESETS.glob("*.yaml"))
    return {path.stem: path for path in files if path.stem.endswith("-run") == (kind == "training")}


def preset_path(name: str, kind: str) -> Path | None:
    """Return the file of a shipped preset (`demo`, `fashion-luxury`), or None where `name` is the path of a file.

    Raises a `ToileError` with the nearest preset where it is neither.
    """
    if Path(name).is_file():
        return None
    shipped = list_presets(kind)
    if name in shipped:
        return shipped[name]
    if Path(name).suffix in {".yaml", ".yml", ".json"} or "/" in name:
        raise ToileError(name, "no such file", f"shipped presets: {', '.join(shipped)}")
    raise ToileError(name, f"is neither a file nor a shipped {kind}", suggest(name, shipped))


@functools.cache
def _validator(kind: str) -> Any:
    import jsonschema  # here, so that training and generation import without it

    return jsonschema.Draft202012Validator(schema(kind))


def _explain(document: object, kind: str, where: str) -> ToileError | None:
    """Return the error for the most telling violation of the JSON Schema; None where jsonschema finds none."""
    from jsonschema.exceptions import best_match  # slow to import, and needed only for an explanation

    try:
        error = best_match(_validator(kind).iter_errors(document))
        return None if error is None else _as_toile_error(error, where)
    except (TypeError, RecursionError):  # a key that is not text; nested too deeply to be quoted
        return None


def _as_toile_error(error: Any, where: str) -> ToileError:
    at = json_path(where, error.absolute_path)
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            unknown = next(iter(sorted(str(key) for key in value if key not in known)), "?")
            return ToileError(at, f"unknown key {unknown!r}", suggest(unknown, known))
        case "required":
            missing = next(key for key in rule if key not in value)
            return ToileError(at, f"the key {missing!r} is missing", f"add it: {_describe(error.schema, missing)}")
        case "enum":
            return ToileError(at, f"{shown(value)} is not a valid value", suggest(value, map(str, rule)))
        case "type":
            kinds = rule if isinstance(rule, str) else " or ".join(rule)
            return ToileError(at, f"expected {kinds}, found {type_name(value)} {shown(value)}", "fix the value")
        case "minItems" | "minProperties" | "minLength":
            return ToileError(at, f"is empty or too short: {shown(value)}", f"give at least {rule}")
    hint = ": ".join(filter(None, [f"give {expectation(error.schema)}", error.schema.get("description")]))
    return ToileError(at, str(error.message)[:300], hint)


def _describe(node: Any, key: str) -> str:
    about = node.get("properties", {}).get(key, {})
    return str(about.get("description") or expectation(about))
