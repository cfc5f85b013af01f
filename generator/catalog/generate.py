"""Generate a catalog from a spec: the function behind `toile generate`.

from generator.catalog.generate import generate
manifest, written = generate("fashion-luxury", "data/luxury", num_products=500)
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generator.catalog.shards import GenerateInputs, write_shards
from generator.catalog.workers import num_cores
from generator.faults.scenarios import merge_scenarios
from generator.render import STUDIO
from generator.sampling.extra_columns import check_extra_columns
from generator.sampling.products import compile_catalog
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.manifest import Manifest
from schemas.util.files import as_document
from schemas.validation import from_document, preset_path


def generate(
    spec: CatalogSpec | Mapping[str, Any] | Path | str,
    out: Path | str,
    *,
    num_products: int = 1000,
    seed: int = 0,
    start: int = 0,
    image_size: int | None = 336,
    photo: str = STUDIO,
    masks: bool = False,
    scenarios: Sequence[str] = (),
    num_workers: int | None = None,
    cluster: str | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Manifest, bool]:
    """Generate products start, start + 1, ... of a spec into Parquet files in a folder, or at a URL such as s3://b/x.

    Args:
        spec: the path of a YAML file, the name of a preset, a document or a loaded spec.
        out: a new folder; an unfinished catalog of the same inputs is continued.
        num_products: the size of the catalog.
        seed: products are a pure function of (spec, seed, number).
        start: number of the first product.
        image_size: edge of the square images in pixels; None for rows without images.
        photo: "studio" or "snapshot".
        masks: write the mask, the parts and the box of every product to extra/.
        scenarios: kinds of faulty rows, as in "wrong-category" or "missing=0.01".
        num_workers: processes; None for all cores. Never changes a byte.
        cluster: address of a Ray cluster that renders instead.
        force: replace another catalog in `out`.
        progress: called with the number of products of each finished shard.

    Returns:
        The manifest, and False if the folder already held this catalog, finished.

    Raises:
        ToileError: for an invalid spec, or an `out` that holds anything else.
    """
    inputs = make_inputs(
        spec,
        num_products=num_products,
        seed=seed,
        start=start,
        image_size=image_size,
        photo=photo,
        masks=masks,
        scenarios=scenarios,
    )
    workers = num_workers or num_cores()
    return write_shards(inputs, out, num_workers=workers, cluster=cluster, force=force, progress=progress)


def make_inputs(
    spec: CatalogSpec | Mapping[str, Any] | Path | str,
    *,
    image_size: int | None,
    scenarios: Sequence[str] = (),
    **numbers: Any,
) -> GenerateInputs:
    """Return the inputs of a catalog with its validated document; arguments as of `generate`."""
    document = merge_scenarios(_read_and_check(spec), scenarios, images=image_size is not None)
    return GenerateInputs(spec_document=document, image_size=image_size, **numbers)


def _read_and_check(spec: CatalogSpec | Mapping[str, Any] | Path | str) -> dict[str, Any]:
    """Return the document of a spec; problems that only show in its compiled tables are raised too."""
    document: dict[str, Any]
    if isinstance(spec, CatalogSpec):
        document, where = as_document(spec), spec.name
    elif isinstance(spec, Mapping):
        document, where = dict(spec), "document"
    else:
        path = preset_path(str(spec), "catalog") or Path(spec)
        document, where = read_document(path), str(path)
    checked = from_document(document, "catalog", where)
    compile_catalog(checked, where)
    check_extra_columns(checked, where)
    return document
