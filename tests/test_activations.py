"""Activations, losses and initial weights against their definitions."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mlplib import ACTIVATIONS, INITIALIZERS
from mlplib.initializers import draw
from mlplib.losses import cross_entropy, log_softmax, one_hot, output_delta, softmax

DEFINITIONS = {
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "improved_sigmoid": lambda z: 1.7159 * math.tanh(2 * z / 3),
}
FLOATS = (np.float32, np.float64)

both_dtypes = pytest.mark.parametrize("dtype", FLOATS)
each_activation = pytest.mark.parametrize("name", DEFINITIONS)
logits = arrays(float, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-50, 50))


# ---- activations


def test_there_are_no_other_activations():
    assert set(ACTIVATIONS) == set(DEFINITIONS)


@each_activation
def test_an_activation_follows_its_definition(name):
    z = np.linspace(-20, 20, 401)
    np.testing.assert_allclose(ACTIVATIONS[name](z), [DEFINITIONS[name](v) for v in z], atol=1e-15, rtol=1e-13)


@each_activation
def test_a_derivative_is_the_slope(name):
    f, z, h = ACTIVATIONS[name], np.linspace(-8, 8, 161), 1e-6
    np.testing.assert_allclose(f.derivative(f(z)), (f(z + h) - f(z - h)) / (2 * h), atol=1e-9, rtol=0)


@both_dtypes
@pytest.mark.parametrize("name, below, above", [("sigmoid", 0, 1), ("improved_sigmoid", -1.7159, 1.7159)])
def test_far_out_an_activation_is_flat(name, below, above, dtype):
    f = ACTIVATIONS[name]
    a = f(np.array([-1e4, 1e4], dtype))
    assert a.dtype == dtype
    np.testing.assert_allclose(a, [below, above], rtol=1e-6)
    np.testing.assert_allclose(f.derivative(a), 0, atol=1e-6)


def test_the_improved_sigmoid_is_a_logistic_one_with_other_gains():
    z = np.linspace(-10, 10, 201)
    expected = 3.4318 * ACTIVATIONS["sigmoid"](4 * z / 3) - 1.7159
    np.testing.assert_allclose(ACTIVATIONS["improved_sigmoid"](z), expected, atol=1e-14, rtol=0)


@each_activation
def test_an_activation_leaves_its_input_alone(name):
    z = np.array([-1.0, 0.5])
    ACTIVATIONS[name].derivative(ACTIVATIONS[name](z))
    assert z.tolist() == [-1.0, 0.5]


# ---- losses


def test_softmax_of_a_row_written_out():
    total = 1 + math.e + math.e**2
    np.testing.assert_allclose(softmax(np.array([[0.0, 1.0, 2.0]])), [[1 / total, math.e / total, math.e**2 / total]])


@both_dtypes
def test_extreme_logits_give_finite_losses(dtype):
    log_p = log_softmax(np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype))
    assert log_p.dtype == dtype
    np.testing.assert_allclose(log_p, [[0, -1e4, -2e4], [-math.log(3)] * 3], rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_p), [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    assert cross_entropy(log_p, one_hot(np.array([2, 0]), 3)) == pytest.approx((2e4 + math.log(3)) / 2, rel=1e-6)


@given(logits, st.floats(-100, 100))
def test_softmax_is_invariant_to_a_shift(z, shift):
    np.testing.assert_allclose(softmax(z + shift), softmax(z), rtol=1e-10)


@given(logits)
def test_probabilities_of_a_row_sum_to_1(z):
    np.testing.assert_allclose(softmax(z).sum(axis=1), 1, rtol=1e-12)


def test_cross_entropy_is_the_mean_surprise():
    log_p = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert cross_entropy(log_p, one_hot(np.array([1, 2]), 3)) == pytest.approx(-(math.log(0.25) + math.log(0.8)) / 2)


def test_output_delta_is_prediction_minus_target_over_n():
    p, labels = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.array([1, 2])
    np.testing.assert_allclose(output_delta(np.log(p), one_hot(labels, 3)), [[0.25, -0.375, 0.125], [0.05, 0.05, -0.1]])


def test_one_hot_has_a_1_at_the_label():
    assert one_hot(np.array([2, 0]), n_classes=3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(np.array([9])).shape == (1, 10)


# ---- initial weights: 785 · 640 draws, so that means and spreads are known to about 0.2 %

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
