"""Six markets: currency, price endings, title words and word order, as defaults of a catalog spec.

`apply_market_defaults` fills these in where a spec with a market leaves them out, before its record is built.

Price endings are those that shops use: .99 in the US and the UK, ,95 and ,99 in Germany, ,90 and whole euros in France,
tens of yen below whole thousands in Japan, 49, 99, 499 and 999 in India.

The vocabulary has one row per word of the renderer and one column per market. Entries go into titles unchanged: nothing
is inflected. Where an adjective would have to agree with its noun, the entry is a phrase that never changes ("aus
Wolle", "en laine", "coloris noir"). Japanese words follow each other without particles, as shops there write them.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.appearance import DRAWN, SHOWN
from schemas.silhouettes import RECORDS
from schemas.silhouettes.record import MARKET_CODES, PerMarket

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Currency, price endings and title order of one market."""

    country_code: str
    currency_code: str
    eur_rate: float
    """Euros for one unit of the currency: a round figure of about 2025, not an exchange rate of any day."""
    locale: str
    """Locale name of Babel and Faker."""
    bands: tuple[Mapping[str, Any], ...]
    """Legal prices, in the form of a spec."""
    order: tuple[str, ...]
    """The parts of a title; `noun` is the silhouette, `line` every attribute that is not rendered."""
    colour: str = "{}"
    """The phrase around a colour word."""
    has_cents: bool = True
    """False for a currency without a smaller unit: all prices are whole numbers."""
    writes_zero_cents: bool = False
    """Whether a whole price is written with its two zeros."""


_ADJECTIVES_FIRST = ("line", "size", "colour", "quilting", "pattern", "material", "noun", "hardware", "lining")
_COLOUR_LAST = ("line", "size", "quilting", "pattern", "material", "noun", "hardware", "lining", "colour")
_NOUN_FIRST = ("noun", "line", "material", "pattern", "size", "quilting", "hardware", "lining", "colour")
MARKETS: dict[str, Market] = {
    "US": Market(
        country_code="USA",
        currency_code="USD",
        eur_rate=0.92251,
        locale="en_US",
        bands=(
            {"below": 20, "per": 1, "endings": [0.49, 0.99]},
            {"below": 100, "per": 1, "endings": [0.99]},
            {"below": 500, "per": 5, "endings": [4.95]},
            {"below": 1000, "per": 10, "endings": [0, 5]},
            {"per": 50, "endings": [0, 40]},
        ),
        order=_COLOUR_LAST,
        colour="in {}",
    ),
    "UK": Market(
        country_code="GBR",
        currency_code="GBP",
        eur_rate=1.16,
        locale="en_GB",
        bands=(
            {"below": 25, "per": 1, "endings": [0.50, 0.99]},
            {"below": 150, "per": 5, "endings": [0, 4.99]},
            {"below": 1000, "per": 5, "endings": [0]},
            {"per": 50, "endings": [0, 40]},
        ),
        order=_ADJECTIVES_FIRST,
    ),
    "DE": Market(
        country_code="DEU",
        currency_code="EUR",
        eur_rate=1.0,
        locale="de_DE",
        bands=(
            {"below": 50, "per": 1, "endings": [0.95, 0.99]},
            {"below": 300, "per": 5, "endings": [4.95, 4.99]},
            {"below": 1000, "per": 10, "endings": [0, 9]},
            {"per": 50, "endings": [0, 40]},
        ),
        order=_NOUN_FIRST,
        colour="in {}",
        writes_zero_cents=True,
    ),
    "FR": Market(
        country_code="FRA",
        currency_code="EUR",
        eur_rate=1.0,
        locale="fr_FR",
        bands=(
            {"below": 100, "per": 1, "endings": [0, 0.90]},
            {"below": 500, "per": 5, "endings": [0, 4.90]},
            {"per": 10, "endings": [0]},
        ),
        order=_NOUN_FIRST,
        colour="coloris {}",
        writes_zero_cents=True,
    ),
    "JP": Market(
        country_code="JPN",
        currency_code="JPY",
        eur_rate=0.0061,
        locale="ja_JP",
        bands=(
            {"below": 1000, "per": 100, "endings": [80]},
            {"below": 10_000, "per": 1000, "endings": [480, 800, 980]},
            {"below": 100_000, "per": 1000, "endings": [0, 800, 900]},
            {"per": 1000, "endings": [0]},
        ),
        order=("line", "size", "material", "pattern", "quilting", "noun", "hardware", "lining", "colour"),
        has_cents=False,
    ),
    "IN": Market(
        country_code="IND",
        currency_code="INR",
        eur_rate=0.0105,
        locale="en_IN",
        bands=(
            {"below": 1000, "per": 50, "endings": [49]},
            {"below": 5000, "per": 100, "endings": [99]},
            {"below": 20_000, "per": 500, "endings": [499]},
            {"per": 1000, "endings": [999]},
        ),
        order=_ADJECTIVES_FIRST,
    ),
}
_RATES = {market.currency_code: market.eur_rate for market in MARKETS.values()}


def apply_market_defaults(document: Document) -> Document:
    """Return the document of a catalog spec with the defaults of its market; unchanged where it names no market.

    Price bands are added only where the currency is the market's; the euro rate is that of the currency.
    """
    name = document["shop"].get("market")
    if name is None:
        return document
    market = MARKETS[name]
    shop = {"country_code": market.country_code, "currency_code": market.currency_code, **document["shop"]}
    shop.setdefault("eur_rate", _RATES.get(shop["currency_code"], 1.0))
    prices = dict(document.get("prices", {}))
    if shop["currency_code"] == market.currency_code:
        prices.setdefault("bands", [dict(band) for band in market.bands])
    categories = document["categories"]
    return {
        **document,
        "shop": shop,
        "prices": prices,
        "attributes": {
            key: _attribute(key, attribute, _silhouettes_with(key, categories), name)
            for key, attribute in document["attributes"].items()
        },
        "categories": [_category(category, document["attributes"], name) for category in categories],
    }


def _silhouettes_with(attribute: str, categories: list[Document]) -> frozenset[str]:
    """Return the silhouettes of the kinds of products that have the attribute."""
    kinds = [kind for category in categories for kind in category.get("kinds") or [category]]
    found = {kind.get("silhouette") for kind in kinds if attribute in kind.get("attributes", {})}
    return frozenset(found - {None})


def _rendered_attribute(name: str, attribute: Document) -> str | None:
    """Do the same as `schemas.catalog.rendered_attribute` for a document."""
    return attribute.get("draws") or (name if name in DRAWN else None)


def _attribute(name: str, attribute: Document, silhouettes: frozenset[str], market: str) -> Document:
    drawn = _rendered_attribute(name, attribute)
    if drawn is None:
        return attribute
    values = {
        key: value
        if value.get("title") is not None
        else {**value, "title": _title(drawn, key, value, silhouettes, market)}
        for key, value in attribute["values"].items()
    }
    return {**attribute, "values": values}


def _title(drawn: str, key: str, value: Document, silhouettes: frozenset[str], market: str) -> str | None:
    """Return the market's words for one value; None, so that its own name is used, for a word that is not rendered."""
    if drawn == "colour":
        own = " ".join(word[:1].upper() + word[1:] for word in key.split(" "))
        return MARKETS[market].colour.format(colour_word(key, market) or own)
    word = value.get("draws") or key
    return value_phrase(drawn, word, silhouettes, market) if (drawn, word) in WORDS else None


def _category(category: Document, attributes: Document, market: str) -> Document:
    """Return the category; each kind of product without titles gets the market's template."""
    if category.get("kinds"):
        return {**category, "kinds": [_with_titles(kind, attributes, market) for kind in category["kinds"]]}
    return _with_titles(category, attributes, market)


def _with_titles(kind: Document, attributes: Document, market: str) -> Document:
    """Return a kind of product (or a category that is one); without titles it gets a template for what it shows."""
    silhouette = kind.get("silhouette")
    if "titles" in kind or silhouette is None:
        return kind
    names = [name for name in kind.get("attributes", {}) if name in attributes]
    shown = SHOWN[silhouette] | {"colour"}
    slots: dict[str, list[str]] = {}
    for name in names:
        drawn = _rendered_attribute(name, attributes[name])
        if drawn in shown or (drawn is None and not attributes[name].get("hidden", False)):
            slots.setdefault(drawn or "line", []).append(f"{{{name}}}")
    noun = silhouette_noun(silhouette, market)
    parts: Iterator[str] = (
        word for part in MARKETS[market].order for word in ([noun] if part == "noun" else slots.get(part, []))
    )
    return {**kind, "titles": {" ".join(parts): 1.0}}


# -- vocabulary --------------------------------------------------------------------------------------------------------

NOUNS: dict[str, PerMarket] = {name: each.nouns for name, each in RECORDS.items()}
"""Silhouette -> what it is called."""

_NONE: PerMarket = ("", "", "", "", "", "")
WORDS: dict[tuple[str, str], PerMarket] = {
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
    ("material", "straw"): ("Straw", "Straw", "aus Stroh", "en paille", "ストロー", "Straw"),
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
    **{("presentation", word): _NONE for word in ("any", "flat", "turned", "ghost-mannequin", "folded")},
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
"""(Rendered attribute, renderer's word) -> title words; `size/garment` where only garments have the attribute."""

COLOURS: dict[str, PerMarket] = {
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

_GARMENTS = frozenset(name for name, each in RECORDS.items() if each.size_wording == "garment")
_SHOES = frozenset(name for name, each in RECORDS.items() if each.size_wording == "shoe")


def silhouette_noun(silhouette: str, market: str) -> str:
    """Return what the market calls the silhouette."""
    return NOUNS[silhouette][MARKET_CODES.index(market)]


def value_phrase(drawn: str, word: str, silhouettes: frozenset[str], market: str) -> str:
    """Return the title words for a renderer's word of products of these silhouettes; empty for none.

    A small coat is called short and a small bag small: where all silhouettes are garments, or all are shoes, their own
    row is used if there is one.
    """
    kind = "garment" if silhouettes <= _GARMENTS else "shoe" if silhouettes <= _SHOES else ""
    row = WORDS.get((f"{drawn}/{kind}", word)) or WORDS[drawn, word]
    return row[MARKET_CODES.index(market)]


def colour_word(name: str, market: str) -> str | None:
    """Return the market's word for a spec's colour name; None for one that is not in the list."""
    key = name.lower().replace("gray", "grey")
    return COLOURS[key][MARKET_CODES.index(market)] if key in COLOURS else None


@functools.cache
def _english_by_japanese() -> dict[str, str]:
    rows = (*NOUNS.values(), *WORDS.values(), *COLOURS.values())
    japanese, english = MARKET_CODES.index("JP"), MARKET_CODES.index("US")
    return {row[japanese]: row[english] for row in rows if row[japanese]}


def to_english(japanese: str) -> str:
    """Return the American word of a Japanese entry, for URLs, which have no Japanese; empty for any other text."""
    return _english_by_japanese().get(japanese, "")
