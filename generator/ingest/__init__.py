"""Read tables and images of other people, from disk or the network, and check them row by row.

The options are here, because the command line shows their defaults before it imports pandas and httpx.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a foreign table is read."""

    images: Path | None = None
    """Folder that image paths are relative to; by default the folder of the table."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our column name -> theirs, where they differ."""
    source: str = ""
    """Name kept with every row; the name of the table or data set where it is empty."""
    currency: str | None = None
    """Currency of the resulting rows; by default that of the table."""
    rate: float | None = None
    """Factor on every price, for a table in another currency."""
    categories: Mapping[str, str] | None = None
    """Their leaf category -> ours, where they differ."""
    encoding: str | None = None
    """Of a text file; None finds it in the file."""
    delimiter: str | None = None
    """Between the fields of a text file; None finds it in the file."""
    decimal: str | None = None
    """Decimal mark of the prices, `.` or `,`; None finds it in each column."""
    category: str | None = None
    """Category of rows that have none: a name, or a path such as `WOMEN > SHOES`."""
    with_images: bool = True
    """False keeps the rows alone."""
    max_bad: float = 0.05
    """Share of rejected rows above which nothing is written."""
    max_pixels: int = 50_000_000
    """Larger images are rejected before they are decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """Limits on requests to other people's servers, and on what is accepted from them."""

    workers: int = 8
    """Concurrent requests over all hosts."""
    per_host: int = 4
    """Concurrent requests to one host."""
    retries: int = 4
    timeout_seconds: float = 60.0
    """For one attempt at one image, from the look-up of the name to the last byte."""
    max_bytes: int = 20_000_000
    """A larger image is not read to its end."""
    allow_redirects: bool = False
    allow_private: bool = False
    """Allow addresses that are not public: loopback, a company's own network, the metadata service of a cloud."""
    user_agent: str = ""
    proxy: str | None = None
