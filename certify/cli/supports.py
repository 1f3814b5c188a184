"""`certify supports`: what is read and what is not."""

from __future__ import annotations

import json
from typing import Any, get_args

import click

from certify.base.activation import LEAKY
from certify.base.law import CONSTRUCTIONS, GENERATOR, MAX_PRECISION_BITS, QUANTIZATIONS
from certify.certificate.statement import PREDICATE_TYPES
from certify.cli.drawing import OBJECTIVES
from certify.cli.output import Output, output_options
from certify.cli.streams import write
from certify.network import tflite
from certify.network.onnx import convert as onnx
from certify.network.operators import OPERATOR_NAMES
from certify.network.reader import FORMAT
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.step_form import MAX_PRECISION_BITS as MAX_TARGET_BITS
from certify.network.step_form import STEP_NAMES
from certify.network.steps import MAX_NEGATIVE_SHIFT, MAX_SHIFT
from certify.network.target import ONNX, TFLITE
from certify.network.tensors import DTYPES
from certify.proof.claim import RelationName
from certify.report.exit_codes import FAILED, HOLDS


@click.command(name="supports")
@output_options
def command(output: Output) -> None:
    """List what is read and what is not."""
    listed = _supported()
    text = json.dumps(listed, indent=2) if output.form == "json" else _text(listed)
    raise click.exceptions.Exit(HOLDS if write(text) else FAILED)


def _supported() -> dict[str, Any]:
    return {
        "target formats": [FORMAT, TFLITE, ONNX],
        "TFLite": ["int8 models with a batch of one, with the package tflite (the extra tflite)"],
        "TFLite operators": list(tflite.SUPPORTED_OPERATORS),
        "ONNX": ["QDQ, QOperator and QONNX models with a batch of one, with the package onnx (the extra onnx)"],
        "ONNX operators": list(onnx.SUPPORTED_OPERATORS),
        "layers": [*OPERATOR_NAMES, "in any graph without cycles"],
        "steps": list(STEP_NAMES),
        "roundings of requantize": list(ROUNDINGS),
        "rules of requantize": list(RULES),
        "requantize": [
            f"by a shift of 0 to {MAX_SHIFT} bits",
            "by a Q31 multiplier, one for all outputs or one for each",
            "with zero_point",
        ],
        "tensors": ["nested lists", f"base64 of {', '.join(DTYPES)}"],
        "target precision": [f"0 to {MAX_TARGET_BITS} bits"],
        "base network": [GENERATOR, f"0 to {MAX_PRECISION_BITS} bits", f"quantization {', '.join(QUANTIZATIONS)}"],
        "activations": ["relu", f"{LEAKY}1 to {LEAKY}{MAX_NEGATIVE_SHIFT}", "of hidden units"],
        "constructions": list(CONSTRUCTIONS),
        "objectives": list(OBJECTIVES),
        "relations": list(get_args(RelationName)),
        "claimed tickets": ["a base network and masks", "a network in certify.network/1, or arrays and a layout"],
        "arrays": ["npz", "safetensors", "a folder of .npy", "PyTorch state dicts (.pt, .pth), read without torch"],
        "certificates": list(PREDICATE_TYPES),
        "keys": ["Ed25519, unencrypted PKCS#8 PEM; trust in allowed_signers files"],
        "not read": [
            "steps and tables that fall somewhere",
            "TFLite models of floats, int16 or uint8, of several rows, with dynamic shapes or other operators",
            "ONNX models of floats, with dynamic shapes, external data, subgraphs or other operators",
            "PyTorch, npz and safetensors as targets (as base networks and masks they are)",
        ],
    }


def _text(listed: dict[str, Any]) -> str:
    return "\n".join(f"{name:<24}{', '.join(values)}" for name, values in listed.items())
