"""How kernels are compiled: without the interpreter's lock, and kept on disk for the next run where that is possible.

Numba keeps machine code beside the source, or else in the user's cache folder; where neither can be written it
refuses to compile at all. Then the kernels are compiled anew in every process, which is slower and no less right.
What is kept is keyed by the kernel's own source file, so a constant that a kernel reads stands in that file.

With NUMBA_DISABLE_JIT=1 the same functions run in the interpreter, on numpy's scalars. Those warn where an integer
wraps, and in the tests a warning is an error: that is how an overflow that machine code hides is found. Only what is
meant to wrap is told apart, as a `modular_kernel`.

Numba itself is loaded when the first kernel is called: a help text, a bad file or a small grid need not wait for it.
Its settings come from the environment alone. Numba would take them from `.numba_config.yaml` in the current folder
too, and one of them is the folder in which it looks for machine code.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile a function of numbers and arrays when it is first called."""
    return cast("_Function", _Kernel(function, modular=False))


def modular_kernel(function: _Function) -> _Function:
    """Compile a function whose words wrap, modulo 2^64 and on purpose; in the interpreter, without a warning."""
    return cast("_Function", _Kernel(function, modular=True))


class _Kernel:
    """A kernel before its first call."""

    def __init__(self, function: Callable[..., Any], *, modular: bool) -> None:
        functools.update_wrapper(self, function)
        self._function, self._modular = function, modular

    def __call__(self, *arguments: Any) -> Any:
        return self._compiled(*arguments)

    @functools.cached_property
    def _compiled(self) -> Callable[..., Any]:
        """The kernel as numba has it; so are all kernels of its module from here on, for they may call each other."""
        names = self._function.__globals__
        for name, value in list(names.items()):
            if isinstance(value, _Kernel):
                names[name] = value._dispatcher  # noqa: SLF001 - its own class
        return self._dispatcher

    @functools.cached_property
    def _dispatcher(self) -> Callable[..., Any]:
        with _no_settings_from_here():
            from numba import config, njit  # noqa: PLC0415 - slow to load

        if self._modular and config.DISABLE_JIT:
            return np.errstate(over="ignore")(self._function)
        try:
            return cast("Callable[..., Any]", njit(cache=True, nogil=True)(self._function))
        except RuntimeError:
            return cast("Callable[..., Any]", njit(nogil=True)(self._function))


@contextlib.contextmanager
def _no_settings_from_here() -> Iterator[None]:
    """Have numba, which is loaded inside, read no file of settings, now and whenever it looks again.

    It reads one only where it has the package `yaml`, and warns of it where it has not.
    """
    if "numba" in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    yaml = {"yaml": modules["yaml"]} if "yaml" in modules else {}
    modules["yaml"] = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="A Numba config file is found")
            yield
    finally:
        del modules["yaml"]
        modules.update(yaml)
    vars(modules["numba.core.config"])["_config_fname"] = ""


@kernel
def _nothing() -> int:
    return 0


def load() -> None:
    """Load numba, and have it set up what it needs for a first kernel: half a second that is no kernel's own."""
    _nothing()
