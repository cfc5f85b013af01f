"""Push a catalog to a hub on loopback and read it back: only complete ones, only new files, no real rows by mistake."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from huggingface_hub import constants

import generator.catalog.shards
from generator import GenerateInputs, write_shards
from schemas.documents import read_document
from schemas.product import read
from tests.conftest import PRESETS
from tests.helpers import shard_fixture
from tests.helpers.dataset_hub import served
from tests.helpers.small_shards import SMALL_SHARDS
from tests.helpers.upload_hub import TOKEN, UploadHub
from toile.cli import main

NAME = "my-team/luxury"


@pytest.fixture
def hub() -> Iterator[UploadHub]:
    server = UploadHub()
    with served(server):
        yield server


def generate_catalog(out: Path, num_products: int, seed: int = 5) -> Path:
    document = {**read_document(PRESETS / "demo.yaml"), "scenarios": {"missing": 0.1}}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", SMALL_SHARDS)
        facts = {"seed": seed, "start": 0, "num_products": num_products, "image_size": 32}
        write_shards(GenerateInputs(spec_document=document, **facts), out)
    return out


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate 20 products in several shards, with a list of faults; tests must not change them."""
    return generate_catalog(tmp_path_factory.mktemp("pushing") / "catalog", 20)


def push_in_process(hub: UploadHub, home: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run `toile push ARGUMENTS` in a new process, configured by the environment alone."""
    environment = {**os.environ, **hub.environment(home)}
    command = [sys.executable, "-m", "toile", "push", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def push(hub: UploadHub, home: Path, *arguments: object, token: str | None = TOKEN, url: str | None = None) -> Result:
    """Run the same in this process, where the library has already read its environment."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in hub.environment(home, token).items():
            patched.setenv(name, value)
        patched.setattr(constants, "ENDPOINT", url or hub.url)
        patched.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patched.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        return CliRunner().invoke(main, ["push", *map(str, arguments)], catch_exceptions=False)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_catalog_is_uploaded_unchanged_and_only_once(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    first = push_in_process(hub, tmp_path, catalog, NAME)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == f"{hub.url}/datasets/{NAME}"
    repository, files = hub.repositories[NAME], files_of(catalog)
    assert f"sending {len(files)} of {len(files)} files" in first.stderr
    assert "only you and your organisation see it" in first.stderr
    assert repository.private
    assert repository.messages[1:] == ["20 products by toile 0.1.0"]
    tree = repository.tree("main") or {}
    assert {name: content for name, content in tree.items() if name != ".gitattributes"} == files
    again = push(hub, tmp_path, catalog, NAME)
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "everything is there already, nothing to do" in again.stderr
    assert len(repository.messages) == 2
    assert len(hub.sent) == len(set(hub.sent)) == sum(name.endswith(".parquet") for name in files)


@pytest.mark.slow
def test_uploaded_catalog_is_read_by_datasets_and_toile(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    assert push(hub, tmp_path, catalog, NAME, "--public").exit_code == 0
    environment = {**os.environ, **hub.environment(tmp_path / "home", token=None)}
    code = (
        "import datasets, hashlib, json\n"
        f"loaded = datasets.load_dataset({NAME!r}).cast_column('image', datasets.Image(decode=False))\n"
        "print(json.dumps([[split, row['product_code'], row['title'], row['image'] and hashlib.sha256(\n"
        "    row['image']['bytes']).hexdigest()] for split in loaded for row in loaded[split]]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert answer.returncode == 0, answer.stderr
    rows = [[r.split, r.product_code, r.title, r.image and hashlib.sha256(r.image).hexdigest()] for r in read(catalog)]
    assert sorted(json.loads(answer.stdout.splitlines()[-1])) == sorted(rows)
    command = [sys.executable, "-m", "toile", "fetch", NAME, "--max-bad", "1", "--out", str(tmp_path / "back")]
    fetched = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert fetched.returncode == 0, fetched.stderr
    images = {r.product_code: r.image for r in read(catalog) if r.image and r.title and r.full_price}
    back = {row.product_code: row.image for row in read(tmp_path / "back")}
    assert len(images) > 10
    assert images.items() <= back.items()


def test_another_catalog_replaces_the_first_in_one_commit(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    assert push(hub, tmp_path, catalog, NAME).exit_code == 0
    repository = hub.repositories[NAME]
    tree = dict(repository.tree("main") or {})
    repository.commit("main", {**tree, "notes.md": b"mine", "data/other.parquet": b"mine"}, "notes")
    other = generate_catalog(tmp_path / "other", 8, seed=6)
    shown = push(hub, tmp_path, other, NAME, "--message", "eight")
    assert shown.exit_code == 0, shown.stderr
    stale = {name for name in files_of(catalog) if name not in files_of(other)}
    assert stale
    assert f"{len(stale)} of an earlier push removed" in shown.stderr
    assert repository.messages[-2:] == ["notes", "eight"]
    left = repository.tree("main") or {}
    assert left == {
        **files_of(other),
        "notes.md": b"mine",
        "data/other.parquet": b"mine",
        ".gitattributes": tree[".gitattributes"],
    }


def test_branch_is_created_and_main_is_unchanged(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    before = hub.add(NAME, {}).tree("main")
    assert push(hub, tmp_path, catalog, NAME, "--revision", "trial").exit_code == 0
    assert push(hub, tmp_path, catalog, NAME, "--revision", "trial").exit_code == 0
    repository = hub.repositories[NAME]
    assert repository.tree("main") == before
    assert set(files_of(catalog)) < set(repository.tree("trial") or {})
    assert len(repository.messages) == 2


def error_of(shown: Result) -> str:
    """Return the two lines of an error."""
    assert shown.exit_code == 1, shown.stderr
    assert shown.stdout == ""
    first, second = shown.stderr.strip().splitlines()[-2:]
    assert first.startswith("Error: ")
    assert second.startswith("  hint: ")
    return shown.stderr


def test_only_complete_catalogs_are_pushed(hub: UploadHub, tmp_path: Path) -> None:
    folder = generate_catalog(tmp_path / "folder", 8)
    victim = next((folder / "data").glob("train-*"))
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + b"?")
    assert "has other content than when it was written" in error_of(push(hub, tmp_path, folder, NAME))
    victim.unlink()
    assert "is missing" in error_of(push(hub, tmp_path, folder, NAME))
    victim.write_bytes(content)
    document = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**document, "finished": False}))
    assert "is unfinished" in error_of(push(hub, tmp_path, folder, NAME))
    assert hub.repositories == {}


def test_real_rows_need_allow_real(hub: UploadHub, tmp_path: Path) -> None:
    folder = shard_fixture.write_shards(tmp_path / "real", shard_fixture.products(6))
    (folder / "README.md").write_text("---\nlicense: unknown\n---\n")
    (folder / "extra").mkdir()
    (folder / "extra" / "rejected.jsonl").write_text('{"row": 1, "product_code": "secret"}\n')
    said = error_of(push(hub, tmp_path, folder, NAME))
    assert "contains real rows (imported)" in said
    assert "--allow-real" in said
    assert hub.repositories == {}
    allowed = push(hub, tmp_path, folder, NAME, "--allow-real")
    assert allowed.exit_code == 0, allowed.stderr
    assert not any("rejected" in name for name in hub.repositories[NAME].tree("main") or {})


def test_foreign_or_public_data_set_is_refused(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    thesis = hub.add("my-team/thesis", {"chapter1.txt": b"years of work"})
    assert "contains files that toile did not push, such as chapter1.txt" in error_of(
        push(hub, tmp_path, catalog, "my-team/thesis")
    )
    hub.add("my-team/open", {}, private=False)
    said = error_of(push(hub, tmp_path, catalog, "my-team/open"))
    assert "is public already" in said
    assert "--public" in said
    assert len(thesis.messages) == 1
    assert hub.sent == []
    assert "everybody sees it" in push(hub, tmp_path, catalog, "my-team/open", "--public").stderr


def test_damage_on_the_hub_is_noticed(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    hub.spoils = True
    assert "does not contain what was sent" in error_of(push(hub, tmp_path, catalog, NAME))


@pytest.mark.parametrize("token", [None, "hf_wrongToken"])
def test_refused_or_missing_token_is_a_one_line_error(
    token: str | None, hub: UploadHub, catalog: Path, tmp_path: Path
) -> None:
    said = error_of(push(hub, tmp_path, catalog, NAME, token=token))
    assert f"{NAME}: cannot be pushed to: {hub.url} refuses the token, or there is none (401)" in said
    assert "HF_TOKEN" in said
    assert "hf_wrongToken" not in said


def test_unreachable_hub_is_a_one_line_error(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    said = error_of(push(hub, tmp_path, catalog, NAME, url="http://127.0.0.1:1"))
    assert "http://127.0.0.1:1 cannot be reached" in said
    assert TOKEN not in said


def test_invalid_name_is_a_one_line_error(hub: UploadHub, catalog: Path, tmp_path: Path) -> None:
    for name in ("luxury", "a/b/c", "my-team/lux ury", "../x"):
        assert "is not a name of a data set" in error_of(push(hub, tmp_path, catalog, name))
