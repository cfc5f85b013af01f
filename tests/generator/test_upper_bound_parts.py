"""The parts of a ceiling: titles one answer can match together, colours and ranks shared out among colourways."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.scoring import ROUNDING, token_f1
from generator.sampling.products import first_of_design
from generator.upper_bound_colours import colour_shares, rank_shares
from generator.upper_bound_titles import Together, matched_together
from schemas.specs import load


@given(
    st.lists(
        st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(lambda words: tuple(sorted(words))),
        min_size=1,
        max_size=5,
        unique=True,
    ),
    st.sampled_from([0.5, 0.6, 0.8, 1.0]),
)
def test_titles_matched_together_are_those_of_brute_force(titles: list[tuple[str, ...]], least: float) -> None:
    most = {word: max(title.count(word) for title in titles) for word in "abcde"}
    every = itertools.product(*(range(most[word] + 1) for word in "abcde"))
    answers = [" ".join(w for w, n in zip("abcde", counts, strict=True) for _ in range(n)) for counts in every]
    sets = {
        frozenset(i for i, title in enumerate(titles) if token_f1(answer, " ".join(title)) >= least - ROUNDING)
        for answer in answers
        if answer
    }
    largest = {one for one in sets if one and not any(one < other for other in sets)}
    found = matched_together(titles, least - ROUNDING)
    assert found.exact
    assert set(found.sets) == largest
    short = matched_together(titles, least - ROUNDING, most_steps=2)
    assert all(any(one <= other for other in short.sets) for one in largest)
    assert short.exact or any(one not in sets for one in short.sets) or set(short.sets) == largest


def test_very_many_titles_are_bounded_unless_their_shared_words_are_enough() -> None:
    many = [(f"line {number}", "scarf") for number in range(150)]
    assert matched_together(many, 0.8) == Together((frozenset(range(150)),), False)
    assert matched_together([("cashmere", *words) for words in many], 0.8) == Together((frozenset(range(150)),), True)


@given(st.lists(st.sampled_from([0.0, 0.7, 1.0, 4.0]), min_size=1, max_size=5).filter(any), st.integers(1, 7))
def test_colours_are_shared_out_as_by_every_order_of_drawing(weights: list[float], longest: int) -> None:
    ranks = tuple(1 / 2 ** (rank + 1) for rank in range(longest))
    expected = np.zeros(len(weights))

    def draw(rank: int, chance: float, left: dict[int, float]) -> None:
        if rank < longest:
            left = left or {v: w for v, w in enumerate(weights) if w > 0}
            for v, weight in left.items():
                share = chance * weight / sum(left.values())
                expected[v] += share * ranks[rank]
                draw(rank + 1, share, {other: w for other, w in left.items() if other != v})

    draw(0, 1.0, {})
    found = colour_shares(tuple(weights), ranks)
    assert found / found.sum() == pytest.approx(expected / expected.sum(), abs=1e-9)


def test_ranks_are_shared_out_as_in_a_long_catalog() -> None:
    spec = load("fashion-luxury", "catalog")
    index_N = np.arange(120_000)
    counted = np.bincount(index_N - first_of_design(spec, 1, index_N), minlength=6) / len(index_N)
    assert sum(rank_shares(spec)) == pytest.approx(1)
    assert rank_shares(spec) == pytest.approx(counted.tolist(), abs=0.006)
