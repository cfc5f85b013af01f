"""The same product with one attribute changed: what its picture, title and price would be, by the catalog's own spec.

Every draw of a picture has a stream of its own (`generator.render.engine.variation`) and the seeds stay, so the changed
picture is the same shot of the same design and differs where the attribute shows. The new value is one that the spec
could have drawn beside all the other values of the product. One change changes no attribute and takes another shot:
other camera, light, folds and background.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from generator.catalog.shards import jpeg
from generator.render import draw
from generator.render.engine.pose import STUDIO
from generator.render.engine.variation import Variation
from generator.sampling.prices import convert_to_euros, snap_to_points
from generator.sampling.products import CompiledCatalog, compile_catalog
from schemas.appearance import ANY, visible_attributes
from schemas.catalog import SLOT, CatalogSpec, Category, rendered_attribute, rendered_word, title_word
from schemas.counterfactual import NUISANCE, Change, Redraw, Redrawn
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, read_manifest
from schemas.product import Product
from schemas.validation import from_document

_SHOTS = 2**31
"""Seeds of shots lie below, as those that `generator.sampling.streams.integers` gives."""


def redrawer(data: Path, seed: int) -> Redraw:
    """What draws the products of a folder anew, as they are and changed; `seed` chooses the new values.

    Raises ToileError for a folder of imported pictures, and for one whose manifest does not say how they were drawn.
    """
    manifest, where = read_manifest(data), f"{data / MANIFEST}: inputs"
    if manifest.kind != "generate":
        problem = "holds imported pictures, which cannot be redrawn with another attribute"
        raise ToileError(str(data), problem, "point --data to a folder made by `toile generate`")
    document, size = manifest.inputs.get("spec_document"), manifest.inputs.get("image_size")
    if not isinstance(document, Mapping):
        raise ToileError(f"{where}.spec_document", "is missing", "make the folder again with `toile generate --force`")
    if not isinstance(size, int):
        raise ToileError(f"{where}.image_size", "says that nothing was drawn", "make it again without --no-images")
    spec: CatalogSpec = from_document(dict(document), "catalog", f"{where}.spec_document")
    photo = str(manifest.inputs.get("photo", STUDIO))
    if spec.scenarios:
        problem = "holds rows that are faulty on purpose, which its spec does not explain"
        raise ToileError(str(data), problem, "make one without scenarios: its rows are the clean ones of this folder")

    def redraw(product: Product) -> Redrawn:
        original = pictured(product, size, photo)
        changes = [
            dataclasses.replace(change, product=pictured(change.product, size, photo))
            for change in counterfactuals(spec, product, seed)
        ]
        return Redrawn(original=original, as_stored=original.image == product.image, changes=tuple(changes))

    return redraw


def pictured(product: Product, size: int, photo: str = STUDIO) -> Product:
    """The row with its picture as `toile generate` would write it, drawn now."""
    return dataclasses.replace(product, image=jpeg(draw(product, size, photo)))


def counterfactuals(spec: CatalogSpec, product: Product, seed: int) -> tuple[Change, ...]:
    """One change for each attribute that the product shows and the spec lets vary, and another shot; no pictures.

    A value is possible when no attribute of the changed product then has weight 0; among the possible ones that are
    drawn differently all are equally likely. The price keeps what no attribute explains: it is the old one times the
    ratio of the factors, moved to the nearest legal price, and reduced by the same share. Raises ToileError for a row
    that is not of this spec; rows under a navigation label cannot be told from the picture and are not asked for.
    """
    catalog, choices = compile_catalog(spec), _choices(product)
    number = _category(spec, product)
    category, draws = spec.categories[number], Variation("counterfactual", seed)
    changes = []
    for name, drawn in _varied(spec, category, product):
        values = spec.attributes[name].values
        old = choices[name]
        possible = [
            value
            for value in values
            if rendered_word(value, values[value]) != rendered_word(old, values[old])
            and _possible(catalog, number, {**choices, name: value})
        ]
        if possible:
            new = draws.choice(f"{product.product_code}/{name}", possible)
            changes.append(_changed(catalog, category, product, name, drawn, new))
    return (*changes, _another_shot(product, draws))


def _varied(spec: CatalogSpec, category: Category, product: Product) -> Iterator[tuple[str, str]]:
    """Attributes whose values the picture of the product shows, and what they draw."""
    presentation = str((product.attributes or {}).get("presentation", ANY))
    shown = {"colour", *visible_attributes(category.silhouette, presentation)}
    for name, attribute in spec.attributes.items():
        drawn = rendered_attribute(name, attribute)
        if name in category.attributes and drawn is not None and drawn in shown:
            yield name, drawn


def _changed(catalog: CompiledCatalog, category: Category, product: Product, name: str, drawn: str, new: str) -> Change:
    choices, values = _choices(product), catalog.spec.attributes[name].values
    ratio = values[new].price / values[choices[name]].price
    attributes = {
        **(product.attributes or {}),
        drawn: rendered_word(new, values[new]),
        "choices": {**choices, name: new},
    }
    row = dataclasses.replace(
        _renamed(product, drawn),
        title=_title(catalog.spec, category, product, {**choices, name: new}),
        attributes=attributes,
    )
    return Change(
        attribute=drawn,
        old=choices[name],
        new=new,
        log_change=math.log(ratio),
        product=row if ratio == 1 else _repriced(catalog, row, ratio),
    )


def _another_shot(product: Product, draws: Variation) -> Change:
    attributes = product.attributes or {}
    old = int(attributes["shot_seed"])
    new = (old + 1 + int(draws.uniform(f"{product.product_code}/shot", 0, _SHOTS - 1))) % _SHOTS
    row = dataclasses.replace(_renamed(product, NUISANCE), attributes={**attributes, "shot_seed": new})
    return Change(attribute=NUISANCE, old=str(old), new=str(new), log_change=0.0, product=row)


def _renamed(product: Product, attribute: str) -> Product:
    """Under a code of its own, and without addresses: nobody sells the changed product."""
    code = f"{product.product_code}/{attribute}"
    return dataclasses.replace(product, product_code=code, itemurl=None, imageurl=None, image=None)


def _choices(product: Product) -> Mapping[str, str]:
    """The spec's names of the values; a ToileError for a row that does not say."""
    choices = (product.attributes or {}).get("choices")
    if not isinstance(choices, Mapping):
        raise _foreign(product, "does not say which values of the spec it has")
    return choices


def _category(spec: CatalogSpec, product: Product) -> int:
    """The number of the product's category: path and silhouette are one category's alone."""
    path = (product.category1_code, product.category2_code, product.category3_code)
    silhouette = (product.attributes or {}).get("silhouette")
    for number, category in enumerate(spec.categories):
        if category.path == path and category.silhouette == silhouette:
            return number
    raise _foreign(product, f"belongs to no category of the spec: {' > '.join(map(str, path))} as {silhouette}")


def _possible(catalog: CompiledCatalog, number: int, choices: Mapping[str, str]) -> bool:
    """Whether the spec can draw these values together: no weight of any attribute is 0."""
    category_N = np.array([number])
    chosen = {
        attribute.name: np.array(
            [attribute.values.index(choices[attribute.name]) if attribute.name in choices else attribute.absent]
        )
        for attribute in catalog.attributes
    }
    radix = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    return all(
        attribute.weights_KV[attribute.key(category_N, chosen, radix), chosen[attribute.name]][0] > 0
        for attribute in catalog.attributes
    )


def _title(spec: CatalogSpec, category: Category, product: Product, choices: Mapping[str, str]) -> str:
    """The new values in the template of the old title; of templates that fit alike, the one with most weight."""
    templates = sorted(category.titles, key=lambda template: -category.titles[template])
    for template in templates:
        if category.titles[template] > 0 and _filled(spec, template, _choices(product)) == product.title:
            return _filled(spec, template, choices)
    raise _foreign(product, f"has a title that no template of the spec gives: {product.title!r}")


def _filled(spec: CatalogSpec, template: str, choices: Mapping[str, str]) -> str:
    words = (
        title_word(choices[slot[1]], spec.attributes[slot[1]].values[choices[slot[1]]])
        if (slot := SLOT.fullmatch(word))
        else word
        for word in template.split()
    )
    return " ".join(word for word in words if word)


def _repriced(catalog: CompiledCatalog, product: Product, ratio: float) -> Product:
    """At `ratio` times its price, in all four columns."""
    assert product.full_price is not None, product.product_code
    asked = product.full_price if product.price is None else product.price
    tables = catalog.prices
    full_N = snap_to_points(tables.points, np.array([product.full_price * ratio]))
    price_N = np.minimum(snap_to_points(tables.points, full_N * (asked / product.full_price)), full_N)
    return dataclasses.replace(
        product,
        full_price=float(full_N[0]),
        price=float(price_N[0]),
        full_price_eur=float(convert_to_euros(tables.rate_millionths, full_N)[0]),
        price_eur=float(convert_to_euros(tables.rate_millionths, price_N)[0]),
        flg_discount=int(price_N[0] < full_N[0]),
    )


def _foreign(product: Product, problem: str) -> ToileError:
    hint = "make the folder again with `toile generate --force`: its rows and its manifest do not belong together"
    return ToileError(f"product {product.product_code}", problem, hint)
