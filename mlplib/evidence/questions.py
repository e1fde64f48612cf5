"""Questions beyond the report's claims, written down before their runs: the second registration."""

import itertools
from dataclasses import replace

from mlplib import _checks
from mlplib.evidence.arms import (
    FASTEST,
    FEW,
    FIVE_EPOCHS,
    LAYERS,
    MATCHED_FIRST_STEP,
    MATCHED_STEP,
    REPORTED,
    TUNED,
    Network,
    binary,
    depth,
    tricks,
    two_layers,
    width,
)
from mlplib.evidence.claims import ACCURACY, CLAIMS, LOSS, TIMES_1_1
from mlplib.evidence.effects import Comparison
from mlplib.evidence.measures import FIRST_MEASURES
from mlplib.evidence.registrations import Control, Part, Registration

#: Depths, widths and momenta that are asked about; the report's γ of 0.9 is among the claims.
DEPTH_SERIES = (1, 2, 3, 5, 10, 20)
WIDTH_SERIES = (8, 16, 32, 64, 128, 256, 512, 1024)
GAMMA_SERIES = (0.5, 0.99)
#: What the improved sigmoid is made of, 3.4318 σ(4z/3) - 1.7159: a digit for each, as for the tricks.
FACTORS = {"input_gain": 4 / 3, "output_gain": 3.4318, "offset": -1.7159}

_LOGISTIC, _IMPROVED, _ALL = map(tricks, ("100", "110", "111"))


# ---- networks


def gamma(value):
    """All tricks with another momentum: a Network, that of the claims for γ = 0.9."""
    return _ALL if _checks.gamma(value) == 0.9 else Network(f"gamma {value}", replace(_ALL.experiment, gamma=value))


def factors(code):
    """Logistic units with some of the factors that make the improved sigmoid.

    Parameters
    ----------
    code : str
        A digit for each of (input gain, output gain, offset). With none of them and with all of them the network is one
        of the claims: logistic units and the improved sigmoid, with fan-in weights.

    Returns
    -------
    Network
    """
    if binary(code) in ("000", "111"):
        return {"000": _LOGISTIC, "111": _IMPROVED}[code]
    chosen = {name: value for (name, value), digit in zip(FACTORS.items(), code) if digit == "1"}
    return Network(f"factors {code}", replace(_LOGISTIC.experiment, **chosen))


def layers_of(activation, init, layers):
    """So many hidden layers of 64 units with momentum, and another activation or other initial weights: a Network."""
    deep = depth(layers)
    return Network(f"{deep.name}, {activation}, {init}", replace(deep.experiment, activation=activation, init=init))


def tunable_depth(layers, momentum=True):
    """Like `depth`, by the name that its arm at its best rate has: one layer is a network of the claims."""
    layers = _checks.integer("layers", layers, minimum=1)
    return depth(layers, momentum) if layers > 1 else _ALL if momentum else _IMPROVED


def tunable_width(units):
    """Like `width`, by the name that its arm at its best rate has: 64 units are a network of the claims."""
    return _ALL if _checks.integer("units", units, minimum=1) == 64 else width(units)


#: Inputs that are scaled otherwise, by what arms are called with them.
SCALINGS = {"not centred": {"inputs": "uncentred"}, "pixels from 0 to 1": {"inputs": "unit_interval"}}
#: What else was taken for granted.
VARIATIONS = {"a bias in every layer": {"biases": "every_layer"}, "not shuffled": {"shuffle": False}, **SCALINGS}
#: The networks with inputs that are scaled otherwise, at learning rates of their own.
OTHER_INPUTS = {what: Network(what, replace(_ALL.experiment, **fields)) for what, fields in SCALINGS.items()}

# The improved sigmoid's factors once more, at a first step that is matched with logistic units.
_ALL_FACTORS = Network("factors 111", _IMPROVED.experiment)


# ---- parts


def _beside(a, b, protocol=REPORTED):
    return (a.under(protocol),), (b.under(protocol),)


def _gamma(value, letter):
    matched = gamma(value).under(REPORTED if value == 0.9 else MATCHED_STEP)  # the report's step is the matched one
    plain_descent = _IMPROVED.under(MATCHED_STEP)
    return (
        Part(f"M1{letter}", f"γ = {value} and plain descent, same effective step: same speed",
             Comparison("steps to 0.05", (matched,), (plain_descent,), "same", TIMES_1_1)),
        Part(f"M2{letter}", f"γ = {value} and plain descent, same effective step: same accuracy",
             Comparison("accuracy", (matched,), (plain_descent,), "same", ACCURACY)),
        Part(f"M3{letter}", f"γ = {value} is faster, each at its fastest rate",
             Comparison("steps to 0.05", *_beside(gamma(value), _IMPROVED, FASTEST), "less", TIMES_1_1)),
        Part(f"M4{letter}", f"γ = {value} is more accurate, each at its best rate",
             Comparison("accuracy, best weights", *_beside(gamma(value), _IMPROVED, TUNED), "greater", ACCURACY)),
    )


def _factor_arm(code, protocol):
    if protocol == MATCHED_FIRST_STEP and code == "000":
        return _LOGISTIC.under()  # what the first step is matched with
    if protocol == MATCHED_FIRST_STEP and code == "111":
        return _ALL_FACTORS.under(protocol)
    return factors(code).under(protocol)


def _factors_beside(a, b, protocol):
    return (_factor_arm(a, protocol),), (_factor_arm(b, protocol),)


def _factor(name, i, what):
    """Three ways to set the rate; the factor beside both others, and alone."""
    alone = "".join("01"[place == i] for place in range(3))
    all_but = "".join("10"[place == i] for place in range(3))
    cases = (("a", "beside both others", "111", all_but), ("b", "alone", alone, "000"))
    rates = (("1", REPORTED, "at the same learning rate"), ("2", MATCHED_FIRST_STEP, "at the same first step"),
             ("3", FASTEST, "each at its fastest rate"))
    parts = [Part(f"{name}{number}{letter}", f"{what}, {case}, makes faster, {rate}",
                  Comparison("steps to 0.1", *_factors_beside(a, b, protocol), "less", TIMES_1_1))
             for number, protocol, rate in rates for letter, case, a, b in cases]
    return parts + [Part(f"{name}4{letter}", f"{what}, {case}, makes more accurate, each at its best rate",
                         Comparison("accuracy, best weights", *_factors_beside(a, b, TUNED), "greater", ACCURACY))
                    for letter, case, a, b in cases]


def _depths():
    deeper = tuple(zip("abcde", DEPTH_SERIES[1:]))
    for letter, layers in deeper:
        deep_and_shallow = _beside(tunable_depth(layers), tunable_depth(1), TUNED)
        yield Part(f"D1{letter}", f"{layers} layers are less accurate than one, each at its best rate",
                   Comparison("accuracy, best weights", *deep_and_shallow, "less", ACCURACY))
    for letter, layers in deeper:
        with_and_without = _beside(tunable_depth(layers), tunable_depth(layers, momentum=False), TUNED)
        yield Part(f"D2{letter}",
                   f"{layers} layers: the same accuracy with and without momentum, each at its best rate",
                   Comparison("accuracy, best weights", *with_and_without, "same", ACCURACY))
    for letter, when in (("a", "at the start"), ("b", "in training")):
        twenty = layers_of("improved_sigmoid", "fan_in", 20).under(LAYERS)
        yield Part(f"D3{letter}",
                   f"through 20 layers with all tricks the gradient vanishes: first to last below 0.01, {when}",
                   Comparison(f"gradient ratio {when}", (twenty,), -2.0, "less", 0.0))
    for letter, layers in (("a", 3), ("b", 5), ("c", 10)):
        logistic = layers_of("sigmoid", "fan_in", layers).under(LAYERS)
        yield Part(f"D4{letter}",
                   f"through {layers} layers of logistic units with fan-in weights it vanishes at the start",
                   Comparison("gradient ratio at the start", (logistic,), -2.0, "less", 0.0))


def _widths():
    for letter, (half, units) in zip("abcdefg", itertools.pairwise(WIDTH_SERIES)):
        whole_and_half = _beside(tunable_width(units), tunable_width(half), TUNED)
        yield Part(f"W1{letter}", f"{units} units are more accurate than {half}, each at its best rate",
                   Comparison("accuracy, best weights", *whole_and_half, "greater", ACCURACY))
    yield Part("W2", "1,024 units overfit more than 64, each at its best rate",
               Comparison("overfitting", *_beside(tunable_width(1024), tunable_width(64), TUNED), "greater", LOSS))
    for name, measure, what in (("W3", "unit change", "each unit changes more"),
                                ("W4", "minibatch noise", "the minibatch loss is noisier, relative to its size")):
        for letter, narrow, wide in (("a", 8, 64), ("b", 64, 1024)):
            yield Part(f"{name}{letter}", f"{narrow} units beside {wide:,}, the report's rate: {what}",
                       Comparison(measure, *_beside(width(narrow), width(wide), FIVE_EPOCHS), "greater", TIMES_1_1))


def _variations():
    for letter, network, what in (("a", _LOGISTIC, "logistic"), ("b", _ALL, "all tricks")):
        biases, order, *inputs = (_beside(network.varied(name, **fields), network)
                                  for name, fields in VARIATIONS.items())
        yield Part(f"B1{letter}", f"a bias in every layer or one at the input: same accuracy, {what}",
                   Comparison("accuracy", *biases, "same", ACCURACY))
        yield Part(f"B2{letter}", f"a bias in every layer or one at the input: same speed, {what}",
                   Comparison("steps to 0.1", *biases, "same", TIMES_1_1))
        yield Part(f"O1{letter}", f"without shuffling less accurate, {what}",
                   Comparison("accuracy", *order, "less", ACCURACY))
        yield Part(f"O2{letter}", f"without shuffling slower, {what}",
                   Comparison("steps to 0.1", *order, "greater", TIMES_1_1))
        others = ("not centred", "inputs not centred"), ("pixels from 0 to 1", "pixels from 0 to 1")
        for number, (other, said), sides in zip((1, 2), others, inputs):
            best, fastest = (_beside(OTHER_INPUTS[other], _ALL, protocol) for protocol in (TUNED, FASTEST))
            yield Part(f"I{number}{letter}", f"{said}: less accurate, {what}",
                       Comparison("accuracy", *sides, "less", ACCURACY),
                       (Control("each at its own best learning rate",
                                Comparison("accuracy, best weights", *best, "less", ACCURACY), "persists"),)
                       if network == _ALL else ())
            yield Part(f"I{number + 2}{letter}", f"{said}: slower, {what}",
                       Comparison("steps to 0.1", *sides, "greater", TIMES_1_1),
                       (Control("each at its own fastest learning rate",
                                Comparison("steps to 0.1", *fastest, "greater", TIMES_1_1), "persists"),)
                       if network == _ALL else ())


# M is for momentum; SI, SO and SC for the sigmoid's input gain, output gain and offset, which centres; D for depth, W
# for width, P for parameters, B for biases, O for the order of images, I for inputs.
_PARTS = (
    *_gamma(0.5, "a"), *_gamma(0.9, "b"), *_gamma(0.99, "c"),
    *_factor("SI", 0, "the input gain"), *_factor("SO", 1, "the output gain"), *_factor("SC", 2, "the offset"),
    *_depths(), *_widths(),
    *(Part(f"P{letter}", f"two layers of {units} are more accurate than one of 64",
           Comparison("accuracy", *_beside(two_layers(units), _ALL), "greater", ACCURACY))
      for letter, units in zip("abc", (59, 60, 64))),
    *_variations(),
)


# ---- arms


def _tuned_arms():
    """The new networks at their best rates; at their fastest, those whose speed is asked about."""
    some_factors = [factors("".join(digits)) for digits in itertools.product("01", repeat=3) if len(set(digits)) > 1]
    for network in (*map(gamma, GAMMA_SERIES), *some_factors, *OTHER_INPUTS.values()):
        yield network.under(TUNED)
        yield network.under(FASTEST)
    deeper = [tunable_depth(layers, momentum) for layers in DEPTH_SERIES[1:] for momentum in (True, False)]
    for network in (*deeper, *map(tunable_width, WIDTH_SERIES)):
        arm = network.under(TUNED)
        if arm not in CLAIMS.arms:
            yield arm


def _arms():
    some_factors = [factors(f"{number:03b}") for number in range(1, 7)]
    yield from (gamma(value).under(MATCHED_STEP) for value in GAMMA_SERIES)
    yield from (network.under() for network in some_factors)
    yield from (network.under(MATCHED_FIRST_STEP) for network in (*some_factors, _ALL_FACTORS))
    yield from (two_layers(units).under() for units in (59, 60))
    yield from (network.varied(name, **fields).under() for network in (_LOGISTIC, _ALL)
                for name, fields in VARIATIONS.items())
    yield from _tuned_arms()
    yield from (width(units).under(FIVE_EPOCHS) for units in WIDTH_SERIES)
    yield from (layers_of(activation, init, layers).under(LAYERS, seeds=FEW) for layers in DEPTH_SERIES
                for activation in ("sigmoid", "improved_sigmoid") for init in ("uniform", "fan_in"))


#: The second registration. The digest of its rules is 8e30da8405488bab.
#:
#: :meta hide-value:
QUESTIONS = Registration("questions", "2026-11-24", _PARTS, tuple(_arms()), after=(CLAIMS,), measures=FIRST_MEASURES)
