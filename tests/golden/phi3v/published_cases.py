"""Inputs of the published code for the golden numbers: prompts, answers, images, batches and sizes.

The model switches to the long rope factors beyond 1024 positions (700 with the Phi-3 configuration), so that images
of a few crops are on both sides of the switch.
"""

from dataclasses import dataclass

SWITCH_LENGTH = {"phi-3.5": 1024, "phi-3": 700}
"""`original_max_position_embeddings`, 4096 in the published models."""

MAX_LENGTH = {"phi-3.5": 32768, "phi-3": 131072}
"""`max_position_embeddings`; with the switch length it decides the factor on cosines and sines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Arguments of `drawing.draw`."""

    width: int
    height: int
    seed: int
    mode: str = "RGB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One text with its images."""

    name: str
    prompt: str
    answer: str
    drawings: tuple[Drawing, ...] = ()
    num_crops: int
    filled_to: int | None = None
    """Prompt and answer are this many ids long; digits replace FILLING in the prompt."""


FILLING = "{digits}"


def _chat(question: str) -> str:
    """The published chat template of one question."""
    return f"<|user|>\n{question}<|end|>\n<|assistant|>\n"


_FIRST = "<|image_1|>\n"

CASES: dict[str, tuple[Case, ...]] = {
    "phi-3.5": (
        Case(
            name="square_c4",
            prompt=_chat(_FIRST + "What is shown in this image?"),
            answer="Product: Red Wool Coat, Category: COATS, Full Price: 420.0<|end|>",
            drawings=(Drawing(width=300, height=300, seed=1),),
            num_crops=4,
        ),
        Case(
            name="wide_c4",
            prompt=_chat(_FIRST + "Name the colours."),
            answer="Green and black.<|end|>",
            drawings=(Drawing(width=240, height=70, seed=2),),
            num_crops=4,
        ),
        Case(
            name="tall_c4",
            prompt="<|user|>\n<|image_1|>Where is it?<|end|><|assistant|>\n",
            answer="On the left.<|end|>",
            drawings=(Drawing(width=61, height=200, seed=3),),
            num_crops=4,
        ),
        Case(
            name="speck_c1",
            prompt=_chat("Look: " + _FIRST + "How many?"),
            answer="17 pieces<|end|>",
            drawings=(Drawing(width=20, height=31, seed=4),),
            num_crops=1,
        ),
        Case(
            name="modes_c1",
            prompt=_chat("<|image_1|>\n<|image_2|> and <|image_3|>\nWhich costs more?"),
            answer="The second one, at 99.5<|end|>",
            drawings=(
                Drawing(width=90, height=64, seed=5, mode="RGBA"),
                Drawing(width=64, height=90, seed=6, mode="L"),
                Drawing(width=77, height=77, seed=7, mode="P"),
            ),
            num_crops=1,
        ),
        Case(
            name="two_c4",
            prompt=_chat("<|image_1|>\n<|image_2|>\nCompare the two."),
            answer="Zürich – 3 €<|end|>",
            drawings=(Drawing(width=128, height=60, seed=8), Drawing(width=50, height=111, seed=9, mode="LA")),
            num_crops=4,
        ),
        Case(
            name="landscape_c6",
            prompt=_chat(_FIRST + "What is the price?"),
            answer="Full Price: 1350.0<|end|>",
            drawings=(Drawing(width=150, height=100, seed=10),),
            num_crops=6,
        ),
        Case(
            name="portrait_c6",
            prompt=_chat(_FIRST + "What category is this coat in, and what is the full price of it?"),
            answer="COATS, 80.5<|end|>",
            drawings=(Drawing(width=100, height=160, seed=11),),
            num_crops=6,
        ),
        Case(
            name="many_c16",
            prompt=_chat(_FIRST + "Count the coats."),
            answer="There are 12 of them.<|end|>",
            drawings=(Drawing(width=200, height=150, seed=12),),
            num_crops=16,
        ),
        Case(
            name="text_only",
            prompt="<|system|>\nBe brief.<|end|>\n" + _chat("What costs 20.5, and what\n\n does 7?"),
            answer="A hat.<|end|>",
            num_crops=4,
        ),
        Case(
            name="marks_in_text",
            prompt="<|user|>\nOne<|endoftext|>Two</s>  Three<|image|> Four <unk> 五<|end|>\n<|assistant|>\n",
            answer="Five<|endoftext|>",
            num_crops=4,
        ),
        Case(
            name="text_1024",
            prompt=_chat("Repeat: {digits}"),
            answer="Yes 8<|end|>",
            num_crops=4,
            filled_to=1024,
        ),
        Case(
            name="text_1025",
            prompt=_chat("Repeat: {digits}"),
            answer="Yes 8<|end|>",
            num_crops=4,
            filled_to=1025,
        ),
        Case(
            name="crossing_c4",
            prompt=_chat(_FIRST + "Is one of these on it? {digits}"),
            answer="No 6<|end|>",
            drawings=(Drawing(width=97, height=96, seed=13),),
            num_crops=4,
            filled_to=1023,
        ),
    ),
    "phi-3": (
        Case(
            name="empty_crops_c3",
            prompt=_chat(_FIRST + "What is shown in this image?"),
            answer="Product: Blue Hat, Category: HATS, Full Price: 35.0<|end|>",
            drawings=(Drawing(width=140, height=100, seed=21),),
            num_crops=3,
        ),
        Case(
            name="two_c3",
            prompt=_chat("<|image_1|>\n<|image_2|>\nCompare the two."),
            answer="The first.<|end|>",
            drawings=(Drawing(width=140, height=90, seed=22), Drawing(width=100, height=310, seed=23)),
            num_crops=3,
        ),
        Case(
            name="portrait_c9",
            prompt=_chat(_FIRST + "How many?"),
            answer="4 or 5<|end|>",
            drawings=(Drawing(width=64, height=100, seed=24, mode="RGBA"),),
            num_crops=9,
        ),
        Case(
            name="text_only",
            prompt=_chat("What costs 20.5?"),
            answer="A hat.<|end|>",
            num_crops=3,
        ),
    ),
}

BATCHES: dict[str, dict[str, tuple[str, ...]]] = {
    "phi-3.5": {
        "grids_c4": ("wide_c4", "two_c4", "text_only", "tall_c4", "square_c4"),
        "crops_c1": ("speck_c1", "modes_c1"),
        "long_c6": ("landscape_c6", "portrait_c6"),
    },
    "phi-3": {"short_c3": ("text_only", "empty_crops_c3")},
}
"""All rows of a batch are on the same side of the switch, also when padded: the published code has one for all rows."""

SIZES = tuple(
    (width, height, num_crops)
    for width, height in (
        *((1, 1), (20, 31), (31, 20), (337, 335), (64, 64), (100, 400), (401, 100), (90, 30), (91, 30), (89, 30)),
        *((333, 1000), (1000, 667), (127, 95), (16, 9), (9, 16), (211, 300), (500, 501), (60, 59)),
    )
    for num_crops in (1, 2, 4, 5, 6, 9, 16)
)
"""Width, height and num_crops of which only the padded size and the number of image tokens are kept."""
