"""`--time-limit`: an end by the clock, whatever the run is at.

What may influence a certificate is budgeted in steps and points, never in seconds; so a limit by the clock decides
nothing, and nothing is signed under it. It is for whoever audits what strangers made, and for jobs that have to end.

Neither z3 nor compiled code can be asked to stop in good time. So what computes does it in a process of its own, and
that one is killed when the time is over; the workers that it began end with it, as they do whenever their parent is
gone (`certify.work.processes`). This process goes on, with the next certificate and with the result, and hears Ctrl-C
(`interrupt`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from certify.cli.interrupt import SHOW_CURSOR
from certify.errors import TimeLimitError

_Result = TypeVar("_Result")
LONGEST = 10**8
"""Seconds: three years."""


def limited(seconds: float | None, function: Callable[[Any], _Result], argument: Any) -> _Result:
    """Return function(argument); both can be pickled where there is a limit.

    Raises:
        TimeLimitError: the time is over, and the result is not there.
        WorkLostError: the process that was at it died.
    """
    if seconds is None:
        return function(argument)
    from certify.work.processes import call_within  # noqa: PLC0415 - slow to load for a wrong call

    try:
        found: _Result = call_within(seconds, function, argument)
    except TimeLimitError:
        if sys.stderr.isatty():
            # A progress bar had hidden it.
            sys.stderr.write(SHOW_CURSOR)
        raise
    return found


def _seconds(_: click.Context, option: click.Parameter, seconds: float | None) -> float | None:
    if seconds is not None and (math.isnan(seconds) or not 0 < seconds <= LONGEST):
        raise click.BadParameter(f"expected seconds above 0 and up to {LONGEST}, found {seconds}", param=option)
    return seconds


time_limit_option = click.option(
    "--time-limit",
    type=float,
    callback=_seconds,
    metavar="SECONDS",
    help="Undecided when the time is over; of several certificates for each (docs/reading.md).",
)
