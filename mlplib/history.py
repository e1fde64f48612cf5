"""What a training run recorded: one `Progress` for each evaluation, all of them together a `History`."""

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np

from mlplib import _checks


class Progress(NamedTuple):
    """What one evaluation saw; losses in nats, accuracies from 0 to 1.

    Attributes
    ----------
    step : int
        The update after which it was made, counted from 0 through the whole run.
    epoch : int
        Counted from 0.
    minibatch_loss : float
        Of that update's minibatch, before the update.
    train_loss, train_accuracy : float
        Over the whole training set.
    validation_loss, validation_accuracy : float
        Over the whole validation set.
    """

    step: int
    epoch: int
    minibatch_loss: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass
class History:
    """What a training run recorded; losses in nats, accuracies from 0 to 1.

    Attributes
    ----------
    step : int64 array of shape (n,)
        0, 1, 2, ...; in a history that comes from a store only some of them, with the last.
    minibatch_loss : float64 array of shape (n,)
        Loss on the minibatch of each of these steps, before its update.
    evaluation_step : int64 array of shape (n_evaluations,)
        The updates after which the whole sets were evaluated.
    train_loss, train_accuracy : float64 array of shape (n_evaluations,)
    validation_loss, validation_accuracy : float64 array of shape (n_evaluations,)
    subsets : dict from str to float64 array of shape (n_evaluations, 2)
        Loss and accuracy on named parts of the validation set.
    """

    step: np.ndarray
    minibatch_loss: np.ndarray
    evaluation_step: np.ndarray
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    validation_loss: np.ndarray
    validation_accuracy: np.ndarray
    subsets: dict = field(default_factory=dict)

    @property
    def n_steps(self):
        """How many updates were made."""
        return int(self.step[-1]) + 1 if len(self.step) else 0

    def until(self, step):
        """The beginning of the history.

        Parameters
        ----------
        step : int or None
            The last step wanted; None wants all.

        Returns
        -------
        History
            Its arrays are views.
        """
        if step is None:
            return self
        step = _checks.integer("step", step, minimum=-_checks.LARGEST)
        made, evaluated = (np.searchsorted(steps, step, side="right") for steps in (self.step, self.evaluation_step))
        return History(self.step[:made], self.minibatch_loss[:made], self.evaluation_step[:evaluated],
                       self.train_loss[:evaluated], self.train_accuracy[:evaluated],
                       self.validation_loss[:evaluated], self.validation_accuracy[:evaluated],
                       {name: curves[:evaluated] for name, curves in self.subsets.items()})

    def at_end(self):
        """The history with nothing but its last step and its last evaluation.

        Returns
        -------
        History
            Its arrays are views.
        """
        return History(*(getattr(self, each.name)[-1:] for each in fields(self) if each.name != "subsets"),
                       {name: curves[-1:] for name, curves in self.subsets.items()})

    def step_reaching(self, train_loss):
        """How fast training went: the first evaluated step with a training loss of at most `train_loss`.

        Parameters
        ----------
        train_loss : float
            In nats, over the whole training set.

        Returns
        -------
        int or None
            None if no evaluation came so low.
        """
        train_loss = _checks.finite("train_loss", train_loss)
        reached = np.flatnonzero(self.train_loss <= train_loss)
        return int(self.evaluation_step[reached[0]]) if len(reached) else None
