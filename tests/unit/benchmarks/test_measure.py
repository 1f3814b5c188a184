"""What the benchmarks share: processes are measured, tables aligned, exponents fitted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from benchmarks import measure

HOLD = "import time; held = bytearray(64 << 20); time.sleep(0.3)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}], check=True); print('done')"


def test_a_process_and_its_child_are_measured_apart():
    done = measure.run([sys.executable, "-c", PARENT])
    assert (done.printed, done.code) == ("done\n", 0)
    assert done.wall >= 0.3
    assert 64 <= done.peak < 1000
    if Path("/proc/self/status").exists():
        assert done.own < 64 <= done.child <= done.together


def test_what_the_caller_holds_is_not_counted():
    held = bytearray(200 << 20)
    held[:: 1 << 12] = b"1" * len(held[:: 1 << 12])
    assert measure.run([sys.executable, "-c", "pass"]).peak < 100


def test_exit_codes_are_told():
    assert measure.run([sys.executable, "-c", "raise SystemExit(3)"]).code == 3
    assert measure.run([sys.executable, "-c", "import os; os.abort()"]).code < 0


def test_a_run_that_fails_ends_the_benchmark(tmp_path):
    with pytest.raises(SystemExit, match="exit code 2"):
        measure.certify(["prove", str(tmp_path / "none.json")], tmp_path)


def test_exponents_are_those_of_powers():
    sizes = [10, 100, 1000, 5000]
    assert measure.exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_tables_align_text_left_and_numbers_right():
    lines = measure.table(["what", "s"], [["one", 1.0], ["a dozen", 12345.6], ["none", None], ["little", 0.01234]])
    assert lines.splitlines() == [
        "what          s",
        "one        1.00",
        "a dozen  12,346",
        "none          -",
        "little   0.0123",
    ]


def test_a_report_names_machine_and_versions(tmp_path, capsys):
    measure.report("nothing", {"rows": []}, tmp_path / "out.json", "no-such-package")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["benchmark"] == "nothing"
    assert written["cores"] >= 1
    assert written["versions"]["z3-solver"]
    assert written["versions"]["no-such-package"] is None
    assert "load" in capsys.readouterr().out
