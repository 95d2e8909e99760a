"""The output of a training: a progress bar or, in a file, a line now and then; a line an epoch; a TensorBoard log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from cmcc_bench.training.run_folder import TrainingProgress

_EVERY = 20.0  # seconds between two lines about the step where no progress bar can be drawn


class Display:
    """Shows the progress of a run. In all processes but the first it shows nothing."""

    def __init__(self, bar: Progress | None, log: SummaryWriter | None, steps: int, done: int) -> None:
        self._bar, self._log, self._steps, self._last_line_at = bar, log, steps, time.monotonic()
        self._task = bar.add_task("training", total=steps, completed=done, speed="") if bar else None

    def resumed(self, step: int, steps: int) -> None:
        """Prints the step from which a resumed run continues."""
        if self._bar:
            self._say(f"resumed from step {step} of {steps}")

    def steps(self, done: TrainingProgress, losses: list[tuple[int, float, float]]) -> None:
        """Shows steps. losses: step, mean loss over the step's units (tokens or labels), learning rate."""
        for step, loss, learning_rate in losses:
            if self._bar and self._task is not None:
                self._bar.update(self._task, completed=step, speed=f"{done.speed:,.0f} tokens/s")
                if not self._bar.console.is_terminal and time.monotonic() - self._last_line_at >= _EVERY:
                    self._say(f"step {step}/{self._steps}: loss {loss:.4f}, {done.speed:,.0f} tokens/s")
            if self._log:
                self._log.add_scalar("loss", loss, step)
                self._log.add_scalar("learning_rate", learning_rate, step)

    def epoch(self, done: TrainingProgress, epochs: int, steps: int) -> None:
        """Prints an epoch's dev loss, also where no progress bar can be drawn."""
        dev_loss = done.dev_losses[-1]
        left = done.seconds / done.step * (steps - done.step)
        if self._bar:
            score = f", score {done.scores[-1]:.4f}" if done.scores else ""
            self._say(
                f"epoch {done.epoch}/{epochs}: dev loss {dev_loss:.4f}{score}, {done.speed:,.0f} tokens/s, "
                f"{done.seconds:.0f} s, about {left:.0f} s left"
            )
        if self._log:
            self._log.add_scalar("dev_loss", dev_loss, done.step)

    def _say(self, line: str) -> None:
        """Prints a line above the bar."""
        if self._bar:
            self._bar.console.print(line, highlight=False)
        self._last_line_at = time.monotonic()


@contextmanager
def display(folder: Path, steps: int, done: int, shown: bool) -> Iterator[Display]:
    """Opens a Display. steps: total steps. done: finished steps. shown: False in all processes but the first."""
    if not shown:
        yield Display(None, None, steps, done)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    left = (TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[speed]}"))
    # purge_step: removes what an interrupted run logged after the state from which it resumes.
    log = SummaryWriter(str(folder / "tensorboard"), purge_step=done)
    with log, Progress(*columns, *left, console=Console(stderr=True), transient=True) as bar:
        yield Display(bar, log, steps, done)
