"""A quantized ONNX model as a network of integers.

Three ways of writing a quantized network are read. QDQ has QuantizeLinear and DequantizeLinear around float
operators, QOperator has operators on integers with their scales: both mean here what onnxruntime's quantized kernels
compute. QONNX has Quant nodes around float operators, and means exact arithmetic (`exact`). A claim starts after the
first quantizer and ends before what is computed in floats behind the last one.

Each operator's reader stands beside its meaning (`operators/*/onnx.py`) and is registered here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction

from certify.errors import InputError
from certify.network.bounds import graph_reach
from certify.network.model import Box, Display, Network
from certify.network.onnx import functions, quantizers
from certify.network.onnx.builder import Builder, described, present
from certify.network.onnx.fold import FOLDERS, fold, folds
from certify.network.onnx.model import Model, Node, read_model, shorten, tensor_place
from certify.network.onnx.registry import Readers
from certify.network.onnx.tidy import tidy
from certify.network.onnx.values import INTEGER_TYPES, Constant, Integers, Real, Soft, Start, Value, View, shape_of
from certify.network.operators import INPUT
from certify.network.operators.addition.onnx import READERS as ADDITION
from certify.network.operators.convolution.onnx import READERS as CONVOLUTION
from certify.network.operators.dense.onnx import READERS as DENSE
from certify.network.operators.moving.onnx import READERS as MOVING
from certify.network.operators.operator import Linear, Shape
from certify.network.operators.pooling.onnx import READERS as POOLING
from certify.network.operators.product.onnx import READERS as PRODUCT
from certify.network.operators.softmax.onnx import READERS as SOFTMAX
from certify.network.steps import Offset

READERS: Readers = {
    **quantizers.READERS,
    **functions.READERS,
    **ADDITION,
    **CONVOLUTION,
    **DENSE,
    **MOVING,
    **POOLING,
    **PRODUCT,
    **SOFTMAX,
}
SUPPORTED_OPERATORS = tuple(dict.fromkeys((*(kind for _, kind in READERS), *FOLDERS, "Shape", "Constant")))
"""What `read_onnx` reads; everything else is refused by name."""
MAX_FEATURES = 2**20
_INT32 = 2**31
_GRID = re.compile(r"([0-9]{1,40}(?:\.[0-9]{1,40})?)(?:/([0-9]{1,40}))?:(-?[0-9]{1,10})\.\.(-?[0-9]{1,10})")
_FLOAT_TYPES = ("FLOAT",)


@dataclass(frozen=True)
class InputGrid:
    """The integers that a model's float input is taken to stand on: value = scale · integer.

    Attributes:
        scale: above 0, exact.
        low, high: the least and greatest integer.
    """

    scale: Fraction
    low: int
    high: int

    @staticmethod
    def parse(text: str) -> InputGrid:
        """Return the grid written as `scale:low..high`, the scale a decimal or a fraction, such as `1/255:0..255`.

        Raises:
            InputError: it is written otherwise, the scale is 0, or there is no integer from low to high.
        """
        match = _GRID.fullmatch(text)
        if match is None or int(match[2] or 1) == 0 or Fraction(match[1]) == 0 or int(match[3]) > int(match[4]):
            raise InputError(f"expected an input grid such as 1/255:0..255, found {text[:80]!r}")
        return InputGrid(Fraction(match[1]) / int(match[2] or 1), int(match[3]), int(match[4]))

    def __str__(self) -> str:
        """Return the one way to write it."""
        return f"{self.scale}:{self.low}..{self.high}"


@dataclass(frozen=True)
class Converted:
    """A network read from a model, and what of the model it stands for.

    Attributes:
        network: the network.
        after: the operator that the claim starts after, "" where the network's inputs are the model's own.
        input_tensor: whose integers, less their zero point, are the network's inputs.
        before: the operator that the claim ends before, "" where the model ends there.
        output_tensor: whose integers are the network's outputs.
        notes: where a runtime's machine integers may not do what the network's integers do.
    """

    network: Network
    after: str
    input_tensor: str
    before: str
    output_tensor: str
    notes: tuple[str, ...]


def read_onnx(data: bytes, grid: InputGrid | None = None) -> Converted:
    """Return the network of a quantized ONNX model, with a batch of one.

    Args:
        data: the file.
        grid: for a model whose float input is not quantized, the integers that it stands on.

    Raises:
        InputError: the file is damaged, or has something that is not read; operator and tensor are named.
        ReaderMissingError: the package `onnx` is not installed.
    """
    conversion = _Conversion(read_model(data), grid)
    for node in conversion.model.nodes:
        try:
            conversion.read(node)
        except InputError as error:
            place = f"{node.shown}, {error.place}" if error.place else node.shown
            raise InputError(error.problem, place) from None
    return conversion.converted()


class _Conversion:
    """The nodes read so far."""

    def __init__(self, model: Model, grid: InputGrid | None) -> None:
        self.model = model
        self._grid = grid
        self._shape = _input_shape(model)
        box = self._shape[1:] if len(self._shape) > 1 and self._shape[0] == 1 else self._shape
        self._builder = Builder(box or (1,))
        self._builder.values = {name: Constant(array) for name, array in model.constants.items()}
        self._after, self._input_tensor = "", model.input.name
        self._bounds: tuple[int, int] | None = None
        self._scale: str | None = None
        # What ends the claim: for every tensor behind the last quantizer, that quantizer's tensor and what came next.
        self._tails: dict[str, tuple[str, str]] = {}
        self._builder.values[model.input.name] = self._first()

    def read(self, node: Node) -> None:
        """Take in the next node.

        Raises:
            InputError: it is not read, or does not fit what came before.
        """
        if (node.domain, node.kind) not in READERS and (node.domain or node.kind not in SUPPORTED_OPERATORS):
            raise InputError(f"expected an operator that is read, found {shorten(node.kind)}")
        builder, source = self._builder, node.inputs[0] if node.inputs else ""
        found: Value
        if folds(builder, node):
            found = fold(builder, node)
        elif isinstance(builder.values.get(source), Start):
            found = self._begin(node)
        elif (node.domain, node.kind) in READERS:
            found = READERS[node.domain, node.kind](builder, node)
        else:
            raise InputError("expected constants or a shape, found an activation")
        (name, *_) = node.outputs
        self._check_declared(name, found)
        builder.values[name] = found
        self._follow_tail(node, name, found)

    def _first(self) -> Value:
        """Return what the model's input is."""
        declared, view = self.model.input, View(INPUT, self._shape, ())
        view = replace(view, order=view.natural)
        if declared.dtype in INTEGER_TYPES and declared.dtype != "INT32":
            if self._grid is not None:
                raise InputError("expected no input grid, as the input is quantized", tensor_place(declared.name))
            center = _own_zero_point(self.model)
            low, high = INTEGER_TYPES[declared.dtype]
            self._bounds = low - center, high - center
            return Integers(view, center, declared.dtype)
        if declared.dtype not in _FLOAT_TYPES:
            problem = f"expected an input of FLOAT, INT8 or UINT8, found {declared.dtype or 'none'}"
            raise InputError(problem, tensor_place(declared.name))
        if self._grid is None:
            return Start(self._shape)
        self._bounds = self._grid.low, self._grid.high
        return Real(view, (self._grid.scale,), (self._grid.low,), (self._grid.high,))

    def _begin(self, node: Node) -> Value:
        """Start the claim at the integers that a quantizer makes of the float input."""
        name = self.model.input.name
        view = View(INPUT, self._shape, ())
        view = replace(view, order=view.natural)
        if node.kind not in ("QuantizeLinear", "Quant", "BipolarQuant"):
            problem = (
                "expected a quantized input, or an input grid that says which integers it stands on, found FLOAT"
            )
            raise InputError(problem, tensor_place(name))
        begun = quantizers.begin(self._builder, node, view)
        bounds = (begun.lows[0], begun.highs[0])
        if self._bounds is not None and (self._bounds, self._scale) != (bounds, str(begun.scale)):
            raise InputError("expected one quantizer of the input, found several that differ", tensor_place(name))
        self._bounds, self._scale = bounds, str(begun.scale)
        self._after, self._input_tensor = node.kind, node.outputs[0]
        if node.kind != "QuantizeLinear":
            return begun
        _, dtype = quantizers.read_zero_point(self._builder, present(node, 2), "UINT8")
        return Integers(view, INTEGER_TYPES[dtype][0] - bounds[0], dtype)

    def _check_declared(self, name: str, value: Value) -> None:
        """Check what the file says of a tensor against what it is."""
        declared = self.model.declared.get(name)
        if declared is None or declared.shape is None:
            return
        shape = shape_of(value)
        agree = len(shape) == len(declared.shape) and all(
            said is None or said == length for said, length in zip(declared.shape, shape, strict=True)
        )
        if not agree:
            said = ["?" if length is None else length for length in declared.shape]
            raise InputError(f"expected the shape {list(shape)}, found {said} declared", tensor_place(name))

    def _follow_tail(self, node: Node, name: str, value: Value) -> None:
        """Remember, behind each quantized tensor, what the file goes on with in floats."""
        source = node.inputs[0] if node.inputs else ""
        if isinstance(value, Integers) or (isinstance(value, Real) and node.kind in ("Quant", "BipolarQuant")):
            self._tails[name] = (name, "")
        elif isinstance(value, Real | Soft) and source in self._tails and not _raw(value):
            tensor, before = self._tails[source]
            moves = node.kind in {kind for _, kind in MOVING}
            if moves and not before:
                self._tails[name] = (name, "")
            else:
                self._tails[name] = (tensor, before or node.kind)

    def converted(self) -> Converted:
        """Return what was read.

        Raises:
            InputError: the output is not quantized, or nothing was computed.
        """
        name = self.model.output.name
        place = tensor_place(name)
        if name not in self._builder.values:
            raise InputError("expected an operator that fills the model's output, found none", place)
        value = self._builder.values[name]
        self._check_declared(name, value)
        layer, display = self._output(value, place)
        if not self._builder.layers or layer == INPUT or self._bounds is None:
            raise InputError("expected an operator between input and output, found none", place)
        shapes = [self._builder.shape(index) for index in range(len(self._builder.layers))]
        layers = tidy(self._builder.layers, layer, shapes)
        count = math.prod(self._builder.input_shape)
        low, high = self._bounds
        box = Box(self._builder.input_shape, (low,) * count, (high,) * count, 0, Display(self._scale))
        network = Network(self.model.name, box, layers, display)
        tensor, before = self._tails.get(name, (name, ""))
        return Converted(network, self._after, self._input_tensor, before, tensor, self._notes(network))

    def _output(self, value: Value, place: str) -> tuple[int, Display]:
        """Return the layer that holds the output's integers, in the file's order."""
        builder = self._builder
        if isinstance(value, Soft):
            value = value.source
        if isinstance(value, Integers):
            view = builder.stepped(value.view, [Offset(value.center)] if value.center else [])
            return builder.arrange(view, view.natural), Display()
        if not isinstance(value, Real):
            raise InputError(f"expected a quantized output, found {described(value)}", place)
        if value.raw and (value.pending or len(value.scales) > 1):
            raise InputError("expected a quantized output, found an accumulation that no quantizer follows", place)
        view = value.view
        zero_point = 0
        if value.raw:
            view = builder.finish(value, ())
        elif value.highs[0] - value.lows[0] == INTEGER_TYPES["UINT8"][1] and value.factors:
            zero_point = _zero_point_of(self._tail_source())
            view = builder.stepped(view, [Offset(zero_point)] if zero_point else [])
        return builder.arrange(view, view.natural), Display(str(value.scale) if value.factors else None, zero_point)

    def _tail_source(self) -> Value | None:
        tensor, _ = self._tails.get(self.model.output.name, ("", ""))
        return self._builder.values.get(tensor)

    def _notes(self, network: Network) -> tuple[str, ...]:
        """Say where a runtime's int32 may not hold what the network's integers do, by interval bounds."""
        notes = list(dict.fromkeys(self._builder.notes))
        for layer, reach in zip(network.layers, graph_reach(network), strict=True):
            if not isinstance(layer, Linear):
                continue
            low, high = min(reach.accumulator.low.flat), max(reach.accumulator.high.flat)
            if low < -_INT32 or high >= _INT32:
                notes.append(
                    f"layer '{shorten(layer.name)}': an accumulator may lie from {low} to {high}, outside int32, "
                    "where a runtime wraps and the network does not"
                )
        return tuple(notes)


def _raw(value: Value) -> bool:
    return isinstance(value, Real) and value.raw


def _zero_point_of(value: Value | None) -> int:
    return value.center if isinstance(value, Integers) else 0


def _input_shape(model: Model) -> Shape:
    """Return the input's shape.

    Raises:
        InputError: it is not said, not fixed, or larger than `MAX_FEATURES`.
    """
    declared = model.input
    if declared.shape is None or any(length is None for length in declared.shape):
        said = "no shape" if declared.shape is None else ["?" if n is None else n for n in declared.shape]
        raise InputError(f"expected dimensions that are fixed, found {said}", tensor_place(declared.name))
    shape = tuple(length for length in declared.shape if length is not None)
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_FEATURES:
        problem = f"expected dimensions of at least 1 and at most {MAX_FEATURES} elements, found {list(shape)}"
        raise InputError(problem, tensor_place(declared.name))
    return shape


def _own_zero_point(model: Model) -> int:
    """Return the zero point with which a quantized input is read, 0 where its readers differ or have none."""
    found = set()
    for node in model.nodes:
        for place, name in enumerate(node.inputs):
            if name == model.input.name:
                constant = model.constants.get(present(node, place + 2))
                known = constant is not None and constant.size == 1 and constant.dtype.name in quantizers.ONNX_TYPES
                found.add(int(constant.item()) if known and constant is not None else 0)
    return found.pop() if len(found) == 1 else 0
