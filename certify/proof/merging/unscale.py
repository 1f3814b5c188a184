"""Steps on accumulators that are all multiples of an integer, written for the quotients: `steps.rescale` undone.

What is returned is a guess: z3 is asked whether it holds wherever it is used. `double` rounds at a fixed place; a
longer shift under `float32` would be right, but z3 does not show it, and a smaller divisor may leave it alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify.network.steps import (
    MIN_Q31_SHIFT,
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    Sign,
    Step,
    Threshold,
)


def unscale(steps: Sequence[Step], divisor: int) -> tuple[Step, ...] | None:
    """Return steps' with steps(divisor · x) = m · steps'(x) for some m and every x; None where none are known."""
    found: list[Step] = []
    left = divisor
    for step in steps:
        match step:
            case Relu() | LeakyRelu():
                found.append(step)
            case Clamp(low, high) if low % left == high % left == 0:
                found.append(Clamp(low // left, high // left))
            case Offset(value) if value % left == 0:
                found.append(Offset(value // left))
            case Threshold() | Sign():
                found.append(step)
                left = 1
            case Requantize(shift, rounding, zero_point) if left & (left - 1) == 0:
                bits = left.bit_length() - 1
                left = 1 << max(bits - shift, 0)
                if zero_point % left:
                    return None
                rest = Requantize(max(shift - bits, 0), rounding, zero_point // left)
                found += [rest] if rest.shift or rest.zero_point else []
            case RequantizeQ31(multiplier, int(shift), rule, zero_point, precision_bits) if left & (left - 1) == 0:
                shift -= left.bit_length() - 1
                if shift < MIN_Q31_SHIFT or (rule != "single" and left > 1):
                    return None
                found.append(RequantizeQ31(multiplier, shift, rule, zero_point, precision_bits))
                left = 1
            case _:
                return None
    return tuple(found)
