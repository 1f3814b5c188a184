"""What no committed file can be: links, pipes, files that change while they are read, endless ones, odd names.

A certificate is opened once and read once; what was read is what is judged. Whom the auditor trusts is never found
beside a certificate.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import contextmanager

import pytest
from conformance import making
from conformance.making import ALICE, BOB, signed
from program import Program, trust_line

TRUE = signed(making.small_payload())
LIE = making.envelope(making.small_payload() + b" ", [making.signature(making.small_payload())])
BOBS = signed(making.small_payload(), BOB)
TRUST = ("--trust", "allowed_signers")


@pytest.fixture
def certify(tmp_path, monkeypatch, capsys):
    """The program beside a true certificate, a lie, a folder, and a file of trusted keys."""
    program = Program(tmp_path, monkeypatch, capsys)
    program.write("true.json", TRUE)
    program.write("lie.json", LIE)
    program.write("allowed_signers", making.TRUST)
    (tmp_path / "folder").mkdir()
    return program


def ordinary(program):
    """All that there is but pipes, whose own times say when somebody wrote to them."""
    return {name: what for name, what in program.files().items() if not stat.S_ISFIFO(what[0])}


def accepted(program, *arguments):
    """It holds, and nothing was written."""
    before = ordinary(program)
    ran = program("audit", *arguments)
    assert (ran.code, ran.err) == (0, ""), ran
    assert ran.out.startswith("proved: ")
    assert ordinary(program) == before
    return ran


def refused(program, *arguments, code=2):
    """The one line that says why not, after nothing else was said or written."""
    before = ordinary(program)
    ran = program("audit", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ordinary(program) == before
    assert ran.error.isprintable()
    return ran.error


# Links and paths.

WAYS = {
    "a-link": "link.json",
    "a-link-to-a-link": "second.json",
    "a-link-to-its-folder": "here/true.json",
    "a-hard-link": "hard.json",
    "dots": "./folder/../true.json",
    "slashes": ".//true.json",
    "a-dash": "./-true.json",
}


@pytest.fixture
def linked(certify):
    folder = certify.folder
    (folder / "link.json").symlink_to("true.json")
    (folder / "second.json").symlink_to(folder / "link.json")
    (folder / "here").symlink_to(".")
    os.link(folder / "true.json", folder / "hard.json")
    certify.write("-true.json", TRUE)
    (folder / "dangling.json").symlink_to("nowhere.json")
    (folder / "loop.json").symlink_to("loop.json")
    (folder / "there").symlink_to("back")
    (folder / "back").symlink_to("there")
    return certify


@pytest.mark.parametrize("way", WAYS)
def test_one_file_in_many_ways(linked, way):
    """A link is followed: who may write links beside a certificate may write the certificate."""
    accepted(linked, WAYS[way], *TRUST)


def test_a_name_that_begins_with_a_dash(linked):
    accepted(linked, *TRUST, "--", "-true.json")


def test_an_absolute_path(linked):
    accepted(linked, linked.folder / "link.json", "--trust", linked.folder / "allowed_signers")


def test_a_link_to_a_lie(certify):
    """The name that it has here does not make it another file."""
    (certify.folder / "true.certificate.json").symlink_to("lie.json")
    line = refused(certify, "true.certificate.json", *TRUST, code=1)
    assert line.startswith("certify: true.certificate.json: signatures[0]: expected a signature by ")


NO_FILES = {
    "dangling": ("dangling.json", "found no such file"),
    "loop": ("loop.json", "found a file that cannot be read"),
    "loop-of-folders": ("there/true.json", "found a file that cannot be read"),
    "folder": ("folder", "found a directory"),
    "link-to-a-folder": ("here", "found a directory"),
    "below-a-file": ("true.json/true.json", "found a file that cannot be read"),
    "home": ("~/true.json", "found no such file"),
    "standard-input": ("-", "found no such file"),
    "url": ("file:true.json", "found no such file"),
    "pattern": ("*.json", "found no such file"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_no_file(linked, name):
    path, says = NO_FILES[name]
    linked.write("home/true.json", TRUE)
    assert says in refused(linked, path, *TRUST)
    assert says in refused(linked, "true.json", "--trust", path)


def test_a_socket(certify):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert "found a file that cannot be read" in refused(certify, "socket", *TRUST)


# Pipes, and what changes while it is read.


@contextmanager
def pipe(path, data, before_writing=lambda: None):
    """A pipe that hands out `data` once; yields what readers came, who are told a lie from the second on."""
    os.mkfifo(path)
    readers, over = [], threading.Event()

    def serve():
        with path.open("wb") as first:
            readers.append("first")
            before_writing()
            first.write(data)
        while not over.wait(0.01):
            try:
                descriptor = os.open(path.parent / f"{path.name}.kept", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                continue  # nobody reads
            readers.append("another")
            os.write(descriptor, b"{}")
            os.close(descriptor)

    os.link(path, path.parent / f"{path.name}.kept")
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield readers
    finally:
        over.set()
        thread.join()


def test_a_pipe_is_read_once(certify):
    with pipe(certify.folder / "pipe", TRUE) as readers:
        accepted(certify, "pipe", *TRUST)
    assert readers == ["first"]


def test_trusted_keys_from_a_pipe_are_read_once(certify):
    with pipe(certify.folder / "pipe", making.TRUST) as readers:
        accepted(certify, "true.json", "--trust", "pipe")
    assert readers == ["first"]


def swap(certify, name, other):
    """Put another file in the place of `name`, whoever has it open."""

    def change():
        (certify.folder / "new").symlink_to(other)
        (certify.folder / "new").replace(certify.folder / name)

    return change


@pytest.mark.parametrize(("data", "other", "code"), [(TRUE, "lie.json", 0), (LIE, "true.json", 1)])
def test_a_file_that_is_replaced_after_it_was_opened(certify, data, other, code):
    """What was opened is judged, and not what stands under its name afterwards."""
    (certify.folder / "c.json").symlink_to("pipe")
    with pipe(certify.folder / "pipe", data, swap(certify, "c.json", other)) as readers:
        ran = certify("audit", "c.json", *TRUST)
    assert readers == ["first"]
    assert (certify.folder / "c.json").resolve().name == other
    assert ran.code == code
    assert ran.out.startswith("proved: ") == (code == 0)


@pytest.mark.parametrize(("data", "other", "code"), [(making.TRUST, "bob", 0), (b"", "allowed_signers", 3)])
def test_trusted_keys_that_are_replaced_after_they_were_opened(certify, data, other, code):
    certify.write("bob", trust_line(BOB))
    (certify.folder / "keys").symlink_to("pipe")
    with pipe(certify.folder / "pipe", data, swap(certify, "keys", other)) as readers:
        assert certify("audit", "true.json", "--trust", "keys").code == code
    assert readers == ["first"]


def test_a_pipe_that_ends_too_soon(certify):
    with pipe(certify.folder / "pipe", TRUE[:-20]):
        line = refused(certify, "pipe", *TRUST)
    assert line.startswith("certify: pipe: expected JSON: ")


def test_a_pipe_of_nothing(certify):
    with pipe(certify.folder / "pipe", b""):
        assert "found an empty file" in refused(certify, "pipe", *TRUST)


def test_endless_input(certify):
    """Reading ends where a certificate, or a file of keys, has to."""
    (certify.folder / "endless").symlink_to("/dev/zero")
    line = refused(certify, "endless", *TRUST)
    assert line == f"certify: endless: expected a certificate of at most {2**27} bytes, found more"
    line = refused(certify, "true.json", "--trust", "endless")
    assert line == f"certify: endless: expected a file of trusted keys of at most {2**20} bytes, found more"


def test_a_file_larger_than_any(certify):
    """Refused by its size, before it is read."""
    for name, what, limit in (("c", "a certificate", 2**27), ("keys", "a file of trusted keys", 2**20)):
        with (certify.folder / name).open("wb") as file:
            file.truncate(limit + 1)
        arguments = ("c", *TRUST) if name == "c" else ("true.json", "--trust", "keys")
        line = refused(certify, *arguments)
        assert line == f"certify: {name}: expected {what} of at most {limit} bytes, found {limit + 1}"


# Names.

NAMES = {
    "two-lines": ("a\nproved: b.json", r"a\nproved: b.json"),
    "escape-codes": ("\x1b[2K\x1b[32mproved\x1b[0m", r"\x1b[2K\x1b[32mproved\x1b[0m"),
    "carriage-return": ("lie\rproved", r"lie\rproved"),
    "right-to-left": ("\u202enosj.eurt", r"\u202enosj.eurt"),
    "half-a-surrogate": ("\udcff.json", r"\udcff.json"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_printed_with_escapes(certify, name):
    """No name of a file can forge a line of the answer, true or not."""
    file, shown = NAMES[name]
    certify.write(file, LIE)
    assert refused(certify, file, *TRUST, code=1).startswith(f"certify: {shown}: signatures[0]: ")
    certify.write(file, TRUE)
    text = accepted(certify, file, *TRUST).out
    assert text.startswith(f"proved: {shown}: ")
    assert all(line.isprintable() for line in text.splitlines())
    certify.write(file, BOBS)
    ran = certify("audit", file, *TRUST)
    assert (ran.code, ran.error.startswith(f"certify: {shown}: expected a signature by a key")) == (3, True)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_trusted_keys_are_printed_with_escapes(certify, name):
    file, shown = NAMES[name]
    certify.write(file, "what\n")
    assert refused(certify, "true.json", "--trust", file).startswith(f"certify: {shown}: line 1: ")


# Several certificates.


def test_the_worst_of_several(certify):
    certify.write("bob.json", BOBS)
    both = certify("audit", "true.json", "lie.json", "bob.json", "nowhere.json", *TRUST)
    assert both.code == 1
    assert [line.split(": ")[1] for line in both.err.splitlines()] == ["bob.json", "lie.json", "nowhere.json"]
    assert certify("audit", "true.json", "bob.json", *TRUST).code == 3
    assert certify("audit", "true.json", "bob.json", "nowhere.json", *TRUST).code == 2
    assert certify("audit", "true.json", "true.json", *TRUST).code == 0


# Whom the auditor trusts.


def settings(program):
    folder = program.folder / "home" / "settings" / "certify"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_trusted_keys_beside_a_certificate_are_not_used(certify):
    """Whoever sent the certificate may have sent them too."""
    for name in ("true.pub", "key.pub", "certify/allowed_signers", ".ssh/allowed_signers", "true.json.pub"):
        path = certify.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(making.TRUST)
    (certify.folder / "key.pem").write_bytes(ALICE.to_pem())
    ran = certify("audit", "true.json")
    assert ran.code == 3
    assert "expected a signature by a key that you trust, found unknown signer: " in ran.error


def test_the_users_own_trusted_keys(certify):
    (settings(certify) / "allowed_signers").write_bytes(making.TRUST)
    accepted(certify, "true.json")


def test_a_file_of_trusted_keys_stands_for_the_users_own(certify):
    """With --trust nobody else is trusted: neither the user's own file nor the user's own key."""
    (settings(certify) / "allowed_signers").write_bytes(making.TRUST)
    (settings(certify) / "key.pem").write_bytes(ALICE.to_pem())
    (settings(certify) / "key.pem").chmod(0o600)
    certify.write("bob", trust_line(BOB))
    assert certify("audit", "true.json", "--trust", "bob").code == 3
    accepted(certify, "true.json")


def test_the_users_own_key_is_trusted(certify):
    (settings(certify) / "key.pem").write_bytes(ALICE.to_pem())
    (settings(certify) / "key.pem").chmod(0o600)
    accepted(certify, "true.json")


def test_the_users_limits_hold_for_the_own_key_too(certify):
    (settings(certify) / "key.pem").write_bytes(ALICE.to_pem())
    (settings(certify) / "key.pem").chmod(0o600)
    expired = f'me valid-before="20200101Z" {ALICE.public.openssh()}\n'
    (settings(certify) / "allowed_signers").write_text(expired)
    assert certify("audit", "true.json").code == 3
    accepted(certify, "true.json", "--at", "2019-12-31T00:00:00Z")


def test_settings_that_are_a_link(certify):
    elsewhere = certify.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "allowed_signers").write_bytes(making.TRUST)
    settings(certify).rmdir()
    settings(certify).parent.joinpath("certify").rmdir()
    (certify.folder / "home" / "settings" / "certify").symlink_to(elsewhere)
    accepted(certify, "true.json")


def test_settings_that_cannot_be_read(certify):
    """A file of trusted keys that is there and cannot be read is not passed over."""
    (settings(certify) / "allowed_signers").symlink_to("nowhere")
    assert "expected a file of trusted keys, found no such file" in refused(certify, "true.json")
