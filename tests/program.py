"""Running `certify` in tests: in this process or in one of its own, never near the user's own configuration.

Everything happens in one folder: the current one of the program, with a home in it that holds the keys it makes.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import certify
from certify.certificate.canonical import canonical
from certify.certificate.keys import SigningKey
from certify.certificate.signatures import sign
from certify.certificate.trust import allowed_signers_line
from certify.cli.main import main
from certify.issue import Options, issue
from certify.network.target import read_target

TINY = {
    "format": "certify.network/1",
    "name": "tiny",
    "input": {"shape": [2], "low": -2, "high": 2, "precision_bits": 2},
    "layers": [
        {
            "op": "dense",
            "precision_bits": 2,
            "weights": [[3, -4], [0, 1]],
            "bias": [0, 5],
            "then": [{"op": "relu"}, {"op": "requantize", "shift": 2, "rounding": "floor"}],
        },
        {"op": "dense", "precision_bits": 2, "weights": [[1, -2], [0, 3], [2, 2], [-4, 4]], "then": []},
    ],
}

ENTRY = "from certify.cli.main import main; main()"
# Processes begin for the smallest work, of many small items, and the smallest array goes into a file.
_EAGER = (
    "from certify.proof import refutation; from certify.work import processes, shared; "
    "refutation.PART, processes.WORTH, shared.LEAST = 2000, 1e-9, 1; "
)
WITH_PROCESSES = [sys.executable, "-c", _EAGER + ENTRY]
SOURCE = Path(certify.__file__).parents[1]


def changed(*path, to):
    """TINY with one value replaced, or a key added."""
    document = copy.deepcopy(TINY)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    return document


def target_bytes(document=TINY):
    return json.dumps(document).encode()


def signing_key(number):
    """A key that is the same in every run."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def trust_line(key, principal="maker"):
    return allowed_signers_line(principal, key.public) + "\n"


@lru_cache
def _issued(data, options):
    return issue("tiny.json", read_target(data), options)


def issued(document=TINY, options=None):
    """What `issue` makes of a target; made once for each."""
    return _issued(target_bytes(document), options or Options())


def certificate(key, document=TINY, options=None):
    return sign(issued(document, options).payload, key)


def statement(document=TINY, options=None):
    """The payload of a true certificate, parsed: to be changed."""
    return json.loads(issued(document, options).payload)


def signed(document, key):
    """A certificate of any statement whatsoever."""
    return sign(canonical(document), key)


def payload_of(envelope):
    return json.loads(base64.b64decode(json.loads(envelope)["payload"]))


def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Ran:
    """What a run left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def result(self):
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self):
        """The one line on stderr."""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err[:-1]


class Program:
    """`certify` in one folder.

    Calling it runs it in this process, `start` and `run` in a process of its own.
    """

    def __init__(self, folder, monkeypatch, capsys):
        self.folder = folder
        self._monkeypatch, self._capsys = monkeypatch, capsys
        home = folder / "home"
        home.mkdir()
        self.settings = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "settings"), "USERPROFILE": str(home)}
        for name, value in self.settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)

    def __call__(self, *arguments):
        self._monkeypatch.setattr(sys, "argv", ["certify", *map(str, arguments)])
        self._capsys.readouterr()
        code = None
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)

    def start(self, *arguments, **options):
        """Begin it in a process of its own."""
        environment = os.environ | self.settings | {"PYTHONPATH": str(SOURCE)} | options.pop("env", {})
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        command = options.pop("command", [sys.executable, "-c", ENTRY])
        return subprocess.Popen([*command, *arguments], cwd=self.folder, env=environment, **options)

    def run(self, *arguments, **options):
        """Run it in a process of its own."""
        with self.start(*arguments, **options) as process:
            out, err = process.communicate()
        return Ran(process.returncode, (out or b"").decode(), (err or b"").decode())

    def write(self, name, content=None):
        """Write a file: bytes, text or a document, TINY by default; a private key for its owner alone."""
        content = TINY if content is None else content
        data = content if isinstance(content, bytes) else None
        if data is None:
            data = content.encode() if isinstance(content, str) else target_bytes(content)
        path = self.folder / name
        path.write_bytes(data)
        if b"PRIVATE KEY-----" in data:
            path.chmod(0o600)
        return path

    def files(self):
        """Everything there is, with what would show any change: to be compared before and after."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            small = path.is_file() and not path.is_symlink() and status.st_size < 1 << 20
            found[str(path)] = (
                status.st_mode,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                path.read_bytes() if small else None,
            )
        return found
