"""A first catalog spec from a few answers: YAML whose comments explain it, valid as it is."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from generator.scaffold.starter_words import GOODS, tree_path
from schemas.appearance import SHOWN, SILHOUETTES
from schemas.errors import ToileError
from schemas.markets import MARKETS as HABITS
from schemas.row import MARKETS, Row
from schemas.validation import nearest

LEVELS = {"budget": 0.5, "middle": 1.0, "premium": 2.5, "luxury": 8.0}
"""How dear a shop is -> factor on usual prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of shop."""

    silhouettes: tuple[str, ...]
    level: str
    """Its usual price level; a key of LEVELS."""
    reduced: float
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
        reduced=0.0,
    ),
    "sportswear": Kind(
        silhouettes=(
            *("t-shirt", "polo-shirt", "hoodie", "shorts", "trousers", "puffer-jacket", "sneaker", "backpack"),
            "cap",
        ),
        level="middle",
        reduced=0.4,
    ),
    "marketplace": Kind(
        silhouettes=(
            *("t-shirt", "shirt", "dress", "trousers", "sneaker", "backpack", "belt", "sunglasses", "bucket-hat"),
            *("mug", "candle", "cushion"),
        ),
        level="budget",
        reduced=0.25,
        suppliers=True,
    ),
    "home-beauty": Kind(
        silhouettes=("candle", "cushion", "throw", "vase", "mug", "perfume-bottle", "lipstick"),
        level="middle",
        reduced=0.1,
    ),
}

_PER_DOLLAR = {"US": 1.0, "UK": 0.85, "DE": 1.0, "FR": 1.0, "JP": 140.0, "IN": 40.0}
"""Usual prices of the market for a dollar of the American ones; not a rate of exchange."""
_FACTORS = {
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
}
"""Material -> its factor on a price."""
_UNPATTERNED = (
    *("leather", "grained-leather", "patent-leather", "exotic-leather", "suede", "shearling", "velvet", "corduroy"),
    *("denim", "glass", "acetate", "metal", "gabardine", "boucle", "cable-knit", "rib-knit"),
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
_VIEW_ALL: Row = ("VIEW ALL", "VIEW ALL", "ALLE ANZEIGEN", "TOUT VOIR", "すべて見る", "VIEW ALL")


def starter_spec(name: str, *, market: str, silhouettes: Sequence[str], kind: str, price: str) -> str:
    """The YAML of a spec; `price` is a level or the median price of the middle category, in the market's currency.

    Raises ToileError for a name, silhouette or price that cannot be used.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 60:
        raise ToileError(f"--name {name}", "is not lower-case words joined by hyphens", "write it as corner-shop")
    chosen = list(dict.fromkeys(silhouettes or KINDS[kind].silhouettes))
    for silhouette in chosen:
        if silhouette not in SILHOUETTES:
            raise ToileError(f"--silhouette {silhouette}", "is nothing toile draws", nearest(silhouette, SILHOUETTES))
    medians = _medians(chosen, market, price)
    parts = [
        _head(name, market),
        _habits(KINDS[kind], market),
        _extra(KINDS[kind]),
        _attributes(chosen),
        _categories(chosen, medians, market),
    ]
    return "\n".join(parts)


def _medians(silhouettes: list[str], market: str, price: str) -> list[float]:
    usual = [GOODS[silhouette].usual_usd for silhouette in silhouettes]
    if price in LEVELS:
        factor = LEVELS[price] * _PER_DOLLAR[market]
    else:
        try:
            wanted = float(price)
        except ValueError as error:
            hint = f"{nearest(price, LEVELS)}; or a number, the median price"
            raise ToileError(f"--price {price}", "is neither a level nor a number", hint) from error
        if not 0.01 <= wanted <= 500_000:
            raise ToileError(f"--price {price}", "is no usual price", "a number from 0.01 to 500,000")
        factor = wanted / median(usual)
    return [float(f"{each * factor:.2g}") for each in usual]


def _head(name: str, market: str) -> str:
    words, currency = name.replace("-", " "), HABITS[market].currency_code
    return f"""\
# A catalog spec: what a shop sells, how it looks, what it is called and what it costs.
#   toile check THIS_FILE                  is it valid, and what comes out of it?
#   toile generate THIS_FILE --out FOLDER  draws the catalog
name: {json.dumps(name)}  # the `source` of every row
shop:
  website_name: {json.dumps(words.title())}
  brand: {json.dumps(words.upper())}
  host: www.{name}.example  # ends in .example, so that no address leads anywhere
  market: {market}  # {currency}, the price endings, words and order of titles there; one of {", ".join(MARKETS)}
  competence_date: 2026-10-01  # the day the catalog is of
"""


def _habits(kind: Kind, market: str) -> str:
    label = json.dumps(_VIEW_ALL[MARKETS.index(market)], ensure_ascii=False)
    return f"""\
# A third of the products are a further colour of the design before them, at most 4 colours a design.
colourways: {{repeat_share: 0.33, max_per_family: 4}}

# Some products stand under a label of the site instead of their leaf, which no picture can tell; N.A. is a missing one.
navigation: {{share: 0.05, labels: {{{label}: 2, N.A.: 1}}}}

prices:
  # Legal prices are those of the market; list `bands` to choose your own, such as [{{per: 10, endings: [9]}}].
  discounts: {{share: {kind.reduced:g}, percents: {{20: 2, 30: 1}}}}  # of three reduced ones, two by 20 %
"""


def _extra(kind: Kind) -> str:
    mark = "" if kind.suppliers else "# "
    return f"""\
# Further columns of text (company, name, city, email, ...), seeded for each product. A pool repeats, as suppliers do.
{mark}extra:
{mark}  supplier: {{provider: company, pool: 40}}
"""


def _attributes(silhouettes: list[str]) -> str:
    materials = list(dict.fromkeys(word for each in silhouettes for word in GOODS[each].materials))
    lines = [
        "# What a product has. A value may give a price factor and a weight (how often it is chosen), both 1 where",
        "# they are not given; `draws`, the word of the renderer, where its name is another one; and `title`, where",
        '# the market\'s own word for it will not do ("" for none). What costs money has to be visible.',
        "attributes:",
    ]
    if any(GOODS[each].group in _SIZED_GROUPS for each in silhouettes):
        lines += [
            "  volume:                        # its own name for what the renderer calls size",
            "    draws: size",
            "    values:",
            "      small: {price: 0.8}",
            "      medium: {weight: 3}",
            "      large: {price: 1.25}",
        ]
    lines += ["  material:", "    values:"]
    lines += [f"      {word}: {{price: {_FACTORS[word]:g}}}" for word in materials]
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
                "    rules:                       # weights that hang on attributes listed above",
                f"      - when: {{material: [{', '.join(smooth)}]}}",
                "        multiply: {check: 0, stripes: 0, floral: 0}",
            ]
    if any(GOODS[each].group in _FITTED_GROUPS and "hardware" in SHOWN[each] for each in silhouettes):
        lines += [
            "  hardware:",
            "    values:",
            "      none: {weight: 2}",
            "      silver: {price: 1.06}",
            "      gold: {price: 1.12}",
        ]
    lines += ["  colour:                        # a colour is drawn as #rrggbb", "    values:"]
    lines += [f'      {word}: {{draws: "{code}"}}' for word, code in _COLOURS.items()]
    return "\n".join(lines) + "\n"


def _categories(silhouettes: list[str], medians: list[float], market: str) -> str:
    first = round(1 / len(silhouettes), 4)
    shares = [first] * (len(silhouettes) - 1)
    shares.append(round(1 - sum(shares), 4))
    lines = [
        "# The leaves of the tree. Shares sum to 1; `median` is the price of a product whose factors are all 1, and",
        "# `spread` what no picture can tell of it. An attribute without anything behind it has its own weights.",
        "# Titles are the market's; to write your own, add to a category:",
        '#   titles: {"{colour} {material} Something": 1}',
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
    """The attributes of a category as YAML; materials are listed, the commonest twice as often."""
    goods, parts = GOODS[silhouette], []
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
    """Whether its starter category has patterns: those of cloth that are not all of one smooth material."""
    goods = GOODS[silhouette]
    return "pattern" in SHOWN[silhouette] and any(word not in _UNPATTERNED for word in goods.materials)
