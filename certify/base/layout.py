"""What stands around the random matrices: the depth, the constant lines and the steps of the base network.

Theorem 1 of Kumar and Natale (arXiv:2508.11020) puts a pair of random matrices in the place of each layer of the
target that has weights. The first has a row for every hidden unit and a column for every input channel and constant
line, and is followed by a ReLU; the second has a row for every output channel and kernel tap, and is followed by the
target's own steps. With groups of channels, each group has units of its own, as many as every other, and its rows
stand together. A dense layer has one group and one tap, and its channels are its inputs.

A product of two random weights of precision δ has precision δ², so the pair's accumulator is finer than the
target's by s = δ_t/δ² (for every pair before it that did not end at its own scale), and its steps are the target's
rescaled. Only layers with weights read what is finer: where any other operator reads a pair, the finer bits, all
zero by then, are shifted out at its end.

A bias is the sum of pruned random weights too: the constant lines carry 1, R, R², … with R = 2^k (2 for k = 0), as
many as the layer's largest bias needs, and each bias is split into digits of S_δ_t. The target's own constants
never vary, so what they contribute is part of the bias here.

Theorem 2 (after Burkholz 2022a) puts such a pair in the place of the first layer alone, and one matrix of single
random weights in that of every other (`copies`). A binary network is Theorem 1's with weights ±1: its first matrices
count in units of 1 and its second in the target's δ_t, so that a product of two is ±δ_t.

Everything here follows from the target, the widths and the precisions, so a certificate carries none of it. The
prover does not take this module's word for it: it holds every constant, step and shape against the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.base import copies
from certify.base.law import BaseNetwork, Construction, Precision
from certify.errors import InputError
from certify.network.model import INPUT, Linear, Network, require_chain
from certify.network.steps import Requantize, Step, rescale

MAX_FINER_BITS = 2048
"""How much finer a ticket may become than its target, which bounds the length of its integers, and so all memory."""


@dataclass(frozen=True)
class Pair:
    """What one layer of the target fixes of its pair of matrices, or of the one that stands for it.

    Attributes:
        input_bits: the pair's input integers are the target's times 2^input_bits.
        weight_bits: a product of two random weights, or one of a single matrix, is finer than a target weight by
            2^weight_bits.
        constants: what the constant lines carry, on the pair's input scale.
        steps: the target's steps for this pair's accumulator.
    """

    input_bits: int
    weight_bits: int
    constants: tuple[int, ...]
    steps: tuple[Step, ...]


def linear_layers(target: Network) -> list[tuple[int, Linear]]:
    """Return the layers with weights, and where they stand in the target; each has a pair of matrices."""
    return [(index, layer) for index, layer in enumerate(target.layers) if isinstance(layer, Linear)]


def default_precisions(target: Network, construction: Construction = "theorem-1") -> tuple[Precision, ...]:
    """Return the coarsest δ that the construction allows for every layer with weights, and δ_in = δ."""
    needed = (_needed(construction, *numbered) for numbered in enumerate(target.linear))
    return tuple(Precision(bits, bits) for bits in needed)


def check_precisions(
    target: Network, precisions: Sequence[Precision], construction: Construction = "theorem-1"
) -> None:
    """Check the condition on δ of every layer with weights: δ_t ≥ δ² for a pair, δ_t ≥ δ for copies, 1 for signs.

    Raises:
        InputError: names the first layer whose target is too fine, and what it needs.
    """
    for number, ((index, layer), precision) in enumerate(zip(linear_layers(target), precisions, strict=True)):
        needed, place = _needed(construction, number, layer), f"layers[{index}].precision_bits"
        if construction == "binary":
            if precision != Precision(0, 0):
                problem = f"expected a base precision of 0 bits, as weights are ±1, found {precision.drawn}"
                raise InputError(problem, place)
        elif precision.kept < needed:
            fails = "δ_t ≥ δ" if is_single(construction, number) else "δ_t ≥ δ²"
            problem = f"expected a base precision of at least {needed} bits, found {precision.kept}: {fails} fails"
            raise InputError(problem, place)


def check_target(target: Network, construction: Construction) -> None:
    """Check that a construction has a network for a target: Theorem 2 has one for chains of dense layers.

    Raises:
        InputError: it has none; names the first layer that it has nothing for.
    """
    if construction == "theorem-2":
        try:
            require_chain(target)
        except InputError as error:
            raise InputError(f"{error.problem}: copies (Theorem 2) stand for no others", error.place) from None


def is_single(construction: Construction, number: int) -> bool:
    """Tell whether one matrix stands for a layer with weights, from 0, and not a pair."""
    return construction == "theorem-2" and number > 0


def _needed(construction: Construction, number: int, layer: Linear) -> int:
    """Return the least bits of the base's weights for one layer."""
    if construction == "binary":
        return 0
    return layer.precision_bits if is_single(construction, number) else (layer.precision_bits + 1) // 2


def weight_precisions(
    construction: Construction, number: int, layer: Linear, precision: Precision
) -> tuple[int, ...]:
    """Return the precision bits of the weights of each matrix that stands for a layer."""
    if construction == "binary":
        return 0, layer.precision_bits
    return (precision.kept,) if is_single(construction, number) else (precision.kept, precision.kept)


def radix_bits(precision_bits: int) -> int:
    """Return log2 R of the bias digits of a layer of these precision bits."""
    return max(precision_bits, 1)


def constant_lines(layer: Linear) -> int:
    """Return how many constant lines the layer's largest bias needs: the fewest with Σ 2^k·R^line not below it."""
    largest = max(map(abs, layer.offsets()))
    lines = reach = 0
    while reach < largest:
        reach += 1 << (layer.precision_bits + radix_bits(layer.precision_bits) * lines)
        lines += 1
    return lines


def pairs(
    target: Network, precisions: Sequence[Precision], construction: Construction = "theorem-1"
) -> tuple[Pair, ...]:
    """Return what the target fixes of every pair or single matrix, in order.

    Raises:
        InputError: too many layers follow each other without a step that ends at its own scale.
    """
    found: list[Pair] = []
    finer = dict.fromkeys((INPUT, *range(len(target.layers))), 0)
    to_reset = _read_by_others(target)
    for number, ((index, layer), precision) in enumerate(zip(linear_layers(target), precisions, strict=True)):
        input_bits = finer[target.sources(index)[0]]
        weight_bits = sum(weight_precisions(construction, number, layer, precision)) - layer.precision_bits
        radix = radix_bits(layer.precision_bits)
        constants = tuple(1 << (radix * line + input_bits) for line in range(constant_lines(layer)))
        steps, left = rescale(layer.steps, input_bits + weight_bits)
        if left > MAX_FINER_BITS:
            problem = f"expected a ticket finer than its target by at most {MAX_FINER_BITS} bits, found {left}"
            raise InputError(problem, f"layers[{index}]")
        if left and index in to_reset:
            steps, left = (*steps, Requantize(left, "floor")), 0
        found.append(Pair(input_bits, weight_bits, constants, steps))
        finer[index] = left
    return tuple(found)


def _read_by_others(target: Network) -> set[int]:
    """Return the layers that some operator without weights reads."""
    others = (index for index, layer in enumerate(target.layers) if not isinstance(layer, Linear))
    return {source for index in others for source in target.sources(index)}


def matrix_shapes(target: Network, base: BaseNetwork) -> tuple[tuple[int, int], ...]:
    """Return (rows, columns) of every matrix that the base network has for this target.

    Raises:
        InputError: too many layers without a step that ends at its own scale; copies of Theorem 2 that are not whole.
    """
    shapes: list[tuple[int, int]] = []
    around = pairs(target, base.precisions, base.construction)
    each = copies.of_layers(target, base)
    for number, (layer, pair, width) in enumerate(zip(target.linear, around, base.widths, strict=True)):
        read, made = each[number], each[number + 1]
        columns, rows = layer.channels + len(pair.constants), layer.outputs * layer.taps * made
        if is_single(base.construction, number):
            shapes.append((rows, read * columns))
        else:
            shapes += [(layer.groups * width, columns), (rows, width)]
    return tuple(shapes)
