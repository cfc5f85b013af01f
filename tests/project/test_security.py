"""Untrusted specs, tables, images and checkpoints run no code, reach no network, fill no memory: docs/security.md."""

import base64
import html.parser
import json
import os
import pickle
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result

from schemas.errors import ToileError
from schemas.validation import from_document
from tests.generator.ingest.test_import_table import rows, write
from tests.helpers.shard_fixture import relist
from toile.cli import main

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}${x}"


def run(*words: object) -> Result:
    """Run a command in this process; an exception other than an exit is raised."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


class PickleBomb:
    """An object whose unpickling writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


def change_first_rows(folder: Path, spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    """Change the first row of each file of a catalog, and its manifest."""
    for path in (folder / "data").iterdir():
        table = pq.read_table(path)
        first, *others = table.to_pylist()
        pq.write_table(pa.Table.from_pylist([spoil(first), *others], table.schema), path)
    relist(folder)
    return folder


def bomb(edge: int = 20_000) -> bytes:
    """Return a PNG of edge x edge black pixels in a few dozen kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    deflate = zlib.compressobj(9)
    line = bytes(1 + edge // 8)
    pixels = b"".join(deflate.compress(line * 100) for _ in range(edge // 100)) + deflate.flush()
    header = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Write a new catalog of 24 products with images."""
    out = tmp_path / "small"
    done = run("--quiet", "generate", "demo", "--num-products", 24, "--image-size", 32, "--workers", 1, "--out", out)
    assert done.exit_code == 0, done.output
    return out


# -- no code runs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.mkdir [MARKER]",
        "!!python/object/new:os.mkdir [MARKER]",
        "!!python/name:os.system ''",
        "!!python/module:antigravity ''",
        "!!map {? !!python/object/apply:os.mkdir [MARKER] : 1}",
        "!include /etc/passwd",
    ],
)
@pytest.mark.parametrize("command", ["check", "generate", "train"])
def test_yaml_creates_no_objects(tmp_path: Path, value: str, command: str) -> None:
    file, marker = tmp_path / "spec.yaml", tmp_path / "marker"
    file.write_text(f"name: {value.replace('MARKER', str(marker))}\n")
    out = [] if command == "check" else ["--out", tmp_path / "out"]
    result = run(command, file, *out)
    assert result.exit_code == 1
    assert not marker.exists()
    assert "root:" not in result.output


@pytest.mark.parametrize(
    "title",
    ["{colour.__class__} Coat", "{0.__init__} Coat", "{colour!r} Coat", "{colour:>9999999} Coat", "{{7*7}} Coat"],
)
def test_title_template_is_not_a_format_string(spec_document: dict[str, Any], title: str) -> None:
    spec_document["categories"][0]["titles"] = {title: 1}
    with pytest.raises(ToileError, match="titles"):
        from_document(spec_document, "catalog")


@pytest.mark.parametrize("provider", ["__class__", "seed_instance", "add_provider", "binary", "zip", "json", "_x"])
def test_extra_column_calls_only_listed_providers(spec_document: dict[str, Any], provider: str) -> None:
    from generator.sampling.extra_columns import check_extra_columns

    spec_document["extra"] = {"column": {"provider": provider}}
    with pytest.raises(ToileError, match="extra"):
        check_extra_columns(from_document(spec_document, "catalog"))


def test_model_files_are_not_unpickled(tmp_path: Path, catalog: Path) -> None:
    """Weights as pickles under every name that libraries look for, and a configuration with code."""
    marker, model = tmp_path / "marker", tmp_path / "model"
    model.mkdir()
    auto_map = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model", "AutoProcessor": "own.Processor"}
    (model / "config.json").write_text(json.dumps({"model_type": "phi3_v", "auto_map": auto_map}))
    (model / "own.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    for name in ("pytorch_model.bin", "adapter_model.bin", "model.pt", "training_args.bin", "tokenizer.pkl"):
        (model / name).write_bytes(pickle.dumps(PickleBomb(marker)))
    result = run("evaluate", "--model", model, "--data", catalog, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert not marker.exists()


def test_state_of_a_run_is_read_without_calling_anything(tmp_path: Path) -> None:
    import torch

    from finetune.checkpoint import Checkpointer

    marker, path = tmp_path / "marker", tmp_path / "state.pt"
    torch.save({"step": PickleBomb(marker)}, path)
    assert zipfile.is_zipfile(path)
    reader = object.__new__(Checkpointer)
    object.__setattr__(reader, "sharded", False)
    with pytest.raises(ToileError, match="damaged"):
        reader._read(path, {})
    assert not marker.exists()


# -- no network, no other files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "link.jpg", "file:///etc/passwd"]
)
def test_table_names_images_only_in_its_own_folder(tmp_path: Path, path: str) -> None:
    shop, table = tmp_path / "shop", rows(12)
    write(shop, table)
    (tmp_path / "secret.jpg").write_bytes((shop / table[0]["image"]).read_bytes())
    (shop / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    table[0]["image"] = path
    write(shop, table)
    out = tmp_path / "out"
    result = run("import", shop / "products.csv", "--images", shop, "--currency", "USD", "--out", out, "--max-bad", 1)
    assert result.exit_code == 0, result.output
    rejected = (out / "extra" / "rejected.jsonl").read_text().splitlines()
    assert len(rejected) == 1
    assert "root:" not in rejected[0]


def test_export_stays_in_its_folder(tmp_path: Path, small: Path) -> None:
    names = iter(["../../up", "/tmp/absolute", "a\0b"])
    change_first_rows(
        small, lambda row: {**row, "product_code": next(names), "image": {**row["image"], "path": "../x.jpg"}}
    )
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(small)}
    for kind in ("csv", "webdataset", "imagefolder"):
        out = tmp_path / "exports" / kind
        run("convert", small, "--to", kind, "--out", out)
        made = {path for path in tmp_path.rglob("*") if not path.is_relative_to(small)} - before
        assert all(path.is_relative_to(tmp_path / "exports") for path in made), made
    assert not Path("/tmp/absolute.jpg").exists()


ONLINE: list[str] = []
"""Forbidden connections that this process asked for."""
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        ONLINE.append(f"{event} {arguments}")


sys.addaudithook(_watch)


@contextmanager
def offline() -> Iterator[None]:
    """Fail at the end if anything in this process asked for a connection or an address."""
    global _watching
    ONLINE.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False
    assert ONLINE == []


def test_offline_commands_do_not_use_the_network(short_answers: None, tmp_path: Path, small: Path) -> None:
    with offline():
        for words in (
            ["describe", small],
            ["show", small, "--out", tmp_path / "page.html"],
            ["verify", small, "--sample", 4],
            ["convert", small, "--to", "jsonl", "--out", tmp_path / "jsonl"],
            ["check", "demo"],
            ["evaluate", "--model", "tiny", "--data", small, "--limit", 2, "--out", tmp_path / "results"],
        ):
            assert run(*words).exit_code == 0, words


def test_network_audit_sees_a_connection() -> None:
    import socket

    with offline(), socket.socket() as free:
        pass
    with pytest.raises(AssertionError, match=r"socket\.connect"), offline(), socket.socket() as free:
        free.connect_ex(("127.0.0.1", 9))


# -- memory is bounded -----------------------------------------------------------------------------------------------


def test_image_too_large_for_memory_is_a_one_line_error(tmp_path: Path, small: Path) -> None:
    content = bomb()
    assert len(content) < 100_000
    change_first_rows(small, lambda row: {**row, "image": {"bytes": content, "path": "bomb.png"}})
    run_file = tmp_path / "run.yaml"
    run_file.write_text(yaml.safe_dump({"mix": [{"data": str(small), "weight": 1}], "model": "tiny", "max_steps": 30}))
    for words, code in (
        (["describe", small], 0),
        (["show", small, "--out", tmp_path / "page.html"], 0),
        (["verify", small], 1),
        (["fit", small, "--out", tmp_path / "twin.yaml"], 0),  # the colours of such images are unknown
        (["train", run_file, "--out", tmp_path / "run"], 1),
        (["evaluate", "--model", "tiny", "--data", small, "--out", tmp_path / "results"], 1),
    ):
        result = run(*words)
        assert result.exit_code == code, (words, result.output)


def test_imported_image_is_bounded_before_it_is_decoded(tmp_path: Path) -> None:
    shop, table = tmp_path / "shop", rows(12)
    write(shop, table)
    (shop / table[0]["image"]).write_bytes(bomb())
    out = tmp_path / "out"
    result = run("import", shop / "products.csv", "--images", shop, "--currency", "USD", "--out", out, "--max-bad", 1)
    assert result.exit_code == 0, result.output
    assert "pixels" in (out / "extra" / "rejected.jsonl").read_text()


# -- no code in pages, no control characters in terminals -------------------------------------------------------------


class Elements(html.parser.HTMLParser):
    """Scripts, handlers and addresses of a page, as a browser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts = 0
        self.suspicious: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            address = name in {"src", "href"} and not re.match(r"#|data:image/|[\w.-]+\.html", value or "#")
            if name.startswith("on") or address or (value or "").lower().startswith("javascript:"):
                self.suspicious.append(f"<{tag} {name}={value!r}>")


def test_titles_brands_and_categories_are_text_in_every_page(tmp_path: Path, small: Path, catalog: Path) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        names = dict.fromkeys(
            ["title", "brand", "category2_code", "category3_code", "itemurl", "website_name"], HOSTILE
        )
        return {**row, **names}

    plain, hostile = tmp_path / "plain.html", tmp_path / "hostile.html"
    for command, option in (("show", "--out"), ("describe", "--page")):
        assert run(command, catalog, option, plain, "--force").exit_code == 0
        scripts = Elements(plain.read_text()).scripts
        change_first_rows(small, spoil)
        assert run(command, small, option, hostile, "--force").exit_code == 0
        found = Elements(hostile.read_text())
        assert (found.scripts, found.suspicious) == (scripts, []), command
        assert HOSTILE not in hostile.read_text()
    results = tmp_path / "results"
    run("evaluate", "--model", "tiny", "--data", small, "--limit", 3, "--out", results)
    assert run("compare", results, results, "--out", tmp_path / "compared").exit_code == 0
    page = (tmp_path / "compared" / "report.html").read_text()
    assert Elements(page).suspicious == []
    assert HOSTILE not in page


def test_no_escape_sequence_reaches_the_terminal(tmp_path: Path, small: Path) -> None:
    nasty = "COATS\x1b]0;owned\x07\x1b[2J\x9b31m"
    change_first_rows(small, lambda row: {**row, "category3_code": nasty, "title": nasty})
    output = run("describe", small).output
    assert "COATS" in output
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", output)


def test_a_key_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    secret = base64.b64encode(b"secret key").decode()
    result = run(
        "generate", "demo", "--no-images", "--num-products", 5, "--out", f"s3://me:{secret}@bucket/x?key={secret}"
    )
    assert result.exit_code != 0
    assert secret not in result.output
