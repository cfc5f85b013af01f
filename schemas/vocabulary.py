"""What shops of six markets call the things that toile draws: one row a drawing word, one column a market.

Every entry stands in a title as it is: nothing is inflected, so nothing can be inflected wrongly. Where an adjective
would have to agree with its noun, the entry is a phrase that never changes ("aus Wolle", "en laine", "coloris noir"),
and Japanese words stand side by side without particles, as shops there write them.
"""

import functools

from schemas.row import MARKETS, Row
from schemas.silhouettes import RECORDS

NOUNS: dict[str, Row] = {name: each.nouns for name, each in RECORDS.items()}
"""Silhouette -> what it is called."""

_NONE: Row = ("", "", "", "", "", "")
WORDS: dict[tuple[str, str], Row] = {
    ("material", "gabardine"): ("Gabardine", "Gabardine", "aus Gabardine", "en gabardine", "ギャバジン", "Gabardine"),
    ("material", "cotton"): ("Cotton", "Cotton", "aus Baumwolle", "en coton", "コットン", "Pure Cotton"),
    ("material", "jersey"): ("Jersey", "Jersey", "aus Jersey", "en jersey", "ジャージー", "Jersey"),
    ("material", "denim"): ("Denim", "Denim", "aus Denim", "en denim", "デニム", "Denim"),
    ("material", "wool"): ("Wool", "Wool", "aus Wolle", "en laine", "ウール", "Woollen"),
    ("material", "knit"): ("Knit", "Knitted", "aus Strick", "en maille", "ニット", "Knitted"),
    ("material", "nylon"): ("Nylon", "Nylon", "aus Nylon", "en nylon", "ナイロン", "Nylon"),
    ("material", "leather"): ("Leather", "Leather", "aus Leder", "en cuir", "レザー", "Leather"),
    ("material", "suede"): ("Suede", "Suede", "aus Veloursleder", "en daim", "スエード", "Suede"),
    ("material", "silk"): ("Silk", "Silk", "aus Seide", "en soie", "シルク", "Silk"),
    ("material", "canvas"): ("Canvas", "Canvas", "aus Segeltuch", "en toile", "キャンバス", "Canvas"),
    ("material", "acetate"): ("Acetate", "Acetate", "aus Acetat", "en acétate", "アセテート", "Acetate"),
    ("material", "glass"): ("Glass", "Glass", "aus Glas", "en verre", "ガラス", "Glass"),
    ("material", "ceramic"): ("Ceramic", "Ceramic", "aus Keramik", "en céramique", "セラミック", "Ceramic"),
    ("material", "stoneware"): ("Stoneware", "Stoneware", "aus Steinzeug", "en grès", "ストーンウェア", "Stoneware"),
    ("material", "twill"): ("Twill", "Twill", "aus Köper", "en sergé", "ツイル", "Twill"),
    ("material", "linen"): ("Linen", "Linen", "aus Leinen", "en lin", "リネン", "Linen"),
    ("material", "corduroy"): ("Corduroy", "Corduroy", "aus Cord", "en velours côtelé", "コーデュロイ", "Corduroy"),
    ("material", "velvet"): ("Velvet", "Velvet", "aus Samt", "en velours", "ベルベット", "Velvet"),
    ("material", "cashmere"): ("Cashmere", "Cashmere", "aus Kaschmir", "en cachemire", "カシミヤ", "Cashmere"),
    ("material", "boucle"): ("Boucle", "Boucle", "aus Bouclé", "en laine bouclée", "ブークレ", "Boucle"),
    ("material", "shearling"): ("Shearling", "Shearling", "aus Lammfell", "en peau lainée", "シアリング", "Shearling"),
    ("material", "rib-knit"): ("Rib-Knit", "Ribbed", "aus Rippstrick", "en maille côtelée", "リブニット", "Ribbed"),
    ("material", "cable-knit"): (
        *("Cable-Knit", "Cable-Knit", "aus Zopfstrick", "en maille torsadée", "ケーブルニット"),
        "Cable-Knit",
    ),
    ("material", "satin"): ("Satin", "Satin", "aus Satin", "en satin", "サテン", "Satin"),
    ("material", "grained-leather"): (
        *("Grained Leather", "Grained Leather", "aus genarbtem Leder", "en cuir grainé", "シボ革"),
        "Grained Leather",
    ),
    ("material", "patent-leather"): (
        *("Patent Leather", "Patent Leather", "aus Lackleder", "en cuir verni", "エナメルレザー"),
        "Patent Leather",
    ),
    ("material", "exotic-leather"): (
        *("Croc-Effect Leather", "Croc-Effect Leather", "aus Leder in Krokooptik", "en cuir façon croco"),
        *("クロコ調レザー", "Croc-Effect Leather"),
    ),
    ("material", "metal"): ("Metal", "Metal", "aus Metall", "en métal", "メタル", "Metal"),
    ("pattern", "plain"): _NONE,
    ("pattern", "check"): ("Plaid", "Checked", "im Karomuster", "à carreaux", "チェック柄", "Checked"),
    ("pattern", "stripes"): ("Striped", "Striped", "im Streifenmuster", "à rayures", "ストライプ柄", "Striped"),
    ("pattern", "dots"): ("Polka Dot", "Spotted", "im Punktmuster", "à pois", "ドット柄", "Polka Dot"),
    ("pattern", "houndstooth"): (
        *("Houndstooth", "Dogtooth", "im Hahnentrittmuster", "à motif pied-de-poule", "千鳥格子"),
        "Houndstooth",
    ),
    ("pattern", "argyle"): ("Argyle", "Argyle", "im Rautenmuster", "à losanges", "アーガイル柄", "Argyle"),
    ("pattern", "floral"): ("Floral", "Floral", "im Blumenmuster", "à fleurs", "花柄", "Floral Print"),
    ("pattern", "camouflage"): ("Camo", "Camouflage", "im Tarnmuster", "à motif militaire", "迷彩柄", "Camouflage"),
    ("pattern", "tartan"): ("Tartan", "Tartan", "im Tartanmuster", "à carreaux écossais", "タータン柄", "Tartan"),
    ("pattern", "gingham"): ("Gingham", "Gingham", "im Vichykaro", "à carreaux vichy", "ギンガムチェック", "Gingham"),
    ("pattern", "windowpane"): (
        *("Windowpane", "Windowpane", "im Fensterkaro", "à carreaux fenêtre", "ウインドーペーン"),
        "Windowpane",
    ),
    ("pattern", "herringbone"): (
        *("Herringbone", "Herringbone", "im Fischgratmuster", "à chevrons", "ヘリンボーン"),
        "Herringbone",
    ),
    ("pattern", "pinstripe"): (
        *("Pinstripe", "Pinstriped", "mit Nadelstreifen", "à fines rayures", "ピンストライプ"),
        "Pinstriped",
    ),
    ("pattern", "leopard"): ("Leopard", "Leopard", "im Leopardenmuster", "à motif léopard", "ヒョウ柄", "Leopard"),
    ("pattern", "monogram"): ("Monogram", "Monogram", "im Monogrammmuster", "à monogramme", "モノグラム柄", "Monogram"),
    ("pattern", "print"): ("Printed", "Printed", "bedruckt", "imprimé", "プリント柄", "Printed"),
    ("pattern", "colour-block"): (
        *("Color-Block", "Colour-Block", "mit Farbblöcken", "à blocs de couleur", "カラーブロック"),
        "Colour-Block",
    ),
    ("size", "medium"): _NONE,
    ("size", "child"): ("Kids'", "Children's", "für Kinder", "pour enfant", "キッズ", "Kids"),
    ("size", "small"): ("Small", "Small", "im Kleinformat", "petit format", "スモール", "Small"),
    ("size", "large"): ("Large", "Large", "im Großformat", "grand format", "ラージ", "Large"),
    ("size/garment", "small"): ("Short", "Short", "kurz geschnitten", "coupe courte", "ショート丈", "Short"),
    ("size/garment", "large"): ("Long", "Long", "lang geschnitten", "coupe longue", "ロング丈", "Longline"),
    ("size/shoe", "small"): (
        *("Low-Top", "Low-Cut", "mit niedrigem Schaft", "tige basse", "ローカット"),
        "Low-Top",
    ),
    ("size/shoe", "large"): ("High-Top", "High-Cut", "mit hohem Schaft", "tige haute", "ハイカット", "High-Top"),
    ("hardware", "none"): _NONE,
    ("hardware", "silver"): (
        *("with Silver-Tone Details", "with Silver-Tone Details", "mit silberfarbenen Details"),
        *("avec détails argentés", "シルバーアクセント", "with Silver-Toned Detail"),
    ),
    ("hardware", "gold"): (
        *("with Gold-Tone Details", "with Gold-Tone Details", "mit goldfarbenen Details"),
        *("avec détails dorés", "ゴールドアクセント", "with Gold-Toned Detail"),
    ),
    ("lining", "none"): _NONE,
    ("lining", "plain"): (
        *("with Tonal Interior", "with Tonal Inside", "mit abgesetzter Innenseite"),
        *("avec intérieur contrasté", "配色インナー", "with Tonal Inside"),
    ),
    ("lining", "check"): (
        *("with Plaid Interior", "with Checked Inside", "mit karierter Innenseite"),
        *("avec intérieur à carreaux", "チェック柄インナー", "with Checked Inside"),
    ),
    ("lining/garment", "plain"): (
        *("with Lining", "with Lining", "mit Futter", "avec doublure", "裏地付き"),
        "with Lining",
    ),
    ("lining/garment", "check"): (
        *("with Plaid Lining", "with Check Lining", "mit kariertem Futter"),
        *("avec doublure à carreaux", "チェック柄裏地", "with Checked Lining"),
    ),
    ("quilting", "none"): _NONE,
    ("quilting", "diamond"): (
        *("Diamond-Quilted", "Diamond-Quilted", "mit Rautensteppung", "avec surpiqûres en losange", "ダイヤキルト"),
        "Diamond-Quilted",
    ),
    ("quilting", "channel"): (
        *("Channel-Quilted", "Channel-Quilted", "mit Quersteppung", "avec surpiqûres horizontales", "ラインキルト"),
        "Channel-Quilted",
    ),
    **{(cut, "any"): ("",) * 6 for cut in ("neckline", "sleeve", "closure", "heel", "strap", "fit")},
    **{("presentation", word): _NONE for word in ("any", "flat", "turned", "folded")},
    ("neckline", "round"): ("Crew Neck", "Crew Neck", "mit Rundhals", "à col rond", "クルーネック", "Round Neck"),
    ("neckline", "v"): ("V-Neck", "V-Neck", "mit V-Ausschnitt", "à col V", "Vネック", "V-Neck"),
    ("neckline", "roll"): ("Turtleneck", "Roll Neck", "mit Rollkragen", "à col roulé", "タートルネック", "Turtle Neck"),
    ("sleeve", "none"): ("Sleeveless", "Sleeveless", "ohne Ärmel", "sans manches", "ノースリーブ", "Sleeveless"),
    ("sleeve", "short"): (
        "Short-Sleeve",
        "Short-Sleeved",
        "mit kurzen Ärmeln",
        "à manches courtes",
        "半袖",
        "Half Sleeve",
    ),
    ("sleeve", "long"): (
        "Long-Sleeve",
        "Long-Sleeved",
        "mit langen Ärmeln",
        "à manches longues",
        "長袖",
        "Full Sleeve",
    ),
    ("closure", "open"): (
        "Open-Front",
        "Open-Front",
        "ohne Verschluss",
        "sans fermeture",
        "オープンフロント",
        "Open-Front",
    ),
    ("closure", "buttons"): ("Button-Front", "Buttoned", "mit Knöpfen", "à boutons", "ボタン", "Buttoned"),
    ("closure", "zip"): ("Zip-Up", "Zipped", "mit Reißverschluss", "zippé", "ジップ", "Zip-Up"),
    ("closure", "belt"): ("Belted", "Belted", "mit Gürtel", "à ceinture", "ベルテッド", "Belted"),
    ("closure", "laces"): ("Lace-Up", "Lace-Up", "zum Schnüren", "à lacets", "レースアップ", "Lace-Up"),
    ("heel", "flat"): ("Flat", "Flat", "mit flachem Absatz", "à talon plat", "フラット", "Flat"),
    ("heel", "block"): ("Block-Heel", "Block-Heel", "mit Blockabsatz", "à talon carré", "ブロックヒール", "Block-Heel"),
    ("heel", "high"): ("High-Heel", "High-Heeled", "mit hohem Absatz", "à talon haut", "ハイヒール", "High-Heel"),
    ("strap", "none"): ("Strapless", "Strapless", "ohne Riemen", "sans bandoulière", "ストラップなし", "Strapless"),
    ("strap", "short"): (
        "Short-Strap",
        "Short-Strap",
        "mit kurzem Riemen",
        "à anse courte",
        "ショートストラップ",
        "Short-Strap",
    ),
    ("strap", "long"): (
        "Long-Strap",
        "Long-Strap",
        "mit langem Riemen",
        "à longue bandoulière",
        "ロングストラップ",
        "Long-Strap",
    ),
    ("strap", "chain"): ("Chain-Strap", "Chain-Strap", "mit Kette", "à chaîne", "チェーンストラップ", "Chain-Strap"),
    ("fit", "slim"): ("Slim-Fit", "Slim-Fit", "schmal", "coupe ajustée", "スリムフィット", "Slim Fit"),
    ("fit", "straight"): ("Regular-Fit", "Regular-Fit", "gerade", "coupe droite", "レギュラーフィット", "Regular Fit"),
    ("fit", "loose"): ("Relaxed", "Relaxed", "weit", "coupe ample", "リラックスフィット", "Relaxed Fit"),
}
"""(Drawn attribute, drawing word) -> what a title says; `size/garment` where only garments have the attribute."""

COLOURS: dict[str, Row] = {
    "black": ("Black", "Black", "Schwarz", "noir", "ブラック", "Black"),
    "white": ("White", "White", "Weiß", "blanc", "ホワイト", "White"),
    "ivory": ("Ivory", "Ivory", "Elfenbein", "ivoire", "アイボリー", "Ivory"),
    "cream": ("Cream", "Cream", "Creme", "crème", "クリーム", "Cream"),
    "grey": ("Gray", "Grey", "Grau", "gris", "グレー", "Grey"),
    "charcoal": ("Charcoal", "Charcoal", "Anthrazit", "anthracite", "チャコール", "Charcoal"),
    "silver": ("Silver", "Silver", "Silber", "argent", "シルバー", "Silver"),
    "gold": ("Gold", "Gold", "Gold", "or", "ゴールド", "Gold"),
    "stone": ("Stone", "Stone", "Stein", "pierre", "ストーン", "Stone"),
    "sand": ("Sand", "Sand", "Sand", "sable", "サンド", "Sand"),
    "beige": ("Beige", "Beige", "Beige", "beige", "ベージュ", "Beige"),
    "camel": ("Camel", "Camel", "Camel", "camel", "キャメル", "Camel"),
    "honey": ("Honey", "Honey", "Honig", "miel", "ハニー", "Honey"),
    "brown": ("Brown", "Brown", "Braun", "marron", "ブラウン", "Brown"),
    "chocolate": ("Chocolate", "Chocolate", "Schokolade", "chocolat", "チョコレート", "Chocolate"),
    "navy": ("Navy", "Navy", "Marineblau", "bleu marine", "ネイビー", "Navy Blue"),
    "blue": ("Blue", "Blue", "Blau", "bleu", "ブルー", "Blue"),
    "sky": ("Sky Blue", "Sky Blue", "Himmelblau", "bleu ciel", "スカイブルー", "Sky Blue"),
    "royal": ("Royal Blue", "Royal Blue", "Königsblau", "bleu roi", "ロイヤルブルー", "Royal Blue"),
    "teal": ("Teal", "Teal", "Petrol", "bleu canard", "ティール", "Teal"),
    "green": ("Green", "Green", "Grün", "vert", "グリーン", "Green"),
    "forest": ("Forest Green", "Forest Green", "Waldgrün", "vert forêt", "フォレストグリーン", "Bottle Green"),
    "olive": ("Olive", "Olive", "Olivgrün", "vert olive", "オリーブ", "Olive"),
    "khaki": ("Khaki", "Khaki", "Khaki", "kaki", "カーキ", "Khaki"),
    "mint": ("Mint", "Mint", "Mintgrün", "vert menthe", "ミント", "Mint"),
    "lime": ("Lime", "Lime", "Limettengrün", "vert citron", "ライム", "Lime Green"),
    "yellow": ("Yellow", "Yellow", "Gelb", "jaune", "イエロー", "Yellow"),
    "mustard": ("Mustard", "Mustard", "Senfgelb", "moutarde", "マスタード", "Mustard"),
    "orange": ("Orange", "Orange", "Orange", "orange", "オレンジ", "Orange"),
    "brick": ("Brick Red", "Brick Red", "Ziegelrot", "rouge brique", "レンガ", "Rust"),
    "red": ("Red", "Red", "Rot", "rouge", "レッド", "Red"),
    "burgundy": ("Burgundy", "Burgundy", "Burgunderrot", "bordeaux", "バーガンディ", "Maroon"),
    "pink": ("Pink", "Pink", "Rosa", "rose", "ピンク", "Pink"),
    "blush": ("Blush", "Blush", "Zartrosa", "rose poudré", "ブラッシュ", "Peach"),
    "purple": ("Purple", "Purple", "Lila", "violet", "パープル", "Purple"),
    "lilac": ("Lilac", "Lilac", "Flieder", "lilas", "ライラック", "Lavender"),
}
"""A spec's own name of a colour, in small letters (`gray` is `grey`) -> the colour word."""

_GARMENTS = frozenset(name for name, each in RECORDS.items() if each.worded_as == "garment")
_SHOES = frozenset(name for name, each in RECORDS.items() if each.worded_as == "shoe")


def noun(silhouette: str, market: str) -> str:
    """What the market calls the silhouette."""
    return NOUNS[silhouette][MARKETS.index(market)]


def phrase(drawn: str, word: str, silhouettes: frozenset[str], market: str) -> str:
    """What a title of the market says for a drawing word that products of these silhouettes have; empty for nothing.

    A small coat is a short one and a small bag a small one: where all silhouettes are garments, or all shoes, the row
    for these is taken, if there is one.
    """
    kind = "garment" if silhouettes <= _GARMENTS else "shoe" if silhouettes <= _SHOES else ""
    row = WORDS.get((f"{drawn}/{kind}", word)) or WORDS[drawn, word]
    return row[MARKETS.index(market)]


def colour(name: str, market: str) -> str | None:
    """The market's word for a colour that a spec names so, or None for one that is not in the list."""
    key = name.lower().replace("gray", "grey")
    return COLOURS[key][MARKETS.index(market)] if key in COLOURS else None


@functools.cache
def _in_english() -> dict[str, str]:
    rows = (*NOUNS.values(), *WORDS.values(), *COLOURS.values())
    japanese, english = MARKETS.index("JP"), MARKETS.index("US")
    return {row[japanese]: row[english] for row in rows if row[japanese]}


def english(japanese: str) -> str:
    """The American word of a Japanese entry, for addresses, which hold no Japanese; empty for any other text."""
    return _in_english().get(japanese, "")
