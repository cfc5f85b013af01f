"""Recognise an image file that was re-saved, resized, re-encoded or cropped by up to 10 % a side, and no look-alike.

    known = fingerprint(decode_rgb(first))        # small enough to keep: 4.5 kB, about 1 kB compressed
    query = Query.of(decode_rgb(second))
    found = compare(query, known)                 # similarity in [-1, 1]; COPY and above is the same photograph

A perceptual hash of 64 or 256 bits calls most pairs of clothes on white alike: it sees silhouette and colour. Here two
steps decide. The colours of 8 x 8 cells, of the image and of the object on its background, find a few candidates with
one matrix product. The fine detail of these (luminance without its local mean, at 64 x 64 pixels in eleven levels) is
correlated with that of the query, placed in the window of the image that fits best. Different products differ there,
even of one silhouette and colour, and so do different photographs of one product. Then the colours of the cells in the
window must agree as well.

Letters of array shapes: N images, E edge, C edge of the colour cells.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

EDGE = 64
"""Edge in pixels of the squares whose detail is compared."""
COPY = 0.955
"""Similarity from which two images are one photograph. Copies have 0.96 and more, nearly all look-alikes 0.93
and less."""
FAINT_COPY = 0.67
"""Correlation of the faint detail, inside the outlines, that a copy has as well. Two plain garments of one cut and
colour can have the same outline: their similarity reaches 0.967, that of their faint detail 0.62. A few copies of plain
garments that were cropped and compressed strongly have less."""
_FAINT_LEVEL = 1.0
"""Largest level that counts as faint."""
_FEWEST_FAINT = 30
NEAR_COLOUR = 5.0
"""Largest mean difference of the colours of a copy, in grey levels of 255."""
MAX_CROP = 0.1
"""Largest part of a side that a crop may have cut off."""
CANDIDATES = 4
"""Nearest images by colour whose detail is compared; as many again by the colour of the object."""
LEVELS_BYTES = EDGE * EDGE
_CELLS = 8
COLOUR_BYTES = 2 * 3 * _CELLS**2
_BACKGROUND = 24
"""Difference in grey levels from the background from which a pixel belongs to the object."""
_BLUR = 5
"""Window in pixels of the local mean."""
_STEP = 0.6
"""Width of a level, as a share of the standard deviation of the detail."""
_HIGHEST = 5
_FAINT = 1.0
"""Smallest standard deviation, in grey levels, that a level is measured by: below it is the noise of encoders."""
_FEWEST = 40
"""Pixels with detail below which an image is blank: it has no fingerprint."""
_LIKELY = 0.7
"""Correlation of colours below which an image is no candidate."""
_PROMISING = 0.45
"""Similarity in the best window of the grid, at half size, below which the image is no copy: copies have 0.467 and
more."""
_WORTH_REFINING = 0.6
"""Similarity at full size below which the surroundings of a window are not searched: copies have 0.645 and more."""
_STARTS = 6
"""Best windows of the grid that are compared at full size."""
_REFINED = 2
"""Best of these whose surroundings are searched."""
_GRID = tuple((first, second) for first in np.linspace(0, MAX_CROP, 5) for second in np.linspace(0, MAX_CROP, 5))
_FINE_EDGE = 2 * EDGE
_REACH = MAX_CROP + 0.03
_PADDINGS = (
    *((0.0, 0.0, 0.0, 0.0), (0.05, 0.05, 0.05, 0.05), (0.1, 0.1, 0.1, 0.1)),
    *((0.1, 0.0, 0.0, 0.0), (0.0, 0.1, 0.0, 0.0), (0.0, 0.0, 0.1, 0.0), (0.0, 0.0, 0.0, 0.1)),
)
_FAINT_COLOURS = 8.0

Single = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Window = tuple[float, float, float, float]
"""What a crop cut off above, below, left and right, as shares of height and width."""


class Fingerprint(NamedTuple):
    """What is kept of an image."""

    levels: bytes
    """Detail in levels from -5 to 5, int8, (EDGE, EDGE)."""
    colours: bytes
    """Colours of the cells of the image, then of the object, uint8, (2, C, C, 3)."""


def pixel_sha256(image: Image.Image) -> str:
    """Return the hash of an image's size and RGB pixels: files with the same pixels have the same."""
    return hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()


def fingerprint(image: Image.Image) -> Fingerprint | None:
    """Return the fingerprint of an RGB image; None for a blank one, which is like any other blank one."""
    image = _resize(image, _FINE_EDGE)  # once: what follows costs as much as the image is large
    levels = np.rint(_in_levels(_detail_of(image))).astype(np.int8)
    if np.count_nonzero(levels) < _FEWEST:
        return None
    colours = np.stack([_cell_colours(image), _cell_colours(image.crop(bounding_box(image)))])
    return Fingerprint(levels=levels.tobytes(), colours=np.rint(colours).astype(np.uint8).tobytes())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """An image in the forms in which it is looked for."""

    fine: Image.Image
    """Luminance, twice as large as the detail that is compared."""
    colour: Image.Image
    detail_EE: Single
    colours_PD: Single
    """Normalised colours of the cells: padded as if it had been cropped, (P, D)."""
    object_D: Single

    @classmethod
    def of(cls, image: Image.Image) -> "Query":
        """Prepare an RGB image."""
        image = _resize(image, _FINE_EDGE)
        small = image.resize((EDGE, EDGE), Image.Resampling.BOX)
        pixels = np.asarray(small, np.float32)
        cell = EDGE // _CELLS
        padded = [pixels[_padded(*each[:2])][:, _padded(*each[2:])] for each in _PADDINGS]
        cells = [each.reshape(_CELLS, cell, _CELLS, cell, 3).mean(axis=(1, 3)) for each in padded]
        return cls(
            fine=image.convert("L"),
            colour=small,
            detail_EE=_in_levels(_detail_of(image)),
            colours_PD=_normalise(np.stack(cells).reshape(len(cells), -1)),
            object_D=_normalise(_cell_colours(image.crop(bounding_box(image))).reshape(1, -1))[0],
        )


class Shortlist:
    """For each query the images whose colours are nearest, while images come in batches."""

    def __init__(self, queries: Iterable[Query]) -> None:
        """Prepare the queries for matrix products."""
        kept = list(queries)
        shape = (0, 3 * _CELLS**2)
        self._colours_QD = np.concatenate([each.colours_PD for each in kept] or [np.empty(shape, np.float32)])
        self._objects_QD = np.array([each.object_D for each in kept], np.float32).reshape(-1, shape[1])
        self._near: list[tuple[npt.NDArray[np.int64], Single]] = [
            (np.empty((len(kept), 0), np.int64), np.empty((len(kept), 0), np.float32)) for _ in range(2)
        ]

    def add(self, colours: Bytes, first: int) -> None:
        """Compare with a batch of images, `colours` (N, COLOUR_BYTES); their numbers are `first` and following."""
        if not len(colours) or not len(self._objects_QD):
            return
        both = colours.reshape(len(colours), 2, -1).astype(np.float32)
        whole = (self._colours_QD @ _normalise(both[:, 0]).T).reshape(len(self._objects_QD), len(_PADDINGS), -1)
        for side, alike in enumerate((whole.max(axis=1), self._objects_QD @ _normalise(both[:, 1]).T)):
            numbers, best = self._near[side]
            there = np.broadcast_to(np.arange(first, first + len(colours)), alike.shape)
            numbers, best = np.concatenate([numbers, there], axis=1), np.concatenate([best, alike], axis=1)
            order = np.argsort(-best, axis=1, kind="stable")[:, :CANDIDATES]
            self._near[side] = (np.take_along_axis(numbers, order, 1), np.take_along_axis(best, order, 1))

    def candidates(self, query: int) -> list[int]:
        """Return the numbers of the images whose detail may be that of a query, the likeliest first."""
        pairs = [pair for near, alike in self._near for pair in zip(alike[query], near[query], strict=True)]
        return list(dict.fromkeys(int(number) for alike, number in sorted(pairs, reverse=True) if alike >= _LIKELY))


def compare(query: Query, known: Fingerprint) -> float:
    """Return the similarity of the query to an image, in the window that fits best; 0 where the colours differ."""
    levels_EE = np.frombuffer(known.levels, np.int8).reshape(EDGE, EDGE).astype(np.float32)
    near, windows = _search_grid(query.detail_EE, levels_EE)
    if near < _PROMISING:
        return near
    starts = sorted(((_similarity(query.fine, levels_EE, each), each) for each in windows), reverse=True)
    near, window = starts[0]
    for start, each in starts[:_REFINED]:
        if near >= COPY or start < _WORTH_REFINING:
            break
        near, window = max((near, window), _refine(query.fine, levels_EE, each))
    if near >= COPY and _faint_similarity(query.fine, levels_EE, window) < FAINT_COPY:
        return 0.0
    colours = np.frombuffer(known.colours, np.uint8).reshape(2, _CELLS, _CELLS, 3)[0].astype(np.float32)
    return near if _colour_difference(query.colour, colours, window) <= NEAR_COLOUR else 0.0


def local_detail(grey: Single) -> Single:
    """Return luminance (..., H, W) without its local mean: what photographs of similar products do not share."""
    window = (0,) * (grey.ndim - 2) + (_BLUR, _BLUR)
    detail: Single = grey - ndimage.uniform_filter(grey, window)
    return detail


def bounding_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what differs from the border's median colour, else those of the image."""
    array = np.asarray(image, np.int16)
    border = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    off = np.abs(array - np.median(border, axis=0)).max(axis=2) > _BACKGROUND
    rows, columns = np.flatnonzero(off.mean(axis=1) > 0.01), np.flatnonzero(off.mean(axis=0) > 0.01)
    if not rows.size or not columns.size:
        return (0, 0, image.width, image.height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _resize(image: Image.Image, edge: int) -> Image.Image:
    """Resize to a square with a filter that widens with the reduction, so that the original size does not matter."""
    return image.resize((edge, edge), Image.Resampling.BILINEAR)


def _detail_of(image: Image.Image) -> Single:
    return local_detail(np.asarray(_resize(image.convert("L"), EDGE), np.float32))


def _in_levels(detail: Single) -> Single:
    step = _STEP * max(_FAINT, float(detail.std()))
    levels: Single = np.clip(detail / step, -_HIGHEST, _HIGHEST)
    return levels


def _cell_colours(image: Image.Image) -> Single:
    return np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.BOX), np.float32)


def _normalise(colours_ND: Single) -> Single:
    """Return colours without their mean and with norm 1; of an image of one colour nearly 0."""
    centred = colours_ND - colours_ND.mean(axis=1, keepdims=True)
    found: Single = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), _FAINT_COLOURS)
    return found.astype(np.float32)


def _padded(before: float, after: float) -> npt.NDArray[np.intp]:
    """Return for each pixel of a line that of its inner part; pixels outside repeat the nearest."""
    inner = ((np.arange(EDGE) + 0.5) / EDGE - before) / (1 - before - after)
    found: npt.NDArray[np.intp] = np.clip(np.rint(inner * EDGE - 0.5), 0, EDGE - 1).astype(np.intp)
    return found


def _sampling_matrix(before: float, after: float, edge: int) -> Single:
    """Return the matrix that interpolates the inner part of a line of `edge` pixels, at `edge` positions."""
    position = np.clip(edge * before + (np.arange(edge) + 0.5) * (1 - before - after) - 0.5, 0, edge - 1)
    low = np.minimum(position.astype(int), edge - 2)
    matrix = np.zeros((edge, edge), np.float32)
    matrix[np.arange(edge), low] = 1 - (position - low)
    matrix[np.arange(edge), low + 1] += position - low
    return matrix


_COARSE_EDGE = EDGE // 2
_INNER = slice(2, _COARSE_EDGE - 2)
_WINDOWS_GIE = np.stack([_sampling_matrix(*each, _COARSE_EDGE)[_INNER] for each in _GRID])
"""Of each part of the grid, the interpolation of the inner pixels."""


def _search_grid(detail_EE: Single, levels_EE: Single) -> tuple[float, list[Window]]:
    """Return the largest correlation of the query with a window of the image, at half of the size; the best windows."""
    own, their = (each.reshape(_COARSE_EDGE, 2, _COARSE_EDGE, 2).mean(axis=(1, 3)) for each in (detail_EE, levels_EE))
    own = own[_INNER, _INNER]
    num, inner = len(_GRID), len(own)
    rows = (_WINDOWS_GIE @ their).reshape(num * inner, _COARSE_EDGE)
    windows = (rows @ _WINDOWS_GIE.transpose(2, 0, 1).reshape(_COARSE_EDGE, -1)).reshape(num, inner, num, inner)
    products = np.einsum("vihj,ij->vh", windows, own)
    norms = np.sqrt(np.einsum("vihj,vihj->vh", windows, windows) * float(np.sum(own * own)) + 1e-6)
    alike = products / norms
    best = np.argsort(-alike, axis=None, kind="stable")[:_STARTS]
    places = zip(*np.unravel_index(best, alike.shape), strict=True)
    return float(alike.max()), [(*_GRID[int(down)], *_GRID[int(right)]) for down, right in places]


def _refine(fine: Image.Image, levels_EE: Single, window: Window) -> tuple[float, Window]:
    """Move and stretch the window by ever smaller steps while the similarity grows."""
    best = _similarity(fine, levels_EE, window)
    moves = [(side,) for side in range(4)] + [(0, 1), (2, 3)]
    for step in (0.0125, 0.00625, 0.003):
        for _ in range(2):
            before = best
            for move in moves:
                for sign in (step, -step):
                    moved = list(window)
                    for side, direction in zip(move, (sign, -sign), strict=False):
                        moved[side] += direction
                    if min(moved) < 0 or max(moved) > _REACH:
                        continue
                    tried: Window = (moved[0], moved[1], moved[2], moved[3])
                    found = _similarity(fine, levels_EE, tried)
                    if found > best:
                        best, window = found, tried
            if best == before:
                break
    return best, window


def _whole_cells(before: float, after: float, cells: int) -> tuple[int, int, float, float]:
    """Return the cells of a line that are inside the window, and where they begin and end, as shares of the window."""
    first, end = int(np.ceil(cells * before - 1e-9)), int(np.floor(cells * (1 - after) + 1e-9))
    inside = 1 - before - after
    return first, end, max(0.0, (first / cells - before) / inside), min(1.0, (end / cells - before) / inside)


def _detail_in_window(fine: Image.Image, levels_EE: Single, window: Window) -> tuple[Single, Single]:
    """Return the detail of the query, resized to the pixels of the window, and that of the image there."""
    top, bottom, above, below = _whole_cells(*window[:2], EDGE)
    left, right, before, after = _whole_cells(*window[2:], EDGE)
    box = (before * _FINE_EDGE, above * _FINE_EDGE, after * _FINE_EDGE, below * _FINE_EDGE)
    part = fine.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box=box)
    inner = slice(3, -3)
    own = _in_levels(local_detail(np.asarray(part, np.float32)))[inner, inner]
    return own, levels_EE[top:bottom, left:right][inner, inner]


def _similarity(fine: Image.Image, levels_EE: Single, window: Window) -> float:
    """Return the correlation of the query's detail with that of the image in the window."""
    own, their = _detail_in_window(fine, levels_EE, window)
    return float(np.sum(own * their) / np.sqrt(np.sum(own * own) * np.sum(their * their) + 1e-6))


def _faint_similarity(fine: Image.Image, levels_EE: Single, window: Window) -> float:
    """Return the correlation where both details are faint; 1 where hardly any pixel is."""
    own, their = _detail_in_window(fine, levels_EE, window)
    faint = (np.abs(their) <= _FAINT_LEVEL) & (np.abs(own) <= _FAINT_LEVEL + 0.5)
    if np.count_nonzero(faint) < _FEWEST_FAINT:
        return 1.0
    own, their = (each[faint] - each[faint].mean() for each in (own, their))
    return float(np.sum(own * their) / np.sqrt(np.sum(own * own) * np.sum(their * their) + 1e-6))


def _colour_difference(colour: Image.Image, cells: Single, window: Window) -> float:
    """Return the mean difference of the colours of the cells that are inside the window, in grey levels."""
    top, bottom, above, below = _whole_cells(*window[:2], _CELLS)
    left, right, before, after = _whole_cells(*window[2:], _CELLS)
    box = (before * EDGE, above * EDGE, after * EDGE, below * EDGE)
    own = np.asarray(colour.resize((right - left, bottom - top), Image.Resampling.BOX, box=box), np.float32)
    return float(np.abs(own - cells[top:bottom, left:right]).mean())
