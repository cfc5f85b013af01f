"""Fixtures of all tests: hypothesis profiles, a small spec, a small catalog on disk, short models and statistics."""

import atexit
import copy
import gc
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from generator.catalog.shards import GenerateInputs, write_shards
from schemas.documents import read_document
from tests.helpers.dataset_hub import ImageServer, served

# `datasets` finds its cache by paths, and the folders of tests have the paths of earlier runs; it reads this at import.
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="toile-datasets-")
atexit.register(shutil.rmtree, os.environ["HF_DATASETS_CACHE"], ignore_errors=True)

settings.register_profile(
    "same", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", parent=settings.get_profile("same"), max_examples=1000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

PRESETS = Path(__file__).parents[1] / "schemas" / "presets"
LONGEST = (
    "project/test_readme",
    "toile/test_pipeline",
    "evaluation/test_run",
    "finetune/test_training_speed",
    "generator/audit/test_audit_privacy",
    "generator/scaffold/test_spec_commands",
    "generator/catalog/test_shards",
    "evaluation/analysis/test_matrix",
    "finetune/test_train",
    "finetune/phi3v/test_hub",
    "finetune/test_distributed",
    "finetune/test_training_stops",
    "generator/catalog/test_storage",
    "evaluation/analysis/test_counterfactual",
    "project/test_examples",
    "generator/fit/test_fit_spec",
)
"""The slowest test files run first, so that no process is left with one at the end."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Move the slowest files to the front; the others keep their order."""
    result = yield
    rank = {name: number for number, name in enumerate(LONGEST)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: rank.get(item.path.relative_to(tests).with_suffix("").as_posix(), len(rank)))
    return result


def pytest_collection_finish() -> None:
    """Exempt all modules loaded so far from garbage collection, which some libraries call often."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def demo_document() -> dict[str, Any]:
    """The demo preset as a plain document; copy it before changing it."""
    document: dict[str, Any] = read_document(PRESETS / "demo.yaml")
    return document


@pytest.fixture
def spec_document(demo_document: dict[str, Any]) -> dict[str, Any]:
    """A private copy of the demo preset's document."""
    return copy.deepcopy(demo_document)


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory, demo_document: dict[str, Any]) -> Path:
    """A finished catalog of 120 products with images of 64 pixels; do not change it."""
    out = tmp_path_factory.mktemp("shards") / "catalog"
    inputs = GenerateInputs(spec_document=demo_document, seed=3, start=0, num_products=120, image_size=64)
    write_shards(inputs, out)
    return out


@pytest.fixture(scope="module")
def few_resamples() -> Iterator[None]:
    """Bootstrap intervals of 200 resamples and tests of 199 flips, for tests of folders, pages and commands."""
    from evaluation.stats import intervals

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 200)
        patch.setattr(intervals, "FLIPS", 199)
        yield


@pytest.fixture(scope="module")
def short_answers(few_resamples: None) -> Iterator[None]:
    """Few resamples, and answers of at most eight tokens: an untrained model never ends its answer by itself."""
    from evaluation.models.phi3v import Phi3VisionBackend

    original = Phi3VisionBackend.__init__

    def short(self: Phi3VisionBackend, model: Any, processor: Any, *, max_new_tokens: int) -> None:
        original(self, model, processor, max_new_tokens=min(8, max_new_tokens))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Phi3VisionBackend, "__init__", short)
        yield


@pytest.fixture
def image_server() -> Iterator[ImageServer]:
    """An image server on loopback that misbehaves on request."""
    server = ImageServer()
    with served(server):
        yield server
