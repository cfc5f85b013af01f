"""The command line as a user meets it: help, exit codes, errors in one line, quiet."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from schemas.errors import ToileError
from tests.project.test_architecture import PACKAGES
from toile.cli import COMMANDS, main


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
    """A command that is written and not named in the table could never be called."""
    root = Path(__file__).parents[2]
    modules = [root / "toile/pipeline.py", *(path for room in PACKAGES for path in (root / room).rglob("*cli.py"))]
    written: dict[str, click.Command] = {}
    for path in modules:
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, click.Command):
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


def test_quiet_says_nothing(tmp_path: Path) -> None:
    command = ["--quiet", "generate", "demo", "--num-products", "5", "--no-images", "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(main, command, catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.output == ""


def test_a_read_only_place_is_one_line(tmp_path: Path) -> None:
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
