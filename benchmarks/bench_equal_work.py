"""Before any timing: from the same weights, on the same minibatches, all reach the same losses and weights."""

import numpy as np
import pytest

from benchmarks.contenders import CONTENDERS, INSTALLED
from benchmarks.tasks import Task, batches, orders

STEPS = 50
TRAINED = [key for key in INSTALLED if key not in ("mlplib", "floor") and hasattr(CONTENDERS[key], "prepare")]


def trained(key, task, chunks):
    """The losses, and the weights afterwards, or None where a contender does not give them."""
    epoch = CONTENDERS[key].prepare(task)
    losses = np.concatenate([np.atleast_1d(epoch(chunk)) for chunk in chunks])
    return losses, epoch.weights() if hasattr(epoch, "weights") else None


@pytest.mark.parametrize("hidden", [(64,), (128,), (64,) * 10], ids=str)
@pytest.mark.parametrize("key", TRAINED)
def test_equal_work(key, hidden):
    task = Task(hidden).like(CONTENDERS[key])
    first = batches(next(orders()), task.batch)[:STEPS]
    # In pieces, so that a contender that gives only the mean of a piece is compared ten times.
    pieces = np.split(first, 10)
    (theirs, weights), (ours, our_weights) = trained(key, task, pieces), trained("mlplib", task, [first])
    if len(theirs) == len(pieces):
        ours = ours.reshape(len(pieces), -1).mean(axis=1)
    # float32 carries 1e-7; fifty steps let rounding grow a little, most in the deep network.
    np.testing.assert_allclose(theirs, ours, rtol=2e-5)
    for W, our_W in zip(weights or (), our_weights):
        np.testing.assert_allclose(W, our_W, rtol=0, atol=1e-5)
    assert ours[-1] < 0.98 * ours[0] or len(hidden) == 10  # something was learned
