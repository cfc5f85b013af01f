"""Atomic writes: the old file or the whole new one, whatever fails; hashes of documents and files."""

import errno
import hashlib
import json
from pathlib import Path

import pytest

from schemas.errors import ToileError
from schemas.util.files import (
    file_sha256,
    is_unique_part,
    open_atomic,
    part_path,
    sha256_of,
    unique_part_name,
    write_atomic,
    write_json,
)


@pytest.mark.parametrize("unique", [False, True])
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, unique: bool) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, "old", unique=unique)
    with pytest.raises(TypeError), open_atomic(path, unique=unique) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]  # the error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_atomic(path, b"new", unique=unique)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_read_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, "old")
    with open_atomic(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        assert part_path(path).read_bytes() == b"new"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("fsync", [False, True])
def test_files_are_synced_unless_the_caller_can_make_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("schemas.util.files.os.fsync", synced.append)
    write_atomic(tmp_path / "a", b"x", fsync=fsync)
    assert len(synced) == fsync


def test_a_full_disk_is_an_error_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_atomic(tmp_path / "a.json", "old")
    monkeypatch.setattr("schemas.util.files.os.fsync", full)
    with pytest.raises(ToileError) as caught:
        write_json(tmp_path / "a.json", {"a": 1})
    assert caught.value.where == str(tmp_path / "a.json")
    assert "free some space" in caught.value.hint
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_unique_names_are_recognised() -> None:
    name = unique_part_name("data/manifest.json")
    assert name != unique_part_name("data/manifest.json")
    assert is_unique_part(name)
    assert is_unique_part(name, "data/manifest.json")
    assert not is_unique_part(name, "manifest.json")
    assert not is_unique_part("mine.part")


def test_hashes_are_those_of_the_bytes_and_of_the_sorted_document(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()
    assert sha256_of({"b": [1, Path("x")], "a": "é"}) == hashlib.sha256('{"a":"é","b":[1,"x"]}'.encode()).hexdigest()


def test_a_name_that_is_not_utf8_survives_in_json(tmp_path: Path) -> None:
    name = b"r\xe9sultats".decode("utf-8", "surrogateescape")
    write_atomic(tmp_path / "a.json", json.dumps({"name": name}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": name}
