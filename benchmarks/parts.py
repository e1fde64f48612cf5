"""Where a step's time goes: the real update, with a clock around each thing that it calls."""

import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np

from benchmarks.tasks import GAMMA, LEARNING_RATE, SEED
from mlplib import Momentum, Trainer, activations, network, training
from mlplib.inputs import standardized_mnist

FETCH, PRODUCTS, ACTIVATIONS, SOFTMAX, UPDATE = (
    "fetching the minibatch", "matrix products", "activations", "softmax and loss", "update of the weights")
REST = "Python and the rest"


class Clock:
    """Adds up the time spent in the functions it wraps."""

    def __init__(self):
        self.seconds, self.calls = Counter(), Counter()

    def around(self, part, function):
        def timed(*args, **kwargs):
            start = time.perf_counter()
            result = function(*args, **kwargs)
            self.seconds[part] += time.perf_counter() - start
            self.calls[part] += 1
            return result

        return timed


class NumPy:
    """numpy with some functions replaced."""

    def __init__(self, **functions):
        self.__dict__.update(functions)

    def __getattr__(self, name):
        return getattr(np, name)


class TimedActivation:
    def __init__(self, clock, f):
        self.f, self.derivative = clock.around(ACTIVATIONS, f), clock.around(ACTIVATIONS, f.derivative)

    def __call__(self, z, out=None):
        return self.f(z, out=out)


SLICES = 5  # an epoch with clocks and one without take turns in so many pieces, so that both see the same weather


def seconds_by_part(task):
    """Seconds of one epoch of updates, by part; and the seconds of an epoch without any clock."""
    trainer = Trainer(task.model(), Momentum(LEARNING_RATE, GAMMA), *standardized_mnist(), batch_size=task.batch,
                      epochs=10**6, patience=None, seed=SEED)

    def a_slice():
        start = time.perf_counter()
        for _ in range(task.steps // SLICES):
            trainer.update()
        return time.perf_counter() - start

    a_slice()
    whole, clock = 0, Clock()
    for _ in range(SLICES):
        whole += a_slice()
        with clocks_around(trainer, task.activation, clock):
            a_slice()
    # A clock sees a part of its own cost.
    empty = Clock()
    nothing = empty.around("", lambda: None)
    for _ in range(10_000):
        nothing()
    cost = empty.seconds[""] / empty.calls[""]
    parts = {part: clock.seconds[part] - cost * clock.calls[part]
             for part in (FETCH, PRODUCTS, ACTIVATIONS, SOFTMAX, UPDATE)}
    return parts | {REST: max(0.0, whole - sum(parts.values()))}, whole


@contextmanager
def clocks_around(trainer, activation, clock):
    """A context in which `clock` stands around all that the trainer's update calls."""
    with ExitStack() as stack:
        def replace(owner, name, new):
            stack.enter_context(mock.patch.object(owner, name, new))

        replace(network, "matmul", clock.around(PRODUCTS, network.matmul))
        replace(training, "np", NumPy(take=clock.around(FETCH, np.take)))
        for name in ("log_softmax", "cross_entropy", "output_delta"):
            replace(network, name, clock.around(SOFTMAX, getattr(network, name)))
        replace(trainer.optimizer, "update", clock.around(UPDATE, trainer.optimizer.update))
        timed = TimedActivation(clock, activations.ACTIVATIONS[activation])
        stack.enter_context(mock.patch.dict(activations.ACTIVATIONS, {activation: timed}))
        yield


def work(task):
    """FLOPs and bytes of each part of a step.

    Each entry of each elementwise operation counts as one FLOP (tanh and exp too), and each array it reads or writes as
    4 bytes an entry.
    """
    weights = sum(W.size for W in task.weights())
    units, logits = task.batch * sum(task.hidden), task.batch * 10
    return {
        FETCH: (0, 2 * 4 * task.batch * (785 + 10)),
        PRODUCTS: (task.flops, 4 * sum(n * k + k * m + n * m for n, k, m in task.products)),
        ACTIVATIONS: (6 * units, 6 * 8 * units),  # a = A tanh(S z) and f' = c - b a²: three operations each
        SOFTMAX: (10 * logits, 10 * 8 * logits),
        UPDATE: (4 * weights, 4 * (2 + 3 + 2 + 3) * weights),  # v γ; v + g; α v; W - α v
    }
