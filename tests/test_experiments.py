"""From an `Experiment` to a `Run`: said completely, trained reproducibly, diverging without a crash."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import mlplib
from mlplib import Experiment

SHORT = Experiment(n_train=2000, epochs=2)


@pytest.fixture(scope="module")
def run():
    return mlplib.run(SHORT)


# ---- saying what to train


def test_the_defaults_are_the_reports_plain_network():
    assert Experiment() == Experiment(
        hidden=(64,), init="uniform", activation="sigmoid", gamma=0.0, seed=0, learning_rate=None, biases="input",
        shuffle=True, batch_size=32, epochs=50, patience=50, n_train=20_000,
    )  # fmt: skip


def test_an_experiment_is_frozen():
    with pytest.raises(FrozenInstanceError):
        SHORT.seed = 1


def test_equal_experiments_are_one_key():
    assert len({Experiment(hidden=[64]), Experiment(hidden=(np.int64(64),)), Experiment()}) == 1


def test_an_experiment_survives_pickling():
    experiment = Experiment((8, 4), gamma=0.5, patience=None, biases="every_layer")
    assert pickle.loads(pickle.dumps(experiment)) == experiment


@pytest.mark.parametrize(
    "tricks, changed",
    [
        ({}, {}),
        ({"init": True}, {"init": "fan_in"}),
        ({"sigmoid": True}, {"activation": "improved_sigmoid"}),
        ({"momentum": True}, {"gamma": 0.9}),
        (
            {"init": True, "sigmoid": True, "momentum": True},
            {"init": "fan_in", "activation": "improved_sigmoid", "gamma": 0.9},
        ),
    ],
)
def test_tricks_change_what_they_name_and_nothing_else(tricks, changed):
    assert SHORT.with_tricks(**tricks) == replace(SHORT, **changed)


def test_tricks_that_are_on_stay_on():
    both = SHORT.with_tricks(init=True).with_tricks(sigmoid=True)
    assert both == SHORT.with_tricks(init=True, sigmoid=True)


@pytest.mark.parametrize(
    "options, optimizer",
    [
        ({}, "SGD(learning_rate=0.1)"),
        ({"gamma": 0.9}, "Momentum(learning_rate=0.02, gamma=0.9)"),
        ({"gamma": 0.5}, "Momentum(learning_rate=0.02, gamma=0.5)"),
        ({"learning_rate": 0.3}, "SGD(learning_rate=0.3)"),
        ({"learning_rate": 0.3, "gamma": 0.9}, "Momentum(learning_rate=0.3, gamma=0.9)"),
    ],
)
def test_the_learning_rate_follows_the_report_unless_it_is_set(options, optimizer):
    assert repr(Experiment(**options).optimizer()) == optimizer


# ---- training it


def test_the_inputs_are_the_reports(mnist, inputs):
    (X, y), (Xv, yv) = inputs
    standardize = mlplib.Standardizer.fit(mnist.train.images)
    assert np.array_equal(X[:500], standardize(mnist.train.images[:500])) and len(X) == 20_000
    assert np.array_equal(Xv[:500], standardize(mnist.validation.images[:500])) and len(Xv) == 10_000
    assert y is mnist.train.labels and yv is mnist.validation.labels


def test_every_field_reaches_the_trainer():
    experiment = Experiment((8, 4), "fan_in", "improved_sigmoid", 0.5, 7, 0.03, "every_layer", False, 16, 3, 9, 640)
    trainer = mlplib.trainer_for(experiment)
    model = trainer.model
    assert (model.hidden, model.init, model.activation, model.seed) == ((8, 4), "fan_in", "improved_sigmoid", 7)
    assert (model.biases, model.dtype) == ("every_layer", np.float32)
    assert repr(trainer.optimizer) == "Momentum(learning_rate=0.03, gamma=0.5)"
    assert (trainer.shuffle, trainer.batch_size, trainer.epochs, trainer.seed) == (False, 16, 3, 7)
    assert (trainer.early_stopping.patience, trainer.steps_per_epoch) == (9, 640 // 16)


def test_a_run_trains_the_experiment(run):
    assert run.experiment == SHORT
    assert len(run.history.step) == 2 * (2000 // 32)
    assert run.history.evaluation_step.tolist() == list(range(0, 124, 12))
    assert run.history.validation_accuracy[0] < 0.3 < 0.5 < run.final.validation_accuracy
    assert (run.stopped_epoch, run.diverged, run.interrupted, run.message) == (None, False, False, "")
    assert run.seconds > 0


def test_final_figures_are_those_of_the_last_weights(run, inputs):
    (X, y), validation = inputs
    expected = (*run.model.evaluate(X[:2000], y[:2000]), *run.model.evaluate(*validation))
    assert run.final == pytest.approx(expected, rel=1e-5)
    assert run.final._fields == ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def test_best_figures_are_those_of_the_lowest_validation_loss():
    run = mlplib.run(Experiment(n_train=320, epochs=8, learning_rate=1.0, patience=3))
    at = run.history.validation_loss.argmin()
    recorded = [getattr(run.history, name)[at] for name in run.best._fields]
    assert run.best == pytest.approx(recorded, rel=1e-5)
    assert run.best.validation_loss < run.final.validation_loss
    assert run.stopped_epoch == run.history.step[-1] // 10


def test_an_interrupted_run_is_returned_with_what_it_reached(monkeypatch, capsys):
    updates = []

    def update(self, weights, gradients):
        updates.append(1)
        if len(updates) > 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(mlplib.SGD, "update", update)
    run = mlplib.run(SHORT)
    assert run.interrupted and run.message in capsys.readouterr().out
    assert len(run.history.step) == 30
    assert run.final.validation_loss == pytest.approx(run.history.validation_loss[0], rel=1e-5)


# ---- the same bits


def test_a_run_gives_the_same_bits_again_whatever_ran_between(run, bits):
    mlplib.run(replace(SHORT, hidden=(8, 8), gamma=0.9, n_train=320, seed=5))
    np.random.seed(12)
    np.random.permutation(100)
    again = mlplib.run(SHORT)
    assert bits(again) == bits(run)
    assert (again.final, again.best) == (run.final, run.best)


def test_another_seed_gives_another_run(run, bits):
    other = bits(mlplib.run(replace(SHORT, seed=1)))
    assert [name for name, digest in bits(run).items() if digest == other[name]] == ["step", "evaluation_step"]


# ---- divergence is an outcome


@pytest.mark.parametrize("learning_rate", [1e3, 1e30, 1e38])
@pytest.mark.parametrize("errors", ["raise", "ignore"])
def test_a_learning_rate_far_too_large_is_reported_and_returned(learning_rate, errors):
    with np.errstate(over=errors, divide=errors, invalid=errors), pytest.warns(mlplib.DivergenceWarning) as warned:
        run = mlplib.run(Experiment(learning_rate=learning_rate, n_train=320, epochs=3))
    assert run.diverged and not run.interrupted
    assert run.message == str(warned[0].message) and len(warned) == 1
    assert f"step {run.history.step[-1]}" in run.message
    assert f"smaller than {learning_rate:g}" in run.message
    assert len(run.history.minibatch_loss) == len(run.history.step) > 0
