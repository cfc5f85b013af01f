"""How many floating-point operations one training step takes: the measure behind "TFLOP/s" and "share of peak".

Matrix products alone are counted, a multiply-add as 2 operations. A product of (rows, in) with (in, out) takes
2 x rows x in x out forward, as many again for the gradient of its input, and as many for the gradient of its weight
(Kaplan et al. 2020, arXiv 2001.08361, section 2.1, which gives the usual 6 a parameter and position). So:

- a frozen weight with something trained before it: 2N forward + 2N backward; with nothing trained before it: 2N;
- a trained weight: 6N, and 4N where nothing before it is trained;
- an adapter of rank r beside a layer: its own two small weights, r x (in + out), are trained ones;
- attention: two products forward and four backward. A causal row of T positions has T (T + 1) / 2 pairs; the pairs
  that a mask removes are not counted as useful work (many published figures count them: T^2).

`useful_flops` is what the mathematics asks for: real positions, real tiles, the head where an answer is learned. It
does not depend on the spec's `speed`, so two runs compare by their seconds alone. `executed_flops` adds what the chosen
ways waste: padding, empty tiles, masked pairs, full logits, activations computed twice. Left out of both are norms,
rotations, softmax, the loss and AdamW (few operations, though not little time), and the scores that fused attention
kernels compute once more on the way back.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from finetune.adapters import PARTS as ADAPTED
from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.tiling import count_tokens
from schemas.training import TrainingSpec

PARTS = ("vision", "projector", "decoder", "attention", "head")
"""`attention` is the decoder's; the tower's own stands under vision."""
_TOWER = "model.vision_embed_tokens.img_processor.vision_model"
_PROJECTOR = "model.vision_embed_tokens.img_projection"
FROZEN = {"vision": _TOWER, "projector": _PROJECTOR}
"""What `freeze` names -> how the names of its layers begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """What of an example decides its cost: one picture, its positions, its answer."""

    grid: tuple[int, int]
    """Rows and columns of tiles of the picture."""
    num_tokens: int
    """Positions of text and picture together, without padding."""
    num_supervised: int
    """Positions whose next token is learned."""


@dataclass(slots=True, kw_only=True)
class PartFlops:
    """Operations of one part of the model."""

    forward: float = 0.0
    backward: float = 0.0
    again: float = 0.0
    """Forward a second time, where activations are not kept."""

    @property
    def total(self) -> float:
        """All of them."""
        return self.forward + self.backward + self.again


@dataclass(frozen=True, slots=True, kw_only=True)
class Flops:
    """Operations by part of the model."""

    parts: dict[str, PartFlops] = field(default_factory=lambda: {part: PartFlops() for part in PARTS})

    @property
    def total(self) -> float:
        """Of all parts."""
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
    """Scores and their weighted sum over `pairs` of positions, all heads together `width` wide."""

    pairs: float
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Stages one after the other, each a part and what stands side by side in it on the same input."""

    stages: Sequence[tuple[str, Sequence[_Product | _Attention]]]
    is_layer: bool = False
    """Layers alone are computed again under checkpointing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """How much of everything is computed."""

    tiles: float
    vectors: float
    positions: float
    pairs: float
    head_rows: float


def useful_flops(config: Phi3VConfig, spec: TrainingSpec, rows: Sequence[RowShape]) -> Flops:
    """Operations that training on these rows needs, whatever they are padded with and however they are computed."""
    found = Flops()
    for row, number in Counter(rows).items():
        extent = _Extent(
            tiles=number * _used_tiles(row.grid),
            vectors=number * count_tokens(*row.grid, config.lines_per_tile),
            positions=number * row.num_tokens,
            pairs=number * row.num_tokens * (row.num_tokens + 1) / 2,
            head_rows=number * row.num_supervised,
        )
        _add(found, config, spec, extent, again=False)
    return found


def executed_flops(
    config: Phi3VConfig, spec: TrainingSpec, micro_batches: Sequence[Sequence[RowShape]], num_crops: int, multiple: int
) -> Flops:
    """Operations that are really computed for these micro-batches with the spec's `speed`.

    Each is padded to its longest row, and to a multiple of `multiple`. Checkpointing counts whole layers again, though
    torch may spare a layer's last product, whose result no gradient needs.
    """
    found = Flops()
    for rows in micro_batches:
        number, longest = len(rows), max(row.num_tokens for row in rows)
        length = -(-longest // multiple) * multiple
        real = sum(_used_tiles(row.grid) for row in rows)
        pairs = length * (length + 1) / 2 if spec.speed.causal_attention else length**2
        extent = _Extent(
            tiles=real if spec.speed.real_tiles else number * (1 + num_crops),
            vectors=sum(count_tokens(*row.grid, config.lines_per_tile) for row in rows),
            positions=number * length,
            pairs=number * pairs,
            head_rows=sum(row.num_supervised for row in rows) if spec.speed.answer_logits else number * length,
        )
        _add(found, config, spec, extent, again=spec.speed.checkpointing)
        if not spec.speed.real_tiles:
            last = config.vision_config.num_hidden_layers - 1
            for part, products in _tower_layer(config, last, extent.tiles).stages:
                found.parts[part].forward += sum(_once(product) for product in products)
    return found


def _used_tiles(grid: tuple[int, int]) -> int:
    """Crops that pass the tower: the tiles and the whole picture, which is the tile where there is one only."""
    tiles = grid[0] * grid[1]
    return 1 if tiles == 1 else 1 + tiles


def _add(found: Flops, config: Phi3VConfig, spec: TrainingSpec, extent: _Extent, *, again: bool) -> None:
    """Walk through the model from pixels to logits, remembering whether anything before was trained."""
    reached = False
    for block in _blocks(config, extent):
        forward = dict.fromkeys(PARTS, 0.0)
        trains = False
        if spec.method == "full" and block.stages[0][0] == "projector":
            reached = True  # line ends and separator are trained, and so are the word embeddings behind it
        for part, products in block.stages:
            moved = False
            for product in products:
                ahead, back, trained = _cost(product, spec, reached)
                forward[part] += ahead
                found.parts[part].backward += back
                moved |= trained
            trains |= moved
            reached |= moved
        for part, number in forward.items():
            found.parts[part].forward += number
            if again and block.is_layer and trains:
                found.parts[part].again += number


def _cost(product: _Product | _Attention, spec: TrainingSpec, reached: bool) -> tuple[float, float, bool]:
    """(forward, backward, whether something in it is trained); `reached`: whether its input needs a gradient."""
    once = _once(product)
    if isinstance(product, _Attention):
        return once, 2 * once if reached else 0, False
    if spec.method == "full":
        trained = not product.name.startswith(tuple(FROZEN[part] for part in spec.freeze))
        return once, once * (trained + reached), trained
    if not (product.is_linear and _is_target(product.name, spec.lora.targets)):
        return once, once * reached, False
    down = 2 * product.rows * product.inputs * spec.lora.rank
    up = 2 * product.rows * product.outputs * spec.lora.rank
    return once + down + up, once * reached + down * (1 + reached) + 2 * up, True


def _once(product: _Product | _Attention) -> float:
    if isinstance(product, _Attention):
        return 2 * 2 * product.pairs * product.width
    return 2 * product.rows * product.inputs * product.outputs


def _is_target(name: str, targets: Sequence[str]) -> bool:
    """Whether a layer bears an adapter: targets are parts of the model or endings of names, as in `LoraSpec`."""
    endings = [ending for target in targets for ending in ADAPTED.get(target, (target,))]
    return any(f".{name}".endswith(f".{ending}") for ending in endings)


def _blocks(config: Phi3VConfig, extent: _Extent) -> Iterator[_Block]:
    """The model in the order in which it computes; the tower without its last layer."""
    tower = config.vision_config
    patches = (tower.image_size // tower.patch_size) ** 2
    patch = _Product(
        name=f"{_TOWER}.embeddings.patch_embedding",
        rows=extent.tiles * patches,
        inputs=tower.num_channels * tower.patch_size**2,
        outputs=tower.hidden_size,
        is_linear=False,
    )
    yield _Block(stages=[("vision", [patch])])
    for layer in range(tower.num_hidden_layers - 1):
        yield _tower_layer(config, layer, extent.tiles)
    sizes = (config.join_size, config.hidden_size, config.hidden_size)
    for place, inputs, outputs in ((0, sizes[0], sizes[1]), (2, sizes[1], sizes[2])):
        name = f"{_PROJECTOR}.{place}"
        linear = _Product(name=name, rows=extent.vectors, inputs=inputs, outputs=outputs)
        yield _Block(stages=[("projector", [linear])])
    for layer in range(config.num_hidden_layers):
        yield _decoder_layer(config, layer, extent)
    head = _Product(name="lm_head", rows=extent.head_rows, inputs=config.hidden_size, outputs=config.vocab_size)
    yield _Block(stages=[("head", [head])])


def _tower_layer(config: Phi3VConfig, layer: int, tiles: float) -> _Block:
    """Every crop is a row of its patches and one class position, all of which see each other."""
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


def _decoder_layer(config: Phi3VConfig, layer: int, extent: _Extent) -> _Block:
    """Phi-3 joins query, key and value in one product, and gate and up in another."""
    width, wide = config.hidden_size, config.intermediate_size
    head_size = width // config.num_attention_heads
    joined = width + 2 * config.num_key_value_heads * head_size

    def linear(name: str, inputs: int, outputs: int) -> _Product:
        return _Product(name=f"model.layers.{layer}.{name}", rows=extent.positions, inputs=inputs, outputs=outputs)

    return _Block(
        stages=[
            ("decoder", [linear("self_attn.qkv_proj", width, joined)]),
            ("attention", [_Attention(pairs=extent.pairs, width=width)]),
            ("decoder", [linear("self_attn.o_proj", width, width)]),
            ("decoder", [linear("mlp.gate_up_proj", width, 2 * wide)]),
            ("decoder", [linear("mlp.down_proj", wide, width)]),
        ],
        is_layer=True,
    )
