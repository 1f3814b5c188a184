"""A TFLite model of int8 FULLY_CONNECTED operators as a network of integers.

An int8 tensor holds q, with zero point z; a layer computes with x = q - z. So the network takes the integers x, from
-128 - z to 127 - z. Each layer ends at its q, and where another follows, -z is added; the last layer's are q. What is
not integer arithmetic stays outside: the claim starts after a QUANTIZE and ends before a DEQUANTIZE, LOGISTIC or
SOFTMAX. Operators that compute shapes are folded, and those that only change a shape do nothing to the flattened
vector.

The operators have to be a chain, in the order of the file: each reads the activation that the last one wrote.
"""

from __future__ import annotations

from dataclasses import dataclass

from certify.errors import InputError, printable
from certify.network.bounds import network_bounds
from certify.network.model import Box, Display, Network
from certify.network.rounding import Rule
from certify.network.steps import Offset
from certify.network.tflite.layer import Layer, clamp, read_layer
from certify.network.tflite.model import (
    DenseOptions,
    Model,
    Operator,
    PackOptions,
    ReshapeOptions,
    SliceOptions,
    Tensor,
    read_model,
    shorten,
)
from certify.network.tflite.multiplier import INT8_HIGH, INT8_LOW
from certify.network.tflite.operands import Activation, activation, dense_tensor, expect_shape, expect_type
from certify.network.tflite.shapes import SHAPE_OPERATORS, Folded, pack, read_constant, reshape_target, strided_slice

LEADING_OPERATORS = ("QUANTIZE",)
LAYER_OPERATORS = ("FULLY_CONNECTED", "RELU", "RELU6", "RELU_N1_TO_1")
RESHAPING_OPERATORS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
TRAILING_OPERATORS = ("DEQUANTIZE", "LOGISTIC", "SOFTMAX")
SUPPORTED_OPERATORS = (
    *LEADING_OPERATORS,
    *LAYER_OPERATORS,
    *RESHAPING_OPERATORS,
    *SHAPE_OPERATORS,
    *TRAILING_OPERATORS,
)
"""What `read_tflite` reads; everything else is refused by name."""

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
    """Return the network of an int8 TFLite multilayer perceptron, with a batch of one.

    Args:
        data: the file.
        rule: how a kernel multiplies by the factor between scales; docs/tflite.md says which kernel does what.

    Raises:
        InputError: the file is damaged, or has something that is not read; operator and tensor are named.
        ReaderMissingError: the package `tflite` is not installed.
    """
    model = read_model(data)
    chain = _Chain(model, rule)
    for operator in model.operators:
        try:
            chain.read(operator)
        except InputError as error:
            place = f"{operator.shown}, {error.place}" if error.place else operator.shown
            raise InputError(error.problem, place) from None
    return chain.converted()


class _Chain:
    """The operators read so far: where the activation is, what was folded, which layers there are."""

    def __init__(self, model: Model, rule: Rule) -> None:
        self._model = model
        self._rule = rule
        self._current = model.input
        self._written = {model.input}
        self._folded: dict[int, Folded] = {}
        self._layers: list[Layer] = []
        self._after = ""
        self._before = ""
        # The int8 activations where the claim starts and, so far, ends; None before a QUANTIZE.
        self._start: Activation | None = None
        self._end: Activation | None = None
        source = dense_tensor(model.tensors[model.input])
        if source.dtype == "INT8":
            self._start = self._end = activation(source)

    def read(self, operator: Operator) -> None:
        """Take in the next operator.

        Raises:
            InputError: it is not read, or does not continue the chain.
        """
        if operator.name not in SUPPORTED_OPERATORS:
            raise InputError(f"expected one of {', '.join(SUPPORTED_OPERATORS)}, found {operator.name}")
        output = self._output(operator)
        if operator.name in SHAPE_OPERATORS:
            self._folded[output] = self._fold(operator, self._tensor(output))
        else:
            self._follow(operator, self._tensor(output))
            self._current = output
        self._written.add(output)

    def converted(self) -> Converted:
        """Return what was read.

        Raises:
            InputError: there was no layer, or the chain does not end at the model's output.
        """
        if self._current != self._model.output:
            expected, found = self._model.tensors[self._model.output], self._model.tensors[self._current]
            raise InputError(f"expected the operators to end at {expected.shown}, the model's output", found.shown)
        if not self._layers or self._start is None or self._end is None:
            raise InputError("expected at least one operator FULLY_CONNECTED, found none")
        layers = tuple(layer.dense() for layer in self._layers)
        output = Display(str(self._end.scale), self._end.zero_point)
        network = Network(self._model.name, _box(self._start), layers, output)
        ends = (self._start.tensor.name, self._before, self._end.tensor.name)
        return Converted(network, self._after, *ends, _notes(network, self._layers, self._rule))

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

    def _follow(self, operator: Operator, target: Tensor) -> None:
        """Take in an operator on the activation itself."""
        source = self._tensor(self._current)
        if not operator.inputs or operator.inputs[0] != self._current:
            raise InputError(f"expected a chain, in which the next operator reads {source.shown}")
        if operator.name == "QUANTIZE":
            self._quantize(source, target)
        elif operator.name in TRAILING_OPERATORS:
            self._before = self._before or operator.name
        elif self._before:
            if operator.name != "RESHAPE":
                raise InputError(f"expected nothing but RESHAPE after {self._before}, found {operator.name}")
        elif self._end is None:
            raise InputError(f"expected an int8 input, or QUANTIZE first, found {source.dtype}", source.shown)
        elif operator.name == "FULLY_CONNECTED":
            self._dense(operator, self._end, target)
        elif operator.name in RESHAPING_OPERATORS:
            self._reshape(operator, self._end, target)
        else:
            self._relu(operator, self._end, target)

    def _quantize(self, source: Tensor, target: Tensor) -> None:
        if self._current != self._model.input or self._end is not None:
            raise InputError("expected QUANTIZE only of the model's input", source.shown)
        expect_type(source, "FLOAT32", "UINT8")
        expect_shape(target, source.shape)
        self._start = self._end = activation(target)
        self._after = "QUANTIZE"

    def _dense(self, operator: Operator, source: Activation, target: Tensor) -> None:
        assert isinstance(operator.options, DenseOptions)
        present = operator.inputs[:-1] if operator.inputs[-1] == -1 else operator.inputs
        if len(operator.inputs) not in (2, 3) or len(present) < 2:
            raise InputError(f"expected an activation, weights and at most a bias, found {list(operator.inputs)}")
        constants = [self._tensor(index) for index in present[1:]]
        layer, self._end = read_layer(operator.options, source, constants, target, self._rule)
        if self._layers:
            self._layers[-1].steps.append(Offset(-source.zero_point))
        self._layers.append(layer)

    def _reshape(self, operator: Operator, source: Activation, target: Tensor) -> None:
        changed = _same_quantization(source, target)
        if operator.name == "RESHAPE":
            expect_shape(target, self._reshape_target(operator, source.tensor))
        elif target.size != source.tensor.size:
            raise InputError(f"expected {source.tensor.size} elements, found {target.size}", target.shown)
        self._end = changed

    def _reshape_target(self, operator: Operator, source: Tensor) -> tuple[int, ...]:
        assert isinstance(operator.options, ReshapeOptions)
        target = operator.options.new_shape
        if len(operator.inputs) > 1:
            target = self._constant(operator.inputs[1]).values
        if target is None:
            raise InputError("expected a shape as second input or option, found none", source.shown)
        return reshape_target(target, source.size)

    def _relu(self, operator: Operator, source: Activation, target: Tensor) -> None:
        if not self._layers:
            raise InputError("expected FULLY_CONNECTED before it, found none", target.shown)
        expect_shape(target, source.tensor.shape)
        self._end = _same_quantization(source, target)
        # XNNPACK leaves these to TFLite's kernels, which round the bounds in one way under every rule.
        self._layers[-1].steps.append(clamp(operator.name, source, "single"))


def _same_quantization(source: Activation, target: Tensor) -> Activation:
    found = activation(target)
    if (found.scale, found.zero_point) != (source.scale, source.zero_point):
        problem = f"expected the input's scale and zero point, {source.scale} and {source.zero_point}"
        raise InputError(f"{problem}, found {found.scale} and {found.zero_point}", target.shown)
    return found


def _box(start: Activation) -> Box:
    """Return every int8 q as q - zero point; a leading batch of one is left out of the shape."""
    shape = start.tensor.shape[1:] if len(start.tensor.shape) > 1 else start.tensor.shape
    count = start.tensor.size
    low, high = INT8_LOW - start.zero_point, INT8_HIGH - start.zero_point
    return Box(shape or (1,), (low,) * count, (high,) * count, 0, Display(str(start.scale)))


def _notes(network: Network, layers: list[Layer], rule: Rule) -> tuple[str, ...]:
    """Say where a runtime's int32 may not hold what the network's integers do, by interval bounds."""
    notes = []
    for layer, bounds in zip(layers, network_bounds(network), strict=True):
        low, high = min(bounds.low), max(bounds.high)
        found = ""
        if low < -_INT32 or high >= _INT32:
            found = f"an accumulator may lie from {low} to {high}, outside int32"
        elif rule != "float32" and max(-low, high) * layer.factor >= _INT32:
            found = "an accumulator times its factor may lie outside int32"
        if found:
            notes.append(
                f"layer '{printable(shorten(layer.name))}': {found}, where a runtime wraps and the network does not"
            )
    return tuple(notes)
