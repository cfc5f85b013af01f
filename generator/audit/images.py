"""Check whether synthetic images copy real ones: identical files, identical pixels, disguised copies, replay.

A disguised copy is re-encoded, resized, stretched, blurred, mirrored, turned by 90, 180 or 270 degrees, inverted,
recoloured, padded, framed, put beside another image, or cropped by up to 10 %. On plain backgrounds a perceptual hash
with the usual threshold calls nearly every pair of clothes a copy. Images are therefore compared in two steps, as a
whole, cropped to the bounding box of the object, and without a plain frame. The correlation of coarse grey images in
all eight orientations finds a few candidates. The fine detail of these is correlated with that of windows of the real
image; of a negative the correlation is negative, and its absolute value counts. The figures are compared with those of
different real products, which are searched in the same way.

Letters of array shapes: N images, E edge, C channels.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.audit import MAX_HITS, Findings, count_check, decide, skip_check
from generator.audit.membership import LeakageTest, run_leakage_test, smallest_detectable_leak
from generator.audit.rows import Floats, Mask, Single
from schemas.audit import PRIVACY, Bounds, Check, Hit
from schemas.errors import ToileError
from schemas.fingerprints import EDGE, bounding_box, local_detail, pixel_sha256
from schemas.images import BadImageError, decode_rgb, read_texts
from schemas.product import read

NAMES = ("identical_picture_files", "identical_pictures", "copied_pictures", "replayed_pictures")
_MIN_IMAGES = 8
NEAR_SHARE = 0.05
"""Share of the real images whose nearest image of another real family is near."""
MAX_CONTROLS = 1000
"""Largest number of real images, evenly spread, that are compared with other real families."""
_SMALL = 16
_CANDIDATES = 4
_MAX_PRODUCT = 20_000_000
"""Largest number of coarse correlations in memory."""
_WINDOWS = (1.0, 0.95, 0.9)
"""Edges of the windows of a real image that a cropped copy may show, as shares of its edge."""
_SCALES = 5
"""Edges of windows that are tried down and right, from the whole edge to the smallest."""
_FRAME = 6
"""Largest difference in grey levels from the colour of a frame; compression adds a few."""
_COLLAGE = 1.8
"""Ratio of the edges from which an image may show two others side by side."""
_ODD = 0.2
"""Share of the pixels of a row or column of a frame that may differ more."""
_BLOCK = 512
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
    inner_NEEC: Pixels
    """Without the rows and columns at the edges that have one colour: a frame, or padding."""
    texts: tuple[str, ...]
    """What the metadata of the file says."""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestImages:
    """For each image, the most similar one among others."""

    which: npt.NDArray[np.int64]
    similarity: Single
    """Absolute correlation of the fine detail; a re-encoded copy has more than 0.9; -1 if there is no other image."""
    distance: Single
    """Of the descriptors, in grey levels (root mean square); infinite if there is no other image."""


def check_images(
    train: ImageFeatures,
    holdout: ImageFeatures,
    synthetic: ImageFeatures,
    bounds: Bounds,
    *,
    control: "ImageControl | None" = None,
) -> Findings:
    """Run all checks of images. `train` and `holdout` are real images of different families.

    `control` is measured if it is None.
    """
    for side, what in ((train, "real train"), (holdout, "real validation and test"), (synthetic, "synthetic")):
        if len(side) < (1 if side is synthetic else _MIN_IMAGES):
            why = f"does not apply: there are {len(side)} {what} images"
            return Findings(checks=[skip_check(name, PRIVACY, why) for name in NAMES])
    real = concatenate(train, holdout)
    control = control or measure_image_control(train, holdout)
    found, nearest = find_nearest(synthetic, real), control.nearest
    threshold = copy_threshold(nearest.similarity)
    files, same_files = (_identical(*sides, "file_sha256") for sides in ((synthetic, real), (holdout, train)))
    pixels, same_pixels = (_identical(*sides, "pixel_sha256") for sides in ((synthetic, real), (holdout, train)))
    copies, same_copies = (
        _copies(synthetic, real, found, threshold),
        _copies(control.images, real, nearest, threshold),
    )
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
            f"Images whose fine detail correlates above {threshold:.3f} with a real one's, as with copies that were "
            "re-encoded, resized, mirrored, turned, inverted, recoloured or cropped, and not with two different real "
            "products; " + what,
            threshold=threshold,
            largest=float(found.similarity.max()),
            real_largest=float(nearest.similarity.max()),
        ),
        _check_replay(train, holdout, synthetic, float(np.quantile(nearest.distance, NEAR_SHARE)), bounds),
    ]
    hits = [*files[:MAX_HITS], *pixels[:MAX_HITS], *copies[:MAX_HITS]]
    return Findings(checks=checks, hits=hits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageControl:
    """Real images, and the most similar real image of another family for each."""

    images: ImageFeatures
    nearest: NearestImages


def measure_image_control(train: ImageFeatures, holdout: ImageFeatures) -> ImageControl:
    """Compare the real images with each other: once, for any number of synthetic catalogs."""
    real = concatenate(train, holdout)
    images = select(real, np.arange(len(real)) % (1 + (len(real) - 1) // MAX_CONTROLS) == 0)
    return ImageControl(images=images, nearest=find_nearest(images, real))


def read_image_features(folder: Path) -> tuple[ImageFeatures, ImageFeatures]:
    """Read the images of a catalog: those of train, and those of validation and test."""
    train = extract_features(_read_images(folder, ("train",)), str(folder))
    return train, extract_features(_read_images(folder, ("validation", "test")), str(folder))


def extract_features(images: Iterable[tuple[str, str, bytes]], where: str = "catalog") -> ImageFeatures:
    """Extract features of images, given as (product code, family, encoded file).

    An image that is nearly twice as long as wide, or longer, is its two halves too: it may be a collage.

    Raises ToileError for a file that does not decode.
    """
    names, families, files, pixels, wholes, objects, inners, texts = [], [], [], [], [], [], [], []
    for name, family, file in images:
        try:
            image = decode_rgb(file)
        except BadImageError as error:
            problem = f"has an image that {error.problem}"
            raise ToileError(f"{where}: product {name}", problem, "fix the catalog") from error
        for part in (image, *_split_collage(image)):
            names.append(name)
            families.append(family)
            files.append(hashlib.sha256(file).hexdigest())
            pixels.append(pixel_sha256(part))
            wholes.append(_resize(part))
            objects.append(_resize(part.crop(bounding_box(part))))
            inners.append(_resize(part.crop(_find_inside(part))))
            texts.append("\n".join(read_texts(file)))
    shape = (len(names), EDGE, EDGE, 3)
    return ImageFeatures(
        names=tuple(names),
        families=tuple(families),
        file_sha256=tuple(files),
        pixel_sha256=tuple(pixels),
        whole_NEEC=np.array(wholes, np.uint8).reshape(shape),
        object_NEEC=np.array(objects, np.uint8).reshape(shape),
        inner_NEEC=np.array(inners, np.uint8).reshape(shape),
        texts=tuple(texts),
    )


def _split_collage(image: Image.Image) -> list[Image.Image]:
    """Return both halves of an image whose one edge is `_COLLAGE` times the other, else nothing."""
    width, height = image.size
    if min(width, height) < 2 or max(width, height) < _COLLAGE * min(width, height):
        return []
    cut = (width // 2, height) if width > height else (width, height // 2)
    return [image.crop((0, 0, *cut)), image.crop((width - cut[0], height - cut[1], width, height))]


def _find_inside(image: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of an image without the rows and columns at its edges that have one colour."""
    array = np.asarray(image, np.int16)
    corner = np.median(np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]]), axis=0)
    other = np.abs(array - corner).max(axis=2) > _FRAME
    rows, columns = np.flatnonzero(other.mean(axis=1) > _ODD), np.flatnonzero(other.mean(axis=0) > _ODD)
    if not rows.size or not columns.size:
        return (0, 0, image.width, image.height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def find_nearest(features: ImageFeatures, others: ImageFeatures, *, compare_detail: bool = True) -> NearestImages:
    """Find the most similar other image for each image, never one of its own family.

    Without `compare_detail` only the distances of descriptors are computed, and the nearest image is the one by them.
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
    for own, their, scales in (
        (features.whole_NEEC, others.whole_NEEC, _WINDOWS),
        (features.object_NEEC, others.object_NEEC, _WINDOWS[:1]),
        (features.inner_NEEC, others.whole_NEEC, _WINDOWS[:1]),
    ):
        theirs = _descriptors(their)
        for flipped in (own, own[:, :, ::-1]):  # as it is, and mirrored
            ours = _descriptors(flipped)
            for start in range(0, count, _BLOCK):
                part = slice(start, min(start + _BLOCK, count))
                distances = _distances(ours[part], theirs)
                distances[own_family[part, None] == their_family[None, :]] = np.inf
                closest = distances.argmin(axis=1)
                smallest = distances[np.arange(len(closest)), closest]
                if not compare_detail:
                    which[part] = np.where(smallest < distance[part], closest, which[part])
                distance[part] = np.minimum(distance[part], smallest)
        if compare_detail:
            found, place = _find_copied(own, own_family, their, their_family, scales)
            better = found > similarity
            similarity[better], which[better] = found[better], place[better]
    return NearestImages(which=which, similarity=similarity, distance=distance)


def _find_copied(
    own_NEEC: Pixels,
    own_family: npt.NDArray[np.int64],
    their_MEEC: Pixels,
    their_family: npt.NDArray[np.int64],
    scales: tuple[float, ...],
) -> tuple[Single, npt.NDArray[np.int64]]:
    """Return for each image the largest correlation of fine detail with another family's image, and that image."""
    own, their = (pixels.mean(axis=3, dtype=np.float32) for pixels in (own_NEEC, their_MEEC))
    detail, their_detail = local_detail(own), local_detail(their)
    steps = [(scale, move) for scale in scales for move in ((-1, 0, 1) if scale == scales[-1] < 1 else (0,))]
    coarse = [
        _coarse(_sampling_matrix(*down) @ their @ _sampling_matrix(*right).T)
        for down in steps
        for right in steps
        if down[0] == right[0]
    ]
    best, place = np.full(len(own), -1.0, np.float32), np.zeros(len(own), np.int64)
    block = max(1, min(_BLOCK, _MAX_PRODUCT // (8 * len(their))))
    for start in range(0, len(own), block):
        part = slice(start, min(start + block, len(own)))
        turns = [_coarse(turned) for turned in _orientations(own[part])]
        alike = np.stack([np.max([np.abs(turned @ each.T) for each in coarse], axis=0) for turned in turns], axis=1)
        alike[np.broadcast_to((own_family[part, None] == their_family[None, :])[:, None, :], alike.shape)] = -1.0
        flat = alike.reshape(len(alike), -1)
        closest = np.argpartition(-flat, min(_CANDIDATES, flat.shape[1]) - 1, axis=1)[:, :_CANDIDATES]
        turned_detail = np.stack(list(_orientations(detail[part])), axis=1)
        rows = np.arange(len(closest))
        nearest, window = np.full(len(rows), -1.0, np.float32), np.zeros((len(rows), 2, 2))
        pick = closest[:, 0].copy()
        for chosen in closest.T:
            turn, other = np.divmod(chosen, len(their))
            similarity, cut = _find_window(turned_detail[rows, turn], their_detail[other], scales)
            better = (similarity > nearest) & (flat[rows, chosen] >= 0)
            nearest[better], window[better], pick[better] = similarity[better], cut[better], chosen[better]
        turn, other = np.divmod(pick, len(their))
        found = _correlate_window(turned_detail[rows, turn], their_detail[other], window, refine=min(scales) < 1)
        best[part], place[part] = np.where(nearest >= 0, found, -1.0), other
    return best, place


def _find_window(own_NEE: Single, their_NEE: Single, scales: tuple[float, ...]) -> tuple[Single, Floats]:
    """Find the window of the other image whose fine detail correlates most, either way, at half the resolution.

    Returns the absolute correlation, and (scale, move) of the window down and right; see `_sampling_matrix`.
    """
    steps = [
        (scale, move)
        for scale in np.linspace(1.0, min(scales), _SCALES if min(scales) < 1 else 1).tolist()
        for move in np.linspace(-1, 1, 1 + math.ceil((1 - scale) * EDGE / 2 - 1e-9)).tolist()
    ]
    own, their = _halve(own_NEE)[:, 1:-1, 1:-1].reshape(len(own_NEE), -1), _halve(their_NEE)
    own = own / np.sqrt(np.einsum("nk,nk->n", own, own) + 1e-6)[:, None]
    best = np.full(len(own), -1.0, np.float32)
    place = np.zeros((len(own), 2), np.int64)
    matrices = [_sampling_matrix(*step, edge=EDGE // 2)[1:-1] for step in steps]
    for down, by_down in enumerate(matrices):
        rows: Single = by_down @ their
        for right, by_right in enumerate(matrices):
            moved: Single = (rows @ by_right.T).reshape(len(own), -1)
            norm = np.sqrt(np.einsum("nk,nk->n", moved, moved) + 1e-6)
            found = np.abs(np.einsum("nk,nk->n", own, moved)) / norm
            better = found > best
            best[better], place[better] = found[better], (down, right)
    return best, np.array(steps)[place]


def _correlate_window(own_NEE: Single, their_NEE: Single, window: Floats, *, refine: bool) -> Single:
    """Return the absolute correlation with a window of the other image, whose edges and place are refined in turn."""
    for axis in (0, 1, 0, 1) if refine else ():
        window[:, axis] = _refine(own_NEE, their_NEE, window, axis)
    return _correlation(own_NEE, _cut_windows(their_NEE, window))


def _refine(own_NEE: Single, their_NEE: Single, window: Floats, axis: int) -> Floats:
    """Return the best edge and place along one axis near those of the windows."""
    best, chosen = np.full(len(own_NEE), -1.0, np.float32), window[:, axis].copy()
    for change in (-0.0125, 0.0, 0.0125):
        for pixels in (-1.0, -0.5, 0.0, 0.5, 1.0):
            tried = window.copy()
            scale = np.clip(window[:, axis, 0] + change, min(_WINDOWS), 1.0)
            room = np.maximum((1 - scale) * EDGE / 2, 1e-6)
            middle = window[:, axis, 1] * (1 - window[:, axis, 0]) * EDGE / 2 + pixels
            tried[:, axis, 0], tried[:, axis, 1] = scale, np.clip(middle / room, -1, 1)
            found = _correlation(own_NEE, _cut_windows(their_NEE, tried), shifts=(2,))
            better = found > best
            best[better], chosen[better] = found[better], tried[better, axis]
    return chosen


def _cut_windows(their_NEE: Single, window: Floats) -> Single:
    """Cut a window of each image: (scale, move) down and right, enlarged to the whole edge."""
    down, right = (_sampling_matrix(window[:, axis, 0], window[:, axis, 1]) for axis in (0, 1))
    rows: Single = down @ their_NEE
    found: Single = rows @ right.transpose(0, 2, 1)
    return found


def _halve(images_NEE: Single) -> Single:
    half: Single = images_NEE.reshape(len(images_NEE), EDGE // 2, 2, EDGE // 2, 2).mean(axis=(2, 4))
    return half


def _sampling_matrix(scale: float | Floats, move: float | Floats, *, edge: int = EDGE) -> Single:
    """Return the matrix that interpolates a window of `scale` of a line of pixels; one for each entry of arrays.

    `move` is -1 for a window at the beginning of the line, 0 in the middle, 1 at the end.
    """
    sizes, moves = np.asarray(scale)[..., None], np.asarray(move)[..., None]
    centre = edge / 2 + moves * (1 - sizes) * edge / 2
    position = np.clip(centre + ((np.arange(edge) + 0.5) / edge - 0.5) * sizes * edge - 0.5, 0, edge - 1)
    found: Single = np.maximum(1 - np.abs(position[..., None] - np.arange(edge)), 0).astype(np.float32)
    return found


def _orientations(images_NEE: Single) -> Iterator[Single]:
    """Yield the images turned by 0, 90, 180 and 270 degrees, each as it is and mirrored."""
    for quarter in range(4):
        turned = np.rot90(images_NEE, quarter, axes=(1, 2))
        yield turned
        yield turned[:, :, ::-1]


def _coarse(images_NEE: Single) -> Single:
    """Return small images without mean and with norm 1, one row each."""
    step = EDGE // _SMALL
    small = (
        images_NEE.reshape(len(images_NEE), _SMALL, step, _SMALL, step).mean(axis=(2, 4)).reshape(len(images_NEE), -1)
    )
    small = small - small.mean(axis=1, keepdims=True)
    found: Single = (small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)).astype(np.float32)
    return found


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
        inner_NEEC=np.concatenate([first.inner_NEEC, second.inner_NEEC]),
        texts=first.texts + second.texts,
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
        inner_NEEC=features.inner_NEEC[chosen],
        texts=tuple(features.texts[k] for k in chosen),
    )


def _check_replay(
    train: ImageFeatures, holdout: ImageFeatures, synthetic: ImageFeatures, near: float, bounds: Bounds
) -> Check:
    """Test whether families of one side, train or holdout, are near a synthetic image more often than the other."""
    test = _test_excess(train, holdout, synthetic, near)
    families = dict.fromkeys(train.families)
    half = set(list(families)[::2])
    shown = np.array([name in half for name in train.families])
    other = _test_excess(select(train, ~shown), holdout, select(train, shown), near)
    p, other_p = (min(1.0, 2 * min(each.p, each.holdout_p)) for each in (test, other))
    check = Check(
        name=NAMES[3],
        kind=PRIVACY,
        value=p,
        real_against_real=other_p,
        bound=bounds.replay_p,
        better="higher",
        passed=p >= bounds.replay_p,
        meaning=(
            "Probability of so large a difference, if nothing leaked, of families with a synthetic image nearer than "
            f"{near:.1f} grey levels: {test.member_rate:.1%} of train, {test.holdout_rate:.1%} of the holdout. Higher "
            f"is better; real against real gives {other_p:.2g} ({other.member_rate:.1%} and {other.holdout_rate:.1%})."
        ),
        figures={"near": near, "member_rate": test.member_rate, "holdout_rate": test.holdout_rate},
    )
    return decide(check, smallest_detectable_leak(test, bounds.replay_p / 2), "train families", bounds.smallest_leak)


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


def _correlation(own_NEE: Single, their_NEE: Single, *, shifts: tuple[int, ...] = (1, 2, 3)) -> Single:
    """Return the absolute correlation of the inner pixels (fine detail has no mean), the best of the shifts."""
    inner = slice(2, EDGE - 2)
    own = np.ascontiguousarray(own_NEE[:, inner, inner])
    own_norm = np.einsum("nij,nij->n", own, own)
    best = np.full(len(own), -1.0, np.float32)
    for down in shifts:
        for right in shifts:
            moved = their_NEE[:, down : down + EDGE - 4, right : right + EDGE - 4]
            norm = np.sqrt(own_norm * np.einsum("nij,nij->n", moved, moved) + 1e-3)
            best = np.maximum(best, np.abs(np.einsum("nij,nij->n", own, moved)) / norm)
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
