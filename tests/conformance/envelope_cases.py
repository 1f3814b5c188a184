"""Envelopes: the payload's type, who signed under which id, base64, and what else stands in it."""

from __future__ import annotations

import json
from typing import Any

from conformance import making
from conformance.case import Case, invalid, untrusted
from conformance.making import ALICE, BOB, entry, envelope, pae, signature, signature_of, signed
from program import b64, signing_key, trust_line

from certify.certificate.envelope import PAYLOAD_TYPE
from certify.issue import Options

BOTH = trust_line(ALICE).encode() + trust_line(BOB, "bob").encode()


def cases() -> list[Case]:
    """Return them all."""
    return [*_types(), *_signed_otherwise(), *_lists(), *_key_ids(), *_base64(), *_fields(), *_payloads()]


def _types() -> list[Case]:
    """Another type than in-toto's, signed as it stands there."""
    others = {
        "json": ("application/json", "another type could give the same bytes another meaning"),
        "in_capitals": ("Application/vnd.in-toto+JSON", "the type is compared byte by byte"),
        "with_a_parameter": (f"{PAYLOAD_TYPE}; charset=utf-8", "the type is compared byte by byte"),
        "with_a_space": (f"{PAYLOAD_TYPE} ", "the type is compared byte by byte"),
        "of_a_link": ("application/vnd.in-toto.link+json", "it is another document of in-toto"),
        "empty": ("", "a type is part of what is signed"),
    }
    payload = making.small_payload()
    made = [
        invalid(
            f"payload_type_{name}",
            f"the payload's type is {kind!r}, and signed: {why}.",
            envelope(payload, [signature_of(pae(payload, kind))], payloadType=kind),
            "payloadType",
        )
        for name, (kind, why) in others.items()
    ]
    missing = json.loads(signed(payload))
    del missing["payloadType"]
    return [
        *made,
        invalid(
            "payload_type_confused",
            "the envelope says in-toto, the signature is for application/json: a type is signed with its payload.",
            envelope(payload, [signature_of(pae(payload, "application/json"))]),
            "signatures[0]",
        ),
        invalid(
            "payload_type_exchanged",
            "signed as in-toto, and the envelope says application/json.",
            envelope(payload, [signature(payload)], payloadType="application/json"),
            "payloadType",
        ),
        invalid("payload_type_missing", "an envelope has a type.", json.dumps(missing).encode(), ""),
        invalid(
            "payload_type_null",
            "a type is text.",
            envelope(payload, [signature(payload)], payloadType=None),
            "payloadType",
        ),
    ]


def _signed_otherwise() -> list[Case]:
    """Signatures of something else than DSSE's encoding of type and payload."""
    payload = making.small_payload()
    kind = PAYLOAD_TYPE.encode()
    others = {
        "the_payload_alone": (payload, "DSSE signs the type too"),
        "the_payload_in_base64": (pae(b64(payload).encode()), "DSSE signs the payload's bytes, not their base64"),
        "lengths_in_hexadecimal": (
            b"DSSEv1 %x %b %x %b" % (len(kind), kind, len(payload), payload),
            "DSSE writes lengths in decimal",
        ),
        "no_lengths": (
            b"DSSEv1 %b %b" % (kind, payload),
            "without lengths, type and payload could be divided elsewhere",
        ),
        "dsse_v2": (b"DSSEv2" + pae(payload)[6:], "there is no such version"),
        "the_payload_with_a_line_end": (pae(payload + b"\n"), "not a byte more is signed than there is"),
    }
    return [
        invalid(
            f"signed_{name}",
            f"the signature is right, but not for DSSE's encoding of this type and payload: {why}.",
            envelope(payload, [signature_of(message)]),
            "signatures[0]",
        )
        for name, (message, why) in others.items()
    ]


def _lists() -> list[Case]:
    payload = making.small_payload()
    mine, bobs = signature(payload), signature(payload, BOB)
    broken = entry(making.flipped(ALICE.private.sign(pae(payload))))
    others = [signature(payload, signing_key(number)) for number in range(20, 36)]
    return [
        invalid("signatures_none", "an envelope has a signature.", envelope(payload, []), "signatures"),
        invalid("signatures_null", "signatures are a list.", envelope(payload, None), "signatures"),
        invalid("signatures_an_object", "signatures are a list.", envelope(payload, mine), "signatures"),
        invalid("signatures_nested", "a signature is an object.", envelope(payload, [[mine]]), "signatures[0]"),
        invalid(
            "signatures_17",
            "seventeen signatures, the last by a trusted key: sixteen is the most that anybody looks at.",
            envelope(payload, [*others, mine]),
            "signatures",
        ),
        invalid(
            "signatures_the_same_twice",
            "one signature, twice: a key counts once.",
            envelope(payload, [mine, mine]),
            "signatures[1].keyid",
        ),
        invalid(
            "signatures_one_key_under_two_ids",
            "the trusted key's signature again under a stranger's id: a key would count twice.",
            envelope(payload, [mine, mine | {"keyid": BOB.public.key_id}]),
            "signatures[1].keyid",
        ),
        invalid(
            "signatures_two_keys_under_one_id",
            "a key id names one key.",
            envelope(payload, [mine, bobs | {"keyid": ALICE.public.key_id}]),
            "signatures[1].keyid",
        ),
        invalid(
            "signatures_trusted_and_broken",
            "one good signature does not excuse another trusted key's that does not verify.",
            envelope(payload, [mine, entry(making.flipped(BOB.private.sign(pae(payload))), BOB.public.key_id)]),
            "signatures[1]",
            BOTH,
        ),
        invalid(
            "signatures_broken_and_unknown",
            "the trusted key's signature does not verify, and a stranger's does.",
            envelope(payload, [broken, bobs]),
            "signatures[0]",
        ),
        invalid(
            "signatures_exchanged",
            "two trusted keys' signatures, each under the other's id.",
            envelope(payload, [mine | {"keyid": BOB.public.key_id}, bobs | {"keyid": ALICE.public.key_id}]),
            "signatures[0]",
            BOTH,
        ),
        untrusted("signer_unknown", "a true certificate, and nobody trusted signed it.", signed(payload, BOB)),
        untrusted("signers_unknown", "sixteen signatures, none by a trusted key.", envelope(payload, others)),
    ]


def _key_ids() -> list[Case]:
    payload = making.small_payload()
    true_id = ALICE.public.key_id
    place = "signatures[0].keyid"
    return [
        invalid(
            "key_id_of_another_key",
            "the trusted key's signature under the id of another key, which the auditor does not know.",
            envelope(payload, [signature(payload, keyid=BOB.public.key_id)]),
            place,
        ),
        invalid(
            "key_id_of_another_trusted_key",
            "the signature is one trusted key's, the id another's.",
            envelope(payload, [signature(payload, keyid=BOB.public.key_id)]),
            "signatures[0]",
            BOTH,
        ),
        invalid(
            "key_id_of_the_trusted_key",
            "a stranger's signature under the trusted key's id.",
            envelope(payload, [signature(payload, BOB, keyid=true_id)]),
            "signatures[0]",
        ),
        *(
            invalid(f"key_id_{name}", f"{why}.", envelope(payload, [signature(payload, keyid=keyid)]), place)
            for name, why, keyid in (
                ("empty", "DSSE lets a key id be left out, certify does not", ""),
                ("truncated", "a fingerprint has 43 characters of base64", true_id[:-1]),
                ("padded", "a fingerprint is written without padding", f"{true_id}="),
                (
                    "not_canonical",
                    "the unused bits of a fingerprint's last character are 0",
                    _next_character(true_id),
                ),
                ("in_lower_case", "base64 has capitals", true_id.lower()),
                ("in_hexadecimal", "a key id is OpenSSH's fingerprint", ALICE.public.raw.hex()),
                ("md5", "a key id is SHA-256", "MD5:" + ":".join(["00"] * 16)),
                ("with_a_space", "nothing is trimmed", f" {true_id}"),
            )
        ),
    ]


def _next_character(text: str) -> str:
    """The same bytes, in base64 that no encoder writes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def _base64() -> list[Case]:
    """The payload's base64, or the signature's, in a form that some decoders read and one encoder writes."""
    payload = making.small_payload()
    good, name = json.loads(signed(payload)), signature(payload)["sig"]
    assert set("+/") & set(name)
    forms = {
        "line_breaks": ("in lines as in MIME", "\n".join(name[at : at + 64] for at in range(0, len(name), 64))),
        "url_safe": ("in the alphabet for URLs", name.translate(str.maketrans("+/", "-_"))),
        "no_padding": ("without its padding", name.rstrip("=")),
        "more_padding": ("with padding that is not needed", f"{name}===="),
        "unused_bits": ("with unused bits that are not 0", _next_character(name.rstrip("=")) + "=="),
        "white_space": ("with a space at its end", f"{name} "),
        "foreign_character": ("with a character that some decoders pass over", f"{name[:8]}*{name[8:]}"),
        "hexadecimal": ("in hexadecimal", ALICE.private.sign(pae(payload)).hex()),
    }
    made = [
        invalid(
            f"signature_base64_{form}",
            f"the signature's base64 is {how}: one string of bytes has one form.",
            json.dumps(good | {"signatures": [signature(payload) | {"sig": text}]}).encode(),
            "signatures[0].sig",
        )
        for form, (how, text) in forms.items()
    ]
    return made + _payloads_base64(good)


def _payloads_base64(good: Any) -> list[Case]:
    # Nothing looks at white space inside a payload's JSON, so its end can be shaped until base64 has unused bits.
    text = good["payload"]
    padded = b64(making.small_payload() + b"  ")
    padded = padded if padded.endswith("=") else b64(making.small_payload() + b"   ")
    forms = {
        "line_breaks": ("in lines as in MIME", "\n".join(text[at : at + 76] for at in range(0, len(text), 76))),
        "line_end": ("with a line end", f"{text}\n"),
        "more_padding": ("with padding that is not needed", f"{text}===="),
        "no_padding": ("without its padding", padded.rstrip("=")),
        "unused_bits": ("with unused bits that are not 0", _with_unused_bits(padded)),
        "not_base64": ("none: it is the payload itself", making.small_payload().decode()),
    }
    return [
        invalid(
            f"payload_base64_{form}",
            f"the payload's base64 is {how}: one string of bytes has one form.",
            json.dumps(good | {"payload": changed}).encode(),
            "payload",
        )
        for form, (how, changed) in forms.items()
    ]


def _with_unused_bits(text: str) -> str:
    bare = text.rstrip("=")
    return _next_character(bare) + "=" * (len(text) - len(bare))


def _fields() -> list[Case]:
    payload = making.small_payload()
    good = json.loads(signed(payload))
    return [
        invalid(
            "key_inside_the_envelope",
            "a key comes with the certificate: no key is ever taken from one.",
            envelope(payload, [signature(payload, BOB)], publicKey=BOB.public.openssh()),
            "",
        ),
        invalid(
            "key_inside_the_signature",
            "a key comes with the signature: no key is ever taken from one.",
            envelope(payload, [signature(payload, BOB) | {"publicKey": BOB.public.openssh()}]),
            "signatures[0]",
        ),
        invalid(
            "envelope_unknown_field",
            "an unknown field could be a restriction.",
            envelope(payload, [signature(payload)], expires=0),
            "",
        ),
        invalid(
            "signature_unknown_field",
            "an unknown field of a signature could be a restriction.",
            envelope(payload, [signature(payload) | {"cert": ""}]),
            "signatures[0]",
        ),
        invalid("envelope_an_array", "an envelope is an object.", json.dumps([good]).encode(), ""),
        invalid("envelope_text", "an envelope is an object.", json.dumps(json.dumps(good)).encode(), ""),
        invalid("envelope_null", "an envelope is an object.", b"null", ""),
        invalid("envelope_empty_object", "an envelope has a payload.", b"{}", ""),
        invalid("envelope_is_the_statement", "a statement that nobody signed.", payload, ""),
        invalid(
            "envelope_within_an_envelope",
            "an envelope is signed as the payload of another: what it says is no statement.",
            signed(signed(payload)),
            "payload.predicateType",
        ),
        invalid(
            "payload_an_object",
            "a payload is base64 text, not JSON.",
            json.dumps(good | {"payload": json.loads(payload)}).encode(),
            "payload",
        ),
    ]


def _payloads() -> list[Case]:
    payload = making.small_payload()
    mine = [signature(payload)]
    place = "signatures[0]"
    return [
        invalid(
            "payload_bit_flipped",
            "the payload is not what was signed.",
            envelope(making.flipped(payload), mine),
            place,
        ),
        invalid("payload_truncated", "the payload is not what was signed.", envelope(payload[:-1], mine), place),
        invalid(
            "payload_with_a_line_end", "the payload is not what was signed.", envelope(payload + b"\n", mine), place
        ),
        invalid(
            "payload_of_another_certificate",
            "the payload of another true certificate under this one's signature.",
            envelope(making.payload_for(making.IDENTITY, Options("1")), mine),
            place,
        ),
        invalid("payload_removed", "the payload is empty, the signature another's.", envelope(b"", mine), place),
        invalid("payload_empty", "an empty payload, signed: it is no statement.", signed(b""), "payload"),
    ]
