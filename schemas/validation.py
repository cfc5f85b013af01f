"""Where documents enter: read YAML or JSON, check it against a JSON Schema (2020-12), build frozen dataclasses.

After this border nobody checks again and nobody handles dicts. Every complaint is a `ToileError` that names the file,
the path inside the document, what was expected, and the nearest valid name where a name was wrong.
"""

import dataclasses
import difflib
import functools
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from schemas.errors import ToileError

T = TypeVar("T")
SCHEMA_FOLDER = Path(__file__).parent


MOST_NODES = 200_000
"""Values of a document, each alias counted as all that it stands for."""
MOST_LEVELS = 100
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser, where PyYAML was built with it


class _StrictLoader(_Loader):  # type: ignore[misc]
    """SafeLoader that refuses repeated keys, keeps keys and dates as text, and reads 1e-4 as a number.

    YAML 1.1 would make a number of the key `50`, a boolean of `no` and nothing of `null`, which stands for N.A. here.
    """


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _mapping_without_repeats(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key_node.start_mark)
        key = "N.A." if loader.construct_object(key_node) is None else str(key_node.value)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} appears twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)


def read_document(path: Path) -> Any:
    """The parsed content of a .yaml, .yml or .json file; no custom tags, no repeated keys, UTF-8 only."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ToileError(str(path), f"is not UTF-8 text (byte {error.start})", "save the file as UTF-8") from error
    except OSError as error:
        raise ToileError(
            str(path), f"cannot be read: {error.strerror}", "check the path and its permissions"
        ) from error
    return parsed(text, str(path), is_json=path.suffix == ".json")


def parsed(text: str, where: str, *, is_json: bool) -> Any:
    """The content of a JSON or YAML text; `where` is what the messages call it."""
    try:
        if is_json:
            return json.loads(text, object_pairs_hook=_pairs_without_repeats)
        _check_extent(text, where)
        return yaml.load(text, Loader=_StrictLoader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ToileError(place, f"is not valid YAML: {getattr(error, 'problem', error)}", "mend that line") from error
    except RecursionError as error:
        raise ToileError(where, "is nested too deeply", "flatten the document") from error
    except ValueError as error:
        raise ToileError(where, f"is not valid JSON: {error}", "mend that line") from error


def _check_extent(text: str, where: str) -> None:
    """Refuse a YAML text that nests too deeply, or whose aliases multiply; reads events only and builds nothing."""
    sizes = [0]  # of every collection that is open, values so far
    open_anchors: list[str | None] = [None]
    anchored: dict[str | None, int] = {}
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(0)
            open_anchors.append(event.anchor)
            if len(sizes) > MOST_LEVELS:
                raise ToileError(where, "is nested too deeply", f"flatten the document to {MOST_LEVELS} levels")
            continue
        size, anchor = 1, getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if anchor in open_anchors:
                raise ToileError(where, f"the alias *{anchor} stands inside of what it means", "write the values out")
            size, anchor = anchored.get(anchor, 1), None
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = 1 + sizes.pop(), open_anchors.pop()
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            anchored[anchor] = size
        sizes[-1] += size
        if sizes[-1] > MOST_NODES:
            raise ToileError(where, f"holds more than {MOST_NODES:,} values, aliases counted", "make it smaller")


def _pairs_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"the key {key!r} appears twice")
        seen[key] = value
    return seen


@functools.cache
def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of document (`catalog`, `training`, `manifest`, ...)."""
    document: dict[str, Any] = json.loads((SCHEMA_FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))
    return document


@functools.cache
def _validator(kind: str) -> Any:
    import jsonschema  # here, so that training and generation import without it

    return jsonschema.Draft202012Validator(schema(kind))


def validate(document: Any, kind: str, where: str) -> None:
    """Raise a ToileError for the first, deepest violation of the schema; return nothing when it conforms.

    NaN and infinity are refused everywhere: they compare false with every bound, so a schema cannot catch them.
    """
    for path in _not_finite(document, ()):
        raise ToileError(place(where, path), "is nan or infinite", "write a finite number")
    if _conforms(document, kind):
        return
    from jsonschema.exceptions import best_match  # slow to load, and needed only to say what is wrong

    error = best_match(_validator(kind).iter_errors(document))
    if error is not None:
        raise _explained(error, where)


def _conforms(document: Any, kind: str) -> bool:
    """True where there is nothing to explain: a hundred times as fast as jsonschema, which has the last word."""
    try:
        return bool(_quick_validator(kind).is_valid(document))
    except ValueError:  # a key that is no text
        return False


@functools.cache
def _quick_validator(kind: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(schema(kind))


def _not_finite(value: Any, path: tuple[object, ...]) -> typing.Iterator[tuple[object, ...]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(item, (*path, key))


def place(where: str, path: typing.Iterable[object]) -> str:
    """`catalog.yaml: categories[3].price.median`, the way every error of a document names its place."""
    inside = ""
    for step in path:
        inside += f"[{step}]" if isinstance(step, int) else f".{step}"
    return f"{where}: {inside.lstrip('.')}" if inside else where


def nearest(name: object, valid: typing.Iterable[str]) -> str:
    """A hint naming the closest valid name, or all of them when none is close."""
    names = sorted(str(v) for v in valid)
    close = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    return f"valid names: {shown}"


def _explained(error: Any, where: str) -> ToileError:
    at = place(where, error.absolute_path)
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            unknown = next(iter(sorted(str(k) for k in value if k not in known)), "?")
            return ToileError(at, f"unknown key {unknown!r}", nearest(unknown, known))
        case "required":
            missing = next(key for key in rule if key not in value)
            return ToileError(at, f"the key {missing!r} is missing", f"add it: {_described(error, missing)}")
        case "enum" | "const":
            choices = rule if isinstance(rule, list) else [rule]
            return ToileError(at, f"{_shown(value)} is not a valid value", nearest(value, map(str, choices)))
        case "type":
            kinds = rule if isinstance(rule, str) else " or ".join(rule)
            return ToileError(at, f"expected {kinds}, found {_type_name(value)} {_shown(value)}", "mend the value")
        case "minItems" | "minProperties" | "minLength":
            return ToileError(at, f"is empty or too short: {_shown(value)}", f"give at least {rule}")
    return ToileError(at, str(error.message)[:300], error.schema.get("description", "mend the value"))


def _described(error: Any, key: str) -> str:
    about = error.schema.get("properties", {}).get(key, {})
    return str(about.get("description") or about.get("type") or "see the schema")


def _type_name(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def build(record: type[T], document: Mapping[str, Any]) -> T:
    """A frozen dataclass from a document that its schema has accepted: nested records, tuples and mappings included."""
    converters = _converters(typing.cast(typing.Hashable, record))
    unknown = document.keys() - converters.keys()
    assert not unknown, f"schema of {record.__name__} allows {sorted(unknown)}, the record does not"
    return record(
        **{name: value if (to := converters[name]) is None else to(value) for name, value in document.items()}
    )


@functools.cache
def _converters(record: Any) -> dict[str, Callable[[Any], Any] | None]:
    """Field -> what to make of its value, None for as it is; found once a record type: a log builds thousands."""
    hints = typing.get_type_hints(record)
    return {field.name: _converter(hints[field.name]) for field in dataclasses.fields(record)}


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = _converter(next(a for a in arguments if a is not type(None)))
        return None if inner is None else lambda value: None if value is None else inner(value)
    if dataclasses.is_dataclass(hint):
        return functools.partial(build, typing.cast(type[Any], hint))
    if origin is tuple:
        item = _converter(arguments[0])
        return tuple if item is None else lambda value: tuple(map(item, value))
    if origin is not None and issubclass(origin, Mapping):
        of_value = _converter(arguments[1])
        return lambda value: {str(k): v if of_value is None else of_value(v) for k, v in value.items()}
    if hint is float:
        return lambda value: float(value) if isinstance(value, int) else value
    return None
