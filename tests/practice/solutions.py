"""What a reader may write into the blanks: the solution version, and one that is written differently."""

import copy
import re
from pathlib import Path

import jupytext
import numpy as np

SOLUTION = Path(__file__).resolve().parents[2] / "notebooks" / "solutions" / "implement.md"
NAMES = {"sigmoid": ("sigmoid", "slope"), "softmax": ("softmax", "cross_entropy"), "forward": ("forward",),
         "delta": ("output_delta",), "backward": ("backward",), "gradient check": ("numerical_gradient",),
         "momentum": ("update",), "training": ("train",)}


def solution_cells():
    """The cells of the solution version that fill in a blank, by its name, without nbgrader's marks."""
    cells = [cell.source for cell in jupytext.read(SOLUTION).cells if "### BEGIN SOLUTION" in cell.source]
    return {blank: re.sub(r"^ *### (BEGIN|END) SOLUTION\n", "", f"{cell}\n", flags=re.MULTILINE)
            for blank, cell in zip(NAMES, cells, strict=True)}


def written(blank, slips=()):
    """The functions of the solution version for a blank, with other words in the place of some."""
    code, world = solution_cells()[blank], {"np": np, "copy": copy}
    for old, new in dict(slips).items():
        assert old in code
        code = code.replace(old, new)
    exec(code, world)
    return tuple(world[name] for name in NAMES[blank])


def first():
    """The functions of the solution version, by blank."""
    return {blank: written(blank) for blank in NAMES}


# ---- otherwise


def piecewise_sigmoid(z):
    z = np.asarray(z)
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), 1 - 1 / (1 + np.exp(-np.abs(z))))


def log_softmax_by_logaddexp(z):
    return z - np.logaddexp.reduce(z, axis=1)[:, np.newaxis]


def cross_entropy_by_loop(z, y):
    total = 0
    for row, label in zip(z, y):
        total -= row[label] - np.logaddexp.reduce(row)
    return float(total) / len(z)


def forward_by_recursion(X, weights, f):
    if len(weights) == 1:
        return (X,), np.dot(X, weights[0])
    rest, z = forward_by_recursion(f(np.dot(X, weights[0])), weights[1:], f)
    return (X, *rest), z


def output_delta_by_one_hot(y_hat, y):
    return y_hat / len(y) - np.eye(y_hat.shape[1])[y] / len(y)


def backward_by_einsum(inputs, delta, weights, slope):
    deltas = [delta]
    for a, W in zip(inputs[:0:-1], weights[::-1]):
        deltas.append(np.einsum("nk,jk->nj", deltas[-1], W, optimize=True) * slope(a))
    return [np.einsum("ni,nj->ij", a, d, optimize=True) for a, d in zip(inputs, deltas[::-1])]


def numerical_gradient_by_matrix(loss, W, epsilon):
    kept, slopes = W.copy(), []
    for i in range(W.size):
        push = epsilon * (np.arange(W.size) == i).reshape(W.shape)
        W[:] = kept + push
        above = loss()
        W[:] = kept - push
        slopes.append((above - loss()) / epsilon / 2)
    W[:] = kept
    return np.array(slopes).reshape(W.shape)


def update_with_the_rate_inside(weights, gradients, velocities, alpha, gamma):
    for i in range(len(weights)):
        velocities[i] = gamma * velocities[i] - alpha * gradients[i]
        weights[i] = weights[i] + velocities[i]


def train_by_while(network, training, validation, batch_size, epochs, patience, rng):
    rows, best_epoch, history, kept = np.arange(len(training[0])), 0, [], {}
    while len(history) < epochs and len(history) - 1 - best_epoch < patience:
        rng.shuffle(rows)
        for start in range(0, len(rows), batch_size):
            minibatch = rows[start : start + batch_size]
            gradients = network.gradients(training[0][minibatch], training[1][minibatch])
            network.update(gradients)
        network.loss(*training)  # a curve of one's own does no harm
        history.append(network.loss(*validation))
        if history[-1] < min(history[:-1], default=np.inf):
            best_epoch = len(history) - 1
            kept = {number: np.array(W) for number, W in enumerate(network.weights)}
    for number, W in kept.items():
        network.weights[number][...] = W
    return np.array(history)


FIRST = first()
SECOND = {
    "sigmoid": (piecewise_sigmoid, lambda a: a - np.square(a)),
    "softmax": (lambda z: np.exp(log_softmax_by_logaddexp(z)), cross_entropy_by_loop),
    "forward": (forward_by_recursion,), "delta": (output_delta_by_one_hot,), "backward": (backward_by_einsum,),
    "gradient check": (numerical_gradient_by_matrix,), "momentum": (update_with_the_rate_inside,),
    "training": (train_by_while,),
}
