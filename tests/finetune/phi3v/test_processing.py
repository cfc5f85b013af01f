"""Batches from texts and images: image positions, padding, and answers whose special tokens are plain text."""

import json
import pickle

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import PreTrainedTokenizerFast

from finetune.phi3v.processing import Phi3VProcessor, pad_rows
from finetune.phi3v.tiny import tiny_processor
from schemas.errors import ToileError
from tests.finetune.phi3v.test_tiling import make_image

PROMPT = "<|user|>\n<|image_1|>\nWhat is shown in this image?<|end|>\n<|assistant|>\n"
TINY = tiny_processor()


def llama_style_tokenizer() -> PreTrainedTokenizerFast:
    """A Llama tokenizer like the published one, with few merges: byte fallback, a space before every piece of text.

    What is special about the published one is switched on: `</s>` is not marked special, and it and `<|assistant|>`
    swallow white space to their right.
    """
    special = ["<|endoftext|>", "<|assistant|>", "<|end|>", "<|user|>"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += ["▁", *"Product:acegtis</|>end", "Pr", "od", "▁Pr", "▁Prod", "</", "<|"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    merges = [("P", "r"), ("o", "d"), ("▁", "Pr"), ("▁Pr", "od"), ("<", "/"), ("<", "|")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", *(AddedToken(token, rstrip="ass" in token) for token in special)])
    tokenizer.add_tokens([AddedToken("</s>", rstrip=True, normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )


PUBLISHED_KIND = Phi3VProcessor(llama_style_tokenizer(), num_crops=1)
PROCESSORS = {"tiny": TINY, "published kind": PUBLISHED_KIND}
NASTY = st.lists(
    st.sampled_from(["<|end|>", "</s>", "<s>", "<unk>", "<|image_1|>", "<|assistant|>", "<|endoftext|>", " ", "1", "é"])
    | st.text(max_size=6)
).map("".join)


def special_ids(processor: Phi3VProcessor) -> set[int]:
    """Ids of every token that the tokenizer treats as one."""
    document = json.loads(processor.tokenizer.backend_tokenizer.to_str())
    return {token["id"] for token in document["added_tokens"]}


@pytest.mark.parametrize("kind", PROCESSORS)
@given(text=NASTY)
@example(text="Trench <|end|> Coat</s> <|image_1|>")
@example(text="")
def test_encode_plain_round_trip_without_special_ids(kind: str, text: str) -> None:
    processor = PROCESSORS[kind]
    assume(kind == "tiny" or "▁" not in text)  # Llama's kind writes spaces as this sign
    ids = processor.encode_plain(text)
    assert processor.decode(ids) == text
    assert not special_ids(processor) & set(ids)


@pytest.mark.parametrize("kind", PROCESSORS)
@given(text=st.text() | st.just("Product: 1350.0"))
def test_encode_plain_continues_the_prompt(kind: str, text: str) -> None:
    processor = PROCESSORS[kind]
    assume(text[:1].strip() and "<" not in text)
    prompt = processor.tokenize(PROMPT, [3])
    assert processor.tokenize(PROMPT + text, [3]) == prompt + processor.encode_plain(text)


def test_special_tokens_in_prompt_are_special_ids() -> None:
    assert set(TINY.stop_token_ids) == {6, 3}
    ids = TINY.tokenize("<|user|>\nHi<|end|>\n<|assistant|>\n")
    assert ids[:2] == [1, 7]
    assert ids[-1] == 4
    assert 6 in ids


def test_each_text_piece_starts_with_bos() -> None:
    ids = TINY.tokenize("<|user|>\n<|image_1|>\n<|image_2|>\nBoth?<|end|>\n", [2, 3])
    newline = TINY.encode_plain("\n")
    question = TINY.tokenize("\nBoth?<|end|>\n")
    assert ids == [1, 7, *newline, -1, -1, 1, *newline, -2, -2, -2, *question]
    assert TINY.tokenize("<|image_1|>", [2]) == [1, -1, -1, 1]


def test_batch_has_one_position_per_image_vector() -> None:
    images = [make_image(seed=seed) for seed in range(3)]
    texts = [PROMPT, "<|user|>\nHi<|end|>\n", "<|image_1|>\n<|image_2|>"]
    batch = TINY(texts, [images[:1], [], images[1:]])
    assert batch["pixel_values"].shape == (3, 2, 3, 112, 112)
    assert batch["image_sizes"].tolist() == [[112, 112]] * 3
    assert [(batch["input_ids"][row] < 0).sum().item() for row in range(3)] == [41, 0, 82]
    assert sorted(set(batch["input_ids"][2].tolist()))[:2] == [-2, -1]


def test_text_only_batch_has_no_pixels() -> None:
    assert set(TINY(["Hi"], [[]])) == {"input_ids", "attention_mask"}


def test_padding_is_masked_on_both_sides() -> None:
    texts = ["Hi", "Hello there"]
    right, left = TINY(texts, [[], []]), TINY(texts, [[], []], padding_side="left")
    short = TINY.tokenize("Hi")
    pad = [TINY.pad_token_id] * (right["input_ids"].shape[1] - len(short))
    assert pad
    assert right["input_ids"][0].tolist() == short + pad
    assert left["input_ids"][0].tolist() == pad + short
    assert right["attention_mask"][0].tolist() == [1] * len(short) + [0] * len(pad)
    assert left["attention_mask"][0].tolist() == [0] * len(pad) + [1] * len(short)


def test_loader_steps_equal_one_call() -> None:
    images = [make_image(seed=seed) for seed in range(2)]
    whole = TINY([PROMPT, PROMPT + "A"], [[image] for image in images], padding_side="left")
    tiles = [pickle.loads(pickle.dumps(TINY)).tile(image) for image in images]
    rows = [TINY.tokenize(text, [tile.num_tokens]) for text, tile in zip([PROMPT, PROMPT + "A"], tiles, strict=True)]
    steps = TINY.collate(rows, tiles, padding_side="left")
    assert whole.keys() == steps.keys()
    assert all(torch.equal(whole[name], steps[name]) for name in whole)


def test_number_of_crops_can_be_set() -> None:
    processor = tiny_processor()
    processor.num_crops = 4
    batch = processor([PROMPT], [[make_image(50, 50)]])
    assert batch["pixel_values"].shape[1] == 5
    assert (batch["input_ids"] < 0).sum() == (4 + 1) * 16 + 1 + 3 * 4


def test_labels_are_padded_like_ids() -> None:
    assert pad_rows([[5], [6, 7]], fill=-100, padding_side="right").tolist() == [[5, -100], [6, 7]]


def test_decode_stops_at_end_and_skips_images() -> None:
    answer = TINY.encode_plain("Product: Bag")
    assert TINY.decode([-1, -1, *answer, TINY.stop_token_ids[0], *answer]) == "Product: Bag"


@pytest.mark.parametrize(
    ("text", "num_images", "problem"),
    [
        ("no place", 1, "has no placeholder for 1 images"),
        (PROMPT, 0, r"has <\|image_1\|> for 0 images"),
        ("<|image_2|><|image_1|>", 2, r"has <\|image_2\|>, <\|image_1\|> for 2 images"),
        ("<|image_1|><|image_1|>", 2, r"has <\|image_1\|>, <\|image_1\|> for 2 images"),
        ("<|image_1|><|image_3|>", 2, r"has <\|image_1\|>, <\|image_3\|> for 2 images"),
    ],
)
def test_placeholders_must_match_images(text: str, num_images: int, problem: str) -> None:
    with pytest.raises(ToileError, match=problem) as caught:
        TINY([text], [[Image.new("RGB", (9, 9))] * num_images])
    assert "in the order of the images" in caught.value.hint


def test_single_string_is_refused() -> None:
    with pytest.raises(ToileError, match="3 characters or rows for 1 lists") as caught:
        TINY("abc", [[]])
    assert "Give a list of texts" in caught.value.hint


def test_unknown_padding_side_is_refused() -> None:
    with pytest.raises(ToileError, match="padding_side: is 'middle'"):
        TINY(["Hi"], [[]], padding_side="middle")


def test_images_of_a_batch_need_same_num_crops() -> None:
    processor = tiny_processor()
    one = processor.tile(make_image())
    processor.num_crops = 2
    two = processor.tile(make_image())
    rows = [processor.tokenize(PROMPT, [image.num_tokens]) for image in (one, two)]
    with pytest.raises(ToileError, match=r"have \(2, 3, 112, 112\) and \(3, 3, 112, 112\)") as caught:
        processor.collate(rows, [one, two])
    assert "num_crops" in caught.value.hint
