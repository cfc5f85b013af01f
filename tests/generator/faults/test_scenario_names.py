"""Names of scenarios: which are accepted, which override others, and the page that lists them all."""

import copy
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from generator.faults.scenarios import (
    COPY_KINDS,
    DEFAULT_SHARE,
    GROUPS,
    MAX_TOTAL_SHARE,
    merge_scenarios,
)
from generator.sampling.products import product
from schemas.errors import ToileError
from schemas.validation import from_document
from tests.generator.faults.test_scenarios import NAMES, NO_IMAGES, Row, plan_for, with_scenarios
from toile.cli import main


@pytest.mark.parametrize(
    ("chosen", "problem", "hint"),
    [
        (("mising-title",), "unknown scenario 'mising-title'", "'missing-title'"),
        (("picture",), "unknown scenario 'picture'", "'pictures'"),
        (("missing=much",), "'much' is not a number", "missing=0.02"),
        (("missing=",), "'' is not a number", "missing=0.02"),
        (("missing=nan",), "nan is not a valid share", "from 0 to 0.5"),
        (("missing=-0.1",), "-0.1 is not a valid share", "from 0 to 0.5"),
        (("emoji=0.7",), "0.7 is not a valid share", "from 0 to 0.5"),
        (("all=0.1",), "sum to 2.2, more than 0.5", "all=0.02"),
        (("emoji=0.3", "mojibake=0.3"), "sum to 0.6", "stay clean"),
    ],
)
def test_bad_scenario_is_refused_with_a_hint(
    demo_document: Row, chosen: tuple[str, ...], problem: str, hint: str
) -> None:
    with pytest.raises(ToileError) as caught:
        merge_scenarios(demo_document, chosen, images=True)
    assert caught.value.where.startswith("--scenario")
    assert problem in caught.value.problem
    assert hint in caught.value.hint


def test_a_kind_overrides_its_group_and_the_command_line_the_spec(demo_document: Row) -> None:
    def shares(own: dict[str, float], *chosen: str, images: bool = True) -> Any:
        return merge_scenarios(with_scenarios(demo_document, own), chosen, images=images).get("scenarios")

    assert shares({}, "missing=0.01", "missing-title=0.2")["missing-title"] == 0.2
    assert shares({}, "missing-title=0.05", "all") == {**dict.fromkeys(NAMES, DEFAULT_SHARE), "missing-title": 0.05}
    assert shares({"missing-title": 0.2}, "missing=0.1") == dict.fromkeys(GROUPS["missing"], 0.1)
    assert shares({"emoji": 0.2}, "mojibake") == {"mojibake": DEFAULT_SHARE, "emoji": 0.2}
    assert shares({"emoji": 0.2}, "emoji=0") is None
    assert set(shares({}, "all", images=False)) == set(NO_IMAGES)
    with pytest.raises(ToileError, match="has none"):
        shares({}, "huge-picture", images=False)
    assert sum(shares({}, "all").values()) <= MAX_TOTAL_SHARE


def test_error_in_a_spec_names_its_path(demo_document: Row) -> None:
    with pytest.raises(ToileError) as caught:
        plan_for(demo_document, {"outlier": 0.1}, 10)
    assert caught.value.where == "demo: scenarios"
    assert "outlier-price" in caught.value.hint
    document = copy.deepcopy(demo_document)
    document["shop"]["competence_date"] = "2026-02-30"
    with pytest.raises(ToileError, match="not a date that drift can start from"):
        plan_for(document, {"price-rise": 0.1}, 10)
    document = {**demo_document, "code_digits": 4}
    plan_for(document, {"duplicate": 0.1}, 4000)
    with pytest.raises(ToileError, match="4 digits give codes for"):
        plan_for(document, {"near-duplicate": 0.1}, 4000)


def test_scenarios_do_not_change_products(demo_document: Row) -> None:
    clean = from_document(demo_document, "catalog")
    spec, _ = plan_for(demo_document, {"all": 0.02, "pictures": 0}, 50)
    assert [product(spec, 3, i) for i in range(50)] == [product(clean, 3, i) for i in range(50)]


def test_names_are_kinds_or_groups_but_not_both() -> None:
    assert not {*NAMES} & {*GROUPS}
    assert {*NAMES} == {*GROUPS["all"]}
    assert {*GROUPS["duplicates"]} == COPY_KINDS


def test_docs_page_names_every_kind_and_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "faults.md").read_text()
    assert {*re.findall(r"`([a-z0-9-]+)`", page)} >= {*NAMES, *GROUPS}
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    first, second = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(first.splitlines()) == 2
    monkeypatch.chdir(tmp_path)
    command = first.splitlines()[0].replace("--image-size 64", "--image-size 32 --workers 1").replace("300", "60")
    assert CliRunner().invoke(main, shlex.split(command)[1:]).exit_code == 0
    (tmp_path / "program.py").write_text(program)
    runpy.run_path(str(tmp_path / "program.py"))
    scored = CliRunner().invoke(main, shlex.split(second)[1:])
    assert scored.exit_code == 0
    assert "precision" in scored.stdout
