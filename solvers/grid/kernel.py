"""The compiled kernels: two programs on many points, until one point tells them apart.

Programs arrive as one straight line (`flat.py` writes it): their values are numbered nodes, the inputs first, which
they share, then the constants of all layers, then the rows of all layers in order, so that a row reads only nodes
before its own. There are no layers left and no opcodes: each step is a row of numbers of one of four kinds.

Many points are evaluated at a time. The work array is [nodes, lanes], and every innermost loop runs over
the lanes of one node with the same weights or step, which is the form that compilers turn into vector instructions.
What these loops wait for is memory, so a row takes four entries at a time; and where every number met is known to
fit 32 bits, the lanes are int32, of which a vector holds twice as many. A kernel is compiled for each kind it meets.

Array bounds and the ranges of numbers are not checked here: the shapes are by `Layer` and `Program`, the box by the
wrappers in `sweep.py` and `search.py`, and the ranges by whoever made the programs (`program.py`). What the
kernels read, such as the step codes, stands in this file because numba's cache on disk is keyed by it: were
they elsewhere, a change of them would leave stale machine code behind.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from solvers.jit import kernel

Int64Array = NDArray[np.int64]
Lanes: TypeAlias = NDArray[np.int32 | np.int64]

ROUND = 0
CLAMP = 1
MULTIPLY = 2
SIGNIFICANT = 3
WITHIN = 0
ARGMAX = 1


class Relation(NamedTuple):
    """What two output vectors have to be to each other, both on the common scale.

    Attributes:
        kind: WITHIN: no output differs by more than `bound`; ARGMAX: the largest output has the same index, the
            lowest one where several are the largest.
        bound: 0 to 2^63 - 1; 0 for ARGMAX.
    """

    kind: int
    bound: int


class Flat(NamedTuple):
    """Programs as a straight line; node first_row + r is computed by row r.

    Attributes:
        start: int64[rows + 1]; row r sums the entries start[r] to start[r + 1].
        nodes: int64[entries]: the node that an entry reads.
        weights: [entries], int32 or int64 as the lanes are.
        bias: [rows], likewise.
        steps_from, steps_to: int64[rows]; row r runs the steps steps_from[r] to steps_to[r].
        steps: [steps, 6] as the lanes are, a kind and its numbers, 0 where it has fewer: CLAMP, low, high; MULTIPLY,
            factor; SIGNIFICANT, bits, half-even; or ROUND, shift, addend, odd, negative, zero_point, which is
            ((x + addend + ((x >> shift) & odd) + ((x >> 63) & negative)) >> shift) + zero_point.
        constants: [constants] as the lanes are: what the nodes inputs to first_row hold.
        inputs: how many nodes are a point's.
        first_row: the first computed node.
        outputs: int64[programs, outputs]: the nodes that are each program's outputs.
        output_shifts: int64[programs]: a program's outputs are shifted left by it before they are compared.
    """

    start: Int64Array
    nodes: Int64Array
    weights: Lanes
    bias: Lanes
    steps_from: Int64Array
    steps_to: Int64Array
    steps: Lanes
    constants: Lanes
    inputs: int
    first_row: int
    outputs: Int64Array
    output_shifts: Int64Array


class Grid(NamedTuple):
    """A box, for walking it in strides.

    Attributes:
        low, high: int64[features], two opposite corners.
        stride: int64[features]: the number of lanes in the mixed radix of the box's sizes, the lowest digit last.
    """

    low: Int64Array
    high: Int64Array
    stride: Int64Array


@kernel
def _round_significant(x: np.int64, bits: np.int64) -> np.int64:
    """Return x rounded half-even to so many significant bits."""
    excess = 0
    while abs(x) >> excess >= 1 << bits:
        excess += 1
    if excess == 0:
        return x
    half = 1 << (excess - 1)
    return (x + half - 1 + ((x >> excess) & 1)) >> excess << excess


@kernel
def _run_step(steps: Lanes, step: int, work: Lanes, node: int, lanes: int) -> None:
    """Replace the lanes of one node by what one step makes of them."""
    if steps[step, 0] == CLAMP:
        low, high = steps[step, 1], steps[step, 2]
        for lane in range(lanes):
            work[node, lane] = min(max(work[node, lane], low), high)
    elif steps[step, 0] == MULTIPLY:
        factor = steps[step, 1]
        for lane in range(lanes):
            work[node, lane] *= factor
    elif steps[step, 0] == SIGNIFICANT:
        bits = np.int64(steps[step, 1])
        for lane in range(lanes):
            work[node, lane] = _round_significant(np.int64(work[node, lane]), bits)
    else:
        shift, addend, odd = np.int64(steps[step, 1]), steps[step, 2], steps[step, 3]
        negative, zero_point = steps[step, 4], steps[step, 5]
        if odd != 0 or negative != 0:
            for lane in range(lanes):
                x = np.int64(work[node, lane])
                work[node, lane] = x + (((x >> shift) & odd) + ((x >> 63) & negative))
        for lane in range(lanes):
            work[node, lane] = ((np.int64(work[node, lane]) + addend) >> shift) + zero_point


@kernel
def _accumulate(flat: Flat, row: int, work: Lanes, lanes: int) -> None:
    """Sum a row's bias and entries in its node."""
    node, end = flat.first_row + row, flat.start[row + 1]
    weights, nodes, bias = flat.weights, flat.nodes, flat.bias[row]
    for lane in range(lanes):
        work[node, lane] = bias
    entry = flat.start[row]
    while entry + 4 <= end:
        a, b, c, d = weights[entry], weights[entry + 1], weights[entry + 2], weights[entry + 3]
        first, second, third, fourth = nodes[entry], nodes[entry + 1], nodes[entry + 2], nodes[entry + 3]
        for lane in range(lanes):
            some = a * work[first, lane] + b * work[second, lane]
            work[node, lane] += some + (c * work[third, lane] + d * work[fourth, lane])
        entry += 4
    while entry < end:
        weight, read = weights[entry], nodes[entry]
        for lane in range(lanes):
            work[node, lane] += weight * work[read, lane]
        entry += 1


@kernel
def evaluate(flat: Flat, work: Lanes, lanes: int) -> None:
    """Compute every row's node in the first `lanes` lanes of `work` from its inputs and constants, in place."""
    for row in range(flat.bias.size):
        _accumulate(flat, row, work, lanes)
        for step in range(flat.steps_from[row], flat.steps_to[row]):
            _run_step(flat.steps, step, work, flat.first_row + row, lanes)


@kernel
def _write_gaps(flat: Flat, work: Lanes, gaps: Int64Array, lanes: int) -> int:
    """Write each lane's largest |left - right| over the outputs into `gaps` and return the largest of all."""
    left_shift, right_shift = flat.output_shifts[0], flat.output_shifts[1]
    for lane in range(lanes):
        gaps[lane] = 0
    for output in range(flat.outputs.shape[1]):
        left, right = flat.outputs[0, output], flat.outputs[1, output]
        for lane in range(lanes):
            gap = (np.int64(work[left, lane]) << left_shift) - (np.int64(work[right, lane]) << right_shift)
            gaps[lane] = max(gaps[lane], abs(gap))
    largest = 0
    for lane in range(lanes):
        largest = max(largest, gaps[lane])
    return largest


@kernel
def _winner(nodes: Int64Array, work: Lanes, lane: int) -> int:
    """Return which of the nodes holds a lane's largest number, the first one of several."""
    winner = 0
    for output in range(1, nodes.size):
        if work[nodes[output], lane] > work[nodes[winner], lane]:
            winner = output
    return winner


@kernel
def _first_failing(flat: Flat, work: Lanes, relation: Relation, gaps: Int64Array, lanes: int) -> tuple[int, int]:
    """Return the first lane on which the relation fails, or `lanes`, and the largest gap of the lanes up to it."""
    largest = 0
    for lane in range(lanes):
        largest = max(largest, gaps[lane])
        if relation.kind == WITHIN:
            fails = gaps[lane] > relation.bound
        else:
            fails = _winner(flat.outputs[0], work, lane) != _winner(flat.outputs[1], work, lane)
        if fails:
            return lane, largest
    return lanes, largest


@kernel
def _advance(grid: Grid, work: Lanes, carry: Int64Array) -> None:
    """Replace every lane's point by the one a stride further on; after the last point of the box comes its first.

    A stride is added in mixed radix, one feature of all lanes after the other; no sum leaves the lanes' type.
    """
    carries = False
    for lane in range(carry.size):
        carry[lane] = 0
    for feature in range(grid.low.size - 1, -1, -1):
        low, stride = grid.low[feature], grid.stride[feature]
        if stride == 0 and not carries:
            continue
        last, carries = grid.high[feature] - stride, False
        for lane in range(carry.size):
            x, carried = np.int64(work[feature, lane]), carry[lane]
            beyond = x > last or (x == last and carried == 1)
            work[feature, lane] = low + (x - last - 1 + carried) if beyond else x + stride + carried
            carry[lane] = 1 if beyond else 0
            carries = carries or beyond


@kernel
def compare_grid(
    flat: Flat, work: Lanes, relation: Relation, scratch: Int64Array, grid: Grid, count: int
) -> tuple[int, int, int]:
    """Compare two programs on `count` points of a box, in mixed radix order, the last feature fastest.

    Args:
        flat: both programs.
        work: [nodes, lanes] with its constants filled in and the first points as its inputs, `count` of them or as
            many as there are lanes.
        relation: what has to hold between their outputs.
        scratch: int64[lanes], overwritten.
        grid: the box, its stride as many points as there are lanes.
        count: how many points to visit, from 1 to as many as there are from the first on.

    Returns:
        (visited, lane, largest): how many points were compared, the first one on which the relation fails included;
        the lane that holds this one, or -1; the largest |left - right| on those points.
    """
    visited = largest = 0
    while True:
        lanes = min(work.shape[1], count - visited)
        evaluate(flat, work, lanes)
        lane, gap = lanes, _write_gaps(flat, work, scratch, lanes)
        if relation.kind == ARGMAX or gap > relation.bound:
            lane, gap = _first_failing(flat, work, relation, scratch, lanes)
        largest = max(largest, gap)
        if lane < lanes:
            return visited + lane + 1, lane, largest
        visited += lanes
        if visited == count:
            return visited, -1, largest
        _advance(grid, work, scratch)
