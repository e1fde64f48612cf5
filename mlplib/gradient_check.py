"""The numerical gradient, by central differences, against the one that backpropagation computes."""

import copy
import math

import numpy as np

from mlplib import _checks


def central_difference(f, x, index, epsilon):
    """∂f/∂x[index] ≈ (f(x + ε) - f(x - ε)) / 2ε; `x` is moved and put back.

    Parameters
    ----------
    f : callable without arguments, returning float
        Sees the changes made to `x`.
    x : float64 array
    index : tuple of int
    epsilon : float

    Returns
    -------
    float
    """
    value = x[index]
    x[index] = value + epsilon
    above = f()
    x[index] = value - epsilon
    below = f()
    x[index] = value
    return (above - below) / (2 * epsilon)


def check_gradients(model, X, y, n_weights=500, epsilon=5e-5, seed=0):
    """Compare backpropagation with central differences, layer by layer.

    Works on a float64 copy of the model, because float32 has too few digits for a difference quotient. The model
    itself is left alone.

    Parameters
    ----------
    model : MLP
    X : array of shape (N, n_inputs)
    y : int array of shape (N,)
    n_weights : int
        How many weights of each layer are checked, drawn at random; all of them where the layer has no more.
    epsilon : float
        How far each weight is moved to either side. The error is a sum of terms of order ε² (truncation: the third
        derivative) and 1e-16/ε (rounding).
    seed : int
        Of the draw.

    Returns
    -------
    list of float
        For each layer, ‖numerical - analytic‖ / ‖numerical‖ over the weights checked; 0 where both are 0, infinity
        where only the numerical one is.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; or if `epsilon` is so small beside a weight that rounding swallows it.
    """
    _checks.able("model", model, "gradients", "MLP((64,))")
    n_weights = _checks.integer("n_weights", n_weights, minimum=1)
    epsilon = _checks.real("epsilon", epsilon, "a positive number of at most 1", lambda v: 0 < v <= 1)
    rng = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    model = copy.copy(model)
    model.dtype = np.dtype(np.float64)
    model.weights = [W.astype(np.float64) for W in model.weights]

    errors = []
    for W, gradient in zip(model.weights, model.gradients(X, y)):
        checked = rng.choice(W.size, size=min(n_weights, W.size), replace=False)
        indices = [np.unravel_index(i, W.shape) for i in checked]
        moved = np.abs([(W[index] + epsilon) - (W[index] - epsilon) for index in indices])
        if np.abs(moved / (2 * epsilon) - 1).max() > 0.01:
            raise ValueError(f"epsilon: expected a number that moves each weight by itself, got {epsilon!r}, of which "
                             "rounding leaves something else; about 5e-5 is right")
        analytic = np.array([gradient[index] for index in indices])
        numerical = np.array([central_difference(lambda: model.loss(X, y), W, index, epsilon) for index in indices])
        difference, size = np.linalg.norm(numerical - analytic), np.linalg.norm(numerical)
        errors.append(float(difference / size) if size else math.inf if difference else 0.0)
    return errors
