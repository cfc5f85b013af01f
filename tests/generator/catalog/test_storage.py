"""A catalog in an object store: the same bytes as in a folder, whole objects or none, continued after a kill.

The store is a real server on loopback (moto); `memory://` shows the same laws without one.
"""

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pandas as pd
import pytest
import s3fs  # type: ignore[import-untyped]
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

import generator.catalog.shards
from generator import GenerateInputs, write_shards
from generator.catalog.run_folder import MARKERS
from generator.catalog.storage import Folder, resolve_folder
from generator.catalog.verify import verify
from schemas.errors import ToileError
from tests.helpers.shard_fixture import image_bytes
from tests.helpers.small_shards import SMALL_SHARDS, write_small_shard
from toile.cli import main

BUCKET = "catalogs"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server with one empty bucket; the environment leads there."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "FSSPEC_S3_ENDPOINT_URL"):
            patched.delenv(name, raising=False)
        patched.setenv("AWS_ACCESS_KEY_ID", "testing")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patched.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patched.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3fs.S3FileSystem().mkdir(BUCKET)
        yield f"http://{host}:{port}"
        s3fs.S3FileSystem.clear_instance_cache()
    moto.stop()


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix of its own in the bucket."""
    s3fs.S3FileSystem.clear_instance_cache()
    yield f"s3://{BUCKET}/{request.node.name.replace('[', '-').replace(']', '')}/\u00e9t\u00e9 100%20+1"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def memory() -> Iterator[str]:
    """A prefix in this process's memory, where it is the only one."""
    yield "memory://laws/catalog"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", SMALL_SHARDS)


def store() -> Any:
    """The same server, asked by somebody else."""
    return s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)


def inputs(document: dict[str, Any], **changes: Any) -> GenerateInputs:
    facts = {"seed": 3, "start": 0, "num_products": 20, "image_size": 32}
    return GenerateInputs(spec_document=document, **{**facts, **changes})


def contents(place: "str | Path") -> dict[str, Any]:
    """Return name -> content of every file; of the manifest without the elapsed seconds."""
    if isinstance(place, Path):
        found = {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()}
    else:
        files, root = fsspec.core.url_to_fs(place, use_listings_cache=False)
        found = {name.removeprefix(root).lstrip("/"): files.cat_file(name) for name in files.find(root)}
    manifest = json.loads(found["manifest.json"])
    return {**found, "manifest.json": {**manifest, "seconds": None}}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory, demo_document: dict[str, Any]) -> Path:
    """What `inputs(demo_document)` gives in a folder; not to be changed."""
    out = tmp_path_factory.mktemp("storage") / "generated"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", SMALL_SHARDS)
        write_shards(inputs(demo_document), out)
    return out


@pytest.fixture
def stored(generated: Path, url: str) -> Folder:
    """The same catalog in the store."""
    place = resolve_folder(url)
    for path in (path for path in generated.rglob("*") if path.is_file()):
        place.put(path.relative_to(generated).as_posix(), path)
    return place


def folder(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    place = tmp_path / "folder" if kind == "local" else request.getfixturevalue("url" if kind == "s3" else kind)
    return resolve_folder(place)


def flipped(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
def test_folder_operations(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place: Folder = pickle.loads(pickle.dumps(folder(kind, tmp_path, request)))
    assert (place.sizes(), place.sizes("data"), place.read("data/a"), place.read("b")) == ({}, {}, None, None)
    place.write("data/a", b"one")
    place.write("data/a", b"three")
    place.write("b", b"")
    place.put("data/big", Path(__file__))
    assert place.sizes() == {"b": 0, "data": None}
    assert place.sizes("data") == {"data/a": 5, "data/big": Path(__file__).stat().st_size}
    assert (place.read("data/a"), place.read("b"), place.read("data")) == (b"three", b"", None)
    with place.open("data/big") as file:
        file.seek(-9, os.SEEK_END)
        assert file.read() == Path(__file__).read_bytes()[-9:]
    place.remove(["data/a", "data/big"])
    place.remove([])
    assert place.sizes("data") == {}
    assert {name for name in place.sizes() if kind != "memory" or name != "data"} == {"b"}  # memory keeps empty folders


@pytest.mark.parametrize("kind", ["local", "memory"])
@pytest.mark.parametrize("name", ["../x", "data/../../x", "/etc/passwd", "data//x", "./x", "..\\x", "c:x", "s3://b/x"])
def test_no_name_leaves_the_folder(kind: str, name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = folder(kind, tmp_path, request)
    for act in (place.read, place.sizes, lambda n: place.write(n, b"x"), lambda n: place.remove([n])):
        with pytest.raises(ToileError, match="is not the name of a file in a catalog"):
            act(name)
    with pytest.raises(ToileError, match="is not the name"), place.open(name):
        pass
    assert not list(tmp_path.iterdir())


def test_a_store_holds_the_same_bytes_as_a_folder(
    url: str, memory: str, tmp_path: Path, demo_document: dict[str, Any]
) -> None:
    wanted = inputs({**demo_document, "scenarios": {"all": 0.02}}, num_products=8)
    for place in (tmp_path / "here", f"file://{tmp_path}/url", url, memory):
        manifest, written = write_shards(wanted, place)
        assert written
        assert write_shards(wanted, place) == (manifest, False)
    here = contents(tmp_path / "here")
    assert {"README.md", "manifest.json", "extra/faults.parquet"} < set(here)
    assert contents(tmp_path / "url") == contents(url) == contents(memory) == here


@pytest.mark.slow
def test_several_processes_write_to_one_store(
    url: str, generated: Path, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator.catalog.shards, "write_shard", write_small_shard)
    write_shards(inputs(demo_document), url, num_workers=2)
    assert contents(url) == contents(generated)


KILLED = """
import json, os, signal, sys
import generator.catalog.shards
from generator import GenerateInputs, write_shards
generator.catalog.shards.PRODUCTS_PER_SHARD = {True: 5, False: 5}
receipts, real = [], generator.catalog.shards.write_marker
def write_marker(out, shard, entries):
    real(out, shard, entries)
    receipts.append(shard)
    if len(receipts) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
generator.catalog.shards.write_marker = write_marker
write_shards(GenerateInputs(**json.loads(sys.argv[1])), sys.argv[2])
"""


def test_killed_run_continues_with_shards_without_marker(
    url: str, generated: Path, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"spec_document": demo_document, "seed": 3, "start": 0, "num_products": 20, "image_size": 32}
    killed = subprocess.run([sys.executable, "-c", KILLED, json.dumps(wanted), url], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(resolve_folder(url).sizes(MARKERS)) == [f"{MARKERS}/00000.json", f"{MARKERS}/00001.json"]
    with pytest.raises(ToileError, match="is unfinished"):
        verify(url)
    with pytest.raises(ToileError, match="an unfinished catalog made from other inputs"):
        write_shards(inputs(demo_document, seed=4), url)
    victim = next(name for name in resolve_folder(url).sizes("data") if "train-00001" in name)
    resolve_folder(url).write(victim, b"cut")  # so that shard 1 is incomplete
    again: list[int] = []
    real = generator.catalog.shards.write_shard

    def counted(wanted: GenerateInputs, shard: int, out: Folder) -> int:
        again.append(shard)
        return real(wanted, shard, out)

    monkeypatch.setattr(generator.catalog.shards, "write_shard", counted)
    write_shards(inputs(demo_document), url)
    assert again == [1, 2, 3]
    assert contents(url) == contents(generated)


def test_foreign_files_are_never_changed(url: str, demo_document: dict[str, Any]) -> None:
    root, files = url.removeprefix("s3://"), store()
    files.pipe_file(f"{root}/thesis.txt", b"years of work")
    for place in (url, url.rpartition("/")[0], f"{url}/thesis.txt"):
        for force in (False, True):
            with pytest.raises(ToileError, match="exists and was not made by toile"):
                write_shards(inputs(demo_document), place, force=force)
    assert files.find(root) == [f"{root}/thesis.txt"]


def test_force_replaces_another_catalog_and_nothing_else(
    stored: Folder, tmp_path: Path, demo_document: dict[str, Any]
) -> None:
    url, files = stored.where(), store()
    root = url.removeprefix("s3://")
    files.pipe_file(f"{root}/", b"")  # an empty folder, as made by the console of an object store
    theirs = [f"{root}/{name}" for name in ("notes.txt", "data/notes.txt", "extra/notes.txt", "data/more/x.parquet")]
    for name in (*theirs, f"{root}-sibling/manifest.json"):
        files.pipe_file(name, b"mine")
    with pytest.raises(ToileError, match="a finished catalog made from other inputs") as refused:
        write_shards(inputs(demo_document, num_products=5), url)
    assert (refused.value.where, refused.value.hint) == (url, "choose another --out, or --force")
    write_shards(inputs(demo_document, num_products=5), url, force=True)
    write_shards(inputs(demo_document, num_products=5), tmp_path / "here")
    assert all(files.cat_file(name) == b"mine" for name in (*theirs, f"{root}-sibling/manifest.json"))
    left = {name: content for name, content in contents(url).items() if f"{root}/{name}" not in theirs and name}
    assert left == contents(tmp_path / "here")


def test_finished_catalog_with_missing_object_is_not_complete(
    stored: Folder, url: str, demo_document: dict[str, Any]
) -> None:
    lost = next(iter(stored.sizes("data")))
    stored.remove([lost])
    with pytest.raises(ToileError, match="is missing, although the manifest lists it") as caught:
        write_shards(inputs(demo_document), url)
    assert caught.value.where == f"{url}/{lost}"


def test_import_writes_to_object_store(url: str, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    rows = [
        {"title": f"Coat {k}", "category3_code": "COATS", "full_price": 100 + k, "image": f"{k}.png"} for k in range(9)
    ]
    for row in rows[:-1]:
        (shop / str(row["image"])).write_bytes(image_bytes(str(row["title"])))
    pd.DataFrame(rows).to_csv(shop / "table.csv", index=False)
    for place in (url, str(tmp_path / "here")):
        command = ["import", str(shop / "table.csv"), "--currency", "USD", "--max-bad", "0.5", "--out", place]
        shown = CliRunner().invoke(main, command, catch_exceptions=False)
        assert shown.exit_code == 0, shown.stderr
    assert "extra/rejected.jsonl" in contents(url)
    assert contents(url) == contents(tmp_path / "here")
    assert verify(url).findings == ()


def test_verify_reads_remote_catalog(stored: Folder, url: str) -> None:
    honest = CliRunner().invoke(main, ["verify", url, "--sample", "3"], catch_exceptions=False)
    assert honest.stdout.strip().endswith("3 products generated again and compared byte for byte: 0 findings")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda place, name: place.remove([name]), "{name}: is missing"),
        (lambda place, name: place.write(name, place.read(name)[:-1]), "{name}: has "),
        (lambda place, name: place.write(name, flipped(place.read(name))), "{name}: has other content"),
        (lambda place, name: place.write("data/stray.parquet", b"x"), "data/stray.parquet: is not in the manifest"),
    ],
    ids=["missing", "cut", "flipped", "stray"],
)
def test_verify_finds_remote_damage(damage: Callable[[Any, str], object], said: str, stored: Folder) -> None:
    url = stored.where()
    name = next(iter(stored.sizes("data")))
    damage(stored, name)
    shown = CliRunner().invoke(main, ["verify", url, "--sample", "0", "--json"], catch_exceptions=False)
    assert shown.exit_code == 1
    (finding,) = json.loads(shown.stdout)["findings"]
    assert f"{finding['where']}: {finding['problem']}".startswith(said.format(name=name))
    assert shown.stderr.startswith(f"Error: {url}: 1 findings, the first: ")


def test_manifest_paths_outside_the_folder_are_refused(stored: Folder, url: str) -> None:
    document = json.loads(stored.read("manifest.json") or b"")
    document["files"][0]["path"] = "../../other/data/train-00000-of-00001.parquet"
    stored.write("manifest.json", json.dumps(document).encode())
    with pytest.raises(ToileError, match=r"manifest\.json"):
        verify(url)


def test_missing_bucket_is_a_one_line_error(url: str) -> None:
    for command in (["generate", "demo", "--out", "s3://nobody/x"], ["verify", "s3://nobody/x"]):
        shown = CliRunner().invoke(main, command, catch_exceptions=False)
        first, second = shown.stderr.strip().splitlines()
        assert first == "Error: s3://nobody/x/manifest.json: cannot be read: The specified bucket does not exist"
        assert "create the bucket first" in second


def test_url_without_a_catalog_is_a_one_line_error(url: str) -> None:
    shown = CliRunner().invoke(main, ["verify", url], catch_exceptions=False)
    assert shown.stderr.startswith(f"Error: {url}: holds no manifest.json\n")


def test_server_that_is_down_is_a_one_line_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    shown = CliRunner().invoke(main, ["generate", "demo", "--out", url], catch_exceptions=False)
    first, second = shown.stderr.strip().splitlines()
    assert first.startswith(f"Error: {url}/manifest.json: cannot be read: Could not connect to the endpoint URL")
    assert "AWS_ENDPOINT_URL" in second


def test_refused_or_missing_credentials_are_a_one_line_error(
    server: str, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def strict(number_of_free_requests: int) -> None:
        asked = urllib.request.Request(
            f"{server}/moto-api/reset-auth",
            str(number_of_free_requests).encode(),
            {"Content-Type": "text/plain"},
            method="POST",
        )
        urllib.request.urlopen(asked).close()

    strict(0)
    try:
        shown = CliRunner().invoke(main, ["generate", "demo", "--out", url], catch_exceptions=False)
    finally:
        strict(10**9)
    first, second = shown.stderr.strip().splitlines()
    assert first.startswith(f"Error: {url}/manifest.json: cannot be read: ")
    assert "AWS_ACCESS_KEY_ID" in second
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()
    shown = CliRunner().invoke(main, ["generate", "demo", "--out", url], catch_exceptions=False)
    assert "AWS_SECRET_ACCESS_KEY" in shown.stderr.strip().splitlines()[1]


def test_no_key_is_written_or_printed(url: str, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-s3cr3t")
    s3fs.S3FileSystem.clear_instance_cache()
    shown = CliRunner().invoke(main, ["generate", "demo", "--num-products", "5", "--no-images", "--out", url])
    assert shown.exit_code == 0
    assert "s3cr3t" not in shown.output
    assert not any("s3cr3t" in str(content) or url in str(content) for content in contents(url).values())
