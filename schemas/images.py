"""Image files: the formats that are read, and the one way from a file to the pixels that people and models see.

    picture = decode_rgb(Path("coat.png").read_bytes())     # RGB, upright, 8 bits, white behind transparency

Training, evaluation, pages, fit and audit all use `decode_rgb`, so a model is shown what the page shows:

- the EXIF orientation is applied;
- grey of 16 and 32 bits and floats become 8 bits: black stays 0, white is the largest value of the type or, for floats
  and 32 bits, the first of 1, 255, 65535 and the largest value that holds all samples;
- transparency is blended over white; palettes, CMYK, CIELAB and other colour spaces become RGB;
- of an animation or a file of several images, the first one;
- colour profiles (ICC) and gamma are not applied, as in `datasets` and the loaders of other trainers, so the pixels do
  not depend on the reader. A photo in Display P3 or Adobe RGB is a little paler than a browser shows it.

What Pillow says about metadata is not an error: an image is sound if its pixels decode.
"""

import base64
import contextlib
import io
import struct
import warnings
from collections.abc import Callable, Iterator
from types import MappingProxyType

import numpy as np
from PIL import Image, UnidentifiedImageError

from schemas.errors import BROKEN_IMAGE_ERRORS

SUFFIXES = MappingProxyType(
    {
        "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        "PNG": (".png", ".apng"),
        "WEBP": (".webp",),
        "AVIF": (".avif", ".avifs"),
        "GIF": (".gif",),
        "TIFF": (".tif", ".tiff"),
        "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
        "BMP": (".bmp",),
        "DIB": (".dib",),
        "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
        "QOI": (".qoi",),
        "ICO": (".ico",),
        "ICNS": (".icns",),
        "DDS": (".dds",),
        "PSD": (".psd",),
        "PCX": (".pcx",),
        "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
        "TGA": (".tga", ".icb", ".vda", ".vst"),
    }
)
"""Every format that is read, by Pillow's name, and its suffixes, the usual one first. This is the only list of formats.
JPEG includes MPO, several JPEGs in one file. Formats that Pillow passes to other programs (EPS) are excluded."""
IMAGE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
UNKNOWN_SUFFIX = ".bin"
"""Suffix of bytes that are in none of these formats."""
_CODESTREAM = b"\xff\x4f\xff\x51"
"""JPEG 2000 without the boxes of a .jp2 file."""
_UNREAD = (
    *((4, f"ftyp{brand}".encode(), "HEIC") for brand in ("heic", "heix", "hevc", "heim", "heis", "mif1", "msf1")),
    *((4, f"ftyp{brand}".encode(), "a video") for brand in ("isom", "mp42", "mp41", "qt  ", "M4V ")),
    *((0, start, "JPEG XL") for start in (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")),
    *((0, start, "EPS") for start in (b"%!PS", b"\xc5\xd0\xd3\xc6")),
    (0, b"%PDF", "PDF"),
)
"""Place, bytes there, and name of common files that are no image to toile."""
_ORIENTATION = 0x0112
_EXIF_DETAILS = 0x8769
"""EXIF tag of the directory that has the user's comment."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Value of the EXIF tag Orientation -> what makes the image upright."""
_QUARTER_TURNS = {5, 6, 7, 8}
_WHITE_LEVELS = (1.0, 255.0, 65535.0)
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""Chunks that decide pixels. The others are text, times, colour profiles, and the later frames of animations."""


class BadImageError(Exception):
    """Bytes that are not a usable image.

    `problem` continues a sentence that begins with the image: `is broken: image file is truncated`. `too_large` says
    that they may be an image.
    """

    def __init__(self, problem: str, *, too_large: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.too_large = too_large


def decode_rgb(content: bytes, *, max_pixels: int | None = None, draft_px: int | None = None) -> Image.Image:
    """Return the pixels of an image file: RGB, upright, without metadata.

    Args:
        content: The file; its name and header prove nothing.
        max_pixels: Refuse more, before decoding; by default Pillow's limit against decompression bombs.
        draft_px: A JPEG may be decoded at a half, a quarter or an eighth of its size, at least this many px a side.

    Raises:
        BadImageError: The file is broken, in no known format, or too large.
    """
    with _decoded(content, max_pixels, draft_px) as image:
        return to_rgb(image)


def check_image(content: bytes, max_pixels: int) -> None:
    """Decode the whole image; raise BadImageError where it is broken or has more than `max_pixels`."""
    with _decoded(content, max_pixels, None):
        pass


def open_image(content: bytes) -> Image.Image:
    """Open an image file for its header: size, mode, format, number of frames. Raises BadImageError."""
    return _without_metadata_on_error(content, _open)


def encode_portable(image: Image.Image, content: bytes | None = None) -> tuple[bytes, str]:
    """Return an RGB image as a file that every reader decodes to the same pixels, and its suffix, `.jpg` or `.png`.

    This is the image's own JPEG or PNG file `content` without its metadata, where that has the same pixels, else a PNG.
    So readers learn neither places nor times from EXIF, and see what `decode_rgb` gives.
    """
    plain = None if content is None else strip_metadata(content)
    if plain is not None and _is_simple(plain) and decode_rgb(plain).tobytes() == image.tobytes():
        return plain, image_suffix(plain)
    file = io.BytesIO()
    Image.frombytes("RGB", image.size, image.tobytes()).save(file, "PNG", compress_level=1)
    return file.getvalue(), ".png"


def upright_size(content: bytes) -> tuple[int, int]:
    """Return width and height of the upright image, from the header. Raises BadImageError."""
    with open_image(content) as image:
        width, height = image.size
        turned = image.format != "TIFF" and orientation_of(image) in _QUARTER_TURNS  # Pillow turns a TIFF's size itself
        return (height, width) if turned else (width, height)


JPEG_URI = "data:image/jpeg;base64,"


def thumbnail_uri(content: bytes, edge_px: int, quality: int = 80) -> str:
    """Return a `data:` URI of a JPEG of at most `edge_px` a side, never enlarged. Raises BadImageError."""
    return image_uri(decode_rgb(content, draft_px=2 * edge_px), edge_px, quality)


def image_uri(image: Image.Image, edge_px: int, quality: int = 80) -> str:
    """Return a `data:` URI of an RGB image as a JPEG of at most `edge_px` a side, never enlarged."""
    small = image.copy()
    small.thumbnail((edge_px, edge_px))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality, optimize=True)
    return JPEG_URI + base64.b64encode(file.getvalue()).decode("ascii")


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; 1 where the metadata have none or are damaged."""
    with warnings.catch_warnings(), contextlib.suppress(*BROKEN_IMAGE_ERRORS):
        warnings.simplefilter("ignore")
        value = image.getexif().get(_ORIENTATION)
        return value if value in _UPRIGHT else 1
    return 1


def read_texts(content: bytes) -> list[str]:
    """Return the texts in the metadata of an image file: comments, text chunks and EXIF; none that cannot be read."""
    found: list[str] = []
    with contextlib.suppress(BadImageError), _reading(content), _open(content) as image:
        exif = image.getexif()
        values = [*image.info.values(), *exif.values(), *exif.get_ifd(_EXIF_DETAILS).values()]
        if image.format == "PNG":  # text may be behind the pixels
            image.load()
            values += image.info.values()
        for value in values:
            plain = value.decode("utf-8", "ignore").replace("\0", "") if isinstance(value, bytes) else value
            text = " ".join(plain.split()) if isinstance(plain, str) else ""
            if text and text.isprintable() and text not in found:
                found.append(text)
    return found


def count_frames(image: Image.Image) -> int:
    """Return the number of images in an opened file; 1 where those after the first are damaged."""
    with warnings.catch_warnings(), contextlib.suppress(*BROKEN_IMAGE_ERRORS):
        warnings.simplefilter("ignore")
        return int(getattr(image, "n_frames", 1))
    return 1


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the pixels of an opened image of any mode, as `decode_rgb` does; a plain RGB image is returned itself."""
    if image.mode == "RGB" and not image.info and type(image) is Image.Image:
        return image
    image.load()
    orientation = orientation_of(image)
    flat = _flatten(_eight_bits(image) if image.mode[0] in "IF" else image)
    upright = flat.transpose(_UPRIGHT[orientation]) if orientation != 1 else flat
    plain = Image.new("RGB", upright.size)
    plain.paste(upright)  # neither metadata nor the class of a file, as a copy would have
    return plain


def image_suffix(content: bytes) -> str:
    """Return the usual suffix of an image file by its first bytes, also of a broken one; `.bin` for unknown ones."""
    Image.init()
    start = content[:32].ljust(32, b"\0")
    if start.startswith(_CODESTREAM):
        return ".j2k"
    for name, suffixes in SUFFIXES.items():
        accept = Image.OPEN[name][1] if name in Image.OPEN else None
        if accept is not None and accept(start):
            return suffixes[0]
    return UNKNOWN_SUFFIX


def describe_unread(content: bytes) -> str | None:
    """Name a common kind of file that is no image to toile (HEIC, SVG, PDF, ...); None for others."""
    for place, start, name in _UNREAD:
        if content.startswith(start, place):
            return name
    return "SVG" if b"<svg" in content[:1000].lower() else None


def strip_metadata(content: bytes, *, keep_exif: bool = False) -> bytes | None:
    """Return a JPEG or PNG file with the same encoded pixels and no metadata; None for another or a damaged file.

    Text, places, times, previews, colour profiles and later frames are left out. `keep_exif` keeps EXIF, which has the
    orientation.
    """
    try:
        if content.startswith(_PNG):
            return _strip_png(content, keep_exif)
        return _strip_jpeg(content, keep_exif) if content.startswith(b"\xff\xd8\xff") else None
    except (struct.error, IndexError):
        return None


def _is_simple(content: bytes) -> bool:
    """Return whether every reader decodes a file alike: it has neither CMYK nor transparency."""
    with open_image(content) as image:
        return image.mode in {"RGB", "L"} and not image.has_transparency_data


@contextlib.contextmanager
def _decoded(content: bytes, max_pixels: int | None, draft_px: int | None) -> Iterator[Image.Image]:
    """Yield the loaded image."""

    def load(file: bytes) -> Image.Image:
        image = _open(file)
        width, height = image.size
        if max_pixels is not None and width * height > max_pixels:
            raise BadImageError(f"has {width}x{height} pixels, more than {max_pixels:,}", too_large=True)
        if draft_px is not None:
            image.draft("RGB", (draft_px, draft_px))
        image.load()
        return image

    with _without_metadata_on_error(content, load) as image, _reading(content):
        yield image


def _without_metadata_on_error(content: bytes, read: Callable[[bytes], Image.Image]) -> Image.Image:
    """Read a file; where that fails, read it without metadata (a text chunk may be too long for Pillow).

    EXIF, which has the orientation, is left out last. Raises the first error where the pixels cannot be read either.
    """
    try:
        with _reading(content):
            return read(content)
    except BadImageError as error:
        if error.too_large:
            raise
        for keep_exif in (True, False):
            stripped = strip_metadata(content, keep_exif=keep_exif)
            if stripped is not None and stripped != content:
                with contextlib.suppress(BadImageError), _reading(stripped):
                    return read(stripped)
        raise


def _open(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=_formats())


@contextlib.contextmanager
def _reading(content: bytes) -> Iterator[None]:
    """Turn what Pillow raises for a broken file into BadImageError, and ignore its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        raise BadImageError(f"is too large: {error}", too_large=True) from error
    except UnidentifiedImageError as error:  # its text has a memory address
        kind = describe_unread(content)
        problem = "is broken or in an unknown format" if kind is None else f"is {kind}: convert it to JPEG or PNG"
        raise BadImageError(problem) from error
    except BROKEN_IMAGE_ERRORS as error:
        raise BadImageError(f"is broken: {error}") from error


def _formats() -> list[str]:
    """Return those formats that this build of Pillow can decode."""
    Image.init()
    return [name for name in SUFFIXES if name in Image.OPEN]


def _flatten(image: Image.Image) -> Image.Image:
    """Return RGB; transparency is blended over white."""
    if image.mode in {"La", "RGBa"}:
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        return paper.convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return 8-bit grey of 16 or 32 bits or floats; Pillow's own conversion turns everything above 255 into white."""
    samples = np.asarray(image).astype(np.float64)
    finite = samples[np.isfinite(samples)]
    largest = float(finite.max(initial=0.0))
    if image.mode.startswith("I;16"):
        white = 65535.0
    else:
        white = next((level for level in _WHITE_LEVELS if largest <= level), largest)
    if image.mode == "I" and white == 1.0:
        white = 255.0
    grey = np.clip(np.nan_to_num(samples, posinf=white, neginf=0.0) * (255 / white), 0, 255)
    clear = image.info.get("transparency")  # PNG: one grey value that is transparent
    if isinstance(clear, int):
        grey[samples == clear] = 255
    return Image.fromarray(grey.round().astype(np.uint8))


def _strip_png(content: bytes, keep_exif: bool) -> bytes | None:
    kept, place = [_PNG], len(_PNG)
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            return None
        if kind in _PNG_PIXELS or (keep_exif and kind == b"eXIf"):
            kept.append(content[place:end])
        if kind == b"IEND":
            return b"".join(kept)
        place = end
    return None


def _strip_jpeg(content: bytes, keep_exif: bool) -> bytes | None:
    """Copy the segments from SOI to EOI but APP1 to APP13, APP15 and comments; APP0 and APP14 decide colours."""
    kept, place = [b"\xff\xd8"], 2
    while True:
        while content[place] == 0xFF and content[place + 1] == 0xFF:  # fill bytes
            place += 1
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == 0xD9:
            return b"".join([*kept, b"\xff\xd9"])
        end = place + 2 + int(struct.unpack_from(">H", content, place + 2)[0])
        if marker == 0xDA:  # the scan runs to the next marker that is neither a stuffed byte nor a restart
            end = _end_of_scan(content, end)
        is_exif = marker == 0xE1 and content[place + 4 : place + 10] == b"Exif\0\0"
        is_metadata = marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE)
        if not is_metadata or (keep_exif and is_exif):
            kept.append(content[place:end])
        place = end


def _end_of_scan(content: bytes, place: int) -> int:
    while True:
        place = content.find(b"\xff", place)
        if place < 0:
            raise IndexError("no end of image")
        if content[place + 1] != 0 and not 0xD0 <= content[place + 1] <= 0xD7 and content[place + 1] != 0xFF:
            return place
        place += 1
