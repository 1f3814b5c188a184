"""Worker processes."""

from __future__ import annotations

import multiprocessing
import operator
import os
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import processes
import pytest

from certify.errors import InputError, WorkLostError
from certify.work import ALONE, Task, do
from certify.work.processes import WORTH, _interrupts_held, call_within, cores, local_crew, other_processes


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


@pytest.mark.parametrize("safe", [None, "", "1"])
def test_nothing_is_imported_from_the_current_folder(tmp_path, monkeypatch, safe):
    """It may be a stranger's. What this process's own environment says of that stays as it was."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    if safe is not None:
        monkeypatch.setenv("PYTHONSAFEPATH", safe)
    (tmp_path / "multiprocessing.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert call_within(3600.0, abs, -3) == 3
    with other_processes(2) as crew:
        assert list(crew.run(abs, range(-2, 0))) == [2, 1]
    assert os.environ.get("PYTHONSAFEPATH") == safe


# Workers that die.


def test_a_worker_that_is_killed_is_replaced(tmp_path):
    """Every result comes once, in order; only the item that it was at is begun again."""
    with local_crew(2) as crew:
        assert list(crew.run(partial(processes.die_once, folder=tmp_path), range(12))) == list(range(0, 24, 2))
    assert processes.noted(tmp_path) == {number: 1 + (number == 3) for number in range(12)}
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_item_at_which_two_workers_die_ends_the_run(tmp_path, count):
    """It is named, and no other one is blamed."""
    work = [Task(f"item {number}", partial(processes.die_at, number, tmp_path, 5), 1.0) for number in range(12)]

    def run():
        with other_processes(count) as crew:
            results.extend(crew.run(do, work))

    results = []
    with pytest.raises(WorkLostError, match=r"^item 5: not decided, as two worker processes died at it$"):
        run()
    assert results == [2 * number for number in range(len(results))]
    assert len(results) <= 5
    noted = processes.noted(tmp_path)
    assert noted.pop(5) == 2
    assert set(noted.values()) == {1}


def test_a_worker_that_is_killed_at_rest_is_replaced():
    with local_crew(2) as crew:
        list(crew.run(processes.own_id, range(4)))
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        assert list(crew.run(abs, range(10))) == list(range(10))


def test_workers_that_cannot_begin():
    """As where the main module of a program cannot be imported again."""
    with pytest.raises(WorkLostError, match=r"^(first|second): not decided"), local_crew(2) as crew:
        list(crew.run(Unreadable("first"), ["first", "second"]))


class Unreadable:
    """What no other process can make of its pickle."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return processes.die, (3,)


# Items are streamed.


def test_only_some_items_ahead_are_given_out():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    with local_crew(2) as crew:
        results = crew.run(abs, items())
        for number, result in enumerate(results):
            assert result == number
            assert len(taken) <= number + 1 + 8
    assert len(taken) == 100


def test_arrays_are_mapped(tmp_path, monkeypatch):
    """Each is gone as soon as its result is here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arrays = [np.full(100_000, number) for number in range(20)]
    with local_crew(2) as crew:
        for number, (total, mapped) in enumerate(crew.run(processes.total, arrays)):
            assert (total, mapped) == (100_000 * number, True)
            assert len([path for path in tmp_path.rglob("*") if path.is_file()]) <= 8
        assert list(crew.run(processes.spoil, arrays)) == [0] * 20
    assert [int(array[0]) for array in arrays] == list(range(20))
    assert list(tmp_path.iterdir()) == []


def test_an_error_comes_in_its_place():
    def run():
        with local_crew(2) as crew:
            results.extend(crew.run(partial(processes.fail_at, bad=4), range(10)))

    results = []
    with pytest.raises(ValueError, match="expected another number than 4"):
        run()
    assert results == [0, 2, 4, 6]


def test_what_was_left_of_one_list_is_not_taken_for_the_next(tmp_path):
    with local_crew(2) as crew:
        for result in crew.run(partial(processes.die_once, folder=tmp_path), range(2, 50)):
            assert result == 4
            break
        assert list(crew.run(abs, range(30))) == list(range(30))


# Getting ready.


@pytest.mark.parametrize(("seconds", "begin"), [(WORTH / 2, 0), (WORTH, 2), (100.0, 3)])
def test_workers_get_ready(seconds, begin):
    with local_crew(3) as crew:
        crew.expect(seconds, "fractions")
        assert len(multiprocessing.active_children()) == begin
        assert list(crew.run(abs, [-1, -2])) == [1, 2]


def test_a_module_that_is_not_there():
    with local_crew(2) as crew:
        crew.expect(WORTH, "certify.nothing")
        assert list(crew.run(abs, [-1, -2])) == [1, 2]


# Leaving.


def test_an_interrupt_waits_until_a_process_has_begun():
    """Also where it comes in another thread than the one that holds it back."""
    reached = []

    def begin():
        with _interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            reached.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        reached.append("later")

    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
    finally:
        over.set()
        other.join()
    assert reached == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupts_in_another_thread_are_nobodys_business():
    with ThreadPoolExecutor(1) as threads:
        assert list(threads.submit(in_a_thread).result()) == [0, 1]


def in_a_thread():
    with local_crew(2) as crew:
        return list(crew.run(abs, [0, -1]))


@pytest.mark.parametrize("ending", [KeyboardInterrupt, GeneratorExit, InputError])
def test_whatever_ends_it_ends_them(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work():
        with local_crew(2) as crew:
            results = iter(crew.run(processes.total, [np.zeros(100_000)] * 20))
            next(results)
            raise ending("enough")

    with pytest.raises(ending):
        work()
    assert list(tmp_path.iterdir()) == []
    while multiprocessing.active_children():  # they take a moment to end
        time.sleep(0.01)


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
