"""The library itself: the Trainer's own update, as every chapter runs it."""

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
