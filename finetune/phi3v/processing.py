"""Convert texts and images to the tensors of a batch, and ids to text.

In one step: `processor(texts, images)`. In three, so that loader workers can tile images: `tile(image)`,
`tokenize(text, num_tokens)`, `collate(rows, tiles)`. With all arithmetic on the device: `resize(image)` replaces `tile`
and `unpack(batch)` comes last; this gives the same numbers from a fifth of the bytes.

A text is split at `<|image_1|>`, `<|image_2|>` and so on. Every piece is tokenized on its own *with* its leading `<s>`;
between two pieces comes the negated number of the image, once for each of its vectors. Source: processing_phi3_v.py of
the published models, which pads nothing and takes one text at a time.

Shapes: B rows, T positions, P images, K crops, C colours, S side of a tile, H x W resized image.
"""

import itertools
import json
import re
from collections.abc import Sequence

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from finetune.phi3v.tiling import CLIP_MEAN, CLIP_STD, ImageBytes, ImageTiles, cut_crops, resize_image, tile_image
from schemas.errors import ToileError

PLACEHOLDER = re.compile(r"<\|image_(\d+)\|>")
END_OF_ANSWER = "<|end|>"
END_OF_TEXT = "<|endoftext|>"


class Phi3VProcessor:
    """Tokenizer and image settings of a model; `num_crops` may be set at any time."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        *,
        num_crops: int,
        tile_px: int = 336,
        lines_per_tile: int = 12,
        image_mean: Sequence[float] = CLIP_MEAN,
        image_std: Sequence[float] = CLIP_STD,
    ) -> None:
        self.tokenizer = tokenizer
        self.num_crops = num_crops
        self.tile_px = tile_px
        self.lines_per_tile = lines_per_tile
        self.image_mean = tuple(image_mean)
        self.image_std = tuple(image_std)
        self._plain = without_special_tokens(tokenizer)

    @property
    def stop_token_ids(self) -> list[int]:
        """Ids that end an answer, `<|end|>` first; the `eos_token_id` of the published config is never generated."""
        return [int(self.tokenizer.convert_tokens_to_ids(token)) for token in (END_OF_ANSWER, END_OF_TEXT)]

    def __call__(
        self,
        texts: Sequence[str],
        images: Sequence[Sequence[Image.Image]],
        padding_side: str = "right",
    ) -> dict[str, Tensor]:
        """Return a batch from texts and one list of images for each; pad right to train, left to generate.

        `input_ids` and `attention_mask` are (B, T); where there are images, `pixel_values` is (P, K, C, S, S) and
        `image_sizes` (P, 2), the images of the first row first. Raises ToileError where texts and images disagree.
        """
        if isinstance(texts, str) or len(texts) != len(images):
            raise ToileError(
                "texts", f"{len(texts)} characters or rows for {len(images)} lists of images",
                "Give a list of texts, and for each one the list of its images, which may be empty.",
            )  # fmt: skip
        rows, tiles = [], []
        for text, row_images in zip(texts, images, strict=True):
            row_tiles = [self.tile(image) for image in row_images]
            rows.append(self.tokenize(text, [image.num_tokens for image in row_tiles]))
            tiles += row_tiles
        return self.collate(rows, tiles, padding_side=padding_side)

    def tile(self, image: Image.Image) -> ImageTiles:
        """Return the crops of one image and the number of its positions."""
        return tile_image(
            image,
            num_crops=self.num_crops,
            tile_px=self.tile_px,
            lines_per_tile=self.lines_per_tile,
            mean=self.image_mean,
            std=self.image_std,
        )

    def resize(self, image: Image.Image) -> ImageBytes:
        """Return what `tile` does, before cutting and normalizing: the output of a loader worker."""
        return resize_image(image, num_crops=self.num_crops, tile_px=self.tile_px, lines_per_tile=self.lines_per_tile)

    def unpack(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the batch with `pixel_values` in place of `pixel_bytes`, computed on the device of the bytes."""
        sizes_P2: list[tuple[int, int]] = [(height, width) for height, width in batch["image_sizes"].tolist()]
        flat_P: list[Tensor] = list(
            torch.split(batch["pixel_bytes"], [3 * height * width for height, width in sizes_P2])
        )
        crops_P = list(flat_P)
        for size in dict.fromkeys(sizes_P2):
            indices = [index for index, each in enumerate(sizes_P2) if each == size]
            pixels_PCHW = torch.stack([flat_P[index].view(3, *size) for index in indices])
            of_size = cut_crops(
                pixels_PCHW,
                num_crops=self.num_crops,
                tile_px=self.tile_px,
                mean=self.image_mean,
                std=self.image_std,
            )
            for index, crops_KCSS in zip(indices, of_size, strict=True):
                crops_P[index] = crops_KCSS
        rest = {name: tensor for name, tensor in batch.items() if name != "pixel_bytes"}
        return {**rest, "pixel_values": torch.stack(crops_P)}

    def tokenize(self, text: str, num_tokens: Sequence[int] = ()) -> list[int]:
        """Return the ids of one text; `num_tokens` are the positions of each of its images.

        Special tokens in the text become special ids. Raises ToileError unless the placeholders are `<|image_1|>`,
        `<|image_2|>`, ... in this order and as many as images: the model assigns images by reading order.
        """
        pieces = PLACEHOLDER.split(text)
        numbers = [int(number) for number in pieces[1::2]]
        if numbers != list(range(1, len(num_tokens) + 1)):
            found = ", ".join(f"<|image_{number}|>" for number in numbers) or "no placeholder"
            raise ToileError(
                f"text {text[:60]!r}", f"has {found} for {len(num_tokens)} images",
                "Number the indices <|image_1|>, <|image_2|>, ... in the order of the images.",
            )  # fmt: skip
        ids = self._ids(pieces[0])
        for number, count, piece in zip(numbers, num_tokens, pieces[2::2], strict=True):
            ids += [-number] * count + self._ids(piece)
        return ids

    def encode_plain(self, text: str) -> list[int]:
        """Return the ids of an answer after `<|assistant|>\\n`; special tokens and placeholders are plain characters.

        Equals the ids that `tokenize` gives for prompt + text after those of the prompt, when the text has no special
        token and does not begin with white space (which `<|assistant|>` would swallow). Never returns a special id.
        """
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an answer up to the first stop token, without image positions and special tokens."""
        stop = set(self.stop_token_ids)
        answer = itertools.takewhile(lambda token: token not in stop, ids)
        return str(self.tokenizer.decode([token for token in answer if token >= 0], skip_special_tokens=True))

    def collate(
        self,
        rows: Sequence[Sequence[int]],
        tiles: Sequence[ImageTiles | ImageBytes],
        padding_side: str = "right",
        multiple_of: int = 1,
    ) -> dict[str, Tensor]:
        """Return one batch of rows of ids of any length and the images of all rows one after the other.

        T becomes a multiple of `multiple_of`. Images from `resize` become `pixel_bytes`, a flat uint8 tensor.
        """
        if padding_side not in ("left", "right"):
            raise ToileError("padding_side", f"is {padding_side!r}", "Use 'right' to train and 'left' to generate.")
        length = -(-max(len(row) for row in rows) // multiple_of) * multiple_of
        ones = [[1] * len(row) for row in rows]
        batch = {
            "input_ids": pad_rows(rows, fill=self.pad_token_id, padding_side=padding_side, length=length),
            "attention_mask": pad_rows(ones, fill=0, padding_side=padding_side, length=length),
        }
        if not tiles:
            return batch
        batch["image_sizes"] = torch.tensor([image.image_size for image in tiles])
        as_bytes = [image for image in tiles if isinstance(image, ImageBytes)]
        if as_bytes:
            assert len(as_bytes) == len(tiles), "images as tiles and as bytes in one batch"
            return {**batch, "pixel_bytes": torch.cat([image.pixels.flatten() for image in as_bytes])}
        shapes = sorted({tuple(image.pixels.shape) for image in tiles})
        if len(shapes) > 1:
            problem = f"have {' and '.join(map(str, shapes))} as crops, colours, height, width"
            raise ToileError("images", problem, "Tile all images of a batch with one and the same num_crops.")
        return {**batch, "pixel_values": torch.stack([image.pixels for image in tiles])}

    @property
    def pad_token_id(self) -> int:
        """Id that fills short rows, always with an attention mask of 0."""
        return int(self.tokenizer.convert_tokens_to_ids(END_OF_TEXT))

    def _ids(self, text: str) -> list[int]:
        """Return the ids of a piece of text with its leading `<s>`."""
        return list(self.tokenizer(text).input_ids)


def pad_rows(rows: Sequence[Sequence[int]], *, fill: int, padding_side: str, length: int | None = None) -> Tensor:
    """Return (B, T) of the rows, as long as the longest or as `length`; also for labels, with fill=-100."""
    length = length or max(len(row) for row in rows)
    filled = [
        [*row, *[fill] * (length - len(row))] if padding_side == "right" else [*[fill] * (length - len(row)), *row]
        for row in rows
    ]
    return torch.tensor(filled, dtype=torch.long)


def without_special_tokens(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """Return the same tokenizer, to which `<|end|>` is seven characters.

    The library's own switch (encode_special_tokens) does not cover `</s>`, which the published file does not mark as
    special.
    """
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    document["added_tokens"] = []
    document["post_processor"] = None
    document["truncation"] = document["padding"] = None
    return Tokenizer.from_str(json.dumps(document))
