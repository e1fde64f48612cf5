"""scikit-learn's MLPClassifier: biases on every layer and no scaled tanh, so both train with the logistic sigmoid.

Its own early stopping looks at the accuracy, once an epoch, on a part of the training images. So in a whole run
`partial_fit` trains from one evaluation to the next, and what comes of `predict_proba` says when to stop.
"""

from functools import partial

import numpy as np

from benchmarks.tasks import data_as
from benchmarks.whole import train

name, requires = "scikit-learn", ("sklearn",)
configuration = {"activation": "sigmoid", "biases": "every_layer"}


def without_constant(X, y):
    return np.ascontiguousarray(X[:, :-1]), y  # the constant column is its intercept


def prepare(task):
    from sklearn.neural_network import MLPClassifier

    sets = data_as(without_constant)
    X, y = sets[0]
    network = MLPClassifier(task.hidden, activation="logistic", solver="sgd", alpha=0, batch_size=task.batch,
                            learning_rate_init=task.learning_rate, momentum=task.gamma, nesterovs_momentum=False,
                            shuffle=False)
    network.partial_fit(X[: task.batch], y[: task.batch], classes=np.arange(10))  # makes its arrays
    for parameters, W in zip(zip(network.coefs_, network.intercepts_), task.weights()):
        coefficients, intercept = parameters
        coefficients[:], intercept[:] = W[:-1], W[-1]
    for velocity in network._optimizer.velocities:
        velocity[:] = 0

    def epoch(batches):
        rows = batches.ravel()
        network.partial_fit(X[rows], y[rows])
        return network.loss_  # the mean over the epoch's minibatches

    def figures():
        found = [(network.predict_proba(X), y) for X, y in sets]
        return [figure for p, y in found
                for figure in (-np.mean(np.log(p[np.arange(len(y)), y])), np.mean(p.argmax(axis=1) == y))]

    epoch.weights = lambda: [np.vstack(layer) for layer in zip(network.coefs_, network.intercepts_)]
    epoch.figures = figures
    return epoch


whole = partial(train, prepare=prepare)
