"""One evaluation on several processes: each answers its share of the batches, rank 0 joins the parts and says the rest.

    torchrun --nproc-per-node 8 -m toile evaluate --model M --data DIR --out DIR

The processes share nothing but the folder and a meeting point: what rank 3 has answered lies in
`predictions-rank3.jsonl` until rank 0 puts all lines into `predictions.jsonl`, in the order in which one process alone
would have written them. A run that was killed is continued by any number of processes.
"""

import contextlib
import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ToileError
from schemas.prediction import Prediction, append_predictions, read_predictions

LONGEST_WAIT = datetime.timedelta(days=7)
"""For the slowest process; the others are stopped by torchrun when one fails."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among those of the run."""

    rank: int = 0
    size: int = 1
    local: int = 0
    """Its number on this machine, which is that of its device."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes results and speaks."""
        return self.rank == 0

    def mine(self, number: int) -> bool:
        """Whether this process answers the batch of that number."""
        return number % self.size == self.rank

    def device(self, asked: str | None) -> str | None:
        """Of several processes every one takes its own GPU, unless a number was asked for."""
        if self.size == 1 or asked not in (None, "cuda"):
            return asked
        import torch

        return f"cuda:{self.local % torch.cuda.device_count()}" if torch.cuda.is_available() else asked

    def wait(self) -> None:
        """Until all processes are here; ToileError when one of them is gone."""
        self.total(0)

    def total(self, number: float) -> float:
        """The sum over all processes, known to each."""
        if self.size == 1:
            return number
        import torch
        import torch.distributed as dist

        found = torch.tensor([number], dtype=torch.float64)
        try:
            dist.all_reduce(found)
        except RuntimeError as error:
            raise ToileError(
                f"rank {self.rank}",
                "another process of this run has stopped",
                "see its message; start again, it continues",
            ) from error
        return float(found[0])


ALONE = Ranks()


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """The processes that torchrun has started, or this one alone.

    They only ever add up numbers, so gloo serves on GPUs as well.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ) or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=LONGEST_WAIT)
    try:
        yield Ranks(
            rank=dist.get_rank(), size=dist.get_world_size(), local=int(os.environ.get("LOCAL_RANK", dist.get_rank()))
        )
    finally:
        dist.destroy_process_group()


def part(path: Path, rank: int) -> Path:
    """`predictions-rank3.jsonl` beside `predictions.jsonl`."""
    return path.with_name(f"{path.stem}-rank{rank}{path.suffix}")


def parts(path: Path) -> list[Path]:
    """All parts that are there, of however many processes."""
    return sorted(path.parent.glob(f"{path.stem}-rank*{path.suffix}"))


def gather(path: Path, order: Sequence[Key] = ()) -> None:
    """Put the lines of all parts into `path`, those of `order` first and in that order, and remove the parts.

    A kill at any moment loses no line: the parts go last, and a line that is in two files is the same in both.
    """
    found: dict[Key, Prediction] = {}
    for file in (path, *parts(path)):
        for prediction in read_predictions(file):
            found.setdefault(prediction.key, prediction)
    wanted = [key for key in order if key in found]
    listed = set(wanted)
    keys = [*wanted, *(key for key in found if key not in listed)]
    if parts(path) or keys != list(found):
        whole = path.with_name(path.name + ".part")
        whole.unlink(missing_ok=True)
        append_predictions(whole, [found[key] for key in keys])
        whole.replace(path)
    for file in parts(path):
        file.unlink()
