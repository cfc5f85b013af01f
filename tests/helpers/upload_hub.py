"""A Hugging Face hub on loopback that can be written to: data sets with branches, large files by sha256, commits.

Implements the protocol of `huggingface_hub` (`_commit_api.py`, `lfs.py`). Large files are those that git would store in
LFS there (`*.parquet`). Uploads are counted.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_letMeWrite"
Tree = dict[str, bytes]


@dataclass(slots=True)
class Repository:
    """One data set."""

    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Tree] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def tree(self, revision: str) -> Tree | None:
        return self.commits.get(self.branches.get(revision, revision))

    def commit(self, branch: str, tree: Tree, message: str) -> str:
        oid = hashlib.sha1(f"{len(self.commits)} {message}".encode(), usedforsecurity=False).hexdigest()
        self.commits[oid], self.branches[branch] = tree, oid
        self.messages.append(message)
        return oid


class UploadHub(ThreadingHTTPServer):
    """Public data sets can be read without a token; TOKEN can read and write all of them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.sent: list[str] = []
        """sha256 of the large files that were uploaded."""
        self.spoils = False
        """Whether the hub damages every large file that it receives."""
        self.url = f"http://127.0.0.1:{self.server_port}"

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """Return the variables that make a process use this hub, `home` as an empty cache, and not Xet."""
        names = ("HF_ENDPOINT", "HF_HOME", "NO_PROXY", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_TOKEN")
        return dict(zip(names, (self.url, str(home), "127.0.0.1", "1", "1", token or ""), strict=True))

    def add(self, name: str, tree: Tree, *, private: bool = True) -> Repository:
        """Add a data set that existed before."""
        self.repositories[name] = repository = Repository(private=private)
        repository.commit("main", {".gitattributes": b"*.parquet filter=lfs\n", **tree}, "initial commit")
        return repository


def is_large(path: str) -> bool:
    """Return whether git would store a pointer in place of the file."""
    return path.endswith(".parquet")


def entry_of(path: str, content: bytes) -> dict[str, Any]:
    """Return a file as the hub lists it; the oid of a large one is that of its pointer."""
    sha256, size = hashlib.sha256(content).hexdigest(), len(content)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    kept = pointer if is_large(path) else content
    oid = hashlib.sha1(b"blob %d\0%b" % (len(kept), kept), usedforsecurity=False).hexdigest()
    lfs = {"lfs": {"oid": sha256, "size": size, "pointerSize": len(pointer)}} if is_large(path) else {}
    return {"type": "file", "path": path, "size": size, "oid": oid, **lfs}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UploadHub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/([^/]+)(?:/(.*))?", path):
            self._list(match[1], match[2], match[3] or "")
        elif match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._content(match[1], match[2], match[3])
        else:
            self._refuse(404, "RepoNotFound")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/paths-info/([^/]+)", path):
            tree = self._tree(match[1], match[2])
            names = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode()).get("paths", [])
            if tree is not None:
                self._json([entry_of(name, tree[name]) for name in names if name in tree])
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif not self._may_write():
            self._refuse(401, None)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/branch/(.+)", path):
            branches = self.server.repositories[match[1]].branches
            if match[2] in branches:
                self._refuse(409, None)
            else:
                branches[match[2]] = branches["main"]
                self._json({})
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/preupload/([^/]+)", path):
            self._modes(match[1], match[2], json.loads(body))
        elif re.fullmatch(r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            self._actions(json.loads(body))
        elif path == "/large":
            asked = json.loads(body)
            held = self.server.large.get(asked["oid"])
            self._json({}, 200 if held is not None and len(held) == asked["size"] else 422)
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/commit/([^/]+)", path):
            self._commit(match[1], match[2], [json.loads(line) for line in body.splitlines()])
        else:
            self._refuse(404, "RepoNotFound")

    def do_PUT(self) -> None:
        length = self.headers.get("Content-Length")
        content = self.rfile.read(int(length)) if length else self._chunks()
        oid = self.path.rpartition("/")[2]
        self.server.sent.append(oid)
        self.server.large[oid] = content[:-1] + b"?" if self.server.spoils else content
        self._json({})

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _may_write(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repository(self, name: str) -> Repository | None:
        """Return the data set, or None after a refusal."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and not self._may_write()):
            self._refuse(404 if self._may_write() else 401, "RepoNotFound")
            return None
        return found

    def _tree(self, name: str, revision: str) -> Tree | None:
        repository = self._repository(name)
        if repository is None:
            return None
        tree = repository.tree(revision)
        if tree is None:
            self._refuse(404, "RevisionNotFound")
        return tree

    def _create(self, asked: Mapping[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        assert asked["type"] == "dataset"
        known = name in self.server.repositories
        if not known:
            self.server.add(name, {}, private=asked.get("visibility") == "private")
        self._json({"url": f"{self.server.url}/datasets/{name}"}, 409 if known else 200)

    def _info(self, name: str, revision: str) -> None:
        tree, repository = self._tree(name, revision), self.server.repositories.get(name)
        if tree is not None and repository is not None:
            siblings = [{"rfilename": path, "size": len(content)} for path, content in tree.items()]
            sha = repository.branches.get(revision, revision)
            self._json({"id": name, "sha": sha, "private": repository.private, "siblings": siblings, "tags": []})

    def _list(self, name: str, revision: str, under: str) -> None:
        tree = self._tree(name, revision)
        if tree is None:
            return
        prefix = f"{under}/" if under else ""
        below = {path: content for path, content in tree.items() if path.startswith(prefix)}
        if under and not below:
            self._refuse(404, "EntryNotFound")
            return
        folders = {path[: path.index("/", len(prefix))] for path in below if "/" in path[len(prefix) :]}
        recursive = parse_qs(urlsplit(self.path).query).get("recursive") == ["true"]
        files = [path for path in below if recursive or "/" not in path[len(prefix) :]]
        listed = [{"type": "directory", "path": each, "size": 0, "oid": "0" * 40} for each in sorted(folders)]
        self._json([*listed, *(entry_of(path, tree[path]) for path in files)])

    def _content(self, name: str, revision: str, path: str) -> None:
        tree, repository = self._tree(name, revision), self.server.repositories.get(name)
        if tree is None or repository is None:
            return
        headers = {"X-Repo-Commit": repository.branches.get(revision, revision)}
        if path not in tree:
            self._refuse(404, "EntryNotFound", headers)
            return
        entry = entry_of(path, tree[path])
        etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        self._answer(200, tree[path], {**headers, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"})

    def _modes(self, name: str, revision: str, asked: Mapping[str, Any]) -> None:
        tree = self._tree(name, revision)
        if tree is not None:
            files = []
            for each in asked["files"]:
                held = entry_of(each["path"], tree[each["path"]]) if each["path"] in tree else {}
                oid = held.get("lfs", {}).get("oid") or held.get("oid")
                mode = "lfs" if is_large(each["path"]) else "regular"
                files.append({"path": each["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
            self._json({"files": files})

    def _actions(self, asked: Mapping[str, Any]) -> None:
        objects: list[dict[str, Any]] = []
        for each in asked["objects"]:
            here = f"{self.server.url}/large"
            actions = {
                "upload": {"href": f"{here}/{each['oid']}", "header": {}},
                "verify": {"href": here, "header": {}},
            }
            objects.append({**each, **({} if each["oid"] in self.server.large else {"actions": actions})})
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, branch: str, lines: list[dict[str, Any]]) -> None:
        tree, repository = self._tree(name, branch), self.server.repositories.get(name)
        if tree is None or repository is None:
            return
        new, header = dict(tree), lines[0]["value"]
        if header.get("parentCommit", repository.branches[branch]) != repository.branches[branch]:
            self._refuse(412, None)
            return
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "deletedFile":
                del new[value["path"]]
            elif line["key"] == "lfsFile":
                new[value["path"]] = self.server.large[value["oid"]]
            else:
                new[value["path"]] = base64.b64decode(value["content"])
        oid = repository.commit(branch, new, header["summary"])
        self._json({"commitUrl": f"{self.server.url}/datasets/{name}/commit/{oid}", "commitOid": oid})

    def _json(self, document: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str | None, headers: Mapping[str, str] | None = None) -> None:
        named = {} if code is None else {"X-Error-Code": code}
        self._answer(status, b'{"error": "no"}', {**named, "X-Error-Message": "no", **(headers or {})})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Print nothing; uploads are counted."""
