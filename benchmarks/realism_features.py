"""The fast classifier of the realism benchmark: HOG of image and mask, 100 components, a support vector machine.

Histograms of oriented gradients (Dalal and Triggs, 2005): 8 x 8 cells of 8 x 8 pixels, 8 unsigned orientations, each
cell normalised by the 3 x 3 cells around it. Training takes a second, so that many seeds are possible.
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


def hog_features(images: Images) -> Numbers:
    """Return HOG of brightness and of the mask, and the mask at 8 x 8, for images of shape (n, 64, 64, 4)."""
    levels = np.asarray(images / np.float32(255), np.float32)
    mask = levels[..., 3]
    cells = SIDE // CELL
    coarse = mask.reshape(len(mask), cells, CELL, cells, CELL).mean(axis=(2, 4)).reshape(len(mask), -1)
    return np.concatenate(
        [0.7 * _gradients(np.asarray(levels[..., :3].mean(axis=-1), np.float32)), _gradients(mask), coarse], axis=1
    )


def train(images: Images, labels: npt.NDArray[np.int64], seed: int) -> Pipeline:
    """Train the classifier on the images and their mirror images."""
    both = np.concatenate([hog_features(images), hog_features(images[:, :, ::-1])])
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
