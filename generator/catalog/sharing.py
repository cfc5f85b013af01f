"""Several runs, processes and machines on one catalog's folder: who may write there, and who sees the same files.

Folders of a disk are locked (schemas/util/locks.py). Object stores have no locks: there the claim in the manifest keeps
other inputs out, and the same inputs make the same files.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generator.catalog.run_folder import made_by, stored_manifest
from generator.catalog.storage import Folder, LocalFolder
from schemas.errors import ToileError
from schemas.util.files import sha256_of
from schemas.util.locks import SharedRun, run_lock, shared_run


def alone_in(out: Folder) -> contextlib.AbstractContextManager[None]:
    """Keep other runs out of the folder; a ToileError where one is writing."""
    return run_lock(out.path) if isinstance(out, LocalFolder) else contextlib.nullcontext()


def shared_in(out: Folder) -> contextlib.AbstractContextManager[SharedRun]:
    """Be one of several runs in the folder; a ToileError where one is writing that wants it for itself."""
    if isinstance(out, LocalFolder):
        return shared_run(out.path)
    return contextlib.nullcontext(SharedRun(folder=None, own=contextlib.ExitStack()))


def seen_from_anywhere(out: Folder) -> Folder:
    """The folder as other machines are told of it; a ToileError where only this process sees it."""
    if not out.shared:
        raise ToileError(out.where(), "is seen by one process alone", "write to a shared folder or an s3:// URL")
    return LocalFolder(path=Path.cwd() / out.path) if isinstance(out, LocalFolder) else out


def check_begun(out: Folder, inputs: Mapping[str, Any], num_shards: int) -> None:
    """Raise a ToileError unless the folder is claimed, here too, for these inputs, by packages of the versions here."""
    begun = stored_manifest(out)
    if begun is None or begun.finished or sha256_of(begun.inputs) != sha256_of(inputs):
        problem = "is not the folder that the run has begun" if begun else "is not there on this machine"
        raise ToileError(out.where(), problem, "write to a folder that every machine sees, or to an s3:// URL")
    check_versions(out, inputs, num_shards)


def check_versions(out: Folder, inputs: Mapping[str, Any], num_shards: int) -> None:
    """Raise a ToileError where other versions have begun these very inputs: the shards would not fit together."""
    begun, here = stored_manifest(out), made_by(dict(inputs))
    if begun is None or begun.finished or sha256_of(begun.inputs) != sha256_of(inputs):
        return
    if begun.num_shards != num_shards:
        problem = f"was begun by another toile, in {begun.num_shards} shards instead of {num_shards}"
        raise ToileError(out.where(), problem, "install the same toile on every machine, or begin anew with --force")
    if begun.versions == here:
        return
    differing = [
        f"{name} {there} there, {here.get(name, 'none')} here"
        for name, there in begun.versions.items()
        if here.get(name) != there
    ]
    hint = "install the same versions on every machine, or begin anew without --shards, with --force"
    raise ToileError(out.where(), f"was begun with other versions: {', '.join(differing)}", hint)
