"""The backward pass that forgets f′: the chapter's formula, layer by layer, and nothing else than that."""

import numpy as np
import pytest
from helpers import assert_all_close

from mlplib import MLP, check_gradients
from mlplib.losses import output_delta
from mlplib.straight_through import StraightThrough

OPTIONS = {"activation": "improved_sigmoid", "n_inputs": 4, "n_classes": 3, "dtype": np.float64, "seed": 2}


def both(hidden, **options):
    return MLP(hidden, **OPTIONS, **options), StraightThrough(hidden, **OPTIONS, **options)


def test_forward_it_is_the_same_network(problem):
    X, y = problem()
    right, wrong = both((5, 6))
    assert np.array_equal(right.forward(X), wrong.forward(X)) and right.evaluate(X, y) == wrong.evaluate(X, y)


@pytest.mark.parametrize("biases", ["input", "every_layer"])
def test_delta_goes_back_without_the_slopes(problem, biases):
    X, y = problem()
    right, wrong = both((5, 6), biases=biases)
    _, W1, W2 = wrong.weights
    a1 = right.f(X @ wrong.weights[0])
    x1 = np.column_stack([a1, np.ones(len(X))]) if biases == "every_layer" else a1
    delta = output_delta(np.log(wrong.forward(X)), np.eye(3)[y])
    back = delta @ W2[:6].T, delta @ W2[:6].T @ W1[:5].T
    first, second, last = wrong.gradients(X, y)
    assert_all_close([first, second], [X.T @ back[1], x1.T @ back[0]], rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(last, right.gradients(X, y)[-1])


def test_without_hidden_layers_there_is_nothing_to_forget(problem):
    right, wrong = both(())
    assert_all_close(right.gradients(*problem()), wrong.gradients(*problem()), rtol=0)


def test_the_gradient_check_finds_it_out(problem):
    first, last = check_gradients(StraightThrough((5,), n_inputs=4, n_classes=3), *problem())
    assert first > 0.1 > 1e-6 > last
