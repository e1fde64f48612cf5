"""The questions: what each asks, and which experiments their arms are made of."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import ALL_TRICKS, INITS, PLAIN, SIGMOIDS, Shelf, experiments, tunable, tuning_shelf_of_all

from mlplib.activations import ACTIVATIONS
from mlplib.evidence import CLAIMS, CONFIRMING, FEW, MEASURES, QUESTIONS, questions
from mlplib.store import key

FACTORS = ("001", "010", "011", "100", "101", "110")
VARIED = ("a bias in every layer", "not shuffled", "not centred", "pixels from 0 to 1")
RECORDED = {
    *(f"width {2 ** power}, five epochs" for power in range(3, 11)),
    *(f"depth {depth}, {activation}, {init}" for depth in (1, 2, 3, 5, 10, 20) for activation in SIGMOIDS
      for init in INITS),
}
FIXED = RECORDED | {
    *(f"gamma {gamma}, matched step" for gamma in (0.5, 0.99)),
    *(f"factors {code}" for code in FACTORS),
    *(f"factors {code}, matched first step" for code in (*FACTORS, "111")),
    *(f"two layers of {width}" for width in (59, 60)),
    *(f"{name}, {varied}" for name in ("tricks 100", "tricks 111") for varied in VARIED),
}
CHOSEN = tunable(QUESTIONS)


@pytest.fixture(scope="module")
def arms():
    """The arms, all learning rates being chosen."""
    return experiments(QUESTIONS, tuning_shelf_of_all(QUESTIONS))


@pytest.fixture(scope="module")
def core():
    """Those of the claims."""
    return experiments(CLAIMS, tuning_shelf_of_all(CLAIMS))


# ---- questions


def test_every_question_has_a_name_of_its_own_that_is_no_claims():
    names = [part.name for part in QUESTIONS.parts]
    assert len(set(names)) == len(names)
    assert not set(names) & {part.name for part in CLAIMS.parts}


def test_every_question_asks_for_a_known_measure_of_arms_that_exist(arms, core):
    for part in QUESTIONS.parts:
        for comparison in part.comparisons:
            assert comparison.measure in MEASURES and comparison.margin >= 0
            sides = comparison.a + (comparison.b if isinstance(comparison.b, tuple) else ())
            assert set(map(str, sides)) <= set(arms | core)
            assert len(sides) < 2 or sides[0] != sides[1]


def test_questions_are_no_part_of_the_rules_and_have_a_digest_of_their_own():
    assert QUESTIONS.marks == {"questions": QUESTIONS.digest} and CLAIMS.marks == {"rules": CLAIMS.digest}
    assert QUESTIONS.digest != CLAIMS.digest


def test_questions_about_the_sigmoid_change_one_factor(arms, core):
    every = arms | core

    def factors(experiment):
        if experiment.activation == "improved_sigmoid":
            return {"input_gain", "output_gain", "offset"}
        return {name for name in questions.FACTORS if getattr(experiment, name) != getattr(PLAIN, name)}

    asked = [part for part in QUESTIONS.parts if part.name[0] == "S"]
    assert len(asked) == 24
    for part in asked:
        with_it, without = (factors(every[str(side[0])][0]) for side in (part.comparison.a, part.comparison.b))
        assert with_it - without == {{"I": "input_gain", "O": "output_gain", "C": "offset"}[part.name[1]]}
        assert without < with_it and len(with_it) == (3 if part.name[-1] == "a" else 1)


def test_an_arm_of_a_question_has_the_seeds_of_the_one_beside_it(arms, core):
    every = arms | core
    for part in QUESTIONS.parts:
        seeds = {tuple(one.seed for one in every[str(arm)]) for arm in part.comparison.arms}
        assert len(seeds) == 1
        assert len(*seeds) == 20 or part.name[:2] in ("D3", "D4")


# ---- arms


def test_what_is_tuned_further_is_not_tuned_before():
    first = tunable(CLAIMS)
    assert not set(first) & set(CHOSEN)
    every = [*first.values(), *CHOSEN.values()]
    assert len(set(every)) == len(every)
    changed = {tuple(field for field in questions.FACTORS if getattr(one, field) != getattr(PLAIN, field))
               for name, one in CHOSEN.items() if name.startswith("factors")}
    assert len(changed) == 6  # neither none nor all three: these are 3a and 3b


def test_the_three_factors_together_are_the_improved_sigmoid():
    z = np.linspace(-3, 3, 13)
    factors = questions.FACTORS
    product = factors["output_gain"] / (1 + np.exp(-factors["input_gain"] * z)) + factors["offset"]
    assert ACTIVATIONS["improved_sigmoid"](z) == pytest.approx(product, abs=1e-4)


def test_the_arms_are_these_and_none_has_the_name_of_another(arms, core):
    """As many as there are arms: no name is given twice."""
    assert len(FIXED) == 2 + 6 + 7 + 2 + 8 + 8 + 24
    assert set(arms) == FIXED | {f"{name}, tuned" for name in CHOSEN} | {
        f"{name}, fastest" for name in CHOSEN if not name.startswith(("depth", "width"))}
    assert not set(arms) & set(core) and len(arms) == len(QUESTIONS.arms)


def test_depths_and_widths_are_those_of_the_design_with_and_without_momentum():
    tuned = tunable(CLAIMS) | CHOSEN
    all_tricks = [one for one in tuned.values() if (one.init, one.activation) == ("fan_in", "improved_sigmoid")
                  and replace(one, gamma=0.0, hidden=(64,)) == PLAIN.with_tricks(init=True, sigmoid=True)]
    found = {(len(one.hidden), one.hidden[0], one.gamma) for one in all_tricks if set(one.hidden) == {one.hidden[0]}}
    assert found >= {(depth, 64, gamma) for depth in (1, 2, 3, 5, 10, 20) for gamma in (0.0, 0.9)}
    assert found >= {(1, 2 ** power, 0.9) for power in range(3, 11)}
    assert found >= {(1, 64, gamma) for gamma in (0.0, 0.5, 0.9, 0.99)}


def test_no_experiment_is_in_two_arms_or_among_those_of_the_verdicts(arms, core):
    every = [one for some in (core, arms) for each in some.values() for one in each]
    assert len(set(every)) == len(set(map(key, every))) == len(every)
    assert not {*CLAIMS.tuning(), *QUESTIONS.tuning()} & set(every)


def test_arms_whose_learning_rate_is_not_known_yet_are_left_out():
    assert set(experiments(QUESTIONS, Shelf())) == FIXED


def test_each_arm_has_each_of_its_seeds_once(arms):
    for name, seeded in arms.items():
        assert tuple(one.seed for one in seeded) == (FEW if name.endswith(INITS) else CONFIRMING)


def test_an_arm_records_what_its_measures_need(arms):
    for name, seeded in arms.items():
        for one in seeded:
            if name in RECORDED:
                assert one.diagnostics == (("units",) if "epochs" in name else ("layers",)) and one.epochs >= 5
            else:
                assert one.diagnostics == ()
                assert set(one.stop_on) == set(one.judge_on) == {"validation", "half_1", "half_2"}


def test_gammas_are_compared_at_one_effective_step(arms, core):
    every = arms | core
    matched = {name: every[name] for name in ("gamma 0.5, matched step", "gamma 0.99, matched step", "tricks 111",
                                              "tricks 110, matched step")}
    found = {seeded[0].gamma: {round((one.learning_rate or 0.02) / (1 - one.gamma), 9) for one in seeded}
             for seeded in matched.values()}
    assert found == {gamma: {0.2} for gamma in (0.0, 0.5, 0.9, 0.99)}
    assert all({field: getattr(one, field) for field in ("init", "activation")}
               == {field: ALL_TRICKS[field] for field in ("init", "activation")}
               for each in matched.values() for one in each)


def test_a_matched_first_step_changes_nothing_but_the_rate(arms):
    for code in FACTORS:
        unmatched = arms[f"factors {code}"]
        matched = arms[f"factors {code}, matched first step"]
        assert [replace(one, learning_rate=None) for one in matched] == unmatched
        on = {field for field in questions.FACTORS if getattr(unmatched[0], field) != getattr(PLAIN, field)}
        assert on == {field for field, digit in zip(("input_gain", "output_gain", "offset"), code) if digit == "1"}
    for one in arms["factors 111, matched first step"]:
        assert (one.activation, one.init, one.gamma) == ("improved_sigmoid", "fan_in", 0.0)
