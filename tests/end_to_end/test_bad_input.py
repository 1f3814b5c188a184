"""What bad input gets: exit 2, one line that names the file, the place and what was expected, and nothing written.

The same files handed to `audit`: what is not JSON is bad input too; JSON that is no certificate is invalid, exit 1.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import pytest
from program import TINY, changed, signing_key, target_bytes

DEPTH = 100_000
GOOD = target_bytes()


@dataclass(frozen=True)
class Bad:
    """A file that is no target.

    Attributes:
        content: bytes, or a document.
        place: where the offence is.
        says: what the line has to say besides.
        json: whether it is JSON, so that an audit calls it a certificate and an invalid one.
    """

    content: object
    place: str
    says: str
    json: bool = True


def weights(*path, to):
    return changed("layers", 1, "weights", *path, to=to)


BAD = {
    "empty": Bad(b"", "", "found an empty file", json=False),
    "white-space": Bad(b" \n", "", "expected JSON", json=False),
    "truncated": Bad(GOOD[:200], "", "expected JSON", json=False),
    "two-documents": Bad(GOOD + GOOD, "", "expected JSON", json=False),
    "binary": Bad(bytes(range(128, 256)), "", "expected UTF-8, found byte 0x80", json=False),
    "byte-order-mark": Bad(b"\xef\xbb\xbf" + GOOD, "", "without a byte order mark", json=False),
    "utf-16": Bad(GOOD.decode().encode("utf-16"), "", "expected UTF-8", json=False),
    "null-bytes": Bad(b"\0" * 100, "", "expected JSON", json=False),
    "open-brackets": Bad(b"[" * DEPTH, "", "nested less deeply", json=False),
    "brackets": Bad(b"[" * DEPTH + b"]" * DEPTH, "", "nested less deeply", json=False),
    "braces": Bad(b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, "", "nested less deeply", json=False),
    "list": Bad([TINY], "", "expected an object"),
    "number": Bad(b"7", "", "expected an object"),
    "other-format": Bad(changed("format", to="certify.network/2"), "format", 'expected "certify.network/1"'),
    "no-format": Bad({k: v for k, v in TINY.items() if k != "format"}, "format", "found no such key"),
    "unknown-key": Bad(changed("wieghts", to=[]), "", "`wieghts`"),
    "unknown-key-inside": Bad(changed("layers", 1, "wieghts", to=[]), "layers[1]", "`wieghts`"),
    "unknown-key-of-two-lines": Bad(changed("a\nb\x1b[31m", to=1), "", r"`a\nb\x1b[31m`"),
    "missing-key": Bad(changed("layers", 1, to={"op": "dense", "precision_bits": 2}), "layers[1]", "`weights`"),
    "duplicate-key": Bad(
        GOOD.replace(b'"op": "dense"', b'"op": "dense", "op": "dense"', 1), "layers[0].op", "expected every key once"
    ),
    "unknown-step": Bad(changed("layers", 0, "then", 0, "op", to="gelu"), "layers[0].then[0].op", "clamp, offset"),
    "weight-above": Bad(weights(3, 0, to=5), "layers[1].weights[3][0]", "expected an integer from -4 to 4"),
    "weight-below": Bad(weights(3, 0, to=-5), "layers[1].weights[3][0]", "found -5"),
    "ragged": Bad(weights(3, to=[1]), "layers[1].weights[3]", "expected 2 entries"),
    "shapes-do-not-chain": Bad(weights(to=[[1, 2, 3]]), "layers[1].weights[0]", "expected 2 columns"),
    "no-layers": Bad(changed("layers", to=[]), "layers", "expected"),
    "float": Bad(weights(3, 0, to=1.0), "layers[1].weights[3][0]", "expected an integer, found 1.0"),
    "exponent": Bad(GOOD.replace(b"[-4, 4]", b"[1e3, 4]"), "layers[1].weights[3][0]", "expected an integer"),
    "nan": Bad(weights(3, 0, to=float("nan")), "layers[1].weights[3][0]", "expected an integer, found NaN"),
    "infinity": Bad(weights(3, 0, to=-float("inf")), "layers[1].weights[3][0]", "expected an integer, found -Inf"),
    "null": Bad(weights(3, 0, to=None), "layers[1].weights[3][0]", "expected"),
    "string": Bad(weights(3, 0, to="1"), "layers[1].weights[3][0]", "expected"),
    "true": Bad(weights(3, 0, to=True), "layers[1].weights[3][0]", "expected"),
    "2^63": Bad(weights(3, 0, to=2**63), "layers[1].weights[3][0]", "found 9223372036854775808"),
    "10^5000": Bad(GOOD.replace(b"[-4, 4]", b"[1" + b"0" * 5000 + b", 4]"), "layers[1].weights[3][0]", "found 1000"),
    "low-above-high": Bad(changed("input", "low", to=3), "input.low", "expected low ≤ high, found 3 > 2"),
    "low-above-high-there": Bad(changed("input", "low", to=[0, 3]), "input.low[1]", "expected low ≤ high"),
    "half-a-surrogate": Bad(GOOD.replace(b'"tiny"', b'"\\ud800"'), "name", "surrogate"),
}
EXISTING = b"what was here before\n"


@pytest.fixture
def prepared(certify):
    """The program beside an output that must not change."""
    certify.write("out.json", EXISTING)
    return certify


def refused(program, *arguments, code=2):
    """Run it; return its line on stderr, after seeing that it wrote nothing else."""
    before = program.files()
    ran = program(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert program.files() == before
    line = ran.error
    assert line.startswith("certify: ")
    assert line.isprintable()
    return line.removeprefix("certify: ")


@pytest.mark.parametrize("name", BAD)
def test_bad_target(prepared, name):
    bad = BAD[name]
    prepared.write("bad.json", bad.content)
    line = refused(prepared, "bad.json", "-o", "out.json")
    assert line.startswith(f"bad.json: {bad.place}: " if bad.place else "bad.json: ")
    assert bad.says in line


@pytest.mark.parametrize("name", BAD)
def test_the_same_as_json(prepared, name):
    bad = BAD[name]
    prepared.write("bad.json", bad.content)
    before = prepared.files()
    ran = prepared("bad.json", "-o", "out.json", "--format", "json")
    assert ran.code == ran.result["exit_code"] == 2
    assert prepared.files() == before
    assert (ran.result["format"], ran.result["command"]) == ("certify.result/1", "prove")
    assert ran.result["verdict"] is None
    error = ran.result["error"]
    assert (error["kind"], error["file"], error["place"]) == ("input", "bad.json", bad.place)
    assert bad.says in error["message"]
    parts = (error["file"], error["place"], error["message"])
    assert ran.error == "certify: " + ": ".join(part for part in parts if part)


@pytest.mark.parametrize("name", BAD)
def test_the_same_to_audit_and_show(prepared, name):
    bad = BAD[name]
    prepared.write("bad.json", bad.content)
    for command in ("audit", "show"):
        line = refused(prepared, command, "bad.json", code=1 if bad.json else 2)
        assert line.startswith("bad.json: ")


MISSING = {
    "no-such-file": ("missing.json", "found no such file"),
    "a-folder": ("folder", "found a directory"),
    "below-a-file": ("out.json/target.json", "found a file that cannot be read: Not a directory"),
    "a-link-to-itself": ("loop", "found a file that cannot be read"),
    "a-name-too-long": ("n" * 300, "found a file that cannot be read"),
    "a-name-of-two-lines": ("no\nsuch", "found no such file"),
    "no-name": ("", "found a directory"),
    "larger-than-any": ("sparse", "at most"),
}


@pytest.fixture
def odd(prepared):
    """Folders, links and a file of 2 GB that takes no room."""
    (prepared.folder / "folder").mkdir()
    (prepared.folder / "loop").symlink_to("loop")
    with (prepared.folder / "sparse").open("wb") as file:
        file.truncate(2**31)
    return prepared


@pytest.mark.parametrize("command", ["prove", "audit", "show"])
@pytest.mark.parametrize("name", MISSING)
def test_no_file_to_read(odd, command, name):
    path, says = MISSING[name]
    line = refused(odd, command, path)
    assert says in line
    assert line.startswith({"": ".", "no\nsuch": r"no\nsuch"}.get(path, path) + ": expected a ")


@pytest.mark.parametrize("name", MISSING)
def test_no_keys_to_read(odd, name):
    path, says = MISSING[name]
    odd.write("tiny.json")
    odd.write("key.pem", signing_key(1).to_pem())
    assert says in refused(odd, "tiny.json", "--key", path, "-o", "out.json")
    assert says in refused(odd, "audit", "tiny.json", "--trust", path)


OUTPUTS = {
    "no-folder": ("missing/out.json", "expected a folder to write to, found none at missing"),
    "below-a-file": ("tiny.json/out.json", "expected a folder to write to"),
    "a-folder": ("folder", "found a directory"),
    "no-name": ("", "found a directory"),
    "a-name-too-long": ("n" * 300, "File name too long"),
    "the-target": ("tiny.json", "expected another file for the certificate, found the target itself"),
    "the-target-another-way": ("folder/../tiny.json", "found the target itself"),
    "a-hard-link-to-it": ("hard.json", "found the target itself"),
    "a-link-to-it": ("link.json", "found the target itself"),
    "the-key": ("key.pem", "found the private key itself"),
    "a-link-to-the-key": ("key-link", "found the private key itself"),
    "the-public-key": ("key.pub", "found the public key itself"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_place_to_write_to(odd, name):
    """Found before any work."""
    path, says = OUTPUTS[name]
    odd.write("tiny.json")
    odd.write("key.pem", signing_key(1).to_pem())
    os.link(odd.folder / "tiny.json", odd.folder / "hard.json")
    (odd.folder / "link.json").symlink_to("tiny.json")
    (odd.folder / "key-link").symlink_to(odd.folder / "key.pem")
    line = refused(odd, "tiny.json", "--key", "key.pem", "-o", path)
    assert line.startswith(f"{path or '.'}: ")
    assert says in line


def test_the_own_key_is_no_output_before_there_is_one(certify):
    certify.write("tiny.json")
    settings = certify.folder / "home" / "settings" / "certify"
    settings.mkdir(parents=True)
    assert "found the private key itself" in refused(certify, "tiny.json", "-o", settings / "key.pem")


OPTIONS = {
    "precision-too-coarse": (["--precision", "0"], "tiny.json: layers[0].precision_bits: expected a base precision"),
    "precision-too-fine": (["--precision", "31"], "'--precision': 31 is not in the range"),
    "precision-no-number": (["--precision", "fine"], "'--precision': 'fine' is not a valid integer"),
    "width-0": (["--width", "0"], "'--width': 0 is not in the range"),
    "workers-0": (["--workers", "0"], "'--workers': 0 is not in the range"),
    "format-unknown": (["--format", "xml"], "'--format': 'xml' is not one of"),
    "no-such-option": (["--sede", "1"], "--sede"),
    "no-value": (["--seed"], "'--seed' requires an argument"),
    "two-targets": (["second\nline"], r"unexpected extra argument (second\nline)"),
    "seed-not-utf-8": (["--seed", "\udcff"], r"tiny.json: seed: expected text that UTF-8 can hold"),
    "key-is-no-key": (["--key", "tiny.json"], "tiny.json: expected an Ed25519 private key"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_bad_option(prepared, name):
    options, says = OPTIONS[name]
    prepared.write("tiny.json")
    assert says in refused(prepared, "tiny.json", "-o", "out.json", *options)
    ran = prepared("tiny.json", "-o", "out.json", "--format", "json", *options)
    if name != "format-unknown":
        assert ran.code == ran.result["exit_code"] == 2
        assert ran.result["error"]["message"] in ran.error
        assert ran.result["error"]["kind"] in {"usage", "input"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audit"], "expected CERT... or --target and --base, found neither"),
        (["show"], "Missing argument 'CERT'"),
        (["prove"], "Missing argument 'TARGET'"),
        (["audit", "x", "--at", "yesterday"], "--at: expected a moment such as 2026-11-22T12:00:00Z"),
        (["audit", "x", "--trust", "y", "--any-signer"], "expected --trust or --any-signer, found both"),
        (["keygen", "x"], "unexpected extra argument (x)"),
        (["--bogus"], "--bogus"),
    ],
)
def test_bad_call(certify, arguments, says):
    assert says in refused(certify, *arguments)


@pytest.mark.parametrize("name", ["a:b.json", 'a"b.json', "a\\b.json", "a\nb.json", "\udcff.json"])
def test_name_that_a_certificate_cannot_hold(prepared, name):
    try:
        prepared.write(name)
    except OSError:
        return  # nor can this file system
    assert "expected a file name in printable text" in refused(prepared, name, "-o", "out.json")


def test_argument_that_is_no_utf_8(certify):
    """Bytes of a real command line, and JSON that another program can read all the same."""
    ran = certify.run(b"\xff.json", "--format", "json")
    assert ran.code == 2
    assert ran.result["error"]["file"] == "\udcff.json"
    assert ran.error == r"certify: \udcff.json: expected a target network, found no such file"


def test_bad_trust_names_file_and_line(prepared):
    prepared.write("keys", "# mine\nnobody ssh-rsa AAAA\n")
    assert refused(prepared, "audit", "x", "--trust", "keys").startswith("keys: line 2: expected a key of type")


def test_bad_own_trust(prepared):
    settings = prepared.folder / "home" / "settings" / "certify"
    settings.mkdir(parents=True)
    (settings / "allowed_signers").write_text("what\n")
    assert refused(prepared, "audit", "x").startswith(f"{settings / 'allowed_signers'}: line 1: ")


def test_public_half_left_over(prepared):
    """A first run would make a key, and replaces no public half whose private one is gone."""
    prepared.write("tiny.json")
    settings = prepared.folder / "home" / "settings" / "certify"
    settings.mkdir(parents=True)
    (settings / "key.pub").write_text("mine\n")
    assert "expected no file there yet" in refused(prepared, "tiny.json", "-o", "out.json")


LOADED = """
import sys
from certify.cli.main import main
for arguments in {calls}:
    sys.argv = ["certify", *arguments]
    try:
        main()
    except SystemExit:
        pass
print("loaded", *sorted({{"numba", "z3", "rich", "securesystemslib"}} & set(sys.modules)), file=sys.stderr)
"""


def test_bad_files_load_nothing_slow(certify):
    certify.write("bad.json", BAD["weight-above"].content)
    certify.write("no.certificate.json", TINY)
    bad = ["no.certificate.json"]
    calls = [["bad.json"], ["missing.json"], ["audit", *bad], ["show", *bad], ["-z"]]
    ran = certify.run(command=[sys.executable, "-c", LOADED.format(calls=calls)])
    assert len(ran.err.splitlines()) == len(calls) + 1
    assert ran.err.splitlines()[-1] == "loaded"
