"""Upload a finished catalog to a data set of a Hugging Face hub: one commit, with only what is not there yet.

    push(Path("data/luxury"), "my-team/luxury")

The files are those that the manifest lists. What the hub has is compared by sha256 (large files) or by git's own hash
(small ones) before anything is sent, and again afterwards. Catalogs of real rows contain images and texts of other
people, and are refused unless that is asked for.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile

from generator.catalog.storage import LocalFolder
from generator.catalog.verify import find_damage
from generator.ingest.hub import HUB_ERRORS, explain_hub_error, hub_client, hub_url
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, read_manifest

CARD = "README.md"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_OWN_FILES = re.compile(r"data/(train|validation|test)-\d{5,}-of-\d{5,}\.parquet|extra/[a-z-]+\.parquet")
"""Files of an earlier push. They are removed where the new catalog has no such file."""
_HUB_FILES = {".gitattributes", "README.md"}
"""Files that a hub or its pages put into a new data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is sent where."""

    repository: str
    """owner/name of a data set."""
    files: Mapping[str, Path]
    """Name in the data set -> file of this machine."""
    sha256: Mapping[str, str]
    """Name -> known sha256, for the large files."""
    message: str
    private: bool = True
    """Visibility of a new data set. An existing one must not be public where this is True."""
    branch: str | None = None
    """Created where it is missing; None for the main one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadResult:
    """What the hub has now."""

    url: str
    commit: str
    num_files: int
    """Files that were sent; 0 where all were there."""
    num_removed: int
    """Files of an earlier push that this catalog does not have."""


def push(
    folder: Path,
    repository: str,
    *,
    private: bool = True,
    branch: str | None = None,
    message: str | None = None,
    allow_real: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> UploadResult:
    """Upload a folder's shards, manifest and data card. Lists of rejected or fetched rows are not uploaded.

    Raises:
        ToileError: The folder is unfinished, a file differs from the manifest, the rows are real without `allow_real`,
            or the hub refuses.
    """
    manifest = read_manifest(folder)
    if manifest.kind != "generate" and not allow_real:
        made = {"import": "imported", "fetch": "fetched"}[manifest.kind]
        problem = f"contains real rows ({made}), whose texts and images belong to other people"
        hint = "push a generated catalog; or, if you have the right to publish these rows, add --allow-real"
        raise ToileError(str(folder), problem, hint)
    for entry, problem_found in find_damage(LocalFolder(path=folder), manifest):
        if problem_found is not None:
            raise ToileError(str(folder / entry.path), problem_found, "make the folder again with --force, then push")
    sha256 = {entry.path: entry.sha256 for entry in manifest.files}
    sha256 |= {entry.path: entry.sha256 for entry in manifest.extra}
    if not (folder / CARD).is_file():
        raise ToileError(str(folder / CARD), "is missing", "make the folder again with --force, then push")
    message = message or f"{manifest.num_products:,} products by toile {manifest.versions.get('toile', '')}".strip()
    wanted = Upload(
        repository=repository,
        files={name: folder / name for name in (MANIFEST, CARD, *sha256)},
        sha256=sha256,
        message=message,
        private=private,
        branch=branch,
    )
    return upload(wanted, say)


def upload(wanted: Upload, say: Callable[[str], None] = lambda text: None) -> UploadResult:
    """Make the data set contain these files and none of an earlier push.

    `say` is called with the number and size of the files before they are sent.

    Raises:
        ToileError: The hub cannot be reached or refuses, the data set has files that toile did not push, or it is
            public although it is to be private.
    """
    if not REPOSITORY.fullmatch(wanted.repository):
        raise ToileError(wanted.repository, "is not a name of a data set", "write OWNER/NAME, as in my-team/luxury")
    try:
        return _upload_files(wanted, say)
    except (*HUB_ERRORS, RuntimeError) as error:
        raise _explain_refusal(wanted, error) from error


def _upload_files(wanted: Upload, say: Callable[[str], None]) -> UploadResult:
    client, name, url = hub_client(), wanted.repository, hub_url(wanted.repository)
    _create_missing(client, wanted)
    head = client.repo_info(name, repo_type="dataset", revision=wanted.branch)
    existing = _list_files(client, name, str(head.sha))
    if MANIFEST not in existing and set(existing) - _HUB_FILES:
        problem = f"contains files that toile did not push, such as {min(set(existing) - _HUB_FILES)}"
        raise ToileError(url, problem, "name a new data set; toile adds to none that it did not make")
    absent = {each: path for each, path in wanted.files.items() if not _is_same(wanted, each, existing.get(each))}
    stale = sorted(each for each in set(existing) - set(wanted.files) if _OWN_FILES.fullmatch(each))
    if not absent and not stale:
        return UploadResult(url=url, commit=str(head.sha), num_files=0, num_removed=0)
    num_bytes = sum(path.stat().st_size for path in absent.values())
    seen = "only you and your organisation see it" if head.private else "everybody sees it"
    say(f"sending {len(absent)} of {len(wanted.files)} files, {num_bytes / 1e6:,.2f} MB, to {url} ({seen})")
    with warnings.catch_warnings(record=True) as advice:
        warnings.simplefilter("always", UserWarning)
        commit = client.create_commit(
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
    existing = _list_files(client, name, commit.oid)
    differing = [each for each in wanted.files if not _is_same(wanted, each, existing.get(each))]
    if differing:
        problem = f"does not contain what was sent: {differing[0]} differs or is missing"
        hint = "check that the folder has no .gitignore and that nothing writes to it, then push again"
        raise ToileError(url, problem, hint)
    return UploadResult(url=url, commit=commit.oid, num_files=len(absent), num_removed=len(stale))


def _create_missing(client: HfApi, wanted: Upload) -> None:
    """Create the data set and the branch where they are missing."""
    name = wanted.repository
    try:
        info = client.repo_info(name, repo_type="dataset")
    except RepositoryNotFoundError:
        client.create_repo(name, repo_type="dataset", private=wanted.private, exist_ok=True)
    else:
        if wanted.private and not info.private:
            hint = "if that is intended, add --public; or name another data set, or make that one private first"
            raise ToileError(hub_url(name), "is public already", hint)
    if wanted.branch is not None:
        client.create_branch(name, repo_type="dataset", branch=wanted.branch, exist_ok=True)


def _list_files(client: HfApi, name: str, commit: str) -> dict[str, RepoFile]:
    tree = client.list_repo_tree(name, repo_type="dataset", revision=commit, recursive=True)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def _is_same(wanted: Upload, name: str, entry: RepoFile | None) -> bool:
    """Return whether the hub has the same content of a file. Git names a small file by the SHA-1 computed here."""
    if entry is None or entry.size != wanted.files[name].stat().st_size:
        return False
    if entry.lfs:
        return name in wanted.sha256 and entry.lfs.sha256 == wanted.sha256[name]
    content = wanted.files[name].read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest() == entry.blob_id


def _explain_refusal(wanted: Upload, error: Exception) -> ToileError:
    """Return the answer of the hub or the network in one line, which never contains a token."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception) else error
    status = cause.response.status_code if isinstance(cause, HfHubHTTPError) else None
    if status in (401, 403):
        hint = "set HF_TOKEN or run `hf auth login`, with a token that may write there"
        problem = f"cannot be pushed to: {constants.ENDPOINT} refuses the token, or there is none ({status})"
        return ToileError(wanted.repository, problem, hint)
    if isinstance(cause, RevisionNotFoundError):
        return ToileError(wanted.repository, f"has no branch {wanted.branch}", "leave out --revision for the main one")
    hint = "run the same command again later: what is there already is not sent again"
    return ToileError(wanted.repository, f"cannot be pushed to: {explain_hub_error(cause)}", hint)
