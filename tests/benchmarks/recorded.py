"""A run of the program's own `issue` in this process, with what each phase and each piece of work took.

Nobody else works: the pieces that would be given to others are done one after the other, in processor time of one
core, and what they would weigh on their way is measured by pickling them.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks import targets

from certify.issue import Options, issue
from certify.monitor import Monitor
from certify.network.model import Network
from certify.network.target import read_target
from certify.network.writer import write_network
from certify.work import ALONE, Crew


@dataclass(frozen=True)
class Piece:
    """A piece of work: seconds on one core, bytes out and back, and the parent's seconds for these."""

    seconds: float
    sent: int
    received: int
    parent: float


@dataclass
class Phase:
    """A phase of a run: what the parent does alone, in seconds, and the pieces that others can do."""

    name: str
    alone: float = 0.0
    pieces: list[Piece] = field(default_factory=list)


class _Recorder(Monitor):
    """Does all work itself, and notes what each phase and each piece takes."""

    def __init__(self) -> None:
        super().__init__()
        self.phases: dict[str, Phase] = {}
        self._current = Phase("")
        self._began = 0.0

    def begin(self, name: str, total: int) -> None:
        del total
        self._current = self.phases.setdefault(name, Phase(name))
        self._began = time.process_time()

    def end(self) -> None:
        self._current.alone += time.process_time() - self._began
        self._current = Phase("")

    def run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            started = time.process_time()
            sent = pickle.dumps((function, item))
            began = time.process_time()
            answer = function(item)
            ended = time.process_time()
            received = pickle.dumps(answer)
            pickle.loads(received)
            over = time.process_time()
            piece = Piece(ended - began, len(sent), len(received), began - started + over - ended)
            self._current.pieces.append(piece)
            self._current.alone -= over - started
            yield answer


def record(network: Network, options: Options | None = None, *, away: bool = True) -> list[Phase]:
    """Return the phases of a run, after a small one that loads what is compiled; `away` gives pieces to others.

    The last one, `rest`, is what belongs to no phase: reading the target, writing the payload.
    """
    recorder, seconds = _Recorder(), 0.0
    for target in (targets.random_network((8, 4, 10)), network):
        recorder, began = _Recorder(), time.process_time()
        crew = Crew(recorder.run, 1, remote=True) if away else ALONE
        issue("target.json", read_target(write_network(target)), options or Options(), crew=crew, monitor=recorder)
        seconds = time.process_time() - began
    phases = list(recorder.phases.values())
    known = sum(phase.alone + sum(piece.seconds + piece.parent for piece in phase.pieces) for phase in phases)
    return [*phases, Phase("rest", max(0.0, seconds - known))]
