"""The arithmetic of many rows as compiled loops: streams, designs, choices, colours, prices, codes.

What each loop computes is defined by the numpy function named beside it; both give the same numbers bit for bit, which
the tests compare. `generator.rows.compiled_rows` calls them for large batches.
"""

import numpy as np
import numpy.typing as npt

from generator.render.engine.compiling import compiled
from generator.sampling.streams import END, ENDS, MIDDLE, SQRT_2PI, Bits, Floats, Index

Small = npt.NDArray[np.int32]
Small2 = npt.NDArray[np.int32]
"""The same with two dimensions."""
Keys = tuple[np.uint64, np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32, _33, _24 = (np.uint64(places) for places in (27, 30, 31, 32, 33, 24))
_LOW = np.uint64(0xFFFFFFFF)
_UNIT, _HALF_UNIT = 2.0**-40, 2.0**-41
_MIDDLE_ABOVE, _MIDDLE_BELOW = np.array(MIDDLE[0]), np.array(MIDDLE[1])
_ENDS_ABOVE, _ENDS_BELOW = np.array(ENDS[0]), np.array(ENDS[1])
_BLOCK = 512
_BITS_OF_CELL = np.int64(44)
_EMPTY = np.int32(-1)


@compiled
def random_bits(number: int | np.int64, first: np.uint64, second: np.uint64) -> np.uint64:
    """`streams.bits` of one number."""
    z = np.uint64(number) * _GOLDEN + first
    z = (z ^ (z >> _30)) * _M1
    z = (z ^ (z >> _27)) * _M2
    z = (z ^ (z >> _31)) ^ second
    z = (z ^ (z >> _30)) * _M1
    z = (z ^ (z >> _27)) * _M2
    return z ^ (z >> _31)


@compiled
def bits_of(index_N: Index, first: np.uint64, second: np.uint64) -> Bits:
    """`streams.bits`."""
    found_N = np.empty(len(index_N), np.uint64)
    for n in range(len(index_N)):
        found_N[n] = random_bits(index_N[n], first, second)
    return found_N


@compiled
def uniforms(index_N: Index, first: np.uint64, second: np.uint64) -> Floats:
    """`streams.uniform`."""
    found_N = np.empty(len(index_N), np.float64)
    for n in range(len(index_N)):
        found_N[n] = np.float64(random_bits(index_N[n], first, second) >> _24) * _UNIT
    return found_N


@compiled
def integers_of(index_N: Index, first: np.uint64, second: np.uint64) -> Index:
    """`streams.integers`."""
    found_N = np.empty(len(index_N), np.int64)
    for n in range(len(index_N)):
        found_N[n] = np.int64(random_bits(index_N[n], first, second) >> _33)
    return found_N


@compiled
def designs(index_N: Index, repeated_N: Floats, repeats: float, longest: int, keys: Keys) -> tuple[Index, Small, Index]:
    """`first_of_design` and `runs`: the designs of the runs, where they begin, the run of each row.

    `repeated_N` are the uniform numbers of the rows' own places in the stream.
    """
    design_D, run_N = np.empty(len(index_N), np.int64), np.empty(len(index_N), np.int32)
    first_D = np.empty(len(index_N), np.int64)
    run, before, design = -1, np.int64(-2), np.int64(-1)
    for n in range(len(index_N)):
        i = index_N[n]
        repeated = repeated_N[n] < repeats and i % longest != 0
        if repeated and i == before + 1:
            start = design
        else:
            start = i
            while repeated:
                start -= 1
                at = np.float64(random_bits(start, keys[0], keys[1]) >> _24) * _UNIT
                repeated = at < repeats and start % longest != 0
        if start != design:
            run += 1
            design, design_D[run], first_D[run] = start, start, n
        run_N[n] = run
        before = i
    return design_D[: run + 1], run_N, first_D[: run + 1]


@compiled
def picked(key_N: Index, uniform_N: Floats, edges: Floats, value_of_cell: Small, cells: int, num_values: int) -> Index:
    """`Choice.pick`."""
    found_N = np.empty(len(key_N), np.int64)
    for n in range(len(key_N)):
        key, u = key_N[n], uniform_N[n]
        value = np.int64(value_of_cell[key * cells + np.int64(u * cells)])
        if value < 0:
            low, high, sought = key * num_values, (key + 1) * num_values, key + u
            while low < high:
                middle = (low + high) // 2
                if edges[middle] <= sought:
                    low = middle + 1
                else:
                    high = middle
            value = low - key * num_values
        found_N[n] = value
    return found_N


@compiled
def drawn_apart(
    key_D: Index, first_D: Index, rank_N: Index, design_D: Index, weights_KV: Floats, keys_R2: Bits
) -> Index:
    """`choose_distinct`, given the designs of the runs and where these begin; `keys_R2` of the stream of each rank."""
    num_values, found_N = weights_KV.shape[1], np.empty(len(rank_N), np.int64)
    left_V, picked_R = np.empty(num_values, np.float64), np.empty(len(keys_R2), np.int64)
    cumulative_V = np.empty(num_values, np.float64)
    for d in range(len(first_D)):
        end = first_D[d + 1] if d + 1 < len(first_D) else len(rank_N)
        most = np.int64(0)
        for n in range(first_D[d], end):
            most = max(most, rank_N[n])
        left_V[:] = weights_KV[key_D[d]]
        for rank in range(most + 1):
            total = 0.0
            for v in range(num_values):
                total += left_V[v]
                cumulative_V[v] = total
            if total <= 0:
                left_V[:] = weights_KV[key_D[d]]
                total = 0.0
                for v in range(num_values):
                    total += left_V[v]
                    cumulative_V[v] = total
            reached = np.float64(random_bits(design_D[d], keys_R2[rank, 0], keys_R2[rank, 1]) >> _24) * _UNIT * total
            value = 0
            for v in range(num_values):
                value += cumulative_V[v] <= reached
            picked_R[rank] = value
            left_V[value] = 0.0
        for n in range(first_D[d], end):
            found_N[n] = picked_R[rank_N[n]]
    return found_N


@compiled
def numbered_keys(key_N: Index) -> tuple[Index, Index]:
    """`looks.numbered` of one column: the number of each row's key, in order of appearance, and a row that has it."""
    number_N, row_K = np.empty(len(key_N), np.int64), np.empty(len(key_N), np.int64)
    size, num_keys = 1 << 12, 0
    table = np.full(size, _EMPTY, np.int32)
    for n in range(len(key_N)):
        if num_keys * 2 >= size:
            size *= 4
            table = np.full(size, _EMPTY, np.int32)
            for k in range(num_keys):
                place = _place(key_N[row_K[k]], size)
                while table[place] != _EMPTY:
                    place = (place + 1) & (size - 1)
                table[place] = k
        key = key_N[n]
        place = _place(key, size)
        while table[place] != _EMPTY and key_N[row_K[table[place]]] != key:
            place = (place + 1) & (size - 1)
        if table[place] == _EMPTY:
            table[place], row_K[num_keys] = num_keys, n
            num_keys += 1
        number_N[n] = table[place]
    return number_N, row_K[:num_keys].copy()


@compiled
def _place(key: np.int64, size: int) -> np.int64:
    z = np.uint64(key) * _GOLDEN
    return np.int64(z >> _32) & (size - 1)


@compiled
def middle_quantiles(index_N: Index, first: np.uint64, second: np.uint64) -> tuple[Floats, Floats, Index]:
    """`streams.normal` but for the ends: also returns the probabilities there, and where they stand."""
    z_N, end_E, p_E = np.empty(len(index_N)), np.empty(len(index_N), np.int64), np.empty(len(index_N))
    num_ends = 0
    for n in range(len(index_N)):
        p = np.float64(random_bits(index_N[n], first, second) >> _24) * _UNIT + _HALF_UNIT
        shifted = p - 0.5
        square = shifted * shifted
        z = square * polynomial(_MIDDLE_ABOVE, square) / polynomial(_MIDDLE_BELOW, square)
        z_N[n] = (shifted + shifted * z) * SQRT_2PI
        end_E[num_ends], p_E[num_ends] = n, p
        if p <= END or p > 1 - END:
            num_ends += 1
    return z_N, p_E[:num_ends].copy(), end_E[:num_ends].copy()


@compiled
def put_end_quantiles(z_N: Floats, end_E: Index, p_E: Floats, x_E: Floats, log_E: Floats) -> None:
    """The ends, given x = sqrt(-2 log p) and the logarithm of that."""
    for e in range(len(end_E)):
        inverse = 1.0 / x_E[e]
        nearer = inverse * polynomial(_ENDS_ABOVE, inverse) / polynomial(_ENDS_BELOW, inverse)
        distance = x_E[e] - log_E[e] / x_E[e] - nearer
        z_N[end_E[e]] = distance if p_E[e] > 0.5 else -distance


@compiled
def polynomial(coefficients: Floats, x: np.float64) -> np.float64:
    """Horner's rule, highest power first."""
    value: np.float64 = coefficients[0]
    for k in range(1, len(coefficients)):
        value = value * x + coefficients[k]
    return value


@compiled
def cells_of(points: Floats) -> Index:
    """For `nearest`: how many of the ascending points, all above 0, lie below each cell of floating-point numbers."""
    first = points[:1].view(np.int64)[0] >> _BITS_OF_CELL
    last = points[-1:].view(np.int64)[0] >> _BITS_OF_CELL
    found = np.zeros(last - first + 2, np.int64)
    numbers = points.view(np.int64)
    for k in range(len(points)):
        found[(numbers[k] >> _BITS_OF_CELL) - first + 1] += 1
    return np.cumsum(found)


@compiled
def nearest(points: Floats, cells: Index, price_N: Floats) -> Index:
    """The place of `prices.nearest_legal` among the points, for prices above 0."""
    found_N = np.empty(len(price_N), np.int64)
    number_N = price_N.view(np.int64)
    first, last = points[:1].view(np.int64)[0] >> _BITS_OF_CELL, len(points) - 1
    for n in range(len(price_N)):
        price = price_N[n]
        cell = (number_N[n] >> _BITS_OF_CELL) - first
        above = np.int64(0) if cell < 0 else cells[min(cell, len(cells) - 1)]
        while above <= last and points[above] < price:
            above += 1
        above = min(max(above, min(1, last)), last)
        below = max(above - 1, 0)
        lower_is_near = price - points[below] <= points[above] - price
        found_N[n] = below if lower_is_near else above
    return found_N


@compiled
def in_euros(price_N: Floats, rate_millionths: int) -> Floats:
    """`prices.euros`."""
    found_N = np.empty(len(price_N), np.float64)
    for n in range(len(price_N)):
        cents = np.int64(np.rint(price_N[n] * 100))
        found_N[n] = (cents * rate_millionths // 1_000_000) / 100
    return found_N


@compiled
def codes(index_N: Index, first: int, p: int, q: int, keys_R2: Bits) -> Index:
    """`codes.product_codes`; p and q are the sizes of the two halves, `first` the lowest code."""
    found_N = np.empty(len(index_N), np.int64)
    by_p, by_q = ~np.uint64(0) // np.uint64(p), ~np.uint64(0) // np.uint64(q)
    many_p, many_q = np.uint64(p), np.uint64(q)
    left_B, right_B = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    for start in range(0, len(index_N), _BLOCK):  # round by round, so that the compiler can take several rows at once
        count = min(_BLOCK, len(index_N) - start)
        for n in range(count):
            number = np.uint64(index_N[start + n])
            right_B[n] = remainder(number, many_q, by_q)
            left_B[n] = (number - right_B[n]) // many_q
        for r in range(0, len(keys_R2), 2):
            _add_below(left_B[:count], right_B[:count], keys_R2[r], many_p, by_p)
            _add_below(right_B[:count], left_B[:count], keys_R2[r + 1], many_q, by_q)
        for n in range(count):
            found_N[start + n] = np.int64(left_B[n] * many_q + right_B[n]) + first
    return found_N


@compiled
def _add_below(half_B: Bits, other_B: Bits, keys_2: Bits, bound: np.uint64, inverse: np.uint64) -> None:
    """Add a hash of the other half to each, modulo `bound`."""
    first, second = keys_2[0], keys_2[1]
    for n in range(len(half_B)):
        z = other_B[n] * _GOLDEN + first
        z = (z ^ (z >> _30)) * _M1
        z = (z ^ (z >> _27)) * _M2
        z = (z ^ (z >> _31)) ^ second
        z = (z ^ (z >> _30)) * _M1
        z = (z ^ (z >> _27)) * _M2
        total = half_B[n] + remainder(z ^ (z >> _31), bound, inverse)
        half_B[n] = total - (bound if total >= bound else np.uint64(0))


@compiled
def remainder(number: np.uint64, bound: np.uint64, inverse: np.uint64) -> np.uint64:
    """number % bound without a division (Barrett 1986); `inverse` is (2^64 - 1) // bound."""
    a, b, c, d = number >> _32, number & _LOW, inverse >> _32, inverse & _LOW
    middle = ((b * d) >> _32) + ((a * d) & _LOW) + ((b * c) & _LOW)
    quotient = a * c + ((a * d) >> _32) + ((b * c) >> _32) + (middle >> _32)
    rest = number - quotient * bound
    rest -= bound if rest >= bound else np.uint64(0)
    return rest - bound if rest >= bound else rest
