"""Write an evaluation as a task of another harness: the same rows, images, questions and scorer.

    export_task("inspect", Path("data/small"), Path("tasks/small"))

The folder holds the questions, the images as a model may see them, and `task.json` with the truth. It runs without the
catalog; the scorer is toile's own (`TaskScorer`), so toile must be installed beside the harness. `toile score` reads
the harness's log and adds what a harness does not have: intervals by category, controls, baselines.

To add a harness: a function in `_WRITERS`, its file beside this module, its name for `--export-task` in `commands`.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from annotated_types import MinLen

from evaluation.metrics.baselines import fit_baselines
from evaluation.metrics.scoring import FIELDS, AnswerScorer, Outcome
from evaluation.protocols.generate import blank_image, shuffled_pairs
from evaluation.protocols.protocols import (
    FREE_TEXT_PROTOCOLS,
    check_supported,
    make_prompt,
    needs_dataset_stats,
    read_dataset_stats,
)
from evaluation.report.evidence import scored_fields
from evaluation.rows import Rows, decode_image, new_prediction, read_rows
from evaluation.run_dir import data_sha256, write_text
from schemas.answer import bare_question, render
from schemas.documents import Sha256, from_dict, read_document
from schemas.errors import ToileError, suggest
from schemas.evaluation import EvaluationSpec
from schemas.images import encode_portable
from schemas.manifest import require_images, versions
from schemas.product import Product
from schemas.util.console import progress_bar
from schemas.util.files import write_json

TASK = "task.json"
QUESTIONS = "questions.jsonl"
METRICS = ("joint", *FIELDS)
"""What the scorer gives for each answer: 1 or 0."""
_TEMPLATES = {"inspect": "inspect_task.py.txt", "lmms-eval": "lmms_task.py.txt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTruth:
    """`task.json`: what the scorer of a harness needs."""

    harness: str
    data: str
    data_sha256: Sha256
    spec: EvaluationSpec
    products: Annotated[Sequence[Product], MinLen(1)]
    """The rows without images."""
    categories: Sequence[str]
    """Of the train rows, further members of the closed set."""
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a task: a line of `questions.jsonl`."""

    id: str
    """The product code; with protocol and control behind it where they are not the headline ones."""
    product_code: str
    family: str
    protocol: str
    control: str
    image: str
    """File below the task's folder."""
    question: str
    target: str
    """The right answer in the training form."""


class TaskScorer:
    """Scores answers as `toile score` does, from the files of a task."""

    def __init__(self, folder: Path) -> None:
        document = read_document(folder / TASK)
        self.truth = from_dict(TaskTruth, document, str(folder / TASK))
        self._scorer = AnswerScorer(self.truth.products, self.truth.spec, self.truth.categories)
        self._products = {product.product_code: product for product in self.truth.products}

    def outcome(self, product_code: str, answer: str, *, truncated: bool = False) -> Outcome:
        """Return the scored answer. Raises ToileError for a product that is not in the task."""
        product = self._products.get(product_code)
        if product is None:
            raise ToileError(f"product {product_code}", "is not in this task", "score answers of the task's own rows")
        return self._scorer.score(
            new_prediction(product, self.truth.spec.protocol, "none", answer.strip(), truncated=truncated)
        )

    def score(self, product_code: str, answer: str, *, truncated: bool = False) -> dict[str, float]:
        """Return 1 or 0 for joint, category, title and price."""
        outcome = self.outcome(product_code, answer, truncated=truncated)
        right = {name: float(outcome.right(name)) for name in FIELDS}
        return {"joint": float(all(right.values())), **right}

    def explain(self, product_code: str, answer: str, *, truncated: bool = False) -> str:
        """Return the reason of each field in one line."""
        outcome = self.outcome(product_code, answer, truncated=truncated)
        return ", ".join(f"{name}: {outcome.reasons[name]}" for name in FIELDS)


def read_questions(folder: Path, protocol: str | None = None, control: str | None = None) -> list[Question]:
    """Return the questions of a task, of one protocol and control where they are given."""
    lines = (folder / QUESTIONS).read_text(encoding="utf-8").splitlines()
    found = [from_dict(Question, json.loads(line), str(folder / QUESTIONS)) for line in lines]
    return [
        each
        for each in found
        if (protocol is None or each.protocol == protocol) and (control is None or each.control == control)
    ]


def export_task(
    harness: str,
    data: Path | str,
    out: Path | str,
    spec: EvaluationSpec | None = None,
    *,
    force: bool = False,
    quiet: bool = False,
) -> list[Question]:
    """Write the task of a harness to `out` and return its questions.

    Args:
        harness: inspect or lmms-eval.
        data: folder of a catalog.
        out: folder of the task.
        spec: split, free-text protocols, controls, limit and what counts as right; the defaults when None.
        force: replace a task in `out`.
        quiet: show no progress.

    Raises ToileError for a protocol that needs more than text, for data without rows, and for other files in `out`.
    """
    data, out, spec = Path(data), Path(out), spec or EvaluationSpec()
    refused = [protocol for protocol in spec.protocols if protocol not in FREE_TEXT_PROTOCOLS]
    if refused or spec.choose_prompt:
        raise ToileError(
            f"protocol {', '.join(refused) or 'chosen on validation rows'}",
            "needs more than the text of an answer, which a harness does not give",
            f"use --protocol {', '.join(FREE_TEXT_PROTOCOLS)}",
        )
    if harness not in _WRITERS:
        raise ToileError("harness", f"{harness!r} is unknown", suggest(harness, _WRITERS))
    rows = read_rows(data, spec, quiet=quiet)
    if not rows.products:
        require_images(data)
        raise ToileError(str(data), f"no row of the {spec.split} split can be evaluated", "choose another --split")
    prompts = _read_prompts(data, spec)
    frequencies = fit_baselines(data, rows.products)
    _prepare(out, force=force)
    questions = list(_write_questions(rows, spec, prompts, out, quiet=quiet))
    _WRITERS[harness](out, questions, spec)
    write_text(out / "README.md", _readme(harness, out, questions, spec, data))
    document = {
        "harness": harness,
        "data": str(data),
        "data_sha256": data_sha256(data),
        "spec": dataclasses.asdict(spec),
        "products": [scored_fields(product) for product in rows.products],
        "categories": sorted(frequencies.categories) if frequencies else [],
        "versions": versions("numpy", "pillow"),
    }
    write_json(out / TASK, document)
    return questions


def _read_prompts(data: Path, spec: EvaluationSpec) -> dict[str, str]:
    """Return the text of the question under each protocol, without the marks of a chat template."""
    dataset_stats = read_dataset_stats(data, spec) if needs_dataset_stats(spec.protocols) else None
    if dataset_stats is not None:
        check_supported(dataset_stats, spec.protocols, data)
    return {protocol: bare_question(make_prompt(protocol, dataset_stats)) for protocol in spec.protocols}


def _prepare(out: Path, *, force: bool) -> None:
    """Make the folder; one that holds anything is refused, but for a task under `force`, which is removed."""
    if out.is_dir() and any(out.iterdir()):
        if not (force and (out / QUESTIONS).is_file()):
            hint = "choose a new folder; --force replaces a task only"
            raise ToileError(str(out), "contains other files", hint)
        shutil.rmtree(out)
    try:
        (out / "images").mkdir(parents=True)
    except OSError as error:
        raise ToileError(str(out), f"cannot be created: {error.strerror}", "choose another folder") from error


def _write_questions(
    rows: Rows, spec: EvaluationSpec, prompts: Mapping[str, str], out: Path, *, quiet: bool
) -> Iterator[Question]:
    """Write the images, each once, and the questions; yield the questions in the order of protocols, controls, rows."""
    shown = {control: _shown_images(control, rows, spec) for control in ("none", *spec.controls)}
    files: dict[str, str] = {}
    with progress_bar("writing images", len(rows.products), quiet=quiet) as advance:
        for number, product in enumerate(rows.products):
            image = decode_image(product, rows.folder)
            content, suffix = encode_portable(image, product.image)
            files[product.product_code] = f"images/{number:06d}{suffix}"
            (out / files[product.product_code]).write_bytes(content)
            advance(1)
    for size in {rows.sizes[product.product_code] for product in rows.products} if "blank" in spec.controls else ():
        name = f"images/blank-{size[0]}x{size[1]}.png"
        (out / name).write_bytes(encode_portable(blank_image(size, rows.mean_colour))[0])
    lines = []
    for protocol in spec.protocols:
        for control, images in shown.items():
            for product in rows.products:
                if product.product_code not in images:
                    continue
                code = images[product.product_code]
                size = rows.sizes[product.product_code]
                question = Question(
                    id=":".join([product.product_code, *_differing(protocol, control, spec)]),
                    product_code=product.product_code,
                    family=product.family,
                    protocol=protocol,
                    control=control,
                    image=files[code] if code else f"images/blank-{size[0]}x{size[1]}.png",
                    question=prompts[protocol],
                    target=render(product.title or "", product.category3_code or "", product.full_price or 0.0),
                )
                lines.append(json.dumps(dataclasses.asdict(question)) + "\n")
                yield question
    write_text(out / QUESTIONS, "".join(lines))


def _shown_images(control: str, rows: Rows, spec: EvaluationSpec) -> Mapping[str, str | None]:
    """Return product code -> code of the product whose image is shown, None for a blank one, under a control."""
    codes = [product.product_code for product in rows.products]
    if control == "none":
        return {code: code for code in codes}
    if control == "blank":
        return dict.fromkeys(codes)
    return {**shuffled_pairs(rows.products, spec.seed, within_category=control == "shuffled_in_category")}


def _differing(protocol: str, control: str, spec: EvaluationSpec) -> list[str]:
    return [
        *([protocol] if protocol != spec.protocol else []),
        *([control] if control != "none" else []),
    ]


# Harnesses -------------------------------------------------------------------------------------------------------


def _write_inspect(out: Path, questions: Sequence[Question], spec: EvaluationSpec) -> None:
    """Write `toile_task.py`; the questions are read when the task runs."""
    write_text(out / "toile_task.py", _template("inspect"))


def _write_lmms_eval(out: Path, questions: Sequence[Question], spec: EvaluationSpec) -> None:
    """Write a YAML file and a table for each protocol and control, a group of them, and `utils.py`."""
    write_text(out / "utils.py", _template("lmms-eval"))
    names = []
    for protocol, control in dict.fromkeys((each.protocol, each.control) for each in questions):
        name = task_name(protocol, control)
        names.append(name)
        asked = [each for each in questions if (each.protocol, each.control) == (protocol, control)]
        _write_table(out, name, asked)
        document = {
            "task": name,
            "dataset_path": "parquet",
            "dataset_kwargs": {"data_files": {"test": str((out / "data" / f"{name}.parquet").resolve())}},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_target": "target",
            "generation_kwargs": {
                "max_new_tokens": spec.max_new_tokens,
                "temperature": 0,
                "do_sample": False,
                "until": [],
            },
            "cluster_key": "family",
            "score_key": "score",
            "metadata": [{"version": 1.0}],
        }
        functions = {each: f"utils.{each}" for each in ("doc_to_visual", "doc_to_text", "process_results")}
        lines = "".join(f"{each}: !function {place}\n" for each, place in functions.items())
        metrics = "".join(
            f"- metric: toile_{metric}\n  aggregation: !function utils.mean_score\n  higher_is_better: true\n"
            for metric in METRICS
        )
        text = yaml.safe_dump(document, sort_keys=False) + lines + "metric_list:\n" + metrics
        write_text(out / f"{name}.yaml", text)
    write_text(out / "toile.yaml", yaml.safe_dump({"group": "toile", "task": names}, sort_keys=False))


def task_name(protocol: str, control: str) -> str:
    """Return the name of a task of lmms-eval."""
    return f"toile_{protocol}" + ("" if control == "none" else f"_{control}")


def _write_table(out: Path, name: str, questions: Sequence[Question]) -> None:
    """Write questions and images as Parquet that `datasets` reads, 100 rows in memory at a time."""
    names = [each.name for each in dataclasses.fields(Question) if each.name != "image"]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {**{each: {"dtype": "string", "_type": "Value"} for each in names}, "image": {"_type": "Image"}}
    schema = pa.schema(
        [*((each, pa.string()) for each in names), ("image", kind)],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    (out / "data").mkdir(exist_ok=True)
    with pq.ParquetWriter(out / "data" / f"{name}.parquet", schema) as writer:
        for start in range(0, len(questions), 100):
            rows: list[dict[str, Any]] = []
            for each in questions[start : start + 100]:
                image = {"bytes": (out / each.image).read_bytes(), "path": Path(each.image).name}
                rows.append({**dataclasses.asdict(each), "image": image})
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _template(harness: str) -> str:
    return resources.files("evaluation").joinpath(_TEMPLATES[harness]).read_text(encoding="utf-8")


def _readme(harness: str, out: Path, questions: Sequence[Question], spec: EvaluationSpec, data: Path) -> str:
    """Return how the task is run and its log scored."""
    ways = list(dict.fromkeys((each.protocol, each.control) for each in questions))
    if harness == "inspect":
        runs = [
            f"inspect eval toile_task.py --model MODEL -T protocol={protocol} -T control={control}"
            for protocol, control in ways
        ]
        scored = f"toile score logs/*.eval --data {data} --out results/inspect"
    else:
        runs = ["python -m lmms_eval --model MODEL --include_path . --tasks toile --log_samples --output_path logs"]
        scored = f"toile score logs/*/*_samples_toile_*.jsonl --data {data} --out results/lmms-eval"
    lines = [
        f"# {harness}: product, category and price from an image",
        "",
        f"{len({each.product_code for each in questions})} rows of the {spec.split} split of `{data}`, written by "
        "`toile evaluate --export-task`. The scorer is toile's: install toile in the environment of the harness.",
        "",
        "```sh",
        *runs,
        "```",
        "",
        "The log holds 1 or 0 per row for joint, category, title and price. This adds intervals by category, the gain "
        "over control images, baselines, a page, and comparisons:",
        "",
        "```sh",
        scored,
        "```",
        "",
    ]
    if harness == "lmms-eval":
        lines += [
            "The YAML files hold the absolute path of `data/`; write the task again where the folder has moved.",
            "",
        ]
    return "\n".join(lines)


_WRITERS: Mapping[str, Callable[[Path, Sequence[Question], EvaluationSpec], None]] = {
    "inspect": _write_inspect,
    "lmms-eval": _write_lmms_eval,
}
