"""Targets that are models of another format: proved, audited and converted, with and without their reader."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from program import TINY, b64, payload_of, sha256, signed, signing_key, trust_line
from tflite_models import Layer, between, chain

from certify.network.reader import read_network
from certify.network.target import read_target

ALICE = signing_key(1)
WIDE = Layer([[3], [127]], bias=[1000, -5], output_scale=0.2, output_zero=-128, activation="RELU")
LAST = Layer([[-9, 4], [0, 77]], scales=(0.01, 0.3), output_zero=3)
MODEL = between(chain([WIDE, LAST], input_zero=-100), before="LOGISTIC").pack()
OTHER = between(chain([WIDE, LAST], input_zero=-99), before="LOGISTIC").pack()
NAME = "model.certificate.json"
SAID = {
    "format": "tflite",
    "rule": "single",
    "starts_after": "QUANTIZE",
    "input_tensor": "input",
    "ends_before": "LOGISTIC",
    "output_tensor": "layer1",
}


@pytest.fixture
def alice(certify):
    """The program beside a model and Alice's key."""
    certify.write("model.tflite", MODEL)
    certify.write("alice.pem", ALICE.to_pem())
    certify.write("alice.pub", trust_line(ALICE, "alice"))
    return certify


def proved(program, *arguments):
    ran = program("model.tflite", "--key", "alice.pem", *arguments)
    assert ran.code == 0, ran.err
    return payload_of((program.folder / NAME).read_bytes())


def audit(program, *arguments):
    return program("audit", NAME, "--trust", "alice.pub", *arguments)


@pytest.fixture
def unread(tmp_path):
    """What an environment needs in which the package tflite is not installed."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "tflite.py").write_text("raise ModuleNotFoundError('No module named tflite')\n")
    # Python would keep what it compiled of it in the folder that is looked at.
    return {
        "env": {"PYTHONPATH": f"{tmp_path / 'hidden'}:{Path(__file__).parents[2]}", "PYTHONDONTWRITEBYTECODE": "1"}
    }


def test_a_certificate_names_the_model_and_the_network_read_from_it(alice):
    said = proved(alice)["predicate"]["target"]
    assert said.pop("bytes") == b64(MODEL)
    assert alice("convert", "model.tflite").code == 0
    assert said == SAID | {"network_sha256": sha256((alice.folder / "model.json").read_bytes())}
    found = audit(alice, "--format", "json").result
    assert (found["verdict"], found["trusted"], found["exit_code"]) == ("proved", True, 0)
    assert found["claim"]["sha256"] == sha256(MODEL)
    assert found["claim"]["conversion"] == said
    model = 'tflite, from tensor "input" (after QUANTIZE) to tensor "layer1" (before LOGISTIC), rounding rule single'
    assert f"  model        {model}" in audit(alice).out.splitlines()
    assert f"  model      {model}" in alice("show", NAME).out.splitlines()
    assert alice("show", NAME, "--format", "json").result["conversion"] == said


def test_the_converted_network_has_the_models_ticket(alice):
    model = proved(alice)["predicate"]
    assert alice("convert", "model.tflite").code == 0
    assert alice("model.json", "--key", "alice.pem").code == 0
    network = payload_of((alice.folder / NAME).read_bytes())["predicate"]
    assert network["target"]["format"] == "certify.network/1"
    assert {name: model[name] for name in model if name != "target"} == {
        name: network[name] for name in network if name != "target"
    }


@pytest.mark.parametrize("rule", ["single", "double", "float32"])
def test_the_rule_is_in_the_certificate(alice, rule):
    said = proved(alice, "--rule", rule)["predicate"]["target"]
    assert said["rule"] == rule
    assert said["network_sha256"] == sha256(alice_converts(alice, rule))
    assert audit(alice).code == 0


def alice_converts(program, rule):
    assert program("convert", "model.tflite", "--rule", rule, "-o", "by-rule.json").code == 0
    return (program.folder / "by-rule.json").read_bytes()


# What a certificate says of the conversion is held against a conversion of its own bytes.

LIES = {
    "another digest": {"network_sha256": "0" * 64},
    "another rule": {"rule": "double"},
    "another start": {"starts_after": ""},
    "another tensor": {"input_tensor": "layer0"},
    "another end": {"ends_before": "SOFTMAX"},
    "another output": {"output_tensor": "layer0"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_about_the_conversion_is_invalid(alice, lie):
    document = proved(alice)
    document["predicate"]["target"] |= lie
    alice.write(NAME, signed(document, ALICE))
    ran = audit(alice)
    field = "network_sha256" if "rule" in lie else next(iter(lie))
    assert ran.code == 1
    assert f"payload.predicate.target.{field}: expected" in ran.err
    assert ran.err.count("\n") == 1


def test_another_models_bytes_are_invalid(alice):
    document = proved(alice)
    document["predicate"]["target"]["bytes"] = b64(OTHER)
    document["subject"][0]["digest"]["sha256"] = sha256(OTHER)
    alice.write(NAME, signed(document, ALICE))
    ran = audit(alice)
    assert (ran.code, "predicate.target.network_sha256: expected" in ran.err) == (1, True)


FORMS = {
    "a model called a network": {"format": "certify.network/1"},
    "a network called a model": {"bytes": b64(json.dumps(TINY).encode())},
    "an unknown format": {"format": "onnx"},
    "a field more": {"notes": "none"},
    "a model cut short": {"bytes": b64(MODEL[:-100])},
}


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_a_target_in_the_wrong_form_is_invalid(alice, change):
    document = proved(alice)
    target = document["predicate"]["target"]
    target |= change
    if change.get("format") == "certify.network/1":
        target = {name: target[name] for name in ("format", "bytes")}
    document["predicate"]["target"] = target
    document["subject"][0]["digest"]["sha256"] = sha256(base64.b64decode(target["bytes"]))
    alice.write(NAME, signed(document, ALICE))
    ran = audit(alice)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "payload.predicate.target" in ran.err


# Without the reader nothing can be said of a model, and what would help is.

INSTALL = "expected the package tflite 2.18 or later to be installed: pip install 'certify[tflite]'"


def test_an_audit_without_the_reader_is_undecided(alice, unread):
    proved(alice)
    ran = alice.run("audit", NAME, "--trust", "alice.pub", **unread)
    assert (ran.code, ran.error) == (3, f"certify: {NAME}: conversion not checked: {INSTALL}")
    ran = alice.run("audit", NAME, "--trust", "alice.pub", "--format", "json", **unread)
    assert (ran.code, ran.result["verdict"], ran.result["error"]["kind"]) == (3, "undecided", "reader")
    assert "conversion not checked" in ran.result["reason"]


@pytest.mark.parametrize("command", ["prove", "convert"])
def test_other_commands_without_the_reader_fail(alice, unread, command):
    before = alice.files()
    ran = alice.run(command, "model.tflite", **unread)
    assert (ran.code, ran.error) == (2, f"certify: model.tflite: {INSTALL}")
    assert alice.files() == before


def test_a_forged_signature_is_found_without_the_reader(alice, unread):
    document = json.loads(signed(proved(alice), ALICE))
    document["signatures"][0]["sig"] = b64(bytes(64))
    alice.write(NAME, json.dumps(document))
    assert alice.run("audit", NAME, "--trust", "alice.pub", **unread).code == 1


# certify convert.


def test_convert_says_what_the_network_stands_for(alice):
    ran = alice("convert", "model.tflite", "-o", "out.json")
    data = (alice.folder / "out.json").read_bytes()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "converted: model.tflite to out.json",
        f"  model    tflite, sha256 {sha256(MODEL)}",
        f"  network  sha256 {sha256(data)}",
        "  layers   1 to 2, 2 to 2",
        "  rule     single, of requantization",
        '  starts   after QUANTIZE, at tensor "input"',
        '  ends     before LOGISTIC, at tensor "layer1"',
    ]
    network, target = read_network(data), read_target(MODEL)
    assert network.layers[0].steps == target.network.layers[0].steps
    assert network.input == target.network.input


def test_convert_as_json(alice):
    shown = alice("convert", "model.tflite", "--format", "json", "--rule", "float32").result
    assert shown["format"] == "certify.converted/1"
    assert shown["model"] == {"file": "model.tflite", "format": "tflite", "sha256": sha256(MODEL)}
    assert shown["network"]["sha256"] == sha256((alice.folder / "model.json").read_bytes())
    assert shown["network"]["layers"] == ["1 to 2", "2 to 2"]
    assert (shown["rule"], shown["notes"]) == ("float32", [])
    assert (shown["starts"], shown["ends"]) == (
        {"after": "QUANTIZE", "tensor": "input"},
        {"before": "LOGISTIC", "tensor": "layer1"},
    )


def test_convert_quietly(alice):
    assert alice("convert", "model.tflite", "-q").out == "converted: model.tflite to model.json\n"


def test_a_model_of_int8_alone_starts_and_ends_at_its_own_tensors(alice):
    alice.write("model.tflite", chain([WIDE, LAST]).pack())
    out = alice("convert", "model.tflite").out.splitlines()
    assert out[-2:] == ['  starts   at tensor "input"', '  ends     at tensor "layer1"']


def test_notes_are_talk(alice):
    huge = Layer([[100, 100, 100]], bias=[2**31 - 1], output_scale=10.0)
    alice.write("model.tflite", chain([huge]).pack())
    ran = alice("convert", "model.tflite")
    assert ran.code == 0
    assert ran.err.startswith("note: ")
    assert "int32" in ran.err
    assert "note" not in alice("convert", "model.tflite", "-q").err


def test_a_network_is_written_in_the_one_form(alice):
    alice.write("tiny.json")
    ran = alice("convert", "tiny.json", "-o", "again.json")
    assert (ran.code, "rule" in ran.out) == (0, False)
    assert read_network((alice.folder / "again.json").read_bytes()).outputs == 4


REFUSED = {
    "no file": (["convert", "none.tflite"], "none.tflite: expected a model, found no such file"),
    "a folder": (["convert", "home"], "home: expected a model, found a directory"),
    "an empty file": (["convert", "empty"], "empty: expected a JSON document, found an empty file"),
    "onto itself": (
        ["convert", "model.tflite", "-o", "model.tflite"],
        "model.tflite: expected another file for the network, found the model itself",
    ),
    "no such folder": (["convert", "model.tflite", "-o", "x/y.json"], "x/y.json: expected a folder to write to"),
    "a rule for a network": (
        ["convert", "tiny.json", "--rule", "double", "-o", "z.json"],
        "tiny.json: expected no rule, as a network in certify.network/1 names its own, found double",
    ),
    "a rule for a network to prove": (
        ["tiny.json", "--rule", "double"],
        "tiny.json: expected no rule, as a network in certify.network/1 names its own, found double",
    ),
    "a model cut short": (["convert", "short.tflite"], "short.tflite: "),
    "a model cut short, to prove": (["short.tflite"], "short.tflite: "),
    "an unknown rule": (["convert", "model.tflite", "--rule", "triple"], "Invalid value for '--rule'"),
}


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_bad_input(alice, arguments, problem):
    alice.write("tiny.json")
    alice.write("empty", b"")
    alice.write("short.tflite", MODEL[:-300])
    before = alice.files()
    ran = alice(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith(f"certify: {problem}")
    assert alice.files() == before


def test_a_full_disk(alice):
    ran = alice("convert", "model.tflite", "-o", "/dev/full")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == (
        "certify: /dev/full: expected a place to write to, found one that fails: No space left on device"
    )


# Two networks, one or both of them models.


def test_a_model_equals_what_it_is_converted_to(alice):
    assert alice("convert", "model.tflite").code == 0
    for pair in (["model.tflite", "model.json"], ["model.json", "model.tflite"], ["model.tflite", "model.tflite"]):
        ran = alice("equal", *pair, "--key", "alice.pem", "-o", NAME, "--format", "json")
        assert (ran.code, ran.result["verdict"]) == (0, "proved")
        conversions = [ran.result["claim"][side]["conversion"] for side in ("left", "right")]
        assert [conversion is not None for conversion in conversions] == [name == "model.tflite" for name in pair]
        said = payload_of((alice.folder / NAME).read_bytes())["predicate"]
        assert ["rule" in said[side] for side in ("left", "right")] == [name == "model.tflite" for name in pair]
        assert audit(alice).code == 0
        assert audit(alice).out.count("\n  model        tflite, from tensor") == pair.count("model.tflite")


@pytest.mark.parametrize("pair", [["model.tflite", "model.json"], ["model.json", "model.tflite"]])
def test_the_rule_is_the_models(alice, pair):
    assert alice("convert", "model.tflite", "--rule", "double").code == 0
    ran = alice("equal", *pair, "--rule", "double", "--format", "json")
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    ran = alice("equal", "model.json", "model.json", "--rule", "double")
    assert (ran.code, "expected no rule" in ran.error) == (2, True)


def test_models_that_differ(alice):
    """In a weight, they are told apart; in the zero point of their inputs, only their boxes are others."""
    weight = Layer([[3], [126]], bias=[1000, -5], output_scale=0.2, output_zero=-128, activation="RELU")
    alice.write("weight.tflite", between(chain([weight, LAST], input_zero=-100), before="LOGISTIC").pack())
    ran = alice("equal", "model.tflite", "weight.tflite", "--format", "json")
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")
    alice.write("zero.tflite", OTHER)
    ran = alice("equal", "model.tflite", "zero.tflite", "--format", "json")
    assert (ran.code, ran.result["claim"]["whole_box"]) == (0, False)
    assert (ran.result["claim"]["low"], ran.result["claim"]["high"]) == (-28, 226)


def test_a_pair_of_which_a_model_says_something_else(alice):
    assert alice("equal", "model.tflite", "model.tflite", "--key", "alice.pem", "-o", NAME).code == 0
    for side in ("left", "right"):
        said = payload_of((alice.folder / NAME).read_bytes())
        said["predicate"][side]["output_tensor"] = "layer0"
        alice.write("lie.json", signed(said, ALICE))
        ran = alice("audit", "lie.json", "--trust", "alice.pub", "--format", "json")
        assert (ran.code, ran.result["error"]["place"]) == (1, f"payload.predicate.{side}.output_tensor")


def test_a_pair_without_the_reader(alice, unread):
    assert alice("equal", "model.tflite", "model.tflite", "--key", "alice.pem", "-o", NAME).code == 0
    ran = alice.run("equal", "model.tflite", "model.tflite", "--format", "json", **unread)
    assert (ran.code, ran.result["error"]["kind"]) == (2, "reader")
    ran = alice.run("audit", NAME, "--trust", "alice.pub", "--format", "json", **unread)
    assert (ran.code, ran.result["error"]["kind"]) == (3, "reader")
