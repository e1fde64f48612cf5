"""What `make execute` does to a pair of files: it erases no edit, neither side's."""

import base64
import io
import os
import runpy
from pathlib import Path

import jupytext
import nbformat
import pytest
from helpers import written_pair
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = runpy.run_path(str(ROOT / "book" / "execute.py"))


@pytest.fixture
def pair(tmp_path):
    """A text and its notebook, which is newer by a little, as after a checkout."""
    text = written_pair(PROGRAM, tmp_path)
    make_newer(text.with_suffix(".ipynb"), text)
    return text


def make_newer(file, than):
    time = than.stat().st_mtime_ns + 1
    os.utime(file, ns=(time, time))


def edit(stored_file):
    notebook = nbformat.read(stored_file, as_version=4)
    notebook.cells[-1].source = "2 + 2"
    nbformat.write(notebook, stored_file)


def test_a_newer_notebook_that_says_the_same_is_run_again(pair):
    assert PROGRAM["unsaved"](pair) is None


def test_a_newer_notebook_that_says_something_else_is_refused_before_anything_runs(pair, capsys):
    stored_file = pair.with_suffix(".ipynb")
    edit(stored_file)
    make_newer(stored_file, pair)
    before = PROGRAM["contents"](pair)
    said = PROGRAM["main"]([str(pair)])
    assert "pair.ipynb is newer than pair.md" in said
    assert "+2 + 2" in said and "-1 + 1" in said
    assert "jupytext --sync" in said and "save pair.md again" in said
    assert PROGRAM["contents"](pair) == before
    assert capsys.readouterr().out == ""


def test_a_newer_text_is_what_people_edited(pair):
    edit(pair.with_suffix(".ipynb"))
    make_newer(pair, pair.with_suffix(".ipynb"))
    assert PROGRAM["unsaved"](pair) is None


@pytest.mark.parametrize("side", [".md", ".ipynb"])
def test_what_is_edited_while_it_runs_stays(pair, monkeypatch, side):
    file = pair.with_suffix(side)

    class Client:
        def __init__(self, notebook, **options):
            pass

        def execute(self):
            if side == ".md":
                file.write_text(file.read_text(encoding="utf-8").replace("1 + 1", "2 + 2"), encoding="utf-8")
            else:
                edit(file)

    monkeypatch.setitem(PROGRAM["execute"].__globals__, "NotebookClient", Client)
    assert "was changed while it ran" in PROGRAM["main"]([str(pair)])
    assert jupytext.read(file).cells[-1].source == "2 + 2"


def test_a_name_that_is_no_notebook_is_said(tmp_path):
    assert "no such notebook: nowhere.md" in PROGRAM["main"]([str(tmp_path / "nowhere")])


def test_pictures_are_stored_on_one_line_to_a_hundredth_of_a_point():
    drawn = io.BytesIO()
    Image.linear_gradient("L").convert("RGBA").save(drawn, format="png")
    svg = '<svg>\n <path d="M 1.23456 7\nL 2.10000 -0.005"/>\n <use x="3.1415"/> <g transform="scale(0.015625)"/></svg>'
    data = {"image/svg+xml": svg, "image/png": base64.b64encode(drawn.getvalue()).decode()}
    PROGRAM["slim"](data)
    assert data["image/svg+xml"] == (
        '<svg> <path d="M 1.23 7 L 2.1 -0.01"/> <use x="3.14"/> <g transform="scale(0.015625)"/></svg>')
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size == (256, 256) and len(picture.convert("RGBA").getcolors(999)) <= 64
    assert PROGRAM["slim"]({"text/plain": "1.23456"}) is None
