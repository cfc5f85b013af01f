"""The tokenizer of the built-in tiny model: byte-level BPE whose merges know the words of a clothes shop.

Any Unicode text goes through it and comes back unchanged. Digits are tokens of their own and the special tokens bear
the published names, so prompts and prices look the same to the tiny model and to the published one; a typical answer
is about 20 tokens. It is made from the word lists below and nothing else, and it is committed beside this file. To
make it again:

    python -m finetune.phi3v.tiny_tokenizer
"""

from collections.abc import Iterator

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from finetune.phi3v.tiny import TINY_TOKENIZER, VOCABULARY_SIZE

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>")
"""Ids 0 to 7, the first three as in the published tokenizer."""

SWALLOWS_WHITE_SPACE = frozenset({"</s>", "<|assistant|>"})
"""These take the white space to their right along, as in the published tokenizer."""

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
"""Wording around the words; repeated so often that each of its words becomes one token."""


def build() -> Tokenizer:
    """The tokenizer from the lists above; always the same for one version of the tokenizers library."""
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
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(token, rstrip=token in SWALLOWS_WHITE_SPACE, normalized=False) for token in SPECIAL_TOKENS]
    )
    start = "<s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, SPECIAL_TOKENS.index(start))]
    )
    return tokenizer


def _corpus() -> Iterator[str]:
    """Each word as it stands in a title and in a category; longer words more often, for they need more merges."""
    for sentence in SENTENCES:
        yield from [sentence] * 50
    words = dict.fromkeys(f"{COLOURS} {MATERIALS} {PATTERNS} {WORDS_OF_FIT} {GARMENTS}".split())
    garments = set(GARMENTS.split())
    for word in words:
        yield from [f" {word.capitalize()}"] * len(word)
        if word in garments:
            yield from [f" {word.upper()}"] * len(word)


if __name__ == "__main__":
    build().save(str(TINY_TOKENIZER))
