"""The library itself: the Trainer's own update, as every chapter runs it."""

import time
from unittest import mock

import numpy as np

name, requires = "mlplib", ("mlplib",)


def prepare(task):
    from benchmarks.tasks import GAMMA, LEARNING_RATE, SEED
    from mlplib import Momentum, Trainer
    from mlplib.inputs import standardized_mnist

    trainer = Trainer(task.model(), Momentum(LEARNING_RATE, GAMMA), *standardized_mnist(), batch_size=task.batch,
                      epochs=10**6, patience=None, seed=SEED)

    def epoch(batches):
        first = trainer.n_steps
        for _ in range(len(batches)):
            trainer.update()
        # It draws the order itself; the others are handed the same one.
        drawn = trainer.order((trainer.n_steps - 1) // trainer.steps_per_epoch)[: batches.size]
        assert len(batches) < task.steps or np.array_equal(drawn, batches.ravel())
        return np.array(trainer.minibatch_losses[first:])

    epoch.weights = lambda: trainer.model.weights
    return epoch


def whole(experiment):
    """`mlplib.run`, with a clock around its updates: two looks at it for each."""
    import mlplib
    from benchmarks.whole import of_run

    seconds = {"compiling": 0.0, "updates": 0.0}
    update = mlplib.Trainer.update

    def timed(trainer):
        start = time.perf_counter()
        update(trainer)
        seconds["updates"] += time.perf_counter() - start

    start = time.perf_counter()
    with mock.patch.object(mlplib.Trainer, "update", timed):
        run = mlplib.run(experiment)
    seconds["whole"] = time.perf_counter() - start
    return of_run(run, seconds | {"evaluations": seconds["whole"] - seconds["updates"]})
