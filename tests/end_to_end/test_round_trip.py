"""`certify TARGET`, and `certify audit` of what it wrote."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import stat
import subprocess
import sys

import pytest
from program import (
    ENTRY,
    SOURCE,
    TINY,
    WITH_PROCESSES,
    certificate,
    changed,
    issued,
    payload_of,
    sha256,
    signing_key,
    target_bytes,
    trust_line,
)

from certify.certificate.keys import SigningKey
from certify.certificate.storage import write_private
from certify.issue import Options

ALICE, BOB = signing_key(1), signing_key(2)
EVIDENCE = ["target", "ticket", "size", "obligations", "besides"]


def settings(program):
    return program.folder / "home" / "settings" / "certify"


@pytest.fixture
def alice(certify):
    """The program beside a target and Alice's key."""
    certify.write("tiny.json")
    certify.write("alice.pem", ALICE.to_pem())
    certify.write("alice.pub", trust_line(ALICE, "alice"))
    certify.write("bob.pub", trust_line(BOB, "bob"))
    return certify


def proved(program, *arguments):
    ran = program(*arguments)
    assert ran.code == 0, ran.err
    return ran


# A first run, as a user has it: a program on a path, processes of their own, no key yet.


ENTRY_AS = f"import sys; sys.argv[0] = sys.argv.pop(1); {ENTRY}"


@pytest.fixture
def installed(certify):
    """A folder with the program in it, as a virtual environment has."""
    (certify.folder / "bin dir").mkdir()
    call = shlex.join([sys.executable, "-c", ENTRY_AS])
    certify.write("bin dir/certify", f'#!/bin/sh\nexec {call} "$0" "$@"\n').chmod(0o755)
    return certify


def printed_command(line, called):
    """The command at the end of a line of talk."""
    return line[line.index(shlex.quote(called) + " audit") :]


def shell(program, command):
    environment = os.environ | program.settings | {"PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, shell=True, cwd=program.folder, env=environment, capture_output=True, check=False)


def test_first_run(installed):
    installed.write("it's tiny.json")
    tool = str(installed.folder / "bin dir" / "certify")
    ran = installed.run("it's tiny.json", command=[tool])
    assert ran.code == 0
    assert ran.out.startswith("proved: it's tiny.json equals its pruned random network on all 5^2 input points\n")
    assert "\x1b" not in ran.out + ran.err

    private, public = settings(installed) / "key.pem", settings(installed) / "key.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings(installed).stat().st_mode) == 0o700
    key = SigningKey.from_pem(private.read_bytes())
    made, wrote, how, others = ran.err.splitlines()
    assert made == f"made a signing key, {key.public.key_id}, in {private} (only you can read it)"
    assert wrote == "wrote it's tiny.certificate.json"

    for line, who in ((how, "own-key"), (others, public.read_text().split()[0])):
        audit = shell(installed, printed_command(line, tool))
        assert audit.returncode == 0, audit.stderr
        assert f"valid, trusted: {who} {key.public.key_id}" in audit.stdout.decode()
        assert audit.stderr == b""

    before = private.read_bytes()
    again = installed.run("it's tiny.json", "-o", "again.json", command=[tool])
    assert again.code == 0
    assert private.read_bytes() == before
    assert "made" not in again.err
    written = [(installed.folder / name).read_bytes() for name in ("it's tiny.certificate.json", "again.json")]
    assert written[0] == written[1]


def test_program_on_the_path(installed):
    installed.write("tiny.json")
    path = os.pathsep.join([str(installed.folder / "bin dir"), os.environ["PATH"]])
    ran = installed.run("tiny.json", command=[str(installed.folder / "bin dir" / "certify")], env={"PATH": path})
    assert ran.err.splitlines()[2] == "audit it with: certify audit tiny.certificate.json"


@pytest.mark.parametrize("name", ["-x.json", "a b.json", "$(true).json", "a'b.json"])
def test_printed_command_is_fit_for_a_shell(alice, name):
    ran = proved(alice, "tiny.json", "--key", "alice.pem", "-o", f"./{name}")
    command = ran.err.splitlines()[1].removeprefix("audit it with: ")
    assert proved(alice, *shlex.split(command)[1:]).err == ""


def test_workers_change_nothing(certify):
    """A true run: worker processes begin by loading what the main one was started from."""
    certify.write("tiny.json")
    certify.write("key.pem", ALICE.to_pem())
    arguments = ("tiny.json", "--key", "key.pem", "--workers", "2", "--seed", "w", "-o", "two.json")
    ran = certify.run(*arguments, command=WITH_PROCESSES)
    assert ran.code == 0, ran.err
    assert (certify.folder / "two.json").read_bytes() == certificate(ALICE, options=Options("w"))


# What prove writes and says.


def test_prove(alice):
    ran = proved(alice, "tiny.json", "--key", "alice.pem")
    lines = ran.out.splitlines()
    assert lines[0] == "proved: tiny.json equals its pruned random network on all 5^2 input points"
    assert [line.split()[0] for line in lines[1:]] == EVIDENCE
    assert f"sha256 {sha256(target_bytes())}" in lines[1]
    written = (alice.folder / "tiny.certificate.json").read_bytes()
    assert written == certificate(ALICE)
    assert ran.err.splitlines() == [
        "wrote tiny.certificate.json",
        "audit it with: certify audit tiny.certificate.json --trust alice.pub",
    ]


def test_public_half_elsewhere(alice):
    (alice.folder / "alice.pub").unlink()
    ran = proved(alice, "tiny.json", "--key", "alice.pem")
    assert "--trust KEYS, an allowed_signers file" in ran.err


def test_prove_is_the_default(alice):
    first = proved(alice, "tiny.json", "--key", "alice.pem", "-o", "a.json")
    second = proved(alice, "prove", "tiny.json", "--key", "alice.pem", "-o", "b.json")
    third = proved(alice, "--key", "alice.pem", "-o", "c.json", "--", "tiny.json")
    assert first.out == second.out == third.out
    written = {(alice.folder / name).read_bytes() for name in ("a.json", "b.json", "c.json")}
    assert len(written) == 1


def test_written_into_the_current_folder(alice):
    (alice.folder / "targets").mkdir()
    alice.write("targets/other.json")
    alice.write("targets/no-ending")
    proved(alice, "targets/other.json", "--key", "alice.pem")
    proved(alice, "targets/no-ending", "--key", "alice.pem")
    assert (alice.folder / "other.certificate.json").is_file()
    assert (alice.folder / "no-ending.certificate.json").is_file()
    assert sorted(path.name for path in (alice.folder / "targets").iterdir()) == ["no-ending", "other.json"]


def test_output_is_replaced_whole(alice):
    alice.write("out.json", b"x" * 100_000)
    proved(alice, "tiny.json", "--key", "alice.pem", "-o", "out.json")
    assert (alice.folder / "out.json").read_bytes() == certificate(ALICE)
    assert not list(alice.folder.glob(".certify*"))


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (["--seed", "another"], Options("another"), {"seed": "another", "blocks": "grown"}),
        (["--seed", ""], Options(""), {"seed": ""}),
        (["--seed", "⊙ \x1b[31m\n"], Options("⊙ \x1b[31m\n"), {"seed": "⊙ \x1b[31m\n"}),
        (["--width", "100"], Options("0", 100), {"blocks": 100, "widths": [400, 200]}),
        (["--precision", "3"], Options("0", None, 3), {"precisions": [{"drawn": 3, "kept": 3}] * 2}),
    ],
    ids=["seed", "seed-empty", "seed-odd", "width", "precision"],
)
def test_options(alice, arguments, options, said):
    ran = proved(alice, "tiny.json", "--key", "alice.pem", "-o", "c.json", *arguments)
    assert "\x1b" not in ran.out
    written = (alice.folder / "c.json").read_bytes()
    assert written == certificate(ALICE, options=options)
    base = payload_of(written)["predicate"]["base"]
    assert base | said == base
    proved(alice, "audit", "c.json", "--trust", "alice.pub")


def test_talk(alice):
    quiet = proved(alice, "tiny.json", "--key", "alice.pem", "-q")
    assert quiet.err == ""
    assert quiet.out == "proved: tiny.json equals its pruned random network on all 5^2 input points\n"
    verbose = proved(alice, "tiny.json", "--key", "alice.pem", "-v")
    names = [line.split()[0] for line in verbose.out.splitlines()[1:]]
    assert names == [*EVIDENCE, "time", "versions"]
    assert "z3" in verbose.out.splitlines()[-1]
    audited = proved(alice, "audit", "tiny.certificate.json", "--trust", "alice.pub", "-q")
    assert audited.out == f"proved: tiny.certificate.json: {quiet.out.removeprefix('proved: ')}"


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"])
def test_no_escape_codes_off_a_terminal(alice, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    ran = proved(alice, "tiny.json", "--key", "alice.pem")
    assert "\x1b" not in ran.out + ran.err


def test_result_as_json(alice):
    ran = proved(alice, "tiny.json", "--key", "alice.pem", "--format", "json")
    result = ran.result
    assert result["verdict"] == "proved"
    assert (result["command"], result["certificate"]) == ("prove", "tiny.certificate.json")
    assert result["error"] is None
    assert result["claim"] == {
        "relation": "equal",
        "target": "tiny.json",
        "sha256": sha256(target_bytes()),
        "conversion": None,
        "low": -2,
        "high": 2,
        "points": [[5, 2]],
    }
    predicate = payload_of((alice.folder / "tiny.certificate.json").read_bytes())["predicate"]
    assert result["obligations"] == predicate["proof"]["obligations"]
    assert set(result["obligations"]) == {"range", "relu", "weight", "bias", "steps"}
    assert {"subset sums", "obligations", "refutation"} <= set(result["timings"])
    assert set(result["versions"]) == {"certify", "numba", "numpy", "z3"}
    assert result["checks"]["sweep"]["points"] == 25


# Keys and trust.


def test_audit(alice):
    alice.write("c.json", certificate(ALICE))
    ran = proved(alice, "audit", "c.json", "--trust", "alice.pub")
    assert ran.err == ""
    lines = ran.out.splitlines()
    assert lines[0] == "proved: c.json: tiny.json equals its pruned random network on all 5^2 input points"
    assert [line.split()[0] for line in lines[1:]] == [*EVIDENCE, "signature"]
    assert lines[-1].endswith(f"valid, trusted: alice {ALICE.public.key_id}")


@pytest.mark.parametrize("own", [None, BOB], ids=["no-key", "another-key"])
def test_untrusted_signer(alice, own):
    alice.write("c.json", certificate(ALICE))
    if own is not None:
        write_private(settings(alice) / "key.pem", own.to_pem())
    for arguments in ([], ["--trust", "bob.pub"]):
        ran = alice("audit", "c.json", "--format", "json", *arguments)
        assert ran.code == ran.result["exit_code"] == 3
        assert (ran.result["verdict"], ran.result["trusted"]) == ("proved", False)
        assert ran.result["signature"] == "unknown signer"
        assert ran.result["signer"] == {"key_id": ALICE.public.key_id}
        assert ran.error == (
            f"certify: c.json: expected a signature by a key that you trust, found unknown signer: "
            f"{ALICE.public.key_id} (--trust FILE says whom you trust)"
        )
    assert "not trusted" in alice("audit", "c.json").out


def test_any_signer(alice):
    alice.write("c.json", certificate(BOB))
    ran = proved(alice, "audit", "c.json", "--any-signer", "--format", "json")
    assert ran.err == ""
    assert (ran.result["signature"], ran.result["trusted"], ran.result["signer"]) == ("unchecked", False, {})


def test_no_trust_from_beside_the_certificate(alice):
    """Only --trust and the user's own configuration say whom to trust."""
    (alice.folder / "repository").mkdir()
    alice.write("repository/c.json", certificate(BOB))
    for name in ("allowed_signers", "key.pub", "c.pub"):
        alice.write(f"repository/{name}", trust_line(BOB))
        alice.write(name, trust_line(BOB))
    alice.write("pyproject.toml", '[tool.certify]\ntrust = "bob.pub"\n')
    assert alice("audit", "repository/c.json").code == 3


def test_own_trust_file(alice):
    settings(alice).mkdir(parents=True)
    (settings(alice) / "allowed_signers").write_text(trust_line(BOB, "bob"))
    alice.write("c.json", certificate(BOB))
    assert "trusted: bob" in proved(alice, "audit", "c.json").out
    assert alice("audit", "c.json", "--trust", "alice.pub").code == 3


@pytest.mark.parametrize(
    ("at", "code", "signature"),
    [
        ("2024-12-31T23:59:59Z", 3, "untimely: the key is valid only from 2025-01-01T00:00:00+00:00"),
        ("2025-01-01", 0, "valid"),
        ("2025-12-31T23:59:59", 0, "valid"),
        ("2026-01-01T02:00:00+03:00", 0, "valid"),
        ("2026-01-01T00:00:01Z", 3, "untimely: the key was valid only until 2026-01-01T00:00:00+00:00"),
        (None, 3, "untimely: the key was valid only until 2026-01-01T00:00:00+00:00"),
    ],
)
def test_validity(alice, at, code, signature):
    line = trust_line(ALICE).replace('"certify"', '"certify",valid-after="20250101Z",valid-before="20260101Z"')
    alice.write("limited", line)
    alice.write("c.json", certificate(ALICE))
    ran = alice("audit", "c.json", "--trust", "limited", "--format", "json", *(["--at", at] if at else []))
    assert (ran.code, ran.result["signature"]) == (code, signature)
    assert ran.result["trusted"] == (code == 0)
    assert ran.result["verdict"] == "proved"
    assert ran.result["signer"]["key_id"] == ALICE.public.key_id
    assert (signature in ran.err) == (code == 3)


# Several certificates.

WORST = {  # exit codes of certificates, worst first in the list of what is given
    "good": 0,
    "by-bob": 3,
    "empty": 2,
    "forged": 1,
}


@pytest.mark.parametrize("names", [c for n in (1, 2, 4) for c in itertools.combinations(WORST, n)], ids="+".join)
def test_worst_exit_code(alice, names):
    alice.write("good", certificate(ALICE))
    alice.write("by-bob", certificate(BOB))
    alice.write("empty", b"")
    alice.write("forged", certificate(ALICE).replace(ALICE.public.key_id.encode(), BOB.public.key_id.encode()))
    ran = alice("audit", *names, "--trust", "alice.pub", "--format", "json")
    codes = [WORST[name] for name in names]
    worst = next(code for code in (1, 2, 3, 0) if code in codes)
    assert ran.code == ran.result["exit_code"] == worst
    if len(names) > 1:
        assert [result["exit_code"] for result in ran.result["results"]] == codes
        assert [result["certificate"] for result in ran.result["results"]] == list(names)
    else:
        assert "results" not in ran.result
    assert len(ran.err.splitlines()) == sum(code != 0 for code in codes)


def test_several_as_text(alice):
    alice.write("good", certificate(ALICE))
    alice.write("empty", b"")
    ran = alice("audit", "good", "empty", "good", "--trust", "alice.pub", "-q")
    assert ran.out == "proved: good: tiny.json equals its pruned random network on all 5^2 input points\n" * 2
    assert ran.error == "certify: empty: expected a JSON document, found an empty file"


# No ticket.


def test_ticket_not_found(alice):
    before = alice.files()
    ran = alice("tiny.json", "--width", "1", "--format", "json")
    assert alice.files() == before
    assert ran.code == ran.result["exit_code"] == 3
    assert ran.result["verdict"] == "undecided"
    assert ran.result["error"]["kind"] == "ticket"
    line = ran.error
    assert line.startswith("certify: tiny.json: no subset of the 1 units of a block gives layers[0].weights[0][0]")
    assert any(cause in line for cause in ("range", "parity", "density"))
    assert "What would help: " in line
    assert "a larger --width" in line
    assert ran.result["reason"] in line
    text = alice("tiny.json", "--width", "1")
    assert (text.code, text.out, text.error) == (3, "", line)


# Targets of other shapes come through whole.

OTHERS = {
    "one-layer": changed("layers", to=TINY["layers"][:1]),
    "one-point": changed("input", "low", to=2),
    "box-per-feature": changed("input", to={"shape": [2], "low": [-3, 1], "high": [0, 4], "precision_bits": 2}),
    "all-zero": changed("layers", 0, "weights", to=[[0, 0], [0, 0]]),
    "no-values-but-zero": changed("input", to={"shape": [2], "low": 0, "high": 0, "precision_bits": 2}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_targets(alice, name):
    alice.write("other.json", OTHERS[name])
    proved(alice, "other.json", "--key", "alice.pem", "-q")
    proved(alice, "audit", "other.certificate.json", "--trust", "alice.pub", "-q")


def test_target_file_may_be_any_bytes_of_a_document(alice):
    """The subject is the file, white space included."""
    data = json.dumps(TINY, indent=3).encode() + b"\r\n\r\n"
    alice.write("spacious.json", data)
    proved(alice, "spacious.json", "--key", "alice.pem", "-q")
    said = payload_of((alice.folder / "spacious.certificate.json").read_bytes())
    assert said["subject"] == [{"name": "spacious.json", "digest": {"sha256": sha256(data)}}]
    assert said["predicate"]["masks"] == json.loads(issued().payload)["predicate"]["masks"]
