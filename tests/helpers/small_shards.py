"""Make shards so small that a few products fill several, also in worker processes, which import everything again."""

import generator.catalog.shards
from generator.catalog.shards import GenerateInputs, write_shard
from generator.catalog.storage import Folder

SMALL_SHARDS = {True: 5, False: 5}

HUNDREDS = {True: 5, False: 500}


def write_shard_of_hundreds(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Run `write_shard` with shards of hundreds of rows."""
    generator.catalog.shards.PRODUCTS_PER_SHARD = HUNDREDS
    return write_shard(inputs, shard, out)


def write_small_shard(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Run `write_shard` with small shards in a process that has imported the usual size."""
    generator.catalog.shards.PRODUCTS_PER_SHARD = SMALL_SHARDS
    return write_shard(inputs, shard, out)
