"""Run the README and check the docs: commands, programs, the spec, links, and the length of the README."""

import contextlib
import dataclasses
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator import draw, products
from schemas.silhouettes import RECORDS
from schemas.training import SpeedSpec
from schemas.validation import load
from toile.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = ["README.md", *(f"docs/{name}" for name in DOCS)]
MAX_LINES = 200


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository's examples in which all shell blocks of the README have run."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples" / "shop", folder / "examples" / "shop")
    for block in blocks("sh"):
        run_block(block, folder)
    return folder


def run_block(block: str, folder: Path) -> None:
    """Run a shell block in a folder. Its `toile` commands run in this process, which loads torch only once."""
    with tempfile.TemporaryDirectory() as pipes:
        asked, shim = Path(pipes) / "asked", Path(pipes) / "toile"
        os.mkfifo(asked)
        shim.write_text(
            f"#!/bin/bash\nmkfifo {pipes}/$$\nprintf '%s\\0' {pipes}/$$ \"$@\" '' >{asked}\n"
            f"read -r code <{pipes}/$$\nexit $code\n"
        )
        shim.chmod(0o755)
        environment = {**os.environ, "PATH": os.pathsep.join([pipes, os.environ["PATH"]])}
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as shell:
            said = answer(shell, asked, folder)
            assert shell.stderr is not None
            said += shell.stderr.read()
        assert shell.returncode == 0, f"{block}\n{said}"


def answer(shell: subprocess.Popen[str], asked: Path, folder: Path) -> str:
    """Run every command line that a shell requests, until it ends; return what the commands printed."""
    said, request = "", b""
    pipe = os.open(asked, os.O_RDWR)  # open for writing too, so that reading never ends
    while shell.poll() is None:
        if not select.select([pipe], [], [], 0.05)[0]:
            continue
        request += os.read(pipe, 65536)
        if request.endswith(b"\0\0"):
            answered, *words = request.decode().split("\0")[:-2]
            with contextlib.chdir(folder):
                result = CliRunner().invoke(main, words)
            said, request = f"{said}{result.output}", b""
            Path(answered).write_text(f"{result.exit_code}\n")
    os.close(pipe)
    return said


def test_every_shell_block_of_the_readme_runs(workdir: Path) -> None:
    for name in ("data/luxury", "data/real", "data/synthetic", "data/twin"):
        assert (workdir / name / "manifest.json").is_file()
    assert (workdir / "luxury.html").is_file()
    assert (workdir / "results/comparison/report.html").is_file()


def test_the_shown_output_is_what_the_command_prints(workdir: Path) -> None:
    shown = next(block for block in blocks("text") if block.startswith("data/luxury:"))
    printed = subprocess.run(
        [sys.executable, "-m", "toile", "describe", "data/luxury"],
        cwd=workdir,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.startswith(shown)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_program_of_the_readme_runs(workdir: Path, number: int, tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[number]],
        cwd=workdir,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_spec_of_the_readme_makes_products(tmp_path: Path) -> None:
    file = tmp_path / "corner-shop.yaml"
    file.write_text(blocks("yaml")[0])
    for each in products(load(file, "catalog"), 0, 0, 6):
        assert each.title
        assert draw(each, 32).size == (32, 32)


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    pages = [README, *DOCS.values()]
    assert any(f"toile {name}" in page or f"make {name}" in page for page in pages)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "examples/README.md", *(f"docs/{name}" for name in DOCS)]
)
def test_links_lead_to_files(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_paths_named_in_the_text_exist(page: str) -> None:
    """Paths in backquotes that begin with a folder of the repository."""
    text = (ROOT / page).read_text()
    folders = r"(?:schemas|generator|finetune|evaluation|toile|tests|benchmarks|examples|scripts)/"
    for path in re.findall(rf"`({folders}[\w/.-]+)`", text):
        assert (ROOT / path).exists() or list(ROOT.glob(path)), path


@pytest.mark.parametrize("name", DOCS)
def test_names_of_tests_in_the_docs_exist(name: str) -> None:
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    for test in set(re.findall(r"`(test_\w+)`", DOCS[name])):
        assert any(f"def {test}(" in source for source in sources), test


def test_number_of_silhouettes() -> None:
    """The README and the changelog say it in figures."""
    assert f"# one of {len(RECORDS)}\n" in README
    assert re.search(rf"\b{len(RECORDS)}\s+silhouettes\b", (ROOT / "CHANGELOG.md").read_text())


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_run_file_of_the_training_page_is_valid(tmp_path: Path) -> None:
    page = DOCS["training.md"]
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "run.yaml").write_text(block)
    spec = load(tmp_path / "run.yaml", "training")
    assert spec.mix[1].draw is not None
    assert spec.mix[1].draw.num_products == 100_000
    for switch in (field.name for field in dataclasses.fields(SpeedSpec)):
        assert f"| `{switch}` | {'on' if getattr(SpeedSpec(), switch) else 'off'} |" in page
