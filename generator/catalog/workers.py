"""The same work over several processes: one task at a time each, results in the order of completion.

A process that is killed costs the tasks that were running, and these are begun again. That is safe because a task is
pure and writes whole files: done twice it leaves what done once leaves.
"""

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from schemas.errors import ToileError

T = TypeVar("T")

ATTEMPTS = 3
"""How often a task is begun whose process ends without an answer; the last time nothing runs beside it."""


def run_in_processes(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], num_workers: int) -> Iterator[T]:
    """task(*arguments[k]) for every k; in this process when one worker or one task is enough.

    Processes are spawned, not forked: Arrow's threads do not survive a fork. The first error stops the rest. Where a
    process ends without an answer, new ones take the place of all; a task that takes its process along `ATTEMPTS`
    times, the last time alone, is a ToileError.
    """
    num_workers = min(num_workers, len(arguments))
    if num_workers <= 1:
        for each in arguments:
            yield task(*each)
        return
    from concurrent.futures.process import BrokenProcessPool

    remaining = dict(enumerate(arguments))
    failures: Counter[int] = Counter()
    while remaining:
        suspects = [number for number in remaining if failures[number] == ATTEMPTS - 1]
        begun = {number: remaining[number] for number in suspects[:1]} or remaining
        running: set[int] = set()
        try:
            for number, result in _in_pool(task, begun, min(num_workers, len(begun)), running):
                del remaining[number]
                yield result
        except BrokenProcessPool as error:
            failures.update(running)
            if any(failures[number] >= ATTEMPTS for number in running):
                problem = f"a worker process ended without an answer (killed, or out of memory), {ATTEMPTS} times"
                raise ToileError("workers", problem, "run the same command again, with fewer --workers") from error


def _in_pool(
    task: Callable[..., T], arguments: dict[int, tuple[Any, ...]], num_workers: int, running: set[int]
) -> Iterator[tuple[int, T]]:
    """Number and result of each task; `running` tells at any time which have been begun and not ended.

    No more tasks are handed out than there are processes, so that those which a broken pool leaves are known.
    """
    import concurrent.futures

    context = multiprocessing.get_context("spawn")
    waiting, numbers = iter(list(arguments)), {}
    with concurrent.futures.ProcessPoolExecutor(num_workers, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            while True:
                while len(running) < num_workers and (number := next(waiting, None)) is not None:
                    numbers[pool.submit(task, *arguments[number])] = number
                    running.add(number)
                if not numbers:
                    return
                done, _ = concurrent.futures.wait(numbers, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in sorted(done, key=lambda future: future.exception() is not None):  # what is done counts
                    result = future.result()
                    number = numbers.pop(future)
                    running.remove(number)
                    yield number, result
        finally:
            for future in numbers:
                future.cancel()


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    """Let this process go when the one that began it is killed: nobody waits for its work, another run may begin."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is begun by somebody"

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
