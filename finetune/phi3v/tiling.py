"""Cut images into crops: the "HD transform" of Phi-3-Vision.

An image is resized to cover as many square tiles as `num_crops` allows, padded with white to whole tiles and cut into
tiles; one small crop shows the whole image (the overview). The number of its vectors in the text depends on its aspect
ratio and on `num_crops`, not on its resolution. Source: image_processing_phi3_v.py of the published models; the tests
check every formula against it. One deviation: an image so long that its short side would vanish keeps one pixel of it
(the published code fails).

Shapes: P images, K crops (1 + num_crops), C colours (3), H x W padded image, S side of a tile.
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
class ImageTiles:
    """The crops of one image, ready for the model; small enough to pass between processes."""

    pixels: Tensor
    """(1 + num_crops, 3, S, S) float32: the overview, then tiles row by row, then zeros."""
    image_size: tuple[int, int]
    """Height and width in px after resizing and padding, both multiples of S."""
    num_tokens: int
    """Positions of the image in the text."""


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """One resized and padded image before it is cut: a fifth of the bytes of its crops, or less."""

    pixels: Tensor
    """(3, H, W) uint8."""
    num_tokens: int
    """Positions of the image in the text."""

    @property
    def image_size(self) -> tuple[int, int]:
        """H and W in px, both multiples of S."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])


def resize_image(image: Image.Image, *, num_crops: int, tile_px: int = 336, lines_per_tile: int = 12) -> ImageBytes:
    """Resize and pad an image of any mode and size.

    Alpha is dropped as by the published code; files become RGB by `schemas.images.decode_rgb` before they come here.
    """
    padded = pad_to_tiles(image.convert("RGB"), num_crops=num_crops, tile_px=tile_px)
    pixels_CHW = torch.from_numpy(np.array(padded, dtype=np.uint8)).permute(2, 0, 1).contiguous()
    num_tokens = count_tokens(padded.height // tile_px, padded.width // tile_px, lines_per_tile)
    return ImageBytes(pixels_CHW, num_tokens)


def cut_crops(
    pixels_PCHW: Tensor,
    *,
    num_crops: int,
    tile_px: int = 336,
    mean: Sequence[float] = CLIP_MEAN,
    std: Sequence[float] = CLIP_STD,
) -> Tensor:
    """Return (P, K, 3, S, S) float32 normalized crops of uint8 images of one size, on the device of the images."""
    pixels_PCHW = _normalize(pixels_PCHW, mean, std)
    num_images, _, height, width = pixels_PCHW.shape
    rows, cols = height // tile_px, width // tile_px
    tiles_PKCSS = pixels_PCHW.view(num_images, 3, rows, tile_px, cols, tile_px).permute(0, 2, 4, 1, 3, 5)
    crops_PKCSS = torch.zeros(num_images, 1 + num_crops, 3, tile_px, tile_px, device=pixels_PCHW.device)
    crops_PKCSS[:, 0] = F.interpolate(pixels_PCHW, size=(tile_px, tile_px), mode="bicubic")
    crops_PKCSS[:, 1 : 1 + rows * cols] = tiles_PKCSS.reshape(num_images, rows * cols, 3, tile_px, tile_px)
    return crops_PKCSS


def tile_image(
    image: Image.Image,
    *,
    num_crops: int,
    tile_px: int = 336,
    lines_per_tile: int = 12,
    mean: Sequence[float] = CLIP_MEAN,
    std: Sequence[float] = CLIP_STD,
) -> ImageTiles:
    """Resize, pad, cut and normalize an image of any mode and size."""
    padded = resize_image(image, num_crops=num_crops, tile_px=tile_px, lines_per_tile=lines_per_tile)
    crops_PKCSS = cut_crops(padded.pixels[None], num_crops=num_crops, tile_px=tile_px, mean=mean, std=std)
    return ImageTiles(crops_PKCSS[0], padded.image_size, padded.num_tokens)


def pad_to_tiles(image: Image.Image, *, num_crops: int, tile_px: int) -> Image.Image:
    """Return the resized RGB image on white, height and width multiples of `tile_px`.

    A portrait image is transposed, treated as a landscape image, and transposed back. So its white bars are on the left
    and on the right.
    """
    if image.height > image.width:
        transposed = image.transpose(Image.Transpose.TRANSPOSE)
        return pad_to_tiles(transposed, num_crops=num_crops, tile_px=tile_px).transpose(Image.Transpose.TRANSPOSE)
    width, height = resized_size(image.width, image.height, num_crops=num_crops, tile_px=tile_px)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    padded_height = math.ceil(height / tile_px) * tile_px
    if padded_height == height:
        return resized
    canvas = Image.new("RGB", (width, padded_height), WHITE)
    canvas.paste(resized, (0, (padded_height - height) // 2))
    return canvas


def resized_size(width: int, height: int, *, num_crops: int, tile_px: int) -> tuple[int, int]:
    """Return width and height in px, before padding, of a landscape image that fills as many tiles as allowed.

    The width is `scale` tiles: the last whole number, counted up from 1, before scale * ceil(scale / ratio) exceeds
    `num_crops`. Raises ToileError when `num_crops` is below 1.
    """
    if num_crops < 1:
        raise ToileError(
            "num_crops", f"is {num_crops}", "An image needs at least 1 crop; the published models use 16 or 4."
        )
    ratio = width / height
    scale = 1
    while (scale + 1) * math.ceil((scale + 1) / ratio) <= num_crops:
        scale += 1
    new_width = scale * tile_px
    return new_width, max(1, int(new_width / ratio))


def count_tokens(rows: int, cols: int, lines_per_tile: int = 12) -> int:
    """Return the vectors of an image of rows x cols tiles and its overview: one end a line, one separator between."""
    return (rows * cols + 1) * lines_per_tile**2 + 1 + (rows + 1) * lines_per_tile


def _normalize(pixels_PCHW: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return float32 of the same shape: each colour minus CLIP's mean, divided by CLIP's standard deviation."""
    mean_C11, std_C11 = (torch.tensor(values, device=pixels_PCHW.device)[:, None, None] for values in (mean, std))
    return pixels_PCHW.float().div_(255).sub_(mean_C11).div_(std_C11)
