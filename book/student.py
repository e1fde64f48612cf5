"""Make the student version of the exercise notebook from the solution version: what `make student` calls.

`student.py PYTHON` names the interpreter that has nbgrader, whose ClearSolutions empties the blanks.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import nbformat

from mlplib.practice import BLANKS

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = ROOT / "notebooks" / "solutions" / "implement.md"
STUDENT = ROOT / "notebooks" / "exercises" / "implement.md"
KEPT = ROOT / "_build" / "student"
# Cells need no metadata of nbgrader's: readers would carry it about, and nothing asks for it.
CLEAR = """
import sys
import nbformat
from nbgrader.preprocessors import ClearSolutions
clear = ClearSolutions(enforce_metadata=False, code_stub={"python": "raise NotImplementedError"})
notebook, _ = clear.preprocess(nbformat.reads(sys.stdin.read(), as_version=4), {})
print(nbformat.writes(notebook))
"""


def fault(text):
    """What is wrong with the solution version's marks or functions, in a sentence; or None."""
    function, begun, solved = "the top", None, set()
    for number, line in enumerate(text.splitlines(), start=1):
        mark = line.strip()
        if begun and mark in {"### BEGIN SOLUTION", "```"}:
            return f"{begun}: ### BEGIN SOLUTION has no ### END SOLUTION below it"
        if mark == "### END SOLUTION" and not begun:
            return f"line {number}, {function}: ### END SOLUTION has no ### BEGIN SOLUTION above it"
        if mark == "### BEGIN SOLUTION":
            begun = f"line {number}, {function}"
            solved.add(function)
        elif mark == "### END SOLUTION":
            begun = None
        elif found := re.match(r"def (\w+)\(", line):
            function = found[1]
    wanted = [call.split("(")[0] for blank in BLANKS.values() for call in blank.signatures]
    missing = [name for name in wanted if name not in solved]
    if missing:
        return (f"no solution of {', '.join(missing)}: the end of the notebook and the grading ask for all eight "
                "blanks. Leave the section, and give it 0 points")
    return None


def student_version(python):
    """The text of the student version: what stands between BEGIN SOLUTION and END SOLUTION is to be written."""
    text = SOLUTION.read_text(encoding="utf-8")
    if said := fault(text):
        raise RuntimeError(f"{SOLUTION.name}, {said}.")
    done = subprocess.run([python, "-c", CLEAR], input=nbformat.writes(jupytext.reads(text, fmt="md:myst")), text=True,
                          encoding="utf-8", capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"nbgrader found a fault in {SOLUTION.name}:\n{done.stderr}")
    return jupytext.writes(nbformat.reads(done.stdout, as_version=4), fmt="md:myst")


def sources(file):
    """The cells of one side of a pair."""
    return [cell.source for cell in jupytext.read(file).cells]


def make(text):
    """Put a text in place of the student version and run it, or leave all as it was; what was kept of it, in words.

    What somebody has written into the notebook goes into a folder of its own first: nobody can say whether it is an
    earlier version or an afternoon's work.
    """
    pair = [STUDENT, STUDENT.with_suffix(".ipynb")]
    cells = [cell.source for cell in jupytext.reads(text, fmt="md:myst").cells]
    said, before = "", {file: file.read_bytes() for file in pair if file.exists()}
    if any(sources(file) != cells for file in before):
        kept = KEPT / time.strftime("%Y-%m-%d_%H.%M.%S")
        kept.mkdir(parents=True)
        for file in before:
            shutil.copy2(file, kept)
        said = f"It was otherwise before: what stood there is in {os.path.relpath(kept)}, until `make clean`.\n"
    try:
        STUDENT.write_text(text, encoding="utf-8")  # newer than the notebook, so that it is not taken for unsaved
        subprocess.run([sys.executable, ROOT / "book" / "execute.py", STUDENT], check=True)
    except BaseException:
        for file, content in before.items():
            file.write_bytes(content)
        raise
    return said


if __name__ == "__main__":
    try:
        print(make(student_version(sys.argv[1])) + f"{STUDENT.relative_to(ROOT)} and its notebook were made anew.")
    except RuntimeError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError:
        sys.exit(f"The student version does not run, so {STUDENT.relative_to(ROOT)} is as it was.")
