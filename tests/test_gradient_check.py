"""Backpropagation against finite differences, against PyTorch, and against what a mean over samples implies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlplib

networks = st.builds(
    mlplib.MLP,
    hidden=st.lists(st.integers(1, 6), max_size=3),
    activation=st.sampled_from(["sigmoid", "improved_sigmoid"]),
    init=st.sampled_from(["uniform", "fan_in"]),
    biases=st.sampled_from(["input", "every_layer"]),
    seed=st.integers(0, 1000),
    dtype=st.just(np.float64),
    n_inputs=st.integers(1, 5),
    n_classes=st.integers(2, 5),
)
batch_sizes = st.integers(1, 9)
seeds = st.integers(0, 1000)


def slopes(model, X, y, h=1e-5):
    """Central differences of the loss by every weight, shaped like the weights."""
    gradients = [np.empty_like(W) for W in model.weights]
    for W, gradient in zip(model.weights, gradients):
        for index in np.ndindex(W.shape):
            value = W[index]
            W[index] = value + h
            above = model.loss(X, y)
            W[index] = value - h
            gradient[index] = (above - model.loss(X, y)) / (2 * h)
            W[index] = value
    return gradients


def assert_all_close(ours, theirs, **tolerance):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


# ---- properties


@settings(max_examples=60)
@given(networks, batch_sizes, seeds)
def test_a_gradient_is_the_slope_of_the_loss(problem, model, n_samples, seed):
    X, y = problem(n_samples, model.n_inputs, model.n_classes, seed)
    assert_all_close(model.gradients(X, y), slopes(model, X, y), atol=1e-8, rtol=1e-7)


@given(networks, batch_sizes, seeds)
def test_the_order_of_the_samples_does_not_matter(problem, model, n_samples, seed):
    X, y = problem(n_samples, model.n_inputs, model.n_classes, seed)
    order = np.random.default_rng(seed).permutation(n_samples)
    assert_all_close(model.gradients(X[order], y[order]), model.gradients(X, y), atol=1e-14, rtol=1e-10)


@given(networks, batch_sizes, seeds)
def test_a_batch_has_the_mean_gradient_of_its_samples(problem, model, n_samples, seed):
    X, y = problem(n_samples, model.n_inputs, model.n_classes, seed)
    singly = [model.gradients(X[n : n + 1], y[n : n + 1]) for n in range(n_samples)]
    assert_all_close(model.gradients(X, y), [np.mean(layer, axis=0) for layer in zip(*singly)], atol=1e-14, rtol=1e-10)


# ---- PyTorch


def in_torch(torch, model, weights, X):
    """The logits that PyTorch computes from its own copies of the weights."""
    a = torch.tensor(X)
    for layer, W in enumerate(weights):
        if layer > 0:
            a = torch.sigmoid(z) if model.activation == "sigmoid" else 1.7159 * torch.tanh(2 / 3 * z)
            if model.biases == "every_layer":
                a = torch.nn.functional.pad(a, (0, 1), value=1.0)
        z = a @ W
    return z


def torch_weights(torch, model):
    return [torch.tensor(W, requires_grad=True) for W in model.weights]


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-10), (np.float32, 1e-5)], ids=["float64", "float32"])
@pytest.mark.parametrize("biases", ["input", "every_layer"])
@pytest.mark.parametrize("activation, init", [("sigmoid", "uniform"), ("improved_sigmoid", "fan_in")])
@pytest.mark.parametrize("hidden", [(), (64,), (32, 16), (16,) * 10], ids=str)
def testloss_and_gradients_are_pytorchs(torch, inputs, hidden, activation, init, biases, dtype, tolerance):
    (X, y), _ = inputs
    X, y = X[:32].astype(dtype), y[:32]
    model = mlplib.MLP(hidden, activation, init, biases, dtype=dtype)
    weights = torch_weights(torch, model)
    loss = torch.nn.functional.cross_entropy(in_torch(torch, model, weights, X), torch.tensor(y))
    loss.backward()
    assert model.loss(X, y) == pytest.approx(loss.item(), rel=tolerance)
    for ours, theirs in zip(model.gradients(X, y), (W.grad.numpy() for W in weights), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


@pytest.mark.parametrize(
    "optimizer", [mlplib.SGD(0.3), mlplib.Momentum(0.05, gamma=0.9), mlplib.Momentum(0.3, gamma=0.0)], ids=repr
)
def test_updates_are_pytorchs(torch, problem, optimizer):
    X, y = problem()
    model = mlplib.MLP((5,), "improved_sigmoid", n_inputs=4, n_classes=3, dtype=np.float64)
    weights = torch_weights(torch, model)
    theirs = torch.optim.SGD(weights, lr=optimizer.learning_rate, momentum=getattr(optimizer, "gamma", 0.0))
    for _ in range(6):
        optimizer.update(model.weights, model.gradients(X, y))
        theirs.zero_grad()
        torch.nn.functional.cross_entropy(in_torch(torch, model, weights, X), torch.tensor(y)).backward()
        theirs.step()
    assert_all_close(model.weights, [W.detach().numpy() for W in weights], rtol=1e-10)


# ---- the library's own check


def test_the_check_passes_on_real_images(inputs):
    (X, y), _ = inputs
    errors = mlplib.check_gradients(mlplib.MLP(), X[:100], y[:100], n_weights=50)
    assert len(errors) == 2 and max(errors) <= 1e-8


class Twice(mlplib.MLP):
    """A network whose gradients are wrong by a factor of 2 in the first layer."""

    def gradients(self, X, y):
        first, *others = super().gradients(X, y)
        return [2 * first, *others]


def test_the_check_finds_the_wrong_layer(problem):
    errors = mlplib.check_gradients(Twice((5,), n_inputs=4, n_classes=3), *problem())
    assert errors == [pytest.approx(1, abs=1e-6), pytest.approx(0, abs=1e-6)]


def test_the_check_leaves_the_model_alone(problem):
    model = mlplib.MLP((5,), n_inputs=4, n_classes=3)
    arrays, values = list(model.weights), [W.copy() for W in model.weights]
    mlplib.check_gradients(model, *problem())
    assert all(now is then for now, then in zip(model.weights, arrays))
    assert all(np.array_equal(now, then) for now, then in zip(model.weights, values))
    assert model.dtype == np.float32


def test_the_check_of_a_flat_loss_is_0():
    model = mlplib.MLP((2,), n_inputs=1, n_classes=2)
    assert mlplib.check_gradients(model, np.zeros((3, 1)), [0, 1, 0])[0] == 0
