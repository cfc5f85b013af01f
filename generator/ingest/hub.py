"""The client of a Hugging Face hub: download the files of data sets and models, and explain what the hub answers.

Every module that talks to the hub does so through here. A revision is resolved to a commit before anything is taken, so
that what was downloaded has a permanent name. The hub is that of HF_ENDPOINT, the token that of HF_TOKEN or of
`hf auth login`; with HF_HUB_OFFLINE=1 only the cache is used.
"""

import fnmatch
import glob
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from schemas.errors import ToileError

HUB_NAME = re.compile(r"(?P<name>\w[\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")
"""owner/name or owner/name@revision."""
NETWORK_ERROR: type[Exception] = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
"""The root of all errors of the HTTP library under huggingface_hub, which changes with its versions."""
HUB_ERRORS = (OSError, ValueError, NETWORK_ERROR)
"""What huggingface_hub raises: all its own errors are one of the first two, those of the network are the last."""
_OFFLINE_HINT = (
    "to continue offline, set HF_HOME to a cache that has it (with HF_HUB_OFFLINE=1), or copy its files to this "
    "machine and give the file or folder: toile fetch FILE.parquet; where the images are local too, use toile import"
)
_MODEL_HINT = (
    "Check the name and the network; to continue offline, copy the checkpoint to this machine and give its folder, "
    'or use the built-in model "tiny".'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFiles:
    """The data files of one commit, on this machine."""

    name: str
    commit: str
    folder: Path
    files: tuple[str, ...]
    """Relative to `folder`, in the order they are read in."""


def hub_client() -> HfApi:
    """Return the client for everything but downloads; without a terminal, progress bars of the library are off."""
    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(library_name="toile")


def hub_url(dataset: str) -> str:
    """Return the address of the page of a data set."""
    return f"{constants.ENDPOINT}/datasets/{dataset}"


def explain_hub_error(error: Exception) -> str:
    """Return the reason of an error of the hub in one line of at most 200 characters of the original text."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, (NETWORK_ERROR, ConnectionError)) and not isinstance(error, HfHubHTTPError):
        return f"{constants.ENDPOINT} cannot be reached ({reason})"
    return reason


def download_model(name: str, revision: str | None, patterns: tuple[str, ...], say: Callable[[str], None]) -> Path:
    """Download the files of a model that match `patterns`, and return the folder of the snapshot in the cache.

    `say` is called with the number and size of what is not in the cache yet, before it is downloaded. Raises
    ToileError where the hub refuses or cannot be reached.
    """
    client = hub_client()
    if not constants.HF_HUB_OFFLINE:
        try:
            info = client.model_info(name, revision=revision, files_metadata=True)
        except NETWORK_ERROR:
            pass  # the cache may have it all; if not, the download below says why
        else:
            sizes = {
                file.rfilename: file.size or 0
                for file in info.siblings or ()
                if any(fnmatch.fnmatchcase(file.rfilename, pattern) for pattern in patterns)
            }
            absent = _missing_files(name, sorted(sizes), str(info.sha), "model")
            if absent:
                size = sum(sizes[file] for file in absent) / 1e9
                say(f"fetching {len(absent)} files of {name}, {size:.2f} GB, into {constants.HF_HUB_CACHE}")
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except HUB_ERRORS as error:
        where = name if revision is None else f"{name}@{revision}"
        reason, hint = _explain_refusal(error, "model", f"{constants.ENDPOINT}/{name}", revision) or (
            explain_hub_error(error),
            _MODEL_HINT,
        )
        raise ToileError(where, f"cannot be fetched from the hub: {reason}", hint) from error


def _explain_refusal(error: Exception, kind: str, page: str, revision: str | None) -> tuple[str, str] | None:
    """Return problem and hint where the hub has refused a repository; None for any other error."""
    if isinstance(error, GatedRepoError):
        return "it is gated", f"agree to its terms at {page}, then set HF_TOKEN or run `hf auth login`"
    if isinstance(error, RepositoryNotFoundError):
        hint = "check the name; for a private one, set HF_TOKEN or run `hf auth login`"
        return f"there is no such {kind}", hint
    if isinstance(error, RevisionNotFoundError):
        return f"it has no revision {revision}", "leave out @REVISION for the newest one"
    return None


def download_dataset(
    dataset: str,
    choose: Callable[[list[str]], list[str]],
    kinds: tuple[tuple[str, ...], ...],
    say: Callable[[str], None] = lambda text: None,
) -> HubFiles:
    """Download some files of a data set.

    Args:
        dataset: `owner/name` or `owner/name@revision`.
        choose: Returns the wanted names, given all names of the data set. No other file is downloaded.
        kinds: Used where the hub cannot be reached: groups of patterns. The cache is used if it has all files of the
            first group of which it has any.
        say: Called with the number and size of the files before they are downloaded.

    Raises:
        ToileError: The name is not one of a hub, or the hub refuses or cannot be reached.
    """
    match = HUB_NAME.fullmatch(dataset)
    if match is None:
        hint = "give a hub name such as DBQ/Burberry.Product.prices.United.States, or the path of a table"
        raise ToileError(dataset, "is neither a file, nor a folder, nor a hub name", hint)
    name, revision = match["name"], match["revision"]
    try:
        return _download_commit(name, revision, choose, kinds, say)
    except HUB_ERRORS as error:
        reason, hint = _explain_refusal(error, "data set", hub_url(name), revision) or (
            explain_hub_error(error),
            _OFFLINE_HINT,
        )
        raise ToileError(dataset, f"cannot be fetched from the hub: {reason}", hint) from error


def _download_commit(
    name: str,
    revision: str | None,
    choose: Callable[[list[str]], list[str]],
    kinds: tuple[tuple[str, ...], ...],
    say: Callable[[str], None],
) -> HubFiles:
    """Download the chosen files of the newest commit of a revision, or find them in the cache."""
    try:
        info = hub_client().dataset_info(name, revision=revision, files_metadata=True)
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except HUB_ERRORS as error:
        cached = _find_in_cache(name, revision, choose, kinds)
        if cached is None:
            raise error from None
        say(f"the hub cannot be reached; using the copy in the cache, commit {cached.commit}")
        return cached
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    chosen, commit = choose(sorted(sizes)), str(info.sha)
    absent = _missing_files(name, chosen, commit, "dataset")
    if absent:
        size = sum(sizes[file] for file in absent) / 1e6
        say(f"fetching {len(absent)} files of {name}, {size:,.2f} MB, commit {commit}, into {constants.HF_HUB_CACHE}")
    exactly = [glob.escape(file) for file in chosen]
    folder = Path(snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=exactly))
    if folder.name != commit:  # the branch moved in this moment
        folder = Path(snapshot_download(name, repo_type="dataset", revision=commit, allow_patterns=exactly))
    return HubFiles(name=name, commit=commit, folder=folder, files=tuple(chosen))


def _missing_files(name: str, files: list[str], commit: str, kind: str) -> list[str]:
    """Return the files that the cache does not have."""
    return [
        file
        for file in files
        if not isinstance(try_to_load_from_cache(name, file, repo_type=kind, revision=commit), str)
    ]


def _find_in_cache(
    name: str,
    revision: str | None,
    choose: Callable[[list[str]], list[str]],
    kinds: tuple[tuple[str, ...], ...],
) -> HubFiles | None:
    """Return what the cache has of a revision; None where files are missing, as far as the cache knows of them."""
    for patterns in kinds:
        try:
            folder = Path(
                snapshot_download(
                    name, repo_type="dataset", revision=revision, local_files_only=True, allow_patterns=list(patterns)
                )
            )
        except HUB_ERRORS:
            return None
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        if any(fnmatch.fnmatchcase(each, pattern) for each in names for pattern in patterns):
            return HubFiles(name=name, commit=folder.name, folder=folder, files=tuple(choose(names)))
    return None
