"""The commands under `toile report`: a page written once more, checked, or summarised."""

import json
import math
from pathlib import Path

import click

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUT_FILE = click.Path(path_type=Path, dir_okay=False)
_DATA = click.option("--data", type=_FOLDER, help="Where the shards lie now, if they moved.")


class _WriteByDefault(click.Group):
    """`toile report DIR` is `toile report write DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_WriteByDefault)
def report() -> None:
    """Write the page of a finished evaluation or comparison once more; check a page; summarise for CI.

    \b
    Example:
      toile report results/comparison
      toile report rescore results/comparison/report.html
      toile report summary results/tuned --out summary.xml --fail-under joint=0.5
    """


@report.command()
@click.argument("result_dir", type=_FOLDER)
@_DATA
def write(result_dir: Path, data: Path | None) -> None:
    """Write the page of a finished evaluation or comparison once more.

    \b
    Example:
      toile report results/comparison
    """
    from evaluation.report.write import report as run

    click.echo(run(result_dir, data=data))


@report.command()
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def rescore(page: Path) -> None:
    """Compute every figure of a page anew from the rows and answers in it; exit 1 where one differs.

    \b
    Example:
      toile report rescore results/comparison/report.html
    """
    from evaluation.report.evidence import refuse_differing
    from evaluation.report.evidence import rescore as run

    found = run(page)
    click.echo(json.dumps({"figures": found.num_figures, "differing": len(found.differing)}))
    refuse_differing(page, found)


@report.command()
@click.argument("result_dir", type=_FOLDER)
@click.option("--out", required=True, type=_OUT_FILE, help="File that ends in .json, .md or .xml (JUnit).")
@click.option("--fail-under", multiple=True, metavar="METRIC=VALUE", help="A floor: a test case; exit 1 below it.")
def summary(result_dir: Path, out: Path, fail_under: tuple[str, ...]) -> None:
    """A finished evaluation or comparison in a few lines, for CI and pull requests.

    \b
    Example:
      toile report summary results/tuned --out summary.xml --fail-under joint=0.5
    """
    from evaluation.report.summary import write_summary
    from evaluation.report.thresholds import check_floors, hold_floors
    from schemas.result import RESULT, read_result

    floors = floors_of(fail_under)
    if floors and (result_dir / RESULT).is_file():
        check_floors(floors, read_result(result_dir).inputs.spec)
    write_summary(result_dir, out, floors)
    click.echo(out)
    if floors:
        hold_floors(floors, read_result(result_dir), result_dir)


def floors_of(texts: tuple[str, ...]) -> dict[str, float]:
    """METRIC=VALUE, as given with --fail-under."""
    found = {}
    for text in texts:
        metric, _, value = text.partition("=")
        try:
            found[metric] = float(value)
            if not math.isfinite(found[metric]):
                raise ValueError(value)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not METRIC=VALUE, such as joint=0.4") from error
    return found
