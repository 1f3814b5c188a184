"""`certify experiment` in processes of its own: the same table whoever measures it, and Ctrl-C."""

from __future__ import annotations

import signal
import time

import pytest
from program import WITH_PROCESSES

pytestmark = [pytest.mark.long, pytest.mark.compiled]
PATIENCE = 120  # seconds; only a run that hangs takes as long


def test_two_processes_make_the_table_that_one_makes(certify):
    ran = certify.run("experiment", "width", "--size", "small", "--workers", "2", "-o", "two", command=WITH_PROCESSES)
    assert (ran.code, ran.err) == (0, "")
    assert certify("experiment", "width", "--size", "small", "--workers", "1", "-o", "one").code == 0
    for kind in ("csv", "png", "svg"):
        assert (certify.folder / f"one/width.{kind}").read_bytes() == (
            certify.folder / f"two/width.{kind}"
        ).read_bytes()


def test_an_interrupt(certify):
    """Of the published size: it says what is there, and nothing of that is lost."""
    part = certify.folder / "experiments/failure.csv.part"
    process = certify.start("experiment", "failure", "--workers", "2", command=WITH_PROCESSES)
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE and not (part.exists() and "\n\n" in part.read_text()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    said = err.decode()
    assert "points are in experiments/failure.csv.part; the same command goes on from there\n" in said
    there = part.read_text().count("\n\n")
    assert said.startswith(f"failure: {there} of ")
