"""A class: the table, the summary and the files for students, and the command that makes them."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlplib.practice import __main__, gradebook
from mlplib.practice.gradebook import grade_all, hand_ins, plain_cell, student_of
from mlplib.practice.grading import POINTS, Grade

EMPTY = b'{"cells": []}'


@pytest.fixture
def quick(monkeypatch):
    """Grades that take no process: a hand-in's content is the name of a mistake, or "right"."""
    graded = []

    async def grade(name, content, points, by_hand, **limits):
        graded.append(name)
        right = content == b"right"
        earned = points | ({} if right else {"delta": points["delta"] / 2})
        earned |= {blank: value for blank, (value, _) in by_hand.items()}
        mistakes = [] if right else [f"delta: {content.decode()}"]
        return Grade(name, earned, mistakes, ["=1"] if right else [], f"{name}: told\n")

    monkeypatch.setattr(gradebook, "grade", grade)
    return graded


def put(folder, **contents):
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.ipynb").write_bytes(content)


def table_of(results):
    with (results / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_the_summary_and_the_files_say_the_same(tmp_path, quick):
    folder, results = tmp_path / "in", tmp_path / "out"
    put(folder, a=b"right", b=b"sign", c=b"sign", d=b"other")
    put(folder / "=e", f=b"right")
    (folder / "notes.pdf").write_bytes(b"")
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "a.ipynb").write_bytes(b"")
    said = grade_all(folder, results)
    assert said[0] == "Hand-ins: 5. points (100): 96 to 100, in the middle 96"
    assert re.fullmatch("delta +2 right; 2 × sign, 1 × other", said[4]) and re.fullmatch("sigmoid +5 right", said[1])
    assert said[9:] == ["No notebook, not graded: notes.pdf"]
    assert (results / "class.txt").read_text(encoding="utf-8").splitlines() == said
    lines = table_of(results)
    assert [line["file"] for line in lines] == ["'=e/f.ipynb", *(f"{name}.ipynb" for name in "abcd")]
    assert [line["points (100)"] for line in lines] == ["100", "100", "96", "96", "96"]
    assert [line["remarks"] for line in lines] == ["'=1", "'=1", "", "", ""]
    assert [line["mistakes"] for line in lines] == ["", "", "delta: sign", "delta: sign", "delta: other"]
    assert (results / "feedback" / "=e" / "f.txt").read_text(encoding="utf-8") == "=e/f.ipynb: told\n"
    assert len(list((results / "feedback").rglob("*.txt"))) == 5


def test_a_second_call_grades_what_is_new_or_has_changed_and_drops_what_is_gone(tmp_path, quick):
    folder, results = tmp_path / "in", tmp_path / "out"
    put(folder, a=b"right", b=b"sign", c=b"sign")
    grade_all(folder, results)
    before = table_of(results)
    quick.clear()
    grade_all(folder, results)
    assert quick == [] and table_of(results) == before
    put(folder, a=b"sign", d=b"right")
    (folder / "b.ipynb").rename(folder / "b2.ipynb")
    said = grade_all(folder, results)
    assert quick == ["a.ipynb", "b2.ipynb", "d.ipynb"]
    assert [line["file"] for line in table_of(results)] == ["a.ipynb", "b2.ipynb", "c.ipynb", "d.ipynb"]
    assert said[-1] == "No longer there, dropped from the table: b.ipynb (96 points)"
    assert sorted(path.stem for path in (results / "feedback").iterdir()) == ["a", "b2", "c", "d"]


def test_other_points_limits_and_checks_grade_all_again(tmp_path, quick, monkeypatch):
    folder, results = tmp_path / "in", tmp_path / "out"
    put(folder, a=b"right")
    for options in ({}, {"seconds": 100}, {"points": POINTS | {"delta": 10}}):
        quick.clear()
        grade_all(folder, results, **options)
        assert quick == ["a.ipynb"]
    assert table_of(results)[0]["points (102)"] == "102"
    checks = tmp_path / "checks"
    checks.mkdir()
    monkeypatch.setattr(gradebook, "__file__", str(checks / "gradebook.py"))
    for text in "new", "newer":
        (checks / "mistakes.py").write_text(text, encoding="utf-8")
        quick.clear()
        grade_all(folder, results)
        assert quick == ["a.ipynb"]
    quick.clear()
    grade_all(folder, results)
    assert quick == []


def test_a_table_of_somebody_else_is_not_written_over(tmp_path, quick):
    put(tmp_path / "in", a=b"right")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "grades.csv").write_text("my;own", encoding="utf-8")
    with pytest.raises(ValueError, match="it has other columns"):
        grade_all(tmp_path / "in", tmp_path / "out")
    assert quick == [] and (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8") == "my;own"


def test_points_by_hand_stay_and_their_hand_ins_alone_are_graded_again(tmp_path, quick):
    folder, results = tmp_path / "in", tmp_path / "out"
    put(folder, a=b"sign", b=b"sign")
    grade_all(folder, results)
    (results / "by_hand.csv").write_text("b.ipynb,delta,7.5,\"nearly, and neat\"\n", encoding="utf-8")
    for again in ["b.ipynb"], []:
        quick.clear()
        grade_all(folder, results)
        assert quick == again and [line["delta (8)"] for line in table_of(results)] == ["4", "7.5"]


@pytest.mark.parametrize("line", ["x.ipynb,delta,7,why", "a.ipynb,tanh,7,why", "a.ipynb,delta,nan,why",
                                  "a.ipynb;delta;7"])
def test_points_by_hand_that_are_for_nobody_are_refused(tmp_path, quick, line):
    put(tmp_path / "in", a=b"right")
    put(tmp_path / "out")
    (tmp_path / "out" / "by_hand.csv").write_text(f"a.ipynb,delta,7,why\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"by_hand\.csv, line 2: expected the file of a hand-in, a blank"):
        grade_all(tmp_path / "in", tmp_path / "out")
    assert quick == [] and not (tmp_path / "out" / "grades.csv").exists()


@pytest.mark.parametrize("pattern, name, student", [
    (None, "a/b.ipynb", "a/b"), (r"^([^_]+)_(\d+)_", "Ada L_123_assignsubmission_file/x.ipynb", "Ada L 123"),
    (r"\d+", "ada-77.ipynb", "77"), (r"_(\d+)_", "ada.ipynb", "ada"), ("(x)?a", "a.ipynb", "a"),
])
def test_a_student_is_what_a_pattern_finds(pattern, name, student):
    assert student_of(name, pattern and re.compile(pattern)) == student


def test_two_hand_ins_of_a_student_and_the_same_code_are_remarked(tmp_path, quick, monkeypatch):
    folder, results = tmp_path / "in", tmp_path / "out"
    monkeypatch.setattr(gradebook, "own_code", lambda content: "" if content == b"none" else content.decode())
    put(folder, ada_1=b"right", ada_2=b"sign", ben_1=b"sign", cyd_1=b"none", dan_1=b"none")
    said = grade_all(folder, results, pattern=re.compile("^([a-z]+)_"))
    assert said[9:] == ["More than one hand-in: ada", "The same code: ada_2.ipynb, ben_1.ipynb"]
    assert [(line["student"], line["same code as"]) for line in table_of(results)] == [
        ("ada", ""), ("ada", "ben_1.ipynb"), ("ben", "ada_2.ipynb"), ("cyd", ""), ("dan", "")]
    (folder / "ada_2.ipynb").unlink()
    grade_all(folder, results)
    assert [(line["student"], line["same code as"]) for line in table_of(results)] == [
        (f"{name}_1", "") for name in ("ada", "ben", "cyd", "dan")]


def test_what_cannot_be_read_is_empty(tmp_path):
    put(tmp_path / "in", a=EMPTY)
    with (tmp_path / "in" / "huge.ipynb").open("wb") as file:
        file.truncate(60_000_000)
    assert hand_ins(tmp_path / "in") == ({"a.ipynb": EMPTY, "huge.ipynb": b""}, [])


def test_no_spreadsheet_takes_a_name_for_a_formula():
    assert [plain_cell(text) for text in ("=1", "+1", "@x", "a=1")] == ["'=1", "'+1", "'@x", "a=1"]


# ---- the command


@pytest.mark.parametrize("arguments, says", [
    (["grade", "nowhere"], "nowhere: expected a folder of hand-ins"), (["grade", "empty"], "there is none"),
    (["grade", "full", "--to", "full/results"], "expected a folder that is not among the hand-ins"),
])
def test_a_command_that_cannot_be_done_says_why(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.pdf").write_bytes(b"")
    put(tmp_path / "full", a=b"x")
    assert says in __main__.main(arguments)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.ipynb", "empty", "full", "x.pdf"]


@pytest.mark.parametrize("arguments, says", [
    (["--points", "tanh=3"], "expected BLANK=POINTS with one of sigmoid"), (["--points", "delta=-1"], "BLANK=POINTS"),
    (["--seconds", "0"], "a whole number above 0"), (["--memory", "much"], "a whole number above 0"),
    (["--student", "("], "expected a regular expression"), (["--at-once", "0"], "a whole number above 0"),
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


def test_other_points_are_those_of_the_table_and_what_they_add_up_to_is_told(tmp_path, capsys, quick):
    put(tmp_path / "in", a=b"right")
    assert __main__.main(["grade", str(tmp_path / "in"), "--points", "gradient check=0", "delta=4.5"]) == 0
    said = capsys.readouterr().out
    assert "The points add up to 84.5." in said and "1 graded now" in said and "Hand-ins: 1. points (84.5): 84" in said
    assert "gradient check (0)" in table_of(tmp_path / "in_graded")[0]


def test_make_hands_options_on():
    make = subprocess.run(["make", "-n", "grade", "HANDINS=a folder", 'OPTIONS=--points "gradient check=0"'],
                          cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert '--points "gradient check=0"' in make.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process")
def test_after_ctrl_c_nothing_graded_is_lost_and_the_next_call_goes_on(tmp_path):
    folder, table = tmp_path / "in", tmp_path / "in_graded" / "grades.csv"
    sleeping = (b'{"cells": [{"cell_type": "code", "source": "import os, time\\nopen(\'' +
                str(tmp_path / "x").encode() + b'\')\\ntime.sleep(10**6)\\ndef forward(): pass"}]}')
    put(folder, a=b"x", b=sleeping.replace(b"open", b"0 and open"))
    command = [sys.executable, "-m", "mlplib.practice", "grade", str(folder), "--seconds", "3600"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored, in a parent's background
    child = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    try:
        while not table.exists() or "a.ipynb" not in table.read_text(encoding="utf-8-sig"):
            assert child.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 130 and "Stopped after 1 of 2." in said
    put(folder, b=b"y")
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 graded now" in done.stdout
    assert [line["file"] for line in table_of(table.parent)] == ["a.ipynb", "b.ipynb"]
