"""Read and write the files of a catalog: in a local folder, or under a prefix of an object store (any fsspec URL).

    folder = resolve_folder("s3://my-bucket/luxury")
    folder.write("manifest.json", b"{}")

File names are relative to the folder, with forward slashes. Both kinds write a file completely or not at all: on a disk
to a temporary file that is synced and renamed; in an object store one PUT (or the end of a multipart upload) makes it
visible. A sub-folder exists while a file is in it. Both kinds are plain records that can be sent to other processes.
This is the only module that uses fsspec. Credentials come from the environment or the configuration files of the
store's own library, never from the URL.
"""

import contextlib
import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from schemas.errors import ToileError
from schemas.util.files import open_atomic, storage_errors, unique_part_name

_URL = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]+)://(?P<authority>[^/]*)(?P<path>/.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"[\w.-]*(:\d{1,5})?")
_LOCAL = ("file", "local")
_ATOMIC_PROTOCOLS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "memory")
"""Protocols whose files become visible when complete; under others a temporary file is written and renamed."""
_S3 = ("s3", "s3a")
_S3_OPTIONS = {"config_kwargs": {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 3}}}
"""Timeouts in seconds, and attempts; s3fs itself retries up to five times when a response breaks off."""
_FOREIGN_ERRORS = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "azure.core.exceptions": ("AzureError",),
}
"""Base classes of errors of the libraries under fsspec that are no OSError; used only where they are loaded."""
_BLOCK = 4 << 20
"""Bytes of one request when a file is read in pieces."""
_INSTALL = {
    **dict.fromkeys(_S3, 'pip install s3fs, or pip install "toile[s3]"'),
    **dict.fromkeys(("gs", "gcs"), "pip install gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "pip install adlfs"),
}
_CREDENTIALS_HINT = (
    "check the credentials in the environment or the store's configuration files (AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and that they may list, read, write and delete there"
)
_NETWORK_HINT = (
    "check the network and the address of the store (for S3 in AWS_ENDPOINT_URL), then run the same command again; it "
    "continues"
)


class Folder(Protocol):
    """The files of one catalog."""

    @property
    def shared(self) -> bool:
        """Whether other processes see the same files."""
        ...

    def where(self, name: str = "") -> str:
        """Return the name of the folder, or of a file in it, for messages."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None where there is none."""
        ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading; it can seek."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically; it replaces another of that name."""
        ...

    def put(self, name: str, file: Path) -> None:
        """Write the content of a local file of any size, like `write`."""
        ...

    def sizes(self, under: str = "") -> dict[str, int | None]:
        """Return name -> bytes of the entries of a sub-folder, sorted; None for folders, empty where it is missing.

        A file in place of the folder itself has the name "".
        """
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that `sizes` named, and sub-folders left empty; missing files are no error."""
        ...


def resolve_folder(place: "str | Path | Folder") -> Folder:
    """Return the folder at a path or a URL; a `Folder` is returned as it is. Nothing is requested or created yet.

    Raises ToileError for an unusable URL: an unknown protocol, no bucket, credentials in it, a chain of protocols.
    """
    if isinstance(place, Path):
        return LocalFolder(path=place)
    if not isinstance(place, str):
        return place
    if "://" not in place:
        return LocalFolder(path=Path(place))
    match = _URL.fullmatch(place)
    if match is None:
        raise ToileError(
            place.partition("://")[0], "is not the start of a URL", "write PROTOCOL://..., as in s3://bucket/prefix"
        )
    protocol, authority, path = match["protocol"], match["authority"], match["path"] or ""
    if not _AUTHORITY.fullmatch(authority) or {"?", "#"} & set(path):
        hint = "leave them out: credentials come from the environment or the store's configuration files"
        raise ToileError(f"{protocol}://...", "contains a user name, a password or a query", hint)
    if protocol in _LOCAL:
        return LocalFolder(path=Path(authority + path))
    if protocol == "hf":
        raise ToileError(place, "is a hub", "write to a folder, then `toile push FOLDER OWNER/NAME`")
    parts = path.removeprefix("/").rstrip("/").split("/")
    if not authority and (protocol != "memory" or parts == [""]):
        raise ToileError(place, "names no bucket", "write PROTOCOL://BUCKET/PREFIX, as in s3://my-bucket/luxury")
    if (parts != [""] and {"", ".", ".."} & set(parts)) or set("*[]\\") & set(path):
        raise ToileError(place, "has an empty part, one of dots, or one of * [ ] \\", "give the prefix a plain name")
    folder = RemoteFolder(url=place.rstrip("/"))
    folder.check()
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFolder:
    """A folder of a disk."""

    path: Path
    shared = True

    def where(self, name: str = "") -> str:
        return str(self.path / name)

    def read(self, name: str) -> bytes | None:
        path = self.path / _check_name(name)
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            hint = "check the path and its permissions"
            raise ToileError(str(path), f"cannot be read: {error.strerror}", hint) from error

    def open(self, name: str) -> BinaryIO:
        return (self.path / _check_name(name)).open("rb")

    def write(self, name: str, content: bytes) -> None:
        self._write(name, io.BytesIO(content))

    def put(self, name: str, file: Path) -> None:
        with file.open("rb") as content:
            self._write(name, content)

    def _write(self, name: str, content: BinaryIO) -> None:
        path = self.path / _check_name(name)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(path, unique=True) as file:
            shutil.copyfileobj(content, file)

    def sizes(self, under: str = "") -> dict[str, int | None]:
        folder = self.path / _check_name(under)
        try:
            if folder.is_file():
                return {under: folder.stat().st_size}
            with os.scandir(folder) as entries:
                found = {entry.name: _size(entry) for entry in entries}
        except FileNotFoundError:
            return {}
        except OSError as error:
            hint = "check the path and its permissions"
            raise ToileError(str(folder), f"cannot be listed: {error.strerror}", hint) from error
        prefix = f"{under}/" if under else ""
        return {f"{prefix}{name}": found[name] for name in sorted(found)}

    def remove(self, names: Iterable[str]) -> None:
        paths = [self.path / _check_name(name) for name in names]
        with storage_errors(self.path):
            for path in paths:
                path.unlink(missing_ok=True)
        for parent in {path.parent for path in paths} - {self.path}:
            with contextlib.suppress(OSError):  # others' files are in it
                parent.rmdir()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFolder:
    """The files under a prefix of an object store; nothing is cached between calls."""

    url: str

    @property
    def shared(self) -> bool:
        return not self.url.startswith("memory:")

    def where(self, name: str = "") -> str:
        return f"{self.url}/{name}" if name else self.url

    def check(self) -> None:
        """Raise ToileError for an unknown protocol or a missing package."""
        protocol = self.url.partition("://")[0]
        with self._errors("", "reached"):
            try:
                self._store()
            except ImportError as error:
                hint = _INSTALL.get(protocol, "install the package that it names")
                raise ToileError(self.url, f"needs a package that is not installed: {error}", hint) from error
            except ValueError as error:
                raise ToileError(self.url, f"cannot be used: {error}", "write s3://bucket/prefix, say") from error

    def read(self, name: str) -> bytes | None:
        try:
            with self._errors(name, "read"):
                store, path = self._store(name)
                content: bytes = store.cat_file(path)
        except _MissingError:
            return None
        return content

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self._errors(name, "read"):
            store, path = self._store(name)
            with store.open(path, "rb", block_size=_BLOCK) as file:
                yield file

    def write(self, name: str, content: bytes) -> None:
        with self._errors(name, "written"):
            store, path = self._store(name)
            temporary = self._temporary_path(path)
            store.pipe_file(temporary, content)
            self._rename(store, temporary, path)

    def put(self, name: str, file: Path) -> None:
        with self._errors(name, "written"):
            store, path = self._store(name)
            temporary = self._temporary_path(path)
            store.put_file(str(file), temporary)
            self._rename(store, temporary, path)

    def sizes(self, under: str = "") -> dict[str, int | None]:
        try:
            with self._errors(under, "listed"):
                store, path = self._store(under)
                listed = store.ls(path, detail=True)
        except _MissingError:
            return {}
        root = self._store()[1].strip("/")
        found: dict[str, int | None] = {}
        for entry in listed:
            name = f"{entry['name'].strip('/')}/".removeprefix(f"{root}/").rstrip("/")
            is_folder = entry["type"] == "directory"
            if name != under or not (
                is_folder or entry["name"].endswith("/")
            ):  # without the folder markers of web consoles
                found[name] = None if is_folder else int(entry["size"])
        return dict(sorted(found.items()))

    def remove(self, names: Iterable[str]) -> None:
        paths = [self._store(name)[1] for name in names]
        if paths:
            with contextlib.suppress(_MissingError), self._errors("", "removed"):
                self._store()[0].rm(paths)

    def _store(self, name: str = "") -> tuple[Any, str]:
        """Return the file system of this process, which fsspec caches, and the path of a file in it."""
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        options = _S3_OPTIONS if self.url.partition("://")[0] in _S3 else {}
        store, path = url_to_fs(self.where(_check_name(name)), use_listings_cache=False, **options)
        return store, path

    def _temporary_path(self, path: str) -> str:
        return path if self.url.partition("://")[0] in _ATOMIC_PROTOCOLS else unique_part_name(path)

    def _rename(self, store: Any, temporary: str, path: str) -> None:
        if temporary != path:
            store.mv(temporary, path)

    @contextlib.contextmanager
    def _errors(self, name: str, done: str) -> Iterator[None]:
        """Turn errors of the store, its library or the network into a ToileError that names the file."""
        try:
            yield
        except _foreign_errors() as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            answer = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
            missing = isinstance(error, FileNotFoundError) and answer != "NoSuchBucket"
            kind = _MissingError if missing else ToileError
            raise kind(self.where(name), f"cannot be {done}: {said}", _hint(error)) from error


def _size(entry: "os.DirEntry[str]") -> int | None:
    """Return the size of a file; None for a folder, and for a file that another process has just renamed or removed."""
    try:
        return entry.stat().st_size if entry.is_file() else None
    except FileNotFoundError:
        return None


class _MissingError(ToileError):
    """A file or folder does not exist."""


def _check_name(name: str) -> str:
    """Return a name that leads into the folder, or raise ToileError; names come from manifests, which are untrusted."""
    if name and (name[0] == "/" or "\\" in name or ":" in name or {"", ".", ".."} & set(name.split("/"))):
        raise ToileError(name, "is not the name of a file in a catalog", "take the manifest that came with the files")
    return name


def _foreign_errors() -> tuple[type[Exception], ...]:
    loaded = [(sys.modules[module], names) for module, names in _FOREIGN_ERRORS.items() if module in sys.modules]
    return (OSError, ValueError, NotImplementedError, *(getattr(module, n) for module, names in loaded for n in names))


def _hint(error: Exception) -> str:
    """Return what to do next, by the kind of error."""
    kinds = {each.__name__ for each in type(error).__mro__}
    if isinstance(error, FileNotFoundError):
        return "create the bucket first, or correct its name; toile creates none"
    if kinds & {"PermissionError", "NoCredentialsError", "PartialCredentialsError", "GoogleAuthError"}:
        return _CREDENTIALS_HINT
    if kinds & {"ProfileNotFound", "ConfigNotFound", "NoRegionError", "NotImplementedError"}:
        return "check the URL and the configuration of the store (AWS_PROFILE, AWS_REGION, ~/.aws/config)"
    return _NETWORK_HINT
