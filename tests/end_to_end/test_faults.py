"""Faults: full disks, folders that take nothing, SIGKILL at any step and any moment, two runs at once, odd clocks.

Whatever happens, what was there before is there whole or the new file is, no key is half written, and the next run
works. `faults` puts the faults between the program and its files.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import CHILD, Steps, installed
from program import ENTRY, WITH_PROCESSES, Ran, certificate, issued, signing_key, trust_line

from certify.certificate.keys import SigningKey
from certify.certificate.storage import write_private
from certify.cli import userkeys
from certify.issue import Options
from certify.leftovers import OLD

ALICE = signing_key(1)
TESTS = Path(__file__).parents[1]
OLD_BYTES = b"what was here before\n"
WITH_KEY = ("tiny.json", "--key", "key.pem", "-o", "out.json")
FIRST_RUN = ("tiny.json", "-o", "out.json")
RUNS = {
    "a certificate": WITH_KEY,
    "a first run": FIRST_RUN,
    "a key pair": ("keygen", "-o", "new.pem"),
    "an export": ("export", "c.json", "--format", "npz", "-o", "out.json"),
    "a bundle": ("export", "c.json", "--format", "sigstore-bundle", "-o", "out.json"),
    "a network": ("convert", "tiny.json", "-o", "out.json"),
}


@pytest.fixture
def prepared(certify, monkeypatch):
    """A folder with a file that every run is to replace, and temporary files in it too."""
    (certify.folder / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(certify.folder / "temporary"))
    prepare(certify)
    return certify


def prepare(program):
    shutil.rmtree(settings(program).parent, ignore_errors=True)
    for path in [program.folder / "new.pem", program.folder / "new.pub", *program.folder.glob(".certify-*")]:
        path.unlink(missing_ok=True)
    program.write("tiny.json")
    program.write("c.json", certificate(ALICE))
    program.write("key.pem", ALICE.to_pem()).chmod(0o600)
    program.write("key.pub", trust_line(ALICE))
    program.write("out.json", OLD_BYTES)


def settings(program):
    return program.folder / "home" / "settings" / "certify"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def leftovers(program):
    """What no run may leave, unless it was killed."""
    return sorted(program.folder.rglob(".certify-*")) + sorted((program.folder / "temporary").iterdir())


def assert_whole(program, new=None):
    """No file is half of anything: the certificate, the user's key, a key pair."""
    found = (program.folder / "out.json").read_bytes()
    if new is not None:
        assert found in (OLD_BYTES, new)
    elif found != OLD_BYTES:
        assert json.loads(found)["payload"] == json.loads(certificate(ALICE))["payload"]
    for private in (settings(program) / "key.pem", program.folder / "new.pem"):
        if private.exists():
            assert stat.S_IMODE(private.stat().st_mode) == 0o600
            key, public = SigningKey.from_pem(private.read_bytes()), private.with_suffix(".pub")
            assert not public.exists() or public.read_text().split()[-1] == key.public.openssh().split()[-1]


def assert_next_run_works(program):
    """Whatever was left, a certificate with the user's own key comes and audits, and others can be handed the key."""
    ran = program(*FIRST_RUN)
    assert ran.code == 0, ran.err
    assert program("audit", "out.json").code == 0
    assert program("audit", "out.json", "--trust", settings(program) / "key.pub").code == 0
    assert settings(program).joinpath("key.pem").stat().st_nlink == 1


# Every step fails once.


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name == "a first run" else name for name in RUNS]
)
def test_every_step_fails_once(prepared, name):
    issued()
    with installed(Steps(prepared.folder)) as counted:
        assert prepared(*RUNS[name]).code == 0
    new = (prepared.folder / "out.json").read_bytes()
    assert {"open", "write", "fsync"} < set(counted.names)
    for number, step in enumerate(counted.names, start=1):
        prepare(prepared)
        with installed(Steps(prepared.folder, number)):
            ran = prepared(*RUNS[name])
        assert "Traceback" not in ran.err
        replaced = (prepared.folder / "out.json").read_bytes() != OLD_BYTES
        if ran.code == 0:
            assert replaced or name == "a key pair"
        else:
            assert (ran.code, replaced) == (2, False), (number, step, ran.err)
            last = ran.err.splitlines()[-1]
            assert last.endswith("expected a place to write to, found one that fails: No space left on device")
        assert_whole(prepared, None if name == "a first run" else new)
        assert leftovers(prepared) == [] or step == "unlink"
        if name == "a first run":
            assert_next_run_works(prepared)
        elif name != "a key pair":
            assert prepared(*RUNS[name]).code == 0
            assert (prepared.folder / "out.json").read_bytes() == new


# SIGKILL at every step, and at any moment.


def killed_at(program, number, *arguments):
    settings_ = {"FAULTS_FOLDER": str(program.folder), "FAULTS_AT": str(number)}
    environment = settings_ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    return program.run(*arguments, command=[sys.executable, "-c", CHILD], env=environment)


@pytest.mark.long
@pytest.mark.parametrize("name", ["a first run", "a key pair"])
def test_sigkill_at_every_step(prepared, name):
    """After the last of them the run ends by itself."""
    codes = []
    while codes[-1:] != [0]:
        prepare(prepared)
        ran = killed_at(prepared, len(codes) + 1, *RUNS[name])
        codes.append(ran.code)
        assert ran.code in (-signal.SIGKILL, 0), ran.err
        assert_whole(prepared)
        assert_next_run_works(prepared)
        for path in prepared.folder.rglob(".certify-*"):
            os.utime(path, (0, 0))
    assert len(codes) > 10
    # What was left by all of them goes with the next run that writes there, as it is old.
    assert prepared("keygen", "-o", "home/settings/certify/other.pem").code == 0
    assert prepared("keygen", "-o", "other.pem").code == 0
    assert leftovers(prepared) == []


@pytest.mark.long
def test_sigkill_at_fifty_moments(prepared):
    """Of runs with the user's first key and with one that is given, alone and with worker processes."""
    rng = random.Random(7)
    began = time.monotonic()
    assert prepared.run(*FIRST_RUN, command=WITH_PROCESSES).code == 0
    whole = time.monotonic() - began
    killed = 0
    for number in range(50):
        prepare(prepared)
        arguments = FIRST_RUN if number % 2 else WITH_KEY
        workers = {"command": WITH_PROCESSES} if number % 3 else {}
        with prepared.start(*arguments, "--workers", "2", **workers) as process:
            time.sleep(rng.uniform(0, whole))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        assert process.returncode in (-signal.SIGKILL, 0)
        assert_whole(prepared, None if number % 2 else certificate(ALICE))
        assert_next_run_works(prepared)
    assert killed > 10
    for path in leftovers(prepared):
        os.utime(path, (0, 0))
    assert prepared.run(*FIRST_RUN, "--workers", "2", command=WITH_PROCESSES).code == 0
    assert prepared("keygen", "-o", "home/settings/certify/other.pem").code == 0
    assert leftovers(prepared) == []


def test_a_private_key_whose_public_half_is_missing(prepared):
    """Whoever made it was killed in between: the next run that signs with it writes the other half."""
    key = SigningKey.generate()
    write_private(settings(prepared) / "key.pem", key.to_pem())
    os.link(settings(prepared) / "key.pem", settings(prepared) / f".certify-{'0' * 16}.part")
    assert_next_run_works(prepared)
    assert leftovers(prepared) == []


def test_a_public_half_that_cannot_be_written(prepared, monkeypatch):
    """The key signs all the same."""
    write_private(settings(prepared) / "key.pem", ALICE.to_pem())
    with monkeypatch.context() as patched:
        patched.setattr(userkeys, "write_atomic", lambda *_: pytest.fail("not to be written"))
        (settings(prepared) / "key.pub").symlink_to("nowhere")
        assert prepared(*FIRST_RUN).code == 0
        (settings(prepared) / "key.pub").unlink()
    with installed(Steps(settings(prepared), 1)):
        assert prepared(*FIRST_RUN).code == 0
    assert (prepared.folder / "out.json").read_bytes() == certificate(ALICE)
    assert not (settings(prepared) / "key.pub").exists()


# Two runs at once.


def at_once(program, *runs):
    """Run several at the same time; return what they left."""
    processes = [program.start(*arguments) for arguments in runs]
    left = [process.communicate() for process in processes]
    return [Ran(p.returncode, out.decode(), err.decode()) for p, (out, err) in zip(processes, left, strict=True)]


@pytest.mark.long
def test_runs_that_write_the_same_file(prepared):
    seeds = ("0", "one", "two")
    results = {certificate(ALICE, options=Options(seed=seed)) for seed in seeds}
    for _ in range(3):
        for ran in at_once(prepared, *((*WITH_KEY, "--seed", seed) for seed in seeds)):
            assert ran.code == 0, ran.err
        assert (prepared.folder / "out.json").read_bytes() in results
        assert leftovers(prepared) == []


@pytest.mark.long
def test_first_runs_at_the_same_time(prepared):
    """One of them makes the key, and all sign with it."""
    for _ in range(3):
        prepare(prepared)
        runs = [("tiny.json", "-o", f"{number}.json") for number in range(3)]
        for ran in at_once(prepared, *runs):
            assert ran.code == 0, ran.err
        assert prepared("audit", "0.json", "1.json", "2.json").code == 0
        assert_whole(prepared)
        assert leftovers(prepared) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_key_that_another_run_makes_meanwhile(prepared, monkeypatch, late):
    """While this one is at work, or between its last look and its own key."""
    pair = userkeys.default_key()
    generate, others = SigningKey.generate, []

    def meanwhile():
        if not others:
            others.append(None)
            others.append(userkeys.make_key(pair))
        return generate()

    if late:
        monkeypatch.setattr(SigningKey, "generate", staticmethod(meanwhile))
    else:
        monkeypatch.setattr("certify.cli.signing.make_key", lambda _: meanwhile() and userkeys.make_key(pair))
    assert prepared(*FIRST_RUN).code == 0
    assert SigningKey.from_pem(pair.private.read_bytes()).public == others[1].public
    assert prepared("audit", "out.json", "--trust", pair.public).code == 0


def test_half_a_key_pair_is_not_replaced(prepared):
    """Where only the public half is there, somebody has the private one elsewhere."""
    settings(prepared).mkdir(parents=True)
    (settings(prepared) / "key.pub").write_text(trust_line(ALICE))
    ran = prepared(*FIRST_RUN)
    assert ran.code == 2
    assert "expected no file there yet" in ran.error
    assert (prepared.folder / "out.json").read_bytes() == OLD_BYTES


# Disks that are full, folders that take nothing.


MOUNTED = """
mount -t tmpfs -o {options} none disk
cp out.json disk/
{last}
code=0
"$@" || code=$?
ls -A disk > listed
cp disk/out.json got.json
exit $code
"""


def mounted(program, options, *, read_only=False):
    """What begins the program with a disk of its own at disk/, and out.json on it; None where none may be mounted.

    Whoever is root here may mount in a name space of its own; others may where the system lets them be root in one.
    """
    (program.folder / "disk").mkdir(exist_ok=True)
    script = MOUNTED.format(options=options, last="mount -o remount,ro disk" if read_only else "")
    command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-ec", script, "sh"]
    tried = subprocess.run([*command, "true"], cwd=program.folder, capture_output=True, check=False)
    return command if tried.returncode == 0 else None


def limited(size):
    """No file grows beyond this: the next best to a full disk where none may be mounted."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "size"),
    [
        pytest.param("size=4k", 0, id="nothing left"),
        pytest.param("size=12k", 5000, id="room for half of it"),
        pytest.param("size=1m,nr_inodes=2", 0, id="no room for another name"),
    ],
)
def test_full_disk(prepared, options, size):
    residual = residual_network()
    prepared.write("residual.json", residual)
    on_disk = mounted(prepared, options)
    shutil.copy(prepared.folder / "out.json", prepared.folder / "disk/out.json")
    arguments = ("residual.json", "--width", "400", "--key", "key.pem", "-o", "disk/out.json")
    own = {} if on_disk else {"preexec_fn": limited(size)}
    ran = prepared.run(*arguments, command=[*(on_disk or []), sys.executable, "-c", ENTRY], **own)
    assert (ran.code, ran.out) == (2, "")
    said = "No space left on device" if on_disk else "File too large"
    assert ran.error == f"certify: disk/out.json: expected a place to write to, found one that fails: {said}"
    listed = (prepared.folder / "listed").read_text().split() if on_disk else names(prepared.folder / "disk")
    assert listed == ["out.json"]
    assert (prepared.folder / ("got.json" if on_disk else "disk/out.json")).read_bytes() == OLD_BYTES
    assert prepared(*arguments).code == 0


def residual_network():
    """A network whose certificate is larger than a page."""
    layer = {"op": "dense", "precision_bits": 2, "weights": [[(i * j) % 9 - 4 for i in range(24)] for j in range(24)]}
    box = {"shape": [24], "low": -2, "high": 2, "precision_bits": 2}
    return {"format": "certify.network/1", "input": box, "layers": [layer]}


def bound_by_permissions():
    """Root without its right to write where nobody may (CAP_DAC_OVERRIDE) once it begins another program."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.parametrize("how", ["permissions", "mount"])
def test_read_only_folder(prepared, how):
    """Said before any work: no network is read, and nothing else is tried."""
    (prepared.folder / "disk").mkdir()
    on_disk = mounted(prepared, "size=1m", read_only=True) if how == "mount" else None
    own = {}
    if on_disk is None:
        shutil.copy(prepared.folder / "out.json", prepared.folder / "disk/out.json")
        (prepared.folder / "disk").chmod(0o555)
        own = {"preexec_fn": bound_by_permissions}
        probe = [sys.executable, "-c", "open('disk/probe', 'w')"]
        assert subprocess.run(probe, cwd=prepared.folder, capture_output=True, check=False, **own).returncode == 1
    command = [*(on_disk or []), sys.executable, "-c", ENTRY]
    ran = prepared.run("tiny.json", "--key", "key.pem", "-o", "disk/out.json", command=command, **own)
    (prepared.folder / "disk").chmod(0o755)
    assert (ran.code, ran.out) == (2, "")
    folder = prepared.folder / "disk"
    expected = "expected a place to write to, found a folder that takes no new files"
    assert ran.error == f"certify: disk/out.json: {expected}: {folder}"
    assert (prepared.folder / ("got.json" if on_disk else "disk/out.json")).read_bytes() == OLD_BYTES
    assert names(folder) == ([] if on_disk else ["out.json"])


@pytest.mark.long
def test_a_first_run_where_no_key_can_be_kept(prepared):
    """Said before any work too; with a key of one's own it goes on."""
    (prepared.folder / "home").chmod(0o555)
    ran = prepared.run(*FIRST_RUN, preexec_fn=bound_by_permissions)
    assert (ran.code, ran.out) == (2, "")
    problem = f"expected a place to write to, found a folder that takes no new files: {prepared.folder / 'home'}"
    assert ran.error == f"certify: {settings(prepared) / 'key.pem'}: {problem}"
    assert (prepared.folder / "out.json").read_bytes() == OLD_BYTES
    ran = prepared.run(*WITH_KEY, preexec_fn=bound_by_permissions)
    (prepared.folder / "home").chmod(0o755)
    assert ran.code == 0, ran.err


# Clocks.

CLOCK = """
import datetime, os, time

OFFSET = float(os.environ["CLOCK_AT"]) - time.time()
real, now = time.time, datetime.datetime.now
time.time = lambda: real() + OFFSET
time.time_ns = lambda: int((real() + OFFSET) * 10**9)


class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        moment = now(tz) + datetime.timedelta(seconds=OFFSET)
        return cls.fromisoformat(moment.isoformat())


datetime.datetime = Shifted
"""
MOMENTS = {"1980": 315532800, "2001": 10**9, "2100": 4102444800}


def at_moment(program, moment, *arguments, **options):
    (program.folder / "clock").mkdir(exist_ok=True)
    program.write("clock/sitecustomize.py", CLOCK)
    environment = {"PYTHONPATH": f"{program.folder / 'clock'}:{TESTS.parent}", "CLOCK_AT": str(moment)}
    return program.run(*arguments, env=environment | {"PYTHONDONTWRITEBYTECODE": "1"}, **options)


def dated(key, *limits):
    return trust_line(key).replace('namespaces="certify"', ",".join(['namespaces="certify"', *limits]))


@pytest.mark.long
@pytest.mark.parametrize("year", MOMENTS)
def test_a_clock_that_is_wrong(prepared, year):
    """Nothing but the validity of keys depends on it, and files from a future that never came are as good as any."""
    for path in ("tiny.json", "key.pem", "out.json"):
        os.utime(prepared.folder / path, (2**32, 2**32))
    ran = at_moment(prepared, MOMENTS[year], *WITH_KEY)
    assert ran.code == 0, ran.err
    assert (prepared.folder / "out.json").read_bytes() == certificate(ALICE)
    prepared.write("limited", dated(ALICE, 'valid-after="20000101Z"', 'valid-before="20500101Z"'))
    for trust, code in (("key.pub", 0), ("limited", 0 if year == "2001" else 3)):
        ran = at_moment(prepared, MOMENTS[year], "audit", "out.json", "--trust", trust)
        assert ran.code == code, ran.err
    reason = {"1980": "valid only from 2000-01-01", "2001": "", "2100": "was valid only until 2050-01-01"}[year]
    assert reason in ran.err
    # The moment that is asked for counts, and no clock.
    assert (
        at_moment(prepared, MOMENTS[year], "audit", "out.json", "--trust", "limited", "--at", "2026-01-01").code == 0
    )
    assert (
        at_moment(prepared, MOMENTS[year], "audit", "out.json", "--trust", "limited", "--at", "1999-01-01").code == 3
    )


@pytest.mark.long
def test_the_wrong_clock_is_wrong(prepared):
    """The clock of the tests above does what it says."""
    asked = "from datetime import UTC, datetime; import time; print(datetime.now(UTC).year, time.time())"
    year, seconds = at_moment(prepared, MOMENTS["2001"], command=[sys.executable, "-c", asked]).out.split()
    assert year == "2001"
    assert 0 <= float(seconds) - MOMENTS["2001"] < 600


@pytest.mark.long
def test_leftovers_under_a_clock_that_was_set_back(prepared):
    """How old they are says the file system: of a file from the future nothing is known, an old one goes."""
    young, old = (prepared.folder / f".certify-{digit * 16}.part" for digit in "01")
    young.write_bytes(b"half")
    old.write_bytes(b"half")
    os.utime(young, (2**32, 2**32))
    now = time.time()
    os.utime(old, (now - OLD - 60, now - OLD - 60))
    ran = at_moment(prepared, MOMENTS["1980"], *WITH_KEY)
    assert ran.code == 0, ran.err
    assert leftovers(prepared) == [young]
