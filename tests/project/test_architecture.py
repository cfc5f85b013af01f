"""Rules of the layout that neither import-linter nor ruff checks (see pyproject.toml and `make check` for theirs)."""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "generator", "finetune", "evaluation", "toile")
MOST_MODULES = 165
"""Modules outside generator/render, `__init__.py` included."""
SAFE_ARGUMENTS = {"trust_remote_code": False, "weights_only": True}
"""Keyword arguments and the only literal value allowed for each."""
ENTRY_POINTS = {"toile.__main__"}


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Return every module by name, parsed once for all tests."""
    found = {}
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(), str(path))
    return found


@functools.cache
def imports() -> dict[str, frozenset[str]]:
    """Return module -> project modules that it imports, also lazily; without imports under TYPE_CHECKING."""
    return {name: frozenset(_imported(tree)) - {name} for name, tree in modules().items()}


def _imported(node: ast.AST) -> set[str]:
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.Import):
            found |= {alias.name for alias in child.names if alias.name in modules()}
        elif isinstance(child, ast.ImportFrom):
            names = {f"{child.module}.{alias.name}" for alias in child.names}
            found |= names & modules().keys() or {child.module or ""} & modules().keys()
        else:
            found |= _imported(child)
    return found


def test_no_import_cycles() -> None:
    try:
        graphlib.TopologicalSorter(imports()).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a cycle of imports: {' <- '.join(error.args[1])}")


def test_number_of_modules() -> None:
    counted = [name for name in modules() if not f"{name}.".startswith("generator.render.")]
    assert len(counted) <= MOST_MODULES, f"{len(counted)} modules: merge some, or raise the limit for a reason"


def test_no_module_of_one_function_for_one_user() -> None:
    packages = {name for name in modules() if any(other.startswith(f"{name}.") for other in modules())}
    mergeable = []
    for name in modules().keys() - packages - ENTRY_POINTS:
        defined = [node for node in modules()[name].body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        users = [other for other, imported in imports().items() if name in imported]
        if len(defined) == 1 and len(users) == 1 and isinstance(defined[0], ast.FunctionDef):
            mergeable.append(f"{name} (merge it into {users[0]})")
    assert not mergeable, "\n".join(mergeable)


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


def test_training_imports_without_optional_packages() -> None:
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
def test_public_names_are_sorted_and_exist(package: str) -> None:
    module = __import__(package)
    assert module.__all__ == sorted(module.__all__)
    assert all(getattr(module, each) is not None for each in module.__all__)
