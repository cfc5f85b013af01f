"""Where figures of a run go beside its own log: nowhere, or to Weights & Biases. The only importer of wandb.

wandb honours WANDB_MODE=offline and its other variables by itself. A tracker that fails says so once and is left alone:
it never stops a run.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from schemas.errors import ToileError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One picture, what a model should have answered, and what it did."""

    picture: Image.Image
    true: str
    answered: str


class Tracker(Protocol):
    """Takes figures of a step."""

    def log(self, figures: Mapping[str, Any], step: int) -> None:
        """Record the figures of a step."""

    def log_examples(self, examples: Sequence[Answered]) -> None:
        """Record pictures with the true answer and the model's."""

    def finish(self) -> None:
        """No more will come."""


class NullTracker:
    """Takes everything and keeps nothing."""

    def log(self, figures: Mapping[str, Any], step: int) -> None:
        """Nothing to do."""

    def log_examples(self, examples: Sequence[Answered]) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""


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
        self._guarded(lambda: setattr(self, "_run", wandb.init(project="toile", config=dict(config), dir=str(folder))))

    def log(self, figures: Mapping[str, Any], step: int) -> None:
        """Send the figures of a step."""
        self._guarded(lambda: self._run and self._run.log(dict(figures), step=step))

    def log_examples(self, examples: Sequence[Answered]) -> None:
        """Send a table of pictures and answers."""
        self._guarded(lambda: self._run and self._run.log({"examples": self._table(examples)}))

    def _table(self, examples: Sequence[Answered]) -> Any:
        import wandb

        table = wandb.Table(columns=["picture", "true", "answered"])
        for example in examples:
            table.add_data(wandb.Image(example.picture), example.true, example.answered)
        return table

    def finish(self) -> None:
        """Flush and close."""
        self._guarded(lambda: self._run and self._run.finish())

    def _guarded(self, action: Any) -> None:
        try:
            action()
        except self._errors as error:
            print(f"tracking stopped, training goes on: {error}", file=sys.stderr)
            self._run = None


def open_tracker(name: str, config: Mapping[str, Any], folder: Path) -> Tracker:
    """The tracker that the run file names."""
    return WandbTracker(config, folder) if name == "wandb" else NullTracker()
