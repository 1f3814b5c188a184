"""Who does the work.

What there is to do is a list of independent items, and a function to be called with each. Whoever calls it, here, in
other processes or on other machines, the results come back in the order of the items, each once; so what they say
together is the same whoever did it. The parts that make lists of items are given a `Crew` and ask nothing else of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

Run: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""run(function, items): the results in the order of the items, as `map` gives them.

Function, items and results cross to other processes, so they can be pickled. `str(item)` says what is lost with it.
"""


def _wait_and_see(seconds: float, module: str) -> None:
    """Get nothing ready."""


@dataclass(frozen=True)
class Crew:
    """Who does the work; no result depends on it.

    Attributes:
        run: maps a function over items; `map` does everything in this process.
        threads: how many threads compiled code in this process may use, 1 or more.
        remote: the items go to other machines.
        expect: expect(seconds, module) says that items of about so many seconds on one core will come, whose
            functions are in a module; whoever is to do them can get ready.
    """

    run: Run = map
    threads: int = 1
    remote: bool = False
    expect: Callable[[float, str], None] = _wait_and_see

    def __post_init__(self) -> None:
        assert self.threads >= 1


ALONE = Crew()
