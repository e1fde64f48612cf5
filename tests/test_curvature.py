"""The Hessian's products with directions: against differences, PyTorch and the whole Hessian; and its spectrum."""

import math

import numpy as np
import pytest
from helpers import (
    GAINS,
    assert_all_close,
    batch_sizes,
    in_torch,
    networks,
    seeds,
    small,
    torch_weights,
)
from hypothesis import given, settings

from mlplib import ACTIVATIONS, MLP
from mlplib.curvature import hessian_vector_product, spectrum

both_bias_modes = pytest.mark.parametrize("biases", ["input", "every_layer"])


def drawn(model, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(W.shape) for W in model.weights]


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def change_of_gradients(model, X, y, direction, h=1e-4):
    """Central differences of the gradients along a direction, with the error of order h² taken out."""
    start, found = model.weights, {}
    for step in (-2, -1, 1, 2):
        model.weights = [W + step * h * V for W, V in zip(start, direction)]
        found[step] = flat(model.gradients(X, y))
    model.weights = start
    return (8 * (found[1] - found[-1]) - (found[2] - found[-2])) / (12 * h)


def whole_hessian(model, X, y):
    """Column by column, each the product with a direction that moves a single weight."""
    columns = []
    for layer, W in enumerate(model.weights):
        for index in np.ndindex(W.shape):
            direction = [np.zeros_like(each) for each in model.weights]
            direction[layer][index] = 1
            columns.append(flat(hessian_vector_product(model, X, y, direction)))
    return np.array(columns).T


# ---- products


@settings(max_examples=60)
@given(networks, batch_sizes, seeds)
def test_a_product_is_the_change_of_the_gradients(problem, model, n_samples, seed):
    X, y = problem(n_samples, model.n_inputs, model.n_classes, seed)
    direction = drawn(model, seed)
    product = flat(hessian_vector_product(model, X, y, direction))
    np.testing.assert_allclose(product, change_of_gradients(model, X, y, direction), atol=1e-8, rtol=1e-7)


@both_bias_modes
@pytest.mark.parametrize("gains", GAINS, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gains_and_an_offset_bend_too(problem, activation, gains, biases):
    model = small(activation=activation, biases=biases, **dict(zip(("input_gain", "output_gain", "offset"), gains)))
    X, y = problem()
    direction = drawn(model)
    product = flat(hessian_vector_product(model, X, y, direction))
    np.testing.assert_allclose(product, change_of_gradients(model, X, y, direction), atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_bend_is_that_of_the_slope(activation):
    f, z, h = ACTIVATIONS[activation], np.linspace(-4, 4, 33), 1e-5
    second = (f.derivative(f(z + h)) - f.derivative(f(z - h))) / (2 * h)
    np.testing.assert_allclose(f.bend(f(z)) * f.derivative(f(z)), second, atol=1e-9)


@both_bias_modes
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)], ids=str)
def test_the_whole_hessian_is_symmetric_and_that_of_second_differences_of_the_loss(problem, hidden, biases):
    model = small(hidden, biases=biases)
    X, y = problem()
    H = whole_hessian(model, X, y)
    np.testing.assert_allclose(H, H.T, atol=1e-14)
    start, ends, h = flat(model.weights), np.cumsum([W.size for W in model.weights])[:-1], 1e-4

    def loss(*moved):
        weights = start.copy()
        for index, step in moved:
            weights[index] += step * h
        model.weights = [part.reshape(W.shape) for part, W in zip(np.split(weights, ends), model.weights)]
        return model.loss(X, y)

    for i, j in np.random.default_rng(0).integers(len(start), size=(60, 2)):
        signs = [(a, b) for a in (1, -1) for b in (1, -1)]
        second = sum(a * b * loss((i, a), (j, b)) for a, b in signs) / (4 * h * h)
        assert H[i, j] == pytest.approx(second, abs=2e-6)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-9), (np.float32, 2e-4)], ids=["float64", "float32"])
@both_bias_modes
@pytest.mark.parametrize("activation, init", [("sigmoid", "uniform"), ("improved_sigmoid", "fan_in")])
@pytest.mark.parametrize("hidden", [(), (64,), (16,) * 10], ids=str)
def test_products_are_pytorchs(torch, inputs, hidden, activation, init, biases, dtype, tolerance):
    (X, y), _ = inputs
    X, y = X[:32].astype(dtype), y[:32]
    model = MLP(hidden, activation, init, biases, dtype=dtype)
    weights, direction = torch_weights(torch, model), [V.astype(dtype) for V in drawn(model)]
    loss = torch.nn.functional.cross_entropy(in_torch(torch, model, weights, X), torch.tensor(y))
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    theirs = torch.autograd.grad(gradients, weights, [torch.tensor(V) for V in direction])
    ours = hessian_vector_product(model, X, y, direction)
    assert {product.dtype for product in ours} == {np.dtype(dtype)}
    for a, b in zip(ours, (product.numpy() for product in theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


@given(networks, batch_sizes, seeds)
def test_a_product_is_linear_in_the_direction(problem, model, n_samples, seed):
    X, y = problem(n_samples, model.n_inputs, model.n_classes, seed)
    V, U = drawn(model, seed), drawn(model, seed + 1)
    both = hessian_vector_product(model, X, y, [2 * v - 3 * u for v, u in zip(V, U)])
    apart = zip(*(hessian_vector_product(model, X, y, each) for each in (V, U)))
    assert_all_close(both, [2 * v - 3 * u for v, u in apart], atol=1e-12, rtol=1e-10)


def test_the_model_and_the_direction_are_left_alone(problem):
    model, (X, y) = small(), problem()
    direction = drawn(model)
    before = [array.copy() for array in (*model.weights, *direction, X)]
    first = hessian_vector_product(model, X, y, direction)
    kept = [array.copy() for array in first]
    for array in first:
        array += 1
    assert_all_close(hessian_vector_product(model, X, y, direction), kept, atol=0, rtol=0)
    assert all(map(np.array_equal, (*model.weights, *direction, X), before))


# ---- the spectrum


@both_bias_modes
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_ends_of_the_spectrum_are_those_of_the_whole_hessian(problem, activation, biases):
    model, (X, y) = small(activation=activation, biases=biases), problem()
    H = whole_hessian(model, X, y)
    values = np.linalg.eigvalsh(H)[::-1]
    found = spectrum(model, X, y, n_largest=4, n_smallest=3, tolerance=1e-6)
    np.testing.assert_allclose(found.values, [*values[:4], *values[-3:]], atol=1e-6 * values[0])
    np.testing.assert_allclose(H @ found.vectors.T, found.vectors.T * found.values, atol=1e-4 * values[0])
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1)
    np.testing.assert_allclose(
        found.residuals, np.linalg.norm(H @ found.vectors.T - found.vectors.T * found.values, axis=0), atol=1e-12)
    assert found.n_products >= 4 + 3


def test_one_end_alone_and_any_start_give_the_same(problem):
    model, (X, y) = small(), problem()
    both = spectrum(model, X, y, n_largest=2, n_smallest=2, tolerance=1e-6)
    for options, part in (({"n_largest": 2}, both.values[:2]), ({"n_largest": 0, "n_smallest": 2}, both.values[2:])):
        for seed in (0, 5):
            found = spectrum(model, X, y, **options, tolerance=1e-6, seed=seed)
            assert found.values == pytest.approx(part, rel=1e-5)
            assert list(found.values) == sorted(found.values, reverse=True)


def test_along_an_eigenvector_descent_shrinks_below_two_over_lambda_and_grows_above(inputs):
    """What the number is for: the gradient's part along the steepest direction is multiplied by 1 - αλ."""
    (X, y), _ = inputs
    model = MLP((8,), "improved_sigmoid", "fan_in", dtype=np.float64)
    X, y = X[:200].astype(float), y[:200]
    found = spectrum(model, X, y, n_largest=1, tolerance=1e-6)
    (value,), v = found.values, found.vectors[0]
    ends = np.cumsum([W.size for W in model.weights])[:-1]
    start, g = model.weights, flat(model.gradients(X, y))
    for share in (0.5, 0.9, 1.1):
        alpha, h = share * 2 / value, 1e-6  # a step along v so short that the loss is a parabola
        parts = []
        for moved in (h, h - alpha * value * h):
            model.weights = [W + moved * part.reshape(W.shape) for W, part in zip(start, np.split(v, ends))]
            parts.append((flat(model.gradients(X, y)) - g) @ v)
        assert parts[1] / parts[0] == pytest.approx(1 - 2 * share, abs=1e-3)


def test_an_iteration_that_does_not_end_says_how_far_it_came(problem, monkeypatch):
    import scipy.sparse.linalg

    def never(*args, **options):
        raise scipy.sparse.linalg.ArpackNoConvergence("no", np.ones(1), np.ones((9, 1)))

    monkeypatch.setattr(scipy.sparse.linalg, "eigsh", never)
    with pytest.raises(RuntimeError, match="of 3 eigenvalues 1 have converged after 0 products"):
        spectrum(small(), *problem(), n_largest=3)


def test_a_loss_that_overflows_is_refused(problem):
    model = small()
    model.weights[-1][:] = 1e308
    with pytest.raises(ValueError, match="weights: expected some whose logits are finite"):
        hessian_vector_product(model, *problem(), drawn(model))
    assert math.isfinite(small().loss(*problem()))
