"""The plan of the house holds: arrows point down, heavy libraries load late, each border has one owner."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "generator", "finetune", "evaluation")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
COMPOSERS = {
    "generator/commands/generate.py",
    "finetune/commands.py",
    "evaluation/commands.py",
    "toile/cli.py",
    "toile/pipeline.py",
}
OWNERS = {
    "wandb": {"finetune/tracking.py"},
    "fsspec": {"generator/catalog/storage.py"},
    "s3fs": {"generator/catalog/storage.py"},
    "ray": {"generator/catalog/cluster.py"},
    "filelock": {"schemas/util/locks.py"},
    "multiprocessing": {"generator/catalog/workers.py"},
    "concurrent": {"generator/catalog/workers.py"},
    "huggingface_hub": {
        *("generator/ingest/hub.py", "generator/catalog/hub_upload.py", "finetune/phi3v/checkpoint.py"),
        "finetune/phi3v/loading.py",  # for its writer of sharded safetensors alone
        "finetune/phi3v/configuration.py",  # for the error that a wrong field of a configuration raises
    },
    "httpx": {"generator/ingest/downloads.py", "finetune/phi3v/checkpoint.py", "evaluation/models/openai_server.py"},
    "requests": {"evaluation/models/openai_server.py"},
    "urllib": {"evaluation/models/openai_server.py"},
}
BARE_TOKENIZERS = "finetune/phi3v/loading.py"
"""The tokenizers library raises a bare Exception for a broken file; there alone it may be caught."""
UNPICKLING = "finetune/checkpoint.py"
"""Torch refuses a state that would call something with pickle's error, which is caught there."""
PROCESSES_MEET = {"evaluation/run_dir.py", "finetune/distributed.py"}
"""The importers of torch.distributed, one a room."""
SHARED_SLOWLY = {"pandas", "datasets", "torch", "transformers", "numpy", "PIL"}
STDLIB = set(sys.stdlib_module_names)
SAFE = {"trust_remote_code": False, "weights_only": True}
"""Keyword arguments that are always written out, and as what."""


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a file, read once for every test."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    """The modules a file imports, absolute."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_packages_do_not_import_each_other() -> None:
    for path in FILES:
        own = path.relative_to(ROOT).parts[0]
        foreign = {module.split(".")[0] for module in imports(path)} & set(PACKAGES) - {own, "schemas"}
        assert name(path) in COMPOSERS or not foreign, f"{name(path)} imports {foreign}"
    assert not [path for path in COMPOSERS if path.startswith("schemas")]


def test_borders_have_one_owner() -> None:
    for path in FILES:
        for module in imports(path):
            owners = OWNERS.get(module.split(".")[0])
            assert owners is None or name(path) in owners, f"{name(path)} imports {module}"


def test_processes_meet_in_one_place_of_a_room() -> None:
    meeting = {name(path) for path in FILES if any(m.startswith("torch.distributed") for m in imports(path))}
    assert meeting <= PROCESSES_MEET


def test_the_contract_is_light() -> None:
    for path in FILES:
        if path.parent.name == "schemas":
            heavy = {module.split(".")[0] for module in imports(path)} & SHARED_SLOWLY
            assert not heavy, f"{name(path)} imports {heavy}"


def test_no_module_is_too_long_or_named_after_the_standard_library() -> None:
    for path in (*FILES, ROOT / "toile/cli.py", ROOT / "toile/pipeline.py"):
        assert len(path.read_text().splitlines()) <= 400, name(path)
        assert path.stem == "__init__" or path.stem not in STDLIB, name(path)


def test_no_remote_code_no_pickle_no_swallowed_error() -> None:
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.keyword) and node.arg in SAFE:
                found = node.value.value if isinstance(node.value, ast.Constant) else "computed"
                assert found is SAFE[node.arg], f"{name(path)}:{node.value.lineno}"
            if isinstance(node, ast.ExceptHandler):
                caught = "" if node.type is None else ast.unparse(node.type)
                allowed = {"Exception"} if name(path) == BARE_TOKENIZERS else set()
                assert caught not in {"", "Exception", "BaseException"} - allowed, f"{name(path)}:{node.lineno}"
        if name(path) != UNPICKLING:
            pickling = {"pickle", "dill", "marshal"} & {module.split(".")[0] for module in imports(path)}
            assert not pickling, f"{name(path)} imports {pickling}"


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
