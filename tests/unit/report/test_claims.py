"""What results say of two networks: which, on what box, and whether that is less than equality on the whole one."""

from __future__ import annotations

import dataclasses
import json

import pytest
from equivalences import CLAIMS, FAR, WIDER, equivalence, found, permuted, proved
from program import issued, sha256, signing_key, target_bytes
from written import to_json, to_text

from certify.base.claimed import Base, BaseFiles
from certify.certificate.audit import Audit
from certify.certificate.signatures import SignatureCheck, Signer, Standing
from certify.certificate.statement import Statement
from certify.certificate.trust import TrustedKey
from certify.errors import FalseClaimError
from certify.network.arrays.file import File
from certify.proof.claim import Relation, Verdict, Witness
from certify.proof.prover import Maximum, Stage
from certify.report import claims
from certify.report.result import of_audit, of_error, of_proof

TRUSTED = SignatureCheck(
    (Signer(signing_key(1).public.key_id, Standing.VALID, TrustedKey("alice", signing_key(1).public)),)
)


def result(name, **changes):
    made = proved(name)
    return of_proof(made.subject, dataclasses.replace(made.proof, **changes), {}, {}, command="equal")


def headline(shown):
    return to_text([shown], quiet=True)


def lines(shown, name):
    """What stands behind one name, its further lines too."""
    texts = to_text([shown]).splitlines()[1:]
    begin = next(index for index, text in enumerate(texts) if text.startswith(f"  {name} "))
    end = begin + 1
    while end < len(texts) and texts[end].startswith(" " * 3):
        end += 1
    return [text[15:] for text in texts[begin:end]]


HEADLINES = {
    "equal": "proved: tiny.json equals other.json on all 5^2 input points",
    "within": f"proved: tiny.json is within {FAR + 1} of other.json on all 5^2 input points",
    "argmax": "proved: tiny.json has the argmax of other.json on all 5^2 input points",
    "part": "proved: tiny.json equals other.json on 4 · 5 input points, a part of the box",
    "domain": "proved: tiny.json equals other.json on 2 · 3 input points, a part of the box",
    "pruned": "proved: tiny.json equals base.json, pruned, on all 5^2 input points",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_headline(name):
    assert headline(result(name)) == HEADLINES[name]


def test_claim_of_two_files():
    claim = result("within").claim
    assert claim == {
        "relation": "within",
        "bound": FAR + 1,
        "left": {"name": "tiny.json", "sha256": sha256(target_bytes()), "conversion": None},
        "right": {"name": "other.json", "sha256": proved("within").subject.right.sha256, "conversion": None},
        "whole_box": True,
        "low": -2,
        "high": 2,
        "points": [[5, 2]],
    }
    assert result("within").ticket == {}
    assert result("equal").claim["bound"] is None


def test_claim_of_a_pruned_base():
    shown = result("pruned")
    assert shown.claim["right"] == {
        "base": [{"name": "base.json", "sha256": sha256(found().subject.right.source.files[0].data)}],
        "layout": None,
        "round_to": None,
        "rounded": 0,
        "seed": None,
    }
    assert set(shown.ticket) == {"target_parameters", "base_parameters", "kept", "lower_bound", "ratio"}
    assert shown.ticket["kept"] == sum(mask.kept for mask in found().subject.right.masks)
    assert lines(shown, "base")[0].startswith("base.json, sha256 ")
    assert lines(shown, "size")[0].startswith(f"{shown.ticket['kept']} of 1,560 weights kept; ")


def with_source(source, rounded=0):
    subject = found().subject
    right = dataclasses.replace(subject.right, source=source, base=Base(subject.right.base.network, rounded))
    return of_proof(dataclasses.replace(subject, right=right), found().proof, {}, {})


def test_a_base_of_many_files():
    files = tuple(File(f"{index}.npy", b"") for index in range(6))
    shown = with_source(BaseFiles(files, File("l\x1b.json", b""), 3, "\x1b"), 1234)
    assert headline(shown) == "proved: tiny.json equals 0.npy and 5 more, pruned, on all 5^2 input points"
    text = to_text([shown])
    assert "base         0.npy, sha256 " in text
    assert "… 6 files in all; --format json has them" in text
    assert "4.npy" not in text
    assert lines(shown, "layout")[0].startswith(r"l\x1b.json, sha256 ")
    assert lines(shown, "seed") == [r"'\x1b', and every weight is that seed's"]
    assert lines(shown, "rounding") == ["1,234 weights rounded to multiples of 2^-3"]
    assert all(shown_line.isprintable() for shown_line in text.splitlines())
    assert len(json.loads(to_json([shown]))["claim"]["right"]["base"]) == 6


@pytest.mark.parametrize(
    ("maximum", "said"),
    [
        (Maximum(3, 3), "at most 3, which is reached"),
        (Maximum(7, 3), "at most 7; 3 is the largest seen"),
        (Maximum(None, 3), "3 is the largest seen; no bound was found"),
    ],
)
def test_difference(maximum, said):
    shown = result("within", maximum=maximum)
    assert lines(shown, "difference") == [said]
    assert shown.checks["maximum"] == {"upper": maximum.upper, "seen": maximum.seen}
    assert "difference  " not in to_text([result("equal")])


def test_steps():
    stages = (Stage("hashing", "2 units are one"), Stage("remainder", "gave up"))
    shown = result("equal", portfolio=stages)
    assert lines(shown, "steps") == ["hashing: 2 units are one", "remainder: gave up"]
    assert shown.checks["portfolio"] == [
        {"name": "hashing", "outcome": "2 units are one"},
        {"name": "remainder", "outcome": "gave up"},
    ]
    ticket = of_proof(issued().subject, dataclasses.replace(issued().proof, portfolio=stages), {}, {})
    assert "hashing" not in to_text([ticket])
    assert "hashing: 2 units are one" in to_text([ticket], verbose=True)


def test_box():
    assert lines(result("domain"), "box") == ["low (0, -1), high (1)"]
    assert "  box  " not in to_text([result("equal")])
    both = of_proof(
        equivalence(permuted(), domain={"shape": [2], "low": 0, "high": 1, "precision_bits": 2}),
        dataclasses.replace(
            proved("equal").proof, claim=dataclasses.replace(proved("equal").proof.claim, low=(0, 0), high=(1, 1))
        ),
        {},
        {},
    )
    assert lines(both, "box") == ["0 to 1"]


def test_refuted():
    shown = result(
        "equal", verdict=Verdict.REFUTED, strategy=None, reason="they differ", witness=Witness((1, -2), (3,), (-4,))
    )
    assert shown.exit_code == 1
    assert headline(shown) == "refuted: whether tiny.json equals other.json on all 5^2 input points: they differ"
    assert lines(shown, "witness") == ["input (1, -2)", "left (3), right (-4)"]


def test_undecided():
    shown = result("argmax", verdict=Verdict.UNDECIDED, strategy=None, reason="z3 gave up")
    assert (shown.exit_code, shown.command) == (3, "equal")
    assert headline(shown).endswith("has the argmax of other.json on all 5^2 input points: z3 gave up")


@pytest.mark.parametrize(("strategy", "refuted"), [("merging", True), ("decomposition", True), ("sweep", False)])
def test_obligations(strategy, refuted):
    counts = issued().proof.obligations
    (said,) = lines(result("equal", strategy=strategy, obligations=counts), "obligations")
    assert said.endswith(": all refuted by z3") == refuted


# Less than equality on the whole box.


MISSING = {
    "equal": "",
    "pruned": "",
    "within": f"outputs within {FAR + 1}",
    "argmax": "the same argmax",
    "part": "equality on a part of the box",
    "domain": "equality on a part of the box",
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing(name):
    assert claims.what_is_missing(proved(name).subject) == MISSING[name]


def test_what_is_missing_may_be_both():
    said = claims.what_is_missing(equivalence(WIDER, Relation("argmax")))
    assert said == "the same argmax on a part of the box"
    assert claims.what_is_missing(issued().subject) == ""


def audited(name, check=TRUSTED, *, any_signer=False, any_claim=False, **changes):
    made = proved(name)
    audit = Audit(check, Statement(made.payload, made.subject, {}), dataclasses.replace(made.proof, **changes))
    return of_audit(audit, "c.json", {}, {}, any_signer=any_signer, any_claim=any_claim)


@pytest.mark.parametrize("name", MISSING)
def test_exit_code_of_an_audit(name):
    shown = audited(name)
    assert (shown.exit_code, shown.verdict) == (3 if MISSING[name] else 0, "proved")
    if MISSING[name]:
        assert shown.reason == f"expected equality on the whole box, found a claim of {MISSING[name]}"
        assert headline(shown).endswith(f"; {shown.reason}")
    assert audited(name, any_claim=True).exit_code == 0
    assert audited(name, None, any_signer=True, any_claim=True).exit_code == 0
    assert audited(name, SignatureCheck(()), any_claim=True).exit_code == 3


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.REFUTED, 1), (Verdict.UNDECIDED, 3)])
@pytest.mark.parametrize("any_claim", [False, True])
def test_no_other_verdict_gets_better_or_worse(verdict, code, any_claim):
    shown = audited("within", any_claim=any_claim, verdict=verdict, strategy=None, reason="because")
    assert (shown.exit_code, shown.reason) == (code, "because")


def test_false_claim():
    shown = of_error("audit", FalseClaimError("what", "where"), "mask.npz")
    assert (shown.exit_code, shown.verdict, shown.error.kind) == (1, None, "claim")
    assert shown.error.line() == "mask.npz: where: what"


@pytest.mark.parametrize("name", [*CLAIMS, "pruned"])
def test_json(name):
    document = json.loads(to_json([result(name)]))
    assert (document["verdict"], document["exit_code"], document["command"]) == ("proved", 0, "equal")
    assert document["claim"]["whole_box"] == (name not in {"part", "domain"})
