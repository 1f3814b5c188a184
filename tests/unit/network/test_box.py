"""Boxes on their own: JSON like the input of a network, under the same rules."""

from __future__ import annotations

import json

import pytest
from program import TINY, changed, target_bytes

from certify.errors import InputError
from certify.network.reader import read_box, read_network

BOX = TINY["input"]


def put(**changes):
    document = BOX | changes
    return {key: value for key, value in document.items() if value is not ...}


@pytest.mark.parametrize(
    "document",
    [
        BOX,
        put(low=[-3, 1], high=[0, 4]),
        put(shape=[2, 3], low=[0, 1, 2, 3, 4, 5], high=9),
        put(scale="0.5", zero_point=3),
        put(low={"shape": [2], "dtype": "int8", "data": "/wA="}),
        put(low=2),
    ],
)
def test_it_is_what_a_network_has(document):
    found = read_box(json.dumps(document).encode())
    if document["shape"] == [2]:
        assert found == read_network(target_bytes(changed("input", to=document))).input
    assert found.precision_bits == 2


REFUSED = {
    "no object": ([], "", "expected `object`"),
    "a network": (TINY, "", "unknown field"),
    "unknown key": (put(step=1), "", "`step`"),
    "no high": (put(high=...), "", "`high`"),
    "no precision": (put(precision_bits=...), "", "`precision_bits`"),
    "float": (put(low=-0.5), "low", "expected an integer"),
    "empty": (put(low=3), "low", "expected low ≤ high, found 3 > 2"),
    "empty there": (put(low=[0, 3]), "low[1]", "expected low ≤ high"),
    "empty at the top": (put(high=[0, -3]), "high[1]", "expected low ≤ high"),
    "three": (put(low=[0, 0, 0]), "low", "expected one integer per feature, 2, found 3"),
    "no shape": (put(shape=[]), "shape", "expected"),
    "too many": (put(shape=[2**13, 2**13]), "shape", "expected at most 16777216 features, found 67108864"),
    "scale": (put(scale="half"), "scale", "expected a decimal number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_box(name):
    document, place, says = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_box(json.dumps(document).encode())
    assert caught.value.place == place
    assert says in caught.value.problem
