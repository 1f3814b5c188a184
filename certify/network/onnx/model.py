"""An ONNX model as plain values: what the file says, before anything is made of it.

The package `onnx` is imported here and only when a model is read; `certify` runs without it. Nothing but its protobuf
classes is used: shapes are worked out and operators understood by the readers in this house.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError, ReaderMissingError
from certify.network.onnx.wire import verify

DEFAULT_DOMAIN = ""
MICROSOFT = "com.microsoft"
QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
DOMAINS = (DEFAULT_DOMAIN, MICROSOFT, *QONNX_DOMAINS)
MIN_OPSET, MAX_OPSET = 10, 26
MAX_RANK = 8
MAX_NODES = 2**14
MAX_ELEMENTS = 2**27
_SHOWN = 120
_PACKAGE = "onnx 1.17 or later"
_DTYPES: Mapping[int, tuple[str, str, str]] = {
    1: ("FLOAT", "<f4", "float_data"),
    2: ("UINT8", "u1", "int32_data"),
    3: ("INT8", "i1", "int32_data"),
    4: ("UINT16", "<u2", "int32_data"),
    5: ("INT16", "<i2", "int32_data"),
    6: ("INT32", "<i4", "int32_data"),
    7: ("INT64", "<i8", "int64_data"),
    9: ("BOOL", "?", "int32_data"),
    11: ("DOUBLE", "<f8", "double_data"),
}

Array = NDArray[Any]


def shorten(name: str) -> str:
    """Return the name, or the beginning of a long one."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


def tensor_place(name: str) -> str:
    """Return a tensor's name for a message."""
    return f"tensor '{shorten(name)}'"


@dataclass(frozen=True)
class Declared:
    """What a file says of a tensor that is not constant.

    Attributes:
        name: as in the file.
        dtype: ONNX's name, such as INT8; empty where the file does not say.
        shape: None for a dimension that is not fixed; None altogether where the file does not say.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, eq=False)
class Node:
    """One operator of the file.

    Attributes:
        index: its place in the file.
        name: as in the file, may be empty.
        domain, kind: what it is.
        inputs: names of tensors, "" for an input left out.
        outputs: names of tensors.
        attributes: by name: int, float, str, arrays, and tuples of the first three.
        opset: the version of its domain.
    """

    index: int
    name: str
    domain: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int

    @property
    def shown(self) -> str:
        """The operator for a message."""
        named = f" '{shorten(self.name)}'" if self.name else ""
        return f"operator {self.index} {shorten(self.kind)}{named}"


@dataclass(frozen=True, eq=False)
class Model:
    """One model: a graph with one input and one output.

    Attributes:
        name: of the graph.
        nodes: in the file's order.
        constants: by name.
        input, output: the graph's.
        declared: what else the file says of tensors, by name.
    """

    name: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    input: Declared
    output: Declared
    declared: Mapping[str, Declared]


def is_onnx(data: bytes) -> bool:
    """Tell whether the bytes begin as an ONNX file does: with the field ir_version, and a small number in it."""
    return len(data) > 2 and data[0] == 0x08 and 0 < data[1] < 64


def read_model(data: bytes) -> Model:
    """Return what an ONNX file says.

    Raises:
        InputError: it is damaged, or has what is not read: several inputs or outputs, functions, sparse or external
            tensors, names written twice.
        ReaderMissingError: the package `onnx` is not installed.
    """
    schema = _schema()
    verify(data, schema.ModelProto.DESCRIPTOR)
    try:
        proto = schema.ModelProto.FromString(data)
    except Exception as error:
        if type(error).__name__ != "DecodeError":
            raise
        raise InputError("expected an ONNX model, found bytes that are none: damaged or cut off") from None
    if not proto.HasField("graph"):
        raise InputError("expected a model with a graph, found none")
    for field in ("functions", "training_info"):
        if len(getattr(proto, field)):
            raise InputError(f"expected a model without {field}, found {len(getattr(proto, field))}")
    return _Graph(proto.graph, _opsets(proto)).model()


def _schema() -> Any:
    try:
        import onnx  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        raise ReaderMissingError(_PACKAGE, "onnx") from None
    return onnx


def _opsets(proto: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in proto.opset_import:
        domain = DEFAULT_DOMAIN if entry.domain == "ai.onnx" else entry.domain
        if domain in found:
            raise InputError(f"expected every domain's opset once, found '{shorten(domain)}' twice")
        found[domain] = entry.version
    if not MIN_OPSET <= found.get(DEFAULT_DOMAIN, 0) <= MAX_OPSET:
        raise InputError(f"expected opset {MIN_OPSET} to {MAX_OPSET}, found {found.get(DEFAULT_DOMAIN, 'none')}")
    return found


class _Graph:
    def __init__(self, graph: Any, opsets: Mapping[str, int]) -> None:
        self._graph = graph
        self._opsets = opsets

    def model(self) -> Model:
        graph = self._graph
        if len(graph.sparse_initializer):
            name = graph.sparse_initializer[0].values.name
            raise InputError("expected dense constants, found a sparse one", tensor_place(name))
        if len(graph.node) > MAX_NODES:
            raise InputError(f"expected at most {MAX_NODES} operators, found {len(graph.node)}")
        constants = self._constants()
        inputs = [_declared(info) for info in graph.input]
        _once([info.name for info in inputs], "inputs")
        inputs = [info for info in inputs if info.name not in constants]
        outputs = [_declared(info) for info in graph.output]
        for found, what in ((inputs, "input"), (outputs, "output")):
            if len(found) != 1:
                names = ", ".join(shorten(info.name) for info in found[:4])
                raise InputError(f"expected one {what}, found {len(found)}" + (f": {names}" if names else ""))
        nodes = tuple(self._node(index, node) for index, node in enumerate(graph.node))
        _once([inputs[0].name, *constants, *(o for node in nodes for o in node.outputs if o)], "tensors")
        declared = {info.name: info for info in map(_declared, graph.value_info)}
        declared |= {outputs[0].name: outputs[0]}
        return Model(graph.name, nodes, constants, inputs[0], outputs[0], declared)

    def _constants(self) -> dict[str, Array]:
        _once([tensor.name for tensor in self._graph.initializer], "constants")
        return {tensor.name: read_tensor(tensor) for tensor in self._graph.initializer}

    def _node(self, index: int, proto: Any) -> Node:
        domain = DEFAULT_DOMAIN if proto.domain == "ai.onnx" else proto.domain
        bare = Node(index, proto.name, domain, proto.op_type, tuple(proto.input), tuple(proto.output), {}, 0)
        try:
            self._expect_domain(domain)
            _once([attribute.name for attribute in proto.attribute], "attributes")
            attributes = {attribute.name: _attribute(attribute) for attribute in proto.attribute}
        except InputError as error:
            place = f"{bare.shown}, {error.place}" if error.place else bare.shown
            raise InputError(error.problem, place) from None
        return replace(bare, attributes=attributes, opset=self._opsets.get(domain, 1))

    def _expect_domain(self, domain: str) -> None:
        if domain not in DOMAINS:
            named = ", ".join(f"'{known or 'ai.onnx'}'" for known in DOMAINS)
            raise InputError(f"expected a domain of {named}, found '{shorten(domain)}'")
        # qonnx itself writes nodes of its own without naming their opset.
        if domain not in self._opsets and domain not in QONNX_DOMAINS:
            raise InputError(f"expected the model to name its opset of '{domain}', found none")


def _once(names: list[str], what: str) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise InputError(f"expected {what} of different names, found one twice", tensor_place(twice))


def _declared(info: Any) -> Declared:
    kind = info.type.WhichOneof("value")
    if kind is None:
        return Declared(info.name, "", None)
    if kind != "tensor_type":
        raise InputError(f"expected a tensor, found {kind}", tensor_place(info.name))
    tensor = info.type.tensor_type
    dtype = _DTYPES.get(tensor.elem_type, (f"type {tensor.elem_type}",))[0] if tensor.elem_type else ""
    if not tensor.HasField("shape"):
        return Declared(info.name, dtype, None)
    if len(tensor.shape.dim) > MAX_RANK:
        problem = f"expected at most {MAX_RANK} dimensions, found {len(tensor.shape.dim)}"
        raise InputError(problem, tensor_place(info.name))
    shape = tuple(d.dim_value if d.WhichOneof("value") == "dim_value" else None for d in tensor.shape.dim)
    return Declared(info.name, dtype, shape)


_READ_ATTRIBUTES = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
"""ONNX's numbers of attribute types; 5 and 10 are graphs, 9 tensors, 11 and 12 sparse ones."""


def _attribute(proto: Any) -> Any:
    field = _READ_ATTRIBUTES.get(proto.type)
    if field is None or proto.ref_attr_name:
        problem = f"expected numbers, strings or a tensor, found type {proto.type}"
        raise InputError(problem, f"attribute '{shorten(proto.name)}'")
    value = getattr(proto, field)
    if field == "t":
        return read_tensor(value)
    if field == "s":
        return value.decode(errors="replace")
    if field == "strings":
        return tuple(each.decode(errors="replace") for each in value)
    return tuple(value) if field in ("floats", "ints") else value


def read_tensor(tensor: Any) -> Array:
    """Return the elements of a constant.

    Raises:
        InputError: its elements are elsewhere, of a type that is not read, or not as many as its shape says.
    """
    place = tensor_place(tensor.name)
    if tensor.data_location or len(tensor.external_data):
        raise InputError("expected the elements in the file itself, found external data", place)
    if tensor.data_type not in _DTYPES:
        named = ", ".join(name for name, _, _ in _DTYPES.values())
        raise InputError(f"expected elements of type {named}, found type {tensor.data_type}", place)
    _, code, field = _DTYPES[tensor.data_type]
    shape, dtype = tuple(tensor.dims), np.dtype(code)
    if len(shape) > MAX_RANK or min(shape, default=0) < 0 or tensor.HasField("segment"):
        raise InputError(f"expected at most {MAX_RANK} dimensions of at least 0, found {list(shape)[:12]}", place)
    values = np.frombuffer(tensor.raw_data, dtype) if _whole(tensor, dtype, place) else _typed(tensor, field, dtype)
    if len(values) != math.prod(shape):
        raise InputError(f"expected {math.prod(shape)} elements for {list(shape)}, found {len(values)}", place)
    array = values.astype(dtype.newbyteorder("=")).reshape(shape)
    array.setflags(write=False)
    return array


def _whole(tensor: Any, dtype: np.dtype[Any], place: str) -> bool:
    """Tell whether the elements are raw bytes, which have to be whole elements."""
    if not tensor.HasField("raw_data"):
        return False
    if len(tensor.raw_data) % dtype.itemsize:
        raise InputError(f"expected elements of {dtype.itemsize} bytes, found {len(tensor.raw_data)} bytes", place)
    return True


def _typed(tensor: Any, field: str, dtype: np.dtype[Any]) -> Array:
    values: Array = np.array(getattr(tensor, field), dtype=np.float64 if dtype.kind == "f" else np.int64)
    with np.errstate(over="ignore"):
        cast: Array = values.astype(dtype)
    if dtype.kind in "iu" and (cast != values).any():
        raise InputError(f"expected elements that fit {dtype.name}, found others", tensor_place(tensor.name))
    return cast
