"""Softmax with cross-entropy: the loss from the logits, and its δ."""

import numpy as np

from mlplib import _checks
from mlplib.mnist import N_CLASSES


def one_hot(labels, n_classes=N_CLASSES, dtype=np.float64):
    """Targets as the mathematics writes them: y[n, k] = 1 if sample n is of class k, else 0.

    Parameters
    ----------
    labels : int array of shape (N,)
    n_classes : int
    dtype : floating dtype

    Returns
    -------
    array of shape (N, n_classes) and the given dtype

    Raises
    ------
    TypeError, ValueError
        If a label is not an integer from 0 to n_classes - 1.
    """
    labels = _checks.array("labels", labels, "integer labels")
    n_classes, dtype = _checks.integer("n_classes", n_classes, minimum=1), _checks.floating_dtype("dtype", dtype)
    return np.eye(n_classes, dtype=dtype)[_checks.labels("labels", labels, labels.size, n_classes)]


@np.errstate(under="ignore")  # what is too small for the dtype is 0
def log_softmax(z, out=None):
    """Logarithms of the softmax probabilities of each row, z_k - log Σ exp(z_k).

    The row's maximum is taken out first (log-sum-exp), so that exp cannot overflow and the logarithm stays finite
    however small a probability gets.

    Parameters
    ----------
    z : array of shape (N, K)
        Logits.
    out : array of shape (N, K), optional
        Where to write the result; may be `z` itself.

    Returns
    -------
    array of shape (N, K)
        The exponentials of a row sum to 1. `out`, or a fresh array.
    """
    # Column by column in memory: NumPy adds ten long columns much faster than thousands of short rows.
    z = np.asfortranarray(z)
    log_p = np.subtract(z, z.max(axis=1, keepdims=True), out=out)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return log_p


@np.errstate(under="ignore")  # what is too small for the dtype is 0
def softmax(z):
    """Probabilities exp(z_k) / Σ exp(z_k) of each row.

    Parameters
    ----------
    z : array of shape (N, K)
        Logits.

    Returns
    -------
    array of shape (N, K)
        Each row sums to 1.
    """
    return np.exp(log_softmax(z))


def cross_entropy(log_p, targets):
    """Mean over the samples of -Σ_k y_k log ŷ_k. The arguments are not checked.

    Parameters
    ----------
    log_p : array of shape (N, K)
        Logarithms of the probabilities ŷ.
    targets : array of shape (N, K)
        One-hot, y.

    Returns
    -------
    float
        In nats; ln K for a network that gives every class the same probability.
    """
    return -float(np.vdot(targets, log_p)) / len(log_p)


@np.errstate(under="ignore")  # what is too small for the dtype is 0
def output_delta(log_p, targets, out=None):
    """δ of the output layer, (ŷ - y) / N.

    It is the derivative of the mean cross-entropy by the logits.

    Parameters
    ----------
    log_p, targets
        As for `cross_entropy`.
    out : array of shape (N, K), optional
        Where to write the result; may be `log_p` itself.

    Returns
    -------
    array of shape (N, K)
        `out`, or a fresh one.
    """
    delta = np.exp(log_p, out=out)
    delta -= targets
    delta /= len(delta)
    return delta
