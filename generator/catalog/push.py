"""A finished catalog -> a data set of a Hugging Face hub: only what its manifest lists, and only when it is whole.

Catalogs of real rows hold pictures and texts of others, sometimes people: they are refused unless that is asked for.
"""

from collections.abc import Callable
from pathlib import Path

from generator.catalog.hub_upload import Upload, Uploaded, upload
from generator.catalog.storage import LocalFolder
from generator.catalog.verify import find_damage
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, read_manifest

CARD = "README.md"


def push(
    folder: Path,
    repository: str,
    *,
    private: bool = True,
    branch: str | None = None,
    message: str | None = None,
    allow_real: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Uploaded:
    """Upload a folder's shards, manifest and data card; lists of what was rejected or fetched stay here.

    Raises ToileError for an unfinished folder, a file that is not what the manifest says, real rows without
    `allow_real`, or whatever the hub has against it.
    """
    manifest = read_manifest(folder)
    if manifest.kind != "generate" and not allow_real:
        made = {"import": "imported", "fetch": "fetched"}[manifest.kind]
        problem = f"holds real rows ({made}), whose texts, pictures and people belong to others"
        hint = "push a generated catalog; or, where you have the right to pass these rows on, add --allow-real"
        raise ToileError(str(folder), problem, hint)
    for entry, problem_there in find_damage(LocalFolder(path=folder), manifest):
        if problem_there is not None:
            raise ToileError(str(folder / entry.path), problem_there, "make the folder again with --force, then push")
    sha256 = {entry.path: entry.sha256 for entry in manifest.files}
    sha256 |= {entry.path: entry.sha256 for entry in manifest.extra}
    if not (folder / CARD).is_file():
        raise ToileError(str(folder / CARD), "is missing", "make the folder again with --force, then push")
    message = message or f"{manifest.num_products:,} products by toile {manifest.versions.get('toile', '')}".strip()
    wanted = Upload(
        repository=repository,
        files={name: folder / name for name in (MANIFEST, CARD, *sha256)},
        sha256=sha256,
        message=message,
        private=private,
        branch=branch,
    )
    return upload(wanted, say)
