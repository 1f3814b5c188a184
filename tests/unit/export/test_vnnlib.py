"""Queries, read by the standard's own parser and answered by going through all points."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import vnnlib
from exported import random_ticket, small_target

from certify.base.prune import prune
from certify.errors import InputError
from certify.export.vnnlib import write_query
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Clamp, Offset, Relu, Requantize

COMPARISONS = {
    "GreaterEqual": lambda left, right: left >= right,
    "LessEqual": lambda left, right: left <= right,
    "Equal": lambda left, right: left == right,
    "NotEqual": lambda left, right: left != right,
}


def network(rows, *, low=(-3, 0), high=(2, 4), bias=None, steps=(), bits=1):
    rows = np.array(rows, dtype=np.int64)
    return Network(
        "n", Box((2,), low, high, 0), (Dense(from_dense(rows), bits, bias or (0,) * len(rows), (), steps),)
    )


def parsed(left, right):
    return vnnlib.parse_query_string("".join(write_query(left, right)))


def value(node, given):
    """What an expression is where the variables have these values: arrays by name."""
    match type(node).__name__:
        case "Var":
            return int(given[node.name][tuple(node.indices)])
        case "Multiply":
            return int(np.prod([value(arg, given) for arg in node.args], dtype=object))
        case "And":
            return all(value(arg, given) for arg in node.args)
        case "Or":
            return any(value(arg, given) for arg in node.args)
        case kind if kind in COMPARISONS:
            return COMPARISONS[kind](value(node.lhs, given), value(node.rhs, given))
    return node.value


def is_model(query, left, right, points):
    """Whether the assertions hold where each network reads its point."""
    given = {}
    for name, on, point in zip(("left", "right"), (left, right), points, strict=True):
        given[f"{name}_input"] = np.array(point, dtype=object).reshape(1, *on.input.shape)
        given[f"{name}_output"] = np.array(evaluate(on, point), dtype=object).reshape(1, *on.shapes()[-1])
    return all(value(assertion.expr, given) for assertion in query.assertions)


def models(left, right):
    """The points at which the query is satisfied, of all in the left network's box."""
    query = parsed(left, right)
    box = left.input
    points = itertools.product(*(range(low, high + 1) for low, high in zip(box.low, box.high, strict=True)))
    return [point for point in points if is_model(query, left, right, (point, point))]


EQUAL = {
    "itself": (network([[1, -2], [2, 1]]), network([[1, -2], [2, 1]])),
    "one output": (network([[1, -2]]), network([[1, -2]])),
    "another scale": (network([[1, -2]]), network([[2, -4]], bits=2)),
    "another scale, on the left": (network([[2, -4]], bits=2), network([[1, -2]])),
    "where it does nothing": (network([[1, 1]]), network([[1, 1]], steps=(Clamp(-3, 6),))),
}
UNEQUAL = {
    "a weight": (network([[1, -2], [2, 1]]), network([[1, -2], [2, 0]])),
    "one output": (network([[1, -2]]), network([[1, -1]])),
    "a step": (network([[1, 1]]), network([[1, 1]], steps=(Relu(),))),
    "another scale": (network([[1, -2]]), network([[2, -3]], bits=2)),
    "a fraction": (network([[1, 1]], steps=(Requantize(1, "floor"),)), network([[1, 1]], bits=1)),
}


@pytest.mark.parametrize(("left", "right"), EQUAL.values(), ids=EQUAL)
def test_no_model_where_they_are_equal(left, right):
    assert models(left, right) == []


@pytest.mark.parametrize(("left", "right"), UNEQUAL.values(), ids=UNEQUAL)
def test_models_are_the_points_where_they_differ(left, right):
    found = models(left, right)
    bits = [on.output_precision_bits() for on in (left, right)]
    points = itertools.product(*(range(low, high + 1) for low, high in zip((-3, 0), (2, 4), strict=True)))
    differ = [
        point
        for point in points
        if [v * 2.0 ** -bits[0] for v in evaluate(left, point)]
        != [v * 2.0 ** -bits[1] for v in evaluate(right, point)]
    ]
    assert found == differ != []


def test_both_read_the_same_point_of_the_common_box():
    left, right = network([[1, 1]]), network([[1, 1]], low=(-1, 1), high=(9, 9), steps=(Offset(1),))
    query = parsed(left, right)
    assert is_model(query, left, right, ((0, 2), (0, 2)))
    assert not is_model(query, left, right, ((0, 2), (0, 3)))
    assert not is_model(query, left, replace(right, input=left.input), ((-2, 2), (-2, 2)))


def test_declarations():
    target = small_target()
    ticket = prune(target, *random_ticket(target))
    query = parsed(target, ticket)
    assert [found.name for found in query.networks] == ["left", "right"]
    for found in query.networks:
        (given,), (result,) = found.inputs, found.outputs
        assert (given.dtype, given.shape) == (vnnlib.DType.I64, [1, 3, 4, 2])
        assert (result.dtype, result.shape) == (vnnlib.DType.I64, [1, 3])
        assert (found.equal_to, found.isometric_to) == ("", "")
    assert len(query.assertions) == 2 * 24 + 1


REFUSED = {
    "other inputs": (replace(network([[1, 1]]), input=Box((1, 2), (0, 0), (1, 1), 0)), "input.shape: expected"),
    "other outputs": (network([[1, 1], [2, 2]]), "outputs: expected 1 as in the first network, found 2"),
    "no common point": (network([[1, 1]], low=(5, 5), high=(6, 6)), "whose boxes have a point in common, found none"),
    "too fine": (network([[1, 1]], bits=70), "outputs: expected outputs below 2^63 on the common scale, found up to"),
}


@pytest.mark.parametrize(("right", "problem"), REFUSED.values(), ids=REFUSED)
def test_pairs_that_are_refused(right, problem):
    with pytest.raises(InputError) as caught:
        write_query(network([[1, 1]]), right)
    assert problem in str(caught.value)
