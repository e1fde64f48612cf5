"""The references of learning: the library's own momentum, and what a rehearsal of the training loop writes down."""

import copy

import numpy as np
import pytest

from mlplib import Momentum
from mlplib.practice.learning import MOMENTUM, TOO_MANY, TRAINING, Rehearsal
from mlplib.practice.observation import EndlessError


def test_the_update_is_the_librarys():
    rng = np.random.default_rng(0)
    ours, theirs = ([np.ones((2, 3)), np.ones((3, 1))] for _ in range(2))
    velocities, optimizer = [np.zeros((2, 3)), np.zeros((3, 1))], Momentum(0.1, 0.9)
    for _ in range(3):
        gradients = [rng.normal(size=W.shape) for W in ours]
        MOMENTUM.reference[0](ours, gradients, velocities, 0.1, 0.9)
        optimizer.update(theirs, gradients)
    assert all(np.allclose(W, own) for W, own in zip(ours, theirs))


def validation_images():
    return np.column_stack([np.arange(100.0, 108.0), np.ones(8)])


def rehearsal(losses, patience, epochs):
    X, y = np.column_stack([np.arange(12.0), np.ones(12)]), np.arange(12) % 5
    validation = validation_images()
    network = Rehearsal(losses, validation)
    seen = TRAINING.reference[0](network, (X, y), (validation, y[:8]), 4, epochs, patience, np.random.default_rng(0))
    return network, seen


@pytest.mark.parametrize("losses, patience, epochs, seen, best", [
    ([3, 2, 1], 2, 3, [3, 2, 1], 3), ([3, 1, 2, 2], 2, 9, [3, 1, 2, 2], 2), ([1, 1, 1, 1], 3, 9, [1, 1, 1, 1], 1),
])
def test_a_rehearsal_ends_when_patience_does_with_the_best_weights(losses, patience, epochs, seen, best):
    network, found = rehearsal(losses, patience, epochs)
    assert found == seen
    assert [late for *_, late in network.updates] == [0] * (3 * len(seen))
    assert (network.weights[0] == 3 * best).all() and network.is_at_its_best()
    for minibatches in network.epochs():
        assert sorted(number for rows, _ in minibatches for number in rows) == list(range(12))


def test_what_is_only_asked_for_leaves_no_trace():
    network, _ = rehearsal([3, 2], 2, 1)
    before, X = copy.deepcopy(network), np.ones((4, 2))
    assert network.loss(validation_images(), np.zeros(8)) == before.loss(validation_images(), np.zeros(8)) == 3
    network.gradients(X, np.zeros(4)), network.loss(X, np.zeros(4)), network.weights
    assert network.updates == before.updates and network.ends == before.ends == [3]
    network.update(network.gradients(X, np.zeros(4)))
    assert network.loss(validation_images(), np.zeros(8)) == 2 and before.loss(validation_images(), np.zeros(8)) == 3


def test_a_gradient_is_known_again_if_it_is_the_same():
    network, _ = rehearsal([3], 1, 1)
    gradients = [network.gradients(np.full((2, 2), number), np.zeros(2)) for number in (7.0, 8.0)]
    network.update(gradients[1])
    network.update([gradient.astype(np.float32) for gradient in gradients[0]])
    network.update([gradient / 2 for gradient in gradients[0]])
    network.update([gradients[0][0], gradients[1][1]])
    assert [(rows, late) for rows, _, late in network.updates[3:]] == [([8, 8], 0), ([7, 7], 1), ([], None), ([], None)]


@pytest.mark.parametrize("weights", [None, [], 3, [None, None], ["a", "b"], [np.zeros(3)], [np.zeros((2, 3))] * 2,
                                     [np.full((2, 3), "a"), np.full((3, 2), "b")]])
def test_other_things_for_weights_are_not_its_best(weights):
    network, _ = rehearsal([3], 1, 1)
    network.weights = weights
    assert network.is_at_its_best() is False


def test_a_rehearsal_without_an_end_is_ended():
    network, _ = rehearsal([1], 1, 1)
    for _ in range(TOO_MANY - 3):
        network.gradients(np.zeros((1, 2)), np.zeros(1))
    with pytest.raises(EndlessError, match=f"after {TOO_MANY} minibatches"):
        network.gradients(np.zeros((1, 2)), np.zeros(1))
