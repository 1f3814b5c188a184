"""Convolutions and their tickets in loops, one product at a time; a plane is [row][column][channel] of integers.

A ticket's weights come from the plain-Python oracle of the base network and the masks' bits, never from the network
that pruning builds.
"""

from __future__ import annotations

import itertools

import naive_base
import numpy as np


def convolve(layer, plane):
    """Accumulators of a convolution that is written out: dense kernels, padding with zeros, constants beside."""
    kernels = layer.weights.to_dense().tolist()
    per_group = layer.outputs // layer.groups
    return [
        [
            [
                layer.bias[output]
                + products(layer, kernels[output], output // per_group, plane, row, column)
                + sum(
                    w * c
                    for w, c in zip(kernels[output][layer.taps * layer.channels :], layer.constants, strict=True)
                )
                for output in range(layer.outputs)
            ]
            for column in range(positions(layer, plane)[1])
        ]
        for row in range(positions(layer, plane)[0])
    ]


def products(layer, kernel, group, plane, row, column):
    total = 0
    for tap, (down, right) in enumerate(itertools.product(*map(range, layer.window.size))):
        at = place(layer, row, column, down, right)
        for channel in range(layer.channels):
            weight = kernel[tap * layer.channels + channel]
            total += weight * element(plane, *at, group * layer.channels + channel)
    return total


def place(layer, row, column, down, right):
    """Where a tap reads, in the plane without its padding."""
    window = layer.window
    return (
        row * window.stride[0] + down * window.dilation[0] - window.padding[0][0],
        column * window.stride[1] + right * window.dilation[1] - window.padding[1][0],
    )


def element(plane, row, column, channel):
    inside = 0 <= row < len(plane) and 0 <= column < len(plane[0])
    return plane[row][column][channel] if inside else 0


def positions(layer, plane):
    window, found = layer.window, []
    for length, size, stride, dilation, around in zip(
        (len(plane), len(plane[0])), window.size, window.stride, window.dilation, window.padding, strict=True
    ):
        starts = range(0, length + around[0] + around[1], stride)
        found.append(sum(start + dilation * (size - 1) < length + sum(around) for start in starts))
    return found


def kept(base, matrix, mask, groups):
    """{(row, column): weight} of what a mask keeps of one matrix of a layer with groups."""
    precision, rows = base.precisions[matrix // 2], mask.shape[0] // groups
    found = {}
    for row, column in zip(mask.rows().tolist(), mask.columns.tolist(), strict=True):
        group, inner = divmod(row, rows)
        found[row, column] = naive_base.weight(
            base.seed, matrix, inner, column, precision.drawn, precision.kept, base.quantization, group
        )
    return found


def paths(layer, base, number, masks):
    """(kernel row, column, u, v) of every path that a pair's masks keep; the column is its group's."""
    width, groups = base.widths[number], layer.groups
    first = kept(base, 2 * number, masks[2 * number], groups)
    second = kept(base, 2 * number + 1, masks[2 * number + 1], groups)
    by_unit = {}
    for (row, column), u in first.items():
        by_unit.setdefault(row, []).append((column, u))
    per_group = layer.outputs * layer.taps // groups
    return [
        (row, column, u, v)
        for (row, unit), v in second.items()
        for column, u in by_unit.get(row // per_group * width + unit, [])
    ]


def unrolled(layer, shape):
    """What each accumulator of a convolution reads: {(output position, channel, tap): [input elements or None]}.

    An element is an index into the flattened plane of this shape; None is in the padding.
    """
    rows, columns, channels = shape
    plane = np.zeros(shape).tolist()
    per_group = layer.outputs // layer.groups
    found = {}
    for position in itertools.product(*map(range, positions(layer, plane))):
        for output, tap in itertools.product(range(layer.outputs), range(layer.taps)):
            row, column = place(layer, *position, *divmod(tap, layer.window.size[1]))
            inside = 0 <= row < rows and 0 <= column < columns
            first = (row * columns + column) * channels + output // per_group * layer.channels
            reads = range(first, first + layer.channels) if inside else [None] * layer.channels
            found[(*position, output, tap)] = list(reads)
    return found


def unrolled_ticket(layer, pair, base, number, masks, point, shape):
    """Accumulators of a pair, every position and path written out: Σ v · σ(u · x), int[rows, columns, outputs]."""
    by_row = {}
    for row, column, u, v in paths(layer, base, number, masks):
        by_row.setdefault(row, []).append((column, u, v))
    totals = {}
    for (*at, tap), reads in unrolled(layer, shape).items():
        values = [0 if element is None else point[element] for element in reads] + list(pair.constants)
        edges = by_row.get(at[-1] * layer.taps + tap, [])
        totals[tuple(at)] = totals.get(tuple(at), 0) + sum(v * max(0, u * values[c]) for c, u, v in edges)
    return totals
