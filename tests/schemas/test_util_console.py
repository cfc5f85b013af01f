"""The progress bar on stderr: rate and remaining time, also where one step takes a minute."""

import io
import sys
import time

import pytest
import rich.console
import rich.progress

from schemas.util.console import format_duration, progress_bar


class Terminal(io.StringIO):
    """What a user would see."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that stands still until its time is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rich.console, "monotonic", clock)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    return clock


@pytest.mark.parametrize("step", [0.1, 45.0, 120.0])
def test_remaining_time_is_shown_after_two_steps(clock: Clock, step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    made: list[rich.progress.Progress] = []
    start = rich.progress.Progress.start

    def kept(progress: rich.progress.Progress) -> None:
        made.append(progress)
        start(progress)

    monkeypatch.setattr(rich.progress.Progress, "start", kept)
    with progress_bar("answering rows", 100, done=20) as advance:
        for _ in range(3):
            clock.now += step
            advance(10)
        (task,) = made[0].tasks
        assert task.completed == 50
        assert task.time_remaining == pytest.approx(5 * step, abs=1), "what was done before does not count as speed"


def test_progress_bar_shows_rate_and_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("answering rows: generate, rank", 40) as advance:
        for _ in range(3):
            clock.now += 50
            advance(10, note="a note")
    for words in ("answering rows: generate, rank", "30/40", "0.2/s", "0:00:50", "a note"):
        assert words in terminal.getvalue()


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_bar_is_silent_in_a_pipe_and_when_quiet(
    clock: Clock, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Terminal() if quiet else io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bar("answering rows", 3, quiet=quiet) as advance:
        advance(3)
    assert shown.getvalue() == ""


def test_lines_outside_a_terminal_come_while_the_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("training", 1000, done=100, line_seconds=0.02) as advance:
        advance(200, "loss 2.5")
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 3
    assert all(line.startswith("training: 300 of 1,000, ") for line in lines)
    assert all(line.endswith(" left, loss 2.5") for line in lines)


@pytest.mark.parametrize("quiet", [True, False])
def test_short_work_outside_a_terminal_prints_nothing(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading", None, quiet=quiet, line_seconds=0.02 if quiet else 10.0) as advance:
        advance(3)
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (89, "89 s"), (600, "10 min"), (3600 * 5 + 120, "5 h 02 min")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
