"""The network as it grows: layers, where tensors are, and what is brought into which order.

Layers are added as the file is read. An accumulation is added without steps; the quantizer that follows gives it
some. Where nothing has to move, nothing is added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.network.matrix import Matrix
from certify.network.onnx.model import Node, tensor_place
from certify.network.onnx.values import (
    UNIT,
    Added,
    Constant,
    Grid,
    Integers,
    Joined,
    Mean,
    Order,
    Real,
    Shifted,
    Soft,
    Start,
    Value,
    View,
)
from certify.network.operators import INPUT, Linear, Operator, Reshape, Transpose
from certify.network.operators.operator import Shape
from certify.network.steps import Clamp, Offset, Step

MAX_LAYER = 2**22
"""Elements of a tensor; above every network that runs on a microcontroller by far."""


@dataclass
class Builder:
    """What was read so far.

    Attributes:
        input_shape: of the network's input.
        layers: so far.
        values: what every tensor of the file is, by name.
        notes: where a runtime may not do what the network does.
    """

    input_shape: Shape
    layers: list[Operator] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _shapes: list[Shape] = field(default_factory=list)
    _used: set[int] = field(default_factory=set)
    _known: dict[Operator, int] = field(default_factory=dict)

    def emit(self, operator: Operator) -> int:
        """Add a layer, and return its index.

        Raises:
            InputError: it does not fit what it reads, or is larger than `MAX_LAYER`.
        """
        key = None if isinstance(operator, Linear) else operator
        if key is not None and key in self._known:
            return self._known[key]
        shape = operator.shape([self.shape(source) for source in operator.sources])
        if math.prod(shape) > MAX_LAYER:
            raise InputError(f"expected at most {MAX_LAYER} elements, found {list(shape)}")
        self.layers.append(operator)
        self._shapes.append(shape)
        self._used.update(operator.sources)
        if key is not None:
            self._known[key] = len(self.layers) - 1
        return len(self.layers) - 1

    def shape(self, layer: int) -> Shape:
        """Return the shape of a layer, or of the input."""
        return self.input_shape if layer == INPUT else self._shapes[layer]

    def arrange(self, view: View, wanted: Order) -> int:
        """Return a layer that holds a tensor with the dimensions in this order, moving what has to be.

        Args:
            view: the tensor.
            wanted: dimensions of the file, all that are longer than 1 among them, or `UNIT`.
        """
        long = [place for place in view.order if place != UNIT and view.shape[place] > 1]
        target = [place for place in wanted if place != UNIT and view.shape[place] > 1]
        layer = view.layer
        if long != target:
            if sorted(view.order) == sorted(wanted) and UNIT not in wanted:
                return self.emit(Transpose(tuple(view.order.index(place) for place in wanted), sources=(layer,)))
            layer = self.reshape(layer, tuple(view.shape[place] for place in long))
            layer = self.emit(Transpose(tuple(long.index(place) for place in target), sources=(layer,)))
        return self.reshape(layer, tuple(1 if place == UNIT else view.shape[place] for place in wanted))

    def reshape(self, layer: int, shape: Shape) -> int:
        """Return a layer with the same elements in this shape."""
        while layer != INPUT and isinstance(self.layers[layer], Reshape) and not self.layers[layer].steps:
            (layer,) = self.layers[layer].sources
        if self.shape(layer) == (shape or (1,)):
            return layer
        return self.emit(Reshape(shape or (1,), sources=(layer,)))

    def stepped(self, view: View, steps: Sequence[Step]) -> View:
        """Return a quantized tensor after steps that are the same for all its elements."""
        if not steps:
            return view
        layer = self.emit(Reshape(self.shape(view.layer), tuple(steps), sources=(view.layer,)))
        return replace(view, layer=layer)

    def finish(self, real: Real, steps: Sequence[Step], negated: Sequence[int] = ()) -> View:
        """Return an accumulation's results: give its layer its steps.

        Args:
            real: the accumulation.
            steps: for every element.
            negated: channels whose weights and bias change their signs, for a linear layer.
        """
        layer = self.layers[real.view.layer]
        if negated:
            layer = _negate(layer, negated)
        finished: Any = replace(layer, steps=tuple(steps))  # type: ignore[type-var]
        if real.view.layer in self._used:
            return replace(real.view, layer=self.emit(finished))
        self.layers[real.view.layer] = finished
        self._known = {key: place for key, place in self._known.items() if place != real.view.layer}
        self._used.add(real.view.layer)
        return real.view

    def centered(self, value: Integers, zero_point: int) -> View:
        """Return where q - zero point is."""
        shift = value.center - zero_point
        return self.stepped(value.view, [Offset(shift)] if shift else [])

    def clamped(self, view: View, found: tuple[int, int], wanted: tuple[int, int]) -> View:
        """Return a tensor within bounds, given those that it has."""
        inside = wanted[0] <= found[0] and found[1] <= wanted[1]
        return view if inside else self.stepped(view, [Clamp(*wanted)])

    def value(self, name: str) -> Value:
        """Return what a tensor is.

        Raises:
            InputError: nothing has filled it.
        """
        if not name:
            raise InputError("expected a tensor, found an input left out")
        if name not in self.values:
            raise InputError("expected a tensor that was filled before", tensor_place(name))
        return self.values[name]

    def real(self, name: str) -> Real:
        """Return a dequantized tensor, or an accumulation of such.

        Raises:
            InputError: it is something else.
        """
        found = self.value(name)
        if not isinstance(found, Real):
            raise InputError(f"expected a dequantized activation, found {described(found)}", tensor_place(name))
        return found

    def settled(self, name: str) -> Real:
        """Return a dequantized tensor on its integers, nothing pending.

        Raises:
            InputError: it is something else, or was not quantized since something was done to it.
        """
        found = self.real(name)
        if found.raw or found.pending:
            raise InputError(
                "expected a quantized activation, found one that was not quantized after the last operator on it",
                tensor_place(name),
            )
        return found

    def constant(self, name: str) -> Constant:
        """Return numbers of the file.

        Raises:
            InputError: it is something else.
        """
        found = self.value(name)
        if not isinstance(found, Constant):
            raise InputError(f"expected a constant, found {described(found)}", tensor_place(name))
        return found

    def integers(self, name: str, count: int | None = None) -> tuple[int, ...]:
        """Return a constant's integers, of a shape or of axes.

        Raises:
            InputError: it is something else, has other elements, or not so many.
        """
        array = self.constant(name).array
        if array.dtype.kind not in "iu" or array.ndim > 1 or (count is not None and array.size != count):
            expected = "integers" if count is None else f"{count} integers"
            raise InputError(f"expected {expected}, found {array.dtype.name}{list(array.shape)}", tensor_place(name))
        return tuple(array.reshape(-1).tolist())


def described(value: Value) -> str:
    """Say what a tensor is."""
    match value:
        case Start():
            return "the model's input in FLOAT, which is not quantized"
        case Constant():
            return "a float constant" if value.array.dtype.kind == "f" else "a constant"
        case Grid():
            return "a quantized constant"
        case Integers():
            return f"a tensor of {value.dtype}"
        case Real() | Added() | Shifted() | Joined() | Mean() | Soft():
            return "an activation of real numbers"


def present(node: Node, place: int) -> str:
    """Return the name of an optional input, "" where it is left out."""
    return node.inputs[place] if place < len(node.inputs) else ""


def expect_inputs(node: Node, least: int, most: int) -> None:
    """Check how many inputs an operator has, and that it has one output that is used.

    Raises:
        InputError: other numbers.
    """
    if not least <= len(node.inputs) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise InputError(f"expected {wanted} inputs, found {len(node.inputs)}")
    if not node.outputs or not node.outputs[0] or any(node.outputs[1:]):
        raise InputError(f"expected one output, found {len([name for name in node.outputs if name])}")


def attribute(node: Node, name: str, kind: type, default: Any) -> Any:
    """Return an attribute, or the default.

    Raises:
        InputError: it has another type.
    """
    found = node.attributes.get(name, default)
    if found is not default and not isinstance(found, kind):
        raise InputError(f"expected attribute {name} of type {kind.__name__}, found {type(found).__name__}")
    return found


def axis_of(axis: int, rank: int) -> int:
    """Return a dimension counted from 0.

    Raises:
        InputError: there is none such.
    """
    if not -rank <= axis < rank:
        raise InputError(f"expected an axis of {rank} dimensions, found {axis}")
    return axis % rank


def _negate(layer: Operator, channels: Sequence[int]) -> Operator:
    """Return a linear layer whose accumulators of some channels have the other sign."""
    assert isinstance(layer, Linear)
    sign = np.ones(layer.outputs, dtype=np.int64)
    sign[list(channels)] = -1
    weights = layer.weights
    values = weights.values * sign[weights.row_of_entry()]
    changed = Matrix(weights.shape, weights.start, weights.columns, values)
    bias = tuple(value * side for value, side in zip(layer.bias, sign.tolist(), strict=True))
    turned: Operator = replace(layer, weights=changed, bias=bias)  # type: ignore[type-var]
    return turned
