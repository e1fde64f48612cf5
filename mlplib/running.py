"""Train one experiment and judge it: from an `Experiment` to a `Run`."""

import copy
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.diagnostics import PROBES, Recorder, gradient_rms
from mlplib.experiments import Experiment
from mlplib.history import History
from mlplib.inputs import half_masks, held_out_pieces, sets_of
from mlplib.network import MLP
from mlplib.straight_through import StraightThrough
from mlplib.threads import on_threads
from mlplib.training import Trainer, Weights, on_subset


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
        With the weights of the lowest validation loss at a regular evaluation, on the first set of
        `Experiment.stop_on`.
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
    _checks.instance("experiment", experiment, Experiment)
    train, validation = _sets(experiment)
    model = model_for(experiment)
    named, halves = {*experiment.stop_on, *experiment.judge_on}, half_masks(experiment.data)
    recorder = Recorder(experiment.diagnostics, train) if experiment.diagnostics else None
    return Trainer(model, experiment.optimizer(), train, validation,
                   batch_size=experiment.batch_size, epochs=experiment.epochs, shuffle=experiment.shuffle,
                   patience=experiment.patience, evaluations_per_epoch=experiment.evaluations_per_epoch,
                   seed=experiment.seed, subsets={name: mask for name, mask in halves.items() if name in named},
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
    e = _checks.instance("experiment", experiment, Experiment)
    network = StraightThrough if e.straight_through else MLP
    return network(e.hidden, e.activation, e.init, e.biases, e.seed, n_inputs=e.n_inputs, n_classes=e.n_classes,
                   input_gain=e.input_gain, output_gain=e.output_gain, offset=e.offset, init_scale=e.init_scale)


def _sets(experiment):
    """The images it trains on, and the validation set."""
    (X, y), validation = sets_of(experiment.data, experiment.third, experiment.inputs)
    return (X[: experiment.n_train], y[: experiment.n_train]), validation


@lru_cache(maxsize=1)
def _libraries():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # looks for BLAS among all loaded libraries: once, as NumPy has loaded its own by now


_limiting = threading.Lock()
_open = []  # once for each context that is open: the number of threads of each library before the first of them


@contextmanager
def one_blas_thread():
    """A context in which BLAS uses one thread: sums keep their order, and parallel processes do not fight for cores.

    The number of threads is the whole process's. So of contexts that are open at the same time, in several threads, the
    first sets it, and the last one that is left puts it back. Where BLAS has a number for each thread, as with OpenMP,
    each context does so for its own.

    Yields
    ------
    int
        How many threads it had before, which others may use now; 1 where another such context is open.
    """
    libraries = [library for library in _libraries().lib_controllers if library.user_api == "blas"]
    with _limiting:
        before = [library.num_threads for library in libraries]
        _open.append(_open[0] if _open else before)
        _set_threads(libraries, [1] * len(libraries))
    try:
        yield max(before, default=1)
    finally:
        with _limiting:
            first = _open.pop()
            here = [getattr(library, "threading_layer", None) == "openmp" for library in libraries]
            _set_threads(libraries, [own if per_thread else 1 if _open else process
                                     for own, per_thread, process in zip(before, here, first)])


def _set_threads(libraries, numbers):
    for library, n in zip(libraries, numbers):
        # Since 3.8 threadpoolctl lets only the thread that came first set it, and passes over others in silence.
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
        library.set_num_threads(n)


def run(experiment, progress=False):
    """Train an experiment.

    The same experiment on the same machine gives the same bits, whatever ran before or runs in other threads: BLAS is
    held to one thread, and all random numbers come from the seed. The threads that BLAS would have used evaluate parts
    of the images, side by side. Ctrl-C ends the run and keeps what it reached. A run
    that diverges is marked so: an outcome, not an error. Where a loss is not finite, the accuracy is NaN.

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
        If the run diverges, unless within `mlplib.training.quietly`.

    Raises
    ------
    TypeError
        If `experiment` is not an Experiment.
    """
    progress = _checks.boolean("progress", progress)
    trainer = trainer_for(experiment)
    with one_blas_thread() as threads, on_threads(threads):
        start = time.perf_counter()
        history = trainer.run(progress=progress)
        seconds = time.perf_counter() - start
        final = _figures(trainer.model, trainer.model.weights, experiment)
        best = final if trainer.best_weights is None else _figures(trainer.model, trainer.best_weights, experiment)
        sizes = probed_gradient_rms(trainer.model, experiment)
        stops = _stops(trainer, experiment) if experiment.judge_on and trainer.best else {}
        recorded = trainer.observe.recorded(trainer.model, _sets(experiment)[1]) if trainer.observe else {}
    if trainer.n_steps >= trainer.steps_per_epoch:
        trainer.check_divergence(final.train_loss)
    return Run(experiment, trainer.model, history, trainer.stopped_epoch, trainer.diverged, trainer.interrupted,
               trainer.message, seconds, final, best, sizes, stops, recorded)


def probed_gradient_rms(model, experiment, n_images=PROBES):
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
    n_images = _checks.integer("n_images", n_images, minimum=1)
    (X, y), _ = _sets(_checks.instance("experiment", experiment, Experiment))
    return gradient_rms(model, X[:n_images], y[:n_images])


def _figures(model, weights, experiment):
    """The figures of `model` with other weights."""
    probe = _with_weights(model, weights)
    return Figures(*(figure for pair in _sets(experiment) for figure in probe.loss_and_accuracy(*pair)))


def _with_weights(model, weights):
    probe = copy.copy(model)
    probe.weights = weights
    return probe


def _stops(trainer, experiment):
    """What each stopping rule would have kept, judged on the sets that the experiment names."""
    end = Weights(trainer.n_steps - 1, trainer.model.weights)
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
    with np.errstate(all="ignore"):  # a diverged run has said so already
        for probe, found in zip(probes, figures):
            found["train"] = probe.loss_and_accuracy(*train)
            losses, hits = each = np.empty(len(X)), np.empty(len(X), bool)
            found["validation"] = probe.loss_and_accuracy(X, y, each)
            for name, mask in half_masks(experiment.data).items():
                found[name] = on_subset(losses, hits, mask)
        if "held_out" in experiment.judge_on:
            sizes, pieces = [], []
            for X, y in held_out_pieces(experiment.third, experiment.inputs):
                sizes.append(len(y))
                pieces.append([probe.loss_and_accuracy(X, y) for probe in probes])
            for found, (loss, accuracy) in zip(figures, np.average(pieces, axis=0, weights=sizes)):
                found["held_out"] = float(loss), float(accuracy)
    return [{name: found[name] for name in ("train", *experiment.judge_on)} for found in figures]
