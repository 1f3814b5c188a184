"""Certificates of the equivalence of two networks: what they claim, less than everything, and what does not hold.

An implementation that reads tickets only may say of these that they are not covered.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import equivalences
import numpy as np
from conformance import making
from conformance.case import EQUIVALENCES, Case, accepted, claims_less, invalid, needing, refuted, undecided
from conformance.making import IDENTITY, put, signed, signed_statement
from equivalences import OTHER, WITHIN, permuted
from program import TINY, b64, changed, sha256, target_bytes
from random_bases import full, random_base

from certify.base.claimed import BaseFiles, read_base
from certify.base.draw import random_weights
from certify.base.law import Precision
from certify.certificate.equivalence import Equivalence
from certify.issue import decide, issue_in
from certify.network.arrays.file import File
from certify.network.model import Network
from certify.network.target import read_target
from certify.network.writer import write_network
from certify.proof.claim import EQUAL, Relation

LEFT, RIGHT, CLAIM, PROOF = (("predicate", name) for name in ("left", "right", "claim", "proof"))
WHERE = "payload.predicate"
ANY = "--any-claim"


def cases() -> list[Case]:
    """Return them all."""
    return needing([*_true(), *_hard(), *_less(), *_claims(), *_files(), *_proofs(), *_pruned()], EQUIVALENCES)


@cache
def payload(name: str) -> bytes:
    """The payload of one of the claims that tests share, with fixed versions."""
    return making.with_versions(equivalences.proved(name))


def said(name: str) -> Any:
    """The same, to be changed."""
    return json.loads(payload(name))


def _wrong(name: str, *path: Any, to: Any) -> bytes:
    return signed_statement(put(said(name), *path, to=to))


def _with(right: Any, relation: Relation = EQUAL) -> bytes:
    """The payload about TINY and another document."""
    return making.with_versions(decide(equivalences.equivalence(right, relation)))


def _true() -> list[Case]:
    return [
        accepted("equivalence_equal", "TINY and TINY with its hidden units exchanged.", signed(payload("equal"))),
        accepted(
            "equivalence_of_a_network_with_itself",
            "a network equals itself, in other bytes and under another name.",
            signed(_with(changed("name", to="the same"))),
        ),
        accepted(
            "equivalence_of_a_finer_output",
            "one network's outputs are finer, and equal in value.",
            signed(_with(_finer())),
        ),
        accepted("equivalence_pruned_base", "A network and a pruning of a network in a file.", signed(pruned())),
        accepted(
            "equivalence_pruned_base_with_a_seed",
            "A network and a pruning of a network in a file, every weight of which is the seed's.",
            signed(pruned("s")),
        ),
        accepted(
            "equivalence_name_unicode",
            "the right file's name may be any printable text.",
            _wrong("equal", *RIGHT, "name", to="Réseau 网络.json"),
        ),
        accepted(
            "equivalence_rlimit_of_another",
            "what a proof may spend is its maker's choice, and this one needs nothing.",
            _wrong("equal", *PROOF, "rlimit", to=1),
        ),
    ]


def _finer() -> Any:
    """TINY, every weight of whose last layer is written in half the steps."""
    layer = TINY["layers"][1]
    weights = [[2 * weight for weight in row] for row in layer["weights"]]
    return changed("layers", 1, to=layer | {"precision_bits": 3, "weights": weights})


@cache
def pruned(seed: str | None = None) -> bytes:
    """The payload of a ticket for y = x in a network that a file holds: with a seed, in that seed's."""
    target = read_target(target_bytes(IDENTITY))
    source = BaseFiles((File("base.json", _base(target.network, seed)),), None, None, seed)
    return making.with_versions(issue_in("y.json", target, source, read_base(source, target.network)))


def _base(target: Network, seed: str | None) -> bytes:
    """A random network of 48 hidden units; with a seed, every weight drawn from it."""
    base = random_base(target, [48], [(1, 1)])
    if seed is None:
        return write_network(base)
    layers = []
    for index, layer in enumerate(base.layers):
        rows, columns = (part.reshape(-1) for part in np.indices(layer.weights.shape))
        precision = Precision(layer.precision_bits, layer.precision_bits)
        drawn = random_weights(seed, index, precision, "floor", rows, columns)
        layers.append(replace(layer, weights=full(drawn.reshape(layer.weights.shape))))
    return write_network(replace(base, layers=tuple(layers)))


def _max_of_three(first: int, second: int, third: int) -> Any:
    """The largest of three inputs: that of two of them, and then that and the third, on a grid nobody can sweep."""
    one = [[int(index == which) for index in range(3)] for which in (first, second, third)]
    less = [[-value for value in row] for row in one]
    inputs = [[b - a for a, b in zip(one[0], one[1], strict=True)], one[0], less[0], one[2], less[2]]
    larger = [[-1, -1, 1, 1, -1], [1, 1, -1, 0, 0], [-1, -1, 1, 0, 0]]
    relu = [{"op": "relu"}]
    return {
        "format": "certify.network/1",
        "input": {"shape": [3], "low": -(2**62), "high": 2**62, "precision_bits": 0},
        "layers": [
            {"op": "dense", "precision_bits": 0, "weights": inputs, "then": relu},
            {"op": "dense", "precision_bits": 0, "weights": larger, "then": relu},
            {"op": "dense", "precision_bits": 0, "weights": [[1, 1, -1]]},
        ],
    }


@cache
def _maxima() -> bytes:
    """The payload of two orders in which the largest of three can be found."""
    left, right = (
        equivalences.file("a.json", _max_of_three(0, 1, 2)),
        equivalences.file("b.json", _max_of_three(2, 0, 1)),
    )
    claim = Equivalence(left, right, EQUAL, left.network.input)
    return making.with_versions(decide(claim))


def _hard() -> list[Case]:
    said = json.loads(_maxima())
    return [
        accepted(
            "equivalence_by_merging",
            "the largest of three, found in two orders, on a grid too large to sweep: merging proves it.",
            signed(_maxima()),
        ),
        undecided(
            "equivalence_undecided",
            "it is true, and its proof may spend one of z3's steps on a question: that decides nothing.",
            signed_statement(put(said, *PROOF, "rlimit", to=1)),
        ),
        refuted(
            "equivalence_on_a_large_grid_that_does_not_hold",
            "a weight of one network has the other sign, and the grid is too large to sweep: a point is found.",
            signed_statement(put(said, *RIGHT, "bytes", to=b64(target_bytes(_with_another_sign())))),
        ),
    ]


def _with_another_sign() -> Any:
    return put(_max_of_three(2, 0, 1), "layers", 1, "weights", 0, 3, to=-1)


def _less() -> list[Case]:
    less = {
        "within": ("outputs differ by at most 4", payload("within")),
        "argmax": ("the largest output has the same index", payload("argmax")),
        "on_a_part": ("it holds on the part of the box that both files share", payload("part")),
        "on_a_domain": ("it holds on a small domain that its maker chose", payload("domain")),
        "within_0": (
            "outputs differ by at most 0, which is equality said otherwise",
            _with(permuted(), Relation("within")),
        ),
    }
    refused = [
        claims_less(
            f"equivalence_{name}",
            f"{what}: true, and less than equality on the whole box, which is what an audit asks for.",
            signed(data),
        )
        for name, (what, data) in less.items()
    ]
    return refused + [
        accepted(
            f"equivalence_{name}_any_claim",
            f"{what}, and the auditor accepts any claim.",
            signed(data),
            making.TRUST,
            ANY,
        )
        for name, (what, data) in less.items()
    ]


def _claims() -> list[Case]:
    claim = f"{WHERE}.claim"
    wrong = {
        "bound_negative": ("within", ["bound"], -1, "outputs cannot differ by less than 0", ".bound"),
        "bound_missing": ("within", ["bound"], None, "within what?", ".bound"),
        "bound_as_text": ("within", ["bound"], "4", "small integers are numbers", ".bound"),
        "bound_of_equality": ("equal", ["bound"], 0, "equality has no bound", ".bound"),
        "bound_of_argmax": ("argmax", ["bound"], 1, "argmax has no bound", ".bound"),
        "relation_unknown": ("equal", ["relation"], "similar", "there is no such relation", ".relation"),
        "box_outside": ("equal", ["high"], 3, "the box leaves that of both files", ".high"),
        "box_outside_the_right": ("part", ["low"], -2, "the box leaves that of the right file", ".low"),
        "box_empty": ("equal", ["low"], [-2, 3], "on an empty box anything holds", ".low"),
        "box_of_three_inputs": ("equal", ["low"], [0, 0, 0], "the networks have two inputs", ".low"),
        "points_wrong": ("equal", ["points"], [[5, 3]], "there are 5^2 points", ".points[0][1]"),
        "box_smaller_than_its_points": (
            "equal",
            ["low"],
            -1,
            "the box is smaller than the points say",
            ".points[0][0]",
        ),
    }
    made = [
        invalid(
            f"equivalence_{name}",
            f"{why}.",
            _wrong(claimed, *CLAIM, *path, to=to),
            f"{claim}{place}",
        )
        for name, (claimed, path, to, why, place) in wrong.items()
    ]
    return [
        *made,
        refuted(
            "equivalence_bound_too_small",
            "outputs differ by 3 somewhere, and the claim says by 2 at most.",
            _wrong("within", *CLAIM, "bound", to=2),
        ),
        refuted(
            "equivalence_within_called_equal",
            "outputs differ somewhere, and the claim says they are equal.",
            _wrong("within", *CLAIM, to=lambda found: found | {"relation": "equal", "bound": None}),
        ),
        invalid(
            "equivalence_within_called_argmax",
            "the claim is argmax and has the bound of another: argmax has none.",
            _wrong("within", *CLAIM, to=lambda found: found | {"relation": "argmax"}),
            f"{claim}.bound",
        ),
    ]


def _files() -> list[Case]:
    right = f"{WHERE}.right"
    three = changed("layers", 1, "weights", to=[[1, 1]] * 3)
    return [
        invalid(
            "equivalence_digest_of_the_right",
            "the subject's digest is that of the right file; it is about the left one.",
            _wrong("equal", "subject", 0, "digest", "sha256", to=sha256(target_bytes(permuted()))),
            "payload.subject[0].digest.sha256",
        ),
        invalid(
            "equivalence_name_with_a_path",
            "a path could overwrite a file elsewhere.",
            _wrong("equal", *RIGHT, "name", to="../other.json"),
            f"{right}.name",
        ),
        invalid(
            "equivalence_name_missing",
            "the right file has a name.",
            _wrong("equal", *RIGHT, "name", to=...),
            right,
        ),
        invalid(
            "equivalence_left_pruned",
            "only on the right is there a pruned base.",
            _wrong("equal", *LEFT, to=json.loads(pruned())["predicate"]["right"]),
            f"{WHERE}.left.format",
        ),
        invalid(
            "equivalence_of_other_outputs",
            "networks of four and of three outputs cannot be compared.",
            _wrong("equal", *RIGHT, "bytes", to=b64(target_bytes(three))),
            right,
        ),
        refuted(
            "equivalence_right_changed",
            "one weight of the right network is another; no digest of it has to be right.",
            _wrong("equal", *RIGHT, "bytes", to=b64(target_bytes(OTHER))),
        ),
    ]


def _proofs() -> list[Case]:
    proof = f"{WHERE}.proof"
    assert WITHIN.bound == 4
    return [
        invalid(
            f"equivalence_{name}",
            f"{why}.",
            _wrong(claimed, *PROOF, *path, to=to),
            f"{proof}{place}",
        )
        for name, claimed, path, to, why, place in (
            ("maximum_wrong", "within", ["maximum"], 2, "the largest difference is 3", ".maximum"),
            (
                "maximum_larger",
                "within",
                ["maximum"],
                4,
                "the largest difference that an audit certifies is 3",
                ".maximum",
            ),
            ("maximum_missing", "within", ["maximum"], None, "the largest difference is part of it", ".maximum"),
            ("maximum_of_equality", "equal", ["maximum"], 0, "equality has no largest difference", ".maximum"),
            ("rlimit_of_0", "equal", ["rlimit"], 0, "z3 takes 0 for no limit", ".rlimit"),
            ("rlimit_of_2_32", "equal", ["rlimit"], 2**32, "z3's limit is below 2^32", ".rlimit"),
            ("result_refuted", "equal", ["result"], "refuted", "a refutation is no certificate", ".result"),
            ("strategy_of_another", "equal", ["strategy"], "merging", "a sweep proves it", ".strategy"),
            ("sweep_work_wrong", "equal", ["sweep", "work"], 1, "the sweep's work is recomputed", ".sweep.work"),
            ("neurons", "equal", ["neurons"], 6, "a ticket's field is none of an equivalence", ""),
        )
    ]


def _pruned() -> list[Case]:
    right = f"{WHERE}.right"
    base = (*RIGHT, "base")
    wrong = [
        ("pruned_seed_wrong", "s", ("seed",), "t", "weights are not the seed's", ".base"),
        ("pruned_seed_invented", None, ("seed",), "s", "no seed draws this network", ".base"),
        ("pruned_rounded_wrong", None, ("rounded",), 1, "rounding changed no number", ".base.rounded"),
        ("pruned_files_none", None, ("files",), [], "there is no network to prune", ".base.files"),
        (
            "pruned_file_with_a_path",
            None,
            ("files", 0, "name"),
            "../b",
            "a path could overwrite a file",
            ".base.files[0].name",
        ),
        (
            "pruned_layout_of_a_network",
            None,
            ("layout",),
            {"name": "l", "bytes": ""},
            "a network needs no layout",
            ".base",
        ),
    ]
    edges = making.base64_of(json.loads(pruned())["predicate"]["right"]["masks"][1]["data"])
    return [
        *(
            invalid(f"equivalence_{name}", f"{why}.", _wrong_in(of, *base, *path, to=to), f"{right}{place}")
            for name, of, path, to, why, place in wrong
        ),
        invalid(
            "equivalence_pruned_mask_missing",
            "a matrix has no mask.",
            _wrong_in(None, *RIGHT, "masks", to=lambda masks: masks[:1]),
            f"{right}.masks",
        ),
        refuted(
            "equivalence_pruned_mask_changed",
            "an output lost its first edge.",
            _wrong_in(None, *RIGHT, "masks", 1, to=making.mask_form(bytes([edges[0] - 1]) + edges[2:])),
        ),
        invalid(
            "equivalence_pruned_on_a_part",
            "of a pruned base the claim is on the whole box.",
            _wrong_in(None, *CLAIM, "high", to=1),
            f"{WHERE}.claim",
        ),
    ]


def _wrong_in(seed: str | None, *path: Any, to: Any) -> bytes:
    return signed_statement(put(json.loads(pruned(seed)), *path, to=to))
