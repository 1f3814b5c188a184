"""Every conformance case through the command line: what its folder says comes of it, and nothing more."""

from __future__ import annotations

import json

import pytest
from conformance.case import ARGUMENTS, CERTIFICATE, EXPECTED, README, SIGNERS
from conformance.generate import folders
from program import Program

FOLDERS = {folder.name: folder for folder in folders()}
STRANGERS = {README, EXPECTED, ARGUMENTS}


@pytest.fixture
def certify(tmp_path, monkeypatch, capsys):
    return Program(tmp_path, monkeypatch, capsys)


def prepare(program, folder):
    """Copy what the program gets, and return the arguments that it gets with it."""
    for path in folder.iterdir():
        if path.name not in STRANGERS:
            program.write(path.name, path.read_bytes())
    trust = ["--trust", SIGNERS] if (folder / SIGNERS).exists() else []
    more = (folder / ARGUMENTS).read_text().splitlines() if (folder / ARGUMENTS).exists() else []
    return [CERTIFICATE, *trust, *more]


@pytest.mark.parametrize("name", FOLDERS)
def test_case(certify, name):
    expected = json.loads((FOLDERS[name] / EXPECTED).read_text())
    arguments = prepare(certify, FOLDERS[name])
    before = certify.files()
    ran = certify("audit", *arguments, "--format", "json")
    assert certify.files() == before
    said = ran.result
    assert (ran.code, said["exit_code"]) == (expected["exit_code"],) * 2, said
    assert (said["verdict"], said["trusted"]) == (expected["verdict"], expected["trusted"])
    error = said["error"]
    assert (error and {key: error[key] for key in ("kind", "file", "place")}) == expected["error"], error
    check_line(ran, error, expected)


def check_line(ran, error, expected):
    """One line on stderr, and that only where something is wrong with the certificate or its signer."""
    if error is not None:
        assert ran.error == "certify: " + ": ".join(
            part for part in (error["file"], error["place"], error["message"]) if part
        )
        assert ran.error.isprintable()
    elif expected["exit_code"] == 3 and not expected["trusted"]:
        assert ran.error.startswith("certify: certificate.json: expected a signature by a key that you trust, found ")
    else:
        assert ran.err == ""


def test_there_are_enough():
    assert len(FOLDERS) >= 120


def test_names_and_reasons():
    """The suffix is the exit code's; one line says why."""
    for name, folder in FOLDERS.items():
        expected = json.loads((folder / EXPECTED).read_text())
        assert name.endswith("_fail") == (expected["exit_code"] != 0)
        text = (folder / README).read_text(encoding="utf-8")
        assert (". Refused: " if name.endswith("_fail") else ". Accepted: ") in text, name
        assert text.endswith(".\n"), name
        assert text.count("\n") == 1, name
