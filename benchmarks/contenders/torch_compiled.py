"""PyTorch with torch.compile: the whole step as one function, gradients by torch.func. That was its faster form.

To compile the network, or loss and optimiser, and to leave the rest to eager code, gained little. The evaluation stays
eager: compiled it was no faster.
"""

import time
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from benchmarks.contenders.torch_eager import as_tensors
from benchmarks.tasks import THREADS, data_as
from benchmarks.whole import train

name, requires, compilers = "PyTorch, compiled", ("torch",), ("g++", "clang++", "c++")


@lru_cache
def compiled(task):
    """The compiled step for tasks that differ from this one in their seed only, and a function for logits."""
    import torch

    def logits(weights, x):
        for W in weights[:-1]:
            x = 1.7159 * torch.tanh(2 / 3 * (x @ W)) if task.activation == "improved_sigmoid" else torch.sigmoid(x @ W)
        return x @ weights[-1]

    def cost(weights, x, labels):
        return torch.nn.functional.cross_entropy(logits(weights, x), labels)

    @partial(torch.compile, fullgraph=True, dynamic=False)
    def step(weights, velocities, X, y, rows):
        gradients, loss = torch.func.grad_and_value(cost)(weights, X[rows], y[rows])
        for W, v, gradient in zip(weights, velocities, gradients):
            v.mul_(task.gamma).add_(gradient)
            W.sub_(v, alpha=task.learning_rate)
        return loss

    # The first call compiles; with weights of its own, since it makes an update too.
    weights = [torch.tensor(W) for W in task.weights()]
    step(weights, [torch.zeros_like(W) for W in weights], *data_as(as_tensors)[0], torch.arange(task.batch))
    return step, logits


def prepare(task):
    import torch

    torch.set_num_threads(THREADS)
    sets = data_as(as_tensors)
    start = time.perf_counter()
    step, logits = compiled(replace(task, seed=0))
    compiling = time.perf_counter() - start
    weights = [torch.tensor(W) for W in task.weights()]
    velocities = [torch.zeros_like(W) for W in weights]

    def epoch(batches):
        return np.array([step(weights, velocities, *sets[0], rows).item() for rows in torch.from_numpy(batches)])

    @torch.no_grad()
    def figures():
        found = [(logits(weights, X), y) for X, y in sets]
        return [figure.item() for z, y in found
                for figure in (torch.nn.functional.cross_entropy(z, y), (z.argmax(dim=1) == y).float().mean())]

    epoch.weights = lambda: [W.numpy() for W in weights]
    epoch.figures, epoch.compiling = figures, compiling
    return epoch


whole = partial(train, prepare=prepare)
