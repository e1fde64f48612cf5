"""Five of SciPy's special functions, under their names there: SciPy's own, and where it is not installed, ours.

It is not where a notebook runs in the browser, and would be 20 MB to fetch: all of these are one integral, Euler's beta
function over a part of its range.
"""

import math
from functools import lru_cache

import numpy as np


def __getattr__(name):
    if name not in _OURS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from scipy import special  # in a tenth of the time of scipy.stats, which calls the same functions
    except ModuleNotFoundError:
        return _OURS[name]
    return getattr(special, name)


def _beta_share(a, b, x, y):
    """The regularised incomplete beta function I_x(a, b), where y is 1 - x, which may be known more exactly.

    By its continued fraction (NIST, "Digital Library of Mathematical Functions", 8.17.22), with Lentz's recursion.
    """
    if a <= 0 or b <= 0 or x <= 0 or y <= 0:
        return float(a <= 0 or (b > 0 and y <= 0))
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(b, a, y, x)
    tiny, before, inverse, value, n = 1e-300, 1.0, 0.0, 1.0, 0
    while True:
        m = n // 2
        if n == 0:
            term = 1.0
        elif n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        inverse = 1 / (1 + term * inverse or tiny)
        before = 1 + term / before or tiny
        value *= before * inverse
        n += 1
        if (n > 2 and abs(before * inverse - 1) < 1e-16) or n > 10_000:
            break
    size = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y)
    return math.exp(size) / a * (value - 1)


def _stdtr(df, t):
    tail = _beta_share(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t)) / 2
    return tail if t < 0 else 1 - tail


def _halved(is_low, low, high):
    """Where something stops being too low, to the last digit."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if is_low(middle) else (low, middle)
    return high


@lru_cache(maxsize=1000)
def _stdtrit(df, p):
    if p > 0.5:
        return -_stdtrit(df, 1 - p)
    x = _halved(lambda x: _beta_share(df / 2, 0.5, x, 1 - x) < 2 * p, 0.0, 1.0)
    return -math.sqrt(df * (1 - x) / x)


def _betaincinv(a, b, p):
    return _halved(lambda x: _beta_share(a, b, x, 1 - x) < p, 0.0, 1.0)


_OURS = {sign: np.vectorize(value, otypes=[float]) for sign, value in {
    "stdtr": _stdtr,  # Student's t below t
    "stdtrit": _stdtrit,  # and where it has a share p
    "bdtr": lambda k, n, p: _beta_share(n - k, k + 1, 1 - p, p),  # of n trials at most k succeed
    "bdtrc": lambda k, n, p: _beta_share(k + 1, n - k, p, 1 - p),  # more than k
    "betaincinv": _betaincinv,
}.items()}
