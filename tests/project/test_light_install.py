"""Without torch and transformers everything about catalogs works, and other commands name the extra they need."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from toile.cli import EXTRAS

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"
CATALOG_COMMANDS = (
    "check fashion-luxury",
    "new starter.yaml",
    "generate fashion-luxury --num-products 90 --image-size 32 --out first",
    "describe first",
    "show first --out first.html",
    "verify first",
    "convert first --to csv --out first.csv",
    f"import {SHOP / 'products.csv'} --images {SHOP / 'images'} --out real",
    "fetch --help",
    "fit first --out fitted.yaml",
    "generate fitted.yaml --num-products 90 --image-size 32 --out twin",
    "audit --real first --synthetic twin --gate privacy --out audited",
    "score answers.csv --data first --out scored",
    "report index .",
)
TRAINING_COMMANDS = (
    "train demo-run --out run",
    "export --model tiny --out exported",
    "throughput --model tiny",
    "evaluate --model tiny --data first --out evaluated",
    "counterfactual --model tiny --data first --out changed",
    "demo --out demo",
    "matrix demo-run --out matrix",
)
RUN_CATALOG_COMMANDS = f"""
import sys
from toile.cli import main
import pyarrow.dataset
for line in {CATALOG_COMMANDS!r}:
    if line.startswith("score "):
        rows = pyarrow.dataset.dataset("first/data").to_table(columns=["product_code", "title", "full_price"])
        rows.rename_columns(["product_code", "title", "price"]).to_pandas().to_csv("answers.csv", index=False)
    try:
        main(line.split(), standalone_mode=False)
    except SystemExit as end:
        assert not end.code, line
assert not [name for name in {EXTRAS["train"]!r} if sys.modules.get(name)]
"""
BLOCK_TRAINING = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS["train"]!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def run(python: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True)


def test_catalog_commands_without_torch(tmp_path: Path) -> None:
    done = run(sys.executable, BLOCK_TRAINING + RUN_CATALOG_COMMANDS, tmp_path)
    assert done.returncode == 0, done.stderr


def test_training_commands_name_the_extra(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    code = BLOCK_TRAINING + (
        "from click.testing import CliRunner\nfrom toile.cli import main\n"
        f"for line in {TRAINING_COMMANDS!r}:\n"
        "    answer = CliRunner().invoke(main, line.split())\n"
        "    name = line.split()[0]\n"
        "    assert answer.exit_code == 1, (line, answer.output)\n"
        "    assert f'toile {name}: needs torch, which is not installed' in answer.output, (line, answer.output)\n"
        "    assert \"pip install 'toile[train]'\" in answer.output, (line, answer.output)\n"
    )
    done = run(sys.executable, code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_only_training_modules_need_torch() -> None:
    code = BLOCK_TRAINING + (
        "import importlib, pkgutil, schemas, generator, evaluation, toile\n"
        "for package in (schemas, generator, evaluation, toile):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not found.name.endswith('__main__'):\n"
        "            importlib.import_module(found.name)\n"
    )
    done = run(sys.executable, code, ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fresh_environment_without_torch(tmp_path: Path) -> None:
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    pinned = ("--constraint", str(ROOT / "constraints.txt"))
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *pinned, str(ROOT)], check=True)
    absent = f"import importlib.util; print([name for name in {EXTRAS['train']!r} if importlib.util.find_spec(name)])"
    assert run(python, absent, tmp_path).stdout.strip() == "[]"
    done = run(python, RUN_CATALOG_COMMANDS, tmp_path)
    assert done.returncode == 0, done.stderr
