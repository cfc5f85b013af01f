"""Check whether synthetic images copy real ones: identical files, identical pixels, disguised copies, replay.

A disguised copy is re-encoded, resized, mirrored or cropped by a little. On plain backgrounds a perceptual hash with
the usual threshold calls nearly every pair of clothes a copy. Images are therefore compared in two steps. Descriptors
of the object, cropped to its bounding box, find a few candidates; the fine detail of these is correlated, mirrored too.
Both figures are compared with those of different real products.

Letters of array shapes: N images, E edge, C channels.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from scipy import ndimage

from generator.audit import MAX_HITS, Findings, count_check, skip_check
from generator.audit.membership import LeakageTest, run_leakage_test
from generator.audit.rows import Mask, Single
from schemas.audit import PRIVACY, Bounds, Check, Hit
from schemas.errors import BROKEN_IMAGE_ERRORS, ToileError
from schemas.product import read

NAMES = ("identical_picture_files", "identical_pictures", "copied_pictures", "replayed_pictures")
_MIN_IMAGES = 8
NEAR_SHARE = 0.05
"""Share of the real images whose nearest image of another real family is near."""
MAX_CONTROLS = 1000
"""Largest number of real images, evenly spread, that are compared with other real families."""
EDGE = 64
"""Edge in pixels of the squares that are compared pixel by pixel."""
_SMALL = 16
_CANDIDATES = 3
_BACKGROUND = 24
"""Difference in grey levels from the background from which a pixel belongs to the object."""
_BLOCK = 512
_BLUR = 5
"""Window in pixels (of 64) of the mean that is the coarse part of an image."""
_SAME = 0.995
_MARGIN = 0.4
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFeatures:
    """Images in the forms that are compared; one entry an image."""

    names: tuple[str, ...]
    """Product codes."""
    families: tuple[str, ...]
    file_sha256: tuple[str, ...]
    pixel_sha256: tuple[str, ...]
    """Hash of the decoded RGB pixels and the size."""
    whole_NEEC: Pixels
    object_NEEC: Pixels
    """Cropped to the bounding box of what is not background."""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestImages:
    """For each image, the most similar one among others."""

    which: npt.NDArray[np.int64]
    similarity: Single
    """Correlation of the fine detail, -1 to 1; a re-encoded copy has more than 0.9; -1 if there is no other image."""
    distance: Single
    """Of the descriptors, in grey levels (root mean square); infinite if there is no other image."""


def check_images(train: ImageFeatures, holdout: ImageFeatures, synthetic: ImageFeatures, bounds: Bounds) -> Findings:
    """Run all checks of images. `train` and `holdout` are real images of different families."""
    for side, what in ((train, "real train"), (holdout, "real validation and test"), (synthetic, "synthetic")):
        if len(side) < (1 if side is synthetic else _MIN_IMAGES):
            why = f"does not apply: there are {len(side)} {what} images"
            return Findings(checks=[skip_check(name, PRIVACY, why) for name in NAMES])
    real = concatenate(train, holdout)
    compared = select(real, np.arange(len(real)) % (1 + (len(real) - 1) // MAX_CONTROLS) == 0)
    found, control = find_nearest(synthetic, real), find_nearest(compared, real)
    threshold = copy_threshold(control.similarity)
    files, same_files = (_identical(*sides, "file_sha256") for sides in ((synthetic, real), (holdout, train)))
    pixels, same_pixels = (_identical(*sides, "pixel_sha256") for sides in ((synthetic, real), (holdout, train)))
    copies, same_copies = _copies(synthetic, real, found, threshold), _copies(compared, real, control, threshold)
    what = "lower is better; real against real of another family gives {}"
    checks = [
        count_check(
            NAMES[0], files, same_files, bounds.hits, f"Image files that equal a real file byte for byte; {what}"
        ),
        count_check(
            NAMES[1],
            pixels,
            same_pixels,
            bounds.hits,
            f"Images whose decoded pixels equal those of a real image; {what}",
        ),
        count_check(
            NAMES[2],
            copies,
            same_copies,
            bounds.hits,
            f"Images whose fine detail, mirrored or not, correlates above {threshold:.3f} with a real one's, as "
            "with re-encoded, resized or mirrored copies and not with two different real products; " + what,
            threshold=threshold,
            largest=float(found.similarity.max()),
            real_largest=float(control.similarity.max()),
        ),
        _check_replay(train, holdout, synthetic, float(np.quantile(control.distance, NEAR_SHARE)), bounds),
    ]
    hits = [*files[:MAX_HITS], *pixels[:MAX_HITS], *copies[:MAX_HITS]]
    return Findings(checks=checks, hits=hits)


def read_image_features(folder: Path) -> tuple[ImageFeatures, ImageFeatures]:
    """Read the images of a catalog: those of train, and those of validation and test."""
    train = extract_features(_read_images(folder, ("train",)), str(folder))
    return train, extract_features(_read_images(folder, ("validation", "test")), str(folder))


def extract_features(images: Iterable[tuple[str, str, bytes]], where: str = "catalog") -> ImageFeatures:
    """Extract features of images, given as (product code, family, encoded file).

    Raises ToileError for a file that does not decode.
    """
    names, families, files, pixels, wholes, objects = [], [], [], [], [], []
    for name, family, file in images:
        try:
            with Image.open(io.BytesIO(file)) as opened:
                image = ImageOps.exif_transpose(opened).convert("RGB")
        except (*BROKEN_IMAGE_ERRORS, Image.DecompressionBombError) as error:
            raise ToileError(f"{where}: product {name}", f"has a broken image: {error}", "fix the catalog") from error
        names.append(name)
        families.append(family)
        files.append(hashlib.sha256(file).hexdigest())
        pixels.append(hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest())
        wholes.append(_resize(image))
        objects.append(_resize(image.crop(bounding_box(image))))
    shape = (len(names), EDGE, EDGE, 3)
    return ImageFeatures(
        names=tuple(names),
        families=tuple(families),
        file_sha256=tuple(files),
        pixel_sha256=tuple(pixels),
        whole_NEEC=np.array(wholes, np.uint8).reshape(shape),
        object_NEEC=np.array(objects, np.uint8).reshape(shape),
    )


def bounding_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what differs from the border's median colour, else those of the image."""
    array = np.asarray(image, np.int16)
    border = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    off = np.abs(array - np.median(border, axis=0)).max(axis=2) > _BACKGROUND
    rows, columns = np.flatnonzero(off.mean(axis=1) > 0.01), np.flatnonzero(off.mean(axis=0) > 0.01)
    if not rows.size or not columns.size:
        return (0, 0, image.width, image.height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def find_nearest(features: ImageFeatures, others: ImageFeatures, *, compare_detail: bool = True) -> NearestImages:
    """Find the most similar other image for each image, never one of its own family.

    Without `compare_detail` only the distances of descriptors are computed.
    """
    count = len(features)
    which, similarity = np.zeros(count, np.int64), np.full(count, -1.0, np.float32)
    distance = np.full(count, np.inf, np.float32)
    index = {name: number for number, name in enumerate(dict.fromkeys([*features.families, *others.families]))}
    own_family, their_family = (
        np.array([index[name] for name in each.families], np.int64) for each in (features, others)
    )
    if not count or not len(others):
        return NearestImages(which=which, similarity=similarity, distance=distance)
    for own, their in ((features.whole_NEEC, others.whole_NEEC), (features.object_NEEC, others.object_NEEC)):
        theirs, their_detail = _descriptors(their), _detail(their)
        for flipped in (own, own[:, :, ::-1]):  # as it is, and mirrored
            ours, detail = _descriptors(flipped), _detail(flipped)
            for start in range(0, count, _BLOCK):
                part = slice(start, min(start + _BLOCK, count))
                distances = _distances(ours[part], theirs)
                distances[own_family[part, None] == their_family[None, :]] = np.inf
                closest = np.argpartition(distances, min(_CANDIDATES, len(others)) - 1, axis=1)[:, :_CANDIDATES]
                found = np.take_along_axis(distances, closest, axis=1)
                distance[part] = np.minimum(distance[part], found.min(axis=1))
                for place in range(closest.shape[1] if compare_detail else 0):
                    found_similarity = _correlation(detail[part], their_detail[closest[:, place]])
                    found_similarity[~np.isfinite(found[:, place])] = -1.0
                    better = found_similarity > similarity[part]
                    similarity[part][better] = found_similarity[better]
                    which[part][better] = closest[better, place]
    return NearestImages(which=which, similarity=similarity, distance=distance)


def copy_threshold(real: Single) -> float:
    """Return the similarity above which an image is a copy, from the similarities of different real families.

    The threshold is two fifths of the way from the most similar real pair to 1. Pairs above 0.995 are one photograph
    used twice and do not count.
    """
    different = real[real < _SAME]
    most = float(different.max()) if different.size else 0.0
    return max(most, 0.5) + _MARGIN * (1 - max(most, 0.5))


def concatenate(first: ImageFeatures, second: ImageFeatures) -> ImageFeatures:
    """Join two sets of images."""
    return ImageFeatures(
        names=first.names + second.names,
        families=first.families + second.families,
        file_sha256=first.file_sha256 + second.file_sha256,
        pixel_sha256=first.pixel_sha256 + second.pixel_sha256,
        whole_NEEC=np.concatenate([first.whole_NEEC, second.whole_NEEC]),
        object_NEEC=np.concatenate([first.object_NEEC, second.object_NEEC]),
    )


def select(features: ImageFeatures, kept: Mask) -> ImageFeatures:
    """Return the images that the mask selects."""
    chosen = np.flatnonzero(kept).tolist()
    return ImageFeatures(
        names=tuple(features.names[k] for k in chosen),
        families=tuple(features.families[k] for k in chosen),
        file_sha256=tuple(features.file_sha256[k] for k in chosen),
        pixel_sha256=tuple(features.pixel_sha256[k] for k in chosen),
        whole_NEEC=features.whole_NEEC[chosen],
        object_NEEC=features.object_NEEC[chosen],
    )


def _check_replay(
    train: ImageFeatures, holdout: ImageFeatures, synthetic: ImageFeatures, near: float, bounds: Bounds
) -> Check:
    """Test whether train families are near a synthetic image more often than holdout families."""
    test = _test_excess(train, holdout, synthetic, near)
    families = dict.fromkeys(train.families)
    half = set(list(families)[::2])
    shown = np.array([name in half for name in train.families])
    other = _test_excess(select(train, ~shown), holdout, select(train, shown), near)
    return Check(
        name=NAMES[3],
        kind=PRIVACY,
        value=test.p,
        real_against_real=other.p,
        bound=bounds.replay_p,
        better="higher",
        passed=test.p >= bounds.replay_p,
        meaning=(
            "Probability of so large an excess, if nothing leaked, of families with a synthetic image nearer than "
            f"{near:.1f} grey levels: {test.member_rate:.1%} of train, {test.holdout_rate:.1%} of the holdout. Higher "
            f"is better; real against real gives {other.p:.2g} ({other.member_rate:.1%} and {other.holdout_rate:.1%})."
        ),
        figures={"near": near, "member_rate": test.member_rate, "holdout_rate": test.holdout_rate},
    )


def _test_excess(members: ImageFeatures, holdout: ImageFeatures, release: ImageFeatures, near: float) -> LeakageTest:
    hit: list[bool] = []
    member: list[bool] = []
    for side, is_member in ((members, True), (holdout, False)):
        close = find_nearest(side, release, compare_detail=False).distance <= near
        families: dict[str, bool] = {}
        for family, each in zip(side.families, close.tolist(), strict=True):
            families[family] = families.get(family, False) or each
        hit += families.values()
        member += [is_member] * len(families)
    everyone: Mask = np.full(len(hit), True)
    return run_leakage_test(NAMES[3], np.array(member), everyone, np.array(hit))


def _identical(own: ImageFeatures, their: ImageFeatures, what: str) -> list[Hit]:
    known = dict(zip(getattr(their, what), their.names, strict=True))
    check = NAMES[0] if what == "file_sha256" else NAMES[1]
    return [
        Hit(check=check, text=known[digest], detail=f"is the image of {name}")
        for name, digest in zip(own.names, getattr(own, what), strict=True)
        if digest in known
    ]


def _copies(own: ImageFeatures, their: ImageFeatures, found: NearestImages, threshold: float) -> list[Hit]:
    return [
        Hit(
            check="copied_pictures",
            text=their.names[int(found.which[k])],
            detail=f"similarity {found.similarity[k]:.3f} to the image of {own.names[k]}",
        )
        for k in np.flatnonzero(found.similarity > threshold).tolist()
    ]


def _read_images(folder: Path, splits: tuple[str, ...]) -> Iterator[tuple[str, str, bytes]]:
    for split in splits:
        for row in read(folder, split=split, columns=("image",)):
            if row.image is not None:
                yield row.product_code, row.family, row.image


def _detail(pixels_NEEC: Pixels) -> Single:
    """Return the luminance without its coarse part: what photographs of similar products do not share."""
    grey: Single = pixels_NEEC.mean(axis=3, dtype=np.float32)
    fine: Single = grey - ndimage.uniform_filter(grey, (0, _BLUR, _BLUR))
    return fine


def _correlation(own_NEE: Single, their_NEE: Single) -> Single:
    """Return the correlation of the inner pixels about zero (fine detail has no mean), the best of nine shifts."""
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


def _resize(image: Image.Image) -> Pixels:
    """Resize to a square with a filter that widens with the reduction, so that the original size does not matter."""
    return np.asarray(image.resize((EDGE, EDGE), Image.Resampling.BILINEAR))


def _descriptors(pixels_NEEC: Pixels) -> Single:
    step = EDGE // _SMALL
    shape = (len(pixels_NEEC), _SMALL, step, _SMALL, step, 3)
    small: Single = pixels_NEEC.reshape(shape).mean(axis=(2, 4), dtype=np.float32).reshape(len(pixels_NEEC), -1)
    return small


def _distances(own: Single, their: Single) -> Single:
    """Return the root mean square difference of descriptors, in grey levels."""
    squared = (own**2).sum(axis=1)[:, None] + (their**2).sum(axis=1)[None, :] - 2 * own @ their.T
    found: Single = np.sqrt(np.maximum(squared, 0) / own.shape[1])
    return found
