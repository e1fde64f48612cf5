"""Data of one's own in place of MNIST: arrays, or IDX files, checked once and known by their digest."""

import gzip
import hashlib
import math
from pathlib import Path

import numpy as np

from mlplib import _checks

# What the third byte of an IDX file says of its numbers, which are stored with the highest byte first.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class DataSet:
    """Training and validation samples of one's own, for `Experiment(data=...)`.

    The arrays are copied, as float32 and int64, so a digest tells what an experiment was trained on: data sets with the
    same name, digest and sizes are equal.

    Parameters
    ----------
    name : str
        What it is called, in stores and on pages.
    train, validation : pair of array
        Samples and labels: numbers of shape (N, ...), of which each sample becomes a row, and integers of shape (N,),
        each of the classes 0, 1, 2, ... at least once among the training samples, and twice among those that validate,
        once for each of their halves. Numbers in different units should be scaled before: one mean and one standard
        deviation serve them all.

    Attributes
    ----------
    name : str
    digest : str
        16 hexadecimal digits, from both pairs.
    n_inputs : int
        Numbers of a sample, and one for the constant 1 that carries the biases.
    n_classes, n_train, n_validation : int
    train, validation : (float32 array of shape (N, n_inputs - 1), int64 array of shape (N,)), or None
        Read-only. None if it comes from a store, which keeps what was found out and not the data.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; the message names it, and says what to do.
    """

    def __init__(self, name, train, validation):
        self.name = _checks.text("name", name)
        pairs = {what: _pair(what, pair) for what, pair in (("train", train), ("validation", validation))}
        self.train, self.validation = pairs.values()
        widths = [images.shape[1] for images, _ in pairs.values()]
        if widths[0] != widths[1]:
            raise ValueError(f"validation: expected samples of {widths[0]} numbers, as in train, got {widths[1]}")
        self.n_inputs, self.n_classes = widths[0] + 1, _n_classes(*(labels for _, labels in pairs.values()))
        self.n_train, self.n_validation = (len(labels) for _, labels in pairs.values())
        if self.train[0].min() == self.train[0].max():
            raise ValueError(f"train: expected samples that vary, got the constant {self.train[0][0, 0]:g}: no spread "
                             "to scale by")
        found = hashlib.sha256()
        for array in (*self.train, *self.validation):
            found.update(f"{array.shape} ".encode())
            found.update(array.astype(array.dtype.newbyteorder("<"), copy=False))
        self.digest = found.hexdigest()[:16]

    @classmethod
    def described(cls, name, digest, n_inputs, n_classes, n_train, n_validation):
        """A data set without its arrays, as a store knows it: equal to the one with them, but not to be trained on.

        Parameters
        ----------
        name, digest : str
        n_inputs, n_classes, n_train, n_validation : int

        Returns
        -------
        DataSet
        """
        data = object.__new__(cls)
        data.name, data.digest = _checks.text("name", name), _checks.text("digest", digest)
        for size, value, least in (("n_inputs", n_inputs, 2), ("n_classes", n_classes, 2), ("n_train", n_train, 1),
                                   ("n_validation", n_validation, 1)):
            setattr(data, size, _checks.integer(size, value, minimum=least, maximum=_checks.LONGEST))
        data.train = data.validation = None
        return data

    @property
    def description(self):
        """What `described` makes it of, a dict."""
        return {name: getattr(self, name)
                for name in ("name", "digest", "n_inputs", "n_classes", "n_train", "n_validation")}

    @property
    def n_repeated(self):
        """How many of the samples that validate are also among those that train, an int."""
        train, validation = ([hashlib.sha256(sample).digest() for sample in samples] for samples, _ in self.pairs())
        known = set(train)
        return sum(sample in known for sample in validation)

    def __eq__(self, other):
        return self.description == other.description if isinstance(other, DataSet) else NotImplemented

    def __hash__(self):
        return hash(self.digest)

    def __repr__(self):
        return (f"DataSet {self.name!r} ({self.digest}): {self.n_train:,} + {self.n_validation:,} samples of "
                f"{self.n_inputs - 1:,} numbers, {self.n_classes} classes")

    def pairs(self):
        """Both pairs, or a ValueError that says that they are not at hand."""
        if self.train is None:
            raise ValueError(f"data: expected {self.name!r} with its samples, got what a store knows of it "
                             f"({self.digest}); make a DataSet of the samples again, and an Experiment with it")
        return self.train, self.validation


def _pair(what, pair):
    """Samples, as rows, and labels, both read-only copies; or what is wrong with them."""
    pair = _checks.sequence(what, pair, "samples and their labels")
    if len(pair) != 2:
        raise ValueError(f"{what}: expected a pair of samples and labels, got {len(pair)} of them")
    images = _checks.array(f"{what}[0]", pair[0], "an array of numbers, of shape (N, ...)")
    expected = f"{what}[0]: expected an array of numbers, of shape (N, ...)"
    if images.dtype.kind not in "fiub":
        raise TypeError(f"{expected}, got dtype {images.dtype}")
    if images.ndim < 2 or images.size == 0:
        raise ValueError(f"{expected}, with at least one sample, got shape {images.shape}")
    images = images.reshape(len(images), -1)
    with np.errstate(all="ignore"):  # too large for float32 becomes infinity
        images = np.array(images, np.float32, order="C")
    wrong = ~np.isfinite(images)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(f"{what}[0]: expected finite numbers, got {images[row, column]} in sample {row} "
                         f"({wrong.sum():,} such in all); fill them in, or leave these samples out")
    labels = _checks.array(f"{what}[1]", pair[1], "integer labels")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{what}[1]: expected integer labels, got dtype {labels.dtype}")
    if labels.shape != (len(images),):
        raise ValueError(f"{what}[1]: expected {len(images):,} labels, one for each sample, got shape {labels.shape}")
    if labels.min() < 0 or labels.max() >= _checks.LONGEST:
        raise ValueError(f"{what}[1]: expected labels from 0, got {labels.min()} to {labels.max()}")
    labels = labels.astype(np.int64)
    for array in (images, labels):
        array.flags.writeable = False
    return images, labels


def _n_classes(train, validation):
    """The number of classes, each of which is there to be learned and to be judged on both halves."""
    least, largest = int(train.min()), int(max(train.max(), validation.max()))
    if largest - least >= len(train) + len(validation):
        raise ValueError(f"train[1]: expected classes 0, 1, 2, ..., got labels as large as {largest}")
    if largest == 0:
        raise ValueError("train[1]: expected at least two classes, got label 0 alone")
    if min(least, int(validation.min())) == 1 and len(np.unique(train)) == largest:
        raise ValueError(f"train[1]: expected labels from 0, got 1 to {largest}; subtract 1 from all labels")
    absent = np.setdiff1d(np.arange(largest + 1), np.concatenate([train, validation]))
    if len(absent):
        raise ValueError(f"train[1]: expected classes 0 to {largest}, got no sample of class {absent[0]}, here or in "
                         "validation; number those that there are without a gap, before the samples are divided: "
                         "labels = np.unique(labels, return_inverse=True)[1]")
    for what, labels, needed, why in (
            ("train", train, 1, "there is nothing to learn it from"),
            ("validation", validation, 2, "each half of them judges all classes, and needs one at least")):
        counts = np.bincount(labels.astype(np.intp), minlength=largest + 1)  # 32 bits in a browser
        if (counts < needed).any():
            label = int(np.argmin(counts >= needed))
            raise ValueError(f"{what}[1]: expected {needed} or more samples of each class from 0 to {largest}, got "
                             f"{counts[label]} of class {label}: {why}. If the samples are sorted, shuffle them before "
                             "they are divided")
    return largest + 1


def read_idx(path):
    """The array in an IDX file, the format of MNIST's files, plain or gzipped.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    array
        Fresh, with the machine's own order of bytes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no IDX file, or is truncated, or more stands behind it.
    """
    path = Path(_checks.path("path", path))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an IDX file, found none")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with (gzip.open if packed else open)(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in IDX_TYPES or not 1 <= start[3] <= 8:
                raise ValueError(f"expected an IDX file, which begins with 0, 0, the type of its numbers and that of "
                                 f"its dimensions, got {start!r}")
            shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(start[3]))
            dtype = np.dtype(IDX_TYPES[start[2]])
            size = math.prod(shape) * dtype.itemsize
            content = bytearray()
            while len(content) <= size and (piece := file.read(min(2**24, size + 1 - len(content)))):
                content += piece  # a header may claim what no memory holds
    except (OSError, EOFError, gzip.zlib.error) as error:
        raise ValueError(f"{path}: damaged, or no IDX file ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content):,}"
        raise ValueError(f"{path}: expected {size:,} bytes of numbers, for shape {shape}, got {more}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
