"""Two networks as a query of VNN-LIB 2.0: is there a point of their common box where an output differs?

A. Antony, A. Gimelli and M. Daggitt, "VNN-LIB 2.0: Rigorous Foundations for Neural Network Verification"
(arXiv:2605.07451). `unsat` says that the networks are equal on the box; a solver that says `sat` names a point.

The query declares both networks and neither as `equal-to` the other. In VNN-LIB that word is an assumption, not a
question: it makes both declarations stand for one model file, and then no two outputs could differ. Nor are they
`isomorphic-to` each other, as a ticket has other layers than its target.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from certify.errors import InputError
from certify.network.bounds import graph_reach
from certify.network.compare import check_comparable, common_box, common_scale
from certify.network.model import Box, Network
from certify.network.operators.operator import Shape

LEFT, RIGHT = "left", "right"
"""The names of the networks in the query, for a solver to be told which file each is."""
_WORD = 2**63


def write_query(left: Network, right: Network) -> Iterator[str]:
    """Return the query in pieces, each ending with a line.

    Variables are those of the models that `certify.export.onnx` writes of both networks for a batch of one. Outputs
    of other precision bits meet on the finer scale.

    Raises:
        InputError: the networks are not comparable, have no point in common, or an output on the common scale may
            leave int64.
    """
    check_comparable(left, right)
    box = common_box(left, right)
    if box is None:
        raise InputError("expected networks whose boxes have a point in common, found none")
    for network, shift in zip((left, right), common_scale(left, right), strict=True):
        _check_scaled(network, shift)
    return _query(left, right, box)


def _check_scaled(network: Network, shift: int) -> None:
    output = graph_reach(network)[-1].output
    largest = max(abs(value) for end in (output.low, output.high) for value in end.flat) << shift
    if largest >= _WORD:
        problem = f"expected outputs below 2^63 on the common scale, found up to {largest.bit_length()} bits"
        raise InputError(problem, "outputs")


def _query(left: Network, right: Network, box: Box) -> Iterator[str]:
    yield "(vnnlib-version <2.0>)\n\n"
    yield "; unsat: every output of both networks has the same value at every point of the box.\n"
    for name, network in ((LEFT, left), (RIGHT, right)):
        yield _declaration(name, network)
    yield "\n"
    inputs = [_elements(f"{name}_input", box.shape) for name in (LEFT, RIGHT)]
    for first, second, low, high in zip(*inputs, box.low, box.high, strict=True):
        yield f"(assert (and (>= {first} {low}) (<= {first} {high})))\n(assert (== {first} {second}))\n"
    yield f"\n(assert {_differ(left, right)})\n"


def _declaration(name: str, network: Network) -> str:
    ends = (
        f"    (declare-{end} {name}_{end} int64 [{', '.join(map(str, (1, *shape)))}])\n"
        for end, shape in (("input", network.input.shape), ("output", network.shapes()[-1]))
    )
    return f"(declare-network {name}\n{''.join(ends)})\n"


def _elements(name: str, shape: Shape) -> Iterator[str]:
    """Yield the elements of a tensor [1, *shape] by name, in row-major order."""
    for place in range(math.prod(shape)):
        index = np.unravel_index(place, shape)
        yield f"{name}[{', '.join(map(str, (0, *index)))}]"


def _differ(left: Network, right: Network) -> str:
    sides = [
        [_scaled(element, shift) for element in _elements(f"{name}_output", network.shapes()[-1])]
        for name, network, shift in zip((LEFT, RIGHT), (left, right), common_scale(left, right), strict=True)
    ]
    differences = [f"(!= {first} {second})" for first, second in zip(*sides, strict=True)]
    return differences[0] if len(differences) == 1 else f"(or {' '.join(differences)})"


def _scaled(element: str, shift: int) -> str:
    return f"(* {1 << shift} {element})" if shift else element
