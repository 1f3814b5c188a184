"""A network as ONNX that has integer operators only, and gives the network's own outputs wherever ONNX is executed.

Every tensor is int64, in the standard domain, with a first dimension for the batch. No operator is used whose rule
runtimes may differ on: quotients are of multiples, or of numbers that are not negative. That nothing leaves int64 is
checked in Python integers before anything is written (`certify.network.bounds`).

`graph` collects nodes, `arithmetic` has the roundings, `steps` the element-wise steps, `linear` and `operators` the
accumulations, and `model` writes it all down, which alone needs the package `onnx`.
"""

from certify.export.onnx.model import INPUT_NAME, MAX_BYTES, OPSET, OUTPUT_NAME, write_onnx

__all__ = ["INPUT_NAME", "MAX_BYTES", "OPSET", "OUTPUT_NAME", "write_onnx"]
