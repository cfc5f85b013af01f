"""chrF2: how alike two titles are by their letters, which forgives an ending that token F1 does not.

Popovic 2015 (WMT, pages 392-395) with beta = 2 and letters only, over the orders that both texts have, as the
reference implementation sacrebleu counts them. On a scale from 0 to 1.
"""

import functools
import unicodedata
from collections import Counter

ORDER = 6
"""Runs of one to six characters, white space left out."""
BETA = 2
"""Recall counts twice as much as precision."""


def chrf(answer: str, truth: str) -> float:
    """Between 0 and 1, after NFKC and case folding; 0 where a text has no character."""
    precision, recall, orders = 0.0, 0.0, 0
    for ours, theirs in zip(_runs(_folded(answer)), _runs(_folded(truth)), strict=True):
        if ours and theirs:
            shared = sum(min(count, theirs[run]) for run, count in ours.items() if run in theirs)
            precision += shared / ours.total()
            recall += shared / theirs.total()
            orders += 1
    if not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


@functools.lru_cache(maxsize=4096)
def _runs(text: str) -> tuple[Counter[str], ...]:
    return tuple(
        Counter(text[start : start + length] for start in range(len(text) - length + 1))
        for length in range(1, ORDER + 1)
    )
