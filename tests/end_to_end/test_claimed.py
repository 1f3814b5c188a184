"""Tickets in networks that somebody has: claimed (`certify audit --target`) and found (`certify TARGET --base`)."""

from __future__ import annotations

import copy
import io
import json

import naive
import numpy as np
import pytest
from claimed_files import layout, npy_directory, npz, safetensors
from equivalences import base_bytes, certificate, found, permuted
from program import TINY, changed, payload_of, sha256, signed, signing_key, target_bytes, trust_line
from random_bases import base_of

from certify.base.draw import random_weights
from certify.base.law import Precision
from certify.certificate.mask_file import write_masks
from certify.network.reader import read_network
from certify.network.writer import write_network

ALICE = signing_key(1)
KEY = ("--key", "alice.pem")
TRUST = ("--trust", "alice.pub")
TARGET = read_network(target_bytes())
BASE = json.loads(base_bytes())
MASKS = found().subject.right.masks
WEIGHTS = [np.array(layer["weights"]) for layer in BASE["layers"]]
KEPT = [np.zeros(mask.shape, dtype=np.int8) for mask in MASKS]
for kept, mask in zip(KEPT, MASKS, strict=True):
    kept[mask.rows(), mask.columns] = 1
NAMED = {f"layers.{index}.weights": kept for index, kept in enumerate(KEPT)}


def steps_of(index):
    layer = BASE["layers"][index]
    return {key: layer[key] for key in ("then", "constants") if key in layer} | {"weights": f"w{index}"}


LAYOUT = layout(*({**steps_of(index), "precision_bits": 2, "mask": f"m{index}"} for index in range(4)))
FLOATS = {f"w{index}": weights / 4 for index, weights in enumerate(WEIGHTS)}
SEPARATE = {f"m{index}": kept for index, kept in enumerate(KEPT)}


def written(program, name, files):
    """A file, or a folder of several."""
    if len(files) == 1:
        return program.write(name, files[0].data).name
    (program.folder / name).mkdir()
    for file in files:
        program.write(f"{name}/{file.name}", file.data)
    return name


@pytest.fixture
def claimed(certify):
    """The program beside a target, somebody's base network, masks and a key."""
    certify.write("t.json")
    certify.write("base.json", base_bytes())
    certify.write("m.npz", write_masks(MASKS))
    certify.write("alice.pem", ALICE.to_pem())
    certify.write("alice.pub", trust_line(ALICE, "alice"))
    return certify


def audited(program, *arguments):
    return program("audit", "--target", "t.json", *arguments, "--format", "json")


# Claims that hold.


def test_claimed_ticket(claimed):
    before = claimed.files()
    ran = claimed("audit", "--target", "t.json", "--base", "base.json", "--mask", "m.npz")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "proved: t.json equals base.json, pruned, on all 5^2 input points"
    assert [line.split()[0] for line in lines[1:]] == ["left", "base", "size", "obligations", "besides"]
    assert lines[2] == f"  base         base.json, sha256 {sha256(base_bytes())}"
    assert lines[3].startswith("  size         ")
    assert " of 1,560 weights kept; " in lines[3]
    assert claimed.files() == before


def test_as_json(claimed):
    result = audited(claimed, "--base", "base.json", "--mask", "m.npz").result
    assert (result["command"], result["verdict"], result["certificate"]) == ("audit", "proved", "")
    assert (result["signature"], result["trusted"], result["signer"]) == ("", False, {})
    assert result["claim"]["relation"] == "equal"
    assert result["claim"]["right"]["base"] == [{"name": "base.json", "sha256": sha256(base_bytes())}]
    assert result["ticket"]["kept"] == sum(mask.kept for mask in MASKS)
    assert result["checks"]["strategy"] == "decomposition"


CONTAINERS = {"npz": npz, "safetensors": safetensors, "folder": npy_directory}


@pytest.mark.parametrize("of_masks", CONTAINERS)
@pytest.mark.parametrize("of_base", CONTAINERS)
def test_containers(claimed, of_base, of_masks):
    base = written(claimed, "b", CONTAINERS[of_base](FLOATS))
    masks = written(claimed, "m", CONTAINERS[of_masks](SEPARATE))
    claimed.write("layout.json", LAYOUT.data)
    arguments = ("--base", base, "--mask", masks, "--layout", "layout.json")
    ran = audited(claimed, *arguments, "-o", "c.json", *KEY)
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert ran.result["certificate"] == "c.json"
    assert claimed("audit", "c.json", *TRUST).code == 0
    said = payload_of((claimed.folder / "c.json").read_bytes())["predicate"]["right"]["base"]
    assert said["layout"]["name"] == "layout.json"
    assert [file["name"] for file in said["files"]] == (
        ["w0.npy", "w1.npy", "w2.npy", "w3.npy"] if of_base == "folder" else ["b"]
    )


def test_masks_in_the_bases_own_file(claimed):
    base = written(claimed, "b.npz", npz(FLOATS | SEPARATE))
    claimed.write("layout.json", LAYOUT.data)
    ran = audited(claimed, "--base", base, "--layout", "layout.json", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert claimed("audit", "c.json", *TRUST).code == 0


def test_pruned_network_as_a_mask(claimed):
    document = copy.deepcopy(BASE)
    for layer, weights, kept in zip(document["layers"], WEIGHTS, KEPT, strict=True):
        layer["weights"] = (weights * kept).tolist()
    claimed.write("pruned.json", document)
    assert audited(claimed, "--base", "base.json", "--mask", "pruned.json").code == 0


def test_rounding_is_asked_for_and_said(claimed):
    off = {name: array + (0.01 if name == "w0" else 0) for name, array in FLOATS.items()}
    off["w0"] = np.clip(off["w0"], -1, 1)
    changed_by_rounding = int((off["w0"] * 4 != np.rint(off["w0"] * 4)).sum())
    base = written(claimed, "b.npz", npz(off))
    claimed.write("layout.json", LAYOUT.data)
    masks = written(claimed, "m2.npz", npz(SEPARATE))
    arguments = ("--base", base, "--mask", masks, "--layout", "layout.json")
    ran = audited(claimed, *arguments)
    assert (ran.code, ran.result["error"]["kind"]) == (2, "input")
    assert ran.error.startswith("certify: b.npz: w0[")
    ran = audited(claimed, *arguments, "--round-to", "2", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["claim"]["right"]["rounded"]) == (0, changed_by_rounding)
    text = claimed("audit", "c.json", *TRUST).out
    assert f"  rounding     {changed_by_rounding:,} weights rounded to multiples of 2^-2\n" in text
    said = payload_of((claimed.folder / "c.json").read_bytes())
    said["predicate"]["right"]["base"]["rounded"] += 1
    claimed.write("lie.json", signed(said, ALICE))
    ran = claimed("audit", "lie.json", *TRUST, "--format", "json")
    assert (ran.code, ran.result["error"]["place"]) == (1, "payload.predicate.right.base.rounded")


def test_seed(claimed):
    """A base network that a seed draws, with every weight of it in the file."""
    pairs = [(140, 3, 2), (120, 2, 4)]
    drawn = []
    for index, (width, columns, outputs) in enumerate(pairs):
        matrices = []
        for matrix, shape in ((2 * index, (width, columns)), (2 * index + 1, (outputs, width))):
            rows, places = (part.ravel() for part in np.indices(shape))
            values = random_weights("s", matrix, Precision(2, 2), "floor", rows, places)
            matrices.append(values.reshape(shape))
        drawn.append(tuple(matrices))
    base = base_of(TARGET, drawn, [(2, 2), (2, 2)], [(1,), ()])
    claimed.write("drawn.json", write_network(base))
    found_in = claimed("t.json", "--base", "drawn.json", "--mask-out", "drawn.npz", *KEY)
    assert found_in.code == 0, found_in.err
    arguments = ("--base", "drawn.json", "--mask", "drawn.npz")
    ran = audited(claimed, *arguments, "--seed", "s", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["claim"]["right"]["seed"]) == (0, "s")
    assert "  seed         's', and every weight is that seed's\n" in claimed("audit", "c.json", *TRUST).out
    ran = audited(claimed, *arguments, "--seed", "other")
    assert (ran.code, ran.result["error"]["kind"]) == (1, "claim")


# Claims that do not.


def assert_false(ran, place, says, file):
    assert ran.code == ran.result["exit_code"] == 1
    error = ran.result["error"]
    assert (error["kind"], error["file"]) == ("claim", file)
    assert place in error["place"]
    assert says in error["message"]
    assert ran.result["verdict"] is None
    assert len(ran.err.splitlines()) == 1


FALSE = {
    "a two in a mask": ({**NAMED, "layers.1.weights": KEPT[1] * 2}, "layers.1.weights[", "expected 0 or 1"),
    "a mask of another shape": ({**NAMED, "layers.0.weights": KEPT[0][:-1]}, "layers.0.weights", "shape"),
    "a mask missing": (
        {name: kept for name, kept in NAMED.items() if "2" not in name},
        "layers.2.weights",
        "found no array",
    ),
    "a mask left over": ({**NAMED, "layers.4.weights": KEPT[0]}, "layers.4.weights", "that no layer has"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_masks(claimed, name):
    arrays, place, says = FALSE[name]
    written(claimed, "false.npz", npz(arrays))
    ran = audited(claimed, "--base", "base.json", "--mask", "false.npz", "-o", "c.json", *KEY)
    assert_false(ran, place, says, "false.npz")
    assert not (claimed.folder / "c.json").exists()


def test_more_than_pruning_was_changed(claimed):
    document = copy.deepcopy(BASE)
    document["layers"][0]["weights"][0][0] = 1 if BASE["layers"][0]["weights"][0][0] != 1 else 2
    claimed.write("changed.json", document)
    ran = audited(claimed, "--base", "base.json", "--mask", "changed.json")
    assert_false(ran, "layers[0].weights[0][0]", "", "changed.json")


def test_not_the_seeds(claimed):
    ran = audited(claimed, "--base", "base.json", "--mask", "m.npz", "--seed", "0")
    assert_false(ran, "layers[0].weights", "which the seed gives here", "base.json")
    text = claimed("audit", "--target", "t.json", "--base", "base.json", "--mask", "m.npz", "--seed", "0")
    assert (text.code, text.out) == (1, "")


def test_refuted(claimed):
    """One kept weight fewer: a point where the pruned network is not the target, and no certificate."""
    fewer = {name: kept.copy() for name, kept in NAMED.items()}
    row, column = np.argwhere(fewer["layers.3.weights"])[0]
    fewer["layers.3.weights"][row, column] = 0
    written(claimed, "fewer.npz", npz(fewer))
    ran = audited(claimed, "--base", "base.json", "--mask", "fewer.npz", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["verdict"], ran.result["error"]) == (1, "refuted", None)
    witness = ran.result["witness"]
    assert witness["left"] == naive.evaluate(TINY, witness["input"])
    document = copy.deepcopy(BASE)
    for layer, weights, kept in zip(document["layers"], WEIGHTS, fewer.values(), strict=True):
        layer["weights"] = (weights * kept).tolist()
    assert witness["right"] == naive.evaluate(document, witness["input"])
    assert not (claimed.folder / "c.json").exists()


def test_another_target(claimed):
    claimed.write("t.json", changed("layers", 1, "weights", 0, 0, to=2))
    ran = audited(claimed, "--base", "base.json", "--mask", "m.npz")
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")


def test_the_same_target_in_another_form(claimed):
    """Permuted units are another target file and the same function: no structure is presumed."""
    claimed.write("t.json", permuted())
    ran = audited(claimed, "--base", "base.json", "--mask", "m.npz", "-o", "c.json", *KEY)
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert claimed("audit", "c.json", *TRUST).code == 0


# Calls and files that are refused.


REFUSED = {
    "no base": (["--target", "t.json"], "expected --target and --base for a ticket that somebody claims, found less"),
    "no target": (["--base", "base.json", "--mask", "m.npz"], "expected --target and --base"),
    "only a mask": (["--mask", "m.npz"], "expected --target and --base"),
    "only a seed": (["--seed", "0"], "expected --target and --base"),
    "a certificate too": (
        ["c.json", "--target", "t.json", "--base", "base.json"],
        "expected certificates (with --trust and such) or --target, found both",
    ),
    "trust": (["--target", "t.json", "--base", "base.json", "--any-signer"], "found both"),
    "a key and no certificate": (["--target", "t.json", "--base", "base.json", *KEY], "expected -o with --key"),
    "no masks": (["--target", "t.json", "--base", "base.json"], "base.json: expected a mask file"),
    "no such target": (["--target", "x", "--base", "base.json"], "x: expected a target network, found no such file"),
    "no such base": (["--target", "t.json", "--base", "x"], "x: expected a base network, found no such file"),
    "no such mask": (
        ["--target", "t.json", "--base", "base.json", "--mask", "x"],
        "x: expected a mask file, found no",
    ),
    "no such layout": (
        ["--target", "t.json", "--base", "m.npz", "--layout", "x"],
        "x: expected a layout, found no such",
    ),
    "no layout": (["--target", "t.json", "--base", "m.npz"], "m.npz: expected a layout that says which array"),
    "an empty folder": (
        ["--target", "t.json", "--base", "."],
        ".: expected a base network, found a folder without .npy",
    ),
    "a base that is none": (["--target", "t.json", "--base", "alice.pub"], "alice.pub: "),
    "a base of other inputs": (
        ["--target", "t.json", "--base", "three.json"],
        "three.json: input.shape: expected (2,)",
    ),
    "a mask that is none": (
        ["--target", "t.json", "--base", "base.json", "--mask", "alice.pem"],
        "alice.pem: ",
    ),
    "onto the base": (
        ["--target", "t.json", "--base", "base.json", "--mask", "m.npz", "-o", "base.json", *KEY],
        "found the base network itself",
    ),
    "onto the mask": (
        ["--target", "t.json", "--base", "base.json", "--mask", "m.npz", "-o", "m.npz", *KEY],
        "found the mask itself",
    ),
    "bits": (
        ["--target", "t.json", "--base", "base.json", "--round-to", "99"],
        "'--round-to': 99 is not in the range",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(claimed, name):
    arguments, says = REFUSED[name]
    claimed.write(
        "three.json",
        changed("input", "shape", to=[3])
        | {"layers": [{"op": "dense", "precision_bits": 0, "weights": [[1, 1, 1]] * 4}]},
    )
    before = claimed.files()
    ran = claimed("audit", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.error
    ran = claimed("audit", *arguments, "--format", "json")
    assert ran.code == ran.result["exit_code"] == 2
    assert ran.result["error"]["kind"] in {"input", "usage"}
    assert ran.result["certificate"] == ""
    assert claimed.files() == before


# A ticket in a given network.


def test_find(claimed):
    ran = claimed("t.json", "--base", "base.json", "--mask-out", "found.npz", *KEY)
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "wrote found.npz",
        "wrote t.certificate.json",
        "audit it with: certify audit t.certificate.json --trust alice.pub",
    ]
    assert ran.out.startswith("proved: t.json equals base.json, pruned, on all 5^2 input points\n")
    assert (claimed.folder / "found.npz").read_bytes() == write_masks(MASKS)
    said = payload_of((claimed.folder / "t.certificate.json").read_bytes())
    assert said["predicate"]["right"] == payload_of(certificate("pruned", ALICE))["predicate"]["right"]
    assert claimed("audit", "t.certificate.json", *TRUST).code == 0


def test_found_is_what_an_audit_of_the_claim_certifies(claimed):
    """Whoever finds a ticket and whoever is shown it write the same bytes."""
    assert claimed("t.json", "--base", "base.json", "--mask-out", "found.npz", "-o", "1.json", *KEY).code == 0
    assert audited(claimed, "--base", "base.json", "--mask", "found.npz", "-o", "2.json", *KEY).code == 0
    assert (claimed.folder / "1.json").read_bytes() == (claimed.folder / "2.json").read_bytes()


def test_without_a_mask_file(claimed):
    before = {path.name for path in claimed.folder.iterdir()}
    assert claimed("t.json", "--base", "base.json", *KEY).code == 0
    assert {path.name for path in claimed.folder.iterdir()} - before == {"t.certificate.json"}


def test_find_in_arrays(claimed):
    base = written(claimed, "b", npy_directory(FLOATS))
    claimed.write("layout.json", LAYOUT.data)
    ran = claimed("t.json", "--base", base, "--layout", "layout.json", "--round-to", "2", *KEY, "--format", "json")
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert ran.result["claim"]["right"]["round_to"] == 2
    assert claimed("audit", "t.certificate.json", *TRUST).code == 0


def test_mask_file_that_numpy_reads(claimed):
    assert claimed("t.json", "--base", "base.json", "--mask-out", "found.npz", *KEY).code == 0
    with np.load(io.BytesIO((claimed.folder / "found.npz").read_bytes())) as archive:
        assert sorted(archive.files) == sorted(NAMED)
        assert all(np.array_equal(archive[name], NAMED[name]) for name in NAMED)


def test_no_ticket_in_it(claimed):
    narrow = copy.deepcopy(BASE)
    narrow["layers"][0]["weights"] = narrow["layers"][0]["weights"][:3]
    narrow["layers"][1]["weights"] = [row[:3] for row in narrow["layers"][1]["weights"]]
    claimed.write("narrow.json", narrow)
    before = claimed.files()
    ran = claimed("t.json", "--base", "narrow.json", "--mask-out", "x.npz", "--format", "json", *KEY)
    assert ran.code == ran.result["exit_code"] == 3
    assert (ran.result["verdict"], ran.result["error"]["kind"]) == ("undecided", "ticket")
    assert "What would help: " in ran.error
    assert claimed.files() == before


UNFOUND = {
    "a seed": (["--base", "base.json", "--seed", "0"], "expected --base or a base network that is drawn"),
    "an empty seed": (["--base", "base.json", "--seed", ""], "expected --base or a base network that is drawn"),
    "a width": (["--base", "base.json", "--width", "3"], "expected --base or a base network that is drawn"),
    "a precision": (["--base", "base.json", "--precision", "3"], "expected --base or a base network that is drawn"),
    "a layout without a base": (["--layout", "base.json"], "expected --base with --layout and --round-to"),
    "rounding without a base": (["--round-to", "2"], "expected --base with --layout and --round-to"),
    "masks without a base": (["--mask-out", "x.npz"], "expected --base with --mask-out"),
    "a base of another depth": (["--base", "t.json"], "t.json: base.layers: expected 4 layers"),
    "no such base": (["--base", "x"], "x: expected a base network, found no such file"),
    "masks onto the base": (["--base", "base.json", "--mask-out", "base.json"], "found the base network itself"),
    "masks onto the target": (["--base", "base.json", "--mask-out", "t.json"], "found the target itself"),
    "masks onto the certificate": (
        ["--base", "base.json", "--mask-out", "t.certificate.json"],
        "found the mask file itself",
    ),
    "masks nowhere": (["--base", "base.json", "--mask-out", "x/m.npz"], "x/m.npz: expected a folder to write to"),
}


@pytest.mark.parametrize("name", UNFOUND)
def test_find_refused(claimed, name):
    arguments, says = UNFOUND[name]
    before = claimed.files()
    ran = claimed("t.json", *arguments, *KEY)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.error
    assert claimed.files() == before


# Certificates that lie about a pruned base.


def test_other_masks(claimed):
    said = payload_of(certificate("pruned", ALICE))
    said["predicate"]["right"]["masks"][0], said["predicate"]["right"]["masks"][2] = (
        said["predicate"]["right"]["masks"][2],
        said["predicate"]["right"]["masks"][0],
    )
    claimed.write("c.json", signed(said, ALICE))
    ran = claimed("audit", "c.json", *TRUST, "--format", "json")
    assert (ran.code, ran.result["error"]["kind"]) == (1, "certificate")


def test_a_seed_that_is_not_the_bases(claimed):
    said = payload_of(certificate("pruned", ALICE))
    said["predicate"]["right"]["base"]["seed"] = "0"
    claimed.write("c.json", signed(said, ALICE))
    ran = claimed("audit", "c.json", *TRUST, "--format", "json")
    assert (ran.code, ran.result["error"]["place"]) == (1, "payload.predicate.right.base")


def test_show(claimed):
    claimed.write("c.json", certificate("pruned", ALICE))
    text, shown = claimed("show", "c.json"), claimed("show", "c.json", "--format", "json").result
    assert f"  base       base.json, sha256 {sha256(base_bytes())}\n" in text.out
    assert " of 1,560 weights kept, " in text.out
    assert shown["right"]["layers"] == ["2 to 140", "140 to 2", "2 to 120", "120 to 4"]


def test_cross_check(claimed):
    claimed.write("c.json", certificate("pruned", ALICE))
    ran = claimed("audit", "c.json", *TRUST, "--cross-check", "cvc5")
    assert (ran.code, "\n  cross-check  cvc5 1." in ran.out) == (0, True)
