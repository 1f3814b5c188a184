"""A TFLite model as plain values: what the file says, before anything is made of it.

The package `tflite` (the schema's accessors) is imported here and only when a model is read; `certify` runs without
it. Its accessors trust the file, so nothing is read before `verify` has passed it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError, ReaderMissingError
from certify.network.tflite.options import MAX_RANK, OptionsField, fields_of, table_of
from certify.network.tflite.verify import verify

SCHEMA_VERSION = 3
MAX_OPERANDS = 64
_SHOWN = 160
_PACKAGE = "tflite 2.18 or later"


@dataclass(frozen=True, eq=False)
class Quantization:
    """Real value = scale · (integer - zero point); scales float32[n], zero_points int64[m]."""

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    dimension: int
    details: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor.

    Attributes:
        name: as in the file.
        shape: () for a scalar.
        signature: the shape with -1 for what is not fixed; () where the file does not say.
        dtype: TFLite's name, such as INT8.
        data: uint8[bytes] of a constant, None for what operators fill in.
        quantization: None where the file has none.
        unread: the fields that make it something else than a dense tensor: is_variable, sparsity, variant_tensors.
    """

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    dtype: str
    data: NDArray[np.uint8] | None
    quantization: Quantization | None
    unread: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many elements."""
        return math.prod(self.shape)

    @property
    def shown(self) -> str:
        """The name for a message."""
        return f"tensor '{shorten(self.name)}'"


@dataclass(frozen=True)
class Operator:
    """One operator: TFLite's name, indices of tensors (-1 for an input left out), options (None: not read)."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any

    @property
    def shown(self) -> str:
        """The operator for a message."""
        return f"operator {self.index} {self.name}"


@dataclass(frozen=True)
class Model:
    """One model: a subgraph with one input and one output."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input: int
    output: int


def shorten(name: str) -> str:
    """Return the name, or the beginning of a long one."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


def read_model(data: bytes, options: Mapping[str, type[Any]]) -> Model:
    """Return what a TFLite file says.

    Args:
        data: the file.
        options: for each operator whose options are read, what they are read into (`options.table`).

    Raises:
        InputError: it is no TFLite file, or one with several subgraphs, inputs or outputs.
        ReaderMissingError: the package `tflite` is not installed.
    """
    schema = _schema()
    verify(data, options.values())
    return _File(schema, schema.Model.GetRootAs(data, 0), options).model()


def _schema() -> Any:
    try:
        import tflite  # noqa: PLC0415  # an extra: only who reads a model needs it
    except ImportError as error:
        raise ReaderMissingError(_PACKAGE, "tflite") from error
    if not hasattr(tflite.Buffer, "Offset"):
        # Of a schema that keeps large buffers behind the flatbuffer; older packages do not know it.
        raise ReaderMissingError(_PACKAGE, "tflite")
    return tflite


class _File:
    """Access to one verified file."""

    def __init__(self, schema: Any, root: Any, options: Mapping[str, type[Any]]) -> None:
        self._schema = schema
        self._options_of = options
        self._root = root
        self._types = _names(schema.TensorType)
        self._codes = _names(schema.BuiltinOperator)

    def model(self) -> Model:
        root = self._root
        if root.Version() != SCHEMA_VERSION:
            raise InputError(f"expected schema version {SCHEMA_VERSION}, found {root.Version()}", "version")
        _expect_one("subgraphs", root.SubgraphsLength(), "subgraphs")
        graph = root.Subgraphs(0)
        _expect_one("inputs", graph.InputsLength(), "subgraphs[0].inputs")
        _expect_one("outputs", graph.OutputsLength(), "subgraphs[0].outputs")
        tensors = tuple(self._tensor(graph.Tensors(i), i) for i in range(graph.TensorsLength()))
        operators = tuple(self._operator(graph.Operators(i), i, tensors) for i in range(graph.OperatorsLength()))
        ends = (graph.Inputs(0), graph.Outputs(0))
        for index, end in zip(ends, ("inputs", "outputs"), strict=True):
            if not 0 <= index < len(tensors):
                raise InputError(
                    f"expected a tensor from 0 to {len(tensors) - 1}, found {index}", f"subgraphs[0].{end}"
                )
        return Model(_text(root.Description()) or _text(graph.Name()), tensors, operators, *ends)

    def _tensor(self, raw: Any, index: int) -> Tensor:
        name = _text(raw.Name())
        place = f"tensor {index} '{shorten(name)}'"
        if max(raw.ShapeLength(), raw.ShapeSignatureLength()) > MAX_RANK:
            raise InputError(f"expected at most {MAX_RANK} dimensions, found {raw.ShapeLength()}", place)
        unread = {
            "is_variable": raw.IsVariable(),
            "sparsity": raw.Sparsity() is not None,
            "variant_tensors": raw.VariantTensorsLength() > 0,
        }
        return Tensor(
            name=name,
            shape=_integers(raw.ShapeAsNumpy()),
            signature=_integers(raw.ShapeSignatureAsNumpy()),
            dtype=self._types.get(raw.Type(), f"type {raw.Type()}"),
            data=self._buffer(raw.Buffer(), place),
            quantization=_quantization(raw.Quantization()),
            unread=tuple(field for field, found in unread.items() if found),
        )

    def _buffer(self, index: int, place: str) -> NDArray[np.uint8] | None:
        if index >= self._root.BuffersLength():
            problem = f"expected a buffer below {self._root.BuffersLength()}, found {index}"
            raise InputError(problem, place)
        buffer = self._root.Buffers(index)
        if buffer.Offset() or buffer.Size():
            raise InputError("expected the buffer's bytes inside the flatbuffer, found them after it", place)
        return _array(buffer.DataAsNumpy(), np.uint8) if buffer.DataLength() else None

    def _operator(self, raw: Any, index: int, tensors: tuple[Tensor, ...]) -> Operator:
        name = self._code(raw.OpcodeIndex(), f"operator {index}")
        place = f"operator {index} {name}"
        if max(raw.InputsLength(), raw.OutputsLength()) > MAX_OPERANDS:
            raise InputError(f"expected at most {MAX_OPERANDS} inputs or outputs, found more", place)
        inputs, outputs = _integers(raw.InputsAsNumpy()), _integers(raw.OutputsAsNumpy())
        for operand in (*inputs, *outputs):
            if not -1 <= operand < len(tensors):
                raise InputError(f"expected a tensor from 0 to {len(tensors) - 1}, found {operand}", place)
        return Operator(index, name, inputs, outputs, self._options(raw, name, place))

    def _code(self, index: int, place: str) -> str:
        if index >= self._root.OperatorCodesLength():
            problem = f"expected an operator code below {self._root.OperatorCodesLength()}, found {index}"
            raise InputError(problem, place)
        code = self._root.OperatorCodes(index)
        # Files older than version 3a have only the first of the two, and newer ones 127 there.
        number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        name = self._codes.get(number, f"number {number}")
        return f"{name} '{shorten(_text(code.CustomCode()))}'" if name == "CUSTOM" else name

    def _options(self, raw: Any, name: str, place: str) -> Any:
        kind = self._options_of.get(name)
        if kind is None:
            return None
        table = table_of(kind)
        raw_options = raw.BuiltinOptions() if raw.BuiltinOptionsType() else None
        if raw_options is None:
            return kind()
        if raw.BuiltinOptionsType() != table.number:
            raise InputError(f"expected {table.name}, found options of type {raw.BuiltinOptionsType()}", place)
        accessor = getattr(self._schema, table.name)()
        accessor.Init(raw_options.Bytes, raw_options.Pos)
        return kind(**{own: self._field(accessor, own, field, place) for own, field in fields_of(kind).items()})

    def _field(self, accessor: Any, name: str, field: OptionsField, place: str) -> Any:
        own = "".join(word.capitalize() for word in name.split("_"))
        if field.vector:
            length = getattr(accessor, f"{own}Length")()
            if length > MAX_RANK:
                raise InputError(f"expected at most {MAX_RANK} dimensions, found {length}", place)
            absent = getattr(accessor, f"{own}IsNone")()
            return None if absent else _integers(getattr(accessor, f"{own}AsNumpy")())
        value = getattr(accessor, own)()
        if not field.names:
            return value
        return _names(getattr(self._schema, field.names)).get(value, f"number {value}")


def _names(enumeration: Any) -> dict[int, str]:
    # Python 3.13 puts an integer `__firstlineno__` among a class's attributes.
    return {value: name for name, value in vars(enumeration).items() if name[0] != "_"}


def _expect_one(what: str, found: int, place: str) -> None:
    if found != 1:
        raise InputError(f"expected one of the {what}, found {found}", place)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "backslashreplace")


def _array(raw: Any, dtype: Any) -> NDArray[Any]:
    """Return a vector's values; the accessors give the integer 0 for one that is absent."""
    return np.array([], dtype=dtype) if isinstance(raw, int) else raw


def _integers(raw: Any) -> tuple[int, ...]:
    return tuple(_array(raw, np.int32).tolist())


def _quantization(raw: Any) -> Quantization | None:
    if raw is None or (raw.ScaleLength() == 0 and raw.DetailsType() == 0):
        return None
    scales, zero_points = _array(raw.ScaleAsNumpy(), np.float32), _array(raw.ZeroPointAsNumpy(), np.int64)
    return Quantization(scales, zero_points, raw.QuantizedDimension(), raw.DetailsType())
