"""What goes on inside a network while it learns: sizes of gradients, updates and activations, beside the losses."""

import math

import numpy as np

from mlplib.activations import steepest
from mlplib.losses import one_hot
from mlplib.network import Buffers

#: What can be recorded.
DIAGNOSTICS = ("layers", "units", "hits")
PROBES = 1000  # training images on which gradients and activations are looked at
SATURATED = 0.1  # a unit is saturated where its slope is below this share of the activation's largest slope


def gradient_rms(model, X, y):
    """How large the gradient is at each layer: its root mean square.

    Parameters
    ----------
    model : MLP
    X, y : array
        Samples, as `model.gradients` takes them, in the model's dtype; not checked.

    Returns
    -------
    tuple of float
        One for each weight matrix, input side first.
    """
    buffers = Buffers(model, len(X))
    with np.errstate(all="ignore"):  # of a diverged network, too
        model.loss_and_gradients(X, one_hot(y, model.n_classes, model.dtype), buffers)
        return tuple(map(rms, buffers.gradients))


def rms(values):
    """Root mean square of all entries, as a float."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


class Recorder:
    """Records a network on its way, as an observer of its `Trainer`: at first at each evaluation, then once an epoch.

    "layers", one column for each weight matrix or hidden layer, input side first:

    - `gradient_rms`: root mean square of the gradient over 1,000 training images, for each weight matrix
    - `update_ratio`: root mean square of the last update over that of the weights, for each weight matrix
    - `spread`: standard deviation of the activations over the images, averaged over the units of a hidden layer
    - `saturated`: share of a hidden layer's activations whose slope is below a tenth of the largest slope there is

    "units":

    - `unit_change`: length of the last update of a first-layer unit's weights over the length of these weights, the
      mean over the units
    - `minibatch_noise`: standard deviation of the logarithms of the minibatch losses since the record before, taken
      from their successive differences, so that a trend does not count

    "hits", made at the end only: `hits`, for each validation image whether the network with its last weights
    classifies it correctly, eight images a byte.

    `step` says after which updates they were made, and is there unless only "hits" are wanted.

    Parameters
    ----------
    kinds : sequence of {"layers", "units", "hits"}
    train : pair of array
        X and y of the training set.
    """

    def __init__(self, kinds, train):
        self._kinds = kinds
        self._X, self._y = (array[:PROBES] for array in train)
        self._rows = []

    def __call__(self, trainer):
        """Record, if it is time to: in the first epoch at each evaluation, later at the first of each epoch."""
        t = trainer.n_steps - 1
        epoch = t // trainer.steps_per_epoch
        last = self._rows[-1]["step"] if self._rows else -1
        due = last < t and (epoch == 0 or epoch > last // trainer.steps_per_epoch)  # not again after Ctrl-C
        if trainer.diverged or not due or not set(self._kinds) - {"hits"}:
            return
        row = {"step": t}
        with np.errstate(all="ignore"):
            updates = trainer.last_update
            if "layers" in self._kinds:
                row |= self._layers(trainer.model, updates)
            if "units" in self._kinds:
                row |= self._units(trainer.model, updates, trainer.minibatch_losses[last + 1 :])
        self._rows.append(row)  # all at once: an interrupted record leaves nothing behind

    def _layers(self, model, updates):
        buffers = Buffers(model, len(self._X), backward=False)
        model.propagate(self._X, buffers)
        f, largest = model.f, steepest(model.f)
        return {
            "gradient_rms": gradient_rms(model, self._X, self._y),
            "update_ratio": [np.divide(rms(update), rms(W)) for update, W in zip(updates, model.weights)],
            "spread": [float(a.std(axis=0).mean()) for a in buffers.activations],
            "saturated": [float(np.mean(np.abs(f.derivative(a)) < SATURATED * largest)) for a in buffers.activations],
        }

    def _units(self, model, updates, losses):
        change = np.linalg.norm(updates[0], axis=0) / np.linalg.norm(model.weights[0], axis=0)
        logs = np.log(np.maximum(losses, np.finfo(np.float32).tiny))
        noise = rms(np.diff(logs)) / math.sqrt(2) if len(logs) > 1 else math.nan
        return {"unit_change": float(change.mean()), "minibatch_noise": noise}

    def recorded(self, model, validation):
        """What was recorded.

        Parameters
        ----------
        model : MLP
            With its last weights.
        validation : pair of array

        Returns
        -------
        dict from str to array
        """
        found = {name: np.array([row[name] for row in self._rows]) for name in (self._rows[0] if self._rows else ())}
        if "hits" in self._kinds:
            X, y = validation
            each = np.empty(len(y)), np.empty(len(y), bool)
            model.loss_and_accuracy(X, y, each)
            found["hits"] = np.packbits(each[1] & np.isfinite(each[0]))  # NaN has no largest logit
        return found
