"""How a layer's arrays lie in their container: weights, mask and scores alike.

Here a layer's weights are rows, one for each output: inputs, or taps and channels, and then constants.
"""

from __future__ import annotations

from typing import Any

import msgspec
from numpy.typing import NDArray

from certify.base.claimed.layout import AXES, Layer
from certify.errors import InputError


def to_rows(array: NDArray[Any], plan: Layer) -> NDArray[Any]:
    """Return any[outputs, width] from an array whose shape `check_stored` has checked."""
    if isinstance(plan.axes, msgspec.UnsetType):
        return array.T if plan.transpose else array
    ordered = array.transpose([plan.axes.index(axis) for axis in AXES])
    return ordered.reshape(len(ordered), -1)


def stored_shape(plan: Layer, outputs: int | str, width: int) -> tuple[int | str, ...]:
    """Return the shape that an array has of so many rows of this width."""
    if isinstance(plan.axes, msgspec.UnsetType):
        return (width, outputs) if plan.transpose else (outputs, width)
    assert not isinstance(plan.kernel, msgspec.UnsetType)
    rows, columns = plan.kernel
    sizes = dict(zip(AXES, (outputs, rows, columns, width // (rows * columns)), strict=True))
    return tuple(sizes[axis] for axis in plan.axes)


def check_stored(array: NDArray[Any], plan: Layer, width: int, name: str) -> None:
    """Check that an array is rows of this width, as many as it has.

    Raises:
        InputError: it has another shape.
    """
    expected = stored_shape(plan, "outputs", width)
    fits = array.ndim == len(expected) and 0 not in array.shape
    if not fits or any(
        found != wanted for found, wanted in zip(array.shape, expected, strict=True) if wanted != "outputs"
    ):
        shown = ", ".join(map(str, expected))
        raise InputError(f"expected the shape ({shown}), found {array.shape}", name)
