"""The command that scores how well a pipeline finds the faulty rows of a catalog: score-faults."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.util.console import strip_control_chars

if TYPE_CHECKING:
    from generator.faults.scoring import FaultScore, Share

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("found", type=_FILE)
@click.option("--truth", required=True, type=_FILE, help="The extra/faults.parquet of the catalog.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def score_faults(found: Path, truth: Path, as_json: bool) -> None:
    """Score FOUND, a table of rows that a pipeline holds for faulty, against the faults that were made.

    FOUND is CSV, TSV, JSONL or Parquet with a column product_code (or row, the product number), and kind if the
    pipeline tells kinds.

    \b
    Example:
      toile score-faults found.csv --truth data/faulty/extra/faults.parquet
    """
    from generator.faults.scoring import score_faults as score

    result = score(found, truth)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result)))
    else:
        _print(result)


def _print(score: "FaultScore") -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, soft_wrap=True)
    heads = ["faults", "found", *(["recall", "precision"] if score.says_kinds else ["precision"])]
    table = Table("kind", *(Column(head, justify="right") for head in heads))
    for line in (*score.kinds, score.any):
        figures = [line.found, *([line.recall] if score.says_kinds else []), line.precision]
        table.add_row(
            Text(strip_control_chars(line.kind)), f"{line.found.whole:,}", *(_percent(figure) for figure in figures)
        )
    console.print(table)
    console.print(f"{score.num_named:,} rows named. Intervals: Wilson, 95 %. found: named at all", end="")
    console.print("; recall: under the right kind or group." if score.says_kinds else ".")
    if score.unknown_names is None:
        console.print("Whether the catalog has all of them is not known: it does not lie beside the truth.")
    elif score.unknown_names:
        console.print(f"{score.unknown_names:,} of them are not in the catalog: they count as false alarms.")
    for kind, count in score.unknown_kinds.items():
        console.print(f"{count:,} are named under {kind!r}, which is no kind: they count as named without one.")


def _percent(share: "Share | None") -> str:
    if share is None or share.value is None or share.low is None or share.high is None:
        return "-"
    return f"{share.part:,}/{share.whole:,} = {share.value:.0%} ({share.low:.0%}-{share.high:.0%})"
