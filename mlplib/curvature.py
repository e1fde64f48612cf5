"""How the loss curves: what its Hessian does to a direction, exactly, and the two ends of its spectrum.

The Hessian H of the mean cross-entropy has a row and a column for each weight: far too many to write down. What it does
to a direction V is the derivative of chapter 1's two passes along V, Pearlmutter's R-operator: B. A. Pearlmutter, "Fast
exact multiplication by the Hessian", Neural Computation 6 (1994).
"""

from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.losses import one_hot, softmax
from mlplib.network import MLP, Buffers


class Spectrum(NamedTuple):
    """The two ends of a Hessian's spectrum, and how well they are known.

    Attributes
    ----------
    values : float64 array of shape (n,)
        Eigenvalues λ, the largest first.
    vectors : float64 array of shape (n, n_parameters)
        Their directions, of length 1: the weight matrices one after the other, row by row.
    residuals : float64 array of shape (n,)
        ‖Hv - λv‖: H has an eigenvalue no further from λ than this.
    n_products : int
        How many products with H it took.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    n_products: int


class Passes:
    """What the forward and the backward pass of some samples leave behind; on checked input.

    Attributes
    ----------
    inputs : list of array
        Of each layer, X first, with bias columns.
    slopes, bends : list of array
        f′(z) of each hidden layer, and f″(z) over f′(z).
    y_hat : array of shape (N, n_classes)
        Probabilities.
    deltas, backs : list of array
        δ of each layer, and δ Wᵀ, what comes back to each hidden layer before its slope is looked at; input side first.
    """

    def __init__(self, model, X, targets):
        buffers, f = Buffers(model, len(X), backward=False), model.f
        self.inputs, z = model.propagate(X, buffers)
        _checks.logits(z)
        self.y_hat = softmax(z)
        self.slopes = [f.derivative(a) for a in buffers.activations]
        self.bends = [f.bend(a) for a in buffers.activations]
        self.deltas, self.backs = [(self.y_hat - targets) / len(X)], []
        for W, slope in zip(reversed(model.weights), reversed(self.slopes)):
            self.backs.insert(0, self.deltas[0] @ W[: slope.shape[1]].T)
            self.deltas.insert(0, self.backs[0] * slope)


def along(model, passes, direction):
    """The derivative of the gradients along a direction, H V; on checked input.

    R{x} is the derivative of x along V: R{W} = V, R{X} = 0, R{a W} = R{a} W + a V, R{f(z)} = f′(z) R{z}.

    Parameters
    ----------
    model : MLP
    passes : Passes
        Of this model, with the same weights.
    direction : list of array
        V, shaped like the weights.

    Returns
    -------
    list of array
        Shaped like the weights.
    """
    inputs, slopes, deltas = passes.inputs, passes.slopes, passes.deltas
    Ra = []  # of each hidden layer; a bias column does not move
    for x, W, V, slope in zip(inputs, model.weights, direction, [*slopes, 1]):
        Rz = x @ V
        if Ra:
            Rz += Ra[-1] @ W[: Ra[-1].shape[1]]
        Ra.append(slope * Rz)
    Rz, y_hat = Ra.pop(), passes.y_hat  # of the logits, which have no f
    Rz -= np.sum(y_hat * Rz, axis=1, keepdims=True)
    Rdelta = y_hat * Rz / len(y_hat)
    product = [inputs[-1].T @ Rdelta]
    for layer in reversed(range(len(Ra))):
        width = Ra[layer].shape[1]
        product[0][:width] += Ra[layer].T @ deltas[layer + 1]
        W, V = (each[layer + 1][:width] for each in (model.weights, direction))
        Rback = Rdelta @ W.T + deltas[layer + 1] @ V.T
        bent = passes.bends[layer] * Ra[layer]  # f″(z) R{z}, for R{a} = f′(z) R{z}
        Rdelta = slopes[layer] * Rback + bent * passes.backs[layer]
        product.insert(0, inputs[layer].T @ Rdelta)
    return product


# ---- what users call: the same, on checked input


def _checked(model, X, y):
    """The model and its passes."""
    _checks.instance("model", model, MLP)
    if not hasattr(ACTIVATIONS[model.activation], "bend"):
        raise TypeError(f"model: expected an activation such as Sigmoid, which has a bend, f″/f′, got "
                        f"{model.activation!r}")
    X, y = model._checked(X, y)
    with np.errstate(all="ignore"):
        return Passes(model, X, one_hot(y, model.n_classes, model.dtype))


def hessian_vector_product(model, X, y, direction):
    """The Hessian of the mean cross-entropy times a direction: how the gradients change along it.

    Exact, but for rounding; it costs about as much as two gradients.

    Parameters
    ----------
    model : MLP
    X : array of shape (N, n_inputs)
    y : int array of shape (N,)
        Labels, 0 to n_classes - 1.
    direction : sequence of array
        Shaped like the weights. It need not be short: the product is linear in it.

    Returns
    -------
    list of array
        H V, shaped like the weights, of the model's dtype; fresh arrays.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, as for `MLP.gradients`; or if the activation does not say how it bends.
    """
    passes = _checked(model, X, y)
    direction = _checks.sequence("direction", direction, "arrays shaped like the weights")
    if len(direction) != len(model.weights):
        raise ValueError(f"direction: expected {len(model.weights)} arrays, got {len(direction)}")
    direction = [_checks.shaped(f"direction[{layer}]", V, W.shape, model.dtype)
                 for layer, (V, W) in enumerate(zip(direction, model.weights))]
    return _finite(model, passes, direction)


def _finite(model, passes, direction):
    with np.errstate(all="ignore"):
        product = along(model, passes, direction)
    for part in product:
        _checks.logits(part)
    return product


def spectrum(model, X, y, n_largest=10, n_smallest=0, tolerance=1e-3, seed=0):
    """The largest and the smallest eigenvalues of the Hessian of the mean cross-entropy.

    They are found by SciPy's `eigsh` (ARPACK, Lanczos iteration with restarts), which asks for nothing but products
    with H.

    Parameters
    ----------
    model : MLP
    X : array of shape (N, n_inputs)
    y : int array of shape (N,)
    n_largest, n_smallest : int
        How many of each; not both 0, and together fewer than there are weights.
    tolerance : float
        How far an eigenvalue may be off, relative to its size: 1e-6 to 0.1.
    seed : int
        Of the direction that the iteration starts with.

    Returns
    -------
    Spectrum

    Raises
    ------
    TypeError, ValueError
        As for `hessian_vector_product`.
    RuntimeError
        If the iteration does not come to an end, or where there is no SciPy: in a live notebook of the book.
    """
    passes = _checked(model, X, y)
    n = model.n_parameters
    wanted = {"LA": _checks.integer("n_largest", n_largest, minimum=0),
              "SA": _checks.integer("n_smallest", n_smallest, minimum=0)}
    if not 1 <= sum(wanted.values()) < n:
        raise ValueError(f"n_largest and n_smallest: expected together 1 to {n - 1}, fewer than there are weights, got "
                         f"{n_largest} and {n_smallest}")
    tolerance = _checks.real("tolerance", tolerance, "a number from 1e-6 to 0.1", lambda v: 1e-6 <= v <= 0.1)
    start = np.random.default_rng(_checks.integer("seed", seed, minimum=0)).standard_normal(n)
    try:
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
    except ModuleNotFoundError:
        raise RuntimeError("spectrum: SciPy is needed for it, which a live notebook of the book does not have; "
                           "`hessian_vector_product` works there") from None
    shapes, ends = [W.shape for W in model.weights], np.cumsum([W.size for W in model.weights])[:-1]
    n_products = 0

    def product(v):
        nonlocal n_products
        n_products += 1
        direction = [part.reshape(shape).astype(model.dtype) for part, shape in zip(np.split(v, ends), shapes)]
        return np.concatenate([part.ravel() for part in _finite(model, passes, direction)]).astype(np.float64)

    H, found = LinearOperator((n, n), product, dtype=np.float64), []
    for which, k in wanted.items():
        if k:
            try:
                found.append(eigsh(H, k, which=which, tol=tolerance, v0=start, maxiter=3000 // k))
            except ArpackNoConvergence as error:
                raise RuntimeError(f"spectrum: of {k} eigenvalues {len(error.eigenvalues)} have converged after "
                                   f"{n_products} products; ask for fewer, or with a larger tolerance") from None
    values, vectors = (np.concatenate(each, axis=-1) for each in zip(*found))
    order = np.argsort(-values)
    values, vectors = values[order], vectors.T[order]
    used, residuals = n_products, [np.linalg.norm(product(v) - value * v) for value, v in zip(values, vectors)]
    return Spectrum(values, vectors, np.array(residuals), used)
