"""Everything that toile draws: one record a silhouette, a file for each family of them.

A new silhouette is a record in one of these files and a drawing in generator/render (docs/renderer.md). All tables of
silhouettes are computed from the records, in their order.
"""

from schemas.silhouettes.accessories import ACCESSORIES
from schemas.silhouettes.bags import BAGS
from schemas.silhouettes.beauty_and_home import BEAUTY_AND_HOME
from schemas.silhouettes.coats_and_jackets import COATS_AND_JACKETS
from schemas.silhouettes.dresses_and_bottoms import DRESSES_AND_BOTTOMS
from schemas.silhouettes.record import Silhouette
from schemas.silhouettes.shoes import SHOES
from schemas.silhouettes.tops import TOPS

__all__ = ["FAMILIES", "RECORDS", "Silhouette"]

FAMILIES: dict[str, tuple[Silhouette, ...]] = {
    "coats-and-jackets": COATS_AND_JACKETS,
    "tops": TOPS,
    "dresses-and-bottoms": DRESSES_AND_BOTTOMS,
    "bags": BAGS,
    "shoes": SHOES,
    "accessories": ACCESSORIES,
    "beauty-and-home": BEAUTY_AND_HOME,
}
RECORDS: dict[str, Silhouette] = {each.name: each for family in FAMILIES.values() for each in family}
"""Name -> record."""
