"""Run one task for many arguments: in several processes, or on a Ray cluster; results in the order of completion.

    for shard in run_in_processes(write_shard, [(inputs, shard, out) for shard in range(8)], num_workers=4):
        print(shard)

A task is pure and writes complete files, so a task that runs twice leaves the same files as one that runs once. A
process or a node that is killed costs the tasks that were running, and these are started again. Inside a task,
`report(3)` says that three more items are done; the caller's `progress` is told within a second.

Ray reads from the environment how to reach the cluster and with what token (RAY_AUTH_MODE, RAY_AUTH_TOKEN_PATH); see
docs/scaling.md. Ray is imported only when a cluster is asked for.
"""

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import platform
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from schemas.errors import ToileError

T = TypeVar("T")

ATTEMPTS = 3
"""How often a task is started whose process ends without a result; the last time it runs alone."""
RAY_RETRIES = 3
"""How often Ray restarts a task whose worker or node is lost."""
_PROGRESS_SECONDS = 0.5
"""How often the caller is told about progress inside of tasks."""
_TASKS_PER_CORE = 2
"""Tasks submitted for each core of the cluster: one runs and one waits."""

_Answer = tuple[Any, tuple[str, str, str] | None]


class _Reported:
    """Where `report` counts in this process: a function, or a number shared with the caller's process."""

    def __init__(self) -> None:
        self.add: Callable[[int], None] = lambda number: None


_reported = _Reported()


def report(number: int) -> None:
    """Say inside a task that `number` more items are done."""
    _reported.add(number)


@contextlib.contextmanager
def block_interrupts() -> Iterator[None]:
    """Keep Ctrl-C away from processes that are started in the block: they end with this one, without a traceback.

    An interrupt that comes in the block is raised at its end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_in_processes(
    task: Callable[..., T],
    arguments: Sequence[tuple[Any, ...]],
    num_workers: int,
    progress: Callable[[int], None] = lambda number: None,
) -> Iterator[T]:
    """Yield task(*arguments[k]) for every k; in this process when one worker or one task is enough.

    Processes are spawned, not forked: Arrow's threads do not survive a fork. The first error stops the rest. When a
    process ends without a result, all processes are replaced. `progress` is told what tasks `report`; items of a task
    that runs twice count twice. Raises ToileError for a task whose process ends `ATTEMPTS` times, the last time
    without other tasks.
    """
    num_workers = min(num_workers, len(arguments))
    if num_workers <= 1:
        for each in arguments:
            before, _reported.add = _reported.add, progress
            try:
                result = task(*each)
            finally:
                _reported.add = before
            yield result
        return
    from concurrent.futures.process import BrokenProcessPool

    remaining = dict(enumerate(arguments))
    failures: Counter[int] = Counter()
    while remaining:
        suspects = [number for number in remaining if failures[number] == ATTEMPTS - 1]
        started = {number: remaining[number] for number in suspects[:1]} or remaining
        running: set[int] = set()
        try:
            for number, result in _in_pool(task, started, min(num_workers, len(started)), running, progress):
                del remaining[number]
                yield result
        except BrokenProcessPool as error:
            failures.update(running)
            if any(failures[number] >= ATTEMPTS for number in running):
                problem = f"a worker process ended without an answer (killed, or out of memory), {ATTEMPTS} times"
                raise ToileError("workers", problem, "run the same command again, with fewer --workers") from error


def _in_pool(
    task: Callable[..., T],
    arguments: dict[int, tuple[Any, ...]],
    num_workers: int,
    running: set[int],
    progress: Callable[[int], None],
) -> Iterator[tuple[int, T]]:
    """Yield number and result of each task; `running` always contains the tasks that have started and not ended.

    No more tasks are submitted than there are processes, so the unfinished tasks of a broken pool are known. Where the
    caller stops, the processes end at once: they wait for the end of a pipe.
    """
    import concurrent.futures

    context = multiprocessing.get_context("spawn")
    waiting, numbers = iter(list(arguments)), {}
    counter, told = context.Value("q", 0), 0
    reader, writer = context.Pipe(duplex=False)

    def tell() -> None:
        nonlocal told
        now = int(counter.value)
        progress(now - told)
        told = now

    pool = concurrent.futures.ProcessPoolExecutor(
        num_workers, mp_context=context, initializer=_start_worker, initargs=(reader, counter)
    )
    try:
        while True:
            while len(running) < num_workers and (number := next(waiting, None)) is not None:
                with block_interrupts():
                    numbers[pool.submit(task, *arguments[number])] = number
                running.add(number)
            if not numbers:
                return
            done, _ = concurrent.futures.wait(
                numbers, timeout=_PROGRESS_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
            )
            tell()
            for future in sorted(done, key=lambda future: future.exception() is not None):  # completed tasks count
                result = future.result()
                number = numbers.pop(future)
                running.remove(number)
                yield number, result
    finally:
        if numbers:
            writer.close()
        pool.shutdown(cancel_futures=True)
        writer.close()
        reader.close()


def num_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker(stop: multiprocessing.connection.Connection, counter: Any) -> None:
    """End this process when its parent is killed or closes `stop`; count what tasks report in `counter`."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    sentinel = parent.sentinel

    def wait() -> None:
        multiprocessing.connection.wait([sentinel, stop])
        os._exit(1)

    def add(number: int) -> None:
        with counter.get_lock():
            counter.value += number

    _reported.add = add
    threading.Thread(target=wait, daemon=True).start()


def run_on_cluster(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], address: str) -> Iterator[T]:
    """Yield task(*arguments[k]) for every k on the cluster at `address` (`auto`, HOST:PORT, ray://HOST:PORT).

    Workers import the task by its name, and may run it twice where a node is lost. The first ToileError stops the rest
    and is raised here with the worker's name. A task whose worker is lost `RAY_RETRIES` + 1 times is a ToileError too.
    """
    ray = _import_ray()
    with _connect(ray, address):
        remote = ray.remote(num_cpus=1, max_retries=RAY_RETRIES, retry_exceptions=[OSError])(_run_remote)
        waiting, running = iter(arguments), list[Any]()
        try:
            while True:
                room = max(1, _TASKS_PER_CORE * int(ray.cluster_resources().get("CPU", 0)))
                while len(running) < room and (each := next(waiting, None)) is not None:
                    running.append(remote.remote(task, each))
                if not running:
                    return
                done, running = ray.wait(running, num_returns=1)
                yield _get_result(ray, done[0])
        finally:
            for each in running:
                ray.cancel(each, force=True)


def _run_remote(task: Callable[..., Any], arguments: tuple[Any, ...]) -> _Answer:
    """Return what the task returns, or the fields of its ToileError, so that it arrives without a traceback."""
    try:
        return task(*arguments), None
    except ToileError as error:
        return None, (f"worker {platform.node()}: {error.where}", error.problem, error.hint)


def _get_result(ray: Any, reference: Any) -> Any:
    try:
        result, error = ray.get(reference)
    except ray.exceptions.RayTaskError as failure:
        if not isinstance(failure.cause, ImportError):
            raise
        hint = "install the same version of toile on every node"
        raise ToileError("cluster", f"a worker cannot import toile: {failure.cause}", hint) from failure
    except ray.exceptions.RayError as failure:
        problem = f"a task ended without an answer {RAY_RETRIES + 1} times: {_first_line(failure)}"
        hint = "look at the workers' memory, then run the same command again; it continues where it was"
        raise ToileError("cluster", problem, hint) from failure
    if error is not None:
        raise ToileError(*error)
    return result


@contextlib.contextmanager
def _connect(ray: Any, address: str) -> Iterator[None]:
    """Connect this process to the cluster as a driver; one that is a driver already stays connected."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        problem = f"cannot be reached: {_first_line(error)}"
        hint = "check the address, and that RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH are those of the cluster"
        raise ToileError(f"--cluster {address}", problem, hint) from error
    try:
        yield
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        problem = f"needs a package that is not installed: {error}"
        raise ToileError("--cluster", problem, 'pip install "toile[cluster]"') from error
    return ray


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
