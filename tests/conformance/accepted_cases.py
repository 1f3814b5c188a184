"""Certificates that are true, in every way that the formats leave open: to be accepted."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from conformance import making
from conformance.case import OPERATORS, Case, accepted, needing
from conformance.making import ALICE, BOB, IDENTITY, put, signature, signed
from program import TINY, changed, issued, signing_key, target_bytes, trust_line

from certify.base.draw import random_weights
from certify.base.law import BaseNetwork, Precision
from certify.base.mask import Mask, from_bits
from certify.certificate.exact_ticket import Subject
from certify.issue import Options, decide
from certify.network.target import read_target
from certify.ticket import find_ticket
from certify.ticket.goal import Goal


def cases() -> list[Case]:
    """Return them all."""
    return [*_of_tickets(), *_of_targets(), *_of_statements(), *_of_envelopes()]


def _of_tickets() -> list[Case]:
    return [
        accepted("true_ticket", "a true certificate of a small network, as certify writes it.", _ticket()),
        accepted(
            "blocks_fixed",
            "blocks of 48 units for every input; unit r serves input r div 48.",
            _ticket(options=Options(block_width=48)),
        ),
        accepted(
            "blocks_shared",
            "units that were shared out, any to any input, with the last of them kept.",
            _ticket(options=Options(goal=Goal("width"))),
        ),
        accepted(
            "blocks_grown_called_shared",
            "blocks that are grown are shared ones too, and the statement may call them so.",
            making.lie_in("base", "blocks", to="shared"),
        ),
        accepted(
            "precision_finer_than_needed",
            "δ is finer than Theorem 1 needs, which it allows.",
            _ticket(options=Options(precision_bits=2)),
        ),
        accepted(
            "quantization_floor",
            "δ_in is finer than δ, and floor takes the drawn weights to δ.",
            signed(quantized_by_floor()),
        ),
        accepted(
            "quantization_toward_zero",
            "δ_in is finer than δ, and toward_zero takes the drawn weights to δ.",
            signed(quantized_toward_zero()),
        ),
        accepted(
            "quantization_that_does_nothing",
            "with δ_in = δ both quantizations do nothing, so either name is true.",
            making.lie_in("base", "quantization", to="toward_zero"),
        ),
        accepted(
            "strategy_sweep",
            "a hidden unit keeps two inputs and no output reads it: the decomposition does not apply, and the grid is"
            " swept.",
            signed(making.with_versions(decide(mixed_unit()))),
        ),
        accepted("seed_empty", "the empty seed is a seed.", _ticket(options=Options(seed=""))),
        accepted("seed_unicode", "a seed beyond ASCII, hashed as UTF-8.", _ticket(options=Options(seed="Łoś 🎟 δ"))),
        accepted("seed_with_a_line_end", "a seed may be any text.", _ticket(options=Options(seed="a\nb\t\x00"))),
    ]


def _ticket(document: Any = TINY, options: Options | None = None) -> bytes:
    return signed(making.payload_for(document, options))


@cache
def quantized_by_floor() -> bytes:
    """The payload of a ticket for TINY whose weights are drawn more finely than they are kept."""
    file = read_target(target_bytes())
    found = find_ticket(file.network, "0", precisions=(Precision(3, 1),) * 2)
    return making.with_versions(decide(Subject("tiny.json", file, found.base, found.blocks, found.masks)))


def quantized_toward_zero() -> bytes:
    """The payload of a ticket made by hand, as the finder takes floor: y = x, of weights drawn at 2^-1 and kept at 1.

    One unit has 1 and 1, another -1 and -1, and a third reads x too and is kept with what was drawn as -1/2: that
    is 0 toward zero, and would be -1 by floor.
    """
    precision, units = Precision(1, 0), np.arange(64)
    drawn = Precision(1, 1)
    first, second = (
        random_weights("0", matrix, precision, "toward_zero", rows, columns)
        for matrix, rows, columns in ((0, units, 0 * units), (1, 0 * units, units))
    )
    halves = random_weights("0", 1, drawn, "floor", 0 * units, units)
    kept = [
        np.flatnonzero(found)[0]
        for found in (
            (first == 1) & (second == 1),
            (first == -1) & (second == -1),
            (first == 1) & (halves == -1),
        )
    ]
    width = int(max(kept)) + 1
    bits = np.zeros((1, width), dtype=np.bool_)
    bits[0, kept] = True
    base = BaseNetwork("0", (width,), (precision,), "toward_zero")
    file = read_target(target_bytes(IDENTITY))
    return making.with_versions(decide(Subject("y.json", file, base, "shared", (from_bits(bits.T), from_bits(bits)))))


def mixed_unit() -> Subject:
    """TINY's ticket, and besides a unit between two blocks that keeps both inputs and that no output reads."""
    for seed in range(100):
        subject = issued(TINY, Options(str(seed))).subject
        first, read = _bits(subject.masks[0]), _bits(subject.masks[1]).any(axis=0)
        for unit in np.flatnonzero(~read):
            before, after = first[:unit].any(axis=0), first[unit + 1 :].any(axis=0)
            if not before[1:].any() and not after[0]:
                first[unit, :2] = True
                return replace(subject, masks=(from_bits(first), *subject.masks[1:]))
    raise AssertionError


def _bits(mask: Mask) -> Any:
    kept = np.zeros(mask.shape, dtype=np.bool_)
    kept[mask.rows(), mask.columns] = True
    return kept


# Targets: every kind of layer and step that a small network can have.

REQUANTIZE = {"op": "requantize", "shift": 2}


def _first(**fields: Any) -> Any:
    """TINY with another first layer."""
    return put(TINY, "layers", 0, to=lambda layer: layer | fields)


def _stepped(*steps: Any) -> Any:
    return _first(then=[{"op": "relu"}, *steps])


def _q31(rule: str, **fields: Any) -> Any:
    return _stepped({"op": "requantize", "multiplier": 1610612736, "shift": 1, "rule": rule} | fields)


TARGETS: dict[str, tuple[str, Any]] = {
    "rounding_half_up": ("requantize rounds half up.", _stepped(REQUANTIZE | {"rounding": "half_up"})),
    "rounding_half_even": ("requantize rounds half to even.", _stepped(REQUANTIZE | {"rounding": "half_even"})),
    "rounding_half_away": (
        "requantize rounds half away from zero.",
        _stepped(REQUANTIZE | {"rounding": "half_away"}),
    ),
    "rounding_toward_zero": (
        "requantize of negative numbers, without ReLU, rounds toward zero.",
        _first(then=[REQUANTIZE | {"rounding": "toward_zero"}]),
    ),
    "rule_single": ("a multiplier whose product is rounded once.", _q31("single")),
    "rule_double": ("a multiplier whose product is rounded twice.", _q31("double")),
    "rule_float32": ("a multiplier in single precision.", _q31("float32")),
    "multiplier_per_output": (
        "a multiplier and a shift for each output, and a zero point.",
        _q31("double", multiplier=[1610612736, 1073741825], shift=[1, -1], zero_point=-3),
    ),
    "clamp": ("a clamp after ReLU.", _stepped({"op": "clamp", "low": 1, "high": 6})),
    "offset": ("an offset after ReLU.", _stepped({"op": "offset", "value": -3})),
    "step": ("outputs of a step function.", _first(then=[{"op": "step"}])),
    "sign": ("outputs of a sign function.", _first(then=[{"op": "sign"}])),
    "thresholds": (
        "a function by its thresholds.",
        _first(then=[{"op": "thresholds", "low": -1, "at": [-3, 0, 0, 7]}]),
    ),
    "table": ("a function by its values.", _first(then=[{"op": "table", "low": -2, "values": [-1, 0, 0, 2, 3]}])),
    "biases_large": ("biases of several digits, on several constant lines.", _first(bias=[-777, 12345])),
    "constants": (
        "an input of the target's own that never varies.",
        _first(constants=[3], weights=[[3, -4, 2], [0, 1, -1]]),
    ),
    "weights_zero": ("a layer of zeros keeps no edges.", _first(weights=[[0, 0], [0, 0]], bias=[0, 0])),
    "tensor_in_base64": (
        "weights as little-endian bytes in base64.",
        _first(weights={"shape": [2, 2], "dtype": "int16", "data": making.b64(b"\x03\0\xfc\xff\0\0\x01\0")}),
    ),
    "range_negative": ("inputs that are all negative.", changed("input", to=TINY["input"] | {"low": -5, "high": -2})),
    "range_of_zero": ("inputs that are all 0.", changed("input", to=TINY["input"] | {"low": 0, "high": 0})),
    "range_per_input": (
        "a box with bounds for each input, one of them a point.",
        changed("input", to=TINY["input"] | {"low": [-2, 3], "high": [1, 3]}),
    ),
    "layers_three": (
        "three layers, the second without a step that ends at its own scale.",
        put(TINY, "layers", to=lambda layers: [layers[0], put(layers[0], "then", to=[]), layers[1]]),
    ),
    "weights_of_0_bits": (
        "weights of -1, 0 and 1.",
        {
            "format": "certify.network/1",
            "input": {"shape": [2], "low": 0, "high": 1, "precision_bits": 0},
            "layers": [{"op": "dense", "precision_bits": 0, "weights": [[1, -1], [0, 1]], "then": [{"op": "sign"}]}],
        },
    ),
    "convolution": (
        "a convolution with padding, an addition of a layer before it, and average pooling.",
        {
            "format": "certify.network/1",
            "input": {"shape": [2, 2, 1], "low": -1, "high": 1, "precision_bits": 0},
            "layers": [
                {
                    "op": "conv2d",
                    "name": "a",
                    "kernel": [2, 2],
                    "padding": [[0, 1], [1, 0]],
                    "precision_bits": 1,
                    "weights": [[1, 0, -2, 1]],
                    "then": [{"op": "requantize", "shift": 1, "rounding": "half_up"}],
                },
                {"op": "add", "inputs": ["a", "input"]},
                {"op": "average_pool", "kernel": [2, 2], "rounding": "half_away"},
            ],
        },
    ),
    "target_name_unicode": ("the network has a name beyond ASCII.", changed("name", to="réseau 网络")),
}


def _of_targets() -> list[Case]:
    made = {name: accepted(f"target_{name}", why, _ticket(document)) for name, (why, document) in TARGETS.items()}
    others = [made.pop(name) for name in ("convolution", "table", "thresholds")]
    return [*made.values(), *needing(others, OPERATORS)]


def _of_statements() -> list[Case]:
    return [
        accepted(
            "versions_of_others",
            "versions are informative: whoever made it may have used other ones.",
            making.lie_in("versions", to={"another-program": "9.9.9-rc1"}),
        ),
        accepted("versions_none", "versions are informative: there may be none.", making.lie_in("versions", to={})),
        accepted(
            "subject_name_unicode",
            "a file's name may be any printable text.",
            making.lie("subject", 0, "name", to="Réseau de neurones 网络.json"),
        ),
        accepted(
            "subject_name_with_spaces_and_dots",
            "a name of spaces and dots is a plain one.",
            making.lie("subject", 0, "name", to=" ..a network..json "),
        ),
        accepted(
            "target_file_with_white_space",
            "the target's own bytes need not be canonical, only JSON that is read in one way.",
            signed(_payload_for_bytes(json.dumps(TINY, indent=2).encode() + b"\n\n")),
        ),
    ]


def _payload_for_bytes(data: bytes) -> bytes:
    """The payload of TINY's ticket for TINY in other bytes."""
    said = making.with_target(data)
    return making.canonical(said)


def _of_envelopes() -> list[Case]:
    payload = making.small_payload()
    mine, bobs = signature(payload), signature(payload, BOB)
    others = [signature(payload, signing_key(number)) for number in range(20, 35)]
    document = json.loads(signed(making.small_payload()))
    return [
        accepted(
            "envelope_with_white_space",
            "nothing is signed of the envelope's own JSON but payload and type, so it may have white space.",
            b"\n" + json.dumps(document, indent=4).encode() + b" \t\r\n",
        ),
        accepted(
            "envelope_in_another_order",
            "an envelope's keys may come in any order.",
            json.dumps(dict(reversed(document.items()))).encode(),
        ),
        accepted(
            "envelope_with_escapes",
            "JSON may write any character as an escape.",
            signed(making.small_payload())
            .replace(b'"payloadType"', rb'"payl\u006fadType"')
            .replace(b"vnd.in-toto", rb"vnd.\u0069n-toto"),
        ),
        accepted(
            "envelope_with_escaped_slashes",
            "JSON may write / as an escape, as some libraries do.",
            signed(making.small_payload()).replace(b"/", rb"\/"),
        ),
        accepted(
            "envelope_without_a_line_end", "a file need not end a line.", signed(making.small_payload()).rstrip()
        ),
        accepted(
            "signatures_trusted_and_unknown",
            "a key that the auditor trusts signed, and one that says nothing here.",
            making.envelope(payload, [mine, bobs]),
        ),
        accepted(
            "signatures_unknown_and_trusted",
            "which signature stands first does not matter.",
            making.envelope(payload, [bobs, mine]),
        ),
        accepted(
            "signatures_both_trusted",
            "two keys that the auditor trusts signed.",
            making.envelope(payload, [bobs, mine]),
            trust_line(ALICE).encode() + trust_line(BOB, "bob").encode(),
        ),
        accepted(
            "signatures_16",
            "sixteen signatures, the most there may be, of which the last is by a trusted key.",
            making.envelope(payload, [*others, mine]),
        ),
        accepted(
            "signature_of_an_unknown_key_is_not_looked_at",
            "what stands under the id of a key that the auditor does not know says nothing, were it 64 zeros.",
            making.envelope(payload, [mine, making.entry(bytes(64), BOB.public.key_id)]),
        ),
        accepted(
            "any_signer",
            "the auditor asked for the proof alone, whoever signed.",
            signed(payload, BOB),
            None,
            "--any-signer",
        ),
    ]
