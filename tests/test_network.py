"""The network: its shapes, its forward pass, and what its methods give back."""

import math

import numpy as np
import pytest

from mlplib import ACTIVATIONS, MLP

both_bias_modes = pytest.mark.parametrize("biases", ["input", "every_layer"])
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def small(hidden=(5, 3), **options):
    return MLP(hidden, n_inputs=4, n_classes=3, dtype=np.float64, **options)


# ---- weights


@pytest.mark.parametrize(
    "biases, shapes",
    [("input", [(785, 64), (64, 32), (32, 10)]), ("every_layer", [(785, 64), (65, 32), (33, 10)])],
)
def test_shapes_of_the_weights(biases, shapes):
    assert [W.shape for W in MLP((64, 32), biases=biases).weights] == shapes


@pytest.mark.parametrize(
    "hidden, input_biases, own_biases",
    [
        ((), 7_850, 7_850),
        ((32,), 25_440, 25_450),
        ((64,), 50_880, 50_890),
        ((128,), 101_760, 101_770),
        ((64, 64), 54_976, 55_050),
        ((64,) * 10, 87_744, 88_330),
    ],
)
def test_number_of_parameters(hidden, input_biases, own_biases):
    assert MLP(hidden).n_parameters == input_biases
    assert MLP(hidden, biases="every_layer").n_parameters == own_biases


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_reaches_all_results(problem, dtype):
    X, y = problem()
    model = MLP((5,), n_inputs=4, n_classes=3, dtype=dtype, biases="every_layer")
    assert {array.dtype for array in (*model.weights, model.forward(X), *model.gradients(X, y))} == {np.dtype(dtype)}


def test_a_seed_gives_the_same_weights_and_another_seed_others():
    first, again, other = (small(seed=seed).weights for seed in (1, 1, 2))
    assert all(np.array_equal(W, V) for W, V in zip(first, again))
    assert not any(np.isclose(W, V).any() for W, V in zip(first, other))


@both_bias_modes
def test_initial_weights_of_the_two_kinds_are_paired(biases):
    plain, scaled = (small(init=init, biases=biases).weights for init in ("uniform", "fan_in"))
    for W, V in zip(plain, scaled):
        assert np.array_equal(np.argsort(W, axis=None), np.argsort(V, axis=None))


@both_bias_modes
def test_fan_in_counts_the_inputs_and_not_the_bias(biases):
    weights = MLP((4,), init="fan_in", biases=biases, n_inputs=9, n_classes=20_000, dtype=np.float64).weights
    assert weights[1].std() == pytest.approx(1 / math.sqrt(4), rel=0.02)


# ---- forward


def probabilities_by_hand(model, x):
    """The forward pass of one sample, one number at a time."""
    f = {"sigmoid": lambda z: 1 / (1 + math.exp(-z)), "improved_sigmoid": lambda z: 1.7159 * math.tanh(2 * z / 3)}
    a = x.tolist()
    for layer, W in enumerate(model.weights):
        if layer > 0:
            a = [f[model.activation](z_j) for z_j in z]
            if model.biases == "every_layer":
                a.append(1.0)
        z = [sum(a_i * w for a_i, w in zip(a, unit, strict=True)) for unit in W.T.tolist()]
    total = sum(math.exp(z_k) for z_k in z)
    return [math.exp(z_k) / total for z_k in z]


@both_bias_modes
@each_activation
@pytest.mark.parametrize("hidden", [(), (5,), (5, 2, 6)])
def test_forward_against_one_written_out(problem, hidden, activation, biases):
    X, _ = problem()
    model = small(hidden, activation=activation, biases=biases)
    np.testing.assert_allclose(model.forward(X), [probabilities_by_hand(model, x) for x in X], rtol=1e-12)


def test_probabilities_sum_to_1_on_real_images(inputs):
    (X, _), _ = inputs
    np.testing.assert_allclose(MLP().forward(X[:100]).sum(axis=1), 1, rtol=1e-5)


def test_many_samples_are_treated_as_few_are(problem):
    X, y = problem(n_samples=4501)
    model = small()
    halves = [model.forward(half) for half in (X[:1999], X[1999:])]
    np.testing.assert_allclose(model.forward(X), np.concatenate(halves), rtol=1e-12)
    assert model.loss(X, y) == pytest.approx(-np.log(model.forward(X)[np.arange(len(X)), y]).mean(), rel=1e-12)


def test_predictions_are_the_most_probable_classes(problem):
    X, _ = problem(n_samples=50)
    model = small()
    predicted = model.predict(X)
    assert (predicted.shape, predicted.dtype) == ((50,), np.int64)
    assert predicted.tolist() == [row.index(max(row)) for row in model.forward(X).tolist()]


def test_accuracy_is_the_share_of_right_predictions(problem):
    X, _ = problem(n_samples=20)
    model = small()
    y = model.predict(X)
    y[:5] = (y[:5] + 1) % 3
    assert model.accuracy(X, y) == 0.75


@pytest.mark.parametrize("chunk, products", [(5, 10**9), (2000, 3 * 44), (2000, 1)])
def test_an_evaluation_in_parts_ends_with_the_whole(problem, monkeypatch, chunk, products):
    model = small()
    X, y = problem(13)
    loss, accuracy = model.evaluate(X, y)
    monkeypatch.setattr("mlplib.network.CHUNK", chunk)
    monkeypatch.setattr("mlplib.network.PRODUCTS", products)
    at_once = min(chunk, max(1, products // model.n_parameters))
    parts = list(model.evaluate_in_parts(X, y))
    assert len(parts) == -(-13 // at_once)
    assert parts[0] == pytest.approx(model.evaluate(X[:at_once], y[:at_once]), rel=1e-12)
    assert parts[-1] == pytest.approx((loss, accuracy), rel=1e-12) == model.evaluate(X, y)


def test_evaluate_is_loss_and_accuracy(problem):
    X, y = problem()
    model = small()
    assert model.evaluate(X, y) == (model.loss(X, y), model.accuracy(X, y))
    assert [type(figure) for figure in model.evaluate(X, y)] == [float, float]


# ---- what is shared with the caller, and what is not


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize(
    "arrays",
    [
        lambda model, X, y: [model.forward(X)],
        lambda model, X, y: [model.predict(X)],
        lambda model, X, y: model.gradients(X, y),
    ],
    ids=["forward", "predict", "gradients"],
)
def test_results_are_fresh(problem, arrays, hidden):
    X, y = problem()
    model = small(hidden)
    before = [array.copy() for array in arrays(model, X, y)]
    for array in arrays(model, X, y):
        array += 1
    assert all(np.array_equal(now, then) for now, then in zip(arrays(model, X, y), before))


def test_the_arguments_are_left_alone(problem):
    X, y = problem()
    model = small()
    model.gradients(X, y), model.evaluate(X, y), model.forward(X)
    assert all(np.array_equal(ours, drawn) for ours, drawn in zip((X, y), problem()))


def test_weights_are_live(problem):
    X, y = problem()
    model = small()
    for W in model.weights:
        W[:] = 0
    assert model.loss(X, y) == pytest.approx(math.log(3))
    assert (model.forward(X) == 1 / 3).all()


def test_lists_are_taken_for_arrays(problem):
    X, y = problem()
    assert small().evaluate(X.tolist(), y.tolist()) == small().evaluate(X, y)
