"""Shards so small that a few products make several, in worker processes too, which import everything anew."""

import generator.shards
from generator.shards import GenerateInputs, write_shard
from generator.storage import Folder

SMALL_SHARDS = {True: 5, False: 5}

HUNDREDS = {True: 5, False: 500}


def write_shard_of_hundreds(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """The same for somewhat larger ones."""
    generator.shards.PRODUCTS_PER_SHARD = HUNDREDS
    return write_shard(inputs, shard, out)


def write_small_shard(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """`write_shard` in a process that nobody has told how small shards are."""
    generator.shards.PRODUCTS_PER_SHARD = SMALL_SHARDS
    return write_shard(inputs, shard, out)
