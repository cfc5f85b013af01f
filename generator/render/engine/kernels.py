"""Compiled kernels on the planes of a scene: blur, noise, folds, shadows, seams, compositing of panels.

Arrays have the shape (height, width) and one value per pixel unless stated otherwise.
"""

import math

import numpy as np

from generator.render.engine import Float32Array, Float64Array, UInt8Array, njit_cached


@njit_cached
def downsample(plane: Float32Array, factor: int) -> Float32Array:
    """Return the means of factor x factor cells with a border of three zero cells; pixels outside count as zero."""
    height, width = plane.shape
    rows, columns = (height + factor - 1) // factor, (width + factor - 1) // factor
    small = np.zeros((rows + 6, columns + 6), np.float32)
    share = np.float32(1.0 / (factor * factor))
    for row in range(rows):
        for i in range(row * factor, min((row + 1) * factor, height)):
            for column in range(columns):
                total = np.float32(0)
                for j in range(column * factor, min((column + 1) * factor, width)):
                    total += plane[i, j]
                small[row + 3, column + 3] += share * total
    return small


@njit_cached
def blur_in_place(small: Float32Array, tap: float) -> None:
    """Blur a small plane in place along rows and columns with the weights tap, 1 - 2 tap, tap."""
    height, width = small.shape
    t, m = np.float32(tap), np.float32(1 - 2 * tap)
    for i in range(height):
        before = np.float32(0)
        for j in range(width - 1):
            here = small[i, j]
            small[i, j] = m * here + t * (before + small[i, j + 1])
            before = here
    above = np.zeros(width, np.float32)
    for i in range(height - 1):
        for j in range(width):
            here = small[i, j]
            small[i, j] = m * here + t * (above[j] + small[i + 1, j])
            above[j] = here


@njit_cached
def upsample(small: Float32Array, factor: int, height: int, width: int, down: float, right: float) -> Float32Array:
    """Upsample the cells of `downsample` by cubic B-splines, shifted by a fraction of a pixel.

    Rows first, while there are few of them; then each row of pixels is a weighted mean of four whole rows.
    """
    rows, columns = small.shape
    broad = np.empty((rows, width), np.float32)
    for j in range(width):
        place = min(max((j + 0.5 - right) / factor + 2.5, 1.0), columns - 2.001)
        k, f = int(place) - 1, place - int(place)
        a, b = np.float32((1 - f) ** 3 / 6), np.float32((4 - 6 * f * f + 3 * f**3) / 6)
        c, d = np.float32((1 + 3 * f + 3 * f * f - 3 * f**3) / 6), np.float32(f**3 / 6)
        for i in range(rows):
            broad[i, j] = a * small[i, k] + b * small[i, k + 1] + c * small[i, k + 2] + d * small[i, k + 3]
    plane = np.empty((height, width), np.float32)
    for i in range(height):
        place = min(max((i + 0.5 - down) / factor + 2.5, 1.0), rows - 2.001)
        top, f = int(place) - 1, place - int(place)
        a, b = np.float32((1 - f) ** 3 / 6), np.float32((4 - 6 * f * f + 3 * f**3) / 6)
        c, d = np.float32((1 + 3 * f + 3 * f * f - 3 * f**3) / 6), np.float32(f**3 / 6)
        first, second, third, fourth, line = broad[top], broad[top + 1], broad[top + 2], broad[top + 3], plane[i]
        for j in range(width):
            line[j] = a * first[j] + b * second[j] + c * third[j] + d * fourth[j]
    return plane


@njit_cached
def gaussian_blur(plane: Float32Array, sigma: float, down: float, right: float) -> Float32Array:
    """Blur by approximately `sigma` pixels, zero outside, and shift down and right by so many pixels.

    The cost does not depend on sigma. Cell means, three taps and cubic B-splines have the variances 1/12, 2 tap and 1/3
    of a squared cell.
    """
    factor = max(1, int(sigma / 0.8))
    small = downsample(plane, factor)
    tap = 0.5 * (sigma * sigma / (factor * factor) - 5 / 12)
    if tap > 0.005:
        blur_in_place(small, min(tap, 0.33))
    return upsample(small, factor, plane.shape[0], plane.shape[1], down, right)


@njit_cached
def sample_tile(
    u: Float32Array, v: Float32Array, plate: Float32Array, scales: tuple[float, float], shifts: tuple[float, float]
) -> Float32Array:
    """Sample a seamless tile bilinearly at u * scale + shift (> 0). Arrays are flat; the side of the tile is 2^n."""
    found = np.empty(u.shape[0], np.float32)
    side = plate.shape[0] - 1
    scale_u, scale_v = np.float32(scales[0]), np.float32(scales[1])
    shift_u, shift_v = np.float32(shifts[0]), np.float32(shifts[1])
    for n in range(u.shape[0]):
        column, row = u[n] * scale_u + shift_u, v[n] * scale_v + shift_v
        i, j = int(row), int(column)
        f, g = row - np.float32(i), column - np.float32(j)
        i0, i1, j0, j1 = i & side, (i + 1) & side, j & side, (j + 1) & side
        upper = plate[i0, j0] + g * (plate[i0, j1] - plate[i0, j0])
        lower = plate[i1, j0] + g * (plate[i1, j1] - plate[i1, j0])
        found[n] = upper + f * (lower - upper)
    return found


@njit_cached
def worley_distances(points: Float32Array, side: int) -> Float64Array:
    """Return F2 - F1 of Worley's cellular noise at side x side points, in cells.

    Each cell has one point, at `points[i, j]` (down, right) from its middle. `points` has a border of one wrapped cell.
    """
    found = np.empty((side, side))
    for i in range(side):
        down = (i + 0.5) * (points.shape[0] - 2) / side
        for j in range(side):
            right = (j + 0.5) * (points.shape[1] - 2) / side
            nearest = second = 81.0  # squared distances
            for row in range(3):
                for column in range(3):
                    y, x = int(down) + row, int(right) + column
                    dy, dx = y - 0.5 + points[y, x, 0] - down, x - 0.5 + points[y, x, 1] - right
                    square = dx * dx + dy * dy
                    second = min(second, max(nearest, square))
                    nearest = min(nearest, square)
            found[i, j] = math.sqrt(second) - math.sqrt(nearest)
    return found


@njit_cached
def add_creases(total: Float32Array, x: Float32Array, y: Float32Array, creases: Float64Array, uneven: float) -> None:
    """Add creases to a height field; a row of `creases` has the fields of `height_field.Crease`, points first.

    `uneven` is the maximum deviation of x and y from a regular grid, in units.
    """
    rows, columns = total.shape
    if rows < 2 or columns < 2:
        return
    xj, yj = (x[0, -1] - x[0, 0]) / (columns - 1), (y[0, -1] - y[0, 0]) / (columns - 1)
    xi, yi = (x[-1, 0] - x[0, 0]) / (rows - 1), (y[-1, 0] - y[0, 0]) / (rows - 1)
    area = xj * yi - xi * yj
    cell = math.hypot(xj, yj)
    slack = 2 + uneven / cell
    steps = 32
    bend, gain, sharpness = np.empty(steps + 2), np.empty(steps + 2), np.empty(steps + 2)
    for n in range(creases.shape[0]):
        ax, ay, bx, by, depth, wide, bow, sharp, root, waver = creases[n]
        length = math.hypot(bx - ax, by - ay) + 1e-9
        ex, ey = (bx - ax) / length, (by - ay) / length
        for k in range(steps + 2):
            t = min(k / steps, 1.0)
            inside = 4 * t * (1 - t)
            bend[k] = bow * length * inside
            sharpness[k] = 1 / (wide * (1 + root * (0.9 * t - 0.35)))
            swell = math.sqrt(inside)
            burst = min(1.0, t / 0.10) * (1 - t) * (1 + 0.5 * t)
            gain[k] = depth * (swell + root * (burst - swell))
            if waver != 0:
                bend[k] += (0.30 * math.sin(waver + 5.5 * t) + 0.10 * math.sin(2.3 * waver + 13 * t)) / sharpness[k]
                gain[k] *= 1 + 0.25 * math.sin(1.3 * waver + 7 * t)
        reach = 5.6 * wide * (1 + max(0.55 * root, 0.0)) / 1.24 + abs(bow) * length
        j0 = j1 = ((ax - x[0, 0]) * yi - (ay - y[0, 0]) * xi) / area
        i0 = i1 = ((ay - y[0, 0]) * xj - (ax - x[0, 0]) * yj) / area
        j, i = ((bx - x[0, 0]) * yi - (by - y[0, 0]) * xi) / area, ((by - y[0, 0]) * xj - (bx - x[0, 0]) * yj) / area
        margin_j, margin_i = slack + reach / cell * abs(ey), slack + reach / cell * abs(ex)
        first_i, last_i = max(0, int(min(i0, i) - margin_i)), min(rows, int(max(i1, i) + margin_i) + 2)
        first_j, last_j = max(0, int(min(j0, j) - margin_j)), min(columns, int(max(j1, j) + margin_j) + 2)
        fall = yj * ex - xj * ey  # how the distance to the upper side of the crease changes per column
        for i in range(first_i, last_i):
            row_j, row_end = first_j, last_j
            if abs(fall) * (last_j - first_j) > 4 * reach:
                here = (y[i, first_j] - ay) * ex - (x[i, first_j] - ax) * ey
                wide = (reach + 2 * uneven) / abs(fall) + 2
                row_j = max(first_j, first_j + int(-here / fall - wide))
                row_end = min(last_j, first_j + int(-here / fall + wide) + 1)
            for j in range(row_j, row_end):
                dx, dy = x[i, j] - ax, y[i, j] - ay
                across = dy * ex - dx * ey
                if across > reach or across < -reach:
                    continue
                t = (dx * ex + dy * ey) / length
                if t <= 0 or t >= 1:
                    continue
                k = int(t * steps)
                f = t * steps - k
                s = (across - bend[k] - f * (bend[k + 1] - bend[k])) * sharpness[k]
                s *= 0.62 if s < 0 else 1.75  # folds of cloth are steeper on one side
                q = s * s
                if q > 7.84:
                    continue
                round_ = max(1 - q / 5.8, 0.0)
                edge = max(1 - (math.sqrt(q + 0.02) - 0.141) / 2.66, 0.0)
                round_, edge = round_ * round_ * round_ * round_, edge * edge * edge * edge
                total[i, j] += (gain[k] + f * (gain[k + 1] - gain[k])) * (round_ + sharp * (edge - round_))


@njit_cached
def add_flutes(
    total: Float32Array,
    x: Float32Array,
    y: Float32Array,
    crests: Float32Array,
    starts: Float32Array,
    shape: tuple[float, float, float, float, float],
) -> None:
    """Add hanging folds; crest heights and starts are tabulated over -1.5..1.5 half widths of the cloth."""
    top, bottom, wide_top, wide_bottom, depth = shape
    last = crests.shape[0] - 2
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            t = (y[i, j] - top) / (bottom - top)
            if t <= 0:
                continue
            t = min(t, 1.1)
            s = x[i, j] / (wide_top + (wide_bottom - wide_top) * t)
            s += 0.035 * math.sin(2.6 * s + 3.1 * t) * t
            place = min(max((s + 1.5) / 3 * last, 0.0), last - 0.001)
            k = int(place)
            f = place - k
            crest = crests[k] + f * (crests[k + 1] - crests[k])
            start = starts[k] + f * (starts[k + 1] - starts[k])
            open_ = min(max((t - start) / 0.45, 0.0), 1.0)
            total[i, j] += depth * math.sqrt(t) * crest * open_ * open_ * (3 - 2 * open_)


@njit_cached
def panel_height(
    deep: Float32Array,
    broad: Float32Array,
    near: Float32Array,
    folds: Float32Array,
    crumple: Float32Array,
    sizes: tuple[float, float, float, float, float],
) -> Float32Array:
    """Return the height of a panel (units) from its mask blurred with three widths: rise, bulge, rolled edge, folds."""
    puff, volume, edge = np.float32(sizes[0]), np.float32(sizes[1]), np.float32(sizes[2])
    lift, folded = np.float32(sizes[3]), np.float32(sizes[4])
    zero, one, two, three, low = np.float32(0), np.float32(1), np.float32(2), np.float32(3), np.float32(0.3)
    gain = np.float32(1 / 0.7)
    height, width = deep.shape
    relief = np.empty((height, width), np.float32)
    for i in range(height):
        line, inside, bend, rough = relief[i], deep[i], folds[i], crumple[i]
        for j in range(width):
            inner = min(max((inside[j] - low) * gain, zero), one)
            rise = inner * inner * (three - two * inner)
            caught = min(np.float32(1.4) * inner + np.float32(0.12), one)
            line[j] = lift + puff * rise + rough[j] + folded * bend[j] * caught
        if volume > 0:
            around = broad[i]
            for j in range(width):
                wide = min(max((around[j] - low) * gain, zero), one)
                line[j] += volume * wide * wide * (three - two * wide)
        if edge > 0:
            rim = near[i]
            for j in range(width):
                hem = min(max(two * rim[j] - one, zero), one)
                uneven = min(max(np.float32(0.75) + np.float32(180) * rough[j], np.float32(0.25)), np.float32(1.3))
                line[j] += edge * np.float32(4) * hem * (one - hem) * uneven
    return relief


@njit_cached
def gather_threads(
    u: Float32Array, v: Float32Array, relief: Float32Array, cover: Float32Array, sizes: tuple[float, float]
) -> None:
    """Shift texture coordinates (units) against the slope of a height field: threads follow folds.

    `relief` is height times coverage and `cover` coverage, both smoothed. `sizes` has pixels per unit, and the shift
    per slope in units.
    """
    rows, columns = relief.shape
    most, zoom, reach = np.float32(0.32), np.float32(0.5 * sizes[0]), np.float32(sizes[1])
    least = np.float32(0.02)
    for i in range(1, rows - 1):
        for j in range(1, columns - 1):
            if cover[i, j] > least:
                right = relief[i, j + 1] / max(cover[i, j + 1], least)
                left = relief[i, j - 1] / max(cover[i, j - 1], least)
                low = relief[i + 1, j] / max(cover[i + 1, j], least)
                high = relief[i - 1, j] / max(cover[i - 1, j], least)
                u[i, j] += reach * min(max(zoom * (right - left), -most), most)
                v[i, j] += reach * min(max(zoom * (low - high), -most), most)


@njit_cached
def darken(shade: Float32Array, soft: Float32Array, strength: float) -> None:
    """Multiply `shade` by 1 - strength x soft."""
    s = np.float32(strength)
    for i in range(shade.shape[0]):
        for j in range(shade.shape[1]):
            if soft[i, j] > 0:
                shade[i, j] *= 1 - s * min(soft[i, j], np.float32(1))


@njit_cached
def cast_shadow(
    shade: Float32Array,
    soft: Float32Array,
    near: Float32Array,
    strengths: tuple[float, float],
    down: float,
    right: float,
) -> None:
    """Darken by a wide shadow and by a contact shadow; `near` is shifted by a fraction of a pixel."""
    height, width = shade.shape
    wide, tight = np.float32(strengths[0]), np.float32(strengths[1])
    di, dj = math.floor(down), math.floor(right)
    f, g = np.float32(down - di), np.float32(right - dj)
    one = np.float32(1)
    for i in range(height):
        i0, i1 = min(max(i - di, 0), height - 1), min(max(i - di - 1, 0), height - 1)
        for j in range(width):
            j0, j1 = min(max(j - dj, 0), width - 1), min(max(j - dj - 1, 0), width - 1)
            upper = near[i0, j0] + g * (near[i0, j1] - near[i0, j0])
            lower = near[i1, j0] + g * (near[i1, j1] - near[i1, j0])
            shade[i, j] *= (one - wide * min(soft[i, j], one)) * (one - tight * min(upper + f * (lower - upper), one))


@njit_cached
def press_seam(
    relief: Float32Array, away: Float32Array, place: Float32Array, sizes: tuple[float, float, float, float, float]
) -> None:
    """Press a groove along a traced line and pucker the cloth on both sides; sizes are in pixels."""
    depth, width, pucker, period, phase = sizes
    for i in range(relief.shape[0]):
        for j in range(relief.shape[1]):
            if away[i, j] < 4 * width:
                q = away[i, j] / width
                s = place[i, j] / period
                wave = math.sin(6.2831853 * s + phase) + 0.7 * math.sin(2.7 * s + 2 * phase)
                bulge = q * math.exp(1 - q)
                relief[i, j] += pucker * wave * bulge - depth * math.exp(-q * q)


@njit_cached
def composite_panel(
    mask: Float32Array,
    relief: Float32Array,
    labels: tuple[int, int],
    look: tuple[float, float],
    threads: tuple[float, float, float, float],
    planes: Float32Array,
    owners: UInt8Array,
) -> None:
    """Composite a panel into the planes of a scene.

    The planes are alpha, height, shade, padding, u, v, top share, x, y; `owners` has top cloth, second cloth and part.
    Each pixel keeps the two cloths that cover most of it, and the share of the top one. `look` is received light and
    quilting, `threads` cosine and sine of their direction, and where the piece was cut out of the cloth (units).
    """
    cloth, name = labels
    value, padded = look
    c, s, cut_u, cut_v = threads
    alpha, height, shade, quilt, u, v, share = (
        planes[0],
        planes[1],
        planes[2],
        planes[3],
        planes[4],
        planes[5],
        planes[6],
    )
    x, y = planes[7], planes[8]
    top, under, part = owners[0], owners[1], owners[2]
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            m = mask[i, j]
            if m <= 0:
                continue
            if m >= 1:
                alpha[i, j], height[i, j], shade[i, j], quilt[i, j] = 1, relief[i, j], value, padded
                if top[i, j] == cloth:
                    share[i, j] = 1
                else:
                    under[i, j], share[i, j] = cloth, 0
                if name:
                    part[i, j] = name
                u[i, j] = c * x[i, j] - s * y[i, j] + cut_u
                v[i, j] = s * x[i, j] + c * y[i, j] + cut_v
                continue
            keep = np.float32(1) - m
            first, second = share[i, j] * alpha[i, j] * keep, (1 - share[i, j]) * alpha[i, j] * keep
            alpha[i, j] = 1 - (1 - alpha[i, j]) * keep
            blend = m / max(alpha[i, j], m)
            height[i, j] += blend * (relief[i, j] - height[i, j])
            shade[i, j] += blend * (np.float32(value) - shade[i, j])
            quilt[i, j] += blend * (np.float32(padded) - quilt[i, j])
            if top[i, j] == cloth:
                first += m
            elif under[i, j] == cloth:
                second += m
            elif first < second:
                top[i, j] = cloth
                first = m
            else:
                under[i, j] = cloth
                second = m
            share[i, j] = first / max(first + second, np.float32(1e-6))
            if name and (m >= 0.5 or part[i, j] == 0):
                part[i, j] = name
            if m > 0.5:
                u[i, j] = c * x[i, j] - s * y[i, j] + cut_u
                v[i, j] = s * x[i, j] + c * y[i, j] + cut_v
