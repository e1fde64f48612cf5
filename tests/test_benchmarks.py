"""The stored figures of the benchmark, as the page on speed shows them, the clocks around a step, and whole runs."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

import mlplib
from benchmarks import parts, results, whole
from benchmarks.contenders import CONTENDERS
from benchmarks.tasks import orders
from mlplib import ACTIVATIONS, network, training

ROOT = Path(__file__).parent.parent
RESULTS = json.loads((ROOT / "mlplib" / "speed.json").read_text(encoding="utf-8"))


def test_nothing_was_left_out_silently():
    required = set(re.findall(r"^([\w-]+)==", (ROOT / "benchmarks" / "requirements.txt").read_text(), re.MULTILINE))
    measured = {name for name, version in RESULTS["machine"]["packages"].items() if version}
    named_as_missing = {package for packages in RESULTS["missing"].values() for package in packages}
    assert required - {"pytest-benchmark"} <= measured | named_as_missing


def judged():
    return [entry for entry in RESULTS["table"] if "target" in entry]


def test_every_target_was_measured():
    beside_whole_runs = [entry for entry in judged() if entry["target"] != "≥ 1"]
    assert len(beside_whole_runs) == 17


@pytest.mark.parametrize("entry", judged(), ids=lambda entry: f"{entry['setting']}: {entry['what']}")
def test_a_verdict_is_what_its_figures_say(entry):
    low, middle, high = entry["ratio"]
    sign, bound = entry["target"].split()
    assert low <= middle <= high
    assert entry["met"] == (middle <= float(bound) if sign == "≤" else middle >= float(bound))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_clocks_stand_around_all_that_an_update_calls(small_trainer, activation):
    timed, plain = (small_trainer(hidden=(5, 3)) for _ in range(2))
    timed.model.activation = plain.model.activation = activation
    clock, found = parts.Clock(), ACTIVATIONS[activation]
    with parts.clocks_around(timed, activation, clock):
        timed.update()
    assert clock.calls == {
        parts.FETCH: 2,  # the images and their targets
        parts.PRODUCTS: 3 + 3 + 2,  # forward, for the gradients, for the δ of the hidden layers
        parts.ACTIVATIONS: 2 + 2,  # f and f′
        parts.SOFTMAX: 3,
        parts.UPDATE: 1,
    }
    plain.update()
    assert all(map(np.array_equal, timed.model.weights, plain.model.weights))
    assert network.np is training.np is np and ACTIVATIONS[activation] is found


# ---- whole runs


def an_outcome(evaluations=61, worst=0.0):
    """Of a run whose validation loss is lowest at its eleventh evaluation, or later."""
    losses = 0.1 + 0.01 * np.abs(np.arange(evaluations) - (evaluations - 51.0))
    figures = np.column_stack([losses + worst, 1 - losses, losses, 1 - losses])
    return whole.outcome(125 * evaluations - 124, figures, figures[-1], figures[evaluations - 51], True, None)


OURS = {seed: an_outcome(61 + seed) for seed in range(5)}


def test_runs_that_differ_as_two_seeds_do_are_equal_work():
    for run in OURS.values():
        run["evaluations"][:2] = OURS[0]["evaluations"][:2]
    assert whole.differences({0: an_outcome(63) | {"evaluations": OURS[2]["evaluations"]}}, OURS, 50) == []
    assert whole.differences(OURS, OURS, 50) == []


@pytest.mark.parametrize("theirs, said", [
    (an_outcome(61, worst=0.01), "the first two evaluations give as train loss"),
    (an_outcome(61) | {"final": OURS[0]["final"] + [0, 0, 0.5, 0]}, "validation loss"),
    (an_outcome(61) | {"stopped": False}, "stopped is False, 50 evaluations after the lowest loss"),
    (an_outcome(61) | {"evaluations": OURS[0]["evaluations"][:60]}, "stopped is True, 49 evaluations after"),
    (an_outcome(161), "evaluations: 161 in the mean"),
])
def test_what_is_not_equal_work_is_said(theirs, said):
    assert [message for message in whole.differences({0: theirs}, OURS, 50) if said in message]


@pytest.mark.parametrize("losses, pieces, stopped", [
    ([3, 2, 1, 2, 1, 5, 5], [1, 10, 10, 10, 10, 10], True),  # no new lowest in three evaluations after the third
    ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [1, *[10] * 9, 9], False),  # the last piece is short, and not an evaluation
])
def test_a_contender_trains_in_the_pieces_of_a_trainer_and_stops_by_its_rule(losses, pieces, stopped):
    trained, order = [], np.concatenate(list(itertools.islice(orders(4), 2)))
    experiment = mlplib.Experiment(hidden=(3,), seed=4, epochs=2, batch_size=400, patience=3)  # 50 updates an epoch

    def prepare(task):
        assert (task.hidden, task.gamma, task.learning_rate, task.seed) == ((3,), 0, 0.1, 4)
        updates, left = trained.append, iter([*losses, 0.5])
        updates = type("Updates", (), {
            "__call__": lambda self, rows: trained.append(rows), "weights": lambda self: [np.zeros((785, 3))],
            "figures": lambda self: [1, 0, float(next(left)), 0]})
        return updates()

    found = whole.train(experiment, prepare)
    assert [len(rows) for rows in trained] == pieces
    assert np.array_equal(np.concatenate(trained).ravel(), order[: 400 * sum(pieces)])
    assert found["updates"] == sum(pieces) and found["stopped"] is stopped
    assert found["best"][2] == min(losses) and len(found["evaluations"]) == len(pieces) - (not stopped)
    assert found["final"][2] == (losses[len(pieces) - 1] if stopped else 0.5)


def record(kind, contender, **facts):
    return {"kind": kind, "contender": contender, "task": "785-64-10, batch 32", "as": "785-64-10, batch 32",
            "threads": 1, "repeat": 0, "updates": 9126, "evaluations": 74, "final": [0.0, 1.0, 0.1, 0.96],
            "processor": 1.0} | facts


RECORDS = [
    record("whole", "mlplib", seconds={"whole": 6.0, "compiling": 0.0}),
    record("whole", "mlplib", seconds={"whole": 5.0, "compiling": 0.0}, repeat=1),
    record("whole", "jax_scan", seconds={"whole": 3.0, "compiling": 1.0}),
    record("whole", "jax_scan", seconds={"whole": 5.0, "compiling": 1.0}, repeat=1),
    record("whole", "classroom", seconds={"whole": 15.0, "compiling": 0.0}, threads=2),
    record("forty", "mlplib", way="a sweep", seconds=200.0, runs=40, of=40, each=[10.0] * 40, compiling=[0.0] * 40),
    record("forty", "torch_compiled", way="two processes", seconds=60.0, runs=8, of=40, each=[20.0] * 8,
           compiling=[5.0] * 8),
]


def test_whole_runs_are_compared_round_by_round():
    summary = results.summarise(RECORDS, {"processor": "one"})
    ours, jax, _ = summary["whole"]["runs"]
    assert jax["over_mlplib"] == [0.625, 0.75, 0.875]
    assert jax["compiled_over_mlplib"][1] == pytest.approx((2 / 6 + 4 / 5) / 2, rel=1e-3)
    assert (jax["name"], ours["updates"], ours["busy"]) == ("JAX, jitted pieces", 9126, pytest.approx(1 / 6, rel=1e-3))
    assert [(entry["what"], entry["met"]) for entry in summary["table"]] == [
        ("JAX, jitted pieces / mlplib", False), ("PyTorch, compiled / mlplib", True)]


def test_of_a_share_of_the_forty_what_is_compiled_once_counts_once():
    forty = results.summarise(RECORDS, {})["forty"]["runs"]
    assert [run["seconds"] for run in forty] == [200, (8 * 5 + 5 * 8 * 15) / 2]
    assert [run.get("over_mlplib") for run in forty] == [None, 1.6]


def test_what_is_reckoned_as_the_least_can_say_that_mlplib_is_ahead_and_not_that_it_is_behind():
    little = [one | {"each": [6.0] * 8} if one["contender"] == "torch_compiled" else one for one in RECORDS]
    for records, verdict in ((RECORDS, {"target": "≥ 1", "met": True}), (little, {})):
        table = results.summarise(records, {})["table"]
        (entry,) = [entry for entry in table if entry["setting"].startswith("40 runs")]
        assert {name: entry[name] for name in entry.keys() & {"target", "met"}} == verdict


def test_what_is_measured_by_itself_takes_the_place_of_the_same():
    new = results.summarise(RECORDS, {"processor": "another"})
    both = results.merged(RESULTS, new)
    assert both["machine"] == RESULTS["machine"] and both["whole"]["machine"] == {"processor": "another"}
    assert both["steps"] == RESULTS["steps"] and both["evaluation"] == RESULTS["evaluation"]
    keys = [(entry["setting"], entry["what"]) for entry in both["table"]]
    assert len(keys) == len(set(keys))
    assert [entry for entry in both["table"] if entry in new["table"]] == new["table"]
    assert results.merged(both, results.summarise(RECORDS, {"processor": "another"})) == both
    # A whole run stands beside the products of the steps and the evaluation that are there.
    assert both["run"]["seconds"]["mlplib"] == [5.25, 5.5, 5.75]
    (beside,) = [entry["ratio"] for entry in both["table"]
                 if (entry["setting"], entry["what"]) == (results.RUN, "mlplib / the products alone")]
    products = both["run"]["products_seconds"]
    assert beside == pytest.approx([seconds / products for seconds in (5.25, 5.5, 5.75)], rel=1e-3)


# ---- what is stored of them


def whole_entries():
    return [(kind, run) for kind in ("whole", "forty") for run in RESULTS.get(kind, {"runs": []})["runs"]]


def test_every_peer_was_measured_in_whole_runs_and_in_the_forty():
    measured = {(kind, run.get("threads"), run["key"]) for kind, run in whole_entries()}
    runners = {key for key, module in CONTENDERS.items()
               if hasattr(module, "whole") and module.name not in RESULTS["missing"]}
    assert {("whole", threads, key) for threads in (1, 2) for key in runners} <= measured
    assert {key for kind, _, key in measured if kind == "forty"} >= {"mlplib", "jax_seeds", "torch_eager"}


@pytest.mark.parametrize("kind, run", whole_entries(), ids=lambda of: of if isinstance(of, str) else of["key"])
def test_a_stored_whole_run_adds_up(kind, run):
    if kind == "forty":
        assert run["seconds"] == run["measured_seconds"] or run["runs"] < run["of"]
        return
    for part in ("compiling", "updates", "evaluations"):
        assert run["seconds"].get(part, [0])[0] <= run["seconds"]["whole"][1]
    assert run["updates"] in range(125 * run["evaluations"] - 124, 125 * run["evaluations"] + 1)
