"""What is wrong with an argument, said in one sentence: its name, what was expected, what came."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np

LONGEST = 2**31 - 1  # more units than any machine has room for; NumPy's own limit is told in words of its own
LARGEST = 2**128 - 1  # the largest seed that NumPy draws itself; Python refuses to write out much longer numbers


@contextmanager
def extra(name, module):
    """Imports inside the block: if a package is missing, say which extra of mlplib brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{module} needs {error.name}, which is not installed; the extra {name!r} brings it: "
                                  f"pip install 'mlplib[{name}]'", name=error.name) from error


def shown(value):
    """What came, for a message: not the megabytes of a long list, and something even of what cannot show itself."""
    try:
        found = repr(value)
    except Exception:  # a number of too many digits, or an object of another package
        return f"an object of {type(value).__name__} that cannot be shown"
    return found if len(found) <= 300 else f"{found[:300]} ..."


def integer(name, value, minimum, maximum=LARGEST):
    """Return `value` as an int, or say why it is not an integer of at least `minimum` and at most `maximum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected an integer of at least {minimum}, got {shown(value)} "
                        f"({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name}: expected an integer of at least {minimum}, got {shown(value)}")
    if value > maximum:
        raise ValueError(f"{name}: expected an integer of at least {minimum} and at most {maximum}, got {shown(value)}")
    return int(value)


def real(name, value, expected, accept):
    """Return `value` as a float if it is a number that, as a float, `accept` accepts; `expected` says which those are.

    Fractions and long doubles are rounded first: what is 0 or infinite then was not what the caller meant.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected {expected}, got {shown(value)} ({type(value).__name__})")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and accept(number)):
        got = value if isinstance(value, (int, float)) and math.isfinite(number) else number  # not 400 digits
        raise ValueError(f"{name}: expected {expected}, got {got!r}")
    return number


def loss(name, value):
    """Return `value` as a float; a loss may be infinite, or no number, if training diverges."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number, got {shown(value)} ({type(value).__name__})")
    return float(value)


def within(name, value, dtype=np.dtype(np.float32)):  # noqa: B008 - a constant
    """Return a number that a floating dtype can hold: none that becomes 0 there, or infinity, and is neither."""
    with np.errstate(all="ignore"):
        held = dtype.type(value)
    if not np.isfinite(held) or (held == 0 and value != 0):
        raise ValueError(f"{name}: expected a number that {dtype} can hold, got {shown(value)}, which is {held} there")
    return value


def learning_rate(value):
    return real("learning_rate", value, "a positive finite number", lambda v: v > 0)


def gamma(value):
    return real("gamma", value, "a number of at least 0 and below 1", lambda v: 0 <= v < 1)


def phase(name, value):
    """Return the first of some updates and the one after their last, a tuple of two ints."""
    found = sequence(name, value, "two integers, such as (0, 625)")
    if len(found) != 2:
        raise ValueError(f"{name}: expected two integers, such as (0, 625), got {len(found)}")
    first, stop = (integer(name, each, minimum=0) for each in found)
    if first >= stop:
        raise ValueError(f"{name}: expected the first of some updates, and the one after the last, got {first}, {stop}")
    return first, stop


def finite(name, value):
    return real(name, value, "a finite number", lambda v: True)


def gain(name, value):
    return real(name, value, "a finite number other than 0", lambda v: v != 0)


def scales(name, value, n):
    """Return a factor for all weight matrices, or a tuple with one for each of n."""
    if not isinstance(value, (list, tuple)):
        return gain(name, value)
    if len(value) != n:
        raise ValueError(f"{name}: expected a number, or {n}, one for each weight matrix, got {len(value)}")
    return tuple(gain(f"{name}[{i}]", each) for i, each in enumerate(value))


def sequence(name, value, what):
    """Return `value` as a tuple if it has an order and can be gone through twice, as lists, tuples and arrays can."""
    if type(value) in (list, tuple):  # what an update hands over, which has no time for more
        return tuple(value)
    if isinstance(value, np.ndarray) and value.ndim == 1 and not np.ma.isMaskedArray(value):
        return tuple(value)
    if isinstance(value, (str, bytes, bytearray, memoryview)) or not isinstance(value, Sequence):
        hint = (f" ({type(value).__name__}); a list, a tuple or an array will do"
                if isinstance(value, Iterable) and not isinstance(value, str) else "")
        raise TypeError(f"{name}: expected a sequence of {what}, got {shown(value)}{hint}")
    return tuple(value)


def instance(name, value, kind):
    """Return `value` if it is an object of a class; not the class itself, nor anything like it."""
    if not isinstance(value, kind):
        got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        spoken = kind.__name__[0] in "AEIOU" or kind.__name__.isupper()  # an Experiment, an MLP
        raise TypeError(f"{name}: expected a{'n' * spoken} {kind.__name__}, got {got}")
    return value


def instances(name, value, kind):
    """Return `value` as a tuple of objects of a class."""
    return tuple(instance(f"{name}[{i}]", each, kind)
                 for i, each in enumerate(sequence(name, value, kind.__name__)))


def able(name, value, method, such_as):
    """Return `value` if it is an object that has a method; `such_as` is an example. A dict's `update` is another."""
    if isinstance(value, (type, Mapping, Set)) or not hasattr(value, method):
        got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        raise TypeError(f"{name}: expected one such as {such_as}, got {got}")
    return value


def runs(name, values):
    """Return runs, or what has an experiment as they do, as a list."""
    return [able(f"{name}[{i}]", run, "experiment", "a Run") for i, run in enumerate(sequence(name, values, "Run"))]


def path(name, value):
    """Return `value` as text if it is a path; bytes are none."""
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str):
        raise TypeError(f"{name}: expected a path, got {shown(value)} ({type(value).__name__})")
    if "\0" in found:
        raise ValueError(f"{name}: expected a path, got {shown(value)}, with a character that no path has")
    return found


def names(name, value, known):
    """Return `value` as a tuple of different names in `known`."""
    given = sequence(name, value, f"names among {', '.join(map(repr, known))}")
    found = tuple(one_of(f"{name}[{i}]", each, known) for i, each in enumerate(given))
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: expected different names, got {shown(value)}")
    return found


def mapping(name, value):
    """Return `value` as a dict with strings as keys; None is an empty one."""
    if value is None:
        return {}
    return named(name, value)


def named(name, value):
    """Return `value` as a dict with strings as keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name}: expected a dict with names as keys, got {shown(value)} ({type(value).__name__})")
    return dict(value)


def several(name, value, kind):
    """Return `value`, a dict from names to objects of a class, as a dict."""
    return {key: instance(f"{name}[{key!r}]", each, kind) for key, each in named(name, value).items()}


def probability(name, value):
    return real(name, value, "a number from 0 to 1", lambda v: 0 <= v <= 1)


def function(name, value):
    if not isinstance(value, Callable):
        raise TypeError(f"{name}: expected a function, got {shown(value)} ({type(value).__name__})")
    return value


def one_of(name, value, known):
    """Return `value` if it is one of the names in `known`; the message lists them."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, known))}, got {shown(value)}")
    return value


def text(name, value):
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a string, got {shown(value)} ({type(value).__name__})")
    return value


def jobs(name, value):
    """Return how many processes are wanted, as joblib counts them: -1 is one for each processor."""
    if integer(name, value, minimum=-LONGEST, maximum=LONGEST) == 0:
        raise ValueError(f"{name}: expected the number of processes, or -1 for one on each processor, got 0")
    return int(value)


def boolean(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {shown(value)} ({type(value).__name__})")
    return bool(value)


def widths(name, value):
    """Return the widths of the hidden layers as a tuple of positive ints."""
    found = sequence(name, value, "layer widths such as (64,)")
    return tuple(integer(f"{name}[{i}]", width, minimum=1, maximum=LONGEST) for i, width in enumerate(found))


def array(name, value, expected):
    """Return `value` as an array; `expected` says of what. What a mask hides has no place in sums, nor on a copy."""
    # A list of masked arrays too: NumPy makes an array of what lies under the masks.
    if np.ma.isMaskedArray(value) or (isinstance(value, (list, tuple)) and any(map(np.ma.isMaskedArray, value))):
        raise TypeError(f"{name}: expected {expected}, got a masked array; say what stands for what its mask hides, "
                        "as in `masked.filled(0)`")
    try:
        return np.asarray(value)
    except Exception as error:  # of other packages' arrays too, such as a tensor that needs a gradient
        raise (ValueError if isinstance(error, ValueError) else TypeError)(
            f"{name}: expected {expected}, got {type(value).__name__} that makes no array ({error})") from None


def samples(name, X, width, dtype):
    """Return `X` as a finite array of shape (N, width) and the given dtype, N at least 1."""
    expected = f"{name}: expected a numeric array of shape (N, {width})"
    X = array(name, X, f"a numeric array of shape (N, {width})")
    if X.dtype.kind not in "fiu":
        raise TypeError(f"{expected}, got dtype {X.dtype}")
    if X.ndim != 2 or X.shape[1] != width:
        raise ValueError(f"{expected}, got shape {X.shape}")
    if len(X) == 0:
        raise ValueError(f"{expected} with at least one row, got none")
    with np.errstate(all="ignore"):  # too large for the dtype becomes infinity, which the next line reports
        X = X.astype(dtype, copy=False)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise ValueError(f"{name}: expected finite values, got {X[row, column]} in row {row}, column {column}")
    return X


def shaped(name, value, shape, dtype):
    """Return `value` as a finite array of a shape and the given dtype."""
    expected = f"a numeric array of shape {shape}"
    found = array(name, value, expected)
    if found.dtype.kind not in "fiu" or found.shape != shape:
        raise (ValueError if found.dtype.kind in "fiu" else TypeError)(
            f"{name}: expected {expected}, got shape {found.shape} and dtype {found.dtype}")
    with np.errstate(all="ignore"):  # too large for the dtype becomes infinity, which the next line reports
        found = found.astype(dtype, copy=False)
    if not np.isfinite(found).all():
        raise ValueError(f"{name}: expected finite numbers, got {found[~np.isfinite(found)][0]}")
    return found


def _plain(array):
    """Whether it is an array, and none that hides something."""
    return isinstance(array, np.ndarray) and not np.ma.isMaskedArray(array)


def weights(weights, shapes, dtype):
    """Say what is wrong with a network's weights: their number, a shape or the dtype, or that one is not finite."""
    if len(sequence("weights", weights, "arrays")) != len(shapes):
        raise ValueError(f"weights: expected {len(shapes)} matrices, got {len(weights)}")
    for layer, (W, shape) in enumerate(zip(weights, shapes)):
        if not _plain(W) or W.shape != shape or W.dtype != dtype:
            raise ValueError(f"weights[{layer}]: expected an array of shape {shape} and dtype {dtype}, got "
                             f"{type(W).__name__} of shape {np.shape(W)} and dtype {getattr(W, 'dtype', None)}")
        if not np.isfinite(W).all():
            raise ValueError(f"weights[{layer}]: expected finite numbers, got {W[~np.isfinite(W)][0]}; training that "
                             "diverges leaves such")


def logits(values):
    """Say so if logits, or the loss that comes of them, are not finite though the weights are."""
    if not np.isfinite(values).all():
        raise ValueError("weights: expected some whose logits are finite, got some so large that they are not; "
                         "training that diverges leaves such")


def gradients(weights, gradients):
    """Say what is wrong with weights to be moved, or with gradients for them; one that merely broadcasts is none."""
    weights, gradients = sequence("weights", weights, "arrays"), sequence("gradients", gradients, "arrays")
    if len(gradients) != len(weights):
        raise ValueError(f"gradients: expected {len(weights)}, one for each weight matrix, got {len(gradients)}")
    for layer, (W, gradient) in enumerate(zip(weights, gradients)):
        if (type(gradient) is type(W) is np.ndarray and gradient.shape == W.shape and W.dtype.kind == "f"
                and gradient.dtype is W.dtype and W.flags.writeable):
            continue  # an update has no time to ask one by one
        if not _plain(W) or W.dtype.kind != "f" or not W.flags.writeable:
            raise ValueError(f"weights[{layer}]: expected an array that can be written to, of a floating dtype, got "
                             f"{type(W).__name__} of dtype {getattr(W, 'dtype', None)}")
        if not _plain(gradient) or gradient.shape != W.shape or not np.can_cast(gradient.dtype, W.dtype):
            raise ValueError(f"gradients[{layer}]: expected an array of shape {W.shape} and dtype {W.dtype}, got "
                             f"{type(gradient).__name__} of shape {np.shape(gradient)} and dtype "
                             f"{getattr(gradient, 'dtype', None)}")


def floating_dtype(name, dtype):
    """Return `dtype` as np.float32 or np.float64."""
    try:
        found = np.dtype(dtype)
    except Exception:  # NumPy has several ways to say that something is no dtype
        found = None
    if found not in (np.float32, np.float64):
        raise ValueError(f"{name}: expected float32 or float64, got {shown(dtype) if found is None else found}")
    return found


def labels(name, y, n_samples, n_classes):
    """Return `y` as an int64 array of shape (n_samples,) of classes 0 to n_classes - 1."""
    y = array(name, y, f"{n_samples} integer labels")
    expected = f"{name}: expected {n_samples} integer labels from 0 to {n_classes - 1}"
    if y.dtype.kind not in "iu":
        raise TypeError(f"{expected}, got dtype {y.dtype}")
    if y.shape != (n_samples,):
        raise ValueError(f"{expected}, one for each sample, got shape {y.shape}")
    if y.size and (y.min() < 0 or y.max() >= n_classes):
        wrong = y[(y < 0) | (y >= n_classes)][0]
        raise ValueError(f"{expected}, got {wrong}")
    return y.astype(np.int64, copy=False)


def writable(state, *names):
    """An object's state with the named arrays, or lists of them, writable: joblib hands large ones on read-only.

    Lists stay the objects that they are, for others may hold them too.
    """
    for name in names:
        found = state[name]
        if isinstance(found, list):
            found[:] = (each if each.flags.writeable else np.array(each) for each in found)
        elif isinstance(found, np.ndarray) and not found.flags.writeable:
            state[name] = np.array(found)
    return state
