"""Whether bytes are a picture: decided by decoding all of them, never by a name or a header."""

import io
import warnings

from PIL import Image, UnidentifiedImageError

from schemas.errors import BROKEN_PICTURE

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")
"""What is decoded. Formats that Pillow hands to other programs (EPS) are not among them."""


class BadPictureError(Exception):
    """`problem` continues a sentence that begins with the picture; `too_large` says that it may be a picture."""

    def __init__(self, problem: str, *, too_large: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.too_large = too_large


def check_picture(content: bytes, max_pixels: int) -> None:
    """Decode the whole picture; raises BadPictureError when it is broken, or (before decoding) too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # truncated EXIF
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides
            with Image.open(io.BytesIO(content), formats=_known_formats()) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise BadPictureError(f"has {width}x{height} pixels, more than {max_pixels:,}", too_large=True)
                picture.load()
    except Image.DecompressionBombError as error:
        raise BadPictureError(f"is too large: {error}", too_large=True) from error
    except UnidentifiedImageError as error:
        raise BadPictureError("is broken: in no format that is known") from error  # Pillow's words hold an address
    except (*BROKEN_PICTURE, UserWarning) as error:
        raise BadPictureError(f"is broken: {error}") from error


def looks_like_a_page(content: bytes) -> bool:
    """Whether it begins like HTML or XML, as the pages do that servers send in place of a picture."""
    return content[:400].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def _known_formats() -> list[str]:
    """Those of FORMATS that this build of Pillow can decode."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]
