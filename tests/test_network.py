"""The network: its shapes, its forward pass, its gradients, and what its methods give back."""

import math
import pickle

import numpy as np
import pytest
from helpers import (
    DEFINITIONS,
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

import mlplib
from mlplib import ACTIVATIONS, INITIALIZERS, MLP
from mlplib.losses import one_hot
from mlplib.network import Buffers

both_bias_modes = pytest.mark.parametrize("biases", ["input", "every_layer"])
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


# ---- weights


@pytest.mark.parametrize(
    "biases, shapes",
    [("input", [(785, 64), (64, 32), (32, 10)]), ("every_layer", [(785, 64), (65, 32), (33, 10)])],
)
def test_shapes_of_the_weights(biases, shapes):
    for name in (biases, "".join(list(biases))):  # by value: one that was read from a file is another object
        assert [W.shape for W in MLP((64, 32), biases=name).weights] == shapes
        assert MLP((64, 32), biases=name).forward(np.ones((1, 785))).shape == (1, 10)


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


@both_bias_modes
@pytest.mark.parametrize("init", INITIALIZERS)
@pytest.mark.parametrize("scale", [0.01, 0.5, -3.0])
def test_the_initial_scale_multiplies_the_same_draws(init, biases, scale):
    plain, scaled = (small(init=init, biases=biases, init_scale=factor).weights for factor in (1, scale))
    for W, V in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(V, scale * W, rtol=1e-15)


def test_each_matrix_may_have_an_initial_scale_of_its_own():
    plain, scaled = (small(init_scale=factor).weights for factor in (1, [0.5, -3.0, 2.0]))
    for W, V, scale in zip(plain, scaled, (0.5, -3.0, 2.0), strict=True):
        np.testing.assert_allclose(V, scale * W, rtol=1e-15)
    assert small(init_scale=[0.5, -3, 2]).init_scale == (0.5, -3, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_default_weights_are_the_draws_themselves(dtype):
    rng = np.random.default_rng(np.random.SeedSequence(3).spawn(2)[0])
    for W in MLP((8,), seed=3, dtype=dtype, n_inputs=5).weights:
        assert np.array_equal(W, (2 * rng.uniform(np.finfo(float).tiny, 1, W.shape) - 1).astype(dtype))


def test_the_defaults_are_the_plain_network_of_the_report():
    model = MLP()
    said = {name: getattr(model, name) for name in (
        "hidden", "activation", "init", "biases", "seed", "dtype", "n_inputs", "n_classes", "input_gain",
        "output_gain", "offset", "init_scale")}
    assert list(said.values()) == [(64,), "sigmoid", "uniform", "input", 0, np.float32, 785, 10, 1, 1, 0, 1]


def test_the_smallest_network_has_one_input_one_unit_and_two_classes():
    assert MLP((1,), n_inputs=1, n_classes=2, seed=0).forward([[1.0]]).shape == (1, 2)
    for name, value in {"hidden": (0,), "n_inputs": 0, "n_classes": 1, "seed": -1}.items():
        with pytest.raises(ValueError, match=rf"^{name}.*: expected an integer of at least"):
            MLP(**{name: value})


def test_gains_are_said_by_name():
    with pytest.raises(TypeError):
        MLP((64,), "sigmoid", "uniform", "input", 0, np.float32, 785, 10, 2.0)


# ---- forward


def probabilities_by_hand(model, x):
    """The forward pass of one sample, one number at a time."""
    a = x.tolist()
    for W in model.weights:
        z = [sum(a_i * w for a_i, w in zip(a, unit, strict=True)) for unit in W.T.tolist()]
        a = [DEFINITIONS[model.activation](z_j) for z_j in z] + (model.biases == "every_layer") * [1.0]
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
    each = [small(()).accuracy(X, np.full(20, label)) for label in range(3)]
    assert sum(each) == pytest.approx(1) and max(each) < 1, "a sample is right for one label"


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


@pytest.mark.parametrize("chunk", [2000, 2])
def test_each_samples_loss_and_hit(problem, monkeypatch, chunk):
    monkeypatch.setattr("mlplib.network.CHUNK", chunk)
    X, y = problem(7, seed=1)
    model = small()
    losses, hits = np.empty(7), np.empty(7, bool)
    model.loss_and_accuracy(X, y, (losses, hits))
    np.testing.assert_allclose(losses, [model.loss(x[None], [label]) for x, label in zip(X, y)], rtol=1e-12)
    assert hits.tolist() == (model.predict(X) == y).tolist() and set(hits.tolist()) == {True, False}


# ---- forward, with gains and an offset


@both_bias_modes
@each_activation
def test_a_forward_pass_with_gains_against_one_written_out(problem, activation, biases):
    X, _ = problem()
    model = small(activation=activation, biases=biases, input_gain=0.7, output_gain=-2.5, offset=0.4)
    g = DEFINITIONS[activation]
    a = X.tolist()
    for W in model.weights[:-1]:
        z = np.array(a) @ W
        a = [[-2.5 * g(0.7 * z_j) + 0.4 for z_j in row] + (biases == "every_layer") * [1.0] for row in z.tolist()]
    p = np.exp(np.array(a) @ model.weights[-1])
    np.testing.assert_allclose(model.forward(X), p / p.sum(axis=1, keepdims=True), rtol=1e-12)


@each_activation
def test_gains_are_factors_of_the_weights_around_a_hidden_layer(problem, activation):
    X, y = problem()
    gains = {"input_gain": 2.0, "output_gain": 3.0}
    gained, plain = (small((5,), activation=activation, **options) for options in (gains, {}))
    plain.weights = [2 * gained.weights[0], 3 * gained.weights[1]]
    np.testing.assert_allclose(gained.forward(X), plain.forward(X), rtol=1e-12)
    for factor, ours, theirs in zip((2, 3), gained.gradients(X, y), plain.gradients(X, y)):
        np.testing.assert_allclose(ours, factor * theirs, rtol=1e-10, atol=1e-15)


def test_gains_leave_the_dtype_alone(problem):
    X, y = problem()
    model = small(dtype=np.float32, input_gain=1.3, output_gain=2.7, offset=-0.1, init_scale=0.3)
    arrays = *model.weights, model.forward(X), *model.gradients(X, y)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


# ---- gradients: properties

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


@both_bias_modes
@pytest.mark.parametrize("gains", GAINS, ids=str)
@each_activation
def test_backpropagation_with_gains_against_finite_differences(problem, activation, gains, biases):
    model = small(activation=activation, biases=biases, **dict(zip(("input_gain", "output_gain", "offset"), gains)))
    assert max(mlplib.check_gradients(model, *problem())) < 1e-7


# ---- gradients: PyTorch


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-10), (np.float32, 1e-5)], ids=["float64", "float32"])
@both_bias_modes
@pytest.mark.parametrize("activation, init", [("sigmoid", "uniform"), ("improved_sigmoid", "fan_in")])
@pytest.mark.parametrize("hidden", [(), (64,), (32, 16), (16,) * 10], ids=str)
def test_loss_and_gradients_are_pytorchs(torch, inputs, hidden, activation, init, biases, dtype, tolerance):
    (X, y), _ = inputs
    X, y = X[:32].astype(dtype), y[:32]
    model = MLP(hidden, activation, init, biases, dtype=dtype)
    weights = torch_weights(torch, model)
    loss = torch.nn.functional.cross_entropy(in_torch(torch, model, weights, X), torch.tensor(y))
    loss.backward()
    assert model.loss(X, y) == pytest.approx(loss.item(), rel=tolerance)
    for ours, theirs in zip(model.gradients(X, y), (W.grad.numpy() for W in weights), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


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


# ---- weights that anyone may have written to


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("use", ["forward", "predict", "evaluate", "loss", "accuracy", "gradients"])
def test_weights_that_are_not_finite_give_no_answer(problem, use, layer, bad):
    X, y = problem()
    model = MLP((5,), n_inputs=4, n_classes=3)
    model.weights[layer][1, 2] = bad
    with pytest.raises(ValueError, match=rf"^weights\[{layer}\]: expected finite numbers, got {bad}; "):
        getattr(model, use)(X, *(() if use in ("forward", "predict") else (y,)))


@pytest.mark.parametrize("use", ["forward", "predict", "evaluate", "gradients"])
def test_weights_so_large_that_logits_are_not_finite_give_no_answer(problem, use):
    X, y = problem()
    model = MLP((), n_inputs=4, n_classes=3)
    model.weights[0][:] = np.finfo(np.float32).max
    with pytest.raises(ValueError, match=r"^weights: expected some whose logits are finite"):
        getattr(model, use)(X, *(() if use in ("forward", "predict") else (y,)))


@pytest.mark.parametrize("change, said", [
    (lambda weights: weights.pop(), "^weights: expected 2 matrices, got 1"),
    (lambda weights: weights.__setitem__(0, weights[0].T), r"^weights\[0\]: expected an array of shape \(4, 5\)"),
    (lambda weights: weights.__setitem__(1, weights[1].astype(float)), r"^weights\[1\]: .*float32, got .*float64"),
    (lambda weights: weights.__setitem__(1, 0.0), r"^weights\[1\]: .*got float of shape \(\)"),
])
def test_weights_of_another_network_are_refused(problem, change, said):
    model = MLP((5,), n_inputs=4, n_classes=3)
    change(model.weights)
    with pytest.raises(ValueError, match=said):
        model.predict(problem()[0])


def test_a_loss_that_is_not_finite_has_no_accuracy(problem):
    X, y = problem()
    model = MLP((5,), n_inputs=4, n_classes=3)
    model.weights[1][:] = np.nan
    loss, accuracy = model.loss_and_accuracy(X.astype(np.float32), y)
    assert np.isnan([loss, accuracy]).all()


@pytest.mark.parametrize("use", ["forward", "predict", "evaluate", "gradients"])
def test_what_underflows_is_0_under_any_of_numpys_settings(problem, use):
    X, y = problem()
    model = MLP((5,), n_inputs=4, n_classes=3)
    model.weights[1] *= 1e3
    arguments = (X * 1e-30,) if use in ("forward", "predict") else (X, y)
    with np.errstate(all="ignore"):
        calm = getattr(model, use)(*arguments)
    with np.errstate(all="raise"):
        assert str(getattr(model, use)(*arguments)) == str(calm)


def test_buffers_that_came_read_only_can_be_written_to(problem):
    """As joblib hands large arrays to its workers."""
    X, y = problem()
    model = small()
    buffers = Buffers(model, len(X))
    state = pickle.loads(pickle.dumps(buffers.__getstate__()))
    for arrays in (state["inputs"], state["gradients"], state["deltas"], state["slopes"], [state["logits"]]):
        for array in arrays:
            array.flags.writeable = False
    copied = Buffers.__new__(Buffers)
    copied.__setstate__(state)
    loss, gradients = model.loss_and_gradients(X, one_hot(y, 3), copied)
    assert loss == model.loss(X, y)
    assert_all_close(gradients, model.gradients(X, y), rtol=0)


@pytest.mark.parametrize("biases", ["input", "every_layer"])
@pytest.mark.parametrize("n_samples", [2, 12])
def test_a_copy_of_buffers_has_views_of_its_own(biases, n_samples):
    buffers = Buffers(MLP((5, 3), n_inputs=4, n_classes=3, biases=biases), n_samples)
    copied = pickle.loads(pickle.dumps(buffers))
    assert [a.shape for a in copied.activations] == [(n_samples, 5), (n_samples, 3)]
    assert all(map(np.shares_memory, copied.activations, copied.inputs))
    assert not any(map(np.shares_memory, copied.inputs, buffers.inputs))
