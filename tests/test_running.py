"""From an `Experiment` to a `Run`: every field arrives, the bits are the same, stops are judged, nothing crashes."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CURVES, PLAIN, RULES, THREE, VARIED, assert_equal, mean_and_std, standardized

import mlplib
from mlplib import Experiment
from mlplib.diagnostics import Recorder
from mlplib.inputs import half_masks, held_out_pieces
from mlplib.straight_through import StraightThrough

SHORT = Experiment(n_train=2000, epochs=2)
TINY = Experiment(hidden=(8,), n_train=320, epochs=1)


@pytest.fixture(scope="module")
def run():
    return mlplib.run(SHORT)


@pytest.fixture(scope="module")
def three():
    return mlplib.run(THREE)


# ---- training it


def test_every_field_reaches_the_trainer():
    experiment = Experiment((8, 4), "fan_in", "improved_sigmoid", 0.5, 7, 0.03, "every_layer", False, 16, 3, 9, 640)
    trainer = mlplib.trainer_for(experiment)
    model = trainer.model
    assert (model.hidden, model.init, model.activation, model.seed) == ((8, 4), "fan_in", "improved_sigmoid", 7)
    assert (model.biases, model.dtype) == ("every_layer", np.float32)
    assert repr(trainer.optimizer) == "Momentum(learning_rate=0.03, gamma=0.5)"
    assert (trainer.shuffle, trainer.batch_size, trainer.epochs, trainer.seed) == (False, 16, 3, 7)
    assert (trainer.early_stopping.patience, trainer.steps_per_epoch) == (9, 640 // 16)


def test_every_new_field_reaches_the_trainer(training_file):
    trainer = mlplib.trainer_for(Experiment((6,), n_train=640, **VARIED))
    model, (images, labels) = trainer.model, (array[40_000:40_640] for array in training_file)
    assert (model.input_gain, model.output_gain, model.offset, model.init_scale) == (2.0, 0.5, -0.25, 0.1)
    assert type(model) is StraightThrough
    seen = next(iter(trainer))
    assert seen[3:5] == pytest.approx(model.evaluate(standardized(images, 0, 255), labels), rel=1e-5)
    assert (trainer.evaluations_per_epoch, trainer.evaluate_every, trainer.dense_steps) == (2, 10, 300)
    assert list(trainer.stopping) == ["half_2", "validation"] and set(trainer.subsets) == {"half_1", "half_2"}
    assert all(trainer.subsets[name] is mask for name, mask in half_masks().items())
    assert isinstance(trainer.observe, Recorder)
    plain = mlplib.trainer_for(Experiment((6,), n_train=640))
    assert (plain.subsets, plain.observe, list(plain.stopping)) == ({}, None, ["validation"])


def test_momentum_in_some_updates_only_reaches_the_trainer():
    experiment = Experiment(gamma=0.9, learning_rate=0.03, momentum_in=[4, 9], n_train=640)
    assert repr(mlplib.trainer_for(experiment).optimizer) == (
        "PhasedMomentum(learning_rate=0.03, gamma=0.9, first=4, stop=9)")
    assert {experiment} == {replace(experiment, momentum_in=(4, 9))}


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


def test_a_run_on_another_third_is_judged_on_that_third(training_file):
    run = mlplib.run(replace(TINY, third=1, inputs="uncentred"))
    images, labels = (array[20_000:40_000] for array in training_file)
    X = standardized(images[:320], 0, mean_and_std(images)[1])
    assert run.final[:2] == pytest.approx(run.model.evaluate(X, labels[:320]), rel=1e-5)


def test_the_initial_scale_leaves_the_order_of_the_data_alone(inputs):
    (X, y), _ = inputs
    order = np.random.default_rng(np.random.SeedSequence(0).spawn(2)[1]).permutation(320)[:32]
    for scale in (1.0, 0.1):
        experiment = replace(TINY, init_scale=scale)
        first = mlplib.trainer_for(experiment).model.loss(X[order], y[order])
        assert mlplib.run(experiment).history.minibatch_loss[0] == pytest.approx(first, rel=1e-5)


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


@pytest.mark.parametrize("experiment", [PLAIN, replace(PLAIN, stop_on=RULES)], ids=["one rule", "three rules"])
def test_evaluations_in_between_change_neither_weights_nor_where_a_run_stops(experiment):
    plain, dense = mlplib.run(experiment), mlplib.run(replace(experiment, dense_steps=1000))
    extra = set(dense.history.evaluation_step) - set(plain.history.evaluation_step)
    assert extra == set(range(25, plain.history.n_steps, 50))
    assert plain.stopped_epoch == dense.stopped_epoch is not None
    assert_equal(plain.model.weights, dense.model.weights)
    assert (plain.final, plain.best) == (dense.final, dense.best)
    assert np.array_equal(plain.history.minibatch_loss, dense.history.minibatch_loss)
    shared = np.isin(dense.history.evaluation_step, plain.history.evaluation_step)
    for name in CURVES:
        assert np.array_equal(getattr(dense.history, name)[shared], getattr(plain.history, name))


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


# ---- the stops of a run


def test_the_mean_over_both_halves_is_the_validation_sets(three):
    halves = (three.history.subsets["half_1"] + three.history.subsets["half_2"]) / 2
    np.testing.assert_allclose(halves[:, 0], three.history.validation_loss, rtol=1e-5)
    np.testing.assert_allclose(halves[:, 1], three.history.validation_accuracy, rtol=1e-12)


def stop_by_hand(losses, steps, patience):
    """The steps at which early stopping ends and at which the lowest loss was, by looking back over all losses."""
    for i in range(patience, len(losses)):
        if min(losses[i - patience + 1 : i + 1]) >= min(losses[: i - patience + 1]):
            lowest = int(np.argmin(losses[: i + 1]))
            if i - lowest == patience:
                return steps[i], steps[lowest]
    raise AssertionError("no reason to stop")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_among_several_is_the_run_that_has_it_alone(three, rule):
    alone = mlplib.run(replace(PLAIN, stop_on=(rule,)))
    stop = three.stops[rule]
    assert alone.stopped_epoch is not None and stop.stopped
    assert stop.step == alone.history.n_steps - 1 <= three.history.n_steps - 1
    for figures, kept in ((alone.final, stop.last), (alone.best, stop.best)):
        assert (*kept["train"], *kept["validation"]) == figures
    beginning = three.history.until(stop.step)
    assert np.array_equal(beginning.minibatch_loss, alone.history.minibatch_loss)
    for name in CURVES:
        assert np.array_equal(getattr(beginning, name), getattr(alone.history, name))


def test_the_rules_stop_where_one_finds_by_hand(three):
    history = three.history
    losses = {"validation": history.validation_loss} | {name: curves[:, 0] for name, curves in history.subsets.items()}
    found = {name: (stop.step, stop.best_step) for name, stop in three.stops.items()}
    assert found == {name: stop_by_hand(losses[name].tolist(), history.evaluation_step, 6) for name in RULES}
    assert len(set(found.values())) > 1, "the rules all stop at once: this test has shown little"
    assert history.n_steps - 1 == max(stop.step for stop in three.stops.values())
    assert three.stopped_epoch == (history.n_steps - 1) // 10


def test_a_stop_is_judged_on_every_set_with_the_weights_it_would_have_kept(three, inputs):
    (X, y), (Xv, yv) = inputs
    sets = {"train": (X[:320], y[:320]), "validation": (Xv, yv)}
    sets |= {name: (Xv[mask], yv[mask]) for name, mask in half_masks().items()}
    X, y = zip(*((X[:500], y[:500]) for X, y in held_out_pieces(0, "standardized")))  # a tenth of them is enough
    sample = np.concatenate(X), np.concatenate(y)
    trainer, expected, roughly = mlplib.trainer_for(replace(PLAIN, patience=None)), {}, {}
    for progress in trainer:
        if any(progress.step in (stop.step, stop.best_step) for stop in three.stops.values()):
            expected[progress.step] = {name: trainer.model.evaluate(*pair) for name, pair in sets.items()}
            roughly[progress.step] = trainer.model.evaluate(*sample)
    assert len(expected) > 3
    for stop in three.stops.values():
        for step, judged in ((stop.step, stop.last), (stop.best_step, stop.best)):
            assert list(judged) == ["train", *RULES, "held_out"]
            assert {type(figure) for figures in judged.values() for figure in figures} == {float}
            assert judged["held_out"] == pytest.approx(roughly[step], rel=0.05)
            for name, figures in expected[step].items():
                assert judged[name] == pytest.approx(figures, rel=1e-5)


def test_figures_on_what_is_held_out_are_over_all_of_it(three):
    """With the last weights, which are those that the last rule to stop would have kept."""
    losses, hits = [], []
    for X, y in held_out_pieces(0, "standardized"):
        p = three.model.forward(X)
        losses += (-np.log(p[np.arange(len(y)), y].astype(float))).tolist()
        hits += (p.argmax(axis=1) == y).tolist()
    (last,) = {stop.last["held_out"] for stop in three.stops.values() if stop.step == three.history.n_steps - 1}
    assert last == pytest.approx((sum(losses) / 40_000, sum(hits) / 40_000), rel=1e-5) and len(hits) == 40_000


def test_a_run_that_is_not_stopped_ends_with_its_last_weights():
    run = mlplib.run(replace(THREE, epochs=2, stop_on=("half_2", "validation"), judge_on=("validation",), patience=50))
    assert list(run.stops) == ["half_2", "validation"]
    for stop in run.stops.values():
        assert not stop.stopped and stop.step == run.history.n_steps - 1 == 19
        assert (*stop.last["train"], *stop.last["validation"]) == run.final
    assert run.stopped_epoch is None
    assert (*run.stops["half_2"].best["train"], *run.stops["half_2"].best["validation"]) == run.best
    at = {name: int(curves[:, 0].argmin()) for name, curves in run.history.subsets.items()}
    assert run.stops["half_2"].best_step == run.history.evaluation_step[at["half_2"]]


def test_without_judges_there_are_no_stops_and_with_one_for_the_plain_rule_too():
    short = replace(PLAIN, epochs=1)
    assert mlplib.run(replace(short, stop_on=RULES)).stops == {}
    (stop,) = mlplib.run(replace(short, judge_on=("half_1",))).stops.values()
    assert list(stop.best) == list(stop.last) == ["train", "half_1"]


def test_stops_are_on_the_third_and_the_inputs_of_the_experiment():
    experiment = replace(PLAIN, epochs=1, third=2, inputs="unit_interval", judge_on=("held_out",))
    run = mlplib.run(experiment)
    right = sum(np.count_nonzero(run.model.predict(X) == y) for X, y in held_out_pieces(2, "unit_interval"))
    other = sum(np.count_nonzero(run.model.predict(X) == y) for X, y in held_out_pieces(1, "unit_interval"))
    assert run.stops["validation"].last["held_out"][1] == pytest.approx(right / 40_000, rel=1e-12)
    assert right != other


@pytest.mark.parametrize("learning_rate", [1e3, 1e38])
def test_a_diverged_run_has_the_stops_it_came_to(learning_rate):
    with pytest.warns(mlplib.DivergenceWarning):
        run = mlplib.run(replace(THREE, learning_rate=learning_rate))
    assert run.diverged
    if learning_rate == 1e38:  # before the first evaluation
        assert run.stops == {}
    else:
        assert list(run.stops) == list(RULES)
        assert all((stop.stopped, stop.step) == (False, run.history.n_steps - 1) for stop in run.stops.values())
        assert run.stops["half_1"].last["train"] == run.final[:2]
