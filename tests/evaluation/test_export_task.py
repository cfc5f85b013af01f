"""Tasks for other harnesses: the same rows, images, questions and scores as an evaluation of toile."""

import asyncio
import dataclasses
import importlib.util
import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from evaluation.analysis.comparison import compare
from evaluation.export_task import METRICS, TaskScorer, export_task, read_questions
from evaluation.models.base import ModelUnderTest
from evaluation.report.evidence import read_evidence, rescore
from evaluation.run import evaluate, score_file
from schemas.answer import bare_question
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product
from schemas.result import read_result
from tests.helpers.chat_server import chat_server
from tests.helpers.shard_fixture import TableModel, in_split, products, table_model, write_shards
from toile.cli import main

pytestmark = pytest.mark.usefixtures("few_resamples")

ROWS = [*in_split(products(20)), *in_split(products(40)[20:], "train")]
TEST = ROWS[:20]
SPEC = EvaluationSpec(protocols=("generate", "instructed"), controls=("blank", "shuffled"), max_new_tokens=50)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("catalog"), ROWS)


@pytest.fixture(scope="module")
def evaluated(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TableModel]:
    out, model = tmp_path_factory.mktemp("evaluated") / "run", table_model(TEST[:13])
    under_test = ModelUnderTest(model="table", adapter=None, device="cpu", dtype="none", load=lambda: model)
    evaluate(under_test, data, out, SPEC, quiet=True)
    return out, model


@pytest.fixture(scope="module", params=["inspect", "lmms-eval"])
def task(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task") / "task"
    export_task(request.param, data, folder, SPEC, quiet=True)
    return folder


def open_image(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def test_questions_and_images_are_those_of_an_evaluation(task: Path, evaluated: tuple[Path, TableModel]) -> None:
    out, model = evaluated
    expected = {p.key: p.answer for p in read_predictions(out / "predictions.jsonl")}
    questions = read_questions(task)
    assert [(q.product_code, q.protocol, q.control) for q in questions] == [
        (row.product_code, protocol, control)
        for protocol in SPEC.protocols
        for control in ("none", *SPEC.controls)
        for row in TEST
    ]
    assert len({each.id for each in questions}) == len(questions)
    assert {each.question for each in questions} == {bare_question(prompt) for prompt in model.prompts}
    for each in questions:
        image = open_image((task / each.image).read_bytes())
        (answer,) = model.generate([image], [each.question])
        assert answer.text == expected[each.product_code, each.protocol, each.control]


ANSWERS: Sequence[Callable[[Product], str]] = (
    lambda row: f"Product: {row.title}, Category: {row.category3_code}, Full Price: {row.full_price}",
    lambda row: f"<think>Category: Bags?</think>Category: {row.category3_code}; price: ${row.full_price}",
    lambda row: json.dumps({"title": row.title, "category": "Hats", "full_price": (row.full_price or 0) * 1.15}),
    lambda row: f"**Product:** {(row.title or '').upper()}\n**Full Price:** {(row.full_price or 0) * 1.3:.2f}",
    lambda row: "I'm sorry, I cannot help with that.",
    lambda row: "",
)


def test_the_scorer_gives_what_toile_score_gives_row_by_row(tmp_path: Path, task: Path, data: Path) -> None:
    scorer, file = TaskScorer(task), tmp_path / "answers.jsonl"
    lines = [{"id": row.product_code, "answer": ANSWERS[n % len(ANSWERS)](row)} for n, row in enumerate(TEST)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    score_file(file, data, tmp_path / "out", quiet=True)
    (outcomes,) = read_evidence(tmp_path / "out", data).outcomes()
    assert len(outcomes) == len(TEST)
    for outcome in outcomes:
        fields = {name: outcome.right(name) for name in METRICS[1:]}
        found = scorer.score(outcome.product_code, outcome.text)
        assert found == {"joint": all(fields.values()), **fields}
        assert scorer.outcome(outcome.product_code, outcome.text).reasons == outcome.reasons
    assert {outcome.right("price") for outcome in outcomes} == {False, True}
    with pytest.raises(ToileError, match="is not in this task"):
        scorer.score("unknown", "x")


def test_what_an_image_shows_decides_alike_on_the_page_in_a_comparison_and_in_a_task(tmp_path: Path) -> None:
    """A title without a colour may be answered with the one in the image, and with no other."""
    shown = {"silhouette": "puffer-jacket", "material": "nylon", "pattern": "plain", "choices": {"colour": "navy"}}
    rows = [dataclasses.replace(row, title="Short Warm Padded Jacket Deluxe", attributes=shown) for row in TEST]
    data, file = write_shards(tmp_path / "data", rows), tmp_path / "answers.jsonl"
    titles = [f"{('Navy', 'Purple')[n % 2]} {row.title}" for n, row in enumerate(rows)]
    answers = [json.dumps({"id": row.product_code, "title": title}) for row, title in zip(rows, titles, strict=True)]
    file.write_text("\n".join([*answers, ""]))
    found = score_file(file, data, tmp_path / "scored", quiet=True)
    title = next(score for score in found.scores if (score.metric, score.category) == ("title", None))
    assert title.value == 0.5, "half of the colours are those of the images"
    assert rescore(tmp_path / "scored" / "report.html").differing == ()
    both = compare(tmp_path / "scored", tmp_path / "scored", tmp_path / "both")
    assert next(each.tuned for each in both.scores if (each.metric, each.category) == ("title", None)) == 0.5
    export_task("inspect", data, tmp_path / "task", EvaluationSpec(controls=()), quiet=True)
    scorer = TaskScorer(tmp_path / "task")
    pairs = zip(rows, titles, strict=True)
    scores = [scorer.score(row.product_code, json.dumps({"title": title})) for row, title in pairs]
    assert [score["title"] for score in scores] == [1.0, 0.0] * (len(TEST) // 2)


def test_a_cut_number_is_no_price(task: Path) -> None:
    scorer, row = TaskScorer(task), TEST[0]
    text = f"Product: {row.title}, Category: {row.category3_code}, Full Price: {row.full_price}"
    assert scorer.score(row.product_code, text)["price"] == 1
    assert scorer.score(row.product_code, text, truncated=True)["price"] == 0
    assert "price: ok" in scorer.explain(row.product_code, text)


# The written files -----------------------------------------------------------------------------------------------


class Fake:
    """Stands for a class of a harness: keeps what it was made with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.__dict__ |= kwargs


def load(path: Path) -> Any:
    """Import a written file under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"written_{path.stem}_{abs(hash(path))}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_inspect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that the task imports from inspect."""
    names: dict[str, dict[str, Any]] = {
        "": {"Task": Fake, "task": lambda function: function},
        ".dataset": {"MemoryDataset": Fake, "Sample": Fake},
        ".model": dict.fromkeys(("ChatMessageUser", "ContentImage", "ContentText", "GenerateConfig"), Fake),
        ".scorer": {
            "Score": Fake,
            "mean": Fake,
            "stderr": Fake,
            "scorer": lambda metrics: lambda function: function,
        },
        ".solver": {"generate": Fake},
    }
    for name, members in names.items():
        module = types.ModuleType(f"inspect_ai{name}")
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, f"inspect_ai{name}", module)


@pytest.mark.usefixtures("fake_inspect")
def test_the_task_of_inspect_asks_and_scores(tmp_path: Path, data: Path) -> None:
    export_task("inspect", data, tmp_path / "task", SPEC, quiet=True)
    module = load(tmp_path / "task" / "toile_task.py")
    made = module.toile(control="shuffled")
    (samples,) = made.dataset.args
    assert [sample.metadata["product_code"] for sample in samples] == [row.product_code for row in TEST]
    assert {sample.metadata["control"] for sample in samples} == {"shuffled"}
    assert made.config.max_tokens == 50
    image, text = samples[0].input[0].content
    assert Path(image.image).is_file()
    assert text.text == "What is shown in this image?"
    output = Fake(completion=samples[0].target, stop_reason="stop")
    state = Fake(metadata=samples[0].metadata, output=output)
    assert asyncio.run(made.scorer(state, None)).value == dict.fromkeys(METRICS, 1.0)
    state.__dict__["output"] = Fake(completion=samples[0].target, stop_reason="max_tokens")
    assert asyncio.run(made.scorer(state, None)).value["price"] == 0.0
    assert len(module.toile(protocol="instructed").dataset.args[0]) == len(TEST)


class FunctionLoader(yaml.SafeLoader):
    """Reads `!function utils.NAME` as its name."""


FunctionLoader.add_constructor("!function", lambda loader, node: node.value)


def test_the_tasks_of_lmms_eval_ask_and_score(tmp_path: Path, data: Path) -> None:
    export_task("lmms-eval", data, tmp_path / "task", SPEC, quiet=True)
    utils = load(tmp_path / "task" / "utils.py")
    group = yaml.safe_load((tmp_path / "task" / "toile.yaml").read_text())
    assert group["task"][:2] == ["toile_generate", "toile_generate_blank"]
    assert len(group["task"]) == 6
    for name in group["task"]:
        config = yaml.load((tmp_path / "task" / f"{name}.yaml").read_text(), FunctionLoader)
        assert config["task"] == name
        assert config["generation_kwargs"]["max_new_tokens"] == 50
        functions = [config[each] for each in ("doc_to_visual", "doc_to_text", "process_results")]
        functions += [metric["aggregation"] for metric in config["metric_list"]]
        assert all(hasattr(utils, each.removeprefix("utils.")) for each in functions)
        table = pq.read_table(config["dataset_kwargs"]["data_files"]["test"])
        assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["image"]["_type"] == "Image"
        docs = [{**row, "image": open_image(row["image"]["bytes"])} for row in table.to_pylist()]
        questions = read_questions(tmp_path / "task", docs[0]["protocol"], docs[0]["control"])
        assert [utils.doc_to_text(doc, {}) for doc in docs] == [each.question for each in questions]
        for doc, each in zip(docs, questions, strict=True):
            (image,) = utils.doc_to_visual(doc)
            assert image.tobytes() == open_image((tmp_path / "task" / each.image).read_bytes()).tobytes()
        found = [
            utils.process_results(doc, [each.target])["toile_joint"] for doc, each in zip(docs, questions, strict=True)
        ]
        found[0] = utils.process_results(docs[0], ["no idea"])["toile_joint"]
        assert utils.mean_score(found) == pytest.approx(1 - 1 / len(TEST))
        assert found[1]["product_code"] == TEST[1].product_code
        assert found[1]["family"] == TEST[1].family


# The command -----------------------------------------------------------------------------------------------------


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", *words])


def test_the_command_writes_a_task_and_asks_no_model(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "task"
    words = ["--export-task", "inspect", "--data", str(data), "--out", str(out), "--control", "blank", "--limit", "7"]
    shown = run(*words)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.strip() == str(out)
    assert "14 questions for inspect" in shown.stderr
    assert "-T control=blank" in (out / "README.md").read_text()
    assert "contains other files" in run(*words).stderr
    assert run(*words, "--force").exit_code == 0
    (out / "questions.jsonl").unlink()
    assert "contains other files" in run(*words, "--force").stderr, "no task, so nothing is removed"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--export-task", "inspect", "--protocol", "rank"], "protocol rank: needs more than the text of an answer"),
        (["--export-task", "inspect", "--choose-prompt"], "needs more than the text"),
        (["--export-task", "inspect", "--model", "tiny"], "--model means nothing with --export-task"),
        (["--export-task", "helm"], "is not one of 'inspect', 'lmms-eval'"),
        (["--export-task", "inspect", "--split", "validation"], "no row of the validation split"),
        ([], "Missing option '--model'"),
    ],
)
def test_tasks_that_cannot_be_written_are_refused(tmp_path: Path, data: Path, words: list[str], problem: str) -> None:
    shown = run(*words, "--data", str(data), "--out", str(tmp_path / "out"))
    assert shown.exit_code in (1, 2)
    assert problem in shown.stderr
    assert not (tmp_path / "out").exists()


# The harnesses themselves ----------------------------------------------------------------------------------------


@pytest.fixture
def server_url(evaluated: tuple[Path, TableModel]) -> Iterator[str]:
    with chat_server() as server:
        server.answer = lambda image: (evaluated[1].generate([image], ["?"])[0].text, "stop")
        yield server.url


def run_harness(words: Sequence[str], folder: Path, **environment: str) -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    subprocess.run(words, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": paths, **environment}, timeout=250)


@pytest.mark.system
def test_inspect_runs_the_task(tmp_path: Path, data: Path, evaluated: tuple[Path, TableModel], server_url: str) -> None:
    pytest.importorskip("inspect_ai")
    spec = EvaluationSpec(controls=("blank", "shuffled"))
    export_task("inspect", data, tmp_path / "task", spec, quiet=True)
    for control in ("none", *spec.controls):
        words = ["-m", "inspect_ai", "eval", "toile_task.py", "--model", "openai-api/toile/phi"]
        words += ["-T", f"control={control}", "--display", "plain"]
        keys = {"TOILE_API_KEY": "x", "TOILE_BASE_URL": server_url}
        run_harness([sys.executable, *words], tmp_path / "task", **keys)
    logs = sorted((tmp_path / "task" / "logs").glob("*.eval"))
    check_scores(score_file(logs, data, tmp_path / "scored", quiet=True), evaluated[0])


@pytest.mark.system
def test_lmms_eval_runs_the_tasks(
    tmp_path: Path, data: Path, evaluated: tuple[Path, TableModel], server_url: str
) -> None:
    pytest.importorskip("lmms_eval")
    export_task("lmms-eval", data, tmp_path / "task", EvaluationSpec(controls=("blank", "shuffled")), quiet=True)
    words = ["-m", "lmms_eval", "--model", "openai", "--include_path", ".", "--tasks", "toile", "--log_samples"]
    words += ["--model_args", f"model_version=phi,base_url={server_url}", "--output_path", "logs"]
    keys = {"OPENAI_API_KEY": "x", "OPENAI_API_BASE": server_url, "HF_HOME": str(tmp_path / "hf")}
    run_harness([sys.executable, *words], tmp_path / "task", **keys)
    logs = sorted((tmp_path / "task" / "logs").rglob("*_samples_toile_*.jsonl"))
    check_scores(score_file(logs, data, tmp_path / "scored", quiet=True), evaluated[0])


def check_scores(found: Any, evaluated: Path) -> None:
    """The figures of the headline protocol are those of the evaluation by toile itself."""
    expected = [score for score in read_result(evaluated).scores if score.protocol == "generate"]
    assert list(found.scores) == expected
