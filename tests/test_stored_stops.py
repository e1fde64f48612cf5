"""Runs on disk: keys of experiments, and what comes back beside figures and curves, stops and diagnostics."""

import hashlib
import math
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from helpers import PLAIN, RULES, THREE, VARIED, assert_equal

import mlplib
from mlplib import Experiment
from mlplib.store import Store, key, packaged

NAMES = {"step", "gradient_rms", "update_ratio", "spread", "saturated", "unit_change", "minibatch_noise", "hits"}


# ---- keys


def test_each_new_field_changes_the_key():
    keys = {key(Experiment(**{name: value})) for name, value in VARIED.items()}
    assert len(keys | {key(Experiment())}) == len(VARIED) + 1


def test_a_key_says_what_differs_from_the_defaults_and_nothing_else():
    said = b'{"input_gain": 2.0, "stop_on": ["half_1", "half_2"], "third": 1}'
    experiment = Experiment(input_gain=2, stop_on=["half_1", "half_2"], third=np.int64(1), offset=-0.0, judge_on=[])
    assert key(experiment) == hashlib.sha256(said).hexdigest()[:24]


def test_what_was_stored_before_is_still_found():
    shelf = packaged("shown").stores[1]
    with zipfile.ZipFile(shelf.path) as file:
        names = [name.removesuffix(".npz") for name in file.namelist()]
    runs = list(shelf)
    assert len(runs) > 100 and [key(run.experiment) for run in runs] == names
    assert key(Experiment()) in names and all(run.stops == {} == run.diagnostics for run in runs)


def test_a_run_with_an_initial_scale_for_each_matrix_is_found_again(tmp_path):
    experiment = replace(PLAIN, epochs=1, init_scale=[0.5, 2])
    shelf = Store(tmp_path)
    shelf.save(mlplib.run(experiment))
    assert shelf[experiment].experiment == experiment and shelf[experiment].experiment.init_scale == (0.5, 2.0)


# ---- stops and diagnostics


@pytest.fixture(scope="module")
def told_all():
    return mlplib.run(replace(THREE, diagnostics=("layers", "units", "hits"), dense_steps=60))


def test_stops_come_back_exactly(told_all, tmp_path):
    shelf = Store(tmp_path)
    shelf.save(told_all)
    stored = shelf[told_all.experiment]
    assert stored.stops == told_all.stops and list(stored.stops) == list(RULES)
    assert stored.experiment == told_all.experiment and isinstance(stored.experiment.stop_on, tuple)
    assert all(isinstance(stop, mlplib.running.Stop) for stop in stored.stops.values())


def test_diagnostics_come_back_in_their_types_rounded_to_16_binary_digits(told_all, tmp_path):
    shelf = Store(tmp_path)
    shelf.save(told_all)
    found = shelf[told_all.experiment].diagnostics
    assert found.keys() == told_all.diagnostics.keys() == NAMES
    for name, values in told_all.diagnostics.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        rounding = 0 if values.dtype.kind in "iu" else 1.01 * 2.0 ** -16
        np.testing.assert_allclose(found[name], values, rtol=rounding, atol=0)
    assert {values.dtype for values in found.values()} == {np.dtype(kind) for kind in (np.int64, np.uint8, np.float64)}


def test_curves_on_subsets_are_not_kept(told_all, tmp_path):
    shelf = Store(tmp_path)
    shelf.save(told_all, weights=True)
    stored = shelf[told_all.experiment]
    assert set(told_all.history.subsets) == {"half_1", "half_2"} and stored.history.subsets == {}
    assert np.array_equal(stored.history.evaluation_step, told_all.history.evaluation_step)
    assert 25 in set(stored.history.evaluation_step.tolist())
    assert_equal(stored.model.weights, told_all.model.weights)


def test_stops_of_a_diverged_run_come_back(tmp_path):
    with pytest.warns(mlplib.DivergenceWarning):
        run = mlplib.run(replace(THREE, learning_rate=1e3, diagnostics=("layers",)))
    end = run.stops["half_1"]._replace(last={"train": (math.nan, 0.1), "held_out": (math.inf, 0.1)})
    shelf = Store(tmp_path)
    shelf.save(replace(run, stops=run.stops | {"half_1": end}))
    stored = shelf[run.experiment]
    np.testing.assert_equal(stored.stops["half_1"].last, end.last)
    assert stored.stops["half_2"] == run.stops["half_2"] and stored.diverged


def test_a_stored_network_has_its_gains(tmp_path):
    experiment = replace(PLAIN, epochs=1, input_gain=2.0, output_gain=-0.5, offset=1.0, init_scale=0.5)
    run, shelf = mlplib.run(experiment), Store(tmp_path)
    shelf.save(run, weights=True)
    X = np.random.default_rng(0).normal(size=(5, 785))
    assert np.array_equal(shelf[experiment].model.forward(X), run.model.forward(X))
    assert shelf[experiment].stops == shelf[experiment].diagnostics == {}


@pytest.mark.parametrize("steps", [1249, 1250, 1251, 1252, 1376, 1600])
def test_of_a_long_run_every_125th_minibatch_loss_is_kept_from_step_1250_on(tmp_path, steps):
    run, shelf = mlplib.run(replace(PLAIN, epochs=1, judge_on=("half_1",))), Store(tmp_path)
    losses = np.random.default_rng(0).uniform(size=steps)
    shelf.save(replace(run, history=replace(run.history, step=np.arange(steps), minibatch_loss=losses)))
    history = shelf[run.experiment].history
    expected = [*range(0, min(steps, 1250), 25), *range(1250, steps, 125)]
    expected += (steps - 1 not in expected) * [steps - 1]
    assert history.step.tolist() == expected and history.n_steps == steps
    assert history.minibatch_loss == pytest.approx(losses[expected], abs=0, rel=1.01 * 2.0 ** -16)


def test_a_stored_run_can_be_stored_again(told_all, tmp_path):
    first, second = Store(tmp_path / "first"), Store(tmp_path / "second")
    first.save(told_all)
    second.save(first[told_all.experiment])
    once, twice = (shelf[told_all.experiment] for shelf in (first, second))
    assert (once.stops, once.final, once.best) == (twice.stops, twice.final, twice.best)
    for ours, theirs in ((vars(once.history), vars(twice.history)), (once.diagnostics, twice.diagnostics)):
        np.testing.assert_equal(ours, theirs)


def test_a_sweep_takes_stops_and_diagnostics_from_the_store(told_all, tmp_path, monkeypatch):
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    Store(tmp_path).save(told_all)
    (run,) = mlplib.sweep([told_all.experiment], tmp_path, n_jobs=1, progress=False)
    assert run.versions is not None and run.stops == told_all.stops
    assert np.array_equal(run.diagnostics["hits"], told_all.diagnostics["hits"])
