"""Rounding noise of a named form on one weight: its law, exactly.

"Stochastic quantization" is the last direction that Kumar and Natale name (arXiv:2508.11020). Here every kept weight
of a base network gets an error of its own, independent of all others and of the input, drawn once for the whole
network. Forms, with S, B, p, q integers:

stochastic  the weight was drawn at δ_in and is rounded to δ up or down, so that its mean is what was drawn
coarser:S   the weight is rounded to 2^S·δ up or down, so that its mean is the weight itself
uniform:B:S an integer uniform on -B..B, times δ/2^S, is added
flip:p/q    with probability p/q the weight is one δ off, up or down as likely

All probabilities are rational, so every law is a list of counts. An error can take a weight beyond [-1, 1]: nothing
saturates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal, TypeAlias, get_args

from certify.errors import InputError
from certify.theory.law import Law

Form: TypeAlias = Literal["stochastic", "coarser", "uniform", "flip"]
FORMS: tuple[Form, ...] = get_args(Form)

MAX_BITS = 4
"""How much coarser or finer than δ a rounding may be, which bounds the length of a law."""

MAX_UNIFORM = 32
MAX_DENOMINATOR = 1 << 20
_NUMBER = re.compile(r"[0-9]{1,9}")
_EXPECTED = "stochastic, coarser:S, uniform:B:S or flip:p/q"


@dataclass(frozen=True)
class Noise:
    """A form of noise and its numbers.

    Attributes:
        form: which.
        bits: S of `coarser` and `uniform`; 0 for the others.
        largest: B of `uniform`; 0 for the others.
        probability: p/q of `flip`; 0 for the others.
    """

    form: Form
    bits: int = 0
    largest: int = 0
    probability: Fraction = Fraction(0)

    @staticmethod
    def parse(text: str) -> Noise:
        """Return the noise that a text names.

        Raises:
            InputError: an unknown form, numbers that are not what the form has, a probability above 1.
        """
        form, *given = text.split(":")
        match form, given:
            case "stochastic", []:
                return Noise("stochastic")
            case "coarser", [bits]:
                return Noise("coarser", bits=_number(bits, MAX_BITS, text))
            case "uniform", [largest, bits]:
                return Noise("uniform", _number(bits, MAX_BITS, text), _number(largest, MAX_UNIFORM, text))
            case "flip", [ratio]:
                return Noise("flip", probability=_probability(ratio, text))
        raise InputError(f"expected noise of a form {_EXPECTED}, found {text!r}")

    @property
    def finer_bits(self) -> int:
        """Errors are integers times δ/2^finer_bits."""
        return self.bits if self.form == "uniform" else 0

    def law(self, weight: int, rest: int = 0, rest_bits: int = 0) -> Law:
        """Return the law of one weight's error, on the scale of `finer_bits`.

        Args:
            weight: at δ.
            rest: what quantization took from the weight when it was drawn: its value is weight + rest/2^rest_bits.
            rest_bits: log2(δ/δ_in).
        """
        match self.form:
            case "stochastic":
                return _up_or_down(rest, rest_bits)
            case "coarser":
                return _to_coarser(weight % (1 << self.bits), self.bits)
            case "uniform":
                return Law(-self.largest, (1,) * (2 * self.largest + 1))
            case "flip":
                p, q = self.probability.numerator, self.probability.denominator
                return Law(-1, (p, 2 * (q - p), p))


def _number(text: str, most: int, whole: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise InputError(f"expected an integer from 1 to {most} in {_EXPECTED}, found {text!r} in {whole!r}")
    return int(text)


def _probability(text: str, whole: str) -> Fraction:
    above, slash, below = text.partition("/")
    if not (slash and _NUMBER.fullmatch(above) and _NUMBER.fullmatch(below)):
        raise InputError(f"expected a probability p/q, found {text!r} in {whole!r}")
    p, q = int(above), int(below)
    if not 1 <= q <= MAX_DENOMINATOR or p > q:
        raise InputError(f"expected a probability p/q with p ≤ q ≤ {MAX_DENOMINATOR}, found {text!r} in {whole!r}")
    return Fraction(p, q)


@cache
def _up_or_down(rest: int, bits: int) -> Law:
    """Up to 1 with probability rest/2^bits, or for a negative rest (rounded toward zero) down to -1."""
    whole = 1 << bits
    return Law(0, (whole - rest, rest)) if rest >= 0 else Law(-1, (-rest, whole + rest))


@cache
def _to_coarser(rest: int, bits: int) -> Law:
    """Down by the rest or up to the next multiple of 2^bits, unbiased."""
    whole = 1 << bits
    if not rest:
        return Law(0, (1,))
    return Law(-rest, (whole - rest, *(0,) * (whole - 1), rest))
