"""`--scheduler`: a Dask cluster proves, and whatever happens to it, there is a true certificate or none."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import threading
from functools import partial

import distributed
import processes
import pytest
from clusters import cluster
from program import ENTRY, certificate, changed, signing_key, trust_line
from terminal import OnTerminal, assert_session_ends, large

from certify.errors import InputError, WorkLostError
from certify.work import Task, do
from certify.work import cluster as module
from certify.work.cluster import cluster_crew, identity

ALICE = signing_key(1)
KEY = ("--key", "key.pem")


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A cluster that nobody harms, of two workers."""
    with cluster(tmp_path_factory.mktemp("there") / "cluster") as begun:
        yield begun


@pytest.fixture
def prepared(certify):
    certify.write("key.pem", ALICE.to_pem())
    certify.write("tiny.json")
    certify.write("trust", trust_line(ALICE))
    return certify


# The same certificates.


def test_prove_and_audit(prepared, there):
    """Byte for byte what one process writes; the result says who has to be believed, the certificate does not."""
    scheduler = ("--scheduler", there.address)
    ran = prepared.run("tiny.json", *KEY, "-o", "remote.json", *scheduler)
    assert ran.code == 0, ran.err
    assert f"\n  rests on     the workers of {there.address}, where z3 refuted them\n" in ran.out
    assert (prepared.folder / "remote.json").read_bytes() == certificate(ALICE)
    ran = prepared("audit", "remote.json", "--trust", "trust", "--format", "json", *scheduler)
    assert ran.code == 0
    assert ran.result["checks"]["rests_on"] == {"workers_of": there.address}
    alone = prepared("audit", "remote.json", "--trust", "trust", "--format", "json").result
    assert "rests_on" not in alone["checks"]
    assert alone["obligations"] == ran.result["obligations"]


def test_equal(prepared, there):
    """What a sweep of this process decides rests on nobody else."""
    prepared.write("other.json", changed("layers", 1, "weights", 2, 1, to=3))
    same = prepared("equal", "tiny.json", "tiny.json", "--format", "json", "--scheduler", there.address)
    assert (same.code, same.result["verdict"]) == (0, "proved")
    assert ("rests_on" in same.result["checks"]) is (same.result["checks"]["strategy"] == "decomposition")
    other = prepared("equal", "tiny.json", "other.json", "--format", "json", "--scheduler", there.address)
    assert (other.code, other.result["verdict"]) == (1, "refuted")
    assert "rests_on" not in other.result["checks"]


def test_items_come_in_order_and_errors_as_they_are(there):
    with cluster_crew(there.address, 1) as crew:
        assert (crew.threads, crew.remote) == (1, True)
        assert list(crew.run(abs, range(0, -50, -1))) == list(range(50))
        assert list(crew.run(abs, [])) == []
        assert os.getpid() not in set(crew.run(processes.own_id, range(8)))
        # Equal items are as many, however alike.
        assert len(set(crew.run(processes.moment, [0] * 20))) == 20
        results = crew.run(partial(processes.fail_at, bad=4), range(10))
        assert [next(results) for _ in range(4)] == [0, 2, 4, 6]
        with pytest.raises(ValueError, match="expected another number than 4"):
            next(results)
        assert list(crew.run(abs, range(3))) == [0, 1, 2]


def test_one_item_at_a_time_in_a_process(tmp_path):
    """z3 keeps its state for the whole process."""
    with cluster(tmp_path / "cluster", 0) as begun:
        begun.start("worker", "--nthreads", "4", "--no-nanny", "--local-directory", str(tmp_path))
        with cluster_crew(begun.address, 1) as crew:
            spans = sorted(crew.run(processes.span, [0.05] * 8))
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans))


def test_only_some_items_ahead_are_given_out(there):
    taken = []

    def items():
        for number in range(60):
            taken.append(number)
            yield number

    with cluster_crew(there.address, 1) as crew:
        for number, _ in enumerate(crew.run(abs, items())):
            assert len(taken) <= number + 1 + 6


def test_an_error_of_the_finder(prepared, there):
    """As on this machine: it names the weight."""
    ran = prepared("tiny.json", *KEY, "-o", "out.json", "--width", "1", "--scheduler", there.address)
    alone = prepared("tiny.json", *KEY, "-o", "out.json", "--width", "1")
    assert (ran.code, ran.err) == (alone.code, alone.err)
    assert ran.code == 3


# Clusters that are none.


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


ADDRESSES = {
    "no-scheme": "127.0.0.1:8786",
    "another-scheme": "http://127.0.0.1:8786",
    "no-port": "tcp://127.0.0.1",
    "nothing": "",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_what_is_no_address(prepared, address):
    ran = prepared("tiny.json", *KEY, "--scheduler", address)
    assert (ran.code, ran.out) == (2, "")
    expected = "--scheduler: expected tcp://HOST:PORT or tls://HOST:PORT, found "
    assert ran.error == f"certify: tiny.json: {expected}{address!r}"


@pytest.mark.parametrize("command", ["prove", "audit", "equal"])
def test_nobody_answers(prepared, monkeypatch, command):
    monkeypatch.setattr(module, "CONNECT", 1)
    prepared.write("c.json", certificate(ALICE))
    arguments = {"prove": ["tiny.json", *KEY], "audit": ["c.json", "--any-signer"], "equal": ["tiny.json"] * 2}
    before = prepared.files()
    address = f"tcp://127.0.0.1:{free_port()}"
    ran = prepared(command, *arguments[command], "--scheduler", address)
    assert (ran.code, ran.out) == (2, "")
    assert f"--scheduler: expected a Dask scheduler at {address}, found none that answers: " in ran.error
    assert prepared.files() == before


def test_without_dask(prepared, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    ran = prepared("tiny.json", *KEY, "--scheduler", "tcp://127.0.0.1:8786")
    assert (
        ran.error == "certify: tiny.json: --scheduler: expected distributed, found none: pip install 'certify[dask]'"
    )


def test_no_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    with (
        cluster(tmp_path / "cluster", 0) as begun,
        pytest.raises(InputError, match=r"expected workers at tcp:.*, found"),
    ):
        enter(begun.address)


@pytest.mark.parametrize("name", [*module.PACKAGES, module.SOURCE])
def test_another_version_on_a_worker(there, monkeypatch, name):
    """Of anything that a certificate names, or of this program's source."""
    monkeypatch.setattr(module, "_here", lambda: tuple((dict(identity()) | {name: "0"}).items()))
    said = dict(identity())[name]
    with pytest.raises(InputError, match=rf"expected {name} 0 on worker tcp://.*, as here, found {said}"):
        enter(there.address)


def enter(address):
    with cluster_crew(address, 1) as crew:
        list(crew.run(abs, range(4)))


def test_a_worker_that_comes_later_with_another_version(there, monkeypatch):
    with cluster_crew(there.address, 1) as crew:
        monkeypatch.setattr(module, "_here", lambda: tuple((dict(identity()) | {"z3-solver": "0"}).items()))
        with pytest.raises(InputError, match=r"expected z3-solver 0 on worker tcp://.*, as here"):
            list(crew.run(abs, range(4)))


def test_without_certify_on_a_worker(tmp_path):
    """As where it was begun in another environment."""
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "def missing(name, real=metadata.version):\n"
        "    if name == 'certify': raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = missing\n"
    )
    said = r"expected certify .* on worker tcp://.*, found PackageNotFoundError: "
    with cluster(tmp_path / "cluster", 1, extra_path=tmp_path) as begun, pytest.raises(InputError, match=said):
        enter(begun.address)


# Clusters that lie, in what can be noticed.

LIES = {
    "nothing": (processes.nothing, "expected a worker's result, found NoneType"),
    "a value alone": (len, "expected a worker's result, found int"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_result(there, monkeypatch, name):
    lie, said = LIES[name]
    with cluster_crew(there.address, 1) as crew:
        monkeypatch.setattr(module, "_do", lie)
        with pytest.raises(WorkLostError, match=f"^7: {said}$"):
            list(crew.run(abs, [7]))


@pytest.mark.parametrize("call", [threading.Lock, partial(abs, threading.Lock())], ids=["back", "there"])
def test_what_cannot_cross(there, call):
    expected = r"^a lock: not decided, as the cluster lost it: TypeError: cannot"
    with cluster_crew(there.address, 1) as crew, pytest.raises(WorkLostError, match=expected):
        list(crew.run(do, [Task("a lock", call, 1.0)]))


# Clusters that die.


def gone(*_, **__):
    raise OSError("Timed out trying to connect")


def test_a_scheduler_that_is_gone_when_it_is_asked(there, monkeypatch):
    """Who is there is asked now and then; what becomes of an item does not hang on that."""
    with cluster_crew(there.address, 1) as crew:
        monkeypatch.setattr(module, "_LOOK", 0.0)
        monkeypatch.setattr(distributed.Client, "nthreads", gone)
        assert list(crew.run(abs, range(10))) == list(range(10))


def test_a_cluster_that_is_gone_before_any_work(there, monkeypatch):
    monkeypatch.setattr(distributed.Client, "run", gone)
    with pytest.raises(InputError, match=r"expected workers at tcp://.* that answer, found OSError: Timed out"):
        enter(there.address)


def test_a_worker_that_is_killed(tmp_path):
    """In the middle of an item, which another one does again."""
    (tmp_path / "notes").mkdir()
    with cluster(tmp_path / "cluster") as begun, cluster_crew(begun.address, 1) as crew:
        work = partial(processes.die_once, folder=tmp_path / "notes")
        assert list(crew.run(work, range(12))) == list(range(0, 24, 2))
    assert processes.noted(tmp_path / "notes")[3] == 2


@pytest.mark.long
def test_an_item_of_which_workers_die(tmp_path):
    """Dask blames whatever lay on the workers that died, so the item that is named may be another than the cause."""
    (tmp_path / "notes").mkdir()
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with cluster(tmp_path / "cluster", 3, **settings) as begun, cluster_crew(begun.address, 1) as crew:
        work = [Task(f"item {n}", partial(processes.die_at, n, tmp_path / "notes", 5), 1.0) for n in range(12)]
        with pytest.raises(WorkLostError, match=r"^item \d+: not decided, as every worker that was given it died$"):
            list(crew.run(do, work))


@pytest.mark.long
def test_all_workers_are_killed(tmp_path, monkeypatch):
    with cluster(tmp_path / "cluster", 2) as begun, cluster_crew(begun.address, 1) as crew:
        monkeypatch.setattr(module, "PATIENCE", 1)
        results = crew.run(do, [Task(f"item {n}", partial(processes.wait_at, n, tmp_path, 1), 1.0) for n in range(4)])
        assert next(results) == 0
        for worker in begun.workers:
            worker.kill()
        with pytest.raises(WorkLostError, match=r"^item 1: not decided, as tcp://.* has no workers any more$"):
            next(results)


# Runs of the program on clusters that die.


def begin(prepared, begun):
    """A run on a terminal that proves, in many items."""
    prepared.write("large.json", large(units=32))
    entry = f"from certify.proof import refutation; refutation.PART = 200; {ENTRY}"
    arguments = ("large.json", *KEY, "-o", "out.json", "--scheduler", begun.address)
    run = OnTerminal(prepared, *arguments, command=[sys.executable, "-c", entry])
    run.wait_for(b"refutation")
    return run


@pytest.mark.long
@pytest.mark.compiled
def test_a_worker_is_killed_while_it_proves(prepared, tmp_path):
    with cluster(tmp_path / "cluster") as begun:
        run = begin(prepared, begun)
        begun.workers[0].kill()
        code, _ = run.end()
    assert code == 0, run.seen
    assert prepared("large.json", *KEY, "-o", "alone.json").code == 0
    assert (prepared.folder / "out.json").read_bytes() == (prepared.folder / "alone.json").read_bytes()


@pytest.mark.long
@pytest.mark.compiled
def test_the_scheduler_is_killed_while_it_proves(prepared, tmp_path):
    with cluster(tmp_path / "cluster") as begun:
        run = begin(prepared, begun)
        begun.scheduler.kill()
        code, out = run.end()
    assert (code, out) == (2, b""), run.seen
    lines = run.seen.decode().replace("\r\n", "\n")
    assert f"not decided, as the scheduler {begun.address} is gone\n" in lines
    assert "large.json: pair " in lines
    assert "Traceback" not in lines
    assert {path.name for path in prepared.folder.glob("*out*")} == set()


@pytest.mark.compiled
def test_interrupt(prepared, there):
    """What was given out is cancelled; the cluster serves the next one."""
    run = begin(prepared, there)
    os.killpg(run.process.pid, signal.SIGINT)
    code, out = run.end()
    assert (code, out) == (130, b"")
    assert b"certify: interrupted\r\n" in run.seen
    assert b"Traceback" not in run.seen
    assert {path.name for path in prepared.folder.glob("*out*")} == set()
    assert_session_ends(run.process.pid)
    with cluster_crew(there.address, 1) as crew:
        assert list(crew.run(abs, range(10))) == list(range(10))
