"""Conditions 0, 1 and 5 of the proof: is this the shape for which Theorem 1's decomposition holds?

docs/proof.md, "The conditions", and docs/convolutions.md. Read from the two networks alone, the target's layers in
their order and the ticket's beside them.
0. The ticket has a pair of layers for each of the target's linear ones, and the target's own operator for every
   other, reading what the target's reads. Hidden layers have no bias and exactly the step ReLU, or another activation
   (docs/activations.md), which has obligations of its own; output layers have no bias, no constants and the target's
   steps, rescaled, after the division that such an activation may need. Of a convolution's pair the hidden layer has
   a kernel of one tap, the output layer the target's kernel size, stride and dilation; one of them has the target's
   padding.
1. In the first matrix of a pair every hidden unit keeps weights from one input only.
5. The box that the next layer is proved on contains every value of this one, for target and ticket.

When one of them fails, nothing is refuted: the decomposition does not apply, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from certify.network.bounds import box_interval, layer_reach
from certify.network.compare import common_scale
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import INPUT, Dense, Linear, Network, Operator
from certify.network.operators import Convolution
from certify.network.operators.operator import Interval, column
from certify.network.operators.window import Window
from certify.network.steps import apply_steps
from certify.proof.activation import RELU, Scale, is_activation, scale_of, slopes_fit, slopes_of_units

UNFED = -1
MAX_BITS = 8192
NO_PADDING = ((0, 0), (0, 0))


class NotApplicableError(Exception):
    """The decomposition does not apply to this ticket; the message names the condition that fails."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One linear layer of the target and the pair of layers that stands for it.

    An input here is a channel, numbered through all groups, wherever a kernel reads it; all inputs of a dense layer
    are channels. A unit is a channel of the hidden layer, likewise.

    Attributes:
        index: of the target's linear layers.
        layer, place: of the target's layer among the target's, of the hidden layer among the ticket's.
        target: the target's layer.
        hidden, output: the ticket's two layers.
        low, high: int[inputs], the box of the target layer's inputs, 0 in it where there is padding.
        accumulator_low, accumulator_high: int[outputs], what the target's accumulators can reach on it.
        input_bits: the ticket's input integers are the target's times 2^input_bits.
        weight_bits: a product of two ticket weights, the activation's own finer bits included, is finer than a target
            weight by 2^weight_bits.
        left_bits: the ticket's output integers are the target's times 2^left_bits.
        unit_input: int64[units], the input that each unit keeps, constant lines after all inputs, or UNFED.
        unit_weight: int64[units], the weight kept there, 0 for UNFED.
        factor: the ticket's accumulators are the target's times factor · 2^scale_bits; 1 after a ReLU.
        divides: whether the ticket's first step after its accumulators is the division by the factor.
    """

    index: int
    layer: int
    place: int
    target: Linear
    hidden: Linear
    output: Linear
    low: tuple[int, ...]
    high: tuple[int, ...]
    accumulator_low: tuple[int, ...]
    accumulator_high: tuple[int, ...]
    input_bits: int
    weight_bits: int
    left_bits: int
    unit_input: Int64Array
    unit_weight: Int64Array
    factor: int = 1
    divides: bool = False

    @property
    def scale_bits(self) -> int:
        """log2 s: the ticket's accumulators are the target's times 2^scale_bits, times the factor."""
        return self.input_bits + self.weight_bits

    @property
    def weight_scale(self) -> int:
        """A product of two ticket weights, over the target weight that it stands for."""
        return self.factor << self.weight_bits

    @property
    def scale(self) -> int:
        """The ticket's accumulators are the target's times this."""
        return self.factor << self.scale_bits

    @property
    def boxes(self) -> list[tuple[int, int]]:
        """The box of every input, on the ticket's scale."""
        bits = self.input_bits
        return [(low << bits, high << bits) for low, high in zip(self.low, self.high, strict=True)]

    @cached_property
    def unit_slopes(self) -> Int64Array:
        """int64[2, units]: what each unit carries is [0]·x for x ≥ 0 and [1]·x for x ≤ 0 (condition 2)."""
        return slopes_of_units(self.hidden.steps, self.unit_weight, self.unit_input, self.boxes)

    @property
    def taps(self) -> int:
        """How many positions a kernel reads."""
        return self.target.taps

    @property
    def groups(self) -> int:
        """How many groups of inputs, of units and of outputs are separate."""
        return self.target.groups

    @cached_property
    def weights(self) -> Matrix:
        """The target's kernels: (outputs · taps, channels of a group), row output · taps + tap."""
        return self.target.by_tap()

    @cached_property
    def kept(self) -> Matrix:
        """The output layer's kernels: (outputs · taps, units of a group)."""
        return self.output.by_tap()

    def group_of(self, rows: Int64Array) -> Int64Array:
        """Return the group of each of the rows of `weights` and `kept`."""
        return rows * self.groups // max(1, self.kept.shape[0])

    @cached_property
    def kept_units(self) -> Int64Array:
        """int64[entries]: the unit that each weight of `kept` is multiplied by."""
        return self.group_of(self.kept.row_of_entry()) * self.kept.shape[1] + self.kept.columns

    def only(self, outputs: Sequence[int]) -> Pair:
        """Return the pair with the weights of these outputs alone: for who asks about no other."""
        target, output = (
            layer.replaced(weights=layer.weights.only(np.isin(layer.weights.row_of_entry(), list(outputs))))
            for layer in (self.target, self.output)
        )
        return replace(
            self, target=target, output=output, hidden=self.hidden.replaced(weights=self.hidden.weights.empty())
        )

    def without_kernels(self) -> Pair:
        """Return the pair without weights of anything but the target's constants, and without units."""
        target = self.target
        beside = target.weights.only(target.weights.columns >= self.taps * target.channels)
        none = np.zeros(0, dtype=np.int64)
        return replace(
            self,
            target=target.replaced(weights=beside),
            hidden=self.hidden.replaced(weights=self.hidden.weights.empty()),
            output=self.output.replaced(weights=self.output.weights.empty()),
            unit_input=none,
            unit_weight=none,
        )


@dataclass(frozen=True, eq=False)
class _Known:
    """What a layer of the target gives, and where the ticket has it.

    Attributes:
        place: the ticket's layer.
        values: its bounds, as the target's integers.
        finer_bits: the ticket's integers are the target's times 2^finer_bits.
    """

    place: int
    values: Interval
    finer_bits: int


def pair_up(target: Network, ticket: Network) -> tuple[Pair, ...]:
    """Return the pairs of a ticket, conditions 0, 1 and 5 checked.

    Raises:
        NotApplicableError: a condition fails.
    """
    expected = len(target.layers) + len(target.linear)
    if len(ticket.layers) != expected:
        raise NotApplicableError(f"condition 0: expected {expected} layers, found {len(ticket.layers)}")
    if ticket.input.shape != target.input.shape:
        raise NotApplicableError("condition 0: the inputs have different shapes")
    if target.chain is None and min(target.input.sizes, default=1) < 1:
        # Of a chain every feature's range is asked about; a hull over positions would hide an empty one.
        raise NotApplicableError("condition 4: the box is empty")
    walk = _Walk(target, ticket)
    for index, layer in enumerate(target.layers):
        walk.go(index, layer)
    walk.check_shapes()
    last = walk.known[len(target.layers) - 1]
    if common_scale(target, ticket) != (last.finer_bits, 0):
        raise NotApplicableError("condition 0: the outputs' precision bits do not follow from the steps")
    return tuple(walk.pairs)


class _Walk:
    """The target's layers and the ticket's, side by side."""

    def __init__(self, target: Network, ticket: Network) -> None:
        self.target, self.ticket = target, ticket
        self.shapes = target.shapes()
        self.known = {INPUT: _Known(INPUT, box_interval(target.input), 0)}
        self.pairs: list[Pair] = []
        self.place = 0

    def go(self, index: int, layer: Operator) -> None:
        """Take the target's next layer, and the one or two of the ticket's that stand for it."""
        read = [self.known[source] for source in self.target.sources(index)]
        theirs = [self._take([known.place for known in read])]
        if isinstance(layer, Linear):
            theirs.append(self._take([self.place - 1]))
            self.known[index] = self._pair(index, layer, theirs[0], theirs[1], read[0])
        else:
            self.known[index] = self._shared(layer, theirs[0], read)

    def check_shapes(self) -> None:
        """Check that the ticket has every layer's output in the target's shape, now that its layers are known."""
        theirs = self.ticket.shapes()
        for index, shape in enumerate(self.shapes):
            if theirs[self.known[index].place] != shape:
                raise NotApplicableError(f"condition 0: layer {index} of the target has another shape in the ticket")

    def _take(self, sources: Sequence[int]) -> Operator:
        """Return the ticket's next layer, which has to read these."""
        place, self.place = self.place, self.place + 1
        found = self.ticket.sources(place)
        if found != tuple(sources):
            expected = ", ".join(map(_source_name, sources))
            problem = f"expected it to read {expected}, found {', '.join(map(_source_name, found))}"
            raise NotApplicableError(f"condition 0: layer {place} of the ticket: {problem}")
        return self.ticket.layers[place]

    def _pair(self, index: int, layer: Linear, hidden: Operator, output: Operator, read: _Known) -> _Known:
        where = len(self.pairs)
        if not (isinstance(hidden, Linear) and isinstance(output, Linear)):
            found = f"{type(hidden).__name__.lower()} and {type(output).__name__.lower()}"
            raise NotApplicableError(f"condition 0: pair {where}: expected two linear layers, found {found}")
        pair = _pair((where, index, self.place - 2), layer, hidden, output, read)
        self.pairs.append(pair)
        low, high = (np.broadcast_to(column(end), self.shapes[index]) for end in _next_box(pair))
        return _Known(self.place - 1, Interval(low, high), pair.left_bits)

    def _shared(self, layer: Operator, theirs: Operator, read: Sequence[_Known]) -> _Known:
        """Equal operators on equal integers give equal integers."""
        if _meaning(layer) != _meaning(theirs):
            problem = f"not the target's {type(layer).__name__.lower()}"
            raise NotApplicableError(f"condition 0: layer {self.place - 1} of the ticket: {problem}")
        finer = max((known.finer_bits for known in read), default=0)
        if finer:
            problem = f"reads integers that are finer by {finer} bits"
            raise NotApplicableError(f"condition 0: layer {self.place - 1} of the ticket: {problem}")
        reach = layer_reach(layer, [known.values for known in read])
        return _Known(self.place - 1, reach.output, 0)


def _source_name(source: int) -> str:
    return "the input" if source == INPUT else f"layer {source}"


def _meaning(layer: Any) -> tuple[Any, ...]:
    """Return all that an operator computes from what it reads."""
    names = [field.name for field in fields(layer) if field.name not in {"name", "sources"}]
    return type(layer), *(getattr(layer, name) for name in names)


def _pair(at: tuple[int, int, int], layer: Linear, hidden: Linear, output: Linear, read: _Known) -> Pair:
    index, input_bits = at[0], read.finer_bits
    _check_shapes(index, layer, hidden, output)
    _check_nothing_extra(index, hidden, output)
    weight_bits = hidden.precision_bits + output.precision_bits - layer.precision_bits
    if weight_bits < 0:
        raise NotApplicableError(f"condition 0: pair {index}: δ_t ≥ δ² fails by {-weight_bits} bits")
    scale = _check_steps(index, layer, hidden, output, input_bits + weight_bits)
    weight_bits += scale.more_bits
    unit_input, unit_weight = _feeds(index, hidden)
    low, high = _channel_bounds(layer, read.values)
    least, greatest, _ = layer.kernel_bounds(low, high)
    _check_width(index, (*least, *greatest), input_bits + weight_bits)
    pair = Pair(
        index=index,
        layer=at[1],
        place=at[2],
        target=layer,
        hidden=hidden,
        output=output,
        low=tuple(low),
        high=tuple(high),
        accumulator_low=tuple(least),
        accumulator_high=tuple(greatest),
        input_bits=input_bits,
        weight_bits=weight_bits,
        left_bits=scale.left_bits,
        unit_input=unit_input,
        unit_weight=unit_weight,
        factor=scale.factor,
        divides=scale.divides,
    )
    _check_padding(pair)
    return pair


def _channel_bounds(layer: Linear, values: Interval) -> tuple[list[int], list[int]]:
    """Return the box of every input: of a convolution the hull over all positions, padding included."""
    if isinstance(layer, Convolution):
        return layer.channel_bounds(values)
    return values.low.reshape(-1).tolist(), values.high.reshape(-1).tolist()


def _check_shapes(index: int, layer: Linear, hidden: Linear, output: Linear) -> None:
    kinds = {type(layer), type(hidden), type(output)}
    if len(kinds) != 1 or not kinds <= {Dense, Convolution}:
        names = ", ".join(type(part).__name__.lower() for part in (layer, hidden, output))
        raise NotApplicableError(f"condition 0: pair {index}: expected layers of one kind, found {names}")
    if {hidden.groups, output.groups} != {layer.groups}:
        problem = f"expected {layer.groups} groups, found {hidden.groups} and {output.groups}"
        raise NotApplicableError(f"condition 0: pair {index}: {problem}")
    if isinstance(layer, Convolution) and isinstance(hidden, Convolution) and isinstance(output, Convolution):
        _check_windows(index, layer.window, hidden.window, output.window)
    expected = (layer.channels, hidden.outputs, layer.outputs)
    found = (hidden.channels, layer.groups * (output.weights.shape[1] // output.taps), output.outputs)
    if expected != found:
        raise NotApplicableError(f"condition 0: pair {index}: expected sizes {expected}, found {found}")
    for part in (layer, hidden, output):
        whole = part.taps * part.channels + len(part.constants) == part.weights.shape[1]
        if not whole or part.outputs % part.groups:
            raise NotApplicableError(f"condition 0: pair {index}: a kernel's size does not divide evenly")


def _check_windows(index: int, layer: Window, hidden: Window, output: Window) -> None:
    """Check all but which of the two layers has the padding: `_check_padding`."""
    if (hidden.size, hidden.stride, hidden.dilation) != ((1, 1), (1, 1), (1, 1)):
        raise NotApplicableError(f"condition 0: pair {index}: the hidden layer's kernel is not of one tap")
    if (output.size, output.stride, output.dilation) != (layer.size, layer.stride, layer.dilation):
        problem = "the output layer's kernel size, stride or dilation is not the target's"
        raise NotApplicableError(f"condition 0: pair {index}: {problem}")


def _check_padding(pair: Pair) -> None:
    """Check that one of the two layers has the target's padding, the other none.

    Where it is the output layer, what a unit of a constant line adds is missing at the borders, so none may be kept
    (docs/convolutions.md).
    """
    layers = pair.target, pair.hidden, pair.output
    paddings = [layer.window.padding if isinstance(layer, Convolution) else NO_PADDING for layer in layers]
    if paddings == [paddings[0], paddings[0], NO_PADDING]:
        return
    if paddings != [paddings[0], NO_PADDING, paddings[0]]:
        raise NotApplicableError(f"condition 0: pair {pair.index}: the padding is not the target's")
    if (pair.unit_input[pair.kept_units] >= len(pair.low)).any():
        problem = "a constant line is kept under padding that follows it"
        raise NotApplicableError(f"condition 0: pair {pair.index}: {problem}")


def _check_steps(index: int, layer: Linear, hidden: Linear, output: Linear, bits: int) -> Scale:
    """Check that the ticket's steps are the target's, rescaled, after a division where the activation needs one."""
    scale = scale_of(hidden.steps, layer.steps, output.steps, bits)
    if scale is None:
        raise NotApplicableError(f"condition 0: pair {index}: the steps are not the target's, rescaled")
    if hidden.steps != RELU and not slopes_fit(hidden.steps, hidden.weights.values):
        raise NotApplicableError(f"pair {index}: the slopes of hidden units leave the machine word")
    return scale


def _check_width(index: int, ends: Sequence[int], scale_bits: int) -> None:
    """Check that no number of the pair is longer than is reasonable to put before z3."""
    bits = max(value.bit_length() for value in ends) + scale_bits
    if bits > MAX_BITS:
        raise NotApplicableError(f"pair {index}: numbers of {bits} bits, the decomposition holds {MAX_BITS}")


def _check_nothing_extra(index: int, hidden: Linear, output: Linear) -> None:
    if not is_activation(hidden.steps):
        problem = "the hidden layer's steps are not exactly a ReLU, nor ReLUs, leaky ReLUs and clamps with 0 at 0"
        raise NotApplicableError(f"condition 0: pair {index}: {problem}")
    if any(hidden.bias) or any(output.bias):
        raise NotApplicableError(f"condition 0: pair {index}: a layer of the ticket has a bias")
    if output.constants:
        raise NotApplicableError(f"condition 0: pair {index}: the output layer has constants")


def _feeds(index: int, hidden: Linear) -> tuple[Int64Array, Int64Array]:
    """Condition 1: return for every hidden unit the one input it keeps, and the weight there."""
    kept = np.diff(hidden.weights.start)
    if (kept > 1).any():
        unit = int(np.argmax(kept > 1))
        raise NotApplicableError(f"condition 1: pair {index}: hidden unit {unit} keeps {kept[unit]} inputs")
    unit_input = np.full(hidden.outputs, UNFED, dtype=np.int64)
    unit_weight = np.zeros(hidden.outputs, dtype=np.int64)
    fed = kept == 1
    unit_input[fed] = hidden.reads()
    unit_weight[fed] = hidden.weights.values
    return unit_input, unit_weight


def _next_box(pair: Pair) -> tuple[list[int], list[int]]:
    """Condition 5: return the bounds of what every output channel leaves, the same for target and ticket.

    The steps are monotone, so mapped end points span what they leave. The ticket's accumulators are the target's
    times `scale`, as the obligations prove, and its end points are mapped by its own steps.
    """
    ends: tuple[list[int], list[int]] = ([], [])
    for output, accumulators in enumerate(zip(pair.accumulator_low, pair.accumulator_high, strict=True)):
        ours, theirs = pair.target.steps_of(output), pair.output.steps_of(output)
        for side, accumulator in zip(ends, accumulators, strict=True):
            end = apply_steps(ours, accumulator)
            if pair.divides and apply_steps(theirs[:1], accumulator * pair.scale) != accumulator << pair.scale_bits:
                problem = (
                    f"its first step does not divide by {pair.factor}, as σ(x) - σ(-x) = {pair.factor}·x asks for"
                )
                raise NotApplicableError(f"condition 5: pair {pair.index}: {problem}")
            if apply_steps(theirs, accumulator * pair.scale) != end << pair.left_bits:
                raise NotApplicableError(f"condition 5: pair {pair.index}: the next layer's boxes differ")
            side.append(end)
    return ends
