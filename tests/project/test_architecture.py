"""Rules of the layout that neither import-linter nor ruff checks (for theirs see pyproject.toml and `make check`)."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "generator", "finetune", "evaluation", "toile")
SAFE_ARGUMENTS = {"trust_remote_code": False, "weights_only": True}
"""Keyword arguments that are always written out, and as what."""


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Every module by name, parsed once for all tests."""
    found = {}
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(), str(path))
    return found


def test_no_remote_code_and_safe_loading() -> None:
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in SAFE_ARGUMENTS:
                found = node.value.value if isinstance(node.value, ast.Constant) else "computed"
                assert found is SAFE_ARGUMENTS[node.arg], f"{name}:{node.value.lineno}"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom toile.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "heavy = {'torch', 'datasets', 'pandas', 'wandb', 'numpy', 'pyarrow', 'jsonschema', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_training_imports_without_what_a_gpu_machine_may_lack() -> None:
    code = (
        "import sys\n"
        "absent = ('datasets', 'wandb', 'faker', 'jsonschema', 'pandas')\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "import finetune.train, finetune.adapters, finetune.phi3v\n"
        "from toile.cli import main\n"
        "main('throughput --batch-size 2 --picture-size 32 --steps 1 --warmup 0 --device cpu --json'.split())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_sorted_and_there(package: str) -> None:
    module = __import__(package)
    assert module.__all__ == sorted(module.__all__)
    assert all(getattr(module, each) is not None for each in module.__all__)
