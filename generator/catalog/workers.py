"""The same work over several processes: one task at a time each, results in the order of completion.

A process that is killed costs the tasks that were running, and these are begun again. That is safe because a task is
pure and writes whole files: done twice it leaves what done once leaves.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from schemas.errors import ToileError

Q = TypeVar("Q")
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
    import concurrent.futures  # here: a process beside begins sooner

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


@contextlib.contextmanager
def process_beside(prepare: Callable[[], None], task: Callable[[Q], T]) -> Iterator[Callable[[Q], T]]:
    """A function that has `task` done in a process which prepares itself while this one goes on.

    On a single core there is nothing to gain, and the task is done here. The process ends with the block, whatever it
    is doing. A ToileError of the task is raised here; a process that ends without an answer is a ToileError.
    """
    if num_cores() == 1:
        yield task
        return
    context: Any = multiprocessing.get_context("fork" if _may_fork() else "spawn")
    here, there = context.Pipe()
    process = context.Process(target=_answer, args=(there, prepare, task), daemon=True)
    process.start()
    there.close()

    def asked(question: Q) -> T:
        try:
            here.send(question)
            answer: T | ToileError = here.recv()
        except (EOFError, ConnectionError) as error:
            problem = "a worker process ended without an answer (killed, or out of memory)"
            raise ToileError("workers", problem, "run the same command again") from error
        if isinstance(answer, ToileError):
            raise answer
        return answer

    try:
        yield asked
    finally:
        process.kill()
        process.join()
        here.close()


def _answer(
    questions: multiprocessing.connection.Connection, prepare: Callable[[], None], task: Callable[[Q], T]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks, which ends this one
    _end_with_parent()
    prepare()
    with contextlib.suppress(EOFError):  # nobody asks any more
        while True:
            question = questions.recv()
            try:
                answer: T | ToileError = task(question)
            except ToileError as error:
                answer = error
            questions.send(answer)


def _may_fork() -> bool:
    """Whether this is still a bare Python: threads of numpy or Arrow would not survive in the copy of a process.

    A copy starts with what is loaded already; a new process would load it again.
    """
    return sys.platform == "linux" and "numpy" not in sys.modules and threading.active_count() == 1


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
