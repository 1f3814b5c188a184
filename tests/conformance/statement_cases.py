"""What a ticket's statement says around its proof: type, subject, base network, claim, sizes, versions."""

from __future__ import annotations

import json

from conformance import making
from conformance.case import Case, invalid, refuted
from conformance.making import NOBODY, lie, lie_in, signed_statement, statement
from program import b64, changed, sha256, target_bytes

PREDICATE = "payload.predicate"


def cases() -> list[Case]:
    """Return them all."""
    return [*_kinds(), *_subjects(), *_names(), *_fields(), *_bases(), *_claims(), *_sizes(), *_versions()]


def _kinds() -> list[Case]:
    place = "payload.predicateType"
    types = {
        "v3": ("urn:certify:exact-ticket:v3", "a version that is not known may mean anything"),
        "v0": ("urn:certify:exact-ticket:v0", "there never was such a version"),
        "without_version": ("urn:certify:exact-ticket", "a type has a version"),
        "in_capitals": ("URN:CERTIFY:EXACT-TICKET:V1", "types are compared byte by byte"),
        "of_provenance": ("https://slsa.dev/provenance/v1", "it is somebody else's predicate"),
        "empty": ("", "a statement has a predicate's type"),
        "number": (1, "a type is text"),
    }
    made = [
        invalid(
            f"predicate_type_{name}",
            f"the predicate's type is {kind!r}: {why}.",
            lie("predicateType", to=kind),
            place,
        )
        for name, (kind, why) in types.items()
    ]
    return [
        *made,
        invalid("predicate_type_missing", "a statement has a predicate's type.", lie("predicateType", to=...), place),
        invalid(
            "predicate_type_of_an_equivalence",
            "a ticket's predicate under the other type: each has a form of its own.",
            lie("predicateType", to="urn:certify:equivalence:v1"),
            PREDICATE,
        ),
        invalid(
            "statement_type_v0_1",
            "in-toto's statement of another version.",
            lie("_type", to="https://in-toto.io/Statement/v0.1"),
            "payload._type",
        ),
        invalid("statement_type_missing", "a statement says that it is one.", lie("_type", to=...), "payload"),
        invalid(
            "statement_an_array",
            "a statement is an object.",
            signed_statement([statement()]),
            "payload.predicateType",
        ),
        invalid("predicate_missing", "a statement has a predicate.", lie("predicate", to=...), "payload"),
        invalid("predicate_null", "a predicate is an object.", lie("predicate", to=None), PREDICATE),
    ]


def _subjects() -> list[Case]:
    place = "payload.subject"
    one = statement()["subject"][0]
    return [
        invalid("subject_none", "a statement is about a file.", lie("subject", to=[]), place),
        invalid(
            "subject_two",
            "a statement about two files says of neither which.",
            lie("subject", to=[one, one | {"name": "b"}]),
            place,
        ),
        invalid("subject_the_same_twice", "there is one subject.", lie("subject", to=[one, one]), place),
        invalid("subject_an_object", "subjects are a list.", lie("subject", to=one), place),
        invalid("subject_missing", "a statement is about a file.", lie("subject", to=...), "payload"),
        invalid(
            "subject_digest_of_another_file",
            "the digest is that of another file than the target in the certificate.",
            lie("subject", 0, "digest", "sha256", to=sha256(target_bytes(changed("name", to="other")))),
            f"{place}[0].digest.sha256",
        ),
        invalid(
            "subject_digest_in_capitals",
            "a digest is written in lower case.",
            lie("subject", 0, "digest", "sha256", to=one["digest"]["sha256"].upper()),
            f"{place}[0].digest.sha256",
        ),
        invalid(
            "subject_digest_missing",
            "without a digest a statement is about any file of this name.",
            lie("subject", 0, "digest", to={}),
            f"{place}[0].digest",
        ),
        invalid(
            "subject_digest_of_another_kind",
            "a second digest, which nobody here would check.",
            lie("subject", 0, "digest", "sha1", to="0" * 40),
            f"{place}[0].digest",
        ),
        invalid(
            "target_bytes_of_another_file",
            "one byte of the target was changed, the digest was not.",
            lie_in("target", "bytes", to=b64(target_bytes() + b" ")),
            f"{place}[0].digest.sha256",
        ),
    ]


def _names() -> list[Case]:
    names = {
        "in_a_folder": ("../tiny.json", "a path could overwrite a file elsewhere"),
        "absolute": ("/etc/passwd", "a path could overwrite a file elsewhere"),
        "of_windows": ("C:\\tiny.json", "a path on another system"),
        "of_a_stream": ("tiny.json:hidden", "a stream beside a file on another system"),
        "of_dots": ("..", "it names a folder"),
        "empty": ("", "it names nothing"),
        "with_a_line_end": ("tiny.json\n", "a line end could forge a line of a report"),
        "with_escape_codes": ("\x1b[2Jtiny.json", "escape codes could clear a terminal"),
        "right_to_left": ("tiny\u202enosj.exe", "letters that are shown in another order"),
        "with_a_nul": ("tiny.json\0.exe", "some programs end at a zero byte"),
        "of_256_characters": ("n" * 256, "no file has it"),
    }
    return [
        invalid(
            f"subject_name_{name}",
            f"a name is a plain one: {why}.",
            lie("subject", 0, "name", to=text),
            "payload.subject[0].name",
        )
        for name, (text, why) in names.items()
    ]


def _fields() -> list[Case]:
    return [
        invalid("unknown_field", "an unknown field could be a restriction.", lie("extra", to=1), "payload"),
        invalid(
            "unknown_field_of_the_predicate",
            "an unknown field could be a restriction.",
            lie_in("note", to=""),
            PREDICATE,
        ),
        invalid(
            "unknown_field_of_the_claim",
            "an unknown field could be a restriction.",
            lie_in("claim", "except", to=[]),
            f"{PREDICATE}.claim",
        ),
        invalid("field_missing", "sizes are part of a statement.", lie_in("sizes", to=...), PREDICATE),
        invalid(
            "target_format_unknown",
            "a format that nobody reads.",
            lie_in("target", "format", to="nnef"),
            f"{PREDICATE}.target.format",
        ),
        invalid(
            "target_format_of_another",
            "the bytes are not TFLite, whatever the format says.",
            lie_in("target", "format", to="tflite"),
            f"{PREDICATE}.target",
        ),
    ]


def _bases() -> list[Case]:
    base = f"{PREDICATE}.base"
    said = statement()["predicate"]["base"]
    return [
        refuted(
            "seed_wrong",
            "another seed draws other weights, and the masks no longer make the target.",
            lie_in("base", "seed", to="1"),
        ),
        refuted("seed_with_a_space", "a seed is taken as it is, with its spaces.", lie_in("base", "seed", to="0 ")),
        refuted("seed_with_a_zero", "a seed is text and no number.", lie_in("base", "seed", to="00")),
        refuted(
            "precision_drawn_wrong",
            "weights drawn at another precision are others.",
            lie_in("base", "precisions", 1, "drawn", to=2),
        ),
        refuted(
            "precision_wrong",
            "weights at another precision are others.",
            lie_in("base", "precisions", 1, to={"drawn": 2, "kept": 2}),
        ),
        *(
            invalid(name, f"{why}.", lie_in("base", *path, to=to), f"{base}{place}")
            for name, why, path, to, place in (
                ("seed_a_number", "a seed is text", ["seed"], 0, ".seed"),
                ("seed_missing", "without a seed nobody can draw the network", ["seed"], ..., ""),
                (
                    "generator_wrong",
                    "the generator is not known",
                    ["generator"],
                    "certify/base-network/2",
                    ".generator",
                ),
                (
                    "construction_wrong",
                    "the construction is not known",
                    ["construction"],
                    "theorem-3",
                    ".construction",
                ),
                (
                    "kept_digest_wrong",
                    "the digest is not that of the weights the seed draws",
                    ["kept_sha256"],
                    NOBODY,
                    ".kept_sha256",
                ),
                (
                    "precisions_too_few",
                    "every pair of matrices has a precision",
                    ["precisions"],
                    [{"drawn": 1, "kept": 1}],
                    ".precisions",
                ),
                (
                    "precision_too_coarse",
                    "Theorem 1 needs δ_t ≥ δ²",
                    ["precisions", 0],
                    {"drawn": 0, "kept": 0},
                    ".precisions",
                ),
                (
                    "precision_kept_finer",
                    "what is kept cannot be finer than what is drawn",
                    ["precisions", 0],
                    {"drawn": 1, "kept": 2},
                    ".precisions[0]",
                ),
                (
                    "precision_of_31_bits",
                    "weights have at most 30 bits",
                    ["precisions", 0, "drawn"],
                    31,
                    ".precisions[0].drawn",
                ),
                ("blocks_unknown", "there are no such blocks", ["blocks"], "wide", ".blocks"),
                ("blocks_of_no_units", "a block has a unit", ["blocks"], 0, ".blocks"),
                ("blocks_fixed_that_are_not", "there are not four blocks of 7 units", ["blocks"], 7, ".widths[0]"),
                (
                    "quantization_unknown",
                    "the quantization is not known",
                    ["quantization"],
                    "stochastic",
                    ".quantization",
                ),
                ("widths_too_few", "every pair of matrices has a width", ["widths"], [73], ".widths"),
                ("width_zero", "a pair has a hidden unit", ["widths", 0], 0, ".widths[0]"),
                ("width_of_2_31", "a width is below 2^31", ["widths", 0], 2**31, ".widths[0]"),
                ("width_huge", "a width is at most 2^24", ["widths", 0], 2**31 - 1, ".widths[0]"),
            )
        ),
        *(
            invalid(name, f"{why}.", lie_in("base", "widths", *path, to=to), f"{PREDICATE}.masks[{mask}].data")
            for name, why, path, to, mask in (
                ("width_larger", "a unit more than the masks have rows for", [0], said["widths"][0] + 1, 0),
                ("width_smaller", "a unit less than the masks have rows for", [1], said["widths"][1] - 1, 2),
                ("width_large", "millions of units that the masks have no rows for", [0], 2**24, 0),
            )
        ),
        invalid(
            "width_with_an_idle_unit",
            "the last unit keeps nothing, so grown blocks end before it.",
            _with_idle_unit(),
            f"{base}.widths[0]",
        ),
    ]


def _with_idle_unit() -> bytes:
    data = making.mask_codec.encode(making.tiny_masks()[0]) + b"\x00"
    said = making.put(statement(), "predicate", "masks", 0, to=making.mask_form(data))
    return signed_statement(making.put(said, "predicate", "base", "widths", 0, to=lambda width: width + 1))


def _claims() -> list[Case]:
    claim = f"{PREDICATE}.claim"
    return [
        invalid(name, f"{why}.", lie_in("claim", *path, to=to), f"{claim}{place}")
        for name, why, path, to, place in (
            ("claim_of_a_smaller_box", "a ticket equals its target on the target's whole box", ["high"], 1, ".high"),
            ("claim_of_a_larger_box", "nothing is known beyond the target's box", ["high"], 3, ".high"),
            ("claim_of_a_point", "a ticket equals its target on the target's whole box", ["low"], 2, ".low"),
            ("claim_per_input", "one bound for all inputs where they are the same", ["low"], [-2, -2], ".low"),
            ("claim_within", "a ticket's claim is equality, with no tolerance", ["relation"], "within", ".relation"),
            (
                "claim_argmax",
                "a ticket's claim is equality, not that of the largest output",
                ["relation"],
                "argmax",
                ".relation",
            ),
            ("claim_with_a_bound", "a ticket's claim has no tolerance", ["bound"], 1, ""),
            ("points_base_wrong", "the inputs have five values, not six", ["points"], [[6, 2]], ".points[0][0]"),
            ("points_exponent_wrong", "there are two inputs, not three", ["points"], [[5, 3]], ".points[0][1]"),
            ("points_split", "equal factors stand together", ["points"], [[5, 1], [5, 1]], ".points"),
            ("points_multiplied", "the number of points stands in factors", ["points"], [[25, 1]], ".points[0][0]"),
            ("points_none", "a box has points", ["points"], [], ".points"),
            ("points_of_three", "a factor is a base and an exponent", ["points"], [[5, 2, 1]], ".points[0]"),
        )
    ]


def _sizes() -> list[Case]:
    names = {
        "target_parameters": ("the target has twelve weights", 13),
        "base_parameters": ("the base network's size is that of its matrices", 39),
        "kept": ("the masks say how many edges are kept", 12),
        "lower_bound": ("Theorem 3 gives the bound", 1),
        "ratio": ("the ratio is that of the sizes", "1.000"),
    }
    made = [
        invalid(f"size_{name}_wrong", f"{why}.", lie_in("sizes", name, to=to), f"{PREDICATE}.sizes.{name}")
        for name, (why, to) in names.items()
    ]
    text = json.dumps(statement(), separators=(",", ":"), sort_keys=True)
    return [
        *made,
        invalid(
            "size_ratio_rounded_up",
            "the ratio is rounded down.",
            lie_in("sizes", "ratio", to="19.847"),
            f"{PREDICATE}.sizes.ratio",
        ),
        invalid(
            "size_ratio_a_float",
            "a ratio is text: floats differ among readers.",
            making.lie_in_text('"19.846"', "19.846", text),
            f"{PREDICATE}.sizes.ratio",
        ),
    ]


def _versions() -> list[Case]:
    versions = f"{PREDICATE}.versions"
    return [
        invalid("version_empty", "a version is some text.", lie_in("versions", "z3", to=""), f"{versions}[...]"),
        invalid(
            "version_with_a_line_end",
            "a line end could forge a line of a report.",
            lie_in("versions", "z3", to="4\n"),
            f"{versions}[...]",
        ),
        invalid(
            "version_of_escape_codes",
            "escape codes could clear a terminal.",
            lie_in("versions", "\x1b[2J", to="1"),
            versions,
        ),
    ]
