"""Effects: what pairs of runs say, and the verdict on one comparison alone."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made_up import INF, LOG_1_1, NAN, effect, history, made_up, stopped_at
from scipy import stats

from mlplib.evidence import Comparison, compare, statistics
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED, effect_of
from mlplib.running import Stop

# ---- verdicts on one comparison

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


def test_corrected_p_values_replace_the_effects_own():
    assert effect("greater", 0.01, p_for=0.001).verdict() == HOLDS
    assert effect("greater", 0.01, p_for=0.001).verdict(p_for=0.05) == UNDECIDED
    assert effect("greater", 0.0, p_against=0.001).verdict(p_against=0.05) == UNDECIDED
    assert effect("greater", 0.0, p_against=0.9).verdict(p_against=0.0) == FAILS

# ---- runs that never came so far


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
    assert found.p_for == pytest.approx(2.0**-6 if upper < 1 else 1)
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
    """1/4, 1/2 and less than 1/4 are certainly below 1: three heads or more of eight.

    Of what is known so far - 1/4, 1/4, 1/2, 0.6, 2, 3, 8 - the middle is 0.6.
    """
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


def test_at_equal_steps_both_are_taken_where_the_shorter_run_of_the_pair_ended():
    long = history([0, 125, 250, 375], validation_accuracy=[0.1, 0.80, 0.85, 0.95])
    middle = history([0, 125, 250], validation_accuracy=[0.1, 0.7, 0.82])
    short = history([0, 125], validation_accuracy=[0.1, 0.6])
    a, b = ([made_up(seed, history=each) for seed, each in enumerate(side)] for side in ((long, short), (middle, long)))
    effects = compare(a, b, "accuracy, equal steps"), compare(b, a, "accuracy, equal steps")
    assert effects[0].estimate == pytest.approx(((0.85 - 0.82) + (0.6 - 0.8)) / 2)
    assert effects[1].estimate == pytest.approx(-effects[0].estimate)


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
    with pytest.raises(ValueError, match=r"^(runs_b|measure|direction): "):
        compare(runs, others if beside == "runs" else beside, "not stopped", direction, 0.2)


# ---- pairs


def accurate(accuracies, seeds=None, third=0):
    """Runs with such accuracies."""
    judged = [dict.fromkeys(("half_1", "half_2"), (0.1, value)) for value in accuracies]
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
    assert (found.p_against < statistics.LEVEL) == (two_sided < 2 * statistics.LEVEL)
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
    with pytest.raises(ValueError, match=r"^runs: expected at least two"):
        compare(accurate([0.95]), 0.9)


def test_one_run_twice_beside_a_number_is_refused():
    with pytest.raises(ValueError, match=r"^runs: expected at least two of each group, each of another seed"):
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

