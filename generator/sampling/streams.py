"""Independent named random streams: a counter-based hash of (seed, stream name, index).

Each subject (material, price, code, ...) has its own stream, so a new colour never changes a price, and value number i
does not depend on which other values are sampled. The mixer is the 64-bit finaliser of SplitMix64 (Steele, Lea and
Flood 2014, "Fast splittable pseudorandom number generators", section 5), applied twice with two keys per stream.

    >>> uniform(7, "price", np.arange(3)).round(3)
    array([0.703, 0.344, 0.704])
"""

import functools
import hashlib

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIFORM_BITS = 40  # few enough that table key + uniform stays exact in a double (see attributes.Choice)

# Moshier's rational functions for `normal_quantile`, numerator and denominator, highest power first
_MIDDLE = (
    (
        *(-59.9633501014107895267, 98.0010754185999661536, -56.6762857469070293439, 13.9312609387279679503),
        -1.23916583867381258016,
    ),
    (
        *(1.0, 1.95448858338141759834, 4.67627912898881538453, 86.3602421390890590575, -225.462687854119370527),
        *(200.260212380060660359, -82.0372256168333339912, 15.9056225126211695515, -1.18331621121330003142),
    ),
)
_ENDS = (
    (
        *(4.05544892305962419923, 31.5251094599893866154, 57.1628192246421288162, 44.0805073893200834700),
        *(14.6849561928858024014, 2.18663306850790267539, -0.140256079171354495875, -0.0350424626827848203418),
        -8.57456785154685413611e-4,
    ),
    (
        *(1.0, 15.7799883256466749731, 45.3907635128879210584, 41.3172038254672030440, 15.0425385692907503408),
        *(2.50464946208309415979, -0.142182922854787788574, -0.0380806407691578277194, -9.33259480895457427372e-4),
    ),
)
_END = 0.13533528323661269189
"""exp(-2): both ends begin at this probability."""
_SQRT_2PI = 2.50662827463100050242


def bits(seed: int, stream: str, index: Index) -> Bits:
    """Return 64 random bits for each index; `index` may contain any non-negative integers in any order."""
    first, second = _stream_keys(seed, stream)
    z = index.astype(np.uint64)  # a copy, changed in place from here on
    z *= _GOLDEN
    z += first
    _mix(z)
    z ^= second
    _mix(z)
    return z


def uniform(seed: int, stream: str, index: Index) -> Floats:
    """Return numbers in [0, 1) with a resolution of 2^-40."""
    z = bits(seed, stream, index)
    z >>= np.uint64(64 - _UNIFORM_BITS)
    numbers = z.astype(np.float64)
    numbers *= 2.0**-_UNIFORM_BITS
    return numbers


def uniform_again(seed: int, stream: str, index_N: Index, attempt_N: Index) -> Floats:
    """Return the same numbers for attempt 0, and independent ones for each further attempt."""
    numbers_N = uniform(seed, stream, index_N)
    for attempt in np.unique(attempt_N[attempt_N > 0]).tolist():
        rows = np.flatnonzero(attempt_N == attempt)
        numbers_N[rows] = uniform(seed, f"{stream}/again {attempt}", index_N[rows])
    return numbers_N


def normal(seed: int, stream: str, index: Index) -> Floats:
    """Return standard normal numbers by the inverse of the distribution function; |z| < 7.1."""
    return normal_quantile(uniform(seed, stream, index) + 2.0 ** -(_UNIFORM_BITS + 1))


def normal_quantile(p_N: Floats) -> Floats:
    """Return the quantile z of the standard normal distribution at p; for p and 1 - p above exp(-32).

    S. L. Moshier's approximation (Cephes Mathematical Library, `ndtri`): a rational function of (p - 1/2)^2 in the
    middle, of 1 / sqrt(-2 log p) towards both ends; relative error below 1e-15. scipy.special.ndtri is the same, but
    its import takes a third of a second.
    """
    shifted_N = p_N - 0.5
    square_N = shifted_N * shifted_N
    z_N = square_N * _polynomial(_MIDDLE[0], square_N) / _polynomial(_MIDDLE[1], square_N)
    z_N = (shifted_N + shifted_N * z_N) * _SQRT_2PI
    ends = np.flatnonzero((p_N <= _END) | (p_N > 1 - _END))
    tail_E = np.where(p_N[ends] > 0.5, 1 - p_N[ends], p_N[ends])
    x_E = np.sqrt(-2.0 * np.log(tail_E))
    inverse_E = 1.0 / x_E
    nearer_E = inverse_E * _polynomial(_ENDS[0], inverse_E) / _polynomial(_ENDS[1], inverse_E)
    distance_E = x_E - np.log(x_E) / x_E - nearer_E
    z_N[ends] = np.where(p_N[ends] > 0.5, distance_E, -distance_E)
    return z_N


def integers(seed: int, stream: str, index: Index) -> Index:
    """Return non-negative integers below 2^31, for use as seeds."""
    return (bits(seed, stream, index) >> np.uint64(33)).astype(np.int64)


@functools.lru_cache(maxsize=1024)
def _stream_keys(seed: int, stream: str) -> tuple[np.uint64, np.uint64]:
    """Return the two keys of a stream."""
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=16).digest()
    return np.uint64(int.from_bytes(digest[:8], "little")), np.uint64(int.from_bytes(digest[8:], "little"))


def _mix(z: Bits) -> None:
    """Apply SplitMix64's finaliser in place."""
    z ^= z >> np.uint64(30)
    z *= _M1
    z ^= z >> np.uint64(27)
    z *= _M2
    z ^= z >> np.uint64(31)


def _polynomial(coefficients: tuple[float, ...], x_N: Floats) -> Floats:
    """Evaluate by Horner's rule; coefficients with the highest power first."""
    value_N = np.full_like(x_N, coefficients[0])
    for coefficient in coefficients[1:]:
        value_N *= x_N
        value_N += coefficient
    return value_N
