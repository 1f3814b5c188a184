"""Writing to a stdout that is full or closed."""

from __future__ import annotations

import io
import sys

from certify.cli.streams import flushed, write


class Full(io.StringIO):
    """Takes everything, and loses it when it is flushed."""

    def flush(self):
        raise OSError(28, "No space left on device")


def test_write(capsys):
    assert write("text")
    assert write("")
    assert capsys.readouterr() == ("text\n", "")


def test_full(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Full())
    assert not write("text")
    assert capsys.readouterr().err == "certify: the result cannot be written: No space left on device\n"
    # Nothing is left that could fail when Python ends.
    assert sys.stdout is None
    assert flushed()


def test_flush_that_fails(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Full())
    assert not flushed()
    assert sys.stdout is None


def test_closed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert not write("text")
    assert capsys.readouterr().err == "certify: the result cannot be written: stdout is closed\n"
    assert write("")
    assert flushed()
