"""What `make mistakes` and `make grade` do: make each mistake, and grade a folder of hand-ins."""

import argparse
import os
import re
import sys
from pathlib import Path

from mlplib.practice.checking import BLANKS, confusion
from mlplib.practice.gradebook import FEEDBACK, SUMMARY, TABLE, grade_all
from mlplib.practice.grading import MEMORY, NAMED_SHARE, POINTS, SECONDS


def mistakes():
    """Print a table for each blank, and whether all of them are the identity.

    Returns
    -------
    int
        0 if they are.
    """
    right, number = True, 0
    for blank in BLANKS.values():
        rows = confusion(blank)
        identity = [[row == column for column in range(len(rows))] for row in range(len(rows))]
        solved = blank.answer(*blank.reference).right
        right, number = right and solved and rows == identity, number + len(rows)
        print(f"\n{blank.name}: {len(rows)} mistakes; what is right is {'told so' if solved else 'NOT TOLD SO'}")
        for row, name in zip(rows, blank.mistakes):
            print(" ", "".join("■" if told else "·" for told in row), "", name)
    print(f"\n{number} mistakes, a row for each; a column for each answer, in the same order.")
    print("Each mistake gets its own name and no other's: the table is the identity." if right else
          "The table is NOT the identity.")
    return 0 if right else 1


def grade_folder(options):
    """Grade a folder, with a progress bar.

    Returns
    -------
    int
        0 if all is graded; 130 after Ctrl-C, as shells have it.
    """
    from tqdm import tqdm

    folder, points = options.folder.resolve(), POINTS | dict(options.points)
    results = (options.to or folder.with_name(f"{folder.name}_graded")).resolve()
    if results.is_relative_to(folder):
        raise ValueError(f"{results}: expected a folder that is not among the hand-ins")
    if sum(points.values()) != sum(POINTS.values()):
        print(f"The points add up to {sum(points.values()):g}.")
    with tqdm(unit=" hand-in", disable=None) as bar:
        done = []

        def told(graded):
            done.append(graded)
            bar.write(f"{sum(graded.points.values()):5g}  {graded.name}" + "".join(
                f"\n       {remark}" for remark in graded.remarks))
            bar.update()

        try:
            said = grade_all(folder, results, points, options.student, options.at_once, bar.reset, told,
                             seconds=options.seconds, memory=options.memory * 2**20)
        except KeyboardInterrupt:
            print(f"Stopped after {len(done)} of {bar.total}. They are in the table; the same command goes on with the "
                  "others.")
            return 130
    print("", *said, "", f"{len(done)} graded now. In {os.path.relpath(results)}: {TABLE}, the table; {SUMMARY}, the "
          f"lines above; {FEEDBACK}, a file for each student", sep="\n")
    return 0


def worth(text):
    """BLANK=POINTS, as a pair."""
    name, _, points = text.rpartition("=")
    if name not in POINTS or not points.replace(".", "", 1).isdigit():
        raise argparse.ArgumentTypeError(f"expected BLANK=POINTS with one of {', '.join(POINTS)}, got {text}")
    return name, float(points)


def pattern(text):
    """A regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"expected a regular expression, got {text}: {error}") from None


def positive(text):
    """A number above 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return int(text)


def main(arguments=None):
    """Run the command of the command line.

    Returns
    -------
    int or str
        For `sys.exit`.
    """
    parser = argparse.ArgumentParser(prog="python -m mlplib.practice",
                                     description="For teachers: the exercise notebook.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("mistakes", help="make each mistake, and print which one it is taken for")
    command = commands.add_parser(
        "grade", help="grade a folder of hand-ins",
        description="Runs the functions of each hand-in in a process of its own, with limits, and writes a table, a "
        "summary of the class, and a file for each student. A second call grades what is new or has changed, and all "
        "where points, limits or checks have.",
        epilog="Points: " + ", ".join(f"{name} {most}" for name, most in POINTS.items()) +
        f"; for a mistake that the check can name, {NAMED_SHARE:.0%} of them, if something comes out of the function. "
        "A hand-in that does harm is held back as far as Python can; run those of strangers in a container, or under "
        "an account of its own.")
    command.add_argument("folder", type=Path, help="one notebook for each student, in folders or not")
    command.add_argument("--to", type=Path, metavar="FOLDER",
                         help="for the results; by default FOLDER_graded, beside it")
    command.add_argument("--points", type=worth, nargs="+", default=[], metavar="BLANK=POINTS",
                         help='other points, for instance --points backward=30 "gradient check=0"')
    command.add_argument("--student", type=pattern, metavar="PATTERN",
                         help="a regular expression: what its groups find in the name of a file is the student, for "
                         r"instance --student '^([^_]+)_(\d+)_'; by default the name itself")
    command.add_argument("--seconds", type=positive, default=SECONDS,
                         help="that a hand-in may take, and a cell or a check a sixth of it (default: %(default)s)")
    command.add_argument("--memory", type=positive, default=MEMORY // 2**20,
                         help="MiB that a hand-in may take (default: %(default)s)")
    command.add_argument("--at-once", type=positive, default=2,
                         help="how many are graded beside each other (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        return mistakes() if options.command == "mistakes" else grade_folder(options)
    except (ValueError, OSError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
