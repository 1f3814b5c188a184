"""int8 TFLite models: under each rule a network that can be written and read back, or InputError."""

from __future__ import annotations

from fuzz.mutations import damage
from fuzz.target import ROOT, Target
from networks import parts
from tflite_models import Layer, between, chain

from certify.errors import InputError
from certify.network.reader import read_network
from certify.network.rounding import Rule
from certify.network.tflite import read_tflite
from certify.network.writer import write_network

_RULES: tuple[Rule, ...] = ("single", "double", "float32")


def check(data: bytes) -> bool:
    read = [_is_read(data, rule) for rule in _RULES]
    return any(read)


def _is_read(data: bytes, rule: Rule) -> bool:
    try:
        network = read_tflite(data, rule).network
    except InputError:
        return False
    assert parts(read_network(write_network(network))) == parts(network)
    return True


ONE_INPUT = between(chain([Layer([[3], [-128]], bias=[1000, -5], output_zero=-128, activation="RELU")])).pack()


def seeds() -> list[bytes]:
    one = Layer([[1, -2, 3], [4, 0, -128]], bias=[1, -9])
    channels = Layer([[1, -1], [2, 127]], scales=(0.01, 0.02), output_zero=-3, activation="RELU")
    models = [chain([one]), chain([one, channels], input_zero=5), between(chain([one, channels]))]
    models.append(between(chain([channels]), before="SOFTMAX"))
    found = [model.pack() for model in models]
    return found + [path.read_bytes() for path in sorted((ROOT / "certificates").rglob("*.tflite"))]


TARGET = Target("tflite", check, seeds, damage, (b"TFL3",))
