"""A twin of a shop that gives no product away: learn a spec under differential privacy, generate from it, compare.

Real rows stay where they are. What leaves them are counts with noise, and the ledger in the twin's spec lists each with
what it cost. The menu of a shop's site is public, so it may be told to `toile fit` instead of being paid for.

A generated shop for home and beauty stands for the real one here; put the folder of `toile import` in its place.

python examples/privacy_safe_twin.py out/twin
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from schemas import load
from toile.cli import main as toile


def main(out: Path, num_real: int = 8000, num_twin: int = 8000, epsilon: float = 1.0) -> None:
    """Real rows, the twin's spec and its rows under out/; both beside each other and the ledger on stdout."""
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
    print_nearness(_rows(real), _rows(twin))


def print_ledger(spec: Path) -> None:
    """Every statistic that left the real rows, by what mechanism, and what it cost; the sum is the whole loss."""
    provenance = load(spec, "catalog").provenance
    assert provenance is not None, spec
    print(f"\n{provenance.statement}")
    for line in provenance.ledger:
        print(f"  {line.statistic:22} {line.mechanism:40} epsilon {line.epsilon:.3f}  delta {line.delta:.1g}")
    print(f"  {'together':63} epsilon {provenance.epsilon:.3f}  delta {provenance.delta:.1g}")


def print_nearness(real: pd.DataFrame, twin: pd.DataFrame) -> None:
    """How far apart shares and price levels are, leaf by leaf."""
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
    print(f"\n{away:.1%} of the products would have to change their leaf;")
    print(f"the middle prices of leaves are {ratio.min():.2f} to {ratio.max():.2f} times the real ones")


def _rows(folder: Path) -> pd.DataFrame:
    """The leaf and price of every row; without what stands under a label of the site (GIFTS, NEW IN) or nowhere."""
    columns = ["category1_code", "category2_code", "category3_code", "full_price", "inferable"]
    rows = pq.read_table(folder / "data", columns=columns).to_pandas()
    rows = rows[rows["inferable"]]
    path = rows["category1_code"] + " > " + rows["category2_code"] + " > " + rows["category3_code"]
    return pd.DataFrame({"path": path, "full_price": rows["full_price"]})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
