"""A class: a folder of hand-ins in, a table, a summary and a file for each student out."""

import asyncio
import csv
import hashlib
import io
import json
import statistics
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path, PurePosixPath

from mlplib import files
from mlplib.practice.grading import POINTS, grade
from mlplib.practice.handins import LARGEST_FILE, own_code

TABLE, SUMMARY, FEEDBACK, BY_HAND = "grades.csv", "class.txt", "feedback", "by_hand.csv"
BEFORE, AFTER = ["student", "file"], ["mistakes", "remarks", "same code as", "digest"]


def hand_ins(folder):
    """Names and contents of all notebooks in a folder and those below it, without hidden ones; read before any is run.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    found : dict from str to bytes
        What is too large, or cannot be read, is empty.
    others : list of str
        The names of files that are no notebooks.

    Raises
    ------
    ValueError
        If there is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of hand-ins")
    found, others = {}, []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith((".", "__MACOSX")) for part in name.parts):
            continue
        if path.suffix.lower() != ".ipynb":
            others.append(name.as_posix())
            continue
        found[name.as_posix()] = b""
        with suppress(OSError):
            if path.stat().st_size <= LARGEST_FILE:
                found[name.as_posix()] = path.read_bytes()
    if not found:
        raise ValueError(f"{folder}: expected hand-ins in it, a notebook (.ipynb) for each student; there is none")
    return found, others


def student_of(name, pattern=None):
    """Whose hand-in a file is: the groups of a pattern in its name, or the name without its ending."""
    found = pattern.search(name) if pattern else None
    return " ".join(filter(None, found.groups())) or found[0] if found else str(PurePosixPath(name).with_suffix(""))


def same_code(found):
    """The names of other hand-ins with the same code in their functions, by the name of each; none for empty blanks."""
    by_code = defaultdict(list)
    for name, content in found.items():
        by_code[own_code(content)].append(name)
    return {name: [other for other in by_code[own_code(content)] if other != name] if own_code(content) else []
            for name, content in found.items()}


def rules(points, limits):
    """A digest of all that grades depend on beside the hand-ins: points, limits and the checks themselves."""
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(json.dumps([points, limits]).encode() + code).digest()


def header(points):
    """The first line of the table."""
    return [*BEFORE, f"points ({sum(points.values()):g})", *(f"{blank} ({most:g})" for blank, most in points.items()),
            *AFTER]


def plain_cell(text):
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def lines_of(table):
    """The lines of a table that is there already, as dicts, by file.

    Raises
    ------
    ValueError
        If this command has not written it.
    """
    if not table.exists():
        return {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        first, *lines = [*csv.reader(file)] or [[]]
    if first[:2] != BEFORE or first[-len(AFTER):] != AFTER or any(len(line) != len(first) for line in lines):
        raise ValueError(f"{table}: expected a table as this command wrote it; it has other columns. Name another "
                         "folder for the results, or move it away")
    return {line[1]: dict(zip(first, line)) for line in lines}


def feedback_file(results, name):
    """Where a student's feedback stands: under the name of the hand-in, in the same folders."""
    return results / FEEDBACK / PurePosixPath(name).with_suffix(".txt")


def summary(lines, points):
    """The class by blank, in lines: how many have it right, and which mistakes were made, the most common first."""
    total, *columns = header(points)[len(BEFORE) : -len(AFTER)]
    totals = [float(line[total]) for line in lines]
    mistakes = Counter(mistake for line in lines for mistake in line["mistakes"].split("; "))
    middle = statistics.median(totals)
    said = [f"Hand-ins: {len(lines)}. {total}: {min(totals):g} to {max(totals):g}, in the middle {middle:g}"]
    for (blank, most), column in zip(points.items(), columns):
        n_right = sum(float(line[column]) == most for line in lines)
        made = [f"{count} × {mistake.removeprefix(f'{blank}: ')}" for mistake, count in mistakes.most_common()
                if mistake.startswith(f"{blank}: ")]
        said.append(f"{blank:15} {n_right:3} right" + (f"; {', '.join(made)}" if made else ""))
    return said


async def each_graded(new, found, points, by_hand, limits, at_once, keep):
    """Grade hand-ins, some beside each other, and hand on each as soon as it is done."""
    free = asyncio.Semaphore(at_once)

    async def one(name):
        async with free:
            return await grade(name, found[name], points, by_hand=by_hand[name], **limits)

    for graded in asyncio.as_completed([asyncio.create_task(one(name)) for name in new]):
        keep(await graded)


def points_by_hand(file, points, found):
    """What a teacher has written down, if anything: points and why, by hand-in and blank.

    Raises
    ------
    ValueError
        If a line names no hand-in or no blank, or has no number.
    """
    given = defaultdict(dict)
    if file.exists():
        with file.open(encoding="utf-8-sig", newline="") as opened:
            for number, line in enumerate(csv.reader(opened), start=1):
                try:
                    name, blank, value, why = line
                    if name not in found or blank not in points or not value.replace(".", "", 1).isdigit():
                        raise ValueError
                    given[name][blank] = float(value), why
                except ValueError:
                    raise ValueError(f"{file}, line {number}: expected the file of a hand-in, a blank, points and why, "
                                     f"for instance {min(found)},delta,6,a slip; got {','.join(line)}") from None
    return given


def grade_all(folder, results, points=POINTS, pattern=None, at_once=2, begun=lambda n_new: None,
              done=lambda graded: None, **limits):
    """Grade what is new or has changed in a folder, or would be graded otherwise now; the table is written after each.

    Parameters
    ----------
    folder, results : Path
        Of the hand-ins; for the table, `grades.csv`, the summary, `class.txt`, and the folder `feedback`. There a
        teacher may give points in `by_hand.csv`.
    points : dict from str to float
    pattern : re.Pattern or None
        Its groups in the name of a file are the student.
    at_once : int
        How many are graded beside each other.
    begun, done : callable
        Are told how many there are to grade, and each Grade once it is in the table.
    **limits
        `seconds` and `memory` of `grade`.

    Returns
    -------
    list of str
        The summary, by lines.

    Raises
    ------
    ValueError
        If the folder is none, or the table is another one.
    """
    found, others = hand_ins(folder)
    before, key = lines_of(results / TABLE), rules(points, limits)
    by_hand = points_by_hand(results / BY_HAND, points, found)
    digests = {name: hashlib.sha256(key + repr(by_hand[name]).encode() + content).hexdigest()[:16]
               for name, content in found.items()}
    lines = {name: before[plain_cell(name)] for name in found
             if before.get(plain_cell(name), {}).get("digest") == digests[name]}
    gone = [line for name, line in before.items() if name not in map(plain_cell, found)]
    twins, columns = same_code(found), header(points)
    students = {name: student_of(name, pattern) for name in found}

    def write():
        for name, line in lines.items():
            line |= {"student": plain_cell(students[name]), "same code as": plain_cell(", ".join(twins[name]))}
        text = io.StringIO()
        table = csv.DictWriter(text, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(sorted(lines.values(), key=lambda line: (line["student"], line["file"])))
        files.put_in_place(results / TABLE, text.getvalue().encode("utf-8-sig"))

    def keep(graded):
        got = graded.points
        values = [sum(got.values()), *got.values()]
        lines[graded.name] = dict(zip(columns, [
            "", plain_cell(graded.name), *(f"{value:g}" for value in values), "; ".join(graded.mistakes),
            plain_cell(" ".join(graded.remarks)), "", digests[graded.name]]))
        files.put_in_place(feedback_file(results, graded.name), graded.feedback.encode())
        write()
        done(graded)

    write()
    for line in gone:
        feedback_file(results, line["file"]).unlink(missing_ok=True)
    new = [name for name in found if name not in lines]
    begun(len(new))
    asyncio.run(each_graded(new, found, points, by_hand, limits, at_once, keep))
    said = summary(list(lines.values()), points)
    more = Counter(students.values())
    said += [f"More than one hand-in: {student}" for student in sorted(more) if more[student] > 1]
    said += [f"The same code: {', '.join([name, *twins[name]])}" for name in twins
             if twins[name] and name < min(twins[name])]
    said += [f"No notebook, not graded: {name}" for name in others]
    said += [f"No longer there, dropped from the table: {line['file']} ({[*line.values()][len(BEFORE)]} points)"
             for line in gone]
    files.put_in_place(results / SUMMARY, "\n".join([*said, ""]).encode())
    return said
