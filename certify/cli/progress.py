"""Progress on a terminal: how far, how fast, and how long it will take."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from certify.monitor import Monitor


class Rate(ProgressColumn):
    """How many steps of how many, and how many of them in a second, or in a minute where they take long."""

    def render(self, task: Task) -> Text:
        """Return it in words; nothing where the number of steps is not known."""
        if task.total is None:
            return Text("")
        speed = task.speed or 0.0
        each = f", {speed:,.0f}/s" if speed >= 1 else f", {60 * speed:,.1f}/min" if speed > 0 else ""
        return Text(f"{task.completed:,.0f} of {task.total:,.0f}{each}")


class ProgressMonitor(Monitor):
    """A bar for the phase at work, gone when the phase is."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progress | None = None

    def begin(self, name: str, total: int) -> None:
        """Show a bar, or a spinner where the number of steps is not known."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar.add_task(name, total=total or None)
        self._bar.start()

    def reach(self, done: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
