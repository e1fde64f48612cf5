"""scikit-learn's MLPClassifier: biases on every layer and no scaled tanh, so both train with the logistic sigmoid."""

import numpy as np

from benchmarks.tasks import GAMMA, LEARNING_RATE, data

name, requires = "scikit-learn", ("sklearn",)
configuration = {"activation": "sigmoid", "biases": "every_layer"}


def prepare(task):
    from sklearn.neural_network import MLPClassifier

    X, y = data()
    X = np.ascontiguousarray(X[:, :-1])  # the constant column is its intercept
    network = MLPClassifier(task.hidden, activation="logistic", solver="sgd", alpha=0, batch_size=task.batch,
                            learning_rate_init=LEARNING_RATE, momentum=GAMMA, nesterovs_momentum=False, shuffle=False)
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

    epoch.weights = lambda: [np.vstack(layer) for layer in zip(network.coefs_, network.intercepts_)]
    return epoch
