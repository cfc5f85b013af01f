"""Fetch: every row is in the catalog or accounted for, a killed run ends like any other, and errors have hints."""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from generator.ingest import FetchPolicy, ImportOptions
from generator.ingest.downloads import DEAD, FETCHED, Downloads, ImageOutcome, format_outcomes, read_outcomes
from generator.ingest.fetch import Environment, FetchOptions, FetchResult, Reporter, fetch_dataset
from generator.ingest.fetch_rows import ROW_OUTCOMES, Coverage
from schemas.errors import ToileError
from schemas.manifest import load_manifest
from schemas.product import read
from tests.generator.ingest.test_rate_limit import FakeClock
from tests.helpers.dataset_hub import ImageServer, dbq_table, image_bytes, served
from toile.cli import main

ROOT = Path(__file__).parents[3]
DBQ_COLUMNS = [
    *("website_name", "competence_date", "country_code", "currency_code", "brand"),
    *("category1_code", "category2_code", "category3_code", "product_code", "title", "itemurl", "imageurl"),
    *("full_price", "price", "full_price_eur", "price_eur", "flg_discount"),
]


def write_table(folder: Path, server: ImageServer, num_rows: int = 60, **changes: Any) -> Path:
    """Write a Parquet table in the form of the data set of 2023."""
    path = folder / "table.parquet"
    dbq_table(num_rows, server.url).assign(**changes).to_parquet(path, index=False)
    return path


def run(
    table: Path | str, out: Path, *, force: bool = False, policy: dict[str, Any] | None = None, **changes: Any
) -> FetchResult:
    """Fetch with a clock that does not wait."""
    reading: dict[str, Any] = {"columns": {}, "source": "test", "max_bad": 0.05}
    reading |= {name: changes.pop(name) for name in ("columns", "max_bad", "currency", "max_pixels") if name in changes}
    options = FetchOptions(
        reading=ImportOptions(**reading),
        policy=FetchPolicy(**{"user_agent": "toile-test", "allow_private": True, **(policy or {})}),
        **changes,
    )
    reporter = Reporter(report=reports.append, say=said.append)
    reports.clear()
    said.clear()
    return fetch_dataset(
        str(table), out, options, force=force, reporter=reporter, environment=Environment(clock=FakeClock())
    )


reports: list[Coverage] = []
said: list[str] = []


def hash_files(folder: Path) -> dict[str, str]:
    """Return the hash of every file below, without times."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        if path.name == "manifest.json":
            content = re.sub(rb'"seconds": [0-9.]+', b"", content)
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def test_every_row_of_the_table_is_in_the_catalog_or_accounted_for(tmp_path: Path, image_server: ImageServer) -> None:
    path = write_table(tmp_path, image_server, 300)
    table = pd.read_parquet(path)
    assert list(table.columns) == DBQ_COLUMNS
    result = run(path, tmp_path / "out")
    rejected = [json.loads(line) for line in (tmp_path / "out/extra/rejected.jsonl").read_text().splitlines()]
    found = {product.product_code: product for product in read(tmp_path / "out")}

    named = table["imageurl"] != "N.A."
    live = table["imageurl"].str.contains("/ok/")
    repeated = live & table["product_code"].where(live).duplicated()
    counts = result.coverage.outcomes
    assert counts["N.A."] == int((~named).sum()) > 0
    assert counts["dead"] == int(table["imageurl"].str.contains("/gone/").sum()) > 0
    assert counts["not a picture"] == int(table["imageurl"].str.contains("/page/").sum()) > 0
    assert counts["duplicate"] == int(repeated.sum()) > 0
    assert counts["fetched"] == len(found) == int((live & ~repeated).sum())
    assert sum(counts.values()) == 300 == len(found) + len(rejected)
    assert result.coverage.reasons["dead"] == {"404 Not Found": counts["dead"]}
    assert set(counts) == set(ROW_OUTCOMES)
    assert json.loads((tmp_path / "out/extra/coverage.json").read_text())["outcomes"] == counts
    assert reports == [result.coverage]

    for row in table[live & ~repeated].to_dict("records"):
        product = found[str(row["product_code"])]
        number = int(row["imageurl"].rpartition("/")[2])
        assert product.image == image_bytes(number)
        assert (product.title, product.full_price, product.price_eur) == (
            row["title"],
            row["full_price"],
            row["price_eur"],
        )
        assert product.imageurl == row["imageurl"]
        leaf = row["category3_code"].replace("%20", " ").replace("%26", "&")
        assert product.category3_code == (None if leaf == "N.A." else leaf) or leaf == "VIEW ALL"
        assert product.inferable == (product.category3_code not in (None, "VIEW ALL"))
        assert (product.flg_discount, product.competence_date) == (0, "2023-11-17")
    assert {product.category2_code for product in found.values()} == {"BAGS", "READY-TO-WEAR", "SHOES & BOOTS"}
    assert max(image_server.asked.values()) == 1
    assert not (tmp_path / "out/.downloads").exists()


def test_outcomes_are_listed_with_hashes_and_named_by_the_manifest(tmp_path: Path, image_server: ImageServer) -> None:
    path = write_table(tmp_path, image_server)
    run(path, tmp_path / "out")
    frozen = list(read_outcomes(tmp_path / "out/extra/fetched.jsonl"))
    assert [each.url for each in frozen] == sorted({u for u in pd.read_parquet(path)["imageurl"] if u != "N.A."})
    shown = {hashlib.sha256(p.image or b"").hexdigest() for p in read(tmp_path / "out")}
    assert shown == {each.sha256 for each in frozen if each.outcome == FETCHED}
    inputs = load_manifest(tmp_path / "out/manifest.json").inputs
    assert inputs["fetched_sha256"] == hashlib.sha256((tmp_path / "out/extra/fetched.jsonl").read_bytes()).hexdigest()
    assert inputs["files"] == [
        {
            "path": "table.parquet",
            "num_bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    ]
    card = (tmp_path / "out/README.md").read_text()
    assert "license: unknown" in card
    assert "private study" in card


def test_the_catalog_loads_with_datasets(tmp_path: Path, image_server: ImageServer) -> None:
    import datasets

    run(write_table(tmp_path, image_server), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert (
        sum(split.num_rows for split in loaded.values()) == load_manifest(tmp_path / "out/manifest.json").num_products
    )
    assert loaded["train"][0]["image"].size == (16, 16)


def test_repeated_code_keeps_the_category_over_the_navigation_label(tmp_path: Path, image_server: ImageServer) -> None:
    table = dbq_table(4, image_server.url)
    table["product_code"], table["category3_code"] = 81_111_111, ["VIEW ALL", "COATS", "SHIRTS", "N.A."]
    table["imageurl"] = f"{image_server.url}/ok/1"
    table.to_parquet(tmp_path / "t.parquet", index=False)
    result = run(tmp_path / "t.parquet", tmp_path / "out")
    assert [product.category3_code for product in read(tmp_path / "out")] == ["COATS"]
    assert result.coverage.outcomes["duplicate"] == 3
    assert result.coverage.same_url == 3


def test_repeated_code_with_a_dead_image_is_replaced_by_the_one_with_an_image(
    tmp_path: Path, image_server: ImageServer
) -> None:
    table = dbq_table(2, image_server.url)
    table["product_code"], table["category3_code"] = 81_111_111, ["COATS", "VIEW ALL"]
    table["imageurl"] = [f"{image_server.url}/gone/1", f"{image_server.url}/ok/1"]
    table.to_parquet(tmp_path / "t.parquet", index=False)
    run(tmp_path / "t.parquet", tmp_path / "out")
    assert [product.category3_code for product in read(tmp_path / "out")] == ["VIEW ALL"]


def test_image_shared_by_many_rows_is_reported_as_a_placeholder(tmp_path: Path, image_server: ImageServer) -> None:
    urls = [f"{image_server.url}/same/{k}" for k in range(20)]
    result = run(write_table(tmp_path, image_server, 20, imageurl=urls), tmp_path / "out")
    assert result.coverage.most_shown is not None
    assert result.coverage.most_shown["rows"] == result.coverage.products == 20
    assert result.coverage.same_picture == 19


def test_bad_rows_stop_the_run_before_any_request(tmp_path: Path, image_server: ImageServer) -> None:
    path = write_table(tmp_path, image_server, 40, full_price=[-1.0] * 4 + [5.0] * 36)
    with pytest.raises(ToileError) as caught:
        run(path, tmp_path / "out")
    assert "4 of 40 rows are bad, the first: row 1, full_price -1.0 is not a price above 0" in caught.value.problem
    assert "--max-bad" in caught.value.hint
    assert not image_server.asked
    assert not (tmp_path / "out").exists()
    result = run(path, tmp_path / "out", max_bad=0.1)
    assert result.coverage.outcomes["bad row"] == 4
    assert not [url for url in image_server.asked if url.endswith("/26000001")]


def test_no_image_at_all_is_an_error_with_a_hint(tmp_path: Path, image_server: ImageServer) -> None:
    gone = [f"{image_server.url}/gone/{k}" for k in range(30)]
    with pytest.raises(ToileError) as caught:
        run(write_table(tmp_path, image_server, 30, imageurl=gone), tmp_path / "out")
    assert caught.value.problem == "none of 30 rows has an image: dead 30"
    assert "--retry-dead" in caught.value.hint
    assert len(reports) == 1
    with pytest.raises(ToileError) as caught:
        run(write_table(tmp_path, image_server, 30), tmp_path / "private", policy={"allow_private": False})
    assert "--allow-private" in caught.value.hint
    moved = [f"{image_server.url}/moved/{k}" for k in range(30)]
    path = write_table(tmp_path, image_server, 30, imageurl=moved)
    with pytest.raises(ToileError) as caught:
        run(path, tmp_path / "moved")
    assert "--allow-redirects" in caught.value.hint
    assert run(path, tmp_path / "moved", policy={"allow_redirects": True}).coverage.products == 30


def test_low_coverage_is_an_error_only_with_min_coverage(tmp_path: Path, image_server: ImageServer) -> None:
    path = write_table(tmp_path, image_server, 60)
    with pytest.raises(ToileError, match=r"of the rows have an image, less than --min-coverage 0\.99"):
        run(path, tmp_path / "out", min_coverage=0.99)
    assert (tmp_path / "out/extra/coverage.json").is_file()
    asked = sum(image_server.asked.values())
    assert run(path, tmp_path / "out", min_coverage=0.5).written
    assert sum(image_server.asked.values()) == asked


def test_second_run_does_nothing_and_retry_dead_asks_only_for_missing_images(
    tmp_path: Path, image_server: ImageServer
) -> None:
    path = write_table(tmp_path, image_server, 60)
    first = run(path, tmp_path / "out")
    again = run(path, tmp_path / "out")
    assert (again.written, again.coverage, reports) == (False, first.coverage, [first.coverage])
    image_server.asked.clear()
    before = hash_files(tmp_path / "out")
    assert run(path, tmp_path / "out", retry_dead=True).written
    assert {url.split("/")[1] for url in image_server.asked} == {"gone", "page"}
    assert hash_files(tmp_path / "out") == before
    with pytest.raises(ToileError, match="other inputs"):
        run(path, tmp_path / "out", limit=10)
    assert run(path, tmp_path / "out", limit=10, force=True).coverage.rows == 10
    assert {product.product_code for product in read(tmp_path / "out")} < {
        str(c) for c in pd.read_parquet(path)["product_code"][:10]
    }


def test_server_that_stops_answering_stops_the_run_and_the_next_run_continues(
    tmp_path: Path, image_server: ImageServer
) -> None:
    urls = [f"{image_server.url}/{'ok' if k < 20 else 'later'}/{k}" for k in range(40)]
    path = write_table(tmp_path, image_server, 40, imageurl=urls, product_code=range(40))
    with pytest.raises(ToileError) as caught:
        run(path, tmp_path / "out")
    assert re.match(r"\d+ images are missing, .*: its host asks to wait 86400 s", caught.value.problem)
    assert "it continues" in caught.value.hint
    result = run(path, tmp_path / "out", accept_missing=True)
    assert result.coverage.outcomes["not reached"] + result.coverage.products == 40
    assert all(count == 1 for url, count in image_server.asked.items() if url.startswith("/ok/"))


def test_url_suffix_is_added_to_requests_and_not_to_the_catalog(tmp_path: Path, image_server: ImageServer) -> None:
    run(write_table(tmp_path, image_server, 8), tmp_path / "out", url_suffix="?$BBY$&wid=64")
    assert all(url.endswith("?$BBY$&wid=64") for url in image_server.asked)
    assert not any("wid" in (product.imageurl or "") for product in read(tmp_path / "out"))


def test_other_tables_columns_and_files(tmp_path: Path, image_server: ImageServer) -> None:
    table = dbq_table(6, image_server.url).rename(columns={"imageurl": "shots"})
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ToileError) as caught:
        run(tmp_path / "t.csv", tmp_path / "out")
    assert caught.value.problem == "no column contains URLs of images, or images"
    assert "--column imageurl=THEIRS" in caught.value.hint
    by_csv = run(tmp_path / "t.csv", tmp_path / "out", columns={"imageurl": "shots"})
    folder = tmp_path / "folder"
    (folder / "data").mkdir(parents=True)
    table.to_parquet(folder / "data/train-00000-of-00001.parquet")
    table.to_parquet(folder / "data/test-00000-of-00001.parquet")
    (folder / "README.md").write_text("# nothing")
    both = run(folder, tmp_path / "both", columns={"imageurl": "shots"})
    one = run(folder, tmp_path / "one", columns={"imageurl": "shots"}, files=("data/test-*",))
    assert (by_csv.coverage.rows, both.coverage.rows, one.coverage.rows) == (6, 12, 6)
    with pytest.raises(ToileError, match="matches no table"):
        run(folder, tmp_path / "none", files=("*.csv",))
    with pytest.raises(ToileError, match="is already a catalog made by toile"):
        run(tmp_path / "both", tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToileError, match="has no table"):
        run(tmp_path / "empty", tmp_path / "none")
    with pytest.raises(ToileError, match="neither a file, nor a folder, nor a hub name"):
        run("no such thing", tmp_path / "none")


def test_images_inside_the_table_need_no_network(tmp_path: Path) -> None:
    table = dbq_table(9, "http://127.0.0.1:9")
    table["image"] = pd.Series([{"bytes": image_bytes(k), "path": None} for k in range(9)])
    table.to_parquet(tmp_path / "t.parquet", index=False)
    result = run(tmp_path / "t.parquet", tmp_path / "out")
    assert result.coverage.outcomes["in the table"] == 9
    assert [product.image for product in sorted(read(tmp_path / "out"), key=lambda p: int(p.product_code))] == [
        image_bytes(k) for k in range(9)
    ]


def test_journal_is_checked_when_it_is_read(tmp_path: Path) -> None:
    content = {f"http://a/{k}": image_bytes(k) for k in range(4)}
    sha256 = {url: hashlib.sha256(image).hexdigest() for url, image in content.items()}
    with Downloads(tmp_path / "d") as downloads:
        for url, image in content.items():
            downloads.save(ImageOutcome(url=url, outcome=FETCHED, sha256=sha256[url]), image)
        downloads.save(ImageOutcome(url="http://a/dead", outcome=DEAD, reason="404"))
    (tmp_path / "d" / sha256["http://a/1"][:2] / sha256["http://a/1"]).write_bytes(b"other")
    (tmp_path / "d" / sha256["http://a/2"][:2] / sha256["http://a/2"]).unlink()
    with (tmp_path / "d/journal.jsonl").open("a") as file:
        file.write('{"url": "http://a/5", "outc')
    with Downloads(tmp_path / "d") as downloads:
        assert set(downloads.outcomes) == {"http://a/0", "http://a/3", "http://a/dead"}
        downloads.save(ImageOutcome(url="http://a/5", outcome=DEAD))
        assert downloads.forget(lambda each: each.outcome == DEAD) == 2
        with pytest.raises(ToileError, match="cannot be read"):
            downloads.read(sha256["http://a/2"])
    with Downloads(tmp_path / "d") as downloads:
        assert set(downloads.outcomes) == {"http://a/0", "http://a/3"}


def test_list_of_outcomes_does_not_depend_on_the_order_of_responses() -> None:
    outcomes = [ImageOutcome(url=f"http://a/{k}", outcome=DEAD, reason="404") for k in range(5)]
    assert format_outcomes(outcomes) == format_outcomes(reversed(outcomes))


def test_killed_run_continues_and_gives_the_same_bytes(tmp_path: Path) -> None:
    server = ImageServer(delay_s=0.02)
    with served(server):
        path = write_table(tmp_path, server, 150)
        undisturbed, killed = tmp_path / "undisturbed/out", tmp_path / "killed/out"
        run(path, undisturbed)
        num_urls = len(server.asked)
        server.asked.clear()
        arguments = [sys.executable, "-m", "toile", "fetch", str(path), "--out", str(killed), "--allow-private"]
        process = subprocess.Popen([*arguments, "--source", "test"], cwd=ROOT, stdout=subprocess.DEVNULL)
        while len(server.asked) < num_urls // 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not load_manifest(killed / "manifest.json").finished
        before = sum(1 for _ in read_outcomes(killed / ".downloads/journal.jsonl"))
        assert 0 < before < num_urls
        run(path, killed)
        assert any(f"{before:,} are here already" in line for line in said)
    assert hash_files(killed) == hash_files(undisturbed)
    assert len(server.asked) == num_urls
    assert sum(count - 1 for count in server.asked.values()) <= 4  # requests in progress when it was killed


def test_command_prints_the_report_and_the_catalog_path(tmp_path: Path, image_server: ImageServer) -> None:
    path = write_table(tmp_path, image_server, 60)
    arguments = ["fetch", str(path), "--out", str(tmp_path / "out"), "--allow-private", "--currency", "USD"]
    first = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert first.exit_code == 0
    assert first.stdout.splitlines()[0] == "60 rows, 54 with their image (90%)"
    assert re.search(r"^  dead +\d+  404 Not Found \d+$", first.stdout, re.MULTILINE)
    assert f"rows rejected ({tmp_path}/out/extra/rejected.jsonl)" in first.stderr
    again = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert again.stdout == first.stdout
    assert "already there and finished" in again.stderr
    assert "--retry-dead" in again.stderr
    wrong = CliRunner().invoke(main, [*arguments, "--column", "nonsense"], catch_exceptions=False)
    assert (wrong.exit_code, "OURS=THEIRS" in wrong.output) == (1, True)


def test_full_disk_is_one_line(tmp_path: Path, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Downloads, outcome: ImageOutcome, content: bytes | None = None) -> None:
        raise ToileError("somewhere", "cannot be written: No space left on device", "free some space")

    path = write_table(tmp_path, image_server, 20)
    with monkeypatch.context() as patch:
        patch.setattr(Downloads, "save", full)
        with pytest.raises(ToileError, match="No space left"):
            run(path, tmp_path / "out")
    assert run(path, tmp_path / "out").written
    shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("joined", ["~", " | ", ", ", " ", "json"])
def test_of_several_urls_the_first_that_answers_is_used(joined: str, tmp_path: Path, image_server: ImageServer) -> None:
    names = [["ok/1", "ok/2"], ["gone/3", "page/4", "ok/5", "ok/6"], ["gone/7", "gone/8"]]
    lists = [[f"{image_server.url}/{name}" for name in row] for row in names]
    cells = [json.dumps(each) if joined == "json" else joined.join(each) for each in lists]
    rows = {"product_code": ["a", "b", "c"], "title": ["Coat", "Bag", "Hat"], "category": "X", "price": 5.0}
    pd.DataFrame({**rows, "images": cells}).to_csv(tmp_path / "shop.csv", index=False)
    result = run(tmp_path / "shop.csv", tmp_path / "out")
    found = {product.product_code: product.image for product in read(tmp_path / "out")}
    assert found == {"a": image_bytes(1), "b": image_bytes(5)}
    assert result.coverage.outcomes["dead"] == 1
    assert image_server.asked == Counter(
        {f"/{name}": 1 for name in ("ok/1", "gone/3", "page/4", "ok/5", "gone/7", "gone/8")}
    )
    kept = [row for path in (tmp_path / "out/data").iterdir() for row in pq.read_table(path).to_pylist()]
    more = {row["product_code"]: json.loads(row["more_images"]) for row in kept}
    assert more == {"a": lists[0][1:], "b": lists[1][1:]}
