"""How operators that move elements are written in `certify.network/1`."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

from certify.errors import InputError
from certify.network.operators.form import Around, Counts, Given, Inputs, LayerForm, Lengths, check_elements
from certify.network.operators.moving.model import Concatenate, Gather, Pad, Reshape, Slice, Transpose
from certify.network.tensors import MAX_DIMENSIONS, Vector, read_vector


class ReshapeForm(LayerForm, tag="reshape", kw_only=True):
    """A reshape in JSON."""

    shape: Lengths

    def read(self, given: Given) -> Reshape:  # noqa: ARG002
        """Return the operator."""
        return Reshape(tuple(self.shape))


class FlattenForm(LayerForm, tag="flatten"):
    """A reshape to one dimension in JSON."""

    def read(self, given: Given) -> Reshape:
        """Return the operator."""
        return Reshape((math.prod(given.shapes[0]),))


class TransposeForm(LayerForm, tag="transpose", kw_only=True):
    """A transposition in JSON."""

    axes: Counts

    def read(self, given: Given) -> Transpose:  # noqa: ARG002
        """Return the operator."""
        return Transpose(tuple(self.axes))


class PadForm(LayerForm, tag="pad", kw_only=True):
    """A padding in JSON."""

    padding: Annotated[list[Around], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)]
    value: int = 0

    def read(self, given: Given) -> Pad:  # noqa: ARG002
        """Return the operator."""
        return Pad(tuple(self.padding), self.value)


class SliceForm(LayerForm, tag="slice", kw_only=True):
    """A slice in JSON."""

    begin: Counts
    end: Lengths
    step: Lengths | msgspec.UnsetType = msgspec.UNSET

    def read(self, given: Given) -> Slice:
        """Return the operator.

        Raises:
            InputError: begin, end and step are not of one length.
        """
        step = [1] * len(self.begin) if isinstance(self.step, msgspec.UnsetType) else self.step
        if not len(self.begin) == len(self.end) == len(step):
            problem = (
                f"expected begin, end and step of one length, found {len(self.begin)}, {len(self.end)}, {len(step)}"
            )
            raise InputError(problem, given.place)
        return Slice(tuple(self.begin), tuple(self.end), tuple(step))


class ConcatenateForm(LayerForm, tag="concatenate", kw_only=True):
    """A concatenation in JSON."""

    inputs: Inputs
    axis: Annotated[int, msgspec.Meta(ge=0, lt=MAX_DIMENSIONS)]

    def read(self, given: Given) -> Concatenate:
        """Return the operator."""
        return Concatenate(given.sources, self.axis)


class GatherForm(LayerForm, tag="gather", kw_only=True):
    """A gathering in JSON."""

    indices: Vector
    shape: Lengths

    def read(self, given: Given) -> Gather:
        """Return the operator.

        Raises:
            InputError: more elements than a layer may have, or as `read_vector`.
        """
        check_elements(tuple(self.shape), f"{given.place}.shape")
        return Gather(tuple(read_vector(self.indices, f"{given.place}.indices").tolist()), tuple(self.shape))
