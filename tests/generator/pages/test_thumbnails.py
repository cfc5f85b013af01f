"""Small pictures for pages: what a file means is what is shown, and what cannot be shown says why."""

import io
from typing import Any

from PIL import Image

from generator.pages.thumbnails import thumbnail


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def shown_pixel(file: bytes, place: tuple[int, int] = (2, 2)) -> tuple[int, ...]:
    found = thumbnail(file, 64)
    assert found.jpeg is not None, found.facts
    pixel = Image.open(io.BytesIO(found.jpeg)).getpixel(place)
    assert isinstance(pixel, tuple)
    return pixel


def near(pixel: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(pixel, expected, strict=True))


def test_unusual_files_are_shown_as_they_are_meant() -> None:
    red = Image.new("RGB", (40, 20), (200, 30, 30))
    assert near(shown_pixel(encoded(red.convert("CMYK"), "JPEG")), (200, 30, 30))
    grey16 = Image.new("I;16", (40, 20), 128 * 257)
    assert near(shown_pixel(encoded(grey16, "PNG")), (128, 128, 128)), "not cut off to white"
    clear = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    assert near(shown_pixel(encoded(clear, "PNG")), (255, 255, 255))
    assert near(shown_pixel(encoded(red.quantize(4), "GIF")), (200, 30, 30))
    moving = encoded(red, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), "blue")])
    assert near(shown_pixel(moving), (200, 30, 30))
    assert "first of 2 frames" in thumbnail(moving, 64).facts
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = thumbnail(encoded(red, "JPEG", exif=exif), 64)
    assert upright.ratio == 0.5
    assert "turned upright" in upright.facts
    assert thumbnail(encoded(red, "PNG"), 64).ratio == 2


def test_files_that_cannot_be_shown_say_why() -> None:
    good = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), "PNG")
    for file in (good[:300], good[: len(good) // 2], good[:40] + b"\0" * 200 + good[240:]):
        found = thumbnail(file, 64)
        assert found.jpeg is None
        assert found.facts.startswith("broken picture")
    huge = thumbnail(encoded(Image.new("1", (10_000, 8_000)), "PNG"), 64)
    assert huge.jpeg is None
    assert huge.facts == "picture too large to show: 10000x8000"
