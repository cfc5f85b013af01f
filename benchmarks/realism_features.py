"""The quick classifier of the realism probe: oriented gradients of picture and mask, 100 components, a kernel machine.

Histograms of oriented gradients after Dalal and Triggs (2005): 8 x 8 cells of 8 x 8 pixels, 8 orientations without
sign, each cell divided by the strength of the 3 x 3 cells around it. It trains in a second: many seeds are affordable.
"""

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

Numbers = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8]
SIDE, CELL, NUM_ORIENTATIONS = 64, 8, 8
NUM_COMPONENTS = 100


def features(images: Images) -> Numbers:
    """Gradients of brightness and of the mask, and the mask itself at 8 x 8, of images (n, 64, 64, 4)."""
    levels = np.asarray(images / np.float32(255), np.float32)
    mask = levels[..., 3]
    cells = SIDE // CELL
    coarse = mask.reshape(len(mask), cells, CELL, cells, CELL).mean(axis=(2, 4)).reshape(len(mask), -1)
    return np.concatenate(
        [0.7 * _gradients(np.asarray(levels[..., :3].mean(axis=-1), np.float32)), _gradients(mask), coarse], axis=1
    )


def trained(images: Images, labels: npt.NDArray[np.int64], seed: int) -> Pipeline:
    """The classifier after the pictures and their mirror images."""
    both = np.concatenate([features(images), features(images[:, :, ::-1])])
    few = PCA(min(NUM_COMPONENTS, len(both) - 1), svd_solver="randomized", random_state=seed)
    return make_pipeline(StandardScaler(), few, SVC(C=3, gamma="scale")).fit(both, np.concatenate([labels, labels]))


def _gradients(plane: Numbers) -> Numbers:
    across, down = np.zeros_like(plane), np.zeros_like(plane)
    across[:, :, 1:-1] = plane[:, :, 2:] - plane[:, :, :-2]
    down[:, 1:-1] = plane[:, 2:] - plane[:, :-2]
    strength, turn = np.hypot(across, down), np.arctan2(down, across) % np.pi / np.pi * NUM_ORIENTATIONS
    first, share = np.floor(turn).astype(int) % NUM_ORIENTATIONS, turn % 1
    cells = SIDE // CELL
    shape = (len(plane), cells, CELL, cells, CELL)
    bins = []
    for k in range(NUM_ORIENTATIONS):
        weight = (first == k) * (1 - share) + ((first + 1) % NUM_ORIENTATIONS == k) * share
        bins.append((strength * weight).reshape(shape).sum(axis=(2, 4)))
    cellwise = np.stack(bins, axis=-1)
    energy = np.pad((cellwise**2).sum(axis=-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(energy[:, i : i + cells, j : j + cells] for i in range(3) for j in range(3))
    return np.asarray((cellwise / np.sqrt(around + 1e-3)[..., None]).reshape(len(plane), -1), np.float32)
