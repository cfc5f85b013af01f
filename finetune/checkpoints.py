"""Resumable states of a run: trained weights, optimiser, step; written aside and renamed, the newest kept."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from schemas.border import storage_errors
from schemas.errors import ToileError

FOLDER = "resume"


def save_state(out: Path, model: nn.Module, optimiser: torch.optim.Optimizer, step: int, losses: list[float]) -> None:
    """Write the state after `step` steps and remove the one before it."""
    folder = out / FOLDER
    path = folder / f"step-{step:08d}.pt"
    with storage_errors(path):
        folder.mkdir(exist_ok=True)
        state = {"step": step, "losses": losses, "weights": dict(_trained(model)), "optimiser": optimiser.state_dict()}
        temporary = path.with_suffix(".part")
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # torch's zip writer reports a full disk this way
            raise OSError(28, "no space left, or the write failed", str(path)) from error
        temporary.replace(path)
        for older in folder.iterdir():
            if older != path:
                older.unlink()


def load_state(out: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, list[float]]:
    """Restore the newest state; returns the steps done (0 when there is none) and the losses of those steps."""
    paths = sorted((out / FOLDER).glob("step-*.pt"))
    if not paths:
        return 0, []
    try:
        if not zipfile.is_zipfile(paths[-1]):
            raise ValueError("it is no archive")
        state: dict[str, Any] = torch.load(paths[-1], map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise ToileError(str(paths[-1]), f"is damaged: {str(error)[:100]}", "start anew with --force") from error
    trained = dict(_trained(model))
    assert trained.keys() == state["weights"].keys(), sorted(trained.keys() ^ state["weights"].keys())[:5]
    with torch.no_grad():
        for name, value in state["weights"].items():
            trained[name].copy_(value)
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), list(state["losses"])


def remove_states(out: Path) -> None:
    """After the run is finished."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)
