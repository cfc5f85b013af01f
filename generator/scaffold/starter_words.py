"""What a starter spec knows of each silhouette: a usual price, usual materials, and its place in a shop's tree."""

from schemas.row import MARKETS, Row
from schemas.silhouettes import RECORDS

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

GOODS = RECORDS
"""Silhouette -> what is usual."""


def tree_path(silhouette: str, market: str) -> tuple[str, str, str]:
    """Area, group and leaf of a silhouette in the market's language."""
    column = MARKETS.index(market)
    area, group = GROUPS[GOODS[silhouette].group]
    return AREAS[area][column], group[column], GOODS[silhouette].leaf[column]
