"""The audit in one file: it agrees with the full one, refuses what it must, and needs nothing of the house."""

from __future__ import annotations

import ast
import base64
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import by_hand
import conformance.case
import equivalences
import naive
import naive_base
import pytest
from conformance.run import arguments
from end_to_end.test_tampering import ENVELOPES, LIES
from hypothesis import given, settings
from hypothesis import strategies as st
from liars import lie
from mutation.both import by_full, by_minimal, decide, is_wrong
from program import TINY, b64, certificate, changed, issued, sha256, signed, signing_key, statement, trust_line
from strategies import documents, steps

from certify import minimal
from certify.certificate.signatures import sign
from certify.issue import Options, issue
from certify.issue import decide as decide_all
from certify.network.steps import LeakyRelu
from certify.network.target import read_target

ALICE, BOB = signing_key(1), signing_key(2)
FILE = Path(minimal.__file__)
CERTIFICATES = Path(__file__).parents[2] / "certificates"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def program(tmp_path, monkeypatch, capsys):
    """The file's command line, with Alice trusted; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    Path("alice").write_text(trust_line(ALICE))

    def run(data, *arguments):
        Path("c.json").write_bytes(data)
        code = minimal.main(["c.json", *(arguments or ("--trust", "alice"))])
        out, err = capsys.readouterr()
        assert (out + err).count("\n") == 1
        return code, out, err

    return run


# Alone.


def test_it_imports_the_standard_library_and_cryptography():
    found = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module)
    others = {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names}
    assert others == {
        "cryptography.exceptions",
        "cryptography.hazmat.primitives.asymmetric.ed25519",
    }


def test_it_runs_alone_where_it_is_copied(tmp_path):
    shutil.copy(FILE, tmp_path)
    shutil.copy(CERTIFICATES / "iris.certificate.json", tmp_path)
    shutil.copy(CERTIFICATES / "allowed_signers", tmp_path)
    alone = "import sys; sys.modules['certify'] = sys.modules['solvers'] = None; import runpy; "
    alone += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    arguments = ["minimal.py", "iris.certificate.json", "--trust", "allowed_signers"]
    ran = subprocess.run(
        [sys.executable, "-I", "-c", alone, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("iris.certificate.json: proved: equal by its identities; signed by SHA256:")


# The shipped certificates.

SHIPPED = {"digits": 0, "iris": 0, "max_of_three": 3, "ecg5000_autoencoder": 3, "espcn_subpixel_cleaned": 3}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped(name, capsys):
    arguments = [f"{CERTIFICATES / name}.certificate.json", "--trust", str(CERTIFICATES / "allowed_signers")]
    assert minimal.main(arguments) == SHIPPED[name]
    out, err = capsys.readouterr()
    assert ("proved" in out) == (SHIPPED[name] == 0)
    assert ("not covered" in err) == (SHIPPED[name] == 3)


@pytest.mark.long
def test_shipped_equivalence_on_all_its_points(capsys):
    arguments = [f"{CERTIFICATES / 'max_of_three'}.certificate.json", "--any-signer", "--points", str(2**24)]
    assert minimal.main(arguments) == 0
    assert "proved: equal on 16777216 points" in capsys.readouterr().out


# Lies.

NOT_CHECKED = {"obligation-digest"}
"""What a certificate may say without being found out here: what has to be computed with z3's text."""


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelope(program, name):
    code, out, err = program(ENVELOPES[name][0])
    assert (code, out) == (1, "")
    assert err.startswith("c.json: ")


@pytest.mark.parametrize("name", LIES)
def test_lie(program, name):
    said, _, _ = LIES[name]
    if said is None:
        said = statement()
        said["predicate"]["sizes"]["ratio"] = 1.5
        data = sign(json.dumps(said, sort_keys=True, separators=(",", ":")).encode(), ALICE)
    else:
        data = signed(said, ALICE)
    code, out, err = program(data)
    if name in NOT_CHECKED:
        assert code == 0
    else:
        assert (code, out) == (1, "")
        assert err.startswith("c.json: payload")


CANONICAL = json.dumps(statement(), sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(statement(), sort_keys=True),
        CANONICAL + "\n",
        CANONICAL[:-1],
        CANONICAL.replace("tiny.json", r"\u0074iny.json"),
        CANONICAL.replace("tiny.json", r"\ud800"),
        CANONICAL.replace('{"_type"', '{"_type":"","_type"'),
        CANONICAL.replace('"neurons":6', '"neurons":true'),
        "[" * 100_000,
        "7",
        "",
    ],
)
def test_payload_in_another_form(program, text):
    assert text != CANONICAL
    assert program(sign(text.encode(), ALICE))[0] == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b"\0", b"[" * 100_000, b"{}" + b"]", "{\u0661}".encode()],
)
def test_no_certificate_at_all(program, data):
    code, out, err = program(data)
    assert (code, out) == (2, "")
    assert err.startswith("c.json: envelope: expected JSON in UTF-8")


@pytest.mark.parametrize("data", [b"{}", b"[]", b"7", b'"x"', b"null", b'{"payload": NaN}', b'{"a": 1, "a": 2}'])
def test_json_that_is_no_envelope(program, data):
    assert program(data)[0] == 1


def code_of(data):
    """The exit code; nothing but the one error may come."""
    try:
        return minimal.audit(data, minimal.read_trust(trust_line(ALICE).encode()), NOW, 2**10)[0]
    except minimal.AuditError as error:
        return error.code


@settings(max_examples=150)
@given(st.data())
def test_no_bytes_bring_a_traceback(data):
    """Some bytes of a true certificate are others; `audit` raises its own error, or finds that nobody signed."""
    changed = bytearray(certificate(ALICE))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    assert code_of(bytes(changed)) in ({0} if bytes(changed) == certificate(ALICE) else {1, 2})


@settings(max_examples=60)
@given(st.data())
def test_no_payload_brings_a_traceback(data):
    """Some value of a true statement is another, signed: there is a verdict or one error."""
    said = statement()
    node, parent, key = said, None, None
    while isinstance(node, dict | list) and node:
        parent, key = node, data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        node = parent[key]
    values = [
        None,
        True,
        -1,
        0,
        2**53 - 1,
        "",
        "x",
        "9" * 5000,
        "AAAA",
        [],
        [[]],
        {},
        {"format": "certify.network/1"},
    ]
    parent[key] = data.draw(st.sampled_from(values))
    assert code_of(signed(said, ALICE)) in {0, 1, 3}


# Whom to trust.

Y8 = 0x5FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826


def test_trusted_or_not(program):
    assert program(certificate(ALICE))[0] == 0
    code, _, err = program(certificate(BOB))
    assert (code, "unknown signer" in err) == (3, True)
    assert program(certificate(BOB), "--any-signer")[0] == 0
    both = [json.loads(certificate(key))["signatures"][0] for key in (BOB, ALICE)]
    code, out, _ = program(json.dumps(json.loads(certificate(ALICE)) | {"signatures": both}).encode())
    assert (code, ALICE.public.key_id in out) == (0, True)


def test_valid_when(program):
    key = ALICE.public.openssh()
    Path("dated").write_text(
        f'me namespaces="git,certify",valid-after="20250101Z",valid-before="202506010000Z" {key}\n'
    )
    for at, code in [
        ("2025-01-01", 0),
        ("2025-03-01", 0),
        ("2024-12-31T23:59:59Z", 3),
        ("2025-06-01T00:00:00+00:00", 0),
        ("2025-06-02", 3),
    ]:
        assert program(certificate(ALICE), "--trust", "dated", "--at", at)[0] == code


@pytest.mark.parametrize(
    "line",
    [
        "me",
        "me ssh-rsa AAAAB3NzaC1yc2E",
        f"me cert-authority {ALICE.public.openssh()}",
        f'me valid-after="20250230Z" {ALICE.public.openssh()}',
        f'me valid-after="2025" {ALICE.public.openssh()}',
        f'me valid-after="20250101Z",valid-before="20250101Z" {ALICE.public.openssh()}',
        f'me valid-after="20250101Z",valid-after="20240101Z" {ALICE.public.openssh()}',
        f'me namespaces="c*" {ALICE.public.openssh()}',
        f"!me {ALICE.public.openssh()}",
        f"me {ALICE.public.openssh()}\nyou {ALICE.public.openssh()}",
        f"me {ALICE.public.openssh()[:-4]}",
        f"me ssh-ed25519 {b64(minimal.KEY_START + bytes([1]) + bytes(31))}",  # the neutral point
        f"me ssh-ed25519 {b64(minimal.KEY_START + bytes(32))}",  # of order 4
        f"me ssh-ed25519 {b64(minimal.KEY_START + Y8.to_bytes(32, 'little'))}",  # of order 8
        f"me ssh-ed25519 {b64(minimal.KEY_START + bytes([2]) + bytes(31))}",  # no point
        f"me ssh-ed25519 {b64(minimal.KEY_START + bytes([0xF0]) + bytes([255] * 30) + bytes([0x7F]))}",  # not below p
    ],
)
def test_trust_file_that_is_not_understood(program, line):
    Path("bad").write_text(line + "\n")
    code, out, err = program(certificate(ALICE), "--trust", "bad")
    assert (code, out) == (2, "")
    assert err.startswith("bad: ")


def test_lines_about_something_else_are_passed_over(program):
    Path("more").write_text(f'# me\n\nme namespaces="git" ssh-rsa AAAA\n{trust_line(ALICE)}')
    assert program(certificate(ALICE), "--trust", "more")[0] == 0


@pytest.mark.parametrize("arguments", [("--trust", "nowhere"), ("--any-signer", "--at", "noon")])
def test_what_cannot_be_read(program, arguments):
    assert program(certificate(ALICE), *arguments)[0] == 2


@pytest.mark.usefixtures("program")
def test_exit_code_of_several():
    """What is invalid outweighs what is unreadable, that what is undecided, and that what holds."""
    Path("true").write_bytes(certificate(ALICE))
    Path("other").write_bytes(certificate(BOB))
    Path("bad").write_bytes(b"{}")
    for names, code in [("true", 0), ("true other", 3), ("other gone true", 2), ("gone bad true", 1)]:
        assert minimal.main([*names.split(), "--trust", "alice"]) == code


# Equivalences.

CLAIMS = {"equal": 0, "within": 3, "argmax": 3, "part": 3, "domain": 3, "pruned": 3}


@pytest.mark.parametrize("name", CLAIMS)
def test_equivalence(program, name):
    code, out, err = program(equivalences.certificate(name, ALICE))
    assert code == CLAIMS[name]
    assert ("proved" in out + err) == (name != "pruned")
    assert ("not covered" in err) == (name == "pruned")


def test_equivalence_on_more_points_than_asked(program):
    code, _, err = program(equivalences.certificate("equal", ALICE), "--any-signer", "--points", "24")
    assert (code, "not covered: equivalence on a grid of 25 points" in err) == (3, True)


@pytest.mark.parametrize(
    ("name", "place", "to"),
    [
        ("within", ("claim", "bound"), equivalences.FAR - 1),
        ("within", ("claim", "bound"), None),
        ("within", ("claim", "bound"), -1),
        ("within", ("proof", "maximum"), equivalences.FAR + 1),
        ("within", ("claim", "relation"), "equal"),
        ("equal", ("claim", "bound"), 0),
        ("equal", ("claim", "low"), [-2, -2]),
        ("equal", ("claim", "high"), 3),
        ("equal", ("claim", "points"), [[5, 1]]),
        ("equal", ("proof", "maximum"), 0),
        ("equal", ("proof", "rlimit"), 0),
        ("equal", ("proof", "strategy"), "congruence"),
        ("equal", ("proof", "sweep"), None),
        ("equal", ("right", "name"), "../x"),
        ("equal", ("right", "bytes"), b64(json.dumps(equivalences.OTHER).encode())),
        ("equal", ("right", "bytes"), b64(json.dumps(equivalences.WIDER | {"layers": TINY["layers"][:1]}).encode())),
        ("domain", ("claim", "low"), [True, -1]),
    ],
)
def test_equivalence_that_lies(program, name, place, to):
    said = equivalences.statement(name)
    said["predicate"][place[0]][place[1]] = to
    assert program(signed(said, ALICE))[0] == 1


# Conformance.

COVERED = [
    path.parent
    for path in sorted(conformance.case.HERE.glob("*/expected.json"))
    if not {"any claim", "obligations", "patterns"} & set(json.loads(path.read_text())["needs"])
]


@pytest.mark.parametrize("folder", COVERED, ids=lambda folder: folder.name)
def test_conformance(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    code = minimal.main(arguments(folder, ["minimal"]))
    out, err = capsys.readouterr()
    if "not covered" in out + err:
        assert code == 3
    else:
        assert code == json.loads((folder / "expected.json").read_text())["exit_code"]


def test_most_cases_are_covered():
    assert len(COVERED) > 500


# Both audits.


def test_both_decide_alike():
    found = [(seed, *decide(seed)) for seed in range(8, 24)]
    assert not [row for row in found if is_wrong(*row[2:])]
    assert {row[2] for row in found} == {"proved", "refuted", "invalid"}


@pytest.mark.long
def test_both_decide_alike_many_times():
    assert not [seed for seed in range(10_000, 11_500) if is_wrong(*decide(seed)[1:])]


def test_one_weight_is_enough(program):
    """TINY with one weight changed, and its true ticket."""
    for place, to in [((0, "weights", 0, 0), 2), ((0, "bias", 1), 6), ((1, "weights", 3, 1), 3)]:
        document = changed("layers", *place, to=to)
        said = statement()
        said["predicate"]["target"]["bytes"] = b64(json.dumps(document).encode())
        said["subject"][0]["digest"]["sha256"] = sha256(json.dumps(document).encode())
        code, out, err = program(signed(said, ALICE))
        assert (code, out) == (1, "")
        assert "refuted" in err


def test_what_may_not_be_walked_is_undecided(program):
    made = next(made for made in map(lie, range(100)) if by_minimal(made.data) == "refuted")
    code, _, err = program(made.data, "--any-signer", "--points", "1")
    assert (code, "undecided: layers[" in err) == (3, True)


def test_the_lowest_index_wins_a_tie():
    assert minimal.same_winner((1, 3, 3), (0, 2, 1), 9)
    assert not minimal.same_winner((1, 3, 3), (0, 2, 3), 1)


RELUS = [{"op": "relu"}] * 2**12


@pytest.mark.parametrize(
    "layers",
    [
        TINY["layers"][:1] + [{"op": "dense", "precision_bits": 0, "weights": [[1, 0], [0, 1]]}] * 2**10,
        [{"op": "dense", "precision_bits": 0, "weights": [[1, 1]] * (2**12 + 1), "then": RELUS}],
        [{"op": "dense", "precision_bits": 0, "weights": {"shape": [2**24, 2], "dtype": "int8", "data": ""}}],
    ],
    ids=["layers", "steps", "weights"],
)
def test_what_would_take_too_long_is_not_covered(program, layers):
    said = statement()
    data = json.dumps(TINY | {"layers": layers}).encode()
    said["predicate"]["target"]["bytes"], said["subject"][0]["digest"]["sha256"] = b64(data), sha256(data)
    code, _, err = program(signed(said, ALICE))
    assert (code, "not covered: more than" in err) == (3, True)


@pytest.mark.parametrize("options", [Options("a", block_width=60), Options("b", precision_bits=3)])
def test_other_tickets(options):
    data = sign(issued(options=options).payload, ALICE)
    assert by_minimal(data) == by_full(data) == "proved"


@pytest.mark.parametrize(
    "then",
    [
        [{"op": "clamp", "low": -3, "high": 9}, {"op": "offset", "value": -2}],
        [{"op": "requantize", "multiplier": 2**30 + 7, "shift": 1, "rule": "double", "zero_point": 3}],
        [{"op": "requantize", "multiplier": [2**31 - 1, 5], "shift": [2, -1], "rule": "single"}],
        [{"op": "round_significant"}, {"op": "requantize", "multiplier": 3**18, "shift": 0, "rule": "float32"}],
        [{"op": "sign"}],
        [{"op": "step"}],
        [],
    ],
)
def test_tickets_with_other_steps(then):
    document = changed("layers", 0, "then", to=then)
    data = certificate(ALICE, document)
    assert by_minimal(data) == by_full(data) == "proved"


@pytest.mark.parametrize(
    "layer",
    [
        {"op": "flatten"},
        TINY["layers"][1] | {"inputs": ["input"]},
        TINY["layers"][1] | {"then": [{"op": "thresholds", "at": [1, 2]}]},
        TINY["layers"][1] | {"then": [{"op": "table", "low": 1, "values": [1, 2]}]},
    ],
)
def test_what_is_not_covered(program, layer):
    said = statement()
    data = json.dumps(changed("layers", 1, to=layer)).encode()
    said["predicate"]["target"]["bytes"], said["subject"][0]["digest"]["sha256"] = b64(data), sha256(data)
    code, _, err = program(signed(said, ALICE))
    assert (code, "not covered" in err) == (3, True)


# The pieces, against published answers and the oracle.


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0,) * 4, (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)),
        (
            (2**64 - 1,) * 2,
            (2**64 - 1,) * 4,
            (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
        ),
        (
            (0x452821E638D01377, 0xBE5466CF34E90C6C),
            (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
            (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
        ),
    ],
    ids=["zeros", "all ones", "digits of pi"],
)
def test_philox_known_answers_of_random123(key, counter, expected):
    assert minimal.philox(key, *counter) == expected


def test_philox_known_answer_of_cpp26():
    assert minimal.philox((20111115, 0), 2499, 0, 0, 0)[3] == 3409172418970261260


STEPS = steps(ops=("relu", "leaky_relu", "requantize", "clamp", "offset", "step", "sign", "round_significant"))


@given(st.lists(STEPS, max_size=3), st.integers(-(2**40), 2**40), st.integers(0, 20))
def test_steps_on_finer_integers(written, x, finer):
    """Rescaled steps are the same function of a value, and say how much finer the result is."""
    own = [minimal.read_step(step, 1, "")[0] for step in written]
    found, left = minimal.after(own, x << finer, finer)
    assert found == minimal.after(own, x)[0] << left
    assert left == (finer if all(step["op"] in {"relu", "leaky_relu", "clamp", "offset"} for step in written) else 0)


@given(STEPS, st.integers())
def test_steps(step, x):
    (own, *_) = minimal.read_step(step, 1, "")
    assert minimal.after([own], x)[0] == naive.apply_step(step, x)


@settings(max_examples=40)
@given(documents(max_points=40))
def test_networks(document):
    """Every form that the strategies write is read, and run as the oracle does."""
    data = json.dumps(document).encode()
    read = minimal.read_network({"format": "certify.network/1", "bytes": base64.b64encode(data).decode()}, "")
    points = list(naive.grid(document))
    assert (read.low, read.high) == (naive.bounds(document, "low"), naive.bounds(document, "high"))
    assert read.output_bits == naive.output_precision_bits(document)
    found = zip(*minimal.run(read.layers, list(zip(*points, strict=True))), strict=True)
    assert [list(outputs) for outputs in found] == [naive.evaluate(document, point) for point in points]


@pytest.mark.parametrize("operator", ["floor", "toward_zero"])
@pytest.mark.parametrize(("drawn", "kept"), [(0, 0), (5, 5), (7, 3), (30, 30)])
def test_weights_are_the_generators(operator, drawn, kept):
    """Whole blocks and parts of them, of several rows and matrices."""
    columns = [0, 1, 2, 3, 4, 7, 9, 30, 1000]
    for matrix, row in [(0, 0), (1, 5), (6, 2**20)]:
        expected = [naive_base.weight("seed", matrix, row, at, drawn, kept, operator) for at in columns]
        precision = {"drawn": drawn, "kept": kept}
        found = minimal.draw(naive_base.key_of_seed("seed"), matrix, row, columns, precision, operator)
        assert found == list(zip(columns, expected, strict=True))


def test_signs_are_the_generators():
    columns = [0, 1, 2, 3, 4, 7, 9, 30, 1000]
    key = naive_base.key_of_seed("seed")
    expected = [naive_base.sign_of_word(naive_base.word_at(key, 3, 5, at, 0)) for at in columns]
    found = minimal.draw(key, 3, 5, columns, {"drawn": 0, "kept": 0}, "floor", signs=True)
    assert found == list(zip(columns, expected, strict=True))


def test_binary_is_covered_and_copies_are_not(program):
    code, out, _ = program(sign(decide_all(by_hand.binary()).payload, ALICE))
    assert (code, "proved: equal by its identities" in out) == (0, True)
    code, _, err = program(sign(decide_all(by_hand.copied()).payload, ALICE))
    assert (code, "not covered: copies (Theorem 2)" in err) == (3, True)


def test_another_activation_is_not_covered_and_pairs_without_one_are_of_the_first_version(program):
    made = issue("t.json", read_target(json.dumps(TINY).encode()), Options(activation=LeakyRelu(2)))
    code, _, err = program(sign(made.payload, ALICE))
    assert (code, "not covered: another activation than ReLU" in err) == (3, True)
    said = json.loads(made.payload)
    del said["predicate"]["base"]["activation"]
    code, _, err = program(signed(said, ALICE))
    assert (code, "predicate.base.construction: expected theorem-2 or binary" in err) == (1, True)
    said["predicate"]["base"]["activation"] = "leaky_relu:32"
    code, _, err = program(signed(said, ALICE))
    assert (code, "activation" in err) == (1, True)


def mask(data, rows, columns):
    return minimal.read_mask({"data": b64(data), "sha256": sha256(data)}, rows, columns, "mask")


@pytest.mark.parametrize(
    ("data", "columns", "kept"),
    [
        (b"\x00\x00", 3, [[], []]),
        (b"\x02\x01\x02\x01\x03", 3, [[0, 2], [2]]),
        (b"\x01\x80\x02\x00", 256, [[255], []]),
    ],
)
def test_masks(data, columns, kept):
    assert mask(data, 2, columns) == kept


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x00\x00",
        b"\x00\x00\x80",
        b"\x00\x80\x00",
        b"\x00\x81\x00",
        b"\x01\x00\x00",
        b"\x02\x01\x00\x00",
        b"\x01\x04\x00",
        b"\x02\x01\x03\x00",
        b"\x04\x01\x01\x01\x01\x00",
        b"\x02\x01\x00",
        b"\x00\x02\x01",
        b"\x00" + b"\xff" * 9 + b"\x01",
        b"\x00" + b"\xff" * 8 + b"\x7f",
    ],
)
def test_bytes_that_are_no_mask(data):
    with pytest.raises(minimal.AuditError, match="mask") as caught:
        mask(data, 2, 3)
    assert caught.value.code == 1


def hand_made(hidden, offsets, output, *, weight=3, bias=0, low=-2, high=5):
    """What the identities find of one input, one output of this weight and bias, and a ticket of these rows."""
    layer = minimal.Layer([[(0, weight)]], [bias], [()], 0, 2, 1, 1)
    target = minimal.Network([1], [low], [high], 0, 2, [layer])
    units = minimal.Layer(hidden, offsets, [minimal.RELU] * len(hidden), 0, 1, 1, len(hidden))
    return minimal.identities(
        target, [units, minimal.Layer([output], [0], [()], 0, 1, len(hidden), len(output))], True
    )


def test_identities_by_hand():
    counts = {"bias": 1, "range": 1, "relu": 2, "steps": 1, "weight": 2}
    assert hand_made([[(0, 1)], [(0, -1)]], [0, 0], [(0, 3), (1, -3)]) == (counts, "")
    # A unit on constant lines carries σ(u·c), and one that keeps nothing 0.
    assert hand_made([[(0, 1)], [(0, -1)], []], [0, 0, -4], [(0, 3), (1, -3), (2, 9)])[1] == ""
    assert "bias[0]" in hand_made([[(0, 1)], [(0, -1)], []], [0, 0, 4], [(0, 3), (1, -3), (2, 9)])[1]
    assert "weights[0][0]" in hand_made([[(0, 1)], [(0, -1)]], [0, 0], [(0, 3), (1, 3)])[1]
    # Halves that the box leaves out need no identity; those that it holds do, though nothing is kept.
    assert hand_made([[(0, 1)]], [0], [(0, 3)], low=0) == (counts | {"relu": 1, "weight": 1}, "")
    assert hand_made([[(0, 1)], [(0, -1)]], [0, 0], [(0, 3), (1, 7)], low=0) == (counts, "")
    assert "weights[0][0]" in hand_made([[(0, 1)]], [0], [(0, 3)], low=-1)[1]
    assert hand_made([[(0, 1)]], [0], [], weight=0)[1] == ""


def test_boxes_that_target_and_ticket_map_differently(monkeypatch):
    monkeypatch.setattr(minimal, "after", lambda _, x, finer=None: (x if finer is None else x + 1, 0))
    assert "box" in hand_made([[(0, 1)], [(0, -1)]], [0, 0], [(0, 3), (1, -3)])[1]


def test_a_unit_that_keeps_two_inputs():
    """Condition 1 fails, so there are no obligations, and the grid decides."""
    found = [made for made in map(lie, range(120)) if made.kind == "first mask: added"]
    assert [by_minimal(made.data) for made in found] == [by_full(made.data) for made in found]


@pytest.mark.parametrize(
    ("first", "blocks", "holds"),
    [
        ([[0], [], [1], [1]], 2, True),
        ([[0], [1], [1], [1]], 2, False),
        ([[0], [0], [1]], 2, False),
        ([[0], [0], [1]], 1, False),
        ([[0], [1], [1]], "grown", True),
        ([[1], [0], [1]], "grown", False),
        ([[1], [0], [1]], "shared", True),
        ([[0], [1], []], "grown", False),
        ([[1], [0], []], "shared", False),
        ([[]], "grown", True),
        ([[0]], "else", False),
        ([[0], [1]], True, False),
    ],
)
def test_blocks(first, blocks, holds):
    if holds:
        minimal.check_blocks(first, 2, blocks, "blocks")
    else:
        with pytest.raises(minimal.AuditError, match="blocks"):
            minimal.check_blocks(first, 2, blocks, "blocks")


def test_how_much_finer_a_ticket_may_be():
    """Every pair adds 60 bits: 34 are as many as may be, 35 are too many."""
    empty = {"data": b64(b"\x00"), "sha256": sha256(b"\x00")}
    layer = minimal.Layer([[]], [0], [()], 0, 0, 1, 0)
    for count in (34, 35):
        base = {"seed": "", "widths": [1] * count, "precisions": [{"drawn": 30, "kept": 30}] * count}
        said = {"base": base | {"quantization": "floor", "blocks": "shared"}, "masks": [empty] * (2 * count)}
        said["base"]["construction"] = "theorem-1"
        target = minimal.Network([1], [0], [1], 0, 0, [layer] * count)
        if count == 34:
            assert minimal.derive(target, said, "")[0][-1].finer == 34 * 60
        else:
            with pytest.raises(minimal.AuditError, match="finer by 2048 bits"):
                minimal.derive(target, said, "")
