"""The product of two matrices: by BLAS where NumPy has one, by the faster of its plain loops where it has none."""

import numpy as np


def has_blas(built):
    """Whether a NumPy multiplies with a BLAS; the one in a browser, Pyodide's, does not.

    Parameters
    ----------
    built : dict
        What `numpy.show_config(mode="dicts")` says.

    Returns
    -------
    bool
    """
    return built["Build Dependencies"]["blas"].get("found", False)


def by_einsum(A, B, out):
    """The product of two matrices, by the plain loop of `numpy.einsum`.

    Without a BLAS it is up to three times as fast as that of `numpy.matmul` on the large products of a network, and no
    slower on the small ones. It is fastest where each column of `B`, or of `out`, lies in one piece.

    Parameters
    ----------
    A : array of shape (n, k)
    B : array of shape (k, m)
    out : array of shape (n, m)
        Where to write the result, of the same dtype.

    Returns
    -------
    array of shape (n, m)
        `out`.
    """
    return np.einsum("ij,jk->ik", A, B, out=out)


#: Whether the NumPy of this Python has a BLAS.
HAS_BLAS = has_blas(np.show_config(mode="dicts"))
#: How weights and their gradients lie in memory, as NumPy names it: by columns where that is faster. A BLAS is as fast
#: with either.
ORDER = "C" if HAS_BLAS else "F"
#: The product of two matrices, with the arguments of `by_einsum`: `numpy.matmul` where NumPy has a BLAS.
#:
#: :meta hide-value:
matmul = np.matmul if HAS_BLAS else by_einsum
