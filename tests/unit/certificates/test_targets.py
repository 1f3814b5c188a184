"""The example targets: that they come again byte for byte, and are what their README says."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from certify.network.evaluate import evaluate
from certify.network.reader import read_network
from certify.network.rounding import shift_right
from certify.network.steps import Clamp, Relu, Requantize

FOLDER = Path(__file__).resolve().parents[3] / "certificates" / "targets"


def load_script():
    spec = importlib.util.spec_from_file_location("certificates_targets_train", FOLDER / "train.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


train = load_script()
NAMES = [recipe.name for recipe in train.RECIPES]


def target(name):
    return read_network((FOLDER / f"{name}.json").read_bytes())


@pytest.fixture(params=train.RECIPES, ids=NAMES)
def recipe(request):
    return request.param


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """The script with one recipe of one epoch, in a folder of its own."""
    monkeypatch.setattr(train, "FOLDER", tmp_path)
    monkeypatch.setattr(train, "RECIPES", (replace(train.IRIS, epochs=1),))
    return tmp_path / "iris.json"


@pytest.mark.long
def test_training_gives_the_same_files_again(capsys):
    assert train.main(["--check"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["iris.json", "digits.json"]


def test_what_is_written_passes_the_check(quick):
    assert train.main([]) == 0
    assert quick.read_bytes() == train.build(train.RECIPES[0])
    assert train.main(["--check"]) == 0


def test_check_names_a_missing_file_and_writes_nothing(quick, capsys):
    assert train.main(["--check"]) == 1
    assert capsys.readouterr().err == "iris.json: not what training gives\n"
    assert not quick.exists()


def test_check_finds_one_changed_byte(quick):
    train.main([])
    data = quick.read_bytes()
    quick.write_bytes(data.replace(b'"iris"', b'"Iris"'))
    assert train.main(["--check"]) == 1


@pytest.mark.parametrize(("name", "least"), [("iris", 0.93), ("digits", 0.95)])
def test_accuracy_is_what_the_readme_states(name, least):
    held_out = train.split(getattr(train, name.upper()).load())[1]
    network = target(name)
    correct = 0
    for point, label in zip(held_out.features.tolist(), held_out.labels.tolist(), strict=True):
        outputs = evaluate(network, point)
        correct += max(range(len(outputs)), key=lambda i: (outputs[i], -i)) == label
    assert correct >= least * len(held_out)
    pattern = rf"^\| \[{name}\.json\].*\| (\d+) of (\d+) \((\d+\.\d) %\) \|$"
    row = re.search(pattern, (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    assert row.groups() == (str(correct), str(len(held_out)), f"{100 * correct / len(held_out):.1f}")


def test_iris_is_4_8_3_on_five_bits_without_requantization():
    network = target("iris")
    assert [layer.weights.shape for layer in network.layers] == [(8, 4), (3, 8)]
    assert network.input.sizes == (32,) * 4
    assert network.input.precision_bits == 5
    assert network.input.display.scale == "0.25"
    assert [layer.steps for layer in network.layers] == [(Relu(),), ()]
    assert all(layer.precision_bits == 5 and any(layer.bias) for layer in network.layers)


def test_digits_has_int8_weights_and_8_bit_activations():
    network = target("digits")
    assert [layer.weights.shape for layer in network.layers] == [(32, 64), (16, 32), (10, 16)]
    assert network.input.shape == (8, 8)
    assert (set(network.input.low), set(network.input.high)) == ({0}, {16})
    assert network.input.precision_bits == 4
    assert all(layer.precision_bits == 7 and any(layer.bias) for layer in network.layers)
    for layer in network.layers[:-1]:
        relu, requantize, clamp = layer.steps
        assert (relu, clamp) == (Relu(), Clamp(0, 255))
        assert isinstance(requantize, Requantize)
        assert requantize.rounding == "half_up"
    assert network.layers[-1].steps == ()


def test_weights_have_one_bit_more_than_their_precision(recipe):
    for layer in target(recipe.name).layers:
        assert layer.weights.values.min() >= -(2**recipe.precision_bits)
        assert layer.weights.values.max() < 2**recipe.precision_bits


def test_a_third_is_held_out_and_never_trained_on(recipe, monkeypatch):
    samples = recipe.load()
    numbered = train.Samples(np.arange(len(samples))[:, None], samples.labels)
    training, held_out = train.split(numbered)
    assert len(held_out) == len(samples) // 3
    assert sorted([*training.features[:, 0], *held_out.features[:, 0]]) == list(range(len(samples)))
    trained_on = []

    def note(given, chosen):
        trained_on.append(chosen)
        return [train.initial(given, index) for index in range(len(given.widths) - 1)]

    monkeypatch.setattr(train, "train", note)
    train.build(recipe)
    np.testing.assert_array_equal(trained_on[0].features, samples.features[training.features[:, 0]])


def test_samples_lie_in_the_grid(recipe):
    features = recipe.load().features
    assert (features >= np.array(recipe.box.low)).all()
    assert (features <= np.array(recipe.box.high)).all()


@pytest.mark.parametrize(
    ("centimetres", "expected"),
    [(0.1, -16), (0.2, -15), (1.3, -11), (1.4, -10), (2.5, -6), (4.3, 1), (7.7, 15), (7.9, 15)],
)
def test_centimetres_become_the_nearest_quarter(centimetres, expected, monkeypatch):
    class Bunch:
        data = np.array([[centimetres]])
        target = np.array([0])

    monkeypatch.setattr(train, "load_iris", Bunch)
    assert train.load_iris_grid().features.tolist() == [[expected]]


def test_the_trained_network_is_the_written_one(recipe):
    training = train.split(recipe.load())[0]
    layers = train.train(replace(recipe, epochs=1), training)
    network = train.as_network(recipe, layers)
    some = training.features[:20]
    outputs = train.forward(recipe, layers, some)[-1]
    assert [tuple(row) for row in outputs.tolist()] == [evaluate(network, point) for point in some.tolist()]
    assert network.output_precision_bits() == recipe.scales[-1][1]


def test_training_never_wraps(recipe, monkeypatch):
    """Python integers of any size, in numpy's object arrays, give the same layers."""
    training = train.split(recipe.load())[0][np.arange(64)]
    short = replace(recipe, epochs=2)
    expected = train.train(short, training)
    first = train.initial

    def unbounded(*args):
        layer = first(*args)
        arrays = (layer.weights, layer.weight_momentum, layer.bias, layer.bias_momentum)
        return train.Layer(*(array.astype(object) for array in arrays))

    monkeypatch.setattr(train, "initial", unbounded)
    found = train.train(short, train.Samples(training.features.astype(object), training.labels))
    for a, b in zip(expected, found, strict=True):
        assert b.weights.dtype == object
        assert a.weights.tolist() == b.weights.tolist()
        assert a.bias.tolist() == b.bias.tolist()


def test_the_slope_is_the_derivative_of_the_squared_hinge(recipe):
    margin = 1 << (recipe.scales[-1][1] + recipe.margin_bits)
    outputs = np.array([[-3 * margin, 5, 3 * margin], [margin // 2, -margin // 2, 0]])
    labels = np.array([1, 0])

    def loss(values):
        sides = [[1 if column == label else -1 for column in range(3)] for label in labels]
        return [
            [max(margin - side * y, 0) ** 2 for side, y in zip(*rows, strict=True)]
            for rows in zip(sides, values.tolist(), strict=True)
        ]

    # Of a quadratic, the central difference is exact; the points chosen lie off the hinge.
    difference = (np.array(loss(outputs + 1)) - np.array(loss(outputs - 1))) // 4
    np.testing.assert_array_equal(train.loss_slope(recipe, outputs, labels), difference)


@pytest.mark.parametrize("bits", [0, 1, 6])
def test_rounding_is_the_step_half_up(bits):
    values = np.arange(-200, 200)
    assert train.rounded(values, bits).tolist() == [shift_right(int(v), bits, "half_up") for v in values]


def test_words_are_splitmix64():
    known = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert train.words(0, 3).tolist() == known


def test_words_of_a_later_stream_follow_the_definition():
    mask = 2**64 - 1
    z = ((7 << 32) + 2) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    assert int(train.words(7, 2)[1]) == z ^ (z >> 31)
