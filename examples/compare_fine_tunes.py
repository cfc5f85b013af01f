"""Compare two fine-tunes: does synthetic data help a model read the pictures of a shop, and do real rows help more?

A sports shop under another seed stands for the real one; put the folder of `toile import` in its place. Two models are
trained for the same number of steps, one on a synthetic marketplace alone, one on a mix of both, and both answer the
same held-out rows of the shop, which neither has seen. Differences are paired and come with intervals.

The tiny model and a few steps make this a rehearsal: it runs on two cores, and the answers are poor. For figures that
mean something, name published weights and more steps in RUN, on a GPU.

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
    """Catalogs, models, answers and the comparison, each in a folder of its own under out/; the summary on stdout."""
    catalogs = {"real": ("sportswear", "7", num_real), "synthetic": ("marketplace", "0", num_synthetic)}
    for name, (preset, seed, size) in catalogs.items():
        drawn = ["--seed", seed, "--num-products", str(size), "--image-size", "112", "--out", str(out / name)]
        toile(["generate", preset, *drawn], standalone_mode=False)

    for name, lines in MIXES.items():
        run = out / f"{name}.yaml"
        run.write_text(RUN.format(mix="\n".join(f"  {line}" for line in lines), num_steps=num_steps))
        toile(["train", str(run), "--out", str(out / "models" / name)], standalone_mode=False)
        asked = ["--data", str(out / "real"), "--limit", str(limit), "--out", str(out / "answers" / name)]
        toile(["evaluate", "--model", str(out / "models" / name), *asked], standalone_mode=False)

    folders = [str(out / "answers" / name) for name in MIXES]
    print(f"{' -> '.join(MIXES)}, on the held-out rows of the shop:")
    toile(["compare", *folders, "--out", str(out / "comparison")], standalone_mode=False)
    print(f"open {out / 'comparison' / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
