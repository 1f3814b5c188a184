"""The folder in which the program is run may be a stranger's: no library and no settings are taken from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import z3
from program import SOURCE

WHICH_Z3 = """
import ctypes
load = ctypes.CDLL
ctypes.CDLL = lambda name, *rest, **named: print(name) or load(name, *rest, **named)
import solvers.smt.session
"""
WHICH_SETTINGS = """
import sys, warnings
warnings.simplefilter("error")
from solvers import jit
jit.load()
from numba import config
config.reload_config()
print(repr(config.CACHE_DIR), sys.modules.get("yaml", "not loaded"))
"""


def said(code, folder, *, before="", more=SOURCE):
    """What code prints that is run in a folder, from which Python itself imports nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment = kept | {"PYTHONPATH": os.pathsep.join(map(str, (SOURCE, more))), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", before + code]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def test_z3_is_the_one_that_was_installed(tmp_path):
    """The bindings alone try every name in this folder first, and go on where it is no library."""
    installed = Path(z3.__file__).resolve().parent
    for name in {path.name for path in installed.glob("**/*z3.*")}:
        (tmp_path / name).touch()
    tried = [Path(name) for name in said(WHICH_Z3, tmp_path).splitlines() if "z3" in name]
    assert tried
    assert all(path.is_relative_to(installed) for path in tried)
    alone = [Path(name) for name in said(WHICH_Z3.replace("solvers.smt.session", "z3"), tmp_path).splitlines()]
    assert tmp_path in {path.parent for path in alone}


def test_whoever_says_where_z3_is_is_heard(tmp_path):
    before = "import builtins; builtins.Z3_LIB_DIRS = own = []; "
    assert said("import solvers.smt; print(builtins.Z3_LIB_DIRS is own)", tmp_path, before=before) == "True\n"


@pytest.mark.parametrize("before", ["", "import sys; sys.modules['yaml'] = 'theirs'"])
def test_numbas_settings_are_not_taken_from_there(tmp_path, before):
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: evil\n")
    reader = tmp_path / "installed" / "yaml.py"
    reader.parent.mkdir()
    reader.write_text(
        "def load(*_, **__): return {'cache_dir': 'evil'}\nsafe_load, CLoader, SafeLoader = load, None, None\n"
    )
    found = said(WHICH_SETTINGS, tmp_path, before=before, more=reader.parent)
    assert found == ("'' theirs\n" if before else "'' not loaded\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".numba_config.yaml", "installed"]
