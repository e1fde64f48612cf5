"""Initial weights against their distributions: 785 · 640 draws, so that means and spreads are known to about 0.2 %."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from mlplib import INITIALIZERS
from mlplib.initializers import draw

SHAPE = (785, 640)


@pytest.fixture(scope="module")
def drawn():
    return {init: draw(init, np.random.default_rng(0), SHAPE, fan_in=785) for init in INITIALIZERS}


def test_there_are_no_other_initializers():
    assert set(INITIALIZERS) == {"uniform", "fan_in"}


def test_uniform_fills_minus_1_to_1_evenly(drawn):
    W = drawn["uniform"]
    assert W.shape == SHAPE
    assert -1 <= W.min() < -0.9999 and 0.9999 < W.max() <= 1
    np.testing.assert_allclose(np.histogram(W, bins=10, range=(-1, 1))[0] / W.size, 0.1, rtol=0.02)


def test_fan_in_is_normal_with_deviation_one_over_the_root_of_the_inputs(drawn):
    scaled = drawn["fan_in"] * math.sqrt(785)
    assert scaled.shape == SHAPE
    assert scaled.mean() == pytest.approx(0, abs=0.007)
    assert scaled.std() == pytest.approx(1, rel=0.005)
    for bound in (0.5, 1, 2, 3):
        assert np.mean(scaled < bound) == pytest.approx(NormalDist().cdf(bound), abs=0.004)


def test_both_initializers_push_the_same_draws(drawn):
    order = np.argsort(drawn["uniform"].ravel())
    assert (np.diff(drawn["fan_in"].ravel()[order]) >= 0).all()
