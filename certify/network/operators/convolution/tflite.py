"""CONV_2D and DEPTHWISE_CONV_2D: kernels over a plane, with a scale for each output channel.

TFLite pads with the zero point, which is 0 after it is taken off. A CONV_2D's weights are [outputs, rows, columns,
channels of a group], a DEPTHWISE_CONV_2D's [1, rows, columns, outputs], where output j reads channel j div the depth
multiplier.
XNNPACK follows `float32`, the optimised built-in kernels `double`; under `single` the two roundings of the reference
kernels are written out (`layer.rounded_twice`). The optimised kernels leave a CONV_2D of several groups to the
reference kernel, and round a DEPTHWISE_CONV_2D as it does in what is behind the last block of 8 output channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.matrix import from_dense
from certify.network.operators.convolution.model import Convolution
from certify.network.tflite.call import Call
from certify.network.tflite.layer import WEIGHT_BITS, Kernel, accumulation, clamp, in_blocks, int8_weights
from certify.network.tflite.options import scalar, table
from certify.network.tflite.plane import expect_plane, plane_of, window

_CHANNELS_OF_A_BLOCK = 8
_OPERANDS = "an activation, weights and at most a bias"


@table(1, "Conv2DOptions")
@dataclass(frozen=True)
class ConvolutionOptions:
    """Options of CONV_2D."""

    padding: str = scalar(1, "SAME", "Padding")
    stride_w: int = scalar(4, 0)
    stride_h: int = scalar(4, 0)
    fused_activation_function: str = scalar(1, "NONE", "ActivationFunctionType")
    dilation_w_factor: int = scalar(4, 1)
    dilation_h_factor: int = scalar(4, 1)
    quantized_bias_type: int = scalar(1, 0)


@table(2, "DepthwiseConv2DOptions")
@dataclass(frozen=True)
class DepthwiseOptions:
    """Options of DEPTHWISE_CONV_2D; its depth multiplier follows from the shapes."""

    padding: str = scalar(1, "SAME", "Padding")
    stride_w: int = scalar(4, 0)
    stride_h: int = scalar(4, 0)
    depth_multiplier: int = scalar(4, 0)
    fused_activation_function: str = scalar(1, "NONE", "ActivationFunctionType")
    dilation_w_factor: int = scalar(4, 1)
    dilation_h_factor: int = scalar(4, 1)


def read_convolution(call: Call) -> None:
    """Read CONV_2D."""
    operands = call.operands(2, 3, _OPERANDS)
    weights = int8_weights(call.constant(operands[1]), 4)
    _, _, channels = plane_of(call.value(operands[0]))
    if channels % weights.shape[3] or weights.shape[0] % (channels // weights.shape[3]):
        problem = f"expected weights for {channels} channels, or for groups of as many, found {list(weights.shape)}"
        raise InputError(problem, call.constant(operands[1]).shown)
    groups = channels // weights.shape[3]
    _read(call, operands, weights, groups, 0, _kernel_of_convolution(groups))


def read_depthwise(call: Call) -> None:
    """Read DEPTHWISE_CONV_2D."""
    operands = call.operands(2, 3, _OPERANDS)
    tensor = call.constant(operands[1])
    weights = int8_weights(tensor, 4)
    _, _, channels = plane_of(call.value(operands[0]))
    if weights.shape[0] != 1 or weights.shape[3] % channels:
        problem = f"expected weights [1, rows, columns, a multiple of {channels}], found {list(weights.shape)}"
        raise InputError(problem, tensor.shown)
    if call.options.depth_multiplier != weights.shape[3] // channels:
        problem = f"expected the depth multiplier {weights.shape[3] // channels}"
        raise InputError(f"{problem}, found {call.options.depth_multiplier}", tensor.shown)
    kernel = _kernel_of_depthwise(call, weights.shape[3])
    _read(call, operands, weights.transpose(3, 1, 2, 0), channels, 3, kernel)


def _read(
    call: Call, operands: tuple[int, ...], kernels: NDArray[np.int8], groups: int, dimension: int, kernel: Kernel
) -> None:
    """Write the convolution with kernels int8[outputs, rows, columns, channels of a group]."""
    options: Any = call.options
    value, tensors = call.value(operands[0]), [call.constant(index) for index in operands[1:]]
    plane = plane_of(value)
    outputs, rows, columns, _ = kernels.shape
    stride, dilation = (options.stride_h, options.stride_w), (options.dilation_h_factor, options.dilation_w_factor)
    found = window(plane, (rows, columns), stride, dilation, options.padding)
    shape = expect_plane(call.target, found, plane, outputs)
    matrix = kernels.reshape(outputs, -1).astype(np.int64)
    beside = accumulation(
        value.activation,
        tensors,
        (dimension, outputs),
        call.result(),
        options.fused_activation_function,
        call.rule,
        kernel=kernel,
        constant=np.logical_not(matrix.any(axis=1)),
    )
    layer = Convolution(
        from_dense(matrix), WEIGHT_BITS, beside.bias, found, groups, steps=beside.steps, name=call.target.name
    )
    call.compute([(value, plane)], shape, lambda: layer, factor=beside.factor)


def _kernel_of_convolution(groups: int) -> Kernel:
    return "convolution" if groups == 1 else "by the reference"


def _kernel_of_depthwise(call: Call, outputs: int) -> Kernel:
    """Return which kernel computes a DEPTHWISE_CONV_2D: where nothing below the zero point passes, both are alike."""
    output = call.result()
    bounds = clamp(call.options.fused_activation_function, output, call.rule)
    if call.rule != "double" or bounds.low >= output.zero_point:
        return "convolution"
    blocks = in_blocks(outputs, _CHANNELS_OF_A_BLOCK, "output channels", call.target)
    return "convolution" if blocks else "by the reference"


READERS = {"CONV_2D": read_convolution, "DEPTHWISE_CONV_2D": read_depthwise}
OPTIONS = {"CONV_2D": ConvolutionOptions, "DEPTHWISE_CONV_2D": DepthwiseOptions}
