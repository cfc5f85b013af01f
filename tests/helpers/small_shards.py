"""Shards so small that a few products make several, in worker processes too, which import everything anew."""

import generator.catalog.shards
from generator.catalog.shards import GenerateInputs, write_shard
from generator.catalog.storage import Folder

SMALL_SHARDS = {True: 5, False: 5}

HUNDREDS = {True: 5, False: 500}


def write_shard_of_hundreds(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """The same for somewhat larger ones."""
    generator.catalog.shards.PRODUCTS_PER_SHARD = HUNDREDS
    return write_shard(inputs, shard, out)


def write_small_shard(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """`write_shard` in a process that nobody has told how small shards are."""
    generator.catalog.shards.PRODUCTS_PER_SHARD = SMALL_SHARDS
    return write_shard(inputs, shard, out)
