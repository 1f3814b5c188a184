"""Every rule of reading a certificate, by name: what it accepts, at its limit too, and what it refuses.

docs/reading.md is the same table in words. The tests beside this one show what each reader makes of whole
certificates; here a rule stands alone, and none without both kinds of cases.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path

import equivalences
import msgspec
import numpy as np
import pytest
from fuzz.mutations import damage, edit_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import TINY, certificate, issued, signing_key, statement, trust_line

from certify.base import copies, layout
from certify.base.law import BaseNetwork, Precision
from certify.base.mask import from_positions
from certify.certificate import (
    canonical,
    envelope,
    equivalence,
    exact_ticket,
    limits,
    mask_codec,
    parts,
    reading,
    signatures,
)
from certify.certificate import form as forms
from certify.certificate import statement as statements
from certify.certificate.canonical import canonical as written
from certify.certificate.envelope import Envelope, Signature
from certify.certificate.revocation import NOBODY
from certify.certificate.trust import Trust, parse_allowed_signers
from certify.errors import InputError
from certify.network import base64_text, json_limits, reader, strict_json
from certify.network import limits as network_limits
from certify.network.operators.form import MAX_ELEMENTS, check_elements

DOCS = Path(__file__).parents[3] / "docs" / "reading.md"
ALICE, BOB = signing_key(1), signing_key(2)
KEY_ID, GOOD = ALICE.public.key_id, certificate(ALICE)
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rule:
    """A rule's function, and calls of it: by name, what is accepted, and what is refused with which words."""

    function: object
    accepts: dict[str, tuple]
    refuses: dict[str, tuple[tuple, str]]


class _Closed(msgspec.Struct, forbid_unknown_fields=True):
    sig: str


def nested(depth):
    return b"[" * depth + b"]" * depth


def listed(values):
    return b"[" + b"0," * (values - 2) + b"0]"


def zeros(rows):
    return (bytes(rows), (rows, 4), "m")


def enclosed(**fields):
    """The good envelope with other fields."""
    return (json.dumps(json.loads(GOOD) | fields).encode(),)


def signed_by(*entries):
    payload = envelope.read(GOOD).payload
    made = [Signature(key_id, envelope.read(certificate(key)).signatures[0].value) for key_id, key in entries]
    return Envelope(payload, tuple(made)), Trust.of_key("maker", ALICE.public), AT


def mask(*positions):
    rows, columns = (np.array(axis, dtype=np.int64) for axis in zip(*positions, strict=True))
    return from_positions((4, 2), rows, columns)


def form(*path, to):
    """A ticket's statement with another value, as the form that is asked for."""
    document = node = statement()
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    return document, forms.TicketStatementForm, forms.CHOICES


@cache
def target_form():
    return strict_json.convert(statement(), forms.TicketStatementForm).predicate.target


def box(low, high):
    network = issued().subject.target
    return replace(network.input, low=(low, low), high=(high, high))


def layers(*shapes):
    """Forms of dense layers with tensors of these shapes, of which there is no data yet."""
    tensors = [{"shape": list(shape), "dtype": "int8", "data": ""} for shape in shapes]
    form = reader._Network
    layer = {"op": "dense", "precision_bits": 0, "then": []}
    return (strict_json.convert(TINY | {"layers": [layer | {"weights": tensor} for tensor in tensors]}, form).layers,)


def network(**fields):
    return copy.deepcopy(TINY) | fields, reader._Network


def many(count, *, steps=1):
    layer = TINY["layers"][1] | {"then": [{"op": "relu"}] * steps}
    return network(layers=[layer] * count)


def chain(count):
    """The first layers of TINY."""
    return reader.read_network(json.dumps(TINY | {"layers": TINY["layers"][:count]}).encode())


def kept(*bits):
    return tuple(Precision(each, each) for each in bits)


def of_copies(*widths):
    return BaseNetwork("0", widths, kept(*[2] * len(widths)), construction="theorem-2")


CONVOLUTION = reader.read_network(
    json.dumps(
        TINY
        | {
            "input": TINY["input"] | {"shape": [1, 1, 1]},
            "layers": [{"op": "conv2d", "kernel": [1, 1], "precision_bits": 0, "weights": [[1]]}],
        }
    ).encode()
)
LONG_NAME = "a" * 255
SHA = "0" * 64
BYTES, DEPTH, VALUES = limits.MAX_BYTES, json_limits.MAX_DEPTH, json_limits.MAX_VALUES


def counts(kinds):
    return {f"k{number}": {"count": 1, "sha256": SHA} for number in range(kinds)}


RULES: dict[str, Rule] = {
    # JSON.
    "something is there": Rule(
        strict_json.check_bytes, {"a digit": (b"0",)}, {"nothing": ((b"",), "found an empty file")}
    ),
    "no byte order mark": Rule(
        strict_json.check_bytes, {"none": (b'"\xef\xbb\xbf"',)}, {"one": ((b"\xef\xbb\xbf0",), "byte order mark")}
    ),
    "UTF-8": Rule(
        strict_json.decode,
        {"ASCII": (b"0",), "four bytes": ("😀".encode(),)},
        {
            "Latin-1": ((b"\xe4",), "found byte 0xe4 at 0"),
            "overlong": ((b"\xc0\x80",), "found byte 0xc0"),
            "a surrogate": ((b"\xed\xa0\x80",), "found byte 0xed"),
        },
    ),
    "depth": Rule(
        json_limits.check_limits,
        {"at the limit": (nested(DEPTH),), "brackets in a text": (b'["' + b"[" * 99 + b'\\"[["]',)},
        {
            "one beyond": ((nested(DEPTH + 1),), "at most 64 levels"),
            "objects": ((b'{"a":' * 65,), "at most 64 levels"),
            "after a text that ends in a backslash": ((b'["\\\\",' + nested(DEPTH),), "at most 64 levels"),
        },
    ),
    "values": Rule(
        json_limits.check_limits,
        {"at the limit": (listed(VALUES),), "commas in a text": (b'"' + b"," * VALUES + b'"',)},
        {"one beyond": ((listed(VALUES + 1),), f"at most {VALUES} values")},
    ),
    "one document": Rule(
        strict_json.parse,
        {"white space around": (b" 0\n",)},
        {
            "two": ((b"0 0",), "expected JSON: Extra data"),
            "half of one": ((b"[0",), "expected JSON"),
            "UTF-16": (("[0]".encode("utf-16-le"),), "expected JSON"),
        },
    ),
    "every key once": Rule(
        strict_json.parse,
        {"two objects with the same key": (b'[{"a":0},{"a":0}]',)},
        {
            "twice": ((b'{"a":0,"a":0}',), "a: expected every key once"),
            "twice, once with an escape": ((b'{"a":0,"\\u0061":0}',), "a: expected every key once"),
        },
    ),
    "no floats": Rule(
        strict_json.parse,
        {"an integer": (b"1",), "a float in a text": (b'"1.0"',)},
        {
            "1.0": ((b"1.0",), "expected an integer, found 1.0"),
            "1e3": ((b"1e3",), "expected an integer, found 1e3"),
            "NaN": ((b"NaN",), "expected an integer, found NaN"),
            "-Infinity": ((b"-Infinity",), "expected an integer, found -Inf"),
        },
    ),
    "integers in their range": Rule(
        strict_json.parse,
        {"2^53 - 1": (b"9007199254740991", strict_json.EXACT_IN_DOUBLES), "2^63 - 1": (b"9223372036854775807",)},
        {
            "2^53": (
                (b"9007199254740992", strict_json.EXACT_IN_DOUBLES),
                "expected an integer from -9007199254740991",
            ),
            "2^63": ((b"9223372036854775808",), "expected an integer from"),
            "a million digits": ((b"7" * 10**6,), "found 777777777777777777777777"),
        },
    ),
    "whole characters": Rule(
        strict_json.parse,
        {"a pair": (b'"\\ud83d\\ude00"',)},
        {"half of one": ((b'"\\ud83d"',), "half of a surrogate pair")},
    ),
    "known names and types": Rule(
        strict_json.convert,
        {"as they are": ({"sig": ""}, _Closed)},
        {
            "an unknown name": (({"sig": "", "key": ""}, _Closed), "unknown field `key`"),
            "a name that is missing": (({}, _Closed), "missing required field `sig`"),
            "another type": (({"sig": 0}, _Closed), "expected `str`, got `int`"),
        },
    ),
    "names in their own case": Rule(
        strict_json.check_case,
        {"as it is": ({"sig": ""}, _Closed), "an unknown name": ({"key": ""}, _Closed)},
        {
            "another case": (({"Sig": ""}, _Closed), "expected `sig`, found `Sig`"),
            "both": (({"sig": "", "SIG": ""}, _Closed), "expected `sig`, found `SIG`"),
            "deep inside": (({"a": [0, {"ſig": ""}]}, _Closed), "a[1]: expected `sig`"),
        },
    ),
    "canonical base64": Rule(
        base64_text.decode_base64,
        {"nothing": ("", "t"), "one byte": ("/w==", "t")},
        {
            "unused bits": (("/x==", "t"), "canonical base64"),
            "no padding": (("/w", "t"), "expected base64"),
            "URL-safe": (("_w==", "t"), "expected base64"),
            "white space": (("/w==\n", "t"), "expected base64"),
            "more after the padding": (("/w==/w==", "t"), "expected base64"),
            "not ASCII": (("ё===", "t"), "expected base64"),
        },
    ),
    # The envelope.
    "size of a certificate": Rule(
        envelope.check_size,
        {"at the limit": (bytes(BYTES),)},
        {"one beyond": ((bytes(BYTES + 1),), f"at most {BYTES} bytes")},
    ),
    "bytes besides the payload": Rule(
        envelope.check_around,
        {"at the limit": (bytes(2**16),)},
        {"one beyond": ((bytes(2**16 + 1),), "at most 65536 bytes besides the payload")},
    ),
    "an envelope's form": Rule(
        envelope.read,
        {
            "as signed": (GOOD,),
            "white space and another order": (
                json.dumps(dict(reversed(json.loads(GOOD).items())), indent=2).encode(),
            ),
            "slashes that are escaped": (GOOD.replace(b"/", b"\\/"),),
        },
        {
            "another type": (enclosed(payloadType="application/json"), "expected application/vnd.in-toto"),
            "no signature": (enclosed(signatures=[]), "length >= 1"),
            "17 signatures": (enclosed(signatures=json.loads(GOOD)["signatures"] * 17), "length <= 16"),
            "key material": (enclosed(publicKey="x"), "unknown field `publicKey`"),
            "a payload in a signature": (
                enclosed(payload="", signatures=[{"payload": json.loads(GOOD)["payload"]}]),
                "unknown field `payload`",
            ),
            "a second payload": ((GOOD.replace(b'"payloadType"', b'"payload":"","payloadType"'),), "every key once"),
        },
    ),
    "length of a signature": Rule(
        envelope.check_signature_length,
        {"64 bytes": (bytes(64), "s")},
        {"63": ((bytes(63), "s"), "found 63"), "65": ((bytes(65), "s"), "found 65")},
    ),
    "form of a key id": Rule(
        envelope.check_key_id,
        {"a fingerprint": (KEY_ID, "k")},
        {
            "42 characters": ((KEY_ID[:-1], "k"), "43 characters"),
            "44 characters": ((KEY_ID + "A", "k"), "43 characters"),
            "lower case": ((KEY_ID.replace("SHA", "sha"), "k"), "expected SHA256:"),
            "unused bits": ((f"SHA256:{'A' * 42}B", "k"), "canonical base64"),
        },
    ),
    "every key id once": Rule(
        envelope.check_key_ids_distinct,
        {"two keys": ((Signature("a", b""), Signature("b", b"")),)},
        {"one twice": (((Signature("a", b""), Signature("a", b"")),), "expected every key id once")},
    ),
    "a trusted key's signature verifies": Rule(
        signatures.check_signatures,
        {"it does": signed_by((KEY_ID, ALICE)), "nobody is trusted": signed_by((BOB.public.key_id, BOB))},
        {"somebody else's": (signed_by((KEY_ID, BOB)), "found one that does not verify")},
    ),
    "a trusted key signs under its own id": Rule(
        signatures.check_signatures,
        {"it does": signed_by((KEY_ID, ALICE), (BOB.public.key_id, BOB))},
        {"under another": (signed_by((BOB.public.key_id, ALICE)), f"expected the key id {KEY_ID}")},
    ),
    "strangers' signatures that are tried": Rule(
        signatures.check_work,
        {"at the limit": (16, 2**10, 2**20), "nobody is trusted": (16, 0, 2**27)},
        {"one beyond": ((16, 2**10, 2**20 + 1), "at most 17179869184, found 16 · 1024 · 1048577")},
    ),
    # The statement.
    "predicate type": Rule(
        statements.check_predicate_type,
        {
            "of a ticket": (written(statement()),),
            "of one of other constructions": (written(statement() | {"predicateType": forms.EXACT_TICKET_2}),),
            "of a pair": (written(equivalences.statement("equal")),),
        },
        {
            "another version": (
                (written(statement() | {"predicateType": "urn:certify:exact-ticket:v3"}),),
                "found 'urn:certify:exact-ticket:v3'",
            ),
            "none": ((b"{}",), "found 'None'"),
            "no text": ((b'{"predicateType":1}',), "found '1'"),
            "another case": ((b'{"PredicateType":""}',), "expected `predicateType`, found `PredicateType`"),
        },
    ),
    "canonical JSON": Rule(
        statements.check_canonical,
        {"as written": (statement(), written(statement()))},
        {
            "white space": (({"a": 0}, b'{"a": 0}'), "expected canonical JSON"),
            "another order": (({"a": 0, "b": 0}, b'{"b":0,"a":0}'), "expected canonical JSON"),
            "an escape that need not be": ((["ä"], b'["\\u00e4"]'), "expected canonical JSON"),
            "a line break after it": ((["a"], b'["a"]\n'), "expected canonical JSON"),
            "a long text with an escape": ((["/" * 2**21], b'["\\/' + b"/" * (2**21 - 1) + b'"]'), "canonical JSON"),
        },
    ),
    "a statement's form": Rule(
        strict_json.convert,
        {
            "as written": (statement(), forms.TicketStatementForm),
            "units at the limit": form("predicate", "base", "widths", 0, to=limits.MAX_UNITS),
            "widths at the limit": form("predicate", "base", "widths", to=[1] * 2**14),
            "masks at the limit": form("predicate", "masks", to=[statement()["predicate"]["masks"][0]] * 2**15),
            "versions at the limit": form("predicate", "versions", to={f"v{n}": "1" for n in range(64)}),
            "obligations at the limit": form("predicate", "proof", "obligations", to=counts(64)),
            "a seed at the limit": form("predicate", "base", "seed", to="s" * 2**17),
        },
        {
            "two subjects": (form("subject", to=statement()["subject"] * 2), "length <= 1"),
            "no subject": (form("subject", to=[]), "length >= 1"),
            "units beyond": (form("predicate", "base", "widths", 0, to=limits.MAX_UNITS + 1), "<= 16777216"),
            "widths beyond": (form("predicate", "base", "widths", to=[1] * (2**14 + 1)), "length <= 16384"),
            "precisions beyond": (
                form("predicate", "base", "precisions", to=[{"drawn": 1, "kept": 1}] * (2**14 + 1)),
                "length <= 16384",
            ),
            "masks beyond": (
                form("predicate", "masks", to=[statement()["predicate"]["masks"][0]] * (2**15 + 1)),
                "length <= 32768",
            ),
            "versions beyond": (form("predicate", "versions", to={f"v{n}": "1" for n in range(65)}), "length <= 64"),
            "obligations beyond": (
                form("predicate", "proof", "obligations", to=counts(65)),
                "length <= 64",
            ),
            "a seed beyond": (form("predicate", "base", "seed", to="s" * (2**17 + 1)), "length <= 131072"),
            "refuted": (form("predicate", "proof", "result", to="refuted"), "expected proved, found 'refuted'"),
            "another generator": (
                form("predicate", "base", "generator", to="mine/1"),
                "expected certify/base-network/1",
            ),
        },
    ),
    "one type for each construction": Rule(
        exact_ticket.check_construction,
        {
            "pairs in v1": ("theorem-1", forms.EXACT_TICKET, "c"),
            "copies in v2": ("theorem-2", forms.EXACT_TICKET_2, "c"),
            "binary in v2": ("binary", forms.EXACT_TICKET_2, "c"),
        },
        {
            "pairs in v2": (
                ("theorem-1", forms.EXACT_TICKET_2, "c"),
                "expected theorem-2 or binary, found 'theorem-1'",
            ),
            "copies in v1": (("theorem-2", forms.EXACT_TICKET, "c"), "expected theorem-1, found 'theorem-2'"),
            "binary in v1": (("binary", forms.EXACT_TICKET, "c"), "expected theorem-1, found 'binary'"),
        },
    ),
    "an activation that is not ReLU, by its name": Rule(
        exact_ticket.check_activation,
        {
            "the steepest": ("leaky_relu:1", forms.EXACT_TICKET_2, "c"),
            "the flattest": ("leaky_relu:31", forms.EXACT_TICKET_2, "c"),
        },
        {
            "in v1": (("leaky_relu:1", forms.EXACT_TICKET, "c"), "expected no activation but in"),
            "relu": (("relu", forms.EXACT_TICKET_2, "c"), "expected no activation where it is relu"),
            "no slope": (("leaky_relu:0", forms.EXACT_TICKET_2, "c"), "expected relu, or leaky_relu:A with A from 1"),
            "too flat": (("leaky_relu:32", forms.EXACT_TICKET_2, "c"), "found 'leaky_relu:32'"),
            "with a zero before": (("leaky_relu:01", forms.EXACT_TICKET_2, "c"), "found 'leaky_relu:01'"),
            "in capitals": (("Leaky_relu:1", forms.EXACT_TICKET_2, "c"), "found 'Leaky_relu:1'"),
        },
    ),
    "integers in their one form": Rule(
        canonical.read_integer,
        {"2^53 - 1": (2**53 - 1, "i"), "2^53": (str(2**53), "i"), "1000 digits": ("9" * 1000, "i")},
        {
            "2^53 as a number": ((2**53, "i"), "expected an integer from"),
            "1 as a text": (("1", "i"), "expected an integer from"),
            "1001 digits": (("9" * 1001, "i"), "at most 1000 digits"),
            "a zero before": ((f"0{2**53}", "i"), "expected an integer from"),
            "true": ((True, "i"), "found True"),
        },
    ),
    "a plain file name": Rule(
        parts.check_name,
        {"a name": ("tiny.json",), "255 characters": (LONG_NAME,)},
        {
            "256 characters": ((LONG_NAME + "a",), "expected a file name"),
            "a folder": (("a/b",), "expected a file name"),
            "the folder above": (("..",), "expected a file name"),
            "nothing": (("",), "expected a file name"),
            "a line break": (("a\nb",), "expected a file name"),
        },
    ),
    "size of a file inside": Rule(
        parts.read_file_bytes,
        {"at the limit": ("A" * (2**26 // 3 * 4) + "AA==", "f")},
        {"beyond": (("A" * (2**26 // 3 * 4 + 8), "f"), "at most 67108864 bytes")},
    ),
    "digest of the subject": Rule(
        parts.check_digest,
        {"of the bytes": (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "d")},
        {"of others": ((b"", SHA, "d"), "expected the digest of the target's bytes, e3b0c4")},
    ),
    "conversion as it was": Rule(
        parts.check_conversion,
        {"a network": (target_form(), issued().subject.file, "t")},
        {
            "a network that is called a model": (
                (
                    forms.TFLiteForm(
                        bytes="",
                        rule="single",
                        network_sha256=SHA,
                        starts_after="",
                        input_tensor="",
                        ends_before="",
                        output_tensor="",
                    ),
                    issued().subject.file,
                    "t",
                ),
                "t.format: expected 'certify.network/1', as read from the bytes, found 'tflite'",
            )
        },
    ),
    "a target that the construction has a network for": Rule(
        layout.check_target,
        {
            "copies of a chain": (chain(2), "theorem-2"),
            "copies of one layer": (chain(1), "theorem-2"),
            "signs of a convolution": (CONVOLUTION, "binary"),
        },
        {"copies of a convolution": ((CONVOLUTION, "theorem-2"), "copies (Theorem 2) stand for no others")},
    ),
    "one width and precision for each layer": Rule(
        exact_ticket.check_one_for_each,
        {"as many": (2, 2, "w")},
        {"more": ((3, 2, "w"), "expected 2"), "fewer": ((1, 2, "w"), "expected 2")},
    ),
    "kept no finer than drawn": Rule(
        exact_ticket.check_kept,
        {"as fine": (3, 3, "p")},
        {"finer": ((3, 4, "p"), "expected kept ≤ drawn")},
    ),
    "δ fine enough": Rule(
        layout.check_precisions,
        {
            "pairs at the limit": (chain(2), kept(1, 1)),
            "copies at the limit": (chain(2), kept(1, 2), "theorem-2"),
            "copies of finer weights": (chain(2), kept(2, 3), "theorem-2"),
            "signs": (chain(2), kept(0, 0), "binary"),
        },
        {
            "pairs too coarse": ((chain(2), kept(1, 0)), "at least 1 bits, found 0: δ_t ≥ δ² fails"),
            "copies whose pair is too coarse": ((chain(2), kept(0, 2), "theorem-2"), "δ_t ≥ δ² fails"),
            "copies too coarse": ((chain(2), kept(1, 1), "theorem-2"), "at least 2 bits, found 1: δ_t ≥ δ fails"),
            "signs of some bits": ((chain(2), kept(0, 1), "binary"), "expected a base precision of 0 bits"),
        },
    ),
    "copies of a whole layer": Rule(
        copies.of_layers,
        {"one": (chain(2), of_copies(9, 2)), "three": (chain(2), of_copies(9, 6)), "none": (chain(1), of_copies(9))},
        {
            "a copy short of a neuron": ((chain(2), of_copies(9, 5)), "expected a multiple of 2, the neurons"),
            "no whole copy": ((chain(2), of_copies(9, 1)), "widths[1]: expected a multiple of 2"),
        },
    ),
    "copies and their lines": Rule(
        exact_ticket.check_columns,
        {"at the limit": (2**22, "w")},
        {"one beyond": ((2**22 + 1, "w"), "at most 4194304 copies and their constant lines, found 4194305")},
    ),
    "grown blocks in order": Rule(
        exact_ticket.check_order,
        {"in order": (mask((0, 0), (1, 1)), 4, 0), "a new group": (mask((0, 1), (2, 0)), 2, 0)},
        {"another order": ((mask((0, 1), (1, 0)), 4, 0), "in the order of their inputs")},
    ),
    "the last unit is kept": Rule(
        exact_ticket.check_last,
        {"it is": (mask((0, 0), (3, 1)), 4, 0, "grown")},
        {"it is not": ((mask((0, 0), (2, 1)), 4, 0, "grown"), "3 units up to the last kept one, found 4")},
    ),
    "fixed blocks": Rule(
        exact_ticket.check_fixed,
        {"two of two": (mask((1, 0), (2, 1)), 4, 0, 2)},
        {
            "another width": ((mask((1, 0)), 4, 0, 3), "expected 2 blocks of 3 units, found 4 units"),
            "another's input": ((mask((1, 1)), 4, 0, 2), "each for one input"),
        },
    ),
    "one mask for each matrix": Rule(
        parts.check_mask_count,
        {"as many": (4, 4, "m")},
        {"more": ((5, 4, "m"), "expected 4 masks, found 5"), "fewer": ((0, 4, "m"), "expected 4 masks, found 0")},
    ),
    "rows and kept weights": Rule(
        parts.check_mask_numbers,
        {"at the limit": (2**24,)},
        {"one beyond": ((2**24 + 1,), "at most 16777216 rows and kept weights")},
    ),
    "digest of a mask": Rule(
        parts.read_masks,
        {"of its bytes": ([forms.MaskForm(**parts.write_mask(mask((0, 0))))], [(4, 2)], "m")},
        {"of others": (([forms.MaskForm("AA==", SHA)], [(1, 2)], "m"), "m[0].sha256: expected the digest")},
    ),
    "a mask's numbers": Rule(
        mask_codec.decode,
        {
            "rows without edges": zeros(3),
            "the last column": (b"\1\4", (1, 4), "m"),
            "two bytes": (b"\1\x80\1", (1, 128), "m"),
        },
        {
            "cut off": ((b"\x80", (1, 4), "m"), "expected the last number to end"),
            "2^63": ((b"\x80" * 9 + b"\1", (1, 4), "m"), "below 2^63"),
            "longer than it need be": ((b"\1\x81\0", (1, 4), "m"), "shortest form"),
            "a gap of 0": ((b"\1\0", (1, 4), "m"), "expected gaps from 1"),
            "a column past the end": ((b"\2\4\1", (1, 4), "m"), "expected columns below 4"),
            "more kept than columns": ((b"\5\1\1\1\1\1", (1, 4), "m"), "at most 4 kept columns"),
            "a row missing": ((b"\0", (2, 4), "m"), "expected 2 rows"),
            "a row too many": ((b"\0\0", (1, 4), "m"), "1 more numbers"),
            "more columns than 2^31": ((b"", (0, 2**31), "m"), "at most 2147483647 columns"),
        },
    ),
    "bound of a relation": Rule(
        equivalence.check_bound,
        {"0": ("within", 0, "b"), "none": ("equal", None, "b")},
        {
            "below 0": (("within", -1, "b"), "expected 0 or more"),
            "none of within": (("within", None, "b"), "expected an integer"),
            "of argmax": (("argmax", 0, "b"), "argmax has no bound"),
        },
    ),
    "a box with points": Rule(
        equivalence.check_not_empty, {"one point": ([1], [1])}, {"none": (([2], [1]), "low ≤ high, found 2 > 1")}
    ),
    "a box inside each file's": Rule(
        equivalence.check_inside,
        {"the whole": (box(-2, 2), box(-2, 2)), "a part": (box(0, 0), box(-2, 2))},
        {
            "below": ((box(-3, 2), box(-2, 2)), "expected -2 or more for input 0"),
            "above": ((box(-2, 3), box(-2, 2)), "expected 2 or less for input 0"),
        },
    ),
    "the whole box of a pruned base": Rule(
        equivalence.check_whole,
        {"the whole": (box(-2, 2), box(-2, 2))},
        {"a part": ((box(-2, 1), box(-2, 2)), "found a part of it")},
    ),
    # The networks in it.
    "format of a network": Rule(
        reader.check_format,
        {"this one": (TINY,)},
        {
            "another version": ((TINY | {"format": "certify.network/2"},), "found 'certify.network/2'"),
            "none": (({},), "found no such key"),
            "no object": (([],), "expected an object"),
        },
    ),
    "features of an input": Rule(
        reader.check_features,
        {"2^22 in any file": ([2**22], 0), "2^24 in a file as long": ([2**24], 2**24)},
        {
            "2^22 + 1 in a short file": (([2**22 + 1], 99), "or one per byte"),
            "2^24 + 1": (([2**24 + 1], 2**26), "at most 16777216 features"),
        },
    ),
    "layers and steps": Rule(
        strict_json.convert,
        {"layers at the limit": many(2**14), "steps at the limit": many(1, steps=2**10)},
        {
            "layers beyond": (many(2**14 + 1), "length <= 16384"),
            "steps beyond": (many(1, steps=2**10 + 1), "length <= 1024"),
        },
    ),
    "elements of a layer": Rule(
        check_elements,
        {"at the limit": ((MAX_ELEMENTS,), "l")},
        {"one beyond": (((MAX_ELEMENTS + 1,), "l"), "at most 16777216 elements in a layer")},
    ),
    "elements of all layers": Rule(
        reader.check_elements_in_all,
        {"at the limit": (2**26, "l")},
        {"one beyond": ((2**26 + 1, "l"), "at most 67108864 elements in all layers")},
    ),
    "weights of all layers": Rule(
        reader.check_weights,
        {"at the limit": layers((2**12, 2**11), (2**12, 2**11))},
        {"one beyond": (layers((2**14, 2**10), (1, 1)), "layers[1].weights: expected at most 16777216 weights")},
    ),
}

ACCEPTED = [pytest.param(rule, case, id=f"{rule}-{case}") for rule in RULES for case in RULES[rule].accepts]
REFUSED = [pytest.param(rule, case, id=f"{rule}-{case}") for rule in RULES for case in RULES[rule].refuses]


@pytest.mark.parametrize(("rule", "case"), ACCEPTED)
def test_accepted(rule, case):
    RULES[rule].function(*RULES[rule].accepts[case])


@pytest.mark.parametrize(("rule", "case"), REFUSED)
def test_refused(rule, case):
    arguments, words = RULES[rule].refuses[case]
    with pytest.raises(InputError, match=re.escape(words)):
        RULES[rule].function(*arguments)


def documented():
    """Name and function of every rule in the table of the docs."""
    return dict(re.findall(r"^\| ([^|]+?) \| `([a-z_0-9.]+)` \|", DOCS.read_text(), flags=re.MULTILINE))


def test_every_rule_of_the_docs_has_cases_of_both_kinds():
    assert list(documented()) == list(RULES)
    assert all(rule.accepts and rule.refuses for rule in RULES.values())


@pytest.mark.parametrize("rule", RULES)
def test_the_docs_name_the_function(rule):
    module, _, name = documented()[rule].rpartition(".")
    assert getattr(import_module(f"certify.{module}"), name) is RULES[rule].function


LIMITS = {**vars(limits), **vars(network_limits), **vars(json_limits)}


def test_the_docs_have_every_limit():
    """In a table of names and values, each of them what the program has."""
    found = re.findall(r"^\| `(MAX_[A-Z_]+)` \| ([0-9^,]+) \|", DOCS.read_text(), flags=re.MULTILINE)
    said = {name: eval(value.replace(",", "").replace("^", "**")) for name, value in found}
    assert said == {name: value for name, value in LIMITS.items() if name.startswith("MAX_")}


def test_what_a_payload_says_is_read_before_many_keys_are_tried(monkeypatch):
    """Strangers' signatures may be tried with many keys, over a payload that is junk."""
    monkeypatch.setattr(signatures, "check_strangers", None)
    junk = signatures.sign(b"{}", BOB)
    with pytest.raises(InputError, match=r"payload\.predicateType: expected"):
        reading.read(junk, TRUST, AT, NOBODY)


# Nothing else escapes.

SEEDS = [GOOD, equivalences.certificate("within", ALICE), equivalences.certificate("pruned", ALICE)]
TRUST = parse_allowed_signers(trust_line(ALICE).encode())
MANY = settings(
    max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example]
)


def read(data):
    said = "nothing"
    try:
        reading.read(data, TRUST, AT, NOBODY)
    except InputError as error:
        said = str(error)
    assert 0 < len(said) < 10_000


@MANY
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_an_input_error(data):
    read(data)
    read(GOOD[:12] + data + GOOD[12:])


@MANY
@given(st.sampled_from(SEEDS), st.sampled_from([damage, edit_json]), st.randoms(use_true_random=False))
def test_changed_certificates_are_read_or_an_input_error(seed, mutate, rng):
    read(mutate(seed, rng))


@MANY
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_changed_payloads_are_read_or_an_input_error(seed, rng):
    """Signed again, so that the statement is reached."""
    read(signatures.sign(edit_json(envelope.read(seed).payload, rng), ALICE))
