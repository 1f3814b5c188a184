"""A second opinion on `certify.network/1`, in plain Python: it reads the document itself, not our model.

Every rounding is written from its definition on the exact fraction value / 2^shift, and encoded tensors are
decoded byte by byte. Nothing here checks a document; hand it one that the reader accepts.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction

_HALF = Fraction(1, 2)
_BYTES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4}


def _half_away(exact: Fraction) -> int:
    return math.floor(exact + _HALF) if exact > 0 else math.ceil(exact - _HALF)


ROUND: dict[str, Callable[[Fraction], int]] = {
    "floor": math.floor,
    "half_up": lambda exact: math.floor(exact + _HALF),
    "half_even": round,  # Python rounds a Fraction to the nearest integer, ties to the even one
    "half_away": _half_away,
    "toward_zero": math.trunc,
}


def integers(tensor: list | dict) -> list:
    """The tensor as (nested) lists of integers, whichever of its two forms it has."""
    if isinstance(tensor, list):
        return tensor
    size, signed = _BYTES[tensor["dtype"]], not tensor["dtype"].startswith("u")
    data = base64.b64decode(tensor["data"])
    flat = [int.from_bytes(data[i : i + size], "little", signed=signed) for i in range(0, len(data), size)]
    for length in reversed(tensor["shape"][1:]):
        flat = [flat[i : i + length] for i in range(0, len(flat), length)]
    return flat


def bounds(document: dict, name: str) -> list[int]:
    """The `low` or the `high` of every feature."""
    features, bound = math.prod(document["input"]["shape"]), document["input"][name]
    if isinstance(bound, int):
        return [bound] * features
    return integers(bound | {"shape": [features]} if isinstance(bound, dict) else bound)


def float32(exact: Fraction) -> Fraction:
    """The nearest number with 24 significant bits, the even one in a tie, whatever its exponent."""
    unit = Fraction(1)
    while abs(exact) >= unit * 2**24:
        unit *= 2
    while exact and abs(exact) < unit * 2**23:
        unit /= 2
    return round(exact / unit) * unit


def multiply(step: dict, x: int) -> int:
    """A requantization by a multiplier, each rule on exact fractions."""
    real = Fraction(step["multiplier"], 2**31) * Fraction(2) ** -step["shift"]
    match step["rule"]:
        case "single":
            return ROUND["half_up"](x * real)
        case "double":
            left, right = max(-step["shift"], 0), max(step["shift"], 0)
            first = ROUND["half_up"](Fraction(x * 2**left * step["multiplier"], 2**31))
            return ROUND["half_up"](Fraction(first, 2**right))
        case "float32":
            return round(float32(float32(Fraction(x)) * real))
    raise AssertionError(step)


def apply_step(step: dict, x: int, output: int = 0) -> int:
    match step["op"]:
        case "relu":
            return max(x, 0)
        case "leaky_relu":
            return x if x < 0 else x * 2 ** step["negative_shift"]
        case "requantize" if "multiplier" in step:
            own = {name: step[name] for name in ("multiplier", "shift")}
            own |= {name: integers(value)[output] for name, value in own.items() if not isinstance(value, int)}
            return multiply(step | own, x) + step.get("zero_point", 0)
        case "requantize":
            return ROUND[step["rounding"]](Fraction(x, 2 ** step["shift"])) + step.get("zero_point", 0)
        case "clamp":
            return sorted([step["low"], x, step["high"]])[1]
        case "offset":
            return x + step["value"]
        case "step":
            return 0 if x < 0 else 1
        case "sign":
            return -1 if x < 0 else 1
        case "round_significant":
            return int(float32(Fraction(x)))
        case "thresholds":
            lists = integers(step["at"])
            own = lists[output] if lists and isinstance(lists[0], list) else lists
            return step.get("low", 0) + sum(x >= threshold for threshold in own)
        case "table":
            values = integers(step["values"])
            return values[sorted([0, x - step["low"], len(values) - 1])[1]]
    raise AssertionError(step)


def evaluate(document: dict, point: list[int] | tuple[int, ...]) -> list[int]:
    """The output integers at any point, inside the box or not."""
    values = list(point)
    for layer in document["layers"]:
        values += integers(layer.get("constants", []))
        rows = integers(layer["weights"])
        biases = integers(layer.get("bias", [0] * len(rows)))
        outputs = []
        for output, (row, bias) in enumerate(zip(rows, biases, strict=True)):
            x = sum(weight * value for weight, value in zip(row, values, strict=True)) + bias
            for step in layer.get("then", []):
                x = apply_step(step, x, output)
            outputs.append(x)
        values = outputs
    return values


def output_precision_bits(document: dict) -> int:
    bits = document["input"]["precision_bits"]
    for layer in document["layers"]:
        bits += layer["precision_bits"]
        for step in layer.get("then", []):
            if step["op"] in {"step", "sign"}:
                bits = 0
            elif "multiplier" in step or step["op"] in {"thresholds", "table"}:
                bits = step.get("precision_bits", 0)
            else:
                bits += step.get("negative_shift", 0) - step.get("shift", 0)
    return bits


def value(document: dict, output: int) -> Fraction:
    """The number that an output integer stands for."""
    return output * Fraction(2) ** -output_precision_bits(document)


def grid(document: dict) -> Iterator[tuple[int, ...]]:
    """Every point of the box, the last feature running fastest."""
    ranges = [range(a, b + 1) for a, b in zip(bounds(document, "low"), bounds(document, "high"), strict=True)]
    return itertools.product(*ranges)


def equal_on_grid(a: dict, b: dict) -> bool:
    """Whether both give the same values on the whole box of `a`."""
    return all(
        [value(a, x) for x in evaluate(a, point)] == [value(b, x) for x in evaluate(b, point)] for point in grid(a)
    )
