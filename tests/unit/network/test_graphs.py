"""Graphs of operators: evaluation, batches and bounds against plain loops, and the way there and back as JSON."""

from __future__ import annotations

import json

import naive_graph
import numpy as np
from graphs import graphs, points
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from networks import parts

from certify.network.batch import Batch, TooWideError
from certify.network.bounds import graph_reach
from certify.network.evaluate import evaluate, trace
from certify.network.reader import read_network
from certify.network.schema import network_schema
from certify.network.writer import write_network

SCHEMA = Draft202012Validator(network_schema())


def network(document: dict):
    return read_network(json.dumps(document).encode())


@settings(max_examples=120)
@given(st.data(), graphs())
def test_evaluation_is_the_oracles(data, document):
    point = data.draw(points(document))
    read = network(document)
    _, expected = naive_graph.accumulators(document, point)
    found = trace(read, point)
    assert read.shapes() == tuple(map(naive_graph.shape_of, expected))
    for tensor, oracle in zip(found, expected, strict=True):
        assert tensor.reshape(-1).tolist() == naive_graph.flat(oracle)
        assert {type(value) for value in tensor.flat} == {int}
    assert evaluate(read, point) == tuple(naive_graph.flat(expected[-1]))


@settings(max_examples=120)
@given(st.data(), graphs(), st.booleans())
def test_batches_are_the_oracles(data, document, floats):
    read = network(document)
    try:
        batch = Batch.of(read, floats=floats)
    except TooWideError:
        return
    given_points = [data.draw(points(document)) for _ in range(2)]
    found = batch.run(np.array(given_points, dtype=np.int64))
    assert found.dtype == np.int64
    assert found.tolist() == [naive_graph.evaluate(document, point) for point in given_points]


@settings(max_examples=100)
@given(st.data(), graphs())
def test_bounds_contain_every_value_reached(data, document):
    reached = graph_reach(network(document))
    for tensors, ends in zip(
        naive_graph.accumulators(document, data.draw(points(document))),
        ([reach.accumulator for reach in reached], [reach.output for reach in reached]),
        strict=True,
    ):
        for tensor, interval in zip(tensors, ends, strict=True):
            assert interval.low.shape == naive_graph.shape_of(tensor)
            assert {type(value) for end in (interval.low, interval.high) for value in end.flat} == {int}
            assert all(interval.low[i] <= value <= interval.high[i] for i, value in tensor.items())


@settings(max_examples=100)
@given(graphs())
def test_what_was_written_is_read_back(document):
    read = network(document)
    SCHEMA.validate(document)
    written = write_network(read)
    SCHEMA.validate(json.loads(written))
    assert parts(read_network(written)) == parts(read)
    assert write_network(read_network(written)) == written
