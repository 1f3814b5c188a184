"""Reading quantized ONNX models, QDQ, QOperator and QONNX: bytes in, a network and what it stands for out.

`convert.read_onnx` is the way in. Importing this package imports nothing of it, as the operators' own readers import
its parts.
"""
