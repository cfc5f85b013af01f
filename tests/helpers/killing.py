"""Kills a command in the middle, at moments that can be repeated, so that tests can start it again.

A keeper process loads the heavy libraries once and forks for every command. The child counts what it does below one
folder (files opened for writing, renamed, removed, folders made) by an audit hook, and ends itself by SIGKILL at the
moment asked for:

- `write` K: at the K-th of these events, before it happens; an opening counts twice, and the second time the file is
  there, and empty;
- `byte` N: as soon as any file would grow beyond N bytes, so that a file is cut in the middle (SIGXFSZ, untreated);
- `second` T: SIGKILL to the process and all that it started, T seconds after it began.

Two more do not kill. `limit` N: a write beyond N bytes of a file fails, as on a disk that takes no more. `backwards` S:
each look at the clock finds it S seconds earlier than the last.
"""

import contextlib
import importlib
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MOMENTS = ("write", "byte", "second")
LIMIT = "limit"
BACKWARDS = "backwards"
CHANGING = {"os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.truncate": None, "shutil.rmtree": None}
"""Audit events beside `open` that change a folder -> where their first argument's folder descriptor stands."""
_WRITING = os.O_WRONLY | os.O_RDWR
_DEADLINE_S = 280.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a command is killed."""

    kind: str
    """One of MOMENTS, LIMIT or BACKWARDS."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    num_writes: int
    """Events until then, or until it was killed."""
    largest: int
    """Bytes of the largest file that it left below the folder."""
    seconds: float
    said: str
    """On both streams."""
    last: str = ""
    """The event at which it was killed."""

    @property
    def killed(self) -> bool:
        return self.code in (-signal.SIGKILL, -signal.SIGXFSZ)


class _Watch:
    """Counts changes below a folder and dies at one of them."""

    def __init__(self, folder: str, die_at: int | None, notes: int) -> None:
        self.folder, self.die_at, self.notes = folder, die_at, notes
        self.count = 0
        self.lock = threading.RLock()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook: everything that is no change below the folder is left alone."""
        if event == "open":
            if len(args) == 3 and isinstance(args[2], int) and args[2] & _WRITING and self._below(args[0], None):
                self._step(f"open {args[0]}")
                self._step(f"opened {args[0]}", args)
        elif event in CHANGING and self._below(args[0], CHANGING[event] and args[CHANGING[event] or 0]):
            self._step(f"{event} {args[0]}")

    def _step(self, what: str, opening: tuple[Any, ...] | None = None) -> None:
        with self.lock:
            self.count += 1
            if self.count != self.die_at:
                return
            self.folder = "\0"  # what follows is ours
            if opening is not None:
                os.close(os.open(opening[0], opening[2] & ~os.O_EXCL, 0o666))
            self.report(what)
            os.killpg(0, signal.SIGKILL)

    def report(self, what: str) -> None:
        os.pwrite(self.notes, json.dumps([self.count, what]).encode(), 0)

    def _below(self, path: Any, folder: Any) -> bool:
        if isinstance(path, int):
            return False
        name = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0 and not name.startswith("/"):
            with contextlib.suppress(OSError):
                name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
        return os.path.abspath(name).startswith(self.folder)


def _child(request: Mapping[str, Any], said: int, notes: int) -> None:
    """Never returns: runs one command the way the shell would."""
    os.setsid()
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(request["environment"])
    moment = request["moment"]
    sys.dont_write_bytecode = True  # a limit for files would cut those as well, for all processes to come
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if moment is not None and moment["kind"] in ("byte", LIMIT):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if moment["kind"] == "byte" else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(moment["at"]), int(moment["at"])))
    if moment is not None and moment["kind"] == BACKWARDS:
        _turn_back(moment["at"])
    die_at = int(moment["at"]) if moment is not None and moment["kind"] == "write" else None
    watch = _Watch(request["folder"], die_at, notes)
    for place, value in request["settings"].items():
        module, _, name = place.rpartition(".")
        setattr(importlib.import_module(module), name, value)
    sys.addaudithook(watch.hook)
    from toile.cli import main

    code = 1
    try:
        main(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        watch.folder = "\0"
        watch.report("")
        os._exit(code)


def _turn_back(seconds: float) -> None:
    """The time of day runs backwards from now on, in this process."""
    clock = itertools.count(time.time(), -seconds)
    time.time = lambda: next(clock)
    time.time_ns = lambda: int(next(clock) * 1e9)


def _serve(modules: Sequence[str]) -> None:
    """The keeper: a request a line on stdin, an answer a line on stdout."""
    for name in modules:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as notes:
            began = time.monotonic()
            child = os.fork()
            if child == 0:
                _child(request, said.fileno(), notes.fileno())
            moment = request["moment"]
            limit = moment["at"] if moment is not None and moment["kind"] == "second" else _DEADLINE_S
            status = _waited(child, began + limit)
            seconds = time.monotonic() - began
            said.seek(0)
            notes.seek(0)
            count, last = json.loads(notes.read() or b'[0, ""]')
            ended = Ended(
                code=os.waitstatus_to_exitcode(status),
                num_writes=count,
                largest=_largest(Path(request["folder"])),
                seconds=seconds,
                said=said.read().decode("utf-8", "replace"),
                last=last,
            )
        print(json.dumps([request["number"], asdict(ended)]), file=answers, flush=True)


def _waited(child: int, deadline: float) -> int:
    """The child's status; it and its children are killed at the deadline, and what it leaves behind when it ends."""
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if not found and time.monotonic() < deadline:
            time.sleep(0.002)
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        return status if found else os.waitpid(child, 0)[1]


def _largest(folder: Path) -> int:
    return max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)


class Keeper:
    """Talks to the keeper process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._num_requests = 0

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        moment: Moment | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Ended:
        """`toile ARGUMENTS`, killed at the moment; what changes below `folder` is counted.

        `settings` are module constants for this command alone: {"generator.catalog.shards.PRODUCTS_PER_SHARD": 20}.
        """
        self._num_requests += 1
        request = {
            "number": self._num_requests,
            "arguments": list(arguments),
            "folder": str(folder),
            "moment": None if moment is None else asdict(moment),
            "environment": dict(environment or {}),
            "settings": dict(settings or {}),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        number = 0
        while number != self._num_requests:  # a test that was ended by its time limit has not read its answer
            line = self._process.stdout.readline()
            assert line, "the keeper has died"
            number, ended = json.loads(line)
        return Ended(**ended)


@contextlib.contextmanager
def keeper(*modules: str) -> Iterator[Keeper]:
    """A keeper process with these modules loaded; one thread a command, so that sums come out alike."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.killing", "toile", *modules],
        cwd=ROOT,
        env={**kept, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Keeper(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        process.wait(30)


if __name__ == "__main__":
    _serve(sys.argv[1:])
