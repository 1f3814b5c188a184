"""When two networks are comparable, and the common scale on which their outputs are.

An output's value is integer · 2^-bits. Networks whose outputs have different precision bits are compared after
both are brought to the finer one, which multiplies integers by a power of two and never rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from certify.errors import InputError
from certify.network.model import Box, Network
from certify.network.operators.operator import Shape


def check_comparable(left: Network, right: Network) -> None:
    """Check that input shapes, input precision bits and outputs match.

    Outputs match when they are as many and in one order: dimensions of 1 change nothing, and a plain list is any
    shape in row-major order. Two tensors of as many elements but other dimensions do not match.

    Boxes are not compared: an audit uses the target's whole box, whatever the other network says.

    Raises:
        InputError: names the first that differs.
    """
    pairs = {
        "input.shape": (left.input.shape, right.input.shape),
        "input.precision_bits": (left.input.precision_bits, right.input.precision_bits),
        "outputs": (left.outputs, right.outputs),
        "output.shape": _output_shapes(left, right),
    }
    for place, (expected, found) in pairs.items():
        if expected != found:
            raise InputError(f"expected {expected} as in the first network, found {found} in the second", place)


def _output_shapes(left: Network, right: Network) -> tuple[Shape, Shape]:
    """Return both output shapes, as far as they say in which order the outputs are."""
    shapes = left.shapes()[-1], right.shapes()[-1]
    long = [[length for length in shape if length > 1] for shape in shapes]
    listed = min(map(len, long)) < 2
    return ((), ()) if listed or long[0] == long[1] else shapes


def common_scale(left: Network, right: Network) -> tuple[int, int]:
    """Return how many bits each network's output integers are shifted left to meet on the common scale."""
    left_bits, right_bits = left.output_precision_bits(), right.output_precision_bits()
    finer = max(left_bits, right_bits)
    return finer - left_bits, finer - right_bits


def common_values(
    left: Network, right: Network, left_out: Sequence[int], right_out: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return two output vectors, one of each network, as integers on the common scale."""
    left_shift, right_shift = common_scale(left, right)
    return [value << left_shift for value in left_out], [value << right_shift for value in right_out]


def same_values(left: Network, right: Network, left_out: Sequence[int], right_out: Sequence[int]) -> bool:
    """Tell whether two output vectors, one of each network, have equal values."""
    left_values, right_values = common_values(left, right, left_out, right_out)
    return left_values == right_values


def common_box(left: Network, right: Network, domain: Box | None = None) -> Box | None:
    """Return the box of the points in both networks' boxes, and in the domain where one is given; None if empty.

    Raises:
        InputError: the domain has another shape or other precision bits.
    """
    boxes = [left.input, right.input]
    if domain is not None:
        for place in ("shape", "precision_bits"):
            expected, found = getattr(left.input, place), getattr(domain, place)
            if expected != found:
                raise InputError(f"expected {expected} as in the networks, found {found}", f"input.{place}")
        boxes.append(domain)
    low = tuple(map(max, *(box.low for box in boxes)))
    high = tuple(map(min, *(box.high for box in boxes)))
    if any(least > most for least, most in zip(low, high, strict=True)):
        return None
    return replace(left.input, low=low, high=high)
