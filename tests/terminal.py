"""Runs on a terminal, where their phases are to be seen and Ctrl-C can be pressed."""

from __future__ import annotations

import contextlib
import os
import pty
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from program import ENTRY

PATIENCE = 60  # seconds; only a run that hangs takes as long


def large(units=96):
    """A target whose obligations keep z3 busy for a while."""
    rng = random.Random(1)

    def layer(outputs, inputs, then):
        weights = [[rng.randint(-256, 256) for _ in range(inputs)] for _ in range(outputs)]
        return {"op": "dense", "precision_bits": 8, "weights": weights, "then": then}

    steps = [{"op": "relu"}, {"op": "requantize", "shift": 8, "rounding": "half_up"}]
    box = {"shape": [64], "low": 0, "high": 255, "precision_bits": 8}
    return {"format": "certify.network/1", "input": box, "layers": [layer(units, 64, steps), layer(units, units, [])]}


# The terminal is the program's own: /dev/tty is it, and Ctrl-C reaches it.
ON_ITS_TERMINAL = [sys.executable, "-c", f"import fcntl, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); {ENTRY}"]


class OnTerminal:
    """A run whose stderr is a terminal, where its phases are to be seen."""

    def __init__(self, program, *arguments, **options):
        self._master, slave = pty.openpty()
        terminal = {"stderr": slave, "start_new_session": True, "env": {"TERM": "xterm"}}
        self.process = program.start(*arguments, **terminal, **options)
        os.close(slave)
        self.seen = b""
        self.before = b""

    def wait_for(self, phase):
        """Read the terminal until a phase is shown."""
        while phase not in self.seen:
            chunk = self._read()
            assert chunk, f"it ended before {phase!r}: {self.seen!r}"
            self.seen += chunk

    def answer(self, prompt, text):
        """Type text where it is asked for."""
        self.wait_for(prompt)
        os.write(self._master, text)
        self.before += self.seen
        self.seen = b""

    def end(self):
        """Return exit code and stdout; everything on the terminal is in `seen`."""
        reader = threading.Thread(target=self._read_to_the_end, daemon=True)
        reader.start()
        try:
            out, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        reader.join()
        os.close(self._master)
        return self.process.returncode, out

    def _read_to_the_end(self):
        while chunk := self._read():
            self.seen += chunk

    def _read(self):
        try:
            return os.read(self._master, 4096)
        except OSError:  # Linux's end of file for a terminal without a program
            return b""


def assert_session_ends(leader):
    """No process of the session that `leader` began is left, soon."""
    for _ in range(PATIENCE * 10):
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(leader, signal.SIGKILL)
    raise AssertionError("a process is left")


def children(process):
    """The worker processes that a run has begun."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in listed if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def kill_children(process):
    """Kill every worker process of a run, as soon as it begins, until the run is over."""
    while process.returncode is None:
        with contextlib.suppress(OSError):
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
