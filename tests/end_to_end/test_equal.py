"""`certify equal`: any two networks, from the command line to the certificate and back."""

from __future__ import annotations

import json

import naive
import pytest
from equivalences import FAR, OTHER, SMALL, WIDER, certificate, permuted
from program import TINY, b64, changed, payload_of, sha256, signed, signing_key, target_bytes, trust_line
from verdicts import only_the_decomposition

from certify.certificate.signatures import sign
from certify.network.compare import common_values
from certify.network.reader import read_network

ALICE, BOB = signing_key(1), signing_key(2)
KEY = ("--key", "alice.pem")
TRUST = ("--trust", "alice.pub")
FINER = changed("layers", 1, "precision_bits", to=3)


@pytest.fixture
def pair(certify):
    """The program beside networks and a key."""
    certify.write("a.json")
    certify.write("b.json", permuted())
    certify.write("other.json", OTHER)
    certify.write("wider.json", WIDER)
    certify.write("far.json", changed("input", to={"shape": [2], "low": 3, "high": 9, "precision_bits": 2}))
    certify.write("box.json", SMALL)
    certify.write("alice.pem", ALICE.to_pem())
    certify.write("alice.pub", trust_line(ALICE, "alice"))
    return certify


def asked(program, *arguments):
    return program("equal", *arguments, "--format", "json")


# Verdicts.


def test_equal(pair):
    before = pair.files()
    ran = pair("equal", "a.json", "b.json")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "proved: a.json equals b.json on all 5^2 input points"
    assert lines[1:3] == [
        f"  left         sha256 {sha256(target_bytes())}",
        f"  right        sha256 {sha256(target_bytes(permuted()))}",
    ]
    assert pair.files() == before  # no certificate was asked for, and no key is made


def test_unequal(pair):
    ran = asked(pair, "a.json", "other.json", "-o", "c.json", *KEY)
    assert ran.code == ran.result["exit_code"] == 1
    assert (ran.result["command"], ran.result["verdict"], ran.result["certificate"]) == ("equal", "refuted", "")
    witness = ran.result["witness"]
    assert witness["left"] == naive.evaluate(TINY, witness["input"])
    assert witness["right"] == naive.evaluate(OTHER, witness["input"])
    assert witness["left"] != witness["right"]
    assert not (pair.folder / "c.json").exists()
    text = pair("equal", "a.json", "other.json")
    assert (text.code, text.err) == (1, "")
    assert text.out.startswith("refuted: whether a.json equals other.json on all 5^2 input points: ")


@pytest.mark.parametrize(("bound", "code"), [(0, 1), (FAR - 1, 1), (FAR, 0), (FAR + 1, 0), (10**30, 0)])
def test_within(pair, bound, code):
    ran = asked(pair, "a.json", "other.json", "--within", bound)
    assert ran.code == ran.result["exit_code"] == code
    assert (ran.result["claim"]["relation"], ran.result["claim"]["bound"]) == ("within", bound)
    if code == 0:
        assert ran.result["checks"]["maximum"] == {"upper": FAR, "seen": FAR}


@pytest.mark.parametrize(("bound", "code"), [("0.1875", 0), ("0.125", 1), ("0.0", 1), ("1.0", 0)])
def test_within_a_value(pair, bound, code):
    """Outputs have 4 bits after the point: 0.1875 is 3 of them."""
    ran = asked(pair, "a.json", "other.json", "--within", bound)
    assert (ran.code, ran.result["claim"]["bound"]) == (code, float(bound) * 16)


def test_argmax(pair):
    pair.write("twice.json", changed("layers", 1, "weights", to=[[2, -4], [0, 4], [4, 4], [-4, 4]]))
    grid = list(naive.grid(TINY))

    def best(document):
        outputs = [naive.evaluate(document, point) for point in grid]
        return [values.index(max(values)) for values in outputs]

    twice = json.loads((pair.folder / "twice.json").read_text())
    expected = 0 if best(twice) == best(TINY) else 1
    assert asked(pair, "a.json", "twice.json", "--argmax").code == expected
    assert asked(pair, "a.json", "b.json", "--argmax").code == 0
    flat = changed("layers", 1, "weights", to=[[0, 0]] * 4)
    pair.write("flat.json", flat)
    ran = asked(pair, "a.json", "flat.json", "--argmax")
    assert ran.code == 1
    assert best(TINY)[grid.index(tuple(ran.result["witness"]["input"]))] != 0


def test_on_another_scale(pair):
    """Values are compared: the same integers at one bit more are halves."""
    pair.write("finer.json", FINER)
    ran = asked(pair, "a.json", "finer.json")
    witness = ran.result["witness"]
    left, right = read_network(target_bytes()), read_network(target_bytes(FINER))
    values = common_values(left, right, witness["left"], witness["right"])
    assert (ran.code, values[0] != values[1]) == (1, True)
    doubled = changed("layers", 1, "weights", to=[[2 * w for w in row] for row in TINY["layers"][1]["weights"]])
    doubled["layers"][1]["precision_bits"] = 3
    pair.write("doubled.json", doubled)
    assert asked(pair, "a.json", "doubled.json").code == 0


def test_workers_change_nothing(pair):
    for workers in ("1", "2"):
        ran = pair.run("equal", "a.json", "b.json", "-o", f"{workers}.json", *KEY, "--workers", workers)
        assert ran.code == 0, ran.err
    assert (pair.folder / "1.json").read_bytes() == (pair.folder / "2.json").read_bytes()


# Boxes.


def test_common_box(pair):
    ran = pair("equal", "a.json", "wider.json")
    assert ran.code == 0
    assert ran.error == "on the box (-1 to 2, -2 to 2), which is smaller than a network's own box"
    assert ran.out.startswith("proved: a.json equals wider.json on 4 · 5 input points, a part of the box\n")
    assert "\n  box          low (-1, -2), high (2)\n" in ran.out
    assert pair("equal", "a.json", "wider.json", "-q").err == ""
    claim = asked(pair, "wider.json", "a.json").result["claim"]
    assert (claim["low"], claim["high"], claim["whole_box"]) == ([-1, -2], 2, False)


def test_domain(pair):
    claim = asked(pair, "a.json", "b.json", "--domain", "box.json").result["claim"]
    assert (claim["low"], claim["high"], claim["points"]) == ([0, -1], 1, [[2, 1], [3, 1]])
    assert claim["whole_box"] is False


def test_domain_that_is_larger_changes_nothing(pair):
    pair.write("large.json", {"shape": [2], "low": -99, "high": 99, "precision_bits": 2})
    ran = asked(pair, "a.json", "b.json", "--domain", "large.json")
    assert (ran.code, ran.err, ran.result["claim"]["whole_box"]) == (0, "", True)


@pytest.mark.parametrize("arguments", [["far.json"], ["wider.json", "--domain", "nowhere.json"]])
def test_nothing_in_common(pair, arguments):
    pair.write("nowhere.json", {"shape": [2], "low": -2, "high": -2, "precision_bits": 2})
    before = pair.files()
    ran = asked(pair, "a.json", *arguments, "-o", "c.json", *KEY)
    assert ran.code == ran.result["exit_code"] == 3
    assert ran.result["verdict"] == "undecided"
    assert ran.result["reason"] == "the boxes have no point in common: there is nothing to check"
    text = pair("equal", "a.json", *arguments)
    assert (text.code, text.out) == (3, f"undecided: {ran.result['reason']}\n")
    assert pair.files() == before


def test_a_difference_outside_the_box_does_not_count(pair):
    differing = {
        tuple(point) for point in naive.grid(TINY) if naive.evaluate(TINY, point) != naive.evaluate(OTHER, point)
    }
    point = next(point for point in naive.grid(TINY) if tuple(point) not in differing)
    box = {"shape": [2], "low": list(point), "high": list(point), "precision_bits": 2}
    pair.write("point.json", box)
    assert asked(pair, "a.json", "other.json", "--domain", "point.json").code == 0


# Certificates.


def test_certificate(pair):
    ran = pair("equal", "a.json", "b.json", "-o", "c.json", *KEY)
    assert (ran.code, ran.err.splitlines()[0]) == (0, "wrote c.json")
    assert ran.err.splitlines()[1] == "audit it with: certify audit c.json --trust alice.pub"
    written = payload_of((pair.folder / "c.json").read_bytes())
    assert written["predicateType"] == "urn:certify:equivalence:v1"
    assert written["subject"][0]["name"] == "a.json"
    assert written["predicate"]["right"]["name"] == "b.json"
    audit = pair("audit", "c.json", *TRUST)
    assert (audit.code, audit.err) == (0, "")
    assert audit.out.startswith("proved: c.json: a.json equals b.json on all 5^2 input points\n")
    assert audit.out.splitlines()[-1].endswith(f"valid, trusted: alice {ALICE.public.key_id}")


def test_the_same_again(pair):
    for name in ("1.json", "2.json"):
        assert pair("equal", "a.json", "other.json", "--within", "5", "-o", name, *KEY).code == 0
    assert (pair.folder / "1.json").read_bytes() == (pair.folder / "2.json").read_bytes()


def test_a_first_run_makes_a_key(pair):
    ran = pair("equal", "a.json", "b.json", "-o", "c.json")
    assert ran.code == 0
    assert ran.err.startswith("made a signing key, SHA256:")
    assert pair("audit", "c.json").code == 0


LESS = {
    "within": (["other.json", "--within", "7"], "outputs within 7"),
    "argmax": (["b.json", "--argmax"], "the same argmax"),
    "part": (["wider.json"], "equality on a part of the box"),
    "domain": (["b.json", "--domain", "box.json"], "equality on a part of the box"),
    "both": (["b.json", "--domain", "box.json", "--within", "0"], "outputs within 0 on a part of the box"),
}


@pytest.mark.parametrize("name", LESS)
def test_less_than_equality_on_the_whole_box(pair, name):
    """`equal` was asked for less and says 0; an audit was not, unless a flag says so."""
    arguments, missing = LESS[name]
    assert pair("equal", "a.json", *arguments, "-o", "c.json", *KEY).code == 0
    ran = pair("audit", "c.json", *TRUST, "--format", "json")
    assert ran.code == ran.result["exit_code"] == 3
    assert (ran.result["verdict"], ran.result["trusted"]) == ("proved", True)
    assert ran.result["reason"] == f"expected equality on the whole box, found a claim of {missing}"
    text = pair("audit", "c.json", *TRUST, "-q")
    assert text.out.endswith(f"; {ran.result['reason']}\n")
    assert pair("audit", "c.json", *TRUST, "--any-claim").code == 0
    assert pair("audit", "c.json", "--any-signer", "--any-claim").code == 0
    assert pair("audit", "c.json", "--any-claim").code == 3


def test_both_kinds_of_certificates_in_one_run(pair):
    assert pair("a.json", *KEY).code == 0
    assert pair("equal", "a.json", "b.json", "-o", "c.json", *KEY).code == 0
    ran = pair("audit", "a.certificate.json", "c.json", *TRUST, "--format", "json")
    assert ran.code == 0
    assert ["target" in result["claim"] for result in ran.result["results"]] == [True, False]


def test_show(pair):
    pair.write("c.json", certificate("part", ALICE))
    text, shown = pair("show", "c.json"), pair("show", "c.json", "--format", "json").result
    assert "tiny.json equals other.json on 4 · 5 input points, a part of the box" in text.out
    assert f"tiny.json, sha256 {sha256(target_bytes())}" in text.out
    assert "low (-1, -2), high (2)" in text.out
    assert (shown["format"], shown["checked"], shown["whole_box"]) == ("certify.shown/1", False, False)
    assert shown["left"]["layers"] == shown["right"]["layers"] == ["2 to 2", "2 to 4"]
    assert shown["claim"]["points"] == [[4, 1], [5, 1]]
    pair.write("c.json", certificate("within", ALICE))
    assert f"  difference at most {FAR}\n" in pair("show", "c.json").out


def test_no_export(pair):
    pair.write("c.json", certificate("equal", ALICE))
    ran = pair("export", "c.json", "--format", "smtlib")
    assert (ran.code, ran.out) == (2, "")
    assert "expected a certificate of an exact ticket, found one of an equivalence" in ran.error


# Certificates that lie, signed by a trusted key.


def test_other_right_network(pair):
    said = json.loads(json.dumps(payload_of(certificate("equal", ALICE))))
    said["predicate"]["right"]["bytes"] = b64(target_bytes(OTHER))
    pair.write("c.json", signed(said, ALICE))
    ran = pair("audit", "c.json", *TRUST, "--format", "json")
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")
    witness = ran.result["witness"]
    assert naive.evaluate(TINY, witness["input"]) == witness["left"] != witness["right"]


def test_forged(pair):
    pair.write("c.json", certificate("equal", BOB).replace(BOB.public.key_id.encode(), ALICE.public.key_id.encode()))
    ran = pair("audit", "c.json", *TRUST, "--format", "json")
    assert (ran.code, ran.result["error"]["kind"]) == (1, "certificate")


def test_untrusted(pair):
    pair.write("c.json", certificate("equal", BOB))
    ran = pair("audit", "c.json", *TRUST)
    assert ran.code == 3
    assert "expected a signature by a key that you trust" in ran.error


def test_a_smaller_bound_is_refuted(pair):
    said = payload_of(certificate("within", ALICE))
    said["predicate"]["claim"]["bound"] = FAR - 1
    pair.write("c.json", signed(said, ALICE))
    assert pair("audit", "c.json", *TRUST, "--any-claim").code == 1


def test_another_payload_form(pair):
    text = json.dumps(payload_of(certificate("equal", ALICE)), sort_keys=True)
    pair.write("c.json", sign(text.encode(), ALICE))
    ran = pair("audit", "c.json", *TRUST)
    assert (ran.code, "expected canonical JSON" in ran.error) == (1, True)


# What is refused.


SHAPES = {
    "outputs": (changed("layers", 1, "weights", to=[[1, 1]]), "outputs: expected 4 as in the first network, found 1"),
    "precision": (changed("input", "precision_bits", to=3), "input.precision_bits: expected 2"),
    "shape": (
        changed("input", "shape", to=[1, 2]),
        "input.shape: expected (2,) as in the first network, found (1, 2) in the second",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_not_comparable(pair, name):
    document, says = SHAPES[name]
    pair.write("bad.json", document)
    ran = asked(pair, "a.json", "bad.json")
    assert ran.code == ran.result["exit_code"] == 2
    assert (ran.result["verdict"], ran.result["error"]["kind"]) == (None, "input")
    assert ran.error.startswith(f"certify: bad.json: {says}")


REFUSED = {
    "no such first": (["none.json", "b.json"], "none.json: expected a network, found no such file"),
    "no such second": (["a.json", "none.json"], "none.json: expected a network, found no such file"),
    "no network": (["a.json", "alice.pub"], "alice.pub: expected JSON"),
    "a folder": (["a.json", "."], ".: expected a network, found a directory"),
    "no such domain": (["a.json", "b.json", "--domain", "none"], "none: expected a box, found no such file"),
    "a domain that is a network": (["a.json", "b.json", "--domain", "a.json"], "a.json: "),
    "a domain of three": (["a.json", "b.json", "--domain", "three.json"], "three.json: input.shape: expected (2,)"),
    "a domain of other precision": (
        ["a.json", "b.json", "--domain", "coarse.json"],
        "coarse.json: input.precision_bits",
    ),
    "a bound below 0": (["a.json", "b.json", "--within", "-1"], "--within: expected an integer on the common scale"),
    "a bound between": (["a.json", "b.json", "--within", "0.01"], "--within: expected a multiple of 2^-4"),
    "a bound that is none": (["a.json", "b.json", "--within", "little"], "--within: expected an integer"),
    "both": (["a.json", "b.json", "--within", "1", "--argmax"], "expected --within or --argmax, found both"),
    "a key without -o": (["a.json", "b.json", "--key", "alice.pem"], "expected -o with --key"),
    "one network": (["a.json"], "Missing argument 'B'"),
    "a rule for networks": (["a.json", "b.json", "--rule", "single"], "a.json: expected no rule"),
    "onto the first": (
        ["a.json", "b.json", "-o", "a.json", *KEY],
        "a.json: expected another file for the certificate",
    ),
    "onto the second": (["a.json", "b.json", "-o", "b.json", *KEY], "found the second network itself"),
    "onto the domain": (
        ["a.json", "b.json", "--domain", "box.json", "-o", "box.json", *KEY],
        "found the domain itself",
    ),
    "onto the key": (["a.json", "b.json", "-o", "alice.pem", *KEY], "found the private key itself"),
    "no folder": (["a.json", "b.json", "-o", "none/c.json", *KEY], "expected a folder to write to"),
    "a key that is none": (
        ["a.json", "b.json", "-o", "c.json", "--key", "a.json"],
        "a.json: expected an Ed25519 private key",
    ),
    "no steps": (["a.json", "b.json", "--rlimit", "0"], "'--rlimit': 0 is not in the range"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(pair, name):
    arguments, says = REFUSED[name]
    pair.write("three.json", {"shape": [3], "low": 0, "high": 1, "precision_bits": 2})
    pair.write("coarse.json", {"shape": [2], "low": 0, "high": 1, "precision_bits": 1})
    before = pair.files()
    ran = pair("equal", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.error
    ran = asked(pair, *arguments)
    assert ran.code == ran.result["exit_code"] == 2
    assert ran.result["error"]["kind"] in {"input", "usage"}
    assert pair.files() == before


def test_name_that_a_certificate_cannot_hold(pair):
    pair.write("a:b.json", permuted())
    assert pair("equal", "a.json", "a:b.json").code == 0
    ran = pair("equal", "a.json", "a:b.json", "-o", "c.json", *KEY)
    assert (ran.code, "expected a file name in printable text" in ran.error) == (2, True)


def test_nothing_to_cross_check_in_a_sweep(pair):
    ran = asked(pair, "a.json", "b.json", "--cross-check", "cvc5", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["checks"]["cross_check"]) == (3, None)
    assert ran.result["reason"] == "there are no obligations for another solver to check"
    assert not (pair.folder / "c.json").exists()


# Grids too large to sweep.


def wide(document):
    """The same network on a grid of 2^82 points."""
    return document | {"input": document["input"] | {"low": -(2**40), "high": 2**40}}


def test_equal_on_a_large_grid(pair):
    pair.write("a.json", wide(TINY))
    pair.write("b.json", wide(permuted()))
    ran = asked(pair, "a.json", "b.json", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["checks"]["strategy"], ran.result["checks"]["sweep"]) == (0, "merging", None)
    assert ran.result["checks"]["portfolio"]
    assert ran.result["claim"]["points"] == [[2**41 + 1, 2]]
    text = pair("audit", "c.json", *TRUST)
    assert text.code == 0
    assert "\n  steps        " in text.out
    assert pair("show", "c.json").out.count("proved by merging") == 1


def test_unequal_on_a_large_grid(pair):
    pair.write("a.json", wide(TINY))
    pair.write("b.json", wide(OTHER))
    ran = asked(pair, "a.json", "b.json")
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")
    witness = ran.result["witness"]
    assert naive.evaluate(wide(TINY), witness["input"]) == witness["left"]
    assert naive.evaluate(wide(OTHER), witness["input"]) == witness["right"] != witness["left"]


def test_undecided(pair, monkeypatch):
    """Nothing is written, and why not is said."""
    only_the_decomposition(monkeypatch)
    ran = asked(pair, "a.json", "b.json", "-o", "c.json", *KEY)
    assert ran.code == ran.result["exit_code"] == 3
    assert (ran.result["verdict"], ran.result["error"], ran.result["witness"]) == ("undecided", None, None)
    assert ran.result["reason"].endswith("nothing else was tried")
    assert not (pair.folder / "c.json").exists()
    assert pair("equal", "a.json", "b.json", "-q").out.startswith("undecided: whether a.json equals b.json on all ")


def test_the_limit_is_in_the_certificate(pair):
    assert pair("equal", "a.json", "b.json", "--rlimit", "12345", "-o", "c.json", *KEY).code == 0
    said = payload_of((pair.folder / "c.json").read_bytes())
    assert said["predicate"]["proof"]["rlimit"] == 12345
    assert pair("audit", "c.json", *TRUST).code == 0


def test_a_certificate_larger_than_any_that_is_read(pair, monkeypatch):
    monkeypatch.setattr("certify.cli.signing.MAX_BYTES", 1000)
    ran = pair("equal", "a.json", "b.json", "-o", "c.json", *KEY)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith("certify: c.json: expected a certificate of at most 1000 bytes, found ")
    assert not (pair.folder / "c.json").exists()
