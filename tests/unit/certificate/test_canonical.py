"""One document has one form, and integers keep to theirs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.certificate.canonical import MAX_DIGITS, canonical, integer, read_integer
from certify.errors import InputError, InvalidCertificateError
from certify.network import strict_json

HIGHEST = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-HIGHEST, HIGHEST) | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"b": 1, "a": [1, -2]}, b'{"a":[1,-2],"b":1}', id="keys sorted, compact"),
        pytest.param({"B": 1, "a": 2, "_": 3}, b'{"B":1,"_":3,"a":2}', id="sorted by code point"),
        pytest.param("größer\n", b'"gr\xc3\xb6\xc3\x9fer\\n"', id="UTF-8, control characters escaped"),
        pytest.param([True, False, None], b"[true,false,null]", id="constants"),
        pytest.param([HIGHEST, -HIGHEST], b"[9007199254740991,-9007199254740991]", id="largest integers"),
        pytest.param({}, b"{}", id="empty"),
    ],
)
def test_bytes(document, expected):
    assert canonical(document) == expected


@pytest.mark.parametrize(
    ("document", "place"),
    [
        pytest.param({"a": [1, 1.0]}, "a[1]", id="float"),
        pytest.param({"a": float("nan")}, "a", id="nan"),
        pytest.param({"a": {"b": HIGHEST + 1}}, "a.b", id="integer too large"),
        pytest.param([-HIGHEST - 1], "[0]", id="integer too small"),
        pytest.param({"name": "x\ud800"}, "name", id="lone surrogate"),
        pytest.param({"x": {"\udfff": 1}}, "x", id="lone surrogate in a key"),
        pytest.param({"X": {".a": 1.0}}, "X..a", id="names with a point and an X"),
        pytest.param({1: 2}, "", id="key not a string"),
        pytest.param({"a": b"bytes"}, "a", id="bytes"),
        pytest.param({"a": (1, 2)}, "a", id="tuple"),
    ],
)
def test_refused(document, place):
    with pytest.raises(InputError) as caught:
        canonical(document)
    assert caught.value.place == place


def test_too_deep_is_refused():
    document: list = []
    for _ in range(100_000):
        document = [document]
    with pytest.raises(InputError, match="less deeply"):
        canonical(document)


@given(DOCUMENTS)
def test_strict_reading_gives_the_document_back(document):
    data = canonical(document)
    again = strict_json.parse(data, strict_json.EXACT_IN_DOUBLES)
    assert again == document
    assert canonical(again) == data


@given(st.dictionaries(TEXT, DOCUMENTS, max_size=6), st.randoms())
def test_order_of_insertion_does_not_matter(document, random):
    keys = list(document)
    random.shuffle(keys)
    assert canonical({key: document[key] for key in keys}) == canonical(document)


@given(st.integers() | st.integers(-(2**70), 2**70) | st.sampled_from([HIGHEST, -HIGHEST, HIGHEST + 1]))
def test_integers_come_back(value):
    form = integer(value)
    assert isinstance(form, str) == (abs(value) > HIGHEST)
    assert read_integer(json.loads(json.dumps(form)), "x") == value
    assert canonical(form)


def test_integers_have_a_largest():
    largest = 10**MAX_DIGITS - 1
    assert read_integer(integer(largest), "") == largest
    assert read_integer(integer(-largest), "") == -largest
    for beyond in (largest + 1, -largest - 1, 10 * largest, 10**1001, -(10**1001)):
        with pytest.raises(InputError):
            integer(beyond)


def test_the_largest_has_a_thousand_digits():
    assert integer(10**1000 - 1) == "9" * 1000
    with pytest.raises(InputError):
        integer(10**1000)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(True, "True", id="boolean"),
        pytest.param(0.5, "0.5", id="float"),
        pytest.param("x" * 50, f"'{'x' * 23}", id="text, cut after 24 characters"),
        pytest.param(None, "NoneType", id="null"),
        pytest.param([1], "list", id="list"),
    ],
)
def test_what_was_found_for_an_integer(value, found):
    with pytest.raises(InvalidCertificateError) as caught:
        read_integer(value, "")
    assert caught.value.problem.endswith(f", found {found}")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("9007199254740991", id="string for what fits a number"),
        pytest.param("-9007199254740991", id="negative string for what fits"),
        pytest.param("0", id="zero as a string"),
        pytest.param(HIGHEST + 1, id="number beyond"),
        pytest.param(-HIGHEST - 1, id="negative number beyond"),
        pytest.param("09007199254740993", id="leading zero"),
        pytest.param("+9007199254740993", id="plus sign"),
        pytest.param(" 9007199254740993", id="space before"),
        pytest.param("9007199254740993\n", id="newline after"),
        pytest.param("9_007_199_254_740_993", id="underscores"),
        pytest.param("٩٠٠٧١٩٩٢٥٤٧٤٠٩٩٣", id="digits of another script"),
        pytest.param("9" * (MAX_DIGITS + 1), id="too many digits"),
        pytest.param("9" * 100_000, id="more digits than int() takes"),
        pytest.param("", id="empty"),
        pytest.param("-", id="sign alone"),
        pytest.param("1e30", id="exponent"),
        pytest.param(True, id="boolean"),
        pytest.param(1.0, id="float"),
        pytest.param(None, id="null"),
        pytest.param([1], id="list"),
    ],
)
def test_other_forms_of_integers_are_refused(value):
    with pytest.raises(InvalidCertificateError) as caught:
        read_integer(value, "sizes.parameters")
    assert caught.value.place == "sizes.parameters"
    assert len(str(caught.value)) < 250
