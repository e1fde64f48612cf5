"""Images as network inputs: which of them train, which stop and judge, and how pixels are scaled."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from mlplib import _checks
from mlplib.mnist import N_TRAIN, Split, Standardizer, first_images, load_mnist

#: What early stopping may look at: MNIST's test file, and its two random halves.
STOPS = ("validation", "half_1", "half_2")
#: What may judge a network: the same, and the 40,000 images of the training file that it was not trained on.
JUDGES = (*STOPS, "held_out")
#: The thirds of the training file that can be the training images; the first is the report's.
THIRDS = (0, 1, 2)
#: How pixels become inputs: (x - mean) / std, x / std, or x / 255.
INPUTS = ("standardized", "uncentred", "unit_interval")
#: What `Standardizer.fit` finds in the report's training images, for those who do not have them all.
REPORTED_SCALE = Standardizer(33.55274553571429, 78.87550070784695)
IMAGES_AT_ONCE = 5000  # of the held-out set, made into inputs: all of them would be 125 MB


def standardized_mnist(third=0, inputs="standardized"):
    """The report's inputs, or those of another third, kept until others are asked for; read-only.

    Parameters
    ----------
    third, inputs
        As for `Experiment`.

    Returns
    -------
    (X, y), (X_validation, y_validation)
        float32 arrays of shape (20000, 785) and (10000, 785), with int64 labels. Mean and standard deviation are those
        of the 20,000 training images.
    """
    return _standardized(*_checked(third, inputs))


def _checked(third, inputs):
    third = _checks.integer("third", third, minimum=0, maximum=max(THIRDS))
    return third, _checks.one_of("inputs", inputs, INPUTS)


@lru_cache(maxsize=1)
def _standardized(third, inputs):
    pairs = []
    for split in (_third(third), load_mnist().validation):
        X = _scaler(third, inputs)(split.images)
        X.flags.writeable = False
        pairs.append((X, split.labels))
    return tuple(pairs)


def sets_of(data, third=0, inputs="standardized"):
    """The training and the validation set of MNIST, or of other data, kept until others are asked for; read-only.

    Parameters
    ----------
    data : DataSet or None
        None is MNIST, as `standardized_mnist` gives it.
    third, inputs
        As for `Experiment`; of other data the largest training number takes the place of 255.

    Returns
    -------
    (X, y), (X_validation, y_validation)
    """
    return standardized_mnist(third, inputs) if data is None else _scaled(data, _checked(third, inputs)[1])


def first_samples(n, data, third=0, inputs="standardized"):
    """The first training samples as `sets_of` gives them, without the work for all the others.

    Parameters
    ----------
    n : int
    data, third, inputs
        As for `sets_of`.

    Returns
    -------
    X, y : array
    """
    if data is not None:
        return tuple(each[:n] for each in sets_of(data, third, inputs)[0])
    third, inputs = _checked(third, inputs)
    split = _third(third)
    return _scaler(third, inputs)(first_images(split, n)), split.labels[:n]


@lru_cache(maxsize=1)
def _scaled(data, inputs):
    train, validation = data.pairs()
    mean = float(np.mean(train[0], dtype=np.float64)) if inputs == "standardized" else 0.0
    spread = np.std(train[0], dtype=np.float64) if inputs != "unit_interval" else np.abs(train[0]).max()
    pairs = []
    for images, labels in (train, validation):
        X = np.ones((len(images), data.n_inputs), np.float32)
        X[:, :-1] = (images - mean) / float(spread)
        X.flags.writeable = False
        pairs.append((X, labels))
    return tuple(pairs)


def _third(number):
    """A third of the training file."""
    if number == 0:
        return load_mnist().train
    rest = load_mnist().held_out
    return Split(*(each[:N_TRAIN] if number == 1 else each[N_TRAIN:] for each in rest))


@lru_cache(maxsize=3)
def _scaler(third, inputs):
    if inputs == "unit_interval":
        return Standardizer(0.0, 255.0)
    standardize = Standardizer.fit(_third(third).images) if third else REPORTED_SCALE
    return standardize if inputs == "standardized" else replace(standardize, mean=0.0)


def held_out_pieces(third, inputs):
    """The 40,000 images of the training file that are not trained on, some at a time.

    Parameters
    ----------
    third, inputs
        As for `Experiment`.

    Yields
    ------
    X, y : array
        Of shapes (N, 785) and (N,).
    """
    third, inputs = _checked(third, inputs)
    for split in (_third(other) for other in THIRDS if other != third):
        for start in range(0, len(split.labels), IMAGES_AT_ONCE):
            part = slice(start, start + IMAGES_AT_ONCE)
            yield _scaler(third, inputs)(split.images[part]), split.labels[part]


def halves(labels, seed=0):
    """Split samples at random into two halves with the same number of each class, or one more.

    Parameters
    ----------
    labels : int array of shape (N,)
    seed : int
        Of the split.

    Returns
    -------
    bool array of shape (N,)
        Which samples are in the first half; the others are in the second.
    """
    labels = _checks.array("labels", labels, "integer labels")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected integer labels, got dtype {labels.dtype}")
    if labels.ndim != 1:
        raise ValueError(f"labels: expected integer labels, one for each sample, got shape {labels.shape}")
    rng = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    first = np.zeros(len(labels), bool)
    turn = 0  # of the classes with an odd number, every other one gives its extra sample to the first half
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        size = (len(members) + turn) // 2
        turn = (turn + len(members)) % 2
        first[members[:size]] = True
    return first


def half_masks(data=None):
    """The two random halves of the validation set, always the same ones.

    Parameters
    ----------
    data : DataSet, optional
        By default MNIST.

    Returns
    -------
    dict from str to bool array of shape (10000,)
        "half_1" and "half_2"; of other data for each of its validation samples.
    """
    return _half_masks(data)


@lru_cache(maxsize=2)
def _half_masks(data):
    first = halves(load_mnist().validation.labels if data is None else data.pairs()[1][1])
    masks = {"half_1": first, "half_2": ~first}
    for mask in masks.values():
        mask.flags.writeable = False
    return masks
