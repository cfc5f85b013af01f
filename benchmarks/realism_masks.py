"""Segment the product in a photograph without any learned part, for real and synthetic images alike.

After GrabCut (Rother, Kolmogorov and Blake, 2004): Gaussian mixtures in Lab for background and product, re-estimated
alternately. The background starts from the border of the image. Instead of the graph cut, labels of neighbours with
similar colours are averaged (mean field), which is faster and hardly differs at this size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
WORK_SIDE = 72
"""Pixels of the longer side during segmentation."""
NUM_COLOURS = 4
NUM_TURNS = 3
SMALLEST, LARGEST = 0.05, 0.85
"""A mask that covers a smaller or larger share of the image has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Statistics of one mask."""

    aspect: float
    """Width of its bounding box over its height."""
    fill: float
    """Share of the bounding box that it covers."""
    solidity: float
    """Share of its convex hull that it covers."""


def segment(photo: Image.Image) -> Mask:
    """Return the mask of the product, at the size of the image reduced to `WORK_SIDE`."""
    scale = WORK_SIDE / max(photo.size)
    width, height = (max(8, round(side * scale)) for side in photo.size)
    small = np.asarray(photo.resize((width, height), Image.Resampling.BOX), np.float32)
    lab = to_lab(np.asarray(small / 255, np.float32))
    y, x = np.mgrid[:height, :width]
    u, v = (x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1
    border = np.maximum(np.abs(u), np.abs(v)) > 0.90
    middle = 1.1 - 2.1 * np.maximum(u * u, v * v) ** 1.5
    weights = _neighbour_weights(lab)
    ground = border.copy()
    product = _foreground_seed(lab, ground, (u * u + v * v) < 0.5)
    odds = np.zeros((height, width), np.float32)
    for turn in range(NUM_TURNS):
        behind = _log_density(lab, lab[ground], seed=turn)
        front = _log_density(lab, lab[product], seed=turn + 9)
        odds = np.asarray(np.clip(front - behind, -6, 6) + middle, np.float32)
        share = _mean_field(odds, weights)
        product, ground = share > 0.5, share < 0.5
        product &= ~border | (share > 0.8)
        if product.sum() < 30 or ground.sum() < 30:
            break
    return _clean_mask(share > 0.5)


def is_plausible(mask: Mask) -> bool:
    """Return whether a mask can be the product: neither tiny nor nearly the whole image, and not along all edges."""
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(SMALLEST < mask.mean() < LARGEST and edge.mean() < 0.35)


def measure_shape(mask: Mask) -> Shape:
    """Return aspect, fill and solidity."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    area = float(mask.sum())
    return Shape(aspect=float(width / height), fill=area / float(width * height), solidity=area / _hull_area(mask))


def normalize(photo: Image.Image, mask: Mask, side: int) -> npt.NDArray[np.uint8]:
    """Return the product alone on white, centred in a square: RGB and mask, shape (side, side, 4).

    Where segmentation fails, return the image unchanged with a mask of ones.
    """
    if not is_plausible(mask):
        mask = np.ones_like(mask)
    cover = Image.fromarray(np.asarray(mask * 255, np.uint8)).resize(photo.size, Image.Resampling.BILINEAR)
    left, top, right, bottom = _box(cover)
    scale = 0.92 * side / max(right - left, bottom - top)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    part = photo.crop((left, top, right, bottom)).resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    veil = cover.crop((left, top, right, bottom)).resize(size, Image.Resampling.BOX)
    square, whole = Image.new("RGB", (side, side), "white"), Image.new("L", (side, side), 0)
    place = (side - size[0]) // 2, (side - size[1]) // 2
    square.paste(part, place, veil)
    whole.paste(veil, place)
    return np.dstack([np.asarray(square), np.asarray(whole)])


def to_lab(srgb: Plane) -> Plane:
    """Convert sRGB in 0..1 to CIE L*a*b* (D65)."""
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = light @ to_xyz.T / np.array([0.9505, 1.0, 1.0890])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.asarray(np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1), np.float32)


def _box(cover: Image.Image) -> tuple[int, int, int, int]:
    box = cover.point(lambda level: 255 * (level > 127)).getbbox()
    return box or (0, 0, *cover.size)


def _foreground_seed(lab: Plane, ground: Mask, centre: Mask) -> Mask:
    """Return the pixels near the centre that differ most from the border, at least a third of them."""
    density = _log_density(lab, lab[ground], seed=20)
    usual, third = np.quantile(density[ground], 0.10), np.quantile(density[centre], 0.34)
    return np.asarray(centre & (density <= max(usual, third)), bool)


def _log_density(lab: Plane, samples: Plane, seed: int) -> Plane:
    """Return the log density of every pixel under a Gaussian mixture fitted to the samples by hard assignment."""
    rng = np.random.default_rng(seed)
    samples = samples[rng.permutation(len(samples))[:500]]
    centres = samples[rng.choice(len(samples), NUM_COLOURS)]
    for _ in range(4):
        nearest = ((samples[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for k in range(NUM_COLOURS):
            if (nearest == k).any():
                centres[k] = samples[nearest == k].mean(axis=0)
    flat = lab.reshape(-1, 3)
    logs = np.full((NUM_COLOURS, len(flat)), -1e3, np.float32)
    for k in range(NUM_COLOURS):
        members = samples[nearest == k]
        if len(members) < 4:
            continue
        spread = np.cov(members.T) + np.diag([9.0, 4.0, 4.0])
        away = flat - members.mean(axis=0)
        distance = (away @ np.linalg.inv(spread).astype(np.float32) * away).sum(axis=1)
        logs[k] = np.log(len(members) / len(samples)) - 0.5 * (distance + np.log(np.linalg.det(spread)))
    top = logs.max(axis=0)
    return np.asarray((top + np.log(np.exp(logs - top).sum(axis=0))).reshape(lab.shape[:2]), np.float32)


_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def _neighbour_weights(lab: Plane) -> list[Plane]:
    """Return the similarity of every pixel and its neighbour (0 to 1) in each of four directions."""
    differences = [((lab - np.roll(lab, step, axis=(0, 1))) ** 2).sum(axis=2) for step in _STEPS]
    scale = 2 * np.mean(differences) + 1e-3
    return [np.asarray(np.exp(-difference / scale), np.float32) for difference in differences]


def _mean_field(odds: Plane, weights: list[Plane], strength: float = 1.1) -> Plane:
    """Return the product probability of every pixel after ten mean-field steps with its neighbours."""
    share = 1 / (1 + np.exp(-odds))
    for _ in range(10):
        vote = np.zeros_like(odds)
        lean = 2 * share - 1
        for step, weight in zip(_STEPS, weights, strict=True):
            vote += weight * np.roll(lean, step, axis=(0, 1))
            vote += np.roll(weight * lean, (-step[0], -step[1]), axis=(0, 1))
        share = 1 / (1 + np.exp(-np.clip(0.5 * odds + strength * vote, -30, 30)))
    return np.asarray(share, np.float32)


def _clean_mask(mask: Mask) -> Mask:
    """Return the largest component (and others of a quarter of its size, such as the other shoe) without holes."""
    opened = ndimage.binary_opening(mask, iterations=1)
    labels, count = ndimage.label(opened)
    if not count:
        return mask
    sizes: npt.NDArray[Any] = np.bincount(labels.ravel())[1:]
    height, width = mask.shape
    y, x = np.mgrid[:height, :width]
    near = np.exp(-2 * (((x / width - 0.5) ** 2) + ((y / height - 0.5) ** 2)) * 4)
    weight = np.bincount(labels.ravel(), near.ravel())[1:]
    keep = 1 + np.flatnonzero((weight >= 0.25 * weight.max()) & (sizes >= 0.2 * sizes[weight.argmax()]))
    kept = np.isin(labels, keep)
    filled = ndimage.binary_fill_holes(kept)
    return kept if filled is None else np.asarray(filled, bool)


def _hull_area(mask: Mask) -> float:
    """Return the number of pixels inside the convex hull of the mask."""
    y, x = np.nonzero(mask ^ ndimage.binary_erosion(mask))
    corners = np.concatenate([np.stack([x + dx, y + dy], axis=1) for dx in (0, 1) for dy in (0, 1)])
    return float(ConvexHull(corners).volume)
