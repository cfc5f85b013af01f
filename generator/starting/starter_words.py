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
        materials=("gabardine", "cotton", "leather", "twill"),
        leaf=("TRENCH COATS", "TRENCH COATS", "TRENCHCOATS", "TRENCHS", "トレンチコート", "TRENCH COATS"),
    ),
    "coat": Goods(
        group="outerwear",
        usual_usd=210,
        materials=("wool", "cotton", "cashmere", "boucle"),
        leaf=("COATS", "COATS", "MÄNTEL", "MANTEAUX", "コート", "OVERCOATS"),
    ),
    "car-coat": Goods(
        group="outerwear",
        usual_usd=190,
        materials=("cotton", "wool", "gabardine"),
        leaf=("CAR COATS", "CAR COATS", "KURZMÄNTEL", "MANTEAUX TROIS-QUARTS", "カーコート", "CAR COATS"),
    ),
    "duffle-coat": Goods(
        group="outerwear",
        usual_usd=200,
        materials=("wool",),
        leaf=("DUFFLE COATS", "DUFFLE COATS", "DUFFLECOATS", "DUFFLE-COATS", "ダッフルコート", "DUFFLE COATS"),
    ),
    "cape": Goods(
        group="outerwear",
        usual_usd=170,
        materials=("wool", "knit"),
        leaf=("CAPES", "CAPES", "UMHÄNGE", "CAPES", "ケープ", "CAPES"),
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
    "gilet": Goods(
        group="outerwear",
        usual_usd=95,
        materials=("nylon", "cotton"),
        leaf=("VESTS", "GILETS", "STEPPWESTEN", "GILETS", "ダウンベスト", "SLEEVELESS JACKETS"),
    ),
    "bomber-jacket": Goods(
        group="outerwear",
        usual_usd=130,
        materials=("nylon", "suede", "leather", "shearling"),
        leaf=("BOMBER JACKETS", "BOMBER JACKETS", "BLOUSONS", "BLOUSONS", "ブルゾン", "BOMBER JACKETS"),
    ),
    "blazer": Goods(
        group="clothing",
        usual_usd=150,
        materials=("wool", "cotton", "linen", "velvet"),
        leaf=("BLAZERS", "BLAZERS", "SAKKOS", "VESTES DE COSTUME", "テーラードジャケット", "BLAZERS"),
    ),
    "sweater": Goods(
        group="clothing",
        usual_usd=85,
        materials=("knit", "wool", "cotton", "cashmere", "cable-knit", "rib-knit"),
        leaf=("SWEATERS", "JUMPERS", "PULLOVER", "PULLS", "セーター", "SWEATERS"),
    ),
    "cardigan": Goods(
        group="clothing",
        usual_usd=90,
        materials=("knit", "wool", "cashmere", "cable-knit"),
        leaf=("CARDIGANS", "CARDIGANS", "STRICKJACKEN", "GILETS EN MAILLE", "カーディガン", "CARDIGANS"),
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
        materials=("cotton", "denim", "silk", "linen"),
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
        materials=("cotton", "silk", "jersey", "satin", "linen"),
        leaf=("DRESSES", "DRESSES", "KLEIDER", "ROBES", "ワンピース", "DRESSES"),
    ),
    "skirt": Goods(
        group="clothing",
        usual_usd=60,
        materials=("cotton", "denim", "wool", "satin", "corduroy"),
        leaf=("SKIRTS", "SKIRTS", "RÖCKE", "JUPES", "スカート", "SKIRTS"),
    ),
    "trousers": Goods(
        group="clothing",
        usual_usd=70,
        materials=("cotton", "denim", "wool", "linen", "corduroy"),
        leaf=("PANTS", "TROUSERS", "HOSEN", "PANTALONS", "パンツ", "TROUSERS"),
    ),
    "jeans": Goods(
        group="clothing",
        usual_usd=75,
        materials=("denim",),
        leaf=("JEANS", "JEANS", "JEANS", "JEANS", "ジーンズ", "JEANS"),
    ),
    "shorts": Goods(
        group="clothing",
        usual_usd=40,
        materials=("cotton", "nylon"),
        leaf=("SHORTS", "SHORTS", "SHORTS", "SHORTS", "ショートパンツ", "SHORTS"),
    ),
    "swimsuit": Goods(
        group="clothing",
        usual_usd=60,
        materials=("nylon",),
        leaf=("SWIMSUITS", "SWIMSUITS", "BADEANZÜGE", "MAILLOTS DE BAIN", "水着", "SWIMSUITS"),
    ),
    "swim-shorts": Goods(
        group="clothing",
        usual_usd=40,
        materials=("nylon", "cotton"),
        leaf=("SWIM TRUNKS", "SWIM SHORTS", "BADEHOSEN", "SHORTS DE BAIN", "スイムパンツ", "SWIM SHORTS"),
    ),
    "tote-bag": Goods(
        group="bags",
        usual_usd=120,
        materials=("canvas", "leather", "grained-leather"),
        leaf=("TOTE BAGS", "TOTE BAGS", "SHOPPER", "CABAS", "トートバッグ", "TOTE BAGS"),
    ),
    "shoulder-bag": Goods(
        group="bags",
        usual_usd=140,
        materials=("leather", "suede", "grained-leather", "exotic-leather"),
        leaf=("SHOULDER BAGS", "SHOULDER BAGS", "UMHÄNGETASCHEN", "SACS BANDOULIÈRE", "ショルダーバッグ", "SLING BAGS"),
    ),
    "crossbody-bag": Goods(
        group="bags",
        usual_usd=120,
        materials=("leather", "nylon", "canvas", "grained-leather"),
        leaf=(
            *("CROSSBODY BAGS", "CROSS-BODY BAGS", "CROSSBODY-TASCHEN", "SACS CROISÉS", "クロスボディバッグ"),
            "CROSSBODY BAGS",
        ),
    ),
    "clutch": Goods(
        group="bags",
        usual_usd=85,
        materials=("leather", "silk", "suede", "satin", "patent-leather"),
        leaf=("CLUTCHES", "CLUTCH BAGS", "CLUTCHES", "POCHETTES", "クラッチバッグ", "CLUTCHES"),
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
    "loafer": Goods(
        group="shoes",
        usual_usd=130,
        materials=("leather", "suede", "patent-leather"),
        leaf=("LOAFERS", "LOAFERS", "LOAFER", "MOCASSINS", "ローファー", "LOAFERS"),
    ),
    "pump": Goods(
        group="shoes",
        usual_usd=110,
        materials=("leather", "suede", "patent-leather", "satin"),
        leaf=("PUMPS", "COURT SHOES", "PUMPS", "ESCARPINS", "パンプス", "PUMPS"),
    ),
    "sandal": Goods(
        group="shoes",
        usual_usd=75,
        materials=("leather", "suede"),
        leaf=("SANDALS", "SANDALS", "SANDALEN", "SANDALES", "サンダル", "SANDALS"),
    ),
    "wallet": Goods(
        group="accessories",
        usual_usd=55,
        materials=("leather", "canvas", "grained-leather", "exotic-leather"),
        leaf=("WALLETS", "WALLETS", "GELDBÖRSEN", "PORTEFEUILLES", "財布", "WALLETS"),
    ),
    "card-case": Goods(
        group="accessories",
        usual_usd=40,
        materials=("leather", "canvas", "grained-leather"),
        leaf=("CARD CASES", "CARD HOLDERS", "KARTENETUIS", "PORTE-CARTES", "カードケース", "CARD HOLDERS"),
    ),
    "belt": Goods(
        group="accessories",
        usual_usd=40,
        materials=("leather", "suede", "grained-leather"),
        leaf=("BELTS", "BELTS", "GÜRTEL", "CEINTURES", "ベルト", "BELTS"),
    ),
    "watch": Goods(
        group="accessories",
        usual_usd=180,
        materials=("leather", "nylon", "metal"),
        leaf=("WATCHES", "WATCHES", "ARMBANDUHREN", "MONTRES", "腕時計", "WATCHES"),
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
        materials=("wool", "silk", "cotton", "cashmere"),
        leaf=("SCARVES", "SCARVES", "SCHALS", "ÉCHARPES", "マフラー", "MUFFLERS"),
    ),
    "gloves": Goods(
        group="accessories",
        usual_usd=45,
        materials=("leather", "wool", "knit", "cashmere"),
        leaf=("GLOVES", "GLOVES", "HANDSCHUHE", "GANTS", "手袋", "GLOVES"),
    ),
    "tie": Goods(
        group="accessories",
        usual_usd=40,
        materials=("silk", "wool", "cotton"),
        leaf=("NECKTIES", "TIES", "KRAWATTEN", "CRAVATES", "ネクタイ", "TIES"),
    ),
    "cap": Goods(
        group="accessories",
        usual_usd=28,
        materials=("cotton", "nylon"),
        leaf=("CAPS", "CAPS", "KAPPEN", "CASQUETTES", "キャップ", "CAPS"),
    ),
    "beanie": Goods(
        group="accessories",
        usual_usd=25,
        materials=("knit", "wool", "cashmere", "rib-knit"),
        leaf=("BEANIES", "BEANIES", "BEANIES", "BONNETS", "ニット帽", "BEANIES"),
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
        materials=("cotton", "wool", "silk", "velvet", "linen"),
        leaf=("THROW PILLOWS", "CUSHIONS", "KISSEN", "COUSSINS", "クッション", "CUSHIONS"),
    ),
    "throw": Goods(
        group="textiles",
        usual_usd=75,
        materials=("wool", "knit", "cotton", "cashmere"),
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
