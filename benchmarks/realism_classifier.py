"""The small convolutional network of the realism benchmark: three convolutions on 48 x 48 pixels of colour and mask.

Architecture, augmentation and number of steps were chosen on real photographs only, and are the same for both arms.
Images without a mask (three channels) work too.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

Images = npt.NDArray[np.uint8]
"""(num_images, side, side, 4): RGB and mask, or 3: RGB only. They are resized to `SIDE`."""
SIDE = 48
NUM_STEPS = 500
BATCH = 32
LEARNING_RATE = 3e-3


class Classifier(nn.Module):
    """Blocks of 2 x 2 pixels, convolutions with batch norm, mean and maximum over positions, one linear layer."""

    def __init__(self, num_classes: int, channels: int = 4) -> None:
        super().__init__()
        widths = (4 * channels, 32, 64, 128)
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        for i in range(3):
            layers += [nn.Conv2d(widths[i], widths[i + 1], 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(widths[i + 1]), nn.ReLU(), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 128, num_classes))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the class scores, shape (B, num_classes)."""
        features = self.body(x_BCHW)
        return self.head(torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1))  # type: ignore[no-any-return]


def train(images: Images, labels: npt.NDArray[np.int64], seed: int, num_classes: int = 10) -> Classifier:
    """Train a classifier for `NUM_STEPS` steps; all classes are sampled equally often."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Classifier(num_classes, images.shape[3])
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=NUM_STEPS)
    members = [np.flatnonzero(labels == label) for label in range(num_classes)]
    tensor = to_tensor(images)
    model.train()
    for _ in range(NUM_STEPS):
        classes = rng.integers(num_classes, size=BATCH)
        chosen = np.array([rng.choice(members[label]) for label in classes])
        seen = augment(tensor[torch.from_numpy(chosen)])
        scores = model(seen.contiguous(memory_format=torch.channels_last))  # twice as fast on a CPU
        loss = functional.cross_entropy(scores, torch.from_numpy(classes), label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def predict_probabilities(model: Classifier, images: Images) -> npt.NDArray[np.float64]:
    """Return class probabilities, the mean over each image and its mirror image, shape (n, num_classes)."""
    x = to_tensor(images)
    both = [model(view).softmax(dim=1) for view in (x, x.flip(3))]
    return np.asarray((both[0] + both[1]) / 2, np.float64)


def to_tensor(images: Images) -> Tensor:
    """Return images as (B, C, `SIDE`, `SIDE`) in -1..1."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return functional.interpolate(x, size=(SIDE, SIDE), mode="area")


def augment(x_BCHW: Tensor) -> Tensor:
    """Mirror, rotate, stretch and shift; mix, invert or drop colours; hide a patch."""
    batch = x_BCHW.shape[0]
    angle, shear = 0.20 * torch.randn(batch), 0.08 * torch.randn(batch)
    zoom, stretch = torch.exp(0.10 * torch.randn(batch)), torch.exp(0.09 * torch.randn(batch))
    mirror = torch.where(torch.rand(batch) < 0.5, -1.0, 1.0)
    c, s = torch.cos(angle), torch.sin(angle)
    matrix = [
        torch.stack([mirror * zoom * stretch * c, zoom * (shear - s), 0.10 * torch.randn(batch)], dim=1),
        torch.stack([mirror * zoom * s, zoom / stretch * c, 0.10 * torch.randn(batch)], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(matrix, dim=1), list(x_BCHW.shape), align_corners=False)
    x = functional.grid_sample(x_BCHW - _EMPTY[:, : x_BCHW.shape[1]], grid, align_corners=False)
    x = x + _EMPTY[:, : x_BCHW.shape[1]]
    colour, rest = x[:, :3], x[:, 3:]
    mixing = torch.eye(3) + 0.20 * torch.randn(batch, 3, 3)
    colour = torch.einsum("bij,bjhw->bihw", mixing, colour) + 0.20 * torch.randn(batch, 3, 1, 1)
    grey = colour.mean(dim=1, keepdim=True).expand_as(colour)
    colour = torch.where(torch.rand(batch, 1, 1, 1) < 0.25, grey, colour)
    colour = torch.where(torch.rand(batch, 1, 1, 1) < 0.15, -colour, colour)
    x = torch.cat([colour.clamp(-1.5, 1.5), rest], dim=1)
    place, t = torch.rand(batch, 2) * 2 - 1, torch.linspace(-1, 1, x.shape[2])
    rows, columns = (((t - place[:, axis, None]).abs() < 0.22) for axis in (0, 1))
    hidden = rows[:, :, None] & columns[:, None, :] & (torch.rand(batch, 1, 1) < 0.5)
    return torch.where(hidden[:, None], _EMPTY[:, : x.shape[1]], x)


_EMPTY = torch.tensor([1.0, 1.0, 1.0, -1.0])[None, :, None, None]
"""White, outside the mask."""
