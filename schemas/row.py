"""One entry of the lexicon: the same word in six markets."""

MARKETS = ("US", "UK", "DE", "FR", "JP", "IN")
"""The columns of every row."""
Row = tuple[str, str, str, str, str, str]
