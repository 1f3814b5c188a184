"""What is not read is refused in one line that names operator and tensor; what is read is read."""

from __future__ import annotations

import contextlib
import random
import sys

import numpy as np
import onnx
import onnx_models
import pytest
from onnx import TensorProto, helper, numpy_helper

from certify.errors import CertifyError, InputError, ReaderMissingError
from certify.network.onnx import wire
from certify.network.onnx.convert import InputGrid, read_onnx
from certify.network.onnx.model import is_onnx
from certify.network.target import read_target

GOOD = onnx_models.convolutional("qdq", np.uint8)
SMALL = onnx_models.perceptron("qdq", np.int8)


def _edited(edit, data=GOOD):
    model = onnx.load_model_from_string(data)
    edit(model)
    return model.SerializeToString()


def _node(model, kind, place=0):
    return [node for node in model.graph.node if node.op_type == kind][place]


def _constant(model, name):
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def _replace(model, name, array):
    _constant(model, name).CopyFrom(numpy_helper.from_array(array, name))


def _set(model, kind, **attributes):
    node = _node(model, kind)
    kept = [each for each in node.attribute if each.name not in attributes]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in attributes.items())])


def _dynamic(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"


def _no_shape(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")


def _huge(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2**40


def _huge_constant(model):
    weights = _constant(model, _node(model, "DequantizeLinear", 1).input[0])
    weights.dims[0] = 2**62


def _two_inputs(model):
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def _two_outputs(model):
    model.graph.output.append(helper.make_tensor_value_info(_node(model, "Conv").output[0], TensorProto.FLOAT, None))


def _no_output(model):
    model.graph.output[0].name = "nowhere"


def _lying_output(model):
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7


def _lying_between(model):
    name = _node(model, "Conv").output[0]
    model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 11, 8]))


def _external(model):
    weights = _constant(model, _node(model, "DequantizeLinear", 1).input[0])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../secret")


def _sparse(model):
    model.graph.sparse_initializer.add().values.name = "few"


def _no_scale(model):
    _node(model, "QuantizeLinear").input[1] = ""


def _scale(value):
    return lambda model: _replace(
        model, _node(model, "QuantizeLinear", 1).input[1], np.array(value, dtype=np.float32)
    )


def _short(model):
    weights = _constant(model, _node(model, "DequantizeLinear", 1).input[0])
    weights.raw_data = weights.raw_data[:-1]


def _half(model):
    weights = _constant(model, _node(model, "DequantizeLinear", 1).input[0])
    weights.data_type = TensorProto.FLOAT16


def _zero_point(dtype):
    return lambda model: _replace(model, _node(model, "QuantizeLinear", 1).input[2], np.array(0, dtype=dtype))


def _cycle(model):
    _node(model, "Conv").input[0] = _node(model, "Gemm").output[0]


def _dangling(model):
    _node(model, "Conv").input[0] = "nothing"


def _twice(model):
    _node(model, "Gemm").output[0] = _node(model, "Conv").output[0]


def _constant_twice(model):
    model.graph.initializer.append(model.graph.initializer[0])


def _kind(kind, domain=""):
    def edit(model):
        node = _node(model, "Relu")
        node.op_type, node.domain = kind, domain

    return edit


def _subgraph(model):
    node = _node(model, "Relu")
    node.op_type = "If"
    node.attribute.append(helper.make_attribute("then_branch", helper.make_graph([], "then", [], [])))


def _functions(model):
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [], [helper.make_opsetid("", 17)]))


def _float_weights(model):
    name = _node(model, "DequantizeLinear", 1).output[0]
    model.graph.initializer.append(numpy_helper.from_array(np.ones((8, 3, 3, 3), dtype=np.float32), "w"))
    for node in model.graph.node:
        node.input[:] = ["w" if each == name else each for each in node.input]


def _attribute(kind, **attributes):
    return lambda model: _set(model, kind, **attributes)


def _old(model):
    model.opset_import[0].version = 9


def _new(model):
    model.opset_import[0].version = 27


def _wide_weights(model):
    node = _node(model, "DequantizeLinear", 1)
    for name in (node.input[0], node.input[2]):
        _replace(model, name, numpy_helper.to_array(_constant(model, name)).astype(np.int32))


def _no_outputs(model):
    del _node(model, "Relu").output[:]


def _bias_scale(model):
    place = _node(model, "Conv").input[2]
    node = next(node for node in model.graph.node if node.output[0] == place)
    _replace(model, node.input[1], np.full(8, 0.5, dtype=np.float32))


REFUSED = {
    "a dynamic dimension": (_dynamic, "tensor 'input': expected dimensions that are fixed, found ['?', 3, 11, 9]"),
    "no shape": (_no_shape, "tensor 'input': expected dimensions that are fixed, found no shape"),
    "a huge input": (_huge, "tensor 'input': expected dimensions of at least 1 and at most"),
    "a huge constant": (_huge_constant, "tensor 'weight_4': expected"),
    "two inputs": (_two_inputs, "expected one input, found 2: input, more"),
    "two outputs": (_two_outputs, "expected one output, found 2"),
    "an output that nothing fills": (
        _no_output,
        "tensor 'nowhere': expected an operator that fills the model's output",
    ),
    "an output whose shape lies": (_lying_output, "expected the shape [1, 5], found [1, 7] declared"),
    "a tensor whose shape lies": (_lying_between, "expected the shape [1, 8, 6, 9], found [1, 8, 11, 8] declared"),
    "external data": (_external, "tensor 'weight_4': expected the elements in the file itself, found external data"),
    "a sparse constant": (_sparse, "tensor 'few': expected dense constants, found a sparse one"),
    "no scale": (
        _no_scale,
        "operator 0 QuantizeLinear 'n_quantizelinear_3': expected a tensor, found an input left out",
    ),
    "a scale of 0": (_scale(0), "expected positive scales of finite size, found 0.0"),
    "a scale of nan": (_scale(np.nan), "expected positive scales of finite size, found nan"),
    "a scale for each channel of an activation": (
        _scale([1] * 8),
        "expected one number for the whole tensor, found 8",
    ),
    "a constant cut short": (_short, "tensor 'weight_4': expected 216 elements for [8, 3, 3, 3], found 215"),
    "half floats": (_half, "tensor 'weight_4': expected elements of type FLOAT,"),
    "16 bit activations": (_zero_point(np.int16), "expected zero points of INT8, UINT8, INT32, found INT16"),
    "32 bit activations": (_zero_point(np.int32), "expected a zero point of INT8 or UINT8, found INT32"),
    "a cycle": (_cycle, "tensor 'gemm_95': expected a tensor that was filled before"),
    "a dangling input": (_dangling, "tensor 'nothing': expected a tensor that was filled before"),
    "a tensor filled twice": (_twice, "expected tensors of different names, found one twice"),
    "a constant twice": (_constant_twice, "expected constants of different names, found one twice"),
    "another operator": (_kind("Erf"), "Erf 'n_relu_16': expected an operator that is read, found Erf"),
    "another domain": (_kind("Gelu", "com.example"), "found 'com.example'"),
    "another domain's operator": (
        _kind("FusedConv", "com.microsoft"),
        "expected an operator that is read, found FusedConv",
    ),
    "Trunc": (_kind("Trunc", onnx_models.QONNX), "expected an operator that is read, found Trunc"),
    "control flow": (_subgraph, "attribute 'then_branch': expected numbers, strings or a tensor, found type 5"),
    "functions": (_functions, "expected a model without functions, found 1"),
    "float weights": (_float_weights, "tensor 'w': expected quantized weights, found a float constant"),
    "a table before the quantizer": (
        _kind("Sigmoid"),
        "expected nothing but Relu or Clip before QuantizeLinear, found Sigmoid",
    ),
    "groups that do not divide": (_attribute("Conv", group=5), "expected 3 channels in 5 groups"),
    "another kernel size": (_attribute("Conv", kernel_shape=[3, 5]), "expected kernel_shape [3, 3], found (3, 5)"),
    "a stride of 0": (_attribute("Conv", strides=[0, 1]), "expected a window of at least 1 by 1"),
    "huge padding": (_attribute("Conv", pads=[0, 0, 2**40, 0]), "expected pads from 0 to 4096"),
    "an attribute of another type": (
        _attribute("Conv", group=1.5),
        "expected attribute group of type int, found float",
    ),
    "both kinds of padding": (_attribute("Conv", auto_pad="SAME_UPPER"), "expected auto_pad or pads, found both"),
    "ceil_mode": (_attribute("MaxPool", ceil_mode=1), "expected no attribute ceil_mode"),
    "alpha": (_attribute("Gemm", alpha=0.5), "expected alpha 1, found 0.5"),
    "an old opset": (_old, "expected opset 10 to 26, found 9"),
    "a newer opset": (_new, "expected opset 10 to 26, found 27"),
    "weights of 32 bits": (_wide_weights, "expected weights of at most 16 bits, found INT32"),
    "no output at all": (_no_outputs, "Relu 'n_relu_16': expected one output, found 0"),
    "a bias on another grid": (_bias_scale, "expected the product of the scales of input and weights"),
}


def test_the_model_is_read_before_it_is_spoilt():
    assert read_onnx(GOOD).after == "QuantizeLinear"


@pytest.mark.parametrize("name", REFUSED)
def test_a_spoilt_model_is_refused(name):
    edit, expected = REFUSED[name]
    with pytest.raises(InputError) as raised:
        read_onnx(_edited(edit))
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def _float_model():
    weights = numpy_helper.from_array(np.ones((4, 2), dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    first = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    return onnx_models.write(nodes, first, helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2]), [weights])


def _empty_model():
    first = helper.make_tensor_value_info("x", TensorProto.INT8, [1, 4])
    return onnx_models.write([], first, first, [])


def _many_messages():
    return b"\x08\x08:" + b"\xff\xff\x3f" + b"\x0a\x00" * ((2**20 - 1) // 2) + b"\x0a"


BYTES = {
    "a float model": (_float_model(), "tensor 'x': expected a quantized input, or an input grid"),
    "no operator": (_empty_model(), "tensor 'x': expected an operator between input and output, found none"),
    "the end cut off": (GOOD[:-5], "damaged or cut off"),
    "the beginning alone": (GOOD[:3], ""),
    "garbage": (b"\x08\x01" + b"\xff" * 64, "expected a whole number at byte"),
    "another wire type": (b"\x08\x01\x3c\x00", "expected a field of a protobuf at byte 3, found wire type 4"),
    "a name that is no text": (
        b"\x08\x08\x3a\x03\x12\x01\xff",
        "expected text in UTF-8, found byte 0xff in it at byte 6",
    ),
    "no graph": (b"\x08\x08\x00"[:2] + b"\x10\x01", ""),
    "very many messages": (_many_messages(), "expected at most 262144 fields, found more"),
}


@pytest.mark.parametrize("name", BYTES)
def test_other_bytes_are_refused(name):
    data, expected = BYTES[name]
    with pytest.raises(InputError) as raised:
        read_onnx(data)
    assert expected in str(raised.value)


def test_a_file_above_the_limit_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(wire, "MAX_BYTES", len(GOOD) - 1)
    with pytest.raises(InputError, match=f"expected at most {len(GOOD) - 1} bytes, found {len(GOOD)}"):
        read_onnx(GOOD)


def test_the_package_is_asked_for_by_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ReaderMissingError, match=r"certify\[onnx\]"):
        read_onnx(GOOD)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("data", [SMALL, onnx_models.attention("qop", np.uint8), onnx_models.brevitas()], ids=len)
def test_flipped_bytes_give_a_network_or_an_input_error(data, seed):
    draw = random.Random(seed)
    for _ in range(40):
        flipped = bytearray(data)
        for _ in range(draw.choice((1, 1, 3))):
            flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        with contextlib.suppress(InputError):
            read_onnx(bytes(flipped), draw.choice((None, InputGrid.parse("1/4:-8..7"))))


def test_bytes_say_what_they_are():
    assert is_onnx(GOOD)
    assert not is_onnx(b'{"format": "certify.network/1"}')
    assert not is_onnx(b"")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"rule": "single"}, "expected the rule float32, which onnxruntime's kernels follow, found single"),
        (
            {"grid": InputGrid.parse("1:0..1")},
            "expected an input that nothing quantizes where an input grid is given",
        ),
    ],
    ids=["another rule", "a grid for what is quantized"],
)
def test_a_target_takes_no_more_than_it_needs(arguments, expected):
    with pytest.raises(CertifyError, match=expected):
        read_target(GOOD, **arguments)


def test_a_target_names_both_ends():
    conversion = read_target(SMALL).conversion
    assert conversion is not None
    assert (conversion.format, conversion.rule, conversion.input_grid) == ("onnx", "float32", "")
    assert (conversion.starts_after, conversion.ends_before) == ("QuantizeLinear", "DequantizeLinear")
