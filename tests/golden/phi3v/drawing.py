"""Small images computed with integers only, so that every version of numpy and Pillow makes the same bytes.

The published code, which makes the golden numbers, and the tests need identical images.
"""

import numpy as np
from PIL import Image

BANDS = {"L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def draw(width: int, height: int, mode: str, seed: int) -> Image.Image:
    """Return an image of slanted waves, fine grain and one plain bar off centre: turned or shifted crops differ.

    `mode` is one of BANDS; a palette ("P") has 256 unrelated colours, alpha varies from 0 to 255.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    bands = []
    for band in range(BANDS[mode]):
        key = seed * 7 + band * 3
        across, down = 2 + key % 5, 1 + key * key % 7
        wave = np.abs((across * x + down * y + 60 * key) * 9 % 510 - 255)
        grain = (x * x * 3 + y * y * 5 + x * y * (1 + key % 3) + key) % 61
        value = np.minimum(wave * 4 // 5 + grain, 255)
        value[height // 3 : height // 2, width // 5 : width // 2] = 37 * key % 256
        bands.append(value)
    image = Image.frombytes(mode, (width, height), np.stack(bands, axis=-1).astype(np.uint8).tobytes())
    if mode == "P":
        image.putpalette([(entry * 89 + seed * 13) * (1 + entry % 3) % 256 for entry in range(768)])
    return image
