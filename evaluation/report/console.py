"""Results in the terminal: one row a category, every figure with its interval."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluation.report import page
from schemas.result import Cell, Comparison, Contrast, Difference, Matrix, Result, Score
from schemas.util.console import strip_control_chars

_COLUMNS = ("category", "title", "price", "joint")
_MIN_WIDTH = 118


def print_result(result: Result) -> None:
    """Verdict and table of a result on stdout; grey rows hold fewer products than `min_category_rows`."""
    figures = page.by_key(result.scores)
    table = _table("category", "n", "category", "title", "price", "all three")
    for kind, name in page.table_lines(result.scores, result.counts):
        row = [figures.get((metric, kind, "none", name, None)) for metric in _COLUMNS]
        n = row[-1].n if row[-1] else 0
        few = n < result.inputs.spec.min_category_rows
        table.add_row(_named(name, kind), str(n), *[_figure(score) for score in row], style=_style(few))
    console = _console()
    console.print(table)
    if result.ceiling is not None:
        console.print(Text(_ceiling(result)), soft_wrap=True)
    console.print(Text(result.verdict, style=_mood(result.uses_picture)), soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """Base -> tuned by category on stdout, with the paired interval of the difference of all three."""
    figures = page.by_key(comparison.scores)
    table = _table("category", "n", "category", "title", "price", "all three", "difference", "p (Holm)")
    least = comparison.tuned.inputs.spec.min_category_rows
    for kind, name in page.table_lines(comparison.scores, comparison.counts):
        row = [figures.get((metric, kind, "none", name, None)) for metric in _COLUMNS]
        joint = row[-1]
        if joint is not None:
            cells = [str(joint.n), *map(_change, row), _gain(joint), _p(joint, least)]
            table.add_row(_named(name, kind), *cells, style=_style(joint.n < least))
    console = _console()
    console.print(table)
    for label, side in (("base", comparison.base), ("tuned", comparison.tuned)):
        console.print(Text(f"{label}: {side.verdict}", style=_mood(side.uses_picture)), soft_wrap=True)


def print_matrix(matrix: Matrix) -> None:
    """All three right, a row a mix and a column a test set, then what each mix brings beyond another."""
    cells = {(cell.mix, cell.test): cell for cell in matrix.cells if cell.metric == "joint"}
    table = _table("trained on", *(f"on {test}" for test in matrix.tests))
    for mix in matrix.mixes:
        table.add_row(mix, *(_figure(cells[mix, test]) for test in matrix.tests))
    console = _console()
    console.print(table)
    brought = _table("on the rows of", "instead of", "training on", "points", "p (Holm)")
    for contrast in matrix.contrasts:
        if contrast.metric == "joint":
            p = "-" if contrast.p_holm is None else f"{contrast.p_holm:.3g}"
            brought.add_row(contrast.test, contrast.before, contrast.after, _gain(contrast), p)
    console.print(brought)


def _ceiling(result: Result) -> str:
    """One line: the best that any model could reach on the headline rows, and how much of it this one did."""
    rows = page.headline_rows(result.counts)
    parts = []
    for metric, name in {**{column: column for column in _COLUMNS}, "joint": "all three"}.items():
        best = page.ceiling(result, rows, metric)
        if best is not None:
            share = "" if best[1] is None else f" ({100 * best[1]:.0f} % of it)"
            parts.append(f"{name} {100 * best[0]:.0f} %{share}")
    return f"ceiling of {rows} rows: {', '.join(parts)}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=number > 0)
    return table


def _console() -> Console:
    """On stdout; a pipe gets lines wide enough not to break."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(_MIN_WIDTH, console.width))


def _named(name: str | None, kind: str) -> Text:
    return Text(f"{kind} rows", style="bold") if name is None else Text(strip_control_chars(name))


def _style(few: bool) -> str:
    return "dim" if few else ""


def _mood(uses_picture: bool | None) -> str:
    return "green" if uses_picture else "yellow"


def _figure(score: Score | Cell | None) -> str:
    if score is None or score.value is None or score.low is None or score.high is None:
        return "-"
    return f"{100 * score.value:3.0f} % ({100 * score.low:.0f}-{100 * score.high:.0f})"


def _change(row: Difference | None) -> str:
    if row is None or row.base is None or row.tuned is None:
        return "-"
    return f"{100 * row.base:.0f} -> {100 * row.tuned:.0f} %"


def _gain(row: Difference | Contrast) -> str:
    if row.difference is None or row.low is None or row.high is None:
        return "-"
    return f"{100 * row.difference:+.0f} ({100 * row.low:+.0f} to {100 * row.high:+.0f})"


def _p(row: Difference, least: int) -> str:
    if row.n < least:
        return "too few"
    value = row.p if row.category is None else row.p_holm
    return "" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.2g}"
