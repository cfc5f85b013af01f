"""The same work over a Ray cluster: a task is one of Ray's own, which begins it again elsewhere when a node is lost.

Ray reads from the environment how to reach the cluster and with what token (RAY_AUTH_MODE, RAY_AUTH_TOKEN_PATH); see
docs/clusters.md. This is the only file that imports it, and only when it is asked to run something.
"""

import contextlib
import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from schemas.errors import ToileError

T = TypeVar("T")

RETRIES = 3
"""How often Ray begins a task again whose worker or node is lost."""
_AHEAD = 2
"""Tasks handed out for each core of the cluster: one runs, one waits beside it."""

_Answer = tuple[Any, tuple[str, str, str] | None]


def run_on_cluster(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]], address: str) -> Iterator[T]:
    """task(*arguments[k]) for every k on the cluster at `address` (`auto`, HOST:PORT, ray://HOST:PORT), as they end.

    The task is imported on the workers by its name, and may be run twice where a node is lost. The first ToileError
    stops the rest and comes back as it is, with the worker's name; so does a worker that is lost `RETRIES` + 1 times.
    """
    ray = _ray()
    with _joined(ray, address):
        remote = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=[OSError])(_answer)
        waiting, running = iter(arguments), list[Any]()
        try:
            while True:
                room = max(1, _AHEAD * int(ray.cluster_resources().get("CPU", 0)))
                while len(running) < room and (each := next(waiting, None)) is not None:
                    running.append(remote.remote(task, each))
                if not running:
                    return
                done, running = ray.wait(running, num_returns=1)
                yield _result(ray, done[0])
        finally:
            for each in running:
                ray.cancel(each, force=True)


def _answer(task: Callable[..., Any], arguments: tuple[Any, ...]) -> _Answer:
    """What a task returns, or the fields of its ToileError, which so crosses without a traceback."""
    try:
        return task(*arguments), None
    except ToileError as error:
        return None, (f"worker {platform.node()}: {error.where}", error.problem, error.hint)


def _result(ray: Any, reference: Any) -> Any:
    try:
        result, error = ray.get(reference)
    except ray.exceptions.RayTaskError as failure:
        if not isinstance(failure.cause, ImportError):
            raise
        hint = "install the same version of toile on every node"
        raise ToileError("cluster", f"a worker cannot import toile: {failure.cause}", hint) from failure
    except ray.exceptions.RayError as failure:
        problem = f"a task ended without an answer {RETRIES + 1} times: {_first_line(failure)}"
        hint = "look at the workers' memory, then run the same command again; it continues where it was"
        raise ToileError("cluster", problem, hint) from failure
    if error is not None:
        raise ToileError(*error)
    return result


@contextlib.contextmanager
def _joined(ray: Any, address: str) -> Iterator[None]:
    """This process as a driver of the cluster; one that is a driver already stays it."""
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


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        problem = f"takes a package that is not installed: {error}"
        raise ToileError("--cluster", problem, 'pip install "toile[cluster]"') from error
    return ray


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
