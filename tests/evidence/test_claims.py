"""The claims: that they are complete, and which experiments their arms are made of."""

import itertools
import re
from dataclasses import replace

import pytest
from made_up import (
    ALL_TRICKS,
    GAMMAS,
    INITS,
    NAMED,
    SIGMOIDS,
    STOPS,
    Shelf,
    best_step,
    effective_step,
    experiments,
    fastest_step,
    tunable,
    tuning_shelf_of_all,
)

from mlplib import Experiment
from mlplib.evidence import CLAIMS, CODES, CONFIRMING, FEW, MEASURES, QUESTIONS, rates, tricks
from mlplib.inputs import THIRDS
from mlplib.store import key

COMPARISONS = list(dict.fromkeys(one for part in CLAIMS.parts for one in part.comparisons))
FACTORIAL = {f"tricks {i}{s}{m}": {"init": INITS[i], "activation": SIGMOIDS[s], "gamma": GAMMAS[m]}
             for i, s, m in itertools.product((0, 1), repeat=3)}
# What each arm has in place of the report's plain network, seeds and what is only watched apart.
FIXED = FACTORIAL | {
    "width 32": ALL_TRICKS | {"hidden": (32,)},
    "width 128": ALL_TRICKS | {"hidden": (128,)},
    "two layers of 64": ALL_TRICKS | {"hidden": (64, 64)},
    "ten layers": ALL_TRICKS | {"hidden": (64,) * 10},
    "ten layers, logistic": ALL_TRICKS | {"hidden": (64,) * 10, "activation": "sigmoid"},
    "tricks 110, matched step": FACTORIAL["tricks 110"] | {"learning_rate": 0.2},  # 0.02 / (1 - 0.9)
    "tricks 110 to the end": FACTORIAL["tricks 110"] | {"patience": None, "evaluations_per_epoch": 1},
} | {f"{name}, third {third}": FACTORIAL[name] | {"third": third}
     for third in (1, 2) for name in ("tricks 000", "tricks 100", "tricks 110", "tricks 111")}
#: Networks whose speed is claimed: at their fastest learning rate too.
FASTEST = tuple(f"tricks {code}" for code in ("000", "100", "110", "011", "101", "111"))
FEW_SEEDS = {name for name in FIXED if "third" in name} | {"ten layers, logistic"}
WATCHING = {"stop_on", "judge_on", "diagnostics", "dense_steps"}  # these change what is recorded, not what is trained


@pytest.fixture(scope="module")
def fixed_arms():
    """The arms whose learning rates no run has to choose."""
    return experiments(CLAIMS, Shelf())


@pytest.fixture(scope="module")
def tuned_arms(fixed_arms):
    """The others, the best and the fastest rate of each network being known."""
    found = experiments(CLAIMS, tuning_shelf_of_all(CLAIMS))
    return {name: each for name, each in found.items() if name not in fixed_arms}


# ---- the rules


def test_every_claim_has_a_part_and_every_part_a_name_of_its_own():
    assert {int(re.fullmatch(r"C(\d+)[a-f]?", part.name)[1]) for part in CLAIMS.parts} == set(range(1, 20))
    assert len({part.name for part in CLAIMS.parts}) == len(CLAIMS.parts)
    assert all(part.text for part in CLAIMS.parts)


def test_every_arm_that_a_rule_names_exists(fixed_arms, tuned_arms):
    fastest = {f"{name}, fastest" for name in FASTEST}
    tuned = {f"{name}, tuned" for name in tunable(CLAIMS)} | fastest | {"width 32, matched change"}
    assert set(tuned_arms) == tuned
    assert set(NAMED) <= set(fixed_arms) | tuned
    assert set(map(str, CLAIMS.arms)) == set(fixed_arms) | tuned
    assert fastest <= set(NAMED)  # they are trained for nothing else


def test_the_arms_of_a_comparison_have_the_same_seeds():
    trained = {arm: arm for arm in CLAIMS.arms}
    for one in COMPARISONS:
        for third in THIRDS:
            there = [trained[arm.on_third(third) if third else arm] for arm in one.arms
                     if not third or arm.on_third(third) in trained]
            assert len({arm.seeds for arm in there}) <= 1
            assert third or len(there) == len(one.arms)


@pytest.mark.parametrize("one", COMPARISONS, ids=lambda one: f"{one.measure}: {one.a[0]}")
def test_every_comparison_is_one_that_can_be_made(one):
    assert one.measure in MEASURES and one.direction in ("greater", "less", "same") and one.margin >= 0
    assert one.direction != "same" or one.margin > 0
    if MEASURES[one.measure].kind == "share":
        assert (one.b, one.direction) == (0.0, "greater")


def test_accuracies_matter_from_two_thousandths_on():
    accuracies = [one for one in COMPARISONS if "accuracy" in one.measure]
    assert {one.margin for one in accuracies if one.b != 0.9} == {0.002}
    assert [one.margin for one in accuracies if one.b == 0.9] == [0.0]  # "above 0.9" is said without a margin
    assert len(accuracies) > 20


# ---- the fixed arms


def test_each_arm_has_each_of_its_seeds_once(fixed_arms):
    for name, seeded in fixed_arms.items():
        assert tuple(each.seed for each in seeded) == (FEW if name in FEW_SEEDS else CONFIRMING)


def test_the_arms_are_these(fixed_arms):
    assert set(fixed_arms) == set(FIXED)


@pytest.mark.parametrize("name", FIXED)
def test_an_arm_follows_the_reports_protocol_but_for_what_it_is_to_show(name, fixed_arms):
    report = Experiment(batch_size=32, epochs=50, patience=50, learning_rate=None, n_train=20_000, shuffle=True,
                        evaluations_per_epoch=5, biases="input", inputs="standardized", third=0)
    for experiment in fixed_arms[name]:
        watching = {field: getattr(experiment, field) for field in WATCHING}
        assert experiment == replace(report, seed=experiment.seed, **FIXED[name], **watching)


@pytest.mark.parametrize("name", FIXED)
def test_an_arm_records_what_the_measures_need(name, fixed_arms):
    for experiment in fixed_arms[name]:
        assert set(experiment.stop_on) == {"validation", "half_1", "half_2"}
        assert set(experiment.judge_on) - {"held_out"} == {"half_1", "half_2", "validation"}
        assert ("held_out" in experiment.judge_on) == (name in FACTORIAL)  # 40,000 images take their time
        assert set(experiment.diagnostics) == {"layers", "units", "hits"}
        assert experiment.dense_steps == (0 if name == "tricks 110 to the end" else 375)


def test_the_tricks_are_all_two_to_the_third_and_named_by_their_digits(fixed_arms):
    found = {name: {(e.init, e.activation, e.gamma) for e in fixed_arms[name]} for name in FACTORIAL}
    assert found == {name: {tuple(each.values())} for name, each in FACTORIAL.items()}
    assert len(set(map(frozenset, found.values()))) == 8
    assert set(FACTORIAL) == {tricks(code).name for code in CODES}


def test_arms_of_one_step_of_descent_and_momentum_have_the_same_effective_step(fixed_arms):
    """Momentum's 0.02 with 0.9 moves the weights as far in the long run as descent with 0.2."""
    with_momentum = fixed_arms["tricks 111"][0]
    optimizer = with_momentum.optimizer()
    assert fixed_arms["tricks 110, matched step"][0].learning_rate == pytest.approx(
        optimizer.learning_rate / (1 - with_momentum.gamma))


def test_no_experiment_is_in_two_arms_or_twice_in_one(fixed_arms):
    every = [one for each in fixed_arms.values() for one in each]
    assert len(set(every)) == len(set(map(key, every))) == len(every)


@pytest.mark.parametrize("third", [1, 2])
def test_the_other_thirds_are_trained_on_other_images_and_not_judged_on_the_rest(third, fixed_arms):
    """What they are judged on beside that changes nothing of what is trained."""
    repeated = {name: each for name, each in fixed_arms.items() if name.endswith(f", third {third}")}
    assert len(repeated) == 4
    for name, seeded in repeated.items():
        first = fixed_arms[name.removesuffix(f", third {third}")][: len(seeded)]
        assert seeded == [replace(one, third=third, judge_on=STOPS) for one in first]
    assert {one.third for name, each in fixed_arms.items() if "third" not in name for one in each} == {0}


# ---- the arms at chosen learning rates


def test_tuned_arms_have_the_rate_that_gives_the_chosen_step(tuned_arms):
    for i, name in enumerate(tunable(CLAIMS)):
        for goal, step in (("tuned", best_step(i)), ("fastest", fastest_step(i))):
            if goal == "fastest" and name not in FASTEST:
                continue
            seeded = tuned_arms[f"{name}, {goal}"]
            assert [effective_step(one) for one in seeded] == pytest.approx([step] * len(seeded))
            assert [one.seed for one in seeded] == list(CONFIRMING)


def test_tuned_arms_have_one_length_and_follow_the_protocol_otherwise(tuned_arms):
    networks = FACTORIAL | {"depth 10": ALL_TRICKS | {"hidden": (64,) * 10}}
    assert set(tuned_arms) == ({f"{name}, tuned" for name in networks} | {f"{name}, fastest" for name in FASTEST}
                         | {"width 32, matched change"})
    for name, network in networks.items():
        for one in tuned_arms[f"{name}, tuned"]:
            free = {field: getattr(one, field) for field in WATCHING | {"learning_rate", "evaluations_per_epoch"}}
            assert one == Experiment(seed=one.seed, epochs=12, patience=None, **network, **free)
            assert set(one.stop_on) == {"validation", "half_1", "half_2"} == set(one.judge_on)


def test_the_fastest_arms_are_eight_epochs_long_evaluated_as_often_as_the_reports(tuned_arms):
    for name in FASTEST:
        for one in tuned_arms[f"{name}, fastest"]:
            free = {field: getattr(one, field) for field in WATCHING | {"learning_rate"}}
            assert one == Experiment(seed=one.seed, epochs=8, patience=None, **FACTORIAL[name], **free)
            assert one.dense_steps == 375 and one.evaluations_per_epoch == 5
            assert set(one.stop_on) == {"validation", "half_1", "half_2"} == set(one.judge_on)


def test_arms_whose_learning_rate_is_not_known_yet_are_left_out(tuned_arms):
    shelf, every = tuning_shelf_of_all(CLAIMS), set(map(str, CLAIMS.arms))
    del shelf[rates.tuning_runs(tricks("010").experiment, 1.0)[0]]
    assert every - set(experiments(CLAIMS, shelf)) == {"tricks 010, tuned"}
    del shelf[rates.tuning_runs(tricks("101").experiment, 10.0)[2]]
    assert every - set(experiments(CLAIMS, shelf)) == {"tricks 010, tuned", "tricks 101, tuned", "tricks 101, fastest"}
    assert every - set(experiments(CLAIMS, Shelf())) == set(tuned_arms)


def test_no_tuned_experiment_is_in_two_arms_or_twice_in_one(fixed_arms, tuned_arms):
    every = [one for each in (fixed_arms | tuned_arms).values() for one in each]
    assert len(set(every)) == len(every)


def test_no_run_both_chooses_and_confirms(fixed_arms, tuned_arms):
    chosen_by = {*CLAIMS.tuning(), *QUESTIONS.tuning()}
    confirming = {one for each in (fixed_arms | tuned_arms).values() for one in each}
    assert not chosen_by & confirming


def test_the_matched_arm_is_32_units_at_that_rate(fixed_arms, tuned_arms):
    wide = fixed_arms["width 32"]
    assert tuned_arms["width 32, matched change"] == [replace(one, learning_rate=0.0133) for one in wide]
