"""Score of found faults: compared with a slow definition, a reference library, and cases counted by hand."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from generator.catalog.shards import GenerateInputs, write_shards
from generator.faults.scenarios import GROUPS, KINDS
from generator.faults.scoring import (
    FAULTS_FILE,
    FAULTS_SCHEMA,
    FaultScore,
    KindScore,
    make_share,
    score_faults,
    score_named,
)
from schemas.errors import ToileError
from toile.cli import main

Row = dict[str, Any]


def make_line(row: int, kind: str, *, code: str | None = None, of_row: int | None = None, of_code: str = "") -> Row:
    """Return a line of the list of injected faults."""
    values = dict.fromkeys(FAULTS_SCHEMA.names, "")
    fault = {"row": row, "product_code": code or str(1000 + row), "kind": kind, "of_row": of_row}
    return {**values, **fault, "true_value": json.dumps(of_code), "faulty_value": "null"}


TRUTH = [
    make_line(1, "missing-title"),
    make_line(2, "missing-title"),
    make_line(3, "missing-price"),
    make_line(4, "wrong-category"),
    make_line(100, "duplicate", code="1010", of_row=10, of_code="1010"),
    make_line(101, "near-duplicate", of_row=11, of_code="1011"),
]


def write_case(folder: Path, *found: tuple[str, str | None]) -> tuple[Path, Path]:
    """Write a table of found faults, and the truth; return their paths."""
    pq.write_table(pa.Table.from_pylist(TRUTH, schema=FAULTS_SCHEMA), folder / "faults.parquet")
    with (folder / "found.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("product_code", "kind"), *found])
    return folder / "found.csv", folder / "faults.parquet"


def kinds_of(score: FaultScore) -> dict[str, KindScore]:
    return {each.kind: each for each in score.kinds}


def test_a_case_counted_by_hand(tmp_path: Path) -> None:
    score = score_faults(
        *write_case(
            tmp_path,
            ("1001", "missing-title"),  # right
            ("1002", "mojibake"),  # found, under the wrong kind
            ("1003", "missing"),  # right by its group
            ("1010", "duplicate"),  # the original and its copy share the code
            ("1011", "near-duplicate"),  # the original of a near duplicate
            ("1101", None),  # the near duplicate itself, once more and without a kind
            ("5555", "missing-title"),  # a false alarm
            ("5556", "blurred"),  # not a kind
        )
    )
    kinds = kinds_of(score)
    assert {name: (each.found.part, each.found.whole) for name, each in kinds.items()} == {
        "missing-title": (2, 2),
        "missing-price": (1, 1),
        "duplicate": (1, 1),
        "near-duplicate": (1, 1),
        "wrong-category": (0, 1),
        "mojibake": (0, 0),
        "missing": (3, 3),
    }
    recall = {name: each.recall.part for name, each in kinds.items() if each.recall}
    assert recall["missing-title"] == 1
    assert recall["missing-price"] == recall["duplicate"] == recall["near-duplicate"] == 1
    assert recall["missing"] == 2
    precision = {name: (each.precision.part, each.precision.whole) for name, each in kinds.items() if each.precision}
    assert precision["missing-title"] == (1, 2)
    assert precision["mojibake"] == (0, 1)
    assert precision["missing"] == (1, 1)
    assert precision["wrong-category"] == (0, 0)
    assert score.any.recall is not None
    assert score.any.precision is not None
    assert (score.any.found.part, score.any.found.whole, score.any.recall.part) == (5, 6, 4)
    assert (score.any.precision.part, score.any.precision.whole) == (6, 8)
    assert score.unknown_kinds == {"blurred": 1}
    assert score.unknown_names is None
    assert score.num_named == 8


def test_without_kinds_there_is_recall_of_rows_and_precision_overall(tmp_path: Path) -> None:
    score = score_faults(*write_case(tmp_path, ("1001", None), ("1004", None), ("9999", None)))
    assert not score.says_kinds
    assert all(each.recall is None and each.precision is None for each in score.kinds)
    assert kinds_of(score)["missing-title"].found.value == 0.5
    assert score.any.precision is not None
    assert score.any.precision.value == pytest.approx(2 / 3)
    assert score.any.recall is None


@given(st.integers(0, 10_000), st.integers(0, 40))
def test_scores_equal_their_slow_definition(seed: int, num_named: int) -> None:
    draw = random.Random(seed)
    names, words = [kind.name for kind in KINDS], [kind.name for kind in KINDS] + list(GROUPS)
    faults = [make_line(row, draw.choice(names)) for row in draw.sample(range(60), 25)]
    named: dict[str | int, set[str | None]] = {
        row: {draw.choice(words) for _ in range(draw.randint(1, 2))} for row in draw.sample(range(60), num_named)
    }
    score = score_named(faults, named, "row", {}, None)
    kind_of = {each["row"]: each["kind"] for each in faults}

    def covers(word: str | None, kind: str | None) -> bool:
        return kind is not None and word is not None and (kind == word or kind in GROUPS.get(word, ()))

    for each in score.kinds:
        truth = [row for row, kind in kind_of.items() if covers(each.kind, kind)]
        assert (each.found.part, each.found.whole) == (sum(row in named for row in truth), len(truth))
        if each.recall and each.precision:
            right = [row for row in truth if any(covers(word, kind_of[row]) for word in named.get(row, ()))]
            claims = [row for row, said in named.items() if each.kind in said]
            true_claims = [row for row in claims if covers(each.kind, kind_of.get(int(row)))]
            assert (each.recall.part, each.recall.whole) == (len(right), len(truth))
            assert (each.precision.part, each.precision.whole) == (len(true_claims), len(claims))
    assert score.any.found.part == sum(row in named for row in kind_of)
    assert score.any.precision is not None
    assert score.any.precision.part == sum(row in kind_of for row in named)


@pytest.mark.parametrize(("part", "whole"), [(0, 1), (1, 1), (0, 30), (3, 30), (29, 30), (500, 1000)])
def test_intervals_are_those_of_statsmodels(part: int, whole: int) -> None:
    expected = proportion_confint(part, whole, alpha=0.05, method="wilson")
    found = make_share(part, whole)
    assert (found.low, found.high) == pytest.approx(tuple(map(float, expected)), abs=1e-12)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, demo_document: Row) -> Path:
    out = tmp_path_factory.mktemp("scoring") / "faulty"
    document = {**demo_document, "scenarios": {"all": 0.03, "pictures": 0}}
    write_shards(GenerateInputs(spec_document=document, seed=1, start=40, num_products=400, image_size=None), out)
    return out


@pytest.mark.parametrize("by", ["row", "product_code"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_pipeline_that_finds_everything_has_perfect_scores(faulty: Path, tmp_path: Path, by: str, suffix: str) -> None:
    truth, found = pq.read_table(faulty / FAULTS_FILE), tmp_path / f"found{suffix}"
    rows = truth.select([by, "kind"]).to_pylist()
    if suffix == ".jsonl":
        found.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), found)
    else:
        with found.open("w", newline="") as file:
            writer = csv.DictWriter(file, [by, "kind"], delimiter="," if suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    score = score_faults(found, faulty / FAULTS_FILE)
    for each in (*score.kinds, score.any):
        assert each.recall is not None
        assert each.precision is not None
        assert each.found.value == each.recall.value == each.precision.value == 1.0
    assert (score.any.found.whole, score.unknown_names, score.unknown_kinds) == (truth.num_rows, 0, {})


def test_names_that_the_catalog_does_not_have_are_counted(faulty: Path, tmp_path: Path) -> None:
    clean = pq.read_table(min((faulty / "data").glob("train-*")))["product_code"].to_pylist()
    listed = set(pq.read_table(faulty / FAULTS_FILE)["product_code"].to_pylist())
    codes = [next(code for code in clean if code not in listed), "no-such-code", "12"]
    (tmp_path / "found.csv").write_text("product_code\n" + "\n".join(codes))
    assert score_faults(tmp_path / "found.csv", faulty / FAULTS_FILE).unknown_names == 2
    (tmp_path / "found.csv").write_text("row\n39\n40\n439\n440\n999999\n")
    found = {row["row"] for row in pq.read_table(faulty / FAULTS_FILE).to_pylist()}
    expected = len({39, 440, 999999} - found)
    assert score_faults(tmp_path / "found.csv", faulty / FAULTS_FILE).unknown_names == expected


@pytest.mark.parametrize(
    ("header", "spell", "encoding"),
    [
        ("product_code;kind;score", lambda code, kind: f"{code}.0;{kind};0,5", "utf-8-sig"),
        ("row\tkind", lambda row, kind: f"{row}.0\t{kind.replace('-', '_').upper()}", "utf-16"),
        ("kind,SKU", lambda code, kind: f"{kind},{code}", "utf-8"),
        ("product_code,kind", lambda code, kind: f'"{int(code)}",{kind.title()}', "utf-8"),
    ],
)
def test_tables_as_people_write_them(faulty: Path, tmp_path: Path, header: str, spell: Any, encoding: str) -> None:
    truth = pq.read_table(faulty / FAULTS_FILE).to_pylist()
    key = "row" if "row" in header else "product_code"
    plain, odd = tmp_path / "plain.csv", tmp_path / "odd.csv"
    plain.write_text(f"{key},kind\n" + "".join(f"{line[key]},{line['kind']}\n" for line in truth))
    text = "\n".join([header, *(spell(line[key], line["kind"]) for line in truth)])
    odd.write_bytes(text.encode(encoding))
    found = score_faults(odd, faulty / FAULTS_FILE)
    assert found == score_faults(plain, faulty / FAULTS_FILE)
    assert found.any.recall is not None
    assert found.any.recall.value == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("found.csv", "what,kind\n1,missing\n", "neither a column product_code nor row"),
        ("found.csv", "product_code,kind\n,missing\n", "null is not a product_code"),
        ("found.csv", "row\nx\n", "'x' is not a row"),
        ("found.csv", "row\n-1\n", "'-1' is not a row"),
        ("found.csv", "", "not a well-formed table"),
        ("found.docx", "row\n1\n", "not a kind of table"),
    ],
)
def test_bad_table_is_a_one_line_error(faulty: Path, tmp_path: Path, name: str, content: str, problem: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ToileError) as caught:
        score_faults(tmp_path / name, faulty / FAULTS_FILE)
    assert problem in caught.value.problem
    assert name in caught.value.where


def test_file_that_is_not_a_list_of_faults_is_refused(faulty: Path, tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_text("row\n1\n")
    with pytest.raises(ToileError, match="not a readable Parquet file"):
        score_faults(tmp_path / "found.csv", tmp_path / "found.csv")
    with pytest.raises(ToileError, match="lacks the columns row, kind"):
        score_faults(tmp_path / "found.csv", min((faulty / "data").glob("train-*")))


def test_the_command_prints_a_table_or_json(faulty: Path, tmp_path: Path) -> None:
    codes = pq.read_table(faulty / FAULTS_FILE)["product_code"].to_pylist()[:5]
    found = tmp_path / "found.csv"
    found.write_text("product_code,kind\n" + "".join(f"{code},missing\n" for code in codes) + "nobody,blurred\n")
    command = ["score-faults", str(found), "--truth", str(faulty / FAULTS_FILE)]
    printed = CliRunner().invoke(main, command, catch_exceptions=False, env={"COLUMNS": "140"})
    assert printed.exit_code == 0
    for text in ("missing-title", "recall", "5/6 = 83%", "1 of them are not in the catalog", "'blurred'"):
        assert text in printed.stdout, text
    answer = json.loads(CliRunner().invoke(main, [*command, "--json"], catch_exceptions=False).stdout)
    assert answer["any"]["precision"]["part"] == 5
    assert answer["unknown_kinds"] == {"blurred": 1}


def test_generate_takes_scenarios_from_the_command_line(tmp_path: Path) -> None:
    command = [
        "generate",
        "demo",
        "--num-products",
        "200",
        "--no-images",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(main, [*command, "--scenario", "missing=0.1", "--scenario", "duplicate"])
    assert done.exit_code == 0, done.output
    kinds = set(pq.read_table(tmp_path / "out" / FAULTS_FILE)["kind"].to_pylist())
    assert kinds == {"missing-title", "missing-category", "missing-price", "duplicate"}
    assert "faulty (extra/faults.parquet)" in done.output
    wrong = CliRunner().invoke(main, [*command, "--scenario", "missng"])
    assert wrong.exit_code == 1
    assert "hint: did you mean 'missing'?" in wrong.output
