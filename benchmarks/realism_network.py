"""A network trained on photographs, as a measuring instrument: names of images, and embeddings for other classifiers.

    network = PretrainedNetwork(Path("mobilenet_v2_1.0_224_quant.tflite"), Path("imagenet_labels.txt"))
    names, embedding = network.name(image), network.embed(image)

Any image classifier in the TensorFlow Lite format will do whose last layer before the classes is a pooled embedding.
It runs on the CPU and needs `pip install ai-edge-litert`. The model is not part of the project.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas.errors import ToileError

Numbers = npt.NDArray[np.floating[Any]]
NUM_NAMES = 5
"""Names that are returned for an image, the most likely first."""
ACCEPTED: dict[str, tuple[str, ...]] = {
    "trench-coat": ("trench coat",),
    "coat": ("trench coat", "fur coat", "suit", "cloak", "lab coat", "poncho", "cardigan"),
    "outwear": (
        *("trench coat", "fur coat", "suit", "cloak", "lab coat", "poncho", "cardigan", "jean", "sweatshirt"),
        "bulletproof vest",
    ),
    "sweater": ("cardigan", "sweatshirt", "wool", "jersey", "velvet"),
    "longsleeve": ("cardigan", "sweatshirt", "jersey", "wool"),
    "sweatshirt": ("sweatshirt", "cardigan", "jersey"),
    "t-shirt": ("jersey", "sweatshirt"),
    "shirt": ("jersey", "lab coat", "pajama", "cardigan", "suit", "jean", "sweatshirt"),
    "jeans": ("jean",),
    "pants": ("jean", "pajama", "suit", "military uniform", "swimming trunks", "overskirt"),
    "shorts": ("swimming trunks", "jean", "miniskirt"),
    "skirt": ("miniskirt", "hoopskirt", "overskirt", "sarong"),
    "dress": (
        *("gown", "hoopskirt", "overskirt", "miniskirt", "abaya", "kimono", "sarong", "maillot", "pajama", "vestment"),
    ),
    "sneaker": ("running shoe", "clog", "loafer"),
    "loafer": ("loafer", "clog", "running shoe"),
    "sandal": ("sandal", "clog"),
    "boot": ("cowboy boot", "loafer", "clog"),
    "heel": ("clog", "sandal", "loafer", "running shoe"),
    "shoes": ("running shoe", "loafer", "clog", "sandal", "cowboy boot"),
    "handbag": ("purse", "mailbag", "wallet", "shopping basket", "backpack", "buckle"),
    "clutch": ("purse", "wallet", "mailbag"),
    "backpack": ("backpack", "mailbag", "purse"),
    "wallet": ("wallet", "purse", "buckle", "binder"),
    "belt": ("buckle", "chain", "holster"),
    "sunglasses": ("sunglasses", "sunglass"),
    "watch": ("digital watch", "stopwatch", "analog clock", "magnetic compass", "wall clock", "buckle"),
    "tie": ("windsor tie", "bow tie"),
    "scarf": ("stole", "wool", "poncho", "velvet", "bath towel", "prayer rug", "quilt"),
    "hat": (
        *("cowboy hat", "sombrero", "bonnet", "bathing cap", "shower cap", "bearskin", "mortarboard", "crash helmet"),
    ),
    "mug": ("coffee mug", "cup", "beer glass", "pitcher"),
    "vase": ("vase", "pitcher", "water jug", "pot"),
    "candle": ("candle",),
    "lipstick": ("lipstick",),
    "perfume": ("perfume", "lotion"),
    "cushion": ("pillow", "velvet", "quilt"),
    "gloves": ("mitten",),
}
"""Class -> the ImageNet names that a person would accept for it."""


class PretrainedNetwork:
    """A classifier in the TensorFlow Lite format, with results kept in a folder."""

    def __init__(self, model: Path, labels: Path, cache: Path | None = None) -> None:
        """Load a model and the names of its classes (one a line). Raises ToileError where that is not possible."""
        for path in (model, labels):
            if not path.is_file():
                raise ToileError(str(path), "is not a file", "give a .tflite classifier and the names of its classes")
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise ToileError("ai-edge-litert", "is not installed", "pip install ai-edge-litert") from None
        self._interpreter = Interpreter(model_path=str(model), num_threads=1, experimental_preserve_all_tensors=True)
        self._interpreter.allocate_tensors()
        self._input, self._output = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        self._pooled = self._find_embedding(model)
        self.labels = [line.strip().lower() for line in labels.read_text(encoding="utf-8").splitlines()]
        self._cache, self._model = cache, hashlib.sha256(model.read_bytes()).digest()

    def _find_embedding(self, model: Path) -> dict[str, Any]:
        """Return the last tensor that is a pooled embedding: one pixel, and more than 256 channels."""
        num_classes = int(self._output["shape"][-1])
        pooled = [
            each
            for each in self._interpreter.get_tensor_details()
            if len(each["shape"]) == 4
            and tuple(each["shape"][:3]) == (1, 1, 1)
            and 256 < each["shape"][3] != num_classes
        ]
        if not pooled:
            raise ToileError(str(model), "has no pooled embedding", "give a network such as MobileNet")
        return dict(pooled[-1])

    def evaluate(self, image: Image.Image) -> tuple[Numbers, Numbers]:
        """Return the scores of all classes and the embedding of an RGB image, padded to a square by its corner."""
        side = int(self._input["shape"][1])
        key = self._key(image)
        if key is not None and key.exists():
            with np.load(key) as kept:
                return kept["scores"], kept["embedding"]
        scale = side / max(image.size)
        small = image.resize([max(1, round(edge * scale)) for edge in image.size], Image.Resampling.BICUBIC)
        square = Image.new("RGB", (side, side), small.getpixel((2, 2)))
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
        levels = np.asarray(square)[None]
        dtype = self._input["dtype"]
        values = levels if dtype == np.uint8 else np.asarray(levels / 127.5 - 1, dtype)
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        scores, embedding = (self._read(each) for each in (self._output, self._pooled))
        if key is not None:
            key.parent.mkdir(parents=True, exist_ok=True)
            unfinished = key.with_name(f"{os.getpid()}-{key.name}")
            np.savez(unfinished, scores=scores, embedding=embedding)
            unfinished.replace(key)  # several measurements may share the folder
        return scores, embedding

    def _read(self, tensor: dict[str, Any]) -> Numbers:
        scale, zero = tensor["quantization"]
        levels = self._interpreter.get_tensor(tensor["index"]).astype(np.float32).ravel()
        return np.asarray((levels - zero) * (scale or 1), np.float32)

    def _key(self, image: Image.Image) -> Path | None:
        if self._cache is None:
            return None
        digest = hashlib.sha256(self._model + repr(image.size).encode() + image.tobytes()).hexdigest()
        return self._cache / f"{digest[:32]}.npz"

    def top_names(self, scores: Numbers) -> list[str]:
        """Return the most likely names, best first; a name is all that a class is called, such as `sunglass, shade`."""
        return [self.labels[i] for i in np.argsort(-scores, kind="stable")[:NUM_NAMES]]


def is_accepted(name: str, class_name: str) -> bool:
    """Return whether a name of the network, such as `jean, blue jean, denim`, is right for a class."""
    words = [word.strip() for word in name.lower().split(",")]
    return any(word in words for word in ACCEPTED[class_name])
