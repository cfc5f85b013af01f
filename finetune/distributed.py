"""One run on several processes: who this process is, sums over all of them, and a model that trains in step.

    torchrun --nproc-per-node 8 -m toile train run.yaml --out DIR

Adapters are small: every process holds the whole model and gradients are averaged (DistributedDataParallel). A full
fine-tune is divided: every process holds a share of weights, gradients and moments (FSDP2, `fully_shard`).
"""

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from schemas.errors import ToileError

LONGEST_WAIT = datetime.timedelta(hours=6)
"""For the slowest process; torchrun stops the others when one fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among those of the run, and its device."""

    device: str
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def total(self, number: float) -> float:
        """The sum over all processes, known to each."""
        if self.size == 1:
            return number
        found = torch.tensor([number], dtype=torch.float64, device=self.device)
        try:
            torch.distributed.all_reduce(found)
        except RuntimeError as error:
            problem = "another process of this run has stopped"
            raise ToileError(f"rank {self.rank}", problem, "see its message; start again, it continues") from error
        return float(found[0])

    def wait(self) -> None:
        """Until all processes are here."""
        self.total(0)


@contextlib.contextmanager
def joined(device: str | None) -> Iterator[Ranks]:
    """The processes that torchrun has started, or this one alone; each of several takes a GPU of its own."""
    cuda = torch.cuda.is_available()
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ) or os.environ["WORLD_SIZE"] == "1":
        yield Ranks(device=device or ("cuda" if cuda else "cpu"))
        return
    if device in (None, "cuda") and cuda:
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    device = device or "cpu"
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Ranks(device=device, rank=torch.distributed.get_rank(), size=torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()


def in_step(model: nn.Module, ranks: Ranks) -> nn.Module:
    """The model, such that a backward pass leaves the mean of all processes' gradients."""
    if ranks.size == 1:
        return model
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(model, broadcast_buffers=False)


def divided(model: Any, ranks: Ranks, dtype: torch.dtype) -> Any:
    """The model with its weights divided over the processes, layer by layer; arithmetic in `dtype`, sums in float32."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(ranks.device.split(":")[0], (ranks.size,))
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    return fully_shard(model, mesh=mesh, mp_policy=policy)


def whole_weights(model: Any) -> dict[str, Tensor]:
    """All tensors of a divided model, gathered on the first process's host; empty on the others."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    gathered = dict(get_model_state_dict(model, options=options))
    tensors: dict[str, Tensor] = {}
    for name in list(gathered):
        tensors[name] = gathered.pop(name).clone()  # type: ignore[union-attr]  # they are views of padded buffers
    return tensors


def save_shares(state: Mapping[str, Any], folder: Path) -> None:
    """Every process writes its share of the tensors in `state`."""
    from torch.distributed.checkpoint.state_dict_saver import save

    save(dict(state), checkpoint_id=folder)


def load_shares(state: dict[str, Any], folder: Path) -> None:
    """Every process reads its share into the tensors of `state`, however many processes have written."""
    from torch.distributed.checkpoint.state_dict_loader import load

    load(state, checkpoint_id=folder)


def without_sync(model: nn.Module, last: bool) -> contextlib.AbstractContextManager[None]:
    """Gradients of all micro-batches but the last are added up locally."""
    from torch.nn.parallel import DistributedDataParallel

    if isinstance(model, DistributedDataParallel) and not last:
        return model.no_sync()
    return contextlib.nullcontext()
