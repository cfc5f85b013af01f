"""Do the picture positions in the text and the pictures beside it belong together?

Counting all negative ids is not enough: two rows with their pictures swapped can have the right sum. So each
picture's own run of ids is compared with the number of vectors that this very picture becomes.

Shapes: B rows, T positions.
"""

import torch
from torch import Tensor

from schemas.errors import ToileError

PROCESSOR_HINT = "Make the batch with the processor, processor(texts, pictures), not with its tokenizer alone."


def check_pictures(input_ids_BT: Tensor, pixel_values: Tensor | None, num_vectors: list[int] | None) -> None:
    """Raise ToileError unless every picture has exactly its positions, in order: row by row, -1, -2, ... within a row.

    `num_vectors` says how many vectors each picture becomes, None where image_sizes or pixel_values are missing.
    """
    runs = picture_runs(input_ids_BT)
    if pixel_values is None:
        if runs:
            raise ToileError("pixel_values", f"are missing, but input_ids has {len(runs)} pictures", PROCESSOR_HINT)
        return
    if num_vectors is None:
        raise ToileError("image_sizes", "are missing beside pixel_values", PROCESSOR_HINT)
    if len(num_vectors) != pixel_values.shape[0]:
        problem = f"has {len(num_vectors)} rows for {pixel_values.shape[0]} pictures"
        raise ToileError("image_sizes", problem, PROCESSOR_HINT)
    if not runs and num_vectors:
        problem = f"holds no picture position for {len(num_vectors)} pictures; they would be ignored"
        raise ToileError("input_ids", problem, PROCESSOR_HINT)
    if len(runs) != len(num_vectors):
        problem = f"has positions for {len(runs)} pictures, but pixel_values holds {len(num_vectors)}"
        raise ToileError("input_ids", problem, PROCESSOR_HINT)
    for (row, number, length), expected in zip(runs, num_vectors, strict=True):
        if length != expected:
            problem = f"has {length} positions for a picture of {expected} vectors"
            raise ToileError(f"input_ids, row {row}, picture {number}", problem, PROCESSOR_HINT)


def picture_runs(input_ids_BT: Tensor) -> list[tuple[int, int, int]]:
    """(row, picture number from 1, how many positions) of each run of one negative id, in reading order.

    Raises ToileError where the numbers of a row are not 1, 2, 3, ...
    """
    rows, cols = torch.nonzero(input_ids_BT < 0, as_tuple=True)
    keys = torch.stack([rows, -input_ids_BT[rows, cols]])
    distinct, counts = torch.unique_consecutive(keys, dim=1, return_counts=True)
    runs = [(row, number, count) for row, number, count in zip(*distinct.tolist(), counts.tolist(), strict=True)]
    expected, last_row = 1, -1
    for row, number, _ in runs:
        expected = expected + 1 if row == last_row else 1
        if number != expected:
            raise ToileError(
                f"input_ids, row {row}", f"picture {number} stands where {expected} is due", PROCESSOR_HINT
            )
        last_row = row
    return runs


def repeat_pictures(input_ids_BT: Tensor, times: int) -> Tensor:
    """Indices into the pictures of a batch after each row was repeated `times` times in place."""
    order, first = [], 0
    for num_pictures in pictures_per_row(input_ids_BT):
        order += list(range(first, first + num_pictures)) * times
        first += num_pictures
    return torch.tensor(order, dtype=torch.long, device=input_ids_BT.device)


def pictures_per_row(input_ids_BT: Tensor) -> list[int]:
    """How many pictures each row has; they are numbered from -1 downwards without gaps."""
    counts: list[int] = (-input_ids_BT.amin(dim=1)).clamp(min=0).tolist()
    return counts
