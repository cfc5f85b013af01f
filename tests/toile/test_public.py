"""The public functions: every name is there, documented and sorted, and a user's first calls work."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import toile
from tests.helpers.flows import write_table_with_images

ROOT = Path(__file__).parents[2]
FUNCTIONS = (
    *("load_spec", "product", "draw", "generate", "import_table", "fetch", "fit", "write_spec", "audit"),
    *("train", "load_model", "evaluate", "compare", "score"),
)


def test_public_names_are_sorted_and_documented() -> None:
    assert toile.__all__ == sorted(toile.__all__)
    assert set(FUNCTIONS) <= set(toile.__all__)
    assert dir(toile) == toile.__all__
    for name in toile.__all__:
        found = getattr(toile, name)
        if name != "__version__":
            assert inspect.getdoc(found), name
        if name in FUNCTIONS:
            assert inspect.isfunction(found), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        toile.nothing  # noqa: B018


def test_what_type_checkers_see_is_what_is_loaded() -> None:
    (block,) = (node for node in ast.parse((ROOT / "toile/__init__.py").read_text()).body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == toile._SOURCES


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, toile\n"
        "heavy = {'torch', 'datasets', 'pandas', 'numpy', 'pyarrow', 'jsonschema', 'click', 'schemas', 'generator'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["schemas", "generator", "finetune", "evaluation"])
@pytest.mark.parametrize("kind", ["package", "folder", "module"])
def test_a_folder_that_shadows_a_package_is_named(tmp_path: Path, name: str, kind: str) -> None:
    theirs = tmp_path / (f"{name}.py" if kind == "module" else name)
    if kind == "module":
        theirs.write_text("")
    else:
        theirs.mkdir()
        (theirs / ("__init__.py" if kind == "package" else "models.py")).write_text("")
    paths = [str(tmp_path), str(ROOT)]
    code = f"import sys; sys.path[:0] = {paths!r}; import toile"
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    if kind == "folder":  # a folder without __init__.py does not shadow a package that is found later on the path
        assert answer.returncode == 0, answer.stderr
        return
    assert answer.returncode == 1
    assert f"ImportError: toile: Python finds {theirs} where toile needs its own package `{name}`" in answer.stderr
    assert f"hint: rename {theirs}" in answer.stderr


def test_a_spec_is_a_path_a_preset_a_document_or_loaded(tmp_path: Path, demo_document: dict[str, object]) -> None:
    spec = toile.load_spec("demo")
    assert toile.load_spec(spec) is spec
    row = toile.product(spec, seed=3, i=5)
    for same in (demo_document, str(ROOT / "schemas/presets/demo.yaml"), ROOT / "schemas/presets/demo.yaml"):
        assert toile.product(toile.load_spec(same), seed=3, i=5) == row
    with pytest.raises(toile.ToileError, match="demoo"):
        toile.load_spec("demoo")


def test_a_catalog_is_generated_from_each_kind_of_spec(tmp_path: Path, demo_document: dict[str, object]) -> None:
    from schemas.product import read

    specs = {"preset": "demo", "document": demo_document, "loaded": toile.load_spec("demo")}
    rows = {}
    for kind, spec in specs.items():
        out = str(tmp_path / kind)
        manifest, written = toile.generate(spec, out, num_products=12, image_size=32, seed=4)  # type: ignore[arg-type]
        assert written
        assert manifest.num_products == 12
        rows[kind] = sorted(read(Path(out)), key=lambda row: row.product_code)
    assert rows["preset"] == rows["document"] == rows["loaded"]
    assert not toile.generate("demo", tmp_path / "preset", num_products=12, image_size=32, seed=4)[1]
    assert {row.product_code: row.title for row in rows["preset"]} == {
        row.product_code: row.title
        for row in (toile.product(specs["loaded"], 4, i) for i in range(12))  # type: ignore[arg-type]
    }


def test_a_product_is_rendered() -> None:
    image = toile.draw(toile.product(toile.load_spec("demo"), seed=0, i=7), size=64)
    assert (image.size, image.mode) == ((64, 64), "RGB")


def test_answers_are_scored_without_a_folder() -> None:
    from schemas.answer import render

    spec = toile.load_spec("demo")
    rows = [row for row in (toile.product(spec, 0, i) for i in range(40)) if row.title and row.category3_code]
    predictions = [
        toile.Prediction(
            product_code=row.product_code,
            family=row.family,
            split=row.split,
            source=row.source,
            inferable=row.inferable,
            protocol="generate",
            control="none",
            shown=row.product_code,
            answer=render(row.title or "", row.category3_code or "", row.full_price or 0.0),
            truncated=False,
        )
        for row in rows
    ]
    scores = toile.score(rows, predictions, toile.EvaluationSpec(controls=()))
    joint = next(s for s in scores if (s.metric, s.control, s.category, s.rows) == ("joint", "none", None, "all"))
    assert (joint.value, joint.n) == (1.0, sum(row.split == "test" for row in rows))


def test_a_table_is_imported_and_a_spec_fitted_to_it_with_defaults(tmp_path: Path) -> None:
    manifest, _ = toile.generate("demo", tmp_path / "catalog", num_products=60, image_size=None)
    assert manifest.num_products == 60
    table = write_table_with_images(tmp_path, num_rows=60)
    result = toile.import_table(str(table), str(tmp_path / "imported"), toile.ImportOptions(currency="USD"))
    assert result.manifest.num_products == 60 - len(result.rejected) > 0
    assert result.manifest.inputs["source"] == "table"
    fitted = toile.fit(str(tmp_path / "catalog"), toile.FitOptions(images=False, min_support=2))
    toile.write_spec(fitted, str(tmp_path / "twin.yaml"))
    assert toile.load_spec(tmp_path / "twin.yaml").name == "twin"
