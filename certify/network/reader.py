"""Reading `certify.network/1`: bytes in, a valid network out, or one InputError that names the place.

The rules that JSON Schema can express are published in `network.schema.json`; a test holds the two against each
other. Those that it cannot, shapes that chain and sizes that agree, are checked here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Protocol

import msgspec

from certify.errors import InputError
from certify.network import strict_json
from certify.network.bounds import graph_reach
from certify.network.limits import MAX_LAYERS, MAX_TENSOR, MAX_WEIGHTS
from certify.network.model import INPUT, Box, Display, Network, Operator
from certify.network.operators import OPERATOR_NAMES, AnyForm, Product
from certify.network.operators.form import MAX_ELEMENTS, Given, LinearForm, check_elements
from certify.network.operators.operator import Shape
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.step_form import STEP_NAMES, PrecisionBits, read_step
from certify.network.tensors import DTYPES, MAX_DIMENSIONS, EncodedTensor, Table, read_vector

FORMAT = "certify.network/1"
MAX_BYTES = 2**26
MAX_FEATURES = MAX_ELEMENTS
FREE_FEATURES = 2**22
"""What a file of any size may have; a larger one has a byte or more for each."""
MAX_TOTAL_ELEMENTS = 2**26
INPUT_NAME = "input"
_CHOICES = {
    "rounding": ", ".join(ROUNDINGS),
    "rule": ", ".join(RULES),
    "dtype": ", ".join(DTYPES),
    "op": f"{', '.join(OPERATOR_NAMES)}, or as a step {', '.join(STEP_NAMES)}",
}
_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)]
    low: int | list[int] | EncodedTensor
    high: int | list[int] | EncodedTensor
    precision_bits: PrecisionBits
    scale: str | msgspec.UnsetType = msgspec.UNSET
    zero_point: int = 0


class _Output(msgspec.Struct, forbid_unknown_fields=True):
    scale: str | msgspec.UnsetType = msgspec.UNSET
    zero_point: int = 0


class _Network(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    input: _Input
    layers: Annotated[list[AnyForm], msgspec.Meta(min_length=1, max_length=MAX_LAYERS)]
    name: str = ""
    output: _Output = msgspec.field(default_factory=_Output)


def read_network(data: bytes) -> Network:
    """Return the network that `data` describes.

    Raises:
        InputError: the bytes break a rule of `certify.network/1`; the place of the first is named.
    """
    document = strict_json.parse(data)
    check_format(document)
    raw = strict_json.convert(document, _Network, _CHOICES)
    check_features(raw.input.shape, len(data))
    box = _read_box(raw.input, "input.")
    network = Network(raw.name, box, _read_layers(raw.layers, box.shape), _read_display(raw.output, "output"))
    network.precisions()
    if any(isinstance(layer, Product) for layer in network.layers):
        # Only products of products make numbers that are out of proportion to the file.
        graph_reach(network)
    return network


def _read_layers(forms: Sequence[AnyForm], first: Shape) -> tuple[Operator, ...]:
    """Return the operators, each checked against the shapes of what it reads."""
    names = Names(forms)
    shapes: list[Shape] = []
    layers: list[Operator] = []
    check_weights(forms)
    elements = 0
    for index, form in enumerate(forms):
        place = f"layers[{index}]"
        sources = names.resolve(form, index, place)
        read = tuple(first if source == INPUT else shapes[source] for source in sources or (index - 1,))
        layer, shape = read_layer(form, Given(read, sources, place))
        layers.append(layer)
        shapes.append(shape)
        elements += math.prod(shape)
        check_elements_in_all(elements, place)
    return tuple(layers)


def check_weights(forms: Sequence[AnyForm]) -> None:
    """Rule: all layers together have no more weights than `MAX_WEIGHTS`; as tensors say, before any is made.

    Raises:
        InputError: they have; the place is that of the first layer that is too much.
    """
    weights = 0
    for index, form in enumerate(forms):
        weights += _declared(form.weights) if isinstance(form, LinearForm) else 0
        if weights > MAX_WEIGHTS:
            problem = f"expected at most {MAX_WEIGHTS} weights in all layers, found {weights}"
            raise InputError(problem, f"layers[{index}].weights")


def _declared(table: Table) -> int:
    """Return how many weights a table has; 0 for a tensor that is too large by itself, which its own reader says."""
    count = sum(map(len, table)) if isinstance(table, list) else math.prod(table.shape)
    return count if count <= MAX_TENSOR else 0


def check_elements_in_all(elements: int, place: str) -> None:
    """Rule: all layers together have no more elements than `MAX_TOTAL_ELEMENTS`.

    Raises:
        InputError: they have, with the layer at this place.
    """
    if elements > MAX_TOTAL_ELEMENTS:
        raise InputError(f"expected at most {MAX_TOTAL_ELEMENTS} elements in all layers, found {elements}", place)


def read_layer(form: AnyForm, given: Given) -> tuple[Operator, Shape]:
    """Return the operator that a form is, and the shape of what it gives.

    Raises:
        InputError: it breaks a rule of its own, or does not fit what it reads.
    """
    layer = form.read(given)
    try:
        shape = layer.shape(given.shapes)
    except InputError as error:
        raise InputError(error.problem, given.place) from None
    check_elements(shape, given.place)
    places = (f"{given.place}.then[{index}]" for index in range(len(form.then)))
    steps = tuple(read_step(step, shape[-1], place) for step, place in zip(form.then, places, strict=True))
    return layer.replaced(steps=steps, name=form.name, sources=given.sources), shape


class Connected(Protocol):
    """A layer that says what it reads."""

    @property
    def name(self) -> str:
        """What others call it."""

    @property
    def inputs(self) -> Sequence[str] | msgspec.UnsetType:
        """What it calls what it reads."""


class Names:
    """What the names in a layer's `inputs` stand for."""

    def __init__(self, forms: Sequence[Connected]) -> None:
        self.layers: dict[str, list[int]] = {INPUT_NAME: [INPUT]}
        for index, form in enumerate(forms):
            self.layers.setdefault(form.name, []).append(index)

    def resolve(self, form: Connected, index: int, place: str) -> tuple[int, ...]:
        """Return what a layer reads, as `Operator.sources` has it."""
        names = [] if isinstance(form.inputs, msgspec.UnsetType) else form.inputs
        return tuple(self._find(name, index, f"{place}.inputs[{i}]") for i, name in enumerate(names))

    def _find(self, name: str, reader: int, place: str) -> int:
        found = self.layers.get(name, []) if name else []
        if not found:
            raise InputError(f"expected an earlier layer's name, or {INPUT_NAME}, found {name[:40]!r}", place)
        if len(found) > 1:
            raise InputError(
                f"expected a name that one layer has, found {name[:40]!r}, which {len(found)} have", place
            )
        if found[0] >= reader:
            raise InputError(f"expected an earlier layer's name, found that of layers[{found[0]}]", place)
        return found[0]


def check_format(document: Any) -> None:
    """Rule: a network says its format, major version included.

    Raises:
        InputError: it says another one, or none.
    """
    if not isinstance(document, dict):
        raise InputError(f'expected an object with "format": "{FORMAT}"')
    if "format" not in document:
        raise InputError(f'expected "{FORMAT}", found no such key', "format")
    found = document["format"]
    if found != FORMAT:
        shown = repr(found[:60]) if isinstance(found, str) else "something other than a string"
        raise InputError(f'expected "{FORMAT}", found {shown}', "format")


def read_box(data: bytes) -> Box:
    """Return the box that `data` describes: an object like the `input` of a network.

    Raises:
        InputError: the bytes break one of its rules; the place of the first is named.
    """
    _, raw = strict_json.read(data, _Input, _CHOICES)
    if (features := math.prod(raw.shape)) > MAX_FEATURES:
        raise InputError(f"expected at most {MAX_FEATURES} features, found {features}", "shape")
    return _read_box(raw, "")


def check_features(shape: list[int], file_size: int) -> None:
    """Rule: a box has no more features than `MAX_FEATURES`, and beyond `FREE_FEATURES` a byte of the file for each.

    Raises:
        InputError: it has.
    """
    features = math.prod(shape)
    if features > MAX_FEATURES:
        raise InputError(f"expected at most {MAX_FEATURES} features, found {features}", "input.shape")
    if features > max(FREE_FEATURES, file_size):
        problem = f"expected at most {FREE_FEATURES}, or one per byte, found {features} features in {file_size} bytes"
        raise InputError(problem, "input.shape")


def _read_box(raw: _Input, where: str) -> Box:
    low = _read_bounds(raw.low, raw.shape, f"{where}low")
    high = _read_bounds(raw.high, raw.shape, f"{where}high")
    for index, (a, b) in enumerate(zip(low, high, strict=True)):
        if a > b:
            raise InputError(f"expected low ≤ high, found {a} > {b}", f"{where}{_bound_place(raw, index)}")
    return Box(tuple(raw.shape), low, high, raw.precision_bits, _read_display(raw, where.removesuffix(".")))


def _bound_place(raw: _Input, index: int) -> str:
    if not isinstance(raw.low, int):
        return f"low[{index}]"
    return "low" if isinstance(raw.high, int) else f"high[{index}]"


def _read_bounds(raw: int | list[int] | EncodedTensor, shape: list[int], place: str) -> tuple[int, ...]:
    features = math.prod(shape)
    if isinstance(raw, int):
        return (raw,) * features
    if isinstance(raw, EncodedTensor) and raw.shape == shape:
        raw = EncodedTensor([features], raw.dtype, raw.data)
    values = read_vector(raw, place)
    if len(values) != features:
        raise InputError(f"expected one integer per feature, {features}, found {len(values)}", place)
    return tuple(values.tolist())


def _read_display(raw: _Input | _Output, place: str) -> Display:
    if isinstance(raw.scale, msgspec.UnsetType):
        return Display(None, raw.zero_point)
    if not _DECIMAL.fullmatch(raw.scale):
        raise InputError(
            f"expected a decimal number as a string, found {raw.scale[:24]!r}", f"{place}.scale".lstrip(".")
        )
    return Display(raw.scale, raw.zero_point)
