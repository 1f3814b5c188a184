"""Dask clusters on this machine, of real processes that talk over loopback."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from program import SOURCE

PATIENCE = 60  # seconds; only a cluster that never begins takes as long
TESTS = Path(__file__).parent


class Cluster:
    """A scheduler and its workers, each a process that can be killed; workers know this program and its tests."""

    def __init__(self, folder, count=2, extra_path=SOURCE, **environment):
        self._folder, self._environment = folder, environment
        self._paths = os.pathsep.join(map(str, [extra_path, SOURCE, TESTS]))
        self._processes = []
        self.scheduler = self.start("scheduler", "--port", "0")
        self.address = json.loads(self._wait_for_file())["address"]
        self.workers = [self.start_worker() for _ in range(count)]

    def start(self, kind, *arguments):
        """Begin a scheduler or a worker."""
        settings = os.environ | {"PYTHONPATH": self._paths} | self._environment
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1", "--no-dashboard"]
        command += ["--scheduler-file", str(self._folder / "scheduler.json"), *arguments]
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=settings, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process

    def start_worker(self):
        """Begin a worker, which nobody begins again when it dies."""
        local = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder))
        return self.start("worker", *local)

    def _wait_for_file(self):
        path = self._folder / "scheduler.json"
        for _ in range(PATIENCE * 20):
            with contextlib.suppress(OSError):
                if (text := path.read_text()).endswith("}"):
                    return text
            time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text())

    def stop(self):
        """Kill all of them."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def cluster(folder, count=2, **options):
    """A cluster that is gone in the end."""
    folder.mkdir()
    begun = Cluster(folder, count, **options)
    try:
        yield begun
    finally:
        begun.stop()
