"""The README.md of a shard folder: YAML front matter for hubs and `datasets`, then words for people."""

import json

from schemas.manifest import Manifest
from schemas.product import SPLITS, features_with

_LICENCE = {"generate": "cc0-1.0", "import": "unknown", "fetch": "unknown"}


def data_card(manifest: Manifest) -> str:
    """Names the files of each split (so that loading gives the splits), features, licence and provenance."""
    counts = {split: sum(f.num_rows for f in manifest.files if f.split == split) for split in SPLITS}
    present = [split for split in SPLITS if counts[split]]
    files = "\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in present)
    columns = features_with(manifest.inputs.get("spec_document", {}).get("extra", {}))
    features = "\n".join(f"  - name: {name}\n    dtype: {_dtype(kind)}" for name, kind in columns.items())
    front = (
        f"license: {_LICENCE[manifest.kind]}\nconfigs:\n- config_name: default\n  data_files:\n{files}\n"
        f"dataset_info:\n  features:\n{features}\n"
    )
    rows = "\n".join(f"| {split} | {counts[split]:,} |" for split in present)
    inputs = {key: value for key, value in manifest.inputs.items() if key != "spec_document"}
    return f"""---
{front}---

# {_title(manifest)}

{_words(manifest)}{_faults(manifest)}

| split | products |
| --- | ---: |
{rows}

Splits never separate a family (the colourways of one design). `manifest.json` holds the sha256 of every file.

Made from:

```json
{json.dumps(inputs, indent=1, ensure_ascii=False)}
```
"""


def _dtype(feature: dict[str, str]) -> str:
    return "image" if feature["_type"] == "Image" else feature["dtype"]


def _title(manifest: Manifest) -> str:
    if manifest.kind == "generate":
        return f"A trial catalog: {manifest.inputs['spec_document']['name']}"
    made = {"import": "An imported", "fetch": "A fetched"}[manifest.kind]
    return f"{made} catalog: {manifest.inputs['source']}"


def _faults(manifest: Manifest) -> str:
    """Whoever loads the folder must know that not every row is right."""
    faults = [entry for entry in manifest.extra if "masks" not in entry.path]
    told = [f"`{entry.path}` lists the {entry.num_rows:,} rows that are faulty on purpose." for entry in faults]
    if len(faults) < len(manifest.extra):
        told.append("`extra/masks-*.parquet` say where each product and each of its parts is in its picture.")
    return "".join(f"\n\n{sentence}" for sentence in told)


def _words(manifest: Manifest) -> str:
    if manifest.kind == "generate":
        words = (
            "Every row and picture was drawn by a program from a catalog spec. No real product, shop or person is in "
            "it; all URLs end in `.example` and lead nowhere. Free for any use (CC0)."
        )
        fitted = manifest.inputs["spec_document"].get("provenance")
        return words if fitted is None else f"{words}\n\nThe spec was fitted to real rows. {fitted['statement']}"
    if manifest.kind == "fetch":
        return (
            f"Rows of {manifest.inputs['dataset']} and the pictures that their URLs led to. Pictures belong to those "
            "who made them, and the licence of the rows is not known to toile: for private study, not for passing on. "
            f"{manifest.rejected} rows have no picture or could not be used; `extra/rejected.jsonl` says why, "
            "`extra/fetched.jsonl` lists what was fetched."
        )
    return (
        "Rows and pictures of a table that was given to toile. Their licence is that of the source and not known to "
        f"toile: look there before sharing. {manifest.rejected} rows were rejected; `extra/rejected.jsonl` says why."
    )
