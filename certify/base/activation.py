"""The activation of a base network's hidden units: a ReLU, or a leaky ReLU with a slope of 2^-a below 0.

Theorem 1's identity x = σ(x) - σ(-x) is used by Burkholz (2022a) for every σ for which the right side is linear: for
a leaky ReLU it is (1 + 2^-a)·x, in integers (2^a + 1)·x. A unit of weight u then carries something on both sides of
0, so what a pair of matrices gives for one weight is, with P and N the sums of v·u kept over u > 0 and over u < 0,

    (2^a·P + N)·x for x ≥ 0,   (P + 2^a·N)·x for x ≤ 0.

Where every input of a layer has one sign, one of the halves alone is used, as after a ReLU, and what it gives is
finer by a bits. Where some input has both, all of them get both halves with the same sum, P = N = w·2^r, constant
lines too; the accumulator is the target's times 2^a + 1, and the first step after it divides by that, exactly.
"""

from __future__ import annotations

from typing import TypeAlias

from certify.errors import InputError
from certify.network.bounds import box_interval, graph_reach
from certify.network.model import INPUT, Linear, Network
from certify.network.operators import Convolution
from certify.network.operators.operator import Interval
from certify.network.rounding import Q31_BITS
from certify.network.step_form import MAX_PRECISION_BITS
from certify.network.steps import MAX_NEGATIVE_SHIFT, LeakyRelu, Relu, RequantizeQ31, apply_step

Activation: TypeAlias = Relu | LeakyRelu
Bounds: TypeAlias = tuple[list[int], list[int]]
RELU = Relu()
LEAKY = "leaky_relu:"


def activation_name(activation: Activation) -> str:
    """Return `relu`, or `leaky_relu:A` for a slope of 2^-A below 0."""
    return "relu" if isinstance(activation, Relu) else f"{LEAKY}{activation.negative_shift}"


def read_activation(name: str) -> Activation:
    """Return the activation of this name.

    Raises:
        InputError: there is none.
    """
    if name == "relu":
        return RELU
    for shift in range(1, MAX_NEGATIVE_SHIFT + 1):
        if name == f"{LEAKY}{shift}":
            return LeakyRelu(shift)
    raise InputError(f"expected relu, or {LEAKY}A with A from 1 to {MAX_NEGATIVE_SHIFT}, found {name[:40]!r}")


def finer_bits(activation: Activation) -> int:
    """Return by how many bits finer what an activation gives is than what it is given."""
    return 0 if isinstance(activation, Relu) else activation.negative_shift


def channel_bounds(layer: Linear, read: Interval) -> Bounds:
    """Return the bounds of every input of a layer: of a convolution those of its channels, padding included."""
    if isinstance(layer, Convolution):
        return layer.channel_bounds(read)
    return read.low.reshape(-1).tolist(), read.high.reshape(-1).tolist()


def signed_layers(target: Network) -> dict[int, Bounds]:
    """Return the layers with weights, by index, that read an input of both signs, and their inputs' bounds."""
    outputs = {INPUT: box_interval(target.input)}
    outputs |= {index: reach.output for index, reach in enumerate(graph_reach(target))}
    found: dict[int, Bounds] = {}
    for index, layer in enumerate(target.layers):
        if isinstance(layer, Linear):
            bounds = channel_bounds(layer, outputs[target.sources(index)[0]])
            found |= {index: bounds} if any(low < 0 < high for low, high in zip(*bounds, strict=True)) else {}
    return found


def division(target: Network, index: int, bounds: Bounds, activation: Activation, finer: int) -> RequantizeQ31:
    """Return the step that divides a layer's accumulators by 2^a + 1.

    Args:
        target: the target.
        index: of its layer.
        bounds: of the layer's inputs.
        activation: of the hidden units before.
        finer: the base network's accumulators are finer than the target's by so many bits, and times 2^a + 1.

    Raises:
        InputError: an accumulator is too large to be divided exactly, or has precision bits that no step has.
    """
    layer, source, place = target.layers[index], target.sources(index)[0], f"layers[{index}]"
    assert isinstance(layer, Linear)
    read = target.input.precision_bits if source == INPUT else target.precisions()[source]
    bits, shift = layer.precision([read]) + finer, finer_bits(activation)
    if not 0 <= bits <= MAX_PRECISION_BITS:
        problem = f"expected accumulators of 0 to {MAX_PRECISION_BITS} precision bits, found {bits}"
        raise InputError(f"{problem}: after a leaky ReLU they are divided", place)
    # The nearest multiplier to 2^(31 + shift) / factor; half a unit of it is what the rounding bears.
    factor = (1 << shift) + 1
    step = RequantizeQ31(((2 << Q31_BITS + shift) + factor) // (2 * factor), shift, "single", 0, bits)
    least, greatest, _ = layer.kernel_bounds(*bounds)
    largest = max(map(abs, (*least, *greatest))) << finer
    if any(apply_step(step, end * factor) != end for end in (largest, -largest)):
        raise InputError(f"expected accumulators that are exact after a division by {factor}, found {largest}", place)
    return step
