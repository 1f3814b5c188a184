"""TFLite files for the tests, written slot by slot with the flatbuffers builder.

Nothing here checks anything, so that every model which the reader has to refuse can be written. Slots are those of
TFLite's schema (version 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

_TARGETS = Path(__file__).parents[1] / "certificates" / "targets"
DEPLOYED = {path.name.removesuffix(".int8.tflite"): path for path in sorted(_TARGETS.glob("*.int8.tflite"))}
"""Models that others trained and deployed."""

TYPES = {"FLOAT32": 0, "INT32": 2, "UINT8": 3, "INT64": 4, "INT16": 7, "INT8": 9, "INT4": 17}
CODES = {
    "ADD": 0,
    "AVERAGE_POOL_2D": 1,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 4,
    "DEQUANTIZE": 6,
    "FULLY_CONNECTED": 9,
    "LOGISTIC": 14,
    "MAX_POOL_2D": 17,
    "MUL": 18,
    "RELU": 19,
    "RELU_N1_TO_1": 20,
    "RELU6": 21,
    "RESHAPE": 22,
    "SOFTMAX": 25,
    "TANH": 28,
    "CUSTOM": 32,
    "PAD": 34,
    "TRANSPOSE": 39,
    "MEAN": 40,
    "SQUEEZE": 43,
    "STRIDED_SLICE": 45,
    "PADV2": 60,
    "SLICE": 65,
    "EXPAND_DIMS": 70,
    "SHAPE": 77,
    "PACK": 83,
    "LEAKY_RELU": 98,
    "QUANTIZE": 114,
    "HARD_SWISH": 117,
    "BATCH_MATMUL": 126,
}
_PADDINGS = {"SAME": 0, "VALID": 1}
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3, "TANH": 4, "SIGN_BIT": 5}

Slot = Callable[[flatbuffers.Builder], Callable[[flatbuffers.Builder, int], None]]


@dataclass(frozen=True)
class Tensor:
    """One tensor; `data` makes it constant, empty scales leave quantization out."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "INT8"
    scales: tuple[float, ...] = ()
    zeros: tuple[int, ...] = ()
    data: bytes | None = None
    dimension: int = 0
    signature: tuple[int, ...] = ()
    more: dict[int, Slot] = field(default_factory=dict)


@dataclass(frozen=True)
class Operator:
    """One operator, with the slots of its options table."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: int = 0
    options: dict[int, Slot] = field(default_factory=dict)
    more: dict[int, Slot] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """One model of one subgraph."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...] = (0,)
    outputs: tuple[int, ...] | None = None
    version: int = 3
    description: str = "built"
    subgraphs: int = 1
    identifier: bytes = b"TFL3"
    buffer_more: dict[int, Slot] = field(default_factory=dict)

    def with_tensor(self, index: int, **changes: Any) -> Model:
        """Return the model with one tensor changed."""
        return replace(self, tensors=_replaced(self.tensors, index, **changes))

    def with_operator(self, index: int, **changes: Any) -> Model:
        """Return the model with one operator changed."""
        return replace(self, operators=_replaced(self.operators, index, **changes))

    def then(self, operator: str, tensor: Tensor, constants: Sequence[Tensor] = (), **fields: Any) -> Model:
        """Return the model with one more operator that reads the last activation."""
        last = self.operators[-1].outputs[0] if self.operators else self.inputs[0]
        first = len(self.tensors)
        inputs = (last, *range(first, first + len(constants)))
        added = Operator(operator, inputs, (first + len(constants),), **fields)
        return replace(self, tensors=(*self.tensors, *constants, tensor), operators=(*self.operators, added))

    def pack(self) -> bytes:
        """Return the file's bytes."""
        builder = flatbuffers.Builder(1024)
        buffers = [None, *(tensor.data for tensor in self.tensors)]
        codes = list(dict.fromkeys(operator.code for operator in self.operators))
        outputs = self.operators[-1].outputs if self.outputs is None else self.outputs
        graph = table(
            {
                0: tables([_tensor(t, i + 1) for i, t in enumerate(self.tensors)]),
                1: numbers("Int32", self.inputs),
                2: numbers("Int32", outputs),
                3: tables([_operator(operator, codes) for operator in self.operators]),
                4: string("main"),
            }
        )
        root = table(
            {
                0: number("Uint32", self.version),
                1: tables([_code(code) for code in codes]),
                2: tables([graph] * self.subgraphs),
                3: string(self.description),
                4: tables([table(self.buffer_more if data is None else {0: raw(data)}) for data in buffers]),
            }
        )
        builder.Finish(root(builder), file_identifier=self.identifier)
        return bytes(builder.Output())


@dataclass(frozen=True)
class Layer:
    """One FULLY_CONNECTED: int8 weights[outputs, inputs] and its scales."""

    weights: Any
    scales: tuple[float, ...] = (0.01,)
    bias: Any = None
    output_scale: float = 0.1
    output_zero: int = 0
    activation: str = "NONE"


def chain(
    layers: Iterable[Layer], input_scale: float = 0.05, input_zero: int = 0, inputs: int | None = None
) -> Model:
    """Return a model of FULLY_CONNECTED alone, from an int8 input to an int8 output."""
    layers = list(layers)
    columns = np.asarray(layers[0].weights).shape[1] if inputs is None else inputs
    model = Model((Tensor("input", (1, columns), "INT8", (input_scale,), (input_zero,)),), ())
    scale = input_scale
    for index, layer in enumerate(layers):
        weights = np.asarray(layer.weights, dtype=np.int8)
        rows = len(weights)
        constants = [
            Tensor(
                f"weights{index}", weights.shape, "INT8", layer.scales, (0,) * len(layer.scales), weights.tobytes()
            )
        ]
        if layer.bias is not None:
            bias = np.asarray(layer.bias, dtype="<i4")
            own = tuple(float(np.float32(scale) * np.float32(s)) for s in layer.scales)
            constants.append(Tensor(f"bias{index}", (rows,), "INT32", own, (0,) * len(own), bias.tobytes()))
        output = Tensor(f"layer{index}", (1, rows), "INT8", (layer.output_scale,), (layer.output_zero,))
        model = model.then("FULLY_CONNECTED", output, constants, options_type=8, options=dense(layer.activation))
        scale = layer.output_scale
    return model


class Drawing:
    """A graph in the making: `op` adds an operator and returns the tensor that it writes."""

    def __init__(self, *start: Tensor) -> None:
        self.tensors = list(start)
        self.operators: list[Operator] = []

    def constant(self, tensor: Tensor) -> int:
        """Return the index of one more tensor."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def op(self, code: str, inputs: Sequence[int], output: Tensor, **fields: Any) -> int:
        """Return the tensor that one more operator writes."""
        index = self.constant(output)
        self.operators.append(Operator(code, tuple(inputs), (index,), **fields))
        return index

    def weights(
        self,
        name: str,
        values: Any,
        scales: Sequence[float],
        source_scale: float,
        bias: Any = None,
        dimension: int = 0,
    ) -> list[int]:
        """Return the indices of int8 weights and, if there is one, of a bias with the scales that go with them."""
        array = np.asarray(values, dtype=np.int8)
        zeros = (0,) * len(scales)
        found = [self.constant(Tensor(name, array.shape, "INT8", tuple(scales), zeros, array.tobytes(), dimension))]
        if bias is not None:
            own = tuple(float(np.float32(source_scale) * np.float32(scale)) for scale in scales)
            data = np.asarray(bias, dtype="<i4")
            found.append(self.constant(Tensor(f"{name}_bias", data.shape, "INT32", own, zeros, data.tobytes())))
        return found

    def model(self) -> Model:
        """Return the model whose output the last operator writes."""
        return Model(tuple(self.tensors), tuple(self.operators))


def convolution(padding: str = "SAME", stride: Any = (1, 1), dilation: Any = (1, 1), activation: str = "NONE") -> Any:
    """Return options_type and options of CONV_2D; stride and dilation are (down, right)."""
    slots = {
        0: number("Int8", _PADDINGS[padding]),
        1: number("Int32", stride[1]),
        2: number("Int32", stride[0]),
        3: number("Int8", ACTIVATIONS[activation]),
        4: number("Int32", dilation[1]),
        5: number("Int32", dilation[0]),
    }
    return {"options_type": 1, "options": slots}


def depthwise(
    multiplier: int, padding: str = "SAME", stride: Any = (1, 1), dilation: Any = (1, 1), activation: str = "NONE"
) -> Any:
    """Return options_type and options of DEPTHWISE_CONV_2D."""
    slots = {
        0: number("Int8", _PADDINGS[padding]),
        1: number("Int32", stride[1]),
        2: number("Int32", stride[0]),
        3: number("Int32", multiplier),
        4: number("Int8", ACTIVATIONS[activation]),
        5: number("Int32", dilation[1]),
        6: number("Int32", dilation[0]),
    }
    return {"options_type": 2, "options": slots}


def pooling(size: Any, stride: Any = (1, 1), padding: str = "VALID", activation: str = "NONE") -> Any:
    """Return options_type and options of AVERAGE_POOL_2D and MAX_POOL_2D."""
    slots = {
        0: number("Int8", _PADDINGS[padding]),
        1: number("Int32", stride[1]),
        2: number("Int32", stride[0]),
        3: number("Int32", size[1]),
        4: number("Int32", size[0]),
        5: number("Int8", ACTIVATIONS[activation]),
    }
    return {"options_type": 5, "options": slots}


def addition(activation: str = "NONE") -> Any:
    """Return options_type and options of ADD."""
    return {"options_type": 11, "options": {0: number("Int8", ACTIVATIONS[activation])}}


def between(model: Model, *, before: str = "DEQUANTIZE") -> Model:
    """Return the model with a float input and QUANTIZE before it, and an ending of floats after it."""
    count = len(model.tensors)
    first = replace(model.tensors[model.inputs[0]], name="float_input", dtype="FLOAT32", scales=(), zeros=())
    quantize = Operator("QUANTIZE", (count,), (model.inputs[0],))
    model = replace(model, tensors=(*model.tensors, first), operators=(quantize, *model.operators), inputs=(count,))
    last = model.tensors[model.operators[-1].outputs[0]]
    return model.then(before, replace(last, name="float_output", dtype="FLOAT32", scales=(), zeros=()))


def dense(activation: str = "NONE", weights_format: int = 0, *, keep_dims: bool = False) -> dict[int, Slot]:
    """Return the slots of FullyConnectedOptions."""
    return {
        0: number("Int8", ACTIVATIONS[activation]),
        1: number("Int8", weights_format),
        2: number("Bool", keep_dims),
    }


def integers(name: str, values: Sequence[int] | int) -> Tensor:
    """Return a constant int32 tensor."""
    array = np.asarray(values, dtype="<i4")
    return Tensor(name, array.shape, "INT32", data=array.tobytes())


def number(kind: str, value: float) -> Slot:
    """Return a slot with a scalar, written even where it is the default."""
    return lambda _: lambda builder, slot: (getattr(builder, f"Prepend{kind}")(value), builder.Slot(slot))[1]


def string(text: str) -> Slot:
    """Return a slot with a string."""
    return _offset(lambda builder: builder.CreateString(text))


def raw(data: bytes) -> Slot:
    """Return a slot with a vector of bytes."""
    return _offset(lambda builder: builder.CreateByteVector(data))


def numbers(kind: str, values: Sequence[float]) -> Slot:
    """Return a slot with a vector of scalars."""
    width = {"Int8": 1, "Int32": 4, "Float32": 4, "Int64": 8}[kind]

    def write(builder: flatbuffers.Builder) -> int:
        builder.StartVector(width, len(values), width)
        for value in reversed(values):
            getattr(builder, f"Prepend{kind}")(value)
        return int(builder.EndVector())

    return _offset(write)


def tables(written: Sequence[Callable[[flatbuffers.Builder], int]]) -> Slot:
    """Return a slot with a vector of tables."""

    def write(builder: flatbuffers.Builder) -> int:
        offsets = [one(builder) for one in written]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    return _offset(write)


def subtable(slots: dict[int, Slot]) -> Slot:
    """Return a slot with a table."""
    return _offset(table(slots))


def table(slots: dict[int, Slot]) -> Callable[[flatbuffers.Builder], int]:
    """Return what writes a table with these slots."""

    def write(builder: flatbuffers.Builder) -> int:
        ready = {slot: value(builder) for slot, value in slots.items()}
        builder.StartObject(max(slots, default=-1) + 1)
        for slot, put in ready.items():
            put(builder, slot)
        return int(builder.EndObject())

    return write


def _offset(write: Callable[[flatbuffers.Builder], int]) -> Slot:
    def prepare(builder: flatbuffers.Builder) -> Callable[[flatbuffers.Builder, int], None]:
        offset = write(builder)
        return lambda builder, slot: builder.PrependUOffsetTRelativeSlot(slot, offset, 0)

    return prepare


def _replaced(items: tuple[Any, ...], index: int, **changes: Any) -> tuple[Any, ...]:
    changed = list(items)
    changed[index] = replace(changed[index], **changes)
    return tuple(changed)


def _code(code: str) -> Callable[[flatbuffers.Builder], int]:
    number_ = CODES[code]
    custom = {1: string("Mystery")} if code == "CUSTOM" else {}
    return table({0: number("Int8", min(number_, 127)), 2: number("Int32", 1), 3: number("Int32", number_), **custom})


def _tensor(tensor: Tensor, buffer: int) -> Callable[[flatbuffers.Builder], int]:
    slots: dict[int, Slot] = {
        0: numbers("Int32", tensor.shape),
        1: number("Int8", TYPES[tensor.dtype]),
        2: number("Uint32", buffer),
        3: string(tensor.name),
    }
    if tensor.scales or tensor.zeros:
        scales, zeros = numbers("Float32", tensor.scales), numbers("Int64", tensor.zeros)
        slots[4] = subtable({2: scales, 3: zeros, 6: number("Int32", tensor.dimension)})
    if tensor.signature:
        slots[7] = numbers("Int32", tensor.signature)
    return table(slots | tensor.more)


def _operator(operator: Operator, codes: list[str]) -> Callable[[flatbuffers.Builder], int]:
    slots: dict[int, Slot] = {
        0: number("Uint32", codes.index(operator.code)),
        1: numbers("Int32", operator.inputs),
        2: numbers("Int32", operator.outputs),
    }
    if operator.options_type:
        slots |= {3: number("Uint8", operator.options_type), 4: subtable(operator.options)}
    return table(slots | operator.more)
