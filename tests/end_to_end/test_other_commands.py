"""keygen, show, supports, help: what they say, and that they say it at once."""

from __future__ import annotations

import json
import stat
import sys

import pytest
from program import TINY, certificate, changed, issued, sha256, signed, signing_key, statement, target_bytes

from certify import __version__
from certify.certificate.form import EQUIVALENCE, EXACT_TICKET_2
from certify.certificate.keys import SigningKey
from certify.certificate.trust import parse_allowed_signers
from certify.errors import InputError
from certify.network.reader import read_network
from certify.proof.claim import Relation

ALICE = signing_key(1)
COMMANDS = ("prove", "audit", "sign", "equal", "convert", "export", "show", "keygen", "supports")


# keygen.


def test_keygen(certify):
    ran = certify("keygen", "-o", "k.pem", "--name", "alice@example.org")
    assert ran.code == 0
    assert ran.error == "made k.pem (only you can read it) and k.pub"
    private, public = certify.folder / "k.pem", certify.folder / "k.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = SigningKey.from_pem(private.read_bytes())
    assert ran.out == public.read_text() == f'alice@example.org namespaces="certify" {key.public.openssh()}\n'
    (trusted,) = parse_allowed_signers(public.read_bytes()).keys
    assert (trusted.key, trusted.principals) == (key.public, "alice@example.org")

    certify.write("tiny.json")
    assert certify("tiny.json", "--key", "k.pem").code == 0
    ran = certify("audit", "tiny.certificate.json", "--trust", "k.pub", "--format", "json")
    assert (ran.code, ran.result["trusted"]) == (0, True)
    assert ran.result["signer"] == {"key_id": key.public.key_id, "principals": "alice@example.org"}


def test_keygen_as_json(certify):
    ran = certify("keygen", "-o", "k.pem", "--format", "json", "-q")
    assert ran.err == ""
    made = ran.result
    key = SigningKey.from_pem((certify.folder / "k.pem").read_bytes())
    assert made == {
        "format": "certify.key/1",
        "key_id": key.public.key_id,
        "private": "k.pem",
        "line": (certify.folder / "k.pub").read_text().strip(),
    }


def test_keygen_makes_the_key_that_prove_uses(certify):
    certify.write("tiny.json")
    assert certify("keygen").code == 0
    ran = certify("tiny.json")
    assert ran.code == 0
    assert "made" not in ran.err
    assert certify("audit", "tiny.certificate.json").code == 0


def test_every_key_is_another(certify):
    lines = {certify("keygen", "-o", name).out for name in ("a", "b", "c")}
    assert len(lines) == 3


@pytest.mark.parametrize("existing", ["k.pem", "k.pub"])
def test_keygen_replaces_nothing(certify, existing):
    certify.write(existing, b"mine")
    before = certify.files()
    ran = certify("keygen", "-o", "k.pem")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == f"certify: k.pem: expected no file there yet, found {existing}"
    assert certify.files() == before


@pytest.mark.parametrize("name", ["k.pem", "k.pub"])
def test_keygen_follows_no_link(certify, name):
    (certify.folder / name).symlink_to("elsewhere")
    assert certify("keygen", "-o", "k.pem").code == 2
    assert not (certify.folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "k.pub"], "k.pub: expected a name for the private key"),
        (["-o", ""], ".: expected no file there yet"),
        (["-o", "file/k.pem"], "file/k.pem: expected a place to write to, found a file where a folder should be"),
        (["-o", "k.pem", "--name", "two words"], "k.pem: principal: expected a name without spaces"),
        (["-o", "k.pem", "--name", ""], "k.pem: principal: expected a name"),
        (["-o", "k.pem", "--name", "a\nb"], "k.pem: principal: expected a name"),
        (["-o", "k.pem", "--name", "*"], "k.pem: principal: expected a name"),
    ],
)
def test_keygen_refuses(certify, arguments, says):
    certify.write("file", b"")
    before = certify.files()
    ran = certify("keygen", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.error
    assert certify.files() == before
    ran = certify("keygen", *arguments, "--format", "json")
    assert (ran.result["command"], ran.result["error"]["kind"]) == ("keygen", "input")


def test_private_key_without_public_half_is_not_left(certify):
    """The folder of the public half is the private key's, so it is the name that fails here."""
    name = "k" * 252  # with .pub it is one too long
    ran = certify("keygen", "-o", name)
    assert ran.code == 2
    assert not (certify.folder / name).exists()


# show.


def shown(program, data):
    program.write("c.json", data)
    text, structured = program("show", "c.json"), program("show", "c.json", "--format", "json")
    assert (text.code, structured.code, text.err, structured.err) == (0, 0, "", "")
    return text.out, structured.result


def test_show(certify):
    text, document = shown(certify, certificate(ALICE))
    lines = text.splitlines()
    assert lines[0] == "This certificate says, and nothing of it has been checked (certify audit does):"
    assert f"tiny.json, sha256 {sha256(target_bytes())}" in lines[1]
    assert "2 to 2, 2 to 4" in text
    assert "equal on 5^2 grid points" in text
    assert ALICE.public.key_id in text
    assert document["checked"] is False
    assert document["format"] == "certify.shown/1"
    predicate = statement()["predicate"]
    assert (document["claim"], document["proof"]) == (predicate["claim"], predicate["proof"])
    assert document["signatures"] == [ALICE.public.key_id]
    assert document["versions"] == predicate["versions"]


def test_show_checks_neither_signature_nor_proof(certify):
    forged = certificate(ALICE).replace(ALICE.public.key_id.encode(), signing_key(2).public.key_id.encode())
    text, document = shown(certify, forged)
    assert "nothing of it has been checked" in text
    assert document["signatures"] == [signing_key(2).public.key_id]
    said = statement()
    said["predicate"]["base"]["seed"] = "\x1b[2J\nproved"
    text, document = shown(certify, signed(said, ALICE))
    assert "\x1b" not in text
    assert r"seed '\x1b[2J\nproved'" in text
    assert document["ticket"]["seed"] == "\x1b[2J\nproved"


def test_show_refuses_what_has_no_form(certify):
    said = statement()
    said["predicate"]["claim"]["points"] = [["\x1b[2J", 1]]
    certify.write("c.json", signed(said, ALICE))
    ran = certify("show", "c.json", "--format", "json")
    assert ran.code == ran.result["exit_code"] == 1
    assert ran.result["command"] == "show"
    assert ran.result["error"]["place"] == "payload.predicate.claim.points[0][0]"
    assert ran.error.isprintable()


# supports.


def test_supports(certify):
    text, structured = certify("supports"), certify("supports", "--format", "json")
    assert (text.code, structured.code, text.err, structured.err) == (0, 0, "", "")
    for name, values in structured.result.items():
        assert all(f"{name} " in text.out and value in text.out for value in values)


def listed(certify):
    return certify("supports", "--format", "json").result


STEPS = {
    "relu": {},
    "leaky_relu": {"negative_shift": 1},
    "requantize": {"shift": 1, "rounding": "floor"},
    "clamp": {"low": 0, "high": 1},
    "offset": {"value": 1},
    "step": {},
    "sign": {},
    "round_significant": {},
    "thresholds": {"at": [0, 3]},
    "table": {"low": 0, "values": [1, 2]},
}


def reads(*then):
    return read_network(target_bytes(changed("layers", 0, "then", to=list(then))))


def test_what_is_listed_is_read(certify):
    said = listed(certify)
    assert set(said["steps"]) == set(STEPS)
    for op in said["steps"]:
        assert reads({"op": op, **STEPS[op]})
    for rounding in said["roundings of requantize"]:
        assert reads({"op": "requantize", "shift": 1, "rounding": rounding, "zero_point": 1})
    for kind in said["tensors"][1].removeprefix("base64 of ").split(", "):
        size = int(kind.lstrip("uint")) // 8
        data = {"shape": [2], "dtype": kind, "data": "A" * (-(-2 * size // 3) * 4)}
        data["data"] = data["data"][: len(data["data"]) - (-2 * size % 3)] + "=" * (-2 * size % 3)
        assert read_network(target_bytes(changed("layers", 0, "bias", to=data)))
    for rule in said["rules of requantize"]:
        assert reads({"op": "requantize", "shift": -1, "multiplier": 1, "rule": rule, "zero_point": 1})
    assert said["target formats"] == [TINY["format"], "tflite", "onnx"]
    assert {"FULLY_CONNECTED", "CONV_2D"} <= set(said["TFLite operators"])
    assert {"QLinearConv", "Quant"} <= set(said["ONNX operators"])
    assert {"dense", "conv2d", "softmax"} <= set(said["layers"])
    assert issued().payload.decode().count(said["certificates"][0]) == 1
    assert said["certificates"][1:] == [EXACT_TICKET_2, EQUIVALENCE]
    base = statement()["predicate"]["base"]
    assert (base["generator"], base["construction"]) == (said["base network"][0], said["constructions"][0])
    assert said["relations"] == [Relation(name).name for name in ("equal", "within", "argmax")]
    assert said["relations"][0] == statement()["predicate"]["claim"]["relation"]


def test_limits_are_where_it_says(certify):
    said = listed(certify)
    shift = int(said["requantize"][0].split(" to ")[1].split()[0])
    bits = int(said["target precision"][0].split(" to ")[1].split()[0])
    assert reads({"op": "requantize", "shift": shift, "rounding": "floor"})
    with pytest.raises(InputError):
        reads({"op": "requantize", "shift": shift + 1, "rounding": "floor"})
    assert read_network(target_bytes(changed("layers", 0, "precision_bits", to=bits)))
    with pytest.raises(InputError):
        read_network(target_bytes(changed("layers", 0, "precision_bits", to=bits + 1)))


def test_what_is_not_read_is_refused():
    with pytest.raises(InputError):
        reads({"op": "requantize", "multiplier": 3, "shift": 1})
    with pytest.raises(InputError):
        read_network(target_bytes(changed("layers", 0, "op", to="conv")))
    with pytest.raises(InputError):
        read_network(target_bytes(changed("layers", 0, "inputs", to=["x"])))


# Help.


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(certify, command):
    ran = certify(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: certify {command} [OPTIONS]")
    formats = "onnx|network|npz|safetensors|vnnlib|smtlib|sigstore-bundle" if command == "export" else "text|json"
    assert f"--format [{formats}]" in ran.out


def test_help(certify):
    ran = certify("--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: certify ")
    assert all(f"\n  {command} " in ran.out for command in COMMANDS)


def test_no_arguments_is_help_and_no_success(certify):
    ran = certify()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == certify("--help").out


def test_version(certify):
    ran = certify("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"certify, version {__version__}\n", "")


LOADED = """
import sys
from certify.cli.main import main
sys.argv = ["certify", *{arguments}]
try:
    main()
except SystemExit as leaving:
    assert leaving.code == 0
print("loaded", *sorted({{"numba", "z3", "rich", "securesystemslib", "numpy"}} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [(["--help"], "loaded"), (["--version"], "loaded"), (["show", "c.json"], "loaded numpy"), (["keygen"], None)],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_nothing_slow_is_loaded(certify, arguments, loaded):
    certify.write("c.json", certificate(ALICE))
    ran = certify.run(command=[sys.executable, "-c", LOADED.format(arguments=arguments)])
    last = ran.err.splitlines()[-1]
    assert not {"numba", "z3"} & set(last.split())
    assert loaded in (None, last)


def test_json_of_every_command_is_one_document(certify):
    certify.write("tiny.json")
    certify.write("k.pem", ALICE.to_pem())
    for arguments in (["tiny.json", "--key", "k.pem"], ["show", "tiny.certificate.json"], ["supports"]):
        ran = certify(*arguments, "--format", "json")
        assert isinstance(json.loads(ran.out), dict)
        assert ran.out.isascii()
