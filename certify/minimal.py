"""The audit of a certificate in one file: Python's standard library, `cryptography`, and nothing else of this house.

A sceptic's first reading, and a second implementation that the full audit is held against. It is written from
docs/formats.md and docs/proof.md, and runs alone wherever it is copied (`--any-signer` asks for no signature):

    python minimal.py CERT... --trust allowed_signers

A certificate says that base ⊙ mask, a pruned random network, equals a target on every point of the target's input
box: Theorem 1 of Kumar and Natale, arXiv:2508.11020; of a binary one (v2) all weights are ±1, and s is 1. Checked are
the conditions of docs/proof.md, s = δ_t/δ² = 2^r:
0. Shape: the ticket is derived from target, widths and precisions; no shape, step or constant of it is read.
1. Independence: every hidden unit keeps one input at most. On an input x it carries σ(u·x), and by
2. Lemma 5 that is u·p for u ≥ 0 and |u|·q for u < 0, with p = σ(x) and q = σ(-x).
3. For every pair of output and input, and both halves: Σ v·u = s·w and Σ v·|u| = -s·w, over the weights v and u that
   the masks keep of what the seed's generator draws. Both sides are linear in p or q, so integers are enough.
   A half that is 0 on the whole box needs no identity. Of constant lines: Σ v·σ(u·c) = s·bias, for every output.
4. No vacuity: every box has low ≤ high.
5. Boxes: the next layer's is interval arithmetic over mapped end points, in Python integers, for target and ticket.
   That rescaled steps are the same function of a value in between too is argued in docs/proof.md, "The ticket".
So accumulators are equal times s, and outputs, layer by layer. An identity that fails refutes nothing. Then, and for
two networks without a ticket (`urn:certify:equivalence:v1`), all points of the grid decide, if they are `--points` or
fewer.

Checked besides: envelope and signatures against an allowed_signers file, digests, the claim, sizes with Theorem 3's
bound, and of the proof what follows from the rest: how many obligations of which kinds, whether the grid was swept.
Not checked: that z3 refuted them, the digests of their text, what merging asked (docs/merging.md), versions. Not
covered (exit 3): copies (Theorem 2), TFLite, ONNX, convolutions, graphs, thresholds, tables, pruned bases,
equivalence on large grids.

Exit codes: 0 proved, equal on the whole box, trusted · 1 refuted, or an invalid certificate · 2 unreadable ·
3 undecided, no trusted signature, less than equality on the whole box, or not covered. 1 outweighs 2, 2 outweighs 3.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import itertools
import json
import math
import re
import struct
import sys
from collections import Counter, namedtuple
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, localcontext
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# A line for every kind of JSON object, with its keys, `?` after one that may be missing, and what they hold: another
# kind, a range of integers, a pattern of text, any; with * a list of it, with % an object of any names.
GRAMMAR = r"""
text (?s:.*)
sha [0-9a-f]{64}
filename (?!\.\.?$)[^/\\:"]{1,255}
version [0-9A-Za-z.+!-]{1,64}
decimal (0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
envelope payload=text payloadType=application/vnd\.in-toto\+json signatures=signature*
signature keyid=SHA256:[A-Za-z0-9+/]{43} sig=text
statement _type=https://in-toto\.io/Statement/v1 subject=subject* predicateType=text predicate=any
subject name=filename digest=digest
digest sha256=sha
urn:certify:exact-ticket:v1 target=any base=base masks=mask* claim=any proof=proof sizes=any versions=version%
base generator=certify/base-network/1 seed=text construction=theorem-1 blocks=any widths=1..2147483647* \
  precisions=precision* quantization=floor|toward_zero kept_sha256=sha
urn:certify:exact-ticket:v2 target=any base=second masks=mask* claim=any proof=proof sizes=any versions=version%
second generator=certify/base-network/1 seed=text construction=theorem-1|theorem-2|binary blocks=any \
  widths=1..2147483647* precisions=precision* quantization=floor|toward_zero kept_sha256=sha activation?=leaky
leaky leaky_relu:([1-9]|[12][0-9]|3[01])
precision drawn=0..30 kept=0..30
mask data=text sha256=sha
proof result=proved strategy=strategy obligations=count% sweep=any neurons=0..
strategy decomposition|sweep|merging|congruence
count count=0.. sha256=sha
urn:certify:equivalence:v1 left=any right=any claim=claim proof=equality versions=version%
claim relation=equal|within|argmax bound=any low=any high=any points=any
equality result=proved strategy=strategy obligations=count% sweep=any maximum=any rlimit=1..4294967295
file format=text bytes=text name?=filename
network format=certify\.network/1 name?=text input=input layers=any* output?=display
input shape=1..* low=any high=any precision_bits=0..60 scale?=decimal zero_point?=..
display scale?=decimal zero_point?=..
tensor shape=0..268435456* dtype=u?int(8|16|32)|int64 data=text
dense op=text name?=text precision_bits=0..60 weights=any bias?=any constants?=any then?=any*
plain op=text
leaky_relu op=text negative_shift=1..31
offset op=text value=..
clamp op=text low=.. high=..
requantize op=text shift=0..1024 rounding=floor|half_up|half_even|half_away|toward_zero zero_point?=..
multiply op=text multiplier=any shift=any rule=single|double|float32 zero_point?=.. precision_bits?=0..60
"""
LINES = [line.split() for line in GRAMMAR.replace("\\\n", "").strip().split("\n")]
FORMS = {name: {key: form for key, _, form in (part.partition("=") for part in parts)} for name, *parts in LINES}
EXACT, INT64 = 2**53 - 1, 2**63  # integers are below the first in statements, and within the second in targets
MOST_BYTES, MOST_WORK, MOST_FINER, MOST_BITS, MOST_WEIGHTS, MOST_LAYERS = 2**27, 2**32, 2048, 8192, 2**24, 2**10
ALWAYS_SWEPT, SWEPT = 2**20, 2**34  # points times multiplications: up to the first always, above the second never
TYPE, KEY_START = b"application/vnd.in-toto+json", b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
DTYPES = {"int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint8": "B", "uint16": "H", "uint32": "I"}
OTHERS = "conv2d add matmul max_pool sum_pool average_pool softmax reshape flatten transpose pad slice concatenate"
OTHERS += " gather thresholds table tflite onnx pruned-base"
# What every step makes of an integer x that is finer than the step's own numbers by 2^f.
ON_STEP: dict[str, Callable[[int, int, Any], int]] = {
    "relu": lambda x, f, step: max(x, 0),
    "leaky_relu": lambda x, f, step: max(x, x << step["negative_shift"]),
    "offset": lambda x, f, step: x + (step["value"] << f),
    "clamp": lambda x, f, step: min(max(x, step["low"] << f), step["high"] << f),
    "step": lambda x, f, step: int(x >= 0),
    "sign": lambda x, f, step: 1 if x >= 0 else -1,
    "requantize": lambda x, f, step: divided(x, step["shift"] + f, step["rounding"]),
    "round_significant": lambda x, f, step: significant(x >> f),
    "multiply": lambda x, f, step: multiplied(x >> f, step),
}
RELU: Any = (("relu", {}),)
KEEP_SCALE, OWN_SCALE = ("relu", "leaky_relu", "offset", "clamp"), ("round_significant", "multiply")
# Of the rows, one for each output, (input, weight); offsets are biases, and what constants add; width with constants.
Layer = namedtuple("Layer", "rows offsets steps finer bits width stored")
Network = namedtuple("Network", "shape low high bits output_bits layers")


class AuditError(Exception):
    def __init__(self, place: str, reason: str, code: int = 1) -> None:
        super().__init__(f"{place}: {reason}")
        self.code = code


def need(holds: object, place: str, reason: str, code: int = 1) -> Any:
    """Go on where it holds; else the audit ends with this exit code."""
    if not holds:
        raise AuditError(place, reason, code)


def parse(data: bytes, place: str, most: int, code: int = 1) -> Any:
    """Return a JSON document that means one thing: UTF-8, no key twice, no floats, no integer beyond `most`."""

    def integer(text: str) -> int:
        need(len(text) <= 20 and -most <= int(text) <= min(most, INT64 - 1), place, f"found the integer {text[:24]}")
        return int(text)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(items)) == len(items), place, "expected every key once, found one twice")
        return dict(items)

    def other(text: str) -> None:
        need(False, place, f"expected an integer, found {text[:24]}")

    others: Any = {"parse_float": other, "parse_constant": other}
    try:
        document = json.loads(data.decode(), parse_int=integer, object_pairs_hook=pairs, **others)
        halves = re.search("[\ud800-\udfff]", json.dumps(document, ensure_ascii=False))
    except (ValueError, RecursionError) as error:
        raise AuditError(place, f"expected JSON in UTF-8: {error}", code) from None
    need(not halves, place, "expected text, found half of a surrogate pair")
    return document


def fit(value: Any, form: str, place: str) -> Any:
    """Return a JSON value that has a form of the grammar."""
    limits = re.fullmatch(r"(-?\d*)\.\.(\d*)", form)
    if form[-1] == "*":
        need(type(value) is list, place, "expected a list")
        [fit(item, form[:-1], f"{place}[{index}]") for index, item in enumerate(value)]
    elif form[-1] == "%":
        named = type(value) is dict and all(re.fullmatch("[0-9A-Za-z_-]{1,64}", key) for key in value)
        need(named, place, "expected an object of plain names")
        [fit(item, form[:-1], f"{place}[...]") for item in value.values()]
    elif "" in FORMS.get(form, {}).values():  # a name for a pattern
        fit(value, next(iter(FORMS[form])), place)
    elif form in FORMS:
        known = {key.rstrip("?"): inner for key, inner in FORMS[form].items()}
        need(type(value) is dict and value.keys() <= known.keys(), place, f"expected no keys but {', '.join(known)}")
        missing = [key for key in FORMS[form] if key[-1] != "?" and key not in value]
        need(not missing, place, f"expected {' and '.join(missing)} too")
        [fit(item, known[key], f"{place}.{key}") for key, item in value.items()]
    elif limits:
        low, high = int(limits[1] or -INT64), int(limits[2] or INT64)
        need(type(value) is int and low <= value <= high, place, f"expected an integer from {low} to {high}")
    elif form != "any":
        need(type(value) is str and re.fullmatch(form, value), place, f"expected {form}, found {str(value)[:40]!r}")
    return value


def same(said: Any, follows: Any, place: str) -> None:
    """Hold what is said against what follows, as JSON, in which true is not 1."""
    one, other = (json.dumps(value, sort_keys=True) for value in (said, follows))
    need(one == other, place, f"expected {other[:160]}, found {one[:160]}")


def decode(text: str, place: str) -> bytes:
    """Return the bytes of base64 in its one form."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    need(base64.b64encode(data).decode() == text, place, "expected canonical base64")
    return data


def read_key(text: str, place: str) -> tuple[str, bytes]:
    """Return id and 32 bytes of an OpenSSH Ed25519 key that is canonical, on the curve, and not of small order.

    On -x² + y² = 1 + d·x²·y² a point's double has y' = (y² + x²) / (2 + x² - y²); 8 times a small one has x = 0.
    """
    blob, prime = decode(text, place), 2**255 - 19
    need(blob.startswith(KEY_START) and len(blob) == 51, place, "expected an Ed25519 key as OpenSSH writes it")
    y, d = int.from_bytes(blob[19:], "little") % 2**255, -121665 * pow(121666, -1, prime)
    need(y < prime, place, "expected a key in its canonical encoding")
    for _ in range(4):
        x_squared = (y * y - 1) * pow(d * y * y + 1, -1, prime) % prime
        need(pow(x_squared, (prime - 1) // 2, prime) == 1, place, "expected a point on the curve, not of small order")
        y = (y * y + x_squared) * pow(2 + x_squared - y * y, -1, prime) % prime
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("="), blob[19:]


def moment(text: str) -> datetime:
    """Return YYYYMMDD[HHMM[SS]][Z]; without Z in local time."""
    found = datetime.strptime(f"{text.rstrip('Z'):0<14}+0000", "%Y%m%d%H%M%S%z")
    return found if text.endswith("Z") else found.replace(tzinfo=None).astimezone()


def read_trust(data: bytes) -> dict[str, Any]:
    """Return (key, principals, valid after, valid before) by key id of an allowed_signers file.

    Lines for other namespaces are passed over; of all others everything has to be understood, and patterns are not.
    """
    limit = '="[0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?Z?"'
    option = rf'(?:(?i:namespaces)="[^"*?!]+"|(?i:valid-(?:after|before)){limit})'
    form = rf'("[^"!]+"|[^\s"!]+)[ \t]+(?:({option}(?:,{option})*)[ \t]+)?(\S+)[ \t]+(\S+)(?:[ \t].*)?'
    trust: dict[str, Any] = {}
    for index, line in enumerate(map(str.strip, data.decode().split("\n")), 1):
        match, place = re.fullmatch(form, line), f"line {index}"
        name, said, kind, encoded = match.groups("") if match else ("", "", "", "")
        listed = [(key.lower(), value) for key, value in re.findall('([A-Za-z-]+)="([^"]*)"', said)]
        options = dict(listed)
        need(len(options) == len(listed), place, "expected every option once", 2)
        if line[:1] in ("", "#") or "certify" not in options.get("namespaces", "certify").split(","):
            continue
        understood = kind == "ssh-ed25519" and name.isprintable()
        need(understood, place, "expected NAME [namespaces, valid-after, valid-before] ssh-ed25519 KEY")
        key_id, raw = read_key(encoded, place)
        after_, before = (moment(options[end]) if end in options else None for end in ("valid-after", "valid-before"))
        need(after_ is None or before is None or after_ < before, place, "expected valid-before after valid-after")
        need(key_id not in trust, place, "expected every key once")
        trust[key_id] = (raw, name, after_, before)
    return trust


def open_envelope(data: bytes, trust: dict[str, Any] | None, at: datetime) -> tuple[bytes, bool, str]:
    """Return the payload, whether a trusted key signed it in its time (or none is asked for), and which."""
    document = fit(parse(data, "envelope", EXACT, 2), "envelope", "envelope")
    payload, listed = decode(document["payload"], "payload"), document["signatures"]
    signatures = {item["keyid"]: decode(item["sig"], "signatures") for item in listed}
    whole = all(len(value) == 64 and decode(f"{key_id[7:]}=", "signatures") for key_id, value in signatures.items())
    need(whole and 0 < len(signatures) == len(listed) <= 16, "signatures", "expected 1 to 16, of distinct key ids")
    signed = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(payload), payload)
    trusted, signer = False, "unknown signer"
    for (key_id, value), (own_id, key) in itertools.product(signatures.items(), (trust or {}).items()):
        raw, name, start, end = key
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(value, signed)
        except InvalidSignature:
            need(own_id != key_id, "signatures", f"expected a signature by {key_id}, found one that does not verify")
            continue
        need(own_id == key_id, "signatures", f"expected the key id {own_id} of the key that signed, found {key_id}")
        if not trusted:
            trusted = (start is None or start <= at) and (end is None or at <= end)
            signer = f"{'signed' if trusted else 'not signed in time'} by {key_id} ({name})"
    return (payload, trusted, signer) if trust is not None else (payload, True, "signatures unchecked")


def kind_of(raw: Any, field: str, covered: str, place: str) -> str:
    """Return what an object says that it is; what the formats know and this file does not is not covered."""
    name = raw.get(field) if type(raw) is dict else None
    need(name not in OTHERS.split(), place, f"not covered: {name}", 3)
    need(name in covered.split(), f"{place}.{field}", f"expected one of {covered}")
    return str(name)


def tensor(value: Any, dimensions: int, place: str) -> list[Any]:
    """Return a list of integers, or of lists of them: written so, or as base64."""
    if type(value) is dict:
        fit(value, "tensor", place)
        shape, raw, code = value["shape"], decode(value["data"], place), DTYPES[value["dtype"]]
        size = math.prod(shape)
        need(size <= MOST_WEIGHTS, place, f"not covered: more than {MOST_WEIGHTS} integers", 3)
        whole = len(shape) == dimensions and len(raw) == size * struct.calcsize(f"<{code}")
        need(whole, place, "expected as many bytes as the shape has")
        value = list(struct.unpack(f"<{size}{code}", raw))
        if dimensions == 2:
            value = [value[at : at + shape[1]] for at in range(0, len(value), max(1, shape[1]))]
    rows = value if dimensions == 2 else [value]
    listed = type(value) is list and all(type(row) is list and all(type(x) is int for x in row) for row in rows)
    need(listed, place, "expected lists of integers")
    return list(value)


def vector(value: Any, length: int, low: int, high: int, place: str) -> list[int]:
    """Return so many integers from low to high; one stands for all."""
    found = [value] * length if type(value) is int else tensor(value, 1, place)
    fits = len(found) == length and low <= min(found) <= max(found) <= high
    need(fits, place, f"expected {length} integers from {low} to {high}")
    return found


def read_network(raw: Any, place: str) -> Network:
    """Return the network of a file in a statement."""
    kind_of(raw, "format", "certify.network/1", place)
    data, place = decode(fit(raw, "file", place)["bytes"], place), f"{place}.bytes"
    document = fit(parse(data, place, INT64), "network", place)
    box, layers = document["input"], list[Layer]()
    shape, inputs, bits = box["shape"], math.prod(box["shape"]), box["precision_bits"]
    fits = 1 <= len(shape) <= 8 and inputs <= min(2**24, max(2**22, len(data)))
    need(fits and document["layers"], place, "expected 1 to 8 dimensions of 2^24 features at most, and a layer")
    need(len(document["layers"]) <= MOST_LAYERS, place, f"not covered: more than {MOST_LAYERS} layers", 3)
    ends = (box["low"], box["high"])
    flat = (end | {"shape": [inputs]} if type(end) is dict and end.get("shape") == shape else end for end in ends)
    low, high = (vector(end, inputs, -INT64, INT64, f"{place}.input") for end in flat)
    need(all(a <= b for a, b in zip(low, high, strict=True)), f"{place}.input", "expected low ≤ high")
    for index, own in enumerate(document["layers"]):
        layers.append(read_layer(own, inputs, f"{place}.layers[{index}]"))
        inputs, bits = len(layers[-1].rows), bits + layers[-1].bits
        for name, step in layers[-1].steps[0]:
            left = {"step": 0, "sign": 0, "multiply": step.get("precision_bits", 0)}
            bits += step.get("negative_shift", 0) - (step["shift"] if name == "requantize" else 0)
            bits = left.get(name, bits)
    return Network(shape, low, high, box["precision_bits"], bits, layers)


def read_layer(raw: Any, inputs: int, place: str) -> Layer:
    """Return a dense layer that reads so many inputs."""
    kind_of(raw, "op", "dense", place)
    need("inputs" not in raw, place, "not covered: layers that name their inputs", 3)
    bits, constants = fit(raw, "dense", place)["precision_bits"], tensor(raw.get("constants", []), 1, place)
    weights, width = tensor(raw["weights"], 2, f"{place}.weights"), inputs + len(constants)
    need(len(weights) * width <= MOST_WEIGHTS, place, f"not covered: more than {MOST_WEIGHTS} weights", 3)
    whole = weights and all(len(row) == width and max(map(abs, row)) <= 1 << bits for row in weights)
    need(whole, f"{place}.weights", f"expected rows of {width} integers of 2^{bits} at most")
    bias = tensor(raw.get("bias", [0] * len(weights)), 1, f"{place}.bias")
    need(len(bias) == len(weights), f"{place}.bias", f"expected {len(weights)} integers")
    offsets = [b + sum(w * c for w, c in zip(row[inputs:], constants)) for b, row in zip(bias, weights)]
    rows = [[(at, w) for at, w in enumerate(row[:inputs]) if w] for row in weights]
    then = raw.get("then", [])
    need(len(then) * len(rows) <= MOST_WEIGHTS, place, f"not covered: more than {MOST_WEIGHTS} steps of outputs", 3)
    steps = [read_step(step, len(rows), f"{place}.then[{at}]") for at, step in enumerate(then)]
    stored = sum(w != 0 for row in weights for w in row)
    return Layer(rows, offsets, list(zip(*steps)) or [()] * len(rows), 0, bits, width, stored)


def read_step(raw: Any, outputs: int, place: str) -> list[tuple[str, Any]]:
    """Return name and fields of a step, once for each output."""
    name = kind_of(raw, "op", " ".join(ON_STEP.keys() - {"multiply"}), place)
    name = "multiply" if name == "requantize" and "multiplier" in raw else name
    fit(raw, name if name in FORMS else "plain", place)
    need(name != "clamp" or raw["low"] <= raw["high"], place, "expected low ≤ high")
    if name != "multiply":
        return [(name, raw)] * outputs
    each = vector(raw["multiplier"], outputs, 1, 2**31 - 1, place), vector(raw["shift"], outputs, -31, 1024, place)
    return [(name, raw | {"multiplier": factor, "shift": shift}) for factor, shift in zip(*each)]


def divided(x: int, shift: int, rounding: str) -> int:
    """Return x / 2^shift as an integer."""
    down, twice, one = x >> shift, 2 * (x % (1 << shift)), 1 << shift
    tie = {"half_up": True, "half_even": down % 2 == 1, "half_away": x >= 0}
    if rounding in tie:
        return down + (twice > one or (twice == one and tie[rounding]))
    return down + (rounding == "toward_zero" and twice > 0 > x)


def significant(x: int) -> int:
    """Return x rounded half-even to a float's 24 significant bits."""
    excess = max(x.bit_length() - 24, 0)
    return divided(x, excess, "half_even") << excess


def multiplied(x: int, step: Any) -> int:
    """Return x · multiplier / 2^(31 + shift) as an integer, by the step's rule."""
    factor, shift = step["multiplier"], step["shift"]
    if step["rule"] == "single":
        return divided(x * factor, 31 + shift, "half_up")
    if step["rule"] == "double":
        return divided(divided((x << max(-shift, 0)) * factor, 31, "half_up"), max(shift, 0), "half_up")
    return divided(significant(significant(x) * factor), 31 + shift, "half_even")


def after(steps: Any, x: int, finer: int = 0) -> tuple[int, int]:
    """Return what steps make of an integer finer than theirs by 2^finer, and how much finer the result is."""
    for name, step in steps:
        x = ON_STEP[name](x, finer, step) + step.get("zero_point", 0)
        finer = finer if name in KEEP_SCALE else 0
    return x, finer


def philox(key: Any, c0: int, c1: int, c2: int, c3: int) -> tuple[int, ...]:
    """Return a block of Philox4x64-10 (Salmon, Moraes, Dror and Shaw, SC 2011)."""
    (k0, k1), low = key, 2**64 - 1
    for _ in range(10):
        one, two = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = two >> 64 ^ c1 ^ k0, two & low, one >> 64 ^ c3 ^ k1, one & low
        k0, k1 = k0 + 0x9E3779B97F4A7C15 & low, k1 + 0xBB67AE8584CAA73B & low
    return c0, c1, c2, c3


def draw(
    key: Any, matrix: int, row: int, columns: list[int], precision: Any, way: str, signs: bool = False
) -> list[tuple[int, int]]:
    """Return the base network's weights at some columns of a row, with them."""
    blocks = {block: philox(key, block, row, matrix, 0) for block in {column // 4 for column in columns}}
    if signs:
        return [(at, (blocks[at // 4][at % 4] >> 63) * 2 - 1) for at in columns]
    bits, shift = precision["drawn"], precision["drawn"] - precision["kept"]
    drawn = [(at, (blocks[at // 4][at % 4] * (2 ** (bits + 1) + 1) >> 64) - 2**bits) for at in columns]
    return [(at, w >> shift if way == "floor" or w >= 0 else -(-w >> shift)) for at, w in drawn]


def read_mask(said: Any, rows: int, columns: int, place: str) -> list[list[int]]:
    """Return the kept columns of every row: their number, then their gaps, in the shortest LEB128."""
    data = decode(said["data"], place)
    same(said["sha256"], hashlib.sha256(data).hexdigest(), f"{place}.sha256")
    kept: list[list[int]] = []
    parts = re.findall(rb"[\x80-\xff]{1,8}[\x01-\x7f]|[\x00-\x7f]", data)
    need(b"".join(parts) == data, place, "expected numbers below 2^63 in their shortest form")
    need(len(parts) <= MOST_WEIGHTS, place, f"not covered: more than {MOST_WEIGHTS} numbers", 3)
    numbers = iter([sum((byte & 127) << 7 * at for at, byte in enumerate(part)) for part in parts])
    while len(kept) < rows:
        gaps = list(itertools.islice(numbers, count := next(numbers, columns + 1)))
        kept.append([column - 1 for column in itertools.accumulate(gaps)])
        whole = len(gaps) == count <= columns and 0 not in gaps and (not gaps or kept[-1][-1] < columns)
        need(whole, place, f"expected as many rising columns below {columns} as row {len(kept) - 1} says")
    need(next(numbers, None) is None, place, f"expected the end after {rows} rows")
    return kept


def check_blocks(first: list[list[int]], columns: int, blocks: Any, place: str) -> None:
    """Hold against the first mask of a pair how the statement says that units were shared out among inputs."""
    units = [(unit, column) for unit, row in enumerate(first) for column in row]
    if type(blocks) is int:
        right = len(first) == max(1, columns * blocks) and all(at == unit // blocks for unit, at in units)
    else:
        rising = blocks == "shared" or all(a[1] <= b[1] for a, b in itertools.pairwise(units))
        right = blocks in ("grown", "shared") and rising and len(first) == (units[-1][0] + 1 if units else 1)
    need(right, place, f"expected blocks as said, {blocks}, with the last unit kept or all of one size")


def derive(target: Network, said: Any, place: str) -> tuple[list[Layer], bool, str]:
    """Return the ticket (condition 0) of what the generator draws and masks keep, whether 1 holds, and a digest."""
    base, ticket, finer, inputs, alone = said["base"], list[Layer](), 0, len(target.low), True
    count, signs = len(target.layers), base["construction"] == "binary"
    need(base["construction"] != "theorem-2", place, "not covered: copies (Theorem 2)", 3)
    need("activation" not in base, place, "not covered: another activation than ReLU", 3)
    need(len(base["widths"]) == len(base["precisions"]) == count, f"{place}.base", f"expected {count} of everything")
    need(len(said["masks"]) == 2 * count, f"{place}.masks", f"expected {2 * count} masks")
    digest = hashlib.sha256()
    key = struct.unpack("<QQ", hashlib.sha256(f"certify/base-network/1\n{base['seed']}".encode()).digest()[:16])
    for layer, width, precision in zip(target.layers, base["widths"], base["precisions"]):
        bits, radix, largest = precision["kept"], max(layer.bits, 1), max(map(abs, layer.offsets))
        fine = precision["drawn"] == 0 if signs else layer.bits <= 2 * bits <= 2 * precision["drawn"]
        need(fine and bits <= precision["drawn"], f"{place}.base.precisions", "expected δ_t ≥ δ² ≥ δ_in², or signs")
        lines, halves, reach = list[int](), list[Any](), 0
        while reach < largest:  # the digits of the largest bias, each of up to 2^k
            reach += 1 << layer.bits + radix * len(lines)
            lines.append(1 << radix * len(lines) + finer)
        for rows, columns in ((width, inputs + len(lines)), (len(layer.rows), width)):
            at = len(ticket) + len(halves)
            kept = read_mask(said["masks"][at], rows, columns, f"{place}.masks[{at}]")
            way = base["quantization"]
            halves.append([draw(key, at, row, own, precision, way, signs) for row, own in enumerate(kept)])
            digest.update(b"".join(struct.pack("<i", w) for row in halves[-1] for _, w in row))
        first, second = halves
        columns = inputs + len(lines)
        check_blocks([[at for at, _ in row] for row in first], columns, base["blocks"], f"{place}.base.blocks")
        alone = alone and max(map(len, first)) <= 1
        offsets = [sum(u * lines[at - inputs] for at, u in row if at >= inputs) for row in first]
        fed = [[(at, u) for at, u in row if at < inputs] for row in first]
        ticket.append(Layer(fed, offsets, [RELU] * width, finer, bits, columns, sum(map(len, first))))
        finer, inputs = finer + (0 if signs else 2 * bits - layer.bits), len(second)
        ticket.append(Layer(second, [0] * inputs, layer.steps, finer, bits, width, sum(map(len, second))))
        finer = after(layer.steps[0], 0, finer)[1]
        need(finer <= MOST_FINER, f"{place}.base", f"expected a ticket finer by {MOST_FINER} bits at most")
    return ticket, alone, digest.hexdigest()


def identities(target: Network, ticket: list[Layer], alone: bool) -> tuple[dict[str, int], str]:
    """Return the number of obligations by kind, and the first that fails: conditions 1, 3 and 5."""
    low, high, counts = target.low, target.high, dict.fromkeys(("bias", "range", "relu", "steps", "weight"), 0)
    failed = ""
    for index, (layer, hidden, output) in enumerate(zip(target.layers, ticket[::2], ticket[1::2])):
        boxes = [(a << hidden.finer, b << hidden.finer) for a, b in zip(low, high)]
        counts["range"] += len(set(boxes))
        counts["relu"] += len({(u, *boxes[at]) for row in hidden.rows for at, u in row})
        counts["bias"] += len(layer.rows)
        for j, row in enumerate(output.rows):
            halves, constant, weights = Counter[Any](), 0, dict(layer.rows[j])
            for unit, v in row:
                constant += v * max(hidden.offsets[unit], 0)
                for at, u in hidden.rows[unit]:
                    halves[at, u < 0] += v * abs(u)
            if constant != layer.offsets[j] << output.finer:
                failed = failed or f"layers[{index}].bias[{j}] · 2^{output.finer} is not {constant}"
            for at, w in ((at, weights.get(at, 0)) for at in range(len(low))):
                for half, own, top in (((at, False), w, high[at]), ((at, True), -w, -low[at])):
                    counts["weight"] += half in halves or top > 0
                    if top > 0 and halves[half] != own << output.finer - hidden.finer:
                        finer = output.finer - hidden.finer
                        failed = failed or f"layers[{index}].weights[{j}][{at}] · 2^{finer} is not ±{halves[half]}"
        parts: set[str] = set()
        for own in layer.steps:  # one for all outputs that are alike, two where a multiplier or a rounding comes in
            cut = next((at for at, (name, _) in enumerate(own) if name in OWN_SCALE), None)
            parts |= {json.dumps(part) for part in ([own] if cut is None else [[0, own[:cut]], [1, own[cut:]]])}
        counts["steps"] += len(parts)
        sums = list(zip(layer.offsets, layer.rows, layer.steps))
        ends = [o + sum(w * (low if w > 0 else high)[at] for at, w in row) for o, row, _ in sums]
        ends += [o + sum(w * (high if w > 0 else low)[at] for at, w in row) for o, row, _ in sums]
        mapped = [after(own, x)[0] for own, x in zip(layer.steps * 2, ends)]
        theirs = [after(own, x << output.finer, output.finer) for own, x in zip(layer.steps * 2, ends)]
        if any(x << finer != y for x, (y, finer) in zip(mapped, theirs)):
            failed = failed or f"layers[{index}]: target and ticket map the box differently"
        if not alone or max(map(int.bit_length, ends)) + output.finer > MOST_BITS:
            return {}, "a unit keeps several inputs, or numbers are too long"
        low, high = mapped[: len(sums)], mapped[len(sums) :]
    return counts, failed


def run(layers: list[Layer], columns: list[Any]) -> list[list[int]]:
    """Return every output at some points, from every input at those points; steps run once for each number met."""
    for layer in layers:
        made = []
        for row, offset, own in zip(layer.rows, layer.offsets, layer.steps):
            sums = [offset] * len(columns[0])
            for at, weight in row:
                sums = [x + weight * y for x, y in zip(sums, columns[at])]
            values = {x: after(own, x, layer.finer)[0] for x in set(sums)}
            made.append([values[x] for x in sums])
        columns = made
    return columns


def walk(box: Any, sides: Any, most: int, unable: str, holds: Callable[..., bool]) -> tuple[Any, int]:
    """Return the first point of a box on which outputs fail, with both, if any, and the largest difference met.

    Args:
        box: low and high.
        sides: of both networks the layers, and by how many bits outputs are shifted to the common scale.
        most: how many points a grid may have.
        unable: what to say of larger ones.
        holds: tells whether a relation does, from both outputs and that difference.
    """
    count, layers = math.prod(b - a + 1 for a, b in zip(*box)), [layer for side, _ in sides for layer in side]
    cost = count * sum(len(row) + len(own) + 1 for net in layers for row, own in zip(net.rows, net.steps))
    need(count <= most and cost <= MOST_WORK, "payload.predicate", f"{unable} of {count} points (--points)", 3)
    points, largest = itertools.product(*(range(a, b + 1) for a, b in zip(*box))), 0
    while block := list(itertools.islice(points, 4096)):
        inputs = list(zip(*block))
        ours, theirs = ([[x << bits for x in own] for own in run(layers, inputs)] for layers, bits in sides)
        if ours != theirs:
            for point, a, b in zip(block, zip(*ours), zip(*theirs)):
                largest = max(largest, *(abs(x - y) for x, y in zip(a, b)))
                if not holds(a, b, largest):
                    return f"at {list(point)} the first gives {list(a)}, the other {list(b)}", largest
    return None, largest


def same_winner(a: Any, b: Any, _largest: int) -> bool:
    return bool(a.index(max(a)) == b.index(max(b)))


def number(value: int) -> int | str:
    """Return an integer as statements have it."""
    return value if abs(value) <= EXACT else str(value)


def described(low: list[int], high: list[int]) -> dict[str, Any]:
    """Return a box and the number of its points as claims have them."""
    ends = ([number(end[0])] if len(set(end)) == 1 else list(map(number, end)) for end in (low, high))
    low_, high_ = (end[0] if len(end) == 1 else end for end in ends)
    factors = sorted(Counter(b - a + 1 for a, b in zip(low, high)).items())
    return {"low": low_, "high": high_, "points": [[number(size), times] for size, times in factors]}


def check_sweep(proof: Any, work: int, place: str) -> None:
    """Hold against points times multiplications what is said of a sweep, which small grids are decided by."""
    swept, strategies = proof["sweep"] is not None, ["sweep", "decomposition"] + ["merging"] * (work > ALWAYS_SWEPT)
    need(proof["strategy"] in strategies, f"{place}.strategy", f"expected one of {', '.join(strategies)}")
    need(swept or strategies[2:], f"{place}.sweep", f"expected a sweep of so little, {work}")
    need(swept or proof["strategy"] != "sweep", f"{place}.sweep", "expected the sweep that proves it")
    same(proof["sweep"], {"work": number(work)} if swept and work <= SWEPT else None, f"{place}.sweep")


def exact_ticket(said: Any, target: Network, most: int, place: str) -> tuple[int, str]:
    """Decide whether a ticket is its target, and hold all that is said of both against what follows."""
    (ticket, alone, digest), layers, proof = derive(target, said, place), target.layers, said["proof"]
    same(said["base"]["kept_sha256"], digest, f"{place}.base.kept_sha256")
    same(said["claim"], {"relation": "equal"} | described(target.low, target.high), f"{place}.claim")
    same(said["sizes"], sizes(layers, ticket), f"{place}.sizes")
    counts, failed = identities(target, ticket, alone)
    points = math.prod(b - a + 1 for a, b in zip(target.low, target.high))
    work, how = points * max(1, sum(layer.stored for layer in (*layers, *ticket))), "by its identities"
    if failed:
        sides = (layers, after(layers[-1].steps[0], 0, ticket[-1].finer)[1]), (ticket, 0)
        unable = f"undecided: {failed}, and too large is a grid"
        witness, _ = walk((target.low, target.high), sides, most, unable, lambda a, b, largest: not largest)
        if witness:
            return 1, f"refuted: {witness}"
        how = f"on all {points} points"
    place = f"{place}.proof"
    check_sweep(proof, work, place)
    neurons = 0 if failed else sum(min(10, len(layer.rows)) for layer in layers)
    same(proof["neurons"], neurons, f"{place}.neurons")
    decomposed = proof["strategy"] == "decomposition"
    need(decomposed == (not failed), f"{place}.strategy", f"expected what proves it {how}")
    if proof["strategy"] != "merging":
        same({kind: own["count"] for kind, own in proof["obligations"].items()}, counts, f"{place}.obligations")
    return 0, f"proved: equal {how}"


def sizes(layers: list[Layer], ticket: list[Layer]) -> dict[str, Any]:
    """Return how large a ticket is. Theorem 3: 2^p ≥ Π |S_δ|^n over layers of n weights, |S_δ| = 2^(k+1) + 1.

    A product of odd numbers is no power of two, and sixty digits tell its logarithm from an integer.
    """
    target, base = (sum(len(layer.rows) * layer.width for layer in side) for side in (layers, ticket))
    with localcontext() as context:
        context.prec = 60
        powers = [len(own.rows) * own.width * Decimal(2 ** (own.bits + 1) + 1).ln() for own in layers]
        bound = int((sum(powers, Decimal(0)) / Decimal(2).ln()).to_integral_value(ROUND_CEILING))
    found = {"target_parameters": target, "base_parameters": base, "kept": sum(layer.stored for layer in ticket)}
    return found | {"lower_bound": bound, "ratio": f"{base // bound}.{base * 1000 // bound % 1000:03d}"}


def equivalence(said: Any, left: Network, most: int, place: str) -> tuple[int, str]:
    """Decide a relation between two networks on all points of the claim's box."""
    right, claim, proof = read_network(said["right"], f"{place}.right"), said["claim"], said["proof"]
    need(said["right"].get("name", "\n").isprintable(), f"{place}.right.name", "expected printable text")
    alike = [(net.shape, net.bits, len(net.layers[-1].rows)) for net in (left, right)]
    need(alike[0] == alike[1], f"{place}.right", "expected the left one's shape, precision bits and outputs")
    relation, within = claim["relation"], claim["relation"] == "within"
    try:
        bound, maximum = (int(value) if within else 0 for value in (claim["bound"], proof["maximum"]))
        ends = [end if type(end) is list else [end] * len(left.low) for end in (claim["low"], claim["high"])]
        low, high = (list(map(int, end)) for end in ends)
    except (TypeError, ValueError):
        raise AuditError(f"{place}.claim", "expected integers") from None
    need(len(low) == len(high) == len(left.low) and bound >= 0, f"{place}.claim", f"expected {len(left.low)} inputs")
    boxes = zip(left.low, right.low, low, high, left.high, right.high)
    inside = all(max(a, b) <= c <= d <= min(e, f) for a, b, c, d, e, f in boxes)
    need(inside, f"{place}.claim", "expected a box in those of both networks")
    said_bound = {"relation": relation, "bound": number(bound) if within else None}
    same(claim, said_bound | described(low, high), f"{place}.claim")
    points = math.prod(b - a + 1 for a, b in zip(low, high))
    work = points * max(1, sum(layer.stored for layer in left.layers + right.layers))
    common = max(left.output_bits, right.output_bits)
    sides = [(net.layers, common - net.output_bits) for net in (left, right)]
    holds = same_winner if relation == "argmax" else lambda a, b, largest: largest <= bound
    witness, largest = walk((low, high), sides, most, "not covered: equivalence on a grid", holds)
    if witness:
        return 1, f"refuted: {witness}"
    check_sweep(proof, work, f"{place}.proof")
    least = largest if within else 0
    exact = maximum == least if proof["strategy"] == "sweep" else maximum >= least
    need(exact, f"{place}.proof.maximum", f"found a difference of {largest}")
    same(proof["maximum"], number(maximum) if within else None, f"{place}.proof.maximum")
    whole = relation == "equal" and all((low, high) == (net.low, net.high) for net in (left, right))
    return 0 if whole else 3, f"proved: {relation} on {points} points" + ("" if whole else ", less than all equal")


def audit(data: bytes, trust: dict[str, Any] | None, at: datetime, most: int) -> tuple[int, str]:
    """Return the exit code and, in a line, what was found of a certificate's bytes.

    Raises:
        AuditError: they are no certificate, an invalid one, or one that is not covered.
    """
    need(len(data) <= MOST_BYTES, "envelope", f"expected {MOST_BYTES} bytes at most", 2)
    payload, trusted, signer = open_envelope(data, trust, at)
    document, place = parse(payload, "payload", EXACT), "payload.predicate"
    written = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    need(written == payload, "payload", "expected canonical JSON")
    kind = kind_of(document, "predicateType", " ".join(name for name in FORMS if name.startswith("urn")), "payload")
    fit(document, "statement", "payload")
    said, subject = fit(document["predicate"], kind, place), document["subject"]
    need(len(subject) == 1 and subject[0]["name"].isprintable(), "payload.subject", "expected one, of printable name")
    first = kind.endswith("v2") and said["base"]["construction"] == "theorem-1" and "activation" not in said["base"]
    need(not first, f"{place}.base.construction", "expected theorem-2 or binary, or an activation")
    side, decide = ("target", exact_ticket) if "target" in said else ("left", equivalence)
    network = read_network(said[side], f"{place}.{side}")
    need("name" not in said[side], f"{place}.{side}", "expected no name")
    digest = hashlib.sha256(decode(said[side]["bytes"], place)).hexdigest()
    same(subject[0]["digest"]["sha256"], digest, "payload.subject[0].digest.sha256")
    code, found = decide(said, network, most, place)
    return code if trusted else 3, f"{found}; {signer}"


def main(arguments: list[str] | None = None) -> int:
    """Audit the certificates that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(prog="minimal", description="Audit certificates, a second time.")
    parser.add_argument("certificates", metavar="CERT", nargs="+", type=Path)
    keys = parser.add_mutually_exclusive_group(required=True)
    keys.add_argument("--trust", type=Path, metavar="FILE", help="trusted keys, as in OpenSSH's allowed_signers")
    keys.add_argument("--any-signer", action="store_true", help="check no signature: ask for the proof alone")
    parser.add_argument("--at", metavar="TIME", help="judge keys at this moment (ISO 8601, UTC without a zone)")
    parser.add_argument("--points", type=int, default=2**16, help="walk grids of so many points (2^16)")
    asked, trust, codes = parser.parse_args(arguments), None, list[int]()
    try:
        at = datetime.fromisoformat(asked.at) if asked.at else datetime.now(UTC)
        trust = None if asked.any_signer else read_trust(read(asked.trust))
    except (AuditError, OSError, OverflowError, ValueError) as error:
        return say(2, f"{asked.trust or '--at'}: {error}")
    for path in asked.certificates:
        try:
            code, found = audit(read(path), trust, at if at.tzinfo else at.replace(tzinfo=UTC), asked.points)
        except AuditError as error:
            code, found = error.code, str(error)
        except Exception as error:  # noqa: BLE001 - whatever the bytes are, no traceback, and no 0
            code, found = 2, f"not read: {type(error).__name__}: {error}"
        codes.append(say(code, f"{path}: {found}"))
    return min(codes, key=(1, 2, 3, 0).index)


def read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def say(code: int, line: str) -> int:
    """Write a line that no terminal takes for more than text, of what holds to stdout, and return the code."""
    plain = line.isprintable() and (code != 0 or line.isascii())
    (sys.stderr if code else sys.stdout).write(f"{line if plain else ascii(line)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
