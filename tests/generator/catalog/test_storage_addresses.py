"""Addresses of catalogs: unusable URLs, secrets in URLs, and commands that accept only folders."""

from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from generator.catalog.storage import LocalFolder, RemoteFolder, resolve_folder
from schemas.util.files import is_unique_part
from toile.cli import main


@pytest.mark.parametrize(
    ("place", "problem", "hint"),
    [
        ("s3://", "names no bucket", "write PROTOCOL://BUCKET/PREFIX"),
        ("s3:///prefix", "names no bucket", "write PROTOCOL://BUCKET/PREFIX"),
        ("memory://", "names no bucket", "write PROTOCOL://BUCKET/PREFIX"),
        ("nowhere://bucket/x", "Protocol not known: nowhere", "s3://bucket/prefix"),
        ("S3://bucket/x", "is not the start of a URL", "write PROTOCOL://"),
        ("simplecache::s3://bucket/x", "is not the start of a URL", "write PROTOCOL://"),
        ("s3://bucket/../x", "an empty part, one of dots", "plain name"),
        ("s3://bucket//x", "an empty part", "plain name"),
        ("s3://bucket/a*", "or one of * [ ]", "plain name"),
        ("hf://datasets/a/b", "is a hub", "toile push"),
        ("gs://bucket/x", "needs a package that is not installed", "pip install gcsfs"),
    ],
)
def test_unusable_url_is_a_one_line_error(place: str, problem: str, hint: str) -> None:
    shown = CliRunner().invoke(main, ["generate", "demo", "--out", place], catch_exceptions=False)
    assert shown.exit_code == 1
    first, second = shown.stderr.strip().splitlines()
    assert problem in first
    assert hint in second


@pytest.mark.parametrize(
    "place", ["s3://AKIA:s3cr3t@bucket/x", "s3://bucket/x?token=s3cr3t", "sftp://me:s3cr3t@host/x"]
)
def test_no_secret_is_taken_from_a_url_or_shown(place: str) -> None:
    shown = CliRunner().invoke(main, ["generate", "demo", "--out", place], catch_exceptions=False)
    assert "contains a user name, a password or a query" in shown.stderr
    assert "s3cr3t" not in shown.output


def test_other_commands_accept_only_folders(tmp_path: Path) -> None:
    for command in (
        ["describe", "s3://bucket/x"],
        ["train", "run.yaml", "--out=s3://bucket/x"],
        ["fetch", "--out", "s3://bucket/x"],
        ["evaluate", "--model", "tiny", "--data", "gs://bucket/x", "--out", str(tmp_path / "out")],
    ):
        shown = CliRunner().invoke(main, command, catch_exceptions=False)
        assert shown.exit_code == 1
        first, second = shown.stderr.strip().splitlines()
        assert f"is a URL, and `toile {command[0]}` works with folders of this machine" in first
        assert "copy the folder to this machine first" in second


class _Slow(MemoryFileSystem):  # type: ignore[misc]
    """A file server that shows files while they are written; records the operations."""

    protocol = "slow"
    done: list[str] = []  # noqa: RUF012 - of the class, because fsspec makes the instances

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("slow://", "memory://")))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self.done.append(f"wrote {path}")
        super().pipe_file(path, value, mode=mode, **options)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        self.done.append(f"moved {path1} {path2}")
        super().mv(path1, path2, **options)


def test_file_server_gets_temporary_names_first() -> None:
    fsspec.register_implementation("slow", _Slow, clobber=True)
    place = resolve_folder("slow://host/catalog")
    place.write("manifest.json", b"{}")
    path = "/host/catalog/manifest.json"
    (wrote, moved) = _Slow.done
    aside = wrote.removeprefix("wrote ")
    assert is_unique_part(aside, path)
    assert moved == f"moved {aside} {path}"
    assert place.sizes() == {"manifest.json": 2}
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def test_equivalent_addresses_give_the_same_folder(tmp_path: Path) -> None:
    assert (
        resolve_folder(tmp_path)
        == resolve_folder(str(tmp_path))
        == resolve_folder(f"file://{tmp_path}")
        == LocalFolder(path=tmp_path)
    )
    place = RemoteFolder(url="memory://a/b")
    assert resolve_folder("memory://a/b/") == place == resolve_folder(place)
    assert (place.shared, place.where(), place.where("data/x")) == (False, "memory://a/b", "memory://a/b/data/x")
