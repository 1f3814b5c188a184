"""The compiled kernels: two programs on many points, until one point tells them apart.

Programs arrive as one straight line (`flat.py` writes it): their values are numbered nodes, the inputs first, which
they share, then the constants of all layers, then the rows of all layers in order, so that a row reads only nodes
before its own. There are no layers left and no opcodes: each step is a row of numbers of one of five kinds.

Many points are evaluated at a time. The work array is [nodes, lanes], and every innermost loop runs over the lanes of
a few nodes with the same weights or step, which is the form that compilers turn into vector instructions. What these
loops wait for is memory, so two rows take four nodes at a time (`pairs.py`), and a sum is clamped before it is
written; a sweep spares the first layers their products (`blocks.py`); and where every number met is known to fit 32
bits, the lanes are int32, of which a vector holds twice as many. A kernel is compiled for each kind it meets.

Two things here are for the machine alone. Places in `cells`, the work array as one row, are unsigned: signed ones
might be negative, which Python counts from the end, and a loop that has to ask is not vectorised. And the number of
lanes is no power of two (`flat.py`): equal low bits of their addresses would make nodes collide in the caches.

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
LEAKY = 4
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

    Rows are computed in pairs: pair p is the rows 2p and 2p + 1, of one layer, on the nodes that either reads. A
    layer with an odd number of rows has one more, which nothing reads.

    Attributes:
        groups: int64[pairs + 1]; pair p sums the groups groups[p] to groups[p + 1], at least one.
        nodes: int64[groups, 4]: the nodes that a group reads; one that is read for nothing has the weights 0.
        weights: [groups, 2, 4], int32 or int64 as the lanes are: for each row of the pair.
        bias: [rows], likewise.
        clamps: [rows + 1, 2], likewise: low and high, which a row's sum is clamped to first of all; the type's own
            where no step says so, and in the last of them.
        offsets: int64[pairs]: where the pair's rows are among those of both first layers, the only ones that read
            inputs; -1 for the pairs of other layers.
        steps_from, steps_to: int64[rows]; row r then runs the steps steps_from[r] to steps_to[r].
        steps: [steps, 6] as the lanes are, a kind and its numbers, 0 where it has fewer: CLAMP, low, high; MULTIPLY,
            factor; SIGNIFICANT, bits, half-even; LEAKY, factor, which is the larger of x and x · factor; or ROUND,
            shift, addend, odd, negative, zero_point, which is
            ((x + addend + ((x >> shift) & odd) + (negative if x < 0 else 0)) >> shift) + zero_point, the shift less
            than a lane has bits.
        constants: [constants] as the lanes are: what the nodes inputs to first_row hold.
        inputs: how many nodes are a point's.
        first_row: the first computed node.
        computed: int64[rows of all layers]: their nodes, without those of rows that nothing reads.
        outputs: int64[programs, outputs]: the nodes that are each program's outputs.
        scales: [programs] as the lanes are: what a program's outputs are multiplied by before they are compared.
    """

    groups: Int64Array
    nodes: Int64Array
    weights: Lanes
    bias: Lanes
    clamps: Lanes
    offsets: Int64Array
    steps_from: Int64Array
    steps_to: Int64Array
    steps: Lanes
    constants: Lanes
    inputs: int
    first_row: int
    computed: Int64Array
    outputs: Int64Array
    scales: Lanes


class Blocks(NamedTuple):
    """A box cut into blocks: the last features take all their values within one, the feature before them some.

    The other features, and where the one before them stands, are the block's; they are counted through in the order
    of the box, so that the points of a block follow each other.

    Attributes:
        low, high: int64[counted features], opposite corners of the box in the features that are counted.
        stride: int64[counted features]: how far one block is from the next, 1 but for the last of them.
        each: how many points there are for each value of the last one.
        slopes: [counted features, rows of both first layers] as the lanes are: by how much a row's sum grows with a
            feature.
        differences: [rows of both first layers, points of a block] as the lanes are: by how much the sum of a row at
            a point of the block differs from that at the block's first point.
    """

    low: Int64Array
    high: Int64Array
    stride: Int64Array
    each: int
    slopes: Lanes
    differences: Lanes


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
    elif steps[step, 0] == LEAKY:
        factor = steps[step, 1]
        for lane in range(lanes):
            work[node, lane] = max(work[node, lane], work[node, lane] * factor)
    else:
        _round(steps, step, work, node, lanes)


@kernel
def _round(steps: Lanes, step: int, work: Lanes, node: int, lanes: int) -> None:
    """Shift and round the lanes of one node; each sum on the way fits them, and is cut to them for narrow shifts."""
    kind = work.dtype.type
    shift, addend, odd = steps[step, 1], steps[step, 2], steps[step, 3]
    negative, zero_point = steps[step, 4], steps[step, 5]
    if odd != 0 or negative != 0:
        for lane in range(lanes):
            x = work[node, lane]
            work[node, lane] = x + ((np.right_shift(x, shift) & odd) + (negative if x < 0 else 0))
    for lane in range(lanes):
        work[node, lane] = np.right_shift(kind(work[node, lane] + addend), shift) + zero_point


@kernel
def _accumulate(flat: Flat, pair: int, cells: Lanes, width: int, lanes: int) -> None:
    """Sum the biases and entries of two rows in their nodes, and clamp the sums."""
    kind, weights, nodes, clamps = cells.dtype.type, flat.weights, flat.nodes, flat.clamps
    one = np.uint64((flat.first_row + 2 * pair) * width)
    two = one + np.uint64(width)
    begin, end = flat.groups[pair], flat.groups[pair + 1]
    for n in range(begin, end):
        row, other = (2 * pair, 2 * pair + 1) if n == end - 1 else (flat.bias.size, flat.bias.size)
        low, high, least, most = clamps[row, 0], clamps[row, 1], clamps[other, 0], clamps[other, 1]
        a, b, c, d = weights[n, 0, 0], weights[n, 0, 1], weights[n, 0, 2], weights[n, 0, 3]
        e, f, g, h = weights[n, 1, 0], weights[n, 1, 1], weights[n, 1, 2], weights[n, 1, 3]
        i, j = np.uint64(nodes[n, 0] * width), np.uint64(nodes[n, 1] * width)
        k, m = np.uint64(nodes[n, 2] * width), np.uint64(nodes[n, 3] * width)
        if n == begin:
            bias, more = flat.bias[2 * pair], flat.bias[2 * pair + 1]
            for lane in range(np.uint64(lanes)):
                w, x, y, z = cells[i + lane], cells[j + lane], cells[k + lane], cells[m + lane]
                cells[one + lane] = min(max(kind(bias + (a * w + b * x) + (c * y + d * z)), low), high)
                cells[two + lane] = min(max(kind(more + (e * w + f * x) + (g * y + h * z)), least), most)
        else:
            for lane in range(np.uint64(lanes)):
                w, x, y, z = cells[i + lane], cells[j + lane], cells[k + lane], cells[m + lane]
                ours, theirs = (a * w + b * x) + (c * y + d * z), (e * w + f * x) + (g * y + h * z)
                cells[one + lane] = min(max(kind(cells[one + lane] + ours), low), high)
                cells[two + lane] = min(max(kind(cells[two + lane] + theirs), least), most)


@kernel
def _spread(flat: Flat, pair: int, blocks: Blocks, sums: Lanes, cells: Lanes, width: int, lanes: int) -> None:
    """Add differences to the sums that two rows of a first layer have at the block's first point, and clamp them."""
    kind, differences, row, offset = cells.dtype.type, blocks.differences, 2 * pair, flat.offsets[pair]
    ours, theirs = sums[offset], sums[offset + 1]
    low, high, least, most = (
        flat.clamps[row, 0],
        flat.clamps[row, 1],
        flat.clamps[row + 1, 0],
        flat.clamps[row + 1, 1],
    )
    one = np.uint64((flat.first_row + row) * width)
    two = one + np.uint64(width)
    for lane in range(np.uint64(lanes)):
        cells[one + lane] = min(max(kind(ours + differences[offset, lane]), low), high)
        cells[two + lane] = min(max(kind(theirs + differences[offset + 1, lane]), least), most)


@kernel
def evaluate(flat: Flat, work: Lanes, lanes: int) -> None:
    """Compute every row's node in the first `lanes` lanes of `work` from its inputs and constants, in place."""
    cells = work.reshape(-1)
    for pair in range(flat.offsets.size):
        _accumulate(flat, pair, cells, work.shape[1], lanes)
        for row in range(2 * pair, 2 * pair + 2):
            for step in range(flat.steps_from[row], flat.steps_to[row]):
                _run_step(flat.steps, step, work, flat.first_row + row, lanes)


@kernel
def _evaluate_block(flat: Flat, blocks: Blocks, sums: Lanes, work: Lanes, lanes: int) -> None:
    """Compute every row's node in the first `lanes` lanes, from the first layers' sums at the block's first point."""
    cells = work.reshape(-1)
    for pair in range(flat.offsets.size):
        if flat.offsets[pair] < 0:
            _accumulate(flat, pair, cells, work.shape[1], lanes)
        else:
            _spread(flat, pair, blocks, sums, cells, work.shape[1], lanes)
        for row in range(2 * pair, 2 * pair + 2):
            for step in range(flat.steps_from[row], flat.steps_to[row]):
                _run_step(flat.steps, step, work, flat.first_row + row, lanes)


@kernel
def _write_gaps(flat: Flat, work: Lanes, gaps: Lanes, lanes: int) -> int:
    """Write each lane's largest |left - right| over the outputs into `gaps` and return the largest of all."""
    kind = work.dtype.type
    ours, theirs = flat.scales[0], flat.scales[1]
    for lane in range(lanes):
        gaps[lane] = 0
    for output in range(flat.outputs.shape[1]):
        left, right = flat.outputs[0, output], flat.outputs[1, output]
        for lane in range(lanes):
            gap = kind(work[left, lane] * ours - work[right, lane] * theirs)
            gaps[lane] = max(gaps[lane], gap, kind(-gap))
    largest = kind(0)
    for lane in range(lanes):
        largest = max(largest, gaps[lane])
    return int(np.int64(largest))


@kernel
def _winner(nodes: Int64Array, work: Lanes, lane: int) -> int:
    """Return which of the nodes holds a lane's largest number, the first one of several."""
    winner = 0
    for output in range(1, nodes.size):
        if work[nodes[output], lane] > work[nodes[winner], lane]:
            winner = output
    return winner


@kernel
def _first_failing(flat: Flat, work: Lanes, relation: Relation, gaps: Lanes, lanes: int) -> tuple[int, int]:
    """Return the first lane on which the relation fails, or `lanes`, and the largest gap of the lanes up to it."""
    largest = 0
    for lane in range(lanes):
        largest = max(largest, int(gaps[lane]))
        if relation.kind == WITHIN:
            fails = gaps[lane] > relation.bound
        else:
            fails = _winner(flat.outputs[0], work, lane) != _winner(flat.outputs[1], work, lane)
        if fails:
            return lane, largest
    return lanes, largest


@kernel
def _advance(blocks: Blocks, point: Int64Array, sums: Lanes) -> None:
    """Go on to where the next block begins, and to the sums there; after the last block comes the first."""
    for feature in range(point.size - 1, -1, -1):
        begun, stride = point[feature], blocks.stride[feature]
        ends = blocks.high[feature] - begun < stride
        point[feature] = blocks.low[feature] if ends else begun + stride
        moved = sums.dtype.type(point[feature] - begun)
        for row in range(sums.size):
            sums[row] += blocks.slopes[feature, row] * moved
        if not ends:
            return


@kernel
def compare_blocks(
    flat: Flat, work: Lanes, relation: Relation, blocks: Blocks, point: Int64Array, sums: Lanes, count: int
) -> tuple[int, int, bool]:
    """Compare two programs on `count` blocks of a box, in its order.

    Args:
        flat: both programs.
        work: [nodes, lanes] with its constants filled in, as many lanes as a block has points or more.
        relation: what has to hold between their outputs.
        blocks: the box.
        point: int64[counted features]: where the first block begins; overwritten.
        sums: [rows of both first layers] as the lanes are: what they are there before any step; overwritten.
        count: how many blocks to visit, at most as many as there are from the first on.

    Returns:
        (visited, largest, fails): how many points were compared, the first one on which the relation fails included;
        the largest |left - right| on those points; whether there is such a point.
    """
    gaps = np.empty(work.shape[1], work.dtype)
    visited = largest = 0
    for _ in range(count):
        lanes = blocks.each
        if point.size > 0:
            lanes *= min(blocks.stride[-1], blocks.high[-1] - point[-1] + 1)
        _evaluate_block(flat, blocks, sums, work, lanes)
        lane, gap = lanes, _write_gaps(flat, work, gaps, lanes)
        if relation.kind == ARGMAX or gap > relation.bound:
            lane, gap = _first_failing(flat, work, relation, gaps, lanes)
        largest = max(largest, gap)
        if lane < lanes:
            return visited + lane + 1, largest, True
        visited += lanes
        _advance(blocks, point, sums)
    return visited, largest, False
