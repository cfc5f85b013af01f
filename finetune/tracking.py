"""Follow a run: trackers that receive its metrics, and the page of its training curve.

    from finetune.tracking import write_run_page
    write_run_page(Path("runs/mixed"))

wandb honours WANDB_MODE=offline and its other variables itself. TensorBoard's event files are in the folder
`tensorboard` of the run: `tensorboard --logdir RUN`. A tracker that fails reports it once and is not used again: it
never stops a run. The page needs the run's folder only, also while the run is not finished.
"""

import functools
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from finetune.run_dir import EXAMPLES, LOG, REPORT, RUN, load_run, read_log, weights_digest
from schemas.errors import ToileError
from schemas.images import JPEG_URI, image_uri
from schemas.training import RunRecord
from schemas.util.console import format_duration
from schemas.util.files import write_atomic
from schemas.util.pages import (
    Plot,
    circles,
    embed_json,
    format_amount,
    format_tick,
    polyline,
    render_page,
    write_page,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedExample:
    """One image, the answer a model should have given, and the one it gave."""

    image: Image.Image
    true: str
    answered: str


class Tracker(Protocol):
    """Receives the metrics of a run."""

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Record the metrics of a step."""

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Record images with the true answer and the model's."""

    def finish(self) -> None:
        """End the run."""


class NullTracker:
    """A tracker that records nothing."""

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Do nothing."""

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class WandbTracker:
    """One Weights & Biases run."""

    def __init__(self, config: Mapping[str, Any], folder: Path) -> None:
        try:
            import wandb
        except ImportError as error:
            raise ToileError(
                "tracking", "wandb is not installed", "pip install 'toile[track]', or tracking: none"
            ) from error
        self._errors: tuple[type[BaseException], ...] = (wandb.Error, OSError, TimeoutError)
        self._run: Any = None
        self._try(lambda: setattr(self, "_run", wandb.init(project="toile", config=dict(config), dir=str(folder))))

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Send the metrics of a step."""
        self._try(lambda: self._run and self._run.log(dict(metrics), step=step))

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Send a table of images and answers."""
        self._try(lambda: self._run and self._run.log({"examples": self._table(examples)}))

    def _table(self, examples: Sequence[LoggedExample]) -> Any:
        import wandb

        table = wandb.Table(columns=["picture", "true", "answered"])
        for example in examples:
            table.add_data(wandb.Image(example.image), example.true, example.answered)
        return table

    def finish(self) -> None:
        """Flush and close."""
        self._try(lambda: self._run and self._run.finish())

    def _try(self, action: Callable[[], Any]) -> None:
        """Run `action`; after an error of wandb or of the network report it and stop tracking."""
        try:
            action()
        except self._errors as error:
            _report_failure(error)
            self._run = None


class TensorBoardTracker:
    """Event files of one run. A continued run replaces the events of the steps that it repeats."""

    def __init__(self, config: Mapping[str, Any], folder: Path, num_done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ToileError(
                "tracking", "tensorboard is not installed", "pip install 'toile[track]', or tracking: none"
            ) from error
        self._writer: Any = None
        self._last_step = num_done

        def start() -> None:
            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=num_done + 1)
            self._writer.add_text("config", f"```json\n{json.dumps(config, indent=1, default=str)}\n```")

        self._try(start)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Write the numbers among the metrics of a step."""
        self._last_step = step
        for name, value in metrics.items():
            if name != "step" and isinstance(value, int | float):
                self._try(functools.partial(self._add_scalar, name, value, step))

    def _add_scalar(self, name: str, value: float, step: int) -> None:
        if self._writer:
            self._writer.add_scalar(name, value, step)

    def log_examples(self, examples: Sequence[LoggedExample]) -> None:
        """Write images, each with the true and the given answer as text."""

        def write() -> None:
            for number, example in enumerate(examples if self._writer else ()):
                name, step = f"example_{number:02d}", self._last_step
                pixels = np.asarray(example.image.convert("RGB"))
                self._writer.add_image(f"{name}/picture", pixels, step, dataformats="HWC")
                self._writer.add_text(f"{name}/answers", f"true: {example.true}\n\nanswered: {example.answered}", step)

        self._try(write)

    def finish(self) -> None:
        """Flush and close."""
        self._try(lambda: self._writer and self._writer.close())

    def _try(self, action: Callable[[], Any]) -> None:
        """Run `action`; after an error of the disk report it and stop tracking."""
        try:
            action()
        except OSError as error:
            _report_failure(error)
            self._writer = None


def open_tracker(name: str, config: Mapping[str, Any], folder: Path, num_done: int = 0) -> Tracker:
    """Return the tracker that the run file names; `num_done` is the number of steps that a continued run has done."""
    if name == "wandb":
        return WandbTracker(config, folder)
    return TensorBoardTracker(config, folder, num_done) if name == "tensorboard" else NullTracker()


def _report_failure(error: BaseException) -> None:
    print(f"tracking stopped, training continues: {error}", file=sys.stderr)


EXAMPLE_PX = 256
MAX_POINTS = 400
"""Points of a curve; a longer run is averaged over as many stretches."""
_LOSSES = Plot(width=560, height=280, left=58, right=24, top=14, bottom=54)
_SERIES = Plot(width=420, height=210, left=64, right=20, top=14, bottom=50)
_AVERAGED_STEPS = 10
_SMOOTHED = 25
"""The smoothed loss is the mean over this share of the run, 1 / 25, before and after each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleAnswer:
    """An answer of the trained model to one image."""

    true: str
    answered: str
    image: str
    """A data URI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCurve:
    """What a run's folder says about its training."""

    folder: Path
    record: RunRecord
    steps: Sequence[Mapping[str, Any]]
    """The metrics of each step, in order."""
    examples: Sequence[ExampleAnswer]

    def series(self, name: str) -> list[tuple[int, float]]:
        """Return (step, value) of a metric where it has a finite value."""
        found = ((step["step"], step.get(name)) for step in self.steps)
        return [(k, float(value)) for k, value in found if isinstance(value, int | float) and math.isfinite(value)]

    @property
    def sentences(self) -> list[str]:
        """What the run did, in sentences."""
        spec, losses = self.record.inputs["spec"], self.series("loss")
        done = f"{len(self.steps):,} of {spec['max_steps']:,}" if not self.record.finished else f"{len(self.steps):,}"
        state = "was trained for" if self.record.finished else "is not finished: it has logged"
        found = [f"This run {state} {done} steps of {spec['batch_size']:,} examples."]
        if losses:
            size = max(1, min(_AVERAGED_STEPS, len(losses) // 2))
            first, last = _mean_of(losses[:size]), _mean_of(losses[-size:])
            steps = f"means of {size} steps" if size > 1 else "single steps"
            found.append(f"The loss went from {first:.3f} to {last:.3f} nats a token ({steps}).")
        validation = self.series("validation_loss")
        kept = self.record.validation_loss
        if kept is not None:
            found.append(f"The kept weights have a validation loss of {kept:.3f}.")
        elif validation:
            found.append(f"The last validation loss is {validation[-1][1]:.3f}.")
        if self.record.best_step is not None:
            found.append(f"They are those of step {self.record.best_step:,}, where it was lowest.")
        if self.record.samples_per_second:
            seconds, speed = format_duration(self.record.seconds), format_amount(self.record.samples_per_second)
            found.append(f"It took {seconds}, {speed} samples a second.")
        return found

    @property
    def plots(self) -> list[tuple[str, str]]:
        """Captions and SVG plots of loss, learning rate and speed; those without values are left out."""
        validation = " Rings: loss on validation rows." if self.series("validation_loss") else ""
        found = [
            (f"Training loss in nats a token: each step, and smoothed.{validation}", plot_losses(self)),
            ("Learning rate", plot_series(self, "learning_rate")),
            ("Samples a second", plot_series(self, "samples_per_second")),
        ]
        return [(caption, svg) for caption, svg in found if svg]


def write_examples(out: Path, examples: Sequence[LoggedExample]) -> None:
    """Write `examples.jsonl`: small images with the true answer and the model's."""
    lines = []
    for example in examples:
        image = image_uri(example.image.convert("RGB"), EXAMPLE_PX)
        lines.append(json.dumps({"true": example.true, "answered": example.answered, "image": image}) + "\n")
    write_atomic(out / EXAMPLES, "".join(lines).encode("ascii"))


def read_training(folder: Path) -> TrainingCurve:
    """Return what the folder of a run says about its training; raises ToileError where it is none or is damaged."""
    if not (folder / RUN).is_file():
        raise ToileError(str(folder), f"is no folder of a run: it has no {RUN}", "name the --out of toile train")
    return TrainingCurve(
        folder=folder, record=load_run(folder / RUN), steps=read_log(folder), examples=_read_examples(folder / EXAMPLES)
    )


def find_training(name: str, near: Path | None, sha256: str) -> Path | None:
    """Return the folder of the run that wrote a model; None where it has moved away or was trained again.

    Args:
        name: the folder as it was given to a command.
        near: a folder of results. Where `name` does not exist, it is looked for from here and the folders above.
        sha256: `weights_digest` of the model.
    """
    above = [] if near is None else [near.resolve(), *near.resolve().parents][:4]
    for folder in dict.fromkeys([Path(name), *(place / name for place in above)]):
        if (folder / RUN).is_file() and (folder / LOG).is_file():
            record = load_run(folder / RUN)
            if record.finished and weights_digest(record.files) == sha256:
                return folder
    return None


def write_run_page(folder: Path) -> Path:
    """Write `report.html` in the folder of a run: its training curve and example answers; return its path."""
    curve = read_training(folder)
    if not curve.steps:
        raise ToileError(str(folder), "has logged no step yet", "run it again after the first step")
    document = {"run": curve.record.inputs, "steps": list(map(_finite, curve.steps))}
    html = render_page(
        Path(__file__).parent,
        "run.html.j2",
        styles=("base.css.j2", "page.css.j2", "run.css.j2"),
        filters={"amount": format_amount, "setting": format_setting},
        curve=curve,
        spec=curve.record.inputs["spec"],
        document=embed_json(document),
    )
    write_page(folder / REPORT, html)
    return folder / REPORT


def plot_losses(curve: TrainingCurve) -> str:
    """Plot training loss, smoothed training loss and validation loss over the steps, as SVG; empty without a loss."""
    losses, validation = curve.series("loss"), curve.series("validation_loss")
    if not losses:
        return ""
    x, y, ticks = _axes(_LOSSES, losses + validation)
    smooth = _smooth(losses)
    parts = [*ticks, polyline([(x(k), y(v)) for k, v in _thin(losses)], "curve raw")]
    parts.append(polyline([(x(k), y(v)) for k, v in _thin(smooth)], "curve side0"))
    if validation:
        parts.append(polyline([(x(k), y(v)) for k, v in _thin(validation)], "curve side1"))
        parts.append(circles([(x(k), y(v)) for k, v in _thin(validation)], 3.5, "ring side1"))
    first, last = losses[0][1], losses[-1][1]
    return _LOSSES.svg(f"training loss from {first:.3g} to {last:.3g} in {len(losses)} steps", parts)


def plot_series(curve: TrainingCurve, name: str) -> str:
    """Plot one metric over the steps, from 0 up, as SVG; empty without values."""
    values = curve.series(name)
    if not values:
        return ""
    x, y, ticks = _axes(_SERIES, values, from_zero=True)
    words = f"{name.replace('_', ' ')}, {format_tick(min(v for _, v in values))} to {max(v for _, v in values):.3g}"
    return _SERIES.svg(words, [*ticks, polyline([(x(k), y(v)) for k, v in _thin(values)], "curve side0")])


Position = Callable[[float], float]


def format_setting(value: Any) -> str:
    """Return the value of a setting in words."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {format_setting(each)}" for name, each in value.items())
    return str(value) if isinstance(value, str) else ", ".join(map(str, value)) or "none"


def _axes(
    plot: Plot, values: Sequence[tuple[int, float]], *, from_zero: bool = False
) -> tuple[Position, Position, list[str]]:
    """Return the positions of steps and values, and the axes; logarithmic for positive values over a wide range."""
    steps, levels = [k for k, _ in values], [v for _, v in values]
    low, high = min(levels), max(levels)
    log = not from_zero and low > 0 and high / low > 10
    low, high = (low / 1.1, high * 1.1) if log else (min(0.0, low), high * 1.05 if high > 0 else 1.0)
    x = plot.x_axis(min(steps), max(max(steps), min(steps) + 1))
    y = plot.y_axis(low, high, log=log)
    whole = [tick for tick in x.ticks(most=7) if tick == int(tick)]
    ticks = [
        *plot.y_ticks(y, [(tick, format_tick(tick)) for tick in y.ticks(most=6)], grid="axis"),
        *plot.x_ticks(x, [(tick, format_tick(tick)) for tick in whole]),
        *plot.axis_titles("step", ""),
    ]
    return x.position, y.position, ticks


def _smooth(values: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the mean over a stretch around each step."""
    half = len(values) // (2 * _SMOOTHED)
    return [(step, _mean_of(values[max(0, place - half) : place + half + 1])) for place, (step, _) in enumerate(values)]


def _thin(values: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Return at most `MAX_POINTS` points, each the mean of a stretch; fewer values as they are."""
    size = -(-len(values) // MAX_POINTS)
    parts = [values[start : start + size] for start in range(0, len(values), size)] if values else []
    return [(sum(k for k, _ in part) / len(part), _mean_of(part)) for part in parts]


def _mean_of(values: Sequence[tuple[int, float]]) -> float:
    return sum(value for _, value in values) / len(values)


def _finite(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of a step with null in place of values that JSON does not have."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in step.items()}


def _read_examples(path: Path) -> list[ExampleAnswer]:
    if not path.is_file():
        return []
    try:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        found = [ExampleAnswer(true=str(r["true"]), answered=str(r["answered"]), image=str(r["image"])) for r in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise ToileError(str(path), f"is damaged: {error}", "remove it; only the page of the run uses it") from error
    return [each for each in found if each.image.startswith(JPEG_URI)]
