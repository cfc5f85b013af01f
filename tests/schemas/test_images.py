"""Image files become the same pixels everywhere, and sound images are accepted whatever their metadata say."""

import base64
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.models.openai_server import image_data_uri
from evaluation.rows import decode_image, read_rows
from finetune.data_mix import open_source
from finetune.phi3v.tiling import resize_image
from generator.audit.images import extract_features
from generator.ingest import ImportOptions
from generator.ingest.import_table import import_table
from generator.pages.catalog_page import make_thumbnail
from schemas.evaluation import EvaluationSpec
from schemas.images import (
    IMAGE_SUFFIXES,
    SUFFIXES,
    BadImageError,
    check_image,
    decode_rgb,
    image_suffix,
    strip_metadata,
    to_rgb,
    upright_size,
)
from schemas.product import read
from tests.helpers.odd_images import COLOURS, HEIGHT, WIDTH, OddImage, encode, odd_images

ODD = odd_images()
MARGIN = 3
"""Pixels at the edge of a quadrant where lossy formats mix colours."""


def largest_error(pixels: np.ndarray, seen: np.ndarray) -> int:
    """Return the largest difference in the inner parts of the quadrants."""
    assert pixels.shape == seen.shape
    inner = np.zeros(seen.shape[:2], bool)
    for top in (0, HEIGHT // 2):
        for left in (0, WIDTH // 2):
            inner[top + MARGIN : top + HEIGHT // 2 - MARGIN, left + MARGIN : left + WIDTH // 2 - MARGIN] = True
    return int(np.abs(pixels.astype(int) - seen)[inner].max())


@pytest.mark.parametrize("name", ODD)
def test_odd_file_shows_what_a_person_sees(name: str) -> None:
    odd: OddImage = ODD[name]
    image = decode_rgb(odd.content, max_pixels=100_000)
    assert image.mode == "RGB"
    assert image.info == {}
    assert largest_error(np.asarray(image), odd.seen) <= odd.tolerance
    assert upright_size(odd.content) == (WIDTH, HEIGHT)
    check_image(odd.content, 100_000)


@pytest.mark.parametrize("name", ODD)
def test_odd_file_has_its_suffix_in_the_one_list(name: str) -> None:
    suffix = Path(name).suffix
    assert suffix in IMAGE_SUFFIXES
    usual = next(suffixes[0] for suffixes in SUFFIXES.values() if suffix in suffixes)
    found = image_suffix(ODD[name].content)
    assert found == (".bin" if usual == ".tga" else ".j2k" if suffix == ".j2k" else usual)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalog of all odd files, imported from a table; one design each."""
    folder = tmp_path_factory.mktemp("odd")
    lines = ["product_code,title,category3_code,full_price,currency_code,image"]
    for number, (name, odd) in enumerate(ODD.items()):
        (folder / f"{number}").write_bytes(odd.content)
        title = " ".join("abcdefghij"[int(digit)] * 3 for digit in f"{number:03d}")
        lines.append(f"{name.replace('.', '-')},{title} {name.replace('.', ' ')},COATS,{number + 10},EUR,{number}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    out = folder / "catalog"
    result = import_table(folder / "table.csv", out, ImportOptions())
    assert result.rejected == []
    return out


def test_page_training_evaluation_audit_and_server_are_shown_the_same_pixels(catalog: Path) -> None:
    compared = 0
    for split in ("train", "validation", "test"):
        source = open_source(catalog, split)
        rows = read_rows(catalog, EvaluationSpec(split=split), quiet=True)
        products = {product.product_code: product for product in rows.products}
        codes = [line["product_code"] for line in source.seen()]
        assert len(codes) == len(products) == source.num_examples
        for number, code in enumerate(codes):
            product, trained = products[str(code)], source.example(number).image
            assert product.image is not None
            evaluated = decode_image(product, catalog)
            assert trained.tobytes() == evaluated.tobytes(), code
            assert rows.sizes[product.product_code] == trained.size, code
            sent = base64.b64decode(image_data_uri(evaluated).partition(",")[2])
            assert Image.open(io.BytesIO(sent)).convert("RGB").tobytes() == trained.tobytes(), code
            audited = extract_features([("a", "a", product.image), ("b", "b", encode(trained, "PNG"))])
            assert len(set(audited.pixel_sha256)) == 1, code
            assert (resize_image(evaluated, num_crops=4).pixels == resize_image(trained, num_crops=4).pixels).all()
            page = make_thumbnail(product.image, 1000).jpeg
            assert page is not None
            shown = np.asarray(Image.open(io.BytesIO(page)))
            assert largest_error(shown, np.asarray(trained)) <= 40, code
            compared += 1
    assert compared == len(ODD) >= 50
    assert sum(1 for _ in read(catalog)) == compared


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_ordinary_file_has_the_pixels_that_pillow_gives(kind: str) -> None:
    photo = Image.effect_mandelbrot((90, 60), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    content = encode(photo, kind)
    assert decode_rgb(content).tobytes() == Image.open(io.BytesIO(content)).convert("RGB").tobytes()
    assert to_rgb(decode_rgb(content)).tobytes() == decode_rgb(content).tobytes()


@pytest.mark.parametrize("name", [name for name in ODD if image_suffix(ODD[name].content) in {".jpg", ".png"}])
def test_file_without_metadata_has_the_same_pixels_before_it_is_turned_or_made_opaque(name: str) -> None:
    content = ODD[name].content
    stripped = strip_metadata(content)
    assert stripped is not None
    assert strip_metadata(stripped) == stripped
    with Image.open(io.BytesIO(stripped)) as image:
        assert not image.getexif()
        assert not {"exif", "comment", "icc_profile", "Comment", "Software", "mp"} & image.info.keys()
        pixels = to_rgb(image)
    if not name.startswith("turned"):
        assert pixels.tobytes() == decode_rgb(content).tobytes()


def test_server_receives_no_place_and_no_comment_of_a_photo() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET CAMERA"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    photo = encode(Image.fromarray(COLOURS), "JPEG", exif=exif.tobytes(), comment=b"SECRET PLACE", quality=90)
    image = decode_rgb(photo)
    image.info["stored"] = photo
    head, _, sent = image_data_uri(image).partition(",")
    content = base64.b64decode(sent)
    assert head == "data:image/jpeg;base64", "a JPEG is not made larger"
    assert b"SECRET" in photo
    assert b"SECRET" not in content
    assert not Image.open(io.BytesIO(content)).getexif()


BROKEN = {
    "empty": b"",
    "text": b"<html><body>404</body></html>",
    "half a JPEG": ODD["plain.jpg"].content[: len(ODD["plain.jpg"].content) // 2],
    "half a PNG": ODD["plain.png"].content[:60],
    "PNG of a wrong checksum": ODD["plain.png"].content.replace(b"IDAT", b"IDAT\x01", 1),
    "PDF": b"%PDF-1.7 ...",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused(name: str) -> None:
    for read_file in (decode_rgb, lambda content: check_image(content, 10_000)):
        with pytest.raises(BadImageError) as caught:
            read_file(BROKEN[name])
        assert caught.value.problem.startswith("is ")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)),
        ("SVG", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("PDF", b"%PDF-1.7"),
        ("JPEG XL", b"\xff\x0a\xfa\x1f" + bytes(20)),
    ],
)
def test_file_that_pillow_does_not_read_is_named_with_what_to_do(kind: str, content: bytes) -> None:
    with pytest.raises(BadImageError, match=f"is {kind}: convert it to JPEG or PNG"):
        decode_rgb(content)


def test_large_image_is_refused_before_it_is_decoded() -> None:
    header = struct.pack(">II5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + b"\0\0\0\0"
    for content in (encode(Image.new("L", (400, 300)), "PNG"), png):
        with pytest.raises(BadImageError) as caught:
            decode_rgb(content, max_pixels=50_000)
        assert caught.value.too_large or content is png
