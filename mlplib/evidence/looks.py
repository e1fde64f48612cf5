"""Looks: how curved the loss of a network is, and which steps it takes best, at one seed; and how looks are kept."""

import json
import math
from dataclasses import replace

import numpy as np

from mlplib.activations import steepest
from mlplib.curvature import spectrum
from mlplib.diagnostics import SATURATED
from mlplib.evidence.arms import CODES, depth, tricks, width
from mlplib.evidence.questions import OTHER_INPUTS
from mlplib.evidence.rates import with_effective_step
from mlplib.evidence.registrations import EvidenceError
from mlplib.files import put_in_place
from mlplib.inputs import sets_of
from mlplib.losses import one_hot
from mlplib.network import Buffers
from mlplib.running import one_blas_thread, trainer_for
from mlplib.training import progress_bar, quietly

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
#: Of a spectrum that is shown, so many eigenvalues, the largest.
N_LARGEST = 20
#: How far an eigenvalue may be off, relative to its size.
EIGENVALUE_TOLERANCE = 1e-2
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
    X, y = _training_set(network)
    with one_blas_thread(), quietly(), np.errstate(all="ignore"):
        trained, losses = _with_each_step(network, seed, X, y)
        gentle = trained[STEPS.index(GENTLE)]
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


def look_at_spectrum(network, seed):
    """Look at a network at one seed, to show how its loss curves in more directions than one.

    Parameters
    ----------
    network : Network
    seed : int
        As for `look_at`.

    Returns
    -------
    dict
        "loss": as in `look_at`.
        "values": of the Hessian's eigenvalues the `N_LARGEST` largest, "start" and "gentle": before training, and after
        `UPDATES` updates with the gentle step.
    """
    X, y = _training_set(network)
    with one_blas_thread(), quietly(), np.errstate(all="ignore"):
        trained, losses = _with_each_step(network, seed, X, y)
        looked_at = {"start": _trained(network, seed, GENTLE, 0), "gentle": trained[STEPS.index(GENTLE)]}
        values = {when: _largest(model, X[:N_LOOKED_AT], y[:N_LOOKED_AT], N_LARGEST).tolist()
                  for when, model in looked_at.items()}
    return {"loss": losses, "values": values}


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


# ---- how they are kept


def stored_looks(path, digest):
    """The looks in a file, if they were taken under the rules with this digest.

    Parameters
    ----------
    path : Path
    digest : str

    Returns
    -------
    dict from int to dict
        By seed, then by the network's name. Empty where there is no file.

    Raises
    ------
    EvidenceError
        If they were taken under other rules.
    """
    if not path.exists():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["digest"] != digest:
        raise EvidenceError(f"{path}: taken under other rules, {stored['digest']}, than the present ones, {digest}")
    return {int(seed): looks for seed, looks in stored["looks"].items()}


def lacking_looks(found, seeds, networks):
    """Which looks are not among those that were found, a list of (network, seed)."""
    return [(network, seed) for seed in seeds for network in networks if network.name not in found.get(seed, {})]


def store_looks(path, digest, look, seeds, networks, n_jobs=-1, progress=True):
    """Take the looks that a file lacks, and write each into it as soon as it is there, to five digits.

    Parameters
    ----------
    path, digest
        As for `stored_looks`.
    look : callable
        `look_at`, or another that takes a network and a seed.
    seeds : sequence of int
    networks : sequence of Network
    n_jobs, progress
        As for `sweep`.

    Returns
    -------
    dict
        All that the file has then, as for `stored_looks`.
    """
    from joblib import Parallel, delayed

    found = stored_looks(path, digest)
    lacking = lacking_looks(found, seeds, networks)
    looks = Parallel(n_jobs, return_as="generator_unordered", batch_size=1)(delayed(_named)(look, *one)
                                                                            for one in lacking)
    for seed, name, seen in progress_bar(looks, progress, total=len(lacking), desc="Looking at networks"):
        found.setdefault(seed, {})[name] = seen
        stored = {str(seed): dict(sorted(found[seed].items())) for seed in sorted(found)}
        put_in_place(path, (json.dumps({"digest": digest, "looks": stored}, indent=0) + "\n").encode())
    return found


def _named(look, network, seed):
    return seed, network.name, _rounded(look(network, seed))


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else float(f"{value:.5g}")


# ---- what they are made of


def _training_set(network):
    e = network.experiment
    return (each[: e.n_train] for each in sets_of(e.data, e.third, e.inputs)[0])


def _with_each_step(network, seed, X, y):
    """The models after `UPDATES` updates with each of `STEPS`, and their losses."""
    trained = [_trained(network, seed, step, UPDATES) for step in STEPS]
    return trained, [_loss(model, X, y) for model in trained]


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


def _largest(model, X, y, n):
    return spectrum(model, X, y, n_largest=n, tolerance=EIGENVALUE_TOLERANCE).values


def _limit(model, X, y):
    return 2 / float(_largest(model, X, y, 1)[0])


def _spread(model, X, y):
    values = _largest(model, X, y, 10)
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
