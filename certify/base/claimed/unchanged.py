"""A pruned network held against its base: nothing was changed but by pruning.

Pruning makes a weight 0. So every weight of the pruned network is the base's or 0, and all that is no weight is the
base's own. Names and scales for display are not compared, nor is the box: the claim is about the target's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from certify.base.mask import Mask, from_bits
from certify.errors import FalseClaimError
from certify.network.model import Linear, Network, Operator
from certify.network.steps import Step

_WITH_WEIGHTS = {"weights", "precision_bits", "bias", "constants"}


def masks_of(base: Network, pruned: Network) -> tuple[Mask, ...]:
    """Return the masks that turn the base into the pruned network; a weight that is 0 in it counts as pruned.

    Raises:
        FalseClaimError: names the first thing that is not as pruning leaves it.
    """
    _check_same(base.input.shape, pruned.input.shape, "input.shape")
    _check_same(base.input.precision_bits, pruned.input.precision_bits, "input.precision_bits")
    if len(base.layers) != len(pruned.layers):
        problem = f"expected {len(base.layers)} layers as in the base network, found {len(pruned.layers)}"
        raise FalseClaimError(problem, "layers")
    masks: list[Mask] = []
    for index, (expected, found) in enumerate(zip(base.layers, pruned.layers, strict=True)):
        place = f"layers[{index}]"
        _check_same(base.sources(index), pruned.sources(index), f"{place}.inputs")
        _check_each(expected.steps, found.steps, f"{place}.then", _written)
        _check_same(_bare(expected), _bare(found), place)
        if isinstance(expected, Linear) and isinstance(found, Linear):
            masks.append(_mask_of(expected, found, place))
    return tuple(masks)


def _bare(layer: Operator) -> dict[str, Any]:
    """Return what a layer does, but for its weights and what goes with them, steps, name and sources."""
    fields = layer.write()
    return {name: value for name, value in fields.items() if name not in _WITH_WEIGHTS}


def _mask_of(base: Linear, pruned: Linear, place: str) -> Mask:
    _check_same(base.weights.shape, pruned.weights.shape, f"{place}.weights")
    _check_same(base.precision_bits, pruned.precision_bits, f"{place}.precision_bits")
    _check_each(base.bias, pruned.bias, f"{place}.bias", str)
    _check_each(base.constants, pruned.constants, f"{place}.constants", str)
    expected, found = base.weights.to_dense(), pruned.weights.to_dense()
    kept = found != 0
    changed = kept & (found != expected)
    if changed.any():
        row, column = divmod(int(changed.argmax()), found.shape[1])
        problem = f"expected 0, or {expected[row, column]} as in the base network, found {found[row, column]}"
        raise FalseClaimError(problem, f"{place}.weights[{row}][{column}]")
    return from_bits(kept)


def _check_same(expected: object, found: object, place: str) -> None:
    if expected != found:
        raise FalseClaimError(f"expected {expected} as in the base network, found {found}", place)


def _check_each(expected: Sequence[Any], found: Sequence[Any], place: str, show: Callable[[Any], str]) -> None:
    for index, (mine, theirs) in enumerate(zip_longest(expected, found)):
        if mine != theirs:
            shown = ["nothing" if value is None else show(value) for value in (mine, theirs)]
            raise FalseClaimError(
                f"expected {shown[0]} as in the base network, found {shown[1]}", f"{place}[{index}]"
            )


def _written(step: Step) -> str:
    return msgspec.json.encode(step).decode()
