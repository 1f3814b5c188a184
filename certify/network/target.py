"""A target file: its bytes, and the network that they are or become.

A file in `certify.network/1` is a network. A model in another format is converted: what of it the network stands for
is said beside the network, and the digest of the network's own bytes names what was read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from certify.errors import InputError
from certify.network import reader, tflite
from certify.network.model import Network
from certify.network.onnx.convert import InputGrid, read_onnx
from certify.network.onnx.model import is_onnx
from certify.network.rounding import Rule
from certify.network.writer import write_network

TFLITE = "tflite"
ONNX = "onnx"
DEFAULT_RULE: Rule = "single"
ONNX_RULE: Rule = "float32"
"""What onnxruntime's kernels follow, and so the only rule of an ONNX model."""


@dataclass(frozen=True)
class Conversion:
    """How a model became a network, and between which of its tensors a claim about it holds.

    Attributes:
        format: of the model, `tflite` or `onnx`.
        rule: under which the network multiplies by the factors between scales.
        network_sha256: of the network, as `write_network` writes it.
        starts_after: the operator before the claim's inputs, empty where they are the model's own.
        input_tensor: whose integers, less its zero point, are the inputs.
        ends_before: the operator after the claim's outputs, empty where they are the model's own.
        output_tensor: whose integers are the outputs.
        notes: where a runtime may not do what the network does.
        input_grid: the integers that a float input was taken to stand on, empty where the model itself says it.
    """

    format: str
    rule: Rule
    network_sha256: str
    starts_after: str
    input_tensor: str
    ends_before: str
    output_tensor: str
    notes: tuple[str, ...]
    input_grid: str = ""


@dataclass(frozen=True, eq=False)
class Target:
    """A target file.

    Attributes:
        data: its bytes.
        network: what they are, or were converted to.
        conversion: how; None for a file that is a network.
    """

    data: bytes
    network: Network
    conversion: Conversion | None = None


def read_target(data: bytes, rule: Rule | None = None, grid: InputGrid | None = None) -> Target:
    """Return the target that a file's bytes are; which format they have, they say themselves.

    Args:
        data: the file.
        rule: for a model that leaves it to the runtime; None takes `single`, for ONNX `float32`.
        grid: for an ONNX model whose input is not quantized, the integers that it stands on.

    Raises:
        InputError: the bytes break a rule of their format, or a rule or grid was given for what names its own.
        ReaderMissingError: the format is one that an extra reads, and it is not installed.
    """
    if is_onnx(data):
        return _convert_onnx(data, rule or ONNX_RULE, grid)
    if grid is not None:
        raise InputError(f"expected no input grid but for an ONNX model, found {grid}")
    if tflite.is_tflite(data):
        return _convert_tflite(data, rule or DEFAULT_RULE)
    network = reader.read_network(data)
    if rule is not None:
        raise InputError(f"expected no rule, as a network in {reader.FORMAT} names its own, found {rule}")
    return Target(data, network)


def _convert_tflite(data: bytes, rule: Rule) -> Target:
    found = tflite.read_tflite(data, rule)
    digest = hashlib.sha256(write_network(found.network)).hexdigest()
    conversion = Conversion(
        TFLITE, rule, digest, found.after, found.input_tensor, found.before, found.output_tensor, found.notes
    )
    return Target(data, found.network, conversion)


def _convert_onnx(data: bytes, rule: Rule, grid: InputGrid | None) -> Target:
    if rule != ONNX_RULE:
        raise InputError(f"expected the rule {ONNX_RULE}, which onnxruntime's kernels follow, found {rule}")
    found = read_onnx(data, grid)
    digest = hashlib.sha256(write_network(found.network)).hexdigest()
    ends = (found.after, found.input_tensor, found.before, found.output_tensor)
    conversion = Conversion(ONNX, rule, digest, *ends, found.notes, "" if grid is None else str(grid))
    return Target(data, found.network, conversion)
