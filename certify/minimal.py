"""The audit of a certificate in one file: Python's standard library, `cryptography`, and nothing else of this project.

A sceptic's first reading, and a second implementation that the full audit is held against. It is written from
docs/formats.md and docs/proof.md, and copied anywhere it runs alone (`--any-signer` asks for the proof without trust):

    python minimal.py CERT... --trust allowed_signers

A certificate says that base ⊙ mask, a pruned random network, equals a target on every point of the target's input box:
Theorem 1 of Kumar and Natale, arXiv:2508.11020. Checked are conditions 0 to 5 of docs/proof.md, with s = δ_t/δ² = 2^r:
0. Shape: the ticket is derived from target, widths and precisions; no shape, step or constant of it is read.
1. Independence: every hidden unit keeps one input at most. On an input x it carries σ(u·x), and by
2. Lemma 5 that is u·p for u ≥ 0 and |u|·q for u < 0, with p = σ(x) and q = σ(-x).
3. For every pair of output and input, and both halves: Σ v·u = s·w and Σ v·|u| = -s·w, over the weights v and u that the
   masks keep of what the seed's generator draws. Both sides are linear in p or q, so equal integers make equal functions.
   A half that is 0 on the whole box needs no identity. Of constant lines: Σ v·σ(u·c) = s·bias, for every output.
4. No vacuity: every box has low ≤ high.
5. Boxes: the next layer's is interval arithmetic over mapped end points, in Python integers, for target and ticket. That
   rescaled steps are the same function of a value in between too is argued in docs/proof.md, "The ticket".
So accumulators are equal times s, and outputs, layer by layer. An identity that fails refutes nothing. Then, and for two
networks without a ticket (`urn:certify:equivalence:v1`), all points of the grid decide, if they are `--points` or fewer.

Checked besides: envelope and signatures against an allowed_signers file, digests, the claim, sizes with Theorem 3's bound,
and of the proof what follows from the rest: how many obligations of which kinds, and whether the grid was swept. Not
checked: that z3 refuted them, the digests of their text, what merging asked (docs/merging.md), versions. Not covered
(exit 3): TFLite, ONNX, convolutions and graphs, thresholds and tables, pruned bases, equivalence on large grids.

Exit codes: 0 proved, equal on the whole box, trusted · 1 refuted, or an invalid certificate · 2 unreadable · 3 undecided, no
trusted signature, less than equality on the whole box, or not covered. Of several, 1 outweighs 2, and 2 outweighs 3.
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
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, localcontext
from pathlib import Path
from typing import Any, TextIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TYPE, KEY_START = b"application/vnd.in-toto+json", b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
MOST_BYTES, MOST_WORK, MOST_FINER, MOST_BITS = 2**27, 2**32, 2048, 8192
ALWAYS_SWEPT, SWEPT = 2**20, 2**34  # points times multiplications: up to the first always, above the second never
# What JSON has to look like (`fit`): exact keys, `?` for one that may be missing; ranges; patterns; anything.
INT64, DOUBLE, NATURAL, BITS, ANY, TEXT = (
    range(-(2**63), 2**63),
    range(1 - 2**53, 2**53),
    range(2**53),
    range(61),
    object,
    "(?s:.*)",
)
SHA, NAME, FILE = {"sha256": "[0-9a-f]{64}"}, "[0-9A-Za-z_-]{1,64}", r'(?!\.\.?$)[^/\\:"]{1,255}'
VERSIONS, PRECISION = (NAME, "[0-9A-Za-z.+!-]{1,64}"), {"drawn": range(31), "kept": range(31)}
BASE = {
    "generator": "certify/base-network/1",
    "seed": TEXT,
    "construction": "theorem-1",
    "blocks": ANY,
    "widths": [range(1, 2**31)],
}
BASE |= {"precisions": [PRECISION], "quantization": "floor|toward_zero", "kept_sha256": SHA["sha256"]}
PROOF = {
    "result": "proved",
    "strategy": "decomposition|sweep|merging|congruence",
    "obligations": (NAME, {"count": NATURAL} | SHA),
    "sweep": ANY,
}
TICKET = {
    "target": ANY,
    "base": BASE,
    "masks": [{"data": TEXT} | SHA],
    "claim": ANY,
    "sizes": ANY,
    "versions": VERSIONS,
}
CLAIM = {"relation": "equal|within|argmax", "bound": ANY, "low": ANY, "high": ANY, "points": ANY}
PREDICATES = {
    "urn:certify:exact-ticket:v1": TICKET | {"proof": PROOF | {"neurons": NATURAL}},
    "urn:certify:equivalence:v1": {"left": ANY, "right": ANY, "claim": CLAIM, "versions": VERSIONS}
    | {"proof": PROOF | {"maximum": ANY, "rlimit": range(1, 2**32)}},
}
DISPLAY, DTYPES = (
    {"scale?": TEXT, "zero_point?": INT64},
    dict(zip("int8 int16 int32 int64 uint8 uint16 uint32".split(), "bhiqBHI")),
)
BOX = {"shape": [range(1, 2**63)], "low": ANY, "high": ANY, "precision_bits": BITS} | DISPLAY
NETWORK = {"format": "certify.network/1", "name?": TEXT, "input": BOX, "layers": [ANY], "output?": DISPLAY}
DENSE = {
    "op": TEXT,
    "name?": TEXT,
    "precision_bits": BITS,
    "weights": ANY,
    "bias?": ANY,
    "constants?": ANY,
    "then?": [ANY],
}
FORMS: dict[str, Any] = {
    "dense": DENSE,
    "relu": {},
    "step": {},
    "sign": {},
    "round_significant": {},
    "offset": {"value": INT64},
}
FORMS |= {
    "clamp": {"low": INT64, "high": INT64},
    "multiply": {"multiplier": ANY, "shift": ANY, "rule": "single|double|float32"},
}
FORMS |= {"requantize": {"shift": range(1025), "rounding": "floor|half_up|half_even|half_away|toward_zero"}}
FORMS["requantize"]["zero_point?"] = FORMS["multiply"]["zero_point?"] = INT64
FORMS["multiply"]["precision_bits?"] = BITS
STEPS, OWN_SCALE = (
    "relu step sign round_significant offset clamp requantize".split(),
    ("multiply", "round_significant"),
)
OTHERS = (
    "conv2d add matmul max_pool sum_pool average_pool softmax reshape flatten transpose pad slice concatenate gather"
)
OTHERS += " thresholds table tflite onnx pruned-base"

Network = namedtuple("Network", "shape low high bits output_bits layers")
Layer = namedtuple(
    "Layer", "bits weights offsets steps"
)  # constants' columns last; offsets: biases, and what constants add
Chain = list[tuple[Any, Any, Any, int]]  # of every layer rows of (input, weight), offsets, steps, and how much finer
Pair = namedtuple("Pair", "first second lines input_bits weight_bits")  # of every masked row the columns and weights


class AuditError(Exception):
    def __init__(self, place: str, reason: str, code: int) -> None:
        super().__init__(f"{place}: {reason}")
        self.code = code


def need(holds: object, place: str, reason: str, code: int = 1) -> Any:
    """Go on where it holds; else the audit ends with this exit code."""
    if not holds:
        raise AuditError(place, reason, code)


def parse(data: bytes, place: str, integers: range, code: int = 1) -> Any:
    """Return a JSON document that means one thing: UTF-8, no key twice, no floats, integers in range."""

    def integer(text: str) -> int:
        need(len(text) <= 20 and int(text) in integers, place, f"expected integers in range, found {text[:24]}")
        return int(text)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(items)) == len(items), place, "expected every key once, found one twice")
        return dict(items)

    float_ = lambda text: need(False, place, f"expected an integer, found {text[:24]}")
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=pairs, parse_int=integer, parse_float=float_, parse_constant=float_
        )
        halves = b"\\u" in data and re.search("[\ud800-\udfff]", json.dumps(document, ensure_ascii=False))
    except (ValueError, RecursionError) as error:
        raise AuditError(place, f"expected JSON in UTF-8: {error}", code) from None
    need(not halves, place, "expected text, found half of a surrogate pair")
    return document


def fit(value: Any, form: Any, place: str) -> Any:
    """Return a JSON value that has a form."""
    if isinstance(form, tuple) and type(value) is dict:
        need(all(re.fullmatch(form[0], key) for key in value), place, f"expected keys matching {form[0]}")
        form = dict.fromkeys(value, form[1])
    if isinstance(form, dict):
        known = {key.rstrip("?") for key in form}
        need(type(value) is dict and value.keys() <= known, place, f"expected no keys but {', '.join(form)}")
        need(value.keys() >= form.keys() & known, place, f"expected all keys of {', '.join(form)}")
        for key, item in value.items():
            fit(item, form.get(key, form.get(f"{key}?")), f"{place}.{key}")
    elif isinstance(form, list):
        need(type(value) is list, place, "expected a list")
        for index, item in enumerate(value):
            fit(item, form[0], f"{place}[{index}]")
    elif isinstance(form, range):
        need(type(value) is int and value in form, place, f"expected an integer from {form[0]} to {form[-1]}")
    elif form is not ANY:
        need(type(value) is str and re.fullmatch(form, value), place, f"expected {form}, found {str(value)[:40]!r}")
    return value


def same(said: Any, follows: Any, place: str) -> None:
    """Hold what is said against what follows, as JSON, in which true is not 1."""
    one, other = (json.dumps(value, sort_keys=True) for value in (said, follows))
    need(one == other, place, f"expected {other[:160]}, found {one[:160]}")


def number(value: int) -> int | str:
    return value if value in DOUBLE else str(value)


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

    On -x² + y² = 1 + d·x²·y² a point's double has y' = (y² + x²) / (2 + x² - y²), and 8 times a small one has y = 1, x = 0.
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


def read_trust(data: bytes) -> dict[str, Any]:
    """Return (key, principals, valid after, valid before) by key id of an allowed_signers file.

    Lines for other namespaces are passed over; of all others everything has to be understood, and patterns are not.
    """
    option = r'(?:namespaces="[^"*?!]+"|valid-(?:after|before)="[0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?Z?")'
    form = rf'("[^"!]+"|[^\s"!]+)[ \t]+(?:({option}(?:,{option})*)[ \t]+)?(\S+)[ \t]+(\S+)(?:[ \t].*)?'
    trust: dict[str, Any] = {}
    for index, line in enumerate(data.decode().split("\n"), 1):
        match = re.fullmatch(form, line.strip(" \t\r"))
        if line.strip(" \t\r")[:1] in ("", "#"):
            continue
        name, said, kind, encoded = match.groups("") if match else [""] * 4
        listed = re.findall('([a-z-]+)="([^"]*)"', said)
        options = dict(listed)
        if "certify" not in options.get("namespaces", "certify").split(","):
            continue
        understood = kind == "ssh-ed25519" and name.isprintable() and len(options) == len(listed)
        need(understood, f"line {index}", "expected NAME [namespaces, valid-after, valid-before] ssh-ed25519 KEY")
        key_id, raw = read_key(encoded, f"line {index}")
        after, before = (moment(options[end]) if end in options else None for end in ("valid-after", "valid-before"))
        ordered = after is None or before is None or after < before
        need(
            ordered and key_id not in trust,
            f"line {index}",
            "expected every key once, valid-before after valid-after",
        )
        trust[key_id] = (raw, name, after, before)
    return trust


def moment(text: str) -> datetime:
    """Return YYYYMMDD[HHMM[SS]][Z]; without Z in local time."""
    found = datetime.strptime(f"{text.rstrip('Z'):0<14}+0000", "%Y%m%d%H%M%S%z")
    return found if text.endswith("Z") else found.replace(tzinfo=None).astimezone()


def open_envelope(data: bytes, trust: dict[str, Any] | None, at: datetime) -> tuple[bytes, bool, str]:
    """Return the payload, whether enough is known of who signed it, and who did. Key ids are no hints here."""
    entry = {"keyid": "SHA256:[A-Za-z0-9+/]{43}", "sig": TEXT}
    form = {"payload": TEXT, "payloadType": re.escape(TYPE.decode()), "signatures": [entry]}
    document = fit(parse(data, "envelope", DOUBLE, 2), form, "envelope")
    payload, listed = decode(document["payload"], "payload"), document["signatures"]
    signatures = {item["keyid"]: decode(item["sig"], "signatures") for item in listed}
    need(0 < len(signatures) == len(listed) <= 16, "signatures", "expected 1 to 16, of distinct key ids")
    whole = all(len(value) == 64 and decode(f"{key_id[7:]}=", "signatures") for key_id, value in signatures.items())
    need(whole, "signatures", "expected 64 bytes")
    signed, found, counts = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(payload), payload), "unknown signer", False
    for (key_id, value), (trusted, key) in itertools.product(signatures.items(), (trust or {}).items()):
        try:
            Ed25519PublicKey.from_public_bytes(key[0]).verify(value, signed)
        except InvalidSignature:
            need(trusted != key_id, "signatures", f"expected a signature by {key_id}, found one that does not verify")
            continue
        need(trusted == key_id, "signatures", f"expected the key id {trusted} of the key that signed, found {key_id}")
        timely = (key[2] is None or key[2] <= at) and (key[3] is None or at <= key[3])
        if not counts:
            found, counts = f"{'signed' if timely else 'not signed in time'} by {key_id} ({key[1]})", timely
    return payload, counts or trust is None, "signatures unchecked" if trust is None else found


def kind_of(raw: Any, place: str, field: str, *covered: str) -> str:
    name = raw.get(field) if type(raw) is dict else None
    need(name not in OTHERS.split(), place, f"not covered: {name}", 3)
    need(name in covered, f"{place}.{field}", f"expected {' or '.join(covered)}")
    return str(name)


def tensor(value: Any, dimensions: int, place: str) -> list[Any]:
    """Return a list of integers, or of lists of them: written so, or as base64."""
    if type(value) is dict:
        fit(value, {"shape": [range(2**28 + 1)], "dtype": "|".join(DTYPES), "data": TEXT}, place)
        shape, raw, code = value["shape"], decode(value["data"], place), DTYPES[value["dtype"]]
        size, width = math.prod(shape), shape[-1] if shape else 0
        need(
            len(shape) == dimensions and len(raw) == size * struct.calcsize(f"<{code}"),
            place,
            "expected its shape's bytes",
        )
        value = list(struct.unpack(f"<{size}{code}", raw))
        value = value if dimensions == 1 else [value[at : at + width] for at in range(0, size, max(1, width))]
    rows = value if dimensions == 2 else [value]
    listed = type(value) is list and all(type(row) is list and all(type(item) is int for item in row) for row in rows)
    return value if listed else need(False, place, "expected lists of integers")


def vector(value: Any, length: int, values: range, place: str) -> list[int]:
    """Return so many integers of a range; one stands for all."""
    found = [value] * length if type(value) is int else tensor(value, 1, place)
    need(
        len(found) == length and all(item in values for item in found), place, f"expected {length} integers in range"
    )
    return found


def read_network(raw: Any, place: str, **more: str) -> Network:
    """Return the network of a file in a statement."""
    kind_of(raw, place, "format", "certify.network/1")
    data, at = decode(fit(raw, {"format": TEXT, "bytes": TEXT} | more, place)["bytes"], place), f"{place}.bytes"
    document = fit(parse(data, at, INT64), NETWORK, at)
    box, layers = document["input"], list[Layer]()
    shape, width, bits = box["shape"], math.prod(box["shape"]), box["precision_bits"]
    fits = 1 <= len(shape) <= 8 and width <= min(2**24, max(2**22, len(data)))
    need(fits and document["layers"], at, "expected 1 to 8 dimensions, 2^24 features at most, and a layer")
    ends = [box[side] for side in ("low", "high")]
    flat = [end | {"shape": [width]} if type(end) is dict and end.get("shape") == shape else end for end in ends]
    low, high = (vector(end, width, INT64, f"{at}.input") for end in flat)
    need(all(a <= b for a, b in zip(low, high, strict=True)), f"{at}.input", "expected low ≤ high")
    for index, own in enumerate(document["layers"]):
        layers.append(read_layer(own, width, f"{at}.layers[{index}]"))
        width, bits = len(layers[-1].weights), bits + layers[-1].bits
        for name, step in layers[-1].steps[0]:
            own_bits = {"multiply": step.get("precision_bits", 0), "step": 0, "sign": 0}
            bits = bits - step["shift"] if name == "requantize" else own_bits.get(name, bits)
    return Network(shape, low, high, box["precision_bits"], bits, layers)


def read_layer(raw: Any, inputs: int, place: str) -> Layer:
    """Return a dense layer that reads so many inputs."""
    kind_of(raw, place, "op", "dense")
    need("inputs" not in raw, place, "not covered: layers that name their inputs", 3)
    bits, constants = fit(raw, FORMS["dense"], place)["precision_bits"], tensor(raw.get("constants", []), 1, place)
    rows, width, values = (
        tensor(raw["weights"], 2, place),
        inputs + len(constants),
        range(-(1 << bits), (1 << bits) + 1),
    )
    whole = rows and all(len(row) == width and all(weight in values for weight in row) for row in rows)
    need(whole, f"{place}.weights", f"expected rows of {width} integers of 2^{bits} at most")
    bias = tensor(raw.get("bias", [0] * len(rows)), 1, place)
    need(len(bias) == len(rows), f"{place}.bias", f"expected {len(rows)} integers")
    offsets = [b + sum(map(lambda w, c: w * c, row[inputs:], constants)) for b, row in zip(bias, rows, strict=True)]
    steps = [read_step(step, len(rows), f"{place}.then[{at}]") for at, step in enumerate(raw.get("then", []))]
    return Layer(bits, rows, offsets, list(zip(*steps, strict=True)) or [()] * len(rows))


def read_step(raw: Any, outputs: int, place: str) -> list[tuple[str, Any]]:
    """Return name and fields of a step, once for each output."""
    name = kind_of(raw, place, "op", *STEPS)
    name = "multiply" if name == "requantize" and "multiplier" in raw else name
    fit(raw, {"op": TEXT} | FORMS[name], place)
    need(name != "clamp" or raw["low"] <= raw["high"], place, "expected low ≤ high")
    if name != "multiply":
        return [(name, raw)] * outputs
    each = zip(
        vector(raw["multiplier"], outputs, range(1, 2**31), place),
        vector(raw["shift"], outputs, range(-31, 1025), place),
    )
    return [(name, raw | {"multiplier": multiplier, "shift": shift}) for multiplier, shift in each]


def divided(x: int, shift: int, rounding: str) -> int:
    """Return x / 2^shift as an integer."""
    down, rest, one = x >> shift, x % (1 << shift), 1 << shift
    up = {
        "half_up": 2 * rest >= one,
        "half_even": 2 * rest > one or (2 * rest == one and down % 2 == 1),
        "half_away": 2 * rest > one or (2 * rest == one and x >= 0),
        "toward_zero": rest > 0 > x,
    }
    return down + up.get(rounding, False)


def significant(x: int) -> int:
    """Return x rounded half-even to a float's 24 significant bits."""
    excess = max(x.bit_length() - 24, 0)
    return divided(x, excess, "half_even") << excess


def multiplied(x: int, multiplier: int, shift: int, rule: str) -> int:
    """Return x · multiplier / 2^(31 + shift) as an integer, by the rule."""
    if rule == "single":
        return divided(x * multiplier, 31 + shift, "half_up")
    if rule == "double":
        return divided(divided((x << max(-shift, 0)) * multiplier, 31, "half_up"), max(shift, 0), "half_up")
    return divided(significant(significant(x) * multiplier), 31 + shift, "half_even")


def after(steps: Any, x: int, finer: int = 0) -> tuple[int, int]:
    """Return what steps make of an integer that is finer than theirs by 2^finer, and how much finer that is then."""
    for name, step in steps:
        if name in OWN_SCALE:
            x, finer = x >> finer, 0
        if name == "relu":
            x = max(x, 0)
        elif name == "clamp":
            x = min(max(x, step["low"] << finer), step["high"] << finer)
        elif name == "offset":
            x += step["value"] << finer
        elif name == "requantize":
            x = divided(x, step["shift"] + finer, step["rounding"]) + step.get("zero_point", 0)
        elif name == "multiply":
            x = multiplied(x, step["multiplier"], step["shift"], step["rule"]) + step.get("zero_point", 0)
        elif name == "round_significant":
            x = significant(x)
        else:  # step, sign
            x = 1 if x >= 0 else -1 if name == "sign" else 0
        finer = finer if name in ("relu", "clamp", "offset") else 0
    return x, finer


def philox(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, ...]:
    """Return a block of Philox4x64-10 (Salmon, Moraes, Dror and Shaw, SC 2011)."""
    (k0, k1), (c0, c1, c2, c3), low = key, counter, 2**64 - 1
    for _ in range(10):
        one, two = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = two >> 64 ^ c1 ^ k0, two & low, one >> 64 ^ c3 ^ k1, one & low
        k0, k1 = k0 + 0x9E3779B97F4A7C15 & low, k1 + 0xBB67AE8584CAA73B & low
    return c0, c1, c2, c3


def draw(
    key: tuple[int, int], matrix: int, row: int, columns: list[int], precision: dict[str, int], way: str
) -> list[int]:
    """Return the base network's weights at some columns of a row, at the precision to which they are kept."""
    blocks = {column // 4: philox(key, (column // 4, row, matrix, 0)) for column in columns[::1]}
    bits, shift = precision["drawn"], precision["drawn"] - precision["kept"]
    drawn = [(blocks[column // 4][column % 4] * (2 ** (bits + 1) + 1) >> 64) - 2**bits for column in columns]
    return [weight >> shift if way == "floor" or weight >= 0 else -(-weight >> shift) for weight in drawn]


def read_mask(said: dict[str, str], rows: int, columns: int, place: str) -> list[list[int]]:
    """Return the kept columns of every row: their number, then their gaps, in the shortest LEB128."""
    data = decode(said["data"], place)
    same(said["sha256"], hashlib.sha256(data).hexdigest(), f"{place}.sha256")
    parts = re.findall(rb"[\x80-\xff]{1,8}[\x01-\x7f]|[\x00-\x7f]", data)
    need(b"".join(parts) == data, place, "expected numbers below 2^63 in their shortest form")
    numbers = iter([sum((byte & 127) << 7 * at for at, byte in enumerate(part)) for part in parts])
    kept: list[list[int]] = []
    while len(kept) < rows:
        gaps = list(itertools.islice(numbers, count := next(numbers, columns + 1)))
        kept.append([column - 1 for column in itertools.accumulate(gaps)])
        whole = count == len(gaps) and 0 not in gaps and (not gaps or kept[-1][-1] < columns)
        need(whole, place, f"expected rising columns below {columns} in row {len(kept) - 1}, as many as it says")
    need(next(numbers, None) is None, place, f"expected the end after {rows} rows")
    return kept


def check_blocks(first: list[list[int]], width: int, columns: int, blocks: Any, place: str) -> None:
    """Hold against the first matrix of a pair how the statement says that units were shared out among inputs."""
    units = [(unit, column) for unit, row in enumerate(first) for column in row]
    if type(blocks) is int:
        fixed = width == max(1, columns * blocks) and all(column == unit // blocks for unit, column in units)
        return need(fixed, place, f"expected blocks of {blocks} units, each for one input")
    grown = all(a[1] <= b[1] for a, b in itertools.pairwise(units))
    need(blocks == "shared" or (blocks == "grown" and grown), place, f"expected {blocks} blocks")
    need(width == (units[-1][0] + 1 if units else 1), place, "expected the last unit to be kept")


def derive(target: Network, said: Any) -> list[Pair]:
    """Return the ticket: condition 0, the weights that the seed's generator draws where the masks keep any."""
    base, pairs, finer, place = said["base"], list[Pair](), 0, "payload.predicate"
    as_many = len(base["widths"]) == len(base["precisions"]) == len(target.layers) == len(said["masks"]) / 2
    need(as_many, f"{place}.base", f"expected {len(target.layers)} widths and precisions, and two masks for each")
    key = struct.unpack("<QQ", hashlib.sha256(f"certify/base-network/1\n{base['seed']}".encode()).digest()[:16])
    for index, (layer, width, precision) in enumerate(
        zip(target.layers, base["widths"], base["precisions"], strict=True)
    ):
        fine = precision["drawn"] >= precision["kept"] and 2 * precision["kept"] >= layer.bits
        need(fine, f"{place}.base.precisions", "expected kept ≤ drawn, and δ_t ≥ δ²")
        radix, largest, lines, reach = max(layer.bits, 1), max(map(abs, layer.offsets)), list[int](), 0
        while reach < largest:
            reach += 1 << layer.bits + radix * len(lines)
            lines.append(1 << radix * len(lines) + finer)
        inputs = len(target.low) if index == 0 else len(target.layers[index - 1].weights)
        halves = []
        for half, shape in enumerate([(width, inputs + len(lines)), (len(layer.weights), width)]):
            rows = read_mask(said["masks"][2 * index + half], *shape, f"{place}.masks[{2 * index + half}]")
            values = (
                draw(key, 2 * index + half, row, kept, precision, base["quantization"])
                for row, kept in enumerate(rows)
            )
            halves.append(list(zip(rows, values, strict=True)))
        kept = [columns for columns, _ in halves[0]]
        check_blocks(kept, width, inputs + len(lines), base["blocks"], f"{place}.base.blocks")
        pairs.append(Pair(*halves, lines, finer, 2 * precision["kept"] - layer.bits))
        finer = after(layer.steps[0], 0, finer + pairs[-1].weight_bits)[1]
        need(
            finer <= MOST_FINER,
            f"{place}.base",
            f"expected a ticket finer than its target by {MOST_FINER} bits at most",
        )
    return pairs


def check_pair(layer: Layer, pair: Pair, low: list[int], high: list[int], counts: dict[str, int]) -> str:
    """Condition 3, for every output and input of a pair: count, and return the first that fails, if any."""
    feeds = {unit: (columns[0], own[0]) for unit, (columns, own) in enumerate(pair.first) if columns}
    boxes = [(a << pair.input_bits, b << pair.input_bits) for a, b in zip(low, high, strict=True)]
    counts["range"] += len(set(boxes))
    counts["relu"] += len({(u, *boxes[at]) for at, u in feeds.values() if at < len(low)})
    counts["bias"] += len(layer.weights)
    failed = []
    for output, (units, weights) in enumerate(pair.second):
        halves, constant = Counter[int](), 0
        for unit, v in zip(units, weights, strict=True):
            at, u = feeds.get(unit, (0, None))
            if u is not None and at >= len(low):
                constant += v * max(u * pair.lines[at - len(low)], 0)
            elif u is not None:
                halves[2 * at + (u < 0)] += v * abs(u)
        for at, w in enumerate(layer.weights[output][: len(low)]):
            for half, side, top in ((2 * at, w, high[at]), (2 * at + 1, -w, -low[at])):
                counts["weight"] += half in halves or top > 0
                if top > 0 and halves[half] != side << pair.weight_bits:
                    failed.append(
                        f"pair, weight [{output}][{at}]: found {halves[half]}, not {side << pair.weight_bits}"
                    )
        if constant != layer.offsets[output] << pair.input_bits + pair.weight_bits:
            failed.append(f"pair, bias [{output}]: found {constant}")
    return failed[0] if failed else ""


def identities(target: Network, pairs: list[Pair]) -> tuple[dict[str, int], str]:
    """Return how many obligations of each kind there are, none where they do not apply, and the first that fails."""
    low, high, failed = target.low, target.high, ""
    counts = dict.fromkeys(("bias", "range", "relu", "steps", "weight"), 0)
    if any(len(columns) > 1 for pair in pairs for columns, _ in pair.first):
        return {}, "a hidden unit keeps several inputs"
    for index, (layer, pair) in enumerate(zip(target.layers, pairs, strict=True)):
        found = check_pair(layer, pair, low, high, counts).replace("pair", f"pair {index}")
        failed = failed or found
        scale, ends = pair.input_bits + pair.weight_bits, []
        for output, row in enumerate(layer.weights):
            signed = [(w, a, b) if w > 0 else (w, b, a) for w, a, b in zip(row, low, high)]
            ends.append([layer.offsets[output] + sum(w * end[side] for w, *end in signed) for side in (0, 1)])
        if max(abs(end).bit_length() for pair_ends in ends for end in pair_ends) + scale > MOST_BITS:
            return {}, f"numbers of more than {MOST_BITS} bits"
        parts: set[str] = set()
        for (
            own
        ) in layer.steps:  # once for every output that differs, in two where a multiplier or rounding is its own
            cut = next((at for at, (name, _) in enumerate(own) if name in OWN_SCALE), None)
            parts |= {json.dumps(part) for part in ([own] if cut is None else [[0, own[:cut]], [1, own[cut:]]])}
        counts["steps"] += len(parts)
        low, high = ([after(own, end[side])[0] for own, end in zip(layer.steps, ends)] for side in (0, 1))
        for own, end, *mapped in zip(layer.steps, ends, low, high):
            for x, y in zip(end, mapped):
                there, finer = after(own, x << scale, scale)
                failed = failed or ("" if there == y << finer else f"pair {index}: boxes differ")
    return counts, failed


def as_chain(layers: list[Layer], inputs: int) -> Chain:
    """Return a target to be run: of every layer the weights of each output by input, offsets, steps, how much finer."""
    sizes = [inputs, *(len(layer.weights) for layer in layers)]
    rows = [
        [[(at, w) for at, w in enumerate(row[:n]) if w] for row in own.weights]
        for n, own in zip(sizes, layers, strict=False)
    ]
    return [(own, layer.offsets, layer.steps, 0) for own, layer in zip(rows, layers, strict=True)]


def ticket_chain(target: Network, pairs: list[Pair]) -> Chain:
    """Return the ticket to be run, hidden layers and outputs, with what constant lines carry as offsets."""
    chain, inputs = [], len(target.low)
    for layer, pair in zip(target.layers, pairs, strict=True):
        rows = [list(zip(*kept, strict=True)) for kept in pair.first]
        offsets = [sum(u * pair.lines[at - inputs] for at, u in row if at >= inputs) for row in rows]
        chain.append(
            ([[(at, u) for at, u in row if at < inputs] for row in rows], offsets, [[("relu", {})]] * len(rows), 0)
        )
        outputs, inputs = [list(zip(*kept, strict=True)) for kept in pair.second], len(layer.weights)
        chain.append((outputs, [0] * inputs, layer.steps, pair.input_bits + pair.weight_bits))
    return chain


def run(chain: Chain, columns: list[Any]) -> list[list[int]]:
    """Return every output at some points, from every input at those points. Steps run once for each value met."""
    count = len(columns[0])
    for rows, offsets, steps, finer in chain:
        made = []
        for row, offset, own in zip(rows, offsets, steps, strict=True):
            sums = [offset] * count
            for at, weight in row:
                sums = [x + weight * y for x, y in zip(sums, columns[at], strict=True)]
            values = {x: after(own, x, finer)[0] for x in set(sums)} if own else {}
            made.append([values[x] for x in sums] if own else sums)
        columns = made
    return columns


def walk(box: Any, left: Chain, right: Chain, shifts: tuple[int, int], holds: Any) -> tuple[Any, int]:
    """Return the first point of the grid on which the relation fails, if any, and the largest difference met."""
    points, largest = itertools.product(*(range(a, b + 1) for a, b in zip(box.low, box.high, strict=True))), 0
    while block := list(itertools.islice(points, 4096)):
        ends = [run(chain, list(zip(*block, strict=True))) for chain in (left, right)]
        ours, theirs = ([[x << bits for x in own] for own in end] for end, bits in zip(ends, shifts, strict=True))
        if ours == theirs:
            continue
        for point, a, b in zip(block, zip(*ours, strict=True), zip(*theirs, strict=True), strict=True):
            largest = max(largest, *(abs(x - y) for x, y in zip(a, b, strict=True)))
            if not holds(a, b, largest):
                return (point, a, b), largest
    return None, largest


def describe(low: list[int], high: list[int]) -> dict[str, Any]:
    """Return a box and the number of its points as a claim has them."""
    ends = {"low": low, "high": high}
    found: dict[str, Any] = {
        name: number(end[0]) if len(set(end)) == 1 else list(map(number, end)) for name, end in ends.items()
    }
    sizes = sorted(Counter(b - a + 1 for a, b in zip(low, high, strict=True)).items())
    return found | {"points": [[number(size), times] for size, times in sizes]}


def check_sweep(said: Any, points: int, stored: int) -> None:
    """Hold against points times multiplications whether the statement says that the grid was swept."""
    work, proof, place = points * max(1, stored), said["proof"], "payload.predicate.proof"
    need(proof["strategy"] != "congruence", f"{place}.strategy", "expected another strategy for chains")
    if proof["sweep"] is not None:
        same(proof["sweep"], {"work": number(work)} if work <= SWEPT else None, f"{place}.sweep")
    swept = proof["sweep"] is not None or (work > ALWAYS_SWEPT and proof["strategy"] != "sweep")
    need(swept, f"{place}.sweep", f"expected that so little work, {work}, was swept")


def exact_ticket(said: Any, target: Network, most: int) -> tuple[int, str]:
    """Decide whether the ticket equals its target, and hold everything that the statement says against what follows."""
    pairs, place = derive(target, said), "payload.predicate"
    kept = [weights for pair in pairs for half in pair[:2] for _, weights in half]
    digest = hashlib.sha256(b"".join(struct.pack(f"<{len(weights)}i", *weights) for weights in kept))
    same(said["base"]["kept_sha256"], digest.hexdigest(), f"{place}.base.kept_sha256")
    same(said["claim"], {"relation": "equal"} | describe(target.low, target.high), f"{place}.claim")
    same(said["sizes"], sizes(target, pairs, sum(map(len, kept))), f"{place}.sizes")
    (counts, failed), points = (
        identities(target, pairs),
        math.prod(b - a + 1 for a, b in zip(target.low, target.high, strict=True)),
    )
    stored = sum(map(len, kept)) + sum(w != 0 for layer in target.layers for row in layer.weights for w in row)
    witness = None
    if failed:
        if points > most or points * stored > MOST_WORK:
            return 3, f"undecided: {failed}; the grid is too large to walk"
        left, right = as_chain(target.layers, len(target.low)), ticket_chain(target, pairs)
        shift = after(target.layers[-1].steps[0], 0, pairs[-1].input_bits + pairs[-1].weight_bits)[1]
        witness, _ = walk(target, left, right, (shift, 0), lambda a, b, largest: largest == 0)
    if witness:
        return 1, "refuted: at {} the target gives {}, the ticket {}".format(*witness)
    proof = said["proof"]
    check_sweep(said, points, stored)
    need(
        (proof["strategy"] == "decomposition") == (not failed),
        f"{place}.proof.strategy",
        f"expected what proves it: {failed}",
    )
    neurons = 0 if failed else sum(min(10, len(layer.weights)) for layer in target.layers)
    same(proof["neurons"], neurons, f"{place}.proof.neurons")
    if proof["strategy"] != "merging":
        found = {kind: entry["count"] for kind, entry in proof["obligations"].items()}
        same(found, counts, f"{place}.proof.obligations")
    return (
        0,
        f"proved: equal on the whole box, {'every point walked' if failed else f'{sum(counts.values())} obligations'}",
    )


def sizes(target: Network, pairs: list[Pair], kept: int) -> dict[str, Any]:
    """Return how large the ticket is; Theorem 3: 2^p ≥ Π |S_δ|^n for the n weights of every layer, |S_δ| = 2^(k+1) + 1.

    No product of odd numbers is a power of two, and sixty digits tell its logarithm from a whole number.
    """
    columns = [len(layer.weights[0]) for layer in target.layers]
    inputs = [len(target.low), *(len(layer.weights) for layer in target.layers)]
    with localcontext() as context:
        context.prec = 60
        logs = [Decimal(2 ** (layer.bits + 1) + 1).ln() / Decimal(2).ln() for layer in target.layers]
        powers = [
            len(layer.weights) * width * log for layer, width, log in zip(target.layers, columns, logs, strict=True)
        ]
        bound = int(sum(powers, Decimal(0)).to_integral_value(ROUND_CEILING))
    parameters = sum(len(layer.weights) * width for layer, width in zip(target.layers, columns, strict=True))
    base = sum(len(pair.first) * (inputs[at] + len(pair.lines) + inputs[at + 1]) for at, pair in enumerate(pairs))
    found = {"target_parameters": parameters, "base_parameters": base, "kept": kept, "lower_bound": bound}
    return found | {"ratio": f"{base * 1000 // bound // 1000}.{base * 1000 // bound % 1000:03d}"}


def equivalence(said: Any, left: Network, most: int) -> tuple[int, str]:
    """Decide a relation between two networks on every point of the claim's box."""
    right, claim, proof, place = (
        read_network(said["right"], "payload.predicate.right", name=FILE),
        said["claim"],
        said["proof"],
        "payload.predicate",
    )
    alike = [(net.shape, net.bits, len(net.layers[-1].weights)) for net in (left, right)]
    need(
        alike[0] == alike[1], f"{place}.right", "expected the left network's input shape, precision bits and outputs"
    )
    relation, n = claim["relation"], len(left.low)
    try:
        bound = int(claim["bound"]) if relation == "within" else 0
        low, high = (
            [int(x) for x in (end if type(end) is list else [end] * n)] for end in (claim["low"], claim["high"])
        )
        maximum = int(proof["maximum"]) if relation == "within" else 0
    except (TypeError, ValueError):
        raise AuditError(f"{place}.claim", "expected integers", 1) from None
    need(
        bound >= 0 and len(low) == len(high) == n, f"{place}.claim", f"expected {n} inputs, and a bound of 0 or more"
    )
    inside = all(
        max(ends[:2]) <= ends[2] <= ends[3] <= min(ends[4:])
        for ends in zip(left.low, right.low, low, high, left.high, right.high, strict=True)
    )
    need(inside, f"{place}.claim", "expected a box within those of both networks")
    rebuilt = {"relation": relation, "bound": number(bound) if relation == "within" else None} | describe(low, high)
    same(claim, rebuilt, f"{place}.claim")
    points, stored = (
        math.prod(b - a + 1 for a, b in zip(low, high)),
        sum(w != 0 for net in (left, right) for layer in net.layers for row in layer.weights for w in row),
    )
    need(
        points <= most and points * stored <= MOST_WORK,
        place,
        f"not covered: an equivalence on more than {most} points",
        3,
    )
    common = max(left.output_bits, right.output_bits)
    chains = [as_chain(net.layers, n) for net in (left, right)]

    def holds(a: Any, b: Any, largest: int) -> bool:
        return a.index(max(a)) == b.index(max(b)) if relation == "argmax" else largest <= bound

    witness, largest = walk(
        left._replace(low=low, high=high), *chains, (common - left.output_bits, common - right.output_bits), holds
    )
    if witness:
        return 1, "refuted: at {} the first gives {}, the second {}".format(*witness)
    check_sweep(said, points, stored)
    same(proof["maximum"], number(maximum) if relation == "within" else None, f"{place}.proof.maximum")
    need(
        relation != "within" or (maximum == largest if proof["strategy"] == "sweep" else maximum >= largest),
        f"{place}.proof.maximum",
        f"found {largest}",
    )
    whole = relation == "equal" and all((low, high) == (net.low, net.high) for net in (left, right))
    return 0 if whole else 3, f"proved: {relation} on {points} points" + (
        "" if whole else ", less than equality on the whole box"
    )


def audit(data: bytes, trust: dict[str, Any] | None, at: datetime, most: int) -> tuple[int, str]:
    """Return the exit code and, in a line, what was found of a certificate's bytes.

    Raises:
        AuditError: they are no certificate, an invalid one, or one that is not covered.
    """
    payload, trusted, signer = open_envelope(data, trust, at)
    document = parse(payload, "payload", DOUBLE)
    written = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    need(written == payload, "payload", "expected canonical JSON")
    kind = document.get("predicateType") if type(document) is dict else None
    need(type(kind) is str and kind in PREDICATES, "payload.predicateType", f"expected {' or '.join(PREDICATES)}")
    subject = {"name": FILE, "digest": SHA}
    form = {
        "_type": r"https://in-toto\.io/Statement/v1",
        "subject": [subject],
        "predicateType": TEXT,
        "predicate": PREDICATES[kind],
    }
    said, about = fit(document, form, "payload")["predicate"], document["subject"]
    need(len(about) == 1 and about[0]["name"].isprintable(), "payload.subject", "expected one, of a printable name")
    side, decide = ("left", equivalence) if "left" in said else ("target", exact_ticket)
    network = read_network(said[side], f"payload.predicate.{side}")
    digest = hashlib.sha256(base64.b64decode(said[side]["bytes"])).hexdigest()
    same(about[0]["digest"]["sha256"], digest, "payload.subject[0].digest.sha256")
    code, found = decide(said, network, most)
    return code if trusted else 3, f"{found}; {signer}"


def main(arguments: list[str] | None = None) -> int:
    """Audit the certificates that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="minimal", description="Audit certificates: a second implementation, in one file."
    )
    parser.add_argument("certificates", metavar="CERT", nargs="+", type=Path)
    keys = parser.add_mutually_exclusive_group(required=True)
    keys.add_argument("--trust", type=Path, metavar="FILE", help="trusted keys, as in allowed_signers of OpenSSH")
    keys.add_argument("--any-signer", action="store_true", help="check no signature: ask for the proof alone")
    parser.add_argument(
        "--at", metavar="TIME", help="judge keys at this moment (ISO 8601, UTC without a zone); else now"
    )
    parser.add_argument("--points", type=int, default=2**16, help="walk grids of so many points (2^16)")
    asked, codes = parser.parse_args(arguments), []
    try:
        at = datetime.fromisoformat(asked.at) if asked.at else datetime.now(UTC)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        trust = None if asked.any_signer else read_trust(read(asked.trust))
    except (AuditError, OSError, ValueError) as error:
        return say(sys.stderr, 2, f"{asked.trust or '--at'}: {error}")
    for path in asked.certificates:
        try:
            codes.append(say(sys.stdout, *audit(read(path), trust, at, asked.points), f"{path}: "))
        except AuditError as error:
            codes.append(say(sys.stderr, error.code, f"{path}: {error}"))
        except Exception as error:  # noqa: BLE001 - no bytes bring a traceback, and what is not understood never passes
            codes.append(say(sys.stderr, 2, f"{path}: not read: {type(error).__name__}: {error}"))
    return min(codes, key=(1, 2, 3, 0).index)


def read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def say(where: TextIO, code: int, line: str, before: str = "") -> int:
    """Write a line that no terminal takes for more than text, and return the code."""
    line = before + line
    where.write((line if line.isprintable() else ascii(line)) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
