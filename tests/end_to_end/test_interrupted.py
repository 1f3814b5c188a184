"""Runs that are cut short: Ctrl-C, a killed parent, a full disk, a reader that is gone.

Whatever happens, there is an exit code that says nothing about the networks (2, or 130 for Ctrl-C), no half-written
file, and no traceback.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import stat
import sys
import threading
from pathlib import Path

import pytest
from program import ENTRY, WITH_PROCESSES, certificate, issued, signing_key, target_bytes, trust_line
from terminal import OnTerminal, assert_session_ends, children, kill_children, large

ALICE = signing_key(1)


@pytest.fixture
def prepared(certify, monkeypatch):
    """A folder in which temporary files go too."""
    (certify.folder / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(certify.folder / "temporary"))
    certify.write("key.pem", ALICE.to_pem())
    certify.write("out.json", b"what was here before\n")
    certify.write("tiny.json")
    certify.write("large.json", large())
    return certify


# Ctrl-C.


@pytest.mark.parametrize(
    ("phase", "workers"),
    [
        pytest.param(b"subset sums", 1, id="finding"),
        pytest.param(b"refutation", 1, id="proving", marks=pytest.mark.compiled),
        pytest.param(b"subset sums", 3, id="finding-with-workers", marks=pytest.mark.long),
        pytest.param(b"refutation", 3, id="proving-with-workers", marks=pytest.mark.compiled),
        pytest.param(b"composition", 3, id="workers-at-rest", marks=[pytest.mark.long, pytest.mark.compiled]),
    ],
)
def test_interrupt(prepared, phase, workers):
    before = prepared.files()
    arguments = ("large.json", "--key", "key.pem", "-o", "out.json", "--workers", str(workers))
    run = OnTerminal(prepared, *arguments, command=WITH_PROCESSES)
    run.wait_for(phase)
    # As a terminal does it: every process of the group gets the signal.
    os.killpg(run.process.pid, signal.SIGINT)
    code, out = run.end()
    assert (code, out) == (130, b"")
    assert b"certify: interrupted\r\n" in run.seen
    assert b"Traceback" not in run.seen
    assert b"Exception ignored" not in run.seen
    assert b"leaked" not in run.seen
    assert_session_ends(run.process.pid)
    assert contents(prepared.files()) == contents(before)


def contents(files):
    """All but when a folder was changed last: a temporary folder comes and goes."""
    return {path: (what[0], what[-1]) for path, what in files.items()}


@pytest.mark.compiled
def test_workers_end_with_a_killed_parent(prepared):
    run = OnTerminal(
        prepared, "large.json", "--key", "key.pem", "-o", "out.json", "--workers", "2", command=WITH_PROCESSES
    )
    run.wait_for(b"refutation")
    run.process.kill()
    assert run.end() == (-signal.SIGKILL, b"")
    assert_session_ends(run.process.pid)
    assert (prepared.folder / "out.json").read_bytes() == b"what was here before\n"
    assert list((prepared.folder / "temporary").iterdir()) == []


@pytest.mark.compiled
def test_a_worker_that_is_killed(prepared):
    """Another one takes its place, and the certificate is the same."""
    prepared.write("large.json", large(units=32))
    arguments = ("large.json", "--key", "key.pem", "-o", "out.json", "--workers", "3")
    run = OnTerminal(prepared, *arguments, command=WITH_PROCESSES)
    run.wait_for(b"refutation")
    while not (begun := children(run.process.pid)):
        pass
    os.kill(begun[0], signal.SIGKILL)
    assert run.end()[0] == 0, run.seen
    assert_session_ends(run.process.pid)
    assert list((prepared.folder / "temporary").iterdir()) == []
    assert prepared("large.json", "--key", "key.pem", "-o", "alone.json", "--workers", "1").code == 0
    assert (prepared.folder / "out.json").read_bytes() == (prepared.folder / "alone.json").read_bytes()


@pytest.mark.compiled
def test_workers_that_are_all_killed(prepared):
    """The run fails, says at what, and leaves nothing."""
    run = OnTerminal(
        prepared, "large.json", "--key", "key.pem", "-o", "out.json", "--workers", "3", command=WITH_PROCESSES
    )
    killing = threading.Thread(target=kill_children, args=[run.process])
    killing.start()
    code, out = run.end()
    killing.join()
    assert (code, out) == (2, b""), run.seen
    assert re.search(rb"pair \d: .*: not decided, as two worker processes died at it", run.seen)
    assert b"Traceback" not in run.seen
    assert (prepared.folder / "out.json").read_bytes() == b"what was here before\n"
    assert list((prepared.folder / "temporary").iterdir()) == []


def test_terminal(prepared):
    """Progress on a terminal, gone afterwards; none on stdout; none at all when quiet."""
    run = OnTerminal(prepared, "tiny.json", "--key", "key.pem", "-o", "out.json")
    code, out = run.end()
    assert code == 0
    assert b"\x1b" in run.seen
    assert b"refutation" in run.seen
    assert b"\x1b" not in out
    quiet = OnTerminal(prepared, "tiny.json", "--key", "key.pem", "-o", "out.json", "-q")
    assert quiet.end()[0] == 0
    assert quiet.seen == b""


# Disks that are full.


@contextlib.contextmanager
def file_size_limit(size):
    """Every write beyond it fails with EFBIG, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1, 2000])
def test_no_room_for_the_certificate(prepared, size):
    assert len(certificate(ALICE)) > 2000  # and what is compiled is in its cache
    before = prepared.files()
    with file_size_limit(size):
        ran = prepared("tiny.json", "--key", "key.pem", "-o", "out.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == "certify: out.json: expected a place to write to, found one that fails: File too large"
    assert prepared.files() == before


def test_no_room_for_the_key(prepared):
    issued()
    before = prepared.files()
    with file_size_limit(0):
        ran = prepared("tiny.json", "-o", "out.json")
    private = prepared.folder / "home" / "settings" / "certify" / "key.pem"
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == f"certify: {private}: expected a place to write to, found one that fails: File too large"
    after = {path: what for path, what in prepared.files().items() if stat.S_ISREG(what[0])}
    assert after == {path: what for path, what in before.items() if stat.S_ISREG(what[0])}


CALLS = {
    "help": ["--help"],
    "help-of-prove": ["prove", "--help"],
    "version": ["--version"],
    "show": ["show", "c.json"],
    "supports": ["supports", "--format", "json"],
    "keygen": ["keygen"],
    "failure": ["missing.json", "--format", "json"],
    "wrong-call": ["--bogus", "--format", "json"],
}


@pytest.mark.parametrize("name", CALLS)
def test_stdout_on_a_full_disk(certify, name):
    certify.write("c.json", certificate(ALICE))
    with Path("/dev/full").open("wb") as full:
        ran = certify.run(*CALLS[name], stdout=full)
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == "certify: the result cannot be written: No space left on device"
    assert "Traceback" not in ran.err


def test_result_on_a_full_disk(certify):
    """An audit that nobody hears of is no success."""
    certify.write("c.json", certificate(ALICE))
    certify.write("trust", trust_line(ALICE))
    with Path("/dev/full").open("wb") as full:
        ran = certify.run("audit", "c.json", "--trust", "trust", stdout=full)
    assert (ran.code, ran.error) == (2, "certify: the result cannot be written: No space left on device")


@pytest.mark.parametrize("name", CALLS)
def test_nobody_reads(certify, name):
    certify.write("c.json", certificate(ALICE))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = certify.run(*CALLS[name], stdout=writing)
    finally:
        os.close(writing)
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_closed_stdout(certify):
    certify.write("c.json", certificate(ALICE))
    closing = ["sh", "-c", 'exec "$0" "$@" >&-', sys.executable, "-c", ENTRY]
    ran = certify.run("show", "c.json", command=closing)
    assert (ran.code, ran.error) == (2, "certify: the result cannot be written: stdout is closed")


def test_terminal_that_lacks_a_character(certify):
    certify.write("tiny.json")
    arguments = ("tiny.json", "--seed", "⊙", "--key", "key.pem")
    certify.write("key.pem", ALICE.to_pem())
    ran = certify.run(*arguments, env={"PYTHONIOENCODING": "latin-1"})
    assert ran.code == 0
    assert r"seed '\u2299'" in ran.out


def test_pipe_as_output(certify):
    """What is no ordinary file is written to, and stays what it is."""
    certify.write("tiny.json", target_bytes())
    certify.write("key.pem", ALICE.to_pem())
    pipe = certify.folder / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(daemon=True, target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    assert certify("tiny.json", "--key", "key.pem", "-o", "pipe").code == 0
    reader.join()
    assert received == [certificate(ALICE)]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
