"""Run one target of tests/helpers/fuzzing.py under atheris.

python -m tests.helpers.fuzz_coverage TARGET FOLDER-OF-EXAMPLES SECONDS
"""

import sys

import atheris  # type: ignore[import-not-found,unused-ignore]  # not installed with the tests

OURS = ["schemas", "generator.ingest", "generator.pages", "generator.catalog.shards", "generator.faults.scoring"]

with atheris.instrument_imports(include=[*OURS, "yaml", "jsonschema", "PIL"]):
    from tests.helpers.fuzzing import accepts


def main() -> None:
    """Fuzz for so many seconds; an exception other than ToileError ends the process with its traceback and bytes."""
    target, folder, seconds = sys.argv[1:]
    limits = ["-max_len=65536", "-rss_limit_mb=4096", "-timeout=30", "-artifact_prefix=fuzz-"]
    arguments = [sys.argv[0], f"-max_total_time={seconds}", *limits, folder]
    atheris.Setup(arguments, lambda content: accepts(target, content))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
