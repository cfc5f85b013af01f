"""Everything that toile renders: one record per silhouette (garment or object type).

A new silhouette is a record in clothes, shoes or things, and a rendering function in generator/render
(docs/renderer.md). All tables of silhouettes are computed from the records, in their order.
"""

from schemas.silhouettes.clothes import COATS_AND_JACKETS, DRESSES_AND_BOTTOMS, TOPS
from schemas.silhouettes.record import Silhouette
from schemas.silhouettes.shoes import SHOES
from schemas.silhouettes.things import ACCESSORIES, BAGS, BEAUTY_AND_HOME

__all__ = ["RECORDS", "SILHOUETTE_GROUPS", "Silhouette"]

SILHOUETTE_GROUPS: dict[str, tuple[Silhouette, ...]] = {
    "coats-and-jackets": COATS_AND_JACKETS,
    "tops": TOPS,
    "dresses-and-bottoms": DRESSES_AND_BOTTOMS,
    "bags": BAGS,
    "shoes": SHOES,
    "accessories": ACCESSORIES,
    "beauty-and-home": BEAUTY_AND_HOME,
}
RECORDS: dict[str, Silhouette] = {each.name: each for group in SILHOUETTE_GROUPS.values() for each in group}
"""Name -> record."""
