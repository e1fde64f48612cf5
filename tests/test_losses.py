"""Softmax, cross-entropy and its δ against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mlplib.losses import cross_entropy, log_softmax, one_hot, output_delta, softmax

logits = arrays(float, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-50, 50))


def test_softmax_of_a_row_written_out():
    total = 1 + math.e + math.e**2
    np.testing.assert_allclose(softmax(np.array([[0.0, 1.0, 2.0]])), [[1 / total, math.e / total, math.e**2 / total]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
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
    assert one_hot(np.array([0]), 1).tolist() == [[1]]
    with pytest.raises(ValueError, match=r"^n_classes: expected an integer of at least 1, got 0"):
        one_hot(np.array([], int), 0)


@pytest.mark.parametrize("use, expected", [
    (log_softmax, [[0, -1e4]]), (softmax, [[1, 0]]), (lambda log_p: output_delta(log_p, np.array([[1, 0]])), [[0, 0]]),
], ids=["log_softmax", "softmax", "output_delta"])
def test_what_underflows_is_0_under_any_of_numpys_settings(use, expected):
    with np.errstate(all="raise"):
        assert use(np.array([[0, -1e4]])).tolist() == expected
