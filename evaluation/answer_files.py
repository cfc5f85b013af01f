"""Read answers that another tool wrote, and match them with the rows of a catalog.

    given = read_answers([Path("answers.jsonl")], codes={"1001", "1002"})

Read are JSON lines, JSON, CSV, Parquet, Arrow streams and logs of inspect (`.eval`). A row has a product code and an
answer: text, a chat completion, or fields title, category and price. Columns are found by name and, for the code, by
its values: the column whose values are codes of the catalog. Known shapes are read as their tools write them:
`predictions.jsonl` of toile, batch files with `custom_id`, sample logs of lmms-eval and lm-evaluation-harness, samples
of inspect.

Nothing is guessed about an answer here: its text goes to `schemas.answer.parse` like that of any model.
"""

import contextlib
import json
import re
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from evaluation.models.openai_server import content_text, read_completion
from evaluation.rows import Rows, new_prediction
from generator.ingest import ImportOptions
from generator.ingest.columns import CATEGORY_NAMES, NAMES, PRICE_NAMES, fold_name
from generator.ingest.tables import READERS, StoredImage
from schemas.answer import parse
from schemas.documents import from_dict
from schemas.errors import ToileError, suggest
from schemas.evaluation import CONTROLS, EVERY_CONTROL, PROTOCOLS, EvaluationSpec, Prediction
from schemas.product import Product, read

COLUMN_NAMES = ("code", "answer", "title", "category", "price", "control", "protocol", "truncated")
"""What a column can be named as with `--column NAME=THEIRS`."""
_ANSWERS = (
    *("prediction", "predictions", "pred", "preds", "predicted", "predict", "predictedanswer", "modelanswer"),
    *("modeloutput", "modelresponse", "modelprediction", "rawprediction", "rawresponse", "rawoutput", "rawanswer"),
    *("generatedtext", "generatedtexts", "generatedanswer", "generated", "generation", "generations"),
    *("completion", "completions", "response", "responses", "reply", "hypothesis", "filteredresps", "resps"),
    *("output", "outputs", "outputtext", "answer", "answers", "result", "results", "text", "content", "caption"),
    *("message", "messages", "conversations", "choices", "candidates", "antwort", "reponse", "respuesta", "risposta"),
)
"""Names of the answer's column, the best first: beside a `prediction`, an `answer` is usually the truth."""
_CODES = (
    *("productcode", "customid", "sku", "code", *NAMES["product_code"], "questionid", "sampleid", "rowid", "recordid"),
    *("itemid", "exampleid", "docid", "key", "id", "index", "uid", "uuid", "name", "imagename", "imageid"),
)
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": NAMES["title"],
    "category": (
        *("category3code", "category", "productcategory", "leafcategory", "categoryname", "kategorie", "class"),
        *(name for name in CATEGORY_NAMES if name not in ("target", "label", "labels", "collection")),
    ),
    "price": ("fullprice", "price", "listprice", "originalprice", "fullpriceusd", *PRICE_NAMES),
}
_PREDICTED = re.compile(
    r"^(?:pred(?:icted|iction)?|answer(?:ed)?|output|generated|response|estimated|guess(?:ed)?|(?:model|llm|vlm|ai)(?!name))"
    r"|(?:pred(?:icted|iction)?|model|guess|estimate)$"
)
_NUMBERED = re.compile(r"(.*[^\W\d_])[\s_-]*\d{1,3}")
_SHEETS = frozenset({".xlsb", ".numbers"})
_FAILURE = "[LMMS_EVAL_REQUEST_FAILED"
"""Beginning of what lmms-eval writes in place of an answer where its request failed."""
_TEXT_KEYS = (
    *("content", "text", "generated_text", "value", "parts", "message", "messages", "output", "outputs", "choices"),
    *("candidates", "completion", "response", "prediction", "answer"),
)
"""Where the text of an answer is inside an object, the best first; an object with none of them is itself an answer."""
_CUT = frozenset({"length", "max_tokens", "maxtokens", "max_output_tokens", "model_length"})
"""Reasons, in lower case, for which a model's answer ended at its limit."""
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "control": ("control", "imagecontrol"),
    "protocol": ("protocol",),
    "truncated": ("truncated", "finishreason", "stopreason", "donereason"),
}
_NO_CONTROL = frozenset({"", "none", "own", "original", "true", "no", "image"})
_ZSTANDARD = 93
"""Compression method of ZIP archives that `zipfile` knows from Python 3.14 on."""
_MAX_SAMPLE_BYTES = 500_000_000
_SHORTEST_INSIDE = 4
"""Characters of a code that is looked for inside a longer name: shorter ones are there by chance."""
_LONGEST_NAME = 500
"""Characters of a name in which a code is looked for."""
_LONGEST_QUOTE = 60
_FEWEST_COPIES = 5
"""Answers from which on it is no chance that all of them repeat their rows in every character."""
_DEPTH = 4
"""How deep columns are looked for in nested records."""
_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """One answer as a file gives it."""

    code: str
    """As the file writes it."""
    text: str | None
    """None where the tool has no answer, because its request failed."""
    truncated: bool = False
    protocol: str | None = None
    """None where the file does not say."""
    control: str = "none"
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of a `Prediction`, from a file of toile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedAnswers:
    """Predictions of every row, and what was found on the way."""

    predictions: tuple[Prediction, ...]
    protocols: tuple[str, ...]
    controls: tuple[str, ...]
    notes: tuple[str, ...]
    """How many rows have no answer, several, or another code."""


Record = dict[str, Any]


def read_answers(
    paths: Sequence[Path],
    codes: Collection[str],
    *,
    columns: Mapping[str, str] | None = None,
    control: str | None = None,
) -> tuple[list[GivenAnswer], list[str], list[str]]:
    """Return the answers of files in their order, which columns were read, and what was not, in sentences.

    Args:
        paths: files of one tool.
        codes: every product code of the catalog: the column with such values is that of the code.
        columns: name in COLUMN_NAMES -> the file's column, where it is not found by itself.
        control: the control under which all of them were given; None where a column may say so.

    Raises ToileError for a file that cannot be read, and one without a column of codes or answers.
    """
    found: list[GivenAnswer] = []
    said, lost = [], []
    for path in paths:
        records, broken = read_records(path, codes)
        shaped = [_unwrap(record) for record in records]
        named = _find_columns(shaped, codes, columns or {}, str(path))
        found += [
            _read_record(record, named, control, f"{path}: record {number}")
            for number, record in enumerate(shaped, start=1)
            if record
        ]
        listed = ", ".join(f"{ours} from {theirs!r}" for ours, theirs in named.items())
        said.append(f"{path}: {len(records)} records; {listed}")
        lost += [f"{len(broken)} records of {path} cannot be read, such as {broken[0]}"] if broken else []
        alike = next((each for each in _numbered(shaped[0]).values() if named.get("answer") == each[0]), [])
        if len(alike) > 1:
            lost.append(f"{path} has {len(alike)} answers a row: only those of {named['answer']!r} count")
        absent = [name for name in _FIELDS if name not in named] if "answer" not in named else []
        lost += (
            [f"{path} has no column of {', '.join(absent)}: these fields are missing in its answers"] if absent else []
        )
    return found, said, lost


def read_records(path: Path, codes: Collection[str] = ()) -> tuple[list[Record], list[str]]:
    """Return the records of a file as nested dicts, an empty one for each that cannot be read, and why.

    JSON lines that are named `.json`, and documents that are named `.jsonl`, are read as what they are. An object whose
    names are `codes` has one record for each.
    """
    suffix = path.suffix.lower()
    if suffix == ".eval":
        return _read_inspect_log(path), []
    if suffix == ".json":
        try:
            return _read_document(path, codes), []
        except ToileError as error:
            return _read_table(path, ".jsonl", instead=error)
    if suffix not in READERS:
        known = ", ".join(sorted([*READERS, ".json", ".eval"]))
        hint = "save the sheet as CSV (UTF-8)" if suffix in _SHEETS else f"use one of {known}"
        raise ToileError(str(path), f"{suffix or 'no suffix'!r} is no kind of answer file", hint)
    try:
        return _read_table(path, suffix)
    except ToileError:
        if suffix not in (".jsonl", ".ndjson"):
            raise
        with contextlib.suppress(ToileError):
            return _read_document(path, codes), []
        raise


def _read_table(path: Path, suffix: str, instead: ToileError | None = None) -> tuple[list[Record], list[str]]:
    """Return the rows of a table and why some could not be read; raises `instead` where there is no table."""
    try:
        table = READERS[suffix](path, ImportOptions())
    except ToileError as error:
        if instead is not None:
            raise instead from error
        if "--encoding" in error.hint:  # an option of `toile import`
            raise ToileError(error.where, error.problem, "save the file as UTF-8") from error
        if "--delimiter" in error.hint:
            raise ToileError(error.where, error.problem, "fix that line, or save the table as CSV") from error
        raise
    if instead is not None and not any(table.rows):
        raise instead
    if not table.rows:
        raise ToileError(str(path), "has no rows", "check that the tool has finished")
    return table.rows, list(table.broken.values())


def match_answers(
    given: Iterable[GivenAnswer], rows: Rows, all_codes: Mapping[str, str], spec: EvaluationSpec, protocol: str
) -> MatchedAnswers:
    """Return one prediction for each evaluated row, protocol and control that was answered.

    A row without an answer to its own image gets an empty one, which is wrong. Under a control it is left out, because
    a wrong answer there would favour the model. Of several answers to one question the first counts. Codes are compared
    as they are, then without case, outer blanks, leading zeros and a decimal `.0`, where that is unambiguous.

    Args:
        given: the answers.
        rows: the rows to score.
        all_codes: every product code of the catalog -> its split.
        spec: seed and split.
        protocol: that of answers whose file does not say.

    Raises ToileError where no answer belongs to a row.
    """
    by_code = {product.product_code: product for product in rows.products}
    fold = _make_code_lookup(all_codes)
    answers: dict[tuple[str, str, str], GivenAnswer] = {}
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = defaultdict(list)

    def count(kind: str, code: str) -> None:
        counts[kind] += 1
        short = code if len(code) <= _LONGEST_QUOTE else f"{code[:_LONGEST_QUOTE]}..."
        if short not in examples[kind] and len(examples[kind]) < _EXAMPLES:
            examples[kind].append(short)

    for each in given:
        code, answer = fold(each.code), each
        if code is None:
            code, answer = _find_inside(each, fold)
        if code is None:
            count("unknown", answer.code)
        elif code not in by_code:
            count("other", code)
        else:
            if code != answer.code:
                count("folded", answer.code)
            key = (code, answer.protocol or protocol, answer.control)
            if key in answers:
                count("repeated" if answers[key].text == answer.text else "differing", code)
            else:
                answers[key] = answer
    own = [key for key in answers if key[2] == "none"]
    if not own:
        raise _no_answer(rows, counts, examples, has_control=bool(answers))
    protocols = tuple(dict.fromkeys(key[1] for key in own))
    controls = tuple(name for name in CONTROLS if any(key[2] == name for key in answers))
    predictions = []
    for name in protocols:
        for control in ("none", *controls):
            for product in rows.products:
                found = answers.get((product.product_code, name, control))
                if found is None and control == "none":
                    count(f"missing {name}", product.product_code)
                elif found is None or (found.text is None and control != "none"):
                    count(f"left out {control}", product.product_code)
                    continue
                elif found.text is None:
                    count("failed", product.product_code)
                elif not found.text.strip():
                    count("empty", product.product_code)
                predictions.append(_predict(product, name, control, found))
    notes = _match_notes(counts, examples, len(rows.products), spec, protocols)
    if _are_copies(by_code, {key[0]: answers[key] for key in own if key[1] == protocols[0]}):
        notes += ("every answer has the very title, category and price of its row: are the columns the model's?",)
    return MatchedAnswers(predictions=tuple(predictions), protocols=protocols, controls=controls, notes=notes)


def read_codes(folder: Path) -> dict[str, str]:
    """Return every product code of a catalog with its split."""
    return {product.product_code: product.split for product in read(folder, columns=())}


def _are_copies(products: Mapping[str, Product], given: Mapping[str, GivenAnswer]) -> bool:
    """Return whether all answers repeat their rows in every character, as the catalog's own columns do."""
    pairs = ((products[code], parse(each.text or "")) for code, each in given.items())
    return len(given) >= _FEWEST_COPIES and all(
        (product.title, product.category3_code, product.full_price) == (answer.title, answer.category, answer.price)
        for product, answer in pairs
    )


def _predict(product: Product, protocol: str, control: str, given: GivenAnswer | None) -> Prediction:
    if given is None:
        return new_prediction(product, protocol, control, "")
    answer = (given.text or "").strip()
    return new_prediction(product, protocol, control, answer, **({"truncated": given.truncated} | dict(given.more)))


def _match_notes(
    counts: Mapping[str, int],
    examples: Mapping[str, Sequence[str]],
    num_rows: int,
    spec: EvaluationSpec,
    protocols: Sequence[str],
) -> tuple[str, ...]:
    """Return a sentence for everything that a reader must know about how answers and rows belong together."""
    sentences = {
        **{
            f"missing {name}": f"{{}} of {num_rows} rows have no answer"
            + (f" under {name}" if len(protocols) > 1 else "")
            + " and count as wrong"
            for name in protocols
        },
        "failed": "{} requests of the tool failed; these rows count as wrong",
        "empty": "{} answers are empty and count as wrong",
        "differing": "{} answers are further ones to the same question, with another text: the first one counts",
        "repeated": "{} answers repeat an earlier one to the same question",
        "unknown": "{} answers have a product code that the catalog does not have, and are left out",
        "other": f"{{}} answers are about rows outside the evaluated {spec.split} rows, and are left out",
        "folded": "{} product codes are written in another way than in the catalog",
        **{
            f"left out {name}": f"{{}} rows have no answer under control {name} and are left out of it"
            for name in CONTROLS
        },
    }
    return tuple(
        f"{text.format(counts[kind])}, such as {', '.join(examples[kind])}"
        for kind, text in sentences.items()
        if counts[kind]
    )


def _no_answer(
    rows: Rows, counts: Mapping[str, int], examples: Mapping[str, Sequence[str]], *, has_control: bool
) -> ToileError:
    if has_control:
        return ToileError(
            "answers", "none is about a product's own image", "give the answers to the own images as PREDICTIONS"
        )
    kind = "unknown" if counts["unknown"] >= counts["other"] else "other"
    whose = "codes that the catalog does not have" if kind == "unknown" else "rows of another split or sample"
    ours = ", ".join(product.product_code for product in rows.products[:_EXAMPLES])
    return ToileError(
        "answers",
        f"none belongs to an evaluated row: {counts[kind]} have {whose}, such as {', '.join(examples[kind])}",
        f"codes of the rows are {ours}; name the column with --column code=NAME, or choose --split",
    )


def _make_code_lookup(codes: Iterable[str]) -> "_CodeLookup":
    known = list(codes)
    folded: dict[str, set[str]] = defaultdict(set)
    for code in known:
        folded[_fold_code(code)].add(code)
    return _CodeLookup(
        known=frozenset(known), folded={key: min(found) for key, found in folded.items() if len(found) == 1}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CodeLookup:
    """Finds the catalog's code for a code as a file writes it, or for the path of an image that is named by it."""

    known: frozenset[str]
    folded: Mapping[str, str]

    def __call__(self, code: str) -> str | None:
        if code in self.known:
            return code
        found = self.folded.get(_fold_code(code))
        if found is None and re.search(r"[/\\]|\.\w{3,4}$", code):
            found = self.folded.get(_fold_code(PurePosixPath(code.replace("\\", "/")).stem))
        return found


def _find_inside(given: GivenAnswer, lookup: _CodeLookup) -> tuple[str | None, GivenAnswer]:
    """Return the one code inside a longer name such as `request-1001-blank`, and the answer with what else it says.

    The longest run of words counts. Names of controls and protocols beside it are those of the answer.
    """
    if len(given.code) > _LONGEST_NAME:
        return None, given
    words = [(found.start(), found.end()) for found in re.finditer(r"[^\W_]+", given.code)]
    runs = {(start, end) for start, _ in words for _, end in words if end - start >= _SHORTEST_INSIDE}
    found = [(end - start, start, end) for start, end in runs if given.code[start:end] in lookup.known]
    longest = [each for each in found if each[0] == max(found)[0]]
    if len(longest) != 1:
        return None, given
    _, start, end = longest[0]
    rest = re.sub(r"[\W_]+", "_", (given.code[:start] + " " + given.code[end:]).casefold())
    control = max((name for name in CONTROLS if name in rest), key=len, default=None)
    protocol = next((name for name in PROTOCOLS if re.search(rf"(?<![a-z]){name}(?![a-z])", rest)), None)
    control = control if given.control == "none" and control else given.control
    return given.code[start:end], replace(given, control=control, protocol=given.protocol or protocol)


def _fold_code(code: str) -> str:
    plain = unicodedata.normalize("NFKC", code[:_LONGEST_NAME]).casefold().strip()
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", plain):
        plain = plain.replace(",", "")
    power = re.fullmatch(r"(\d)\.(\d+)e\+(\d{1,2})", plain)  # as a spreadsheet shows a long number
    if power and len(power[2]) == int(power[3]):  # else digits are lost
        plain = power[1] + power[2]
    return re.sub(r"^0+(?=.)", "", re.sub(r"^(\d+)\.0+$", r"\1", plain))


# Columns ---------------------------------------------------------------------------------------------------------


def _find_columns(
    records: Sequence[Record], codes: Collection[str], named: Mapping[str, str], where: str
) -> dict[str, str]:
    """Return our name -> column, for the code and either the answer or its fields; and what else is there.

    Raises ToileError where a named column does not exist, and where code or answer are not found.
    """
    present: dict[str, int] = Counter()
    for record in records:
        for name, value in _flatten(record):
            present[name] += (value is not None and value != "") or (name == "answer" and _FAILED in record)
    present.pop(_FAILED, None)
    for ours, theirs in named.items():
        if ours not in COLUMN_NAMES:
            raise ToileError(f"--column {ours}={theirs}", f"there is no {ours!r}", suggest(ours, COLUMN_NAMES))
        if theirs not in present:
            raise ToileError(
                f"--column {ours}={theirs}", f"{where} has no column {theirs!r}", suggest(theirs, list(present))
            )
    filled = [name for name, number in present.items() if number]
    found = dict(named)
    if "code" not in found:
        found["code"] = _find_code_column(records, filled, codes, where)
    rest = [name for name in filled if name not in found.values()]
    if not {"answer", *_FIELDS} & set(named):
        answer = _first_named(rest, _ANSWERS)
        answered = {"answer": answer} if answer else _find_fields(rest)
        numbered = {} if answered else _numbered(rest)
        if best := _first_named(list(numbered), _ANSWERS):
            answered = {"answer": numbered[best][0]}
        empty = None if answered else _first_named([name for name in present if name not in filled], _ANSWERS)
        if empty:
            answered = {"answer": empty}
        if not answered:
            hint = "name it with --column answer=NAME, or title=, category= and price="
            if any(name in codes for name in present):
                hint = "write the names of the columns in the first line, such as code,answer"
            raise ToileError(where, f"has no column of answers among {', '.join(sorted(filled)[:12])}", hint)
        found |= answered
    for ours, names in _SETTINGS.items():
        column = _first_named([name for name in rest if name not in found.values()], names)
        if column and ours not in found:
            found[ours] = column
    return found


def _first_named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the column with the best name; one at the top of the records before one inside others."""
    folded = {column: fold_name(column.rpartition(".")[2]) for column in columns}
    ranks = [
        (column.count("."), number, column)
        for number, name in enumerate(names)
        for column, keys in folded.items()
        if name in keys
    ]
    return min(ranks)[2] if ranks else None


def _numbered(columns: Iterable[str]) -> dict[str, list[str]]:
    """Return name without its number -> columns with one, as in answer_1 and answer_2."""
    found: dict[str, list[str]] = defaultdict(list)
    for column in sorted(columns, key=lambda name: (len(name), name)):
        if match := _NUMBERED.fullmatch(column):
            found[match[1]].append(column)
    return dict(found)


def _find_fields(columns: Sequence[str]) -> dict[str, str]:
    """Return the columns of title, category and price: those that say that they are predicted, else those so called."""
    found: dict[str, str] = {}
    for strip in (True, False):
        for ours, names in _FIELDS.items():
            for column in columns:
                keys = fold_name(column.rpartition(".")[2])
                bare = {_PREDICTED.sub("", key) for key in keys} - set(keys) if strip else set(keys)
                if ours not in found and bare & {*names, ours}:
                    found[ours] = column
        if found:
            return found
    return found


def _find_code_column(records: Sequence[Record], columns: Sequence[str], codes: Collection[str], where: str) -> str:
    """Return the column with most codes of the catalog; of nearly equal ones that with the best name."""
    lookup = _make_code_lookup(codes)
    hits: Counter[str] = Counter()
    for record in records:
        for name, value in _flatten(record):
            text = _as_code(value)
            hits[name] += text is not None and lookup(text) is not None
    most = max(hits.values(), default=0)
    if most:
        good = [name for name in columns if 2 * hits[name] >= most]
        return _first_named(good, _CODES) or max(good, key=lambda name: hits[name])
    column = _first_named(columns, _CODES)
    if column is None:
        raise ToileError(
            where,
            f"has no column of product codes among {', '.join(sorted(columns)[:12])}",
            "name it with --column code=NAME; answers without a code cannot be scored",
        )
    return column


def _flatten(record: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values of a nested record: dicts themselves too, and the first element of a list."""
    for name, value in record.items():
        dotted = f"{prefix}{name}"
        yield dotted, value
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and depth < _DEPTH:
            yield from _flatten(inner, f"{dotted}.", depth + 1)


def _value(record: Record, dotted: str | None) -> Any:
    """Return the value under a dotted name, None where there is none."""
    return None if dotted is None else next((value for name, value in _flatten(record) if name == dotted), None)


def _as_code(value: Any) -> str | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


# Records ---------------------------------------------------------------------------------------------------------


def _read_record(record: Record, named: Mapping[str, str], control: str | None, where: str) -> GivenAnswer:
    code = _as_code(_value(record, named["code"])) or ""
    text = None if record.get(_FAILED) else _read_text(record, named)
    if text is not None and text.startswith(_FAILURE):
        text = None
    cut = _value(record, named.get("truncated"))
    more = _toile_fields(record, where)
    protocol = _choice(_value(record, named.get("protocol")), PROTOCOLS, f"{where}: {named.get('protocol')}")
    under = _value(record, named.get("control"))
    under = None if str("" if under is None else under).strip().casefold() in _NO_CONTROL else under
    return GivenAnswer(
        code=code,
        text=text,
        truncated=cut is True or str(cut).strip().casefold() in {"true", *_CUT} or _is_cut(record, named),
        protocol=protocol,
        control=control or _choice(under, EVERY_CONTROL, f"{where}: {named.get('control')}") or "none",
        more=more,
    )


def _choice(value: Any, allowed: Sequence[str], where: str) -> str | None:
    if value is None or value == "":
        return None
    name = re.sub(r"[\s-]+", "_", str(value).strip().casefold())
    if name not in allowed:
        raise ToileError(where, f"{value!r} is none of {', '.join(allowed)}", "rename the column, or change its values")
    return name


def _read_text(record: Record, named: Mapping[str, str]) -> str | None:
    if "answer" in named:
        return answer_text(_value(record, named["answer"]))
    values = {ours: _value(record, named[ours]) for ours in _FIELDS if ours in named}
    given = {ours: value for ours, value in values.items() if value not in (None, "") and value == value}
    return _fields_text(given) if given else ""


def _fields_text(given: Mapping[str, Any]) -> str:
    """Return fields as the answer that `schemas.answer.parse` reads: a JSON object."""
    names = {"title": "title", "category": "category", "price": "full_price"}
    return json.dumps({names[ours]: value for ours, value in given.items()}, ensure_ascii=False, default=str)


def answer_text(value: Any) -> str:
    """Return the text of an answer as tools write it: text, chat messages, completions, lists of samples, fields."""
    if value is None or value != value:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, StoredImage):  # a column of bytes
        value = value.read()[0] or b""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, list):
        roles = [each for each in value if isinstance(each, dict) and ("role" in each or "from" in each)]
        if roles:
            last = [each for each in roles if each.get("role", each.get("from")) in ("assistant", "gpt", "model")]
            return answer_text(last[-1]) if last else ""
        parts = content_text(value) if any(isinstance(each, dict) and "type" in each for each in value) else None
        return answer_text(value[0] if value else None) if parts is None else parts
    if isinstance(value, dict):
        completion = read_completion(value)
        if completion is not None:
            return completion.text
        for key in _TEXT_KEYS:
            if value.get(key) not in (None, "", []):
                return answer_text(value[key])
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_cut(record: Record, named: Mapping[str, str]) -> bool:
    """Return whether the completion behind an answer says that it ended at its limit."""
    value = _value(record, named.get("answer"))
    inner = [each for _, each in _flatten(value)] if isinstance(value, dict) else []
    return any(isinstance(each, str) and each.casefold() in _CUT for each in inner if each != value)


def _toile_fields(record: Record, where: str) -> dict[str, Any]:
    """Return what only files of toile have: the image shown, rankings and price distributions."""
    if not {"product_code", "protocol", "control", "answer", "truncated"} <= record.keys():
        return {}
    known = {each.name for each in fields(Prediction)}
    prediction = from_dict(Prediction, {name: value for name, value in record.items() if name in known}, where)
    names = ("shown", "prefix", "ranking", "log_probs", "posterior")
    return {name: getattr(prediction, name) for name in names}


_FAILED = "\0failed"
"""Key of a record whose request failed; no file has it."""


def _unwrap(record: Record) -> Record:
    """Return the record with the answer at its top, for shapes that need more than names."""
    if "custom_id" in record and {"response", "result", "error"} & record.keys():
        return _unwrap_batch(record)
    output = record.get("output")
    if isinstance(output, dict) and "choices" in output and "id" in record:
        return _unwrap_inspect(record, output)
    if {"doc_id", "resps"} <= record.keys() or {"doc_id", "filtered_resps"} <= record.keys():
        return {name: value for name, value in record.items() if name not in ("target", "arguments", "input")}
    return record


def _unwrap_batch(record: Record) -> Record:
    """Return code, answer and reason of the end of a line of a batch file: OpenAI, vLLM, Anthropic."""
    response = record.get("response") or record.get("result") or {}
    body = response.get("body", response.get("message", response)) if isinstance(response, dict) else response
    status = response.get("status_code", 200) if isinstance(response, dict) else 200
    failed = bool(record.get("error")) or not body or (isinstance(status, int) and status >= 400)
    if isinstance(response, dict) and response.get("type") in ("errored", "canceled", "expired"):
        failed = True
    inner = body if isinstance(body, dict) else {}
    first = _first_choice(inner) or inner
    reason = first.get("finish_reason") or first.get("stop_reason")
    if reason is None and isinstance(inner.get("incomplete_details"), dict):
        reason = inner["incomplete_details"].get("reason")
    return {
        "custom_id": record["custom_id"],
        "answer": None if failed else _batch_text(inner or body),
        "finish_reason": reason,
        **({_FAILED: True} if failed else {}),
    }


def _batch_text(body: Any) -> str:
    """Return the text of a body: a chat completion, a message, or a response with a list of outputs."""
    if isinstance(body, dict) and isinstance(body.get("output"), list):
        messages = [each for each in body["output"] if isinstance(each, dict) and each.get("type") == "message"]
        calls = [each.get("arguments") for each in body["output"] if isinstance(each, dict)]
        text = "".join(content_text(each.get("content")) or "" for each in messages)
        return text or next((each for each in calls if isinstance(each, str)), "")
    return answer_text(body)


def _unwrap_inspect(record: Record, output: Record) -> Record:
    """Return code, answer and what the metadata say of a sample of inspect."""
    choice = _first_choice(output)
    message, attachments, metadata = (
        value if isinstance(value, dict) else {}
        for value in (choice.get("message"), record.get("attachments"), record.get("metadata"))
    )
    text = content_text(message.get("content"))
    text = re.sub(r"attachment://(\w+)", lambda found: str(attachments.get(found[1], found[0])), text or "")
    return {
        **{name: value for name, value in metadata.items() if name not in ("answer", "id")},
        "id": record["id"],
        "answer": text,
        "finish_reason": choice.get("stop_reason"),
        **({} if choice else {_FAILED: True}),
    }


def _first_choice(document: Record) -> Record:
    """Return the first choice of a completion, empty where there is none."""
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


# Files -----------------------------------------------------------------------------------------------------------


def _read_document(path: Path, codes: Collection[str]) -> list[Record]:
    """Read a JSON file: a list of records, an object that holds one, or an object from code to answer."""
    try:
        content = path.read_bytes()
        documents = _read_values(content.decode(json.detect_encoding(content)).removeprefix("\ufeff"))
    except (OSError, ValueError, RecursionError) as error:
        raise ToileError(str(path), f"is not readable JSON: {error}", "give a list of {...}, or JSON lines") from error
    document = documents[0] if len(documents) == 1 else documents
    if isinstance(document, dict):
        document = _records_of(document, codes)
    records = [each for each in document if isinstance(each, dict)] if isinstance(document, list) else []
    if not records:
        raise ToileError(str(path), "holds no records", "give a list of {...}, or JSON lines")
    return records


def _read_values(text: str) -> list[Any]:
    """Return the JSON values of a text, one behind the other, with or without commas."""
    values, place = [], 0
    while match := re.compile(r"[\s,]*(?=[^\s,])").match(text, place):
        value, place = json.JSONDecoder().raw_decode(text, match.end())
        values.append(value)
    if not values:
        raise ValueError("it is empty")
    return values


def _records_of(document: Record, codes: Collection[str]) -> list[Any]:
    """Return the records in an object: its longest list of objects, its columns, or pairs of code and answer."""
    lookup = _make_code_lookup(codes)
    by_code = [each for each in _objects(document) if 2 * sum(map(bool, map(lookup, each))) >= len(each) > 0]
    if by_code[:1] == [document]:
        return [{"code": code, "answer": answer} for code, answer in document.items()]
    lists = sorted(_lists_of_objects(document), key=len)
    if isinstance(document.get("samples"), list):
        return list(document["samples"])
    if lists:
        return list(lists[-1])
    values = list(document.values())
    if len(values) > 1 and all(isinstance(each, list) and len(each) == len(values[0]) for each in values):
        return [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    indexed = len(values) > 1 and all(isinstance(each, dict) for each in values)
    keys = list(values[0]) if indexed else []
    if keys and keys[0] == "0" and all(list(each) == keys for each in values):  # as pandas writes a table
        return [{name: column[key] for name, column in document.items()} for key in keys]
    pairs = by_code[0] if by_code else document
    return [{"code": code, "answer": answer} for code, answer in pairs.items()]


def _objects(value: Record, depth: int = 0) -> Iterator[Record]:
    yield value
    for inner in value.values() if depth < _DEPTH else ():
        if isinstance(inner, dict):
            yield from _objects(inner, depth + 1)


def _lists_of_objects(value: Any, depth: int = 0) -> Iterator[list[Any]]:
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            yield value
    elif isinstance(value, dict) and depth < _DEPTH:
        for inner in value.values():
            yield from _lists_of_objects(inner, depth + 1)


def _read_inspect_log(path: Path) -> list[Record]:
    """Read the samples of a log of inspect, a ZIP file with one JSON document a sample."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [info for info in archive.infolist() if re.fullmatch(r"samples/.*\.json", info.filename)]
            entries.sort(key=lambda info: info.filename)
            records = [json.loads(_read_entry(path, archive, info)) for info in entries]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, pa.ArrowException) as error:
        hint = "write it as JSON first: inspect log convert --to json"
        raise ToileError(str(path), f"is not a readable log of inspect: {error}", hint) from error
    if not records:
        raise ToileError(str(path), "holds no samples", "check that the evaluation has finished")
    return records


def _read_entry(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of one file of a ZIP archive, also if it is compressed with Zstandard (APPNOTE 6.3.10)."""
    if info.file_size > _MAX_SAMPLE_BYTES:
        raise ValueError(f"{info.filename} has {info.file_size:,} bytes")
    if info.compress_type != _ZSTANDARD:
        return archive.read(info)
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) < 30 or not header.startswith(b"PK\3\4"):
            raise zipfile.BadZipFile(f"{info.filename} has no header")
        file.seek(sum(struct.unpack("<HH", header[26:])), 1)
        packed = file.read(info.compress_size)
    content = pa.decompress(packed, info.file_size, codec="zstd", asbytes=True)
    if zlib.crc32(content) != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} is damaged")
    return bytes(content)
