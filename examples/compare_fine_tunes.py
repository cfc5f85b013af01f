"""Compare two fine-tunes: does synthetic data help a model read the images of a shop, and do real rows help more?

A generated sports shop plays the part of the real one; replace it by the folder of `toile import`. Two models are
trained for the same number of steps, one on a synthetic marketplace alone, one on a mix of both. Both answer the same
held-out rows of the shop. Differences are paired and have intervals.

The tiny model and few steps run on two cores, and the answers are poor. For figures that mean something, set published
weights and more steps in RUN, on a GPU.

python examples/compare_fine_tunes.py out/compare
"""

import sys
from pathlib import Path

from toile.cli import main as toile

RUN = """\
mix:
{mix}
model: tiny
method: full
max_steps: {num_steps}
batch_size: 16
optimiser: {{learning_rate: 2e-3, warmup_steps: 5, schedule: cosine}}
"""
REAL, SYNTHETIC = "- {data: real, weight: 1}", "- {data: synthetic, weight: 3}"
MIXES = {"synthetic-only": (SYNTHETIC,), "mixed": (REAL, SYNTHETIC)}


def main(out: Path, num_real: int = 400, num_synthetic: int = 1500, num_steps: int = 150, limit: int = 60) -> None:
    """Write catalogs, models, answers and the comparison to folders under `out`; print the summary."""
    catalogs = {"real": ("sportswear", "7", num_real), "synthetic": ("marketplace", "0", num_synthetic)}
    for name, (preset, seed, size) in catalogs.items():
        options = ["--seed", seed, "--num-products", str(size), "--image-size", "112", "--out", str(out / name)]
        toile(["generate", preset, *options], standalone_mode=False)

    for name, lines in MIXES.items():
        run = out / f"{name}.yaml"
        run.write_text(RUN.format(mix="\n".join(f"  {line}" for line in lines), num_steps=num_steps))
        toile(["train", str(run), "--out", str(out / "models" / name)], standalone_mode=False)
        options = ["--data", str(out / "real"), "--limit", str(limit), "--out", str(out / "answers" / name)]
        toile(["evaluate", "--model", str(out / "models" / name), *options], standalone_mode=False)

    folders = [str(out / "answers" / name) for name in MIXES]
    print(f"{' -> '.join(MIXES)}, on the held-out rows of the shop:")
    toile(["compare", *folders, "--out", str(out / "comparison")], standalone_mode=False)
    print(f"open {out / 'comparison' / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
