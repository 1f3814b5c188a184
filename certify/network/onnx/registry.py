"""What a reader of one kind of operator is: it takes a node in, and says what its output is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from certify.network.onnx.builder import Builder
from certify.network.onnx.model import Node
from certify.network.onnx.values import Value

Reader: TypeAlias = Callable[[Builder, Node], Value]
Readers: TypeAlias = Mapping[tuple[str, str], Reader]
"""By domain, "" for ONNX's own, and kind. A reader raises an InputError whose place, if any, is a tensor."""
