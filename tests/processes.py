"""Work for worker processes, in a module that they can import."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path


def own_id(_):
    """The id of the process that does it."""
    return os.getpid()


def hold_a_folder(seconds):
    """Make a temporary folder and keep it."""
    tempfile.mkdtemp()
    time.sleep(seconds)


def die(code):
    """End the process that does it, at once."""
    os._exit(code)


def die_once(number, folder):
    """Twice the number; the first process that comes to number 3 is killed in the middle of it."""
    note(number, folder)
    if number == 3 and first_time(folder, "died"):
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def die_at(number, folder, bad):
    """Twice the number, unless it is `bad`, of which every process dies."""
    note(number, folder)
    if number == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def wait_at(number, folder, bad):
    """Twice the number, but never of `bad`; its process says who it is."""
    if number == bad:
        Path(folder, "waiting").write_text(str(os.getpid()))
        time.sleep(600)
    return 2 * number


def fail_at(number, bad):
    """Twice the number; `bad` is an error."""
    if number == bad:
        raise ValueError(f"expected another number than {bad}")
    return 2 * number


def total(array):
    """The sum, and whether the array lies in pages that were mapped."""
    return int(array.sum()), array.base is not None


def spoil(array):
    """The sum after the array was overwritten here."""
    array[:] = 0
    return int(array.sum())


def note(number, folder):
    """Note that somebody began this number."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(Path(folder, f"{number} by {os.getpid()}"), os.O_CREAT | os.O_EXCL))


def noted(folder):
    """How many processes began each number."""
    numbers = [int(path.name.split()[0]) for path in Path(folder).glob("* by *")]
    return {number: numbers.count(number) for number in sorted(numbers)}


def first_time(folder, what):
    """Whether nobody has asked this before, in any process."""
    try:
        os.close(os.open(Path(folder, what), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def moment(_):
    """When it is done."""
    return time.perf_counter_ns()


def span(seconds):
    """When it began and when it ended, after waiting in between."""
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def nothing(_):
    """No result at all."""


def raise_it(error):
    raise error
