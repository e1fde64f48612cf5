"""The library's own check of gradients: it passes where they are right, and names the layer where they are not."""

import numpy as np
import pytest

import mlplib


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


def test_the_largest_epsilon_is_1(problem):
    model = mlplib.MLP((5,), n_inputs=4, n_classes=3)
    assert all(0 < error < 1 for error in mlplib.check_gradients(model, *problem(), epsilon=1))


@pytest.mark.parametrize("epsilon", [1e-20, 1e-17, 1e-16, 3e-16])
def test_an_epsilon_that_rounding_swallows_or_bends_is_refused(problem, epsilon):
    with pytest.raises(ValueError, match=r"^epsilon: expected a number that moves each weight by itself, got "):
        mlplib.check_gradients(Thrice((5,), n_inputs=4, n_classes=3), *problem(), epsilon=epsilon)


@pytest.mark.parametrize("options, said", [
    ({"epsilon": 0}, r"^epsilon: expected a positive number of at most 1, got 0$"),
    ({"epsilon": 1.5}, r"^epsilon: expected a positive number of at most 1, got 1.5$"),
    ({"epsilon": -5e-5}, r"^epsilon: expected a positive number of at most 1, got -5e-05$"),
    ({"n_weights": 0}, r"^n_weights: expected an integer of at least 1, got 0$"),
    ({"seed": -1}, r"^seed: expected an integer of at least 0, got -1$"),
])
def test_what_makes_no_check_is_refused(problem, options, said):
    with pytest.raises(ValueError, match=said):
        mlplib.check_gradients(mlplib.MLP((5,), n_inputs=4, n_classes=3), *problem(), **options)


def test_all_weights_of_a_small_layer_are_checked(problem):
    class FirstIsWrong(mlplib.MLP):
        def gradients(self, X, y):
            gradients = super().gradients(X, y)
            gradients[0][0, 0] += 1
            return gradients

    model = FirstIsWrong((5,), n_inputs=4, n_classes=3)
    for seed in range(5):
        assert mlplib.check_gradients(model, *problem(), n_weights=20, seed=seed)[0] > 0.1
    some = [mlplib.check_gradients(model, *problem(), n_weights=1, seed=seed)[0] > 0.1 for seed in range(60)]
    assert 0 < sum(some) < 20


def test_by_default_500_weights_of_a_layer_are_drawn_with_the_seed_0(problem):
    class Counting(mlplib.MLP):
        asked = 0

        def loss(self, X, y):
            self.asked += 1
            Counting.asked = self.asked
            return super().loss(X, y)

    model, sample = Counting((), n_inputs=300, n_classes=2), (np.ones((1, 300)), [0])
    errors = mlplib.check_gradients(model, *sample)
    assert Counting.asked == 2 * 500
    assert errors == mlplib.check_gradients(model, *sample, n_weights=500, seed=0)
    assert errors != mlplib.check_gradients(model, *sample, n_weights=500, seed=1)


class Thrice(mlplib.MLP):
    def gradients(self, X, y):
        return [3 * gradient for gradient in super().gradients(X, y)]


@pytest.mark.parametrize("epsilon", [1e-3, 5e-5, 1e-7, 1e-9, 1e-12, 1e-15])
def test_a_wrong_gradient_never_passes_whatever_the_epsilon(problem, epsilon):
    try:
        errors = mlplib.check_gradients(Thrice((5,), n_inputs=4, n_classes=3), *problem(), epsilon=epsilon)
    except ValueError:
        return
    assert min(errors) > 0.1


def test_a_gradient_where_the_loss_is_flat_is_infinitely_wrong():
    class Invented(mlplib.MLP):
        def gradients(self, X, y):
            return [np.full_like(W, 1e-9) for W in self.weights]

    model = Invented((2,), n_inputs=1, n_classes=2)
    assert mlplib.check_gradients(model, np.zeros((3, 1)), [0, 1, 0])[0] == np.inf


def test_the_check_passes_on_real_images(inputs):
    (X, y), _ = inputs
    errors = mlplib.check_gradients(mlplib.MLP(), X[:100], y[:100], n_weights=50)
    assert len(errors) == 2 and max(errors) <= 1e-8
