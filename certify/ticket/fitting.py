"""Is a given network one that Theorem 1's ticket can be pruned from?

What pruning cannot change has to be right already: the depth, the sizes, the steps (a hidden layer's are a ReLU, or
a leaky ReLU: `certify.base.activation`), no biases (pruning removes
weights, not biases), and constants nowhere but in the first matrix of a pair. docs/proof.md, condition 0, says why.
Weights, widths, precisions and the values of constants are the base network's own. Its outputs' precision bits
follow from the rest, and its box is of no account: a claim is about the target's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import msgspec

from certify.base.activation import RELU, Activation, division, finer_bits, signed_layers
from certify.errors import InputError
from certify.network.model import Dense, Network, require_chain
from certify.network.steps import Clamp, LeakyRelu, Offset, Relu, RequantizeQ31, Step, rescale

_SHOWN = 160


@dataclass(frozen=True, eq=False)
class Fit:
    """One layer of the target and the pair of layers that is to be pruned to it.

    Attributes:
        hidden, output: the base network's two layers.
        input_bits: the pair's input integers are the target's times 2^input_bits.
        weight_bits: a product of two of the pair's weights is finer than a target weight by 2^weight_bits.
        divides: whether every input and every constant line needs both halves, which the output layer divides.
    """

    hidden: Dense
    output: Dense
    input_bits: int
    weight_bits: int
    divides: bool = False


def fit(target: Network, base: Network) -> tuple[Fit, ...]:
    """Return the pairs of a base network for a target, in order.

    Raises:
        InputError: names the first part of the base network that does not fit, and what was expected there.
    """
    _check("input.shape", target.input.shape, base.input.shape)
    _check("input.precision_bits", target.input.precision_bits, base.input.precision_bits)
    wanted, given = require_chain(target, "target.layers"), require_chain(base, "base.layers")
    if len(given) != 2 * len(wanted):
        problem = f"expected {2 * len(wanted)} layers, two for each of the target's, found {len(given)}"
        raise InputError(problem, "base.layers")
    found: list[Fit] = []
    input_bits = 0
    for index, layer in enumerate(wanted):
        hidden, output = given[2 * index], given[2 * index + 1]
        _check_sizes(index, layer, hidden, output)
        activation = _check_hidden(2 * index, hidden)
        _check_output(2 * index + 1, output)
        weight_bits = hidden.precision_bits + output.precision_bits - layer.precision_bits
        if weight_bits < 0:
            pair = f"expected at least {layer.precision_bits} bits together with layers[{2 * index}]"
            problem = f"{pair}, found {hidden.precision_bits} + {output.precision_bits}: δ_t ≥ δ² fails"
            raise InputError(problem, f"base.layers[{2 * index + 1}].precision_bits")
        finer, divides = input_bits + weight_bits, activation != RELU and index in signed_layers(target)
        if divides:
            _check_division(target, index, activation, output, finer)
        steps = output.steps[1:] if divides else output.steps
        left = _check_steps(2 * index + 1, steps, layer.steps, finer + (0 if divides else finer_bits(activation)))
        found.append(Fit(hidden, output, input_bits, weight_bits, divides))
        input_bits = left
    return tuple(found)


def _check(place: str, expected: object, found: object) -> None:
    if expected != found:
        raise InputError(f"expected {expected} as in the target, found {found}", f"base.{place}")


def _check_sizes(index: int, layer: Dense, hidden: Dense, output: Dense) -> None:
    expected = layer.inputs, hidden.outputs, layer.outputs
    found = hidden.inputs, output.inputs, output.outputs
    names = (2 * index, "inputs"), (2 * index + 1, "inputs"), (2 * index + 1, "outputs")
    for wanted, had, (place, name) in zip(expected, found, names, strict=True):
        if wanted != had:
            raise InputError(f"expected {wanted} {name}, found {had}", f"base.layers[{place}].weights")


def _check_hidden(index: int, hidden: Dense) -> Activation:
    """Return the activation of a hidden layer."""
    _check_no_bias(index, hidden)
    if len(hidden.steps) != 1 or not isinstance(activation := hidden.steps[0], Relu | LeakyRelu):
        found = _written(hidden.steps)
        raise InputError(f"expected exactly a relu, or a leaky_relu, found {found}", f"base.layers[{index}].then")
    return activation


def _check_division(target: Network, index: int, activation: Activation, output: Dense, finer: int) -> None:
    expected = division(target, index, signed_layers(target)[index], activation, finer)
    if output.steps[:1] != (expected,):
        problem = f"expected first {_written([expected])}, as an input before the leaky ReLU has both signs"
        raise InputError(f"{problem}, found {_written(output.steps)}", f"base.layers[{2 * index + 1}].then")


def _check_output(index: int, output: Dense) -> None:
    _check_no_bias(index, output)
    if output.constants:
        problem = f"expected none in the second layer of a pair, found {len(output.constants)}"
        raise InputError(problem, f"base.layers[{index}].constants")


def _check_no_bias(index: int, layer: Dense) -> None:
    for output, bias in enumerate(layer.bias):
        if bias:
            problem = f"expected 0, as pruning leaves a bias where it is, found {bias}"
            raise InputError(problem, f"base.layers[{index}].bias[{output}]")


def _check_steps(index: int, found: tuple[Step, ...], steps: tuple[Step, ...], finer_bits: int) -> int:
    """Check that the steps are the target's, rescaled; return how much finer their results are."""
    expected, left = rescale(steps, finer_bits)
    if found not in (expected, _with_one_shift(steps, expected, finer_bits)):
        problem = f"expected the target's steps on integers finer by 2^{finer_bits}, {_written(expected)}"
        raise InputError(f"{problem}, found {_written(found)}", f"base.layers[{index}].then")
    return left


def _with_one_shift(steps: tuple[Step, ...], rescaled: tuple[Step, ...], finer_bits: int) -> tuple[Step, ...]:
    """Return the rescaled steps with the finer bits in the multiplier's own shift, where that is the same function.

    It is for `single`, which rounds once, and for `float32`, whose roundings are relative; `double` rounds at a fixed
    place before the shift.
    """
    before = len(tuple(takewhile(lambda step: isinstance(step, Relu | LeakyRelu | Clamp | Offset), steps)))
    ends = steps[before] if before < len(steps) else None
    if not isinstance(ends, RequantizeQ31) or ends.rule == "double" or not finer_bits:
        return rescaled
    shift = ends.shift
    finer = shift + finer_bits if isinstance(shift, int) else tuple(own + finer_bits for own in shift)
    return (*rescaled[:before], msgspec.structs.replace(ends, shift=finer), *rescaled[before + 2 :])


def _written(steps: Sequence[Step]) -> str:
    text = json.dumps(msgspec.to_builtins(list(steps)))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
