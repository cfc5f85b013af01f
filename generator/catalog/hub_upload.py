"""Puts the files of a catalog into a data set of a Hugging Face hub: one commit, and only what is not there yet.

What the hub holds is compared by sha256 (large files) or by git's own hash (small ones) before anything is sent, and
once more afterwards. The token is that of HF_TOKEN or of `hf auth login`, the hub that of HF_ENDPOINT.
"""

import hashlib
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.tqdm import disable_progress_bars

from generator.ingest.hub import NETWORK_ERROR
from schemas.errors import ToileError
from schemas.manifest import MANIFEST

REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_OURS = re.compile(r"data/(train|validation|test)-\d{5,}-of-\d{5,}\.parquet|extra/[a-z-]+\.parquet")
"""What a push of toile may have put there before, and this one takes away where the new catalog has no such file."""
_ANYBODYS = {".gitattributes", "README.md"}
"""What a hub or its pages put into a new data set."""
_ERRORS = (OSError, ValueError, RuntimeError, NETWORK_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is sent where."""

    repository: str
    """owner/name of a data set."""
    files: Mapping[str, Path]
    """Name in the data set -> file of this machine."""
    sha256: Mapping[str, str]
    """What the large ones of these files are known to hold."""
    message: str
    private: bool = True
    """Who may see the data set; decides for a new one, and must not be less than that of one that is there."""
    branch: str | None = None
    """Made where it is missing; None for the main one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What the hub holds now."""

    url: str
    commit: str
    num_files: int
    """Files that were sent; 0 where all were there."""
    num_removed: int
    """Files of an earlier push that this catalog does not have."""


def upload(wanted: Upload, say: Callable[[str], None] = lambda text: None) -> Uploaded:
    """Make the data set hold these files and none of an earlier push.

    Raises ToileError where the hub cannot be reached or refuses, the data set holds what toile did not push, or others
    see it although it is to be private. `say` hears how much is sent, before it is.
    """
    if not REPOSITORY.fullmatch(wanted.repository):
        raise ToileError(wanted.repository, "is no name of a data set", "write OWNER/NAME, as in my-team/luxury")
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        return _uploaded(wanted, say)
    except _ERRORS as error:
        raise _refusal(wanted, error) from error


def _uploaded(wanted: Upload, say: Callable[[str], None]) -> Uploaded:
    api, name = HfApi(library_name="toile"), wanted.repository
    url = f"{constants.ENDPOINT}/datasets/{name}"
    _prepare(api, wanted)
    head = api.repo_info(name, repo_type="dataset", revision=wanted.branch)
    held = _held(api, name, str(head.sha))
    if MANIFEST not in held and set(held) - _ANYBODYS:
        hint = "name a new data set; toile adds to none that it did not make"
        raise ToileError(url, f"holds files that toile did not push, such as {min(set(held) - _ANYBODYS)}", hint)
    absent = {each: path for each, path in wanted.files.items() if not _is_held(wanted, each, held.get(each))}
    stale = sorted(each for each in set(held) - set(wanted.files) if _OURS.fullmatch(each))
    if not absent and not stale:
        return Uploaded(url=url, commit=str(head.sha), num_files=0, num_removed=0)
    num_bytes = sum(path.stat().st_size for path in absent.values())
    seen = "only you and your organisation see it" if head.private else "everybody sees it"
    say(f"sending {len(absent)} of {len(wanted.files)} files, {num_bytes / 1e6:,.2f} MB, to {url} ({seen})")
    with warnings.catch_warnings(record=True) as advice:
        warnings.simplefilter("always", UserWarning)
        commit = api.create_commit(
            name,
            [
                *(CommitOperationDelete(path_in_repo=each) for each in stale),
                *(CommitOperationAdd(path_in_repo=each, path_or_fileobj=path) for each, path in absent.items()),
            ],
            commit_message=wanted.message,
            repo_type="dataset",
            revision=wanted.branch,
            parent_commit=head.sha,
        )
    for each in advice:
        say(" ".join(str(each.message).split()))
    held = _held(api, name, commit.oid)
    differing = [each for each in wanted.files if not _is_held(wanted, each, held.get(each))]
    if differing:
        problem = f"does not hold what was sent: {differing[0]} differs or is missing"
        raise ToileError(
            url, problem, "see that no .gitignore lies there and that nothing writes to the folder, then push again"
        )
    return Uploaded(url=url, commit=commit.oid, num_files=len(absent), num_removed=len(stale))


def _prepare(api: HfApi, wanted: Upload) -> None:
    """Make the data set and the branch where they are missing."""
    name = wanted.repository
    try:
        info = api.repo_info(name, repo_type="dataset")
    except RepositoryNotFoundError:
        api.create_repo(name, repo_type="dataset", private=wanted.private, exist_ok=True)
    else:
        if wanted.private and not info.private:
            hint = "--public says that this is meant; or name another data set, or make that one private first"
            raise ToileError(f"{constants.ENDPOINT}/datasets/{name}", "is public already", hint)
    if wanted.branch is not None:
        api.create_branch(name, repo_type="dataset", branch=wanted.branch, exist_ok=True)


def _held(api: HfApi, name: str, commit: str) -> dict[str, RepoFile]:
    tree = api.list_repo_tree(name, repo_type="dataset", revision=commit, recursive=True)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def _is_held(wanted: Upload, name: str, entry: RepoFile | None) -> bool:
    """Whether the hub has the very content of a file; git names one that it keeps itself by this hash."""
    if entry is None or entry.size != wanted.files[name].stat().st_size:
        return False
    if entry.lfs:
        return name in wanted.sha256 and entry.lfs.sha256 == wanted.sha256[name]
    content = wanted.files[name].read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest() == entry.blob_id


def _refusal(wanted: Upload, error: Exception) -> ToileError:
    """What the hub or the network answered, in one line; a token is in none of it."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ is not None else error
    reason = " ".join(str(cause).split())[:200] or type(cause).__name__
    status = cause.response.status_code if isinstance(cause, HfHubHTTPError) else None
    if status in (401, 403):
        hint = "set HF_TOKEN or run `hf auth login`, with a token that may write there"
        problem = f"cannot be pushed to: {constants.ENDPOINT} refuses the token, or there is none ({status})"
        return ToileError(wanted.repository, problem, hint)
    if isinstance(cause, RevisionNotFoundError):
        return ToileError(wanted.repository, f"has no branch {wanted.branch}", "leave --revision out for the main one")
    if isinstance(cause, (NETWORK_ERROR, ConnectionError)) and status is None:
        reason = f"{constants.ENDPOINT} cannot be reached ({reason})"
    hint = "run the same command again later: what is there already is not sent again"
    return ToileError(wanted.repository, f"cannot be pushed to: {reason}", hint)
