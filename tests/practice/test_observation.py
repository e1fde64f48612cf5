"""What is written down of a function, and when two entries say the same."""

import warnings

import numpy as np
import pytest

from mlplib.practice.observation import TOLERANCE, Observation, Raised, Strange, same


def observed(function, *arguments, **options):
    look = Observation()
    look.call("f(x)", function, *arguments, **options)
    return look


def test_lists_are_written_down_entry_by_entry():
    seen = observed(lambda x: ([x, 2 * x], 3), np.ones(2), case=", twice").seen
    assert {"len(f(x)), twice", "len(f(x)[0]), twice", "f(x)[0][1], twice", "f(x)[1], twice"} <= set(seen)
    assert seen["f(x)[0][1], twice"].tolist() == [2, 2]


def test_what_is_written_down_is_a_copy():
    kept = np.zeros(2)
    look = observed(lambda x: kept, np.ones(1))
    kept += 1
    assert look.seen["f(x)"].tolist() == [0, 0]


def test_arguments_are_copies_unless_they_are_to_be_changed():
    def change(x):
        x += 1
        return x

    x = np.zeros(2)
    assert observed(change, x).seen["f(x) changes an argument"]
    assert x.tolist() == [0, 0]
    look = observed(change, x, copied=False, returns=False)
    assert x.tolist() == [1, 1] and list(look.seen) == ["a warning from NumPy at f(x)"]


@pytest.mark.parametrize("change", [lambda x: x.append(1), lambda x: x[0].fill(7), lambda x: x.clear()])
def test_a_change_within_a_list_is_seen(change):
    assert observed(change, [np.zeros(2)]).seen["f(x) changes an argument"]


@pytest.mark.parametrize("function, warned", [
    (np.log, True), (lambda x: np.exp(x - 1e4), False), (lambda x: x, False),
    (lambda x: warnings.warn("old", DeprecationWarning, stacklevel=1) or x, False),
])
def test_warnings_of_numbers_are_seen_and_no_others(function, warned):
    assert observed(function, np.zeros(1)).seen["a warning from NumPy at f(x)"] == warned


@pytest.mark.parametrize("state", ["raise", "ignore"])
def test_warnings_are_seen_whatever_the_error_state_is(state):
    with np.errstate(all=state):
        seen = observed(np.log, np.zeros(1)).seen
    assert seen["f(x)"] == -np.inf and seen["a warning from NumPy at f(x)"]


@pytest.mark.parametrize("product", [np.dot, np.matmul, lambda a, b: a @ b])
def test_products_that_do_not_fit_are_told_in_the_same_words(product):
    look = Observation()
    look.call("f(x)", lambda x: product(x, np.ones((3, 4))), np.ones((2, 5)))
    assert look.seen["f(x)"] == Raised("ValueError", "a product of two matrices that do not fit, for 3 is not 5")


@pytest.mark.parametrize("function, raised", [
    (lambda: np.ones(3) + np.ones(2), ("ValueError", "arrays whose shapes do not fit, (2,) and (3,)")),
    (lambda: np.ones(3).__iadd__(np.ones(2)), ("ValueError", "arrays whose shapes do not fit, (2,) and (3,)")),
    (lambda: np.ones(3).__setitem__(slice(None), np.ones(2)),
     ("ValueError", "arrays whose shapes do not fit, (2,) and (3,)")),
    (lambda: np.ones((2, 3)).__iadd__(np.ones((1, 2, 3))),
     ("ValueError", "arrays whose shapes do not fit, (1,2,3) and (2,3)")),
    (lambda: np.ones(3, int).__imul__(0.5), ("UFuncTypeError", "an array of whole numbers cannot hold the result")),
    (lambda: eval("(lambda: (x, x := 1))()"),
     ("UnboundLocalError", "a variable is asked for that was never given a value")),
])
def test_a_mistake_is_told_in_the_same_words_however_it_is_written(function, raised):
    look = Observation()
    look.call("f()", function)
    assert look.seen["f()"] == Raised(*raised)


@pytest.mark.parametrize("value, what", [(None, "nothing (is a return missing?)"),
                                         ("x", "no array of numbers, but str"),
                                         (1j, "no array of numbers, but complex")])
def test_what_is_no_array_is_told_by_its_kind(value, what):
    assert observed(lambda: value).seen["f(x)"] == Strange(what)


@pytest.mark.parametrize("theirs, ours, expected", [
    ([1.0], [1.0 + TOLERANCE / 2], True), ([1.0], [1.0 + 3 * TOLERANCE], False), ([np.nan], [np.nan], True),
    ([np.nan], [1.0], False), ([np.inf], [np.inf], True), ([-np.inf], [np.inf], False), ([[1.0]], [1.0], False),
    ([1, 0], [1.0, 0.0], True), ([1e-9, 1.0], [0.0, 1.0], True), ([1e-3, 1.0], [0.0, 1.0], False), ([], [], True),
    (np.float16([0.333]), [1 / 3], True), (np.float16([0.35]), [1 / 3], False), (np.float32([0.1]), [0.1], True),
])
def test_what_is_the_same(theirs, ours, expected):
    assert same(np.asarray(theirs), np.asarray(ours)) is expected
