"""The student version of the exercise notebook is what the solution version makes."""

import re
import runpy
import subprocess
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDENT = runpy.run_path(str(ROOT / "book" / "student.py"))
TOOLS = ROOT / "_build" / "tools" / "bin" / "python"
REGION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.MULTILINE | re.DOTALL)


def texts():
    return [STUDENT[side].read_text(encoding="utf-8") for side in ("SOLUTION", "STUDENT")]


def test_it_is_the_solution_version_with_the_blanks_empty():
    """By nbgrader's rule, so that it is seen without nbgrader; `make student` brings it up to date."""
    solution, student = texts()
    emptied, regions = REGION.subn(r"\1raise NotImplementedError", solution)
    assert student == emptied
    assert regions == student.count("raise NotImplementedError\n") == 10
    assert "SOLUTION" not in student


@pytest.mark.slow
@pytest.mark.skipif(not TOOLS.exists(), reason="nbgrader is in the environment that `make student` makes")
def test_nbgrader_says_so_too():
    assert STUDENT["student_version"](str(TOOLS)) == texts()[1]


def changed(old, new, count=1):
    assert old in texts()[0]
    return texts()[0].replace(old, new, count)


@pytest.mark.parametrize("text, says", [
    (changed("    ### END SOLUTION\n", ""), r"line \d+, sigmoid: ### BEGIN SOLUTION has no ### END"),
    (changed("    ### BEGIN SOLUTION\n", ""), r"line \d+, sigmoid: ### END SOLUTION has no ### BEGIN"),
    (texts()[0][: texts()[0].rindex("    ### END SOLUTION")] + "```\n", r"line \d+, train: ### BEGIN SOLUTION has no"),
    (changed("def train(", "def fit("), r"no solution of train: .* Leave the section, and give it 0 points"),
    (REGION.sub("    pass", texts()[0], 3), "no solution of sigmoid, slope, softmax: "),
])
def test_a_fault_of_the_solution_version_is_told_with_its_place(text, says, monkeypatch, tmp_path):
    solution = tmp_path / "solution.md"
    solution.write_text(text, encoding="utf-8")
    monkeypatch.setitem(STUDENT["student_version"].__globals__, "SOLUTION", solution)
    with pytest.raises(RuntimeError, match=says):
        STUDENT["student_version"]("no python")


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A student version whose notebook somebody has worked in; execution is a copy of the text."""
    names = STUDENT["make"].__globals__
    text = tmp_path / "implement.md"
    text.write_text(texts()[1], encoding="utf-8")
    jupytext.write(jupytext.read(text), text.with_suffix(".ipynb"))

    def run(command, check):
        assert command[-1] == text and check
        jupytext.write(jupytext.read(text), text.with_suffix(".ipynb"))

    for name, value in {"STUDENT": text, "KEPT": tmp_path / "kept"}.items():
        monkeypatch.setitem(names, name, value)
    monkeypatch.setattr(subprocess, "run", run)
    return text


def test_what_is_as_it_was_made_is_not_kept(pair):
    assert STUDENT["make"](texts()[1]) == "" and not (pair.parent / "kept").exists()


@pytest.mark.parametrize("side", [".md", ".ipynb"])
def test_work_in_either_side_of_the_pair_is_kept(pair, side):
    worked = pair.with_suffix(side)
    worked.write_text(worked.read_text(encoding="utf-8").replace("raise NotImplementedError", "return 42", 1),
                      encoding="utf-8")
    said = STUDENT["make"](texts()[1])
    kept, = (pair.parent / "kept").iterdir()
    assert kept.name in said and "return 42" in (kept / worked.name).read_text(encoding="utf-8")
    assert {path.name for path in kept.iterdir()} == {"implement.md", "implement.ipynb"}
    assert "return 42" not in worked.read_text(encoding="utf-8")


@pytest.mark.parametrize("error", [subprocess.CalledProcessError(1, "run"), KeyboardInterrupt()])
def test_a_version_that_does_not_run_changes_nothing(pair, monkeypatch, error):
    def run(command, check):
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    before = [path.read_bytes() for path in (pair, pair.with_suffix(".ipynb"))]
    with pytest.raises(type(error)):
        STUDENT["make"](texts()[1].replace("Take two", "Take three"))
    assert before == [path.read_bytes() for path in (pair, pair.with_suffix(".ipynb"))]
