"""The published JSON Schema and the reader accept the same documents, but for a named list of rules.

The tables of both, and that list, are in `schema_cases`. They show every rule at work, so that none is in the list
for nothing.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from graphs import graphs
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schema_cases import (
    ACCEPTED,
    EXAMPLE,
    LAYER,
    READER_ONLY,
    REFUSED,
    box,
    changed,
    graph,
    layer,
    op,
    pool,
    then,
    thresholds,
)
from strategies import documents, encode

from certify.errors import InputError
from certify.network.reader import read_network
from certify.network.schema import network_schema

SCHEMA = Draft202012Validator(network_schema())


def refusal(document: Any) -> str | None:
    """What the reader says against the document; None when it accepts."""
    try:
        read_network(json.dumps(document).encode())
    except InputError as error:
        return str(error)
    return None


def reader_only_rule(message: str) -> str | None:
    return next((rule for rule, pattern in READER_ONLY.items() if re.fullmatch(pattern, message)), None)


def check_agreement(document: Any) -> None:
    message = refusal(document)
    if not SCHEMA.is_valid(document):
        assert message is not None, "refused by the schema alone"
    elif message is not None:
        assert reader_only_rule(message), f"refused by the reader alone: {message}"


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(network_schema())
    assert network_schema()["$id"] == "urn:certify:network:1"


@pytest.mark.parametrize("document", ACCEPTED.values(), ids=ACCEPTED)
def test_both_accept(document):
    assert refusal(document) is None
    SCHEMA.validate(document)


@pytest.mark.parametrize(("document", "rule"), REFUSED.values(), ids=REFUSED)
def test_both_refuse_or_the_rule_is_named(document, rule):
    message = refusal(document)
    assert message is not None
    assert SCHEMA.is_valid(document) == (rule is not None), message
    assert rule is None or reader_only_rule(message) == rule, message


def test_every_rule_of_the_reader_alone_is_shown():
    assert {rule for _, rule in REFUSED.values() if rule} == set(READER_ONLY)


@given(documents(max_points=10**6) | graphs())
def test_both_accept_random_documents(document):
    assert refusal(document) is None
    SCHEMA.validate(document)


VALUES: list[Any] = [
    *(None, True, False, "", "x", "relu", "AA==", 0.5, 1.0, -0.0, 1e300, [], [[]], {}, {"op": "sign"}),
    *(-1, 0, 1, 2, 61, 1025, 2**24 + 1, 2**28 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30),
    *([1], [[1]], [[1, 2], [3]], encode([1]), encode([[1]])),
]
KEYS = ["op", "name", "bias", "constants", "then", "shift", "low", "scale", "shape", "dtype", "extra", "Name"]
# Together these two have every key of the format, and every tensor in both of its forms.
FULL = changed(
    input=EXAMPLE["input"] | {"low": [-16, -3], "scale": "0.5", "zero_point": 3},
    layers=[
        ACCEPTED["every field of a multiplier"]["layers"][0],
        ACCEPTED["every step"]["layers"][0] | {"name": "a", "weights": [[3, -16, 1], [0, 7, 1]], "constants": [1]},
        EXAMPLE["layers"][1],
    ],
    output={"scale": "2e-3", "zero_point": -1},
)
FULL_ENCODED = box(low=encode([-16, -3]), high=encode([16, 3], "uint16")) | {
    "layers": [
        LAYER | {"weights": encode([[3, -16, 1], [0, 7, 1]]), "bias": encode([0, 256]), "constants": encode([1])},
        ACCEPTED["encoded multipliers"]["layers"][0],
        EXAMPLE["layers"][1],
    ]
}


# Together these have every operator and every key of each.
GRAPHS = [
    ACCEPTED["a convolution with every field"],
    ACCEPTED["a sum with terms"],
    ACCEPTED["a product"],
    ACCEPTED["pooling with every field"],
    graph(pool("average_pool"), op("softmax", table=[3, 1], scale=9, precision_bits=1), op("flatten")),
    graph(op("reshape", shape=[8, 4], name="r"), ACCEPTED["a padding"]["layers"][0] | {"padding": [[0, 1], [2, 0]]}),
    graph(op("transpose", axes=[2, 0, 1]), op("slice", begin=[0, 1, 0], end=[1, 2, 1], step=[1, 1, 1])),
    graph(op("concatenate", inputs=["input", "input"], axis=0), op("gather", indices=[3, -1], shape=[2])),
    then(thresholds([[1, 2], []], low=1, precision_bits=1), op("table", low=1, values=[1, 2], precision_bits=1)),
]


def parents(document: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside the document."""
    keys = list(document) if isinstance(document, dict) else []
    keys = range(len(document)) if isinstance(document, list) else keys
    return [(document, key) for key in keys] + [pair for key in keys for pair in parents(document[key])]


@pytest.mark.long
@pytest.mark.parametrize("full", [FULL, FULL_ENCODED], ids=["listed", "encoded"])
def test_both_agree_when_anything_is_deleted_added_or_replaced(full):
    check_neighbours(full, VALUES)


@pytest.mark.parametrize("full", GRAPHS)
def test_both_agree_when_anything_of_an_operator_is_deleted_added_or_replaced(full):
    check_neighbours(full, [None, "x", -1, 0, 2, 2**24 + 1, 2**63, 0.5, [], [1], [1, 1], [[1]], {}, encode([1])])


def check_neighbours(full: Any, values: list[Any]) -> None:
    document = copy.deepcopy(full)
    assert refusal(document) is None
    SCHEMA.validate(document)
    for container, key in parents(document):
        node = container[key]
        for value in values:
            container[key] = value
            check_agreement(document)
        container[key] = node
        if isinstance(container, dict):
            del container[key]
            check_agreement(document)
            container[key] = node
        for name in KEYS if isinstance(node, dict) else []:
            container[key] = {name: 1} | node
            check_agreement(document)
        container[key] = node
    assert document == full


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """A random document with one thing changed: deleted, added, doubled, replaced, misspelt, or moved a little."""
    document = copy.deepcopy(draw(documents(max_layers=2) | graphs(max_layers=3)))
    container, key = draw(st.sampled_from(parents(document)))
    node = container[key]
    kinds = ["delete", "replace", "wrap"]
    kinds += ["add"] if isinstance(node, dict | list) else ["change"]
    match draw(st.sampled_from(kinds)):
        case "delete":
            del container[key]
        case "replace":
            container[key] = draw(st.sampled_from(VALUES))
        case "wrap":
            container[key] = [node]
        case "add" if isinstance(node, dict):
            node[draw(st.sampled_from(KEYS))] = draw(st.sampled_from(VALUES))
        case "add":
            node.insert(draw(st.integers(0, len(node))), draw(st.sampled_from([*VALUES, *node])))
        case "change" if isinstance(node, str):
            container[key] = draw(st.sampled_from([node.upper(), node + " ", node + "\n", node[:-1], node * 2]))
        case "change":
            container[key] = node + draw(st.sampled_from([-(2**40), -64, -1, 1, 64, 2**40]))
    return document


@settings(max_examples=300)
@given(mutations())
def test_both_agree_on_mutants(document):
    check_agreement(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(VALUES),
    lambda inside: st.lists(inside) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inside),
    max_leaves=6,
)


@given(st.sampled_from(["format", "name", "input", "layers", "output"]), JSON)
def test_both_agree_on_arbitrary_json_in_a_field(field, value):
    check_agreement(changed(**{field: value}))


@given(JSON)
def test_both_agree_on_arbitrary_json_for_a_tensor(value):
    check_agreement(layer(weights=value))
    check_agreement(layer(bias=value))
    check_agreement(box(low=value))
    check_agreement(then(value))
