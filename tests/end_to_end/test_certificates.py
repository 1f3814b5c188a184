"""The certificates in the repository: they hold, and they come again byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certify.certificate import envelope, statement
from certify.certificate.audit import audit
from certify.certificate.canonical import canonical
from certify.certificate.equivalence import Equivalence, NamedFile
from certify.certificate.trust import parse_allowed_signers
from certify.issue import Options, decide, issue
from certify.network.onnx.convert import InputGrid
from certify.network.target import read_target
from certify.proof.claim import EQUAL, Verdict
from solvers.smt.session import Answer

FOLDER = Path(__file__).parents[2] / "certificates"
FILES = {
    "iris": "iris.json",
    "digits": "digits.json",
    "ecg5000_autoencoder": "ecg5000_autoencoder.int8.tflite",
    "mlperf_tiny_anomaly_detection": "mlperf_tiny_anomaly_detection.int8.tflite",
    "mlperf_tiny_keyword_spotting": "mlperf_tiny_keyword_spotting.int8.tflite",
    "mlperf_tiny_image_classification": "mlperf_tiny_image_classification.int8.tflite",
    "mlperf_tiny_visual_wake_words": "mlperf_tiny_visual_wake_words.int8.tflite",
    "espcn_subpixel": "espcn_subpixel.qonnx.onnx",
}
GRIDS = {"espcn_subpixel": InputGrid.parse("1/255:0..255")}
NAMES = list(FILES)
ANOMALY = "mlperf_tiny_anomaly_detection"
PAIRS = {
    "max_of_three": ("pairs/max_of_three.json", "pairs/max_of_three_reordered.json"),
    "anomaly_detection_qoperator": (f"targets/{ANOMALY}.int8.tflite", f"pairs/{ANOMALY}.qoperator.onnx"),
    "image_classification_qoperator": (
        "pairs/mlperf_tiny_image_classification.qdq.onnx",
        "pairs/mlperf_tiny_image_classification.qoperator.onnx",
    ),
    "visual_wake_words_qoperator": (
        "pairs/mlperf_tiny_visual_wake_words.qdq.onnx",
        "pairs/mlperf_tiny_visual_wake_words.qoperator.onnx",
    ),
    "espcn_subpixel_cleaned": ("targets/espcn_subpixel.qonnx.onnx", "pairs/espcn_subpixel.cleaned.qonnx.onnx"),
}
SWEPT = pytest.mark.compiled  # a million points
QUICK = [pytest.param("iris", marks=SWEPT), "digits"]
DEPLOYED = [pytest.param(name, marks=[pytest.mark.long, SWEPT]) for name in NAMES[2:]]
EACH = pytest.mark.parametrize("name", [*QUICK, *DEPLOYED])


def payload_of(name):
    return envelope.read((FOLDER / f"{name}.certificate.json").read_bytes()).payload


def test_every_certificate_and_target_is_known():
    names = [f"{name}.certificate.json" for name in (*NAMES, *PAIRS)]
    assert sorted(path.name for path in FOLDER.glob("*.json")) == sorted(names)
    kinds = ("json", "tflite", "onnx")
    targets = [path.name for kind in kinds for path in (FOLDER / "targets").glob(f"*.{kind}")]
    assert sorted(targets) == sorted(FILES.values())
    pairs = {name for pair in PAIRS.values() for name in pair if name.startswith("pairs/")}
    found = (FOLDER / "pairs").iterdir()
    assert {f"pairs/{path.name}" for path in found if path.suffix in {".json", ".onnx", ".tflite"}} == pairs


@EACH
def test_it_holds_and_a_trusted_key_signed(name):
    trust = parse_allowed_signers((FOLDER / "allowed_signers").read_bytes())
    found = audit((FOLDER / f"{name}.certificate.json").read_bytes(), trust, datetime.now(UTC))
    assert found.proof.verdict is Verdict.PROVED
    assert found.proof.strategy == "decomposition"
    assert found.trusted
    assert found.statement.subject.file.data == (FOLDER / "targets" / FILES[name]).read_bytes()


@EACH
def test_the_payload_comes_again_but_for_the_versions_it_names(name):
    path = FOLDER / "targets" / FILES[name]
    data = path.read_bytes()
    again = json.loads(issue(path.name, read_target(data, None, GRIDS.get(name)), Options()).payload)
    again["predicate"]["versions"] = dict(statement.read(payload_of(name)).versions)
    assert canonical(again) == payload_of(name)


@SWEPT
def test_iris_is_swept_whole_and_every_layer_composed():
    data = (FOLDER / "targets/iris.json").read_bytes()
    proof = issue("iris.json", read_target(data), Options()).proof
    assert proof.sweep is not None
    assert proof.sweep.points == 32**4
    assert (proof.composition.neurons, proof.composition.exhausted) == (11, 0)
    assert proof.composition.network is Answer.UNSAT


def test_ten_neurons_of_every_layer_of_digits_are_composed():
    data = (FOLDER / "targets/digits.json").read_bytes()
    proof = issue("digits.json", read_target(data), Options()).proof
    assert (proof.composition.neurons, proof.composition.exhausted) == (30, 0)


def test_no_private_key_is_in_the_repository():
    texts = [path.read_text(errors="ignore") for path in FOLDER.rglob("*") if path.is_file()]
    assert len(texts) > len(NAMES)
    assert not any("PRIVATE KEY" in text for text in texts)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("max_of_three", "merging"),
        *(pytest.param(name, "congruence", marks=[pytest.mark.long, SWEPT]) for name in list(PAIRS)[1:]),
    ],
)
def test_a_pair_holds_and_its_payload_comes_again(name, strategy):
    trust = parse_allowed_signers((FOLDER / "allowed_signers").read_bytes())
    found = audit((FOLDER / f"{name}.certificate.json").read_bytes(), trust, datetime.now(UTC))
    assert (found.proof.verdict, found.proof.strategy) == (Verdict.PROVED, strategy)
    assert found.trusted
    left, right = (_named(FOLDER / file) for file in PAIRS[name])
    again = json.loads(decide(Equivalence(left, right, EQUAL, left.network.input)).payload)
    again["predicate"]["versions"] = dict(found.statement.versions)
    assert canonical(again) == payload_of(name)


def _named(path):
    rule = "float32" if path.suffix == ".tflite" else None
    grid = GRIDS.get(path.name.partition(".")[0])
    return NamedFile(path.name, read_target(path.read_bytes(), rule, grid))
