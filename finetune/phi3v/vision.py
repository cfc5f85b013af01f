"""Crops -> vectors in the width of the language model: CLIP tower, 2x2 join, line ends, separator, projection.

The modules are named as in the published checkpoints, so that a state dict is a checkpoint without any renaming.
Source: image_embedding_phi3_v.py of the published models.

Shapes: P pictures, K crops each (padded with empty ones), N used crops of all pictures, C colours, S side of a tile,
L lines of a tile (12), E width of the tower, J = 4 * E joined, D width of the language model, M vectors.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPEncoder, CLIPVisionEmbeddings

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.tiling import count_tokens
from schemas.errors import ToileError


class ClipTower(nn.Module):
    """CLIP's vision transformer without its last layer, whose output Phi-3-Vision never looks at.

    The last layer and the final norm are in the checkpoints, so they are kept here, but nothing depends on them: they
    get no gradient.
    """

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        tower = config.vision_config
        self.embeddings = CLIPVisionEmbeddings(tower)
        self.pre_layrnorm = nn.LayerNorm(tower.hidden_size, eps=tower.layer_norm_eps)
        self.encoder = CLIPEncoder(tower)
        self.post_layernorm = nn.LayerNorm(tower.hidden_size, eps=tower.layer_norm_eps)

    def forward(self, crops_NCSS: Tensor, whole_tower: bool = False) -> Tensor:
        """(N, patches, E) after the last layer but one, without the class position.

        `whole_tower` runs the last layer too and throws its output away, to measure what that costs.
        """
        x_NTE = self.pre_layrnorm(self.embeddings(crops_NCSS))
        for layer in self.encoder.layers[:-1]:
            x_NTE = layer(x_NTE, None)
        if whole_tower:
            self.encoder.layers[-1](x_NTE.to(self.post_layernorm.weight.dtype), None)
        patches_NTE: Tensor = x_NTE[:, 1:]
        return patches_NTE


class ClipHolder(nn.Module):
    """The level "vision_model" of the published names."""

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.vision_model = ClipTower(config)


class PictureEmbedding(nn.Module):
    """All pictures of a batch -> one list of vectors, in the order of the pictures."""

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.tile_px = config.tile_px
        self.lines_per_tile = config.lines_per_tile
        self.real_tiles = True
        """False takes empty crops and the unused last layer along, as the published code does, to measure the cost."""
        self.img_processor = ClipHolder(config)
        self.glb_GN = nn.Parameter(torch.zeros(1, 1, config.join_size))
        self.sub_GN = nn.Parameter(torch.zeros(1, 1, 1, config.join_size))
        self.img_projection = nn.Sequential(
            nn.Linear(config.join_size, config.hidden_size),
            nn.GELU(),  # the exact one; the tanh form moves the logits by 2e-3
            nn.Linear(config.hidden_size, config.hidden_size),
        )

    def forward(self, pixels_PKCSS: Tensor, grids: Sequence[tuple[int, int]]) -> Tensor:
        """(M, D); `grids` holds rows and columns of tiles of each picture. Empty crops do not pass the tower."""
        tower = self.img_processor.vision_model
        # A picture of one tile is that tile: one pass of the tower serves both, with the same numbers.
        used = [
            1 if rows * cols == 1 and torch.equal(crops[0], crops[1]) else 1 + rows * cols
            for crops, (rows, cols) in zip(pixels_PKCSS, grids, strict=True)
        ]
        if self.real_tiles:
            crops_NCSS = torch.cat([crops[:count] for crops, count in zip(pixels_PKCSS, used, strict=True)])
            joined_NLLJ = join_neighbours(tower(crops_NCSS.to(self.sub_GN.dtype)))
        else:
            padded_MTE = tower(pixels_PKCSS.flatten(0, 1).to(self.sub_GN.dtype), whole_tower=True)
            padded_PKTE = padded_MTE.unflatten(0, pixels_PKCSS.shape[:2])
            patches = [patches_KTE[:count] for patches_KTE, count in zip(padded_PKTE, used, strict=True)]
            joined_NLLJ = join_neighbours(torch.cat(patches))
        pictures = torch.split(joined_NLLJ, used)
        lines = [self.lay_out(crops_KLLJ, *grid) for crops_KLLJ, grid in zip(pictures, grids, strict=True)]
        vectors_MD: Tensor = self.img_projection(torch.cat(lines))
        return vectors_MD

    def lay_out(self, crops_KLLJ: Tensor, rows: int, cols: int) -> Tensor:
        """(M, J) of one picture: its tiles as one large picture, the separator, the whole picture; each line closed.

        The first crop is the whole picture; where it is the only one, it is also the tile.
        """
        lines, joined = self.lines_per_tile, crops_KLLJ.shape[-1]
        whole_LLJ, tiles_KLLJ = crops_KLLJ[0], crops_KLLJ[-rows * cols :]
        tiles_HWJ = tiles_KLLJ.view(rows, cols, lines, lines, joined).transpose(1, 2)
        large_HWJ = tiles_HWJ.reshape(rows * lines, cols * lines, joined)
        return torch.cat([self._close_lines(large_HWJ), self.glb_GN[0], self._close_lines(whole_LLJ)])

    def _close_lines(self, x_HWJ: Tensor) -> Tensor:
        """(H * (W + 1), J): every line followed by the line end."""
        ends_H1J = self.sub_GN[0].expand(x_HWJ.shape[0], 1, -1)
        return torch.cat([x_HWJ, ends_H1J], dim=1).flatten(0, 1)

    def grids(self, image_sizes: Tensor, num_crops: int) -> list[tuple[int, int]]:
        """Rows and columns of tiles of each picture from its padded (height, width); ToileError for any other size."""
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
        """How many vectors a picture of rows x cols tiles becomes."""
        return count_tokens(rows, cols, self.lines_per_tile)


def join_neighbours(patches_NTE: Tensor) -> Tensor:
    """(N, L, L, 4E): each square of 2x2 patches as one vector, upper left, upper right, lower left, lower right."""
    crops, patches, width = patches_NTE.shape
    lines = round(patches**0.5) // 2
    squares = patches_NTE.reshape(crops, lines, 2, lines, 2, width).transpose(2, 3)
    return squares.reshape(crops, lines, lines, 4 * width)
