"""Choose the leaf categories of a fitted spec and the kinds of products that each of them sells.

    leaves, remarks = select_leaves(families, options)

A kind is a silhouette within a leaf. The type word of a product's title says it, else the name of the leaf: a broad
leaf such as CLOTHING has as many kinds as its titles name. Where type words name a material or a pattern (Lederjacke,
Karohemd), their products are a kind of their own, so that they are drawn so. A leaf or a kind of fewer than k families
is counted under the next best one, so that no share of the spec has fewer than k families behind it.
"""

import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.fit import CategoryPath, FitOptions
from generator.fit.families import Family, count_families, find_fixed, find_type
from generator.fit.vocabulary import list_named_silhouettes, remove_unusual, split_people
from generator.scaffold.starter_spec import AREAS, GROUPS
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.silhouettes import RECORDS

Value = TypeVar("Value", bound=Hashable)
_GROUP_WORDS = {
    "clothing": "apparel, clothes, garments, ready-to-wear, prêt-à-porter, kleidung, abbigliamento, ropa, 衣類,"
    " 服装, 成衣",
    "shoes": "schuhwerk, scarpe, calzado, zapatos, 靴, 鞋, 鞋履",
    "bags": "handbags, handtaschen, sacs à main, borse, bolsos, 包袋",
    "accessories": "zubehör, accessori, accesorios, leather goods, small leather goods, lederwaren,"
    " maroquinerie, 小物, 配饰",
}  # fmt: skip
"""Further names of groups of silhouettes."""
_AREA_WORDS = {
    "fashion": "moda",
    "beauty": "cosmetics, kosmetik, cosmétiques, belleza, bellezza, コスメ, 美妆",
    "home": "living, homeware, haushalt, casa, hogar, ホーム, 家居",
}
"""Further names of areas of a shop."""
_NEIGHBOUR_GROUPS = {"clothing": ("clothing", "outerwear"), "accessories": ("accessories", "bags")}
"""What shops sell under the name of a group beside the group itself."""
_JOINTS = re.compile(r"\s*[&/,+|・、＆／]\s*|\s+(?:and|und|et|e|y|n)\s+")
"""What is between two things in the name of a category."""
_USUAL_KINDS = 4
"""A broad leaf whose titles say nothing sells this many silhouettes of its group."""
_MOST_EXAMPLES = 3
_NOTHING = (None, None)
_NO_PATH = ("", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedKind:
    """One kind of products of one leaf category, and the records to fit it to."""

    path: CategoryPath
    silhouette: str
    members: tuple[Family, ...]
    """Its records; fewer than k families where the leaf has too few of every kind."""
    levels: tuple[tuple[Family, ...], ...]
    """The members, then records of the same silhouette in the same first category, then in the whole shop."""
    leaf: tuple[Family, ...]
    """All records of the leaf."""
    named: tuple[Family, ...]
    """The records of the whole shop that name its silhouette themselves, also those counted under another one."""
    weight: float
    """Its part of the leaf's designs; a number of records, or a part of them in proportion to others."""
    fixed: tuple[str | None, str | None] = (None, None)
    """The material and the pattern that the type word of all of its titles names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLeaf:
    """A leaf category with its kinds."""

    path: CategoryPath
    members: tuple[Family, ...]
    kinds: tuple[FittedKind, ...]
    weight: float
    """Its part of all designs."""
    is_guess: bool
    """Whether neither a title nor the name of the leaf says what it sells."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A rule that changed how rows are counted, for people."""

    what: str
    num_rows: float
    remedy: str
    """What changes it: an option of the command, or something to edit."""


def select_leaves(families: Sequence[Family], options: FitOptions) -> tuple[list[FittedLeaf], list[Remark]]:
    """Choose the leaves and their kinds. Raises ToileError if no leaf has enough families."""
    placed = [member for member in families if member.path is not None]
    remarks: list[Remark] = []
    if options.categories is not None:
        listed = set(options.categories)
        remarks.append(_remark("are of a category that is not on the list", placed, listed, "--categories"))
        placed = [member for member in placed if member.path in listed]
    if not placed:
        hint = "import it again with --category NAME, or name the column: --column category3_code=THEIRS"
        problem = "of a category" if options.categories is None else "of a category that is on the list"
        raise ToileError("the catalog", f"has no product in the train split {problem} that an image can show", hint)
    kept, leaf_weights = _move_rare_leaves(placed, options.min_support)
    changed = [old for old, new in zip(placed, kept, strict=True) if new.path != old.path]
    kinded, kind_weights, guessed = _assign_kinds(kept, options.min_support)
    rare = [new for old, new in zip(kept, kinded, strict=True) if old.kind not in (None, new.kind)]
    remarks += [
        Remark(
            f"are of leaf categories with fewer than {options.min_support} designs: counted under another leaf",
            count_rows(changed),
            "--min-support",
        ),
        Remark(
            f"are of a type with fewer than {options.min_support} designs in its leaf: counted under another type",
            count_rows(rare),
            "--min-support",
        ),
        Remark(
            f"are of what toile cannot draw ({_list_undrawn(kept)}): they become other types of their leaf",
            count_rows(member for member in kept if member.undrawn),
            "leave them out of the table",
        ),
        Remark(
            f"are of leaf categories without any type of {options.min_support} designs: their types are toile's guess",
            count_rows(member for member in kept if member.path in guessed),
            "--min-support, or edit `kinds`",
        ),
        Remark(
            "name no type that toile knows: they share the types of their leaf",
            count_rows(member for member in kept if member.kind is None and not member.undrawn),
            "edit `kinds`",
        ),
    ]
    named = {kind: tuple(each) for kind, each in group_by(kept, lambda member: member.kind).items()}
    return _build_leaves(kinded, leaf_weights, kind_weights, guessed, named, options.min_support), remarks


def _list_undrawn(members: Iterable[Family]) -> str:
    """List the most frequent words of products that no silhouette looks like; all are toile's own words."""
    counts = Counter(member.undrawn.casefold() for member in members if member.undrawn)
    names = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_EXAMPLES]]
    return ", ".join([*names, *(["..."] if len(counts) > len(names) else [])])


def load_categories(path: Path) -> tuple[CategoryPath, ...]:
    """Load a public list of categories from YAML; each is a list of three names or `A > B > C`.

    Raises ToileError if the file is something else.
    """
    document = read_document(path)
    hint = "write lines such as `- WOMAN > OUTERWEAR > COATS` or `- [WOMAN, OUTERWEAR, COATS]`"
    if not isinstance(document, list) or not document:
        raise ToileError(str(path), "is not a list of categories", hint)
    found = []
    for number, entry in enumerate(document):
        names = [str(name) for name in entry] if isinstance(entry, list) else str(entry).split(" > ")
        names = [" ".join(name.replace(",", " &").split()) for name in names]
        if len(names) != 3 or not all(names):
            raise ToileError(f"{path}: [{number}]", f"{entry!r} is not a path of three names", hint)
        found.append((names[0], names[1], names[2]))
    return tuple(dict.fromkeys(found))


def count_rows(members: Iterable[Family]) -> int:
    """Count the rows of records."""
    return sum(member.num_colourways for member in members)


def group_by(members: Iterable[Family], key: Callable[[Family], Value]) -> dict[Value, list[Family]]:
    """Group records by a value, in the order of their first record."""
    found: dict[Value, list[Family]] = defaultdict(list)
    for member in members:
        found[key(member)].append(member)
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The values of some records."""

    common: Mapping[Any, float]
    """Value of at least k families -> weight."""
    left: float
    """The weight of the others."""
    num_left: int
    """The families that have any of the others."""


def round_borrowed(weight: float) -> float:
    """Round a weight that other records decide; it is never a whole number, which would say that it was counted."""
    rounded = round(weight, 2) if weight >= 1 else float(f"{weight:.3g}")
    return round(rounded + 0.01, 2) if rounded % 1 == 0 else rounded


def limit_growth(weight: float, num_families: int, pooled: float, min_support: int) -> float:
    """Limit the weight of k families and a few more, so that it grows from that of a wider group, `pooled`.

    Fewer than k families have the weight `pooled`: one family more changes a weight by at most k / (k - 1).
    """
    if min_support == 1 or pooled <= 0:
        return weight
    return min(weight, pooled * (min_support / (min_support - 1)) ** min(num_families - min_support + 1, 100))


class ValueCounter:
    """Counts the values of records; records that several kinds share are counted once."""

    def __init__(self, values_of: Callable[[Family], Iterable[tuple[Any, float]]], min_support: int) -> None:
        self.values_of, self.min_support = values_of, min_support
        self._counted: dict[int, tuple[Sequence[Family], _Counted]] = {}

    def weigh(self, own: Sequence[Family], upper: Sequence[Family]) -> dict[Any, float]:
        """Weigh values by how often records have them, with at least k families behind each.

        Values of fewer families are not counted one by one: together they have the proportions of `upper`, among the
        values that are not counted yet; where less than k families have any of them, so is their part.
        """
        here, there = self._count(own), self._count(upper)
        weights = dict(here.common)
        found = {value: weight for value, weight in there.common.items() if value not in weights}
        if found and (here.num_left or not weights):
            total, counted = sum(found.values()), sum(weights.values())
            left = here.left
            if weights and here.num_left < self.min_support:
                most = left / here.num_left * (self.min_support - 1)
                left = min(counted * total / max(sum(there.common.values()) - total, 1e-9), most)
            weights |= {value: round_borrowed((left or 1.0) * weight / total) for value, weight in found.items()}
        return dict(sorted(weights.items(), key=lambda item: (-item[1], str(item[0]))))

    def _count(self, members: Sequence[Family]) -> _Counted:
        if id(members) not in self._counted:  # the records are kept beside the counts, so that no id is used again
            here: Counter[Any] = Counter()
            holders: dict[Any, set[object]] = defaultdict(set)
            for index, member in enumerate(members):
                for value, weight in self.values_of(member):
                    here[value] += weight  # type: ignore[assignment]
                    holders[value].add(member.name or index)
            common = {v: float(w) for v, w in here.items() if len(holders[v]) >= self.min_support and w > 0}
            rare = set().union(*(each for value, each in holders.items() if value not in common))
            counted = _Counted(common, float(here.total()) - sum(common.values()), len(rare))
            self._counted[id(members)] = members, counted
        return self._counted[id(members)][1]


def _remark(what: str, members: Sequence[Family], kept: set[CategoryPath], remedy: str) -> Remark:
    return Remark(what, count_rows(member for member in members if member.path not in kept), remedy)


def _move_rare_leaves(members: Sequence[Family], min_support: int) -> tuple[list[Family], dict[CategoryPath, float]]:
    """Return the records under leaves whose shares k families support, and the weight of each leaf.

    Where the rare leaves of a parent have k families together, those with names that k families have anywhere share
    these records in the proportions of the whole shop. Else the records of a rare leaf go to a leaf of the same parent
    that sells their kind, or of the same name elsewhere; else those left under a parent become one leaf with the
    parent's name, if they are enough; else they go to another leaf of the parent, of the first category, of the shop,
    last to the largest leaf that was made so.
    Raises ToileError if all records together are too few.
    """
    if count_families(members) < min_support:
        num_families, all_rows = count_families(members), count_rows(members)
        noun = "product family" if num_families == 1 else "product families"
        problem = f"has {num_families} {noun} with a category in the train split"
        hint = f"{min_support} are needed: fit more rows, or lower --min-support"
        if all_rows >= 2 * max(min_support, num_families):
            problem += f", of {all_rows} rows"
            hint = "rows with an equal title are one family: import it with fuller titles (--column title=THEIRS)"
        raise ToileError("the catalog", problem, hint)
    paths = [member.path or _NO_PATH for member in members]
    by_leaf = _groups(range(len(members)), lambda i: paths[i])
    large = {path for path, each in by_leaf.items() if count_families(members[i] for i in each) >= min_support}
    kinds = {
        (path, kind)
        for path in large
        for kind, each in _groups(by_leaf[path], lambda i: members[i].kind).items()
        if count_families(members[i] for i in each) >= min_support
    }
    weights: Counter[CategoryPath] = Counter()
    found: dict[int, CategoryPath] = {}
    open_: list[int] = []
    for i, path in enumerate(paths):
        if path in large:
            found[i] = path
            weights[path] += 1
        else:
            open_.append(i)
    num_rows = {path: count_rows(members[i] for i in by_leaf[path]) for path in large}
    given: Counter[CategoryPath] = Counter()

    def put(i: int, path: CategoryPath, weight: float = 1.0) -> None:
        found[i] = path
        weights[path] += weight  # type: ignore[assignment]
        open_.remove(i)

    def share_names() -> None:
        names = _groups(range(len(members)), lambda i: paths[i][2])
        for parent, numbers in _groups(open_, lambda i: paths[i][:2]).items():
            sizes = {
                name: float(len(names[name]))
                for name in {paths[i][2] for i in numbers}
                if count_families(members[i] for i in names[name]) >= min_support
            }
            if count_families(members[i] for i in numbers) >= min_support and sizes:
                for i, name in assign_shares({i: paths[i][2] for i in numbers}, sizes).items():
                    put(i, (parent[0], parent[1], name), 0.0)
                for name, size in sizes.items():
                    weights[parent[0], parent[1], name] += len(numbers) * size / sum(sizes.values())  # type: ignore[assignment]

    def place(depth: int, fits_record: Callable[[CategoryPath, int], bool]) -> None:
        for i in list(open_):
            fits = [path for path in large if path[:depth] == paths[i][:depth] and fits_record(path, i)]
            if fits:
                path = max(fits, key=lambda each: (num_rows[each] / (1 + given[each]), each))
                given[path] += 1
                put(i, path)

    def merge(depth: int) -> None:
        for parent, numbers in _groups(open_, lambda i: paths[i][:depth]).items():
            if count_families(members[i] for i in numbers) >= min_support:
                path = (*parent, *[(parent or ("ALL",))[-1]] * (3 - depth))
                for i in numbers:
                    put(i, (path[0], path[1], path[2]))

    share_names()
    place(2, lambda path, i: (path, members[i].kind) in kinds)
    place(1, lambda path, i: path[2] == paths[i][2])
    merge(2)
    place(2, lambda path, i: True)
    for depth in (1, 0):
        place(depth, lambda path, i: path[2] == paths[i][2])
        place(depth, lambda path, i: (path, members[i].kind) in kinds)
        merge(depth)
        place(depth, lambda path, i: True)
    if open_:  # fewer than k are left, and no leaf was large to begin with: they join the largest new one
        largest = max(weights, key=lambda path: (weights[path], path))
        for i in list(open_):
            put(i, largest)
    return [replace(member, path=found[i]) for i, member in enumerate(members)], dict(weights)


def assign_shares(own: Mapping[int, str], sizes: Mapping[str, float]) -> dict[int, str]:
    """Assign records (numbers with their own values) to values in the proportions of `sizes`, their own value first."""
    total = sum(sizes.values())
    quotas = {value: len(own) * size / total for value, size in sizes.items()}
    room = {value: math.floor(quota) for value, quota in quotas.items()}
    for value in sorted(quotas, key=lambda v: (room[v] - quotas[v], v))[: len(own) - sum(room.values())]:
        room[value] += 1
    found: dict[int, str] = {}
    for number, value in own.items():
        if room.get(value, 0) > 0:
            found[number] = value
            room[value] -= 1
    free = [value for value in sorted(room, key=lambda v: (-room[v], v)) for _ in range(room[value])]
    return found | dict(zip((number for number in own if number not in found), free, strict=True))


def _groups(numbers: Iterable[int], key: Callable[[int], Value]) -> dict[Value, list[int]]:
    found: dict[Value, list[int]] = defaultdict(list)
    for number in numbers:
        found[key(number)].append(number)
    return dict(found)


def count_kinds(members: Iterable[Family], kinds: Container[str], min_support: int) -> dict[str, float]:
    """Count the records of each of these kinds that at least k families have."""
    groups = group_by(members, lambda member: member.kind)
    return {
        kind: float(len(each))
        for kind, each in groups.items()
        if kind is not None and kind in kinds and count_families(each) >= min_support
    }


def _assign_kinds(
    members: Sequence[Family], min_support: int
) -> tuple[list[Family], dict[tuple[CategoryPath, str], float], set[CategoryPath]]:
    """Give every record a kind, in proportions that at least k families support.

    Rare kinds of a leaf that k families have in leaves of the same name share their records in the proportions there;
    where less than k families of the leaf have them, also their part of the leaf is that of leaves of the same name. A
    leaf without any such kind has the proportions, among its own kinds, of its parent, its first category or the shop.
    Kinds that the names of the leaf exclude have no part in this. A leaf without any kind has those that its names
    allow.
    Other records are counted as the leaf's kind of the same group that is nearest in price. Returns the records in
    their order, the weight of each kind in its leaf, and the leaves whose kinds are a guess.
    """
    found: dict[int, str] = {}
    weights: dict[tuple[CategoryPath, str], float] = {}
    guessed: set[CategoryPath] = set()
    by_name = group_by(members, lambda member: (member.path or _NO_PATH)[2])
    for path, numbers in _groups(range(len(members)), lambda i: members[i].path or _NO_PATH).items():
        named = _groups((i for i in numbers if members[i].kind), lambda i: members[i].kind or "")
        own = {k: each for k, each in named.items() if count_families(members[i] for i in each) >= min_support}
        fitting = (named.keys() - own.keys()) & list_allowed_silhouettes(path)
        elsewhere = count_kinds(by_name[path[2]], fitting, min_support)
        if not own and not elsewhere:  # its rare kinds have the proportions of the parent, the first category, the shop
            wider = (
                count_kinds((m for m in members if (m.path or _NO_PATH)[:depth] == path[:depth]), fitting, min_support)
                for depth in (2, 1, 0)
            )
            elsewhere = next((each for each in wider if each), {})
        here: Counter[str] = Counter()
        for kind, each in own.items():  # of k families and a few more their part grows from that of the leaf's name
            pooled = len(numbers) * sum(m.kind == kind for m in by_name[path[2]]) / len(by_name[path[2]])
            here[kind] = limit_growth(len(each), count_families(members[i] for i in each), pooled, min_support)  # type: ignore[assignment]
        counted = dict(here)
        found |= {i: kind for kind, each in own.items() for i in each}
        rare = sorted((i for i in numbers if i not in found and members[i].kind), key=lambda i: _price_key(members[i]))
        if elsewhere and rare:
            found |= assign_shares({i: members[i].kind or "" for i in rare}, elsewhere)
            weight = float(len(rare))
            num_families = count_families(members[i] for i in rare)
            pooled = min(len(numbers) * sum(elsewhere.values()) / len(by_name[path[2]]), max(min_support - 1.0, 0.5))
            if own and num_families < min_support:  # then their number is not counted
                weight = pooled
            elif own:
                weight = limit_growth(weight, num_families, pooled, min_support)
            if own and weight != len(rare):
                here = Counter({kind: part * (1 - weight / len(numbers)) for kind, part in counted.items()})
            for kind, size in elsewhere.items():
                here[kind] += weight * size / sum(elsewhere.values())  # type: ignore[assignment]
        rest = sorted((i for i in numbers if i not in found), key=lambda i: _price_key(members[i]))
        if here:
            known = _groups((i for i in numbers if i in found), found.__getitem__)
            levels = {kind: _log_price([members[i] for i in each]) for kind, each in known.items()}
            for i in rest:
                found[i] = _nearest_kind(members[i], known, levels)
                here[found[i]] += 1
        else:
            groups = _groups((i for i in numbers if members[i].kind), lambda i: RECORDS[members[i].kind or ""].group)
            sold = max(groups, key=lambda group: (len(groups[group]), group), default=None)
            is_common = sold is not None and count_families(members[i] for i in groups[sold]) >= min_support
            usual, is_guess = _guess_kinds(path, sold if is_common else None, members, min_support)
            guessed |= {path} if is_guess else set()
            found |= assign_shares(dict.fromkeys(rest, ""), usual)
            for kind, size in usual.items():
                here[kind] += len(rest) * size / sum(usual.values())  # type: ignore[assignment]
        weights |= {(path, kind): float(weight) for kind, weight in here.items()}
    return [_change_kind(member, found[i]) for i, member in enumerate(members)], weights, guessed


def _change_kind(member: Family, kind: str) -> Family:
    """Return a record as one of another kind, without a material that this kind is hardly made of: a leather scarf."""
    keeps = member.kind in (None, kind) or member.material is None or member.material in RECORDS[kind].materials
    return replace(member, kind=kind, material=member.material if keeps else None)


def _price_key(member: Family) -> float:
    return member.full_price or 0.0


def _nearest_kind(member: Family, counts: Mapping[str, Sequence[int]], levels: Mapping[str, float | None]) -> str:
    """Return the kind for a record of a rare or unknown type: of the same group, and nearest in price."""
    group = RECORDS[member.kind].group if member.kind else None
    fits = [kind for kind in counts if RECORDS[kind].group == group] or list(counts)
    price = math.log(member.full_price) if member.full_price else None

    def distance(kind: str) -> tuple[float, int, str]:
        level = levels[kind]
        return (abs(level - price) if level is not None and price is not None else 0.0, -len(counts[kind]), kind)

    return min(fits, key=distance)


def _log_price(members: Sequence[Family]) -> float | None:
    logs = sorted(math.log(member.full_price) for member in members if member.full_price)
    return logs[len(logs) // 2] if logs else None


def _guess_kinds(
    path: CategoryPath, group: str | None, members: Sequence[Family], min_support: int
) -> tuple[Mapping[str, float], bool]:
    """Guess the silhouettes of a leaf without a known type. Returns them with their shares, and whether it is a guess.

    They are those that the names of the path allow. A leaf that allows several sells several, since none has k families
    there: those that k families have under its parent, in the first category, in the shop, filled up with toile's
    usual ones. `group` is the group of silhouettes that its titles name, where they say that much; the name of the
    leaf counts more, the names of its parents less.
    """
    allowed = list_allowed_silhouettes(path)
    inside = frozenset(record.name for record in RECORDS.values() if record.group == group)
    if inside and not list_meant_silhouettes(path[2]):
        allowed = allowed & inside or remove_unusual(inside, path)
    if len(allowed) == 1:
        return dict.fromkeys(allowed, 1.0), False
    found: dict[str, float] = {}
    for depth in (2, 1, 0):
        near = (member for member in members if (member.path or _NO_PATH)[:depth] == path[:depth])
        sold = count_kinds(near, allowed - found.keys(), min_support)
        free = max(_USUAL_KINDS - len(found), 0) if found else len(sold)
        most = sorted(sold, key=lambda kind: (-sold[kind], kind))[:free]
        found |= {kind: sold[kind] / sum(sold[each] for each in most) * len(most) for kind in most}
    sold_groups: dict[str, float] = dict.fromkeys(GROUPS, 0.0)
    for kind, weight in found.items():
        sold_groups[RECORDS[kind].group] += weight
    group = group or find_group(path) or (max(sold_groups, key=lambda each: sold_groups[each]) if found else "clothing")
    usual = [record.name for record in RECORDS.values() if record.group == group and record.name in allowed]
    usual = [name for name in usual or RECORDS if name in allowed and name not in found]
    free = max(_USUAL_KINDS - len(found), 0)
    return found | dict.fromkeys(usual[:: max(1, len(usual) // max(free, 1))][:free], 1.0), True


@functools.cache
def list_allowed_silhouettes(path: CategoryPath) -> frozenset[str]:
    """List the silhouettes that the names of a category allow.

    The name of the leaf counts first (SNEAKERS), then those of its parents (SHOES), as far as they agree; then the
    people whom it is for (no skirt for MAN). All silhouettes where no name says anything.
    """
    allowed = frozenset(RECORDS)
    for name in reversed(path):
        allowed = allowed & list_meant_silhouettes(name) or allowed
    return remove_unusual(allowed, path)


@functools.cache
def list_meant_silhouettes(name: str) -> frozenset[str]:
    """List the silhouettes that a category's name may mean: of a group (SHOES), an area (HOME), or by their own words.

    A name may join several (HATS & SCARVES). None for a name that says nothing (NEW, A12).
    """
    rest = split_people(name)[1]
    listed = _list_group_names()
    parts = [rest] if rest in listed else _JOINTS.split(rest)
    found: frozenset[str] = frozenset()
    for part in parts:
        groups = [near for group in listed.get(part, ()) for near in _NEIGHBOUR_GROUPS.get(group, (group,))]
        own = frozenset(record.name for record in RECORDS.values() if record.group in groups)
        found |= own or list_named_silhouettes(part)
    return found


@functools.cache
def _list_group_names() -> dict[str, tuple[str, ...]]:
    """Return folded name -> the groups of silhouettes that it means."""
    found: dict[str, tuple[str, ...]] = {}
    for area, names in AREAS.items():
        groups = tuple(group for group, (where, _) in GROUPS.items() if where == area)
        found |= dict.fromkeys((*names, *_AREA_WORDS[area].split(", ")), groups)
    for group, (_, names) in GROUPS.items():
        found |= dict.fromkeys((*names, *_GROUP_WORDS.get(group, group).split(", ")), (group,))
    return {split_people(name)[1]: groups for name, groups in found.items()}


def find_group(path: Sequence[str]) -> str | None:
    """Return the group of silhouettes that the names of a category say (SCHUHE, ACCESSORIES), the leaf's first."""
    found = (_list_group_names().get(split_people(name)[1], ()) for name in reversed(path))
    return next((groups[0] for groups in found if len(groups) == 1), None)


def list_partitions(paths: Sequence[CategoryPath], split: Sequence[bool] = ()) -> list[NDArray[np.int64]]:
    """List groupings of the leaves, from the finest to one group: an array of L group numbers each.

    Names of leaves say what is sold: leaves of one name are a group where names recur, else those of one parent.
    `split` keeps apart leaves of which it differs.
    """
    recur = len({path[2] for path in paths}) * 2 <= len(paths)
    middle: list[Any] = [path[2] if recur else path[:2] for path in paths]
    found = []
    for keys in (list(paths), middle, [path[:1] for path in paths], [()] * len(paths)):
        pairs = list(zip(keys, split or [False] * len(paths), strict=True))
        order = {pair: index for index, pair in enumerate(dict.fromkeys(pairs))}
        found.append(np.array([order[pair] for pair in pairs], np.int64))
    return found


def list_possible_kinds(paths: Sequence[CategoryPath], kinds: Sequence[str]) -> NDArray[np.float64]:
    """Return L x K: 0 for kinds that the names of the leaf exclude (a coat in ACCESSORIES, a skirt in MAN), else 1.

    Of the names of types, only their groups count: a leaf COATS has other outerwear too.
    """
    found = np.ones((len(paths), 1 + len(kinds)))
    for number, path in enumerate(paths):
        group = find_group(path)
        groups = GROUPS.keys() if group is None else _NEIGHBOUR_GROUPS.get(group, (group,))
        inside = frozenset(record.name for record in RECORDS.values() if record.group in groups)
        allowed = remove_unusual(inside, path)
        found[number, 1:] = [kind in allowed for kind in kinds]
    return found


def _build_leaves(
    members: Sequence[Family],
    leaf_weights: Mapping[CategoryPath, float],
    kind_weights: Mapping[tuple[CategoryPath, str], float],
    guessed: set[CategoryPath],
    named: Mapping[str | None, tuple[Family, ...]],
    min_support: int,
) -> list[FittedLeaf]:
    """Build the leaves with their kinds, the largest kind first; a kind may have no record, only a weight."""
    grouped = group_by(members, lambda m: ((m.path or _NO_PATH)[0], m.kind))
    same_first = {key: tuple(each) for key, each in grouped.items()}
    anywhere = {kind: tuple(each) for kind, each in group_by(members, lambda m: m.kind).items()}
    by_leaf = group_by(members, lambda m: m.path or _NO_PATH)
    by_kind = group_by(members, lambda m: (m.path or _NO_PATH, m.kind))
    leaves = []
    for path, weight in sorted(leaf_weights.items()):
        inside = tuple(by_leaf.get(path, ()))
        kinds = []
        for (where, kind), part in sorted(kind_weights.items(), key=lambda item: (-item[1], item[0])):
            if where == path:
                own = tuple(by_kind.get((path, kind), ()))
                levels = (own, same_first.get((path[0], kind), ()), anywhere.get(kind, ()))
                whole = FittedKind(
                    path=path,
                    silhouette=kind,
                    members=own,
                    levels=levels,
                    leaf=inside,
                    named=named.get(kind, ()),
                    weight=part,
                )
                kinds += _split_by_type_words(whole, min_support)
        if kinds:
            leaves.append(
                FittedLeaf(path=path, members=inside, kinds=tuple(kinds), weight=weight, is_guess=path in guessed)
            )
    return leaves


def _split_by_type_words(kind: FittedKind, min_support: int) -> list[FittedKind]:
    """Split a kind by the material and pattern that its type words name, where k families have the same.

    What is left is a kind too, if k families are left. Other records, and those whose title does not name the kind,
    are divided in proportion.
    """

    def read_fixed(member: Family) -> tuple[str | None, str | None] | None:
        found = find_type(member.words)
        return find_fixed(member.words) if found is not None and found[0] == kind.silhouette else None

    groups = group_by(kind.members, read_fixed)
    unnamed, rest = groups.pop(None, []), groups.pop(_NOTHING, [])
    named = ((value, own) for value, own in groups.items() if value is not None)
    fixed = sorted(named, key=lambda item: (-count_families(item[1]), str(item[0])))
    while fixed and count_families(fixed[-1][1]) < min_support:
        rest += fixed.pop()[1]
    if not fixed:
        return [kind]
    if count_families(rest) < min_support:
        unnamed, rest = [*unnamed, *rest], []
    values = [value for value, _ in fixed]
    parts: list[list[Family]] = [rest, *(own for _, own in fixed)]
    sizes = {str(number): float(len(own)) for number, own in enumerate(parts) if own}
    for i, number in assign_shares(dict.fromkeys(range(len(unnamed)), ""), sizes).items():
        parts[int(number)].append(unnamed[i])

    def build(own: Sequence[Family], value: tuple[str | None, str | None]) -> FittedKind:
        levels = tuple(
            tuple(m for m in level if (read_fixed(m) == value if value != _NOTHING else read_fixed(m) not in values))
            for level in kind.levels[1:]
        )
        weight = kind.weight * len(own) / len(kind.members)
        return replace(kind, members=tuple(own), levels=(tuple(own), *levels), weight=weight, fixed=value)

    return [build(own, value) for own, value in zip(parts, (_NOTHING, *values), strict=True) if own]
