"""The package that gives access to the file: an extra, and of a version that knows the schema's later fields."""

from __future__ import annotations

import sys

import pytest
import tflite
from tflite_models import Layer, chain

from certify.errors import CertifyError, InputError, ReaderMissingError
from certify.network.tflite import is_tflite, read_tflite

MODEL = chain([Layer([[1, -2]])]).pack()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite", None)
    assert is_tflite(MODEL)
    with pytest.raises(ReaderMissingError, match=r"pip install 'certify\[tflite\]'") as caught:
        read_tflite(MODEL, "single")
    assert isinstance(caught.value, CertifyError)
    assert not isinstance(caught.value, InputError)
    function, arguments = caught.value.__reduce__()
    assert str(function(*arguments)) == str(caught.value)


def test_an_older_package_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tflite.Buffer, "Offset")
    with pytest.raises(ReaderMissingError, match=r"tflite 2\.18 or later"):
        read_tflite(MODEL, "single")
