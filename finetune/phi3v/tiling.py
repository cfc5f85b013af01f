"""Pictures -> crops: the "HD transform" of Phi-3-Vision.

A picture is enlarged or shrunk so that it covers as many square tiles as `num_crops` allows, padded with white to
whole tiles, cut, and accompanied by one small crop of the whole. The number of vectors it becomes in the text depends
on its aspect ratio and on `num_crops` only, never on its resolution. Source: image_processing_phi3_v.py of the
published models; every formula here is checked against it in the tests. We deviate once: a picture so long that its
short side would vanish keeps one pixel of it (the published code fails).

Shapes: P pictures, K crops (1 + num_crops), C colours (3), H x W padded picture, S side of a tile.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from schemas.errors import ToileError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class PictureTiles:
    """One picture, ready for the model; small enough to pass between processes."""

    pixels: Tensor
    """(1 + num_crops, 3, S, S) float32: the whole picture, then tiles row by row, then zeros."""
    image_size: tuple[int, int]
    """Height and width after enlarging and padding, both multiples of S."""
    num_tokens: int
    """How many positions the picture takes up in the text."""


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """One enlarged and padded picture before it is cut: a fifth of the bytes of its tiles, or less."""

    pixels: Tensor
    """(3, H, W) uint8."""
    num_tokens: int
    """How many positions the picture takes up in the text."""

    @property
    def image_size(self) -> tuple[int, int]:
        """H and W, both multiples of S."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])


def picture_bytes(
    picture: Image.Image, *, num_crops: int, tile_px: int = 336, lines_per_tile: int = 12
) -> PictureBytes:
    """The steps from a picture of any mode and size that need no arithmetic. Alpha is dropped, not blended."""
    padded = pad_to_tiles(picture.convert("RGB"), num_crops=num_crops, tile_px=tile_px)
    pixels_CHW = torch.from_numpy(np.array(padded, dtype=np.uint8)).permute(2, 0, 1).contiguous()
    num_tokens = count_tokens(padded.height // tile_px, padded.width // tile_px, lines_per_tile)
    return PictureBytes(pixels_CHW, num_tokens)


def cut(
    pixels_PCHW: Tensor,
    *,
    num_crops: int,
    tile_px: int = 336,
    mean: Sequence[float] = CLIP_MEAN,
    std: Sequence[float] = CLIP_STD,
) -> Tensor:
    """(P, K, 3, S, S) float32 normalised crops of uint8 pictures of one size, on the device where these are."""
    pixels_PCHW = _normalise(pixels_PCHW, mean, std)
    pictures, _, height, width = pixels_PCHW.shape
    rows, cols = height // tile_px, width // tile_px
    tiles_PKCSS = pixels_PCHW.view(pictures, 3, rows, tile_px, cols, tile_px).permute(0, 2, 4, 1, 3, 5)
    crops_PKCSS = torch.zeros(pictures, 1 + num_crops, 3, tile_px, tile_px, device=pixels_PCHW.device)
    crops_PKCSS[:, 0] = F.interpolate(pixels_PCHW, size=(tile_px, tile_px), mode="bicubic")
    crops_PKCSS[:, 1 : 1 + rows * cols] = tiles_PKCSS.reshape(pictures, rows * cols, 3, tile_px, tile_px)
    return crops_PKCSS


def tile_picture(
    picture: Image.Image,
    *,
    num_crops: int,
    tile_px: int = 336,
    lines_per_tile: int = 12,
    mean: Sequence[float] = CLIP_MEAN,
    std: Sequence[float] = CLIP_STD,
) -> PictureTiles:
    """Every step from a picture of any mode and size to normalised crops."""
    whole = picture_bytes(picture, num_crops=num_crops, tile_px=tile_px, lines_per_tile=lines_per_tile)
    crops_PKCSS = cut(whole.pixels[None], num_crops=num_crops, tile_px=tile_px, mean=mean, std=std)
    return PictureTiles(crops_PKCSS[0], whole.image_size, whole.num_tokens)


def pad_to_tiles(picture: Image.Image, *, num_crops: int, tile_px: int) -> Image.Image:
    """The enlarged RGB picture on white, height and width multiples of `tile_px`.

    An upright picture is mirrored along its diagonal, treated as a lying one, and mirrored back; so its white bars
    end up left and right.
    """
    if picture.height > picture.width:
        mirrored = picture.transpose(Image.Transpose.TRANSPOSE)
        return pad_to_tiles(mirrored, num_crops=num_crops, tile_px=tile_px).transpose(Image.Transpose.TRANSPOSE)
    width, height = enlarged_size(picture.width, picture.height, num_crops=num_crops, tile_px=tile_px)
    enlarged = picture.resize((width, height), Image.Resampling.BILINEAR)
    padded_height = math.ceil(height / tile_px) * tile_px
    if padded_height == height:
        return enlarged
    canvas = Image.new("RGB", (width, padded_height), WHITE)
    canvas.paste(enlarged, (0, (padded_height - height) // 2))
    return canvas


def enlarged_size(width: int, height: int, *, num_crops: int, tile_px: int) -> tuple[int, int]:
    """Width and height, before padding, of a lying picture that fills as many tiles as allowed.

    The width is `scale` tiles, with the largest whole `scale` for which scale * ceil(scale / ratio) <= num_crops,
    counted up from 1 to the first that fails. Raises ToileError when not even one tile is allowed.
    """
    if num_crops < 1:
        raise ToileError(
            "num_crops", f"is {num_crops}", "A picture needs at least 1 crop; the published models use 16 or 4."
        )
    ratio = width / height
    scale = 1
    while (scale + 1) * math.ceil((scale + 1) / ratio) <= num_crops:
        scale += 1
    new_width = scale * tile_px
    return new_width, max(1, int(new_width / ratio))


def count_tokens(rows: int, cols: int, lines_per_tile: int = 12) -> int:
    """Vectors of a picture of rows x cols tiles and its whole: one end per line, one separator between the two."""
    return (rows * cols + 1) * lines_per_tile**2 + 1 + (rows + 1) * lines_per_tile


def _normalise(pixels_PCHW: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """float32 of the same shape, each colour minus CLIP's mean over CLIP's deviation."""
    mean_C11, std_C11 = (torch.tensor(values, device=pixels_PCHW.device)[:, None, None] for values in (mean, std))
    return pixels_PCHW.float().div_(255).sub_(mean_C11).div_(std_C11)
