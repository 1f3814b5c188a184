"""A TFLite model of int8 operators as a network of integers.

An int8 tensor holds q, with zero point z, and a layer computes with x = q - z. So the network takes the integers x,
from -128 - z to 127 - z, and its outputs are the q of the last tensor (`graph` says what is between). What is not
integer arithmetic stays outside: the claim starts after a QUANTIZE and ends before a DEQUANTIZE, LOGISTIC or SOFTMAX
that is followed by nothing else. Operators that compute shapes are folded.

How each operator becomes a layer is in certify/network/operators/*/tflite.py, and registered here. The operators of
the file are in an order in which they can be computed; whatever they write leads to the model's output.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.errors import InputError, printable
from certify.network.bounds import graph_reach
from certify.network.model import INPUT, Box, Display, Linear, Network
from certify.network.operators.addition import tflite as addition
from certify.network.operators.convolution import tflite as convolution
from certify.network.operators.dense import tflite as dense
from certify.network.operators.moving import tflite as moving
from certify.network.operators.pooling import tflite as pooling
from certify.network.operators.product import tflite as product
from certify.network.rounding import Rule
from certify.network.tflite import elementwise
from certify.network.tflite.call import Call, Reader, State, Value, own_shape
from certify.network.tflite.graph import Graph, elements
from certify.network.tflite.model import Model, Operator, Tensor, read_model, shorten
from certify.network.tflite.multiplier import INT8_HIGH, INT8_LOW
from certify.network.tflite.operands import Activation, activation, dense_tensor, expect_shape, expect_type
from certify.network.tflite.options import PackOptions, SliceOptions
from certify.network.tflite.shapes import SHAPE_OPERATORS, Folded, pack, read_constant, strided_slice

_FILES = (dense, convolution, addition, pooling, product, moving, elementwise)
_READERS: dict[str, Reader] = {name: reader for file in _FILES for name, reader in file.READERS.items()}
_OPTIONS: dict[str, type[Any]] = {name: options for file in _FILES for name, options in file.OPTIONS.items()}
_OPTIONS["PACK"] = PackOptions

LEADING_OPERATORS = ("QUANTIZE",)
TRAILING_OPERATORS = ("DEQUANTIZE", "LOGISTIC", "SOFTMAX")
SUPPORTED_OPERATORS = tuple(dict.fromkeys((*LEADING_OPERATORS, *_READERS, *SHAPE_OPERATORS, *TRAILING_OPERATORS)))
"""What `read_tflite` reads; everything else is refused by name, and so is SOFTMAX anywhere but at the end."""

_AFTER_THE_END = (*TRAILING_OPERATORS, "RESHAPE")
_INT32 = 2**31


@dataclass(frozen=True)
class Converted:
    """A network read from a model, and what of the model it stands for.

    Attributes:
        network: input integers x = q - zero point, output integers q.
        after: the operator that the claim starts after, "" where the model's own input is the int8 tensor.
        input_tensor: the int8 tensor whose q - zero point are the network's inputs.
        before: the operator that the claim ends before, "" where the model ends there.
        output_tensor: the int8 tensor whose q are the network's outputs.
        notes: where a runtime's machine integers may not do what the network's integers do.
    """

    network: Network
    after: str
    input_tensor: str
    before: str
    output_tensor: str
    notes: tuple[str, ...]


def read_tflite(data: bytes, rule: Rule) -> Converted:
    """Return the network of an int8 TFLite model, with a batch of one.

    Args:
        data: the file.
        rule: how a kernel multiplies by the factor between scales; docs/tflite.md says which kernel does what.

    Raises:
        InputError: the file is damaged, or has something that is not read; operator and tensor are named.
        ReaderMissingError: the package `tflite` is not installed.
    """
    model = read_model(data, _OPTIONS)
    reading = _Reading(model, rule)
    for operator in model.operators:
        try:
            reading.read(operator)
        except InputError as error:
            place = error.place or ", ".join(
                model.tensors[index].shown for index in operator.outputs[:1] if index >= 0
            )
            raise InputError(error.problem, f"{operator.shown}, {place}" if place else operator.shown) from None
    return reading.converted()


class _Reading:
    """The operators read so far, and where the claim starts and ends."""

    def __init__(self, model: Model, rule: Rule) -> None:
        self._model = model
        self._rule: Rule = rule
        self._ending = _ending(model)
        self._after = ""
        self._written = {model.input}
        self._folded: dict[int, Folded] = {}
        self._state: State | None = None
        if dense_tensor(model.tensors[model.input]).dtype == "INT8":
            self._begin(model.input)

    def read(self, operator: Operator) -> None:
        """Take in the next operator.

        Raises:
            InputError: it is not read, or what it reads was not written.
        """
        if operator.name not in SUPPORTED_OPERATORS:
            raise InputError(f"expected one of {', '.join(SUPPORTED_OPERATORS)}, found {operator.name}")
        output = self._output(operator)
        if operator.index in self._ending:
            self._end(operator)
        elif operator.name in SHAPE_OPERATORS and not self._moves(operator):
            self._folded[output] = self._fold(operator, self._tensor(output))
        elif operator.name in LEADING_OPERATORS and not self._moves(operator):
            self._quantize(operator, output)
        elif operator.name in _READERS:
            _READERS[operator.name](Call(self._started(), operator, output))
        else:
            problem = f"expected {operator.name} at the end, followed by nothing but {', '.join(_AFTER_THE_END)}"
            raise InputError(problem, self._tensor(output).shown)
        self._written.add(output)

    def converted(self) -> Converted:
        """Return what was read.

        Raises:
            InputError: there was no layer, or an operator does not lead to the model's output.
        """
        state, tensors = self._started(), self._model.tensors
        last = self._model.operators[min(self._ending)].inputs[0] if self._ending else self._model.output
        for index in sorted({*state.unread, last} - ({last} & state.values.keys())):
            problem = f"expected the operators to end at {tensors[self._model.output].shown}, the model's output"
            raise InputError(problem, tensors[index].shown)
        start, end = state.values[self._start], state.values[last]
        if end.node == INPUT:
            raise InputError("expected at least one operator that computes, found none")
        layers, factors = state.graph.layers(end.node)
        output = Display(str(end.activation.scale), end.activation.zero_point)
        network = Network(self._model.name, _box(start.activation), layers, output)
        before = self._model.operators[min(self._ending)].name if self._ending else ""
        notes = _notes(network, factors, self._rule)
        return Converted(network, self._after, start.tensor.name, before, end.tensor.name, notes)

    def _output(self, operator: Operator) -> int:
        if len(operator.outputs) != 1:
            raise InputError(f"expected one output, found {len(operator.outputs)}")
        (output,) = operator.outputs
        if output in self._written or self._tensor(output).data is not None:
            raise InputError("expected a tensor that nothing else fills", self._tensor(output).shown)
        return output

    def _tensor(self, index: int) -> Tensor:
        if index < 0:
            raise InputError("expected a tensor, found an operand left out")
        return dense_tensor(self._model.tensors[index])

    def _started(self) -> State:
        if self._state is None:
            source = self._model.tensors[self._model.input]
            raise InputError(f"expected an int8 input, or QUANTIZE first, found {source.dtype}", source.shown)
        return self._state

    def _begin(self, index: int) -> None:
        """Start the claim at a tensor."""
        start = activation(self._model.tensors[index])
        try:
            graph = Graph(own_shape(start.tensor), start.zero_point)
        except InputError as error:
            raise InputError(error.problem, start.tensor.shown) from None
        values = {index: Value(INPUT, start)}
        self._start = index
        readers = Counter(index for one in self._model.operators if one.name != "SHAPE" for index in one.inputs)
        self._state = State(self._model, self._rule, graph, values, self._folded, set(), readers, set())

    def _moves(self, operator: Operator) -> bool:
        """Tell whether an operator that may also compute shapes or begin the claim reads an activation here."""
        return (
            operator.name in _READERS
            and self._state is not None
            and bool(operator.inputs)
            and operator.inputs[0] in self._state.values
        )

    def _end(self, operator: Operator) -> None:
        """Check an operator behind the end of the claim."""
        if operator.inputs[0] not in self._written:
            source = self._tensor(operator.inputs[0])
            raise InputError("expected a tensor that was written before", source.shown)
        self._started().unread.discard(operator.inputs[0])

    def _quantize(self, operator: Operator, output: int) -> None:
        source = self._tensor(operator.inputs[0] if operator.inputs else -1)
        if operator.inputs[0] != self._model.input or self._state is not None:
            raise InputError("expected QUANTIZE of the model's input, or of an activation", source.shown)
        expect_type(source, "FLOAT32", "UINT8")
        expect_shape(self._tensor(output), source.shape)
        self._begin(output)
        self._after = operator.name

    def _fold(self, operator: Operator, target: Tensor) -> Folded:
        """Return what an operator on shapes computes."""
        expect_type(target, "INT32", "INT64")
        if operator.name == "SHAPE":
            folded = self._shape(operator)
        else:
            operands = [self._constant(index) for index in operator.inputs]
            if isinstance(operator.options, SliceOptions):
                folded = strided_slice(operands, operator.options)
            else:
                assert isinstance(operator.options, PackOptions)
                folded = pack(operands, operator.options)
        expect_shape(target, () if folded.scalar else (len(folded.values),))
        return folded

    def _shape(self, operator: Operator) -> Folded:
        if len(operator.inputs) != 1:
            raise InputError(f"expected one input, found {len(operator.inputs)}")
        source = self._tensor(operator.inputs[0])
        if operator.inputs[0] not in self._written:
            raise InputError("expected a tensor that was written before", source.shown)
        return Folded(source.shape)

    def _constant(self, index: int) -> Folded:
        return self._folded[index] if index in self._folded else read_constant(self._tensor(index))


def _ending(model: Model) -> frozenset[int]:
    """Return the operators behind the end of the claim, by index: a chain to the output, from a trailing one."""
    writer = {output: operator for operator in model.operators for output in operator.outputs}
    behind: list[int] = []
    tensor, last = model.output, 0
    while tensor in writer and len(behind) <= len(model.operators):
        operator = writer[tensor]
        if operator.name not in _AFTER_THE_END or not operator.inputs:
            break
        behind.append(operator.index)
        last = len(behind) if operator.name in TRAILING_OPERATORS else last
        tensor = operator.inputs[0]
    return frozenset(behind[:last])


def _box(start: Activation) -> Box:
    """Return every int8 q as q - zero point; a leading batch of one is left out of the shape."""
    shape, zero_point = own_shape(start.tensor), start.zero_point
    count = elements(shape)
    low, high = INT8_LOW - zero_point, INT8_HIGH - zero_point
    return Box(shape, (low,) * count, (high,) * count, 0, Display(str(start.scale)))


def _notes(network: Network, factors: dict[int, float], rule: Rule) -> tuple[str, ...]:
    """Say where a runtime's int32 may not hold what the network's integers do, by interval bounds."""
    if not any(_crosses(-_magnitude(layer), _magnitude(layer), factors[i], rule) for i, layer in _linear(network)):
        return ()
    notes = []
    reach = graph_reach(network)
    for index, layer in _linear(network):
        bounds = reach[index].accumulator
        found = _crosses(min(bounds.low.flat), max(bounds.high.flat), factors[index], rule)
        if found:
            named = printable(shorten(layer.name))
            notes.append(f"layer '{named}': {found}, where a runtime wraps and the network does not")
    return tuple(notes)


def _linear(network: Network) -> list[tuple[int, Linear]]:
    return [(index, layer) for index, layer in enumerate(network.layers) if isinstance(layer, Linear)]


def _magnitude(layer: Linear) -> int:
    """Return what no accumulator exceeds, whatever the int8 tensor that is read."""
    widest = np.bincount(layer.weights.row_of_entry(), np.abs(layer.weights.values), layer.outputs)
    return int(widest.max()) * (INT8_HIGH - INT8_LOW) + max(map(abs, layer.bias))


def _crosses(low: int, high: int, factor: float, rule: Rule) -> str:
    """Say how accumulators from low to high leave int32; "" where they do not."""
    if low < -_INT32 or high >= _INT32:
        return f"an accumulator may lie from {low} to {high}, outside int32"
    if rule != "float32" and max(-low, high) * factor >= _INT32:
        return "an accumulator times its factor may lie outside int32"
    return ""
