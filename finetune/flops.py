"""Count the floating-point operations of one training step: the measure behind "TFLOP/s" and "share of peak" (MFU).

Matrix products alone are counted, a multiply-add as 2 operations. A product of (rows, in) with (in, out) takes
2 x rows x in x out forward, as many again for the gradient of its input, and as many for the gradient of its weight
(Kaplan et al. 2020, arXiv 2001.08361, section 2.1, which gives the usual 6 a parameter and position). So:

- a frozen weight costs 2N forward and 2N backward where something before it is trained, else 2N in all;
- a trained weight costs 6N, and 4N where nothing before it is trained;
- an adapter of rank r on a layer adds two trained weights, r x (in + out);
- attention has two products forward and four backward. A causal row of T positions has T (T + 1) / 2 pairs; the pairs
  that a mask removes are not counted as useful work (many published figures count them: T^2).

`useful_flops` counts what the mathematics needs: real positions, real tiles, the head where an answer is learned. It
does not depend on the spec's `speed`, so two runs compare by their seconds alone. `executed_flops` adds what the chosen
options waste: padding, empty tiles, masked pairs, full logits, activations computed twice. Neither counts norms,
rotations, softmax, the loss and AdamW (few operations, though not little time), nor the scores that fused attention
kernels compute again in the backward pass.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from finetune.adapters import PARTS as ADAPTED
from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.tiling import count_tokens
from schemas.training import TrainingSpec

PARTS = ("vision", "projector", "decoder", "attention", "head")
"""`attention` is the decoder's; the tower's own counts as vision."""
_TOWER = "model.vision_embed_tokens.img_processor.vision_model"
_PROJECTOR = "model.vision_embed_tokens.img_projection"
FROZEN = {"vision": _TOWER, "projector": _PROJECTOR}
"""Part that `freeze` names -> prefix of its layers' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """What decides the cost of an example: one image, its positions, its answer."""

    grid: tuple[int, int]
    """Rows and columns of tiles of the image."""
    num_tokens: int
    """Positions of text and image together, without padding."""
    num_supervised: int
    """Positions whose next token is learned."""


@dataclass(slots=True, kw_only=True)
class PartFlops:
    """Operations of one part of the model."""

    forward: float = 0.0
    backward: float = 0.0
    recomputed: float = 0.0
    """Forward a second time, where activations are not kept."""

    @property
    def total(self) -> float:
        """All operations."""
        return self.forward + self.backward + self.recomputed


@dataclass(frozen=True, slots=True, kw_only=True)
class Flops:
    """Operations by part of the model."""

    parts: dict[str, PartFlops] = field(default_factory=lambda: {part: PartFlops() for part in PARTS})

    @property
    def total(self) -> float:
        """Operations of all parts."""
        return sum(part.total for part in self.parts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    """A linear layer (or the tower's first convolution), applied to `rows` vectors."""

    name: str
    rows: float
    inputs: int
    outputs: int
    is_linear: bool = True
    """Only linear layers take adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attention:
    """Scores and their weighted sum over `pairs` of positions; all heads together are `width` wide."""

    pairs: float
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Stages one after the other; each is a part and the products that share its input."""

    stages: Sequence[tuple[str, Sequence[_Product | _Attention]]]
    is_layer: bool = False
    """Only layers are computed again under checkpointing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workload:
    """Numbers of tiles, vectors and positions that are computed."""

    tiles: float
    vectors: float
    positions: float
    pairs: float
    head_rows: float


def useful_flops(config: Phi3VConfig, spec: TrainingSpec, rows: Sequence[RowShape]) -> Flops:
    """Return the operations that training on these rows needs, without padding and recomputation."""
    found = Flops()
    for row, number in Counter(rows).items():
        workload = _Workload(
            tiles=number * _used_tiles(row.grid),
            vectors=number * count_tokens(*row.grid, config.lines_per_tile),
            positions=number * row.num_tokens,
            pairs=number * row.num_tokens * (row.num_tokens + 1) / 2,
            head_rows=number * row.num_supervised,
        )
        _accumulate(found, config, spec, workload, recompute=False)
    return found


def executed_flops(
    config: Phi3VConfig, spec: TrainingSpec, micro_batches: Sequence[Sequence[RowShape]], num_crops: int, multiple: int
) -> Flops:
    """Return the operations that are computed for these micro-batches with the spec's `speed`.

    Each is padded to its longest row, and to a multiple of `multiple`. Checkpointing counts whole layers again, though
    torch may omit a layer's last product, whose result no gradient needs.
    """
    found = Flops()
    for rows in micro_batches:
        number, longest = len(rows), max(row.num_tokens for row in rows)
        length = -(-longest // multiple) * multiple
        real = sum(_used_tiles(row.grid) for row in rows)
        pairs = length * (length + 1) / 2 if spec.speed.causal_attention else length**2
        workload = _Workload(
            tiles=real if spec.speed.real_tiles else number * (1 + num_crops),
            vectors=sum(count_tokens(*row.grid, config.lines_per_tile) for row in rows),
            positions=number * length,
            pairs=number * pairs,
            head_rows=sum(row.num_supervised for row in rows) if spec.speed.answer_logits else number * length,
        )
        _accumulate(found, config, spec, workload, recompute=spec.speed.checkpointing)
        if not spec.speed.real_tiles:
            last = config.vision_config.num_hidden_layers - 1
            for part, products in _tower_layer(config, last, workload.tiles).stages:
                found.parts[part].forward += sum(_count_forward(product) for product in products)
    return found


def _used_tiles(grid: tuple[int, int]) -> int:
    """Return how many crops pass the tower: the tiles and the overview, or one where both are the same."""
    tiles = grid[0] * grid[1]
    return 1 if tiles == 1 else 1 + tiles


def _accumulate(found: Flops, config: Phi3VConfig, spec: TrainingSpec, workload: _Workload, *, recompute: bool) -> None:
    """Add the operations of all blocks, from pixels to logits; `reached` is whether something before is trained."""
    reached = False
    for block in _blocks(config, workload):
        forward = dict.fromkeys(PARTS, 0.0)
        has_trained = False
        if spec.method == "full" and block.stages[0][0] == "projector":
            reached = True  # line ends, separator and the word embeddings behind it are trained
        for part, products in block.stages:
            trained_stage = False
            for product in products:
                ahead, back, trained = _count_product(product, spec, reached)
                forward[part] += ahead
                found.parts[part].backward += back
                trained_stage |= trained
            has_trained |= trained_stage
            reached |= trained_stage
        for part, number in forward.items():
            found.parts[part].forward += number
            if recompute and block.is_layer and has_trained:
                found.parts[part].recomputed += number


def _count_product(product: _Product | _Attention, spec: TrainingSpec, reached: bool) -> tuple[float, float, bool]:
    """Return (forward, backward, whether it has trained weights); `reached`: whether its input needs a gradient."""
    forward = _count_forward(product)
    if isinstance(product, _Attention):
        return forward, 2 * forward if reached else 0, False
    if spec.method == "full":
        trained = not product.name.startswith(tuple(FROZEN[part] for part in spec.freeze))
        return forward, forward * (trained + reached), trained
    if not (product.is_linear and _is_target(product.name, spec.lora.targets)):
        return forward, forward * reached, False
    down = 2 * product.rows * product.inputs * spec.lora.rank
    up = 2 * product.rows * product.outputs * spec.lora.rank
    return forward + down + up, forward * reached + down * (1 + reached) + 2 * up, True


def _count_forward(product: _Product | _Attention) -> float:
    if isinstance(product, _Attention):
        return 2 * 2 * product.pairs * product.width
    return 2 * product.rows * product.inputs * product.outputs


def _is_target(name: str, targets: Sequence[str]) -> bool:
    """Return whether a layer has an adapter; targets are parts of the model or name endings, as in `LoraSpec`."""
    endings = [ending for target in targets for ending in ADAPTED.get(target, (target,))]
    return any(f".{name}".endswith(f".{ending}") for ending in endings)


def _blocks(config: Phi3VConfig, workload: _Workload) -> Iterator[_Block]:
    """Yield the model's blocks in the order of computation; the tower without its last layer."""
    tower = config.vision_config
    patches = (tower.image_size // tower.patch_size) ** 2
    patch = _Product(
        name=f"{_TOWER}.embeddings.patch_embedding",
        rows=workload.tiles * patches,
        inputs=tower.num_channels * tower.patch_size**2,
        outputs=tower.hidden_size,
        is_linear=False,
    )
    yield _Block(stages=[("vision", [patch])])
    for layer in range(tower.num_hidden_layers - 1):
        yield _tower_layer(config, layer, workload.tiles)
    sizes = (config.join_size, config.hidden_size, config.hidden_size)
    for index, inputs, outputs in ((0, sizes[0], sizes[1]), (2, sizes[1], sizes[2])):
        name = f"{_PROJECTOR}.{index}"
        linear = _Product(name=name, rows=workload.vectors, inputs=inputs, outputs=outputs)
        yield _Block(stages=[("projector", [linear])])
    for layer in range(config.num_hidden_layers):
        yield _decoder_layer(config, layer, workload)
    head = _Product(name="lm_head", rows=workload.head_rows, inputs=config.hidden_size, outputs=config.vocab_size)
    yield _Block(stages=[("head", [head])])


def _tower_layer(config: Phi3VConfig, layer: int, tiles: float) -> _Block:
    """Return one layer of the tower: a crop is a row of its patches and one class position, all pairs are used."""
    tower = config.vision_config
    width, wide = tower.hidden_size, tower.intermediate_size
    length = (tower.image_size // tower.patch_size) ** 2 + 1

    def linear(name: str, inputs: int, outputs: int) -> _Product:
        full = f"{_TOWER}.encoder.layers.{layer}.{name}"
        return _Product(name=full, rows=tiles * length, inputs=inputs, outputs=outputs)

    return _Block(
        stages=[
            ("vision", [linear(f"self_attn.{each}_proj", width, width) for each in "qkv"]),
            ("vision", [_Attention(pairs=tiles * length**2, width=width)]),
            ("vision", [linear("self_attn.out_proj", width, width)]),
            ("vision", [linear("mlp.fc1", width, wide)]),
            ("vision", [linear("mlp.fc2", wide, width)]),
        ],
        is_layer=True,
    )


def _decoder_layer(config: Phi3VConfig, layer: int, workload: _Workload) -> _Block:
    """Return one layer of the decoder: query, key and value are one product, gate and up another."""
    width, wide = config.hidden_size, config.intermediate_size
    head_size = width // config.num_attention_heads
    qkv_width = width + 2 * config.num_key_value_heads * head_size

    def linear(name: str, inputs: int, outputs: int) -> _Product:
        return _Product(name=f"model.layers.{layer}.{name}", rows=workload.positions, inputs=inputs, outputs=outputs)

    return _Block(
        stages=[
            ("decoder", [linear("self_attn.qkv_proj", width, qkv_width)]),
            ("attention", [_Attention(pairs=workload.pairs, width=width)]),
            ("decoder", [linear("self_attn.o_proj", width, width)]),
            ("decoder", [linear("mlp.gate_up_proj", width, 2 * wide)]),
            ("decoder", [linear("mlp.down_proj", wide, width)]),
        ],
        is_layer=True,
    )
