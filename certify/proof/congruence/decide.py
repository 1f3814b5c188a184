"""Are two graphs equal because their outputs have the same numbers?

Besides, what the numbers say is held against plain evaluation: at some points of the box elements with one base have
one value, whichever network they stand in. Anything else ends the run, since then something here is broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.batch import Batch, TooWideError
from certify.network.compare import common_scale
from certify.network.matrix import Int64Array
from certify.network.model import Network
from certify.proof.claim import Stage
from certify.proof.congruence.functions import Affine
from certify.proof.congruence.questions import Asked
from certify.proof.congruence.table import Elements, NotNumberedError, Table
from certify.proof.congruence.walk import numbered
from certify.proof.obligations import Count, QuestionKind
from certify.proof.questions import Question
from solvers.grid.search import sample

_CHECKED_POINTS = 1
_SEED = 2508_11020


@dataclass(frozen=True)
class Congruence:
    """What numbering gave.

    Attributes:
        proved: whether all outputs are the same, so that every relation holds.
        reason: why not.
        obligations: what z3 was asked about functions, counted by kind.
        questions: the same, one by one.
        stages: what was done, in words.
    """

    proved: bool
    reason: str = ""
    obligations: Mapping[QuestionKind, Count] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    stages: tuple[Stage, ...] = ()


def number(left: Network, right: Network, monitor: Monitor) -> Congruence:
    """Decide whether two comparable networks are equal on the left one's box, as far as numbering can.

    Raises:
        DisagreementError: elements of one number have different values at a point.
    """
    right = replace(right, input=left.input)
    table = Table(Asked())
    with monitor.phase("congruence"):
        try:
            sides = [numbered(network, table) for network in (left, right)]
            scaled = [
                table.each(side[-1].reshape(-1), (Affine(1 << shift, 0),) if shift else ())
                for side, shift in zip(sides, common_scale(left, right), strict=True)
            ]
        except NotNumberedError as error:
            reason = f"congruence holds {error}"
            return Congruence(proved=False, reason=reason, stages=(Stage("congruence", reason),))
        _check((left, right), sides, table)
    return _said(table, scaled)


def _said(table: Table, outputs: Sequence[Elements]) -> Congruence:
    left, right = outputs
    same = (left.base == right.base) & (left.offset == right.offset)
    count, total, asked = int(same.sum()), len(same), table.asked
    outcome = (
        f"{table.new:,} functions of planes, {table.known:,} met again, {asked.compared:,} of them in other words"
        f"{f' ({asked.left:,} left apart)' if asked.left else ''}; {count:,} of {total:,} outputs the same"
    )
    stages = (Stage("congruence", outcome),)
    if count < total:
        reason = f"congruence leaves {total - count:,} of {total:,} outputs"
        return Congruence(proved=False, reason=reason, stages=stages)
    return Congruence(proved=True, obligations=asked.counts(), questions=asked.questions(), stages=stages)


def _check(networks: Sequence[Network], sides: Sequence[Sequence[Elements]], table: Table) -> None:
    """Hold the numbers against the networks' values at some points.

    Raises:
        DisagreementError: they do not go together.
    """
    box = networks[0].input
    try:
        batches = [Batch.of(network) for network in networks]
    except TooWideError:
        return
    for point in sample(box.low, box.high, _CHECKED_POINTS, _SEED)[-_CHECKED_POINTS:]:
        known = np.full(table.count, -1, dtype=np.int64)
        known[0] = 0
        for batch, side, name in zip(batches, sides, ("first", "second"), strict=True):
            batch.walk(point[np.newaxis], _Holder(side, known, table, f"the {name} network"))


@dataclass(frozen=True, eq=False)
class _Holder:
    """Visits the layers of a network with the values that bases are known to have."""

    side: Sequence[Elements]
    known: Int64Array
    table: Table
    name: str

    def __call__(self, index: int, values: Int64Array) -> None:
        elements = self.side[index]
        base, value = elements.base.reshape(-1), values.reshape(-1) - elements.offset.reshape(-1)
        new = self.known[base] < 0
        self.known[base[new]] = value[new]
        wrong = (self.known[base] != value) | (value < 0) | (value > self.table.high(base))
        if wrong.any():
            problem = f"element {int(np.argmax(wrong))} of layer {index} of {self.name} is not what its number says"
            raise DisagreementError(problem)
