"""Hostile certificates of 100 MB, of many kinds: how long until each is refused, and in how much memory.

    PYTHONPATH=tests python tests/benchmarks/hostile.py [--size BYTES] [--only KIND,KIND…] [--json FILE]

Each is made on the fly, signed where an envelope is there to be signed by a key that the audit trusts (so nothing is
refused for its signature), and audited by a fresh process: `s` and `cpu s` are that process from start to end, MB the
peak of its memory. Every file is below the limit on a certificate's size, so what refuses it is a rule of reading
(docs/reading.md). What is well formed from end to end is not hostile in this sense: it costs what an honest
certificate of its size costs.
"""

from __future__ import annotations

import argparse
import base64
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import program
from benchmarks import measure

from certify.certificate.signatures import sign

SIZE = 100_000_000
KEY = program.signing_key(1)
EXPECTED = (1, 2)
"""Invalid, or no certificate at all."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of a certificate, about")
    parser.add_argument("--only", help="kinds, with commas between them")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    refuse(options.size, options.only.split(",") if options.only else list(KINDS), options.json)


def refuse(size: int, kinds: list[str], path: Path | None) -> dict[str, Any]:
    """Have each kind refused, print, and return the figures."""
    rows = []
    with measure.scratch() as name:
        folder = Path(name)
        (folder / "trusted").write_text(program.trust_line(KEY))
        for kind in kinds:
            rows.append(_measure(kind, size, folder))
            print(measure.table(list(rows[-1]), [list(rows[-1].values())]).splitlines()[1], flush=True)
    heads = ["kind", "MB of file", "code", "s", "cpu s", "MB", "refusal"]
    print(measure.table(heads, [list(row.values()) for row in rows]))
    return measure.report("hostile", {"size": size, "rows": rows}, path)


def _measure(kind: str, size: int, folder: Path) -> dict[str, Any]:
    file = folder / "hostile.json"
    file.write_bytes(KINDS[kind](size))
    arguments = ["audit", str(file), "--trust", str(folder / "trusted")]
    run, result = measure.certify(arguments, folder, EXPECTED)
    error = result["error"]
    said = f"{error['place']}: {error['message']}".removeprefix(": ")
    figures = {"seconds": run.wall, "cpu": run.cpu, "megabytes": run.peak}
    return {"kind": kind, "file": file.stat().st_size / 1e6, "code": run.code, **figures, "refusal": said[:90]}


# An envelope around a payload, a payload around a value, a target.


def _signed(payload: bytes) -> bytes:
    return sign(payload, KEY)


def _inside(text: bytes) -> bytes:
    """Return what base64 will make about as long as the text."""
    return text[: len(text) * 3 // 4]


def _written(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _with(value: Any, *path: Any) -> bytes:
    """Return a true statement, signed again, in which one value is another."""
    document = node = copy.deepcopy(program.statement())
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return _signed(_written(document))


def _about(target: bytes) -> bytes:
    """Return a statement about other bytes."""
    document = copy.deepcopy(program.statement())
    document["predicate"]["target"]["bytes"] = program.b64(target)
    document["subject"][0]["digest"]["sha256"] = program.sha256(target)
    return _signed(_written(document))


def _model(form: str, data: bytes) -> bytes:
    """Return a statement about a model in another format."""
    document = copy.deepcopy(program.statement())
    said = dict.fromkeys(("starts_after", "input_tensor", "ends_before", "output_tensor"), "")
    target = {"format": form, "bytes": program.b64(data), "network_sha256": "0" * 64, **said}
    target |= {"rule": "float32", "input_grid": ""} if form == "onnx" else {"rule": "single"}
    document["predicate"]["target"] = target
    document["subject"][0]["digest"]["sha256"] = program.sha256(data)
    return _signed(_written(document))


def _masked(data: bytes, width: int) -> bytes:
    """Return a statement whose first mask is another, for a layer of so many units."""
    document = copy.deepcopy(program.statement())
    predicate = document["predicate"]
    predicate["base"]["widths"][0] = width
    predicate["masks"][0] = {"data": program.b64(data), "sha256": hashlib.sha256(data).hexdigest()}
    return _signed(_written(document))


def _target(change: Callable[[dict[str, Any], int], None]) -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        document = copy.deepcopy(program.TINY)
        change(document, size * 9 // 16)
        return _about(_written(document))

    return make


def _listed(document: dict[str, Any], size: int) -> None:
    """As many weights as there is room for, and then one that is no integer."""
    document["layers"][0]["weights"] = [[0] * (size // 2 - 1), [True]]


def _layers(document: dict[str, Any], size: int) -> None:
    document["layers"] *= size // len(_written(document["layers"]))


def _steps(document: dict[str, Any], size: int) -> None:
    document["layers"][0]["then"] *= size // len(_written(document["layers"][0]["then"]))
    document["layers"][0]["then"].append({"op": "none"})


def _inputs(document: dict[str, Any], size: int) -> None:
    document["layers"][1]["inputs"] = [""] * (size // 3)


def _bounds(document: dict[str, Any], size: int) -> None:
    count = size // 5
    document["input"] |= {"shape": [count], "low": [0] * count, "high": [10] * count}


def _thresholds(document: dict[str, Any], size: int) -> None:
    document["layers"][0]["then"].append({"op": "thresholds", "at": [*range(10**6, 10**6 + size // 8), 0]})


def _tensor(document: dict[str, Any], size: int) -> None:
    """One tensor with a byte for every weight, in one layer."""
    count = size * 3 // 8
    document["layers"][0]["weights"] = {
        "shape": [2, count],
        "dtype": "int8",
        "data": base64.b64encode(bytes(2 * count)).decode(),
    }


def _tensors(document: dict[str, Any], size: int) -> None:
    """Layers that are right, of as many weights as there is room for, and a last one that is not."""
    count, inputs = size * 3 // 4, 1 << 10
    rows = max(1, min(count // 2, 1 << 23) // inputs)
    data = {"shape": [rows, inputs], "dtype": "int8", "data": base64.b64encode(b"\1" * (rows * inputs)).decode()}
    back = {"shape": [inputs, rows], "dtype": "int8", "data": base64.b64encode(b"\1" * (rows * inputs)).decode()}
    document["input"]["shape"] = [inputs]
    layers = [{"op": "dense", "precision_bits": 2, "weights": weights, "then": []} for weights in (data, back)]
    pairs = max(1, count // (2 * rows * inputs))
    document["layers"] = [*(layers * pairs), document["layers"][0]]


def _text(document: dict[str, Any], size: int) -> None:
    document["layers"][0]["op"] = "A" * size


def _keys(size: int) -> dict[str, int]:
    return {f"key{number:07}": 0 for number in range(size // 13)}


def _counts(size: int) -> dict[str, dict[str, Any]]:
    return {f"k{number:07}": {"count": 1, "sha256": "0" * 64} for number in range(size // 100)}


ENVELOPE = program.certificate(KEY)
MASK = {"data": "AA==", "sha256": hashlib.sha256(b"\0").hexdigest()}

KINDS: Mapping[str, Callable[[int], bytes]] = {
    # No envelope at all.
    "brackets": lambda size: b"[" * size,
    "brackets, closed": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "objects": lambda size: b'{"a":' * (size // 5),
    "a string": lambda size: b'"' + b"A" * size + b'"',
    "quotes": lambda size: b'"' * size,
    "backslashes": lambda size: b'{"payload":"' + b"\\" * size,
    "a string without an end": lambda size: b'{"payload":"' + b"A" * size,
    "zero bytes": bytes,
    "no UTF-8": lambda size: b"\xff" * size,
    "digits": lambda size: b"1" * size,
    "digits in an envelope": lambda size: b'{"payload":' + b"1" * size + b"}",
    "numbers": lambda size: b"[" + b"0," * (size // 2) + b"0]",
    "keys": lambda size: _written(_keys(size)),
    "one key": lambda size: b"{" + b'"payload":"",' * (size // 13) + b'"payload":""}',
    "white space before": lambda size: b" " * size + ENVELOPE,
    "white space after": lambda size: ENVELOPE + b"\n" * size,
    "white space inside": lambda size: ENVELOPE.replace(b",", b"," + b" " * (size // 4)),
    # An envelope whose parts are too many or too long.
    "signatures": lambda size: _written(
        json.loads(ENVELOPE) | {"signatures": json.loads(ENVELOPE)["signatures"] * (size // 200)}
    ),
    "a signature": lambda size: ENVELOPE.replace(b'"sig":"', b'"sig":"' + b"A" * size),
    "a key id": lambda size: ENVELOPE.replace(b'"SHA256:', b'"SHA256:' + b"A" * size),
    "a payload type": lambda size: ENVELOPE.replace(b"application/", b"application/" + b"A" * size),
    "escapes": lambda size: ENVELOPE.replace(b'"payload":"', b'"payload":"' + b"\\u0041" * (size // 6)),
    "escaped slashes": lambda size: ENVELOPE.replace(b'"payload":"', b'"payload":"' + b"\\/" * (size // 2)),
    "no base64": lambda size: ENVELOPE.replace(b'"payload":"', b'"payload":"' + b"A" * (size // 4 * 4) + b"!"),
    # A payload that is no statement.
    "payload: zero bytes": lambda size: _signed(bytes(size * 3 // 4)),
    "payload: brackets": lambda size: _signed(_inside(b"[" * size)),
    "payload: objects": lambda size: _signed(_inside(b'{"a":' * (size // 5))),
    "payload: numbers": lambda size: _signed(b"[" + b"0," * (size * 3 // 8) + b"0]"),
    "payload: lists": lambda size: _signed(b"[" + b"[]," * (size // 4) + b"0]"),
    "payload: keys": lambda size: _signed(_written(_keys(size * 3 // 4))),
    "payload: one key": lambda size: _signed(b"{" + b'"a":0,' * (size // 8) + b'"a":0}'),
    "payload: digits": lambda size: _signed(b"1" * (size * 3 // 4)),
    "payload: a string": lambda size: _signed(b'"' + b"A" * (size * 3 // 4) + b'"'),
    "payload: escapes": lambda size: _signed(b'"' + b"\\u0041" * (size // 8) + b'"'),
    "payload: white space": lambda size: _signed(b" " * (size * 3 // 4) + _written(program.statement())),
    # A statement whose parts are too many or too long.
    "subjects": lambda size: _with([program.statement()["subject"][0]] * (size // 150), "subject"),
    "masks": lambda size: _with([MASK] * (size // 130), "predicate", "masks"),
    "widths": lambda size: _with([1] * (size * 3 // 8), "predicate", "base", "widths"),
    "precisions": lambda size: _with([{"drawn": 1, "kept": 1}] * (size // 32), "predicate", "base", "precisions"),
    "a seed": lambda size: _with("A" * (size * 3 // 4), "predicate", "base", "seed"),
    "a name": lambda size: _with("A" * (size * 3 // 4), "subject", 0, "name"),
    "low": lambda size: _with([0] * (size * 3 // 8), "predicate", "claim", "low"),
    "points": lambda size: _with([[2, 2]] * (size // 8), "predicate", "claim", "points"),
    "obligations": lambda size: _with(_counts(size * 3 // 4), "predicate", "proof", "obligations"),
    "versions": lambda size: _with({f"k{number:07}": "1" for number in range(size // 20)}, "predicate", "versions"),
    "a large integer": lambda size: _with("9" * (size * 3 // 4), "predicate", "proof", "sweep"),
    "depth in a statement": lambda size: _signed(
        _written(program.statement()).replace(b'"sweep":', b'"sweep":' + b"[" * (size * 3 // 4), 1)
    ),
    # Masks.
    "mask: rows without edges": lambda size: _masked(bytes(size * 9 // 16), size * 9 // 16),
    "mask: rows with one edge": lambda size: _masked(b"\1\1" * (size * 9 // 32) + b"\0", size * 9 // 32),
    "mask: zero bytes": lambda size: _masked(bytes(size * 9 // 16), 140),
    "mask: as wide as can be": lambda size: _masked(bytes(size * 9 // 16), 2**31 - 1),
    "mask: a long number": lambda size: _masked(b"\x80" * (size * 9 // 16) + b"\1", 140),
    # Targets.
    "target: brackets": lambda size: _about(b"[" * (size * 9 // 16)),
    "target: zeros": lambda size: _about(b"[[" + b"0," * (size * 9 // 32) + b"0]]"),
    "target: digits": lambda size: _about(b"1" * (size * 9 // 16)),
    "target: white space": lambda size: _about(b" " * (size * 9 // 16) + _written(program.TINY) + b"]"),
    "target: escapes": lambda size: _about(b'{"format":"' + b"\\u0041" * (size * 9 // 96) + b'"}'),
    "target: one key": lambda size: _about(b"{" + b'"format":"",' * (size // 24) + b'"format":""}'),
    "target: keys": lambda size: _about(_written(program.TINY | _keys(size * 9 // 16))),
    "target: depth": lambda size: _about(
        _written(program.TINY).replace(b'"then":', b'"then":' + b"[" * (size * 9 // 32))
    ),
    "target: listed weights": _target(_listed),
    "target: layers": _target(_layers),
    "target: steps": _target(_steps),
    "target: inputs": _target(_inputs),
    "target: bounds": _target(_bounds),
    "target: thresholds": _target(_thresholds),
    "target: a tensor": _target(_tensor),
    "target: tensors": _target(_tensors),
    "target: a text": _target(_text),
    "target: junk for TFLite": lambda size: _model("tflite", bytes(4) + b"TFL3" + bytes(size * 9 // 16)),
    "target: offsets for TFLite": lambda size: _model("tflite", b"\1\0\0\0TFL3" + b"\4\0\0\0" * (size * 9 // 64)),
    "target: junk for ONNX": lambda size: _model("onnx", b"\x08\x08\x3a\x04" + b"\x0a\x02" * (size * 9 // 32)),
    "target: nodes for ONNX": lambda size: _model("onnx", _onnx_nodes(size * 9 // 16)),
}


def _onnx_nodes(size: int) -> bytes:
    """Return a ModelProto with a graph of as many empty nodes as there is room for."""
    graph = b"\x0a\x00" * (size // 2)
    length, count = bytearray(), len(graph)
    while count:
        length.append(count & 0x7F | (0x80 if count > 0x7F else 0))
        count >>= 7
    return b"\x08\x08\x3a" + bytes(length) + graph


if __name__ == "__main__":
    main()
