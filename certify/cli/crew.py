"""`--workers`: who does the work, as users say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from certify.work import Crew

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MOST = 256


@dataclass(frozen=True)
class Workers:
    """Who is to work.

    Attributes:
        count: how many processes; None for as many as this one may use cores.
    """

    count: int | None

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """Give a crew; its processes begin with the first work that is worth it.

        Raises:
            DisagreementError: one of them died; what it was to decide is not decided.
        """
        from certify.work.processes import local_crew  # noqa: PLC0415 - slow to load for a wrong call

        with local_crew(self._count()) as crew:
            yield crew

    @contextmanager
    def others(self) -> Iterator[Crew]:
        """Give a crew of processes of which this is none.

        Raises:
            DisagreementError: one of them died; what it was to decide is not decided.
        """
        from certify.work.processes import other_processes  # noqa: PLC0415 - slow to load for a wrong call

        with other_processes(self._count()) as crew:
            yield crew

    def _count(self) -> int:
        from certify.work.processes import cores  # noqa: PLC0415 - slow to load for a wrong call

        return min(cores(), _MOST) if self.count is None else self.count


def workers_options(function: _Function) -> _Function:
    """Add --workers; the command gets it as one `workers`."""

    def command(workers: int | None, **arguments: Any) -> Any:
        return function(workers=Workers(workers), **arguments)

    command.__doc__ = function.__doc__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    option = click.option(
        "--workers", type=click.IntRange(1, _MOST), help="Processes and threads; else as many as there are cores."
    )
    return cast("_Function", option(cast("Any", command)))
