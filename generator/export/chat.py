"""Write catalogs as chat data for trainers: the question and answer texts of `toile train`, with the same pixels.

`write_chat` writes JSON lines for TRL, Unsloth, Axolotl and LLaMA-Factory, `write_chat_parquet` Parquet with embedded
images for `datasets`, `write_llava` the JSON of LLaVA. Images are JPEG or PNG without metadata that every trainer
decodes to the pixels of `schemas.images.decode_rgb`.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from generator.export.formats import IMAGE_FOLDER, json_line
from generator.export.rows import BATCH, ExportFolder, ExportRow, HashedFile
from schemas.answer import QUESTION, render
from schemas.images import BadImageError, decode_rgb, encode_portable
from schemas.product import IMAGE_TYPE

MAX_PARQUET_BYTES = 400_000_000
"""A Parquet file of chat data that has more gets no further rows."""
IMAGE_MARK = "<image>"
"""Where LLaVA and LLaMA-Factory put the image into a text."""
_TEXT = {"dtype": "string", "_type": "Value"}
_CHAT_FEATURES = {
    "messages": [{"role": _TEXT, "content": [{"type": _TEXT, "text": _TEXT}]}],
    "images": [{"_type": "Image"}],
    "product_code": _TEXT,
}
_PART = pa.struct([("type", pa.string()), ("text", pa.string())])
_CHAT_SCHEMA = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(_PART))]))),
        ("images", pa.list_(IMAGE_TYPE)),
        ("product_code", pa.string()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _CHAT_FEATURES}})},
)


def write_chat(rows: Iterable[ExportRow], folder: ExportFolder, counts: Counter[str]) -> None:
    """Write the training examples of each split as JSON lines with `messages` and `images`, and `dataset_info.json`.

    In `train.jsonl` a message is a list of typed parts, as TRL, Unsloth and Axolotl take it. In
    `llamafactory/train.jsonl` it is text, with the mark that LLaMA-Factory replaces by the image.
    """
    splits: dict[str, None] = {}
    with _SplitFiles(folder) as files:
        for example in _chat_examples(rows, counts):
            path = folder.write_image(IMAGE_FOLDER, example.image_name, example.image)
            rest = {"images": [path], "product_code": example.product_code}
            splits[example.split] = None
            files.write(f"{example.split}.jsonl", json_line({"messages": _typed_messages(example.answer), **rest}))
            texts = (("user", f"{IMAGE_MARK}{QUESTION}"), ("assistant", example.answer))
            marked = [{"role": role, "content": text} for role, text in texts]
            files.write(f"llamafactory/{example.split}.jsonl", json_line({"messages": marked, **rest}))
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    columns = {"messages": "messages", "images": "images"}
    info = {
        f"catalog_{split}": {
            "file_name": f"llamafactory/{split}.jsonl",
            "formatting": "sharegpt",
            "columns": columns,
            "tags": tags,
        }
        for split in splits
    }
    with folder.open("dataset_info.json") as file:
        file.write((json.dumps(info, indent=2) + "\n").encode())


def write_chat_parquet(rows: Iterable[ExportRow], folder: ExportFolder, counts: Counter[str]) -> None:
    """Write the training examples of each split with embedded images, as `data/train-00000.parquet` and so on.

    `datasets` and the viewer of a hub recognise messages and images by the metadata of the schema.
    """
    waiting: dict[str, list[dict[str, Any]]] = {}
    with contextlib.ExitStack() as stack:
        tables: dict[str, _ParquetFiles] = {}
        for example in _chat_examples(rows, counts):
            if example.split not in tables:
                tables[example.split] = _ParquetFiles(example.split, folder)
                stack.callback(tables[example.split].close)
            folder.count_image(example.image_name, example.image)
            batch = waiting.setdefault(example.split, [])
            image = {"bytes": example.image, "path": example.image_name}
            messages = _typed_messages(example.answer)
            batch.append({"messages": messages, "images": [image], "product_code": example.product_code})
            if len(batch) == BATCH:
                tables[example.split].add(waiting.pop(example.split))
        for split, batch in waiting.items():
            tables[split].add(batch)


def write_llava(rows: Iterable[ExportRow], folder: ExportFolder, counts: Counter[str]) -> None:
    """Write `train.json` and so on in the form of LLaVA: a list of `id`, `image` and `conversations`."""
    splits: dict[str, None] = {}
    with _SplitFiles(folder) as files:
        for example in _chat_examples(rows, counts):
            path = folder.write_image(IMAGE_FOLDER, example.image_name, example.image)
            turns = (("human", f"{IMAGE_MARK}\n{QUESTION}"), ("gpt", example.answer))
            conversations = [{"from": speaker, "value": text} for speaker, text in turns]
            document = {"id": example.product_code, "image": path, "conversations": conversations}
            files.write(f"{example.split}.json", b",\n" if example.split in splits else b"[\n")
            files.write(f"{example.split}.json", json.dumps(document, ensure_ascii=False).encode())
            splits[example.split] = None
        for split in splits:
            files.write(f"{split}.json", b"\n]\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChatExample:
    """A row as a model is trained on it."""

    split: str
    product_code: str
    answer: str
    image: bytes
    """A JPEG or PNG file that every trainer decodes to the pixels of our own training."""
    image_name: str


def _chat_examples(rows: Iterable[ExportRow], counts: Counter[str]) -> Iterator[_ChatExample]:
    """Yield the rows that `toile train` would use; `counts` grows by the others."""
    for row in rows:
        title, category, price = (row.values.get(name) for name in ("title", "category3_code", "full_price"))
        if not title or not category or price is None or not price > 0 or not row.image:
            counts["rows without title, category, price or image, left out"] += 1
            continue
        answer = render(title, category, price)
        if IMAGE_MARK in answer:
            counts[f"rows whose title contains {IMAGE_MARK}, left out"] += 1
            continue
        try:
            image, suffix = encode_portable(decode_rgb(row.image), row.image)
        except BadImageError:
            counts["rows with a broken image, left out"] += 1
            continue
        counts["images encoded again, upright and as 8-bit RGB"] += suffix != row.suffix or len(image) > len(row.image)
        code = str(row.values.get("product_code") or row.stem)
        yield _ChatExample(
            split=row.split, product_code=code, answer=answer, image=image, image_name=f"{row.stem}{suffix}"
        )


def _typed_messages(answer: str) -> list[dict[str, Any]]:
    """Return the messages of one example as lists of typed parts; every part has the same keys, as tables require."""
    question = [{"type": "image", "text": None}, {"type": "text", "text": QUESTION}]
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]


class _SplitFiles:
    """Files that are opened when their first bytes are written, and closed together."""

    def __init__(self, folder: ExportFolder) -> None:
        self._folder, self._stack = folder, contextlib.ExitStack()
        self._files: dict[str, HashedFile] = {}

    def write(self, name: str, content: bytes) -> None:
        if name not in self._files:
            self._files[name] = self._stack.enter_context(self._folder.open(name))
        self._files[name].write(content)

    def __enter__(self) -> "_SplitFiles":
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


class _ParquetFiles:
    """The Parquet files of the chat examples of one split; one is open at a time."""

    def __init__(self, split: str, folder: ExportFolder) -> None:
        self._split, self._folder = split, folder
        self._stack = contextlib.ExitStack()
        self._file: HashedFile | None = None
        self._writer: pq.ParquetWriter | None = None
        self._num_files = 0

    def add(self, batch: list[dict[str, Any]]) -> None:
        """Append a row group; open a new file when the current one is full."""
        if self._file is not None and self._file.tell() > MAX_PARQUET_BYTES:
            self.close()
        if self._writer is None:
            name = f"data/{self._split}-{self._num_files:05d}.parquet"
            self._file = self._stack.enter_context(self._folder.open(name))
            self._writer = self._stack.enter_context(pq.ParquetWriter(self._file, _CHAT_SCHEMA, compression="zstd"))
            self._num_files += 1
        self._writer.write_table(pa.Table.from_pylist(batch, _CHAT_SCHEMA))

    def close(self) -> None:
        """Write the footer."""
        self._stack.close()
        self._file = self._writer = None
