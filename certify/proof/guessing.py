"""Whose copy a unit may be: its kept weights, added up for each input, beside what a neuron's weights are.

Nothing here is proved, and nothing rests on it. Sums are taken modulo 2^64, as machine words wrap, so that numbers of
any size take the same path: two different sums may look alike, and then a guess is wrong, and an obligation fails.
What is 0 on the whole box says nothing of a unit and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from certify.network.matrix import Int64Array, Matrix
from certify.network.model import Dense
from certify.network.steps import Requantize, Step, rescale
from certify.proof.conditions import Known
from certify.proof.piece import UNFED

_Signature: TypeAlias = tuple[bytes, bytes, tuple[Step, ...]]


@dataclass(frozen=True, eq=False)
class Units:
    """What a layer of the ticket reads.

    Attributes:
        input: int64[units], the input that each carries, constant lines after all inputs, or UNFED.
        weight: int64[units], how many times.
        carried: int64[units], what each unit of a constant line carries, modulo 2^64; 0 for others.
        inputs: how many the target's layer has.
        halves: 2 where a unit carries σ(x) or σ(-x), 1 where it carries x itself.
        precision_bits: of `weight`.
    """

    input: Int64Array
    weight: Int64Array
    carried: Int64Array
    inputs: int
    halves: int
    precision_bits: int

    @staticmethod
    def hidden(
        unit_input: Int64Array, unit_weight: Int64Array, inputs: int, lines: Sequence[int], precision_bits: int
    ) -> Units:
        """Return the units of a pair's hidden layer."""
        on_line = zip(unit_input.tolist(), unit_weight.tolist(), strict=True)
        carried = [max(u * lines[source - inputs], 0) if source >= inputs else 0 for source, u in on_line]
        return Units(unit_input, unit_weight, _words(carried), inputs, 2, precision_bits)

    @staticmethod
    def copying(neurons: Int64Array, inputs: int, lines: Sequence[int]) -> Units:
        """Return units that are copies of neurons, int64[units], and constant lines behind them."""
        units = np.concatenate([neurons, inputs + np.arange(len(lines))])
        carried = np.concatenate([np.zeros_like(neurons), _words(lines)])
        return Units(units, (units != UNFED).astype(np.int64), carried, inputs, 1, 0)


def owners(layer: Dense, output: Dense, units: Units, read: Known) -> Int64Array:
    """Return int64[outputs of the ticket's layer]: the first neuron that each may be a copy of, or UNFED.

    Args:
        layer: the target's.
        output: the ticket's, which reads `units`.
        units: what it reads.
        read: what the target's layer reads.
    """
    weight_bits = units.precision_bits + output.precision_bits - layer.precision_bits
    scale_bits = read.finer_bits + weight_bits
    if weight_bits < 0:
        return np.full(output.outputs, UNFED, dtype=np.int64)
    said = _seen(read, units.halves)
    wanted, found = _target_sums(layer, units, weight_bits, scale_bits), _ticket_sums(output, units)
    known: dict[_Signature, int] = {}
    for neuron, sums in enumerate(_signatures(wanted, said)):
        for steps in _steps(layer.steps_of(neuron), scale_bits):
            known.setdefault((*sums, steps), neuron)
    guesses = [known.get((*sums, output.steps_of(row)), UNFED) for row, sums in enumerate(_signatures(found, said))]
    return np.array(guesses, dtype=np.int64)


def _steps(steps: tuple[Step, ...], scale_bits: int) -> list[tuple[Step, ...]]:
    """Return what the ticket's steps may be: rescaled, and brought to the target's own scale or not."""
    rescaled, left_bits = rescale(steps, scale_bits)
    return [rescaled, (*rescaled, Requantize(left_bits, "floor"))] if left_bits else [rescaled]


def _target_sums(layer: Dense, units: Units, weight_bits: int, scale_bits: int) -> Matrix:
    """Return (outputs, inputs · halves + 1): what kept weights have to add up to, the bias last."""
    inner = layer.weights.columns < layer.inputs
    rows, columns = layer.weights.row_of_entry()[inner], layer.weights.columns[inner] * units.halves
    values = layer.weights.values[inner] * _words([1 << weight_bits])
    outputs, width = layer.outputs, layer.inputs * units.halves + 1
    parts = [(rows, columns + half, values * (-1) ** half) for half in range(units.halves)]
    offsets = _words([offset << scale_bits for offset in layer.offsets()])
    parts.append((np.arange(outputs), np.full(outputs, width - 1), offsets))
    rows, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return summed((outputs, width), rows, columns, values)


def _ticket_sums(output: Dense, units: Units) -> Matrix:
    """Return (outputs, inputs · halves + 1): what kept weights add up to, those on constant lines last."""
    width, unit = units.inputs * units.halves + 1, output.weights.columns
    source, u = units.input[unit], units.weight[unit]
    varies = (source >= 0) & (source < units.inputs)
    columns = np.where(varies, source * units.halves + (u < 0), width - 1)
    carried = np.where(varies, np.abs(u), units.carried[unit])
    return summed((output.outputs, width), output.weights.row_of_entry(), columns, output.weights.values * carried)


def _seen(read: Known, halves: int) -> Int64Array:
    """Return bool[inputs · halves + 1]: which sums are multiplied by anything but 0, and the bias."""
    low, high = read.values.low.reshape(-1).tolist(), read.values.high.reshape(-1).tolist()
    said: list[bool] = []
    for least, most in zip(low, high, strict=True):
        said += [most > 0, least < 0] if halves == 2 else [(least, most) != (0, 0)]
    return np.array([*said, True], dtype=bool)


def _signatures(sums: Matrix, said: Int64Array) -> list[tuple[bytes, bytes]]:
    """Return for each row which sums are not 0, and what they are."""
    kept = sums.only((sums.values != 0) & said[sums.columns])
    bounds = kept.start.tolist()
    spans = [slice(first, last) for first, last in pairwise(bounds)]
    return [(kept.columns[span].tobytes(), kept.values[span].tobytes()) for span in spans]


def summed(shape: tuple[int, int], rows: Int64Array, columns: Int64Array, values: Int64Array) -> Matrix:
    """Return the matrix of entries in any order, those of one place added up, modulo 2^64.

    Args:
        shape: of the matrix.
        rows: int64[entries].
        columns: int64[entries].
        values: int64[entries].
    """
    place = rows * shape[1] + columns
    order = np.argsort(place, kind="stable")
    place, first = np.unique(place[order], return_index=True)
    total = np.add.reduceat(values[order], first) if len(first) else values[:0]
    counts = np.bincount(place // max(1, shape[1]), minlength=shape[0])
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Matrix(shape, start, place % max(1, shape[1]), total)


def _words(values: Sequence[int]) -> Int64Array:
    """Return integers of any size modulo 2^64, as int64[length]."""
    return np.array([value % 2**64 for value in values], dtype=np.uint64).view(np.int64)
