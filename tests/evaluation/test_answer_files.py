"""Answers of other tools: their formats, what is missing or repeated, and the same figures as an evaluation."""

import contextlib
import csv
import dataclasses
import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.analysis.comparison import compare
from evaluation.answer_files import GivenAnswer, answer_text, match_answers, read_answers, read_codes
from evaluation.models.base import ModelUnderTest
from evaluation.models.openai_server import content_text, read_completion
from evaluation.report.console import write_summary
from evaluation.report.evidence import rescore
from evaluation.rows import Rows, read_rows
from evaluation.run import evaluate, score_file
from schemas.answer import render
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product
from schemas.result import read_comparison, read_result
from tests.helpers.shard_fixture import in_split, products, table_model, write_shards
from tests.helpers.workbooks import write_workbook
from toile.cli import main

pytestmark = pytest.mark.usefixtures("few_resamples")

ROWS = [*in_split(products(24)), *in_split(products(40)[24:], "train")]
CODES = [row.product_code for row in ROWS]
TEST = ROWS[:24]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("catalog"), ROWS)


@pytest.fixture(scope="module")
def rows(data: Path) -> Rows:
    return read_rows(data, EvaluationSpec(), quiet=True)


def right(product: Product) -> str:
    return render(product.title or "", product.category3_code or "", product.full_price or 0.0)


def write_lines(path: Path, records: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def one_answer(path: Path, records: Sequence[Any], **columns: str) -> GivenAnswer:
    """Return the first answer of a file of these records."""
    given, *_ = read_answers([write_lines(path, records)], CODES, columns=columns)
    return given[0]


# Formats ---------------------------------------------------------------------------------------------------------

CODE, TEXT = CODES[3], "Product: Wool Coat, Category: Bags, Full Price: 10.0"
COMPLETION = {"object": "chat.completion", "choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}
CUT_COMPLETION = {"choices": [{"message": {"content": TEXT}, "finish_reason": "length"}]}
CHAT = [{"role": "user", "content": "What is shown?"}, {"role": "assistant", "content": TEXT}]


@pytest.mark.parametrize(
    "record",
    [
        {"product_code": CODE, "answer": TEXT},
        {"id": CODE, "response": TEXT},
        {"sku": CODE, "Model Output": TEXT},
        {"Product-Code": f" {CODE} ", "generated_text": TEXT},
        {"code": int(CODE), "prediction": TEXT, "answer": "the truth", "question": "What is it?"},
        {"question_id": CODE, "prompt": "What?", "text": TEXT, "model_id": "llava", "metadata": {}},
        {"index": 0, "image": f"images/{CODE}.jpg", "output": TEXT},
        {"image": f"C:\\shop\\{CODE}.PNG", "outputs": [TEXT]},
        {"id": CODE, "messages": CHAT},
        {"id": CODE, "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": TEXT}]},
        {"id": CODE, "generated_text": [{"generated_text": CHAT}]},
        {"id": CODE, "response": COMPLETION},
        {"id": CODE, **COMPLETION},
        {"id": CODE, "content": [{"type": "text", "text": TEXT}]},
        {"request_id": 7, "doc": {"id": CODE, "answer": "the truth"}, "outputs": [{"text": TEXT, "index": 0}]},
        {"key": CODE, "response": {"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}]}},
        {"custom_id": CODE, "response": {"status_code": 200, "body": COMPLETION}, "error": None},
        {"id": "batch_1", "custom_id": CODE, "response": {"status_code": 200, "body": COMPLETION}, "error": None},
        {
            "custom_id": CODE,
            "response": {
                "status_code": 200,
                "body": {
                    "output": [
                        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Bags?"}]},
                        {"type": "message", "content": [{"type": "output_text", "text": TEXT}]},
                    ]
                },
            },
        },
        {
            "custom_id": CODE,
            "result": {
                "type": "succeeded",
                "message": {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"},
            },
        },
        {"doc_id": 0, "doc": {"product_code": CODE}, "target": "truth", "resps": [[TEXT]], "filtered_resps": [TEXT]},
        {"doc_id": 0, "product_code": CODE, "target": "the truth", "resps": [[TEXT]], "filtered_resps": TEXT},
        {
            "id": CODE,
            "epoch": 1,
            "input": "What is shown?",
            "target": "the truth",
            "output": {"choices": [{"message": {"content": TEXT, "role": "assistant"}, "stop_reason": "stop"}]},
            "scores": {"toile": {"value": {"joint": 1.0}, "answer": "x"}},
        },
    ],
    ids=lambda record: ",".join(record)[:40],
)
def test_records_of_many_tools_are_read(tmp_path: Path, record: dict[str, Any]) -> None:
    given = one_answer(tmp_path / "answers.jsonl", [record])
    lookup = match_codes([given])
    assert (lookup, given.text, given.truncated, given.control) == ([CODE], TEXT, False, "none")


def match_codes(given: Sequence[GivenAnswer]) -> list[str]:
    empty = Rows(folder=Path(), num_rows=24, products=tuple(TEST), skipped=(), sizes={}, mean_colour=(0, 0, 0))
    codes = {row.product_code: row.split for row in ROWS}
    matched = match_answers(given, empty, codes, EvaluationSpec(), "generate")
    return [prediction.product_code for prediction in matched.predictions if prediction.answer]


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        ({"title": "A", "category": "Bags", "price": 10}, {"title": "A", "category": "Bags", "full_price": 10}),
        ({"pred_title": "A", "title": "B", "predicted_price": "$9"}, {"title": "A", "full_price": "$9"}),
        ({"category_pred": "Bags", "category": "Shoes", "model_name": "phi"}, {"category": "Bags"}),
        ({"title": "A", "category": None, "price": ""}, {"title": "A"}),
        ({"prediction": {"title": "A", "price": 5}}, {"title": "A", "price": 5}),
    ],
)  # fmt: skip
def test_fields_become_an_answer(tmp_path: Path, record: dict[str, Any], answer: dict[str, Any]) -> None:
    given = one_answer(tmp_path / "answers.jsonl", [{"id": CODE, **record}])
    assert json.loads(given.text or "") == answer


@pytest.mark.parametrize(
    "record",
    [
        {"answer": TEXT, "finish_reason": "length"},
        {"answer": TEXT, "truncated": True},
        {"answer": TEXT, "stop_reason": "max_tokens"},
        {"response": CUT_COMPLETION},
        {"output": {"choices": [{"message": {"content": TEXT}, "stop_reason": "max_tokens"}]}},
        {"custom_id": CODE, "response": {"body": CUT_COMPLETION}},
        {"custom_id": CODE, "result": {"message": {"content": [{"text": TEXT}], "stop_reason": "max_tokens"}}},
    ],
)  # fmt: skip
def test_an_answer_that_was_cut_is_known(tmp_path: Path, record: dict[str, Any]) -> None:
    given = one_answer(tmp_path / "answers.jsonl", [{"id": CODE, **record}])
    assert (given.text, given.truncated) == (TEXT, True)


@pytest.mark.parametrize(
    "record",
    [
        {"custom_id": CODE, "response": None, "error": {"code": "expired", "message": "too late"}},
        {"custom_id": CODE, "response": {"status_code": 400, "body": {"error": {"message": "no"}}}, "error": None},
        {"custom_id": CODE, "result": {"type": "errored", "error": {"type": "invalid_request"}}},
        {"id": CODE, "output": {"choices": [], "error": "refused"}, "error": {"message": "died"}},
        {"doc_id": 0, "doc": {"id": CODE}, "filtered_resps": "[LMMS_EVAL_REQUEST_FAILED after 5 retries] Connection"},
    ],
)
def test_a_failed_request_has_no_answer(tmp_path: Path, record: dict[str, Any]) -> None:
    assert one_answer(tmp_path / "answers.jsonl", [record]).text is None


def test_tables_are_read_like_json_lines(tmp_path: Path) -> None:
    records = [{"Artikelnummer": row.product_code, "Antwort": f'a, "quoted"\nanswer {n}'} for n, row in enumerate(TEST)]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(records[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(records)
    (tmp_path / "a.csv").write_text(file.getvalue(), encoding="utf-8-sig", newline="")
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "b.parquet")
    (tmp_path / "c.json").write_text(json.dumps({"model": "x", "results": records}))
    (tmp_path / "d.json").write_text(json.dumps({r["Artikelnummer"]: r["Antwort"] for r in records}))
    expected, *_ = read_answers([write_lines(tmp_path / "e.jsonl", records)], CODES)
    columns = {name: [record[name] for record in records] for name in records[0]}
    (tmp_path / "f.json").write_text(json.dumps(columns))
    indexed = {name: dict(zip(map(str, range(len(records))), values, strict=True)) for name, values in columns.items()}
    (tmp_path / "g.json").write_text(json.dumps(indexed))
    (tmp_path / "h.json").write_text(json.dumps({"evalId": 1, "results": {"version": 3, "results": records}}))
    for name in ("a.csv", "b.parquet", "c.json", "d.json", "f.json", "g.json", "h.json"):
        found, *_ = read_answers([tmp_path / name], CODES)
        assert [(each.code, each.text) for each in found] == [(each.code, each.text) for each in expected], name


def given_texts(path: Path, content: str, encoding: str = "utf-8") -> list[tuple[str, str | None]]:
    path.write_bytes(content.encode(encoding))
    given, *_ = read_answers([path], CODES)
    return [(each.code, each.text) for each in given]


def test_json_of_any_layout_is_read(tmp_path: Path) -> None:
    wanted = [(code, TEXT) for code in CODES[:3]]
    records = [{"id": code, "answer": text} for code, text in wanted]
    lines = "\n".join(map(json.dumps, records))
    layouts = {
        "lines.json": lines,
        "list.jsonl": json.dumps(records),
        "indented.jsonl": "\n".join(json.dumps(each, indent=2) for each in records),
        "messages.json": json.dumps(
            {code: [*CHAT[:1], {"role": "assistant", "content": text}] for code, text in wanted}
        ),
        "samples.json": json.dumps({code: [text, "another"] for code, text in wanted}),
        "commas.jsonl": ",\n".join(map(json.dumps, records)) + ",\n",
        "inside.json": json.dumps({"run": {"model": "m"}, "predictions": dict(wanted)}),
    }
    for name, content in layouts.items():
        assert given_texts(tmp_path / name, content) == wanted, name
    assert given_texts(tmp_path / "wide.json", lines, "utf-16") == wanted
    assert given_texts(tmp_path / "broken.json", lines + '\n{"id": "cut') == [*wanted], "the rest of the lines is read"


def test_columns_in_other_languages_and_of_models_are_found(tmp_path: Path) -> None:
    headers = (
        *("Código;Nombre;Categoría;Precio", "Codice;Nome;Categoria;Prezzo", "Référence;Nom du produit;Catégorie;Prix"),
        *("商品コード;商品名;カテゴリ;価格", "code;model_title;model_category;model_price"),
        "code;title_model;category_model;price_model",
    )
    for header in headers:
        (code, text), *_ = given_texts(tmp_path / "own.csv", f"{header}\n{CODE};Wool Coat;Bags;10\n")
        assert (code, json.loads(text or "")) == (
            CODE, {"title": "Wool Coat", "category": "Bags", "full_price": "10"}
        ), header  # fmt: skip


def test_the_first_of_several_answers_a_row_counts(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"code,answer_1,answer_2,answer_10\n{CODE},a,b,c\n")
    given, _, lost = read_answers([path], CODES)
    assert given[0].text == "a"
    assert lost == [f"{path} has 3 answers a row: only those of 'answer_1' count"]


FIELDS_TEXT = '{"title": "Wool Coat", "category": "Bags", "price": 10}'
USE = {"type": "tool_use", "input": json.loads(FIELDS_TEXT)}
CALL = {"function": {"name": "answer", "arguments": FIELDS_TEXT}}


@pytest.mark.parametrize(
    "record",
    [
        {"id": CODE, "response": {"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}},
        {"custom_id": CODE, "response": {"body": {"choices": [{"message": {"content": "", "tool_calls": [CALL]}}]}}},
        {
            "custom_id": CODE,
            "result": {"message": {"content": [USE]}},
        },
        {"custom_id": CODE, "response": {"body": {"output": [{"type": "function_call", "arguments": FIELDS_TEXT}]}}},
    ],
)
def test_the_arguments_of_a_tool_call_are_an_answer(tmp_path: Path, record: dict[str, Any]) -> None:
    answer = one_answer(tmp_path / "answers.jsonl", [record])
    assert (answer.code, json.loads(answer.text or "")) == (CODE, json.loads(FIELDS_TEXT))


def test_titles_above_the_header_of_a_sheet_are_left_out(tmp_path: Path) -> None:
    content = f"My answers,,\r\nof today,,\r\n\r\ncode,answer,remark\r\n{CODE},yes,\r\n"
    assert given_texts(tmp_path / "sheet.csv", content) == [(CODE, "yes")]


def test_answers_stored_as_bytes_are_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"code": [CODE], "answer": [TEXT.encode()]}), tmp_path / "own.parquet")
    given, *_ = read_answers([tmp_path / "own.parquet"], CODES)
    assert given[0].text == TEXT


def test_the_catalogs_own_columns_are_not_taken_for_a_model_in_silence(rows: Rows, data: Path) -> None:
    own = [GivenAnswer(code=row.product_code, text=right(row)) for row in rows.products]
    assert any("very title, category and price" in note for note in match(own, rows, data).notes)
    constant = [dataclasses.replace(each, text=own[0].text) for each in own]
    assert not any("very title" in note for note in match(constant, rows, data).notes)


def test_hints_name_options_of_this_command_only(tmp_path: Path) -> None:
    for name, content in (("a.csv", "код;ответ\nя;ю\n".encode("cp1251")), ("b.csv", b'a,b\n"x,y\n')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ToileError) as caught:
            read_answers([tmp_path / name], CODES)
        assert "--encoding" not in caught.value.hint
        assert "--delimiter" not in caught.value.hint


def test_a_whole_text_as_code_is_refused_in_few_words(rows: Rows, data: Path) -> None:
    with pytest.raises(ToileError) as caught:
        match([GivenAnswer(code="Product: a " * 50_000, text="x")], rows, data)
    assert len(str(caught.value)) < 500


def test_the_column_of_codes_is_known_by_its_values(tmp_path: Path) -> None:
    records = [{"id": n, "ref": row.product_code, "text": "x"} for n, row in enumerate(TEST)]
    given, said, lost = read_answers([write_lines(tmp_path / "a.jsonl", records)], CODES)
    assert [each.code for each in given] == [row.product_code for row in TEST]
    assert "code from 'ref', answer from 'text'" in said[0]
    assert lost == []


@pytest.mark.parametrize(
    ("records", "columns", "problem"),
    [
        ([{"product_code": CODE, "note": "x"}], {}, "has no column of answers among note, product_code"),
        ([{"weight": 5, "answer": "x"}], {}, "has no column of product codes among answer, weight"),
        ([{"id": CODE, "answer": "x"}], {"answer": "ansver"}, "has no column 'ansver'"),
        ([{"id": CODE, "answer": "x"}], {"kode": "id"}, "there is no 'kode'"),
        ([{"id": CODE, "answer": "x", "control": "treatment"}], {}, "'treatment' is none of none, blank, shuffled"),
        ([{"id": CODE, "answer": "x", "protocol": "few-shot"}], {}, "'few-shot' is none of generate"),
    ],
)
def test_files_without_code_or_answer_are_refused(
    tmp_path: Path, records: list[Any], columns: dict[str, str], problem: str
) -> None:
    with pytest.raises(ToileError) as caught:
        one_answer(tmp_path / "answers.jsonl", records, **columns)
    assert problem in str(caught.value)
    assert caught.value.hint


def test_answers_in_a_workbook_are_those_of_the_same_csv(tmp_path: Path) -> None:
    rows = [("code", "answer"), *((code, TEXT) for code in CODES[:3])]
    (tmp_path / "a.csv").write_text("\n".join(f'{code},"{text}"' for code, text in rows))
    workbook = write_workbook(tmp_path / "a.xlsx", {"Sheet1": rows})
    (from_csv, *_), (from_sheet, *_) = (read_answers([path], CODES) for path in (tmp_path / "a.csv", workbook))
    assert [(each.code, each.text) for each in from_sheet] == [(each.code, each.text) for each in from_csv]
    assert len(from_sheet) == 3


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.numbers", b"PK", "is no kind of answer file"),
        ("a.xlsx", b"PK", "is not a readable workbook"),
        ("a.eval", b"no zip", "is not a readable log of inspect"),
        ("a.json", b"{", "is not readable JSON"),
        ("a.json", b"[1, 2]", "holds no records"),
        ("a.jsonl", b"", "has no rows"),
        ("a.jsonl", b"1\n2\n", "is not a JSON object"),
        ("a.parquet", b"PAR1", "is not a readable Parquet file"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ToileError, match=problem):
        read_answers([tmp_path / name], CODES)


def as_zstandard(content: bytes) -> bytes:
    """Return an archive of stored files with each of them compressed with Zstandard (method 93), as inspect does."""
    found, entries = io.BytesIO(), []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            raw, name = archive.read(info), info.filename.encode()
            packed = pa.compress(raw, codec="zstd", asbytes=True)
            fields = (20, 0, 93, 0, 33, info.CRC, len(packed), len(raw), len(name), 0)
            entries.append((found.tell(), fields, name))
            found.write(b"PK\3\4" + struct.pack("<HHHHHIIIHH", *fields) + name + packed)
    start = found.tell()
    for offset, fields, name in entries:
        found.write(b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, *fields, 0, 0, 0, 0, offset) + name)
    size = found.tell() - start
    found.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), size, start, 0))
    return found.getvalue()


def test_a_damaged_log_of_inspect_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("samples/a.json", json.dumps({"id": CODE, "output": {"choices": []}}))
    packed = bytearray(as_zstandard((tmp_path / "log.eval").read_bytes()))
    for place in (2, 50, 60):
        broken = bytes([*packed[:place], packed[place] ^ 0xFF, *packed[place + 1 :]])
        (tmp_path / "broken.eval").write_bytes(broken)
        with pytest.raises(ToileError, match="is not a readable log of inspect"):
            read_answers([tmp_path / "broken.eval"], CODES)


def test_a_log_of_inspect_is_a_zip_of_samples(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": "attachment://abc"}
    sample = {
        "id": "row-1",
        "epoch": 1,
        "metadata": {"product_code": CODE, "control": "blank", "protocol": "instructed"},
        "output": {"choices": [{"message": message, "stop_reason": "stop"}]},
        "attachments": {"abc": TEXT},
    }
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/row-1_epoch_1.json", json.dumps(sample))
    (tmp_path / "zstd.eval").write_bytes(as_zstandard((tmp_path / "log.eval").read_bytes()))
    assert read_answers([tmp_path / "zstd.eval"], CODES)[0] == read_answers([tmp_path / "log.eval"], CODES)[0]
    (given,), *_ = read_answers([tmp_path / "log.eval"], CODES)
    assert (given.code, given.text, given.control, given.protocol) == (CODE, TEXT, "blank", "instructed")


@pytest.mark.parametrize("value", [None, float("nan"), [], [{"role": "user", "content": "?"}]])
def test_no_answer_is_an_empty_text(value: Any) -> None:
    assert answer_text(value) == ""


NAMES = """
    id custom_id response result error body choices message content text type output metadata doc_id resps samples
    finish_reason stop_reason refusal role parts product_code control protocol answer loc detail attachments price
"""
WORDS = st.sampled_from(NAMES.split())
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1.5, float("nan"), "", "x", "none", CODE, "generate", "assistant", "thinking"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(records=st.lists(st.dictionaries(WORDS, VALUES, min_size=1, max_size=6), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_any_record_is_read_or_refused_in_words(records: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    for record in records:
        assert isinstance(answer_text(record), str)
        content_text(record)
        read_completion(record)
    with contextlib.suppress(ToileError):
        read_answers([write_lines(tmp_path_factory.getbasetemp() / "any.jsonl", records)], CODES)


def test_a_file_of_empty_answers_is_a_file_of_answers(tmp_path: Path) -> None:
    assert one_answer(tmp_path / "answers.jsonl", [{"id": CODE, "answer": "", "seed": 1}]).text == ""


def test_what_cannot_be_read_is_said_in_the_result(tmp_path: Path, data: Path) -> None:
    file = write_lines(tmp_path / "own.jsonl", [{"id": row.product_code, "title": row.title} for row in TEST[1:]])
    file.write_text(file.read_text() + '{"id": "' + TEST[0].product_code + '", "title"\n')
    found = score_file(file, data, tmp_path / "out", quiet=True)
    assert any(f"1 records of {file} cannot be read, such as line 24" in note for note in found.notes)
    assert any("has no column of category, price: these fields are missing" in note for note in found.notes)
    assert any("1 of 24 rows have no answer" in note for note in found.notes)


def test_a_table_without_a_header_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("".join(f"{row.product_code},some answer\n" for row in TEST))
    with pytest.raises(ToileError) as caught:
        read_answers([tmp_path / "own.csv"], CODES)
    assert "names of the columns in the first line" in caught.value.hint


# Matching --------------------------------------------------------------------------------------------------------


def match(given: Sequence[GivenAnswer], rows: Rows, data: Path, **changes: Any) -> Any:
    return match_answers(given, rows, read_codes(data), EvaluationSpec(**changes), "generate")


def test_missing_rows_are_wrong_under_their_own_image_only(rows: Rows, data: Path) -> None:
    given = [GivenAnswer(code=row.product_code, text="x") for row in rows.products[2:]]
    given += [GivenAnswer(code=row.product_code, text="y", control="shuffled") for row in rows.products[5:]]
    found = match(given, rows, data)
    assert [p.answer for p in found.predictions if p.control == "none"] == ["", "", *["x"] * (len(rows.products) - 2)]
    assert len([p for p in found.predictions if p.control == "shuffled"]) == len(rows.products) - 5
    assert found.controls == ("shuffled",)
    assert f"2 of {len(rows.products)} rows have no answer and count as wrong, such as" in found.notes[0]
    assert "5 rows have no answer under control shuffled and are left out of it" in found.notes[1]


def test_repeated_unknown_and_other_rows_are_counted(rows: Rows, data: Path) -> None:
    first, second, *_ = (row.product_code for row in rows.products)
    given = [GivenAnswer(code=row.product_code, text="x") for row in rows.products]
    given += [GivenAnswer(code=first, text="x"), GivenAnswer(code=second, text="another")]
    given += [GivenAnswer(code="no-such-code", text="x"), GivenAnswer(code=ROWS[-1].product_code, text="x")]
    found = match(given, rows, data)
    assert [p.answer for p in found.predictions] == ["x"] * len(rows.products)
    assert found.notes == (
        f"1 answers are further ones to the same question, with another text: the first one counts, such as {second}",
        f"1 answers repeat an earlier one to the same question, such as {first}",
        "1 answers have a product code that the catalog does not have, and are left out, such as no-such-code",
        f"1 answers are about rows outside the evaluated test rows, and are left out, such as {ROWS[-1].product_code}",
    )


def test_codes_that_a_spreadsheet_changed_are_found(tmp_path: Path) -> None:
    wanted = ["00123", "AB-7", "1e5", "0099", "99", "123456789012", "4567890"]
    ours = [dataclasses.replace(row, product_code=code) for row, code in zip(TEST, wanted, strict=False)]
    folder = write_shards(tmp_path, ours)
    rows = read_rows(folder, EvaluationSpec(), quiet=True)
    given = [GivenAnswer(code=code, text=code) for code in ("123.0", "ab-7 ", "1E5", "99", "099")]
    given += [GivenAnswer(code=code, text=code) for code in ("1.23456789012E+11", "4,567,890", "1.23E+11")]
    found = match(given, rows, folder)
    answers = {p.product_code: p.answer for p in found.predictions}
    assert answers == {
        "00123": "123.0",
        "AB-7": "ab-7",
        "1e5": "1E5",
        "99": "99",
        "0099": "",
        "123456789012": "1.23456789012E+11",
        "4567890": "4,567,890",
    }, "99 is exact, 099 either; 1.23E+11 has lost digits"
    assert any("5 product codes are written in another way" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "control", "protocol"),
    [
        ("request-{}", "none", "generate"),
        ("{}:shuffled", "shuffled", "generate"),
        ("task_{}_blank_2", "blank", "generate"),
        ("{}/instructed/shuffled-in-category", "shuffled_in_category", "instructed"),
    ],
)
def test_a_code_inside_a_name_is_found_with_its_control(
    rows: Rows, data: Path, name: str, control: str, protocol: str
) -> None:
    first = rows.products[0].product_code
    given = [GivenAnswer(code=row.product_code, text="x", protocol=protocol) for row in rows.products[1:]]
    found = match([*given, GivenAnswer(code=name.format(first), text="y")], rows, data)
    (answered,) = (p for p in found.predictions if p.answer == "y")
    assert answered.key == (first, protocol, control)
    assert not match_codes([GivenAnswer(code=f"{first}-{CODES[1]}", text="which?"), given[5]])[1:], "two codes are none"


def test_answers_of_another_catalog_are_refused(rows: Rows, data: Path) -> None:
    with pytest.raises(ToileError, match="none belongs to an evaluated row: 2 have codes that the catalog does not"):
        match([GivenAnswer(code="a", text="x"), GivenAnswer(code="b", text="x")], rows, data)
    with pytest.raises(ToileError, match="rows of another split"):
        match([GivenAnswer(code=ROWS[-1].product_code, text="x")], rows, data)
    with pytest.raises(ToileError, match="none is about a product's own image"):
        match([GivenAnswer(code=CODE, text="x", control="blank")], rows, data)


# Scores ----------------------------------------------------------------------------------------------------------

SPEC = EvaluationSpec(protocols=("generate", "instructed"), controls=("blank", "shuffled"))


@pytest.fixture(scope="module")
def evaluated(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated") / "run"
    model = table_model(TEST[:17])
    under_test = ModelUnderTest(model="table", adapter=None, device="cpu", dtype="none", load=lambda: model)
    evaluate(under_test, data, out, SPEC, quiet=True)
    return out


def as_predictions(evaluated: Path, folder: Path) -> tuple[list[Path], dict[str, Path]]:
    return [evaluated], {}


def as_lines(evaluated: Path, folder: Path) -> tuple[list[Path], dict[str, Path]]:
    """One shuffled file with columns for control and protocol, of other names and in another order."""
    found = read_predictions(evaluated / "predictions.jsonl")
    lines = [{"response": p.answer, "control": p.control, "protocol": p.protocol, "sku": p.product_code} for p in found]
    return [write_lines(folder / "all.jsonl", lines)], {}


def as_files(evaluated: Path, folder: Path) -> tuple[list[Path], dict[str, Path]]:
    """Two CSV files of the own images, cut in the middle, and one file per control."""
    found = read_predictions(evaluated / "predictions.jsonl")
    lines: dict[str, list[str]] = {}
    for p in found:
        text = p.answer.replace('"', '""')
        lines.setdefault(p.control, []).append(f'{p.product_code},"{text}",{p.protocol}\n')
    own = lines.pop("none")
    lines |= {"none": own[:7], "more": own[7:]}
    for name, content in lines.items():
        (folder / f"{name}.csv").write_text("code,answer,protocol\n" + "".join(content))
    controls = {name: folder / f"{name}.csv" for name in ("blank", "shuffled")}
    return [folder / "none.csv", folder / "more.csv"], controls


@pytest.mark.parametrize("write", [as_predictions, as_lines, as_files])
def test_scoring_the_answers_of_an_evaluation_gives_its_figures(
    tmp_path: Path, data: Path, evaluated: Path, write: Callable[..., tuple[list[Path], dict[str, Path]]]
) -> None:
    files, controls = write(evaluated, tmp_path)
    found = score_file(files, data, tmp_path / "out", controls=controls, quiet=True)
    expected = read_result(evaluated)
    assert found.scores == expected.scores
    assert (found.verdict, found.counts, found.leaks) == (expected.verdict, expected.counts, expected.leaks)
    assert read_result(tmp_path / "out") == found
    assert rescore(tmp_path / "out" / "report.html").differing == ()
    again = score_file(files, data, tmp_path / "out", controls=controls, quiet=True)
    assert again == found, "read back"


def test_one_wrong_answer_changes_the_figures(tmp_path: Path, data: Path, evaluated: Path) -> None:
    (file,), _ = as_lines(evaluated, tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if '"none"' in line and TEST[0].product_code in line)
    file.write_text("".join([*lines[:place], *lines[place + 1 :]]))
    found = score_file([file], data, tmp_path / "out", quiet=True)
    assert found.scores != read_result(evaluated).scores
    assert any("1 of 24 rows have no answer" in note for note in found.notes)


def test_either_kind_can_be_compared(tmp_path: Path, data: Path, evaluated: Path) -> None:
    answers = [{"id": row.product_code, "answer": right(row)} for row in TEST]
    score_file(write_lines(tmp_path / "perfect.jsonl", answers), data, tmp_path / "perfect", quiet=True)
    compare(evaluated, tmp_path / "perfect", tmp_path / "both")
    found = read_comparison(tmp_path / "both")
    joint = next(s for s in found.scores if (s.metric, s.rows, s.category, s.control) == ("joint", "all", None, "none"))
    assert joint.base == pytest.approx(17 / 24, abs=1e-5)
    assert (joint.tuned, joint.n) == (1.0, 24)
    assert {score.control for score in found.scores} == {"none"}
    assert any("control blank, shuffled of base is left out" in note for note in found.notes)
    assert rescore(tmp_path / "both" / "report.html").differing == ()
    compare(tmp_path / "perfect", evaluated, tmp_path / "turned")
    assert "toile score" in (tmp_path / "turned" / "report.html").read_text()


def test_a_comparison_keeps_the_controls_that_both_have(tmp_path: Path, data: Path, evaluated: Path) -> None:
    score_file([evaluated], data, tmp_path / "same", quiet=True)
    found = compare(evaluated, tmp_path / "same", tmp_path / "both")
    assert {score.control for score in found.scores} == {"none", "blank", "shuffled"}
    assert all(score.difference in (0.0, None) for score in found.scores if score.baseline is None)


def run_score(*words: str) -> Result:
    return CliRunner().invoke(main, ["score", *words])


def test_hostile_codes_and_names_that_are_not_utf8_stop_nothing(tmp_path: Path, data: Path) -> None:
    path = tmp_path / b"r\xe9ponses.jsonl".decode("utf-8", "surrogateescape")
    write_lines(path, [{"id": CODE, "answer": TEXT}, {"id": "no\x1b[31m\x07code", "answer": TEXT}])
    found = run_score(str(path), "--data", str(data), "--out", str(tmp_path / "out"))
    assert found.exit_code == 0, found.output
    assert "such as no\\x1b[31m\\x07code" in found.stderr
    assert read_result(tmp_path / "out").inputs.model == str(path)
    for suffix in (".json", ".md", ".xml"):
        write_summary(tmp_path / "out", tmp_path / f"summary{suffix}", {})
    ElementTree.parse(tmp_path / "summary.xml")
    assert "ponses" in json.loads((tmp_path / "summary.json").read_bytes())["model"]
    assert "already there" in run_score(str(path), "--data", str(data), "--out", str(tmp_path / "out")).stderr


def test_a_named_column_is_part_of_the_run(tmp_path: Path, data: Path) -> None:
    lines = [{"id": row.product_code, "answer": "no idea", "second try": right(row)} for row in TEST]
    words = [str(write_lines(tmp_path / "own.jsonl", lines)), "--data", str(data), "--out", str(tmp_path / "out")]
    assert json.loads(run_score(*words).stdout.splitlines()[-1])["joint"][0] == 0.0
    second = [*words, "--column", "answer=second try"]
    assert "with another columns" in run_score(*second).stderr
    assert json.loads(run_score(*second, "--force").stdout.splitlines()[-1])["joint"][0] == 1.0
    assert "--column &#39;answer=second try&#39;" in (tmp_path / "out" / "report.html").read_text()


def test_the_command_prints_what_it_found(tmp_path: Path, data: Path) -> None:
    answers = [{"sku": row.product_code, "reply": right(row)} for row in TEST[:20]]
    file = write_lines(tmp_path / "own.jsonl", answers)
    words = (str(file), "--data", str(data), "--out", str(tmp_path / "out"), "--name", "other model")
    shown = run_score(*words)
    assert shown.exit_code == 0, shown.output
    assert "20 records; code from 'sku', answer from 'reply'" in shown.stderr
    assert "note: 4 of 24 rows have no answer and count as wrong" in shown.stderr
    assert json.loads(shown.stdout.splitlines()[-1])["joint"][0] == pytest.approx(20 / 24, abs=1e-5)
    assert read_result(tmp_path / "out").inputs.model == "other model"
    assert "already there" in run_score(*words).stderr
    write_lines(file, answers[1:])
    assert "with another answers" in run_score(*words).stderr
    assert run_score(*words, "--force").exit_code == 0
    assert run_score(*words, "--force", "--fail-under", "joint=0.9").exit_code == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--control", "dark=own.jsonl"], "is not NAME=VALUE, NAME one of blank, shuffled"),
        (["--control", "blank"], "is not NAME=VALUE"),
        (["--column", "answer=x", "--column", "answer=y"], "names answer twice"),
        (["--control", "blank=gone.jsonl"], "is not there"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, data: Path, words: list[str], problem: str) -> None:
    file = write_lines(tmp_path / "own.jsonl", [{"id": CODE, "answer": "x"}])
    shown = run_score(str(file), "--data", str(data), "--out", str(tmp_path / "out"), *words)
    assert shown.exit_code in (1, 2)
    assert problem in shown.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_scoring_imports_nothing_heavy(tmp_path: Path, data: Path) -> None:
    file = write_lines(tmp_path / "own.jsonl", [{"id": row.product_code, "answer": right(row)} for row in TEST])
    words = ["score", str(file), "--data", str(data), "--out", str(tmp_path / "out")]
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom toile.cli import main\n"
        "import evaluation.stats.intervals as i; i.RESAMPLES = 10\n"
        f"answer = CliRunner().invoke(main, {words!r})\nassert answer.exit_code == 0, answer.output\n"
        "print(sorted({'torch', 'transformers', 'openai', 'datasets', 'pandas'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
