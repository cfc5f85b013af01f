"""The README.md of an export: front matter for hubs and `datasets`, where it came from, how to read it."""

import json
from collections.abc import Mapping
from pathlib import Path

from generator.export.folder import ExportFolder
from schemas.manifest import Manifest
from schemas.product import SPLITS

_READING = {
    "csv": (
        '`products.csv` is UTF-8. Nothing between two commas is a missing value; an empty text is `""`. `image` is '
        "the picture's path. Titles are as the catalog has them: a spreadsheet takes one that begins with `=`, `+`, "
        "`-` or `@` for a formula (`toile convert --spreadsheet-safe` prevents that)."
    ),
    "jsonl": "One JSON object a line; `image` is the picture's path, `attributes` an object.",
    "sql": (
        "`sqlite3 -bail shop.db < schema.sqlite.sql`, then `products.sqlite.sql` in the same way; or `psql -v "
        "ON_ERROR_STOP=1 -f schema.postgresql.sql`, then `products.postgresql.sql`. The inserts load all or nothing. "
        "`image` is the picture's path."
    ),
    "webdataset": "In every archive: `KEY.json`, the row, and before it the picture under the same key.",
    "imagefolder": '`datasets.load_dataset("imagefolder", data_dir=...)` gives rows and pictures.',
}


def export_card(
    shards: Path, manifest: Manifest, form: str, num_products: int, folder: ExportFolder, counts: Mapping[str, int]
) -> str:
    """Holds no date and no path, so the same export has the same card."""
    inputs = {key: value for key, value in manifest.inputs.items() if key != "spec_document"}
    notes = "".join(f"- {what}: {number:,}\n" for what, number in counts.items())
    return f"""---
license: {_licence(shards)}
{_configs(form, folder)}---

# A catalog as {form}

{num_products:,} products and {folder.num_pictures:,} pictures, written by `toile convert` from a catalog that
`toile {manifest.kind}` made. `convert.json` holds the sha256 of every table. {_READING[form]}

{f"Not written just as it is:{chr(10)}{chr(10)}{notes}{chr(10)}" if notes else ""}The catalog was made from:

```json
{json.dumps(inputs, indent=1, ensure_ascii=False)}
```
"""


def _licence(shards: Path) -> str:
    """As the catalog's own card says."""
    card = shards / "README.md"
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("license:")), "unknown")


def _configs(form: str, folder: ExportFolder) -> str:
    """Which files `datasets.load_dataset(FOLDER)` takes for which split."""
    patterns = {"csv": "products.csv", "jsonl": "products.jsonl"}
    if form in patterns:
        named = {"train": patterns[form]}
    else:
        glob = {"webdataset": "{}-*.tar", "imagefolder": "{}/**"}.get(form, "")
        named = {split: glob.format(split) for split in SPLITS if glob and _has(split, folder)}
    files = "".join(f"  - split: {split}\n    path: {path}\n" for split, path in named.items())
    return f"configs:\n- config_name: default\n  data_files:\n{files}" if files else ""


def _has(split: str, folder: ExportFolder) -> bool:
    return any(name.startswith((f"{split}/", f"{split}-")) for name in folder.files)
