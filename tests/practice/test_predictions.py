"""The answer to a prediction: what is right is computed, and said in HTML and as text. And those of the notebooks."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import jupytext
import numpy as np
import predictions
import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from mlplib.practice import Prediction

FOLDER = Path(__file__).parents[2] / "notebooks"


def html(*args, **kwargs):
    return BeautifulSoup(Prediction(*args, **kwargs)._repr_html_(), "html.parser").details


def test_of_choices_the_right_one_is_said_and_where_it_stands():
    there = html("speed", {"slower": False, "as fast": np.float64(1) < 2, "faster": False}, "It takes 1.0.", "fig-a")
    assert there["id"] == "predict-speed" and there["data-right"] == "1" and "open" not in there.attrs
    assert there.p.get_text() == "As fast. It takes 1.0. It is shown below."
    assert there.select_one(".see")["data-see"] == "fig-a"


def test_of_a_number_it_is_said_from_where_to_where_it_is_right():
    there = html("share", (8.4 / 2, 8.4 * 2), "It was 8.4.", "share")
    assert (there["data-low"], there["data-high"]) == ("4.2", "17")
    assert there.strong.get_text() == "Anything from 4.2 to 17 counts as right."
    assert html("cold", (-3, 2000), "", "x").strong.get_text() == "Anything from −3 to 2,000 counts as right."
    assert html("count", (5, 5), "", "x").strong.get_text() == "5."


@pytest.mark.parametrize("right", [(1.04393, 1.24393), (58.16, 78.16), (0.0123, 0.0567), (-2.55, -1.23), (99.7, 123.4),
                                   (1234.5, 5e6), (0, 0.999)], ids=str)
def test_what_is_said_to_count_as_right_is_what_counts(right):
    there = html("share", right, "", "x")
    said = re.findall(r"−?[\d.,]*\d", there.strong.get_text())
    low, high = (float(number.replace("−", "-").replace(",", "")) for number in said)
    assert (low, high) == (float(there["data-low"]), float(there["data-high"])), "the form judges by other numbers"
    assert low <= right[0] and right[1] <= high, "what was right is not any more"
    assert low == pytest.approx(right[0], rel=0.1) and high == pytest.approx(right[1], rel=0.1)


def test_what_is_said_is_escaped():
    written = Prediction("a", {"a < b": True, "c": False}, "x & y", "z")._repr_html_()
    assert "<p><strong>A &lt; b.</strong> x &amp; y" in written


def test_a_terminal_shows_the_answer():
    assert repr(Prediction("a", {"b": False, "c": True}, "It did.", "z")) == "The answer: C. It did."


# ---- on the page

BODY = """<section id="how-it-went"><h2><span class="section-number">3.1. </span>How <em>it</em> went<a
class="headerlink" href="#how-it-went">#</a></h2><figure id="fig-a"></figure>{}</section>"""


def test_a_label_becomes_a_link_to_the_figure_or_to_the_section():
    for label, link in (("fig-a", '<a class="see" href="#fig-a">See Figure 3.2.</a>'),
                        ("how-it-went", '<a class="see" href="#how-it-went">See “How <em>it</em> went”.</a>')):
        answer = Prediction("a", (1, 2), "", label)._repr_html_()
        assert link in predictions.with_links(BODY.format(answer), {"fig-a": (3, 2)})
    with pytest.raises(ExtensionError, match="to lead to fig-b"):
        predictions.with_links(BODY.format(Prediction("a", (1, 2), "", "fig-b")._repr_html_()), {"fig-a": (3, 2)})


# ---- in the notebooks

TEXTS = {path.stem: jupytext.read(path) for path in sorted(FOLDER.glob("*.md"))}
PREDICTIONS = [(name, before, cell) for name, notebook in TEXTS.items()
               for before, cell in pairwise(notebook.cells) if "Prediction(" in cell.source]
each_prediction = pytest.mark.parametrize(
    "name, before, cell", PREDICTIONS, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(PREDICTIONS)])


def call(cell):
    """The last line of a cell, where the prediction is made."""
    made = ast.parse(cell.source).body[-1].value
    assert made.func.id == "Prediction"
    return made


def choices(before):
    """Of the list that ends a question, each entry."""
    last = before.source.split("\n\n")[-1]
    return [" ".join(entry.split()) for entry in f"\n{last}".split("\n- ")[1:]]


def test_every_chapter_asks():
    asking = {name for name, *_ in PREDICTIONS}
    assert asking == set(TEXTS) and len(PREDICTIONS) > 40


@each_prediction
def test_a_question_stands_right_above_its_answer(name, before, cell):
    assert {"prediction", "remove-input"} <= set(cell.metadata.get("tags", []))
    asked = before.source.split("\n\n")[-2 if choices(before) else -1]
    assert before.cell_type == "markdown" and re.match(r"\*\*Predict\.?\*\*", asked)
    assert choices(before) or "Give a number" in " ".join(asked.split())


@each_prediction
def test_the_choices_of_the_question_are_those_of_the_answer(name, before, cell):
    right = call(cell).args[1]
    assert isinstance(right, ast.Tuple) == (not choices(before))
    if isinstance(right, ast.Dict):
        assert [key.value for key in right.keys if isinstance(key, ast.Constant)] in ([], choices(before))


@pytest.mark.parametrize("name", TEXTS)
def test_the_choice_that_is_stored_as_right_stands_at_its_place(name):
    cells = jupytext.read(FOLDER / f"{name}.ipynb").cells
    for before, cell in pairwise(cells):
        if "Prediction(" in cell.source:
            answer = BeautifulSoup(cell.outputs[0].data["text/html"], "html.parser").details
            said = answer.strong.get_text().removesuffix(".")
            there = [choice[0].upper() + choice[1:] for choice in choices(before)]
            assert said == there[int(answer["data-right"])] if there else "data-low" in answer.attrs


def typed(right):
    """What of a prediction's `right` is computed from nothing."""
    values = getattr(right, "values", None) or getattr(right, "elts", None) or [right.value]
    return [ast.unparse(value) for value in values if not any(isinstance(node, ast.Name) for node in ast.walk(value))]


@each_prediction
def test_what_is_right_is_computed(name, before, cell):
    assert typed(call(cell).args[1]) == []


def test_what_is_typed_is_found():
    for code, found in (("{'a': True, 'b': x > 1}", ["True"]), ("(1, 2 * x)", ["1"]), ("{'a': 3 > 2}", ["3 > 2"]),
                        ("{k: x == k for k in 'ab'}", [])):
        assert typed(ast.parse(code, mode="eval").body) == found


@each_prediction
def test_an_answer_says_two_numbers_at_most(name, before, cell):
    """Those that are computed; and in the sentence none that is typed decides."""
    said = [node for node in ast.walk(call(cell).args[2]) if isinstance(node, ast.FormattedValue)]
    assert len(said) <= 2


def test_no_two_predictions_of_a_page_have_one_name():
    names = [(name, call(cell).args[0].value) for name, _, cell in PREDICTIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", TEXTS)
def test_a_page_hears_every_prediction_that_it_asks_for(name):
    """But in the middle of a line, where a widget or an exercise is to be tried."""
    asked = [line for cell in TEXTS[name].cells if cell.cell_type == "markdown"
             for line in cell.source.splitlines() if re.match(r"\**Predict\b", line)]
    assert len(asked) == sum(page == name for page, *_ in PREDICTIONS)
