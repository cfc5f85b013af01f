"""Is a synthetic picture a copy of a real one, re-encoded, resized, mirrored or cropped by a little?

On plain backgrounds a perceptual hash with the usual threshold calls nearly every pair of clothes a copy. So pictures
are compared in two steps: descriptors of the object, cropped to its bounding box, name a few candidates; the fine
detail of these is correlated, mirrored too. Both figures are read against what two different real products reach.
"""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from scipy import ndimage

from schemas.errors import BROKEN_PICTURE, ToileError

EDGE = 64
"""Pixels of the edge of the squares that are compared pixel by pixel."""
_SMALL = 16
_CANDIDATES = 3
_BACKGROUND = 24
"""Grey levels off the background from which a pixel belongs to the object."""
_BLOCK = 512
_BLUR = 5
"""Pixels of 64 over which the coarse part of a picture is averaged."""
_SAME = 0.995
_MARGIN = 0.4
Pixels = npt.NDArray[np.uint8]
Single = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Some pictures in the forms that are compared; one entry a picture. Letters: N pictures, E edge, C channels."""

    names: tuple[str, ...]
    """Product codes."""
    families: tuple[str, ...]
    file_sha256: tuple[str, ...]
    pixel_sha256: tuple[str, ...]
    """Of the decoded RGB pixels and the size."""
    whole_NEEC: Pixels
    object_NEEC: Pixels
    """Cropped to the bounding box of what is not background."""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """For each picture the most alike one among others."""

    which: npt.NDArray[np.int64]
    likeness: Single
    """Correlation of the fine detail, -1 to 1; a re-encoded copy has more than 0.9; -1 with nothing to compare."""
    distance: Single
    """Of the descriptors, in grey levels (root mean square); infinite without anything to compare."""


def looks(pictures: Iterable[tuple[str, str, bytes]], where: str = "catalog") -> Looks:
    """Pictures as (product code, family, encoded file); a file that does not decode is a ToileError."""
    names, families, files, pixels, wholes, objects = [], [], [], [], [], []
    for name, family, file in pictures:
        try:
            with Image.open(io.BytesIO(file)) as opened:
                picture = ImageOps.exif_transpose(opened).convert("RGB")
        except (*BROKEN_PICTURE, Image.DecompressionBombError) as error:
            raise ToileError(
                f"{where}: product {name}", f"has a broken picture: {error}", "mend the catalog"
            ) from error
        names.append(name)
        families.append(family)
        files.append(hashlib.sha256(file).hexdigest())
        pixels.append(hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest())
        wholes.append(_square(picture))
        objects.append(_square(picture.crop(bounding_box(picture))))
    shape = (len(names), EDGE, EDGE, 3)
    return Looks(
        names=tuple(names),
        families=tuple(families),
        file_sha256=tuple(files),
        pixel_sha256=tuple(pixels),
        whole_NEEC=np.array(wholes, np.uint8).reshape(shape),
        object_NEEC=np.array(objects, np.uint8).reshape(shape),
    )


def bounding_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what differs from the border's median colour; the whole where nothing does."""
    array = np.asarray(picture, np.int16)
    border = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    off = np.abs(array - np.median(border, axis=0)).max(axis=2) > _BACKGROUND
    rows, columns = np.flatnonzero(off.mean(axis=1) > 0.01), np.flatnonzero(off.mean(axis=0) > 0.01)
    if not rows.size or not columns.size:
        return (0, 0, picture.width, picture.height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def nearest(looks: Looks, others: Looks, *, in_detail: bool = True) -> Nearest:
    """The most alike of the others for each picture, never one of its own family; `in_detail` measures likeness too."""
    count = len(looks)
    which, likeness = np.zeros(count, np.int64), np.full(count, -1.0, np.float32)
    distance = np.full(count, np.inf, np.float32)
    kin = {name: number for number, name in enumerate(dict.fromkeys([*looks.families, *others.families]))}
    own_kin, their_kin = (np.array([kin[name] for name in each.families], np.int64) for each in (looks, others))
    if not count or not len(others):
        return Nearest(which=which, likeness=likeness, distance=distance)
    for own, their in ((looks.whole_NEEC, others.whole_NEEC), (looks.object_NEEC, others.object_NEEC)):
        theirs, their_detail = _descriptors(their), _detail(their)
        for turned in (own, own[:, :, ::-1]):  # as it is, and mirrored
            ours, detail = _descriptors(turned), _detail(turned)
            for start in range(0, count, _BLOCK):
                part = slice(start, min(start + _BLOCK, count))
                apart = _distances(ours[part], theirs)
                apart[own_kin[part, None] == their_kin[None, :]] = np.inf
                closest = np.argpartition(apart, min(_CANDIDATES, len(others)) - 1, axis=1)[:, :_CANDIDATES]
                found = np.take_along_axis(apart, closest, axis=1)
                distance[part] = np.minimum(distance[part], found.min(axis=1))
                for place in range(closest.shape[1] if in_detail else 0):
                    alike = _correlation(detail[part], their_detail[closest[:, place]])
                    alike[~np.isfinite(found[:, place])] = -1.0
                    better = alike > likeness[part]
                    likeness[part][better] = alike[better]
                    which[part][better] = closest[better, place]
    return Nearest(which=which, likeness=likeness, distance=distance)


def copies_above(real: Single) -> float:
    """The likeness above which a picture is a copy, from what pictures of different real families reach.

    Two fifths of the way from the most alike real pair to 1; pairs above 0.995 are one photograph used twice and do not
    count.
    """
    different = real[real < _SAME]
    most = float(different.max()) if different.size else 0.0
    return max(most, 0.5) + _MARGIN * (1 - max(most, 0.5))


def _detail(pixels_NEEC: Pixels) -> Single:
    """Luminance without its coarse parts: what two photographs of alike products do not share."""
    grey: Single = pixels_NEEC.mean(axis=3, dtype=np.float32)
    fine: Single = grey - ndimage.uniform_filter(grey, (0, _BLUR, _BLUR))
    return fine


def _correlation(own_NEE: Single, their_NEE: Single) -> Single:
    """Correlation about zero (fine detail has no mean) of the inner pixels; the best of nine shifts by a pixel."""
    inner = slice(2, EDGE - 2)
    own = np.ascontiguousarray(own_NEE[:, inner, inner])
    own_norm = np.einsum("nij,nij->n", own, own)
    best = np.full(len(own), -1.0, np.float32)
    for down in (1, 2, 3):
        for right in (1, 2, 3):
            moved = their_NEE[:, down : down + EDGE - 4, right : right + EDGE - 4]
            norm = np.sqrt(own_norm * np.einsum("nij,nij->n", moved, moved) + 1e-3)
            best = np.maximum(best, np.einsum("nij,nij->n", own, moved) / norm)
    return best


def _square(picture: Image.Image) -> Pixels:
    """Resampled by a filter that widens with the reduction, so that pictures of any size come out alike."""
    return np.asarray(picture.resize((EDGE, EDGE), Image.Resampling.BILINEAR))


def _descriptors(pixels_NEEC: Pixels) -> Single:
    step = EDGE // _SMALL
    shape = (len(pixels_NEEC), _SMALL, step, _SMALL, step, 3)
    small: Single = pixels_NEEC.reshape(shape).mean(axis=(2, 4), dtype=np.float32).reshape(len(pixels_NEEC), -1)
    return small


def _distances(own: Single, their: Single) -> Single:
    """Root of the mean squared difference of descriptors, in grey levels."""
    squared = (own**2).sum(axis=1)[:, None] + (their**2).sum(axis=1)[None, :] - 2 * own @ their.T
    found: Single = np.sqrt(np.maximum(squared, 0) / own.shape[1])
    return found
