"""A spec whose categories sell several kinds of products, and random ones."""

from typing import Any

from hypothesis import strategies as st

from schemas.appearance import SHOWN, SILHOUETTES
from schemas.silhouettes import RECORDS

Document = dict[str, Any]
COLOURS = {"red": "#aa0000", "blue": "#0000aa", "green": "#00aa00", "black": "#101010", "white": "#fafafa"}


def kinds_document() -> Document:
    """Return a spec with two broad categories and one of a single kind; their colourways differ widely."""
    return {
        "name": "broad-leaves",
        "shop": {"website_name": "S", "brand": "S", "host": "s.example", "market": "US"},
        "prices": {"bands": [{"per": 1}], "discounts": {"share": 0.1, "percents": {"20": 1}}},
        "colourways": {"repeat_share": 0.2, "max_per_family": 3},
        "attributes": {
            "material": {"values": {"denim": {}, "cotton": {"price": 1.2}, "leather": {"price": 2.5}, "canvas": {}}},
            "line": {"hidden": True, "values": {"basic": {"title": ""}, "Nova": {"price": 1.5}}},
            "colour": {"values": {name: {"draws": code} for name, code in COLOURS.items()}},
        },
        "categories": [
            {
                "path": ["W", "CLOTHING", "CLOTHING"],
                "share": 0.5,
                "colourways": {"repeat_share": 0.75, "max_per_family": 6},
                "kinds": [
                    {
                        "silhouette": "jeans",
                        "share": 0.5,
                        "price": {"quantiles": [30, 40, 40, 48, 480], "factors": {"material": {"cotton": 0.5}}},
                        "discounts": {"share": 0.6, "percents": {"50": 3, "20": 1}},
                        "attributes": {"material": {"denim": 3, "cotton": 1}, "colour": None},
                    },
                    {
                        "silhouette": "shorts",
                        "share": 0.3,
                        "price": {"median": 25, "spread": 0.3, "factors": {"line": {"Nova": 3}}},
                        "titles": {"{line} {material} Shorts": 1},
                        "attributes": {"material": {"denim": 1, "cotton": 1}, "line": None, "colour": None},
                    },
                    {
                        "silhouette": "jeans",
                        "share": 0.2,
                        "price": {"median": 400, "spread": 0.05},
                        "attributes": {"material": None, "colour": {"black": 2, "blue": 1}},
                    },
                ],
            },
            {
                "path": ["W", "SHOES", "SHOES"],
                "share": 0.3,
                "colourways": {"repeat_share": 0.0, "max_per_family": 1},
                "kinds": [
                    {
                        "silhouette": name,
                        "share": 0.5,
                        "price": {"median": price},
                        "attributes": {"material": {"canvas": 1, "leather": 2}, "colour": None},
                    }
                    for name, price in (("sneaker", 90), ("boot", 210))
                ],
            },
            {
                "path": ["W", "BAGS", "TOTES"],
                "share": 0.2,
                "silhouette": "tote-bag",
                "price": {"median": 300},
                "attributes": {"material": {"leather": 1, "canvas": 1}, "line": None, "colour": None},
            },
        ],
    }


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Return a random valid spec: one kind or several in a category, both forms of prices, discounts, colourways."""
    materials = sorted({word for record in RECORDS.values() for word in record.materials})
    document: Document = {
        "name": "random",
        "shop": {"website_name": "S", "brand": "S", "host": "s.example", "market": draw(st.sampled_from(["US", "FR"]))},
        "colourways": draw(_colourways()),
        "navigation": {"share": draw(st.sampled_from([0.0, 0.3])), "labels": {"VIEW ALL": 1, "N.A.": 1}},
        "attributes": {
            "material": {"values": {word: {"price": 1 + number % 3} for number, word in enumerate(materials)}},
            "pattern": {"values": {"plain": {"weight": 3}, "check": {}, "stripes": {}}},
            "season": {"hidden": True, "values": {"summer": {}, "winter": {"weight": 2}}},
            "colour": {"values": {name: {"draws": code} for name, code in COLOURS.items()}},
        },
        "extra": {"season": {"attribute": "season"}},
    }
    categories = draw(st.lists(_category(), min_size=1, max_size=4))
    for category, share in zip(categories, draw(_shares(len(categories))), strict=True):
        category["share"] = share
    for number, category in enumerate(categories):
        category["path"] = ["A", f"B{number % 2}", f"LEAF {number}"]
    return {**document, "categories": categories}


def _shares(num: int) -> st.SearchStrategy[list[float]]:
    weights = st.lists(st.integers(1, 9), min_size=num, max_size=num)
    return weights.map(lambda found: [weight / sum(found) for weight in found])


@st.composite
def _colourways(draw: st.DrawFn) -> Document:
    longest = draw(st.integers(1, 6))
    return {"repeat_share": draw(st.sampled_from([0.0, 0.4, 0.9])) * (1 - 1 / longest), "max_per_family": longest}


@st.composite
def _category(draw: st.DrawFn) -> Document:
    kinds = draw(st.lists(_kind(), min_size=1, max_size=4))
    own = {"colourways": draw(_colourways())} if draw(st.booleans()) else {}
    if len(kinds) == 1 and draw(st.booleans()):
        return {**own, **kinds[0]}
    for kind, share in zip(kinds, draw(_shares(len(kinds))), strict=True):
        kind["share"] = share
    return {**own, "kinds": kinds}


@st.composite
def _kind(draw: st.DrawFn) -> Document:
    silhouette = draw(st.sampled_from(SILHOUETTES))
    materials = list(RECORDS[silhouette].materials)
    attributes: Document = {"material": dict.fromkeys(materials, 1), "colour": None}
    if "pattern" in SHOWN[silhouette] and draw(st.booleans()):
        attributes["pattern"] = None
    price: Document = {}
    if draw(st.booleans()):
        price = {"median": draw(st.sampled_from([5, 80, 2000])), "spread": draw(st.sampled_from([0, 0.1, 1]))}
    else:
        price = {"quantiles": sorted(draw(st.lists(st.integers(1, 3000), min_size=2, max_size=8)))}
    if draw(st.booleans()):
        attributes["season"] = {"winter": 1}
        price["factors"] = {"season": {"winter": draw(st.sampled_from([0.5, 1, 3]))}}
    if "material" in SHOWN[silhouette] and draw(st.booleans()):
        price.setdefault("factors", {})["material"] = {materials[0]: 1.5}
    kind: Document = {"silhouette": silhouette, "price": price, "attributes": attributes}
    if draw(st.booleans()):
        kind["titles"] = {f"{{material}} {RECORDS[silhouette].nouns[0]}": 2, f"{RECORDS[silhouette].nouns[0]}": 1}
    if draw(st.booleans()):
        kind["discounts"] = {"share": 0.5, "percents": {"10": 1, "70": draw(st.integers(0, 1))}}
    return kind
