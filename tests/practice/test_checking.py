"""What is said to somebody's functions: right ones, however they are written; each mistake by its name; all others."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from solutions import FIRST, NAMES, SECOND, solution_cells

from mlplib.practice import BLANKS, check
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


# ---- mistakes


@each_blank
def test_each_mistake_gets_its_name_and_no_others(name):
    rows = confusion(BLANKS[name])
    assert rows == np.eye(len(rows), dtype=bool).tolist()


def test_no_two_mistakes_look_the_same():
    for blank in BLANKS.values():
        seen = [*blank.known, ("right", blank.expected)]
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


def test_two_mistakes_at_once_are_told_one_after_the_other():
    answer = check("sigmoid", lambda z: 1 / (1 + np.exp(z)), lambda a: a * (1 + a))
    assert answer.mistake == "the wrong sign of z"
    assert "Something else is not right either" in answer.sentences[-1] and "slope(" in answer.sentences[-1]


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
    assert answer.mistake == "X shuffled without y" and "changes an argument" in answer.sentences[-1]


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


@pytest.mark.parametrize("name, slips, seen", [
    ("backward", [("slope(inputs[layer]) * ", ""), ("inputs[layer].T @ delta", "inputs[layer].T @ delta / len(delta)")],
     "1/N twice"),
    ("momentum", [("v *= gamma", "pass"), ("alpha * v", "v")], "no learning rate"),
])
def test_two_slips_in_one_array_are_said_to_be_more_than_one(name, slips, seen):
    code = solution_cells()[name]
    for slip in slips:
        assert slip[0] in code
        code = code.replace(*slip)
    world = {"np": np}
    exec(code, world)
    answer = check(name, *(world[each] for each in NAMES[name]))
    assert answer.mistake is None and "more than one thing" in answer.verdict
    assert f"is what this gives: {seen}." in answer.sentences[-1]


def test_ctrl_c_ends_a_check():
    def interrupted(z):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("sigmoid", interrupted, interrupted)
