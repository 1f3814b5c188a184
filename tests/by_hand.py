"""Tickets of the second version, made by hand for small chains of dense layers: copies (Theorem 2) and binary.

Nothing here comes from the finder, so a certificate of one stays the same whatever the finder comes to prefer.
Columns are served in their order, each by the first units that reach all its sums.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from program import TINY, target_bytes

from certify.base.draw import random_weights
from certify.base.law import BaseNetwork, Construction, Law, Precision
from certify.base.layout import constant_lines, pairs, radix_bits
from certify.base.mask import Mask, from_positions
from certify.certificate.exact_ticket import Subject
from certify.network.model import Network
from certify.network.target import read_target

SEED = "0"
SECOND = copy.deepcopy(TINY)
"""TINY with a layer between, and a bias in each: neurons of two layers have copies, and lines too."""
SECOND["layers"] = [
    TINY["layers"][0],
    {"op": "dense", "precision_bits": 1, "weights": [[2, -1], [0, 1]], "bias": [3, 1], "then": [{"op": "relu"}]},
    {"op": "dense", "precision_bits": 1, "weights": [[1, -2]], "bias": [1], "then": []},
]


def binary(document: Any = SECOND) -> Subject:
    """A ticket of ±1, for a small chain."""
    file = read_target(target_bytes(document))
    layers, masks, widths = file.network.chain or (), [], []
    precisions = (Precision(0, 0),) * len(layers)
    for number, wanted in enumerate(_wanted(file.network, "binary", precisions)):
        pair = _pair(2 * number, wanted, layers[number].inputs, Precision(0, 0), "signs")
        masks += pair
        widths.append(pair[0].shape[0])
    base = BaseNetwork(SEED, tuple(widths), precisions, construction="binary")
    return Subject("tiny.json", file, base, "grown", tuple(masks))


def copied(document: Any = SECOND, copies: int = 8, law: Law = "nonzero") -> Subject:
    """A ticket of copies, so many of every neuron, for a small chain; with another law one that is none."""
    file = read_target(target_bytes(document))
    layers = file.network.chain or ()
    bits = [(layers[0].precision_bits + 1) // 2, *(layer.precision_bits for layer in layers[1:])]
    precisions = tuple(Precision(each, each) for each in bits)
    first, *others = _wanted(file.network, "theorem-2", precisions)
    repeated = np.tile(first, (copies if others else 1, 1))
    masks = [*_pair(0, repeated, layers[0].inputs, precisions[0], law)]
    widths = [masks[0].shape[0]]
    alive = np.ones(repeated.shape[0], dtype=np.bool_)
    for number, wanted in enumerate(others, 1):
        widths.append(len(alive))
        last = number == len(others)
        rows = np.tile(wanted, (1 if last else copies, 1))
        mask, alive = _single(number + 1, rows, alive, layers[number].inputs, precisions[number], law)
        assert not last or alive.all()
        masks.append(mask)
    base = BaseNetwork(SEED, tuple(widths), precisions, construction="theorem-2")
    return Subject("tiny.json", file, base, "grown", tuple(masks))


def _wanted(target: Network, construction: Construction, precisions: Sequence[Precision]) -> Iterable[np.ndarray]:
    """Of each layer the sums that its rows have to have, int64[outputs, inputs and lines], on the ticket's scale."""
    for layer, pair in zip(target.chain or (), pairs(target, precisions, construction), strict=True):
        lines, radix = constant_lines(layer), radix_bits(layer.precision_bits)
        digits = np.zeros((layer.outputs, lines), dtype=np.int64)
        for row, offset in enumerate(layer.offsets()):
            left = abs(offset)
            for line in reversed(range(lines)):
                below = sum(1 << (layer.precision_bits + radix * at) for at in range(line))
                digit = -(-max(0, left - below) >> (radix * line))
                digits[row, line] = digit if offset > 0 else -digit
                left -= digit << (radix * line)
            assert left == 0
        yield np.hstack([layer.weights.to_dense()[:, : layer.inputs], digits]) << pair.weight_bits


def _pair(matrix: int, wanted: np.ndarray, inputs: int, precision: Precision, law: Law) -> tuple[Mask, Mask]:
    """Both masks of a pair: a block of units for every column, each as long as it has to be."""
    outputs, columns = wanted.shape
    first: list[tuple[int, int]] = []
    second: list[tuple[int, int]] = []
    start = 0
    for column in range(columns):
        units = np.arange(start, start + 400)
        u = _draw(matrix, units, 0 * units + column, precision, law)
        # rows of v, one after the other
        grid = np.repeat(np.arange(outputs), len(units)), np.tile(units, outputs)
        v = _draw(matrix + 1, *grid, precision, law).reshape(outputs, -1)
        taken = 0
        for half in (1, -1) if column < inputs else (1,):
            at = np.flatnonzero(u * half > 0)
            for row in range(outputs):
                found = _subset((v[row, at] * np.abs(u[at])).tolist(), half * int(wanted[row, column]))
                assert found is not None
                second += [(row, int(units[at[index]])) for index in found]
                taken = max([taken, *(int(at[index]) + 1 for index in found)])
        read = {unit for _, unit in second}
        first += [(int(unit), column) for unit in units[:taken] if unit in read]
        start += taken
    return _mask((max(start, 1), columns), first), _mask((outputs, max(start, 1)), second)


def _single(
    matrix: int, wanted: np.ndarray, alive: np.ndarray, neurons: int, precision: Precision, law: Law
) -> tuple[Mask, np.ndarray]:
    """The mask of one matrix that reads copies, and which of its rows are what they are to be."""
    rows, sources = wanted.shape
    copies = len(alive) // neurons
    kept: list[tuple[int, int]] = []
    made = np.ones(rows, dtype=np.bool_)
    for row in range(rows):
        own: list[tuple[int, int]] = []
        for source in range(sources):
            usable = [c for c in range(copies) if source >= neurons or alive[c * neurons + source]]
            columns = np.array([c * sources + source for c in usable], dtype=np.int64)
            values = _draw(matrix, 0 * columns + row, columns, precision, law)
            found = _subset(values.tolist(), int(wanted[row, source]))
            made[row] &= found is not None
            own += [(row, int(columns[index])) for index in found or ()]
        kept += own if made[row] else []
    return _mask((rows, copies * sources), kept), made


def _draw(matrix: int, rows: np.ndarray, columns: np.ndarray, precision: Precision, law: Law) -> np.ndarray:
    return random_weights(SEED, matrix, precision, "floor", rows, columns, law=law)


def _subset(values: Sequence[int], target: int) -> tuple[int, ...] | None:
    """Indices of the first few values that have this sum."""
    reached: dict[int, tuple[int, ...]] = {0: ()}
    for index, value in enumerate(values):
        if target in reached:
            break
        for total, chosen in list(reached.items()):
            reached.setdefault(total + value, (*chosen, index))
    return reached.get(target)


def _mask(shape: tuple[int, int], positions: Sequence[tuple[int, int]]) -> Mask:
    ordered = np.array(sorted(positions), dtype=np.int64).reshape(-1, 2)
    return from_positions(shape, ordered[:, 0], ordered[:, 1])
