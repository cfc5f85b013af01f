"""Turn image crops into vectors for the language model: CLIP tower, 2x2 merge, line ends, separator, projection.

Modules have the names of the published checkpoints, so a state dict is a checkpoint without renaming. The module also
checks that image positions in the text and images agree, and finds the images of a row. Counting all negative ids is
not enough: two rows with their images swapped can have the right sum. So the run of ids of each image is compared with
the number of vectors of this image. Source: image_embedding_phi3_v.py of the published models.

Shapes: P images, K crops each (padded with empty ones), N used crops of all images, C colours, S side of a tile,
L lines of a tile (12), E width of the tower, J = 4 * E merged, D width of the language model, M vectors, B rows,
T positions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPEncoder, CLIPVisionEmbeddings

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.tiling import count_tokens
from schemas.errors import ToileError

PROCESSOR_HINT = "Make the batch with the processor, processor(texts, images), not with its tokenizer alone."


class ClipTower(nn.Module):
    """CLIP's vision transformer; Phi-3-Vision uses the output of the last layer but one.

    The last layer and the final norm are kept because the checkpoints contain them. No output depends on them, and they
    get no gradient.
    """

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        tower = config.vision_config
        self.embeddings = CLIPVisionEmbeddings(tower)
        self.pre_layrnorm = nn.LayerNorm(tower.hidden_size, eps=tower.layer_norm_eps)
        self.encoder = CLIPEncoder(tower)
        self.post_layernorm = nn.LayerNorm(tower.hidden_size, eps=tower.layer_norm_eps)

    def forward(self, crops_NCSS: Tensor, run_last_layer: bool = False) -> Tensor:
        """Return (N, patches, E) of the last layer but one, without the class position.

        `run_last_layer` also runs the last layer and drops its output, to measure its cost.
        """
        x_NTE = self.pre_layrnorm(self.embeddings(crops_NCSS))
        for layer in self.encoder.layers[:-1]:
            x_NTE = layer(x_NTE, None)
        if run_last_layer:
            self.encoder.layers[-1](x_NTE.to(self.post_layernorm.weight.dtype), None)
        patches_NTE: Tensor = x_NTE[:, 1:]
        return patches_NTE


class ClipWrapper(nn.Module):
    """The level "vision_model" of the published names."""

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.vision_model = ClipTower(config)


class ImageEmbedding(nn.Module):
    """Turn all images of a batch into one list of vectors, in the order of the images."""

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.tile_px = config.tile_px
        self.lines_per_tile = config.lines_per_tile
        self.real_tiles = True
        """False computes empty crops and the unused last layer too, as the published code does, to measure the cost."""
        self.img_processor = ClipWrapper(config)
        self.glb_GN = nn.Parameter(torch.zeros(1, 1, config.join_size))
        self.sub_GN = nn.Parameter(torch.zeros(1, 1, 1, config.join_size))
        self.img_projection = nn.Sequential(
            nn.Linear(config.join_size, config.hidden_size),
            nn.GELU(),  # the exact one; the tanh form moves the logits by 2e-3
            nn.Linear(config.hidden_size, config.hidden_size),
        )

    def forward(self, pixels_PKCSS: Tensor, grids: Sequence[tuple[int, int]]) -> Tensor:
        """Return (M, D). `grids` has rows and columns of tiles of each image. Empty crops do not pass the tower."""
        tower = self.img_processor.vision_model
        # The overview of an image of one tile is that tile: one pass of the tower gives both, with the same numbers.
        used = [
            1 if rows * cols == 1 and torch.equal(crops[0], crops[1]) else 1 + rows * cols
            for crops, (rows, cols) in zip(pixels_PKCSS, grids, strict=True)
        ]
        if self.real_tiles:
            crops_NCSS = torch.cat([crops[:count] for crops, count in zip(pixels_PKCSS, used, strict=True)])
            merged_NLLJ = merge_patches(tower(crops_NCSS.to(self.sub_GN.dtype)))
        else:
            padded_MTE = tower(pixels_PKCSS.flatten(0, 1).to(self.sub_GN.dtype), run_last_layer=True)
            padded_PKTE = padded_MTE.unflatten(0, pixels_PKCSS.shape[:2])
            patches = [patches_KTE[:count] for patches_KTE, count in zip(padded_PKTE, used, strict=True)]
            merged_NLLJ = merge_patches(torch.cat(patches))
        images = torch.split(merged_NLLJ, used)
        lines = [self.arrange_crops(crops_KLLJ, *grid) for crops_KLLJ, grid in zip(images, grids, strict=True)]
        vectors_MD: Tensor = self.img_projection(torch.cat(lines))
        return vectors_MD

    def arrange_crops(self, crops_KLLJ: Tensor, rows: int, cols: int) -> Tensor:
        """Return (M, J) of one image: the tiles as one large image, the separator, the overview; each line ended.

        The first crop is the overview; where it is the only crop, it is also the tile.
        """
        lines, merged = self.lines_per_tile, crops_KLLJ.shape[-1]
        overview_LLJ, tiles_KLLJ = crops_KLLJ[0], crops_KLLJ[-rows * cols :]
        tiles_HWJ = tiles_KLLJ.view(rows, cols, lines, lines, merged).transpose(1, 2)
        large_HWJ = tiles_HWJ.reshape(rows * lines, cols * lines, merged)
        return torch.cat([self._append_line_ends(large_HWJ), self.glb_GN[0], self._append_line_ends(overview_LLJ)])

    def _append_line_ends(self, x_HWJ: Tensor) -> Tensor:
        """Return (H * (W + 1), J): every line followed by the line end."""
        ends_H1J = self.sub_GN[0].expand(x_HWJ.shape[0], 1, -1)
        return torch.cat([x_HWJ, ends_H1J], dim=1).flatten(0, 1)

    def grids(self, image_sizes: Tensor, num_crops: int) -> list[tuple[int, int]]:
        """Return rows and columns of tiles of each image from its padded (height, width) in px.

        Raises ToileError for a size that is not 1 to `num_crops` whole tiles.
        """
        grids = []
        for index, (height, width) in enumerate(image_sizes.tolist()):
            rows, cols = height // self.tile_px, width // self.tile_px
            if height % self.tile_px or width % self.tile_px or not 1 <= rows * cols <= num_crops:
                raise ToileError(
                    f"image_sizes[{index}]",
                    f"is {height} x {width}, which is not 1 to {num_crops} tiles of {self.tile_px} px",
                    "Pass pixel_values and image_sizes as the processor of this model returned them.",
                )
            grids.append((rows, cols))
        return grids

    def num_vectors(self, rows: int, cols: int) -> int:
        """Return the number of vectors of an image of rows x cols tiles."""
        return count_tokens(rows, cols, self.lines_per_tile)


def merge_patches(patches_NTE: Tensor) -> Tensor:
    """Return (N, L, L, J): 2x2 patches as one vector: upper left, upper right, lower left, lower right."""
    crops, patches, width = patches_NTE.shape
    lines = round(patches**0.5) // 2
    squares = patches_NTE.reshape(crops, lines, 2, lines, 2, width).transpose(2, 3)
    return squares.reshape(crops, lines, lines, 4 * width)


def check_images(input_ids_BT: Tensor, pixel_values: Tensor | None, num_vectors: list[int] | None) -> None:
    """Raise ToileError unless every image has exactly its positions, in order: row by row, -1, -2, ... within a row.

    `num_vectors` is the number of vectors of each image, None where image_sizes or pixel_values are missing.
    """
    runs = find_image_runs(input_ids_BT)
    if pixel_values is None:
        if runs:
            raise ToileError("pixel_values", f"are missing, but input_ids has {len(runs)} images", PROCESSOR_HINT)
        return
    if num_vectors is None:
        raise ToileError("image_sizes", "are missing, but pixel_values are given", PROCESSOR_HINT)
    if len(num_vectors) != pixel_values.shape[0]:
        problem = f"has {len(num_vectors)} rows for {pixel_values.shape[0]} images"
        raise ToileError("image_sizes", problem, PROCESSOR_HINT)
    if not runs and num_vectors:
        problem = f"holds no image position for {len(num_vectors)} images; they would be ignored"
        raise ToileError("input_ids", problem, PROCESSOR_HINT)
    if len(runs) != len(num_vectors):
        problem = f"has positions for {len(runs)} images, but pixel_values holds {len(num_vectors)}"
        raise ToileError("input_ids", problem, PROCESSOR_HINT)
    for (row, number, length), expected in zip(runs, num_vectors, strict=True):
        if length != expected:
            problem = f"has {length} positions for an image of {expected} vectors"
            raise ToileError(f"input_ids, row {row}, image {number}", problem, PROCESSOR_HINT)


def find_image_runs(input_ids_BT: Tensor) -> list[tuple[int, int, int]]:
    """Return (row, image number from 1, number of positions) of each run of one negative id, in reading order.

    Raises ToileError where the numbers of a row are not 1, 2, 3, ...
    """
    rows, cols = torch.nonzero(input_ids_BT < 0, as_tuple=True)
    keys = torch.stack([rows, -input_ids_BT[rows, cols]])
    distinct, counts = torch.unique_consecutive(keys, dim=1, return_counts=True)
    runs = [(row, number, count) for row, number, count in zip(*distinct.tolist(), counts.tolist(), strict=True)]
    expected, last_row = 1, -1
    for row, number, _ in runs:
        expected = expected + 1 if row == last_row else 1
        if number != expected:
            raise ToileError(f"input_ids, row {row}", f"has image {number} where {expected} is due", PROCESSOR_HINT)
        last_row = row
    return runs


def repeat_image_indices(input_ids_BT: Tensor, times: int) -> Tensor:
    """Return indices into the images of a batch after each row was repeated `times` times in place."""
    order, first = [], 0
    for num_images in count_images_per_row(input_ids_BT):
        order += list(range(first, first + num_images)) * times
        first += num_images
    return torch.tensor(order, dtype=torch.long, device=input_ids_BT.device)


def count_images_per_row(input_ids_BT: Tensor) -> list[int]:
    """Return the number of images of each row; they are numbered from -1 downwards without gaps."""
    counts: list[int] = (-input_ids_BT.amin(dim=1)).clamp(min=0).tolist()
    return counts
