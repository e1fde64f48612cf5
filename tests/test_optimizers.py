"""Update rules on numbers small enough to follow by hand, and against PyTorch."""

import copy
import pickle

import numpy as np
import pytest
from helpers import assert_all_close, in_torch, torch_weights

from mlplib import MLP, SGD, Momentum
from mlplib.optimizers import PhasedMomentum


def positions(optimizer, gradients):
    """Where one weight that starts at 1 is after each of the gradients."""
    W, visited = np.array([[1.0]]), []
    for gradient in gradients:
        optimizer.update([W], [np.array([[gradient]])])
        visited.append(W.item())
    return visited


def test_sgd_subtracts_the_scaled_gradient():
    assert positions(SGD(0.5), [1, -2, 0]) == pytest.approx([0.5, 1.5, 1.5])


def test_momentum_adds_the_gradient_to_the_velocity_that_is_kept():
    # v = 1, 0.5 + 1, 0.75, 0.375 - 1
    assert positions(Momentum(0.1, gamma=0.5), [1, 1, 0, -1]) == pytest.approx([0.9, 0.75, 0.675, 0.7375])


@pytest.mark.parametrize("first, stop, expected", [
    (1, 3, [0.8, 0.65, 0.575, 0.775, 0.575]),  # steps of 0.2 ∇C, 0.1 v, 0.1 v, 0.2 ∇C, 0.2 ∇C
    (0, 2, [0.9, 0.75, 0.75, 0.95, 0.75]),
    (0, 9, [0.9, 0.75, 0.675, 0.7375, 0.66875]),
    (3, 4, [0.8, 0.6, 0.6, 0.6625, 0.4625]),
])
def test_momentum_in_a_phase_is_plain_descent_before_and_after_with_a_velocity_that_goes_on(first, stop, expected):
    # v = 1, 1.5, 0.75, -0.625, 0.6875
    optimizer = PhasedMomentum(0.1, 0.5, first, stop)
    assert positions(optimizer, [1, 1, 0, -1, 1]) == pytest.approx(expected)
    assert optimizer.n_updates == 5 and optimizer.velocities[0].item() == 0.6875


def test_what_was_multiplied_is_the_velocity_within_the_phase_and_the_scaled_gradient_outside():
    optimizer, W, found = PhasedMomentum(0.1, 0.5, 1, 2), np.ones((1, 1)), []
    for gradient in (1.0, 3.0, 1.0):
        before = W.item()
        optimizer.update([W], [np.array([[gradient]])])
        found.append(optimizer.direction([np.array([[gradient]])])[0].item())
        assert before - W.item() == pytest.approx(0.1 * found[-1])
    assert found == [2, 3.5, 2]


def test_outside_the_phase_each_matrix_moves_by_its_own_gradient():
    optimizer, weights = PhasedMomentum(0.1, 0.5, 5, 6), [np.zeros((1, 2)), np.zeros((2, 1))]
    for _ in range(2):
        optimizer.update(weights, [np.full((1, 2), 1.0), np.full((2, 1), 3.0)])
    assert_all_close(weights, [np.full((1, 2), -0.4), np.full((2, 1), -1.2)], rtol=1e-12)


def test_its_phase_is_told_by_its_repr():
    assert repr(PhasedMomentum(0.1, 0.5, 1, 2)) == "PhasedMomentum(learning_rate=0.1, gamma=0.5, first=1, stop=2)"


def test_without_gamma_momentum_is_sgd():
    gradients = [0.3, -1.2, 4.0]
    assert positions(Momentum(0.1, gamma=0), gradients) == positions(SGD(0.1), gradients)


def test_a_constant_gradient_is_followed_with_the_effective_step():
    *_, before, last = positions(Momentum(0.02, gamma=0.9), [1.0] * 300)
    assert before - last == pytest.approx(0.02 / (1 - 0.9))


def test_the_velocities_belong_to_the_optimizer_and_not_to_the_gradients():
    W, gradient, optimizer = np.zeros((1, 1)), np.ones((1, 1)), Momentum(0.1, gamma=0.5)
    optimizer.update([W], [gradient])
    optimizer.update([W], [gradient])
    assert gradient.item() == 1
    assert optimizer.velocities[0].item() == 1.5


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1)], ids=repr)
def test_weights_are_moved_in_place_and_keep_their_dtype(optimizer):
    weights = [np.ones((2, 3), np.float32), np.ones((3, 1), np.float32)]
    kept = list(weights)
    optimizer.update(weights, [np.ones_like(W) for W in weights])
    assert all(W is V and W.dtype == np.float32 and np.allclose(W, 0.9) for W, V in zip(weights, kept))


def test_the_defaults_are_the_reports():
    assert SGD().learning_rate == 0.1
    assert (Momentum().learning_rate, Momentum().gamma) == (0.02, 0.9)


def test_plain_descent_keeps_nothing_and_serves_any_network():
    optimizer = SGD(0.5)
    for shape in ((2, 3), (4, 1)):
        W = np.ones(shape)
        optimizer.update([W], [np.ones(shape)])
        np.testing.assert_array_equal(W, 0.5)


@pytest.mark.parametrize(
    "optimizer", [SGD(0.3), Momentum(0.05, gamma=0.9), Momentum(0.3, gamma=0.0)], ids=repr
)
def test_updates_are_pytorchs(torch, problem, optimizer):
    X, y = problem()
    model = MLP((5,), "improved_sigmoid", n_inputs=4, n_classes=3, dtype=np.float64)
    weights = torch_weights(torch, model)
    theirs = torch.optim.SGD(weights, lr=optimizer.learning_rate, momentum=getattr(optimizer, "gamma", 0.0))
    for _ in range(6):
        optimizer.update(model.weights, model.gradients(X, y))
        theirs.zero_grad()
        torch.nn.functional.cross_entropy(in_torch(torch, model, weights, X), torch.tensor(y)).backward()
        theirs.step()
    assert_all_close(model.weights, [W.detach().numpy() for W in weights], rtol=1e-10)


# ---- what does not belong together


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1)], ids=repr)
@pytest.mark.parametrize("gradients, said", [
    ([np.ones((3, 2))], r"^gradients: expected 2, one for each weight matrix, got 1$"),
    ([np.ones((3, 2)), np.ones((2, 1)), np.ones(1)], r"^gradients: expected 2, .*got 3$"),
    ([np.ones((1, 2)), np.ones((2, 1))], r"^gradients\[0\]: expected an array of shape \(3, 2\) .* shape \(1, 2\) "),
    ([np.ones((3, 2)), 1.0], r"^gradients\[1\]: expected an array of shape \(2, 1\) .* float of shape \(\) "),
    ([np.ones((3, 2)), np.ones((2, 1), complex)], r"^gradients\[1\]: .* and dtype float64, got .* dtype complex128$"),
])
def test_gradients_of_other_weights_are_refused_and_nothing_moves(optimizer, gradients, said):
    weights = [np.ones((3, 2)), np.ones((2, 1))]
    with pytest.raises(ValueError, match=said):
        copy.deepcopy(optimizer).update(weights, gradients)
    assert all((W == 1).all() for W in weights)


def test_float64_gradients_of_float32_weights_are_refused():
    with pytest.raises(ValueError, match=r"^gradients\[0\]: .*float32, got .*float64$"):
        SGD(0.1).update([np.ones((1, 1), np.float32)], [np.ones((1, 1))])


@pytest.mark.parametrize("dtype, shapes", [(np.float64, [(3, 2), (2, 1)]), (np.float32, [(3, 2), (2, 1)]),
                                           (np.float64, [(3, 2), (2, 4), (4, 1)])], ids=["same", "float32", "deeper"])
def test_velocities_of_one_network_never_move_another(dtype, shapes):
    optimizer, weights = Momentum(0.1), [np.ones((3, 2)), np.ones((2, 1))]
    optimizer.update(weights, [np.ones_like(W) for W in weights])
    others = [np.ones(shape, dtype) for shape in shapes]
    with pytest.raises(ValueError, match=r"^optimizer: expected one whose velocities are of these weights"):
        optimizer.update(others, [np.ones_like(W) for W in others])
    assert all((W == 1).all() for W in others)
    optimizer.update(list(weights), [np.ones_like(W) for W in weights])  # another list of the same arrays


@pytest.mark.parametrize("kind", [SGD, Momentum])
def test_an_optimizer_with_an_update_of_its_own_is_asked_for_it(kind, small_trainer):
    class Halved(kind):
        def update(self, weights, gradients):
            super().update(weights, [gradient / 2 for gradient in gradients])

    ours, half = small_trainer(kind(0.1)), small_trainer(Halved(0.2))
    ours.run(progress=False), half.run(progress=False)
    assert_all_close(half.model.weights, ours.model.weights, rtol=1e-12)


@pytest.mark.parametrize("change", [lambda weights: weights[:1], lambda weights: [*weights, np.ones((1, 1))]],
                         ids=["fewer", "more"])
def test_velocities_of_some_layers_never_move_a_network_of_fewer_or_more(change):
    optimizer, weights = Momentum(0.1), [np.ones((3, 2)), np.ones((2, 1))]
    optimizer.update(weights, [np.zeros_like(W) for W in weights])
    others = change(weights)
    with pytest.raises(ValueError, match=r"^optimizer: expected one whose velocities are of these weights"):
        optimizer.update(others, [np.ones_like(W) for W in others])
    assert all((W == 1).all() for W in others)


@pytest.mark.parametrize("used", [False, True])
def test_a_copy_whose_arrays_came_read_only_can_be_used(used):
    optimizer, W = Momentum(0.5, gamma=0.5), np.ones((1, 1))
    if used:
        optimizer.update([W], [np.ones((1, 1))])
    state = pickle.loads(pickle.dumps(vars(optimizer)))
    for array in [*(state["velocities"] or []), *(state["_steps"] or [])]:
        array.flags.writeable = False
    twin = Momentum.__new__(Momentum)
    twin.__setstate__(state)
    weights = state["_weights"] or [W.copy()]
    twin.update(weights, [np.zeros((1, 1))])
    assert weights[0].item() == (0.25 if used else 1)


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(0.5)], ids=repr)
@pytest.mark.parametrize("gradient, moved", [(5e-324, 0.0), (np.inf, -np.inf)])
def test_numpys_settings_for_errors_do_not_stop_an_update(optimizer, gradient, moved):
    optimizer, W = copy.deepcopy(optimizer), np.zeros((1, 2))
    with np.errstate(all="raise"):
        for _ in range(3):
            optimizer.update([W], [np.array([[gradient, 0.0]])])
    np.testing.assert_allclose(W, [[moved, 0]], atol=1e-300)
