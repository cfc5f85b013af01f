"""Resumable states of a run: masters, moments, step; written aside and renamed, the newest kept.

One process writes `resume/step-00000200.pt`, and of several the first, for all hold the same. Where processes divide
the weights each writes its share into the folder `resume/step-00000200` (torch.distributed.checkpoint), from which any
number of them can read theirs. `best` beside them holds the masters with the lowest validation loss.
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

from finetune.distributed import Ranks, load_shares, save_shares
from finetune.optimizer import Masters
from schemas.errors import ToileError
from schemas.util.files import storage_errors

FOLDER = "resume"
BEST = "best"


@dataclasses.dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    losses: list[float] = dataclasses.field(default_factory=list)
    """Of every step that was done."""
    best_loss: float | None = None
    """The lowest validation loss, ..."""
    best_step: int | None = None
    """... after which step it was found, ..."""
    since_best: int = 0
    """... and how many validations have not been lower since."""

    def judge(self, loss: float | None) -> bool:
        """Take note of a validation loss of now; returns whether it is the lowest so far."""
        better = loss is not None and math.isfinite(loss) and (self.best_loss is None or loss < self.best_loss)
        self.since_best = 0 if better else self.since_best + 1
        if better:
            self.best_loss, self.best_step = loss, self.step
        return better


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The states of one run."""

    out: Path
    masters: Masters
    optimiser: torch.optim.Optimizer
    ranks: Ranks
    divided: bool
    """Whether each process holds a share of the weights."""

    def save(self, progress: Progress) -> None:
        """Write the state after `progress.step` steps and remove the one before it."""
        name = self._name(f"step-{progress.step:08d}")
        optimiser = self._moments() if self.divided else self.optimiser.state_dict()
        self._write(
            name, {"weights": self.masters.values(), "optimiser": optimiser, "run": dataclasses.asdict(progress)}
        )
        if self.ranks.first:
            for older in (self.out / FOLDER).glob("step-*"):
                if older.name != name:
                    shutil.rmtree(older) if older.is_dir() else older.unlink()

    def save_reached(self, progress: Progress) -> None:
        """Save before giving up, except where the other processes would have to help and may be gone."""
        if progress.step and self.ranks.size == 1:
            self.save(progress)

    def load(self) -> Progress:
        """Restore the newest state; returns how far it is, which is step 0 when there is none."""
        found = sorted(path for path in (self.out / FOLDER).glob("step-*") if path.suffix != ".part")
        if not found:
            return Progress()
        path = found[-1]
        if path.is_dir() != self.divided:
            how = (
                "as several processes that divide the weights" if path.is_dir() else "by processes that hold them whole"
            )
            raise ToileError(str(path), f"was written {how}", "continue in the same way, or start anew with --force")
        blank = {"optimiser": self._moments(), "run": dataclasses.asdict(Progress())} if self.divided else {}
        state = self._read(path, {"weights": self.masters.values(), **blank})
        self.masters.load(state["weights"])
        if self.divided:
            for name, moments in state["optimiser"].items():
                self.optimiser.state[self.masters.by_name[name]] = moments
        else:
            self.optimiser.load_state_dict(state["optimiser"])
        return Progress(**state["run"])

    def save_best(self) -> None:
        """Keep the masters of now as the best."""
        self._write(self._name(BEST), {"weights": self.masters.values()})

    def load_best(self) -> None:
        """Go back to the best."""
        path = self.out / FOLDER / self._name(BEST)
        self.masters.load(self._read(path, {"weights": self.masters.values()})["weights"])

    def _name(self, stem: str) -> str:
        return stem if self.divided else f"{stem}.pt"

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        """AdamW's state by the names of the parameters; blank before the first step."""
        fused = bool(self.optimiser.defaults.get("fused"))
        return {
            name: self.optimiser.state.get(master)
            or {
                "step": torch.zeros((), device=self.ranks.device if fused else "cpu"),
                "exp_avg": torch.zeros_like(master),
                "exp_avg_sq": torch.zeros_like(master),
            }
            for name, master in self.masters.by_name.items()
        }

    def _write(self, name: str, state: Mapping[str, Any]) -> None:
        path = self.out / FOLDER / name
        aside = path.with_name(f"{name}.part")
        with storage_errors(path):
            path.parent.mkdir(exist_ok=True)
            try:
                if self.divided:
                    if self.ranks.first:
                        shutil.rmtree(aside, ignore_errors=True)
                    self.ranks.wait()
                    save_shares(state, aside)
                elif self.ranks.first:
                    with aside.open("wb") as file:
                        torch.save(dict(state), file)
                        os.fsync(file.fileno())
            except (RuntimeError, OSError) as error:  # torch's zip writer reports a full disk as a RuntimeError
                shutil.rmtree(aside) if aside.is_dir() else aside.unlink(missing_ok=True)
                if isinstance(error, OSError):
                    raise
                raise OSError(errno.ENOSPC, "no space left, or the write failed", str(path)) from error
            if self.ranks.first:
                if path.is_dir():
                    shutil.rmtree(path)
                aside.replace(path)
        self.ranks.wait()

    def _read(self, path: Path, template: dict[str, Any]) -> dict[str, Any]:
        try:
            if self.divided:
                load_shares(template, path)
                return template
            if not zipfile.is_zipfile(path):
                raise ValueError("it is no archive")
            with zipfile.ZipFile(path) as archive:  # torch does not look at the checksums
                if (name := archive.testzip()) is not None:
                    raise ValueError(f"{name} is not what was written")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, UnpicklingError, zipfile.BadZipFile) as error:
            raise ToileError(str(path), f"is damaged: {str(error)[:100]}", "start anew with --force") from error
        return state


def remove_states(out: Path) -> None:
    """After the run is finished."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)
