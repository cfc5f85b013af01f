"""The command line as users see it: help, exit codes, errors in one line, quiet."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from schemas.errors import ToileError
from toile.cli import COMMANDS, GROUPS, main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    for flag in ("--help", "-h"):
        shown = CliRunner().invoke(main, [name, flag])
        assert shown.exit_code == 0
    assert "Example:" in shown.output
    assert f"toile {name}" in shown.output
    command = main.commands[name]
    assert command.name == name
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name != "help":
            assert parameter.help or parameter.show_default, f"{name} {parameter.name}"


def test_every_command_is_found() -> None:
    """A command that is not in the table of the command line cannot be called."""
    packages = [ROOT / name for name in ("toile", "schemas", "generator", "finetune", "evaluation")]
    modules = [path for package in packages for path in package.rglob("*.py") if "import click" in path.read_text()]
    written: dict[str, click.Command] = {}
    for path in modules:
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, click.Command) and value is not main:
                written[f"{module}:{name}"] = value
    groups = [command for command in written.values() if isinstance(command, click.Group)]
    below = [command for group in groups for command in group.commands.values()]
    assert {where for where, command in written.items() if command not in below} == set(COMMANDS.values())
    shown = CliRunner().invoke(main, ["chekc", "demo"])
    assert shown.exit_code == 2
    assert "No such command 'chekc'" in shown.output
    assert shown.output.count("check") == (hasattr(click, "NoSuchCommand")), (
        "newer versions of click guess what was meant"
    )


def test_help_is_in_groups_with_short_lines_on_80_columns() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    assert [line.rstrip(":") for line in shown.splitlines() if line.rstrip(":") in GROUPS] == list(GROUPS)
    for name, (_, line) in (item for commands in GROUPS.values() for item in commands.items()):
        assert len(line) <= 45
        assert f"  {name}" in shown
        assert line in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns_but_for_examples(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"]).output
    assert max(map(len, shown.partition("Example:")[0].splitlines())) <= 80
    assert "SHARDS" not in shown


def test_version_is_the_package_version() -> None:
    import importlib.metadata

    assert importlib.metadata.version("toile") in CliRunner().invoke(main, ["--version"]).output


def test_our_errors_are_one_line_and_a_hint_with_exit_code_1(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: x\nshop: {website_name: a, brand: b, host: c.example}\nattributes: {}\ncategories: []\n")
    shown = CliRunner().invoke(main, ["generate", str(spec), "--out", str(tmp_path / "out")])
    assert shown.exit_code == 1
    assert shown.stdout == ""
    first, second = shown.stderr.strip().splitlines()
    assert first.startswith(f"Error: {spec}: ")
    assert second.startswith("  hint: ")
    assert not (tmp_path / "out").exists()


def test_usage_errors_have_exit_code_2() -> None:
    assert CliRunner().invoke(main, ["generate", "demo"]).exit_code == 2
    assert CliRunner().invoke(main, ["generte"]).exit_code == 2
    assert CliRunner().invoke(main, ["generate", "demo", "--out", "x", "--num-products", "0"]).exit_code == 2


@pytest.mark.parametrize(("before", "after"), [(["--quiet"], []), ([], ["--quiet"])])
def test_quiet_prints_nothing(tmp_path: Path, before: list[str], after: list[str]) -> None:
    command = ["generate", "demo", "--num-products", "5", "--no-images", "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(main, [*before, *command, *after], catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.output == ""
    loud = CliRunner().invoke(main, command, catch_exceptions=False)
    assert "nothing to do" in loud.stderr, "quiet of one call is not quiet of the next"


def test_quiet_is_an_option_of_commands_of_groups_too() -> None:
    for command in (["report"], ["report", "summary"]):
        assert "--quiet" in CliRunner().invoke(main, [*command, "--help"]).output


def test_help_of_all_commands_imports_no_command() -> None:
    code = (
        "import json, sys\nfrom click.testing import CliRunner\nfrom toile.cli import COMMANDS, main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(json.dumps([w for w in COMMANDS.values() if w.split(':')[0] in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []


def test_a_read_only_folder_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    shown = CliRunner().invoke(main, ["generate", "demo", "--no-images", "--out", str(tmp_path / "file" / "out")])
    assert shown.exit_code == 1
    assert "Error: " in shown.stderr
    assert "Traceback" not in shown.stderr


def test_no_traceback_reaches_a_user_of_the_installed_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toile", "describe", str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert "holds no manifest.json" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_the_error_carries_place_problem_and_hint() -> None:
    assert str(ToileError("here", "is wrong", "do this")) == "here: is wrong\n  hint: do this"
