"""Solver sessions: integer formulas in, `unsat`, `sat` with a model, or `unknown` with a reason out.

z3's bindings look for their library in the current folder before they look beside themselves. What is there may be a
stranger's, and a stranger's z3 refutes what it likes; so before they are loaded they are told where to look.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from pathlib import Path

_FOLDERS = "Z3_LIB_DIRS"


def _library_folders() -> list[str]:
    """Return where z3's bindings look by default, in that order, without the current folder."""
    found = importlib.util.find_spec("z3")
    places = [] if found is None or found.origin is None else [Path(found.origin).parent]
    return [str(folder) for place in places for folder in (place, place / "lib", Path(sys.prefix) / "lib")]


if not hasattr(builtins, _FOLDERS):
    setattr(builtins, _FOLDERS, _library_folders())
