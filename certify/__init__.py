"""Exact strong lottery tickets of quantized ReLU networks: found, proved and signed."""

__version__ = "0.1.0"
