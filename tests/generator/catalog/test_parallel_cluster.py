"""A Ray cluster of two nodes on this machine writes the bytes of a local run, also when a node is killed."""

import contextlib
import dataclasses
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import generator.catalog.shards
from generator.catalog.run_folder import open_or_resume, resolve_absolute
from generator.catalog.shards import GenerateInputs, generate_shards, write_shard_worker, write_shards
from generator.catalog.storage import Folder, LocalFolder, resolve_folder
from schemas.errors import ToileError
from schemas.manifest import load_manifest
from tests.generator.catalog.test_job_array import content
from tests.helpers.slow_shards import SMALL_SHARDS

ROOT = Path(__file__).parents[3]
START_SECONDS = 60
STARTS = 4
"""On a busy machine a node may exit before its helper processes have started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node: `ray start --block` and its child processes, in one session."""

    process: subprocess.Popen[bytes]
    temporary: Path

    def processes(self) -> list[int]:
        """Return all processes of the session; Ray gives workers their own process groups."""
        found = []
        for number in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(number) == self.process.pid:
                    found.append(number)
        return found

    def kill(self) -> None:
        """Kill the raylet, its workers and its helpers with -9."""
        for number in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()

    def has_worked(self, out: Path) -> bool:
        """Return whether a task for this folder was started there."""
        started = {int(path.name.rpartition("-")[2]) for path in out.parent.glob(f"{out.name}.at-*")}
        return not started.isdisjoint(self.processes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Nodes of one core each, with their own token."""

    folder: Path
    address: str
    environment: dict[str, str]
    nodes: list[Node]

    def add(self, *options: str) -> Node:
        """Start a node and wait until it has joined; retry if it exits."""
        ray = Path(sys.executable).with_name("ray")
        for attempt in range(STARTS):
            temporary = self.folder / f"{len(self.nodes)}-{attempt}"
            log = self.folder / f"{temporary.name}.log"
            command = [str(ray), "start", "--block", "--num-cpus=1", "--object-store-memory=80000000"]
            command += ["--include-log-monitor=false", "--disable-usage-stats", f"--temp-dir={temporary}", *options]
            with log.open("wb") as file:
                process = subprocess.Popen(
                    command, stdout=file, stderr=file, env=self.environment, cwd=self.folder, start_new_session=True
                )
            node = Node(process=process, temporary=temporary)
            self.nodes.append(node)
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                if b"Ray runtime started" in log.read_bytes():
                    return node
                time.sleep(0.2)
            node.kill()
        raise AssertionError(f"no node started: {log.read_text()}")

    def toile(self, *arguments: str, cwd: Path) -> "subprocess.Popen[str]":
        """Start a driver: `toile generate ... --cluster`, with small shards."""
        command = [
            sys.executable,
            "-m",
            "tests.helpers.slow_shards",
            "generate",
            "demo",
            "--no-images",
            "--seed",
            "3",
            *arguments,
        ]
        command += ["--cluster", self.address]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=self.environment, cwd=cwd)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head node with one core; all processes are stopped afterwards."""
    pytest.importorskip("ray")
    folder = Path(tempfile.mkdtemp(prefix="tr-"))  # short: socket names have a limit
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0"}
    environment |= {"PYTHONPATH": str(ROOT)}
    found = Cluster(folder=folder, address=f"127.0.0.1:{port}", environment=environment, nodes=[])
    try:
        found.add("--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false")
        yield found
    finally:
        for node in found.nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def second(cluster: Cluster) -> Iterator[Node]:
    """Another node of the cluster, with one core."""
    node = cluster.add(f"--address={cluster.address}", "--node-ip-address=127.0.0.1")
    yield node
    node.kill()


@pytest.fixture
def wanted(demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], GenerateInputs]:
    """Return a function for the inputs of `Cluster.toile`, with shards of the same size."""
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", SMALL_SHARDS)

    def inputs(num_products: int) -> GenerateInputs:
        return GenerateInputs(spec_document=demo_document, seed=3, start=0, num_products=num_products, image_size=None)

    return inputs


def until(condition: Callable[[], bool], running: "subprocess.Popen[str]") -> None:
    """Wait until the condition is true while the driver runs."""
    deadline = time.monotonic() + 120
    while not condition():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.cluster
def test_cluster_and_its_tasks_write_the_bytes_of_a_local_run(
    cluster: Cluster, second: Node, tmp_path: Path, wanted: Callable[[int], GenerateInputs]
) -> None:
    write_shards(wanted(210), tmp_path / "here")
    for arguments in (["--shards", "1:4", "--out", "there"], ["--out", "there"]):  # a relative name is made absolute
        driver = cluster.toile("--num-products", "210", *arguments, cwd=tmp_path)
        said = driver.communicate()[1]
        assert driver.returncode == 0, said
        assert len(said.splitlines()) == 1, "no messages of Ray"
    assert content(tmp_path / "there") == content(tmp_path / "here")


@pytest.mark.cluster
def test_killed_node_changes_no_byte_and_loses_no_shard(
    cluster: Cluster, second: Node, tmp_path: Path, wanted: Callable[[int], GenerateInputs]
) -> None:
    num_products, out = 1010, tmp_path / "killed"
    held = tmp_path / "killed.hold"
    held.touch()
    driver = cluster.toile("--num-products", str(num_products), "--out", str(out), cwd=tmp_path)
    until(lambda: second.has_worked(out), driver)
    second.kill()  # one task is running there and another is waiting
    held.unlink()
    said = driver.communicate()[1]
    assert driver.returncode == 0, said
    assert "Traceback" not in said
    write_shards(wanted(num_products), tmp_path / "here")
    assert content(out) == content(tmp_path / "here")
    shards = [int(file.path.split("-")[1]) for file in load_manifest(out / "manifest.json").files]
    assert [shard for shard, _ in itertools.groupby(shards)] == list(range(21)), "every shard exactly once"


@pytest.mark.cluster
def test_interrupted_run_leaves_no_workers_and_continues_locally(
    cluster: Cluster, tmp_path: Path, wanted: Callable[[int], GenerateInputs]
) -> None:
    out = tmp_path / "out"
    held = tmp_path / "out.hold"
    held.touch()
    driver = cluster.toile("--num-products", "410", "--out", str(out), cwd=tmp_path)
    until(lambda: any(node.has_worked(out) for node in cluster.nodes), driver)
    driver.send_signal(signal.SIGINT)
    said = driver.communicate(timeout=60)[1]
    assert driver.returncode == 1
    assert said.strip() == "Aborted!"
    held.unlink()
    time.sleep(3)
    assert not (out / ".receipts").exists(), "somebody went on"
    write_shards(wanted(410), out)
    write_shards(wanted(410), tmp_path / "here")
    assert content(out) == content(tmp_path / "here")


FAILING = """
import sys
from generator.catalog.parallel import run_on_cluster
from schemas.errors import ToileError
from tests.generator.catalog.test_parallel import _killed_always, _refused
task, arguments = {"refused": (_refused, [(k,) for k in range(4)])}.get(sys.argv[2], (_killed_always, None))
from pathlib import Path
try:
    list(run_on_cluster(task, arguments or [(Path(sys.argv[3]), k) for k in range(5)], sys.argv[1]))
except ToileError as error:
    print(error)
"""


def failing(cluster: Cluster, *arguments: str, **changes: str) -> list[str]:
    """Return the last two lines of a driver whose tasks fail."""
    command = [sys.executable, "-c", FAILING, *arguments]
    environment = {**cluster.environment, **changes}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()[-2:]  # Ray itself may report dead workers first


@pytest.mark.cluster
def test_failure_on_a_worker_is_a_one_line_error(cluster: Cluster, tmp_path: Path) -> None:
    error, hint = failing(cluster, cluster.address, "refused")
    assert error == f"worker {socket.gethostname()}: there: is wrong"
    assert hint == "  hint: fix it"
    error, hint = failing(cluster, cluster.address, "killed", str(tmp_path))
    assert error.startswith("cluster: a task ended without an answer 4 times: ")
    assert len(list(tmp_path.glob("3.*"))) == 4


@pytest.mark.cluster
def test_unreachable_cluster_is_a_one_line_error(cluster: Cluster) -> None:
    error, hint = failing(cluster, "nonsense", "refused")
    assert error.startswith("--cluster nonsense: cannot be reached: ")
    assert "RAY_AUTH_TOKEN_PATH" in hint
    error, hint = failing(cluster, cluster.address, "refused", RAY_AUTH_MODE="disabled")
    assert error.startswith(f"--cluster {cluster.address}: cannot be reached: ")


def test_missing_ray_is_an_error_with_install_hint(
    tmp_path: Path, wanted: Callable[[int], GenerateInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ToileError, match="needs a package that is not installed") as caught:
        write_shards(wanted(20), tmp_path / "out", cluster="auto")
    assert caught.value.hint == 'pip install "toile[cluster]"'


def test_worker_writes_only_to_the_folder_of_its_run(
    tmp_path: Path, wanted: Callable[[int], GenerateInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, out = wanted(20), resolve_folder(tmp_path / "out")
    with pytest.raises(ToileError, match="is not there on this machine") as caught:
        write_shard_worker(inputs, 0, out)
    assert "every machine sees" in caught.value.hint
    assert not (tmp_path / "out").exists()
    open_or_resume(out, "generate", dataclasses.replace(inputs, seed=4).as_manifest(), 1, False)
    with pytest.raises(ToileError, match="is not the folder that the run has started"):
        write_shard_worker(inputs, 0, out)
    open_or_resume(out, "generate", inputs.as_manifest(), 1, True)
    with monkeypatch.context() as patched:
        patched.setattr("generator.catalog.run_folder.provenance", lambda inputs: {"pillow": "1.0"})
        with pytest.raises(ToileError, match=r"other versions: .*pillow .* there, 1.0 here"):
            write_shard_worker(inputs, 0, out)
    assert write_shard_worker(inputs, 0, out) == 0


def test_workers_that_write_elsewhere_are_detected(
    tmp_path: Path, wanted: Callable[[int], GenerateInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(_: Any, arguments: Sequence[tuple[GenerateInputs, int, Folder]], address: str) -> Iterator[int]:
        assert address == "auto"
        return (shard for _, shard, _ in arguments)

    monkeypatch.setattr(generator.catalog.shards, "run_on_cluster", elsewhere)
    monkeypatch.setattr(generator.catalog.shards, "VISIBLE_SECONDS", 0.0)
    out = resolve_folder(tmp_path / "out")
    inputs = wanted(20)
    open_or_resume(out, "generate", inputs.as_manifest(), 1, False)
    with pytest.raises(ToileError, match="lacks 1 of the shards that the workers have written"):
        generate_shards(inputs, range(1), out, num_workers=1, cluster="auto")


def test_workers_get_an_absolute_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_absolute(resolve_folder("data/out")) == LocalFolder(path=tmp_path / "data" / "out")
    assert resolve_absolute(resolve_folder(tmp_path / "out")) == LocalFolder(path=tmp_path / "out")
    with pytest.raises(ToileError, match="is seen by one process alone"):
        resolve_absolute(resolve_folder("memory://bucket/out"))
