"""The special functions that a browser does without SciPy for, held against SciPy's, wherever they are asked for."""

import sys

import numpy as np
import pytest
from scipy import special as scipys

from mlplib.evidence import special
from mlplib.evidence.statistics import mean_estimate, median_estimate, share_estimate

TAILS = np.r_[np.logspace(-12, -0.4, 30), 0.5, 0.7, 0.975]
ALONG = np.r_[-np.logspace(1.5, -8, 40), 0, np.logspace(-8, 1.5, 40)]


@pytest.fixture
def without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)


def test_where_scipy_is_installed_the_functions_are_its_own():
    for name in special._OURS:
        assert getattr(special, name) is getattr(scipys, name)


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="has no attribute 'expit'"):
        special.expit  # noqa: B018


@pytest.mark.parametrize("df", [2, 3, 4, 9, 19, 99])
def test_students_t_is_scipys(without_scipy, df):
    assert special.stdtr(df, ALONG) == pytest.approx(scipys.stdtr(df, ALONG), rel=1e-11)
    assert special.stdtrit(df, TAILS) == pytest.approx(scipys.stdtrit(df, TAILS), rel=1e-11, abs=1e-11)


def test_with_one_degree_of_freedom_students_t_is_cauchys(without_scipy):
    t = np.logspace(-3, 5, 40)
    assert special.stdtr(1, -t) == pytest.approx(np.arctan2(1, t) / np.pi, rel=1e-12)


@pytest.mark.parametrize("p", [0.025, 0.5, 0.975])
@pytest.mark.parametrize("n", [1, 6, 20, 900])
def test_the_binomial_is_scipys(without_scipy, n, p):
    k = np.unique(np.linspace(0, n, 21).astype(int))
    assert special.bdtr(k, n, p) == pytest.approx(scipys.bdtr(k, n, p), rel=1e-10, abs=1e-250)
    assert special.bdtrc(k - 1, n, p) == pytest.approx(scipys.bdtrc(k - 1, n, p), rel=1e-10, abs=1e-250)
    inside = k[(k > 0) & (k <= n)]
    assert special.betaincinv(inside, n - inside + 1, p) == pytest.approx(
        scipys.betaincinv(inside, n - inside + 1, p), rel=1e-11)


@pytest.mark.parametrize("estimate", [
    lambda values: mean_estimate(values, 0.001), lambda values: median_estimate(values, values),
    lambda values: share_estimate(values > 0.3), lambda values: share_estimate(values > -9),
], ids=["mean", "median", "share", "all"])
def test_an_estimate_is_the_same_without_scipy(monkeypatch, estimate):
    values = np.random.default_rng(0).normal(0.3, 1.0, 20)

    def found():
        *numbers, p_value = estimate(values)
        return [*numbers, *(p_value(null, side) for null in (0, 0.5) for side in ("greater", "less"))]

    expected = found()
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert found() == pytest.approx(expected, rel=1e-11)
