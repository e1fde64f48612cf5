"""The floor: the matrix products of a step and nothing else, always on the same minibatch, into arrays that exist."""

import numpy as np

name, requires = "the products alone", ("numpy",)


def prepare(task):
    rng = np.random.default_rng(0)
    weights = task.weights()
    widths = [W.shape[0] for W in weights] + [weights[-1].shape[1]]
    a, delta = ([rng.normal(size=(task.batch, width)).astype(np.float32) for width in widths] for _ in range(2))
    gradients = [np.empty_like(W) for W in weights]

    def epoch(batches):
        for _ in range(len(batches)):
            for layer, W in enumerate(weights):
                np.matmul(a[layer], W, out=a[layer + 1])
            for layer in reversed(range(len(weights))):
                np.matmul(a[layer].T, delta[layer + 1], out=gradients[layer])
                if layer > 0:
                    np.matmul(delta[layer + 1], weights[layer].T, out=delta[layer])

    return epoch
