"""Small TFLite graphs of convolutions on an image, drawn operator by operator."""

from __future__ import annotations

from typing import Any

import numpy as np
from tflite_models import (
    Drawing,
    Tensor,
    convolution,
    depthwise,
)

SCALE, ZERO = 0.5, 3


def like(name: str, *shape: int, **changes: Any) -> Tensor:
    """Return an int8 tensor of the scale and zero point that most tensors here have."""
    return Tensor(name, shape, "INT8", changes.get("scales", (SCALE,)), changes.get("zeros", (ZERO,)))


def image(*shape: int) -> Drawing:
    return Drawing(like("image", *(shape or (1, 4, 4, 2))))


def convolved(drawing: Drawing, values: Any, name: str = "w", *, source: int = 0, **how: Any) -> int:
    """Return the output of a CONV_2D with these weights, bias 0 and as many rows and columns as it reads."""
    weights = np.asarray(values)
    made = drawing.weights(name, weights, [0.5], SCALE, np.zeros(len(weights)))
    shape = how.pop("shape", (*drawing.tensors[source].shape[:3], len(weights)))
    return drawing.op("CONV_2D", [source, *made], like(f"{name}_out", *shape), **(how or convolution()))


def with_depthwise(multiplier: int = 1, dimension: int = 3, shape: Any = (1, 3, 3, 2)) -> Drawing:
    drawing = image()
    made = drawing.weights("w", np.ones(shape), [0.5] * shape[3], SCALE, dimension=dimension)
    drawing.op("DEPTHWISE_CONV_2D", [0, *made], like("out", 1, 4, 4, shape[3]), **depthwise(multiplier))
    return drawing
