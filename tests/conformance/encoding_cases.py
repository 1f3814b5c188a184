"""Bytes that readers of JSON disagree about: in the file, in the signed payload, in the target within it."""

from __future__ import annotations

import json

from conformance import making
from conformance.case import Case, invalid, no_json
from conformance.making import canonical, in_target, lie_in_text, put, signed, signed_text, statement
from program import TINY, target_bytes

BOM = b"\xef\xbb\xbf"
DEPTH = 5_000
OVERLONG_SLASH = b"\xc0\xaf"
SURROGATE_BYTES = b"\xed\xa0\x80"
PREDICATE = "payload.predicate"


def cases() -> list[Case]:
    """Return them all."""
    return [
        *_files(),
        *_envelopes(),
        *_payload_bytes(),
        *_payload_forms(),
        *_payload_keys(),
        *_numbers(),
        *_targets(),
    ]


def _files() -> list[Case]:
    """No JSON at all: exit 2, as for any wrong file."""
    good = signed(making.small_payload())
    text = good.decode()
    return [
        no_json("file_empty", "an empty file is no JSON.", b""),
        no_json("file_of_white_space", "white space is no JSON.", b" \n"),
        no_json("file_truncated", "the file ends before its JSON does.", good[:-3]),
        no_json("file_with_trailing_junk", "nothing may follow the document.", good + b"x"),
        no_json(
            "file_with_a_trailing_nul", "nothing may follow the document, a zero byte least of all.", good + b"\0"
        ),
        no_json("file_of_two_documents", "which of the two counts would be a matter of taste.", good + good),
        no_json(
            "file_with_a_byte_order_mark",
            "RFC 8259 lets a reader refuse a byte order mark; this one does.",
            BOM + good,
        ),
        no_json("file_in_utf_16", "JSON between programs is UTF-8.", text.encode("utf-16")),
        no_json("file_in_utf_16_without_a_mark", "JSON between programs is UTF-8.", text.encode("utf-16-be")),
        no_json("file_in_overlong_utf_8", "/ in two bytes is no UTF-8.", good.replace(b"/", OVERLONG_SLASH, 1)),
        no_json(
            "file_with_a_surrogate_in_utf_8", "half of a pair is no UTF-8.", good.replace(b"SHA256:", SURROGATE_BYTES)
        ),
        no_json("file_with_a_comment", "JSON has no comments.", b"// a certificate\n" + good),
        no_json("file_in_single_quotes", "JSON has double quotes.", good.replace(b'"', b"'")),
        no_json(
            "file_with_a_raw_line_end",
            "a line end inside a string is no JSON.",
            good.replace(b"SHA256:", b"SHA256\n"),
        ),
        no_json("file_nested_deeply", "an array five thousand deep.", b"[" * DEPTH + b"]" * DEPTH),
        no_json(
            "file_of_objects_nested_deeply", "objects five thousand deep.", b'{"":' * DEPTH + b"0" + b"}" * DEPTH
        ),
    ]


def _envelopes() -> list[Case]:
    good = signed(making.small_payload())
    payload = b'{"payload":"'
    return [
        invalid(
            "envelope_payload_twice",
            "the key payload twice: one could be verified and the other read.",
            good.replace(payload, b'{"payload":"e30=","payload":"', 1),
            "payload",
        ),
        invalid(
            "envelope_payload_twice_by_an_escape",
            "the key payload twice, once with an escape.",
            good.replace(payload, rb'{"pa\u0079load":"e30=","payload":"', 1),
            "payload",
        ),
        invalid(
            "envelope_signature_twice",
            "the key sig twice in one signature.",
            good.replace(b'"sig":', b'"sig":"","sig":', 1),
            "signatures[0].sig",
        ),
        invalid(
            "envelope_key_in_a_capital",
            "Payload is not payload; some readers take it for that.",
            good.replace(b'"payload":', b'"Payload":', 1),
            "",
        ),
        invalid(
            "envelope_key_in_both_cases",
            "payload, and Payload besides: some readers take the last.",
            good.replace(payload, b'{"Payload":"e30=","payload":"', 1),
            "",
        ),
        invalid(
            "envelope_with_half_a_surrogate",
            "half of a surrogate pair is no character.",
            good.replace(b"SHA256:", rb"\ud800SHA256:", 1),
            "signatures[0].keyid",
        ),
        invalid("envelope_with_nan", "NaN is no JSON.", good.replace(payload, b'{"n":NaN,"payload":"', 1), "n"),
        invalid(
            "envelope_with_infinity",
            "Infinity is no JSON.",
            good.replace(payload, b'{"n":-Infinity,"payload":"', 1),
            "n",
        ),
        invalid(
            "envelope_with_a_float", "there are no floats.", good.replace(payload, b'{"n":1.0,"payload":"', 1), "n"
        ),
        invalid(
            "envelope_with_a_huge_number",
            "a number of five thousand digits.",
            good.replace(payload, b'{"n":1' + b"0" * 5000 + b',"payload":"', 1),
            "n",
        ),
    ]


def _payload_bytes() -> list[Case]:
    """What is signed is no JSON, or JSON in other bytes than the one form."""
    good = making.small_payload()
    return [
        invalid(f"payload_{name}", f"{why}; it is signed, and no less wrong.", signed(data), "payload")
        for name, why, data in (
            ("with_a_byte_order_mark", "a byte order mark before the statement", BOM + good),
            ("in_utf_16", "the statement is UTF-16", good.decode().encode("utf-16")),
            ("in_overlong_utf_8", "/ in two bytes is no UTF-8", good.replace(b"/", OVERLONG_SLASH, 1)),
            ("with_trailing_junk", "something follows the statement", good + b"x"),
            ("of_two_documents", "two statements, one after the other", good + good),
            ("cut_short", "the statement has no end", good[:-1]),
            ("nested_deeply", "an array five thousand deep", b"[" * DEPTH + b"]" * DEPTH),
            ("that_ends_a_line", "canonical JSON has no white space, a line end neither", good + b"\n"),
        )
    ]


def _payload_forms() -> list[Case]:
    """The true statement in JSON that is not canonical."""
    document = statement()
    seeded = put(document, "predicate", "base", "seed", to="é")
    compact = {"separators": (",", ":")}
    return [
        invalid(f"payload_form_{name}", f"{why}: a statement has one form only.", signed_text(text), "payload")
        for name, why, text in (
            ("spaces", "spaces after commas and colons", json.dumps(document, sort_keys=True)),
            ("indented", "the statement is indented", json.dumps(document, sort_keys=True, indent=1)),
            ("key_order", "keys are in another order", json.dumps(dict(reversed(document.items())), **compact)),
            (
                "inner_key_order",
                "keys within the predicate are in another order",
                json.dumps(put(document, "predicate", to=_reversed), **compact),
            ),
            (
                "escaped_letter",
                "a letter is an escape",
                canonical(document).decode().replace("tiny.j", r"\u0074iny.j"),
            ),
            ("escaped_slash", "/ is an escape", canonical(document).decode().replace("/", r"\/")),
            ("escaped_unicode", "é is an escape", json.dumps(seeded, sort_keys=True, **compact)),
        )
    ]


def _reversed(node: object) -> dict[str, object]:
    assert isinstance(node, dict)
    return dict(reversed(node.items()))


def _payload_keys() -> list[Case]:
    return [
        invalid(
            "payload_key_twice",
            "predicateType twice: readers differ in which they take.",
            lie_in_text('"predicateType":', '"predicateType":"urn:certify:equivalence:v1","predicateType":'),
            "payload.predicateType",
        ),
        invalid(
            "payload_inner_key_twice",
            "the seed twice: readers differ in which they take.",
            lie_in_text('"seed":"0"', '"seed":"1","seed":"0"'),
            f"{PREDICATE}.base.seed",
        ),
        invalid(
            "payload_key_twice_with_the_same_value",
            "the seed twice and both times the same: a key stands once.",
            lie_in_text('"seed":"0"', '"seed":"0","seed":"0"'),
            f"{PREDICATE}.base.seed",
        ),
        invalid(
            "payload_key_twice_by_an_escape",
            "the seed twice, once with an escape in its key.",
            lie_in_text('"seed":"0"', r'"se\u0065d":"1","seed":"0"'),
            f"{PREDICATE}.base.seed",
        ),
        invalid(
            "payload_key_in_a_capital",
            "Claim is not claim; some readers take it for that.",
            lie_in_text('"claim":', '"Claim":'),
            PREDICATE,
        ),
        invalid(
            "payload_key_in_both_cases",
            "a second claim in capitals, which some readers take for the first.",
            lie_in_text('"claim":', '"CLAIM":{},"claim":'),
            PREDICATE,
        ),
        invalid(
            "payload_key_of_lookalike",
            "sееd with two Cyrillic letters is another key.",
            lie_in_text('"seed":', '"sееd":'),
            f"{PREDICATE}.base",
        ),
        invalid(
            "payload_key_not_normalized",
            "full-width letters are other keys.",
            lie_in_text('"seed":', '"ｓeed":'),
            f"{PREDICATE}.base",
        ),
        invalid(
            "payload_with_half_a_surrogate",
            "half of a surrogate pair in the seed is no character, and no UTF-8 to hash.",
            lie_in_text('"seed":"0"', r'"seed":"\ud800"'),
            f"{PREDICATE}.base.seed",
        ),
        invalid(
            "payload_with_a_surrogate_in_utf_8",
            "half of a surrogate pair in the seed as three bytes.",
            signed(making.true_payload().replace(b'"seed":"0"', b'"seed":"' + SURROGATE_BYTES + b'"')),
            "payload",
        ),
    ]


def _numbers() -> list[Case]:
    neurons = f"{PREDICATE}.proof.neurons"
    forms = {
        "1_0": ("6.0 is a float, if an equal one", "6.0", neurons),
        "1e0": ("6e0 is a float, if an equal one", "6e0", neurons),
        "minus_0": ("-0 is 0 for some and a float for others", "-0", "payload"),
        "nan": ("NaN is no JSON", "NaN", neurons),
        "infinity": ("Infinity is no JSON", "Infinity", neurons),
        "1e400": ("1e400 is infinite for some readers", "1e400", neurons),
        "2_53_plus_1": ("2^53 + 1 is another number for readers that take doubles", str(2**53 + 1), neurons),
        "2_53": ("2^53 is what 2^53 + 1 becomes in a double", str(2**53), neurons),
        "10_5000": ("a number of five thousand digits", "1" + "0" * 5000, neurons),
        "leading_zero": ("06 is no JSON, and octal for some", "06", "payload"),
        "text": ('"6" is text', '"6"', neurons),
        "true": ("true is no number, if 1 for some", "true", neurons),
    }
    made = [
        invalid(f"number_{name}", f"{why}.", lie_in_text('"neurons":6', f'"neurons":{text}'), place)
        for name, (why, text, place) in forms.items()
    ]
    return [
        *made,
        invalid(
            "number_large_as_text_that_is_small",
            "a large integer is decimal text, and one that is small is not.",
            making.lie_in("claim", "high", to="2"),
            f"{PREDICATE}.claim.high",
        ),
        invalid(
            "number_large_with_a_leading_zero",
            "decimal text has one form for each integer.",
            making.lie_in("proof", "sweep", "work", to="09007199254740993"),
            f"{PREDICATE}.proof.sweep.work",
        ),
        invalid(
            "number_large_of_1001_digits",
            "decimal text has at most a thousand digits.",
            making.lie_in("proof", "sweep", "work", to="1" * 1001),
            f"{PREDICATE}.proof.sweep.work",
        ),
        invalid(
            "number_large_in_other_digits",
            "Arabic-Indic digits are decimal for some readers.",
            making.lie_in("proof", "sweep", "work", to="٩" * 17),
            f"{PREDICATE}.proof.sweep.work",
        ),
    ]


def _targets() -> list[Case]:
    """The target file within the statement, whose digest is right."""
    place = f"{PREDICATE}.target.bytes"
    deep = b"[" * DEPTH + b"]" * DEPTH
    utf_16 = target_bytes(TINY).decode().encode("utf-16")
    texts = {
        "key_twice": (
            "a layer's weights stand twice",
            '"weights": [[3',
            '"weights": [[0, 0], [0, 0]], "weights": [[3',
        ),
        "key_in_a_capital": ("Weights are not weights", '"weights"', '"Weights"'),
        "unknown_key": ("an unknown key could change what a layer is", '"bias"', '"dropout": 0, "bias"'),
        "float": ("weights are integers, and 3.0 is none", "[[3, -4]", "[[3.0, -4]"),
        "nan": ("NaN is no weight", "[[3, -4]", "[[NaN, -4]"),
        "2_63": ("a bias beyond 64 bits", "[0, 5]", f"[0, {2**63}]"),
        "weight_too_large": ("5 is beyond the weights of two bits", "[[3, -4]", "[[5, -4]"),
        "low_above_high": ("an empty box, on which anything holds", '"low": -2', '"low": 3'),
        "other_format": ("the format's version is not known", "certify.network/1", "certify.network/2"),
        "no_layers": ("there is nothing to prove of it", '"layers": [{', '"layers": [], "layer": [{'),
        "trailing_junk": ("something follows the network", "[]}]}", "[]}]}x"),
    }
    made = [
        invalid(f"target_json_{name}", f"the target file: {why}.", in_target(old, new), place)
        for name, (why, old, new) in texts.items()
    ]
    return made + [
        invalid(
            f"target_json_{name}",
            f"the target file is {why}.",
            making.signed_statement(making.with_target(data)),
            place,
        )
        for name, why, data in (
            ("with_a_byte_order_mark", "UTF-8 behind a byte order mark", BOM + target_bytes(TINY)),
            ("in_utf_16", "UTF-16", utf_16),
            ("nested_deeply", "an array five thousand deep", deep),
            ("empty", "empty", b""),
        )
    ]
