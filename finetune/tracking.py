"""Send metrics of a run to Weights & Biases or TensorBoard, in addition to the run's own log.

wandb honours WANDB_MODE=offline and its other variables itself. TensorBoard's event files are in the folder
`tensorboard` of the run: `tensorboard --logdir RUN`. A tracker that fails reports it once and is not used again: it
never stops a run.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from schemas.errors import ToileError


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedExample:
    """One image, the answer a model should have given, and the one it gave."""

    image: Image.Image
    true: str
    answered: str


class Tracker(Protocol):
    """Receives the metrics of a run."""

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Record the metrics of a step."""

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Record images with the true answer and the model's."""

    def finish(self) -> None:
        """End the run."""


class NullTracker:
    """A tracker that records nothing."""

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Do nothing."""

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class WandbTracker:
    """One Weights & Biases run."""

    def __init__(self, config: Mapping[str, Any], folder: Path) -> None:
        try:
            import wandb
        except ImportError as error:
            raise ToileError(
                "tracking", "wandb is not installed", "pip install 'toile[track]', or tracking: none"
            ) from error
        self._errors: tuple[type[BaseException], ...] = (wandb.Error, OSError, TimeoutError)
        self._run: Any = None
        self._try(lambda: setattr(self, "_run", wandb.init(project="toile", config=dict(config), dir=str(folder))))

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Send the metrics of a step."""
        self._try(lambda: self._run and self._run.log(dict(metrics), step=step))

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Send a table of images and answers."""
        self._try(lambda: self._run and self._run.log({"examples": self._table(examples)}))

    def _table(self, examples: Sequence[LoggedExample]) -> Any:
        import wandb

        table = wandb.Table(columns=["picture", "true", "answered"])
        for example in examples:
            table.add_data(wandb.Image(example.image), example.true, example.answered)
        return table

    def finish(self) -> None:
        """Flush and close."""
        self._try(lambda: self._run and self._run.finish())

    def _try(self, action: Callable[[], Any]) -> None:
        """Run `action`; after an error of wandb or of the network report it and stop tracking."""
        try:
            action()
        except self._errors as error:
            _report_failure(error)
            self._run = None


class TensorBoardTracker:
    """Event files of one run. A continued run replaces the events of the steps that it repeats."""

    def __init__(self, config: Mapping[str, Any], folder: Path, num_done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ToileError(
                "tracking", "tensorboard is not installed", "pip install 'toile[track]', or tracking: none"
            ) from error
        self._writer: Any = None
        self._last_step = num_done

        def start() -> None:
            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=num_done + 1)
            self._writer.add_text("config", f"```json\n{json.dumps(config, indent=1, default=str)}\n```")

        self._try(start)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Write the numbers among the metrics of a step."""
        self._last_step = step
        for name, value in metrics.items():
            if name != "step" and isinstance(value, int | float):
                self._try(lambda name=name, value=value: self._writer and self._writer.add_scalar(name, value, step))

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Write images, each with the true and the given answer as text."""

        def write() -> None:
            for number, example in enumerate(examples):
                name, step = f"example_{number:02d}", self._last_step
                pixels = np.asarray(example.image.convert("RGB"))
                self._writer.add_image(f"{name}/picture", pixels, step, dataformats="HWC")
                self._writer.add_text(f"{name}/answers", f"true: {example.true}\n\nanswered: {example.answered}", step)

        self._try(lambda: self._writer and write())

    def finish(self) -> None:
        """Flush and close."""
        self._try(lambda: self._writer and self._writer.close())

    def _try(self, action: Callable[[], Any]) -> None:
        """Run `action`; after an error of the disk report it and stop tracking."""
        try:
            action()
        except OSError as error:
            _report_failure(error)
            self._writer = None


def open_tracker(name: str, config: Mapping[str, Any], folder: Path, num_done: int = 0) -> Tracker:
    """Return the tracker that the run file names; `num_done` is the number of steps that a continued run has done."""
    if name == "wandb":
        return WandbTracker(config, folder)
    return TensorBoardTracker(config, folder, num_done) if name == "tensorboard" else NullTracker()


def _report_failure(error: Exception) -> None:
    print(f"tracking stopped, training continues: {error}", file=sys.stderr)
