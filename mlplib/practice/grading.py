"""Points for hand-ins of the exercise notebook: a folder of them in, a table and a file for each student out."""

import contextlib
import csv
import hashlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from mlplib import files
from mlplib.practice.checking import BLANKS
from mlplib.practice.handins import LARGEST_FILE, cells_of, from_json

#: What each blank is worth; a hundred in all.
POINTS = {"sigmoid": 8, "softmax": 12, "forward": 12, "delta": 8, "backward": 20, "gradient check": 12, "momentum": 8,
          "training": 20}
#: What share of them a blank has whose mistake the check can name.
NAMED_SHARE = 0.5
TRIES = 12  # of a hand-in that hangs or crashes again and again
STARTING = 60  # seconds more, on a busy machine
LONGEST_LINE = 10_000_000  # characters of one answer of a hand-in's process
TABLE = "grades.csv"


class Grade(NamedTuple):
    """What a hand-in has got.

    Attributes
    ----------
    name : str
        Of its file, as seen from the folder.
    digest : str
        Of its content.
    points : dict from str to float
        By blank.
    mistakes : list of str
        The names of those that are known, each behind its blank.
    remarks : list of str
        What else there is to tell, in sentences.
    feedback : str
        For the student.
    """

    name: str
    digest: str
    points: dict
    mistakes: list
    remarks: list
    feedback: str


# ---- one hand-in


def grade(name, content, points=POINTS, seconds=30.0, memory=2 * 2**30):
    """Grade one hand-in, in processes of its own.

    Parameters
    ----------
    name : str
    content : bytes
        Of its file.
    points : dict from str to float
        What each blank is worth.
    seconds : float
        How long a cell may run, and a check. Of what takes longer, or ends its process, the rest is graded without it.
    memory : int
        How much a process may take, in bytes, where the system can limit it.

    Returns
    -------
    Grade
    """
    digest = hashlib.sha256(content).hexdigest()[:16]
    try:
        if not content:
            raise ValueError(f"This file is empty, cannot be read, or is larger than {LARGEST_FILE / 1e6:g} MB.")
        cells = cells_of(content)
    except ValueError as error:
        return Grade(name, digest, dict.fromkeys(points, 0), [], [str(error)], f"{name}: 0 points. {error}\n")
    said, remarks = observed(cells, seconds, memory)
    earned, mistakes, parts = {}, [], []
    for blank, most in points.items():
        answer, sentence = said[blank]
        earned[blank] = 0
        if answer is not None:
            sentence = f"{answer!r}\n" + (f"A hint: {answer.hint}\n" if answer.hint else "")
            earned[blank] = most if answer.right else NAMED_SHARE * most if answer.mistake else 0
            mistakes += [f"{blank}: {answer.mistake}"] if answer.mistake else []
        else:
            remarks.append(f"{blank}: {sentence}")
        parts.append(f"{blank}: {earned[blank]:g} of {most:g} points\n{sentence.rstrip()}\n")
    total = f"{name}: {sum(earned.values()):g} of {sum(points.values()):g} points\n"
    notes = [f"{remark}\n" for remark in remarks if remark.startswith("Cell")]
    return Grade(name, digest, earned, mistakes, remarks, "\n".join([total, *notes, *parts]))


def observed(cells, seconds, memory):
    """Answers by blank, or a sentence why there is none; and what cells raised, in sentences."""
    said, remarks, broken = {}, {}, set()
    for _ in range(TRIES):
        left = [blank for blank in BLANKS if blank not in said]
        step = None
        task = {"cells": [cell for cell in cells if cell.number not in broken], "blanks": left, "memory": memory}
        with process(task) as (messages, ended):
            try:
                while step != "end":
                    message = json.loads(messages.get(timeout=seconds + STARTING * (step is None)))
                    step = str(message["step"])
                    if message.get("said"):
                        (said if step in BLANKS else remarks)[step] = (
                            (None, str(message["said"])[:500]) if step in BLANKS else str(message["said"])[:500])
                    elif "seen" in message:
                        said[step] = BLANKS[step].judge(from_json(message["seen"])), ""
                break
            except queue.Empty:
                why = f"did not end within {seconds:g} s"
            except (ValueError, KeyError, TypeError, AttributeError):
                why = ended()
        if step in BLANKS:
            said[step] = None, f"The function {why}."
        elif step is not None and step.startswith("cell "):
            broken.add(int(step.removeprefix("cell ")))
            remarks[step] = f"{step.capitalize()} {why}; it was left out."
        else:
            remarks[""] = f"The process {why}."
            break
    missing = None, "It could not be looked at, because the hand-in hangs or crashes elsewhere."
    return {blank: said.get(blank, missing) for blank in BLANKS}, list(remarks.values())


@contextlib.contextmanager
def process(task):
    """The process of a hand-in in an empty folder: a queue of its lines, and a function that says how it ended."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        library = str(Path(__file__).parents[2])
        paths = os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])])
        settings = {"PYTHONPATH": paths, "TMPDIR": folder, "MPLCONFIGDIR": folder, "MPLBACKEND": "agg",
                    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        child = subprocess.Popen([sys.executable, "-m", "mlplib.practice.handins"], cwd=folder, text=True,
                                 encoding="utf-8", errors="replace", env=os.environ | settings, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        messages = queue.Queue(maxsize=100)
        stopped = threading.Event()

        def read():
            for line in iter(lambda: child.stdout.readline(LONGEST_LINE), ""):
                while not stopped.is_set():
                    with contextlib.suppress(queue.Full):
                        messages.put(line, timeout=0.1)
                        break
                if stopped.is_set():
                    return
            messages.put("")

        def ended():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = child.wait(timeout=5)
                cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
                return f"ended its process ({cause})"
            return "answered what is no answer"

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                json.dump(task, child.stdin)
                child.stdin.close()
            yield messages, ended
        finally:
            stopped.set()
            end(child)
            reader.join(timeout=5)
            child.stdout.close()


def end(child):
    """End a process and those that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()
    child.wait()


# ---- a folder of them


def hand_ins(folder):
    """Names and contents of all files in a folder and those below it, without hidden ones; read before any is run.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict from str to bytes
        What is too large, or cannot be read, is empty.

    Raises
    ------
    ValueError
        If there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of hand-ins")
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            found[name.as_posix()] = b""
            with contextlib.suppress(OSError):
                if path.stat().st_size <= LARGEST_FILE:
                    found[name.as_posix()] = path.read_bytes()
    if not found:
        raise ValueError(f"{folder}: expected hand-ins in it, one file for each student; it is empty")
    return found


def header(points):
    """The first line of the table."""
    return ["name", f"points ({sum(points.values()):g})", *(f"{blank} ({most:g})" for blank, most in points.items()),
            "mistakes", "remarks", "digest"]


def plain_cell(text):
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def row(graded):
    """The line of the table for a hand-in."""
    got = graded.points.values()
    return [plain_cell(graded.name), f"{sum(got):g}", *(f"{each:g}" for each in got), "; ".join(graded.mistakes),
            " ".join(graded.remarks), graded.digest]


def rows_of(table, points):
    """The lines of a table that is there already, by name and digest.

    Raises
    ------
    ValueError
        If it is not one that was made with these points.
    """
    if not table.exists():
        return {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        first, *lines = [*csv.reader(file)] or [[]]
    if first != header(points) or any(len(line) != len(first) for line in lines):
        raise ValueError(f"{table}: expected a table of these points, as this command wrote it; it has other columns. "
                         "Name another folder for the results, or move it away")
    return {(line[0], line[-1]): line for line in lines}


def grade_all(folder, results, points=POINTS, **limits):
    """Grade what is new or has changed in a folder, and write the table after each hand-in.

    Parameters
    ----------
    folder, results : Path
        Of the hand-ins; for the table, `grades.csv`, and the folder `feedback`.
    points : dict from str to float
    **limits
        `seconds` and `memory` of `grade`.

    Yields
    ------
    int
        How many there are to grade, first.
    Grade
        Each, once it is in the table.

    Raises
    ------
    ValueError
        If the folder is none, or the table is another one.
    """
    found = hand_ins(folder)
    table = results / TABLE
    lines = rows_of(table, points)
    digests = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in found.items()}
    new = [name for name in found if (plain_cell(name), digests[name]) not in lines]
    by_name = {line[0]: line for line in lines.values()}
    yield len(new)
    for name in new:
        graded = grade(name, found[name], points, **limits)
        by_name[plain_cell(name)] = row(graded)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header(points), *(by_name[each] for each in sorted(by_name))])
        files.put_in_place(results / "feedback" / f"{name}.txt", graded.feedback.encode())
        files.put_in_place(table, text.getvalue().encode("utf-8-sig"))
        yield graded
