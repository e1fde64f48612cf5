"""NumPy as a course hands it in: float64, fresh arrays, a list comprehension per layer, one-hot targets."""

from functools import partial

import numpy as np

from benchmarks.tasks import data_as
from benchmarks.whole import train

name, requires = "classroom NumPy, float64", ("numpy",)


def as_doubles(X, y):
    return X.astype(np.float64), np.eye(10)[y]


def improved_sigmoid(z):
    return 1.7159 * np.tanh(2 / 3 * z)


def d_improved_sigmoid(z):
    return 1.7159 * 2 / 3 * (1 - np.tanh(2 / 3 * z) ** 2)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def d_sigmoid(z):
    return sigmoid(z) * (1 - sigmoid(z))


ACTIVATIONS = {"improved_sigmoid": (improved_sigmoid, d_improved_sigmoid), "sigmoid": (sigmoid, d_sigmoid)}


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def forward(weights, X, f=improved_sigmoid):
    zs, activations = [], [X]
    for i, W in enumerate(weights):
        z = activations[-1].dot(W)
        zs.append(z)
        activations.append(softmax(z) if i == len(weights) - 1 else f(z))
    return zs, activations


def cost(y_hat, Y):
    return -np.mean(np.sum(Y * np.log(y_hat), axis=1))


def backward(weights, zs, activations, Y, df=d_improved_sigmoid):
    deltas = [activations[-1] - Y]
    for i in range(len(weights) - 1, 0, -1):
        deltas.insert(0, df(zs[i - 1]) * deltas[0].dot(weights[i].T))
    return [a.T.dot(delta) / len(Y) for a, delta in zip(activations, deltas)]


def evaluate(weights, X, Y, f=improved_sigmoid):
    y_hat = forward(weights, X, f)[1][-1]
    return cost(y_hat, Y), np.mean(np.argmax(y_hat, axis=1) == np.argmax(Y, axis=1))


def prepare(task):
    sets = data_as(as_doubles)
    X, Y = sets[0]
    f, df = ACTIVATIONS[task.activation]
    state = {"weights": [W.astype(np.float64) for W in task.weights()]}
    state["velocities"] = [np.zeros_like(W) for W in state["weights"]]

    def epoch(batches):
        losses = []
        for rows in batches:
            zs, activations = forward(state["weights"], X[rows], f)
            losses.append(cost(activations[-1], Y[rows]))
            gradients = backward(state["weights"], zs, activations, Y[rows], df)
            state["velocities"] = [task.gamma * v + g for v, g in zip(state["velocities"], gradients)]
            state["weights"] = [W - task.learning_rate * v for W, v in zip(state["weights"], state["velocities"])]
        return np.array(losses)

    epoch.weights = lambda: state["weights"]
    epoch.figures = lambda: [figure for pair in sets for figure in evaluate(state["weights"], *pair, f)]
    return epoch


whole = partial(train, prepare=prepare)
