"""What shape operators compute, and the shapes that they end in."""

from __future__ import annotations

import numpy as np
import pytest

from certify.errors import InputError
from certify.network.tflite.model import Tensor
from certify.network.tflite.options import PackOptions, SliceOptions
from certify.network.tflite.shapes import Folded, pack, read_constant, reshape_target, strided_slice


def constant(values: list[int] | int, dtype: str = "int32", shape: tuple[int, ...] | None = None) -> Tensor:
    array = np.array(values, dtype=dtype)
    data = np.frombuffer(array.tobytes(), np.uint8)
    return Tensor("c", array.shape if shape is None else shape, (), dtype.upper(), data, None, ())


def of(*values: int) -> Folded:
    return Folded(values)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (constant(5), Folded((5,), scalar=True)),
        (constant([5]), of(5)),
        (constant([-1, 2, 3], "int64"), of(-1, 2, 3)),
    ],
    ids=["scalar", "vector of one", "int64"],
)
def test_constants(tensor: Tensor, expected: Folded) -> None:
    assert read_constant(tensor) == expected


@pytest.mark.parametrize(
    "tensor",
    [
        constant([1], "float32"),
        constant([1, 2], shape=(3,)),
        constant([[1], [2]]),
        constant(list(range(9))),
        Tensor("c", (1,), (), "INT32", None, None, ()),
    ],
    ids=["floats", "fewer bytes", "a matrix", "nine", "without data"],
)
def test_constants_that_are_refused(tensor: Tensor) -> None:
    with pytest.raises(InputError):
        read_constant(tensor)


@pytest.mark.parametrize(
    ("begin", "end", "stride", "options", "expected"),
    [
        (0, 1, 1, SliceOptions(shrink_axis_mask=1), Folded((7,), scalar=True)),
        (-1, 0, 1, SliceOptions(shrink_axis_mask=1), Folded((9,), scalar=True)),
        (1, 3, 1, SliceOptions(), of(8, 9)),
        (1, 3, 1, SliceOptions(begin_mask=1), of(7, 8, 9)),
        (1, 0, 1, SliceOptions(end_mask=1), of(8, 9)),
        (2, 0, -1, SliceOptions(), of(9, 8)),
        (0, 99, 2, SliceOptions(), of(7, 9)),
        (2, 1, 1, SliceOptions(), of()),
    ],
    ids=["one", "last", "some", "from the first", "to the last", "backwards", "every other", "none"],
)
def test_slices(begin: int, end: int, stride: int, options: SliceOptions, expected: Folded) -> None:
    assert strided_slice([of(7, 8, 9), of(begin), of(end), of(stride)], options) == expected


@pytest.mark.parametrize(
    ("operands", "options"),
    [
        ([of(7), of(0), of(1), of(0)], SliceOptions()),
        ([of(7), of(1), of(2), of(1)], SliceOptions(shrink_axis_mask=1)),
        ([of(7), of(-2), of(2), of(1)], SliceOptions(shrink_axis_mask=1)),
        ([of(7), of(0), of(1), of(1)], SliceOptions(begin_mask=1, shrink_axis_mask=1)),
        ([of(7), of(0), of(1), of(-1)], SliceOptions(shrink_axis_mask=1)),
        ([of(7), of(0), of(1), of(1)], SliceOptions(ellipsis_mask=1)),
        ([of(7), of(0), of(1), of(1)], SliceOptions(new_axis_mask=1)),
        ([of(7), of(0), of(1), of(1)], SliceOptions(offset=True)),
        ([of(7), of(0, 0), of(1), of(1)], SliceOptions()),
        ([of(7), of(0), of(1)], SliceOptions()),
        ([], SliceOptions()),
        ([Folded((7,), scalar=True), of(0), of(1), of(1)], SliceOptions()),
    ],
    ids=[
        "stride 0",
        "behind the end",
        "before the start",
        "shrunk without begin",
        "shrunk backwards",
        "ellipsis",
        "new axis",
        "offset",
        "two dimensions",
        "no stride",
        "nothing",
        "a scalar",
    ],
)
def test_slices_that_are_refused(operands: list[Folded], options: SliceOptions) -> None:
    with pytest.raises(InputError):
        strided_slice(operands, options)


def test_scalars_are_packed() -> None:
    scalars = [Folded((value,), scalar=True) for value in (4, -1)]
    assert pack(scalars, PackOptions()) == of(4, -1)
    assert pack(scalars, PackOptions(axis=-1)) == of(4, -1)


@pytest.mark.parametrize(
    ("operands", "axis"),
    [([], 0), ([of(1)], 0), ([Folded((1,), scalar=True)], 1), ([Folded((1,), scalar=True)] * 9, 0)],
    ids=["none", "a vector", "another axis", "nine"],
)
def test_what_is_not_packed(operands: list[Folded], axis: int) -> None:
    with pytest.raises(InputError):
        pack(operands, PackOptions(axis=axis))


@pytest.mark.parametrize(
    ("target", "expected"),
    [((2, 3), (2, 3)), ((-1, 3), (2, 3)), ((6,), (6,)), ((1, -1), (1, 6)), ((-1,), (6,))],
    ids=str,
)
def test_targets(target: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert reshape_target(target, 6) == expected


@pytest.mark.parametrize(
    "target", [(), (5,), (-1, -1), (-1, 4), (0, -1), (-2, -3), (-1, 0), (12,), (-6, -1)], ids=str
)
def test_targets_that_are_refused(target: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected a shape of 6 elements"):
        reshape_target(target, 6)
