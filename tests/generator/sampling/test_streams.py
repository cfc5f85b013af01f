"""Streams are independent, addressable, uniform and stable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from generator.sampling.streams import bits, integers, normal, normal_quantile, uniform

MASK = 2**64 - 1


def slow_bits(seed: int, stream: str, index: int) -> int:
    """Return the definition in Python integers: SplitMix64's finaliser twice, keyed by BLAKE2b."""
    import hashlib

    def mixed(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=16).digest()
    first, second = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    return mixed(mixed((index * 0x9E3779B97F4A7C15 + first) & MASK) ^ second)


@given(st.integers(0, 2**32), st.text(max_size=12), st.lists(st.integers(0, 2**53), min_size=1, max_size=20))
def test_bits_equal_their_slow_definition(seed: int, stream: str, index: list[int]) -> None:
    found = bits(seed, stream, np.array(index))
    assert found.tolist() == [slow_bits(seed, stream, i) for i in index]


def test_streams_never_change_between_versions() -> None:
    assert bits(0, "price", np.arange(3)).tolist() == [slow_bits(0, "price", i) for i in range(3)]
    assert bits(0, "price", np.array([12345])).tolist() == [15765496200901464264]


@given(st.permutations(range(30)))
def test_order_of_indices_does_not_matter(order: list[int]) -> None:
    whole = uniform(5, "colour", np.arange(30))
    assert uniform(5, "colour", np.array(order)).tolist() == whole[order].tolist()


def test_uniform_numbers_pass_a_kolmogorov_test_and_stay_below_one() -> None:
    numbers = uniform(1, "test", np.arange(200_000))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-4


def test_normal_numbers_pass_a_kolmogorov_test() -> None:
    assert stats.kstest(normal(1, "test", np.arange(200_000)), "norm").pvalue > 1e-4


def test_normal_quantiles_are_those_of_scipy_to_the_last_bit_or_two() -> None:
    numbers = uniform(2, "test", np.arange(200_000)) + 2.0**-41
    edges = np.array([2.0**-41, np.exp(-2), 0.5, 1 - np.exp(-2), 1 - 2.0**-41])
    for p_N in (numbers, edges, np.nextafter(edges, 0), np.nextafter(edges, 1)):
        np.testing.assert_allclose(normal_quantile(p_N), special.ndtri(p_N), rtol=1e-15, atol=0)
    assert (normal_quantile(numbers) == special.ndtri(numbers)).mean() > 0.999


@pytest.mark.parametrize(("first", "second"), [((0, "a"), (0, "b")), ((0, "a"), (1, "a"))])
def test_streams_of_other_names_and_seeds_are_uncorrelated(first: tuple[int, str], second: tuple[int, str]) -> None:
    index = np.arange(100_000)
    correlation = np.corrcoef(uniform(*first, index), uniform(*second, index))[0, 1]
    assert abs(correlation) < 0.015


def test_neighbouring_indices_are_uncorrelated() -> None:
    numbers = uniform(0, "a", np.arange(100_001))
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.015


def test_integers_fit_31_bits() -> None:
    numbers = integers(0, "design", np.arange(10_000))
    assert numbers.min() >= 0
    assert numbers.max() < 2**31
    assert numbers.max() > 2**30
