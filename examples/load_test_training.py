"""Load-test training: how many samples a second, and how long does the model wait for its data?

The products are rendered when training needs them: no files are written, and the load has any length. Where the waiting
share is high, the data is the bottleneck: add loader processes. Where it is near zero, the device is. On a GPU, use
`model: full-size` instead of tiny; nothing is downloaded for it.

python examples/load_test_training.py out/load
"""

import contextlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toile.cli import main as toile

RUN = """\
mix:
  - {{data: sportswear, weight: 3, draw: {{num_products: 100000, image_size: 112}}}}
  - {{data: home-beauty, weight: 1, draw: {{num_products: 100000, image_size: 112}}}}
model: tiny
method: full
max_steps: 100
batch_size: {batch_size}
"""


def measure_throughput(run: Path, loaders: int, num_steps: int) -> dict[str, Any]:
    """Return the figures of `toile throughput --json` with that many loader processes; 0 renders between the steps."""
    shown = io.StringIO()
    counts = ["--steps", str(num_steps), "--warmup", "1", "--loaders", str(loaders)]
    with contextlib.redirect_stdout(shown):
        toile(["throughput", str(run), *counts, "--json"], standalone_mode=False)
    figures: dict[str, Any] = json.loads(shown.getvalue())
    return figures


def main(out: Path, loaders: Sequence[int] = (0, 2), num_steps: int = 10, batch_size: int = 16) -> None:
    """Measure the same run with each number of loader processes; print one line each, write all figures to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    run = out / "run.yaml"
    run.write_text(RUN.format(batch_size=batch_size))
    for number in loaders:
        figures = measure_throughput(run, number, num_steps)
        (out / f"throughput-{number}-loaders.json").write_text(json.dumps(figures, indent=1))
        print(
            f"{number} loaders: {figures['samples_per_second']:6.1f} samples/s, "
            f"{figures['waiting_share']:4.0%} of the time waiting for data, "
            f"{figures['tflops']:.3f} TFLOP/s = {figures['share_of_peak']:.0%} of peak matrix speed"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
