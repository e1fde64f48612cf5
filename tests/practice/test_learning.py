"""The references of learning: the library's own momentum, and what a rehearsal of the training loop writes down."""

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


def rehearsal(losses, patience, epochs):
    X, y = np.column_stack([np.arange(12.0), np.ones(12)]), np.arange(12) % 5
    validation = np.column_stack([np.arange(100.0, 108.0), np.ones(8)])
    network = Rehearsal(losses, validation)
    seen = TRAINING.reference[0](network, (X, y), (validation, y[:8]), 4, epochs, patience, np.random.default_rng(0))
    return network, seen


@pytest.mark.parametrize("losses, patience, epochs, seen, best", [
    ([3, 2, 1], 2, 3, [3, 2, 1], 3), ([3, 1, 2, 2], 2, 9, [3, 1, 2, 2], 2), ([1, 1, 1, 1], 3, 9, [1, 1, 1, 1], 1),
])
def test_a_rehearsal_ends_when_patience_does_with_the_best_weights(losses, patience, epochs, seen, best):
    network, found = rehearsal(losses, patience, epochs)
    assert found == seen
    assert network.n_updates == network.n_fresh == 3 * len(seen)
    assert (network.weights[0] == 3 * best).all()
    assert [sorted(each) for each in network.epochs()] == [list(range(12))] * len(seen)


def test_a_rehearsal_without_an_end_is_ended():
    network, _ = rehearsal([1], 1, 1)
    network.minibatches *= TOO_MANY
    with pytest.raises(EndlessError, match=f"after {TOO_MANY} minibatches"):
        network.gradients(np.zeros((1, 2)), np.zeros(1))
