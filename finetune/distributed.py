"""Run one job on several processes: ranks, sums over all of them, DDP and FSDP.

    torchrun --nproc-per-node 8 -m toile train run.yaml --out DIR

Adapters are small: every process holds the whole model and DistributedDataParallel averages the gradients. A full
fine-tune is sharded: every process holds a part of weights, gradients and moments (FSDP2, `fully_shard`). Evaluation
shares only `Ranks` and `init_process_group`. Torch is imported when several processes or a GPU need it.
"""

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import ToileError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

TRAINING_TIMEOUT = datetime.timedelta(hours=6)
"""How long a training process waits for the slowest one; torchrun stops all when one fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among those of the run, and its device."""

    device: str = "cpu"
    """Where this process computes, and where sums over processes are formed."""
    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """The number of this process on its machine."""

    @property
    def first(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def owns_batch(self, number: int) -> bool:
        """Return whether batch `number` belongs to this process."""
        return number % self.size == self.rank

    def assign_device(self, requested: str | None) -> str | None:
        """Return `requested`, or this process's own GPU where several processes share a machine's GPUs."""
        if self.size == 1 or requested not in (None, "cuda"):
            return requested
        import torch

        return f"cuda:{self.local_rank % torch.cuda.device_count()}" if torch.cuda.is_available() else requested

    def any(self, condition: bool) -> bool:
        """Return whether the condition holds on at least one process."""
        return self.total(condition) > 0

    def total(self, number: float) -> float:
        """Return the sum over all processes to each of them. Raises ToileError when another process is gone."""
        if self.size == 1:
            return number
        import torch

        summed = torch.tensor([number], dtype=torch.float64, device=self.device)
        try:
            torch.distributed.all_reduce(summed)
        except RuntimeError as error:
            problem = "another process of this run has stopped"
            raise ToileError(f"rank {self.rank}", problem, "see its message; start again, it continues") from error
        return float(summed[0])

    def wait(self) -> None:
        """Wait for all processes. Raises ToileError when another process is gone."""
        self.total(0)


ALONE = Ranks()
"""A run of one process on the CPU."""


@contextlib.contextmanager
def init_process_group(device: str | None, *, timeout: datetime.timedelta = TRAINING_TIMEOUT) -> Iterator[Ranks]:
    """Join the processes that torchrun started, or run alone; leave the group at the end.

    `device` None selects a GPU where there is one. Each of several processes takes its own GPU (NCCL); processes on
    the CPU use gloo. `timeout` limits every wait for the slowest process.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ) or os.environ["WORLD_SIZE"] == "1":
        yield Ranks(device=device or _default_device())
        return
    import torch

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    ranks = Ranks(rank=rank, size=size, local_rank=int(os.environ.get("LOCAL_RANK", rank)))
    device = ranks.assign_device(device) or "cpu"
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    backend = "nccl" if device.startswith("cuda") else "gloo"
    torch.distributed.init_process_group(backend, timeout=timeout)
    try:
        yield Ranks(device=device, rank=rank, size=size, local_rank=ranks.local_rank)
    finally:
        torch.distributed.destroy_process_group()


def wrap_ddp(model: "nn.Module", ranks: Ranks) -> "nn.Module":
    """Return the model such that a backward pass leaves the mean of all processes' gradients."""
    if ranks.size == 1:
        return model
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(model, broadcast_buffers=False)


def wrap_fsdp(model: Any, ranks: Ranks, dtype: "torch.dtype") -> Any:
    """Shard the weights over the processes, layer by layer; compute in `dtype`, reduce gradients in float32."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(ranks.device.split(":")[0], (ranks.size,))
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    return fully_shard(model, mesh=mesh, mp_policy=policy)


def full_state_dict(model: Any) -> "dict[str, Tensor]":
    """Gather all tensors of a sharded model in the first process's host memory; the others get an empty dict."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    gathered = dict(get_model_state_dict(model, options=options))
    tensors: dict[str, Tensor] = {}
    for name in list(gathered):
        tensors[name] = gathered.pop(name).clone()  # type: ignore[union-attr]  # they are views of padded buffers
    return tensors


def save_sharded(state: Mapping[str, Any], folder: Path) -> None:
    """Write this process's part of the tensors in `state` into `folder`."""
    from torch.distributed.checkpoint.state_dict_saver import save

    save(dict(state), checkpoint_id=folder)


def load_sharded(state: dict[str, Any], folder: Path) -> None:
    """Read this process's part into the tensors of `state`, however many processes wrote the folder."""
    from torch.distributed.checkpoint.state_dict_loader import load

    load(state, checkpoint_id=folder)


def without_sync(model: "nn.Module", last: bool) -> contextlib.AbstractContextManager[None]:
    """Return a context in which gradients of all micro-batches but the last are accumulated locally."""
    from torch.nn.parallel import DistributedDataParallel

    if isinstance(model, DistributedDataParallel) and not last:
        return model.no_sync()
    return contextlib.nullcontext()


def _default_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
