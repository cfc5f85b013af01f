"""Crops of images compared with a slow definition in numpy that shares no code with the real one."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.tiling import CLIP_MEAN, CLIP_STD, count_tokens, tile_image
from finetune.phi3v.tiny import tiny_config
from finetune.phi3v.vision import ImageEmbedding, merge_patches
from schemas.errors import ToileError

Floats = NDArray[np.float64]

RATIOS = {
    "1:1": (100, 100),
    "4:5": (400, 500),
    "3:4": (300, 400),
    "2:3": (267, 400),
    "1:2": (100, 200),
    "16:9": (160, 90),
}
NUM_TOKENS = {  # num_crops: 1, 2, 3, 4, 6, 9, 12, 16
    "1:1": (313, 313, 313, 757, 757, 1489, 1489, 2509),
    "4:5": (313, 313, 313, 757, 757, 1489, 1489, 2509),
    "3:4": (313, 313, 313, 757, 757, 1489, 1933, 1933),
    "2:3": (313, 313, 313, 757, 757, 1057, 1933, 1933),
    "1:2": (313, 469, 469, 469, 1057, 1357, 1357, 2377),
    "16:9": (313, 313, 313, 757, 1045, 1045, 1921, 2353),
}


def make_image(width: int = 40, height: int = 56, seed: int = 0) -> Image.Image:
    """A smooth coloured image with one sharp bar, so that mirrored, shifted and swapped crops differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = rng.uniform(1, 9, (3, 3))
    colours = [np.sin(waves[c, 0] * x + waves[c, 1] * y + waves[c, 2]) for c in range(3)]
    pixels = (np.stack(colours, axis=-1) * 100 + 128).astype(np.uint8)
    pixels[height // 3 : height // 2, width // 5 : width // 2] = rng.integers(0, 255, 3)
    return Image.fromarray(pixels)


def slow_tiles(image: Image.Image, num_crops: int, tile_px: int) -> tuple[Floats, tuple[int, int]]:
    """README of the published model, section 1, in words -> (1 + num_crops, 3, S, S) and the padded size.

    An upright image is not mirrored and mirrored back; its sides simply change their roles.
    """
    rgb = np.asarray(image.convert("RGB"), dtype=np.float64)
    upright = rgb.shape[0] > rgb.shape[1]
    long_side, short_side = max(rgb.shape[:2]), min(rgb.shape[:2])
    fits = [s for s in range(1, num_crops + 1) if s * math.ceil(s / (long_side / short_side)) <= num_crops]
    new_long = tile_px * max(s for s in fits if set(range(1, s + 1)) <= set(fits))
    new_short = max(1, int(new_long / (long_side / short_side)))
    height, width = (new_long, new_short) if upright else (new_short, new_long)
    first, second = (0, 1) if upright else (1, 0)
    size = {0: height, 1: width}
    resized = slow_bilinear(slow_bilinear(rgb, first, size[first]), second, size[second])
    missing = -new_short % tile_px
    bars = (missing // 2, missing - missing // 2)
    padded = np.pad(resized, ((0, 0), bars, (0, 0)) if upright else (bars, (0, 0), (0, 0)), constant_values=255)
    normal = ((padded / 255 - np.array(CLIP_MEAN)) / np.array(CLIP_STD)).transpose(2, 0, 1)
    rows, cols = normal.shape[1] // tile_px, normal.shape[2] // tile_px
    crops = np.zeros((1 + num_crops, 3, tile_px, tile_px))
    crops[0] = slow_bicubic(slow_bicubic(normal, 1, tile_px), 2, tile_px)
    for row in range(rows):
        for col in range(cols):
            tile = normal[:, row * tile_px : (row + 1) * tile_px, col * tile_px : (col + 1) * tile_px]
            crops[1 + row * cols + col] = tile
    return crops, (normal.shape[1], normal.shape[2])


def slow_bilinear(pixels: Floats, axis: int, size: int) -> Floats:
    """Pillow's BILINEAR along one axis: a triangle as wide as the step when shrinking, rounded to whole grey levels."""
    step = pixels.shape[axis] / size
    reach = max(step, 1.0)
    places = np.arange(pixels.shape[axis]) + 0.5
    centres = (np.arange(size) + 0.5) * step
    weights = np.clip(1 - np.abs(places[None] - centres[:, None]) / reach, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    moved: Floats = np.moveaxis(np.tensordot(weights, pixels, axes=(1, axis)), 0, axis)
    return np.round(moved)


def slow_bicubic(pixels: Floats, axis: int, size: int) -> Floats:
    """Cubic convolution with a = -0.75 on four neighbours, edges repeated, no smoothing when shrinking."""
    length, a = pixels.shape[axis], -0.75
    weights = np.zeros((size, length))
    for place in range(size):
        centre = (place + 0.5) * length / size - 0.5
        for neighbour in range(math.floor(centre) - 1, math.floor(centre) + 3):
            d = abs(centre - neighbour)
            near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            weights[place, min(max(neighbour, 0), length - 1)] += near if d <= 1 else far if d < 2 else 0
    moved: Floats = np.moveaxis(np.tensordot(weights, pixels, axes=(1, axis)), 0, axis)
    return moved


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 7), st.sampled_from([14, 28]))
def test_crops_equal_slow_definition(width: int, height: int, num_crops: int, tile_px: int) -> None:
    image = make_image(width, height)
    tiles = tile_image(image, num_crops=num_crops, tile_px=tile_px)
    crops, image_size = slow_tiles(image, num_crops, tile_px)
    assert tiles.image_size == image_size
    difference = np.abs(tiles.pixels.numpy() - crops) * 255 * min(CLIP_STD)  # in grey levels
    assert difference[1:].max() < 2.01  # Pillow rounds after each of its two passes
    assert difference[0].max() < 3.5  # and the cubic filter overshoots
    assert difference.mean() < 0.25


@pytest.mark.parametrize("ratio", RATIOS)
def test_token_count_equals_published_at_any_resolution(ratio: str) -> None:
    for num_crops, expected in zip((1, 2, 3, 4, 6, 9, 12, 16), NUM_TOKENS[ratio], strict=True):
        for times in (1, 3):
            width, height = (side * times for side in RATIOS[ratio])
            tiles = tile_image(Image.new("RGB", (width, height)), num_crops=num_crops, tile_px=28)
            assert tiles.num_tokens == expected, num_crops


def test_small_tiles_change_only_counts() -> None:
    assert count_tokens(1, 1) == 313
    assert count_tokens(1, 1, lines_per_tile=4) == 2 * 16 + 1 + 2 * 4
    config = tiny_config()
    assert (config.tile_px, config.lines_per_tile, config.join_size) == (112, 4, 384)


def test_alpha_is_dropped_and_other_modes_are_expanded() -> None:
    rgb = make_image()
    rgba = rgb.copy()
    rgba.putalpha(Image.new("L", rgb.size, 7))
    assert torch.equal(tile_image(rgba, num_crops=4).pixels, tile_image(rgb, num_crops=4).pixels)
    grey = rgb.convert("L")
    assert torch.equal(tile_image(grey, num_crops=1).pixels, tile_image(grey.convert("RGB"), num_crops=1).pixels)


def test_very_thin_image_keeps_one_pixel() -> None:
    assert tile_image(Image.new("RGB", (2000, 1)), num_crops=1).image_size == (336, 336)


def test_zero_crops_are_refused() -> None:
    with pytest.raises(ToileError, match="num_crops: is 0") as caught:
        tile_image(make_image(), num_crops=0)
    assert "at least 1" in caught.value.hint


def test_one_tile_image_equals_overview() -> None:
    pixels = tile_image(make_image(), num_crops=1).pixels
    assert torch.equal(pixels[0], pixels[1])


def test_tiles_and_separators_are_in_reading_order() -> None:
    config = toy_config(tile_px=56)
    embedding = ImageEmbedding(config)
    lines, rows, cols = config.lines_per_tile, 3, 2
    torch.nn.init.constant_(embedding.sub_GN, -1.0)
    torch.nn.init.constant_(embedding.glb_GN, -2.0)
    whole = torch.arange(lines * lines).view(lines, lines) + 1000
    large = torch.arange(rows * lines * cols * lines).view(rows * lines, cols * lines)
    tiles = [
        large[row * lines : (row + 1) * lines, col * lines : (col + 1) * lines]
        for row in range(rows)
        for col in range(cols)
    ]
    crops = torch.stack([whole, *tiles]).float()[..., None].expand(-1, -1, -1, config.join_size)
    expected: list[int] = []
    for line in large.tolist():
        expected += [*line, -1]
    expected.append(-2)
    for line in whole.tolist():
        expected += [*line, -1]
    found = embedding.arrange_crops(crops, rows, cols)
    assert found[:, 0].tolist() == expected
    assert len(expected) == embedding.num_vectors(rows, cols)


def test_merge_patches_joins_2x2_neighbours() -> None:
    patches = torch.arange(16.0).view(1, 16, 1)
    joined = merge_patches(patches)
    assert joined.shape == (1, 2, 2, 4)
    assert joined[0].tolist() == [[[0, 1, 4, 5], [2, 3, 6, 7]], [[8, 9, 12, 13], [10, 11, 14, 15]]]


def toy_config(tile_px: int = 56, **changes: Any) -> Phi3VConfig:
    """A few thousand parameters, with rows that switch to the long factors at 48 positions."""
    sizes: dict[str, Any] = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "original_max_position_embeddings": 48,
        "rope_parameters": {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0 + pair / 8 for pair in range(8)],
            "long_factor": [1.0 + 3 * pair for pair in range(8)],
        },
        "sliding_window": 4096,
        "pad_token_id": 3,
        "vision_config": {
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "image_size": tile_px,
            "patch_size": 14,
            "projection_dim": 8,
        },
    }
    return Phi3VConfig(**(sizes | changes))
