from __future__ import annotations

import dataclasses
from typing import Any

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid.program import Layer, Opcode, Program, multiplications


def integers(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def layer_with(**changed: Any) -> Layer:
    """Two rows over two inputs and a constant, with what is named replaced."""
    fields = {
        "start": integers(0, 2, 3),
        "columns": integers(0, 2, 1),
        "values": integers(5, 0, -1),
        "bias": integers(7, 8),
        "constants": integers(3),
        "steps": integers(Opcode.CLAMP, -1, 1, 0).reshape(1, 1, 4),
    }
    return Layer(**(fields | changed))


def test_a_layer_is_frozen_with_its_arrays():
    layer = layer_with()
    assert layer.rows == 2
    with pytest.raises(ValueError, match="read-only"):
        layer.values[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.bias = integers(7, 8)


def test_a_program_is_frozen():
    program = Program(2, (layer_with(),), 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        program.output_shift = 63


def test_layers_and_programs_are_told_apart_by_identity():
    """Arrays have no truth value to compare by."""
    layers = [layer_with(), layer_with()]
    assert len(set(layers)) == 2
    assert len({Program(2, (layer,), 0) for layer in (layers[0], layers[0])}) == 2


def test_multiplications_are_the_stored_entries_zeros_included():
    program = Program(2, (layer_with(), layer_with(), naive.layer([{}, {1: 0}])), 0)
    assert multiplications(program) == 3 + 3 + 1
    assert program.outputs == 2


STEP_ROWS = {
    "unknown opcode": ([13, 0, 0, 0], "an opcode from 0 to 12, found 13"),
    "no significant bits": ([Opcode.SIGNIFICANT, 0, 0, 0], "1 to 62 significant bits, found 0"),
    "63 significant bits": ([Opcode.SIGNIFICANT, 63, 0, 0], "1 to 62 significant bits, found 63"),
    "negative opcode": ([-1, 0, 0, 0], "found -1"),
    "a falling leaky ReLU": ([Opcode.LEAKY_RELU, 0, 0, 0], "a factor from 1, found 0"),
    "shift of 63": ([Opcode.SHIFT_RIGHT_FLOOR, 63, 0, 0], "a shift from 0 to 62, found 63"),
    "negative shift": ([Opcode.SHIFT_RIGHT_TOWARD_ZERO, -1, 0, 0], "found -1"),
}


@pytest.mark.parametrize(("row", "problem"), STEP_ROWS.values(), ids=STEP_ROWS)
def test_steps_refused(row, problem):
    with pytest.raises(ValueError, match=problem):
        layer_with(steps=integers(*row).reshape(1, 1, 4))


LAYERS = {
    "float values": ({"values": np.array([1.0, 2.0, 3.0])}, "values: expected int64 in 1"),
    "narrow columns": ({"columns": np.array([0, 2, 1], dtype=np.int32)}, "columns: expected int64"),
    "two-dimensional bias": ({"bias": integers(7, 8).reshape(1, 2)}, "bias: .* found int64 in 2"),
    "flat steps": ({"steps": integers(0, 0, 0, 0)}, "steps: expected int64 in 3"),
    "steps of three": ({"steps": integers(0, 0, 0).reshape(1, 1, 3)}, r"steps, 4\), found \(1, 1, 3\)"),
    "steps of five": ({"steps": integers(0, 0, 0, 0, 0).reshape(1, 1, 5)}, r"steps, 4\), found \(1, 1, 5\)"),
    "steps of three rows": ({"steps": integers(*[0] * 12).reshape(3, 1, 4)}, r"1 or 2, .*found \(3, 1, 4\)"),
    "a value missing": ({"values": integers(5, 0)}, "values: expected 3 .* found 2"),
    "a value too many": ({"values": integers(5, 0, -1, 2)}, "values: expected 3 .* found 4"),
    "a bias too few": ({"bias": integers(7)}, "start: expected 2"),
    "a bias too many": ({"bias": integers(7, 8, 9)}, "start: expected 4"),
    "start not from 0": ({"start": integers(1, 2, 3)}, "from 0 to 3"),
    "start below 0": ({"start": integers(-1, 2, 3)}, "from 0 to 3"),
    "start ends late": ({"start": integers(0, 2, 4)}, "from 0 to 3"),
    "start ends early": ({"start": integers(0, 2, 2)}, "from 0 to 3"),
    "start falls": ({"start": integers(0, 4, 3)}, "from 0 to 3"),
}


@pytest.mark.parametrize(("changed", "problem"), LAYERS.values(), ids=LAYERS)
def test_layers_refused(changed, problem):
    with pytest.raises(ValueError, match=problem):
        layer_with(**changed)


PROGRAMS = {
    "no layer": ((2, (), 0), "found 2 and 0"),
    "negative inputs": ((-1, (layer_with(),), 0), "found -1 and 1"),
    "shift of 63": ((2, (layer_with(),), 63), "output_shift: expected 0 to 62, found 63"),
    "negative shift": ((2, (layer_with(),), -1), "output_shift: .* found -1"),
    "column beyond the constants": (
        (1, (layer_with(),), 0),
        r"layers\[0\].columns: expected 0 to 1, found 0 to 2",
    ),
    "column far beyond": ((1, (naive.layer([{9: 1}]),), 0), "expected 0 to 0, found 9 to 9"),
    "column beyond the layer before": (
        (2, (layer_with(), naive.layer([{2: 1}])), 0),
        r"layers\[1\].columns: expected 0 to 1, found 2 to 2",
    ),
    "negative column": ((2, (naive.layer([{-1: 1}]),), 0), "found -1 to -1"),
}


@pytest.mark.parametrize(("arguments", "problem"), PROGRAMS.values(), ids=PROGRAMS)
def test_programs_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        Program(*arguments)
