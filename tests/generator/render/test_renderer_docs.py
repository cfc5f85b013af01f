"""docs/renderer.md names functions that exist, and its recipe for a silhouette is a valid record."""

import importlib
import re
from pathlib import Path

from generator.render.engine.scene import Scene
from generator.scaffold.starter_spec import GROUPS
from schemas.silhouettes import RECORDS, Silhouette
from schemas.silhouettes.record import CLOTH, WORN

PAGE = (Path(__file__).parents[3] / "docs" / "renderer.md").read_text(encoding="utf-8")


def test_scene_methods_exist() -> None:
    methods = set(re.findall(r"`scene\.(\w+)\(", PAGE))
    assert len(methods) >= 8
    assert {name for name in methods if not hasattr(Scene, name)} == set()


def test_drawing_functions_exist() -> None:
    rows = re.findall(r"^\| `((?:engine|clothes)/\w+)\.py`: ([^|]+)\|", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for path, names in rows:
        module = importlib.import_module(f"generator.render.{path.replace('/', '.')}")
        assert [name for name in re.findall(r"`(\w+)`", names) if not hasattr(module, name)] == [], path


def test_recipe_is_a_record_with_a_free_priority() -> None:
    block = re.search(r"```python\n\s+(Silhouette\(.*?)```", PAGE, re.DOTALL)
    assert block
    record = eval(block.group(1).strip(), {"Silhouette": Silhouette, "CLOTH": CLOTH, "WORN": WORN})
    assert isinstance(record, Silhouette)
    assert record.name not in RECORDS
    assert record.group in GROUPS
    assert record.match_priority not in {each.match_priority for each in RECORDS.values()}


def test_commands_of_recipe_name_existing_files() -> None:
    root = Path(__file__).parents[3]
    paths = set(re.findall(r"(?:tests|schemas)/[\w/.-]+\.(?:py|yaml|txt)", PAGE))
    assert len(paths) >= 6
    assert {path for path in paths if not (root / path).exists()} == set()
