"""Before any timing: from the same weights, on the same minibatches, every contender reaches the same losses."""

import numpy as np
import pytest

from benchmarks.contenders import CONTENDERS, INSTALLED
from benchmarks.tasks import Task, batches, orders

STEPS = 50
TRAINED = [key for key in INSTALLED if key not in ("mlplib", "floor")]


def losses(key, task, chunks):
    epoch = CONTENDERS[key].prepare(task)
    return np.concatenate([np.atleast_1d(epoch(chunk)) for chunk in chunks])


@pytest.mark.parametrize("hidden", [(64,), (128,), (64,) * 10], ids=str)
@pytest.mark.parametrize("key", TRAINED)
def test_equal_work(key, hidden):
    task = Task(hidden).like(CONTENDERS[key])
    first = batches(next(orders()), task.batch)[:STEPS]
    # In pieces, so that a contender that gives only the mean of a piece is compared ten times.
    pieces = np.split(first, 10)
    theirs, ours = losses(key, task, pieces), losses("mlplib", task, [first])
    if len(theirs) == len(pieces):
        ours = ours.reshape(len(pieces), -1).mean(axis=1)
    # float32 carries 1e-7; fifty steps let rounding grow a little, most in the deep network.
    np.testing.assert_allclose(theirs, ours, rtol=2e-5)
    assert ours[-1] < 0.98 * ours[0] or len(hidden) == 10  # something was learned
