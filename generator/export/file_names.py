"""Names for files made of product codes, which anybody may have written: safe on every system and never twice.

A code may be a path, a device of Windows, 5,000 characters, empty, or differ from another one only in case. What is
letters, digits, `-` and `_` stays as it is; anything else is replaced and the name gets a hash of the code.
"""

import hashlib
import re

MAX_STEM = 80
"""Characters; with a suffix it still fits the 100 bytes of a name in a USTAR archive."""
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_SIGNATURES = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF87a", ".gif"),
    (b"GIF89a", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
)
UNKNOWN_SUFFIX = ".bin"


class FileNames:
    """Hands out one stem a row; the same codes in the same order get the same stems. Holds every stem in memory."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def stem(self, code: str) -> str:
        """The code itself where it is safe and new, else a safe form of it with a hash.

        Stems are ASCII, at most `MAX_STEM` characters, start with a letter or digit, hold no dot and no slash, and
        differ from each other by more than case.
        """
        stem, attempt = (code, 0) if _is_safe(code) else (_hashed(code, 1), 1)
        while stem.lower() in self._taken:
            attempt += 1
            stem = _hashed(code, attempt)
        self._taken.add(stem.lower())
        return stem


def picture_suffix(content: bytes) -> str:
    """The usual suffix of an encoded picture by its first bytes; `.bin` where they are those of no picture."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for start, suffix in _SIGNATURES if content.startswith(start)), UNKNOWN_SUFFIX)


def _is_safe(code: str) -> bool:
    return len(code) <= MAX_STEM and bool(_SAFE.fullmatch(code)) and not _DEVICE.fullmatch(code)


def _hashed(code: str, attempt: int) -> str:
    digest = hashlib.sha256(f"{attempt} {code}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    kept = re.sub(r"[^A-Za-z0-9_-]+", "-", code[: MAX_STEM * 2]).strip("-_")[: MAX_STEM - 13].rstrip("-_")
    return f"{kept or 'product'}-{digest}"
