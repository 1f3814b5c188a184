"""Worker processes."""

from __future__ import annotations

import multiprocessing
import operator
import os
import signal
import time

import processes
import pytest

from certify.cli.workers import other_processes, worker_processes
from certify.errors import DisagreementError, InputError


def test_none_for_one():
    with worker_processes(1) as run:
        assert run is map


def test_two():
    """In the order of the work; workers leave Ctrl-C to this process, which hears of it as before; nobody is left."""
    with worker_processes(2) as run:
        assert list(run(operator.neg, range(20))) == [-number for number in range(20)]
        assert list(run(abs, range(3))) == [0, 1, 2]
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert multiprocessing.active_children() == []


def test_worker_that_dies():
    with pytest.raises(DisagreementError, match="a worker process died"), worker_processes(2) as run:
        list(run(processes.die, [3]))


def test_error_ends_them():
    def work():
        with worker_processes(2) as run:
            run(operator.neg, range(4))
            raise InputError("enough")

    with pytest.raises(InputError, match="enough"):
        work()
    while multiprocessing.active_children():  # they take a moment to end
        time.sleep(0.01)


@pytest.mark.parametrize("count", [1, 2])
def test_never_in_this_process(count):
    with other_processes(count) as run:
        assert os.getpid() not in set(run(processes.own_id, range(4)))
    assert multiprocessing.active_children() == []


def test_only_other_process_that_dies():
    with pytest.raises(DisagreementError, match="a worker process died"), other_processes(1) as run:
        list(run(processes.die, [3]))
