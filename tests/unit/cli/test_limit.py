"""`--time-limit`: what is at work is ended, nothing is signed, and the result says why it is undecided."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import signal
import sys
import tempfile
import time

import processes
import pytest
from equivalences import certificate as certificate_of_pair
from program import ENTRY, certificate, changed, signing_key, trust_line

from certify.cli import limit
from certify.cli.limit import limited
from certify.errors import InputError, TimeLimitError, WorkLostError
from certify.proof.second_opinion import SolversDisagreeError
from certify.ticket.block import TooLargeError
from certify.work.processes import call_within

ALICE = signing_key(1)
REASON = "time limit: 0.05 s are over"
LONG = 3600.0


@pytest.fixture
def prepared(certify):
    certify.write("c.json", certificate(ALICE))
    certify.write("pair.json", certificate_of_pair("within", ALICE))
    certify.write("trusted", trust_line(ALICE))
    certify.write("key.pem", ALICE.to_pem())
    certify.write("tiny.json")
    certify.write("other.json", changed("layers", 1, "weights", 0, 0, to=2))
    return certify


def test_the_current_folder_may_be_a_strangers(prepared):
    """The installed program imports nothing from it, and no process that it begins does either."""
    prepared.write("multiprocessing.py", "open('ran', 'w'); raise SystemExit(7)")
    (prepared.folder / "home" / "certify").write_text(ENTRY.replace("main()", "__name__ == '__main__' and main()"))
    program = [sys.executable, str(prepared.folder / "home" / "certify")]
    ran = prepared.run("audit", "c.json", "--trust", "trusted", "--time-limit", f"{LONG}", command=program)
    assert (ran.code, ran.err) == (0, "")
    assert not (prepared.folder / "ran").exists()


# The process that is ended.


def test_without_a_limit_it_is_called_here():
    assert limited(None, lambda _: os.getpid(), 0) == os.getpid()


def test_within_the_limit_it_is_called_elsewhere():
    assert call_within(LONG, abs, -3) == 3
    assert multiprocessing.active_children() == []


def test_what_it_raises_comes_back():
    with pytest.raises(ValueError, match="invalid literal"):
        call_within(LONG, int, "x")


def test_a_timeout_of_its_own_is_not_the_limit():
    with pytest.raises(TimeoutError):
        call_within(LONG, processes.raise_it, TimeoutError("of its own"))


def test_what_takes_longer_is_ended():
    with pytest.raises(TimeLimitError, match=r"time limit: 0\.5 s are over"):
        call_within(0.5, time.sleep, LONG)
    assert multiprocessing.active_children() == []


def test_what_is_ended_leaves_no_temporary_files(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TimeLimitError):
        call_within(2.0, processes.hold_a_folder, LONG)
    assert list(tmp_path.iterdir()) == []


def test_what_dies_is_not_decided():
    with pytest.raises(WorkLostError, match="the process that was at it died"):
        call_within(LONG, signal.raise_signal, signal.SIGKILL)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TooLargeError("layers[0]", "2^40 sums"), id="sums"),
        pytest.param(SolversDisagreeError("they disagree", "(check-sat)"), id="solvers"),
        pytest.param(TimeLimitError("time limit: 1 s are over"), id="limit"),
        pytest.param(InputError("expected less", "layers[1]"), id="input"),
    ],
)
def test_errors_come_whole_out_of_a_worker(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


# The option.


def test_an_audit_within_the_limit_is_as_without(prepared):
    without = prepared("audit", "c.json", "pair.json", "--trust", "trusted", "--any-claim", "--format", "json")
    within = prepared(
        *("audit", "c.json", "pair.json", "--trust", "trusted", "--any-claim", "--format", "json"),
        *("--time-limit", "3600"),
    )
    assert (within.code, within.err) == (without.code, without.err) == (0, "")
    expected, found = without.result["results"], within.result["results"]
    for result in (*expected, *found):
        assert result.pop("timings")
    assert found == expected


def test_every_certificate_has_the_limit_for_itself(prepared, monkeypatch):
    """The first runs into it, and the second is audited all the same."""
    seconds = iter([0.05, LONG])
    monkeypatch.setattr("certify.cli.audit.limited", lambda _, *called: limit.limited(next(seconds), *called))
    ran = prepared("audit", "c.json", "c.json", "--trust", "trusted", "--format", "json", "--time-limit", "1")
    first, second = ran.result["results"]
    assert (ran.code, ran.error) == (3, f"certify: c.json: {REASON}")
    assert (first["verdict"], first["reason"], first["exit_code"]) == ("undecided", REASON, 3)
    assert (first["signature"], first["trusted"], first["error"]["kind"]) == ("", False, "limit")
    assert (second["verdict"], second["trusted"], second["exit_code"]) == ("proved", True, 0)


def test_a_refutation_within_the_limit_is_one(prepared):
    prepared.write("bad.json", b"{}")
    ran = prepared("audit", "bad.json", "--trust", "trusted", "--time-limit", "3600")
    assert (ran.code, "missing required field" in ran.error) == (1, True)


def test_networks_that_are_not_decided_in_time(prepared):
    ran = prepared(
        *("equal", "tiny.json", "other.json", "--format", "json", "--time-limit", "0.05"),
        *("-o", "out.json", "--key", "key.pem"),
    )
    assert (ran.code, ran.result["verdict"], ran.result["reason"]) == (3, "undecided", REASON)
    assert not (prepared.folder / "out.json").exists()


def test_networks_that_are_decided_in_time(prepared):
    ran = prepared(
        *("equal", "tiny.json", "tiny.json", "--format", "json", "--time-limit", "3600"),
        *("-o", "out.json", "--key", "key.pem"),
    )
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert (prepared.folder / "out.json").exists()
    refuted = prepared("equal", "tiny.json", "other.json", "--format", "json", "--time-limit", "3600")
    assert (refuted.code, refuted.result["verdict"]) == (1, "refuted")
    assert refuted.result["witness"]["left"] != refuted.result["witness"]["right"]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_no_such_limit(prepared, seconds):
    ran = prepared("audit", "c.json", "--trust", "trusted", "--time-limit", seconds)
    assert (ran.code, "--time-limit" in ran.err) == (2, True)


def test_no_proofs_under_a_limit(prepared):
    arguments = ("--cross-check", "cvc5", "--proof", "alethe", "--time-limit", "1")
    ran = prepared("audit", "c.json", "--trust", "trusted", *arguments)
    assert (ran.code, "expected --proof or --time-limit, found both" in ran.err) == (2, True)


def hard(weight=0):
    """A network; with other weights it is not far from it, and how far at the most z3 does not find soon."""
    rng = random.Random(1)

    def layer(outputs, inputs, then):
        weights = [[rng.randint(-256, 256) for _ in range(inputs)] for _ in range(outputs)]
        return {"op": "dense", "precision_bits": 8, "weights": weights, "then": then}

    steps = [{"op": "relu"}, {"op": "requantize", "shift": 8, "rounding": "half_up"}]
    layers = [layer(64, 32, steps), layer(64, 64, steps), layer(64, 64, steps), layer(8, 64, [])]
    for row in layers[2]["weights"]:
        row[5] += weight if row[5] < 256 else 0
    box = {"shape": [32], "low": -127, "high": 127, "precision_bits": 7}
    return {"format": "certify.network/1", "input": box, "layers": layers}


@pytest.mark.long
@pytest.mark.compiled
def test_z3_is_ended(prepared):
    """Two networks that nobody decides soon: the run ends, signs nothing and leaves nothing in the folder."""
    prepared.write("a.json", hard())
    prepared.write("b.json", hard(1))
    before = {path.name for path in prepared.folder.iterdir()}
    with prepared.start(
        *("equal", "a.json", "b.json", "--within", "200000", "--time-limit", "4", "--format", "json"),
        *("-o", "out.json", "--key", "key.pem", "--rlimit", str(2**32 - 1), "--workers", "2"),
    ) as process:
        out, err = process.communicate(timeout=240)
    assert process.returncode == 3, err
    assert b"time limit: 4 s are over" in out
    assert err.decode().splitlines() == ["certify: time limit: 4 s are over"]
    assert {path.name for path in prepared.folder.iterdir()} == before
