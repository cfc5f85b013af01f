"""What a starter spec knows of each silhouette: a usual price, usual materials, and its place in a shop's tree."""

from dataclasses import dataclass

from schemas.lexicon import MARKETS, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """One kind of thing in a shop of middling prices."""

    group: str
    """Second level of the tree; a key of GROUPS."""
    usual_usd: float
    """US dollars, in a shop that is neither cheap nor dear."""
    materials: tuple[str, ...]
    """Drawing words, the commonest first; the renderer wants one of what shows none, too."""
    leaf: Row
    """Third level of the tree, in each market."""


AREAS: dict[str, Row] = {
    "fashion": ("FASHION", "FASHION", "MODE", "MODE", "ファッション", "FASHION"),
    "beauty": ("BEAUTY", "BEAUTY", "PFLEGE", "BEAUTÉ", "ビューティー", "BEAUTY"),
    "home": ("HOME", "HOME", "WOHNEN", "MAISON", "インテリア", "HOME"),
}
GROUPS: dict[str, tuple[str, Row]] = {
    "outerwear": (
        "fashion",
        ("OUTERWEAR", "OUTERWEAR", "JACKEN & MÄNTEL", "MANTEAUX & VESTES", "アウター", "WINTER WEAR"),
    ),
    "clothing": ("fashion", ("CLOTHING", "CLOTHING", "BEKLEIDUNG", "VÊTEMENTS", "ウェア", "CLOTHING")),
    "bags": ("fashion", ("BAGS", "BAGS", "TASCHEN", "SACS", "バッグ", "BAGS")),
    "shoes": ("fashion", ("SHOES", "SHOES", "SCHUHE", "CHAUSSURES", "シューズ", "FOOTWEAR")),
    "accessories": (
        "fashion",
        ("ACCESSORIES", "ACCESSORIES", "ACCESSOIRES", "ACCESSOIRES", "アクセサリー", "ACCESSORIES"),
    ),
    "fragrance": ("beauty", ("FRAGRANCE", "FRAGRANCE", "DÜFTE", "PARFUMS", "フレグランス", "FRAGRANCES")),
    "make-up": ("beauty", ("MAKEUP", "MAKE-UP", "MAKE-UP", "MAQUILLAGE", "メイクアップ", "MAKEUP")),
    "decoration": ("home", ("DECOR", "HOME DECOR", "DEKORATION", "DÉCORATION", "デコレーション", "HOME DECOR")),
    "textiles": (
        "home",
        ("TEXTILES", "SOFT FURNISHINGS", "HEIMTEXTILIEN", "LINGE DE MAISON", "ファブリック", "FURNISHINGS"),
    ),
    "tableware": ("home", ("TABLEWARE", "TABLEWARE", "GESCHIRR", "VAISSELLE", "食器", "DINNERWARE")),
}
"""Group -> its area, and what it is called."""

GOODS: dict[str, Goods] = {
    "trench-coat": Goods(
        group="outerwear",
        usual_usd=230,
        materials=("gabardine", "cotton", "leather"),
        leaf=("TRENCH COATS", "TRENCH COATS", "TRENCHCOATS", "TRENCHS", "トレンチコート", "TRENCH COATS"),
    ),
    "coat": Goods(
        group="outerwear",
        usual_usd=210,
        materials=("wool", "cotton"),
        leaf=("COATS", "COATS", "MÄNTEL", "MANTEAUX", "コート", "OVERCOATS"),
    ),
    "quilted-jacket": Goods(
        group="outerwear",
        usual_usd=150,
        materials=("nylon", "cotton"),
        leaf=(
            "QUILTED JACKETS",
            "QUILTED JACKETS",
            "STEPPJACKEN",
            "VESTES",
            "キルティングジャケット",
            "QUILTED JACKETS",
        ),
    ),
    "puffer-jacket": Goods(
        group="outerwear",
        usual_usd=160,
        materials=("nylon",),
        leaf=("PUFFER JACKETS", "PUFFER JACKETS", "PUFFERJACKEN", "DOUDOUNES", "ダウンジャケット", "PUFFER JACKETS"),
    ),
    "sweater": Goods(
        group="clothing",
        usual_usd=85,
        materials=("knit", "wool", "cotton"),
        leaf=("SWEATERS", "JUMPERS", "PULLOVER", "PULLS", "セーター", "SWEATERS"),
    ),
    "hoodie": Goods(
        group="clothing",
        usual_usd=65,
        materials=("jersey", "cotton"),
        leaf=("HOODIES", "HOODIES", "HOODIES", "SWEATS", "パーカー", "HOODIES"),
    ),
    "shirt": Goods(
        group="clothing",
        usual_usd=60,
        materials=("cotton", "denim", "silk"),
        leaf=("SHIRTS", "SHIRTS", "HEMDEN", "CHEMISES", "シャツ", "SHIRTS"),
    ),
    "t-shirt": Goods(
        group="clothing",
        usual_usd=25,
        materials=("jersey", "cotton"),
        leaf=("T-SHIRTS", "T-SHIRTS", "T-SHIRTS", "T-SHIRTS", "Tシャツ", "T-SHIRTS"),
    ),
    "polo-shirt": Goods(
        group="clothing",
        usual_usd=45,
        materials=("cotton", "jersey"),
        leaf=("POLO SHIRTS", "POLO SHIRTS", "POLOSHIRTS", "POLOS", "ポロシャツ", "POLO T-SHIRTS"),
    ),
    "dress": Goods(
        group="clothing",
        usual_usd=95,
        materials=("cotton", "silk", "jersey"),
        leaf=("DRESSES", "DRESSES", "KLEIDER", "ROBES", "ワンピース", "DRESSES"),
    ),
    "skirt": Goods(
        group="clothing",
        usual_usd=60,
        materials=("cotton", "denim", "wool"),
        leaf=("SKIRTS", "SKIRTS", "RÖCKE", "JUPES", "スカート", "SKIRTS"),
    ),
    "trousers": Goods(
        group="clothing",
        usual_usd=70,
        materials=("cotton", "denim", "wool"),
        leaf=("PANTS", "TROUSERS", "HOSEN", "PANTALONS", "パンツ", "TROUSERS"),
    ),
    "shorts": Goods(
        group="clothing",
        usual_usd=40,
        materials=("cotton", "nylon"),
        leaf=("SHORTS", "SHORTS", "SHORTS", "SHORTS", "ショートパンツ", "SHORTS"),
    ),
    "tote-bag": Goods(
        group="bags",
        usual_usd=120,
        materials=("canvas", "leather"),
        leaf=("TOTE BAGS", "TOTE BAGS", "SHOPPER", "CABAS", "トートバッグ", "TOTE BAGS"),
    ),
    "shoulder-bag": Goods(
        group="bags",
        usual_usd=140,
        materials=("leather", "suede"),
        leaf=("SHOULDER BAGS", "SHOULDER BAGS", "UMHÄNGETASCHEN", "SACS BANDOULIÈRE", "ショルダーバッグ", "SLING BAGS"),
    ),
    "backpack": Goods(
        group="bags",
        usual_usd=75,
        materials=("nylon", "canvas"),
        leaf=("BACKPACKS", "RUCKSACKS", "RUCKSÄCKE", "SACS À DOS", "リュック", "BACKPACKS"),
    ),
    "sneaker": Goods(
        group="shoes",
        usual_usd=90,
        materials=("leather", "canvas", "suede"),
        leaf=("SNEAKERS", "TRAINERS", "SNEAKER", "BASKETS", "スニーカー", "SNEAKERS"),
    ),
    "boot": Goods(
        group="shoes",
        usual_usd=160,
        materials=("leather", "suede"),
        leaf=("BOOTS", "BOOTS", "STIEFEL", "BOTTES", "ブーツ", "BOOTS"),
    ),
    "wallet": Goods(
        group="accessories",
        usual_usd=55,
        materials=("leather", "canvas"),
        leaf=("WALLETS", "WALLETS", "GELDBÖRSEN", "PORTEFEUILLES", "財布", "WALLETS"),
    ),
    "belt": Goods(
        group="accessories",
        usual_usd=40,
        materials=("leather", "suede"),
        leaf=("BELTS", "BELTS", "GÜRTEL", "CEINTURES", "ベルト", "BELTS"),
    ),
    "sunglasses": Goods(
        group="accessories",
        usual_usd=110,
        materials=("acetate",),
        leaf=("SUNGLASSES", "SUNGLASSES", "SONNENBRILLEN", "LUNETTES DE SOLEIL", "サングラス", "SUNGLASSES"),
    ),
    "scarf": Goods(
        group="accessories",
        usual_usd=45,
        materials=("wool", "silk", "cotton"),
        leaf=("SCARVES", "SCARVES", "SCHALS", "ÉCHARPES", "マフラー", "MUFFLERS"),
    ),
    "cap": Goods(
        group="accessories",
        usual_usd=28,
        materials=("cotton", "nylon"),
        leaf=("CAPS", "CAPS", "KAPPEN", "CASQUETTES", "キャップ", "CAPS"),
    ),
    "bucket-hat": Goods(
        group="accessories",
        usual_usd=32,
        materials=("cotton", "nylon", "denim"),
        leaf=("BUCKET HATS", "BUCKET HATS", "FISCHERHÜTE", "BOBS", "バケットハット", "BUCKET HATS"),
    ),
    "perfume-bottle": Goods(
        group="fragrance",
        usual_usd=80,
        materials=("glass",),
        leaf=("PERFUMES", "PERFUMES", "PARFÜMS", "PARFUMS", "香水", "PERFUMES"),
    ),
    "lipstick": Goods(
        group="make-up",
        usual_usd=22,
        materials=("acetate",),
        leaf=("LIPSTICKS", "LIPSTICKS", "LIPPENSTIFTE", "ROUGES À LÈVRES", "口紅", "LIPSTICKS"),
    ),
    "candle": Goods(
        group="decoration",
        usual_usd=32,
        materials=("glass", "ceramic"),
        leaf=("CANDLES", "CANDLES", "KERZEN", "BOUGIES", "キャンドル", "CANDLES"),
    ),
    "cushion": Goods(
        group="textiles",
        usual_usd=38,
        materials=("cotton", "wool", "silk"),
        leaf=("THROW PILLOWS", "CUSHIONS", "KISSEN", "COUSSINS", "クッション", "CUSHIONS"),
    ),
    "throw": Goods(
        group="textiles",
        usual_usd=75,
        materials=("wool", "knit", "cotton"),
        leaf=("THROWS", "THROWS", "DECKEN", "PLAIDS", "ブランケット", "THROWS"),
    ),
    "vase": Goods(
        group="decoration",
        usual_usd=48,
        materials=("ceramic", "glass", "stoneware"),
        leaf=("VASES", "VASES", "VASEN", "VASES", "花瓶", "VASES"),
    ),
    "mug": Goods(
        group="tableware",
        usual_usd=18,
        materials=("stoneware", "ceramic"),
        leaf=("MUGS", "MUGS", "BECHER", "MUGS", "マグカップ", "MUGS"),
    ),
}
"""Silhouette -> what is usual."""


def tree_path(silhouette: str, market: str) -> tuple[str, str, str]:
    """Area, group and leaf of a silhouette in the market's language."""
    column = MARKETS.index(market)
    area, group = GROUPS[GOODS[silhouette].group]
    return AREAS[area][column], group[column], GOODS[silhouette].leaf[column]
