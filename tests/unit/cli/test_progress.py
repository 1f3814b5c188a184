"""Progress in words."""

from __future__ import annotations

import pytest
from rich.progress import Progress

from certify.cli.progress import ProgressMonitor, Rate

RATES = {
    "not begun": ([], 1000, "0 of 1,000"),
    "fast": ([(1, 2000)], 5000, "2,000 of 5,000, 2,000/s"),
    "slow": ([(20, 1)], 7, "1 of 7, 3.0/min"),
    "unknown": ([], None, ""),
}


@pytest.mark.parametrize("name", RATES)
def test_rate(name):
    reached, total, said = RATES[name]
    now = [0.0]
    progress = Progress(get_time=lambda: now[0])
    task = progress.add_task("refutation", total=total)
    progress.update(task, completed=0)
    for seconds, done in reached:
        # A speed is one between two moments.
        progress.advance(task, 0)
        now[0] = seconds
        progress.update(task, completed=done)
    assert Rate().render(progress.tasks[0]).plain == said


def test_a_phase(capsys):
    monitor = ProgressMonitor()
    with monitor.phase("refutation", 4):
        monitor.reach(3)
    monitor.reach(4)
    assert list(monitor.timings) == ["refutation"]
    assert capsys.readouterr().out == ""
