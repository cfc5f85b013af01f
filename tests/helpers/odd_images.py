"""Image files as people have them, made on the spot: rotated, wide, transparent, with odd metadata, in every format.

`odd_images()` returns a name for each file, its bytes, and the pixels that a person sees, found without Pillow's
conversions: four quadrants of plain colours, greys or white paper.
"""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, PngImagePlugin

WIDTH, HEIGHT = 48, 32
RED, GREEN, BLUE, YELLOW, WHITE = (200, 30, 30), (30, 160, 60), (40, 60, 190), (220, 200, 40), (255, 255, 255)
_ORIENTATION = 0x0112
_STORED = {2: "flip_x", 3: "turn_180", 4: "flip_y", 5: "transpose", 6: "left", 7: "transverse", 8: "right"}


@dataclass(frozen=True)
class OddImage:
    """A file and what it shows."""

    content: bytes
    seen: np.ndarray
    """(height, width, 3) uint8."""
    tolerance: int
    """Grey levels that a lossy format may be off, in the middle of a quadrant."""


def quadrants(*colours: tuple[int, int, int]) -> np.ndarray:
    """Return top left, top right, bottom left and bottom right in these colours."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number, colour in enumerate(colours):
        row, column = divmod(number, 2)
        pixels[row * HEIGHT // 2 : (row + 1) * HEIGHT // 2, column * WIDTH // 2 : (column + 1) * WIDTH // 2] = colour
    return pixels


COLOURS = quadrants(RED, GREEN, BLUE, YELLOW)
GREYS = quadrants(*((level,) * 3 for level in (20, 90, 160, 230)))
CUT_OUT = quadrants(RED, WHITE, BLUE, YELLOW)
"""The top right is transparent in the file; what is under it there is green."""


def odd_images() -> dict[str, OddImage]:
    """Return more than fifty files by name; the suffix is that of the format."""
    picture, grey = Image.fromarray(COLOURS), Image.fromarray(GREYS[..., 0])
    found = {f"{name}.{suffix}": OddImage(content, COLOURS, 40) for name, suffix, content in _colour_files(picture)}
    for name, content in _grey_files(grey).items():
        found[name] = OddImage(content, GREYS, 6)
    for name, content in _cut_outs(picture).items():
        found[name] = OddImage(content, CUT_OUT, 40)
    return found


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the file of an image."""
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # saving leaves settings of one format in the image
    return file.getvalue()


def jpeg_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """Return a JPEG with one more segment after its JFIF header."""
    header = 4 + struct.unpack(">H", jpeg[4:6])[0]
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload
    return jpeg[:header] + segment + jpeg[header:]


def png_chunk(png: bytes, kind: bytes, payload: bytes) -> bytes:
    """Return a PNG with one more chunk after its header."""
    checksum = zlib.crc32(kind + payload)
    return png[:33] + struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum) + png[33:]


def rotated(image: Image.Image, orientation: int, kind: str = "JPEG") -> bytes:
    """Return a file that is stored turned, and says so in EXIF."""
    array = np.asarray(image)
    stored = {
        "flip_x": array[:, ::-1],
        "turn_180": array[::-1, ::-1],
        "flip_y": array[::-1],
        "transpose": array.swapaxes(0, 1),
        "left": np.rot90(array),
        "transverse": np.rot90(array, 2).swapaxes(0, 1),
        "right": np.rot90(array, -1),
    }[_STORED[orientation]]
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    options = {"quality": 95} if kind in {"JPEG", "WEBP", "AVIF"} else {}
    return encode(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif.tobytes(), **options)


def _colour_files(picture: Image.Image) -> list[tuple[str, str, bytes]]:
    jpeg, png = encode(picture, "JPEG", quality=95), encode(picture, "PNG")
    cut_exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x010E, 2, 400, 9000)
    bad_mpf = b"MPF\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0xB001, 4, 1, 2)
    other = Image.new("RGB", picture.size, "black")
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "drawn by a program", zip=True)
    files = [
        ("plain", "jpg", jpeg),
        ("progressive", "jpg", encode(picture, "JPEG", quality=95, progressive=True)),
        ("cmyk", "jpg", encode(picture.convert("CMYK"), "JPEG", quality=95)),
        ("cut-exif", "jpg", jpeg_segment(jpeg, 0xE1, cut_exif)),
        ("exif-of-zeros", "jpg", jpeg_segment(jpeg, 0xE1, b"Exif\0\0" + bytes(40))),
        ("broken-mpf", "jpg", jpeg_segment(jpeg, 0xE2, bad_mpf)),
        ("broken-profile", "jpg", jpeg_segment(jpeg, 0xE2, b"ICC_PROFILE\0\x01\x02no profile")),
        ("comment", "jfif", jpeg_segment(jpeg, 0xFE, b"made by a camera \xff\xd9")),
        ("two-pictures", "mpo", encode(picture, "MPO", quality=95, save_all=True, append_images=[other.copy()])),
        ("trailing", "jpe", jpeg + b"a video of the moment" * 10),
        ("plain", "png", png),
        ("palette", "png", encode(picture.quantize(8), "PNG")),
        ("text", "png", encode(picture, "PNG", pnginfo=text)),
        ("large-text", "png", png_chunk(png, b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 1_200_000))),
        ("broken-text", "png", png_chunk(png, b"zTXt", b"Comment\0\0no stream")),
        ("large-profile", "png", png_chunk(png, b"iCCP", b"ICC\0\0" + zlib.compress(b"a" * 1_200_000))),
        ("animated", "apng", encode(picture, "PNG", save_all=True, append_images=[other.copy()])),
        ("animated", "gif", encode(picture.quantize(8), "GIF", save_all=True, append_images=[other.quantize(8)])),
        ("plain", "gif", encode(picture.quantize(8), "GIF")),
        ("plain", "webp", encode(picture, "WEBP", lossless=True)),
        ("animated", "webp", encode(picture, "WEBP", lossless=True, save_all=True, append_images=[other.copy()])),
        ("plain", "avif", encode(picture, "AVIF", quality=95, subsampling="4:4:4")),
        ("plain", "jp2", encode(picture, "JPEG2000")),
        ("codestream", "j2k", encode(picture, "JPEG2000", no_jp2=True)),
        ("plain", "tif", encode(picture, "TIFF")),
        ("pages", "tiff", encode(picture, "TIFF", save_all=True, append_images=[other.copy()])),
        ("cmyk", "tif", encode(picture.convert("CMYK"), "TIFF")),
        ("lab", "tif", encode(_to_lab(picture), "TIFF")),
        ("plain", "bmp", encode(picture, "BMP")),
        ("plain", "dib", encode(picture, "DIB")),
        ("plain", "ppm", encode(picture, "PPM")),
        ("plain", "tga", encode(picture, "TGA")),
        ("plain", "qoi", encode(picture, "QOI")),
        ("plain", "pcx", encode(picture, "PCX")),
        ("plain", "sgi", encode(picture, "SGI")),
        ("plain", "dds", encode(picture, "DDS")),
        ("plain", "ico", encode(picture, "ICO", sizes=[picture.size])),
        ("turned-6", "png", rotated(picture, 6, "PNG")),
        ("turned-8", "webp", rotated(picture, 8, "WEBP")),
        ("turned-6", "avif", rotated(picture, 6, "AVIF")),
        ("turned-3", "tif", rotated(picture, 3, "TIFF")),
        ("turned-6-and-broken-mpf", "jpg", jpeg_segment(rotated(picture, 6), 0xE2, bad_mpf)),
        ("turned-6-and-large-text", "png", png_chunk(rotated(picture, 6, "PNG"), b"tEXt", b"a\0" + b"b" * 1_200_000)),
    ]
    return files + [(f"turned-{orientation}", "jpeg", rotated(picture, orientation)) for orientation in _STORED]


def _grey_files(grey: Image.Image) -> dict[str, bytes]:
    levels = np.asarray(grey)
    wide = Image.fromarray(levels.astype(np.uint16) * 257)
    floats = levels.astype(np.float32)
    with_gaps = np.where(np.arange(WIDTH) == 0, np.float32("nan"), floats / 255).astype(np.float32)
    with_gaps[0, 1] = -np.inf
    return {
        "grey.jpg": encode(grey, "JPEG", quality=95),
        "grey.png": encode(grey, "PNG"),
        "grey-16.png": encode(wide, "PNG"),
        "grey-16.tif": encode(wide, "TIFF"),
        "grey-16.pgm": encode(wide, "PPM"),
        "grey-16-orientation-6.tif": rotated(wide, 6, "TIFF"),
        "grey-32.tif": encode(Image.fromarray(levels.astype(np.int32) * 257), "TIFF"),
        "float-of-one.tif": encode(Image.fromarray(floats / 255), "TIFF"),
        "float-of-255.tif": encode(Image.fromarray(floats), "TIFF"),
        "float-with-gaps.tif": encode(Image.fromarray(with_gaps), "TIFF"),
        "grey-and-alpha.png": encode(Image.merge("LA", (grey, Image.new("L", grey.size, 255))), "PNG"),
    }


def _cut_outs(picture: Image.Image) -> dict[str, bytes]:
    alpha = Image.fromarray(np.where((CUT_OUT == 255).all(axis=2), 0, 255).astype(np.uint8))
    clear = picture.copy()
    clear.putalpha(alpha)
    palette = picture.quantize(8)
    green = int(np.asarray(palette)[0, -1])
    return {
        "alpha.png": encode(clear, "PNG"),
        "alpha.webp": encode(clear, "WEBP", lossless=True, exact=True),
        "alpha.avif": encode(clear, "AVIF", quality=95, subsampling="4:4:4"),
        "alpha.tif": encode(clear, "TIFF"),
        "alpha.jp2": encode(clear, "JPEG2000"),
        "alpha.gif": encode(palette, "GIF", transparency=green),
        "clear-entry.png": encode(palette, "PNG", transparency=green),
        "clear-colour.png": encode(picture, "PNG", transparency=GREEN),
    }


def _to_lab(picture: Image.Image) -> Image.Image:
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
    assert converted is not None
    return converted
