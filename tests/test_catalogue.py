"""The networks that are shown side by side: which they are, and that the report's are among them."""

from dataclasses import replace

import pytest

from mlplib import REPORT, Experiment
from mlplib.catalogue import (
    DEPTHS,
    REPORT_TRICKS,
    TRICK_COMBINATIONS,
    WIDTHS,
    shown_experiments,
    topology_experiment,
    trick_experiment,
)
from mlplib.experiments import TRICKS


def test_the_reports_tricks_are_on_or_off_in_every_way():
    assert REPORT_TRICKS == ("init", "sigmoid", "momentum") and set(REPORT_TRICKS) <= set(TRICKS)
    assert len(TRICK_COMBINATIONS) == len(set(TRICK_COMBINATIONS)) == 2**3
    assert (TRICK_COMBINATIONS[0], TRICK_COMBINATIONS[-1]) == ((False,) * 3, (True,) * 3)


@pytest.mark.parametrize("combination", TRICK_COMBINATIONS, ids=str)
def test_a_combination_has_its_tricks_and_nothing_else(combination):
    experiment = trick_experiment(combination, seed=3)
    assert tuple(TRICKS[trick].is_on(experiment) for trick in REPORT_TRICKS) == combination
    fields = {"init": experiment.init, "activation": experiment.activation, "gamma": experiment.gamma}
    assert experiment == Experiment(seed=3, **fields)


@pytest.mark.parametrize("wrong", [(True, True), (True,) * 4])
def test_a_combination_says_something_of_each_of_the_three(wrong):
    with pytest.raises(ValueError, match=r"^tricks: expected 3, "):
        trick_experiment(wrong)


def test_a_topology_has_all_tricks():
    experiment = topology_experiment(32, 5, seed=2)
    assert experiment == replace(trick_experiment((True,) * 3, seed=2), hidden=(32,) * 5)


def test_what_is_shown_is_shown_once_with_five_seeds_each():
    shown = shown_experiments()
    several = 2**3 + len(WIDTHS) * len(DEPTHS) - 1  # one hidden layer of 64 with all tricks is in both
    assert len(shown) == len(set(shown)) == 5 * several
    assert {experiment.seed for experiment in shown} == {0, 1, 2, 3, 4}
    assert {replace(experiment, seed=0) for experiment in shown[:40]} == set(map(trick_experiment, TRICK_COMBINATIONS))


def test_the_reports_rows_are_among_what_is_shown():
    assert {experiment for row in REPORT.values() for experiment in row.experiments} <= set(shown_experiments())
