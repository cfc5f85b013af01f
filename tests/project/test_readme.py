"""The README cannot lie: its commands and programs run, its spec is valid, its tree is the tree."""

import contextlib
import dataclasses
import os
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator import draw, products
from schemas.training import SpeedSpec
from schemas.validation import load
from tests.generator.ingest.test_import_table import rows, write
from toile.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "generator", "finetune", "evaluation")
README = (ROOT / "README.md").read_text()
LONG = ("--choose-prompt", "toile throughput")
"""Words of the blocks that take half a minute by themselves and that no other block needs."""


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with a shop's table in it."""
    folder = tmp_path_factory.mktemp("readme")
    write(folder / "shop", rows(60))
    for block in blocks("sh"):
        if not any(word in block for word in LONG):
            follow(block, folder)
    return folder


def follow(block: str, folder: Path) -> None:
    """Do what a block says, in a folder; its `toile` commands run in this process, which loads torch only once."""
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
    """Run every command line that a shell asks for, until it ends; returns what the commands said."""
    said, request = "", b""
    pipe = os.open(asked, os.O_RDWR)  # for writing too, so that it never ends
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


@pytest.mark.slow
@pytest.mark.parametrize("word", LONG)
def test_the_long_commands_of_the_readme_run(place: Path, word: str) -> None:
    (block,) = [block for block in blocks("sh") if word in block]
    follow(block, place)


def test_every_command_of_the_readme_runs(place: Path) -> None:
    for name in ("data/luxury", "data/volume", "data/real", "data/synthetic"):
        assert (place / name / "manifest.json").is_file()
    assert (place / "results/on-real/report.html").is_file()
    assert (place / "results/on-synthetic/result.json").is_file()


def test_the_output_it_shows_is_what_the_command_prints(place: Path) -> None:
    shown = next(block for block in blocks("text") if block.startswith("data/luxury:"))
    printed = subprocess.run(
        [sys.executable, "-m", "toile", "describe", "data/luxury"],
        cwd=place,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.startswith(shown)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_program_of_the_readme_runs(place: Path, number: int, tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[number]],
        cwd=place,
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"toile {name}" in README or f"make {name}" in README


def test_the_tree_names_every_file() -> None:
    tree = next(block for block in blocks("text") if "generator/" in block)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "__init__.py":
                assert re.search(rf"^\s*{re.escape(path.name)}\s", tree, re.MULTILINE), path
    there = {path.name for package in PACKAGES for path in (ROOT / package).rglob("*.py")} | {
        "toile/cli.py",
        "toile/pipeline.py",
    }
    listed = {line.split()[0] for line in tree.splitlines() if line.split()[0].endswith(".py")}
    assert listed <= there, listed - there


def test_no_placeholder_is_left() -> None:
    assert not re.search(r"^[A-Z_]{4,}$|PAIRED", README, re.MULTILINE)


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_run_file_of_the_training_page_is_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "run.yaml").write_text(block)
    spec = load(tmp_path / "run.yaml", "training")
    assert spec.mix[1].draw is not None
    assert spec.mix[1].draw.num_products == 100_000
    for switch in (field.name for field in dataclasses.fields(SpeedSpec)):
        assert f"| `{switch}` | {'on' if getattr(SpeedSpec(), switch) else 'off'} |" in page
