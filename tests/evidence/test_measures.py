"""Measures: what is read from a run."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from made_up import JUDGED, RECORDS, STOPS, WHICH, falling, history, pair, stopped_at

from mlplib import Experiment
from mlplib.evidence import MEASURES, REPORTED, compare
from mlplib.evidence.measures import updates_until
from mlplib.running import Stop


def numbered_stops():
    """Each figure another one: 1 to 3 for who stops, times 1 to 4 for who judges, or 11 to 14 with the best weights."""
    def figures(stop, which, judge):
        number = (1 + STOPS.index(stop)) * (1 + JUDGED.index(judge) + 10 * WHICH.index(which))
        return number / 1000, 0.5 + number / 1000

    return {stop: Stop(199, 99, True, *({judge: figures(stop, which, judge) for judge in JUDGED} for which in WHICH))
            for stop in STOPS}


def measured(runs, measure, beside=None):
    """The measure of runs that are all alike."""
    beside = (1.0 if MEASURES[measure].kind in ("ratio", "sign") else 0.0) if beside is None else beside
    return compare(runs, beside, measure).estimate


@pytest.mark.parametrize("measure, expected", [
    ("accuracy", 0.5 + (2 * 0.004 + 3 * 0.003) / 2),
    ("accuracy, best weights", 0.5 + (2 * 0.014 + 3 * 0.013) / 2),
    ("validation loss", (2 * 0.004 + 3 * 0.003) / 2),
    ("validation loss, best weights", (2 * 0.014 + 3 * 0.013) / 2),
    ("overfitting", -(2 * 0.010 + 3 * 0.010) / 2),
    ("training loss", 0.001),
    ("training accuracy", 0.501),
])
def test_the_other_half_judges_what_one_half_stopped_and_the_whole_file_stops_for_training_figures(measure, expected):
    assert measured(pair(stops=numbered_stops()), measure) == pytest.approx(expected)


@pytest.mark.parametrize("measure, updates", [("steps to 0.2", 126), ("steps to 0.1", 188.5), ("steps to 0.05", 251)])
def test_steps_to_a_loss_are_interpolated_in_its_logarithm(measure, updates):
    """From 0.2 after 126 updates to 0.05 after 251: 0.1 lies half-way between their logarithms."""
    runs = pair(history=history([0, 125, 250, 375], [2.0, 0.2, 0.05, 0.3]))
    assert measured(runs, measure) == pytest.approx(updates)


def test_a_loss_that_is_there_at_the_first_evaluation_took_one_step():
    assert measured(pair(history=history([0, 125], [0.04, 0.01])), "steps to 0.05") == pytest.approx(1)


def test_accuracy_at_a_step_is_of_the_last_evaluation_until_then():
    runs = pair(history=history([0, 25, 125, 250], validation_accuracy=[0.1, 0.5, 0.8, 0.9]))
    assert measured(runs, "accuracy at step 125") == pytest.approx(0.8)
    sparse = pair(history=history([0, 100, 200], validation_accuracy=[0.1, 0.6, 0.9]))
    assert measured(sparse, "accuracy at step 125") == pytest.approx(0.6)


@pytest.mark.parametrize("curve", ["train", "validation"])
def test_the_later_gain_is_from_the_middle_five_evaluations_to_the_last_five(curve):
    """Of 0 to 10 the last five have the mean 8, the middle five 5."""
    named = {"train": "later training accuracy", "validation": "later validation accuracy"}[curve]
    runs = pair(history=history(125 * np.arange(11), **{f"{curve}_accuracy": np.arange(11) / 100}))
    assert measured(runs, named) == pytest.approx(0.03)


def test_dense_evaluations_at_the_start_do_not_move_the_middle_of_the_run():
    """An accuracy that rises evenly gains half of its rise in the second half, up to an evaluation or two."""
    steps = np.union1d(np.arange(0, REPORTED.dense_steps, 25), np.arange(0, 12_500, 125))
    gain = measured(pair(history=history(steps, train_accuracy=steps / 12_500)), "later training accuracy")
    assert gain == pytest.approx(0.5 - 2 * 125 / 12_500, abs=2 * 125 / 12_500)


@pytest.mark.parametrize("name", ["minibatch noise", "unit change"])
def test_early_diagnostics_leave_out_what_comes_before_and_after(name):
    values = np.where((RECORDS >= 625) & (RECORDS <= 3125), 0.3, 9.0)
    runs = pair(diagnostics={"step": RECORDS, name.replace(" ", "_"): values})
    assert measured(runs, name) == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["minibatch noise", "unit change"])
def test_early_diagnostics_are_the_mean_over_epochs_2_to_5(name):
    """A record tells of the updates before it: that after update 625 of epoch 1, that after 3125 of epoch 5."""
    values = np.full(len(RECORDS), 9.0)
    values[np.isin(RECORDS, (1250, 1875, 2500, 3125))] = 0.1, 0.2, 0.3, 0.6
    runs = pair(diagnostics={"step": RECORDS, name.replace(" ", "_"): values})
    assert measured(runs, name) == pytest.approx(0.3)


def test_an_epoch_is_as_long_as_the_experiment_says():
    """Of 3,200 images in minibatches of 32 it has 100 updates."""
    recorded = {"step": np.array([0, 100, 101, 500, 501]), "unit_change": np.array([9.0, 9.0, 0.2, 0.4, 9.0])}
    runs = [SimpleNamespace(experiment=Experiment(seed=seed, n_train=3200), diagnostics=recorded) for seed in (0, 1)]
    assert measured(runs, "unit change") == pytest.approx(0.3)


def test_the_gradient_ratio_is_of_the_first_and_the_last_matrix_between_hidden_layers():
    """The matrices at both ends, and those in the middle, do not count."""
    gradients = np.array([[5, 1e-3, 7, 1e-1, 3], [5, 1e-2, 7, 1e-1, 3], [5, 1e-4, 7, 1e-0, 3]])
    runs = pair(diagnostics={"gradient_rms": gradients})
    assert measured(runs, "gradient ratio at the start") == pytest.approx(-2)
    assert measured(runs, "gradient ratio in training") == pytest.approx(-2.5)


def test_times_are_per_update_and_until_the_whole_file_stopped_the_run():
    runs = pair(seconds=10.0, history=history([0, 399]), stops=numbered_stops())
    assert measured(runs, "time per step") == pytest.approx(10 / 400)
    assert measured(runs, "time to stop") == pytest.approx(200 * 10 / 400)


def test_the_share_of_the_epochs_is_where_the_whole_file_stopped_the_run():
    """A quarter and all of 50 times 625 updates: half of it is their geometric mean."""
    assert measured([stopped_at(0, 7811), stopped_at(1, 31_249, False)], "share of the 50 epochs") == pytest.approx(
        0.5, rel=1e-3)


# ---- how fast a run is


@pytest.mark.parametrize("level, updates", [(0.2, 126), (0.1, 188.5), (0.05, 251), (0.05 / math.e, 376)])
def test_steps_to_a_loss_are_interpolated_in_its_logarithm_and_counted_from_one(level, updates):
    """From 0.2 after 126 updates to 0.05 after 251: 0.1 lies half-way between their logarithms."""
    history = falling([0, 125, 250, 375], [2.0, 0.2, 0.05, 0.05 / math.e])
    assert updates_until(SimpleNamespace(history=history), level) == pytest.approx(updates)


def test_steps_to_a_loss_are_those_of_the_first_time_and_of_uneven_evaluations_too():
    """1 after 26 updates, 0.01 after 126: 0.1 is half-way, whatever the loss does afterwards."""
    history = falling([0, 25, 125, 250, 375], [2.0, 1.0, 0.01, 0.3, 0.001])
    assert updates_until(SimpleNamespace(history=history), 0.1) == pytest.approx(76)


@pytest.mark.parametrize("steps, losses, updates", [
    ([0, 125], [0.04, 0.01], 1),  # there at the first evaluation
    ([0, 125], [0.1, 0.01], 1),
    ([0, 125], [2.0, 0.11], math.inf),
    ([0, 125], [2.0, math.nan], math.inf),
    ([], [], math.inf),  # diverged before the first evaluation
], ids=("below at once", "there at once", "never", "not a number", "never evaluated"))
def test_steps_to_a_loss_at_the_ends(steps, losses, updates):
    assert updates_until(SimpleNamespace(history=falling(steps, losses)), 0.1) == updates

