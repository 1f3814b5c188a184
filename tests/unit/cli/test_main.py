"""The way into a command and out of it: whatever goes wrong, the exit code says nothing about the networks."""

from __future__ import annotations

import errno
import sys
from types import SimpleNamespace

import click
import pytest
from program import certificate, signing_key

from certify.cli import audit as audit_command
from certify.cli import main as module
from certify.cli import show as show_command
from certify.errors import DisagreementError

ALICE = signing_key(1)


@pytest.fixture
def failing(certify, monkeypatch):
    """The program, whose `show` raises what it is told to."""
    certify.write("c.json", certificate(ALICE))

    def fail_with(error):
        def raise_it(*_):
            raise error

        monkeypatch.setattr(show_command, "_document", raise_it)
        return certify

    return fail_with


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("a\nb"), r"internal error: ValueError: a\nb"),
        (KeyError("x"), "internal error: KeyError: 'x'"),
        (AssertionError(), "internal error: AssertionError: "),
        (RecursionError("deep"), "internal error: RecursionError: deep"),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable"), "internal error: BlockingIOError: [Errno 11]"),
    ],
)
def test_defect(failing, error, says):
    """A traceback for whoever mends it, one line for whoever runs it, and never Python's own exit code, 1."""
    ran = failing(error)("show", "c.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Traceback ")
    assert ran.err.splitlines()[-1].startswith(f"certify: {says}")
    ran = failing(error)("show", "c.json", "--format=json")
    assert (ran.result["exit_code"], ran.result["error"]["kind"]) == (2, "internal")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "the result cannot be written: No space left on device"),
    ],
)
def test_no_room(failing, error, says):
    ran = failing(error)("show", "c.json")
    assert (ran.code, ran.error) == (2, f"certify: {says}")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interrupted(failing, error):
    ran = failing(error)("show", "c.json")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.strip() == "certify: interrupted"


def test_error_that_an_interrupt_turned_into(failing, monkeypatch):
    """z3's interface makes another error of it."""
    failing(TypeError("argument 3: KeyboardInterrupt"))
    monkeypatch.setattr(sys, "argv", ["certify", "show", "c.json"])
    with pytest.raises(KeyboardInterrupt):
        module._command(SimpleNamespace(received=True))


def test_ways_that_disagree(certify, monkeypatch):
    certify.write("c.json", certificate(ALICE))

    def disagree(*_, **__):
        raise DisagreementError("the decomposition proves what (0, 0) refutes")

    monkeypatch.setattr("certify.certificate.audit.prove", disagree)
    ran = certify("audit", "c.json", "--any-signer", "--format", "json")
    assert ran.code == ran.result["exit_code"] == 2
    assert ran.result["error"]["kind"] == "internal"
    assert ran.error == "certify: c.json: the decomposition proves what (0, 0) refutes"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], False),
        (["--format"], False),
        (["--format", "json"], True),
        (["--format=json"], True),
        (["x", "--format", "text"], False),
        (["json", "--format"], False),
        (["a", "--bogus", "--format", "json", "b"], True),
    ],
)
def test_whether_json_was_asked_for(arguments, asked):
    assert module._asks_for_json(arguments) is asked


def test_every_command_is_a_module_of_its_name():
    for name in module._COMMANDS:
        assert module.commands.get_command(None, name).name == name
    assert module.commands.get_command(None, "planning") is None


@pytest.mark.parametrize("name", ["audit", "show"])
def test_target_named_like_a_command(certify, name):
    certify.write(name)
    certify.write("key.pem", ALICE.to_pem())
    assert certify(f"./{name}", "--key", "key.pem", "-q").code == 0
    assert (certify.folder / f"{name}.certificate.json").is_file()


def test_moment():
    assert audit_command._moment("2026-01-01").isoformat() == "2026-01-01T00:00:00+00:00"
    assert audit_command._moment("2026-01-01T01:00:00+01:00").isoformat() == "2026-01-01T01:00:00+01:00"
    assert audit_command._moment(None).tzinfo is not None


def test_streams_are_left_able_to_say_everything(certify):
    assert certify("--version").code == 0
    assert sys.stdout.errors == "backslashreplace"
