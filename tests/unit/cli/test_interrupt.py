"""An interrupt ends the program, whether or not the code at work hears of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from certify.cli.interrupt import INTERRUPTED, watched_interrupts

PATIENCE = 60  # seconds; only a run that hangs takes as long


def run(work):
    """Interrupt a process that does some work inside; return its exit code and what it says on stderr."""
    code = f"""
import time
from certify.cli.interrupt import watched_interrupts
def wait():
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
def main():
{work}
try:
    with watched_interrupts():
        main()
except KeyboardInterrupt:
    print("heard", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def test_heard():
    assert run("    wait()") == (0, "heard\n", "")


def test_swallowed():
    work = """
    while True:
        try:
            wait()
        except KeyboardInterrupt:
            pass
"""
    code, out, err = run(work)
    assert (code, err) == (INTERRUPTED, "certify: interrupted\n")
    assert "heard" not in out


def test_in_a_call_that_does_not_return():
    """As z3 or a compiled kernel: for minutes no Python instruction runs in which an exception could be raised."""
    work = """
    import hashlib, threading
    threading.Timer(0.5, print, ["ready"], {"flush": True}).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""
    assert run(work) == (INTERRUPTED, "", "certify: interrupted\n")


def test_nothing_happens():
    with watched_interrupts() as interrupts:
        pass
    assert not interrupts.received


def test_in_this_process():
    def interrupted():
        with watched_interrupts() as interrupts:
            seen.append(interrupts)
            signal.raise_signal(signal.SIGINT)
            while True:
                time.sleep(0.01)

    seen = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ignored_on_purpose():
    """As for a job that a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watched_interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        assert not interrupts.received
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread():
    """Only a main thread can be interrupted; elsewhere nothing is watched."""
    left = []

    def run():
        with watched_interrupts() as interrupts:
            left.append(interrupts.received)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert left == [False]


def test_no_thread_and_no_file_is_left():
    before = threading.active_count()
    for _ in range(3):
        with watched_interrupts():
            assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert signal.set_wakeup_fd(-1) == -1
