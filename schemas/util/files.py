"""Write files atomically, hash them, and turn disk errors into `ToileError`.

>>> write_atomic(Path("/tmp/toile-example.txt"), "hello")
>>> Path("/tmp/toile-example.txt").read_text()
'hello'
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from schemas.errors import ToileError


@contextlib.contextmanager
def storage_errors(where: object) -> Iterator[None]:
    """Turn an `OSError` of a write (disk full, read-only, forbidden) into a `ToileError` that names `where`."""
    try:
        yield
    except OSError as error:
        hints = {
            errno.ENOSPC: "free some space and run the same command again; it continues",
            errno.EDQUOT: "free some space and run the same command again; it continues",
            errno.EFBIG: "write to a disk that takes larger files and run the same command again",
            errno.EACCES: "check who owns the folder",
            errno.EROFS: "choose a folder that can be written to",
        }
        problem = f"cannot be written: {error.strerror or error}"
        raise ToileError(str(where), problem, hints.get(error.errno or 0, "check the disk")) from error


@contextlib.contextmanager
def open_atomic(path: Path, *, unique: bool = False, fsync: bool = True) -> Iterator[BinaryIO]:
    """Open a binary file that replaces `path` when the block ends without an error.

    A reader sees the old file or the whole new one, also after a kill or a full disk. After an error the temporary
    file is removed and `path` is unchanged.

    Args:
        path: the file to write; its folder must exist.
        unique: use a random temporary name, for a file that several processes may write at the same time. Otherwise
            the temporary name is `NAME.part`, so that a later run overwrites what a killed one left.
        fsync: flush to the disk before the rename. False for many small files that can be made again.

    Raises:
        ToileError: the file cannot be written.
    """
    temporary = Path(unique_part_name(str(path))) if unique else part_path(path)
    with storage_errors(path):
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                if fsync:
                    os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # it is gone unless something failed


def write_atomic(path: Path, content: bytes | str, *, unique: bool = False, fsync: bool = True) -> None:
    """Write a whole file atomically; text is encoded as UTF-8. See `open_atomic` for the arguments.

    Lone surrogates, as in names of files that are not UTF-8, become their escapes, which JSON reads back.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with open_atomic(path, unique=unique, fsync=fsync) as file:
        file.write(data)


def part_path(path: Path) -> Path:
    """Return the temporary path, `NAME.part`, that `open_atomic` writes before it renames."""
    return path.with_name(path.name + ".part")


def unique_part_name(path: str) -> str:
    """Return a temporary name next to `path` that no other process uses: `PATH.<16 hex digits>.part`."""
    return f"{path}.{secrets.token_hex(8)}.part"


def is_unique_part(name: str, of: str = "") -> bool:
    """Return whether `name` is a temporary name of `unique_part_name`, for the file `of` or, without it, for any."""
    return re.fullmatch(rf"{re.escape(of) or '.+'}\.[0-9a-f]{{16}}\.part", name) is not None


def write_json(path: Path, document: Any) -> None:
    """Write a document or record as JSON, atomically."""
    write_atomic(path, json_text(document))


def json_text(document: Any) -> str:
    """Return a document or record as the text of its JSON file."""
    return json.dumps(document, indent=1, ensure_ascii=False, default=_to_json) + "\n"


def as_document(record: Any) -> dict[str, Any]:
    """Return a record as plain JSON values."""
    document: dict[str, Any] = json.loads(json.dumps(record, default=_to_json))
    return document


def sha256_of(document: Any) -> str:
    """Return the SHA-256 of a document's canonical JSON form: sorted keys, no spaces."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_to_json)
    return text_sha256(text)


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text as hexadecimal digits; as a sort key it gives a random, repeatable order."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
