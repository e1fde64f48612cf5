"""What goes further than the report's claims: the questions, their arms, and what first steps are matched by."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_designs import ALL_TRICKS, INITS, PLAIN, SIGMOIDS, Shelf, best_step, fastest_step, tuning_shelf, tuning_shelf_of_all

from mlplib import designs, evidence, further
from mlplib.effects import MEASURES
from mlplib.experiments import model_for
from mlplib.store import key

FACTORS = ("001", "010", "011", "100", "101", "110")
VARIED = ("a bias in every layer", "not shuffled", "not centred", "pixels from 0 to 1")
RECORDED = {
    *(f"width {2 ** power}, five epochs" for power in range(3, 11)),
    *(f"depth {depth}, {activation}, {init}" for depth in (1, 2, 3, 5, 10, 20) for activation in SIGMOIDS for init in INITS),
}
FIXED = RECORDED | {
    *(f"gamma {gamma}, matched step" for gamma in (0.5, 0.99)),
    *(f"factors {code}" for code in FACTORS),
    *(f"factors {code}, matched first step" for code in (*FACTORS, "111")),
    *(f"two layers of {width}" for width in (59, 60)),
    *(f"{name}, {varied}" for name in ("tricks 100", "tricks 111") for varied in VARIED),
}
CHOSEN = further.tunable()


@pytest.fixture(scope="module")
def arms():
    """The arms, all learning rates being chosen."""
    shelf = Shelf()
    for i, experiment in enumerate(CHOSEN.values()):
        best, fastest = best_step(i), fastest_step(i)
        shelf.update(tuning_shelf(experiment, lambda step, seed: 0.1 + abs(math.log(step / best)),
                                  lambda step, seed: {"updates": 1000 + 100 * abs(round(math.log(step / fastest)))
                                                      + (step != fastest)}))
    return further.arms(shelf)


@pytest.fixture(scope="module")
def core():
    return designs.fixed_arms() | designs.tuned_arms(tuning_shelf_of_all())


# ---- questions


def test_every_question_has_a_name_of_its_own_that_is_no_claims():
    names = [part.name for part in further.QUESTIONS]
    assert len(set(names)) == len(names)
    assert not set(names) & {part.name for part in evidence.RULES}


def test_every_question_asks_for_a_known_measure_of_arms_that_exist(arms, core):
    for part in further.QUESTIONS:
        for comparison in (part.comparison, *(control.comparison for control in part.controls)):
            assert comparison.measure in MEASURES and comparison.margin >= 0
            sides = comparison.a + (comparison.b if isinstance(comparison.b, tuple) else ())
            assert set(sides) <= set(arms | core)
            assert len(sides) < 2 or sides[0] != sides[1]


def test_questions_are_no_part_of_the_rules_and_have_a_digest_of_their_own():
    assert further.marks() == {"questions": evidence.digest(further.QUESTIONS)}
    assert evidence.digest(further.QUESTIONS) != evidence.digest()


def test_questions_about_the_sigmoid_change_one_factor(arms, core):
    every = arms | core

    def factors(experiment):
        if experiment.activation == "improved_sigmoid":
            return {"input_gain", "output_gain", "offset"}
        return {name for name in further.FACTORS if getattr(experiment, name) != getattr(PLAIN, name)}

    asked = [part for part in further.QUESTIONS if part.name[0] == "S"]
    assert len(asked) == 24
    for part in asked:
        with_it, without = (factors(every[side[0]][0]) for side in (part.comparison.a, part.comparison.b))
        assert with_it - without == {{"I": "input_gain", "O": "output_gain", "C": "offset"}[part.name[1]]}
        assert without < with_it and len(with_it) == (3 if part.name[-1] == "a" else 1)


def test_an_arm_of_a_question_has_the_seeds_of_the_one_beside_it(arms, core):
    every = arms | core
    for part in further.QUESTIONS:
        seeds = {tuple(one.seed for one in every[name]) for side in (part.comparison.a, part.comparison.b)
                 if isinstance(side, tuple) for name in side}
        assert len(seeds) == 1
        assert len(*seeds) == 20 or part.name[:2] in ("D3", "D4")


# ---- arms


def test_what_is_tuned_further_is_not_tuned_before():
    first = designs.tunable()
    assert not set(first) & set(CHOSEN)
    every = [*first.values(), *CHOSEN.values()]
    assert len(set(every)) == len(every)
    changed = {tuple(field for field in further.FACTORS if getattr(one, field) != getattr(PLAIN, field))
               for name, one in CHOSEN.items() if name.startswith("factors")}
    assert len(changed) == 6  # neither none nor all three: these are 3a and 3b


def test_the_three_factors_together_are_the_improved_sigmoid():
    from mlplib.activations import ACTIVATIONS

    z = np.linspace(-3, 3, 13)
    factors = further.FACTORS
    product = factors["output_gain"] / (1 + np.exp(-factors["input_gain"] * z)) + factors["offset"]
    assert ACTIVATIONS["improved_sigmoid"](z) == pytest.approx(product, abs=1e-4)


def test_the_arms_are_these_and_none_has_the_name_of_another(arms, core):
    """As many as there are designs: no name is given twice."""
    assert len(FIXED) == 2 + 6 + 7 + 2 + 8 + 8 + 24
    assert set(arms) == FIXED | {f"{name}, tuned" for name in CHOSEN} | {
        f"{name}, fastest" for name in CHOSEN if not name.startswith(("depth", "width"))}
    assert not set(arms) & set(core)


def test_depths_and_widths_are_those_of_the_design_with_and_without_momentum():
    tuned = designs.tunable() | CHOSEN
    all_tricks = [one for one in tuned.values() if (one.init, one.activation) == ("fan_in", "improved_sigmoid")
                  and replace(one, gamma=0.0, hidden=(64,)) == PLAIN.with_tricks(init=True, sigmoid=True)]
    found = {(len(one.hidden), one.hidden[0], one.gamma) for one in all_tricks if set(one.hidden) == {one.hidden[0]}}
    assert found >= {(depth, 64, gamma) for depth in (1, 2, 3, 5, 10, 20) for gamma in (0.0, 0.9)}
    assert found >= {(1, 2 ** power, 0.9) for power in range(3, 11)}
    assert found >= {(1, 64, gamma) for gamma in (0.0, 0.5, 0.9, 0.99)}


def test_no_experiment_is_in_two_arms_or_among_those_of_the_verdicts(arms, core):
    every = [one for some in (core, arms) for each in some.values() for one in each]
    assert len(set(every)) == len(set(map(key, every))) == len(every)
    chosen_by = {*designs.tuning(designs.tunable() | CHOSEN), *(one for each in designs.pilot().values() for one in each)}
    assert not chosen_by & set(every)


def test_arms_whose_learning_rate_is_not_known_yet_are_left_out():
    assert set(further.arms(Shelf())) == FIXED


def test_each_arm_has_each_of_its_seeds_once(arms):
    for name, experiments in arms.items():
        assert tuple(one.seed for one in experiments) == (designs.FEW if name.endswith(INITS) else designs.CONFIRMING)


def test_an_arm_records_what_its_measures_need(arms):
    for name, experiments in arms.items():
        for one in experiments:
            if name in RECORDED:
                assert one.diagnostics == (("units",) if "epochs" in name else ("layers",)) and one.epochs >= 5
            else:
                assert one.diagnostics == () and set(one.stop_on) == set(one.judge_on) == {"validation", "half_1", "half_2"}


def test_gammas_are_compared_at_one_effective_step(arms, core):
    every = arms | core
    matched = {name: every[name] for name in ("gamma 0.5, matched step", "gamma 0.99, matched step", "tricks 111",
                                              "tricks 110, matched step")}
    found = {experiments[0].gamma: {round((one.learning_rate or 0.02) / (1 - one.gamma), 9) for one in experiments}
             for experiments in matched.values()}
    assert found == dict.fromkeys((0.0, 0.5, 0.9, 0.99), {0.2})
    assert all({field: getattr(one, field) for field in ("init", "activation")}
               == {field: ALL_TRICKS[field] for field in ("init", "activation")} for each in matched.values() for one in each)


def squared_gradient(experiment, X, y):
    """The mean over the tuning seeds of ‖∇C‖² before training: one hidden layer, every derivative written out."""
    total = 0.0
    for seed in designs.TUNING:
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
    return total / len(designs.TUNING)


def test_the_first_step_at_a_matched_rate_lowers_the_loss_as_much_as_that_of_logistic_units(arms, inputs):
    """α‖∇C‖² is to be the same as with 0.1; three digits are kept of α."""
    (X, y), _ = inputs
    X, y = X[:1000].astype(float), y[:1000]
    fan_in = PLAIN.with_tricks(init=True)
    usual = 0.1 * squared_gradient(fan_in, X, y)
    matched = {name: each for name, each in arms.items() if name.endswith("matched first step")}
    assert len(matched) == 7
    for name, each in matched.items():
        rate, = {one.learning_rate for one in each}
        assert rate == float(f"{rate:.3g}") == further.first_order_rate(replace(each[0], learning_rate=None))
        assert rate * squared_gradient(each[0], X, y) == pytest.approx(usual, rel=0.006)
    assert further.first_order_rate(fan_in) == 0.1


def test_a_matched_first_step_changes_nothing_but_the_rate(arms):
    for code in FACTORS:
        unmatched = arms[f"factors {code}"]
        matched = arms[f"factors {code}, matched first step"]
        assert [replace(one, learning_rate=None) for one in matched] == unmatched
        on = {field for field in further.FACTORS if getattr(unmatched[0], field) != getattr(PLAIN, field)}
        assert on == {field for field, digit in zip(("input_gain", "output_gain", "offset"), code) if digit == "1"}
    for one in arms["factors 111, matched first step"]:
        assert (one.activation, one.init, one.gamma) == ("improved_sigmoid", "fan_in", 0.0)
