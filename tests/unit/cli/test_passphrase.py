"""Passphrases: read from a descriptor up to the first line end, or asked for where there is a terminal."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from certify.cli import passphrase
from certify.cli.passphrase import Passphrase
from certify.errors import InputError

KEY = Path("some/key.pem")


@pytest.fixture
def piped():
    """A descriptor that holds what it is given."""
    opened = []

    def pipe(data):
        reading, writing = os.pipe()
        opened.append(reading)
        os.write(writing, data)
        os.close(writing)
        return reading

    yield pipe
    for descriptor in opened:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("data", "word", "rest"),
    [
        (b"word\n", b"word", b""),
        (b"word", b"word", b""),
        (b"word\r\n", b"word", b""),
        (b"two words \nmore\n", b"two words ", b"more\n"),
        (b"gr\xc3\xb6\xc3\x9fe\n", "größe".encode(), b""),
        (b"\xff\xfe\n", b"\xff\xfe", b""),
        (b"w" * 1024 + b"\n", b"w" * 1024, b""),
    ],
)
@pytest.mark.parametrize("ask", [Passphrase.new, lambda source: source.of(KEY)], ids=["new", "of a key"])
def test_descriptor(piped, ask, data, word, rest):
    """What follows the line is left to others."""
    descriptor = piped(data)
    assert ask(Passphrase(descriptor)) == word
    assert os.read(descriptor, 100) == rest


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "found an empty one"),
        (b"\n", "found an empty one"),
        (b"\r\nword\n", "found an empty one"),
        (b"w" * 1025, "at most 1024 bytes"),
    ],
)
def test_descriptor_without_one(piped, data, problem):
    with pytest.raises(InputError, match=problem) as caught:
        Passphrase(piped(data)).of(KEY)
    assert caught.value.place == "--passphrase-fd"
    assert "www" not in str(caught.value)


def test_descriptor_that_is_closed():
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(InputError, match="expected an open descriptor, found one that cannot be read"):
        Passphrase(reading).new()


@pytest.mark.parametrize("command", ["keygen", "sign"])
def test_descriptor_beyond_every_system(certify, command):
    arguments = [] if command == "keygen" else ["c.json"]
    ran = certify(command, *arguments, "--passphrase-fd", str(2**31))
    assert ran.code == 2
    assert "--passphrase-fd" in ran.error


def test_descriptor_of_a_folder(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(InputError, match="Is a directory"):
            Passphrase(descriptor).new()
    finally:
        os.close(descriptor)


# The terminal; what `getpass` does with a real one is in tests/end_to_end/test_keys.py.


@pytest.fixture
def typed(monkeypatch):
    """Answers to prompts, in their order, and the prompts."""

    def answers(*given):
        prompts, left = [], list(given)

        def ask(prompt):
            prompts.append(prompt)
            if not left:
                raise EOFError
            return left.pop(0)

        monkeypatch.setattr(getpass, "getpass", ask)
        monkeypatch.setattr(passphrase, "_has_terminal", lambda: True)
        return prompts

    return answers


def test_asked_once_for_a_key(typed):
    prompts = typed("größe")
    assert Passphrase().of(KEY) == "größe".encode()
    assert prompts == ["Passphrase of some/key.pem: "]


def test_asked_twice_for_a_new_key(typed):
    prompts = typed("word", "word")
    assert Passphrase().new() == b"word"
    assert len(prompts) == 2


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (("word", "work"), "expected the same passphrase twice, found two"),
        (("", ""), "found an empty one"),
        (("word", ""), "found an empty one"),
        ((), "found its end"),
        (("word",), "found its end"),
    ],
)
def test_new_key_without_one(typed, answers, problem):
    typed(*answers)
    with pytest.raises(InputError, match=problem) as caught:
        Passphrase().new()
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "ways"),
    [
        (Passphrase.new, ("a terminal (--passphrase)", "a descriptor (--passphrase-fd N)")),
        (lambda source: source.of(KEY), ("a terminal", "--passphrase-fd N")),
    ],
    ids=["new", "of a key"],
)
def test_no_terminal(monkeypatch, ask, ways):
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: False)
    monkeypatch.setattr(getpass, "getpass", lambda _: pytest.fail("it was asked for"))
    with pytest.raises(InputError, match="found no terminal") as caught:
        ask(Passphrase())
    assert all(way in caught.value.problem for way in ways)


def test_odd_names_of_keys_are_shown_in_one_line(typed):
    prompts = typed("word")
    Passphrase().of(Path("a\n\x1b[31mkey"))
    assert prompts == ["Passphrase of a\\n\\x1b[31mkey: "]
