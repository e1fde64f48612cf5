"""What goes further than the report's claims: questions, written down before their runs, and the arms that answer them."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np

from mlplib import designs, evidence
from mlplib.designs import CONFIRMING, EQUAL_LENGTH, FEW, SHORT, TUNING, code, seeded, with_step
from mlplib.effects import Comparison
from mlplib.evidence import ACCURACY, LOSS, TIMES_1_1, Control, Part
from mlplib.experiments import STOPS, model_for
from mlplib.inputs import standardized_mnist
from mlplib.sweeps import topology_experiment, trick_experiment

DEPTHS, WIDTHS, GAMMAS = (1, 2, 3, 5, 10, 20), (8, 16, 32, 64, 128, 256, 512, 1024), (0.5, 0.99)
#: What the improved sigmoid is made of, 3.4318 σ(4z/3) - 1.7159: a digit for each, as for the tricks.
FACTORS = {"input_gain": 4 / 3, "output_gain": 3.4318, "offset": -1.7159}
LOGISTIC, IMPROVED, ALL = (trick_experiment(tricks) for tricks in ((1, 0, 0), (1, 1, 0), (1, 1, 1)))

# The report's protocol, chosen rates for accuracy and for speed; nothing recorded but losses, to keep the store small.
PROTOCOL = {"stop_on": STOPS, "judge_on": STOPS, "dense_steps": 375}
TUNED, FASTEST = ({**fields, "diagnostics": ()} for fields in (EQUAL_LENGTH, SHORT))


# ---- questions


def _beside(a, b, how=""):
    return (f"{a}{how}",), (f"{b}{how}",)


def _gamma(gamma, letter):
    name = "tricks 111" if gamma == 0.9 else f"gamma {gamma}"
    matched = name + ", matched step" * (gamma != 0.9), "tricks 110, matched step"  # the report's step is the matched one
    return (
        Part(f"M1{letter}", f"γ = {gamma} and plain descent, same effective step: same speed",
             Comparison("steps to 0.05", *_beside(*matched), "same", TIMES_1_1)),
        Part(f"M2{letter}", f"γ = {gamma} and plain descent, same effective step: same accuracy",
             Comparison("accuracy", *_beside(*matched), "same", ACCURACY)),
        Part(f"M3{letter}", f"γ = {gamma} is faster, each at its fastest rate",
             Comparison("steps to 0.05", *_beside(name, "tricks 110", ", fastest"), "less", TIMES_1_1)),
        Part(f"M4{letter}", f"γ = {gamma} is more accurate, each at its best rate",
             Comparison("accuracy, best weights", *_beside(name, "tricks 110", ", tuned"), "greater", ACCURACY)),
    )


def _factor_arm(digits, how=""):
    """The arm of a combination of factors: none are the logistic sigmoid's, all the improved sigmoid's."""
    if digits == "000":
        return "tricks 100" + (how if how != ", matched first step" else "")  # what the first step is matched with
    return ("tricks 110" if digits == "111" and how != ", matched first step" else f"factors {digits}") + how


def _factor(i, what):
    """Three ways to set the rate; the factor beside both others, and alone."""
    alone = "".join("01"[place == i] for place in range(3))
    all_but = "".join("10"[place == i] for place in range(3))
    cases = (("a", "beside both others", "111", all_but), ("b", "alone", alone, "000"))
    rates = (("1", "", "at the same learning rate"), ("2", ", matched first step", "at the same first step"),
             ("3", ", fastest", "each at its fastest rate"))
    name = f"S{'IOC'[i]}"
    parts = [Part(f"{name}{number}{letter}", f"{what}, {case}, makes faster, {rate}",
                  Comparison("steps to 0.1", (_factor_arm(a, how),), (_factor_arm(b, how),), "less", TIMES_1_1))
             for number, how, rate in rates for letter, case, a, b in cases]
    parts += [Part(f"{name}4{letter}", f"{what}, {case}, makes more accurate, each at its best rate",
                   Comparison("accuracy, best weights", (_factor_arm(a, ", tuned"),), (_factor_arm(b, ", tuned"),), "greater",
                              ACCURACY)) for letter, case, a, b in cases]
    return parts


def _depth_arm(depth, momentum=True):
    if depth == 1:
        return "tricks 111, tuned" if momentum else "tricks 110, tuned"
    return f"depth {depth}{'' if momentum else ' without momentum'}, tuned"


def _depths():
    for letter, depth in zip("abcde", DEPTHS[1:]):
        yield Part(f"D1{letter}", f"{depth} layers are less accurate than one, each at its best rate",
                   Comparison("accuracy, best weights", (_depth_arm(depth),), (_depth_arm(1),), "less", ACCURACY))
    for letter, depth in zip("abcde", DEPTHS[1:]):
        yield Part(f"D2{letter}", f"{depth} layers: the same accuracy with and without momentum, each at its best rate",
                   Comparison("accuracy, best weights", (_depth_arm(depth),), (_depth_arm(depth, False),), "same", ACCURACY))
    for letter, measure in (("a", "gradient ratio at the start"), ("b", "gradient ratio in training")):
        yield Part(f"D3{letter}", "through 20 layers with all tricks the gradient vanishes: first to last below 0.01, "
                   + ("at the start" if letter == "a" else "in training"),
                   Comparison(measure, ("depth 20, improved_sigmoid, fan_in",), -2.0, "less", 0.0))
    for letter, depth in (("a", 3), ("b", 5), ("c", 10)):
        yield Part(f"D4{letter}", f"through {depth} layers of logistic units with fan-in weights it vanishes at the start",
                   Comparison("gradient ratio at the start", (f"depth {depth}, sigmoid, fan_in",), -2.0, "less", 0.0))


def _width_arm(width, how=", tuned"):
    return ("tricks 111" if width == 64 and how == ", tuned" else f"width {width}") + how


def _widths():
    for letter, (half, width) in zip("abcdefg", itertools.pairwise(WIDTHS)):
        yield Part(f"W1{letter}", f"{width} units are more accurate than {half}, each at its best rate",
                   Comparison("accuracy, best weights", (_width_arm(width),), (_width_arm(half),), "greater", ACCURACY))
    yield Part("W2", "1,024 units overfit more than 64, each at its best rate",
               Comparison("overfitting", (_width_arm(1024),), (_width_arm(64),), "greater", LOSS))
    for name, measure, what in (("W3", "unit change", "each unit changes more"),
                                ("W4", "minibatch noise", "the minibatch loss is noisier, relative to its size")):
        for letter, narrow, wide in (("a", 8, 64), ("b", 64, 1024)):
            yield Part(f"{name}{letter}", f"{narrow} units beside {wide:,}, the report's rate: {what}",
                       Comparison(measure, *(((_width_arm(width, ", five epochs"),)) for width in (narrow, wide)), "greater",
                                  TIMES_1_1))


def _variations():
    for letter, name, tricks in (("a", "tricks 100", "logistic"), ("b", "tricks 111", "all tricks")):
        biases, order = f"{name}, a bias in every layer", f"{name}, not shuffled"
        yield Part(f"B1{letter}", f"a bias in every layer or one at the input: same accuracy, {tricks}",
                   Comparison("accuracy", *_beside(biases, name), "same", ACCURACY))
        yield Part(f"B2{letter}", f"a bias in every layer or one at the input: same speed, {tricks}",
                   Comparison("steps to 0.1", *_beside(biases, name), "same", TIMES_1_1))
        yield Part(f"O1{letter}", f"without shuffling less accurate, {tricks}",
                   Comparison("accuracy", *_beside(order, name), "less", ACCURACY))
        yield Part(f"O2{letter}", f"without shuffling slower, {tricks}",
                   Comparison("steps to 0.1", *_beside(order, name), "greater", TIMES_1_1))
        for number, inputs, what in ((1, "not centred", "inputs not centred"), (2, "pixels from 0 to 1", "pixels from 0 to 1")):
            tuned = name == "tricks 111"
            yield Part(f"I{number}{letter}", f"{what}: less accurate, {tricks}",
                       Comparison("accuracy", *_beside(f"{name}, {inputs}", name), "less", ACCURACY),
                       (Control("each at its own best learning rate",
                                Comparison("accuracy, best weights", *_beside(inputs, name, ", tuned"), "less", ACCURACY),
                                "persists"),) if tuned else ())
            yield Part(f"I{number + 2}{letter}", f"{what}: slower, {tricks}",
                       Comparison("steps to 0.1", *_beside(f"{name}, {inputs}", name), "greater", TIMES_1_1),
                       (Control("each at its own fastest learning rate",
                                Comparison("steps to 0.1", *_beside(inputs, name, ", fastest"), "greater", TIMES_1_1),
                                "persists"),) if tuned else ())


#: What is asked beyond the report, as rules like those of its claims. M is for momentum; SI, SO and SC for the sigmoid's
#: input gain, output gain and offset, which centres; D for depth, W for width, P for parameters, B for biases, O for the
#: order of images, I for inputs.
#:
#: :meta hide-value:
QUESTIONS = (
    *_gamma(0.5, "a"), *_gamma(0.9, "b"), *_gamma(0.99, "c"),
    *_factor(0, "the input gain"), *_factor(1, "the output gain"), *_factor(2, "the offset"),
    *_depths(), *_widths(),
    *(Part(f"P{letter}", f"two layers of {width} are more accurate than one of 64",
           Comparison("accuracy", (f"two layers of {width}",), ("tricks 111",), "greater", ACCURACY))
      for letter, width in zip("abc", (59, 60, 64))),
    *_variations(),
)


# ---- arms


def tunable():
    """The experiments whose learning rates are chosen for these questions, by name.

    Returns
    -------
    dict from str to Experiment
    """
    named = {f"gamma {gamma}": replace(ALL, gamma=gamma) for gamma in GAMMAS}
    for on in itertools.product((False, True), repeat=3):
        if any(on) and not all(on):
            named[f"factors {code(on)}"] = replace(LOGISTIC, **{
                name: value for (name, value), chosen in zip(FACTORS.items(), on) if chosen})
    named |= {"not centred": replace(ALL, inputs="uncentred"), "pixels from 0 to 1": replace(ALL, inputs="unit_interval")}
    for depth in DEPTHS:
        deep = topology_experiment(64, depth)
        named |= {f"depth {depth}": deep, f"depth {depth} without momentum": replace(deep, gamma=0.0)}
    named |= {f"width {width}": topology_experiment(width, 1) for width in WIDTHS}
    known = designs.tunable().values()
    return {name: experiment for name, experiment in named.items() if experiment not in known}


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
    return float(f"{0.1 * _squared_gradient(LOGISTIC) / _squared_gradient(experiment):.3g}")


@cache
def _squared_gradient(experiment):
    total = 0.0
    for seed in TUNING:
        (X, y), _ = standardized_mnist(experiment.third, experiment.inputs)
        gradients = model_for(replace(experiment, seed=seed)).gradients(X[:1000], y[:1000])
        total += sum(float(np.vdot(gradient, gradient)) for gradient in gradients)
    return total / len(TUNING)


def arms(store):
    """The arms that only these questions need, as far as the store has what they are tuned by.

    Parameters
    ----------
    store : Store

    Returns
    -------
    dict from str to list of Experiment
        By name, one experiment for each seed.
    """
    tuned_too = tunable()
    protocol = {f"gamma {gamma}, matched step": with_step(replace(IMPROVED, gamma=gamma), 0.2) for gamma in GAMMAS}
    factors = {name: experiment for name, experiment in tuned_too.items() if name.startswith("factors")}
    protocol |= factors
    protocol |= {f"{name}, matched first step": replace(experiment, learning_rate=first_order_rate(experiment))
                 for name, experiment in (factors | {"factors 111": IMPROVED}).items()}
    protocol |= {f"two layers of {width}": topology_experiment(width, 2) for width in (59, 60)}
    for name, experiment in (("tricks 100", LOGISTIC), ("tricks 111", ALL)):
        protocol |= {
            f"{name}, a bias in every layer": replace(experiment, biases="every_layer"),
            f"{name}, not shuffled": replace(experiment, shuffle=False),
            f"{name}, not centred": replace(experiment, inputs="uncentred"),
            f"{name}, pixels from 0 to 1": replace(experiment, inputs="unit_interval"),
        }
    found = {name: seeded(experiment, CONFIRMING, **PROTOCOL) for name, experiment in protocol.items()}
    for name, experiment in tuned_too.items():
        if (step := designs.tuned(experiment, store)) is None:
            continue
        found[f"{name}, tuned"] = seeded(with_step(experiment, step), CONFIRMING, **TUNED)
        if not name.startswith(("depth", "width")):
            fastest = with_step(experiment, designs.tuned(experiment, store, "fastest"))
            found[f"{name}, fastest"] = seeded(fastest, CONFIRMING, **FASTEST)
    for width in WIDTHS:
        found[f"width {width}, five epochs"] = seeded(
            topology_experiment(width, 1), CONFIRMING, epochs=5, patience=None, evaluations_per_epoch=1, diagnostics=("units",))
    for depth, activation, init in itertools.product(DEPTHS, ("sigmoid", "improved_sigmoid"), ("uniform", "fan_in")):
        experiment = replace(topology_experiment(64, depth), activation=activation, init=init)
        found[f"depth {depth}, {activation}, {init}"] = seeded(
            experiment, FEW, epochs=10, patience=None, evaluations_per_epoch=1, diagnostics=("layers",))
    return found


def marks():
    """What the runs of these arms are saved with."""
    return {"questions": evidence.digest(QUESTIONS)}


def answers(store):
    """The runs that the questions need, and the verdict on each.

    Parameters
    ----------
    store : Store

    Returns
    -------
    runs : dict from str to list of Run
        By the name of the arm, those of the report's claims included.
    verdicts : list of mlplib.evidence.Verdict

    Raises
    ------
    mlplib.evidence.EvidenceError
        If a run is missing, or was not made under the present rules.
    """
    runs = evidence.confirming_runs(store) | evidence.marked_runs(arms(store), store, marks(), "make sweep-full")
    return runs, evidence.verdicts(runs, QUESTIONS)
