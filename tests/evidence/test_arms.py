"""Arms: their names, and the experiments they are made of."""

from dataclasses import fields, replace

import pytest

from mlplib import REPORT, Experiment
from mlplib.evidence import (
    CODES,
    CONFIRMING,
    FASTEST,
    FEW,
    MATCHED_STEP,
    REPORTED,
    TEN_LAYERS,
    TUNED,
    TUNING,
    Network,
    Protocol,
    depth,
    trick_names,
    tricks,
    two_layers,
    width,
)
from mlplib.evidence.arms import FOR_TUNING, TO_THE_END

# ---- seeds


def test_no_seed_is_used_to_choose_and_to_confirm_and_none_is_the_reports():
    assert len(set(CONFIRMING)) == len(CONFIRMING) >= 20
    assert len(set(TUNING)) == len(TUNING) >= 3
    reports = {experiment.seed for row in REPORT.values() for experiment in row.experiments}
    assert reports == {0, 1, 2, 3, 4}
    assert not set(CONFIRMING) & set(TUNING)
    assert not reports & {*CONFIRMING, *TUNING}
    assert set(FEW) <= set(CONFIRMING) and len(FEW) == 5


# ---- names


@pytest.mark.parametrize("arm, name", [
    (tricks("110").under(), "tricks 110"),
    (tricks("110").under(FASTEST), "tricks 110, fastest"),
    (tricks("110").under(TO_THE_END), "tricks 110 to the end"),
    (tricks("110").under(MATCHED_STEP, third=2), "tricks 110, matched step, third 2"),
    (width(32).under(TUNED), "width 32, tuned"),
    (depth(10, momentum=False).under(TUNED), "depth 10 without momentum, tuned"),
    (two_layers(59).under(), "two layers of 59"),
    (TEN_LAYERS.varied("logistic", activation="sigmoid").under(), "ten layers, logistic"),
], ids=str)
def test_an_arm_is_named_by_its_network_its_protocol_and_its_third(arm, name):
    assert str(arm) == arm.name == f"{arm}" == name


def test_arms_of_one_name_are_equal_whatever_they_record_and_whatever_seeds_they_have():
    arm = tricks("111").under()
    runs = {arm: "its runs"}
    for same in (tricks("111").under(REPORTED.watched()), tricks("111").under(seeds=FEW)):
        assert arm == same and hash(arm) == hash(same) and runs[same] == "its runs"
    others = {tricks("110").under(), tricks("111").under(TUNED), tricks("111").under(third=1), depth(1).under()}
    assert arm not in others and len(others) == 4


def test_networks_are_named_after_what_they_are():
    assert {tricks(code).name: tricks(code).experiment for code in CODES} == {
        f"tricks {code}": Experiment().with_tricks(*(digit == "1" for digit in code)) for code in CODES}
    every = Experiment().with_tricks(True, True, True)
    assert (width(32).name, width(32).experiment) == ("width 32", replace(every, hidden=(32,)))
    assert (two_layers(60).name, two_layers(60).experiment) == ("two layers of 60", replace(every, hidden=(60, 60)))
    assert (depth(3).name, depth(3).experiment) == ("depth 3", replace(every, hidden=(64,) * 3))
    assert depth(3, momentum=False).experiment == replace(every, hidden=(64,) * 3, gamma=0.0)
    assert TEN_LAYERS.experiment == depth(10).experiment


# ---- experiments


def test_an_arm_is_an_experiment_for_each_seed_with_everything_that_its_protocol_says():
    said = {"epochs": 3, "patience": None, "evaluations_per_epoch": 2, "dense_steps": 50, "stop_on": ("half_2",),
            "judge_on": ("half_1",), "diagnostics": ("units",)}
    arm = Network("it", Experiment((8,), gamma=0.5)).under(Protocol(", brief", **said), third=1, seeds=[7, 5])
    assert arm.experiments() == [Experiment((8,), gamma=0.5, third=1, seed=seed, **said) for seed in (7, 5)]


def test_all_that_a_protocol_says_but_its_suffix_and_its_rate_is_a_field_of_an_experiment():
    said = {field.name for field in fields(Protocol)} - {"suffix", "rate"}
    assert said < {field.name for field in fields(Experiment)}


def test_the_learning_rate_is_the_networks_own_unless_another_is_given():
    network = Network("it", Experiment(learning_rate=0.3))
    assert {one.learning_rate for one in network.under(TUNED).experiments()} == {0.3}
    assert {one.learning_rate for one in network.under(TUNED).experiments(0.7)} == {0.7}
    assert {one.learning_rate for one in tricks("111").under().experiments()} == {None}  # the report's rule


def test_a_protocol_applied_can_be_overruled_field_by_field():
    assert FOR_TUNING.applied(Experiment(), seed=50, epochs=1) == Experiment(
        seed=50, epochs=1, patience=None, evaluations_per_epoch=1, stop_on=("half_1",), judge_on=("half_1",))


def test_what_is_watched_is_recorded_and_changes_no_name():
    assert REPORTED.watched() == replace(REPORTED, diagnostics=("layers", "units", "hits"))
    assert tricks("000").under(REPORTED.watched()) == tricks("000").under()


def test_a_repetition_is_the_same_arm_on_another_third_with_few_seeds():
    arm = tricks("100").under(MATCHED_STEP)
    repeated = arm.on_third(2)
    assert (repeated.network, repeated.protocol, repeated.third, repeated.seeds) == (arm.network, arm.protocol, 2, FEW)
    assert [replace(one, third=0) for one in repeated.experiments()] == arm.experiments()[:5]


def test_a_varied_network_has_another_name_and_other_fields():
    varied = tricks("111").varied("not shuffled", shuffle=False)
    assert varied == Network("tricks 111, not shuffled", replace(tricks("111").experiment, shuffle=False))


def test_the_tricks_of_a_code_have_names():
    assert [trick_names(code) for code in CODES] == [
        "plain", "momentum", "sigmoid", "sigmoid, momentum", "fan-in", "fan-in, momentum", "fan-in, sigmoid",
        "all three"]
