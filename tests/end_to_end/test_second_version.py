"""Certificates of copies and of binary tickets through the command line: audited, signed, shown, exported."""

from __future__ import annotations

import json
from functools import cache

import by_hand
import numpy as np
import pytest
from program import Program, payload_of, signing_key

from certify.base.prune import prune
from certify.certificate.signatures import sign
from certify.export.networks import network_file
from certify.issue import decide
from certify.network.reader import read_network

NAMES = {"copies (Theorem 2)": by_hand.copied, "binary": by_hand.binary}
EACH = pytest.mark.parametrize("name", NAMES)


@cache
def certificate(name):
    return sign(decide(NAMES[name]()).payload, signing_key(1))


@pytest.fixture
def certify(tmp_path, monkeypatch, capsys):
    return Program(tmp_path, monkeypatch, capsys)


@EACH
def test_audit_and_show_name_the_construction(certify, name):
    certify.write("c.json", certificate(name))
    widths = ", ".join(map(str, NAMES[name]().base.widths))
    audited = certify("audit", "c.json", "--any-signer")
    shown = certify("show", "c.json")
    assert (audited.code, shown.code) == (0, 0)
    assert f"seed '0', {name}, widths {widths} (grown blocks)\n" in audited.out
    assert f"seed '0', {name}, widths {widths}\n" in shown.out
    for arguments in (("audit", "c.json", "--any-signer"), ("show", "c.json")):
        result = json.loads(certify(*arguments, "--format", "json").out)
        assert result["ticket"]["construction"] == name


@EACH
def test_sign_adds_a_signature_to_the_same_payload(certify, name):
    certify.write("c.json", certificate(name))
    certify("keygen")
    assert certify("sign", "c.json").code == 0
    data = (certify.folder / "c.json").read_bytes()
    assert payload_of(data) == payload_of(certificate(name))
    assert len(json.loads(data)["signatures"]) == 2


@EACH
def test_the_export_of_arrays_is_the_network(certify, name):
    subject = NAMES[name]()
    ticket = prune(subject.target, subject.base, subject.masks)
    certify.write("c.json", certificate(name))
    assert certify("export", "c.json", "--format", "npz", "-o", "t.npz").code == 0
    with np.load(certify.folder / "t.npz") as arrays:
        for index, layer in enumerate(ticket.layers):
            weights, mask = (arrays[f"layers.{index}.weights_{what}"] for what in ("orig", "mask"))
            assert weights.all()
            assert (weights * mask.astype(np.int64) == layer.weights.to_dense()).all()


@EACH
def test_the_export_of_networks_and_of_the_proof(certify, name):
    subject = NAMES[name]()
    certify.write("c.json", certificate(name))
    for part in ("ticket", "base"):
        assert certify("export", "c.json", "--format", "network", "--of", part, "-o", f"{part}.json").code == 0
    ticket = (certify.folder / "ticket.json").read_bytes()
    assert ticket == network_file(prune(subject.target, subject.base, subject.masks))
    base = read_network((certify.folder / "base.json").read_bytes())
    assert [layer.weights.shape for layer in base.linear] == [mask.shape for mask in subject.masks]
    script = certify("export", "c.json", "--format", "smtlib")
    assert (script.code, "(check-sat)" in script.out) == (0, True)
