"""Certificates that are not what a trusted key signed, and certificates that lie with a trusted key's signature.

Either way the exit code is 1 and the reason names the place. A true statement by a signer whom the auditor does not
trust is another matter: exit 3.
"""

from __future__ import annotations

import base64
import copy
import json

import pytest
from program import (
    b64,
    certificate,
    changed,
    issued,
    sha256,
    signed,
    signing_key,
    statement,
    target_bytes,
    trust_line,
)

from certify.certificate.signatures import sign
from certify.issue import Options, versions

ALICE, BOB = signing_key(1), signing_key(2)
TRUE = certificate(ALICE)


def audited(program, data, *arguments):
    """Audit a certificate's bytes with trust in Alice."""
    program.write("c.json", data)
    program.write("alice.pub", trust_line(ALICE))
    return program("audit", "c.json", "--trust", "alice.pub", "--format", "json", *arguments)


def invalid(program, data, *, place, says=""):
    """Audit it and see that it is called invalid, at that place."""
    ran = audited(program, data)
    error = ran.result["error"]
    assert (ran.code, ran.result["exit_code"], error["kind"]) == (1, 1, "certificate")
    assert error["place"] == place
    assert says in error["message"]
    assert ran.error == ": ".join(part for part in ("certify: c.json", place, error["message"]) if part)
    assert ran.result["verdict"] is None
    assert not ran.result["trusted"]


# The envelope.


def envelope(**fields):
    return json.dumps(json.loads(TRUE) | fields).encode()


def signature(**fields):
    return envelope(signatures=[json.loads(TRUE)["signatures"][0] | fields])


def flipped(text):
    """The base64 of the same bytes, one bit changed."""
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return b64(bytes(data))


SIGNED = json.loads(TRUE)["signatures"][0]["sig"]
OTHERS = json.loads(certificate(BOB))["signatures"][0]["sig"]
ENVELOPES = {
    "payload-bit": (envelope(payload=flipped(json.loads(TRUE)["payload"])), "signatures[0]", "does not verify"),
    "payload-of-another": (
        envelope(payload=json.loads(certificate(ALICE, options=Options("1")))["payload"]),
        "signatures[0]",
        "does not verify",
    ),
    "payload-empty": (envelope(payload=""), "signatures[0]", "does not verify"),
    "payload-not-canonical": (envelope(payload=json.loads(TRUE)["payload"] + "\n"), "payload", "base64"),
    "signature-bit": (signature(sig=flipped(SIGNED)), "signatures[0]", "does not verify"),
    "signature-short": (signature(sig=b64(base64.b64decode(SIGNED)[:-1])), "signatures[0].sig", "64 bytes"),
    "signature-none": (envelope(signatures=[]), "signatures", "length"),
    "signature-twice": (
        envelope(signatures=json.loads(TRUE)["signatures"] * 2),
        "signatures[1].keyid",
        "expected every key id once",
    ),
    "key-id-of-nobody": (signature(keyid="SHA256:" + "A" * 43), "signatures[0].keyid", ALICE.public.key_id),
    "key-id-of-another": (signature(keyid=BOB.public.key_id), "signatures[0].keyid", ALICE.public.key_id),
    "key-id-malformed": (signature(keyid=ALICE.public.key_id[:-1]), "signatures[0].keyid", "43 characters"),
    "another-key-under-this-id": (signature(sig=OTHERS), "signatures[0]", "does not verify"),
    "another-key-beside-it": (
        envelope(
            signatures=[{"keyid": ALICE.public.key_id, "sig": OTHERS}, {"keyid": BOB.public.key_id, "sig": SIGNED}]
        ),
        "signatures[0]",
        "does not verify",
    ),
    "type": (envelope(payloadType="application/json"), "payloadType", "expected application/vnd.in-toto+json"),
    "type-in-capitals": (envelope(payloadType="application/vnd.in-toto+JSON"), "payloadType", "expected"),
    "key-in-a-capital": (TRUE.replace(b'"sig"', b'"Sig"'), "signatures[0]", "`Sig`"),
    "key-inside": (envelope(key=ALICE.public.openssh()), "", "`key`"),
    "duplicate-key": (TRUE.replace(b'{"payload"', b'{"payload":"","payload"'), "payload", "expected every key once"),
    "float": (envelope(version=1.0), "version", "expected an integer"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelope(certify, name):
    data, place, says = ENVELOPES[name]
    assert data != TRUE
    invalid(certify, data, place=place, says=says)


def test_a_true_one_passes(certify):
    ran = audited(certify, TRUE)
    assert (ran.code, ran.result["verdict"], ran.result["trusted"]) == (0, "proved", True)


def test_signed_by_another_under_its_own_id(certify):
    ran = audited(certify, sign(issued().payload, BOB))
    assert (ran.code, ran.result["verdict"], ran.result["trusted"]) == (3, "proved", False)
    assert ran.result["signer"] == {"key_id": BOB.public.key_id}


def test_signed_by_both(certify):
    both = [json.loads(certificate(key))["signatures"][0] for key in (BOB, ALICE)]
    ran = audited(certify, envelope(signatures=both))
    assert (ran.code, ran.result["trusted"]) == (0, True)
    assert ran.result["signer"]["key_id"] == ALICE.public.key_id


# Statements that lie, signed by the trusted key.


def lie(*path, to):
    """The true statement with one value replaced, or removed by `...`."""
    document = copy.deepcopy(statement())
    node = document
    for key in path[:-1]:
        node = node[key]
    if to is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return document


def at(*path):
    node = statement()
    for key in path:
        node = node[key]
    return node


def predicate(*path, to):
    return lie("predicate", *path, to=to)


def in_predicate(path):
    return f"payload.predicate.{path}"


def with_target(document):
    """The true statement about another target: its bytes and their digest, the rest as it was."""
    said = predicate("target", "bytes", to=b64(target_bytes(document)))
    said["subject"][0]["digest"]["sha256"] = sha256(target_bytes(document))
    return said


COUNT, DIGEST = "expected {}, found {}", "0" * 64
SUBJECT = {"name": "tiny.json", "digest": {"sha256": sha256(target_bytes())}}
LIES = {
    "statement-type": (
        lie("_type", to="https://in-toto.io/Statement/v0.1"),
        "payload._type",
        "expected https://in-toto",
    ),
    "predicate-version": (
        lie("predicateType", to="urn:certify:exact-ticket:v3"),
        "payload.predicateType",
        "or urn:certify:exact-ticket:v2 or urn:certify:equivalence:v1, found 'urn:certify:exact-ticket:v3'",
    ),
    "predicate-of-others": (
        lie("predicateType", to="https://slsa.dev/provenance/v1"),
        "payload.predicateType",
        "slsa.dev",
    ),
    "predicate-type-missing": (lie("predicateType", to=...), "payload.predicateType", "found 'None'"),
    "unknown-key": (lie("extra", to=1), "payload", "`extra`"),
    "unknown-key-in-predicate": (predicate("note", to="believe me"), in_predicate("")[:-1], "`note`"),
    "missing-key": (predicate("sizes", to=...), in_predicate("")[:-1], "`sizes`"),
    "subject-none": (lie("subject", to=[]), "payload.subject", "length"),
    "subject-two": (lie("subject", to=[SUBJECT, SUBJECT | {"name": "other.json"}]), "payload.subject", "length"),
    "subject-digest": (
        lie("subject", 0, "digest", "sha256", to=DIGEST),
        "payload.subject[0].digest.sha256",
        "expected the digest of the target's bytes",
    ),
    "subject-digest-in-capitals": (
        lie("subject", 0, "digest", "sha256", to=SUBJECT["digest"]["sha256"].upper()),
        "payload.subject[0].digest.sha256",
        "expected",
    ),
    "subject-other-digest": (
        lie("subject", 0, "digest", to=SUBJECT["digest"] | {"sha1": "0"}),
        "payload.subject[0].digest",
        "`sha1`",
    ),
    "subject-in-a-folder": (
        lie("subject", 0, "name", to="../tiny.json"),
        "payload.subject[0].name",
        "without folders",
    ),
    "target-no-network": (
        with_target(changed("format", to="x")),
        in_predicate("target.bytes"),
        'format: expected "certify.network/1"',
    ),
    "target-deep": (
        lie("predicate", "target", "bytes", to=b64(b"[" * 100_000))
        | {"subject": [SUBJECT | {"digest": {"sha256": sha256(b"[" * 100_000)}}]},
        in_predicate("target.bytes"),
        "nested less deeply",
    ),
    "target-bytes": (
        predicate("target", "bytes", to=b64(target_bytes() + b" ")),
        "payload.subject[0].digest.sha256",
        "expected the digest",
    ),
    "target-format": (predicate("target", "format", to="nnef"), in_predicate("target.format"), "certify.network/1"),
    "generator": (
        predicate("base", "generator", to="certify/base-network/2"),
        in_predicate("base.generator"),
        "expected certify/base-network/1, found 'certify/base-network/2'",
    ),
    "construction": (
        predicate("base", "construction", to="theorem-2"),
        in_predicate("base.construction"),
        "expected theorem-1, found 'theorem-2'",
    ),
    "quantization-unknown": (
        predicate("base", "quantization", to="stochastic"),
        in_predicate("base.quantization"),
        "expected floor, toward_zero",
    ),
    "kept-digest": (predicate("base", "kept_sha256", to=DIGEST), in_predicate("base.kept_sha256"), DIGEST),
    "widths-more": (
        predicate("base", "widths", 0, to=at("predicate", "base", "widths", 0) + 1),
        in_predicate("masks[0].data"),
        "",
    ),
    "widths-fewer": (
        predicate("base", "widths", 1, to=at("predicate", "base", "widths", 1) - 1),
        in_predicate("masks[2].data"),
        "",
    ),
    "widths-large": (predicate("base", "widths", 0, to=2**22), in_predicate("masks[0].data"), ""),
    "widths-huge": (predicate("base", "widths", 0, to=2**31 - 1), in_predicate("base.widths[0]"), ""),
    "widths-none": (
        predicate("base", "widths", to=[]),
        in_predicate("base.widths"),
        "expected 2, one for each layer",
    ),
    "precisions-none": (
        predicate("base", "precisions", to=[]),
        in_predicate("base.precisions"),
        "one for each layer",
    ),
    "precision-too-coarse": (
        predicate("base", "precisions", 0, to={"drawn": 0, "kept": 0}),
        in_predicate("base.precisions"),
        "expected a base precision of at least 1 bits, found 0",
    ),
    "precision-kept-finer": (
        predicate("base", "precisions", 0, to={"drawn": 1, "kept": 2}),
        in_predicate("base.precisions[0]"),
        "expected kept ≤ drawn",
    ),
    "blocks-fixed": (predicate("base", "blocks", to=7), in_predicate("base.widths[0]"), "blocks of 7 units"),
    "blocks-none": (predicate("base", "blocks", to=0), in_predicate("base.blocks"), "expected"),
    "blocks-unknown": (predicate("base", "blocks", to="wide"), in_predicate("base.blocks"), "expected"),
    "mask-digest": (
        predicate("masks", 1, "sha256", to=DIGEST),
        in_predicate("masks[1].sha256"),
        "expected the digest",
    ),
    "mask-bytes": (
        predicate("masks", 1, "data", to=flipped(at("predicate", "masks", 1, "data"))),
        in_predicate("masks[1].sha256"),
        "expected the digest",
    ),
    "mask-missing": (predicate("masks", to=at("predicate", "masks")[:3]), in_predicate("masks"), "expected 4 masks"),
    "masks-in-another-order": (
        predicate("masks", to=at("predicate", "masks")[::-1]),
        in_predicate("masks[0].data"),
        "",
    ),
    "relation": (predicate("claim", "relation", to="within"), in_predicate("claim.relation"), "expected equal"),
    "box-smaller": (predicate("claim", "high", to=1), in_predicate("claim.high"), COUNT.format(2, 1)),
    "box-per-feature": (predicate("claim", "low", to=[-2, -2]), in_predicate("claim.low"), "expected -2"),
    "points-base": (
        predicate("claim", "points", to=[[6, 2]]),
        in_predicate("claim.points[0][0]"),
        COUNT.format(5, 6),
    ),
    "points-exponent": (
        predicate("claim", "points", to=[[5, 3]]),
        in_predicate("claim.points[0][1]"),
        COUNT.format(2, 3),
    ),
    "points-split": (
        predicate("claim", "points", to=[[5, 1], [5, 1]]),
        in_predicate("claim.points"),
        "expected [[5, 2]]",
    ),
    "points-as-text": (predicate("claim", "points", to=[["5", 2]]), in_predicate("claim.points[0][0]"), "an integer"),
    "points-of-three": (predicate("claim", "points", to=[[5, 2, 1]]), in_predicate("claim.points[0]"), "expected"),
    "points-none": (predicate("claim", "points", to=[]), in_predicate("claim.points"), "expected [[5, 2]], found []"),
    "result": (predicate("proof", "result", to="refuted"), in_predicate("proof.result"), "expected proved"),
    "strategy": (
        predicate("proof", "strategy", to="sweep"),
        in_predicate("proof.strategy"),
        "expected 'decomposition', found 'sweep'",
    ),
    "strategy-unknown": (
        predicate("proof", "strategy", to="faith"),
        in_predicate("proof.strategy"),
        "expected decomp",
    ),
    "obligation-count": (
        predicate("proof", "obligations", "weight", "count", to=1),
        in_predicate("proof.obligations.weight.count"),
        "found 1",
    ),
    "obligation-count-negative": (
        predicate("proof", "obligations", "weight", "count", to=-1),
        in_predicate("proof.obligations[...].count"),
        "expected",
    ),
    "obligation-digest": (
        predicate("proof", "obligations", "relu", "sha256", to=DIGEST),
        in_predicate("proof.obligations.relu.sha256"),
        DIGEST,
    ),
    "obligation-left-out": (
        predicate("proof", "obligations", "bias", to=...),
        in_predicate("proof.obligations.bias"),
        "expected such a key",
    ),
    "obligation-invented": (
        predicate("proof", "obligations", "security", to={"count": 1, "sha256": DIGEST}),
        in_predicate("proof.obligations.security"),
        "expected no such key",
    ),
    "obligation-with-escape-codes": (
        predicate("proof", "obligations", "\x1b[2J", to={"count": 1, "sha256": DIGEST}),
        in_predicate("proof.obligations"),
        "matching regex",
    ),
    "neurons": (predicate("proof", "neurons", to=0), in_predicate("proof.neurons"), "found 0"),
    "sweep-work": (predicate("proof", "sweep", "work", to=7), in_predicate("proof.sweep.work"), "found 7"),
    "sweep-left-out": (predicate("proof", "sweep", to=None), in_predicate("proof.sweep"), "found None"),
    "sizes-base": (predicate("sizes", "base_parameters", to=1), in_predicate("sizes.base_parameters"), "found 1"),
    "sizes-target": (
        predicate("sizes", "target_parameters", to=1),
        in_predicate("sizes.target_parameters"),
        "found 1",
    ),
    "sizes-kept": (predicate("sizes", "kept", to=1), in_predicate("sizes.kept"), "found 1"),
    "sizes-bound": (predicate("sizes", "lower_bound", to=1), in_predicate("sizes.lower_bound"), "found 1"),
    "ratio": (predicate("sizes", "ratio", to="1.000"), in_predicate("sizes.ratio"), "found '1.000'"),
    "ratio-float": (None, in_predicate("sizes.ratio"), "expected an integer, found 1.5"),
    "version-empty": (predicate("versions", "certify", to=""), in_predicate("versions[...]"), "expected"),
    "version-of-two-lines": (predicate("versions", "certify", to="1\n"), in_predicate("versions[...]"), "expected"),
    "version-number": (predicate("versions", "certify", to=1), in_predicate("versions[...]"), "expected"),
    "version-of-escape-codes": (
        predicate("versions", "\x1b[2J", to="1"),
        in_predicate("versions"),
        "matching regex",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_lie(certify, name):
    said, place, says = LIES[name]
    if said is None:  # what no canonical writer writes
        text = json.dumps(predicate("sizes", "ratio", to=1.5), sort_keys=True, separators=(",", ":"))
        data = sign(text.encode(), ALICE)
    else:
        data = signed(said, ALICE)
    invalid(certify, data, place=place, says=says)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (json.dumps(statement(), sort_keys=True), "payload", "expected canonical JSON"),
        (json.dumps(statement(), separators=(",", ":"), sort_keys=True) + "\n", "payload", "expected canonical JSON"),
        (json.dumps(statement(), separators=(",", ":"), sort_keys=True)[:-1], "payload", "expected JSON"),
        (
            json.dumps(dict(reversed(statement().items())), separators=(",", ":")),
            "payload",
            "expected canonical JSON: sorted keys",
        ),
        (
            json.dumps(statement(), separators=(",", ":"), sort_keys=True).replace("tiny.json", r"\u0074iny.json"),
            "payload",
            "expected canonical JSON",
        ),
        (
            json.dumps(statement(), separators=(",", ":"), sort_keys=True).replace('{"_type"', '{"_type":"","_type"'),
            "payload._type",
            "expected every key once",
        ),
        ("[" * 100_000, "payload", "nested less deeply"),
        ("7", "payload.predicateType", "found 'None'"),
        ("", "payload", "empty"),
    ],
    ids=["spaces", "line-end", "truncated", "key-order", "escape", "duplicate-key", "deep", "number", "empty"],
)
def test_payload_in_another_form(certify, text, place, says):
    invalid(certify, sign(text.encode(), ALICE), place=place, says=says)


def test_versions_are_informative(certify):
    said = predicate("versions", to={"certify": "9.9.9", "z3": "4.0", "cvc5": "1.0"})
    ran = audited(certify, signed(said, ALICE))
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert ran.result["versions"] == dict(versions())


def test_operator_that_does_nothing_may_have_either_name(certify):
    """With δ_in = δ both quantization operators are the identity: the statement is true under either name."""
    assert audited(certify, signed(predicate("base", "quantization", to="toward_zero"), ALICE)).code == 0
