"""A frozen `Experiment` says what to train; `run` trains it and gives a `Run`."""

import copy
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.activations import ACTIVATIONS
from mlplib.diagnostics import DIAGNOSTICS, PROBES, Recorder, gradient_sizes
from mlplib.initializers import INITIALIZERS
from mlplib.inputs import INPUTS, half_masks, held_out_pieces, standardized_mnist
from mlplib.network import BIASES, MLP
from mlplib.optimizers import SGD, Momentum
from mlplib.training import History, Trainer, Weights

#: What early stopping may look at: MNIST's test file, and its two random halves.
STOPS = ("validation", "half_1", "half_2")
#: What may judge a network: the same, and the 40,000 images of the training file that it was not trained on.
JUDGES = (*STOPS, "held_out")


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
    input_gain, output_gain, offset : float
        The hidden units give output_gain f(input_gain z) + offset, f being the activation.
    init_scale : float
        A factor for all initial weights.
    third : {0, 1, 2}
        Which 20,000 of the training file's 60,000 images are the training images; 0 are the first, the report's.
    inputs : {"standardized", "uncentred", "unit_interval"}
        (x - mean) / std, x / std, or x / 255; mean and std are those of the training images.
    evaluations_per_epoch : int
    dense_steps : int
        Among the first so many updates every 25th is evaluated too.
    stop_on : sequence of {"validation", "half_1", "half_2"}
        What early stopping looks at: MNIST's test file, or a random half of it. With more than one, each is looked at by
        itself, and the run goes on until the last of them has given reason to stop; `Run.stops` has them apart.
    judge_on : sequence of {"validation", "half_1", "half_2", "held_out"}
        On what each stopping rule's networks are judged, in `Run.stops`. "held_out" are the 40,000 images of the training
        file that are not trained on.
    diagnostics : sequence of {"layers", "units", "hits"}
        What is recorded beside the losses, in `Run.diagnostics`; see `mlplib.diagnostics`.

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
    input_gain: float = 1.0
    output_gain: float = 1.0
    offset: float = 0.0
    init_scale: float = 1.0
    third: int = 0
    inputs: str = "standardized"
    evaluations_per_epoch: int = 5
    dense_steps: int = 0
    stop_on: tuple = ("validation",)
    judge_on: tuple = ()
    diagnostics: tuple = ()

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
            "input_gain": _checks.gain("input_gain", self.input_gain),
            "output_gain": _checks.gain("output_gain", self.output_gain),
            "offset": _checks.finite("offset", self.offset),
            "init_scale": _checks.gain("init_scale", self.init_scale),
            "third": _checks.integer("third", self.third, minimum=0),
            "inputs": _checks.one_of("inputs", self.inputs, INPUTS),
            "evaluations_per_epoch": _checks.integer("evaluations_per_epoch", self.evaluations_per_epoch, minimum=1),
            "dense_steps": _checks.integer("dense_steps", self.dense_steps, minimum=0),
            "stop_on": _checks.names("stop_on", self.stop_on, STOPS),
            "judge_on": _checks.names("judge_on", self.judge_on, JUDGES),
            "diagnostics": _checks.names("diagnostics", self.diagnostics, DIAGNOSTICS),
        }
        if self.learning_rate is not None:
            checked["learning_rate"] = _checks.learning_rate(self.learning_rate)
        if self.patience is not None:
            checked["patience"] = _checks.integer("patience", self.patience, minimum=1)
        if not checked["stop_on"]:
            raise ValueError("stop_on: expected at least one name, got none")
        if self.third > 2:
            raise ValueError(f"third: expected 0, 1 or 2, got {self.third}")
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


class Stop(NamedTuple):
    """What one stopping rule by itself would have kept of a run.

    Attributes
    ----------
    step, best_step : int
        The update after which it ended the run, or the run's last if it did not; and that of the lowest loss.
    stopped : bool
        Whether it ended the run.
    last, best : dict from str to (float, float)
        Loss and accuracy with the weights of these two steps, for "train" and each set in `Experiment.judge_on`.
    """

    step: int
    best_step: int
    stopped: bool
    last: dict
    best: dict


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
        With the weights of the lowest validation loss at a regular evaluation, on the first set of `Experiment.stop_on`.
    gradient_rms : tuple of float
        Root mean square of the gradient by each weight matrix, input side first, with the last weights, over the first
        1,000 training images.
    stops : dict from str to Stop
        For each name in `Experiment.stop_on`; empty if `Experiment.judge_on` is.
    diagnostics : dict from str to array
        As `Experiment.diagnostics` asks for.
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
    stops: dict = field(default_factory=dict)
    diagnostics: dict = field(default_factory=dict)
    versions: dict | None = None


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
    train, validation = _sets(experiment)
    model = model_for(experiment)
    named = set(experiment.stop_on) | set(experiment.judge_on)
    recorder = Recorder(experiment.diagnostics, train) if experiment.diagnostics else None
    return Trainer(model, experiment.optimizer(), train, validation,
                   batch_size=experiment.batch_size, epochs=experiment.epochs, shuffle=experiment.shuffle,
                   patience=experiment.patience, evaluations_per_epoch=experiment.evaluations_per_epoch,
                   seed=experiment.seed, subsets={name: mask for name, mask in half_masks().items() if name in named},
                   stop_on=experiment.stop_on, dense_steps=experiment.dense_steps, observe=recorder)


def model_for(experiment):
    """The untrained network of an experiment.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    MLP
    """
    e = experiment
    return MLP(e.hidden, e.activation, e.init, e.biases, e.seed, input_gain=e.input_gain, output_gain=e.output_gain,
               offset=e.offset, init_scale=e.init_scale)


def _sets(experiment):
    """The images it trains on, and the validation set."""
    (X, y), validation = standardized_mnist(experiment.third, experiment.inputs)
    return (X[: experiment.n_train], y[: experiment.n_train]), validation


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
        stops = _stops(trainer, experiment) if experiment.judge_on and trainer.best else {}
        recorded = trainer.observe.recorded(trainer.model, _sets(experiment)[1]) if trainer.observe else {}
    if trainer.step >= trainer.steps_per_epoch:
        trainer.check_divergence(final.train_loss)
    return Run(experiment, trainer.model, history, trainer.stopped_epoch, trainer.diverged, trainer.interrupted,
               trainer.message, seconds, final, best, sizes, stops, recorded)


def gradient_rms(model, experiment, n_images=PROBES):
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
    (X, y), _ = _sets(experiment)
    return gradient_sizes(model, X[:n_images], y[:n_images])


def _figures(model, weights, experiment):
    """The figures of `model` with other weights."""
    probe = _with_weights(model, weights)
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged run has said so already
        return Figures(*(figure for pair in _sets(experiment) for figure in probe._evaluate(*pair)))


def _with_weights(model, weights):
    probe = copy.copy(model)
    probe.weights = weights
    return probe


def _stops(trainer, experiment):
    """What each stopping rule would have kept, judged on the sets that the experiment names."""
    end = Weights(trainer.step - 1, trainer.model.weights)
    last = {name: trainer.last.get(name, end) for name in trainer.stopping}
    kept = {id(one): one for one in (*last.values(), *trainer.best.values())}  # one network may serve several rules
    judged = dict(zip(kept, _judged(trainer.model, [one.weights for one in kept.values()], experiment)))
    return {name: Stop(last[name].step, best.step, name in trainer.last, judged[id(last[name])], judged[id(best)])
            for name, best in trainer.best.items()}


def _judged(model, several_weights, experiment):
    """Loss and accuracy of `model` with each of these weights, on "train" and the sets that the experiment names."""
    probes = [_with_weights(model, weights) for weights in several_weights]
    train, (X, y) = _sets(experiment)
    figures = [{} for _ in probes]
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged run has said so already
        for probe, found in zip(probes, figures):
            found["train"] = probe._evaluate(*train)
            losses, hits = each = np.empty(len(X)), np.empty(len(X), bool)
            found["validation"] = probe._evaluate(X, y, each)
            for name, mask in half_masks().items():
                found[name] = float(losses[mask].mean()), float(hits[mask].mean())
        if "held_out" in experiment.judge_on:
            sizes, pieces = [], []
            for X, y in held_out_pieces(experiment.third, experiment.inputs):
                sizes.append(len(y))
                pieces.append([probe._evaluate(X, y) for probe in probes])
            for found, (loss, accuracy) in zip(figures, np.average(pieces, axis=0, weights=sizes)):
                found["held_out"] = float(loss), float(accuracy)
    return [{name: found[name] for name in ("train", *experiment.judge_on)} for found in figures]
