"""Send metrics of a run to Weights & Biases, in addition to the run's own log. The only module that imports wandb.

wandb honours WANDB_MODE=offline and its other variables itself. A tracker that fails reports it once and is not used
again: it never stops a run.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

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

    def _try(self, action: Any) -> None:
        """Run `action`; after an error of wandb or of the network report it and stop tracking."""
        try:
            action()
        except self._errors as error:
            print(f"tracking stopped, training continues: {error}", file=sys.stderr)
            self._run = None


def open_tracker(name: str, config: Mapping[str, Any], folder: Path) -> Tracker:
    """Return the tracker that the run file names: "wandb" or "none"."""
    return WandbTracker(config, folder) if name == "wandb" else NullTracker()
