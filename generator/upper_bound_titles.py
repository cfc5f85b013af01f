"""Which titles one answer can match at once: an answer need not be a title of the shop, it may hedge between several.

A title counts as matched when twice the shared words over all words reaches a threshold, so "Wool Crew Sweater" matches
both "Wool Sweater" and "Wool Crew-neck Sweater" at 0.8. The best answer is found among all sets of words.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Words = tuple[str, ...]
"""The words of a title as they are compared, sorted; a word that stands twice is there twice."""
_MOST_STEPS = 5000
_MOST_TITLES = 100


@dataclass(frozen=True, slots=True)
class Together:
    """The largest sets of titles that one answer matches."""

    sets: tuple[frozenset[int], ...]
    """Places in the list of titles."""
    exact: bool
    """False where the search was cut short: then some sets are larger than what any answer matches."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Words that stand in the same titles: only how many of them are answered matters."""

    size: int
    titles: frozenset[int]


def matched_together(titles: Sequence[Words], least_f1: float, most_steps: int = _MOST_STEPS) -> Together:
    """Every largest set of titles whose F1 with one answer is at least `least_f1`, by branch and bound.

    Words are decided group by group; a title is out of reach when even all undecided words of its own would not do.
    Words that no title holds only lower F1, and the second copy of a word is never better than the first, so nothing is
    lost. After `most_steps` steps the titles within reach stand for what could still be matched: an upper bound; so do
    all of more than a hundred titles, unless the words they share are enough.
    """
    everything = frozenset(range(len(titles)))
    search = _Search(titles, least_f1, most_steps)
    shared = search.groups[0].size if search.groups[0].titles == everything else 0
    if all(2 * shared >= least_f1 * (shared + length) for length in search.lengths):
        return Together((everything,), True)
    if len(titles) > _MOST_TITLES:
        return Together((everything,), False)
    search.decide(0, 0, [0] * len(titles))
    found = search.found
    return Together(tuple(one for one in found if not any(one < other for other in found)), search.steps <= most_steps)


class _Search:
    """Depth first over the groups, most of a group first."""

    def __init__(self, titles: Sequence[Words], least_f1: float, most_steps: int) -> None:
        self.lengths = [len(words) for words in titles]
        self.least_f1 = least_f1
        self.most_steps = most_steps
        self.steps = 0
        self.found: list[frozenset[int]] = []
        self.groups = _groups(titles)
        self.left = [[0] * len(titles)]
        for group in reversed(self.groups):
            last = self.left[0]
            self.left.insert(0, [n + group.size * (i in group.titles) for i, n in enumerate(last)])

    def decide(self, number: int, num_words: int, shared: list[int]) -> None:
        """Take 0 to all words of group `number`; `shared` words of each title are among the `num_words` so far."""
        self.steps += 1
        reach = frozenset(i for i in range(len(shared)) if self._within_reach(i, number, num_words, shared[i]))
        if not reach or any(reach <= known for known in self.found):
            return
        if number == len(self.groups) or self.steps > self.most_steps:
            self.found.append(reach)
            return
        group = self.groups[number]
        in_all = len(group.titles) == len(shared)  # such a word raises every F1
        for taken in range(group.size, group.size - 1 if in_all else -1, -1):
            more = [n + taken * (i in group.titles) for i, n in enumerate(shared)]
            self.decide(number + 1, num_words + taken, more)

    def _within_reach(self, i: int, number: int, num_words: int, shared: int) -> bool:
        left = self.left[number][i]
        return 2 * (shared + left) >= self.least_f1 * (num_words + left + self.lengths[i])


def _groups(titles: Sequence[Words]) -> list[_Group]:
    """The words of all titles by where they stand, those of the most titles first."""
    places: dict[tuple[str, int], set[int]] = {}
    for i, words in enumerate(titles):
        for word, count in Counter(words).items():
            for copy in range(count):
                places.setdefault((word, copy), set()).add(i)
    sizes = Counter(frozenset(where) for where in places.values())
    groups = [_Group(size, where) for where, size in sizes.items()]
    return sorted(groups, key=lambda group: (-len(group.titles), sorted(group.titles)))
