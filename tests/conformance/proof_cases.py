"""What a ticket's statement says of its proof, and proofs that do not hold: the audit makes its own."""

from __future__ import annotations

import dataclasses
import json

from conformance import making
from conformance.accepted_cases import mixed_unit, quantized_by_floor
from conformance.case import OBLIGATIONS, Case, invalid, needing, refuted
from conformance.making import NOBODY, lie_in, put, signed, signed_statement, with_target
from program import TINY, changed, issued, target_bytes

from certify.base.mask import Mask, from_positions
from certify.certificate.exact_ticket import Subject
from certify.issue import Options, decide

PROOF = "payload.predicate.proof"


def cases() -> list[Case]:
    """Return them all."""
    return [*_fields(), *_swept(), *_other_targets(), *_others(), *needing(_texts(), OBLIGATIONS)]


def _fields() -> list[Case]:
    wrong = {
        "result_refuted": ("a refutation is no certificate", ["result"], "refuted", ".result"),
        "result_undecided": ("what is undecided is no certificate", ["result"], "undecided", ".result"),
        "result_null": ("a proof has a result", ["result"], None, ".result"),
        "result_in_capitals": ("results are compared byte by byte", ["result"], "PROVED", ".result"),
        "strategy_of_another": ("the decomposition proves it", ["strategy"], "sweep", ".strategy"),
        "strategy_unknown": ("there is no such strategy", ["strategy"], "faith", ".strategy"),
        "obligations_none": ("z3 refuted obligations", ["obligations"], {}, ".obligations.bias"),
        "obligations_null": ("obligations are an object", ["obligations"], None, ".obligations"),
        "obligations_fewer": (
            "every weight is an obligation, one is missing",
            ["obligations", "weight", "count"],
            15,
            ".obligations.weight.count",
        ),
        "obligations_negative": (
            "a count is 0 or more",
            ["obligations", "weight", "count"],
            -1,
            ".obligations[...].count",
        ),
        "obligations_without_biases": (
            "biases are obligations too",
            ["obligations", "bias"],
            ...,
            ".obligations.bias",
        ),
        "obligations_invented": (
            "there are no such obligations",
            ["obligations", "security"],
            {"count": 1, "sha256": NOBODY},
            ".obligations.security",
        ),
        "neurons_none": ("neurons were asked besides", ["neurons"], 0, ".neurons"),
        "neurons_more": ("TINY has six neurons", ["neurons"], 7, ".neurons"),
        "sweep_work_wrong": (
            "the sweep's work is points times multiplications",
            ["sweep", "work"],
            1249,
            ".sweep.work",
        ),
        "sweep_missing": ("the grid is small enough to be swept besides", ["sweep"], None, ".sweep"),
        "sweep_with_points": ("an unknown field could be a restriction", ["sweep", "points"], 25, ".sweep"),
    }
    return [
        invalid(f"proof_{name}", f"{why}.", lie_in("proof", *path, to=to), f"{PROOF}{place}")
        for name, (why, path, to, place) in wrong.items()
    ]


def _texts() -> list[Case]:
    """What only those find who write the obligations down as docs/proof.md has them."""
    return [
        invalid(
            "proof_obligations_of_other_digest",
            "the digest is not that of the obligations' texts.",
            lie_in("proof", "obligations", "relu", "sha256", to=NOBODY),
            f"{PROOF}.obligations.relu.sha256",
        ),
        invalid(
            "proof_of_another_rounding",
            "the target rounds otherwise, and its ticket with it: they are equal, by other obligations than named.",
            signed_statement(with_target(target_bytes(changed("layers", 0, "then", 1, "rounding", to="half_up")))),
            f"{PROOF}.obligations.bias.sha256",
        ),
    ]


def _swept() -> list[Case]:
    said = json.loads(making.with_versions(decide(mixed_unit())))
    return [
        invalid(
            "proof_sweep_called_a_decomposition",
            "a hidden unit keeps two inputs, so that only a sweep proves it, and the statement says decomposition.",
            signed_statement(put(said, "predicate", "proof", "strategy", to="decomposition")),
            f"{PROOF}.strategy",
        ),
        invalid(
            "proof_sweep_with_obligations",
            "a sweep proves it, and the statement says that z3 refuted obligations.",
            signed_statement(
                put(said, "predicate", "proof", "obligations", to={"weight": {"count": 16, "sha256": NOBODY}})
            ),
            f"{PROOF}.obligations.weight",
        ),
    ]


def _other_targets() -> list[Case]:
    """The target's bytes and their digest are exchanged, and the ticket and its proof are TINY's."""
    changes = {
        "weight": (("layers", 1, "weights", 0, 0), 2, "one weight of the target is another"),
        "weight_of_zero": (("layers", 0, "weights", 1, 0), 1, "a weight of the target that was 0 is 1"),
        "weight_negated": (("layers", 0, "weights", 0, 1), 4, "one weight of the target has the other sign"),
        "bias": (("layers", 0, "bias", 1), 6, "one bias of the target is another"),
        "step_less": (("layers", 0, "then"), [], "the target has no ReLU"),
    }
    return [
        refuted(
            f"proof_of_another_{name}",
            f"{why}; it says proved, and there are points where outputs differ.",
            signed_statement(with_target(target_bytes(changed(*path, to=to)))),
        )
        for name, (path, to, why) in changes.items()
    ]


def _others() -> list[Case]:
    coarse = json.loads(quantized_by_floor())
    larger = target_bytes(changed("input", "high", to=3))
    return [
        refuted(
            "quantization_wrong",
            "weights were drawn more finely than kept, by floor, and the statement says toward_zero.",
            signed_statement(put(coarse, "predicate", "base", "quantization", to="toward_zero")),
        ),
        invalid(
            "proof_on_another_box",
            "the target's box is larger than the one that the claim names and the proof was for.",
            signed_statement(with_target(larger)),
            "payload.predicate.claim.high",
        ),
        refuted(
            "masks_of_another_target",
            "the masks, widths and proof of one target's certificate with the bytes and digest of another's.",
            signed_statement(with_target(target_bytes(_other()))),
        ),
        refuted(
            "proof_by_a_lying_builder",
            "everything was recomputed for a ticket that lost an edge, and the verdict alone is a lie.",
            signed(making.payload_of(_with_edge_less(), issued())),
        ),
        refuted(
            "proof_by_a_builder_who_lies_of_the_first_layer",
            "an edge of the first layer is not kept, and everything was recomputed but the verdict.",
            signed(making.payload_of(_with_edge_less(1), issued())),
        ),
    ]


def _other() -> object:
    """A target of TINY's shapes with other weights throughout."""
    return changed("layers", 1, "weights", to=[[-1, 2], [3, 0], [-2, 2], [4, -4]])


def _with_edge_less(index: int = 3) -> Subject:
    """TINY's ticket without the last edge of a mask."""
    subject = issued(TINY, Options()).subject
    assert isinstance(subject, Subject)
    mask = subject.masks[index]
    masks = (*subject.masks[:index], _without_last(mask), *subject.masks[index + 1 :])
    return dataclasses.replace(subject, masks=masks)


def _without_last(mask: Mask) -> Mask:
    return from_positions(mask.shape, mask.rows()[:-1], mask.columns[:-1])
