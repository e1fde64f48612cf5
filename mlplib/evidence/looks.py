"""Looks: how curved the loss of a network is, and which steps it takes best, measured at one seed."""

import math
from dataclasses import replace

import numpy as np

from mlplib.activations import steepest
from mlplib.curvature import spectrum
from mlplib.diagnostics import SATURATED
from mlplib.evidence.arms import CODES, depth, tricks, width
from mlplib.evidence.questions import OTHER_INPUTS
from mlplib.evidence.rates import with_effective_step
from mlplib.inputs import sets_of
from mlplib.losses import one_hot
from mlplib.network import Buffers
from mlplib.running import one_blas_thread, trainer_for
from mlplib.training import quietly

#: Effective steps α / (1 - γ), each twice the one before.
STEPS = tuple(0.01 * 2.0**k for k in range(-2, 11))
#: The effective step of the runs that only bring a network to where its curvature is looked at.
GENTLE = 0.01
#: Updates after which the curvature is looked at: a few, and two epochs, when the loss says which step is fastest.
SOON, UPDATES = 125, 1250
#: Updates, and batch sizes, for what the noise of minibatches does to the fastest step.
SHORT, BATCHES = 300, (32, 512)
#: λ is that of the loss on so many of the training images, the first.
N_LOOKED_AT = 5000
#: A step is stable if the loss on all training images has not risen at any of so many updates on all of them.
DESCENT = 60
#: The steps tried for that, beside 2/λ.
BESIDE_LIMIT = tuple(2.0 ** (k / 8) for k in range(-8, 17))

_FAN_IN_IMPROVED = tricks("110")
#: The two that differ from "tricks 110" in what their hidden units give alone.
QUIET = _FAN_IN_IMPROVED.varied("output gain 0.5", output_gain=0.5)
LOUD = _FAN_IN_IMPROVED.varied("output gain 2", output_gain=2.0)
COMBINATIONS, WIDE_AND_NARROW = tuple(map(tricks, CODES)), tuple(map(width, (8, 32, 256, 1024)))
DEEP = (depth(3, momentum=False), depth(10, momentum=False), depth(20, momentum=False))
TEN = depth(10)
#: All networks that are looked at.
LOOKED_AT = (*COMBINATIONS, *OTHER_INPUTS.values(), *WIDE_AND_NARROW, *DEEP, TEN, QUIET, LOUD)
#: Those whose noise, and whose largest stable step, is looked at too.
NOISY = (tricks("000"), tricks("100"), _FAN_IN_IMPROVED, DEEP[1])
STABLE = (tricks("000"), _FAN_IN_IMPROVED, DEEP[1])


def look_at(network, seed):
    """Look at a network at one seed.

    Parameters
    ----------
    network : Network
    seed : int
        Of the initial weights and of the order of the images.

    Returns
    -------
    dict
        "loss": of the training set after `UPDATES` updates with each of `STEPS`, a list, 1000 where it is larger or
        NaN.
        "limit": 2/λ, "start", "early" and "gentle": before training, and after `SOON` and `UPDATES` updates with the
        gentle step; and "fastest": after those with the step of the lowest loss.
        "spread": the largest eigenvalue over the tenth, and "saturated": the share of hidden activations whose slope is
        below a tenth of the steepest; both where "gentle" is.
        "by_batch", of `NOISY` networks: for each of `BATCHES` such losses after `SHORT` updates.
        "stable", of `STABLE` networks, from the weights of "gentle" and with all training images in one batch: the
        "limit" 2/λ of the loss on all of them, the largest stable "step", and the limit "after" its updates.
    """
    e = network.experiment
    X, y = (each[: e.n_train] for each in sets_of(e.data, e.third, e.inputs)[0])
    with one_blas_thread(), quietly(), np.errstate(all="ignore"):
        trained = [_trained(network, seed, step, UPDATES) for step in STEPS]
        losses, gentle = [_loss(model, X, y) for model in trained], trained[STEPS.index(GENTLE)]
        looked_at = {"start": _trained(network, seed, GENTLE, 0), "early": _trained(network, seed, GENTLE, SOON),
                     "gentle": gentle, "fastest": trained[int(np.argmin(losses))]}
        few = X[:N_LOOKED_AT], y[:N_LOOKED_AT]
        found = {"loss": losses, "limit": {when: _limit(model, *few) for when, model in looked_at.items()}}
        found |= {"spread": _spread(gentle, *few), "saturated": _saturated(gentle, few[0])}
        if network in NOISY:
            found["by_batch"] = {str(size): [_loss(_trained(network, seed, step, SHORT, size), X, y) for step in STEPS]
                                 for size in BATCHES}
        if network in STABLE:
            found["stable"] = _largest_stable(gentle, X, y)
    return found


def fastest_step(losses):
    """The effective step with the lowest loss, between those of `STEPS` by a parabola through the lowest three.

    Parameters
    ----------
    losses : sequence of float
        One for each of `STEPS`.

    Returns
    -------
    float
        Of a loss that is lowest at an end, that end.
    """
    logs, lowest = np.log(losses), int(np.argmin(losses))
    if lowest in (0, len(STEPS) - 1):
        return STEPS[lowest]
    left, middle, right = logs[lowest - 1 : lowest + 2]
    bend = left - 2 * middle + right
    return STEPS[lowest] * 2.0 ** (float((left - right) / (2 * bend)) if bend > 0 else 0.0)


def _trained(network, seed, step, n_updates, batch_size=32):
    experiment = with_effective_step(network.experiment, step)
    trainer = trainer_for(replace(experiment, seed=seed, batch_size=batch_size, patience=None))
    for _ in range(n_updates):
        trainer.update()
        if not trainer.minibatch_losses[-1] < 1000:
            break
    return trainer.model


def _loss(model, X, y):
    loss = model.loss_and_accuracy(X, y)[0]
    return float(loss) if loss < 1000 else 1000.0


def _limit(model, X, y):
    return 2 / float(spectrum(model, X, y, n_largest=1, tolerance=1e-2).values[0])


def _spread(model, X, y):
    values = spectrum(model, X, y, n_largest=10, tolerance=1e-2).values
    return float(values[0] / values[-1])


def _saturated(model, X):
    buffers, f = Buffers(model, len(X), backward=False), model.f
    model.propagate(X, buffers)
    return float(np.mean([np.abs(f.derivative(a)) < SATURATED * steepest(f) for a in buffers.activations]))


def _largest_stable(model, X, y):
    """By halving: of the steps tried all below a stable one are taken to be stable."""
    limit, start = _limit(model, X, y), model.weights
    found, high = {"limit": limit, "step": math.nan, "after": limit}, len(BESIDE_LIMIT)
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        model.weights, step = [W.copy() for W in start], BESIDE_LIMIT[middle] * limit
        if _descends(model, X, y, step):
            low, found = middle, found | {"step": step, "after": _limit(model, X, y)}
        else:
            high = middle
    return found


def _descends(model, X, y, step):
    """Whether plain descent, all images being one batch, lowers the loss at every update."""
    buffers, targets, last = Buffers(model, len(X)), one_hot(y, model.n_classes, model.dtype), math.inf
    for _ in range(DESCENT):
        loss, gradients = model.loss_and_gradients(X, targets, buffers)
        if not loss <= last * (1 + 1e-5):  # what float32 rounds away is no rise
            return False
        last = loss
        for W, gradient in zip(model.weights, gradients):
            W -= model.dtype.type(step) * gradient
    return True
