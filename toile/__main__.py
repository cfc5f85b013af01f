"""Run the command line: `python -m toile`, and the script `toile`.

Ctrl-C ends any command, at any moment, with one line and exit code 130. A second Ctrl-C ends it without cleaning up,
which loses nothing either: files are written under temporary names, and locks belong to the process.
"""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

INTERRUPTED = 130
_LONGEST_CLEANUP_SECONDS = 3.0


class _Interrupts:
    """Turn the first SIGINT into SystemExit, which no command takes for an error of its own."""

    def __init__(self) -> None:
        self.stopping = False

    def install(self) -> None:
        signal.signal(signal.SIGINT, self._stop)

    def finish(self) -> None:
        """Print the line and end the process, whatever threads and workers still run."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):  # a closed pipe
                continue
        os.write(2, b"\nstopped by Ctrl-C; run the same command again to continue\n")
        os._exit(INTERRUPTED)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends at once
        sys.unraisablehook = _ignore  # an exit inside a callback of the garbage collector would be printed
        timer = threading.Timer(_LONGEST_CLEANUP_SECONDS, self.finish)
        timer.daemon = True
        timer.start()
        raise SystemExit(INTERRUPTED)


def main() -> None:
    """Run the command line and exit."""
    interrupts = _Interrupts()
    interrupts.install()
    try:
        from toile.cli import main as run

        run()
    except BaseException:
        if not interrupts.stopping:
            raise
    finally:
        if interrupts.stopping:
            interrupts.finish()


def _ignore(unraisable: Any) -> None:
    """Print nothing about an exception that Python cannot raise."""


if __name__ == "__main__":
    main()
