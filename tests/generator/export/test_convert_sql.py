"""The SQL exports, loaded into the real databases, contain the rows of the catalog to the last bit."""

import json
import math
import os
import pwd
import random
import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.export.convert import ConvertOptions, convert
from generator.export.formats import postgresql_literal, sqlite_literal
from tests.helpers.nasty_catalog import Rows, expected, file_bytes, write_nasty

UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a catalog with difficult values; tests must not change it."""
    return write_nasty(tmp_path_factory.mktemp("nasty") / "shards")


def with_image_bytes(rows: Rows, out: Path) -> Rows:
    """Return rows of a database as rows of the shards, with image files read."""
    return [{**row, "image": file_bytes(out, row["image"])} for row in rows]


def numbered(rows: Rows) -> Rows:
    return [{"row_number": number, **row} for number, row in enumerate(rows, start=1)]


def rows_of_sqlite(database: Path) -> Rows:
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM products ORDER BY row_number")]
    connection.close()
    return [{**row, "inferable": bool(row["inferable"])} for row in rows]


def load_with_module(out: Path, database: Path) -> None:
    connection = sqlite3.connect(database)
    for name in ("schema.sqlite.sql", "products.sqlite.sql"):
        connection.executescript((out / name).read_bytes().decode())
    connection.close()


def load_with_command(out: Path, database: Path) -> None:
    for name in ("schema.sqlite.sql", "products.sqlite.sql"):
        with (out / name).open("rb") as file:
            subprocess.run(["sqlite3", "-bail", str(database)], stdin=file, check=True)


@pytest.mark.parametrize(
    "load",
    [
        load_with_module,
        pytest.param(
            load_with_command,
            marks=[pytest.mark.system, pytest.mark.skipif(not shutil.which("sqlite3"), reason="no sqlite3 here")],
        ),
    ],
)
def test_sqlite_contains_the_rows(nasty: Path, tmp_path: Path, load: Any) -> None:
    out = tmp_path / "out"
    convert(nasty, out, ConvertOptions(form="sql"))
    load(out, tmp_path / "shop.db")
    found = with_image_bytes(rows_of_sqlite(tmp_path / "shop.db"), out)
    for row, true in zip(found, numbered(expected(nasty)), strict=True):
        assert row == true
    connection = sqlite3.connect(tmp_path / "shop.db")
    plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM products WHERE product_code = '1'").fetchall()
    assert "USING INDEX products_product_code" in str(plan)
    with pytest.raises(sqlite3.IntegrityError):  # loading twice changes nothing
        connection.executescript((out / "products.sqlite.sql").read_bytes().decode())
    connection.close()
    assert len(rows_of_sqlite(tmp_path / "shop.db")) == len(found)


@given(st.one_of(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1)))
def test_any_value_survives_sqlite(value: Any) -> None:
    connection = sqlite3.connect(":memory:")
    (found,) = connection.execute(f"SELECT {sqlite_literal(value)}").fetchone()
    connection.close()
    assert (type(found), found) == (type(value), value)


def test_floats_that_sqlite_reads_inexactly_survive() -> None:
    draw, connection, off = random.Random(1), sqlite3.connect(":memory:"), 0
    for _ in range(5000):
        value = math.ldexp(draw.uniform(-1, 1), draw.randint(-1070, 1023))
        off += connection.execute(f"SELECT {value!r}").fetchone()[0] != value
        assert connection.execute(f"SELECT {sqlite_literal(value)}").fetchone()[0] == value
    connection.close()
    assert off > 0 or sqlite3.sqlite_version_info >= (3, 42)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A PostgreSQL server that listens only on a socket in a folder."""

    folder: Path

    def psql(self, *arguments: str, script: str | None = None) -> str:
        """Run a command of psql; a failing statement fails the test."""
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", "toile", "-d", "postgres"]
        done = subprocess.run([*command, *arguments], capture_output=True, input=script, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def rows(self, table: str) -> Rows:
        """Read rows as JSON in hexadecimal digits, because psql omits some characters (U+10FFFF)."""
        text = "convert_to(row_to_json(found)::text, 'UTF8')"
        lines = self.psql("-At", "-c", f"SELECT encode({text}, 'hex') FROM {table} found").splitlines()
        return [json.loads(bytes.fromhex(line)) for line in lines]


def run_unprivileged(*command: str) -> list[str]:
    """Return the command run as a user whom PostgreSQL accepts."""
    if os.geteuid() != 0:
        return list(command)
    user = pwd.getpwnam(UNPRIVILEGED)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a temporary cluster in a folder with a short path, because socket names must be short."""
    needed = ("initdb", "pg_ctl", "postgres", "psql", *(["setpriv"] if os.geteuid() == 0 else []))
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here")
    folder = Path(tempfile.mkdtemp(prefix="toile-pg-"))
    data = str(folder / "data")
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
    init = run_unprivileged("initdb", "-D", data, "-U", "toile", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
    control = run_unprivileged("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"))
    try:
        subprocess.run(init, check=True, capture_output=True, cwd="/")
        subprocess.run([*control, "-o", options, "start"], check=True, cwd="/", stdout=subprocess.DEVNULL)
        yield Server(folder=folder)
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd="/", stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(folder)


@pytest.mark.system
def test_postgresql_contains_the_rows(server: Server, nasty: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(nasty, out, ConvertOptions(form="sql"))
    for name in ("schema.postgresql.sql", "products.postgresql.sql"):
        server.psql("-f", str(out / name))
    found = with_image_bytes(server.rows("(SELECT * FROM products ORDER BY row_number)"), out)
    for row, true in zip(found, numbered(expected(nasty)), strict=True):
        assert row == {k: v.replace("\0", "\ufffd") if isinstance(v, str) else v for k, v in true.items()}
    counted = Counter(row["category3_code"] for row in found)
    assert (
        int(server.psql("-At", "-c", "SELECT count(*) FROM products WHERE category3_code = 'BAGS'")) == counted["BAGS"]
    )
    types = dict(
        line.split("|")
        for line in server.psql(
            "-At", "-c", "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'products'"
        ).splitlines()
    )
    assert types["full_price"] == "double precision"
    assert (types["flg_discount"], types["rating"], types["inferable"]) == ("bigint", "bigint", "boolean")


@pytest.mark.system
@pytest.mark.parametrize("conforming", ["on", "off"])
def test_any_value_survives_postgresql(server: Server, conforming: str) -> None:
    draw = random.Random(3)
    alphabet = "ab'\"\\$:{}%\n\r\t\b\x01\x7f\x85 ;-/*\ud7ff\ue000\U0010ffff\ufeff\u202exE0159"
    texts = ["".join(draw.choices(alphabet, k=draw.randint(0, 12))) for _ in range(1500)]
    floats = [math.ldexp(draw.uniform(-1, 1), draw.randint(-1060, 1023)) for _ in range(1500)]
    pairs = zip(texts, floats, strict=True)
    values = ",".join(f"({n}, {postgresql_literal(t)}, {postgresql_literal(x)})" for n, (t, x) in enumerate(pairs))
    server.psql(
        script=f"SET standard_conforming_strings = {conforming}; DROP TABLE IF EXISTS v; "
        f"CREATE TABLE v (n INT, t TEXT, x DOUBLE PRECISION); INSERT INTO v VALUES {values};"
    )
    found = server.rows("(SELECT * FROM v ORDER BY n)")
    assert [row["t"] for row in found] == texts
    assert [row["x"] for row in found] == floats
