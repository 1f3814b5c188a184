"""The form's closed values, held against what docs/formats.md says of them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

import certify.certificate
from certify.certificate import form

MODULES = [
    importlib.import_module(f"certify.certificate.{module.name}")
    for module in pkgutil.iter_modules(certify.certificate.__path__)
]
KINDS = sorted({kind for module in MODULES for kind in vars(module).values() if isinstance(kind, type)}, key=repr)
FORMS = [kind for kind in KINDS if issubclass(kind, msgspec.Struct) and kind.__module__ == form.__name__]
VALUES = [kind for kind in KINDS if dataclasses.is_dataclass(kind)]


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_forms_are_closed_and_frozen(kind):
    config = kind.__struct_config__
    assert config.frozen
    assert config.forbid_unknown_fields


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_values_are_frozen(kind):
    assert kind.__dataclass_params__.frozen


@pytest.mark.parametrize(
    "name", ["Audit", "Subject", "Equivalence", "NamedFile", "PrunedBase", "Statement", "SigningKey"]
)
def test_what_holds_arrays_or_secrets_is_compared_as_an_object(name):
    [kind] = [kind for kind in VALUES if kind.__name__ == name]
    assert not kind.__dataclass_params__.eq


def accepts(kind, value):
    try:
        return bool(msgspec.convert(value, kind, strict=True) == value)
    except msgspec.ValidationError:
        return False


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        pytest.param(form._Bits, [0, 1, 30], [-1, 31, "1", 1.0, True], id="bits"),
        pytest.param(form._Units, [1, 2, 2**24], [0, -1, 2**24 + 1], id="units"),
        pytest.param(form._Natural, [0, 1, 2**53 - 1], [-1, "0", None], id="natural"),
        pytest.param(
            form._Sha256,
            ["0" * 64, "0123456789abcdef" * 4],
            ["0" * 63, "0" * 65, "A" * 64, "g" * 64, f"{'0' * 64}\n", f"x{'0' * 64}", ""],
            id="digest",
        ),
        pytest.param(
            form._Name,
            ["a", "azAZ09_-", "x" * 64],
            ["", "x" * 65, "a b", "a.b", "a\n", "ä", " a", "a+b"],
            id="name",
        ),
        pytest.param(
            form._Version,
            ["1", "4.13.4", "1.0+local", "2!1.0-rc.1", "x" * 64],
            ["", "x" * 65, "1 0", "1_0", "1\n", "é", " 1"],
            id="version",
        ),
    ],
)
def test_what_a_field_takes(kind, good, bad):
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []


def literals(kind):
    return [value for one in (kind, *get_args(kind)) if get_origin(one) is Literal for value in get_args(one)]


CLOSED = [
    pytest.param(field.encode_name, values, id=f"{kind.__name__}.{field.encode_name}")
    for kind in FORMS
    for field in msgspec.structs.fields(kind)
    if (values := literals(get_type_hints(kind, include_extras=True)[field.name]))
]
TAGGED = [(kind.__struct_config__.tag_field, kind.__struct_config__.tag) for kind in FORMS]


@pytest.mark.parametrize(("name", "values"), CLOSED)
def test_errors_name_what_a_closed_field_may_hold(name, values):
    assert [value for value in values if value not in named(form.EQUIVALENCE_CHOICES[name])] == []


def named(choices):
    return choices.replace(",", "").split()


def test_errors_name_the_kinds_of_a_form_that_has_several():
    assert [tag for field, tag in TAGGED if field and tag not in named(form.EQUIVALENCE_CHOICES[field])] == []


def test_what_errors_name_are_fields_of_the_form():
    names = {field.encode_name for kind in FORMS for field in msgspec.structs.fields(kind)}
    assert set(form.CHOICES) <= names | {field for field, _ in TAGGED}
    assert form.CHOICES["blocks"] == "grown, shared or a number of units"
    assert form.CHOICES["strategy"] == "decomposition, sweep, merging or congruence"
    assert (form.CHOICES["relation"], form.CHOICES["format"]) == ("equal", "certify.network/1, tflite or onnx")
    differing = {name for name in form.CHOICES if form.CHOICES[name] != form.EQUIVALENCE_CHOICES[name]}
    assert differing == {"format", "relation"}
    assert form.CHOICES["quantization"] == "floor, toward_zero"
