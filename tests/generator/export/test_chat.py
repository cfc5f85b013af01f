"""Chat exports: read by `datasets`, prepared by TRL's own code, with the texts and pixels of our own training."""

import io
import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from finetune.data_mix import open_source
from generator.catalog.generate import generate
from generator.export.convert import CONVERSION, ConvertOptions, convert
from generator.ingest import ImportOptions
from generator.ingest.import_table import import_table
from schemas.answer import PROMPT, QUESTION, parse, render
from schemas.errors import ToileError
from schemas.images import decode_rgb
from tests.helpers.nasty_catalog import write_nasty
from tests.helpers.odd_images import encode, odd_images
from tests.helpers.tiny_processor import tiny_vision_processor

SPLITS = ("train", "validation", "test")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|image_1|>\n{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""A chat template as those of vision models are written."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("chat") / "catalog"
    generate("demo", str(out), seed=0, num_products=60, image_size=64, num_workers=1)
    return out


@pytest.fixture(scope="module")
def exports(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    for form in ("chat", "chat-parquet", "llava"):
        convert(catalog, folder / form, ConvertOptions(form=form))
    return {path.name: path for path in folder.iterdir()}


def trained(catalog: Path, split: str) -> dict[str, tuple[str, bytes]]:
    """Return what `toile train` learns from each product: answer and pixels."""
    source = open_source(catalog, split)
    examples = (source.example(row) for row in range(source.num_examples))
    return {
        str(line["product_code"]): (render(each.title, each.category, each.full_price), each.image.tobytes())
        for line, each in zip(source.seen(), examples, strict=True)
    }


def pixels(image: Any) -> bytes:
    return bytes(image.convert("RGB").tobytes())


def test_datasets_reads_chat_lines_with_the_examples_of_training(catalog: Path, exports: dict[str, Path]) -> None:
    loaded = datasets.load_dataset(str(exports["chat"]))
    assert set(loaded) == set(SPLITS)
    for split in SPLITS:
        wanted = trained(catalog, split)
        assert len(wanted) == len(loaded[split]) > 0
        for row in loaded[split]:
            question, answer = row["messages"]
            assert [part["type"] for part in question["content"]] == ["image", "text"]
            assert question["content"][1]["text"] == QUESTION
            assert answer["content"] == [{"type": "text", "text": wanted[row["product_code"]][0]}]
            image = Image.open(exports["chat"] / row["images"][0])
            assert pixels(image) == wanted[row["product_code"]][1]


def test_datasets_reads_parquet_with_embedded_images(catalog: Path, exports: dict[str, Path]) -> None:
    loaded = datasets.load_dataset(str(exports["chat-parquet"]))
    for split in SPLITS:
        wanted = trained(catalog, split)
        found = {row["product_code"]: row for row in loaded[split]}
        assert found.keys() == wanted.keys()
        for code, (answer, image) in wanted.items():
            assert found[code]["messages"][1]["content"][0]["text"] == answer
            assert pixels(found[code]["images"][0]) == image
    card = (exports["chat-parquet"] / "README.md").read_text()
    assert "path: data/train-*.parquet" in card


@pytest.mark.parametrize("form", ["chat", "chat-parquet"])
def test_trl_prepares_the_rows_as_our_training_prompt(form: str, exports: dict[str, Path], catalog: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils", reason="the development extra has trl")
    processor = tiny_vision_processor(TEMPLATE)
    wanted = trained(catalog, "train")
    for row in datasets.load_dataset(str(exports[form]), split="train"):
        assert data_utils.is_conversational(row)
        assert data_utils.maybe_convert_to_chatml(dict(row))["messages"] == row["messages"]
        prepared = data_utils.prepare_multimodal_messages(row["messages"], images=row["images"])
        assert prepared[0]["content"][0]["image"] == row["images"][0]
        text = data_utils.apply_chat_template({"messages": prepared}, processor)["text"]
        assert text == f"{PROMPT}{wanted[row['product_code']][0]}<|end|>\n"


def test_trl_collates_a_batch_of_the_parquet_form(exports: dict[str, Path]) -> None:
    sft = pytest.importorskip("trl.trainer.sft_trainer", reason="the development extra has trl")
    rows = datasets.load_dataset(str(exports["chat-parquet"]), split="train").select(range(3))
    collator = sft.DataCollatorForVisionLanguageModeling(tiny_vision_processor(TEMPLATE), chat_template=TEMPLATE)
    batch = collator([dict(row) for row in rows])
    assert batch["input_ids"].shape == batch["labels"].shape
    assert batch["pixel_values"].shape == (3, 3, 32, 32)
    assert bool((batch["labels"] != -100).any())


def test_llava_and_llama_factory_forms_mark_one_image_a_question(catalog: Path, exports: dict[str, Path]) -> None:
    info = json.loads((exports["chat"] / "dataset_info.json").read_text())
    for split in SPLITS:
        wanted = trained(catalog, split)
        listed = json.loads((exports["llava"] / f"{split}.json").read_text())
        assert [row["id"] for row in listed] == list(wanted)
        for row in listed:
            human, gpt = row["conversations"]
            assert human == {"from": "human", "value": f"<image>\n{QUESTION}"}
            assert gpt == {"from": "gpt", "value": wanted[row["id"]][0]}
            assert pixels(Image.open(exports["llava"] / row["image"])) == wanted[row["id"]][1]
        entry = info[f"catalog_{split}"]
        lines = (exports["chat"] / entry["file_name"]).read_text().splitlines()
        assert len(lines) == len(wanted)
        for row in map(json.loads, lines):
            user, assistant = row[entry["columns"]["messages"]]
            assert user[entry["tags"]["role_tag"]] == entry["tags"]["user_tag"]
            assert assistant[entry["tags"]["role_tag"]] == entry["tags"]["assistant_tag"]
            assert user["content"].count("<image>") == len(row[entry["columns"]["images"]]) == 1
            assert assistant["content"] == wanted[row["product_code"]][0]
            assert (exports["chat"] / row["images"][0]).is_file()


def test_trainers_get_the_pixels_that_our_training_gets_from_odd_files(tmp_path: Path) -> None:
    names = [name for name in odd_images() if name.startswith(("turned", "grey-16", "alpha", "cmyk"))]
    lines = ["title,category3_code,full_price,currency_code,image"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(odd_images()[name].content)
        lines.append(f"Coat {'abcdefghijklmnopqrstuvwxyz'[number]},COATS,{number + 1},EUR,{name}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    import_table(tmp_path / "table.csv", tmp_path / "catalog", ImportOptions())
    convert(tmp_path / "catalog", tmp_path / "out", ConvertOptions(form="chat"))
    compared = 0
    for split in SPLITS:
        path = tmp_path / "out" / f"{split}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        wanted = trained(tmp_path / "catalog", split) if rows else {}
        for row in rows:
            image = Image.open(tmp_path / "out" / row["images"][0])
            assert image.format in {"JPEG", "PNG"}
            assert not image.getexif()
            assert pixels(image) == wanted[row["product_code"]][1]
            compared += 1
    assert compared == len(names) > 10


@pytest.mark.parametrize("form", ["chat", "chat-parquet", "llava"])
def test_rows_that_training_skips_are_left_out_and_counted(form: str, tmp_path: Path) -> None:
    shards = write_nasty(tmp_path / "shards")
    written, _ = convert(shards, tmp_path / "out", ConvertOptions(form=form))
    left_out = sum(number for what, number in written.counts.items() if what.endswith("left out"))
    assert written.num_products == written.num_pictures + left_out
    assert left_out > 0
    again, is_new = convert(shards, tmp_path / "out", ConvertOptions(form=form))
    assert not is_new
    assert again == written
    assert (tmp_path / "out" / CONVERSION).is_file()


def test_chat_data_needs_images(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="--no-images"):
        convert(catalog, tmp_path / "out", ConvertOptions(form="chat", pictures=False))


def test_answers_read_back(exports: dict[str, Path]) -> None:
    for row in json.loads((exports["llava"] / "train.json").read_text()):
        assert parse(row["conversations"][1]["value"]).strict


def test_generated_jpeg_is_not_encoded_again(exports: dict[str, Path]) -> None:
    images = sorted((exports["chat"] / "pictures").iterdir())
    assert {path.suffix for path in images} == {".jpg"}
    assert decode_rgb(images[0].read_bytes()).size == (64, 64)
    assert (
        "images encoded again, upright and as 8-bit RGB"
        not in json.loads((exports["chat"] / CONVERSION).read_text())["counts"]
    )
    assert encode(Image.open(io.BytesIO(images[0].read_bytes())), "PNG")
