"""The embedded data set: its files, their digests, its splits, and what turns images into network inputs."""

import hashlib
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.files import beside, fetched

N_PIXELS = 784
N_INPUTS = N_PIXELS + 1  # the pixels, and the constant that carries the biases
N_CLASSES = 10
N_TRAIN, N_VALIDATION = 20_000, 10_000  # images in the report's training and validation sets
FOLDER = Path(__file__).parent / "mnist_data"

# SHA-256 of the uncompressed IDX files, as published.
DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# And how many bytes they have: of a longer one no more is unpacked.
SIZES = {
    "train-images-idx3-ubyte": 16 + 60_000 * N_PIXELS,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * N_PIXELS,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}
N_FIRST = 1000  # of the training images; some ask for no more than these
# SHA-256 of each split's images, and of the first of them, which a live notebook fetches one by one.
IMAGES = {
    "first": "2304e0137aea1f236247daacc2dcaf275996895e40c4bb0760c448434d361d1a",
    "train": "0256de32dd5050b8dd6e2b05e1ae765ddfc4e4b1ee926076b40746b1fa882e29",
    "validation": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "held_out": "412bdf5865574c2be865668b1e2f61e22b163eb7fcbc14b97160e8c5ecbd218f",
}


class Split(NamedTuple):
    """Images with their labels.

    Attributes
    ----------
    images : uint8 array of shape (N, 784)
        One image a row, pixels from 0 (background) to 255 (ink).
    labels : int64 array of shape (N,)
        The digit that each image shows, 0 to 9.
    """

    images: np.ndarray
    labels: np.ndarray


class _Arriving(Split):
    """A split in a live notebook, where few need all: its images are fetched when they are first asked for.

    As a tuple it holds its name and its labels.
    """

    __slots__ = ()
    images = property(lambda self: _fetched_images(tuple.__getitem__(self, 0)))

    def __iter__(self):
        return iter((self.images, self.labels))

    def __getitem__(self, index):
        return (self.images, self.labels)[index]


class MNIST(NamedTuple):
    """The data set in the report's splits; all arrays are read-only.

    Attributes
    ----------
    train : Split
        The first 20,000 images of MNIST's training file.
    validation : Split
        All 10,000 images of MNIST's test file: the report validates, and stops early, on them.
    held_out : Split
        The other 40,000 images of the training file, which the report never used.
    """

    train: Split
    validation: Split
    held_out: Split


def load_mnist(folder=None):
    """Read the embedded MNIST data set, verify it, and split it as the report does.

    The arrays are read once a process; later calls return the same objects.

    Parameters
    ----------
    folder : path, optional
        Where the four gzipped IDX files are; by default those that come with mlplib.

    Returns
    -------
    MNIST
        With fields `train`, `validation` and `held_out`.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is truncated or altered: its uncompressed SHA-256 is not the published one, or more stands behind
        it.
    ConnectionError
        In a live notebook of the book, where a split is asked for and cannot be fetched.

    Notes
    -----
    MNIST is by Yann LeCun and Corinna Cortes, licensed CC BY-SA 3.0.
    """
    if folder is None and beside():
        return _load_one_by_one()
    return _load(Path(_checks.path("folder", folder)) if folder is not None else FOLDER)


@lru_cache(maxsize=2)
def _load(folder):
    train_images = _read(folder, "train-images-idx3-ubyte", header_bytes=16).reshape(-1, N_PIXELS)
    test_images = _read(folder, "t10k-images-idx3-ubyte", header_bytes=16).reshape(-1, N_PIXELS)
    train_labels, test_labels = _labels(folder)
    return MNIST(
        train=Split(train_images[:N_TRAIN], train_labels[:N_TRAIN]),
        validation=Split(test_images, test_labels),
        held_out=Split(train_images[N_TRAIN:], train_labels[N_TRAIN:]),
    )


@lru_cache(maxsize=1)
def _load_one_by_one():
    train, test = _labels(FOLDER)
    return MNIST(_Arriving("train", train[:N_TRAIN]), _Arriving("validation", test),
                 _Arriving("held_out", train[N_TRAIN:]))


def _labels(folder):
    """Those of the training and of the test file."""
    both = [_read(folder, f"{name}-labels-idx1-ubyte", header_bytes=8).astype(np.int64) for name in ("train", "t10k")]
    for array in both:
        array.flags.writeable = False
    return both


def first_images(split, n):
    """The first images of a split, which need not all be there for that: uint8 array of shape (n, 784)."""
    few = isinstance(split, _Arriving) and tuple.__getitem__(split, 0) == "train" and n <= N_FIRST
    return (_fetched_images("first") if few else split.images)[:n]


@lru_cache(maxsize=4)
def _fetched_images(split):
    """The images of a split, read-only."""

    def verified(content):
        found = hashlib.sha256(content).hexdigest()
        if found != IMAGES[split]:
            raise ValueError(f"found {len(content):,} bytes with SHA-256 {found}")
        return np.frombuffer(content, np.uint8).reshape(-1, N_PIXELS)

    images = fetched(f"mnist_data/{split}", f"images with SHA-256 {IMAGES[split]}", verified)
    if images is None:
        raise FileNotFoundError(f"MNIST images are missing: expected {split} beside this notebook")
    return images


def _read(folder, name, header_bytes):
    """The bytes of a gzipped IDX file after its header, as a read-only uint8 array."""
    path = folder / f"{name}.gz"
    if not path.is_file():
        raise FileNotFoundError(f"MNIST file is missing: expected {path.name} in {path.parent}")
    compressed = path.read_bytes()
    unpacker = zlib.decompressobj(wbits=31)  # gives what there is of a truncated file, so that its digest can be told
    try:
        content = unpacker.decompress(compressed, SIZES[name] + 1)
    except zlib.error as error:
        raise ValueError(
            f"{path}: expected content with SHA-256 {DIGESTS[name]}, found a file that does not decompress ({error}), "
            f"itself of SHA-256 {hashlib.sha256(compressed).hexdigest()}"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    more = ", and more behind them," if len(content) > SIZES[name] or unpacker.unused_data else ""
    if found != DIGESTS[name] or not unpacker.eof or unpacker.unused_data:
        raise ValueError(
            f"{path}: expected content with SHA-256 {DIGESTS[name]}, "
            f"found {len(content):,} bytes{more} with SHA-256 {found}: truncated or altered"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header_bytes)  # read-only, because bytes are


def checked_images(images):
    """Return images as a uint8 array of shape (N, 784), N at least 1, or say what they are instead."""
    expected = f"images: expected a uint8 array of shape (N, {N_PIXELS})"
    images = _checks.array("images", images, f"a uint8 array of shape (N, {N_PIXELS})")
    if images.dtype != np.uint8:
        raise TypeError(f"{expected}, got dtype {images.dtype}")
    if images.ndim != 2 or images.shape[1] != N_PIXELS:
        raise ValueError(f"{expected}, got shape {images.shape}")
    if len(images) == 0:
        raise ValueError(f"{expected} with at least one image, got none")
    return images


@dataclass(frozen=True)
class Standardizer:
    """Shift and scale pixels to mean 0 and standard deviation 1, then append the bias column.

    One scalar mean and one scalar standard deviation serve all pixels: most border pixels never vary, so a deviation
    for each pixel would divide by zero. Shifting and scaling inputs is LeCun et al., "Efficient BackProp", section 4.3.

    Attributes
    ----------
    mean, std : float
        In units of grey levels (0 to 255).

    Raises
    ------
    TypeError, ValueError
        If `mean` is not a finite number or `std` not a positive finite one, or float32 cannot hold the inputs that they
        make.
    """

    mean: float
    std: float

    def __post_init__(self):
        for name, value in (("mean", _checks.finite("mean", self.mean)),
                            ("std", _checks.real("std", self.std, "a positive finite number", lambda std: std > 0))):
            object.__setattr__(self, name, _checks.within(name, value))
        largest = max(abs(self.mean), abs(255 - self.mean)) / self.std
        if largest > float(np.finfo(np.float32).max):
            raise ValueError(f"std: expected a number that makes inputs that float32 can hold, got {self.std!r}, which "
                             f"makes some as large as {largest:.2g}")

    @classmethod
    def fit(cls, images):
        """Measure the mean and standard deviation over all pixels of all images.

        Parameters
        ----------
        images : uint8 array of shape (N, 784)

        Returns
        -------
        Standardizer

        Raises
        ------
        TypeError, ValueError
            If `images` has another dtype or shape, is empty, or is constant (no spread to scale by).
        """
        images = checked_images(images)
        # A histogram of 256 grey levels gives the exact sums, without a float copy of all the images.
        counts = np.bincount(images.ravel(), minlength=256)
        levels = np.arange(256)
        mean = counts @ levels / images.size
        std = np.sqrt(counts @ (levels - mean) ** 2 / images.size)
        if std == 0:
            raise ValueError(f"images: expected pixels that vary, got the constant {images[0, 0]}: "
                             "no spread to scale by")
        return cls(float(mean), float(std))

    def __call__(self, images, dtype=np.float32):
        """Turn images into network inputs.

        Parameters
        ----------
        images : uint8 array of shape (N, 784)
        dtype : float32 or float64
            Of the result.

        Returns
        -------
        array of shape (N, 785)
            (images - mean) / std, then a constant 1 in the last column: the bias trick.

        Raises
        ------
        TypeError, ValueError
            If `images` has another dtype or shape, or is empty, or if `dtype` is neither float32 nor float64.
        """
        images = checked_images(images)
        X = np.empty((len(images), N_INPUTS), _checks.floating_dtype("dtype", dtype))
        X[:, :-1] = images
        X[:, :-1] -= self.mean
        X[:, :-1] /= self.std
        X[:, -1] = 1
        return X
