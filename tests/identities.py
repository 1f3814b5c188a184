"""Pairs of formulas that are equal for reasons of their own, such as max(x, y) in its two ReLU forms, as networks.

A formula is written over linear forms of its arguments with `fire`, the activation of the whole network: ReLU, step
or sign. `build` lays it out in layers, passing on what is needed later: σ(x) - σ(-x), and σ(σ(y)) = σ(y); a bit b
as step(b - 1); a sign as its own sign. An argument may be any linear form of the inputs, so that every unit has
several of them, and the result may be mixed with random units that both networks have.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rewrites import plain

from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu, Sign, Step, Threshold

STEPS: dict[str, Step] = {"relu": Relu(), "step": Threshold(), "sign": Sign()}


@dataclass(frozen=True)
class Form:
    """A linear form: an integer and integers times nodes."""

    terms: tuple[tuple[Node, int], ...] = ()
    constant: int = 0

    def __add__(self, other: Form | int) -> Form:
        if isinstance(other, int):
            return Form(self.terms, self.constant + other)
        sums: dict[Node, int] = dict(self.terms)
        for node, factor in other.terms:
            sums[node] = sums.get(node, 0) + factor
        return Form(tuple((node, f) for node, f in sums.items() if f), self.constant + other.constant)

    def __mul__(self, factor: int) -> Form:
        return Form(tuple((node, f * factor) for node, f in self.terms if factor), self.constant * factor)

    def __neg__(self) -> Form:
        return self * -1

    def __sub__(self, other: Form | int) -> Form:
        return self + -other

    def __radd__(self, other: int) -> Form:
        return self + other

    def __rsub__(self, other: int) -> Form:
        return -self + other

    __rmul__ = __mul__

    @property
    def level(self) -> int:
        return max((node.level for node, _ in self.terms), default=0)


@dataclass(frozen=True, eq=False)
class Node:
    """An input, which has no form, or the activation of one."""

    form: Form | None
    index: int = 0
    level: int = field(default=0)


def fire(form: Form) -> Form:
    """The activation of a form."""
    return Form(((Node(form, level=form.level + 1), 1),))


def total(forms: Sequence[Form]) -> Form:
    return sum(forms, Form())


# Layers.


def build(outputs: Sequence[Form], low: Sequence[int], activation: str, rng: random.Random) -> list[Dense]:
    """The layers that compute the outputs, units in a random order."""
    depth = max((form.level for form in outputs), default=0)
    nodes = _nodes(outputs)
    needed = {node: node.level for node in nodes}
    for user in nodes:
        for node, _ in user.form.terms if user.form else ():
            needed[node] = max(needed[node], user.level - 1)
    for node in (node for form in outputs for node, _ in form.terms):
        needed[node] = depth
    inputs = {node.index: node for node in nodes if node.form is None}
    where: dict[Node, list[tuple[int, int]]] = {node: [(index, 1)] for index, node in inputs.items()}
    width, layers = len(low), []
    for level in range(1, depth + 1):
        units = _units(nodes, needed, where, level, activation, low)
        rng.shuffle(units)
        rows, bias = _rows([form for _, form, _ in units], where, width)
        layers.append(plain(rows, [STEPS[activation]], bias))
        where, width = {}, len(units)
        for number, (node, _, factor) in enumerate(units):
            where.setdefault(node, []).append((number, factor))
    rows, bias = _rows([form.terms for form in outputs], where, width, [form.constant for form in outputs])
    return [*layers, plain(rows, (), bias)]


_Terms = Sequence[tuple[Any, int]]


def _nodes(outputs: Sequence[Form]) -> list[Node]:
    """All of them, inputs first."""
    found: dict[Node, None] = {}

    def visit(form: Form) -> None:
        for node, _ in form.terms:
            if node not in found:
                if node.form:
                    visit(node.form)
                found[node] = None

    for form in outputs:
        visit(form)
    return sorted(found, key=lambda node: node.level)


def _units(
    nodes: Sequence[Node],
    needed: dict[Node, int],
    where: dict[Node, list[tuple[int, int]]],
    level: int,
    activation: str,
    low: Sequence[int],
) -> list[tuple[Node, Any, int]]:
    """(node, what is summed, factor) of every unit of a layer: the level's own, and those that are passed on."""
    units: list[tuple[Node, Any, int]] = [(node, node.form, 1) for node in nodes if node.level == level]
    for node in nodes:
        if node.level < level <= needed[node]:
            signed = activation == "relu" and node.form is None and level == 1 and low[node.index] < 0
            for column, factor in where[node]:
                kept = {column: 1, None: -1} if activation == "step" else {column: 1}
                units.append((node, kept, factor))
                units += [(node, {column: -1}, -factor)] if signed else []
    return units


def _rows(
    sums: Sequence[Any], where: dict[Node, list[tuple[int, int]]], width: int, constants: Sequence[int] = ()
) -> tuple[np.ndarray, list[int]]:
    rows, bias = np.zeros((len(sums), width), dtype=np.int64), list(constants) or [0] * len(sums)
    for row, summed in enumerate(sums):
        if isinstance(summed, dict):
            bias[row] += summed.get(None, 0)
            for column in summed.keys() - {None}:
                rows[row, column] += summed[column]
            continue
        terms = summed.terms if isinstance(summed, Form) else summed
        bias[row] += summed.constant if isinstance(summed, Form) else 0
        for node, factor in terms:
            for column, part in where[node]:
                rows[row, column] += factor * part
    return rows, bias


# Formulas: each name has ways to write it, all of them equal.


def larger(x: Form, y: Form) -> Form:
    return x + fire(y - x)


def smaller(x: Form, y: Form) -> Form:
    return x - fire(x - y)


def _middle(x: Form, y: Form, z: Form) -> Form:
    return larger(smaller(x, y), smaller(larger(x, y), z))


def _clamp(x: Form) -> Form:
    return fire(x + 2) - fire(x - 3) - 2


Formula = Callable[..., Form]
RELU_FORMULAS: dict[str, tuple[int, tuple[Formula, ...]]] = {
    "max": (2, (larger, lambda x, y: larger(y, x), lambda x, y: fire(x - y) + fire(y) - fire(-y))),
    "min": (2, (smaller, lambda x, y: smaller(y, x), lambda x, y: -larger(-x, -y))),
    "|x - y|": (
        2,
        (
            lambda x, y: fire(x - y) + fire(y - x),
            lambda x, y: 2 * fire(x - y) - x + y,
            lambda x, y: 2 * larger(x, y) - x - y,
            lambda x, y: larger(x, y) - smaller(x, y),
        ),
    ),
    "x": (1, (lambda x: fire(x) - fire(-x), lambda x: x, lambda x: fire(fire(x)) - fire(fire(-x)))),
    "max + min": (2, (lambda x, y: larger(x, y) + smaller(x, y), lambda x, y: x + y)),
    "max of three": (
        3,
        (
            lambda x, y, z: larger(larger(x, y), z),
            lambda x, y, z: larger(x, larger(y, z)),
            lambda x, y, z: larger(larger(z, x), y),
        ),
    ),
    "max of four": (
        4,
        (
            lambda a, b, c, d: larger(larger(a, b), larger(c, d)),
            lambda a, b, c, d: larger(larger(a, c), larger(b, d)),
            lambda a, b, c, d: larger(larger(larger(d, c), b), a),
        ),
    ),
    "median of three": (
        3,
        (
            _middle,
            lambda x, y, z: _middle(z, x, y),
            lambda x, y, z: x + y + z - larger(larger(x, y), z) - smaller(smaller(x, y), z),
        ),
    ),
    "min of max": (
        3,
        (
            lambda x, y, z: smaller(larger(x, y), z),
            lambda x, y, z: larger(smaller(x, z), smaller(y, z)),
        ),
    ),
    "max plus": (3, (lambda x, y, z: larger(x, y) + z, lambda x, y, z: larger(x + z, y + z))),
    "clamp": (
        1,
        (
            _clamp,
            lambda x: 3 - fire(5 - fire(x + 2)),
            lambda x: fire(5 - fire(3 - x)) - 2,
            lambda x: _clamp(_clamp(x)),
        ),
    ),
    "relu of relu": (2, (lambda x, y: fire(x - y), lambda x, y: fire(fire(x - y)), lambda x, y: larger(x, y) - y)),
    "max with 0": (2, (lambda x, y: fire(larger(x, y)), lambda x, y: larger(fire(x), fire(y)))),
}
BIT_FORMULAS: dict[str, tuple[int, tuple[Formula, ...]]] = {
    "xor": (2, (lambda x, y: x + y - 2 * fire(x + y - 1), lambda x, y: fire(x - y) + fire(y - x))),
    "and": (2, (lambda x, y: fire(x + y - 1), lambda x, y: x - fire(x - y), smaller)),
    "or": (2, (lambda x, y: x + y - fire(x + y - 1), lambda x, y: 1 - fire(1 - x - y), larger)),
    "majority": (
        3,
        (
            lambda x, y, z: fire(x + y + z - 1) - fire(x + y + z - 2),
            _middle,
            lambda x, y, z: 1 - fire(2 - x - y - z) + fire(1 - x - y - z),
        ),
    ),
    "parity": (
        3,
        (
            lambda x, y, z: _parity(_parity(x, y), z),
            lambda x, y, z: _parity(x, _parity(z, y)),
            lambda x, y, z: x + y + z - 2 * fire(x + y + z - 1) + 2 * fire(x + y + z - 2),
        ),
    ),
}


def _parity(x: Form, y: Form) -> Form:
    return x + y - 2 * fire(x + y - 1)


def _two(x: Form, y: Form) -> Form:
    """x xor y of bits, as steps."""
    return fire(x + y - 1) - fire(x + y - 2)


STEP_FORMULAS: dict[str, tuple[int, tuple[Formula, ...]]] = {
    "xor": (2, (_two, lambda x, y: fire(x - y - 1) + fire(y - x - 1), lambda x, y: fire(_two(x, y) - 1))),
    "parity": (
        3,
        (
            lambda x, y, z: fire(x + y + z - 1) - fire(x + y + z - 2) + fire(x + y + z - 3),
            lambda x, y, z: _two(_two(x, y), z),
            lambda x, y, z: _two(x, _two(y, z)),
        ),
    ),
    "not less": (3, (lambda x, y, z: fire(x + y - z), lambda x, y, z: 1 - fire(z - x - y - 1))),
    "majority": (
        3,
        (
            lambda x, y, z: fire(x + y + z - 2),
            lambda x, y, z: fire(fire(x + y - 2) + fire(x + z - 2) + fire(y + z - 2) - 1),
            lambda x, y, z: 1 - fire(1 - x - y - z),
        ),
    ),
    "one of": (2, (lambda x, y: fire(x + y - 1), lambda x, y: 1 - fire(-x - y))),
}
SIGN_FORMULAS: dict[str, tuple[int, tuple[Formula, ...]]] = {
    "majority": (3, (lambda x, y, z: fire(x + y + z), lambda x, y, z: -fire(-x - y - z))),
    "sign of sign": (3, (lambda x, y, z: fire(fire(x + y + z)), lambda x, y, z: fire(x + y + z))),
    "not both": (2, (lambda x, y: fire(-x - y), lambda x, y: -fire(x + y - 1))),
    "scaled": (3, (lambda x, y, z: fire(x + 2 * y - z), lambda x, y, z: fire(3 * x + 6 * y - 3 * z + 2))),
}
FORMULAS = {
    "relu": ("relu", RELU_FORMULAS),
    "bits": ("relu", BIT_FORMULAS),
    "step": ("step", STEP_FORMULAS),
    "sign": ("sign", SIGN_FORMULAS),
}
NAMES = [(domain, name) for domain, (_, formulas) in FORMULAS.items() for name in formulas]


def pair(domain: str, name: str, rng: random.Random, *, inputs: int = 0, width: int = 5) -> tuple[Network, Network]:
    """Two networks that write the same formula in different ways, among random units that both have.

    Args:
        domain: one of `FORMULAS`: `relu` over integers, `bits` in ReLU form, `step` over bits, `sign` over signs.
        name: of the formula.
        rng: chooses ways, arguments and surroundings.
        inputs: how many, as many as the formula has arguments where there are fewer.
        width: values of an input.
    """
    activation, formulas = FORMULAS[domain]
    arity, ways = formulas[name]
    inputs = max(inputs, arity)
    low, high = _box(domain, inputs, width, rng)
    nodes = [Form(((Node(None, index), 1),)) for index in range(inputs)]
    arguments = _arguments(domain, nodes, arity, rng)
    outputs = rng.randint(1, 2)
    around = [fire(_random_form(nodes, rng)) for _ in range(2)]
    mixed = [(rng.choice([-2, -1, 1, 3]), [rng.randint(-2, 2) for _ in around]) for _ in range(outputs)]
    networks = []
    for way in rng.sample(ways, 2):
        value = way(*arguments)
        summed = [value * f + total([form * g for form, g in zip(around, more, strict=True)]) for f, more in mixed]
        layers = build(summed, low, activation, rng)
        networks.append(Network("", Box((inputs,), tuple(low), tuple(high), 0), tuple(layers)))
    return networks[0], networks[1]


def _box(domain: str, inputs: int, width: int, rng: random.Random) -> tuple[list[int], list[int]]:
    if domain == "sign":
        return [-1] * inputs, [1] * inputs
    if domain in {"bits", "step"}:
        return [0] * inputs, [1] * inputs
    low = [rng.choice([0, -(width // 2), 1 - width, -1]) for _ in range(inputs)]
    return low, [least + width - 1 for least in low]


def _random_form(nodes: Sequence[Form], rng: random.Random) -> Form:
    return total([node * rng.choice([-2, -1, 0, 1, 2]) for node in nodes]) + rng.randint(-2, 2)


def _arguments(domain: str, nodes: Sequence[Form], arity: int, rng: random.Random) -> list[Form]:
    """Sums of several integers; steps of sums where bits are asked for, signs where signs are."""
    if domain == "relu":
        return [_random_form(nodes, rng) if rng.random() < 0.8 else nodes[i] for i in range(arity)]
    if domain == "bits":
        return list(nodes[:arity])
    if domain == "step":
        return [fire(_random_form(nodes, rng)) if rng.random() < 0.5 else nodes[i] for i in range(arity)]
    return [fire(_random_form(nodes, rng)) for _ in range(arity)]


def needle(rng: random.Random, *, inputs: int = 3, width: int = 1001) -> tuple[Network, Network, tuple[int, ...]]:
    """Two networks that are equal at every point but one, and that point: inside, on a side or in a corner.

    The second one has 1 more there, as σ(1 - Σ|x - point|), or in a corner as σ(1 + Σ ±(x - point)).
    """
    low, high = _box("relu", inputs, width, rng)
    nodes = [Form(((Node(None, index), 1),)) for index in range(inputs)]
    corner = rng.random() < 0.4
    point = tuple(rng.choice(ends) if corner else rng.randint(*ends) for ends in zip(low, high, strict=True))
    first = [fire(_random_form(nodes, rng)) for _ in range(3)]
    second = [fire(total([unit * rng.randint(-2, 2) for unit in first]) + rng.randint(-9, 9)) for _ in range(2)]
    value = total([unit * rng.choice([-1, 1, 2]) for unit in [*first, *second]])
    if corner:
        inwards = [(x - p) * (1 if p == least else -1) for x, p, least in zip(nodes, point, low, strict=True)]
        there = fire(1 - total(inwards))
    else:
        there = fire(1 - total([fire(x - p) + fire(p - x) for x, p in zip(nodes, point, strict=True)]))
    networks = []
    for outputs in ([value], [value + there * rng.choice([-1, 1])]):
        layers = build(outputs, low, "relu", rng)
        networks.append(Network("", Box((inputs,), tuple(low), tuple(high), 0), tuple(layers)))
    return networks[0], networks[1], point
