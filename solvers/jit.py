"""How kernels are compiled: without the interpreter's lock, and kept on disk for the next run where that is possible.

Numba keeps machine code beside the source, or else in the user's cache folder; where neither can be written it
refuses to compile at all. Then the kernels are compiled anew in every process, which is slower and no less right.
What is kept is keyed by the kernel's own source file, so a constant that a kernel reads stands in that file.

With NUMBA_DISABLE_JIT=1 the same functions run in the interpreter, on numpy's scalars. Those warn where an integer
wraps, and in the tests a warning is an error: that is how an overflow that machine code hides is found. Only what is
meant to wrap is told apart, as a `modular_kernel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import config, njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function of numbers and arrays when it is first called."""
    try:
        return cast("_Function", njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast("_Function", njit(nogil=True)(function))


def modular_kernel(function: _Function) -> _Function:
    """Compile a function whose words wrap, modulo 2^64 and on purpose; in the interpreter, without a warning."""
    return np.errstate(over="ignore")(function) if config.DISABLE_JIT else kernel(function)
