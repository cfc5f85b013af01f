"""One run at a time in an output folder: locks of the operating system, over `filelock`, which end with their process.

`.toile.lock` lies in the folder while a run writes there, and says whose it is. What counts is the kernel's lock on it,
which is free again when its process is gone, also after kill -9; a file left behind keeps nobody out. The tasks of a
job array share a folder: each holds a lock of its own (`.toile-*.lock`) and takes the common one for moments.
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
"""The longest that a task of a job array can need to begin or to finish a folder."""
_NAMELESS_SECONDS = 2.0
"""A lock that says nothing was taken just now, and will say it presently."""
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRun:
    """One of several runs that write to a folder at the same time."""

    folder: Path | None
    """None where there is nothing to lock."""
    own: contextlib.ExitStack
    """Holds this run's own lock."""

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """For a moment no other run begins, finishes or leaves; waits until the others are through."""
        return contextlib.nullcontext() if self.folder is None else _held(self.folder, self.folder / LOCK, moment=True)

    def is_last(self) -> bool:
        """Stop counting as a run here, and say whether no other is left; asked when `alone`."""
        self.own.close()
        return self.folder is None or not _sharers(self.folder)


def is_lock(name: str) -> bool:
    """Whether a file of this name is a lock, held or left behind, and no content of its folder."""
    return name == LOCK or (name.startswith(".toile-") and name.endswith(".lock"))


@contextlib.contextmanager
def only_run(folder: Path, *, wanted: bool = True, beside: bool = False) -> Iterator[None]:
    """Keep other runs out of `folder`, which is made; raises a ToileError, in one line, where one is writing already.

    `wanted` False holds nothing: of several processes of a run the first alone does. `beside` locks the folder's name
    and not its inside, for a folder that appears when it is whole. Where no file can be made nothing is locked, because
    nothing can be written either; the command says so itself.
    """
    if not wanted:
        yield
        return
    path = folder.with_name(f".{folder.name}{LOCK}") if beside else folder / LOCK
    with _held(folder, path, moment=False):
        others = [] if beside else _sharers(folder)
        if others:
            who = f"{len(others)} tasks of a job array are" if len(others) > 1 else "a task of a job array is"
            raise ToileError(str(folder), f"{who} writing here", "wait for them or choose another folder")
        yield


@contextlib.contextmanager
def shared_run(folder: Path) -> Iterator[SharedRun]:
    """Be one of several runs in `folder`; raises a ToileError where a run is writing that wants it for itself."""
    with contextlib.ExitStack() as own:
        with _held(folder, folder / LOCK, moment=True):
            path = folder / f".toile-{platform.node()}-{secrets.token_hex(6)}.lock"
            own.enter_context(_held(folder, path, moment=False))
        yield SharedRun(folder=folder, own=own)


@contextlib.contextmanager
def _held(folder: Path, path: Path, *, moment: bool) -> Iterator[None]:
    """The lock at `path`, which is removed at the end, and its folder with it where it is new and was left empty."""
    is_new = not path.parent.exists()
    lock = _acquired(folder, path)
    if lock is None:
        yield
        return
    try:
        if not isinstance(lock, filelock.SoftFileLock):  # that one keeps its own words in the file
            who = {"pid": os.getpid(), "host": platform.node(), "since": _now(), "moment": moment}
            with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
                path.write_text(json.dumps(who), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps a file that is open
            path.unlink(missing_ok=True)
        lock.release()
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                path.parent.rmdir()


def _acquired(folder: Path, path: Path) -> filelock.BaseFileLock | None:
    """The lock, once those are through that hold it for a moment; None where no file can be made."""
    began = time.monotonic()
    while True:
        who = _holder(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _locked(path)
        except filelock.Timeout:
            who = _holder(path) or who
        except FileNotFoundError:
            who = {}  # the folder was new and is gone again: whoever made it left it empty
        except (OSError, NotImplementedError) as error:
            if path.exists():
                raise _unlockable(path, error) from error
            return None
        patience = _NAMELESS_SECONDS if not who else _MOMENT_SECONDS if who.get("moment") else 0.0
        if time.monotonic() - began > patience:
            raise _taken(folder, who)
        time.sleep(_PAUSE_SECONDS)


def _locked(path: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the file system knows no locks, filelock says it takes a file for one
        lock.acquire(timeout=0)
    return lock


def _sharers(folder: Path) -> list[Path]:
    """The locks of a job array's tasks that are at work; those of killed ones go."""
    held = []
    for path in sorted(folder.glob(".toile-*.lock")):
        try:
            lock = _locked(path)
        except (OSError, NotImplementedError):  # Timeout is one
            held.append(path)
        else:
            path.unlink(missing_ok=True)
            lock.release()
    return held


def _holder(path: Path) -> dict[str, Any]:
    """What the holder of a lock says of itself; nothing where that cannot be read (yet)."""
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return who if isinstance(who, dict) else {}


def _taken(folder: Path, who: dict[str, Any]) -> ToileError:
    known = {"pid", "host", "since"} <= set(who)
    place = "" if not known or who["host"] == platform.node() else f" on {who['host']}"
    details = f" (pid {who['pid']}{place}, since {who['since']})" if known else ""
    hint = "wait for it or choose another folder"
    return ToileError(str(folder), f"another toile is writing here{details}", hint)


def _unlockable(path: Path, error: OSError | NotImplementedError) -> ToileError:
    reason = error.strerror if isinstance(error, OSError) else "it knows no locks"
    hint = "choose a folder on another disk, or remove that file if no toile is writing there and it is another user's"
    return ToileError(str(path), f"cannot be locked: {reason}", hint)


def _now() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
