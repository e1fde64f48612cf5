"""Statistics: from numbers to an estimate with its interval and its test, and from many tests to corrected ones."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlplib.evidence import special

LEVEL = 0.025  # of each one-sided test; the two sides make the 95 % of the intervals


class Estimate(NamedTuple):
    """What numbers say of the quantity that they scatter about.

    Attributes
    ----------
    value, low, high : float
        With its interval, of 95 % unless another level was asked for.
    p_value : callable
        From a number and "greater" or "less" to the p-value, a float, of the one-sided test whether the quantity is
        greater or less than that number.
    """

    value: float
    low: float
    high: float
    p_value: Callable


def geometric_mean(values):
    """The number whose logarithm is the mean of the logarithms.

    Parameters
    ----------
    values : sequence of float
        All above 0.

    Returns
    -------
    float
    """
    return float(np.exp(np.mean(np.log(values))))


def mean_estimate(values, level=LEVEL):
    """The mean, with Student's t interval and test.

    Parameters
    ----------
    values : float array of shape (n,)
        At least two. If one is not finite, the interval is NaN and nothing is shown.
    level : float
        Of the one-sided test that each end of the interval belongs to.

    Returns
    -------
    Estimate
    """
    n, mean = len(values), float(np.mean(values))
    if not np.isfinite(values).all():
        return Estimate(mean, math.nan, math.nan, lambda null, alternative: 1.0)
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    if error == 0:
        return Estimate(mean, mean, mean, lambda null, alternative: float(
            not (mean > null if alternative == "greater" else mean < null)))
    half = -special.stdtrit(n - 1, level) * error

    def p_value(null, alternative):
        t = (mean - null) / error
        return float(special.stdtr(n - 1, -t if alternative == "greater" else t))

    return Estimate(mean, mean - half, mean + half, p_value)


def median_estimate(lower, upper, level=LEVEL):
    """The median of numbers that are known between bounds, with the interval of its order statistics and the sign test.

    Parameters
    ----------
    lower, upper : float array of shape (n,)
        Equal where a number is known; infinite on the side where nothing is known.
    level : float
        As for `mean_estimate`.

    Returns
    -------
    Estimate
        Its interval holds whatever the numbers are between their bounds.
    """
    n = len(lower)
    rank = np.count_nonzero(special.bdtr(np.arange(n), n, 0.5) <= level)  # as many may lie outside on each side
    low, high = (np.sort(lower)[rank - 1], np.sort(upper)[n - rank]) if rank else (-math.inf, math.inf)
    # A number with one bound counts with it, one without bounds with neither.
    nearest = np.where(np.isfinite(lower), lower, upper)
    nearest = nearest[np.isfinite(nearest)]
    median = float(np.median(nearest)) if len(nearest) else math.nan

    def p_value(null, alternative):
        beyond = np.count_nonzero(lower > null if alternative == "greater" else upper < null)
        return float(special.bdtrc(beyond - 1, n, 0.5))

    return Estimate(median, float(low), float(high), p_value)


def share_estimate(outcomes, level=LEVEL):
    """The share of outcomes that are 1, with the exact binomial interval and test.

    Parameters
    ----------
    outcomes : array of shape (n,)
        Each 0 or 1.
    level : float
        As for `mean_estimate`.

    Returns
    -------
    Estimate
        Whether the share is greater than 0 is certain if both outcomes happened.
    """
    n, k = len(outcomes), int(np.sum(outcomes))
    low = special.betaincinv(k, n - k + 1, level) if k else 0.0  # Clopper and Pearson's
    high = special.betaincinv(k + 1, n - k, 1 - level) if k < n else 1.0

    def p_value(null, alternative):
        if alternative == "greater" and null == 0:
            return float(k == 0 or k == n)  # one of each is proof that both happen
        return float(special.bdtrc(k - 1, n, null) if alternative == "greater" else special.bdtr(k, n, null))

    return Estimate(k / n, float(low), float(high), p_value)


def holm(p_values):
    """Holm's step-down correction: p-values adjusted for being many.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    list of float
        In the same order. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted.tolist()


def holm_levels(p_values):
    """The level of each test by itself that comes to the decisions of Holm's correction.

    The intervals that belong to these levels agree with corrected verdicts. Of those tests that show something, each
    has the level of its step; all others have that of the step at which the correction stops.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    list of float
        In the same order.
    """
    p = np.asarray(p_values, float)
    open_ = np.count_nonzero(np.asarray(holm(p)) >= LEVEL)
    divisors = np.empty(len(p))
    divisors[np.argsort(p, kind="stable")] = np.maximum(np.arange(len(p), 0, -1), open_)
    return (LEVEL / divisors).tolist()
