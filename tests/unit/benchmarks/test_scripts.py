"""Every benchmark runs at its smallest size, without peers, in this process: none may rot."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import json
import sys
from types import SimpleNamespace

import numpy as np
import pairs
import pytest
from benchmarks import (
    all as everything,
)
from benchmarks import (
    cluster,
    finder,
    growth,
    instances,
    limit,
    measure,
    peers_equal,
    phases,
    power,
    prover,
    reference,
    targets,
    whole_formula,
)
from benchmarks.finder_peers import PEERS, Peer
from benchmarks.recorded import Phase, Piece, record

from certify.cli.main import main as program


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Processes of their own cost a second each: what they would do is done here."""

    def run(command, environment=None):
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        if command[: len(measure.PROGRAM)] == measure.PROGRAM:
            main, arguments = program, command[len(measure.PROGRAM) :]
        else:
            assert command[:2] == [sys.executable, "-m"]
            main, arguments = importlib.import_module(command[2]).main, command[3:]
        printed = io.StringIO()
        code = 0
        with monkeypatch.context() as patch, contextlib.redirect_stdout(printed):
            patch.setattr(sys, "argv", ["it", *arguments])
            try:
                main()
            except SystemExit as leaving:
                code = leaving.code or 0
        return measure.Run(printed.getvalue(), code, 0.5, 0.5, 1.0, 1.0, 0.0, 1.0)

    monkeypatch.setattr(measure, "run", run)


def started(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


# Instances and targets.


def test_instances_are_products_and_weights():
    drawn = instances.draw(8, 16, 500)
    assert np.abs(drawn.items).max() <= 2**8
    assert np.abs(drawn.targets).min() > 0
    assert np.abs(drawn.targets).max() <= 2**8
    assert (drawn.targets < 0).any()
    again = instances.draw(8, 16, 500).first(3)
    assert np.array_equal(again.items, drawn.items[:3])


def test_a_wrong_subset_is_told():
    drawn = instances.Instances(np.array([[3, 4, -2]]), np.array([7]))
    assert not instances.wrong(drawn, 0, [0, 1])
    assert instances.wrong(drawn, 0, [0, 2])
    assert instances.wrong(drawn, 0, [0, 0, 1])


def test_the_reference_is_rounded_to_its_largest_weight(tmp_path):
    arrays = {"fc1.weight": np.array([[0.5, -0.25]]), "fc2.weight": np.array([[1.0], [-0.004]])}
    np.savez(tmp_path / "weights.npz", **arrays)
    network = targets.reference(tmp_path / "weights.npz")
    assert [layer.weights.to_dense().tolist() for layer in network.layers] == [[[64, -32]], [[127], [-1]]]


@pytest.mark.parametrize("found", ["nothing", "other arrays"])
def test_a_missing_reference_says_where_to_get_it(tmp_path, found):
    path = tmp_path / "weights.npz"
    if found == "other arrays":
        np.savez(path, weight=np.zeros(1))
    with pytest.raises(SystemExit, match="optimal-lottery-tickets"):
        targets.reference(path)


@pytest.mark.parametrize("weights", [10_000, 300_000, 1_000_000])
def test_shapes_have_as_many_weights_as_asked(weights):
    inputs, hidden, outputs = targets.shape(weights)
    assert weights <= inputs * hidden + hidden * outputs <= 1.03 * weights


def test_random_weights_are_like_the_reference():
    magnitudes = np.abs(targets.random_network((200, 100)).layers[0].weights.to_dense())
    assert np.quantile(magnitudes, [0.5, 0.75, 0.9]).tolist() == pytest.approx([1, 3, 7], abs=1)
    assert magnitudes.max() <= 127


# Scripts.


def test_finder(monkeypatch, tmp_path, capsys):
    arguments = ["--cell", "4,8,first", "--cell", "4,8,sparsest", "--instances", 20, "--repeat", 2, "--peers", ""]
    started(monkeypatch, finder, *arguments, "--json", tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [(row["solver"], row["rounds"], row["wrong"]) for row in rows] == [("certify", 2, 0)] * 2
    assert rows[0]["solved"] == rows[1]["solved"] > 0
    assert rows[1]["kept"] <= rows[0]["kept"]
    assert "certify" in capsys.readouterr().out


def test_finder_counts_what_a_peer_does(monkeypatch, capsys):
    """A peer that is wrong, and finds nothing else; and one that is not there."""

    def answer(_, items, target):
        return list(range(len(items))) if target > 0 else None

    peers = {"odd": Peer("numpy", "numpy", {"first": answer}), "absent": Peer("none", "no_such", {"first": answer})}
    monkeypatch.setattr(finder, "PEERS", peers)
    drawn = finder.Cell(4, 8, "first", 20)
    figures = finder.compare([drawn], ["odd", "absent"], 1, 2, None)
    ours, odd = figures["rows"]
    assert figures["missing"] == ["absent"]
    assert "absent is missing: pip install none" in capsys.readouterr().out
    positive = int((drawn.draw().targets > 0).sum())
    assert odd["wrong"] + odd["solved"] == positive
    assert odd["wrong"] > 0
    assert odd["missed"] == 0
    assert odd["more"] + odd["solved"] == odd["solved_ours"] < ours["solved"]


class Knapsack:
    """A solver of OR-Tools' interface that tries every subset."""

    SolverType = SimpleNamespace(KNAPSACK_64ITEMS_SOLVER=None)

    def KnapsackSolver(self, kind, name):  # noqa: N802, ARG002 - its name
        return self

    def init(self, profits, weights, capacities):
        assert weights == [profits]
        assert min(profits) >= 0
        subsets = itertools.product([False, True], repeat=len(profits))
        sums = [(sum(itertools.compress(profits, taken)), taken) for taken in subsets]
        self.best, self.taken = max(entry for entry in sums if entry[0] <= capacities[0])

    def solve(self):
        return self.best

    def best_solution_contains(self, index):
        return self.taken[index]


class Flsss:
    """A solver of flsss' interface that tries every subset of the length it is asked for."""

    @staticmethod
    def gen(items, low, high, len, n_threads):  # noqa: A002 - its name
        assert (low, n_threads) == (high, 1)
        found = [
            np.array(subset)
            for subset in itertools.combinations(range(items.size), len)
            if items[list(subset)].sum() == low
        ]
        return found[:1]


@pytest.mark.parametrize(
    ("name", "module", "objective"), [("knapsack", Knapsack(), "first"), ("flsss", Flsss, "sparsest")]
)
def test_peers_are_asked_what_the_instance_says(name, module, objective):
    drawn = instances.draw(4, 7, 60)
    own = finder.subsets(finder.ours(drawn, objective))
    solve = PEERS[name].objectives[objective]
    for index, (items, target) in enumerate(zip(drawn.items, drawn.targets.tolist(), strict=True)):
        subset = solve(module, items, target)
        assert (subset is None) == (own[index] is None)
        assert subset is None or not instances.wrong(drawn, index, subset)
        assert subset is None or objective == "first" or len(subset) == len(own[index])


def test_phases(monkeypatch, tmp_path, capsys):
    target = targets.write(targets.random_network((1, 2)), tmp_path / "target.json")
    started(monkeypatch, phases, target, "--repeat", 1, "--json", tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text())["runs"]
    assert [row["command"] for row in rows] == ["prove", "audit"]
    assert "refutation" in rows[0]["phases"]
    assert "certificate kB" in capsys.readouterr().out


def test_reference(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(targets, "random_network", lambda widths: RANDOM((1, 2, 2), len(widths)))
    started(
        monkeypatch, reference, "--random", "--objectives", "", "--fixed", "--repeat", 1, "--json", tmp_path / "o"
    )
    rows = json.loads((tmp_path / "o").read_text())["runs"]
    assert rows[0]["target"].startswith("fixed ")
    assert len(rows[0]["ticket"]["widths"]) == 2
    assert "ratio" in capsys.readouterr().out


RANDOM = targets.random_network


def test_the_reference_job_needs_its_weights(monkeypatch):
    with pytest.raises(SystemExit, match="--random"):
        started(monkeypatch, reference)


@pytest.mark.compiled
def test_growth(capsys):
    figures = growth.grow([10, 40], None, 1, None)
    assert [row["command"] for row in figures["runs"]] == ["prove", "audit"] * 3
    (_, measured), (_, grown) = figures["exponents"]["prove"]
    assert measured[0] == 0  # every run took as long here
    assert grown[0] is None
    assert "exponent of" in capsys.readouterr().out


def test_prover(capsys):
    figures = prover.compare([(1, 2)], [prover.OURS, "z3 integers", "z3 bit-vectors"], 20, None)
    assert [row["expected"] for row in figures["rows"]] == ["unsat", "sat"]
    assert all(row[name] >= 0 for row in figures["rows"] for name in (prover.OURS, "z3 integers", "z3 bit-vectors"))
    assert "not in" not in capsys.readouterr().out


def test_a_wrong_answer_ends_the_comparison(monkeypatch):
    monkeypatch.setitem(prover.SOLVERS, "liar", ("z3", lambda _: lambda: "sat"))
    with pytest.raises(SystemExit, match="expected unsat, found sat"):
        prover.compare([(1, 2)], ["liar"], 20, None)


def test_whole_formulas_are_wide_enough():
    network = targets.random_network((2, 2))
    assert "(_ BitVec" in whole_formula.smt_text(network, network, "QF_BV")
    most = max(sum(abs(int(weight)) for weight in row) * 255 for row in network.layers[0].weights.to_dense())
    assert f"(_ BitVec {most.bit_length() + 1})" in whole_formula.smt_text(network, network, "QF_BV")


def test_cluster(capsys):
    figures = cluster.predict(10**6, 200, [1, 3], 2, cluster.Costs(1e-3, 1e8, "here"), None)
    assert [run["machines"] for run in figures["runs"]][:2] == [1, 3]
    assert figures["runs"][1]["makespan"] <= figures["runs"][0]["makespan"]
    assert "foretold for 1,000,000 weights" in capsys.readouterr().out


def test_recorded_pieces_are_all_that_is_given_out():
    phases = {phase.name: phase for phase in record(targets.random_network((6, 3, 2)))}
    assert len(phases["refutation"].pieces) >= 2
    assert all(piece.sent > 0 and piece.received > 0 for piece in phases["refutation"].pieces)
    assert all(phase.alone >= 0 for phase in phases.values())


COSTS = cluster.Costs(0.5, 100.0, "here")


@pytest.mark.parametrize(
    ("pieces", "cores", "end"),
    [
        # One core: a task's half second each, 1 s to send, then the work, 1 s back.
        ([Piece(10, 100, 100, 0)], 1, 0.5 + 1 + 10 + 1),
        ([Piece(10, 0, 0, 0)] * 4, 1, 0.5 + 40),
        ([Piece(10, 0, 0, 0)] * 4, 2, 1 + 20),
        # More cores than the scheduler can feed.
        ([Piece(1, 0, 0, 0)] * 10, 100, 10 * 0.5 + 1),
        # The link is what takes longest, or the parent.
        ([Piece(1, 200, 0, 0)] * 10, 100, 0.5 + 10 * 2 + 1),
        ([Piece(1, 0, 0, 3)] * 10, 100, 10 * 3 + 0.5 + 1),
    ],
)
def test_simulated_ends(pieces, cores, end):
    run = cluster.simulate([Phase("one", 7.0, pieces)], cores, 1, COSTS)
    assert run.makespan == pytest.approx(7 + end)


def test_more_machines_help_up_to_saturation():
    phases = [Phase("one", 10.0, [Piece(10, 10, 10, 0.01)] * 500)]
    last = cluster.saturation(phases, 1, COSTS)
    times = [cluster.simulate(phases, count, 1, COSTS).makespan for count in (1, last.machines, 2 * last.machines)]
    assert times[0] > times[1] >= times[2] > 0.9 * times[1]


def test_what_there_is_one_of_bounds_every_makespan():
    phases = [Phase("one", 2.0, [Piece(10, 100, 50, 0.25)] * 8)]
    parts = cluster.bounds(phases, COSTS)
    assert list(parts.values()) == pytest.approx([4, 4, 8, 4])
    assert cluster.simulate(phases, 1000, 1, COSTS).makespan >= max(parts.values())


def test_a_larger_network_has_as_many_more_pieces():
    small, large = (
        [Phase("one", 1.0, [Piece(1, 1, 1, 1)])],
        [Phase("one", 3.0, [Piece(2, 2, 2, 2), Piece(4, 4, 4, 4)])],
    )
    (phase,) = cluster.enlarge(small, large, [10, 20], 50)
    assert phase.alone == pytest.approx(9)
    assert [piece.seconds for piece in phase.pieces] == [2, 4, 2, 4, 2]


def test_limit(monkeypatch, capsys):
    for rate in ("philox_rate", "bitset_rate", "sha256_rate"):
        monkeypatch.setattr(limit, rate, lambda: 1e6)
    monkeypatch.setattr(limit, "z3_rates", lambda edges: limit_rates(edges, 50))
    monkeypatch.setattr(sys, "executable", "python")
    monkeypatch.setattr(measure, "run", lambda _: measure.Run("", 0, 0.5, 0.5, 1.0, None, None, None))
    figures = limit.compare(targets.random_network((6, 3, 2)), "0", None)
    assert figures["least"] > 0.5
    assert figures["taken"] > 0
    assert "one core: the job needs" in capsys.readouterr().out


limit_rates = limit.z3_rates


@pytest.mark.compiled
def test_kernels_that_measure_do_what_they_count():
    assert limit.bitset_rate() > 0
    bits, out = np.array([1 << 63, 1], dtype=np.uint64), np.zeros(2, dtype=np.uint64)
    assert limit._shift_or(bits, out, 1) == 1
    assert out.tolist() == [0, 3]


def test_power(monkeypatch, tmp_path):
    arguments = ["--each", 1, "--size", "small", "--kind", pairs.KINDS[0]]
    started(monkeypatch, power, *arguments, "--json", tmp_path / "out.json")
    (row,) = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert (row["equal"], row["changed"]) == ({"proved": 1}, {"refuted": 1})


def test_power_figures(monkeypatch):
    network = targets.random_network((1, 2))
    monkeypatch.setattr(power, "_timed_pairs", lambda: [("the same", (network, network))])
    assert [row["verdict"] for row in power._figures(1)] == ["proved"]


def test_peers_equal(monkeypatch, capsys):
    monkeypatch.setattr(peers_equal, "WIDTHS", ((2, 3, 2),))
    started(monkeypatch, peers_equal, "--repeat", 1)
    assert capsys.readouterr().out.count("proved") == 4


def test_all_runs_what_it_is_asked_and_names_what_fails(tmp_path, monkeypatch, capfd):
    script = "import sys, json; open(sys.argv[-1], 'w').write(json.dumps(sys.argv[1:-2])); sys.exit({code})"
    for name, code in (("good", 0), ("bad", 1)):
        (tmp_path / f"{name}.py").write_text(f"print('it runs'); {script.format(code=code)}")
    monkeypatch.setattr(everything, "_HERE", tmp_path)
    assert everything.run({"good": ["--x"], "bad": []}) == ({"good": ["--x"]}, ["bad"])
    assert capfd.readouterr().out.count("it runs") == 2


def test_all_names_every_script():
    scripts = {path.stem for path in everything._HERE.glob("*.py") if "__main__" in path.read_text()}
    assert scripts - {"all", "measure"} == set(everything.steps(None))
