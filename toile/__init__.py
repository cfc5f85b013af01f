"""toile generates synthetic product catalogs, fine-tunes Phi-3-Vision and evaluates it: the public functions.

    import toile
    manifest, written = toile.generate("fashion-luxury", "data/luxury", num_products=500)
    image = toile.draw(toile.product(toile.load_spec("demo"), seed=0, i=7), size=336)

Each name is loaded when it is first used, so `import toile` is fast and loads no heavy library. Other names of the
packages `schemas`, `generator`, `finetune` and `evaluation` may change in any version.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.analysis.comparison import compare
    from evaluation.metrics.scores import score
    from evaluation.run import evaluate, score_file
    from finetune.adapters import load_model
    from finetune.train import train
    from generator.audit.run import audit
    from generator.catalog.generate import generate
    from generator.fit.fit_spec import FitOptions, fit, write_spec
    from generator.ingest import ImportOptions
    from generator.ingest.fetch import FetchOptions
    from generator.ingest.fetch import fetch_dataset as fetch
    from generator.ingest.import_table import import_table
    from generator.render import draw
    from generator.sampling.products import product
    from schemas.catalog import CatalogSpec
    from schemas.errors import ToileError
    from schemas.evaluation import EvaluationSpec, Prediction
    from schemas.product import Product
    from schemas.training import TrainingSpec
    from schemas.validation import load_spec

    __version__: str

__all__ = [
    "CatalogSpec",
    "EvaluationSpec",
    "FetchOptions",
    "FitOptions",
    "ImportOptions",
    "Prediction",
    "Product",
    "ToileError",
    "TrainingSpec",
    "__version__",
    "audit",
    "compare",
    "draw",
    "evaluate",
    "fetch",
    "fit",
    "generate",
    "import_table",
    "load_model",
    "load_spec",
    "product",
    "score",
    "score_file",
    "train",
    "write_spec",
]

_SOURCES = {
    "CatalogSpec": "schemas.catalog:CatalogSpec",
    "EvaluationSpec": "schemas.evaluation:EvaluationSpec",
    "FetchOptions": "generator.ingest.fetch:FetchOptions",
    "FitOptions": "generator.fit.fit_spec:FitOptions",
    "ImportOptions": "generator.ingest:ImportOptions",
    "Prediction": "schemas.evaluation:Prediction",
    "Product": "schemas.product:Product",
    "ToileError": "schemas.errors:ToileError",
    "TrainingSpec": "schemas.training:TrainingSpec",
    "audit": "generator.audit.run:audit",
    "compare": "evaluation.analysis.comparison:compare",
    "draw": "generator.render:draw",
    "evaluate": "evaluation.run:evaluate",
    "fetch": "generator.ingest.fetch:fetch_dataset",
    "fit": "generator.fit.fit_spec:fit",
    "generate": "generator.catalog.generate:generate",
    "import_table": "generator.ingest.import_table:import_table",
    "load_model": "finetune.adapters:load_model",
    "load_spec": "schemas.validation:load_spec",
    "product": "generator.sampling.products:product",
    "score": "evaluation.metrics.scores:score",
    "score_file": "evaluation.run:score_file",
    "train": "finetune.train:train",
    "write_spec": "generator.fit.fit_spec:write_spec",
}
"""Public name -> module and name in it."""
_PACKAGES = ("schemas", "generator", "finetune", "evaluation")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("toile")
    if name not in _SOURCES:
        raise AttributeError(f"module 'toile' has no attribute {name!r}")
    module, _, attribute = _SOURCES[name].partition(":")
    found = globals()[name] = getattr(importlib.import_module(module), attribute)
    return found


def __dir__() -> list[str]:
    return __all__


def _refuse_shadowed_packages() -> None:
    """Raise an ImportError where Python finds another folder or module under the name of one of our packages."""
    root = Path(__file__).resolve().parents[1]
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ImportError(f"toile: its package `{name}` is not installed\n  hint: install toile again")
        folders = [Path(folder).resolve() for folder in spec.submodule_search_locations or ()]
        if root / name not in folders:
            found = folders[0] if folders else spec.origin
            raise ImportError(
                f"toile: Python finds {found} where toile needs its own package `{name}`\n"
                f"  hint: rename {found}, or run Python from another folder"
            )


_refuse_shadowed_packages()
