"""The store that comes with mlplib: complete, small, readable, and what training gives."""

import sys
from dataclasses import replace

import joblib
import numpy as np
import pytest

import mlplib
from mlplib import REPORT, sweeps
from mlplib.experiments import one_blas_thread, trainer_for
from mlplib.store import Store, packaged

EXPERIMENTS = sweeps.packaged_experiments()
LOOKED_INTO = [REPORT[task].experiment for task in ("2c", "3a", "3b", "3c")]
DRAWN = [EXPERIMENTS[i] for i in np.random.default_rng(2026).choice(len(EXPERIMENTS), 3, replace=False)]


@pytest.fixture(scope="module")
def stored():
    """Every run of the packaged store, by its experiment."""
    return {run.experiment: run for run in packaged()}


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
    assert set(packaged().folder.iterdir()) == {packaged().path(experiment) for experiment in EXPERIMENTS}


def test_it_takes_at_most_4_megabytes():
    assert sum(path.stat().st_size for path in packaged().folder.iterdir()) <= 4e6


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


def test_make_sweep_trains_what_is_missing_and_keeps_the_weights_that_chapters_need(tmp_path, monkeypatch, capsys):
    shelf = Store(tmp_path / "runs")
    wanted = [replace(experiment, n_train=32, epochs=1) for experiment in LOOKED_INTO[:2]]
    monkeypatch.setattr(sweeps, "packaged", lambda: shelf)
    monkeypatch.setattr(sweeps, "packaged_experiments", lambda: wanted)
    monkeypatch.setattr(sweeps, "REPORT", {task: replace(REPORT[task], experiment=wanted[0]) for task in REPORT})
    shelf.save(mlplib.run(wanted[1]))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with joblib.parallel_config("sequential"):
        sweeps.make_packaged()
    assert capsys.readouterr().out.splitlines()[0] == "runs: 1 of 2 runs are there"
    assert shelf[wanted[0]].model is not None and shelf[wanted[1]].model is None
