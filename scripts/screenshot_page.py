"""Take a screenshot of a self-contained page after its images have loaded. Needs Chromium.

toile generate fashion-luxury --num-products 300 --image-size 112 --out data/luxury
toile show data/luxury --out luxury.html
python -m scripts.screenshot_page luxury.html docs/catalog-page.jpg
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.helpers.browser import find_chromium, open_browser

WIDTH, HEIGHT = 1400, 900
LOADED = """
Promise.all([...document.images].filter(image => image.offsetParent && image.getBoundingClientRect().top < innerHeight)
    .map(image => { image.loading = "eager"; return image.decode(); }))
    .then(images => images.length)
"""
"""Decode every image in view; a broken or missing one rejects the promise."""


def main(page: Path, out: Path) -> None:
    """Write a JPEG of the top of `page`, `WIDTH` x `HEIGHT` pixels."""
    binary = find_chromium()
    if binary is None:
        sys.exit("no Chromium found: install Debian's package chromium")
    with tempfile.TemporaryDirectory() as profile, open_browser(binary, Path(profile)) as window:
        window.size(WIDTH, HEIGHT)
        window.open(page.resolve())
        num_images = window.js(LOADED)
        if not num_images:
            sys.exit(f"{page}: no image in view")
        window.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shot = base64.b64decode(window.call("Page.captureScreenshot", format="png")["data"])
    Image.open(io.BytesIO(shot)).convert("RGB").save(out, quality=85)
    print(f"{out}: {num_images} images in view")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
