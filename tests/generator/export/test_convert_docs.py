"""The commands and programs of the page on exports run on a generated catalog."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator.catalog.shards import GenerateInputs, write_shards
from schemas.documents import read_document
from tests.conftest import PRESETS
from toile.cli import main

PAGE = (Path(__file__).parents[3] / "docs" / "convert.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.system
@pytest.mark.skipif(not shutil.which("sqlite3"), reason="no sqlite3 here")
def test_every_command_and_program_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = read_document(PRESETS / "fashion-luxury.yaml")
    inputs = GenerateInputs(spec_document=document, seed=0, start=0, num_products=40, image_size=32)
    write_shards(inputs, tmp_path / "data" / "luxury")
    commands, loading = blocks("sh")
    for line in commands.splitlines():
        result = CliRunner().invoke(main, line.split()[1:])
        assert result.exit_code == 0, result.output
    subprocess.run(["bash", "-euc", loading], check=True)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks("python"))],
        env={**os.environ, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 5 + 5
    again = CliRunner().invoke(main, ["import", "luxury-csv/products.csv", "--out", "data/again"])
    assert again.exit_code == 0, again.output
