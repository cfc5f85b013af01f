"""Save and resume a run: master weights, AdamW moments and progress; only the newest checkpoint is kept.

One process writes `resume/step-00000200.pt`; of several with equal weights the first does. Where the weights are
sharded every process writes its part into the folder `resume/step-00000200` (torch.distributed.checkpoint), from which
any number of processes can read their parts. `resume/best` holds the master weights with the lowest validation loss.
Every checkpoint is written under a temporary name and renamed.
"""

import dataclasses
import errno
import math
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from finetune.distributed import Ranks, load_sharded, save_sharded
from finetune.model_setup import MasterWeights
from schemas.errors import ToileError
from schemas.util.files import storage_errors

FOLDER = "resume"
BEST = "best"


@dataclasses.dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    """Finished steps."""
    losses: list[float] = dataclasses.field(default_factory=list)
    """Loss of every finished step."""
    best_loss: float | None = None
    """The lowest validation loss."""
    best_step: int | None = None
    """The step after which the lowest validation loss was measured."""
    since_best: int = 0
    """Validations since then."""

    def record_validation(self, loss: float | None) -> bool:
        """Record the current validation loss; return whether it is the lowest so far."""
        better = loss is not None and math.isfinite(loss) and (self.best_loss is None or loss < self.best_loss)
        self.since_best = 0 if better else self.since_best + 1
        if better:
            self.best_loss, self.best_step = loss, self.step
        return better


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointer:
    """Read and write the checkpoints of one run."""

    out: Path
    masters: MasterWeights
    optimizer: torch.optim.Optimizer
    ranks: Ranks
    sharded: bool
    """Whether each process holds a part of the weights."""

    def save(self, progress: Progress) -> None:
        """Write the checkpoint after `progress.step` steps and remove the one before it."""
        name = self._file_name(f"step-{progress.step:08d}")
        optimizer = self._moments() if self.sharded else self.optimizer.state_dict()
        self._write(
            name, {"weights": self.masters.values(), "optimiser": optimizer, "run": dataclasses.asdict(progress)}
        )
        if self.ranks.first:
            for older in (self.out / FOLDER).glob("step-*"):
                if older.name != name:
                    shutil.rmtree(older) if older.is_dir() else older.unlink()

    def save_emergency(self, progress: Progress) -> None:
        """Save before the run stops with an error, except where other processes must take part and may be gone."""
        if progress.step and self.ranks.size == 1:
            self.save(progress)

    def load(self) -> Progress:
        """Restore the newest checkpoint and return its progress; step 0 when there is none.

        Raises ToileError for a damaged checkpoint, and for one of a sharded run in a run that is not sharded.
        """
        found = sorted(path for path in (self.out / FOLDER).glob("step-*") if path.suffix != ".part")
        if not found:
            return Progress()
        path = found[-1]
        if path.is_dir() != self.sharded:
            how = "by several processes that shard the weights" if path.is_dir() else "by processes with all weights"
            raise ToileError(str(path), f"was written {how}", "continue in the same way, or start again with --force")
        blank = {"optimiser": self._moments(), "run": dataclasses.asdict(Progress())} if self.sharded else {}
        state = self._read(path, {"weights": self.masters.values(), **blank})
        self.masters.load(state["weights"])
        if self.sharded:
            for name, moments in state["optimiser"].items():
                self.optimizer.state[self.masters.by_name[name]] = moments
        else:
            self.optimizer.load_state_dict(state["optimiser"])
        return Progress(**state["run"])

    def save_best(self) -> None:
        """Save the current master weights as the best."""
        self._write(self._file_name(BEST), {"weights": self.masters.values()})

    def load_best(self) -> None:
        """Restore the best master weights."""
        path = self.out / FOLDER / self._file_name(BEST)
        self.masters.load(self._read(path, {"weights": self.masters.values()})["weights"])

    def _file_name(self, stem: str) -> str:
        return stem if self.sharded else f"{stem}.pt"

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        """Return AdamW's state by parameter name; zeros before the first step."""
        fused = bool(self.optimizer.defaults.get("fused"))
        return {
            name: self.optimizer.state.get(master)
            or {
                "step": torch.zeros((), device=self.ranks.device if fused else "cpu"),
                "exp_avg": torch.zeros_like(master),
                "exp_avg_sq": torch.zeros_like(master),
            }
            for name, master in self.masters.by_name.items()
        }

    def _write(self, name: str, state: Mapping[str, Any]) -> None:
        path = self.out / FOLDER / name
        temporary = path.with_name(f"{name}.part")
        with storage_errors(path):
            path.parent.mkdir(exist_ok=True)
            try:
                if self.sharded:
                    if self.ranks.first:
                        shutil.rmtree(temporary, ignore_errors=True)
                    self.ranks.wait()
                    save_sharded(state, temporary)
                elif self.ranks.first:
                    with temporary.open("wb") as file:
                        torch.save(dict(state), file)
                        os.fsync(file.fileno())
            except (RuntimeError, OSError) as error:  # torch's zip writer reports a full disk as a RuntimeError
                shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink(missing_ok=True)
                if isinstance(error, OSError):
                    raise
                raise OSError(errno.ENOSPC, "no space left, or the write failed", str(path)) from error
            if self.ranks.first:
                if path.is_dir():
                    shutil.rmtree(path)
                temporary.replace(path)
        self.ranks.wait()

    def _read(self, path: Path, template: dict[str, Any]) -> dict[str, Any]:
        try:
            if self.sharded:
                load_sharded(template, path)
                return template
            if not zipfile.is_zipfile(path):
                raise ValueError("it is not an archive")
            with zipfile.ZipFile(path) as archive:  # torch does not check the checksums
                if (name := archive.testzip()) is not None:
                    raise ValueError(f"{name} is not what was written")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, UnpicklingError, zipfile.BadZipFile) as error:
            raise ToileError(str(path), f"is damaged: {str(error)[:100]}", "start again with --force") from error
        return state


def remove_checkpoints(out: Path) -> None:
    """Remove the checkpoints of a finished run."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)
