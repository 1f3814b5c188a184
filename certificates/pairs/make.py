"""Make the pairs of MLPerf Tiny again: tf2onnx converts the TFLite files, and onnxruntime optimises what it wrote.

Run in this folder with tensorflow-cpu, tf2onnx and onnxruntime (README.md has the versions):

    python make.py ../targets
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime

MODELS = {
    "anomaly_detection": ("input_1", "1,5,128,1"),
    "image_classification": ("input_1_int8", "1,32,32,3"),
    "visual_wake_words": ("input_1", "1,96,96,3"),
}
LEVELS = {
    "qdq": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "qoperator": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def converted(folder: Path, name: str) -> str:
    """Convert one TFLite file, copied here so that no folder's name gets into the model; the batch becomes 1."""
    source, model, fixed = f"mlperf_tiny_{name}.int8.tflite", f"{name}.onnx", f"{name}.fixed.onnx"
    shutil.copy(folder / source, source)
    _run("tf2onnx.convert", "--tflite", source, "--output", model, "--opset", "13")
    tensor, shape = MODELS[name]
    tool = "onnxruntime.tools.make_dynamic_shape_fixed"
    _run(tool, "--input_name", tensor, "--input_shape", shape, model, fixed)
    for left in (source, model):
        Path(left).unlink()
    return fixed


def optimised(model: str, name: str) -> None:
    """Have onnxruntime write what it makes of the model: constants folded, then besides integer operators."""
    for kind, level in LEVELS.items():
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = f"mlperf_tiny_{name}.{kind}.onnx"
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    Path(model).unlink()


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)  # noqa: S603 - our own arguments


if __name__ == "__main__":
    for each in MODELS:
        optimised(converted(Path(sys.argv[1]), each), each)
