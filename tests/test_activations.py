"""Activations and their derivatives against their definitions, as they are and with gains and an offset."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import DEFINITIONS, GAINS

import mlplib
from mlplib import ACTIVATIONS, Experiment
from mlplib.activations import Adjusted, activation, steepest

LOGISTIC_AS_IMPROVED = {"activation": "sigmoid", "input_gain": 4 / 3, "output_gain": 3.4318, "offset": -1.7159}
Z = np.linspace(-6, 6, 241)
each_activation = pytest.mark.parametrize("name", ACTIVATIONS)


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
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


# ---- gains and an offset


def test_the_improved_sigmoid_is_the_logistic_one_adjusted():
    f = activation("sigmoid", 4 / 3, 3.4318, -1.7159)
    np.testing.assert_allclose(f(Z), 1.7159 * np.tanh(2 * Z / 3), atol=1e-14)
    np.testing.assert_allclose(f.derivative(f(Z)), 1.7159 * 2 / 3 / np.cosh(2 * Z / 3) ** 2, atol=1e-14)


def test_tanh_is_the_logistic_sigmoid_adjusted():
    f = activation("sigmoid", 2, 2, -1)
    np.testing.assert_allclose(f(Z), np.tanh(Z), atol=1e-14)
    np.testing.assert_allclose(f.derivative(f(Z)), 1 / np.cosh(Z) ** 2, atol=1e-14)


@each_activation
@pytest.mark.parametrize("gains", GAINS, ids=str)
def test_an_adjusted_derivative_is_the_slope(name, gains):
    f, h = activation(name, *gains), 1e-5
    np.testing.assert_allclose(f.derivative(f(Z)), (f(Z + h) - f(Z - h)) / (2 * h), atol=1e-8)


@each_activation
def test_an_adjusted_activation_writes_where_it_is_told(name):
    f, z, slope = activation(name, 2, 3, -1), Z.copy(), np.empty_like(Z)
    a = f(Z)
    assert f(z, out=z) is z and np.array_equal(z, a)
    expected = f.derivative(a)
    assert f.derivative(a, out=slope) is slope and np.array_equal(slope, expected)
    assert np.array_equal(a, z), "the derivative has changed its argument"


@each_activation
def test_without_gains_an_activation_is_what_it_was(name):
    assert activation(name) is activation(name, 1, 1.0, -0.0) is ACTIVATIONS[name]
    assert all(isinstance(activation(name, *gains), Adjusted) for gains in GAINS)


def test_the_adjusted_logistic_sigmoid_learns_as_the_improved_one_does():
    short = Experiment(hidden=(8, 8), init="fan_in", n_train=320, epochs=1)
    plain, improved, adjusted = (
        mlplib.run(replace(short, **options)).history
        for options in ({}, {"activation": "improved_sigmoid"}, LOGISTIC_AS_IMPROVED))
    np.testing.assert_allclose(adjusted.minibatch_loss, improved.minibatch_loss, atol=1e-4)
    np.testing.assert_allclose(adjusted.validation_loss, improved.validation_loss, atol=1e-4)
    assert abs(plain.validation_loss - improved.validation_loss).min() > 0.01


def test_steepest_is_the_slope_at_0_of_both_sigmoids():
    assert steepest(activation("sigmoid")) == 1 / 4
    assert steepest(activation("improved_sigmoid")) == pytest.approx(2 / 3 * 1.7159, rel=1e-15)
    assert steepest(activation("sigmoid", 2, -3)) == 3 / 2


class Exponential:
    """f(z) = exp(rate z), whose slope is steepest at one end of what is looked at."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, z):
        return np.exp(self.rate * z)

    def derivative(self, a):
        return self.rate * a


def test_steepest_looks_from_minus_10_to_10():
    assert steepest(Exponential(-1)) == steepest(Exponential(1)) == pytest.approx(np.exp(10))


def test_by_default_nothing_is_adjusted():
    f = ACTIVATIONS["sigmoid"]
    np.testing.assert_array_equal(Adjusted(f)(Z), f(Z))
    np.testing.assert_array_equal(Adjusted(f).derivative(f(Z)), f.derivative(f(Z)))


@pytest.mark.parametrize("f", [*ACTIVATIONS.values(), activation("sigmoid", 1 / 3, 3)],
                         ids=[*ACTIVATIONS, "adjusted"])
def test_what_underflows_is_0_under_any_of_numpys_settings(f):
    smallest = np.array([5e-324, 1e-200, 0.5])
    with np.errstate(all="ignore"):
        calm = f(smallest).tolist(), f.derivative(smallest).tolist()
    with np.errstate(all="raise"):
        assert (f(smallest).tolist(), f.derivative(smallest).tolist()) == calm
