"""The list of seen rows is complete along any chain of trainings, merges and exports."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.analysis.contamination import find_contamination, refuse_seen
from evaluation.rows import read_rows
from finetune.data_mix import describe_row
from finetune.export import export
from finetune.run_dir import SEEN, SEEN_SCHEMA, earlier_runs, load_run, read_seen, write_seen
from finetune.train import train
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.training import DrawSpec, LoraSpec, MixSource, TrainingSpec
from tests.conftest import PRESETS

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by a name on its way out
DRAWN = MixSource(data=str(PRESETS / "demo.yaml"), draw=DrawSpec(num_products=60, seed=7, image_size=64))
OTHER = MixSource(data=str(PRESETS / "demo.yaml"), draw=DrawSpec(num_products=60, seed=8, image_size=64))


def run(out: Path, model: Path | str, source: MixSource, method: str = "lora") -> Path:
    """One step on one source."""
    spec = TrainingSpec(
        mix=(source,), model=str(model), method=method, max_steps=1, batch_size=2, num_crops=1,
        lora=LoraSpec(rank=2, targets=("qkv_proj",)),
    )  # fmt: skip
    train(spec, out, device="cpu")
    return out


@pytest.fixture(scope="module")
def chain(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the catalog and exported; then trained further in three ways, and exported again."""
    folder = tmp_path_factory.mktemp("chain")
    export("tiny", folder / "first", adapter=run(folder / "run1", "tiny", MixSource(data=str(catalog))))
    run(folder / "run2", folder / "first", DRAWN)
    export(folder / "first", folder / "second", adapter=folder / "run2")
    run(folder / "full", folder / "first", DRAWN, "full")
    run(folder / "run3", folder / "second", OTHER)
    export(folder / "second", folder / "third", adapter=folder / "run3")
    return folder


LINKS = {
    "run1": ["run1"],
    "first": ["run1"],
    "run2": ["run1", "run2"],
    "second": ["run1", "run2"],
    "full": ["run1", "full"],
    "run3": ["run1", "run2", "run3"],
    "third": ["run1", "run2", "run3"],
}


@pytest.mark.parametrize("link", LINKS)
def test_each_link_of_a_chain_lists_the_rows_of_all_before(chain: Path, catalog: Path, link: str) -> None:
    table = pq.read_table(chain / link / SEEN)
    trainings = list(dict.fromkeys(table["training"].to_pylist()))
    assert sorted(name.split()[0] for name in trainings) == sorted(LINKS[link])
    first = load_run(chain / "run1" / "run.json")
    number = table["training"].to_pylist().count(first.name)
    assert number == first.num_examples[str(catalog)], "listed once, however many ways lead here"
    assert [each.name.split()[0] for each in earlier_runs(chain / link)] == LINKS[link]
    before = json.loads((chain / link / "run.json").read_text())["trained_before"]
    assert [each["name"].split()[0] for each in before] == LINKS[link][:-1]


@pytest.mark.parametrize("link", [name for name in LINKS if name not in {"run2", "run3"}])
def test_rows_of_the_first_training_are_refused_at_the_end_of_each_chain(chain: Path, catalog: Path, link: str) -> None:
    rows = read_rows(catalog, EvaluationSpec(split="train", limit=3))
    found = find_contamination(rows, "train", {"model": chain / link})
    assert len(found.touched) == 3
    assert found.unknown == ()
    with pytest.raises(ToileError, match=rf"all 3 rows .* has the code of .* in run1 \(\w+\) from {catalog}"):
        refuse_seen(found, found.leaks, 3, {"model": chain / link})


def test_run_json_says_what_the_base_was_trained_on(chain: Path, catalog: Path) -> None:
    one, two = load_run(chain / "run3" / "run.json").trained_before
    assert (one.model, two.model) == ("tiny", str(chain / "first"))
    assert list(one.data) == [str(catalog)]
    assert one.data[str(catalog)] == load_run(chain / "run1" / "run.json").inputs["data"][0]["content_sha256"]
    assert (one.num_steps, one.rows_listed) == (1, True)


def test_a_base_that_lost_its_list_is_named(chain: Path, catalog: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(chain / "first", tmp_path / "base"))
    (base / SEEN).unlink()
    document = json.loads((base / "run.json").read_text())
    del document["files"][SEEN]
    (base / "run.json").write_text(json.dumps(document))
    export(base, tmp_path / "again", adapter=run(tmp_path / "more", base, DRAWN))
    rows = read_rows(catalog, EvaluationSpec(split="train", limit=3))
    (silent,) = find_contamination(rows, "train", {"model": tmp_path / "again"}).unknown
    assert silent.startswith("run1 (")


def test_an_older_list_is_copied_and_named_after_its_folder(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    columns = {"product_code": ["1"], "family": ["a-1"], "picture_sha256": ["f"]}
    pq.write_table(pa.table(columns), old / SEEN)
    write_seen(tmp_path, [describe_row("2", "b-1", None, None, "data")], training="new", inherited=[old, old])
    table = pq.read_table(tmp_path / SEEN)
    assert table.schema.names == SEEN_SCHEMA.names
    assert table.select(["product_code", "training", "data"]).to_pylist() == [
        {"product_code": "2", "training": "new", "data": "data"},
        {"product_code": "1", "training": "old", "data": None},
    ]
    assert sum(batch.num_rows for batch in read_seen(tmp_path / SEEN, ["family", "colours"])) == 2


def test_a_broken_image_is_listed_by_its_file_alone() -> None:
    row = describe_row("1", "a-1", b"no image", None, "data")
    assert {name for name, value in row.items() if value is not None} == {
        "product_code", "family", "picture_sha256", "data",
    }  # fmt: skip
