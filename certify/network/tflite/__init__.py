"""Reading int8 TFLite models: bytes in, a network and what it stands for out."""

from __future__ import annotations

from certify.network.tflite.convert import SUPPORTED_OPERATORS, Converted, read_tflite
from certify.network.tflite.verify import IDENTIFIER

__all__ = ["SUPPORTED_OPERATORS", "Converted", "is_tflite", "read_tflite"]


def is_tflite(data: bytes) -> bool:
    """Tell whether the bytes say of themselves that they are a TFLite file."""
    return data[4:8] == IDENTIFIER
