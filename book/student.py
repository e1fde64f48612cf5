"""Make the student version of the exercise notebook from the solution version: what `make student` calls.

`student.py PYTHON` names the interpreter that has nbgrader, whose ClearSolutions empties the blanks.
"""

import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = ROOT / "notebooks" / "solutions" / "implement.md"
STUDENT = ROOT / "notebooks" / "exercises" / "implement.md"
# Cells need no metadata of nbgrader's: readers would carry it about, and nothing asks for it.
CLEAR = """
import sys
import nbformat
from nbgrader.preprocessors import ClearSolutions
clear = ClearSolutions(enforce_metadata=False, code_stub={"python": "raise NotImplementedError"})
notebook, _ = clear.preprocess(nbformat.reads(sys.stdin.read(), as_version=4), {})
print(nbformat.writes(notebook))
"""


def student_version(python):
    """The text of the student version: what stands between BEGIN SOLUTION and END SOLUTION is to be written."""
    notebook = jupytext.read(SOLUTION)
    done = subprocess.run([python, "-c", CLEAR], input=nbformat.writes(notebook), text=True, encoding="utf-8",
                          capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"nbgrader found a fault in {SOLUTION.name}:\n{done.stderr}")
    return jupytext.writes(nbformat.reads(done.stdout, as_version=4), fmt="md:myst")


if __name__ == "__main__":
    try:
        text = student_version(sys.argv[1])
    except RuntimeError as error:
        sys.exit(str(error))
    if text == STUDENT.read_text(encoding="utf-8"):
        print(f"{STUDENT.relative_to(ROOT)} is up to date.")
    else:
        STUDENT.write_text(text, encoding="utf-8")
        print(f"{STUDENT.relative_to(ROOT)} was made anew.")
