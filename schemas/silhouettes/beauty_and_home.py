"""Perfume, make-up, candles, textiles and crockery."""

from schemas.silhouettes.record import CLOTH, Silhouette

BEAUTY_AND_HOME = (
    Silhouette(
        name="perfume-bottle",
        shows=frozenset({"pattern", "size", "hardware"}),
        nouns=("Perfume", "Perfume", "Parfümflakon", "Flacon de parfum", "香水", "Perfume"),
        group="fragrance",
        leaf=("PERFUMES", "PERFUMES", "PARFÜMS", "PARFUMS", "香水", "PERFUMES"),
        leaf_words=r"perfume|fragrance|parf[uü]m|cologne|duft|d[uü]fte|profum|scent|香水|フレグランス",
        tried=190,
        usual_usd=80,
        materials=("glass",),
    ),
    Silhouette(
        name="lipstick",
        shows=frozenset({"pattern", "size", "hardware"}),
        nouns=("Lipstick", "Lipstick", "Lippenstift", "Rouge à lèvres", "口紅", "Lipstick"),
        group="make-up",
        leaf=("LIPSTICKS", "LIPSTICKS", "LIPPENSTIFTE", "ROUGES À LÈVRES", "口紅", "LIPSTICKS"),
        leaf_words=(
            r"lip ?stick|\blips?\b|make-?up|beauty|cosmetic|foundation|lippenstift|rouges? [aà] l[eè]vres|maquillage"
            r"|口紅|面部"
        ),
        tried=180,
        usual_usd=22,
        materials=("acetate",),
    ),
    Silhouette(
        name="candle",
        shows=CLOTH | {"hardware"},
        nouns=("Jar Candle", "Jar Candle", "Kerze mit Gefäß", "Bougie avec pot", "キャンドル", "Jar Candle"),
        group="decoration",
        leaf=("CANDLES", "CANDLES", "KERZEN", "BOUGIES", "キャンドル", "CANDLES"),
        leaf_words=r"candle|kerze|bougie|candel|キャンドル",
        tried=200,
        usual_usd=32,
        materials=("glass", "ceramic"),
    ),
    Silhouette(
        name="cushion",
        shows=CLOTH | {"quilting"},
        nouns=("Throw Pillow", "Cushion", "Kissen", "Coussin", "クッション", "Cushion"),
        group="textiles",
        leaf=("THROW PILLOWS", "CUSHIONS", "KISSEN", "COUSSINS", "クッション", "CUSHIONS"),
        leaf_words=r"cushion|pillow|kissen|coussin|cuscin|クッション",
        tried=210,
        usual_usd=38,
        materials=("cotton", "wool", "silk", "velvet", "linen"),
    ),
    Silhouette(
        name="throw",
        shows=CLOTH | {"lining"},
        nouns=("Throw Blanket", "Throw", "Wohndecke", "Plaid", "ブランケット", "Throw"),
        group="textiles",
        leaf=("THROWS", "THROWS", "DECKEN", "PLAIDS", "ブランケット", "THROWS"),
        leaf_words=(
            r"throw|blanket|duvet|comforter|bedding|sheet|towel|rug\b|decke|plaid|couverture|coperta|ブランケット"
        ),
        tried=220,
        usual_usd=75,
        materials=("wool", "knit", "cotton", "cashmere"),
    ),
    Silhouette(
        name="vase",
        shows=CLOTH | {"hardware"},
        nouns=("Vase", "Vase", "Vase", "Vase", "花瓶", "Flower Vase"),
        group="decoration",
        leaf=("VASES", "VASES", "VASEN", "VASES", "花瓶", "VASES"),
        leaf_words=r"vase|decor|花瓶",
        tried=230,
        usual_usd=48,
        materials=("ceramic", "glass", "stoneware"),
    ),
    Silhouette(
        name="mug",
        shows=CLOTH | {"hardware", "lining"},
        nouns=("Mug", "Mug", "Becher", "Mug", "マグカップ", "Coffee Mug"),
        group="tableware",
        leaf=("MUGS", "MUGS", "BECHER", "MUGS", "マグカップ", "MUGS"),
        leaf_words=r"\bmugs?\b|\bcups?\b|tableware|dinner|kitchen|becher|geschirr|vaisselle|tazz|食器|マグ",
        tried=240,
        usual_usd=18,
        materials=("stoneware", "ceramic"),
    ),
)
