"""Loading a spec by kind: the document enters once, is checked, and becomes a frozen record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, overload

from schemas.catalog import CatalogSpec, check_catalog
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.markets import completed
from schemas.training import TrainingSpec
from schemas.validation import build, nearest, read_document, validate

PRESETS = Path(__file__).parent / "presets"
_RECORDS: dict[str, type[Any]] = {"catalog": CatalogSpec, "training": TrainingSpec, "evaluation": EvaluationSpec}


@overload
def load(path: Path | str, kind: Literal["catalog"]) -> CatalogSpec: ...
@overload
def load(path: Path | str, kind: Literal["training"]) -> TrainingSpec: ...
@overload
def load(path: Path | str, kind: Literal["evaluation"]) -> EvaluationSpec: ...
def load(path: Path | str, kind: str) -> Any:
    """The spec in a YAML or JSON file, or a ToileError that names the file, the place inside it, and what to write.

    `kind` is catalog, training or evaluation; `path` may also be the name of a shipped preset.
    """
    path = preset_path(str(path), kind) or Path(path)
    return from_document(read_document(path), kind, str(path))


def load_spec(spec: CatalogSpec | Mapping[str, Any] | Path | str) -> CatalogSpec:
    """Return a catalog spec, given the path of a YAML or JSON file, the name of a preset, or a document.

    Raises ToileError for an invalid document; it names the file, the path in it, and what is expected.
    """
    if isinstance(spec, CatalogSpec):
        return spec
    if isinstance(spec, Mapping):
        found: CatalogSpec = from_document(dict(spec), "catalog")
        return found
    return load(spec, "catalog")


def from_document(document: Any, kind: str, where: str = "document") -> Any:
    """The spec in an already parsed document."""
    if not isinstance(document, dict):
        raise ToileError(where, "holds no mapping", f"write `key: value` lines; see schemas/{kind}.schema.json")
    validate(document, kind, where)
    spec = build(_RECORDS[kind], completed(document) if kind == "catalog" else document)
    if kind == "catalog":
        check_catalog(spec, where)
    return spec


def presets(kind: str) -> dict[str, Path]:
    """Name -> file of the shipped presets of a kind."""
    files = sorted(PRESETS.glob("*.yaml"))
    return {path.stem: path for path in files if path.stem.endswith("-run") == (kind == "training")}


def preset_path(name: str, kind: str) -> Path | None:
    """The file of a shipped preset (`demo`, `fashion-luxury`), or None when `name` is the path of a file.

    A name that is neither is a ToileError with the nearest preset.
    """
    if Path(name).is_file():
        return None
    shipped = presets(kind)
    if name in shipped:
        return shipped[name]
    if Path(name).suffix in {".yaml", ".yml", ".json"} or "/" in name:
        raise ToileError(name, "no such file", f"shipped presets: {', '.join(shipped)}")
    raise ToileError(name, f"is neither a file nor a shipped {kind}", nearest(name, shipped))
