"""A network as an ONNX model: bounds checked, layers put together, and written down by the package `onnx`."""

from __future__ import annotations

from typing import Any

from certify import __version__
from certify.errors import InputError, ReaderMissingError
from certify.export.onnx.graph import Graph
from certify.export.onnx.operators import accumulate
from certify.export.onnx.steps import run_steps
from certify.network.bounds import graph_reach
from certify.network.model import INPUT, Network

OPSET = 18
IR_VERSION = 8
INPUT_NAME, OUTPUT_NAME = "input", "output"
MAX_BYTES = 2**30
"""How many bytes a model's constants may take; protobuf ends at 2^31."""
EXACT_WORD = 2**62
_EXTRA = "onnx"


def write_onnx(network: Network, *, batch: int = 1) -> bytes:
    """Return the network as ONNX: `input` int64[batch, *shape] to `output` int64[batch, *shape].

    The outputs are the network's integers; the metadata say their precision bits. The same network gives the same
    bytes, with the same version of `onnx`.

    Args:
        network: any network.
        batch: how many points at once.

    Raises:
        InputError: int64 may not hold every number that a layer meets, or the constants are too large.
        ReaderMissingError: the package `onnx` is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError:
        raise ReaderMissingError("onnx", _EXTRA) from None
    graph, output = build(network, batch)
    if graph.constant_bytes > MAX_BYTES:
        raise InputError(f"expected weights of at most {MAX_BYTES} bytes, found {graph.constant_bytes}")
    model = _assemble(onnx, network, graph, output, batch)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def build(network: Network, batch: int) -> tuple[Graph, str]:
    """Return the graph, and the name of its output.

    Raises:
        InputError: int64 may not hold every number that a layer meets.
    """
    graph, names = Graph(), {INPUT: INPUT_NAME}
    shapes = dict(enumerate(network.shapes())) | {INPUT: network.input.shape}
    for index, (layer, reach) in enumerate(zip(network.layers, graph_reach(network), strict=True)):
        place = f"layers[{index}]"
        if reach.largest >= EXACT_WORD:
            name = f"{type(layer).__name__.lower()} {layer.name}".rstrip()
            problem = f"expected numbers below 2^62 in {name}, found up to {reach.largest.bit_length()} bits"
            raise InputError(f"{problem}: int64 may not hold them", place)
        graph.begin(place)
        sources = network.sources(index)
        read, read_shapes = [names[source] for source in sources], [shapes[source] for source in sources]
        found = accumulate(graph, layer, read, read_shapes, batch, reach.largest)
        names[index] = run_steps(graph, layer.steps, found, reach.largest)
    return graph, names[len(network.layers) - 1]


def _assemble(onnx: Any, network: Network, graph: Graph, output: str, batch: int) -> Any:
    helper, kind = onnx.helper, onnx.TensorProto.INT64
    nodes = [
        helper.make_node(node.op, node.inputs, [node.output], name=node.output, **node.attributes)
        for node in graph.nodes
    ]
    nodes.append(helper.make_node("Identity", [output], [OUTPUT_NAME], name=OUTPUT_NAME))
    ends = [
        [helper.make_tensor_value_info(name, kind, [batch, *shape])]
        for name, shape in ((INPUT_NAME, network.input.shape), (OUTPUT_NAME, network.shapes()[-1]))
    ]
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, network.name or "network", *ends, initializer=constants),
        producer_name="certify",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    bits = {
        "input_precision_bits": network.input.precision_bits,
        "output_precision_bits": network.output_precision_bits(),
    }
    helper.set_model_props(model, {name: str(value) for name, value in bits.items()})
    return model
