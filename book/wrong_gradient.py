"""Train the plain network of chapter 2 with the right gradient and with one that forgets f′, fifteen epochs each.

`python book/wrong_gradient.py` writes what came after each epoch into `mlplib/wrong_gradient.json`, which the chapter
shows: ten such runs are too long for a notebook that also runs in a browser. It takes a few minutes.
"""

import json
from pathlib import Path

import numpy as np

import mlplib
from mlplib.inputs import standardized_mnist
from mlplib.running import Figures, one_blas_thread
from mlplib.straight_through import StraightThrough

FILE = Path(mlplib.__file__).with_name("wrong_gradient.json")
SEEDS, EPOCHS = range(5), 15


NETWORKS = {"right": mlplib.MLP, "forgets": StraightThrough}


def after_each_epoch(network, seed, epochs):
    """The figures of one network after each epoch; the minibatches are those of the chapter."""
    (X, y), validation = standardized_mnist()
    model, rng = network(hidden=(64,), seed=seed), np.random.default_rng(seed)
    for _ in range(epochs):
        for minibatch in rng.permutation(len(X)).reshape(-1, 32):
            for W, gradient in zip(model.weights, model.gradients(X[minibatch], y[minibatch])):
                W -= 0.1 * gradient
        yield Figures(*model.evaluate(X, y), *model.evaluate(*validation))


def main():
    with one_blas_thread():
        runs = {name: [np.round(list(after_each_epoch(network, seed, EPOCHS)), 4).tolist() for seed in SEEDS]
                for name, network in NETWORKS.items()}
    FILE.write_text(json.dumps({"figures": Figures._fields, **runs}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
