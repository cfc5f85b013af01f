"""Download a model of the hub: from a server on loopback, then from the cache alone."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finetune.phi3v import load_model, save_model
from tests.helpers.hub_server import COMMIT, GATED, NAME, serve

SCRIPT = """
import json, sys
from finetune import load_model
from finetune.adapters import describe_base
from schemas.errors import ToileError
for line in sys.stdin:
    found = {}
    for name in json.loads(line):
        said = []
        try:
            model, processor = load_model(name, say=said.append)
            head = float(model.lm_head.weight.detach().double().sum())
            found[name] = {"head": head, "said": said, "base": describe_base(name, 0)}
        except ToileError as error:
            found[name] = {"error": f"{error.where}: {error.problem}", "hint": error.hint}
    print("found", json.dumps(found), flush=True)
"""


@contextlib.contextmanager
def fetching(environment: dict[str, str]) -> Iterator[Callable[[list[str]], dict[str, Any]]]:
    """Load names in a separate process: huggingface_hub reads its environment when it is imported."""
    kept, pipe = {**os.environ, **environment}, subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SCRIPT], env=kept, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def fetched(names: list[str]) -> dict[str, Any]:
            print(json.dumps(names), file=questions, flush=True)
            found: dict[str, Any] = json.loads(next(line for line in answers if line.startswith("found"))[5:])
            return found

        yield fetched


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a code file and a pickle in its folder."""
    folder = tmp_path_factory.mktemp("hub") / "repository"
    save_model(*load_model("tiny", seed=3), folder)
    (folder / "modeling_phi3_v.py").write_text("raise SystemExit('this must never run')\n")
    (folder / "pytorch_model.bin").write_bytes(b"not to be read")
    return folder


def test_hub_model_is_downloaded_once_and_read_offline(checkpoint: Path, tmp_path: Path) -> None:
    head = float(load_model(checkpoint)[0].lm_head.weight.detach().double().sum())
    absent = f"{NAME}@no-such-branch"
    with contextlib.ExitStack() as stack:
        with serve(checkpoint) as hub:
            environment = hub.environment(tmp_path)
            fetched = stack.enter_context(fetching(environment))
            online = fetched([NAME, f"{NAME}@{COMMIT}", absent, "house/none", GATED])
            asked = list(hub.asked)
        unplugged = fetched([NAME, "house/none"])  # the server has stopped
        assert hub.asked == asked
    assert online[NAME]["head"] == pytest.approx(head, abs=1e-9)
    size = sum(path.stat().st_size for path in checkpoint.iterdir() if path.suffix in (".json", ".safetensors"))
    assert f"{size / 1e9:.2f} GB" in online[NAME]["said"][0]
    assert online[f"{NAME}@{COMMIT}"]["said"] == []
    assert online[NAME]["base"]["revision"] == COMMIT
    assert not [line for line in asked if line.endswith((".py", ".bin"))]
    assert len([line for line in asked if line.startswith("GET") and line.endswith("model.safetensors")]) == 1
    refused = "cannot be fetched from the hub"
    assert online[absent]["error"] == f"{absent}: {refused}: it has no revision no-such-branch"
    assert online["house/none"]["error"] == f"house/none: {refused}: there is no such model"
    assert online[GATED]["error"] == f"{GATED}: {refused}: it is gated"
    assert f"{hub.url}/{GATED}" in online[GATED]["hint"]

    repository = str(tmp_path / "hub" / "models--house--model")
    with fetching(environment | {"HF_HUB_OFFLINE": "1"}) as fetched:
        offline = fetched([NAME, repository, "house/none"])
    for found in (offline[NAME], offline[repository], unplugged[NAME]):
        assert found["head"] == pytest.approx(head, abs=1e-9)
        assert found["base"] == online[NAME]["base"]
        assert found["said"] == []
    for found in (offline["house/none"], unplugged["house/none"]):
        assert "cannot be fetched from the hub" in found["error"]
        assert "continue offline" in found["hint"]
