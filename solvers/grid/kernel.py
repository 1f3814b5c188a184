"""The compiled kernels: two programs on many points, until one point tells them apart.

A program arrives as a straight line (`flat.py` writes it): its values are numbered nodes, the inputs first, then
the constants of all layers, then the rows of all layers in order, so that a row reads only nodes before its own.
There are no layers left and no opcodes: each step is a row of numbers of one of four kinds.

Points are evaluated LANES at a time. The work array is int64[nodes, LANES], and every innermost loop runs over
the lanes of one node with the same weight or step, which is the form that compilers turn into vector instructions.
Lanes beyond the last point repeat some point of the same set, so nothing is computed that could not be asked for.

Array bounds and int64 ranges are not checked here: the shapes are by `Layer` and `Program`, the box by the
wrappers in `sweep.py` and `search.py`, and the ranges by whoever made the programs (`program.py`). What the
kernels read, LANES and the step codes stand in this file because numba's cache on disk is keyed by it: were
they elsewhere, a change of them would leave stale machine code behind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.jit import kernel

Int64Array = NDArray[np.int64]

LANES = 64
ROUND = 0
CLAMP = 1
MULTIPLY = 2
SIGNIFICANT = 3


class Flat(NamedTuple):
    """A program as a straight line; node first_row + r is computed by row r.

    Attributes:
        start: int64[rows + 1]; row r sums the entries start[r] to start[r + 1].
        nodes: int64[entries]: the node that an entry reads.
        weights: int64[entries].
        bias: int64[rows].
        steps_from, steps_to: int64[rows]; row r runs the steps steps_from[r] to steps_to[r].
        steps: int64[steps, 6], a kind and its numbers, 0 where it has fewer: CLAMP, low, high; MULTIPLY, factor;
            SIGNIFICANT, bits, half-even; or ROUND, shift, addend, odd, negative, zero_point, which is
            ((x + addend + ((x >> shift) & odd) + ((x >> 63) & negative)) >> shift) + zero_point.
        constants: int64[constants]: what the nodes inputs to first_row hold.
        inputs: how many nodes are a point's.
        first_row: the first computed node.
        first_output: the first of the nodes that are outputs; they are the last ones.
        output_shift: the outputs are shifted left by it before they are compared.
    """

    start: Int64Array
    nodes: Int64Array
    weights: Int64Array
    bias: Int64Array
    steps_from: Int64Array
    steps_to: Int64Array
    steps: Int64Array
    constants: Int64Array
    inputs: int
    first_row: int
    first_output: int
    output_shift: int


@kernel
def _round_significant(x: int, bits: int) -> int:
    """Return x rounded half-even to so many significant bits."""
    excess = 0
    while abs(x) >> excess >= 1 << bits:
        excess += 1
    if excess == 0:
        return x
    half = 1 << (excess - 1)
    return (x + half - 1 + ((x >> excess) & 1)) >> excess << excess


@kernel
def _run_step(steps: Int64Array, step: int, work: Int64Array, node: int) -> None:
    """Replace the lanes of one node by what one step makes of them."""
    if steps[step, 0] == CLAMP:
        low, high = steps[step, 1], steps[step, 2]
        for lane in range(LANES):
            work[node, lane] = min(max(work[node, lane], low), high)
    elif steps[step, 0] == MULTIPLY:
        factor = steps[step, 1]
        for lane in range(LANES):
            work[node, lane] *= factor
    elif steps[step, 0] == SIGNIFICANT:
        bits = steps[step, 1]
        for lane in range(LANES):
            work[node, lane] = _round_significant(work[node, lane], bits)
    else:
        shift, addend, odd = steps[step, 1], steps[step, 2], steps[step, 3]
        negative, zero_point = steps[step, 4], steps[step, 5]
        for lane in range(LANES):
            x = work[node, lane]
            x += addend + ((x >> shift) & odd) + ((x >> 63) & negative)
            work[node, lane] = (x >> shift) + zero_point


@kernel
def evaluate(flat: Flat, work: Int64Array) -> None:
    """Compute every row's node in `work` (int64[nodes, LANES]) from its inputs and constants, in place."""
    for row in range(flat.bias.size):
        node = flat.first_row + row
        bias = flat.bias[row]
        for lane in range(LANES):
            work[node, lane] = bias
        for entry in range(flat.start[row], flat.start[row + 1]):
            read, weight = flat.nodes[entry], flat.weights[entry]
            for lane in range(LANES):
                work[node, lane] += weight * work[read, lane]
        for step in range(flat.steps_from[row], flat.steps_to[row]):
            _run_step(flat.steps, step, work, node)


@kernel
def _first_difference(left: Flat, left_work: Int64Array, right: Flat, right_work: Int64Array, lanes: int) -> int:
    """Evaluate both and return the first of the lanes 0..lanes on which outputs differ, or `lanes`."""
    evaluate(left, left_work)
    evaluate(right, right_work)
    first = lanes
    for output in range(left_work.shape[0] - left.first_output):
        left_node, right_node = left.first_output + output, right.first_output + output
        for lane in range(lanes):
            left_value = left_work[left_node, lane] << left.output_shift
            right_value = right_work[right_node, lane] << right.output_shift
            if left_value != right_value:
                first = min(first, lane)
    return first


@kernel
def _take_points(
    left_work: Int64Array,
    right_work: Int64Array,
    low: Int64Array,
    high: Int64Array,
    point: Int64Array,
    wanted: int,
) -> int:
    """Write the next points of the box, from `point` on, into both inputs; return how many, at most `wanted`."""
    lanes = 0
    for lane in range(LANES):
        for feature in range(point.size):
            left_work[feature, lane] = point[feature]
            right_work[feature, lane] = point[feature]
        if lanes < wanted:
            lanes += 1
            feature = point.size - 1
            while feature >= 0 and point[feature] == high[feature]:
                point[feature] = low[feature]
                feature -= 1
            if feature >= 0:
                point[feature] += 1
    return lanes


@kernel
def compare_grid(
    left: Flat,
    left_work: Int64Array,
    right: Flat,
    right_work: Int64Array,
    low: Int64Array,
    high: Int64Array,
    point: Int64Array,
    count: int,
) -> tuple[int, int]:
    """Compare on `count` points of a box from `point` on, in mixed radix order, the last feature fastest.

    Args:
        left: the one program.
        left_work: int64[left's nodes, LANES] with its constants filled in.
        right: the other program.
        right_work: int64[right's nodes, LANES], likewise.
        low: int64[features], a corner of the box.
        high: int64[features], the opposite corner.
        point: int64[features]: where to begin; moved on by one for every point taken.
        count: how many points to visit.

    Returns:
        (visited, lane): how many points were compared, the differing one included, and the lane that holds the
        differing point in both work arrays, or -1.
    """
    visited = 0
    while visited < count:
        lanes = _take_points(left_work, right_work, low, high, point, count - visited)
        lane = _first_difference(left, left_work, right, right_work, lanes)
        if lane < lanes:
            return visited + lane + 1, lane
        visited += lanes
    return visited, -1


@kernel
def compare_points(left: Flat, left_work: Int64Array, right: Flat, right_work: Int64Array, points: Int64Array) -> int:
    """Compare on int64[n, features] points and return the index of the first that differs, or -1."""
    count, features = points.shape
    for first in range(0, count, LANES):
        lanes = min(LANES, count - first)
        for lane in range(LANES):
            for feature in range(features):
                value = points[first + min(lane, lanes - 1), feature]
                left_work[feature, lane] = value
                right_work[feature, lane] = value
        found: int = _first_difference(left, left_work, right, right_work, lanes)
        if found < lanes:
            return first + found
    return -1
