"""Worker processes."""

from __future__ import annotations

import multiprocessing
import operator
import os
import signal
import time
from functools import partial

import processes
import pytest

from certify.errors import DisagreementError, InputError
from certify.work import ALONE, Task, do
from certify.work.processes import WORTH, cores, local_crew, other_processes


def test_none_for_one():
    with local_crew(1) as crew:
        assert crew is ALONE


@pytest.mark.parametrize(("seconds", "elsewhere"), [(WORTH / 20, False), (WORTH / 4, True), (WORTH, True)])
def test_processes_begin_only_for_work_that_is_worth_it(seconds, elsewhere):
    """Ten items in all; where they are done changes nothing in what comes back."""
    tasks = [Task(f"item {number}", partial(processes.own_id, number), seconds) for number in range(10)]
    with local_crew(2) as crew:
        assert multiprocessing.active_children() == []
        done = list(crew.run(do, iter(tasks)))
        assert len(done) == len(tasks)
        assert (os.getpid() not in done) is elsewhere
        assert bool(multiprocessing.active_children()) is elsewhere


def test_one_item_is_done_here():
    with local_crew(2) as crew:
        assert list(crew.run(processes.own_id, [0])) == [os.getpid()]


def test_once_there_they_do_everything():
    with local_crew(2) as crew:
        list(crew.run(abs, range(2)))
        assert os.getpid() not in list(crew.run(do, [Task("small", partial(processes.own_id, 0), 0.0)]))


@pytest.mark.parametrize("usable", [1, 2, 3])
def test_cores_are_those_that_may_be_used(monkeypatch, usable):
    monkeypatch.setattr(os, "process_cpu_count", lambda: usable, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(usable)), raising=False)
    assert cores() == usable


def test_two():
    """In the order of the work; workers leave Ctrl-C to this process, which hears of it as before; nobody is left."""
    with local_crew(2) as crew:
        assert list(crew.run(operator.neg, range(20))) == [-number for number in range(20)]
        assert list(crew.run(abs, range(3))) == [0, 1, 2]
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert multiprocessing.active_children() == []


def test_worker_that_dies():
    with pytest.raises(DisagreementError, match="a worker process died"), local_crew(2) as crew:
        list(crew.run(processes.die, [3, 3]))


def test_error_ends_them():
    def work():
        with local_crew(2) as crew:
            crew.run(operator.neg, range(4))
            raise InputError("enough")

    with pytest.raises(InputError, match="enough"):
        work()
    while multiprocessing.active_children():  # they take a moment to end
        time.sleep(0.01)


@pytest.mark.parametrize("count", [1, 2])
def test_never_in_this_process(count):
    with other_processes(count) as crew:
        assert os.getpid() not in set(crew.run(processes.own_id, range(4)))
    assert multiprocessing.active_children() == []


def test_only_other_process_that_dies():
    with pytest.raises(DisagreementError, match="a worker process died"), other_processes(1) as crew:
        list(crew.run(processes.die, [3, 3]))
