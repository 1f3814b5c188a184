"""Tickets of Theorem 2's shape by hand, for random small targets, and mutants of them.

Nothing here comes from the finder. A row is filled with random weights on whatever stands for an input, and one more
weight makes the sum right; rows come in any order and any number, some of them nobody's copy and read by nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from msgspec.structs import replace as replace_step
from mutants import dense, network, with_layer, with_weight

from certify.network.model import Dense, Network
from certify.network.rounding import Rounding
from certify.network.steps import Clamp, Relu, Requantize, RequantizeQ31, Sign, Step, Thresholds, rescale

Row: TypeAlias = list[int | None]
Owners: TypeAlias = list[int | None]
Source: TypeAlias = int | tuple[int, bool] | None
Column: TypeAlias = tuple[Source, int]
"""What a column carries, and how many times."""
LINE = -1
ROUNDINGS: tuple[Rounding, ...] = ("floor", "half_up", "half_even", "half_away", "toward_zero")


@dataclass(frozen=True, eq=False)
class Copied:
    """A target and a ticket of it.

    Attributes:
        owners: for every layer of the target but the last, the neuron that each of the ticket's rows is a copy of, or
            None.
    """

    target: Network
    ticket: Network
    owners: tuple[tuple[int | None, ...], ...]


def random_target(rng: random.Random) -> Network:
    """Two or three layers of up to three neurons, some of which are the same, on a box of at most 36 points."""
    inputs = rng.randint(1, 2)
    low = [rng.choice([0, 0, -1, -2, -3, 1]) for _ in range(inputs)]
    high = [least + rng.randint(1, 5) for least in low]
    layers, width = [], inputs
    for place in range(count := rng.randint(2, 3)):
        rows = [[rng.choice([0, rng.randint(-4, 4)]) for _ in range(width + 1)] for _ in range(rng.randint(1, 3))]
        bias = [rng.randint(-6, 6) for _ in rows]
        if rng.random() < 0.4:
            rows.append(list(rows[0]))
            bias.append(bias[0])
        steps = _random_steps(rng, len(rows)) if place + 1 < count else ()
        layers.append(dense(rows, steps, bits=2, bias=bias, constants=[rng.randint(-2, 2)]))
        width = len(rows)
    return network(low, high, *layers)


def _random_steps(rng: random.Random, outputs: int) -> tuple[Step, ...]:
    multipliers = tuple(rng.choice([2**30, 3 * 2**28]) for _ in range(outputs))
    return rng.choice(
        [
            (),
            (Relu(),),
            (Requantize(rng.randint(1, 3), rng.choice(ROUNDINGS), rng.randint(-1, 1)),),
            (Relu(), Requantize(1, rng.choice(ROUNDINGS)), Clamp(-3, 5)),
            (Sign(),),
            (RequantizeQ31(multipliers, 0, "double"), Relu()),
            (Thresholds(tuple((-3, value % 5, 9) for value in range(outputs)), -1),),
        ]
    )


def make(rng: random.Random, target: Network) -> Copied:
    """A ticket, with some copies of every neuron and a few units that nobody reads."""
    layers, owners, finer = [], [], 0
    hidden, columns = _hidden(rng, target)
    layers.append(hidden)
    for index, layer in enumerate(target.layers):
        whose: Owners = list(range(layer.outputs))
        if index + 1 < len(target.layers):
            whose += [*rng.choices(whose, k=rng.randint(0, 3)), *[None] * rng.randint(0, 2)]
            rng.shuffle(whose)
        if index:
            columns = [*((source, 1) for source in owners[-1]), *((LINE, value) for value in _lines(rng))]
        more = rng.randint(0, 1)
        rows = [_row(rng, _wanted(target, index, neuron, finer, more), columns) for neuron in whose]
        constants = [value for source, value in columns if source == LINE] if index else []
        steps, left = rescale(_steps_of(layer, whose), finer + more)
        layers.append(dense(rows, steps, bits=layer.precision_bits + more, constants=constants))
        owners.append(whose)
        finer = left
    return Copied(target, replace(target, layers=tuple(layers)), tuple(map(tuple, owners[:-1])))


def _hidden(rng: random.Random, target: Network) -> tuple[Dense, list[Column]]:
    """Some units of both signs for every input and for the constant line 1, in any order."""
    inputs = target.layers[0].inputs
    fed = [(source, u) for source in range(inputs) for u in (1, -1, rng.choice([-3, -2, 2, 3]))]
    fed += [(inputs, 1), (inputs, rng.choice([1, 2, -1]))]
    rng.shuffle(fed)
    rows = [[u if column == source else None for column in range(inputs + 1)] for source, u in fed]
    columns: list[Column] = [
        (LINE, max(u, 0)) if source == inputs else ((source, u < 0), abs(u)) for source, u in fed
    ]
    return dense(rows, [Relu()], constants=[1]), columns


def _lines(rng: random.Random) -> list[int]:
    return [1, *rng.choices([1, -1, 3, -5], k=rng.randint(0, 3))]


def _wanted(target: Network, index: int, neuron: int | None, finer: int, more: int) -> dict[Source, int] | None:
    """What the weights of a copy have to add up to, for everything that it may read; None where it copies nobody."""
    if neuron is None:
        return None
    layer, wanted = target.layers[index], {}
    weights = layer.weights.to_dense()[neuron].tolist()
    for source, weight in enumerate(weights[: layer.inputs]):
        if index:
            wanted[source] = weight << more
        else:
            # Whatever a half has that is 0 on the whole box makes no difference.
            low, high = target.input.low[source], target.input.high[source]
            wanted[source, False] = weight << more if high > 0 else 5
            wanted[source, True] = -weight << more if low < 0 else 7
    return wanted | {LINE: layer.offsets()[neuron] << (finer + more)}


def _row(rng: random.Random, wanted: dict[Source, int] | None, columns: Sequence[Column]) -> Row:
    if wanted is None:
        return [rng.choice([None, rng.randint(-9, 9)]) for _ in columns]
    row: Row = [None] * len(columns)
    for source, total in wanted.items():
        found = [(place, factor) for place, (known, factor) in enumerate(columns) if known == source]
        last = rng.choice([place for place, factor in found if abs(factor) == 1])
        chosen = {place: rng.randint(-4, 4) for place, _ in found if place != last and rng.random() < 0.5}
        left = total - sum(v * columns[place][1] for place, v in chosen.items())
        for place, v in chosen.items():
            row[place] = v
        if left or rng.random() < 0.5:
            row[last] = left * columns[last][1]
    return row


def _steps_of(layer: Dense, whose: Owners) -> tuple[Step, ...]:
    """The steps of the copies; of nobody's copy those of the first neuron."""
    neurons = [neuron or 0 for neuron in whose]
    found = []
    for step in layer.steps:
        match step:
            case RequantizeQ31(multiplier) if isinstance(multiplier, tuple):
                found.append(replace_step(step, multiplier=tuple(multiplier[neuron] for neuron in neurons)))
            case Thresholds(at):
                found.append(replace_step(step, at=tuple(at[neuron] for neuron in neurons)))
            case _:
                found.append(step)
    return tuple(found)


def mutants(rng: random.Random, copied: Copied) -> Iterator[tuple[str, Network, Network]]:
    """One thing changed in a target or its ticket, and what it is."""
    target, ticket = copied.target, copied.ticket
    for name, change in CHANGES.items():
        changed = change(rng, copied)
        if changed is not None:
            yield name, *((changed, ticket) if name in OF_THE_TARGET else (target, changed))


def _some_weight(rng: random.Random, copied: Copied) -> Network:
    index = rng.randrange(1, len(copied.ticket.layers))
    rows = copied.ticket.layers[index].weights
    entry = rng.randrange(rows.entries)
    row, column = int(rows.row_of_entry()[entry]), int(rows.columns[entry])
    return with_weight(copied.ticket, index, row, column, int(rows.values[entry]) + rng.choice([-1, 1]))


def _moved_edge(rng: random.Random, copied: Copied) -> Network | None:
    """An edge of a later layer, on a unit that is somebody else's copy."""
    index = rng.randrange(2, len(copied.ticket.layers))
    weights, owners = copied.ticket.layers[index].weights, copied.owners[index - 2]
    row = rng.randrange(weights.shape[0])
    kept = dict(zip(*weights.row(row), strict=True))
    moves = [
        (one, other)
        for one in kept
        for other in range(len(owners))
        if one < len(owners) and other not in kept and owners[one] != owners[other]
    ]
    if not moves:
        return None
    one, other = rng.choice(moves)
    removed = with_weight(copied.ticket, index, row, one, None)
    return with_weight(removed, index, row, other, kept[one])


def _dead_read(rng: random.Random, copied: Copied) -> Network | None:
    index = rng.randrange(2, len(copied.ticket.layers))
    dead = [unit for unit, owner in enumerate(copied.owners[index - 2]) if owner is None]
    rows = range(copied.ticket.layers[index].outputs)
    return with_weight(copied.ticket, index, rng.choice(rows), rng.choice(dead), rng.randint(0, 2)) if dead else None


def _constant(rng: random.Random, copied: Copied) -> Network:
    index = rng.choice([0, *range(2, len(copied.ticket.layers))])
    constants = list(copied.ticket.layers[index].constants)
    constants[rng.randrange(len(constants))] += rng.choice([-1, 1])
    return with_layer(copied.ticket, index, constants=tuple(constants))


def _rounding(rng: random.Random, copied: Copied) -> Network | None:
    layers = [(index, layer.steps) for index, layer in enumerate(copied.ticket.layers)]
    places = [(index, at) for index, steps in layers for at, step in enumerate(steps) if isinstance(step, Requantize)]
    if not places:
        return None
    index, at = rng.choice(places)
    steps = list(copied.ticket.layers[index].steps)
    steps[at] = replace_step(steps[at], rounding=rng.choice([r for r in ROUNDINGS if r != steps[at].rounding]))
    return with_layer(copied.ticket, index, steps=tuple(steps))


def _box(rng: random.Random, copied: Copied) -> Network:
    """The box is the target's: a point more on one side, where a ticket need not be the same."""
    box, at, side = copied.target.input, rng.randrange(copied.target.input.features), rng.choice([-1, 1])
    low, high = list(box.low), list(box.high)
    if side < 0:
        low[at] -= 1
    else:
        high[at] += 1
    return replace(copied.target, input=replace(box, low=tuple(low), high=tuple(high)))


def _bias(rng: random.Random, copied: Copied) -> Network:
    index = rng.randrange(len(copied.target.layers))
    bias = list(copied.target.layers[index].bias)
    bias[rng.randrange(len(bias))] += rng.choice([-1, 1])
    return with_layer(copied.target, index, bias=tuple(bias))


CHANGES: dict[str, Callable[[random.Random, Copied], Network | None]] = {
    "a weight": _some_weight,
    "an edge on another's copy": _moved_edge,
    "a unit that is nobody's copy": _dead_read,
    "a constant": _constant,
    "a rounding": _rounding,
    "the box": _box,
    "a bias": _bias,
}
OF_THE_TARGET = {"the box", "a bias"}
