"""How much a network may be that is read from JSON. `json_limits` has what any JSON may be."""

from __future__ import annotations

MAX_LAYERS = 2**14
"""Operators of a graph; a model in ONNX may have as many nodes."""
MAX_STEPS = 2**10
"""After one operator."""
MAX_INPUTS = 2**10
"""Tensors that one operator reads."""
MAX_WEIGHTS = 2**24
"""Of all layers together, zeros too."""
MAX_TENSOR = 2**24
"""Elements of one tensor: the bounds of an input may have as many."""
