"""FULLY_CONNECTED: a dense layer; on several rows a convolution with a kernel of one tap over the rows.

XNNPACK follows `float32`, the optimised built-in kernels `double`, the reference kernels `single` next to ties apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.matrix import from_dense
from certify.network.operators.convolution.model import Convolution
from certify.network.operators.dense.model import Dense
from certify.network.operators.window import Window
from certify.network.tflite.call import Call, Value
from certify.network.tflite.layer import WEIGHT_BITS, accumulation, int8_weights
from certify.network.tflite.operands import expect_shape
from certify.network.tflite.options import scalar, table


@table(8, "FullyConnectedOptions")
@dataclass(frozen=True)
class DenseOptions:
    """Options of FULLY_CONNECTED."""

    fused_activation_function: str = scalar(1, "NONE", "ActivationFunctionType")
    weights_format: str = scalar(1, "DEFAULT", "FullyConnectedOptionsWeightsFormat")
    keep_num_dims: bool = scalar(1, False)
    asymmetric_quantize_inputs: bool = scalar(1, False)
    quantized_bias_type: int = scalar(1, 0)


def read(call: Call) -> None:
    """Read FULLY_CONNECTED."""
    source, *constants = call.operands(2, 3, "an activation, weights and at most a bias")
    value, tensors = call.value(source), [call.constant(index) for index in constants]
    if call.options.weights_format != "DEFAULT":
        raise InputError(f"expected weights format DEFAULT, found {call.options.weights_format}", tensors[0].shown)
    weights = int8_weights(tensors[0], 2)
    outputs, width = weights.shape
    rows = _rows(call, value, width)
    output, before = call.result(), value.tensor.shape[:-1]
    expect_shape(call.target, (*before, outputs) if call.options.keep_num_dims else (rows, outputs))
    activation = call.options.fused_activation_function
    found = accumulation(value.activation, tensors, (0, outputs), output, activation, call.rule, kernel="dense")
    matrix, name = from_dense(weights.astype(np.int64)), call.target.name
    if rows == 1:
        dense = Dense(matrix, WEIGHT_BITS, found.bias, (), found.steps, name)
        call.compute([(value, None)], (outputs,), lambda: dense, factor=found.factor)
    else:
        every = Convolution(matrix, WEIGHT_BITS, found.bias, Window((1, 1)), steps=found.steps, name=name)
        call.compute([(value, (rows, 1, width))], (rows, 1, outputs), lambda: every, factor=found.factor)


def _rows(call: Call, value: Value, width: int) -> int:
    """Return how many rows there are; the model's own input has one for a point."""
    tensor = value.tensor
    rows, rest = divmod(tensor.size, width)
    batch = value.node < 0 and len(tensor.shape) > 1 and tensor.shape[0] > 1
    if rest or batch or (call.options.keep_num_dims and tensor.shape[-1:] != (width,)):
        raise InputError(f"expected one row of {width} values, found {tensor.size} of them", tensor.shown)
    return rows


READERS = {"FULLY_CONNECTED": read}
OPTIONS = {"FULLY_CONNECTED": DenseOptions}
