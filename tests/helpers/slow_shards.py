"""Make shards of a few products slowly, in every process, so that a test can kill one in the middle.

    python -m tests.helpers.slow_shards generate demo ...

runs the command line with such shards.
"""

import os
import sys
import time
from pathlib import Path

import generator.catalog.shards
from generator.catalog.shards import GenerateInputs, write_shard, write_shard_worker
from generator.catalog.storage import Folder

SMALL_SHARDS = {True: 20, False: 50}
PAUSE_SECONDS = 0.3


def slow_shard(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Run `write_shard` in a worker process, which needs the small size of shards."""
    generator.catalog.shards.PRODUCTS_PER_SHARD = SMALL_SHARDS
    time.sleep(PAUSE_SECONDS)
    return write_shard(inputs, shard, out)


def slow_shard_worker(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Run `write_shard_worker` likewise; leave a file that shows where it is, and wait while it is held."""
    generator.catalog.shards.PRODUCTS_PER_SHARD = SMALL_SHARDS
    Path(f"{out.where()}.at-{os.getpid()}").touch()
    while Path(f"{out.where()}.hold").exists():
        time.sleep(0.05)
    return write_shard_worker(inputs, shard, out)


if __name__ == "__main__":
    from tests.helpers import slow_shards
    from toile.cli import main

    generator.catalog.shards.PRODUCTS_PER_SHARD = SMALL_SHARDS
    for name in ("write_shard", "write_shard_worker"):
        setattr(generator.catalog.shards, name, getattr(slow_shards, name.replace("write", "slow")))
    sys.exit(main())
