"""Which experiments the verdicts need: named arms, their seeds, and the learning rates chosen for them."""

import math
from dataclasses import replace

import numpy as np

from mlplib.experiments import JUDGES, STOPS
from mlplib.sweeps import TRICKS, topology_experiment, trick_experiment

#: Seeds of the confirming runs; none of them was used to choose anything.
CONFIRMING = tuple(range(100, 120))
#: Seeds on which learning rates are chosen.
TUNING = (50, 51, 52)
#: Of the confirming seeds, those that also train on the two other thirds of the training file.
FEW = CONFIRMING[:5]
#: Effective steps α / (1 - γ) among which a learning rate is chosen, from too small to too large.
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

# What confirming runs record; the report's protocol is not touched by it.
WATCHED = {"stop_on": STOPS, "judge_on": STOPS, "dense_steps": 375, "diagnostics": ("layers", "units", "hits")}
# For choosing a learning rate: the first half of the test file, 12 epochs, one evaluation in each.
TUNED_ON = {"stop_on": ("half_1",), "judge_on": ("half_1",), "epochs": 12, "patience": None, "evaluations_per_epoch": 1}
# For confirming a chosen one: all runs of one length, judged crosswise.
EQUAL_LENGTH = {**WATCHED, "epochs": 12, "patience": None, "evaluations_per_epoch": 2}
# For confirming how fast the fastest learning rate is.
SHORT = {**WATCHED, "epochs": 8, "patience": None}


def code(tricks):
    """The name of a combination of tricks (init, sigmoid, momentum): a digit for each, as in "110"."""
    return "".join(str(int(trick)) for trick in tricks)


def with_step(experiment, step):
    """The experiment with the effective step α / (1 - γ).

    Parameters
    ----------
    experiment : Experiment
    step : float

    Returns
    -------
    Experiment
    """
    return replace(experiment, learning_rate=round(step * (1 - experiment.gamma), 10))


def steps_for(experiment):
    """The effective steps that are tried with an experiment: `STEPS`, and smaller ones for 20 layers, which choose the smallest.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    tuple of float
    """
    return (0.002, 0.005, *STEPS) if len(experiment.hidden) >= 20 else STEPS


def tunable():
    """The experiments whose learning rates are chosen, by name.

    Returns
    -------
    dict from str to Experiment
    """
    named = {f"tricks {code(tricks)}": trick_experiment(tricks) for tricks in TRICKS}
    named["depth 10"] = topology_experiment(64, 10)
    return named


def tuning(named):
    """The runs on which learning rates are chosen: every experiment, with every step of `steps_for` and the tuning seeds.

    Parameters
    ----------
    named : dict from str to Experiment

    Returns
    -------
    list of Experiment
    """
    return [replace(with_step(experiment, step), seed=seed, **TUNED_ON)
            for experiment in named.values() for step in steps_for(experiment) for seed in TUNING]


def tuned(experiment, store, goal="best"):
    """The effective step of `steps_for` that serves a goal best, by the mean over the tuning seeds.

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
    """
    scores = {}
    for step in steps_for(experiment):
        runs = [store.get(one) for one in tuning_runs(experiment, step)]
        if None in runs:
            return None
        scores[step] = np.mean([GOALS[goal](run) for run in runs], axis=0).tolist()
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
    return {step: [_lowest(store[one])[0] for one in tuning_runs(experiment, step)] for step in steps_for(experiment)}


def steps_to(run, level):
    """Updates until the loss on the training set is `level`, its logarithm interpolated between evaluations.

    Parameters
    ----------
    run : Run
    level : float
        In nats.

    Returns
    -------
    float
        Infinite if no evaluation came so low.
    """
    history = run.history
    reached = np.flatnonzero(history.train_loss <= level)
    if not len(reached):
        return math.inf
    around = slice(max(reached[0] - 1, 0), reached[0] + 1)
    falling = -np.log(history.train_loss[around])  # interpolation needs it to rise
    return float(np.interp(-math.log(level), falling, history.evaluation_step[around] + 1))


def _lowest(run):
    return [math.inf if run.diverged or not run.stops else run.stops["half_1"].best["half_1"][0]]


def _fewest(run):
    return [math.log(steps_to(run, 0.1)), math.inf if run.diverged else run.final.train_loss]


GOALS = {"best": _lowest, "fastest": _fewest}


def tuning_runs(experiment, step):
    """The runs of one effective step, a list of Experiment, one for each tuning seed."""
    return [replace(with_step(experiment, step), seed=seed, **TUNED_ON) for seed in TUNING]


# ---- the unit-change control of 32 units


def pilot():
    """Short runs that show how much the weights of a unit change in a step, with 32 and with 64 units."""
    return {width: [replace(topology_experiment(width, 1), seed=seed, epochs=5, patience=None, evaluations_per_epoch=1,
                            diagnostics=("units",)) for seed in TUNING] for width in (32, 64)}


def matched_rate(store):
    """The learning rate at which a unit's weights change as much in a step with 32 units as with 64 at 0.02.

    Parameters
    ----------
    store : Store
        Has the pilot runs.

    Returns
    -------
    float or None
        Rounded to three digits; None if a run is missing.
    """
    changes = {}
    for width, experiments in pilot().items():
        runs = [store.get(one) for one in experiments]
        if None in runs:
            return None
        changes[width] = sum(float(run.diagnostics["unit_change"].mean()) for run in runs)
    return float(f"{0.02 * changes[64] / changes[32]:.3g}")


# ---- the arms


def fixed_arms():
    """The arms that need no tuning, for the verdicts.

    Returns
    -------
    dict from str to list of Experiment
        By name, one experiment for each seed.
    """
    factorial = {f"tricks {code(tricks)}": trick_experiment(tricks) for tricks in TRICKS}
    others = {f"width {width}": topology_experiment(width, 1) for width in (32, 128)}
    others["two layers of 64"] = topology_experiment(64, 2)
    others["ten layers"] = topology_experiment(64, 10)
    others["tricks 110, matched step"] = with_step(factorial["tricks 110"], 0.2)
    arms = {name: seeded(one, CONFIRMING, **WATCHED | {"judge_on": JUDGES}) for name, one in factorial.items()}
    arms |= {name: seeded(one, CONFIRMING, **WATCHED) for name, one in others.items()}
    logistic = replace(topology_experiment(64, 10), activation="sigmoid")  # where a gradient does vanish
    arms["ten layers, logistic"] = seeded(logistic, FEW, **WATCHED)
    arms["tricks 110 to the end"] = seeded(factorial["tricks 110"], CONFIRMING, **EQUAL_LENGTH | {
        "epochs": 50, "evaluations_per_epoch": 1, "dense_steps": 0})
    for third in (1, 2):
        for name in ("tricks 000", "tricks 100", "tricks 110", "tricks 111"):
            arms[f"{name}, third {third}"] = seeded(factorial[name], FEW, **WATCHED, third=third)
    return arms


def tuned_arms(store):
    """The arms at tuned learning rates, for the verdicts: as far as the store has what they are tuned by.

    Parameters
    ----------
    store : Store

    Returns
    -------
    dict from str to list of Experiment
    """
    arms = {}
    for name, experiment in tunable().items():
        step = tuned(experiment, store)
        if step is not None:
            arms[f"{name}, tuned"] = seeded(with_step(experiment, step), CONFIRMING, **EQUAL_LENGTH)
            fastest = tuned(experiment, store, "fastest")
            if name.removeprefix("tricks ") in ("000", "100", "110", "011", "101", "111"):
                arms[f"{name}, fastest"] = seeded(with_step(experiment, fastest), CONFIRMING, **SHORT)
    rate = matched_rate(store)
    if rate is not None:
        arms["width 32, matched change"] = seeded(topology_experiment(32, 1), CONFIRMING, **WATCHED, learning_rate=rate)
    return arms


def seeded(experiment, seeds, **fields):
    """An arm: the experiment with each of the seeds, and with other fields.

    Parameters
    ----------
    experiment : Experiment
    seeds : sequence of int
    **fields
        Of `Experiment`.

    Returns
    -------
    list of Experiment
    """
    return [replace(experiment, seed=seed, **fields) for seed in seeds]
