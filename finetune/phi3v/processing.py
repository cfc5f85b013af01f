"""Texts and pictures -> the tensors of a batch, and ids -> text.

In one step, `processor(texts, pictures)`; or in three, so that loader workers can tile pictures on their own:
`tile(picture)`, `tokenize(text, num_tokens)`, `collate(rows, tiles)`; or with all arithmetic on the device, where
`enlarge(picture)` stands for `tile` and `unpack(batch)` comes last: the same numbers from a fifth of the bytes.

A text is cut at `<|image_1|>`, `<|image_2|>` and so on; every piece is tokenised on its own *with* its leading `<s>`,
and between two pieces stands the negated number of the picture, once for each of its vectors. Source:
processing_phi3_v.py of the published models, which pads nothing and takes one text at a time.

Shapes: B rows, T positions, P pictures, K crops, C colours, S side of a tile, H x W enlarged picture.
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

from finetune.phi3v.tiling import CLIP_MEAN, CLIP_STD, PictureBytes, PictureTiles, cut, picture_bytes, tile_picture
from schemas.errors import ToileError

PLACEHOLDER = re.compile(r"<\|image_(\d+)\|>")
END_OF_ANSWER = "<|end|>"
END_OF_TEXT = "<|endoftext|>"


class Phi3VProcessor:
    """Everything between files and tensors; `num_crops` may be set at any time."""

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
        self._plain = _without_special_tokens(tokenizer)

    @property
    def stop_token_ids(self) -> list[int]:
        """Ids that end an answer, `<|end|>` first, for `eos_token_id`; the published config names one never written."""
        return [int(self.tokenizer.convert_tokens_to_ids(token)) for token in (END_OF_ANSWER, END_OF_TEXT)]

    def __call__(
        self,
        texts: Sequence[str],
        pictures: Sequence[Sequence[Image.Image]],
        padding_side: str = "right",
    ) -> dict[str, Tensor]:
        """A batch, one list of pictures for each text; pad right to train, left to generate.

        `input_ids` and `attention_mask` are (B, T); where there are pictures, `pixel_values` is (P, K, C, S, S) and
        `image_sizes` (P, 2), the pictures of the first row first. Raises ToileError where texts and pictures disagree.
        """
        if isinstance(texts, str) or len(texts) != len(pictures):
            raise ToileError(
                "texts", f"{len(texts)} characters or rows for {len(pictures)} lists of pictures",
                "Give a list of texts, and for each one the list of its pictures, which may be empty.",
            )  # fmt: skip
        rows, tiles = [], []
        for text, row_pictures in zip(texts, pictures, strict=True):
            row_tiles = [self.tile(picture) for picture in row_pictures]
            rows.append(self.tokenize(text, [picture.num_tokens for picture in row_tiles]))
            tiles += row_tiles
        return self.collate(rows, tiles, padding_side=padding_side)

    def tile(self, picture: Image.Image) -> PictureTiles:
        """The crops of one picture and the number of positions it needs."""
        return tile_picture(
            picture,
            num_crops=self.num_crops,
            tile_px=self.tile_px,
            lines_per_tile=self.lines_per_tile,
            mean=self.image_mean,
            std=self.image_std,
        )

    def enlarge(self, picture: Image.Image) -> PictureBytes:
        """As `tile`, before cutting and normalising: what a loader worker hands over."""
        return picture_bytes(
            picture, num_crops=self.num_crops, tile_px=self.tile_px, lines_per_tile=self.lines_per_tile
        )

    def unpack(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch whose pictures are bytes as one with `pixel_values`, made on the device where the bytes are."""
        sizes_P2: list[tuple[int, int]] = [(height, width) for height, width in batch["image_sizes"].tolist()]
        flat_P: list[Tensor] = list(
            torch.split(batch["pixel_bytes"], [3 * height * width for height, width in sizes_P2])
        )
        crops_P = list(flat_P)
        for size in dict.fromkeys(sizes_P2):
            places = [place for place, each in enumerate(sizes_P2) if each == size]
            pixels_PCHW = torch.stack([flat_P[place].view(3, *size) for place in places])
            of_size = cut(
                pixels_PCHW,
                num_crops=self.num_crops,
                tile_px=self.tile_px,
                mean=self.image_mean,
                std=self.image_std,
            )
            for place, crops_KCSS in zip(places, of_size, strict=True):
                crops_P[place] = crops_KCSS
        rest = {name: tensor for name, tensor in batch.items() if name != "pixel_bytes"}
        return {**rest, "pixel_values": torch.stack(crops_P)}

    def tokenize(self, text: str, num_tokens: Sequence[int] = ()) -> list[int]:
        """Ids of one text whose pictures take up `num_tokens` positions each; special tokens in the text count as such.

        The placeholders must be `<|image_1|>`, `<|image_2|>`, ... in this order and as many as pictures, else
        ToileError: the model lays pictures in by reading order alone.
        """
        pieces = PLACEHOLDER.split(text)
        numbers = [int(number) for number in pieces[1::2]]
        if numbers != list(range(1, len(num_tokens) + 1)):
            found = ", ".join(f"<|image_{number}|>" for number in numbers) or "no placeholder"
            raise ToileError(
                f"text {text[:60]!r}", f"has {found} for {len(num_tokens)} pictures",
                "Number the places <|image_1|>, <|image_2|>, ... in the order of the pictures.",
            )  # fmt: skip
        ids = self._ids(pieces[0])
        for number, count, piece in zip(numbers, num_tokens, pieces[2::2], strict=True):
            ids += [-number] * count + self._ids(piece)
        return ids

    def encode_plain(self, text: str) -> list[int]:
        """Ids of an answer after `<|assistant|>\\n`, in which special tokens and placeholders are only characters.

        Equals the ids that `tokenize` gives for prompt + text beyond those of the prompt, when the text holds no
        special token and does not begin with white space (which `<|assistant|>` would swallow). Never yields a
        special id.
        """
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer up to the first stop token; picture positions and special tokens are left out."""
        stop = set(self.stop_token_ids)
        answer = itertools.takewhile(lambda token: token not in stop, ids)
        return str(self.tokenizer.decode([token for token in answer if token >= 0], skip_special_tokens=True))

    def collate(
        self,
        rows: Sequence[Sequence[int]],
        tiles: Sequence[PictureTiles | PictureBytes],
        padding_side: str = "right",
        multiple_of: int = 1,
    ) -> dict[str, Tensor]:
        """Rows of ids of any length, and the pictures of all rows one after the other, as one batch.

        T becomes a multiple of `multiple_of`. Pictures from `enlarge` come as `pixel_bytes`, a flat uint8 tensor.
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
        batch["image_sizes"] = torch.tensor([picture.image_size for picture in tiles])
        whole = [picture for picture in tiles if isinstance(picture, PictureBytes)]
        if whole:
            assert len(whole) == len(tiles), "pictures as tiles and as bytes in one batch"
            return {**batch, "pixel_bytes": torch.cat([picture.pixels.flatten() for picture in whole])}
        shapes = sorted({tuple(picture.pixels.shape) for picture in tiles})
        if len(shapes) > 1:
            problem = f"have {' and '.join(map(str, shapes))} as crops, colours, height, width"
            raise ToileError("pictures", problem, "Tile all pictures of a batch with one and the same num_crops.")
        return {**batch, "pixel_values": torch.stack([picture.pixels for picture in tiles])}

    @property
    def pad_token_id(self) -> int:
        """Fills short rows, always under an attention mask of 0."""
        return int(self.tokenizer.convert_tokens_to_ids(END_OF_TEXT))

    def _ids(self, text: str) -> list[int]:
        """Ids of a piece of text with its leading `<s>`."""
        return list(self.tokenizer(text).input_ids)


def pad_rows(rows: Sequence[Sequence[int]], *, fill: int, padding_side: str, length: int | None = None) -> Tensor:
    """(B, T) of the rows, as long as the longest or as `length`; also for labels, with fill=-100."""
    length = length or max(len(row) for row in rows)
    filled = [
        [*row, *[fill] * (length - len(row))] if padding_side == "right" else [*[fill] * (length - len(row)), *row]
        for row in rows
    ]
    return torch.tensor(filled, dtype=torch.long)


def _without_special_tokens(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """The same tokenizer to which `<|end|>` is seven characters.

    The library's own switch (encode_special_tokens) overlooks `</s>`, which the published file does not mark as
    special.
    """
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    document["added_tokens"] = []
    document["post_processor"] = None
    document["truncation"] = document["padding"] = None
    return Tokenizer.from_str(json.dumps(document))
