"""The stored runs that come with mlplib to be shown: complete, small, readable, and what training gives."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import mlplib
from mlplib import REPORT
from mlplib.catalogue import shown_experiments
from mlplib.running import one_blas_thread, trainer_for
from mlplib.store import packaged

EXPERIMENTS = shown_experiments()
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
