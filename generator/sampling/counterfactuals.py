"""Make counterfactual products: one attribute changed, with the image, title and price that the catalog's spec gives.

    render = make_renderer(Path("data/luxury"), seed=0)
    changes = render(product).changes

Each random choice of an image has its own stream (`generator.render.engine.variation`) and the seeds stay the same. So
the changed image is the same shot of the same design and differs only where the attribute is visible. The new value is
possible in the spec together with all other values of the product. One change keeps all attributes and takes another
shot: other camera, light, folds and background.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from generator.catalog.shards import encode_jpeg
from generator.render import draw
from generator.render.engine.pose import STUDIO
from generator.render.engine.variation import Variation
from generator.sampling.prices import convert_to_euros, snap_to_points
from generator.sampling.products import CompiledCatalog, compile_catalog, parse_family, sample_kinds
from schemas.appearance import ANY, visible_attributes
from schemas.catalog import (
    MISSING_LABEL,
    SLOT,
    CatalogSpec,
    ProductKind,
    list_kinds,
    price_factor,
    rendered_attribute,
    rendered_word,
    title_word,
)
from schemas.counterfactual import NUISANCE, Change, Redraw, Redrawn
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, read_manifest
from schemas.product import Product
from schemas.validation import from_document

_SHOTS = 2**31
"""Seeds of shots are below this number, like those of `generator.sampling.streams.integers`."""


def make_renderer(data: Path, seed: int) -> Redraw:
    """Return a function that renders a product of a folder again, unchanged and changed; `seed` chooses the new values.

    Raises ToileError for a folder of imported images, and for one whose manifest does not say how they were rendered.
    """
    manifest, where = read_manifest(data), f"{data / MANIFEST}: inputs"
    if manifest.kind != "generate":
        problem = "contains imported images, which cannot be rendered with another attribute"
        raise ToileError(str(data), problem, "point --data to a folder made by `toile generate`")
    document, size = manifest.inputs.get("spec_document"), manifest.inputs.get("image_size")
    if not isinstance(document, Mapping):
        raise ToileError(f"{where}.spec_document", "is missing", "make the folder again with `toile generate --force`")
    if not isinstance(size, int):
        raise ToileError(f"{where}.image_size", "says that no image was rendered", "make it again without --no-images")
    spec: CatalogSpec = from_document(dict(document), "catalog", f"{where}.spec_document")
    photo = str(manifest.inputs.get("photo", STUDIO))
    if spec.scenarios:
        problem = "contains rows that are faulty on purpose, which its spec does not explain"
        raise ToileError(str(data), problem, "make one without scenarios: its rows are the clean ones of this folder")

    def render(product: Product) -> Redrawn:
        original = render_product(product, size, photo)
        changes = [
            dataclasses.replace(change, product=render_product(change.product, size, photo))
            for change in counterfactuals(spec, product, seed)
        ]
        return Redrawn(original=original, as_stored=original.image == product.image, changes=tuple(changes))

    return render


def render_product(product: Product, size: int, photo: str = STUDIO) -> Product:
    """Return the row with the image that `toile generate` would write, rendered now."""
    return dataclasses.replace(product, image=encode_jpeg(draw(product, size, photo)))


def counterfactuals(spec: CatalogSpec, product: Product, seed: int) -> tuple[Change, ...]:
    """Return a change for each visible attribute that the spec varies, and one of the shot; without images.

    A value is possible if no attribute of the changed product then has weight 0. All possible values that look
    different are equally likely. The price keeps what no attribute explains: it is the old price times the ratio of the
    factors, snapped to the nearest price point, with the same discount. Raises ToileError for a row of another spec.
    Rows under a navigation label are not visually identifiable and must not be passed.
    """
    catalog, choices = compile_catalog(spec), _choices(product)
    number = _find_kind(catalog, product)
    kind, draws = list_kinds(spec)[number], Variation("counterfactual", seed)
    changes = []
    for name, rendered in _visible_attributes(spec, kind, product):
        values = spec.attributes[name].values
        old = choices[name]
        possible = [
            value
            for value in values
            if rendered_word(value, values[value]) != rendered_word(old, values[old])
            and _is_possible(catalog, number, {**choices, name: value})
        ]
        if possible:
            new = draws.choice(f"{product.product_code}/{name}", possible)
            changes.append(_change_attribute(catalog, kind, product, name, rendered, new))
    return (*changes, _change_shot(product, draws))


def _visible_attributes(spec: CatalogSpec, kind: ProductKind, product: Product) -> Iterator[tuple[str, str]]:
    """Yield the attributes whose values are visible in the product's image, and the rendered name of each one."""
    presentation = str((product.attributes or {}).get("presentation", ANY))
    shown = {"colour", *visible_attributes(kind.silhouette, presentation)}
    for name, attribute in spec.attributes.items():
        rendered = rendered_attribute(name, attribute)
        if name in kind.attributes and rendered is not None and rendered in shown:
            yield name, rendered


def _change_attribute(
    catalog: CompiledCatalog, kind: ProductKind, product: Product, name: str, rendered: str, new: str
) -> Change:
    choices, values = _choices(product), catalog.spec.attributes[name].values
    ratio = price_factor(catalog.spec, kind, name, new) / price_factor(catalog.spec, kind, name, choices[name])
    attributes = {
        **(product.attributes or {}),
        rendered: rendered_word(new, values[new]),
        "choices": {**choices, name: new},
    }
    row = dataclasses.replace(
        _with_new_code(product, rendered),
        title=_fill_title(catalog.spec, kind, product, {**choices, name: new}),
        attributes=attributes,
    )
    return Change(
        attribute=rendered,
        old=choices[name],
        new=new,
        log_change=math.log(ratio),
        product=row if ratio == 1 else _change_price(catalog, row, ratio),
    )


def _change_shot(product: Product, draws: Variation) -> Change:
    attributes = product.attributes or {}
    old = int(attributes["shot_seed"])
    new = (old + 1 + int(draws.uniform(f"{product.product_code}/shot", 0, _SHOTS - 1))) % _SHOTS
    row = dataclasses.replace(_with_new_code(product, NUISANCE), attributes={**attributes, "shot_seed": new})
    return Change(attribute=NUISANCE, old=str(old), new=str(new), log_change=0.0, product=row)


def _with_new_code(product: Product, attribute: str) -> Product:
    """Return the product under its own code and without URLs: no shop sells the changed product."""
    code = f"{product.product_code}/{attribute}"
    return dataclasses.replace(product, product_code=code, itemurl=None, imageurl=None, image=None)


def _choices(product: Product) -> Mapping[str, str]:
    """Return the spec's names of the values; raise ToileError for a row without them."""
    choices = (product.attributes or {}).get("choices")
    if not isinstance(choices, Mapping):
        raise _mismatch(product, "does not say which values of the spec it has")
    return choices


def _find_kind(catalog: CompiledCatalog, product: Product) -> int:
    """Return the number of the product's kind, which the number of its design decides."""
    spec, family = catalog.spec, parse_family(product.family)
    leaf = product.category3_code or MISSING_LABEL
    silhouette = (product.attributes or {}).get("silhouette")
    if family is not None and family[0] == spec.name:
        number = int(sample_kinds(catalog, family[1], np.array([family[2]]))[0])
        kind = list_kinds(spec)[number]
        if (*kind.path, kind.silhouette) == (product.category1_code, product.category2_code, leaf, silhouette):
            return number
    path = (product.category1_code, product.category2_code, leaf)
    raise _mismatch(product, f"belongs to no kind of the spec: {' > '.join(map(str, path))} as {silhouette}")


def _is_possible(catalog: CompiledCatalog, number: int, choices: Mapping[str, str]) -> bool:
    """Return whether the spec allows these values together: no weight of any attribute is 0."""
    kind_N = np.array([number])
    chosen = {
        attribute.name: np.array(
            [attribute.values.index(choices[attribute.name]) if attribute.name in choices else attribute.absent]
        )
        for attribute in catalog.attributes
    }
    radix = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    return all(
        attribute.weights_KV[attribute.key(kind_N, chosen, radix), chosen[attribute.name]][0] > 0
        for attribute in catalog.attributes
    )


def _fill_title(spec: CatalogSpec, kind: ProductKind, product: Product, choices: Mapping[str, str]) -> str:
    """Fill the new values into the template of the old title; of several that fit, the one with most weight."""
    templates = sorted(kind.titles, key=lambda template: -kind.titles[template])
    for template in templates:
        if kind.titles[template] > 0 and _fill_template(spec, template, _choices(product)) == product.title:
            return _fill_template(spec, template, choices)
    raise _mismatch(product, f"has a title that no template of the spec gives: {product.title!r}")


def _fill_template(spec: CatalogSpec, template: str, choices: Mapping[str, str]) -> str:
    words = (
        title_word(choices[slot[1]], spec.attributes[slot[1]].values[choices[slot[1]]])
        if (slot := SLOT.fullmatch(word))
        else word
        for word in template.split()
    )
    return " ".join(word for word in words if word)


def _change_price(catalog: CompiledCatalog, product: Product, ratio: float) -> Product:
    """Return the product at `ratio` times its price, in all four columns."""
    assert product.full_price is not None, product.product_code
    asked = product.full_price if product.price is None else product.price
    tables = catalog.prices
    full_N = snap_to_points(tables.points, np.array([product.full_price * ratio]))
    price_N = np.minimum(snap_to_points(tables.points, full_N * (asked / product.full_price)), full_N)
    return dataclasses.replace(
        product,
        full_price=float(full_N[0]),
        price=float(price_N[0]),
        full_price_eur=float(convert_to_euros(tables.eur_rate, full_N)[0]),
        price_eur=float(convert_to_euros(tables.eur_rate, price_N)[0]),
        flg_discount=int(price_N[0] < full_N[0]),
    )


def _mismatch(product: Product, problem: str) -> ToileError:
    hint = "make the folder again with `toile generate --force`: its rows and its manifest do not belong together"
    return ToileError(f"product {product.product_code}", problem, hint)
