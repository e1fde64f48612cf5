"""An answer as text and as HTML, and how a diagnosis is chosen."""

import re

import numpy as np
import pytest

from mlplib.practice.blanks import Advice, Answer, Blank, six_digits, slug
from mlplib.practice.observation import CLUE


def blank():
    made = Blank("double", "Twice x.", ("double(x)",), lambda look, f: [look.call(f"f({x})", f, np.array(float(x)))
                                                                        for x in (0, 1, 2)],
                 (lambda x: 2 * x,), (Advice((1, "Go downhill"), "<b>", "x < y"),))
    made.mistake("squared", lambda x: x * x, follows="It grows & grows.")
    made.mistake("nothing done", lambda x: x + 0, follows="Nothing.")
    return made


def test_the_mistake_that_explains_everything_is_told():
    assert blank().answer(lambda x: x**2).mistake == "squared"  # which is right at 0 and at 2
    assert blank().answer(lambda x: x).mistake == "nothing done"


def test_of_a_mistake_only_a_part_is_not_told():
    answer = blank().answer(lambda x: x if x == 1 else 9 if x == 2 else 0)
    # At 1 it is what both give; at 2 it is neither, and `squared` changes nothing there.
    assert answer.mistake is None and answer.sentences[-1] == "That is something that is not on my list."
    assert blank().answer(lambda x: 7 * x).mistake is None


def test_two_that_explain_it_equally_well_are_not_told_unless_a_clue_decides():
    def observe(look, f):
        look.call("f(1)", f, np.array(1.0))
        look.note(f"{CLUE}it was called", f.called)

    def giving(value, called):
        def f(x):
            return value * x
        f.called = called
        return f

    made = Blank("double", "", ("double(x)",), observe, (giving(2, 0),), (Advice((1, ""), "", ""),))
    made.mistake("one", giving(1, 1), follows="")
    made.mistake("another", giving(1, 2), follows="")
    assert [made.answer(giving(1, called)).mistake for called in (1, 2, 3)] == ["one", "another", None]
    assert all(made.answer(giving(2, called)).right for called in range(4))


@pytest.mark.parametrize("f, told", [
    (lambda x: np.array([1.0, 1, 3, 5]), "first, second"), (lambda x: np.array([1.0, 1, 3, 4]), "first"),
    (lambda x: np.array([1.0, 9, 3, 5]), ""), (lambda x: np.array([1.0, np.nan, 3, 5]), ""),
])
def test_two_are_told_if_they_explain_it_together(f, told):
    def observe(look, f):
        for number, value in enumerate(f(None)):
            look.note(f"f({number})", value)

    made = Blank("four", "", ("four(x)",), observe, (lambda x: np.arange(1.0, 5),), (Advice((1, ""), "", ""),))
    made.mistake("first", lambda x: np.array([1.0, 1, 3, 4]), follows="")
    made.mistake("second", lambda x: np.array([1.0, 2, 3, 5]), follows="")
    answer = made.answer(f)
    assert ", ".join(filter(None, [answer.mistake, *re.findall("second mistake: (.*?)[.] ", repr(answer))])) == told


def test_what_is_not_finite_may_hide_another_mistake():
    def observe(look, f):
        for number, value in enumerate(f(None)):
            look.note(f"f({number})", value)

    made = Blank("two", "", ("two(x)",), observe, (lambda x: [1.0, 1.0],), (Advice((1, ""), "", ""),))
    made.mistake("too large", lambda x: [2.0, 2.0], follows="")
    made.mistake("overflow", lambda x: [1.0, np.inf], follows="")
    assert made.answer(lambda x: [2.0, np.inf]).mistake == "too large"
    assert made.answer(lambda x: [2.0, 7.0]).mistake is None


def test_an_answer_in_html_is_escaped_and_its_line_lies_behind_its_hint():
    html = blank().answer(lambda x: x * x)._repr_html_()
    assert "grows &amp; grows" in html and "<p>&lt;b&gt;</p>" in html and "<pre>x &lt; y</pre>" in html
    assert re.search(r"<details><summary[^>]*>A hint.*<details><summary[^>]*>The line.*</details></details>", html)
    assert '<a href="../1_backpropagation.ipynb#go-downhill">chapter 1, “Go downhill”</a>' in html
    assert '<p role="status">' in html


def test_code_in_an_answer_is_code_in_html_too():
    answer = Answer("double", False, None, "`x` it is.", ("`a < b` is `c`.",), None, "`v *= γ`, not ``.", "x")
    html = answer._repr_html_()
    for code in ("x", "a &lt; b", "c", "v *= γ"):
        assert f"<code>{code}</code>" in html
    assert html.count("`") == 2


def test_an_answer_in_text_has_the_verdict_first():
    assert repr(blank().answer(lambda x: 2 * x)).startswith("Right: double.")
    assert repr(blank().answer(lambda x: x * x)).splitlines() == [
        "Not right yet: squared.", "f(1) gives 1, and should give 2.", "It grows & grows.",
        "Read again: chapter 1, “Go downhill”."]


def test_an_answer_without_a_place_or_a_hint_has_neither():
    html = Answer("double", True, None, "Right.")._repr_html_()
    assert "<a" not in html and "details" not in html


@pytest.mark.parametrize("value, shown", [(-0.5, "−0.5"), (-0.0, "0"), (np.nan, "NaN"), (1e-12, "1e−12"),
                                          (np.float32(0.1), "0.1"), (3, "3")])
def test_numbers_are_shown_with_six_digits_and_a_minus(value, shown):
    assert six_digits(value) == shown


@pytest.mark.parametrize("heading, address", [
    ("Softmax: from sums to probabilities", "softmax-from-sums-to-probabilities"),
    ("The slope of the activation, from what is there already",
     "the-slope-of-the-activation-from-what-is-there-already"),
])
def test_headings_have_the_addresses_that_the_pages_give_them(heading, address):
    assert slug(heading) == address
