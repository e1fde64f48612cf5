"""The student version of the exercise notebook is what the solution version makes."""

import re
import runpy
from pathlib import Path

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


@pytest.mark.slow
@pytest.mark.skipif(not TOOLS.exists(), reason="nbgrader is in the environment that `make student` makes")
def test_a_solution_that_does_not_end_is_told(monkeypatch, tmp_path):
    broken = tmp_path / "broken.md"
    broken.write_text(texts()[0].replace("### END SOLUTION", "", 1), encoding="utf-8")
    monkeypatch.setitem(STUDENT["student_version"].__globals__, "SOLUTION", broken)
    with pytest.raises(RuntimeError, match=r"broken\.md"):
        STUDENT["student_version"](str(TOOLS))
