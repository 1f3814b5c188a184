"""What a network can compute, one folder for each kind of operator.

A folder has what there is to know about its operator: `model` its meaning, its bounds and its form in
`certify.network/1`, `tflite` and `onnx` how those formats write it. CONTRIBUTING.md shows how to add one.
"""

from __future__ import annotations

from certify.network.operators.addition.model import Addition, Term
from certify.network.operators.convolution.model import Convolution
from certify.network.operators.dense.model import Dense
from certify.network.operators.moving.model import Concatenate, Gather, Moving, Pad, Reshape, Slice, Transpose
from certify.network.operators.operator import INPUT, Linear, Operator
from certify.network.operators.pooling.model import Pooling
from certify.network.operators.product.model import Product
from certify.network.operators.softmax.model import Softmax

__all__ = [
    "INPUT",
    "Addition",
    "Concatenate",
    "Convolution",
    "Dense",
    "Gather",
    "Linear",
    "Moving",
    "Operator",
    "Pad",
    "Pooling",
    "Product",
    "Reshape",
    "Slice",
    "Softmax",
    "Term",
    "Transpose",
]
