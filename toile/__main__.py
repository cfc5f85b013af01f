"""Run the command line: `python -m toile`."""

from toile.cli import main

main()
