"""The built-in tiny model and its tokenizer: the published architecture at a thousandth of its size, for CPUs and
tests.

The model has every part of the published one, only smaller: crops of 112 px (8 x 8 patches, so 16 vectors), a tower
whose last layer is not run, fused projections, long-rope lists. The weights are random; the model is meant to be
trained from scratch in minutes.

The tokenizer is byte-level BPE whose merges contain the words of a clothes shop. Any Unicode text is encoded and comes
back unchanged. Digits are tokens of their own and the special tokens have the published names, so prompts and prices
look the same to the tiny model and to the published one. A typical answer is about 20 tokens. It is built from the word
lists below and nothing else, and is committed as tiny_tokenizer.json. To build it again:

    python -m finetune.phi3v.tiny
"""

from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.processing import Phi3VProcessor

TINY_TOKENIZER = Path(__file__).with_name("tiny_tokenizer.json")

VOCABULARY_SIZE = 2048
"""Rows of the tiny model's embedding; the tokenizer has slightly fewer tokens (every listed word is one token)."""

HEAD_PAIRS = 16
"""Rotary pairs of a head of 32."""

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>")
"""Ids 0 to 7, the first three as in the published tokenizer."""

STRIPS_WHITE_SPACE = frozenset({"</s>", "<|assistant|>"})
"""Tokens that include the white space to their right, as in the published tokenizer."""

PIECES = Regex(r" ?\p{L}[\p{L}\p{M}'\u2019-]*:?|\p{N}| ?[^\s\p{L}\p{N}]+|\s")
"""Merges never cross these: a word with its leading space, a digit, a run of signs, one white space."""

COLOURS = """black white ivory cream ecru beige sand stone taupe camel honey tan cognac brown chestnut chocolate mocha
coffee grey charcoal slate silver pewter graphite navy blue indigo cobalt royal sky azure teal turquoise petrol green
olive moss sage khaki emerald forest bottle mint lime yellow mustard gold amber orange rust copper bronze terracotta
coral peach salmon pink rose blush fuchsia magenta red scarlet crimson burgundy oxblood wine plum purple violet lilac
lavender chalk pale dark light bright deep soft multicolour"""

MATERIALS = """cotton linen wool merino cashmere mohair alpaca silk satin velvet corduroy denim canvas twill gabardine
flannel tweed jersey fleece nylon polyester viscose lyocell modal leather suede shearling patent rubber straw raffia
acetate glass metal steel ceramic lace tulle chiffon organza crepe poplin oxford chambray seersucker jacquard knit
blend stretch organic recycled
technical waterproof coated waxed washed brushed"""

PATTERNS = """check checked plaid tartan houndstooth herringbone argyle stripe stripes striped pinstripe dots dot
polka floral flower print printed graphic logo monogram camouflage animal leopard zebra paisley geometric abstract
tie-dye colour-block embroidered embellished beaded sequin pleated quilted channel-quilted check-lined ribbed rib
cable cable-knit textured perforated studded fringed distressed plain solid diamond"""

GARMENTS = """coat coats jacket jackets trench parka parkas anorak raincoat blazer blazers gilet gilets vest vests
puffer puffers bomber cardigan cardigans sweater sweaters pullover jumper hoodie sweatshirt sweatshirts turtleneck
shirt shirts blouse blouses top tops t-shirt t-shirts tee tank polo polos tunic dress dresses gown jumpsuit skirt
skirts trousers pants jeans chinos leggings joggers shorts suit suits tuxedo swimsuit bikini trunks swimwear underwear
bra briefs boxers socks tights pyjamas robe nightwear lingerie scarf scarves shawl stole hat hats cap caps beanie
beret glove gloves mittens belt belts tie ties bow bag bags tote totes backpack backpacks handbag clutch satchel
crossbody messenger duffle briefcase pouch wallet wallets purse card case cases holder keyring charm charms shoe shoes
sneaker sneakers trainers boot boots ankle loafer loafers derby brogues moccasins sandal sandals slides mules pumps
heels flats ballerinas espadrilles slippers sunglasses glasses watch watches jewellery ring rings necklace bracelet
earrings brooch pendant umbrella fragrance perfume parfum cologne eau de toilette candle
blanket cushion towel outerwear knitwear tailoring denimwear activewear sportswear accessories"""

WORDS_OF_FIT = """cropped regular long short mini midi maxi slim skinny relaxed loose fit fitted oversized tailored
straight wide leg flared tapered high low mid rise waist neck crew-neck v-neck collar collared sleeve sleeved
sleeveless long-sleeve short-sleeve button zip zipped belted double-breasted single-breasted hooded padded lined
reversible strap shoulder bucket baseball lace-up slip-on platform chunky pointed round square small medium large
extra one size set pack pair classic vintage modern heritage icon essential signature premium light lightweight heavy
warm winter summer spring autumn sport running training travel city evening day night men man mens women woman womens
boy boys girl girls kids child children baby unisex with and in for the of detail trim panel pocket pockets hem cuff
hood chain hardware new sale view all gift gifts car tops other home beauty"""

SENTENCES = (
    "What is shown in this image?",
    "Product: , Category: , Full Price: .0",
    "Product: , Category: , Full Price: .5",
    "Product: Cropped Quilted Nylon Jacket, Category: QUILTED JACKETS, Full Price: 1350.0",
    "Describe this picture. Which one costs more? The first one. The second one. Yes. No.",
)
"""Repeated so often that each of their words becomes one token."""


def tiny_config() -> Phi3VConfig:
    """Return the configuration of the tiny model, about 1.4 million parameters."""
    return Phi3VConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0 + 2.0 * pair / HEAD_PAIRS for pair in range(HEAD_PAIRS)],
            "long_factor": [1.0 + 4.0 * pair for pair in range(HEAD_PAIRS)],
        },
        sliding_window=131072,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        vision_config={
            "hidden_size": 96,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": 112,
            "patch_size": 14,
            "projection_dim": 64,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
        },
    )


def tiny_processor(config: Phi3VConfig | None = None, num_crops: int = 1) -> Phi3VProcessor:
    """Return the tiny model's tokenizer with tiles of the configuration's size; by default that of the tiny model.

    With `full_size_config()` it fits an untrained full-size model.
    """
    config = config or tiny_config()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(TINY_TOKENIZER), bos_token="<s>", eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    return Phi3VProcessor(tokenizer, num_crops=num_crops, tile_px=config.tile_px, lines_per_tile=config.lines_per_tile)


def build_tokenizer() -> Tokenizer:
    """Train the tokenizer on the lists above; the result is the same for one version of the tokenizers library."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_iterate_corpus(), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(token, rstrip=token in STRIPS_WHITE_SPACE, normalized=False) for token in SPECIAL_TOKENS]
    )
    start = "<s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, SPECIAL_TOKENS.index(start))]
    )
    return tokenizer


def _iterate_corpus() -> Iterator[str]:
    """Yield each word as in a title and in a category; longer words more often, because they need more merges."""
    for sentence in SENTENCES:
        yield from [sentence] * 50
    words = dict.fromkeys(f"{COLOURS} {MATERIALS} {PATTERNS} {WORDS_OF_FIT} {GARMENTS}".split())
    garments = set(GARMENTS.split())
    for word in words:
        yield from [f" {word.capitalize()}"] * len(word)
        if word in garments:
            yield from [f" {word.upper()}"] * len(word)


if __name__ == "__main__":
    build_tokenizer().save(str(TINY_TOKENIZER))
