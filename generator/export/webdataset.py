"""Catalogs as WebDataset archives: `train-000000.tar` and so on, a picture and its row side by side in each.

The layout is that of https://github.com/webdataset/webdataset: the members of one sample share everything before the
first dot and follow each other. Times, owners and order are fixed, so the same rows give the same bytes.
"""

import contextlib
import tarfile
from collections.abc import Iterable

import pyarrow as pa

from generator.export.folder import ExportFolder, HashedFile
from generator.export.rows import ExportRow
from generator.export.tables import json_line, with_attributes

MAX_SAMPLES = 1_000
MAX_BYTES = 100_000_000
"""An archive is closed at whichever comes first."""


class _Archives:
    """The archives of one split, one open at a time."""

    def __init__(self, split: str, folder: ExportFolder) -> None:
        self._split, self._folder = split, folder
        self._stack = contextlib.ExitStack()
        self._file: HashedFile | None = None
        self._num_archives = self._num_samples = 0

    def add(self, members: dict[str, bytes]) -> None:
        """Append a sample, in a new archive where the present one is full."""
        sample = b"".join(_member(name, content) for name, content in members.items())
        full = self._file is not None and (
            self._num_samples >= MAX_SAMPLES or self._file.tell() + len(sample) > MAX_BYTES
        )
        if self._file is None or full:
            self.close()
            self._file = self._stack.enter_context(self._folder.open(f"{self._split}-{self._num_archives:06d}.tar"))
            self._num_archives, self._num_samples = self._num_archives + 1, 0
        self._file.write(sample)
        self._num_samples += 1

    def close(self) -> None:
        """End the archive with the zeros that the format wants."""
        if self._file is not None:
            end = 2 * tarfile.BLOCKSIZE
            with self._stack:
                self._file.write(bytes(end + -(self._file.tell() + end) % tarfile.RECORDSIZE))


def _member(name: str, content: bytes) -> bytes:
    """Header, content and padding; time 0, owner 0, mode 644."""
    about = tarfile.TarInfo(name)
    about.size = len(content)
    return about.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def write_webdataset(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder) -> None:
    """Every row is `KEY.json` and, where it has a picture, `KEY.jpg` (or what the picture is) before it."""
    with contextlib.ExitStack() as stack:
        archives: dict[str, _Archives] = {}
        for row in rows:
            if row.split not in archives:
                archives[row.split] = _Archives(row.split, folder)
                stack.callback(archives[row.split].close)
            members = {}
            if row.picture is not None and row.picture_name is not None:
                members[row.picture_name] = row.picture
                folder.count_picture(row.picture_name, row.picture)
            document = {**with_attributes(row.values), "image": row.picture_name}
            archives[row.split].add({**members, f"{row.stem}.json": json_line(document)})
