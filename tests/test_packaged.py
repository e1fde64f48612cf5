"""The stored runs that come with mlplib: complete, small, readable, and what training gives."""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

import mlplib
from mlplib import REPORT, designs, evidence, further, make_sweep, sweeps
from mlplib.experiments import one_blas_thread, trainer_for
from mlplib.store import Archive, Store, StoreChain, key, packaged, write_archive

EXPERIMENTS = sweeps.packaged_experiments()
SHELF = packaged("shown").stores[1]  # what is under way is no part of it
LOOKED_INTO = [REPORT[task].experiment for task in ("2c", "3a", "3b", "3c")]
DRAWN = [EXPERIMENTS[i] for i in np.random.default_rng(2026).choice(len(EXPERIMENTS), 3, replace=False)]


@pytest.fixture(scope="module")
def stored():
    """Every run that the widgets show, by its experiment."""
    return {run.experiment: run for run in SHELF}


def test_the_widgets_show_all_tricks_and_all_topologies():
    assert len(EXPERIMENTS) == len(set(EXPERIMENTS)) == 5 * (8 + 25 - 1)  # 64 units in one layer are among both
    tricks = {(e.init, e.activation, e.gamma) for e in EXPERIMENTS if e.hidden == (64,)}
    grid = {e.hidden for e in EXPERIMENTS if (e.init, e.activation, e.gamma) == ("fan_in", "improved_sigmoid", 0.9)}
    assert len(tricks) == 8
    assert grid == {(width,) * depth for width in (16, 32, 64, 128, 256) for depth in (1, 2, 3, 5, 10)}
    assert {experiment.seed for experiment in EXPERIMENTS} == {0, 1, 2, 3, 4}
    assert {experiment for row in REPORT.values() for experiment in row.experiments} <= set(EXPERIMENTS)


def test_it_holds_these_runs_and_no_others(stored):
    assert set(stored) == set(EXPERIMENTS)
    assert len(SHELF) == len(EXPERIMENTS)


def test_it_takes_at_most_4_megabytes():
    assert SHELF.path.stat().st_size <= 4e6


def test_every_run_went_to_its_end_and_says_what_made_it(stored):
    for run in stored.values():
        history = run.history
        assert not run.interrupted and (run.stopped_epoch is not None or run.diverged or history.n_steps == 50 * 625)
        assert history.evaluation_step.tolist() == list(range(0, history.n_steps, 125))
        assert set(run.versions) == {"mlplib", "numpy", "python", "machine"} and all(run.versions.values())
        assert len(run.gradient_rms) == len(run.experiment.hidden) + 1
        assert np.isfinite([*run.final, *run.best, *run.gradient_rms]).all() or run.diverged


@pytest.mark.parametrize("experiment", LOOKED_INTO, ids=("2c", "3a", "3b", "3c"))
def test_kept_weights_give_the_stored_figures(inputs, experiment):
    run = packaged()[experiment]
    assert run.model.evaluate(*inputs[1]) == pytest.approx(
        (run.final.validation_loss, run.final.validation_accuracy), abs=1e-4)


@pytest.mark.parametrize("task", REPORT)
def test_rows_from_the_store_are_reproduced_without_training(monkeypatch, task):
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    monkeypatch.setitem(sys.modules, "joblib", None)  # without it nothing can be trained
    comparison = mlplib.reproduce([task])[task]
    assert comparison.reproduced, f"mean {comparison.mean}, reported {comparison.row.reported}"


@pytest.mark.slow
@pytest.mark.parametrize("experiment", DRAWN, ids=lambda e: f"{len(e.hidden)}x{e.hidden[0]}-{e.seed}")
def test_training_again_starts_out_as_stored(stored, experiment):
    trainer = trainer_for(replace(experiment, epochs=1))
    with one_blas_thread():
        for progress in trainer:
            if progress.step >= 100:
                break
    losses, history = trainer.history.minibatch_loss, stored[experiment].history
    first = history.step[history.step <= 100]
    assert first.tolist() == [0, 25, 50, 75, 100]
    assert losses[first] == pytest.approx(history.minibatch_loss[history.step <= 100], abs=1e-3)


# ---- make sweep

TINY = {"hidden": (4,), "n_train": 64, "epochs": 1, "evaluations_per_epoch": 1}
SHOWN = [replace(experiment, **TINY) for experiment in LOOKED_INTO[:2]]
CONFIRMED = [replace(experiment, seed=seed, judge_on=("half_1",), stop_on=("half_1",))
             for experiment in SHOWN for seed in (100, 101)]


@pytest.fixture
def trained(monkeypatch):
    """A list to which every experiment comes that a sweep trains."""
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(sweeps, "estimate", lambda experiments: [1.0] * len(experiments))
    found, real = [], sweeps.run
    monkeypatch.setattr(sweeps, "run", lambda experiment: found.append(experiment) or real(experiment))
    with joblib.parallel_config("sequential"):
        yield found


@pytest.fixture
def stores(tmp_path):
    """What takes the place of `packaged`: archives in a folder of their own."""
    return lambda *names: StoreChain(
        Store(tmp_path / "under_way"), *(Archive(tmp_path / f"{name}.zip") for name in names))


@pytest.fixture
def evidence_runs(stores):
    return stores("tuning", "claims", "questions")


def take_out(experiment, archive):
    with zipfile.ZipFile(archive.path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    del entries[f"{key(experiment)}.npz"]
    write_archive(archive.path, entries)


@pytest.fixture
def small_sweep(stores, monkeypatch, trained):
    """A function that does what `make sweep` does, in small and in a folder of its own, and gives what it trained."""
    monkeypatch.setattr(make_sweep, "packaged", stores)
    monkeypatch.setattr(make_sweep, "packaged_experiments", lambda: SHOWN)
    monkeypatch.setattr(make_sweep, "REPORT", {task: replace(REPORT[task], experiment=SHOWN[0]) for task in REPORT})
    monkeypatch.setattr(make_sweep, "estimate", lambda experiments: [3600.0] * len(experiments))
    monkeypatch.setattr(designs, "STEPS", (0.1, 0.2))
    monkeypatch.setattr(designs, "TUNING", (50, 51))
    monkeypatch.setattr(designs, "CONFIRMING", (100, 101))
    monkeypatch.setattr(designs, "TUNED_ON", designs.TUNED_ON | TINY)
    monkeypatch.setattr(designs, "EQUAL_LENGTH", {"judge_on": ("half_2",), "stop_on": ("half_2",)} | TINY)
    monkeypatch.setattr(designs, "SHORT", {"judge_on": ("validation",), "stop_on": ("validation",)} | TINY)
    monkeypatch.setattr(designs, "tunable", lambda: {"tricks 100": SHOWN[1]})
    monkeypatch.setattr(designs, "fixed_arms", lambda: {"plain": CONFIRMED[:2], "fan-in": CONFIRMED[2:]})
    monkeypatch.setattr(designs, "pilot", lambda: {})
    monkeypatch.setattr(designs, "matched_rate", lambda store: None)
    monkeypatch.setattr(further, "tunable", lambda: {"factors 001": replace(SHOWN[1], offset=-0.5)})
    monkeypatch.setattr(further, "arms", further_arms)

    def swept(work=make_sweep.core):
        trained.clear()
        work()
        return list(trained)

    return swept


def chosen(store):
    """The arms at the learning rates that a store's tuning runs say are best, and fastest."""
    tuned = [replace(SHOWN[1], learning_rate=designs.tuned(SHOWN[1], store, goal), judge_on=(judge,), stop_on=(judge,))
             for goal, judge in (("best", "half_2"), ("fastest", "validation"))]
    return [replace(one, seed=seed) for one in tuned for seed in (100, 101)]


def further_arms(store):
    """Two arms, the second at a rate that is chosen for it."""
    (experiment,), seeds = further.tunable().values(), (100, 101)
    arms = {"factors 001": [replace(experiment, seed=seed) for seed in seeds]}
    step = designs.tuned(experiment, store)
    if step is not None:
        arms["factors 001, tuned"] = [replace(experiment, seed=seed, learning_rate=step, gamma=0.5) for seed in seeds]
    return arms


def test_make_sweep_chooses_learning_rates_and_then_trains_the_arms_at_them(stores, evidence_runs, small_sweep, capsys):
    trained = small_sweep()
    tuning, confirming = designs.tuning(designs.tunable()), CONFIRMED + chosen(evidence_runs)
    under_way, *archives = stores("tuning", "claims", "questions", "shown").stores
    held = [{run.experiment for run in archive} for archive in archives]
    assert held == [set(tuning), set(confirming), set(), set(SHOWN)]
    assert len(tuning) == 4 and len(under_way) == 0
    assert len(confirming) == len(set(confirming)) == 8
    assert set(trained[:4]) == set(tuning) and set(trained[4:12]) == set(confirming) and set(trained[12:]) == set(SHOWN)
    in_turns = make_sweep._in_turns(evidence.arms(evidence_runs))
    assert set(in_turns) == set(confirming) and [one.seed for one in in_turns] == sorted(one.seed for one in confirming)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "tuning, what learning rates are chosen by: 0 of 4 runs are there"
    assert said[2] == "claims, what the verdicts stand on: 0 of 8 runs are there"
    assert said[4] == "shown, what the explorers show: 0 of 2 runs are there"
    assert said[5].startswith("  2 runs, 0.0 MB, ")


def test_make_sweep_trains_only_what_is_missing_and_nothing_the_second_time(stores, small_sweep, capsys):
    small_sweep()
    archives = stores("tuning", "claims", "shown").stores[1:]
    missing = [designs.tuning(designs.tunable())[0], CONFIRMED[2], SHOWN[1]]
    for archive, experiment in zip(archives, missing):
        take_out(experiment, archive)
    assert small_sweep() == missing
    capsys.readouterr()
    for archive in archives:
        os.utime(archive.path, ns=(10**18, 10**18))
    assert small_sweep() == []
    assert [archive.path.stat().st_mtime_ns for archive in archives] == [10**18] * 3
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()[::2]] == [
        "4 of 4 runs are there", "8 of 8 runs are there", "2 of 2 runs are there"]


def test_make_sweep_marks_confirming_runs_with_the_rules_and_no_others(stores, evidence_runs, small_sweep):
    small_sweep()
    marked = {run.experiment: run.versions.get("rules") for run in evidence_runs}
    assert {experiment for experiment, rules in marked.items() if rules} == {*CONFIRMED, *chosen(evidence_runs)}
    assert set(marked.values()) == {evidence.digest(), None}
    assert set(evidence.confirming_runs(evidence_runs)) == {
        "plain", "fan-in", "tricks 100, tuned", "tricks 100, fastest"}
    assert all("rules" not in run.versions for run in stores("shown"))


def test_make_sweep_keeps_the_weights_that_chapters_need_and_no_others(stores, evidence_runs, small_sweep):
    runs = stores("shown")
    runs.save(mlplib.run(SHOWN[0]))  # without its weights: it has to be trained again
    assert SHOWN[0] in small_sweep()
    assert runs[SHOWN[0]].model is not None and runs[SHOWN[1]].model is None
    assert all(run.model is None for run in evidence_runs)


def test_make_sweep_trains_again_what_was_made_under_other_rules_and_nothing_else(
        evidence_runs, small_sweep, monkeypatch, capsys):
    small_sweep()
    confirming = CONFIRMED + chosen(evidence_runs)
    monkeypatch.setattr(evidence, "LEVEL", 0.05)
    with pytest.raises(evidence.EvidenceError, match="^not made under the present rules"):
        evidence.confirming_runs(evidence_runs)
    capsys.readouterr()
    assert sorted(map(repr, small_sweep())) == sorted(map(repr, confirming))
    assert capsys.readouterr().out.splitlines()[2] == (
        "claims, what the verdicts stand on: 8 of 8 runs are there, 8 of them made under other rules: trained again")
    evidence.confirming_runs(evidence_runs)
    assert small_sweep() == []


def test_make_sweep_full_trains_what_the_verdicts_need_first_and_then_what_goes_further(
        evidence_runs, small_sweep, capsys):
    trained = small_sweep(make_sweep.full)
    tuning, arms = designs.tuning(further.tunable()), further_arms(evidence_runs)
    assert trained[12:14] == SHOWN and len(trained) == 14 + 4 + 4
    assert set(trained[14:18]) == set(tuning)
    assert set(trained[18:]) == {one for each in arms.values() for one in each} and len(arms) == 2
    assert "What goes further takes up to 6.0 hours of one processor" in capsys.readouterr().out  # four and two runs
    marks = {one: evidence_runs[one].versions for one in trained[14:]}
    assert {one for one in marks if marks[one].get("questions") == further.marks()["questions"]} == set(trained[18:])
    assert not any("rules" in found for found in marks.values())
    assert [len(archive) for archive in evidence_runs.stores] == [0, 4 + 4, 8, 4]
    assert small_sweep(make_sweep.full) == []
    assert "takes up to 0.0 hours" in capsys.readouterr().out


@pytest.fixture
def fill(stores):
    """`make_sweep.fill`, with a store of one archive."""
    return lambda what, experiments, **options: make_sweep.fill(
        what, experiments, stores("some"), stores("some").stores[1], **options)


def test_runs_with_other_marks_or_none_are_trained_again_and_all_others_are_kept(stores, fill, trained, capsys):
    store, (one, other, third) = stores("some").stores[1], CONFIRMED[:3]
    fill("at first", [one])
    fill("at first", [other, other], marks={"rules": "old", "of": "tests"})
    fill("at first", [third], marks={"rules": "new", "of": "tests"})
    assert trained == [one, other, third]
    assert capsys.readouterr().out.splitlines()[2] == "some, at first: 0 of 1 runs are there"  # twice the same
    before = store[third].seconds, store[third].versions
    trained.clear()
    fill("then", [one, other, third], marks={"rules": "new"})
    assert set(trained) == {one, other} and (store[third].seconds, store[third].versions) == before
    assert {store[each].versions["rules"] for each in (one, other, third)} == {"new"}
    assert capsys.readouterr().out.splitlines()[0] == (
        "some, then: 3 of 3 runs are there, 2 of them made under other rules: trained again")
    trained.clear()
    fill("then", [one, other, third], marks={"rules": "new"})
    fill("whatever made them", [one, other, third])
    assert trained == []
    assert store[one].versions["rules"] == "new"


def test_what_a_store_holds_besides_is_left_alone(stores, fill):
    fill("at first", CONFIRMED[:2], marks={"rules": "old"})
    fill("then", CONFIRMED[:1], marks={"rules": "new"})
    assert [stores("some")[one].versions["rules"] for one in CONFIRMED[:2]] == ["new", "old"]


def test_no_run_is_removed_before_it_was_trained_again(stores, fill, trained, monkeypatch):
    fill("at first", CONFIRMED[:2], marks={"rules": "old"})

    def stop(experiment):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "attempt", stop)
        with pytest.raises(KeyboardInterrupt):
            fill("then", CONFIRMED[:2], marks={"rules": "new"})
    assert [stores("some")[one].versions["rules"] for one in CONFIRMED[:2]] == ["old", "old"]


def test_nothing_is_moved_where_no_store_is_written(stores, fill, trained, monkeypatch):
    """MLPLIB_RETRAIN=1 makes a sweep neither read nor write its store."""
    fill("at first", CONFIRMED[:1], marks={"rules": "old"})
    stores("some").save(stores("some")[CONFIRMED[0]], marks={"rules": "under way"})
    monkeypatch.setenv("MLPLIB_RETRAIN", "1")
    fill("then", CONFIRMED[:1], marks={"rules": "new"})
    assert [store[CONFIRMED[0]].versions["rules"] for store in stores("some").stores] == ["under way", "old"]


def test_make_sweep_says_what_it_does_without_doing_it():
    said = subprocess.run([sys.executable, "-m", "mlplib.make_sweep", "--help"], text=True, capture_output=True, check=True,
                          cwd=Path(mlplib.__file__).parents[1], timeout=60)
    assert said.stdout.startswith("usage: python -m mlplib.make_sweep [-h] [--full]") and not said.stderr
    words = " ".join(said.stdout.split())
    assert " ".join(make_sweep.core.__doc__.split()) in words and " ".join(make_sweep.full.__doc__.split()) in words
