"""Two networks written out as one formula in SMT-LIB: do any outputs differ on the first one's box?

In linear integers or in bit-vectors that hold every sum and every part of one. What a layer computes is defined by
name, unit by unit; σ(y) is `ite(y > 0, y, 0)`. Dense layers with ReLU or no steps, without constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from certify.network.compare import common_scale
from certify.network.model import Dense, Network
from certify.network.steps import Relu


@dataclass(frozen=True)
class _Words:
    """How a logic says things; `width` is that of bit-vectors."""

    sort: str
    plus: str
    times: str
    above: str
    most: str
    number: Callable[[int], str]


def smt_text(left: Network, right: Network, logic: str) -> str:
    """Return the declarations and the assertions, in QF_LIA or QF_BV."""
    words = _integers() if logic == "QF_LIA" else _bit_vectors(_width(left, right))
    return "\n".join([f"(set-logic {logic})", *_lines(left, right, words)]) + "\n"


def _lines(left: Network, right: Network, words: _Words) -> Iterator[str]:
    box = left.input
    for index, (low, high) in enumerate(zip(box.low, box.high, strict=True)):
        yield f"(declare-const x{index} {words.sort})"
        yield f"(assert ({words.most} {words.number(low)} x{index}))"
        yield f"(assert ({words.most} x{index} {words.number(high)}))"
    outputs = []
    for side, (network, shift) in enumerate(zip((left, right), common_scale(left, right), strict=True)):
        names = [f"x{index}" for index in range(box.features)]
        for number, layer in enumerate(network.layers):
            scale = 2**shift if number == len(network.layers) - 1 else 1
            yield from _layer(layer, scale, names, f"n{side}_{number}", words)
            names = [f"n{side}_{number}_{output}" for output in range(layer.outputs)]
        outputs.append(names)
    different = " ".join(f"(distinct {a} {b})" for a, b in zip(*outputs, strict=True))
    yield f"(assert (or false {different}))"


def _layer(layer: Dense, scale: int, names: Sequence[str], name: str, words: _Words) -> Iterator[str]:
    assert not layer.constants
    assert layer.steps in ((), (Relu(),))
    for output, bias in enumerate(layer.bias):
        columns, weights = layer.weights.row(output)
        products = [
            f"({words.times} {words.number(scale * int(weight))} {names[column]})"
            for column, weight in zip(columns, weights, strict=True)
        ]
        terms = [words.number(scale * bias), *products]
        yield from _define(f"{name}_{output}", terms, words, relu=bool(layer.steps))


def _define(name: str, terms: Sequence[str], words: _Words, *, relu: bool) -> Iterator[str]:
    total = terms[0] if len(terms) == 1 else f"({words.plus} {' '.join(terms)})"
    if not relu:
        yield f"(define-fun {name} () {words.sort} {total})"
        return
    zero = words.number(0)
    yield f"(define-fun {name}_y () {words.sort} {total})"
    yield f"(define-fun {name} () {words.sort} (ite ({words.above} {name}_y {zero}) {name}_y {zero}))"


def _integers() -> _Words:
    return _Words("Int", "+", "*", ">", "<=", lambda value: str(value) if value >= 0 else f"(- {-value})")


def _bit_vectors(width: int) -> _Words:
    def number(value: int) -> str:
        return f"(_ bv{value % 2**width} {width})"

    return _Words(f"(_ BitVec {width})", "bvadd", "bvmul", "bvsgt", "bvsle", number)


def _width(left: Network, right: Network) -> int:
    """Return the bits of the largest sum of magnitudes anywhere, with a sign."""
    most = 0
    for network, shift in zip((left, right), common_scale(left, right), strict=True):
        values = [max(abs(low), abs(high)) for low, high in zip(left.input.low, left.input.high, strict=True)]
        for layer in network.layers:
            sums = []
            for output, bias in enumerate(layer.bias):
                columns, weights = layer.weights.row(output)
                sums.append(abs(bias) + sum(abs(int(w)) * values[c] for c, w in zip(columns, weights, strict=True)))
            values = sums
            most = max(most, *values)
        most = max(most, *(value << shift for value in values))
    return most.bit_length() + 1
