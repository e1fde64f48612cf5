"""What is wrong with an argument, said in one sentence: its name, what was expected, what came."""

from collections.abc import Iterable
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np


@contextmanager
def extra(name, module):
    """Imports inside the block: if a package is missing, say which extra of mlplib brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{module} needs {error.name}, which is not installed; the extra {name!r} brings it: "
                                  f"pip install 'mlplib[{name}]'", name=error.name) from error


def integer(name, value, minimum):
    """Return `value` as an int, or say why it is not an integer of at least `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected an integer of at least {minimum}, got {value!r} ({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name}: expected an integer of at least {minimum}, got {value!r}")
    return int(value)


def real(name, value, expected, accept):
    """Return `value` as a float if it is a number that `accept` accepts; `expected` says which those are."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected {expected}, got {value!r} ({type(value).__name__})")
    if not (np.isfinite(value) and accept(value)):
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    return float(value)


def learning_rate(value):
    return real("learning_rate", value, "a positive finite number", lambda v: v > 0)


def gamma(value):
    return real("gamma", value, "a number of at least 0 and below 1", lambda v: 0 <= v < 1)


def finite(name, value):
    return real(name, value, "a finite number", lambda v: True)


def gain(name, value):
    return real(name, value, "a finite number other than 0", lambda v: v != 0)


def names(name, value, known):
    """Return `value` as a tuple of different names in `known`."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name}: expected a sequence of names among {', '.join(map(repr, known))}, got {value!r}")
    found = tuple(one_of(f"{name}[{i}]", each, known) for i, each in enumerate(value))
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: expected different names, got {value!r}")
    return found


def one_of(name, value, known):
    """Return `value` if it is one of the names in `known`; the message lists them."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def boolean(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {value!r} ({type(value).__name__})")
    return bool(value)


def widths(name, value):
    """Return the widths of the hidden layers as a tuple of positive ints."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name}: expected a sequence of layer widths such as (64,), got {value!r}")
    return tuple(integer(f"{name}[{i}]", width, minimum=1) for i, width in enumerate(value))


def samples(name, X, width, dtype):
    """Return `X` as a finite array of shape (N, width) and the given dtype, N at least 1."""
    expected = f"{name}: expected a numeric array of shape (N, {width})"
    try:
        X = np.asarray(X)
    except ValueError as error:
        raise ValueError(f"{expected}, got rows that make no array ({error})") from None
    if X.dtype.kind not in "fiu":
        raise TypeError(f"{expected}, got dtype {X.dtype}")
    if X.ndim != 2 or X.shape[1] != width:
        raise ValueError(f"{expected}, got shape {X.shape}")
    if len(X) == 0:
        raise ValueError(f"{expected} with at least one row, got none")
    with np.errstate(over="ignore"):  # too large for the dtype becomes infinity, which the next line reports
        X = X.astype(dtype, copy=False)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise ValueError(f"{name}: expected finite values, got {X[row, column]} in row {row}, column {column}")
    return X


def floating_dtype(name, dtype):
    """Return `dtype` as np.float32 or np.float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise ValueError(f"{name}: expected float32 or float64, got {repr(dtype) if found is None else found}")
    return found


def labels(name, y, n_samples, n_classes):
    """Return `y` as an int64 array of shape (n_samples,) of classes 0 to n_classes - 1."""
    y = np.asarray(y)
    expected = f"{name}: expected {n_samples} integer labels from 0 to {n_classes - 1}"
    if y.dtype.kind not in "iu":
        raise TypeError(f"{expected}, got dtype {y.dtype}")
    if y.shape != (n_samples,):
        raise ValueError(f"{expected}, one for each sample, got shape {y.shape}")
    if y.min() < 0 or y.max() >= n_classes:
        wrong = y[(y < 0) | (y >= n_classes)][0]
        raise ValueError(f"{expected}, got {wrong}")
    return y.astype(np.int64, copy=False)
