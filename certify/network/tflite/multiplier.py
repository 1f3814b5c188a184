"""Scales to integers: the factor between an accumulator and an output as multiplier · 2^-31 · 2^-shift.

TFLite and XNNPACK compute the factor input scale · weight scale / output scale in floating point, each in its own
order and precision, and so do their bounds of a fused activation. What a kernel computes with is that result, so it
is repeated here operation by operation (measured against the kernels; docs/tflite.md). Floats end in this module.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.rounding import Q31_BITS, Rule

INT8_LOW, INT8_HIGH = -128, 127
_MIN_EXPONENT, _MAX_EXPONENT = -31, 30
_XNNPACK_LIMIT = 256.0
_VANISHING = (1, 2)
_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
ACTIVATIONS = tuple(_BOUNDS)


def factors(
    input_scale: np.float32,
    weight_scales: NDArray[np.float32],
    output_scale: np.float32,
    rule: Rule,
    *,
    dense: bool = True,
) -> list[float]:
    """Return the factor of each weight scale, as the kernels of this rule compute it.

    `single`: in double precision. `double`: so too, but FULLY_CONNECTED (`dense`) multiplies a single weight scale
    with the input's in single precision first. `float32`: in single precision throughout.
    """
    with np.errstate(all="ignore"):
        if rule == "float32":
            return [float(input_scale * scale / output_scale) for scale in weight_scales]
        if rule == "double" and dense and len(weight_scales) == 1:
            return [float(input_scale * weight_scales[0]) / float(output_scale)]
        return [float(input_scale) * float(scale) / float(output_scale) for scale in weight_scales]


def quantize_multiplier(factor: float, rule: Rule) -> tuple[int, int]:
    """Return (multiplier, shift) with multiplier · 2^-31 · 2^-shift ≈ factor, multiplier from 2^30 to below 2^31.

    TFLite's QuantizeMultiplier, where it does not clip a large factor. A factor below 2^-32 it turns into 0, and
    whatever it does, the product with an int32 is below a half: here it is 2^-33, under which every rule makes 0 of
    every int32.

    Raises:
        InputError: the factor is not positive and finite, or so large that a kernel would clip or refuse it.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(f"expected a positive factor of finite size between scales, found {factor!r}")
    if rule == "float32" and factor >= _XNNPACK_LIMIT:
        raise InputError(f"expected a factor below 256 between scales, as XNNPACK does, found {factor!r}")
    significand, exponent = math.frexp(factor)
    multiplier = math.floor(significand * (1 << Q31_BITS) + 0.5)
    if multiplier == 1 << Q31_BITS:
        multiplier, exponent = multiplier >> 1, exponent + 1
    if exponent < _MIN_EXPONENT:
        return _VANISHING
    if exponent > _MAX_EXPONENT:
        raise InputError(f"expected a factor below 2^30 between scales, found {factor!r}")
    return multiplier, -exponent


def activation_range(activation: str, scale: np.float32, zero_point: int, rule: Rule) -> tuple[int, int]:
    """Return the least and greatest int8 that a fused activation lets through.

    TFLite rounds bound / scale half away from zero and adds the zero point; XNNPACK (rule `float32`) adds first and
    rounds half to even.

    Raises:
        InputError: an activation that is not read, or a bound that does not fit an int32, which TFLite refuses too.
    """
    if activation not in _BOUNDS:
        raise InputError(f"expected {', '.join(_BOUNDS)} as fused activation, found {activation}")
    low, high = _BOUNDS[activation]
    least = INT8_LOW if low is None else _quantized(low, scale, zero_point, rule)
    greatest = INT8_HIGH if high is None else _quantized(high, scale, zero_point, rule)
    return least, greatest


def _quantized(bound: float, scale: np.float32, zero_point: int, rule: Rule) -> int:
    with np.errstate(all="ignore"):
        quotient = np.float32(bound) / scale
    if not abs(quotient) < 1 << Q31_BITS:
        raise InputError(f"expected a scale with {bound} / scale inside int32, found {scale!s}")
    if rule == "float32":
        rounded = round(float(quotient + np.float32(zero_point)))
    else:
        rounded = zero_point + int(math.copysign(math.floor(abs(float(quotient)) + 0.5), quotient))
    return min(max(rounded, INT8_LOW), INT8_HIGH)
