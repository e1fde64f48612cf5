"""The exercises: enough in each chapter, each with kind, time and a solution that ran; and the page with them all."""

import json
import re
import runpy
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from helpers import FOLDER, NOTEBOOKS
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
EXTENSION = runpy.run_path(str(ROOT / "book" / "_ext" / "exercises.py"))

CHAPTERS = ["1_backpropagation", "2_network", "3_tricks", "4_topology", "5_evidence", "how_fast"]
SAID = re.compile(r"(paper|code|experiment) · (5|10|15|20|30|45) minutes")
# A block of the Markdown: what it is, what stands behind its name, its label or what it solves, and its text.
BLOCK = re.compile(r"^:::+\{(exercise|solution)\} *(.*)\n((?::.*\n)*)([\s\S]*?)^:::+$", re.MULTILINE)
MEANING = re.compile(r"^\*\*What it says[.,]", re.MULTILINE)


@cache
def blocks(name):
    """The exercises of a notebook by their labels, each with how it is called, its solution's text and code cells."""
    found, label = {}, None
    for cell in json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and label and "solution" in found[label]:
            found[label]["cells"].append(cell)
        for kind, argument, options, text in BLOCK.findall(source) if cell["cell_type"] == "markdown" else []:
            if kind == "exercise":
                label = re.search(r"^:label: (.+)$", options, re.MULTILINE)[1]
                found[label] = {"said": argument, "text": text.strip(), "cells": []}
            else:
                assert argument == label, f"{argument}: its solution has to follow it"
                assert ":class: dropdown" in options
                found[label]["solution"] = text.strip()
    return found


ALL = [(name, label) for name in NOTEBOOKS for label in blocks(name)]
each_exercise = pytest.mark.parametrize("name, label", ALL)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_five_exercises_and_more_than_one_kind(name):
    kinds = [exercise["said"].split(" ")[0] for exercise in blocks(name).values()]
    assert 5 <= len(kinds) <= 8 and set(kinds) == {"paper", "code", "experiment"}


@each_exercise
def test_an_exercise_says_its_kind_its_time_and_its_title(name, label):
    exercise = blocks(name)[label]
    assert SAID.fullmatch(exercise["said"])
    assert re.match(r"\*\*[^*]+[.?!]\*\* ", exercise["text"])


def results(cell):
    """What a cell shows as text."""
    for output in cell["outputs"]:
        data = output.get("data", {})
        for shown in [output.get("text"), *(data.get(kind) for kind in ("text/markdown", "text/html", "text/plain"))]:
            if shown:
                yield "".join(shown)


@each_exercise
def test_a_solution_runs_shows_its_result_and_says_what_it_means(name, label):
    exercise = blocks(name)[label]
    cells = exercise["cells"]
    assert [cell["metadata"]["tags"][0] for cell in cells] == ["hide-cell"]
    shown = [text for cell in cells for text in results(cell)]
    assert any(re.search(r"\d|True", text) for text in shown)
    assert len(MEANING.findall("\n".join([exercise["solution"], *shown]))) == 1


@each_exercise
def test_a_solution_that_would_train_for_long_says_how_to_and_does_not(name, label):
    code = "\n".join("".join(cell["source"]) for cell in blocks(name)[label]["cells"])
    flag = bool(re.search(r"^LIVE = False  # True trains ", code, re.MULTILINE))
    assert ("sweep(" in code, "LIVE" in code) == (flag, flag)


# ---- the answers that other pages have


@pytest.mark.parametrize("name, label, target", [
    ("3_tricks", "ex-matched-step", "evidence-momentum"), ("3_tricks", "ex-logistic-is-tanh", "evidence-factors"),
    ("3_tricks", "ex-order", "evidence-tricks"), ("4_topology", "ex-depth-learning-rate", "evidence-depth"),
    ("4_topology", "ex-exact-match", "evidence-depth"), ("4_topology", "ex-depth-derivative", "evidence-depths"),
])
def test_a_solution_cites_the_page_that_has_measured_it(name, label, target):
    assert re.search(rf"\{{ref\}}`[^`]+ <{target}>`", blocks(name)[label]["solution"])
    assert any(f"({target})=\n" in path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md"))


# ---- on the pages


@cache
def page(name):
    """A built page; of a long one its title and its exercises, which is quicker."""
    path = BUILT / f"{name}.html"
    if not path.exists():
        pytest.fail(f"the book is not built: expected {path}; run `make book`", pytrace=False)
    before, found, after = path.read_text(encoding="utf-8").partition('<section id="exercises">')
    whole = re.search(r"<h1>.*?</h1>", before, re.DOTALL)[0] + found + after if found else before
    return BeautifulSoup(whole, "html.parser")


@each_exercise
def test_kind_and_time_are_seen_on_the_page(name, label):
    said = blocks(name)[label]["said"]
    title = page(f"notebooks/{name}").find(id=label).select_one(".admonition-title")
    assert re.fullmatch(rf"Exercise [\d.]+ +\({re.escape(said)}\)", title.get_text().strip())


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if blocks(name)])
def test_kind_and_time_are_in_the_notebook_that_the_page_gives(name):
    path = BUILT / "_sources" / "notebooks" / f"{name}.ipynb"
    if not path.exists():
        pytest.fail(f"the book is not built: expected {path}; run `make book`", pytrace=False)
    text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
    assert re.findall(r"^\*\*Exercise \((.+)\)\*\*$", text, re.MULTILINE) == [
        exercise["said"] for exercise in blocks(name).values()]


def test_the_list_has_exactly_the_exercises_of_the_pages_with_links_that_lead_to_them():
    tree = page("book/exercises")
    listed = {}
    for row in tree.select("main tbody tr"):
        first, kind, time = row.find_all("td")
        target = first.find("a")
        number, title = first.get_text().strip().split(": ", 1)
        name, _, label = target["href"].removeprefix("../").partition(".html#")
        heading = row.find_previous("h2").get_text().strip("#\n")
        there = page(name if "/" in name else f"book/{name}")
        exercise = there.find(id=label)
        assert number == target.get_text() == exercise.select_one(".caption-number").get_text().strip()
        assert heading == there.find("h1").get_text().strip("#\n")
        assert title == " ".join(exercise.find("strong").get_text().split()).rstrip(".")
        listed[label] = f"{kind.get_text()} · {time.get_text()}"
    text = (ROOT / "book" / "draw.md").read_text(encoding="utf-8")
    drawn = {label: said for said, label in re.findall(r"^:::+\{exercise\} (.+)\n:label: (.+)$", text, re.MULTILINE)}
    assert listed == {label: blocks(name)[label]["said"] for name, label in ALL} | drawn
    assert len(drawn) == len(MEANING.findall(text)) == 2 and list(listed)[:2] == ["ex-paper", "ex-mse"]
    assert tree.select('main a[href$="notebooks/exercises/implement.html"]')


def test_the_list_is_led_to_from_the_first_exercises_and_from_those_of_the_evidence():
    for name in ("1_backpropagation", "5_evidence"):
        assert page(f"notebooks/{name}").select('#exercises a[href="../book/exercises.html"]')


# ---- how the list is made

WRITTEN = "# A page\n\n:::{exercise} paper · 20 minutes\n:label: ex-a\n\n**Why\nnot?** Because.\n:::\n"


def test_the_list_is_made_of_what_stands_there():
    more = WRITTEN + "\n::::{exercise} code · 5 minutes\n:class: wide\n:label: ex-b\n\n**In short.** Yes.\n::::\n"
    assert EXTENSION["listed"]({"a": more, "b": "# Nothing\n"}) == """## A page

| exercise | kind | time |
| --- | --- | --- |
| {ref}`ex-a`: Why not? | paper | 20 minutes |
| {ref}`ex-b`: In short | code | 5 minutes |"""


@pytest.mark.parametrize("was, instead", [
    (" paper · 20 minutes", ""), ("paper", "homework"), ("20 minutes", "an hour"), ("**Why\nnot?** ", ""),
    (":label: ex-a\n", "")])
def test_an_exercise_without_kind_time_label_or_title_stops_the_build(was, instead):
    with pytest.raises(ExtensionError, match=r"^a: expected an exercise that says its kind"):
        EXTENSION["listed"]({"a": WRITTEN.replace(was, instead)})
