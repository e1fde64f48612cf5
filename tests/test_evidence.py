"""The rules and the statistics: what is read from a run, what pairs say, and which verdict follows."""

import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from mlplib import Experiment, designs, effects, evidence
from mlplib.effects import EQUIVALENT, FAILS, HOLDS, MEASURES, UNDECIDED, Comparison, Effect, compare, effect_of, holm
from mlplib.evidence import OTHER_REASON, RULES, EvidenceError, confirming_runs, digest, verdicts
from mlplib.experiments import Stop
from mlplib.training import History

INF, NAN = math.inf, math.nan


def sign(values):
    """The median's interval and test of numbers that are known, infinite, or not known at all."""
    values = np.asarray(values, float)
    return effects._sign(*(np.where(np.isnan(values), bound, values) for bound in (-INF, INF)))


COMPARISONS = {one for part in RULES for one in (part.comparison, *(control.comparison for control in part.controls))}


def draws(n, seed=0, digits=6):
    return np.random.default_rng(seed).normal(0.3, 1.0, n).round(digits)


# ---- the t interval


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_t_interval_and_both_tests_are_those_of_scipy(n):
    values = draws(n, seed=n)
    mean, low, high, test = effects._t(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean, low, high) == pytest.approx((values.mean(), interval.low, interval.high))
    for null in (-0.7, 0.0, 0.4):
        for alternative in ("greater", "less"):
            expected = stats.ttest_1samp(values, null, alternative=alternative).pvalue
            assert test(null, alternative) == pytest.approx(expected)


def test_equal_differences_are_certain_except_at_their_own_value():
    mean, low, high, test = effects._t(np.full(4, 0.5))
    assert mean == low == high == 0.5
    assert [test(0.4, "greater"), test(0.5, "greater"), test(0.6, "greater")] == [0, 1, 1]
    assert [test(0.4, "less"), test(0.5, "less"), test(0.6, "less")] == [1, 1, 0]


@pytest.mark.parametrize("odd", [INF, -INF, NAN])
def test_means_with_a_value_that_is_no_number_show_nothing(odd):
    _, low, high, test = effects._t(np.array([0.1, 0.2, odd]))
    assert math.isnan(low) and math.isnan(high)
    assert test(0.0, "greater") == test(0.0, "less") == 1


# ---- the interval of the median, and the sign test


def scipy_median(values):
    """The median's 95 % interval; where SciPy has none it is infinite."""
    interval = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    return (-INF if math.isnan(interval.low) else interval.low), (INF if math.isnan(interval.high) else interval.high)


@pytest.mark.parametrize("n", [2, 5, 6, 9, 17, 19, 20, 41])
@pytest.mark.parametrize("digits", [6, 0], ids=("no ties", "ties"))
def test_the_median_and_the_sign_test_are_those_of_scipy(n, digits):
    values = draws(n, n, digits)
    median, low, high, test = sign(values)
    assert median == pytest.approx(np.median(values)) and (low, high) == scipy_median(values)
    for null in (-1.0, 0.0, 1.0):
        for alternative in ("greater", "less"):
            expected = stats.quantile_test(values, q=null, p=0.5, alternative=alternative).pvalue
            assert test(null, alternative) == pytest.approx(expected)


def test_five_pairs_give_no_finite_interval_and_six_give_their_range():
    """1/32 on each side is more than 2.5 %, 1/64 is less."""
    assert sign(np.arange(5.0))[1:3] == (-INF, INF)
    assert sign(np.arange(6.0))[1:3] == (0, 5)
    assert sign(np.arange(5.0) + 1)[3](0.0, "greater") == 1 / 32


def test_of_twenty_pairs_the_sixth_from_each_end_bound_the_median():
    """P(X <= 5) = 0.0207 and P(X <= 6) = 0.0577 for twenty tosses."""
    assert sign(draws(20).argsort().astype(float))[1:3] == (5, 14)


@pytest.mark.parametrize("shown, lowest, p", [(2.0, -3, 255 / 256), (-4.0, -4, 1)], ids=("slower", "long enough for nothing"))
def test_a_run_that_never_came_so_far_counts_as_one_pair_and_not_more(shown, lowest, p):
    known = [-3.0, -2, -1, -1, -1, -1, -1]
    median, low, high, test = effects._sign(np.array([*known, shown]), np.array([*known, INF]))
    assert (median, low, high) == (-1, lowest, INF)
    assert test(0.0, "less") == pytest.approx(stats.binomtest(7, 8, alternative="greater").pvalue)
    assert test(0.0, "less") == pytest.approx(9 / 256)
    assert test(0.0, "greater") == pytest.approx(p)


def test_if_all_runs_of_one_side_never_came_so_far_the_median_is_what_is_shown_and_the_test_as_clear_as_can_be():
    """Two of ten may lie outside on each side, so the interval begins at the second."""
    shown = np.arange(1.0, 11)
    median, low, high, test = effects._sign(shown, np.full(10, INF))
    assert (median, low, high) == (5.5, 2, INF)
    assert test(0.0, "greater") == 2.0**-10 and test(0.0, "less") == 1
    assert test(4.0, "greater") == pytest.approx(stats.binomtest(6, 10, alternative="greater").pvalue)
    median, low, high, test = effects._sign(np.full(10, -INF), -shown)
    assert (median, low, high) == (-5.5, -INF, -2)
    assert test(0.0, "less") == 2.0**-10 and test(0.0, "greater") == 1


def test_as_many_of_one_side_as_of_the_other_that_never_came_so_far_show_nothing():
    _, low, high, test = sign(np.array([-INF] * 4 + [INF] * 4))
    assert (low, high) == (-INF, INF)
    assert test(0.0, "greater") == test(0.0, "less") == pytest.approx(163 / 256)  # four heads or more of eight


@pytest.mark.parametrize("unknown", [1, 3, 5, 6, 20])
def test_pairs_of_which_neither_came_so_far_count_for_neither_side(unknown):
    known = draws(20 - unknown, unknown)
    _, low, high, test = sign(np.append(known, np.full(unknown, NAN)))
    lowest, highest = (np.append(known, np.full(unknown, end)) for end in (-INF, INF))
    assert low == scipy_median(lowest)[0] and high == scipy_median(highest)[1]
    for null in (-0.5, 0.0, 0.5):
        assert test(null, "greater") == pytest.approx(
            stats.binomtest(int((known > null).sum()), 20, alternative="greater").pvalue)
        assert test(null, "less") == pytest.approx(
            stats.binomtest(int((known < null).sum()), 20, alternative="greater").pvalue)


@pytest.mark.parametrize("unknown", range(8))
@pytest.mark.parametrize("value", [-INF, -0.2, 0.3, 5.0, INF, None], ids=str)
def test_what_is_not_known_makes_the_interval_wider_and_never_narrower(unknown, value):
    """Than if it were known, whatever it came to, and than without these pairs (None)."""
    known = draws(20, unknown)[: 20 - unknown]
    _, low, high, _ = sign(np.append(known, np.full(unknown, NAN)))
    _, low_if_known, high_if_known, _ = sign(
        known if value is None else np.append(known, np.full(unknown, value)))
    assert low <= low_if_known and high >= high_if_known


def test_if_nothing_is_known_nothing_is_shown():
    median, low, high, test = sign(np.full(6, NAN))
    assert math.isnan(median) and (low, high) == (-INF, INF)
    assert test(0.0, "greater") == test(0.0, "less") == 1


# ---- shares


@pytest.mark.parametrize("k", [0, 1, 7, 19, 20])
def test_shares_have_the_exact_binomial_interval_and_test(k):
    share, low, high, test = effects._share(np.repeat([1.0, 0.0], [k, 20 - k]))
    exact = stats.binomtest(k, 20)
    assert share == k / 20 and (low, high) == pytest.approx(tuple(exact.proportion_ci(0.95, method="exact")))
    for alternative in ("less", "greater"):
        assert test(0.2, alternative) == pytest.approx(stats.binomtest(k, 20, 0.2, alternative).pvalue)
    assert test(0.2, "less") == pytest.approx(stats.binom.cdf(k, 20, 0.2))


@pytest.mark.parametrize("k, p", [(0, 1), (1, 0), (19, 0), (20, 1)])
def test_one_run_of_each_kind_is_proof_that_both_happen(k, p):
    assert effects._share(np.repeat([1.0, 0.0], [k, 20 - k]))[3](0, "greater") == p


# ---- Holm


def test_holm_multiplies_the_smallest_by_how_many_there_are_and_keeps_the_order():
    """0.005 x 4; 0.01 x 3; 0.03 x 2; 0.04 x 1 is less than the one before, so it is raised to that."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_gives_no_more_than_1():
    assert holm([0.9, 0.4, 0.3]) == pytest.approx([0.9, 0.9, 0.9])
    assert holm([0.9, 0.6, 0.5]) == [1, 1, 1]
    assert holm([0.02]) == [0.02] and holm([]) == []


def test_holm_never_lowers_a_p_value_and_never_changes_their_order():
    p = np.random.default_rng(1).uniform(0, 0.1, 30)
    adjusted = np.array(holm(p))
    assert (adjusted >= p).all() and adjusted.max() <= 1
    assert (np.diff(adjusted[p.argsort()]) >= 0).all()


# ---- verdicts on one comparison


def effect(direction, estimate, p_for=1.0, p_against=1.0, margin=0.002, measure="accuracy"):
    comparison = Comparison(measure, ("a",), ("b",), direction, margin)
    return Effect(comparison, 20, estimate, NAN, NAN, p_for, p_against, NAN, 0)


LOG_1_1 = math.log(1.1)
SHOWN, NOT_SHOWN = 0.02, 0.03  # beside 2.5 %


@pytest.mark.parametrize("direction, sign", [("greater", 1), ("less", -1)])
@pytest.mark.parametrize("estimate, p_for, p_against, verdict", [
    (0.003, SHOWN, 1.0, HOLDS),
    (0.002, SHOWN, 1.0, HOLDS),
    (0.003, NOT_SHOWN, 1.0, UNDECIDED),
    (0.003, 0.025, 1.0, UNDECIDED),
    (0.0019, SHOWN, NOT_SHOWN, UNDECIDED),
    (0.001, SHOWN, SHOWN, FAILS),  # significant, but too small
    (0.001, NOT_SHOWN, SHOWN, FAILS),
    (0.0, 0.5, NOT_SHOWN, UNDECIDED),
    (-0.001, 0.9, NOT_SHOWN, UNDECIDED),
    (-0.010, 1.0, SHOWN, FAILS),  # the wrong direction
    (-0.010, 1.0, 0.0, FAILS),
])
def test_a_direction_is_claimed(direction, sign, estimate, p_for, p_against, verdict):
    assert effect(direction, sign * estimate, p_for, p_against).verdict() == verdict


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("estimate, p_for, p_against, verdict", [
    (0.0, SHOWN, 0.5, EQUIVALENT),
    (0.001, SHOWN, SHOWN, EQUIVALENT),  # there is a difference, but none that matters
    (0.001, NOT_SHOWN, SHOWN, UNDECIDED),
    (0.001, NOT_SHOWN, 0.5, UNDECIDED),
    (0.003, 0.9, SHOWN, FAILS),
    (0.003, 0.9, NOT_SHOWN, UNDECIDED),
])
def test_no_difference_is_claimed(sign, estimate, p_for, p_against, verdict):
    assert effect("same", sign * estimate, p_for, p_against).verdict() == verdict


@pytest.mark.parametrize("measure", ["steps to 0.1", "training loss"])
@pytest.mark.parametrize("direction, estimate, p_for, p_against, verdict", [
    ("less", 0.5, SHOWN, 1.0, HOLDS),
    ("less", 0.9, SHOWN, 1.0, HOLDS),  # 1/1.1 is 0.909
    ("less", 0.92, SHOWN, 1.0, UNDECIDED),
    ("less", 0.92, SHOWN, SHOWN, FAILS),
    ("less", 2.0, 1.0, SHOWN, FAILS),
    ("less", 0.0, SHOWN, 1.0, HOLDS),
    ("less", INF, 1.0, SHOWN, FAILS),
    ("greater", 1.11, SHOWN, 1.0, HOLDS),
    ("greater", 1.09, SHOWN, SHOWN, FAILS),
    ("greater", INF, SHOWN, 1.0, HOLDS),
    ("greater", INF, NOT_SHOWN, 1.0, UNDECIDED),
    ("greater", 0.0, 1.0, SHOWN, FAILS),
    ("same", 1.0, SHOWN, 1.0, EQUIVALENT),
    ("same", 0.9, 1.0, SHOWN, FAILS),
    ("same", 0.92, 1.0, SHOWN, UNDECIDED),
    ("same", 1.11, 1.0, SHOWN, FAILS),
    ("same", 0.0, 1.0, SHOWN, FAILS),
    ("same", INF, 1.0, SHOWN, FAILS),
])
def test_ratios_are_judged_by_their_logarithms(measure, direction, estimate, p_for, p_against, verdict):
    assert effect(direction, estimate, p_for, p_against, LOG_1_1, measure).verdict() == verdict


@pytest.mark.parametrize("direction, measure, estimate, claimed", [
    ("greater", "accuracy", 0.01, 0.01),
    ("less", "accuracy", 0.01, -0.01),
    ("same", "accuracy", -0.01, -0.01),
    ("greater", "training loss", 2.0, math.log(2)),
    ("less", "training loss", 2.0, -math.log(2)),
    ("greater", "steps to 0.1", 0.0, -INF),
    ("less", "steps to 0.1", 0.0, INF),
    ("less", "steps to 0.1", INF, -INF),
])
def test_the_estimate_is_positive_if_it_has_the_direction_claimed(direction, measure, estimate, claimed):
    assert effect(direction, estimate, measure=measure).claimed == pytest.approx(claimed)


@pytest.mark.parametrize("direction", ["greater", "less", "same"])
@pytest.mark.parametrize("measure", ["accuracy", "training loss", "steps to 0.1"])
def test_an_estimate_that_is_not_known_claims_nothing(direction, measure):
    nothing = effect(direction, NAN, measure=measure)
    assert nothing.verdict() == UNDECIDED
    assert not evidence._agrees(nothing)


def test_corrected_p_values_replace_the_effects_own():
    assert effect("greater", 0.01, p_for=0.001).verdict() == HOLDS
    assert effect("greater", 0.01, p_for=0.001).verdict(p_for=0.05) == UNDECIDED
    assert effect("greater", 0.0, p_against=0.001).verdict(p_against=0.05) == UNDECIDED
    assert effect("greater", 0.0, p_against=0.9).verdict(p_against=0.0) == FAILS


# ---- made-up runs

STOPS, WHICH, JUDGED = ("validation", "half_1", "half_2"), ("last", "best"), ("train", "validation", "half_1", "half_2")


def history(steps, train_loss=None, train_accuracy=None, validation_accuracy=None):
    steps = np.asarray(steps)
    curves = (np.full(len(steps), 0.5) if curve is None else np.asarray(curve, float)
              for curve in (train_loss, train_accuracy, None, validation_accuracy))
    return History(np.array([0, steps[-1]]), np.ones(2), steps, *curves)


def made_up(seed=0, third=0, **about):
    """A run with nothing but what is given."""
    return SimpleNamespace(experiment=Experiment(seed=seed, third=third), **about)


def numbered_stops():
    """Each figure another one: 1 to 3 for who stops, times 1 to 4 for who judges, or 11 to 14 with the best weights."""
    def figures(stop, which, judge):
        number = (1 + STOPS.index(stop)) * (1 + JUDGED.index(judge) + 10 * WHICH.index(which))
        return number / 1000, 0.5 + number / 1000

    return {stop: Stop(199, 99, True, *({judge: figures(stop, which, judge) for judge in JUDGED} for which in WHICH))
            for stop in STOPS}


def pair(**about):
    """Two runs that differ in nothing but their seeds."""
    return [made_up(seed, **about) for seed in (0, 1)]


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


def test_runs_that_never_reach_a_loss_are_slower_as_far_as_their_length_shows_and_counted():
    """From 2 after one update to 0.01 after 126: the others are known to take more than 126."""
    fast, slow = history([0, 125], [2.0, 0.01]), history([0, 125], [2.0, 0.5])
    a = [made_up(seed, history=slow if seed < 7 else fast) for seed in range(10)]
    b = [made_up(seed, history=slow if seed == 0 else fast) for seed in range(10)]
    found = compare(a, b, "steps to 0.1", "greater", LOG_1_1)
    shown = 126 / (1 + 125 * math.log(2.0 / 0.1) / math.log(2.0 / 0.01))
    assert (found.n, found.censored) == (10, 7) and found.estimate == pytest.approx(shown)
    assert (found.low, found.high) == (1, INF)  # of what is shown the second: -inf, 1, 1, 1, then six times the same
    assert math.isnan(found.correlation)
    assert found.p_for == pytest.approx(stats.binomtest(6, 10, alternative="greater").pvalue)
    assert found.p_against == pytest.approx(stats.binomtest(3, 10, alternative="greater").pvalue)
    other = compare(b, a, "steps to 0.1", "less", LOG_1_1)
    assert (other.p_for, other.p_against) == (found.p_for, found.p_against)
    assert (other.estimate, other.low, other.high) == (pytest.approx(1 / shown), 0, 1)


def reaching(seed, updates, end, third=0):
    """A run that has a loss of 0.1 after so many updates, or never (None), and ends after `end`."""
    if updates is None:
        return made_up(seed, third, history=history([0, end - 1], [2.0, 0.5]))
    steps = [0, updates - 1, end - 1]
    return made_up(seed, third, history=history(steps, [2.0, 0.1, 0.05]))


def reaching_pairs(pairs):
    """From ((updates, end), (updates, end)) for each seed to the runs of either side."""
    return [[reaching(seed, *pair[side]) for seed, pair in enumerate(pairs)] for side in (0, 1)]


@pytest.mark.parametrize("a, b, lower, upper", [
    ((200, 900), (100, 900), 2, 2),
    ((100, 900), (None, 400), 0, 1 / 4),  # b takes more than 400
    ((100, 900), (None, 50), 0, 2),  # b ended before a was there: it may have been faster
    ((None, 400), (100, 900), 4, INF),
    ((None, 50), (100, 900), 1 / 2, INF),
    ((None, 400), (None, 900), 0, INF),
    ((None, 900), (None, 400), 0, INF),  # neither is faster, however long each went on
])
def test_a_ratio_of_steps_is_known_between_bounds(a, b, lower, upper):
    """Of six equal pairs the interval goes from the lowest that is possible to the highest."""
    found = compare(*reaching_pairs([(a, b)] * 6), "steps to 0.1", "less", LOG_1_1)
    assert (found.low, found.high) == (pytest.approx(lower), pytest.approx(upper))
    assert found.censored == (6 if lower < upper else 0)
    assert (found.p_for == 2.0**-6) == (upper < 1) and (found.p_for == 1) == (upper >= 1)
    known = upper if lower == 0 else lower
    assert found.estimate == pytest.approx(known, nan_ok=True) or (math.isinf(known) and math.isnan(found.estimate))


PAIRS = (
    ((100, 900), (None, 400)),  # less than 1/4
    ((100, 900), (None, 50)),  # less than 2
    ((None, 900), (None, 900)),
    ((100, 900), (200, 900)),  # 1/2
    ((300, 900), (100, 900)),  # 3
    ((None, 800), (100, 900)),  # more than 8
    ((None, 60), (100, 900)),  # more than 0.6
    ((100, 900), (400, 900)),  # 1/4
)


@pytest.mark.parametrize("times, against", [
    (1.25, 247 / 256),  # 3 and more than 8 are above 1/1.25: two heads or more of eight
    (1.9, 219 / 256),  # more than 0.6 is above 1/1.9 too
])
def test_pairs_count_only_for_what_is_certain_of_them(times, against):
    """1/4, 1/2 and less than 1/4 are certainly below 1: three heads or more of eight. Of what is known so far -
    1/4, 1/4, 1/2, 0.6, 2, 3, 8 - the middle is 0.6."""
    a, b = reaching_pairs(PAIRS)
    found = compare(a, b, "steps to 0.1", "less", math.log(times))
    assert (found.n, found.censored) == (8, 5)
    assert (found.p_for, found.p_against) == pytest.approx((219 / 256, against))
    assert (found.estimate, found.low, found.high) == (pytest.approx(0.6), 0, INF)
    other = compare(b, a, "steps to 0.1", "greater", math.log(times))
    assert (other.p_for, other.p_against) == (found.p_for, found.p_against)
    assert (other.estimate, other.low, other.high) == (pytest.approx(1 / 0.6), 0, INF)


KNOWN = [((100 * ratio, 900), (100, 900)) for ratio in (3, 2, 4, 5, 6, 7)] + [((150, 900), (100, 900))]


@pytest.mark.parametrize("ninth, median, low, high", [
    (((90, 900), (100, 900)), 4, 1.5, 7),
    (((100, 900), (None, 50)), 4, 1.5, 7),  # less than 2
    (((None, 150), (100, 900)), 4, 1.5, INF),  # more than 1.5: there are now two without an upper bound
    (((None, 900), (None, 900)), math.sqrt(20), 1.5, INF),  # of eight the middle lies between 4 and 5
])
def test_of_nine_pairs_the_second_from_each_end_bound_the_ratio(ninth, median, low, high):
    """Beside 1.5, 2, 3, 4, 5, 6, 7 and more than 8; P(X <= 1) = 10/512 is below 2.5 %, and P(X <= 2) = 46/512 above."""
    found = compare(*reaching_pairs([*KNOWN, ((None, 800), (100, 900)), ninth]), "steps to 0.1", "greater", LOG_1_1)
    assert (found.estimate, found.low, found.high) == (pytest.approx(median), pytest.approx(low), pytest.approx(high))


def test_steps_held_against_a_number_are_known_as_far_as_the_run_went():
    runs = [reaching(0, 200, 900), reaching(1, 50, 900), reaching(2, None, 300), reaching(3, None, 80)]
    found = compare(runs, 100, "steps to 0.1", "greater", LOG_1_1)  # 2, 1/2, more than 3, more than 0.8
    assert (found.n, found.censored, found.p_for) == (4, 2, 11 / 16)  # two heads or more of four
    assert found.estimate == pytest.approx(math.sqrt(2 * 0.8))


def test_what_came_after_the_last_evaluation_is_not_known():
    """Evaluated after 501 updates, and ended after 625: whether it took longer than 560 nobody saw."""
    fast = history([0, 559, 625], [2.0, 0.1, 0.05])
    slow = replace(history([0, 500], [2.0, 0.5]), step=np.array([0, 624]))
    a, b = ([made_up(seed, history=each) for seed in range(6)] for each in (fast, slow))
    found = compare(a, b, "steps to 0.1", "less", LOG_1_1)
    assert found.high == pytest.approx(560 / 501) and found.p_for == 1


def test_the_mean_of_several_arms_is_only_as_slow_as_all_of_them_show():
    """10 updates and more than 100 have a mean of more than 55, which may be less than 80."""
    ours = [[reaching(seed, 10, 900) for seed in range(6)], [reaching(seed, None, 100) for seed in range(6)]]
    comparison = Comparison("steps to 0.1", ("a", "b"), ("c",), "greater", LOG_1_1)
    found = effect_of(comparison, ours, [[reaching(seed, 80, 900) for seed in range(6)]])
    assert found.low <= 55 / 80 * (1 + 1e-9) and found.p_for == 1


def test_accuracy_at_a_step_is_of_the_last_evaluation_until_then():
    runs = pair(history=history([0, 25, 125, 250], validation_accuracy=[0.1, 0.5, 0.8, 0.9]))
    assert measured(runs, "accuracy at step 125") == pytest.approx(0.8)
    sparse = pair(history=history([0, 100, 200], validation_accuracy=[0.1, 0.6, 0.9]))
    assert measured(sparse, "accuracy at step 125") == pytest.approx(0.6)


def test_at_equal_steps_both_are_taken_where_the_shorter_run_of_the_pair_ended():
    long = history([0, 125, 250, 375], validation_accuracy=[0.1, 0.80, 0.85, 0.95])
    middle = history([0, 125, 250], validation_accuracy=[0.1, 0.7, 0.82])
    short = history([0, 125], validation_accuracy=[0.1, 0.6])
    a, b = ([made_up(seed, history=each) for seed, each in enumerate(side)] for side in ((long, short), (middle, long)))
    effects = compare(a, b, "accuracy, equal steps"), compare(b, a, "accuracy, equal steps")
    assert effects[0].estimate == pytest.approx(((0.85 - 0.82) + (0.6 - 0.8)) / 2)
    assert effects[1].estimate == pytest.approx(-effects[0].estimate)


@pytest.mark.parametrize("curve", ["train", "validation"])
def test_the_later_gain_is_from_the_middle_five_evaluations_to_the_last_five(curve):
    """Of 0 to 10 the last five have the mean 8, the middle five 5."""
    named = {"train": "later training accuracy", "validation": "later validation accuracy"}[curve]
    runs = pair(history=history(125 * np.arange(11), **{f"{curve}_accuracy": np.arange(11) / 100}))
    assert measured(runs, named) == pytest.approx(0.03)


def test_dense_evaluations_at_the_start_do_not_move_the_middle_of_the_run():
    """An accuracy that rises evenly gains half of its rise in the second half, up to an evaluation or two."""
    steps = np.union1d(np.arange(0, designs.WATCHED["dense_steps"], 25), np.arange(0, 12_500, 125))
    gain = measured(pair(history=history(steps, train_accuracy=steps / 12_500)), "later training accuracy")
    assert gain == pytest.approx(0.5 - 2 * 125 / 12_500, abs=2 * 125 / 12_500)


RECORDS = np.array([0, 125, 250, 375, 500, 625, 1250, 1875, 2500, 3125, 3750, 4375])


@pytest.mark.parametrize("name", ["minibatch noise", "unit change"])
def test_early_diagnostics_leave_out_what_comes_before_and_after(name):
    values = np.where((RECORDS >= 625) & (RECORDS <= 3125), 0.3, 9.0)
    runs = pair(diagnostics={"step": RECORDS, name.replace(" ", "_"): values})
    assert measured(runs, name) == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["minibatch noise", "unit change"])
def test_early_diagnostics_are_the_mean_over_epochs_2_to_5(name):
    """A record tells of the updates before it: that after update 625 of the first epoch, that after 3125 of the fifth."""
    values = np.full(len(RECORDS), 9.0)
    values[np.isin(RECORDS, (1250, 1875, 2500, 3125))] = 0.1, 0.2, 0.3, 0.6
    runs = pair(diagnostics={"step": RECORDS, name.replace(" ", "_"): values})
    assert measured(runs, name) == pytest.approx(0.3)


def test_an_epoch_is_as_long_as_the_experiment_says():
    """Of 3,200 images in minibatches of 32 it has 100 updates."""
    runs = [SimpleNamespace(experiment=Experiment(seed=seed, n_train=3200), diagnostics={
        "step": np.array([0, 100, 101, 500, 501]), "unit_change": np.array([9.0, 9.0, 0.2, 0.4, 9.0])}) for seed in (0, 1)]
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


def stopped_at(seed, step, stopped=True):
    return made_up(seed, stops={"validation": Stop(step, step, stopped, {}, {}), "half_1": Stop(9, 9, True, {}, {})})


def test_the_share_of_the_epochs_is_where_the_whole_file_stopped_the_run():
    """A quarter and all of 50 times 625 updates: half of it is their geometric mean."""
    assert measured([stopped_at(0, 7811), stopped_at(1, 31_249, False)], "share of the 50 epochs") == pytest.approx(
        0.5, rel=1e-3)


def test_not_stopped_counts_the_runs_that_went_on_to_the_end():
    runs = [stopped_at(seed, 999, seed >= 3) for seed in range(10)]
    found = compare(runs, 0.0, "not stopped", "greater", 0.2)
    assert (found.estimate, found.p_for) == (0.3, 0)
    assert found.p_against == pytest.approx(stats.binom.cdf(3, 10, 0.2))
    assert (found.low, found.high) == pytest.approx(tuple(stats.binomtest(3, 10).proportion_ci(0.95)))


@pytest.mark.parametrize("direction, beside", [("greater", "runs"), ("greater", 0.5), ("less", 0.0), ("same", 0.0)])
def test_shares_compared_with_anything_but_whether_it_happens_are_refused(direction, beside):
    """The interval and the test are of one share: with another group, or a number, they would be of something else."""
    runs = [stopped_at(seed, 999, seed >= 3) for seed in range(10)]
    others = [stopped_at(seed, 999, seed >= 1) for seed in range(10)]
    with pytest.raises(ValueError, match="^(runs_b|measure|direction): "):
        compare(runs, others if beside == "runs" else beside, "not stopped", direction, 0.2)


# ---- pairs


def accurate(accuracies, seeds=None, third=0):
    """Runs with such accuracies."""
    judged = [{half: (0.1, value) for half in ("half_1", "half_2")} for value in accuracies]
    return [made_up(seed, third, stops={half: Stop(9, 9, True, each, each) for half in ("half_1", "half_2")})
            for seed, each in zip(range(len(judged)) if seeds is None else seeds, judged)]


def test_a_constant_shift_between_noisy_pairs_is_seen_as_what_it_is():
    rng = np.random.default_rng(7)
    level = 0.95 + rng.normal(0, 0.01, 20)
    a, b = level + 0.003 + rng.normal(0, 1e-5, 20), level
    found = compare(accurate(a), accurate(b))
    expected = stats.ttest_rel(a, b)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.high - found.low < 3e-5 and found.estimate == pytest.approx(0.003, abs=1e-5)
    assert found.correlation == pytest.approx(np.corrcoef(a, b)[0, 1]) and found.correlation > 0.999
    assert found.verdict() == HOLDS and found.n == 20 and found.censored == 0
    unpaired = stats.ttest_ind(a, b).confidence_interval(0.95)
    assert unpaired.low < 0 < unpaired.high  # the same runs without their pairs


@pytest.mark.parametrize("direction, opposite", [("greater", "less"), ("less", "greater")])
def test_the_two_p_values_are_against_no_difference_and_against_the_margin(direction, opposite):
    a, b = np.random.default_rng(3).normal(0.95, 0.003, (2, 12))
    found = compare(accurate(a), accurate(b), "accuracy", direction, 0.002)
    at_margin = 0.002 if direction == "greater" else -0.002
    assert found.estimate == pytest.approx((a - b).mean())
    assert found.p_for == pytest.approx(stats.ttest_1samp(a - b, 0, alternative=direction).pvalue)
    assert found.p_against == pytest.approx(stats.ttest_1samp(a - b, at_margin, alternative=opposite).pvalue)


def test_the_same_is_shown_by_two_one_sided_tests():
    a, b = np.random.default_rng(4).normal(0.95, 0.001, (2, 12))
    found = compare(accurate(a), accurate(b), "accuracy", "same", 0.002)
    below = stats.ttest_1samp(a - b, 0.002, alternative="less").pvalue
    above = stats.ttest_1samp(a - b, -0.002, alternative="greater").pvalue
    assert found.p_for == pytest.approx(max(below, above)) and found.verdict() == EQUIVALENT


def test_what_is_not_the_same_may_differ_in_either_direction():
    """Each side is held to the level by itself; alone, and not among many, that is a two-sided test at 5 %."""
    a, b = np.random.default_rng(5).normal(0.95, 0.001, (2, 12))
    found = compare(accurate(a), accurate(b), "accuracy", "same", 0.002)
    two_sided = stats.ttest_1samp(a - b, 0).pvalue
    assert (found.p_against < evidence.LEVEL) == (two_sided < 2 * evidence.LEVEL)
    assert found.p_against == pytest.approx(two_sided / 2)


def test_a_ratio_is_the_geometric_mean_over_the_pairs_with_the_interval_of_the_logarithms():
    losses = np.exp(np.random.default_rng(6).normal(-4, 1, (2, 9)))
    sides = [[made_up(seed, stops={"validation": Stop(9, 9, True, {"train": (loss, 0.9)}, {})})
              for seed, loss in enumerate(side)] for side in losses]
    found = compare(*sides, "training loss", "less", math.log(1.25))
    logs = np.log(losses[0] / losses[1])
    low, high = np.exp(stats.ttest_1samp(logs, 0).confidence_interval(0.95))
    assert (found.estimate, found.low, found.high) == pytest.approx((stats.gmean(losses[0] / losses[1]), low, high))
    assert found.p_for == pytest.approx(stats.ttest_1samp(logs, 0, alternative="less").pvalue)
    assert found.p_against == pytest.approx(stats.ttest_1samp(logs, -math.log(1.25), alternative="greater").pvalue)
    assert found.correlation == pytest.approx(np.corrcoef(*np.log(losses))[0, 1])


def test_one_group_may_be_held_against_a_number():
    accuracies = np.random.default_rng(8).normal(0.95, 0.003, 10)
    found = compare(accurate(accuracies), 0.9, margin=0.0)
    assert found.estimate == pytest.approx(accuracies.mean() - 0.9)
    assert found.p_for == pytest.approx(stats.ttest_1samp(accuracies, 0.9, alternative="greater").pvalue)
    assert math.isnan(found.correlation) and found.verdict() == HOLDS
    assert compare(accurate(accuracies), 1, margin=0.0).estimate == pytest.approx(accuracies.mean() - 1)


@pytest.mark.parametrize("seeds_a, seeds_b", [
    ((0, 1, 2), (0, 1, 3)),
    ((0, 1, 2), (0, 2, 1)),
    ((0, 1, 2), (0, 1)),
    ((0, 1), (0, 1, 2)),
    ((0,), (0,)),
    ((), ()),
    ((0, 0), (0, 0)),
    ((0, 1, 1), (0, 1, 1)),
])
def test_seeds_that_make_no_pairs_are_refused(seeds_a, seeds_b):
    """The message lists (seed, third) of either side."""
    a, b = (accurate([0.9] * len(seeds), seeds) for seeds in (seeds_a, seeds_b))
    lists = " and ".join(str([(seed, 0) for seed in seeds]) for seeds in (seeds_a, seeds_b))
    said = f"^runs: expected at least two of each group, .*got \\(seed, third\\) {re.escape(lists)}$"
    with pytest.raises(ValueError, match=said):
        compare(a, b)


def test_runs_on_different_thirds_make_no_pairs():
    said = re.escape("got (seed, third) [(0, 0), (1, 0)] and [(0, 1), (1, 1)]")
    with pytest.raises(ValueError, match=f"^runs: .*{said}$"):
        compare(accurate([0.9, 0.9]), accurate([0.9, 0.9], third=1))


def test_the_same_seed_on_two_thirds_is_two_runs():
    a, b = ([*accurate([value]), *accurate([value], third=1)] for value in (0.9, 0.8))
    assert compare(a, b).n == 2


def test_one_run_beside_a_number_is_refused():
    with pytest.raises(ValueError, match="^runs: expected at least two"):
        compare(accurate([0.95]), 0.9)


def test_one_run_twice_beside_a_number_is_refused():
    with pytest.raises(ValueError, match="^runs: expected at least two of each group, each of another seed"):
        compare(accurate([0.95, 0.95], (3, 3)), 0.9)


@pytest.mark.parametrize("arguments, said", [
    ({"measure": "precision"}, "^measure: expected one of 'accuracy', .*, got 'precision'"),
    ({"direction": "larger"}, "^direction: expected 'greater', 'less' or 'same', got 'larger'"),
    ({"margin": -0.002}, "^margin: expected a finite number of at least 0, got -0.002"),
    ({"margin": INF}, "^margin: expected a finite number of at least 0, got inf"),
    ({"margin": NAN}, "^margin: expected a finite number of at least 0, got nan"),
])
def test_what_cannot_be_compared_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        compare(accurate([0.9, 0.8]), accurate([0.9, 0.8]), **arguments)


# ---- verdicts on the claims

SEEDS = range(100, 120)
ORDINARY = {"accuracy": 0.97, "best_accuracy": 0.97, "loss": 0.1, "best_loss": 0.1, "train_loss": 0.01,
            "train_accuracy": 0.99, "updates": 1000.0, "noise": 0.5, "change": 0.01, "seconds": 20.0}
STEPS = np.arange(0, 7500, 125)


@lru_cache(maxsize=None)
def arm(name, third=0, seeds=SEEDS, scatter=1.0, **figures):
    """Made-up runs of an arm: as every other, but for figures that are given, and what chance adds."""
    f, runs = ORDINARY | figures, []

    def scattered(figure):
        return f[figure] * (1 + 0.01 * next(chance))

    for seed in seeds:
        chance = iter(np.random.default_rng([seed, third, *name.encode()]).normal(0, scatter, 20))
        last, best = ((f[loss] + 1e-4 * next(chance), f[accuracy] + 1e-4 * next(chance))
                      for loss, accuracy in (("loss", "accuracy"), ("best_loss", "best_accuracy")))
        train = scattered("train_loss"), f["train_accuracy"] + 1e-4 * next(chance)
        stops = {stop: Stop(STEPS[-1], STEPS[-1], True, {**dict.fromkeys(JUDGED, last), "train": train},
                            {**dict.fromkeys(JUDGED, best), "train": train}) for stop in STOPS}
        curve = 10.0 ** (-(STEPS + 1) / scattered("updates"))  # so many updates until the loss is 0.1
        flat = 0.9 + 1e-4 * np.resize([next(chance), next(chance), next(chance)], len(STEPS))
        gradients = 1 + 0.01 * np.abs([[next(chance) for _ in range(4)]] * 2)
        diagnostics = {"step": RECORDS, "gradient_rms": gradients,
                       "minibatch_noise": np.full(len(RECORDS), scattered("noise")),
                       "unit_change": np.full(len(RECORDS), scattered("change"))}
        runs.append(made_up(seed, third, stops=stops, diagnostics=diagnostics, seconds=scattered("seconds"),
                            history=history(STEPS, curve, flat, flat)))
    return runs


NAMED = sorted({name for one in COMPARISONS for name in evidence._arms(one)})


def all_arms(thirds=(), **changed):
    """Runs of every arm that a rule names; of arms that are given as name=figures with other figures than ordinary."""
    runs = {name: arm(name, **changed.get(name, {})) for name in NAMED}
    for third in thirds:
        for name in ("tricks 000", "tricks 100", "tricks 110", "tricks 111"):
            repeated = f"{name}, third {third}"
            runs[repeated] = arm(name, third, range(100, 105), **changed.get(repeated, changed.get(name, {})))
    return runs


def verdict(part, runs):
    """The verdict on one part."""
    return next(found for found in verdicts(runs) if found.part.name == part)


BETTER = {"accuracy": 0.98, "best_accuracy": 0.98}


def said(found):
    return [word for _, _, word in found.controls]


def test_there_is_a_verdict_on_every_part_in_the_order_of_the_rules():
    found = verdicts(all_arms())
    assert [each.part for each in found] == list(RULES)
    assert {each.verdict for each in found} <= set(evidence.VERDICTS)
    assert all(len(each.controls) == len(each.part.controls) and each.replications == () for each in found)


def test_arms_that_do_not_differ_are_equivalent_and_nothing_holds_between_them():
    found = {each.part.name: each.verdict for each in verdicts(all_arms())}
    assert found["C7c"] == found["C10a"] == found["C16a"] == EQUIVALENT
    assert found["C3a"] == found["C6"] == found["C9"] == found["C12a"] == FAILS
    assert found["C1a"] == HOLDS  # 0.97 is above 0.9


def test_a_part_holds_if_its_difference_does_and_its_control_persists():
    found = verdict("C3a", all_arms(**{"tricks 100": BETTER, "tricks 100, tuned": BETTER}))
    assert (found.verdict, said(found)) == (HOLDS, ["confirmed"])
    assert found.effect.estimate == pytest.approx(0.01, abs=2e-4)


def test_it_holds_for_another_reason_if_a_control_that_should_persist_is_refuted():
    found = verdict("C3a", all_arms(**{"tricks 100": BETTER}))
    assert (found.verdict, said(found)) == (OTHER_REASON, ["refuted"])


def test_it_is_undecided_if_a_control_is_open():
    uncertain = {"best_accuracy": 0.98, "scatter": 200.0}
    found = verdict("C3a", all_arms(**{"tricks 100": BETTER, "tricks 100, tuned": uncertain}))
    assert (found.verdict, said(found)) == (UNDECIDED, ["open"])


def test_it_does_not_hold_whatever_its_control_says():
    found = verdict("C3a", all_arms(**{"tricks 100, tuned": BETTER}))
    assert (found.verdict, said(found)) == (FAILS, ["confirmed"])


NOISY, CHANGING = {"noise": 0.75}, {"noise": 0.75, "change": 0.015}


@pytest.mark.parametrize("width_32, matched, verdict_on_it, words", [
    (CHANGING, {}, HOLDS, ["confirmed", "confirmed"]),
    (CHANGING, NOISY, OTHER_REASON, ["confirmed", "refuted"]),  # the noise should vanish, and persists
    (NOISY, {}, OTHER_REASON, ["refuted", "confirmed"]),  # units do not change more at all
    (CHANGING, {"noise": 0.55, "scatter": 30.0}, UNDECIDED, ["confirmed", "open"]),
])
def test_a_control_in_which_a_difference_should_vanish(width_32, matched, verdict_on_it, words):
    found = verdict("C13c", all_arms(**{"width 32": width_32, "width 32, matched change": matched}))
    assert (found.verdict, said(found)) == (verdict_on_it, words)


def test_one_refuted_control_is_enough_beside_one_that_is_confirmed():
    fast = {"updates": 500.0}
    matched, own = "tricks 110, matched step", "tricks 111, fastest"
    found = {case: verdict("C9", all_arms(**{"tricks 111": fast, own: fast} | changed)) for case, changed in {
        "both persist": {}, "as fast by its step": {matched: fast}, "as fast at its own rate": {own: {}}}.items()}
    assert [each.verdict for each in found.values()] == [HOLDS, OTHER_REASON, OTHER_REASON]
    assert list(map(said, found.values())) == [["confirmed"] * 2, ["refuted", "confirmed"], ["confirmed", "refuted"]]


@pytest.mark.parametrize("disagreeing", [1, 2, None])
def test_one_repetition_with_the_other_sign_makes_what_holds_undecided(disagreeing):
    worse = {f"tricks 100, third {disagreeing}": {"accuracy": 0.969}}
    found = verdict("C3a", all_arms((1, 2), **{"tricks 100": BETTER, "tricks 100, tuned": BETTER} | worse))
    assert found.verdict == (UNDECIDED if disagreeing else HOLDS)
    assert len(found.replications) == 2 and {each.n for each in found.replications} == {5}
    signs = [each.estimate > 0 for each in found.replications]
    assert signs == [disagreeing != 1, disagreeing != 2]


def test_a_smaller_difference_with_the_sign_claimed_still_agrees():
    found = verdict("C3a", all_arms((1, 2), **{"tricks 100": BETTER, "tricks 100, tuned": BETTER,
                                             "tricks 100, third 1": {"accuracy": 0.9705}}))
    assert found.verdict == HOLDS and 0 < found.replications[0].estimate < 0.002


def test_repetitions_agree_in_less_if_the_ratio_is_below_1():
    fast, slow = {"updates": 500.0}, {"updates": 1500.0}
    ours = {"tricks 100": fast, "tricks 100, fastest": fast}
    assert verdict("C2", all_arms((1, 2), **ours)).verdict == HOLDS
    assert verdict("C2", all_arms((1, 2), **ours | {"tricks 100, third 2": slow})).verdict == UNDECIDED


@pytest.mark.parametrize("accuracy, expected", [
    (0.9915, EQUIVALENT), (0.9885, EQUIVALENT), (0.993, UNDECIDED), (0.987, UNDECIDED)])
def test_repetitions_of_the_same_agree_within_the_margin_on_either_side(accuracy, expected):
    found = verdict("C7c", all_arms((1, 2), **{"tricks 110, third 2": {"train_accuracy": accuracy}}))
    assert found.verdict == expected


def test_repetitions_do_not_make_anything_hold():
    found = verdict("C3a", all_arms((1, 2), **{f"tricks 100, third {third}": BETTER for third in (1, 2)}))
    assert found.verdict == FAILS


def test_comparisons_that_were_not_repeated_have_no_repetitions():
    found = {each.part.name: len(each.replications) for each in verdicts(all_arms((1, 2)))}
    assert found["C2"] == found["C10a"] == found["C1a"] == 2
    assert found["C12a"] == found["C13a"] == found["C17a"] == 0


def test_p_values_are_corrected_for_all_parts_and_controls_together():
    found = verdicts(all_arms(**{"tricks 100": BETTER}))
    corrected, of_controls = {}, {}
    for each in found:
        corrected[each.part.comparison] = (each.effect, each.p_for, each.p_against)
        of_controls |= {control.comparison: effect for control, effect, _ in each.controls}
    assert set(corrected) | set(of_controls) == COMPARISONS
    effects = of_controls | {one: effect for one, (effect, _, _) in corrected.items()}
    for which in ("p_for", "p_against"):
        p = sorted(getattr(effect, which) for effect in effects.values())
        by_hand, largest = {}, 0.0
        for rank, value in enumerate(p):
            largest = max(largest, (len(COMPARISONS) - rank) * value)
            by_hand.setdefault(value, min(1.0, largest))
        for effect, p_for, p_against in corrected.values():
            expected = by_hand[getattr(effect, which)]
            assert {"p_for": p_for, "p_against": p_against}[which] == pytest.approx(expected)
    assert len(COMPARISONS) > len(RULES)  # controls are among them


def test_what_one_comparison_alone_would_show_is_undecided_among_many():
    """A mean of 0.003 with a standard deviation of 0.005 has t = 2.62, with 19 degrees of freedom p = 0.009."""
    runs = all_arms()
    noise = np.random.default_rng(2).normal(0, 1, len(SEEDS))
    noise = 0.003 + 0.005 * (noise - noise.mean()) / noise.std()
    runs["tricks 110"] = accurate_like(runs["tricks 110"], 0.97)
    runs["width 128"] = accurate_like(runs["width 128"], 0.97 + noise)
    runs["tricks 111"] = accurate_like(runs["tricks 111"], 0.97)
    found = verdict("C14d", runs)
    assert found.effect.p_for == pytest.approx(stats.t.sf(2.615, 19), rel=1e-3) and found.effect.p_for < evidence.LEVEL
    assert found.effect.verdict() == HOLDS
    assert found.p_for > evidence.LEVEL and found.verdict == UNDECIDED


def accurate_like(runs, accuracies):
    """The same runs with other accuracies."""
    changed = []
    for run, accuracy in zip(runs, np.broadcast_to(accuracies, len(runs))):
        stops = {name: stop._replace(last={judge: (loss, accuracy) for judge, (loss, _) in stop.last.items()})
                 for name, stop in run.stops.items()}
        changed.append(SimpleNamespace(**vars(run) | {"stops": stops}))
    return changed


def test_several_arms_count_by_the_mean_of_each_seed():
    """With fan-in weights one combination of four is 0.04 better: 0.01 on average."""
    found = verdict("C12a", all_arms(**{"tricks 101": {"accuracy": 1.01}}))
    assert found.effect.estimate == pytest.approx(0.01, abs=2e-4)
    assert found.effect.n == len(SEEDS)


@pytest.mark.parametrize("name", ["width 128", "tricks 110, matched step", "depth 10, tuned"])
def test_a_missing_arm_is_named(name):
    runs = all_arms()
    del runs[name]
    with pytest.raises(EvidenceError, match=f"^no runs of {name}: .make sweep."):
        verdicts(runs)


def test_missing_repetitions_are_no_error_but_are_not_counted():
    runs = all_arms((1, 2))
    del runs["tricks 100, third 2"]
    assert len(verdict("C3a", runs).replications) == 1


# ---- the rules


def test_every_claim_has_a_part_and_every_part_a_name_of_its_own():
    assert {int(re.fullmatch(r"C(\d+)[a-f]?", part.name)[1]) for part in RULES} == set(range(1, 20))
    assert len({part.name for part in RULES}) == len(RULES)
    assert all(part.text for part in RULES)


FASTEST = {f"tricks {code}, fastest" for code in ("000", "100", "110", "011", "101", "111")}


class Everything:
    """A store in which every run came to the same."""

    def get(self, experiment):
        judged = {half: (0.1, 0.97) for half in experiment.judge_on}
        return SimpleNamespace(experiment=experiment, diverged=False, versions=evidence.marks(),
                               stops={half: Stop(9, 9, False, judged, judged) for half in experiment.stop_on},
                               history=history([0, 99], [2.0, 0.05]), final=SimpleNamespace(train_loss=0.05),
                               diagnostics={"unit_change": np.full(6, 0.01)})


def test_every_arm_that_a_rule_names_exists():
    tuned = {f"{name}, tuned" for name in designs.tunable()} | FASTEST | {"width 32, matched change"}
    assert set(designs.tuned_arms(Everything())) == tuned
    assert set(NAMED) <= set(designs.fixed_arms()) | tuned
    assert set(evidence.arms(Everything())) == set(designs.fixed_arms()) | tuned
    assert FASTEST <= set(NAMED)  # they are trained for nothing else


def test_the_arms_of_a_comparison_have_the_same_seeds():
    arms = evidence.arms(Everything())
    for one in COMPARISONS:
        for third in ("", *evidence.THIRDS):
            there = [name + third for name in evidence._arms(one) if name + third in arms]
            seeds = {tuple(experiment.seed for experiment in arms[name]) for name in there}
            assert len(seeds) <= 1


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


def test_the_level_is_a_fortieth_on_each_side():
    assert evidence.LEVEL == 0.025


def test_the_digest_is_16_hexadecimal_digits_and_the_same_in_another_process():
    assert re.fullmatch("[0-9a-f]{16}", digest()) and digest() == digest()
    other = subprocess.run([sys.executable, "-c", "from mlplib.evidence import digest; print(digest())"], text=True,
                           capture_output=True, check=True, cwd=Path(evidence.__file__).parents[1],
                           env=os.environ | {"PYTHONHASHSEED": "7"})
    assert other.stdout.strip() == digest()
    assert evidence.marks() == {"rules": digest()}


def with_part(i, **changed):
    return (*RULES[:i], replace(RULES[i], **changed), *RULES[i + 1 :])


def changed_control():
    i = next(i for i, part in enumerate(RULES) if part.controls)
    return with_part(i, controls=(replace(RULES[i].controls[0], expected="vanishes"), *RULES[i].controls[1:]))


@pytest.mark.parametrize("name, value", [
    ("RULES", with_part(3, comparison=replace(RULES[3].comparison, margin=0.003))),
    ("RULES", with_part(3, comparison=replace(RULES[3].comparison, direction="less"))),
    ("RULES", with_part(3, text=RULES[3].text + " a little")),
    ("RULES", changed_control()),
    ("RULES", RULES[:-1]),
    ("LEVEL", 0.05),
    ("REPLICATION", evidence.REPLICATION + "."),
    ("MEASURES", MEASURES | {"accuracy": MEASURES["accuracy"]._replace(meaning="the best accuracy of all")}),
    ("MEASURES", MEASURES | {"training loss": MEASURES["training loss"]._replace(kind="difference")}),
], ids=("margin", "direction", "text", "control", "one part less", "level", "replication", "meaning", "kind"))
def test_the_digest_changes_with_the_rules(monkeypatch, name, value):
    before = digest()
    monkeypatch.setattr(evidence, name, value)
    assert digest() != before
    monkeypatch.undo()
    assert digest() == before


# ---- confirming runs


class Shelf(dict):
    """A store in memory."""

    def put(self, experiment, rules):
        versions = {"mlplib": "0.1.0"} | ({"rules": rules} if rules else {})
        self[experiment] = SimpleNamespace(experiment=experiment, versions=versions)


@pytest.fixture
def two_arms(monkeypatch):
    arms = {"plain": [Experiment(seed=seed) for seed in (100, 101, 102)],
            "wide": [Experiment((128,), seed=seed) for seed in (100, 101)]}
    monkeypatch.setattr(designs, "fixed_arms", lambda: {"plain": arms["plain"]})
    monkeypatch.setattr(designs, "tuned_arms", lambda store: {"wide": arms["wide"]})
    return arms


def filled(arms, rules=None):
    shelf = Shelf()
    for experiment in (one for each in arms.values() for one in each):
        shelf.put(experiment, rules or digest())
    return shelf


def test_confirming_runs_come_by_arm_in_the_order_of_their_seeds(two_arms):
    runs = confirming_runs(filled(two_arms))
    assert {name: [run.experiment for run in each] for name, each in runs.items()} == two_arms


def test_missing_runs_are_named_and_counted(two_arms):
    shelf = filled(two_arms)
    del shelf[two_arms["plain"][0]], shelf[two_arms["plain"][2]]
    with pytest.raises(EvidenceError, match="^runs are missing, .make sweep. trains them: 2 of plain$"):
        confirming_runs(shelf)
    with pytest.raises(EvidenceError, match="3 of plain, 2 of wide$"):
        confirming_runs(Shelf())


@pytest.mark.parametrize("rules", ["0123456789abcdef", None], ids=("other rules", "no rules"))
def test_runs_that_were_not_made_under_these_rules_are_named_with_their_seed(two_arms, rules):
    shelf = filled(two_arms)
    shelf.put(two_arms["wide"][1], rules)
    with pytest.raises(EvidenceError, match=f"^not made under the present rules, {digest()}: wide, seed 101$"):
        confirming_runs(shelf)


def test_rules_that_change_afterwards_leave_no_run_valid(two_arms, monkeypatch):
    shelf = filled(two_arms)
    confirming_runs(shelf)
    monkeypatch.setattr(evidence, "LEVEL", 0.05)
    every_run = "; ".join(f"{name}, seed {each.seed}" for name, arm in two_arms.items() for each in arm)
    with pytest.raises(EvidenceError, match=f"{every_run}$"):
        confirming_runs(shelf)
