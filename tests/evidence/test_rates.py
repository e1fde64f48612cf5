"""Rates: which runs learning rates are chosen by, what is best and what fastest, and what is matched with what."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from made_up import ALL_TRICKS, PLAIN, Shelf, effective_step, tunable, tuning_shelf

from mlplib.evidence import CLAIMS, MATCHED_FIRST_STEP, QUESTIONS, TUNING, chosen_step, rates, tuning_curve, width
from mlplib.evidence.rates import EFFECTIVE_STEPS, all_tuning_runs, effective_steps_for, tuning_runs
from mlplib.running import model_for

# ---- choosing learning rates


def test_there_are_ten_steps_from_small_to_large_with_the_reports_among_them():
    assert len(EFFECTIVE_STEPS) == 10 and list(EFFECTIVE_STEPS) == sorted(set(EFFECTIVE_STEPS))
    assert {0.1, 0.2} <= set(EFFECTIVE_STEPS)  # without momentum, and 0.02 / (1 - 0.9)
    assert EFFECTIVE_STEPS[-1] / EFFECTIVE_STEPS[0] >= 100


def test_every_experiment_is_tried_with_every_step_and_every_tuning_seed():
    named = tunable(CLAIMS)
    runs = [one for experiment in named.values() for one in all_tuning_runs(experiment)]
    assert len(runs) == len(set(runs)) == len(named) * len(EFFECTIVE_STEPS) * len(TUNING)
    tried = {(one.hidden, one.init, one.activation, one.gamma, round(effective_step(one), 6), one.seed) for one in runs}
    assert tried == {(e.hidden, e.init, e.activation, e.gamma, step, seed) for e in named.values()
                     for step in EFFECTIVE_STEPS for seed in TUNING}


def test_smaller_steps_are_tried_with_twenty_layers():
    for experiment in (tunable(CLAIMS) | tunable(QUESTIONS)).values():
        steps = effective_steps_for(experiment)
        assert set(steps) - set(EFFECTIVE_STEPS) == ({0.002, 0.005} if len(experiment.hidden) == 20 else set())
        assert steps == tuple(sorted(steps)) and steps[-10:] == EFFECTIVE_STEPS


def test_learning_rates_are_chosen_on_the_first_half_of_the_test_file_alone():
    networks = (tunable(CLAIMS) | tunable(QUESTIONS)).values()
    for one in (one for experiment in networks for one in all_tuning_runs(experiment)):
        assert one.stop_on == one.judge_on == ("half_1",)
        assert (one.epochs, one.patience, one.third, one.n_train, one.batch_size) == (12, None, 0, 20_000, 32)
        assert one.seed in TUNING


def test_tuning_runs_of_one_step_are_among_all_of_them():
    experiment = tunable(CLAIMS)["tricks 111"]
    every = all_tuning_runs(experiment)
    apart = [one for step in EFFECTIVE_STEPS for one in tuning_runs(experiment, step)]
    assert apart == every
    assert {one.learning_rate for one in tuning_runs(experiment, 0.5)} == {0.05}


each_network = pytest.mark.parametrize("experiment", [PLAIN, PLAIN.with_tricks(True, True, True)],
                                       ids=("descent", "momentum"))


@each_network
@pytest.mark.parametrize("best", EFFECTIVE_STEPS)
def test_the_step_with_the_lowest_loss_is_chosen(experiment, best):
    assert chosen_step(experiment, tuning_shelf(experiment, lambda step, seed: 0.2 - 0.1 * (step == best))) == best


@each_network
def test_the_mean_over_the_seeds_counts_and_not_the_luckiest(experiment):
    losses = {0.5: (0.01, 0.30, 0.29), 1.0: (0.15, 0.16, 0.14), 2.0: (0.10, 0.20, 0.20)}  # means 0.2, 0.15, 0.167
    shelf = tuning_shelf(experiment, lambda step, seed: losses.get(step, (0.3,) * 3)[TUNING.index(seed)])
    assert chosen_step(experiment, shelf) == 1.0


def test_one_run_that_diverged_rules_a_step_out():
    shelf = tuning_shelf(PLAIN, lambda step, seed: None if (step, seed) == (2.0, 51) else 0.2 - 0.1 * (step == 2.0)
                         - 0.05 * (step == 0.5))
    assert chosen_step(PLAIN, shelf) == 0.5


def test_a_run_without_a_single_evaluation_counts_as_diverged():
    shelf = tuning_shelf(PLAIN, lambda step, seed: 0.2 - 0.05 * (step == 0.5))
    for one in tuning_runs(PLAIN, 10.0):
        shelf[one].stops = {}
    assert chosen_step(PLAIN, shelf) == 0.5


@pytest.mark.parametrize("i", [0, 10, -1])
def test_nothing_is_chosen_before_all_runs_are_there(i):
    shelf = tuning_shelf(PLAIN, lambda step, seed: 0.1)
    del shelf[all_tuning_runs(PLAIN)[i]]
    assert chosen_step(PLAIN, shelf) is None


def test_the_loss_is_that_of_the_best_weights():
    """The last weights have another one in `put`; a step is not punished for going on too long."""
    shelf = tuning_shelf(PLAIN, lambda step, seed: 0.2 - 0.1 * (step == 5.0))
    for one in tuning_runs(PLAIN, 1.0):
        shelf[one].stops["half_1"] = shelf[one].stops["half_1"]._replace(last={"half_1": (0.001, 0.99)})
    assert chosen_step(PLAIN, shelf) == 5.0


# ---- choosing what is fastest


@each_network
@pytest.mark.parametrize("fastest", EFFECTIVE_STEPS)
def test_the_step_that_is_there_first_is_the_fastest(experiment, fastest):
    """The lowest loss on the test file, and that at the end, do not count."""
    shelf = tuning_shelf(experiment, lambda step, seed: step, lambda step, seed: {
        "updates": 400 if step == fastest else 500, "train_loss": 0.05 if step == fastest else 0.001})
    assert chosen_step(experiment, shelf, "fastest") == fastest
    assert chosen_step(experiment, shelf) == chosen_step(experiment, shelf, "best") == EFFECTIVE_STEPS[0]


def test_the_fastest_is_so_by_the_mean_of_the_logarithms():
    """Geometric means 500, 400 and 464; the arithmetic ones are 500, 700 and 567."""
    updates = {0.5: (500, 500, 500), 1.0: (100, 400, 1600), 2.0: (200, 500, 1000)}
    shelf = tuning_shelf(PLAIN, training=lambda step, seed: {
        "updates": updates.get(step, (2000,) * 3)[TUNING.index(seed)]})
    assert chosen_step(PLAIN, shelf, "fastest") == 1.0


def test_a_step_that_does_not_get_there_with_every_seed_is_behind_those_that_do():
    shelf = tuning_shelf(PLAIN, training=lambda step, seed: {
        1.0: {"updates": 100 if seed != 52 else None, "train_loss": 0.001}, 0.5: {"updates": 7000}}.get(step, {}))
    assert chosen_step(PLAIN, shelf, "fastest") == 0.5


@each_network
def test_if_no_step_gets_there_the_fastest_has_the_lowest_training_loss_at_the_end(experiment):
    """Means 0.30, 0.25 and 0.26: neither the luckiest run nor the loss on the test file counts."""
    losses = {0.5: (0.11, 0.40, 0.39), 1.0: (0.24, 0.25, 0.26), 2.0: (0.12, 0.33, 0.33)}
    shelf = tuning_shelf(experiment, lambda step, seed: step, lambda step, seed: {
        "train_loss": losses.get(step, (0.5,) * 3)[TUNING.index(seed)]})
    assert chosen_step(experiment, shelf, "fastest") == 1.0


def test_if_no_step_gets_there_one_that_diverged_is_not_the_fastest():
    shelf = tuning_shelf(PLAIN, lambda step, seed: None if (step, seed) == (2.0, 51) else 0.1, lambda step, seed: {
        "train_loss": {2.0: 0.2, 0.5: 0.3}.get(step, 0.4)})
    assert chosen_step(PLAIN, shelf, "fastest") == 0.5


def test_nothing_is_the_fastest_before_all_runs_are_there():
    shelf = tuning_shelf(PLAIN, training=lambda step, seed: {"updates": 500})
    del shelf[all_tuning_runs(PLAIN)[10]]
    assert chosen_step(PLAIN, shelf, "fastest") is None


def test_there_are_two_goals_and_others_are_no_goals():
    assert set(rates.GOALS) == {"best", "fastest"}
    with pytest.raises(KeyError, match="quickest"):
        chosen_step(PLAIN, tuning_shelf(PLAIN), "quickest")


def test_a_tuning_curve_has_the_loss_of_every_seed_for_every_step():
    shelf = tuning_shelf(PLAIN, lambda step, seed: None if (step, seed) == (10.0, 51) else step + seed)
    curve = tuning_curve(PLAIN, shelf)
    assert list(curve) == list(EFFECTIVE_STEPS)
    assert curve == {step: [math.inf if (step, seed) == (10.0, 51) else step + seed for seed in (50, 51, 52)]
                     for step in EFFECTIVE_STEPS}


# ---- 32 units whose weights change as much as those of 64

NARROW = width(32).experiment


def pilot():
    """The pilot runs of 32 units, by how many units they have."""
    return {experiment.hidden[0]: each for experiment, each in rates.pilot(NARROW).items()}


def pilot_shelf(changes):
    shelf = Shelf()
    for units, experiments in pilot().items():
        for one in experiments:
            shelf.put(one, 0.1, change=changes[units][TUNING.index(one.seed)])
    return shelf


def test_the_pilot_differs_in_width_alone():
    runs = pilot()
    assert set(runs) == {32, 64} and {one.seed for each in runs.values() for one in each} == set(TUNING)
    assert [replace(one, hidden=(64,)) for one in runs[32]] == runs[64]
    for one in runs[64]:
        changed = {field.name for field in fields(one) if getattr(one, field.name) != getattr(PLAIN, field.name)}
        assert changed == {*ALL_TRICKS, "seed", "epochs", "patience", "evaluations_per_epoch", "diagnostics"}


def test_a_rate_is_matched_by_the_mean_change_over_the_seeds():
    """0.02 x (0.01 + 0.02 + 0.03) / (0.03 + 0.03 + 0.03) = 0.01333."""
    shelf = pilot_shelf({32: (0.03, 0.03, 0.03), 64: (0.01, 0.02, 0.03)})
    assert rates.matched_change_rate(NARROW, shelf) == 0.0133


def test_no_rate_is_matched_before_all_pilot_runs_are_there():
    shelf = pilot_shelf({32: (0.03,) * 3, 64: (0.02,) * 3})
    del shelf[pilot()[64][1]]
    assert rates.matched_change_rate(NARROW, shelf) is None
    assert rates.matched_change_rate(NARROW, Shelf()) is None


# ---- first steps that lower the loss as much as that of logistic units


def squared_gradient(experiment, X, y):
    """The mean over the tuning seeds of ‖∇C‖² before training: one hidden layer, every derivative written out."""
    total = 0.0
    for seed in TUNING:
        W, V = (matrix.astype(float) for matrix in model_for(replace(experiment, seed=seed)).weights)
        gain = experiment.input_gain
        z = X @ W
        if experiment.activation == "sigmoid":
            s = 1 / (1 + np.exp(-gain * z))
            a, slope = experiment.output_gain * s + experiment.offset, experiment.output_gain * gain * s * (1 - s)
        else:
            a, slope = 1.7159 * np.tanh(2 * z / 3), 1.7159 * 2 / 3 / np.cosh(2 * z / 3) ** 2
        odds = np.exp(a @ V)
        delta = odds / odds.sum(axis=1, keepdims=True)
        delta[np.arange(len(y)), y] -= 1
        delta /= len(y)
        total += np.sum((a.T @ delta) ** 2) + np.sum((X.T @ (delta @ V.T * slope)) ** 2)
    return total / len(TUNING)


def test_the_first_step_at_a_matched_rate_lowers_the_loss_as_much_as_that_of_logistic_units(inputs):
    """α‖∇C‖² is to be the same as with 0.1; three digits are kept of α."""
    (X, y), _ = inputs
    X, y = X[:1000].astype(float), y[:1000]
    fan_in = PLAIN.with_tricks(init=True)
    usual = 0.1 * squared_gradient(fan_in, X, y)
    matched = [arm for arm in QUESTIONS.arms if arm.protocol == MATCHED_FIRST_STEP]
    assert len(matched) == 7
    for each in (rates.experiments_of(arm, Shelf()) for arm in matched):
        rate, = {one.learning_rate for one in each}
        assert rate == float(f"{rate:.3g}") == rates.first_order_rate(replace(each[0], learning_rate=None))
        assert rate * squared_gradient(each[0], X, y) == pytest.approx(usual, rel=0.006)
    assert rates.first_order_rate(fan_in) == 0.1
