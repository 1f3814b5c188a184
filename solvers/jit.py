"""How kernels are compiled: without the interpreter's lock, and kept on disk for the next run where that is possible.

Numba keeps machine code beside the source, or else in the user's cache folder; where neither can be written it
refuses to compile at all. Then the kernels are compiled anew in every process, which is slower and no less right.
What is kept is keyed by the kernel's own source file, so a constant that a kernel reads stands in that file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function of numbers and arrays when it is first called."""
    try:
        return cast("_Function", njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast("_Function", njit(nogil=True)(function))
