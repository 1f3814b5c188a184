"""`certify.layout/1`: which array is which layer, where its steps apply, and where its mask is.

Containers hold arrays with names and nothing more. A layout is a list of layers in the order in which they apply,
as in `certify.network/1`, but that a layer with weights names their array. A network in `certify.network/1` may stand
in for one: it is the layout with the same graph, sizes, steps, precisions, constants and biases whose arrays are
named `layers.<i>.weights`; its own weights are not looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeAlias, cast

import msgspec

from certify.base.claimed.scores import ORDERS, Scores, check_share
from certify.errors import InputError
from certify.network import reader, strict_json
from certify.network.arrays import File
from certify.network.compare import check_comparable
from certify.network.model import Linear, Network, Operator
from certify.network.operators import OPERATOR_NAMES, AnyForm
from certify.network.operators.form import Around, Length, OneInput, Two
from certify.network.operators.window import UNPADDED
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.step_form import STEP_NAMES, PrecisionBits, StepForm
from certify.network.tensors import DTYPES, Vector

FORMAT = "certify.layout/1"
AXES = "ohwi"
"""The order in which a kernel's row in `certify.network/1` has its weights, after the output that it is of."""
_CHOICES = {
    "by": ", ".join(ORDERS),
    "op": f"{', '.join(OPERATOR_NAMES)}, or as a step {', '.join(STEP_NAMES)}",
    "rounding": ", ".join(ROUNDINGS),
    "rule": ", ".join(RULES),
    "dtype": ", ".join(DTYPES),
}


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer of a layout that has weights.

    Attributes:
        weights: the name of its array, (outputs, inputs + constants), or as `axes` has it.
        precision_bits: k, the scale of its weights; may be left out where floats are rounded, which then says it.
        bias: the name of an array (outputs,), or the integers on the accumulator's scale; 0 where there is none.
        constants: values of the extra inputs after the layer's own, on the input's scale.
        then: its steps.
        transpose: the arrays of weights, mask and scores are (inputs + constants, outputs).
        mask: the name of its mask.
        scores: the mask as scores.
        unpruned: the layer has no mask and is kept whole.
        op: what it does with its weights.
        kernel, stride, dilation, padding, groups: of a convolution, as in `certify.network/1`.
        axes: of a convolution whose arrays have four dimensions, what each is: o for outputs, h and w for the
            kernel's rows and columns, i for the channels of a group. PyTorch has `oihw`, TFLite `ohwi`, Keras `hwio`.
        name, inputs: as in `certify.network/1`.
    """

    weights: str
    precision_bits: PrecisionBits | msgspec.UnsetType = msgspec.UNSET
    bias: str | Vector | msgspec.UnsetType = msgspec.UNSET
    constants: Vector | msgspec.UnsetType = msgspec.UNSET
    then: tuple[StepForm, ...] = ()
    transpose: bool = False
    mask: str | msgspec.UnsetType = msgspec.UNSET
    scores: Scores | msgspec.UnsetType = msgspec.UNSET
    unpruned: bool = False
    op: Literal["dense", "conv2d"] = "dense"
    kernel: Two | msgspec.UnsetType = msgspec.UNSET
    stride: Two | msgspec.UnsetType = msgspec.UNSET
    dilation: Two = (1, 1)
    padding: tuple[Around, Around] = UNPADDED
    groups: Length = 1
    axes: Annotated[str, msgspec.Meta(min_length=4, max_length=4)] | msgspec.UnsetType = msgspec.UNSET
    name: str = ""
    inputs: OneInput | msgspec.UnsetType = msgspec.UNSET


Plan: TypeAlias = Layer | AnyForm
"""What a layout says of a layer: one with weights, or any other operator's form in `certify.network/1`."""


class _Layout(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    layers: list[dict[str, Any]]


def default_name(index: int) -> str:
    """Return the name of a layer's array, of weights or mask, where nothing names another."""
    return f"layers.{index}.weights"


def layer_place(index: int) -> str:
    """Return where a layout speaks of a layer."""
    return f"layout.layers[{index}]"


def read_layout(file: File, other: Network) -> tuple[Plan, ...]:
    """Return the layers that a layout names, at least one.

    Args:
        file: `certify.layout/1`, or a network in `certify.network/1`.
        other: the network with which the base will be compared, so a network that stands in for a layout too.

    Raises:
        InputError: the bytes break a rule of their format, or the networks are not comparable; the place begins with
            `layout`.
    """
    with _inside_layout():
        document = strict_json.parse(file.data)
        found = document.get("format") if isinstance(document, dict) else None
        if found == reader.FORMAT:
            network = reader.read_network(file.data)
            check_comparable(other, network)
            return tuple(map(_without_weights, document["layers"], network.layers, itertools.count()))
        if found != FORMAT:
            shown = repr(found[:60]) if isinstance(found, str) else "no such text"
            raise InputError(f'expected "{FORMAT}" or "{reader.FORMAT}", found {shown}', "format")
        layers = strict_json.convert(document, _Layout, _CHOICES).layers
        if not layers:
            raise InputError("expected at least one layer, found none", "layers")
        return tuple(_read_layer(layer, f"layers[{index}]") for index, layer in enumerate(layers))


def _without_weights(entry: dict[str, Any], layer: Operator, index: int) -> Plan:
    """Return what a network that stands in for a layout says of one of its layers, sizes too."""
    if not isinstance(layer, Linear):
        form: AnyForm = msgspec.convert(entry, AnyForm)
        return form
    named = {"weights": default_name(index), "bias": list(layer.bias), "constants": list(layer.constants)}
    return msgspec.convert(entry | named, Layer)


@contextmanager
def _inside_layout() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(error.problem, f"layout.{error.place}".rstrip(".")) from None


def _read_layer(entry: dict[str, Any], place: str) -> Plan:
    kind: Any = Layer if entry.get("op", "dense") in ("dense", "conv2d") else AnyForm
    try:
        layer = cast("Plan", strict_json.convert(entry, kind, _CHOICES))
    except InputError as error:
        inside = error.place if error.place.startswith("[") else f".{error.place}"
        raise InputError(error.problem, f"{place}{inside}".rstrip(".")) from None
    if isinstance(layer, Layer):
        _check_layer(layer, place)
    return layer


def _check_layer(layer: Layer, place: str) -> None:
    said = {
        "mask": not isinstance(layer.mask, msgspec.UnsetType),
        "scores": not isinstance(layer.scores, msgspec.UnsetType),
        "unpruned": layer.unpruned,
    }
    given = [name for name, is_said in said.items() if is_said]
    if len(given) > 1:
        raise InputError(f"expected mask, scores or unpruned, found {' and '.join(given)}", place)
    if not isinstance(layer.scores, msgspec.UnsetType):
        check_share(layer.scores, f"{place}.scores")
    _check_convolution(layer, place)


def _check_convolution(layer: Layer, place: str) -> None:
    """Check that a convolution has what it needs, and that no other layer has it."""
    is_convolution = layer.op == "conv2d"
    if is_convolution and isinstance(layer.kernel, msgspec.UnsetType):
        raise InputError("expected the kernel of a conv2d, found none", f"{place}.kernel")
    for name in ("kernel", "stride", "dilation", "padding", "groups", "axes"):
        if not is_convolution and getattr(layer, name) != _PLAIN[name]:
            raise InputError("expected it of a conv2d only", f"{place}.{name}")
    if isinstance(layer.axes, msgspec.UnsetType):
        return
    if sorted(layer.axes) != sorted(AXES):
        raise InputError(f"expected the letters of {AXES} in some order, found {layer.axes!r}", f"{place}.axes")
    if layer.transpose:
        raise InputError("expected axes or transpose, found both", place)


_PLAIN = {field.name: field.default for field in msgspec.structs.fields(Layer)}
