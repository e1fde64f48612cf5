"""Rates: how learning rates are chosen, or matched with another network's, by runs on seeds of their own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from mlplib import _checks
from mlplib.evidence import arms
from mlplib.evidence.measures import updates_until
from mlplib.experiments import Experiment
from mlplib.inputs import first_samples
from mlplib.running import model_for
from mlplib.store import Runs

#: Effective steps α / (1 - γ) among which a learning rate is chosen, from too small to too large.
EFFECTIVE_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def effective_step(experiment):
    """What a constant gradient is followed with in the long run: α / (1 - γ), a float."""
    return experiment.optimizer().learning_rate / (1 - experiment.gamma)


def with_effective_step(experiment, step):
    """The experiment with the learning rate that gives the effective step.

    Parameters
    ----------
    experiment : Experiment
    step : float

    Returns
    -------
    Experiment
    """
    return replace(experiment, learning_rate=round(step * (1 - experiment.gamma), 10))


def effective_steps_for(experiment):
    """The effective steps tried with an experiment: for 20 layers, which choose the smallest, smaller ones too.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    tuple of float
    """
    _checks.instance("experiment", experiment, Experiment)
    return (0.002, 0.005, *EFFECTIVE_STEPS) if len(experiment.hidden) >= 20 else EFFECTIVE_STEPS


# ---- the best and the fastest


def checked_store(store):
    """Return what runs are read from, or say what it is instead; a dict of runs will do, with `get`."""
    if not isinstance(store, (Runs, Mapping)):
        raise TypeError(f"store: expected a Store, a StoreChain or an Archive, got {type(store).__name__}")
    return store



def tuning_runs(experiment, step):
    """The runs of one effective step, a list of Experiment, one for each tuning seed.

    They are as long beside the experiment as 12 epochs are beside the report's 50.
    """
    stepping, epochs = with_effective_step(experiment, step), _in_proportion(experiment, arms.FOR_TUNING)
    return [arms.FOR_TUNING.applied(stepping, seed=seed, epochs=epochs) for seed in arms.TUNING]


def _in_proportion(experiment, protocol):
    return max(1, round(protocol.epochs * experiment.epochs / Experiment().epochs))


def all_tuning_runs(experiment):
    """The runs on which a learning rate is chosen: each effective step with each tuning seed, a list of Experiment."""
    return [one for step in effective_steps_for(experiment) for one in tuning_runs(experiment, step)]


def chosen_step(experiment, store, goal="best"):
    """The effective step that serves a goal best, by the mean over the tuning seeds.

    Parameters
    ----------
    experiment : Experiment
    store : Store
        Has the tuning runs.
    goal : {"best", "fastest"}
        The lowest loss on the first half of the test file; or the fewest steps to a training loss of 0.1 (the mean of
        their logarithms), and if no step gets there within 12 epochs, the lowest training loss at their end.

    Returns
    -------
    float or None
        None if a run is missing.

    Raises
    ------
    TypeError, KeyError
        If an argument is not as described.
    """
    checked_store(store)
    if not isinstance(goal, str) or goal not in GOALS:
        raise KeyError(f"goal: expected one of {', '.join(map(repr, GOALS))}, got {_checks.shown(goal)}")
    of, scores = GOALS[goal], {}
    for step in effective_steps_for(experiment):
        runs = [store.get(one) for one in tuning_runs(experiment, step)]
        if None in runs:
            return None
        scores[step] = np.mean([of(run) for run in runs], axis=0).tolist()
    return min(scores, key=scores.get)


def tuning_curve(experiment, store):
    """The lowest loss on the first half of the test file by the effective step.

    Parameters
    ----------
    experiment : Experiment
    store : Store
        Has the tuning runs.

    Returns
    -------
    dict from float to list of float
        One loss, in nats, for each tuning seed; infinite where the run diverged.
    """
    checked_store(store)
    return {step: [_lowest(store[one])[0] for one in tuning_runs(experiment, step)]
            for step in effective_steps_for(experiment)}


def _lowest(run):
    return [math.inf if run.diverged or not run.stops else run.stops["half_1"].best["half_1"][0]]


def _fewest(run):
    return [math.log(updates_until(run, 0.1)), math.inf if run.diverged else run.final.train_loss]


GOALS = {"best": _lowest, "fastest": _fewest}


def _chosen_rate(goal):
    def of(experiment, store):
        step = chosen_step(experiment, store, goal)
        return None if step is None else with_effective_step(experiment, step).learning_rate
    return of


# ---- matched with another network


def _of_the_same_effective_step(experiment, store):
    """As momentum has with the report's learning rate."""
    return with_effective_step(experiment, effective_step(arms.tricks("111").experiment)).learning_rate


def pilot(experiment):
    """Short runs that show how much the weights of a unit change in a step, at the report's rate and on tuning seeds.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    dict from Experiment to list of Experiment
        The runs of the network itself and those of the report's with all tricks, by network.
    """
    epochs = _in_proportion(experiment, arms.FIVE_EPOCHS)
    with_64_units = replace(arms.tricks("111").experiment, data=experiment.data, n_train=experiment.n_train,
                            epochs=experiment.epochs)
    return {one: [arms.FIVE_EPOCHS.applied(one, seed=seed, epochs=epochs) for seed in arms.TUNING]
            for one in (experiment, with_64_units)}


def matched_change_rate(experiment, store):
    """The learning rate at which a unit's weights change as much in a step as those of 64 units do at the report's.

    Parameters
    ----------
    experiment : Experiment
    store : Store
        Has the pilot runs.

    Returns
    -------
    float or None
        Rounded to three digits; None if a run is missing.
    """
    changes = []
    for experiments in pilot(experiment).values():
        runs = [store.get(one) for one in experiments]
        if None in runs:
            return None
        changes.append(sum(float(run.diagnostics["unit_change"].mean()) for run in runs))
    here, with_64_units = changes
    return float(f"{experiment.optimizer().learning_rate * with_64_units / here:.3g}")


def first_order_rate(experiment):
    """The learning rate at which the first step lowers the loss as much as logistic units do at 0.1, to first order.

    The decrease is α‖∇C‖²; the gradient is taken before training, on 1,000 images, for each tuning seed.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    float
        Rounded to three digits.
    """
    logistic = replace(arms.tricks("100").experiment, data=experiment.data,
                       n_train=experiment.n_train if experiment.data else None)
    ratio = logistic.optimizer().learning_rate * _squared_gradient(logistic) / _squared_gradient(experiment)
    return float(f"{ratio:.3g}")


@cache
def _squared_gradient(experiment):
    total = 0.0
    for seed in arms.TUNING:
        X, y = first_samples(1000, experiment.data, experiment.third, experiment.inputs)
        gradients = model_for(replace(experiment, seed=seed)).gradients(X, y)
        total += sum(float(np.vdot(gradient, gradient)) for gradient in gradients)
    return total / len(arms.TUNING)


# ---- arms at their rates


class Rate(NamedTuple):
    """A way to set the learning rate of an arm.

    Attributes
    ----------
    of : callable
        From the network's experiment and a store to a learning rate, or None if the store lacks a run that it needs.
    runs : callable
        From the network's experiment to these runs, a list of Experiment.
    """

    of: Callable
    runs: Callable


def _none(experiment):
    return []


#: The ways by the name that a `Protocol` has for them.
RATES = {
    None: Rate(lambda experiment, store: experiment.learning_rate, _none),
    "best": Rate(_chosen_rate("best"), all_tuning_runs),
    "fastest": Rate(_chosen_rate("fastest"), all_tuning_runs),
    "matched step": Rate(_of_the_same_effective_step, _none),
    "matched change": Rate(matched_change_rate,
                           lambda experiment: [one for each in pilot(experiment).values() for one in each]),
    "matched first step": Rate(lambda experiment, store: first_order_rate(experiment), _none),
}


def experiments_of(arm, store):
    """The experiments of an arm, one for each seed, at the learning rate of its protocol.

    Parameters
    ----------
    arm : Arm
    store : Store
        Has the runs that the rate is chosen by.

    Returns
    -------
    list of Experiment, or None
        None if such a run is missing.
    """
    rate = RATES[arm.protocol.rate].of(arm.network.experiment, store)
    return None if rate is None and arm.protocol.rate is not None else arm.experiments(rate)


def runs_that_choose(several):
    """What has to be trained before the learning rates of some arms are known, each run once.

    Parameters
    ----------
    several : iterable of Arm

    Returns
    -------
    list of Experiment
    """
    return list(dict.fromkeys(one for arm in several for one in RATES[arm.protocol.rate].runs(arm.network.experiment)))
