"""Formulas by the hundred thousand: z3's terms as bare pointers, in a context of their own that is freed as a whole.

What `terms` makes is a Python object for every term, which counts references to it; making and dropping these takes
many times longer than z3 takes to make the term, and than it takes to refute most of the formulas here. z3 has
contexts of another kind (`Z3_mk_context`), in which a term lives until its context is deleted and nobody counts. A
term of such a context is a number, the address that z3 gave it, and sums and comparisons of whole lists are made
from arrays of numbers.

z3 is asked through the functions that its Python package has loaded. Only those that make terms are called directly:
they are short, so the interpreter's lock is kept. Solvers and models are z3's own Python objects (`session`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import z3

from solvers.smt.vocabulary import Formula, Term, Vocabulary

_POINTER = ctypes.c_void_p
_SIZE = ctypes.sizeof(_POINTER)


def _function(name: str, *arguments: Any) -> Callable[..., Any]:
    """Return a function of z3's C interface that makes something; null is None."""
    loaded = getattr(z3.z3core, name).__defaults__[0].f
    return ctypes.PYFUNCTYPE(_POINTER, *arguments)(ctypes.cast(loaded, _POINTER).value or 0)


_unary = (_POINTER, _POINTER)
_binary = (_POINTER, _POINTER, _POINTER)
_many = (_POINTER, ctypes.c_uint, _POINTER)
_NUMERAL = _function("Z3_mk_numeral", _POINTER, ctypes.c_char_p, _POINTER)
_SYMBOL = _function("Z3_mk_string_symbol", _POINTER, ctypes.c_char_p)
_CONSTANT = _function("Z3_mk_const", *_binary)
_ADD, _SUBTRACT, _MULTIPLY = (_function(f"Z3_mk_{name}", *_many) for name in ("add", "sub", "mul"))
_AND, _OR, _DISTINCT = (_function(f"Z3_mk_{name}", *_many) for name in ("and", "or", "distinct"))
_MINUS, _NOT = (_function(f"Z3_mk_{name}", *_unary) for name in ("unary_minus", "not"))
_DIVIDE, _MODULO, _AT_MOST, _EQUAL = (_function(f"Z3_mk_{name}", *_binary) for name in ("div", "mod", "le", "eq"))
_CHOOSE = _function("Z3_mk_ite", *_binary, _POINTER)


class _Context(z3.Context):  # type: ignore[misc] # z3 is untyped
    """A context in which terms live as long as it does; z3's Python objects may refer to it."""

    def __init__(self) -> None:
        settings = z3.Z3_mk_config()
        self.ctx = z3.Z3_mk_context(settings)
        self.owner = True
        # An error is looked for in what every call returns; z3 is not to print it or to exit.
        self.eh = z3.Z3_set_error_handler(self.ctx, z3.z3_error_handler)
        z3.Z3_del_config(settings)


class Arena(Vocabulary):
    """Terms of a context of their own, numbers that are worth nothing outside of it.

    Attributes:
        context: for z3's Python objects.
    """

    def __init__(self) -> None:
        self.context = _Context()
        self._context = self.context.ref()
        self._integers = z3.Z3_mk_int_sort(self._context)
        self._numerals: dict[int, Term] = {}
        self._two = (_POINTER * 2)()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Deleted with the last object that refers to it: a model that somebody still holds, say.
        del self.context

    def formula(self, formula: Formula) -> z3.BoolRef:
        """Return a formula as one of z3's Python objects."""
        return z3.BoolRef(z3.Ast.from_buffer(_POINTER(formula)), self.context)

    def variable(self, name: str) -> Term:
        symbol = self._made(_SYMBOL(self._context, name.encode()))
        return self._made(_CONSTANT(self._context, symbol, self._integers))

    def constant(self, value: int) -> Term:
        numeral = self._numerals.get(value)
        if numeral is None:
            numeral = self._made(_NUMERAL(self._context, str(value).encode(), self._integers))
            self._numerals[value] = numeral
        return numeral

    def times(self, factor: int, term: Term) -> Term:
        return self._both(_MULTIPLY, self.constant(factor), term)

    def total(self, terms: Sequence[Term]) -> Term:
        return self._of(_ADD, terms) if terms else self.constant(0)

    def minus(self, term: Term) -> Term:
        return self._made(_MINUS(self._context, term))

    def subtract(self, left: Term, right: Term) -> Term:
        return self._both(_SUBTRACT, left, right)

    def divide(self, term: Term, divisor: int) -> Term:
        return self._made(_DIVIDE(self._context, term, self.constant(divisor)))

    def modulo(self, term: Term, divisor: int) -> Term:
        return self._made(_MODULO(self._context, term, self.constant(divisor)))

    def at_most(self, left: Term, right: Term) -> Formula:
        return self._made(_AT_MOST(self._context, left, right))

    def equal(self, left: Term, right: Term) -> Formula:
        return self._made(_EQUAL(self._context, left, right))

    def differ(self, left: Term, right: Term) -> Formula:
        return self._both(_DISTINCT, left, right)

    def all_of(self, formulas: Sequence[Formula]) -> Formula:
        return self._of(_AND, formulas)

    def any_of(self, formulas: Sequence[Formula]) -> Formula:
        return self._of(_OR, formulas)

    def negate(self, formula: Formula) -> Formula:
        return self._made(_NOT(self._context, formula))

    def choose(self, condition: Formula, then: Term, otherwise: Term) -> Term:
        return self._made(_CHOOSE(self._context, condition, then, otherwise))

    def let(self, name: str, term: Term, body: Callable[[Term], Term]) -> Term:  # noqa: ARG002 - z3 shares terms
        return body(term)

    def totals(self, terms: Sequence[Term], start: Sequence[int]) -> list[Term]:
        array, context = _array(terms), self._context
        first, zero = ctypes.addressof(array), self.constant(0)
        runs = ((end - begin, first + _SIZE * begin) for begin, end in pairwise(start))
        return self._all_made([_ADD(context, count, place) if count else zero for count, place in runs])

    def differences(self, left: Sequence[Term], right: Sequence[Term]) -> list[Formula]:
        array, context = _array([term for both in zip(left, right, strict=True) for term in both]), self._context
        first, step = ctypes.addressof(array), 2 * _SIZE
        places = range(first, first + step * len(left), step)
        return self._all_made([_DISTINCT(context, 2, place) for place in places])

    def _both(self, make: Callable[..., Any], left: Any, right: Any) -> Any:
        self._two[0], self._two[1] = left, right
        return self._made(make(self._context, 2, self._two))

    def _of(self, make: Callable[..., Any], parts: Sequence[Any]) -> Any:
        return self._made(make(self._context, len(parts), _array(parts)))

    def _made(self, made: Any) -> Any:
        if made is None:
            raise RuntimeError(f"z3 made no term: {self._problem()}")
        return made

    def _all_made(self, made: list[Any]) -> list[Any]:
        if None in made:
            raise RuntimeError(f"z3 made no term: {self._problem()}")
        return made

    def _problem(self) -> str:
        return str(z3.Z3_get_error_msg(self._context, z3.Z3_get_error_code(self._context)))


def _array(parts: Sequence[Any]) -> Any:
    return (_POINTER * len(parts))(*parts)
