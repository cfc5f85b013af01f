"""Build the attributes of a fitted spec: the values that products have, how they are rendered, and their weights.

Material, pattern and colour are rendered; the words that stand before the type word in titles are an attribute too, so
that titles vary as in the shop; so are the user's own columns that are kept. Every weight of a kind counts its own
records, where at least k families have the value, and else has the proportions of the same type elsewhere.
"""

import datetime
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from generator.fit.categories import FittedKind, ValueCounter, count_rows
from generator.fit.families import PERCENTS, Family, find_title_word, read_title_word
from generator.fit.vocabulary import PALETTE
from generator.sampling.streams import Floats
from schemas.appearance import DRAWN, MATERIALS, PATTERNS, STYLE_VALUES
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS
from schemas.errors import ToileError
from schemas.markets import WORDS, colour_word, value_phrase
from schemas.product import COLUMNS
from schemas.silhouettes import RECORDS

_MOST_BINS = 12
"""Most ranges of a kept column of numbers or dates."""
_MOST_DECIMALS = 4
_LEAST_CODE = 10_000
_GENERAL_TYPES = 3
"""A title word of so many types belongs to none."""
_TEXTILES = frozenset(
    (
        *("cotton", "linen", "twill", "gabardine", "jersey", "corduroy", "velvet", "nylon", "wool", "cashmere"),
        *("boucle", "rib-knit", "cable-knit", "knit", "silk", "satin"),
    )
)
"""Materials of which any garment may be made that is made of one of them."""
MISSING = "N.A."
"""The value of a kept column's attribute where a cell is empty."""

SIZES = (1, 2, 3, 4, 5, 8, 12)
"""Classes of the number of colourways, by their usual member."""
USUAL_REPEAT = (0.25, 0.2)
"""Mean and standard deviation, over shops, of the probability of a further colour."""
_SIZE_BOUNDS = (1, 2, 3, 4, 6, 9)
LABELS = tuple(dict.fromkeys((MISSING_LABEL, *NAVIGATION_LABELS)))
"""Navigation labels, and that of a missing category."""

Document = dict[str, Any]
Weights = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An attribute: what each record has of it, and the document of its values."""

    name: str
    values_of: Callable[[Family], Iterable[tuple[str, float]]]
    """Values of a record, with the weight of each."""
    describe: Callable[[str], Document]
    """The document of a value."""
    upper: Literal["type", "shop", "type or shop"] = "shop"
    """Whose proportions values of few families have: those of the same type anywhere, or of all records."""
    general: frozenset[str] = frozenset()
    """Values that have the proportions of all records in any case."""
    document: Document = field(default_factory=dict)
    """Further keys of the attribute's document."""


def make_slots(members: Sequence[Family], market: str) -> tuple[Slot, Slot, Slot]:
    """Return material, pattern and colour. Words are spelled as in the titles; those of no title are the market's."""
    spelled: dict[str, Counter[str]] = {}
    for member in members:
        for slot in ("material", "pattern"):
            said = find_title_word(slot, member.words)
            if said is not None:
                spelled.setdefault(f"{slot} {said[0].casefold()}", Counter())[said[0]] += 1
    best = {key: min(counts, key=lambda text: (-spelled[key][text], text)) for key, counts in spelled.items()}
    return (
        Slot(
            name="material",
            values_of=_list_materials,
            describe=lambda name: _rendered("material", name, market, best),
            upper="type",
        ),
        Slot(
            name="pattern",
            values_of=_list_patterns,
            describe=lambda name: _rendered("pattern", name, market, best),
            upper="type",
        ),
        Slot(name="colour", values_of=_list_colours, describe=lambda name: _colour(name, market)),
    )


def make_word_slot(
    name: str, members: Sequence[Family], word_of: Mapping[int, str], spelled: Mapping[str, str]
) -> Slot:
    """Return an attribute of title words: `word_of` is the id of a record -> its word.

    Words of several types, such as the names of lines, are those of the whole shop.
    """
    types: dict[str, set[str | None]] = {}
    for member in members:
        if id(member) in word_of:
            types.setdefault(word_of[id(member)], set()).add(member.kind)

    def values_of(member: Family) -> list[tuple[str, float]]:
        word = word_of.get(id(member))
        return [(word, 1.0)] if word else []

    return Slot(
        name=name,
        values_of=values_of,
        describe=lambda word: {"title": spelled[word]},
        upper="type",
        general=frozenset(word for word, kinds in types.items() if len(kinds) >= _GENERAL_TYPES),
    )


def make_stand_in_slot(name: str) -> Slot:
    """Return an attribute of title words that stand for rare ones: no record has any."""
    return Slot(
        name=name,
        values_of=lambda _: [],
        describe=lambda word: {} if word == word[:1].upper() + word[1:] else {"title": word},
    )


def make_counters(slot: Slot, min_support: int) -> tuple[ValueCounter, ValueCounter]:
    """Return the counters of the values of a slot: those that are not general, and those that are."""

    def count(general: bool) -> ValueCounter:
        return ValueCounter(
            lambda member: [each for each in slot.values_of(member) if (each[0] in slot.general) is general],
            min_support,
        )

    return count(False), count(True)


def weigh_slot(
    slot: Slot, counters: tuple[ValueCounter, ValueCounter], kind: FittedKind, shop: Sequence[Family]
) -> Weights:
    """Weigh an attribute's values for one kind.

    What few families have follows the proportions of the same type anywhere, or of all records (`shop`); weights that
    are not whole numbers are those. A kind whose type has no material of k families has those of its leaf.
    """
    counter, general = counters
    weights = counter.weigh(kind.members, shop if slot.upper == "shop" else kind.levels[2])
    if slot.name == "material" and not weights:
        usual = set(RECORDS[kind.silhouette].materials)
        usual |= _TEXTILES if usual & _TEXTILES else set()
        weights = {
            name: weight
            for name, weight in counter.weigh(kind.members, kind.leaf).items()
            if not name or rendered_word("material", name) in usual
        }
    if not weights and slot.upper == "type or shop":
        weights = counter.weigh(kind.members, shop)
    if slot.general:
        weights |= general.weigh(kind.members, shop)
    return {name: round(weight, 2) if weight >= 1 else float(f"{weight:.3g}") for name, weight in weights.items()}


def usual_material(silhouette: str) -> str:
    """Return the value of products that name no material: what the type usually is made of."""
    return f"unnamed {next(iter(RECORDS[silhouette].materials), 'cotton')}"


def fill_material(silhouette: str, weights: Weights) -> Weights:
    """Give the weight of products that name no material to the usual one of their type."""
    found: Weights = {}
    for name, weight in (weights or {"": 1.0}).items():
        value = name or usual_material(silhouette)
        found[value] = found.get(value, 0.0) + weight
    return found


def rendered_word(slot: str, name: str) -> str:
    """Return the renderer's word for a value of material or pattern."""
    if name.startswith("unnamed ") or name in STYLE_VALUES[slot]:
        return name.removeprefix("unnamed ")
    return read_title_word(slot, name.split()[-1]) or name


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptColumn:
    """A column of the user's own that the spec has too."""

    column: str
    """Its name in the generated catalog."""
    slot: Slot
    extra: Document
    """Its entry under `extra`."""
    num_rare_rows: int
    """Rows whose value has too few families."""


def keep_column(name: str, members: Sequence[Family], taken: Iterable[str], min_support: int) -> KeptColumn:
    """Make the attribute and the extra column of a column that is kept.

    Numbers and dates get ranges between quantiles with at least k families each; text keeps its values of at least k
    families. Raises ToileError if no value has so many, and for numbers that are codes.
    """
    column = _column_name(name)
    attribute = f"own_{column}" if column in {*taken, *DRAWN} else column
    cells = {id(member): member.kept.get(name) for member in members}
    numbers = {key: _to_number(cell) for key, cell in cells.items()}
    present = [key for key, cell in cells.items() if cell is not None]
    kind = "text"
    if present and all(isinstance(numbers[key], float) for key in present):
        kind = "number"
    elif present and all(_to_day(cells[key]) is not None for key in present):
        kind, numbers = "date", {key: _to_day(cell) for key, cell in cells.items()}
    extra: Document = {"attribute": attribute}
    values = {key: MISSING if cell is None else str(cell) for key, cell in cells.items()}
    if kind == "number" and _are_codes([numbers[key] for key in present]):
        raise ToileError(f"--keep {name}", "its numbers are all different, as codes are", "leave it out")
    if kind != "text":
        ranges, values = _bin_numbers(numbers, members, min_support)
        decimals = max((_num_decimals(numbers[key]) for key in present), default=0) if kind == "number" else 0
        shown = {key: _range(each, kind, decimals) for key, each in ranges.items()}
        extra |= {"type": kind, "ranges": shown} | ({"decimals": decimals} if kind == "number" else {})
    slot = Slot(
        name=attribute,
        values_of=lambda member: [(values[id(member)], 1.0)] if id(member) in values else [],
        describe=lambda _: {"title": ""},
        upper="type or shop",
        document={"hidden": True},
    )
    common = ValueCounter(slot.values_of, min_support).weigh(members, members)
    if not set(common) - {MISSING}:
        problem = f"no value of it has {min_support} product families"
        raise ToileError(f"--keep {name}", problem, "leave it out, or lower --min-support")
    rare = [member for member in members if values.get(id(member)) not in common]
    return KeptColumn(column=column, slot=slot, extra=extra, num_rare_rows=count_rows(rare))


def replace_listed_values(family: Family, listed: Mapping[str, Sequence[str | float]]) -> Family:
    """Return a record whose kept values are spelled as in the public lists: without regard to case and blanks.

    Numbers and their text are one value. What a record has changes with it alone.
    """
    kept = dict(family.kept)
    for name, values in listed.items():
        if kept.get(name) is not None:
            known = {_fold_value(value): value for value in reversed(values)}
            kept[name] = known.get(_fold_value(kept[name]), kept[name])
    return replace(family, kept=kept) if listed else family


def _fold_value(value: str | float | None) -> str | float | None:
    number = _to_number(value)
    return number if number is not None else " ".join(str(value).casefold().split())


def _list_materials(member: Family) -> list[tuple[str, float]]:
    return [(_name_value("material", member, member.material), 1.0)]


def _list_patterns(member: Family) -> list[tuple[str, float]]:
    return [(_name_value("pattern", member, member.pattern or "plain"), 1.0)]


def _list_colours(member: Family) -> list[tuple[str, float]]:
    """List each colour once: the colourways of a generated design all differ."""
    return [(colour, member.row_weight) for colour in {row.colour for row in member.rows} if colour is not None]


def _name_value(slot: str, member: Family, word: str | None) -> str:
    """Return the title's words for it; `unnamed WORD` where the title does not say it; empty for None."""
    if word is None or word == "plain" or not member.words:
        return word or ""
    said = find_title_word(slot, member.words)
    return said[0].casefold() if said is not None and said[1] == word else f"unnamed {word}"


def _rendered(slot: str, name: str, market: str, spelled: Mapping[str, str]) -> Document:
    word = rendered_word(slot, name)
    document: Document = {} if word == name else {"draws": word}
    if name.startswith("unnamed ") or word == "plain":
        return {**document, "title": ""}
    title = spelled.get(f"{slot} {name}")
    if title is None and market not in {"US", "UK"} and (slot, word) in WORDS:
        title = value_phrase(slot, word, frozenset(RECORDS), market)
    default = " ".join(part[:1].upper() + part[1:] for part in name.split(" "))
    return document if title in (None, default) else {**document, "title": title}


def _colour(name: str, market: str) -> Document:
    word = None if market in {"US", "UK"} else colour_word(name, market)
    return {"draws": PALETTE[name]} | ({"title": word} if word else {})


def _column_name(name: str) -> str:
    """Return the name as a spec accepts it: small letters, digits and underscores."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
    plain = plain if plain[:1].isalpha() else f"column_{plain}".rstrip("_")
    return (f"own_{plain}" if plain in COLUMNS else plain)[:60]


def _bin_numbers(
    numbers: Mapping[int, float | None], members: Sequence[Family], min_support: int
) -> tuple[dict[str, tuple[float, float]], dict[int, str]]:
    """Return ranges of at least k families each, and the range of each record (by id)."""
    names = {id(member): member.name or str(index) for index, member in enumerate(members)}
    ordered = sorted((number, key) for key, number in numbers.items() if number is not None)
    enough = max(min_support, math.ceil(len({names[key] for _, key in ordered}) / _MOST_BINS))
    bins: list[list[tuple[float, int]]] = [[]]
    for number, key in ordered:
        full = len({names[k] for _, k in bins[-1]}) >= enough
        if full and number != bins[-1][-1][0]:
            bins.append([])
        bins[-1].append((number, key))
    if len(bins) > 1 and len({names[k] for _, k in bins[-1]}) < min_support:
        rest = bins.pop()
        bins[-1] += rest
    ranges: dict[str, tuple[float, float]] = {}
    values = {key: MISSING for key, number in numbers.items() if number is None}
    for number, inside in enumerate((each for each in bins if each), start=1):
        found = [value for value, _ in inside]
        low, high = _inner_bounds(found)
        ranges[f"range {number}"] = (low, high)
        values |= {key: f"range {number}" for _, key in inside}
    return ranges, values


def _inner_bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return a range of the values' mean and width, whose ends are those of no single family."""
    if values[0] == values[-1] or len(values) < 2:
        return values[0], values[-1]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    half = math.sqrt(3 * variance)
    return (max(mean - half, 0.0) if values[0] >= 0 else mean - half), mean + half


def _range(bounds: tuple[float, float], kind: str, decimals: int) -> list[Any]:
    if kind == "date":
        return [datetime.date.fromordinal(round(bound)).isoformat() for bound in bounds]
    return [round(bound, decimals or None) for bound in bounds]


def _to_number(cell: str | float | None) -> float | None:
    if isinstance(cell, float):
        return cell
    try:
        number = float(cell) if cell is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _to_day(cell: str | float | None) -> float | None:
    if not isinstance(cell, str) or not re.match(r"\d{4}-\d{2}-\d{2}", cell):
        return None
    try:
        return float(datetime.date.fromisoformat(cell[:10]).toordinal())
    except ValueError:
        return None


def _are_codes(numbers: Sequence[float | None]) -> bool:
    whole = [number for number in numbers if number is not None and number == int(number) and number >= _LEAST_CODE]
    return len(whole) == len(numbers) == len(set(whole)) and len(whole) > 1


def _num_decimals(number: float | None) -> int:
    return next((d for d in range(_MOST_DECIMALS) if number is None or round(number, d) == number), _MOST_DECIMALS)


def count_values(members: Iterable[Family], slot: Slot) -> Counter[str]:
    """Count the records that have each value."""
    found: Counter[str] = Counter()
    for member in members:
        found.update({name for name, _ in slot.values_of(member)})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A further column of the records: its cells are public, or were released."""

    name: str
    bins: str
    num_cells: int
    usual: tuple[float, ...] = ()
    """Weights of the first cells where noise hides the counts; none for all alike."""
    cell_of: Callable[[Family], int]
    """The cell of a family; -1 for none."""
    is_geometric: bool = False
    """Whether the cells are the size classes, of which a geometric distribution is fitted."""
    is_partial: bool = False
    """Whether many families have no cell."""

    @property
    def usual_shares(self) -> Floats:
        """Return the shares of the cells where noise hides the counts."""
        if self.is_geometric:
            return list_size_shares(USUAL_REPEAT[0])
        weights = np.array([*self.usual, *[0.0] * (self.num_cells - len(self.usual))])
        return weights / weights.sum() if self.usual else np.full(self.num_cells, 1 / self.num_cells)


def list_size_shares(repeat: float) -> Floats:
    """Return the shares of the size classes if each further colour has the probability `repeat`."""
    at_least = repeat ** np.array([0, *_SIZE_BOUNDS], np.float64)
    shares: Floats = -np.diff(np.append(at_least, 0.0))
    return shares


def _size_class(family: Family) -> int:
    return int(np.searchsorted(_SIZE_BOUNDS, family.num_colourways))


def _index(values: Sequence[str], value: str | None) -> int:
    """Return the place of a value, and the number of values for one that is not listed."""
    return values.index(value) if value in values else len(values)


PUBLIC_COLUMNS = (
    Column(
        name="discounts", bins="full price, or a discount: public", num_cells=2, usual=(1.0,),
        cell_of=lambda f: int(f.discount_percent > 0),
    ),
    Column(
        name="discount percents", bins="the nearest of listed percents: public", num_cells=len(PERCENTS),
        usual=tuple({10: 1.0, 20: 3.0, 30: 4.0, 40: 2.0, 50: 2.0}.get(percent, 0.05) for percent in PERCENTS),
        is_partial=True, cell_of=lambda f: PERCENTS.index(f.discount_percent) if f.discount_percent else -1,
    ),
    Column(
        name="colourways of a design", bins="classes of the number of colours: public", num_cells=len(SIZES),
        is_geometric=True, cell_of=_size_class,
    ),
    Column(
        name="materials", bins="what the renderer draws, or none: public", num_cells=1 + len(MATERIALS),
        usual=(*[0.0] * len(MATERIALS), 1.0), cell_of=lambda f: _index(MATERIALS, f.material),
    ),
    Column(
        name="patterns", bins="what the renderer draws, or none: public", num_cells=1 + len(PATTERNS),
        usual=(*[0.0] * len(PATTERNS), 1.0), cell_of=lambda f: _index(PATTERNS, f.pattern),
    ),
    Column(
        name="colours", bins="named colours, or none: public", num_cells=1 + len(PALETTE),
        usual=(*[0.0] * len(PALETTE), 1.0),
        cell_of=lambda f: _index(tuple(PALETTE), f.colour),
    ),
    Column(
        name="navigation labels", bins="none, or a label of a public list: public", num_cells=1 + len(LABELS),
        usual=(1.0,),        cell_of=lambda f: 1 + LABELS.index(f.label) if f.label in LABELS else 0,
    ),
)  # fmt: skip
