"""What is timed: the training tasks, their data, and how much arithmetic they hold."""

import os
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mlplib import MLP
from mlplib.inputs import standardized_mnist

THREADS = int(os.environ.get("MLPLIB_BENCH_THREADS", "1"))
QUICK = os.environ.get("MLPLIB_BENCH_QUICK", "") not in ("", "0")  # fewer repeats: to try, not to publish
LEARNING_RATE, GAMMA, SEED = 0.02, 0.9, 0


@dataclass(frozen=True)
class Task:
    """An epoch of minibatch training on the report's 20,000 images, with momentum unless `gamma` is 0."""

    hidden: tuple
    batch: int = 32
    activation: str = "improved_sigmoid"
    biases: str = "input"
    init: str = "fan_in"
    learning_rate: float = LEARNING_RATE
    gamma: float = GAMMA
    seed: int = SEED

    @classmethod
    def of(cls, experiment):
        e = experiment
        return cls(e.hidden, e.batch_size, e.activation, e.biases, e.init, e.optimizer().learning_rate, e.gamma, e.seed)

    def __str__(self):
        widths = "-".join(map(str, (785, *self.hidden, 10)))
        if len(self.hidden) > 1:
            widths = f"785-{len(self.hidden)}x{self.hidden[0]}-10"
        extra = "" if self.biases == "input" else f", {self.activation}, biases on every layer"
        return f"{widths}, batch {self.batch}{extra}"

    @property
    def steps(self):
        return len(data()[0]) // self.batch

    @property
    def products(self):
        """(rows, inner, columns) of the matrix products of one step: forward, for the gradients, for δ."""
        shapes = [W.shape for W in self.weights()]
        forward = [(self.batch, n, m) for n, m in shapes]
        gradients = [(n, self.batch, m) for n, m in shapes]
        deltas = [(self.batch, m, n) for n, m in shapes[1:]]
        return forward + gradients + deltas

    @property
    def flops(self):
        """Multiplications and additions of one step's products."""
        return sum(2 * n * k * m for n, k, m in self.products)

    def model(self):
        return MLP(self.hidden, self.activation, self.init, self.biases, self.seed)

    def weights(self):
        return [W.copy() for W in self.model().weights]

    def like(self, contender):
        """The same task in the only configuration that a contender can train, if it names one."""
        return replace(self, **getattr(contender, "configuration", {}))


def data():
    """The training images and labels, (20000, 785) float32 and (20000,) int64."""
    return standardized_mnist()[0]


@lru_cache
def data_as(convert):
    """The training set and the validation set as a contender wants them, converted once: `convert(X, y)` of each."""
    return [convert(X, y) for X, y in standardized_mnist()]


def orders(seed=SEED):
    """The epochs' minibatches, (steps, batch) for any batch size: the order that a Trainer with this seed takes."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
    while True:
        yield rng.permutation(len(data()[0]))


def batches(order, batch):
    steps = len(order) // batch
    return order[: steps * batch].reshape(steps, batch)
