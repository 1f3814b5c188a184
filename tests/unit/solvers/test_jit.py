"""Compiled or interpreted, with bounds checks or without: the answers are the same, and only mistakes show.

What numba keeps on disk is keyed by the kernel's own file. A constant or a kernel of another file would be left in
stale machine code when that file changes, so kernels read none.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import issued

import solvers
from solvers.jit import kernel

SOURCE = Path(solvers.__file__).parents[1]
TESTS = Path(__file__).parents[2]
DECORATORS = {"kernel", "modular_kernel"}

ISSUE = "import sys; from program import issued; sys.stdout.buffer.write(issued().payload)"
READS_PAST_THE_END = """
import numpy as np
from solvers.jit import kernel
@kernel
def third(values):
    return values[2]
print(third(np.arange(5)), flush=True)
third(np.arange(5)[:2])
"""
WRAPS = """
import numpy as np
from solvers.jit import {0}
@{0}
def after(x):
    return x + np.int64(1)
print(after(np.int64(2**63 - 1)))
"""


def run(*command, folder, **settings):
    """Run Python in a process of its own, where a warning is an error; numba keeps what it compiles in `folder`."""
    compiled = {"NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "0", "NUMBA_CACHE_DIR": str(folder)}
    environment = os.environ | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{TESTS}"} | compiled | settings
    return subprocess.run(
        [sys.executable, "-W", "error", *command], env=environment, capture_output=True, check=False
    )


CALL_EACH_OTHER = """
from solvers.jit import kernel
@kernel
def one_more(x):
    return x + 1
@kernel
def two_more(x):
    return one_more(one_more(x))
print([globals()[name](40) for name in {0}], "numba" in __import__("sys").modules)
"""


@pytest.mark.long
@pytest.mark.parametrize("order", [("one_more", "two_more"), ("two_more", "one_more"), ("two_more", "two_more")])
def test_kernels_call_each_other_whichever_is_called_first(order, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CALL_EACH_OTHER.format(order))
    ended = run(str(script), folder=tmp_path)
    values = {"one_more": 41, "two_more": 42}
    assert (ended.stderr, ended.stdout.decode().strip()) == (b"", f"{[values[name] for name in order]} True")


def test_numba_is_not_loaded_before_a_kernel_is_called(tmp_path):
    imports = "import sys, certify.issue, solvers.grid.sweep, solvers.subset_sum; print('numba' in sys.modules)"
    assert run("-c", imports, folder=tmp_path).stdout == b"False\n"


def test_a_certificate_made_in_the_interpreter_is_the_same_bytes(tmp_path):
    """Weights are drawn, subset sums found and a grid swept, so every kind of kernel runs."""
    ended = run("-c", ISSUE, folder=tmp_path, NUMBA_DISABLE_JIT="1")
    assert (ended.stderr, ended.returncode) == (b"", 0)
    assert ended.stdout == issued().payload


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"NUMBA_BOUNDSCHECK": "1"}, id="bounds checked"),
        pytest.param({"NUMBA_DISABLE_JIT": "1"}, id="interpreted"),
    ],
)
def test_reading_past_the_end_is_found(settings, tmp_path):
    """In code compiled for it, hence the folder: what was compiled without the checks and kept is taken again."""
    script = tmp_path / "script.py"
    script.write_text(READS_PAST_THE_END)
    ended = run(str(script), folder=tmp_path, **settings)
    assert ended.stdout == b"2\n"
    assert b"IndexError" in ended.stderr


def test_wrapping_is_found_where_it_is_not_meant(tmp_path):
    wraps, meant = (
        run("-c", WRAPS.format(decorator), folder=tmp_path, NUMBA_DISABLE_JIT="1")
        for decorator in ("kernel", "modular_kernel")
    )
    assert b"RuntimeWarning: overflow encountered" in wraps.stderr
    assert (meant.stdout.strip(), meant.stderr) == (b"-9223372036854775808", b"")


def test_without_a_file_nothing_is_kept():
    """Numba refuses to keep such a function; it is compiled all the same."""
    names = {}
    exec("def plus_one(x):\n    return x + 1", names)
    assert kernel(names["plus_one"])(41) == 42


MODULES = sorted(
    path
    for top in ("certify", "solvers")
    for path in (SOURCE / top).rglob("*.py")
    if re.search(r"jit import .*kernel", path.read_text())
)


def imported_names(tree):
    """What a module imports by name, numpy itself aside: numba takes it for a constant."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names} - {"np"}


def read_by_kernels(tree):
    """The names that the bodies of kernels read."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    kernels = [f for f in functions if {d.id for d in f.decorator_list if isinstance(d, ast.Name)} & DECORATORS]
    return {node.id for f in kernels for line in f.body for node in ast.walk(line) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_kernels_read_nothing_of_another_file(path):
    tree = ast.parse(path.read_text())
    assert read_by_kernels(tree), "a module that imports the decorators has kernels"
    assert not read_by_kernels(tree) & imported_names(tree)


def test_all_modules_of_kernels_are_looked_at():
    assert {"philox", "kernel", "bitset"} <= {path.stem for path in MODULES}


def test_numba_is_loaded_when_it_is_asked_for(tmp_path):
    script = "import sys\nfrom solvers import jit\njit.load()\nprint('numba' in sys.modules)"
    assert run("-c", script, folder=tmp_path).stdout == b"True\n"
