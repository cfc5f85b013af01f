"""Pictures on their way into shards: the files by their sha256, and a journal of what became of each URL.

A run that was killed reads the journal and asks only for what is missing. Nothing in it is believed without looking: a
last line that was cut is dropped, and a picture whose file is gone or other than its sha256 says is asked for again, so
nothing has to be flushed to the disk picture by picture.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from schemas.errors import ToileError
from schemas.util.files import storage_errors, write_atomic

FETCHED, DEAD, NO_PICTURE, TOO_LARGE, REFUSED = "fetched", "dead", "not a picture", "too large", "refused"
OUTCOMES = (FETCHED, DEAD, NO_PICTURE, TOO_LARGE, REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOutcome:
    """What became of one URL."""

    url: str
    outcome: str
    """One of OUTCOMES."""
    reason: str = ""
    """Why there is no picture, in few words that many pictures share: `404 Not Found`, `an HTML page`."""
    status: int | None = None
    """Of the last answer; None if there was none."""
    num_bytes: int | None = None
    sha256: str | None = None
    """Of the picture's file; None without one."""
    final_url: str | None = None
    """Where redirects led, if there were any."""


class Downloads:
    """The journal and the pictures in one folder; a context manager that holds the journal open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes: dict[str, PictureOutcome] = {}
        self._journal: TextIO | None = None

    def __enter__(self) -> "Downloads":
        path = self.folder / "journal.jsonl"
        with storage_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                self.outcomes = {each.url: each for each in read_outcomes(path) if self._whole(each)}
            self._rewrite(path)
            self._journal = path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *raised: object) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            with storage_errors(self.folder / "journal.jsonl"):  # what a full disk did not take is tried once more
                journal.close()

    def keep(self, outcome: PictureOutcome, content: bytes | None = None) -> None:
        """Remember an outcome; the picture's file is there before its line is."""
        assert self._journal is not None
        path = self.folder / "journal.jsonl" if outcome.sha256 is None else self._file(outcome.sha256)
        with storage_errors(path):
            if outcome.sha256 is not None and content is not None and not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, content, fsync=False)  # the journal has its sha256
            self._journal.write(as_line(outcome))
            self._journal.flush()
        self.outcomes[outcome.url] = outcome

    def forget(self, unwanted: Callable[[PictureOutcome], bool]) -> int:
        """Forget outcomes, so that their URLs are asked again; returns how many."""
        assert self._journal is not None
        before = len(self.outcomes)
        self.outcomes = {url: each for url, each in self.outcomes.items() if not unwanted(each)}
        path = self.folder / "journal.jsonl"
        with storage_errors(path):
            self._journal.close()
            self._rewrite(path)
            self._journal = path.open("a", encoding="utf-8")
        return before - len(self.outcomes)

    def read(self, sha256: str) -> bytes:
        """The picture of that sha256, checked."""
        path = self._file(sha256)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ToileError(str(path), f"cannot be read: {error.strerror}", "fetch again, it continues") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ToileError(str(path), "changed since it was fetched", "fetch again, it continues")
        return content

    def _file(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _whole(self, outcome: PictureOutcome) -> bool:
        if outcome.sha256 is None:
            return True
        path = self._file(outcome.sha256)
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == outcome.sha256

    def _rewrite(self, path: Path) -> None:
        write_atomic(path, "".join(as_line(each) for each in self.outcomes.values()))


def as_line(outcome: PictureOutcome) -> str:
    """One line of the journal and of the frozen list: what is unknown is left out."""
    known = {name: value for name, value in asdict(outcome).items() if value not in (None, "")}
    return json.dumps(known, ensure_ascii=True) + "\n"


def read_outcomes(path: Path) -> Iterable[PictureOutcome]:
    """The outcomes of a journal or a frozen list; lines that are none (cut, or of another version) are left out."""
    names = set(PictureOutcome.__dataclass_fields__)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            document: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict) and {"url", "outcome"} <= document.keys() <= names:
            yield PictureOutcome(**document)


def frozen_list(outcomes: Iterable[PictureOutcome]) -> str:
    """All outcomes by URL: the same text for the same answers, in whatever order they came."""
    return "".join(as_line(each) for each in sorted(outcomes, key=lambda each: each.url))
