"""Make a private twin of a shop: learn a spec under differential privacy, generate from it, compare.

Only noisy counts of the real rows are released; the ledger in the spec lists each with its cost. The menu of a shop's
site is public, so it can be given to `toile fit` and costs nothing.

A generated shop for home and beauty plays the part of the real one; replace it by the folder of `toile import`.

python examples/privacy_safe_twin.py out/twin
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from schemas import load
from toile.cli import main as toile


def main(out: Path, num_real: int = 8000, num_twin: int = 8000, epsilon: float = 1.0) -> None:
    """Write real rows, the spec of the twin and its rows to `out`; print a comparison and the ledger."""
    real, spec, twin = out / "real", out / "twin.yaml", out / "twin"
    rows_only = ["--no-images", "--num-products"]
    toile(
        ["generate", "home-beauty", "--seed", "7", *rows_only, str(num_real), "--out", str(real)], standalone_mode=False
    )

    menu = out / "menu.yaml"
    paths = sorted(set(_rows(real)["path"]))
    menu.write_text("".join(f"- {path}\n" for path in paths))
    public = ["--categories", str(menu), "--no-images"]
    toile(["fit", str(real), "--epsilon", f"{epsilon:g}", *public, "--out", str(spec)], standalone_mode=False)

    toile(["generate", str(spec), *rows_only, str(num_twin), "--out", str(twin)], standalone_mode=False)
    toile(["describe", str(real), str(twin)], standalone_mode=False)
    print_ledger(spec)
    print_similarity(_rows(real), _rows(twin))


def print_ledger(spec: Path) -> None:
    """Print every released statistic with its mechanism and cost; the sum is the total privacy loss."""
    provenance = load(spec, "catalog").provenance
    assert provenance is not None, spec
    print(f"\n{provenance.statement}")
    for line in provenance.ledger:
        print(f"  {line.statistic:22} {line.mechanism:40} epsilon {line.epsilon:.3f}  delta {line.delta:.1g}")
    print(f"  {'total':63} epsilon {provenance.epsilon:.3f}  delta {provenance.delta:.1g}")


def print_similarity(real: pd.DataFrame, twin: pd.DataFrame) -> None:
    """Print how much shares and price levels differ, by category."""
    both = pd.DataFrame(
        {
            "share real": real["path"].value_counts(normalize=True),
            "share twin": twin["path"].value_counts(normalize=True),
            "median real": real.groupby("path")["full_price"].median(),
            "median twin": twin.groupby("path")["full_price"].median(),
        }
    )
    print(f"\n{both.round(3).to_string()}")
    away = (both["share real"].fillna(0) - both["share twin"].fillna(0)).abs().sum() / 2
    ratio = (both["median twin"] / both["median real"]).dropna()
    print(f"\ntotal variation of category shares: {away:.1%};")
    print(f"median prices of categories are {ratio.min():.2f} to {ratio.max():.2f} times the real ones")


def _rows(folder: Path) -> pd.DataFrame:
    """Return the category path and price of every row, without rows under navigation labels (GIFTS, NEW IN)."""
    columns = ["category1_code", "category2_code", "category3_code", "full_price", "inferable"]
    rows = pq.read_table(folder / "data", columns=columns).to_pandas()
    rows = rows[rows["inferable"]]
    path = rows["category1_code"] + " > " + rows["category2_code"] + " > " + rows["category3_code"]
    return pd.DataFrame({"path": path, "full_price": rows["full_price"]})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
