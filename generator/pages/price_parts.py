"""What each attribute of a generated product adds to its price: the spec's own factors, read backwards from one row.

A design costs the median of its category, times the factor of each chosen value, times what no attribute explains: the
spread of the design and the step to a legal price (`generator.sampling.prices`). So the factors of the parts multiply
to the full price, and their amounts, taken one after the other in the order of the spec, add up to it.
"""

from dataclasses import dataclass

from schemas.appearance import ANY, visible_attributes
from schemas.catalog import CatalogSpec, Category, drawing_word, drawn_attribute
from schemas.product import Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One chosen value and what it does to the price."""

    attribute: str
    value: str
    draws: str | None
    """The word the renderer was told (colours: #rrggbb); None for an attribute that is not drawn."""
    visible: bool
    """Whether the silhouette shows it, so that a picture can tell."""
    factor: float
    amount: float
    """In the row's currency, given the parts before it; negative for a factor below 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceParts:
    """Median x factors x rest = full price; median + amounts + rest_amount = full price."""

    path: tuple[str, ...]
    """The category entry it was drawn from; tells the leaf also where the row shows a navigation label."""
    median: float
    parts: tuple[Part, ...]
    """All attributes of the category, in the order of the spec; those that change nothing have factor 1."""
    rest: float
    """The spread of this design and the step to the nearest legal price, > 0."""
    rest_amount: float
    full_price: float


def price_parts(spec: CatalogSpec, product: Product) -> PriceParts | None:
    """The parts of one row's full price, or None where they cannot be told.

    That is so for a row without choices or price, for one that no entry of the spec can have drawn (rows may be changed
    after drawing), and for a navigation label behind which entries with different medians may lie.
    """
    choices = (product.attributes or {}).get("choices")
    if not isinstance(choices, dict) or product.full_price is None or not 0 < product.full_price < float("inf"):
        return None
    entry = _entry(spec, product, choices)
    if entry is None:
        return None
    presentation = str((product.attributes or {}).get("presentation", ANY))
    shown = visible_attributes(entry.silhouette, presentation) | {"colour"}
    running, parts = entry.price.median, []
    for name, attribute in spec.attributes.items():
        if name not in entry.attributes:
            continue
        value = attribute.values[choices[name]]
        drawn = drawn_attribute(name, attribute)
        parts.append(
            Part(
                attribute=name,
                value=choices[name],
                draws=None if drawn is None else drawing_word(choices[name], value),
                visible=drawn in shown,
                factor=value.price,
                amount=running * value.price - running,
            )
        )
        running *= value.price
    return PriceParts(
        path=entry.path,
        median=entry.price.median,
        parts=tuple(parts),
        rest=product.full_price / running,
        rest_amount=product.full_price - running,
        full_price=product.full_price,
    )


def _entry(spec: CatalogSpec, product: Product, choices: dict[str, str]) -> Category | None:
    """The category entry behind a row; a navigation label hides the leaf but not the silhouette and the attributes."""
    silhouette = (product.attributes or {}).get("silhouette")
    fitting = [entry for entry in spec.categories if entry.silhouette == silhouette and _drawn_by(spec, entry, choices)]
    named = [entry for entry in fitting if entry.path[2] == product.category3_code]
    if not named and product.inferable:
        return None
    fitting = named or fitting
    above = (product.category1_code, product.category2_code)
    fitting = [entry for entry in fitting if entry.path[:2] == above] or fitting
    return fitting[0] if len({entry.price.median for entry in fitting}) == 1 else None


def _drawn_by(spec: CatalogSpec, entry: Category, choices: dict[str, str]) -> bool:
    """Whether the entry can have made these choices: the same attributes, each with a value that it gives a weight."""
    return entry.attributes.keys() == choices.keys() and all(
        choices[name] in spec.attributes[name].values and (own is None or own.get(choices[name], 0) > 0)
        for name, own in entry.attributes.items()
    )
