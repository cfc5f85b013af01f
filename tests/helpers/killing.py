"""Kill a command at a reproducible point, so that tests can start it again.

A fork server loads the heavy libraries once and forks for every command. The child counts its changes below one folder
(files opened for writing, renamed, removed, folders made) by an audit hook. It kills itself at the given interruption:

- `write` K: SIGKILL at the K-th of these events, before it happens; an opening counts twice, and the second time the
  file exists and is empty;
- `byte` N: SIGXFSZ as soon as any file would grow beyond N bytes, so that a file is truncated;
- `second` T: SIGKILL to the process and its children, T seconds after its start.

Two more do not kill. `limit` N: a write beyond N bytes of a file fails, as on a full disk. `backwards` S: each reading
of the clock is S seconds earlier than the one before.
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
KILL_KINDS = ("write", "byte", "second")
LIMIT = "limit"
CLOCK_BACKWARDS = "backwards"
CHANGE_EVENTS = {
    "os.rename": 2,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.mkdir": 2,
    "os.truncate": None,
    "shutil.rmtree": None,
}
"""Audit event (except `open`) that changes a folder -> index of its folder descriptor among the arguments."""
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR
_DEADLINE_S = 280.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """When a command is interrupted."""

    kind: str
    """One of KILL_KINDS, LIMIT or CLOCK_BACKWARDS."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """How a command ended."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    num_writes: int
    """Events until its end."""
    largest_file_bytes: int
    """Size of the largest file below the folder."""
    seconds: float
    output: str
    """stdout and stderr together."""
    last_event: str = ""
    """The event at which it was killed."""

    @property
    def killed(self) -> bool:
        return self.code in (-signal.SIGKILL, -signal.SIGXFSZ)


class _Watch:
    """Count changes below a folder and die at one of them."""

    def __init__(self, folder: str, kill_at: int | None, notes: int) -> None:
        self.folder, self.kill_at, self.notes = folder, kill_at, notes
        self.count = 0
        self.lock = threading.RLock()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Audit hook: ignore every event that is no change below the folder."""
        if event == "open":
            if len(args) == 3 and isinstance(args[2], int) and args[2] & _WRITE_FLAGS and self._below(args[0], None):
                self._step(f"open {args[0]}")
                self._step(f"opened {args[0]}", args)
        elif event in CHANGE_EVENTS and self._below(args[0], CHANGE_EVENTS[event] and args[CHANGE_EVENTS[event] or 0]):
            self._step(f"{event} {args[0]}")

    def _step(self, what: str, opening: tuple[Any, ...] | None = None) -> None:
        with self.lock:
            self.count += 1
            if self.count != self.kill_at:
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


def _child(request: Mapping[str, Any], output: int, notes: int) -> None:
    """Run one command as the shell would; never return."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(request["environment"])
    interruption = request["interruption"]
    sys.dont_write_bytecode = True  # a size limit would truncate those files as well, for all later processes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if interruption is not None and interruption["kind"] in ("byte", LIMIT):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if interruption["kind"] == "byte" else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(interruption["at"]), int(interruption["at"])))
    if interruption is not None and interruption["kind"] == CLOCK_BACKWARDS:
        _reverse_clock(interruption["at"])
    kill_at = int(interruption["at"]) if interruption is not None and interruption["kind"] == "write" else None
    watch = _Watch(request["folder"], kill_at, notes)
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


def _reverse_clock(seconds: float) -> None:
    """Let the time of day run backwards in this process."""
    clock = itertools.count(time.time(), -seconds)
    time.time = lambda: next(clock)
    time.time_ns = lambda: int(next(clock) * 1e9)


def _serve(modules: Sequence[str]) -> None:
    """Serve requests: one a line on stdin, one answer a line on stdout."""
    for name in modules:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as notes:
            began = time.monotonic()
            child = os.fork()
            if child == 0:
                _child(request, output.fileno(), notes.fileno())
            interruption = request["interruption"]
            limit = interruption["at"] if interruption is not None and interruption["kind"] == "second" else _DEADLINE_S
            status = _wait(child, began + limit)
            seconds = time.monotonic() - began
            output.seek(0)
            notes.seek(0)
            count, last_event = json.loads(notes.read() or b'[0, ""]')
            ended = ProcessResult(
                code=os.waitstatus_to_exitcode(status),
                num_writes=count,
                largest_file_bytes=_largest_file_bytes(Path(request["folder"])),
                seconds=seconds,
                output=output.read().decode("utf-8", "replace"),
                last_event=last_event,
            )
        print(json.dumps([request["number"], asdict(ended)]), file=answers, flush=True)


def _wait(child: int, deadline: float) -> int:
    """Return the child's status; kill it and its children at the deadline, and its remaining children at its end."""
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if not found and time.monotonic() < deadline:
            time.sleep(0.002)
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        return status if found else os.waitpid(child, 0)[1]


def _largest_file_bytes(folder: Path) -> int:
    return max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)


class ForkServer:
    """Client of the fork server."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._num_requests = 0

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        interruption: Interruption | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> ProcessResult:
        """Run `toile ARGUMENTS` with an interruption, and count changes below `folder`.

        `settings` are module constants for this command only: {"generator.catalog.shards.PRODUCTS_PER_SHARD": 20}.
        """
        self._num_requests += 1
        request = {
            "number": self._num_requests,
            "arguments": list(arguments),
            "folder": str(folder),
            "interruption": None if interruption is None else asdict(interruption),
            "environment": dict(environment or {}),
            "settings": dict(settings or {}),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        number = 0
        while number != self._num_requests:  # a test that hit its time limit has not read its answer
            line = self._process.stdout.readline()
            assert line, "the fork server has died"
            number, ended = json.loads(line)
        return ProcessResult(**ended)


@contextlib.contextmanager
def start_fork_server(*modules: str) -> Iterator[ForkServer]:
    """Start a fork server with these modules loaded; one thread a command, so that sums are reproducible."""
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
        yield ForkServer(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        process.wait(30)


if __name__ == "__main__":
    _serve(sys.argv[1:])
