"""A folder of hand-ins, among them some that do harm: each costs its own points only. All in real processes."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import pytest
from solutions import SOLUTION

from mlplib.practice import BLANKS, __main__
from mlplib.practice.grading import POINTS, grade_all, plain_cell

STUDENT = SOLUTION.parents[1] / "exercises" / "implement.ipynb"
LIMITS = {"seconds": 8, "memory": 2**30}
SLEEP = "import time\ntime.sleep(10**6)"
PATCH = """
import mlplib.practice, mlplib.practice.blanks, mlplib.practice.observation
mlplib.practice.check = print
mlplib.practice.blanks.Blank.judge = mlplib.practice.blanks.Blank.answer = None
mlplib.practice.observation.Observation.call = None
"""
# By hand-in: what is added to the cell of `forward`, or takes the place of words in it; what the blank gets; what is
# told, in the table or in its own file.
HARM = {
    "hangs": (SLEEP, {}, 0, "Cell 6 did not end within 8 s; it was left out."),
    "hangs when asked": ("", {"    inputs = [X]": f"    {SLEEP.replace(chr(10), '; ')}"}, 0, "did not end within 8 s"),
    "ends its process": ("import os\nos._exit(3)", {}, 0, "Cell 6 ended its process (code 3)"),
    "ends it when asked": ("import os", {"    inputs = [X]": "    os._exit(0)"}, 0, "forward: The function ended its"),
    "reads where nothing is": ("import ctypes\nctypes.string_at(0)", {}, 0, "(signal SIGSEGV)"),
    "takes all memory": ("taken = bytearray(10**11)", {}, 12, "Cell 6 raises MemoryError"),
    "prints a gigabyte": ("for _ in range(1000):\n    print('x' * 10**6)", {}, 12, ""),
    "prints when asked": ("", {"    inputs = [X]": "    inputs = [print('x' * 10**6) for _ in range(1000)] and [X]"},
                          12, ""),
    "removes its neighbour": ("import os\nos.remove({neighbour!r})", {}, 12, "PermissionError: a hand-in that is"),
    "writes over its neighbour": ("open({neighbour!r}, 'w')", {}, 12, "(open: ada.ipynb)"),
    "starts programs": ("import os\nos.system('kill -9 ' + str(os.getppid()))", {}, 12, "(os.system)"),
    "rewrites the checks": (PATCH, {"@ W": "@ W.T"}, 6, "forward: a transposed product: X Wᵀ"),
    "borrows": ("from mlplib.losses import softmax as forward", {}, 0, "forward is the library's own"),
    "has no such cell": ("", {"def forward": "def backward"}, 0, "There is no function forward."),
    "is no Python": ("what = = this", {}, 0, "Cell 6 raises SyntaxError"),
    "raises": ("1 / 0", {}, 12, "Cell 6 raises ZeroDivisionError: division by zero."),
}


def hand_in(path, extra="", changes=()):
    notebook = jupytext.read(SOLUTION)
    cell, = (cell for cell in notebook.cells if "def forward(" in cell.source)
    for old, new in dict(changes).items():
        assert old in cell.source
        cell.source = cell.source.replace(old, new)
    cell.source += "\n" + extra.replace("{neighbour!r}", repr(str(path.with_name("ada.ipynb"))))
    path.parent.mkdir(exist_ok=True, parents=True)
    jupytext.write(notebook, path)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All hand-ins graded once: their folder, that of the results, the grades by name."""
    folder = tmp_path_factory.mktemp("graded") / "hand-ins"
    hand_in(folder / "ada.ipynb")
    (folder / "empty").mkdir()
    (folder / "empty" / "implement.ipynb").write_bytes(STUDENT.read_bytes())
    (folder / "=essay.pdf").write_bytes(b"%PDF-1.7")
    (folder / ".hidden").write_bytes(b"")
    for name, (extra, changes, _, _) in HARM.items():
        hand_in(folder / f"{name}.ipynb", extra, changes)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    n_new, *grades = grade_all(folder, folder.with_name("results"), **LIMITS)
    assert n_new == len(grades) == len(HARM) + 3
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return folder, folder.with_name("results"), {grade.name: grade for grade in grades}


def test_the_points_are_a_hundred_and_halves_are_whole():
    assert list(POINTS) == list(BLANKS) and sum(POINTS.values()) == 100
    assert all(points % 2 == 0 for points in POINTS.values())


def test_the_page_for_teachers_tells_the_points_as_they_are():
    page = " ".join((SOLUTION.parents[2] / "book" / "teach.md").read_text(encoding="utf-8").split())
    assert f"a hundred points: {', '.join(f'{name} {most}' for name, most in POINTS.items())}." in page
    assert f"{sum(len(blank.mistakes) for blank in BLANKS.values())} mistakes by their names" in page


@pytest.mark.slow
def test_the_solution_version_gets_all_points(graded):
    grade = graded[2]["ada.ipynb"]
    assert grade.points == POINTS and not grade.mistakes and not grade.remarks
    assert grade.feedback.startswith("ada.ipynb: 100 of 100 points") and grade.feedback.count("Right: ") == 8


@pytest.mark.slow
def test_the_student_version_gets_none_and_is_told_what_to_write(graded):
    grade = graded[2]["empty/implement.ipynb"]
    assert set(grade.points.values()) == {0} and not grade.mistakes and not grade.remarks
    assert all(f"Nothing here yet: {name}." in grade.feedback for name in BLANKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", HARM)
def test_a_hand_in_costs_its_own_points_only_and_says_why(graded, name):
    _, _, points, told = HARM[name]
    grade = graded[2][f"{name}.ipynb"]
    assert grade.points == POINTS | {"forward": points}, grade
    assert told in " ".join([*grade.mistakes, *grade.remarks])


@pytest.mark.slow
def test_the_table_and_the_files_say_the_same(graded):
    _, results, grades = graded
    with (results / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        first, *lines = csv.reader(file)
    assert first[:3] == ["name", "points (100)", "sigmoid (8)"] and first[-3:] == ["mistakes", "remarks", "digest"]
    names = [line[0] for line in lines]
    assert names == sorted(map(plain_cell, grades)) and "'=essay.pdf" in names
    for line in lines:
        grade = grades[line[0].removeprefix("'")]
        assert float(line[1]) == sum(grade.points.values()) == sum(map(float, line[2:10]))
        assert line[10] == "; ".join(grade.mistakes) and line[11] == " ".join(grade.remarks)
        assert (results / "feedback" / f"{grade.name}.txt").read_text(encoding="utf-8") == grade.feedback
    assert "This is not a notebook" in grades["=essay.pdf"].feedback


@pytest.mark.slow
def test_a_second_call_grades_what_is_new_or_has_changed(graded):
    folder, results, grades = graded
    table = (results / "grades.csv").read_text(encoding="utf-8-sig")
    assert list(grade_all(folder, results, **LIMITS)) == [0]
    (folder / "empty" / "implement.ipynb").write_bytes(b"changed")
    (folder / "new.txt").write_bytes(b"")
    n_new, *again = grade_all(folder, results, **LIMITS)
    assert n_new == 2 and [grade.name for grade in again] == ["empty/implement.ipynb", "new.txt"]
    assert "This file is empty" in again[1].remarks[0]
    after = (results / "grades.csv").read_text(encoding="utf-8-sig")
    assert len(after.splitlines()) == len(grades) + 2
    gone, = set(table.splitlines()) - set(after.splitlines())
    assert gone.startswith("empty/implement.ipynb")


def test_a_table_of_other_points_is_not_written_over(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x")
    assert len(list(grade_all(tmp_path / "in", tmp_path / "out"))) == 2
    with pytest.raises(ValueError, match="it has other columns"):
        list(grade_all(tmp_path / "in", tmp_path / "out", POINTS | {"delta": 9}))
    (tmp_path / "out" / "grades.csv").write_text("my;own", encoding="utf-8")
    with pytest.raises(ValueError, match="it has other columns"):
        list(grade_all(tmp_path / "in", tmp_path / "out"))


# ---- the command


@pytest.mark.parametrize("arguments, says", [
    (["grade", "nowhere"], "nowhere: expected a folder of hand-ins"), (["grade", "empty"], "it is empty"),
    (["grade", "full", "--to", "full/results"], "expected a folder that is not among the hand-ins"),
])
def test_a_command_that_cannot_be_done_says_why(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_bytes(b"x")
    assert says in __main__.main(arguments)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "empty", "full"]


@pytest.mark.parametrize("arguments, says", [
    (["--points", "tanh=3"], "expected BLANK=POINTS with one of sigmoid"), (["--points", "delta=-1"], "BLANK=POINTS"),
    (["--seconds", "0"], "a whole number above 0"), (["--memory", "much"], "a whole number above 0"),
])
def test_options_that_make_no_sense_are_refused(arguments, says, capsys):
    with pytest.raises(SystemExit):
        __main__.main(["grade", ".", *arguments])
    assert says in capsys.readouterr().err


def test_the_help_says_what_each_blank_is_worth(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["grade", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} {points}" in said for name, points in POINTS.items()) and "50%" in said


def test_other_points_are_those_of_the_table(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x")
    assert __main__.main(["grade", str(tmp_path / "in"), "--points", "gradient check=0", "delta=4.5"]) == 0
    assert "1 graded now" in capsys.readouterr().out
    first = (tmp_path / "in_graded" / "grades.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert "points (84.5)" in first and "gradient check (0)" in first


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process")
def test_after_ctrl_c_nothing_graded_is_lost_and_the_next_call_goes_on(tmp_path):
    folder, table = tmp_path / "in", tmp_path / "in_graded" / "grades.csv"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"x")
    hand_in(folder / "b.ipynb", SLEEP)
    command = [sys.executable, "-m", "mlplib.practice", "grade", str(folder), "--seconds"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored, in a parent's background
    child = subprocess.Popen([*command, "600"], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    try:
        while not table.exists():
            assert child.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 130 and "Stopped after 1 of 2." in said
    assert "a.txt" in table.read_text(encoding="utf-8-sig")
    (folder / "b.ipynb").write_bytes(b"y")
    done = subprocess.run([*command, "600"], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 graded now" in done.stdout
    assert len(table.read_text(encoding="utf-8-sig").splitlines()) == 3
