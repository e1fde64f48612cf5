"""A frozen `Experiment` says what to train; `run` trains it and gives a `Run`."""

import copy
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.initializers import INITIALIZERS
from mlplib.mnist import Standardizer, load_mnist
from mlplib.network import BIASES, MLP
from mlplib.optimizers import SGD, Momentum
from mlplib.training import History, Trainer


@dataclass(frozen=True)
class Experiment:
    """One training run on MNIST, said completely. The defaults are the report's plain network, task 2c.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the hidden layers, input side first.
    init : {"uniform", "fan_in"}
    activation : {"sigmoid", "improved_sigmoid"}
    gamma : float
        Momentum; 0 is plain gradient descent.
    seed : int
        Of the initial weights and, as a stream of its own, of the order of the data.
    learning_rate : float or None
        None is what is inferred for the report: 0.1, or 0.02 with momentum.
    biases : {"input", "every_layer"}
    shuffle : bool
        Whether each epoch draws a new order.
    batch_size : int
    epochs : int
        At most so many.
    patience : int or None
        Evaluations in a row without a new lowest validation loss that end the run; None never stops early.
    n_train : int
        Train on the first so many of the 20,000 training images.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; the message names it.
    """

    hidden: tuple = (64,)
    init: str = "uniform"
    activation: str = "sigmoid"
    gamma: float = 0.0
    seed: int = 0
    learning_rate: float | None = None
    biases: str = "input"
    shuffle: bool = True
    batch_size: int = 32
    epochs: int = 50
    patience: int | None = 50
    n_train: int = 20_000

    def __post_init__(self):
        checked = {
            "hidden": _checks.widths("hidden", self.hidden),
            "init": _checks.one_of("init", self.init, INITIALIZERS),
            "activation": _checks.one_of("activation", self.activation, ACTIVATIONS),
            "gamma": _checks.gamma(self.gamma),
            "seed": _checks.integer("seed", self.seed, minimum=0),
            "biases": _checks.one_of("biases", self.biases, BIASES),
            "shuffle": _checks.boolean("shuffle", self.shuffle),
            "batch_size": _checks.integer("batch_size", self.batch_size, minimum=1),
            "epochs": _checks.integer("epochs", self.epochs, minimum=1),
            "n_train": _checks.integer("n_train", self.n_train, minimum=1),
        }
        if self.learning_rate is not None:
            checked["learning_rate"] = _checks.learning_rate(self.learning_rate)
        if self.patience is not None:
            checked["patience"] = _checks.integer("patience", self.patience, minimum=1)
        if self.n_train > 20_000:
            raise ValueError(f"n_train: expected at most the 20000 training images, got {self.n_train}")
        if self.batch_size > self.n_train:
            raise ValueError(f"batch_size: expected at most n_train = {self.n_train}, got {self.batch_size}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def with_tricks(self, init=False, sigmoid=False, momentum=False):
        """The same experiment with the chosen tricks on; the others stay as they are.

        Parameters
        ----------
        init : bool
            Initial weights scaled by the fan-in.
        sigmoid : bool
            The improved sigmoid.
        momentum : bool
            γ = 0.9; by the rule inferred for the report the learning rate drops to 0.02, unless it is set.

        Returns
        -------
        Experiment
        """
        tricks = {}
        if init:
            tricks["init"] = "fan_in"
        if sigmoid:
            tricks["activation"] = "improved_sigmoid"
        if momentum:
            tricks["gamma"] = 0.9
        return replace(self, **tricks)

    def optimizer(self):
        """A fresh `SGD` or, where gamma is above 0, `Momentum`."""
        if self.gamma:
            return Momentum(0.02 if self.learning_rate is None else self.learning_rate, self.gamma)
        return SGD(0.1 if self.learning_rate is None else self.learning_rate)


class Figures(NamedTuple):
    """What the report prints of a run: losses in nats, accuracies from 0 to 1, over the whole sets."""

    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass
class Run:
    """A trained experiment.

    Attributes
    ----------
    experiment : Experiment
    model : MLP or None
        With the last weights; None if the run comes from a store that did not keep them.
    history : History
    stopped_epoch : int or None
        The epoch, counted from 0, in which early stopping ended it; None if it did not.
    diverged : bool
        Whether it was stopped because its loss had grown beyond recovery.
    interrupted : bool
        Whether Ctrl-C or a notebook's stop button ended it.
    message : str
        Why it diverged or was interrupted; empty otherwise.
    seconds : float
        Wall-clock time of training and evaluation.
    final : Figures
        With the last weights.
    best : Figures
        With the weights of the lowest validation loss.
    gradient_rms : tuple of float
        Root mean square of the gradient by each weight matrix, input side first, with the last weights, over the first
        1,000 training images.
    versions : dict from str to str, optional
        What made it, if the run comes from a store: versions of mlplib, NumPy and Python, and the kind of machine.
    """

    experiment: Experiment
    model: MLP | None
    history: History
    stopped_epoch: int | None
    diverged: bool
    interrupted: bool
    message: str
    seconds: float
    final: Figures
    best: Figures
    gradient_rms: tuple
    versions: dict | None = None


@lru_cache(maxsize=1)
def standardized_mnist():
    """The report's inputs, computed once a process; read-only.

    Returns
    -------
    (X, y), (X_validation, y_validation)
        float32 arrays of shape (20000, 785) and (10000, 785), with int64 labels. Mean and standard deviation are those
        of the 20,000 training images.
    """
    mnist = load_mnist()
    standardize = Standardizer.fit(mnist.train.images)
    pairs = []
    for split in (mnist.train, mnist.validation):
        X = standardize(split.images)
        X.flags.writeable = False
        pairs.append((X, split.labels))
    return tuple(pairs)


def trainer_for(experiment):
    """The `Trainer` of an experiment, its fresh model in `.model`: to iterate over, or to run.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    Trainer

    Raises
    ------
    TypeError
        If `experiment` is not an Experiment.
    """
    if not isinstance(experiment, Experiment):
        raise TypeError(f"experiment: expected an Experiment, got {type(experiment).__name__}")
    (X, y), validation = standardized_mnist()
    model = MLP(experiment.hidden, experiment.activation, experiment.init, experiment.biases, experiment.seed)
    return Trainer(model, experiment.optimizer(), (X[: experiment.n_train], y[: experiment.n_train]), validation,
                   batch_size=experiment.batch_size, epochs=experiment.epochs, shuffle=experiment.shuffle,
                   patience=experiment.patience, seed=experiment.seed)


@lru_cache(maxsize=1)
def _libraries():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # looks for BLAS among all loaded libraries: once, as NumPy has loaded its own by now


def one_blas_thread():
    """A context in which BLAS uses one thread: sums keep their order, and processes side by side do not fight for cores."""
    return _libraries().limit(limits=1, user_api="blas")


def run(experiment, progress=False):
    """Train an experiment.

    The same experiment on the same machine gives the same bits, whatever ran before: BLAS is held to one thread, and
    all random numbers come from the seed. Ctrl-C ends the run and keeps what it reached. A run that diverges is marked
    so: an outcome, not an error.

    Parameters
    ----------
    experiment : Experiment
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Run

    Warns
    -----
    DivergenceWarning
        If the run diverges.

    Raises
    ------
    TypeError
        If `experiment` is not an Experiment.
    """
    trainer = trainer_for(experiment)
    with one_blas_thread():
        start = time.perf_counter()
        history = trainer.run(progress=progress)
        seconds = time.perf_counter() - start
        final = _figures(trainer.model, trainer.model.weights, experiment)
        best = final if trainer.best_weights is None else _figures(trainer.model, trainer.best_weights, experiment)
        sizes = gradient_rms(trainer.model, experiment)
    if trainer.step >= trainer.steps_per_epoch:
        trainer.check_divergence(final.train_loss)
    return Run(experiment, trainer.model, history, trainer.stopped_epoch, trainer.diverged, trainer.interrupted,
               trainer.message, seconds, final, best, sizes)


def gradient_rms(model, experiment, n_images=1000):
    """How large the gradient is at each layer: its root mean square, over the first training images.

    Parameters
    ----------
    model : MLP
    experiment : Experiment
        Of its training images no more than it trains on are used.
    n_images : int
        At most so many.

    Returns
    -------
    tuple of float
        One for each weight matrix, input side first.
    """
    (X, y), _ = standardized_mnist()
    n = min(n_images, experiment.n_train)
    with np.errstate(over="ignore", invalid="ignore"):  # of a diverged network
        return tuple(float(np.sqrt(np.mean(np.square(gradient, dtype=np.float64))))
                     for gradient in model.gradients(X[:n], y[:n]))


def _figures(model, weights, experiment):
    """The figures of `model` with other weights."""
    (X, y), validation = standardized_mnist()
    probe = copy.copy(model)
    probe.weights = weights
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged run has said so already
        return Figures(*probe._evaluate(X[: experiment.n_train], y[: experiment.n_train]), *probe._evaluate(*validation))
