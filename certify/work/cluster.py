"""Items of work on other machines: a Dask cluster that somebody has begun, through Dask's own executor.

Dask brings items to workers and results back, gives an item to another worker when one dies, and gives up on it when
several have died at it. What is added here: items are given out some at a time, and their results come in order;
whatever the cluster cannot do any more ends the run, with the name of an item; and nothing is done by a worker that
has another version of this program, or of what its results rest on, as a certificate names one of each.

A worker does one item at a time, however many threads it has: z3 is not made for more. What an item's function
returns or raises comes back as a value, so that an error of the cluster is never taken for one of the work. Both ways
go bytes that are pickled here: of what it cannot pickle Dask does not always tell.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import pickle
import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.errors import InputError, WorkLostError
from certify.work.crew import Crew

if TYPE_CHECKING:
    from distributed import Client

PLACE = "--scheduler"
PACKAGES = ("certify", "numba", "numpy", "z3-solver")
SOURCE = "source"
CONNECT = 5
"""Seconds that a scheduler has to answer."""

PATIENCE = 20
"""Seconds that a cluster may be without a single worker: a nanny begins one again in less."""

_AHEAD = 3  # items for each worker that are given out before the first of them is back
_LOOK = 1.0  # seconds between looks at who is there
_ADDRESS = re.compile(r"(tcp|tls)://\S+:\d{1,5}")
_LOGGERS = ("distributed", "distributed.client", "distributed.scheduler", "tornado", "tornado.application")

Identity = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class _Done:
    """What a worker made of an item, and who that was.

    Attributes:
        address, identity: of the worker.
        outcome: pickled: what the function returned and None, or None and what it raised.
    """

    address: str
    identity: Identity
    outcome: bytes


@dataclass(frozen=True, eq=False)
class _Sent:
    name: str
    future: Future[Any]


@contextlib.contextmanager
def cluster_crew(address: str, threads: int) -> Iterator[Crew]:
    """Give a crew of a cluster's workers.

    Args:
        address: of its scheduler, `tcp://host:port`, or `tls://host:port` with what Dask's own configuration says.
        threads: that compiled code in this process may use.

    Raises:
        InputError: nobody answers there, or a worker is not the same program as this one.
        WorkLostError: the cluster cannot do an item any more.
    """
    _check_address(address)
    with _quiet(), _client(address) as client:
        cluster = _Cluster(client, address)
        try:
            cluster.check_workers()
            yield Crew(cluster.run, threads, remote=True)
        finally:
            cluster.cancel()


def _check_address(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise InputError(f"expected tcp://HOST:PORT or tls://HOST:PORT, found {address!r}", PLACE)
    if find_spec("distributed") is None:
        raise InputError("expected distributed, found none: pip install 'certify[dask]'", PLACE)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave it to the errors raised here to say what happened."""
    import dask  # noqa: PLC0415 - an extra
    import distributed  # noqa: F401, PLC0415 - it sets the levels of its loggers

    before = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        # Items are meant to be large; Dask would advise against it.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client  # noqa: PLC0415 - an extra

    try:
        with warnings.catch_warnings():
            # Of other versions than here; which of them count is checked by `check_workers`.
            warnings.simplefilter("ignore")
            client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        problem = f"expected a Dask scheduler at {address}, found none that answers: {_said(error)}"
        raise InputError(problem, PLACE) from None
    try:
        yield client
    finally:
        client.close(timeout=1)


class _Cluster:
    """A cluster that answers."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address
        self._executor = client.get_executor(pure=False)
        self._workers = 0
        self._looked = self._seen = time.monotonic()

    def check_workers(self) -> None:
        """Check that there are workers, and that each is the same program as this one.

        Raises:
            InputError: names what was expected, and which worker is not.
        """
        while not self._look():
            if time.monotonic() - self._seen > PATIENCE:
                raise InputError(f"expected workers at {self._address}, found none", PLACE)
            time.sleep(0.1)
        expected = dict(_here())
        for package in PACKAGES:
            # A function that any Python has: a worker may lack ours.
            self._check((package, expected[package]), self._ask(metadata.version, package))
        every = self._ask(identity).items()
        sources = {worker: dict(said)[SOURCE] if isinstance(said, tuple) else said for worker, said in every}
        self._check((SOURCE, expected[SOURCE]), sources)

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return by worker what a function returns there, or the error that it was."""
        try:
            return dict(self._client.run(function, *arguments, on_error="return"))
        except Exception as error:  # noqa: BLE001 - Dask has many
            problem = f"expected workers at {self._address} that answer, found {_said(error)}"
            raise InputError(problem, PLACE) from None

    def _check(self, expected: tuple[str, str], found: Mapping[str, Any]) -> None:
        name, version = expected
        for worker, other in found.items():
            if other != version:
                said = _said(other) if isinstance(other, Exception) else other
                raise InputError(f"expected {name} {version} on worker {worker}, as here, found {said}", PLACE)

    def run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Map over the workers."""
        source, more = iter(items), True
        waiting: deque[_Sent] = deque()
        try:
            while more or waiting:
                while more and len(waiting) < _AHEAD * max(1, self._workers):
                    item = next(source, self)
                    more = item is not self
                    if more:
                        waiting.append(self._send(function, item))
                if waiting:
                    yield self._receive(waiting.popleft())
        finally:
            for sent in waiting:
                sent.future.cancel()

    def _send(self, function: Callable[[Any], Any], item: Any) -> _Sent:
        try:
            return _Sent(str(item), self._executor.submit(_do, pickle.dumps((function, item), protocol=5)))
        except Exception as error:  # noqa: BLE001 - whatever it is, this item is not done
            raise self._lost(str(item), error) from None

    def _receive(self, sent: _Sent) -> Any:
        """Return an item's result.

        Raises:
            WorkLostError: there will be none.
        """
        while not wait([sent.future], timeout=_LOOK).done:
            self._check_somebody_works(sent.name)
        try:
            done = sent.future.result()
        except (CancelledError, Exception) as error:  # noqa: BLE001 - as for `_send`
            raise self._lost(sent.name, error) from None
        return self._value(sent.name, done)

    def _value(self, name: str, done: Any) -> Any:
        if not isinstance(done, _Done):
            raise WorkLostError(f"{name}: expected a worker's result, found {type(done).__name__}")
        if done.identity != _here():
            # It came to the cluster when the others had been checked.
            self._check_identity(done)
        value, error = pickle.loads(done.outcome)  # noqa: S301 - a cluster is trusted with more (SECURITY.md)
        if error is not None:
            raise error
        if time.monotonic() - self._looked > _LOOK:
            self._look()
        return value

    def _check_identity(self, done: _Done) -> None:
        found = dict(done.identity)
        for name, version in _here():
            self._check((name, version), {done.address: found.get(name, "none")})

    def _check_somebody_works(self, name: str) -> None:
        if not self._look() and time.monotonic() - self._seen > PATIENCE:
            raise WorkLostError(f"{name}: not decided, as {self._address} has no workers any more")

    def _look(self) -> bool:
        """Return whether there are workers, and note how many."""
        # Without a scheduler every item is cancelled, and nobody is left to ask.
        if self._client.status == "running":
            try:
                self._workers = len(self._client.nthreads())
            except Exception:  # noqa: BLE001 - it is gone at this moment
                self._workers = 0
        self._looked = time.monotonic()
        if self._workers:
            self._seen = self._looked
        return self._workers > 0

    def _lost(self, name: str, error: BaseException) -> WorkLostError:
        from distributed.scheduler import KilledWorker  # noqa: PLC0415 - an extra

        if isinstance(error, KilledWorker):
            return WorkLostError(f"{name}: not decided, as every worker that was given it died")
        if self._client.status != "running":
            return WorkLostError(f"{name}: not decided, as the scheduler {self._address} is gone")
        return WorkLostError(f"{name}: not decided, as the cluster lost it: {_said(error)}")

    def cancel(self) -> None:
        """Have nothing done any more that is not begun."""
        self._executor.shutdown(wait=False)


@functools.cache
def identity() -> Identity:
    """Return what this process is: versions of what its results rest on, and a digest of this program's source."""
    versions = tuple((package, metadata.version(package)) for package in PACKAGES)
    digest = hashlib.sha256()
    for package in ("certify", "solvers"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        folder = Path(spec.submodule_search_locations[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return (*versions, (SOURCE, digest.hexdigest()[:16]))


def _here() -> Identity:
    return identity()


_ONE_AT_A_TIME = threading.Lock()


def _do(packed: bytes) -> _Done:
    """Do an item, on a worker."""
    from distributed import get_worker  # noqa: PLC0415 - an extra

    function, item = pickle.loads(packed)  # noqa: S301 - as above
    with _ONE_AT_A_TIME:
        try:
            outcome: tuple[Any, Exception | None] = function(item), None
        except Exception as error:  # noqa: BLE001 - it is raised again where the result is wanted
            outcome = None, error
    return _Done(get_worker().address, identity(), pickle.dumps(outcome, protocol=5))


def _said(error: BaseException) -> str:
    """Return what an error says, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
