"""What a network can compute, one folder for each kind of operator.

A folder has what there is to know about its operator: `model` its meaning, its bounds and its form in
`certify.network/1`, `tflite` and `onnx` how those formats write it. CONTRIBUTING.md shows how to add one. `AnyForm`
lists what a layer in `certify.network/1` can be.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from certify.network.operators.addition.model import Addition, AdditionForm, Term
from certify.network.operators.convolution.model import Convolution, ConvolutionForm
from certify.network.operators.dense.model import Dense, DenseForm
from certify.network.operators.moving.form import (
    ConcatenateForm,
    FlattenForm,
    GatherForm,
    PadForm,
    ReshapeForm,
    SliceForm,
    TransposeForm,
)
from certify.network.operators.moving.model import Concatenate, Gather, Moving, Pad, Reshape, Slice, Transpose
from certify.network.operators.operator import INPUT, Linear, Operator
from certify.network.operators.pooling.model import AveragePoolForm, MaxPoolForm, Pooling, SumPoolForm
from certify.network.operators.product.model import Product, ProductForm
from certify.network.operators.softmax.model import Softmax, SoftmaxForm

__all__ = [
    "INPUT",
    "OPERATOR_NAMES",
    "Addition",
    "AnyForm",
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

AnyForm: TypeAlias = (
    DenseForm
    | ConvolutionForm
    | AdditionForm
    | ProductForm
    | MaxPoolForm
    | SumPoolForm
    | AveragePoolForm
    | SoftmaxForm
    | ReshapeForm
    | FlattenForm
    | TransposeForm
    | PadForm
    | SliceForm
    | ConcatenateForm
    | GatherForm
)
OPERATOR_NAMES = tuple(str(form.__struct_config__.tag) for form in get_args(AnyForm))
