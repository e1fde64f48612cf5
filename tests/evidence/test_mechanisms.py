"""The mechanisms: arms differ in what is asked about from those beside them, and what could refute a cause does."""

import hashlib
import json
import math
from dataclasses import fields, replace

import pytest
from made_up import runs_of

from mlplib import Experiment
from mlplib.evidence import MEASURES, REGISTRATIONS, TUNING, chosen_step, judge, tricks, width
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS
from mlplib.evidence.mechanisms import (
    EARLY,
    FIRST_SMALL,
    FORGETS,
    FRESH,
    LARGE_NORMAL,
    LATE,
    LONG_MEMORY,
    MECHANISMS,
    PLAIN_DESCENT,
    SECOND_SMALL,
    SMALL_IMPROVED,
)
from mlplib.evidence.other_data import OTHER_DATA
from mlplib.evidence.plans import remarks_on
from mlplib.evidence.verdicts import OTHER_REASON
from mlplib.running import model_for, run
from mlplib.store import key, packaged

ARMS = {str(arm): arm for arm in MECHANISMS.arms}
PARTS = {part.name: part for part in MECHANISMS.parts}
BEFORE = (*(one for one in REGISTRATIONS if one is not MECHANISMS), OTHER_DATA)


def test_the_rules_are_those_that_were_registered():
    assert MECHANISMS.digest == "08ad875e20e9d0db"


def test_all_arms_have_the_experiments_that_were_registered():
    """The digest covers words. Those without a chosen rate by themselves, the others by what would choose it."""
    keys = [key(one) for arm in MECHANISMS.arms for one in arm.experiments()] + list(map(key, MECHANISMS.tuning()))
    assert len(keys) == 460 + 90
    assert hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16] == "e0134642b2e314b8"


def test_its_seeds_are_its_own():
    assert {arm.seeds for arm in MECHANISMS.arms} == {FRESH} == {tuple(range(320, 340))}
    used = {seed for one in BEFORE for arm in one.arms for seed in arm.seeds} | {*TUNING, Experiment().seed}
    assert not used & set(FRESH)


def test_no_arm_and_no_part_has_the_name_of_another():
    before = [one for one in BEFORE if one is not OTHER_DATA]
    assert not set(ARMS) & {str(arm) for one in before for arm in one.arms}
    assert not set(PARTS) & {part.name for one in before for part in one.parts}


def test_no_arm_is_of_one_experiment_with_another():
    experiments = [one for arm in MECHANISMS.arms if arm.protocol.rate is None for one in arm.experiments()]
    assert len(set(experiments)) == len(experiments)


DIFFERENCES = {
    "XM1": ["gamma learning_rate", "gamma learning_rate momentum_in", "gamma learning_rate momentum_in"],
    "XM2": ["gamma learning_rate", "gamma learning_rate momentum_in", "gamma learning_rate momentum_in"],
    "XM3": ["gamma learning_rate", "gamma learning_rate momentum_in", "gamma learning_rate momentum_in"],
    "XW1": ["hidden learning_rate epochs", "hidden learning_rate", "hidden"],
    "XU1": ["activation learning_rate", "activation learning_rate"],
    "XU2": ["init init_scale"],
    "XU3": ["init init_scale"],
    "XU4": ["init_scale, rate"],
    "XU5": ["init_scale, rate"],
    "XU6": ["init_scale"],
    "XF1": ["straight_through", "straight_through"],
    "XF2": ["straight_through"],
    "XF3": ["straight_through"],
    "XF4": ["straight_through, rate"],
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_two_arms_differ_in_what_is_asked_about(name):
    found = []
    for comparison in PARTS[name].comparisons:
        (a,), (b,) = comparison.a, comparison.b
        one, other = a.experiments()[0], b.experiments()[0]
        differing = [each.name for each in fields(Experiment) if getattr(one, each.name) != getattr(other, each.name)]
        if a.protocol.rate != b.protocol.rate:
            differing = [each for each in differing if each != "learning_rate"]
            differing[-1] += ", rate"
        found.append(" ".join(differing))
    assert found == DIFFERENCES[name]


def test_every_part_has_its_line_above():
    assert set(DIFFERENCES) == set(PARTS)


def test_runs_can_decide_every_part():
    """By what a plan is looked at before its runs; nothing but what differs is left to say."""
    assert all("the networks differ in" in said for said in remarks_on(MECHANISMS.parts))


def test_the_steps_are_those_that_tuning_runs_chose():
    tuning = packaged("tuning")
    chosen = {code: chosen_step(tricks(code).experiment, tuning) for code in ("000", "010", "100", "110")}
    assert chosen == {"000": 2, "010": 0.5, "100": 0.5, "110": 0.05}
    assert [chosen_step(width(units).experiment, tuning) for units in (512, 1024)] == [0.1, 0.05]


def test_momentum_is_in_the_first_epoch_or_after_it_and_the_effective_step_is_one():
    (late, *_), (early, *_), (long, *_), (plain, *_) = (
        next(arm for arm in MECHANISMS.arms if arm.network == network).experiments()
        for network in (LATE, EARLY, LONG_MEMORY, PLAIN_DESCENT))
    assert early.momentum_in == (0, late.steps_per_epoch)
    assert late.momentum_in == (late.steps_per_epoch, late.steps_per_epoch * late.epochs)
    for one in (late, early, long):
        assert one.learning_rate / (1 - one.gamma) == pytest.approx(plain.learning_rate)


def test_small_and_large_weights_have_the_deviations_of_the_others():
    def deviations(network):
        return [W.std() for W in model_for(network.experiment).weights]

    large, small = deviations(tricks("010")), [1 / math.sqrt(785), 1 / math.sqrt(64)]
    expected = {SMALL_IMPROVED: small, FIRST_SMALL: [small[0], large[1]], SECOND_SMALL: [large[0], small[1]],
                LARGE_NORMAL: [1 / math.sqrt(3)] * 2}
    for network, each in expected.items():
        assert deviations(network) == pytest.approx(each, rel=0.05)


# ---- what runs would say


def verdicts(**changed):
    """By part, of made-up runs; those of arms that are named have other figures than ordinary."""
    runs = {arm: runs_of(name, seeds=FRESH, **changed.get(name, {})) for name, arm in ARMS.items()}
    return {verdict.part.name: verdict for verdict in judge(runs, MECHANISMS.parts)}


def names(part):
    """Of the arms a of a part and of its controls, and of b of the part."""
    return [str(one.a[0]) for one in PARTS[part].comparisons], str(PARTS[part].comparison.b[0])


SLOW, WORSE, HIGH, LOSSY = {"updates": 1300.0}, {"accuracy": 0.96}, {"best_loss": 0.2}, {"train_loss": 0.02}


@pytest.mark.parametrize("part, changes", [
    ("XM1", (SLOW, {}, SLOW)), ("XM2", (WORSE, {}, WORSE)), ("XM3", (LOSSY, {}, LOSSY)), ("XU1", (HIGH, {})),
    ("XF1", ({"accuracy": 0.98}, {})),
])
def test_a_cause_is_believed_if_its_controls_say_so_and_not_otherwise(part, changes):
    a, _ = names(part)
    assert verdicts(**dict(zip(a, changes)))[part].verdict == HOLDS
    assert verdicts(**dict.fromkeys(a, changes[0]))[part].verdict == OTHER_REASON
    assert verdicts()[part].verdict == FAILS


def test_of_momentum_only_the_start_is_not_enough_if_the_rest_is_slow_too():
    a, _ = names("XM1")
    found = verdicts(**{a[0]: SLOW, a[1]: SLOW})["XM1"]
    assert [word for _, _, word in found.controls] == ["refuted", "refuted"]


def test_what_is_alike_is_equivalent_and_what_is_not_fails():
    alike, other = verdicts(), verdicts(**{names("XU2")[0][0]: {"best_accuracy": 0.96}})
    assert [alike[name].verdict for name in ("XU2", "XU3", "XU4")] == [EQUIVALENT] * 3
    assert (other["XU2"].verdict, other["XU4"].verdict) == (FAILS, FAILS)


@pytest.mark.parametrize("network", [LATE, FIRST_SMALL, FORGETS], ids=lambda one: one.name)
def test_short_runs_have_what_the_measures_are_taken_of(network):
    """Of each kind of network that came for these questions, on the pilot's seed."""
    arms = [arm for arm in MECHANISMS.arms if arm.network == network]
    measures = {one.measure for part in MECHANISMS.parts for one in part.comparisons if one.arms & set(arms)}
    rate = network.experiment.learning_rate or 0.1
    trained = run(replace(arms[0].experiments()[0], seed=0, n_train=320, epochs=3, learning_rate=rate))
    assert not trained.diverged and measures
    assert all(not math.isnan(MEASURES[name].of(trained)) for name in measures)
