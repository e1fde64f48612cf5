"""What is said to somebody's functions: right ones, however they are written; each mistake by its name; all others."""

import copy
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from solutions import FIRST, SECOND, written

from mlplib.practice import BLANKS, check
from mlplib.practice.blanks import slug
from mlplib.practice.checking import confusion

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MADE = [(blank.name, mistake) for blank in BLANKS.values() for mistake in blank.mistakes.values()]
WAYS = [(name, mistake, way) for name, mistake in MADE for way in mistake.ways]
each_blank = pytest.mark.parametrize("name", BLANKS)
each_mistake = pytest.mark.parametrize("name, mistake", MADE, ids=lambda value: getattr(value, "name", value))
each_way = pytest.mark.parametrize("name, mistake, way", WAYS, ids=lambda value: getattr(value, "name", ""))


def converted(function, convert):
    """The same function, with all arrays that it gives converted; nothing else of it."""
    def of(value):
        if isinstance(value, (list, tuple)):
            return type(value)(map(of, value))
        return convert(value) if isinstance(value, np.ndarray) else value
    return lambda *arguments: of(function(*arguments))


# ---- right


@each_blank
@pytest.mark.parametrize("solutions", [FIRST, SECOND], ids=["first", "second"])
def test_what_is_right_is_told_so(name, solutions):
    answer = check(name, *solutions[name])
    assert answer.right and answer.mistake is None, answer
    assert answer.verdict.startswith("Right") and not answer.hint and not answer.sentences


@each_blank
@pytest.mark.parametrize("convert", [np.float32, np.asfortranarray, lambda a: a.astype(np.float32).astype(float)],
                         ids=["float32", "Fortran order", "float32 on the way"])
@pytest.mark.parametrize("solutions", [FIRST, SECOND], ids=["first", "second"])
def test_another_dtype_or_order_is_right_too(name, convert, solutions):
    assert check(name, *(converted(function, convert) for function in solutions[name])).right


def test_a_sigmoid_that_warns_and_is_right_is_told_both():
    answer = check("sigmoid", lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a))
    assert answer.right
    assert "a warning from NumPy at sigmoid(np.array([-1000.]))" in repr(answer)


def test_numbers_in_a_list_are_an_array():
    assert check("sigmoid", lambda z: FIRST["sigmoid"][0](z).tolist() if z.ndim == 1 else FIRST["sigmoid"][0](z),
                 lambda a: a * (1 - a)).right


# By blank: other words in the place of some of the solution's, and it is right all the same.
ALSO_RIGHT = [
    ("sigmoid", {"(1 + np.tanh(z / 2)) / 2": "1 / (1 + np.exp(-np.clip(z, -500, 500)))"}),
    ("softmax", {"-log_p[np.arange(len(y)), y].mean()": "-(np.eye(z.shape[1])[y] * log_p).sum() / len(z)"}),
    ("momentum", {"W -= alpha * v": "W -= alpha * v if gamma else alpha * gradient"}),
    *(("training", slips) for slips in [
        {"len(X) - batch_size + 1": "len(X)"},  # with the last, incomplete minibatch
        {"range(0, len(X) - batch_size + 1, batch_size)": "np.arange(len(X) // batch_size) * batch_size"},
        {"rng.permutation(len(X))": "np.argsort(rng.random(len(X)))"},
        {"rng.permutation(len(X))": "rng.choice(len(X), len(X), replace=False)"},
        {"rng.permutation(len(X))": "np.arange(len(X))\n        rng.shuffle(order)"},
        {"rng.permutation(len(X))": "np.random.default_rng(rng.integers(2**60)).permutation(len(X))"},
        {"losses.append(network.loss(*validation))": "network.loss(*validation), network.loss(*training)\n"
                                                     "        losses.append(network.loss(*validation))"},
        {"    for _ in": "    network.loss(*validation)\n    for _ in"},
        {"lowest, waited = [], np.inf, 0": "lowest, waited = [], network.loss(*validation), 0"},
        {"[W.copy() for W in network.weights]": "copy.deepcopy(network)", "= best": "= best.weights"},
        {"[W.copy() for W in network.weights]": "copy.deepcopy(network)", "network.weights = best":
         "for W, lowest in zip(network.weights, best.weights):\n        W[:] = lowest"},
        {"[W.copy() for W in network.weights]": "copy.deepcopy(network.weights)", "= best": "[:] = best"},
        {"            rows =": "            network.gradients(X[:1], y[:1])\n            rows ="},
        {"            rows =": "            network.loss(X, y)\n            rows ="},
        {"X, y = training": "(X, y), kept = training, []", "best = [W.copy() for W in network.weights]": "pass",
         "loss(*validation))": "loss(*validation))\n        kept.append([1 * W for W in network.weights])",
         "= best": "= kept[int(np.argmin(losses))]"},
        {"return losses": "return tuple(losses)"},
        {"waited == patience": "len(losses) - 1 - int(np.argmin(losses)) >= patience"},
    ]),
]


@pytest.mark.parametrize("name, slips", ALSO_RIGHT)
def test_what_is_right_in_another_way_is_told_so(name, slips):
    assert check(name, *written(name, slips)).right


# ---- every argument counts

ARGUMENTS = [(name, position, number, argument) for name, blank in BLANKS.items()
             for position, signature in enumerate(blank.signatures)
             for number, argument in enumerate(signature.split("(")[1].rstrip(")").split(", "))]


def instead(function, number, value):
    """The same function, which takes another value for one of its arguments."""
    def called(*arguments):
        given = list(arguments)
        given[number] = value(given[number])
        return function(*given)
    return called


def at_first(kept=None):
    """What an argument was when it first came."""
    values = []

    def first(value):
        values.append(copy.deepcopy(value))
        return values[0]
    return first


@pytest.mark.parametrize("solutions", [FIRST, SECOND], ids=["first", "second"])
@pytest.mark.parametrize("name, position, number, argument", ARGUMENTS)
def test_an_argument_that_is_the_first_time_s_for_ever_is_not_right(name, position, number, argument, solutions):
    functions = list(solutions[name])
    functions[position] = instead(functions[position], number, at_first())
    answer = check(name, *functions)
    assert not answer.right


# By argument: what people put in its place.
CONSTANTS = {
    "f": [FIRST["sigmoid"][0], np.tanh, lambda z: z, lambda z: np.maximum(z, 0)],
    "slope": [FIRST["sigmoid"][1], lambda a: 1 - a**2, lambda a: 1.0, lambda a: a > 0],
    "epsilon": [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7], "alpha": [0.01, 0.02, 0.1, 0.3, 1],
    "gamma": [0, 0.5, 0.8, 0.9, 0.99], "batch_size": [1, 3, 4, 6, 10, 32, 64, 100, 128], "epochs": [1, 3, 5, 10, 100],
    "patience": [1, 2, 3, 4, 5, 10, 100],
    "rng": [*map(np.random.default_rng, range(6)), np.random, np.random.RandomState(4)],
}


@pytest.mark.parametrize("name, position, number, argument, value", [
    (*each, value) for each in ARGUMENTS for value in CONSTANTS.get(each[-1], [])])
def test_a_constant_in_the_place_of_an_argument_is_not_right(name, position, number, argument, value):
    functions = list(FIRST[name])
    functions[position] = instead(functions[position], number, lambda given: value)
    assert not check(name, *functions).right


@pytest.mark.parametrize("made", [lambda seed: lambda: np.random.default_rng(seed), lambda seed: lambda: np.random],
                         ids=["the same each time", "the global one"])
def test_a_generator_of_its_own_is_called_that(made):
    make = made(4)
    train = instead(FIRST["training"][0], 6, lambda given: make())
    assert check("training", train).mistake == "an order that rng has no part in"


# ---- mistakes


@each_blank
def test_each_mistake_gets_its_name_and_no_others(name):
    rows = confusion(BLANKS[name])
    assert rows == np.eye(len(rows), dtype=bool).tolist()


def test_no_two_mistakes_look_the_same():
    for blank in BLANKS.values():
        seen = [*((name, seen) for name, seen, _ in blank.known), ("right", blank.expected)]
        assert all(one.differing(other) for name, one in seen for another, other in seen if name != another)


@each_way
def test_a_mistake_in_float32_gets_its_name_too(name, mistake, way):
    assert check(name, *(converted(function, np.float32) for function in way)).mistake == mistake.name


@each_way
def test_what_is_said_of_a_mistake_has_a_number_of_theirs_and_what_follows_but_not_the_line(name, mistake, way):
    answer = check(name, *way)
    said = repr(answer)
    assert mistake.name in answer.verdict and mistake.follows in answer.sentences
    assert re.search(r"gives|has the (shape|length)|raises|: (yes|no), and", answer.sentences[0]), said
    assert len(answer.sentences) == 2, said
    assert mistake.line not in said and mistake.hint not in said
    html = answer._repr_html_()
    assert html.index("A hint") < html.index("The line") and html.count("<details>") == 2


def test_there_are_more_than_forty_and_the_issues_own_are_among_them():
    names = " | ".join(mistake.name for _, mistake in MADE)
    assert len(MADE) >= 100
    for word in ("transposed product", "1/N is missing", "1/N twice", "forgotten f′", "f′ of z where a", "wrong axis",
                 "softmax over samples", "overflow at z = 1,000", "wrong sign", "update of a copy", "bias row",
                 "gradient after the update", "without state", "shared by two layers", "integer division",
                 "evaluating on the minibatch", "only a reference to the last", "patience", "X shuffled without y"):
        assert word in names


@each_mistake
def test_a_mistake_leads_to_a_section_that_there_is(name, mistake):
    chapter, section = mistake.look
    file, = NOTEBOOKS.glob(f"{chapter}_*.md")
    assert re.search(rf"^##+ {re.escape(section)}$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert slug(section).isascii()  # the pages leave other letters out of their addresses


# By blank: what somebody writes in the place of which words of the solution, and what it is called.
MINIBATCHES = """        for start in range(0, len(X) - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
"""
UPDATE = "network.update(network.gradients(X[rows], y[rows]))"
EVALUATE = """        losses.append(network.loss(*validation))
"""
COPY = "[W.copy() for W in network.weights]"
SLIPS = [
    ("sigmoid", {"return (1 + np.tanh": "out = np.zeros_like(z)\n    out[...] = (1 + np.tanh",
                 "/ 2)) / 2": "/ 2)) / 2\n    return out"}, "whole numbers come out"),
    ("sigmoid", {"tanh(z / 2)": "tanh(np.clip(z, -20, 20) / 2)"}, "cut off too early"),
    ("softmax", {"e = np.exp(z - z.max(axis=1, keepdims=True))": "e = np.exp(z - z.max(axis=0))"},
     "the maximum over the wrong axis"),
    ("softmax", {"-log_p[np.arange(len(y)), y].mean()": "-(np.eye(z.shape[1])[y] * log_p).mean()"},
     "the mean over the classes too"),
    ("softmax", {"-log_p[np.arange(len(y)), y].mean()": "-np.mean(np.eye(z.shape[1])[y] * np.log(softmax(z)))"},
     "the mean over the classes too"),
    ("softmax", {"axis=1": "axis=0"}, "softmax over samples"),
    ("softmax", {"np.exp(z).sum(axis=1, keepdims=True)": "np.exp(z).sum()"}, "the sum over all samples"),
    ("softmax", {"log_p[np.arange(len(y)), y]": "log_p[y]"}, "rows picked in place of classes"),
    ("softmax", {"log_p[np.arange(len(y)), y]": "log_p[np.arange(len(y)), y - 1]"}, "labels counted from 1"),
    ("softmax", {"log_p[np.arange(len(y)), y]": "np.nan_to_num(np.log(softmax(z)[np.arange(len(y)), y]))"},
     "infinity painted over"),
    ("softmax", {"return -log_p[np": "p = softmax(z)[np", "len(y)), y].mean()": "len(y)), y]\n"
                 "    return -np.log(p[p > 0]).mean()"}, "samples with a probability of 0 are left out"),
    ("softmax", {"log_p[np.arange(len(y)), y]": "np.log(np.clip(softmax(z)[np.arange(len(y)), y], 1e-15, 1))"},
     "a small number in the logarithm"),
    *(("softmax", {"log_p[np.arange(len(y)), y].mean()": f"np.log(softmax(z))[{picked}"}, told) for picked, told in [
        ("np.arange(len(y)), y]", "a loss for each sample"), ("y].mean()", "rows picked in place of classes"),
        ("np.arange(len(y)), y - 1].mean()", "labels counted from 1")]),
    ("softmax", {"-log_p[np.arange(len(y)), y]": "np.log(softmax(z))[np.arange(len(y)), y]"}, "no minus"),
    ("forward", {"f(inputs": "(lambda z: 1 / (1 + np.exp(-z)))(inputs"}, "a curve of its own, whatever f is"),
    ("forward", {"f(inputs[-1] @ W)": "f(X @ W)"}, "X goes into every layer"),
    ("forward", {"weights[:-1]": "weights[:1]", "weights[-1]": "weights[1]"}, "one hidden layer, whatever the depth"),
    ("forward", {"    return": "    inputs.append(f(inputs[-1] @ weights[-1]))\n    return",
                 "return inputs, inputs[-1]": "return inputs, inputs[-2]"}, "the logits among the inputs"),
    ("forward", {"return inputs, inputs[-1] @ weights[-1]": "return inputs[-1] @ weights[-1], inputs"},
     "the two results exchanged"),
    ("forward", {"return inputs,": "return inputs[1:] + inputs[:1],"}, "X comes last in the list"),
    ("delta", {"delta = y_hat.copy()": "delta = y_hat.copy()", "-= 1": "-= 1 / len(y)", "delta / len(y)": "delta"},
     "1/N at the label only"),
    ("delta", {"[np.arange(len(y)), y] -= 1": "[y] -= 1"}, "rows picked in place of classes"),
    ("delta", {"delta[np.arange(len(y)), y] -= 1": "delta -= np.eye(y.max() + 1)[y]"},
     "as many classes as labels occur"),
    ("delta", {"return delta / len(y)": "return delta.mean(axis=0)"}, "the mean over the samples"),
    ("delta", {"/ len(y)": "/ delta.shape[1]"}, "K where N is meant"),
    ("delta", {"/ len(y)": "* len(y)"}, "N in place of 1/N"),
    ("backward", {"slope(inputs[layer])": "(inputs[layer] * (1 - inputs[layer]))"},
     "a slope of its own, whatever slope is"),
    ("backward", {"slope(inputs[layer]) * (delta": "slope((delta", "weights[layer].T)": "weights[layer].T))"},
     "f′ of δ Wᵀ"),
    ("backward", {"slope(inputs[layer]) *": "inputs[layer] *"}, "a where f′ is meant"),
    ("backward", {"slope(inputs[layer])": "slope(slope(inputs[layer]))"}, "f′ twice"),
    ("backward", {"(delta @ weights[layer].T)": "delta @ weights[layer].T"}, "a pair of brackets is missing"),
    ("backward", {" @ weights[layer].T": ""}, "W is forgotten"),
    ("backward", {"(delta @ weights[layer].T)": "(delta @ weights[layer].T) / len(delta)"}, "1/N in each layer"),
    ("backward", {"        gradients.insert(0, inputs[layer].T @ delta)\n": "",
                  "weights[layer].T)": "weights[layer].T)\n        gradients.insert(0, inputs[layer].T @ delta)"},
     "δ goes back before the gradient is taken"),
    ("gradient check", {"np.zeros(W.shape)": "np.zeros(W.shape, int)"}, "an array of whole numbers"),
    ("gradient check", {"value = W[index]": "value, epsilon = W[index], 1e-5"}, "an ε of its own"),
    ("momentum", {"alpha * v": "alpha * gradient"}, "a velocity that is kept and not used"),
    ("momentum", {"v *= gamma": "v *= 0"}, "the velocity forgets what it was"),
    ("momentum", {"v *= gamma": "v *= 0", "v += gradient": "v -= alpha * gradient", "W -= alpha * v": "W += v"},
     "the velocity forgets what it was"),
    ("momentum", {"alpha * v": "alpha * v\n        return"}, "only one of the matrices is moved"),
    ("momentum", {"alpha * v": "0.02 * v"}, "a constant of its own in place of α or γ"),
    ("momentum", {"gradient, v in zip(weights, gradients, velocities)": "gradient in zip(weights, gradients)",
                  "        v *=": "        v = velocities[0]\n        v *="}, "state shared by two layers"),
    ("training", {"            break\n": "", "    network.weights = best": "            network.weights = best\n"
                  "            break"}, "put back only where patience ends it"),
    ("training", {"waited += 1": "waited += 1\n            network.weights = copy.deepcopy(best)"},
     "put back after each worse epoch"),
    *(("training", {"order = rng.permutation(len(X))": "starts = list(range(0, len(X) - batch_size + 1, batch_size))",
                    "        for start in range(0, len(X) - batch_size + 1, batch_size)": f"        {new_order}",
                    "order[start : start + batch_size]": "slice(start, start + batch_size)"},
       "minibatches shuffled, not samples")
      for new_order in ("for start in rng.permutation(starts)", "rng.shuffle(starts)\n        for start in starts")),
    ("training", {MINIBATCHES: "        for rows in np.array_split(order, len(X) // batch_size):\n"},
     "minibatches of other sizes"),
    *(("training", {"rng.permutation(len(X))": order}, "an order that rng has no part in") for order in (
        "np.random.permutation(len(X))", "np.random.default_rng(_).permutation(len(X))",
        "np.random.default_rng(0).permutation(len(X))", "np.random.default_rng().permutation(len(X))")),
    ("training", {UPDATE: f"{UPDATE}\n            {UPDATE}"}, "two updates for each minibatch"),
    ("training", {UPDATE: f"{UPDATE}\n    {EVALUATE.rstrip()}", f"\n{EVALUATE}": "\n"},
     "evaluating after each minibatch"),
    ("training", {"X, y = training": "(X, y), validation = validation, training"}, "training and validation exchanged"),
    ("training", {"np.inf": "1.0"}, "no loss counts as a new lowest one"),
    ("training", {"losses[-1] < lowest": "losses[-1] > lowest"}, "no loss counts as a new lowest one"),
    ("training", {"            break\n": "            return losses\n"}, "put back only where the epochs run out"),
    ("training", {"        else:\n            waited +=": "        waited +="}, "patience: one epoch too few"),
    ("training", {"range(epochs)": "range(1, epochs)"}, "an epoch too many or too few"),
    ("training", {f"            {UPDATE}": f"        {UPDATE}"}, "one update for each epoch"),
    ("training", {f"            {UPDATE}": f"        {UPDATE}", "len(X) - batch_size + 1": "len(X)"},
     "one update for each epoch"),
    ("training", {"np.inf": "100", "    for _": "    best = None\n    for _", "    network.weights": "    if best:\n"
                  "        network.weights"}, "no loss counts as a new lowest one"),
    ("training", {UPDATE: "taken.append(network.gradients(X[rows], y[rows]))",
                  "order = rng": "taken = []\n        order = rng",
                  EVALUATE: f"        for each in taken:\n            network.update(each)\n{EVALUATE}"},
     "all gradients before the first update"),
    ("training", {"order = rng.permutation(len(X))": "order = rng.permutation(len(X))\n        X[:], y[:], order = "
                  "X[order], y[order], np.arange(len(X))"}, "the training set is shuffled in place"),
    ("training", {"return losses": "return lowest"}, "one loss in place of all"),
    ("training", {f"best = {COPY}": "pass", "    network.weights = best\n": ""}, "the last weights are kept"),
    ("training", {"    network.weights = best\n": ""}, "a copy that is not put back"),
    ("training", {COPY: "copy.deepcopy(network)", "network.weights = best": "network = best"},
     "a copy that is not put back"),
    ("training", {COPY: "list(network.weights)"}, "best weights that are only a reference to the last"),
    ("training", {COPY: "network.weights"}, "best weights that are only a reference to the last"),
    ("training", {COPY: "network", "= best": "= best.weights"}, "best weights that are only a reference to the last"),
    ("training", {"waited == patience": "waited > patience"}, "patience: one epoch too many"),
]


@pytest.mark.parametrize("name, slips, told", SLIPS)
def test_a_slip_gets_its_name_or_none(name, slips, told):
    answer = check(name, *written(name, slips))
    assert not answer.right and answer.mistake == told, answer


def test_a_mistake_gets_its_name_with_the_last_minibatch_kept_too():
    ways = [(slips, told) for name, slips, told in SLIPS if name == "training" and MINIBATCHES not in slips
            and not any("len(X) -" in old or UPDATE in old for old in slips)]
    assert len(ways) > 10
    for slips, told in ways:
        answer = check("training", *written("training", {**slips, "len(X) - batch_size + 1": "len(X)"}))
        assert answer.mistake == told, (slips, answer)


def test_two_mistakes_in_two_functions_are_told_one_after_the_other():
    answer = check("sigmoid", lambda z: 1 / (1 + np.exp(z)), lambda a: a * (1 + a))
    assert answer.mistake == "the wrong sign of z"
    assert "Something else is not right either" in answer.sentences[-1] and "slope(" in answer.sentences[-1]
    answer = check("sigmoid", lambda z: 1 / (1 + np.exp(z)), lambda a: 1 - a * a)
    assert answer.mistake == "the wrong sign of z"
    assert answer.sentences[-1].startswith("There is a second mistake: the slope of tanh. slope(")


@pytest.mark.parametrize("name, slips, told, second", [
    ("softmax", {"-log_p[np.arange(len(y)), y].mean()": "-np.log(softmax(z)[np.arange(len(y)), y]).sum()"},
     "a sum where a mean is meant (the 1/N is missing)", "the logarithm of a probability that became 0"),
    ("training", {"rng.permutation(len(X))": "np.arange(len(X))", "return losses": "return lowest"},
     "no shuffling", "one loss in place of all"),
    ("training", {COPY: "list(network.weights)", "waited == patience": "waited > patience"},
     "best weights that are only a reference to the last", "patience: one epoch too many"),
])
def test_two_mistakes_in_one_function_are_told_if_they_explain_it_together(name, slips, told, second):
    answer = check(name, *written(name, slips))
    assert {answer.mistake, *re.findall("second mistake: (.*?)[.] ", answer.sentences[-1])} == {told, second}, answer


def test_a_mistake_that_explains_a_part_only_is_not_told():
    answer = check("training", *written("training", {
        "rng.permutation(len(X))": "np.sort(rng.permutation(len(X)))", "waited += 1": "waited += 0.5",
        "losses.append(network.loss(*validation))": "losses.append(2 * network.loss(*validation))"}))
    assert answer.mistake is None and answer.verdict == "Not right yet: training."
    assert "something that is not on my list" in answer.sentences[1] and "more than one" not in repr(answer)


def test_what_looks_like_a_mistake_in_part_is_said_in_so_many_words():
    slips = {"slope(inputs[layer]) * ": "", "inputs[layer].T @ delta": "inputs[layer].T @ delta / len(delta)"}
    answer = check("backward", *written("backward", slips))
    assert answer.mistake is None
    assert re.search(r"what you gave at backward\(.*\)\[2\], layers 5-3-4-2 is exactly what comes out with this "
                     r"mistake: 1/N twice\.$", answer.sentences[-1]), answer


@pytest.mark.parametrize("name, functions, where, section", [
    ("sigmoid", (lambda z: None, FIRST["sigmoid"][1]), "sigmoid", "Units add, bend and send on"),
    ("sigmoid", (FIRST["sigmoid"][0], lambda a: 7 * a), "slope",
     "The slope of the activation, from what is there already"),
    ("softmax", (lambda z: 7 * z, FIRST["softmax"][1]), "softmax", "Softmax: from sums to probabilities"),
    ("softmax", (FIRST["softmax"][0], lambda z, y: 7.0), "cross_entropy", "Cross-entropy: how wrong, in one number"),
])
def test_what_to_read_again_is_that_of_the_function(name, functions, where, section):
    answer = check(name, *functions)
    assert answer.verdict == f"Not right yet: {where}." and answer.look == (1, section)
    assert answer.hint and answer.line


@pytest.mark.parametrize("end", ["None", "[]", "3", "[None, None]", "['a', 'b']", "[np.zeros(3)]",
                                 "[type('T', (), {'__array__': lambda self: 1 / 0})()] * 2"])
def test_whatever_the_network_gets_for_weights_is_answered(end):
    assert not check("training", *written("training", {"= best": f"= {end}"})).right


@pytest.mark.parametrize("array", ["None", "'a'", "3", "[]", "np.zeros(0)", "{}", "np.full((3, 3), np.nan)"])
def test_whatever_stands_in_the_lists_after_an_update_is_answered(array):
    replaced = f"weights[:] = velocities[:] = [{array}] * 2"
    assert not check("momentum", *written("momentum", {"    for W,": f"    {replaced}\n    return\n    for W,"})).right


@pytest.mark.parametrize("X, y", [("X[rows][np.newaxis]", "y[rows]"), ("None", "None"), ("X[rows, 0]", "y[rows]"),
                                  ("X[rows]", "y[rows][np.newaxis]"), ("X[rows]", "print"), ("X[:0]", "y[:0]"),
                                  ("X[rows] * np.nan", "y[rows]"), ("X[rows].astype(str)", "[{}]")])
def test_whatever_the_network_is_asked_about_is_answered(X, y):
    assert not check("training", *written("training", {"X[rows], y[rows]": f"{X}, {y}"})).right
    assert not check("training", *written("training", {"*validation": f"{X}, {y}"})).right


def test_a_transposed_product_gets_its_name_whichever_of_numpys_products_it_is():
    def forward(X, weights, f):
        inputs = [X]
        for W in weights[:-1]:
            inputs.append(f(np.dot(inputs[-1], W.T)))
        return inputs, np.dot(inputs[-1], weights[-1].T)

    assert check("forward", forward).mistake == "a transposed product: X Wᵀ"


def test_a_mistake_gets_its_name_whether_it_warns_or_not():
    unsteady, loss = BLANKS["softmax"].mistakes["overflow at z = 1,000"].ways[0]
    assert check("softmax", np.errstate(all="ignore")(unsteady), loss).mistake == "overflow at z = 1,000"


def test_right_slopes_are_not_enough_if_the_weights_are_elsewhere_afterwards():
    def numerical_gradient(loss, W, epsilon):
        gradient = FIRST["gradient check"][0](loss, W, epsilon)
        W += epsilon
        return gradient

    answer = check("gradient check", numerical_gradient)
    assert not answer.right and "W, afterwards" in answer.sentences[0]


# ---- whatever a function does


def unfilled(*arguments):
    raise NotImplementedError


def greedy(*arguments):
    for each in arguments:
        if isinstance(each, np.ndarray):
            each[...] = np.nan
        elif isinstance(each, list):
            each.clear()
    return np.zeros(3)


def loud(*arguments):
    for _ in range(10_000):
        print("x" * 1000)
        print("y" * 1000, file=sys.stderr)
    return np.zeros(3)


class Uncooperative:
    def __array__(self, *arguments, **options):
        raise RuntimeError("no array")

    def __repr__(self):
        raise RuntimeError("no text")


@each_blank
def test_a_blank_that_nobody_filled_in_is_told_so(name):
    answer = check(name, *[unfilled] * len(BLANKS[name].signatures))
    assert not answer.right and answer.mistake is None
    assert answer.verdict == f"Nothing here yet: {name}."


@pytest.mark.parametrize("name", [name for name in BLANKS if name != "momentum"])
def test_where_nothing_comes_back_the_return_is_asked_for(name):
    answer = check(name, *[lambda *arguments: None] * len(BLANKS[name].signatures))
    assert not answer.right and "gives nothing (is a return missing?)" in repr(answer)


def test_images_shuffled_in_place_get_the_name_of_that_mistake():
    def train(network, training, validation, batch_size, epochs, patience, rng):
        rng.shuffle(training[0])
        return FIRST["training"][0](network, training, validation, batch_size, epochs, patience, rng)

    answer = check("training", train)
    assert answer.mistake == "X shuffled without y" and len(answer.sentences) == 2


@each_blank
@pytest.mark.parametrize("function, says", [
    (lambda *arguments: 1 / 0, "raises ZeroDivisionError: division by zero"), (lambda: 0, "raises TypeError"),
    (lambda *arguments: sys.exit(), "raises SystemExit"), (lambda *arguments: unfilled.missing, "AttributeError"),
])
def test_an_exception_is_told_in_a_sentence(name, function, says):
    answer = check(name, *[function] * len(BLANKS[name].signatures))
    assert not answer.right and says in repr(answer)


def test_an_exception_is_told_with_its_line():
    def sigmoid(z):
        return 1 / (1 + np.expp(-z))

    assert re.search(r"raises AttributeError: .*expp.*\(line \d+: return 1 / \(1 \+ np\.expp\(-z\)\)\)\.",
                     repr(check("sigmoid", sigmoid, FIRST["sigmoid"][1])))


@each_blank
@pytest.mark.parametrize("result", ["text", {}, object(), Uncooperative(), np.array("x"), 1j, [[1], [1, 2]], [], (),
                                    3.5, np.zeros((0, 3)), [None], np.float16(2), type],
                         ids=lambda result: type(result).__name__)
def test_a_result_of_another_kind_is_answered(name, result):
    answer = check(name, *[lambda *arguments: result] * len(BLANKS[name].signatures))
    assert not answer.right
    assert answer.sentences[0].count(".") >= 1 and answer._repr_html_()


@pytest.mark.parametrize("function, words", [
    (lambda X, weights, f: X,
     "forward(X, weights, f), layers 5-3-4-2 gives an array of shape (6, 5), where something else was expected"),
    (lambda X, weights, f: ([X], "z"),
     "gives no array of numbers, but str, where an array of shape (6, 2) was expected"),
])
def test_a_wrong_kind_is_named(function, words):
    assert words in repr(check("forward", function))


@each_blank
@pytest.mark.parametrize("function", [greedy, loud])
def test_a_check_is_not_broken_by_what_a_function_changes_or_prints(name, function, capsys):
    assert not check(name, *[function] * len(BLANKS[name].signatures)).right
    assert check(name, *FIRST[name]).right
    assert capsys.readouterr() == ("", "")


def asks_for_gradients(network, training, validation, batch_size, epochs, patience, rng):
    while True:
        network.update(network.gradients(*training))


def asks_for_losses(network, training, validation, batch_size, epochs, patience, rng):
    while network.loss(*training) > 0:
        pass


def only_updates(network, training, validation, batch_size, epochs, patience, rng):
    while True:
        network.update(network.weights)


def asks_for_nothing(*arguments):
    while True:
        pass


def will_not_be_stopped(*arguments):
    while True:
        try:
            asks_for_nothing()
        except Exception:
            continue


@pytest.mark.parametrize("name", ["training", "sigmoid", "forward"])
@pytest.mark.parametrize("function", [asks_for_gradients, asks_for_losses, only_updates, asks_for_nothing,
                                      will_not_be_stopped])
@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or a measurement of coverage watches the lines")
def test_a_loop_without_an_end_is_ended_and_called_that(name, function):
    if name != "training" and "network" in function.__code__.co_varnames:
        pytest.skip("there is no network")
    answer = check(name, *[function] * len(BLANKS[name].signatures))
    assert answer.mistake == "a loop without an end" in answer.verdict
    assert re.search(r"raises EndlessError: the loop goes on after [\d,]+ \w+ \(line \d+: ", answer.sentences[0])
    assert answer.hint and answer.line
    assert sys.gettrace() is None


def test_ctrl_c_ends_a_check():
    def interrupted(z):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("sigmoid", interrupted, interrupted)
