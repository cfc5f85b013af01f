"""Allow one run at a time in an output folder, with locks of the operating system (over `filelock`).

`.toile.lock` is in the folder while a run writes there and names its process. What counts is the kernel's lock on the
file: it is released when the process ends, also after kill -9, so a file left behind blocks nobody. The tasks of a job
array share a folder: each holds its own lock (`.toile-*.lock`) and takes the common one for short moments.
"""

import contextlib
import json
import os
import platform
import secrets
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from schemas.errors import ToileError

LOCK = ".toile.lock"
_MOMENT_SECONDS = 300.0
"""Longest time that a task of a job array needs to begin or to finish a folder."""
_UNNAMED_SECONDS = 2.0
"""How long to wait for a lock that was just taken and does not name its holder yet."""
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRun:
    """One of several runs that write to a folder at the same time."""

    folder: Path | None
    """None where nothing is locked."""
    own: contextlib.ExitStack
    """Holds this run's own lock."""

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold the common lock for a short time: no other run begins, finishes or leaves. Wait for those that do."""
        return contextlib.nullcontext() if self.folder is None else _hold(self.folder, self.folder / LOCK, moment=True)

    def is_last(self) -> bool:
        """Leave the folder and return whether no other run is left; call it while `exclusive`."""
        self.own.close()
        return self.folder is None or not _sharers(self.folder)


def is_lock(name: str) -> bool:
    """Return whether a file name is that of a lock, held or left behind, and so no content of its folder."""
    return name == LOCK or (name.startswith(".toile-") and name.endswith(".lock"))


@contextlib.contextmanager
def run_lock(folder: Path, *, enabled: bool = True, sibling_file: bool = False) -> Iterator[None]:
    """Keep other runs out of a folder during the block; the folder is made.

    Where no file can be made, nothing is locked: nothing can be written either, and the command reports that itself.

    Args:
        folder: the output folder.
        enabled: False locks nothing. Of several processes of one run only the first one locks.
        sibling_file: put the lock file next to the folder, for a folder that is renamed into place when it is complete.

    Raises:
        ToileError: another run is writing there.
    """
    if not enabled:
        yield
        return
    path = folder.with_name(f".{folder.name}{LOCK}") if sibling_file else folder / LOCK
    with _hold(folder, path, moment=False):
        others = [] if sibling_file else _sharers(folder)
        if others:
            who = f"{len(others)} tasks of a job array are" if len(others) > 1 else "a task of a job array is"
            raise ToileError(str(folder), f"{who} writing here", "wait for them or choose another folder")
        yield


@contextlib.contextmanager
def shared_run(folder: Path) -> Iterator[SharedRun]:
    """Write to `folder` as one of several runs; raises a `ToileError` where a run holds it exclusively."""
    with contextlib.ExitStack() as own:
        with _hold(folder, folder / LOCK, moment=True):
            path = folder / f".toile-{platform.node()}-{secrets.token_hex(6)}.lock"
            own.enter_context(_hold(folder, path, moment=False))
        yield SharedRun(folder=folder, own=own)


@contextlib.contextmanager
def _hold(folder: Path, path: Path, *, moment: bool) -> Iterator[None]:
    """Hold the lock at `path`; remove it at the end, and its folder where that is new and empty."""
    is_new = not path.parent.exists()
    lock = _acquire(folder, path)
    if lock is None:
        yield
        return
    try:
        if not isinstance(lock, filelock.SoftFileLock):  # it keeps its own content in the file
            who = {"pid": os.getpid(), "host": platform.node(), "since": _now(), "moment": moment}
            with contextlib.suppress(OSError):  # a full disk: the lock is held anyway
                path.write_text(json.dumps(who), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows does not remove an open file
            path.unlink(missing_ok=True)
        lock.release()
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                path.parent.rmdir()


def _acquire(folder: Path, path: Path) -> filelock.BaseFileLock | None:
    """Take the lock, after a wait for those that hold it for a moment; None where no file can be made."""
    began = time.monotonic()
    while True:
        who, missing = _holder(path), None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _lock(path)
        except filelock.Timeout:
            who = _holder(path) or who
        except FileNotFoundError as error:
            who, missing = {}, error  # its maker left the folder empty and removed it, or it cannot be made (/proc)
        except (OSError, NotImplementedError) as error:
            if path.exists():
                raise _unlockable_error(path, error) from error
            return None
        patience = _UNNAMED_SECONDS if not who else _MOMENT_SECONDS if who.get("moment") else 0.0
        if time.monotonic() - began > patience:
            if missing is not None:
                problem = f"cannot be written: {missing.strerror}"
                raise ToileError(str(folder), problem, "choose a folder that can be written to") from missing
            raise _taken_error(folder, who)
        time.sleep(_PAUSE_SECONDS)


def _lock(path: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # filelock warns where the file system has no locks
        lock.acquire(timeout=0)
    return lock


def _sharers(folder: Path) -> list[Path]:
    """Return the locks of running job array tasks; remove those of killed ones."""
    held = []
    for path in sorted(folder.glob(".toile-*.lock")):
        try:
            lock = _lock(path)
        except (OSError, NotImplementedError):  # Timeout is one
            held.append(path)
        else:
            path.unlink(missing_ok=True)
            lock.release()
    return held


def _holder(path: Path) -> dict[str, Any]:
    """Return what the holder of a lock wrote about itself; empty where that cannot be read (yet)."""
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return who if isinstance(who, dict) else {}


def _taken_error(folder: Path, who: dict[str, Any]) -> ToileError:
    known = {"pid", "host", "since"} <= set(who)
    place = "" if not known or who["host"] == platform.node() else f" on {who['host']}"
    details = f" (pid {who['pid']}{place}, since {who['since']})" if known else ""
    hint = "wait for it or choose another folder"
    return ToileError(str(folder), f"another toile is writing here{details}", hint)


def _unlockable_error(path: Path, error: OSError | NotImplementedError) -> ToileError:
    reason = error.strerror if isinstance(error, OSError) else "it knows no locks"
    hint = "choose a folder on another disk, or remove that file if no toile is writing there and it is another user's"
    return ToileError(str(path), f"cannot be locked: {reason}", hint)


def _now() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
