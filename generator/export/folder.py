"""A folder while an export writes into it: every file's size and sha256 are known when it is closed."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from schemas.documents import Count, Sha256
from schemas.util.files import storage_errors

FORMS = ("csv", "jsonl", "sql", "webdataset", "imagefolder")
"""What an export can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """One table, archive or page of the export."""

    path: str
    """Relative to the folder, with forward slashes."""
    num_bytes: Count
    sha256: Sha256


class HashedFile:
    """A new binary file, to be used in a `with`; what Arrow and tarfile need of a file to write to."""

    def __init__(self, folder: "ExportFolder", name: str) -> None:
        self._folder, self._name, self._path = folder, name, folder.path / name
        self._digest, self._num_bytes = hashlib.sha256(), 0
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")

    @property
    def closed(self) -> bool:
        """Whether it can still be written to."""
        return self._file.closed

    def write(self, content: bytes) -> int:
        """Append; a full or read-only disk is a ToileError."""
        with storage_errors(self._path):
            self._file.write(content)
        self._digest.update(content)
        self._num_bytes += len(content)
        return len(content)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._num_bytes

    def __enter__(self) -> "HashedFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with storage_errors(self._path):
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()
        if error is None:
            found = ExportFile(path=self._name, num_bytes=self._num_bytes, sha256=self._digest.hexdigest())
            self._folder.files[self._name] = found


class ExportFolder:
    """What has been written so far: tables by name, and pictures, which may be millions, as a count and one hash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, ExportFile] = {}
        self.num_pictures = 0
        self.picture_bytes = 0
        self._pictures = hashlib.sha256()
        self._made: set[str] = set()

    def open(self, name: str) -> HashedFile:
        """A new file of that name, its folders made on the way."""
        return HashedFile(self, name)

    def remove(self, name: str) -> None:
        """Take a finished file back."""
        del self.files[name]
        (self.path / name).unlink()

    def count_picture(self, name: str, content: bytes) -> None:
        """Remember a picture that lies in an archive or, by `add_picture`, in a file."""
        self.num_pictures += 1
        self.picture_bytes += len(content)
        self._pictures.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())

    def add_picture(self, folder: str, name: str, content: bytes) -> str:
        """Write a picture as it is; returns its path relative to the export."""
        path = self.path / folder / name
        with storage_errors(path):
            if folder not in self._made:
                path.parent.mkdir(exist_ok=True)
                self._made.add(folder)
            path.write_bytes(content)
        self.count_picture(f"{folder}/{name}", content)
        return f"{folder}/{name}"

    @property
    def pictures_sha256(self) -> str:
        """Of one line a picture, in row order: its name, a space, its sha256."""
        return self._pictures.hexdigest()
