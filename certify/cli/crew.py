"""`--workers` and `--scheduler`: who does the work, as users say it."""

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
        scheduler: of a Dask cluster that is to prove; None where processes of this machine are.
    """

    count: int | None
    scheduler: str | None = None

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """Give a crew; its processes begin with the first work that is worth it.

        Raises:
            InputError: there is no such cluster, or it is not of this program.
            WorkLostError: an item is not decided, as whoever was given it is gone.
        """
        if self.scheduler is not None:
            from certify.work.cluster import cluster_crew  # noqa: PLC0415 - slow to load for a wrong call

            with cluster_crew(self.scheduler, self._count()) as crew:
                yield crew
            return
        from certify.work.processes import local_crew  # noqa: PLC0415 - slow to load for a wrong call

        with local_crew(self._count()) as crew:
            yield crew

    @contextmanager
    def others(self) -> Iterator[Crew]:
        """Give a crew of processes of which this is none.

        Raises:
            WorkLostError: two of them died at one item, which is not decided.
        """
        from certify.work.processes import other_processes  # noqa: PLC0415 - slow to load for a wrong call

        with other_processes(self._count()) as crew:
            yield crew

    def _count(self) -> int:
        from certify.work.processes import cores  # noqa: PLC0415 - slow to load for a wrong call

        return min(cores(), _MOST) if self.count is None else self.count


def workers_options(function: _Function) -> _Function:
    """Add --workers and --scheduler; the command gets them as one `workers`."""

    def command(workers: int | None, scheduler: str | None, **arguments: Any) -> Any:
        return function(workers=Workers(workers, scheduler), **arguments)

    command.__doc__ = function.__doc__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    workers = click.option(
        "--workers", type=click.IntRange(1, _MOST), help="Processes and threads; else as many as there are cores."
    )
    scheduler = click.option(
        "--scheduler", metavar="tcp://HOST:PORT", help="Have the workers of a Dask cluster prove (docs/cluster.md)."
    )
    return cast("_Function", workers(scheduler(cast("Any", command))))
