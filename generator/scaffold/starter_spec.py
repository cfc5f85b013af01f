"""Write a commented starter spec (YAML) for `toile new` from a few answers. The result is valid without edits.

from generator.scaffold.starter_spec import starter_spec

print(starter_spec("corner-shop", market="DE", silhouettes=(), kind="marketplace", price="budget"))
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from schemas.appearance import SHOWN, SILHOUETTES
from schemas.documents import schema_uri
from schemas.errors import ToileError, suggest
from schemas.markets import MARKETS
from schemas.silhouettes import RECORDS
from schemas.silhouettes.record import MARKET_CODES, PerMarket

LEVELS = {"budget": 0.5, "middle": 1.0, "premium": 2.5, "luxury": 8.0}
"""Price level of a shop -> factor on the usual prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a kind of shop sells, and how."""

    silhouettes: tuple[str, ...]
    level: str
    """Default price level; a key of LEVELS."""
    discounted: float
    """Share of products on sale."""
    suppliers: bool = False
    """Whether each product names a supplier."""


KINDS: dict[str, Kind] = {
    "luxury": Kind(
        silhouettes=(
            *("trench-coat", "coat", "sweater", "shirt", "dress", "tote-bag", "shoulder-bag", "boot", "wallet"),
            *("scarf", "sunglasses", "perfume-bottle"),
        ),
        level="luxury",
        discounted=0.0,
    ),
    "sportswear": Kind(
        silhouettes=(
            *("t-shirt", "polo-shirt", "hoodie", "shorts", "trousers", "puffer-jacket", "sneaker", "backpack"),
            "cap",
        ),
        level="middle",
        discounted=0.4,
    ),
    "marketplace": Kind(
        silhouettes=(
            *("t-shirt", "shirt", "dress", "trousers", "sneaker", "backpack", "belt", "sunglasses", "bucket-hat"),
            *("mug", "candle", "cushion"),
        ),
        level="budget",
        discounted=0.25,
        suppliers=True,
    ),
    "home-beauty": Kind(
        silhouettes=("candle", "cushion", "throw", "vase", "mug", "perfume-bottle", "lipstick"),
        level="middle",
        discounted=0.1,
    ),
}

AREAS: dict[str, PerMarket] = {
    "fashion": ("FASHION", "FASHION", "MODE", "MODE", "ファッション", "FASHION"),
    "beauty": ("BEAUTY", "BEAUTY", "PFLEGE", "BEAUTÉ", "ビューティー", "BEAUTY"),
    "home": ("HOME", "HOME", "WOHNEN", "MAISON", "インテリア", "HOME"),
}
GROUPS: dict[str, tuple[str, PerMarket]] = {
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
"""Group -> its area, and its name in each market (US, UK, DE, FR, JP, IN)."""

_PER_DOLLAR = {"US": 1.0, "UK": 0.85, "DE": 1.0, "FR": 1.0, "JP": 140.0, "IN": 40.0}
"""Usual price in the market per dollar of the usual US price; this is not an exchange rate."""
_MATERIAL_PRICES = {
    "gabardine": 1.0,
    "cotton": 1.0,
    "jersey": 0.9,
    "denim": 1.1,
    "wool": 1.35,
    "knit": 1.2,
    "nylon": 0.9,
    "leather": 1.8,
    "suede": 1.6,
    "silk": 1.5,
    "canvas": 0.9,
    "acetate": 1.0,
    "glass": 0.9,
    "ceramic": 1.1,
    "stoneware": 1.0,
    "twill": 1.0,
    "linen": 1.1,
    "corduroy": 1.1,
    "velvet": 1.35,
    "cashmere": 2.2,
    "boucle": 1.5,
    "shearling": 2.4,
    "rib-knit": 1.2,
    "cable-knit": 1.3,
    "satin": 1.3,
    "grained-leather": 1.95,
    "patent-leather": 1.85,
    "exotic-leather": 3.0,
    "metal": 1.3,
    "straw": 1.0,
}
"""Material -> price factor."""
_UNPATTERNED = (
    *("leather", "grained-leather", "patent-leather", "exotic-leather", "suede", "shearling", "velvet", "corduroy"),
    *("denim", "glass", "acetate", "metal", "gabardine", "boucle", "cable-knit", "rib-knit", "straw"),
)
_COLOURS = {
    "black": "#1b1a1c",
    "ivory": "#efe8d8",
    "grey": "#8b8f94",
    "navy": "#1f2a44",
    "camel": "#c39a63",
    "green": "#2c5240",
    "red": "#a8322d",
    "pink": "#e58fb1",
}
_SIZED_GROUPS = ("bags", "fragrance", "decoration")
_FITTED_GROUPS = ("bags", "accessories")
_VIEW_ALL: PerMarket = ("VIEW ALL", "VIEW ALL", "ALLE ANZEIGEN", "TOUT VOIR", "すべて見る", "VIEW ALL")


def starter_spec(name: str, *, market: str, silhouettes: Sequence[str], kind: str, price: str) -> str:
    """Return the YAML text of a spec.

    `price` is a key of LEVELS or the median price of the middle category, in the currency of the market; `silhouettes`
    overrides those of the kind of shop. A name, silhouette or price that is not valid is a ToileError.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 60:
        raise ToileError(f"--name {name}", "is not lower-case words joined by hyphens", "write it like corner-shop")
    chosen = list(dict.fromkeys(silhouettes or KINDS[kind].silhouettes))
    for silhouette in chosen:
        if silhouette not in SILHOUETTES:
            raise ToileError(
                f"--silhouette {silhouette}", "is no garment type of toile", suggest(silhouette, SILHOUETTES)
            )
    medians = _medians(chosen, market, price)
    parts = [
        _head(name, market),
        _site_and_prices(KINDS[kind], market),
        _extra(KINDS[kind]),
        _attributes(chosen),
        _categories(chosen, medians, market),
    ]
    return "\n".join(parts)


def tree_path(silhouette: str, market: str) -> tuple[str, str, str]:
    """Return area, group and leaf category of a silhouette in the language of the market."""
    column = MARKET_CODES.index(market)
    area, group = GROUPS[RECORDS[silhouette].group]
    return AREAS[area][column], group[column], RECORDS[silhouette].category[column]


def _medians(silhouettes: list[str], market: str, price: str) -> list[float]:
    usual = [RECORDS[silhouette].usual_usd for silhouette in silhouettes]
    if price in LEVELS:
        factor = LEVELS[price] * _PER_DOLLAR[market]
    else:
        try:
            wanted = float(price)
        except ValueError as error:
            hint = f"{suggest(price, LEVELS)}; or a number, the median price"
            raise ToileError(f"--price {price}", "is neither a level nor a number", hint) from error
        if not 0.01 <= wanted <= 500_000:
            raise ToileError(f"--price {price}", "is out of range", "a number from 0.01 to 500,000")
        factor = wanted / median(usual)
    return [float(f"{each * factor:.2g}") for each in usual]


def _head(name: str, market: str) -> str:
    words, currency = name.replace("-", " "), MARKETS[market].currency_code
    return f"""\
# yaml-language-server: $schema={schema_uri("catalog")}
# A catalog spec: the products of a shop, their images, titles and prices.
#   toile check THIS_FILE                  validates it and shows sample products
#   toile generate THIS_FILE --out FOLDER  generates the catalog
name: {json.dumps(name)}  # the `source` of every row
shop:
  website_name: {json.dumps(words.title())}
  brand: {json.dumps(words.upper())}
  host: www.{name}.example  # ends in .example, so that no URL leads to a real site
  market: {market}  # {currency}, its price endings and title words; one of {", ".join(MARKET_CODES)}
  competence_date: 2026-10-01  # the date of the catalog
"""


def _site_and_prices(kind: Kind, market: str) -> str:
    label = json.dumps(_VIEW_ALL[MARKET_CODES.index(market)], ensure_ascii=False)
    return f"""\
# A third of the products are a further colour of the previous design, at most 4 colours per design.
colourways: {{repeat_share: 0.33, max_per_family: 4}}

# Some products have a site label instead of their category; no image shows which. N.A. is a missing category.
navigation: {{share: 0.05, labels: {{{label}: 2, N.A.: 1}}}}

prices:
  # The market defines the price points; `bands` sets your own, such as [{{per: 10, endings: [9]}}].
  discounts: {{share: {kind.discounted:g}, percents: {{20: 2, 30: 1}}}}  # two of three discounted products by 20 %
"""


def _extra(kind: Kind) -> str:
    mark = "" if kind.suppliers else "# "
    return f"""\
# Extra text columns (company, name, city, email, ...), seeded per product. With a pool, values repeat.
{mark}extra:
{mark}  supplier: {{provider: company, pool: 40}}
"""


def _attributes(silhouettes: list[str]) -> str:
    materials = list(dict.fromkeys(word for each in silhouettes for word in RECORDS[each].materials))
    lines = [
        "# The attributes of a product. A value can have a price factor and a weight (how often it is chosen), which",
        "# default to 1; `draws`, the renderer's name of the value where it differs; and `title`, which replaces the",
        '# word of the market in titles ("" for none). Every price factor must be visible in the image.',
        "attributes:",
    ]
    if any(RECORDS[each].group in _SIZED_GROUPS for each in silhouettes):
        lines += [
            "  volume:                        # your name for the renderer's `size`",
            "    draws: size",
            "    values:",
            "      small: {price: 0.8}",
            "      medium: {weight: 3}",
            "      large: {price: 1.25}",
        ]
    lines += ["  material:", "    values:"]
    lines += [f"      {word}: {{price: {_MATERIAL_PRICES[word]:g}}}" for word in materials]
    if any(_is_patterned(each) for each in silhouettes):
        lines += [
            "  pattern:",
            "    values:",
            "      plain: {weight: 6}",
            "      check: {price: 1.15}",
            "      stripes: {price: 1.1}",
            "      floral: {price: 1.1, weight: 0.5}",
        ]
        smooth = [word for word in materials if word in _UNPATTERNED]
        if smooth:
            lines += [
                "    rules:                       # weights that depend on attributes listed above",
                f"      - when: {{material: [{', '.join(smooth)}]}}",
                "        multiply: {check: 0, stripes: 0, floral: 0}",
            ]
    if any(RECORDS[each].group in _FITTED_GROUPS and "hardware" in SHOWN[each] for each in silhouettes):
        lines += [
            "  hardware:",
            "    values:",
            "      none: {weight: 2}",
            "      silver: {price: 1.06}",
            "      gold: {price: 1.12}",
        ]
    lines += ["  colour:                        # colours are written as #rrggbb", "    values:"]
    lines += [f'      {word}: {{draws: "{code}"}}' for word, code in _COLOURS.items()]
    return "\n".join(lines) + "\n"


def _categories(silhouettes: list[str], medians: list[float], market: str) -> str:
    first = round(1 / len(silhouettes), 4)
    shares = [first] * (len(silhouettes) - 1)
    shares.append(round(1 - sum(shares), 4))
    lines = [
        "# The leaf categories. Shares sum to 1. `median` is the price of a product whose factors are all 1; `spread`",
        "# is the part of the price that no image shows. An attribute without a value keeps the weights above.",
        "# Titles come from the market; to write your own, add to a category:",
        '#   titles: {"{colour} {material} Something": 1}',
        "# A category with several types of products lists them under `kinds`, each with keys such as these.",
        "categories:",
    ]
    for silhouette, share, price in zip(silhouettes, shares, medians, strict=True):
        path = ", ".join(json.dumps(name, ensure_ascii=False) for name in tree_path(silhouette, market))
        lines += [
            f"  - path: [{path}]",
            f"    share: {share:g}",
            f"    silhouette: {silhouette}",
            f"    price: {{median: {price:g}, spread: 0.1}}",
            f"    attributes: {{{_own_attributes(silhouette)}}}",
        ]
    return "\n".join(lines) + "\n"


def _own_attributes(silhouette: str) -> str:
    """Return the attributes of a category as YAML; the first material has twice the weight of the others."""
    goods, parts = RECORDS[silhouette], []
    if goods.group in _SIZED_GROUPS:
        parts.append("volume: ")
    weights = [f"{word}: {2 if number == 0 else 1}" for number, word in enumerate(goods.materials)]
    parts.append(f"material: {{{', '.join(weights)}}}")
    if _is_patterned(silhouette):
        parts.append("pattern: ")
    if goods.group in _FITTED_GROUPS and "hardware" in SHOWN[silhouette]:
        parts.append("hardware: ")
    return ", ".join([*parts, "colour: "])


def _is_patterned(silhouette: str) -> bool:
    """Return whether the starter category has patterns: its materials are not all unpatterned."""
    goods = RECORDS[silhouette]
    return "pattern" in SHOWN[silhouette] and any(word not in _UNPATTERNED for word in goods.materials)
