"""Deciding by looking: the whole grid where it is small enough, chosen and random points where it is not.

Networks become flat integer programs for `solvers.grid`, which computes in int64 and trusts its caller that
nothing overflows; here interval bounds in Python integers are what makes that trust good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.bounds import network_bounds
from certify.network.compare import common_scale
from certify.network.model import Dense, Network
from certify.network.steps import Clamp, Offset, Relu, Requantize, Rounding, Sign, Step, Threshold
from solvers.grid.program import MAX_SHIFT, Layer, Opcode, Program
from solvers.grid.search import find_difference, sample
from solvers.grid.sweep import MAX_POINTS, SweepError, sweep

SAFE_BITS = 60
SEARCH_POINTS = 512
SEARCH_MULTIPLICATIONS = 2**30
SEARCH_SEED = 2508_11020

_SHIFTS: dict[Rounding, Opcode] = {
    "floor": Opcode.SHIFT_RIGHT_FLOOR,
    "half_up": Opcode.SHIFT_RIGHT_HALF_UP,
    "half_even": Opcode.SHIFT_RIGHT_HALF_EVEN,
    "half_away": Opcode.SHIFT_RIGHT_HALF_AWAY,
    "toward_zero": Opcode.SHIFT_RIGHT_TOWARD_ZERO,
}


class TooWideError(Exception):
    """The networks' integers may leave the machine word; the message says how far."""


@dataclass(frozen=True)
class Sweep:
    """A whole grid, looked at.

    Attributes:
        points: how many points were visited, all of them where there is no difference.
        work: points times multiplications.
        difference: a point on which outputs differ.
    """

    points: int
    work: int
    difference: tuple[int, ...] | None


def sweep_work(target: Network, other: Network) -> int:
    """Return points times multiplications of a sweep over the target's box, a Python integer.

    A point costs at least one: networks without a weight have a grid to walk too.
    """
    return target.input.points() * max(1, _multiplications(target, other))


def sweep_grid(target: Network, other: Network, workers: int, monitor: Monitor) -> Sweep:
    """Compare two networks on every point of the target's box.

    Raises:
        TooWideError: int64 may not hold every number met, or not even the number of points.
        DisagreementError: another number of points was visited than the grid has.
    """
    if target.input.points() > MAX_POINTS:
        raise TooWideError(f"more points than 2^{MAX_POINTS.bit_length() - 1}")
    left, right = _programs(target, other)
    try:
        seen = sweep(left, right, target.input.low, target.input.high, workers, monitor.reach)
    except SweepError as error:
        raise DisagreementError(f"the sweep lost its way: {error}") from error
    if seen.difference is None and seen.points != target.input.points():
        # A count that wrapped, or a chunk left out, must never pass for the whole grid.
        raise DisagreementError(f"the sweep visited {seen.points} of {target.input.points()} points")
    return Sweep(seen.points, sweep_work(target, other), seen.difference)


def search_difference(target: Network, other: Network) -> tuple[int, ...] | None:
    """Return a point of the target's box on which the networks differ, if one of some hundred points is one.

    Raises:
        TooWideError: int64 may not hold every number met.
    """
    left, right = _programs(target, other)
    count = min(SEARCH_POINTS, SEARCH_MULTIPLICATIONS // max(1, _multiplications(target, other)))
    points = sample(target.input.low, target.input.high, count, SEARCH_SEED)
    found = find_difference(left, right, points)
    return None if found is None else tuple(points[found].tolist())


def _multiplications(target: Network, other: Network) -> int:
    return sum(layer.weights.entries for network in (target, other) for layer in network.layers)


def _programs(target: Network, other: Network) -> tuple[Program, Program]:
    left_shift, right_shift = common_scale(target, other)
    # Both run on the target's box, so that is where both are bounded.
    return _program(target, left_shift), _program(replace(other, input=target.input), right_shift)


def _program(network: Network, output_shift: int) -> Program:
    if output_shift > MAX_SHIFT:
        raise TooWideError(f"outputs {output_shift} bits apart, the sweep holds {MAX_SHIFT}")
    bounds = network_bounds(network)
    largest = max(layer.largest for layer in bounds)
    largest = max(largest, max(map(abs, (*bounds[-1].output_low, *bounds[-1].output_high))) << output_shift)
    if largest >= 1 << SAFE_BITS:
        raise TooWideError(f"numbers of up to {largest.bit_length()} bits, the sweep holds {SAFE_BITS}")
    return Program(network.input.features, tuple(_layer(layer) for layer in network.layers), output_shift)


def _layer(layer: Dense) -> Layer:
    steps = [row for step in layer.steps for row in _step(step)]
    return Layer(
        start=layer.weights.start,
        columns=layer.weights.columns,
        values=layer.weights.values,
        bias=np.array(layer.bias, dtype=np.int64),
        constants=np.array(layer.constants, dtype=np.int64),
        steps=np.array(steps, dtype=np.int64).reshape(len(steps), 4),
    )


def _step(step: Step) -> Sequence[tuple[int, int, int, int]]:
    match step:
        case Relu():
            return [(Opcode.RELU, 0, 0, 0)]
        case Requantize(shift, rounding, zero_point):
            if shift > MAX_SHIFT:
                raise TooWideError(f"a shift by {shift} bits, the sweep holds {MAX_SHIFT}")
            return [(_SHIFTS[rounding], shift, zero_point, 0)]
        case Clamp(low, high):
            return [(Opcode.CLAMP, low, high, 0)]
        case Offset(value):
            return [(Opcode.OFFSET, value, 0, 0)]
        case Threshold():
            return [(Opcode.STEP, 0, 0, 0)]
        case Sign():
            return [(Opcode.SIGN, 0, 0, 0)]
