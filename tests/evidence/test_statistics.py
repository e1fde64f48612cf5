"""Statistics: estimates with their intervals and tests, held against SciPy's, and Holm's correction."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import INF, NAN
from scipy import stats

from mlplib.evidence import statistics
from mlplib.evidence.statistics import (
    LEVEL,
    geometric_mean,
    holm,
    holm_levels,
    mean_estimate,
    median_estimate,
    share_estimate,
)


def sign(values):
    """The median's interval and test of numbers that are known, infinite, or not known at all."""
    values = np.asarray(values, float)
    return median_estimate(*(np.where(np.isnan(values), bound, values) for bound in (-INF, INF)))


def draws(n, seed=0, digits=6):
    return np.random.default_rng(seed).normal(0.3, 1.0, n).round(digits)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_the_geometric_mean_is_that_of_scipy(values):
    assert geometric_mean(values) == pytest.approx(stats.gmean(values))


# ---- the t interval


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_t_interval_and_both_tests_are_those_of_scipy(n):
    values = draws(n, seed=n)
    mean, low, high, test = mean_estimate(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean, low, high) == pytest.approx((values.mean(), interval.low, interval.high))
    for null in (-0.7, 0.0, 0.4):
        for alternative in ("greater", "less"):
            expected = stats.ttest_1samp(values, null, alternative=alternative).pvalue
            assert test(null, alternative) == pytest.approx(expected)


def test_equal_differences_are_certain_except_at_their_own_value():
    mean, low, high, test = mean_estimate(np.full(4, 0.5))
    assert mean == low == high == 0.5
    assert [test(0.4, "greater"), test(0.5, "greater"), test(0.6, "greater")] == [0, 1, 1]
    assert [test(0.4, "less"), test(0.5, "less"), test(0.6, "less")] == [1, 1, 0]


@pytest.mark.parametrize("odd", [INF, -INF, NAN])
def test_means_with_a_value_that_is_no_number_show_nothing(odd):
    _, low, high, test = mean_estimate(np.array([0.1, 0.2, odd]))
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
    assert sign(np.arange(5.0) + 1).p_value(0.0, "greater") == 1 / 32


def test_of_twenty_pairs_the_sixth_from_each_end_bound_the_median():
    """P(X <= 5) = 0.0207 and P(X <= 6) = 0.0577 for twenty tosses."""
    assert sign(draws(20).argsort().astype(float))[1:3] == (5, 14)


@pytest.mark.parametrize("shown, lowest, p", [(2.0, -3, 255 / 256), (-4.0, -4, 1)],
                         ids=("slower", "long enough for nothing"))
def test_a_run_that_never_came_so_far_counts_as_one_pair_and_not_more(shown, lowest, p):
    known = [-3.0, -2, -1, -1, -1, -1, -1]
    median, low, high, test = median_estimate(np.array([*known, shown]), np.array([*known, INF]))
    assert (median, low, high) == (-1, lowest, INF)
    assert test(0.0, "less") == pytest.approx(stats.binomtest(7, 8, alternative="greater").pvalue)
    assert test(0.0, "less") == pytest.approx(9 / 256)
    assert test(0.0, "greater") == pytest.approx(p)


def test_if_all_runs_of_one_side_never_came_so_far_the_median_is_what_is_shown_and_the_test_as_clear_as_can_be():
    """Two of ten may lie outside on each side, so the interval begins at the second."""
    shown = np.arange(1.0, 11)
    median, low, high, test = median_estimate(shown, np.full(10, INF))
    assert (median, low, high) == (5.5, 2, INF)
    assert test(0.0, "greater") == 2.0**-10 and test(0.0, "less") == 1
    assert test(4.0, "greater") == pytest.approx(stats.binomtest(6, 10, alternative="greater").pvalue)
    median, low, high, test = median_estimate(np.full(10, -INF), -shown)
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
    share, low, high, test = share_estimate(np.repeat([1.0, 0.0], [k, 20 - k]))
    exact = stats.binomtest(k, 20)
    assert share == k / 20 and (low, high) == pytest.approx(tuple(exact.proportion_ci(0.95, method="exact")))
    for alternative in ("less", "greater"):
        assert test(0.2, alternative) == pytest.approx(stats.binomtest(k, 20, 0.2, alternative).pvalue)
    assert test(0.2, "less") == pytest.approx(stats.binom.cdf(k, 20, 0.2))


@pytest.mark.parametrize("k, p", [(0, 1), (1, 0), (19, 0), (20, 1)])
def test_one_run_of_each_kind_is_proof_that_both_happen(k, p):
    assert share_estimate(np.repeat([1.0, 0.0], [k, 20 - k])).p_value(0, "greater") == p


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


def test_the_level_is_a_fortieth_on_each_side():
    assert statistics.LEVEL == 0.025


@given(st.lists(st.floats(0, 1), max_size=30))
def test_each_test_at_its_own_level_comes_to_holms_decisions(p):
    levels = holm_levels(p)
    assert [own < level for own, level in zip(p, levels)] == [adjusted < LEVEL for adjusted in holm(p)]
    assert all(LEVEL / max(len(p), 1) <= level <= LEVEL for level in levels)


def test_what_shows_something_has_the_level_of_its_step_and_all_else_that_of_the_last():
    assert holm_levels([0.001, 0.5, 0.02, 0.9]) == pytest.approx([LEVEL / 4, LEVEL / 3, LEVEL / 3, LEVEL / 3])
    assert holm_levels([]) == []
