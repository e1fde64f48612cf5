"""Which experiments answer which question: named arms, their seeds, and the learning rates tuned for them."""

import itertools
import math
from dataclasses import replace

import numpy as np

from mlplib.experiments import JUDGES, STOPS, Experiment, model_for
from mlplib.inputs import standardized_mnist
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


def _with_step(experiment, step):
    """The experiment with the effective step α / (1 - γ)."""
    return replace(experiment, learning_rate=round(step * (1 - experiment.gamma), 10))


ALL = (True, True, True)
_PLAIN_SIGMOID = trick_experiment((True, False, False))  # 3a
#: What the improved sigmoid is made of: 3.4318 σ(4z/3) - 1.7159.
FACTORS = {"input_gain": 4 / 3, "output_gain": 3.4318, "offset": -1.7159}


def tunable():
    """The experiments whose learning rates are chosen, by name; those that the verdicts need come first.

    Returns
    -------
    dict from str to Experiment
    """
    named = {f"tricks {code(tricks)}": trick_experiment(tricks) for tricks in TRICKS}
    named["depth 10"] = topology_experiment(64, 10)
    return named


def tunable_further():
    """The other experiments whose learning rates are chosen, by name: what `make sweep-full` adds.

    Returns
    -------
    dict from str to Experiment
    """
    all_tricks = trick_experiment(ALL)
    named = {f"gamma {gamma}": replace(all_tricks, gamma=gamma) for gamma in (0.5, 0.99)}
    for on in itertools.product((False, True), repeat=3):
        if any(on) and not all(on):
            named[f"factors {code(on)}"] = replace(_PLAIN_SIGMOID, **{
                name: value for (name, value), chosen in zip(FACTORS.items(), on) if chosen})
    for depth, momentum in itertools.product((1, 2, 3, 5, 10, 20), (True, False)):
        deep = topology_experiment(64, depth)
        named[f"depth {depth}" if momentum else f"depth {depth} without momentum"] = (
            deep if momentum else replace(deep, gamma=0.0))
    for width in (8, 16, 32, 128, 256, 512, 1024):
        named[f"width {width}"] = topology_experiment(width, 1)
    return {name: experiment for name, experiment in named.items()
            if name not in tunable() and experiment not in tunable().values()}


def tuning(named):
    """The runs on which learning rates are chosen: every experiment, with every step of `STEPS` and the tuning seeds.

    Parameters
    ----------
    named : dict from str to Experiment

    Returns
    -------
    list of Experiment
    """
    return [replace(_with_step(experiment, step), seed=seed, **TUNED_ON)
            for experiment in named.values() for step in STEPS for seed in TUNING]


def tuned(experiment, store, goal="best"):
    """The effective step of `STEPS` that serves a goal best, by the mean over the tuning seeds.

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
    for step in STEPS:
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
    return {step: [_lowest(store[one])[0] for one in tuning_runs(experiment, step)] for step in STEPS}


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
    return [replace(_with_step(experiment, step), seed=seed, **TUNED_ON) for seed in TUNING]


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
    others["tricks 110, matched step"] = _with_step(factorial["tricks 110"], 0.2)
    arms = {name: _seeded(one, CONFIRMING, **WATCHED | {"judge_on": JUDGES}) for name, one in factorial.items()}
    arms |= {name: _seeded(one, CONFIRMING, **WATCHED) for name, one in others.items()}
    logistic = replace(topology_experiment(64, 10), activation="sigmoid")  # where a gradient does vanish
    arms["ten layers, logistic"] = _seeded(logistic, FEW, **WATCHED)
    arms["tricks 110 to the end"] = _seeded(factorial["tricks 110"], CONFIRMING, **EQUAL_LENGTH | {
        "epochs": 50, "evaluations_per_epoch": 1, "dense_steps": 0})
    for third in (1, 2):
        for name in ("tricks 000", "tricks 100", "tricks 110", "tricks 111"):
            arms[f"{name}, third {third}"] = _seeded(factorial[name], FEW, **WATCHED, third=third)
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
            arms[f"{name}, tuned"] = _seeded(_with_step(experiment, step), CONFIRMING, **EQUAL_LENGTH)
            fastest = tuned(experiment, store, "fastest")
            if name.removeprefix("tricks ") in ("000", "100", "110", "011", "101", "111"):
                arms[f"{name}, fastest"] = _seeded(_with_step(experiment, fastest), CONFIRMING, **SHORT)
    rate = matched_rate(store)
    if rate is not None:
        arms["width 32, matched change"] = _seeded(topology_experiment(32, 1), CONFIRMING, **WATCHED, learning_rate=rate)
    return arms


def _seeded(experiment, seeds, **fields):
    return [replace(experiment, seed=seed, **fields) for seed in seeds]


# ---- what goes further than the verdicts


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
    return float(f"{0.1 * _squared_gradient(_PLAIN_SIGMOID) / _squared_gradient(experiment):.3g}")


def _squared_gradient(experiment):
    total = 0.0
    for seed in TUNING:
        (X, y), _ = standardized_mnist(experiment.third, experiment.inputs)
        gradients = model_for(replace(experiment, seed=seed)).gradients(X[:1000], y[:1000])
        total += sum(float(np.vdot(gradient, gradient)) for gradient in gradients)
    return total / len(TUNING)


def further_arms(store):
    """The arms that go further than the verdicts: what `make sweep-full` adds, as far as the store has their tuning runs.

    Parameters
    ----------
    store : Store

    Returns
    -------
    dict from str to list of Experiment
        By name, one experiment for each seed.
    """
    plain_descent, all_tricks = trick_experiment((True, True, False)), trick_experiment(ALL)
    protocol = {f"gamma {gamma}, matched step": _with_step(replace(plain_descent, gamma=gamma), 0.2) for gamma in (0.5, 0.99)}
    for name, experiment in tunable_further().items():
        if name.startswith("factors"):
            protocol[name] = experiment
            protocol[f"{name}, matched first step"] = replace(experiment, learning_rate=first_order_rate(experiment))
    protocol["factors 111, matched first step"] = replace(plain_descent, learning_rate=first_order_rate(plain_descent))
    protocol |= {f"two layers of {width}": topology_experiment(width, 2) for width in (59, 60)}
    for name, experiment in (("tricks 100", _PLAIN_SIGMOID), ("tricks 111", all_tricks)):
        protocol |= {
            f"{name}, a bias in every layer": replace(experiment, biases="every_layer"),
            f"{name}, not shuffled": replace(experiment, shuffle=False),
            f"{name}, not centred": replace(experiment, inputs="uncentred"),
            f"{name}, pixels from 0 to 1": replace(experiment, inputs="unit_interval"),
        }
    arms = {name: _seeded(experiment, CONFIRMING, **WATCHED) for name, experiment in protocol.items()}
    for name, experiment in tunable_further().items():
        step = tuned(experiment, store)
        if step is not None:
            seeds = CONFIRMING if name.startswith(("factors", "gamma")) else FEW
            arms[f"{name}, tuned"] = _seeded(_with_step(experiment, step), seeds, **EQUAL_LENGTH)
    for depth, activation, init in itertools.product((1, 2, 3, 5, 10, 20), ("sigmoid", "improved_sigmoid"), ("uniform", "fan_in")):
        experiment = replace(topology_experiment(64, depth), activation=activation, init=init)
        arms[f"depth {depth}, {activation}, {init}"] = _seeded(
            experiment, FEW[:3], epochs=10, patience=None, evaluations_per_epoch=1, diagnostics=("layers",))
    return arms
