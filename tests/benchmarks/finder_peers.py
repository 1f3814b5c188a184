"""Who solves subset sums besides us, each as its documentation says, in one thread.

Each is a function from one instance to a subset, a list of positions, or None where it says or finds that there is
none; it includes what the caller has to write, as a model. Packages (with what is known of their licences) are in
requirements.txt beside this file; one that is not installed is said to be missing.

flsss      FLSSS_gen, a branch and bound by C. W. Liu; the fewest items by asking for 1, 2, 3 … of them
knapsack   OR-Tools' branch and bound for 64 items, on positive items only. A negative item is replaced by its
           complement: with S' = S on positive items and its complement on negative ones, Σ_S a = t becomes
           Σ_S' |a| = t + Σ_{a<0} |a|. The capacity is that number and an item's profit its weight, so a solution of
           that profit is a subset, and one of less says that there is none
cp-sat     OR-Tools' constraint solver, one worker
scip       SCIP through pyscipopt; floating point, so its answers are rounded, and checked like all others

The last two get half a minute for each instance, and what they have by then counts.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SECONDS = 30.0
Subset = list[int] | None
Solve = Callable[[Any, NDArray[np.int64], int], Subset]


@dataclass(frozen=True)
class Peer:
    """A solver that is measured beside ours.

    Attributes:
        package: its name on PyPI.
        module: what is imported.
        objectives: `first` finds any subset, `sparsest` one of the fewest items; the function for each.
    """

    package: str
    module: str
    objectives: Mapping[str, Solve]

    def load(self) -> Any:
        """Return its module, None where it is not installed."""
        try:
            return importlib.import_module(self.module)
        except ImportError:
            return None


def _flsss(flsss: Any, items: NDArray[np.int64], target: int) -> Subset:
    found = flsss.gen(items, target, target, n_threads=1)
    return found[0].tolist() if found else None


def _flsss_fewest(flsss: Any, items: NDArray[np.int64], target: int) -> Subset:
    for count in range(1, len(items) + 1):
        found = flsss.gen(items, target, target, len=count, n_threads=1)
        if found:
            return list(found[0].tolist())
    return None


def _knapsack(knapsack_solver: Any, items: NDArray[np.int64], target: int) -> Subset:
    kind = knapsack_solver.SolverType.KNAPSACK_64ITEMS_SOLVER
    solver = knapsack_solver.KnapsackSolver(kind, "subset sum")
    negative = items < 0
    capacity = target - int(items[negative].sum())
    weights = np.abs(items).tolist()
    if not 0 <= capacity <= sum(weights):
        return None
    solver.init(weights, [weights], [capacity])
    if solver.solve() != capacity:
        return None
    return [index for index in range(len(items)) if solver.best_solution_contains(index) != negative[index]]


def _cp_sat(cp_model: Any, items: NDArray[np.int64], target: int, *, fewest: bool) -> Subset:
    model = cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in items]
    model.add(cp_model.LinearExpr.weighted_sum(taken, items.tolist()) == target)
    if fewest:
        model.minimize(cp_model.LinearExpr.sum(taken))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = SECONDS
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return [index for index, variable in enumerate(taken) if solver.value(variable)]


def _scip(pyscipopt: Any, items: NDArray[np.int64], target: int, *, fewest: bool) -> Subset:
    model = pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/time", SECONDS)
    taken = [model.addVar(vtype="B", obj=1.0 if fewest else 0.0) for _ in items]
    terms = [item * variable for item, variable in zip(items.tolist(), taken, strict=True)]
    model.addCons(pyscipopt.quicksum(terms) == target)
    model.optimize()
    if model.getNSols() == 0:
        return None
    solution = model.getBestSol()
    return [index for index, variable in enumerate(taken) if solution[variable] > 0.5]


def _any(solve: Callable[..., Subset]) -> Mapping[str, Solve]:
    return {
        "first": lambda module, items, target: solve(module, items, target, fewest=False),
        "sparsest": lambda module, items, target: solve(module, items, target, fewest=True),
    }


PEERS: Mapping[str, Peer] = {
    "flsss": Peer("flsss", "flsss", {"first": _flsss, "sparsest": _flsss_fewest}),
    "knapsack": Peer("ortools", "ortools.algorithms.python.knapsack_solver", {"first": _knapsack}),
    "cp-sat": Peer("ortools", "ortools.sat.python.cp_model", _any(_cp_sat)),
    "scip": Peer("pyscipopt", "pyscipopt", _any(_scip)),
}
