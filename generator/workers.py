"""The same work over several processes: one task at a time each, results in the order of completion."""

import concurrent.futures
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from schemas.errors import ToileError

T = TypeVar("T")


def run_in_processes(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], num_workers: int) -> Iterator[T]:
    """task(*arguments[k]) for every k; in this process when one worker or one task is enough.

    Processes are spawned, not forked: Arrow's threads do not survive a fork. The first error stops the rest.
    """
    num_workers = min(num_workers, len(arguments))
    if num_workers <= 1:
        for each in arguments:
            yield task(*each)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(num_workers, mp_context=context) as pool:
        futures = [pool.submit(task, *each) for each in arguments]
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            problem = "a worker process ended without an answer (killed, or out of memory)"
            raise ToileError("workers", problem, "run the same command again, with fewer --workers") from error
        finally:
            for future in futures:
                future.cancel()


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
