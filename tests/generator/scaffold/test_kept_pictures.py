"""Pictures that were drawn before: the same ones come back, nothing else does, and no folder is ever needed."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from generator.scaffold import kept_pictures
from schemas.appearance import Appearance

EDGE = 16


class Painter:
    """Draws a plain picture in the colour of each appearance, and counts."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def __call__(self, asked: tuple[Sequence[Appearance], int]) -> list[Image.Image]:
        appearances, edge = asked
        self.drawn += [each.colour for each in appearances]
        return [Image.new("RGB", (edge, edge), each.colour) for each in appearances]


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept_pictures, "_folder", lambda: tmp_path / "kept")
    return tmp_path / "kept"


def look(colour: str, silhouette: str = "shirt") -> Appearance:
    return Appearance(
        silhouette=silhouette, colour=colour, material="cotton", pattern="plain", design_seed=1, shot_seed=2
    )


def pictures_of(draw: kept_pictures.Draw, looks: list[Appearance], edge: int = EDGE) -> list[Image.Image]:
    with kept_pictures.keeping(draw) as kept_or_drawn:
        return kept_or_drawn((looks, edge))


def shown(painter: Painter, *colours: str, edge: int = EDGE) -> list[tuple[int, ...]]:
    pictures = pictures_of(painter, [look(colour) for colour in colours], edge)
    assert all(picture.size == (edge, edge) and picture.mode == "RGB" for picture in pictures)
    return [picture.getpixel((3, 3)) for picture in pictures]  # type: ignore[misc]


RED, BLUE, LIME = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def test_what_was_drawn_before_is_not_drawn_again(painter: Painter) -> None:
    assert shown(painter, "#ff0000", "#0000ff", "#ff0000") == [RED, BLUE, RED]
    assert painter.drawn == ["#ff0000", "#0000ff"]
    assert shown(painter, "#0000ff", "#00ff00", "#ff0000") == [BLUE, LIME, RED]
    assert painter.drawn == ["#ff0000", "#0000ff", "#00ff00"]


def test_new_pictures_can_be_shown_before_they_are_kept(painter: Painter, folder: Path) -> None:
    with kept_pictures.keeping(painter) as kept_or_drawn:
        assert len(kept_or_drawn(([look("#ff0000")], EDGE))) == 1
        assert not folder.exists()
    assert len(list(folder.iterdir())) == 1


def test_another_size_product_or_renderer_is_another_picture(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(painter, "#ff0000")
    shown(painter, "#ff0000", edge=8)
    pictures_of(painter, [look("#ff0000", "trousers")])
    assert len(painter.drawn) == 3
    monkeypatch.setattr(kept_pictures, "_renderer", lambda: "another")
    shown(painter, "#ff0000")
    assert len(painter.drawn) == 4


def test_the_renderer_is_its_sources_and_what_it_computes_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = kept_pictures._renderer()
    monkeypatch.setattr(kept_pictures, "versions", lambda *packages: dict.fromkeys(packages, "0"))
    assert kept_pictures._renderer.__wrapped__() != now
    monkeypatch.undo()
    for source in ("generator/render/engine/light.py", "generator/render/deep/er.py", "schemas/appearance.py"):
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).write_text("1")
    monkeypatch.setattr(kept_pictures, "_ROOT", tmp_path)
    found = {kept_pictures._renderer.__wrapped__()}
    for source in ("generator/render/engine/light.py", "generator/render/deep/er.py", "schemas/appearance.py"):
        (tmp_path / source).write_text("2")
        found.add(kept_pictures._renderer.__wrapped__())
    assert len(found) == 4


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n nothing", b"GIF89a"])
def test_a_damaged_picture_is_drawn_again(painter: Painter, folder: Path, damage: bytes) -> None:
    shown(painter, "#ff0000")
    (path,) = folder.iterdir()
    path.write_bytes(damage or path.read_bytes()[:-30])
    assert shown(painter, "#ff0000") == [RED]
    assert len(painter.drawn) == 2
    assert shown(painter, "#ff0000") == [RED]
    assert len(painter.drawn) == 2


def test_a_picture_of_another_size_under_its_name_is_not_taken(painter: Painter, folder: Path) -> None:
    shown(painter, "#ff0000")
    (path,) = folder.iterdir()
    Image.new("RGB", (4000, 2), "#00ff00").save(path)
    assert shown(painter, "#ff0000") == [RED]


def test_nothing_needs_a_folder(painter: Painter, folder: Path) -> None:
    folder.write_text("in the way")
    assert shown(painter, "#ff0000") == shown(painter, "#ff0000") == [RED]
    assert len(painter.drawn) == 2


def test_no_more_are_kept_than_is_said(painter: Painter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_pictures, "MOST", 3)
    (folder.parent / "beside").write_text("not ours")
    shown(painter, "#ff0000", "#0000ff")
    shown(painter, "#ff0000", "#00ff00")
    assert len(list(folder.iterdir())) == 3
    shown(painter, "#ffff00", "#ff00ff")
    assert len(list(folder.iterdir())) == 2
    shown(painter, "#ff00ff", "#ffff00")
    assert len(painter.drawn) == 5
    assert (folder.parent / "beside").exists()


def test_a_kept_picture_is_the_drawn_one_to_the_last_bit() -> None:
    def noise(asked: tuple[Sequence[Appearance], int]) -> list[Image.Image]:
        return [Image.frombytes("RGB", (asked[1], asked[1]), os.urandom(3 * asked[1] ** 2)) for _ in asked[0]]

    (drawn,) = pictures_of(noise, [look("#ff0000")], 40)
    (kept,) = pictures_of(noise, [look("#ff0000")], 40)
    assert ImageChops.difference(drawn, kept).getbbox() is None
