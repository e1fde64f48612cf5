"""How weights move, and when they stop: minibatches, evaluations, early stopping."""

import copy
import math
import os
import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.history import History, Progress
from mlplib.losses import one_hot
from mlplib.mnist import N_CLASSES
from mlplib.network import Buffers
from mlplib.optimizers import SGD, Momentum, at_once

DENSE = 25  # updates from one evaluation to the next where they are dense
OUR_UPDATES = (SGD.update, Momentum.update)  # which do nothing but their `moves`
DIVERGED_ABOVE = 10 * math.log(N_CLASSES)  # ten times the loss of a network that gives ten classes the same probability


class DivergenceWarning(RuntimeWarning):
    """Training was stopped because the loss had grown beyond recovery."""


_quiet = ContextVar("quiet", default=False)


@contextmanager
def quietly():
    """A context in which divergence is not warned of, but only said in `Trainer.message`; of this thread alone.

    Python's own filters of warnings are the whole process's.
    """
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


@dataclass
class EarlyStopping:
    """The rule inferred for the report: stop when `patience` evaluations in a row bring no new lowest validation loss.

    Attributes
    ----------
    patience : int or None
        None never stops.
    lowest : float
        The lowest validation loss so far.
    waited : int
        Evaluations since then.

    Raises
    ------
    TypeError, ValueError
        If `patience` is neither None nor an integer of at least 1.
    """

    patience: int | None
    lowest: float = field(default=math.inf, init=False)
    waited: int = field(default=0, init=False)

    def __post_init__(self):
        if self.patience is not None:
            self.patience = _checks.integer("patience", self.patience, minimum=1)

    def is_new_best(self, validation_loss):
        """Take note of an evaluation.

        Parameters
        ----------
        validation_loss : float
            In nats.

        Returns
        -------
        bool
            Whether it is the lowest so far.
        """
        validation_loss = _checks.loss("validation_loss", validation_loss)
        if validation_loss < self.lowest:
            self.lowest, self.waited = validation_loss, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self):
        """Whether it is time to stop."""
        return self.patience is not None and self.waited >= self.patience


class Weights(NamedTuple):
    """The weights of a network at some time.

    Attributes
    ----------
    step : int
        The update after which they were copied.
    weights : list of array
    """

    step: int
    weights: list


def on_subset(losses, hits, mask):
    """Loss and accuracy on a part of a set.

    Parameters
    ----------
    losses : float array of shape (N,)
        In nats.
    hits : bool array of shape (N,)
        Whether each sample is classified correctly.
    mask : bool array of shape (N,)
        Which samples count.

    Returns
    -------
    loss, accuracy : float
        The accuracy is NaN where the loss is not finite.
    """
    loss = float(losses[mask].mean())
    return loss, float(hits[mask].mean()) if math.isfinite(loss) else math.nan


def progress_bar(iterable=None, show=True, **options):
    """A tqdm bar for terminals and notebooks alike.

    Parameters
    ----------
    iterable : iterable, optional
    show : bool
        False never shows it; True shows it unless the environment variable TQDM_DISABLE is set.
    **options
        As tqdm takes them.

    Returns
    -------
    tqdm.auto.tqdm
    """
    from tqdm.auto import tqdm  # slow to import

    if sys.platform == "emscripten":
        tqdm.monitor_interval = 0  # its monitor is a thread, and Python starts none in a browser
    switched_off = os.environ.get("TQDM_DISABLE", "0") not in ("", "0")  # tqdm itself heeds it in terminals only
    return tqdm(iterable, disable=not show or switched_off, **options)


class Trainer:
    """Minibatch training with evaluations on the way.

    Iterate over it for one `Progress` an evaluation, or call `run`; both are the loop in `pieces`. Leaving the loop
    early loses nothing: `history` and the weights stay, and iterating again goes on from there, to the same bits as if
    it had not been left, even where Ctrl-C came in the middle of an update. A copy made at any time goes on so too.

    Updates are counted t = 0, 1, 2, ... through the whole run. With k = ⌊steps per epoch / evaluations per epoch⌋ (at
    least 1), both sets are evaluated after update t whenever t mod k = 0.

    Parameters
    ----------
    model : MLP
        Trained in place.
    optimizer : SGD or Momentum
        A fresh one, or the one that has trained this model so far. Another class will do if it has their methods; but
        in the middle of an `update` that is not theirs Ctrl-C may come.
    train, validation : pair of array
        X of shape (N, n_inputs) and integer labels y of shape (N,).
    batch_size : int
        Samples in a minibatch; an epoch's last, incomplete minibatch is dropped.
    epochs : int
        At most so many passes over the training set.
    shuffle : bool
        Whether each epoch draws a new order.
    patience : int or None
        Stop after so many evaluations in a row without a new lowest validation loss; None never stops early.
    evaluations_per_epoch : int
    seed : int
        Of the order of the data. The same seed gives the same minibatches, whatever the network.
    subsets : dict from str to bool array of shape (N_validation,), optional
        Named parts of the validation set, whose curves are recorded too.
    stop_on : sequence of str
        "validation" for the whole validation set, or names of subsets. Early stopping looks at each by itself, and the
        run ends when all have given it reason to; `last` and `best` tell what each of them alone would have kept.
    dense_steps : int
        Among the first so many updates every 25th is evaluated too. Early stopping does not count these.
    observe : callable, optional
        Called with the trainer after each evaluation, before the next update; again if Ctrl-C came meanwhile.

    Attributes
    ----------
    model, optimizer, epochs, batch_size, shuffle, evaluations_per_epoch, seed, subsets, dense_steps, observe
        As given.
    steps_per_epoch, evaluate_every : int
        Updates in an epoch; k, the updates from one evaluation to the next.
    stopping : dict from str to EarlyStopping
        One for each name in `stop_on`; `early_stopping` is the first.
    best, last : dict from str to Weights
        For each name in `stop_on`, the weights at its lowest loss so far, and those it alone would have stopped at.
    minibatch_losses : list of float
        The loss on the minibatch of each update so far, before that update, in nats.
    stopped_epoch : int or None
        The epoch, counted from 0, in which early stopping ended the run; None if it did not.
    diverged : bool
        Whether the run was stopped because a loss was not finite, or the training loss above ten times ln 10 after the
        first epoch.
    interrupted : bool
        Whether `run` was ended by Ctrl-C or a notebook's stop button.
    message : str
        Why a run diverged or was interrupted; empty otherwise.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; the message names it.
    """

    def __init__(self, model, optimizer, train, validation, batch_size=32, epochs=50, shuffle=True, patience=50,
                 evaluations_per_epoch=5, seed=0, subsets=None, stop_on=("validation",), dense_steps=0, observe=None):
        self.model = _checks.able("model", model, "loss_and_gradients", "MLP((64,))")
        self.optimizer = _checks.able("optimizer", optimizer, "update", "SGD(0.1) or Momentum(0.02, 0.9)")
        if isinstance(optimizer, (SGD, Momentum)):
            rate = _checks.learning_rate(optimizer.learning_rate)
            _checks.within("optimizer.learning_rate", rate, model.dtype)
        if isinstance(optimizer, Momentum):
            optimizer.check_network(model.weights)
        self._X, self._y = self._checked_set("train", train)
        self._validation = self._checked_set("validation", validation)
        self.batch_size = _checks.integer("batch_size", batch_size, minimum=1)
        if self.batch_size > len(self._X):
            raise ValueError(f"batch_size: expected at most the {len(self._X)} training samples, got {batch_size}")
        self.epochs = _checks.integer("epochs", epochs, minimum=1, maximum=_checks.LONGEST)
        self.shuffle = _checks.boolean("shuffle", shuffle)
        subsets = _checks.mapping("subsets", subsets)
        if "validation" in subsets:
            raise ValueError("subsets: expected other names than 'validation', which is the whole set")
        self.subsets = {name: self._checked_mask(name, mask) for name, mask in subsets.items()}
        names = _checks.names("stop_on", stop_on, ("validation", *self.subsets))
        if not names:
            raise ValueError("stop_on: expected at least one name, got none")
        self.stopping = {name: EarlyStopping(patience) for name in names}
        self.dense_steps = _checks.integer("dense_steps", dense_steps, minimum=0, maximum=_checks.LONGEST)
        self.observe = None if observe is None else _checks.function("observe", observe)
        self.evaluations_per_epoch = _checks.integer("evaluations_per_epoch", evaluations_per_epoch, minimum=1)
        self.seed = _checks.integer("seed", seed, minimum=0)

        self.steps_per_epoch = len(self._X) // self.batch_size
        self.evaluate_every = max(1, self.steps_per_epoch // self.evaluations_per_epoch)
        self.stopped_epoch = None
        self.diverged = False
        self.interrupted = False
        self.best, self.last = {}, {}
        self.message = ""
        self.minibatch_losses = []
        self._evaluations, self._on_subsets = [], []
        self._n_observed = 0
        # The epoch, its order, and the generator that draws the next: one value, so that it changes at once.
        self._shuffled = -1, np.arange(len(self._X)), self._order_stream()
        self._targets = one_hot(self._y, model.n_classes, model.dtype)
        self._minibatch, self._minibatch_targets = (np.empty((self.batch_size, columns), model.dtype)
                                                    for columns in (model.n_inputs, model.n_classes))
        self._buffers = Buffers(model, self.batch_size)

    def __setstate__(self, state):
        self.__dict__ |= _checks.writable(state, "_minibatch", "_minibatch_targets")

    def _checked_set(self, name, pair):
        try:
            X, y = pair
        except (TypeError, ValueError):
            raise TypeError(f"{name}: expected a pair (X, y), got {type(pair).__name__}") from None
        X = _checks.samples(f"{name} X", X, self.model.n_inputs, self.model.dtype)
        return X, _checks.labels(f"{name} y", y, len(X), self.model.n_classes)

    def _checked_mask(self, name, mask):
        n = len(self._validation[0])
        mask = _checks.array(f"subsets[{name!r}]", mask, f"a bool array of shape ({n},)")
        if mask.dtype != bool or mask.shape != (n,) or not mask.any():
            raise ValueError(f"subsets[{name!r}]: expected a bool array of shape ({n},) that is true somewhere, "
                             f"got dtype {mask.dtype} and shape {mask.shape}")
        return mask

    @property
    def early_stopping(self):
        """The rule for the first set of `stop_on`, an `EarlyStopping`: the patience, and the lowest validation loss."""
        return next(iter(self.stopping.values()))

    @property
    def best_weights(self):
        """A copy of the weights at the lowest loss so far on the first set of `stop_on`; None before an evaluation."""
        best = self.best.get(next(iter(self.stopping)))
        return best and best.weights

    @property
    def last_update(self):
        """What the last update subtracted from the weights, a list of fresh arrays; there must have been one."""
        return [self.optimizer.learning_rate * each for each in self.optimizer.direction(self._buffers.gradients)]

    @property
    def n_steps(self):
        """Updates made so far."""
        return len(self.minibatch_losses)

    @property
    def finished(self):
        """Whether the epochs are over, early stopping has ended the run, or it has diverged."""
        over = self.n_steps >= self.epochs * self.steps_per_epoch and not self._evaluation_due
        return over or self.diverged or self.stopped_epoch is not None

    @property
    def _evaluation_due(self):
        """Whether the last update, t, is not evaluated yet, and t mod k = 0 or evaluations are dense there."""
        t = self.n_steps - 1
        done = self._evaluations[-1].step if self._evaluations else -1
        return t > done and (self._is_regular(t) or (t < self.dense_steps and t % DENSE == 0))

    def _is_regular(self, t):
        return t % self.evaluate_every == 0

    @property
    def n_evaluations(self):
        """How many evaluations a run to the end of its epochs has."""
        steps = self.epochs * self.steps_per_epoch
        n_dense = min(self.dense_steps, steps)
        regular_too = range(0, n_dense, math.lcm(DENSE, self.evaluate_every))
        return 1 + (steps - 1) // self.evaluate_every + len(range(0, n_dense, DENSE)) - len(regular_too)

    @property
    def history(self):
        """What has been recorded so far, as a `History` of fresh arrays."""
        def column(name, dtype=np.float64):
            return np.array([getattr(evaluation, name) for evaluation in self._evaluations], dtype)

        return History(
            step=np.arange(self.n_steps),
            minibatch_loss=np.array(self.minibatch_losses, np.float64),
            evaluation_step=column("step", np.int64),
            train_loss=column("train_loss"),
            train_accuracy=column("train_accuracy"),
            validation_loss=column("validation_loss"),
            validation_accuracy=column("validation_accuracy"),
            subsets={name: np.array([each[name] for each in self._on_subsets]).reshape(-1, 2) for name in self.subsets},
        )

    def __iter__(self):
        """Train; yield a `Progress` after each evaluation."""
        return filter(None, self.pieces())

    def pieces(self):
        """The loop itself, for a caller who has something else to do in between, such as a page that must not freeze.

        Leaving it loses nothing: only an evaluation that was not finished is made again.

        Yields
        ------
        Progress or None
            None after each update and after each part of an evaluation; a `Progress` when an evaluation is complete.
        """
        while True:
            if self.observe is not None and self._n_observed < len(self._evaluations):
                self.observe(self)
                self._n_observed = len(self._evaluations)
            if self.finished:
                return
            if self._evaluation_due:
                yield from self._evaluate()
            else:
                self.update()
                yield None

    @np.errstate(all="ignore")
    def update(self):
        """Make one update: the next minibatch, its loss, the gradients, one step against them. Nothing is evaluated."""
        epoch, batch = divmod(self.n_steps, self.steps_per_epoch)
        rows = self._order(epoch)[batch * self.batch_size : (batch + 1) * self.batch_size]
        # The rows exist; any mode but "raise" lets `take` write straight into the buffer.
        X = np.take(self._X, rows, axis=0, out=self._minibatch, mode="clip")
        targets = np.take(self._targets, rows, axis=0, out=self._minibatch_targets, mode="clip")
        loss, gradients = self.model.loss_and_gradients(X, targets, self._buffers)
        divergence = {} if math.isfinite(loss) else self._divergence("minibatch", loss, self.n_steps)
        at_once([*self._moves(gradients), (self.minibatch_losses.append, loss), (vars(self).update, divergence)])
        self._warn(divergence)

    def _moves(self, gradients):
        """What the optimiser does with the weights, as calls; of one with an `update` of its own, that one."""
        if getattr(type(self.optimizer), "update", None) in OUR_UPDATES and "update" not in vars(self.optimizer):
            return self.optimizer.moves(self.model.weights, gradients)
        return [(self.optimizer.update, self.model.weights, gradients)]

    def order(self, epoch):
        """The order of the samples in an epoch, a function of the seed and the epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        int64 array of shape (N,)
            Row numbers of the training set.

        Raises
        ------
        TypeError, ValueError
            If there is no such epoch.
        """
        present = self.n_steps // self.steps_per_epoch
        return self._order(_checks.integer("epoch", epoch, minimum=0, maximum=max(present, self.epochs)))

    def _order(self, epoch):
        drawn, order, rng = self._shuffled
        if not self.shuffle or epoch == drawn:
            return order
        # The generator that is kept has drawn no order that is not kept.
        drawn, rng = (drawn, copy.deepcopy(rng)) if epoch > drawn else (-1, self._order_stream())
        while drawn < epoch:
            drawn, order = drawn + 1, rng.permutation(len(self._X))
        if epoch == self.n_steps // self.steps_per_epoch:
            self._shuffled = drawn, order, rng
        return order

    def _order_stream(self):
        _, stream = np.random.SeedSequence(self.seed).spawn(2)  # the other one draws the weights
        return np.random.default_rng(stream)

    def _evaluate(self):
        """Loss and accuracy on both sets, part by part, and what follows from them."""
        t = self.n_steps - 1
        n = len(self._validation[0])
        each = (np.empty(n), np.empty(n, bool)) if self.subsets else None
        figures = ()
        for X, y, samples in ((self._X, self._y, None), (*self._validation, each)):
            for loss_and_accuracy in self.model.evaluate_in_parts(X, y, samples):
                so_far = (*figures, *loss_and_accuracy)
                yield None
            figures = so_far
        progress = Progress(t, t // self.steps_per_epoch, self.minibatch_losses[-1], *figures)
        on_subsets = {name: on_subset(*each, mask) for name, mask in self.subsets.items()}
        divergence = self._divergence_of(progress)
        noted = []
        if not (self.diverged or divergence) and self._is_regular(t):
            losses = {"validation": progress.validation_loss} | {name: loss for name, (loss, _) in on_subsets.items()}
            noted = self._heed(progress, losses)
        at_once([(self._evaluations.append, progress), (self._on_subsets.append, on_subsets),
                 (vars(self).update, divergence), *noted])
        self._warn(divergence)
        yield progress

    def _heed(self, progress, losses):
        """What early stopping notes, for each of its sets that has not given reason to stop yet, as calls."""
        now = None  # one copy serves them all
        calls, stopped = [], len(self.last)
        for name, rule in self.stopping.items():
            if name in self.last:
                continue
            after = copy.copy(rule)
            better = after.is_new_best(losses[name])
            calls.append((vars(rule).update, vars(after)))
            if better or after.exhausted:
                now = now or Weights(progress.step, [W.copy(order="K") for W in self.model.weights])
                calls.append(((self.best if better else self.last).__setitem__, name, now))
                stopped += not better
        if stopped == len(self.stopping):
            calls.append((vars(self).update, {"stopped_epoch": progress.epoch}))
        return calls

    def check_divergence(self, train_loss):
        """Stop if the training loss is not finite, or above ten times ln 10 once the first epoch is over.

        Parameters
        ----------
        train_loss : float
            Over the whole training set.

        Warns
        -----
        DivergenceWarning
            If it stops, unless within `quietly`.
        """
        train_loss = _checks.loss("train_loss", train_loss)
        divergence = {} if self.diverged else self._training_divergence(train_loss)
        vars(self).update(divergence)
        self._warn(divergence)

    def _divergence_of(self, progress):
        if self.diverged:
            return {}
        found = self._training_divergence(progress.train_loss)
        if not found and not math.isfinite(progress.validation_loss):
            found = self._divergence("validation", progress.validation_loss, progress.step)
        return found

    def _training_divergence(self, loss):
        first_epoch = self.n_steps < self.steps_per_epoch
        if not math.isfinite(loss) or (loss > DIVERGED_ABOVE and not first_epoch):
            return self._divergence("training", loss, self.n_steps - 1)
        return {}

    def _divergence(self, which, loss, step):
        """What the trainer then says of itself."""
        return {"diverged": True,
                "message": f"Training diverged at step {step}: the {which} loss is {loss:.4g}. "
                           f"Try a learning rate smaller than {self.optimizer.learning_rate:g}."}

    def _warn(self, divergence):
        if divergence and not _quiet.get():
            warnings.warn(self.message, DivergenceWarning, stacklevel=3)

    def run(self, progress=True):
        """Train to the end, behind a progress bar.

        Ctrl-C, or a notebook's stop button, ends training; the history and the weights reached are kept, and calling
        `run` again goes on from there.

        Parameters
        ----------
        progress : bool
            Whether to show the bar.

        Returns
        -------
        History

        Warns
        -----
        DivergenceWarning
            If the run diverges, unless within `quietly`.
        """
        progress = _checks.boolean("progress", progress)
        self.interrupted = False
        with progress_bar(show=progress, total=self.n_evaluations, initial=len(self._evaluations),
                          unit="evaluation") as bar:
            try:
                for evaluation in self:
                    bar.set_postfix(epoch=evaluation.epoch, loss=f"{evaluation.validation_loss:.3f}",
                                    accuracy=f"{evaluation.validation_accuracy:.4f}", refresh=False)
                    bar.update()
            except KeyboardInterrupt:
                self.interrupted = True
                self.message = f"Interrupted after {self.n_steps} steps; the history and the weights reached are kept."
                print(self.message)
        return self.history
