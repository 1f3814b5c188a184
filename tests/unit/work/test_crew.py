"""Who does the work, and what an item of it is."""

from __future__ import annotations

import math
import pickle
from functools import partial

import pytest

from certify.work import ALONE, Crew, Task, do
from certify.work.task import seconds_of


def test_alone():
    assert Crew() == ALONE
    assert list(ALONE.run(abs, [-1, 2])) == [1, 2]
    assert (ALONE.threads, ALONE.remote) == (1, False)


def test_a_crew_without_a_thread():
    with pytest.raises(AssertionError):
        Crew(threads=0)


def test_a_task():
    task = Task("pair 0: bias [3]", partial(divmod, 7, 2), 0.5)
    assert (str(task), do(task), seconds_of(task)) == ("pair 0: bias [3]", (3, 1), 0.5)
    again = pickle.loads(pickle.dumps(task))
    assert (str(again), do(again), seconds_of(again)) == ("pair 0: bias [3]", (3, 1), 0.5)


def test_an_item_that_does_not_say_how_long_it_takes():
    assert seconds_of("text") == math.inf
