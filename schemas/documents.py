"""Read documents: strict YAML and JSON, constraints on record fields, and records built from plain values.

A document's frozen dataclass is its only definition. Types, bounds and choices are annotations, defaults are defaults:

    @dataclass(frozen=True, kw_only=True)
    class Colourways:
        repeat_share: Annotated[float, Ge(0), Le(0.95)] = 0.0

`from_dict(Colourways, {"repeat_share": 0.2}, "catalog.yaml")` checks them; `make schemas` writes them as JSON Schema.
Every problem is a `ToileError` that names the file, the path inside it, what was expected, and the nearest valid name.
"""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen

from schemas.errors import ToileError, json_path, suggest

T = TypeVar("T")
SCHEMA_FOLDER = Path(__file__).parent
MAX_NODES = 200_000
"""Values in a YAML document; each alias counts as everything it stands for."""
MAX_LEVELS = 100
NOT_FINITE = "is nan or infinite"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of `values`."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """The text contains a match of `regex`; anchor it with ^ and $. `meaning` says in words what is expected."""

    regex: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Unique:
    """No item of the list appears twice."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The mapping has only keys of `names`; all of them where `required`."""

    names: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """The mapping conforms to the dataclass `record`, and stays a mapping."""

    record: type[Any]


Sha256 = typing.Annotated[str, Pattern("^[0-9a-f]{64}$", "64 hexadecimal digits")]
Text = typing.Annotated[str, MinLen(1)]
Count = typing.Annotated[int, Ge(0)]

_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
_LENGTHS = {"string": "Length", "array": "Items", "object": "Properties"}


def constraints(metadata: Iterable[object], kind: str) -> dict[str, Any]:
    """Return the JSON Schema keywords of the annotations of a value of JSON type `kind`; others are left out."""
    found: dict[str, Any] = {}
    for each in metadata:
        match each:
            case GroupedMetadata():
                found |= constraints(each, kind)
            case Ge(ge=bound):
                found["minimum"] = bound
            case Gt(gt=bound):
                found["exclusiveMinimum"] = bound
            case Le(le=bound):
                found["maximum"] = bound
            case Lt(lt=bound):
                found["exclusiveMaximum"] = bound
            case MinLen(min_length=length):
                found[f"min{_LENGTHS[kind]}"] = length
            case MaxLen(max_length=length):
                found[f"max{_LENGTHS[kind]}"] = length
            case OneOf(values=values):
                found["enum"] = list(values)
            case Pattern(regex=regex):
                found["pattern"] = regex
            case Unique():
                found["uniqueItems"] = True
    return found


def expectation(node: Mapping[str, Any]) -> str:
    """Return in words what a JSON Schema node expects.

    >>> expectation({"type": "number", "exclusiveMinimum": 0, "maximum": 1000})
    'a number above 0 and at most 1,000'
    """
    if "enum" in node:
        return "one of " + ", ".join(str(value) for value in node["enum"] if value is not None)
    names = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
    names |= {"array": "a list", "object": "a mapping"}
    kinds = node.get("type", "object" if "properties" in node else [])
    said = " or ".join(names[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")
    phrases = {
        "exclusiveMinimum": "above {}",
        "minimum": "of {} or more",
        "exclusiveMaximum": "below {}",
        "maximum": "at most {}",
    }
    limits = {key: f"{node[key]:,g}" if node[key] < 1e6 else f"{node[key]:g}" for key in phrases if key in node}
    if limits.keys() == {"minimum", "maximum"}:
        return f"{said} from {limits['minimum']} to {limits['maximum']}"
    bounds = " and ".join(phrases[key].format(limit) for key, limit in limits.items())
    return f"{said or 'another value'} {bounds}".strip()


def from_dict(record: type[T], document: object, where: str) -> T:
    """Build a frozen dataclass from the plain values of a document.

    Nested records, lists and mappings are built too. Types, required and unknown keys, bounds, patterns and choices are
    checked; NaN and infinity are refused.

    Args:
        record: the dataclass.
        document: the parsed content of a JSON or YAML file.
        where: the name of the file in error messages.

    Raises:
        ToileError: the document does not conform.
    """
    try:
        found: T = _reader(typing.cast(typing.Hashable, record))(document)
    except _InvalidError as error:
        raise ToileError(json_path(where, reversed(error.path)), error.problem, error.hint) from None
    except RecursionError as error:
        raise ToileError(where, "is nested too deeply", "flatten the document") from error
    return found


class _InvalidError(Exception):
    """What is wrong with a value; `path` grows from the inside to the outside."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem, hint)
        self.problem = problem
        self.hint = hint
        self.path: list[object] = []


_Reader = Callable[[Any], Any]


@functools.cache
def _reader(record: Any) -> _Reader:
    """Return the function that builds a record; it is made once a type, because a log has thousands of records."""
    hints = typing.get_type_hints(record, include_extras=True)
    fields = dataclasses.fields(record)
    required = [f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING]
    readers: dict[str, _Reader] = {}  # filled below, so that a record may contain itself

    def read(document: Any) -> Any:
        if type(document) is not dict:
            raise _wrong_type(document, "object")
        values = {}
        for key, value in document.items():
            reader = readers.get(key)
            if reader is None:
                raise _InvalidError(f"unknown key {key!r}", suggest(key, readers))
            try:
                values[key] = reader(value)
            except _InvalidError as error:
                error.path.append(key)
                raise
        for name in required:
            if name not in values:
                raise _InvalidError(f"the key {name!r} is missing", "add it")
        return record(**values)

    readers.update({field.name: _value_reader(hints[field.name]) for field in fields})
    return read


def _value_reader(hint: Any, metadata: tuple[object, ...] = ()) -> _Reader:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _value_reader(arguments[0], (*hint.__metadata__, *metadata))
    if origin in (typing.Union, types.UnionType):
        inner_hint, *others = (a for a in arguments if a is not type(None))
        if others:
            return _either_reader((inner_hint, *others))
        inner = _value_reader(inner_hint, metadata)
        return lambda value: None if value is None else inner(value)
    if hint is Any:
        return _finite
    if hint is bytes:
        return lambda value: value
    if dataclasses.is_dataclass(hint):
        return _reader(typing.cast(typing.Hashable, hint))
    if hint in _KINDS:
        return _scalar_reader(_KINDS[hint], metadata)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(arguments, metadata)
    if origin is not None and issubclass(origin, Sequence):
        return _list_reader(_value_reader(arguments[0]), constraints(metadata, "array"))
    raise TypeError(f"no reader for {hint}")


def _scalar_reader(kind: str, metadata: tuple[object, ...]) -> _Reader:
    node = {"type": kind, **constraints(metadata, kind)}
    check = _scalar_check(node, metadata)

    def read_text(value: Any) -> Any:
        if type(value) is not str:
            raise _wrong_type(value, kind)
        return check(value)

    def read_boolean(value: Any) -> Any:
        if type(value) is not bool:
            raise _wrong_type(value, kind)
        return value

    def read_integer(value: Any) -> Any:
        if type(value) is not int:
            if type(value) is not float or not value.is_integer():
                raise _not_finite() if value in (math.inf, -math.inf) else _wrong_type(value, kind)
            value = int(value)  # 2.0 is an integer in JSON Schema
        return check(value)

    def read_number(value: Any) -> Any:
        if type(value) is not float:
            if type(value) is not int:
                raise _wrong_type(value, kind)
            try:
                value = float(value)
            except OverflowError:
                raise _not_finite() from None
        if not math.isfinite(value):
            raise _not_finite()
        return check(value)

    readers = {"string": read_text, "boolean": read_boolean, "integer": read_integer, "number": read_number}
    return readers[kind]


def _either_reader(kinds: tuple[type, ...]) -> _Reader:
    """Return a function that reads a value of one of several scalar types, such as a number or text."""
    readers = {kind: _scalar_reader(_KINDS[kind], ()) for kind in kinds}

    def read(value: Any) -> Any:
        kind = float if type(value) is int and int not in readers else type(value)
        if kind not in readers:
            raise _wrong_type(value, " or ".join(_KINDS[kind] for kind in kinds))
        return readers[kind](value)

    return read


def _scalar_check(node: dict[str, Any], metadata: tuple[object, ...]) -> _Reader:
    """Return a function that returns a value of the right type, or raises where it breaks a constraint."""
    choices = tuple(node.get("enum", ()))
    low, high = node.get("minimum", -math.inf), node.get("maximum", math.inf)
    above, below = node.get("exclusiveMinimum", -math.inf), node.get("exclusiveMaximum", math.inf)
    patterns = [(_compile(p.regex).search, p.meaning) for p in metadata if isinstance(p, Pattern)]
    shortest, longest = node.get("minLength", 0), node.get("maxLength", math.inf)

    def check_choice(value: Any) -> Any:
        if value not in choices:
            raise _InvalidError(f"{shown(value)} is not a valid value", suggest(value, map(str, choices)))
        return value

    def check_number(value: Any) -> Any:
        if not (low <= value <= high and above < value < below):
            raise _InvalidError(f"{shown(value)} is out of range", f"give {expectation(node)}")
        return value

    def check_text(value: Any) -> Any:
        if len(value) < shortest:
            raise _InvalidError(f"is empty or too short: {shown(value)}", f"give at least {shortest}")
        if len(value) > longest:
            raise _InvalidError(f"is longer than {longest} characters: {shown(value)}", "give a shorter text")
        for search, meaning in patterns:
            if search(value) is None:
                raise _InvalidError(f"{shown(value)} is not {meaning}", f"give {meaning}")
        return value

    if choices:
        return check_choice
    if node["type"] == "string":
        return check_text if patterns or len(node) > 1 else lambda value: value
    return check_number if len(node) > 1 else lambda value: value


def _compile(regex: str) -> re.Pattern[str]:
    """Compile a pattern of JSON Schema, whose $ matches only at the very end, not before a last line feed."""
    return re.compile(regex[:-1] + r"\Z" if regex.endswith("$") else regex)


def _list_reader(read_item: _Reader, node: dict[str, Any]) -> _Reader:
    shortest, longest, unique = node.get("minItems", 0), node.get("maxItems", math.inf), "uniqueItems" in node

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise _wrong_type(value, "array")
        _check_size(value, shortest, longest)
        items: list[Any] = []
        for item in value:
            try:
                items.append(read_item(item))
            except _InvalidError as error:
                error.path.append(len(items))
                raise
        if unique and len(set(items)) < len(items):
            raise _InvalidError(f"an item appears twice: {shown(value)}", "give each item once")
        return tuple(items)

    return read


def _mapping_reader(arguments: tuple[Any, ...], metadata: tuple[object, ...]) -> _Reader:
    read_key = _value_reader(arguments[0]) if arguments else _finite
    read_value = _value_reader(arguments[1]) if arguments else _finite
    node = constraints(metadata, "object")
    smallest, largest = node.get("minProperties", 0), node.get("maxProperties", math.inf)
    keys = next((each for each in metadata if isinstance(each, Keys)), None)
    shape = next(
        (_reader(typing.cast(typing.Hashable, each.record)) for each in metadata if isinstance(each, Shape)), None
    )

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise _wrong_type(value, "object")
        _check_size(value, smallest, largest)
        if shape is not None:
            shape(value)
        found = {}
        for key, item in value.items():
            if keys is not None and key not in keys.names:
                raise _InvalidError(f"unknown key {key!r}", suggest(key, keys.names))
            try:
                found[read_key(key)] = read_value(item)
            except _InvalidError as error:
                error.path.append(key)
                raise
        for name in keys.names if keys is not None and keys.required else ():
            if name not in found:
                raise _InvalidError(f"the key {name!r} is missing", "add it")
        return found

    return read


def _check_size(value: Any, smallest: float, largest: float) -> None:
    if len(value) < smallest:
        raise _InvalidError(f"is empty or too short: {shown(value)}", f"give at least {smallest}")
    if len(value) > largest:
        raise _InvalidError(f"has {len(value)} entries", f"give at most {largest}")


def _finite(value: Any) -> Any:
    """Return any value; raise where it contains NaN, infinity or a key that is not text."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _not_finite()
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and type(key) is not str:
                raise _wrong_type(key, "string")
            try:
                _finite(item)
            except _InvalidError as error:
                error.path.append(key)
                raise
    return value


def _not_finite() -> _InvalidError:
    return _InvalidError(NOT_FINITE, "write a finite number")


def _wrong_type(value: object, kind: str) -> _InvalidError:
    if isinstance(value, float) and not math.isfinite(value):
        return _not_finite()
    return _InvalidError(f"expected {kind}, found {type_name(value)} {shown(value)}", "fix the value")


def type_name(value: object) -> str:
    """Return the JSON name of a value's type; `nothing` for null."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def shown(value: object) -> str:
    """Return a value as an error message quotes it: at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@functools.cache
def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of one kind of document (`catalog`, `training`, `manifest`, ...)."""
    document: dict[str, Any] = json.loads((SCHEMA_FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))
    return document


def schema_uri(kind: str) -> str:
    """Return the `file:` URI of the installed JSON Schema of a kind of document.

    Editors resolve it offline, wherever the document is on this machine. On another machine they find no schema, and
    give no completion.
    """
    return (SCHEMA_FOLDER / f"{kind}.schema.json").absolute().as_uri()


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser, where PyYAML was built with it


class _StrictLoader(_Loader):  # type: ignore[misc]
    """SafeLoader that refuses repeated keys, keeps keys and dates as text, and reads 1e-4 as a number.

    YAML 1.1 makes a number of the key `50`, a boolean of `no` and nothing of `null`, which means N.A. here.
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


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key_node.start_mark)
        key = "N.A." if loader.construct_object(key_node) is None else str(key_node.value)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} appears twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_document(path: Path) -> Any:
    """Return the parsed content of a .yaml, .yml or .json file; no custom tags, no repeated keys, UTF-8 only.

    Raises a `ToileError` where the file cannot be read or parsed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ToileError(str(path), f"is not UTF-8 text (byte {error.start})", "save the file as UTF-8") from error
    except OSError as error:
        raise ToileError(
            str(path), f"cannot be read: {error.strerror}", "check the path and its permissions"
        ) from error
    return parse_document(text, str(path), is_json=path.suffix == ".json")


def parse_document(text: str, where: str, *, is_json: bool) -> Any:
    """Return the content of a JSON or YAML text; `where` is its name in error messages."""
    try:
        if is_json:
            return json.loads(text, object_pairs_hook=_unique_pairs)
        _check_extent(text, where)
        return yaml.load(text, Loader=_StrictLoader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ToileError(place, f"is not valid YAML: {getattr(error, 'problem', error)}", "fix that line") from error
    except RecursionError as error:
        raise ToileError(where, "is nested too deeply", "flatten the document") from error
    except ValueError as error:
        raise ToileError(where, f"is not valid JSON: {error}", "fix that line") from error


def _check_extent(text: str, where: str) -> None:
    """Refuse a YAML text that nests too deeply or whose aliases multiply; reads events only and builds nothing."""
    sizes = [0]  # values so far, of every open collection
    open_anchors: list[str | None] = [None]
    anchored: dict[str | None, int] = {}
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(0)
            open_anchors.append(event.anchor)
            if len(sizes) > MAX_LEVELS:
                raise ToileError(where, "is nested too deeply", f"flatten the document to {MAX_LEVELS} levels")
            continue
        size, anchor = 1, getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if anchor in open_anchors:
                raise ToileError(where, f"the alias *{anchor} is used inside its own value", "write the values out")
            size, anchor = anchored.get(anchor, 1), None
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = 1 + sizes.pop(), open_anchors.pop()
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            anchored[anchor] = size
        sizes[-1] += size
        if sizes[-1] > MAX_NODES:
            raise ToileError(where, f"has more than {MAX_NODES:,} values, aliases counted", "make it smaller")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} appears twice")
        found[key] = value
    return found
