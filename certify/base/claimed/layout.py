"""`certify.layout/1`: which array is which layer, where its steps apply, and where its mask is.

Containers hold arrays with names and nothing more. A layout is a list of layers in the order in which they apply,
each naming the array of its weights. A network in `certify.network/1` may stand in for one: it is the layout with the
same sizes, steps, precisions, constants and biases whose arrays are named `layers.<i>.weights`; its own weights are
not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from certify.base.claimed.scores import ORDERS, Scores, check_share
from certify.errors import InputError
from certify.network import reader, strict_json
from certify.network.arrays import File
from certify.network.compare import check_comparable
from certify.network.model import Dense, Network
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.step_form import PrecisionBits, StepForm
from certify.network.steps import STEP_NAMES
from certify.network.tensors import DTYPES, Vector

FORMAT = "certify.layout/1"
_CHOICES = {
    "by": ", ".join(ORDERS),
    "op": ", ".join(STEP_NAMES),
    "rounding": ", ".join(ROUNDINGS),
    "rule": ", ".join(RULES),
    "dtype": ", ".join(DTYPES),
}


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer of a layout.

    Attributes:
        weights: the name of its array, (outputs, inputs + constants).
        precision_bits: k, the scale of its weights; may be left out where floats are rounded, which then says it.
        bias: the name of an array (outputs,), or the integers on the accumulator's scale; 0 where there is none.
        constants: values of the extra inputs after the layer's own, on the input's scale.
        then: its steps.
        transpose: the arrays of weights, mask and scores are (inputs + constants, outputs).
        mask: the name of its mask.
        scores: the mask as scores.
        unpruned: the layer has no mask and is kept whole.
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


class _Layout(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    layers: tuple[Layer, ...]


def default_name(index: int) -> str:
    """Return the name of a layer's array, of weights or mask, where nothing names another."""
    return f"layers.{index}.weights"


def layer_place(index: int) -> str:
    """Return where a layout speaks of a layer."""
    return f"layout.layers[{index}]"


def layout_of(network: Network) -> tuple[Layer, ...]:
    """Return the layout with a network's sizes, steps, precisions, constants and biases, arrays by default names."""
    return tuple(_layer_of(layer, default_name(index)) for index, layer in enumerate(network.layers))


def read_layout(file: File, other: Network) -> tuple[Layer, ...]:
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
            return layout_of(network)
        if found != FORMAT:
            shown = repr(found[:60]) if isinstance(found, str) else "no such text"
            raise InputError(f'expected "{FORMAT}" or "{reader.FORMAT}", found {shown}', "format")
        layers = strict_json.convert(document, _Layout, _CHOICES).layers
        if not layers:
            raise InputError("expected at least one layer, found none", "layers")
        for index, layer in enumerate(layers):
            _check_layer(layer, f"layers[{index}]")
        return layers


@contextmanager
def _inside_layout() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(error.problem, f"layout.{error.place}".rstrip(".")) from None


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


def _layer_of(layer: Dense, name: str) -> Layer:
    steps: tuple[StepForm, ...] = tuple(msgspec.convert(msgspec.to_builtins(step), StepForm) for step in layer.steps)
    return Layer(name, layer.precision_bits, list(layer.bias), list(layer.constants), steps)
