"""An item of work: something to be called, once, by anybody."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class Task(Generic[_Result]):
    """A call without arguments, under a name.

    Attributes:
        name: what is decided by it, in words.
        call: can be pickled.
        seconds: about how long it takes on one core; whether other processes are worth beginning depends on it.
    """

    name: str
    call: Callable[[], _Result]
    seconds: float

    def __call__(self) -> _Result:
        return self.call()

    def __str__(self) -> str:
        return self.name


def do(task: Task[_Result]) -> _Result:
    """Do it: the function to map over tasks."""
    return task()


def seconds_of(item: Any) -> float:
    """Return about how long an item takes on one core; without end where it does not say."""
    return float(getattr(item, "seconds", math.inf))
