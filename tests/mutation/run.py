"""Mutation testing of one group of modules: `python tests/mutation/run.py certify/base`.

The repository is copied and only the copy is changed. For every module its tests have to pass unchanged and to fail
with a line at its end that raises, which shows that it is the copy they import. Then each mutant takes the
module's place and the tests run: first the module's own files, then the rest of their folder, then what the group
names as far. The first failing test kills it, as does running out of time or memory.

Every run of the tests is a fork of this process, which has the large libraries loaded already, so a mutant
costs about as much as its tests. One runs at a time. Hypothesis draws the same examples for every mutant, keeps no
failures from one for the next, and does not shrink.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import gc
import importlib
import json
import os
import py_compile
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from points import Choice, Mutant, mutants

HERE = Path(__file__).resolve().parent
KILLED, TIMEOUT, SURVIVED = "killed", "timeout", "survived"
_PASSED, _NO_TESTS = 0, 5


@dataclass(frozen=True)
class Limits:
    """What config.toml grants: `seconds` and `factor` times what the unchanged module takes, and so much memory."""

    factor: float
    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Stage:
    """Tests that run together (pytest's arguments), and how much time and memory they may take."""

    arguments: tuple[str, ...]
    seconds: float
    memory_bytes: int


class _SameExamples:
    """A pytest plugin: hypothesis without chance, memory and shrinking."""

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings  # noqa: PLC0415 - after conftest.py has chosen a profile

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", settings(), derandomize=True, database=None, phases=phases)
        settings.load_profile("mutation")


def main() -> int:
    options = _options()
    config = tomllib.loads((HERE / "config.toml").read_text("utf-8"))
    if options.table:
        print(table(options.results, options.group))
        return 0
    with _copy(options.source, config["copied"]) as copy:
        _settle(copy, config["preload"], jit=config["groups"][options.group]["jit"])
        survivors = sum(_run_module(module, config, options) for module in _modules(copy, options))
    print(table(options.results, options.group))
    return 1 if survivors else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("group", help="a group of config.toml, such as certify/base")
    parser.add_argument("--module", action="append", help="only this module, such as law; may be repeated")
    parser.add_argument("--source", type=_absolute, default=HERE.parents[1], help="the repository that is copied")
    parser.add_argument("--results", type=_absolute, required=True, help="JSON lines to which results are added")
    parser.add_argument("--again", type=_absolute, help="only mutants that survive in this file of results")
    parser.add_argument("--no-far", action="store_true", help="leave out the group's far tests")
    parser.add_argument("--resume", action="store_true", help="leave out mutants of which the results tell already")
    parser.add_argument("--own", action="store_true", help="only the modules' own test files, for a quick first run")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table of the results")
    return parser.parse_args()


def _absolute(text: str) -> Path:
    """A path that still holds when the working folder is the copy."""
    return Path(text).absolute()


@contextlib.contextmanager
def _copy(source: Path, names: Sequence[str]) -> Iterator[Path]:
    """Yield a folder with a copy of what a run needs."""
    with tempfile.TemporaryDirectory(prefix="certify-mutation-") as folder:
        copy = Path(folder).resolve() / "repository"
        copy.mkdir()
        for name in names:
            origin = source / name
            if origin.is_dir():
                shutil.copytree(origin, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif origin.exists():
                shutil.copy2(origin, copy / name)
        yield copy


def _settle(copy: Path, preload: Sequence[str], *, jit: bool) -> None:
    """Make this process and its children import from the copy, with the large libraries loaded before any fork."""
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["NUMBA_DISABLE_JIT"] = "0" if jit else "1"
    os.environ["NUMBA_CACHE_DIR"] = str(copy.parent / "numba")
    sys.path.insert(0, str(copy))
    # Machine-made files are looked up by what the source says, not by when it was written.
    by_content = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(copy / "certify", quiet=2, invalidation_mode=by_content)
    compileall.compile_dir(copy / "solvers", quiet=2, invalidation_mode=by_content)
    importlib.import_module("pytest")
    for name in preload:
        importlib.import_module(name)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.collect()
    gc.freeze()


def _modules(copy: Path, options: argparse.Namespace) -> list[str]:
    found = sorted(str(path.relative_to(copy)) for path in (copy / options.group).rglob("*.py"))
    wanted = [name for name in found if options.module is None or Path(name).stem in options.module]
    return [name for name in wanted if Path(name).stem != "__init__"]


def _run_module(module: str, config: dict[str, Any], options: argparse.Namespace) -> int:
    """Return how many mutants of the module survived; the working folder is the copy."""
    chosen = _mutants(module, Choice(**config["operators"]), options)
    if not chosen:
        return 0
    limits = Limits(**config["limits"])
    path, source = Path(module), Path(module).read_text("utf-8")
    stages = _stages(_tests(module, config["groups"][options.group], options), limits)
    _check_that_tests_see(path, source, stages)
    survivors = 0
    for mutant in chosen:
        began = time.monotonic()
        path.write_text(mutant.source, "utf-8")
        outcome = _judge(stages)
        _record(options.results, mutant, outcome, time.monotonic() - began)
        survivors += outcome == SURVIVED
    path.write_text(source, "utf-8")
    return survivors


def _mutants(module: str, choice: Choice, options: argparse.Namespace) -> list[Mutant]:
    found = list(mutants(module, Path(module).read_text("utf-8"), choice))
    if options.again is not None:
        survivors = {_name(line) for line in last_lines(options.again) if line["outcome"] == SURVIVED}
        found = [mutant for mutant in found if mutant.name in survivors]
    if options.resume and options.results.exists():
        done = {_name(line) for line in last_lines(options.results)}
        found = [mutant for mutant in found if mutant.name not in done]
    return found


def _tests(module: str, group: dict[str, Any], options: argparse.Namespace) -> list[tuple[str, ...]]:
    """Return pytest's arguments for a module's tests, nearest first, each without what came before."""
    names = group.get("own", {}).get(Path(module).stem, [Path(module).stem])
    own = [path for path in (f"{group['near']}/test_{name}.py" for name in names) if Path(path).exists()]
    found: list[tuple[str, ...]] = [tuple(own)] if own else []
    if options.own and own:
        return found
    found.append((group["near"], *(f"--ignore={path}" for path in own)))
    return found if options.no_far else [*found, *((far,) for far in group["far"] if Path(far).exists())]


def _stages(candidates: Sequence[tuple[str, ...]], limits: Limits) -> list[Stage]:
    """Return the tests with the time they may take; unchanged, all of them have to pass."""
    stages: list[Stage] = []
    for arguments in candidates:
        began = time.monotonic()
        code = _run_tests(Stage(arguments, 600, limits.memory_bytes), keep_bytecode=True)
        if code == _NO_TESTS:
            continue
        if code != _PASSED:
            print(Path("../pytest.log").read_text("utf-8", "replace"), file=sys.stderr)
            raise SystemExit(f"{' '.join(arguments)} fails without any change (pytest's exit status {code})")
        seconds = limits.seconds + limits.factor * (time.monotonic() - began)
        stages.append(Stage(arguments, seconds, limits.memory_bytes))
    return stages


def _check_that_tests_see(path: Path, source: str, stages: Sequence[Stage]) -> None:
    path.write_text(f'{source}\nraise RuntimeError("seen")\n', "utf-8")
    if _judge(stages) != KILLED:
        raise SystemExit(f"{path}: no test imports the copy")


def _judge(stages: Sequence[Stage]) -> str:
    """Return what becomes of the module as it now stands in the copy."""
    for stage in stages:
        code = _run_tests(stage)
        if code is None:
            return TIMEOUT
        if code != _PASSED:
            return KILLED
    return SURVIVED


def _record(results: Path, mutant: Mutant, outcome: str, seconds: float) -> None:
    record = {key: value for key, value in asdict(mutant).items() if key != "source"}
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**record, "outcome": outcome, "seconds": round(seconds, 2)}) + "\n")
    if outcome == SURVIVED:
        place = f"{mutant.module}:{mutant.line} in {mutant.scope}, {mutant.operator}"
        print(f"{place}\n  - {mutant.before}\n  + {mutant.after}", flush=True)


def _run_tests(stage: Stage, *, keep_bytecode: bool = False) -> int | None:
    """Return pytest's exit status in a fork of this process; None when it ran out of time."""
    child = os.fork()
    if child == 0:
        _be_pytest(stage, keep_bytecode=keep_bytecode)
    try:
        return _wait(child, time.monotonic() + stage.seconds)
    finally:
        # The child leads its own group, so this reaches what its tests may have started and nothing else.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _wait(child: int, deadline: float) -> int | None:
    while time.monotonic() < deadline:
        pid, code = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.005)
    return None


def _be_pytest(stage: Stage, *, keep_bytecode: bool) -> None:
    os.setsid()
    log = os.open("../pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    resource.setrlimit(resource.RLIMIT_AS, (stage.memory_bytes, stage.memory_bytes))
    sys.dont_write_bytecode = not keep_bytecode
    if not keep_bytecode:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    code = 1
    try:
        import pytest  # noqa: PLC0415 - loaded already

        # Rewritten asserts only say more about a failure, and hypothesis is loaded too early for them.
        options = ["-x", "--assert=plain", "-p", "no:cacheprovider", "-n", "0"]
        code = int(pytest.main([*options, *stage.arguments], plugins=[_SameExamples()]))
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def last_lines(results: Path) -> list[dict[str, Any]]:
    """Return a file's results; of a mutant that was run more than once only the last."""
    lines = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    return list({_name(line): line for line in lines}.values())


def _name(line: dict[str, Any]) -> tuple[str, str, int]:
    return line["module"], line["operator"], line["occurrence"]


def table(results: Path, group: str) -> str:
    """Return a group's results as a Markdown table."""
    counts: dict[str, Counter[str]] = {}
    for line in last_lines(results):
        if line["module"].startswith(f"{group}/"):
            counts.setdefault(line["module"], Counter())[line["outcome"]] += 1
    rows = [_row(f"`{module}`", counts[module]) for module in sorted(counts)]
    rows.append(_row(f"**{group}**", sum(counts.values(), Counter())))
    head = [
        "| module | mutants | killed | timeouts | survived | killed, timeouts included |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(head + rows)


def _row(name: str, count: Counter[str]) -> str:
    total = count.total()
    share = 100 * (count[KILLED] + count[TIMEOUT]) / total
    return f"| {name} | {total} | {count[KILLED]} | {count[TIMEOUT]} | {count[SURVIVED]} | {share:.1f} % |"


if __name__ == "__main__":
    sys.exit(main())
